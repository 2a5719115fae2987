"""PostgreSQL's programs, where the system user who runs them can reach them.

A program finds its libraries by its own real path, so it cannot be handed over like a folder of data: when
the environment lies in somebody's private folder, as that of root's own clone does, the programs are copied
out of it. No mode of the folders they came from is touched.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import structlog

from persistence import DatabaseUnusableError

log = structlog.get_logger(__name__)

SHARED = Path("/var/cache/verdict")
"""Root's own, like all in it: the system user reads and runs, and cannot exchange a program for another."""


def programs(place: Path, account: pwd.struct_passwd | None) -> Path:
    """The folder `place` of the programs, or of a copy of them that this account can run."""
    if account is None or can_run(place, account):
        return place
    # A reinstalled package is another one: its files have other times.
    stamp = (place / "postgres").stat()
    copy = SHARED / f"{place.parent.name}-{stamp.st_size}-{stamp.st_mtime_ns}"
    package = place.parents[1]
    copied = copy / place.relative_to(package.parent)
    try:
        if not copy.exists():
            log.info("copying PostgreSQL's programs to where its user can reach them", to=str(copy))
            make_copy((place.parent, package.with_name(f"{package.name}.libs")), package.parent, copy)
    except OSError as trouble:
        raise unreachable(place, account, f"cannot be copied to {SHARED} ({trouble.strerror})") from trouble
    if not can_run(copied, account):
        raise unreachable(place, account, f"nor their copy in {SHARED}")
    return copied


def can_run(place: Path, account: pwd.struct_passwd) -> bool:
    """Whether the account can: tried, since modes alone do not tell what an access list grants."""
    try:
        tried = subprocess.run(  # noqa: S603 - our own program
            [place / "postgres", "--version"],
            user=account.pw_uid,
            group=account.pw_gid,
            extra_groups=[],
            cwd="/",
            env={"LC_ALL": "C"},
            capture_output=True,
            check=False,
        )
    except PermissionError:
        return False
    return tried.returncode == 0


def make_copy(sources: tuple[Path, ...], above: Path, copy: Path) -> None:
    """What a wheel brought and where from each other it lies: programs look for their libraries by that.

    It has its name only when it is whole; another process may have made it meanwhile.
    """
    made = not SHARED.exists()
    SHARED.mkdir(mode=0o755, parents=True, exist_ok=True)
    if made:
        SHARED.chmod(0o755)  # whatever our mask of modes says
    unfinished = Path(tempfile.mkdtemp(dir=SHARED))
    try:
        for source in sources:
            shutil.copytree(source, unfinished / "made" / source.relative_to(above), symlinks=True)
        for folder, _, files in os.walk(unfinished):
            Path(folder).chmod(0o755)
            for file in files:
                if not (inner := Path(folder, file)).is_symlink():
                    inner.chmod(0o755 if inner.stat().st_mode & 0o100 else 0o644)
        if not copy.exists():
            (unfinished / "made").rename(copy)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def unreachable(place: Path, account: pwd.struct_passwd, trouble: str) -> DatabaseUnusableError:
    return DatabaseUnusableError(
        f"PostgreSQL runs as {account.pw_name} and not as root, and that user cannot run the programs in "
        f"{place}, {trouble}: put Verdict elsewhere, start it as another user, or set DATABASE_URL"
    )
