"""What a market's status means for its market-making orders: they follow it within the command.

Where one command resolves and settles, this comes after the payout: then only cash is left to move.
"""

from kernel.codes import MarketStatus
from kernel.commands import Command
from kernel.draft import Draft, Turn
from kernel.life import OVER
from kernel.making import (
    Cause,
    advance,
    by_itself,
    fail,
    job_of,
    pause,
    resume,
    settle,
    stop,
    tell,
    withdraw_quotes,
)
from kernel.making_edges import (
    PAYING,
    READY,
    MmActor,
    MmKind,
    MmReason,
    MmState,
    MmTrigger,
)
from kernel.making_order import MmOrder
from kernel.market import Market
from kernel.state import State

ACTIVE, SUSPENDED, HALTED = MarketStatus.ACTIVE, MarketStatus.SUSPENDED, MarketStatus.HALTED
RESOLVED = MarketStatus.RESOLVED
CREATED, RUNNING, PAUSED = MmState.CREATED, MmState.RUNNING, MmState.PAUSED


def follow(draft: Draft, turns: list[Turn], command: Command) -> None:
    """After a command that has changed the status of a market, once or several times."""
    for market in dict.fromkeys(turn.market for turn in turns):
        first = next(turn for turn in turns if turn.market is market)
        follow_market(draft, market, first.previous, job_of(command), first.journal_id)


def follow_market(draft: Draft, market: Market, previous: MarketStatus, job: str, journal_id: int) -> None:
    """From what it was before the command to what it is now."""

    def because(reason: MmReason) -> Cause:
        return Cause(job, f"mkt:{journal_id}", MmActor.MARKET, None, reason)

    status = market.status
    if market.closing is not None:
        return  # when its end is complete
    if previous is HALTED and status in (ACTIVE, SUSPENDED):
        end_halt(draft, market, because(MmReason.MARKET_RESUMED))
    if status is ACTIVE:
        for order in orders_of(draft.state, market):
            go_on(draft, order, previous, because(MmReason.MARKET_RESUMED))
    elif status is SUSPENDED:
        for order in orders_of(draft.state, market):
            if order.state is RUNNING and order.pause_due_at is None:
                wait(draft, order, because(MmReason.MARKET_SUSPENDED))
    elif status is HALTED:
        for order in orders_of(draft.state, market):
            if order.state is RUNNING:
                pause(draft, order, because(MmReason.MARKET_HALTED))
    elif status is RESOLVED or status in OVER:
        follow_to_the_end(draft, market, because(MmReason.MARKET_RESOLVED))


def orders_of(state: State, market: Market) -> list[MmOrder]:
    """By their ids, as they are now: what is over leaves the desk meanwhile."""
    return [state.making.orders[order_id] for order_id in market.desk.order_ids]


def go_on(draft: Draft, order: MmOrder, previous: MarketStatus, cause: Cause) -> None:
    """The market trades again. After a halt whoever was paused is resumed by hand."""
    if order.state is RUNNING:
        after = {"next_cycle_at": draft.at, "pause_due_at": None}
        tell(draft, order, MmKind.CYCLE, cause, after=after)
    elif order.state is CREATED:
        advance(draft, order, cause)
    elif (
        order.state is PAUSED
        and order.reason is MmReason.MARKET_SUSPENDED
        and previous is SUSPENDED
        and order.market.is_trading(draft.at)
    ):
        resume(draft, order, by_itself(cause, MmReason.MARKET_RESUMED))


def wait(draft: Draft, order: MmOrder, cause: Cause) -> None:
    """Its quotes are off the book. It still runs, for the market may trade again soon."""
    withdraw_quotes(draft, order)
    after = {"pause_due_at": draft.at + 1000 * order.policy.suspend_pause_ms}
    tell(draft, order, MmKind.CYCLE, cause, after=after)


def end_halt(draft: Draft, market: Market, cause: Cause) -> None:
    """What rested all the while goes, ahead of any trade; refunds that waited are made."""
    for order in orders_of(draft.state, market):
        withdraw_quotes(draft, order)
        if order.refund_due:
            advance(draft, order, cause)


def is_behind(market: Market) -> bool:
    """Whether it is over, and orders of its go on as if it were not."""
    return (
        market.desk.active > 0
        and market.closing is None
        and (market.status is RESOLVED or market.status in OVER)
    )


def follow_to_the_end(draft: Draft, market: Market, cause: Cause) -> None:
    """Nothing can be quoted any more. With the payout in the escrow, that goes home, too."""
    for order in orders_of(draft.state, market):
        if order.state in PAYING:
            fail(draft, order, MmTrigger.MARKET_OVER, cause)
        elif order.state in READY:
            stop(draft, order, cause)
        elif order.is_active:
            fail(draft, order, MmTrigger.FAIL, cause)
        elif order.refund_due:
            advance(draft, order, cause)
        settle(draft, order, cause)
