"""`verdict serve`: where all parts meet. It opens the database, recovers, and serves until told to stop."""

import contextlib
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Final, Protocol

import attrs
import click
import structlog
import trio
from hypercorn.config import Sockets
from quart_trio import QuartTrio

from adapters.access.identity import Identities
from adapters.access.keys import PRIVATE
from adapters.access.login_delays import LoginDelays
from adapters.access.passwords import Passwords
from adapters.access.rate_limits import RateLimits
from adapters.access.tokens import Tokens, lifetimes
from adapters.cli import storage
from adapters.cli.first_start import (
    ensure_administrator,
    jwt_secret,
    open_exchange,
    open_missing_accounts,
)
from adapters.cli.listening import address_of, bound, configuration
from adapters.cli.main import version
from adapters.cli.storage import UNAVAILABLE
from adapters.cli.together import serve_together
from adapters.http.app import make_app
from adapters.http.metrics import Metrics, MetricSources, Standing
from adapters.http.metrics_server import PATH, MetricsServer
from adapters.http.probes import Ready, add_probes
from adapters.http.web_page import add_page
from adapters.link.follower import TurnedAwayError
from adapters.link.freshness import Freshness
from adapters.link.leader import Leader
from adapters.link.node import DivergedError
from adapters.link.program import program
from adapters.runtime import garbage
from adapters.runtime.clock import Clock
from adapters.runtime.errors import CommandError, leaves
from adapters.runtime.log import start_logging
from adapters.runtime.settings import Settings, load_settings
from adapters.runtime.times import to_datetime
from adapters.service import brakes
from adapters.service.decider import Decider
from adapters.service.forgetting import Forgetting
from adapters.service.ledger_watch import LedgerWatch
from adapters.service.schedule import audit_regularly, begin_anew, tick_regularly
from adapters.service.server import READ_TIMEOUT, CheckAge, Server
from adapters.service.tickers import MINUTE_LENGTH, Tickers, first_minute, traded_days
from adapters.service.worker_child import worker_running
from adapters.sockets import listener
from adapters.sockets.connection_limits import ConnectionLimits
from adapters.stream.websockets import Websockets
from kernel.actors import Actors, Listener
from kernel.exchange import FORM
from kernel.journal import JournalError
from persistence import DatabaseUnusableError, lone_errors
from persistence.journal.journal import Counters, DurableJournal
from persistence.journal.recovery import recover
from persistence.journal.seals import Sealer
from persistence.journal.snapshotter import snapshotter_running
from persistence.postgres.database import Database
from persistence.tables.api_keys import ApiKeys
from persistence.tables.history import History
from persistence.tables.projector_process import ProjectorProgress, projector_running
from persistence.tables.sessions import Sessions
from persistence.tables.sql_audit import check_record
from persistence.tables.traded_days import read_traded_days
from persistence.tables.users import Users

log = structlog.get_logger(__name__)

LAG_SECONDS_MAX: Final = 10.0
"""Tables further behind than this make queries fail, so the server does not call itself ready."""
FOLLOWERS_MAX: Final = 32
LAST_WRITES_SECONDS: Final = 5.0
"""What the journal then gets for what was decided: ordinarily a tenth of a second of work. In an outage that
may last, nobody was told of it, and nobody can."""


@click.command()
@click.option(
    "--followers",
    type=click.IntRange(0, FOLLOWERS_MAX),
    default=0,
    show_default=True,
    help="Processes beside the one that decides, on the same port: they share what callers ask.",
)
def serve(followers: int) -> None:
    """Serve the exchange: a web page, the API, and its description at /docs."""
    settings = load_settings(os.environ)
    start_logging(settings.log)
    if followers:
        run(serve_together, settings, followers)
    else:
        run(until_stopped, settings, running)


