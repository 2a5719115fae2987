"""What the command stream would tell and polling has to work out: which orders were filled, which are gone.

A list of trades names no orders. Prices tell: a resting order is filled at its own price, and there is one of
ours for each price of a side. A fill that fits none, for instance one that we took, is booked all the same;
the next reconciliation sees to the orders.

Nobody tells of an order that somebody else cancelled, an administrator or a guard that an earlier process has
set. The public book does: it shows less at that price than our order alone.
"""

import attrs

from amm.brain.arithmetic import Ms
from amm.brain.quoting.inventory import Fill, Leg
from amm.brain.quoting.ladder import Side
from amm.brain.state import MarketState

UNNAMED = ""
"""Instead of the order's id."""

MISSING_MS: Ms = 2_000
"""How long the public book may be without an order of ours: it may be late, or a fill not be polled yet."""
MISSED_AGAIN_MS: Ms = 15_000
"""The least time between two comparisons for that reason: the exchange counts the questions of each."""


def attribute(state: MarketState, fill: Fill) -> Fill:
    """Name the orders that were filled; a trade that comes again keeps its names."""
    if (known := state.ledger.booked_trades.get(fill.trade_id)) is not None:
        legs = (attrs.evolve(leg, order_id=old.order_id) for leg, old in zip(fill.legs, known, strict=True))
        return attrs.evolve(fill, legs=tuple(legs))
    return attrs.evolve(fill, legs=tuple(_named(state, leg) for leg in fill.legs))


def _named(state: MarketState, leg: Leg) -> Leg:
    orders = state.orders
    resting = [
        order.order_id
        for order in orders.on(leg.side)
        if order.price == leg.price and order.bound >= leg.quantity
    ]
    closed = [
        order_id
        for order_id, one in orders.settling.items()
        if one.side is leg.side and one.outstanding >= leg.quantity
    ]
    return attrs.evolve(leg, order_id=next(iter(resting + closed), UNNAMED))


def close_filled(state: MarketState, now_ms: Ms) -> None:
    """Forget orders that have nothing left: no event will say so."""
    for order in [one for one in state.orders.live.values() if one.bound == 0]:
        state.orders.close(order.order_id, order.quantity, now_ms)


def misses_orders(state: MarketState, now_ms: Ms) -> bool:
    """Say whether the public book has been without orders of ours for so long that they may be gone."""
    memory = state.reconciliation
    if not _is_short(state):
        memory.missing_ms = None
        return False
    if memory.missing_ms is None:
        memory.missing_ms = now_ms
    asked_lately = memory.missed_ms is not None and now_ms - memory.missed_ms < MISSED_AGAIN_MS
    if now_ms - memory.missing_ms < MISSING_MS or asked_lately:
        return False
    memory.missed_ms = now_ms
    return True


def _is_short(state: MarketState) -> bool:
    shown = {Side.BID: state.book.bids, Side.ASK: state.book.asks}
    return state.book.snapshot_ms is not None and any(
        shown[side].get(price, 0) < quantity
        for side in Side
        for price, quantity in state.orders.resting(side).items()
    )
