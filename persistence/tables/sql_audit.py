"""The audit in SQL: whether ledger, trades, tables and journal agree with each other, as they are stored.

The kernel's audit checks the state, and these queries check what was written. They share no code, on purpose,
nor the descriptions of the tables: a fault that one of them cannot see is the other's to find.
"""

# ruff: noqa: S608 - statements are made of our own words

from typing import Any, Final

from persistence.postgres.database import Database

FREEZES: Final = "('ORDER_FREEZE', 'ORDER_UNFREEZE')"
HISTORY_STAYS: Final = "LOCK TABLE trades, ledger_entries IN ACCESS SHARE MODE"
"""Ahead of the first query of a transaction that sees one moment: no month leaves meanwhile."""
NETTED: Final = """
    ((payload->>'released_cents')::bigint - (payload->>'yes_cost_released')::bigint
     - (payload->>'no_cost_released')::bigint)"""
"""What a netting realized, out of its payload."""

CHECKS: Final = {
    "ledger_chain of entries": """
        SELECT user_id, id AS ledger_entry_id, before, amount, balance_after
        FROM (SELECT user_id, id, amount, balance_after,
                     COALESCE(LAG(balance_after) OVER (PARTITION BY user_id ORDER BY id),
                              past.balance, 0) AS before
              FROM ledger_entries LEFT JOIN ledger_forward AS past USING (user_id)) AS chain
        WHERE before + amount <> balance_after
        LIMIT 100""",
    "ledger_chain of accounts": f"""
        SELECT a.user_id, a.available_balance, a.frozen_balance, a.version,
               COALESCE(l.amount, 0)::bigint AS ledger_amount, COALESCE(l.frozen, 0)::bigint AS ledger_frozen,
               COALESCE(l.entries, 0)::bigint AS ledger_entries
        FROM accounts a
        LEFT JOIN (SELECT user_id, SUM(amount) AS amount, SUM(entries) AS entries, SUM(frozen) AS frozen
                   FROM (SELECT user_id, SUM(amount) AS amount, COUNT(*) AS entries,
                                -SUM(amount) FILTER (WHERE entry_type IN {FREEZES}) AS frozen
                         FROM ledger_entries GROUP BY user_id
                         UNION ALL
                         SELECT user_id, balance, entries, frozen FROM ledger_forward) AS parts
                   GROUP BY user_id) l USING (user_id)
        WHERE (a.available_balance, a.frozen_balance, a.version)
              <> (COALESCE(l.amount, 0), COALESCE(l.frozen, 0), COALESCE(l.entries, 0))
        LIMIT 100""",
    "ledger_double_entry": f"""
        SELECT created_at::text, SUM(amount)::bigint AS sum
        FROM ledger_entries
        WHERE entry_type NOT IN ('DEPOSIT', 'WITHDRAW') AND entry_type NOT IN {FREEZES}
        GROUP BY created_at HAVING SUM(amount) <> 0
        LIMIT 100""",
    "fee_account": """
        SELECT available_balance, fees
        FROM accounts, (SELECT COALESCE(SUM(fees), 0)::bigint AS fees
                        FROM (SELECT SUM(maker_fee + taker_fee) AS fees FROM trades
                              UNION ALL SELECT SUM(fees) FROM trades_forward) AS parts) AS taken
        WHERE user_id = 'PLATFORM_FEE' AND available_balance <> fees""",
    "trades_sum": """
        SELECT o.id::text AS order_id, o.filled_quantity, COALESCE(t.quantity, 0)::bigint AS traded
        FROM orders o
        LEFT JOIN (SELECT order_id, SUM(quantity) AS quantity
                   FROM (SELECT buy_order_id AS order_id, quantity FROM trades WHERE NOT is_audit
                         UNION ALL
                         SELECT sell_order_id, quantity FROM trades WHERE NOT is_audit) AS legs
                   GROUP BY order_id) t ON t.order_id = o.id
        WHERE COALESCE(t.quantity, 0) <> o.filled_quantity
          -- Of an order from before, trades may have left.
          AND (COALESCE(t.quantity, 0) > o.filled_quantity
               OR o.created_at >= (SELECT COALESCE(MAX(complete_since), '-infinity') FROM history_cuts))
        LIMIT 100""",
    "pnl_sum": f"""
        SELECT m.id AS market_id, m.pnl_pool,
               (COALESCE(t.pnl, 0) + COALESCE(n.pnl, 0))::bigint AS realized
        FROM markets m
        LEFT JOIN (SELECT market_id, SUM(pnl) AS pnl
                   FROM (SELECT market_id,
                                SUM(COALESCE(buy_realized_pnl, 0) + COALESCE(sell_realized_pnl, 0)) AS pnl
                         FROM trades GROUP BY market_id
                         UNION ALL
                         SELECT market_id, realized_pnl FROM trades_forward) AS parts
                   GROUP BY market_id) t ON t.market_id = m.id
        LEFT JOIN (SELECT market_id, SUM(pnl) AS pnl
                   FROM (SELECT market_id, {NETTED} AS pnl
                         FROM wal_events, projector_cursor
                         WHERE event_type = 'NETTING_EXECUTED' AND id <= journal_id
                           AND id > (SELECT COALESCE(MAX(last_id), 0) FROM journal_archive)
                         UNION ALL
                         SELECT key, value::bigint FROM journal_archive, jsonb_each_text(netted)) AS parts
                   GROUP BY market_id) n ON n.market_id = m.id
        WHERE m.status NOT IN ('SETTLED', 'VOIDED')
          AND m.pnl_pool <> COALESCE(t.pnl, 0) + COALESCE(n.pnl, 0)""",
    "trades_sum of candles": """
        SELECT COALESCE(t.market_id, c.market_id) AS market_id, c.interval,
               c.volume::bigint AS volume, c.trades, t.volume::bigint AS traded_volume, t.trades AS traded
        FROM (SELECT market_id, interval, SUM(volume) AS volume, SUM(trades) AS trades
              FROM candles GROUP BY market_id, interval) c
        FULL JOIN (SELECT market_id, interval, SUM(volume) AS volume, SUM(trades) AS trades
                   FROM (SELECT market_id, SUM(quantity) AS volume, COUNT(*) AS trades
                         FROM trades WHERE NOT is_audit GROUP BY market_id
                         UNION ALL
                         SELECT market_id, volume, trades FROM trades_forward WHERE trades > 0) AS parts,
                        unnest(ARRAY['1m', '5m', '1h', '1d']) AS interval
                   GROUP BY market_id, interval) t USING (market_id, interval)
        WHERE (COALESCE(c.volume, 0), COALESCE(c.trades, 0)) <> (COALESCE(t.volume, 0), COALESCE(t.trades, 0))
        LIMIT 100""",
    "journal_contiguous": """
        SELECT COUNT(*) AS rows, MIN(id) AS first, MAX(id) AS last
        FROM wal_events, projector_cursor,
             (SELECT COALESCE(MAX(last_id), 0) AS moved FROM journal_archive) AS past
        WHERE id > moved AND id <= journal_id
        HAVING COUNT(*) <> MAX(journal_id - moved) OR MIN(id) <> MAX(moved) + 1""",
    "journal_contiguous of the archive": """
        SELECT first_id, last_id, before
        FROM (SELECT first_id, last_id, LAG(last_id, 1, 0::bigint) OVER (ORDER BY last_id) AS before
              FROM journal_archive) AS files
        WHERE first_id <> before + 1
        LIMIT 100""",
}
"""For each invariant a query for what violates it; where it has two, words after its name tell them apart."""


async def check_record(database: Database) -> dict[str, list[dict[str, Any]]]:
    """What violates each invariant, all as of one moment."""
    found: dict[str, list[dict[str, Any]]] = {}
    async with database.borrowed() as connection, connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        await connection.execute(HISTORY_STAYS)
        for name, sql in CHECKS.items():
            if rows := await connection.fetch(sql):
                found.setdefault(name.partition(" ")[0], []).extend(dict(row) for row in rows)
    return found
