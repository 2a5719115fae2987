"""A primary and its standby, both real: a base backup, which is promoted as an operator would."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import attrs
import trio

from persistence.postgres import database, embedded, reachable

SETTINGS: Final = {
    "wal_level": "replica",
    "max_wal_senders": "4",
    "wal_keep_size": "64MB",
    "fsync": "off",
    "shared_buffers": "16MB",
}


@attrs.define
class Server:
    """A PostgreSQL of the test's own, which nobody starts again."""

    folder: Path
    owner: pwd.struct_passwd
    process: "subprocess.Popen[bytes]"

    @property
    def url(self) -> str:
        return f"postgresql:///postgres?host={self.folder}&user={embedded.ROLE}"

    def program(self, name: str) -> str:
        return program(name, self.owner)

    def kill(self) -> None:
        """As a machine that loses its power: all of it at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    async def ask(self, statement: str) -> object:
        async with database.opened(self.url) as db, db.borrowed() as connection:
            return await connection.fetch_value(statement)

    async def until(self, statement: str) -> None:
        with trio.fail_after(60):
            while not await self.ask(statement):
                await trio.sleep(0.02)


def program(name: str, owner: pwd.struct_passwd) -> str:
    account = owner if owner.pw_uid != os.getuid() else None
    return str(reachable.programs(embedded.programs(), account) / name)


@contextlib.contextmanager
def server(folder: Path) -> Iterator[Server]:
    """A server on files that are there."""
    owner = pwd.getpwuid(folder.stat().st_uid)
    settings = embedded.SETTINGS | SETTINGS | {"unix_socket_directories": str(folder)}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    with (folder.parent / f"{folder.name}.log").open("wb") as log:
        process = subprocess.Popen(
            [program("postgres", owner), "-D", str(folder), *options],
            user=owner.pw_uid,
            group=owner.pw_gid,
            cwd="/",
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    running = Server(folder, owner, process)
    try:
        deadline = time.monotonic() + 60
        while "ready" not in (pid.read_text() if (pid := folder / "postmaster.pid").exists() else ""):
            assert process.poll() is None, (folder.parent / f"{folder.name}.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield running
    finally:
        running.kill()


@attrs.frozen
class Pair:
    primary: Server
    standby: Server

    @property
    def url(self) -> str:
        """Both, the standby first: the order says nothing about who takes writes."""
        folders = f"{self.standby.folder},{self.primary.folder}"
        return f"postgresql:///postgres?host={folders}&user={embedded.ROLE}"

    async def be_synchronous(self) -> None:
        """From now on a commit waits for the standby."""
        await self.primary.ask("ALTER SYSTEM SET synchronous_standby_names = '*'")
        await self.primary.ask("SELECT pg_reload_conf()")
        await self.primary.until("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'")

    async def promote(self) -> None:
        assert await self.standby.ask("SELECT pg_promote()")


@contextlib.asynccontextmanager
async def primary_and_standby() -> AsyncIterator[Pair]:
    place = Path(tempfile.mkdtemp(prefix="verdict-tests-"))
    place.chmod(0o755)
    try:
        async with embedded.running(place):
            pass  # makes the files
        first, second = embedded.cluster_of(place), place / "standby"
        with (first / "pg_hba.conf").open("a") as who:
            who.write("local replication all peer map=verdict\n")
        with server(first) as primary:
            subprocess.run(
                [
                    primary.program("pg_basebackup"),
                    *("-D", str(second), "-h", str(first), "-U", embedded.ROLE, "-R", "-c", "fast"),
                ],
                check=True,
            )
            (second / ".s.PGSQL.5432.lock").unlink()  # the primary's own
            for each in (second, *second.rglob("*")):
                os.chown(each, primary.owner.pw_uid, primary.owner.pw_gid)
            with server(second) as standby:
                await primary.until("SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'")
                yield Pair(primary, standby)
    finally:
        shutil.rmtree(place)
