"""The tables can be dropped and filled again: they are nothing but what the journal says."""

import pytest

from persistence import DatabaseUnusableError
from persistence.journal import journal
from persistence.postgres.database import Connection, Database
from persistence.tables.columns import TABLES
from persistence.tables.projector import Projector
from persistence.tools.rebuild import rebuild
from tests.database import forge
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


@pytest.mark.parametrize("where", ["in the middle", "at the last step"])
async def test_a_rebuild_that_fails_leaves_the_tables_as_they_were(
    db: Database, connection: Connection, where: str
) -> None:
    """A row of the journal that no table can hold; and a table that takes back nothing in the end."""
    _, everything = traded(1_000)
    await file(connection, everything, transaction=100)
    await Projector(db).catch_up()
    if where == "in the middle":
        await forge(
            connection,
            "UPDATE wal_events "
            "SET payload = replace(payload::TEXT, '\"quantity\":', '\"quantity\":9999999999')::JSON "
            "WHERE id = (SELECT MIN(id) FROM wal_events WHERE id > 900 AND event_type = 'ORDER_ACCEPTED')",
        )
    else:
        await connection.execute("ALTER TABLE trades ADD CHECK (quantity < 1) NOT VALID")
    before = await contents(connection)
    with pytest.raises(Exception, match=r"format requires|violates check"):
        await rebuild(db, lambda done, total: None)
    assert await contents(connection) == before
    assert await connection.fetch_value("SELECT journal_id FROM projector_cursor") == len(
        facts_of(everything)
    )
    assert await connection.fetch_value("SELECT to_regnamespace('rebuilding')") is None


async def test_what_a_killed_rebuild_left_behind_is_no_obstacle(db: Database, connection: Connection) -> None:
    _, everything = traded(200)
    await file(connection, everything)
    await connection.execute("CREATE SCHEMA rebuilding")
    await connection.execute("CREATE TABLE rebuilding.trades (of TEXT)")
    assert await rebuild(db, lambda done, total: None) == len(facts_of(everything))


async def test_every_projection_is_rebuilt(connection: Connection) -> None:
    """All tables but the journal's, the users', the house's, and what a rebuild empties."""
    found = await connection.fetch(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT IN "
        "('wal_events', 'wal_events_1', 'journal_archive', 'journal_seals', 'snapshots', 'snapshot_chunks', "
        "'users', 'sessions', 'ended_tokens', 'api_keys', 'schema_version', 'projector_cursor', "
        "'history_cuts', 'ledger_forward', 'trades_forward')"
    )
    assert {row["tablename"] for row in found} == set(PROJECTIONS) == set(TABLES)


async def test_nothing_is_rebuilt_under_a_running_server(db: Database, connection: Connection) -> None:
    async with journal.opened(db):
        with pytest.raises(DatabaseUnusableError, match="a server is running"):
            await rebuild(db, lambda done, total: None)
    assert await rebuild(db, lambda done, total: None) == 0
