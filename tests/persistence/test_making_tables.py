"""The tables of market-making orders: what the journal says, in projection, rebuild and verification."""

import pytest

from bench.workload import market, opening, user
from kernel.answers import Refusal
from kernel.codes import Direction, Side
from kernel.commands import AnyCommand, OrderTerms, PlaceOrder, Tick
from kernel.exchange import Exchange
from kernel.journal import Decided
from kernel.making_answers import MmCampaignIs, MmLeases, MmOrderIs
from kernel.making_commands import (
    INTERNAL,
    AcquireMmLeases,
    CampaignControl,
    CampaignStatus,
    CampaignTerms,
    ControlMmCampaign,
    ControlMmOrder,
    CreateMmCampaign,
    CreateMmOrder,
    JoinMmCampaign,
    MmCounts,
    MmLimits,
    MmTerms,
    NoteMmCampaign,
    Observed,
    PayMmOrder,
    ReconcileMmOrder,
    ReleaseMmLease,
    RenewMmLease,
    StepMmVenue,
    VenueRules,
    WithdrawMmOrder,
)
from kernel.making_edges import MmAsset, MmCaseOutcome, MmControl, MmDirection, MmOutcome, MmState, MmStep
from persistence.postgres.database import Connection, Database
from persistence.tables.making import DAYS_KEPT
from persistence.tables.portfolio_days import DAY
from persistence.tables.projector import Projector
from persistence.tools.rebuild import rebuild
from persistence.tools.replay import Verification, frozen_view
from tests.kernel.trading import NOON, SECOND
from tests.persistence.journaled import file
from tests.persistence.test_projector import contents

ALLOWED = VenueRules(enabled=True, names=("elsewhere",))


