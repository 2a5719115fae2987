"""Market-making orders once more, as plainly as they can be said: written from the rules, sharing no code.

It knows no book and no trades: what they bring to an order's account, it is told. It knows states, money by
asset, who may do what when, and when time acts. Everything is a number, a word or a dictionary. Campaigns
have a model of their own, which is told by this one.
"""

from dataclasses import dataclass, field

from tests.kernel.making.model_campaigns import Campaigns, Wish

S = 1_000_000
LEASE, DEADLINE, STALE, SUSPEND, PAYMENT = 15 * S, 10 * S, 60 * S, 300 * S, 600 * S
REFRESH = 10 * S
FAILURES = 5
MINIMUM = 10_000
OVER = ("failed", "refunded", "deleted")


@dataclass
class Order:
    owner: str
    required: dict[str, int]
    created: int
    state: str = "payment_pending"
    paid: dict[str, int] = field(default_factory=lambda: {"CASH": 0, "YES": 0, "NO": 0})
    held: bool = False
    reason: str = ""
    fence: int = 0
    cycle: int = 0
    failures: int = 0
    due: int | None = None
    lease: int | None = None
    """When it ends."""
    leased: int | None = None
    """When the newest began."""
    pause_due: int | None = None
    unattended: bool = False
    trail: int = 0
    refund_due: bool = False
    spread: int = 2
    campaign: str | None = None
    needs_it: bool = False

    def go(self, *states: str, reason: str = "") -> None:
        """Through these states, one entry of the trail each."""
        for state in states:
            self.trail += 1
            if state in ("paused", "stopped", "failed"):
                self.fence += 1
            if state != "paused":
                self.held = False
            if self.state == "running" and state != "running":
                self.lease = self.due = self.pause_due = None
                self.unattended = False
            self.state = state
        self.reason = reason

    @property
    def open(self) -> bool:
        return self.state in ("payment_pending", "payment_incomplete", "created", "running", "paused")


