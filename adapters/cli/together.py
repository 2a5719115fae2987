"""`verdict serve --followers N`: several processes on one port, of which one leads; none stays dead.

This process only looks after them, and keeps the embedded PostgreSQL if there is no other: so whoever leads
may die without taking the database along. They end when it does, however it ends, with their standard input.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Final

import attrs
import click
import structlog
import trio

from adapters.cli import storage
from adapters.cli.listening import bound
from adapters.link.asking import asked
from adapters.runtime.settings import Settings

log = structlog.get_logger(__name__)

FOLLOW: Final = (sys.executable, "-m", "adapters.cli", "follow", "--with-stdin")
PAUSE: Final = 0.1
"""Seconds before one that ended is started again: at first; then twice as long each time."""
PAUSE_MAX: Final = 10.0
STEADY: Final = 30.0
"""Whoever has lived so long ended for a new reason."""
ASK_SECONDS: Final = 1.0
LAST_SECONDS: Final = 90.0
"""For an orderly end, with its snapshot."""


@attrs.define(eq=False)
class Together:
    """The processes, by their places."""

    settings: Settings
    port: int
    processes: dict[int, trio.Process] = attrs.field(factory=dict)
    stop: trio.Event = attrs.field(factory=trio.Event)
    _told: set[str] = attrs.field(factory=set)

    async def run(self, count: int) -> None:
        """Keep so many alive until a signal; then end those that follow, and the one that leads at last."""
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            async with storage.database_of(self.settings), trio.open_nursery() as nursery:
                nursery.start_soon(self._start, nursery, count)
                await anext(signals)
                click.echo("stopping")
                self.stop.set()
                with trio.move_on_after(LAST_SECONDS):
                    await self._end_all()
                nursery.cancel_scope.cancel()

    async def _start(self, nursery: trio.Nursery, count: int) -> None:
        """The first of them leads: the others begin when it does."""
        for place in range(count):
            serves = trio.Event()
            nursery.start_soon(self._keep_alive, place, serves)
            await serves.wait()
        click.echo("Ctrl-C stops them.")

    async def _keep_alive(self, place: int, serves: trio.Event) -> None:
        pause = PAUSE
        while not self.stop.is_set():
            begun = trio.current_time()
            status = await self._one_life(place, serves)
            if self.stop.is_set():
                return
            if trio.current_time() - begun > STEADY:
                pause = PAUSE
            log.warning("a process ended; starting it again", place=place, status=status, after=pause)
            with trio.move_on_after(pause):
                await self.stop.wait()
            pause = min(2 * pause, PAUSE_MAX)

    async def _one_life(self, place: int, serves: trio.Event) -> int:
        process = await trio.lowlevel.open_process(
            FOLLOW, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=self._environment(place)
        )
        assert process.stdin is not None
        assert process.stdout is not None
        self.processes[place] = process
        try:
            waiting = b""
            async for data in process.stdout:
                *lines, waiting = (waiting + data).split(b"\n")
                for line in lines:
                    self._tell(line.decode(), serves)
            return await process.wait()
        finally:
            del self.processes[place]
            process.kill()
            with trio.CancelScope(shield=True):
                await process.stdin.aclose()
                await process.stdout.aclose()
                await process.wait()

    def _tell(self, line: str, serves: trio.Event) -> None:
        """What each of them says is said once."""
        if line.startswith("metrics"):  # the last word of one that serves
            serves.set()
        if line not in self._told and not line.startswith("Ctrl-C"):
            self._told.add(line)
            click.echo(line)

    def _environment(self, place: int) -> dict[str, str]:
        metrics = self.settings.metrics_port
        return os.environ | {
            "VERDICT_SHARE_PORT": "on",
            "VERDICT_PORT": str(self.port),
            "VERDICT_METRICS_PORT": str(metrics and metrics + place),
        }

    async def _end_all(self) -> None:
        """The one that leads comes last: nobody has to take over, and it leaves a snapshot."""
        nodes = None
        with trio.move_on_after(ASK_SECONDS):
            nodes = await asked(self.settings.data)
        leading = nodes.nodes[0].pid if nodes is not None else None
        processes = [*self.processes.values()]
        last = [one for one in processes if one.pid == leading]
        for some in ([one for one in processes if one.pid != leading], last):
            for process in some:
                process.terminate()
            for process in some:
                await process.wait()


async def serve_together(settings: Settings, followers: int) -> None:
    """One process that leads, and so many that follow, until a signal."""
    with reserved(settings) as port:
        await Together(settings, port).run(1 + followers)


@contextlib.contextmanager
def reserved(settings: Settings) -> Iterator[int]:
    """The port that all of them share. It is kept, and nothing is taken on it here."""
    sockets = bound(
        settings.host, settings.port, "VERDICT_HOST and VERDICT_PORT", share=True, listening=False
    )
    try:
        yield sockets.insecure_sockets[0].getsockname()[1]
    finally:
        for one in sockets.insecure_sockets:
            one.close()
