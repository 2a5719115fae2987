"""The archive: rows of the journal that have left the database, in files that verify by themselves.

A file holds the rows from one transaction's beginning to another's end, as lines of text, compressed by gzip:

    {"verdict_journal_archive": 1, "journal_format", "first", "last", "digest", "after"}
    {"id", "at", "market_id", "event_type", "payload", "command", "digest"}      each row, as in lines.py
    {"rows", "digest", "sha256", "public_key", "signature"}

The header's `digest` is the journal's own ahead of the first row, and `after` the `sha256` of the file
before, null in the first: so the files are a chain, and their rows are. The last line's `digest` is the
journal's as of the last row, its `sha256` taken over every byte ahead of its own line, uncompressed.
`signature` is Ed25519, by the exchange's key, over "verdict journal archive 1", first and last (eight bytes
each, big-endian) and that hash.

`journal_archive` in the database tells of each file and where it lies. Here they are read;
`tools/archiving.py` writes them.
"""

import gzip
import hashlib
import zlib
from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Final

import attrs
import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from persistence import DatabaseUnusableError
from persistence.journal import wal
from persistence.journal.chain import Chain
from persistence.journal.lines import LINE_MAX, row_of
from persistence.journal.wal import BATCH, LAST, JournalRow
from persistence.postgres.database import Connection

FORMAT: Final = 1
HOLDING: Final = """
    SELECT first_id, last_id, digest, sha256, signature, folder, file FROM journal_archive
    WHERE last_id >= $1 ORDER BY last_id
"""


class ArchiveError(DatabaseUnusableError):
    """A file of the archive that is not there, or not as it was written. The message is one line."""


class Archived(msgspec.Struct, frozen=True):
    """What the database tells of a file."""

    first: int
    last: int
    digest: bytes
    """The journal's, as of the last row."""
    sha256: bytes
    signature: bytes
    folder: str
    file: str

    @property
    def path(self) -> Path:
        return Path(self.folder, self.file)


class Header(msgspec.Struct, forbid_unknown_fields=True):
    verdict_journal_archive: int
    journal_format: int
    first: int
    last: int
    digest: str
    after: str | None


class Trailer(msgspec.Struct, forbid_unknown_fields=True):
    rows: int
    digest: str
    sha256: str
    public_key: str
    signature: str


_decode_header = msgspec.json.Decoder(Header).decode
_decode_trailer = msgspec.json.Decoder(Trailer).decode


async def archived(connection: Connection, since: int = 0) -> list[Archived]:
    """The files with rows from `since` on, in order."""
    return [Archived(*row) for row in await connection.fetch(HOLDING, since)]


async def end_of_archive(connection: Connection) -> int:
    """The last row that is in a file; 0 if there is none."""
    return int(await connection.fetch_value("SELECT COALESCE(MAX(last_id), 0) FROM journal_archive"))


def signed(first: int, last: int, sha256: bytes) -> bytes:
    return b"verdict journal archive 1" + first.to_bytes(8, "big") + last.to_bytes(8, "big") + sha256


def is_signed(one: Archived, public: bytes) -> bool:
    """Whether the exchange whose key has this public half wrote the file."""
    try:
        told = signed(one.first, one.last, one.sha256)
        Ed25519PublicKey.from_public_bytes(public).verify(one.signature, told)
    except InvalidSignature:
        return False
    return True


def read(one: Archived) -> Generator[JournalRow, None, None]:
    """The rows of a file, verified; what is wrong with the whole of it shows at the latest at its end."""
    if (yield from verified(one.path, (one.first, one.last))).sha256 != one.sha256.hex():
        raise ArchiveError(
            f"{one.path} is a whole archive, but not the one that was written: bring that one back"
        )


