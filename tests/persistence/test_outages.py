"""PostgreSQL dies, or its disk is full, under load: callers wait or are refused, and nothing is lost."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import attrs
import pytest
import trio

from kernel.actors import INBOX, Actors
from kernel.answers import Outcome, Placed, Refusal
from kernel.codes import Code, Direction, Side
from kernel.commands import (
    ActivateMarket,
    CancelOrder,
    CreateMarket,
    Deposit,
    MarketTerms,
    OpenAccount,
    OpenJournal,
    OrderTerms,
    PlaceOrder,
    Tick,
)
from kernel.events import Fact
from kernel.exchange import Exchange
from persistence.journal import journal as journals
from persistence.journal import recovery
from persistence.journal.journal import DurableJournal
from persistence.postgres import database, embedded
from persistence.postgres.database import Database
from persistence.postgres.migrate import migrate
from persistence.tables.projector import Projector
from persistence.tables.sql_audit import check_record

AT = 1_795_168_800_000_000
PATIENCE = 60


@attrs.define(eq=False)
class Load:
    """Callers who place and cancel orders without a pause, and remember what they were told."""

    actors: Actors
    batch: int = 50
    told: list[Outcome] = attrs.field(factory=list)
    refused: int = 0
    _number: int = 0

    async def run(self, user: str) -> None:
        while True:
            orders = []
            for _ in range(self.batch):
                self._number += 1
                orders.append(
                    PlaceOrder(
                        at=AT,
                        user_id=user,
                        client_order_id=f"o-{self._number}",
                        market_id="M",
                        terms=OrderTerms(Side.YES, Direction.BUY, 40, 1),
                        nonce=self._number,
                    )
                )
            outcomes = await self.actors.ask(*orders)
            self.note(outcomes)
            placed = [
                outcome.answer.order.order.id for outcome in outcomes if isinstance(outcome.answer, Placed)
            ]
            if placed:
                cancels = [CancelOrder(at=AT, user_id=user, order_id=order_id) for order_id in placed]
                self.note(await self.actors.ask(*cancels))
            else:
                await trio.sleep(0.01)  # refused: somebody has to let the clock move

    def note(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            if isinstance(outcome.answer, Refusal):
                assert outcome.answer.code is Code.OVERLOADED
                self.refused += 1
            else:
                self.told.append(outcome)

    async def until_told(self, more: int) -> None:
        wanted = len(self.told) + more
        with trio.fail_after(PATIENCE):
            while len(self.told) < wanted:
                await trio.sleep(0.01)


@attrs.frozen
class Loaded:
    db: Database
    journal: DurableJournal
    actors: Actors
    load: Load
    calling: trio.CancelScope

    async def assert_that_all_is_there(self) -> None:
        """Every fact that was told is in the journal as told, and the journal makes this exchange again."""
        self.calling.cancel()
        await self.actors.ask(Tick(at=AT, market_id="M"))  # answered after all that came before it
        facts: dict[int, Fact] = {fact.id: fact async for fact in self.journal.read()}
        assert list(facts) == list(range(1, self.actors.exchange.head + 1))
        for outcome in self.load.told:
            for fact in outcome.facts:
                assert facts[fact.id] == fact
        recovered = await recovery.recover(self.db)
        assert recovered.audit() == []
        assert recovered.digest() == self.actors.exchange.digest()


@contextlib.asynccontextmanager
async def loaded(url: str, callers: int = 4) -> AsyncIterator[Loaded]:
    """A market under load on the database at `url`."""
    async with database.opened(url) as db:
        connection = await db.connect()
        await migrate(connection)
        await connection.close()
        async with journals.opened(db) as journal, trio.open_nursery() as nursery:
            actors = Actors(Exchange(), journal)
            await nursery.start(actors.run)
            await actors.ask(OpenJournal(at=AT))
            terms = MarketTerms(title="M", max_open_orders=10_000, max_open_orders_total=100_000)
            await actors.ask(CreateMarket(at=AT, market_id="M", terms=terms, by="root"))
            await actors.ask(ActivateMarket(at=AT, market_id="M", by="root"))
            load = Load(actors)
            async with trio.open_nursery() as calling:
                for number in range(callers):
                    user = f"user-{number}"
                    await actors.ask(OpenAccount(at=AT, user_id=user))
                    await actors.ask(Deposit(at=AT, user_id=user, amount=10_000_000))
                    calling.start_soon(load.run, user)
                yield Loaded(db, journal, actors, load, calling.cancel_scope)
                calling.cancel_scope.cancel()
            actors.close()


@pytest.fixture
def data() -> Iterator[Path]:
    """A data folder that PostgreSQL's own user can reach; pytest's folders are closed to it."""
    folder = Path(tempfile.mkdtemp(prefix="verdict-outage-"))
    yield folder
    shutil.rmtree(folder)


async def test_postgresql_is_killed_under_load_and_comes_back(data: Path) -> None:
    """Callers notice a pause. The embedded server is started again by its keeper, the journal goes on."""
    async with embedded.running(data) as url, loaded(url) as parts:
        for kill in range(3):
            await parts.load.until_told(500)
            pid = embedded.postmaster_pid(data)
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            with trio.fail_after(PATIENCE):
                while parts.journal.counters.reconnects <= kill:
                    await trio.sleep(0.01)
        await parts.load.until_told(500)
        assert parts.journal.trouble == ""
        await parts.assert_that_all_is_there()


@contextlib.contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="verdict-small-"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        folder.rmdir()
        pytest.skip("needs the right to mount a file system")
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
        folder.rmdir()


@pytest.fixture
def disk_of_8_mb() -> Iterator[Path]:
    with small_disk(8) as folder:
        yield folder


@pytest.fixture
def disk_of_140_mb() -> Iterator[Path]:
    with small_disk(140) as folder:
        yield folder


async def test_while_the_disk_is_full_callers_are_refused_and_then_all_goes_on(
    data: Path, disk_of_8_mb: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The journal's table on a disk of its own, which fills up; then somebody makes room."""
    ballast = disk_of_8_mb / "ballast"
    ballast.write_bytes(bytes(6 << 20))
    space = disk_of_8_mb / "space"
    async with embedded.running(data) as url, loaded(url, callers=0) as parts:
        owner = embedded.cluster_of(data).stat()
        space.mkdir(mode=0o700)
        os.chown(space, owner.st_uid, owner.st_gid)
        async with parts.db.borrowed() as connection:
            await connection.execute(f"CREATE TABLESPACE small LOCATION '{space}'")
            await connection.execute("ALTER TABLE wal_events_1 SET TABLESPACE small")
        await parts.actors.ask(OpenAccount(at=AT, user_id="ann"))
        await parts.actors.ask(Deposit(at=AT, user_id="ann", amount=10_000_000))
        parts.load.batch = 1
        async with trio.open_nursery() as calling:
            for _ in range(INBOX + 500):
                calling.start_soon(parts.load.run, "ann")
            with trio.fail_after(PATIENCE):
                while "No space left" not in parts.journal.trouble or not parts.load.refused:
                    await trio.sleep(0.01)
            told = len(parts.load.told)
            with trio.fail_after(PATIENCE):
                tried = parts.journal.counters.repeated
                while parts.journal.counters.repeated < tried + 3:
                    await trio.sleep(0.01)
            assert len(parts.load.told) == told, "nothing is acknowledged while nothing can be written"
            ballast.unlink()
            await parts.load.until_told(100)
            calling.cancel_scope.cancel()
        await parts.assert_that_all_is_there()
    output = capsys.readouterr().out
    assert output.count("the journal cannot be written") == 1
    assert output.count("the journal is written again") == 1


