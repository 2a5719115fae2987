"""What the steps of money to a venue and back change, and what follows from them; and what time alone does.

Whether a step can be taken, `venues.py` has found out before.
"""

from typing import Any, Final

from kernel.draft import Draft
from kernel.making import Cause, advance, by_itself, fail, job_of, settle, take, tell
from kernel.making_away import (
    HOME,
    Found,
    amounts_of,
    begin_leg,
    bring_home,
    call_off,
    change,
    in_escrow,
    is_out,
    open_case,
    return_leg,
    send_off,
)
from kernel.making_commands import StepMmVenue
from kernel.making_edges import (
    MmActor,
    MmDirection,
    MmKind,
    MmLegStatus,
    MmLocation,
    MmReason,
    MmState,
    MmStep,
    MmTrigger,
)
from kernel.making_events import VenueLeg
from kernel.making_order import NOTHING_AWAY, Away, MmOrder, newest_legs

OUT, BACK = MmDirection.OUT, MmDirection.BACK
INTENT, CALLING, UNKNOWN = MmLegStatus.INTENT, MmLegStatus.CALLING, MmLegStatus.UNKNOWN
SUBMITTED, CONFIRMED = MmLegStatus.SUBMITTED, MmLegStatus.CONFIRMED
CREDITED, REJECTED = MmLegStatus.CREDITED, MmLegStatus.REJECTED
STOPPED = MmState.STOPPED
CLAIM: Final = 60_000_000
"""How long a worker has a leg for itself that it calls the venue for."""
ATTEMPTS_MAX: Final = 3
LEADS: Final = {
    MmStep.CALL: ((INTENT,), CALLING),
    MmStep.ACCEPTED: ((CALLING, UNKNOWN), SUBMITTED),
    MmStep.RETRY: ((CALLING,), REJECTED),
    MmStep.REJECTED: ((CALLING, UNKNOWN), REJECTED),
    MmStep.UNKNOWN: ((CALLING,), UNKNOWN),
    MmStep.CONFIRMED: ((SUBMITTED,), CONFIRMED),
    MmStep.CREDITED: ((CONFIRMED,), CREDITED),
}
"""From where to where each step takes a leg."""


def cause_of(command: StepMmVenue) -> Cause:
    leg = command.leg.value if command.leg is not None else "ALL"
    name = f"venue:{command.direction.value}:{leg}:{command.attempt}:{command.step.value}"
    return Cause(job_of(command), name, MmActor.WORKER, command.worker_id, MmReason.AUTO)


def take_step(draft: Draft, order: MmOrder, leg: VenueLeg | None, command: StepMmVenue) -> None:
    cause = cause_of(command)
    if leg is not None:
        step_leg(draft, order, leg, command, cause)
    elif command.step is MmStep.DRAINED:
        data = {"direction": BACK.value, "step": command.step.value}
        tell(draft, order, MmKind.VENUE, cause, after={"rests_away": False}, data=data)
    elif command.direction is OUT:
        set_out(draft, order, cause)
    else:
        turn_back(draft, order, cause)


# What is about all of an order


def deadline_of(draft: Draft, order: MmOrder) -> int:
    return draft.at + 1000 * order.policy.withdrawal_timeout_ms


def told(direction: MmDirection, what: Away) -> dict[str, Any]:
    return {"direction": direction.value, "cash_cents": what.cash, "yes": what.yes, "no": what.no}


def set_out(draft: Draft, order: MmOrder, cause: Cause) -> None:
    going = in_escrow(order)
    after = send_off(draft, order, deadline_of(draft, order))
    data = told(OUT, going)
    take(draft, order, MmTrigger.VENUE, MmState.WITHDRAWING, cause, after=after, data=data)


