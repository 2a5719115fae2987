"""A journal of several parts that may leave the database; and a run of the archiver that is killed.

    python -m tests.persistence.archived URL FOLDER STEP [MONTHS]

moves the journal's parts, and then the months of trades and ledger that are older; and is killed ahead of the
first step whose words begin with STEP.
"""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import trio

from kernel.exchange import Exchange
from kernel.journal import Decided
from persistence.journal import snapshots
from persistence.journal.parts import make_room
from persistence.journal.recovery import recover
from persistence.postgres import database
from persistence.postgres.database import Connection, Database
from persistence.tables.projector import Projector
from persistence.tools.archiving import Archiver, alone
from persistence.tools.retention import Retention
from tests.persistence.journaled import KEY, cut_small, file, traded

PART = 1_500


async def lived(
    db: Database, connection: Connection, life: tuple[Exchange, Sequence[Decided]] | None = None
) -> Exchange:
    """A traded journal in some parts, all of it sealed and in the tables, with two snapshots near its end."""
    exchange, decided = life or traded(2_000)
    assert exchange.head > 4 * PART
    await cut_small(connection, PART)
    await make_room(connection, exchange.head)
    early = len(decided) - 140
    await file(connection, decided[:early])
    await snapshots.write(db, await recover(db), KEY)
    await file(connection, decided[early:])
    await snapshots.write(db, await recover(db), KEY)
    await Projector(db).catch_up()
    await seal(connection)
    return exchange


async def seal(connection: Connection) -> None:
    for row in await connection.fetch(
        "SELECT id, digest FROM wal_events WHERE digest IS NOT NULL ORDER BY id"
    ):
        if row["id"] % 11 == 0:
            await note(connection, row["id"], row["digest"])
    await note(connection, row["id"], row["digest"])


async def note(connection: Connection, journal_id: int, digest: bytes) -> None:
    sealed = KEY.sealed(journal_id, digest)
    await connection.execute(
        "INSERT INTO journal_seals VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        *(sealed.last_id, sealed.digest, sealed.signature),
    )


async def run(url: str, folder: Path, step: str, months: int) -> None:
    def tell(words: str) -> None:
        if step and words.startswith(step):
            os.kill(os.getpid(), signal.SIGKILL)

    def progress(_done: int, _total: int) -> None:
        tell("in the middle of a file")

    async with database.opened(url) as db, alone(db) as connection:
        archiver = Archiver(connection, KEY, folder, 0, tell, progress)
        await archiver.run()
        if months:
            await Retention(connection, months, archiver.check_times, tell).run()


if __name__ == "__main__":
    trio.run(run, sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]) if sys.argv[4:] else 0)