def run(main: Callable[..., Awaitable[None]], *arguments: object) -> None:
    """Run a program that has an exchange in it; what keeps it from running is told in one line."""
    os.umask(PRIVATE)
    try:
        trio.run(main, *arguments)
    except* (DatabaseUnusableError, JournalError, DivergedError, TurnedAwayError) as group:
        raise CommandError("\n".join(str(trouble) for trouble in leaves(group))) from group


async def stop_with_stdin() -> None:
    """Whoever started this process holds the other end of its standard input, and is gone when that is."""
    async with trio.lowlevel.FdStream(os.dup(0)) as stdin:
        async for _ in stdin:
            pass
    os.kill(os.getpid(), signal.SIGTERM)


class Run(Protocol):
    """How an exchange is run."""

    def __call__(
        self, settings: Settings, clock: Clock, asked_again: trio.Event
    ) -> AbstractAsyncContextManager["Running"]: ...


async def until_stopped(settings: Settings, running: Run, *, with_stdin: bool = False) -> None:
    """Serve until a signal; one that comes during the start ends it at once, since nothing is lost by that.

    A second signal skips what the next start can do without.
    """
    is_serving, asked, asked_again = trio.Event(), trio.Event(), trio.Event()
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals, lone_errors():
        async with trio.open_nursery() as nursery:

            async def listen() -> None:
                async for _ in signals:
                    (asked_again if asked.is_set() else asked).set()
                    if not is_serving.is_set():
                        nursery.cancel_scope.cancel()

            nursery.start_soon(listen)
            if with_stdin:
                nursery.start_soon(stop_with_stdin)
            async with running(settings, Clock(), asked_again) as exchange:
                is_serving.set()
                show_addresses(exchange)
                click.echo(f"metrics        {exchange.metrics}")
                click.echo("Ctrl-C stops it.")
                await asked.wait()
                click.echo("stopping")
            nursery.cancel_scope.cancel()


@attrs.frozen
class Running:
    """An exchange that serves."""

    server: Server
    address: str
    metrics: str
    """The address of its metrics."""


def show_addresses(exchange: Running) -> None:
    """First the one for people, then those for programs and their authors."""
    if exchange.server.settings.page:
        click.echo(f"open           {exchange.address}/")
    click.echo(f"API            {exchange.address}/api/v1")
    click.echo(f"documentation  {exchange.address}/docs")


@contextlib.asynccontextmanager
async def running(
    settings: Settings, clock: Clock, asked_again: trio.Event | None = None
) -> AsyncIterator[Running]:
    """The whole exchange, from its database to its sockets, for as long as the body runs.

    Its end leaves a snapshot behind, unless somebody has `asked_again` for the end.
    """
    hurry = asked_again if asked_again is not None else trio.Event()
    api_sockets, metrics_sockets = bound_sockets(settings)
    async with storage.opened(settings) as stored:
        exchange = await recover(stored.db, stored.key)
        log.info("recovered", head=exchange.head, kernel=FORM)
        clock.start_after(exchange.now)
        garbage.begin()

        actors = Actors(exchange, stored.journal)
        sealer = Sealer(stored.db, stored.journal, stored.key, stored.witness)
        progress = ProjectorProgress(durable=exchange.head)
        limits = ConnectionLimits(settings, clock)
        check_age = Freshness(
            actors,
            lambda: leader.has_led_others,
            lambda: stored.journal.age,
            lambda: settings.takeover_ms / 1000,
            lambda: READ_TIMEOUT,
        ).check
        server = server_of(
            settings,
            clock,
            actors,
            stored.db,
            progress,
            await jwt_secret(settings),
            await tickers_of(stored.db, clock),
            lambda: connections_of(websockets, limits),
            check_age,
        )

        async with deciding(actors, stored.journal):
            await make_usable(server, Users(stored.db))

            # All that was decided is durable here: whoever listens begins with what the exchange holds.
            websockets = Websockets(server)
            leader = leader_of(server, actors, stored.journal, websockets)
            metrics = metrics_of(
                server,
                websockets,
                limits,
                stored.journal.counters,
                lambda: stored.journal.trouble,
                lambda: Standing(True, leader.followers, 0, stored.journal.age),
            )
            app = application(server, metrics, partial(trouble_of, stored.journal))
            actors.listeners += [
                *listeners(lambda: progress.wake(actors.durable), websockets, server.tickers),
                metrics.hear,
                brakes.hear,
                leader.hear,
            ]
            progress.wake(actors.durable)
            background: list[Callable[[], Awaitable[None]]] = [
                server.identities.run,
                *what_only_a_leader_does(server, sealer),
                garbage.run,
                partial(serve_metrics, metrics, settings, clock, metrics_sockets),
            ]
            async with (
                projector_running(stored.db.url, progress),
                snapshotter_running(stored.db, stored.key, lambda: actors.durable),
                trio.open_nursery() as helping,
            ):
                await helping.start(websockets.run)
                await helping.start(leader.serve, settings.data)
                for task in background:
                    helping.start_soon(task)
                async with (
                    serving(app, websockets, api_sockets, limits),
                    worker_running(server, address_of(api_sockets)),
                ):
                    metrics_address = f"{address_of(metrics_sockets)}{PATH.decode()}"
                    yield Running(server, address_of(api_sockets), metrics_address)
                followed = leader.followers > 0
                await leader.bye()
                helping.cancel_scope.cancel()
        await storage.seal_and_snapshot(stored, sealer, exchange, hurry, followed=followed)


