"""Workers at the exchange's own kernel and streams, for hours of its time: late, doubled, killed, paused.

The clock jumps, so an hour of it takes seconds. What is checked is in the journal: whatever was decided is
there, and nothing else happened. HYPOTHESIS_PROFILE=thorough runs ten thousand cycles.
"""

import itertools
import os
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from itertools import pairwise

import attrs
import pytest
import trio
from trio.testing import MockClock

from adapters.access.tokens import SERVICES, TokenType
from adapters.service.schedule import tick_regularly
from adapters.wire.user_responses import WORKER_ID
from amm.live.credentials import Credentials
from kernel.answers import Placed
from kernel.audit import audit
from kernel.codes import AMM_ID, Direction, Side
from kernel.commands import CancelOrder, OrderTerms, PlaceOrder
from kernel.events import Fact, OrderAccepted
from kernel.making_answers import MmOrderIs
from kernel.making_commands import ControlMmOrder, CreateMmOrder, MmPolicy, MmTerms, PayMmOrder
from kernel.making_edges import MmAsset, MmControl
from kernel.making_events import MmLeaseAcquired, MmLeaseReleased
from makers.cycle.commands import Place, Replace
from makers.live.line import Line, to
from makers.live.wire import Hint, Request, Result
from makers.live.worker import Limits, Worker
from tests.adapters.streaming import ANN, BEN, EVE, ROOT, Venue, running

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
CYCLES = 10_000 if THOROUGH else 600
MARKETS = ("A", "B", "C", "D")
OWNERS = (ANN, BEN, EVE, ROOT)
REFRESH_MS = 1_000
POLICY = MmPolicy(changes_per_hour=100_000, lease_ms=5_000, cycle_deadline_ms=2_900)


@pytest.fixture
def jumping() -> MockClock:
    return MockClock(autojump_threshold=0)


@attrs.define(eq=False)
class LateLine(Line):
    """A line on which some of what is said for an order arrives up to twenty seconds later.

    It arrives also if whoever said it has given up by then: as from a process that slept.
    """

    chance: random.Random = attrs.field(factory=random.Random)
    late: Counter[int] = attrs.field(factory=Counter)
    on_the_way: trio.Nursery | None = None

    async def ask(self, requests: Sequence[Request]) -> list[Result]:
        if not isinstance(requests[0], Place | Replace) or self.chance.random() > 0.1:
            return await super().ask(requests)
        assert self.on_the_way is not None
        answered, results = trio.Event(), list[Result]()

        async def deliver() -> None:
            await trio.sleep(self.chance.uniform(0, 20))
            results.extend(await super(LateLine, self).ask(requests))
            self.late.update(result.code for result in results)
            answered.set()

        self.on_the_way.start_soon(deliver)
        await answered.wait()
        return results


@attrs.define(eq=False)
class Crew:
    """Workers who hear every hint three times, now and later."""

    venue: Venue
    nursery: trio.Nursery
    chance: random.Random = attrs.field(factory=lambda: random.Random(7))
    lives: dict[str, trio.CancelScope] = attrs.field(factory=dict)
    names: Callable[[], int] = attrs.field(factory=lambda: itertools.count().__next__)
    late: Counter[int] = attrs.field(factory=Counter)
    """Codes of the answers to what came late."""

    def hire(self) -> str:
        token = self.venue.server.tokens.issue(WORKER_ID, TokenType.SERVICE, SERVICES[WORKER_ID])
        credentials = Credentials(token, system_id=None)
        address = to(f"http://127.0.0.1:{self.venue.port}", credentials)
        line = LateLine(address, credentials, chance=self.chance, late=self.late)
        name = f"w{self.names()}"
        worker = Worker(name, line, Limits())
        self.lives[name] = scope = trio.CancelScope()

        async def live() -> None:
            with scope:
                async with trio.open_nursery() as nursery:
                    line.on_the_way = nursery
                    line.on_hint = lambda hint: nursery.start_soon(self.repeat, worker.hear, hint)
                    nursery.start_soon(line.run)
                    await worker.run()

        self.nursery.start_soon(live)
        return name

    async def repeat(self, hear: Callable[[Hint], None], hint: Hint) -> None:
        hear(hint)
        hear(hint)
        await trio.sleep(self.chance.uniform(0, 3))
        hear(hint)

    def kill_one(self) -> None:
        self.lives.pop(self.chance.choice(list(self.lives))).cancel()

    def end(self) -> None:
        for scope in self.lives.values():
            scope.cancel()


