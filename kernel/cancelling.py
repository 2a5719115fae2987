"""Cancelling many orders at once: all that somebody has in one market, or those that fit a filter.

They go in acceptance order, each with the netting that its shares allow, and no more of them than one step
may end. What is left goes in further steps: of the orders that were there when the first began, no others.
"""

from typing import Final

from msgspec.structs import replace

from kernel.answers import AllCancelled, Answer, BatchCancelled, Netting, Refusal, Unfinished
from kernel.codes import (
    PAIR_CENTS,
    CancelReason,
    CancelScope,
    Direction,
    FrozenAssetType,
    MarketStatus,
    Side,
)
from kernel.commands import BatchCancel, CancelAll, CancelledSoFar, FireGuard
from kernel.deadlines import check_deadline
from kernel.draft import Draft
from kernel.ending import cancel
from kernel.events import NettingExecuted
from kernel.fence import check_fence
from kernel.market import Market, Order
from kernel.refusals import account_not_found, amm_only, market_not_found, market_not_open

DRAFT, HALTED = MarketStatus.DRAFT, MarketStatus.HALTED
FUNDS, YES_SHARES, NO_SHARES = FrozenAssetType.FUNDS, FrozenAssetType.YES_SHARES, FrozenAssetType.NO_SHARES


def cancel_all(draft: Draft, command: CancelAll) -> Answer | Refusal:
    """Every order of one account in one market that fits the filters."""
    state = draft.state
    account = state.traders.get(command.user_id)
    if account is not None and (refusal := check_fence(account, command, draft.at)) is not None:
        return refusal
    # A later portion is part of what was begun in time.
    if command.so_far is None and (refusal := check_deadline(command, draft.at)) is not None:
        return refusal
    market = state.markets.get(command.market_id)
    if market is None or market.status is DRAFT:
        return market_not_found(command.market_id)
    if market.status is HALTED:
        return market_not_open(market) if command.so_far is None else all_cancelled(market, command.so_far)
    # Nothing above has changed anything. Nothing below can refuse.
    so_far, is_all = cancel_some(
        draft,
        market,
        command.user_id,
        CancelReason.BATCH_CANCELLED,
        command.so_far,
        command.side,
        command.direction,
        command.group_id,
    )
    if is_all:
        return all_cancelled(market, so_far)
    return Unfinished(replace(command, so_far=so_far))


def batch_cancel(draft: Draft, command: BatchCancel) -> Answer | Refusal:
    """Every order of one account in one market that is in scope."""
    state = draft.state
    account = state.traders.get(command.user_id)
    if account is None or not (account.is_amm or account.is_escrow):
        return amm_only()
    if (refusal := check_fence(account, command, draft.at)) is not None:
        return refusal
    # A later portion is part of what was begun in time.
    if command.so_far is None and (refusal := check_deadline(command, draft.at)) is not None:
        return refusal
    market = state.markets.get(command.market_id)
    if market is None or market.status is DRAFT:
        return market_not_found(command.market_id)
    if market.status is HALTED:
        return market_not_open(market) if command.so_far is None else batch_cancelled(market, command.so_far)
    # Nothing above has changed anything. Nothing below can refuse.
    direction = SCOPES[command.scope]
    so_far, is_all = cancel_some(
        draft, market, account.id, CancelReason.BATCH_CANCELLED, command.so_far, direction=direction
    )
    if is_all:
        return batch_cancelled(market, so_far)
    return Unfinished(replace(command, so_far=so_far))


SCOPES: Final = {
    CancelScope.ALL: None,
    CancelScope.BUY_ONLY: Direction.BUY,
    CancelScope.SELL_ONLY: Direction.SELL,
}
"""The scope looks at the direction the user gave, not at the side of the book."""


def fire_guard(draft: Draft, command: FireGuard) -> Answer | Refusal:
    """The user stayed away too long. A halted market is left alone, to be asked again when it moves on."""
    state = draft.state
    account = state.traders.get(command.user_id)
    if account is None:
        return account_not_found(command.user_id)
    market = state.markets.get(command.market_id)
    if market is None:
        return market_not_found(command.market_id)
    if market.status is HALTED:
        return market_not_open(market) if command.so_far is None else batch_cancelled(market, command.so_far)
    guard = state.guards.get(command.user_id)
    if guard is None or not guard.covers(market.id):
        return batch_cancelled(market, command.so_far or CancelledSoFar(state.head))
    # Nothing above has changed anything. Nothing below can refuse.
    so_far, is_all = cancel_some(draft, market, account.id, CancelReason.GUARD, command.so_far)
    if is_all:
        return batch_cancelled(market, so_far)
    return Unfinished(replace(command, so_far=so_far))


def cancel_some(
    draft: Draft,
    market: Market,
    user_id: str,
    reason: CancelReason,
    so_far: CancelledSoFar | None,
    side: Side | None = None,
    direction: Direction | None = None,
    group_id: str | None = None,
) -> tuple[CancelledSoFar, bool]:
    """Cancel as many of somebody's orders as a step may; returns the sums so far, and whether it was all."""
    if so_far is None:
        so_far = CancelledSoFar(draft.state.head)
    portion, first = draft.state.portion, len(draft.facts)
    orders = own_orders(market, user_id, side, direction, group_id, so_far.upto, portion + 1)
    released = dict.fromkeys(FrozenAssetType, 0)
    for order in orders[:portion]:
        released[order.frozen_asset_type] += cancel(draft, order, reason)
    return CancelledSoFar(
        so_far.upto,
        so_far.orders + min(len(orders), portion),
        so_far.funds + released[FUNDS],
        so_far.yes_shares + released[YES_SHARES],
        so_far.no_shares + released[NO_SHARES],
        so_far.pairs + netted_since(draft, first),
    ), len(orders) <= portion


def own_orders(
    market: Market,
    user_id: str,
    side: Side | None,
    direction: Direction | None,
    group_id: str | None,
    upto: int,
    count: int,
) -> list[Order]:
    """The first so many, in acceptance order. Those of a market that is being closed are taken care of."""
    position = market.positions.get(user_id)
    found: list[Order] = []
    if position is None or market.closing is not None:
        return found
    for order in position.live:
        if len(found) == count or order.accepted_seq > upto:
            break
        terms = order.terms
        if (
            (side is None or terms.side is side)
            and (direction is None or terms.direction is direction)
            and (group_id is None or terms.group_id == group_id)
        ):
            found.append(order)
    return found


def netted_since(draft: Draft, first: int) -> int:
    """The pairs that turned back into cash since the draft had so many facts."""
    return sum(fact.event.quantity for fact in draft.facts[first:] if type(fact.event) is NettingExecuted)


def batch_cancelled(market: Market, so_far: CancelledSoFar) -> BatchCancelled:
    return BatchCancelled(market.id, so_far.orders, so_far.funds, so_far.yes_shares, so_far.no_shares)


def all_cancelled(market: Market, so_far: CancelledSoFar) -> AllCancelled:
    return AllCancelled(
        market.id,
        so_far.orders,
        so_far.funds,
        so_far.yes_shares,
        so_far.no_shares,
        Netting(so_far.pairs, PAIR_CENTS * so_far.pairs) if so_far.pairs else None,
    )
