"""Writes a batch of folded facts to the tables, and the cursor with it, in one transaction.

New rows of the large tables go in by COPY, everything else by one statement for each table. What a statement
sets, the batch says; the database adds nothing of its own but the surrogate ids.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
import structlog

from kernel.codes import PriceType
from kernel.events import Fact, OrderAccepted
from persistence.postgres.database import Connection
from persistence.postgres.packing import (
    ID,
    SHORT,
    TITLE,
    cut,
    header,
    id_text,
    int2,
    int4,
    int8,
    name,
    null,
    table,
    text,
    time,
    uuid,
)
from persistence.tables.folding import Batch, OrderNow

log = structlog.get_logger(__name__)

START: Final = datetime(1970, 1, 1, tzinfo=UTC)
# Not the very first and last that Python has: the driver takes those for infinite.
FIRST: Final = (datetime.min.replace(tzinfo=UTC) - START) // timedelta(microseconds=1) + 1
LAST: Final = (datetime.max.replace(tzinfo=UTC) - START) // timedelta(microseconds=1) - 1

ENTRY_COLUMNS: Final = (
    *("id", "user_id", "entry_type", "amount", "balance_after", "reference_type", "reference_id"),
    *("market_id", "description", "created_at"),
)
TRADE_COLUMNS: Final = (
    *(
        "id",
        "trade_id",
        "market_id",
        "scenario",
        "buy_order_id",
        "sell_order_id",
        "buy_user_id",
        "sell_user_id",
    ),
    *("buy_book_type", "sell_book_type", "price", "quantity", "maker_order_id", "taker_order_id"),
    *("maker_fee", "taker_fee", "buy_realized_pnl", "sell_realized_pnl", "is_audit", "executed_at"),
    "created_at",
)
ORDER_COLUMNS: Final = (
    *("id", "client_order_id", "market_id", "user_id", "original_side", "original_direction"),
    *("original_price", "book_type", "book_direction", "book_price", "price_type", "time_in_force"),
    *("quantity", "filled_quantity", "remaining_quantity", "frozen_amount", "frozen_asset_type", "status"),
    *("cancel_reason", "accepted_seq", "replaces_order_id", "created_at", "updated_at"),
)
ORDER_ROW: Final = header(len(ORDER_COLUMNS))

UPDATE_ORDERS: Final = """
    UPDATE orders
    SET status = now.status, remaining_quantity = now.remaining,
        filled_quantity = orders.quantity - now.remaining, frozen_amount = now.frozen,
        cancel_reason = now.cancel_reason, updated_at = now.updated_at
    FROM unnest($1::uuid[], $2::text[], $3::int[], $4::bigint[], $5::text[], $6::timestamptz[])
         AS now (id, status, remaining, frozen, cancel_reason, updated_at)
    WHERE orders.id = now.id
"""
OPEN_ACCOUNTS: Final = """
    INSERT INTO accounts (user_id, owner_id, auto_netting_enabled, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $4)
"""
UPDATE_ACCOUNTS: Final = """
    UPDATE accounts
    SET available_balance = now.available, frozen_balance = now.frozen,
        version = accounts.version + now.entries, updated_at = now.updated_at
    FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::timestamptz[])
         AS now (user_id, available, frozen, entries, updated_at)
    WHERE accounts.user_id = now.user_id
"""
HOLD_POSITIONS: Final = """
    INSERT INTO positions (user_id, market_id, yes_volume, yes_cost_sum, yes_pending_sell,
                           no_volume, no_cost_sum, no_pending_sell, created_at, updated_at)
    SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::bigint[], $5::int[], $6::int[], $7::bigint[],
                         $8::int[], $9::timestamptz[], $10::timestamptz[])
    ON CONFLICT (user_id, market_id) DO UPDATE
    SET yes_volume = excluded.yes_volume, yes_cost_sum = excluded.yes_cost_sum,
        yes_pending_sell = excluded.yes_pending_sell, no_volume = excluded.no_volume,
        no_cost_sum = excluded.no_cost_sum, no_pending_sell = excluded.no_pending_sell,
        updated_at = excluded.updated_at
"""
CREATE_MARKETS: Final = """
    INSERT INTO markets (id, title, description, category, min_price_cents, max_price_cents,
                         max_order_quantity, max_position_per_user, max_order_amount_cents,
                         maker_fee_bps, taker_fee_bps, trading_start_at, trading_end_at, resolution_date,
                         amm_authorized, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $16)
