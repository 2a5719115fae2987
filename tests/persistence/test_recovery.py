"""Recovery: what comes back is what was there, or one line says why nothing can."""

import gc
from collections.abc import Sequence
from typing import Final

import pytest

from bench.workload import opening
from kernel.exchange import Exchange
from kernel.journal import Decided
from persistence import DatabaseUnusableError
from persistence.journal import snapshots
from persistence.journal.pages import DamagedError
from persistence.journal.recovery import recover
from persistence.postgres.database import Connection, Database
from tests.database import forge
from tests.persistence.journaled import KEY, file, traded

OPENING: Final = len(opening())
"""Commands that come before the trading; they are filed at once, the trading in many transactions."""


async def filed(connection: Connection, decided: Sequence[Decided]) -> None:
    await file(connection, decided[:OPENING], transaction=OPENING)
    await file(connection, decided[OPENING:])


async def journaled(connection: Connection, commands: int = 60) -> Exchange:
    exchange, decided = traded(commands)
    await filed(connection, decided)
    return exchange


async def test_an_empty_journal_gives_an_empty_exchange_and_stays_empty(
    db: Database, connection: Connection
) -> None:
    exchange = await recover(db, KEY)
    assert exchange.digest() == Exchange().digest()
    assert await connection.fetch_value("SELECT count(*) FROM wal_events") == 0


async def test_the_exchange_comes_back_from_the_journal_alone(db: Database, connection: Connection) -> None:
    exchange = await journaled(connection)
    told: list[tuple[int, int]] = []
    recovered = await recover(db, KEY, lambda done, total: told.append((done, total)))
    assert recovered.digest() == exchange.digest()
    assert recovered.audit() == []
    assert told[-1] == (exchange.head, exchange.head)


async def test_after_a_snapshot_only_the_tail_is_replayed(db: Database, connection: Connection) -> None:
    """Told by the progress, and by a first row that nobody could replay any more."""
    exchange, decided = traded(60)
    await filed(connection, decided[:-20])
    await snapshots.write(db, await recover(db), KEY)
    await file(connection, decided[-20:])
    await forge(connection, "UPDATE wal_events SET payload = '{}' WHERE id = 1")
    told: list[tuple[int, int]] = []
    recovered = await recover(db, KEY, lambda done, total: told.append((done, total)))
    assert recovered.digest() == exchange.digest()
    tail = sum(len(one.outcome.facts) for one in decided[-20:])
    assert told == [(tail, tail)]


async def test_what_came_back_goes_on_as_if_nothing_had_been(db: Database, connection: Connection) -> None:
    """Ids, sequence numbers and the book continue: the same commands lead to the same state on both."""
    exchange, decided = traded(90)
    await filed(connection, decided[:-30])
    recovered = await recover(db, KEY)
    for one in decided[-30:]:
        assert recovered.execute(one.command).facts == one.outcome.facts
    assert recovered.digest() == exchange.digest()


TAMPERING = {
    "a row is edited": "UPDATE wal_events SET payload = (payload::TEXT || ' ')::JSON WHERE id = $1",
    "an amount is edited": "UPDATE wal_events SET payload = "
    "replace(payload::TEXT, '-', '-1')::JSON WHERE id >= $1",
    "a price is no price": "UPDATE wal_events SET payload = "
    "jsonb_set(payload::JSONB, '{book_price}', '150')::JSON WHERE id >= $1 AND event_type = 'ORDER_ACCEPTED'",
    "a time is edited": "UPDATE wal_events SET created_at = created_at + '1us'::INTERVAL WHERE id = $1",
    "who asked is edited": "UPDATE wal_events SET command = '{}' WHERE id >= $1 AND command IS NOT NULL",
    "a market is edited": "UPDATE wal_events SET market_id = 'MKT-1' WHERE id >= $1 AND market_id <> 'MKT-1'",
    "a type is edited": "UPDATE wal_events SET event_type = 'GUARD_SET' WHERE id = $1",
    "a digest is edited": "UPDATE wal_events SET digest = sha256(digest) WHERE id >= $1",
    "a row is deleted": "DELETE FROM wal_events WHERE id = $1",
    "the last rows are deleted": "DELETE FROM wal_events WHERE id >= $1",
    "two rows are exchanged": "UPDATE wal_events a SET payload = b.payload FROM wal_events b "
    "WHERE a.id BETWEEN $1::BIGINT AND $1 + 1 AND b.id = 2 * $1 + 1 - a.id",
    "a row is not JSON of ours": "UPDATE wal_events SET payload = '[]' WHERE id = $1",
    "a row is added": "INSERT INTO wal_events SELECT max(id) + $1 - $1 + 1, now(), NULL, 'GUARD_SET', "
    '\'{"event": "GUARD_SET", "user_id": "00000000-0000-4000-a000-000000000001", '
    '"grace_ms": null, "markets": null}\' FROM wal_events',
}


@pytest.mark.parametrize("tampering", TAMPERING.values(), ids=TAMPERING)
async def test_a_journal_somebody_touched_is_refused_at_the_start(
    db: Database, connection: Connection, tampering: str
) -> None:
    """In the tail, which every start reads; `verdict replay --verify` reads the rest, too."""
    exchange = await journaled(connection)
    before = await connection.fetch_value(
        "SELECT max(id) FROM wal_events WHERE digest IS NOT NULL AND id < $1", exchange.head
    )
    touched = await forge(connection, tampering, before - 3)
    assert not touched.endswith(" 0")
    with pytest.raises(DamagedError, match=r"row \d+ of the journal .*restore the database") as refused:
        await recover(db, KEY)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("snapshot", [False, True])
async def test_a_journal_of_another_format_is_refused_before_anything_is_read(
    db: Database, connection: Connection, snapshot: bool
) -> None:
    """Its first row says how all are laid out, and a start from a snapshot would not read that row."""
    exchange = await journaled(connection)
    if snapshot:
        await snapshots.write(db, exchange, KEY)
    await forge(
        connection,
        "UPDATE wal_events SET payload = jsonb_set(payload::JSONB, '{format}', '2')::JSON WHERE id = 1",
    )
    with pytest.raises(DatabaseUnusableError, match="has format 2, this program reads 1: start") as refused:
        await recover(db, KEY)
    assert not isinstance(refused.value, DamagedError)


async def test_the_collector_works_again_after_recovery(db: Database, connection: Connection) -> None:
    await journaled(connection)
    frozen = gc.get_freeze_count()
    await recover(db, KEY)
    assert gc.isenabled()
    assert gc.get_freeze_count() > frozen
    gc.unfreeze()
