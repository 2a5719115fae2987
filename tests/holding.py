"""How long one step of a task holds the loop, while which nobody else is served.

What is measured is the processor's time of the loop's own thread: whatever else the machine does, and
whatever the loop waits for, does not count.
"""

import contextlib
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

import attrs
import trio

OURS: Final = ("tests.", "trio_websocket.", "httpx.", "httpcore.", "anyio.")
"""How the names of those tasks begin that are a test's own clients."""
AGAIN: Final = 3
FORK_MS: Final = 60.0
"""For the system's copy of this process, which takes the longer the larger it is: some 20 ms a gigabyte."""


@attrs.define(eq=False)
class Watch(trio.abc.Instrument):
    """Keeps the longest step."""

    _tester: trio.lowlevel.Task
    ms: float = 0.0
    """Milliseconds of the longest step so far."""
    by: str = ""
    """The name of the task whose step it was."""
    _since: int = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._since = time.thread_time_ns()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        ms = (time.thread_time_ns() - self._since) / 1e6
        # The first end it sees is of the step that began to watch.
        if self._since and ms > self.ms and task is not self._tester and not task.name.startswith(OURS):
            self.ms, self.by = ms, task.name


@contextlib.contextmanager
def watching() -> Iterator[Watch]:
    """Watch every task but the caller and the clients of tests while the body runs."""
    watch = Watch(trio.lowlevel.current_task())
    trio.lowlevel.add_instrument(watch)
    try:
        yield watch
    finally:
        trio.lowlevel.remove_instrument(watch)


async def longest_hold(
    act: Callable[[], Awaitable[object]], within_ms: float, again: int = AGAIN
) -> tuple[float, str]:
    """The longest step while this is done, in milliseconds, and its task.

    One that is not within what is allowed may be the machine's doing: then it is done so many times again,
    and the median counts.
    """
    seen = [await _watched(act)]
    if seen[0].ms >= within_ms and again:
        seen = [await _watched(act) for _ in range(again)]
    return statistics.median(one.ms for one in seen), max(seen, key=lambda one: one.ms).by


async def _watched(act: Callable[[], Awaitable[object]]) -> Watch:
    with watching() as watch:
        await act()
    return watch
