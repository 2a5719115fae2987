"""The past, page by page, out of the tables: orders, trades, ledger entries, circuit breakers.

Newest first, unless it says otherwise. A page begins after the row that its caller saw last, so rows added
meanwhile move nothing; without such a row it begins at the end of time, so that an index can be entered there
either way. Rows are sorted by time first, because the indexes are; by number within a time.
"""

# ruff: noqa: S608 - statements are put together from what stands in this file; values go as parameters

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import attrs

from kernel.state import Order
from persistence.postgres.database import Database

Row = Mapping[str, Any]

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
NUMBER: Final = "substr(trade_id, 5)::BIGINT"
"""A trade's number, behind its TRD_."""
NUMBER_MAX: Final = 2**63 - 1
"""Beyond every number that there is; so is its time, in the database's word for it."""


def before(time: str, number: str, parameter: int) -> str:
    """Where a row comes before the edge, two parameters: time and number, or null for the end of time."""
    at = f"COALESCE(${parameter}::timestamptz, 'infinity')"
    # The first half is what an index can be entered by; it knows nothing of rows within one time.
    return f"{time} <= {at} AND ({time}, {number}) < ({at}, COALESCE(${parameter + 1}::bigint, {NUMBER_MAX}))"


ORDERS: Final = f"""
    SELECT id, client_order_id, market_id, original_side, original_direction, original_price, book_type,
           book_direction, book_price, time_in_force, quantity, filled_quantity, remaining_quantity,
           frozen_amount, frozen_asset_type, status, cancel_reason, created_at, updated_at
    FROM orders
    WHERE user_id = $1
      AND ($2::text IS NULL OR market_id = $2)
      AND ($3::text[] IS NULL OR status = ANY($3))
      AND ($4::text IS NULL OR original_side = $4)
      AND ($5::text IS NULL OR original_direction = $5)
      AND {before("created_at", "accepted_seq", 6)}
    ORDER BY created_at DESC, accepted_seq DESC
    LIMIT $8
"""

TRADE_COLUMNS: Final = """
    trade_id, market_id, scenario, buy_order_id, buy_user_id, sell_user_id, buy_book_type, sell_book_type,
    price, quantity, maker_order_id, taker_order_id, maker_fee, taker_fee, buy_realized_pnl,
    sell_realized_pnl, is_audit, executed_at
"""


