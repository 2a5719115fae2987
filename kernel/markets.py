"""Markets, until their question is answered: created, activated, suspended, halted, resumed."""

from typing import Final

from kernel.answers import Answer, MarketIs, Refusal, Unfinished
from kernel.audit import audit_accounts, audit_market
from kernel.breaker import resolve_breakers, trip
from kernel.codes import CircuitBreakerTrigger, Code, MarketStatus, StatusReason
from kernel.commands import (
    ActivateMarket,
    CreateMarket,
    HaltMarket,
    MarketTerms,
    ResumeMarket,
    SuspendMarket,
    Tick,
)
from kernel.draft import Draft
from kernel.due import expire
from kernel.events import MarketCreated
from kernel.invariants import TOLD, Violation
from kernel.life import because, change_status, refuse
from kernel.limits import CENTS_MAX, FEE_BPS_MAX, VOLUME_MAX
from kernel.market import Market
from kernel.refusals import malformed, market_not_found
from kernel.state import State

ACTIVE, SUSPENDED, HALTED = MarketStatus.ACTIVE, MarketStatus.SUSPENDED, MarketStatus.HALTED

RESUMED: Final = "resumed"
"""The note for the record, if an administrator ends a pause without one."""

RANGES: Final = {
    "max_open_orders": (1, 10_000),
    "max_open_orders_total": (1, 100_000),
    "max_open_orders_amm": (1, 100_000),
    "void_window_ms": (60_000, 604_800_000),
    "collar_cents": (0, 98),
    "collar_window_ms": (1_000, 86_400_000),
    "halt_move_cents": (0, 98),
    "halt_window_ms": (1_000, 86_400_000),
    "halt_pause_ms": (0, 86_400_000),
}
"""What a term of a market may be, where it does not depend on another."""


def create_market(draft: Draft, command: CreateMarket) -> Answer | Refusal:
    state = draft.state
    if (refusal := check_market_terms(command.terms)) is not None:
        return refusal
    if command.market_id in state.markets:
        return Refusal(Code.MARKET_EXISTS, f"Market exists already: {command.market_id}")
    # Nothing above has changed anything. Nothing below can refuse.
    event = MarketCreated(terms=command.terms, amm_authorized=command.amm_authorized, by=command.by)
    state.open_market(draft.record(command.market_id, event), event)
    return MarketIs(command.market_id)


def check_market_terms(terms: MarketTerms) -> Refusal | None:
    if not 1 <= terms.min_price_cents < terms.max_price_cents <= 99:
        return malformed("min_price_cents", "and max_price_cents must be 1 to 99, the first below the second")
    if not 1 <= terms.max_order_quantity <= VOLUME_MAX:
        return malformed("max_order_quantity", f"must be 1 to {VOLUME_MAX}")
    if not 1 <= terms.max_position_per_user <= VOLUME_MAX:
        return malformed("max_position_per_user", f"must be 1 to {VOLUME_MAX}")
    if not 1 <= terms.max_order_amount_cents <= CENTS_MAX:
        return malformed("max_order_amount_cents", f"must be 1 to {CENTS_MAX}")
    if not (0 <= terms.maker_fee_bps <= FEE_BPS_MAX and 0 <= terms.taker_fee_bps <= FEE_BPS_MAX):
        return malformed("maker_fee_bps", f"and taker_fee_bps must be 0 to {FEE_BPS_MAX}")
    for name, (low, high) in RANGES.items():
        if not low <= getattr(terms, name) <= high:
            return malformed(name, f"must be {low} to {high}")
    start, end = terms.trading_start_at, terms.trading_end_at
    if start is not None and end is not None and start >= end:
        return malformed("trading_start_at", "must be before trading_end_at")
    return None


