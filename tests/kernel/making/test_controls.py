"""Controls: one command each for state, lease, quotes and trail; by owners and administrators."""

import pytest

from kernel.answers import Placed
from kernel.codes import CancelReason, Side
from kernel.making_answers import MmOrderIs
from kernel.making_edges import MmActor, MmControl, MmOutcome, MmState
from kernel.making_events import MmLeaseReleased
from kernel.making_view import allowed_commands
from tests.kernel.making.desk import Desk, code
from tests.kernel.making.scene import some_market

START, PAUSE, RESUME, STOP = MmControl.START, MmControl.PAUSE, MmControl.RESUME, MmControl.STOP
RUNNING, PAUSED, STOPPED = MmState.RUNNING, MmState.PAUSED, MmState.STOPPED


def quoting() -> Desk:
    """It has a lease and two quotes, which hold 481 and 471 cents."""
    desk = some_market()
    desk.open()
    lease = desk.lease()
    desk.quote(lease, 0, Side.YES, 48)
    desk.quote(lease, 1, Side.NO, 47)
    assert desk.order().escrow.frozen == 481 + 471
    return desk


@pytest.mark.parametrize("control", [PAUSE, STOP])
def test_whoever_holds_the_lease_has_it_no_longer_and_the_quotes_are_gone(control: MmControl) -> None:
    desk = quoting()
    lease = desk.order().lease_token
    assert lease is not None
    fence = desk.order().fence
    answer = desk.tell(control)
    assert isinstance(answer, MmOrderIs)
    assert (answer.order.drained, desk.quotes()) == (True, 0)
    assert desk.order().fence == fence + 1
    (released,) = [fact.event for fact in desk.market.facts if isinstance(fact.event, MmLeaseReleased)]
    assert released.outcome is MmOutcome.INTERRUPTED
    cancelled = [fact.event for fact in desk.market.facts if hasattr(fact.event, "cancel_reason")]
    assert {event.cancel_reason for event in cancelled} == {CancelReason.MM_STOPPED}
    assert desk.market.holds(desk.order().escrow.id, available=100_000, frozen=0)


def test_nothing_is_placed_after_a_pause_in_the_midst_of_a_cycle() -> None:
    desk = some_market()
    desk.open()
    lease = desk.lease()
    desk.quote(lease, 0)
    desk.tell(PAUSE)
    assert code(desk.market.do(desk.wish(lease, 1, Side.NO, 47)).answer) == 7105
    assert code(desk.release(lease)) == 7105


def test_a_control_asked_for_again_is_answered_and_does_nothing() -> None:
    desk = some_market()
    desk.open()
    for number in range(10):
        answer = desk.tell(PAUSE, key=f"k{number}")
        assert isinstance(answer, MmOrderIs)
        assert (answer.changed, answer.repeated) == (number == 0, False)
    assert desk.steps()[4:] == ["paused USER_REQUEST"]
    again = desk.tell(PAUSE, key="k0")
    assert isinstance(again, MmOrderIs)
    assert (again.changed, again.repeated) == (False, True)
    assert code(desk.tell(RESUME, key="k0")) == 7107
    # What changed nothing did not use up its key.
    assert isinstance(desk.tell(RESUME, key="k1"), MmOrderIs)


def test_the_newest_64_keys_of_an_order_are_known() -> None:
    desk = some_market()
    desk.open(policy={"changes_per_hour": 1_000})
    for number in range(65):
        desk.granted(desk.tell((PAUSE, RESUME)[number % 2], key=f"k{number}"))
        desk.wait(10)
    again = desk.tell(RESUME, key="k1")
    assert isinstance(again, MmOrderIs)
    assert again.repeated
    anew = desk.tell(RESUME, key="k0")  # forgotten
    assert isinstance(anew, MmOrderIs)
    assert not anew.repeated


def test_what_an_administrator_holds_only_an_administrator_resumes() -> None:
    desk = some_market()
    desk.open()
    desk.granted(desk.tell(PAUSE, admin="root"))
    assert desk.order().held
    event = desk.trail()[-1]
    assert (event.actor_type, event.actor_id, event.reason) == ("ADMIN", "root", "ADMIN_REQUEST")
    assert event.data == {"by": "root", "words": "I say so"}
    assert "resume" not in allowed_commands(desk.order(), MmActor.USER, desk.at)
    assert code(desk.tell(RESUME)) == 7102
    desk.granted(desk.tell(RESUME, admin="root"))
    assert (desk.state(), desk.order().held) == (RUNNING, False)


