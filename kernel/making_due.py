"""What time alone brings about for market-making orders and campaigns: the earliest first, and then by ids.

At or after a deadline counts as past, whether a tick came or not: decisions look at the deadline themselves.
"""

from typing import Final

from kernel.campaigns import settle
from kernel.codes import MarketStatus
from kernel.draft import Draft
from kernel.following import follow_to_the_end, is_behind
from kernel.leases import expire_lease
from kernel.making import Cause, fail, pause, tell, withdraw_quotes
from kernel.making_edges import PAYING, MmActor, MmKind, MmReason, MmTrigger
from kernel.making_order import MmOrder, stale_at
from kernel.market import Market
from kernel.venue_steps import lapse, run_out

JOB: Final = "TICK"
AT_ONCE: Final = 256
"""Deadlines in one step."""


def is_due(market: Market, at: int, *, venues_off: bool) -> bool:
    """Whether a tick would find anything to do; it says whether making markets elsewhere is switched off."""
    desk = market.desk
    if market.closing is not None:
        return False
    return desk.is_due(at) or is_behind(market) or (venues_off and len(desk.unsent) > 0)


def do_what_is_due(draft: Draft, market: Market, *, venues_off: bool) -> None:
    if market.closing is not None:
        return
    if is_behind(market):
        cause = Cause(JOB, f"mkt:{draft.state.head}", MmActor.MARKET, None, MmReason.MARKET_RESOLVED)
        follow_to_the_end(draft, market, cause)
    if venues_off:
        call_back(draft, market)
    deadlines = market.desk.deadlines
    for _ in range(AT_ONCE):
        due = deadlines.until(draft.at, 1)
        if not due:
            return
        order = draft.state.making.orders.get(due[0])
        if order is not None:
            meet(draft, order)
        else:
            settle(draft, draft.state.making.campaigns[due[0]], JOB)


def call_back(draft: Draft, market: Market) -> None:
    """What was to leave for a venue elsewhere stays: nothing of it has left."""
    cause = Cause(JOB, f"timer:flag:{draft.at}", MmActor.SYSTEM, None, MmReason.FEATURE_DISABLED)
    for order_id in market.desk.unsent[:AT_ONCE]:
        fail(draft, draft.state.making.orders[order_id], MmTrigger.FAIL, cause)


def meet(draft: Draft, order: MmOrder) -> None:
    """The earliest deadline of one order."""
    deadline = order.deadline
    assert deadline is not None

    def because(timer: str, reason: MmReason) -> Cause:
        return Cause(JOB, f"timer:{timer}:{deadline}", MmActor.SYSTEM, None, reason)

    if order.state in PAYING:
        fail(draft, order, MmTrigger.TIMEOUT, because("payment", MmReason.PAYMENT_TIMEOUT))
    elif order.venue_due_at == deadline:
        run_out(draft, order, because("venue", MmReason.VENUE_TIMEOUT))
    elif order.venue_due_at is not None:
        lapse(draft, order, because("venue", MmReason.AUTO))
    elif order.lease_until == deadline:
        expire_lease(draft, order, because("lease", MmReason.CYCLE_ERRORS))
    elif order.pause_due_at == deadline:
        assert order.market.status is not MarketStatus.ACTIVE
        pause(draft, order, because("suspend", MmReason.MARKET_SUSPENDED))
    else:
        assert stale_at(order) == deadline
        withdraw_quotes(draft, order)
        tell(draft, order, MmKind.CYCLE, because("stale", MmReason.NO_WORKER), after={"is_unattended": True})
