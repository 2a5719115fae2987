"""Orders that quote at a venue elsewhere: the exchange's own kernel and streams, workers, a simulated venue.

The clock jumps. A worker may be killed ahead of and behind everything that it asks the exchange or the venue;
whatever comes of that, no cent is sent twice, and the way ends. HYPOTHESIS_PROFILE=thorough kills at each.
"""

import itertools
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import attrs
import pytest
import trio
from trio.testing import MockClock

from adapters.access.tokens import SERVICES, TokenType
from adapters.service.schedule import tick_regularly
from adapters.wire.user_responses import WORKER_ID
from amm.live.credentials import Credentials
from kernel.answers import Answer as KernelAnswer
from kernel.answers import Refusal
from kernel.audit import audit
from kernel.codes import Code, Side
from kernel.events import decode_event
from kernel.journal import MemoryJournal
from kernel.making_commands import (
    ControlMmOrder,
    CreateMmOrder,
    MmPolicy,
    MmTerms,
    Observed,
    PayMmOrder,
    ReconcileMmOrder,
    VenueRules,
    WithdrawMmOrder,
)
from kernel.making_edges import MmAsset, MmCaseOutcome, MmControl, MmKind, MmLocation, MmState
from kernel.making_events import MmOrderChanged
from kernel.making_order import MmOrder
from makers.live.line import Line, to
from makers.live.mover import Mover, Pace
from makers.live.wire import Request, Result, VenueStep
from makers.live.worker import Limits, Worker
from makers.venues.simulated import Call, Conduct, SimulatedVenue
from makers.venues.venue import Answer, Asset, Word
from tests.adapters.streaming import ANN, BEN, ROOT, UNLIMITED, a_place, running
from tests.adapters.streaming import Venue as Exchange

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
NAME = "simulated"
SETTINGS = attrs.evolve(UNLIMITED, mm_withdraw_to_exchange_enabled=True, mm_venues=(NAME,))
CASH, SEND = Asset.CASH, Call.SEND
FUNDS = 10_000_000
DEADLINE_MS = 120_000
"""For each half of the way; by default it is half an hour."""


@pytest.fixture
def jumping() -> MockClock:
    return MockClock(autojump_threshold=0)


@attrs.define
class Fate:
    """When a worker is killed: ahead of or behind the so manieth thing that it asks anybody."""

    number: int = -1
    when: str = "before"
    asked: list[str] = attrs.field(factory=list)
    kill: Callable[[], None] = lambda: None

    def _meets(self, when: str) -> bool:
        return len(self.asked) - 1 == self.number and self.when == when

    async def ahead(self, what: str) -> None:
        self.asked.append(what)
        if self._meets("before"):
            self.kill()
            await trio.lowlevel.checkpoint()

    async def behind(self) -> None:
        if self._meets("after"):
            self.kill()
            await trio.lowlevel.checkpoint()


@attrs.define(eq=False)
class MortalLine(Line):
    fate: Fate = attrs.field(factory=Fate)

    async def ask(self, requests: Sequence[Request]) -> list[Result]:
        if not isinstance(requests[0], VenueStep):
            return await super().ask(requests)
        await self.fate.ahead(requests[0].step.value)
        results = await super().ask(requests)
        await self.fate.behind()
        return results


class MortalVenue(SimulatedVenue):
    """As a worker has it: what is asked of it may be the last."""

    def __init__(self, path: Path, fate: Fate) -> None:
        super().__init__(path)
        self.fate = fate

    async def send(self, request_key: str, leg: Asset, amount: int) -> Answer:
        await self.fate.ahead("send")
        answer = await super().send(request_key, leg, amount)
        await self.fate.behind()
        return answer

    async def bring_back(self, request_key: str, leg: Asset, amount: int) -> Answer:
        await self.fate.ahead("bring back")
        answer = await super().bring_back(request_key, leg, amount)
        await self.fate.behind()
        return answer

    async def query(self, request_key: str) -> Answer:
        await self.fate.ahead("query")
        answer = await super().query(request_key)
        await self.fate.behind()
        return answer

    async def credited(self, order_id: str) -> Mapping[Asset, int]:
        await self.fate.ahead("credited")
        shown = await super().credited(order_id)
        await self.fate.behind()
        return shown

    async def clear(self, order_id: str) -> bool:
        await self.fate.ahead("clear")
        is_clear = await super().clear(order_id)
        await self.fate.behind()
        return is_clear


