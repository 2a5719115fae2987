"""Leases: one worker at a time, and whoever comes late changes nothing."""

from typing import Any

import pytest

from kernel.answers import Answer, Placed, Refusal
from kernel.codes import CancelScope, Code, Side
from kernel.commands import (
    AmendOrder,
    AtomicBatch,
    BatchCancel,
    CancelAll,
    CancelOrder,
    ReplaceOrder,
    SetGroup,
)
from kernel.making_answers import MmHeld, MmLease, MmLeaseIs
from kernel.making_commands import MmCounts
from kernel.making_edges import MmOutcome, MmState
from kernel.making_events import MmLeaseReleased, MmOrderChanged
from tests.kernel.making.desk import Desk, code
from tests.kernel.making.scene import some_market
from tests.kernel.trading import SECOND

DONE, UNCHANGED, ERROR = MmOutcome.DONE, MmOutcome.UNCHANGED, MmOutcome.ERROR
RUNNING, PAUSED, STOPPED = MmState.RUNNING, MmState.PAUSED, MmState.STOPPED
SKIPPED = MmCounts(skipped=2)


def running(**more: Any) -> Desk:
    desk = some_market()
    desk.open(**more)
    return desk


def released(desk: Desk) -> list[MmLeaseReleased]:
    return [fact.event for fact in desk.market.facts if isinstance(fact.event, MmLeaseReleased)]


# Acquiring


def test_fifty_copies_of_one_acquire_bring_one_lease() -> None:
    desk = running()
    answers = [desk.acquire() for _ in range(50)]
    assert [len(answer.leases) for answer in answers] == [1, *[0] * 49]
    assert answers[-1].next_due_at == desk.at + 15 * SECOND


def test_a_lease_brings_the_view_as_the_acquire_left_it() -> None:
    desk = some_market()
    desk.market.play("ann buys 4 YES at 50", "ben buys 4 NO at 50")
    desk.open(yes=4)
    desk.wait(2)
    lease = desk.lease()
    order = desk.order()
    assert (lease.cycle_no, lease.fence, lease.lease_ms, lease.lateness_ms) == (1, 1, 15_000, 2_000)
    assert (lease.account, lease.fence) == (order.escrow.id, order.escrow.fence)
    assert (lease.cash_cents, lease.yes, lease.no) == (100_000, MmHeld(4, 4), MmHeld(0, 0))
    most = desk.market.market().terms.max_position_per_user
    assert (lease.room_yes, lease.room_no) == (most - 4, most)
    assert (lease.bids, lease.asks, lease.freeze_bps) == (((48, 5),), ((53, 5),), 20)
    assert lease.last_trade_price_cents == 50
    assert len(lease.token) == 16
    desk.quote(lease, 0, Side.YES, 48)
    desk.release(lease)
    desk.wait(10)
    later = desk.lease()
    assert [(quote.price_cents, quote.remaining_quantity) for quote in later.orders] == [(48, 10)]
    assert later.bids == ((48, 15),)
    assert later.token != lease.token


def test_who_waits_longest_is_next_whoever_owns_it() -> None:
    desk = some_market()
    for name, owner in (("a", "ann"), ("b", "ben"), ("c", "ann")):
        desk.open(name, owner)
        desk.wait(1)
    first = desk.acquire(limit=2)
    assert [lease.order_id for lease in first.leases] == [desk.ids["a"], desk.ids["b"]]
    assert first.more
    second = desk.acquire()
    assert [lease.order_id for lease in second.leases] == [desk.ids["c"]]
    assert not second.more


def test_a_worker_gets_only_what_it_can_carry_out() -> None:
    desk = running()
    answer = desk.acquire(strategies=("quoter.2",))
    assert (answer.leases, answer.more) == ((), True)


def test_while_the_market_does_not_trade_there_are_no_leases_and_no_facts() -> None:
    desk = running()
    desk.market.play("root suspends")
    head = desk.market.exchange.head
    assert desk.acquire().leases == ()
    assert desk.market.exchange.head == head


@pytest.mark.parametrize("limit", [0, 33])
def test_so_many_leases_at_once_and_no_more(limit: int) -> None:
    with pytest.raises(AssertionError):
        running().acquire(limit=limit)


