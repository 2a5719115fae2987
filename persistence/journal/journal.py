"""The durable journal: one writer that files groups of facts in PostgreSQL, each group in one transaction.

What keeps it true:

* One writer. A session advisory lock keeps a second server out; should one slip past it, the primary key
  refuses the rows of whoever comes second, and that one stops.
* A group is one COPY: all of it or nothing, one statement, no timer.
* When the connection is lost nobody knows whether the group was committed. So the writer connects again, ends
  the session it had, takes the lock (which proves that session is over), and looks: the journal ends either
  where it ended before, then the group is sent again, or with this very group, as its digest shows. Anything
  else was written or taken away by somebody else, and the writer stops.
* Who becomes the writer, at the start or again, first makes a commit of its own. A session that was ended as
  it waited for a synchronous standby has committed all the same, and left rows that the standby may not have.
  Once a later commit is confirmed, what is ahead of it in PostgreSQL's log is there, too.
* The table has parts for the rows to come, made beside the writer and long before it needs them.
* When PostgreSQL has no room, the group is tried again until it has. Meanwhile nothing is acknowledged, the
  queues in front of the writer fill, and callers are refused.
"""

import contextlib
import os
import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

import attrs
import structlog
import trio

from kernel.events import Fact
from kernel.journal import Decided, JournalError, Page
from persistence import Backoff, DatabaseUnusableError, lone_errors
from persistence.journal import parts, wal
from persistence.journal.archive import rows
from persistence.journal.wal import COLUMNS, GENESIS, Group, end
from persistence.journal.witness_file import WitnessFile
from persistence.postgres.database import (
    Connection,
    ConnectionLostError,
    ConstraintError,
    Database,
    NoRoomError,
)
from persistence.postgres.locks import Lock

log = structlog.get_logger(__name__)

RETRY_PAUSES: Final = (0.02, 2.0)
"""Seconds between two attempts: the first pause, and the longest."""
STATEMENT_TIMEOUT: Final = 60.0
"""Seconds without an answer after which a connection counts as lost."""
TAKEOVER_TIMEOUT: Final = 5.0
"""Seconds that the session of a killed server may take to end."""
WATCH: Final = 0.5
"""Seconds between two checks of an idle connection: its loss is the loss of the lock."""
WRITE_BUFFER: Final = 8 << 20
"""Bytes that the operating system is asked to take at once: thousands of events."""
FAREWELL: Final = 5.0
"""Seconds that closing may take."""
READERS: Final = 4
"""Connections that stream the journal at once; more readers wait."""

