"""Campaigns: who can join, what counts, and how the pool is divided, to the cent."""

from typing import Any

import pytest

from kernel.answers import Answer, Refusal
from kernel.campaign import shares_of
from kernel.codes import Direction, ReferenceType, Side
from kernel.commands import AnyCommand, Deposit, RaiseFence, ReplaceOrder, SetGuard, TransferFunds, Withdraw
from kernel.events import Fill, FundsTransferred, OrderAccepted
from kernel.making_answers import MmCampaignIs, MmLease, MmOrderIs
from kernel.making_commands import CampaignControl, CampaignStatus
from kernel.making_edges import MmActor, MmControl, MmKind, MmState
from kernel.making_events import MmCampaignChanged, MmParticipationChanged
from kernel.making_view import allowed_commands
from tests.kernel.making.desk import SECOND, Desk, code
from tests.kernel.making.scene import some_market

ACTIVATE, CANCEL = CampaignControl.ACTIVATE, CampaignControl.CANCEL
YES, NO, BUY = Side.YES, Side.NO, Direction.BUY
HOUR = 3_600


def has(desk: Desk, name: str) -> int:
    return desk.market.exchange.accounts[name].available


def reason(answer: Answer | Refusal) -> str:
    assert isinstance(answer, Refusal)
    assert answer.code.value == 7111
    assert answer.data is not None
    return str(answer.data["reason"])


def contribute(desk: Desk, name: str, *fills: tuple[int, int]) -> None:
    """An order that takes part quotes above everybody else, and all of it is taken: price and quantity."""
    desk.open(name, cash=10_000, campaign_id=desk.ids["prize"])
    lease = desk.lease(name)
    for number, (price, quantity) in enumerate(fills):
        desk.quote(lease, number, YES, price, quantity)
        desk.market.do(desk.market.wish("cat", NO, BUY, price=100 - price, quantity=quantity))
    desk.release(lease)


# The pool, divided


def test_the_published_example_is_met_to_the_cent() -> None:
    """4,999.5, 2,999.7 and 2,000.8 of 10,000: the two cents go to the two largest remainders."""
    contributions = {"a": 5_000, "b": 3_000, "c": 2_001}
    assert [10_000 * part / 10_001 for part in contributions.values()] == pytest.approx(
        [4_999.5, 2_999.7, 2_000.8], abs=0.01
    )
    assert shares_of(10_000, contributions) == {"a": 4_999, "b": 3_000, "c": 2_001}


@pytest.mark.parametrize(
    ("pool", "contributions", "shares"),
    [
        (10, {"a": 1, "b": 1, "c": 1}, {"a": 4, "b": 3, "c": 3}),
        (10, {"c": 1, "b": 1, "a": 1}, {"a": 4, "b": 3, "c": 3}),
        (2, {"a": 1, "b": 1, "c": 1}, {"a": 1, "b": 1, "c": 0}),
        (1, {"b": 7, "a": 0}, {"a": 0, "b": 1}),
        (1_000_000_000, {"a": 2**62, "b": 1}, {"a": 1_000_000_000, "b": 0}),
        (5, {"a": 0, "b": 0}, {}),
        (5, {}, {}),
    ],
)
def test_what_is_left_goes_to_the_largest_remainders_and_then_by_id(
    pool: int, contributions: dict[str, int], shares: dict[str, int]
) -> None:
    found = shares_of(pool, contributions)
    assert found == shares
    assert sum(found.values()) in (0, pool)


# From the draft to its end


def test_it_is_a_draft_that_nobody_pays_for_until_somebody_activates_it() -> None:
    desk = some_market()
    answer = desk.offer(key="k")
    assert isinstance(answer, MmCampaignIs)
    assert (answer.campaign.status, answer.campaign.sponsor_id) == (CampaignStatus.DRAFT, None)
    assert f"mmc:{desk.ids['prize']}" not in desk.market.exchange.accounts
    before = has(desk, "ben")
    desk.granted(desk.steer(ACTIVATE, by="ben"))
    pool = desk.market.exchange.accounts[f"mmc:{desk.ids['prize']}"]
    assert (pool.available, pool.owner_id, pool.auto_netting) == (10_000, "ben", False)
    assert has(desk, "ben") == before - 10_000
    moved = [fact.event for fact in desk.market.facts if isinstance(fact.event, FundsTransferred)]
    assert (moved[-1].reference_type, moved[-1].idempotency_key) == ("MM_POOL", f"{pool.id}:in")


