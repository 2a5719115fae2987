"""Money that goes to a venue elsewhere, and comes back: every step there is, and what it may not do."""

from typing import Any

import pytest

from kernel.answers import Refusal
from kernel.codes import Direction, ReferenceType, Side
from kernel.commands import (
    Deposit,
    OrderTerms,
    PlaceOrder,
    RaiseFence,
    ResolveMarket,
    SetGuard,
    SettleMarket,
    TransferFunds,
)
from kernel.events import FundsTransferred, SharesTransferred
from kernel.making_answers import MmVenueIs
from kernel.making_commands import VenueRules
from kernel.making_edges import MmControl, MmLegStatus, MmState
from kernel.making_order import venue_task
from kernel.venue_steps import LEADS
from tests.kernel.making.desk import BACK, ELSEWHERE, FORBIDDEN, OUT, Desk, code
from tests.kernel.making.scene import some_market
from tests.kernel.trading import NOON

HOUR = 3_600_000_000

STATES = [
    *("payment_pending", "payment_complete", "withdrawing", "withdrawal_confirmed"),
    *("deposit_confirming", "deposit_confirmed", "created", "running"),
]


def scene(**more: Any) -> Desk:
    """One is paid for a venue elsewhere and waits for a worker."""
    desk = some_market()
    desk.market.play("ann buys 30 YES at 50", "ben buys 30 NO at 50")
    desk.open(venue=ELSEWHERE, **more)
    return desk


def began(**more: Any) -> Desk:
    desk = scene(**more)
    desk.granted(desk.step("BEGIN"))
    return desk


def cash_of(desk: Desk, account: str) -> int:
    accounts = desk.market.exchange.accounts
    return accounts[account].available if account in accounts else 0


def resolve(desk: Desk, *, settle: bool = True) -> None:
    desk.market.do(ResolveMarket(at=desk.at, market_id="M", result="YES", settle=settle, by="root"))


def statuses(desk: Desk, direction: Any = OUT) -> list[str]:
    return [leg.status.value for leg in desk.legs(direction=direction)]


def test_all_of_it_goes_there_and_the_order_runs() -> None:
    desk = scene(yes=10)
    order = desk.travel()
    assert [event.to_state.value for event in desk.trail() if event.kind == "TRANSITION"] == [
        *("payment_pending", "payment_incomplete"),
        *STATES[1:],
    ]
    assert order.away == (100_000, 10, 0)
    assert (order.location, order.external_submitted) == ("venue", True)
    assert order.escrow.available == 0
    assert cash_of(desk, f"mmv:{order.id}") == 100_000
    assert order.equity == 100_000 + 10 * 101 // 2


def test_the_worker_is_told_by_which_key_the_venue_knows_each_leg() -> None:
    desk = began(yes=10)
    order_id = desk.ids["one"]
    assert [leg.request_key for leg in desk.legs()] == [f"mmw:{order_id}:CASH:1", f"mmw:{order_id}:YES:1"]
    events = [fact.event for fact in desk.market.facts]
    moves = [
        event.idempotency_key for event in events if isinstance(event, FundsTransferred | SharesTransferred)
    ]
    assert moves[-2:] == [f"mmw:{order_id}:CASH:1", f"mmw:{order_id}:YES:1"]


def test_stopped_and_drained_it_comes_back_to_the_cent_and_its_owner_withdraws_it() -> None:
    desk = some_market()
    before = cash_of(desk, "ann")
    order = desk.abroad()
    desk.granted(desk.tell(MmControl.STOP))
    assert not order.is_drained
    assert code(desk.step("BEGIN", direction=BACK)) == 7102
    desk.granted(desk.step("DRAINED", direction=BACK))
    desk.travel(direction=BACK)
    assert (order.location, order.away, order.external_submitted) == ("escrow", (0, 0, 0), False)
    desk.granted(desk.take_out(all=True))
    assert order.state is MmState.REFUNDED
    assert cash_of(desk, "ann") == before


# Switched off


