"""What time alone brings about: orders past their time, the end of trading, of a pause, of a mode.

Orders past their time leave before anything else is decided in their market, so none trades too late, whether
a tick came or not. All else waits for a tick. Who sends ticks, and how often, it does not know.
"""

from kernel import making_due
from kernel.answers import Answer, MarketIs, Refusal, Unfinished
from kernel.codes import CancelReason, MarketStatus, StatusReason
from kernel.commands import AnyCommand, Tick
from kernel.draft import Draft
from kernel.ending import cancel
from kernel.halting import end_pause, pause_is_over
from kernel.life import STOPPABLE, change_status, may
from kernel.market import Market
from kernel.modes import end_mode, mode_is_over
from kernel.refusals import market_not_found
from kernel.state import State

SUSPENDED = MarketStatus.SUSPENDED


def is_due(market: Market, at: int, *, venues_off: bool = False) -> bool:
    """Whether a tick would find anything to do; one that says, or does not, that venues are switched off."""
    return (
        has_overdue(market, at)
        or (market.status is MarketStatus.ACTIVE and market.has_ended(at))
        or pause_is_over(market, at)
        or mode_is_over(market, at)
        or making_due.is_due(market, at, venues_off=venues_off)
    )


def has_overdue(market: Market, at: int) -> bool:
    return market.status in STOPPABLE and market.overdue(at) is not None


def expire_first(draft: Draft, command: AnyCommand) -> Unfinished | None:
    """Before a command is decided: what is overdue in its market goes, whatever then becomes of the command.

    Of more than one step may end, a part: then the command is not decided yet.
    """
    market = market_of(draft.state, command)
    is_all = market is None or market.status not in STOPPABLE or expire(draft, market)
    draft.expired = len(draft.facts)
    draft.state.look_ahead()
    return None if is_all else Unfinished(command)


def market_of(state: State, command: AnyCommand) -> Market | None:
    """Whose book it is decided by: that of the order it acts on, also if it names another market."""
    if command.acts_on is not None:
        return state.market_acted_on(command.acts_on)
    return None if command.market_id is None else state.markets.get(command.market_id)


def expire(draft: Draft, market: Market) -> bool:
    """Cancel what is overdue, by time and then by acceptance; False if that is more than one step may end."""
    for _ in range(draft.state.portion):
        order = market.overdue(draft.at)
        if order is None:
            return True
        cancel(draft, order, CancelReason.EXPIRED)
    return market.overdue(draft.at) is None


def tick(draft: Draft, command: Tick) -> Answer | Refusal:
    """Do what is due, in this order; what is overdue has gone before. With nothing due it records nothing."""
    market = draft.state.markets.get(command.market_id)
    if market is None:
        return market_not_found(command.market_id)
    # Nothing above has changed anything. Nothing below can refuse.
    if may(market, Tick, SUSPENDED, draft.at):
        change_status(draft, market, SUSPENDED, StatusReason.TRADING_ENDED.value, None)
    if pause_is_over(market, draft.at):
        end_pause(draft, market)
    if mode_is_over(market, draft.at):
        end_mode(draft, market)
    making_due.do_what_is_due(draft, market, venues_off=command.venues_off)
    if making_due.is_due(market, draft.at, venues_off=command.venues_off):
        return Unfinished(command)
    return MarketIs(market.id)
