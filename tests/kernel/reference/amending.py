"""An order that stands gets another price or quantity, and keeps its place only if it asks for less."""

from typing import Any

from kernel.commands import AmendByClientId, AmendOrder
from tests.kernel.reference.checks import (
    check_fence,
    check_open,
    check_position,
    check_self_trade,
    check_takes_nothing,
    check_terms,
)
from tests.kernel.reference.clearing import net, netting_result, set_aside, trade_and_rest
from tests.kernel.reference.deadlines import check_deadline
from tests.kernel.reference.order import Order, cash_needed
from tests.kernel.reference.protections import check_collar
from tests.kernel.reference.records import Refused
from tests.kernel.reference.walk import Arriving
from tests.kernel.reference.world import World

Answer = dict[str, Any]


def amend_order(world: World, command: AmendOrder) -> Answer:
    check_fence(world, command.user_id, command.fence)
    return amend(world, command, world.order(command.order_id))


def amend_by_client_id(world: World, command: AmendByClientId) -> Answer:
    check_fence(world, command.user_id, command.fence)
    order = world.order_named(command.user_id, command.client_order_id)
    if order is not None and order.market.market_id != command.market_id:
        order = None
    return amend(world, command, order)


def amend(world: World, command: AmendOrder | AmendByClientId, order: Order | None) -> Answer:
    if order is None:
        raise Refused(4004)
    if order.user_id != command.user_id:
        raise Refused(1007)
    check_deadline(world, command)
    if not order.is_live:
        raise Refused(4006, {"status": order.status, "cancel_reason": order.cancel_reason})
    price = order.price if command.price is None else command.price
    quantity = order.quantity if command.quantity is None else command.quantity
    first = len(world.facts)
    if (price, quantity) == (order.price, order.quantity):
        return amended(world, order, first, changed=False, kept_priority=True, gave_way=[])
    if price == order.price and quantity < order.quantity:
        check_decrease(order, quantity)
        change(world, order, price, quantity, kept_priority=True)
        return amended(world, order, first, changed=True, kept_priority=True, gave_way=[])
    check_move(world, order, price, quantity, command.post_only)
    change(world, order, price, quantity, kept_priority=False)
    gave_way = trade_and_rest(world, order)
    return amended(world, order, first, changed=True, kept_priority=False, gave_way=gave_way)


def check_decrease(order: Order, quantity: int) -> None:
    if order.market.status not in ("ACTIVE", "SUSPENDED"):
        raise Refused(3002)
    check_above_filled(order, quantity)


def check_above_filled(order: Order, quantity: int) -> None:
    if quantity <= order.filled:
        raise Refused(4013, {"filled_quantity": order.filled})


def check_move(world: World, order: Order, price: int, quantity: int, post_only: bool) -> None:
    market = order.market
    check_open(world, market)
    if market.trading_mode == "CANCEL_ONLY":
        raise Refused(3008, {"trading_mode": "CANCEL_ONLY"})
    check_above_filled(order, quantity)
    check_terms(market, order.side, price, quantity, None)
    taker = Arriving(
        order.user_id,
        market,
        order.side,
        order.direction,
        price,
        quantity - order.filled,
        order.asked.self_trade_mode,
        order.group_id,
        leaving=order,
    )
    check_position(world, taker)
    check_self_trade(world, taker)
    check_takes_nothing(world, taker, post_only=post_only or order.asked.post_only)
    check_collar(world, taker, order.asked.time_in_force)
    if order.opens:
        if world.available(order.user_id) + order.frozen_amount < cash_needed(market, price, taker.quantity):
            raise Refused(2001)
    elif taker.quantity - order.remaining > world.free(order.user_id, market.market_id, order.side):
        raise Refused(5001)


def change(world: World, order: Order, price: int, quantity: int, *, kept_priority: bool) -> None:
    before = {"previous_price": order.price, "previous_quantity": order.quantity}
    frozen, remaining = order.frozen_amount, order.remaining
    order.price = price
    order.quantity = quantity
    order.amend_count += 1
    order.updated_at = world.at
    if not kept_priority:
        order.priority_seq = len(world.facts) + 1
    if order.opens:
        set_aside(world, order, order.frozen_amount - frozen)
    world.record(
        "ORDER_AMENDED",
        order.market.market_id,
        order_id=order.order_id,
        user_id=order.user_id,
        **before,
        original_price=order.price,
        book_price=order.book_price,
        quantity=order.quantity,
        filled_qty=order.filled,
        remaining_qty=order.remaining,
        frozen_amount=order.frozen_amount,
        kept_priority=kept_priority,
    )
    if not order.opens and order.remaining < remaining:
        net(world, order.user_id, order.market.market_id)


def amended(
    world: World, order: Order, first: int, *, changed: bool, kept_priority: bool, gave_way: list[str]
) -> Answer:
    return {
        "kind": "Amended",
        "order": order.row(),
        "changed": changed,
        "kept_priority": kept_priority,
        "netting": netting_result(world, order.user_id, first),
        "self_trade_cancelled": tuple(gave_way),
    }
