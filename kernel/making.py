"""The life of a market-making order, step by step: every change of its state is made here.

Each step is an edge of the table and an entry of the order's trail. Behind it the order takes, in the same
command, every further edge that needs nobody and that nothing stands against; so no order waits for a job.
"""

from typing import Any, Final, NamedTuple

from msgspec.structs import replace

from kernel.campaign import Campaign, Participation
from kernel.campaign_view import why_not_joinable
from kernel.codes import CancelReason, MarketStatus, ReferenceType, Side
from kernel.commands import Command
from kernel.draft import Draft
from kernel.ending import cancel
from kernel.events import Fact
from kernel.life import OVER
from kernel.making_away import recall
from kernel.making_commands import MmCounts
from kernel.making_edges import (
    MmActor,
    MmKind,
    MmLocation,
    MmOutcome,
    MmReason,
    MmState,
    MmTrigger,
    ends,
)
from kernel.making_events import (
    MmAfter,
    MmLeaseReleased,
    MmOrderChanged,
    MmParticipationChanged,
    MmPayment,
    MmWithdrawal,
)
from kernel.making_order import MmOrder, value_out, venue_task
from kernel.making_view import allowed_commands
from kernel.moving import move_cash, move_shares

YES, NO = Side.YES, Side.NO
HALTED = MarketStatus.HALTED
TRANSITION, REFUND = MmKind.TRANSITION, MmKind.REFUND
RUNNING, PAUSED, STOPPED, FAILED = MmState.RUNNING, MmState.PAUSED, MmState.STOPPED, MmState.FAILED
REFUNDED, CREATED, PAYMENT_COMPLETE = MmState.REFUNDED, MmState.CREATED, MmState.PAYMENT_COMPLETE
JOINING_CAMPAIGN, CAMPAIGN_JOINED = MmState.JOINING_CAMPAIGN, MmState.CAMPAIGN_JOINED
FENCED: Final = (PAUSED, STOPPED, FAILED)
"""Whoever has the order's lease as it comes here has it no longer."""
LEAVING: Final = (STOPPED, FAILED)
"""What an order that comes here trades no longer counts for its campaign."""
AT_REST: Final = {"next_cycle_at": None, "pause_due_at": None, "is_unattended": False}
"""What an order that no longer runs has nothing of."""


Data = dict[str, Any] | None
"""What an entry of a trail tells besides: amounts, keys, counts, somebody's words."""


class Cause(NamedTuple):
    """What makes something happen to an order, as its trail tells it."""

    job: str
    trigger_id: str
    actor: MmActor
    actor_id: str | None
    reason: MmReason


def job_of(command: Command) -> str:
    """The command by the name under which it is filed."""
    name = type(command).__struct_config__.tag
    assert isinstance(name, str)
    return name


def by_itself(cause: Cause, reason: MmReason) -> Cause:
    """What follows from it without anybody."""
    return Cause(cause.job, cause.trigger_id, MmActor.SYSTEM, None, reason)


def tell(
    draft: Draft,
    order: MmOrder,
    kind: MmKind,
    cause: Cause,
    *,
    end: MmState | None = None,
    after: dict[str, Any] | None = None,
    data: Data = None,
    payment: MmPayment | None = None,
    withdrawal: MmWithdrawal | None = None,
    request: str | None = None,
) -> Fact:
    """One entry of an order's trail, and what it changes."""
    event = MmOrderChanged(
        order_id=order.id,
        user_id=order.owner.id,
        seq=order.seq + 1,
        kind=kind,
        from_state=order.state if order.seq else None,
        to_state=order.state if end is None else end,
        job_name=cause.job,
        trigger_id=cause.trigger_id,
        actor_type=cause.actor,
        actor_id=cause.actor_id,
        reason=cause.reason,
        version=order.version + (kind is TRANSITION),
        fence=order.fence + (end in FENCED),
        data=data,
        after=MmAfter(**after) if after else None,
        payment=payment,
        withdrawal=withdrawal,
        request=request,
    )
    draft.state.make(draft.record(order.market.id, event), event)
    # What it has come to is told with it: whoever hears of it again must hear the same.
    allowed = tuple(allowed_commands(order, MmActor.USER, draft.at))
    told = replace(
        event, drained=order.is_drained, allowed_commands=allowed, awaited=venue_task(order) is not None
    )
    return draft.complete(told)


