"""When to turn pairs into cash (burn) and cash into pairs (mint).

Three ordered cash thresholds keep the two apart: with one for both, a mint would set off a burn and the two
would undo each other forever. Burning is examined first.
"""

from enum import Enum

import attrs

from amm.brain.arithmetic import ONE, PAIR, Cents, Ms, Ppm, Shares, cdiv, fdiv
from amm.brain.config import Config, ReplenishMode
from amm.brain.phases import Phase

HOUR_MS: Ms = 3_600_000


class Kind(Enum):
    MINT = "mint"
    BURN = "burn"


@attrs.frozen
class PairOperation:
    kind: Kind
    quantity: Shares
    wanted: Shares = 0
    """For a burn: what it should be. More than `quantity` means that the rest is locked in orders, of which
    the outermost have to go first."""

    @property
    def locked(self) -> bool:
        return self.wanted > self.quantity


@attrs.frozen
class Holdings:
    yes: Shares
    no: Shares
    yes_available: Shares
    no_available: Shares
    cash: Cents
    q: Ppm

    @property
    def pairs(self) -> Shares:
        return min(self.yes, self.no)


def choose(config: Config, holdings: Holdings, phase: Phase, left_ms: Ms | None) -> PairOperation | None:
    """Return the one operation that is due, if any."""
    burning = _burn(config, holdings)
    if burning is not None:
        return burning
    quantity = _mint(config, holdings, phase, left_ms)
    return PairOperation(Kind.MINT, quantity) if quantity > 0 else None


def _burn(config: Config, holdings: Holdings) -> PairOperation | None:
    inv = config.inv
    if not inv.auto_merge_enabled or holdings.cash >= inv.merge_cash_low_cents:
        return None
    if holdings.pairs < inv.auto_merge_min_pairs:
        return None
    keep = fdiv(config.initial_mint * inv.merge_reserve_ratio, ONE)
    wanted = min(holdings.pairs - keep, cdiv(inv.auto_reinvest_threshold_cents - holdings.cash, PAIR))
    free = min(holdings.yes_available, holdings.no_available)
    if wanted <= 0:
        return None
    return PairOperation(Kind.BURN, max(0, min(wanted, free)), wanted)


def _mint(config: Config, holdings: Holdings, phase: Phase, left_ms: Ms | None) -> Shares:
    inv = config.inv
    rich = holdings.cash >= inv.auto_reinvest_threshold_cents
    early = left_ms is None or left_ms > inv.mint_min_hours_left * HOUR_MS
    if not (inv.auto_reinvest_enabled and phase is Phase.STABILIZATION and rich and early):
        return 0
    if not _is_short(config, holdings):
        return 0
    return min(
        fdiv(holdings.cash - inv.mint_keep_cash_cents, PAIR),
        config.initial_mint - holdings.pairs,
        inv.position_limit - max(holdings.yes, holdings.no),
    )


def _is_short(config: Config, holdings: Holdings) -> bool:
    inv = config.inv
    low = config.initial_mint * inv.min_inventory_ratio
    if inv.replenish_mode is ReplenishMode.STRICT:
        return max(holdings.yes, holdings.no) * ONE < low and abs(holdings.q) <= inv.mint_max_imbalance
    one_sided = abs(holdings.yes - holdings.no) > config.defense.max_net_position
    return (
        holdings.pairs * ONE < low and abs(holdings.q) <= config.defense.inventory_warning and not one_sided
    )


def idempotency_key(market_id: str, operation: PairOperation, applied_seq: int) -> str:
    """Return a key that no later decision can repeat: an executed operation advances the journal."""
    return f"amm:{market_id}:{operation.kind.value}:{applied_seq}:{operation.quantity}"
