"""What only the market maker may do: replace, batch cancel, mint, burn; and its token."""

from typing import Final

from adapters.access.tokens import TokenType
from adapters.operations.orders import trades_of
from adapters.operations.routes import Call, NoQuery, Reply
from adapters.runtime.clock import MICROSECONDS, moment
from adapters.service.server import Server
from adapters.wire import render, responses
from adapters.wire.requests import BatchCancelBody, BurnBody, EmptyBody, MintBody, ReplaceBody
from adapters.wire.status import Fault, RefusedError
from kernel.answers import BatchCancelled, Burned, Minted, Replaced
from kernel.codes import AMM_ID

RENEWAL_GRACE: Final = 60
"""Seconds for which a service token outlives its renewal: whoever has it is still handing out the new one."""


async def replace_order(server: Server, call: Call[ReplaceBody, NoQuery]) -> Reply[responses.ReplacedShape]:
    """Take an untouched order off the book and place another in the same step, or neither."""
    command = call.body.to_command(call.user.user_id, server.clock)
    outcome = await server.decide(command, call.request_id)
    answer = outcome.answer
    assert isinstance(answer, Replaced)
    if answer.repeated:
        trades = await trades_of(server, answer.new, outcome.seen)
    else:
        trades = render.fills_of_taker(outcome.facts, answer.new.order.id)
    return Reply(render.replaced(answer, trades), journal_id=outcome.seen)


async def batch_cancel(
    server: Server, call: Call[BatchCancelBody, NoQuery]
) -> Reply[responses.BatchCancelledShape]:
    """Cancel all own orders of a market, or those of one direction."""
    command = call.body.to_command(call.user.user_id, server.clock)
    answer, seen = await server.answer(command, call.request_id, BatchCancelled)
    return Reply(render.batch_cancelled(answer), journal_id=seen)


async def mint_shares(server: Server, call: Call[MintBody, NoQuery]) -> Reply[responses.MintedShape]:
    """Pay 100 cents a pair into the reserve and receive the pairs; once per idempotency key."""
    command = call.body.to_command(call.user.user_id, server.clock)
    answer, seen = await server.answer(command, call.request_id, Minted)
    return Reply(render.minted(answer), 200 if answer.repeated else 201, seen)


async def burn_shares(server: Server, call: Call[BurnBody, NoQuery]) -> Reply[responses.BurnedShape]:
    """Give pairs back to the reserve for 100 cents each; once per idempotency key."""
    command = call.body.to_command(call.user.user_id, server.clock)
    answer, seen = await server.answer(command, call.request_id, Burned)
    return Reply(render.burned(answer), journal_id=seen)


async def get_amm_markets(server: Server, call: Call[EmptyBody, NoQuery]) -> Reply[responses.AmmMarketsShape]:
    """The markets in which the market maker was started."""
    data = render.amm_markets(server.exchange.markets.values())
    return Reply(data, journal_id=await server.told(server.exchange.head))


async def renew_token(server: Server, call: Call[EmptyBody, NoQuery]) -> Reply[responses.ServiceTokenShape]:
    """A new service token, for the old one, which ends a minute later."""
    claims, now = call.user.claims, server.clock.wall()
    expires_at = claims.exp * MICROSECONDS
    has_room = await server.sessions.end_token(
        claims.hash,
        claims.sub,
        moment(min(now + RENEWAL_GRACE * MICROSECONDS, expires_at)),
        moment(expires_at),
        moment(now),
    )
    if not has_room:
        raise RefusedError(Fault.RATE_LIMITED, "Renewed too often lately")
    server.identities.forget(claims.sub)
    return Reply(service_token(server, claims.gen))


async def issue_service_token(
    server: Server, call: Call[EmptyBody, NoQuery]
) -> Reply[responses.ServiceTokenShape]:
    """A service token for the market maker."""
    maker = await server.users.find(AMM_ID)
    assert maker is not None, "the schema makes it"
    return Reply(service_token(server, maker.token_generation), 201)


def service_token(server: Server, generation: int) -> responses.ServiceTokenShape:
    token = server.tokens.issue(AMM_ID, TokenType.SERVICE, "SYSTEM_BOT", generation=generation)
    return responses.ServiceTokenShape(token, "Bearer", server.tokens.lifetime[TokenType.SERVICE])
