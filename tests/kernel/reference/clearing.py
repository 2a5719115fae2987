"""What becomes of an order: it is accepted, meets others, pays and is paid, nets, expires, is cancelled."""

from kernel.commands import OrderWish
from tests.kernel.reference.groups import group_of, note_fill, room
from tests.kernel.reference.order import Order, fee
from tests.kernel.reference.records import AMM, FEES, RESERVE, Market, Trade
from tests.kernel.reference.walk import Arriving, cost_of, crossing, walk
from tests.kernel.reference.world import World


def accept(world: World, market: Market, wish: OrderWish, replaces: str | None) -> Order:
    """Take the order in; it neither rests nor trades yet."""
    terms = wish.terms
    order = Order(
        world.new_order_id(wish.nonce),
        wish.client_order_id,
        wish.user_id,
        market,
        terms,
        terms.side,
        terms.direction,
        terms.price,
        terms.quantity,
        len(world.facts) + 1,
        len(world.facts) + 1,
        replaces,
        world.at,
        world.at,
    )
    if terms.max_cost_cents is not None:
        _, order.purse = walk(world, arriving(order, terms.max_cost_cents))
    if order.opens:
        set_aside(world, order, order.frozen_amount)
    world.orders.append(order)
    row = order.row()
    shown = (
        "user_id",
        "client_order_id",
        "original_side",
        "original_direction",
        "original_price",
        "book_type",
        "book_direction",
        "book_price",
        "time_in_force",
        "quantity",
        "frozen_amount",
        "frozen_asset_type",
        "replaces_order_id",
        "expires_at",
        "post_only",
        "max_cost_cents",
        "self_trade_mode",
        "group_id",
    )
    world.record(
        "ORDER_ACCEPTED",
        market.market_id,
        order_id=order.order_id,
        remaining_qty=order.quantity,
        eligible=False,  # this model knows no campaigns
        **{name: row[name] for name in shown},
    )
    return order


def arriving(order: Order, max_cost: int | None) -> Arriving:
    return Arriving(
        order.user_id,
        order.market,
        order.side,
        order.direction,
        order.price,
        order.remaining,
        order.asked.self_trade_mode,
        order.group_id,
        max_cost,
        leaving=order,
    )


def set_aside(world: World, order: Order, more: int) -> None:
    """Cash for an order to buy: more of it, or less."""
    entry_type = "ORDER_FREEZE" if more > 0 else "ORDER_UNFREEZE"
    world.pay(order.user_id, entry_type, -more, ("ORDER", order.order_id), order.market.market_id)


def trade_and_rest(world: World, taker: Order) -> list[str]:
    """Let it meet what it meets, as its walk said, and see what is left of it.

    Says which of its owner's orders had to give way.
    """
    foreseen, _ = walk(world, arriving(taker, taker.asked.max_cost_cents))
    first = len(world.trades)
    gave_way = meet(world, taker)
    met = [(trade.maker_order_id, trade.quantity) for trade in world.trades[first:]]
    assert met == [(maker.order_id, quantity) for maker, quantity in foreseen]
    assert not taker.purse
    if taker.is_live and taker.asked.time_in_force in ("IOC", "FOK"):
        assert taker.asked.time_in_force == "IOC"
        expire(world, taker)
    return gave_way


def meet(world: World, taker: Order) -> list[str]:
    """Trade with the best of the other side as long as the prices cross."""
    gave_way: list[str] = []
    spent = 0
    while taker.is_live:
        makers = crossing(world, arriving(taker, None))
        if not makers:
            break
        maker = makers[0]
        if world.owner(maker.user_id) == world.owner(taker.user_id) and taker.user_id != AMM:
            if taker.asked.self_trade_mode == "CANCEL_MAKER":
                cancel(world, maker, "SELF_TRADE")
                gave_way.append(maker.order_id)
                continue
            assert taker.asked.self_trade_mode == "CANCEL_TAKER"
            cancel(world, taker, "SELF_TRADE")
            break
        quantity = most = min([taker.remaining, maker.remaining, *rooms(world, maker, taker)])
        assert quantity > 0
        if taker.asked.max_cost_cents is not None:
            as_taker = arriving(taker, None)
            while quantity and spent + cost_of(as_taker, maker, taker.remaining, quantity) > (
                taker.asked.max_cost_cents
            ):
                quantity -= 1
            if quantity == 0:
                break
            spent += cost_of(as_taker, maker, taker.remaining, quantity)
        buy, sell = (taker, maker) if taker.book_direction == "BUY" else (maker, taker)
        fill(world, maker, taker, buy, sell, quantity)
        net(world, buy.user_id, taker.market.market_id)
        net(world, sell.user_id, taker.market.market_id)
        note_fill(world, maker, taker, quantity, cancel)
        if quantity < most:
            break
    return gave_way


