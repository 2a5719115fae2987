"""The two things a command takes from the outside: the time, and random bits.

The time is that of the machine's clock, unless it jumps. The exchange's time never goes back, so a clock that
was set two years ahead by mistake, even for a moment, would stop it for two years. Therefore the wall clock
is compared with one that cannot be set, and a jump ahead is followed slowly: there is time to notice and
correct it.
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
"""Nonces drawn at once: drawing them one by one took a twentieth of a command's time."""
LEAP: Final = 5 * MICROSECONDS
"""How far the clock may be set ahead at once: what time synchronisation does as a matter of course."""
PACE: Final = 5
"""How fast a longer jump is followed: so many seconds in each second."""
# If possible a clock that goes on while the machine sleeps, so that waking up is not a jump.
REAL: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock:
    """The wall clock and the system's randomness; tests replace it."""

    def __init__(self) -> None:
        self.jumps: Counter[str] = Counter(forwards=0, backwards=0)
        self._stock: list[int] = []
        self._wall = self._now = self.wall()
        self._real = self.real()
        self._follows = False
        """Whether the clock jumped ahead and this one has not caught up yet."""

    def wall(self) -> int:
        """What the machine's clock says, in microseconds since the Unix epoch."""
        return time.time_ns() // 1000

    def real(self) -> int:
        """Microseconds of a clock that cannot be set."""
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
        """Seconds of the machine's own clock, right or wrong: for what expires, such as tokens."""
        return self.wall() // MICROSECONDS

    def start_after(self, newest: int) -> None:
        """Start no earlier than the journal's newest event, at `newest` microseconds; 0 if there is none.

        Whether the journal or the clock is right cannot be known here: a difference is logged, not refused.
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
