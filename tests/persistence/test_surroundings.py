"""What keeps the server from starting is told in one line that says what to do; the exit code is 1.

As an operator meets it: the whole program, in a process of its own. That each leaves all as it was is tested
with the part that finds it.
"""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from persistence.postgres import database
from persistence.postgres.database import Connection
from tests.database import forge, fresh, url_of
from tests.kernel.trading import busy_day
from tests.persistence.journaled import decided, file

ROOT = Path(__file__).parents[2]
PATIENCE = 60


@pytest.fixture
def data() -> Iterator[Path]:
    """A data folder that PostgreSQL's own user can reach; pytest's folders are closed to it."""
    with tempfile.TemporaryDirectory(prefix="verdict-surroundings-") as folder:
        yield Path(folder)


async def told_by_a_start(data: Path, **settings: str) -> str:
    """The line that `verdict serve` ends with."""
    ours = {
        name: value for name, value in os.environ.items() if not name.startswith(("VERDICT_", "DATABASE_"))
    }
    with trio.fail_after(PATIENCE):
        ended = await trio.run_process(
            [sys.executable, "-m", "adapters.cli", "serve"],
            env=ours
            | {"PYTHONPATH": str(ROOT), "VERDICT_DATA": str(data)}
            | {"VERDICT_PORT": "0", "VERDICT_METRICS_PORT": "0"}
            | settings,
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )
    output = ended.stderr.decode()
    assert ended.returncode == 1, output
    assert "Traceback" not in output
    assert ended.stdout == b""
    (line,) = [line for line in output.splitlines() if line.startswith("verdict:")]
    assert output.splitlines()[-1] == line
    return line


async def test_nobody_answers(data: Path) -> None:
    line = await told_by_a_start(data, DATABASE_URL="postgresql://ann:hidden@127.0.0.1:1/verdict")
    assert "no PostgreSQL answers at 127.0.0.1:1/verdict" in line
    assert "start it, or correct DATABASE_URL" in line
    assert "hidden" not in line


async def test_the_server_refuses_the_user(data: Path, database_url: str) -> None:
    line = await told_by_a_start(data, DATABASE_URL=database_url.replace("user=verdict", "user=stranger"))
    assert "correct user and password in DATABASE_URL" in line


async def test_there_is_no_such_database(data: Path, server_url: str) -> None:
    line = await told_by_a_start(data, DATABASE_URL=url_of(server_url, "nowhere"))
    assert '"nowhere" does not exist' in line
    assert "create it" in line


async def test_the_database_was_made_by_a_newer_program(
    data: Path, database_url: str, connection: Connection
) -> None:
    await connection.execute("INSERT INTO schema_version VALUES (99)")
    line = await told_by_a_start(data, DATABASE_URL=database_url)
    assert "schema version 99" in line
    assert "start a newer Verdict" in line


async def test_the_database_is_somebody_elses(data: Path, server_url: str) -> None:
    async with fresh(server_url) as url, database.opened(url) as db:
        theirs = await db.connect()
        await theirs.execute("CREATE TABLE recipes (id INT)")
        line = await told_by_a_start(data, DATABASE_URL=url)
        assert "give Verdict a database of its own" in line
        assert await theirs.fetch_value("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 1


async def test_the_journal_was_changed(data: Path, database_url: str, connection: Connection) -> None:
    await file(connection, decided(busy_day().facts))
    await forge(connection, """UPDATE wal_events SET payload = '{"type": "GUARD_SET"}' WHERE id = 20""")
    line = await told_by_a_start(data, DATABASE_URL=database_url)
    assert "of the journal" in line
    assert "restore the database from a backup" in line


@pytest.mark.parametrize("content", ["", "a", "\n", " " * 64, "short of the bytes it needs\n"])
async def test_the_token_key_is_none(data: Path, database_url: str, content: str) -> None:
    """With such a key anybody could sign tokens, or nobody could."""
    (data / "jwt_secret").write_text(content)
    line = await told_by_a_start(data, DATABASE_URL=database_url)
    assert f"the key in {data / 'jwt_secret'} is no text of at least 32 bytes" in line
    assert "restore it from a backup" in line


async def test_the_data_folder_cannot_be_written(data: Path) -> None:
    line = await told_by_a_start(Path("/proc/verdict"))
    assert "cannot write in the data folder /proc/verdict" in line
    assert "VERDICT_DATA" in line


async def test_the_data_folder_was_made_by_another_postgresql(data: Path) -> None:
    (data / "postgresql").mkdir()
    (data / "postgresql" / "PG_VERSION").write_text("19\n")
    line = await told_by_a_start(data)
    assert "was made by PostgreSQL 19, this program brings 18" in line
    assert "choose another folder" in line


async def test_there_is_no_room_on_the_disk(data: Path) -> None:
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "none", str(data)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a file system")
    try:
        line = await told_by_a_start(data)
    finally:
        subprocess.run(["umount", "--lazy", str(data)], check=True)
    assert "No space left on device" in line
    assert line.endswith("free some disk space")


async def test_the_port_is_taken(data: Path, database_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = await told_by_a_start(data, DATABASE_URL=database_url, VERDICT_PORT=str(port))
    assert f"127.0.0.1:{port}" in line
    assert "VERDICT_PORT" in line
