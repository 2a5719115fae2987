"""The journal's oldest rows leave the database, and are told from the archive as if they had not."""

import gzip
import hashlib
import resource
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from datetime import timedelta
from pathlib import Path

import asyncpg
import msgspec
import pytest
import trio

from kernel.exchange import Exchange
from persistence import DatabaseUnusableError
from persistence.journal import journal
from persistence.journal.archive import ArchiveError, archived, end_of_archive, read, rows
from persistence.journal.parts import parts
from persistence.journal.recovery import recover
from persistence.journal.seals import SealKey
from persistence.journal.witness_file import Witness
from persistence.journal.witnesses import contradictions
from persistence.postgres import database
from persistence.postgres.database import Connection, Database
from persistence.postgres.migrate import UPGRADES, migrate
from persistence.tables.projector import Projector
from persistence.tables.sql_audit import check_record
from persistence.tools.archiving import Archiver, alone
from persistence.tools.portable import export_journal, import_journal
from persistence.tools.rebuild import rebuild
from persistence.tools.replay import Verification, frozen_view, id_at
from tests.database import create, drop, forge, fresh, url_of
from tests.persistence.archived import PART, lived
from tests.persistence.journaled import KEY
from tests.persistence.test_projector import contents
from tests.persistence.test_replay_tool import verdict


@pytest.fixture(scope="module")
def lived_in(server_url: str, template: str) -> Iterator[str]:
    """The name of a database with a journal that may leave it."""

    async def make() -> str:
        name = await create(server_url, template)
        async with database.opened(url_of(server_url, name)) as db:
            connection = await db.connect()
            await lived(db, connection)
            await connection.close()
        return name

    name = trio.run(make)
    yield name
    trio.run(drop, server_url, name)


@pytest.fixture
async def database_url(server_url: str, lived_in: str) -> AsyncIterator[str]:
    async with fresh(server_url, like=lived_in) as url:
        yield url


@pytest.fixture
async def exchange(db: Database) -> Exchange:
    """As the journal tells it while all of it is in the database."""
    return await recover(db)


def unseen(_done: int, _total: int) -> None:
    pass


async def whole(connection: Connection, folder: Path) -> bytes:
    """The journal as an export tells it."""
    file = folder / "export"
    await export_journal(connection, file, unseen)
    return file.read_bytes()


async def moved(db: Database, folder: Path, keep: int = 0) -> int:
    folder.mkdir(exist_ok=True)
    async with alone(db) as connection:
        return await Archiver(connection, KEY, folder, keep).run()


async def oldest(connection: Connection) -> int:
    return int(await connection.fetch_value("SELECT min(id) FROM wal_events"))


async def test_archive_and_database_are_read_as_one_journal(
    exchange: Exchange, db: Database, connection: Connection, tmp_path: Path
) -> None:
    before, tables = await whole(connection, tmp_path), await contents(connection)
    end = await moved(db, tmp_path / "archive")
    assert await oldest(connection) == (await parts(connection))[0].first == end // PART * PART + 1
    assert len(await archived(connection)) == end // PART > 2
    assert await whole(connection, tmp_path) == before
    assert (await recover(db)).digest() == (await recover(db, KEY)).digest() == exchange.digest()
    assert await rebuild(db, unseen) == exchange.head
    assert await contents(connection) == tables
    assert await check_record(db) == {}
    async with frozen_view(db) as view:
        verification = Verification(view, public_keys=(KEY.public,))
        await verification.run(unseen)
    assert [finding.words for finding in verification.findings.values()] == [[]] * 6
    assert verification.seals == await connection.fetch_value("SELECT COUNT(*) FROM journal_seals")


async def test_an_archived_journal_is_imported_elsewhere(
    exchange: Exchange, db: Database, connection: Connection, tmp_path: Path, server_url: str, template: str
) -> None:
    await moved(db, tmp_path / "archive")
    await whole(connection, tmp_path)
    async with fresh(server_url, like=template) as url, database.opened(url) as elsewhere:
        there = await elsewhere.connect()
        assert await import_journal(there, tmp_path / "export", unseen) == exchange.head
        assert (await recover(elsewhere)).digest() == exchange.digest()
        there.abandon()


