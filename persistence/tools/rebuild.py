"""Fills the projections anew from the journal: they are no more than that.

It does so beside the tables, in a schema of its own, and puts the result in their place in one transaction.
If anything goes wrong on the way, be it in the journal itself, the tables are as they were before. The
price is room for both, and the time to copy the one into the other.
"""

from typing import Final

from persistence.journal.recovery import Progress
from persistence.postgres.database import Connection, Database
from persistence.tables.columns import TABLES
from persistence.tables.projector import Projector
from persistence.tools.exclusive_access import at_rest

BESIDE: Final = "rebuilding"
"""The schema. One that an earlier attempt left behind, when it was killed, is dropped by the next."""


async def rebuild(database: Database, progress: Progress) -> int:
    """Fill every projection anew; returns of how many facts."""
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


async def put_in_place(connection: Connection) -> None:
    await connection.execute(f"TRUNCATE {', '.join(TABLES)}, projector_cursor")
    for table in (*TABLES, "projector_cursor"):
        statement = f"INSERT INTO public.{table} SELECT * FROM {BESIDE}.{table}"  # noqa: S608 - our own names
        await connection.execute(statement)
