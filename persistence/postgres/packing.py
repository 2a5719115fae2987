"""Rows in PostgreSQL's binary COPY format, packed by ourselves: the quickest way in from Python.

It knows how values are laid out on the wire, each after its length; it knows no table.
"""

import hashlib
import struct
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final

import structlog

log = structlog.get_logger(__name__)

ID: Final = 64
KEY: Final = 128
TITLE: Final = 500
SHORT: Final = 50
"""Characters of the tables' columns. What the kernel accepts fits them; an old journal may hold more."""

SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
TRAILER: Final = struct.pack(">h", -1)
EPOCH_US: Final = 946_684_800_000_000
"""PostgreSQL counts its microseconds from 2000-01-01, the exchange from 1970-01-01."""

null: Final = struct.pack(">i", -1)

_INT4 = struct.Struct(">ii").pack
_INT8 = struct.Struct(">iq").pack
_LENGTH = struct.Struct(">i").pack


def table(rows: Iterable[bytes]) -> bytearray:
    """Rows, in any number of pieces, as the whole of what one COPY takes."""
    return bytearray().join((SIGNATURE, *rows, TRAILER))


def header(columns: int) -> bytes:
    """What a row begins with."""
    return struct.pack(">h", columns)


def fixed(layout: str) -> Callable[..., bytes]:
    """What packs columns of fixed sizes, each behind its length, in one go."""
    return struct.Struct(f">{layout}").pack


def int4(value: int) -> bytes:
    return _INT4(4, value)


def int8(value: int) -> bytes:
    return _INT8(8, value)


def cut(value: str, most: int) -> str:
    """A text as a column of so many characters holds it. Two long ones that differ stay two."""
    if len(value) <= most:
        return value
    log.warning("the tables cannot hold this as it is", text=value[:ID], characters=len(value), cut_to=most)
    return f"{value[: most - 17]}\u2026{hashlib.sha256(value.encode()).hexdigest()[:16]}"


@lru_cache(maxsize=1 << 16)
def id_text(value: str) -> bytes:
    """The name of an account, which comes again and again."""
    return text(cut(value, ID))


def text(value: str) -> bytes:
    """A text. PostgreSQL has no character 0 in its texts: it is shown as the replacement character."""
    data = value.encode()
    if b"\0" in data:
        data = value.replace("\0", "\ufffd").encode()
    return _LENGTH(len(data)) + data


def text_of(characters: int) -> Callable[[str], bytes]:
    """What packs texts for a column of so many characters."""

    def pack(value: str) -> bytes:
        data = value.encode()
        if (
            len(data) <= characters and b"\0" not in data
        ):  # nearly always, and no text has more of them than bytes
            return _LENGTH(len(data)) + data
        return text(cut(value, characters))

    return pack


name = lru_cache(maxsize=1 << 16)(text)
"""A text that comes again and again: an account, a market, a type."""


def uuid(value: str) -> bytes:
    return b"\0\0\0\x10" + bytes.fromhex(value.replace("-", ""))


def bytes_or_null(value: bytes | None) -> bytes:
    return null if value is None else _LENGTH(len(value)) + value