def test_the_same_request_makes_one_and_another_under_its_key_is_refused() -> None:
    desk = some_market()
    first = desk.offer(key="k")
    again = desk.offer(key="k")
    assert isinstance(first, MmCampaignIs)
    assert isinstance(again, MmCampaignIs)
    assert (again.campaign, again.changed, again.repeated) == (first.campaign, False, True)
    assert code(desk.offer(key="k", pool=10_001)) == 7107
    assert isinstance(desk.offer("another", key="k", by="rosa"), MmCampaignIs)
    assert len(desk.market.exchange.making.campaigns) == 2


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"pool": 0}, "reward_pool_cents"),
        ({"pool": 1_000_000_001}, "reward_pool_cents"),
        ({"min_cash_cents": -1}, "min_cash_cents"),
        ({"max_half_spread_cents": 0}, "max_half_spread_cents"),
        ({"max_half_spread_cents": 100}, "max_half_spread_cents"),
        ({"max_participants": 1_001}, "max_participants"),
        ({"max_participants": -1}, "max_participants"),
        ({"lasts": 0}, "ends_at"),
        ({"begins": -10, "lasts": 10}, "ends_at"),
    ],
)
def test_what_it_cannot_be_is_said_by_its_name(terms: dict[str, Any], field: str) -> None:
    desk = some_market()
    answer = desk.offer(**terms)
    assert isinstance(answer, Refusal)
    assert answer.code.value == 7112
    assert answer.data is not None
    assert [error["field"] for error in answer.data["errors"]] == [field]


@pytest.mark.parametrize("name", ["", "n" * 101, "a\0b"])
def test_its_name_has_one_to_a_hundred_characters(name: str) -> None:
    desk = some_market()
    assert code(desk.offer(name)) == 9004
    assert isinstance(desk.offer("n" * 100), MmCampaignIs)


@pytest.mark.parametrize(
    ("terms", "member"),
    [
        ({"starts_at": 0}, "starts_at"),
        ({"starts_at": 2**62}, "starts_at"),
        ({"lasts": 2**60}, "ends_at"),
        ({"pool": 2**63}, "reward_pool_cents"),
        ({"min_cash_cents": 2**63}, "min_cash_cents"),
        ({"max_half_spread_cents": 2**63}, "max_half_spread_cents"),
        ({"max_participants": -(2**64)}, "max_participants"),
        ({"key": "a b"}, "key"),
        ({"by": "x" * 501}, "by"),
    ],
)
def test_what_no_table_could_hold_is_malformed(terms: dict[str, Any], member: str) -> None:
    desk = some_market()
    answer = desk.offer(**terms)
    assert isinstance(answer, Refusal)
    assert (answer.code.value, (answer.data or {})["errors"][0]["field"]) == (9004, member)


def test_it_is_for_a_market_that_there_is_and_that_is_not_over() -> None:
    desk = some_market()
    desk.market.create("D", activate=False)
    assert code(desk.offer(market_id="X")) == 3001
    assert code(desk.offer(market_id="D")) == 3001
    desk.offer()
    desk.market.play("root resolves YES")
    assert code(desk.offer("late")) == 7103
    assert code(desk.steer(ACTIVATE)) == 7103


def test_whoever_activates_it_has_the_money_and_an_account() -> None:
    desk = some_market()
    desk.offer(pool=900_000_000)
    assert code(desk.steer(ACTIVATE, by="ben")) == 2001
    assert code(desk.steer(ACTIVATE, by="nobody")) == 2002
    desk.market.escrow("mm:7", "ben")
    assert code(desk.steer(ACTIVATE, by="mm:7")) == 2002
    assert code(desk.steer(ACTIVATE, "00000000-0000-7000-8000-000000000000", by="ben")) == 7101


CONTROLLED = """
          draft      active     settled    cancelled
ACTIVATE  active     .          7102       7102
CANCEL    cancelled  cancelled  7102       .
"""


