"""What the caller tells the strategy. Time is not among it: that arrives with every call."""

from typing import TypeAlias

import msgspec

from amm.brain.arithmetic import Cents, Ms, Uc
from amm.brain.config import Config
from amm.brain.quoting.inventory import Fill
from amm.brain.wire import BookUpdate, Data, Event, MarketStatus, StopMode


class Frame(msgspec.Struct, frozen=True):
    """All private events of one journal id for this market, in their order."""

    seq: int
    events: tuple[Event, ...]


class Delivered(msgspec.Struct, frozen=True):
    """Everything for this market up to this journal id has been delivered (a heartbeat, or later events)."""

    seq: int


class Polled(msgspec.Struct, frozen=True):
    """Own trades read over REST, where there is no stream: the trade id alone says what is new."""

    fills: tuple[Fill, ...]


class Book(msgspec.Struct, frozen=True):
    update: BookUpdate


class Answer(msgspec.Struct, frozen=True):
    """The result of one of our commands. `data` has the shape that `amm.brain.wire` names, or is None."""

    ref: int
    code: int
    seq: int
    data: Data | None = None

    @property
    def ok(self) -> bool:
        return self.code == 0


class Pong(msgspec.Struct, frozen=True):
    """The connection answered a ping."""

    round_trip_ms: Ms


class Disconnected(msgspec.Struct, frozen=True):
    """The command connection is gone: what was sent may or may not have happened."""


class Connected(msgspec.Struct, frozen=True):
    """There is a connection again, with the guard set. Not resumed means that events may be lost."""

    blind_ms: Ms
    resumed: bool


class Lost(msgspec.Struct, frozen=True):
    """An event is missing for good (a hole in the connection's count)."""


class SteppedBack(msgspec.Struct, frozen=True):
    """The exchange's journal ends before what it has told us: what we know of it may never have been."""

    heard_seq: int
    seq: int


class Reference(msgspec.Struct, frozen=True):
    """The price of an outside feed."""

    price: Uc


class ReferenceAwaited(msgspec.Struct, frozen=True):
    """An outside feed is asked from now on: its silence counts from here."""


class EarlierPrices(msgspec.Struct, frozen=True):
    """What a process that has just ended knew of the price: this one goes on from there."""

    anchor: Uc
    posterior: Uc


class HeldPrices(msgspec.Struct, frozen=True):
    """Prices to hold in place of those that would be worked out; None is to work it out."""

    fair: Uc | None = None
    sigma: Uc | None = None


class Kill(msgspec.Struct, frozen=True):
    reason: str


class Resume(msgspec.Struct, frozen=True):
    """Leave EMERGENCY; refused while a kill condition holds, unless `override`."""

    override: bool = False


class Allocate(msgspec.Struct, frozen=True):
    """Move account cash that belongs to no market to this one, or back."""

    amount: Cents


class KnownEvents(msgspec.Struct, frozen=True):
    """The times at which news is due."""

    times: tuple[Ms, ...]


class NewConfig(msgspec.Struct, frozen=True):
    config: Config


class Stop(msgspec.Struct, frozen=True):
    """End the process's part in this market; the exchange still says RUNNING. Nothing is burned."""

    mode: StopMode = StopMode.GRACEFUL


class CashRead(msgspec.Struct, frozen=True):
    """What the exchange's own ledger says this market's cash is, allocations apart, as of a journal id."""

    seq: int
    cash: Cents


class Refunded(msgspec.Struct, frozen=True):
    """What the exchange's ledger says this market's cash is, allocations apart, now that it is void."""

    cash: Cents


class StatusSeen(msgspec.Struct, frozen=True):
    """The market's status as a query answered it (without a stream there is no event for it)."""

    status: MarketStatus
    resolution_result: str | None = None


Input: TypeAlias = (
    Frame
    | Delivered
    | Polled
    | Book
    | Answer
    | Pong
    | Disconnected
    | Connected
    | Lost
    | Reference
    | ReferenceAwaited
    | EarlierPrices
    | HeldPrices
    | Kill
    | Resume
    | Allocate
    | KnownEvents
    | NewConfig
    | Stop
    | CashRead
    | Refunded
    | SteppedBack
    | StatusSeen
)
