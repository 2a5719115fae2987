"""`verdict amm`: the market maker, a separate process that uses the public API like any customer."""

import os
import signal
from pathlib import Path

import click
import trio

from adapters.access.keys import PRIVATE
from adapters.cli.brokers import Servers, kafka_settings
from adapters.runtime.errors import CommandError, leaves
from adapters.runtime.log import start_logging
from adapters.runtime.setting_values import LogLevel
from adapters.runtime.settings import DATA_FOLDER
from amm.brain.config_layers import ConfigInvalidError, check_file, read_toml
from amm.live.credentials import BadTokenError
from amm.live.program import CannotBeginError, MarketMaker, Options
from amm.live.state_store import StateStoreError

URL = "http://127.0.0.1:8000"
HOST = "127.0.0.1"
PORT = 8100
FEEDS = ("stream", "kafka")


@click.command()
@click.option("--url", envvar="AMM_URL", default=URL, show_default=True, help="The exchange.")
@click.option("--token-file", type=click.Path(path_type=Path), help="Holds the token, if AMM_TOKEN does not.")
@click.option("--config", envvar="AMM_CONFIG", type=click.Path(path_type=Path), help="Parameters, in TOML.")
@click.option(
    "--state",
    envvar="AMM_STATE",
    type=click.Path(path_type=Path),
    default=DATA_FOLDER / "amm",
    help="The folder that keeps kill latches across restarts.",
)
@click.option("--host", envvar="AMM_HOST", default=HOST, show_default=True, help="Of its state and metrics.")
@click.option("--port", envvar="AMM_PORT", default=PORT, show_default=True, help="Of its state and metrics.")
@click.option("--feed", envvar="FEED", type=click.Choice(FEEDS), default=FEEDS[0], show_default=True)
@click.option("--kafka", envvar="KAFKA_URL", type=Servers("kafka"), help="Where events come from with kafka.")
@click.option("--kafka-client", envvar="KAFKA_CLIENT", type=click.Path(path_type=Path), help="Its settings.")
@click.option("--log", type=click.Choice([*LogLevel]), default=LogLevel.INFO, show_default=True)
@click.option("--check", is_flag=True, help="Only check the parameters.")
def amm(
    url: str,
    token_file: Path | None,
    config: Path | None,
    state: Path,
    host: str,
    port: int,
    feed: str,
    kafka: list[str] | None,
    kafka_client: Path | None,
    log: str,
    check: bool,
) -> None:
    """Quote every market in which the market maker was started.

    AMM_TOKEN holds its service token; with REDIS_URL, that Redis gets a copy of what it knows. With
    FEED=kafka it hears what happens from Kafka's topics, which `verdict relay topics` writes.
    """
    start_logging(LogLevel(log))
    os.umask(PRIVATE)
    config_text = "" if config is None else read(config)
    token = os.environ.get("AMM_TOKEN", "") if token_file is None else read(token_file)
    redis_url = os.environ.get("REDIS_URL") or None
    try:
        if check:
            check_file(read_toml(config_text))
            return
        if not token.strip():
            raise CommandError("AMM_TOKEN is not set: `verdict token` prints a token")
        options = Options(
            url=url.rstrip("/"),
            token=token.strip(),
            state_folder=state,
            config_text=config_text,
            control_host=host,
            control_port=port,
            redis_url=redis_url,
            kafka=kafka_of(kafka, kafka_client) if feed == "kafka" else None,
        )
        quiet = trio.run(until_stopped, MarketMaker(options))
    except* (ConfigInvalidError, CannotBeginError, BadTokenError, StateStoreError) as group:
        raise CommandError("\n".join(str(trouble) for trouble in leaves(group))) from None
    if not quiet:
        raise CommandError("some orders may be left; the exchange's guard removes them")


async def until_stopped(maker: MarketMaker) -> bool:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:

        async def stop_asked() -> None:
            async for _ in signals:
                click.echo("stopping: cancelling all quotes")
                maker.stop.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(stop_asked)
            quiet = await maker.run(click.echo)
            nursery.cancel_scope.cancel()
    return quiet


def kafka_of(servers: list[str] | None, client: Path | None) -> dict[str, str]:
    if servers is None:
        raise CommandError("FEED=kafka needs KAFKA_URL: kafka://host:9092,host2")
    return kafka_settings(servers, client)


def read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as trouble:
        raise CommandError(f"cannot read {path}: {trouble}") from None
