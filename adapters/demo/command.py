"""`verdict demo`: an exchange with simulated traders, for people who want to see it before they read.

It serves like `verdict serve`, in a data folder of its own, and its traders use the public API. It refuses to
start in an exchange that has real users.
"""

import os
import signal
import sys
import time
from pathlib import Path

import attrs
import click
import httpx
import trio
from rich.console import Console
from rich.live import Live

from adapters.cli.serve import Running, run, running, show_addresses
from adapters.demo.traders import NAME_PREFIX, Tally, open_markets, register, run_traders
from adapters.demo.view import Board, Screen, totals, watch_markets
from adapters.runtime.clock import Clock
from adapters.runtime.duration import SPAN
from adapters.runtime.errors import CommandError
from adapters.runtime.log import start_logging
from adapters.runtime.setting_values import LogLevel
from adapters.runtime.settings import Settings, load_settings
from adapters.service.server import Server
from adapters.wire.user_responses import AccountType

FOLDER = "demo"
"""Within the data folder, beside the exchange proper."""
REDRAW_SECONDS = 0.25
REPORT_SECONDS = 2.0
"""Where there is no terminal to draw on, a line now and then."""


@click.command()
@click.option("--for", "seconds", type=SPAN, help="End by itself after so long: 30s, 10m, 2h.")
def demo(seconds: int | None) -> None:
    """Serve an exchange with simulated traders in it, and show what they do."""
    settings = load_settings(os.environ)
    if not os.environ.get("VERDICT_DATA"):
        settings = attrs.evolve(settings, data=settings.data / FOLDER)
    # Many traders share one address, and they are faster than people.
    settings = attrs.evolve(settings, rate_limits=False, sample_markets=True)
    start_logging(LogLevel.ERROR)
    run(show, settings, seconds)


async def show(settings: Settings, seconds: int | None) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with running(settings, Clock()) as exchange:
            await leave_alone_if_in_use(exchange.server)
            tally = Tally()
            began = time.monotonic()
            async with (
                httpx.AsyncClient(base_url=exchange.address, timeout=30) as http,
                trio.open_nursery() as nursery,
            ):
                nursery.start_soon(perform, http, exchange, tally, began)
                with trio.move_on_after(seconds if seconds is not None else float("inf")):
                    async for _ in signals:
                        break
                nursery.cancel_scope.cancel()
            summarize(exchange.server, tally, time.monotonic() - began, settings)


async def leave_alone_if_in_use(server: Server) -> None:
    for account_id in server.exchange.accounts:
        user = await server.users.find(account_id)
        if (
            user is not None
            and user.account_type == AccountType.USER
            and not user.username.startswith(NAME_PREFIX)
        ):
            raise CommandError(
                f"this exchange has users of its own ({user.username}): give the demo another place with "
                "VERDICT_DATA or DATABASE_URL"
            )


async def perform(http: httpx.AsyncClient, exchange: Running, tally: Tally, began: float) -> None:
    """The traders, and a screen to watch them on."""
    guest = await register(http, "guest")
    markets = await open_markets(http)
    if not markets:
        raise CommandError(
            "no market of this exchange is open: remove the demo's data folder, or activate one"
        )
    show_addresses(exchange)
    click.echo(f"trade along    as {guest.username}, password {guest.password}")
    click.echo("Ctrl-C ends it.")
    screen = Screen([Board(market["id"], market["title"]) for market in markets], tally)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_traders, http, markets, tally)
        nursery.start_soon(watch_markets, screen, http)
        if sys.stdout.isatty():
            await draw(screen, began)
        else:
            await report(tally, began)


async def draw(screen: Screen, began: float) -> None:
    with Live(console=Console(), auto_refresh=False, transient=True) as live:
        while True:
            live.update(screen.draw(f"Verdict, {time.monotonic() - began:.0f} s"), refresh=True)
            await trio.sleep(REDRAW_SECONDS)


async def report(tally: Tally, began: float) -> None:
    while True:
        await trio.sleep(REPORT_SECONDS)
        click.echo(f"{time.monotonic() - began:.0f} s   {totals(tally)}")


def summarize(server: Server, tally: Tally, seconds: float, settings: Settings) -> None:
    scenarios = ", ".join(f"{name} {count:,}" for name, count in tally.scenarios.most_common())
    refusals = ", ".join(f"{code} {count:,} times" for code, count in tally.refusals.most_common())
    violations = server.exchange.audit()
    click.echo(f"after {seconds:.0f} s   {totals(tally)}")
    click.echo(f"trades         {scenarios or 'none'}")
    click.echo(f"refusals       {refusals or 'none'}")
    click.echo(f"invariants     {f'{len(violations)} violations' if violations else 'all hold'}")
    where = "" if settings.database_url else f"VERDICT_DATA={shown(settings.data)} "
    click.echo(f"verify it      {where}./verdict replay --verify")
    if violations:
        raise CommandError(f"this should not be: {violations[0]}")


def shown(folder: Path) -> Path:
    return folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
