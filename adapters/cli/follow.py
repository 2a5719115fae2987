"""`verdict follow`: a process that has the exchange's state from its journal, serves it, and can lead."""

import contextlib
import os
import secrets
from collections.abc import AsyncIterator
from functools import partial
from typing import Final

import attrs
import click
import structlog
import trio

from adapters.cli import storage
from adapters.cli.first_start import jwt_secret, seal_key
from adapters.cli.listening import address_of
from adapters.cli.serve import (
    Running,
    application,
    bound_sockets,
    connections_of,
    deciding,
    leader_of,
    listeners,
    make_usable,
    metrics_of,
    run,
    serve_metrics,
    server_of,
    serving,
    tickers_of,
    trouble_of,
    until_stopped,
    what_only_a_leader_does,
)
from adapters.cli.storage import UNAVAILABLE, Storage
from adapters.http.metrics import Standing
from adapters.http.metrics_server import PATH
from adapters.link.follower import BEHIND_SECONDS, Follower
from adapters.link.freshness import Freshness
from adapters.link.leader import Leader
from adapters.link.node import Node
from adapters.link.program import program
from adapters.runtime import garbage
from adapters.runtime.clock import Clock
from adapters.runtime.errors import leaves
from adapters.runtime.log import start_logging
from adapters.runtime.settings import Settings, load_settings
from adapters.service import brakes
from adapters.service.server import READ_TIMEOUT, Server
from adapters.service.worker_child import worker_running
from adapters.sockets.connection_limits import ConnectionLimits
from adapters.stream.websockets import Websockets
from kernel.actors import Actors
from kernel.exchange import FORM
from persistence import Backoff
from persistence.journal import journal, witness_file
from persistence.journal.following import Record, Tail, copied
from persistence.journal.journal import Counters, DurableJournal, OtherWriterError
from persistence.journal.pages import DamagedError
from persistence.journal.seals import Sealer, SealKey
from persistence.journal.snapshotter import snapshotter_running
from persistence.journal.witness_file import WitnessFile
from persistence.postgres.database import Database
from persistence.tables.projector_process import ProjectorProgress, follow_cursor, projector_running
from persistence.tables.users import Users

log = structlog.get_logger(__name__)

SEEK_PAUSES: Final = (0.02, 0.1)
"""Seconds between two attempts to find who leads, or to lead: the first pause, and the longest."""


@click.command()
@click.option("--with-stdin", is_flag=True, help="End with the standard input.")
def follow(*, with_stdin: bool) -> None:
    """Serve an exchange that another process leads, and lead it when nobody else does.

    Give it the settings of the one that leads, but for VERDICT_PORT and VERDICT_METRICS_PORT.
    """
    settings = load_settings(os.environ)
    start_logging(settings.log)
    run(partial(until_stopped, with_stdin=with_stdin), settings, running)


@contextlib.asynccontextmanager
async def running(
    settings: Settings, clock: Clock, asked_again: trio.Event | None = None
) -> AsyncIterator[Running]:
    """A process that follows, or leads, for as long as the body runs."""
    hurry = asked_again if asked_again is not None else trio.Event()
    api_sockets, metrics_sockets = bound_sockets(settings)
    key = SealKey(await seal_key(settings))
    async with storage.joined(settings) as db:
        exchange, digest = await copied(db, key, lambda done, total: None)
        log.info("recovered", head=exchange.head, kernel=FORM)
        clock.start_after(exchange.now)
        garbage.begin()
        node = Node(exchange, Record(db, lambda: node.durable))
        progress = ProjectorProgress(durable=exchange.head)
        limits = ConnectionLimits(settings, clock)
        check_age = Freshness(
            node,
            lambda: True,
            lambda: role.age,
            lambda: settings.takeover_ms / 1000 if role.writer is not None else settings.stale_seconds,
            lambda: READ_TIMEOUT if role.writer is not None else 0.0,
        ).check
        server = server_of(
            settings,
            clock,
            node,
            db,
            progress,
            await jwt_secret(settings),
            await tickers_of(db, clock),
            lambda: connections_of(websockets, limits),
            check_age,
        )
        websockets = Websockets(server)
        websockets.guards.is_watching = False
        follower = Follower(
            node,
            Tail(db, exchange.head, digest),
            settings.data,
            program(),
            secrets.token_hex(16),
            websockets.guards,
            server.rate_limits,
            settings.takeover_ms / 1000,
        )
        role = Role(server, websockets, db, key, node, follower, progress, address_of(api_sockets), hurry)
        metrics = metrics_of(server, websockets, limits, role.counters, role.trouble, role.standing)
        app = application(server, metrics, role.trouble)
        node.listeners += [
            *listeners(lambda: progress.wake(node.durable), websockets, server.tickers),
            metrics.hear,
        ]
        progress.wake(node.durable)
        async with trio.open_nursery() as helping:
            await helping.start(websockets.run)
            helping.start_soon(server.identities.run)
            helping.start_soon(garbage.run)
            helping.start_soon(partial(serve_metrics, metrics, settings, clock, metrics_sockets))
            helping.start_soon(role.run)
            await role.is_useful.wait()
            async with serving(app, websockets, api_sockets, limits):
                metrics_address = f"{address_of(metrics_sockets)}{PATH.decode()}"
                try:
                    yield Running(server, address_of(api_sockets), metrics_address)
                finally:
                    role.end()
                await role.over.wait()
            helping.cancel_scope.cancel()


