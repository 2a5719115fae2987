"""The work of a relay: find out what the broker has, read the journal from there, send what is new.

There is one way to begin, after a first start, a crash, and the loss of either side: everything is found out
anew. So what is seldom done is done by what is done each time.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

import attrs
import structlog
import trio

from adapters.relay.broker import Broker, BrokerError
from adapters.relay.letters import BEYOND, Letter, Place, letters
from kernel.events import Fact
from kernel.exchange import Exchange

log = structlog.get_logger(__name__)

POLL: Final = 0.02
"""Seconds between two looks at the journal's end."""
WAIT: Final = 1.0
"""Seconds between two attempts to have what is away."""
SENT_AT_ONCE: Final = 1_000


class Following(Protocol):
    """A copy of the exchange that follows the journal."""

    exchange: Exchange

    def transactions(self, tell: Callable[[Fact, Exchange], list[Letter]]) -> AsyncIterator[list[Letter]]: ...


class Turn(Protocol):
    """The right to be the one relay of a destination."""

    async def head(self) -> int: ...

    async def following(self, journal_id: int) -> Following: ...


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
    _told: str = ""

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                async with self.turn() as turn:
                    if turn is None:
                        self._say("another relay has its turn; waiting for it to end")
                    else:
                        await self._relay(turn)
            except BrokerError as trouble:
                self._say(f"the broker cannot take events: {trouble}")
            except self.unavailable as trouble:
                if isinstance(trouble, self.final):
                    raise
                self._say(f"the journal cannot be read: {trouble}")
            await trio.sleep(WAIT)

    async def _relay(self, turn: Turn) -> None:
        async with self.connected() as broker:
            since = await turn.head() if self.since is None else self.since
            place = await broker.position(since)
            following = await turn.following(place.journal_id)
            self._told = ""
            log.info("relaying", behind=str(place))
            while True:
                waiting: list[Letter] = []
                async for told in following.transactions(letters):
                    waiting += behind(place, told)
                    if len(waiting) >= SENT_AT_ONCE:
                        await send(broker, waiting, Place(following.exchange.head, BEYOND))
                        waiting = []
                reached = Place(following.exchange.head, BEYOND)
                await send(broker, waiting, reached)
                if reached > place:
                    await broker.note(reached)
                await trio.sleep(POLL)

    def _say(self, trouble: str) -> None:
        """Once, and not with each attempt."""
        if trouble != self._told:
            self._told = trouble
            log.warning("waiting", why=trouble)


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
