"""Money on its way to a venue elsewhere, and back: the steps of its worker, before each call and after it.

The worker calls the venue, the exchange keeps what is so: a call is written down before it is made, and made
once. What nobody can tell for certain is never undone by a rule: see `making_away.py` and `making_cases.py`.
"""

from collections.abc import Callable
from typing import Final

from kernel.answers import Answer, Refusal
from kernel.codes import Code, MarketStatus
from kernel.draft import Draft
from kernel.limits import SUB_ACCOUNTS_MAX
from kernel.making_answers import MmVenueIs
from kernel.making_away import in_escrow
from kernel.making_commands import StepMmVenue, VenueRules
from kernel.making_edges import MmActor, MmDirection, MmLegStatus, MmLocation, MmState, MmStep
from kernel.making_events import VenueLeg
from kernel.making_order import DRAINABLE, MmOrder, newest_legs
from kernel.making_refusals import find_order, limit_reached, not_in_this_state
from kernel.making_state import DAY
from kernel.making_view import venue_now
from kernel.refusals import malformed, market_not_open
from kernel.venue_steps import ATTEMPTS_MAX, LEADS, has_lapsed, is_late, newest_of, take_step

OUT, BACK = MmDirection.OUT, MmDirection.BACK
INTENT, CALLING, UNKNOWN = MmLegStatus.INTENT, MmLegStatus.CALLING, MmLegStatus.UNKNOWN
CONFIRMED, CREDITED, REJECTED = MmLegStatus.CONFIRMED, MmLegStatus.CREDITED, MmLegStatus.REJECTED
STOPPED = MmState.STOPPED
OF_ORDERS: Final = (MmStep.BEGIN, MmStep.DRAINED)
"""The steps that are about all of an order; the others are about one leg."""
MAKE_CALLS: Final = (MmStep.CALL, MmStep.RETRY)
"""What leads to a call of the venue: never once the order is on its way no more."""


def step_mm_venue(draft: Draft, command: StepMmVenue) -> Answer | Refusal:
    order = find_order(draft.state, command.order_id, None)
    if isinstance(order, Refusal):
        return order
    if (refusal := check_members(command)) is not None:
        return refusal
    if not order.is_external:
        return not_now(order, draft.at, "This exchange is its venue")
    if order.market.closing is not None:
        return market_not_open(order.market)
    if (known := JUDGES.get(command.step, judge_leg)(draft, order, command)) is not None:
        return known
    # Nothing above has changed anything. Nothing below can refuse.
    take_step(draft, order, find_leg(order, command), command)
    return venue_now(order, command.direction, command.leg)


def check_members(command: StepMmVenue) -> Refusal | None:
    """What goes with a step, and what does not."""
    step = command.step
    if (command.leg is None) is not (step in OF_ORDERS):
        return malformed("leg", f"must {'not ' if step in OF_ORDERS else ''}be given for {step}")
    if not 1 <= command.attempt <= ATTEMPTS_MAX:
        return malformed("attempt", f"must be 1 to {ATTEMPTS_MAX}")
    if (command.tx_id is None) is (step is MmStep.ACCEPTED):
        return malformed("tx_id", "must be given for ACCEPTED, and for nothing else")
    if (command.amount is None) is (step is MmStep.CREDITED):
        return malformed("amount", "must be given for CREDITED, and for nothing else")
    if command.amount is not None and command.amount < 0:
        return malformed("amount", "must be 0 or more")
    if step is MmStep.DRAINED and command.direction is not BACK:
        return malformed("direction", "must be BACK for DRAINED")
    return None


def not_now(order: MmOrder, at: int, problem: str = "") -> Refusal:
    return not_in_this_state(order, MmActor.WORKER, at, problem)


Judged = MmVenueIs | Refusal | None
"""What is answered to a step that was taken before, or cannot be taken; nothing to one that can."""


# What is about all of an order


def judge_begin(draft: Draft, order: MmOrder, command: StepMmVenue) -> Judged:
    if newest_legs(order, command.direction):
        return venue_now(order, command.direction, repeated=True)
    if command.direction is OUT:
        return judge_setting_out(draft, order, command)
    is_ready = order.state is STOPPED and order.location is MmLocation.VENUE and order.is_drained
    return None if is_ready and not order.reconcile_required else not_now(order, draft.at)


