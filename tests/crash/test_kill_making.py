"""Market-making orders, and the exchange killed at every step of what takes more than one.

Beside it runs a second kernel in the test, which is never killed. After each kill the exchange is in the
state before the command or in that behind it, and the same command, sent again, leads to that behind it.
HYPOTHESIS_PROFILE=thorough kills at each step in each way, alone and together with PostgreSQL.
"""

import random
import shutil
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import attrs
import msgspec
import pytest
import trio

from kernel.answers import Outcome, Placed, Refusal
from kernel.codes import Direction, Side
from kernel.commands import (
    ActivateMarket,
    AnyCommand,
    BurnShares,
    CreateMarket,
    Deposit,
    MarketTerms,
    OpenAccount,
    OpenJournal,
    OrderTerms,
    PlaceOrder,
    ReplaceOrder,
    Tick,
)
from kernel.exchange import Exchange
from kernel.making_answers import MmLease, MmLeases, MmOrderIs
from kernel.making_commands import (
    AcquireMmLeases,
    ControlMmOrder,
    CreateMmOrder,
    MmCounts,
    Observed,
    PayMmOrder,
    ReconcileMmOrder,
    ReleaseMmLease,
    RenewMmLease,
    StepMmVenue,
    VenueRules,
    WithdrawMmOrder,
)
from kernel.making_edges import MmAsset, MmCaseOutcome, MmControl, MmDirection, MmOutcome, MmStep
from tests.crash.test_kill import AT, THOROUGH, Caller, Server

Procedure: TypeAlias = Generator[AnyCommand, Outcome, None]
"""Commands in their order; what the next one is may depend on what came of the one before."""
SECOND = 1_000_000
ANN, BEN, CAT, ROOT = "ann", "ben", "cat", "root"
NAME = "elsewhere"
T = TypeVar("T")


