"""Many orders in one request: cancelling all that one has."""

import trio

from adapters.operations.operation import Call, NoQuery, Reply
from adapters.service.server import DECISION_TIMEOUT, Server, no_answer
from adapters.wire import render, responses
from adapters.wire.requests import CancelAllBody
from adapters.wire.status import RefusedError
from kernel.answers import AllCancelled


async def cancel_all(
    server: Server, call: Call[CancelAllBody, NoQuery]
) -> Reply[responses.AllCancelledShape]:
    """Take every own order off the book, or those of one market, side, direction, group."""
    with trio.move_on_after(DECISION_TIMEOUT):
        if call.body.market_id is not None:
            item, seen = await cancel_in(server, call, call.body.market_id)
            return Reply(render.all_cancelled([item]), journal_id=seen)
        items, seen = [], call.durable
        for market_id in markets_with_orders(server, call.user.user_id):
            try:
                item, seen = await cancel_in(server, call, market_id)
            except RefusedError as refusal:
                item = render.market_refused(market_id, refusal.code)
                seen = max(seen, refusal.journal_id or 0)
            items.append(item)
        return Reply(render.all_cancelled(items), journal_id=seen)
    raise no_answer()


def markets_with_orders(server: Server, user_id: str) -> list[str]:
    """In ascending order of their ids: that is the order in which they are decided."""
    account = server.exchange.trader(user_id)
    if account is None:
        return []
    return sorted(market_id for market_id, position in account.positions.items() if position.live)


async def cancel_in(
    server: Server, call: Call[CancelAllBody, NoQuery], market_id: str
) -> tuple[responses.MarketCancelledShape, int]:
    """One command, for one market; returns what it did, and the journal id that this reflects."""
    command = call.body.in_market(market_id, call.user.user_id, server.clock)
    answer, seen = await server.answer(command, call.request_id, AllCancelled)
    return render.market_cancelled(answer), seen
