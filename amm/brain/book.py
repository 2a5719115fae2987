"""The public book as the feed tells it, and the same book without our own orders.

Pricing from a book that is mostly our own quotes would be a feedback loop, so nothing prices from the first.
"""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import attrs

from amm.brain.arithmetic import Cents, Ms, Shares
from amm.brain.wire import BookLevel, BookUpdate, UpdateType

PricedLevel: TypeAlias = tuple[Cents, Shares]


@attrs.frozen
class ForeignBook:
    """What others offer, best price first, in YES cents."""

    bids: tuple[PricedLevel, ...] = ()
    asks: tuple[PricedLevel, ...] = ()

    @property
    def best_bid(self) -> Cents | None:
        return self.bids[0][0] if self.bids else None

    @property
    def best_ask(self) -> Cents | None:
        return self.asks[0][0] if self.asks else None


@attrs.define
class PublicBook:
    """The levels of one feed connection. A delta that does not follow its predecessor is not applied."""

    bids: dict[Cents, Shares] = attrs.field(factory=dict)
    asks: dict[Cents, Shares] = attrs.field(factory=dict)
    sequence_id: int = 0
    snapshot_ms: Ms | None = None

    def take(self, update: BookUpdate, now_ms: Ms) -> bool:
        """Apply one message; False means that one before it is missing and a snapshot must be asked for."""
        if update.update_type is UpdateType.SNAPSHOT:
            self.bids = _levels(update.yes.bids)
            self.asks = _levels(update.yes.asks)
            self.snapshot_ms = now_ms
        elif self.snapshot_ms is None or update.sequence_id != self.sequence_id + 1:
            return False
        else:
            self.bids = {p: q for p, q in (self.bids | _levels(update.yes.bids)).items() if q}
            self.asks = {p: q for p, q in (self.asks | _levels(update.yes.asks)).items() if q}
        self.sequence_id = update.sequence_id
        return True

    def without(self, own_bids: Mapping[Cents, Shares], own_asks: Mapping[Cents, Shares]) -> ForeignBook:
        """Subtract our own remaining quantities, never below zero: the feed may be a moment old."""
        return ForeignBook(
            bids=tuple(_left(self.bids, own_bids, sorted(self.bids, reverse=True))),
            asks=tuple(_left(self.asks, own_asks, sorted(self.asks))),
        )


def _levels(levels: Iterable[BookLevel]) -> dict[Cents, Shares]:
    return {level.price_cents: level.total_quantity for level in levels}


def _left(
    levels: Mapping[Cents, Shares], own: Mapping[Cents, Shares], best_first: Iterable[Cents]
) -> Iterable[PricedLevel]:
    return ((price, left) for price in best_first if (left := levels[price] - own.get(price, 0)) > 0)
