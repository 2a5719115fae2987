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

JOB: Final = "TICK"
AT_ONCE: Final = 256
"""Deadlines in one step."""


def is_due(market: Market, at: int) -> bool:
    """Whether a tick would find anything to do."""
    return market.closing is None and (market.desk.is_due(at) or is_behind(market))


def do_what_is_due(draft: Draft, market: Market) -> None:
    if market.closing is not None:
        return
    if is_behind(market):
        cause = Cause(JOB, f"mkt:{draft.state.head}", MmActor.MARKET, None, MmReason.MARKET_RESOLVED)
        follow_to_the_end(draft, market, cause)
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


def meet(draft: Draft, order: MmOrder) -> None:
    """The earliest deadline of one order."""
    deadline = order.deadline
    assert deadline is not None

    def because(timer: str, reason: MmReason) -> Cause:
        return Cause(JOB, f"timer:{timer}:{deadline}", MmActor.SYSTEM, None, reason)

    if order.state in PAYING:
        fail(draft, order, MmTrigger.TIMEOUT, because("payment", MmReason.PAYMENT_TIMEOUT))
    elif order.lease_until == deadline:
        expire_lease(draft, order, because("lease", MmReason.CYCLE_ERRORS))
    elif order.pause_due_at == deadline:
        assert order.market.status is not MarketStatus.ACTIVE
        pause(draft, order, because("suspend", MmReason.MARKET_SUSPENDED))
    else:
        assert stale_at(order) == deadline
        withdraw_quotes(draft, order)
        tell(draft, order, MmKind.CYCLE, because("stale", MmReason.NO_WORKER), after={"is_unattended": True})
