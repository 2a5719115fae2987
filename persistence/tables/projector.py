"""The projector: follows the journal and brings the tables up to date with it.

It reads committed facts in order, folds a batch of them, and writes the batch together with its cursor in one
transaction, so that each fact counts exactly once, whatever is cut off, killed or started twice. It decides
nothing, and only requests about the past wait for it. The cursor alone says where it goes on; a hint only
tells it to look again.

    python -m persistence.tables.projector

is how the exchange runs it: DATABASE_URL says where; a line on stdin is a hint (the newest durable
journal id), a line on stdout tells how far the tables are; the end of stdin is the end.
"""

import contextlib
import gc
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import attrs
import structlog
import trio

from persistence import Backoff, DatabaseUnusableError
from persistence.journal.archive import Past
from persistence.journal.wal import READ, JournalRow, Record, fact_of
from persistence.postgres.database import Connection, ConnectionLostError, Database, NoRoomError, opened
from persistence.tables.folding import Batch
from persistence.tables.making import forget_executions
from persistence.tables.portfolio_days import DAY, end_days
from persistence.tables.quotes import HOW_MARKETS_STAND, WHO_RESTS, Quotes
from persistence.tables.table_writer import write

log = structlog.get_logger(__name__)

NICENESS: Final = 10
"""Of its process, and of its sessions in PostgreSQL: the tables can wait, and an acknowledgement on the same
cores cannot. Any nicer, it would get less than a tenth of a busy core, and the tables fall far behind."""
BATCH: Final = 10_000
"""Facts in one transaction: enough to write a row that changes often only now and then, few enough to need no
more than 30 MB."""
WRITE_BUFFER: Final = 8 << 20
"""Bytes that the operating system is asked to take at once: as many as one COPY usually has."""
COLLECT_EVERY: Final = 50_000
"""Objects made before the garbage collector runs: a batch is many objects, all in use until it is written."""
RECONNECT_PAUSES: Final = (0.05, 5.0)
"""Seconds between attempts to reconnect: the first, and the longest."""
IDLE: Final = 1.0
"""Seconds after which it looks without a hint."""

MAKE_MONTH: Final = "SELECT fn_make_month($1)"
READ_SOME: Final = f"{READ} LIMIT $2"
# A crash of PostgreSQL may undo the newest batches, with the cursor: they are written again. And rows that
# change are found by their keys, whatever PostgreSQL believes about the size of the tables.
SESSION: Final = """
    SET application_name = 'verdict projector'; SET synchronous_commit = off;
    SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off
"""


class CursorMovedError(Exception):
    """Another projector of the same journal has moved the cursor."""


