"""Registering, logging in and out, and the sessions in between.

A user is a row in the table and an account in the exchange. The row comes first; if the process dies before
the account is opened, the next start or the next login opens it.

A session is continued by refresh tokens, each of which is used once. A token's name determines that of its
successor, so for a short time a refresh can be answered again in case the answer was lost. A used token that
is shown later than that has been copied, so the session ends for everybody.
"""

import contextlib
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import UNSET

from adapters.access.identity import disabled
from adapters.access.names import is_reserved
from adapters.access.tables import User
from adapters.access.tokens import TokenError, TokenType, fresh_name, hash_of
from adapters.operations.operation import Call, NoQuery, Reply
from adapters.runtime.times import MICROSECONDS, to_datetime
from adapters.service.server import Server
from adapters.wire import user_responses
from adapters.wire.render_rows import row_time
from adapters.wire.requests import EmptyBody, LoginBody, RefreshBody, RegisterBody
from adapters.wire.status import Fault, RefusedError, malformed
from adapters.wire.user_responses import AccountType
from kernel.codes import Code
from kernel.commands import OpenAccount

GRACE: Final = timedelta(seconds=10)
"""How long a used refresh token is still answered: a lost answer must not sign a person out."""
CHAIN: Final = 8
"""How many successors of a token may have been used within the grace period."""
REFRESH_COOKIE: Final = "verdict_refresh"
COOKIE_PATH: Final = "/api/v1/auth"
"""Browsers send the cookie to these routes only, so no other site can make them use it elsewhere."""


async def register(
    server: Server, call: Call[RegisterBody, NoQuery]
) -> Reply[user_responses.RegisteredShape]:
    """Become a user, with an empty account."""
    body = call.body
    user: User | str = "username"
    if not is_reserved(body.username):
        password_hash = await server.passwords.hash(body.password, call.client.address)
        user = await server.users.add(body.username, body.email.lower(), password_hash, "USER")
    if user == "username":
        raise RefusedError(Fault.USERNAME_EXISTS, f"The username {body.username} is taken")
    if isinstance(user, str):
        raise RefusedError(Fault.EMAIL_EXISTS, "Another user has this e-mail address")
    seen = await ensure_account(server, user.id, call.request_id)
    data = user_responses.RegisteredShape(user.id, user.username, user.email, row_time(user.created_at))
    return Reply(data, 201, seen)


async def ensure_account(server: Server, user_id: str, request_id: str) -> int | None:
    """Open the user's account if it has none."""
    if user_id in server.exchange.accounts:
        return None
    command = OpenAccount(at=server.clock.now(), user_id=user_id)
    return (await server.decide(command, request_id)).seen


async def log_in(server: Server, call: Call[LoginBody, NoQuery]) -> Reply[user_responses.LoggedInShape]:
    """Exchange a password for an access token and a refresh token, which begin a session."""
    if call.body.cookie and call.client.is_elsewhere:
        raise RefusedError(Code.NOT_ALLOWED, "A page of another origin signs no browser in")
    user = await authenticate(server, call)
    if not user.is_active:
        raise disabled()
    await ensure_account(server, user.id, call.request_id)
    name, now = fresh_name(), server.clock.wall()
    session_id = await server.sessions.begin(
        user.id, user.token_generation, hash_of(name), to_datetime(now), oldest_live(server, now)
    )
    if session_id is None:
        raise wrong_password()  # it was right a moment ago; meanwhile the user was changed
    server.identities.forget(user.id)
    access_token, refresh_token = token_pair(
        server, user, user.token_generation, session_id, name, now // MICROSECONDS
    )
    data = user_responses.LoggedInShape(
        access_token=access_token,
        refresh_token=UNSET if call.body.cookie else refresh_token,
        token_type="Bearer",  # noqa: S106 - a word of the protocol
        expires_in=server.tokens.lifetime[TokenType.ACCESS],
        user=user_responses.UserShape(user.id, user.username, user.email, AccountType(user.account_type)),
    )
    return Reply(data, cookie=cookie_header(server, call, refresh_token) if call.body.cookie else None)


async def authenticate(server: Server, call: Call[LoginBody, NoQuery]) -> User:
    """The user with this name and password; raises if they are wrong, or come too soon after wrong ones."""
    body, address, delays = call.body, call.client.address, server.login_delays
    attempt = delays.begin(body.username, address)
    try:
        found = await server.users.find_login(body.username)
        user, password_hash = found if found is not None else (None, None)
        # A hash is verified even if there is no such user: neither words nor time tell who is a user.
        fits = await server.passwords.fits(body.password, password_hash, address)
    except BaseException:
        delays.not_judged(attempt)
        raise
    if not fits or user is None:
        delays.failed(attempt)
        raise wrong_password()
    delays.succeeded(attempt)
    return user


