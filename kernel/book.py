"""The book orders wishes by price and time. It knows no accounts and no money.

Prices are whole cents from 1 to 99, so a side is an array of levels and a bitmask says which of them hold
anybody: the best price is one integer instruction, and placing, cancelling and taking cost the same whether
ten orders rest or a million.
"""

from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kernel.state import Order

PRICES: Final = range(1, 100)


def highest(mask: int) -> int:
    """The highest price whose bit is set; the mask must not be empty."""
    return mask.bit_length() - 1


def lowest(mask: int) -> int:
    """The lowest price whose bit is set; the mask must not be empty."""
    return (mask & -mask).bit_length() - 1


class HalfBook:
    """One side of a book: at each price a queue, oldest order first, and what they add up to."""

    __slots__ = ("levels", "mask", "totals")

    def __init__(self) -> None:
        self.mask = 0
        self.levels: list[OrderedDict[Order, None]] = [OrderedDict() for _ in range(100)]
        self.totals = [0] * 100

    def add(self, order: "Order") -> None:
        """Join the back of the queue at the order's price."""
        price = order.book_price
        self.levels[price][order] = None
        self.totals[price] += order.remaining
        self.mask |= 1 << price

    def remove(self, order: "Order") -> None:
        """Leave the queue, from wherever in it."""
        price = order.book_price
        level = self.levels[price]
        del level[order]
        self.totals[price] -= order.remaining
        if not level:
            self.mask ^= 1 << price

    def orders(self) -> Iterator["Order"]:
        """Everybody who rests on this side, price by price, oldest first within a price."""
        for price in PRICES:
            yield from self.levels[price]


class Book:
    """Both sides. A bid wants YES at its price or lower, an ask gives it at its price or higher."""

    __slots__ = ("asks", "bids")

    def __init__(self) -> None:
        self.bids = HalfBook()
        self.asks = HalfBook()

    def side(self, order: "Order") -> HalfBook:
        return self.bids if order.is_bid else self.asks

    @property
    def best_bid(self) -> int | None:
        return highest(self.bids.mask) if self.bids.mask else None

    @property
    def best_ask(self) -> int | None:
        return lowest(self.asks.mask) if self.asks.mask else None

    def makers(self, taker: "Order") -> Iterator["Order"]:
        """Whom `taker` trades with next: best price first, then first come.

        The caller fills or removes each maker before it asks again, so no cursor can go stale.
        """
        limit = taker.book_price
        if taker.is_bid:
            asks = self.asks
            while taker.remaining and asks.mask and (price := lowest(asks.mask)) <= limit:
                yield next(iter(asks.levels[price]))
        else:
            bids = self.bids
            while taker.remaining and bids.mask and (price := highest(bids.mask)) >= limit:
                yield next(iter(bids.levels[price]))

    def depth(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Bids from the highest price down, asks from the lowest up, as (price, total quantity)."""
        bids, asks = self.bids, self.asks
        return (
            [(price, bids.totals[price]) for price in reversed(PRICES) if bids.totals[price]],
            [(price, asks.totals[price]) for price in PRICES if asks.totals[price]],
        )