def trades_of_user(edge: str, order: str) -> str:
    """Trades of user $1: those bought, and those sold to somebody else; each found by an index of its own."""
    bought, sold = (
        f"""(SELECT {TRADE_COLUMNS} FROM trades
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


TRADES: Final = trades_of_user(before("executed_at", NUMBER, 5), "DESC")
TRADES_SINCE: Final = trades_of_user(f"executed_at >= $5 AND {NUMBER} > $6", "ASC")
TRADE_PLACE: Final = "SELECT executed_at FROM trades WHERE trade_id = 'TRD_' || $1::bigint"

MARKET_TRADES: Final = f"""
    SELECT {TRADE_COLUMNS} FROM trades
    WHERE market_id = $1 AND NOT is_audit
      AND {before("executed_at", NUMBER, 2)}
    ORDER BY executed_at DESC, {NUMBER} DESC
    LIMIT $4
"""

LEDGER: Final = f"""
    SELECT id, entry_type, amount, balance_after, reference_type, reference_id, market_id, description,
           created_at
    FROM ledger_entries
    WHERE user_id = $1
      AND ($2::text[] IS NULL OR entry_type = ANY($2))
      AND ($3::text IS NULL OR market_id = $3)
      AND {before("created_at", "id", 4)}
    ORDER BY created_at DESC, id DESC
    LIMIT $6
"""

BREAKERS: Final = f"""
    SELECT id, market_id, trigger_reason, context::text AS context, resolved_at, resolved_by, resolution_note,
           triggered_at
    FROM circuit_breaker_events
    WHERE market_id = $1 AND {before("triggered_at", "id", 2)}
    ORDER BY triggered_at DESC, id DESC
    LIMIT $4
"""


BALANCES: Final = """
    SELECT asked.user_id, COALESCE(last.balance_after, 0) AS last_balance,
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
    LEFT JOIN accounts ON accounts.user_id = asked.user_id
    ORDER BY asked.place
"""


@attrs.frozen
class History:
    """Questions about the past."""

    database: Database

    async def orders(
        self,
        user_id: str,
        *,
        market_id: str | None,
        statuses: Sequence[str] | None,
        side: str | None,
        direction: str | None,
        before: Order | None,
        limit: int,
    ) -> list[Row]:
        return await self._rows(
            ORDERS,
            user_id,
            market_id,
            None if statuses is None else list(statuses),
            side,
            direction,
            None if before is None else stored(before.created_at),
            None if before is None else before.accepted_seq,
            limit,
        )

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
                return None
        return await self._rows(TRADES, user_id, market_id, scenario, include_audit, edge, before, limit)

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
        """Oldest first. A number that no trade has is a place all the same, though one without an index."""
        edge = await self._place(TRADE_PLACE, since) or EPOCH
        return await self._rows(TRADES_SINCE, user_id, market_id, scenario, include_audit, edge, since, limit)

    async def market_trades(self, market_id: str, *, before: int | None, limit: int) -> list[Row] | None:
        edge = None
        if before is not None:
            public = "AND market_id = $2 AND NOT is_audit"
            edge = await self._place(f"{TRADE_PLACE} {public}", before, market_id)
            if edge is None:
                return None
        return await self._rows(MARKET_TRADES, market_id, edge, before, limit)

    async def trades_of_order(self, order: Order) -> list[Row]:
        """Oldest first; found among its user's trades within its own life."""
        side = "buy" if order.is_bid else "sell"
        return await self._rows(
            f"SELECT {TRADE_COLUMNS} FROM trades "
            f"WHERE {side}_user_id = $1 AND {side}_order_id = $2::uuid AND executed_at BETWEEN $3 AND $4 "
            f"ORDER BY executed_at, {NUMBER}",
            order.account.id,
            order.id,
            stored(order.created_at),
            stored(order.updated_at),
        )

    async def ledger(
        self,
        user_id: str,
        *,
        entry_types: Sequence[str] | None,
        market_id: str | None,
        before: int | None,
        limit: int,
    ) -> list[Row] | None:
        edge = None
        if before is not None:
            edge = await self._place(
                "SELECT created_at FROM ledger_entries WHERE id = $1 AND user_id = $2", before, user_id
            )
            if edge is None:
                return None
        types = None if entry_types is None else list(entry_types)
        return await self._rows(LEDGER, user_id, types, market_id, edge, before, limit)

    async def breakers(self, market_id: str, *, before: int | None, limit: int) -> list[Row] | None:
        edge = None
        if before is not None:
            edge = await self._place(
                "SELECT triggered_at FROM circuit_breaker_events WHERE id = $1 AND market_id = $2",
                before,
                market_id,
            )
            if edge is None:
                return None
        return await self._rows(BREAKERS, market_id, edge, before, limit)

    async def balances(self, accounts: Sequence[tuple[str, int, int]], ledger_id: int, at: int) -> list[Row]:
        """What entry `ledger_id`, of time `at`, left these accounts with, and what the entries since come to.

        Each account comes with the entry, and its time, after which entries are added up. In their order.
        """
        names, since, times = zip(*accounts, strict=True)
        return await self._rows(
            BALANCES, names, since, [stored(time) for time in times], ledger_id, stored(at)
        )

    async def _rows(self, sql: str, *values: Any) -> list[Row]:
        async with self.database.borrowed() as connection:
            return [dict(row) for row in await connection.fetch(sql, *values)]

    async def _place(self, sql: str, *values: Any) -> datetime | None:
        """When the row that a cursor names happened."""
        async with self.database.borrowed() as connection:
            when: datetime | None = await connection.fetch_value(sql, *values)
            return when


def stored(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)
