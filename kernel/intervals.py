"""The intervals that a market's past is summed up in: their names, and how long they are.

The kernel itself sums up nothing. They stand here because two packages that do not know each other agree on
them: who fills the table of candles, and who answers from it.
"""

from typing import Final

MINUTE: Final = "1m"
INTERVALS: Final = {MINUTE: 60_000_000, "5m": 300_000_000, "1h": 3_600_000_000, "1d": 86_400_000_000}
"""In microseconds. Each begins at multiples of its length since 1970; each is made of whole shorter ones."""


def beginning(at: int, length: int) -> int:
    """When the interval began that a time is in."""
    return at - at % length
