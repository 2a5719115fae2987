"""Old months leave trades and the ledger when the archive has them; what is asked is answered as before."""

import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio

from bench.workload import Flow, market, opening
from kernel.codes import AMM_ID
from kernel.exchange import Exchange
from kernel.journal import Decided
from kernel.market import Order
from persistence import DatabaseUnusableError
from persistence.journal.archive import ArchiveError, archived
from persistence.journal.recovery import recover
from persistence.postgres import database
from persistence.postgres.database import Connection, Database
from persistence.tables.history import History
from persistence.tables.sql_audit import check_record
from persistence.tables.traded_days import read_traded_days
from persistence.tools.archiving import Archiver, alone
from persistence.tools.rebuild import rebuild
from persistence.tools.replay import Verification, frozen_view
from persistence.tools.retention import Retention
from tests.database import create, drop, fresh, url_of
from tests.persistence.archived import lived
from tests.persistence.journaled import KEY
from tests.persistence.test_projector import contents
from tests.persistence.test_replay_tool import verdict

MONTH = 31 * 86_400_000_000
SINCE = datetime(2027, 1, 1, tzinfo=UTC)
"""Where the tables begin when one month stays besides the present one."""
LEFT = ["ledger_entries_2027_01", "trades_2027_01", "ledger_entries_2027_02", "trades_2027_02"]
"""What they are made of then."""


def four_months() -> tuple[Exchange, list[Decided]]:
    """The benchmarks' flow, with a pause of a month after each quarter of it: the last is in February."""
    exchange, commands = Exchange(), list(Flow().commands(2_000))
    wishes = [*opening()]
    for number, command in enumerate(commands):
        pause = number * 4 // len(commands) * MONTH
        wishes.append(msgspec.structs.replace(command, at=command.at + pause))
    return exchange, [Decided(wish, "", exchange.execute(wish)) for wish in wishes]


