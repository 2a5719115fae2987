"""Persistence remembers: it files every fact and decides nothing. It knows SQL and the kernel's events."""

import contextlib
import os
from collections.abc import Iterator

import attrs
import trio


class DatabaseUnusableError(Exception):
    """There is no database to work with. The message is one line, and says what to do about it."""


@contextlib.contextmanager
def lone_errors() -> Iterator[None]:
    """Take a single error out of the groups in which nurseries wrap it, for callers who opened no nursery."""
    try:
        yield
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        raise error from error.__cause__


@attrs.define
class Backoff:
    """Pauses between attempts, each twice as long as the one before, up to a limit."""

    first: float
    longest: float
    pause: float = attrs.field(init=False)
    """Seconds that the next one lasts."""

    def __attrs_post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """An attempt has succeeded: begin with short pauses again."""
        self.pause = self.first

    async def wait(self) -> None:
        pause, self.pause = self.pause, min(2 * self.pause, self.longest)
        await trio.sleep(pause)


def process_environment(url: str) -> dict[str, str]:
    """The environment of a process that the exchange starts: the database, and none of its settings."""
    # Some settings are secrets, which such a process does not need and might show.
    return {name: value for name, value in os.environ.items() if not name.startswith("VERDICT_")} | {
        "DATABASE_URL": url
    }