@pytest.mark.parametrize("row", CONTROLLED.strip("\n").splitlines()[1:], ids=lambda row: row.split()[0])
def test_each_control_does_at_each_stage_what_the_table_says(row: str) -> None:
    word, *cells = row.split()
    found = []
    for stage in CONTROLLED.split("\n")[1].split():
        desk = some_market()
        desk.offer(lasts=60)
        if stage in ("active", "settled"):
            desk.granted(desk.steer(ACTIVATE, by="ben"))
        if stage == "settled":
            desk.tick(60)
        if stage == "cancelled":
            desk.granted(desk.steer(CANCEL))
        assert desk.prize().status == stage
        answer = desk.steer(CampaignControl[word], by="ben")
        if isinstance(answer, MmCampaignIs):
            found.append(desk.prize().status.value if answer.changed else ".")
        else:
            found.append(str(code(answer)))
    assert found == cells


def test_the_pool_goes_back_when_it_is_cancelled_and_who_took_part_is_told() -> None:
    desk = some_market()
    before = has(desk, "ben")
    desk.campaign()
    desk.open(campaign_id=desk.ids["prize"])
    desk.ask_for("left", cash=10_000, campaign_id=desk.ids["prize"])
    desk.pay("left", 10_000)
    desk.tell(MmControl.STOP, "left")
    told, left = len(desk.trail()), len(desk.trail("left"))
    desk.granted(desk.steer(CANCEL, by="rosa"))
    assert has(desk, "ben") == before
    assert has(desk, f"mmc:{desk.ids['prize']}") == 0
    assert desk.steps(since=told) == ["CAMPAIGN CAMPAIGN_CLOSED"]
    assert len(desk.trail("left")) == left
    desk.tick(2 * HOUR)
    assert desk.prize().rewarded_cents == 0


def test_once_its_time_is_over_it_is_no_longer_cancelled_whether_a_tick_came_or_not() -> None:
    desk = some_market()
    desk.campaign(lasts=60)
    desk.wait(60)
    assert code(desk.steer(CANCEL)) == 7102
    assert desk.prize().status is CampaignStatus.ACTIVE
    desk.tick()
    assert desk.prize().status is CampaignStatus.SETTLED


def test_a_draft_whose_time_is_over_is_not_activated() -> None:
    desk = some_market()
    desk.offer(lasts=60)
    desk.wait(60)
    assert code(desk.steer(ACTIVATE, by="ben")) == 7112
    assert isinstance(desk.steer(CANCEL), MmCampaignIs)


# Joining


def test_the_payment_that_completes_it_also_joins_the_campaign() -> None:
    desk = some_market()
    desk.campaign()
    desk.open(campaign_id=desk.ids["prize"])
    assert desk.steps() == [
        "payment_pending USER_REQUEST",
        "payment_complete PAYMENT",
        "joining_campaign AUTO",
        "CAMPAIGN AUTO",
        "campaign_joined AUTO",
        "created AUTO",
        "running AUTO",
    ]
    assert [event.seq for event in desk.trail()] == list(range(1, 8))
    assert len({event.trigger_id for event in desk.trail()[1:]}) == 1


def test_however_often_somebody_joins_there_is_one_part_and_one_entry() -> None:
    desk = some_market()
    desk.campaign()
    desk.open()
    answers = [desk.join() for _ in range(20)] + [desk.join(key="k"), desk.join(key="k")]
    assert [answer.changed for answer in answers if isinstance(answer, MmOrderIs)] == [True, *[False] * 21]
    assert [event.kind for event in desk.trail()].count(MmKind.CAMPAIGN) == 1
    joined = [fact for fact in desk.market.facts if isinstance(fact.event, MmParticipationChanged)]
    assert len(joined) == len(desk.prize().participations) == 1
    assert desk.state() is MmState.RUNNING


def test_the_key_of_a_join_names_it() -> None:
    desk = some_market()
    desk.campaign()
    desk.campaign("other")
    desk.open()
    desk.granted(desk.join(key="k"))
    again = desk.join(key="k")
    assert isinstance(again, MmOrderIs)
    assert again.repeated
    assert code(desk.join(campaign="other", key="k")) == 7107
    assert code(desk.tell(MmControl.PAUSE, key="k")) == 7107
    assert code(desk.join(campaign="other")) == 7102  # it has one


