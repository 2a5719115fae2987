"""What an order must be, before it is accepted: each check by itself, and all of them in their order.

They change nothing. What they need to know of the order's meetings they have from the walk.
"""

from kernel.answers import Refusal
from kernel.codes import (
    PAIR_CENTS,
    RESTING_KINDS,
    Code,
    Direction,
    GroupState,
    SelfTradeMode,
    Side,
    TimeInForce,
    TradingMode,
)
from kernel.collar import check_collar
from kernel.commands import OrderTerms, OrderWish
from kernel.limits import VOLUME_MAX
from kernel.market import Account, Market, Order, needed
from kernel.refusals import (
    account_not_found,
    group_not_found,
    insufficient_balance,
    insufficient_shares,
    not_in_this_mode,
    too_many_orders,
)
from kernel.walk import Meeting, best_crossing, walk

YES, BUY = Side.YES, Direction.BUY
GTC, FOK = TimeInForce.GTC, TimeInForce.FOK
REJECT = SelfTradeMode.REJECT
POST_ONLY = TradingMode.POST_ONLY


def check_expiry(terms: OrderTerms, at: int) -> Refusal | None:
    """What would be over at once is refused: a late order must not take."""
    if terms.expires_at is None or at < terms.expires_at:
        return None
    return Refusal(Code.EXPIRY_PASSED, "expires_at is not in the future")


def check_group(market: Market, user_id: str, group_id: str) -> Refusal | None:
    """A group that is named is there, and does not brake."""
    group = market.group(user_id, group_id)
    if group is None:
        return group_not_found(group_id)
    if group.state is GroupState.TRIGGERED:
        return Refusal(
            Code.GROUP_TRIGGERED, f"Order group {group_id} is triggered: reset it before it takes orders"
        )
    return None


def check_wish(
    market: Market,
    account: Account | None,
    wish: OrderWish,
    at: int,
    without: Order | None = None,
) -> Refusal | int:
    """All that follow, in their order. Without a refusal, what the order sets aside: cents, or shares.

    `without` is an order of the same account that is about to leave the book.
    """
    terms = wish.terms
    if (refusal := check_terms(market, terms)) is not None:
        return refusal
    if account is not None and (refusal := check_owner(market, account, terms, without)) is not None:
        return refusal
    if (terms.post_only or market.trading_mode is POST_ONLY) and (
        refusal := check_post_only(market, terms, without)
    ) is not None:
        return refusal
    if (
        market.terms.collar_cents
        and (refusal := check_collar(market, account, terms, at, without)) is not None
    ):
        return refusal
    backing = needed(market, terms.price, terms.quantity) if terms.direction is BUY else terms.quantity
    if terms.time_in_force is not GTC and (terms.time_in_force is FOK or terms.max_cost_cents is not None):
        meetings = walk(market, account, terms, terms.quantity, at, without=without)
        if terms.time_in_force is FOK and (refusal := check_fillable(terms, meetings)) is not None:
            return refusal
        if terms.max_cost_cents is not None:
            backing = sum(meeting.cost for meeting in meetings)
    return check_backing(market, account, wish, backing, without) or backing


def check_terms(market: Market, wished: OrderTerms) -> Refusal | None:
    """Price, quantity and amount, against the limits the market was created with."""
    terms = market.terms
    price, quantity = wished.price, wished.quantity
    low, high = terms.min_price_cents, terms.max_price_cents
    if not (low <= price <= high and (wished.side is YES or low <= 100 - price <= high)):
        return Refusal(Code.PRICE_OUT_OF_RANGE, f"Price out of range: {price}, allowed {low} to {high}")
    if not 1 <= quantity <= terms.max_order_quantity:
        return Refusal(
            Code.LIMIT_EXCEEDED, f"Quantity out of range: {quantity}, allowed 1 to {terms.max_order_quantity}"
        )
    amount = price * quantity
    if (cap := wished.max_cost_cents) is not None:
        if cap < 1:
            return Refusal(Code.LIMIT_EXCEEDED, f"Greatest cost out of range: {cap}, allowed 1 or more")
        amount = min(amount, cap)
    if amount > terms.max_order_amount_cents:
        return Refusal(
            Code.LIMIT_EXCEEDED,
            f"Order amount too large: {amount} cents, allowed {terms.max_order_amount_cents}",
        )
    return None


