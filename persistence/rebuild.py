"""Empties the projections and fills them again from the journal: they are no more than that."""

from persistence.database import Database
from persistence.projector import Projector
from persistence.recovery import Progress
from persistence.standstill import at_rest

TABLES = (
    *("accounts", "markets", "amm_markets", "orders", "trades", "positions", "ledger_entries"),
    "circuit_breaker_events",
)


async def rebuild(database: Database, progress: Progress) -> int:
    """Fill every projection anew; returns of how many facts. If interrupted, the next projector goes on."""
    async with at_rest(database) as connection:
        total = await connection.fetch_value("SELECT COALESCE(MAX(id), 0) FROM wal_events")
        async with connection.transaction():
            await connection.execute("UPDATE projector_cursor SET journal_id = 0")
            await connection.execute(f"TRUNCATE {', '.join(TABLES)}")
        return await Projector(database, tell=lambda reached: progress(reached, total)).catch_up()
