"""The volatility halt: time to think where prices have moved too far too fast.

Trades are judged and not quotes: a maker that pulls its quotes moves nothing. They are judged once, when the
command is over, so what it traded stands. The market is SUSPENDED and not halted, for no book is in doubt:
people can still cancel.
"""

from kernel.breaker import record_trigger, resolve_breakers
from kernel.codes import CircuitBreakerTrigger, MarketStatus, StatusReason
from kernel.draft import Draft
from kernel.life import change_status
from kernel.market import Market

ACTIVE, SUSPENDED = MarketStatus.ACTIVE, MarketStatus.SUSPENDED


def halt_if_moved(draft: Draft, market: Market) -> None:
    """After a command that traded."""
    terms, trades = market.terms, market.trade_range
    assert trades is not None
    lowest, highest = trades.extremes(draft.at)
    if market.status is not ACTIVE or highest - lowest < terms.halt_move_cents:
        return
    context = {
        "lowest_cents": lowest,
        "highest_cents": highest,
        "window_ms": terms.halt_window_ms,
        "move_cents": terms.halt_move_cents,
    }
    record_trigger(draft, market, CircuitBreakerTrigger.VOLATILITY, context)
    until = draft.at + 1000 * terms.halt_pause_ms if terms.halt_pause_ms else None
    change_status(draft, market, SUSPENDED, StatusReason.CIRCUIT_BREAKER.value, None, until)


def pause_is_over(market: Market, at: int) -> bool:
    """Its time has passed, or that of the market's trading."""
    until = market.pause_until
    return market.is_paused and ((until is not None and at >= until) or market.has_ended(at))


def end_pause(draft: Draft, market: Market) -> None:
    """It trades again, unless its trading has ended meanwhile: then it stays as it is."""
    target = SUSPENDED if market.has_ended(draft.at) else ACTIVE
    resolve_breakers(draft, market, "SYSTEM", "pause over", target)
    if target is ACTIVE:
        change_status(draft, market, ACTIVE, StatusReason.CIRCUIT_BREAKER.value, None)