async def test_the_tables_are_filled_from_the_archive_in_any_steps(
    db: Database, connection: Connection, tmp_path: Path
) -> None:
    """As after an upgrade that empties them, with the projector killed now and then."""
    tables = await contents(connection)
    await moved(db, tmp_path / "archive")
    await connection.execute(f"TRUNCATE {', '.join(tables)}")
    await connection.execute("UPDATE projector_cursor SET journal_id = 0, digest = NULL")
    for most in (PART // 2, PART - 100, PART + 700):
        projector = Projector(db, batch=most)
        async with projector._connected() as (reading, writing):
            for _ in range(2):
                batch = await projector._read(reading, projector.reached)
                assert batch is not None
                await projector._write(writing, batch)
    await Projector(db).catch_up()
    assert await contents(connection) == tables


STEPS = (
    "in the middle of a file",
    "giving it its name",
    "noting it in the database",
    "taking wal_events_1 ",
    "dropping wal_events_1",
    "",
)


async def killed_at(url: str, folder: Path, step: str) -> int:
    done = await trio.run_process(
        [sys.executable, "-m", "tests.persistence.archived", url, str(folder), step], check=False
    )
    return done.returncode


async def test_it_can_be_killed_at_every_step(
    exchange: Exchange, database_url: str, db: Database, connection: Connection, tmp_path: Path
) -> None:
    """Each run goes on where the one before was killed; nothing is lost or told twice in between."""
    before, folder = await whole(connection, tmp_path), tmp_path / "archive"
    folder.mkdir()
    for step in STEPS:
        assert await killed_at(database_url, folder, step) == (-9 if step else 0), step
        assert await whole(connection, tmp_path) == before
    end = await end_of_archive(connection)
    assert await oldest(connection) == end // PART * PART + 1
    assert sorted(folder.iterdir()) == [one.path for one in await archived(connection)]
    assert (await recover(db)).digest() == exchange.digest()
    assert await connection.fetch_value("SELECT COUNT(*) FROM pg_class WHERE relname = 'wal_events_1'") == 0


async def test_it_can_be_killed_while_it_waits_for_readers(
    exchange: Exchange, database_url: str, db: Database, connection: Connection, tmp_path: Path
) -> None:
    """A long reader keeps the part that it sees; whoever writes does not wait for either."""
    before, folder = await whole(connection, tmp_path), tmp_path / "archive"
    folder.mkdir()
    leaving = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhdetachpending"
    async with frozen_view(db) as reading, trio.open_nursery() as nursery:
        process = await nursery.start(
            lambda task_status: trio.run_process(
                [sys.executable, "-m", "tests.persistence.archived", database_url, str(folder), ""],
                check=False,
                task_status=task_status,
            )
        )
        with trio.fail_after(60):
            while await connection.fetch_value(leaving) is None:
                await trio.sleep(0.02)
        async with journal.opened(db) as writer:
            assert writer.end[0] == exchange.head
            with trio.fail_after(30):
                await connection.execute(
                    "INSERT INTO wal_events (id, created_at, event_type, payload) "
                    f"VALUES ({exchange.head + 1}, now(), 'GUARD_SET', '{{}}')"
                )
        process.kill()
        await connection.execute(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
            " WHERE query LIKE 'ALTER TABLE wal_events DETACH%' AND datname = current_database()"
        )
        assert await reading.fetch_value("SELECT COUNT(*) FROM wal_events") == exchange.head
    await forge(connection, "DELETE FROM wal_events WHERE id > $1", exchange.head)
    assert await connection.fetch_value(leaving) == "wal_events_1"
    assert await whole(connection, tmp_path) == before
    await moved(db, folder)
    assert await connection.fetch_value(leaving) is None
    assert await whole(connection, tmp_path) == before


async def test_nothing_leaves_before_a_file_was_read_back(
    exchange: Exchange, db: Database, connection: Connection, tmp_path: Path
) -> None:

    def spoil(step: str) -> None:
        if step == "reading it back":
            (unfinished,) = tmp_path.glob("*.part")
            data = bytearray(unfinished.read_bytes())
            data[len(data) // 2] ^= 1
            unfinished.write_bytes(data)

    async with alone(db) as mover:
        with pytest.raises(ArchiveError, match=r"\.part is damaged"):
            await Archiver(mover, KEY, tmp_path, 0, spoil).run()
    assert await connection.fetch_value("SELECT COUNT(*) FROM wal_events") == exchange.head
    assert await end_of_archive(connection) == 0


async def test_a_file_that_was_spoilt_since_keeps_its_part_in_the_database(
    database_url: str, db: Database, connection: Connection, tmp_path: Path
) -> None:
    assert await killed_at(database_url, tmp_path, "taking wal_events_1 ") == -9
    (one,) = await archived(connection)
    one.path.write_bytes(one.path.read_bytes()[:-100])
    with pytest.raises(ArchiveError, match="is damaged"):
        await moved(db, tmp_path)
    assert await oldest(connection) == 1


def rewritten(content: bytes) -> bytes:
    """With another amount in its first deposit."""
    text = gzip.decompress(content)
    return gzip.compress(text.replace(b'"amount_cents":1', b'"amount_cents":2', 1))


SPOILT = {
    "is damaged": lambda path: path.write_bytes(rewritten(path.read_bytes())),
    "is not there": lambda path: path.unlink(),
    "cut off": lambda path: path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:-900])),
    "something follows": lambda path: path.write_bytes(path.read_bytes() + gzip.compress(b"more")),
}


