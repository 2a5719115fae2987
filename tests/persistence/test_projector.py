"""The projector: the tables hold what the journal says, each fact counted once, whatever is cut or killed."""

import contextlib
import itertools
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from kernel.commands import AnyCommand, DeleteGroup, MarketTerms, SetGroup, Tick, TriggerGroup
from kernel.events import Fact, MarketCreated
from kernel.exchange import Exchange
from kernel.journal import Decided
from persistence.journal.archive import rows
from persistence.postgres.database import Connection, Database
from persistence.postgres.storable import storable_time
from persistence.tables.folding import Batch
from persistence.tables.projector import MAKE_MONTH, NICENESS, SESSION, Projector, give_way
from persistence.tables.projector_process import PACE, ProjectorProgress, projector_running
from persistence.tables.quotes import Quotes
from persistence.tables.table_writer import write
from persistence.tables.verify_tables import Findings, TableComparison
from tests.database import forge
from tests.kernel.trading import NOON, SECOND, Trading, busy_day
from tests.persistence.journaled import decided, file, traded

PROJECTIONS = {
    "accounts": "user_id",
    "markets": "id",
    "market_activity": "market_id, journal_id",
    "amm_markets": "market_id",
    "orders": "id",
    "trades": "trade_id",
    "positions": "user_id, market_id",
    "ledger_entries": "id",
    "circuit_breaker_events": "id",
    "candles": "market_id, interval, start",
    "portfolio_days": "user_id, day",
    "order_groups": "user_id, market_id, group_id",
    "mm_order": "order_id",
    "key_uses": "journal_id",
    "mm_payment": "order_id, idempotency_key",
    "mm_lifecycle_event": "event_id",
    "mm_execution": "order_id, cycle_no",
    "mm_campaign": "campaign_id",
    "mm_campaign_participation": "campaign_id, order_id",
    "mm_venue_withdrawal": "order_id, direction, leg, attempt",
    "mm_reconciliation": "order_id, case_no",
}
SURROGATES = {"accounts", "positions"}
"""Whose own id is drawn at random, and shown nowhere."""


