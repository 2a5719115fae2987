"""Cases: money of market-making orders of which no rule can tell where it is. People find out and say.

What takes money off the exchange's books, or puts some on them, two of them must say. Nothing is ever booked
by itself so that numbers agree.
"""

from typing import Any, Final

from msgspec.structs import replace

from kernel.accounts import book_difference, check_money, open_one
from kernel.answers import Answer, Refusal
from kernel.codes import WRITE_OFF_ID, Code, ReferenceType
from kernel.draft import Draft
from kernel.limits import MONEY_MAX, PROPOSAL_LIFE
from kernel.making import (
    Cause,
    advance,
    is_refund_safe,
    job_of,
    refund,
    settle,
    take,
    tell,
)
from kernel.making_answers import MmReconciled
from kernel.making_away import HOME, amounts_of, bring_home, change, clearing_of, move, put_case
from kernel.making_commands import ReconcileMmOrder
from kernel.making_edges import (
    MmActor,
    MmCaseOutcome,
    MmDirection,
    MmKind,
    MmLegStatus,
    MmLocation,
    MmReason,
    MmState,
    MmTrigger,
)
from kernel.making_events import MmCase
from kernel.making_order import OUTSIDE, MmOrder, newest_legs
from kernel.making_refusals import find_order, not_in_this_state
from kernel.making_view import order_now
from kernel.refusals import malformed, market_not_open

RECOVERED, AT_VENUE = MmCaseOutcome.RECOVERED_TO_ESCROW, MmCaseOutcome.CONFIRMED_AT_VENUE
WRITTEN_OFF = MmCaseOutcome.WRITTEN_OFF
FAILED, STOPPED = MmState.FAILED, MmState.STOPPED
ADMIN = MmActor.ADMIN
REASONS: Final = {outcome: MmReason[outcome.name] for outcome in MmCaseOutcome}


def reconcile_mm_order(draft: Draft, command: ReconcileMmOrder) -> Answer | Refusal:
    order = find_order(draft.state, command.order_id, None)
    if isinstance(order, Refusal):
        return order
    if order.owner.id == command.by_id:
        problem = "Conflict of interest: the order is your own; another administrator may do this"
        return Refusal(Code.NOT_ALLOWED, problem, {"reason": "CONFLICT_OF_INTEREST"})
    case = order.open_case
    if case is None:
        return closed_before(order, command) or not_in_this_state(order, ADMIN, draft.at, "No case is open")
    if order.market.closing is not None:
        return market_not_open(order.market)
    if (refusal := check_outcome(draft, order, command)) is not None:
        return refusal
    needs_two = takes_two(order, command)
    stands = case.proposed_at is not None and draft.at < case.proposed_at + PROPOSAL_LIFE
    is_equal = stands and (case.outcome, case.observed) == (command.outcome, command.observed)
    if needs_two and is_equal and case.proposed_by == command.by_id:
        return reconciled(order, changed=False, waits=True)
    # Nothing above has changed anything. Nothing below can refuse.
    reason = REASONS[command.outcome]
    cause = Cause(job_of(command), f"case:{case.number}", ADMIN, command.by_id, reason)
    if needs_two and not is_equal:
        propose(draft, order, case, command, cause)
        return reconciled(order, waits=True)
    close(draft, order, case, command, cause, is_equal=is_equal)
    return reconciled(order)


def check_outcome(draft: Draft, order: MmOrder, command: ReconcileMmOrder) -> Refusal | None:
    """What it says can be so, and can be booked."""
    observed = command.observed
    if (observed is None) is (command.outcome is RECOVERED):
        return malformed("observed", "must be given for RECOVERED_TO_ESCROW, and for nothing else")
    if command.outcome is AT_VENUE and order.state is not FAILED:
        return not_in_this_state(order, ADMIN, draft.at, "It was on its way back")
    if observed is None:
        return None
    away = order.away
    if not 0 <= observed.cash_cents <= MONEY_MAX:
        return malformed("observed_cash_cents", f"must be 0 to {MONEY_MAX}")
    for name, found, expected in (("yes", observed.yes, away.yes), ("no", observed.no, away.no)):
        if found != expected:
            problem = f"must be {expected}: shares are neither made nor lost elsewhere"
            return malformed(f"observed_{name}_shares", problem)
    return check_money(draft, observed.cash_cents - away.cash)


def takes_two(order: MmOrder, command: ReconcileMmOrder) -> bool:
    observed = command.observed
    differs = observed is not None and observed.cash_cents != order.away.cash
    return command.outcome is WRITTEN_OFF or differs


def closed_before(order: MmOrder, command: ReconcileMmOrder) -> MmReconciled | None:
    """Whoever closed the newest case asks for the same again."""
    if not order.cases:
        return None
    case = order.cases[-1]
    said = case.outcome, case.observed, case.closed_by
    is_same = said == (command.outcome, command.observed, command.by_id)
    return reconciled(order, changed=False, repeated=True) if is_same else None