def rooms(world: World, maker: Order, taker: Order) -> list[int]:
    groups = (
        group_of(world, order.user_id, order.market.market_id, order.group_id) for order in (maker, taker)
    )
    return [room(world, group) for group in groups if group is not None]


def scenario_of(buy: Order, sell: Order) -> str:
    """Who opens and who closes says where the shares come from."""
    if buy.opens and sell.opens:
        return "MINT"
    if buy.opens:
        return "TRANSFER_YES"
    if sell.opens:
        return "TRANSFER_NO"
    return "BURN"


def fill(world: World, maker: Order, taker: Order, buy: Order, sell: Order, quantity: int) -> None:
    market = maker.market
    market_id = market.market_id
    price = maker.book_price
    scenario = scenario_of(buy, sell)
    number = world.new_trade_id()
    trade_id = f"TRD_{number}"

    value = {"BUY": 0, "SELL": 0}
    released = {"BUY": 0, "SELL": 0}
    fees = {"MAKER": 0, "TAKER": 0}
    pnl: dict[str, int | None] = {"BUY": None, "SELL": None}
    left: dict[str, int] = {}
    for name, order in (("BUY", buy), ("SELL", sell)):
        value[name] = (price if order.side == "YES" else 100 - price) * quantity
        role = "MAKER" if order is maker else "TAKER"
        rate = market.terms.maker_fee_bps if role == "MAKER" else market.terms.taker_fee_bps
        fees[role] = fee(value[name], rate)
        if order.opens:
            released[name] = order.need(order.remaining) - order.need(order.remaining - quantity)
            fees[role] = min(fees[role], released[name] - value[name])
            if order.purse is not None:
                released[name] = value[name] + fees[role]
                order.purse -= released[name]
        else:
            left[name] = world.released_cost(order.user_id, market_id, order.side, quantity)
            pnl[name] = value[name] - left[name]

    for name, order in (("BUY", buy), ("SELL", sell)):
        if order.opens:
            world.pay(order.user_id, "ORDER_UNFREEZE", released[name], ("ORDER", order.order_id), market_id)
            cost = "MINT_COST" if scenario == "MINT" else "TRANSFER_PAYMENT"
            world.pay(order.user_id, cost, -value[name], ("TRADE", trade_id), market_id)
    for name, order in (("BUY", buy), ("SELL", sell)):
        if not order.opens:
            receipt = "BURN_REVENUE" if scenario == "BURN" else "TRANSFER_RECEIPT"
            world.pay(order.user_id, receipt, value[name], ("TRADE", trade_id), market_id)
    if scenario == "MINT":
        world.pay(RESERVE, "MINT_RESERVE_IN", 100 * quantity, ("TRADE", trade_id), market_id)
    if scenario == "BURN":
        world.pay(RESERVE, "BURN_RESERVE_OUT", -100 * quantity, ("TRADE", trade_id), market_id)
    world.pay(maker.user_id, "FEE", -fees["MAKER"], ("TRADE", trade_id), market_id)
    world.pay(taker.user_id, "FEE", -fees["TAKER"], ("TRADE", trade_id), market_id)
    world.pay(FEES, "FEE_REVENUE", fees["MAKER"] + fees["TAKER"], ("TRADE", trade_id), market_id)

    for name, order in (("BUY", buy), ("SELL", sell)):
        if not order.opens:
            world.move(order.user_id, market_id, order.side, -quantity, -left[name])
    for name, order in (("BUY", buy), ("SELL", sell)):
        if order.opens:
            world.move(order.user_id, market_id, order.side, quantity, value[name])
    for name, order in (("BUY", buy), ("SELL", sell)):
        if (realized := pnl[name]) is not None:
            world.realize(market_id, order.user_id, realized)
    for order in (maker, taker):
        order.filled += quantity
        order.status = "PARTIALLY_FILLED" if order.remaining else "FILLED"
        order.updated_at = world.at
    market.last_trade_price = price
    world.trades.append(
        Trade(
            trade_id=trade_id,
            market_id=market_id,
            scenario=scenario,
            buy_order_id=buy.order_id,
            sell_order_id=sell.order_id,
            buy_user_id=buy.user_id,
            sell_user_id=sell.user_id,
            buy_book_type=buy.book_type,
            sell_book_type=sell.book_type,
            price=price,
            quantity=quantity,
            maker_order_id=maker.order_id,
            taker_order_id=taker.order_id,
            maker_fee=fees["MAKER"],
            taker_fee=fees["TAKER"],
            buy_realized_pnl=pnl["BUY"],
            sell_realized_pnl=pnl["SELL"],
            is_audit=False,
            executed_at=world.at,
        )
    )
    world.record(
        "ORDER_PARTIALLY_FILLED" if maker.remaining else "ORDER_MATCHED",
        market_id,
        order_id=maker.order_id,
        fill_qty=quantity,
        trade_price=price,
        new_remaining_qty=maker.remaining,
        counterparty_order_id=taker.order_id,
        orders=[maker.after(), taker.after()],
        maker_view=maker.view,
        taker_view=taker.view,
        contribution=0,
    )