@pytest.fixture(scope="module")
def lived_in(server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of a database whose journal is archived as far as it may be: into its last month but one."""
    folder = tmp_path_factory.mktemp("archive")

    async def make() -> str:
        name = await create(server_url, template)
        async with database.opened(url_of(server_url, name)) as db:
            connection = await db.connect()
            await lived(db, connection, four_months())
            await connection.close()
            async with alone(db) as archiving:
                await Archiver(archiving, KEY, folder, 0).run()
        return name

    name = trio.run(make)
    yield name
    trio.run(drop, server_url, name)


@pytest.fixture
async def database_url(server_url: str, lived_in: str) -> AsyncIterator[str]:
    async with fresh(server_url, like=lived_in) as url:
        yield url


async def cut(db: Database, months: int = 1, **more: Any) -> datetime | None:
    async with alone(db) as connection:
        archiver = Archiver(connection, KEY, Path("/nowhere"), 0)
        return await Retention(connection, months, archiver.check_times, **more).run()


async def wrong(db: Database) -> list[str]:
    """What the audit in SQL and the journal's replay find wrong with the tables."""
    record = [f"{name}: {row}" for name, rows in (await check_record(db)).items() for row in rows]
    async with frozen_view(db) as view:
        verification = Verification(view, public_keys=(KEY.public,))
        await verification.run(lambda done, total: None)
    return record + [words for findings in verification.findings.values() for words in findings.words]


async def months_of(connection: Connection) -> list[str]:
    rows = await connection.fetch("SELECT part FROM history_months ORDER BY ends_at, part")
    return [row["part"] for row in rows]


def kept(tables: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """What must be left of the tables."""
    times = {"trades": "executed_at", "ledger_entries": "created_at"}
    return {
        name: [row for row in rows if name not in times or row[times[name]] >= SINCE]
        for name, rows in tables.items()
    }


async def test_months_leave_when_the_archive_has_them_and_a_rebuild_brings_them_back(
    db: Database, connection: Connection, tmp_path: Path
) -> None:
    tables = await contents(connection)
    newest = await read_traded_days(db, SINCE)
    assert await cut(db) == SINCE
    assert await months_of(connection) == LEFT
    assert await contents(connection) == kept(tables)
    assert await wrong(db) == []
    assert await read_traded_days(db, SINCE) == newest
    assert await cut(db) == SINCE
    await rebuild(db, lambda done, total: None)
    assert await contents(connection) == tables
    assert await History(db).complete_since() is None
    assert await check_record(db) == {}
    assert await cut(db) == SINCE
    assert await contents(connection) == kept(tables)


async def test_the_tables_from_before_there_were_months_leave_like_one(
    db: Database, connection: Connection
) -> None:
    """As an upgrade leaves them: with everything up to the end of a month."""
    for name in ("trades", "ledger_entries"):
        await connection.execute(f"ALTER TABLE {name} DETACH PARTITION {name}_2026_11")
        await connection.execute(f"ALTER TABLE {name}_2026_11 RENAME TO {name}_before")
        await connection.execute(
            f"ALTER TABLE {name} ATTACH PARTITION {name}_before FOR VALUES FROM (MINVALUE) TO ('2026-12-01Z')"
        )
    assert await cut(db) == SINCE
    assert await months_of(connection) == LEFT
    assert await check_record(db) == {}


async def test_what_a_market_of_old_traded_last_is_still_told(
    db: Database, connection: Connection, tmp_path: Path
) -> None:
    """Nothing was traded there since."""
    await cut(db)
    for_good = await read_traded_days(db, SINCE)
    await connection.execute("DELETE FROM trades")
    minutes, before, newest = await read_traded_days(db, SINCE)
    past = await connection.fetch("SELECT market_id, last_price AS price, last_at AS at FROM trades_forward")
    assert sorted(map(dict, past), key=str) == sorted(before, key=str) == sorted(newest, key=str)
    assert (minutes, before) == for_good[:2]


FORGERIES = (
    "UPDATE ledger_forward SET balance = balance + 1 WHERE user_id = 'PLATFORM_FEE'",
    "UPDATE ledger_forward SET frozen = frozen + 1, entries = entries + 1",
    "DELETE FROM ledger_forward WHERE user_id = 'PLATFORM_FEE'",
    "UPDATE trades_forward SET fees = fees + 1",
    "UPDATE trades_forward SET realized_pnl = realized_pnl + 1",
    "UPDATE trades_forward SET volume = volume + 1",
    "DELETE FROM trades_forward",
)


async def test_what_is_brought_forward_is_held_to_the_tables_and_to_the_journal(
    db: Database, connection: Connection
) -> None:
    await cut(db)
    for table in ("ledger_forward", "trades_forward"):
        await connection.execute(f"CREATE TABLE good_{table} AS TABLE {table}")
    for forgery in FORGERIES:
        await connection.execute(forgery)
        assert await check_record(db) != {}, forgery
        for table in ("ledger_forward", "trades_forward"):
            await connection.execute(f"TRUNCATE {table}; INSERT INTO {table} TABLE good_{table}")
    assert await check_record(db) == {}
    await connection.execute(FORGERIES[0])
    await connection.execute("DELETE FROM trades_forward WHERE market_id = $1", market(0))
    words = await wrong(db)
    for where in ("ledger_forward PLATFORM_FEE: ", f"trades_forward {market(0)}: "):
        assert any(said.startswith(where) for said in words), words


async def pages(ask: Any, key: str) -> list[int]:
    found: list[int] = []
    while rows := await ask(found[-1] if found else None):
        found += [int(str(row[key]).removeprefix("TRD_")) for row in rows]
    return found


async def test_pages_end_where_the_tables_begin_and_say_so(
    db: Database, connection: Connection, tmp_path: Path
) -> None:
    history = History(db)
    trades: dict[str, Any] = {"market_id": None, "scenario": None, "include_audit": False, "limit": 97}

    async def everything() -> list[list[int]]:
        mine = {"user_id": AMM_ID}
        return [
            await pages(lambda at: history.newest("ledger_entries", mine, {}, before=at, limit=97), "id"),
            await pages(lambda at: history.trades(AMM_ID, before=at, **trades), "trade_id"),
            await pages(lambda at: history.market_trades(market(0), before=at, limit=97), "trade_id"),
        ]

    before = await everything()
    await cut(db)
    assert await history.complete_since() == SINCE
    after = await everything()
    for all_of_it, rest in zip(before, after, strict=True):
        assert 0 < len(rest) < len(all_of_it)
        assert rest == all_of_it[: len(rest)]
    entries, mine, public = (all_of_it[-1] for all_of_it in before)
    assert await history.newest("ledger_entries", {"user_id": AMM_ID}, {}, before=entries, limit=5) == []
    assert await history.trades(AMM_ID, before=mine, **trades) == []
    assert await history.market_trades(market(0), before=public, limit=5) == []
    assert await history.trades(AMM_ID, before=10**18 * 9, **trades) is None
    assert await history.newest("ledger_entries", {"user_id": AMM_ID}, {}, before=10**15, limit=5) is None


async def test_an_order_of_old_tells_how_much_of_it_has_left(
    db: Database, connection: Connection, tmp_path: Path
) -> None:
    exchange = await recover(db)
    filled = [order for order in exchange.orders.values() if order.filled]
    history = History(db)
    before = {order.id: await history.trades_of_order(order) for order in filled[:: len(filled) // 20]}
    await cut(db)
    seen = set[str]()
    for order_id, (left, rows) in before.items():
        assert left == 0
        left, rest = await history.trades_of_order(order := exchange.orders[order_id])
        assert rest == [row for row in rows if row["executed_at"] >= SINCE]
        assert left + sum(row["quantity"] for row in rest) == order.filled
        seen.add(kind_of(order, left))
    assert seen == {"old", "new"}


def kind_of(order: Order, left: int) -> str:
    return "old" if left == order.filled else "new" if left == 0 else "both"


async def test_balances_of_accounts_that_rest_are_those_brought_forward(
    db: Database, connection: Connection, tmp_path: Path
) -> None:
    """The ledger watch halts markets over any other answer."""
    exchange = await recover(db)
    await cut(db)
    accounts = list(exchange.accounts.values())
    rows = await History(db).balances(
        [(account.id, exchange.ledger_head, exchange.now) for account in accounts],
        *(exchange.ledger_head, exchange.now),
    )
    assert [row["last_balance"] for row in rows] == [account.available for account in accounts]
    rested = "SELECT count(*) FROM accounts WHERE user_id NOT IN (SELECT user_id FROM ledger_entries)"
    assert await connection.fetch_value(rested) > 0


async def test_nothing_leaves_that_is_to_be_kept_or_that_the_archive_has_not_whole(
    db: Database, connection: Connection, tmp_path: Path
) -> None:
    everything = await months_of(connection)
    assert await cut(db, months=3) is None
    for one in await archived(connection):
        shutil.copy(one.path, tmp_path)
    await connection.execute("UPDATE journal_archive SET folder = $1", str(tmp_path))
    (first, *_) = await archived(connection)
    first.path.write_bytes(first.path.read_bytes()[:-1])
    with pytest.raises(ArchiveError):
        await cut(db)
    await connection.execute("DELETE FROM journal_archive WHERE ended_at >= '2026-12-01'")
    assert await cut(db) is None
    assert await months_of(connection) == everything


async def test_whoever_reads_on_is_not_cut_off(db: Database, connection: Connection, tmp_path: Path) -> None:
    """One who reads all of it as of one moment sees all of it."""
    everything = await months_of(connection)
    async with frozen_view(db) as view:
        with pytest.raises(DatabaseUnusableError, match="run this again when that is over"):
            await cut(db, attempts=1)
        assert await months_of(view) == everything
    assert await connection.fetch_value("SELECT count(*) FROM ledger_forward") == 0
    assert await cut(db) == SINCE


async def test_it_can_be_killed_at_every_step(
    database_url: str, db: Database, connection: Connection
) -> None:
    """All of a month has gone, with its sums there, or nothing."""
    tables, (file, *_) = await contents(connection), await archived(connection)
    for step in ("waiting for those", "dropping", ""):
        done = await trio.run_process(
            [sys.executable, "-m", "tests.persistence.archived", database_url, file.folder, step, "1"],
            check=False,
        )
        assert done.returncode == (-9 if step else 0), step
        if step:
            assert await contents(connection) == tables
            assert await connection.fetch_value("SELECT count(*) FROM ledger_forward") == 0
    assert await contents(connection) == kept(tables)
    assert await wrong(db) == []


async def test_the_command_keeps_as_many_months_as_are_set(database_url: str, connection: Connection) -> None:
    said = await verdict(
        database_url,
        *("archive", "--keep", "0"),
        VERDICT_SEAL_KEY=KEY.secret,
        VERDICT_HISTORY_MONTHS="1",
    )
    assert said.code == 0, said.err
    assert await months_of(connection) == LEFT
    assert said.out.endswith("trades and the ledger begin at 2027-01-01\n")