def test_switched_off_nothing_begins_and_nothing_is_called() -> None:
    desk = some_market()
    assert code(desk.ask_for(venue=ELSEWHERE, venue_rules=FORBIDDEN)) == 7110
    desk.open(venue=ELSEWHERE)
    assert code(desk.step("BEGIN", venue_rules=FORBIDDEN)) == 7110
    desk.granted(desk.step("BEGIN"))
    assert code(desk.step("CALL", "CASH", venue_rules=FORBIDDEN)) == 7110


@pytest.mark.parametrize("steps", [(), ("BEGIN",), ("BEGIN", "CALL", "RETRY")])
def test_switched_off_meanwhile_what_has_not_left_is_refunded(steps: tuple[str, ...]) -> None:
    desk = some_market()
    before = cash_of(desk, "ann")
    desk.open(venue=ELSEWHERE)
    for step in steps:
        desk.granted(desk.step(step, None if step == "BEGIN" else "CASH"))
    assert desk.tick() == [], "a tick that says nothing of it changes nothing"
    desk.tick(venues_off=True)
    assert desk.steps()[-2:] == ["failed FEATURE_DISABLED", "refunded REFUND"]
    assert cash_of(desk, "ann") == before


def test_switched_off_meanwhile_what_may_have_left_goes_its_way() -> None:
    desk = began()
    desk.steps_of("CASH", "CALL")
    desk.tick(venues_off=True)
    assert desk.state() is MmState.WITHDRAWING
    for step in ("ACCEPTED", "CONFIRMED", "CREDITED"):
        desk.granted(desk.step(step, "CASH", venue_rules=FORBIDDEN))
    assert desk.state() is MmState.RUNNING
    desk.tell(MmControl.STOP)
    desk.granted(desk.step("DRAINED", direction=BACK, venue_rules=FORBIDDEN))
    for step in ("BEGIN", "CALL"):
        leg = None if step == "BEGIN" else "CASH"
        desk.granted(desk.step(step, leg, direction=BACK, venue_rules=FORBIDDEN))


NO_LONGER = VenueRules(enabled=True, names=("another",))


def test_to_a_venue_that_was_taken_off_the_list_nothing_leaves_any_more() -> None:
    """Neither begun nor called; what is there already comes home."""
    desk = some_market()
    desk.open(venue=ELSEWHERE)
    assert code(desk.step("BEGIN", venue_rules=NO_LONGER)) == 7110
    desk.granted(desk.step("BEGIN"))
    assert code(desk.step("CALL", "CASH", venue_rules=NO_LONGER)) == 7110
    desk.granted(desk.step("CALL", "CASH"))
    for step in ("ACCEPTED", "CONFIRMED", "CREDITED"):
        desk.granted(desk.step(step, "CASH", venue_rules=NO_LONGER))
    desk.tell(MmControl.STOP)
    desk.granted(desk.step("DRAINED", direction=BACK, venue_rules=NO_LONGER))
    for step in ("BEGIN", "CALL"):
        leg = None if step == "BEGIN" else "CASH"
        desk.granted(desk.step(step, leg, direction=BACK, venue_rules=NO_LONGER))


# Limits


def test_no_more_leaves_than_may_now_whatever_was_allowed_when_it_was_made() -> None:
    desk = some_market()
    desk.open(cash=50_000, venue=ELSEWHERE)
    refused = desk.step("BEGIN", venue_rules=VenueRules(enabled=True, names=(ELSEWHERE,), max_cents=49_999))
    assert isinstance(refused, Refusal)
    assert (refused.code.value, refused.data) == (7104, {"limit": "venue_cents", "value": 49_999})
    desk.granted(
        desk.step("BEGIN", venue_rules=VenueRules(enabled=True, names=(ELSEWHERE,), max_cents=50_000))
    )


