"""Witnesses: each knows when the journal was cut, changed or exchanged, and none is ahead of the truth."""

import os
import stat
from pathlib import Path

import pytest

from kernel.commands import Deposit
from kernel.journal import Decided
from persistence import DatabaseUnusableError
from persistence.journal import journal, snapshots
from persistence.journal.recovery import recover
from persistence.journal.seals import Sealer, SealKey, newest, verifies
from persistence.journal.wal import end
from persistence.journal.witness_file import NO_SEAL, Seal, Witness, WitnessFile, parsed, written
from persistence.journal.witnesses import check
from persistence.postgres.database import Connection, Database
from persistence.tables.projector import Projector
from tests.database import forge
from tests.kernel.trading import busy_day
from tests.persistence.journaled import KEY, decided, file, traded

WITNESS = Witness(812, bytes(range(32)), KEY.sealed(800, bytes(32)))
LAST = "(SELECT max(id) FROM wal_events)"
CUT = (
    "DELETE FROM wal_events WHERE id > "
    "(SELECT id FROM wal_events WHERE digest IS NOT NULL ORDER BY id DESC LIMIT 1 OFFSET 1)"
)
# Another last row, with a chain that fits it: whoever can write the table can do the sum.
FORGE = f"UPDATE wal_events SET digest = sha256('') WHERE id = {LAST}"


@pytest.fixture
async def whole(db: Database, connection: Connection) -> Database:
    """A day in the journal."""
    await file(connection, decided(busy_day().facts))
    return db


async def by_file(db: Database, kept: Path) -> Witness:
    async with journal.opened(db) as writer:
        WitnessFile(kept).acknowledge(*writer.end)
    read = WitnessFile(kept).read()
    assert read is not None
    return read


async def by_cursor(db: Database, kept: Path) -> None:
    await Projector(db).catch_up()


async def by_snapshot(db: Database, kept: Path) -> None:
    await snapshots.write(db, await recover(db), KEY)


async def by_seal(db: Database, kept: Path) -> None:
    async with journal.opened(db) as writer:
        await Sealer(db, writer, KEY, WitnessFile(kept)).seal()


NAMES = {
    "the witness file": by_file,
    "the projector's cursor": by_cursor,
    "the snapshot of row ": by_snapshot,
    "the newest seal": by_seal,
}


@pytest.mark.parametrize("change", [CUT, FORGE], ids=["cut", "forged"])
@pytest.mark.parametrize("name", NAMES)
async def test_each_witness_alone_tells_of_a_changed_end(
    whole: Database, connection: Connection, tmp_path: Path, name: str, change: str
) -> None:
    kept = await NAMES[name](whole, tmp_path / "witness")
    await check(connection, KEY, kept)
    head, _ = await end(connection)
    await forge(connection, change)
    with pytest.raises(DatabaseUnusableError, match=rf"^{name}.* tells of (another )?row {head}\D") as told:
        await check(connection, KEY, kept)
    assert "\n" not in str(told.value)
    assert f"verdict accept-journal --at {(await end(connection))[0]} " in str(told.value)


async def test_an_emptied_database_is_no_older_journal(
    whole: Database, connection: Connection, tmp_path: Path
) -> None:
    kept = await by_file(whole, tmp_path / "witness")
    await connection.execute("TRUNCATE wal_events")
    with pytest.raises(DatabaseUnusableError, match=r"the journal is empty: .* VERDICT_DATA of its own$"):
        await check(connection, KEY, kept)


async def test_another_exchange_in_its_place_is_told_even_where_it_is_longer(
    whole: Database, connection: Connection, tmp_path: Path
) -> None:
    kept = await by_file(whole, tmp_path / "witness")
    await connection.execute("TRUNCATE wal_events")
    await file(connection, traded(60)[1])
    assert (await end(connection))[0] > kept.journal_id
    with pytest.raises(DatabaseUnusableError, match=r"^the witness file tells of another row"):
        await check(connection, KEY, kept)


async def test_a_seal_of_another_key_is_told(whole: Database, connection: Connection, tmp_path: Path) -> None:
    await by_seal(whole, tmp_path / "witness")
    with pytest.raises(DatabaseUnusableError, match=r"^the newest seal .* not made with the key"):
        await check(connection, SealKey("somebody else's key, 32 bytes and more"), None)


