"""Fills from a list of trades, which names no orders: which orders were they, and what is left of them?

Prices tell. A resting order is filled at its own price, and there is one of ours for each price of a side. A
fill that fits none, for instance one that we took, is booked all the same; the next reconciliation sees to
the orders.
"""

import attrs

from amm.brain.arithmetic import Ms
from amm.brain.quoting.inventory import Fill, Leg
from amm.brain.state import MarketState

UNNAMED = ""
"""Instead of the order's id."""


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
