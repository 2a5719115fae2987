"""Campaigns over HTTP and on the stream: from a draft to the reward, and what is refused."""

import datetime
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from adapters.access.tokens import TokenType
from adapters.http.making_metrics import MakingMetrics
from adapters.service.going import Going
from adapters.wire.user_responses import WORKER_ID
from kernel.making_commands import CampaignControl
from tests.adapters.serving import Answer, Caller, Venue, until
from tests.adapters.streaming import EVE, join_campaign, making_order
from tests.adapters.streaming import running as running_stream
from tests.adapters.test_making_api import (
    ORDERS,
    asked,
    cash,
    create,
    created,
    key,
    pay,
    running,
    steps,
    tell,
    trail,
)
from tests.kernel.making.scene import some_market

YEAR = "2999-01-01T00:00:00Z"


def wish(market_id: str, **members: Any) -> dict[str, Any]:
    return {
        "market_id": market_id,
        "name": "Tight quotes",
        "starts_at": "2026-01-01T00:00:00Z",
        "ends_at": YEAR,
        "reward_pool_cents": 10_000,
    } | members


def offer(the_venue: Venue, market_id: str, **members: Any) -> str:
    """The id of a campaign that is active."""
    admin = the_venue.admin
    made = asked(admin, "/admin/campaigns", key(), **wish(market_id, **members))
    assert made.verdict == (201, 0), made.envelope
    campaign_id = str(made.data["campaign_id"])
    assert admin.post("/account/deposit", amount_cents=made.data["reward_pool_cents"]).code == 0
    answer = steer(the_venue, campaign_id, "activate")
    assert answer.verdict == (200, 0), answer.envelope
    return campaign_id


def steer(the_venue: Venue, campaign_id: str, command: str) -> Answer:
    return asked(the_venue.admin, f"/admin/campaigns/{campaign_id}/{command}")


def join(caller: Caller, order_id: str, campaign_id: str, headers: dict[str, str] | None = None) -> Answer:
    return asked(caller, f"{ORDERS}/{order_id}/join-campaign", headers, campaign_id=campaign_id)


def test_a_campaign_is_made_paid_for_joined_and_called_off(the_venue: Venue) -> None:
    """Each cent of the pool is the sponsor's, the campaign's, or the sponsor's again."""
    ann, admin, market_id = the_venue.user(250_000), the_venue.admin, the_venue.market()
    made = asked(admin, "/admin/campaigns", key(), **wish(market_id, min_cash_cents=50_000))
    assert made.verdict == (201, 0)
    assert (made.data["status"], made.data["sponsor_id"], made.data["max_participants"]) == ("draft", None, 0)
    assert made.data["ends_at"] == "2999-01-01T00:00:00.000000Z"
    assert made.data["reward_pool_display"] == "$100.00"
    campaign_id = made.data["campaign_id"]
    admin.post("/account/deposit", amount_cents=10_000)
    before = cash(admin)
    active = steer(the_venue, campaign_id, "activate")
    assert (active.data["changed"], active.data["campaign"]["status"]) == (True, "active")
    assert active.data["campaign"]["sponsor_id"] == admin.user_id
    assert cash(admin) == before - 10_000
    assert steer(the_venue, campaign_id, "activate").data["changed"] is False
    order_id = created(ann, market_id, campaign_id=campaign_id)
    part = ann.data(f"{ORDERS}/{order_id}")["campaign"]
    assert part == {
        "id": campaign_id,
        "status": "active",
        "contribution_cents": 0,
        "contribution_display": "$0.00",
        "reward_cents": 0,
        "reward_display": "$0.00",
    }
    pay(ann, order_id, 100_000)
    assert steps(ann, order_id) == [
        *("payment_pending", "payment_complete", "joining_campaign", "campaign_joined", "created", "running")
    ]
    assert ann.data(f"/campaigns/{campaign_id}")["participants"] == 1
    off = steer(the_venue, campaign_id, "cancel")
    assert (off.data["campaign"]["status"], off.data["campaign"]["returned_cents"]) == ("cancelled", 10_000)
    assert cash(admin) == before
    assert trail(ann, order_id)[-1]["reason"] == "CAMPAIGN_CLOSED"
    refused = steer(the_venue, campaign_id, "activate")
    assert refused.verdict == (409, 7102)
    assert refused.data == {"state": "cancelled", "reason": None, "allowed_commands": []}


