"""`verdict relay`: tells the events of the topics to readers behind a message broker."""

import contextlib
import functools
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import attrs
import click
import trio
import trio_asyncio  # type: ignore[import-untyped]  # it comes without types

from adapters.access.keys import read_key
from adapters.cli.brokers import Servers, kafka_settings
from adapters.cli.first_start import SEAL_FILE
from adapters.cli.rebuild import bar, on_database
from adapters.cli.storage import UNAVAILABLE
from adapters.relay import jetstream, kafka, watching
from adapters.relay.broker import Broker
from adapters.relay.relay import Relay
from adapters.runtime import garbage
from adapters.runtime.errors import CommandError, leaves
from adapters.runtime.log import start_logging
from adapters.runtime.setting_values import LogLevel
from adapters.runtime.settings import load_settings
from persistence.journal import following, wal
from persistence.journal.following import Follower
from persistence.journal.pages import DamagedError
from persistence.journal.seals import SealKey
from persistence.postgres.database import Connection, Database
from persistence.postgres.locks import Lock


@attrs.frozen
class Turn:
    """The journal in a database, for the one relay whose turn it is."""

    connection: Connection
    key: SealKey | None

    async def head(self) -> int:
        journal_id, _ = await wal.end(self.connection)
        return journal_id

    async def following(self, journal_id: int) -> Follower:
        with bar("reading the journal") as progress:
            follower = await following.following(self.connection, self.key, journal_id, progress)
        garbage.begin()
        return follower


@click.group()
def relay() -> None:
    """Tell what happens to readers behind a message broker."""


@relay.command()
@click.argument("servers", type=Servers("nats", "kafka"))
@click.option(
    "--from",
    "since",
    default="now",
    show_default=True,
    metavar="now|start|ID",
    help="Where new streams or topics begin; those that are there go on where they end.",
)
@click.option(
    "--client",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Settings of Kafka's client, such as security.protocol=SASL_SSL, a line each.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where /metrics and /ready are served.")
@click.option("--port", type=click.IntRange(0, 65_535), help="And on which port; without it they are not.")
def topics(servers: list[str], since: str, client: Path | None, host: str, port: int | None) -> None:
    """Publish the events of the topics to NATS JetStream or Kafka, each exactly once, until stopped.

    SERVERS is like nats://host:4222 or kafka://host:9092; with three of them or more what is sent is kept on
    three.
    """
    lock: int
    connected: Callable[[], AbstractAsyncContextManager[Broker]]
    if servers[0].startswith("kafka://"):
        lock, settings_of_client = Lock.KAFKA, kafka_settings(servers, client)
        connected = functools.partial(kafka.connected, settings_of_client)
    elif client is not None:
        raise click.UsageError("--client is for kafka://; for NATS all is said by its address")
    else:
        lock, connected = Lock.JETSTREAM, functools.partial(jetstream.connected, servers)

    async def work(db: Database) -> None:
        start_logging(LogLevel.INFO)
        settings = load_settings(os.environ)
        secret = settings.seal_key or read_key(settings.data / SEAL_FILE)
        key = SealKey(secret) if secret is not None else None

        @contextlib.asynccontextmanager
        async def turn() -> AsyncIterator[Turn | None]:
            async with following.turn(db, lock) as connection:
                yield Turn(connection, key) if connection is not None else None

        told = Relay(turn, connected, behind(since), UNAVAILABLE, (DamagedError,))
        async with trio_asyncio.open_loop(), trio.open_nursery() as nursery:
            with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
                if port is not None:
                    click.echo(f"metrics        {await watched(nursery, told, host, port)}/metrics")
                nursery.start_soon(garbage.run)
                nursery.start_soon(told.run)
                await anext(signals)
                nursery.cancel_scope.cancel()

    on_database(work)


async def watched(nursery: trio.Nursery, relay: Relay, host: str, port: int) -> str:
    try:
        address: str = await nursery.start(watching.serve, relay.standing, host, port)
        return address
    except* OSError as group:
        (trouble, *_) = leaves(group)
        raise CommandError(f"cannot serve on {host}:{port}: {trouble}") from None


def behind(since: str) -> int | None:
    """The journal id behind which to begin; None is the end of the journal."""
    match since:
        case "now":
            return None
        case "start":
            return 0
        case _ if since.isdecimal():
            return int(since)
        case _:
            raise click.UsageError(f"--from takes now, start or a journal id, not {since!r}")