@attrs.define(eq=False)
class Role:
    """What this process is to the others: it follows, or it leads."""

    server: Server
    websockets: Websockets
    db: Database
    key: SealKey
    node: Node
    follower: Follower
    progress: ProjectorProgress
    address: str
    hurry: trio.Event
    writer: DurableJournal | None = attrs.field(default=None, init=False)
    """The journal, while this process leads."""
    counters: Counters = attrs.field(factory=Counters, init=False)
    """What has been written here."""
    leader: Leader | None = attrs.field(default=None, init=False)
    is_useful: trio.Event = attrs.field(factory=trio.Event, init=False)
    """It has followed somebody, or led."""
    over: trio.Event = attrs.field(factory=trio.Event, init=False)
    _is_leading: bool = attrs.field(default=False, init=False)
    _stop: trio.Event = attrs.field(factory=trio.Event, init=False)
    _seeking: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False)
    _watching: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False)
    """While somebody else has the projector."""

    @property
    def age(self) -> float:
        return self.writer.age if self.writer is not None else self.follower.age

    def trouble(self) -> str:
        """Why it should not be asked; empty when all is well."""
        if self.writer is not None:
            return trouble_of(self.writer)
        if self.follower.age > self.server.settings.stale_seconds:
            return "nobody confirms that this process is up to date"
        if self.follower.lag_seconds > BEHIND_SECONDS:
            return f"it is {self.follower.lag_seconds:.0f} seconds behind the process that leads"
        return ""

    def standing(self) -> Standing:
        followers = self.leader.followers if self.leader is not None else 0
        behind = 0 if self.writer is not None else self.follower.lag_events
        return Standing(self.writer is not None, followers, behind, self.age)

    def end(self) -> None:
        """Follow no longer; who leads finishes what is under way and lets another lead."""
        self._stop.set()
        self.node.takes_more = False
        if not self._is_leading:
            self._seeking.cancel()

    async def run(self) -> None:
        """Follow whoever leads; lead when nobody does."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch_tables)
            with self._seeking:
                await self._seek()
            nursery.cancel_scope.cancel()
        self.over.set()

    async def _watch_tables(self) -> None:
        with self._watching:
            await follow_cursor(self.db, self.progress)

    async def _seek(self) -> None:
        backoff = Backoff(*SEEK_PAUSES)
        settings = self.server.settings
        last_seen = trio.current_time()
        hangs = False
        while not self._stop.is_set():
            if not hangs and await self._followed():
                backoff.reset()
                last_seen = trio.current_time()
            self.node.takes_more = trio.current_time() - last_seen < settings.stale_seconds
            witness = WitnessFile(settings.data / witness_file.NAME)
            async with contextlib.AsyncExitStack() as stack:
                try:
                    writer = await stack.enter_async_context(journal.opened(self.db, witness, 0.0))
                except OtherWriterError as other:
                    hangs = await self._hangs(other.holder)
                except UNAVAILABLE as trouble:
                    log.warning("the database does not answer", why=str(trouble))
                else:
                    return await self._lead(Storage(self.db, writer, self.key, witness))
            await backoff.wait()
        return None

    async def _hangs(self, holder: str) -> bool:
        """Whether it makes no sense to speak with the one that leads."""
        with contextlib.suppress(*UNAVAILABLE):
            return await journal.ended_silent(self.db, holder, self.server.settings.takeover_ms / 1000)
        return False

    async def _followed(self) -> bool:
        """Whether there was somebody to follow, who is gone now."""
        has_followed = False
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._note_use)
                has_followed = await self.follower.follow()
                nursery.cancel_scope.cancel()
        except* UNAVAILABLE as troubles:
            if any(isinstance(trouble, DamagedError) for trouble in leaves(troubles)):
                raise
            log.warning("the database does not answer", why=str(next(iter(leaves(troubles)))))
        return has_followed

    async def _note_use(self) -> None:
        while not (self.follower.is_attached and self.follower.age < self.server.settings.stale_seconds):
            await trio.sleep(SEEK_PAUSES[0])
        self.is_useful.set()

    async def _lead(self, stored: Storage) -> None:
        """Lead until told to stop: know all that the last leader has left, then decide."""
        self._is_leading = True
        server, node, writer = self.server, self.node, stored.journal
        await storage.check_witnesses(stored)
        await self.follower.catch_up(*writer.end)
        writer.counters = self.counters
        self.writer = writer
        self._watching.cancel()
        server.clock.start_after(server.exchange.now)
        actors = Actors(server.exchange, writer)
        self.leader = leader = leader_of(server, actors, writer, self.websockets)
        actors.listeners += [*node.listeners, brakes.hear, leader.hear]
        sealer = Sealer(stored.db, writer, stored.key, stored.witness)
        async with deciding(actors, writer), trio.open_nursery() as helping:
            node.lead(actors, helping, server.clock.now)
            log.warning("this process leads", head=server.exchange.head)
            await make_usable(server, Users(stored.db))
            self.websockets.guards.watch()
            await helping.start(leader.serve, server.settings.data)
            async with (
                projector_running(stored.db.url, self.progress),
                snapshotter_running(stored.db, stored.key, lambda: actors.durable),
                worker_running(server, self.address),
            ):
                for task in what_only_a_leader_does(server, sealer):
                    helping.start_soon(task)
                self.is_useful.set()
                await self._stop.wait()
            followed = leader.followers > 0
            await leader.bye()
            helping.cancel_scope.cancel()
        await storage.seal_and_snapshot(stored, sealer, server.exchange, self.hurry, followed=followed)