@attrs.define(eq=False)
class Place:
    """An exchange, a venue elsewhere, workers between them, and one order of ann's."""

    exchange: Exchange
    path: Path
    nursery: trio.Nursery
    order_id: str = ""
    lives: dict[str, trio.CancelScope] = attrs.field(factory=dict)
    _numbers: Callable[[], int] = attrs.field(factory=lambda: itertools.count(1).__next__)

    @property
    def venue(self) -> SimulatedVenue:
        return SimulatedVenue(self.path)

    @property
    def order(self) -> MmOrder:
        return self.exchange.exchange.making.orders[self.order_id]

    @property
    def state(self) -> MmState:
        return self.order.state

    @property
    def at(self) -> int:
        return self.exchange.server.clock.now()

    @property
    def anns(self) -> int:
        return self.exchange.exchange.accounts[ANN].available

    def calls(self) -> Counter[str]:
        return Counter(key for _, key in self.venue.state.called)

    async def asked(self, command: Any) -> KernelAnswer | Refusal:
        (outcome,) = await self.exchange.server.actors.ask(command)
        return outcome.answer

    async def granted(self, command: Any) -> Any:
        answer = await self.asked(command)
        assert not isinstance(answer, Refusal), answer
        return answer

    def hire(self, name: str, fate: Fate | None = None) -> Worker:
        fate = fate or Fate()
        token = self.exchange.server.tokens.issue(WORKER_ID, TokenType.SERVICE, SERVICES[WORKER_ID])
        credentials = Credentials(token, system_id=None)
        address = to(f"http://127.0.0.1:{self.exchange.port}", credentials)
        line = MortalLine(address, credentials, fate=fate)
        venue = MortalVenue(self.path, fate)
        worker = Worker(name, line, Limits(sweep_ms=5_000), venues={NAME: venue})
        mover = Mover(name, line, NAME, venue, Pace(sweep_ms=2_000))
        self.lives[name] = scope = trio.CancelScope()
        fate.kill = scope.cancel

        async def live() -> None:
            with scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(line.run)
                    nursery.start_soon(worker.run)
                    nursery.start_soon(mover.run, worker.stop)

        self.nursery.start_soon(live)
        return worker

    async def order_one(self, cash: int = 100_000, **more: Any) -> None:
        made = await self.granted(
            CreateMmOrder(
                at=self.at,
                user_id=ANN,
                market_id="M",
                terms=MmTerms(refresh_interval_ms=2_000, **more),
                required_cash_cents=cash,
                venue=NAME,
                policy=MmPolicy(withdrawal_timeout_ms=DEADLINE_MS),
                venue_rules=VenueRules(enabled=True, names=(NAME,)),
                nonce=self._numbers(),
            )
        )
        self.order_id = made.order.order_id
        await self.granted(
            PayMmOrder(
                at=self.at, user_id=ANN, order_id=self.order_id, asset=MmAsset.CASH, amount=cash, key="all"
            )
        )

    async def tell(self, control: MmControl) -> KernelAnswer | Refusal:
        key = f"{control}{self._numbers()}"
        return await self.asked(
            ControlMmOrder(at=self.at, order_id=self.order_id, control=control, user_id=ANN, key=key)
        )

    async def take_all_out(self) -> KernelAnswer | Refusal:
        number = self._numbers()
        return await self.asked(
            WithdrawMmOrder(
                at=self.at, order_id=self.order_id, user_id=ANN, all=True, key=f"out{number}", nonce=number
            )
        )

    async def reconcile(
        self, outcome: MmCaseOutcome, observed: Observed | None = None, by: str = ROOT
    ) -> KernelAnswer | Refusal:
        return await self.asked(
            ReconcileMmOrder(
                at=self.at,
                order_id=self.order_id,
                outcome=outcome,
                observed=observed,
                evidence="its statement",
                reason="looked into it",
                by=by,
                by_id=by,
            )
        )

    async def until(self, condition: Callable[[], bool], seconds: float = 600) -> None:
        end = trio.current_time() + seconds
        while not condition():
            assert trio.current_time() < end, (self.state, self.order.venue_legs, self.steps())
            await trio.sleep(0.5)

    def steps(self) -> list[str]:
        return [fact.to_state.value for fact in self.trail if fact.kind == "TRANSITION"]

    @property
    def trail(self) -> list[MmOrderChanged]:
        events = [decode_event(payload) for *_, payload in cast(MemoryJournal, self.exchange.journal).rows]
        return [
            event for event in events if isinstance(event, MmOrderChanged) and event.order_id == self.order_id
        ]