@attrs.define
class Script:
    """The commands of one procedure, each a little later than the one before."""

    at: int = AT
    numbers: Callable[[], int] = attrs.field(factory=lambda: count(1).__next__)

    def then(self, kind: Callable[..., T], seconds: float = 0.001, **members: Any) -> T:
        self.at += int(seconds * SECOND)
        return kind(at=self.at, **members)

    def place(self, user_id: str, side: Side, price: int, quantity: int) -> PlaceOrder:
        number = self.numbers()
        return self.then(
            PlaceOrder,
            user_id=user_id,
            client_order_id=f"{user_id}-{number}",
            market_id="M",
            terms=OrderTerms(side, Direction.BUY, price, quantity),
            nonce=number,
        )

    def opening(self) -> Procedure:
        for user_id in (ANN, BEN, CAT):
            yield self.then(OpenAccount, user_id=user_id)
            yield self.then(Deposit, user_id=user_id, amount=1_000_000)
        yield self.then(CreateMarket, market_id="M", terms=MarketTerms(title="?"), by=ROOT)
        yield self.then(ActivateMarket, market_id="M", by=ROOT)

    def ordered(self, **more: Any) -> Generator[AnyCommand, Outcome, str]:
        """An order, created and paid in two parts."""
        number = self.numbers()
        made = yield self.then(
            CreateMmOrder,
            user_id=ANN,
            market_id="M",
            required_cash_cents=100_000,
            key=f"new{number}",
            nonce=number,
            **more,
        )
        assert isinstance(made.answer, MmOrderIs), made.answer
        order_id = made.answer.order.order_id
        for key, amount in (("first", 40_000), ("second", 60_000)):
            yield self.then(
                PayMmOrder, user_id=ANN, order_id=order_id, asset=MmAsset.CASH, amount=amount, key=key
            )
        return order_id

    # A cycle

    def leased(self, seconds: float = 0.001, **more: Any) -> Generator[AnyCommand, Outcome, MmLease]:
        acquire = self.then(
            AcquireMmLeases,
            seconds,
            market_id="M",
            worker_id="w",
            strategies=("quoter.1",),
            limit=1,
            nonce=self.numbers(),
            **more,
        )
        answer = (yield acquire).answer
        assert isinstance(answer, MmLeases), answer
        (lease,) = answer.leases
        return lease

    def quote(self, lease: MmLease, number: int, side: Side, price: int) -> PlaceOrder:
        return self.then(
            PlaceOrder,
            user_id=lease.account,
            fence=lease.fence,
            client_order_id=f"mm_{lease.order_id.replace('-', '')}_{lease.fence}_{number}",
            market_id="M",
            terms=OrderTerms(side, Direction.BUY, price, 10, post_only=True),
            nonce=self.numbers(),
        )

    def under(self, lease: MmLease) -> dict[str, Any]:
        return {"order_id": lease.order_id, "worker_id": "w", "fence": lease.fence, "token": lease.token}

    def tell(self, order_id: str, control: MmControl) -> ControlMmOrder:
        key = f"{control}{self.numbers()}"
        return self.then(ControlMmOrder, user_id=ANN, order_id=order_id, control=control, key=key)

    def take_out(self, order_id: str, **what: Any) -> WithdrawMmOrder:
        number = self.numbers()
        return self.then(
            WithdrawMmOrder, user_id=ANN, order_id=order_id, key=f"out{number}", nonce=number, **what
        )

    def at_home(self) -> Procedure:
        """Three cycles: one that quotes, one that burns and moves, one whose worker is not heard of again."""
        yield self.place(BEN, Side.YES, 48, 50)
        yield self.place(BEN, Side.NO, 47, 50)
        order_id = yield from self.ordered()
        lease = yield from self.leased()
        first = yield self.quote(lease, 0, Side.YES, 48)
        yield self.quote(lease, 1, Side.NO, 47)
        yield self.then(RenewMmLease, **self.under(lease))
        yield self.then(
            ReleaseMmLease, **self.under(lease), outcome=MmOutcome.DONE, counts=MmCounts(placed=2)
        )
        # Others take ben's, and all of the order's quotes: they make ten pairs.
        yield self.place(CAT, Side.NO, 52, 60)
        yield self.place(CAT, Side.YES, 53, 60)
        lease = yield from self.leased(11)
        yield self.then(
            BurnShares,
            user_id=lease.account,
            fence=lease.fence,
            market_id="M",
            quantity=10,
            idempotency_key=f"mmb:{order_id}:{lease.fence}:0",
            nonce=self.numbers(),
        )
        placed = yield self.quote(lease, 0, Side.YES, 40)
        yield self.then(
            ReplaceOrder,
            user_id=lease.account,
            fence=lease.fence,
            old_order_id=resting(placed),
            client_order_id=f"mm_{order_id.replace('-', '')}_{lease.fence}_1",
            market_id="M",
            terms=OrderTerms(Side.YES, Direction.BUY, 41, 10, post_only=True),
            nonce=self.numbers(),
        )
        yield self.then(ReleaseMmLease, **self.under(lease), outcome=MmOutcome.DONE)
        lease = yield from self.leased(11)
        yield self.quote(lease, 0, Side.NO, 30)
        yield self.then(Tick, 16, market_id="M")
        assert resting(first)
        yield self.tell(order_id, MmControl.PAUSE)
        yield self.take_out(order_id, amount_cents=1_000)
        yield self.tell(order_id, MmControl.RESUME)
        lease = yield from self.leased(11)
        yield self.quote(lease, 0, Side.YES, 45)
        yield self.tell(order_id, MmControl.STOP)
        yield self.take_out(order_id, all=True)
        yield self.tell(order_id, MmControl.DELETE)

    # Elsewhere

    def elsewhere(self, **more: Any) -> Generator[AnyCommand, Outcome, str]:
        rules = VenueRules(enabled=True, names=(NAME,), max_cents_per_day=10**12)
        return (yield from self.ordered(venue=NAME, venue_rules=rules, **more))

    def step(self, order_id: str, direction: MmDirection, step: MmStep, **about: Any) -> StepMmVenue:
        if step not in (MmStep.BEGIN, MmStep.DRAINED):
            about["leg"] = MmAsset.CASH
        if step is MmStep.ACCEPTED:
            about["tx_id"] = "tx"
        if step is MmStep.CREDITED:
            about["amount"] = 100_000
        return self.then(
            StepMmVenue,
            order_id=order_id,
            worker_id="w",
            direction=direction,
            step=step,
            venue_rules=VenueRules(enabled=True, names=(NAME,), max_cents_per_day=10**12),
            **about,
        )

    def there_and_back(self) -> Procedure:
        """The first call is surely not sent, the last one's answer is lost."""
        order_id = yield from self.elsewhere()
        out, back = MmDirection.OUT, MmDirection.BACK
        for step in (MmStep.BEGIN, MmStep.CALL, MmStep.RETRY):
            yield self.step(order_id, out, step)
        for step in (MmStep.CALL, MmStep.ACCEPTED, MmStep.CONFIRMED, MmStep.CREDITED):
            yield self.step(order_id, out, step, attempt=2)
        lease = yield from self.leased(venues=(NAME,))
        yield self.then(ReleaseMmLease, **self.under(lease), outcome=MmOutcome.DONE, equity_cents=100_000)
        yield self.tell(order_id, MmControl.STOP)
        for step in (MmStep.DRAINED, MmStep.BEGIN, MmStep.CALL, MmStep.UNKNOWN):
            yield self.step(order_id, back, step)
        for step in (MmStep.ACCEPTED, MmStep.CONFIRMED, MmStep.CREDITED):
            yield self.step(order_id, back, step)
        yield self.take_out(order_id, all=True)

    def case(self, order_id: str, outcome: MmCaseOutcome, by: str, **more: Any) -> ReconcileMmOrder:
        return self.then(
            ReconcileMmOrder,
            order_id=order_id,
            outcome=outcome,
            evidence="a statement",
            reason="asked them",
            by=by,
            by_id=by,
            **more,
        )

    def lost_there(self) -> Procedure:
        """Nobody hears of the call again; two administrators write it off. Of another, one finds it again."""
        for outcome in (MmCaseOutcome.WRITTEN_OFF, MmCaseOutcome.RECOVERED_TO_ESCROW):
            order_id = yield from self.elsewhere()
            for step in (MmStep.BEGIN, MmStep.CALL):
                yield self.step(order_id, MmDirection.OUT, step)
            yield self.then(Tick, 61, market_id="M")
            yield self.then(Tick, 1_801, market_id="M")
            if outcome is MmCaseOutcome.WRITTEN_OFF:
                yield self.case(order_id, outcome, "root")
                yield self.case(order_id, outcome, "other")
            else:
                yield self.case(order_id, outcome, "root", observed=Observed(100_000, 0, 0))
                yield self.take_out(order_id, all=True)


