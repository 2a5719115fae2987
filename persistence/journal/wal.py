"""The rows of the journal: how facts are laid out in wal_events, and the chain of digests over them.

It knows the table and neither who may write it nor when.

The chain. Each transaction of the journal ends with a digest:

    SHA-256( the digest before (at the beginning 32 zero bytes),
             then for each row of the transaction, in order of id:
                 its columns id, created_at, market_id, event_type, payload, command, digest )

as PostgreSQL's binary COPY has them: 00 07 ahead of the row, then for each column four bytes of length
(ff ff ff ff for null) and the value: integers and microseconds since 2000-01-01 big-endian, texts and JSON
as their UTF-8 bytes. The digest column counts as null, also in the last row, which carries the result. These
are the bytes that go over the wire anyway, so hashing them costs one pass over a buffer.
"""

import hashlib
import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec

from kernel.commands import AnyCommand
from kernel.events import JOURNAL_FORMAT, AnyEvent, Fact, decode_event, encode_event, event_type
from kernel.filing import Filed, filed, unfiled
from kernel.journal import Decided, JournalError, Page, check_order
from persistence import DatabaseUnusableError
from persistence.postgres.database import Connection
from persistence.postgres.packing import EPOCH_US, SIGNATURE, TRAILER, name, null

COLUMNS: Final = ("id", "created_at", "market_id", "event_type", "payload", "command", "digest")
GENESIS: Final = bytes(32)
"""What the first transaction's digest is taken over."""

BATCH: Final = 2_500
"""Rows that a reader holds at once: some 2 MB, four times as much while they are unpacked."""
LAST: Final = 2**63 - 1
"""No journal comes that far."""
# COPY takes no parameters: its bounds are written into it.
COPY_SOME: Final = (
    f"SELECT {', '.join(COLUMNS)} "  # noqa: S608 - our own words
    "FROM wal_events WHERE id > %d AND id <= %d ORDER BY id LIMIT %d"
)
# The driver decodes a number faster than a time.
READ: Final = """
    SELECT id, (extract(epoch FROM created_at) * 1000000)::BIGINT AS at, market_id, payload, digest,
           command IS NOT NULL AS begins
    FROM wal_events WHERE id > $1 ORDER BY id
"""

Record = Any  # of asyncpg, which only the bridge imports

length: Final = struct.Struct(">i").pack
_HEAD = struct.Struct(">hiqiq").pack
beginning_of: Final = struct.Struct(">hiqiqi").unpack_from
size_at: Final = struct.Struct(">i").unpack_from
_TYPES: Final[dict[type[AnyEvent], bytes]] = {}


class FiledRequest(msgspec.Struct, frozen=True, gc=False):
    """What is filed beside a command's first fact: what was asked for, and by which request."""

    correlation_id: str
    command: Filed


class JournalRow(msgspec.Struct, frozen=True, gc=False):
    """A row of the journal as it was read."""

    id: int
    at: int
    market_id: str | None
    event_type: str
    payload: bytes
    command: bytes | None
    digest: bytes | None
    columns: bytes
    """All columns but the digest, as COPY has them: what the chain is taken over."""

    def fact(self) -> Fact:
        return Fact(self.id, self.at, self.market_id, decode_event(self.payload))


class Group(msgspec.Struct, frozen=True):
    """One transaction of the journal, ready to be sent."""

    first: int
    last: int
    commands: int
    digest: bytes
    """Of the chain, as of `last`."""
    rows: bytearray
    """The whole input of one COPY."""


encode_request = msgspec.json.Encoder().encode


def decode_request(data: bytes | str) -> tuple[str, AnyCommand]:
    """The correlation id, and the command as it was given."""
    request = msgspec.json.decode(data)
    return request["correlation_id"], unfiled(request["command"])


def pack(decided: Sequence[Decided]) -> Page:
    """The facts of these commands as rows, in one piece."""
    parts: list[bytes] = []
    first, facts, commands = 0, 0, 0
    for one in decided:
        if not one.outcome.facts:
            continue
        commands += 1
        request = _json(encode_request(FiledRequest(one.correlation_id, filed(one.command))))
        for fact in one.outcome.facts:
            if not facts:
                first = fact.id
            elif fact.id != first + facts:
                raise JournalError(f"expected fact {first + facts}, got {fact.id}")
            facts += 1
            payload = encode_event(fact.event)
            parts += (
                row_head(fact.id, fact.at),
                name(fact.market_id) if fact.market_id is not None else null,
                _TYPES.get(type(fact.event)) or _type(fact.event),
                length(len(payload)),
                payload,
                request,
                null,
            )
            request = null
    return Page(first, facts, commands, b"".join(parts))


