"""Snapshots: whole, damaged, old and new; and the rehearsals that write them."""

import zlib
from collections.abc import Sequence

import pytest
import trio

from kernel.exchange import Exchange
from kernel.journal import Decided
from kernel.names import fingerprint
from kernel.snapshot import READABLE
from persistence.journal import snapshots, snapshotter
from persistence.journal.recovery import recover
from persistence.journal.seals import SealKey
from persistence.postgres.database import Connection, Database
from tests.database import forge
from tests.persistence.journaled import KEY, file, traded


async def filed(connection: Connection, database: Database, commands: int, *, at: Sequence[int]) -> Exchange:
    """A journal of so many commands, with a snapshot after each of the counts in `at`."""
    whole, decided = traded(commands)
    exchange, done = Exchange(), 0
    for count in [*at, len(decided)]:
        piece: list[Decided] = decided[done:count]
        await file(connection, piece, transaction=len(piece))
        for one in piece:
            for fact in one.outcome.facts:
                exchange.apply(fact)
        done = count
        if count in at:
            await snapshots.write(database, exchange, KEY)
    assert exchange.digest() == whole.digest()
    return whole


async def stands_at(connection: Connection) -> int | None:
    """Where the snapshot stands that a start would take."""
    exchange = await snapshots.newest(connection, KEY)
    return exchange.head if exchange is not None else None


async def ids(connection: Connection) -> list[int]:
    return [
        row["journal_id"]
        for row in await connection.fetch("SELECT journal_id FROM snapshots ORDER BY 1 DESC")
    ]


async def test_an_empty_exchange_needs_no_snapshot(db: Database, connection: Connection) -> None:
    await snapshots.write(db, Exchange(), KEY)
    assert await ids(connection) == []
    assert await snapshots.newest(connection, KEY) is None


async def test_a_snapshot_is_the_exchange_again(db: Database, connection: Connection) -> None:
    """With the digest that the exchange itself would tell, and the time of its last command."""
    exchange = await filed(connection, db, 50, at=[])
    await snapshots.write(db, exchange, KEY)
    restored = await snapshots.newest(connection, KEY)
    assert restored is not None
    assert restored.digest() == exchange.digest()
    row = await connection.fetch_row(
        "SELECT digest, (extract(epoch FROM created_at) * 1000000)::BIGINT AS at FROM snapshots"
    )
    assert row is not None
    assert (row["digest"].hex(), row["at"]) == (exchange.digest(), exchange.now)


