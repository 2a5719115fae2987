"""From facts to a defence level. Every condition is judged on its own; the most severe wins, all are named.

Escalation is immediate. Going down takes several cycles in a row that ask for less, so that a value which
trembles at a threshold does not make the quotes flicker. The kill switch never goes down by itself.
"""

from collections.abc import Iterator
from enum import Enum, IntEnum

import attrs

from amm.brain.arithmetic import CENT, ONE, Cents, Ms, Ppm, Shares, Uc
from amm.brain.config import Config, Defense, Oracle
from amm.brain.quoting.ladder import Side

EXTREME_CLEARANCE: Cents = 2
MIN_COMMANDS = 20
"""An error ratio of fewer commands than this says nothing."""


class Level(IntEnum):
    NORMAL = 0
    WIDEN = 1
    ONE_SIDE = 2
    AMM_PAUSE = 3
    KILL_SWITCH = 4


class Reason(Enum):
    DAILY_LOSS = "DAILY_LOSS"
    INVENTORY_HARD = "INVENTORY_HARD"
    ASSET_FLOOR = "ASSET_FLOOR"
    VELOCITY = "VELOCITY"
    INTEGRITY = "INTEGRITY"
    ADMIN_KILL = "ADMIN_KILL"
    PRICE_JUMP = "PRICE_JUMP"
    API_ERRORS = "API_ERRORS"
    LATENCY = "LATENCY"
    FEED_STALE = "FEED_STALE"
    EXTREME_STOP = "EXTREME_STOP"
    ORACLE_DEVIATION = "ORACLE_DEVIATION"
    RESYNC = "RESYNC"
    PROGRAMMING_ERROR = "PROGRAMMING_ERROR"
    NOT_RECOGNISED = "NOT_RECOGNISED"  # the exchange does not take us for the market maker
    ORDER_GROUP = "ORDER_GROUP"  # the exchange brakes us: so much was taken at once
    INVENTORY_DANGER = "INVENTORY_DANGER"
    NET_LIMIT = "NET_LIMIT"
    ORACLE_GAP = "ORACLE_GAP"
    INVENTORY_WARNING = "INVENTORY_WARNING"
    EXTREME_WIDEN = "EXTREME_WIDEN"
    VPIN = "VPIN"
    ORACLE_STALE = "ORACLE_STALE"
    RATE_LIMITED = "RATE_LIMITED"


@attrs.frozen
class Finding:
    """One condition that holds, and what it asks for."""

    reason: Reason
    level: Level
    multiplier: Ppm = ONE
    only: Side | None = None  # the one side that may be quoted, where the finding itself says so


@attrs.frozen
class Facts:
    """Everything that the conditions look at, measured now."""

    fair: Uc
    sigma: Uc
    q: Ppm
    yes: Shares
    no: Shares
    equity: Cents
    day_pnl: Cents
    vpin: Ppm
    jump_range: Uc
    jump_held: bool
    extreme_stopped: bool
    commands: int
    errors: int
    median_latency_ms: Ms | None
    silent_ms: Ms
    book_age_ms: Ms | None
    oracle: Uc | None
    oracle_age_ms: Ms | None
    oracle_gap_only: Side | None
    rate_limited: bool
    latched: tuple[Reason, ...]
    """What stays until somebody clears it: admin kill, velocity, broken books, programming errors, ..."""


def evaluate(config: Config, facts: Facts) -> list[Finding]:
    """Return every condition that holds."""
    return [
        *_latched(facts),
        *_losses(config.defense, facts),
        *_exchange(config.defense, facts),
        *_prices(config.defense, facts),
        *_inventory(config.defense, facts),
        *_oracle(config.oracle, facts),
    ]


KILLING = frozenset({Reason.VELOCITY, Reason.INTEGRITY, Reason.ADMIN_KILL})


def _latched(facts: Facts) -> Iterator[Finding]:
    for reason in facts.latched:
        yield Finding(reason, Level.KILL_SWITCH if reason in KILLING else Level.AMM_PAUSE)


def _losses(config: Defense, facts: Facts) -> Iterator[Finding]:
    if facts.day_pnl <= -config.daily_loss_limit:
        yield Finding(Reason.DAILY_LOSS, Level.KILL_SWITCH)
    if config.min_asset_floor_cents and facts.equity <= config.min_asset_floor_cents:
        yield Finding(Reason.ASSET_FLOOR, Level.KILL_SWITCH)