def take(
    draft: Draft,
    order: MmOrder,
    trigger: MmTrigger,
    end: MmState,
    cause: Cause,
    *,
    after: dict[str, Any] | None = None,
    data: Data = None,
    payment: MmPayment | None = None,
    withdrawal: MmWithdrawal | None = None,
    request: str | None = None,
) -> None:
    """One edge. What is not in the table cannot happen."""
    start = order.state if order.seq else None
    assert end in ends(start, trigger, cause.actor), f"{start} to {end} by {trigger} of {cause.actor}"
    if start is RUNNING:
        if order.is_leased:
            end_lease(draft, order, MmOutcome.INTERRUPTED, order.next_cycle_at, order.consecutive_failures)
        after = AT_REST | (after or {})
    if order.pending_command is not None and end in (STOPPED, REFUNDED):
        after = {"pending_command": None} | (after or {})
    tell(
        draft,
        order,
        TRANSITION,
        cause,
        end=end,
        after=after,
        data=data,
        payment=payment,
        withdrawal=withdrawal,
        request=request,
    )
    part = order.leash.participation
    if end in LEAVING and part is not None:
        change_part(draft, order, part, left_at=draft.at)


def end_lease(
    draft: Draft,
    order: MmOrder,
    outcome: MmOutcome,
    next_cycle_at: int | None,
    failures: int,
    counts: MmCounts = MmCounts(),  # noqa: B008 - a value that never changes
    error: str | None = None,
) -> None:
    """A cycle is over. Only the end of its time raises the fence by itself."""
    position = order.position
    assert order.lease_worker is not None
    assert order.lease_started_at is not None
    event = MmLeaseReleased(
        order_id=order.id,
        user_id=order.owner.id,
        cycle_no=order.cycle_no,
        outcome=outcome,
        fence=order.fence + (outcome is MmOutcome.ABANDONED),
        worker_id=order.lease_worker,
        started_at=order.lease_started_at,
        lateness_ms=order.lateness_ms,
        counts=counts,
        error=error,
        bid_cents=max(position.bids, default=None) if position is not None else None,
        ask_cents=min(position.asks, default=None) if position is not None else None,
        mark_half_cents=order.market.spot,
        equity_cents=order.equity,
        next_cycle_at=next_cycle_at,
        consecutive_failures=failures,
    )
    draft.state.make(draft.record(order.market.id, event), event)


# What rests on the book


def can_cancel(order: MmOrder) -> bool:
    """In a halted market nobody can; where an end is under way, that takes care of all orders."""
    market = order.market
    return market.status is not HALTED and market.closing is None


def withdraw_quotes(draft: Draft, order: MmOrder) -> None:
    """Its own orders leave the book, if anything can."""
    position = order.position
    if position is not None and can_cancel(order):
        for quote in list(position.live):
            cancel(draft, quote, CancelReason.MM_STOPPED)


# Where it goes


def start(
    draft: Draft,
    order: MmOrder,
    cause: Cause,
    *,
    request: str | None = None,
    data: Data = None,
) -> None:
    after = {"next_cycle_at": draft.at} | quoting_at(order)
    take(draft, order, MmTrigger.START, RUNNING, cause, after=after, request=request, data=data)


def quoting_at(order: MmOrder) -> dict[str, Any]:
    """From now on quotes of its may rest at its venue, until a worker says that none does."""
    return {"rests_away": True} if order.location is MmLocation.VENUE else {}


