"""Taking orders back: one, or many at once."""

from typing import Any

from kernel.commands import BatchCancel, CancelAll, CancelByClientId, CancelOrder, FireGuard
from tests.kernel.reference.checks import check_fence, check_privileged, public_market
from tests.kernel.reference.clearing import cancel, netting_result
from tests.kernel.reference.deadlines import check_deadline
from tests.kernel.reference.order import Order
from tests.kernel.reference.records import FEES, RESERVE, Market, Refused
from tests.kernel.reference.world import World

Answer = dict[str, Any]


def cancel_order(world: World, command: CancelOrder) -> Answer:
    check_fence(world, command.user_id, command.fence)
    return cancel_own(world, command, world.order(command.order_id))


def cancel_by_client_id(world: World, command: CancelByClientId) -> Answer:
    check_fence(world, command.user_id, command.fence)
    order = world.order_named(command.user_id, command.client_order_id)
    if order is not None and order.market.market_id != command.market_id:
        order = None
    return cancel_own(world, command, order)


def cancel_own(world: World, command: CancelOrder | CancelByClientId, order: Order | None) -> Answer:
    if order is None:
        raise Refused(4004)
    if order.user_id != command.user_id:
        raise Refused(1007)
    check_deadline(world, command)
    if not order.is_live:
        raise Refused(4006)
    if order.market.status == "HALTED":
        raise Refused(3002)
    first = len(world.facts)
    released = cancel(world, order, "USER_CANCELLED")
    return {
        "kind": "Cancelled",
        "order": order.row(),
        "unfrozen_amount": released,
        "unfrozen_asset_type": order.frozen_asset_type,
        "netting": netting_result(world, command.user_id, first),
    }


def batch_cancel(world: World, command: BatchCancel) -> Answer:
    check_fence(world, command.user_id, command.fence)
    check_privileged(world, command.user_id)
    check_deadline(world, command)
    market = public_market(world, command.market_id)
    if market.status == "HALTED":
        raise Refused(3002)
    wanted = {"ALL": ("BUY", "SELL"), "BUY_ONLY": ("BUY",), "SELL_ONLY": ("SELL",)}[command.scope]
    orders = [o for o in own_orders(world, market, command.user_id) if o.direction in wanted]
    return cancel_many(world, market, orders, "BATCH_CANCELLED")


def cancel_all(world: World, command: CancelAll) -> Answer:
    check_fence(world, command.user_id, command.fence)
    check_deadline(world, command)
    market = public_market(world, command.market_id)
    if market.status == "HALTED":
        raise Refused(3002)
    first = len(world.facts)
    orders = [
        order
        for order in own_orders(world, market, command.user_id)
        if command.side in (None, order.side)
        and command.direction in (None, order.direction)
        and command.group_id in (None, order.group_id)
    ]
    return {
        **cancel_many(world, market, orders, "BATCH_CANCELLED"),
        "kind": "AllCancelled",
        "netting": netting_result(world, command.user_id, first),
    }


def fire_guard(world: World, command: FireGuard) -> Answer:
    if command.user_id not in world.accounts or command.user_id in (RESERVE, FEES):
        raise Refused(2002)
    market = world.markets.get(command.market_id)
    if market is None:
        raise Refused(3001)
    if market.status == "HALTED":
        raise Refused(3002)
    guard = world.guards.get(command.user_id)
    covered = guard is not None and (guard[1] is None or market.market_id in guard[1])
    return cancel_many(world, market, own_orders(world, market, command.user_id) if covered else [], "GUARD")


def own_orders(world: World, market: Market, user_id: str) -> list[Order]:
    return [order for order in world.live_orders(market.market_id) if order.user_id == user_id]


def cancel_many(world: World, market: Market, orders: list[Order], reason: str) -> Answer:
    totals = {"FUNDS": 0, "YES_SHARES": 0, "NO_SHARES": 0}
    for order in orders:
        totals[order.frozen_asset_type] += cancel(world, order, reason)
    return {
        "kind": "BatchCancelled",
        "market_id": market.market_id,
        "cancelled_count": len(orders),
        "unfrozen_funds": totals["FUNDS"],
        "unfrozen_yes_shares": totals["YES_SHARES"],
        "unfrozen_no_shares": totals["NO_SHARES"],
    }
