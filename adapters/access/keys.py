"""Keys kept in files: created once and atomically, and readable by their owner alone.

This module does not know what a key is for.
"""

import contextlib
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import structlog

from adapters.runtime.errors import CommandError
from adapters.runtime.setting_values import KEY_BYTES_MIN, is_long_enough

log = structlog.get_logger(__name__)

PRIVATE: Final = 0o077
"""The umask of programs that keep files: what they create is for its owner alone."""


def kept_key(file: Path) -> tuple[str, bool]:
    """The key in this file, created if there is none; and whether it was created just now.

    If several programs start at once, one creates it and all get the same.
    """
    try:
        if (key := read_key(file)) is not None:
            return key, False
        file.parent.mkdir(parents=True, exist_ok=True)
        with _locked(file.parent) as folder:
            if (key := read_key(file)) is not None:
                return key, False
            key = secrets.token_hex(KEY_BYTES_MIN)
            _write(file, key, folder)
    except OSError as trouble:
        raise CommandError(
            f"cannot write in the data folder {file.parent}: {trouble.strerror}; "
            "choose another with VERDICT_DATA"
        ) from trouble
    return key, True


def read_key(file: Path) -> str | None:
    """What the file holds, if there is one; raises `CommandError` if it is no key."""
    try:
        with file.open() as opened:
            key = opened.read()
            _close_to_others(file, opened.fileno())
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        key = ""
    except OSError as trouble:
        raise CommandError(f"cannot read the key in {file}: {trouble.strerror}") from trouble
    if not is_long_enough(key):
        raise CommandError(
            f"the key in {file} is no text of at least {KEY_BYTES_MIN} bytes: restore it from a backup; "
            "only if there is none remove the file, and another is made"
        )
    return key


def _close_to_others(file: Path, opened: int) -> None:
    mode = stat.S_IMODE(os.fstat(opened).st_mode)
    if mode & 0o077:
        log.warning("others could read a key; if they did, replace it", file=str(file), mode=oct(mode))
        with contextlib.suppress(OSError):  # it may be another's
            os.fchmod(opened, 0o600)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[int]:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield opened
    finally:
        os.close(opened)


def _write(file: Path, key: str, folder: int) -> None:
    """Write the key to disk before it signs anything: a key lost in a power cut invalidates all of that."""
    unfinished = file.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as output:
        output.write(key)
        output.flush()
        os.fsync(output.fileno())
    unfinished.rename(file)
    os.fsync(folder)
