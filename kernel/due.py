"""What time alone brings about in a market: the end of its trading window, and of its mode.

A tick finds what is due and does it; who sends ticks, and how often, it does not know.
"""

from kernel.answers import Answer, MarketIs, Refusal
from kernel.codes import MarketStatus, StatusReason
from kernel.commands import Tick
from kernel.draft import Draft
from kernel.life import change_status, may
from kernel.modes import end_mode, mode_is_over
from kernel.refusals import market_not_found
from kernel.state import Market

SUSPENDED = MarketStatus.SUSPENDED


def is_due(market: Market, at: int) -> bool:
    """Whether a tick would find anything to do."""
    return may(market, Tick, SUSPENDED, at) or mode_is_over(market, at)


def tick(draft: Draft, command: Tick) -> Answer | Refusal:
    """Do what is due, in this order; with nothing due it records nothing."""
    market = draft.state.markets.get(command.market_id)
    if market is None:
        return market_not_found(command.market_id)
    # Nothing above has changed anything. Nothing below can refuse.
    if may(market, Tick, SUSPENDED, draft.at):
        change_status(draft, market, SUSPENDED, StatusReason.TRADING_ENDED.value, None)
    if mode_is_over(market, draft.at):
        end_mode(draft, market)
    return MarketIs(market.id)