@attrs.define(eq=False)
class Middle:
    """Somebody whose quotes stand around a price that moves."""

    venue: Venue
    market_id: str
    numbers: Callable[[], int] = attrs.field(factory=lambda: itertools.count(1).__next__)
    resting: list[str] = attrs.field(factory=list)

    async def move_to(self, bid: int) -> None:
        for order_id in self.resting:
            await self.venue.ask(CancelOrder(at=now(self.venue), user_id=AMM_ID, order_id=order_id))
        self.resting = [await self.sell(Side.YES, bid + 5), await self.sell(Side.NO, 100 - bid)]

    async def sell(self, side: Side, price: int) -> str:
        number = self.numbers()
        terms = OrderTerms(side, Direction.SELL, price, 5)
        command = PlaceOrder(
            at=now(self.venue),
            user_id=AMM_ID,
            client_order_id=f"{self.market_id}-{number}",
            market_id=self.market_id,
            terms=terms,
            nonce=number,
        )
        (placed,) = await self.venue.server.actors.ask(command)
        assert isinstance(placed.answer, Placed), placed.answer
        return placed.answer.order.order.id


def now(venue: Venue) -> int:
    return venue.server.clock.now()


async def paid_order(venue: Venue, owner: str, market_id: str, nonce: int) -> str:
    create = CreateMmOrder(
        at=now(venue),
        user_id=owner,
        market_id=market_id,
        terms=MmTerms(refresh_interval_ms=REFRESH_MS),
        required_cash_cents=100_000,
        policy=POLICY,
        nonce=nonce,
    )
    (made,) = await venue.server.actors.ask(create)
    assert isinstance(made.answer, MmOrderIs), made.answer
    order_id = made.answer.order.order_id
    pay = PayMmOrder(
        at=now(venue), user_id=owner, order_id=order_id, asset=MmAsset.CASH, amount=100_000, key="all"
    )
    await venue.ask(pay)
    return order_id


async def facts_of(venue: Venue) -> list[Fact]:
    return [fact async for fact in venue.journal.read(0)]


@attrs.define
class Cycles:
    """What the journal tells of one order's cycles."""

    numbers: list[int] = attrs.field(factory=list)
    starts: list[int] = attrs.field(factory=list)
    fences: list[int] = attrs.field(factory=list)
    """Of its accepted exchange orders, in the order in which they were accepted."""
    ends: list[str] = attrs.field(factory=list)
    lease: int | None = None
    """The fence of the lease that is held."""


def cycles_in(facts: Sequence[Fact]) -> dict[str, Cycles]:
    """Of each order; it checks on the way that nothing was accepted without a lease, or under another."""
    found: dict[str, Cycles] = defaultdict(Cycles)
    for fact in facts:
        match fact.event:
            case MmLeaseAcquired() as event:
                cycles = found[event.order_id]
                assert cycles.lease is None, "two leases of one order"
                cycles.lease = event.fence
                cycles.numbers.append(event.cycle_no)
                cycles.starts.append(fact.at)
            case MmLeaseReleased() as event:
                cycles = found[event.order_id]
                assert cycles.lease is not None
                cycles.lease = None
                cycles.ends.append(event.outcome.value)
            case OrderAccepted(user_id=account) as event if account.startswith("mm:"):
                cycles = found[account[3:]]
                fence = int(event.client_order_id.split("_")[2])
                assert fence == cycles.lease, "accepted without its lease"
                cycles.fences.append(fence)
    return found


