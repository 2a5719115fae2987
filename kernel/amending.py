"""Amending: a live order gets another price or another quantity, as one step, and keeps its id.

To ask for less at the same price is a decrease: it takes nothing from anybody, so the order keeps its place
in the queue, and it is allowed wherever a cancel is. Everything else is a move: the order leaves the book,
meets whoever waits at its new price, as a taker, and joins the back of the queue with what is left.
"""

from msgspec.structs import replace

from kernel.answers import Amended, Answer, Refusal
from kernel.breaker import trip_unsound
from kernel.checks import check_owner, check_post_only, check_terms
from kernel.clearing import net
from kernel.codes import (
    CancelReason,
    Code,
    LedgerEntryType,
    MarketStatus,
    OrderStatus,
    TradingMode,
)
from kernel.collar import check_collar
from kernel.commands import Amend, AmendByClientId, AmendOrder, OrderTerms
from kernel.deadlines import check_deadline
from kernel.draft import Draft
from kernel.events import OrderAmended
from kernel.fence import check_fence
from kernel.market import Order, needed
from kernel.modes import check_mode
from kernel.money import post
from kernel.orders import (
    netting_of,
    order_not_found,
    order_now,
    trade_and_rest,
)
from kernel.refusals import insufficient_balance, insufficient_shares, market_not_open
from kernel.walk import book_price

CANCELLABLE = (MarketStatus.ACTIVE, MarketStatus.SUSPENDED)
"""Where an order can be cancelled, and so decreased."""


def amend_order(draft: Draft, command: AmendOrder) -> Answer | Refusal:
    account = draft.state.traders.get(command.user_id)
    if account is not None and (refusal := check_fence(account, command, draft.at)) is not None:
        return refusal
    order = draft.state.orders.get(command.order_id)
    if order is None:
        return order_not_found(command.order_id)
    if order.account is not account:
        return Refusal(Code.NOT_ALLOWED, "Not your order")
    return amend_own(draft, order, command)


def amend_by_client_id(draft: Draft, command: AmendByClientId) -> Answer | Refusal:
    account = draft.state.traders.get(command.user_id)
    if account is not None and (refusal := check_fence(account, command, draft.at)) is not None:
        return refusal
    order = account.orders.get(command.client_order_id) if account is not None else None
    if order is None or order.market.id != command.market_id:
        return order_not_found(command.client_order_id)
    return amend_own(draft, order, command)


def amend_own(draft: Draft, order: Order, command: Amend) -> Answer | Refusal:
    if (refusal := check_deadline(command, draft.at) or check_live(order)) is not None:
        return refusal
    price = command.price if command.price is not None else order.terms.price
    quantity = command.quantity if command.quantity is not None else order.terms.quantity
    wished = replace(order.terms, price=price, quantity=quantity)
    if wished == order.terms:
        return Amended(order_now(order), changed=False, kept_priority=True, netting=None)
    market = order.market
    is_decrease = price == order.terms.price and quantity < order.terms.quantity
    if not (market.status in CANCELLABLE if is_decrease else market.is_trading(draft.at)):
        return market_not_open(market)
    if not (is_decrease or market.is_sound()):
        return trip_unsound(draft, market)
    refusal = None if is_decrease else check_mode(market, wished)
    refusal = refusal or check_above_filled(order, quantity)
    if not is_decrease:
        refusal = refusal or check_move(order, wished, draft.at, post_only=command.post_only)
    refusal = refusal or check_difference(order, wished)
    if refusal is not None:
        return refusal
    # Nothing above has changed anything. Nothing below can refuse.
    amend(draft, order, wished, is_decrease)
    gave_way: tuple[str, ...] = ()
    if not is_decrease:
        gave_way = trade_and_rest(draft, order)
        if not order.is_live:
            market.delist(order)
    return Amended(
        order_now(order),
        changed=True,
        kept_priority=is_decrease,
        netting=netting_of(draft, order.account),
        self_trade_cancelled=gave_way,
    )


# The checks


def check_live(order: Order) -> Refusal | None:
    if order.is_live and order.market.closing is None:
        return None
    status, reason = order.status, order.cancel_reason
    if order.is_live:
        status, reason = OrderStatus.CANCELLED, CancelReason.MARKET_RESOLVED
    return Refusal(
        Code.ORDER_CLOSED,
        f"Order is {status}: it can no longer be amended",
        {"status": status, "cancel_reason": reason},
    )


def check_above_filled(order: Order, quantity: int) -> Refusal | None:
    """Whoever wants no more of it cancels it: a mistyped quantity must not end an order."""
    if quantity > order.filled:
        return None
    return Refusal(
        Code.NOT_ABOVE_FILLED,
        f"Quantity must be above what is filled: {quantity}, filled {order.filled}",
        {"filled_quantity": order.filled},
    )


def check_move(order: Order, wished: OrderTerms, at: int, *, post_only: bool) -> Refusal | None:
    """As if it were placed now, with what of it is not filled, and out of the book itself."""
    market, account = order.market, order.account
    arriving = replace(
        wished, quantity=wished.quantity - order.filled, post_only=wished.post_only or post_only
    )
    refusal = check_terms(market, wished) or check_owner(market, account, arriving, without=order)
    if refusal is None and (arriving.post_only or market.trading_mode is TradingMode.POST_ONLY):
        refusal = check_post_only(market, arriving, without=order)
    if refusal is None and market.terms.collar_cents:
        refusal = check_collar(market, account, arriving, at, without=order)
    return refusal


def check_difference(order: Order, wished: OrderTerms) -> Refusal | None:
    """What it needs beyond what it has set aside must be there."""
    more = need_of(order, wished) - order.frozen
    free = order.account.available if order.opens else order.holding.free
    if more <= free or more <= 0:
        return None
    return insufficient_balance(more, free) if order.opens else insufficient_shares(wished.side, more, free)


def need_of(order: Order, wished: OrderTerms) -> int:
    """What the order would set aside under other terms: cents, or shares."""
    remaining = wished.quantity - order.filled
    return needed(order.market, wished.price, remaining) if order.opens else remaining


# The change


def amend(draft: Draft, order: Order, wished: OrderTerms, is_decrease: bool) -> None:
    """The order has other terms, and what backs it is set aside, or available again."""
    terms, filled = order.terms, order.filled
    frozen = need_of(order, wished)
    more = frozen - order.frozen
    positions = []
    if order.opens:
        entry_type = LedgerEntryType.ORDER_FREEZE if more > 0 else LedgerEntryType.ORDER_UNFREEZE
        post(draft, order.account, entry_type, -more, frozen=more)
    elif more:
        order.holding.pending_sell += more
        order.position.updated_at = draft.at
        positions.append(order.position.after())
    ledger_id, postings = draft.take_postings()
    event = OrderAmended(
        order_id=order.id,
        user_id=order.account.id,
        previous_price=terms.price,
        previous_quantity=terms.quantity,
        original_price=wished.price,
        book_price=book_price(wished),
        quantity=wished.quantity,
        filled_qty=filled,
        remaining_qty=wished.quantity - filled,
        frozen_amount=frozen,
        kept_priority=is_decrease,
        ledger_id=ledger_id,
        postings=postings,
        positions=positions,
    )
    order.market.amend(order, draft.record(order.market.id, event), event)
    if not order.opens and more < 0:
        net(draft, order.position)
