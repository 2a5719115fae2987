"""The two things a command takes from the world: the time, and bits that nobody can guess.

The time is the machine's, unless that one jumps. The exchange's time never goes back, so a clock set two
years ahead for a moment would leave it there for two years. Therefore the wall clock is compared with one
that nobody can set, and when it jumps ahead it is followed slowly: there is time to notice, and to set it
right.
"""

import os
import struct
import time
from collections import Counter
from typing import Final

import structlog

from adapters.runtime.times import DAY, MICROSECONDS
from kernel.ids import NONCE_BITS

log = structlog.get_logger(__name__)

STOCK: Final = 512
"""Nonces drawn at once: asked for each by itself, the system's randomness was a twentieth of a command."""
LEAP: Final = 5 * MICROSECONDS
"""What a clock may be set ahead at once: as much as whoever keeps it right does without asking anybody."""
PACE: Final = 5
"""Seconds for each that passes, at which a longer jump is followed."""
# Where there is one, a clock that runs on while the machine sleeps: to wake up is no jump.
REAL: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock:
    """The wall clock and the system's randomness; a test holds one that does as it is told."""

    def __init__(self) -> None:
        self.jumps: Counter[str] = Counter(forwards=0, backwards=0)
        self._stock: list[int] = []
        self._wall = self._now = self.wall()
        self._real = self.real()
        self._follows = False
        """It jumped ahead, and we are not there yet."""

    def wall(self) -> int:
        """What the machine's clock says, in microseconds since the Unix epoch."""
        return time.time_ns() // 1000

    def real(self) -> int:
        """Microseconds since some moment, which nobody can set."""
        return time.clock_gettime_ns(REAL) // 1000

    def now(self) -> int:
        """The time of commands, in microseconds since the Unix epoch; it never runs backwards."""
        wall, real = self.wall(), self.real()
        passed, moved = real - self._real, wall - self._wall
        if not 0 <= moved <= passed + LEAP:
            self._jumped(moved - passed)
        self._wall, self._real = wall, real
        if self._follows:
            self._now = max(self._now, min(wall, self._now + PACE * passed))
            self._follows = self._now < wall
        elif wall > self._now:
            self._now = wall
        return self._now

    def seconds(self) -> int:
        """For what only lasts a while, as tokens do: if the machine's clock is wrong, so is that."""
        return self.wall() // MICROSECONDS

    def start_after(self, newest: int) -> None:
        """Go on from a journal whose newest event is of that time, in microseconds; 0 if it has none.

        Which of the two is right, nobody here can know: so what looks wrong is told, and nothing is refused.
        """
        ahead = (newest - self.now()) // MICROSECONDS
        if newest > self._now:
            log.warning("the journal is ahead of the machine's clock; its time waits for it", seconds=ahead)
            self._now = newest
        elif newest and -ahead > DAY:
            log.warning(
                "the journal's newest event is old; if it is not, stop, and set the machine's clock",
                days=-ahead // DAY,
            )

    @property
    def trouble(self) -> str:
        """What is wrong with the machine's clock, if anything."""
        off = self.off
        if off < 0:
            return f"the machine's clock went back: time stands still for {-off:.0f} seconds"
        if self._follows:
            return f"the machine's clock jumped ahead: it is followed slowly, {off:.0f} seconds behind"
        return ""

    @property
    def off(self) -> float:
        """Seconds by which the machine's clock is ahead of the time of commands; less than 0: behind it."""
        return (self._wall - self._now) / MICROSECONDS

    def nonce(self) -> int:
        if not self._stock:
            self._stock += struct.unpack(f"{STOCK}Q", os.urandom(8 * STOCK))
        return self._stock.pop() >> 64 - NONCE_BITS

    def _jumped(self, by: int) -> None:
        which = "forwards" if by > 0 else "backwards"
        self.jumps[which] += 1
        self._follows = self._follows or by > 0
        log.warning("the machine's clock jumped", direction=which, seconds=round(abs(by) / MICROSECONDS, 3))
