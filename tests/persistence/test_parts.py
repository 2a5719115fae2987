"""The journal's parts: made ahead of need, beside whoever writes, and each once."""

import asyncpg
import pytest
import trio

from persistence.journal import journal as journals
from persistence.journal.parts import SIZE, Part, make_room, parts
from persistence.journal.recovery import recover
from persistence.postgres.database import Connection, Database
from tests.persistence.journaled import cut_small, traded

FIRST = Part("wal_events_1", 1, SIZE)


async def test_there_is_always_a_whole_part_more(connection: Connection) -> None:
    assert await parts(connection) == [FIRST]
    assert await make_room(connection, 0) == SIZE
    assert await parts(connection) == [FIRST]
    assert await make_room(connection, 1) == 2 * SIZE
    assert await make_room(connection, SIZE) == 2 * SIZE
    assert await make_room(connection, SIZE + 1) == 3 * SIZE
    assert await parts(connection) == [
        FIRST,
        Part("wal_events_5000001", SIZE + 1, 2 * SIZE),
        Part("wal_events_10000001", 2 * SIZE + 1, 3 * SIZE),
    ]


async def test_each_part_has_the_rules_and_indexes_of_the_first(connection: Connection) -> None:
    await make_room(connection, SIZE)
    made = await connection.fetch("""
        SELECT tablename, replace(indexname, tablename, '') AS name, replace(indexdef, tablename, '') AS told
        FROM pg_indexes WHERE tablename LIKE 'wal\\_events\\__%' ORDER BY tablename, name
    """)
    assert [tuple(row)[1:] for row in made if row["tablename"] == "wal_events_1"] == [
        tuple(row)[1:] for row in made if row["tablename"] == "wal_events_5000001"
    ]
    rules = await connection.fetch("""
        SELECT conrelid::regclass::text AS part, conname, pg_get_constraintdef(oid) AS rule FROM pg_constraint
        WHERE conrelid::regclass::text LIKE 'wal\\_events\\__%' AND contype = 'c' ORDER BY 1, 2
    """)
    assert len(rules) == 6
    assert [tuple(row)[1:] for row in rules[:3]] == [tuple(row)[1:] for row in rules[3:]]


async def test_what_is_written_stays_on_every_part(connection: Connection) -> None:
    """Also for whoever names the part."""
    await make_room(connection, SIZE)
    for journal_id, part in ((7, "wal_events_1"), (SIZE + 7, "wal_events_5000001")):
        await connection.execute(
            "INSERT INTO wal_events (id, event_type, payload, created_at) "
            f"VALUES ({journal_id}, 'GUARD_SET', '{{}}', now())"
        )
        for place in ("wal_events", part):
            for change in (f"UPDATE {place} SET market_id = 'M'", f"DELETE FROM {place}"):
                with pytest.raises(asyncpg.RaiseError, match="only ever added"):
                    await connection.execute(f"{change} WHERE id = {journal_id}")


async def test_parts_are_made_while_others_write_and_read(connection: Connection, db: Database) -> None:
    """Neither has to end first: nobody who writes ever waits for a part."""
    writing, reading = await db.connect(), await db.connect()
    async with writing.transaction(), reading.transaction():
        await writing.execute(
            "INSERT INTO wal_events (id, event_type, payload, created_at) "
            "VALUES (1, 'GUARD_SET', '{}', now())"
        )
        await reading.fetch("SELECT * FROM wal_events")
        with trio.fail_after(30):
            await make_room(connection, SIZE)
        await writing.execute(
            "INSERT INTO wal_events (id, event_type, payload, created_at) "
            f"VALUES ({SIZE + 1}, 'GUARD_SET', '{{}}', now())"
        )


async def test_two_who_make_room_at_once_make_it_once(db: Database) -> None:
    reached = []

    async def make() -> None:
        reached.append(await make_room(await db.connect(), SIZE + 1))

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(make)
    assert reached == [3 * SIZE] * 5
    async with db.borrowed() as connection:
        assert len(await parts(connection)) == 3


async def test_a_journal_on_a_disk_of_its_own_stays_there(connection: Connection) -> None:
    """Parts lie beside the one before them."""
    space = await connection.fetch_value("SELECT 'space_' || pg_backend_pid()")
    await connection.execute("SET allow_in_place_tablespaces = on")
    await connection.execute(f"CREATE TABLESPACE {space} LOCATION ''")
    try:
        await connection.execute(f"ALTER TABLE wal_events_1 SET TABLESPACE {space}")
        await make_room(connection, SIZE)
        found = await connection.fetch(
            "SELECT tablespace FROM pg_tables WHERE tablename LIKE 'wal\\_events\\__%'"
        )
        assert [row["tablespace"] for row in found] == [space] * 2
    finally:
        await connection.execute("DROP TABLE wal_events_1, wal_events_5000001")
        await connection.execute(f"DROP TABLESPACE {space}")


async def test_a_journal_goes_on_from_part_to_part(db: Database, connection: Connection) -> None:
    """Each is made while rows go to one before it. Transactions lie across the edges."""
    exchange, decided = traded(300)
    await cut_small(connection, 1_000)
    async with journals.opened(db) as journal:
        for first in range(0, len(decided), 30):
            await journal.append([journal.pack(decided[first : first + 30])])
            with trio.fail_after(30):
                while (await parts(connection))[-1].last - await journal.head() < 1_000:
                    await trio.sleep(0)
    assert (await recover(db)).digest() == exchange.digest()
    rows = await connection.fetch(
        "SELECT tableoid::regclass::text AS name, COUNT(*) FROM wal_events GROUP BY 1"
    )
    assert len(rows) == -(-exchange.head // 1_000)
    assert {row["count"] for row in rows} - {exchange.head % 1_000} == {1_000}
    at_edges = "SELECT COUNT(*) FROM wal_events WHERE id % 1000 = 0 AND digest IS NULL"
    assert await connection.fetch_value(at_edges), "some transaction lies across an edge"


async def test_a_transaction_that_is_greater_than_all_parts_is_given_more(
    db: Database, connection: Connection
) -> None:
    """The writer makes them itself, where nobody did."""
    exchange, decided = traded(300)
    await cut_small(connection, 1_000)
    async with journals.opened(db) as journal:
        await journal.append([journal.pack(decided)])
    assert (await recover(db)).digest() == exchange.digest()


async def test_a_start_makes_the_parts_that_a_restored_database_lacks(
    db: Database, connection: Connection
) -> None:
    exchange, decided = traded(100)
    await cut_small(connection, 20_000)
    async with journals.opened(db) as journal:
        await journal.append([journal.pack(decided)])
        await make_room(connection, exchange.head)
        made = await parts(connection)
    await connection.execute(f"DROP TABLE {', '.join(part.name for part in made[1:])}")
    async with journals.opened(db):
        assert await parts(connection) == made
