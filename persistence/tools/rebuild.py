"""Fills all tables that are folded from the journal anew.

It fills copies in a schema of their own, and replaces the contents of the tables in one transaction. If
anything goes wrong on the way, even in the journal itself, the tables stay as they were. It takes room for
both, and the time to copy the one into the other.
"""

from typing import Final

from persistence.journal.recovery import ReportProgress
from persistence.postgres.database import Connection, Database
from persistence.tables.columns import TABLES
from persistence.tables.projector import Projector
from persistence.tools.exclusive_access import at_rest

BESIDE: Final = "rebuilding"
"""The schema. If an earlier attempt was killed and left it behind, it is dropped first."""


async def rebuild(database: Database, progress: ReportProgress) -> int:
    """Fill every such table anew; returns from how many facts."""
    async with at_rest(database) as connection:
        total = await connection.fetch_value("SELECT COALESCE(MAX(id), 0) FROM wal_events")
        await make_room(connection)
        try:
            projector = Projector(database, lambda reached: progress(reached, total), schema=BESIDE)
            facts = await projector.catch_up()
            async with connection.transaction():
                await put_in_place(connection)
        finally:
            if not connection.is_closed:
                await connection.execute(f"DROP SCHEMA {BESIDE} CASCADE")
        return facts


async def make_room(connection: Connection) -> None:
    await connection.execute(f"DROP SCHEMA IF EXISTS {BESIDE} CASCADE")
    await connection.execute(f"CREATE SCHEMA {BESIDE}")
    for table in (*TABLES, "projector_cursor"):
        # Unlogged: after a crash nobody wants them.
        await connection.execute(
            f"CREATE UNLOGGED TABLE {BESIDE}.{table} (LIKE public.{table} INCLUDING ALL)"
        )
    statement = f"INSERT INTO {BESIDE}.projector_cursor (journal_id) VALUES (0)"  # noqa: S608 - our own name
    await connection.execute(statement)


MONTHS: Final = f"""
    SELECT fn_make_month(extract(epoch FROM month)::bigint * 1000000) FROM (
        SELECT date_trunc('month', created_at, 'UTC') AS month FROM {BESIDE}.ledger_entries
        UNION SELECT date_trunc('month', executed_at, 'UTC') FROM {BESIDE}.trades) AS months
"""  # noqa: S608 - our own name


async def put_in_place(connection: Connection) -> None:
    await connection.execute(MONTHS)
    # All months are there again.
    forward = "history_cuts, ledger_forward, trades_forward"
    await connection.execute(f"TRUNCATE {', '.join(TABLES)}, {forward}, projector_cursor")
    for table in (*TABLES, "projector_cursor"):
        statement = f"INSERT INTO public.{table} SELECT * FROM {BESIDE}.{table}"  # noqa: S608 - our own names
        await connection.execute(statement)
