"""What each account had when a day was over: rows that are made when the first fact of a later day comes.

The tables then tell how the last fact of the day before left everything. So the rows follow from them, in one
statement, at the prices that the candles end with. A day on which nothing happened is as the one before.
"""

from typing import Final

from persistence.postgres.database import Connection

DAY: Final = 86_400_000_000
"""In microseconds."""

# Half cents of YES; see `kernel/portfolio.py`, which values the positions of this moment.
PRICES: Final = """
    SELECT markets.id, CASE
        WHEN resolution_result = 'YES' THEN 200
        WHEN resolution_result = 'NO' THEN 0
        WHEN void_price_cents IS NOT NULL THEN 2 * void_price_cents
        WHEN bid IS NOT NULL AND ask IS NOT NULL THEN bid + ask
        WHEN bid IS NOT NULL THEN 2 * GREATEST(bid, last_trade)
        WHEN ask IS NOT NULL THEN 2 * LEAST(ask, last_trade)
        ELSE 2 * last_trade END AS spot
    FROM markets
    LEFT JOIN LATERAL (
        SELECT bid_close_cents AS bid, ask_close_cents AS ask FROM candles
        WHERE market_id = markets.id AND interval = '1d' ORDER BY start DESC LIMIT 1) AS stands ON TRUE
    CROSS JOIN LATERAL (
        SELECT COALESCE((SELECT close_cents FROM candles
                         WHERE market_id = markets.id AND interval = '1d' AND trades > 0
                         ORDER BY start DESC LIMIT 1), 50) AS last_trade) AS traded
"""
STAKES: Final = f"""
    SELECT user_id, SUM((yes_volume * spot + no_volume * (200 - spot)) / 2)::BIGINT AS value,
           SUM(yes_cost_sum + no_cost_sum)::BIGINT AS cost,
           SUM(realized_pnl)::BIGINT AS realized, SUM(fees_paid)::BIGINT AS fees
    FROM positions JOIN ({PRICES}) AS prices ON prices.id = market_id
    GROUP BY user_id
"""  # noqa: S608 - our own words
END_DAYS: Final = f"""
    INSERT INTO portfolio_days (user_id, day, equity, cash, positions_value, unrealized_pnl, realized_pnl,
                                fees_paid, net_deposits, net_transfers)
    SELECT user_id, '1970-01-01'::DATE + day::INT, available_balance + frozen_balance + COALESCE(value, 0),
           available_balance + frozen_balance, COALESCE(value, 0), COALESCE(value - cost, 0),
           COALESCE(realized, 0), COALESCE(fees, 0), net_deposits, net_transfers
    FROM accounts LEFT JOIN ({STAKES}) AS stakes USING (user_id)
    CROSS JOIN generate_series($1::BIGINT, $2::BIGINT) AS day
    WHERE (version > 0 OR cost IS NOT NULL) AND user_id NOT IN ('SYSTEM_RESERVE', 'PLATFORM_FEE')
    ON CONFLICT DO NOTHING
"""  # noqa: S608 - our own words


async def end_days(connection: Connection, days: range) -> None:
    """Write down what everybody had on these days, counted since 1970. The caller holds the transaction.

    Done again, it changes nothing.

    It looks at everything once. What serves the projector's other statements, finding each row by its key,
    would take it far longer.
    """
    await connection.execute("SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on")
    await connection.execute(END_DAYS, days[0], days[-1])
