"""The venues that there are adapters for, by the names that orders give them."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from makers.venues.simulated import SimulatedVenue
from makers.venues.venue import Venue

ADAPTERS: Final[dict[str, Callable[[str], Venue]]] = {"simulated": lambda at: SimulatedVenue(Path(at))}
"""Each is told where its venue is."""
