"""The two things a command takes from the world: the time, and bits that nobody can guess."""

import os
import struct
import time
from typing import Final

from kernel.ids import NONCE_BITS

MICROSECONDS: Final = 1_000_000
MINUTE: Final = 60
STOCK: Final = 512
"""Nonces drawn at once: asked for each by itself, the system's randomness was a twentieth of a command."""


class Clock:
    """The wall clock and the system's randomness; a test holds one that does as it is told."""

    def __init__(self) -> None:
        self._stock: list[int] = []

    def now(self) -> int:
        """Microseconds since the Unix epoch."""
        return time.time_ns() // 1000

    def seconds(self) -> int:
        return self.now() // MICROSECONDS

    def nonce(self) -> int:
        if not self._stock:
            self._stock += struct.unpack(f"{STOCK}Q", os.urandom(8 * STOCK))
        return self._stock.pop() >> 64 - NONCE_BITS