async def test_without_room_for_the_tables_commands_go_on_and_the_tables_follow_later(
    data: Path, disk_of_8_mb: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The ledger on a disk of its own, which is full: nobody waits for it but who asks about the past."""
    ballast, space = disk_of_8_mb / "ballast", disk_of_8_mb / "space"
    async with embedded.running(data) as url, loaded(url) as parts, trio.open_nursery() as nursery:
        owner = embedded.cluster_of(data).stat()
        space.mkdir(mode=0o700)
        os.chown(space, owner.st_uid, owner.st_gid)
        async with parts.db.borrowed() as connection:
            await connection.execute(f"CREATE TABLESPACE small LOCATION '{space}'")
            await connection.execute("ALTER TABLE ledger_entries SET TABLESPACE small")
        ballast.write_bytes(bytes(shutil.disk_usage(disk_of_8_mb).free - (64 << 10)))
        projector = Projector(parts.db)
        nursery.start_soon(projector.run)
        told = ""
        with trio.fail_after(PATIENCE):
            while "the projector cannot write" not in told:
                await trio.sleep(0.01)
                told += capsys.readouterr().out
        assert "No space left on device" in told
        await parts.load.until_told(500)
        parts.calling.cancel()
        ballast.unlink()
        await parts.actors.until_durable(parts.actors.exchange.head)
        with trio.fail_after(PATIENCE):
            while projector.reached < parts.actors.exchange.head:
                await trio.sleep(0.01)
        assert await check_record(parts.db) == {}
        nursery.cancel_scope.cancel()


async def test_when_postgresql_itself_has_no_room_left_more_room_is_all_it_needs(
    disk_of_140_mb: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without room for its own log PostgreSQL gives up, and cannot even start. The exchange outlives that."""
    data, ballast = disk_of_140_mb / "data", disk_of_140_mb / "ballast"
    async with embedded.running(data) as url, loaded(url) as parts:
        ballast.write_bytes(bytes(shutil.disk_usage(disk_of_140_mb).free - (8 << 20)))
        told = ""
        with trio.fail_after(PATIENCE):
            while "PostgreSQL cannot be started again" not in told:
                await trio.sleep(0.01)
                told += capsys.readouterr().out
        assert "No space left on device" in told
        ballast.unlink()
        await parts.load.until_told(500)
        await parts.assert_that_all_is_there()