def bound_sockets(settings: Settings) -> tuple[Sockets, Sockets]:
    """For the API and for the metrics."""
    return (
        bound(settings.host, settings.port, "VERDICT_HOST and VERDICT_PORT", share=settings.share_port),
        bound(settings.metrics_host, settings.metrics_port, "VERDICT_METRICS_HOST and VERDICT_METRICS_PORT"),
    )


async def tickers_of(db: Database, clock: Clock) -> Tickers:
    past = await read_traded_days(db, to_datetime(first_minute(clock.now()) * MINUTE_LENGTH))
    return Tickers(traded_days(*past))


def connections_of(websockets: Websockets, limits: ConnectionLimits) -> dict[str, int]:
    of = websockets.connections
    return {
        "http": limits.counts.total - sum(of.values()),
        "feeds": of["feeds"],
        "streams": of["commands"],
    }


def listeners(wake: Callable[[], None], websockets: Websockets, tickers: Tickers) -> list[Listener]:
    """In the order in which they hear of what has become durable.

    The tables' writer takes longest, so it begins first; a guard stands before its user is told so; results
    and private events go out before public feeds.
    """
    return [
        lambda _: wake(),
        websockets.guards.hear,
        websockets.hub.hear,
        tickers.hear,
        websockets.feeds.hear,
    ]


def what_only_a_leader_does(server: Server, sealer: Sealer) -> list[Callable[[], Awaitable[None]]]:
    return [
        partial(tick_regularly, server),
        partial(audit_regularly, server),
        Forgetting(server).run,
        LedgerWatch(server).run,
        sealer.run,
    ]


def leader_of(server: Server, actors: Actors, writer: DurableJournal, websockets: Websockets) -> Leader:
    """The link to those who follow, of a process that leads."""
    return Leader(
        actors,
        writer,
        server.clock,
        websockets.guards,
        server.rate_limits,
        lambda: writer.age,
        program(),
        lambda: os.kill(os.getpid(), signal.SIGTERM),
    )


def server_of(
    settings: Settings,
    clock: Clock,
    actors: Decider,
    db: Database,
    progress: ProjectorProgress,
    jwt_secret: str,
    tickers: Tickers,
    connections: Callable[[], dict[str, int]],
    check_age: CheckAge,
) -> Server:
    users, api_keys = Users(db), ApiKeys(db)
    tokens = Tokens(jwt_secret, clock, lifetimes(settings))
    return Server(
        settings=settings,
        clock=clock,
        actors=actors,
        history=History(db),
        projections=progress,
        users=users,
        sessions=Sessions(db),
        api_keys=api_keys,
        tokens=tokens,
        identities=Identities(tokens, users, api_keys, clock, UNAVAILABLE),
        passwords=Passwords(),
        login_delays=LoginDelays(),
        rate_limits=RateLimits(settings, clock),
        check_record=lambda: check_record(db),
        unavailable=UNAVAILABLE,
        version=version(),
        connections=connections,
        check_age=check_age,
        tickers=tickers,
    )


