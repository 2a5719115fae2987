"""The journal as a file: to keep elsewhere, to hand to an auditor, to bring to another database.

One JSON value on each line, in UTF-8:

    {"verdict_journal": 1}                                                  what it is, and how it is written
    {"id", "at", "market_id", "event_type", "payload", "command", "digest"} each row of the journal (lines.py)
    {"rows", "sha256"}                                                      the end: how many, and the hash

`sha256` is taken over every byte ahead of its own line; `digest` is the journal's own chain. So a file needs
nothing beside it to be verified; neither writing nor reading one holds more than a few thousand rows.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from kernel.events import JOURNAL_FORMAT, JournalOpened, decode_event, event_type
from persistence import DatabaseUnusableError
from persistence.journal.archive import rows
from persistence.journal.chain import Chain
from persistence.journal.lines import LINE_MAX, encode, line_of, row_of
from persistence.journal.parts import make_room
from persistence.journal.recovery import ReportProgress
from persistence.journal.wal import COLUMNS
from persistence.postgres.database import Connection
from persistence.postgres.packing import bytes_or_null, table

FORMAT: Final = 1
AT_ONCE: Final = 5_000
"""Rows sent to the database at once."""


class PortableError(Exception):
    """This is no whole and unaltered journal; the message is one line and says where."""


class Header(msgspec.Struct, forbid_unknown_fields=True):
    verdict_journal: int


class Trailer(msgspec.Struct, forbid_unknown_fields=True):
    rows: int
    sha256: str


decode_header = msgspec.json.Decoder(Header).decode
decode_trailer = msgspec.json.Decoder(Trailer).decode


async def export_journal(connection: Connection, file: Path, progress: ReportProgress) -> int:
    """Write the journal to a file, which has its name only when it is whole; returns how many rows."""
    unfinished = file.with_name(file.name + ".part")
    try:
        unfinished.unlink(missing_ok=True)
        # What everybody did stands in it: who may read it is for its owner to say.
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            count = await write_lines(connection, out, progress)
            out.flush()
            os.fsync(out.fileno())
        unfinished.rename(file)
    finally:
        unfinished.unlink(missing_ok=True)
    return count


async def write_lines(connection: Connection, out: BinaryIO, progress: ReportProgress) -> int:
    head = await connection.fetch_value("SELECT COALESCE(MAX(id), 0) FROM wal_events")
    header = encode(Header(FORMAT)) + b"\n"
    out.write(header)
    count, chain, written = 0, Chain(), hashlib.sha256(header)
    async with aclosing(rows(connection, 0, head)) as batches:
        async for batch in batches:
            for row in batch:
                count += 1
                broken = chain.add(row.id, row.columns, row.digest)
                if broken is not None or row.id != count:
                    raise damaged(broken or f"row {count} is missing")
                line = line_of(row)
                written.update(line)
                out.write(line)
            progress(count, head)
    if (broken := chain.end()) is not None:
        raise damaged(broken)
    out.write(encode(Trailer(count, written.hexdigest())) + b"\n")
    return count


def damaged(trouble: str) -> DatabaseUnusableError:
    return DatabaseUnusableError(
        f"the journal is damaged and was not exported ({trouble}): `verdict replay --verify` tells more"
    )


async def import_journal(connection: Connection, file: Path, progress: ReportProgress) -> int:
    """Fill an empty journal from a file: all of it, or nothing."""
    if await connection.fetch_value("SELECT EXISTS (SELECT FROM wal_events)"):
        raise DatabaseUnusableError(
            "the journal is not empty: import into a new database (another VERDICT_DATA or DATABASE_URL)"
        )
    size, count, room = file.stat().st_size, 0, 0
    some: list[bytes] = []
    with file.open("rb") as source:
        async with connection.transaction():
            for row in verified_rows(source):
                if count == room:
                    room = await make_room(connection, count + 1)
                some.append(row)
                count += 1
                if count % AT_ONCE == 0 or count == room:
                    await connection.copy_in("wal_events", COLUMNS, table(some))
                    some = []
                    progress(source.tell(), size)
            if some:
                await connection.copy_in("wal_events", COLUMNS, table(some))
    return count


def verified_rows(source: BinaryIO) -> Iterator[bytes]:
    """The rows of a file, packed for COPY; when the file is not whole, an error, at the latest at the end."""
    seen, chain = hashlib.sha256(), Chain()
    line = source.readline(LINE_MAX)
    try:
        header = decode_header(line)
    except msgspec.DecodeError:
        raise PortableError("it is not an export of a journal") from None
    if header.verdict_journal != FORMAT:
        raise PortableError(f"it is of format {header.verdict_journal}, this program reads {FORMAT}")
    count = latest = 0
    while True:
        seen.update(line)
        line = source.readline(LINE_MAX)
        if not line.endswith(b"\n"):
            raise PortableError(f"it is cut off after row {count}")
        if line.startswith(b'{"rows"'):
            break
        count += 1
        try:
            row = row_of(line)
            event = decode_event(row.payload)
        except ValueError as error:
            raise PortableError(f"row {count} is altered: {error}") from None
        if isinstance(event, JournalOpened) and event.format != JOURNAL_FORMAT:
            raise PortableError(f"its journal has format {event.format}, this program reads {JOURNAL_FORMAT}")
        if row.id != count or row.at < latest or row.event_type != event_type(event):
            raise PortableError(f"row {count} is altered, or rows before it are missing")
        latest = row.at
        if (broken := chain.add(row.id, row.columns, row.digest)) is not None:
            raise PortableError(broken)
        yield row.columns + bytes_or_null(row.digest)
    if (broken := chain.end()) is not None:
        raise PortableError(broken)
    check_end(line, count, seen.hexdigest(), source)


def check_end(line: bytes, count: int, digest: str, source: BinaryIO) -> None:
    try:
        trailer = decode_trailer(line)
    except msgspec.DecodeError as error:
        raise PortableError(f"its last line is altered: {error}") from None
    if trailer.rows != count or trailer.sha256 != digest:
        raise PortableError(f"its {count} rows are not those it was written with")
    if source.read(1):
        raise PortableError("something follows its end")
