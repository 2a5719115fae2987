"""The past, page by page, out of the tables: orders, trades, ledger entries, circuit breakers.

Newest first, unless a question says otherwise. A page begins after the last row that its caller has seen, so
that rows added meanwhile move nothing; the first page begins at the end of time, so that every page finds its
place in an index in the same way. Rows are sorted by time, as the indexes are, and by number within one time.
"""

# ruff: noqa: S608 - statements are made of our own words; values go as parameters

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import attrs

from kernel.codes import KeyKind
from kernel.market import Order
from kernel.past import KeyUse, OrderImage, PastPosition
from persistence.postgres.columns import Row, Table
from persistence.postgres.database import Database
from persistence.postgres.storable import EPOCH, storable_time
from persistence.tables.columns import (
    CANDLES,
    MARKET_ACTIVITY,
    MM_EXECUTION,
    MM_LIFECYCLE_EVENT,
    MM_ORDER,
    PORTFOLIO_DAYS,
    TABLES,
    TRADES,
)
from persistence.tables.past_orders import key_use, past_orders, past_positions

NUMBER: Final = "substr(trade_id, 5)::BIGINT"
"""A trade's number, behind its TRD_."""
NUMBER_MAX: Final = 2**63 - 1
"""Greater than any number of a row, as `infinity` is later than any time."""


def before(time: str, number: str, parameter: int) -> str:
    """The condition that a row comes before a time and number, two parameters; null is the end of time."""
    at = f"COALESCE(${parameter}::timestamptz, 'infinity')"
    # An index finds its place by the first half; the second half tells apart the rows of one time.
    return f"{time} <= {at} AND ({time}, {number}) < ({at}, COALESCE(${parameter + 1}::bigint, {NUMBER_MAX}))"


@lru_cache(maxsize=64)
def newest(table: Table, names: tuple[str, ...], lists: tuple[str, ...]) -> str:
    """The statement for a page of rows; some columns may have any of the values in a list."""
    time, number = table.newest
    columns = {column.name for column in table.columns}
    assert columns.issuperset(names), f"{table.name} has not all of {names}"
    wanted = [
        f"{name} = ANY(${parameter}::text[])" if name in lists else f"{name} = ${parameter}"
        for parameter, name in enumerate(names, 1)
    ]
    edge = len(names) + 1
    return f"""
        SELECT {table.told} FROM {table.name}
        WHERE {" AND ".join([*wanted, before(time, number, edge)])}
        ORDER BY {time} DESC, {number} DESC
        LIMIT ${edge + 2}"""


@lru_cache(maxsize=64)
def place(table: Table, names: tuple[str, ...]) -> str:
    """The statement for the time of the row with a certain number, if it is of these."""
    time, number = table.newest
    whose = "".join(f" AND {name} = ${parameter}" for parameter, name in enumerate(names, 2))
    return f"SELECT {time} FROM {table.name} WHERE {number} = $1{whose}"


def trades_of_user(edge: str, order: str) -> str:
    """Trades of user $1: what it bought, and what it sold to others; each half has an index of its own."""
    bought, sold = (
        f"""(SELECT {TRADES.told} FROM trades
             WHERE {party}
               AND ($2::text IS NULL OR market_id = $2)
               AND ($3::text IS NULL OR scenario = $3)
               AND ($4 OR NOT is_audit)
               AND {edge}
             ORDER BY executed_at {order}, {NUMBER} {order}
             LIMIT $7)"""
        for party in ("buy_user_id = $1", "sell_user_id = $1 AND buy_user_id <> $1")
    )
    return f"""SELECT * FROM ({bought} UNION ALL {sold}) AS mine
               ORDER BY executed_at {order}, {NUMBER} {order} LIMIT $7"""


TRADES_UNTIL: Final = trades_of_user(before("executed_at", NUMBER, 5), "DESC")
TRADES_SINCE: Final = trades_of_user(f"executed_at >= $5 AND {NUMBER} > $6", "ASC")
TRADE_PLACE: Final = "SELECT executed_at FROM trades WHERE trade_id = 'TRD_' || $1::bigint"