"""
UPDATE_MARKETS: Final = """
    UPDATE markets
    SET updated_at = now.updated_at, status = COALESCE(now.status, markets.status),
        resolution_result = COALESCE(now.resolution_result, markets.resolution_result),
        resolved_at = COALESCE(now.resolved_at, markets.resolved_at),
        settled_at = COALESCE(now.settled_at, markets.settled_at),
        amm_authorized = COALESCE(now.amm_authorized, markets.amm_authorized),
        reserve_balance = COALESCE(now.reserve_balance, markets.reserve_balance),
        pnl_pool = COALESCE(now.pnl_pool, markets.pnl_pool),
        total_yes_shares = COALESCE(now.total_yes_shares, markets.total_yes_shares),
        total_no_shares = COALESCE(now.total_no_shares, markets.total_no_shares)
    FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[],
                $7::boolean[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[])
         AS now (id, updated_at, status, resolution_result, resolved_at, settled_at,
                 amm_authorized, reserve_balance, pnl_pool, total_yes_shares, total_no_shares)
    WHERE markets.id = now.id
"""
START_AMM: Final = """
    INSERT INTO amm_markets (market_id, status, start_count, initial_budget_cents, initial_price_cents,
                             config_override, started_at, first_started_at)
    VALUES ($1, 'RUNNING', $2, $3, $4, $5, $6, $7)
    ON CONFLICT (market_id) DO UPDATE
    SET status = excluded.status, start_count = excluded.start_count,
        initial_budget_cents = excluded.initial_budget_cents,
        initial_price_cents = excluded.initial_price_cents, config_override = excluded.config_override,
        started_at = excluded.started_at, stopped_at = NULL, stop_mode = NULL
"""
STOP_AMM: Final = (
    "UPDATE amm_markets SET status = 'STOPPED', stopped_at = $2, stop_mode = $3 WHERE market_id = $1"
)
TRIP_BREAKER: Final = """
    INSERT INTO circuit_breaker_events (id, market_id, trigger_reason, context, triggered_at)
    VALUES ($1, $2, $3, $4, $5)
"""
RESOLVE_BREAKERS: Final = """
    UPDATE circuit_breaker_events SET resolved_at = $2, resolved_by = $3, resolution_note = $4
    WHERE id = ANY($1)
"""


async def write(connection: Connection, batch: Batch) -> None:
    """Bring the tables up to the batch's last fact. The caller holds the transaction and the cursor."""
    await write_accounts(connection, batch)
    await write_markets(connection, batch)
    await write_runs(connection, batch)
    await write_faults(connection, batch)
    await write_orders(connection, batch)
    await write_positions(connection, batch)
    if batch.trades:
        await connection.copy_in("trades", TRADE_COLUMNS, table(batch.trades))
    if batch.entries:
        await connection.copy_in("ledger_entries", ENTRY_COLUMNS, table(batch.entries))
    await connection.execute(
        "UPDATE projector_cursor SET journal_id = $1, digest = $2", batch.last, batch.digest
    )


async def write_accounts(connection: Connection, batch: Batch) -> None:
    if batch.opened:
        rows: list[tuple[Any, ...]] = [
            (
                storable(event.user_id, ID),
                storable(event.owner_id, ID),
                event.auto_netting_enabled,
                moment(fact.at),
            )
            for fact, event in batch.opened
        ]
        await connection.execute_many(OPEN_ACCOUNTS, rows)
    if batch.accounts:
        now = batch.accounts.values()
        await connection.execute(
            UPDATE_ACCOUNTS,
            [storable(user_id, ID) for user_id in batch.accounts],
            [account.available for account in now],
            [account.frozen for account in now],
            [account.entries for account in now],
            [moment(account.updated_at) for account in now],
        )


async def write_markets(connection: Connection, batch: Batch) -> None:
    for fact, created in batch.created:
        terms = created.terms
        await connection.execute(
            CREATE_MARKETS,
            fact.market_id,
            storable(terms.title, TITLE),
            storable(terms.description),
            storable(terms.category, ID),
            terms.min_price_cents,
            terms.max_price_cents,
            terms.max_order_quantity,
            terms.max_position_per_user,
            terms.max_order_amount_cents,
            terms.maker_fee_bps,
            terms.taker_fee_bps,
            moment(terms.trading_start_at),
            moment(terms.trading_end_at),
            moment(terms.resolution_date),
            created.amm_authorized,
            moment(fact.at),
        )
    if batch.markets:
        changed = batch.markets.values()
        totals = [
            (None,) * 4 if market.totals is None else msgspec.structs.astuple(market.totals)
            for market in changed
        ]
        await connection.execute(
            UPDATE_MARKETS,
            list(batch.markets),
            [moment(market.updated_at) for market in changed],
            [market.status for market in changed],
            [market.resolution_result for market in changed],
            [moment(market.resolved_at) for market in changed],
            [moment(market.settled_at) for market in changed],
            [market.amm_authorized for market in changed],
            *(list(column) for column in zip(*totals, strict=True)),
        )