@dataclass
class Model:
    """One market and its orders."""

    status: str = "ACTIVE"
    orders: dict[str, Order] = field(default_factory=dict)
    campaigns: Campaigns = field(default_factory=Campaigns)

    @property
    def trades(self) -> bool:
        return self.status == "ACTIVE"

    def create(
        self,
        name: str,
        owner: str,
        required: dict[str, int],
        at: int,
        *,
        spread: int = 2,
        campaign: str | None = None,
        needs_it: bool = False,
    ) -> int | None:
        if not self.trades:
            return 7103
        if sum(order.open and order.owner == owner for order in self.orders.values()) >= 5:
            return 7104
        order = Order(owner, required, at, spread=spread, campaign=campaign, needs_it=needs_it)
        if campaign is not None and self.campaigns.why_not(campaign, self.wish(order), at) is not None:
            return 7111
        order.trail = 1
        self.orders[name] = order
        return None

    def pay(self, name: str, user: str, asset: str, amount: int, has: int, at: int) -> int | None:
        order = self.orders[name]
        if order.owner != user:
            return 7101
        if order.state not in ("payment_pending", "payment_incomplete") or at >= order.created + PAYMENT:
            return 7102
        if not 1 <= amount <= order.required[asset] - order.paid[asset]:
            return 7106
        if asset != "CASH" and self.status == "HALTED":
            return 3002
        if amount > has:
            return 2001 if asset == "CASH" else 5001
        order.paid[asset] += amount
        if order.paid != order.required:
            if order.state == "payment_incomplete":
                order.trail += 1
            else:
                order.go("payment_incomplete")
            return None
        order.go("payment_complete")
        if order.campaign is None:
            order.go("created")
        else:
            self.join_chosen(name, order, at)
        if order.state == "created" and self.trades:
            self.run(order, at)
        return None

    def wish(self, order: Order) -> Wish:
        return Wish(order.required["CASH"], order.spread)

    def join_chosen(self, name: str, order: Order, at: int) -> None:
        assert order.campaign is not None
        order.go("joining_campaign")
        if self.campaigns.why_not(order.campaign, self.wish(order), at) is None:
            self.campaigns.take_part(order.campaign, name)
            order.trail += 1
            order.go("campaign_joined", "created")
        elif order.needs_it:
            self.fail(order, drained=True, shares=order.paid["YES"] + order.paid["NO"])
        else:
            order.trail += 1
            order.campaign = None
            order.go("created")

    def join(self, name: str, user: str, campaign: str, at: int) -> int | None:
        order = self.orders[name]
        if order.owner != user:
            return 7101
        if self.campaigns.takes_part(campaign, name):
            return None
        if order.state not in ("created", "running", "paused") or order.campaign is not None:
            return 7102
        if self.campaigns.why_not(campaign, self.wish(order), at) is not None:
            return 7111
        self.campaigns.take_part(campaign, name)
        order.campaign = campaign
        order.trail += 1
        return None

    def steer(self, campaign: str, who: str, what: str, has: int, at: int) -> int | None:
        refusal, told = self.campaigns.steer(campaign, who, what, has, self.status != "SETTLED", at)
        for name in told:
            self.orders[name].trail += 1
        return refusal

    def those_that_left(self, at: int) -> None:
        """After each command, and ahead of each reward: whoever quotes no more has left."""
        for name, order in self.orders.items():
            if order.state in ("stopped", "failed", "refunded", "deleted"):
                self.campaigns.leave(name, at)

    def run(self, order: Order, at: int) -> None:
        order.go("running")
        order.due = at

    def control(self, name: str, user: str, what: str, drained: bool, at: int) -> int | None:
        order, admin = self.orders[name], user == "root"
        if not admin and order.owner != user:
            return 7101
        if (what, order.state) in {
            ("pause", "paused"),
            ("resume", "running"),
            ("start", "running"),
            ("stop", "stopped"),
        }:
            return None
        match what, order.state:
            case "pause", "running":
                order.go("paused", reason="asked")
                order.held = admin
            case "start", "created" if self.trades:
                self.run(order, at)
            case "resume", "paused" if self.trades and drained and (admin or not order.held):
                order.go("running")
                order.failures = 0
                order.due = max(at, (order.leased or 0) + REFRESH)
            case "stop", "payment_pending" | "payment_incomplete":
                self.fail(order, drained=True, shares=order.paid["YES"] + order.paid["NO"])
            case "stop", "created" | "running" | "paused":
                order.go("stopped")
            case "delete", "refunded":
                order.go("deleted")
            case "delete", "payment_pending" if not admin:
                order.go("deleted")
            case _:
                return 7102
        return None

    def fail(self, order: Order, *, drained: bool, shares: int) -> None:
        order.go("failed")
        if drained and not (shares and self.status == "HALTED"):
            order.go("refunded")
        else:
            order.trail += 1
            order.refund_due = True

    def empty(self, name: str, user: str, drained: bool, shares: int) -> int | None:
        """All of it, without merging pairs, by who need not pause it first."""
        order = self.orders[name]
        if order.owner != user:
            return 7101
        if order.state not in ("paused", "stopped"):
            return 7102
        if shares and self.status == "HALTED":
            return 3002
        if not drained:
            return 7108
        if order.state == "paused":
            order.go("stopped")
        order.go("refunded")
        return None

    # Leases

    def acquire(self, at: int) -> list[str]:
        if not self.trades:
            return []
        for order in self.in_turn("lease", at):
            self.abandon(order, at)
        taken = []
        for name, order in sorted(self.orders.items(), key=lambda each: (each[1].due or 0, each[0])):
            if order.state == "running" and order.lease is None and order.due is not None and order.due <= at:
                order.fence += 1
                order.cycle += 1
                order.lease, order.leased, order.unattended = at + LEASE, at, False
                taken.append(name)
        return taken

    def in_turn(self, what: str, at: int) -> list[Order]:
        due = [(name, order) for name, order in self.orders.items() if (getattr(order, what) or at + 1) <= at]
        return [order for _, order in sorted(due, key=lambda each: (getattr(each[1], what), each[0]))]

    def abandon(self, order: Order, at: int) -> None:
        order.lease, order.due = None, at
        order.fence += 1
        self.err(order)

    def err(self, order: Order) -> None:
        order.failures += 1
        if order.failures == 1:
            order.trail += 1
        if order.failures >= FAILURES:
            order.go("paused", reason="errors")

    def renew(self, name: str, fence: int, at: int) -> int | None:
        order = self.orders[name]
        if order.lease is None or at >= order.lease or fence != order.fence:
            return 7105
        assert order.leased is not None
        if at >= order.leased + DEADLINE:
            return 7105
        order.lease = at + LEASE
        return None

    def release(self, name: str, fence: int, error: bool, at: int) -> int | None:
        order = self.orders[name]
        if order.lease is None or at >= order.lease or fence != order.fence:
            return 7105
        order.lease = None
        if error:
            order.due = at + min(60 * S, REFRESH * 2 ** (order.failures + 1))
            self.err(order)
        else:
            assert order.leased is not None
            order.due = max(order.leased + REFRESH, at)
            order.trail += order.failures > 0
            order.failures = 0
        return None

    def places(self, name: str, fence: int, at: int) -> bool:
        order = self.orders[name]
        return fence == order.fence and order.lease is not None and at < order.lease

    # Time

    def tick(self, at: int) -> None:
        """The earliest deadline first, and then by id, until none is due."""
        while True:
            due = [
                (deadline, name)
                for name, order in self.orders.items()
                if (deadline := self.deadline(order)) is not None and deadline <= at
            ]
            due += self.campaigns.due(at)
            self.those_that_left(at)
            if not due:
                return
            deadline, name = min(due)
            if name not in self.orders:
                over = [each for each in self.orders if self.orders[each].state in OVER]
                for winner in self.campaigns.divide(
                    name, over, {each: o.owner for each, o in self.orders.items()}
                ):
                    self.orders[winner].trail += 1
                continue
            order = self.orders[name]
            if order.state.startswith("payment"):
                self.fail(order, drained=True, shares=order.paid["YES"] + order.paid["NO"])
            elif order.lease == deadline:
                self.abandon(order, at)
            elif order.pause_due == deadline:
                order.go("paused", reason="suspended")
            else:
                order.unattended = True
                order.trail += 1

    def deadline(self, order: Order) -> int | None:
        if order.state in ("payment_pending", "payment_incomplete"):
            return order.created + PAYMENT
        if order.state != "running":
            return None
        times = [time for time in (order.lease, order.pause_due) if time is not None]
        if order.lease is None and order.pause_due is None and not order.unattended:
            assert order.due is not None
            times.append(order.due + STALE)
        return min(times, default=None)

    # The market

    def turn(self, status: str, at: int) -> None:
        was, self.status = self.status, status
        for order in self.orders.values():
            if was == "HALTED" and order.refund_due:
                order.go("refunded")
                order.refund_due = False
            match status, order.state:
                case "ACTIVE", "running":
                    order.due, order.pause_due = at, None
                    order.trail += 1
                case "ACTIVE", "created":
                    self.run(order, at)
                case "ACTIVE", "paused" if order.reason == "suspended" and was == "SUSPENDED":
                    order.go("running")
                    order.failures = 0
                    order.due = max(at, (order.leased or 0) + REFRESH)
                case "SUSPENDED", "running":
                    order.pause_due = at + SUSPEND
                    order.trail += 1
                case "HALTED", "running":
                    order.go("paused", reason="halted")
                case "SETTLED", "payment_pending" | "payment_incomplete":
                    order.go("failed", "refunded")
                case "SETTLED", "created" | "running" | "paused":
                    order.go("stopped", "refunded")
                case "SETTLED", "stopped":
                    order.go("refunded")
                case _:
                    pass