def _exchange(config: Defense, facts: Facts) -> Iterator[Finding]:
    if facts.commands >= MIN_COMMANDS and facts.errors * ONE > config.api_error_threshold * facts.commands:
        yield Finding(Reason.API_ERRORS, Level.AMM_PAUSE)
    if facts.median_latency_ms is not None and facts.median_latency_ms > config.max_latency_ms:
        yield Finding(Reason.LATENCY, Level.AMM_PAUSE)
    book_missing = facts.book_age_ms is None or facts.book_age_ms > config.book_stale_ms
    if facts.silent_ms > config.feed_stale_ms or book_missing:
        yield Finding(Reason.FEED_STALE, Level.AMM_PAUSE)
    if facts.rate_limited:
        yield Finding(Reason.RATE_LIMITED, Level.WIDEN, config.spread_multiplier_warning)


def extreme_stop(config: Defense, fair: Uc, *, stopped: bool) -> bool:
    """Stop at the bound, and go on only two cents inside it."""
    bound = config.extreme_price_kill * CENT
    room = min(fair, 100 * CENT - fair)
    return room < bound + EXTREME_CLEARANCE * CENT if stopped else room <= bound


def _prices(config: Defense, facts: Facts) -> Iterator[Finding]:
    if facts.jump_range >= config.price_jump_cents * CENT or facts.jump_held:
        yield Finding(Reason.PRICE_JUMP, Level.AMM_PAUSE)
    if facts.extreme_stopped:
        yield Finding(Reason.EXTREME_STOP, Level.AMM_PAUSE)
    if min(facts.fair, 100 * CENT - facts.fair) <= config.extreme_price_halt * CENT:
        yield Finding(Reason.EXTREME_WIDEN, Level.WIDEN, config.extreme_spread_multiplier)
    if facts.vpin > config.vpin_threshold:
        yield Finding(Reason.VPIN, Level.WIDEN, config.vpin_spread_multiplier)


def _inventory(config: Defense, facts: Facts) -> Iterator[Finding]:
    skew = abs(facts.q)
    if skew >= config.inventory_hard_limit:
        yield Finding(Reason.INVENTORY_HARD, Level.KILL_SWITCH)
    if skew >= config.inventory_danger:
        yield Finding(Reason.INVENTORY_DANGER, Level.ONE_SIDE)
    if abs(facts.yes - facts.no) >= config.max_net_position:
        yield Finding(Reason.NET_LIMIT, Level.ONE_SIDE)
    if skew >= config.inventory_warning:
        yield Finding(Reason.INVENTORY_WARNING, Level.WIDEN, config.spread_multiplier_warning)


def _oracle(config: Oracle, facts: Facts) -> Iterator[Finding]:
    """Judge a reference feed. That there is none is not staleness; that it never answered is."""
    if not config.enabled or facts.oracle_age_ms is None:
        return
    if facts.oracle_age_ms > config.max_oracle_lag_ms:
        yield Finding(Reason.ORACLE_STALE, Level.WIDEN, config.oracle_stale_multiplier)
    if facts.oracle is None:
        return
    allowed = max(
        config.min_deviation_threshold_cents * CENT * ONE, config.deviation_multiplier * facts.sigma
    )
    if abs(facts.fair - facts.oracle) * ONE > allowed:
        yield Finding(Reason.ORACLE_DEVIATION, Level.AMM_PAUSE)
    if facts.oracle_gap_only is not None:
        yield Finding(Reason.ORACLE_GAP, Level.ONE_SIDE, only=facts.oracle_gap_only)


BOTH = frozenset(Side)


def allowed_sides(findings: list[Finding], q: Ppm, *, strict: bool) -> frozenset[Side]:
    """Return the sides that may be quoted: with too much of an outcome, only the one that sells it."""
    allowed = BOTH
    for finding in findings:
        if finding.only is not None:
            allowed &= {finding.only}
        elif finding.level is Level.ONE_SIDE and strict and q:
            allowed &= {Side.ASK if q > 0 else Side.BID}
    return allowed


@attrs.define
class Stance:
    """The level in force, what it asks of the quotes, and how many cycles in a row asked for less."""

    level: Level = Level.NORMAL
    lower_cycles: int = 0
    multiplier: Ppm = ONE
    allowed: frozenset[Side] = BOTH

    def settle(self, findings: list[Finding], q: Ppm, config: Defense) -> None:
        """Take one cycle's findings. What a level asked for stays in force while it cools down."""
        asked = max((finding.level for finding in findings), default=Level.NORMAL)
        if asked < self.level:
            self.lower_cycles += 1
            if self.lower_cycles < config.defense_cooldown_cycles:
                return
        self.level, self.lower_cycles = asked, 0
        self.multiplier = max((finding.multiplier for finding in findings), default=ONE)
        self.allowed = allowed_sides(findings, q, strict=config.one_side_strict)


def distress_discount(config: Defense, q: Ppm) -> Cents:
    """Return by how many cents the heavy side is offered cheaper, growing from danger to the hard limit."""
    over = max(0, abs(q) - config.inventory_danger)
    room = config.inventory_hard_limit - config.inventory_danger
    return min(config.distress_max_discount, over * config.distress_max_discount // room)
