"""Campaigns through whatever a few people, workers and an administrator can do, beside a plain model of them.

It is the machine of market-making orders, with prizes to be had: every order is still what the model says.
"""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule, run_state_machine_as_test

from kernel.codes import Side
from kernel.making_commands import CampaignControl
from tests.kernel.making.desk import SECOND
from tests.kernel.making.model_campaigns import Campaign
from tests.kernel.making.test_machine import USERS, Life

SEEN: set[str] = set()
MUST = {
    *(f"campaign {status}" for status in ("draft", "active", "settled", "cancelled")),
    *("contributed", "rewarded", "left", "left and rewarded", "several rewarded", "full"),
    *("join None", "join 7102", "join 7111", "create 7111"),
}
"""Else the machine would show little."""
WANTED: dict[str, Any] = {"pool": 100, "begins": 0, "cash": 0, "spread": 4, "places": 2, "activates": True}


class Prizes(Life):
    seen = SEEN

    @initialize()
    def somebody_has_one(self) -> None:
        """And there is a prize, in a market with a middle."""
        self.somebody_frames_the_market(("ben", "cat"), 50)
        self.somebody_offers_a_campaign(lasts=30, **WANTED)
        for owner in USERS:
            self.ask_for(owner, 10_000, 0, campaign=self.campaign(0))
            self.somebody_pays(-1, "owner", "CASH", None)

    @rule(
        owner=st.sampled_from(USERS),
        cash=st.sampled_from([10_000, 20_000]),
        spread=st.sampled_from([2, 2, 5]),
        which=st.sampled_from([None, 0, 1, 2]),
        needs_it=st.booleans(),
        pays=st.sampled_from([True, True, False]),
    )
    def somebody_asks_for_one_with_a_campaign_or_without(
        self, owner: str, cash: int, spread: int, which: int | None, needs_it: bool, pays: bool
    ) -> None:
        campaign = self.campaign(which) if which is not None else None
        self.ask_for(owner, cash, 0, spread=spread, campaign=campaign, needs_it=needs_it)
        if pays:
            self.somebody_pays(-1, "owner", "CASH", None)

    @property
    def campaigns(self) -> list[str]:
        return list(self.model.campaigns.all)

    def campaign(self, which: int) -> str:
        return self.campaigns[-1 - which % len(self.campaigns)]

    @rule(
        pool=st.sampled_from([7, 100, 10_000, 900_000]),
        begins=st.sampled_from([0, 0, 20]),
        lasts=st.sampled_from([30, 60, 300]),
        cash=st.sampled_from([0, 0, 20_000]),
        spread=st.sampled_from([2, 4, 20, 50]),
        places=st.sampled_from([0, 1, 2]),
        activates=st.sampled_from([True, True, False]),
    )
    def somebody_offers_a_campaign(
        self, pool: int, begins: int, lasts: int, cash: int, spread: int, places: int, activates: bool
    ) -> None:
        start = self.desk.at + begins * SECOND
        wanted: dict[str, Any] = {"pool": pool, "starts_at": start, "lasts": lasts, "min_cash_cents": cash}
        wanted |= {"max_half_spread_cents": spread, "max_participants": places}
        answer = self.desk.offer("new prize", **wanted)
        is_open = self.model.status != "SETTLED"
        self.hold(answer, None if is_open else 7103, "offer")
        if is_open:
            name = self.desk.ids.pop("new prize")
            end = start + lasts * SECOND
            self.model.campaigns.all[name] = Campaign(pool, start, end, cash, spread, places)
            if activates:
                self.somebody_steers_a_campaign(0, "activate")

    @precondition(lambda self: self.campaigns)
    @rule(which=st.integers(0, 3), what=st.sampled_from(["activate", "cancel"]))
    def somebody_steers_a_campaign(self, which: int, what: str) -> None:
        name, has = self.campaign(which), self.market.exchange.accounts["cat"].available
        answer = self.desk.steer(CampaignControl[what.upper()], name, by="cat")
        self.hold(answer, self.model.steer(name, "cat", what, has, self.desk.at), what)

    @precondition(lambda self: self.campaigns and self.orders)
    @rule(
        which=st.sampled_from([-1, -1, 0, 1, 2]),
        campaign=st.integers(0, 3),
        who=st.sampled_from(["owner", "owner", "owner", "another"]),
    )
    def somebody_joins_a_campaign(self, which: int, campaign: int, who: str) -> None:
        name, prize = self.one(which), self.campaign(campaign)
        user = self.who(name, who)
        answer = self.desk.join(name, prize, owner=user)
        self.hold(answer, self.model.join(name, user, prize, self.desk.at), "join")

    @rule(quantity=st.integers(1, 9))
    def every_order_is_quoted_and_taken(self, quantity: int) -> None:
        """So that there is something to divide."""
        self.a_worker_comes()
        for lease in self.leases[-3:]:
            self.quote(lease, self.number(lease), Side.YES, 49)
        if self.model.trades:
            self.market.do(self.market.wish("cat", Side.NO, price=51, quantity=quantity))
            self.tell_of_fills()
        self.time_passes(10)

    @rule(which=st.integers(0, 3), waits=st.booleans())
    def somebody_leaves_with_what_was_earned(self, which: int, waits: bool) -> None:
        earners = [
            name
            for campaign in self.model.campaigns.all.values()
            for name, part in campaign.parts.items()
            if part.contributed and campaign.status == "active"
        ]
        if earners:
            name = earners[which % len(earners)]
            self.somebody_controls_one(self.orders.index(name), "owner", "stop")
            if waits:
                self.time_passes(60)

    @rule(names=st.sampled_from([("ben", "cat"), ("cat", "ben")]), middle=st.sampled_from([45, 50]))
    def somebody_frames_the_market(self, names: tuple[str, str], middle: int) -> None:
        """So that the book has a middle."""
        if self.model.trades:
            for name, side, price in ((names[0], Side.YES, middle - 4), (names[1], Side.NO, 96 - middle)):
                self.market.do(self.market.wish(name, side, price=price, quantity=2))
            self.tell_of_fills()

    @invariant()
    def every_campaign_is_what_the_model_says(self) -> None:
        self.tell_of_fills()
        self.model.those_that_left(self.desk.at)
        making, accounts = self.market.exchange.making, self.market.exchange.accounts
        for name, expected in self.model.campaigns.all.items():
            campaign = making.campaigns[name]
            SEEN.add(f"campaign {campaign.status.value}")
            assert (campaign.status.value, campaign.returned_cents) == (expected.status, expected.returned)
            parts = {
                order: (part.left_at, part.contribution_cents, part.reward_cents)
                for order, part in campaign.participations.items()
            }
            assert parts == {
                order: (part.left, part.contributed, part.rewarded) for order, part in expected.parts.items()
            }
            SEEN.update("contributed" for part in parts.values() if part[1])
            SEEN.update("rewarded" for part in parts.values() if part[2])
            SEEN.update("left" for part in parts.values() if part[0] is not None)
            SEEN.update("left and rewarded" for part in parts.values() if part[0] is not None and part[2])
            SEEN.update("several rewarded" for _ in [0] if sum(part[2] > 0 for part in parts.values()) > 1)
            SEEN.update("full" for _ in parts if len(parts) == expected.places)
            if expected.sponsor:
                assert accounts[f"mmc:{name}"].available == (
                    expected.pool if expected.status == "active" else 0
                )
        rewarded = {name: making.orders[name].rewards_cents for name in making.orders}
        assert rewarded == {
            name: sum(c.parts[name].rewarded for c in self.model.campaigns.all.values() if name in c.parts)
            for name in making.orders
        }


def a_walk(prizes: Prizes) -> None:
    """What chance brings too seldom to be relied on, by the same rules."""
    prizes.somebody_has_one()
    prizes.somebody_asks_for_one_with_a_campaign_or_without("ann", 10_000, 2, 0, False, True)
    prizes.somebody_asks_for_one_with_a_campaign_or_without("ann", 10_000, 2, None, False, True)
    prizes.somebody_joins_a_campaign(-1, 0, "owner")
    prizes.every_order_is_quoted_and_taken(9)
    prizes.every_campaign_is_what_the_model_says()
    prizes.somebody_leaves_with_what_was_earned(0, waits=True)
    prizes.every_order_is_what_the_model_says()
    prizes.every_campaign_is_what_the_model_says()


def test_whatever_happens_to_campaigns_kernel_and_model_agree() -> None:
    a_walk(Prizes())
    run_state_machine_as_test(Prizes, settings=settings(max_examples=40, stateful_step_count=30))
    assert set() == MUST - SEEN, "chance never brought these"
