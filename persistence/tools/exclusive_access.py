"""For work that needs an exchange at rest: no server writes the journal, and none begins to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from persistence import DatabaseUnusableError
from persistence.postgres.database import Connection, Database
from persistence.postgres.locks import Lock


@asynccontextmanager
async def at_rest(database: Database) -> AsyncIterator[Connection]:
    """A connection that holds the writer's lock, so that nobody writes while the body runs."""
    connection = await database.connect()
    try:
        if not await connection.fetch_value("SELECT pg_try_advisory_lock($1)", Lock.WRITER):
            raise DatabaseUnusableError("a server is running on this database: stop it first")
        yield connection
    finally:
        connection.abandon()
