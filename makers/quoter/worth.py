"""What an order is worth while the market says this, and how much of what its owner paid in is gone.

The exchange reckons likewise at every lease, and stops an order that has lost what it may.
"""

from amm.brain.arithmetic import PAIR, Cents, Shares

HALF = 2
"""A mark is in half cents of YES: best bid and best ask together, where both stand."""


def equity(cash: Cents, yes: Shares, no: Shares, mark: int) -> Cents:
    """Cash, with what open buys hold, and the shares at the mark; of half a cent nothing is counted."""
    return cash + (yes * mark + no * (HALF * PAIR - mark)) // HALF


def loss(paid_in: Cents, paid_out: Cents, worth: Cents) -> Cents:
    """Below zero it is a gain. Shares that were moved count as paid at the mark of that moment."""
    return paid_in - paid_out - worth
