"""What a killed process has left behind: a PostgreSQL without an owner, and the files that speak of it.

Called by the owner of a data folder, before it starts a PostgreSQL there; or by whoever makes such folders
for a while, to clear away those without an owner. It knows processes and lock files, no data.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import structlog
import trio

log = structlog.get_logger(__name__)

SOCKET = ".s.PGSQL.5432"
PROGRAM = ("postgres", "postgres (deleted)")  # the second once its package was replaced, as an upgrade does
POLL = 0.01
STOP_TIMEOUT = 60.0  # a clean stop may have two gigabytes to write
YOUNG = 60.0  # seconds for which a lock that nobody holds may be one that somebody is about to take
BACKEND_TIMEOUT = 5.0  # backends whose postmaster has died find out by themselves, usually at once


async def clear(cluster: Path, sockets: Path) -> list[int]:
    """Stop whatever PostgreSQL still works on this cluster, then remove the marks it left.

    Returns the processes that would not end; then nothing is removed.

    The marks must go too: PostgreSQL judges a postmaster.pid by the number in it alone, and would be kept out
    by any process that happens to have that number today.
    """
    cluster = cluster.resolve()
    left = servers_on(cluster)
    if left:
        log.warning("stopping a PostgreSQL that was left over", processes=left)
        postmaster = _written_pid(cluster)
        if postmaster in left:
            _signal(postmaster, signal.SIGINT)
        left = await _remaining(cluster, STOP_TIMEOUT if postmaster in left else BACKEND_TIMEOUT)
    if left:
        # Crash recovery makes up for what they could not finish.
        for pid in left:
            _signal(pid, signal.SIGKILL)
        left = await _remaining(cluster, BACKEND_TIMEOUT)
    if not left:
        for mark in (cluster / "postmaster.pid", sockets / f"{SOCKET}.lock", sockets / SOCKET):
            mark.unlink(missing_ok=True)
    return left


async def sweep(place: Path, kind: str) -> list[Path]:
    """Clear away the folders of one kind in `place` whose owner has died; returns which these were.

    For folders that nobody means to keep: of tests and benchmarks that were killed before they could tidy up.
    """
    swept = []
    for folder in place.glob(f"{kind}*"):
        for lock in (folder / "lock", folder / "data" / "lock"):
            with _abandoned(lock) as is_abandoned:
                if is_abandoned and not await clear(lock.parent / "postgresql", lock.parent / "postgresql"):
                    shutil.rmtree(folder, ignore_errors=True)
                    swept.append(folder)
    return swept


@contextlib.contextmanager
def _abandoned(lock: Path) -> Iterator[bool]:
    """Whether nobody holds this lock, nor has made it just now; if so, it is held here meanwhile."""
    try:
        handle = os.open(lock, os.O_RDWR)
    except OSError:  # there is none, or it is somebody else's
        yield False
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield time.time() - os.fstat(handle).st_mtime > YOUNG
    except BlockingIOError:
        yield False
    finally:
        os.close(handle)


def servers_on(cluster: Path) -> list[int]:
    """The PostgreSQL processes that work on this cluster."""
    pids = [int(process.name) for process in Path("/proc").glob("[0-9]*")]
    return [pid for pid in pids if works_on(pid, cluster)]


def works_on(pid: int, cluster: Path) -> bool:
    """Whether this is a PostgreSQL process of the cluster: each makes that folder its current directory."""
    process = Path("/proc") / str(pid)
    try:
        return (process / "cwd").readlink() == cluster and (process / "exe").readlink().name in PROGRAM
    except OSError:  # it has ended meanwhile, or is another user's
        return False


def _written_pid(cluster: Path) -> int:
    with contextlib.suppress(FileNotFoundError, ValueError, IndexError):
        return int((cluster / "postmaster.pid").read_text().splitlines()[0])
    return 0


async def _remaining(cluster: Path, seconds: float) -> list[int]:
    with trio.move_on_after(seconds):
        while servers_on(cluster):
            await trio.sleep(POLL)
    return servers_on(cluster)


def _signal(pid: int, what: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, what)
