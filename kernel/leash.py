"""The lease of a market-making order, as far as the book has to know it: on that its account is kept."""

from dataclasses import dataclass, field
from typing import Final

from kernel.campaign import Participation

PLACEMENTS_MAX: Final = 64
"""Orders that may be placed under one lease."""


@dataclass(slots=True, eq=False)
class Leash:
    """No more than the checks of a placement need; the order that it belongs to has the rest."""

    order_id: str
    until: int | None = None
    """When the lease ends; null while there is none."""
    placements: int = 0
    """Under the newest lease."""
    participation: Participation | None = None
    """What its orders earn for, while the campaign runs that it takes part in."""
    burn_keys: list[str] = field(default_factory=list)
    """Of the burns since the fence rose last."""