def resting(outcome: Outcome) -> str:
    assert isinstance(outcome.answer, Placed), outcome.answer
    return outcome.answer.order.order.id


@attrs.define(eq=False)
class Trial:
    """The exchange that is killed, and the one that is not."""

    server: Server
    chance: random.Random
    spared: Exchange = attrs.field(factory=Exchange)
    kills: int = 0

    async def play(self, procedure: Procedure, way_at: "WayAt") -> None:
        caller = await self.server.caller()
        command, number = next(procedure), 0
        while True:
            before = as_told(self.spared)
            outcome = self.spared.execute(command)
            assert not isinstance(outcome.answer, Refusal), (command, outcome.answer)
            after = as_told(self.spared)
            found = before
            if (way := way_at(number)) is not None:
                await self.kill(caller, command, way)
                self.server.start()
                caller = await self.server.caller()
                found = await caller.ask([])
                assert found in (before, after), f"neither before nor behind {command}"
                assert way != "answered" or found == after
            if found == before or not isinstance(command, RenewMmLease):  # each renews from its own moment
                await caller.ask([command])
            assert way is None or await caller.ask([]) == after, f"again is not the same: {command}"
            number += 1
            try:
                command = procedure.send(outcome)
            except StopIteration:
                break
        assert await caller.ask([]) == as_told(self.spared)
        assert self.spared.audit() == []
        await caller.stream.aclose()

    async def kill(self, caller: Caller, command: AnyCommand, way: str) -> None:
        if way == "answered":
            await caller.ask([command])
        else:
            await caller.stream.send_all(msgspec.json.encode([command]) + b"\n")
            await trio.sleep(0 if way == "sent" else self.chance.uniform(0, 0.02))
        self.server.kill()
        self.kills += 1


def as_told(exchange: Exchange) -> bytes:
    return msgspec.json.encode(exchange.digest())


WAYS = ("sent", "deciding", "answered")
WayAt: TypeAlias = Callable[[int], str | None]
"""In which way to kill the exchange at each step, if at all."""
EVERY = 20
"""Without the time for all steps, every twentieth: others with each seed."""


STEPS_MIN = 15
"""Each life has more."""


def spare(_number: int) -> None:
    return None


def always(way: str) -> WayAt:
    return lambda _number: way


def ways(chance: random.Random) -> list[WayAt]:
    """For each time that a procedure is played."""
    if THOROUGH:
        return [always(way) for way in WAYS]
    first = chance.randrange(min(EVERY, STEPS_MIN))
    return [lambda number: chance.choice(WAYS) if number % EVERY == first else None]


@pytest.fixture
def folder() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="verdict-crash-"))
    yield place
    shutil.rmtree(place)


async def survive(server: Server, *scripts: Callable[[Script], Procedure]) -> Trial:
    seed = time.time_ns()
    print(f"seed {seed}")
    chance, script = random.Random(seed), Script()
    trial = Trial(server, chance)
    trial.spared.execute(OpenJournal(at=AT - 1))  # as the exchange has done
    try:
        server.start()
        await trial.play(script.opening(), spare)
        for procedure in scripts:
            for way_at in ways(chance):
                await trial.play(procedure(script), way_at)
    finally:
        server.kill()
    return trial


LIVES = (Script.at_home, Script.there_and_back, Script.lost_there)


async def test_an_exchange_killed_at_any_step_of_an_orders_life_goes_on_with_it(
    database_url: str, folder: Path
) -> None:
    assert (await survive(Server(folder, database_url), *LIVES)).kills


@pytest.mark.skipif(not THOROUGH, reason="takes its time: only in the thorough profile")
async def test_so_does_one_killed_together_with_its_postgresql(folder: Path) -> None:
    assert (await survive(Server(folder, None), *LIVES)).kills
