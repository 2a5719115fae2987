"""The bridge from a program that runs on trio to asyncpg, which runs on asyncio; `connecting` is its far end.

It knows connections, statements and bytes; it knows none of our tables.

One rule keeps it safe: a connection is closed if its caller is cancelled in the middle of a statement. Nobody
could say what state it is in, and the next statement might find the first one half done.
"""

import asyncio
import contextlib
import socket
import sys
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import asyncpg
import attrs
import trio
import trio_asyncio  # type: ignore[import-untyped]  # it comes without types
from asyncpg.transaction import Transaction

from persistence import DatabaseUnusableError, lone_errors
from persistence.postgres import connecting
from persistence.postgres.connecting import one_line
from persistence.postgres.hosts import Host, place

T = TypeVar("T")

SO_SNDBUFFORCE = 32  # Linux: beyond the limit that the system sets for all, where we may
NOTIFICATIONS_MAX = 10_000  # payloads kept for a listener that is busy
BORROWABLE = 8  # connections for short questions: more would only queue inside PostgreSQL instead of here

WAIT_FOR_STANDBY = "SyncRepWaitForLSN"  # the function of PostgreSQL in which a commit waits for it

ENDS = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    # What asyncpg meets when the server's farewell crosses a new statement.
    asyncpg.InternalClientError,
    OSError,
)
"""The errors that say of a connection that it has ended."""


class ConnectionLostError(Exception):
    """A connection ended under a statement: whether the statement took effect is not known."""


class NoRoomError(Exception):
    """The server cannot take it now: its disk is full or failing, or it only reads. Nothing took effect."""


class ConstraintError(Exception):
    """A row that the schema forbids. `constraint` is the name it has in schema.sql."""

    def __init__(self, constraint: str, message: str) -> None:
        super().__init__(message)
        self.constraint = constraint


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator["Database"]:
    """The database at `url`, for as long as the body runs."""
    with lone_errors():
        async with trio_asyncio.open_loop() as loop:
            loop.set_exception_handler(_left_behind)
            database = Database(url, loop)
            try:
                yield database
            finally:
                database.close()


@attrs.define(eq=False)
class Database:
    """Where connections come from."""

    url: str
    _loop: asyncio.AbstractEventLoop
    _idle: list["Connection"] = attrs.field(factory=list, init=False)
    _open: weakref.WeakSet["Connection"] = attrs.field(factory=weakref.WeakSet, init=False)
    _host: Host | None = attrs.field(default=None, init=False)
    """Where the newest connection leads."""
    _borrowed: trio.Semaphore = attrs.field(factory=lambda: trio.Semaphore(BORROWABLE), init=False)

    async def connect(self) -> "Connection":
        """A connection of one's own, for those who keep it: the journal, the projector."""
        where = place(self.url)
        try:
            raw, host = await trio_asyncio.aio_as_trio(connecting.reach, loop=self._loop)(self.url)
        except asyncpg.InvalidCatalogNameError as trouble:
            raise DatabaseUnusableError(
                f"{trouble} at {where}: create it, or correct DATABASE_URL"
            ) from trouble
        except asyncpg.InvalidAuthorizationSpecificationError as trouble:
            raise DatabaseUnusableError(
                f"PostgreSQL at {where} refuses us ({trouble}): correct user and password in DATABASE_URL"
            ) from trouble
        except (
            asyncpg.PostgresError,
            asyncpg.InterfaceError,
            asyncpg.InternalClientError,  # see ENDS
            ValueError,
        ) as trouble:
            raise DatabaseUnusableError(
                f"cannot use DATABASE_URL ({where}): {one_line(trouble)}"
            ) from trouble
        except (OSError, TimeoutError) as trouble:
            reason = getattr(trouble, "strerror", None) or one_line(trouble)
            raise DatabaseUnusableError(
                f"no PostgreSQL answers at {where} ({reason}): start it, or correct DATABASE_URL"
            ) from trouble
        return self._at(host, Connection(raw, self._loop))

    def _at(self, host: Host, connection: "Connection") -> "Connection":
        """One server takes writes. When it is another one than before, what is open at the last is over."""
        if host != self._host:
            for other in self._open:
                other.abandon()
            self._open.clear()
            self._host = host
        self._open.add(connection)
        return connection

    @contextlib.asynccontextmanager
    async def borrowed(self) -> AsyncIterator["Connection"]:
        """A connection for a short question, from a few that are kept open. Borrow one at a time.

        Who waits for a second while holding a first waits for others who do the same.
        """
        async with self._borrowed:
            connection = await self._usable()
            try:
                yield connection
            finally:
                if connection.is_at_rest:
                    self._idle.append(connection)
                else:
                    connection.abandon()

    async def _usable(self) -> "Connection":
        while self._idle:
            if not (connection := self._idle.pop()).is_closed:
                return connection
        return await self.connect()

    def close(self) -> None:
        for connection in self._idle:
            connection.abandon()


