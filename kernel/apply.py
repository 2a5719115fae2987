"""Replay one fact: assignment and addition. No rule, no refusal, no clock.

Amounts come from the event, so a fee changed tomorrow cannot rewrite what happened today. What goes wrong
here is a journal that does not belong to this state, and stops the replay.
"""

from typing import assert_never

import msgspec

from kernel.codes import RESTING_KINDS, AmmStatus, CancelReason, OrderStatus
from kernel.events import (
    AccountOpened,
    AdminConfirmed,
    AdminProposed,
    AmmStarted,
    AmmStopped,
    AnyEvent,
    CircuitBreakerResolved,
    CircuitBreakerTriggered,
    Fact,
    FenceRaised,
    Fill,
    FundsDeposited,
    FundsTransferred,
    FundsWithdrawn,
    GuardSet,
    JournalAccepted,
    JournalOpened,
    KeysForgotten,
    MarketAmmAuthorized,
    MarketClosing,
    MarketCreated,
    MarketModeChanged,
    MarketSettled,
    MarketStatusChanged,
    NettingExecuted,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderExpired,
    OrderGroupDeleted,
    OrderGroupReset,
    OrderGroupSet,
    OrderGroupTriggered,
    OrderMatched,
    OrderPartiallyFilled,
    OrdersForgotten,
    PositionSettled,
    PositionsForgotten,
    SharesBurned,
    SharesMinted,
    SharesTransferred,
)
from kernel.filing import terms_of
from kernel.making_events import (
    MmCampaignChanged,
    MmCampaignCreated,
    MmCaseChanged,
    MmLeaseAcquired,
    MmLeaseReleased,
    MmLeaseRenewed,
    MmOrderChanged,
    MmOrderCreated,
    MmParticipationChanged,
    MmVenueChanged,
)
from kernel.market import Account, Order, Position
from kernel.question import AmmRun, Closing
from kernel.state import State


def apply(state: State, fact: Fact) -> None:
    """Bring the state from just before `fact` to just after it."""
    assert fact.id == state.head + 1, f"fact {fact.id} after {state.head}"
    event = fact.event
    match event:
        case OrderAccepted():
            accept(state, fact, event)
        case OrderMatched() | OrderPartiallyFilled():
            fill(state, fact, event)
        case OrderAmended():
            amend(state, fact, event)
        case OrderCancelled(order_id=order_id, cancel_reason=reason):
            close(state, state.orders[order_id], reason, fact.at)
        case OrderExpired(order_id=order_id):
            close(state, state.orders[order_id], CancelReason.IOC_UNFILLED, fact.at)
        case OrderGroupSet() | OrderGroupTriggered() | OrderGroupReset() | OrderGroupDeleted():
            change_group(state, fact, event)
        case AccountOpened(user_id=user_id, owner_id=owner_id, auto_netting_enabled=auto_netting):
            state.open_account(Account(user_id, owner_id, auto_netting, fact.at))
        case FundsDeposited(user_id=user_id, amount_cents=amount):
            state.external += amount
            state.accounts[user_id].net_deposits += amount
        case FundsWithdrawn(user_id=user_id, amount_cents=amount):
            state.external -= amount
            state.accounts[user_id].net_deposits -= amount
        case FundsTransferred(amount_cents=worth) | SharesTransferred(cost_cents=worth):
            state.keep_key(fact)
            state.accounts[event.from_user_id].hand_over(state.accounts[event.to_user_id], worth)
        case FenceRaised(user_id=user_id, fence=fence):
            state.accounts[user_id].fence = fence
        case GuardSet(user_id=user_id, grace_ms=grace_ms, markets=markets):
            state.guard(user_id, grace_ms, markets)
        case MarketCreated():
            state.open_market(fact, event)
        case SharesMinted(trade=trade):
            state.keep_key(fact)
            state.trade_ids.resume_trade(trade.trade_id)
            state.order_ids.resume_order(trade.order_id)
        case SharesBurned(trade=trade):
            state.keep_key(fact)
            position_of(state, fact, event.user_id).realized_pnl += trade.realized_pnl or 0
            state.trade_ids.resume_trade(trade.trade_id)
            state.order_ids.resume_order(trade.order_id)
        case AdminProposed():
            state.propose(fact, event)
        case AdminConfirmed(action=action):
            assert fact.market_id is not None
            del state.proposals[action, fact.market_id]
        case PositionSettled(payout_cents=payout, yes_cost_sum=yes_cost, no_cost_sum=no_cost):
            position = position_of(state, fact, event.user_id)
            position.realized_pnl += payout - yes_cost - no_cost
            closing = position.market.closing
            if closing is not None:  # else one step settles all, and nobody asks how far it has come
                closing.count(payout, yes_cost + no_cost, event.void_price_cents)
        case NettingExecuted(released_cents=cents, yes_cost_released=yes_cost, no_cost_released=no_cost):
            position_of(state, fact, event.user_id).realized_pnl += cents - yes_cost - no_cost
        case OrdersForgotten(orders=orders, last_id=last_id):
            state.forget(orders, last_id, fact.id)
        case KeysForgotten(uses=uses):
            state.forget_keys(uses)
        case PositionsForgotten(count=count, last_id=last_id):
            assert fact.market_id is not None
            state.forget_positions(state.markets[fact.market_id], count, last_id)
        case MmOrderCreated() | MmOrderChanged() | MmLeaseAcquired() | MmLeaseRenewed() | MmLeaseReleased():
            state.make(fact, event)
        case MmCampaignCreated() | MmCampaignChanged() | MmParticipationChanged():
            state.make(fact, event)
        case MmVenueChanged() | MmCaseChanged():
            state.make(fact, event)
        case JournalOpened() | JournalAccepted():
            pass  # what they changed, the members below say
        case _:
            change_market(state, fact, event)
    settle_members(state, fact, event)
    state.head = fact.id
    state.now = fact.at


