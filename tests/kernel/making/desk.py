"""Market-making orders in tests: somebody asks for one, pays it, controls it; a worker takes its leases.

What is asked goes through `Trading`, which holds every command to what must be true of each: a clean audit, a
replica that has the journal alone, a snapshot that restores to the same.
"""

from typing import TYPE_CHECKING, Any

from kernel.answers import Answer, Placed, Refusal
from kernel.campaign import Campaign
from kernel.codes import Direction, Side
from kernel.commands import BurnShares, PlaceOrder, Tick
from kernel.events import Fact
from kernel.making_answers import MmCampaignIs, MmLease, MmLeases, MmOrderIs
from kernel.making_commands import (
    INTERNAL,
    AcquireMmLeases,
    CampaignControl,
    CampaignTerms,
    ControlMmCampaign,
    ControlMmOrder,
    CreateMmCampaign,
    CreateMmOrder,
    JoinMmCampaign,
    MmCounts,
    MmLimits,
    MmPolicy,
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
from kernel.making_edges import (
    MmAsset,
    MmCaseOutcome,
    MmControl,
    MmDirection,
    MmOutcome,
    MmState,
    MmStep,
)
from kernel.making_events import MmOrderChanged, VenueLeg
from kernel.making_order import MmOrder, newest_legs

if TYPE_CHECKING:
    from tests.kernel.trading import Trading

SECOND = 1_000_000

STRATEGIES = ("quoter.1",)
ELSEWHERE = "elsewhere"
ALLOWED = VenueRules(enabled=True, names=(ELSEWHERE,))
"""Markets may be made at that venue, too."""
FORBIDDEN = VenueRules(enabled=False, names=(ELSEWHERE,))
OUT, BACK = MmDirection.OUT, MmDirection.BACK


class Desk:
    """One market's market-making orders, by the names that a test gives them."""

    def __init__(self, market: "Trading", market_id: str = "M") -> None:
        self.market = market
        self.market_id = market_id
        self.ids: dict[str, str] = {}
        self.count = 0

    @property
    def at(self) -> int:
        return self.market.now

    def wait(self, seconds: float) -> None:
        self.market.now += int(seconds * SECOND)

    # What owners and administrators ask

    def ask_for(
        self,
        name: str = "one",
        owner: str = "ann",
        *,
        cash: int = 100_000,
        yes: int = 0,
        no: int = 0,
        key: str | None = None,
        policy: dict[str, Any] | None = None,
        limits: dict[str, Any] | None = None,
        market_id: str | None = None,
        venue: str = INTERNAL,
        venue_rules: VenueRules = ALLOWED,
        campaign_id: str | None = None,
        **terms: Any,
    ) -> Answer | Refusal:
        self.count += 1
        answer = self.market.do(
            CreateMmOrder(
                at=self.at,
                user_id=owner,
                market_id=market_id or self.market_id,
                terms=MmTerms(**terms),
                required_cash_cents=cash,
                required_yes_shares=yes,
                required_no_shares=no,
                venue=venue,
                campaign_id=campaign_id,
                key=key,
                nonce=self.count,
                policy=MmPolicy(**(policy or {})),
                limits=MmLimits(**(limits or {})),
                venue_rules=venue_rules,
            )
        ).answer
        if isinstance(answer, MmOrderIs):
            self.ids[name] = answer.order.order_id
        return answer

    def pay(
        self,
        name: str = "one",
        amount: int = 100_000,
        asset: MmAsset = MmAsset.CASH,
        *,
        key: str | None = None,
        owner: str = "ann",
    ) -> Answer | Refusal:
        self.count += 1
        return self.market.do(
            PayMmOrder(
                at=self.at,
                order_id=self.ids.get(name, name),
                user_id=owner,
                asset=asset,
                amount=amount,
                key=key or f"pay-{self.count}",
            )
        ).answer

    def open(self, name: str = "one", owner: str = "ann", cash: int = 100_000, **more: Any) -> MmOrder:
        """Ask for one and pay all of it."""
        self.granted(self.ask_for(name, owner, cash=cash, **more))
        for asset, word in ((MmAsset.YES, "yes"), (MmAsset.NO, "no"), (MmAsset.CASH, "")):
            amount = more.get(word, 0) if word else cash
            if amount:
                self.granted(self.pay(name, amount, asset, owner=owner))
        return self.order(name)

    def tell(
        self,
        control: MmControl,
        name: str = "one",
        *,
        owner: str | None = "ann",
        admin: str | None = None,
        key: str | None = None,
    ) -> Answer | Refusal:
        """The owner does; or an administrator, who says why."""
        self.count += 1
        return self.market.do(
            ControlMmOrder(
                at=self.at,
                order_id=self.ids.get(name, name),
                control=control,
                user_id=None if admin is not None else owner,
                by=admin,
                by_id=admin,
                reason="I say so" if admin is not None else None,
                key=key or f"control-{self.count}",
            )
        ).answer

    def take_out(
        self,
        name: str = "one",
        cash: int = 0,
        yes: int = 0,
        no: int = 0,
        *,
        key: str | None = None,
        owner: str = "ann",
        **more: bool,
    ) -> Answer | Refusal:
        self.count += 1
        return self.market.do(
            WithdrawMmOrder(
                at=self.at,
                order_id=self.ids.get(name, name),
                user_id=owner,
                amount_cents=cash,
                yes_shares=yes,
                no_shares=no,
                key=key or f"out-{self.count}",
                nonce=self.count,
                **more,
            )
        ).answer

    # Campaigns

    def offer(
        self,
        name: str = "prize",
        *,
        pool: int = 10_000,
        begins: int = 0,
        lasts: int = 3_600,
        by: str = "root",
        key: str | None = None,
        market_id: str | None = None,
        **terms: Any,
    ) -> Answer | Refusal:
        """A campaign as a draft; it begins in so many seconds."""
        self.count += 1
        starts_at = terms.pop("starts_at", self.at + begins * SECOND)
        wanted = {"name": name, "starts_at": starts_at, "ends_at": starts_at + lasts * SECOND}
        answer = self.market.do(
            CreateMmCampaign(
                at=self.at,
                market_id=market_id or self.market_id,
                terms=CampaignTerms(**wanted | {"reward_pool_cents": pool} | terms),
                by=by,
                by_id=by,
                key=key,
                nonce=self.count,
            )
        ).answer
        if isinstance(answer, MmCampaignIs):
            self.ids[name] = answer.campaign.campaign_id
        return answer

    def steer(self, control: CampaignControl, name: str = "prize", *, by: str = "root") -> Answer | Refusal:
        return self.market.do(
            ControlMmCampaign(
                at=self.at, campaign_id=self.ids.get(name, name), control=control, by=by, by_id=by
            )
        ).answer

    def campaign(self, name: str = "prize", *, sponsor: str = "ben", **terms: Any) -> str:
        """One that runs; its id."""
        self.granted(self.offer(name, **terms))
        self.granted(self.steer(CampaignControl.ACTIVATE, name, by=sponsor))
        return self.ids[name]

    def join(
        self, name: str = "one", campaign: str = "prize", *, owner: str = "ann", key: str | None = None
    ) -> Answer | Refusal:
        self.count += 1
        return self.market.do(
            JoinMmCampaign(
                at=self.at,
                order_id=self.ids.get(name, name),
                user_id=owner,
                campaign_id=self.ids.get(campaign, campaign),
                key=key or f"join-{self.count}",
            )
        ).answer

    def note(
        self, name: str = "one", external_ref: str | None = "there-7", error: str | None = None
    ) -> Answer | Refusal:
        return self.market.do(
            NoteMmCampaign(
                at=self.at,
                order_id=self.ids.get(name, name),
                worker_id="w",
                external_ref=external_ref,
                error=error,
            )
        ).answer

    def prize(self, name: str = "prize") -> Campaign:
        return self.market.exchange.making.campaigns[self.ids[name]]

    # What workers ask

    def acquire(
        self,
        limit: int = 32,
        strategies: tuple[str, ...] = STRATEGIES,
        worker: str = "w",
        venues: tuple[str, ...] = (ELSEWHERE,),
    ) -> MmLeases:
        self.count += 1
        answer = self.market.do(
            AcquireMmLeases(
                at=self.at,
                market_id=self.market_id,
                worker_id=worker,
                strategies=strategies,
                venues=venues,
                limit=limit,
                nonce=self.count,
            )
        ).answer
        assert isinstance(answer, MmLeases)
        return answer

    def lease(self, name: str = "one") -> MmLease:
        """The lease of this order, which must be due."""
        (found,) = [lease for lease in self.acquire().leases if lease.order_id == self.ids[name]]
        return found

    def renew(self, lease: MmLease) -> Answer | Refusal:
        return self.market.do(
            RenewMmLease(
                at=self.at, order_id=lease.order_id, worker_id="w", fence=lease.fence, token=lease.token
            )
        ).answer

    def release(
        self,
        lease: MmLease,
        outcome: MmOutcome = MmOutcome.DONE,
        counts: MmCounts = MmCounts(),  # noqa: B008 - a value that never changes
        error: str | None = None,
        equity: int | None = None,
    ) -> Answer | Refusal:
        return self.market.do(
            ReleaseMmLease(
                at=self.at,
                order_id=lease.order_id,
                worker_id="w",
                fence=lease.fence,
                token=lease.token,
                outcome=outcome,
                counts=counts,
                error=error,
                equity_cents=equity,
            )
        ).answer

    def wish(
        self,
        lease: MmLease,
        number: int,
        side: Side = Side.YES,
        price: int = 48,
        quantity: int = 10,
        direction: Direction = Direction.BUY,
        **more: Any,
    ) -> PlaceOrder:
        """A quote under a lease."""
        name = more.pop("client_order_id", None)
        name = name or f"mm_{lease.order_id.replace('-', '')}_{lease.fence}_{number}"
        return self.market.wish(
            lease.account,
            side,
            direction,
            price=price,
            quantity=quantity,
            client_order_id=name,
            market_id=self.market_id,
            fence=more.pop("fence", lease.fence),
            **more,
        )

    def quote(self, lease: MmLease, number: int, *where: Any, **more: Any) -> Placed:
        answer = self.market.do(self.wish(lease, number, *where, **more)).answer
        assert isinstance(answer, Placed), answer
        return answer

    def burn(self, lease: MmLease, number: int, quantity: int) -> Answer | Refusal:
        self.count += 1
        return self.market.do(
            BurnShares(
                at=self.at,
                user_id=lease.account,
                market_id=self.market_id,
                quantity=quantity,
                idempotency_key=f"mmb:{lease.order_id}:{lease.fence}:{number}",
                nonce=self.count,
                fence=lease.fence,
            )
        ).answer

    def tick(self, seconds: float = 0, *, venues_off: bool = False) -> list[Fact]:
        self.wait(seconds)
        return self.market.do(Tick(at=self.at, market_id=self.market_id, venues_off=venues_off)).facts

    # Venues elsewhere

    def step(
        self,
        step: MmStep | str,
        leg: MmAsset | str | None = None,
        name: str = "one",
        direction: MmDirection = OUT,
        *,
        attempt: int = 1,
        worker: str = "w",
        amount: int | None = None,
        venue_rules: VenueRules = ALLOWED,
    ) -> Answer | Refusal:
        """What does not matter is filled in: an id of the venue's, and that all has arrived."""
        step, leg = MmStep(step), MmAsset(leg) if leg is not None else None
        if step is MmStep.CREDITED and amount is None:
            amount = next((each.amount for each in self.legs(name, direction) if each.leg is leg), 0)
        return self.market.do(
            StepMmVenue(
                at=self.at,
                order_id=self.ids.get(name, name),
                worker_id=worker,
                direction=direction,
                step=step,
                leg=leg,
                attempt=attempt,
                tx_id="tx" if step is MmStep.ACCEPTED else None,
                amount=amount,
                venue_rules=venue_rules,
            )
        ).answer

    def steps_of(
        self, leg: MmAsset | str, *steps: str, name: str = "one", direction: MmDirection = OUT
    ) -> None:
        """One after the other, each taken."""
        for step in steps:
            self.granted(self.step(step, leg, name, direction))

    def travel(self, name: str = "one", direction: MmDirection = OUT) -> MmOrder:
        """All of it goes to the venue, or comes back, without any trouble."""
        self.granted(self.step("BEGIN", None, name, direction))
        for steps in (("CALL", "ACCEPTED", "CONFIRMED"), ("CREDITED",)):
            for leg in self.legs(name, direction):
                self.steps_of(leg.leg, *steps, name=name, direction=direction)
        return self.order(name)

    def legs(self, name: str = "one", direction: MmDirection = OUT) -> list[VenueLeg]:
        return newest_legs(self.order(name), direction)

    def abroad(self, name: str = "one", owner: str = "ann", **more: Any) -> MmOrder:
        """One that is paid for a venue elsewhere, and runs there."""
        self.open(name, owner, venue=ELSEWHERE, **more)
        return self.travel(name)

    def reconcile(
        self,
        outcome: MmCaseOutcome | str,
        cash: int | None = None,
        yes: int = 0,
        no: int = 0,
        *,
        name: str = "one",
        admin: str = "root",
    ) -> Answer | Refusal:
        return self.market.do(
            ReconcileMmOrder(
                at=self.at,
                order_id=self.ids.get(name, name),
                outcome=MmCaseOutcome(outcome),
                observed=Observed(cash, yes, no) if cash is not None else None,
                evidence="a letter of the venue",
                reason="as it says",
                by=admin,
                by_id=admin,
            )
        ).answer

    # What is so

    def order(self, name: str = "one") -> MmOrder:
        return self.market.exchange.making.orders[self.ids[name]]

    def state(self, name: str = "one") -> MmState:
        return self.order(name).state

    def trail(self, name: str = "one") -> list[MmOrderChanged]:
        return [
            fact.event
            for fact in self.market.facts
            if isinstance(fact.event, MmOrderChanged) and fact.event.order_id == self.ids[name]
        ]

    def steps(self, name: str = "one", since: int = 0) -> list[str]:
        """The trail in short: where it came to, or what it tells besides, and why."""
        return [
            f"{event.to_state if event.kind == 'TRANSITION' else event.kind} {event.reason}"
            for event in self.trail(name)
            if event.seq > since
        ]

    def quotes(self, name: str = "one") -> int:
        """How many of its own orders are on the book."""
        position = self.order(name).position
        return len(position.live) if position is not None else 0

    def granted(self, answer: Answer | Refusal) -> Answer:
        assert not isinstance(answer, Refusal), answer
        return answer


def code(answer: Answer | Refusal) -> int:
    assert isinstance(answer, Refusal), f"granted: {answer}"
    return answer.code.value


def a_life(market: "Trading", owner: str, market_id: str) -> Desk:
    """Every kind of command, and of event, that there is of market-making orders."""
    desk = Desk(market, market_id)
    desk.open("one", owner, 20_000, policy={"service_fee_bps": 50}, key="new")
    lease = desk.lease("one")
    desk.quote(lease, 0)
    desk.renew(lease)
    desk.release(lease, counts=MmCounts(placed=1))
    desk.tell(MmControl.PAUSE, "one", owner=owner)
    desk.take_out("one", 100, owner=owner)
    desk.tell(MmControl.RESUME, "one", owner=owner)
    desk.wait(11)
    desk.lease("one")
    desk.ask_for("two", owner, cash=10_000)
    desk.pay("two", 4_000, owner=owner)
    desk.campaign(sponsor=owner, pool=100)
    desk.join("one", owner=owner)
    desk.note("one")
    desk.tick(3_700)
    desk.open("three", owner, 10_000, venue=ELSEWHERE)
    desk.step("BEGIN", name="three")
    desk.steps_of("CASH", "CALL", "UNKNOWN", name="three")
    desk.tell(MmControl.FAIL, "three", admin="root")
    desk.reconcile("RECOVERED_TO_ESCROW", 10_001, name="three")
    desk.reconcile("RECOVERED_TO_ESCROW", 10_001, name="three", admin="toor")
    return desk
