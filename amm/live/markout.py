"""Were our fills good ones? What each sold share brought beyond the fair price a second, ten, a minute later.

No defence uses it. A negative average says that takers knew more than we did.
"""

from collections import deque
from collections.abc import Iterator
from itertools import takewhile

import attrs

from amm.brain.arithmetic import CENT, Ms
from amm.brain.quoting.ladder import Side
from amm.brain.state import MarketState

HORIZONS: dict[Ms, str] = {1_000: "1s", 10_000: "10s", 60_000: "60s"}


@attrs.define
class Markouts:
    """One market's fills for which a horizon is still ahead."""

    _waiting: dict[Ms, deque[tuple[Ms, Side, int]]] = attrs.field(
        factory=lambda: {horizon: deque() for horizon in HORIZONS}
    )
    """For each horizon: when it is reached, our side, and the YES price of the fill."""
    _latest: str | None = None

    def due(self, state: MarketState, now_ms: Ms) -> Iterator[tuple[Ms, float]]:
        """Take the fills since the last call; yield each horizon reached, with the markout in cents."""
        self._take_new(state, now_ms)
        for horizon, waiting in self._waiting.items():
            while waiting and waiting[0][0] <= now_ms:
                _, side, price = waiting.popleft()
                if state.cycle.decision is not None:
                    above = price - state.cycle.decision.fair.price / CENT
                    yield horizon, above if side is Side.ASK else -above

    def _take_new(self, state: MarketState, now_ms: Ms) -> None:
        fresh = newer(state, self._latest)
        for trade_id in fresh:
            for leg in state.ledger.booked_trades[trade_id]:
                for horizon, waiting in self._waiting.items():
                    waiting.append((now_ms + horizon, leg.side, leg.side.own_price(leg.price)))
        self._latest = fresh[-1] if fresh else self._latest


def newer(state: MarketState, latest: str | None) -> list[str]:
    """Return the trades that were booked after one, oldest first."""
    return list(takewhile(lambda trade_id: trade_id != latest, reversed(state.ledger.booked_trades)))[::-1]