def test_however_often_somebody_joins_at_once_the_order_takes_part_once(the_venue: Venue) -> None:
    ann, market_id = the_venue.user(100_000), the_venue.market()
    campaign_id, order_id = offer(the_venue, market_id), running(ann, market_id)
    assert "join_campaign" in ann.data(f"{ORDERS}/{order_id}")["allowed_commands"]
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: join(ann, order_id, campaign_id), range(20)))
    assert [answer.status for answer in answers] == [200] * 20
    assert [answer.data["changed"] for answer in answers].count(True) == 1
    assert [join(ann, order_id, campaign_id).data["changed"] for _ in range(2)] == [False, False]
    assert [item["kind"] for item in trail(ann, order_id)].count("CAMPAIGN") == 1
    assert ann.data(f"/campaigns/{campaign_id}")["participants"] == 1
    assert "join_campaign" not in ann.data(f"{ORDERS}/{order_id}")["allowed_commands"]


def test_who_cannot_join_is_told_why(the_venue: Venue) -> None:
    ann, market_id, elsewhere = the_venue.user(300_000), the_venue.market(), the_venue.market()
    full = offer(the_venue, market_id, max_participants=1)
    order_id = running(ann, market_id, campaign_id=full, required_cash_cents=100_000)
    other = running(ann, market_id)
    rich, there = offer(the_venue, market_id, min_cash_cents=200_000), offer(the_venue, elsewhere)
    draft = asked(the_venue.admin, "/admin/campaigns", key(), **wish(market_id)).data["campaign_id"]
    for campaign_id, reason in (
        (full, "FULL"),
        (rich, "NOT_ELIGIBLE"),
        (there, "OTHER_MARKET"),
        (draft, "NOT_ACTIVE"),
        (str(uuid.uuid4()), "UNKNOWN"),
    ):
        answer = join(ann, other, campaign_id)
        assert (answer.verdict, answer.data) == ((422, 7111), {"reason": reason})
        answer = create(ann, market_id, campaign_id=campaign_id)
        assert (answer.verdict, answer.data) == ((422, 7111), {"reason": reason})
        wanted: dict[str, Any] = {"market_id": market_id, "required_cash_cents": 100_000}
        assert asked(ann, "/market-making/preview", **wanted, campaign_id=campaign_id).verdict == (422, 7111)
    assert join(ann, order_id, rich).verdict == (409, 7102)
    assert join(the_venue.user(), other, rich).verdict == (404, 7101)
    tell(ann, other, "stop")
    assert join(ann, other, rich).verdict == (409, 7102)


def test_the_key_of_a_request_is_the_administrators_own(the_venue: Venue) -> None:
    market_id, header = the_venue.market(), key()
    first = asked(the_venue.admin, "/admin/campaigns", header, **wish(market_id))
    again = asked(the_venue.admin, "/admin/campaigns", header, **wish(market_id, max_participants=0))
    assert (first.status, again.status, again.data["repeated"]) == (201, 200, True)
    assert first.data["campaign_id"] == again.data["campaign_id"]
    assert asked(the_venue.admin, "/admin/campaigns", header, **wish(market_id, name="n")).verdict == (
        409,
        7107,
    )
    ann, header = the_venue.user(100_000), key()
    order_id, campaign_id = running(ann, market_id), offer(the_venue, market_id)
    assert join(ann, order_id, campaign_id, header).data["repeated"] is False
    assert join(ann, order_id, campaign_id, header).data["repeated"] is True
    assert asked(ann, f"{ORDERS}/{order_id}/pause", header).verdict == (409, 7107)


