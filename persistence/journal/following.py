"""A copy of the exchange that follows the journal in its database, and writes nothing.

It tells of a transaction only when that is where it will stay: on the primary's disk, and on the synchronous
standby's if there is one. It has checked the chain by then.
"""

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import Final, TypeVar

import attrs
import msgspec
import trio

from kernel.commands import AnyCommand
from kernel.events import Fact
from kernel.exchange import Exchange
from persistence.journal import snapshots
from persistence.journal.archive import rows
from persistence.journal.chain import Chain
from persistence.journal.journal import CONFIRM, READERS
from persistence.journal.pages import DamagedError, damaged, facts, pages
from persistence.journal.recovery import (
    ReportProgress,
    applied,
    fact_in,
    recover,
    replay_tail,
    undisturbed,
)
from persistence.journal.seals import SealKey
from persistence.journal.wal import GENESIS, JournalRow, check_format, decode_request, end, unpack
from persistence.postgres.database import Connection, Database

T = TypeVar("T")

BEHIND: Final = "SELECT coalesce(max(id), 0) FROM wal_events WHERE id <= $1 AND digest IS NOT NULL"


@attrs.define(eq=False)
class Follower:
    """Where one reader of the journal stands, and the exchange as it was there."""

    exchange: Exchange
    _connection: Connection
    _chain: Chain
    """Up to the head of the exchange."""
    end: int = 0
    """Of the journal, when it was last looked at."""

    async def transactions(self, tell: Callable[[Fact, Exchange], list[T]]) -> AsyncIterator[list[T]]:
        """What there is to tell of each transaction since the last time.

        Each fact is told in the state that it has just brought about.
        """
        head, _ = await end(self._connection)
        self.end = head
        if head == self.exchange.head:
            return
        # Of two commits the later one is confirmed later: what was seen is on the standby, too.
        if await self._connection.fetch_value("SHOW synchronous_standby_names"):
            await self._connection.execute(CONFIRM, "follower")
        told: list[T] = []
        async with aclosing(pages(self._connection, self.exchange.head, head)) as found:
            async for page in found:
                for fact in facts(page, self._chain, self.exchange.head + 1):
                    applied(self.exchange, fact)
                    told += tell(fact, self.exchange)
                    if self._chain.checked == fact.id:
                        yield told
                        told = []


class Passage(msgspec.Struct, frozen=True):
    """What one command left in the journal."""

    correlation_id: str
    rows: list[JournalRow]

    def command(self) -> AnyCommand:
        """As it was filed."""
        assert self.rows[0].command is not None
        return decode_request(self.rows[0].command)[1]

    def facts(self) -> list[Fact]:
        return [fact_in(row, row.id) for row in self.rows]


class _Request(msgspec.Struct):
    correlation_id: str


read_correlation_id: Final = msgspec.json.Decoder(_Request).decode


@attrs.define(eq=False)
class Tail:
    """The journal behind a place, checked link by link, whoever hands it over."""

    database: Database
    head: int
    digest: bytes
    """The chain's, at the head."""

    def take(self, group: bytes) -> list[Passage]:
        """What a transaction holds that follows the head, given as its writer has sent it to the database."""
        return self._checked(unpack(group), Chain(self.head, self.digest))

    async def read(self, upto: int, digest: bytes) -> AsyncIterator[list[Passage]]:
        """The transactions behind the head, up to the one that ends with this id and this digest."""
        connection = await self.database.connect()
        try:
            waiting: list[JournalRow] = []
            async with aclosing(rows(connection, self.head, upto)) as batches:
                async for batch in batches:
                    waiting += batch
                    ends = [place for place, row in enumerate(waiting, 1) if row.digest is not None]
                    if ends:
                        yield self._checked(waiting[: ends[-1]], Chain(self.head, self.digest))
                        del waiting[: ends[-1]]
        finally:
            connection.abandon()
        if (self.head, self.digest) != (upto, digest):
            raise damaged(upto, "is not what this process knows of it")

    def _checked(self, found: Sequence[JournalRow], chain: Chain) -> list[Passage]:
        passages: list[Passage] = []
        for row in found:
            if row.id != self.head + 1:
                raise damaged(self.head + 1, "is missing")
            if (broken := chain.add(row.id, row.columns, row.digest)) is not None:
                raise damaged(row.id, f"does not follow from what was read before: {broken}")
            if row.command is not None:
                passages.append(Passage(read_correlation_id(row.command).correlation_id, []))
            passages[-1].rows.append(row)
            self.head = row.id
            self.digest = row.digest if row.digest is not None else self.digest
        return passages


@attrs.define(eq=False)
class Record:
    """The journal as far as this process may tell of it, to be read again."""

    database: Database
    upto: Callable[[], int]
    _readers: trio.Semaphore = attrs.field(factory=lambda: trio.Semaphore(READERS), init=False)

    async def read(self, after: int = 0) -> AsyncIterator[Fact]:
        """Every fact with a higher id than `after`, in order."""
        async with self._readers:
            connection = await self.database.connect()
            try:
                async with aclosing(rows(connection, after, self.upto())) as batches:
                    async for batch in batches:
                        for row in batch:
                            yield row.fact()
            finally:
                connection.abandon()


async def copied(database: Database, key: SealKey, progress: ReportProgress) -> tuple[Exchange, bytes]:
    """The exchange as the journal tells it now, and the digest as of there; empty for an empty journal."""
    exchange = await recover(database, key, progress)
    async with database.borrowed() as connection:
        digest = await connection.fetch_value("SELECT digest FROM wal_events WHERE id = $1", exchange.head)
    return exchange, digest or GENESIS


@contextlib.asynccontextmanager
async def turn(database: Database, lock: int) -> AsyncIterator[Connection | None]:
    """A connection that holds an advisory lock while the body runs; None while another session has it."""
    connection = await database.connect()
    try:
        has_lock = await connection.fetch_value("SELECT pg_try_advisory_lock($1)", lock)
        yield connection if has_lock else None
    finally:
        connection.abandon()


async def following(
    connection: Connection, key: SealKey | None, journal_id: int, progress: ReportProgress
) -> Follower:
    """Begin at the last transaction that ends at or before an id."""
    await check_format(connection)
    head, _ = await end(connection)
    if head < journal_id:
        raise DamagedError(
            f"the journal ends with row {head} and has been read up to row {journal_id} before: "
            "this is another journal, or an older state of it"
        )
    start = int(await connection.fetch_value(BEHIND, journal_id))
    with undisturbed():
        snapshot = await snapshots.newest(connection, key, start) if key is not None else None
        exchange = snapshot or Exchange()
        await replay_tail(connection, exchange, progress, start)
    digest = await connection.fetch_value("SELECT digest FROM wal_events WHERE id = $1", start)
    return Follower(exchange, connection, Chain(start, digest or GENESIS))