@pytest.mark.parametrize(
    ("venue", "cash", "expected"),
    [
        (ELSEWHERE, 50_000, None),
        (ELSEWHERE, 50_001, "required_cash_cents"),
        ("nowhere", 50_000, "venue"),
    ],
)
def test_a_venue_and_how_much_goes_there_are_bounded(venue: str, cash: int, expected: str | None) -> None:
    desk = some_market()
    rules = VenueRules(enabled=True, names=(ELSEWHERE,), max_cents=50_000)
    answer = desk.ask_for(venue=venue, cash=cash, venue_rules=rules)
    if expected is None:
        assert not isinstance(answer, Refusal)
        return
    assert isinstance(answer, Refusal)
    assert answer.code.value == 7112
    assert answer.data is not None
    assert [each["field"] for each in answer.data["errors"]] == [expected]


def test_what_leaves_on_one_day_is_bounded_and_the_next_day_is_another() -> None:
    desk = some_market()
    for name in ("one", "two", "three"):
        desk.open(name, cash=50_000, venue=ELSEWHERE)
    rules = VenueRules(enabled=True, names=(ELSEWHERE,), max_cents_per_day=100_000)
    desk.granted(desk.step("BEGIN", venue_rules=rules))
    desk.granted(desk.step("CALL", "CASH"))
    desk.granted(desk.step("RETRY", "CASH"))
    desk.granted(desk.step("BEGIN", name="two", venue_rules=rules))
    refused = desk.step("BEGIN", name="three", venue_rules=rules)
    assert isinstance(refused, Refusal)
    assert (refused.code.value, refused.data) == (7104, {"limit": "venue_cents_per_day", "value": 100_000})
    desk.market.now = NOON + 12 * HOUR - 1
    assert code(desk.step("BEGIN", name="three", venue_rules=rules)) == 7104
    desk.market.now += 1
    desk.granted(desk.step("BEGIN", name="three", venue_rules=rules))
    assert desk.market.exchange.making.sent_cents == 50_000


# Claims


def test_a_leg_is_one_workers_for_a_minute_and_then_nobody_calls_for_it_again() -> None:
    desk = began()
    desk.granted(desk.step("CALL", "CASH", worker="a"))
    for step in ("CALL", "ACCEPTED", "RETRY", "REJECTED", "UNKNOWN"):
        assert code(desk.step(step, "CASH", worker="b")) == 7102
    desk.wait(59.999999)
    assert code(desk.step("REJECTED", "CASH", worker="b")) == 7102
    desk.wait(0.000001)
    for worker in ("a", "b"):
        assert code(desk.step("RETRY", "CASH", worker=worker)) == 7102, (
            "nobody knows, so it is not tried again"
        )
    assert code(desk.step("CALL", "CASH", worker="b")) == 7102
    desk.tick()
    assert statuses(desk) == ["UNKNOWN"]
    assert code(desk.step("CALL", "CASH", worker="b")) == 7102
    answer = desk.step("CALL", "CASH", worker="a")
    assert isinstance(answer, MmVenueIs)
    assert answer.repeated
    assert answer.leg is not None
    assert answer.leg.status is MmLegStatus.UNKNOWN
    desk.granted(desk.step("ACCEPTED", "CASH", worker="b"))


def test_what_was_surely_not_sent_is_tried_again_twice_by_another_key_each_time() -> None:
    desk = began()
    keys = []
    for attempt in (1, 2, 3):
        keys.append(desk.legs()[0].request_key)
        desk.granted(desk.step("CALL", "CASH", attempt=attempt))
        assert desk.order().external_submitted
        desk.granted(desk.step("RETRY", "CASH", attempt=attempt))
        assert not desk.order().external_submitted
    assert keys == [f"mmw:{desk.ids['one']}:CASH:{attempt}" for attempt in (1, 2, 3)]
    assert desk.steps()[-2:] == ["failed VENUE_REJECTED", "refunded REFUND"]
    assert len(desk.order().venue_legs) == 3