def activate_market(draft: Draft, command: ActivateMarket) -> Answer | Refusal:
    market = draft.state.markets.get(command.market_id)
    if market is None:
        return market_not_found(command.market_id)
    if (refusal := refuse(market, ActivateMarket, ACTIVE, draft.at)) is not None:
        return refusal
    # Nothing above has changed anything. Nothing below can refuse.
    change_status(draft, market, ACTIVE, StatusReason.ADMIN.value, command.by)
    return MarketIs(market.id)


def suspend_market(draft: Draft, command: SuspendMarket) -> Answer | Refusal:
    market = draft.state.markets.get(command.market_id)
    if market is None:
        return market_not_found(command.market_id)
    if (refusal := refuse(market, SuspendMarket, SUSPENDED, draft.at)) is not None:
        return refusal
    # Nothing above has changed anything. Nothing below can refuse.
    change_status(draft, market, SUSPENDED, because(StatusReason.ADMIN, command.reason), command.by)
    return MarketIs(market.id)


def halt_market(draft: Draft, command: HaltMarket) -> Answer | Refusal:
    market = draft.state.markets.get(command.market_id)
    if market is None:
        return market_not_found(command.market_id)
    if (refusal := refuse(market, HaltMarket, HALTED, draft.at)) is not None:
        return refusal
    # Nothing above has changed anything. Nothing below can refuse.
    trip(
        draft,
        market,
        CircuitBreakerTrigger.MANUAL,
        {"reason": command.reason},
        reason=because(StatusReason.ADMIN, command.reason),
        by=command.by,
    )
    return MarketIs(market.id)


def resume_market(draft: Draft, command: ResumeMarket) -> Answer | Refusal:
    """Back to trading, or from a halt to SUSPENDED; out of a halt only with a clean audit and a note."""
    market = draft.state.markets.get(command.market_id)
    if market is None:
        return market_not_found(command.market_id)
    if (refusal := not_resumable(market, command, draft.at)) is not None:
        return refusal
    is_halted = market.status is HALTED
    if is_halted and (refusal := unsound(draft.state, market, command.sound_after)) is not None:
        return refusal
    # Nothing above has changed anything. Nothing below can refuse.
    target = command.target_status
    if is_halted or market.is_paused:
        resolve_breakers(draft, market, command.by, command.resolution_note or RESUMED, target)
    change_status(draft, market, target, StatusReason.ADMIN.value, command.by)
    # While it was halted nothing expired. More than one step may end is left to ticks, before anything else.
    if is_halted and not expire(draft, market):
        return Unfinished(Tick(at=command.at, market_id=market.id))
    return MarketIs(market.id)


def not_resumable(market: Market, command: ResumeMarket, at: int) -> Refusal | None:
    """What stands against it whatever the books say."""
    if (refusal := refuse(market, ResumeMarket, command.target_status, at)) is not None:
        return refusal
    if market.status is HALTED and not command.resolution_note:
        return malformed("resolution_note", "is required to resume from a halt")
    return None


def unsound(state: State, market: Market, sound_after: int | None) -> Refusal | None:
    """Whoever has looked is believed, unless a fault was recorded since: it may be one they did not see."""
    if sound_after is None:
        violations = audit_halted(state, market)
        return still_broken(violations) if violations else None
    if max(market.open_breakers, default=0) > sound_after:
        return Refusal(
            Code.INVARIANTS_BROKEN,
            "A fault was recorded while the invariants were looked at; the halt stands",
            {"violations": []},
        )
    return None


def audit_halted(state: State, market: Market) -> list[Violation]:
    """The market and all accounts: a fault of both halts every market, and none may go on while it stands."""
    return [*audit_accounts(state), *audit_market(state, market)]


def still_broken(violations: list[Violation]) -> Refusal:
    return Refusal(
        Code.INVARIANTS_BROKEN,
        f"Invariants do not hold: {violations[0].invariant}; the halt stands",
        {
            "violations": [violation.told() for violation in violations[:TOLD]],
            "violations_count": len(violations),
        },
    )