def turn_back(draft: Draft, order: MmOrder, cause: Cause) -> None:
    """What is to come back is what was sent, or what the market has made of it since."""
    going = order.away
    for wish in amounts_of(going):
        begin_leg(draft, order, BACK, wish, 1)
    after = {"location": MmLocation.TRANSIT, "venue_due_at": deadline_of(draft, order)}
    tell(draft, order, MmKind.VENUE, cause, after=after, data=told(BACK, going))
    if going == NOTHING_AWAY:
        come_home(draft, order, cause)


# What is about one leg


def is_late(order: MmOrder, leg: VenueLeg) -> bool:
    """Its order is on that way no more: whatever the venue says, people decide, or have decided."""
    return order.direction is not leg.direction


def newest_of(order: MmOrder, leg: VenueLeg) -> VenueLeg:
    (newest,) = [each for each in newest_legs(order, leg.direction) if each.leg is leg.leg]
    return newest


def has_lapsed(leg: VenueLeg, at: int) -> bool:
    """Who called the venue has not said in time what it answered: nobody knows, with a tick or without."""
    return leg.status is CALLING and leg.claimed_until is not None and at >= leg.claimed_until


def moved(draft: Draft, order: MmOrder, leg: VenueLeg, command: StepMmVenue) -> VenueLeg:
    """The leg as the step leaves it. What was rejected is not returned by that."""
    members: dict[str, Any] = {}
    if command.step is MmStep.CALL:
        members = {"claimed_by": command.worker_id, "claimed_until": draft.at + CLAIM}
    elif command.step is MmStep.ACCEPTED:
        members = {"tx_id": command.tx_id}
    elif command.step is MmStep.CREDITED:
        members = {"credited": command.amount}
    return change(draft, order, leg, LEADS[command.step][1], **members)


def step_data(command: StepMmVenue, leg: VenueLeg) -> dict[str, Any]:
    data: dict[str, Any] = {
        "direction": leg.direction.value,
        "leg": leg.leg.value,
        "attempt": leg.attempt,
        "step": command.step.value,
        "status": leg.status.value,
        "amount": leg.amount,
    }
    if leg.tx_id is not None:
        data["tx_id"] = leg.tx_id
    return data if leg.credited is None else data | {"credited": leg.credited}


def step_leg(draft: Draft, order: MmOrder, leg: VenueLeg, command: StepMmVenue, cause: Cause) -> None:
    """What follows from a step in time happens in the same command; a late one is only written down."""
    if is_late(order, leg):
        leg = moved(draft, order, leg, command)
        tell(draft, order, MmKind.VENUE, cause, data=step_data(command, leg) | {"late": True})
        return
    match command.step:
        case MmStep.RETRY if leg.attempt < ATTEMPTS_MAX:
            change(draft, order, leg, REJECTED)
            leg = begin_leg(draft, order, leg.direction, Found(leg.leg, leg.amount), leg.attempt + 1)
            note_way(draft, order, leg, command, cause)
        case MmStep.RETRY | MmStep.REJECTED:
            reject(draft, order, leg, command, cause)
        case MmStep.CONFIRMED:
            leg = moved(draft, order, leg, command)
            confirm(draft, order, leg, command, cause)
        case MmStep.CREDITED:
            leg = moved(draft, order, leg, command)
            credit(draft, order, leg, command, cause)
        case _:
            leg = moved(draft, order, leg, command)
            note_way(draft, order, leg, command, cause)


def note_way(draft: Draft, order: MmOrder, leg: VenueLeg, command: StepMmVenue, cause: Cause) -> None:
    """The order stays where it is."""
    after = {"external_submitted": is_out(order)} if leg.direction is OUT else None
    tell(draft, order, MmKind.VENUE, cause, after=after, data=step_data(command, leg))


def reject(draft: Draft, order: MmOrder, leg: VenueLeg, command: StepMmVenue, cause: Cause) -> None:
    """The venue will not have it, which is certain. On the way there the order cannot go on without it."""
    if leg.direction is BACK:
        leg = change(draft, order, leg, REJECTED)
        give_up_return(draft, order, by_itself(cause, MmReason.VENUE_REJECTED), step_data(command, leg))
        return
    return_leg(draft, order, leg)
    leg = newest_of(order, leg)
    reason = MmReason.VENUE_PARTIAL if is_out(order) else MmReason.VENUE_REJECTED
    fail(draft, order, MmTrigger.FAIL, by_itself(cause, reason), data=step_data(command, leg))


