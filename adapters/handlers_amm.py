"""What only the market maker may do: replace, batch cancel, mint, burn; and its token."""

from adapters import render, shapes
from adapters.bodies import BatchCancelBody, BurnBody, EmptyBody, MintBody, ReplaceBody
from adapters.handlers_orders import trades_of
from adapters.routes import Call, NoQuery, Reply
from adapters.server import Server
from adapters.tokens import LIFETIME, TokenType
from kernel.answers import BatchCancelled, Burned, Minted, Replaced
from kernel.codes import AMM_ID


async def replace_order(server: Server, call: Call[ReplaceBody, NoQuery]) -> Reply[shapes.ReplacedShape]:
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
) -> Reply[shapes.BatchCancelledShape]:
    """Cancel all own orders of a market, or those of one direction."""
    command = call.body.to_command(call.user.user_id, server.clock)
    answer, seen = await server.answer(command, call.request_id, BatchCancelled)
    return Reply(render.batch_cancelled(answer), journal_id=seen)


async def mint_shares(server: Server, call: Call[MintBody, NoQuery]) -> Reply[shapes.MintedShape]:
    """Pay 100 cents a pair into the reserve and receive the pairs; once per idempotency key."""
    command = call.body.to_command(call.user.user_id, server.clock)
    answer, seen = await server.answer(command, call.request_id, Minted)
    return Reply(render.minted(answer), 200 if answer.repeated else 201, seen)


async def burn_shares(server: Server, call: Call[BurnBody, NoQuery]) -> Reply[shapes.BurnedShape]:
    """Give pairs back to the reserve for 100 cents each; once per idempotency key."""
    command = call.body.to_command(call.user.user_id, server.clock)
    answer, seen = await server.answer(command, call.request_id, Burned)
    return Reply(render.burned(answer), journal_id=seen)


async def get_amm_markets(server: Server, call: Call[EmptyBody, NoQuery]) -> Reply[shapes.AmmMarketsShape]:
    """The markets in which the market maker was started."""
    data = render.amm_markets(server.exchange.markets.values())
    return Reply(data, journal_id=await server.told(server.exchange.head))


async def renew_token(server: Server, call: Call[EmptyBody, NoQuery]) -> Reply[shapes.ServiceTokenShape]:
    """A new service token, for the old one."""
    return Reply(service_token(server))


async def issue_service_token(
    server: Server, call: Call[EmptyBody, NoQuery]
) -> Reply[shapes.ServiceTokenShape]:
    """A service token for the market maker."""
    return Reply(service_token(server), 201)


def service_token(server: Server) -> shapes.ServiceTokenShape:
    token = server.tokens.issue(AMM_ID, TokenType.SERVICE, "SYSTEM_BOT")
    return shapes.ServiceTokenShape(token, "Bearer", LIFETIME[TokenType.SERVICE])
