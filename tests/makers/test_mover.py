"""Money on its way to a venue and back, by workers that are slow, killed or too many, in virtual time.

Whatever happens, the venue is called once under each key, and after each claim at the earliest.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

from amm.live.credentials import Credentials
from makers.live.line import Line
from makers.live.mover import Mover, Pace
from makers.live.worker import Limits, Worker
from makers.venues.simulated import Call, Conduct, SimulatedVenue
from makers.venues.venue import Asset, Word
from tests.makers.custody import Entrusted
from tests.makers.exchange import Exchange
from tests.makers.test_worker import TOKEN

CASH, YES, NO = Asset.CASH, Asset.YES, Asset.NO
SEND, BRING_BACK = Call.SEND, Call.BRING_BACK


@attrs.define(eq=False)
class Port:
    """A venue, an exchange, and workers that can be ended as a kill ends them."""

    exchange: Exchange
    venue: SimulatedVenue
    nursery: trio.Nursery
    lives: dict[str, trio.CancelScope] = attrs.field(factory=dict)

    def hire(self, name: str, pace: Pace = Pace()) -> Worker:  # noqa: B008 - a value that never changes
        line = Line(self.exchange.connect, Credentials(TOKEN))
        worker = Worker(name, line, Limits(), venues={"simulated": self.venue})
        mover = Mover(name, line, "simulated", self.venue, pace)
        self.lives[name] = scope = trio.CancelScope()

        async def live() -> None:
            with scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(line.run)
                    async with trio.open_nursery() as working:
                        working.start_soon(worker.run)
                        working.start_soon(mover.run, worker.stop)
                    nursery.cancel_scope.cancel()

        self.nursery.start_soon(live)
        return worker

    def kill(self, name: str) -> None:
        self.lives[name].cancel()

    def holding(self, order: Entrusted) -> dict[Asset, int]:
        return self.venue.state.holdings.get(order.order_id, {})

    def calls(self) -> Counter[str]:
        """How often the venue was called, by request key."""
        return Counter(key for _, key in self.venue.state.called)


@pytest.fixture
async def port(nursery: trio.Nursery, tmp_path: Path) -> Port:
    venue = SimulatedVenue(tmp_path / "venue.json")
    venue.rest(bids=[(48, 5)], asks=[(53, 5)])
    return Port(Exchange(nursery), venue, nursery)


@pytest.fixture
def order(port: Port) -> Entrusted:
    return port.exchange.entrust(1, CASH=100_000)


async def test_what_an_order_has_goes_there_leg_by_leg(autojump_clock: MockClock, port: Port) -> None:
    order = port.exchange.entrust(1, CASH=100_000, YES=10, NO=20)
    port.hire("a")
    await trio.sleep(2)
    assert order.task is None
    assert port.holding(order) == {CASH: 100_000, YES: 10, NO: 20}
    assert order.taken == ["BEGIN OUT"] + [
        f"{step} {leg} a"
        for leg in ("CASH", "YES", "NO")
        for step in ("CALL", "ACCEPTED", "CONFIRMED", "CREDITED")
    ]


async def test_nothing_is_called_before_its_claim_is_known(
    autojump_clock: MockClock, port: Port, order: Entrusted
) -> None:
    """The exchange hears of the call, and is silent for as long as the claim lasts."""
    port.exchange.unheard["a", "mm_venue"] = trio.Event()
    port.hire("a")
    await trio.sleep(10)
    assert port.venue.state.called == []
    port.exchange.unheard["a", "mm_venue"].set()
    await trio.sleep(40)
    assert len(port.venue.state.called) == 1


async def test_a_claim_that_is_known_too_late_is_given_back(
    autojump_clock: MockClock, port: Port, order: Entrusted
) -> None:
    """It might end before the venue has answered. Nothing was sent, so there is another attempt."""
    order.begin("OUT")
    heard = port.exchange.unheard["a", "mm_venue"] = trio.Event()
    port.hire("a")
    await trio.sleep(35)
    heard.set()
    await trio.sleep(40)
    assert order.taken[:4] == ["BEGIN OUT", "CALL CASH a", "RETRY CASH a", "CALL CASH a"]
    assert port.calls() == {f"mmw:{order.order_id}:CASH:2": 1}


@attrs.define
class Careless(Entrusted):
    """It goes on saying that the leg is to be called, and grants the claim to whoever asks, as if to `to`."""

    to: str = "a"

    def shown(self) -> dict[str, Any]:
        told = super().shown()
        return told | {"legs": [leg | {"status": "INTENT"} for leg in told["legs"]]}

    def step(self, one: dict[str, Any]) -> tuple[int, Any]:
        code, told = super().step(one)
        if one["step"] == "CALL":
            told = {"leg": self.legs["OUT", "CASH"].shown(), "legs": []}
            told["leg"] |= {"status": "CALLING", "claimed_by": self.to}
            return 0, told
        return code, told


@pytest.mark.parametrize(("to", "calls"), [("a", 1), ("b", 0)])
async def test_whatever_the_exchange_says_no_key_is_called_twice_nor_by_another(
    autojump_clock: MockClock, port: Port, to: str, calls: int
) -> None:
    order = Careless("0193f1c2-5a77-7c1e-9f10-000000000001", "MKT-1", {"CASH": 7}, to=to)
    port.exchange.entrusted[order.order_id] = order
    port.venue.behave(SEND, CASH, Conduct(says=Word.UNCLEAR, comes_to=Word.UNCLEAR))
    port.hire("a")
    await trio.sleep(200)
    assert sum(port.calls().values()) == calls
    assert port.exchange.past.asked["mm_venue"] >= 5


class Sluggish(SimulatedVenue):
    """It takes ten seconds to cancel anything."""

    at_once = most = 0

    async def clear(self, order_id: str) -> bool:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await trio.sleep(10)
        self.at_once -= 1
        return await super().clear(order_id)


async def test_one_order_is_worked_on_by_one_task(
    autojump_clock: MockClock, port: Port, order: Entrusted, tmp_path: Path
) -> None:
    port.venue = venue = Sluggish(tmp_path / "venue.json")
    order.task = "DRAIN"
    port.hire("a")
    await trio.sleep(60)
    assert order.taken == ["DRAINED a"]
    assert venue.most == 1


async def test_many_orders_go_there_beside_each_other(autojump_clock: MockClock, port: Port) -> None:
    """More than the exchange tells at once, by two workers; one venue answer is slow, and delays nobody."""
    orders = [port.exchange.entrust(number, CASH=10_000 + number) for number in range(9)]
    port.venue.behave(SEND, CASH, Conduct(after=25))
    port.hire("a")
    port.hire("b")
    await trio.sleep(5)
    assert sum(order.task is None for order in orders) == 8
    await trio.sleep(25)
    assert [port.holding(order)[CASH] for order in orders] == list(range(10_000, 10_009))
    assert set(port.calls().values()) == {1}


async def test_what_is_slow_is_asked_about_now_and_then(
    autojump_clock: MockClock, port: Port, order: Entrusted
) -> None:
    """It is on its way for two questions, and not to be seen for two more: each after half a minute."""
    port.venue.behave(SEND, CASH, Conduct(queries=2, looks=2))
    port.hire("a")
    await trio.sleep(118)
    assert order.taken[-1] == "CONFIRMED CASH a"
    await trio.sleep(6)
    assert order.taken[-1] == "CREDITED CASH a"
    assert port.venue.state.transfers[f"mmw:{order.order_id}:CASH:1"].asked == 3


@pytest.mark.parametrize("truth", [Word.CONFIRMED, Word.REJECTED, Word.UNCLEAR])
@pytest.mark.parametrize("after", [0, 3_600])
async def test_after_silence_there_are_only_questions(
    autojump_clock: MockClock, port: Port, order: Entrusted, truth: Word, after: float
) -> None:
    """Whether the venue says that it does not know, or says nothing at all."""
    port.venue.behave(SEND, CASH, Conduct(says=Word.UNCLEAR, comes_to=truth, after=after))
    port.hire("a")
    await trio.sleep(300)
    assert order.taken[1:3] == ["CALL CASH a", "UNKNOWN CASH a"]
    assert [step.split()[0] for step in order.taken[3:]] == {
        Word.CONFIRMED: ["ACCEPTED", "CONFIRMED", "CREDITED"],
        Word.REJECTED: ["REJECTED"],
        Word.UNCLEAR: [],
    }[truth]
    assert set(port.calls().values()) == {1}
    if truth is Word.UNCLEAR:
        asked = port.venue.state.transfers[f"mmw:{order.order_id}:CASH:1"].asked
        assert 8 <= asked <= 10


async def test_what_was_surely_not_sent_is_tried_again_under_another_key(
    autojump_clock: MockClock, port: Port, order: Entrusted
) -> None:
    port.venue.behave(SEND, CASH, Conduct(says=Word.NOT_SENT), Conduct(says=Word.NOT_SENT))
    port.hire("a")
    await trio.sleep(20)
    assert len(port.venue.state.called) == 1  # the next after half a minute
    await trio.sleep(50)
    assert order.task is None
    assert port.calls() == {f"mmw:{order.order_id}:CASH:{attempt}": 1 for attempt in (1, 2, 3)}


async def test_what_the_venue_refuses_is_told_so(
    autojump_clock: MockClock, port: Port, order: Entrusted
) -> None:
    port.venue.behave(SEND, CASH, Conduct(says=Word.REJECTED))
    port.hire("a")
    await trio.sleep(100)
    assert order.taken == ["BEGIN OUT", "CALL CASH a", "REJECTED CASH a"]


async def test_less_than_was_sent_is_waited_for_until_somebody_looks_into_it(
    autojump_clock: MockClock, port: Port, order: Entrusted
) -> None:
    port.venue.behave(SEND, CASH, Conduct(short=1))
    port.hire("a")
    await trio.sleep(100)
    assert order.taken[-1] == "CONFIRMED CASH a"
    order.task = "WATCH"
    await trio.sleep(40)
    assert order.observed == {"OUT CASH": 99_999}


@pytest.mark.parametrize("lost", ["before", "after"])
@pytest.mark.parametrize("number", range(5))
async def test_a_line_that_breaks_at_any_step_changes_nothing(
    autojump_clock: MockClock, port: Port, order: Entrusted, number: int, lost: str
) -> None:
    port.exchange.lose_step[number] = lost
    worker = port.hire("a")
    await trio.sleep(5)
    assert worker.line.reconnects == 1
    assert order.taken == ["BEGIN OUT"] + [
        f"{step} CASH a" for step in ("CALL", "ACCEPTED", "CONFIRMED", "CREDITED")
    ]
    assert set(port.calls().values()) == {1}


@pytest.mark.parametrize("lost", ["before", "after"])
@pytest.mark.parametrize("number", range(5))
async def test_a_worker_killed_at_any_step_is_followed_by_another(
    autojump_clock: MockClock, port: Port, order: Entrusted, number: int, lost: str
) -> None:
    """Just before or just after the exchange takes it; the venue may have been called, and is not again."""
    port.exchange.lose_step[number] = lost
    port.exchange.at_loss = lambda: port.kill("a")
    port.hire("a")
    await trio.sleep(2)
    port.hire("b")
    await trio.sleep(200)
    was_called = number > 1
    claimed = number > 1 or (number == 1 and lost == "after")
    assert sum(port.calls().values()) == (0 if claimed and not was_called else 1)
    if claimed and not was_called:
        # Nobody can know that it died ahead of the call.
        assert order.legs["OUT", "CASH"].status == "UNKNOWN"
    else:
        assert (order.task, port.holding(order)) == (None, {CASH: 100_000, YES: 0, NO: 0})


async def test_a_worker_killed_while_the_venue_is_called_is_followed_by_questions(
    autojump_clock: MockClock, port: Port, order: Entrusted
) -> None:
    port.venue.behave(SEND, CASH, Conduct(after=20))
    port.hire("a")
    await trio.sleep(3)
    assert len(port.venue.state.called) == 1
    port.kill("a")
    port.hire("b")
    await trio.sleep(50)
    assert order.taken == ["BEGIN OUT", "CALL CASH a"]  # as long as the claim lasts
    await trio.sleep(20)
    assert order.taken[2:] == ["ACCEPTED CASH b", "CONFIRMED CASH b", "CREDITED CASH b"]
    assert set(port.calls().values()) == {1}


async def test_who_is_told_to_stop_tells_what_came_of_its_call(
    autojump_clock: MockClock, port: Port, order: Entrusted
) -> None:
    port.venue.behave(SEND, CASH, Conduct(after=20))
    worker = port.hire("a")
    await trio.sleep(2)
    worker.stop.set()
    await trio.sleep(30)
    assert order.taken[:3] == ["BEGIN OUT", "CALL CASH a", "ACCEPTED CASH a"]


async def test_what_there_is_comes_back(autojump_clock: MockClock, port: Port, order: Entrusted) -> None:
    """All of it: also what was gained there."""
    port.hire("a")
    await trio.sleep(5)
    port.venue.gain(order.order_id, CASH, 48)
    order.task = "BACK"
    await trio.sleep(5)
    assert order.task is None
    assert order.observed["BACK CASH"] == 100_048
    assert port.holding(order)[CASH] == 0
    assert order.taken[5:] == [
        "BEGIN BACK",
        *(f"{step} CASH a" for step in ("CALL", "ACCEPTED", "CONFIRMED", "CREDITED")),
    ]


async def test_what_came_back_is_told_as_it_came(
    autojump_clock: MockClock, port: Port, order: Entrusted
) -> None:
    port.venue.behave(BRING_BACK, CASH, Conduct(short=5, queries=1))
    port.hire("a")
    await trio.sleep(5)
    order.task = "BACK"
    await trio.sleep(40)
    assert order.observed["BACK CASH"] == 99_995


async def test_an_order_quotes_there_and_leaves_nothing_when_it_is_to_stop(
    autojump_clock: MockClock, port: Port, order: Entrusted
) -> None:
    """It is drained when no cycle of before can lay out any more, whoever began it."""
    port.hire("a")
    await trio.sleep(5)
    seat = port.exchange.seat(1, venue="simulated")
    await trio.sleep(15)
    resting = port.venue.state.resting[order.order_id]
    assert [(one.original_price_cents, one.quantity) for one in resting] == [(48, 10), (47, 10)]
    assert seat.orders == {}  # here, at the exchange
    port.venue.fill(order.order_id, resting[0].client_order_id, 10)
    await trio.sleep(10)
    assert seat.equities[-1] == 100_000 - 480 + 10 * 101 // 2
    del port.exchange.seats[seat.order_id]
    order.task = "DRAIN"
    await trio.sleep(3)
    assert port.venue.state.resting == {}
    await trio.sleep(20)
    assert order.task == "DRAIN"
    await trio.sleep(5)
    assert order.taken[-1] == "DRAINED a"


async def test_an_order_at_a_venue_is_for_those_who_go_there(
    autojump_clock: MockClock, port: Port, order: Entrusted
) -> None:
    seat = port.exchange.seat(1, venue="elsewhere")
    port.hire("a")
    await trio.sleep(5)
    assert seat.cycle_no == 0
