"""The circuit breaker: a market found broken stands still until somebody has looked."""

from typing import Any

from kernel.answers import Answer, MarketIs, Refusal
from kernel.codes import CircuitBreakerTrigger, Code, MarketStatus, StatusReason
from kernel.commands import TripBreaker
from kernel.draft import Draft
from kernel.events import CircuitBreakerTriggered, MarketStatusChanged
from kernel.refusals import market_not_found
from kernel.state import Market


def trip_breaker(draft: Draft, command: TripBreaker) -> Answer | Refusal:
    market = draft.state.markets.get(command.market_id)
    if market is None:
        return market_not_found(command.market_id)
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
    state = draft.state
    state.breaker_head += 1
    market.open_breaker(state.breaker_head, draft.at)
    draft.record(
        market.id,
        CircuitBreakerTriggered(breaker_id=state.breaker_head, trigger_reason=trigger, context=context),
    )
    if market.status in (MarketStatus.ACTIVE, MarketStatus.SUSPENDED):
        change_status(draft, market, MarketStatus.HALTED, reason, by)


def change_status(draft: Draft, market: Market, status: MarketStatus, reason: str, by: str | None) -> None:
    """The one way a market's status changes before it is settled."""
    previous = market.status
    market.status = status
    market.updated_at = draft.at
    draft.record(
        market.id,
        MarketStatusChanged(
            previous_status=previous,
            new_status=status,
            reason=reason,
            resolution_result=market.resolution_result,
            resolved_at=market.resolved_at,
            by=by,
        ),
    )


def because(reason: StatusReason, words: str | None) -> str:
    return f"{reason.value}: {words}" if words else reason.value
