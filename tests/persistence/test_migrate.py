"""A database is made, raised step by step, left alone, or refused; and two programs never do it twice."""

import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import trio

from persistence import DatabaseUnusableError
from persistence.journal import parts
from persistence.postgres import database
from persistence.postgres.database import Connection
from persistence.postgres.migrate import SCHEMA, UPGRADES, migrate
from tests.database import fresh

NOW = max(int(file.name.partition("-")[0]) for file in UPGRADES.glob("*.sql"))
"""The version that this program knows."""


@pytest.fixture
async def empty_url(server_url: str) -> AsyncIterator[str]:
    async with fresh(server_url) as url:
        yield url


@pytest.fixture
async def empty(empty_url: str) -> AsyncIterator[Connection]:
    async with database.opened(empty_url) as db:
        connection = await db.connect()
        yield connection
        connection.abandon()


@pytest.fixture
def upgrades(tmp_path: Path) -> Path:
    """What a program two versions from now could bring."""
    (tmp_path / f"{NOW + 1:04}-colour.sql").write_text("ALTER TABLE markets ADD COLUMN colour TEXT;")
    (tmp_path / f"{NOW + 2:04}-shade.sql").write_text("ALTER TABLE markets ADD COLUMN shade TEXT;")
    return tmp_path


async def columns(connection: Connection) -> set[str]:
    rows = await connection.fetch(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'markets'"
    )
    return {row["column_name"] for row in rows} & {"id", "colour", "shade"}


async def test_an_empty_database_gets_the_schema(empty: Connection) -> None:
    assert await migrate(empty) == NOW
    assert await columns(empty) == {"id"}


async def test_a_database_that_is_ready_is_left_alone(empty: Connection) -> None:
    await migrate(empty)
    await empty.execute("UPDATE projector_cursor SET journal_id = 5")
    await migrate(empty)
    assert await empty.fetch_value("SELECT journal_id FROM projector_cursor") == 5
    assert await empty.fetch_value("SELECT count(*) FROM schema_version") == 1


async def test_upgrades_are_applied_in_order_and_remembered(empty: Connection, upgrades: Path) -> None:
    await migrate(empty)
    assert await migrate(empty, upgrades=upgrades) == NOW + 2
    assert await columns(empty) == {"id", "colour", "shade"}
    assert await migrate(empty, upgrades=upgrades) == NOW + 2
    rows = await empty.fetch("SELECT version FROM schema_version ORDER BY version")
    assert [row["version"] for row in rows] == [NOW, NOW + 1, NOW + 2]


SHAPE = (
    """
    SELECT table_name, column_name, ordinal_position, data_type, character_maximum_length, column_default,
           is_nullable
    FROM information_schema.columns WHERE table_schema = 'public'
""",
    """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
""",
    """
    SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
""",
    """
    SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
""",
    """
    SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
""",
    """
    SELECT relname, relkind, reloptions::text, CASE relkind WHEN 'v' THEN pg_get_viewdef(oid) END
    FROM pg_class WHERE relnamespace = 'public'::regnamespace
""",
    """
    SELECT pg_describe_object(classoid, objoid, objsubid), description
    FROM pg_description WHERE classoid = 'pg_class'::regclass
                          AND objoid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
""",
)


CASTS = re.compile(r"::character varying|::text(\[\])?|[()]| NOT VALID")


async def shape(connection: Connection) -> list[list[str]]:
    """All that a schema is made of, in the catalogue's own words but for its casts and brackets.

    And but for whether older rows were looked through: they obey an older rule, which was stricter.
    """
    return [
        sorted(CASTS.sub("", str(tuple(row))) for row in await connection.fetch(query)) for query in SHAPE
    ]


async def test_an_older_database_is_raised_to_what_a_new_one_is(empty: Connection, server_url: str) -> None:
    """From the first version on."""
    await empty.execute((Path(__file__).parent / "schema-0001.sql").read_text())
    await migrate(empty)
    async with fresh(server_url) as url, database.opened(url) as db:
        new = await db.connect()
        await migrate(new)
        for raised, made in zip(await shape(empty), await shape(new), strict=True):
            assert raised == made


