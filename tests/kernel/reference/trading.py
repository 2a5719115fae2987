"""Placing, cancelling, replacing: what is asked for, and how it is answered."""

from typing import Any

from kernel.commands import (
    BatchCancel,
    CancelByClientId,
    CancelOrder,
    FireGuard,
    OrderWish,
    PlaceOrder,
    ReplaceOrder,
)
from tests.kernel.reference.checks import (
    check_cover,
    check_fence,
    check_open,
    check_owner,
    check_privileged,
    check_terms,
    public_market,
)
from tests.kernel.reference.clearing import accept, cancel, netting_result
from tests.kernel.reference.records import FEES, MORE, RESERVE, Market, Order, Refused
from tests.kernel.reference.world import World

Answer = dict[str, Any]


def is_same_request(order: Order, wish: OrderWish) -> bool:
    return (
        order.market.market_id == wish.market_id
        and order.side == wish.terms.side
        and order.direction == wish.terms.direction
        and order.price == wish.terms.price
        and order.quantity == wish.terms.quantity
        and order.time_in_force == wish.terms.time_in_force
        and order.more == {name: getattr(wish.terms, name) for name in MORE}
    )


def place(world: World, wish: PlaceOrder) -> Answer:
    check_fence(world, wish.user_id, wish.fence)
    known = world.order_named(wish.user_id, wish.client_order_id)
    if known is not None:
        if not is_same_request(known, wish):
            raise Refused(4005)
        return {"kind": "Placed", "order": known.row(), "netting": None, "repeated": True}
    market = public_market(world, wish.market_id)
    check_open(world, market)
    check_terms(market, wish)
    check_owner(world, market, wish, without=None)
    check_cover(world, market, wish, without=None)
    first = len(world.facts)
    order = accept(world, market, wish, replaces=None)
    return {
        "kind": "Placed",
        "order": order.row(),
        "netting": netting_result(world, wish.user_id, first),
        "repeated": False,
    }


def cancel_order(world: World, command: CancelOrder) -> Answer:
    check_fence(world, command.user_id, command.fence)
    return cancel_own(world, command.user_id, world.order(command.order_id))


def cancel_by_client_id(world: World, command: CancelByClientId) -> Answer:
    check_fence(world, command.user_id, command.fence)
    order = world.order_named(command.user_id, command.client_order_id)
    if order is not None and order.market.market_id != command.market_id:
        order = None
    return cancel_own(world, command.user_id, order)


def cancel_own(world: World, user_id: str, order: Order | None) -> Answer:
    if order is None:
        raise Refused(4004)
    if order.user_id != user_id:
        raise Refused(1007)
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
        "netting": netting_result(world, user_id, first),
    }


def batch_cancel(world: World, command: BatchCancel) -> Answer:
    check_fence(world, command.user_id, command.fence)
    check_privileged(world, command.user_id)
    market = public_market(world, command.market_id)
    if market.status == "HALTED":
        raise Refused(3002)
    wanted = {"ALL": ("BUY", "SELL"), "BUY_ONLY": ("BUY",), "SELL_ONLY": ("SELL",)}[command.scope]
    return cancel_many(world, market, command.user_id, wanted, "BATCH_CANCELLED")


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
    wanted = ("BUY", "SELL") if covered else ()
    return cancel_many(world, market, command.user_id, wanted, "GUARD")


def cancel_many(
    world: World, market: Market, user_id: str, directions: tuple[str, ...], reason: str
) -> Answer:
    orders = [
        o for o in world.live_orders(market.market_id) if o.user_id == user_id and o.direction in directions
    ]
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


def replace(world: World, wish: ReplaceOrder) -> Answer:
    check_fence(world, wish.user_id, wish.fence)
    check_privileged(world, wish.user_id)
    old_id = {"old_order_id": wish.old_order_id}
    known = world.order_named(wish.user_id, wish.client_order_id)
    if known is not None:
        if known.replaces_order_id != wish.old_order_id or not is_same_request(known, wish):
            raise Refused(4005)
        replaced = world.order(wish.old_order_id)
        assert replaced is not None
        return {
            "kind": "Replaced",
            "old": replaced.row(),
            "new": known.row(),
            "netting": None,
            "repeated": True,
        }
    old = world.order(wish.old_order_id)
    if old is None:
        raise Refused(6002, old_id)
    if old.user_id != wish.user_id:
        raise Refused(6004, {**old_id, "owner_user_id": old.user_id})
    if old.status == "FILLED":
        raise Refused(6003, {**old_id, "total_filled_quantity": old.filled})
    if not old.is_live:
        if old.cancel_reason == "REPLACE_PARTIAL_FILL":
            raise Refused(6001, partly_filled(old))
        raise Refused(4006, {**old_id, "status": old.status, "cancel_reason": old.cancel_reason})
    market = old.market
    check_open(world, market)
    if old.filled:
        cancel(world, old, "REPLACE_PARTIAL_FILL")
        return {"kind": "Refusal", "code": 6001, "data": partly_filled(old)}
    if wish.market_id != market.market_id:
        raise Refused(6005, {"old_market_id": market.market_id, "new_market_id": wish.market_id})
    check_terms(market, wish)
    check_owner(world, market, wish, without=old)
    check_cover(world, market, wish, without=old)
    first = len(world.facts)
    cancel(world, old, "REPLACED")
    new = accept(world, market, wish, replaces=old.order_id)
    return {
        "kind": "Replaced",
        "old": old.row(),
        "new": new.row(),
        "netting": netting_result(world, wish.user_id, first),
        "repeated": False,
    }


def partly_filled(old: Order) -> dict[str, Any]:
    return {
        "old_order_id": old.order_id,
        "old_order_status": "CANCELLED",
        "filled_quantity": old.filled,
        "remaining_quantity_cancelled": old.remaining,
        "unfrozen_amount": old.need(old.remaining),
        "unfrozen_asset_type": old.frozen_asset_type,
    }