@pytest.mark.parametrize("required", [False, True])
def test_of_two_orders_one_finds_room(required: bool) -> None:
    desk = some_market()
    desk.campaign(max_participants=1)
    for name in ("one", "two"):
        desk.granted(desk.ask_for(name, campaign_id=desk.ids["prize"], campaign_required=required))
    before = has(desk, "ann")
    for name in ("two", "one"):
        desk.granted(desk.pay(name))
    assert desk.steps("two")[2:5] == ["joining_campaign AUTO", "CAMPAIGN AUTO", "campaign_joined AUTO"]
    refused = desk.steps("one")[2:]
    if required:
        assert refused == ["joining_campaign AUTO", "failed CAMPAIGN_CLOSED", "refunded REFUND"]
        assert has(desk, "ann") == before - 100_000
        assert desk.trail("one")[-2].data == {"campaign_id": desk.ids["prize"], "problem": "FULL"}
    else:
        assert refused[:3] == ["joining_campaign AUTO", "CAMPAIGN CAMPAIGN_CLOSED", "created CAMPAIGN_CLOSED"]
        assert (desk.state("one"), desk.order("one").campaign) == (MmState.RUNNING, None)
    assert list(desk.prize().participations) == [desk.ids["two"]]


def test_who_can_join_is_asked_at_creation_and_by_the_route_alike() -> None:
    desk = some_market()
    desk.market.create("N")
    prize = desk.campaign(max_participants=1, min_cash_cents=50_000, max_half_spread_cents=3)
    draft, elsewhere = desk.offer("draft"), desk.campaign("elsewhere", market_id="N")
    assert isinstance(draft, MmCampaignIs)
    desk.campaign("short", lasts=60)
    desk.campaign("off")
    desk.steer(CANCEL, "off")
    desk.open("small", cash=10_000)
    desk.open("wide", bid_half_spread_cents=3, ask_half_spread_cents=4)
    desk.open("fits", cash=50_000, bid_half_spread_cents=3, ask_half_spread_cents=3)
    cases: list[tuple[str, dict[str, Any], str, str]] = [
        ("small", {"cash": 49_999}, prize, "NOT_ELIGIBLE"),
        ("wide", {"ask_half_spread_cents": 4}, prize, "NOT_ELIGIBLE"),
        ("fits", {}, "00000000-0000-7000-8000-000000000000", "UNKNOWN"),
        ("fits", {}, elsewhere, "OTHER_MARKET"),
        ("fits", {}, draft.campaign.campaign_id, "NOT_ACTIVE"),
        ("fits", {}, desk.ids["off"], "NOT_ACTIVE"),
    ]
    for name, asked, campaign, why in cases:
        assert reason(desk.ask_for("none", campaign_id=campaign, **asked)) == why
        assert reason(desk.join(name, campaign)) == why
    desk.granted(desk.join("fits"))
    assert reason(desk.ask_for("none", campaign_id=prize)) == "FULL"
    desk.wait(60)
    assert reason(desk.ask_for("none", campaign_id=desk.ids["short"])) == "ENDED"
    assert reason(desk.join("wide", "short")) == "ENDED"


def test_only_its_owner_joins_and_only_an_order_that_is_ready() -> None:
    desk = some_market()
    desk.campaign()
    desk.ask_for()
    assert code(desk.join()) == 7102
    assert code(desk.join(owner="ben")) == 7101
    desk.pay()
    desk.tell(MmControl.PAUSE)
    desk.granted(desk.join())
    assert desk.state() is MmState.PAUSED
    desk.open("stopped", cash=10_000)
    desk.tell(MmControl.STOP, "stopped")
    assert code(desk.join("stopped")) == 7102


def test_a_campaign_is_offered_to_whoever_can_join_it() -> None:
    desk = some_market()
    desk.open()

    def is_offered() -> bool:
        return "join_campaign" in allowed_commands(desk.order(), MmActor.USER, desk.at)

    assert not is_offered()
    desk.campaign(min_cash_cents=100_001)
    assert not is_offered()
    desk.campaign("fits", lasts=60)
    assert is_offered()
    desk.ask_for("unpaid")
    assert "join_campaign" not in allowed_commands(desk.order("unpaid"), MmActor.USER, desk.at)
    assert "join_campaign" not in allowed_commands(desk.order(), MmActor.ADMIN, desk.at)
    desk.wait(60)
    assert not is_offered()
    desk.campaign("later")
    assert is_offered()
    desk.join(campaign="later")
    assert not is_offered()


