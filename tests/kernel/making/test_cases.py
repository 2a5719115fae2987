"""Money that nobody can tell the whereabouts of: nothing is given back by itself, people find out and say."""

from itertools import combinations_with_replacement, product

import pytest

from kernel.answers import Refusal
from kernel.codes import ReferenceType, Side
from kernel.events import FundsDeposited, FundsTransferred, FundsWithdrawn, reference
from kernel.making_answers import MmReconciled
from kernel.making_edges import MmControl, MmState
from tests.kernel.making.desk import BACK, ELSEWHERE, Desk, code
from tests.kernel.making.scene import some_market
from tests.kernel.making.test_venues import began, cash_of, resolve, statuses

HALF_AN_HOUR = 1800


def lost() -> Desk:
    """100,000 were sent, and nothing is found."""
    desk = began()
    desk.steps_of("CASH", "CALL", "UNKNOWN")
    desk.tick(HALF_AN_HOUR)
    return desk


def lost_on_the_way_back() -> Desk:
    desk = some_market()
    desk.abroad()
    desk.tell(MmControl.STOP)
    desk.step("DRAINED", direction=BACK)
    desk.step("BEGIN", direction=BACK)
    desk.steps_of("CASH", "CALL", "UNKNOWN", direction=BACK)
    desk.tick(HALF_AN_HOUR)
    return desk


def total(desk: Desk) -> int:
    return sum(each.available + each.frozen for each in desk.market.exchange.accounts.values())


def out_to_owner(desk: Desk) -> int:
    """What ever went from the order's accounts to its owner's."""
    return sum(
        fact.event.amount_cents
        for fact in desk.market.facts
        if isinstance(fact.event, FundsTransferred) and fact.event.to_user_id == "ann"
    )


# In which situation what happens


def test_silence_ends_in_a_case_and_gives_nothing_back() -> None:
    desk = lost()
    order = desk.order()
    assert desk.steps()[-1] == "failed VENUE_TIMEOUT"
    assert (order.external_submitted, order.reconcile_required, order.refund_due) == (True, True, False)
    assert order.away == (100_000, 0, 0)
    assert code(desk.tell(MmControl.REFUND, admin="root")) == 7109
    assert code(desk.tell(MmControl.DELETE)) == 7102
    assert out_to_owner(desk) == 0
    (case,) = order.cases
    assert (case.number, case.cash_cents, case.reason) == (1, 100_000, "VENUE_TIMEOUT")
    assert [(leg.leg, leg.status, leg.amount) for leg in case.legs] == [("CASH", "UNKNOWN", 100_000)]


WAYS = {
    "INTENT": (),
    "CALLING": ("CALL",),
    "UNKNOWN": ("CALL", "UNKNOWN"),
    "SUBMITTED": ("CALL", "ACCEPTED"),
    "CONFIRMED": ("CALL", "ACCEPTED", "CONFIRMED"),
    "CREDITED": ("CALL", "ACCEPTED", "CONFIRMED", "CREDITED"),
}
ENDS = ("timeout", "fail", "resolved", "settled", "rejected", "switched off")


PAIRS = combinations_with_replacement(WAYS, 2)


@pytest.mark.parametrize(("cash", "shares", "end"), [(*pair, end) for pair, end in product(PAIRS, ENDS)])
def test_whatever_may_have_left_is_never_refunded_by_itself(cash: str, shares: str, end: str) -> None:
    """Every pair of legs, however the order ends: if either may have left, not a cent goes to the owner."""
    desk = began(yes=10)
    for leg, status in (("CASH", cash), ("YES", shares)):
        desk.steps_of(leg, *WAYS[status])
    order = desk.order()
    is_there = (cash, shares) == ("CREDITED", "CREDITED")
    may_have_left = (cash, shares) != ("INTENT", "INTENT")
    assert order.external_submitted is may_have_left
    match end:
        case "timeout":
            desk.tick(HALF_AN_HOUR)
        case "fail":
            desk.granted(desk.tell(MmControl.FAIL, admin="root"))
        case "resolved":
            resolve(desk, settle=False)
        case "settled":
            resolve(desk)
        case "rejected":
            legs = [leg.leg for leg in desk.legs() if leg.status in ("CALLING", "UNKNOWN")]
            if not legs:
                return
            desk.granted(desk.step("REJECTED", legs[0]))
            may_have_left = len(legs) == 2 or not {cash, shares} <= {"INTENT", "CALLING", "UNKNOWN"}
        case _:
            desk.tick(venues_off=True)
    seconds = 0 if is_there else HALF_AN_HOUR
    desk.tick(seconds)
    if is_there:
        expected = {"timeout": "running", "switched off": "running", "fail": "failed"}.get(end, "stopped")
        assert (order.state, order.location) == (expected, "venue")
        assert order.reconcile_required is (end == "fail")
    elif may_have_left:
        assert order.state is MmState.FAILED
        assert order.reconcile_required
    else:
        assert order.state is MmState.REFUNDED
    if may_have_left or is_there:
        assert out_to_owner(desk) == 0
        assert "MM_REFUND" not in {getattr(fact.event, "reference_type", "") for fact in desk.market.facts}
    else:
        assert out_to_owner(desk) == (101_000 if end == "settled" else 100_000)


