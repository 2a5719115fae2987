"""Replays the journal from its first row: to count it, to look at a moment of the past, or to verify it all.

It only reads, and all of it as of one moment, so an exchange may go on beside it.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Container, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import datetime
from typing import Final

import attrs

from kernel.events import Fact, event_type
from kernel.exchange import Exchange
from kernel.history import History
from persistence import DatabaseUnusableError
from persistence.journal import snapshots
from persistence.journal.archive import archived, is_signed, rows
from persistence.journal.chain import Chain
from persistence.journal.recovery import ReportProgress, applied, fact_in
from persistence.journal.seals import verifies
from persistence.journal.wal import JournalRow, check_format
from persistence.journal.witness_file import Seal
from persistence.postgres.database import Connection, Database
from persistence.tables.sql_audit import HISTORY_STAYS
from persistence.tables.verify_tables import Findings, TableComparison

CHECKS: Final = (
    "the chain of digests",
    "the seals",
    "the archive",
    "the invariants",
    "the newest snapshot",
    "the tables",
)


@asynccontextmanager
async def frozen_view(database: Database) -> AsyncIterator[Connection]:
    """A connection to which the database stands still."""
    connection = await database.connect()
    try:
        async with connection.transaction():
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            await connection.execute(HISTORY_STAYS)
            await check_format(connection)
            yield connection
    finally:
        connection.abandon()


async def head_of(connection: Connection) -> int:
    return int(await connection.fetch_value("SELECT COALESCE(MAX(id), 0) FROM wal_events"))


async def id_at(connection: Connection, moment: datetime) -> int:
    """The newest journal id as of a moment."""
    newest = await connection.fetch_value("SELECT MAX(id) FROM wal_events WHERE created_at <= $1", moment)
    if newest is None:
        newest = await archived_id_at(connection, moment)
    if newest is None:
        first = await connection.fetch_value(
            "SELECT MIN(at) FROM (SELECT MIN(created_at) AS at FROM wal_events "
            "UNION ALL SELECT MIN(begun_at) FROM journal_archive) AS beginnings"
        )
        begins = "is empty" if first is None else f"begins at {first:%Y-%m-%dT%H:%M:%S.%fZ}"
        raise DatabaseUnusableError(f"{moment:%Y-%m-%dT%H:%M:%S.%fZ} is before the journal, which {begins}")
    return int(newest)


async def archived_id_at(connection: Connection, moment: datetime) -> int | None:
    """The same where it is in the archive; None if it is not."""
    bounds = await connection.fetch_row(
        "SELECT first_id, last_id FROM journal_archive WHERE begun_at <= $1 ORDER BY last_id DESC LIMIT 1",
        moment,
    )
    if bounds is None:
        return None
    newest, limit = bounds["first_id"], int(moment.timestamp()) * 1_000_000 + moment.microsecond
    async with aclosing(rows(connection, bounds["first_id"] - 1, bounds["last_id"])) as batches:
        async for batch in batches:
            newest = max((row.id for row in batch if row.at <= limit), default=newest)
    return int(newest)


async def replay(
    connection: Connection,
    to: int,
    progress: ReportProgress,
    watch: Callable[[Fact], None] = lambda fact: None,
    orders: Container[str] = (),
) -> tuple[Exchange, Counter[str]]:
    """The exchange as of one journal id, and how many facts there were of each kind.

    It has these orders also if its memory had let go of them by then.
    """
    exchange, counts = Exchange(), Counter[str]()
    exchange.parted = {}
    async with aclosing(rows(connection, 0, to)) as batches:
        async for batch in batches:
            for row in batch:
                fact = fact_in(row, exchange.head + 1)
                applied(exchange, fact)
                counts[event_type(fact.event)] += 1
                watch(fact)
            exchange.parted = {name: kept for name, kept in exchange.parted.items() if name in orders}
            progress(exchange.head, to)
    return exchange, counts


@attrs.define(eq=False)
class Verification:
    """Everything that can be held against everything else, in one pass over the journal."""

    connection: Connection
    exchange: Exchange = attrs.field(factory=Exchange)
    history: History = attrs.field(factory=History)
    counts: Counter[str] = attrs.field(factory=Counter)
    findings: dict[str, Findings] = attrs.field(factory=lambda: {check: Findings() for check in CHECKS})
    notes: dict[str, str] = attrs.field(factory=dict)
    """How far a check could go, where that is not as far as the journal; and by what it went."""
    public_keys: Sequence[bytes] = ()
    """Whose seals count: the public halves of the exchange's key and of those it had before."""
    seals: int = 0

    async def run(self, progress: ReportProgress) -> None:
        """Find what is wrong; `DamagedError` if it cannot even be replayed to its end."""
        head = await head_of(self.connection)
        reached = await self.connection.fetch_value("SELECT journal_id FROM projector_cursor")
        snapshot = await self.connection.fetch_row(
            "SELECT journal_id, digest FROM snapshots WHERE format = $1 ORDER BY journal_id DESC LIMIT 1",
            snapshots.FORMAT,
        )
        tables = TableComparison(self.connection, self.findings["the tables"])
        if reached == 0:
            await tables.compare_state(self.exchange)
        else:
            self.exchange.parted, self.exchange.parted_positions = {}, []
        chain, broken = Chain(), self.findings["the chain of digests"]
        async with aclosing(rows(self.connection, 0)) as batches:
            async for batch in batches:
                projected: list[Fact] = []
                for row in batch:
                    broken.note(chain.add(row.id, row.columns, row.digest))
                    fact = fact_in(row, self.exchange.head + 1)
                    if fact.id <= reached and row.command is not None:
                        tables.candles.settle(self.exchange)
                        await tables.days.compare(self.exchange, until=fact.at)
                    applied(self.exchange, fact)
                    self.history.add(fact)
                    self.counts[event_type(fact.event)] += 1
                    if fact.id <= reached:
                        projected.append(fact)
                        tables.candles.hear(fact)
                    if fact.id == reached:
                        if row.digest is not None:
                            tables.candles.settle(self.exchange)
                        await tables.compare_added(projected)
                        await tables.compare_let_go(self.exchange)
                        await tables.compare_state(self.exchange)
                        projected, self.exchange.parted = [], None
                        self.exchange.parted_positions = None
                    if snapshot is not None and fact.id == snapshot["journal_id"]:
                        self._compare_snapshot(fact.id, snapshot["digest"])
                await tables.compare_added(projected)
                if self.exchange.parted is not None:
                    await tables.compare_let_go(self.exchange)
                await self._check_seals(batch)
                progress(self.exchange.head, head)
        broken.note(chain.end())
        await self._end_of_seals(head)
        await self._check_archive()
        if reached > head:
            self.findings["the tables"].note(f"they tell of {reached} rows, the journal has {head}")
        if reached < head:
            self.notes["the tables"] = f" up to row {reached:,} of {head:,}, which is how far they are"
        if snapshot is None:
            self.notes["the newest snapshot"] = " (there is none)"
        elif snapshot["journal_id"] > head:
            self.findings["the newest snapshot"].note(
                f"it is of row {snapshot['journal_id']}, the journal ends with row {head}"
            )
        for violation in self.exchange.audit(self.history):
            self.findings["the invariants"].note(f"{violation.invariant}: {violation.told()}")

    async def _check_seals(self, batch: list[JournalRow]) -> None:
        """Each seal among these rows: whose it is, and whether the journal still ends there as it did."""
        digests = {row.id: row.digest for row in batch}
        for row in await self.connection.fetch(
            "SELECT last_id, digest, signature FROM journal_seals WHERE last_id BETWEEN $1 AND $2 ORDER BY 1",
            *(batch[0].id, batch[-1].id),
        ):
            self.seals += 1
            seal = Seal(row["last_id"], row["digest"], row["signature"])
            if digests[seal.last_id] != seal.digest:
                self.findings["the seals"].note(f"row {seal.last_id} is not the one that was sealed")
            elif not self.public_keys:
                self.findings["the seals"].note("there is no key to hold them to: --public-key names one")
                return
            elif not any(verifies(seal, public) for public in self.public_keys):
                self.findings["the seals"].note(f"the seal of row {seal.last_id} was made with another key")

    async def _end_of_seals(self, head: int) -> None:
        newest = await self.connection.fetch_value("SELECT COALESCE(MAX(last_id), 0) FROM journal_seals")
        if newest > head:
            self.findings["the seals"].note(f"one is of row {newest}, the journal ends with row {head}")
        names = ", ".join(public.hex() for public in self.public_keys)
        told = f"{self.seals:,} by public key {names or 'unknown'}" if self.seals else "there is none"
        self.notes["the seals"] = f" ({told})"

    async def _check_archive(self) -> None:
        """Who sealed its files; that they are whole was seen as they were read."""
        files = await archived(self.connection)
        for one in files:
            if not any(is_signed(one, public) for public in self.public_keys):
                self.findings["the archive"].note(f"{one.path} was not sealed with a key that is known here")
        told = f"{len(files):,} files, up to row {files[-1].last:,}" if files else "there is none"
        self.notes["the archive"] = f" ({told})"

    def _compare_snapshot(self, journal_id: int, digest: bytes) -> None:
        replayed = self.exchange.digest()
        if replayed != digest.hex():
            self.findings["the newest snapshot"].note(
                f"as of row {journal_id} it has the digest {digest.hex()}, replay gives {replayed}"
            )