def test_notes_are_kept_three_times() -> None:
    desk = some_market()
    desk.campaign()
    desk.open()
    assert code(desk.note()) == 7102
    desk.join()
    assert code(desk.note(external_ref=None)) == 9004
    desk.granted(desk.note(external_ref=None, error="no answer"))
    desk.granted(desk.note(external_ref="there-7"))
    desk.granted(desk.note(external_ref=None, error="again"))
    assert code(desk.note()) == 7104
    part = desk.order().participation
    assert part is not None
    assert (part.external_ref, part.notes) == ("there-7", 3)
    told = [event for event in desk.trail() if event.job_name == "NOTE_MM_CAMPAIGN"]
    assert [(event.kind, event.actor_type, event.actor_id) for event in told] == [
        ("CAMPAIGN", "WORKER", "w")
    ] * 3


def test_an_order_whose_money_is_elsewhere_joins_on_arrival_and_counts_anew_when_it_is_found() -> None:
    """It fails there, and has left; then its money is found where it should be, and it takes part again."""
    desk = some_market()
    desk.campaign()
    desk.abroad(campaign_id=desk.ids["prize"])
    joins = ["joining_campaign AUTO", "CAMPAIGN AUTO", "campaign_joined AUTO", "created AUTO", "running AUTO"]
    assert desk.steps()[-6:] == ["deposit_confirmed AUTO", *joins]
    desk.tell(MmControl.FAIL, admin="root")
    part = desk.order().participation
    assert part is not None
    assert part.left_at == desk.at
    desk.granted(desk.reconcile("CONFIRMED_AT_VENUE"))
    del joins[1]
    assert desk.steps()[-5:] == ["deposit_confirmed CONFIRMED_AT_VENUE", *joins]
    assert part.left_at is None
    assert desk.order().leash.participation is part
    desk.tell(MmControl.FAIL, admin="root")
    desk.steer(CANCEL)
    desk.granted(desk.reconcile("CONFIRMED_AT_VENUE"))
    assert (part.left_at is not None, desk.order().leash.participation) == (True, None)


# What counts


def leased(desk: Desk, **campaign: Any) -> MmLease:
    """An order with a lease in a campaign, in the published book of 48 and 53."""
    desk.campaign(**campaign)
    desk.market.open("cat", 1_000_000)
    desk.open(campaign_id=desk.ids["prize"])
    return desk.lease()


def eligible(desk: Desk) -> list[bool]:
    return [fact.event.eligible for fact in desk.market.facts if isinstance(fact.event, OrderAccepted)]


def contribution(desk: Desk, name: str = "one") -> int:
    part = desk.order(name).participation
    assert part is not None
    return part.contribution_cents


@pytest.mark.parametrize(
    ("side", "price", "counts"),
    [
        (YES, 48, True),  # |96 - 101| = 5
        (YES, 47, False),  # 7
        (YES, 50, True),
        (NO, 47, True),  # an ask at 53: |106 - 101| = 5
        (NO, 46, False),  # at 54: 7
    ],
)
def test_what_is_near_the_middle_of_the_book_just_before_counts(side: Side, price: int, counts: bool) -> None:
    desk = some_market()
    lease = leased(desk, max_half_spread_cents=3)
    desk.quote(lease, 0, side, price)
    assert eligible(desk)[-1] is counts


def test_what_is_just_as_far_as_may_be_counts_too() -> None:
    """In a book of 49 and 53 a bid at 48 is three cents from the middle."""
    desk = some_market()
    lease = leased(desk, max_half_spread_cents=3)
    desk.market.play("ben buys 1 YES at 49")
    desk.quote(lease, 0, YES, 48)
    desk.quote(lease, 1, YES, 47)
    assert eligible(desk)[-2:] == [True, False]


def test_the_published_example_adds_480() -> None:
    """Ben's five at 48 are first; ten of the order's own, at 48 each."""
    desk = some_market()
    lease = leased(desk, max_half_spread_cents=3)
    desk.quote(lease, 0, YES, 48, 10)
    desk.market.play("cat buys 15 NO at 52")
    assert contribution(desk) == 480
    fills = [fact.event for fact in desk.market.facts if isinstance(fact.event, Fill)]
    assert [fill.contribution for fill in fills] == [0, 480]


def test_what_counts_is_the_value_of_its_own_shares() -> None:
    """An ask at 52 that buys NO pays 48 a share."""
    desk = some_market()
    lease = leased(desk)
    desk.quote(lease, 0, NO, 48, 10)
    desk.market.play("cat buys 4 YES at 52", "cat buys 6 YES at 52")
    assert contribution(desk) == 480


def test_with_a_side_of_the_book_empty_nothing_counts() -> None:
    desk = some_market()
    lease = leased(desk)
    desk.market.play("cat buys 5 YES at 53")
    desk.quote(lease, 0, YES, 48)
    assert not eligible(desk)[-1]


