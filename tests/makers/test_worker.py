"""Workers at a little exchange, in virtual time: what they quote, and what becomes of it when they fail."""

from collections import defaultdict

import attrs
import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from amm.live.credentials import Credentials
from makers.live.line import Line
from makers.live.worker import Limits, Worker
from tests.makers.exchange import STALE, Exchange

TOKEN = "e30.eyJleHAiOjIwMDAsImlhdCI6MTAwMCwidHlwZSI6InNlcnZpY2UifQ.e30"


@attrs.define(eq=False)
class Crew:
    """Workers, each of which can be ended as a kill ends it: at once, with a goodbye to nobody."""

    exchange: Exchange
    nursery: trio.Nursery
    lives: dict[str, trio.CancelScope] = attrs.field(factory=dict)

    def hire(self, name: str, **limits: int) -> Worker:
        line = Line(self.exchange.connect, Credentials(TOKEN))
        worker = Worker(name, line, Limits(**limits))
        self.lives[name] = scope = trio.CancelScope()

        async def live() -> None:
            with scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(line.run)
                    await worker.run()
                    nursery.cancel_scope.cancel()

        self.nursery.start_soon(live)
        return worker

    def kill(self, name: str) -> None:
        self.lives[name].cancel()


@pytest.fixture
async def exchange(nursery: trio.Nursery) -> Exchange:
    return Exchange(nursery)


@pytest.fixture
async def crew(exchange: Exchange, nursery: trio.Nursery) -> Crew:
    return Crew(exchange, nursery)


def cycles_of(exchange: Exchange, order_id: str) -> list[tuple[int, float]]:
    return [(number, at) for order, number, _, at, _ in exchange.past.leases if order == order_id]


async def test_a_cycle_places_what_is_wanted_and_the_next_leaves_it(
    autojump_clock: MockClock, exchange: Exchange, crew: Crew
) -> None:
    seat = exchange.seat(1)
    worker = crew.hire("a")
    await trio.sleep(12)
    assert [
        (one["original_direction"], one["original_side"], one["original_price_cents"], one["quantity"])
        for one in seat.orders.values()
    ] == [("BUY", "YES", 48, 10), ("BUY", "NO", 47, 10)]
    assert exchange.past.ends == [(seat.order_id, 1, "DONE"), (seat.order_id, 2, "UNCHANGED")]
    assert worker.observed.cycles == {"DONE": 1, "UNCHANGED": 1}
    (_, first), (_, second) = cycles_of(exchange, seat.order_id)
    assert second - first == pytest.approx(10, abs=0.05)
    assert exchange.past.asked["mm_acquire"] == 2


async def test_without_any_hint_each_cycle_begins_within_a_second_of_its_time(
    autojump_clock: MockClock, exchange: Exchange, crew: Crew
) -> None:
    exchange.tells = False
    for number in range(12):
        exchange.seat(number, market=number % 3, refresh=3.0)
    crew.hire("a")
    crew.hire("b")
    await trio.sleep(60)
    assert len(exchange.past.leases) > 12 * 15
    assert max(late for *_, late in exchange.past.leases[12:]) <= 1.0


async def test_many_workers_share_the_orders_and_never_work_on_one_together(
    autojump_clock: MockClock, exchange: Exchange, crew: Crew
) -> None:
    """With a line that is cut, workers that are killed, and hints that come to all of them at once."""
    for number in range(20):
        exchange.seat(number, market=number % 4, refresh=2.0, wish={"order_qty": 10 + number})
    for name in "abcd":
        crew.hire(name)
    for _ in range(6):
        await trio.sleep(7)
        await exchange.cut()
    crew.kill("a")
    crew.kill("b")
    await trio.sleep(30)
    begun: dict[str, list[int]] = defaultdict(list)
    fences: dict[str, list[int]] = defaultdict(list)
    for order_id, number, *_ in exchange.past.leases:
        begun[order_id].append(number)
    for order_id, fence, _ in exchange.past.accepted:
        fences[order_id].append(fence)
    for order_id in exchange.seats:
        assert begun[order_id] == list(range(1, len(begun[order_id]) + 1))
        assert len(begun[order_id]) > 25
        assert fences[order_id] == sorted(fences[order_id])
    after = {worker for _, _, worker, at, _ in exchange.past.leases if at > 42.5}
    assert after
    assert after <= {"c", "d"}


async def test_what_a_killed_worker_held_is_taken_over_when_its_lease_is_over(
    autojump_clock: MockClock, exchange: Exchange, crew: Crew
) -> None:
    """It dies between its commands and its release: the quotes stay, and nothing is placed twice."""
    seat = exchange.seat(1)
    exchange.unheard["a", "mm_release"] = trio.Event()
    crew.hire("a")
    await trio.sleep(1)
    assert len(seat.orders) == 2
    crew.kill("a")
    crew.hire("b")
    await trio.sleep(40)
    first, second, *_ = exchange.past.leases
    assert (first[2], second[2]) == ("a", "b")
    assert seat.lease <= second[3] - first[3] <= seat.lease + 2
    assert exchange.past.ends[:2] == [(seat.order_id, 1, "ABANDONED"), (seat.order_id, 2, "UNCHANGED")]
    assert len(exchange.past.accepted) == len(seat.orders) == 2