async def write_runs(connection: Connection, batch: Batch) -> None:
    for market_id, run in batch.runs.items():
        if run.started is not None:
            fact, started = run.started
            await connection.execute(
                START_AMM,
                market_id,
                started.start_count,
                started.initial_budget_cents,
                started.initial_price_cents,
                storable_json(started.config_override),
                moment(fact.at),
                moment(run.first_started_at),
            )
        if run.stopped_at is not None:
            await connection.execute(STOP_AMM, market_id, moment(run.stopped_at), run.stop_mode)


async def write_faults(connection: Connection, batch: Batch) -> None:
    for fact, tripped in batch.faults:
        await connection.execute(
            TRIP_BREAKER,
            tripped.breaker_id,
            fact.market_id,
            tripped.trigger_reason,
            storable_json(tripped.context),
            moment(fact.at),
        )
    for fact, mended in batch.mended:
        await connection.execute(
            RESOLVE_BREAKERS,
            mended.breaker_ids,
            moment(fact.at),
            storable(mended.resolved_by, SHORT),
            storable(mended.resolution_note),
        )


async def write_orders(connection: Connection, batch: Batch) -> None:
    """Orders accepted in this batch are new rows, as they ended it; the others are older, and changed."""
    if batch.accepted:
        rows: list[bytes] = []
        for order_id, (fact, event) in batch.accepted.items():
            rows += order_row(fact, event, batch.orders[order_id])
        await connection.copy_in("orders", ORDER_COLUMNS, table(rows))
    older = {order_id: now for order_id, now in batch.orders.items() if order_id not in batch.accepted}
    if older:
        changed = older.values()
        await connection.execute(
            UPDATE_ORDERS,
            list(older),
            [now.status for now in changed],
            [now.remaining for now in changed],
            [now.frozen for now in changed],
            [now.cancel_reason for now in changed],
            [moment(now.updated_at) for now in changed],
        )


def order_row(fact: Fact, event: OrderAccepted, now: OrderNow) -> tuple[bytes, ...]:
    assert fact.market_id is not None
    return (
        ORDER_ROW,
        uuid(event.order_id),
        text(cut(event.client_order_id, ID)),
        name(fact.market_id),
        id_text(event.user_id),
        name(event.original_side),
        name(event.original_direction),
        int2(event.original_price),
        name(event.book_type),
        name(event.book_direction),
        int2(event.book_price),
        name(PriceType.LIMIT),
        name(event.time_in_force),
        int4(event.quantity),
        int4(event.quantity - now.remaining),
        int4(now.remaining),
        int8(now.frozen),
        name(event.frozen_asset_type),
        name(now.status),
        null if now.cancel_reason is None else name(now.cancel_reason),
        int8(fact.id),
        null if event.replaces_order_id is None else uuid(event.replaces_order_id),
        time(fact.at),
        time(now.updated_at),
    )


async def write_positions(connection: Connection, batch: Batch) -> None:
    if not batch.positions:
        return
    held = batch.positions.values()
    after = [msgspec.structs.astuple(position.after) for position in held]
    users, *values = (list(column) for column in zip(*after, strict=True))
    await connection.execute(
        HOLD_POSITIONS,
        [storable(user_id, ID) for user_id in users],
        [market_id for market_id, _ in batch.positions],
        *values,
        [moment(position.created_at) for position in held],
        [moment(position.updated_at) for position in held],
    )


def moment(at: int | None) -> datetime | None:
    """Microseconds since 1970 as the driver wants its times.

    Old journals may hold times of which UTC has no date: they are shown as the first, or the last, it has.
    """
    if at is None:
        return None
    if FIRST <= at <= LAST:
        return START + timedelta(microseconds=at)
    log.warning("the tables cannot hold this as it is", time=at)
    return START + timedelta(microseconds=min(max(at, FIRST), LAST))


def storable(words: str | None, most: int | None = None) -> str | None:
    """PostgreSQL has no character 0 in its texts: it is shown as the replacement character."""
    if words is None:
        return None
    return (words if most is None else cut(words, most)).replace("\0", "\ufffd")


def storable_json(value: Any) -> str:
    """The same for every text within a JSON value."""
    return json.dumps(cleaned(value), ensure_ascii=False)


def cleaned(value: Any) -> Any:
    match value:
        case str():
            return storable(value)
        case dict():
            return {cleaned(key): cleaned(inner) for key, inner in value.items()}
        case list():
            return [cleaned(inner) for inner in value]
        case _:
            return value
