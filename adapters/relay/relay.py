"""The work of a relay: find out what the broker has, read the journal from there, send what is new.

There is one way to begin, after a first start, a crash, and the loss of either side: everything is found out
anew. So what is seldom done is done by what is done each time.
"""

import enum
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final, NamedTuple, Protocol

import attrs
import structlog
import trio

from adapters.relay.broker import Broker, BrokerError
from adapters.relay.letters import BEYOND, Letter, Place, letters
from adapters.runtime.errors import leaves
from kernel.events import Fact
from kernel.exchange import Exchange

log = structlog.get_logger(__name__)

POLL: Final = 0.02
"""Seconds between two looks at the journal's end."""
WAIT: Final = 1.0
"""Seconds between two attempts to have what is away."""
SENT_AT_ONCE: Final = 4_000


class Following(Protocol):
    """A copy of the exchange that follows the journal."""

    exchange: Exchange
    end: int
    """Of the journal, when it was last looked at."""

    def transactions(self, tell: Callable[[Fact, Exchange], list[Letter]]) -> AsyncIterator[list[Letter]]: ...


class Turn(Protocol):
    """The right to be the one relay of a destination."""

    async def head(self) -> int: ...

    async def following(self, journal_id: int) -> Following: ...


class Role(enum.StrEnum):
    PUBLISHING = "publishing"
    SECOND = "second"
    """Another relay publishes; this one takes over when that ends."""
    STOPPED = "stopped"
    """What it needs is away."""


@attrs.define
class Standing:
    """Where a relay is, for whoever watches it."""

    role: Role = Role.STOPPED
    why: str = "it has just been started"
    """What it waits for, if it does not publish."""
    reached: int = 0
    """Up to which row of the journal all is told."""
    end: int = 0
    """Of the journal, as it was seen last."""
    level_at: float = attrs.field(factory=time.monotonic)
    """When it had last told all that there was; at first, when it was started."""
    sent: int = 0
    failed: int = 0
    """How often the broker did not take what was sent, or could not be asked."""

    @property
    def late(self) -> float:
        """Seconds for which there has been something to tell."""
        return 0.0 if self.reached >= self.end else time.monotonic() - self.level_at


class Portion(NamedTuple):
    letters: list[Letter]
    reached: Place
    is_all: bool
    """Whether it was all that there was to tell when it was read."""


@attrs.define(eq=False)
class Relay:
    """One destination, and the journal it is told from."""

    turn: Callable[[], AbstractAsyncContextManager[Turn | None]]
    """None where another relay has it."""
    connected: Callable[[], AbstractAsyncContextManager[Broker]]
    since: int | None
    """The row behind which a new destination begins; None is the journal's end."""
    unavailable: tuple[type[Exception], ...]
    """What the journal raises when it cannot be read just now."""
    final: tuple[type[Exception], ...]
    """What no waiting mends, of these."""
    standing: Standing = attrs.field(factory=Standing)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                async with self.turn() as turn:
                    if turn is None:
                        self._wait(Role.SECOND, "another relay has its turn; waiting for it to end")
                    else:
                        await self._relay(turn)
            except* BrokerError as group:
                (trouble, *_) = leaves(group)
                self.standing.failed += 1
                self._wait(Role.STOPPED, f"the broker cannot take events: {trouble}")
            except* self.unavailable as group:
                (trouble, *_) = leaves(group)
                if isinstance(trouble, self.final):
                    raise
                self._wait(Role.STOPPED, f"the journal cannot be read: {trouble}")
            await trio.sleep(WAIT)

    async def _relay(self, turn: Turn) -> None:
        standing = self.standing
        standing.end = await turn.head()
        async with self.connected() as broker:
            place = await broker.position(standing.end if self.since is None else self.since)
            standing.reached = place.journal_id
            following = await turn.following(place.journal_id)
            standing.role, standing.why = Role.PUBLISHING, ""
            log.info("relaying", behind=str(place))
            # What comes next is read while the broker takes what was read.
            async with trio.open_nursery() as nursery:
                portions, taken = trio.open_memory_channel[Portion](1)
                nursery.start_soon(self._publish, broker, taken)
                while True:
                    waiting: list[Letter] = []
                    async for told in following.transactions(letters):
                        standing.end = following.end
                        waiting += behind(place, told)
                        if len(waiting) >= SENT_AT_ONCE:
                            reached = Place(following.exchange.head, BEYOND)
                            await portions.send(Portion(waiting, reached, is_all=False))
                            waiting = []
                    reached = max(place, Place(following.exchange.head, BEYOND))
                    await portions.send(Portion(waiting, reached, is_all=True))
                    await trio.sleep(POLL)

    async def _publish(self, broker: Broker, portions: trio.MemoryReceiveChannel[Portion]) -> None:
        async for portion in portions:
            await send(broker, portion.letters, portion.reached)
            self.standing.sent += len(portion.letters)
            if portion.is_all:
                await broker.note(portion.reached)
                self.standing.level_at = time.monotonic()
            self.standing.reached = portion.reached.journal_id

    def _wait(self, role: Role, why: str) -> None:
        """Told once, and not with each attempt."""
        if why != self.standing.why:
            log.warning("waiting", why=why)
        self.standing.role, self.standing.why = role, why


def behind(place: Place, told: list[Letter]) -> list[Letter]:
    """Without those that the broker has."""
    if not told or told[0].place > place:
        return told
    return [letter for letter in told if letter.place > place]


async def send(broker: Broker, waiting: Sequence[Letter], reached: Place) -> None:
    """Some thousand events can come of one transaction."""
    for start in range(0, len(waiting), SENT_AT_ONCE):
        portion = waiting[start : start + SENT_AT_ONCE]
        await broker.send(portion, reached if portion[-1] is waiting[-1] else portion[-1].place)
