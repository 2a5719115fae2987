"""Works something out beside the loop, from the exchange as it is at one moment.

A child process is a copy of this one, memory and all, and the system makes it in milliseconds, for it copies
nothing until somebody writes to it. There the exchange stands still, and looking through all of it takes as
long as it takes, on a core that nobody else wants. Here the loop goes on. It knows nothing of what is worked
out.
"""

import gc
import os
import signal
import warnings
from collections.abc import Callable
from typing import Final, NoReturn

import trio

NICENESS: Final = 10
_alone: Final = trio.Lock()
"""Held while a child works: each may come to need as much memory as this process has."""
PIECE: Final = 65_536


class AsideError(Exception):
    """The child ended without a result."""


async def aside(compute: Callable[[], bytes]) -> bytes:
    """What `compute` returns in a copy of this process, which it cannot change and nobody else can see.

    There is one copy at a time, so it may be made a while after it was asked for: if it matters of which
    moment it is, `compute` has to tell.
    """
    async with _alone:
        return await _in_a_child(compute)


async def _in_a_child(compute: Callable[[], bytes]) -> bytes:
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # Of forks beside threads: ours are not asked for anything in the child, nor is what they may hold.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        _be_the_child(compute, writing)
    os.close(writing)
    async with trio.lowlevel.FdStream(reading) as stream:
        try:
            pieces = [bytes(piece) async for piece in stream]
        except BaseException:
            os.kill(pid, signal.SIGKILL)
            with trio.CancelScope(shield=True):
                async for _ in stream:
                    pass
            raise
        finally:
            # It has closed its end, which the system does last: to wait for it takes no time.
            _, status = os.waitpid(pid, 0)
    if status:
        raise AsideError(f"the child ended with status {os.waitstatus_to_exitcode(status)}")
    return b"".join(pieces)


def _be_the_child(compute: Callable[[], bytes], writing: int) -> NoReturn:
    """Let go of every connection, or they would live as long as this does; then work, tell, and be gone."""
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        os.closerange(3, writing)
        os.closerange(writing + 1, os.sysconf("SC_OPEN_MAX"))
        os.nice(NICENESS)
        gc.disable()
        left = memoryview(compute())
        while left:
            left = left[os.write(writing, left[:PIECE]) :]
        status = 0
    finally:
        os._exit(status)
