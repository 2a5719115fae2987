"""Moves the journal's oldest parts out of the database, into the files of the archive.

Nothing leaves the database that is not in a file, which lies on the disk and was read back. A file is
finished under another name, then known to the database, and then a part leaves. Killed anywhere, it is
begun again and goes on from there: what a file holds follows from the journal alone, so a second attempt
writes the same bytes.
"""

import gzip
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import attrs
import msgspec

from kernel.events import JOURNAL_FORMAT
from persistence import DatabaseUnusableError
from persistence.journal import snapshots
from persistence.journal.archive import (
    FORMAT,
    Archived,
    Header,
    Trailer,
    archived,
    assert_there,
    end_of_archive,
    read,
    rows,
    signed,
    verified,
)
from persistence.journal.chain import Chain
from persistence.journal.lines import encode, line_of
from persistence.journal.parts import SIZE, Part, parts
from persistence.journal.recovery import ReportProgress
from persistence.journal.seals import SealKey
from persistence.journal.wal import GENESIS
from persistence.postgres.database import Connection, Database
from persistence.postgres.locks import Lock
from persistence.tables.sql_audit import NETTED

KEPT: Final = 10_000_000
"""Rows that stay: the command stream tells half as many again to those who resume."""
SNAPSHOTS: Final = 2
"""So many that verify, all of what they need stays."""
COMPRESSION: Final = 6

# Seals show that nothing was changed before it left; the cursor's own row is read when the projector starts.
BOUND: Final = """
    SELECT least((SELECT min(journal_id) FROM snapshots), (SELECT journal_id FROM projector_cursor),
                 (SELECT coalesce(max(last_id), 0) FROM journal_seals),
                 (SELECT coalesce(max(id), 0) - $1 FROM wal_events))
"""
END: Final = "SELECT id FROM wal_events WHERE id >= $1 AND digest IS NOT NULL ORDER BY id LIMIT 1"
KNOW: Final = f"""
    INSERT INTO journal_archive (first_id, last_id, digest, journal_format, begun_at, ended_at, netted,
                                 sha256, signature, folder, file)
    SELECT $1, $2, $3, $4, min(created_at), max(created_at),
           (SELECT coalesce(jsonb_object_agg(market_id, cents), '{{}}')
            FROM (SELECT market_id, sum({NETTED}) AS cents FROM wal_events
                  WHERE event_type = 'NETTING_EXECUTED' AND id BETWEEN $1 AND $2 GROUP BY market_id) AS sums),
           $5, $6, $7, $8
    FROM wal_events WHERE id IN ($1, $2)
"""  # noqa: S608 - our own words
# Those that are leaving, and those that have left and stand there still.
LEAVING: Final = r"""
    SELECT relname, relispartition FROM pg_class LEFT JOIN pg_inherits ON inhrelid = oid
    WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND relname ~ '^wal_events_\d+$'
      AND coalesce(inhdetachpending, TRUE)
    ORDER BY relname
"""


