"""What a killed run of tests or benchmarks leaves, a PostgreSQL and its folder, the next one clears away."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from persistence.postgres import embedded
from persistence.postgres.orphans import YOUNG, servers_on, sweep
from tests.database import clear_away

OWNER = """
import sys, trio
from pathlib import Path
from persistence.postgres import embedded

async def own():
    async with embedded.running(Path(sys.argv[1])):
        print("ready", flush=True)
        await trio.sleep_forever()

trio.run(own)
"""


@attrs.define(eq=False)
class Owned:
    """A folder of a kind, with a PostgreSQL in it that a process of its own keeps."""

    folder: Path
    process: "subprocess.Popen[str]" = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", OWNER, str(self.data)], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        assert any(line == "ready\n" for line in self.process.stdout)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def servers(self) -> list[int]:
        return servers_on(embedded.cluster_of(self.data).resolve())

    def grow_old(self) -> None:
        then = time.time() - 2 * YOUNG
        os.utime(self.data / "lock", (then, then))

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def owned() -> Iterator[Owned]:
    place = Path(tempfile.mkdtemp(prefix="verdict-leftovers-"))
    place.chmod(0o755)
    made = Owned(place / "kind-1")
    yield made
    made.process.terminate()
    made.kill()
    for pid in made.servers:
        os.kill(pid, 9)
    shutil.rmtree(place, ignore_errors=True)


async def test_what_nobody_owns_any_more_is_stopped_and_removed(owned: Owned) -> None:
    owned.grow_old()
    owned.kill()
    assert owned.servers
    assert await sweep(owned.folder.parent, "kind-") == [owned.folder]
    assert not owned.folder.exists()
    assert owned.servers == []


async def test_what_somebody_owns_is_left_alone(owned: Owned) -> None:
    """However old: a long run is no dead one."""
    owned.grow_old()
    assert await sweep(owned.folder.parent, "kind-") == []
    assert owned.servers


async def test_what_is_young_is_left_alone(owned: Owned) -> None:
    """Between making a lock and taking it there is a moment."""
    owned.kill()
    assert await sweep(owned.folder.parent, "kind-") == []
    assert owned.folder.exists()


def test_a_server_is_known_when_its_program_is_gone_from_the_disk(tmp_path: Path) -> None:
    """An upgrade makes the environment anew, and the PostgreSQL in it; the one that was left over runs on.

    Taken for gone, it would get a second one beside it, on the same files.
    """
    program, cluster = tmp_path / "postgres", tmp_path / "cluster"
    shutil.copy(shutil.which("sleep") or "", program)
    cluster.mkdir()
    with subprocess.Popen([program, "60"], cwd=cluster) as process:
        try:
            assert servers_on(cluster) == [process.pid]
            program.unlink()
            assert servers_on(cluster) == [process.pid]
        finally:
            process.kill()


async def test_before_the_tests_nobodys_exchange_is_cleared_away(tmp_path: Path) -> None:
    """A folder for a try is called verdict-something as soon as one of ours, and it may be stopped."""
    then = time.time() - 2 * YOUNG
    folders = [tmp_path / name for name in ("verdict-data", "verdict-tests-x8qk2m_a")]
    for folder in folders:
        (folder / "postgresql").mkdir(parents=True)
        (folder / "lock").touch()
        os.utime(folder / "lock", (then, then))
    await clear_away(tmp_path)
    assert [folder.exists() for folder in folders] == [True, False]


async def test_folders_of_another_kind_are_left_alone(owned: Owned) -> None:
    owned.grow_old()
    owned.kill()
    assert await sweep(owned.folder.parent, "sort-") == []
    assert owned.folder.exists()
