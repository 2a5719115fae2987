"""What a user has ordered, as far as the strategy reads it. Ranges and defaults are the exchange's."""

from enum import Enum

import msgspec

from amm.brain.arithmetic import Cents, Shares

STRATEGY = "quoter.1"
"""Name and version, to which an order is pinned: whoever changes what is decided changes this."""


class PriceSource(Enum):
    """What the quotes are laid around."""

    MID = "MID"  # the middle of the best prices
    MICRO = "MICRO"  # nearer to the side on which less is offered
    LAST = "LAST"  # the last trade


class LayerChange(Enum):
    FIXED = "fixed"
    PERCENTAGE = "percentage"


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    bid_half_spread_cents: Cents
    ask_half_spread_cents: Cents
    order_qty: Shares
    levels: int
    level_step_cents: Cents
    amount_change_per_layer: int
    amount_change_type: LayerChange
    refresh_tolerance_cents: Cents
    qty_tolerance_pct: int
    price_source: PriceSource
    floor_price_cents: Cents
    ceiling_price_cents: Cents
    inventory_skew: bool
    max_position_per_side: Shares
    auto_merge_min_pairs: Shares

    def level_quantity(self, level: int) -> Shares:
        """What a level offers before inventory makes it more or less; 0 is the innermost."""
        change = level * self.amount_change_per_layer
        if self.amount_change_type is LayerChange.FIXED:
            return self.order_qty + change
        return self.order_qty * (100 + change) // 100
