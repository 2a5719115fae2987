"""Pages and filters: how query strings are read, and the cursors that lead from page to page.

A cursor names the last item of a page; the next page is what follows it. To callers it is opaque.
"""

import base64
import binascii
import enum
import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final, Generic, TypeVar

import msgspec
import msgspec.inspect
from msgspec import UNSET, Meta, UnsetType

from adapters.runtime.times import to_microseconds
from adapters.wire.decoding import read_members
from adapters.wire.requests import Time
from adapters.wire.status import RefusedError, malformed

T = TypeVar("T")
Q = TypeVar("Q", bound=msgspec.Struct)
E = TypeVar("E", bound=enum.StrEnum)

LIMIT: Final = 20
WHOLE: Final = re.compile(r"-?[0-9]{1,19}")


class PageQuery(msgspec.Struct, frozen=True, kw_only=True):
    limit: Annotated[int, Meta(ge=1, le=100)] = LIMIT
    cursor: str | None = None
    """From the previous page."""


class Page(msgspec.Struct, Generic[T], frozen=True):
    items: list[T]
    next_cursor: str | None
    has_more: bool


class HistoryPage(Page[T], Generic[T], frozen=True):
    """A page of what leaves the exchange's tables in the end."""

    complete_since: Annotated[str, Meta(extra_json_schema={"format": "date-time"})] | UnsetType = UNSET
    """On the last page, where older items are no longer kept: from when on they are all there."""


def page(rows: Sequence[Any], limit: int, shape: Callable[[Any], T], cursor: Callable[[Any], str]) -> Page[T]:
    """Make a page; `rows` has one more than fits if there is a next page."""
    shown = rows[:limit]
    has_more = len(rows) > limit
    return Page([shape(row) for row in shown], cursor(shown[-1]) if has_more else None, has_more)


def read_query(query: type[Q], given: Mapping[str, str]) -> Q:
    """Read the parameters of a query string; unknown ones are ignored."""
    for name in numbers_in(query) & given.keys():
        if not WHOLE.fullmatch(given[name]):
            raise malformed((name, "must be a whole number"))
    read = read_members(query, given, strict=False)
    for name in given:
        if getattr(read, name, "") is None:  # the lenient conversion takes the text "null" for None
            raise malformed((name, "is not a value it can have"))
    return read


@functools.cache
def numbers_in(query: type[msgspec.Struct]) -> frozenset[str]:
    """The integer parameters of a query; the lenient conversion would accept 1.0 and 1e1 for them."""
    described = msgspec.inspect.type_info(query)
    assert isinstance(described, msgspec.inspect.StructType)
    return frozenset(
        field.name for field in described.fields if isinstance(field.type, msgspec.inspect.IntType)
    )


def one_of(kind: type[E], text: str | None, name: str) -> list[E] | None:
    """A filter that lists names, separated by commas; None where there is no filter."""
    if text is None:
        return None
    try:
        return [kind(part) for part in text.split(",")]
    except ValueError:
        raise malformed((name, f"must be of {', '.join(kind)}")) from None


def read_time(text: str, name: str) -> int:
    """A time in a query string, in microseconds since 1970."""
    try:
        return to_microseconds(msgspec.convert(text, Time))
    except msgspec.ValidationError:
        raise malformed((name, "must be a time with an offset, as 2026-11-20T10:00:00Z")) from None


# Cursors


class Place(msgspec.Struct, frozen=True, omit_defaults=True):
    id: str
    ts: str | None = None


def cursor_at(item: str, ts: str | None = None) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(Place(item, ts))).rstrip(b"=").decode()


def read_cursor(cursor: str) -> Place:
    try:
        data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(data, type=Place)
    except (binascii.Error, ValueError, RecursionError):
        raise bad_cursor() from None


def read_number(cursor: str | None, prefix: str = "") -> int | None:
    """The number in a cursor, without its prefix."""
    if cursor is None:
        return None
    number = number_of(read_cursor(cursor).id, prefix)
    if number is None:
        raise bad_cursor()
    return number


def number_of(text: str, prefix: str) -> int | None:
    digits = text.removeprefix(prefix)
    if not text.startswith(prefix) or not (digits.isascii() and digits.isdigit() and len(digits) <= 19):
        return None
    number = int(digits)
    return number if number < 2**63 else None


def bad_cursor() -> RefusedError:
    return malformed(("cursor", "is not from a page of this list"))
