"""Registering, logging in, and refreshing a token.

A user is a row in the table and an account in the exchange. The row comes first; should the process die
before the account is opened, the next start or the next login opens it.
"""

from adapters import shapes
from adapters.bodies import LoginBody, RefreshBody, RegisterBody
from adapters.identity import AccountType, User, disabled
from adapters.names import is_reserved
from adapters.render_rows import row_time
from adapters.routes import Call, NoQuery, Reply
from adapters.server import Server
from adapters.status import Fault, RefusedError
from adapters.tokens import LIFETIME, TokenError, TokenType
from kernel.commands import OpenAccount


async def register(server: Server, call: Call[RegisterBody, NoQuery]) -> Reply[shapes.RegisteredShape]:
    """Become a user, with an empty account."""
    body = call.body
    user: User | str = "username"
    if not is_reserved(body.username):
        password_hash = await server.passwords.hash(body.password)
        user = await server.users.add(body.username, body.email.lower(), password_hash, "USER")
    if user == "username":
        raise RefusedError(Fault.USERNAME_EXISTS, f"The username {body.username} is taken")
    if isinstance(user, str):
        raise RefusedError(Fault.EMAIL_EXISTS, "Another user has this e-mail address")
    seen = await ensure_account(server, user.id, call.request_id)
    data = shapes.RegisteredShape(user.id, user.username, user.email, row_time(user.created_at))
    return Reply(data, 201, seen)


async def ensure_account(server: Server, user_id: str, request_id: str) -> int | None:
    """Open the user's account if it has none."""
    if user_id in server.exchange.accounts:
        return None
    command = OpenAccount(at=server.clock.now(), user_id=user_id)
    return (await server.decide(command, request_id)).seen


async def log_in(server: Server, call: Call[LoginBody, NoQuery]) -> Reply[shapes.LoggedInShape]:
    """Exchange a password for an access token and a refresh token."""
    found = await server.users.find_login(call.body.username)
    user, password_hash = found if found is not None else (None, None)
    # The password is judged first and for everybody: neither words nor time tell who is a user.
    if not await server.passwords.fits(call.body.password, password_hash) or user is None:
        raise RefusedError(Fault.WRONG_PASSWORD, "Wrong username or password")
    if not user.is_active:
        raise disabled()
    await ensure_account(server, user.id, call.request_id)
    data = shapes.LoggedInShape(
        server.tokens.issue(user.id, TokenType.ACCESS, user.account_type),
        server.tokens.issue(user.id, TokenType.REFRESH, user.account_type),
        "Bearer",
        LIFETIME[TokenType.ACCESS],
        shapes.UserShape(user.id, user.username, user.email, AccountType(user.account_type)),
    )
    return Reply(data)


async def refresh(server: Server, call: Call[RefreshBody, NoQuery]) -> Reply[shapes.RefreshedShape]:
    """A new access token for a refresh token."""
    try:
        claims = server.tokens.read(call.body.refresh_token, TokenType.REFRESH)
    except TokenError as trouble:
        raise refresh_token_invalid(str(trouble)) from None
    user = await server.users.find(claims.sub)
    if user is None:
        raise refresh_token_invalid("the token is of no user")
    if not user.is_active:
        raise disabled()
    token = server.tokens.issue(user.id, TokenType.ACCESS, user.account_type)
    return Reply(shapes.RefreshedShape(token, "Bearer", LIFETIME[TokenType.ACCESS]))


def refresh_token_invalid(why: str) -> RefusedError:
    return RefusedError(Fault.REFRESH_TOKEN_INVALID, f"Refresh token refused: {why}")
