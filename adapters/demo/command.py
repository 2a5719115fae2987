"""`verdict demo`: an exchange with simulated traders, for people who want to see it before they read.

It serves like `verdict serve`, in a data folder of its own, and its traders use the public API. People may
trade along and find everything again the next time; an exchange that was not begun as a demo is left alone.
"""

import os
import signal
import time
from pathlib import Path

import attrs
import click
import httpx
import trio
from rich.console import Console
from rich.live import Live

from adapters.access.keys import PRIVATE, kept_key
from adapters.cli.first_start import SECRET_FILE
from adapters.cli.serve import Running, run, running, show_addresses
from adapters.demo.questions import ask_missing
from adapters.demo.traders import NAME_PREFIX, Tally, open_markets, register, run_traders
from adapters.demo.view import BOARDS, Board, Screen, totals, watch_markets
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
ADMINISTRATOR_FILE = "administrator"
"""What the administrator's password is made of, so that each start can tell it."""
REDRAW_SECONDS = 0.25


@click.command()
@click.option("--for", "seconds", type=SPAN, help="End by itself after so long: 30s, 10m, 2h.")
@click.option("--terminal", is_flag=True, help="Draw books and trades here, too.")
def demo(seconds: int | None, terminal: bool) -> None:
    """Serve an exchange with simulated traders in it, to watch in a browser and to trade along."""
    settings = load_settings(os.environ)
    if not os.environ.get("VERDICT_DATA"):
        settings = attrs.evolve(settings, data=settings.data / FOLDER)
    # Many traders share one address, and they are faster than people.
    settings = attrs.evolve(settings, rate_limits=False, sample_markets=True)
    start_logging(LogLevel.ERROR)
    run(show, with_keys(settings), seconds, terminal)


def with_keys(settings: Settings) -> Settings:
    """Its keys are made ahead, so that the first line a newcomer reads is the address to open."""
    os.umask(PRIVATE)
    token_key = settings.jwt_secret or kept_key(settings.data / SECRET_FILE)[0]
    password = settings.admin_password or f"{kept_key(settings.data / ADMINISTRATOR_FILE)[0][:14]}aA1"
    return attrs.evolve(settings, jwt_secret=token_key, admin_password=password)


async def show(settings: Settings, seconds: int | None, terminal: bool) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with running(settings, Clock()) as exchange:
            await leave_alone_if_no_demo(exchange.server)
            await ask_missing(exchange.server)
            tally = Tally()
            began = time.monotonic()
            async with (
                httpx.AsyncClient(base_url=exchange.address, timeout=30) as http,
                trio.open_nursery() as nursery,
            ):
                nursery.start_soon(perform, http, exchange, tally, began, terminal)
                with trio.move_on_after(seconds if seconds is not None else float("inf")):
                    async for _ in signals:
                        break
                nursery.cancel_scope.cancel()
            summarize(exchange.server, tally, time.monotonic() - began, settings)


async def leave_alone_if_no_demo(server: Server) -> None:
    """A demo is an exchange whose first user was a demo's trader; who came later is welcome in it."""
    users = [await server.users.find(account_id) for account_id in server.exchange.accounts]
    people = [user for user in users if user is not None and user.account_type == AccountType.USER]
    first = min(people, key=lambda user: user.created_at, default=None)
    if first is not None and not first.username.startswith(NAME_PREFIX):
        raise CommandError(
            f"this exchange has users of its own ({first.username}): give the demo another place with "
            "VERDICT_DATA or DATABASE_URL"
        )


async def perform(
    http: httpx.AsyncClient, exchange: Running, tally: Tally, began: float, terminal: bool
) -> None:
    """The traders, and what there is to read about them."""
    guest = await register(http, "guest")
    show_addresses(exchange)
    click.echo(f"trade along    register there, or be {guest.username}, password {guest.password}")
    await tell_of_the_administrator(exchange.server)
    click.echo("Ctrl-C ends it; the next demo goes on from there.")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_traders, http, tally)
        if terminal:
            oldest = (await open_markets(http))[-BOARDS:]
            screen = Screen([Board(market["id"], market["title"]) for market in oldest], tally)
            nursery.start_soon(watch_markets, screen, http)
            await draw(screen, began)


async def tell_of_the_administrator(server: Server) -> None:
    """Unless the password was changed, or is that of another exchange with the same database."""
    settings = server.settings
    password = settings.admin_password or ""
    found = await server.users.find_login(settings.admin_username)
    if found is not None and await server.passwords.fits(password, found[1], ""):
        click.echo(f"administrator  {settings.admin_username}, password {password}")


async def draw(screen: Screen, began: float) -> None:
    with Live(console=Console(), auto_refresh=False, transient=True) as live:
        while True:
            live.update(screen.draw(f"Verdict, {time.monotonic() - began:.0f} s"), refresh=True)
            await trio.sleep(REDRAW_SECONDS)


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
