"""Writes a batch of folded facts to the tables, and the cursor with it, in one transaction.

New rows of the large tables go in by COPY, everything else by one statement for each table. What a statement
sets, the batch says; the database adds nothing of its own but the surrogate ids.
"""

from persistence.postgres.columns import ACCOUNT
from persistence.postgres.database import Connection
from persistence.tables.changes import GroupStep
from persistence.tables.columns import (
    ACCOUNTS,
    AMM_MARKETS,
    CANDLES,
    CIRCUIT_BREAKER_EVENTS,
    LEDGER_ENTRIES,
    MARKETS,
    ORDER_GROUPS,
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
    for step in batch.groups:
        await write_group(connection, step)
    await batch.making.write(connection)
    await batch.campaigns.write(connection)
    await batch.venues.write(connection)
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
        accepted_price="COALESCE(orders.accepted_price, now.accepted_price)",
        accepted_quantity="COALESCE(orders.accepted_quantity, now.accepted_quantity)",
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


async def write_group(connection: Connection, step: GroupStep) -> None:
    """One after the other, for a group may be gone and there again within a batch; there are few."""
    row = step.row
    if step.is_set:
        await ORDER_GROUPS.upsert(connection, [row], once=("state", "triggered_at", "created_at"))
    elif "state" in row:
        await ORDER_GROUPS.update(connection, [row])
    elif "group_id" in row:
        gone = "DELETE FROM order_groups WHERE user_id = $1 AND market_id = $2 AND group_id = $3"
        user_id = ACCOUNT.bind(row["user_id"]) if ACCOUNT.bind is not None else row["user_id"]
        await connection.execute(gone, user_id, row["market_id"], row["group_id"])
    else:
        await connection.execute("DELETE FROM order_groups WHERE market_id = $1", row["market_id"])
