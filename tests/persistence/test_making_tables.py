"""The tables of market-making orders: what the journal says, in projection, rebuild and verification."""

import pytest

from bench.workload import market, opening, user
from kernel.answers import Refusal
from kernel.codes import Direction, Side
from kernel.commands import AnyCommand, OrderTerms, PlaceOrder
from kernel.exchange import Exchange
from kernel.journal import Decided
from kernel.making_answers import MmLeases, MmOrderIs
from kernel.making_commands import (
    AcquireMmLeases,
    ControlMmOrder,
    CreateMmOrder,
    MmCounts,
    MmLimits,
    MmTerms,
    PayMmOrder,
    ReleaseMmLease,
    RenewMmLease,
    WithdrawMmOrder,
)
from kernel.making_edges import MmAsset, MmControl, MmOutcome, MmState
from persistence.postgres.database import Connection, Database
from persistence.tables.making import DAYS_KEPT
from persistence.tables.portfolio_days import DAY
from persistence.tables.projector import Projector
from persistence.tools.rebuild import rebuild
from persistence.tools.replay import Verification, frozen_view
from tests.kernel.trading import NOON, SECOND
from tests.persistence.journaled import file
from tests.persistence.test_projector import contents


class Making:
    """Some orders of one owner, in as many states as can be."""

    def __init__(self) -> None:
        self.exchange = Exchange()
        self.decided = [Decided(wish, "", self.exchange.execute(wish)) for wish in opening(2, 2)]
        self.now = NOON
        self.market_id, self.owner = market(0), user(0)
        self._numbers = 0

    def do(self, command: AnyCommand) -> object:
        outcome = self.exchange.execute(command)
        assert not isinstance(outcome.answer, Refusal), outcome.answer
        self.decided.append(Decided(command, "", outcome))
        return outcome.answer

    def key(self) -> str:
        self._numbers += 1
        return f"k{self._numbers}"

    def create(self, *, paid: int, auto_start: bool = True) -> str:
        made = self.do(
            CreateMmOrder(
                at=self.now,
                user_id=self.owner,
                market_id=self.market_id,
                terms=MmTerms(auto_start=auto_start, refresh_interval_ms=1_000),
                required_cash_cents=20_000,
                key=self.key(),
                nonce=self._numbers,
                limits=MmLimits(active_per_user_market=10, cycles_per_second_per_user=100),
            )
        )
        assert isinstance(made, MmOrderIs)
        order_id = made.order.order_id
        if paid:
            self.do(
                PayMmOrder(
                    at=self.now,
                    order_id=order_id,
                    user_id=self.owner,
                    asset=MmAsset.CASH,
                    amount=paid,
                    key=self.key(),
                )
            )
        return order_id

    def tell(self, order_id: str, control: MmControl) -> None:
        self.do(
            ControlMmOrder(
                at=self.now, order_id=order_id, control=control, user_id=self.owner, key=self.key()
            )
        )

    def cycle(self, *, release: bool = True) -> None:
        """One cycle of what is due: a quote that somebody takes a part of, and then its end."""
        answer = self.do(
            AcquireMmLeases(
                at=self.now,
                market_id=self.market_id,
                worker_id="w",
                strategies=("quoter.1",),
                limit=1,
                nonce=self._numbers,
            )
        )
        assert isinstance(answer, MmLeases)
        (lease,) = answer.leases
        name = f"mm_{lease.order_id.replace('-', '')}_{lease.fence}_0"
        self.do(
            PlaceOrder(
                at=self.now,
                user_id=lease.account,
                market_id=self.market_id,
                client_order_id=name,
                terms=OrderTerms(Side.YES, Direction.BUY, 1, 7),
                nonce=self._numbers,
                fence=lease.fence,
            )
        )
        held = {"order_id": lease.order_id, "worker_id": "w", "fence": lease.fence, "token": lease.token}
        self.do(RenewMmLease(at=self.now + 1, **held))  # type: ignore[arg-type]
        if release:
            counts = MmCounts(placed=1, skipped=2)
            self.do(
                ReleaseMmLease(at=self.now + 2, **held, outcome=MmOutcome.DONE, counts=counts)  # type: ignore[arg-type]
            )

    def live(self) -> set[MmState]:
        for paid in (0, 5_000):
            self.create(paid=paid)
        self.create(paid=20_000, auto_start=False)
        paused, stopped, refunded = (self.create(paid=20_000) for _ in range(3))
        self.tell(paused, MmControl.PAUSE)
        for order_id in (stopped, refunded):
            self.tell(order_id, MmControl.STOP)
        self.do(
            WithdrawMmOrder(
                at=self.now,
                order_id=refunded,
                user_id=self.owner,
                all=True,
                key="all",
                nonce=1,
            )
        )
        self.cycles = self.create_elsewhere()
        return {order.state for order in self.exchange.making.orders.values()}

    def create_elsewhere(self) -> str:
        """In a market of its own, so that nothing else is due there."""
        self.market_id = market(1)
        running = self.create(paid=20_000)
        for _ in range(3):
            self.now += 2 * SECOND
            self.cycle()
        self.now += 2 * SECOND
        self.cycle(release=False)
        return running


