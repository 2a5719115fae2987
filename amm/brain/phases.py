"""Two phases: EXPLORATION finds out where demand is, at small cost; STABILIZATION gives good execution.

What calms or alarms is the fair price, never trade prices: with a five-cent half-spread ordinary trades
alternate between 45 and 55 and would look like a violent market that never calms down.
"""

from enum import Enum

import attrs

from amm.brain.arithmetic import CENT, Cents, Ms, Ppm, Shares, Uc
from amm.brain.config import Config, Exploration, Rollback
from amm.brain.quoting.ladder import Gradient

STABLE_TRADES = 10
"""A price that nobody trades at is not stable, only unvisited."""
ROLLBACK_WINDOW_MS: Ms = 300_000


class Phase(Enum):
    EXPLORATION = "EXPLORATION"
    STABILIZATION = "STABILIZATION"


class PhaseReason(Enum):
    TIME_EXPIRED = "TIME_EXPIRED"
    VOLUME_REACHED = "VOLUME_REACHED"
    PRICE_STABLE = "PRICE_STABLE"
    EMERGENCY_ROLLBACK = "EMERGENCY_ROLLBACK"


@attrs.frozen
class Shape:
    """What a phase says about the quotes."""

    spread: Cents
    qty_ratio: Ppm
    gradient: Gradient
    levels: int


def shape(config: Config, phase: Phase) -> Shape:
    part = config.exploration if phase is Phase.EXPLORATION else config.stabilization
    return Shape(part.spread, part.qty_ratio, part.gradient_type, part.levels)


@attrs.frozen
class PhaseFacts:
    """What the transitions look at."""

    in_phase_ms: Ms
    volume: Shares
    trades_in_window: int
    range_in_window: Uc
    range_five_minutes: Uc
    day_pnl: Cents
    since_rollback_ms: Ms | None


def leave_exploration(config: Exploration, facts: PhaseFacts) -> PhaseReason | None:
    """Return the first reason that holds to go over to STABILIZATION."""
    if facts.in_phase_ms >= config.max_duration_ms:
        return PhaseReason.TIME_EXPIRED
    if facts.volume >= config.min_volume:
        return PhaseReason.VOLUME_REACHED
    watched_long_enough = facts.in_phase_ms >= config.price_stability_window_ms
    calm = facts.range_in_window <= config.price_stability_range_cents * CENT
    if watched_long_enough and calm and facts.trades_in_window >= STABLE_TRADES:
        return PhaseReason.PRICE_STABLE
    return None


def roll_back(config: Rollback, facts: PhaseFacts) -> PhaseReason | None:
    """Return EMERGENCY_ROLLBACK if the market turned violent or costs too much, but not too often."""
    if facts.since_rollback_ms is not None and facts.since_rollback_ms <= config.cooldown_ms:
        return None
    violent = facts.range_five_minutes >= config.rollback_range_cents * CENT
    costly = facts.day_pnl <= -config.pnl_rollback_threshold
    return PhaseReason.EMERGENCY_ROLLBACK if violent or costly else None
