"""`verdict makers`: a worker of market-making orders, a program that uses the public API alone.

With `--with-stdin` it ends when its standard input does: so it outlives nobody who has started it, however
that one ends.
"""

import os
import signal
from pathlib import Path

import click
import trio

from adapters.access.keys import PRIVATE
from adapters.runtime.errors import CommandError, leaves
from adapters.runtime.log import start_logging
from adapters.runtime.setting_values import LogLevel
from amm.live.credentials import BadTokenError
from makers.live.mover import Pace
from makers.live.program import Options, Program
from makers.live.worker import Limits
from makers.venues.adapters import ADAPTERS

URL = "http://127.0.0.1:8000"
HOST = "127.0.0.1"
PORT = 8200
USUAL = Limits()
STEADY = Pace()


@click.command()
@click.option("--url", envvar="MAKERS_URL", default=URL, show_default=True, help="The exchange.")
@click.option(
    "--token-file", type=click.Path(path_type=Path), help="Holds the token, if MAKERS_TOKEN does not."
)
@click.option(
    "--in-flight",
    envvar="MAKERS_IN_FLIGHT",
    type=click.IntRange(1, 64),
    default=USUAL.in_flight,
    show_default=True,
    help="Cycles at once.",
)
@click.option(
    "--per-market",
    envvar="MAKERS_PER_MARKET",
    type=click.IntRange(1, 64),
    default=USUAL.per_market,
    show_default=True,
    help="Of one market.",
)
@click.option(
    "--sweep-ms",
    envvar="MAKERS_SWEEP_MS",
    type=click.IntRange(100, 60_000),
    default=USUAL.sweep_ms,
    show_default=True,
    help="Between two looks at all markets, in case that a hint was lost.",
)
@click.option(
    "--renew-ms",
    envvar="MAKERS_RENEW_MS",
    type=click.IntRange(100, 60_000),
    default=USUAL.renew_ms,
    show_default=True,
    help="After which a lease is renewed before more is sent.",
)
@click.option(
    "--margin-ms",
    envvar="MAKERS_MARGIN_MS",
    type=click.IntRange(0, 60_000),
    default=USUAL.margin_ms,
    show_default=True,
    help="By how much a lease is taken for ended early.",
)
@click.option(
    "--venue",
    envvar="MAKERS_VENUE",
    type=click.Choice([*ADAPTERS]),
    help="A market elsewhere: bring orders' money there and back, and quote there.",
)
@click.option("--venue-at", envvar="MAKERS_VENUE_AT", help="Where it is; of `simulated` the file.")
@click.option(
    "--query-ms",
    envvar="MAKERS_QUERY_MS",
    type=click.IntRange(100, 600_000),
    default=STEADY.query_ms,
    show_default=True,
    help="Between two questions to the venue about the same transfer.",
)
@click.option(
    "--quiet-ms",
    envvar="MAKERS_QUIET_MS",
    type=click.IntRange(100, 600_000),
    default=STEADY.quiet_ms,
    show_default=True,
    help="After which quotes are taken off the venue a second time; longer than any lease.",
)
@click.option("--host", envvar="MAKERS_HOST", default=HOST, show_default=True, help="Of its metrics.")
@click.option(
    "--port", envvar="MAKERS_PORT", default=PORT, show_default=True, help="Of its metrics; 0 is none."
)
@click.option(
    "--with-stdin", is_flag=True, help="End with the standard input, whose first line is the token."
)
@click.option("--log", type=click.Choice([*LogLevel]), default=LogLevel.INFO, show_default=True)
def makers(
    url: str,
    token_file: Path | None,
    in_flight: int,
    per_market: int,
    sweep_ms: int,
    renew_ms: int,
    margin_ms: int,
    venue: str | None,
    venue_at: str | None,
    query_ms: int,
    quiet_ms: int,
    host: str,
    port: int,
    with_stdin: bool,
    log: str,
) -> None:
    """Run the cycles of market-making orders, beside any number of other workers.

    MAKERS_TOKEN holds its service token: `verdict token --makers` prints one, and each worker needs its own.
    """
    start_logging(LogLevel(log))
    os.umask(PRIVATE)
    if with_stdin:
        token = read_line(0)
    elif token_file is not None:
        token = read(token_file)
    else:
        token = os.environ.get("MAKERS_TOKEN", "")
    if not token.strip():
        raise CommandError("MAKERS_TOKEN is not set: `verdict token --makers` prints a token")
    if (venue is None) is not (venue_at is None):
        raise CommandError("--venue and --venue-at need each other")
    try:
        program = Program(
            Options(
                url=url.rstrip("/"),
                token=token.strip(),
                limits=Limits(
                    in_flight=in_flight,
                    per_market=per_market,
                    sweep_ms=sweep_ms,
                    renew_ms=renew_ms,
                    margin_ms=margin_ms,
                ),
                venue=None if venue is None or venue_at is None else (venue, ADAPTERS[venue](venue_at)),
                pace=Pace(sweep_ms=sweep_ms, query_ms=query_ms, quiet_ms=quiet_ms),
                metrics_host=host,
                metrics_port=port,
            )
        )
        trio.run(until_stopped, program, with_stdin)
    except* (BadTokenError, OSError) as group:
        raise CommandError("\n".join(str(trouble) for trouble in leaves(group))) from None


async def until_stopped(program: Program, with_stdin: bool) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:

        async def stop_asked() -> None:
            async for _ in signals:
                click.echo("stopping: finishing the cycles that are begun")
                program.worker.stop.set()

        async def input_ended() -> None:
            async with trio.lowlevel.FdStream(os.dup(0)) as given:
                async for _ in given:
                    pass
            program.worker.stop.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(stop_asked)
            if with_stdin:
                nursery.start_soon(input_ended)
            await program.run(click.echo)
            nursery.cancel_scope.cancel()


def read_line(descriptor: int) -> str:
    """Up to the end of the line and not a byte further: what comes later is waited for elsewhere."""
    line = b""
    while (byte := os.read(descriptor, 1)) not in (b"", b"\n"):
        line += byte
    return line.decode(errors="replace")


def read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as trouble:
        raise CommandError(f"cannot read {path}: {trouble}") from None
