"""A market's desk for market-making orders: which there are, and when something is due for which.

Cycles and deadlines each stand in the order of their time, and then of the order's id. It knows no order.
The ends of campaigns stand among the deadlines, too: by their own ids, which no order has.
"""

from bisect import bisect_left, insort

from kernel.campaign import Campaign


class Agenda:
    """Times with the orders that they are for, the earliest first."""

    __slots__ = ("entries",)

    def __init__(self) -> None:
        self.entries: list[tuple[int, str]] = []

    def move(self, order_id: str, old: int | None, new: int | None) -> None:
        """An order has another time, or has one, or has none any more."""
        if old is not None:
            place = bisect_left(self.entries, (old, order_id))
            assert self.entries[place] == (old, order_id)
            del self.entries[place]
        if new is not None:
            insort(self.entries, (new, order_id))

    def first(self) -> int | None:
        """The earliest time."""
        return self.entries[0][0] if self.entries else None

    def until(self, at: int, count: int) -> list[str]:
        """The orders, at most so many, whose time has come."""
        found: list[str] = []
        for time, order_id in self.entries:
            if time > at or len(found) == count:
                break
            found.append(order_id)
        return found


class Desk:
    """The orders of one market that are not over, by their ids."""

    __slots__ = ("active", "campaigns", "cycles", "deadlines", "order_ids", "unsent")

    def __init__(self) -> None:
        self.order_ids: list[str] = []
        """In ascending order."""
        self.active = 0
        """How many of them count against limits."""
        self.cycles = Agenda()
        """When the next cycle of each order that runs, and that nobody is at, may begin."""
        self.deadlines = Agenda()
        """When time alone changes an order: the earliest of its deadlines; or ends a campaign."""
        self.campaigns: dict[str, Campaign] = {}
        """Those that are active."""
        self.unsent: list[str] = []
        """Those paid for a venue elsewhere of which nothing has left: in ascending order."""

    def is_due(self, at: int) -> bool:
        """Whether a deadline has passed."""
        first = self.deadlines.first()
        return first is not None and first <= at
