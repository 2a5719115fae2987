"""Who follows the journal hears of it in order, checked, and never of what could still be undone."""

import os
import signal
from collections.abc import AsyncIterator
from itertools import chain

import pytest
import trio

from kernel.events import Fact
from kernel.exchange import Exchange
from persistence.journal import following, snapshots, wal
from persistence.journal import journal as journals
from persistence.journal.following import Follower
from persistence.journal.pages import DamagedError
from persistence.postgres import database
from persistence.postgres.database import Connection, Database
from persistence.postgres.migrate import migrate
from tests.database import forge
from tests.journal_contract import decide, deposits, opening
from tests.pairs import primary_and_standby
from tests.persistence.journaled import KEY, file

LOCK = 99


@pytest.fixture
async def turn(db: Database) -> AsyncIterator[Connection]:
    async with following.turn(db, LOCK) as connection:
        assert connection is not None
        yield connection


async def begun(turn: Connection, journal_id: int) -> Follower:
    return await following.following(turn, KEY, journal_id, lambda done, total: None)


async def told(follower: Follower) -> list[list[int]]:
    """The ids of facts, as they came by transactions; each fact in the state that it has brought about."""

    def tell(fact: Fact, exchange: Exchange) -> list[int]:
        assert exchange.head == fact.id
        return [fact.id]

    return [ids async for ids in follower.transactions(tell)]


async def test_each_transaction_is_told_once_as_it_comes(turn: Connection, connection: Connection) -> None:
    exchange = Exchange()
    follower = await begun(turn, 0)
    assert await told(follower) == []
    for commands in (opening(), deposits(20)):
        some = decide(exchange, commands)
        await file(connection, some, transaction=1)
        assert await told(follower) == [[fact.id for fact in one.outcome.facts] for one in some]
    assert follower.exchange.digest() == exchange.digest()


async def test_a_transaction_is_told_whole_however_it_is_read(
    turn: Connection, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages end in the middle of it; and the next time goes on from there."""
    monkeypatch.setattr(wal, "BATCH", 5)
    exchange = Exchange()
    follower = await begun(turn, 0)
    for commands in (opening(), deposits(20)):
        some = decide(exchange, commands)
        await file(connection, some, transaction=7)
        sevens = [some[first : first + 7] for first in range(0, len(some), 7)]
        due = [[fact.id for one in seven for fact in one.outcome.facts] for seven in sevens]
        assert await told(follower) == [ids for ids in due if ids]
    assert follower.exchange.digest() == exchange.digest()


async def test_it_begins_at_any_id_with_the_newest_snapshot_before_it(
    turn: Connection, connection: Connection, db: Database
) -> None:
    exchange = Exchange()
    await file(connection, decide(exchange, [*opening(), *deposits(10)]), transaction=4)
    await snapshots.write(db, exchange, KEY)
    await file(connection, decide(exchange, deposits(10)), transaction=4)
    ends = [row["id"] for row in await connection.fetch("SELECT id FROM wal_events WHERE digest IS NOT NULL")]
    for journal_id in range(exchange.head + 1):
        follower = await begun(turn, journal_id)
        start = max((end for end in ends if end <= journal_id), default=0)
        assert follower.exchange.head == start
        assert list(chain(*await told(follower))) == list(range(start + 1, exchange.head + 1))
        assert follower.exchange.digest() == exchange.digest()


async def test_a_row_that_was_changed_is_not_told(turn: Connection, connection: Connection) -> None:
    await file(connection, decide(Exchange(), [*opening(), *deposits(30)]))
    await forge(
        connection, "UPDATE wal_events SET created_at = created_at + interval '1 microsecond' WHERE id = 15"
    )
    follower = await begun(turn, 0)
    with pytest.raises(DamagedError, match="is not as it was written"):
        await told(follower)


async def test_a_journal_shorter_than_what_was_told_is_another_one(
    turn: Connection, connection: Connection
) -> None:
    await file(connection, decide(Exchange(), opening()))
    with pytest.raises(DamagedError, match=r"has been read up to row 1000 before: this is another journal"):
        await begun(turn, 1000)


async def test_one_at_a_time_has_its_turn(turn: Connection, db: Database) -> None:
    async with following.turn(db, LOCK) as second:
        assert second is None
    async with following.turn(db, LOCK + 1) as other:
        assert other is not None


async def test_what_the_standby_may_not_have_is_not_told() -> None:
    """A session that is ended while it waits for the standby leaves rows that everybody sees."""
    exchange = Exchange()
    async with primary_and_standby() as pair, database.opened(pair.url) as db:
        async with db.borrowed() as connection:
            await migrate(connection)
        async with journals.opened(db) as journal, following.turn(db, LOCK) as turn:
            assert turn is not None
            await journal.append([journal.pack(decide(exchange, opening()))])
            follower = await begun(turn, exchange.head)
            await pair.be_synchronous()
            receiver = await pair.standby.ask("SELECT pid FROM pg_stat_wal_receiver")
            assert isinstance(receiver, int)
            os.kill(receiver, signal.SIGSTOP)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(journal.append, [journal.pack(decide(exchange, deposits(2)))])
                waits = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
                await pair.primary.until(waits)
                await pair.primary.ask(f"SELECT pg_terminate_backend(({waits} LIMIT 1))")
                await pair.primary.until(f"SELECT max(id) = {exchange.head} FROM wal_events")
                heard: list[list[int]] = []

                async def listen() -> None:
                    heard.extend(await told(follower))

                nursery.start_soon(listen)
                await pair.primary.until(f"SELECT count(*) > 1 FROM ({waits}) AS waiting")
                assert heard == [], "the journal's new session waits, and so does who follows it"
                os.kill(receiver, signal.SIGCONT)
            assert list(chain(*heard))[-1] == exchange.head