@pytest.mark.parametrize("direction", [OUT, BACK])
def test_a_step_that_was_taken_is_answered_and_changes_nothing(direction: Any) -> None:
    desk = scene() if direction is OUT else some_market()
    if direction is BACK:
        desk.abroad()
        desk.tell(MmControl.STOP)
        desk.step("DRAINED", direction=BACK)
    taken: list[str] = []
    for step in ("BEGIN", "CALL", "UNKNOWN", "ACCEPTED", "CONFIRMED", "CREDITED"):
        desk.granted(desk.step(step, None if step == "BEGIN" else "CASH", direction=direction))
        taken.append(step)
        head = desk.market.exchange.head
        for again in taken:
            answer = desk.step(again, None if again == "BEGIN" else "CASH", direction=direction)
            assert isinstance(answer, MmVenueIs)
            assert answer.repeated
        assert desk.market.exchange.head == head


@pytest.mark.parametrize("status", ["INTENT", "CALLING", "UNKNOWN", "SUBMITTED", "CONFIRMED"])
@pytest.mark.parametrize("step", [step.value for step in LEADS])
def test_a_step_leads_from_where_it_may_and_from_nowhere_else(status: str, step: str) -> None:
    leads = {
        "INTENT": ["CALL"],
        "CALLING": ["CALL", "ACCEPTED", "RETRY", "REJECTED", "UNKNOWN"],
        "UNKNOWN": ["CALL", "UNKNOWN", "ACCEPTED", "REJECTED"],
        "SUBMITTED": ["CALL", "UNKNOWN", "ACCEPTED", "CONFIRMED"],
        "CONFIRMED": ["CALL", "UNKNOWN", "ACCEPTED", "CONFIRMED", "CREDITED"],
    }
    ways = {
        "INTENT": (),
        "CALLING": ("CALL",),
        "UNKNOWN": ("CALL", "UNKNOWN"),
        "SUBMITTED": ("CALL", "ACCEPTED"),
        "CONFIRMED": ("CALL", "ACCEPTED", "CONFIRMED"),
    }
    desk = began(yes=5)
    desk.steps_of("CASH", *ways[status])
    assert statuses(desk)[0] == status
    answer = desk.step(step, "CASH")
    assert isinstance(answer, Refusal) is (step not in leads[status])


@pytest.mark.parametrize(
    "members",
    [
        {"step": "CALL"},
        {"step": "BEGIN", "leg": "CASH"},
        {"step": "DRAINED"},
        {"step": "CALL", "leg": "CASH", "attempt": 0},
        {"step": "CALL", "leg": "CASH", "attempt": 4},
        {"step": "CALL", "leg": "CASH", "amount": 5},
        {"step": "CREDITED", "leg": "CASH", "amount": -1},
    ],
)
def test_what_does_not_go_with_a_step_is_refused(members: dict[str, Any]) -> None:
    assert code(began().step(**members)) == 9004


def test_there_is_no_step_for_an_order_of_this_exchange_nor_for_one_there_is_not() -> None:
    desk = some_market()
    desk.open()
    assert code(desk.step("BEGIN")) == 7102
    assert code(desk.step("BEGIN", name="nobody's")) == 7101
    desk.open("two", venue=ELSEWHERE)
    assert code(desk.step("CALL", "CASH", name="two")) == 7102
    desk.granted(desk.step("BEGIN", name="two"))
    assert code(desk.step("CALL", "YES", name="two")) == 7102


# Halted, and over


def test_shares_do_not_leave_a_halted_market() -> None:
    desk = scene(yes=10)
    desk.market.play("root halts")
    assert code(desk.step("BEGIN")) == 3002
    desk.market.play("root resumes: fine")
    desk.granted(desk.step("BEGIN"))


def test_what_never_left_a_halted_market_waits_for_its_refund() -> None:
    desk = began(yes=10)
    desk.market.play("root halts")
    desk.granted(desk.step("CALL", "CASH"))
    desk.granted(desk.step("REJECTED", "CASH"))
    order = desk.order()
    assert (order.state, order.refund_due, order.away) == (MmState.FAILED, True, (0, 0, 0))
    desk.market.play("root resumes: fine")
    assert order.state is MmState.REFUNDED


