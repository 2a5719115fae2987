"""The tokens of programs of the exchange: the market maker, and workers of market-making orders."""

from typing import Final

from adapters.access.tokens import SERVICES, TokenType
from adapters.operations.operation import Call, NoQuery, Reply
from adapters.runtime.times import MICROSECONDS, to_datetime
from adapters.service.server import Server
from adapters.wire import admin_responses
from adapters.wire.requests import EmptyBody
from adapters.wire.status import Fault, RefusedError
from adapters.wire.user_responses import WORKER_ID
from kernel.codes import AMM_ID

RENEWAL_GRACE: Final = 60
"""Seconds for which the old token stays valid, so that its holder can switch to the new one."""


async def renew_token(
    server: Server, call: Call[EmptyBody, NoQuery]
) -> Reply[admin_responses.ServiceTokenShape]:
    """A new service token, for the old one, which ends a minute later."""
    return await renewed(server, call)


async def renew_worker_token(
    server: Server, call: Call[EmptyBody, NoQuery]
) -> Reply[admin_responses.ServiceTokenShape]:
    """The same for a worker; the tokens of other workers live on."""
    return await renewed(server, call)


async def issue_service_token(
    server: Server, call: Call[EmptyBody, NoQuery]
) -> Reply[admin_responses.ServiceTokenShape]:
    """A service token for the market maker."""
    return await issued(server, AMM_ID)


async def issue_worker_token(
    server: Server, call: Call[EmptyBody, NoQuery]
) -> Reply[admin_responses.ServiceTokenShape]:
    """A service token for one more worker of market-making orders."""
    return await issued(server, WORKER_ID)


async def renewed(server: Server, call: Call[EmptyBody, NoQuery]) -> Reply[admin_responses.ServiceTokenShape]:
    claims, now = call.user.claims, server.clock.wall()
    expires_at = claims.exp * MICROSECONDS
    has_room = await server.sessions.end_token(
        claims.hash,
        claims.sub,
        to_datetime(min(now + RENEWAL_GRACE * MICROSECONDS, expires_at)),
        to_datetime(expires_at),
        to_datetime(now),
    )
    if not has_room:
        raise RefusedError(Fault.RATE_LIMITED, "Renewed too often lately")
    server.identities.forget(claims.sub)
    return Reply(service_token(server, claims.sub, claims.gen))


async def issued(server: Server, user_id: str) -> Reply[admin_responses.ServiceTokenShape]:
    user = await server.users.find(user_id)
    assert user is not None, "the schema makes it"
    return Reply(service_token(server, user_id, user.token_generation), 201)


def service_token(server: Server, user_id: str, generation: int) -> admin_responses.ServiceTokenShape:
    token = server.tokens.issue(user_id, TokenType.SERVICE, SERVICES[user_id], generation=generation)
    return admin_responses.ServiceTokenShape(token, "Bearer", server.tokens.lifetime[TokenType.SERVICE])
