"""Answers of the stream that are not simply the kernel's: a view of a market, a repeated request, a guard."""

import msgspec

from adapters import render, shapes
from adapters.handlers_orders import trades_of
from adapters.identity import Principal
from adapters.lookups import may_see
from adapters.server import Server
from adapters.status import SUCCESS, RefusedError
from adapters.stream_wire import Result, refused
from kernel import Exchange
from kernel.answers import Outcome, Placed, Refusal, Replaced
from kernel.codes import Code
from kernel.refusals import account_not_found, market_not_found


class GuardShape(shapes.Shape, frozen=True):
    grace_ms: int | None
    markets: tuple[str, ...] | None


class SyncShape(shapes.Shape, frozen=True):
    as_of_seq: int
    balance: shapes.BalanceShape
    position: shapes.PositionShape
    orders: list[shapes.OrderShape]
    market: shapes.MarketShape


class Later(msgspec.Struct):
    """The place of a result that needs the tables first; what comes after it waits."""

    message: Result | None = None


def view_of(exchange: Exchange, principal: Principal, market_id: str) -> SyncShape:
    """One user's whole view of one market at one journal id, which need not be durable yet."""
    user_id = principal.user_id
    market, account = exchange.markets.get(market_id), exchange.trader(user_id)
    if market is None or not may_see(principal, market):
        raise from_kernel(market_not_found(market_id))
    if account is None:
        raise from_kernel(account_not_found(user_id))
    held = market.positions.get(user_id)
    return SyncShape(
        exchange.head,
        render.balance(account, display=False),
        render.position(held, display=False)
        if held is not None
        else render.no_position(market, display=False),
        render.live_orders(held),
        render.market(market, display=False),
    )


async def repeated(server: Server, cid: int, outcome: Outcome) -> Result:
    """A repeated request is answered with the trades its order had so far: they are in the tables."""
    answer, seq = outcome.answer, outcome.seen
    assert isinstance(answer, Placed | Replaced)
    try:
        trades = await trades_of(server, answer.order if isinstance(answer, Placed) else answer.new, seq)
    except RefusedError as trouble:
        return refused(cid, seq, trouble.code, trouble.status, trouble.message)
    except server.unavailable:
        return refused(cid, seq, Code.OVERLOADED, 503, "The tables cannot be asked just now")
    data: msgspec.Struct
    if isinstance(answer, Placed):
        data = render.placed(answer, trades, display=False)
    else:
        data = render.replaced(answer, trades, display=False)
    return Result(cid, True, 200, SUCCESS, seq, data)


def from_kernel(refusal: Refusal) -> RefusedError:
    return RefusedError(refusal.code, refusal.message, refusal.data)