def judge_setting_out(draft: Draft, order: MmOrder, command: StepMmVenue) -> Refusal | None:
    if order.state is not MmState.PAYMENT_COMPLETE:
        return not_now(order, draft.at)
    rules = command.venue_rules
    if not may_send(order, rules):
        return disabled()
    going, making = in_escrow(order), draft.state.making
    if (going.yes or going.no) and order.market.status is MarketStatus.HALTED:
        return market_not_open(order.market)
    so_far = making.sent_cents if making.sent_day == draft.at // DAY else 0
    if going.cash > rules.max_cents:
        return limit_reached("venue_cents", rules.max_cents)
    if so_far + going.cash > rules.max_cents_per_day:
        return limit_reached("venue_cents_per_day", rules.max_cents_per_day)
    if len(draft.state.sub_accounts.get(order.owner.id, ())) >= SUB_ACCOUNTS_MAX:
        return limit_reached("sub_accounts", SUB_ACCOUNTS_MAX)
    return None


def may_send(order: MmOrder, rules: VenueRules) -> bool:
    """Whether anything may leave for its venue now, whatever was allowed when it was made."""
    return rules.enabled and order.venue in rules.names


def disabled() -> Refusal:
    return Refusal(Code.FEATURE_DISABLED, "Making markets elsewhere is switched off, or not allowed there")


def judge_drained(draft: Draft, order: MmOrder, command: StepMmVenue) -> Judged:
    if order.state not in DRAINABLE:
        return not_now(order, draft.at)
    return None if order.rests_away else venue_now(order, BACK, repeated=True)


# What is about one leg


def judge_leg(draft: Draft, order: MmOrder, command: StepMmVenue) -> Judged:
    leg = find_leg(order, command)
    if leg is None:
        return not_now(order, draft.at, "There is no such leg")
    if leg.status is CALLING and leg.claimed_by != command.worker_id and not has_lapsed(leg, draft.at):
        return not_now(order, draft.at, f"Another worker has {leg.leg} until its claim ends")
    if was_taken(order, leg, command, draft.at):
        return venue_now(order, leg.direction, leg.leg, repeated=True)
    status = UNKNOWN if has_lapsed(leg, draft.at) else leg.status
    before, _ = LEADS[command.step]
    if status not in before or leg is not newest_of(order, leg):
        return not_now(order, draft.at, f"{command.step} does not follow on {status}")
    if is_late(order, leg):
        return not_now(order, draft.at) if command.step in MAKE_CALLS else None
    if order.venue_due_at is not None and draft.at >= order.venue_due_at:
        return not_now(order, draft.at, "It has taken too long")
    if command.step is MmStep.CALL and leg.direction is OUT and not may_send(order, command.venue_rules):
        return disabled()
    return None


JUDGES: Final[dict[MmStep, Callable[[Draft, MmOrder, StepMmVenue], Judged]]] = {
    MmStep.BEGIN: judge_begin,
    MmStep.DRAINED: judge_drained,
}


def find_leg(order: MmOrder, command: StepMmVenue) -> VenueLeg | None:
    wanted = command.direction, command.leg, command.attempt
    return next((leg for leg in order.venue_legs if (leg.direction, leg.leg, leg.attempt) == wanted), None)


def was_taken(order: MmOrder, leg: VenueLeg, command: StepMmVenue, at: int) -> bool:
    """Whether this step was told before, as far as it has made the leg what it is."""
    match command.step:
        case MmStep.CALL:
            return leg.status is not INTENT and leg.claimed_by == command.worker_id
        case MmStep.ACCEPTED:
            return leg.tx_id is not None
        case MmStep.RETRY:
            return leg is not newest_of(order, leg) or (
                leg.status is REJECTED and leg.attempt == ATTEMPTS_MAX
            )
        case MmStep.UNKNOWN:
            return leg.status not in (INTENT, CALLING) or has_lapsed(leg, at)
        case MmStep.CONFIRMED:
            return leg.status in (CONFIRMED, CREDITED)
        case _:
            return leg.status is LEADS[command.step][1]