@pytest.mark.parametrize("is_settled", [True, False])
def test_of_a_market_that_is_over_what_is_elsewhere_comes_back_first(is_settled: bool) -> None:
    desk = some_market()
    desk.market.play("ann buys 30 YES at 50", "ben buys 30 NO at 50")
    before = cash_of(desk, "ann")
    order = desk.abroad(yes=10)
    resolve(desk, settle=is_settled)
    assert (order.state, order.location) == (MmState.STOPPED, "venue")
    desk.granted(desk.step("DRAINED", direction=BACK))
    desk.travel(direction=BACK)
    if not is_settled:
        assert desk.state() is MmState.STOPPED
        desk.market.do(SettleMarket(at=desk.at, market_id="M", by="root"))
    assert desk.state() is MmState.REFUNDED
    assert cash_of(desk, "ann") == before + 20 * 100 + 10 * 100


@pytest.mark.parametrize("result", ["YES", "NO"])
def test_while_a_market_is_closed_in_portions_every_invariant_holds_of_what_is_on_its_way(
    result: str,
) -> None:
    """Its shares are paid with one portion, and it follows the market with the last."""
    desk = began(yes=10)
    desk.market.exchange.portion = 1
    desk.steps_of("YES", "CALL", "ACCEPTED")
    desk.market.play(f"root resolves {result}")  # each portion is held to the audit
    assert (desk.state(), desk.order().away.yes) == (MmState.FAILED, 0)
    assert desk.order().reconcile_required


def test_shares_that_come_back_after_they_were_paid_for_are_for_people_to_judge() -> None:
    """Each leg arrives as it was sent; but of the shares the clearing account has had the cash meanwhile."""
    desk = some_market()
    desk.market.play("ann buys 30 YES at 50", "ben buys 30 NO at 50")
    order = desk.abroad(yes=10)
    desk.tell(MmControl.STOP)
    desk.granted(desk.step("DRAINED", direction=BACK))
    desk.granted(desk.step("BEGIN", direction=BACK))
    resolve(desk)
    for leg in ("CASH", "YES"):
        desk.steps_of(leg, "CALL", "ACCEPTED", "CONFIRMED", direction=BACK)
    for leg in ("CASH", "YES"):
        assert not order.reconcile_required
        desk.steps_of(leg, "CREDITED", direction=BACK)
    assert (order.state, order.reconcile_required) == (MmState.STOPPED, True)
    assert (order.away.cash, order.away.yes) == (100_000 + 10 * 100, 0)


def test_losing_shares_leave_nothing_to_bring_back_and_that_is_a_return() -> None:
    """The cash was rejected and the shares confirmed there by hand; then they lost."""
    desk = began(yes=10)
    desk.steps_of("YES", "CALL", "ACCEPTED")
    desk.steps_of("CASH", "CALL", "REJECTED")
    desk.granted(desk.reconcile("CONFIRMED_AT_VENUE"))
    desk.market.play("root resolves NO")
    desk.granted(desk.step("DRAINED", direction=BACK))
    desk.granted(desk.step("BEGIN", direction=BACK))
    assert desk.state() is MmState.REFUNDED


# Running there


def test_only_a_worker_that_can_quote_there_gets_a_lease() -> None:
    desk = some_market()
    order = desk.abroad()
    assert desk.acquire(venues=()).leases == ()
    (lease,) = desk.acquire().leases
    assert (lease.venue, lease.away.cash_cents, lease.cash_cents) == (ELSEWHERE, 100_000, 0)
    assert code(desk.market.do(desk.wish(lease, 0)).answer) == 2001, "what is elsewhere buys nothing here"
    assert order.is_drained is False


@pytest.mark.parametrize(("equity", "state"), [(80_001, "running"), (80_000, "stopped"), (-5, "stopped")])
def test_what_its_worker_says_it_has_is_held_against_the_most_it_may_lose(equity: int, state: str) -> None:
    desk = some_market()
    desk.abroad(max_loss_cents=20_000)
    desk.release(desk.lease(), equity=equity)
    assert desk.state() == state