def test_the_published_example_of_the_loss_that_stops_an_order() -> None:
    """100,000 paid in; 60,000 cents and 500 YES at a mark of 79 half cents are worth 79,750: 20,250 lost."""
    desk = some_market()
    desk.open(max_loss_cents=20_000)
    order = desk.order()
    position = desk.market.market().position(order.escrow)
    order.escrow.available, position.yes.volume = 60_000, 500
    desk.market.market().book.bids.best = 39
    desk.market.market().book.asks.best = 40
    assert (order.equity, order.loss) == (79_750, 20_250)


def test_an_order_that_has_lost_too_much_is_stopped_instead_of_leased() -> None:
    """It bought 100 YES at 52; then the book says 20 to 21, and they are worth 2,050."""
    desk = some_market()
    desk.market.open("cat", 1_000_000)
    desk.open(order_qty=1, max_loss_cents=1_000)
    lease = desk.lease()
    desk.quote(lease, 0, Side.YES, 52, 100)
    desk.market.play("cat buys 100 NO at 48")
    desk.release(lease)
    desk.market.play("cat buys 5 NO at 52", "cat buys 1 YES at 20", "cat buys 1 NO at 79")
    desk.wait(10)
    assert desk.acquire().leases == ()
    assert desk.steps()[-1] == "stopped KILL_MAX_LOSS"
    assert desk.trail()[-1].actor_type == "SYSTEM"


# What may be done under one


def others(desk: Desk, lease: MmLease, placed: Placed) -> list[Any]:
    """What no cycle is made of."""
    account = lease.account
    common: dict[str, Any] = {"at": desk.at, "user_id": account, "fence": lease.fence}
    return [
        AmendOrder(**common, order_id=placed.order.order.id, quantity=1),
        AtomicBatch(**common, market_id="M", commands=(desk.wish(lease, 9, price=2),)),
        CancelAll(**common, market_id="M"),
        SetGroup(**common, market_id="M", group_id="g", max_fill_quantity=1, window_ms=100),
    ]


def test_only_what_a_cycle_is_made_of_is_obeyed() -> None:
    desk = running()
    lease = desk.lease()
    placed = desk.quote(lease, 0)
    for command in others(desk, lease, placed):
        assert desk.market.refused(command).code is Code.NOT_ALLOWED, command


@pytest.mark.parametrize("fence", [-1, 1, None])
def test_another_fence_than_the_newest_is_stale(fence: int | None) -> None:
    """Older and newer: only equal will do. For cancels, too."""
    desk = running()
    lease = desk.lease()
    placed = desk.quote(lease, 0)
    wrong = None if fence is None else lease.fence + fence
    assert code(desk.market.do(desk.wish(lease, 1, fence=wrong)).answer) == 7105
    cancel = CancelOrder(at=desk.at, user_id=lease.account, order_id=placed.order.order.id, fence=wrong)
    assert desk.market.refused(cancel).code is Code.STALE_FENCE


@pytest.mark.parametrize(
    "name",
    [
        "x",
        "mm_{id}_1_",
        "mm_{id}_1_1000",
        "mm_{id}_1_01",
        "mm_{id}_2_0",
        "mm_{id}_1_-1",
        "mm_{id}_1_0x",
        "mm_{id}_1_²",
    ],
)
def test_a_quote_is_named_by_order_fence_and_number(name: str) -> None:
    desk = running()
    lease = desk.lease()
    named = name.format(id=lease.order_id.replace("-", ""))
    assert code(desk.market.do(desk.wish(lease, 0, client_order_id=named)).answer) == 9004


def test_the_last_number_is_999() -> None:
    desk = running()
    desk.quote(desk.lease(), 999)


def test_64_orders_may_be_placed_under_one_lease() -> None:
    """Replacing counts as placing; repeats do not."""
    desk = running()
    lease = desk.lease()
    first = desk.quote(lease, 0, price=2, quantity=1)
    replacement = ReplaceOrder(
        at=desk.at,
        user_id=lease.account,
        client_order_id=f"mm_{lease.order_id.replace('-', '')}_{lease.fence}_1",
        market_id="M",
        terms=desk.wish(lease, 1, price=3, quantity=1).terms,
        nonce=77,
        old_order_id=first.order.order.id,
        fence=lease.fence,
    )
    assert not isinstance(desk.market.do(replacement).answer, Refusal)
    for number in range(2, 64):
        desk.quote(lease, number, price=2, quantity=1)
    assert code(desk.market.do(desk.wish(lease, 64, price=2, quantity=1)).answer) == 4002
    assert desk.quote(lease, 63, price=2, quantity=1).repeated
    desk.release(lease)
    desk.wait(10)
    desk.quote(desk.lease(), 0, price=2, quantity=1)


