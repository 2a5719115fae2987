"""A server's database: opened and checked at the start; at the end sealed, and left with a snapshot."""

import contextlib
from collections.abc import AsyncIterator
from typing import Final

import attrs
import structlog
import trio

from adapters.cli.first_start import seal_key
from adapters.runtime.settings import Settings
from adapters.service.child_process import ChildError, in_child
from kernel.exchange import Exchange
from persistence import DatabaseUnusableError
from persistence.journal import journal, snapshots, witness_file, witnesses
from persistence.journal.journal import DurableJournal
from persistence.journal.seals import Sealer, SealKey
from persistence.journal.witness_file import WitnessFile
from persistence.postgres import database, embedded
from persistence.postgres.database import ConnectionLostError, Database, NoRoomError
from persistence.postgres.migrate import check_version, migrate

log = structlog.get_logger(__name__)

LAST_SEAL_SECONDS: Final = 5.0
"""One row; the next start seals what this one could not."""
LAST_SNAPSHOT_SECONDS: Final = 60.0
"""Some seconds for millions of orders; without it the next start takes longer."""
UNAVAILABLE: Final = (ConnectionLostError, DatabaseUnusableError, NoRoomError)
"""What is raised when the database cannot be asked just now."""


@attrs.frozen
class Storage:
    """The database, the journal in it, and what proves that the journal is whole."""

    db: Database
    journal: DurableJournal
    key: SealKey
    witness: WitnessFile


@contextlib.asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Storage]:
    """Open the journal, and check it against its witnesses before anybody reads it."""
    key = SealKey(await seal_key(settings))
    witness = WitnessFile(settings.data / witness_file.NAME)
    async with database_of(settings) as db, journal.opened(db, witness) as writer:
        storage = Storage(db, writer, key, witness)
        await check_witnesses(storage)
        yield storage


@contextlib.asynccontextmanager
async def database_of(settings: Settings) -> AsyncIterator[Database]:
    """The configured database or one of our own, with the schema."""
    async with contextlib.AsyncExitStack() as stack:
        url = settings.database_url
        if url is None:
            url = await stack.enter_async_context(embedded.running(settings.data))
        db = await stack.enter_async_context(database.opened(url))
        connection = await db.connect()
        await migrate(connection)
        await connection.close()
        yield db


@contextlib.asynccontextmanager
async def joined(settings: Settings) -> AsyncIterator[Database]:
    """The same for a process that may find another one leading: it changes nothing in the database."""
    async with contextlib.AsyncExitStack() as stack:
        url = settings.database_url
        if url is None:
            url = await stack.enter_async_context(embedded.running(settings.data))
        db = await stack.enter_async_context(database.opened(url))
        async with db.borrowed() as connection:
            await check_version(connection)
        yield db


async def check_witnesses(storage: Storage) -> None:
    """Refuse a journal that contradicts a witness; from here on the witness file follows this one."""
    remembered = storage.witness.read()
    async with storage.db.borrowed() as connection:
        await witnesses.check(connection, storage.key, remembered)
    last_id, digest = storage.journal.end
    if last_id:
        if remembered is None:
            file = str(storage.witness.file)
            log.warning("there is no witness file that could tell of this journal", file=file)
        storage.witness.acknowledge(last_id, digest)


async def seal_and_snapshot(
    storage: Storage, sealer: Sealer, exchange: Exchange, hurry: trio.Event, *, followed: bool
) -> None:
    """Leave behind what a stopped server can; none of it is needed for the next start to succeed.

    No snapshot if somebody follows, who has the state and waits for the writer's lock.
    """
    with trio.move_on_after(LAST_SEAL_SECONDS) as waiting:
        await sealer.seal()
    if not (waiting.cancelled_caught or followed):
        with trio.move_on_after(LAST_SNAPSHOT_SECONDS) as waiting:
            await leave_snapshot(storage.db, exchange, storage.key, hurry)
    if waiting.cancelled_caught:
        log.warning(
            "stopped without sealing the journal's end or without a snapshot of it",
            why="PostgreSQL gives no answer",
        )


async def leave_snapshot(db: Database, exchange: Exchange, key: SealKey, hurry: trio.Event) -> None:
    """Write a snapshot, so that the next start has nothing to replay; give up if somebody is in a hurry."""
    async with trio.open_nursery() as nursery:

        async def write() -> None:
            try:
                await snapshots.write(db, exchange, key, in_child)
            except (*UNAVAILABLE, ChildError, OSError) as trouble:
                log.warning("no snapshot could be written", why=str(trouble))
            nursery.cancel_scope.cancel()

        nursery.start_soon(write)
        await hurry.wait()
        log.warning("no snapshot is written: asked to stop once more")
        nursery.cancel_scope.cancel()