async def test_the_tables_are_folded_anew_where_they_get_columns_that_the_journal_fills(
    empty: Connection,
) -> None:
    await empty.execute((Path(__file__).parent / "schema-0001.sql").read_text())
    await empty.execute("UPDATE projector_cursor SET journal_id = 5")
    await empty.execute("INSERT INTO accounts (user_id, owner_id) VALUES ('ann', 'ann')")
    await migrate(empty)
    assert await empty.fetch_value("SELECT journal_id FROM projector_cursor") == 0
    assert await empty.fetch_value("SELECT COUNT(*) FROM accounts") == 0


async def test_the_tables_stay_where_no_older_journal_has_what_is_new(
    empty: Connection, tmp_path: Path
) -> None:
    """Nobody had an order group before there were any."""
    for upgrade in UPGRADES.glob("000[2-4]-*.sql"):
        shutil.copy(upgrade, tmp_path)
    await empty.execute((Path(__file__).parent / "schema-0001.sql").read_text())
    await migrate(empty, upgrades=tmp_path)
    await empty.execute("UPDATE projector_cursor SET journal_id = 5")
    await empty.execute("INSERT INTO accounts (user_id, owner_id) VALUES ('ann', 'ann')")
    await migrate(empty)
    assert await empty.fetch_value("SELECT journal_id FROM projector_cursor") == 5
    assert await empty.fetch_value("SELECT COUNT(*) FROM accounts") == 1


async def test_the_first_start_of_the_market_maker_is_found_in_the_journal(
    empty: Connection, tmp_path: Path
) -> None:
    for upgrade in UPGRADES.glob("000[23]-*.sql"):
        shutil.copy(upgrade, tmp_path)
    await empty.execute((Path(__file__).parent / "schema-0001.sql").read_text())
    await empty.execute("""
        INSERT INTO wal_events (id, created_at, market_id, event_type, payload) VALUES
            (1, '2026-11-01', 'ONCE', 'AMM_STARTED', '{}'),
            (2, '2026-11-02', 'TWICE', 'AMM_STARTED', '{}'),
            (3, '2026-11-03', 'TWICE', 'AMM_STOPPED', '{}'),
            (4, '2026-11-04', 'TWICE', 'AMM_STARTED', '{}');
        INSERT INTO amm_markets (market_id, status, start_count, initial_budget_cents, initial_price_cents,
                                 started_at) VALUES
            ('ONCE', 'RUNNING', 1, 500, 50, '2026-11-01'),
            ('TWICE', 'RUNNING', 2, 500, 50, '2026-11-04')
    """)
    await migrate(empty, upgrades=tmp_path)
    rows = await empty.fetch(
        "SELECT market_id, first_started_at::date::text AS day FROM amm_markets ORDER BY 1"
    )
    assert [tuple(row) for row in rows] == [("ONCE", "2026-11-01"), ("TWICE", "2026-11-02")]


async def test_who_has_the_name_or_the_address_of_the_workers_gets_another(
    empty: Connection, tmp_path: Path
) -> None:
    """Whoever took one of them cannot keep an exchange from being raised."""
    for upgrade in UPGRADES.glob("000[2-5]-*.sql"):
        shutil.copy(upgrade, tmp_path)
    await empty.execute((Path(__file__).parent / "schema-0001.sql").read_text())
    await migrate(empty, upgrades=tmp_path)
    await empty.execute("""
        INSERT INTO users (username, email, password_hash) VALUES
            ('mm_worker', 'ann@example.org', 'x'), ('ben', 'mm_worker@system.internal', 'x')
    """)
    await migrate(empty)
    renamed = await empty.fetch_row("SELECT * FROM users WHERE email = 'ann@example.org'")
    readdressed = await empty.fetch_row("SELECT * FROM users WHERE username = 'ben'")
    worker = await empty.fetch_row("SELECT * FROM users WHERE username = 'mm_worker'")
    assert renamed is not None
    assert renamed["username"] == f"user_{renamed['id']}"
    assert readdressed is not None
    assert readdressed["email"] == f"{readdressed['id']}@moved.invalid"
    assert worker is not None
    assert worker["account_type"] == "MM_WORKER"