def test_pairs_are_burned_under_a_key_of_the_lease() -> None:
    desk = some_market()
    desk.market.open("cat", 100_000)
    desk.open()
    lease = desk.lease()
    desk.quote(lease, 0, Side.YES, 49, 10)
    desk.quote(lease, 1, Side.NO, 49, 10)
    desk.market.play("cat buys 10 NO at 51", "cat buys 10 YES at 51")
    before = desk.order().cash
    desk.granted(desk.burn(lease, 0, 10))
    assert desk.order().cash == before + 1_000
    assert code(desk.burn(lease, 1_000, 1)) == 9004


def test_what_is_on_the_book_can_be_taken_off_after_the_release() -> None:
    desk = running()
    lease = desk.lease()
    desk.quote(lease, 0)
    desk.release(lease)
    wish = BatchCancel(
        at=desk.at, user_id=lease.account, market_id="M", scope=CancelScope.ALL, fence=lease.fence
    )
    assert not isinstance(desk.market.do(wish).answer, Refusal)
    assert desk.quotes() == 0
    assert code(desk.market.do(desk.wish(lease, 1)).answer) == 7105


# Renewing


def until(answer: Answer | Refusal) -> int | None:
    assert isinstance(answer, MmLeaseIs), answer
    return answer.until


def test_a_renewal_lasts_from_now_and_not_for_ever() -> None:
    """Until the tenth second after the acquire it is granted; so a lease lasts less than 25 seconds."""
    desk = running()
    lease = desk.lease()
    start = desk.at
    desk.wait(5)
    assert until(desk.renew(lease)) == start + 20 * SECOND
    desk.wait(4.999)
    assert until(desk.renew(lease)) == start + 24_999_000
    desk.wait(0.001)
    assert code(desk.renew(lease)) == 7105
    desk.wait(14.998)
    desk.quote(lease, 0)
    desk.wait(0.001)
    assert code(desk.market.do(desk.wish(lease, 1)).answer) == 7105


def test_a_lease_is_over_at_its_end_though_no_tick_has_come() -> None:
    desk = running()
    lease = desk.lease()
    desk.wait(15)
    assert code(desk.renew(lease)) == 7105
    assert code(desk.release(lease)) == 7105
    assert code(desk.market.do(desk.wish(lease, 0)).answer) == 7105


# Releasing


@pytest.mark.parametrize("outcome", [DONE, UNCHANGED])
def test_the_next_cycle_comes_a_refresh_after_the_last_began(outcome: MmOutcome) -> None:
    desk = running()
    lease = desk.lease()
    start = desk.at
    desk.wait(4)
    desk.release(lease, outcome, SKIPPED)
    order = desk.order()
    assert order.next_cycle_at == start + 10 * SECOND
    assert (order.last_cycle_at, order.last_cycle_outcome, order.last_cycle_skipped) == (desk.at, outcome, 2)


def test_one_that_took_longer_than_its_refresh_is_due_at_once() -> None:
    desk = running(refresh_interval_ms=1_000)
    lease = desk.lease()
    desk.wait(4)
    desk.release(lease)
    assert desk.order().next_cycle_at == desk.at


