"""A start restores the newest snapshot that verifies, then replays and checks the rest of the journal.

It writes nothing, so it can be interrupted anywhere and begun again.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager

import msgspec

from kernel.events import Fact, event_type
from kernel.exchange import Exchange
from persistence.journal import snapshots
from persistence.journal.chain import Chain
from persistence.journal.pages import damaged, facts, pages
from persistence.journal.seals import SealKey
from persistence.journal.wal import GENESIS, LAST, JournalRow, check_format
from persistence.postgres.database import Connection, Database

ReportProgress = Callable[[int, int], None]
"""Called with how much has been done, and how much there is."""


async def recover(
    database: Database, key: SealKey | None = None, progress: ReportProgress = lambda done, total: None
) -> Exchange:
    """The exchange as the journal tells it; an empty one for an empty journal.

    Snapshots are trusted only with the key that sealed them; without it the whole journal is replayed.

    Raises `DamagedError` if the journal's end, or what was replayed of it, is not what was written, and
    `DatabaseUnusableError` if it was written in a format of another program.
    """
    connection = await database.connect()
    try:
        await check_format(connection)
        with undisturbed():
            snapshot = await snapshots.newest(connection, key) if key is not None else None
            exchange = snapshot or Exchange()
            await replay_tail(connection, exchange, progress)
    finally:
        connection.abandon()
    return exchange


async def replay_tail(
    connection: Connection, exchange: Exchange, progress: ReportProgress, last: int = LAST
) -> None:
    """Apply what the journal has after the exchange's head, up to `last`, which ends a transaction."""
    head = int(
        await connection.fetch_value("SELECT coalesce(max(id), 0) FROM wal_events WHERE id <= $1", last)
    )
    start = exchange.head
    digest = await connection.fetch_value("SELECT digest FROM wal_events WHERE id = $1", start)
    chain = Chain(start, digest or GENESIS)
    async with aclosing(pages(connection, start, head)) as found:
        async for page in found:
            for fact in facts(page, chain, exchange.head + 1):
                applied(exchange, fact)
            progress(exchange.head - start, head - start)
    if (broken := chain.end()) is not None:
        raise damaged(exchange.head, f"is not as it was written: {broken}")


def fact_in(row: JournalRow, expected: int) -> Fact:
    """The fact in a row, which must have the expected id."""
    if row.id != expected:
        raise damaged(expected, "is missing")
    try:
        return row.fact()
    except msgspec.DecodeError as error:
        raise damaged(expected, f"cannot be read ({error})") from error


def applied(exchange: Exchange, fact: Fact) -> None:
    """Replay one fact; raises `DamagedError` if it does not follow from those before it."""
    try:
        exchange.apply(fact)
    except (AssertionError, LookupError, ValueError) as error:
        raise damaged(
            fact.id, f"does not follow from those before it ({event_type(fact.event)}: {error})"
        ) from error


@contextmanager
def undisturbed() -> Iterator[None]:
    """Keep the garbage collector off while millions of long-lived objects are made.

    It would look through them again and again, and double the time. Afterwards they are frozen, so that its
    pauses do not grow with the size of the exchange.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