@pytest.mark.parametrize("told", SPOILT)
async def test_a_file_that_is_not_as_it_was_is_told_in_one_line(
    db: Database, connection: Connection, tmp_path: Path, told: str
) -> None:
    await moved(db, tmp_path)
    SPOILT[told]((await archived(connection))[0].path)
    with pytest.raises(ArchiveError, match="damaged" if told == "cut off" else told) as caught:
        await recover(db)
    assert "\n" not in str(caught.value)
    assert (await recover(db, KEY)).head, "a start needs only what stays"


def with_trailer(lines: list[bytes]) -> bytes:
    """As a file; its last line fits the others but for the signature, for which one needs the key."""
    trailer = msgspec.json.decode(lines[-1])
    trailer["sha256"] = hashlib.sha256(b"".join(lines[:-1])).hexdigest()
    return gzip.compress(b"".join([*lines[:-1], msgspec.json.encode(trailer) + b"\n"]))


async def test_a_row_that_was_changed_with_every_hash_of_its_file_breaks_the_chain(
    db: Database, connection: Connection, tmp_path: Path
) -> None:
    """Whoever can write both the folder and the database: what follows the row has its digest in it."""
    await moved(db, tmp_path)
    (one, *_) = await archived(connection)
    lines = gzip.decompress(one.path.read_bytes()).splitlines(keepends=True)
    changed = [line.replace(b'"amount_cents":1', b'"amount_cents":2', 1) for line in lines]
    assert changed != lines
    one.path.write_bytes(with_trailer(changed))
    trailer = msgspec.json.decode(gzip.decompress(one.path.read_bytes()).splitlines()[-1])
    await connection.execute(
        "UPDATE journal_archive SET sha256 = $1 WHERE first_id = 1", bytes.fromhex(trailer["sha256"])
    )
    with pytest.raises(ArchiveError, match="does not fit: something in them was changed"):
        await recover(db)


