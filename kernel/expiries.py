"""When orders end by themselves, the next one first. It knows nothing else of them.

An order that has ended otherwise is not looked for: it goes when it comes to the top, or when there are more
of its kind than of others. So whoever places and cancels without end fills no memory.
"""

from heapq import heapify, heappop, heappush
from typing import Final, Generic, Protocol, TypeVar

LEAST: Final = 64
"""Entries for which nobody is sent away."""


class Ending(Protocol):
    """What ends."""

    @property
    def is_live(self) -> bool: ...


Order = TypeVar("Order", bound=Ending)


class Expiries(Generic[Order]):
    """The orders of one market, or of all, by time and then by acceptance."""

    __slots__ = ("entries", "room")

    def __init__(self) -> None:
        self.entries: list[tuple[int, int, Order]] = []
        """A heap: the time, the place in the order of acceptance, the order."""
        self.room = LEAST
        """With so many entries it is time to look for those that have ended."""

    def add(self, at: int, place: int, order: Order) -> None:
        if len(self.entries) >= self.room:
            self.entries = [entry for entry in self.entries if entry[2].is_live]
            heapify(self.entries)
            self.room = max(LEAST, 2 * len(self.entries))
        heappush(self.entries, (at, place, order))

    def first(self) -> tuple[int, int, Order] | None:
        """The next to end of those that have not ended yet."""
        entries = self.entries
        while entries and not entries[0][2].is_live:
            heappop(entries)
        return entries[0] if entries else None