def position_of(state: State, fact: Fact, user_id: str) -> Position:
    """Somebody's position, of which a fact tells more than what it is afterwards."""
    assert fact.market_id is not None
    return state.markets[fact.market_id].positions[user_id]


def settle_members(state: State, fact: Fact, event: AnyEvent) -> None:
    """Balances, positions and reserve: the values after, as the event gives them."""
    if event.postings:
        assert event.ledger_id == state.ledger_head + 1, f"ledger {event.ledger_id} after {state.ledger_head}"
        state.ledger_head += len(event.postings)
        accounts = state.accounts
        for posting in event.postings:
            account = accounts[posting.user_id]
            account.available = posting.balance_after
            account.frozen = posting.frozen_after
            account.version += 1
    if fact.market_id is None:
        return
    market = state.markets[fact.market_id]
    for after in event.positions:
        position = market.positions.get(after.user_id) or market.position(state.accounts[after.user_id])
        yes, no = position.yes, position.no
        _, yes.volume, yes.cost_sum, yes.pending_sell, no.volume, no.cost_sum, no.pending_sell = (
            msgspec.structs.astuple(after)
        )
        position.updated_at = fact.at
    if event.market is not None:
        after_market = event.market
        market.reserve = after_market.reserve_balance
        market.pnl_pool = after_market.pnl_pool
        market.yes_shares = after_market.total_yes_shares
        market.no_shares = after_market.total_no_shares
        market.updated_at = fact.at


def accept(state: State, fact: Fact, event: OrderAccepted) -> None:
    """An order comes to be. One that may rest does so at once: its fills, if any, follow and shrink it."""
    assert fact.market_id is not None
    position = state.markets[fact.market_id].position(state.accounts[event.user_id])
    order = state.open_order(position, fact, event, terms_of(event))
    state.order_ids.resume_order(order.id)
    if event.time_in_force in RESTING_KINDS:
        order.market.rest(order, fact.at)


def amend(state: State, fact: Fact, event: OrderAmended) -> None:
    """A live order has other terms. One that moved joins the back at once: its fills, if any, follow."""
    order = state.orders[event.order_id]
    order.market.amend(order, fact, event)
    if not event.kept_priority:
        order.market.rest(order, fact.at)


