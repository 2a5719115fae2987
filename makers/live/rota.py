"""Which market a worker asks for leases next, and for how many. It has no clock: whoever calls says when.

What it knows are hints, and any of them may be missing, doubled or out of date: to ask where nothing is due
costs an empty answer, and what no hint tells is found by the sweep. Times are seconds of the caller's clock.
"""

from collections import Counter
from math import inf
from typing import Final

import attrs

LEASES_MAX: Final = 32
"""In one answer."""


@attrs.frozen
class Look:
    """Ask a market for so many leases at most."""

    market_id: str
    limit: int


@attrs.define(eq=False)
class Rota:
    in_flight: int
    """Cycles at once."""
    per_market: int
    due: dict[str, float] = attrs.field(factory=dict)
    """When to look at each market next. One that is not there has nothing to look for."""
    running: Counter[str] = attrs.field(factory=Counter)
    """Cycles of each market, and places held free for those that are being asked for."""
    asked: dict[str, int] = attrs.field(factory=dict)
    """How many are being asked for, in markets that have not answered."""

    def hint(self, market_id: str, at: float) -> None:
        """Something is due there then, or so it is said."""
        self.due[market_id] = min(at, self.due.get(market_id, inf))

    def look(self, now: float) -> Look | None:
        """What to ask next: the market that waits longest, of those that there are places for."""
        free = self.in_flight - self.running.total()
        places = {
            market_id: min(free, self.per_market - self.running[market_id], LEASES_MAX)
            for market_id, at in self.due.items()
            if at <= now and market_id not in self.asked
        }
        if not (open_markets := [market_id for market_id, count in places.items() if count > 0]):
            return None
        market_id = min(open_markets, key=self.due.__getitem__)
        limit = places[market_id]
        del self.due[market_id]
        self.asked[market_id] = limit
        self.running[market_id] += limit
        return Look(market_id, limit)

    def answered(self, market_id: str, leases: int) -> None:
        """So many came; the places held free for more are free again."""
        self._free(market_id, self.asked.pop(market_id) - leases)

    def ended(self, market_id: str) -> None:
        """One cycle is over."""
        self._free(market_id, 1)

    def wakes(self, now: float) -> float:
        """When there may be something to ask, if nothing happens before."""
        return min(
            (max(at, now) for market_id, at in self.due.items() if self._has_place(market_id)), default=inf
        )

    def _has_place(self, market_id: str) -> bool:
        return (
            market_id not in self.asked
            and self.running.total() < self.in_flight
            and self.running[market_id] < self.per_market
        )

    def _free(self, market_id: str, places: int) -> None:
        self.running[market_id] -= places
        assert self.running[market_id] >= 0
        if not self.running[market_id]:
            del self.running[market_id]