@asynccontextmanager
async def at_a_place(folder: Path) -> AsyncIterator[Place]:
    async with running("M", settings=SETTINGS) as exchange, trio.open_nursery() as nursery:
        nursery.start_soon(tick_regularly, exchange.server)
        await exchange.ask(a_place(BEN, price=48), a_place(BEN, side=Side.NO, price=47))
        place = Place(exchange, folder / "venue.json", nursery)
        place.venue.rest(bids=[(48, 5)], asks=[(53, 5)])
        yield place
        assert audit(exchange.exchange) == []
        nursery.cancel_scope.cancel()


async def test_the_whole_way_there_and_back(jumping: MockClock, tmp_path: Path) -> None:
    """Out, quoting there, stopped, drained, brought back, taken out: to the cent."""
    async with at_a_place(tmp_path) as place:
        before = place.anns
        await place.order_one()
        place.hire("a")
        place.hire("b")
        await place.until(lambda: place.state is MmState.RUNNING)
        assert place.steps()[1:] == [
            *("payment_complete", "withdrawing", "withdrawal_confirmed", "deposit_confirming"),
            *("deposit_confirmed", "created", "running"),
        ]
        await place.until(lambda: bool(place.venue.state.resting.get(place.order_id)))
        resting = place.venue.state.resting[place.order_id]
        assert [(one.original_price_cents, one.quantity) for one in resting] == [(48, 10), (47, 10)]
        assert place.exchange.exchange.markets["M"].book.depth() == ([(48, 10)], [(53, 10)])
        assert isinstance(await place.take_all_out(), Refusal)
        await place.tell(MmControl.STOP)
        assert not place.order.is_drained
        await place.until(lambda: place.order.location is MmLocation.ESCROW)
        assert place.venue.state.resting == {}
        assert place.state is MmState.STOPPED
        await place.take_all_out()
        assert (place.state, place.anns) == (MmState.REFUNDED, before)
        assert set(place.calls().values()) == {1}


async def test_a_pause_and_a_resume_there(jumping: MockClock, tmp_path: Path) -> None:
    async with at_a_place(tmp_path) as place:
        await place.order_one()
        place.hire("a")
        place.hire("b")
        await place.until(lambda: bool(place.venue.state.resting.get(place.order_id)))
        await place.tell(MmControl.PAUSE)
        assert isinstance(await place.tell(MmControl.RESUME), Refusal)
        await place.until(lambda: place.order.is_drained, 35)
        assert place.venue.state.resting == {}
        await place.granted(
            ControlMmOrder(
                at=place.at, order_id=place.order_id, control=MmControl.RESUME, user_id=ANN, key="again"
            )
        )
        await place.until(lambda: bool(place.venue.state.resting.get(place.order_id)), 10)