# A machine that vanishes keeps its session, and with it the lock, until PostgreSQL notices: with these
# settings within half a minute, by default after two hours.
INTRODUCE: Final = """
    SELECT set_config('application_name', $1, FALSE), set_config('tcp_keepalives_idle', '10', FALSE),
           set_config('tcp_keepalives_interval', '5', FALSE), set_config('tcp_keepalives_count', '4', FALSE)
"""
# A lock on a number of 64 bits is shown as two of 32.
HOLDER: Final = """
    SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND granted AND objsubid = 1
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND (classid::BIGINT << 32) | objid::BIGINT = $1
"""
# A commit of nothing but a remark in PostgreSQL's own log: it waits for the standby as any other.
CONFIRM: Final = "SELECT pg_logical_emit_message(TRUE, 'verdict', $1)"
# For how long a session has waited for its client: all that it had to do is done, or will never come.
SILENT: Final = """
    SELECT coalesce(max(extract(epoch FROM clock_timestamp() - state_change)), 0)::FLOAT FROM pg_stat_activity
    WHERE application_name = $1 AND datname = current_database()
      AND wait_event IN ('ClientRead', 'ClientWrite')
"""
END_OTHERS: Final = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = $1 AND pid <> pg_backend_pid() AND datname = current_database()
"""


class OtherWriterError(DatabaseUnusableError):
    """Another server writes the journal."""

    def __init__(self, holder: str) -> None:
        super().__init__(
            f"another server writes this journal (database session {holder!r}): "
            "stop that server, or use another database"
        )
        self.holder = holder
        """The name of its session."""


@attrs.define
class Counters:
    """What the journal has done since it was opened."""

    commits: int = 0
    commands: int = 0
    events: int = 0
    bytes: int = 0
    last_commit_seconds: float = 0.0
    repeated: int = 0
    """Attempts that did not succeed and were made again."""
    reconnects: int = 0


def unheard(_group: Group, _digest: bytes) -> None:
    pass


def _writer_name() -> str:
    """Machine and process, for people who look at the sessions, and a random part that makes it unique."""
    return f"verdict journal {socket.gethostname()[:24]} {os.getpid()} {secrets.token_hex(4)}"


@contextlib.asynccontextmanager
async def opened(
    database: Database, witness: WitnessFile | None = None, patience: float = TAKEOVER_TIMEOUT
) -> AsyncIterator["DurableJournal"]:
    """The journal of a database; nobody else can write it while the body runs.

    The witness file, if there is one, is written after each commit.

    Raises `OtherWriterError` when another server has been writing it for as long as our patience lasts.
    """
    journal = DurableJournal(database, witness)
    await journal.open(patience)
    try:
        with lone_errors():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(journal.watch)
                nursery.start_soon(journal.look_ahead)
                yield journal
                nursery.cancel_scope.cancel()
    finally:
        with trio.CancelScope(shield=True):
            await journal.close()


@attrs.define(eq=False)
class DurableJournal:
    """The one writer of a database's journal."""

    database: Database
    witness: WitnessFile | None = None
    statement_timeout: float = STATEMENT_TIMEOUT
    name: str = attrs.field(factory=_writer_name)
    """The name of our session in PostgreSQL, which no other session has."""
    counters: Counters = attrs.field(factory=Counters, init=False)
    trouble: str = attrs.field(default="", init=False)
    """Why nothing can be written just now; empty when all is well."""
    confirmed_at: float = attrs.field(default=0.0, init=False)
    """When PostgreSQL was last asked something that it has answered: then the lock was ours."""
    on_commit: Callable[[Group, bytes], None] = attrs.field(default=unheard, init=False)
    """Called with each group on the disk, before anybody is told of it, and the digest that it continues."""
    _connection: Connection = attrs.field(init=False)
    _head: int = attrs.field(default=0, init=False)
    _digest: bytes = attrs.field(default=GENESIS, init=False)
    _room: int = attrs.field(default=0, init=False)
    """The last id that wal_events has a part for."""
    _needs_room: trio.Event = attrs.field(factory=trio.Event, init=False)
    _turn: trio.Lock = attrs.field(factory=trio.Lock, init=False)
    """Held by whoever uses the connection: the writer, or the watch."""
    _has_failed: bool = attrs.field(default=False, init=False)
    _readers: trio.Semaphore = attrs.field(factory=lambda: trio.Semaphore(READERS), init=False)

    async def open(self, patience: float = TAKEOVER_TIMEOUT) -> None:
        """Become the writer, and learn where the journal ends."""
        connection = await self.database.connect()
        try:
            deadline = time.monotonic() + patience
            while (holder := await self._lock(connection)) is not None:
                if time.monotonic() >= deadline:
                    raise OtherWriterError(holder)
                await trio.sleep(RETRY_PAUSES[0])
            self.confirmed_at = time.monotonic()
            with trio.fail_after(self.statement_timeout):
                await connection.execute(CONFIRM, self.name)
            self._head, self._digest = await end(connection)
            self._room = await parts.make_room(connection, self._head)
        except trio.TooSlowError:
            raise DatabaseUnusableError(
                f"PostgreSQL confirms no commit for {self.statement_timeout:g} seconds: "
                "start its synchronous standby, or take it out of synchronous_standby_names"
            ) from None
        except BaseException:
            connection.abandon()
            raise
        self._connection = connection

    async def close(self) -> None:
        """Release the lock; a connection that does not answer is dropped."""
        with contextlib.suppress(ConnectionLostError), trio.move_on_after(FAREWELL):
            await self._connection.close()

    def pack(self, decided: Sequence[Decided]) -> Page:
        return wal.pack(decided)

    async def append(self, pages: Sequence[Page]) -> None:
        group = wal.group(pages, self._head, self._digest)
        if group is None:
            return
        async with self._turn:
            begun = time.monotonic()
            await self._persist(group)
        before, self._head, self._digest = self._digest, group.last, group.digest
        if self.witness is not None:
            self.witness.acknowledge(group.last, group.digest)
        if group.last > self._room - parts.SIZE:
            self._needs_room.set()
        self.on_commit(group, before)
        counters = self.counters
        counters.commits += 1
        counters.commands += group.commands
        counters.events += group.last - group.first + 1
        counters.bytes += len(group.rows)
        counters.last_commit_seconds = time.monotonic() - begun

    async def head(self) -> int:
        return self._head

    @property
    def age(self) -> float:
        """Seconds since it was certain that nobody else is the writer."""
        return time.monotonic() - self.confirmed_at

    @property
    def end(self) -> tuple[int, bytes]:
        """The newest durable id, and the chain's digest as of it."""
        return self._head, self._digest

    async def read(self, after: int = 0) -> AsyncIterator[Fact]:
        async with self._readers:
            connection = await self.database.connect()
            try:
                async with contextlib.aclosing(rows(connection, after, self._head)) as batches:
                    async for batch in batches:
                        for row in batch:
                            yield row.fact()
            finally:
                connection.abandon()

    async def watch(self) -> None:
        """Check the connection while nothing is written, and connect again when it is lost."""
        while True:
            await trio.sleep(WATCH)
            async with self._turn:
                if self._has_failed:
                    return  # the writer knows already
                await self._persist(None)

    async def look_ahead(self) -> None:
        """Make the next part as soon as the journal is in the last one but one, while it is written."""
        backoff = Backoff(*RETRY_PAUSES)
        while True:
            await self._needs_room.wait()
            self._needs_room = trio.Event()
            try:
                async with self.database.borrowed() as connection:
                    self._room = await parts.make_room(connection, self._head)
            except (ConnectionLostError, NoRoomError, DatabaseUnusableError) as trouble:
                # There is a whole part left; and at its end the writer makes one itself.
                log.warning("the journal's next part could not be made; trying again", why=str(trouble))
                await backoff.wait()
                self._needs_room.set()
            else:
                backoff.reset()

    async def _persist(self, group: Group | None) -> None:
        """Try until the group is committed; without a group, until the connection works."""
        backoff = Backoff(*RETRY_PAUSES)
        while True:
            try:
                asked_at = time.monotonic()
                with trio.fail_after(self.statement_timeout):
                    await self._try(group)
                self.confirmed_at = asked_at
            except JournalError:
                self._has_failed = True
                raise
            except (ConnectionLostError, NoRoomError, DatabaseUnusableError, trio.TooSlowError) as trouble:
                self._complain(trouble)
                await backoff.wait()
            else:
                if self.trouble:
                    log.warning("the journal is written again")
                    self.trouble = ""
                return

    async def _try(self, group: Group | None) -> None:
        if self._connection.is_closed and await self._reconnect(group):
            return
        if group is None:
            await self._connection.execute("SELECT 1")
            return
        if group.last > self._room:
            self._room = await parts.make_room(self._connection, group.last)
        try:
            await self._connection.copy_in("wal_events", COLUMNS, group.rows)
        except ConstraintError as refused:
            raise JournalError(f"the journal refuses what was decided: {refused}") from refused

    async def _reconnect(self, group: Group | None) -> bool:
        """Become the writer again; returns whether the group, whose fate was unknown, has been committed."""
        connection = await self.database.connect()
        try:
            while (holder := await self._lock(connection)) is not None:
                if holder != self.name:
                    raise JournalError(f"another server took the journal over (database session {holder!r})")
                # Our own last session, which has not noticed yet. Its transaction ends with it, one way or
                # the other, and only then is the lock free.
                await connection.execute(END_OTHERS, self.name)
                await trio.sleep(RETRY_PAUSES[0])
            await connection.execute(CONFIRM, self.name)
            found = await end(connection)
            self._room = await parts.make_room(connection, found[0])
        except BaseException:
            connection.abandon()
            raise
        self._connection = connection
        self.counters.reconnects += 1
        if found == (self._head, self._digest):
            return False
        if group is not None and found == (group.last, group.digest):
            return True
        raise JournalError(
            f"somebody else changed the journal: it ended with row {self._head}, now it ends with {found[0]}"
        )

    async def _lock(self, connection: Connection) -> str | None:
        """Take the writer's lock; returns the name of the session that has it, if we have not."""
        connection.buffer_writes(WRITE_BUFFER)
        await connection.execute(INTRODUCE, self.name)
        while not await connection.fetch_value("SELECT pg_try_advisory_lock($1)", Lock.WRITER):
            holder = await connection.fetch_value(HOLDER, Lock.WRITER)
            if holder is not None:
                return str(holder)
        return None

    def _complain(self, error: Exception) -> None:
        """Log each new trouble once, not each attempt."""
        match error:
            case ConnectionLostError():
                trouble = f"the connection to PostgreSQL was lost ({error})"
            case trio.TooSlowError():
                trouble = f"PostgreSQL gave no answer for {self.statement_timeout} seconds"
            case _:
                trouble = str(error)
        self.counters.repeated += 1
        if trouble != self.trouble:
            log.error("the journal cannot be written; trying again until it can", trouble=trouble)
            self.trouble = trouble


async def ended_silent(database: Database, holder: str, seconds: float) -> bool:
    """Whether the writer hangs, as far as its session tells; after so many seconds that is ended.

    A writer that does not hang asks for something each `WATCH`.
    """
    async with database.borrowed() as connection:
        silence = await connection.fetch_value(SILENT, holder)
        if silence > seconds:
            await connection.execute(END_OTHERS, holder)
            log.warning("ended the session of a writer that hangs", session=holder, silent=round(silence, 1))
    return bool(silence > 2 * WATCH)
