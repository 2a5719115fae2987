"""Creates what an exchange needs at its first start: accounts, sample markets, an administrator, keys."""

import secrets
from datetime import UTC, datetime
from typing import Final

import click
import structlog
import trio

from adapters.access.keys import kept_key
from adapters.access.passwords import Passwords
from adapters.access.tables import Users
from adapters.runtime.clock import Clock
from adapters.runtime.errors import CommandError
from adapters.runtime.settings import Settings
from adapters.runtime.times import to_microseconds
from adapters.service.decider import Decider
from adapters.wire.decoding import read_members
from adapters.wire.requests import RegisterBody
from adapters.wire.status import RefusedError
from kernel.answers import Refusal
from kernel.commands import ActivateMarket, AnyCommand, CreateMarket, MarketTerms, OpenAccount, OpenJournal

log = structlog.get_logger(__name__)

BY: Final = "first start"
SECRET_FILE: Final = "jwt_secret"  # noqa: S105 - the name of a file
SEAL_FILE: Final = "seal_key"
OPENED_AT: Final = datetime(2026, 1, 1, tzinfo=UTC)

SAMPLES: Final = (
    (
        "MKT-BTC-100K-2026",
        "Will BTC exceed $100,000 by end of 2026?",
        "Resolves YES if Bitcoin price exceeds $100,000 on any major exchange before 2027-01-01 00:00 UTC.",
        "crypto",
        datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC),
    ),
    (
        "MKT-ETH-10K-2026",
        "Will ETH exceed $10,000 by end of 2026?",
        "Resolves YES if Ethereum price exceeds $10,000 on any major exchange before 2027-01-01 00:00 UTC.",
        "crypto",
        datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC),
    ),
    (
        "MKT-FED-RATE-CUT-2026Q2",
        "Will the Fed cut rates in Q2 2026?",
        (
            "Resolves YES if the Federal Reserve announces a rate cut at any FOMC meeting in April, May,"
            " or June 2026."
        ),
        "economics",
        datetime(2026, 6, 30, 23, 59, 59, tzinfo=UTC),
    ),
)


async def open_exchange(actors: Decider, clock: Clock, *, sample_markets: bool) -> None:
    """The first commands of an empty journal."""
    await execute(actors, OpenJournal(at=clock.now()))
    for market_id, title, description, category, resolution_date in SAMPLES if sample_markets else ():
        terms = MarketTerms(
            title=title,
            description=description,
            category=category,
            trading_start_at=to_microseconds(OPENED_AT),
            resolution_date=to_microseconds(resolution_date),
        )
        await execute(actors, CreateMarket(at=clock.now(), market_id=market_id, terms=terms, by=BY))
        await execute(actors, ActivateMarket(at=clock.now(), market_id=market_id, by=BY))


async def execute(actors: Decider, command: AnyCommand) -> None:
    (outcome,) = await actors.ask(command, correlation_id=BY)
    assert not isinstance(outcome.answer, Refusal), f"{command} was refused: {outcome.answer}"


async def open_missing_accounts(actors: Decider, clock: Clock, user_ids: list[str]) -> None:
    """Open the accounts of users without one: the process may have died after adding their row."""
    for user_id in user_ids:
        if user_id not in actors.exchange.accounts:
            await execute(actors, OpenAccount(at=clock.now(), user_id=user_id))


async def ensure_administrator(settings: Settings, users: Users, passwords: Passwords) -> None:
    """Create the first administrator; if no password is configured, one is generated and printed once."""
    password = settings.admin_password or one_time_password()
    wanted = {"username": settings.admin_username, "email": settings.admin_email, "password": password}
    try:
        body = read_members(RegisterBody, wanted)
    except RefusedError as trouble:
        raise CommandError(
            f"the first administrator cannot be made: {trouble.message} (VERDICT_ADMIN_...)"
        ) from None
    password_hash = await passwords.hash(password)
    user = await users.add(body.username, body.email.lower(), password_hash, "ADMIN")
    if isinstance(user, str):
        raise CommandError(
            f"there is no administrator, and another user has the {user} of the first one: set "
            f"VERDICT_ADMIN_{user.upper()} to a free one, or `verdict user create --role admin`"
        )
    if settings.admin_password is None:
        click.echo(f"administrator  {body.username}, password {password}  (shown this once)")


def one_time_password() -> str:
    """A random password with all the kinds of characters that passwords must have."""
    return f"{secrets.token_urlsafe(12)}aA1"


async def seal_key(settings: Settings) -> str:
    """The configured key, or a generated one, kept so that seals can be verified after a restart."""
    if settings.seal_key is not None:
        return settings.seal_key
    file = settings.data / SEAL_FILE
    key, is_new = await trio.to_thread.run_sync(kept_key, file)
    if is_new:
        log.info("made the key of the seals; keep a copy away from the database's backups", file=str(file))
    return key


async def jwt_secret(settings: Settings) -> str:
    """The configured key, or a generated one, kept so that tokens stay valid after a restart."""
    if settings.jwt_secret is not None:
        return settings.jwt_secret
    file = settings.data / SECRET_FILE
    key, is_new = await trio.to_thread.run_sync(kept_key, file)
    if is_new:
        click.echo(f"token key      made, and kept in {file}; VERDICT_JWT_SECRET overrides it")
    return key