def test_an_owner_may_end_what_an_administrator_holds() -> None:
    desk = some_market()
    desk.open()
    desk.tell(PAUSE, admin="root")
    desk.granted(desk.take_out(all=True))
    assert desk.state() is MmState.REFUNDED


def test_pauses_and_resumes_bring_no_cycle_sooner() -> None:
    desk = some_market()
    desk.open()
    lease = desk.lease()
    started = desk.at
    desk.release(lease)
    for _ in range(5):
        desk.wait(1)
        desk.tell(PAUSE)
        desk.tell(RESUME)
        assert desk.order().next_cycle_at == started + 10_000_000
        assert desk.acquire().leases == ()
    desk.wait(10)
    desk.tell(PAUSE)
    desk.tell(RESUME)
    assert desk.order().next_cycle_at == desk.at


def test_a_resume_forgets_the_failures() -> None:
    desk = some_market()
    desk.open()
    desk.release(desk.lease(), MmOutcome.ERROR, error="no")
    assert desk.order().consecutive_failures == 1
    desk.tell(PAUSE)
    desk.tell(RESUME)
    assert desk.order().consecutive_failures == 0


def test_an_owners_commands_are_so_many_an_hour_and_an_end_is_always_possible() -> None:
    desk = some_market()
    desk.open(policy={"changes_per_hour": 3})
    desk.granted(desk.tell(PAUSE))
    desk.granted(desk.tell(RESUME))
    desk.granted(desk.tell(PAUSE))
    assert code(desk.tell(RESUME)) == 7104
    desk.granted(desk.tell(RESUME, admin="root"))
    desk.wait(3_600)
    desk.granted(desk.tell(PAUSE))
    desk.granted(desk.tell(RESUME))
    desk.granted(desk.tell(PAUSE))
    assert code(desk.tell(RESUME)) == 7104
    desk.granted(desk.tell(STOP))


def test_a_failure_by_an_administrator_gives_everything_back() -> None:
    desk = quoting()
    desk.granted(desk.tell(MmControl.FAIL, admin="root"))
    assert desk.steps()[4:] == ["failed ADMIN_REQUEST", "refunded REFUND"]
    assert desk.market.holds("ann", available=1_000_000)
    order = desk.order()
    assert (order.failure_code, order.failed_from) == ("ADMIN_REQUEST", "running")


def test_the_order_told_is_the_order_as_the_command_left_it() -> None:
    desk = quoting()
    answer = desk.tell(PAUSE)
    assert isinstance(answer, MmOrderIs)
    told = answer.order
    desk.tell(STOP)
    assert (told.state, told.seq, told.version) == (PAUSED, 5, 5)
    assert told.escrow.cash_cents == 100_000
    assert told.quotes == ()


def test_stopping_one_takes_only_its_own_quotes_off() -> None:
    """Three users with two orders each, at the same prices."""
    desk = some_market()
    desk.market.open("cat", 1_000_000)
    for owner in ("ann", "ben", "cat"):
        for number in (1, 2):
            desk.open(f"{owner}{number}", owner, 10_000)
    for lease in desk.acquire().leases:
        desk.quote(lease, 0, Side.YES, 40)
    desk.granted(desk.tell(STOP, "ann1"))
    assert [desk.quotes(name) for name in desk.ids] == [0, 1, 1, 1, 1, 1]
    before = {name: desk.order(name).cash for name in desk.ids}
    desk.market.open("dan", 100_000)
    desk.market.play("dan buys 10 NO at 60")
    changed = {name for name in desk.ids if desk.order(name).cash != before[name]}
    assert changed == {"ann2"}


def test_two_orders_of_one_owner_never_trade() -> None:
    desk = some_market()
    desk.open("one")
    desk.open("two")
    first, second = desk.acquire().leases
    desk.quote(first, 0, Side.YES, 49)
    answer = desk.market.do(desk.wish(second, 0, Side.NO, 51)).answer
    assert code(answer) == 4003
    assert not isinstance(answer, Placed)
    assert (desk.state("one"), desk.state("two")) == (RUNNING, RUNNING)
