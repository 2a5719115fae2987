"""With a synchronous standby an acknowledgement means that the standby has it, whatever happens to sessions.

A real PostgreSQL, whose log a real receiver takes over as the standby would; stopped, it is one that hangs.
"""

import contextlib
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import attrs
import pytest
import trio

from kernel.exchange import Exchange
from persistence import DatabaseUnusableError
from persistence.journal import journal as journals
from persistence.journal.journal import DurableJournal
from persistence.postgres import database, embedded, reachable
from persistence.postgres.database import Database
from persistence.postgres.migrate import migrate
from tests.journal_contract import decide, deposits, opening

WAITING: Final = """
    SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name LIKE 'verdict journal%'
"""


@attrs.define
class Standby:
    """The receiver of a primary's log, and the primary as its operator sees it."""

    db: Database
    receiver: "subprocess.Popen[bytes]"

    def hang(self) -> None:
        self.receiver.send_signal(signal.SIGSTOP)

    def recover(self) -> None:
        self.receiver.send_signal(signal.SIGCONT)

    async def ask(self, statement: str) -> object:
        async with self.db.borrowed() as connection:
            return await connection.fetch_value(statement)

    async def until(self, statement: str) -> object:
        """What the primary answers, once it answers anything."""
        with trio.fail_after(30):
            while (found := await self.ask(statement)) is None:
                await trio.sleep(0.01)
        return found


@pytest.fixture
async def standby(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Standby]:
    for setting, value in {"wal_level": "replica", "max_wal_senders": "2"}.items():
        monkeypatch.setitem(embedded.SETTINGS, setting, value)
    folder = Path(tempfile.mkdtemp(prefix="verdict-tests-"))
    log = folder / "received"
    log.mkdir()
    try:
        async with embedded.running(folder) as url, database.opened(url) as db:
            async with db.borrowed() as connection:
                with (embedded.cluster_of(folder) / "pg_hba.conf").open("a") as who:
                    who.write("local replication all peer map=verdict\n")
                await connection.execute("SELECT pg_reload_conf()")
                await migrate(connection)
            receiver = subprocess.Popen(
                [
                    str(reachable.programs(embedded.programs(), None) / "pg_receivewal"),
                    *(
                        "--synchronous",
                        "-D",
                        str(log),
                        "-h",
                        str(embedded.cluster_of(folder)),
                        "-U",
                        embedded.ROLE,
                    ),
                ],
                stderr=subprocess.DEVNULL,
            )
            standby = Standby(db, receiver)
            try:
                await standby.until("SELECT pid FROM pg_stat_replication WHERE state = 'streaming'")
                await standby.ask("ALTER SYSTEM SET synchronous_standby_names = '*'")
                await standby.ask("SELECT pg_reload_conf()")
                await standby.until("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'")
                yield standby
            finally:
                receiver.kill()
                receiver.wait()
                # Nobody waits for it any more, so the server can stop.
                await standby.ask("ALTER SYSTEM RESET synchronous_standby_names")
                await standby.ask("SELECT pg_reload_conf()")
    finally:
        shutil.rmtree(folder)


@contextlib.asynccontextmanager
async def appending(journal: DurableJournal, exchange: Exchange) -> AsyncIterator[trio.Event]:
    """Deposits on their way to the journal while the body runs; the event comes with the acknowledgement."""
    acknowledged = trio.Event()

    async def append() -> None:
        await journal.append([journal.pack(decide(exchange, deposits(2)))])
        acknowledged.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(append)
        yield acknowledged
        with trio.fail_after(30):
            await acknowledged.wait()


async def test_what_hangs_at_the_standby_is_not_acknowledged_by_a_new_connection(standby: Standby) -> None:
    exchange = Exchange()
    async with journals.opened(standby.db) as journal:
        await journal.append([journal.pack(decide(exchange, opening()))])
        standby.hang()
        journal.statement_timeout = 0.5
        async with appending(journal, exchange) as acknowledged:
            # Given up twice: the second connection has found the group in the journal, committed here.
            with trio.fail_after(30):
                while journal.counters.repeated < 2:
                    await trio.sleep(0.01)
            found = await standby.ask("SELECT max(id) FROM wal_events")
            assert (found, acknowledged.is_set()) == (exchange.head, False)
            journal.statement_timeout = 20.0
            standby.recover()
        assert await journal.head() == exchange.head


async def test_a_wait_that_an_operator_cancels_is_no_acknowledgement(standby: Standby) -> None:
    """PostgreSQL then calls the commit done, and only warns."""
    exchange = Exchange()
    async with journals.opened(standby.db) as journal:
        await journal.append([journal.pack(decide(exchange, opening()))])
        standby.hang()
        async with appending(journal, exchange) as acknowledged:
            pid = await standby.until(WAITING)
            await standby.ask(f"SELECT pg_cancel_backend({pid})")
            # The next session of the journal waits in its turn: the group has not been believed.
            await standby.until(f"{WAITING} AND pid <> {pid}")
            assert not acknowledged.is_set()
            assert await journal.head() < exchange.head
            standby.recover()
        assert await journal.head() == exchange.head


async def test_who_starts_believes_nothing_that_the_standby_may_not_have(standby: Standby) -> None:
    standby.hang()
    with pytest.raises(DatabaseUnusableError, match=r"confirms no commit for 0\.5 seconds: start its"):
        await DurableJournal(standby.db, statement_timeout=0.5).open()
    standby.recover()
    async with journals.opened(standby.db) as journal:
        assert await journal.head() == 0