@contextlib.asynccontextmanager
async def deciding(actors: Actors, writer: DurableJournal) -> AsyncIterator[None]:
    """Have commands decided while the body runs; then wait until what was decided is on the disk."""
    async with trio.open_nursery() as nursery:
        await nursery.start(actors.run)
        yield
        actors.close()
        nursery.cancel_scope.deadline = trio.current_time() + LAST_WRITES_SECONDS
    if nursery.cancel_scope.cancelled_caught:
        raise JournalError(
            "stopped while the journal could not be written; what was not acknowledged may be lost: "
            f"{writer.trouble or 'PostgreSQL gives no answer'}"
        )


async def make_usable(server: Server, users: Users) -> None:
    """Make what is missing before anybody can use the exchange; after the first start mostly nothing is."""
    actors, clock, settings = server.actors, server.clock, server.settings
    if actors.exchange.head == 0:
        await open_exchange(actors, clock, sample_markets=settings.sample_markets)
    else:
        await begin_anew(server)
    if not await users.has_admin():
        await ensure_administrator(settings, users, server.passwords)
    await open_missing_accounts(actors, clock, await users.ids())


def metrics_of(
    server: Server,
    websockets: Websockets,
    limits: ConnectionLimits,
    counters: Counters,
    trouble: Callable[[], str],
    standing: Callable[[], Standing],
) -> Metrics:
    metrics = Metrics(
        MetricSources(
            actors=server.actors,
            projections=server.projections,
            journal=counters,
            trouble=trouble,
            websockets=lambda: websockets.connections,
            limits=limits,
            clock=server.clock,
            standing=standing,
        )
    )
    websockets.hub.observe = metrics.of_submission
    return metrics


async def serve_metrics(metrics: Metrics, settings: Settings, clock: Clock, sockets: Sockets) -> None:
    server = MetricsServer(metrics.page, settings.metrics_token, clock)
    await trio.serve_listeners(server.serve, listener.listeners_on(sockets))


def application(server: Server, metrics: Metrics, trouble: Callable[[], str]) -> QuartTrio:
    actors, tables = server.actors, server.projections

    def readiness() -> Ready:
        status = "ready"
        if why := trouble():
            status = why
        elif tables.lag_seconds > LAG_SECONDS_MAX:
            status = f"the tables are {tables.lag_seconds:.0f} seconds behind the journal"
        return Ready(status, actors.durable, tables.lag_events, server.clock.trouble or "steady")

    app = make_app(server, metrics)
    has_page = server.settings.page
    add_probes(app, version(), readiness, has_page=has_page)
    if has_page:
        add_page(app)
    return app


def trouble_of(writer: DurableJournal) -> str:
    return f"the journal cannot be written: {writer.trouble}" if writer.trouble else ""


@contextlib.asynccontextmanager
async def serving(
    app: QuartTrio, websockets: Websockets, sockets: Sockets, limits: ConnectionLimits
) -> AsyncIterator[None]:
    """Take requests while the body runs; then finish what is under way."""
    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        await nursery.start(serve_sockets, app, websockets, sockets, limits, stop)
        try:
            yield
        finally:
            stop.set()


async def serve_sockets(
    app: QuartTrio,
    websockets: Websockets,
    sockets: Sockets,
    limits: ConnectionLimits,
    stop: trio.Event,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    await listener.serve(
        app,
        configuration(),
        websockets,
        sockets=sockets,
        limits=limits,
        shutdown_trigger=stop.wait,
        task_status=task_status,
    )
