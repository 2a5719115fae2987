"""Several servers in one URL: the one that takes writes is found, and believed only if it has all."""

import os
import signal
from collections.abc import AsyncIterator

import pytest
import trio

from kernel.exchange import Exchange
from kernel.journal import JournalError
from persistence import DatabaseUnusableError
from persistence.journal import journal as journals
from persistence.postgres import database
from persistence.postgres.database import ConnectionLostError, Database
from persistence.postgres.migrate import migrate
from tests.journal_contract import decide, deposits, opening
from tests.pairs import Pair, primary_and_standby


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    async with primary_and_standby() as both:
        yield both


async def test_the_writer_goes_on_at_the_new_primary_with_all_that_it_acknowledged(pair: Pair) -> None:
    exchange = Exchange()
    async with database.opened(pair.url) as db:
        async with db.borrowed() as connection:
            await migrate(connection)
        async with journals.opened(db) as journal:
            await pair.be_synchronous()
            await journal.append([journal.pack(decide(exchange, opening()))])
            acknowledged = exchange.head
            pair.primary.kill()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(journal.append, [journal.pack(decide(exchange, deposits(2)))])
                await pair.promote()
            ids = [fact.id async for fact in journal.read()]
        assert await pair.standby.ask("SELECT max(id) FROM wal_events") == exchange.head > acknowledged
    assert ids == list(range(1, exchange.head + 1))


async def test_a_new_primary_that_lacks_what_was_acknowledged_is_not_believed(pair: Pair) -> None:
    """The standby was not synchronous, and had not received the last of it."""
    exchange = Exchange()

    async def losing_what_was_acknowledged(db: Database) -> None:
        async with journals.opened(db) as journal:
            await pair.standby.ask("ALTER SYSTEM SET primary_conninfo = ''")
            await pair.standby.ask("SELECT pg_reload_conf()")
            await pair.primary.until("SELECT count(*) = 0 FROM pg_stat_replication")
            await journal.append([journal.pack(decide(exchange, opening()))])
            pair.primary.kill()
            await pair.promote()
            await journal.append([journal.pack(decide(exchange, deposits(2)))])

    async with database.opened(pair.url) as db:
        async with db.borrowed() as connection:
            await migrate(connection)
        await pair.standby.until("SELECT count(*) FROM pg_class WHERE relname = 'wal_events'")
        with pytest.raises(JournalError, match=r"it ended with row \d+, now it ends with 0"):
            await losing_what_was_acknowledged(db)


async def test_what_is_open_at_the_last_primary_ends_when_there_is_another(pair: Pair) -> None:
    """The last one may wake up: nobody reads or writes there any more."""
    async with database.opened(pair.url) as db:
        last = await db.connect()
        os.killpg(pair.primary.process.pid, signal.SIGSTOP)
        await pair.promote()
        with trio.fail_after(20):
            new = await db.connect()
        os.killpg(pair.primary.process.pid, signal.SIGCONT)
        with pytest.raises(ConnectionLostError):
            await last.execute("SELECT 1")
        assert await new.fetch_value("SELECT NOT pg_is_in_recovery()")


async def test_where_nobody_takes_writes_each_says_why(pair: Pair) -> None:
    pair.primary.kill()
    async with database.opened(pair.url) as db:
        with pytest.raises(DatabaseUnusableError) as refused:
            await db.connect()
    told = str(refused.value)
    assert f"no PostgreSQL takes writes ({pair.standby.folder}:5432 only reads; " in told
    assert f"{pair.primary.folder}:5432 says: " in told
    assert told.endswith("promote one, or correct DATABASE_URL")