JOURNAL = """
    SELECT md5(string_agg(wal_events::TEXT, '' ORDER BY id)) FROM wal_events
"""


async def before_parts(connection: Connection, folder: Path, last: int) -> None:
    """A database whose journal is one table, with rows from 1 to `last`, few of which are there."""
    for upgrade in UPGRADES.glob("000[2-6]-*.sql"):
        shutil.copy(upgrade, folder)
    await connection.execute((Path(__file__).parent / "schema-0001.sql").read_text())
    await migrate(connection, upgrades=folder)
    await connection.execute(f"""
        INSERT INTO wal_events (id, created_at, market_id, event_type, payload, command, digest)
        SELECT id, '2026-11-01', 'M', 'GUARD_SET', '{{"a": "\\u0000"}}', '{{}}', sha256(id::TEXT::BYTEA)
        FROM unnest(ARRAY[1, 2, 3, {last}]) AS id
    """)


@pytest.mark.parametrize(("last", "room"), [(4, 5_000_000), (5_000_000, 10_000_000), (5_000_001, 10_000_000)])
async def test_the_journal_of_before_becomes_the_first_part_where_it_lies(
    empty: Connection, tmp_path: Path, last: int, room: int
) -> None:
    """Not a row is copied, so that a journal of any size is raised."""
    await before_parts(empty, tmp_path, last)
    rows = await empty.fetch_value(JOURNAL)
    place = await empty.fetch_value("SELECT pg_relation_filepath('wal_events')")
    await migrate(empty)
    assert await empty.fetch_value(JOURNAL) == rows
    assert await empty.fetch_value("SELECT pg_relation_filepath('wal_events_1')") == place
    assert await parts.parts(empty) == [parts.Part("wal_events_1", 1, room)]
    assert await empty.fetch_value("SELECT COUNT(*) FROM wal_readable") == 4
    assert await empty.fetch_value("SELECT MAX(last) FROM wal_commands") == last


async def test_what_became_of_markets_is_found_in_the_journal(empty: Connection, tmp_path: Path) -> None:
    """As far as the tables are: the projector tells the rest."""
    await before_parts(empty, tmp_path, 20)
    await empty.execute("""
        UPDATE projector_cursor SET journal_id = 12;
        INSERT INTO wal_events (id, created_at, market_id, event_type, payload) VALUES
            (10, '2026-11-02', 'M', 'MARKET_STATUS_CHANGED',
             '{"previous_status": "DRAFT", "new_status": "ACTIVE", "reason": "ADMIN: \\u0000"}'),
            (11, '2026-11-03', 'M', 'MARKET_MODE_CHANGED',
             '{"previous_mode": "NORMAL", "new_mode": "ANY", "reason": "A", "until": 32472144000000001}'),
            (12, '2026-11-04', 'M', 'MARKET_SETTLED',
             '{"previous_status": "RESOLVED", "new_status": "SETTLED", "resolution_result": "YES"}'),
            (13, '2026-11-05', 'N', 'MARKET_STATUS_CHANGED',
             '{"previous_status": "DRAFT", "new_status": "ACTIVE", "reason": "ADMIN"}')
    """)
    await migrate(empty)
    rows = await empty.fetch(
        "SELECT journal_id, kind, previous, new, reason, until::TEXT FROM market_activity ORDER BY 1"
    )
    assert [tuple(row) for row in rows] == [
        (10, "STATUS", "DRAFT", "ACTIVE", "ADMIN: \ufffd", None),
        (11, "MODE", "NORMAL", "ANY", "A", "2999-01-01 00:00:00.000001+00"),
        (12, "STATUS", "RESOLVED", "SETTLED", "RESOLUTION", None),
    ]


async def test_who_might_read_the_journal_still_may(empty: Connection, tmp_path: Path) -> None:
    await before_parts(empty, tmp_path, 4)
    role = await empty.fetch_value("SELECT 'auditor_' || pg_backend_pid()")
    await empty.execute(f"CREATE ROLE {role}")
    try:
        await empty.execute(f"GRANT SELECT ON wal_events TO {role}")
        await migrate(empty)
        rights = await empty.fetch_row(
            f"SELECT has_table_privilege('{role}', 'wal_events', 'SELECT') AS reads, "
            f"has_table_privilege('{role}', 'wal_events', 'INSERT') AS writes"
        )
        assert rights is not None
        assert (rights["reads"], rights["writes"]) == (True, False)
    finally:
        await empty.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


