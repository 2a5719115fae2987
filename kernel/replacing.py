"""Replacing: one untouched order leaves the book and another comes, as one step or not at all."""

from kernel.answers import Answer, Refusal, Replaced
from kernel.breaker import trip_unsound
from kernel.checks import check_expiry, check_group, check_wish
from kernel.codes import CancelReason, Code, OrderStatus
from kernel.commands import ReplaceOrder
from kernel.deadlines import check_deadline
from kernel.draft import Draft
from kernel.ending import cancel
from kernel.fence import check_fence
from kernel.market import Account, Order
from kernel.modes import check_mode
from kernel.orders import (
    accept,
    client_order_id_used,
    netting_of,
    order_now,
    same_request,
    trade_and_rest,
)
from kernel.refusals import amm_only, market_not_open


def replace_order(draft: Draft, command: ReplaceOrder) -> Answer | Refusal:
    """Cancel one untouched order and place another as one step.

    The one refusal that changes something is here: an old order found partly filled is cancelled, because
    whoever replaces it wants it gone, and nothing is placed, because the plan behind it is out of date.
    """
    state = draft.state
    account = state.traders.get(command.user_id)
    if account is None or not (account.is_amm or account.is_escrow):
        return amm_only()
    if (refusal := check_fence(account, command, draft.at)) is not None:
        return refusal
    earlier = account.orders.get(command.client_order_id)
    if earlier is not None:
        return repeat_replacement(state.orders, earlier, command)
    if (refusal := check_deadline(command, draft.at)) is not None:
        return refusal
    old = state.orders.get(command.old_order_id)
    if (refusal := check_replaced(account, old, command, draft.at)) is not None:
        return refusal
    assert old is not None
    market = old.market
    if not market.is_sound():
        return trip_unsound(draft, market)
    if (refusal := check_mode(market, command.terms)) is not None:
        return refusal
    if old.filled:
        cancel(draft, old, CancelReason.REPLACE_PARTIAL_FILL)
        return partly_filled(old)
    if command.market_id != market.id:
        return Refusal(
            Code.REPLACE_OTHER_MARKET,
            f"Old order is in {market.id}, the new one is for {command.market_id}",
            {"old_market_id": market.id, "new_market_id": command.market_id},
        )
    group_id = command.terms.group_id
    if group_id is not None and (refusal := check_group(market, account.id, group_id)) is not None:
        return refusal
    if (refusal := check_expiry(command.terms, draft.at)) is not None:
        return refusal
    backing = check_wish(market, account, command, draft.at, without=old)
    if isinstance(backing, Refusal):
        return backing
    # Nothing above has changed anything. Nothing below can refuse.
    cancel(draft, old, CancelReason.REPLACED)
    order = accept(draft, market, account, command, backing, replaces=old.id)
    gave_way = trade_and_rest(draft, order)
    return Replaced(
        order_now(old), order_now(order), netting_of(draft, account), self_trade_cancelled=gave_way
    )


def check_replaced(account: Account, old: Order | None, command: ReplaceOrder, at: int) -> Refusal | None:
    """The old order exists, is one's own, is live, and its market trades."""
    named = {"old_order_id": command.old_order_id}
    if old is None:
        return Refusal(Code.REPLACE_NOT_FOUND, "Old order not found", named)
    if old.account is not account:
        return Refusal(Code.REPLACE_NOT_OWN, "Not your order", named | {"owner_user_id": old.account.id})
    if old.status is OrderStatus.FILLED:
        return Refusal(
            Code.REPLACE_FILLED, "Old order is filled", named | {"total_filled_quantity": old.terms.quantity}
        )
    if old.cancel_reason is CancelReason.REPLACE_PARTIAL_FILL:
        return partly_filled(old)
    if not old.is_live:
        return Refusal(
            Code.ORDER_CLOSED,
            f"Old order is {old.status}",
            named | {"status": old.status, "cancel_reason": old.cancel_reason},
        )
    if old.market.closing is not None:
        return Refusal(
            Code.ORDER_CLOSED,
            "Old order is being cancelled: its market is resolved",
            named | {"status": OrderStatus.CANCELLED, "cancel_reason": CancelReason.MARKET_RESOLVED},
        )
    return None if old.market.is_trading(at) else market_not_open(old.market)


def partly_filled(old: Order) -> Refusal:
    """Also the answer to whoever asks again, so it is told from the order and not from the cancel."""
    return Refusal(
        Code.REPLACE_PARTLY_FILLED,
        f"Old order partly filled: {old.filled} of {old.terms.quantity}; "
        f"the remaining {old.remaining} are cancelled",
        {
            "old_order_id": old.id,
            "old_order_status": OrderStatus.CANCELLED,
            "filled_quantity": old.filled,
            "remaining_quantity_cancelled": old.remaining,
            "unfrozen_amount": old.need(old.remaining),
            "unfrozen_asset_type": old.frozen_asset_type,
        },
    )


def repeat_replacement(orders: dict[str, Order], earlier: Order, command: ReplaceOrder) -> Answer | Refusal:
    if earlier.replaces != command.old_order_id or not same_request(earlier, command):
        return client_order_id_used(command)
    return Replaced(order_now(orders[command.old_order_id]), order_now(earlier), None, repeated=True)
