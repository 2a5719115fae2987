"""The book orders wishes by price and time. It knows no accounts and no money.

Prices are whole cents from 1 to 99, so a side is an array of levels and a bitmask says which of them hold
anybody: the best price is one integer instruction, and placing, cancelling and taking cost the same whether
ten orders rest or a million.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, Generic, Self, TypeVar

PRICES: Final = range(1, 100)


def best_of(mask: int, is_bids: bool) -> int | None:
    """The best of the prices whose bits are set: the highest bid, or the lowest ask; none of none."""
    if mask == 0:
        return None
    return (mask if is_bids else mask & -mask).bit_length() - 1


@dataclass(slots=True, eq=False, repr=False)
class Resting:
    """What the book knows of an order."""

    book_price: int
    remaining: int
    priority_seq: int
    """The journal id of what gave it its place in the queue: its acceptance, or the last move."""
    ahead: Self | None = field(init=False, default=None)
    """Its neighbours in the queue, while it rests; then, among those that were closed."""
    behind: Self | None = field(init=False, default=None)
    is_bid: bool  # compiled, it shares a word with a bool that follows


Order = TypeVar("Order", bound=Resting)


class HalfBook(Generic[Order]):
    """One side of a book: at each price a queue, in the order in which they joined, and what they add up to.

    A queue is a chain through its orders: each knows who stands ahead of it and who behind.
    """

    __slots__ = ("best", "first", "is_bids", "last", "mask", "totals")

    def __init__(self, *, is_bids: bool) -> None:
        self.is_bids = is_bids
        self.mask = 0
        self.best: int | None = None
        """The price that is served first, of those where somebody stands."""
        self.first: list[Order | None] = [None] * 100
        self.last: list[Order | None] = [None] * 100
        self.totals = [0] * 100

    def add(self, order: Order) -> None:
        """Join the back of the queue at the order's price."""
        assert order.remaining > 0
        price = order.book_price
        ahead = self.last[price]
        if ahead is None:
            self.first[price] = order
            self.mask |= 1 << price
            if self.best is None or (price > self.best) == self.is_bids:
                self.best = price
        else:
            order.ahead = ahead
            ahead.behind = order
        self.last[price] = order
        self.totals[price] += order.remaining

    def remove(self, order: Order) -> None:
        """Leave the queue, from wherever in it."""
        price = order.book_price
        ahead, behind = order.ahead, order.behind
        if ahead is None:
            self.first[price] = behind
        else:
            ahead.behind = behind
            order.ahead = None
        if behind is None:
            self.last[price] = ahead
        else:
            behind.ahead = ahead
            order.behind = None
        if ahead is behind:  # both None: it stood alone
            self.mask ^= 1 << price
            if price == self.best:
                self.best = best_of(self.mask, self.is_bids)
        left = self.totals[price] = self.totals[price] - order.remaining
        assert left >= 0

    def queue(self, price: int) -> Iterator[Order]:
        """Who rests at a price, in the order in which they are served."""
        order = self.first[price]
        while order is not None:
            yield order
            order = order.behind

    def orders(self) -> Iterator[Order]:
        """Everybody who rests on this side, price by price, and there in the order of being served."""
        for price in PRICES:
            yield from self.queue(price)


class Book(Generic[Order]):
    """Both sides. A bid wants YES at its price or lower, an ask gives it at its price or higher."""

    __slots__ = ("asks", "bids", "live")

    def __init__(self) -> None:
        self.bids = HalfBook[Order](is_bids=True)
        self.asks = HalfBook[Order](is_bids=False)
        self.live: dict[Order, None] = {}
        """Everybody who rests, in acceptance order: a move changes its queue, and not its place here."""

    def side(self, order: Order) -> HalfBook[Order]:
        return self.bids if order.is_bid else self.asks

    @property
    def is_empty(self) -> bool:
        return not (self.bids.mask or self.asks.mask)

    @property
    def count(self) -> int:
        """How many rest."""
        return len(self.live)

    def oldest(self, count: int) -> list[Order]:
        """Up to so many of those who rest, in acceptance order, whatever else does."""
        return list(islice(self.live, count))

    @property
    def best_bid(self) -> int | None:
        return self.bids.best

    @property
    def best_ask(self) -> int | None:
        return self.asks.best

    def next_maker(self, taker: Order) -> Order | None:
        """Whom `taker` trades with next: the best price it accepts, and there who came first."""
        if taker.is_bid:
            asks = self.asks
            return asks.first[asks.best] if asks.best is not None and asks.best <= taker.book_price else None
        bids = self.bids
        return bids.first[bids.best] if bids.best is not None and bids.best >= taker.book_price else None

    def crossing(self, is_bid: bool, price: int) -> Iterator[Order]:
        """Everybody an order at this price could meet: best price first, and there who came first."""
        half = self.asks if is_bid else self.bids
        mask = half.mask
        while (best := best_of(mask, half.is_bids)) is not None:
            if best > price if is_bid else best < price:
                return
            yield from half.queue(best)
            mask ^= 1 << best

    def depth(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Bids from the highest price down, asks from the lowest up, as (price, total quantity)."""
        bids, asks = self.bids, self.asks
        return (
            [(price, bids.totals[price]) for price in reversed(PRICES) if bids.totals[price]],
            [(price, asks.totals[price]) for price in PRICES if asks.totals[price]],
        )
