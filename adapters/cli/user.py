"""`verdict user`: creates and changes users directly in the database.

A running server notices every change at once. This command does not open a new user's account: that takes an
event, which only the server writes, at the user's first login.
"""

import sys
from collections.abc import Awaitable, Callable

import click

from adapters.access.names import is_the_exchanges_own
from adapters.access.passwords import Passwords
from adapters.cli.first_start import one_time_password
from adapters.cli.rebuild import on_database
from adapters.runtime.errors import CommandError
from adapters.wire.decoding import read_members
from adapters.wire.requests import RegisterBody
from adapters.wire.status import RefusedError
from persistence.postgres.database import Database
from persistence.tables.users import Users

NAME = click.argument("username")
ROLES = {"user": "USER", "admin": "ADMIN"}
ROLE = click.Choice(list(ROLES))


@click.group()
def user() -> None:
    """Make users and administrators, shut them out, let them in again.

    A password is asked for without echo, or taken from the first line of standard input when that is no
    terminal. An empty one has a good one made, which is shown once.
    """


@user.command()
@NAME
@click.option("--email", required=True, help="The user's address; nobody else may have it.")
@click.option("--role", type=ROLE, default="user", show_default=True)
def create(username: str, email: str, role: str) -> None:
    """Make a user or an administrator."""
    if is_the_exchanges_own(username):
        raise CommandError(f"{username} is a name of the exchange's own: choose another")
    password, is_made = ask_password()
    accept(username, password, email)

    async def work(users: Users) -> None:
        added = await users.add(username, email.lower(), await Passwords().hash(password), ROLES[role])
        if isinstance(added, str):
            raise CommandError(f"another user has this {added}: choose another")
        click.echo(f"{role} {username} made, with id {added.id}")

    on_users(work)
    show(password, is_made)


@user.command()
@NAME
@click.option("--keep-api-keys", is_flag=True, help="Leave the user's API keys alone.")
def password(username: str, keep_api_keys: bool) -> None:
    """Give a user another password. It ends every token, connection and API key there is."""
    refuse_own(username)
    given, is_made = ask_password()
    accept(username, given)

    async def work(users: Users) -> None:
        if not await users.set_password(
            username, await Passwords().hash(given), revoke_keys=not keep_api_keys
        ):
            raise unknown(username)
        click.echo(f"{username} has another password")

    on_users(work)
    show(given, is_made)


@user.command()
@NAME
@click.argument("role", type=ROLE)
def role(username: str, role: str) -> None:
    """Make somebody an administrator, or a user like any other. It ends what was opened before."""
    refuse_own(username)

    async def work(users: Users) -> None:
        if not await users.set_account_type(username, ROLES[role]):
            raise unknown(username)
        click.echo(f"{username} is {'an administrator' if role == 'admin' else 'a user'} now")

    on_users(work)


@user.command()
@NAME
def disable(username: str) -> None:
    """Keep somebody out, from the next request on. What rests in the books stays there."""
    on_users(lambda users: let_in(users, username, is_active=False))


@user.command()
@NAME
def enable(username: str) -> None:
    """Let somebody in again."""
    on_users(lambda users: let_in(users, username, is_active=True))


async def let_in(users: Users, username: str, *, is_active: bool) -> None:
    found = await users.find_login(username)
    if found is None:
        raise unknown(username)
    await users.set_active(found[0].id, is_active)
    click.echo(f"{username} is {'enabled' if is_active else 'disabled'} now")


def on_users(work: Callable[[Users], Awaitable[None]]) -> None:
    async def on_their_database(db: Database) -> None:
        await work(Users(db))

    on_database(on_their_database)


def ask_password() -> tuple[str, bool]:
    """A password, and whether it was generated here."""
    if sys.stdin.isatty():
        said = click.prompt(
            "password (empty to have one made)",
            default="",
            hide_input=True,
            show_default=False,
            confirmation_prompt="once more",
        )
    else:
        said = sys.stdin.readline().rstrip("\r\n")
    return said or one_time_password(), not said


def accept(username: str, password: str, email: str = "ann@example.org") -> None:
    """Raise CommandError unless these could be registered; the default stands for an unchanged address."""
    try:
        read_members(RegisterBody, {"username": username, "email": email, "password": password})
    except RefusedError as trouble:
        raise CommandError(f"this cannot be: {trouble.message}") from None


def show(password: str, is_made: bool) -> None:
    if is_made:
        click.echo(f"password {password}  (shown this once)")


def refuse_own(username: str) -> None:
    if is_the_exchanges_own(username):
        raise CommandError(f"{username} is the exchange's own, and stays what it is")


def unknown(username: str) -> CommandError:
    return CommandError(f"there is no user {username}")