def verified(path: Path, span: tuple[int, int] | None = None) -> Generator[JournalRow, None, Trailer]:
    """The rows of any file of this kind, or of one from `span`'s first to its last; returns its last line.

    Raises `ArchiveError`.
    """
    try:
        with path.open("rb") as raw, gzip.GzipFile(fileobj=raw) as source, _as_archive_error(path):
            return (yield from _verified(source, span))
    except FileNotFoundError:
        raise missing(path) from None
    except OSError as trouble:
        raise ArchiveError(f"{path} cannot be read ({trouble.strerror})") from trouble


def assert_there(one: Archived) -> None:
    """Raises `ArchiveError` if the file is not; what is in it shows when it is read."""
    if not one.path.exists():
        raise missing(one.path)


def missing(path: Path) -> ArchiveError:
    return ArchiveError(
        f"{path} is not there, and the journal's oldest rows are in it: bring it back, "
        "or say `verdict archive --into` the folder that it is in now"
    )


@contextmanager
def _as_archive_error(path: Path) -> Iterator[None]:
    try:
        yield
    except (ValueError, EOFError, zlib.error, gzip.BadGzipFile) as trouble:
        told = " ".join(str(trouble).split())
        raise ArchiveError(f"{path} is damaged ({told}): bring back a copy of it") from trouble


def _verified(source: gzip.GzipFile, span: tuple[int, int] | None) -> Generator[JournalRow, None, Trailer]:
    line = source.readline(LINE_MAX)
    header = _decode_header(line)
    if header.verdict_journal_archive != FORMAT:
        raise ValueError(f"it has format {header.verdict_journal_archive}, this program reads {FORMAT}")
    if span not in (None, (header.first, header.last)):
        raise ValueError(f"it has rows {header.first} to {header.last}: files have changed places")
    seen, chain = hashlib.sha256(line), Chain(header.first - 1, bytes.fromhex(header.digest))
    digest = None
    for journal_id in range(header.first, header.last + 1):
        line = source.readline(LINE_MAX)
        seen.update(line)
        row = row_of(line)
        if row.id != journal_id:
            raise ValueError(f"row {journal_id} is missing")
        if (broken := chain.add(row.id, row.columns, row.digest)) is not None:
            raise ValueError(broken)
        digest = row.digest
        yield row
    trailer = _decode_trailer(source.readline(LINE_MAX))
    if (
        trailer.rows != header.last - header.first + 1
        or trailer.sha256 != seen.hexdigest()
        or digest is None
        or trailer.digest != digest.hex()
    ):
        raise ValueError("its last line does not fit its rows")
    if source.read(1):
        raise ValueError("something follows its end")
    return trailer


@attrs.define(eq=False)
class Past:
    """What the archive holds, read on from where it was left: a file can only be read from its beginning."""

    _rows: Iterator[JournalRow] = attrs.field(factory=lambda: iter(()), init=False)
    _next: int = attrs.field(default=0, init=False)
    """The id of the row that comes next out of `_rows`."""

    async def rows(self, connection: Connection, after: int, most: int = BATCH) -> list[JournalRow]:
        """Rows that follow `after` without a gap; none if row `after` + 1 is in no file."""
        found = self._go_on(most) if self._next == after + 1 else []
        if not found and (files := await archived(connection, after + 1)) and files[0].first <= after + 1:
            self._rows = (row for row in read(files[0]) if row.id > after)
            found = self._go_on(most)
        return found

    def _go_on(self, most: int) -> list[JournalRow]:
        found = list(islice(self._rows, most))
        if found:
            self._next = found[-1].id + 1
        return found


async def rows(
    connection: Connection, after: int, last: int = LAST
) -> AsyncGenerator[list[JournalRow], None]:
    """The rows with ids above `after`, up to `last`, in order, some thousand at a time, wherever they are.

    What is in the database is read there. The archive is asked where the database has a gap, and so also when
    rows leave the database meanwhile.
    """
    past = Past()
    while after < last:
        batch = await wal.some_rows(connection, after, last)
        if not batch or batch[0].id != after + 1:
            old = await past.rows(connection, after, min(BATCH, last - after))
            batch = old or batch
        if not batch:
            return
        yield batch
        after = batch[-1].id