async def test_seals_that_were_taken_away_are_missed(
    whole: Database, connection: Connection, tmp_path: Path
) -> None:
    kept = WitnessFile(tmp_path / "witness")
    async with journal.opened(whole) as writer:
        kept.acknowledge(*writer.end)
        await Sealer(whole, writer, KEY, kept).seal()
    await check(connection, KEY, kept.read())
    await connection.execute("DELETE FROM journal_seals")
    with pytest.raises(DatabaseUnusableError, match=r"^the seal in the witness file is of row"):
        await check(connection, KEY, kept.read())


async def test_a_seal_is_of_the_journals_end_and_anybody_can_verify_it(
    whole: Database, connection: Connection, tmp_path: Path
) -> None:
    await by_seal(whole, tmp_path / "witness")
    seal = await newest(connection)
    assert seal is not None
    assert (seal.last_id, seal.digest) == await end(connection)
    assert verifies(seal, KEY.public)
    for forged in (
        Seal(seal.last_id - 1, seal.digest, seal.signature),
        Seal(seal.last_id, bytes(32), seal.signature),
        Seal(seal.last_id, seal.digest, bytes(64)),
    ):
        assert not verifies(forged, KEY.public)


async def test_a_cursor_within_a_transaction_knows_no_digest_and_contradicts_nothing(
    whole: Database, connection: Connection
) -> None:
    """A batch of the tables may end anywhere; at rest they stand at the journal's end, which has one."""
    projector = Projector(whole, batch=5)
    async with projector._connected() as (reading, writing):
        batch = await projector._read(reading, 0)
        assert batch is not None
        await projector._write(writing, batch)
    assert await connection.fetch_value("SELECT digest IS NULL FROM projector_cursor")
    await check(connection, KEY, None)
    await Projector(whole).catch_up()
    cursor = await connection.fetch_row("SELECT journal_id, digest FROM projector_cursor")
    assert cursor is not None
    assert tuple(cursor) == await end(connection)


async def test_the_file_follows_each_commit_and_is_never_ahead(
    db: Database, connection: Connection, tmp_path: Path
) -> None:
    kept = WitnessFile(tmp_path / "witness")
    exchange, before = traded(0)
    async with journal.opened(db, kept) as writer:
        await writer.append([writer.pack(before)])
        for amount in range(1, 4):
            command = Deposit(at=exchange.now, user_id=[*exchange.accounts][-1], amount=amount)
            outcome = exchange.execute(command)
            assert outcome.facts
            await writer.append([writer.pack([Decided(command, "", outcome)])])
            witness = kept.read()
            assert witness is not None
            assert (witness.journal_id, witness.digest) == await end(connection)
    assert stat.S_IMODE((tmp_path / "witness").stat().st_mode) & 0o077 == 0


@pytest.mark.parametrize("seal", [None, KEY.sealed(7, bytes(32))])
def test_what_was_written_is_read(seal: Seal | None) -> None:
    witness = Witness(2**40, bytes(range(32)), seal)
    assert parsed(written(witness)) == witness


def test_a_torn_file_is_no_witness(tmp_path: Path) -> None:
    """Cut anywhere, mixed with an older one, or of another kind: it tells nothing, and stops nobody."""
    content, older = written(WITNESS), written(Witness(811, bytes(32), None))
    assert len(content) == len(older)
    torn = [content[:length] for length in range(len(content))]
    torn += [content[:place] + older[place:] for place in range(1, len(content) - 1)]
    torn += [b"\xff" * 400, content + b"x", bytes(400), written(Witness(1, b"", NO_SEAL))[:-1]]
    for each in torn:
        if each not in (content, older):
            assert parsed(each) is None
    (tmp_path / "witness").write_bytes(content[:100])
    assert WitnessFile(tmp_path / "witness").read() is None


def test_a_file_that_cannot_be_written_is_told_once_and_stops_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = WitnessFile(Path("/dev/full/witness"))
    for journal_id in range(1, 5):
        kept.acknowledge(journal_id, bytes(32))
    assert capsys.readouterr().out.count("the witness file cannot be written") == 1
    full = WitnessFile(tmp_path / "witness")
    (tmp_path / "witness").symlink_to("/dev/full")
    full.acknowledge(1, bytes(32))
    (tmp_path / "witness").unlink()
    full.acknowledge(2, bytes(32))
    assert full.read() == Witness(2, bytes(32), None)


def test_a_removed_file_comes_back_with_the_next_seal(tmp_path: Path) -> None:
    kept = WitnessFile(tmp_path / "witness")
    kept.acknowledge(5, bytes(32))
    os.unlink(tmp_path / "witness")  # noqa: PTH108
    kept.keep(KEY.sealed(5, bytes(32)))
    assert kept.read() == Witness(5, bytes(32), KEY.sealed(5, bytes(32)))
