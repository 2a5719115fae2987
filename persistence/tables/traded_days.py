"""What was traded in a day, by market and minute: what a server that begins has to know of the past.

The tables know it up to their cursor. What the journal holds behind that is added up here, in SQL.
"""

from datetime import UTC, datetime
from typing import Any, Final

from persistence.postgres.database import Database

MINUTES = """
    SELECT markets.id AS market_id, candle.*, 1 AS part FROM markets CROSS JOIN LATERAL (
        SELECT start, open_cents, high_cents, low_cents, close_cents, volume, trades FROM candles
        WHERE market_id = markets.id AND interval = '1m' AND start >= $1 AND trades > 0) AS candle
    UNION ALL
    SELECT market_id, date_trunc('minute', created_at),
           (array_agg(price ORDER BY id))[1], max(price), min(price), (array_agg(price ORDER BY id DESC))[1],
           sum(quantity), count(*), 2
    FROM fills WHERE created_at >= $1 GROUP BY 1, 2
    ORDER BY market_id, start, part
"""
LAST = """
    SELECT DISTINCT ON (market_id) market_id, price, at FROM (
        SELECT markets.id AS market_id, price, executed_at AS at, 0::bigint AS id
        FROM markets CROSS JOIN LATERAL (
            SELECT price, executed_at FROM trades
            WHERE market_id = markets.id AND NOT is_audit AND executed_at < $1
            ORDER BY executed_at DESC, substr(trade_id, 5)::bigint DESC LIMIT 1) AS trade
        UNION ALL
        SELECT market_id, last_price, last_at, 0 FROM trades_forward WHERE last_at < $1
        UNION ALL
        SELECT market_id, price, created_at, id FROM fills WHERE created_at < $1) AS parts
    ORDER BY market_id, at DESC, id DESC
"""
FILLS = """
    WITH fills AS (
        SELECT id, market_id, created_at, (payload->>'trade_price')::smallint AS price,
               (payload->>'fill_qty')::int AS quantity
        FROM wal_events
        WHERE id > (SELECT journal_id FROM projector_cursor)
          AND event_type IN ('ORDER_MATCHED', 'ORDER_PARTIALLY_FILLED'))
"""

LATER: Final = datetime(9999, 1, 1, tzinfo=UTC)
"""Than any trade."""

Rows = list[dict[str, Any]]


async def read_traded_days(database: Database, since: datetime) -> tuple[Rows, Rows, Rows]:
    """The minutes since then in which something was traded, oldest first; the last before, and of all."""
    async with database.borrowed() as connection, connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        minutes = await connection.fetch(FILLS + MINUTES, since)
        before = await connection.fetch(FILLS + LAST, since)
        newest = await connection.fetch(FILLS + LAST, LATER)
    return [*map(dict, minutes)], [*map(dict, before)], [*map(dict, newest)]
