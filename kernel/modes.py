"""Trading modes: of what it could take, a market that trades takes only some for a while.

A mode stands beside the status and matters while that is ACTIVE. Whoever sets one may say when it ends; the
first tick after that ends it.
"""

from typing import Final

from kernel.answers import Answer, MarketIs, Refusal
from kernel.codes import RESTING_KINDS, Code, MarketStatus, ModeReason, TradingMode
from kernel.commands import OrderTerms, SetMarketMode
from kernel.draft import Draft
from kernel.events import MarketModeChanged
from kernel.life import OVER, because
from kernel.market import Market
from kernel.refusals import malformed, market_not_found, not_in_this_mode

NORMAL, CANCEL_ONLY = TradingMode.NORMAL, TradingMode.CANCEL_ONLY
ANSWERED: Final = (MarketStatus.RESOLVED, *OVER)
"""Nothing is traded any more, in whatever mode."""


def set_market_mode(draft: Draft, command: SetMarketMode) -> Answer | Refusal:
    """Setting what stands already changes nothing and records nothing."""
    mode, until = command.mode, command.until
    if mode is NORMAL and until is not None:
        return malformed("until", "must not be given with NORMAL, which has no end")
    market = draft.state.markets.get(command.market_id)
    if market is None:
        return market_not_found(command.market_id)
    if market.status in ANSWERED:
        return Refusal(
            Code.TRANSITION_NOT_ALLOWED, f"Market {market.id} is {market.status}: it has no trading mode"
        )
    if until is not None and until <= draft.at:
        return malformed("until", "must be in the future")
    # Nothing above has changed anything. Nothing below can refuse.
    if (mode, until) != (market.trading_mode, market.mode_until):
        reason = ModeReason.RESTART if command.by is None else ModeReason.ADMIN
        change_mode(draft, market, mode, until, because(reason, command.reason), command.by)
    return MarketIs(market.id)


def mode_is_over(market: Market, at: int) -> bool:
    """Whatever the market's status is, as long as orders can come again."""
    return market.mode_until is not None and at >= market.mode_until and market.status not in ANSWERED


def end_mode(draft: Draft, market: Market) -> None:
    change_mode(draft, market, NORMAL, None, ModeReason.ENDED.value, None)


def change_mode(
    draft: Draft, market: Market, mode: TradingMode, until: int | None, reason: str, by: str | None
) -> None:
    """The one way in which a market's mode changes."""
    previous = market.trading_mode
    market.trading_mode = mode
    market.mode_until = until
    market.updated_at = draft.at
    draft.record(
        market.id,
        MarketModeChanged(previous_mode=previous, new_mode=mode, until=until, reason=reason, by=by),
    )


def check_mode(market: Market, terms: OrderTerms) -> Refusal | None:
    """Whether it may come at all; what it would take, the book says later."""
    if market.trading_mode is NORMAL:
        return None
    if market.trading_mode is CANCEL_ONLY or terms.time_in_force not in RESTING_KINDS:
        return not_in_this_mode(market)
    return None
