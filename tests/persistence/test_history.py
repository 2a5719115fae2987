"""Questions about the past: each finds its rows by an index, and no index is kept that none of them uses."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import attrs
import pytest

from bench.workload import market, user
from kernel.codes import AMM_ID
from kernel.exchange import Exchange
from kernel.market import Order
from persistence.postgres.columns import Row
from persistence.postgres.database import Connection, Database
from persistence.tables.history import History
from persistence.tables.projector import Projector
from tests.persistence.journaled import file, traded

LARGE = ("orders", "trades", "ledger_entries")
"""The tables that grow with every command."""


@attrs.frozen
class Explained(History):
    """Answers as ever, and notes how the database would find each answer."""

    plans: list[str] = attrs.field(factory=list)

    async def _rows(self, sql: str, *values: Any) -> list[Row]:
        await self._explain(sql, *values)
        return await super()._rows(sql, *values)

    async def _place(self, sql: str, *values: Any) -> datetime | None:
        await self._explain(sql, *values)
        return await super()._place(sql, *values)

    async def _explain(self, sql: str, *values: Any) -> None:
        async with self.database.borrowed() as connection:
            found = await connection.fetch(f"EXPLAIN (COSTS OFF) {sql}", *values)
        self.plans.append("\n".join(row["QUERY PLAN"] for row in found))


@pytest.fixture
async def busy(db: Database, connection: Connection) -> Exchange:
    """An exchange with some thousand rows in its tables, which the database has looked at."""
    exchange, everything = traded(4_000)
    await file(connection, everything, transaction=500)
    await Projector(db).catch_up()
    await connection.execute("ANALYZE")
    return exchange


def some_order(exchange: Exchange, user_id: str) -> Order:
    """One in the middle of a user's life that has traded."""
    orders = [order for order in exchange.orders.values() if order.account.id == user_id and order.filled]
    return orders[len(orders) // 2]


TRADES: dict[str, Any] = {"market_id": None, "limit": 20, "scenario": None, "include_audit": False}


async def orders_of(
    history: History, user_id: str, *, before: Order | None, limit: int, status: list[str] | None = None
) -> list[Row]:
    """As a user asks for them: the place is an order, of which memory knows the time."""
    filters = {"market_id": None, "status": status, "original_side": None, "original_direction": None}
    rows = await history.newest(
        "orders",
        {"user_id": user_id},
        filters,
        before=None if before is None else before.accepted_seq,
        before_time=None if before is None else before.created_at,
        limit=limit,
    )
    assert rows is not None
    return rows


async def ledger_of(
    history: History, user_id: str, *, before: int | None, limit: int, entry_type: list[str] | None = None
) -> list[Row] | None:
    filters = {"entry_type": entry_type, "market_id": None}
    return await history.newest("ledger_entries", {"user_id": user_id}, filters, before=before, limit=limit)


async def ask_everything(history: History, user_id: str, order: Order) -> None:
    """Each question, from the newest row and from one in the middle."""
    await orders_of(history, user_id, before=None, limit=20)
    await orders_of(history, user_id, before=order, limit=20, status=["FILLED"])
    trades = await history.trades(user_id, before=None, **TRADES)
    assert trades
    newest, oldest = (int(trades[place]["trade_id"].removeprefix("TRD_")) for place in (0, -1))
    assert await history.trades(user_id, before=newest, **TRADES)
    assert await history.trades_since(user_id, since=oldest, **TRADES)
    assert await history.trades_of_order(order)
    entries = await ledger_of(history, user_id, before=None, limit=20)
    assert entries
    newest_entry = entries[0]["id"]
    assert await ledger_of(history, user_id, before=newest_entry, limit=20, entry_type=["ORDER_FREEZE"])
    dealt = await history.market_trades(market(0), before=None, limit=20)
    assert dealt
    last = int(dealt[-1]["trade_id"].removeprefix("TRD_"))
    assert await history.market_trades(market(0), before=last, limit=20)


async def test_no_question_reads_a_large_table_from_end_to_end_and_no_index_is_idle(
    db: Database, connection: Connection, busy: Exchange
) -> None:
    """For a customer and for the market maker, who has a tenth of all rows."""
    history = Explained(db)
    for user_id in (user(1), AMM_ID):
        await ask_everything(history, user_id, some_order(busy, user_id))
    told = "\n".join(history.plans)
    for table in LARGE:
        assert f"Seq Scan on {table}" not in told
    kept = await connection.fetch(
        "SELECT relname,"
        " ARRAY(SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = oid) AS parts "
        "FROM pg_index JOIN pg_class ON oid = indexrelid "
        "WHERE NOT indisunique AND indrelid = ANY($1::text[]::regclass[])",
        list(LARGE),
    )
    assert len(kept) == 5
    for row in kept:
        assert any(name in told for name in row["parts"] or [row["relname"]]), row["relname"]


async def test_a_page_of_a_long_history_reads_little_more_than_the_page(db: Database, busy: Exchange) -> None:
    """Rows come out of the index in order: nothing is sorted but what happened in the same moment."""
    history = Explained(db)
    await orders_of(history, AMM_ID, before=None, limit=5)
    await history.trades(AMM_ID, before=None, **TRADES | {"limit": 5})
    await ledger_of(history, AMM_ID, before=None, limit=5)
    await history.market_trades(market(0), before=None, limit=5)
    assert len(history.plans) == 4
    for plan in history.plans:
        assert "Bitmap" not in plan, plan


async def test_pages_joined_are_the_whole(db: Database, busy: Exchange) -> None:
    """No row twice and none left out, also where many happened in one moment."""
    history = History(db)
    orders, before = [], None
    while rows := await orders_of(history, AMM_ID, before=before, limit=7):
        orders += [str(row["id"]) for row in rows]
        before = busy.orders[orders[-1]]
    mine = [order for order in busy.orders.values() if order.account.id == AMM_ID]
    assert orders == [order.id for order in sorted(mine, key=lambda order: -order.accepted_seq)]

    async def joined(ask: Callable[[int | None], Awaitable[list[Row] | None]], key: str) -> list[int]:
        found: list[int] = []
        while rows := await ask(found[-1] if found else None):
            found += [int(str(row[key]).removeprefix("TRD_")) for row in rows]
        return found

    entries = await joined(lambda edge: ledger_of(history, AMM_ID, before=edge, limit=97), "id")
    trades = await joined(lambda edge: history.trades(AMM_ID, before=edge, **TRADES), "trade_id")
    dealt = await joined(lambda edge: history.market_trades(market(0), before=edge, limit=13), "trade_id")
    async with db.borrowed() as connection:
        for found, count in (
            (entries, "SELECT count(*) FROM ledger_entries WHERE user_id = $1"),
            (trades, "SELECT count(*) FROM trades WHERE $1 IN (buy_user_id, sell_user_id) AND NOT is_audit"),
        ):
            assert len(found) == await connection.fetch_value(count, AMM_ID)
            assert found == sorted(set(found), reverse=True)
        public = "SELECT count(*) FROM trades WHERE market_id = $1 AND NOT is_audit"
        assert len(dealt) == await connection.fetch_value(public, market(0))
        assert dealt == sorted(set(dealt), reverse=True)


async def test_a_page_behind_a_row_of_somebody_else_is_no_page(db: Database, busy: Exchange) -> None:
    """Whose row it is counts; what the filters let through does not."""
    history = History(db)
    mine = await ledger_of(history, user(1), before=None, limit=1, entry_type=["ORDER_FREEZE"])
    assert mine
    assert await ledger_of(history, user(1), before=mine[0]["id"], limit=1, entry_type=["FEE"]) is not None
    assert await ledger_of(history, user(2), before=mine[0]["id"], limit=1) is None
    assert await ledger_of(history, user(1), before=10**15, limit=1) is None


async def test_a_column_that_a_table_has_not_is_no_filter(db: Database) -> None:
    with pytest.raises(AssertionError, match="ledger_entries"):
        await History(db).newest("ledger_entries", {"1 = 1 OR user_id": "x"}, {}, before=None, limit=1)


async def test_each_question_is_planned_for_whom_it_is_about(db: Database) -> None:
    """A plan that is kept for all would sort the market maker's whole history for each of its pages."""
    async with db.borrowed() as connection:
        assert await connection.fetch_value("SHOW plan_cache_mode") == "force_custom_plan"
