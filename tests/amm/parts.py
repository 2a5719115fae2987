"""Real parts to test with: a configuration, a situation, and how a ladder is written down.

Ladders are written as in "52x100 55x70": price of the share sold, times quantity.
"""

from collections.abc import Iterable
from typing import Any

from amm.brain.arithmetic import CENT, ONE, Cents, Ms, Ppm, Shares, Uc
from amm.brain.book import ForeignBook
from amm.brain.config import Config
from amm.brain.config_layers import Layer, Start, build
from amm.brain.defence import BOTH, Facts, Level, Stance, evaluate
from amm.brain.phases import Phase, shape
from amm.brain.quote import Quote, Situation, quote
from amm.brain.quoting.ladder import Side, Target
from amm.brain.skew import inventory_skew, time_factor
from amm.brain.spread import Bounds, Maturity, maturity

HOUR: Ms = 3_600_000
MARKET = "MKT-TEST"
NOON: Ms = 1_795_176_000_000  # 20 November 2026, 12:00 UTC


def config(budget: Cents = 200_000, price: Cents = 50, **overrides: Any) -> Config:
    """Build a configuration; `q_reference` is 1000, as in the scenarios, unless the budget says otherwise.

    Keys are written with two underscores for the dot: `ladder__level_qty=10`.
    """
    values = {key.replace("__", "."): value for key, value in overrides.items()}
    return build(Start(MARKET, budget, price, maker_fee_bps=10), [Layer("test", values)])


def situation(
    settings: Config,
    *,
    yes: Shares = 1_000,
    no: Shares = 1_000,
    fair: Uc = 50 * CENT,
    sigma: Uc = 2 * CENT,
    gamma: Ppm = 1_500_000,
    left_ms: Ms | None = 720 * HOUR,
    phase: Phase = Phase.STABILIZATION,
    timed: Maturity | None = None,
    in_event: bool = False,
    level: Level = Level.NORMAL,
    stress: Ppm = ONE,
    allowed: frozenset[Side] = BOTH,
    book: ForeignBook | None = None,
    max_quantity: Shares = 1_000_000,
) -> Situation:
    return Situation(
        fair=fair,
        sigma=sigma,
        gamma=gamma,
        tau=time_factor(settings.as_, left_ms),
        yes=yes,
        no=no,
        free={Side.ASK: yes, Side.BID: no},
        base=shape(settings, phase).spread * CENT,
        shape=shape(settings, phase),
        maturity=timed or Maturity.FAR,
        in_event=in_event,
        level=level,
        stress=stress,
        allowed=allowed,
        book=book or ForeignBook(),
        bounds=Bounds.of(settings.as_, 1, 99),
        max_quantity=max_quantity,
        maker_fee_bps=10,
    )


def quoted(settings: Config, **changes: Any) -> Quote:
    return quote(settings, situation(settings, **changes))


def quoted_at(settings: Config, left_ms: Ms, **changes: Any) -> Quote:
    """Quote with the time left deciding maturity as well as the time factor."""
    return quoted(settings, left_ms=left_ms, timed=maturity(left_ms), **changes)


def judged(settings: Config, yes: Shares, no: Shares, **changes: Any) -> tuple[Stance, Quote]:
    """Judge an inventory from scratch and quote as the judgement says."""
    q = inventory_skew(yes, no, settings.q_reference)
    fair = changes.get("fair", 50 * CENT)
    stance = Stance()
    stance.settle(evaluate(settings, facts(q=q, yes=yes, no=no, fair=fair)), q, settings.defense)
    allowed = stance.allowed if stance.level < Level.AMM_PAUSE else frozenset()
    quote_then = quoted(
        settings, yes=yes, no=no, level=stance.level, stress=stance.multiplier, allowed=allowed, **changes
    )
    return stance, quote_then


def facts(**changes: Any) -> Facts:
    """Return the facts of a quiet market, changed where a test says so."""
    quiet: dict[str, Any] = {
        "fair": 50 * CENT,
        "sigma": 2 * CENT,
        "q": 0,
        "yes": 1_000,
        "no": 1_000,
        "equity": 500_000,
        "day_pnl": 0,
        "vpin": 0,
        "jump_range": 0,
        "jump_held": False,
        "extreme_stopped": False,
        "commands": 100,
        "errors": 0,
        "median_latency_ms": 5,
        "silent_ms": 0,
        "book_age_ms": 0,
        "oracle": None,
        "oracle_age_ms": None,
        "oracle_gap_only": None,
        "rate_limited": False,
        "latched": (),
    }
    return Facts(**{**quiet, **changes})


def written(targets: Iterable[Target]) -> str:
    return " ".join(f"{target.price}x{target.quantity}" for target in targets)


def sells(result: Quote) -> tuple[str, str]:
    """Return the two ladders, SELL YES and SELL NO."""
    return written(result.targets[Side.ASK]), written(result.targets[Side.BID])
