"""How lopsided is the inventory, and how far does that move the price we quote around?

All of it in cents: sigma is a price distance, never a probability. (As a probability inside these formulas,
published parameters give a spread of 121 cents.)
"""

from amm.brain.arithmetic import CENT, DAY_MS, ONE, Ms, Ppm, Shares, Uc, clamp, rdiv, sign
from amm.brain.config import AvellanedaStoikov

SKEW_THAT_MATTERS: Ppm = 100_000
"""Above a tenth, the adjustment is at least the minimum: a price in whole cents must feel it."""

SECONDS_PER_HOUR = 3_600


def inventory_skew(yes: Shares, no: Shares, q_reference: Shares) -> Ppm:
    """Return q in [-1, 1], positive with too much YES.

    The reference keeps a nearly empty inventory from looking lopsided: 10 against 100 is little exposure.
    """
    return rdiv((yes - no) * ONE, max(yes + no, q_reference))


def risk_aversion(config: AvellanedaStoikov, lifetime_ms: Ms | None) -> Ppm:
    """Choose gamma by the market's whole lifetime, fixed at the start; one without an end counts as long."""
    if lifetime_ms is None:
        return config.gamma_long
    days = lifetime_ms // DAY_MS
    if days < 7:
        return config.gamma_short
    return config.gamma_mid if days <= 90 else config.gamma_long


def time_factor(config: AvellanedaStoikov, left_ms: Ms | None) -> Ppm:
    """Return tau = h / (h + kappa). Nothing left is 0; no end at all is 1. They are not the same thing."""
    if left_ms is None:
        return ONE
    seconds = max(0, left_ms // 1_000)
    return rdiv(seconds * ONE * ONE, seconds * ONE + config.time_smoothing_kappa * SECONDS_PER_HOUR)


def adjustment(config: AvellanedaStoikov, q: Ppm, gamma: Ppm, sigma: Uc, tau: Ppm) -> Uc:
    """Return by how much inventory moves the reservation price below the fair price."""
    moved = rdiv(q * gamma * sigma * sigma * tau, 10**24)
    if abs(q) > SKEW_THAT_MATTERS and abs(moved) < config.min_adjustment * CENT:
        moved = sign(q) * config.min_adjustment * CENT
    return clamp(moved, -config.max_adjustment * CENT, config.max_adjustment * CENT)
