"""Passwords: hashed slowly on purpose, in threads, and never on the exchange's own loop.

Callers queue by address, and addresses take turns: however many come from one address, they delay a caller
from another by at most one hash.
"""

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import argon2
import attrs
import trio

from adapters.access.addresses import counted_address
from adapters.wire.status import RefusedError
from kernel.codes import Code

HASHING: Final = 2
"""Hashes computed at a time: each takes 64 MiB and a core."""
WAITING_EACH: Final = 8
"""Callers from one address who may wait; more are refused."""
WAITING: Final = 256
"""Callers who may wait in all. Beyond that, the newest of the address with the most is refused."""


@attrs.define(eq=False)
class Waiting:
    """A caller who waits for a turn."""

    wake: trio.Event = attrs.field(factory=trio.Event)
    has_turn: bool = False
    """Whether the turn has come; a caller who is woken without it is refused."""


class Turns:
    """At most `HASHING` at a time; addresses take turns."""

    def __init__(self) -> None:
        self._running = 0
        self._queues: dict[str, deque[Waiting]] = {}
        """By address, in the order of their turns; none is empty."""

    @asynccontextmanager
    async def turn(self, address: str) -> AsyncIterator[None]:
        """Wait for a turn, and have it while the body runs."""
        await self._wait(counted_address(address))
        try:
            yield
        finally:
            self._running -= 1
            self._next()

    async def _wait(self, of: str) -> None:
        if self._running < HASHING:
            self._running += 1
            return
        queue = self._queues.get(of, deque())
        if len(queue) >= WAITING_EACH:
            raise crowded()
        if sum(map(len, self._queues.values())) >= WAITING:
            self._make_room(len(queue) + 1)
        waiting = Waiting()
        self._queues.setdefault(of, queue).append(waiting)
        try:
            await waiting.wake.wait()
        except trio.Cancelled:
            self._leave(of, waiting)
            raise
        if not waiting.has_turn:
            raise crowded()

    def _next(self) -> None:
        """Give free turns to the address that is next; after that it comes last."""
        while self._queues and self._running < HASHING:
            of = next(iter(self._queues))
            queue = self._queues.pop(of)
            waiting = queue.popleft()
            if queue:
                self._queues[of] = queue
            self._running += 1
            waiting.has_turn = True
            waiting.wake.set()

    def _make_room(self, than: int) -> None:
        """Refuse the newest caller of the address with the most, unless the new caller's has as many."""
        of = max(self._queues, key=lambda each: len(self._queues[each]))
        if len(self._queues[of]) <= than:
            raise crowded()
        self._queues[of].pop().wake.set()

    def _leave(self, of: str, waiting: Waiting) -> None:
        if waiting.has_turn:
            self._running -= 1
            self._next()
        elif (queue := self._queues.get(of)) is not None and waiting in queue:
            queue.remove(waiting)
            if not queue:
                del self._queues[of]


class Passwords:
    """Hashes and verifies passwords."""

    def __init__(self) -> None:
        self._hasher = argon2.PasswordHasher()
        self._turns = Turns()
        # Verified for users who do not exist, so that the time an answer takes does not show who does.
        self._nobodys = self._hasher.hash("nobody's password")

    async def hash(self, password: str, address: str = "") -> str:
        """Hash a password for a caller at an address, or for the program itself."""
        async with self._turns.turn(address):
            return await trio.to_thread.run_sync(self._hasher.hash, password)

    async def fits(self, password: str, password_hash: str | None, address: str) -> bool:
        """Whether it is the password behind the hash; None where there is no such user."""
        async with self._turns.turn(address):
            return await trio.to_thread.run_sync(self._fits, password, password_hash)

    def _fits(self, password: str, password_hash: str | None) -> bool:
        is_hash = password_hash is not None and password_hash.startswith("$argon2")
        try:
            self._hasher.verify(password_hash if password_hash and is_hash else self._nobodys, password)
        except argon2.exceptions.VerificationError:
            return False
        return is_hash


def crowded() -> RefusedError:
    return RefusedError(Code.OVERLOADED, "Too many logins are waiting; try again shortly")
