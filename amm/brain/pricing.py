"""What is a YES share worth? Three layers, weighed: anchor, book of others, what trades taught.

The anchor is the administrator's opinion and fades; the microprice is what others are willing to trade at,
where enough of them are; the posterior moves with every trade. All prices in uc, all weights in ppm.
"""

from collections.abc import Sequence
from math import isqrt

import attrs

from amm.brain.arithmetic import CENT, ONE, Ms, Ppm, Shares, Uc, clamp, rdiv
from amm.brain.book import ForeignBook, PricedLevel
from amm.brain.config import Pricing

DISTANCE_WEIGHT: tuple[Ppm, ...] = (
    1_000_000, 606_531, 367_879, 223_130, 135_335, 82_085, 49_787, 30_197, 18_316, 11_109,
)  # fmt: skip
"""exp(-d/2) for a level d cents behind the best of its side; from ten cents on a level counts nothing."""

MICRO_LEVELS = 3
LEARNING_RATE_MIN: Ppm = 20_000
LEARNING_RATE_MAX: Ppm = 300_000
POSTERIOR_MIN: Uc = 5 * CENT
POSTERIOR_MAX: Uc = 95 * CENT
RECENT_MS: Ms = 60_000
"""Trades within this time of each other share the learning: many trades say less each."""


@attrs.frozen
class Fair:
    """The estimate and what it was made of."""

    price: Uc
    anchor: Uc
    micro: Uc | None
    posterior: Uc
    anchor_weight: Ppm
    micro_weight: Ppm


def anchor_weight(config: Pricing, age_ms: Ms) -> Ppm:
    left = max(0, config.anchor_decay_ms - age_ms)
    return max(config.anchor_floor_weight, rdiv(config.anchor_initial_weight * left, config.anchor_decay_ms))


def microprice(config: Pricing, book: ForeignBook) -> Uc | None:
    """Lean from the middle towards the thinner side; None where the book is too thin, too wide or crossed."""
    bids, asks = book.bids[:MICRO_LEVELS], book.asks[:MICRO_LEVELS]
    if not bids or not asks:
        return None
    best_bid, best_ask = bids[0][0], asks[0][0]
    if not 0 < best_ask - best_bid <= config.micro_max_spread_cents:
        return None
    if min(_depth(bids), _depth(asks)) < config.microprice_min_depth:
        return None
    bid_pull, ask_pull = _pull(config, bids), _pull(config, asks)
    return rdiv((bid_pull * best_ask + ask_pull * best_bid) * CENT, bid_pull + ask_pull)


def _depth(levels: Sequence[PricedLevel]) -> Shares:
    return sum(quantity for _, quantity in levels)


def _pull(config: Pricing, levels: Sequence[PricedLevel]) -> int:
    """Weigh a side. The cap keeps one huge far order, placed to be seen, from moving us."""
    best = levels[0][0]
    return sum(
        DISTANCE_WEIGHT[distance] * min(quantity, config.micro_level_cap)
        for price, quantity in levels
        if (distance := abs(price - best)) < len(DISTANCE_WEIGHT)
    )


def learning_rate(config: Pricing, recent_trades: int, quantity: Shares) -> Ppm:
    """Return how far one trade moves the posterior: less after many others, less for a small one."""
    rate = clamp(
        rdiv(config.base_learning_rate * 1_000, isqrt((recent_trades + 1) * ONE)),
        LEARNING_RATE_MIN,
        LEARNING_RATE_MAX,
    )
    return rdiv(rate * min(quantity, config.posterior_full_qty), config.posterior_full_qty)


def learn(posterior: Uc, rate: Ppm, price: Uc, *, taker_buys: bool) -> Uc:
    """Move the posterior towards a trade, and one cent beyond: a run of buys at one price must move it up.

    Rounding happens in uc. In whole cents most moves would vanish and the rest would be biased downwards.
    """
    push = CENT if taker_buys else -CENT
    return clamp(posterior + rdiv(rate * (price - posterior + push), ONE), POSTERIOR_MIN, POSTERIOR_MAX)


def fair_price(config: Pricing, *, anchor: Uc, posterior: Uc | None, book: ForeignBook, age_ms: Ms) -> Fair:
    weight = anchor_weight(config, age_ms)
    micro = microprice(config, book)
    micro_weight = 0 if micro is None else min(config.microprice_weight, ONE - weight)
    learned = anchor if posterior is None else posterior
    blend = anchor * weight + (micro or 0) * micro_weight + learned * (ONE - weight - micro_weight)
    price = clamp(rdiv(blend, ONE), CENT, 99 * CENT)
    return Fair(price, anchor, micro, learned, weight, micro_weight)