async def test_what_was_lost_there_stops_it(jumping: MockClock, tmp_path: Path) -> None:
    """The worker says what it is worth there; the exchange compares it with what may be lost."""
    async with at_a_place(tmp_path) as place:
        await place.order_one(max_loss_cents=20_000)
        place.hire("a")
        await place.until(lambda: place.state is MmState.RUNNING)
        place.venue.gain(place.order_id, CASH, -20_000)
        await place.until(lambda: place.state is MmState.STOPPED, 30)
        assert place.order.reason == "KILL_MAX_LOSS"


async def test_what_was_gained_there_is_for_an_administrator(jumping: MockClock, tmp_path: Path) -> None:
    async with at_a_place(tmp_path) as place:
        before = place.anns
        await place.order_one()
        place.hire("a")
        await place.until(lambda: place.state is MmState.RUNNING)
        place.venue.gain(place.order_id, CASH, 48)
        await place.tell(MmControl.STOP)
        await place.until(lambda: place.order.reconcile_required)
        refused = await place.take_all_out()
        assert isinstance(refused, Refusal)
        assert refused.code is Code.REFUND_UNSAFE
        observed = Observed(100_048, 0, 0)
        for by in (ROOT, BEN):
            assert not isinstance(
                await place.reconcile(MmCaseOutcome.RECOVERED_TO_ESCROW, observed, by), Refusal
            )
        await place.take_all_out()
        assert place.anns == before + 48


async def test_what_the_venue_refuses_is_paid_back(jumping: MockClock, tmp_path: Path) -> None:
    async with at_a_place(tmp_path) as place:
        before = place.anns
        place.venue.behave(SEND, CASH, Conduct(says=Word.REJECTED))
        await place.order_one()
        place.hire("a")
        await place.until(lambda: place.state is MmState.REFUNDED, 10)
        assert place.anns == before
        assert place.steps()[-3:] == ["withdrawing", "failed", "refunded"]


@pytest.mark.parametrize("outcome", MmCaseOutcome)
async def test_silence_is_a_case_that_an_administrator_closes(
    jumping: MockClock, tmp_path: Path, outcome: MmCaseOutcome
) -> None:
    """Until its deadline it is asked about, never called again; then nothing moves until somebody knows."""
    async with at_a_place(tmp_path) as place:
        before = place.anns
        place.venue.behave(SEND, CASH, Conduct(says=Word.UNCLEAR, comes_to=Word.UNCLEAR))
        await place.order_one()
        place.hire("a")
        place.hire("b")
        await place.until(lambda: place.state is MmState.FAILED)
        assert place.order.failure_code == "VENUE_TIMEOUT"
        assert place.order.reconcile_required
        refund = ControlMmOrder(
            at=place.at,
            order_id=place.order_id,
            control=MmControl.REFUND,
            by=ROOT,
            by_id=ROOT,
            reason="wants it",
            key="r",
        )
        refused = await place.asked(refund)
        assert isinstance(refused, Refusal)
        assert refused.code is Code.REFUND_UNSAFE
        await trio.sleep(60)
        assert sum(place.calls().values()) == 1
        match outcome:
            case MmCaseOutcome.RECOVERED_TO_ESCROW:
                await place.reconcile(outcome, Observed(100_000, 0, 0))
                await place.take_all_out()
                assert (place.state, place.anns) == (MmState.REFUNDED, before)
            case MmCaseOutcome.CONFIRMED_AT_VENUE:
                place.venue.gain(place.order_id, CASH, 100_000)
                await place.reconcile(outcome)
                await place.until(lambda: bool(place.venue.state.resting.get(place.order_id)))
                assert place.state is MmState.RUNNING
            case MmCaseOutcome.WRITTEN_OFF:
                await place.reconcile(outcome)
                assert place.order.reconcile_required
                await place.reconcile(outcome, by=BEN)
                assert not place.order.reconcile_required
                assert (place.state, place.anns) == (MmState.FAILED, before - 100_000)
        assert sum(place.calls().values()) == 1


