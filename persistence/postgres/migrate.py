"""Bring a database to the schema this program knows: make it, raise it step by step, or refuse it.

`schema.sql` is always the whole, current schema and records its version; a new database is made from it
alone. `upgrades/0002-what.sql` turns version 1 into version 2, and so on: each in a transaction of its own,
so that an upgrade which fails leaves the version before it.
"""

from pathlib import Path

import structlog

from persistence import DatabaseUnusableError
from persistence.postgres.database import Connection
from persistence.postgres.locks import Lock

log = structlog.get_logger(__name__)

SCHEMA = Path(__file__).parents[2] / "schema.sql"
UPGRADES = Path(__file__).parents[1] / "upgrades"


async def migrate(connection: Connection, schema: Path = SCHEMA, upgrades: Path = UPGRADES) -> int:
    """Make the database ready for this program, and return the version of its schema.

    Several programs may do so at once: the first does the work, the others find it done.
    """
    await connection.execute("SELECT pg_advisory_lock($1)", Lock.SCHEMA)
    try:
        version = await _version(connection)
        if version == 0:
            await _create(connection, schema)
        for number, upgrade in _steps(upgrades):
            if 0 < version < number:
                await _upgrade(connection, number, upgrade)
    finally:
        if not connection.is_closed:
            await connection.execute("SELECT pg_advisory_unlock($1)", Lock.SCHEMA)
    reached, known = await _version(connection), max([1, *(number for number, _ in _steps(upgrades))])
    if reached > known:
        raise DatabaseUnusableError(
            f"the database has schema version {reached}, this program knows {known}: start a newer Verdict"
        )
    assert reached == known, f"{schema} records version {reached}, the upgrades end at {known}"
    return reached


async def check_version(connection: Connection) -> None:
    """Refuse a database with another schema than this program knows, and leave it as it is."""
    reached, known = await _version(connection), max(number for number, _ in _steps(UPGRADES))
    if reached != known:
        raise DatabaseUnusableError(
            f"the database has schema version {reached}, this program knows {known}: "
            "start the same Verdict as the others, with `verdict serve` first of all"
        )


async def _version(connection: Connection) -> int:
    """The version the database has; 0 for an empty one."""
    if await connection.fetch_value("SELECT to_regclass('schema_version') IS NOT NULL"):
        return int(await connection.fetch_value("SELECT MAX(version) FROM schema_version"))
    foreign = await connection.fetch_value(
        "SELECT MIN(tablename) FROM pg_tables WHERE schemaname = current_schema()"
    )
    if foreign is not None:
        raise DatabaseUnusableError(
            f"the database holds somebody else's tables ({foreign}): give Verdict a database of its own"
        )
    return 0


async def _create(connection: Connection, schema: Path) -> None:
    async with connection.transaction():
        await connection.execute(schema.read_text())
    log.info("made the database")


async def _upgrade(connection: Connection, number: int, upgrade: Path) -> None:
    async with connection.transaction():
        await connection.execute(upgrade.read_text())
        await connection.execute("INSERT INTO schema_version (version) VALUES ($1)", number)
    log.info("upgraded the database", version=number, file=upgrade.name)


def _steps(upgrades: Path) -> list[tuple[int, Path]]:
    """The upgrades in order, with the version each of them leads to."""
    return sorted((int(file.name.split("-")[0]), file) for file in upgrades.glob("*.sql"))
