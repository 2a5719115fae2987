"""From what we know to the ladder we want: reservation price, spread, best prices, both ladders.

One pure function, the same for the live maker and the laboratory. It sends nothing and remembers nothing.
"""

from collections.abc import Mapping

import attrs

from amm.brain.arithmetic import ONE, Cents, Ppm, Shares, Uc
from amm.brain.book import ForeignBook
from amm.brain.config import Config
from amm.brain.config_checks import fee_half_spread
from amm.brain.defence import Level, distress_discount
from amm.brain.phases import Shape
from amm.brain.quoting.ladder import Side, Size, Target, ladder, side_skew
from amm.brain.skew import adjustment, inventory_skew
from amm.brain.spread import (
    Best,
    Bounds,
    Maturity,
    best_quotes,
    half_spread,
    model_half_spread,
    side_half_spreads,
)


@attrs.frozen
class Situation:
    """Everything that the quotes depend on."""

    fair: Uc
    sigma: Uc
    gamma: Ppm
    tau: Ppm
    yes: Shares
    no: Shares
    free: Mapping[Side, Shares]
    """What may be offered on each side: the inventory, less what is spoken for elsewhere."""
    base: Uc
    shape: Shape
    maturity: Maturity
    in_event: bool
    level: Level
    stress: Ppm
    allowed: frozenset[Side]
    book: ForeignBook
    bounds: Bounds
    max_quantity: Shares
    maker_fee_bps: int


@attrs.frozen
class Quote:
    q: Ppm
    adjustment: Uc
    reservation: Uc
    half_spread: Uc
    ask_half: Uc
    bid_half: Uc
    best: Best
    targets: dict[Side, list[Target]]


def quote(config: Config, now: Situation) -> Quote:
    q = inventory_skew(now.yes, now.no, config.q_reference)
    moved = adjustment(config.as_, q, now.gamma, now.sigma, now.tau)
    reservation = now.fair - moved
    floor = max(
        now.base,
        fee_half_spread(now.maker_fee_bps, config.as_.max_half_spread),
        model_half_spread(config.as_, now.gamma, now.sigma, now.tau),
    )
    stress = max(now.stress, config.lvr.event_spread_multiplier if now.in_event else ONE)
    half = half_spread(config.as_, floor, now.maturity.spread, stress)
    ask_half, bid_half = side_half_spreads(config.as_, half, q)
    if now.level is Level.ONE_SIDE and not config.defense.one_side_strict:
        # Both sides are quoted: the one that would add to the inventory, far away.
        far = half_spread(
            config.as_, floor, now.maturity.spread, max(stress, config.defense.spread_multiplier_danger)
        )
        far_ask, far_bid = side_half_spreads(config.as_, far, q)
        ask_half, bid_half = (ask_half, far_bid) if q > 0 else (far_ask, bid_half)
    best = _best(config, now, q, best_quotes(reservation, ask_half, bid_half))
    targets = {side: _ladder(config, now, q, side, best) for side in Side}
    return Quote(q, moved, reservation, half, ask_half, bid_half, best, targets)


def _best(config: Config, now: Situation, q: Ppm, raw: Best) -> Best:
    best = Best(
        raw.ask if Side.ASK in now.allowed else None,
        raw.bid if Side.BID in now.allowed else None,
    ).within(now.bounds)
    if now.level is Level.ONE_SIDE and q:
        best = best.discounted(distress_discount(config.defense, q), heavy_yes=q > 0)
    return best.guarded(now.book).within(now.bounds)


def _ladder(config: Config, now: Situation, q: Ppm, side: Side, best: Best) -> list[Target]:
    yes_price: Cents | None = best.ask if side is Side.ASK else best.bid
    if yes_price is None:
        return []
    return ladder(
        config.ladder,
        now.shape.gradient,
        now.shape.levels,
        best=side.own_price(yes_price),
        highest=now.bounds.high if side is Side.ASK else 100 - now.bounds.low,
        size=Size(
            phase=now.shape.qty_ratio,
            skew=side_skew(config.as_.qty_skew_factor, q, side),
            maturity=now.maturity.quantity,
            event=config.lvr.event_qty_ratio if now.in_event else ONE,
        ),
        inventory=now.free[side],
        max_quantity=now.max_quantity,
    )
