"""What users do with their own credentials: password, address, API keys, and ending what is open.

Each change names the token generation that its caller was let in with, and is made only while the user still
has it. So of two changes at a time one wins, and what a stolen token begins does not survive the change of
password that is to end it.
"""

from typing import Any

from msgspec import UNSET

from adapters.access.api_keys import PREFIX, SHOWN, fresh_key, hash_of_key
from adapters.access.identity import not_authenticated
from adapters.access.tables import ApiKey, User
from adapters.access.tokens import TokenType, fresh_name, hash_of
from adapters.operations.operation import Call, NoQuery, Reply
from adapters.operations.users import cookie_header, oldest_live, token_pair
from adapters.runtime.times import MICROSECONDS, to_datetime, to_microseconds
from adapters.service.server import Server
from adapters.wire import user_responses
from adapters.wire.render_rows import row_time
from adapters.wire.requests import ApiKeyBody, EmailBody, EmptyBody, LogOutAllBody, PasswordBody
from adapters.wire.scopes import scopes_of, stored
from adapters.wire.status import Fault, RefusedError, malformed
from kernel.limits import LAST_TIME


async def get_profile(server: Server, call: Call[EmptyBody, NoQuery]) -> Reply[user_responses.ProfileShape]:
    """Who the caller is, and what the API key opens, if it is one."""
    caller = call.user
    user = await server.users.find(caller.user_id)
    if user is None:
        raise changed_meanwhile()
    return Reply(
        user_responses.ProfileShape(
            user.id,
            user.username,
            user.email,
            caller.account_type,
            row_time(user.created_at),
            caller.scopes,
        )
    )


async def change_password(
    server: Server, call: Call[PasswordBody, NoQuery]
) -> Reply[user_responses.RefreshedShape]:
    """Another password, and a new session. It ends all others, and API keys unless told otherwise."""
    body = call.body
    user = await confirmed(server, call, body.current_password)
    password_hash = await server.passwords.hash(body.new_password, call.client.address)
    name, now = fresh_name(), server.clock.wall()
    begun = await server.sessions.begin_with_password(
        user.id,
        user.token_generation,
        password_hash,
        hash_of(name),
        to_datetime(now),
        oldest_live(server, now),
        revoke_keys=body.revoke_api_keys is not False,
    )
    if begun is None:
        raise changed_meanwhile()
    server.identities.forget(user.id)
    session_id, generation = begun
    access_token, refresh_token = token_pair(server, user, generation, session_id, name, now // MICROSECONDS)
    data = user_responses.RefreshedShape(
        access_token=access_token,
        refresh_token=UNSET if body.cookie else refresh_token,
        token_type="Bearer",  # noqa: S106 - a word of the protocol
        expires_in=server.tokens.lifetime[TokenType.ACCESS],
    )
    return Reply(data, cookie=cookie_header(server, call, refresh_token) if body.cookie else None)


async def log_out_everywhere(
    server: Server, call: Call[LogOutAllBody, NoQuery]
) -> Reply[user_responses.LoggedOutShape]:
    """End every session of the user, and all that was opened in one; API keys only if told so."""
    user_id = call.user.user_id
    revoked = await server.sessions.end_all(
        user_id,
        call.user.claims.gen,
        to_datetime(server.clock.wall()),
        revoke_keys=call.body.revoke_api_keys is True,
    )
    if revoked is None:
        raise changed_meanwhile()
    server.identities.forget(user_id)
    return Reply(user_responses.LoggedOutShape(revoked))


async def change_email(server: Server, call: Call[EmailBody, NoQuery]) -> Reply[user_responses.EmailShape]:
    """Another e-mail address, at once. It ends nothing."""
    user = await confirmed(server, call, call.body.current_password)
    email = call.body.new_email.lower()
    trouble = await server.users.set_email(user.id, user.token_generation, email)
    if trouble == "email":
        raise RefusedError(Fault.EMAIL_EXISTS, "Another user has this e-mail address")
    if trouble is not None:
        raise changed_meanwhile()
    return Reply(user_responses.EmailShape(user.id, email))


async def confirmed(server: Server, call: Call[Any, NoQuery], password: str) -> User:
    """The caller's row, if this is its password, which takes as long to tell whether it is or not."""
    found = await server.users.find_login(call.user.username)
    user, password_hash = found if found is not None else (None, None)
    if not await server.passwords.fits(password, password_hash, call.client.address):
        raise RefusedError(Fault.CURRENT_PASSWORD_WRONG, "The current password is another")
    if user is None or (user.id, user.token_generation) != (call.user.user_id, call.user.claims.gen):
        raise changed_meanwhile()
    return user


# API keys


async def create_api_key(
    server: Server, call: Call[ApiKeyBody, NoQuery]
) -> Reply[user_responses.NewApiKeyShape]:
    """Make an API key. The answer shows it, this once."""
    body, caller, now = call.body, call.user, server.clock.wall()
    ends_at = to_microseconds(body.expires_at) if body.expires_at is not None else None
    if ends_at is not None and not now < ends_at <= LAST_TIME:
        raise malformed(("expires_at", "must be in the future, and of the years to 2999"))
    secret = fresh_key()
    key_hash = hash_of_key(secret)
    assert key_hash is not None
    added = await server.api_keys.add(
        caller.user_id,
        caller.claims.gen,
        key_hash,
        name=body.name,
        prefix=secret.removeprefix(PREFIX)[:SHOWN],
        scopes=stored(body.scopes),
        at=to_datetime(now),
        expires_at=to_datetime(ends_at) if ends_at is not None else None,
    )
    match added:
        case "changed":
            raise changed_meanwhile()
        case "name":
            raise RefusedError(Fault.API_KEY_NAME_USED, f"Another active API key is called {body.name}")
        case "many":
            raise RefusedError(Fault.TOO_MANY_API_KEYS, "Too many API keys: revoke one first")
        case key:
            server.identities.forget(caller.user_id)
            return Reply(user_responses.NewApiKeyShape(**members_of(key), secret=secret), 201)


async def get_api_keys(server: Server, call: Call[EmptyBody, NoQuery]) -> Reply[user_responses.ApiKeysShape]:
    """One's own API keys, newest first, revoked and expired ones too."""
    keys = await server.api_keys.of_user(call.user.user_id)
    return Reply(user_responses.ApiKeysShape([shape_of(key) for key in keys]))


async def revoke_api_key(server: Server, call: Call[EmptyBody, NoQuery]) -> Reply[user_responses.ApiKeyShape]:
    """End an API key, and all that was opened with it; again changes nothing."""
    user_id = call.user.user_id
    key = await server.api_keys.revoke(call.path["key_id"], user_id, to_datetime(server.clock.wall()))
    if key is None:
        raise RefusedError(Fault.API_KEY_NOT_FOUND, f"API key not found: {call.path['key_id']}")
    server.identities.forget(user_id)
    return Reply(shape_of(key))


def shape_of(key: ApiKey) -> user_responses.ApiKeyShape:
    return user_responses.ApiKeyShape(**members_of(key))


def members_of(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "prefix": key.prefix,
        "scopes": scopes_of(key.scopes),
        "created_at": row_time(key.created_at),
        "expires_at": row_time(key.expires_at) if key.expires_at is not None else None,
        "last_used_at": row_time(key.last_used_at) if key.last_used_at is not None else None,
        "revoked_at": row_time(key.revoked_at) if key.revoked_at is not None else None,
    }


def changed_meanwhile() -> RefusedError:
    return not_authenticated("the token is from before a change of its user: log in again")
