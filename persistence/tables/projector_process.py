"""The exchange's side of the projector: keeps its process alive, sends it hints, and knows how far it is.

The projector has a process of its own because folding a busy journal takes half a core: within the exchange,
every decision would have to wait for that. If it dies it is started again; the cursor in the database says
where it goes on.
"""

import subprocess
import sys
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import attrs
import structlog
import trio

from persistence import Backoff, DatabaseUnusableError, lone_errors, process_environment
from persistence.postgres.database import ConnectionLostError, Database

log = structlog.get_logger(__name__)

MARKS: Final = 1_000
MARK_EVERY: Final = 0.1
"""Seconds between two marks, and so the precision of the lag. A thousand are kept; the oldest counts."""
PACE: Final = 0.1
"""Seconds between two hints while nobody waits: the larger a batch is, the less each of its facts costs."""
LOOK_AGAIN: Final = 0.01
"""Seconds between two looks at the cursor while somebody waits for it."""
RESTART_PAUSES: Final = (0.1, 10.0)
"""Seconds before a projector that died is started again: at first, and at most."""


@attrs.define(eq=False)
class ProjectorProgress:
    """How far the tables are behind the journal."""

    durable: int = 0
    reached: int = 0
    wanted: int = 0
    """The journal id for which somebody waits, or has waited."""
    _marks: deque[tuple[int, float]] = attrs.field(factory=deque, init=False)
    """Journal ids that the tables have not reached yet, and when each became durable."""
    _hinted: int = attrs.field(default=0, init=False)
    """The journal id in the newest hint."""
    _news: trio.Event = attrs.field(factory=trio.Event, init=False)
    _wish: trio.Event = attrs.field(factory=trio.Event, init=False)
    _moved: trio.Event = attrs.field(factory=trio.Event, init=False)

    def wake(self, durable: int) -> None:
        """The journal is durable up to here: a hint for the projector, and a mark to measure the lag by."""
        self.durable = durable
        now = trio.current_time()
        if not self._marks or (now - self._marks[-1][1] >= MARK_EVERY and len(self._marks) < MARKS):
            self._marks.append((durable, now))
        self._news.set()

    def arrive(self, reached: int) -> None:
        """The tables reflect everything up to `reached`, which a crash of PostgreSQL can set back."""
        self.reached = reached
        while self._marks and self._marks[0][0] <= reached:
            self._marks.popleft()
        self._moved.set()
        self._moved = trio.Event()

    async def until(self, journal_id: int, seconds: float) -> bool:
        """Wait until the tables reflect `journal_id`; False if they do not within so many seconds."""
        if journal_id > self.wanted:
            self.wanted = journal_id
            self._wish.set()
        with trio.move_on_after(seconds):
            while self.reached < journal_id:
                await self._moved.wait()
        return self.reached >= journal_id

    async def hint(self) -> int:
        """The next hint: soon after something has become durable, or at once if somebody waits for it."""
        await self._news.wait()
        with trio.move_on_after(PACE):
            while self.wanted <= self._hinted:
                self._wish = trio.Event()
                await self._wish.wait()
        self._news = trio.Event()
        self._hinted = self.durable
        return self.durable

    @property
    def lag_events(self) -> int:
        return max(0, self.durable - self.reached)

    @property
    def lag_seconds(self) -> float:
        """For how long the oldest fact that the tables do not reflect yet has been durable."""
        return trio.current_time() - self._marks[0][1] if self._marks and self.lag_events else 0.0


async def follow_cursor(database: Database, progress: ProjectorProgress) -> None:
    """Learn how far the tables are from the database, where another process has the projector."""
    while True:
        await trio.sleep(MARK_EVERY if progress.reached >= progress.wanted else LOOK_AGAIN)
        with suppress(ConnectionLostError, DatabaseUnusableError):
            async with database.borrowed() as connection:
                progress.arrive(await connection.fetch_value("SELECT journal_id FROM projector_cursor"))


@asynccontextmanager
async def projector_running(url: str, progress: ProjectorProgress) -> AsyncIterator[None]:
    """Keep a projector at work on the database at `url` while the body runs."""
    with lone_errors():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_keep_alive, url, progress)
            yield
            nursery.cancel_scope.cancel()


async def _keep_alive(url: str, progress: ProjectorProgress) -> None:
    backoff = Backoff(*RESTART_PAUSES)
    while True:
        before = progress.reached
        status = await _one_life(url, progress)
        if progress.reached > before:
            backoff.reset()
        log.error("the projector ended by itself; starting it again", status=status, after=backoff.pause)
        await backoff.wait()


async def _one_life(url: str, progress: ProjectorProgress) -> int:
    """Start a projector and talk with it until it ends.

    If this is cancelled, the process is killed; the cursor in the database is right at any moment.
    """
    async with trio.open_nursery() as nursery:
        process: trio.Process = await nursery.start(
            lambda task_status: trio.run_process(
                [sys.executable, "-m", "persistence.tables.projector"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=process_environment(url),
                check=False,
                task_status=task_status,
            )
        )
        assert process.stdin is not None
        assert process.stdout is not None
        nursery.start_soon(_pass_hints, process.stdin, progress)
        waiting = b""
        async for data in process.stdout:
            *lines, waiting = (waiting + data).split(b"\n")
            if lines:
                progress.arrive(int(lines[-1]))
        nursery.cancel_scope.cancel()
    return await process.wait()


async def _pass_hints(stdin: trio.abc.SendStream, progress: ProjectorProgress) -> None:
    try:
        while True:
            await stdin.send_all(b"%d\n" % await progress.hint())
    except trio.BrokenResourceError:
        pass  # it has ended, which the end of its stdout tells us as well
