"""Writes a batch of folded facts to the tables, and the cursor with it, in one transaction.

New rows of the large tables go in by COPY, everything else by one statement for each table. What a statement
sets, the batch says; the database adds nothing of its own but the surrogate ids.
"""

from persistence.postgres.database import Connection
from persistence.tables.columns import (
    ACCOUNTS,
    AMM_MARKETS,
    CANDLES,
    CIRCUIT_BREAKER_EVENTS,
    LEDGER_ENTRIES,
    MARKETS,
    ORDERS,
    POSITIONS,
    TRADES,
)
from persistence.tables.folding import Batch


async def write(connection: Connection, batch: Batch) -> None:
    """Bring the tables up to the batch's last fact. The caller holds the transaction and the cursor."""
    for table, rows in batch.new.items():
        await table.insert(connection, rows)
    await ACCOUNTS.update(
        connection,
        [now.row(user_id) for user_id, now in batch.accounts.items()],
        version="accounts.version + now.version",
    )
    await ACCOUNTS.update(
        connection,
        [moved.row(user_id) for user_id, moved in batch.moved.items()],
        net_deposits="accounts.net_deposits + now.net_deposits",
        net_transfers="accounts.net_transfers + now.net_transfers",
    )
    await MARKETS.update(
        connection, [now.row(market_id) for market_id, now in batch.markets.items()], null_keeps=True
    )
    await MARKETS.update(connection, list(batch.modes.values()))
    await AMM_MARKETS.upsert(connection, list(batch.started.values()), once=("first_started_at",))
    await AMM_MARKETS.update(connection, list(batch.stopped.values()))
    await CIRCUIT_BREAKER_EVENTS.update(connection, batch.resolved)
    await ORDERS.copy(connection, batch.new_orders)
    await ORDERS.update(
        connection, batch.older_orders, filled_quantity="orders.quantity - now.remaining_quantity"
    )
    await ORDERS.update(
        connection,
        batch.amended_orders,
        filled_quantity="now.quantity - now.remaining_quantity",
        amend_count="orders.amend_count + now.amend_count",
        priority_seq="COALESCE(now.priority_seq, orders.priority_seq)",
    )
    await POSITIONS.upsert(
        connection,
        [now.row(market_id) for (market_id, _), now in batch.positions.items()],
        once=("created_at",),
        realized_pnl="positions.realized_pnl + excluded.realized_pnl",
        fees_paid="positions.fees_paid + excluded.fees_paid",
    )
    await TRADES.copy(connection, batch.trades)
    await LEDGER_ENTRIES.copy(connection, batch.entries)
    await CANDLES.upsert(
        connection,
        list(batch.candles.rows()),
        open_cents="COALESCE(candles.open_cents, excluded.open_cents)",
        high_cents="GREATEST(candles.high_cents, excluded.high_cents)",
        low_cents="LEAST(candles.low_cents, excluded.low_cents)",
        close_cents="COALESCE(excluded.close_cents, candles.close_cents)",
        volume="candles.volume + excluded.volume",
        trades="candles.trades + excluded.trades",
    )
    await connection.execute(
        "UPDATE projector_cursor SET journal_id = $1, digest = $2", batch.last, batch.digest
    )
