"""`verdict token`: a token for the market maker or a worker, signed with the key that the server uses.

It needs no running server, only the key, from the environment or the data folder. If there is a database, it
is asked for the current token generation, which changes when its user is changed.
"""

import os
from datetime import UTC, datetime
from typing import Final

import click

from adapters.access.keys import read_key
from adapters.access.tokens import SERVICES, Tokens, TokenType, lifetimes
from adapters.cli.first_start import SECRET_FILE
from adapters.cli.rebuild import on_database
from adapters.runtime.clock import Clock
from adapters.runtime.duration import SPAN
from adapters.runtime.errors import CommandError
from adapters.runtime.log import start_logging
from adapters.runtime.setting_values import LogLevel
from adapters.runtime.settings import Settings, load_settings
from adapters.wire.user_responses import WORKER_ID
from kernel.codes import AMM_ID
from persistence.postgres import embedded
from persistence.postgres.database import Database
from persistence.tables.users import Users

WHO: Final = {AMM_ID: "the market maker", WORKER_ID: "a worker"}


@click.command()
@click.option("--access", is_flag=True, help="An ordinary access token, with the limits of ordinary users.")
@click.option("--makers", is_flag=True, help="For a worker of market-making orders; each gets its own.")
@click.option(
    "--for", "seconds", type=SPAN, help="Valid for so long: 45s, 10m, 2h. Default and most: all it may."
)
def token(access: bool, makers: bool, seconds: int | None) -> None:
    """Print a service token for the market maker, or for a worker of market-making orders."""
    if access and makers:
        raise CommandError("a worker has service tokens only: leave out --access")
    start_logging(LogLevel.WARNING)
    kind = TokenType.ACCESS if access else TokenType.SERVICE
    settings = load_settings(os.environ)
    tokens = Tokens(key_of(settings), Clock(), lifetimes(settings))
    longest = tokens.lifetime[kind]
    if seconds is not None and seconds > longest:
        raise CommandError(f"the {kind} token is good for {longest} seconds at most")
    user_id = WORKER_ID if makers else AMM_ID
    generation = generation_now(settings, user_id)
    signed = tokens.issue(user_id, kind, SERVICES[user_id], seconds, generation=generation)
    click.echo(signed)
    until = datetime.fromtimestamp(tokens.read(signed, kind).exp, UTC)
    # Beside the token and not with it, so that $(verdict token) is the token alone.
    click.echo(f"{kind} token of {WHO[user_id]}, valid until {until:%Y-%m-%d %H:%M:%S} UTC", err=True)


def generation_now(settings: Settings, user_id: str) -> int:
    """The current generation of the user's tokens; 0 if there is no exchange yet."""
    if settings.database_url is None and not embedded.cluster_of(settings.data).exists():
        return 0
    found: list[int] = []

    async def look(db: Database) -> None:
        user = await Users(db).find(user_id)
        found.append(0 if user is None else user.token_generation)

    on_database(look)
    return found[0]


def key_of(settings: Settings) -> str:
    if settings.jwt_secret is not None:
        return settings.jwt_secret
    key = read_key(settings.data / SECRET_FILE)
    if key is None:
        raise CommandError(
            f"there is no token key in {settings.data}: start the server once, or set VERDICT_DATA or "
            "VERDICT_JWT_SECRET to what the server has"
        )
    return key
