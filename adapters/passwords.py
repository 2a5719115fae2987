"""Passwords: hashed slowly on purpose, in threads, and never on the exchange's own loop."""

from typing import Final

import argon2
import trio

from adapters.status import RefusedError
from kernel.codes import Code

HASHING: Final = 2
"""Hashes at a time: each takes 64 MiB and a core."""
WAITING: Final = 64
"""Callers who may wait for their turn; more of them are refused."""


class Passwords:
    """Hashes and verifies, as many at a time as the machine bears."""

    def __init__(self) -> None:
        self._hasher = argon2.PasswordHasher()
        self._turns = trio.CapacityLimiter(HASHING)
        # Verified for users who do not exist, so that how long an answer takes does not say who does.
        self._nobodys = self._hasher.hash("nobody's password")

    async def hash(self, password: str) -> str:
        self._refuse_crowd()
        return await trio.to_thread.run_sync(self._hasher.hash, password, limiter=self._turns)

    async def fits(self, password: str, password_hash: str | None) -> bool:
        """Whether it is the password behind the hash; None where there is no such user."""
        self._refuse_crowd()
        return await trio.to_thread.run_sync(self._fits, password, password_hash, limiter=self._turns)

    def _fits(self, password: str, password_hash: str | None) -> bool:
        is_hash = password_hash is not None and password_hash.startswith("$argon2")
        try:
            self._hasher.verify(password_hash if password_hash and is_hash else self._nobodys, password)
        except argon2.exceptions.VerificationError:
            return False
        return is_hash

    def _refuse_crowd(self) -> None:
        if self._turns.statistics().tasks_waiting >= WAITING:
            raise RefusedError(Code.OVERLOADED, "Too many logins are waiting; try again shortly")
