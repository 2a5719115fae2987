"""What an owner or an administrator tells a market-making order to do."""

from typing import Any, Final

from kernel.answers import Answer, Refusal
from kernel.codes import Code
from kernel.draft import Draft
from kernel.making import (
    Cause,
    fail,
    is_refund_safe,
    job_of,
    pause,
    refund,
    resume,
    start,
    stop,
    take,
    tell,
)
from kernel.making_answers import MmOrderIs
from kernel.making_commands import ControlMmOrder
from kernel.making_edges import (
    PAYING,
    UNDER_WAY,
    MmActor,
    MmControl,
    MmKind,
    MmReason,
    MmState,
    MmTrigger,
)
from kernel.making_order import MmOrder
from kernel.making_refusals import check_changes, find_order, key_used, not_in_this_state
from kernel.making_view import CONTROLS, is_allowed, order_now
from kernel.refusals import market_not_open

START, PAUSE, RESUME, STOP = MmControl.START, MmControl.PAUSE, MmControl.RESUME, MmControl.STOP
DELETE, FAIL, REFUND = MmControl.DELETE, MmControl.FAIL, MmControl.REFUND
RUNNING, PAUSED, STOPPED = MmState.RUNNING, MmState.PAUSED, MmState.STOPPED
UNSTARTED: Final = (*PAYING, MmState.PAYMENT_COMPLETE)
"""Where a stop is a failure: nothing has begun that could be stopped."""

ALWAYS: Final = (PAUSE, STOP)
"""Whoever wants his money out of the market may say so, however much else he has asked for."""
SATISFIED: Final = {PAUSE: PAUSED, RESUME: RUNNING, START: RUNNING, STOP: STOPPED}
"""Where what is wished for is so already."""


def control_mm_order(draft: Draft, command: ControlMmOrder) -> Answer | Refusal:
    order = find_order(draft.state, command.order_id, command.user_id)
    if isinstance(order, Refusal):
        return order
    control, actor = command.control, MmActor.ADMIN if command.user_id is None else MmActor.USER
    actor_id = command.by_id if command.user_id is None else command.user_id
    trigger_id = f"cmd:{actor_id}:{command.key}"
    earlier = order.requests.get(trigger_id)
    if earlier is not None:
        same = earlier == control.value
        return MmOrderIs(order_now(order), changed=False, repeated=True) if same else key_used(command.key)
    if SATISFIED.get(control) is order.state or is_remembered(order, control):
        return MmOrderIs(order_now(order), changed=False)
    if order.market.closing is not None:
        return market_not_open(order.market)
    if not is_allowed(order, CONTROLS[control], actor, draft.at):
        return not_in_this_state(order, actor, draft.at)
    if control is REFUND and not is_refund_safe(order):
        return Refusal(Code.REFUND_UNSAFE, "Not all of its money can be moved now")
    is_counted = actor is MmActor.USER and control not in ALWAYS
    if is_counted and (refusal := check_changes(order, draft.at)) is not None:
        return refusal
    # Nothing above has changed anything. Nothing below can refuse.
    reason = MmReason.USER_REQUEST if actor is MmActor.USER else MmReason.ADMIN_REQUEST
    cause = Cause(job_of(command), trigger_id, actor, actor_id, reason)
    carry_out(draft, order, control, cause, told_by(command))
    return MmOrderIs(order_now(order))


def is_remembered(order: MmOrder, control: MmControl) -> bool:
    """Whether it will be done as soon as the order has arrived."""
    return order.state in UNDER_WAY and order.pending_command is control


def told_by(command: ControlMmOrder) -> dict[str, Any] | None:
    """An administrator's name and words."""
    if command.by is None and command.reason is None:
        return None
    return {"by": command.by, "words": command.reason}


def carry_out(
    draft: Draft, order: MmOrder, control: MmControl, cause: Cause, data: dict[str, Any] | None
) -> None:
    request = control.value
    match control:
        case MmControl.START:
            start(draft, order, cause, request=request, data=data)
        case MmControl.PAUSE:
            held = cause.actor is MmActor.ADMIN
            pause(draft, order, cause, held=held, request=request, data=data)
        case MmControl.RESUME:
            resume(draft, order, cause, request=request, data=data)
        case MmControl.STOP if order.state in UNSTARTED:
            fail(draft, order, MmTrigger.STOP, cause, request=request, data=data)
        case MmControl.STOP if order.state in UNDER_WAY:
            after = {"pending_command": control}
            tell(draft, order, MmKind.COMMAND, cause, after=after, request=request, data=data)
        case MmControl.STOP:
            stop(draft, order, cause, request=request, data=data)
        case MmControl.FAIL:
            fail(draft, order, MmTrigger.FAIL, cause, request=request, data=data)
        case MmControl.REFUND:
            refund(draft, order, MmTrigger.REFUND, cause, request=request, data=data)
        case MmControl.DELETE:
            take(draft, order, MmTrigger.DELETE, MmState.DELETED, cause, request=request, data=data)