@attrs.define(eq=False)
class Projector:
    """One follower of one journal."""

    database: Database
    tell: Callable[[int], None] = lambda reached: None
    """Called with the journal id that the tables have reached, when that has changed."""
    batch: int = BATCH
    schema: str = "public"
    """Where the tables are that it fills."""
    reached: int = -1
    """The journal id up to which the tables tell; -1 while that is not known."""
    _hint: trio.Event = attrs.field(factory=trio.Event, init=False)
    _durable: int = attrs.field(default=0, init=False)
    _quotes: Quotes = attrs.field(factory=Quotes, init=False)
    """As of the newest batch that was read."""
    _past: Past = attrs.field(factory=Past, init=False)
    _day: int | None = attrs.field(default=None, init=False)
    """Of the newest fact that was read, counted since 1970."""
    _roomy_day: int | None = attrs.field(default=None, init=False)
    """The day that tables of its month were last made sure of for."""

    def wake(self, durable: int) -> None:
        """Look at the journal, which is durable up to `durable`."""
        self._durable = max(self._durable, durable)
        self._hint.set()

    async def run(self) -> None:
        """Follow until cancelled; a lost connection is made again, and the cursor says where to go on."""
        backoff = Backoff(*RECONNECT_PAUSES)
        while True:
            try:
                async with self._connected() as (reading, writing):
                    backoff.reset()
                    await self._follow(reading, writing)
            # Groups, because reading and writing may lose their connections in the same moment.
            except* (ConnectionLostError, DatabaseUnusableError, NoRoomError) as troubles:
                trouble = str(next(leaves(troubles)))
                log.warning("the projector cannot write; trying again", trouble=trouble, after=backoff.pause)
                await backoff.wait()
            except* CursorMovedError:
                log.warning("another projector was here; going on from where it is")

    async def catch_up(self) -> int:
        """Project all that the journal holds now; returns how many facts that were."""
        before = 0
        async with self._connected() as (reading, writing):
            before = self.reached
            while (batch := await self._read(reading, self.reached)) is not None:
                await self._write(writing, batch)
        return self.reached - before

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[tuple[Connection, Connection]]:
        reading = await self.database.connect()
        try:
            writing = await self.database.connect()
            try:
                writing.buffer_writes(WRITE_BUFFER)
                for connection in (reading, writing):
                    await connection.execute(f"{SESSION}; SET search_path = {self.schema}, public")
                    await give_way(connection)
                async with reading.transaction():
                    await reading.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                    reached, self._day, self._quotes = await where_it_is(reading)
                self._arrive(reached)
                yield reading, writing
            finally:
                writing.abandon()
        finally:
            reading.abandon()

    async def _follow(self, reading: Connection, writing: Connection) -> None:
        """Read and fold the next batch while PostgreSQL writes the one before."""
        send, receive = trio.open_memory_channel[Batch](0)
        async with send, receive, trio.open_nursery() as nursery:
            nursery.start_soon(self._gather, reading, send)
            async for batch in receive:
                await self._write(writing, batch)

    async def _gather(self, reading: Connection, send: trio.MemorySendChannel[Batch]) -> None:
        last = self.reached
        while True:
            self._hint = trio.Event()  # ahead of the reading: what comes while it reads is not overlooked
            batch = await self._read(reading, last)
            if batch is not None:
                await send.send(batch)
                last = batch.last
                if batch.is_cut:
                    continue
            with trio.move_on_after(IDLE):
                await self._hint.wait()

    async def _read(self, reading: Connection, last: int) -> Batch | None:
        """The facts that follow `last` without a gap, folded; None if there are none."""
        batch = Batch(last, self._quotes)
        is_whole = False
        for row in await self._rows(reading, last, self.batch + 1):
            if row["id"] != batch.last + 1:
                # The journal has no gaps, so nothing behind one counts. If a row behind it was acknowledged,
                # one was lost; as long as we know of none, it is not for us to say.
                if batch.last < self._durable:
                    raise DatabaseUnusableError(
                        f"row {batch.last + 1} of the journal is missing: run `verdict replay --verify`"
                    )
                break
            day = row["at"] // DAY
            if self._day is None:
                self._day = day
            elif day > self._day:
                if batch.last > last:  # the tables must tell how a day ended before they tell of the next
                    batch.is_cut = is_whole = True
                    break
                batch.ended, self._day = range(self._day, day), day
            if batch.last - last == self.batch:
                batch.is_cut, is_whole = True, row["begins"]
                break
            batch.add(fact_of(row), begins=row["begins"])
            batch.digest = row["digest"]
        if is_whole or batch.digest is not None:
            batch.candles.settle()  # a day and a transaction of the journal have whole commands
        return batch if batch.last > last else None

    async def _rows(self, reading: Connection, last: int, most: int) -> Sequence[Record]:
        """The rows that follow `last`, out of the archive where they have left the database."""
        found: Sequence[Record] = await reading.fetch(READ_SOME, last, most)
        if (not found or found[0]["id"] != last + 1) and (old := await self._past.rows(reading, last, most)):
            return [as_read(row) for row in old]
        return found

    async def _write(self, writing: Connection, batch: Batch) -> None:
        if batch.ended:
            async with self._turn(writing, batch):
                await end_days(writing, batch.ended)
                await forget_executions(writing, batch.ended)
        day = batch.at // DAY  # it is of one day
        async with self._turn(writing, batch):
            if day != self._roomy_day:
                await writing.execute(MAKE_MONTH, batch.at)
            await write(writing, batch)
        self._roomy_day = day
        self._arrive(batch.last)

    @asynccontextmanager
    async def _turn(self, writing: Connection, batch: Batch) -> AsyncIterator[None]:
        """A transaction in which the tables are where the batch goes on, and nobody else's turn comes."""
        async with writing.transaction():
            cursor = await writing.fetch_value("SELECT journal_id FROM projector_cursor FOR UPDATE")
            if cursor != batch.after:
                raise CursorMovedError
            yield

    def _arrive(self, reached: int) -> None:
        if reached != self.reached:
            self.reached = reached
            self.tell(reached)