def pause(
    draft: Draft,
    order: MmOrder,
    cause: Cause,
    *,
    held: bool = False,
    request: str | None = None,
    data: Data = None,
) -> None:
    withdraw_quotes(draft, order)
    take(draft, order, MmTrigger.PAUSE, PAUSED, cause, after={"held": held}, request=request, data=data)


def resume(
    draft: Draft,
    order: MmOrder,
    cause: Cause,
    *,
    request: str | None = None,
    data: Data = None,
) -> None:
    """No sooner than its cycles follow each other anyway, however often somebody pauses it."""
    due_at = draft.at
    if order.lease_started_at is not None:
        due_at = max(due_at, order.lease_started_at + 1000 * order.terms.refresh_interval_ms)
    after = {"held": False, "consecutive_failures": 0, "next_cycle_at": due_at} | quoting_at(order)
    take(draft, order, MmTrigger.RESUME, RUNNING, cause, after=after, request=request, data=data)


def stop(
    draft: Draft,
    order: MmOrder,
    cause: Cause,
    *,
    request: str | None = None,
    data: Data = None,
) -> None:
    withdraw_quotes(draft, order)
    take(draft, order, MmTrigger.STOP, STOPPED, cause, after={"held": False}, request=request, data=data)


def fail(
    draft: Draft,
    order: MmOrder,
    trigger: MmTrigger,
    cause: Cause,
    *,
    request: str | None = None,
    data: Data = None,
) -> None:
    """It cannot go on. Its money goes back at once, if that is safe."""
    withdraw_quotes(draft, order)
    after = {"failure_code": cause.reason, "failed_from": order.state, "held": False}
    after |= recall(draft, order, cause.reason)
    take(draft, order, trigger, FAILED, cause, after=after, request=request, data=data)
    advance(draft, order, cause)


def advance(draft: Draft, order: MmOrder, cause: Cause) -> None:
    """Every further edge that needs nobody."""
    if order.state is MmState.WITHDRAWAL_CONFIRMED:
        # What has left gets as much time again to arrive.
        after = {"venue_due_at": draft.at + 1000 * order.policy.withdrawal_timeout_ms}
        arrives = MmState.DEPOSIT_CONFIRMING
        take(draft, order, MmTrigger.ADVANCE, arrives, by_itself(cause, MmReason.AUTO), after=after)
    is_paid_here = order.state is PAYMENT_COMPLETE and not order.is_external
    if is_paid_here or order.state is MmState.DEPOSIT_CONFIRMED:
        end = CREATED if order.campaign is None else JOINING_CAMPAIGN
        take(draft, order, MmTrigger.ADVANCE, end, by_itself(cause, MmReason.AUTO))
    if order.state is JOINING_CAMPAIGN:
        join_chosen(draft, order, cause)
    if order.state is CAMPAIGN_JOINED:
        take(draft, order, MmTrigger.ADVANCE, CREATED, by_itself(cause, MmReason.AUTO))
    if order.state is CREATED and order.pending_command is not None:
        stop(draft, order, by_itself(cause, MmReason.AUTO))
    if order.state is CREATED and order.terms.auto_start and order.market.is_trading(draft.at):
        start(draft, order, by_itself(cause, MmReason.AUTO))
    if order.state is FAILED:
        if is_refund_safe(order):
            refund(draft, order, MmTrigger.REFUND, by_itself(cause, MmReason.REFUND))
        elif not (order.refund_due or order.reconcile_required):
            tell(draft, order, REFUND, by_itself(cause, MmReason.REFUND), after={"refund_due": True})


# Campaigns