async def test_a_large_one_is_cut_into_pieces(
    db: Database, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "PIECE", 1_000)
    exchange = await filed(connection, db, 50, at=[])
    await snapshots.write(db, exchange, KEY)
    pieces = await connection.fetch_value("SELECT count(*) FROM snapshot_chunks")
    assert pieces == -(-len(exchange.snapshot()) // 1_000)
    assert await stands_at(connection) == exchange.head


async def test_a_few_are_kept(db: Database, connection: Connection) -> None:
    await filed(connection, db, 100, at=[6_050, 6_060, 6_070, 6_080, 6_090])
    left = await ids(connection)
    assert len(left) == snapshots.KEPT
    assert left[0] == await stands_at(connection)
    assert await connection.fetch_value("SELECT count(DISTINCT journal_id) FROM snapshot_chunks") == len(left)


FORGED = {
    "its digest is altered": "UPDATE snapshots SET digest = sha256('') WHERE journal_id = $1",
    "its seal is altered": "UPDATE snapshots SET seal = sha256('') WHERE journal_id = $1",
    "its place is altered": "UPDATE snapshots SET journal_digest = sha256('') WHERE journal_id = $1",
    "its format is of yesterday": "UPDATE snapshots SET format = 1 WHERE journal_id = $1",
}

DAMAGE = {
    "a piece is altered": "UPDATE snapshot_chunks SET content = set_byte(content, 40, 7) "
    "WHERE journal_id = $1",
    "a piece is truncated": "UPDATE snapshot_chunks SET content = substr(content, 1, 99) "
    "WHERE journal_id = $1",
    "a piece is lost": "DELETE FROM snapshot_chunks WHERE journal_id = $1",
    "it claims to be another's": "UPDATE snapshots SET chunks = 2 WHERE journal_id = $1",
    "it stands within a transaction": "UPDATE wal_events SET digest = NULL WHERE id = $1",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
async def test_a_damaged_snapshot_is_passed_over_for_the_one_before(
    db: Database, connection: Connection, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await filed(connection, db, 60, at=[6_050, 6_080])
    newest, before = await ids(connection)
    await forge(connection, damage, newest)
    assert await stands_at(connection) == before
    assert "passing over a snapshot that does not verify" in capsys.readouterr().out


@pytest.mark.parametrize("forgery", FORGED.values(), ids=FORGED)
async def test_a_snapshot_that_the_exchange_did_not_seal_is_never_used_and_told_as_the_worst(
    db: Database, connection: Connection, forgery: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await filed(connection, db, 60, at=[6_050, 6_080])
    newest, before = await ids(connection)
    await connection.execute(forgery, newest)
    assert await stands_at(connection) == before
    output = capsys.readouterr().out
    assert "[critical " in output
    assert f"journal_id={newest}" in output


async def test_money_moved_in_a_snapshot_whose_hash_was_refiled_moves_nothing(
    db: Database, connection: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    """All that can be recomputed is recomputed; what is missing is the key, which no database has."""
    exchange = await filed(connection, db, 60, at=[])
    honest = exchange.digest()
    await snapshots.write(db, exchange, KEY)
    richest = max(exchange.accounts.values(), key=lambda account: account.available)
    richest.available += 1_000_000
    await snapshots.write(db, exchange, SealKey("what a stranger has for a key, 32 bytes too"))
    assert (await recover(db, KEY)).digest() == honest
    assert "[critical " in capsys.readouterr().out


@pytest.mark.parametrize("form", [READABLE[0] - 1, 99])
async def test_a_snapshot_of_another_format_is_passed_over(
    db: Database, connection: Connection, monkeypatch: pytest.MonkeyPatch, form: int
) -> None:
    """Sealed by this exchange, when another version of it ran."""
    exchange = await filed(connection, db, 60, at=[6_050])
    with monkeypatch.context() as other:
        other.setattr(snapshots, "FORMAT", form)
        await snapshots.write(db, exchange, KEY)
    assert await ids(connection) == [exchange.head, await stands_at(connection)]


@pytest.mark.parametrize("form", READABLE)
async def test_a_snapshot_of_a_format_that_is_known_is_started_from(
    db: Database, connection: Connection, monkeypatch: pytest.MonkeyPatch, form: int
) -> None:
    """What that format is, the kernel knows; here it only counts that it may be filed as such."""
    exchange = await filed(connection, db, 60, at=[6_050])
    with monkeypatch.context() as other:
        other.setattr(snapshots, "FORMAT", form)
        await snapshots.write(db, exchange, KEY)
    assert await stands_at(connection) == exchange.head


def test_a_name_that_memory_forgot_takes_eight_bytes_of_what_is_filed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing makes it smaller, and nothing may make it larger; all else is a fraction of what it was."""
    monkeypatch.setattr(snapshots, "PIECE", 200_000)
    exchange, _ = traded(60)
    alone = len(snapshots.packed(exchange))
    assert alone < len(exchange.snapshot()) / 2
    for value in range(100_000):
        exchange.forgotten.add(fingerprint("ann", str(value)))
    assert len(snapshots.packed(exchange)) == pytest.approx(alone + 100_000 * 8, rel=0.01)


async def test_well_made_pieces_of_another_state_are_found_out(db: Database, connection: Connection) -> None:
    """The bytes are whole and readable, and yet not those that were filed."""
    exchange = await filed(connection, db, 60, at=[6_080])
    forged = exchange.snapshot().replace(b",true,", b",false,", 1)
    await connection.execute("UPDATE snapshot_chunks SET content = $1", zlib.compress(forged))
    assert await stands_at(connection) is None


async def test_without_any_that_verifies_everything_is_replayed(db: Database, connection: Connection) -> None:
    exchange = await filed(connection, db, 60, at=[6_050, 6_080])
    await connection.execute("UPDATE snapshot_chunks SET content = ''")
    assert (await recover(db, KEY)).digest() == exchange.digest()


async def test_a_rehearsal_writes_what_a_restart_arrives_at(
    db: Database, connection: Connection, database_url: str
) -> None:
    exchange = await filed(connection, db, 60, at=[6_050])
    async with snapshotter.snapshotter_running(db, KEY, lambda: exchange.head, every=1):
        with trio.fail_after(60):
            while len(await ids(connection)) < 2:
                await trio.sleep(0.05)
    row = await connection.fetch_row(
        "SELECT journal_id, digest FROM snapshots ORDER BY journal_id DESC LIMIT 1"
    )
    assert row is not None
    assert (row["journal_id"], row["digest"].hex()) == (exchange.head, exchange.digest())


async def test_a_rehearsal_that_fails_is_told_and_writes_nothing(
    db: Database, connection: Connection, capfd: pytest.CaptureFixture[str]
) -> None:
    """Somebody changed a row: no restart would succeed. Better to hear of it while the exchange runs."""
    exchange = await filed(connection, db, 60, at=[6_050])
    await forge(connection, "DELETE FROM wal_events WHERE id = $1", exchange.head - 3)
    told = ""
    async with snapshotter.snapshotter_running(db, KEY, lambda: exchange.head, every=1):
        with trio.fail_after(60):
            while "the rehearsal of a restart failed" not in told:
                await trio.sleep(0.05)
                output = capfd.readouterr()
                told += output.out + output.err
    assert f"row {exchange.head - 3} of the journal is missing" in told
    assert len(await ids(connection)) == 1
