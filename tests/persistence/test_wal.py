"""The journal's rows, read: as they stand in the table, however many there are and whatever is missing."""

from contextlib import aclosing

import pytest

from persistence.journal import wal
from persistence.journal.archive import rows
from persistence.postgres.database import Connection
from tests.database import forge
from tests.kernel.trading import busy_day
from tests.persistence.journaled import decided, file


async def numbers(connection: Connection, after: int = 0, last: int = wal.LAST) -> list[list[int]]:
    """The ids, batch by batch."""
    async with aclosing(rows(connection, after, last)) as batches:
        return [[row.id for row in batch] async for batch in batches]


@pytest.fixture
async def journaled(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> Connection:
    """A day of many kinds of facts; so few rows at once that every place in a transaction begins a batch."""
    monkeypatch.setattr(wal, "BATCH", 5)
    await file(connection, decided(busy_day().facts))
    return connection


async def test_a_row_is_what_stands_in_the_table(journaled: Connection) -> None:
    """Told by PostgreSQL in another way; with a market and none, a command and none, a digest and none."""
    await forge(journaled, "UPDATE wal_events SET market_id = 'Zürich-☂' WHERE id = 12")
    stand = await journaled.fetch(
        "SELECT id, (extract(epoch FROM created_at) * 1000000)::BIGINT AS at, market_id, event_type, "
        "payload, command, digest FROM wal_events ORDER BY id"
    )
    async with aclosing(rows(journaled, 0)) as batches:
        found = [row async for batch in batches for row in batch]
    assert len({tuple(value is None for value in row) for row in stand}) >= 4
    assert [
        (row.id, row.at, row.market_id, row.event_type, row.payload, row.command, row.digest) for row in found
    ] == [
        (
            *(row["id"], row["at"], row["market_id"], row["event_type"], row["payload"].encode()),
            *(None if row["command"] is None else row["command"].encode(), row["digest"]),
        )
        for row in stand
    ]


async def test_they_come_some_at_a_time_and_the_connection_is_free_in_between(journaled: Connection) -> None:
    seen = 0
    async with aclosing(rows(journaled, 0)) as batches:
        async for batch in batches:
            assert len(batch) <= 5
            seen += len(batch)
            assert await journaled.fetch_value("SELECT count(*) FROM wal_events WHERE id <= $1", seen) == seen
    assert seen == await journaled.fetch_value("SELECT count(*) FROM wal_events")


async def test_they_begin_and_end_where_they_are_asked_to(journaled: Connection) -> None:
    assert await numbers(journaled, 7, 14) == [[8, 9, 10, 11, 12], [13, 14]]
    assert await numbers(journaled, 7, 7) == []


async def test_what_is_missing_does_not_hide_what_follows(journaled: Connection) -> None:
    """More than a batch is gone, and its reader must hear of it."""
    await forge(journaled, "DELETE FROM wal_events WHERE id BETWEEN 4 AND 20")
    assert await numbers(journaled, 0, 24) == [[1, 2, 3, 21, 22], [23, 24]]