async def test_a_worker_that_slept_is_not_heard_and_does_no_harm(
    autojump_clock: MockClock, exchange: Exchange, crew: Crew
) -> None:
    """a leases, and is not heard of until its lease is over; b leases and quotes; then a is heard."""
    seat = exchange.seat(1, lease=5.0)
    exchange.slow[seat.order_id] = 8.0
    sleeper = crew.hire("a")
    await trio.sleep(1)
    wakes = trio.Event()
    exchange.unheard |= {("a", "mm_acquire"): wakes, ("a", "mm_release"): wakes}
    del exchange.slow[seat.order_id]
    crew.hire("b")
    await trio.sleep(6)
    quotes = dict(seat.orders)
    assert len(quotes) == 2
    assert {fence for _, fence, _ in exchange.past.accepted} == {4}
    await trio.sleep(2)
    wakes.set()
    await trio.sleep(0.1)
    assert exchange.past.said[STALE] == 3  # both quotes, and the release
    assert seat.orders == quotes
    assert sleeper.observed.cycles["DONE"] == 0


@pytest.mark.parametrize("when", ["before", "after"])
async def test_what_a_broken_line_left_open_is_asked_again_by_the_same_names(
    autojump_clock: MockClock, exchange: Exchange, crew: Crew, when: str
) -> None:
    seat = exchange.seat(1)
    exchange.lose_next = when
    worker = crew.hire("a")
    await trio.sleep(5)
    assert len(exchange.past.accepted) == len(seat.orders) == 2
    assert exchange.past.ends == [(seat.order_id, 1, "DONE")]
    assert worker.line.reconnects == 1


async def test_what_was_too_much_for_the_exchange_is_sent_again(
    autojump_clock: MockClock, exchange: Exchange, crew: Crew
) -> None:
    seat = exchange.seat(1)
    exchange.refusals["place"].extend([9003, 0, 7001, 9001])
    crew.hire("a")
    await trio.sleep(2)
    assert len(seat.orders) == 1  # one was told that it had succeeded
    assert exchange.past.ends == [(seat.order_id, 1, "DONE")]


async def test_a_long_cycle_is_renewed_until_it_has_taken_too_long(
    autojump_clock: MockClock, exchange: Exchange, crew: Crew
) -> None:
    """The exchange is busy for a minute. Renewed every 3 s, at 12 s no more: and nothing more is said."""
    seat = exchange.seat(1, lease=6.0)
    exchange.refusals["place"].extend([9003] * 1_000)
    worker = crew.hire("a", renew_ms=3_000)
    await trio.sleep(14)
    assert worker.observed.cycles == {"STALE": 1}
    assert (seat.order_id, 1, "ERROR") not in exchange.past.ends
    assert 9 < seat.until - seat.started - seat.lease < 10


async def test_a_lease_that_runs_out_is_an_error(
    autojump_clock: MockClock, exchange: Exchange, crew: Crew
) -> None:
    """It cannot be renewed either: two seconds before its end it is given back."""
    seat = exchange.seat(1)
    exchange.refusals["place"].extend([9003] * 1_000)
    exchange.refusals["mm_renew"].extend([9003] * 1_000)
    worker = crew.hire("a")
    await trio.sleep(14)
    assert exchange.past.ends == [(seat.order_id, 1, "ERROR")]
    assert worker.observed.errors == 1


async def test_no_more_is_begun_than_there_are_places_for(
    autojump_clock: MockClock, exchange: Exchange, crew: Crew
) -> None:
    for number in range(60):
        seat = exchange.seat(number, market=number % 6)
        exchange.slow[seat.order_id] = 0.5
    crew.hire("a", in_flight=10, per_market=3)
    await trio.sleep(9)
    assert exchange.past.most == 10
    assert exchange.past.most_of_one_market == 3
    assert {order_id for order_id, *_ in exchange.past.ends} == set(exchange.seats)


async def test_a_slow_order_delays_nobody_else(
    autojump_clock: MockClock, exchange: Exchange, crew: Crew
) -> None:
    slow = exchange.seat(0, refresh=1.0)
    exchange.slow[slow.order_id] = 9.0
    for number in range(1, 6):
        exchange.seat(number, refresh=1.0)
    crew.hire("a")
    await trio.sleep(30)
    others = [late for order_id, _, _, _, late in exchange.past.leases[6:] if order_id != slow.order_id]
    assert len(others) > 5 * 25
    assert max(others) < 0.1


async def test_an_order_that_cannot_be_worked_fails_alone(
    autojump_clock: MockClock, exchange: Exchange, crew: Crew
) -> None:
    """A market in which to buy costs nothing is none that the strategy knows."""
    bad = exchange.seat(1, freeze_bps=-10_000)
    good = exchange.seat(2)
    with capture_logs() as told:
        worker = crew.hire("a")
        await trio.sleep(5)
    assert [one["order"] for one in told if one["event"] == "a cycle failed"] == [bad.order_id]
    assert sorted(exchange.past.ends) == [(bad.order_id, 1, "ERROR"), (good.order_id, 1, "DONE")]
    assert worker.observed.errors == 1


async def test_who_is_told_to_stop_finishes_what_is_begun(
    autojump_clock: MockClock, exchange: Exchange, crew: Crew
) -> None:
    first, second = exchange.seat(1, market=1), exchange.seat(2, market=2)
    second.next_at += 3
    exchange.slow[first.order_id] = 4.0
    worker = crew.hire("a")
    await trio.sleep(1)
    worker.stop.set()
    await trio.sleep(10)
    assert exchange.past.ends == [(first.order_id, 1, "DONE")]
    assert [order_id for order_id, *_ in exchange.past.leases] == [first.order_id]
