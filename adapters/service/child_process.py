"""Computes something in a forked child process, from the exchange as it is at one moment.

A fork has a copy of all memory, which the system makes in milliseconds because it copies a page only when
somebody writes to it. In the child nothing changes, so it may take its time, on another core, while the loop
goes on here. This module does not know what is computed.
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
"""One child at a time: each may come to need as much memory as this process has."""
PIECE: Final = 65_536


class ChildError(Exception):
    """The child ended without a result."""


async def in_child(compute: Callable[[], bytes]) -> bytes:
    """Run `compute` in a fork of this process and return what it returned.

    Only one child runs at a time, so the fork may be made some time after the call. If the caller has to
    know which moment it shows, `compute` must return that as well.
    """
    async with _alone:
        return await _in_a_child(compute)


async def _in_a_child(compute: Callable[[], bytes]) -> bytes:
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # Python warns of forks beside threads. The child uses neither our threads nor any lock they may hold.
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
            # The child has closed its end of the pipe, which happens last: waiting for it takes no time.
            _, status = os.waitpid(pid, 0)
    if status:
        raise ChildError(f"the child ended with status {os.waitstatus_to_exitcode(status)}")
    return b"".join(pieces)


def _be_the_child(compute: Callable[[], bytes], writing: int) -> NoReturn:
    """Close every inherited connection, or it would stay open as long as this does; then compute and exit."""
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
