"""The market maker's markets, and its token."""

from typing import Final

from adapters.access.tokens import TokenType
from adapters.operations.operation import Call, NoQuery, Reply, from_memory
from adapters.runtime.times import MICROSECONDS, to_datetime
from adapters.service.server import Server
from adapters.wire import admin_responses, render_admin
from adapters.wire.requests import EmptyBody
from adapters.wire.status import Fault, RefusedError
from kernel.codes import AMM_ID

RENEWAL_GRACE: Final = 60
"""Seconds for which the old token stays valid, so that its holder can switch to the new one."""


@from_memory
def get_amm_markets(server: Server, call: Call[EmptyBody, NoQuery]) -> admin_responses.AmmMarketsShape:
    """The markets in which the market maker was started."""
    return render_admin.amm_markets(server.exchange.markets.values())


async def renew_token(
    server: Server, call: Call[EmptyBody, NoQuery]
) -> Reply[admin_responses.ServiceTokenShape]:
    """A new service token, for the old one, which ends a minute later."""
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
    return Reply(service_token(server, claims.gen))


async def issue_service_token(
    server: Server, call: Call[EmptyBody, NoQuery]
) -> Reply[admin_responses.ServiceTokenShape]:
    """A service token for the market maker."""
    maker = await server.users.find(AMM_ID)
    assert maker is not None, "the schema makes it"
    return Reply(service_token(server, maker.token_generation), 201)


def service_token(server: Server, generation: int) -> admin_responses.ServiceTokenShape:
    token = server.tokens.issue(AMM_ID, TokenType.SERVICE, "SYSTEM_BOT", generation=generation)
    return admin_responses.ServiceTokenShape(token, "Bearer", server.tokens.lifetime[TokenType.SERVICE])