def test_after_errors_in_a_row_it_waits_longer_each_time() -> None:
    """10 x 2, 10 x 4 as published, and never more than 60 seconds."""
    desk = running()
    waits = []
    for _ in range(4):
        lease = desk.lease()
        desk.release(lease, ERROR, error="no price")
        due_at = desk.order().next_cycle_at
        assert due_at is not None
        waits.append((due_at - desk.at) // SECOND)
        desk.wait(waits[-1])
    assert waits == [20, 40, 60, 60]
    desk.release(desk.lease(), ERROR)
    assert desk.steps()[-1] == "paused CYCLE_ERRORS"
    assert desk.trail()[-1].actor_type == "SYSTEM"


def test_a_streak_of_errors_is_told_when_it_begins_and_when_it_ends() -> None:
    desk = running()
    for outcome in (ERROR, ERROR, DONE, DONE):
        desk.release(desk.lease(), outcome)
        desk.wait(60)
    told = [event for event in desk.trail() if event.kind == "CYCLE"]
    assert [event.data for event in told] == [
        {"streak": "begins", "failures": 1, "untold": 0},
        {"streak": "ends", "failures": 2, "untold": 0},
    ]
    assert [(event.trigger_id, event.actor_type, event.actor_id) for event in told] == [
        ("cycle:1", "WORKER", "w"),
        ("cycle:3", "WORKER", "w"),
    ]


def test_so_many_streaks_are_told_in_an_hour_and_the_others_are_counted() -> None:
    desk = running(refresh_interval_ms=1_000, policy={"stale_quotes_ms": 10_000_000})
    for _ in range(35):
        desk.release(desk.lease(), ERROR)
        desk.wait(2)
        desk.release(desk.lease(), DONE)
        desk.wait(1)
    told = [event for event in desk.trail() if event.kind == "CYCLE"]
    assert len(told) == 60
    desk.wait(3_600)
    desk.release(desk.lease(), ERROR)
    assert desk.trail()[-1].data == {"streak": "begins", "failures": 1, "untold": 10}


def test_a_release_repeated_is_answered_and_an_old_one_is_not() -> None:
    desk = running()
    lease = desk.lease()
    desk.release(lease)
    head = desk.market.exchange.head
    again = desk.release(lease)
    assert isinstance(again, MmLeaseIs)
    assert (again.repeated, desk.market.exchange.head) == (True, head)
    desk.wait(10)
    later = desk.lease()
    desk.release(later)
    assert code(desk.release(lease)) == 7105


@pytest.mark.parametrize("outcome", [MmOutcome.INTERRUPTED, MmOutcome.ABANDONED])
def test_a_worker_does_not_say_what_only_the_exchange_can(outcome: MmOutcome) -> None:
    desk = running()
    assert code(desk.release(desk.lease(), outcome)) == 9004


# Ending by itself


def test_a_lease_that_runs_out_counts_as_an_error_and_raises_the_fence() -> None:
    desk = running()
    lease = desk.lease()
    desk.quote(lease, 0)
    assert desk.tick(14.999) == []
    desk.tick(0.001)
    order = desk.order()
    assert (order.fence, order.consecutive_failures, order.next_cycle_at) == (lease.fence + 1, 1, desk.at)
    assert released(desk)[-1].outcome is MmOutcome.ABANDONED
    assert desk.quotes() == 1


def test_a_sleeping_worker_wakes_and_changes_nothing() -> None:
    """A has fence f; B comes with f + 2 and quotes; A wakes."""
    desk = running()
    a = desk.lease()
    desk.wait(20)
    b = desk.lease()
    assert b.fence == a.fence + 2
    desk.quote(b, 0)
    before = desk.market.exchange.digest()
    for command in (desk.wish(a, 0), desk.wish(a, 1, price=47)):
        assert code(desk.market.do(command).answer) == 7105
    assert code(desk.burn(a, 0, 1)) == 7105
    assert code(desk.release(a)) == 7105
    assert code(desk.renew(a)) == 7105
    assert desk.market.exchange.digest() == before


def test_an_order_that_kills_its_worker_is_paused_after_a_few() -> None:
    desk = running()
    for _ in range(5):
        desk.lease()
        desk.tick(15)
    assert desk.steps()[-1] == "paused CYCLE_ERRORS"
    assert [event.outcome for event in released(desk)] == [MmOutcome.ABANDONED] * 5


# When no worker comes


def test_with_every_worker_dead_the_quotes_are_gone() -> None:
    desk = running()
    lease = desk.lease()
    desk.quote(lease, 0)
    desk.release(lease)
    assert desk.tick(69.999) == []
    desk.tick(0.001)
    assert (desk.quotes(), desk.state()) == (0, RUNNING)
    assert desk.steps()[-1] == "CYCLE NO_WORKER"
    assert desk.tick(600) == []
    desk.quote(desk.lease(), 0)
    assert not desk.order().is_unattended


def test_many_deadlines_at_once_are_met_in_their_order() -> None:
    desk = some_market()
    limits = {"active_per_user": 999, "active_per_user_market": 999, "active_per_market": 999}
    for number in range(7):
        desk.ask_for(str(number), cash=10_000, limits=limits)
    facts = desk.tick(600)
    told = [fact.event for fact in facts if isinstance(fact.event, MmOrderChanged)]
    ended = [event.order_id for event in told if event.to_state is MmState.REFUNDED]
    assert ended == [desk.ids[str(number)] for number in range(7)]
