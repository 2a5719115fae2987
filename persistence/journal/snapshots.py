"""Snapshots: the whole state as of one journal id, so that a start need not replay everything.

A snapshot is an optimisation and never the truth. It counts only if this exchange's key sealed it, its bytes
have the digest it was filed with, the kernel can read them, and the journal is where it stands as it was
then; otherwise it is passed over, for the one before or for none. One that nobody here sealed is told as the
worst that can be: whoever writes snapshots writes balances.
"""

import hashlib
import struct
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Final

import structlog

from kernel.exchange import Exchange
from kernel.snapshot import READABLE, SNAPSHOT_FORMAT, SnapshotError
from persistence import DatabaseUnusableError
from persistence.journal.seals import SealKey
from persistence.journal.wal import LAST
from persistence.postgres.database import Connection, Database

log = structlog.get_logger(__name__)

FORMAT: Final = SNAPSHOT_FORMAT
"""The kernel's, cut into pieces, each compressed with zlib."""
PIECE: Final = 8 << 20
COMPRESSION: Final = 1
"""The quickest: a fifth of the size at 190 MB/s; a higher level gains a tenth."""
SAMPLE: Final = 64 << 10
"""Bytes of a piece by which it is judged whether it can be compressed."""
KEPT: Final = 3
HEAD: Final = struct.Struct("!32sQ")
LENGTH: Final = struct.Struct("!Q")


Aside = Callable[[Callable[[], bytes]], Awaitable[bytes]]
"""How something is worked out where nobody waits for it."""


async def here(compute: Callable[[], bytes]) -> bytes:
    """In one step, for programs that have nothing else to do."""
    return compute()


def packed(exchange: Exchange) -> bytes:
    """The snapshot as it is filed: its digest, its size, and each compressed piece behind its length."""
    data = memoryview(exchange.snapshot())
    parts = [HEAD.pack(hashlib.sha256(data).digest(), len(data))]
    for start in range(0, len(data), PIECE):
        taken = data[start : start + PIECE]
        # Fingerprints are as good as random: to try to compress them takes longest of all, and gains nothing.
        sample = len(zlib.compress(taken[-SAMPLE:], COMPRESSION))
        piece = zlib.compress(taken, COMPRESSION if sample < 0.9 * SAMPLE or len(taken) < SAMPLE else 0)
        parts += LENGTH.pack(len(piece)), piece
    return b"".join(parts)


async def write(database: Database, exchange: Exchange, key: SealKey, aside: Aside = here) -> None:
    """File the exchange as it is now, and let the oldest snapshots go.

    It must stand at the end of a transaction of the journal, as it does after recovery and after the actors
    have ended.
    """
    if exchange.head == 0:
        return
    told = memoryview(await aside(lambda: packed(exchange)))
    digest, size = HEAD.unpack_from(told)
    place = HEAD.size
    pieces: list[memoryview] = []
    while place < len(told):
        (length,) = LENGTH.unpack_from(told, place)
        place += LENGTH.size
        pieces.append(told[place : place + length])
        place += length
    connection = await database.connect()
    try:
        chained = await connection.fetch_value("SELECT digest FROM wal_events WHERE id = $1", exchange.head)
        if chained is None:
            raise DatabaseUnusableError(f"no transaction of the journal ends with row {exchange.head}")
        seal = key.of_snapshot(exchange.head, FORMAT, chained, digest)
        async with connection.transaction():
            # An older one of the same moment may be damaged.
            await connection.execute("DELETE FROM snapshot_chunks WHERE journal_id = $1", exchange.head)
            await connection.execute("DELETE FROM snapshots WHERE journal_id = $1", exchange.head)
            await connection.execute(
                "INSERT INTO snapshots VALUES ($1, $2, $3, $4, to_timestamp($5::BIGINT / 1000000.0), $6, $7)",
                *(exchange.head, FORMAT, digest, len(pieces), exchange.now, chained, seal),
            )
            for number, piece in enumerate(pieces):
                await connection.execute(
                    "INSERT INTO snapshot_chunks VALUES ($1, $2, $3)",
                    *(exchange.head, number, bytes(piece)),
                )
            await connection.execute(
                "DELETE FROM snapshots WHERE journal_id NOT IN "
                "(SELECT journal_id FROM snapshots ORDER BY journal_id DESC LIMIT $1)",
                KEPT,
            )
            await connection.execute(
                "DELETE FROM snapshot_chunks WHERE journal_id NOT IN (SELECT journal_id FROM snapshots)"
            )
    finally:
        connection.abandon()
    log.info("wrote a snapshot", journal_id=exchange.head, megabytes=round(size / 1e6, 1))


async def newest(connection: Connection, key: SealKey, last: int = LAST) -> Exchange | None:
    """The exchange of the newest snapshot that verifies, of those up to `last`."""
    async with aclosing(verified(connection, key, last)) as exchanges:
        async for exchange in exchanges:
            return exchange
    return None


async def verified(connection: Connection, key: SealKey, last: int = LAST) -> AsyncGenerator[Exchange, None]:
    """The exchange of each snapshot up to `last` that verifies, the newest first."""
    for row in await connection.fetch(
        "SELECT snapshots.*, wal_events.digest AS chained FROM snapshots "
        "LEFT JOIN wal_events ON id = journal_id WHERE journal_id <= $1 ORDER BY journal_id DESC",
        last,
    ):
        named = (row["journal_id"], row["format"], row["journal_digest"], row["digest"])
        if not key.wrote_snapshot(row["seal"], *named):
            log.critical(
                "this exchange's key has not sealed a snapshot that is in the database: it is not used, and "
                "somebody has changed or exchanged it, or the key",
                journal_id=row["journal_id"],
            )
            continue
        try:
            if row["format"] not in READABLE:
                raise SnapshotError(f"its format is {row['format']}, this program knows {FORMAT}")
            if row["chained"] != row["journal_digest"]:
                raise SnapshotError("where it stands the journal is not as it was")
            data = await _content(connection, row["journal_id"], row["chunks"])
            if hashlib.sha256(data).digest() != row["digest"]:
                raise SnapshotError("its bytes do not have the digest it was filed with")
            exchange = Exchange.restore(data)
            if exchange.head != row["journal_id"]:
                raise SnapshotError(f"it is the state as of {exchange.head}")
        except (SnapshotError, zlib.error) as trouble:
            log.warning(
                "passing over a snapshot that does not verify",
                journal_id=row["journal_id"],
                trouble=str(trouble),
            )
        else:
            yield exchange


async def newest_id(connection: Connection) -> int:
    """Where the newest snapshot stands, whether it verifies or not; 0 if there is none."""
    return int(await connection.fetch_value("SELECT coalesce(max(journal_id), 0) FROM snapshots"))


async def _content(connection: Connection, journal_id: int, count: int) -> bytes:
    pieces = []
    for number in range(count):
        content = await connection.fetch_value(
            "SELECT content FROM snapshot_chunks WHERE journal_id = $1 AND number = $2", journal_id, number
        )
        if content is None:
            raise SnapshotError(f"piece {number} of {count} is missing")
        pieces.append(zlib.decompress(content))
    return b"".join(pieces)
