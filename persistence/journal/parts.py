"""The parts of wal_events: each holds a range of journal ids, so that what is old can be moved away whole.

It knows which parts there are, and makes the next ones. The last part is always a whole part away from the
journal's end, so that nobody who writes ever waits for a new one.
"""

from typing import Final

import msgspec

from persistence.postgres.database import Connection
from persistence.postgres.locks import Lock

SIZE: Final = 5_000_000
"""Rows of a part: some 4 GB, and at 20 orders a second a day. Behind a smaller one come smaller ones."""

# A bound is text in the catalogue: FOR VALUES FROM (MINVALUE) TO ('5000001').
PARTS: Final = r"""
    SELECT child.oid::regclass::TEXT AS name,
           coalesce(substring(bound FROM 'FROM \(''?(\d+)')::BIGINT, 1) AS first,
           substring(bound FROM 'TO \(''?(\d+)')::BIGINT - 1 AS last
    FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid,
         pg_get_expr(relpartbound, child.oid) AS bound
    WHERE inhparent = 'wal_events'::regclass AND NOT inhdetachpending
    ORDER BY last
"""
SPACE: Final = """
    SELECT quote_ident(spcname) FROM pg_class JOIN pg_tablespace space ON space.oid = reltablespace
    WHERE pg_class.oid = $1::TEXT::regclass
"""


class Part(msgspec.Struct, frozen=True):
    """A table that holds the rows of these ids, both included."""

    name: str
    first: int
    last: int


async def parts(connection: Connection) -> list[Part]:
    """Those that make up wal_events now, by their ids."""
    return [Part(*row) for row in await connection.fetch(PARTS)]


async def make_room(connection: Connection, end: int) -> int:
    """Have parts for the ids up to `end`, and a whole part more; returns the last id that has one."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", Lock.PARTS)
        newest = (await parts(connection))[-1]
        last, size = newest.last, min(SIZE, newest.last - newest.first + 1)
        # Whoever gave the journal a disk of its own means all of it.
        space = await connection.fetch_value(SPACE, newest.name)
        where = f"TABLESPACE {space}" if space is not None else ""
        while last < end + size:
            name = f"wal_events_{last + 1}"
            # Made as a part it would lock out all who write. A finished table is taken in beside them.
            await connection.execute(
                f"CREATE TABLE {name} (LIKE wal_events INCLUDING ALL EXCLUDING COMMENTS) {where}"
            )
            await connection.execute(
                f"ALTER TABLE wal_events ATTACH PARTITION {name} "
                f"FOR VALUES FROM ({last + 1}) TO ({last + size + 1})"
            )
            last += size
    return last