async def test_workers_that_are_late_doubled_and_killed_leave_no_trace_of_it(jumping: MockClock) -> None:
    """Twenty orders, four workers. Hints are lost on the way to nobody and come three times, commands come
    up to twenty seconds late, and every few seconds somebody is killed and somebody hired."""
    chance = random.Random(3)
    async with running(*MARKETS) as venue, trio.open_nursery() as nursery:
        nursery.start_soon(tick_regularly, venue.server)
        middles = [Middle(venue, market_id) for market_id in MARKETS]
        for middle in middles:
            await middle.move_to(48)
        for number in range(20):
            await paid_order(venue, OWNERS[number % 4], MARKETS[number // 4 % 4], number)
        crew = Crew(venue, nursery)
        for _ in range(4):
            crew.hire()
        cycles = 0
        while cycles < CYCLES or not saw_everything(await facts_of(venue), crew):
            assert cycles < 20 * CYCLES, "some trouble never comes"
            await trio.sleep(chance.uniform(0, 2))
            if chance.random() < 0.3:
                crew.kill_one()
                crew.hire()
            for middle in chance.sample(middles, 2):
                await middle.move_to(chance.randint(30, 60))
            cycles = sum(order.cycle_no for order in venue.exchange.making.orders.values())
        crew.end()
        found = cycles_in(await facts_of(venue))
        assert audit(venue.exchange) == []
        nursery.cancel_scope.cancel()
    assert len(found) == 20
    for one in found.values():
        assert one.numbers == list(range(1, len(one.numbers) + 1))
        assert one.fences == sorted(one.fences)


def saw_everything(facts: Sequence[Fact], crew: Crew) -> bool:
    """Cycles that came out in every way, and commands that were too late."""
    ends = {end for one in cycles_in(facts).values() for end in one.ends}
    return ends >= {"DONE", "UNCHANGED", "ABANDONED", "ERROR"} and crew.late[7105] > 0


async def test_two_hundred_pauses_at_random_moments(jumping: MockClock) -> None:
    """However often, and in whatever instant of a cycle: never two cycles within the refresh interval, never
    more quotes than wanted, none while it is paused."""
    chance = random.Random(5)
    async with running("A") as venue, trio.open_nursery() as nursery:
        nursery.start_soon(tick_regularly, venue.server)
        middle = Middle(venue, "A")
        await middle.move_to(48)
        order_id = await paid_order(venue, ANN, "A", 1)
        order = venue.exchange.making.orders[order_id]
        crew = Crew(venue, nursery)
        crew.hire()
        crew.hire()

        async def tell(control: MmControl, number: int) -> None:
            await venue.ask(
                ControlMmOrder(
                    at=now(venue), order_id=order_id, control=control, user_id=ANN, key=f"{control}{number}"
                )
            )

        for number in range(200):
            await trio.sleep(chance.choice((0, 0.001, 0.01, chance.random(), chance.uniform(0, 3))))
            await tell(MmControl.PAUSE, number)
            assert order.is_drained
            await trio.sleep(chance.choice((0, 0.001, 0.3)))
            assert order.is_drained
            await tell(MmControl.RESUME, number)
            assert order.position is None or len(order.position.live) <= 2 * 2
            if chance.random() < 0.2:
                await middle.move_to(chance.randint(40, 55))
        await trio.sleep(3)
        assert order.position is not None
        assert len(order.position.live) == 2
        crew.end()
        (one,) = cycles_in(await facts_of(venue)).values()
        assert audit(venue.exchange) == []
        nursery.cancel_scope.cancel()
    assert min(later - earlier for earlier, later in pairwise(one.starts)) >= REFRESH_MS * 1_000
    assert len(one.starts) > 50
    assert "INTERRUPTED" in one.ends