def test_a_pause_there_ends_when_nothing_rests_any_more() -> None:
    desk = some_market()
    order = desk.abroad()
    assert code(desk.step("DRAINED", direction=BACK)) == 7102
    desk.granted(desk.tell(MmControl.PAUSE))
    assert code(desk.tell(MmControl.RESUME)) == 7102
    desk.granted(desk.step("DRAINED", direction=BACK))
    desk.granted(desk.tell(MmControl.RESUME))
    assert order.state is MmState.RUNNING
    assert not order.is_drained


@pytest.mark.parametrize("more", [{"all": True}, {"cash": 1}, {"all": True, "pause_first": True}])
def test_what_is_elsewhere_cannot_be_withdrawn(more: dict[str, Any]) -> None:
    desk = some_market()
    order = desk.abroad()
    if "pause_first" not in more:
        desk.tell(MmControl.PAUSE)
    assert code(desk.take_out(**more)) == 7108
    desk.tell(MmControl.STOP)
    assert code(desk.take_out(all=True)) == 7108
    assert order.location == "venue"


def test_a_stop_on_the_way_is_remembered_and_done_on_arrival() -> None:
    desk = began()
    desk.granted(desk.tell(MmControl.STOP))
    assert desk.steps()[-1] == "COMMAND USER_REQUEST"
    head = desk.market.exchange.head
    desk.granted(desk.tell(MmControl.STOP))
    assert desk.market.exchange.head == head
    assert desk.order().pending_command is MmControl.STOP
    desk.steps_of("CASH", "CALL", "ACCEPTED", "CONFIRMED", "CREDITED")
    assert desk.steps()[-3:] == ["deposit_confirmed AUTO", "created AUTO", "stopped AUTO"]
    assert desk.order().pending_command is None
    desk.travel(direction=BACK)
    assert desk.order().location == "escrow"


# Nobody else moves what is there


def test_nobody_but_its_order_moves_what_is_in_the_clearing_account() -> None:
    desk = began()
    account, at = f"mmv:{desk.ids['one']}", desk.at
    for command, expected in (
        (Deposit(at=at, user_id=account, amount=5), 2002),
        (
            TransferFunds(
                at=at,
                from_id=account,
                to_id="ann",
                amount=5,
                reference_type=ReferenceType.MM_REFUND,
                idempotency_key="k",
            ),
            1007,
        ),
        (RaiseFence(at=at, user_id=account, fence=5), 1007),
        (SetGuard(at=at, user_id=account, grace_ms=5), 1007),
        (
            PlaceOrder(
                at=at,
                user_id=account,
                client_order_id=f"mm_{desk.ids['one'].replace('-', '')}_0_0",
                market_id="M",
                terms=OrderTerms(Side.YES, Direction.BUY, 40, 1),
                nonce=1,
                fence=0,
            ),
            7105,
        ),
    ):
        assert code(desk.market.do(command).answer) == expected


# What waits for a worker


def test_a_worker_finds_what_it_has_to_do() -> None:
    desk = scene()
    making, order = desk.market.exchange.making, desk.order()

    def task() -> str | None:
        found = venue_task(order)
        assert (order.id in making.awaited) is (found is not None)
        return found.value if found is not None else None

    tasks = [task()]
    desk.granted(desk.step("BEGIN"))
    tasks.append(task())
    desk.steps_of("CASH", "CALL", "ACCEPTED", "CONFIRMED", "CREDITED")
    tasks.append(task())
    desk.tell(MmControl.STOP)
    tasks.append(task())
    desk.step("DRAINED", direction=BACK)
    tasks.append(task())
    desk.step("BEGIN", direction=BACK)
    desk.steps_of("CASH", "CALL", "UNKNOWN", direction=BACK)
    tasks.append(task())
    desk.tick(1800)
    tasks.append(task())
    desk.reconcile("RECOVERED_TO_ESCROW", 100_000)
    tasks.append(task())
    assert tasks == ["OUT", "OUT", None, "DRAIN", "BACK", "BACK", "WATCH", None]
