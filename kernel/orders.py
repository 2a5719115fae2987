"""Placing and cancelling orders: every check in its order, then the change.

A function here first looks for a reason to say no, and changes nothing while it looks. Past its last
refusal it only acts: nothing below can fail.
"""

from typing import Final

from kernel.answers import (
    Answer,
    Cancelled,
    Netting,
    OrderNow,
    Placed,
    Refusal,
)
from kernel.braking import count_in_groups
from kernel.breaker import trip_unsound
from kernel.checks import check_expiry, check_group, check_wish
from kernel.clearing import fill
from kernel.codes import (
    PAIR_CENTS,
    RESTING_KINDS,
    BookType,
    CancelReason,
    Code,
    Direction,
    FrozenAssetType,
    LedgerEntryType,
    MarketStatus,
    SelfTradeMode,
    Side,
    TimeInForce,
    TradingMode,
)
from kernel.commands import (
    CancelByClientId,
    CancelOrder,
    OrderWish,
    PlaceOrder,
    TimedCommand,
)
from kernel.deadlines import check_deadline
from kernel.draft import Draft
from kernel.ending import cancel, end, expire
from kernel.events import NettingExecuted, OrderAccepted, OrderCancelled
from kernel.fence import check_fence
from kernel.ids import uuid7
from kernel.market import LIVE, Account, Market, Order
from kernel.modes import check_mode
from kernel.money import post
from kernel.refusals import (
    market_not_found,
    market_not_open,
)
from kernel.walk import affordable, groups_of

YES, BUY, SELL = Side.YES, Direction.BUY, Direction.SELL
IOC, FOK = TimeInForce.IOC, TimeInForce.FOK
REJECT, CANCEL_MAKER = SelfTradeMode.REJECT, SelfTradeMode.CANCEL_MAKER
CANCEL_TAKER = SelfTradeMode.CANCEL_TAKER
USER_CANCELLED = CancelReason.USER_CANCELLED
DRAFT, HALTED = MarketStatus.DRAFT, MarketStatus.HALTED
NORMAL = TradingMode.NORMAL
FREEZE = LedgerEntryType.ORDER_FREEZE
FUNDS, YES_SHARES, NO_SHARES = FrozenAssetType.FUNDS, FrozenAssetType.YES_SHARES, FrozenAssetType.NO_SHARES

IN_THE_BOOK: Final = {
    (Side.YES, Direction.BUY): (BookType.NATIVE_BUY, Direction.BUY),
    (Side.YES, Direction.SELL): (BookType.NATIVE_SELL, Direction.SELL),
    (Side.NO, Direction.BUY): (BookType.SYNTHETIC_SELL, Direction.SELL),
    (Side.NO, Direction.SELL): (BookType.SYNTHETIC_BUY, Direction.BUY),
}
"""How each wish enters the book: buying NO is selling YES at the rest of 100, selling NO is buying it."""


def place_order(draft: Draft, command: PlaceOrder) -> Answer | Refusal:
    state = draft.state
    account = state.traders.get(command.user_id)
    if account is not None:
        if account.is_escrow and (refusal := check_fence(account, command, draft.at)) is not None:
            return refusal
        earlier = account.orders.get(command.client_order_id)
        if earlier is not None:
            return repeat_placement(earlier, command)
    if command.valid_until is not None and (refusal := check_deadline(command, draft.at)) is not None:
        return refusal
    market = state.markets.get(command.market_id)
    if market is None:
        return market_not_found(command.market_id)
    if not market.is_trading(draft.at):
        return market_not_found(market.id) if market.status is DRAFT else market_not_open(market)
    if not market.is_sound():
        return trip_unsound(draft, market)
    terms = command.terms
    if market.trading_mode is not NORMAL and (refusal := check_mode(market, terms)) is not None:
        return refusal
    group_id = terms.group_id
    if group_id is not None and (refusal := check_group(market, command.user_id, group_id)) is not None:
        return refusal
    if terms.expires_at is not None and (refusal := check_expiry(terms, draft.at)) is not None:
        return refusal
    backing = check_wish(market, account, command, draft.at)
    if isinstance(backing, Refusal):
        return backing
    assert account is not None
    # Nothing above has changed anything. Nothing below can refuse.
    order = accept(draft, market, account, command, backing)
    gave_way = trade_and_rest(draft, order)
    netting = netting_of(draft, account) if len(draft.facts) > 1 else None
    return Placed(order_now(order), netting, False, gave_way)


