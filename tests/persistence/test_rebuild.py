"""The tables can be dropped and filled again: they are nothing but what the journal says."""

import pytest

from persistence import DatabaseUnusableError, journal
from persistence.database import Connection, Database
from persistence.projector import Projector
from persistence.rebuild import TABLES, rebuild
from tests.persistence.journaled import file, traded
from tests.persistence.test_projector import PROJECTIONS, contents, facts_of


async def test_a_rebuild_gives_the_same_tables(db: Database, connection: Connection) -> None:
    """Also where they were spoiled before."""
    _, everything = traded(1_000)
    await file(connection, everything, transaction=100)
    await Projector(db).catch_up()
    before = await contents(connection)
    await connection.execute("UPDATE accounts SET available_balance = 1")
    await connection.execute("DELETE FROM trades")
    told: list[tuple[int, int]] = []
    head = len(facts_of(everything))
    assert await rebuild(db, lambda done, total: told.append((done, total))) == head
    assert await contents(connection) == before
    assert told[-1] == (head, head)


async def test_every_projection_is_rebuilt(connection: Connection) -> None:
    """All tables but the journal's, the users' and the house's."""
    found = await connection.fetch(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT IN "
        "('wal_events', 'snapshots', 'snapshot_chunks', 'users', 'schema_version', 'projector_cursor')"
    )
    assert {row["tablename"] for row in found} == set(PROJECTIONS) == set(TABLES)


async def test_nothing_is_rebuilt_under_a_running_server(db: Database, connection: Connection) -> None:
    async with journal.opened(db):
        with pytest.raises(DatabaseUnusableError, match="a server is running"):
            await rebuild(db, lambda done, total: None)
    assert await rebuild(db, lambda done, total: None) == 0
