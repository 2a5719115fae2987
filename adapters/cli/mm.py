"""`verdict mm`: market-making orders, as the tables have them, whether the server runs or not.

It only looks, but for one thing: `reconcile` says where an order's money is. That goes through the API, which
asks who says so, and why.
"""

import sys
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import click
import httpx
import msgspec

from adapters.cli.rebuild import on_database
from adapters.runtime.errors import CommandError
from kernel.making_edges import MmCaseOutcome, MmState
from persistence.postgres.columns import Row
from persistence.postgres.database import Database
from persistence.tables.history import History

STATES = click.Choice([state.value for state in MmState])
ORDER = click.argument("order_id")


OUTCOMES = click.Choice([outcome.value for outcome in MmCaseOutcome])
URL = "http://127.0.0.1:8000"
PATIENCE = 30.0
"""Seconds for which a server is waited for."""


@click.group()
def mm() -> None:
    """Look at market-making orders, and close their cases."""


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


@mm.command()
@ORDER
@click.argument("outcome", type=OUTCOMES)
@click.option("--as", "username", required=True, help="The administrator who says so.")
@click.option("--evidence", required=True, help="What it rests on.")
@click.option("--reason", required=True, help="What the owner reads.")
@click.option("--cash", type=click.IntRange(min=0), help="Of RECOVERED_TO_ESCROW: the cents that are back.")
@click.option("--yes", type=click.IntRange(min=0), help="The YES shares that are back.")
@click.option("--no", type=click.IntRange(min=0), help="The NO shares that are back.")
@click.option("--url", default=URL, show_default=True, help="The exchange.")
def reconcile(
    order_id: str,
    outcome: str,
    username: str,
    evidence: str,
    reason: str,
    cash: int | None,
    yes: int | None,
    no: int | None,
    url: str,
) -> None:
    """Say where an order's money is, of which no rule could tell.

    The password is asked for without echo, or taken from the first line of standard input when that is no
    terminal. A loss, or cash that differs from what was sent, another administrator has to say as well.
    """
    wanted = id_of(order_id)
    observed = {"observed_cash_cents": cash, "observed_yes_shares": yes, "observed_no_shares": no}
    wish: dict[str, str | int] = {"outcome": outcome, "evidence": evidence, "reason": reason}
    wish |= {name: value for name, value in observed.items() if value is not None}
    login = {"username": username, "password": password_of(username)}
    try:
        with httpx.Client(base_url=f"{url}/api/v1", timeout=PATIENCE) as http:
            token = data_of(http.post("/auth/login", json=login))["access_token"]
            path, who = f"/admin/market-making/orders/{wanted}/reconcile", f"Bearer {token}"
            found = data_of(http.post(path, json=wish, headers={"Authorization": who}))
    except (httpx.HTTPError, httpx.InvalidURL) as trouble:
        why = " ".join(str(trouble).split())[:200]
        raise CommandError(f"no exchange answers at {url[:200]}: {why}") from None
    number, state = found["case"]["number"], found["order"]["state"]
    if found["waits"]:
        click.echo(f"case {number} waits for another administrator, who must say the same within a day")
    else:
        click.echo(f"case {number} is closed; the order is {state}")


def password_of(username: str) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt(f"password of {username}", hide_input=True))


def data_of(answer: httpx.Response) -> Any:
    """What was answered, or the refusal in one line."""
    try:
        envelope = msgspec.json.decode(answer.content)
        data, code, message = envelope["data"], envelope["code"], envelope["message"]
    except (msgspec.DecodeError, KeyError, TypeError):
        raise CommandError(f"this is no exchange: it answered {answer.status_code}") from None
    if code:
        raise CommandError(f"{code}: {' '.join(str(message).split())}")
    return data


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