def net(world: World, user_id: str, market_id: str) -> None:
    """Turn somebody's own free pairs back into cash."""
    if not world.accounts[user_id].netting:
        return
    pairs = min(world.free(user_id, market_id, "YES"), world.free(user_id, market_id, "NO"))
    if pairs <= 0:
        return
    yes_cost = world.released_cost(user_id, market_id, "YES", pairs)
    no_cost = world.released_cost(user_id, market_id, "NO", pairs)
    cents = 100 * pairs
    world.pay(user_id, "NETTING", cents, ("MARKET", market_id), market_id)
    world.pay(RESERVE, "NETTING_RESERVE_OUT", -cents, ("MARKET", market_id), market_id)
    world.move(user_id, market_id, "YES", -pairs, -yes_cost)
    world.move(user_id, market_id, "NO", -pairs, -no_cost)
    world.realize(market_id, user_id, cents - yes_cost - no_cost)
    world.record(
        "NETTING_EXECUTED",
        market_id,
        user_id=user_id,
        quantity=pairs,
        released_cents=cents,
        yes_cost_released=yes_cost,
        no_cost_released=no_cost,
    )


def netting_result(world: World, user_id: str, first: int) -> dict[str, int] | None:
    """What the nettings of one user came to, among the facts since `first`."""
    own = [
        fact.fields["quantity"]
        for fact in world.facts[first:]
        if fact.event_type == "NETTING_EXECUTED" and fact.fields["user_id"] == user_id
    ]
    return {"pairs_netted": sum(own), "released_cents": 100 * sum(own)} if own else None


def take_off(world: World, order: Order, reason: str) -> int:
    """Take an order off the book and free what it had set aside; says how much that was."""
    released = order.frozen_amount
    if order.opens:
        world.pay(
            order.user_id,
            "ORDER_UNFREEZE",
            released,
            ("ORDER", order.order_id),
            order.market.market_id,
        )
    order.status = "CANCELLED"
    order.cancel_reason = reason
    order.updated_at = world.at
    return released


def cancel(world: World, order: Order, reason: str) -> int:
    released = take_off(world, order, reason)
    world.record(
        "ORDER_CANCELLED",
        order.market.market_id,
        order_id=order.order_id,
        user_id=order.user_id,
        remaining_qty=order.remaining,
        frozen_amount=released,
        cancel_reason=reason,
        view=order.view,
    )
    if not order.opens:
        net(world, order.user_id, order.market.market_id)
    return released


def expire(world: World, order: Order) -> None:
    released = take_off(world, order, "IOC_UNFILLED")
    world.record(
        "ORDER_EXPIRED",
        order.market.market_id,
        order_id=order.order_id,
        user_id=order.user_id,
        expired_qty=order.remaining,
        filled_qty=order.filled,
        frozen_amount=released,
    )
    if not order.opens:
        net(world, order.user_id, order.market.market_id)
