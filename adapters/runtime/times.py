"""Times: the exchange counts microseconds since the Unix epoch, tables and bodies have dates."""

from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECONDS: Final = 1_000_000
"""Of a second."""
MINUTE: Final = 60
DAY: Final = 86_400


def to_datetime(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


def to_microseconds(time: datetime) -> int:
    return (time - EPOCH) // timedelta(microseconds=1)
