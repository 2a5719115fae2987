"""The journal when its connection fails: nothing acknowledged is lost, nothing is filed twice.

Each test does it to the real thing. What an operator sees of each is in docs/operations/faults.md.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from kernel.exchange import Exchange
from kernel.journal import JournalError
from persistence.journal import journal as journals
from persistence.journal import recovery
from persistence.journal.journal import DurableJournal
from persistence.postgres import database
from persistence.postgres.database import Connection, Database
from persistence.postgres.locks import Lock
from tests.database import forge
from tests.journal_contract import decide, deposits, facts_of, opening, read
from tests.proxy import Cue, Fault, Message, Proxy, Sender, proxied

# The moments of one transaction of the journal, as they pass on the wire.
MOMENTS: dict[str, tuple[Sender, bytes]] = {
    "the statement": (Sender.CLIENT, b"Q"),
    "the server's invitation": (Sender.SERVER, b"G"),
    "the rows": (Sender.CLIENT, b"d"),
    "the end of the rows, upon which it commits": (Sender.CLIENT, b"c"),
    "the word that it has committed": (Sender.SERVER, b"C"),
}


def at(moment: str, fault: Fault) -> Cue:
    sender, kind = MOMENTS[moment]
    copying = False

    def judge(message: Message) -> Fault | None:
        nonlocal copying
        copying = copying or (message.kind == b"Q" and b"COPY" in message.raw)
        return fault if copying and (message.sender, message.kind) == (sender, kind) else None

    return judge


@pytest.fixture
async def proxy(database_url: str, tmp_path: Path) -> AsyncIterator[Proxy]:
    async with proxied(database_url, tmp_path) as between:
        yield between


@pytest.fixture
async def journal(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DurableJournal]:
    """It does not look after itself here, so that it is the writer who meets the trouble."""
    monkeypatch.setattr(journals, "WATCH", 3_600)
    async with database.opened(proxy.url) as behind_proxy, journals.opened(behind_proxy) as opened:
        yield opened


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.SILENCE])
@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_connection_lost_at_any_moment_costs_nothing(
    proxy: Proxy, journal: DurableJournal, db: Database, moment: str, fault: Fault
) -> None:
    """Committed or not, the group is there once when append returns, and the next one follows it."""
    exchange = Exchange()
    first = decide(exchange, opening())
    await journal.append([journal.pack(first)])
    proxy.cue = at(moment, fault)
    second, third = decide(exchange, deposits(50)), decide(exchange, deposits(3))
    with trio.fail_after(20):
        await journal.append([journal.pack(second)])
        await journal.append([journal.pack(third)])
    assert proxy.faults == 1
    assert await read(journal) == facts_of([*first, *second, *third])
    assert (await recovery.recover(db)).digest() == exchange.digest()
    assert (journal.trouble, journal.counters.reconnects) == ("", 1)


async def test_a_silent_connection_is_given_up(
    proxy: Proxy, journal: DurableJournal, db: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """No end, no error, no answer: a cable is cut somewhere. After a while the writer connects anew."""
    journal.statement_timeout = 0.5
    exchange = Exchange()
    for number, moment in enumerate(MOMENTS):
        proxy.cue = at(moment, Fault.SILENCE)
        with trio.fail_after(20):
            await journal.append([journal.pack(decide(exchange, opening() if number == 0 else deposits(5)))])
    assert proxy.faults == len(MOMENTS)
    assert (await recovery.recover(db)).digest() == exchange.digest()
    assert "PostgreSQL gave no answer for 0.5 seconds" in capsys.readouterr().out


async def test_while_nothing_answers_the_writer_waits_and_says_so_once(
    proxy: Proxy, journal: DurableJournal, capsys: pytest.CaptureFixture[str]
) -> None:
    exchange = Exchange()
    await journal.append([journal.pack(decide(exchange, opening()))])
    proxy.is_open = False
    await proxy.cut_all()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.append, [journal.pack(decide(exchange, deposits(5)))])
        with trio.fail_after(20):
            while journal.counters.repeated < 4:
                await trio.sleep(0.01)
        assert journal.trouble
        proxy.is_open = True
    assert await journal.head() == exchange.head
    assert journal.trouble == ""
    told = capsys.readouterr().out
    assert told.count("the journal is written again") == 1
    assert 1 <= told.count("the journal cannot be written") <= 2


async def test_a_database_that_only_reads_is_waited_for(
    proxy: Proxy, journal: DurableJournal, db: Database, connection: Connection
) -> None:
    """As after a failover to a standby, or when a provider protects a full disk."""
    exchange = Exchange()
    await journal.append([journal.pack(decide(exchange, opening()))])
    name = await connection.fetch_value("SELECT current_database()")
    await connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    await proxy.cut_all()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.append, [journal.pack(decide(exchange, deposits(5)))])
        with trio.fail_after(20):
            while "read-only" not in journal.trouble:
                await trio.sleep(0.01)
        await connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = off")
    assert (await recovery.recover(db)).digest() == exchange.digest()


async def test_a_connection_lost_while_nothing_is_written_is_won_back(proxy: Proxy, db: Database) -> None:
    """With it went the lock; it must not wait for the next command to be taken again."""
    async with database.opened(proxy.url) as behind_proxy, journals.opened(behind_proxy) as journal:
        await proxy.cut_all()
        with trio.fail_after(20):
            while journal.counters.reconnects == 0:
                await trio.sleep(0.01)
        async with db.borrowed() as connection:
            assert not await connection.fetch_value("SELECT pg_try_advisory_lock($1)", Lock.WRITER)
        await journal.append([journal.pack(decide(Exchange(), opening()))])


async def test_who_comes_back_and_finds_another_writer_stops(
    proxy: Proxy, journal: DurableJournal, db: Database
) -> None:
    exchange = Exchange()
    await journal.append([journal.pack(decide(exchange, opening()))])
    proxy.is_open = False
    await proxy.cut_all()
    async with journals.opened(db):
        proxy.is_open = True
        with trio.fail_after(20), pytest.raises(JournalError, match="another server took the journal over"):
            await journal.append([journal.pack(decide(exchange, deposits(1)))])


BEHIND_ITS_BACK = {
    "rows were added": "INSERT INTO wal_events VALUES ((SELECT max(id) + 1 FROM wal_events), now(), NULL, "
    "'GUARD_SET', '{}', NULL, sha256(''))",
    "rows were taken away": "DELETE FROM wal_events WHERE id = (SELECT max(id) FROM wal_events)",
    "the last row was rewritten": "UPDATE wal_events SET digest = sha256('') WHERE digest IS NOT NULL",
}


@pytest.mark.parametrize("change", BEHIND_ITS_BACK.values(), ids=BEHIND_ITS_BACK)
async def test_who_comes_back_and_finds_foreign_rows_stops(
    proxy: Proxy, journal: DurableJournal, connection: Connection, change: str
) -> None:
    exchange = Exchange()
    await journal.append([journal.pack(decide(exchange, opening()))])
    proxy.is_open = False
    await proxy.cut_all()
    await forge(connection, change)
    proxy.is_open = True
    with trio.fail_after(20), pytest.raises(JournalError, match="somebody else changed the journal"):
        await journal.append([journal.pack(decide(exchange, deposits(1)))])
