"""`verdict relay`: tells the events of the topics to readers behind a message broker."""

import contextlib
import os
import signal
from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import urlsplit

import attrs
import click
import trio
import trio_asyncio  # type: ignore[import-untyped]  # it comes without types

from adapters.access.keys import read_key
from adapters.cli.first_start import SEAL_FILE
from adapters.cli.rebuild import bar, on_database
from adapters.cli.storage import UNAVAILABLE
from adapters.relay import jetstream
from adapters.relay.relay import Relay
from adapters.runtime.log import start_logging
from adapters.runtime.setting_values import LogLevel
from adapters.runtime.settings import load_settings
from persistence.journal import following, wal
from persistence.journal.following import Follower
from persistence.journal.recovery import DamagedError
from persistence.journal.seals import SealKey
from persistence.postgres.database import Connection, Database

LOCK: Final = 8_653_215_573
"""An arbitrary number: the relay that holds this advisory lock tells the topics to JetStream."""
SCHEMES: Final = ("nats", "tls")


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
            return await following.following(self.connection, self.key, journal_id, progress)


class Servers(click.ParamType[list[str]]):
    """nats://user:password@host:4222,host2,host3"""

    name = "servers"

    def convert(
        self, value: str | list[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> list[str]:
        if isinstance(value, list):
            return value
        scheme, separator, hosts = value.partition("://")
        servers = [f"{scheme}://{host}" for host in hosts.split(",")]
        try:
            well_formed = separator and scheme in SCHEMES
            well_formed = well_formed and all(
                urlsplit(one).hostname and urlsplit(one).port != 0 for one in servers
            )
        except ValueError:
            well_formed = False
        if not well_formed:
            self.fail("must look like nats://host:4222,host2,host3, or tls:// instead of nats://", param, ctx)
        login, at, _ = hosts.partition(",")[0].rpartition("@")
        return [one if "@" in one else one.replace("://", f"://{login}{at}", 1) for one in servers]


@click.group()
def relay() -> None:
    """Tell what happens to readers behind a message broker."""


@relay.command()
@click.argument("servers", type=Servers())
@click.option(
    "--from",
    "since",
    default="now",
    show_default=True,
    metavar="now|start|ID",
    help="Where a new stream begins; one that is there goes on where it ends.",
)
def topics(servers: list[str], since: str) -> None:
    """Publish the events of the topics to NATS JetStream, each exactly once, until stopped.

    SERVERS is like nats://host:4222; with three of them or more the streams are kept on three.
    """

    async def work(db: Database) -> None:
        start_logging(LogLevel.INFO)
        settings = load_settings(os.environ)
        secret = settings.seal_key or read_key(settings.data / SEAL_FILE)
        key = SealKey(secret) if secret is not None else None

        @contextlib.asynccontextmanager
        async def turn() -> AsyncIterator[Turn | None]:
            async with following.turn(db, LOCK) as connection:
                yield Turn(connection, key) if connection is not None else None

        told = Relay(turn, lambda: jetstream.connected(servers), behind(since), UNAVAILABLE, (DamagedError,))
        async with trio_asyncio.open_loop(), trio.open_nursery() as nursery:
            with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
                nursery.start_soon(told.run)
                await anext(signals)
                nursery.cancel_scope.cancel()

    on_database(work)


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