@pytest.mark.parametrize(
    ("line", "old", "new"),
    [
        (0, b'"after":null', b'"after":"00"'),
        (1, b'"id":1,', b'"id": 1,'),
        (-1, b'"rows":1', b'"rows":2'),
        (-1, b'"digest":"', b'"digest":"00'),
    ],
    ids=["its head", "a row, in how it is written", "how many there are", "the digest of its end"],
)
async def test_each_byte_ahead_of_the_last_line_is_in_its_hash(
    db: Database, connection: Connection, tmp_path: Path, line: int, old: bytes, new: bytes
) -> None:
    """What no digest of the journal covers, and the last line's own members."""
    await moved(db, tmp_path)
    (one, *_) = await archived(connection)
    lines = gzip.decompress(one.path.read_bytes()).splitlines(keepends=True)
    assert old in lines[line]
    lines[line] = lines[line].replace(old, new, 1)
    one.path.write_bytes(gzip.compress(b"".join(lines)))
    with pytest.raises(ArchiveError, match="its last line does not fit its rows"):
        await recover(db)


async def test_two_files_that_changed_places_are_told(
    db: Database, connection: Connection, tmp_path: Path
) -> None:
    """Ahead of the first row: of a file that is long its end comes much later."""
    await moved(db, tmp_path)
    one, other, *_ = await archived(connection)
    one.path.rename(tmp_path / "aside")
    other.path.rename(one.path)
    (tmp_path / "aside").rename(other.path)
    with pytest.raises(ArchiveError, match=f"{one.file} is damaged .*files have changed places"):
        next(read(one))


async def test_a_restored_database_takes_the_files_that_it_would_write_and_no_others(
    db: Database, connection: Connection, tmp_path: Path, server_url: str, lived_in: str
) -> None:
    """Its backup is older than the archive, whose files it does not know."""
    await moved(db, tmp_path)
    one, *others = await archived(connection)
    right = one.path.read_bytes()
    head, *rest = gzip.decompress(right).splitlines(keepends=True)
    one.path.write_bytes(with_trailer([head.replace(b'"after":null', b'"after":"00"'), *rest]))
    async with fresh(server_url, like=lived_in) as url, database.opened(url) as restored:
        reading = await restored.connect()
        with pytest.raises(DatabaseUnusableError, match=f"{one.file} holds another journal: move it away"):
            await moved(restored, tmp_path)
        assert (await archived(reading), await oldest(reading)) == ([], 1)
        one.path.write_bytes(right)
        await moved(restored, tmp_path)
        assert await archived(reading) == [one, *others]
        assert {*tmp_path.iterdir()} == {each.path for each in (one, *others)}
        reading.abandon()


async def test_nothing_is_written_beside_a_folder_that_is_not_there(
    exchange: Exchange, db: Database, connection: Connection, tmp_path: Path
) -> None:
    """As when its disk is not mounted: what is under that place would be hidden once it is."""
    folder, mounted = tmp_path / "archive", tmp_path / "mounted"
    await moved(db, folder, keep=exchange.head - 2 * PART)
    left = await oldest(connection)
    folder.rename(mounted)
    with pytest.raises(ArchiveError, match="is not there"):
        await moved(db, folder)
    assert list(folder.iterdir()) == []
    assert await oldest(connection) == left
    folder.rmdir()
    mounted.rename(folder)
    await moved(db, folder)
    assert await oldest(connection) > left


