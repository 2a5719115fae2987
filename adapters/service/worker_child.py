"""The worker of market-making orders that the server runs beside itself, and starts again when it dies.

It is a client like any other: it gets the address and a token of its own, through a pipe, and ends when the
pipe does. So it outlives no server, however that one ends.
"""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import structlog
import trio

from adapters.access.tokens import SERVICES, TokenType
from adapters.service.server import Server
from adapters.wire.user_responses import WORKER_ID

log = structlog.get_logger(__name__)

WORKER: Final = (sys.executable, "-m", "adapters.cli", "makers", "--with-stdin")
PAUSE: Final = 0.1
"""Seconds before one that died is started again: at first; then twice as long each time."""
PAUSE_MAX: Final = 10.0
STEADY: Final = 30.0
"""Whoever has lived so long died of something new."""
LAST_CYCLES: Final = 3.0
"""Seconds it has at the end, for cycles that are begun. What they leave undone ends with their leases."""
SECRETS: Final = ("VERDICT_", "DATABASE_URL", "AMM_")
"""What is not for it: it knows the public API alone."""


@asynccontextmanager
async def worker_running(server: Server, address: str) -> AsyncIterator[None]:
    """Keep a worker at work while the body runs, if the settings want one."""
    if not server.settings.makers:
        yield
        return
    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_keep_alive, server, address, stop)
        try:
            yield
        finally:
            stop.set()


async def _keep_alive(server: Server, address: str, stop: trio.Event) -> None:
    pause = PAUSE
    while not stop.is_set():
        begun = trio.current_time()
        try:
            status = await _one_life(server, address, stop)
        except server.unavailable as trouble:
            log.warning("no token for a worker; trying again", why=str(trouble), after=pause)
        else:
            if stop.is_set():
                return
            if trio.current_time() - begun > STEADY:
                pause = PAUSE
            log.error("the worker ended by itself; starting it again", status=status, after=pause)
        with trio.move_on_after(pause):
            await stop.wait()
        pause = min(2 * pause, PAUSE_MAX)


async def _one_life(server: Server, address: str, stop: trio.Event) -> int:
    """Start a worker, and wait until it ends, or is told to."""
    user = await server.users.find(WORKER_ID)
    assert user is not None, "the schema makes it"
    token = server.tokens.issue(
        WORKER_ID, TokenType.SERVICE, SERVICES[WORKER_ID], generation=user.token_generation
    )
    process = await trio.lowlevel.open_process(
        [*WORKER, "--url", address, "--log", server.settings.log.name],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env=environment(),
    )
    pipe = process.stdin
    assert pipe is not None
    try:
        async with trio.open_nursery() as nursery:

            async def end_when_asked() -> None:
                await stop.wait()
                await pipe.aclose()
                await trio.sleep(LAST_CYCLES)
                process.kill()

            nursery.start_soon(end_when_asked)
            with suppress(trio.BrokenResourceError):  # if it has ended already, its status says so
                await pipe.send_all(token.encode() + b"\n")
            status = await process.wait()
            nursery.cancel_scope.cancel()
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await pipe.aclose()
            await process.wait()
    return status


def environment() -> dict[str, str]:
    """That of this process without what is the server's alone; without a port it tells no metrics."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(SECRETS)}
    return {"MAKERS_PORT": "0"} | own
