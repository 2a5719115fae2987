"""Persistence remembers: it files every fact and decides nothing. It knows SQL and the kernel's events."""

import contextlib
import os
from collections.abc import Iterator


class DatabaseUnusableError(Exception):
    """There is no database to work with. The message is one line, and says what to do about it."""


@contextlib.contextmanager
def lone_errors() -> Iterator[None]:
    """Let a single error out of the groups in which nurseries wrap it, for callers who opened no nursery."""
    try:
        yield
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        raise error from error.__cause__


def process_environment(url: str) -> dict[str, str]:
    """What a process of ours beside the exchange is told: the database, and no setting of the exchange."""
    # Some of them are secrets, which such a process does not need, and might show.
    return {name: value for name, value in os.environ.items() if not name.startswith("VERDICT_")} | {
        "DATABASE_URL": url
    }