async def where_it_is(connection: Connection) -> tuple[int, int | None, Quotes]:
    """How far the tables are, of which day that is, and how they tell that each market stands."""
    cursor = await connection.fetch_row("SELECT journal_id, digest FROM projector_cursor")
    assert cursor is not None
    unsettled = day = None
    if cursor["journal_id"] > 0:
        row = await row_at(connection, cursor["journal_id"])
        day = row["at"] // DAY
        if cursor["digest"] is None:
            unsettled = fact_of(row)
    markets = await connection.fetch(HOW_MARKETS_STAND)
    orders = await connection.fetch(WHO_RESTS)
    return cursor["journal_id"], day, Quotes.read(map(dict, markets), map(dict, orders), unsettled)


async def row_at(connection: Connection, journal_id: int) -> Record:
    """A row that is there."""
    row: Record | None = await connection.fetch_row(f"{READ} LIMIT 1", journal_id - 1)
    if row is None or row["id"] != journal_id:
        old = await Past().rows(connection, journal_id - 1, 1)
        row = as_read(old[0]) if old else None
    if row is None:
        raise DatabaseUnusableError(
            f"row {journal_id} of the journal is missing: run `verdict replay --verify`"
        )
    return row


def as_read(row: JournalRow) -> Record:
    """A row of the archive as READ would tell it."""
    return {
        "id": row.id,
        "at": row.at,
        "market_id": row.market_id,
        "payload": row.payload,
        "digest": row.digest,
        "begins": row.command is not None,
    }


async def give_way(connection: Connection) -> None:
    """Lower the priority of the session's process, where it runs on our machine and we are allowed to."""
    if await connection.fetch_value("SELECT inet_server_addr() IS NOT NULL"):
        return  # it may be on another machine, and its number somebody else's here
    pid = await connection.fetch_value("SELECT pg_backend_pid()")
    with contextlib.suppress(OSError):
        if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"postgres: "):
            os.setpriority(os.PRIO_PROCESS, pid, NICENESS)


def leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for inner in group.exceptions:
        if isinstance(inner, BaseExceptionGroup):
            yield from leaves(inner)
        else:
            yield inner


async def serve(url: str, hints: trio.abc.ReceiveStream, tell: Callable[[int], None]) -> None:
    """Project until the hints end."""
    async with opened(url) as database, trio.open_nursery() as nursery:
        projector = Projector(database, tell)
        nursery.start_soon(projector.run)
        waiting = b""
        async for data in hints:
            *lines, waiting = (waiting + data).split(b"\n")
            if lines:
                projector.wake(int(lines[-1]))
        nursery.cancel_scope.cancel()


def main() -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    # An interrupt at the keyboard is meant for the exchange, which closes our stdin when it is done.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICENESS)
    gc.set_threshold(COLLECT_EVERY)
    hints = trio.lowlevel.FdStream(os.dup(sys.stdin.fileno()))
    trio.run(serve, os.environ["DATABASE_URL"], hints, say)


def say(reached: int) -> None:
    sys.stdout.write(f"{reached}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