async def test_a_start_that_is_killed_while_it_raises_the_journal_is_made_again(
    empty: Connection, empty_url: str, tmp_path: Path
) -> None:
    """It stands still where somebody reads the journal, and is killed there."""
    await before_parts(empty, tmp_path, 4)
    rows = await empty.fetch_value(JOURNAL)
    waits = "SELECT pid FROM pg_locks WHERE NOT granted AND relation = 'wal_events'::regclass"
    async with empty.transaction():
        await empty.execute("SELECT FROM wal_events")
        async with database.opened(empty_url) as db, trio.open_nursery() as nursery:
            raising, watching = await db.connect(), await db.connect()

            async def killed() -> None:
                with pytest.raises(database.ConnectionLostError):
                    await migrate(raising)

            nursery.start_soon(killed)
            while (pid := await watching.fetch_value(waits)) is None:
                await trio.sleep(0.01)
            await watching.execute("SELECT pg_terminate_backend($1)", pid)
    assert await empty.fetch_value("SELECT MAX(version) FROM schema_version") == 6
    assert await empty.fetch_value(JOURNAL) == rows
    assert await migrate(empty) == NOW
    assert await empty.fetch_value(JOURNAL) == rows


async def test_an_upgrade_that_fails_leaves_the_version_before_it(empty: Connection, upgrades: Path) -> None:
    """Not half of it: its first statement worked."""
    (upgrades / f"{NOW + 2:04}-shade.sql").write_text(
        "ALTER TABLE markets ADD COLUMN shade TEXT; SELECT 1 / 0;"
    )
    await migrate(empty)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(empty, upgrades=upgrades)
    assert await columns(empty) == {"id", "colour"}
    assert await empty.fetch_value("SELECT max(version) FROM schema_version") == NOW + 1


async def test_a_newer_database_is_refused_and_not_touched(empty: Connection, upgrades: Path) -> None:
    await migrate(empty)
    await migrate(empty, upgrades=upgrades)
    with pytest.raises(
        DatabaseUnusableError,
        match=f"schema version {NOW + 2}, this program knows {NOW}: start a newer Verdict",
    ):
        await migrate(empty)


async def test_somebody_elses_database_is_refused_and_not_touched(empty: Connection) -> None:
    await empty.execute("CREATE TABLE recipes (id INT)")
    with pytest.raises(DatabaseUnusableError, match=r"somebody else's tables \(recipes\)"):
        await migrate(empty)
    assert await empty.fetch_value("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 1


async def test_starts_at_the_same_moment_do_the_work_once(empty_url: str, upgrades: Path) -> None:
    """Each waits for the one before it, and finds the work done."""
    versions = []

    async def start(with_upgrades: Path) -> None:
        async with database.opened(empty_url) as db:
            versions.append(await migrate(await db.connect(), upgrades=with_upgrades))

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(start, UPGRADES)
    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(start, upgrades)
    assert versions == [NOW] * 4 + [NOW + 2] * 4


async def test_a_user_who_may_not_make_tables_is_told_so(empty: Connection, server_url: str) -> None:
    await empty.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    role = await empty.fetch_value("SELECT 'guest_' || pg_backend_pid()")
    await empty.execute(f"CREATE ROLE {role}")
    await empty.execute(f"SET ROLE {role}")
    try:
        with pytest.raises(DatabaseUnusableError, match="make the user of DATABASE_URL its owner"):
            await migrate(empty)
    finally:
        await empty.execute("RESET ROLE")
        await empty.execute(f"DROP ROLE {role}")


def test_the_schema_file_is_at_the_version_the_upgrades_lead_to() -> None:
    """Whoever writes an upgrade writes the same change into schema.sql, and its number."""
    assert f"INSERT INTO schema_version (version) VALUES ({NOW});" in SCHEMA.read_text()
