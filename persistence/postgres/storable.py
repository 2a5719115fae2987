"""What PostgreSQL can hold of the exchange's values, as the driver takes them.

What the kernel accepts today all fits; these are also for old journals, which may hold more.
"""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import structlog

from persistence.postgres.packing import cut

log = structlog.get_logger(__name__)

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# Not the very first and last that Python has: the driver takes those for infinite.
FIRST: Final = (datetime.min.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1) + 1
LAST: Final = (datetime.max.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1) - 1


def storable_time(at: int | None) -> datetime | None:
    """Microseconds since 1970 as a time; where UTC has no such date, the first or the last that it has."""
    if at is None:
        return None
    if FIRST <= at <= LAST:
        return EPOCH + timedelta(microseconds=at)
    log.warning("the tables cannot hold this as it is", time=at)
    return EPOCH + timedelta(microseconds=min(max(at, FIRST), LAST))


def storable_text(words: str | None, most: int | None = None) -> str | None:
    """PostgreSQL has no character 0 in its texts: the replacement character stands for it."""
    if words is None:
        return None
    return (words if most is None else cut(words, most)).replace("\0", "\ufffd")


def storable_json(value: Any) -> str:
    """A JSON value whose texts are all storable."""
    return json.dumps(_storable(value), ensure_ascii=False)


def plain_json(stored: str) -> Any:
    """As exact numbers: PostgreSQL writes 1e300 as 301 digits, which are not the double they came from."""
    return json.loads(stored, parse_float=Decimal, parse_int=Decimal)


def _storable(value: Any) -> Any:
    match value:
        case str():
            return storable_text(value)
        case dict():
            return {_storable(key): _storable(inner) for key, inner in value.items()}
        case list():
            return [_storable(inner) for inner in value]
        case _:
            return value