def repeat_placement(earlier: Order, command: PlaceOrder) -> Answer | Refusal:
    """A client_order_id names one request for ever: the same one again is answered, another refused."""
    if not same_request(earlier, command):
        return client_order_id_used(command)
    return Placed(order_now(earlier), None, repeated=True)


def same_request(order: Order, command: OrderWish) -> bool:
    return order.market.id == command.market_id and order.accepted_terms == command.terms


# The change


def accept(
    draft: Draft,
    market: Market,
    account: Account,
    wish: OrderWish,
    frozen: int,
    replaces: str | None = None,
) -> Order:
    """The order comes to be, and what backs it is set aside: `frozen` cents, or shares."""
    state = draft.state
    terms = wish.terms
    side, direction, price, quantity = terms.side, terms.direction, terms.price, terms.quantity
    book_type, book_direction = IN_THE_BOOK[side, direction]
    position = market.positions.get(account.id) or market.position(account)
    if direction is BUY:
        asset_type = FUNDS
        positions = []
        post(draft, account, FREEZE, -frozen, frozen)
    else:
        asset_type = YES_SHARES if side is YES else NO_SHARES
        position.holding(side).pending_sell += frozen
        position.updated_at = draft.at
        positions = [position.after()]
    state.order_ids.step(draft.at)
    part = account.leash.participation if account.leash is not None else None
    book_price = price if side is YES else PAIR_CENTS - price
    ledger_id, postings = draft.take_postings()
    event = OrderAccepted(  # by position: this is the most frequent event of all
        uuid7(state.order_ids, wish.nonce),
        account.id,
        wish.client_order_id,
        side,
        direction,
        price,
        book_type,
        book_direction,
        book_price,
        terms.time_in_force,
        quantity,
        quantity,
        frozen,
        asset_type,
        replaces,
        terms.expires_at,
        terms.post_only,
        terms.max_cost_cents,
        terms.self_trade_mode,
        terms.group_id,
        part is not None and part.is_near(book_price, market.book.best_bid, market.book.best_ask),
        ledger_id=ledger_id,
        postings=postings,
        positions=positions,
    )
    return state.open_order(position, draft.record(market.id, event), event, terms)


def trade_and_rest(draft: Draft, order: Order) -> tuple[str, ...]:
    """Meet whoever waits at an acceptable price; what is left rests, or expires at once.

    Returns the orders of its owner that gave way to it, in their order.
    """
    market, terms = order.market, order.terms
    gave_way: tuple[str, ...] = ()
    if terms.self_trade_mode is REJECT and terms.max_cost_cents is None and not market.groups:
        while order.remaining and (maker := market.book.next_maker(order)) is not None:
            fill(draft, maker, order, min(maker.remaining, order.remaining))
    else:
        goes_on = trade_with_care(draft, order)
        gave_way = self_trade_cancelled(draft, order)
        if not goes_on:
            return gave_way
    if order.remaining == 0:
        return gave_way
    if terms.time_in_force is IOC:
        expire(draft, order)
    else:
        assert terms.time_in_force is not FOK
        market.rest(order, draft.at)
    return gave_way


def trade_with_care(draft: Draft, order: Order) -> bool:
    """The same where an owner's orders give way, where a cap bounds the cost, and where groups may brake.

    It does what the walk says, which was judged before: of a cap, what is frozen is what is left. Returns
    whether it was not the order itself that gave way, or that its group cancelled.
    """
    market, terms = order.market, order.terms
    owner = None if order.account.is_amm else order.account.owner_id
    own_group = market.group_of(order)
    while order.remaining and (maker := market.book.next_maker(order)) is not None:
        if maker.account.owner_id == owner:
            if terms.self_trade_mode is CANCEL_TAKER:
                if terms.time_in_force in RESTING_KINDS:  # it could have rested: replay has it rest
                    market.book_changed_at = draft.at
                end(draft, order, CancelReason.SELF_TRADE)
                return False
            cancel(draft, maker, CancelReason.SELF_TRADE)
            continue
        groups = groups_of(market, maker, own_group) if market.groups else ()
        wanted = min(maker.remaining, order.remaining)
        for group in groups:
            wanted = min(wanted, group.room(draft.at))
        taken = wanted
        if terms.max_cost_cents is not None:
            taken, _ = affordable(market, terms, maker.book_price, order.remaining, wanted, order.frozen)
            if taken == 0:
                break
        fill(draft, maker, order, taken)
        if groups:
            count_in_groups(draft, maker, order, groups, taken)
            if order.cancel_reason is not None:
                return False
        if taken < wanted:
            break
    return True