@pytest.mark.parametrize(
    ("members", "code", "field"),
    [
        ({"reward_pool_cents": 0}, 7112, "reward_pool_cents"),
        ({"reward_pool_cents": 10**9 + 1}, 7112, "reward_pool_cents"),
        ({"max_half_spread_cents": 0}, 7112, "max_half_spread_cents"),
        ({"max_participants": 1_001}, 7112, "max_participants"),
        ({"min_cash_cents": -1}, 7112, "min_cash_cents"),
        ({"ends_at": "2026-01-01T00:00:00Z"}, 7112, "ends_at"),
        ({"starts_at": "2025-01-01T00:00:00Z", "ends_at": "2025-01-02T00:00:00Z"}, 7112, "ends_at"),
        ({"name": ""}, 9004, "name"),
        ({"name": "n" * 101}, 9004, "name"),
        ({"name": "a\0"}, 9004, "name"),
        ({"starts_at": "2026-01-01T00:00:00"}, 9004, "starts_at"),
        ({"starts_at": "1999-01-01T00:00:00Z"}, 9004, "starts_at"),
        ({"ends_at": None}, 9004, "ends_at"),
        ({"reward_pool_cents": 2**63}, 9004, "reward_pool_cents"),
        ({"reward_pool_cents": 1.5}, 9004, "reward_pool_cents"),
        ({"prize": 5}, 9004, "prize"),
    ],
)
def test_what_is_wrong_with_a_campaign_is_said_beside_the_member(
    the_venue: Venue, members: dict[str, Any], code: int, field: str
) -> None:
    market_id = the_venue.market()
    answer = asked(the_venue.admin, "/admin/campaigns", key(), **wish(market_id, **members))
    assert answer.code == code, answer.envelope
    assert [error["field"] for error in answer.data["errors"]] == [field]
    assert the_venue.admin.data("/campaigns", market_id=market_id)["items"] == []


@pytest.mark.parametrize("bad", ["x", "%00", "1", "0193f1c2-5a77-7c1e-9f10"])
def test_an_id_that_is_none_is_malformed_and_one_of_nothing_is_not_found(the_venue: Venue, bad: str) -> None:
    ann, nothing = the_venue.user(), str(uuid.uuid4())
    assert ann.get(f"/campaigns/{bad}").status in (400, 404)
    assert ann.get(f"/campaigns/{nothing}").verdict == (404, 7101)
    for command in ("activate", "cancel"):
        assert steer(the_venue, nothing, command).verdict == (404, 7101)
        assert ann.post(f"/admin/campaigns/{nothing}/{command}").verdict == (403, 1007)
    assert ann.post("/admin/campaigns").verdict == (403, 1007)


def test_an_activation_needs_the_money_and_a_market_that_is_not_over(the_venue: Venue) -> None:
    market_id = the_venue.market()
    pool = cash(the_venue.admin) + 1
    made = asked(the_venue.admin, "/admin/campaigns", key(), **wish(market_id, reward_pool_cents=pool))
    assert steer(the_venue, made.data["campaign_id"], "activate").verdict == (422, 2001)
    the_venue.admin.post(f"/admin/markets/{market_id}/void", void_price_cents=50)
    assert steer(the_venue, made.data["campaign_id"], "activate").verdict == (422, 7103)
    assert asked(the_venue.admin, "/admin/campaigns", key(), **wish(market_id)).verdict == (422, 7103)
    assert asked(the_venue.admin, "/admin/campaigns", key(), **wish("M-NONE")).verdict == (404, 3001)


