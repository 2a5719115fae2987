"""`verdict mm`: market-making orders, as the tables have them, whether the server runs or not.

It only looks. What an administrator does to an order goes through the API, which asks who it is, and why.
"""

import uuid
from collections.abc import Awaitable, Callable

import click
import msgspec

from adapters.cli.rebuild import on_database
from adapters.runtime.errors import CommandError
from kernel.making_edges import MmState
from persistence.postgres.columns import Row
from persistence.postgres.database import Database
from persistence.tables.history import History

STATES = click.Choice([state.value for state in MmState])
ORDER = click.argument("order_id")


@click.group()
def mm() -> None:
    """Look at market-making orders."""


@mm.command("list")
@click.option("--state", type=STATES, help="Only orders in this state.")
@click.option("--user", "user_id", help="Only this user's, by id.")
@click.option("--market", "market_id", help="Only those of this market.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
def list_orders(state: str | None, user_id: str | None, market_id: str | None, limit: int) -> None:
    """One line an order, the newest first."""

    async def look(history: History) -> None:
        for row in await history.making_orders(state, user_id, market_id, limit):
            click.echo(
                f"{row['order_id']}  {row['state']:<18} {row['market_id']}  user {row['user_id']}"
                f"  in {row['paid_in_cents']}  out {row['paid_out_cents']}  since {moment(row)}"
            )

    on_history(look)


@mm.command()
@ORDER
def show(order_id: str) -> None:
    """All that the tables know of one order."""
    wanted = id_of(order_id)

    async def look(history: History) -> None:
        for name, value in (await found(history, wanted)).items():
            click.echo(f"{name:<22} {value if value is not None else '-'}")

    on_history(look)


@mm.command()
@ORDER
@click.option("--after", type=click.IntRange(min=0), default=0, help="Only what came after this entry.")
def events(order_id: str, after: int) -> None:
    """The trail of an order: each step, through whom, and why."""
    wanted = id_of(order_id)

    async def look(history: History) -> None:
        await found(history, wanted)
        seq = after
        while rows := await history.trail(wanted, seq, 100):
            for row in rows:
                click.echo(entry(row))
            seq = rows[-1]["seq"]

    on_history(look)


def entry(row: Row) -> str:
    """One line of a trail."""
    way = f"{row['from_state'] or '(new)'} -> {row['to_state']}"
    who = row["actor_type"] if row["actor_id"] is None else f"{row['actor_type']} {row['actor_id']}"
    data = msgspec.json.decode(row["data"])
    more = f"  {msgspec.json.encode(data).decode()}" if data else ""
    line = f"{row['seq']:>4}  {row['created_at']:%Y-%m-%d %H:%M:%S}  {row['kind']:<11} {way}"
    return f"{line}  {row['reason']} by {who}{more}"


def moment(row: Row) -> str:
    return f"{row['created_at']:%Y-%m-%d %H:%M:%S}"


def id_of(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise CommandError(f"{text[:80]!r} is not the id of an order") from None


async def found(history: History, order_id: str) -> Row:
    row = await history.making_order(order_id)
    if row is None:
        raise CommandError(f"there is no market-making order {order_id}")
    return row


def on_history(look: Callable[[History], Awaitable[None]]) -> None:
    async def work(db: Database) -> None:
        await look(History(db))

    on_database(work)
