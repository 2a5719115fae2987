"""Who may, where, and how much: the checks, each a paragraph of the rules."""

from kernel.commands import OrderWish
from tests.kernel.reference.records import (
    AMM,
    FEES,
    MONEY_MAX,
    RESERVE,
    VOLUME_MAX,
    Market,
    Order,
    Refused,
    book_price,
    cash_needed,
)
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


def check_terms(market: Market, wish: OrderWish) -> None:
    terms = market.terms
    for price in (wish.terms.price, book_price(wish.terms.side, wish.terms.price)):
        if not terms.min_price_cents <= price <= terms.max_price_cents:
            raise Refused(4001)
    if not 1 <= wish.terms.quantity <= terms.max_order_quantity:
        raise Refused(4002)
    if wish.terms.price * wish.terms.quantity > terms.max_order_amount_cents:
        raise Refused(4002)


def owner(world: World, user_id: str) -> str:
    account = world.accounts.get(user_id)
    return user_id if account is None else account.owner_id


def check_owner(world: World, market: Market, wish: OrderWish, without: Order | None) -> None:
    """How much its owner may come to hold, and that it does not meet itself; the AMM may meet itself."""
    family = [a.user_id for a in world.accounts.values() if a.owner_id == owner(world, wish.user_id)]
    own = [o for o in world.live_orders(market.market_id) if o.user_id in family and o is not without]
    if wish.terms.direction == "BUY":
        held = sum(world.volume(user_id, market.market_id, wish.terms.side) for user_id in family)
        coming = sum(o.remaining for o in own if o.opens and o.side == wish.terms.side)
        limit = VOLUME_MAX if wish.user_id == AMM else market.terms.max_position_per_user
        if held + coming + wish.terms.quantity > limit:
            raise Refused(4002)
    if wish.user_id == AMM:
        return
    is_bid = (wish.terms.direction == "BUY") == (wish.terms.side == "YES")
    price = book_price(wish.terms.side, wish.terms.price)
    for order in own:
        if is_bid and order.book_direction == "SELL" and order.book_price <= price:
            raise Refused(4003)
        if not is_bid and order.book_direction == "BUY" and order.book_price >= price:
            raise Refused(4003)


def check_money(world: World, amount: int) -> None:
    """All the money there is came in from outside, less what went out again."""
    if sum(
        entry.amount for entry in world.entries if entry.reference_type in ("DEPOSIT", "WITHDRAW")
    ) + amount > (MONEY_MAX):
        raise Refused(4002)


def check_cover(world: World, market: Market, wish: OrderWish, without: Order | None) -> None:
    """Cash or shares for the whole order; those of an order about to go count as free."""
    if wish.user_id not in world.accounts or wish.user_id in (RESERVE, FEES):
        raise Refused(2002)
    if wish.terms.direction == "BUY":
        available = world.available(wish.user_id)
        if without is not None and without.opens:
            available += without.frozen_amount
        if available < cash_needed(market, wish.terms.price, wish.terms.quantity):
            raise Refused(2001)
    else:
        free = world.free(wish.user_id, market.market_id, wish.terms.side)
        if without is not None and not without.opens and without.side == wish.terms.side:
            free += without.remaining
        if free < wish.terms.quantity:
            raise Refused(5001)