def check_owner(
    market: Market, account: Account, terms: OrderTerms, without: Order | None = None
) -> Refusal | None:
    """What is asked of all accounts of the beneficial owner: position limit, open orders, self-trade.

    The AMM is exempt from the first and the last: its volumes need only fit the tables. Self-trade looks at
    the whole book, also where others stand in front. `without` is an order of the account that is about to
    leave the book: where one goes and one comes, there are no more of them.
    """
    is_yes = terms.side is YES
    opens = terms.direction is BUY
    positions = market.owners.get(account.owner_id, ())
    if opens:
        exposed = 0
        for position in positions:
            holding = position.yes if is_yes else position.no
            exposed += holding.volume + holding.opening
        if without is not None and without.opens and without.terms.side is terms.side:
            exposed -= without.remaining
        limit = VOLUME_MAX if account.is_amm else market.terms.max_position_per_user
        if exposed + terms.quantity > limit:
            return Refusal(
                Code.LIMIT_EXCEEDED,
                f"Position limit: {exposed} held or on order, {terms.quantity} more, allowed {limit}",
            )
    if (
        without is None
        and account.open_orders.count >= market.least_room
        and terms.time_in_force in RESTING_KINDS
    ):
        refusal = check_open_orders(market, account, sum(len(position.live) for position in positions))
        if refusal is not None:
            return refusal
    if account.is_amm or terms.self_trade_mode is not REJECT:
        return None
    price = terms.price if is_yes else PAIR_CENTS - terms.price
    for position in positions:
        if position.meets(is_yes == opens, price, without):
            return Refusal(Code.SELF_TRADE, "Self-trade: the order would meet an order of the same owner")
    return None


def check_open_orders(market: Market, account: Account, here: int) -> Refusal | None:
    """Nobody fills the memory: there is room for one more, in this market and in all."""
    bound = market.terms.max_open_orders_amm if account.is_amm else market.terms.max_open_orders
    if here >= bound:
        return too_many_orders("MARKET", bound, here)
    total = account.open_orders.count
    if total >= market.terms.max_open_orders_total and not account.is_amm:
        return too_many_orders("TOTAL", market.terms.max_open_orders_total, total)
    return None


def check_post_only(market: Market, terms: OrderTerms, without: Order | None = None) -> Refusal | None:
    """It may only add to the book, by its own word or by the market's mode: it must take nobody, its owner
    included."""
    best = best_crossing(market, terms, without)
    if best is None:
        return None
    if not terms.post_only:
        return not_in_this_mode(market)
    return Refusal(
        Code.POST_ONLY_WOULD_TAKE,
        f"Post-only order would take: the best price of the other side is {best}",
        {"best_price_cents": best},
    )


def check_fillable(terms: OrderTerms, meetings: list[Meeting]) -> Refusal | None:
    """All of it at once, or nothing."""
    fillable = sum(meeting.quantity for meeting in meetings)
    if fillable == terms.quantity:
        return None
    return Refusal(
        Code.NOT_FILLABLE,
        f"Fill-or-kill order cannot be filled: {fillable} of {terms.quantity} shares",
        {"fillable_quantity": fillable},
    )


def check_backing(
    market: Market, account: Account | None, wish: OrderWish, backing: int, without: Order | None = None
) -> Refusal | None:
    """So much available cash, or as many free shares, counting what `without` would set free."""
    if account is None:
        return account_not_found(wish.user_id)
    if wish.terms.direction is BUY:
        available = account.available
        if without is not None and without.opens:
            available += without.frozen
        return insufficient_balance(backing, available) if backing > available else None
    side, position = wish.terms.side, market.positions.get(account.id)
    free = position.holding(side).free if position is not None else 0
    if without is not None and not without.opens and without.terms.side is side:
        free += without.frozen
    return insufficient_shares(side, backing, free) if backing > free else None