@pytest.fixture
def making() -> Making:
    return Making()


async def test_projection_rebuild_and_verification_agree_in_every_state(
    db: Database, connection: Connection, making: Making
) -> None:
    assert making.live() >= {
        *(MmState.PAYMENT_PENDING, MmState.PAYMENT_INCOMPLETE, MmState.CREATED, MmState.RUNNING),
        *(MmState.PAUSED, MmState.STOPPED, MmState.REFUNDED),
    }
    await file(connection, making.decided)
    await Projector(db).catch_up()
    projected = await contents(connection)
    orders = {str(row["order_id"]): row for row in projected["mm_order"]}
    assert {order_id: row["state"] for order_id, row in orders.items()} == {
        order.id: order.state for order in making.exchange.making.orders.values()
    }
    running = orders[making.cycles]
    assert (running["cycle_no"], running["cycle_lease_worker"]) == (4, "w")
    ended = [row for row in projected["mm_execution"] if str(row["order_id"]) == making.cycles]
    assert [(row["cycle_no"], row["placed"], row["skipped"]) for row in ended] == [
        (number, 1, 2) for number in (1, 2, 3)
    ]
    trail = [row["seq"] for row in projected["mm_lifecycle_event"] if str(row["order_id"]) == making.cycles]
    assert sorted(trail) == list(range(1, running["seq"] + 1))
    await rebuild(db, lambda *_: None)
    assert await contents(connection) == projected
    async with frozen_view(db) as view:
        verification = Verification(view)
        await verification.run(lambda *_: None)
    assert [words for found in verification.findings.values() for words in found.words] == []


async def test_an_order_that_changes_in_one_batch_and_the_next_is_one_row(
    db: Database, connection: Connection, making: Making
) -> None:
    """Whatever the batches are: one fact each, or all at once."""
    making.live()
    await file(connection, making.decided)
    one_by_one = Projector(db)
    one_by_one.batch = 1
    await one_by_one.catch_up()
    projected = await contents(connection)
    await rebuild(db, lambda *_: None)
    assert await contents(connection) == projected


async def test_how_cycles_ended_is_kept_for_some_days(
    db: Database, connection: Connection, making: Making
) -> None:
    making.live()
    order_id = making.cycles
    making.tell(order_id, MmControl.PAUSE)
    making.now += DAYS_KEPT * DAY
    making.tell(order_id, MmControl.RESUME)
    making.cycle()
    await file(connection, making.decided)
    await Projector(db).catch_up()
    count = "SELECT count(*) FROM mm_execution"
    assert await connection.fetch_value(count) == 5, "those of the seventh day before are still there"
    before = len(making.decided)
    making.now += DAY
    making.cycle()
    await file(connection, making.decided[before:])
    await Projector(db).catch_up()
    assert await connection.fetch_value(count) == 2
    projected = await contents(connection)
    await rebuild(db, lambda *_: None)
    assert await contents(connection) == projected
