"""Market-making orders through whatever a few people and workers can do, beside a plain model of them.

After every command the exchange's audit is clean, replay and snapshot lead to the same state (`Trading`), and
what the model says of every order is so. Cents and shares are conserved: all accounts together have what was
paid in.
"""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from kernel.answers import Answer, Placed, Refusal
from kernel.codes import Side
from kernel.commands import ResolveMarket
from kernel.events import Fill, OrderAccepted
from kernel.making_answers import MmLease
from kernel.making_edges import MmAsset, MmControl, MmOutcome
from tests.kernel.language import command
from tests.kernel.making.desk import Desk
from tests.kernel.making.model import Model
from tests.kernel.trading import Trading

USERS = ("ann", "ben")
SEEN: set[str] = set()
MUST = {
    *(
        f"in {state}"
        for state in ("payment_incomplete", "running", "paused", "stopped", "refunded", "deleted")
    ),
    *("True leases", "quote late", "quote in time", "renew 7105"),
    *(
        "pay CASH None",
        "pay CASH 7106",
        "pause None",
        "resume None",
        "resume 7102",
        "stop None",
        "empty None",
    ),
}
"""Else the machine would show little."""
WAITS = (1, 5, 10, 15, 60, 300, 600)


class Life(RuleBasedStateMachine):
    seen = SEEN

    def __init__(self) -> None:
        super().__init__()
        self.market = Trading(ann=300_000, ben=300_000, cat=500_000, maker_fee_bps=0, taker_fee_bps=0)
        self.market.play("ann buys 20 YES at 50", "cat buys 20 NO at 50")
        self.desk = Desk(self.market)
        self.model = Model()
        self.leases: list[MmLease] = []
        self.numbers: dict[tuple[str, int], int] = {}
        self.told = 0
        self.makers: dict[str, Side] = {}
        """The side of each quote that an order ever had."""

    @property
    def orders(self) -> list[str]:
        return list(self.model.orders)

    @initialize()
    def somebody_has_one(self) -> None:
        self.somebody_asks_for_one("ann", cash=10_000, yes=0)
        self.somebody_pays(0, "owner", "CASH", None)

    # Owners and administrators

    @rule(
        owner=st.sampled_from(USERS), cash=st.sampled_from([10_000, 20_000]), yes=st.sampled_from([0, 0, 4])
    )
    def somebody_asks_for_one(self, owner: str, cash: int, yes: int) -> None:
        self.ask_for(owner, cash, yes)

    def ask_for(self, owner: str, cash: int, yes: int, **more: Any) -> None:
        """With what is said besides: a spread, a campaign, and whether it is needed."""
        terms = {"campaign_id": more.get("campaign"), "campaign_required": more.get("needs_it", False)}
        terms |= {"ask_half_spread_cents": more.get("spread", 2), "max_loss_cents": cash}
        answer = self.desk.ask_for("new", owner, cash=cash, yes=yes, **terms)
        required = {"CASH": cash, "YES": yes, "NO": 0}
        name = self.desk.ids.get("new", "") if not isinstance(answer, Refusal) else "none"
        self.hold(answer, self.model.create(name, owner, required, self.desk.at, **more), "create")
        if not isinstance(answer, Refusal):
            self.desk.ids[name] = self.desk.ids.pop("new")

    @precondition(lambda self: self.orders)
    @rule(
        which=st.sampled_from([-1, -1, -1, 0, 1, 2]),  # the newest most often: it is not paid yet
        who=st.sampled_from(["owner", "owner", "owner", "another"]),
        asset=st.sampled_from(["CASH", "CASH", "YES"]),
        amount=st.sampled_from([None, None, None, 0, 1, 4, 5_000, 30_000]),
    )
    def somebody_pays(self, which: int, who: str, asset: str, amount: int | None) -> None:
        """Some amount, or just what is outstanding."""
        name = self.one(which)
        user, order = self.who(name, who), self.model.orders[name]
        if amount is None:
            amount = order.required[asset] - order.paid[asset]
        account = self.market.exchange.accounts[user]
        position = self.market.market().positions.get(user)
        has = account.available if asset == "CASH" else (position.yes.free if position is not None else 0)
        answer = self.desk.pay(name, amount, MmAsset(asset), owner=user)
        self.hold(answer, self.model.pay(name, user, asset, amount, has, self.desk.at), f"pay {asset}")

    @precondition(lambda self: self.orders)
    @rule(
        which=st.integers(0, 9),
        who=st.sampled_from(["owner", "owner", "owner", "root", "another"]),
        what=st.sampled_from(["start", "pause", "resume", "resume", "stop", "delete"]),
    )
    def somebody_controls_one(self, which: int, who: str, what: str) -> None:
        name = self.one(which)
        user, drained = self.who(name, who), self.desk.order(name).is_drained
        admin = "root" if user == "root" else None
        answer = self.desk.tell(MmControl[what.upper()], name, owner=user, admin=admin)
        self.hold(answer, self.model.control(name, user, what, drained, self.desk.at), what)

    @precondition(lambda self: self.orders)
    @rule(which=st.integers(0, 9), who=st.sampled_from(["owner", "owner", "another"]))
    def somebody_empties_one(self, which: int, who: str) -> None:
        name = self.one(which)
        user, order = self.who(name, who), self.desk.order(name)
        drained = order.is_drained
        shares = order.holding(Side.YES).free + order.holding(Side.NO).free
        answer = self.desk.take_out(name, all=True, owner=user)
        self.hold(answer, self.model.empty(name, user, drained, shares), "empty")

    # Workers

    @rule()
    def a_worker_comes(self) -> None:
        leases = self.desk.acquire().leases
        assert [lease.order_id for lease in leases] == self.model.acquire(self.desk.at)
        SEEN.add(f"{len(leases) > 0} leases")
        self.leases += leases

    @precondition(lambda self: self.leases)
    @rule(
        which=st.integers(0, 9),
        side=st.sampled_from(list(Side)),
        price=st.sampled_from([30, 45, 49]),
    )
    def a_worker_quotes(self, which: int, side: Side, price: int) -> None:
        """Whatever stands in the way on the book, who holds no lease is told so first."""
        lease = self.leases[-1 - which % len(self.leases[-3:])]
        answer = self.quote(lease, self.number(lease), side, price)
        holds = self.model.places(lease.order_id, lease.fence, self.desk.at)
        stale = isinstance(answer, Refusal) and answer.code.value == 7105
        assert stale is not holds
        SEEN.add("quote late" if stale else "quote in time")

    @precondition(lambda self: self.leases)
    @rule(which=st.integers(0, 9), what=st.sampled_from(["renew", "done", "error"]))
    def a_worker_keeps_or_ends_its_lease(self, which: int, what: str) -> None:
        lease = self.leases[-1 - which % len(self.leases[-3:])]
        order = self.desk.order(lease.order_id)
        if what == "renew":
            answer = self.desk.renew(lease)
            expected = self.model.renew(lease.order_id, lease.fence, self.desk.at)
        elif (order.released_token, order.released_fence) == (lease.token, lease.fence):
            assert not isinstance(self.desk.release(lease), Refusal)
            return
        else:
            outcome = MmOutcome.ERROR if what == "error" else MmOutcome.DONE
            answer = self.desk.release(lease, outcome)
            expected = self.model.release(lease.order_id, lease.fence, what == "error", self.desk.at)
        self.hold(answer, expected, what)

    @rule(outcome=st.sampled_from([MmOutcome.DONE, MmOutcome.DONE, MmOutcome.ERROR]), quotes=st.booleans())
    def a_worker_does_all_there_is(self, outcome: MmOutcome, quotes: bool) -> None:
        """One cycle of each order that is due, and then it is time for the next."""
        for lease in self.desk.acquire().leases:
            if quotes:
                self.quote(lease, 0, Side.YES, 45)
            self.desk.release(lease, outcome)
        for name in self.model.acquire(self.desk.at):
            fence = self.model.orders[name].fence
            assert self.model.release(name, fence, outcome is MmOutcome.ERROR, self.desk.at) is None
        self.time_passes(10)

    # Everybody else

    @rule(seconds=st.sampled_from(WAITS))
    def time_passes(self, seconds: int) -> None:
        """The exchange is told so by ticks, as soon as something is due."""
        for _ in range(seconds if seconds < 60 else seconds // 10):
            self.desk.tick(1 if seconds < 60 else 10)
            self.model.tick(self.desk.at)

    @rule(line=st.sampled_from(["cat buys 3 NO at 55", "cat buys 3 YES at 55", "cat sells 2 NO at 40"]))
    def somebody_trades(self, line: str) -> None:
        if self.model.trades:
            self.market.do(command(self.market, line))
            self.tell_of_fills()

    @rule(
        what=st.sampled_from(
            ["suspends", "halts", *["resumes: fine"] * 3, "resumes to SUSPENDED: fine"],
        )
    )
    def an_administrator_changes_the_market(self, what: str) -> None:
        before = self.market.status.value
        self.market.do(command(self.market, f"root {what}"))
        if self.market.status.value != before:
            self.model.turn(self.market.status.value, self.desk.at)

    @precondition(lambda self: self.model.status != "SETTLED")
    @rule(chance=st.integers(0, 19))
    def an_administrator_ends_the_market(self, chance: int) -> None:
        if chance == 0:
            self.market.do(ResolveMarket(at=self.desk.at, market_id="M", result="YES", by="root"))
            self.model.turn("SETTLED", self.desk.at)

    def number(self, lease: MmLease) -> int:
        """That no quote under it had so far."""
        number = self.numbers.get((lease.order_id, lease.fence), 0)
        self.numbers[lease.order_id, lease.fence] = number + 1
        return number

    def quote(self, lease: MmLease, number: int, side: Side, price: int) -> Answer | Refusal:
        book = self.market.market().book
        best = book.best_bid, book.best_ask
        answer = self.market.do(self.desk.wish(lease, number, side, price, 5)).answer
        if isinstance(answer, Placed):
            book_price = price if side is Side.YES else 100 - price
            self.model.campaigns.quoted(answer.order.order.id, lease.order_id, book_price, *best)
        self.tell_of_fills()
        return answer

    def tell_of_fills(self) -> None:
        """The model knows no trades: it is told what others took of which quote."""
        for fact in self.market.facts[self.told :]:
            event = fact.event
            if isinstance(event, Fill):
                maker = self.makers.get(event.order_id)
                if maker is not None:
                    own = event.trade_price if maker is Side.YES else 100 - event.trade_price
                    self.model.campaigns.taken(event.order_id, own * event.fill_qty, fact.at)
            elif isinstance(event, OrderAccepted) and event.user_id.startswith("mm:"):
                self.makers[event.order_id] = event.original_side
        self.told = len(self.market.facts)

    # What must be so

    def who(self, name: str, what: str) -> str:
        owner = self.model.orders[name].owner
        other = USERS[owner == USERS[0]]
        return {"owner": owner, "another": other, "root": "root"}[what]

    def one(self, which: int) -> str:
        return self.orders[which % len(self.orders)]

    def hold(self, answer: Answer | Refusal, expected: int | None, what: str) -> None:
        found = answer.code.value if isinstance(answer, Refusal) else None
        assert found == expected, f"{what}: the kernel says {answer}, the model {expected}"
        self.seen.add(f"{what} {found}")
        self.model.those_that_left(self.desk.at)

    @invariant()
    def every_order_is_what_the_model_says(self) -> None:
        for name, expected in self.model.orders.items():
            order = self.desk.order(name)
            SEEN.add(f"in {order.state.value}")
            found: dict[str, Any] = {
                "state": order.state.value,
                "held": order.held,
                "fence": order.fence,
                "cycle": order.cycle_no,
                "lease": order.lease_until,
                "trail": order.seq,
                "refund_due": order.refund_due,
                "pause_due": order.pause_due_at,
            }
            if order.state.value == "running":
                found |= {"due": order.next_cycle_at, "failures": order.consecutive_failures}
            assert found == {member: getattr(expected, member) for member in found}

    @invariant()
    def nothing_is_lost_or_made(self) -> None:
        exchange = self.market.exchange
        assert sum(each.available + each.frozen for each in exchange.accounts.values()) == 1_100_000
        market = self.market.market()
        for side in Side:
            held = sum(position.holding(side).volume for position in market.positions.values())
            assert held == market.yes_shares


def a_walk(life: Life) -> None:
    """What chance brings too seldom to be relied on, by the same rules."""
    life.somebody_has_one()
    life.somebody_asks_for_one("ben", 10_000, 0)
    for amount in (30_000, 5_000, None):
        life.somebody_pays(-1, "owner", "CASH", amount)
        life.every_order_is_what_the_model_says()
    life.a_worker_comes()
    life.a_worker_quotes(0, Side.YES, 45)
    for who, what in (("root", "pause"), ("owner", "resume"), ("root", "resume"), ("owner", "pause")):
        life.somebody_controls_one(-1, who, what)
        life.every_order_is_what_the_model_says()
    life.a_worker_quotes(0, Side.YES, 45)
    life.a_worker_keeps_or_ends_its_lease(0, "renew")
    for what in ("resume", "stop"):
        life.somebody_controls_one(-1, "owner", what)
        life.every_order_is_what_the_model_says()
    life.somebody_empties_one(-1, "owner")
    life.somebody_controls_one(-1, "owner", "delete")
    life.every_order_is_what_the_model_says()


def test_whatever_happens_to_them_kernel_and_model_agree() -> None:
    a_walk(Life())
    run_state_machine_as_test(Life, settings=settings(max_examples=40, stateful_step_count=30))
    assert set() == MUST - SEEN, "chance never brought these"
