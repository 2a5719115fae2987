"""The disk: what an order costs on it all in all, in the journal, the tables and their indexes; and archived.

The flow is that of bench/workload.py, filed and projected as an exchange does it, and vacuumed once. Sizes
are those of PostgreSQL's files; its own log, snapshots and backups come on top.
"""

import argparse
import gzip
import io
from typing import Final

import trio

from bench.measure import heading, line, section
from bench.projector import file, somewhere
from persistence.journal.archive import rows
from persistence.journal.lines import line_of
from persistence.postgres.database import Connection
from persistence.tables.projector import Projector
from persistence.tools.archiving import COMPRESSION

SIZES: Final = """
    SELECT coalesce(parent.relname, own.relname) AS name, sum(pg_table_size(own.oid))::BIGINT AS size
    FROM pg_class own LEFT JOIN pg_inherits ON inhrelid = own.oid
                      LEFT JOIN pg_class parent ON parent.oid = inhparent
    WHERE own.relnamespace = 'public'::regnamespace AND own.relkind::TEXT = $1
    GROUP BY 1 ORDER BY size DESC
"""
JOURNAL: Final = ("wal_events", "wal_events_pkey", "idx_wal_time")
SHOWN: Final = 10
"""Bytes an order: what costs less is in the sums alone."""


def main() -> None:
    asked = argparse.ArgumentParser(prog="verdict bench disk", description=__doc__)
    asked.add_argument("--commands", type=int, default=60_000)
    arguments = asked.parse_args()
    heading("disk")
    trio.run(measure, arguments.commands)


async def measure(commands: int) -> None:
    async with somewhere() as db:
        connection = await db.connect()
        empty = dict([*await sizes(connection, "r"), *await sizes(connection, "i")])
        head = await file(connection, commands)
        await Projector(db).catch_up()
        await connection.execute("VACUUM ANALYZE")
        orders = await connection.fetch_value("SELECT count(*) FROM orders")
        section(f"{orders:,} orders, {head:,} events")
        journal = tables = 0.0
        for what, kind in (("table", "r"), ("index", "i")):
            for name, size in await sizes(connection, kind):
                cost = (size - empty.get(name, 0)) / orders
                if name in JOURNAL:
                    journal += cost
                else:
                    tables += cost
                if cost >= SHOWN:
                    line(f"{what} {name}", cost, "B/order")
        archive = await archived(connection) / orders
        line("all in all", journal + tables, "B/order")
        line("  of that the journal", journal, "B/order")
        line("the same journal in the archive", archive, "B/order")
        line("all in all, once the journal is archived", archive + tables, "B/order")
        connection.abandon()


async def sizes(connection: Connection, kind: str) -> list[tuple[str, int]]:
    return [(row["name"], row["size"]) for row in await connection.fetch(SIZES, kind)]


async def archived(connection: Connection) -> int:
    """Bytes of the journal's lines, compressed as the archive has them."""
    content = io.BytesIO()
    with gzip.GzipFile("", "wb", COMPRESSION, content) as out:
        async for batch in rows(connection, 0):
            out.writelines(map(line_of, batch))
    return content.getbuffer().nbytes


if __name__ == "__main__":
    main()
