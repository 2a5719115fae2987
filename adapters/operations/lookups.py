"""Finds what a path or a token names in the exchange's memory; raises the refusal if it is not there."""

from typing import Any

from adapters.access.identity import Principal
from adapters.operations.operation import Call
from adapters.service.server import Server, refused
from adapters.wire.requests import ReplaceBody
from adapters.wire.status import RefusedError
from kernel.codes import Code, MarketStatus
from kernel.exchange import Exchange
from kernel.market import Account, Market, Order
from kernel.orders import order_not_found
from kernel.refusals import account_not_found, market_not_found


def own_account(server: Server, call: Call[Any, Any]) -> Account:
    user_id = call.user.user_id
    account = server.exchange.traders.get(user_id)
    if account is None:
        raise refused(account_not_found(user_id), call.durable)
    return account


def find_market(server: Server, call: Call[Any, Any]) -> Market:
    """The market in the path."""
    return market_called(server, call, call.path["market_id"])


def market_called(server: Server, call: Call[Any, Any], market_id: str) -> Market:
    """The market of this id; drafts exist for administrators only."""
    market = server.exchange.markets.get(market_id)
    if market is None or not may_see(call.principal, market):
        raise refused(market_not_found(market_id), call.durable)
    return market


def may_see(caller: Principal | None, market: Market) -> bool:
    """Whether this caller, or somebody without a token, may know of the market."""
    return market.status is not MarketStatus.DRAFT or (caller is not None and caller.is_admin)


async def find_own_order(server: Server, call: Call[Any, Any]) -> Order:
    """The order in the path, if it is the caller's."""
    order_id = call.path["order_id"]
    order = await server.order(order_id)
    if order is None:
        raise refused(order_not_found(order_id), call.durable)
    if order.account.id != call.user.user_id:
        raise RefusedError(Code.NOT_ALLOWED, "Not your order")
    return order


def market_of_replace(exchange: Exchange, body: ReplaceBody) -> str:
    """The market whose replace limit this request counts against: the old order's, or else the one it names.

    Of an order that memory has let go of nobody looks up the market for that: it cannot be replaced. Requests
    for markets that do not exist are counted together, under the empty name.
    """
    old = exchange.orders.get(body.old_id)
    if old is not None:
        return old.market.id
    market_id = body.new_order.market_id
    return market_id if market_id in exchange.markets else ""