async def contents(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    """Every projection, row by row, without the ids that are shown nowhere."""
    return {
        table: [
            {name: value for name, value in row.items() if not (name == "id" and table in SURROGATES)}
            for row in await connection.fetch(f"SELECT * FROM {table} ORDER BY {key}")
        ]
        for table, key in PROJECTIONS.items()
    }


async def differences(connection: Connection, exchange: Exchange, facts: list[Fact]) -> list[str]:
    findings = Findings()
    tables = TableComparison(connection, findings)
    replayed = Exchange()
    replayed.parted, replayed.parted_positions = {}, []
    async for batch in rows(connection, 0):
        for row in batch:
            if row.command is not None:
                tables.candles.settle(replayed)
                await tables.days.compare(replayed, until=row.fact().at)
            replayed.apply(row.fact())
            tables.candles.hear(row.fact())
    tables.candles.settle(replayed)
    await tables.compare_added(facts)
    await tables.compare_let_go(replayed)
    await tables.compare_state(exchange)
    return findings.words


@pytest.fixture(scope="module")
def day() -> Trading:
    return busy_day()


async def test_the_tables_are_the_state_row_by_row(
    db: Database, connection: Connection, day: Trading
) -> None:
    """A day with every kind of fact in it."""
    await file(connection, decided(day.facts))
    assert await Projector(db).catch_up() == len(day.facts)
    assert await differences(connection, day.exchange, day.facts) == []


async def test_a_market_changes_when_its_trading_ends_in_a_pause(
    db: Database, connection: Connection
) -> None:
    """No status changes then, but nothing says any more when it goes on."""
    end = NOON + 10 * SECOND
    market = Trading(ann=1_000, ben=1_000, halt_move_cents=8, trading_end_at=end)
    for price in (50, 58):
        market.play(f"ann buys 1 YES at {price}", f"ben buys 1 NO at {100 - price}")
    market.now = end
    market.do(Tick(at=end, market_id="M"))
    await file(connection, decided(market.facts))
    await Projector(db).catch_up()
    assert await connection.fetch_value("SELECT updated_at FROM markets") == storable_time(end)
    assert await differences(connection, market.exchange, market.facts) == []


async def test_order_groups_go_with_their_market_and_may_come_again(
    db: Database, connection: Connection
) -> None:
    """All in one batch: made, deleted, made again, and over with their market."""
    market = Trading(ann=1_000)
    market.create("N")
    for market_id in ("M", "N"):
        group: dict[str, Any] = {"at": market.now, "user_id": "ann", "market_id": market_id, "group_id": "g"}
        commands: list[AnyCommand] = [
            SetGroup(**group, max_fill_quantity=5, window_ms=100),
            TriggerGroup(**group),
            DeleteGroup(**group),
            SetGroup(**group, max_fill_quantity=6, window_ms=100),
        ]
        for command in commands:
            market.do(command)
    market.play("root resolves YES in M")
    await file(connection, decided(market.facts))
    await Projector(db).catch_up()
    stored = await connection.fetch("SELECT market_id, max_fill_quantity, triggered_at FROM order_groups")
    assert [tuple(row) for row in stored] == [("N", 6, None)]
    assert await differences(connection, market.exchange, market.facts) == []


ENTRY = "user_id, entry_type, amount, balance_after, reference_type, reference_id, market_id, created_at"
TRADE = """
    trade_id, market_id, scenario, price, quantity, buy_order_id, sell_order_id, buy_user_id, sell_user_id,
    buy_book_type, sell_book_type, maker_order_id, taker_order_id, maker_fee, taker_fee,
    buy_realized_pnl, sell_realized_pnl, is_audit, executed_at
"""


@pytest.mark.parametrize(
    ("told", "stored"),
    [
        (f"SELECT ledger_id, {ENTRY} FROM wal_postings", f"SELECT id, {ENTRY} FROM ledger_entries"),
        (f"SELECT {TRADE} FROM wal_trades", f"SELECT {TRADE} FROM trades"),
    ],
    ids=["ledger_entries", "trades"],
)
async def test_the_tables_agree_with_the_journal_as_sql_reads_it(
    db: Database, connection: Connection, day: Trading, told: str, stored: str
) -> None:
    """The views were written by somebody who did not read the projector."""
    await file(connection, decided(day.facts))
    await Projector(db).catch_up()
    assert await connection.fetch(stored)
    assert await connection.fetch(f"({told} EXCEPT {stored}) UNION ALL ({stored} EXCEPT {told})") == []


async def test_where_a_batch_is_cut_makes_no_difference(
    db: Database, connection: Connection, day: Trading
) -> None:
    """One fact at a time, three, seven, or all at once: the same rows."""
    await file(connection, decided(day.facts))
    seen = []
    for size in (1, 3, 7, 10_000):
        for table in PROJECTIONS:
            await connection.execute(f"TRUNCATE {table}")
        await connection.execute("UPDATE projector_cursor SET journal_id = 0")
        await Projector(db, batch=size).catch_up()
        seen.append(await contents(connection))
    assert seen[0]["orders"]
    assert seen[1:] == seen[:1] * 3


async def test_a_busy_exchange_is_followed_to_the_last_row(db: Database, connection: Connection) -> None:
    exchange, everything = traded(3_000)
    await file(connection, everything, transaction=100)
    await Projector(db, batch=500).catch_up()
    facts = [fact for one in everything for fact in one.outcome.facts]
    assert await differences(connection, exchange, facts) == []


def facts_of(everything: list[Decided]) -> list[Fact]:
    return [fact for one in everything for fact in one.outcome.facts]


async def reach(connection: Connection, head: int) -> None:
    with trio.fail_after(60):
        while await connection.fetch_value("SELECT journal_id FROM projector_cursor") < head:
            await trio.sleep(0.01)


async def test_it_goes_on_after_every_lost_connection(db: Database, connection: Connection) -> None:
    """PostgreSQL ends its sessions again and again, between statements and in them."""
    exchange, everything = traded(1_500)
    await file(connection, everything, transaction=100)
    facts = facts_of(everything)
    cut = 0

    async def cut_it() -> None:
        nonlocal cut
        cutter = await db.connect()
        for number in itertools.count(1):
            cut += await cutter.fetch_value(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            await trio.sleep(0.03 * number)

    projector = Projector(db, batch=100)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(cut_it)
        nursery.start_soon(projector.run)
        with trio.fail_after(60):
            while projector.reached < len(facts):
                await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    assert cut > 0
    assert await differences(await db.connect(), exchange, facts) == []


async def test_two_at_once_count_nothing_twice(db: Database, connection: Connection) -> None:
    """The cursor's row is locked while a batch is written; who comes second sees that it has moved."""
    exchange, everything = traded(1_500)
    await file(connection, everything, transaction=100)
    facts = facts_of(everything)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Projector(db, batch=100).run)
        nursery.start_soon(Projector(db, batch=70).run)
        await reach(connection, len(facts))
        nursery.cancel_scope.cancel()
    assert await differences(connection, exchange, facts) == []


async def test_what_comes_behind_a_gap_has_not_happened_yet(db: Database, connection: Connection) -> None:
    """The journal has no gaps: a row behind one is projected when the row before it is there."""
    _, everything = traded(0)
    facts = facts_of(everything)
    await file(connection, everything)
    held_back = await connection.fetch("SELECT * FROM wal_events WHERE id BETWEEN 11 AND 14")
    await forge(connection, "DELETE FROM wal_events WHERE id BETWEEN 11 AND 14")
    projector = Projector(db)
    assert await projector.catch_up() == 10
    await connection.execute_many(
        "INSERT INTO wal_events VALUES ($1, $2, $3, $4, $5, $6, $7)", [*map(tuple, held_back)]
    )
    assert await projector.catch_up() == len(facts) - 10


async def test_a_text_that_postgresql_cannot_hold_does_not_stop_it(
    db: Database, connection: Connection
) -> None:
    """The character 0 is a character to JSON; in a text of PostgreSQL it is shown as the replacement."""
    event = MarketCreated(terms=MarketTerms(title="a\0b"), amm_authorized=True, by="root")
    await file(connection, decided([Fact(1, NOON, "M", event)]))
    await Projector(db).catch_up()
    assert await connection.fetch_value("SELECT title FROM markets") == "a\ufffdb"


async def test_its_process_can_be_killed_in_the_middle_of_a_batch(
    database_url: str, db: Database, connection: Connection
) -> None:
    """Killed as by the system's memory manager, before each of the tables in turn; the next one goes on."""
    exchange, everything = traded(500)
    facts = facts_of(everything)
    await file(connection, everything, transaction=500)
    await connection.execute(MAKE_MONTH, facts[-1].at)
    progress, killed = ProjectorProgress(), set[int]()
    async with projector_running(database_url, progress):
        for table in ("orders", "trades", "ledger_entries", "projector_cursor"):
            async with connection.transaction():
                await connection.execute(f"LOCK TABLE {table} IN SHARE MODE")
                killed.add(await killed_while_it_waits(db, killed))
        progress.wake(len(facts))
        assert await progress.until(len(facts), 60)
        assert progress.lag_events == progress.lag_seconds == 0
    assert projector_process() is None
    assert await differences(connection, exchange, facts) == []


async def killed_while_it_waits(db: Database, killed: set[int]) -> int:
    """Kill a projector that was not killed yet, once it waits for the table; returns which it was."""
    with trio.fail_after(30):
        while True:
            pid = projector_process()
            async with db.borrowed() as asking:
                waits = await asking.fetch_value(
                    "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND mode = 'RowExclusiveLock')"
                )
            if waits and pid is not None and pid not in killed:
                os.kill(pid, signal.SIGKILL)
                return pid
            await trio.sleep(0.01)


def projector_process() -> int | None:
    """The child of ours that projects."""
    for task in Path("/proc/self/task").iterdir():
        for pid in (task / "children").read_text().split():
            with contextlib.suppress(FileNotFoundError):
                if b"persistence.tables.projector" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    return int(pid)
    return None


async def test_sessions_on_this_machine_give_way_to_everybody_elses(connection: Connection) -> None:
    """To the journal's above all: on a machine with few cores acknowledgements would wait for the tables."""
    if await connection.fetch_value("SELECT inet_server_addr() IS NOT NULL"):
        pytest.skip("the server may be on another machine")
    pid = await connection.fetch_value("SELECT pg_backend_pid()")
    before = os.getpriority(os.PRIO_PROCESS, pid)
    await give_way(connection)
    assert os.getpriority(os.PRIO_PROCESS, pid) == NICENESS > before


class Explaining:
    """A connection that also notes how the database finds the rows that a statement changes."""

    def __init__(self, connection: Connection) -> None:
        self.plans: dict[str, str] = {}
        self._connection = connection

    async def execute(self, sql: str, *values: Any) -> str:
        begin = sql.split()
        found = await self._connection.fetch(f"EXPLAIN {sql}", *values)
        if "UPDATE" in begin:
            table = begin[1] if begin[0] == "UPDATE" else begin[2]
            self.plans[table] = "\n".join(row["QUERY PLAN"] for row in found)
        return await self._connection.execute(sql, *values)

    async def copy_in(self, table: str, columns: tuple[str, ...], rows: bytearray) -> None:
        await self._connection.copy_in(table, columns, rows)


async def test_what_changed_is_found_by_its_key_in_tables_of_any_size(
    connection: Connection, day: Trading
) -> None:
    """A database that believes its tables to be small would read them from end to end, at every batch."""
    await connection.execute(SESSION)
    await connection.execute(MAKE_MONTH, NOON)
    explaining: Any = Explaining(connection)
    quotes = Quotes()
    for fact in day.facts:
        batch = Batch(fact.id - 1, quotes)
        batch.add(fact)
        await write(explaining, batch)
    changed = explaining.plans.keys() - {"projector_cursor"}  # which has one row
    assert changed >= {"accounts", "markets", "amm_markets", "orders", "positions", "circuit_breaker_events"}
    for table in changed:
        plan = explaining.plans[table]
        assert "Index" in plan or "Conflict Arbiter" in plan, plan
        assert "Seq Scan" not in plan, plan


async def test_the_projector_is_told_ten_times_a_second_or_at_once_if_somebody_waits(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The larger a batch, the less each fact costs; who asks about the past is not to wait for that."""
    progress, told = ProjectorProgress(), list[tuple[float, int]]()

    async def listen() -> None:
        while True:
            told.append((trio.current_time() - begun, await progress.hint()))

    async with trio.open_nursery() as nursery:
        begun = trio.current_time()
        nursery.start_soon(listen)
        for durable in range(1, 11):
            await trio.sleep(0.3 * PACE)
            progress.wake(durable)
        await trio.sleep(10 * PACE)
        assert [durable for _, durable in told] == [4, 8, 10], "what came meanwhile is one hint"
        progress.wake(11)
        await trio.testing.wait_all_tasks_blocked()
        assert told[-1][1] == 10
        nursery.start_soon(progress.until, 11, 60)
        await trio.testing.wait_all_tasks_blocked()
        assert told[-1][1] == 11
        nursery.cancel_scope.cancel()


async def test_who_waits_for_the_tables_is_told_when_they_are_there_or_that_they_are_not() -> None:
    progress = ProjectorProgress()
    progress.wake(5)
    assert progress.lag_events == 5
    assert not await progress.until(5, 0.01)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(progress.until, 5, 60)
        await trio.testing.wait_all_tasks_blocked()
        progress.arrive(5)
    assert progress.lag_events == 0