def reconciled(
    order: MmOrder, *, changed: bool = True, waits: bool = False, repeated: bool = False
) -> MmReconciled:
    return MmReconciled(order_now(order), order.cases[-1], changed, repeated, waits)


def words_of(command: ReconcileMmOrder) -> dict[str, Any]:
    data: dict[str, Any] = {"outcome": command.outcome.value, "by": command.by, "words": command.reason}
    observed = command.observed
    if observed is None:
        return data
    return data | {"cash_cents": observed.cash_cents, "yes": observed.yes, "no": observed.no}


def propose(draft: Draft, order: MmOrder, case: MmCase, command: ReconcileMmOrder, cause: Cause) -> None:
    """It takes the place of what was proposed before."""
    proposal = replace(
        case,
        outcome=command.outcome,
        observed=command.observed,
        evidence=command.evidence,
        proposed_by=command.by_id,
        proposed_at=draft.at,
    )
    put_case(draft, order, proposal)
    tell(draft, order, MmKind.RECONCILE, cause, data=words_of(command) | {"case": case.number, "waits": True})


def close(
    draft: Draft,
    order: MmOrder,
    case: MmCase,
    command: ReconcileMmOrder,
    cause: Cause,
    *,
    is_equal: bool,
) -> None:
    name = f"mmk:{order.id}:{case.number}"
    data = words_of(command) | {"case": case.number}
    match command.outcome:
        case MmCaseOutcome.RECOVERED_TO_ESCROW:
            assert command.observed is not None
            difference = command.observed.cash_cents - order.away.cash
            book_difference(draft, clearing_of(order), difference, name)
            bring_home(draft, order, name)
        case MmCaseOutcome.WRITTEN_OFF:
            write_off(draft, order, name)
        case MmCaseOutcome.CONFIRMED_AT_VENUE:
            for leg in newest_legs(order, MmDirection.OUT):
                if leg.status in OUTSIDE and leg.status is not MmLegStatus.CREDITED:
                    change(draft, order, leg, MmLegStatus.CREDITED)
    put_case(draft, order, closed(case, command, draft.at, is_equal=is_equal))
    match command.outcome:
        case MmCaseOutcome.CONFIRMED_AT_VENUE:
            go_on_there(draft, order, cause, data)
        case MmCaseOutcome.RECOVERED_TO_ESCROW if order.state is FAILED:
            take(draft, order, MmTrigger.RECONCILE, STOPPED, cause, after=HOME, data=data)
            settle(draft, order, cause)
        case MmCaseOutcome.RECOVERED_TO_ESCROW:
            tell(draft, order, MmKind.RECONCILE, cause, after=HOME, data=data)
            settle(draft, order, cause)
        case MmCaseOutcome.WRITTEN_OFF:
            tell(draft, order, MmKind.RECONCILE, cause, after=HOME, data=data)
            give_back_the_rest(draft, order, cause)


def closed(case: MmCase, command: ReconcileMmOrder, at: int, *, is_equal: bool) -> MmCase:
    """What one administrator alone has said replaces what waited for a second."""
    return replace(
        case,
        outcome=command.outcome,
        observed=command.observed,
        evidence=command.evidence,
        proposed_by=case.proposed_by if is_equal else command.by_id,
        proposed_at=case.proposed_at if is_equal else at,
        closed_by=command.by_id,
        closed_at=at,
    )


def write_off(draft: Draft, order: MmOrder, name: str) -> None:
    """It is lost. The sum of all accounts stays what it was."""
    if WRITE_OFF_ID not in draft.state.accounts:
        open_one(draft, WRITE_OFF_ID, WRITE_OFF_ID, auto_netting=False)
    purse = draft.state.accounts[WRITE_OFF_ID]
    for found in amounts_of(order.away):
        key = f"{name}:{found.asset.value}"
        move(draft, order, clearing_of(order), purse, found, ReferenceType.MM_WRITE_OFF, key)


def go_on_there(draft: Draft, order: MmOrder, cause: Cause, data: dict[str, Any]) -> None:
    """The money is where it was to go, and so the order goes on as if nothing had been."""
    after = {
        "location": MmLocation.VENUE,
        "reconcile_required": False,
        "failure_code": None,
        "failed_from": None,
    }
    end = MmState.DEPOSIT_CONFIRMED
    take(draft, order, MmTrigger.RECONCILE, end, cause, after=after, data=data)
    advance(draft, order, cause)


def give_back_the_rest(draft: Draft, order: MmOrder, cause: Cause) -> None:
    """What never left. Where nothing is left, a failed order stays as it is and may be deleted."""
    if order.state is FAILED:
        if not order.is_empty:
            advance(draft, order, cause)
    elif is_refund_safe(order):
        refund(draft, order, MmTrigger.WITHDRAW, cause)