async def test_a_full_disk_is_named_and_nothing_leaves(
    exchange: Exchange, database_url: str, connection: Connection, tmp_path: Path
) -> None:
    """Also where the folder was named long ago; and what was begun does not keep the disk full."""
    folder = tmp_path / "archive"
    arguments = ["archive", "--keep", str(exchange.head - 2 * PART)]
    key = {"VERDICT_SEAL_KEY": KEY.secret}
    assert (await verdict(database_url, *arguments, "--into", str(folder), **key)).code == 0
    (first,) = await archived(connection)
    with limited_to(first.path.stat().st_size // 2):
        said = await verdict(database_url, "archive", "--keep", "0", **key)
    assert said.refused(f"cannot write {folder}"), said.err
    assert sorted(folder.iterdir()) == [first.path]
    assert await oldest(connection) == PART + 1
    assert (await verdict(database_url, "archive", "--keep", "0", **key)).code == 0


@contextmanager
def limited_to(size: int) -> Iterator[None]:
    """Processes that start now cannot write larger files: as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_whole_file_of_another_journal_is_not_taken(
    db: Database, connection: Connection, tmp_path: Path
) -> None:
    await moved(db, tmp_path)
    await connection.execute("UPDATE journal_archive SET sha256 = sha256('') WHERE first_id = 1")
    with pytest.raises(ArchiveError, match="not the one that was written"):
        await recover(db)


BOUNDS = {
    "there is one snapshot": "DELETE FROM snapshots"
    " WHERE journal_id = (SELECT MAX(journal_id) FROM snapshots)",
    "one of two snapshots is forged": "UPDATE snapshots SET seal = sha256('')"
    " WHERE journal_id = (SELECT MAX(journal_id) FROM snapshots)",
    "the tables are behind": "UPDATE projector_cursor SET journal_id = 1500",
    "the seals end early": "DELETE FROM journal_seals WHERE last_id > 1500",
}


@pytest.mark.parametrize("why", BOUNDS)
async def test_what_is_needed_stays(db: Database, connection: Connection, tmp_path: Path, why: str) -> None:
    await connection.execute(BOUNDS[why])
    assert await moved(db, tmp_path) == 0
    assert await oldest(connection) == 1
    assert list(tmp_path.iterdir()) == []


async def test_so_many_rows_stay_as_were_asked_for(
    exchange: Exchange, db: Database, connection: Connection, tmp_path: Path
) -> None:
    await moved(db, tmp_path, keep=exchange.head - 2 * PART)
    assert await oldest(connection) == PART + 1
    async with journal.opened(db) as reader:
        assert [fact.id async for fact in reader.read(10)] == [*range(11, exchange.head + 1)]


async def test_two_do_not_move_at_once(db: Database) -> None:
    async with alone(db):
        with pytest.raises(DatabaseUnusableError, match="another `verdict archive` is at work"):
            async with alone(db):
                pass


async def test_a_moment_of_the_past_is_found_in_the_archive(
    db: Database, connection: Connection, tmp_path: Path
) -> None:
    wanted = [1, PART - 7, PART + 1, 2 * PART + 40]
    times = {
        journal_id: await connection.fetch_value(
            "SELECT created_at FROM wal_events WHERE id = $1", journal_id
        )
        for journal_id in wanted
    }
    expected = {journal_id: await id_at(connection, at) for journal_id, at in times.items()}
    await moved(db, tmp_path)
    assert {journal_id: await id_at(connection, at) for journal_id, at in times.items()} == expected
    with pytest.raises(DatabaseUnusableError, match="is before the journal, which begins at"):
        await id_at(connection, times[1] - timedelta(microseconds=1))


async def test_an_old_witness_is_held_to_the_archive(
    db: Database, connection: Connection, tmp_path: Path
) -> None:
    early = await connection.fetch_row(
        "SELECT id, digest FROM wal_events WHERE digest IS NOT NULL AND id > 900"
    )
    assert early is not None
    await moved(db, tmp_path)
    assert await contradictions(connection, KEY, Witness(early["id"], early["digest"], None)) == []
    found = await contradictions(connection, KEY, Witness(early["id"], bytes(32), None))
    assert [one.witness for one in found] == ["the witness file"]


async def test_the_events_of_an_archived_order_are_not_told_by_half(
    db: Database, connection: Connection, tmp_path: Path
) -> None:
    order_id = await connection.fetch_value("SELECT id FROM orders ORDER BY accepted_seq LIMIT 1")
    assert await connection.fetch("SELECT * FROM wal_of_order($1)", order_id)
    await moved(db, tmp_path)
    with pytest.raises(asyncpg.RaiseError, match="begin in the archive of the journal"):
        await connection.fetch("SELECT * FROM wal_of_order($1)", order_id)


async def test_files_may_be_moved_to_another_folder(
    exchange: Exchange, db: Database, connection: Connection, tmp_path: Path
) -> None:
    await moved(db, tmp_path / "here", keep=exchange.head - 2 * PART)
    with pytest.raises(ArchiveError, match="is not there"):
        await moved(db, tmp_path / "there")
    (one,) = await archived(connection)
    one.path.rename(tmp_path / "there" / one.file)
    await moved(db, tmp_path / "there")
    assert {one.folder for one in await archived(connection)} == {str(tmp_path / "there")}
    assert (await recover(db)).digest() == exchange.digest()


async def test_a_file_verifies_with_tools_that_everybody_has(
    db: Database, connection: Connection, tmp_path: Path
) -> None:
    """gzip, and a hash over all lines but the last: a file is readable without this program."""
    await moved(db, tmp_path)
    (one, *_) = await archived(connection)
    script = f"gzip -dc {one.path} | head -n -1 | sha256sum"
    said = subprocess.run(["sh", "-c", script], capture_output=True, check=True)
    assert said.stdout.split()[0].decode() == one.sha256.hex()


async def test_the_command_says_what_it_does(
    database_url: str, db: Database, connection: Connection, tmp_path: Path
) -> None:
    key = {"VERDICT_SEAL_KEY": KEY.secret}
    assert (await verdict(database_url, "archive")).refused("name a folder for it with --into")
    folder = str(tmp_path / "archive")
    said = await verdict(database_url, "archive", "--into", folder, "--keep", "0", **key)
    assert said.code == 0
    end = await end_of_archive(connection)
    assert said.out.endswith(
        f"moved rows 1 to {end:,}; in the database the journal begins with row {end // PART * PART + 1:,}\n"
    )
    verified = await verdict(database_url, "replay", "--verify", "--public-key", KEY.public.hex())
    assert verified.code == 0, verified.out + verified.err
    assert f"the archive: ok ({end // PART} files, up to row {end:,})" in verified.out
    (await archived(connection))[0].path.unlink()
    assert (await verdict(database_url, "replay", "--verify")).refused(
        "say `verdict archive --into` the folder"
    )
    assert (await verdict(database_url, "archive", "--into", "/dev/null/x", **key)).refused("cannot write")


async def test_a_file_of_somebody_elses_is_found(
    db: Database, connection: Connection, tmp_path: Path
) -> None:
    await moved(db, tmp_path)
    async with frozen_view(db) as view:
        verification = Verification(view, public_keys=(SealKey("another key of 32 bytes and more").public,))
        await verification.run(unseen)
    found = verification.findings["the archive"]
    assert found.count == len(await archived(connection))
    assert "was not sealed with a key that is known here" in found.words[0]


async def test_reading_begins_anywhere(
    exchange: Exchange, db: Database, connection: Connection, tmp_path: Path
) -> None:
    await moved(db, tmp_path)
    for after, last in ((0, 10), (PART - 1, PART + 1), (PART * 2 + 3, exchange.head), (exchange.head, 10**9)):
        async with aclosing(rows(connection, after, last)) as batches:
            found = [row.id async for batch in batches for row in batch]
        assert found == [*range(after + 1, min(last, exchange.head) + 1)]


async def test_what_amended_orders_were_accepted_with_is_found_in_the_archive(
    db: Database, connection: Connection, tmp_path: Path
) -> None:
    """Version 12 looked for it where it was no longer."""
    tables = await contents(connection)
    await moved(db, tmp_path / "archive")
    amended = "UPDATE orders SET amend_count = 1 WHERE accepted_seq = (SELECT min(accepted_seq) FROM orders)"
    assert await connection.execute(amended) == "UPDATE 1"
    await connection.execute("UPDATE schema_version SET version = 12")
    upgrades = tmp_path / "upgrades"
    upgrades.mkdir()
    shutil.copy(next(UPGRADES.glob("0013-*")), upgrades)
    await migrate(connection, upgrades=upgrades)
    assert await connection.fetch_value("SELECT journal_id FROM projector_cursor") == 0
    await Projector(db).catch_up()
    assert await contents(connection) == tables