def test_its_own_orders_make_the_book_as_others_do() -> None:
    """With its own bid at 50 the middle is 51.5: an ask at 54 is near enough, as it was not before."""
    desk = some_market()
    lease = leased(desk, max_half_spread_cents=3)
    desk.quote(lease, 0, NO, 46)
    desk.quote(lease, 1, YES, 50)
    desk.quote(lease, 2, NO, 46)
    assert eligible(desk)[-3:] == [False, True, True]


def test_an_order_that_replaces_another_is_looked_at_anew() -> None:
    desk = some_market()
    lease = leased(desk, max_half_spread_cents=3)
    placed = desk.quote(lease, 0, YES, 48)
    wish = desk.wish(lease, 1, YES, 47)
    answer = desk.market.do(
        ReplaceOrder(
            at=desk.at,
            user_id=wish.user_id,
            client_order_id=wish.client_order_id,
            market_id="M",
            terms=wish.terms,
            nonce=wish.nonce,
            fence=lease.fence,
            old_order_id=placed.order.order.id,
        )
    )
    assert answer.facts
    assert eligible(desk)[-2:] == [True, False]


def test_nothing_counts_ahead_of_the_window_or_after_it() -> None:
    desk = some_market()
    lease = leased(desk, begins=10, lasts=20)
    desk.quote(lease, 0, YES, 49, 9)
    for at, expected in ((9, 0), (10, 49), (29, 98), (30, 98)):
        desk.market.now = desk.prize().created_at + at * SECOND
        desk.market.do(desk.market.wish("cat", NO, BUY, price=51, quantity=1))
        assert contribution(desk) == expected, at


def test_what_it_takes_itself_does_not_count() -> None:
    desk = some_market()
    lease = leased(desk)
    desk.quote(lease, 0, YES, 53, 5)
    assert eligible(desk)[-1]
    assert contribution(desk) == 0


def test_what_rested_before_it_joined_does_not_count() -> None:
    desk = some_market()
    desk.campaign()
    desk.market.open("cat", 1_000_000)
    desk.open()
    desk.quote(desk.lease(), 0, YES, 49, 5)
    desk.join()
    desk.market.play("cat buys 5 NO at 51")
    assert contribution(desk) == 0


def test_orders_of_everybody_else_are_never_eligible() -> None:
    desk = some_market()
    desk.campaign()
    desk.market.play("ann buys 5 YES at 50")
    assert not any(eligible(desk))


# Leaving, and the end


@pytest.mark.parametrize("how", ["stop", "fail", "resolve"])
def test_who_leaves_keeps_what_was_contributed_until_then(how: str) -> None:
    desk = some_market()
    lease = leased(desk, lasts=60)
    desk.quote(lease, 0, YES, 49, 9)
    desk.market.play("cat buys 4 NO at 51")
    before = has(desk, "ann")
    match how:
        case "stop":
            desk.tell(MmControl.STOP)
        case "fail":
            desk.tell(MmControl.FAIL, admin="root")
        case _:
            desk.market.play("root resolves YES")
    part = desk.order().participation
    assert part is not None
    assert (part.left_at, part.contribution_cents) == (desk.at, 196)
    back, pnl = has(desk, "ann") - before, pnl_of(desk, "one")
    desk.tick(60)
    assert (part.reward_cents, pnl_of(desk, "one")) == (10_000, pnl)
    escrow = desk.order().escrow.available
    if how == "stop":
        assert (desk.trail()[-1].data or {})["account"] == desk.order().escrow.id
        assert escrow >= 10_000
    else:
        assert (desk.trail()[-1].data or {})["account"] == "ann"
        assert (escrow, has(desk, "ann")) == (0, before + back + 10_000)


