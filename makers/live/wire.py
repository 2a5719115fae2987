"""What a worker and the exchange say to each other beside the commands of a cycle, as it is on the wire."""

from typing import TypeAlias

import msgspec

from amm.brain.arithmetic import Cents, Ms
from makers.cycle.commands import Command
from makers.cycle.cycle import Counts, Ending
from makers.cycle.lease import Lease
from makers.quoter.terms import STRATEGY
from makers.venues import steps
from makers.venues.venue import Asset

TOPIC = "mm_work_events"


# What is asked.


class Due(msgspec.Struct, frozen=True, tag_field="op", tag="mm_due"):
    """Where is something due?"""


class Acquire(msgspec.Struct, frozen=True, kw_only=True, tag_field="op", tag="mm_acquire"):
    market_id: str
    worker_id: str
    limit: int
    venues: tuple[str, ...] = ()
    """Elsewhere, at which the worker can quote."""
    strategies: tuple[str, ...] = (STRATEGY,)


class Renew(msgspec.Struct, frozen=True, kw_only=True, tag_field="op", tag="mm_renew"):
    order_id: str
    worker_id: str
    fence: int
    token: str


class Release(msgspec.Struct, frozen=True, kw_only=True, tag_field="op", tag="mm_release"):
    order_id: str
    worker_id: str
    fence: int
    token: str
    outcome: Ending
    counts: Counts
    error: str | None = None
    equity_cents: Cents | None = None
    """What the order is worth at the venue at which it quotes."""


class VenueDue(msgspec.Struct, frozen=True, kw_only=True, tag_field="op", tag="mm_venue_due"):
    """Whose money is on its way to a venue or back, or is to be?"""

    venue: str
    after: str | None = None
    """The last order of the page before."""


class VenueStep(msgspec.Struct, frozen=True, kw_only=True, tag_field="op", tag="mm_venue"):
    """What a worker is about to do at a venue, or what came of it."""

    order_id: str
    worker_id: str
    direction: steps.Direction
    step: steps.Step
    leg: Asset | None = None
    """None where it is about the whole order."""
    attempt: int = 1
    tx_id: str | None = None
    amount: int | None = None


class Subscribe(msgspec.Struct, frozen=True, tag_field="op", tag="subscribe"):
    topics: tuple[str, ...] = (TOPIC,)
    scope: str = "own"


class Authenticate(msgspec.Struct, frozen=True, tag_field="op", tag="auth"):
    token: str


class Ping(msgspec.Struct, frozen=True, tag_field="op", tag="ping"):
    pass


Request: TypeAlias = (
    Command | Due | Acquire | Renew | Release | VenueDue | VenueStep | Subscribe | Authenticate | Ping
)


# What is answered.


class DueMarket(msgspec.Struct, frozen=True):
    market_id: str
    due: int
    """How many orders may begin their next cycle."""
    next_due_at_ms: Ms | None = None


class DueMarkets(msgspec.Struct, frozen=True):
    items: list[DueMarket]


class Leases(msgspec.Struct, frozen=True):
    leases: list[Lease]
    more: bool
    """Others are due there."""
    next_due_at_ms: Ms | None = None


class Moving(msgspec.Struct, frozen=True):
    """An order that a worker has to do something about at its venue."""

    order_id: str
    market_id: str
    task: steps.Task
    legs: list[steps.Leg]


class MovingOrders(msgspec.Struct, frozen=True):
    items: list[Moving]
    more: bool


class Stepped(msgspec.Struct, frozen=True):
    leg: steps.Leg | None
    """As it is now, which need not be where the step led."""
    legs: list[steps.Leg]


class ServerTime(msgspec.Struct, frozen=True):
    server_time_ms: Ms


# What is told.


class Result(msgspec.Struct, frozen=True, tag_field="t", tag="result"):
    cid: int
    ok: bool
    code: int
    data: msgspec.Raw = msgspec.Raw(b"null")
    message: str = ""


class Hint(msgspec.Struct, frozen=True):
    """Something will be due there; or it is already, if that is over."""

    market_id: str
    due_at_ms: Ms


class Told(msgspec.Struct, frozen=True, tag_field="t", tag="event"):
    data: Hint


class StreamLimits(msgspec.Struct, frozen=True):
    max_in_flight: int


class Hello(msgspec.Struct, frozen=True, tag_field="t", tag="hello"):
    server_time_ms: Ms
    limits: StreamLimits


class Heartbeat(msgspec.Struct, frozen=True, tag_field="t", tag="heartbeat"):
    pass


class Problem(msgspec.Struct, frozen=True, tag_field="t", tag="error"):
    code: int
    message: str


Message: TypeAlias = Result | Told | Hello | Heartbeat | Problem
decode = msgspec.json.Decoder(Message | list[Message]).decode
