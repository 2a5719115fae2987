"""The two things a command takes from the world: the time, and bits that nobody can guess."""

import secrets
import time
from typing import Final

from kernel.ids import NONCE_BITS

MICROSECONDS: Final = 1_000_000
MINUTE: Final = 60


class Clock:
    """The wall clock and the system's randomness; a test holds one that does as it is told."""

    def now(self) -> int:
        """Microseconds since the Unix epoch."""
        return time.time_ns() // 1000

    def seconds(self) -> int:
        return self.now() // MICROSECONDS

    def nonce(self) -> int:
        return secrets.randbits(NONCE_BITS)