def test_one_leg_out_and_one_rejected_is_a_case_and_what_was_rejected_stays_in_the_escrow() -> None:
    desk = began(yes=10)
    desk.steps_of("CASH", "CALL", "ACCEPTED")
    desk.steps_of("YES", "CALL", "REJECTED")
    order = desk.order()
    assert desk.steps()[-1] == "failed VENUE_PARTIAL"
    assert (order.away, order.holding(Side.YES).volume) == ((100_000, 0, 0), 10)
    assert code(desk.take_out(all=True)) == 7102
    assert out_to_owner(desk) == 0


def test_less_that_arrives_there_than_was_sent_is_a_case() -> None:
    desk = began()
    desk.steps_of("CASH", "CALL", "ACCEPTED", "CONFIRMED")
    desk.granted(desk.step("CREDITED", "CASH", amount=99_999))
    assert desk.steps()[-1] == "failed VENUE_PARTIAL"
    assert desk.order().reconcile_required
    assert desk.order().venue_legs[0].credited == 99_999


@pytest.mark.parametrize("amount", [0, 99_999, 100_001])
def test_another_amount_that_comes_back_than_was_sent_is_a_case(amount: int) -> None:
    desk = some_market()
    desk.abroad()
    desk.tell(MmControl.STOP)
    desk.step("DRAINED", direction=BACK)
    desk.step("BEGIN", direction=BACK)
    desk.steps_of("CASH", "CALL", "ACCEPTED", "CONFIRMED", direction=BACK)
    desk.granted(desk.step("CREDITED", "CASH", direction=BACK, amount=amount))
    order = desk.order()
    assert (order.state, order.reconcile_required, order.away) == (MmState.STOPPED, True, (100_000, 0, 0))
    assert code(desk.take_out(all=True)) == 7109
    assert code(desk.take_out(cash=1)) == 7109


@pytest.mark.parametrize("how", ["rejected", "three times not sent", "in time"])
def test_a_return_that_fails_is_a_case_and_the_order_stays_stopped(how: str) -> None:
    desk = some_market()
    desk.abroad()
    desk.tell(MmControl.STOP)
    desk.step("DRAINED", direction=BACK)
    desk.step("BEGIN", direction=BACK)
    match how:
        case "rejected":
            desk.steps_of("CASH", "CALL", "REJECTED", direction=BACK)
        case "in time":
            desk.tick(HALF_AN_HOUR)
        case _:
            for attempt in (1, 2, 3):
                desk.granted(desk.step("CALL", "CASH", direction=BACK, attempt=attempt))
                desk.granted(desk.step("RETRY", "CASH", direction=BACK, attempt=attempt))
    assert (desk.state(), desk.order().reconcile_required) == (MmState.STOPPED, True)
    assert code(desk.step("CALL", "CASH", direction=BACK, worker="another")) == 7102
    assert out_to_owner(desk) == 0


# Late


def test_what_a_venue_says_too_late_is_written_down_and_moves_nothing() -> None:
    desk = lost()
    balances = {name: each.available for name, each in desk.market.exchange.accounts.items()}
    for step in ("ACCEPTED", "CONFIRMED", "CREDITED"):
        desk.granted(desk.step(step, "CASH", worker="another"))
        event = desk.trail()[-1]
        assert (event.kind, event.data is not None and event.data["late"]) == ("VENUE", True)
    assert statuses(desk) == ["CREDITED"]
    assert {name: each.available for name, each in desk.market.exchange.accounts.items()} == balances
    assert (desk.state(), desk.order().reconcile_required) == (MmState.FAILED, True)


