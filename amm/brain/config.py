"""Every parameter of the market maker: its name, default, range and how quickly a change may take effect.

This file is the table and nothing else. `parameter` says what a parameter is, `config_layers` reads TOML,
merges layers and names typos, `config_checks` says what must hold between parameters. Ratios are stored in
ppm, everything else as it is.
"""

# The calls in the class bodies make attrs fields, read once by attrs itself; RUF009 fears shared defaults.
# ruff: noqa: RUF009

from enum import Enum

import attrs

from amm.brain.arithmetic import Cents, Ms, Ppm, Shares
from amm.brain.parameter import Change, address, choice, flag, ratio, whole
from amm.brain.quoting.ladder import Gradient

AMM_USER_ID = "00000000-0000-4000-a000-000000000001"


HOT, WARM, COLD, LOCKED = Change


class SpreadModel(Enum):
    FIXED = "FIXED"
    AS = "AS"


class SigmaSource(Enum):
    FAIR = "FAIR"
    TRADE = "TRADE"


class JumpResume(Enum):
    AUTO = "AUTO"
    MANUAL = "MANUAL"


class FillScope(Enum):
    SIDE = "SIDE"
    MARKET = "MARKET"


class ReplenishMode(Enum):
    STRICT = "STRICT"
    NET_LIMIT = "NET_LIMIT"


class TransportMode(Enum):
    STREAM = "STREAM"
    POLL = "POLL"


@attrs.frozen
class Pricing:
    anchor_initial_weight: Ppm = ratio("0.70", "0", "1", HOT)
    anchor_floor_weight: Ppm = ratio("0.00", "0", "0.50", HOT)
    anchor_decay_ms: Ms = whole(3_600_000, 60_000, None, HOT)
    microprice_weight: Ppm = ratio("0.20", "0", "1", HOT)
    microprice_min_depth: Shares = whole(10, 0, None, HOT)
    micro_level_cap: Shares = whole(500, 1, 100_000, HOT)
    micro_max_spread_cents: Cents = whole(15, 1, 98, HOT)
    base_learning_rate: Ppm = ratio("0.15", "0.02", "0.30", HOT)
    posterior_full_qty: Shares = whole(10, 1, 10_000, HOT)


@attrs.frozen
class Exploration:
    """Find out where demand is, at small cost."""

    spread: Cents = whole(5, 1, 20, HOT)
    qty_ratio: Ppm = ratio("0.25", "0.05", "0.50", HOT)
    gradient_type: Gradient = choice(Gradient.LINEAR, HOT)
    levels: int = whole(5, 1, 10, HOT)
    cancel_interval_ms: Ms = whole(20_000, 5_000, 120_000, HOT)
    max_duration_ms: Ms = whole(3_600_000, 300_000, 86_400_000, HOT)
    min_volume: Shares = whole(200, 0, 10_000, HOT)
    price_stability_window_ms: Ms = whole(900_000, 60_000, 3_600_000, HOT)
    price_stability_range_cents: Cents = whole(1, 0, 20, HOT)


@attrs.frozen
class Stabilization:
    """Give good execution."""

    spread: Cents = whole(2, 1, 10, HOT)
    qty_ratio: Ppm = ratio("1.00", "0.20", "2.00", HOT)
    gradient_type: Gradient = choice(Gradient.GEOMETRIC, HOT)
    levels: int = whole(5, 1, 10, HOT)
    requote_move_cents: Cents = whole(1, 1, 10, HOT)
    max_order_age_ms: Ms = whole(300_000, 30_000, 600_000, HOT)


@attrs.frozen
class Rollback:
    rollback_range_cents: Cents = whole(5, 1, 30, WARM)
    pnl_rollback_threshold: Cents = whole(None, 500, None, WARM)
    cooldown_ms: Ms = whole(600_000, 60_000, 1_800_000, WARM)


@attrs.frozen
class AvellanedaStoikov:
    gamma_short: Ppm = ratio("2.5", "0.5", "5", HOT)
    gamma_mid: Ppm = ratio("1.5", "0.5", "3", HOT)
    gamma_long: Ppm = ratio("0.8", "0.1", "2", HOT)
    time_smoothing_kappa: Ppm = ratio("24.0", "1", "168", HOT)  # hours
    spread_skew_factor: Ppm = ratio("0.5", "0", "1", HOT)
    qty_skew_factor: Ppm = ratio("0.3", "0", "1", HOT)
    min_price: Cents = whole(5, 1, 30, HOT)
    max_price: Cents = whole(95, 70, 99, HOT)
    min_adjustment: Cents = whole(1, 0, 5, HOT)
    max_adjustment: Cents = whole(10, 1, 30, HOT)
    min_half_spread: Cents = whole(1, 1, 10, HOT)
    max_half_spread: Cents = whole(15, 2, 40, HOT)
    spread_model: SpreadModel = choice(SpreadModel.FIXED, HOT)
    arrival_k: Ppm = ratio("1.5", "0.05", "50", HOT)  # per cent


