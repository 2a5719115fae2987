"""The circuit breaker: a market found broken stands still until somebody has looked."""

from typing import Any

from kernel.answers import Answer, MarketIs, Refusal
from kernel.codes import CircuitBreakerTrigger, Code, MarketStatus, StatusReason
from kernel.commands import TripBreaker
from kernel.draft import Draft
from kernel.events import CircuitBreakerResolved, CircuitBreakerTriggered
from kernel.life import change_status, may
from kernel.limits import RESOLVED_BY_MAX
from kernel.market import Market
from kernel.refusals import market_not_found


def trip_breaker(draft: Draft, command: TripBreaker) -> Answer | Refusal:
    market = draft.state.markets.get(command.market_id)
    if market is None:
        return market_not_found(command.market_id)
    # Nothing above has changed anything. Nothing below can refuse.
    trip(draft, market, command.trigger, command.context)
    return MarketIs(market.id)


def trip_unsound(draft: Draft, market: Market) -> Refusal:
    """Found before anything moved: the command has no effect, and the market is halted."""
    trigger = (
        CircuitBreakerTrigger.INVARIANT_RESERVE
        if market.yes_shares == market.no_shares
        else CircuitBreakerTrigger.INVARIANT_SHARES
    )
    context = {
        "reserve_balance": market.reserve,
        "total_yes_shares": market.yes_shares,
        "total_no_shares": market.no_shares,
    }
    trip(draft, market, trigger, context)
    return Refusal(Code.INTERNAL, "An invariant of this market does not hold; the market is halted")


def trip(
    draft: Draft,
    market: Market,
    trigger: CircuitBreakerTrigger,
    context: dict[str, Any],
    *,
    reason: str = StatusReason.CIRCUIT_BREAKER,
    by: str | None = None,
) -> None:
    """Record the fault; a market that still moved is halted."""
    record_trigger(draft, market, trigger, context)
    if may(market, TripBreaker, MarketStatus.HALTED, draft.at):
        change_status(draft, market, MarketStatus.HALTED, reason, by)


def record_trigger(
    draft: Draft, market: Market, trigger: CircuitBreakerTrigger, context: dict[str, Any]
) -> None:
    state = draft.state
    state.breaker_head += 1
    market.open_breaker(state.breaker_head, draft.at)
    draft.record(
        market.id,
        CircuitBreakerTriggered(breaker_id=state.breaker_head, trigger_reason=trigger, context=context),
    )


def resolve_breakers(draft: Draft, market: Market, by: str, note: str, target: MarketStatus) -> None:
    """Close every open record of a fault of this market; at the end of a pause the record of that alone."""
    goes_on = market.is_paused and target is not MarketStatus.RESOLVED
    breaker_ids = market.open_breakers[-1:] if goes_on else market.open_breakers
    market.close_breakers(breaker_ids, draft.at)
    draft.record(
        market.id,
        CircuitBreakerResolved(
            breaker_ids=breaker_ids,
            resolved_by=by[:RESOLVED_BY_MAX],
            resolution_note=note,
            target_status=target,
        ),
    )
