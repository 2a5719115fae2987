"""What must hold between parameters. Every broken rule is reported, not just the first one."""

from collections.abc import Iterator

from amm.brain.arithmetic import CENT, ONE, Cents, Ms, Uc, cdiv
from amm.brain.config import Config, TransportMode

POLLED_QUOTE_MS: Ms = 2_000
"""Without the stream news comes late; quoting faster than it comes would be quoting blind."""


def fee_half_spread(maker_fee_bps: int, max_half_spread: Cents) -> Uc:
    """Return half of the worst-case fees of a round trip, per share.

    A round trip collects at most 100 cents and the whole spread, and pays the maker fee on all of it.
    """
    return cdiv(maker_fee_bps * (100 + 2 * max_half_spread) * CENT, 20_000)


def violations(config: Config, maker_fee_bps: int) -> Iterator[str]:
    yield from _prices(config, maker_fee_bps)
    yield from _defences(config)
    yield from _money(config)


def _prices(config: Config, maker_fee_bps: int) -> Iterator[str]:
    pricing, skew = config.pricing, config.as_
    if pricing.anchor_initial_weight + pricing.microprice_weight > ONE:
        yield "pricing.anchor_initial_weight + pricing.microprice_weight must not exceed 1"
    if pricing.anchor_floor_weight > pricing.anchor_initial_weight:
        yield "pricing.anchor_floor_weight must not exceed pricing.anchor_initial_weight"
    if skew.min_price >= skew.max_price:
        yield "as.min_price must be below as.max_price"
    fee = fee_half_spread(maker_fee_bps, skew.max_half_spread)
    for name, spread in (
        ("exploration", config.exploration.spread),
        ("stabilization", config.stabilization.spread),
    ):
        if skew.min_price + spread >= skew.max_price - spread:
            yield f"{name}.spread leaves no room between as.min_price and as.max_price"
        if not skew.min_half_spread <= spread <= skew.max_half_spread:
            yield f"{name}.spread must lie within as.min_half_spread and as.max_half_spread"
        if fee > spread * CENT:
            yield f"{name}.spread does not cover half of a round trip's fees, {fee} uc a share"


def _defences(config: Config) -> Iterator[str]:
    defense = config.defense
    if not defense.inventory_warning < defense.inventory_danger < defense.inventory_hard_limit:
        yield "defense.inventory_warning < inventory_danger < inventory_hard_limit must hold"
    if defense.spread_multiplier_warning >= defense.spread_multiplier_danger:
        yield "defense.spread_multiplier_warning must be below defense.spread_multiplier_danger"
    if defense.extreme_price_kill >= defense.extreme_price_halt:
        yield "defense.extreme_price_kill must be below defense.extreme_price_halt"
    if config.oracle.enabled and not config.oracle.url:
        yield "oracle.enabled needs oracle.url, the address that answers with the price"
    if config.sync.transport is TransportMode.POLL and config.quote_interval_ms < POLLED_QUOTE_MS:
        yield f"quote_interval_ms must be at least {POLLED_QUOTE_MS} with sync.transport = POLL"
    if config.vol.sigma_min_cents >= config.vol.sigma_max_cents:
        yield "vol.sigma_min_cents must be below vol.sigma_max_cents"
    if config.lvr.post_fill_delay_ms > config.lvr.post_fill_max_hold_ms:
        yield "lvr.post_fill_delay_ms must not exceed lvr.post_fill_max_hold_ms"


def _money(config: Config) -> Iterator[str]:
    inv, loss = config.inv, config.defense.daily_loss_limit
    if config.rollback.pnl_rollback_threshold > loss:
        yield "rollback.pnl_rollback_threshold must not exceed defense.daily_loss_limit"
    if 2 * loss > config.initial_funding_cents and not config.force:
        yield "defense.daily_loss_limit must not exceed half of the initial funding (unless force is true)"
    if not inv.merge_cash_low_cents < inv.mint_keep_cash_cents < inv.auto_reinvest_threshold_cents:
        yield (
            "inv.merge_cash_low_cents < mint_keep_cash_cents < auto_reinvest_threshold_cents must hold:"
            " otherwise a mint sets off a burn and the two undo each other forever"
        )
    if inv.position_limit < config.initial_mint:
        yield f"inv.position_limit must be at least the initial mint, {config.initial_mint}"
    if inv.budget_limit_cents < config.initial_funding_cents:
        yield "inv.budget_limit_cents must be at least the initial funding"