def group(pages: Sequence[Page], head: int, digest: bytes) -> Group | None:
    """These pages as the transaction that follows `head`; None if there are no facts in them."""
    check_order(pages, head)
    facts = sum(page.facts for page in pages)
    if not facts:
        return None
    rows = bytearray().join((SIGNATURE, *(page.content for page in pages)))
    chained = hashlib.sha256(digest)
    chained.update(memoryview(rows)[len(SIGNATURE) :])
    rows[-len(null) :] = length(32) + chained.digest() + TRAILER
    return Group(head + 1, head + facts, sum(page.commands for page in pages), chained.digest(), rows)


def row_head(journal_id: int, at: int) -> bytes:
    """The beginning of a row: the number of columns, which is seven, the id and the time."""
    return _HEAD(7, 8, journal_id, 8, at - EPOCH_US)


def _type(event: AnyEvent) -> bytes:
    packed = _TYPES[type(event)] = name(event_type(event))
    return packed


def _json(text: bytes) -> bytes:
    return length(len(text)) + text


async def end(connection: Connection) -> tuple[int, bytes]:
    """The id and the digest of the newest row; 0 and the first digest where there is none."""
    row = await connection.fetch_row("SELECT id, digest FROM wal_events ORDER BY id DESC LIMIT 1")
    return (row["id"], row["digest"]) if row is not None else (0, GENESIS)


async def check_format(connection: Connection) -> None:
    """Refuse a journal whose payloads have another format than this program reads.

    If the first row names no format, something else is wrong, and replay will find out what.
    """
    found = await connection.fetch_value("""
        SELECT COALESCE((SELECT payload->>'format' FROM wal_events WHERE id = 1),
                        (SELECT journal_format::TEXT FROM journal_archive WHERE first_id = 1))
    """)
    if found not in (None, str(JOURNAL_FORMAT)):
        raise DatabaseUnusableError(
            f"the journal has format {found}, this program reads {JOURNAL_FORMAT}: "
            "start the Verdict that wrote it, or a newer one"
        )


async def some_rows(connection: Connection, after: int, last: int = LAST) -> list[JournalRow]:
    """The rows of the table with ids above `after`, up to `last`, in order: the first few thousand."""
    return unpack(await some_page(connection, after, last))


async def some_page(connection: Connection, after: int, last: int) -> bytes:
    """The same, as COPY gives them."""
    return await connection.copy_out(COPY_SOME % (after, last, BATCH))


def first_in(page: bytes) -> int | None:
    """The id of its first row, if it has any."""
    if len(page) == len(SIGNATURE) + len(TRAILER):
        return None
    journal_id: int = beginning_of(page, len(SIGNATURE))[2]
    return journal_id


def page_of(rows: Sequence[JournalRow]) -> bytes:
    """What COPY would give of them."""
    parts = [SIGNATURE]
    for row in rows:
        parts += row.columns, null if row.digest is None else length(len(row.digest)) + row.digest
    return b"".join((*parts, TRAILER))


def unpack(data: bytes) -> list[JournalRow]:
    """The rows in what COPY gives."""
    found: list[JournalRow] = []
    place, end = len(SIGNATURE), len(data) - len(TRAILER)
    while place < end:
        start = place
        _, _, journal_id, _, at, size = beginning_of(data, place)
        place += 30
        market_id = command = digest = None
        if size >= 0:
            market_id = word(data[place : (place := place + size)])
        (size,) = size_at(data, place)
        event_type = word(data[place + 4 : (place := place + 4 + size)])
        (size,) = size_at(data, place)
        payload = data[place + 4 : (place := place + 4 + size)]
        (size,) = size_at(data, place)
        place += 4
        if size >= 0:
            command = data[place : (place := place + size)]
        (size,) = size_at(data, place)
        columns = data[start:place]
        place += 4
        if size >= 0:
            digest = data[place : (place := place + size)]
        found.append(
            JournalRow(journal_id, at + EPOCH_US, market_id, event_type, payload, command, digest, columns)
        )
    return found


@lru_cache(maxsize=1 << 16)
def word(value: bytes) -> str:
    """A text that recurs: a market's id, a type."""
    return value.decode()


def fact_of(row: Record) -> Fact:
    return Fact(
        row["id"],
        row["at"],
        row["market_id"],
        decode_event(row["payload"]),
    )