def test_campaigns_are_listed_newest_first_by_market_and_status(the_venue: Venue) -> None:
    ann, market_id, other = the_venue.user(), the_venue.market(), the_venue.market()
    first, second, third = (offer(the_venue, market_id) for _ in range(3))
    offer(the_venue, other)
    steer(the_venue, second, "cancel")

    def listed(**query: Any) -> list[str]:
        return [item["campaign_id"] for item in ann.data("/campaigns", market_id=market_id, **query)["items"]]

    assert listed() == [third, second, first]
    assert listed(status="cancelled") == [second]
    assert listed(status="active,cancelled") == [third, second, first]
    page = ann.data("/campaigns", market_id=market_id, limit=2)
    assert (len(page["items"]), page["has_more"]) == (2, True)
    assert listed(cursor=page["next_cursor"]) == [first]
    assert ann.get("/campaigns", status="over").verdict == (400, 9004)
    assert ann.get("/campaigns", cursor="x").verdict == (400, 9004)


def test_the_pool_is_paid_when_the_time_is_over(the_venue: Venue) -> None:
    """By the exchange's own clock: a tick comes within a second of the end."""
    ann, ben, market_id = the_venue.user(100_000), the_venue.user(100_000), the_venue.market()
    now = datetime.datetime.now(datetime.UTC)
    ends_at = (now + datetime.timedelta(seconds=2)).isoformat()
    campaign_id = offer(the_venue, market_id, ends_at=ends_at)
    before = cash(the_venue.admin)
    order_id = running(ann, market_id, campaign_id=campaign_id)
    until(lambda: ben.data(f"/campaigns/{campaign_id}")["status"] == "settled")
    settled = ben.data(f"/campaigns/{campaign_id}")
    assert (settled["rewarded_cents"], settled["returned_cents"]) == (0, 10_000)
    assert cash(the_venue.admin) == before + 10_000
    assert ann.data(f"{ORDERS}/{order_id}")["campaign"]["status"] == "settled"


def test_monitors_read_how_many_joined_those_that_run() -> None:
    desk = some_market()
    campaign_id = desk.campaign()
    desk.open(campaign_id=campaign_id)
    metrics = MakingMetrics(desk.market.exchange, CollectorRegistry())

    def told() -> list[tuple[dict[str, str], float]]:
        gauges = metrics.gauges(desk.market.exchange, Going(desk.market.exchange).markets(), desk.at)
        (joined,) = [each for each in gauges if each.name == "verdict_mm_campaign_participants"]
        return [(sample.labels, sample.value) for sample in joined.samples]

    assert told() == [({"campaign": campaign_id}, 1)]
    desk.steer(CampaignControl.CANCEL)
    assert told() == []


async def test_a_worker_notes_what_came_of_it_elsewhere_and_the_owner_hears_of_it() -> None:
    async with (
        running_stream("M") as venue,
        venue.client(WORKER_ID, kind=TokenType.SERVICE) as worker,
        venue.client() as ann,
    ):
        order_id = await making_order(venue)
        assert (await worker.do("mm_note", order_id=order_id, external_ref="x"))["code"] == 7102
        assert (await ann.do("mm_note", order_id=order_id, error="mine"))["code"] == 1007
        await ann.do("subscribe", topics=["mm_events"])
        campaign_id = await join_campaign(venue, order_id, sponsor_id=EVE)
        noted = await worker.do("mm_note", order_id=order_id, external_ref="there-7")
        assert noted["data"] == {"order_id": order_id, "campaign_id": campaign_id}
        assert (await worker.do("mm_note", order_id=order_id))["code"] == 9004
        for _ in range(2):
            assert (await worker.do("mm_note", order_id=order_id, error="late"))["code"] == 0
        assert (await worker.do("mm_note", order_id=order_id, error="late"))["code"] == 7104
        assert (await worker.do("mm_note", order_id="x", error="late"))["code"] == 7101
        told = await ann.events(4)
        assert {event["data"]["order"]["kind"] for event in told} == {"CAMPAIGN"}
        assert told[1]["data"]["data"]["external_ref"] == "there-7"