class Making:
    """Some orders of one owner, in as many states as can be."""

    def __init__(self) -> None:
        self.exchange = Exchange()
        self.decided = [Decided(wish, "", self.exchange.execute(wish)) for wish in opening(3, 2)]
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

    def create(self, *, paid: int, auto_start: bool = True, venue: str = INTERNAL) -> str:
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
                venue=venue,
                venue_rules=ALLOWED,
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

    def offer(self, lasts: int) -> str:
        """A campaign that runs for so many seconds."""
        made = self.do(
            CreateMmCampaign(
                at=self.now,
                market_id=self.market_id,
                terms=CampaignTerms(
                    name="Prize", starts_at=self.now, ends_at=self.now + lasts * SECOND, reward_pool_cents=100
                ),
                by="root",
                by_id=self.owner,
                nonce=self._numbers,
            )
        )
        assert isinstance(made, MmCampaignIs)
        campaign_id, activate = made.campaign.campaign_id, CampaignControl.ACTIVATE
        steer = {"campaign_id": campaign_id, "by": "root", "by_id": self.owner}
        self.do(ControlMmCampaign(at=self.now, control=activate, **steer))
        return campaign_id

    def reward(self) -> None:
        """In a third market: one campaign is settled, one runs, one is cancelled."""
        self.market_id = market(2)
        prize = self.offer(30)
        for campaign_id in (prize, self.offer(300), self.offer(300)):
            order_id = self.create(paid=20_000)
            join = JoinMmCampaign(
                at=self.now, order_id=order_id, user_id=self.owner, campaign_id=campaign_id, key=self.key()
            )
            self.do(join)
            self.do(NoteMmCampaign(at=self.now, order_id=order_id, worker_id="w", external_ref="there-7"))
        cancel = CampaignControl.CANCEL
        self.do(
            ControlMmCampaign(
                at=self.now, campaign_id=campaign_id, control=cancel, by="root", by_id=self.owner
            )
        )
        self.contribute()
        self.tell(order_id, MmControl.STOP)
        self.now += 30 * SECOND
        self.do(Tick(at=self.now, market_id=self.market_id))
        campaign = self.exchange.making.campaigns[prize]
        assert (campaign.status, campaign.rewarded_cents) == (CampaignStatus.SETTLED, 100)

    def step(self, order_id: str, step: MmStep, leg: MmAsset | None = None, **more: str) -> None:
        self.do(
            StepMmVenue(
                at=self.now,
                order_id=order_id,
                worker_id="w",
                direction=MmDirection.OUT,
                step=step,
                leg=leg,
                venue_rules=ALLOWED,
                **more,  # type: ignore[arg-type]
            )
        )

    def travel(self) -> None:
        """In the third market: one is on its way, one was found again, one was lost."""
        self.market_id = market(2)
        for outcome in (None, MmCaseOutcome.RECOVERED_TO_ESCROW, MmCaseOutcome.WRITTEN_OFF):
            order_id = self.create(paid=20_000, venue="elsewhere")
            self.step(order_id, MmStep.BEGIN)
            self.step(order_id, MmStep.CALL, MmAsset.CASH)
            self.step(order_id, MmStep.ACCEPTED, MmAsset.CASH, tx_id="tx-5")
            if outcome is None:
                continue
            fail = MmControl.FAIL
            self.do(ControlMmOrder(at=self.now, order_id=order_id, control=fail, by="a", by_id="a", key="f"))
            observed = Observed(20_100, 0, 0) if outcome is MmCaseOutcome.RECOVERED_TO_ESCROW else None
            for admin in "ab":
                self.do(
                    ReconcileMmOrder(
                        at=self.now,
                        order_id=order_id,
                        outcome=outcome,
                        observed=observed,
                        evidence="a letter",
                        reason="as it says",
                        by=admin,
                        by_id=admin,
                    )
                )

    def contribute(self) -> None:
        """Of every order's bid somebody takes a part, and then the rest."""
        taker = user(1)
        for side, price in ((Side.YES, 20), (Side.NO, 20)):
            self.place(taker, f"frame{price}{side}", side, price, 1)
        answer = self.do(
            AcquireMmLeases(
                at=self.now,
                market_id=self.market_id,
                worker_id="w",
                strategies=("quoter.1",),
                limit=9,
                nonce=1,
            )
        )
        assert isinstance(answer, MmLeases)
        for number, lease in enumerate(answer.leases):
            name = f"mm_{lease.order_id.replace('-', '')}_{lease.fence}_0"
            self.place(lease.account, name, Side.YES, 50, 7, fence=lease.fence)
            for quantity in (3, 4):
                self.place(taker, f"take{number}{quantity}", Side.NO, 50, quantity)

    def place(
        self, account: str, name: str, side: Side, price: int, quantity: int, fence: int | None = None
    ) -> None:
        self._numbers += 1
        terms = OrderTerms(side, Direction.BUY, price, quantity)
        self.do(
            PlaceOrder(
                at=self.now,
                user_id=account,
                market_id=self.market_id,
                client_order_id=name,
                terms=terms,
                nonce=self._numbers,
                fence=fence,
            )
        )

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
    making.reward()
    making.travel()
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
    campaigns = [(row["status"], row["sponsor_id"]) for row in projected["mm_campaign"]]
    assert campaigns == [(status, making.owner) for status in ("settled", "active", "cancelled")]
    parts = projected["mm_campaign_participation"]
    assert [(row["contribution_cents"], row["reward_cents"]) for row in parts] == [
        (350, 100),
        (350, 0),
        (0, 0),
    ]
    assert {row["external_ref"] for row in parts} == {"there-7"}
    legs = [(row["status"], row["tx_id"], row["claimed_by"]) for row in projected["mm_venue_withdrawal"]]
    assert legs == [("SUBMITTED", "tx-5", "w")] * 3
    cases = [(row["outcome"], row["proposed_by"], row["closed_by"]) for row in projected["mm_reconciliation"]]
    assert cases == [("RECOVERED_TO_ESCROW", "a", "b"), ("WRITTEN_OFF", "a", "b")]
    read = await connection.fetch("SELECT * FROM wal_postings WHERE reference_type LIKE 'MM_VENUE_IN'")
    assert {(row["user_id"][:3], row["reference_id"][:4]) for row in read} == {
        ("mmv", "mmk:"),
        ("mm:", "mmk:"),
    }
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
    making.reward()
    making.travel()
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
