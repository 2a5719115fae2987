"""Placing and replacing: what is asked for, and how it is answered."""

from typing import Any

from kernel.commands import OrderWish, PlaceOrder, ReplaceOrder
from tests.kernel.reference.checks import (
    check_cover,
    check_fence,
    check_not_over,
    check_open,
    check_position,
    check_privileged,
    check_room,
    check_self_trade,
    check_takes_nothing,
    check_terms,
    public_market,
)
from tests.kernel.reference.clearing import accept, cancel, netting_result, trade_and_rest
from tests.kernel.reference.deadlines import check_deadline
from tests.kernel.reference.groups import check_group
from tests.kernel.reference.modes import check_mode
from tests.kernel.reference.order import Order
from tests.kernel.reference.protections import check_collar
from tests.kernel.reference.records import Market, Refused
from tests.kernel.reference.walk import Arriving, check_kill
from tests.kernel.reference.world import World

Answer = dict[str, Any]


REPEATED = {"netting": None, "repeated": True, "self_trade_cancelled": ()}
"""What happened when it was asked for first is not told again."""


def place(world: World, wish: PlaceOrder) -> Answer:
    check_fence(world, wish.user_id, wish.fence)
    known = world.order_named(wish.user_id, wish.client_order_id)
    if known is not None:
        if not is_same_request(known, wish):
            raise Refused(4005)
        return {"kind": "Placed", "order": known.row(), **REPEATED}
    check_deadline(world, wish)
    market = public_market(world, wish.market_id)
    check_open(world, market)
    check_mode(market, wish.terms.time_in_force)
    check_wish(world, market, wish, leaving=None)
    first = len(world.facts)
    order = accept(world, market, wish, replaces=None)
    gave_way = trade_and_rest(world, order)
    return {
        "kind": "Placed",
        "order": order.row(),
        "netting": netting_result(world, wish.user_id, first),
        "repeated": False,
        "self_trade_cancelled": tuple(gave_way),
    }


def is_same_request(order: Order, wish: OrderWish) -> bool:
    return order.market.market_id == wish.market_id and order.asked == wish.terms


def check_wish(world: World, market: Market, wish: OrderWish, leaving: Order | None) -> None:
    """What placing and replacing both ask for, in its order; `leaving` makes room for the new one."""
    terms = wish.terms
    taker = Arriving(
        wish.user_id,
        market,
        terms.side,
        terms.direction,
        terms.price,
        terms.quantity,
        terms.self_trade_mode,
        terms.group_id,
        terms.max_cost_cents,
        leaving,
    )
    check_group(world, wish.user_id, market.market_id, terms.group_id)
    check_not_over(world, terms.expires_at)
    check_terms(market, terms.side, terms.price, terms.quantity, terms.max_cost_cents)
    check_position(world, taker)
    check_room(world, taker, terms.time_in_force)
    check_self_trade(world, taker)
    check_takes_nothing(world, taker, post_only=terms.post_only)
    check_collar(world, taker, terms.time_in_force)
    if terms.time_in_force == "FOK":
        check_kill(world, taker)
    check_cover(world, taker)


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
            **REPEATED,
        }
    check_deadline(world, wish)
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
    check_mode(market, wish.terms.time_in_force)
    if old.filled:
        cancel(world, old, "REPLACE_PARTIAL_FILL")
        return {"kind": "Refusal", "code": 6001, "data": partly_filled(old)}
    if wish.market_id != market.market_id:
        raise Refused(6005, {"old_market_id": market.market_id, "new_market_id": wish.market_id})
    check_wish(world, market, wish, leaving=old)
    first = len(world.facts)
    cancel(world, old, "REPLACED")
    new = accept(world, market, wish, replaces=old.order_id)
    gave_way = trade_and_rest(world, new)
    return {
        "kind": "Replaced",
        "old": old.row(),
        "new": new.row(),
        "netting": netting_result(world, wish.user_id, first),
        "repeated": False,
        "self_trade_cancelled": tuple(gave_way),
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
