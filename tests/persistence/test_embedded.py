"""The PostgreSQL of our own, under everything that befalls processes, folders and disks."""

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from persistence import DatabaseUnusableError
from persistence.postgres import database, embedded, orphans, reachable

OWNER = """
import sys, trio
from pathlib import Path
from persistence.postgres import embedded

async def own():
    async with embedded.running(Path(sys.argv[1])) as url:
        print(url, flush=True)
        await trio.sleep_forever()

trio.run(own)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data folder, and nothing left running on it afterwards whatever the test did."""
    with tempfile.TemporaryDirectory(prefix="verdict-embedded-") as place:
        yield Path(place)
        trio.run(orphans.clear, embedded.cluster_of(Path(place)), Path(place))


def owner(folder: Path) -> "subprocess.Popen[str]":
    """Another process that owns the folder's server, once that is ready."""
    process = subprocess.Popen([sys.executable, "-c", OWNER, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert any(line.startswith("postgresql://") for line in process.stdout)
    return process


def kill(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


async def ask(url: str, question: str) -> object:
    async with database.opened(url) as opened, opened.borrowed() as connection:
        return await connection.fetch_value(question)


async def do(url: str, statement: str) -> None:
    async with database.opened(url) as opened, opened.borrowed() as connection:
        await connection.execute(statement)


@pytest.mark.alone
async def test_what_was_stored_is_there_at_the_next_start_which_is_quick(folder: Path) -> None:
    async with embedded.running(folder) as url:
        await do(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    begin = time.monotonic()
    async with embedded.running(folder) as url:
        assert time.monotonic() - begin < 1.5
        assert await ask(url, "SELECT answer FROM kept") == 42


async def test_nothing_runs_on_once_the_body_has_ended(folder: Path) -> None:
    async with embedded.running(folder):
        assert orphans.servers_on(embedded.cluster_of(folder))
    assert not orphans.servers_on(embedded.cluster_of(folder))


async def test_no_edit_of_its_settings_takes_durability_away(folder: Path) -> None:
    """The file says otherwise; the command line wins."""
    async with embedded.running(folder):
        pass
    with (embedded.cluster_of(folder) / "postgresql.conf").open("a") as settings:
        settings.write("fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n")
    async with embedded.running(folder) as url:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert (
                await ask(
                    url, f"SELECT boot_val || current_setting(name) FROM pg_settings WHERE name = '{setting}'"
                )
                == "onon"
            )


async def test_nobody_else_may_look_into_the_files_or_connect(folder: Path) -> None:
    """The socket lies in a folder that only its owner may enter, and there is no port."""
    async with embedded.running(folder) as url:
        assert embedded.cluster_of(folder).stat().st_mode & 0o077 == 0
        assert (embedded.cluster_of(folder) / orphans.SOCKET).exists()
        assert await ask(url, "SHOW listen_addresses") == ""
        with pytest.raises(DatabaseUnusableError, match="refuses us"):
            await ask(url.replace("user=verdict", "user=postgres"), "SELECT 1")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has PostgreSQL run as somebody else")
async def test_private_folders_above_the_data_stay_private(folder: Path) -> None:
    """What others may do in a folder that is not ours is not ours to say."""
    private = folder / "private"
    data = private / "own" / "data"
    data.mkdir(parents=True)
    above = (folder, private, private / "own", data)
    for place in above:
        place.chmod(0o700)
    async with embedded.running(data) as url:
        assert embedded.cluster_of(data).stat().st_uid != 0
        assert await ask(url, "SELECT 1") == 1
    assert [stat.S_IMODE(place.stat().st_mode) for place in above] == [0o700] * 4


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has PostgreSQL run as somebody else")
async def test_programs_in_a_private_folder_are_copied_out_of_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a clone of root's in /root: the folder stays as it is."""
    private = folder / "private"
    private.mkdir(mode=0o700)
    package = embedded.programs().parents[1]
    for part in (embedded.programs().parent, package.with_name(f"{package.name}.libs")):
        shutil.copytree(part, private / part.relative_to(package.parent), symlinks=True)
    inside = private / embedded.programs().relative_to(package.parent)
    monkeypatch.setattr(embedded, "programs", lambda: inside)
    with tempfile.TemporaryDirectory(prefix="verdict-embedded-") as shared:
        Path(shared).chmod(0o755)
        monkeypatch.setattr(reachable, "SHARED", Path(shared))
        for _ in range(2):
            async with embedded.running(folder / "data") as url:
                assert await ask(url, "SELECT 1") == 1
        (copy,) = Path(shared).iterdir()
        program = copy / inside.relative_to(private) / "postgres"
        assert {place.stat().st_uid for place in (copy, program)} == {0}
        assert program.stat().st_mode & 0o022 == 0
    assert stat.S_IMODE(private.stat().st_mode) == 0o700


async def test_its_log_is_private_and_holds_no_value_of_a_row(folder: Path) -> None:
    """A log of an earlier version, open to all, becomes private; it held the address that was refused."""
    for name in ("postgresql.log", "postgresql.log.old"):
        (folder / name).write_text("DETAIL:  Key (email)=(ann@example.org) already exists.")
        (folder / name).chmod(0o644)
    async with embedded.running(folder) as url:
        await do(url, "CREATE TABLE people (email TEXT PRIMARY KEY)")
        for _ in range(2):
            with contextlib.suppress(database.ConstraintError):
                await do(url, "INSERT INTO people VALUES ('ben@example.org')")
    said = (folder / "postgresql.log").read_text()
    assert 'violates unique constraint "people_pkey"' in said
    assert "example.org" not in said
    for name in ("lock", "postgresql.log", "postgresql.log.old"):
        assert (folder / name).stat().st_mode & 0o077 == 0, name


async def test_killed_while_running_it_is_started_again(folder: Path) -> None:
    """kill -9 of the postmaster: the exchange loses a connection, and soon gets another."""
    async with embedded.running(folder) as url:
        await do(url, "CREATE TABLE kept AS SELECT 42 AS answer")
        first = embedded.postmaster_pid(folder)
        assert first is not None
        os.kill(first, signal.SIGKILL)
        with trio.fail_after(20):
            while embedded.postmaster_pid(folder) in (None, first):
                await trio.sleep(0.01)
        assert await ask(url, "SELECT answer FROM kept") == 42


async def test_a_server_whose_owner_was_killed_is_stopped_and_replaced(folder: Path) -> None:
    killed = owner(folder)
    orphan = embedded.postmaster_pid(folder)
    kill(killed)
    assert orphan in orphans.servers_on(embedded.cluster_of(folder))
    async with embedded.running(folder) as url:
        assert embedded.postmaster_pid(folder) not in (None, orphan)
        assert await ask(url, "SELECT 1") == 1


async def test_after_owner_and_postmaster_were_both_killed_it_starts(folder: Path) -> None:
    """What a power cut leaves: a postmaster.pid that speaks of nobody, and files to recover."""
    killed = owner(folder)
    postmaster = embedded.postmaster_pid(folder)
    assert postmaster is not None
    kill(killed)
    os.kill(postmaster, signal.SIGKILL)
    async with embedded.running(folder) as url:
        assert await ask(url, "SELECT 1") == 1


async def test_a_stale_pid_file_that_names_a_living_process_is_no_obstacle(folder: Path) -> None:
    """After a reboot, or in a new container, the old number belongs to anybody."""
    async with embedded.running(folder):
        pass
    cluster = embedded.cluster_of(folder)
    stranger = subprocess.Popen(
        ["/bin/sleep", "60"], user=cluster.stat().st_uid if os.geteuid() == 0 else None
    )
    try:
        stale = f"{stranger.pid}\n{cluster}\n1700000000\n5432\n{cluster}\n\n0 0\nready\n"
        (cluster / "postmaster.pid").write_text(stale)
        (cluster / f"{orphans.SOCKET}.lock").write_text(stale)
        async with embedded.running(folder) as url:
            assert await ask(url, "SELECT 1") == 1
        assert stranger.poll() is None, "a stranger must not be stopped for having an old number"
    finally:
        stranger.kill()
        stranger.wait()


async def test_a_second_start_on_the_same_folder_joins_and_leaves_it_running(folder: Path) -> None:
    """So that a tool can look into the tables beside a running exchange."""
    running = owner(folder)
    try:
        postmaster = embedded.postmaster_pid(folder)
        async with embedded.running(folder) as url:
            assert embedded.postmaster_pid(folder) == postmaster
            assert await ask(url, "SELECT 1") == 1
        assert embedded.postmaster_pid(folder) == postmaster
    finally:
        kill(running)


async def test_a_pid_file_alone_is_no_running_server(folder: Path) -> None:
    """It outlives its server when that is killed; who came second would join nobody."""
    async with embedded.running(folder):
        cluster = embedded.cluster_of(folder)
        written = (cluster / "postmaster.pid").read_text()
        assert embedded.postmaster_pid(folder) is not None
    (cluster / "postmaster.pid").write_text(written)
    assert embedded.postmaster_pid(folder) is None


async def test_files_of_another_major_version_are_refused_and_left_alone(folder: Path) -> None:
    async with embedded.running(folder):
        pass
    version = embedded.cluster_of(folder) / "PG_VERSION"
    version.write_text("16\n")
    before = sorted(embedded.cluster_of(folder).iterdir())
    with pytest.raises(DatabaseUnusableError, match="made by PostgreSQL 16, this program brings 18"):
        async with embedded.running(folder):
            pass
    assert sorted(embedded.cluster_of(folder).iterdir()) == before


async def test_a_folder_that_cannot_be_written_is_refused_in_one_line() -> None:
    """Not even root may make a folder there."""
    with pytest.raises(DatabaseUnusableError, match=r"^cannot write in the data folder .* VERDICT_DATA.*$"):
        async with embedded.running(Path("/sys/verdict")):
            pass


async def test_a_start_that_was_cut_short_while_making_the_files_is_no_obstacle(folder: Path) -> None:
    """Files are made under another name first; half of them never look like a whole database."""
    unfinished = embedded.cluster_of(folder).with_suffix(".new")
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18\n")
    async with embedded.running(folder) as url:
        assert await ask(url, "SELECT 1") == 1


async def test_a_folder_with_a_path_too_long_for_a_socket_works(folder: Path) -> None:
    """A unix socket's path has at most 107 bytes."""
    deep = folder / ("d" * 100)
    async with embedded.running(deep) as url:
        assert await ask(url, "SELECT 1") == 1
        elsewhere = Path(url.split("host=")[1].split("&")[0])
        assert elsewhere != embedded.cluster_of(deep)
        assert elsewhere.stat().st_mode & 0o077 == 0
    assert not elsewhere.exists()


async def test_somebody_elses_folder_in_the_place_of_the_short_one_is_refused(folder: Path) -> None:
    """Whoever put it there would own the way to the database."""
    deep = folder / ("d" * 100)
    async with embedded.running(deep) as url:
        elsewhere = Path(url.split("host=")[1].split("&")[0])
    trap = folder / "trap"
    trap.mkdir()
    elsewhere.symlink_to(trap)
    try:
        with pytest.raises(DatabaseUnusableError, match="belongs to somebody else"):
            async with embedded.running(deep):
                pass
    finally:
        elsewhere.unlink()


async def test_files_that_are_broken_give_one_line_with_the_reason(folder: Path) -> None:
    async with embedded.running(folder):
        pass
    (embedded.cluster_of(folder) / "global" / "pg_control").unlink()
    with pytest.raises(DatabaseUnusableError) as refused:
        async with embedded.running(folder):
            pass
    assert "pg_control" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.fixture
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk with room for the programs' first steps only."""
    place = folder / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=12m", "none", str(place)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("only root can make a small disk")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


async def test_a_full_disk_is_said_in_one_line_and_more_room_is_all_it_needs(small_disk: Path) -> None:
    with pytest.raises(DatabaseUnusableError, match=r"No space left on device.*free some disk space$"):
        async with embedded.running(small_disk):
            pass
    subprocess.run(["mount", "-o", "remount,size=500m", str(small_disk)], check=True)
    async with embedded.running(small_disk) as url:
        assert await ask(url, "SELECT 1") == 1