def test_a_rejection_that_comes_too_late_gives_nothing_back_either() -> None:
    desk = lost()
    desk.granted(desk.step("REJECTED", "CASH"))
    desk.tick(HALF_AN_HOUR)
    assert (desk.state(), desk.order().away, out_to_owner(desk)) == (MmState.FAILED, (100_000, 0, 0), 0)
    assert code(desk.tell(MmControl.REFUND, admin="root")) == 7109


def test_at_the_deadline_no_step_is_taken_any_more_with_or_without_a_tick() -> None:
    desk = began()
    desk.steps_of("CASH", "CALL", "ACCEPTED")
    desk.wait(HALF_AN_HOUR)
    assert code(desk.step("CONFIRMED", "CASH")) == 7102
    desk.tick()
    assert desk.steps()[-1] == "failed VENUE_TIMEOUT"


def test_when_everything_has_left_it_gets_as_much_time_again_to_arrive() -> None:
    desk = began()
    desk.steps_of("CASH", "CALL", "ACCEPTED")
    desk.wait(HALF_AN_HOUR - 1)
    desk.steps_of("CASH", "CONFIRMED")
    desk.tick(HALF_AN_HOUR - 1)
    assert desk.state() is MmState.DEPOSIT_CONFIRMING
    desk.tick(1)
    assert desk.steps()[-1] == "failed VENUE_TIMEOUT"


def test_who_is_calling_as_time_runs_out_may_have_been_heard() -> None:
    desk = began()
    desk.wait(HALF_AN_HOUR - 10)
    desk.granted(desk.step("CALL", "CASH"))
    desk.tick(10)
    assert (desk.state(), statuses(desk)) == (MmState.FAILED, ["UNKNOWN"])
    assert code(desk.step("RETRY", "CASH")) == 7102
    desk.granted(desk.step("ACCEPTED", "CASH"))
    assert out_to_owner(desk) == 0


# What people say


def test_recovered_it_is_in_the_escrow_and_its_owner_withdraws_it() -> None:
    desk = lost()
    before = cash_of(desk, "ann")
    desk.granted(desk.reconcile("RECOVERED_TO_ESCROW", 100_000))
    order = desk.order()
    assert (order.state, order.location, order.external_submitted) == (MmState.STOPPED, "escrow", False)
    assert order.cases[0].closed_by == "root"
    desk.granted(desk.take_out(all=True))
    assert cash_of(desk, "ann") == before + 100_000


@pytest.mark.parametrize("found", [101_000, 60_000, 0])
def test_what_comes_back_more_or_less_two_administrators_must_say(found: int) -> None:
    desk = lost()
    before, order = total(desk), desk.order()
    first = desk.reconcile("RECOVERED_TO_ESCROW", found)
    assert isinstance(first, MmReconciled)
    assert (first.waits, order.state, total(desk)) == (True, MmState.FAILED, before)
    again = desk.reconcile("RECOVERED_TO_ESCROW", found)
    assert isinstance(again, MmReconciled)
    assert (again.waits, again.changed) == (True, False)
    second = desk.reconcile("RECOVERED_TO_ESCROW", found, admin="toor")
    assert isinstance(second, MmReconciled)
    assert not second.waits
    assert total(desk) == before + found - 100_000
    moved = [fact for fact in desk.market.facts if isinstance(fact.event, FundsDeposited | FundsWithdrawn)]
    (booked,) = [fact for fact in moved if getattr(fact.event, "cause", "") == "VENUE"]
    assert isinstance(booked.event, FundsDeposited if found > 100_000 else FundsWithdrawn)
    assert reference(booked) == ("MM_VENUE_IN", f"mmk:{order.id}:1")
    desk.granted(desk.take_out(all=True))
    assert out_to_owner(desk) == found


def test_confirmed_there_the_order_goes_on_as_if_nothing_had_been() -> None:
    desk = lost()
    desk.granted(desk.reconcile("CONFIRMED_AT_VENUE"))
    order = desk.order()
    assert desk.steps()[-3:] == ["deposit_confirmed CONFIRMED_AT_VENUE", "created AUTO", "running AUTO"]
    assert (order.location, order.external_submitted, order.failure_code) == ("venue", True, None)
    assert statuses(desk) == ["CREDITED"]
    desk.tell(MmControl.STOP)
    desk.step("DRAINED", direction=BACK)
    desk.travel(direction=BACK)
    desk.granted(desk.take_out(all=True))
    assert out_to_owner(desk) == 100_000


