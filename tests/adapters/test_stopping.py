"""What a clean stop leaves behind, beside the loop; and that nobody has to wait for it."""

from pathlib import Path

import trio

from adapters.cli.serve import running
from adapters.cli.storage import leave_snapshot
from adapters.runtime.clock import Clock
from adapters.service.child_process import in_child
from persistence.journal import snapshots
from persistence.journal.recovery import recover
from persistence.postgres import database
from persistence.postgres.database import Connection, Database
from tests.adapters.crowded import settings_of
from tests.holding import FORK_MS, longest_hold
from tests.persistence.journaled import KEY, file, traded

COMMANDS = 12_000
"""To write them down as a snapshot takes longer than a step may."""


async def test_a_snapshot_worked_out_beside_the_loop_is_the_same(
    db: Database, connection: Connection
) -> None:
    whole, decided = traded(COMMANDS)
    await file(connection, decided, transaction=len(decided))
    held, by = await longest_hold(lambda: snapshots.write(db, whole, KEY, in_child), FORK_MS)
    assert held < FORK_MS, by
    restored = await snapshots.newest(connection, KEY)
    assert restored is not None
    assert restored.digest() == whole.digest()


async def test_who_asks_twice_does_not_wait_for_the_snapshot(db: Database, connection: Connection) -> None:
    """It waits for a lock of somebody else. Without it nothing is lost: the journal is whole."""
    whole, decided = traded(50)
    await file(connection, decided, transaction=len(decided))
    hurry = trio.Event()
    blocking = await db.connect()
    with trio.fail_after(20):
        async with blocking.transaction(), trio.open_nursery() as nursery:
            await blocking.execute("LOCK TABLE snapshots")
            nursery.start_soon(leave_snapshot, db, whole, KEY, hurry)
            while not await connection.fetch_value("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                await trio.sleep(0.01)
            hurry.set()
    assert await connection.fetch_value("SELECT count(*) FROM snapshots") == 0
    assert (await recover(db, KEY)).digest() == whole.digest()


async def test_a_stop_in_a_hurry_leaves_no_snapshot_and_any_other_does(
    database_url: str, tmp_path: Path
) -> None:
    for expected, hurry in ((0, trio.Event()), (1, None)):
        if hurry is not None:
            hurry.set()
        async with running(settings_of(database_url, tmp_path), Clock(), hurry):
            pass
        async with database.opened(database_url) as db, db.borrowed() as connection:
            assert await connection.fetch_value("SELECT count(*) FROM snapshots") == expected