def join_chosen(draft: Draft, order: MmOrder, cause: Cause) -> None:
    """The campaign that it was created for: it takes part in it, or goes on without, if it may."""
    campaign, auto = order.campaign, by_itself(cause, MmReason.AUTO)
    assert campaign is not None
    if order.participation is None and (problem := why_not_joinable(campaign, order, draft.at)) is not None:
        closed = by_itself(cause, MmReason.CAMPAIGN_CLOSED)
        data = {"campaign_id": campaign.id, "problem": problem}
        if order.terms.campaign_required:
            fail(draft, order, MmTrigger.FAIL, closed, data=data)
        else:
            tell(draft, order, MmKind.CAMPAIGN, closed, after={"campaign_id": None}, data=data)
            take(draft, order, MmTrigger.JOIN, CREATED, closed)
        return
    take_part(draft, order, campaign, auto)
    take(draft, order, MmTrigger.JOIN, CAMPAIGN_JOINED, auto)


def take_part(
    draft: Draft, order: MmOrder, campaign: Campaign, cause: Cause, *, request: str | None = None
) -> None:
    """Once for ever; an order that had left, and is on its way again, counts anew."""
    part = order.participation
    if part is None:
        part = Participation(campaign.id, order.id, campaign.terms, joined_at=draft.at)
        change_part(draft, order, part)
        after, data = {"campaign_id": campaign.id}, {"campaign_id": campaign.id}
        tell(draft, order, MmKind.CAMPAIGN, cause, after=after, data=data, request=request)
    elif part.left_at is not None and campaign.deadline is not None:
        change_part(draft, order, part, left_at=None)


def change_part(draft: Draft, order: MmOrder, part: Participation, **changes: Any) -> None:
    """An order's part in its campaign, as it is and with these members changed."""
    members = {name: getattr(part, name) for name in PART}
    event = MmParticipationChanged(**members | {"user_id": order.owner.id} | changes)
    draft.state.make(draft.record(order.market.id, event), event)


PART: Final = ("campaign_id", "order_id", "joined_at", "left_at", "reward_cents", "external_ref", "notes")
"""What the event has of a participation, by the same names."""


# Money


def is_refund_safe(order: MmOrder) -> bool:
    """All of it is here, nothing of it is bound, and it can be moved."""
    has_shares = order.holding(YES).volume or order.holding(NO).volume
    return (
        order.location is MmLocation.ESCROW
        and not order.external_submitted
        and not order.reconcile_required
        and order.is_drained
        and order.market.closing is None
        and not (has_shares and order.market.status is HALTED)
    )


def refund(
    draft: Draft,
    order: MmOrder,
    trigger: MmTrigger,
    cause: Cause,
    *,
    request: str | None = None,
    data: Data = None,
) -> None:
    """Everything goes back to the owner."""
    cash, yes, no = order.escrow.available, order.holding(YES).volume, order.holding(NO).volume
    paid = pay_out(draft, order, cash, yes, no, ReferenceType.MM_REFUND, f"refund:{order.seq + 1}")
    moved = {"cash_cents": cash, "yes": yes, "no": no}
    after = {"refund_due": False, "paid_out_cents": order.paid_out_cents + paid}
    take(draft, order, trigger, REFUNDED, cause, after=after, request=request, data=moved | (data or {}))


def settle(draft: Draft, order: MmOrder, cause: Cause) -> None:
    """With the payout of its market in the escrow, that goes home."""
    if (
        order.state is STOPPED
        and order.market.status in OVER
        and order.policy.auto_refund
        and is_refund_safe(order)
    ):
        refund(draft, order, MmTrigger.SETTLED, by_itself(cause, MmReason.MARKET_SETTLED))


def pay_out(draft: Draft, order: MmOrder, cash: int, yes: int, no: int, kind: ReferenceType, key: str) -> int:
    """So much to the owner; returns what it counts for. Each asset has a key of its own."""
    escrow, owner, market = order.escrow, order.owner, order.market
    worth = cash + value_out(market.spot, yes, no)
    name = f"{escrow.id}:{key}"
    if cash:
        move_cash(draft, escrow, owner, cash, kind, f"{name}:CASH")
    if yes:
        move_shares(draft, market, escrow, owner, YES, yes, kind, f"{name}:YES")
    if no:
        move_shares(draft, market, escrow, owner, NO, no, kind, f"{name}:NO")
    return worth
