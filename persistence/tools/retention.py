"""Lets months of trades and ledger entries go that are older than they have to be kept.

A month goes when all of the journal's rows of it are in files of the archive, which were read back: so it can
be filled again. What its rows come to is brought forward in the same transaction that drops them. Killed
anywhere, either all of that has happened or nothing.
"""

# ruff: noqa: S608 - names are our own

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

import asyncpg
import attrs

from persistence import DatabaseUnusableError
from persistence.postgres.database import Connection
from persistence.tables.sql_audit import FREEZES

PATIENCE: Final = "2s"
"""How long whoever asks about the past may have to wait because we wait for somebody before."""
ATTEMPTS: Final = 15

# Reading the cursor keeps a rebuild away until we are done. What the archive lacks is later than its end.
DUE: Final = """
    SELECT begins_at, ends_at FROM history_months
    WHERE name = 'trades'
      AND ends_at <= (SELECT (date_trunc('month', created_at AT TIME ZONE 'UTC') - $1 * INTERVAL '1 month')
                             AT TIME ZONE 'UTC'
                      FROM wal_events WHERE id = (SELECT journal_id FROM projector_cursor))
      AND ends_at <= (SELECT max(ended_at) FROM journal_archive)
    ORDER BY ends_at LIMIT 1
"""
PARTS: Final = "SELECT name, part FROM history_months WHERE ends_at = $1 ORDER BY name DESC"
CUT: Final = """
    INSERT INTO history_cuts (complete_since, last_entry, last_trade)
    SELECT $1::timestamptz, greatest(max(last_entry), (SELECT max(id) FROM {ledger_entries}), 0),
           greatest(max(last_trade), (SELECT max(substr(trade_id, 5)::bigint) FROM {trades}), 0)
    FROM history_cuts
"""
ENTRIES_FORWARD: Final = f"""
    INSERT INTO ledger_forward AS before (user_id, entries, balance, frozen)
    SELECT user_id, count(*), sum(amount),
           coalesce(-sum(amount) FILTER (WHERE entry_type IN {FREEZES}), 0)
    FROM {{ledger_entries}} GROUP BY user_id
    ON CONFLICT (user_id) DO UPDATE
    SET entries = before.entries + excluded.entries, balance = before.balance + excluded.balance,
        frozen = before.frozen + excluded.frozen
"""
TRADES_FORWARD: Final = """
    INSERT INTO trades_forward AS before
           (market_id, trades, volume, fees, realized_pnl, last_price, last_at)
    SELECT sums.*, price, executed_at
    FROM (SELECT market_id, count(*) FILTER (WHERE NOT is_audit),
                 coalesce(sum(quantity) FILTER (WHERE NOT is_audit), 0), sum(maker_fee + taker_fee),
                 sum(coalesce(buy_realized_pnl, 0) + coalesce(sell_realized_pnl, 0))
          FROM {trades} GROUP BY market_id) AS sums
    LEFT JOIN LATERAL (SELECT price, executed_at FROM {trades}
                       WHERE market_id = sums.market_id AND NOT is_audit
                       ORDER BY executed_at DESC, substr(trade_id, 5)::bigint DESC LIMIT 1) AS newest ON TRUE
    ON CONFLICT (market_id) DO UPDATE
    SET trades = before.trades + excluded.trades, volume = before.volume + excluded.volume,
        fees = before.fees + excluded.fees, realized_pnl = before.realized_pnl + excluded.realized_pnl,
        last_price = coalesce(excluded.last_price, before.last_price),
        last_at = coalesce(excluded.last_at, before.last_at)
"""


@attrs.frozen
class Retention:
    """One run of it."""

    connection: Connection
    months: int
    """So many stay besides the present one."""
    check: Callable[[datetime, datetime], Awaitable[None]]
    """Reads the archive's files back that hold what happened between two moments."""
    tell: Callable[[str], None] = lambda step: None
    """Called with what is done next."""
    attempts: int = ATTEMPTS

    async def run(self) -> datetime | None:
        """Let all go that may; returns from when on both tables are complete, None if nothing ever left."""
        while (due := await self.connection.fetch_row(DUE, self.months)) is not None:
            await self.check(due["begins_at"], due["ends_at"])
            async with self.connection.transaction():
                # Again, for a rebuild may have brought earlier months back meanwhile.
                if await self.connection.fetch_row(DUE, self.months) == due:
                    await self._cut(due["ends_at"])
        since: datetime | None = await self.connection.fetch_value(
            "SELECT max(complete_since) FROM history_cuts"
        )
        return since

    async def _cut(self, end: datetime) -> None:
        parts = {row["name"]: row["part"] for row in await self.connection.fetch(PARTS, end)}
        self.tell(f"bringing forward what {' and '.join(parts.values())} come to")
        await self.connection.execute(ENTRIES_FORWARD.format(**parts))
        await self.connection.execute(TRADES_FORWARD.format(**parts))
        await self.connection.execute(CUT.format(**parts), end)
        self.tell("waiting for those who read them")
        await self._lock()
        for part in parts.values():
            await self.connection.execute(f"DROP TABLE {part}")
        self.tell(f"dropping {' and '.join(parts.values())}")

    async def _lock(self) -> None:
        """Be alone with both tables, for a moment; others wait for it no longer than our patience lasts."""
        await self.connection.execute(f"SET LOCAL lock_timeout = '{PATIENCE}'")
        for _ in range(self.attempts):
            try:
                async with self.connection.transaction():
                    await self.connection.execute(
                        "LOCK TABLE trades, ledger_entries IN ACCESS EXCLUSIVE MODE"
                    )
            except asyncpg.LockNotAvailableError:
                continue
            return
        raise DatabaseUnusableError(
            "somebody reads trades or the ledger in one long transaction, as `verdict replay --verify` does: "
            "run this again when that is over"
        )
