"""`verdict serve`: where all parts meet. It opens the database, recovers, and serves until told to stop."""

import contextlib
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import attrs
import click
import structlog
import trio
from hypercorn.config import Config, Sockets
from quart_trio import QuartTrio

from adapters.access.identity import Identities
from adapters.access.keys import PRIVATE
from adapters.access.login_delays import LoginDelays
from adapters.access.passwords import Passwords
from adapters.access.rate_limits import RateLimits
from adapters.access.tokens import Tokens, lifetimes
from adapters.cli.first_start import (
    ensure_administrator,
    jwt_secret,
    open_exchange,
    open_missing_accounts,
    seal_key,
)
from adapters.cli.main import version
from adapters.http.app import make_app
from adapters.http.metrics import Metrics, Sources
from adapters.http.metrics_door import PATH, MetricsDoor
from adapters.http.probes import Ready, add_operations
from adapters.runtime import garbage
from adapters.runtime.clock import Clock
from adapters.runtime.errors import CommandError, leaves
from adapters.runtime.log import start_logging
from adapters.runtime.settings import Settings, load_settings
from adapters.service.aside import AsideError, aside
from adapters.service.ledger_watch import LedgerWatch
from adapters.service.schedule import audit_regularly, end_trading_windows
from adapters.service.server import Server
from adapters.sockets import listener
from adapters.sockets.connection_limits import ConnectionLimits
from adapters.sockets.websocket import CLOSING
from adapters.stream.connections import Websockets
from adapters.stream.hub import DRAIN
from kernel.actors import Actors
from kernel.exchange import FORM, Exchange
from kernel.journal import JournalError
from persistence import DatabaseUnusableError, lone_errors
from persistence.journal import journal, snapshots, witness_file, witnesses
from persistence.journal.recovery import recover
from persistence.journal.seals import Sealer, SealKey
from persistence.journal.snapshotter import rehearsing
from persistence.journal.witness_file import WitnessFile
from persistence.postgres import database, embedded
from persistence.postgres.database import ConnectionLostError, Database, NoRoomError
from persistence.postgres.migrate import migrate
from persistence.tables.history import History
from persistence.tables.projector_process import Progress, projecting
from persistence.tables.sessions import Sessions
from persistence.tables.sql_audit import check_record
from persistence.tables.users import Users

log = structlog.get_logger(__name__)

LAG_SECONDS_MAX: Final = 10.0
"""Tables further behind than this make queries fail, so the server does not call itself ready."""
GRACE_SECONDS: Final = DRAIN + CLOSING
"""What is under way gets to finish in when the server stops: the stream's commands, and then the goodbyes."""
LAST_WRITES_SECONDS: Final = 5.0
"""What the journal then gets for what was decided: ordinarily a tenth of a second of work. In an outage that
may last, nobody was told of it, and nobody can."""
LAST_SEAL_SECONDS: Final = 5.0
"""One row; the next start seals what this one could not."""
LAST_SNAPSHOT_SECONDS: Final = 60.0
"""Some seconds for millions of orders; without it the next start takes longer."""
IDLE_SECONDS: Final = 20.0
"""For a connection without a request, which includes one whose headers never end."""


@click.command()
def serve() -> None:
    """Serve the exchange: HTTP, websockets, and the page at /docs."""
    settings = load_settings(os.environ)
    start_logging(settings.log)
    run(until_stopped, settings)


def run(main: Callable[..., Awaitable[None]], *arguments: object) -> None:
    """Run a program that has an exchange in it; what keeps it from running is told in one line."""
    os.umask(PRIVATE)
    try:
        trio.run(main, *arguments)
    except* (DatabaseUnusableError, JournalError) as group:
        raise CommandError("\n".join(str(trouble) for trouble in leaves(group))) from group