async def refresh(server: Server, call: Call[RefreshBody, NoQuery]) -> Reply[user_responses.RefreshedShape]:
    """A new access token and a new refresh token for a refresh token, which is used up."""
    token = refresh_token_of(call)
    if token is None:
        raise refresh_token_invalid("there is none, in the body or as a cookie: log in")
    try:
        claims = server.tokens.read(token, TokenType.REFRESH)
    except TokenError as trouble:
        raise refresh_token_invalid(str(trouble)) from None
    user = await server.users.find(claims.sub)
    if user is None or claims.sid is None or claims.jti is None:
        raise refresh_token_invalid("the token is of no session")
    if not user.is_active:
        raise disabled()
    if claims.gen != user.token_generation:
        raise refresh_token_invalid("the token is from before a change of its user: log in again")
    names = [claims.jti]
    while len(names) <= CHAIN:
        names.append(server.tokens.successor(names[-1]))
    now = to_datetime(server.clock.wall())
    used_at = await server.sessions.use(claims.sid, user.id, [*map(hash_of, names)], now, GRACE)
    if used_at is None:
        server.identities.forget(user.id)
        raise refresh_token_invalid("the session has ended: log in again")
    access_token, refresh_token = token_pair(
        server, user, claims.gen, claims.sid, names[1], int(used_at.timestamp())
    )
    by_cookie = call.body.refresh_token is None
    data = user_responses.RefreshedShape(
        access_token=access_token,
        refresh_token=UNSET if by_cookie else refresh_token,
        token_type="Bearer",  # noqa: S106 - a word of the protocol
        expires_in=server.tokens.lifetime[TokenType.ACCESS],
    )
    return Reply(data, cookie=cookie_header(server, call, refresh_token) if by_cookie else None)


async def log_out(server: Server, call: Call[RefreshBody, NoQuery]) -> Reply[user_responses.NothingShape]:
    """End the session of a refresh token, and all that was opened in it."""
    token = refresh_token_of(call)
    if token is None:
        raise malformed(("refresh_token", "is missing"))
    with contextlib.suppress(TokenError):  # what opens nothing any more is as logged out as can be
        claims = server.tokens.read(token, TokenType.REFRESH)
        now = to_datetime(server.clock.wall())
        if claims.sid is not None and await server.sessions.end(claims.sid, claims.sub, now):
            server.identities.forget(claims.sub)
    by_cookie = call.body.refresh_token is None
    return Reply(
        user_responses.NothingShape(), cookie=cookie_header(server, call, None) if by_cookie else None
    )


async def get_sessions(server: Server, call: Call[EmptyBody, NoQuery]) -> Reply[user_responses.SessionsShape]:
    """One's own sessions that live, newest first."""
    live = await server.sessions.live(call.user.user_id, oldest_live(server, server.clock.wall()))
    own = call.user.claims.sid
    return Reply(
        user_responses.SessionsShape(
            [
                user_responses.SessionShape(
                    one.id, row_time(one.created_at), row_time(one.last_used_at), one.id == own
                )
                for one in live
            ]
        )
    )


async def end_session(server: Server, call: Call[EmptyBody, NoQuery]) -> Reply[user_responses.NothingShape]:
    """End one of one's own sessions, and all that was opened in it; again changes nothing."""
    user_id = call.user.user_id
    if await server.sessions.end(call.path["session_id"], user_id, to_datetime(server.clock.wall())):
        server.identities.forget(user_id)
    return Reply(user_responses.NothingShape())


def oldest_live(server: Server, now: int) -> datetime:
    """Sessions last used before this have expired, together with their last refresh tokens."""
    return to_datetime(now) - timedelta(seconds=server.tokens.lifetime[TokenType.REFRESH])


def token_pair(
    server: Server, user: User, generation: int, session_id: str, name: str, at: int
) -> tuple[str, str]:
    """A new access token, and the refresh token called `name`, issued at `at`."""
    issue, role = server.tokens.issue, user.account_type
    of: dict[str, Any] = {"generation": generation, "session_id": session_id}
    return (
        issue(user.id, TokenType.ACCESS, role, **of),
        issue(user.id, TokenType.REFRESH, role, name=name, at=at, **of),
    )


def refresh_token_of(call: Call[RefreshBody, NoQuery]) -> str | None:
    """The refresh token in the body, or else in the cookie."""
    token = call.body.refresh_token
    return token if token is not None else call.client.refresh_cookie


def cookie_header(server: Server, call: Call[Any, NoQuery], token: str | None) -> str:
    """The Set-Cookie value that stores a refresh token in a browser, or with None removes it."""
    seconds = 0 if token is None else server.tokens.lifetime[TokenType.REFRESH]
    secure = "; Secure" if call.client.by_https else ""
    return (
        f"{REFRESH_COOKIE}={token or ''}; Max-Age={seconds}; Path={COOKIE_PATH}; HttpOnly; "
        f"SameSite=Strict{secure}"
    )


def wrong_password() -> RefusedError:
    return RefusedError(Fault.WRONG_PASSWORD, "Wrong username or password")


def refresh_token_invalid(why: str) -> RefusedError:
    return RefusedError(Fault.REFRESH_TOKEN_INVALID, f"Refresh token refused: {why}")