def test_a_loss_two_administrators_must_say_and_no_cent_is_made_or_lost() -> None:
    desk = lost()
    before, order = total(desk), desk.order()
    answer = desk.reconcile("WRITTEN_OFF", admin="a")
    assert isinstance(answer, MmReconciled)
    assert answer.waits
    assert cash_of(desk, "MM_WRITE_OFF") == 0
    desk.granted(desk.reconcile("WRITTEN_OFF", admin="b"))
    assert cash_of(desk, "MM_WRITE_OFF") == 100_000
    assert (order.state, order.away, total(desk)) == (MmState.FAILED, (0, 0, 0), before)
    assert not order.external_submitted
    case = order.cases[0]
    assert (case.proposed_by, case.closed_by) == ("a", "b")
    desk.granted(desk.tell(MmControl.DELETE))
    assert order.state is MmState.DELETED


def test_what_never_left_goes_back_when_the_rest_is_written_off() -> None:
    desk = began(yes=10)
    desk.steps_of("CASH", "CALL", "ACCEPTED")
    desk.steps_of("YES", "CALL", "REJECTED")
    for admin in "ab":
        desk.granted(desk.reconcile("WRITTEN_OFF", admin=admin))
    assert desk.steps()[-2:] == ["RECONCILE WRITTEN_OFF", "refunded REFUND"]
    assert cash_of(desk, "MM_WRITE_OFF") == 100_000
    assert out_to_owner(desk) == 0


def test_shares_are_written_off_with_what_they_cost_and_paid_when_the_market_is_over() -> None:
    desk = began(yes=10)
    desk.steps_of("YES", "CALL", "ACCEPTED")
    desk.steps_of("CASH", "CALL", "REJECTED")
    for admin in "ab":
        desk.granted(desk.reconcile("WRITTEN_OFF", admin=admin))
    desk.market.play("root resolves YES")
    assert cash_of(desk, "MM_WRITE_OFF") == 10 * 100


@pytest.mark.parametrize("outcome", ["RECOVERED_TO_ESCROW", "WRITTEN_OFF", "CONFIRMED_AT_VENUE"])
def test_of_a_return_that_failed_people_say_the_same_but_that_it_is_still_there(outcome: str) -> None:
    desk = lost_on_the_way_back()
    order = desk.order()
    match outcome:
        case "CONFIRMED_AT_VENUE":
            assert code(desk.reconcile(outcome)) == 7102
            return
        case "WRITTEN_OFF":
            for admin in "ab":
                desk.granted(desk.reconcile(outcome, admin=admin))
            assert order.state is MmState.REFUNDED
            assert cash_of(desk, "MM_WRITE_OFF") == 100_000
        case _:
            desk.granted(desk.reconcile(outcome, 100_000))
            assert (order.state, order.location) == (MmState.STOPPED, "escrow")
            desk.granted(desk.take_out(all=True))
    assert order.state is MmState.REFUNDED


def test_another_word_takes_the_place_of_what_was_proposed() -> None:
    desk = lost()
    desk.reconcile("RECOVERED_TO_ESCROW", 90_000, admin="a")
    answer = desk.reconcile("RECOVERED_TO_ESCROW", 80_000, admin="b")
    assert isinstance(answer, MmReconciled)
    assert answer.waits
    desk.granted(desk.reconcile("RECOVERED_TO_ESCROW", 80_000, admin="a"))
    assert desk.order().escrow.available == 80_000


def test_a_proposal_stands_for_a_day() -> None:
    desk = lost()
    desk.reconcile("WRITTEN_OFF", admin="a")
    desk.wait(24 * 3600)
    answer = desk.reconcile("WRITTEN_OFF", admin="b")
    assert isinstance(answer, MmReconciled)
    assert answer.waits, "it is the first again"
    desk.wait(24 * 3600 - 0.000001)
    desk.granted(desk.reconcile("WRITTEN_OFF", admin="a"))
    assert desk.order().away == (0, 0, 0)


def test_one_administrator_may_say_what_takes_no_second_whatever_was_proposed() -> None:
    desk = lost()
    desk.reconcile("WRITTEN_OFF", admin="a")
    desk.granted(desk.reconcile("RECOVERED_TO_ESCROW", 100_000, admin="b"))
    case = desk.order().cases[0]
    assert (case.outcome, case.proposed_by, case.closed_by) == ("RECOVERED_TO_ESCROW", "b", "b")