@attrs.define(eq=False)
class Archiver:
    """One run of it."""

    connection: Connection
    key: SealKey
    folder: Path
    kept: int = KEPT
    tell: Callable[[str], None] = lambda step: None
    """Called with what is done next."""
    progress: ReportProgress = lambda done, total: None
    _verified: set[str] = attrs.field(factory=set, init=False)
    """The files that were read back since this began."""

    async def run(self) -> int:
        """Move all that may leave; returns the last row that has left."""
        await self._find_files()
        await self._take_out()
        bound = await self._bound()
        while (last := await self._next_end(bound)) is not None:
            await self._write(last)
            await self._take_out()
        return await end_of_archive(self.connection)

    async def _find_files(self) -> None:
        """Go on with files that were moved here by hand.

        Where one is missing nothing more is written: a disk that is mounted later would hide it.
        """
        for one in await archived(self.connection):
            here = msgspec.structs.replace(one, folder=str(self.folder))
            if one == here:
                assert_there(one)
            else:
                self._read_back(here)
                await self.connection.execute(
                    "UPDATE journal_archive SET folder = $1 WHERE last_id = $2", here.folder, one.last
                )

    async def _bound(self) -> int:
        """The first row that has to stay."""
        whole = 0
        async with aclosing(snapshots.verified(self.connection, self.key)) as exchanges:
            async for _ in exchanges:
                whole += 1
                if whole == SNAPSHOTS:
                    return int(await self.connection.fetch_value(BOUND, self.kept))
        return 0

    async def _next_end(self, bound: int) -> int | None:
        """The row with which the next file ends: it ends a transaction, mostly one that lies across parts."""
        (oldest, *newer) = await parts(self.connection)
        if not newer or oldest.last >= bound:
            return None
        # The part that was the whole table once may be of any size.
        enough = min(oldest.last, await end_of_archive(self.connection) + SIZE)
        end: int | None = await self.connection.fetch_value(END, enough)
        return end if end is not None and end < bound else None

    async def _write(self, last: int) -> None:
        before = await archived(self.connection)
        first = before[-1].last + 1 if before else 1
        file = self.folder / f"journal-{first:012}-{last:012}.jsonl.gz"
        unfinished = file.with_name(file.name + ".part")
        self.tell(f"writing rows {first:,} to {last:,} into {file}")
        unfinished.unlink(missing_ok=True)
        try:
            trailer = await self._write_lines(unfinished, first, last, before)
        except OSError as trouble:
            # Half a file would keep a full disk full.
            unfinished.unlink(missing_ok=True)
            raise OSError(trouble.errno, trouble.strerror, str(unfinished)) from trouble
        self.tell("reading it back")
        if self._content(unfinished) != trailer:
            raise DatabaseUnusableError(f"{unfinished} does not hold what was written: is its disk failing?")
        if file.exists():
            if self._content(file) != trailer:
                raise DatabaseUnusableError(
                    f"{file} holds another journal: move it away, or name another folder"
                )
            unfinished.unlink()
        else:
            self.tell("giving it its name")
            unfinished.rename(file)
            sync(self.folder)
        self.tell("noting it in the database")
        await self.connection.execute(
            KNOW,
            *(first, last, bytes.fromhex(trailer.digest), JOURNAL_FORMAT, bytes.fromhex(trailer.sha256)),
            *(bytes.fromhex(trailer.signature), str(self.folder), file.name),
        )
        self._verified.add(file.name)

    async def _write_lines(self, file: Path, first: int, last: int, before: list[Archived]) -> Trailer:
        digest, after = (before[-1].digest, before[-1].sha256.hex()) if before else (GENESIS, None)
        header = encode(Header(FORMAT, JOURNAL_FORMAT, first, last, digest.hex(), after)) + b"\n"
        written, chain, expected = hashlib.sha256(header), Chain(first - 1, digest), first
        # What everybody did stands in it: who may read it is for its owner to say.
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as raw:
            with gzip.GzipFile("", "wb", COMPRESSION, raw, mtime=0) as out:
                out.write(header)
                async with aclosing(rows(self.connection, first - 1, last)) as batches:
                    async for batch in batches:
                        for row in batch:
                            broken = chain.add(row.id, row.columns, row.digest)
                            if broken is not None or row.id != expected:
                                raise damaged(broken or f"row {expected} is missing")
                            expected, line = expected + 1, line_of(row)
                            digest = row.digest or digest
                            written.update(line)
                            out.write(line)
                        self.progress(expected - first, last - first + 1)
                if (broken := chain.end()) is not None or expected != last + 1:
                    raise damaged(broken or f"row {expected} is missing")
                content = written.digest()
                signature = self.key.signed(signed(first, last, content))
                public = self.key.public.hex()
                trailer = Trailer(last - first + 1, digest.hex(), content.hex(), public, signature.hex())
                out.write(encode(trailer) + b"\n")
            raw.flush()
            os.fsync(raw.fileno())
        return trailer

    def _content(self, file: Path) -> Trailer:
        """The last line of a file, all of which was read."""
        reading = verified(file)
        try:
            while True:
                next(reading)
        except StopIteration as end:
            trailer: Trailer = end.value
            return trailer

    async def check_times(self, begin: datetime, end: datetime) -> None:
        """Read the files back that hold what happened between two moments."""
        found = await self.connection.fetch(
            "SELECT last_id FROM journal_archive WHERE begun_at < $2 AND ended_at >= $1", begin, end
        )
        held = {row["last_id"] for row in found}
        for one in await archived(self.connection):
            if one.last in held:
                self._read_back(one)

    def _read_back(self, one: Archived) -> None:
        if one.file not in self._verified:
            for _ in read(one):
                pass
            self._verified.add(one.file)

    async def _take_out(self) -> None:
        """Let the parts go all of whose rows are in files, and finish what an earlier run began."""
        end = await end_of_archive(self.connection)
        for row in await self.connection.fetch(LEAVING):
            await self._drop(row["relname"], end, is_leaving=row["relispartition"])
        for part in await parts(self.connection):
            if part.last <= end:
                await self._check_files(part)
                self.tell(f"taking {part.name} out of the journal")
                # Beside whoever writes. It waits for those who are reading the journal in one transaction.
                await self.connection.execute(
                    f"ALTER TABLE wal_events DETACH PARTITION {part.name} CONCURRENTLY"
                )
                await self._drop(part.name, end, is_leaving=False)

    async def _drop(self, name: str, end: int, *, is_leaving: bool) -> None:
        held = await self.connection.fetch_row(f"SELECT min(id), max(id) FROM {name}")  # noqa: S608 - our own name
        assert held is not None
        if held["max"] is None or held["max"] > end:
            raise DatabaseUnusableError(
                f"table {name} is no part of wal_events, and no file has all its rows: somebody else made it"
            )
        await self._check_files(Part(name, held["min"], held["max"]))
        if is_leaving:
            self.tell(f"finishing to take {name} out of the journal")
            await self.connection.execute(f"ALTER TABLE wal_events DETACH PARTITION {name} FINALIZE")
        self.tell(f"dropping {name}")
        await self.connection.execute(f"DROP TABLE {name}")

    async def _check_files(self, part: Part) -> None:
        """Nothing goes before the files that hold it were read back."""
        for one in await archived(self.connection, part.first):
            if one.first <= part.last:
                self._read_back(one)


@asynccontextmanager
async def alone(database: Database) -> AsyncIterator[Connection]:
    """A connection that nobody else moves rows beside."""
    connection = await database.connect()
    try:
        if not await connection.fetch_value("SELECT pg_try_advisory_lock($1)", Lock.ARCHIVE):
            raise DatabaseUnusableError("another `verdict archive` is at work on this database: wait for it")
        yield connection
    finally:
        connection.abandon()


def damaged(trouble: str) -> DatabaseUnusableError:
    return DatabaseUnusableError(
        f"the journal is damaged and was not archived ({trouble}): `verdict replay --verify` tells more"
    )


def sync(folder: Path) -> None:
    """Have the names of its files on the disk, too."""
    opened: Any = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