@attrs.frozen
class Ladder:
    level_qty: Shares = whole(100, 1, 10_000, HOT)
    linear_step: Cents = whole(1, 1, 5, HOT)
    linear_qty_increase: Ppm = ratio("0.20", "0", "0.50", HOT)
    geometric_ratio: Ppm = ratio("1.05", "1.01", "1.20", HOT)
    qty_decay: Ppm = ratio("0.70", "0.30", "1.00", HOT)
    reserve_shares: Shares = whole(0, 0, None, HOT)


@attrs.frozen
class Diff:
    qty_tolerance_pct: int = whole(25, 0, 100, HOT)
    fill_grace_ms: Ms = whole(1_000, 100, 10_000, HOT)


@attrs.frozen
class Defense:
    daily_loss_limit: Cents = whole(None, 1_000, None, WARM)
    global_daily_loss_limit_cents: Cents = whole(0, 0, None, WARM)
    min_asset_floor_cents: Cents = whole(0, 0, None, WARM)
    price_jump_cents: Cents = whole(8, 2, 50, WARM)
    price_jump_window_ms: Ms = whole(300_000, 60_000, 900_000, WARM)
    price_jump_hold_ms: Ms = whole(120_000, 0, 3_600_000, WARM)
    price_jump_resume: JumpResume = choice(JumpResume.AUTO, WARM)
    api_error_threshold: Ppm = ratio("0.10", "0.01", "0.50", WARM)
    max_latency_ms: Ms = whole(100, 10, 5_000, WARM)
    feed_stale_ms: Ms = whole(5_000, 1_000, 60_000, WARM)
    book_stale_ms: Ms = whole(45_000, 5_000, 300_000, WARM)
    inventory_warning: Ppm = ratio("0.60", "0.30", "0.80", WARM)
    inventory_danger: Ppm = ratio("0.80", "0.50", "0.95", WARM)
    inventory_hard_limit: Ppm = ratio("0.90", "0.80", "0.99", WARM)
    max_net_position: Shares = whole(None, 1, None, WARM)
    spread_multiplier_warning: Ppm = ratio("1.5", "1", "3", WARM)
    spread_multiplier_danger: Ppm = ratio("3.0", "2", "5", WARM)
    one_side_strict: bool = flag(True, WARM)
    distress_max_discount: Cents = whole(5, 0, 15, WARM)
    vpin_threshold: Ppm = ratio("0.70", "0.40", "0.95", WARM)
    vpin_window: int = whole(50, 10, 200, WARM)
    vpin_spread_multiplier: Ppm = ratio("2.0", "1", "5", WARM)
    extreme_price_kill: Cents = whole(5, 1, 20, WARM)
    extreme_price_halt: Cents = whole(10, 5, 30, WARM)
    extreme_spread_multiplier: Ppm = ratio("3.0", "1.5", "5", WARM)
    defense_cooldown_cycles: int = whole(5, 1, 100, WARM)


@attrs.frozen
class Group:
    """The brake that the exchange holds for us: our orders trade no more than so many shares in so long."""

    max_fill_quantity: Shares = whole(0, 0, 2**31 - 1, WARM)  # 0: none
    window_ms: Ms = whole(1_000, 100, 86_400_000, WARM)


@attrs.frozen
class Lvr:
    """Defences against traders who know more than we do (loss versus rebalancing)."""

    velocity_window_ms: Ms = whole(500, 100, 5_000, WARM)
    velocity_kill_ratio: Ppm = ratio("0.20", "0.05", "1.00", WARM)
    velocity_pause_ms: Ms = whole(10_000, 1_000, 120_000, WARM)
    velocity_escalate_count: int = whole(3, 1, 10, WARM)
    velocity_escalate_window_ms: Ms = whole(60_000, 1_000, 600_000, WARM)
    post_fill_delay_ms: Ms = whole(2_500, 0, 10_000, HOT)
    post_fill_max_hold_ms: Ms = whole(10_000, 0, None, HOT)
    post_fill_scope: FillScope = choice(FillScope.SIDE, HOT)
    event_shield_window_ms: Ms = whole(900_000, 300_000, 3_600_000, WARM)
    event_qty_ratio: Ppm = ratio("0.05", "0.01", "0.20", WARM)
    event_spread_multiplier: Ppm = ratio("5.0", "2", "10", WARM)


@attrs.frozen
class Oracle:
    """A price from outside, to follow and to be warned by."""

    enabled: bool = flag(False, WARM)
    url: str = address(WARM)  # {market_id} in it stands for the market
    max_oracle_lag_ms: Ms = whole(3_000, 500, 60_000, WARM)
    min_deviation_threshold_cents: Cents = whole(2, 1, 30, WARM)
    deviation_multiplier: Ppm = ratio("2.0", "1", "5", WARM)
    gap_threshold_cents: Cents = whole(5, 2, 20, WARM)
    observation_period_ms: Ms = whole(30_000, 5_000, 120_000, WARM)
    oracle_stale_multiplier: Ppm = ratio("5.0", "1", "10", WARM)


