"""A database of an earlier version, with a past in it, becomes one of this version, and tells the same."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kernel.exchange import Exchange
from persistence.journal import snapshots
from persistence.journal.parts import make_room
from persistence.journal.recovery import recover
from persistence.postgres import database
from persistence.postgres.database import Connection, Database
from persistence.postgres.migrate import UPGRADES, migrate
from persistence.tables.projector import Projector
from persistence.tables.sql_audit import check_record
from persistence.tools.replay import Verification, frozen_view
from tests.database import fresh
from tests.kernel.trading import Trading
from tests.persistence.journaled import KEY, decided, file
from tests.persistence.test_projector import contents

FIRST = Path(__file__).parent / "schema-0001.sql"
SHARED = """
    SELECT table_name, array_agg(column_name::TEXT ORDER BY ordinal_position) AS columns
    FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
    WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND is_generated = 'NEVER'
    GROUP BY table_name
"""
APART = {"schema_version", "users", "wal_events_1"}
"""Which version has its own of, and the parts of what is copied whole."""


def day() -> Trading:
    """A day on which orders were amended: one that rests, one that was filled, one that was cancelled."""
    market = Trading(ann=10_000, ben=10_000)
    market.play(
        "ann buys 10 YES at 40 as rests",
        "ann amends rests to 12 at 41",
        "ann buys 10 YES at 50 as meets",
        "ann amends meets to 12",
        "ben buys 12 NO at 50",
        "ben buys 10 NO at 30 as ends",
        "ben amends ends to 8 at 31",
        "ben cancels ends",
        "ben buys 5 NO at 31",
    )
    return market


@pytest.fixture
async def exchange(db: Database, connection: Connection) -> Exchange:
    """That day in a database of the present version, with a snapshot."""
    lived = day()
    await file(connection, decided(lived.facts))
    await Projector(db).catch_up()
    await snapshots.write(db, await recover(db), KEY)
    return lived.exchange


@pytest.fixture
async def older(server_url: str, exchange: Exchange) -> AsyncIterator[Database]:
    """An empty database, where an earlier version is made."""
    async with fresh(server_url) as url, database.opened(url) as opened:
        yield opened


async def raised_to(connection: Connection, version: int, folder: Path) -> None:
    """Make it what a program of that version had."""
    for upgrade in UPGRADES.glob("*.sql"):
        if int(upgrade.name.partition("-")[0]) <= version:
            shutil.copy(upgrade, folder)
    await connection.execute(FIRST.read_text())
    assert await migrate(connection, upgrades=folder) == version


async def copied(source: Connection, target: Connection) -> None:
    """Take over every row, as far as the other has a place for it."""
    there = {row["table_name"]: set(row["columns"]) for row in await target.fetch(SHARED)}
    for table, columns in await source.fetch(SHARED):
        if table in there and table not in APART:
            names = [name for name in columns if name in there[table]]
            await target.execute(f"DELETE FROM {table}")
            rows = await source.copy_out(f"SELECT {', '.join(names)} FROM {table}")
            await target.copy_in(table, tuple(names), bytearray(rows))


@pytest.mark.parametrize("version", [9, 11, 12])
async def test_a_database_of_an_earlier_version_tells_the_same_afterwards(
    exchange: Exchange, connection: Connection, older: Database, tmp_path: Path, version: int
) -> None:
    """Its snapshots had another layout, so it begins with the journal's first row."""
    raising = await older.connect()
    await raised_to(raising, version, tmp_path)
    await copied(connection, raising)
    await raising.execute("UPDATE snapshots SET format = format - 1")
    await migrate(raising)
    assert await contents(raising) == await contents(connection)
    assert (await recover(older, KEY)).digest() == exchange.digest()
    assert await check_record(older) == {}
    async with frozen_view(older) as view:
        verification = Verification(view)
        await verification.run(lambda done, total: None)
    assert [findings.words for findings in verification.findings.values()] == [[]] * 6
    raising.abandon()


async def test_no_upgrade_reads_a_journal_in_parts_from_end_to_end(
    exchange: Exchange, connection: Connection, older: Database, tmp_path: Path
) -> None:
    """A journal of years is as fast to raise as one of a day."""
    raising = await older.connect()
    await raised_to(raising, 7, tmp_path)
    await copied(connection, raising)
    await raising.execute("SET enable_seqscan = off")  # which this journal is short enough for

    async def read() -> int:
        await raising.execute("SELECT pg_stat_force_next_flush()")
        return int(
            await raising.fetch_value(
                "SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'wal_events_1'"
            )
        )

    before = await read()
    await migrate(raising)
    assert await read() == before
    assert await make_room(raising, 5_000_000) == 10_000_000
    with pytest.raises(database.ConstraintError, match="ck_wal_event_type"):
        await raising.execute(
            "INSERT INTO wal_events (id, created_at, event_type, payload) VALUES (99, NOW(), 'ANY', '{}')"
        )
    raising.abandon()
