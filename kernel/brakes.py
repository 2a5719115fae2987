"""The state of an order group: how many shares its orders traded lately, and whether it brakes.

Time is cut into slots of a sixtieth of the window. The slot that runs and the sixty before it count, so no
fill of the window is ever left out, and none counts for more than a slot longer. It knows no orders.
"""

from dataclasses import dataclass, field
from typing import Final

from kernel.codes import GroupState

SLOTS: Final = 60
"""What a window is cut into."""


@dataclass(slots=True, eq=False)
class Group:
    """Orders of one account in one market that brake together."""

    group_id: str
    max_fill_quantity: int
    window_ms: int
    created_at: int
    updated_at: int
    state: GroupState = GroupState.ACTIVE
    triggered_at: int | None = None
    """When it was triggered last, also if it was reset since."""
    fills: dict[int, int] = field(default_factory=dict)
    """By slot, the oldest first: the shares traded in it. Never more than count at the newest of them."""

    @property
    def slot_length(self) -> int:
        """In microseconds, rounded up: sixty are never shorter than the window."""
        return -(-self.window_ms * 1000 // SLOTS)

    @property
    def last_counted(self) -> int:
        """When it last counted or was changed; since then what counts can only have become less."""
        return max(self.updated_at, max(self.fills, default=0) * self.slot_length)

    def filled(self, at: int) -> int:
        """The shares that count at this time."""
        oldest = at // self.slot_length - SLOTS
        return sum(quantity for slot, quantity in self.fills.items() if slot >= oldest)

    def room(self, at: int) -> int:
        """The shares that it may still trade at this time."""
        return self.max_fill_quantity - self.filled(at)

    def count(self, quantity: int, at: int) -> None:
        """Its orders have traded."""
        now = at // self.slot_length
        for slot in [slot for slot in self.fills if slot < now - SLOTS]:
            del self.fills[slot]
        self.fills[now] = self.fills.get(now, 0) + quantity

    def limit(self, max_fill_quantity: int, window_ms: int, at: int) -> None:
        """It has other bounds. What was counted in slots of another length says nothing about them."""
        if window_ms != self.window_ms:
            self.fills = {}
        self.max_fill_quantity = max_fill_quantity
        self.window_ms = window_ms
        self.updated_at = at

    def trigger(self, at: int) -> None:
        self.state = GroupState.TRIGGERED
        self.triggered_at = self.updated_at = at

    def reset(self, at: int) -> None:
        self.state = GroupState.ACTIVE
        self.fills = {}
        self.updated_at = at