MARKET_TRADES: Final = f"""
    SELECT {TRADES.told} FROM trades
    WHERE market_id = $1 AND NOT is_audit
      AND {before("executed_at", NUMBER, 2)}
    ORDER BY executed_at DESC, {NUMBER} DESC
    LIMIT $4
"""

CANDLES_BETWEEN: Final = f"""
    (SELECT {CANDLES.told} FROM candles
     WHERE market_id = $1 AND interval = $2 AND start < $3 ORDER BY start DESC LIMIT 1)
    UNION ALL
    SELECT {CANDLES.told} FROM candles
    WHERE market_id = $1 AND interval = $2 AND start >= $3 AND start < $4
    ORDER BY start
"""

ACTIVITY_BEFORE: Final = f"""
    SELECT {MARKET_ACTIVITY.told} FROM market_activity WHERE market_id = $1 AND journal_id < $2
    ORDER BY journal_id DESC LIMIT $3
"""
IS_ACTIVITY: Final = "SELECT at FROM market_activity WHERE journal_id = $1 AND market_id = $2"

BALANCES: Final = """
    SELECT asked.user_id, COALESCE(last.balance_after, past.balance, 0) AS last_balance,
           since.entries, since.amount, since.frozen,
           accounts.available_balance, accounts.frozen_balance, accounts.version
    FROM unnest($1::text[], $2::bigint[], $3::timestamptz[]) WITH ORDINALITY
             AS asked (user_id, ledger_id, at, place)
    LEFT JOIN LATERAL (
        SELECT balance_after FROM ledger_entries
        WHERE user_id = asked.user_id AND created_at <= $5 AND id <= $4
        ORDER BY created_at DESC, id DESC LIMIT 1) AS last ON TRUE
    CROSS JOIN LATERAL (
        SELECT COUNT(*) AS entries, COALESCE(SUM(amount), 0)::bigint AS amount,
               COALESCE(-SUM(amount) FILTER (WHERE entry_type IN ('ORDER_FREEZE', 'ORDER_UNFREEZE')), 0)
                   ::bigint AS frozen
        FROM ledger_entries
        WHERE user_id = asked.user_id AND created_at BETWEEN asked.at AND $5
          AND id > asked.ledger_id AND id <= $4) AS since
    LEFT JOIN ledger_forward AS past ON past.user_id = asked.user_id
    LEFT JOIN accounts ON accounts.user_id = asked.user_id
    ORDER BY asked.place
"""


DAYS_BEFORE: Final = f"""
    SELECT {PORTFOLIO_DAYS.told} FROM portfolio_days WHERE user_id = $1 AND day < $2
    ORDER BY day DESC LIMIT $3
"""

TRAIL_AFTER: Final = f"""
    SELECT {MM_LIFECYCLE_EVENT.told} FROM mm_lifecycle_event WHERE order_id = $1::uuid AND seq > $2
    ORDER BY seq LIMIT $3
"""
MAKING_ORDERS: Final = """
    SELECT order_id, state, market_id, user_id, paid_in_cents, paid_out_cents, created_at FROM mm_order
    WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR user_id = $2)
      AND ($3::text IS NULL OR market_id = $3)
    ORDER BY created_at DESC, order_id DESC LIMIT $4
"""
EXECUTIONS_BEFORE: Final = f"""
    SELECT {MM_EXECUTION.told} FROM mm_execution WHERE order_id = $1::uuid AND cycle_no < $2
    ORDER BY cycle_no DESC LIMIT $3
"""
LAST_LEFT: Final = {
    "trades": "SELECT EXISTS (SELECT FROM history_cuts WHERE last_trade >= $1)",
    "ledger_entries": "SELECT EXISTS (SELECT FROM history_cuts WHERE last_entry >= $1)",
}
"""Whether a row of that number has left."""
COMPLETE_SINCE: Final = "SELECT max(complete_since) FROM history_cuts"
ORDER_NUMBER: Final = "SELECT accepted_seq FROM orders WHERE id = $1 AND user_id = $2"


