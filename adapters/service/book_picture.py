"""The public order book: the quantity at each price, built from durable facts alone.

The kernel's own book is ahead of it by what is not durable yet. So only what never changes is read from an
order in memory: its side, what it was accepted with, and whether it may rest.
"""

from collections.abc import Iterable

import attrs

from adapters.wire.topics import Orders
from kernel.codes import PAIR_CENTS, RESTING_KINDS, Side
from kernel.events import Fact, Fill, OrderAccepted, OrderAmended, OrderCancelled, View
from kernel.market import Market, Order

Levels = list[tuple[int, int]]
"""Price and total quantity."""


@attrs.define(eq=False)
class BookPicture:
    """Total quantities of both sides by price, and when they changed last."""

    changed_at: int
    bids: list[int] = attrs.field(factory=lambda: [0] * 100)
    asks: list[int] = attrs.field(factory=lambda: [0] * 100)

    @classmethod
    def of(cls, market: Market) -> "BookPicture":
        """Copy the kernel's book, which is right only while everything decided is durable."""
        picture = cls(market.book_changed_at)
        bids, asks = market.book.depth()
        for price, quantity in bids:
            picture.bids[price] = quantity
        for price, quantity in asks:
            picture.asks[price] = quantity
        return picture

    def apply(self, facts: Iterable[Fact], orders: Orders) -> tuple[Levels, Levels] | None:
        """Apply the facts of one command; return the levels that changed, or None."""
        before: dict[tuple[bool, int], int] = {}
        for fact in facts:
            event = fact.event
            match event:
                case OrderAccepted():
                    if event.time_in_force in RESTING_KINDS:
                        order = orders[event.order_id]
                        self._change(before, order, event.book_price, event.quantity, fact.at)
                case OrderAmended():
                    order = orders[event.order_id]
                    left = event.previous_quantity - event.filled_qty
                    self._change(before, order, in_yes(order, event.previous_price), -left, fact.at)
                    self._change(before, order, event.book_price, event.remaining_qty, fact.at)
                case Fill():
                    # A trade is at the price of the maker.
                    self._change(before, orders[event.order_id], event.trade_price, -event.fill_qty, fact.at)
                    taker = orders[event.counterparty_order_id]
                    if taker.terms.time_in_force in RESTING_KINDS:
                        price = book_price(taker, event.taker_view)
                        self._change(before, taker, price, -event.fill_qty, fact.at)
                case OrderCancelled():
                    order = orders[event.order_id]
                    if order.terms.time_in_force in RESTING_KINDS:
                        price = book_price(order, event.view)
                        self._change(before, order, price, -event.remaining_qty, fact.at)
                case _:
                    pass
        bids: Levels = []
        asks: Levels = []
        for (is_bid, price), quantity in before.items():
            now = (self.bids if is_bid else self.asks)[price]
            if now != quantity:
                (bids if is_bid else asks).append((price, now))
        if not bids and not asks:
            return None
        bids.sort(reverse=True)
        asks.sort()
        return bids, asks

    def levels(self) -> tuple[Levels, Levels]:
        """All levels: bids from the highest price down, asks from the lowest up."""
        return (
            [(price, self.bids[price]) for price in range(99, 0, -1) if self.bids[price]],
            [(price, self.asks[price]) for price in range(1, 100) if self.asks[price]],
        )

    def _change(
        self, before: dict[tuple[bool, int], int], order: Order, price: int, quantity: int, at: int
    ) -> None:
        side = self.bids if order.is_bid else self.asks
        total = side[price]
        before.setdefault((order.is_bid, price), total)
        side[price] = total = total + quantity
        self.changed_at = at
        assert total >= 0, f"level {price} of {order.market.id} below zero"


def book_price(order: Order, view: View | None) -> int:
    """The order's price in the book as of a fact."""
    return in_yes(order, view[0] if view is not None else order.accepted_terms.price)


def in_yes(order: Order, price: int) -> int:
    """A price of the order's own side, as the book has it."""
    return price if order.accepted_terms.side is Side.YES else PAIR_CENTS - price
