"""`verdict replay`: the journal from its first row, to count it, to look at the past, or to verify it."""

import os
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import click

from adapters.access.keys import read_key
from adapters.cli.first_start import SEAL_FILE
from adapters.cli.moment import account_lines, market_lines, order_lines, table
from adapters.cli.rebuild import bar, on_database
from adapters.runtime.errors import CommandError
from adapters.runtime.settings import load_settings
from adapters.service.orders_told import OrdersTold
from adapters.wire import render
from kernel.events import Fact, Fill
from kernel.exchange import Exchange
from persistence.journal.pages import DamagedError
from persistence.journal.seals import SealKey, check_public_key
from persistence.postgres.database import Connection, Database
from persistence.tables.verify_tables import Findings
from persistence.tools.replay import Verification, frozen_view, head_of, id_at
from persistence.tools.replay import replay as replay_journal

Wanted = tuple[str, str]
"""A kind of thing, and the id of one."""


class Moment(click.ParamType[datetime]):
    """RFC 3339, or the beginning of it; without an offset it is UTC."""

    name = "time"

    def convert(
        self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time like 2026-11-20T12:00:00Z", param, ctx)
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


class PublicKey(click.ParamType[bytes]):
    """The public half of a key of seals, as the server's log tells it."""

    name = "key"

    def convert(self, value: str | bytes, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        if isinstance(value, bytes):
            return value
        try:
            public = bytes.fromhex(value)
            check_public_key(public)
        except ValueError:
            self.fail(f"{value!r} is no Ed25519 public key of 64 hexadecimal digits", param, ctx)
        return public


@click.command()
@click.option(
    "--verify", is_flag=True, help="Hold journal, invariants, newest snapshot and tables to each other."
)
@click.option("--to", type=click.IntRange(min=1), metavar="ID", help="Replay up to this journal id.")
@click.option("--at", type=Moment(), metavar="TIME", help="Replay up to this moment (RFC 3339).")
@click.option(
    "--show",
    type=(click.Choice(["market", "account", "order"]), str),
    multiple=True,
    metavar="KIND ID",
    help="Show a market, account or order as it was then; can be given again.",
)
@click.option(
    "--public-key",
    "public_keys",
    type=PublicKey(),
    multiple=True,
    metavar="HEX",
    help="With --verify: whose seals count, instead of this exchange's own; can be given again.",
)
def replay(
    verify: bool,
    to: int | None,
    at: datetime | None,
    show: tuple[Wanted, ...],
    public_keys: tuple[bytes, ...],
) -> None:
    """Rebuild the state from the journal alone; print what it held and its digest."""
    if to is not None and at is not None:
        raise click.UsageError("--to and --at say the same thing: give one of them")
    if verify and (to is not None or at is not None or show):
        raise click.UsageError("--verify takes the whole journal: give it alone")
    if public_keys and not verify:
        raise click.UsageError("--public-key is for --verify")

    async def work(db: Database) -> None:
        async with frozen_view(db) as connection:
            if verify:
                await verify_all(connection, public_keys or own_public_key())
            else:
                await show_moment(connection, to, at, show)

    on_database(work)


async def show_moment(
    connection: Connection, to: int | None, at: datetime | None, show: tuple[Wanted, ...]
) -> None:
    head = await head_of(connection)
    if to is not None and to > head:
        raise CommandError(f"row {to} is not there: the journal ends with row {head}")
    end = to if to is not None else head if at is None else await id_at(connection, at)
    orders = {name for kind, name in show if kind == "order"}
    fills: list[Fact] = []

    def watch(fact: Fact) -> None:
        match fact.event:
            case Fill(order_id=maker, counterparty_order_id=taker) if orders & {maker, taker}:
                fills.append(fact)
            case _:
                pass

    begun = time.monotonic()
    with bar("replaying the journal") as progress:
        exchange, counts = await replay_journal(connection, end, progress, watch, orders)
    if show:
        click.echo(f"as of row {exchange.head}, {render.time(exchange.now)}")
        for wanted in show:
            click.echo("")
            for line in lines_of(exchange, wanted, fills):
                click.echo(line)
    else:
        summarize(exchange, counts, time.monotonic() - begun)


def summarize(exchange: Exchange, counts: Counter[str], seconds: float) -> None:
    for line in table([(name, f"{count:,}") for name, count in counts.most_common()] or [("(no events)",)]):
        click.echo(line)
    events = counts.total()
    until = f", the last at {render.time(exchange.now)}" if events else ""
    click.echo(f"{events:,} events in {seconds:.1f} s ({events / max(seconds, 1e-9):,.0f} a second){until}")
    click.echo(f"digest {exchange.digest()}")


def lines_of(exchange: Exchange, wanted: Wanted, fills: list[Fact]) -> Iterator[str]:
    match wanted:
        case "market", name if name in exchange.markets:
            return market_lines(exchange.markets[name])
        case "account", name if name in exchange.accounts:
            return account_lines(exchange.accounts[name])
        case "order", name if name in (orders := OrdersTold(exchange)):
            return order_lines(orders[name], fills)
        case kind, name:
            raise CommandError(f"there was no {kind} {name} as of row {exchange.head}")


def own_public_key() -> tuple[bytes, ...]:
    """The public half of this exchange's own key; nothing if there is no key, for none is generated here."""
    settings = load_settings(os.environ)
    secret = settings.seal_key or read_key(settings.data / SEAL_FILE)
    return () if secret is None else (SealKey(secret).public,)


async def verify_all(connection: Connection, public_keys: tuple[bytes, ...]) -> None:
    begun = time.monotonic()
    verification = Verification(connection, public_keys=public_keys)
    damage = None
    with bar("verifying the journal") as progress:
        try:
            await verification.run(progress)
        except DamagedError as error:
            damage = error
    summarize(verification.exchange, verification.counts, time.monotonic() - begun)
    for check, findings in verification.findings.items():
        click.echo(f"{check}: {verdict_on(findings, damage)}{verification.notes.get(check, '')}")
        for words in findings.words:
            click.echo(f"  {words}")
        if findings.count > len(findings.words):
            click.echo(f"  and {findings.count - len(findings.words):,} more")
    if damage is not None:
        raise CommandError(str(damage))
    if any(findings.count for findings in verification.findings.values()):
        raise CommandError("this does not verify: keep a copy of the database before you do anything else")


def verdict_on(findings: Findings, damage: DamagedError | None) -> str:
    if findings.count:
        return f"{findings.count:,} things wrong"
    return "ok" if damage is None else "ok as far as the journal could be read"