@attrs.frozen
class History:
    """Questions about the past."""

    database: Database

    async def newest(
        self,
        table: str,
        whose: Mapping[str, str],
        filters: Mapping[str, Any],
        *,
        before: int | None,
        before_time: int | None = None,
        limit: int,
    ) -> list[Row] | None:
        """A page of the rows whose columns have these values; None if `before` numbers none of `whose` rows.

        A filter is a value, a list of possible values, or None for any. If the caller knows the time of the
        row `before`, it need not be looked up.
        """
        described = TABLES[table]
        edge = storable_time(before_time)
        if before is not None and edge is None:
            edge = await self._place(place(described, tuple(whose)), before, *whose.values())
            if edge is None:
                return await self._left(table, before)
        wanted = {**whose, **{name: value for name, value in filters.items() if value is not None}}
        lists = tuple(name for name, value in wanted.items() if isinstance(value, list))
        sql = newest(described, tuple(wanted), lists)
        return await self._rows(sql, *wanted.values(), edge, before, limit)

    async def trades(
        self,
        user_id: str,
        *,
        market_id: str | None,
        scenario: str | None,
        include_audit: bool,
        before: int | None,
        limit: int,
    ) -> list[Row] | None:
        edge = None
        if before is not None:
            party = "AND $2 IN (buy_user_id, sell_user_id)"
            edge = await self._place(f"{TRADE_PLACE} {party}", before, user_id)
            if edge is None:
                return await self._left("trades", before)
        return await self._rows(
            TRADES_UNTIL, user_id, market_id, scenario, include_audit, edge, before, limit
        )

    async def trades_since(
        self,
        user_id: str,
        *,
        market_id: str | None,
        scenario: str | None,
        include_audit: bool,
        since: int,
        limit: int,
    ) -> list[Row]:
        """Oldest first. `since` need not be the number of a trade; if it is not, every trade is looked at."""
        edge = await self._place(TRADE_PLACE, since) or EPOCH
        return await self._rows(TRADES_SINCE, user_id, market_id, scenario, include_audit, edge, since, limit)

    async def market_trades(self, market_id: str, *, before: int | None, limit: int) -> list[Row] | None:
        edge = None
        if before is not None:
            public = "AND market_id = $2 AND NOT is_audit"
            edge = await self._place(f"{TRADE_PLACE} {public}", before, market_id)
            if edge is None:
                return await self._left("trades", before)
        return await self._rows(MARKET_TRADES, market_id, edge, before, limit)

    async def market_activity(
        self, market_id: str, *, before: int | None, last: int, limit: int
    ) -> list[Row] | None:
        """Changes of a market's status and mode up to journal id `last`, newest first."""
        if before is not None and await self._place(IS_ACTIVITY, before, market_id) is None:
            return None
        behind = last + 1 if before is None else min(before, last + 1)
        return await self._rows(ACTIVITY_BEFORE, market_id, behind, limit)

    async def candles(self, market_id: str, interval: str, start: int, end: int) -> list[Row]:
        """Those that begin in [start, end), and the newest of those before; oldest first."""
        return await self._rows(
            CANDLES_BETWEEN, market_id, interval, storable_time(start), storable_time(end)
        )

    async def past_orders(
        self, user_id: str, names: Sequence[str], order_ids: Sequence[str]
    ) -> list[OrderImage]:
        """Those with these ids, and those with these names of the user's."""
        return await past_orders(self.database, user_id, names, order_ids)

    async def past_positions(self, user_id: str, until: int, without: Sequence[str]) -> list[PastPosition]:
        """The account's positions that last changed up to this time, but for those in some markets."""
        return await past_positions(self.database, user_id, until, without)

    async def key_use(self, kind: KeyKind, key: str) -> KeyUse | None:
        """What a key did that memory has let go of."""
        return await key_use(self.database, kind, key)

    async def complete_since(self) -> datetime | None:
        """From when on trades and ledger entries are all there; None if none ever left."""
        async with self.database.borrowed() as connection:
            since: datetime | None = await connection.fetch_value(COMPLETE_SINCE)
            return since

    async def trades_of_order(self, order: Order) -> tuple[int, list[Row]]:
        """Its trades, oldest first, and how many shares were in those that have left the tables.

        They are among its user's trades, between its first and its last change.
        """
        side = "buy" if order.is_bid else "sell"
        of_order = f"{side}_user_id = $1 AND {side}_order_id = $2::uuid AND executed_at"
        mine = (order.account.id, order.id, storable_time(order.created_at))
        until = storable_time(order.updated_at)
        left = await self._rows(
            "SELECT filled_quantity - "
            f"(SELECT COALESCE(SUM(quantity), 0) FROM trades WHERE {of_order} >= $3)::int AS quantity "
            f"FROM orders WHERE id = $2::uuid AND created_at < ({COMPLETE_SINCE})",
            *mine,
        )
        rows = await self._rows(
            f"SELECT {TRADES.told} FROM trades WHERE {of_order} BETWEEN $3 AND $4 "
            f"ORDER BY executed_at, {NUMBER}",
            *mine,
            until,
        )
        return left[0]["quantity"] if left else 0, rows

    async def balances(self, accounts: Sequence[tuple[str, int, int]], ledger_id: int, at: int) -> list[Row]:
        """The balance of each account at entry `ledger_id`, of time `at`, and the sum of recent entries.

        Each account is given with an earlier entry and its time; the entries after that one are summed up.
        The answers are in the order of the accounts.
        """
        names, since, times = zip(*accounts, strict=True)
        return await self._rows(
            BALANCES, names, since, [storable_time(time) for time in times], ledger_id, storable_time(at)
        )

    async def portfolio_days(self, user_id: str, before: date, limit: int) -> list[Row]:
        """What somebody had at the end of each day before that one, newest first."""
        return await self._rows(DAYS_BEFORE, user_id, before, limit)

    async def trail(self, order_id: str, after_seq: int, limit: int) -> list[Row]:
        """What became of a market-making order, oldest first."""
        return await self._rows(TRAIL_AFTER, order_id, after_seq, limit)

    async def making_orders(
        self, state: str | None, user_id: str | None, market_id: str | None, limit: int
    ) -> list[Row]:
        """Market-making orders, newest first."""
        return await self._rows(MAKING_ORDERS, state, user_id, market_id, limit)

    async def making_order(self, order_id: str) -> Row | None:
        """All that the tables have of a market-making order."""
        found = await self._rows(f"SELECT {MM_ORDER.told} FROM mm_order WHERE order_id = $1::uuid", order_id)
        return found[0] if found else None

    async def executions(self, order_id: str, before: int | None, limit: int) -> list[Row]:
        """How the cycles of a market-making order ended, newest first."""
        return await self._rows(EXECUTIONS_BEFORE, order_id, NUMBER_MAX if before is None else before, limit)

    async def order_number(self, order_id: UUID, user_id: str) -> int | None:
        """The place of an order among all; None if the account has none with this id."""
        async with self.database.borrowed() as connection:
            number: int | None = await connection.fetch_value(ORDER_NUMBER, order_id, user_id)
            return number

    async def _rows(self, sql: str, *values: Any) -> list[Row]:
        async with self.database.borrowed() as connection:
            return [dict(row) for row in await connection.fetch(sql, *values)]

    async def _left(self, table: str, number: int) -> list[Row] | None:
        """What is behind a row that is not there: nothing, if it has left; None if it never was."""
        if table not in LAST_LEFT:
            return None
        async with self.database.borrowed() as connection:
            has_left = await connection.fetch_value(LAST_LEFT[table], number)
            return [] if has_left else None

    async def _place(self, sql: str, *values: Any) -> datetime | None:
        """When the row that a cursor names happened."""
        async with self.database.borrowed() as connection:
            when: datetime | None = await connection.fetch_value(sql, *values)
            return when