def fill(state: State, fact: Fact, event: Fill) -> None:
    maker, taker = state.orders[event.order_id], state.orders[event.counterparty_order_id]
    market, trade = maker.market, event.trade
    maker_after, taker_after = event.orders
    for order, after in ((maker, maker_after), (taker, taker_after)):
        if order is maker or order.terms.time_in_force in RESTING_KINDS:
            market.shrink(order, event.fill_qty, fact.at)
        else:
            order.remaining -= event.fill_qty
        order.status = after.status
        order.frozen = after.frozen_amount
        order.updated_at = fact.at
        if not order.position.has_traded:
            order.position.begin_to_trade()
        if not order.remaining:
            state.closed.add(order)
    buy, sell = (maker, taker) if maker.is_bid else (taker, maker)
    buy.position.realized_pnl += trade.buy_realized_pnl or 0
    sell.position.realized_pnl += trade.sell_realized_pnl or 0
    maker.position.fees_paid += trade.maker_fee
    taker.position.fees_paid += trade.taker_fee
    state.trade_ids.resume_trade(trade.trade_id)
    if event.contribution:
        leash = maker.account.leash
        assert leash is not None
        assert leash.participation is not None
        leash.participation.contribution_cents += event.contribution
    if market.groups:
        # One that they share counts once.
        for group in dict.fromkeys((market.group_of(maker), market.group_of(taker))):
            if group is not None:
                group.count(event.fill_qty, fact.at)
    fees = trade.maker_fee + trade.taker_fee
    market.count_trade(trade.scenario, event.trade_price, event.fill_qty, fees, fact.at)
    if market.trade_range is not None:
        market.trade_range.note(fact.at, event.trade_price)


def close(state: State, order: Order, reason: CancelReason, at: int) -> None:
    assert order.is_live, f"{order.id} is {order.status}"
    if order.terms.time_in_force in RESTING_KINDS:
        order.market.leave(order, at)
    if reason is CancelReason.MARKET_RESOLVED:
        order.market.count_resolution_cancel(order.opens, order.frozen)
    order.status = OrderStatus.CANCELLED
    order.cancel_reason = reason
    order.frozen = 0
    order.updated_at = at
    state.closed.add(order)


def change_group(
    state: State,
    fact: Fact,
    event: OrderGroupSet | OrderGroupTriggered | OrderGroupReset | OrderGroupDeleted,
) -> None:
    assert fact.market_id is not None
    market = state.markets[fact.market_id]
    match event:
        case OrderGroupSet():
            market.set_group(fact, event)
        case OrderGroupTriggered():
            market.groups[event.user_id][event.group_id].trigger(fact.at)
        case OrderGroupReset():
            market.groups[event.user_id][event.group_id].reset(fact.at)
        case OrderGroupDeleted():
            market.drop_group(event.user_id, event.group_id)
        case _:
            assert_never(event)


def change_market(
    state: State,
    fact: Fact,
    event: MarketStatusChanged
    | MarketModeChanged
    | MarketClosing
    | MarketAmmAuthorized
    | MarketSettled
    | AmmStarted
    | AmmStopped
    | CircuitBreakerTriggered
    | CircuitBreakerResolved,
) -> None:
    """What happens to a market now and then, and is not trading."""
    assert fact.market_id is not None
    market = state.markets[fact.market_id]
    match event:
        case MarketStatusChanged():
            market.become(event.new_status, fact.at, event.reason, event.until)
            market.resolution_result = event.resolution_result
            market.resolved_at = event.resolved_at
            market.void_price_cents = event.void_price_cents
        case MarketModeChanged():
            market.trading_mode = event.new_mode
            market.mode_until = event.until
            market.updated_at = fact.at
        case MarketAmmAuthorized():
            market.amm_authorized = event.amm_authorized
            market.updated_at = fact.at
        case MarketClosing(settles=settles):
            market.closing = Closing(settles)
        case MarketSettled():
            market.status = event.new_status
            market.closing = None
            market.settled_at = event.settled_at
            market.void_price_cents = event.void_price_cents
        case AmmStarted():
            market.amm = AmmRun(
                AmmStatus.RUNNING,
                event.start_count,
                event.initial_budget_cents,
                event.initial_price_cents,
                event.config_override,
                first_started_at=market.amm.first_started_at if market.amm is not None else fact.at,
                started_at=fact.at,
            )
        case AmmStopped():
            assert market.amm is not None
            market.amm.stop(fact.at, event.stop_mode)
        case CircuitBreakerTriggered():
            state.breaker_head = event.breaker_id
            market.open_breaker(event.breaker_id, fact.at)
        case CircuitBreakerResolved(breaker_ids=breaker_ids):
            market.close_breakers(breaker_ids, fact.at)
        case _:
            assert_never(event)