def confirm(draft: Draft, order: MmOrder, leg: VenueLeg, command: StepMmVenue, cause: Cause) -> None:
    """It has left where it came from. When all have, they get as much time again to arrive."""
    data = step_data(command, leg)
    if any(each.status not in (CONFIRMED, CREDITED) for each in newest_legs(order, leg.direction)):
        note_way(draft, order, leg, command, cause)
    elif leg.direction is BACK:
        after = {"venue_due_at": deadline_of(draft, order)}
        tell(draft, order, MmKind.VENUE, cause, after=after, data=data)
    else:
        take(draft, order, MmTrigger.VENUE, MmState.WITHDRAWAL_CONFIRMED, cause, data=data)
        advance(draft, order, cause)


def credit(draft: Draft, order: MmOrder, leg: VenueLeg, command: StepMmVenue, cause: Cause) -> None:
    """It has arrived: all of it, or nobody knows what became of the rest."""
    data = step_data(command, leg)
    is_all = all(each.status is CREDITED for each in newest_legs(order, leg.direction))
    if leg.credited != leg.amount:
        wrong = by_itself(cause, MmReason.VENUE_PARTIAL)
        if leg.direction is BACK:
            give_up_return(draft, order, wrong, data)
        else:
            fail(draft, order, MmTrigger.FAIL, wrong, data=data)
    elif not is_all:
        note_way(draft, order, leg, command, cause)
    elif leg.direction is OUT:
        after = {"location": MmLocation.VENUE, "venue_due_at": None}
        take(draft, order, MmTrigger.VENUE, MmState.DEPOSIT_CONFIRMED, cause, after=after, data=data)
        advance(draft, order, cause)
    elif returned(order) != order.away:
        give_up_return(draft, order, by_itself(cause, MmReason.VENUE_PARTIAL), data)
    else:
        come_home(draft, order, cause, data)


def returned(order: MmOrder) -> Away:
    """What the venue has sent back."""
    came = {leg.leg.value: leg.amount for leg in newest_legs(order, BACK)}
    return Away(came.get("CASH", 0), came.get("YES", 0), came.get("NO", 0))


def come_home(draft: Draft, order: MmOrder, cause: Cause, data: dict[str, Any] | None = None) -> None:
    """All that was away is in the escrow, for the owner to withdraw; of a market that is over, it is paid."""
    bring_home(draft, order, f"mmi:{order.id}:{BACK.value}")
    tell(draft, order, MmKind.VENUE, cause, after=HOME, data=data)
    settle(draft, order, cause)


def give_up_return(draft: Draft, order: MmOrder, cause: Cause, data: dict[str, Any] | None = None) -> None:
    """What was to come back has not, or not in time: people must find out. The order stays stopped."""
    call_off(draft, order, BACK)
    open_case(draft, order, cause.reason)
    after = {"reconcile_required": True, "venue_due_at": None}
    tell(draft, order, MmKind.VENUE, cause, after=after, data=data)


# What time alone does


def lapse(draft: Draft, order: MmOrder, cause: Cause) -> None:
    """Workers that called the venue have not said what it answered."""
    for leg in order.venue_legs:
        if has_lapsed(leg, draft.at):
            leg = change(draft, order, leg, UNKNOWN)
            data = {"direction": leg.direction.value, "leg": leg.leg.value, "attempt": leg.attempt}
            tell(draft, order, MmKind.VENUE, cause, data=data | {"status": leg.status.value})


def run_out(draft: Draft, order: MmOrder, cause: Cause) -> None:
    """It has taken too long."""
    if order.state is STOPPED:
        give_up_return(draft, order, cause)
    else:
        fail(draft, order, MmTrigger.FAIL, cause)
