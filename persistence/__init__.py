"""Persistence remembers: it files every fact and decides nothing. It knows SQL and the kernel's events."""

import contextlib
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