async def test_a_confirmation_that_comes_too_late_moves_nothing(jumping: MockClock, tmp_path: Path) -> None:
    async with at_a_place(tmp_path) as place:
        place.venue.behave(SEND, CASH, Conduct(says=Word.UNCLEAR, queries=7))
        await place.order_one()
        place.hire("a")
        await place.until(lambda: place.state is MmState.FAILED)
        money = place.anns, place.order.away.cash
        trail = len(place.trail)
        await trio.sleep(120)
        assert [one.kind for one in place.trail[trail:]] == [MmKind.VENUE] * 2
        assert (place.state, place.order.reconcile_required) == (MmState.FAILED, True)
        assert (place.anns, place.order.away.cash) == money


async def test_money_that_arrives_short_is_a_case(jumping: MockClock, tmp_path: Path) -> None:
    async with at_a_place(tmp_path) as place:
        place.venue.behave(SEND, CASH, Conduct(short=1))
        await place.order_one()
        place.hire("a")
        await place.until(lambda: place.state is MmState.FAILED)
        assert place.order.reconcile_required


async def follow(place: Place) -> None:
    """To its end, with an administrator who looks at the venue's books where there is a case."""
    before = place.anns
    await place.order_one()
    while place.state is not MmState.REFUNDED:
        await place.until(
            lambda: (
                place.order.reconcile_required
                or place.state is MmState.RUNNING
                or (place.state is MmState.STOPPED and place.order.location is MmLocation.ESCROW)
            )
        )
        if place.state is MmState.RUNNING:
            await place.tell(MmControl.STOP)
        elif place.order.reconcile_required:
            # Nothing is there: whoever had claimed the call died ahead of it, and the exchange cannot know.
            has_left = any(one.call is SEND for one in place.venue.state.transfers.values())
            assert not has_left or place.state is MmState.STOPPED
            if has_left:
                # It is there still, and nobody may call again: it is brought here by hand.
                place.venue.gain(place.order_id, CASH, -100_000)
            await place.reconcile(MmCaseOutcome.RECOVERED_TO_ESCROW, Observed(100_000, 0, 0))
        else:
            await place.take_all_out()
    assert place.anns == before
    assert set(place.venue.state.holdings.get(place.order_id, {}).values()) <= {0}
    assert max(place.calls().values(), default=0) <= 1
    assert len(place.calls()) <= 2


ASKED = 22
"""So many things a worker asks for one way there and back, or a few more."""
POINTS = [(number, when) for number in range(ASKED) for when in ("before", "after")]


@pytest.mark.parametrize(("number", "when"), POINTS if THOROUGH else POINTS[::7])
async def test_a_worker_killed_anywhere_on_the_way_is_followed_by_another(
    jumping: MockClock, tmp_path: Path, number: int, when: str
) -> None:
    async with at_a_place(tmp_path) as place:
        fate = Fate(number, when)
        place.hire("a", fate)

        async def replace() -> None:
            while not place.lives["a"].cancel_called:
                await trio.sleep(0.5)
            place.hire("b")

        place.nursery.start_soon(replace)
        await follow(place)
        print(fate.asked)


async def test_those_are_all_the_moments(jumping: MockClock, tmp_path: Path) -> None:
    """A worker that is let live asks just so much."""
    async with at_a_place(tmp_path) as place:
        fate = Fate()
        place.hire("a", fate)
        await follow(place)
    assert fate.asked == [
        *("BEGIN", "CALL", "send", "ACCEPTED", "query", "CONFIRMED", "credited", "CREDITED"),
        *("clear", "clear", "DRAINED"),
        *("BEGIN", "credited", "CALL", "bring back", "ACCEPTED", "query", "CONFIRMED", "query", "CREDITED"),
    ]
    assert len(fate.asked) <= ASKED
