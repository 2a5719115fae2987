"""Who may, where, and how much: the checks, each a paragraph of the rules."""

from tests.kernel.reference.order import Order, book_price, cash_needed, crosses
from tests.kernel.reference.records import AMM, FEES, MONEY_MAX, RESERVE, VOLUME_MAX, Market, Refused
from tests.kernel.reference.walk import Arriving, crossing, walk
from tests.kernel.reference.world import World


def check_fence(world: World, user_id: str, fence: int | None) -> None:
    """A sub-account listens only to who knows its newest fence; to others a fence means nothing."""
    account = world.accounts.get(user_id)
    if account is not None and account.is_sub_account and (fence is None or fence < account.fence):
        raise Refused(7105)


def check_privileged(world: World, user_id: str) -> None:
    account = world.accounts.get(user_id)
    if user_id != AMM and not (account is not None and account.is_sub_account):
        raise Refused(6099)


def public_market(world: World, market_id: str) -> Market:
    """A draft is no market to those who trade."""
    market = world.markets.get(market_id)
    if market is None or market.status == "DRAFT":
        raise Refused(3001)
    return market


def check_open(world: World, market: Market) -> None:
    start, end = market.terms.trading_start_at, market.terms.trading_end_at
    too_early = start is not None and world.at < start
    too_late = end is not None and world.at >= end
    if market.status != "ACTIVE" or too_early or too_late:
        raise Refused(3002)


def check_not_over(world: World, expires_at: int | None) -> None:
    if expires_at is not None and expires_at <= world.at:
        raise Refused(4009)


def check_terms(market: Market, side: str, price: int, quantity: int, max_cost: int | None) -> None:
    terms = market.terms
    for each in (price, book_price(side, price)):
        if not terms.min_price_cents <= each <= terms.max_price_cents:
            raise Refused(4001)
    if not 1 <= quantity <= terms.max_order_quantity:
        raise Refused(4002)
    amount = price * quantity
    if max_cost is not None:
        if max_cost < 1:
            raise Refused(4002)
        amount = min(amount, max_cost)
    if amount > terms.max_order_amount_cents:
        raise Refused(4002)


def check_position(world: World, taker: Arriving) -> None:
    """How much its owner may come to hold; the market maker as much as the tables can."""
    if taker.direction == "SELL":
        return
    market_id = taker.market.market_id
    held = sum(world.volume(user_id, market_id, taker.side) for user_id in world.family(taker.user_id))
    coming = sum(o.remaining for o in others(world, taker) if o.opens and o.side == taker.side)
    limit = VOLUME_MAX if taker.user_id == AMM else taker.market.terms.max_position_per_user
    if held + coming + taker.quantity > limit:
        raise Refused(4002)


def check_room(world: World, taker: Arriving, time_in_force: str) -> None:
    """How many orders its owner may have open, here and everywhere; what never rests needs no room."""
    if taker.leaving is not None or time_in_force in ("IOC", "FOK"):
        return
    terms = taker.market.terms
    here = len(others(world, taker))
    bound = terms.max_open_orders_amm if taker.user_id == AMM else terms.max_open_orders
    if here + 1 > bound:
        raise Refused(4012, {"scope": "MARKET", "limit": bound, "open_orders": here})
    everywhere = sum(o.is_live and o.user_id in world.family(taker.user_id) for o in world.orders)
    if taker.user_id != AMM and everywhere + 1 > terms.max_open_orders_total:
        data = {"scope": "TOTAL", "limit": terms.max_open_orders_total, "open_orders": everywhere}
        raise Refused(4012, data)


def others(world: World, taker: Arriving) -> list[Order]:
    """The live orders of its owner in this market, but for the one that goes."""
    family = world.family(taker.user_id)
    orders = world.live_orders(taker.market.market_id)
    return [o for o in orders if o.user_id in family and o is not taker.leaving]


def check_self_trade(world: World, taker: Arriving) -> None:
    """Nobody meets itself, except who says who gives way, and the market maker."""
    if taker.user_id == AMM or taker.self_trade_mode != "REJECT":
        return
    for order in others(world, taker):
        opposite = order.book_direction != taker.book_direction
        if opposite and crosses(taker.book_direction, taker.book_price, order.book_price):
            raise Refused(4003)


def check_takes_nothing(world: World, taker: Arriving, *, post_only: bool) -> None:
    makers = crossing(world, taker)
    if makers and post_only:
        raise Refused(4007, {"best_price_cents": makers[0].book_price})
    if makers and taker.market.trading_mode == "POST_ONLY":
        raise Refused(3008, {"trading_mode": "POST_ONLY"})


def check_money(world: World, amount: int) -> None:
    """All the money there is came in from outside, less what went out again."""
    if sum(
        entry.amount for entry in world.entries if entry.reference_type in ("DEPOSIT", "WITHDRAW")
    ) + amount > (MONEY_MAX):
        raise Refused(4002)


def check_cover(world: World, taker: Arriving) -> None:
    """Cash or shares for the whole order; those of an order about to go count as free."""
    if taker.user_id not in world.accounts or taker.user_id in (RESERVE, FEES):
        raise Refused(2002)
    without = taker.leaving
    if taker.direction == "BUY":
        available = world.available(taker.user_id)
        if without is not None and without.opens:
            available += without.frozen_amount
        needed = cash_needed(taker.market, taker.price, taker.quantity)
        if taker.max_cost is not None:
            _, needed = walk(world, taker)
        if available < needed:
            raise Refused(2001)
    else:
        free = world.free(taker.user_id, taker.market.market_id, taker.side)
        if without is not None and not without.opens and without.side == taker.side:
            free += without.remaining
        if free < taker.quantity:
            raise Refused(5001)