class Notifications:
    """Payloads that were sent on a channel and not received yet, each once, however often it was sent.

    The empty payload means "anything"; it also stands for more payloads than anybody should keep.
    """

    def __init__(self) -> None:
        self._told: set[str] = set()
        self._has_ended = False
        self._wake = trio.Event()

    def add(self, payload: str) -> None:
        if len(self._told) >= NOTIFICATIONS_MAX:
            self._told = {""}
        self._told.add(payload)
        self._wake.set()

    def end(self) -> None:
        self._has_ended = True
        self._wake.set()

    async def receive(self) -> frozenset[str]:
        """What was sent since the last time, as soon as there is anything."""
        while not self._told:
            if self._has_ended:
                raise trio.EndOfChannel
            self._wake = trio.Event()
            await self._wake.wait()
        told, self._told = frozenset(self._told), set()
        return told


@attrs.define(eq=False)
class Connection:
    """A connection, which does one thing at a time, for one task at a time."""

    _raw: "asyncpg.Connection[Any]"
    _loop: asyncio.AbstractEventLoop
    _doubt: str = attrs.field(default="", init=False)
    """Why a commit that PostgreSQL calls done may not be on its standby."""

    def __attrs_post_init__(self) -> None:
        if not self._raw.is_closed():  # lost as soon as it was made: its first statement says so
            self._raw.add_log_listener(self._hear)

    def _hear(self, _connection: object, said: asyncpg.PostgresLogMessage) -> None:
        """Somebody may end the wait for the standby: the commit is then called done, with this warning.

        Known by the function it comes from: its words are in the server's language.
        """
        if vars(said).get("server_source_function") == WAIT_FOR_STANDBY:
            self._doubt = one_line(vars(said)["message"])

    async def execute(self, sql: str, *values: Any) -> str:
        return await self._do(lambda: self._raw.execute(sql, *values))

    async def execute_many(self, sql: str, rows: list[tuple[Any, ...]]) -> None:
        """One statement for many rows, in one round trip and one transaction."""
        await self._do(lambda: self._raw.executemany(sql, rows))

    async def fetch(self, sql: str, *values: Any) -> list[asyncpg.Record]:
        return await self._do(lambda: self._raw.fetch(sql, *values))

    async def fetch_row(self, sql: str, *values: Any) -> asyncpg.Record | None:
        return await self._do(lambda: self._raw.fetchrow(sql, *values))

    async def fetch_value(self, sql: str, *values: Any) -> Any:
        return await self._do(lambda: self._raw.fetchval(sql, *values))

    async def copy_in(self, table: str, columns: tuple[str, ...], rows: bytearray) -> None:
        """COPY rows packed in PostgreSQL's binary format: all or none, in one round trip."""
        # asyncpg takes any buffer but bytes, which it takes for a file name; its stubs know no buffers.
        source: Any = rows
        await self._do(
            lambda: self._raw.copy_to_table(table, source=source, columns=columns, format="binary")
        )

    async def copy_out(self, sql: str) -> bytes:
        """COPY what a query finds, in PostgreSQL's binary format; the query takes no parameters."""
        pieces: list[bytes] = []

        async def take(piece: bytes) -> None:
            pieces.append(piece)

        await self._do(lambda: self._raw.copy_from_query(sql, output=take, format="binary"))
        return b"".join(pieces)

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """All of the body or nothing of it.

        When the body raises, it is rolled back; when it is cancelled, the connection is closed, which comes
        to the same for the database and needs no waiting.
        """
        transaction = await self._do(self._begin)
        try:
            yield
        except trio.Cancelled:
            self.abandon()
            raise
        except BaseException:
            if not self.is_closed:
                await self._do(transaction.rollback)
            raise
        await self._do(transaction.commit)

    async def _begin(self) -> Transaction:
        transaction = self._raw.transaction()
        await transaction.start()
        return transaction

    @contextlib.asynccontextmanager
    async def listening(self, channel: str) -> AsyncIterator["Notifications"]:
        """Hear of NOTIFYs until the connection ends. It can be asked other things meanwhile."""
        told = Notifications()

        def heard(_connection: object, _pid: int, _channel: str, payload: object) -> None:
            told.add(str(payload))

        def ended(*_: object) -> None:
            told.end()

        self._raw.add_termination_listener(ended)
        await self._do(lambda: self._raw.add_listener(channel, heard))
        try:
            yield told
        finally:
            self._raw.remove_termination_listener(ended)
            if not self.is_closed:
                with trio.CancelScope(shield=True):
                    await self._do(lambda: self._raw.remove_listener(channel, heard))

    def buffer_writes(self, size: int) -> None:
        """Ask the operating system to take so many bytes at once.

        What it does not take waits, piece by piece, for moments in which this thread is idle.
        """
        raw = connecting.socket_of(self._raw)
        with contextlib.suppress(OSError):  # we may not, or it has ended, which the next statement tells
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)
            if sys.platform == "linux":
                raw.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, size)

    @property
    def is_closed(self) -> bool:
        return self._raw.is_closed()

    @property
    def is_at_rest(self) -> bool:
        """Usable, and in no transaction."""
        return not self._raw.is_closed() and not self._raw.is_in_transaction()

    def abandon(self) -> None:
        """Close it at once, without a word to the server, which rolls back what was open."""
        self._raw.terminate()

    async def close(self) -> None:
        """Close it in good order."""
        if not self.is_closed:
            await self._do(self._raw.close)

    async def _do(self, work: Callable[[], Awaitable[T]]) -> T:
        try:
            result: T = await trio_asyncio.aio_as_trio(work, loop=self._loop)()
        except trio.Cancelled:
            self.abandon()
            raise
        except asyncpg.InsufficientPrivilegeError as trouble:
            raise DatabaseUnusableError(
                f"the database forbids it ({one_line(trouble)}): make the user of DATABASE_URL its owner"
            ) from trouble
        except asyncpg.IntegrityConstraintViolationError as trouble:
            raise ConstraintError(trouble.constraint_name or "", one_line(trouble)) from trouble
        except (
            asyncpg.InsufficientResourcesError,
            asyncpg.PostgresSystemError,
            asyncpg.ReadOnlySQLTransactionError,
        ) as trouble:
            if isinstance(trouble, asyncpg.ReadOnlySQLTransactionError):
                self.abandon()  # this session will never write; another may
            raise NoRoomError(one_line(trouble)) from trouble
        except (
            asyncpg.PostgresError,
            asyncpg.InterfaceError,
            asyncpg.InternalClientError,
            OSError,
        ) as trouble:
            if not self._has_ended(trouble):
                raise
            self.abandon()
            raise ConnectionLostError(one_line(trouble)) from trouble
        if self._doubt:
            self.abandon()
            raise ConnectionLostError(self._doubt)
        return result

    def _has_ended(self, trouble: Exception) -> bool:
        """Whether it is the connection that failed, and not the statement."""
        return isinstance(trouble, ENDS) or self.is_closed


def _left_behind(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Ignore errors that nobody waits for: of connections that were abandoned, or lost at a bad moment.

    Whoever used such a connection has been told. Any other error is a bug, and stops the program.
    """
    trouble = context.get("exception")
    # Rows of a COPY that was cancelled a moment ago: asyncpg finds nobody to hand them to.
    # The connection ends over it, as does every one whose statement is cancelled.
    is_for_nobody = isinstance(trouble, AttributeError) and "protocol" in context
    if not isinstance(trouble, ENDS) and not is_for_nobody:
        loop.default_exception_handler(context)
