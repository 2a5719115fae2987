"""The snapshotter: a process that from time to time rehearses a restart, and files the state it arrives at.

It does exactly what a start does (it restores the newest snapshot, then replays and verifies the rest of the
journal) and writes the resulting state as the next snapshot. The exchange neither feeds it nor waits for it.
Every snapshot has thus been restored once before it is needed, and a journal from which a restart would fail
is noticed while the exchange still has the state in memory.

    python -m persistence.journal.snapshotter

is how the exchange runs it: DATABASE_URL says where; the key of the seals comes on stdin, where no list of
processes shows it.
"""

import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import structlog
import trio

from persistence import DatabaseUnusableError, lone_errors, process_environment
from persistence.journal import snapshots, witnesses
from persistence.journal.recovery import recover
from persistence.journal.seals import SealKey
from persistence.postgres.database import ConnectionLostError, Database, NoRoomError, opened

log = structlog.get_logger(__name__)

FACTS_BETWEEN: Final = 1_000_000
"""Facts between two snapshots: a restart replays them in about ten seconds."""
LOOK_EVERY: Final = 1.0
"""Seconds between two looks at how far the journal has come."""
NICENESS: Final = 19
"""The exchange, the projector and PostgreSQL come first."""


@asynccontextmanager
async def snapshotter_running(
    database: Database, key: SealKey, head: Callable[[], int], every: int = FACTS_BETWEEN
) -> AsyncIterator[None]:
    """Have a snapshot written each time `head`, the newest durable id, has moved on by `every`."""
    async with database.borrowed() as connection:
        last = await snapshots.newest_id(connection)
    with lone_errors():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_write_snapshots, database.url, key, head, every, last)
            yield
            nursery.cancel_scope.cancel()


async def _write_snapshots(url: str, key: SealKey, head: Callable[[], int], every: int, last: int) -> None:
    while True:
        while head() - last < every:
            await trio.sleep(LOOK_EVERY)
        last = head()
        # If we are cancelled it is stopped, which does no harm: a snapshot is written whole or not at all.
        rehearsal = await trio.run_process(
            [sys.executable, "-m", "persistence.journal.snapshotter"],
            stdin=key.secret.encode(),
            env=process_environment(url),
            check=False,
        )
        if rehearsal.returncode:
            log.error(
                "the rehearsal of a restart failed; what it wrote says why", status=rehearsal.returncode
            )


async def write_snapshot(url: str, key: SealKey) -> None:
    async with opened(url) as database:
        async with database.borrowed() as connection:
            await witnesses.check(
                connection, key, None
            )  # the witness file may already be ahead of what we see
        await snapshots.write(database, await recover(database, key), key)


def main() -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    # An interrupt at the keyboard is meant for the exchange, which stops us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICENESS)
    try:
        trio.run(write_snapshot, os.environ["DATABASE_URL"], SealKey(sys.stdin.read()))
    except (DatabaseUnusableError, ConnectionLostError, NoRoomError) as trouble:
        sys.exit(f"rehearsal: {trouble}")


if __name__ == "__main__":
    main()
