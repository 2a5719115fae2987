"""Passwords: hashed slowly on purpose, in threads, and never on the exchange's own loop.

Who waits for a hash waits behind others from the same address, and addresses take turns: however many come
from one, it delays somebody from another by one hash at most.
"""

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import argon2
import attrs
import trio

from adapters.access.addresses import household
from adapters.wire.status import RefusedError
from kernel.codes import Code

HASHING: Final = 2
"""Hashes at a time: each takes 64 MiB and a core."""
WAITING_EACH: Final = 8
"""Callers of one address who may wait for their turn; more of them are refused."""
WAITING: Final = 256
"""Callers who may wait in all. Beyond that the address with the most waiting loses its newest."""


@attrs.define(eq=False)
class Waiting:
    """Somebody whose turn has not come."""

    wake: trio.Event = attrs.field(factory=trio.Event)
    has_turn: bool = False
    """Whether it has come now; if not, whoever was woken is turned away."""


class Turns:
    """So many at a time; who waits is served in turns between addresses."""

    def __init__(self) -> None:
        self._running = 0
        self._queues: dict[str, deque[Waiting]] = {}
        """Of addresses, in the order of their turns; none is empty."""

    @asynccontextmanager
    async def turn(self, address: str) -> AsyncIterator[None]:
        """One's turn, while the body runs."""
        await self._wait(household(address))
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
        """Give what is free to the address that has waited longest; it comes last after that."""
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
        """Turn the newest away of the address with the most, if that has more than whoever comes."""
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
    """Hashes and verifies, as many at a time as the machine bears."""

    def __init__(self) -> None:
        self._hasher = argon2.PasswordHasher()
        self._turns = Turns()
        # Verified for users who do not exist, so that how long an answer takes does not say who does.
        self._nobodys = self._hasher.hash("nobody's password")

    async def hash(self, password: str, address: str = "") -> str:
        """For somebody at an address, or for ourselves."""
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
