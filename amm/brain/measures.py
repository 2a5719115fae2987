"""Measures over time: volatility, the balance of takers, and how far a value ranged within a window."""

from collections import deque
from collections.abc import Iterable
from itertools import pairwise
from math import isqrt

import attrs

from amm.brain.arithmetic import CENT, ONE, Ms, Ppm, Shares, Uc, clamp, fdiv, rdiv
from amm.brain.config import Volatility

MIN_SAMPLES = 3


def sigma(config: Volatility, samples: Iterable[Uc], fair: Uc) -> Uc:
    """Return the standard deviation of the samples' differences, damped where a price has little room left.

    The damping is the variance p(1-p) of a yes/no outcome, 1 at 50 cents. Log returns would explode near 0.
    """
    series = list(samples)[-config.window_size :]
    if len(series) < max(config.min_samples, MIN_SAMPLES):
        return config.default_volatility_cents * CENT
    steps = [after - before for before, after in pairwise(series)]
    n = len(steps)
    spread = n * sum(step * step for step in steps) - sum(steps) ** 2
    price = clamp(rdiv(fair, CENT), 1, 99)
    room = rdiv(price * (100 - price) * ONE, 2_500)
    measured = isqrt(fdiv(spread * room, n * (n - 1) * ONE))
    return clamp(measured, config.sigma_min_cents * CENT, config.sigma_max_cents * CENT)


@attrs.define
class Flow:
    """The last public trades, for VPIN: how one-sided the takers have been."""

    trades: deque[Shares] = attrs.field(factory=deque)
    """The quantity of each, negative where the taker sold."""
    total: Shares = 0
    balance: Shares = 0
    """Bought by takers less sold by them."""

    def add(self, *, taker_sells: bool, quantity: Shares, window: int) -> None:
        self._count(-quantity if taker_sells else quantity, 1)
        self.trades.append(-quantity if taker_sells else quantity)
        while len(self.trades) > window:
            self._count(self.trades.popleft(), -1)

    def _count(self, signed: Shares, times: int) -> None:
        self.total += times * abs(signed)
        self.balance += times * signed

    def vpin(self, window: int) -> Ppm:
        """Return |sold - bought| / total over the window; 0 until the window is full."""
        if len(self.trades) < window or not self.total:
            return 0
        return rdiv(abs(self.balance) * ONE, self.total)


@attrs.define
class SlidingRange:
    """The distance between the highest and the lowest value of the last while.

    Each deque keeps only values that can still become the extreme, so a cycle costs a step or two however
    long the window is.
    """

    highs: deque[tuple[Ms, Uc]] = attrs.field(factory=deque)
    lows: deque[tuple[Ms, Uc]] = attrs.field(factory=deque)

    def add(self, now_ms: Ms, value: Uc, window_ms: Ms) -> None:
        while self.highs and self.highs[-1][1] <= value:
            self.highs.pop()
        while self.lows and self.lows[-1][1] >= value:
            self.lows.pop()
        self.highs.append((now_ms, value))
        self.lows.append((now_ms, value))
        for extremes in (self.highs, self.lows):
            while extremes[0][0] < now_ms - window_ms:
                extremes.popleft()

    @property
    def range(self) -> Uc:
        return self.highs[0][1] - self.lows[0][1] if self.highs else 0

    def clear(self) -> None:
        self.highs.clear()
        self.lows.clear()