def test_all_of_the_pool_is_paid_once_by_the_tick_at_its_end() -> None:
    """The published numbers, by fills: 5,000, 3,000 and 2,001 of 10,000."""
    desk = some_market()
    desk.market.open("cat", 1_000_000)
    desk.campaign(lasts=24 * HOUR, max_half_spread_cents=99)
    fills = {"a": [(50, 100)], "b": [(50, 60)], "c": [(50, 39), (51, 1)]}
    names = list(fills)
    for name in names:
        contribute(desk, name, *fills[name])
    assert [contribution(desk, name) for name in names] == [5_000, 3_000, 2_001]
    before = [desk.order(name).escrow.available for name in names]
    pnl = [pnl_of(desk, name) for name in names]
    desk.market.now = desk.prize().terms.ends_at - SECOND
    desk.tick()
    assert desk.prize().status is CampaignStatus.ACTIVE
    facts = desk.tick(1)
    changed = [fact.event.new_status.value for fact in facts if isinstance(fact.event, MmCampaignChanged)]
    assert changed == ["ended", "settled"]
    after = [desk.order(name).escrow.available for name in names]
    assert [b - a for a, b in zip(before, after, strict=True)] == [4_999, 3_000, 2_001]
    assert [desk.order(name).rewards_cents for name in names] == [4_999, 3_000, 2_001]
    assert [pnl_of(desk, name) for name in names] == pnl  # a reward is no gain of its quotes
    keys = [fact.event.idempotency_key for fact in facts if isinstance(fact.event, FundsTransferred)]
    assert keys == [f"mmr:{desk.ids['prize']}:{desk.ids[name]}" for name in names]
    assert has(desk, f"mmc:{desk.ids['prize']}") == 0
    told = [event for name in names for event in desk.trail(name) if event.reason == "CAMPAIGN_ENDED"]
    assert {event.kind for event in told} == {MmKind.CAMPAIGN}
    assert not [fact for fact in desk.tick(60) if isinstance(fact.event, FundsTransferred)]


def pnl_of(desk: Desk, name: str) -> int:
    order = desk.order(name)
    return order.paid_out_cents + order.equity - order.paid_in_cents - order.rewards_cents


def test_if_nobody_contributed_the_pool_goes_back() -> None:
    desk = some_market()
    before = has(desk, "ben")
    desk.campaign(lasts=60)
    desk.open(campaign_id=desk.ids["prize"])
    desk.tick(60)
    assert (desk.prize().status, desk.prize().returned_cents) == (CampaignStatus.SETTLED, 10_000)
    assert has(desk, "ben") == before
    assert desk.order().rewards_cents == 0


@pytest.mark.parametrize("end", ["resolves YES", "voids", "halts"])
def test_it_is_settled_in_time_whatever_became_of_its_market(end: str) -> None:
    desk = some_market()
    lease = leased(desk, lasts=60)
    desk.quote(lease, 0, YES, 49, 9)
    desk.market.play("cat buys 4 NO at 51", f"root {end}")
    assert desk.prize().status is CampaignStatus.ACTIVE
    desk.tick(60)
    assert desk.prize().status is CampaignStatus.SETTLED
    part = desk.order().participation
    assert part is not None
    assert part.reward_cents == 10_000


def test_ends_of_campaigns_and_of_orders_come_in_the_order_of_their_time() -> None:
    desk = some_market()
    desk.campaign("second", lasts=601)
    desk.campaign("first", lasts=599)
    desk.ask_for(policy={"payment_timeout_ms": 600_000})
    facts = desk.tick(700)
    told = [
        event.campaign_id if isinstance(event, MmCampaignChanged) else "one"
        for event in (fact.event for fact in facts)
        if isinstance(event, MmCampaignChanged) or getattr(event, "to_state", None) is MmState.REFUNDED
    ]
    assert list(dict.fromkeys(told)) == [desk.ids["first"], "one", desk.ids["second"]]


def test_nothing_else_moves_what_is_in_the_pool() -> None:
    desk = some_market()
    pool, at = f"mmc:{desk.campaign()}", desk.at
    pay: dict[str, Any] = {"amount": 5, "reference_type": ReferenceType.MM_REWARD, "idempotency_key": "k"}
    wishes: list[tuple[AnyCommand, int]] = [
        (TransferFunds(at=at, from_id=pool, to_id="ben", **pay), 1007),
        (TransferFunds(at=at, from_id="ben", to_id=pool, **pay), 1007),
        (RaiseFence(at=at, user_id=pool, fence=1), 1007),
        (SetGuard(at=at, user_id=pool, grace_ms=1), 1007),
        (Deposit(at=at, user_id=pool, amount=5), 2002),
        (Withdraw(at=at, user_id=pool, amount=5), 2002),
        (desk.market.wish(pool, price=2, client_order_id="q", fence=0), 7105),
    ]
    assert [desk.market.refused(wish).code.value for wish, _ in wishes] == [no for _, no in wishes]
    assert has(desk, pool) == 10_000
