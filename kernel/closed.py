"""Closed orders that memory still holds, in the order in which they were closed: who goes first.

A chain through the orders themselves, as a queue of the book is: a closed order stands in none of those.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from kernel.market import Order


@dataclass(slots=True, eq=False, repr=False)
class Closed:
    """The chain, and how long it is."""

    first: Order | None = None
    last: Order | None = None
    count: int = 0

    def add(self, order: Order) -> None:
        """It is final since this moment. What its lease guards leaves with its fence, and not from here."""
        if order.account.leash is not None:
            return
        last = self.last
        if last is None:
            self.first = order
        else:
            order.ahead = last
            last.behind = order
        self.last = order
        self.count += 1

    def take(self) -> Order:
        """The one that has been closed for longest leaves the chain."""
        order = self.first
        assert order is not None
        behind = order.behind
        self.first = behind
        if behind is None:
            self.last = None
        else:
            behind.ahead = None
            order.behind = None
        self.count -= 1
        return order

    def before(self, at: int, most: int) -> tuple[int, Order | None]:
        """How many were closed before this time, up to so many, and the last of those."""
        count, last, order = 0, None, self.first
        while order is not None and count < most and order.updated_at < at:
            count, last, order = count + 1, order, order.behind
        return count, last

    def orders(self) -> Iterator[Order]:
        order = self.first
        while order is not None:
            yield order
            order = order.behind
