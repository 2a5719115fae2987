"""How old an answer may be: not older than what its caller has seen, and never older than a bound."""

from collections.abc import Callable
from typing import Final

import attrs
import trio

from adapters.service.decider import Decider
from adapters.service.server import READ_TIMEOUT
from adapters.wire.status import RefusedError, malformed
from kernel.codes import Code

HEADER: Final = "X-Journal-Id"
DIGITS_MAX: Final = 18
LOOK_AGAIN: Final = 0.01


@attrs.frozen
class Freshness:
    """Asked before a request is served."""

    decider: Decider
    applies: Callable[[], bool]
    """Whether there is more than one process; what serves alone knows all there is."""
    age: Callable[[], float]
    """Seconds since the database has confirmed that what is here is all there is."""
    bound: Callable[[], float]
    """How many there may be."""
    patience: Callable[[], float]
    """How many seconds a read waits to be confirmed."""

    async def check(self, seen: str | None, *, is_read: bool) -> None:
        """Wait until the state has what the caller has seen; refuse a read that nobody has confirmed."""
        if not self.applies():
            return
        if seen is not None:
            await self._reach(seen)
        if is_read and self.age() > self.bound():
            await self._confirmed()

    async def _reach(self, seen: str) -> None:
        if not (seen.isascii() and seen.isdecimal() and len(seen) <= DIGITS_MAX):
            raise malformed((HEADER, "must be a journal id"))
        with trio.move_on_after(READ_TIMEOUT) as waiting:
            await self.decider.until_durable(int(seen))
        if waiting.cancelled_caught:
            raise RefusedError(Code.OVERLOADED, "This process has not heard of that journal id; try again")

    async def _confirmed(self) -> None:
        with trio.move_on_after(self.patience()):
            while self.age() > self.bound():
                await trio.sleep(LOOK_AGAIN)
            return
        raise RefusedError(Code.OVERLOADED, "Nobody confirms that this process is up to date; try again")