async def until_stopped(settings: Settings) -> None:
    """Serve until somebody asks for the end; a start ends at once then, for it can be cut off anywhere.

    Whoever asks twice does not want to wait for what the next start can do without.
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
            async with running(settings, Clock(), asked_again) as exchange:
                is_serving.set()
                click.echo(f"API            {exchange.address}/api/v1")
                click.echo(f"documentation  {exchange.address}/docs")
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
    """The address where they are told."""


@contextlib.asynccontextmanager
async def running(
    settings: Settings, clock: Clock, asked_again: trio.Event | None = None
) -> AsyncIterator[Running]:
    """The whole exchange, from its database to its sockets, for as long as the body runs.

    Its end leaves a snapshot behind, unless somebody has `asked_again` for the end.
    """
    hurry = asked_again if asked_again is not None else trio.Event()
    sockets = listening(settings.host, settings.port, "VERDICT_HOST and VERDICT_PORT")
    monitors = listening(
        settings.metrics_host, settings.metrics_port, "VERDICT_METRICS_HOST and VERDICT_METRICS_PORT"
    )
    key = SealKey(await seal_key(settings))
    witness = WitnessFile(settings.data / witness_file.NAME)
    async with database_of(settings) as db, journal.opened(db, witness) as writer:
        await check_witnesses(db, key, witness, writer)
        exchange = await recover(db, key)
        log.info("recovered", head=exchange.head, kernel=FORM)
        clock.start_after(exchange.now)
        garbage.begin()
        actors, sealer = Actors(exchange, writer), Sealer(db, writer, key, witness)
        progress = Progress(durable=exchange.head)
        actors.listeners.append(lambda _decided: progress.wake(actors.durable))
        users, passwords = Users(db), Passwords()
        tokens = Tokens(await jwt_secret(settings), clock, lifetimes(settings))
        unavailable = (ConnectionLostError, DatabaseUnusableError, NoRoomError)
        server = Server(
            settings,
            clock,
            actors,
            History(db),
            progress,
            users,
            Sessions(db),
            tokens,
            Identities(tokens, users, clock, unavailable),
            passwords,
            LoginDelays(),
            RateLimits(settings, clock),
            lambda: check_record(db),
            unavailable,
        )
        async with trio.open_nursery() as deciding:
            await deciding.start(actors.run)
            if exchange.head == 0:
                await open_exchange(actors, clock, sample_markets=settings.sample_markets)
            if not await users.has_admin():
                await ensure_administrator(settings, users, passwords)
            await open_missing_accounts(actors, clock, await users.ids())
            async with (
                projecting(db.url, progress),
                rehearsing(db, key, lambda: actors.durable),
                trio.open_nursery() as helping,
            ):
                progress.wake(actors.durable)
                websockets = Websockets(server)
                await helping.start(websockets.run)
                helping.start_soon(server.identities.run)
                helping.start_soon(end_trading_windows, server)
                helping.start_soon(audit_regularly, server)
                helping.start_soon(LedgerWatch(server).run)
                helping.start_soon(sealer.run)
                helping.start_soon(garbage.run)
                limits = ConnectionLimits(settings, clock)
                metrics = metrics_of(server, websockets, limits, writer)
                app = application(server, metrics, writer)
                helping.start_soon(tell_monitors, metrics, settings, clock, monitors)
                async with serving(app, websockets, sockets, limits):
                    yield Running(server, address_of(sockets), f"{address_of(monitors)}{PATH.decode()}")
                helping.cancel_scope.cancel()
            actors.close()
            deciding.cancel_scope.deadline = trio.current_time() + LAST_WRITES_SECONDS
        if deciding.cancel_scope.cancelled_caught:
            raise JournalError(
                "stopped while the journal could not be written; what was not acknowledged may be lost: "
                f"{writer.trouble or 'PostgreSQL gives no answer'}"
            )
        with trio.move_on_after(LAST_SEAL_SECONDS) as patience:
            await sealer.seal()
        if not patience.cancelled_caught:
            with trio.move_on_after(LAST_SNAPSHOT_SECONDS) as patience:
                await leave_snapshot(db, exchange, key, hurry)
        if patience.cancelled_caught:
            log.warning(
                "stopped without sealing the journal's end or without a snapshot of it",
                why="PostgreSQL gives no answer",
            )


async def check_witnesses(
    db: Database, key: SealKey, witness: WitnessFile, writer: journal.DurableJournal
) -> None:
    """Refuse a journal that a witness knows otherwise; from then on the witness file goes with it."""
    kept = witness.read()
    async with db.borrowed() as connection:
        await witnesses.check(connection, key, kept)
    last_id, digest = writer.end
    if last_id:
        if kept is None:
            log.warning("there is no witness file that could tell of this journal", file=str(witness.file))
        witness.acknowledge(last_id, digest)


async def leave_snapshot(db: Database, exchange: Exchange, key: SealKey, hurry: trio.Event) -> None:
    """So that the next start has nothing to replay. Without it, that start only takes longer."""
    async with trio.open_nursery() as nursery:

        async def write() -> None:
            try:
                await snapshots.write(db, exchange, key, aside)
            except (ConnectionLostError, DatabaseUnusableError, NoRoomError, AsideError, OSError) as trouble:
                log.warning("no snapshot could be written", why=str(trouble))
            nursery.cancel_scope.cancel()

        nursery.start_soon(write)
        await hurry.wait()
        log.warning("no snapshot is written: asked to stop once more")
        nursery.cancel_scope.cancel()


@contextlib.asynccontextmanager
async def database_of(settings: Settings) -> AsyncIterator[Database]:
    """The configured database or one of our own, with the schema."""
    async with contextlib.AsyncExitStack() as stack:
        url = settings.database_url
        if url is None:
            url = await stack.enter_async_context(embedded.running(settings.data))
        db = await stack.enter_async_context(database.opened(url))
        connection = await db.connect()
        await migrate(connection)
        await connection.close()
        yield db


def metrics_of(
    server: Server, websockets: Websockets, limits: ConnectionLimits, writer: journal.DurableJournal
) -> Metrics:
    actors, tables = server.actors, server.projections
    metrics = Metrics(
        Sources(
            actors,
            tables,
            writer.counters,
            lambda: writer.trouble,
            lambda: websockets.connections,
            limits,
            server.clock,
        )
    )
    websockets.hub.observe = metrics.of_submission
    return metrics


async def tell_monitors(metrics: Metrics, settings: Settings, clock: Clock, sockets: Sockets) -> None:
    door = MetricsDoor(metrics.page, settings.metrics_token, clock)
    listeners = [
        trio.SocketListener(trio.socket.from_stdlib_socket(each)) for each in sockets.insecure_sockets
    ]
    await trio.serve_listeners(door.visit, listeners)


def application(server: Server, metrics: Metrics, writer: journal.DurableJournal) -> QuartTrio:
    actors, tables = server.actors, server.projections

    def readiness() -> Ready:
        status = "ready"
        if why := writer.trouble:
            status = f"the journal cannot be written: {why}"
        elif tables.lag_seconds > LAG_SECONDS_MAX:
            status = f"the tables are {tables.lag_seconds:.0f} seconds behind the journal"
        return Ready(status, actors.durable, tables.lag_events, server.clock.trouble or "steady")

    app = make_app(server, metrics)
    add_operations(app, version(), readiness)
    return app


def listening(host: str, port: int, settings: str) -> Sockets:
    """The sockets, taken before anything else is started: whoever is too late finds out at once."""
    config = configuration()
    shown = f"[{host}]" if ":" in host else host
    config.bind = [f"{shown}:{port}"]
    try:
        sockets = config.create_sockets()
        for each in sockets.insecure_sockets:
            each.listen(config.backlog)
    except OSError as trouble:
        raise CommandError(
            f"cannot serve on {shown}:{port}: {trouble.strerror}; choose another address with {settings}"
        ) from None
    return sockets


def address_of(sockets: Sockets) -> str:
    first = sockets.insecure_sockets[0]
    host, port = first.getsockname()[:2]
    return f"http://[{host}]:{port}" if first.family is socket.AF_INET6 else f"http://{host}:{port}"


def configuration() -> Config:
    config = Config()
    config.backlog = 1024
    config.include_server_header = False
    config.keep_alive_timeout = IDLE_SECONDS
    config.keep_alive_max_requests = 1_000_000
    config.graceful_timeout = GRACE_SECONDS
    config.errorlog = logging.getLogger("hypercorn.error")
    return config


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