@attrs.frozen
class Volatility:
    window_size: int = whole(30, 5, 100, HOT)
    min_samples: int = whole(5, 3, 20, HOT)
    default_volatility_cents: Cents = whole(2, 1, 10, HOT)
    sigma_min_cents: Cents = whole(1, 1, 5, HOT)
    sigma_max_cents: Cents = whole(15, 5, 30, HOT)
    sigma_sample_ms: Ms = whole(10_000, 1_000, 120_000, HOT)
    sigma_source: SigmaSource = choice(SigmaSource.FAIR, HOT)


@attrs.frozen
class InventoryPolicy:
    auto_merge_enabled: bool = flag(True, HOT)
    auto_merge_min_pairs: Shares = whole(50, 1, 10_000, HOT)
    merge_reserve_ratio: Ppm = ratio("0.10", "0", "1", HOT)
    merge_cash_low_cents: Cents = whole(10_000, 0, None, HOT)
    auto_reinvest_enabled: bool = flag(True, HOT)
    auto_reinvest_threshold_cents: Cents = whole(50_000, 10_000, None, HOT)
    mint_keep_cash_cents: Cents = whole(20_000, 0, None, HOT)
    min_inventory_ratio: Ppm = ratio("0.20", "0.10", "0.50", HOT)
    mint_max_imbalance: Ppm = ratio("0.30", "0", "1", HOT)
    mint_min_hours_left: int = whole(24, 0, 720, HOT)
    replenish_mode: ReplenishMode = choice(ReplenishMode.STRICT, HOT)
    position_limit: Shares = whole(None, 1, None, WARM)
    budget_limit_cents: Cents = whole(None, 1, None, WARM)
    inventory_op_interval_ms: Ms = whole(60_000, 1_000, 600_000, HOT)


@attrs.frozen
class SyncSection:
    reconciliation_interval_ms: Ms = whole(60_000, 5_000, 600_000, HOT)
    max_blind_ms: Ms = whole(3_000, 500, 60_000, COLD)
    dead_man_ms: Ms = whole(5_000, 500, 60_000, COLD)
    transport: TransportMode = choice(TransportMode.STREAM, COLD)
    trade_poll_interval_ms: Ms = whole(1_000, 200, 10_000, COLD)


@attrs.frozen
class Life:
    cancel_on_start: bool = flag(True, HOT)
    burn_on_stop: bool = flag(True, HOT)
    stop_drain_ms: Ms = whole(30_000, 1_000, 120_000, HOT)
    shutdown_timeout_ms: Ms = whole(30_000, 1_000, 120_000, HOT)
    resume_grace_ms: Ms = whole(2_000, 1_000, 120_000, HOT)


@attrs.frozen
class Limits:
    amm_rate_limit: int = whole(600, 10, 2_000, COLD)
    replace_rate_limit: int = whole(400, 10, 2_000, COLD)
    cancel_rate_limit: int = whole(600, 10, 2_000, COLD)
    max_in_flight: int = whole(256, 1, 1_024, COLD)


@attrs.frozen
class Config:
    """One merged, checked configuration of one market. Never changed: a new version replaces it whole."""

    market_id: str
    initial_funding_cents: Cents
    initial_price_cents: Cents
    amm_user_id: str = AMM_USER_ID
    version: int = 1

    q_reference: Shares = whole(None, 1, None, COLD)
    quote_interval_ms: Ms = whole(1_000, 200, 10_000, HOT)
    min_requote_gap_ms: Ms = whole(200, 50, 2_000, HOT)
    config_reload_interval_ms: Ms = whole(30_000, 1_000, 600_000, HOT)  # overrides in Redis
    force: bool = flag(False, COLD)  # accept a daily loss limit above half of the funding

    pricing: Pricing = attrs.field(kw_only=True)
    exploration: Exploration = attrs.field(kw_only=True)
    stabilization: Stabilization = attrs.field(kw_only=True)
    rollback: Rollback = attrs.field(kw_only=True)
    as_: AvellanedaStoikov = attrs.field(kw_only=True)
    ladder: Ladder = attrs.field(kw_only=True)
    diff: Diff = attrs.field(kw_only=True)
    defense: Defense = attrs.field(kw_only=True)
    group: Group = attrs.field(kw_only=True)
    lvr: Lvr = attrs.field(kw_only=True)
    oracle: Oracle = attrs.field(kw_only=True)
    vol: Volatility = attrs.field(kw_only=True)
    inv: InventoryPolicy = attrs.field(kw_only=True)
    sync: SyncSection = attrs.field(kw_only=True)
    life: Life = attrs.field(kw_only=True)
    limits: Limits = attrs.field(kw_only=True)

    @property
    def initial_mint(self) -> Shares:
        """The pairs that the exchange mints at the start: half of the budget stays cash."""
        return self.initial_funding_cents // 200
