"""What an order is worth while the market says this, and how much of what its owner paid in is gone.

The exchange reckons likewise at every lease, and stops an order that has lost what it may.
"""

from amm.brain.arithmetic import PAIR, Cents, Shares
from amm.brain.wire import Direction
from makers.quoter.view import View

HALF = 2
"""A mark is in half cents of YES: best bid and best ask together, where both stand."""


def equity(cash: Cents, yes: Shares, no: Shares, mark: int) -> Cents:
    """Cash, with what open buys hold, and the shares at the mark; of half a cent nothing is counted."""
    return cash + (yes * mark + no * (HALF * PAIR - mark)) // HALF


def loss(paid_in: Cents, paid_out: Cents, worth: Cents) -> Cents:
    """Below zero it is a gain. Shares that were moved count as paid at the mark of that moment."""
    return paid_in - paid_out - worth


def equity_of(view: View) -> Cents | None:
    """What everything in the view is worth where it is; unknown while a side of that book is empty."""
    if not view.book.bids or not view.book.asks:
        return None
    held = sum(
        view.cost(order.original_price_cents, order.remaining_quantity)
        for order in view.orders
        if order.original_direction is Direction.BUY
    )
    mark = view.book.bids[0][0] + view.book.asks[0][0]
    return equity(view.cash_cents + held, view.yes.volume, view.no.volume, mark)