def test_the_same_word_again_is_answered_and_another_finds_no_case() -> None:
    desk = lost()
    desk.reconcile("RECOVERED_TO_ESCROW", 100_000)
    head = desk.market.exchange.head
    again = desk.reconcile("RECOVERED_TO_ESCROW", 100_000)
    assert isinstance(again, MmReconciled)
    assert (again.repeated, again.changed) == (True, False)
    assert code(desk.reconcile("WRITTEN_OFF")) == 7102
    assert desk.market.exchange.head == head


def test_what_cannot_be_so_is_refused() -> None:
    desk = lost()
    assert code(desk.reconcile("RECOVERED_TO_ESCROW")) == 9004
    assert code(desk.reconcile("WRITTEN_OFF", 5)) == 9004
    assert code(desk.reconcile("RECOVERED_TO_ESCROW", -1)) == 9004
    refused = desk.reconcile("RECOVERED_TO_ESCROW", 100_000, yes=1)
    assert isinstance(refused, Refusal)
    assert (refused.code.value, "observed_yes_shares" in refused.message) == (9004, True)
    assert code(desk.reconcile("RECOVERED_TO_ESCROW", 100_000, name="nobody's")) == 7101


def test_nobody_judges_in_his_own_case() -> None:
    desk = lost()
    assert code(desk.reconcile("RECOVERED_TO_ESCROW", 100_000, admin="ann")) == 1007


def test_a_stop_that_was_remembered_is_done_when_the_money_is_found_there() -> None:
    desk = began()
    desk.steps_of("CASH", "CALL", "UNKNOWN")
    desk.granted(desk.tell(MmControl.STOP))
    desk.tick(HALF_AN_HOUR)
    desk.granted(desk.reconcile("CONFIRMED_AT_VENUE"))
    assert desk.state() is MmState.STOPPED


def test_while_a_case_is_open_the_market_may_end_and_the_payout_is_part_of_it() -> None:
    desk = began(yes=10)
    desk.steps_of("YES", "CALL", "UNKNOWN")
    desk.steps_of("CASH", "CALL", "UNKNOWN")
    desk.tick(HALF_AN_HOUR)
    desk.market.play("root resolves YES")
    assert desk.order().away == (101_000, 0, 0)
    desk.granted(desk.reconcile("RECOVERED_TO_ESCROW", 101_000))
    assert desk.steps()[-2:] == ["stopped RECOVERED_TO_ESCROW", "refunded MARKET_SETTLED"]
    assert out_to_owner(desk) == 101_000


def test_every_movement_says_what_it_was_for() -> None:
    desk = lost()
    desk.reconcile("WRITTEN_OFF", admin="a")
    desk.reconcile("WRITTEN_OFF", admin="b")
    events = [fact.event for fact in desk.market.facts]
    moves = [event for event in events if isinstance(event, FundsTransferred)]
    assert [
        (move.reference_type, move.from_user_id[:4], move.to_user_id[:4], move.amount_cents) for move in moves
    ] == [
        (ReferenceType.MM_PAYMENT, "ann", "mm:0", 100_000),
        (ReferenceType.MM_VENUE_OUT, "mm:0", "mmv:", 100_000),
        (ReferenceType.MM_WRITE_OFF, "mmv:", "MM_W", 100_000),
    ]
    assert desk.order().is_empty


def test_what_people_found_at_the_venue_is_not_paid_back_because_its_rejection_was_told_late() -> None:
    """The order runs there, with money there: when it fails it is for people again to say where that is."""
    desk = some_market()
    desk.open(venue=ELSEWHERE)
    before = desk.market.exchange.accounts["ann"].available
    desk.granted(desk.step("BEGIN"))
    desk.steps_of("CASH", "CALL", "UNKNOWN")
    desk.tick(1_800)
    assert desk.order().reconcile_required
    desk.granted(desk.step("REJECTED", "CASH"))
    desk.granted(desk.reconcile("CONFIRMED_AT_VENUE"))
    assert desk.state() is MmState.RUNNING
    desk.granted(desk.tell(MmControl.FAIL, admin="root"))
    order = desk.order()
    assert (order.state, order.reconcile_required, order.away.cash) == (MmState.FAILED, True, 100_000)
    assert desk.market.exchange.accounts["ann"].available == before
