"""How an order ends before it is filled: cancelled or expired, and what backed the rest is set free."""

from kernel.clearing import net
from kernel.codes import CancelReason, LedgerEntryType, OrderStatus
from kernel.draft import Draft
from kernel.events import OrderCancelled, OrderExpired
from kernel.market import Order
from kernel.money import post

CANCELLED, MARKET_RESOLVED = OrderStatus.CANCELLED, CancelReason.MARKET_RESOLVED
UNFREEZE = LedgerEntryType.ORDER_UNFREEZE


def give_back(draft: Draft, order: Order, reason: CancelReason) -> int:
    """The order is final, and what backed the rest of it is available again; returns how much that is."""
    released = order.frozen
    assert released > 0 or order.terms.max_cost_cents is not None
    if order.opens:
        post(draft, order.account, UNFREEZE, released, -released)
    else:
        order.holding.pending_sell -= released
        order.position.updated_at = draft.at
    order.frozen = 0
    order.status = CANCELLED
    order.cancel_reason = reason
    order.updated_at = draft.at
    draft.state.closed.add(order)
    return released


def expire(draft: Draft, order: Order) -> None:
    """What an immediate-or-cancel order could not trade is gone in the same command."""
    released = give_back(draft, order, CancelReason.IOC_UNFILLED)
    ledger_id, postings = draft.take_postings()
    draft.record(
        order.market.id,
        OrderExpired(
            order_id=order.id,
            user_id=order.account.id,
            expired_qty=order.remaining,
            filled_qty=order.filled,
            frozen_amount=released,
            ledger_id=ledger_id,
            postings=postings,
            positions=[] if order.opens else [order.position.after()],
        ),
    )
    if not order.opens:
        net(draft, order.position)


def cancel(draft: Draft, order: Order, reason: CancelReason) -> int:
    """A live order leaves the book; returns what it releases."""
    order.market.leave(order, draft.at)
    return end(draft, order, reason)


def end(draft: Draft, order: Order, reason: CancelReason) -> int:
    """A live order that rests no more, or never did, is cancelled; returns what it releases."""
    market = order.market
    released = give_back(draft, order, reason)
    if reason is MARKET_RESOLVED:
        market.count_resolution_cancel(order.opens, released)
    ledger_id, postings = draft.take_postings()
    draft.record(
        market.id,
        OrderCancelled(
            order.id,
            order.account.id,
            order.remaining,
            released,
            reason,
            order.view if order.amend_count else None,
            ledger_id=ledger_id,
            postings=postings,
            positions=[] if order.opens else [order.position.after()],
        ),
    )
    if not order.opens:
        net(draft, order.position)
    return released