# Cancelling


def cancel_order(draft: Draft, command: CancelOrder) -> Answer | Refusal:
    account = draft.state.traders.get(command.user_id)
    if (
        account is not None
        and account.is_escrow
        and (refusal := check_fence(account, command, draft.at)) is not None
    ):
        return refusal
    order = draft.state.orders.get(command.order_id)
    if order is None:
        return order_not_found(command.order_id)
    if order.account.id != command.user_id:
        return Refusal(Code.NOT_ALLOWED, "Not your order")
    return cancel_own(draft, order, command)


def cancel_by_client_id(draft: Draft, command: CancelByClientId) -> Answer | Refusal:
    account = draft.state.traders.get(command.user_id)
    if account is not None and (refusal := check_fence(account, command, draft.at)) is not None:
        return refusal
    order = account.orders.get(command.client_order_id) if account is not None else None
    if order is None or order.market.id != command.market_id:
        return order_not_found(command.client_order_id)
    return cancel_own(draft, order, command)


def cancel_own(draft: Draft, order: Order, command: TimedCommand) -> Answer | Refusal:
    if command.valid_until is not None and (refusal := check_deadline(command, draft.at)) is not None:
        return refusal
    if order.status not in LIVE:
        return Refusal(Code.ORDER_CLOSED, f"Order is {order.status}: it can no longer be cancelled")
    if order.market.closing is not None:
        return Refusal(Code.ORDER_CLOSED, "Order is being cancelled: its market is resolved")
    if order.market.status is HALTED:
        return market_not_open(order.market)
    # Nothing above has changed anything. Nothing below can refuse.
    released = cancel(draft, order, USER_CANCELLED)
    netting = netting_of(draft, order.account) if len(draft.facts) > 1 else None
    return Cancelled(order_now(order), released, order.frozen_asset_type, netting)


# What is said


def netting_of(draft: Draft, account: Account) -> Netting | None:
    """The caller's own nettings within the command, together; what was overdue before it left out.

    A netting is never the first thing that happens: of a single fact nobody need ask.
    """
    pairs = 0
    for fact in draft.facts[draft.expired :] if draft.expired else draft.facts:
        if type(fact.event) is NettingExecuted and fact.event.user_id == account.id:
            pairs += fact.event.quantity
    return Netting(pairs, PAIR_CENTS * pairs) if pairs else None


def self_trade_cancelled(draft: Draft, taker: Order) -> tuple[str, ...]:
    """The orders of its owner that gave way to an order, in their order."""
    if taker.terms.self_trade_mode is not CANCEL_MAKER:
        return ()
    return tuple(
        fact.event.order_id
        for fact in draft.facts
        if type(fact.event) is OrderCancelled and fact.event.cancel_reason is CancelReason.SELF_TRADE
    )


def order_now(order: Order) -> OrderNow:
    """The order as it is at this moment, for an answer that stays as it is."""
    return OrderNow(
        order,
        order.terms,
        order.amend_count,
        order.status,
        order.terms.quantity - order.remaining,
        order.remaining,
        order.frozen,
        order.cancel_reason,
        order.updated_at,
    )


def order_not_found(name: str) -> Refusal:
    return Refusal(Code.ORDER_NOT_FOUND, f"Order not found: {name}")


def client_order_id_used(command: OrderWish) -> Refusal:
    return Refusal(
        Code.CLIENT_ORDER_ID_USED,
        f"client_order_id {command.client_order_id} was used with a different request",
    )
