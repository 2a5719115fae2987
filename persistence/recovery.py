"""Start-up is replay: the newest snapshot that verifies, then the journal's tail."""

import contextlib
from collections.abc import Callable

from kernel import Exchange
from persistence.database import Database
from persistence.wal import fact_of, rows

Progress = Callable[[int, int], None]
"""Told how many facts have been applied, and of how many."""


async def recover(database: Database, progress: Progress = lambda done, total: None) -> Exchange:
    """The exchange as the journal tells it; an empty one for an empty journal. Writes nothing."""
    exchange = Exchange()
    connection = await database.connect()
    try:
        total = await connection.fetch_value("SELECT coalesce(max(id), 0) FROM wal_events") - exchange.head
        done = 0
        async with contextlib.aclosing(rows(connection, exchange.head)) as batches:
            async for batch in batches:
                for row in batch:
                    exchange.apply(fact_of(row))
                done += len(batch)
                progress(done, total)
    finally:
        connection.abandon()
    return exchange
