"""The markets in which something can still happen: whoever looks at markets again and again looks at these.

A market that is over is left out for good, once no market-making order and no campaign of it is left to be
brought to its end: nothing is ever begun there again. So a look takes as long after years as after a day.
"""

from itertools import islice

import attrs

from kernel.exchange import Exchange
from kernel.life import OVER
from kernel.market import Market


@attrs.define(eq=False)
class Going:
    exchange: Exchange
    _markets: list[Market] = attrs.field(factory=list)
    _seen: int = 0
    """How many markets there were at the newest look: there are never fewer, and later ones come behind."""

    def markets(self) -> list[Market]:
        """In the order in which they were made."""
        known = self.exchange.markets
        self._markets += islice(known.values(), self._seen, None)
        self._seen = len(known)
        self._markets = [market for market in self._markets if not is_done(market)]
        return self._markets


def is_done(market: Market) -> bool:
    desk = market.desk
    return market.status in OVER and not (desk.order_ids or desk.campaigns)
