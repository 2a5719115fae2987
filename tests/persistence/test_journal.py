"""The durable journal: what every journal promises, and that there is only one writer."""

import hashlib
import struct
from collections.abc import AsyncIterator

import msgspec
import pytest

from kernel.exchange import Exchange
from kernel.journal import JournalError
from persistence import DatabaseUnusableError
from persistence.journal import journal as journals
from persistence.journal.journal import DurableJournal
from persistence.journal.wal import decode_request
from persistence.postgres.database import Connection, Database
from tests.journal_contract import *  # noqa: F403 - the tests of every journal, run here on this one
from tests.journal_contract import decide, deposits, facts_of, opening, read


@pytest.fixture
async def journal(db: Database) -> AsyncIterator[DurableJournal]:
    async with journals.opened(db) as opened:
        yield opened


async def test_the_command_is_kept_beside_its_first_fact(
    journal: DurableJournal, connection: Connection
) -> None:
    decided = decide(Exchange(), opening())
    await journal.append([journal.pack(decided)])
    rows = await connection.fetch("SELECT id, command FROM wal_events ORDER BY id")
    kept = {row["id"]: decode_request(row["command"]) for row in rows if row["command"] is not None}
    assert kept == {one.outcome.facts[0].id: (one.correlation_id, one.command) for one in decided}
    assert len(rows) > len(kept)


async def test_rows_say_when_where_and_what(journal: DurableJournal, connection: Connection) -> None:
    decided = decide(Exchange(), opening())
    await journal.append([journal.pack(decided)])
    rows = await connection.fetch(
        "SELECT id, (extract(epoch FROM created_at) * 1000000)::BIGINT AS at, market_id, event_type, payload "
        "FROM wal_events ORDER BY id"
    )
    for row, fact in zip(rows, facts_of(decided), strict=True):
        assert (row["id"], row["at"], row["market_id"]) == (fact.id, fact.at, fact.market_id)
        assert msgspec.json.decode(row["payload"])["event"] == row["event_type"]


async def test_each_group_ends_with_the_digest_of_all_before_it(
    journal: DurableJournal, connection: Connection
) -> None:
    """The bytes as the head of wal.py describes them, put together again here without its help."""
    exchange = Exchange()
    for commands in (opening(), deposits(3), deposits(2)):
        await journal.append([journal.pack(decide(exchange, commands))])

    def field(value: bytes | None) -> bytes:
        return struct.pack(">i", -1) if value is None else struct.pack(">i", len(value)) + value

    digest, taken_over, ends = bytes(32), b"", []
    for row in await connection.fetch(
        "SELECT id, (extract(epoch FROM created_at - '2000-01-01'::TIMESTAMPTZ) * 1000000)::BIGINT AS at, "
        "market_id, event_type, payload, command, digest FROM wal_events ORDER BY id"
    ):
        values = [struct.pack(">q", row["id"]), struct.pack(">q", row["at"])]
        texts = [row[column] for column in ("market_id", "event_type", "payload", "command")]
        encoded = [text.encode() if text is not None else None for text in texts]
        taken_over += struct.pack(">h", 7) + b"".join(field(value) for value in [*values, *encoded, None])
        if row["digest"] is not None:
            digest, taken_over = hashlib.sha256(digest + taken_over).digest(), b""
            assert row["digest"] == digest
            ends.append(row["id"])
    assert ends == [exchange.head - 5, exchange.head - 2, exchange.head]


async def test_the_journal_goes_on_where_the_last_writer_stopped(db: Database) -> None:
    exchange = Exchange()
    async with journals.opened(db) as first:
        await first.append([first.pack(decide(exchange, opening()))])
    async with journals.opened(db) as second:
        assert await second.head() == exchange.head
        await second.append([second.pack(decide(exchange, deposits(2)))])
        assert len(await read(second)) == exchange.head


async def test_a_second_writer_is_refused_in_one_line(journal: DurableJournal, db: Database) -> None:
    with pytest.raises(DatabaseUnusableError, match="another server writes this journal") as refused:
        async with journals.opened(db):
            pass
    assert "\n" not in str(refused.value)
    await journal.append([journal.pack(decide(Exchange(), opening()))])


async def test_a_writer_who_slips_past_the_lock_is_stopped_by_the_primary_key(
    journal: DurableJournal, connection: Connection
) -> None:
    """The other's row stays, ours are not there, and we say why we stop."""
    exchange = Exchange()
    await journal.append([journal.pack(decide(exchange, opening()))])
    await connection.execute(
        "INSERT INTO wal_events VALUES ($1, now(), NULL, 'ACCOUNT_OPENED', '{}', NULL, NULL)",
        exchange.head + 2,
    )
    before = exchange.head
    with pytest.raises(JournalError, match="wal_events_1_pkey"):
        await journal.append([journal.pack(decide(exchange, deposits(3)))])
    rows = await connection.fetch("SELECT id FROM wal_events WHERE id > $1", before)
    assert [row["id"] for row in rows] == [before + 2]


async def test_it_counts_what_it_does(journal: DurableJournal) -> None:
    exchange = Exchange()
    await journal.append([journal.pack(decide(exchange, opening()))])
    await journal.append([journal.pack(decide(exchange, deposits(4)))])
    counters = journal.counters
    assert (counters.commits, counters.commands, counters.events) == (2, 6, exchange.head)
    assert counters.bytes > 100 * exchange.head
    assert counters.last_commit_seconds > 0
