"""What administrators are shown before they act is what then happens."""

from typing import Any

import pytest
import trio
from msgspec.structs import replace

from adapters.access.identity import Principal
from adapters.operations import overview
from adapters.operations.operation import Call
from adapters.wire.admin_responses import ForeseenEndShape
from adapters.wire.requests import EmptyBody
from adapters.wire.user_responses import AccountType
from kernel.codes import Side
from tests.adapters.serving import Caller, Venue, until
from tests.adapters.streaming import ANN, AT, BEN, EVE, a_place, connected, running
from tests.adapters.streaming import Venue as Inside


def traded(the_venue: Venue) -> tuple[str, list[Caller]]:
    """A market with winners whatever the answer, cash set aside, and pairs of which one half is for sale."""
    market = the_venue.market()
    ann, ben, eve = (the_venue.user(100_000) for _ in range(3))
    ann.placed(market, "BUY YES 10 @60")
    ben.placed(market, "BUY NO 10 @40")
    ann.placed(market, "SELL YES 10 @90")
    ann.placed(market, "BUY NO 4 @40")
    eve.placed(market, "BUY YES 4 @60")
    ben.placed(market, "BUY YES 5 @20")
    return market, [ann, ben, eve]


def foreseen(the_venue: Venue, market: str, **query: Any) -> Any:
    return the_venue.admin.data(f"/admin/markets/{market}/foreseen-end", **query)


def cash(users: list[Caller]) -> int:
    return sum(user.data("/account/balance")["available_balance_cents"] for user in users)


@pytest.mark.parametrize("result", ["YES", "NO", "VOID"])
def test_an_end_is_foreseen_to_the_cent(the_venue: Venue, result: str) -> None:
    market, users = traded(the_venue)
    void = {"void_price_cents": 30} if result == "VOID" else {}
    before, told = cash(users), foreseen(the_venue, market, **void)
    assert [end["resolution_result"] for end in told["results"]] == ["YES", "NO", "VOID"]
    (end,) = (end for end in told["results"] if end["resolution_result"] == result)
    assert (told["status"], told["of_one_moment"], told["orders_count"]) == ("ACTIVE", True, 2)
    assert told["netted_cents"] == 400, "the four pairs of whoever sells one half of them"
    assert end["void_price_cents"] == void.get("void_price_cents")

    costs = sum(
        position[side]["cost_sum_cents"]
        for user in users
        for position in user.data("/positions")["items"]
        for side in ("yes", "no")
    )
    answer = the_venue.admin.post(f"/admin/markets/{market}/resolve", resolution_result=result, **void)
    settled = answer.data["settlement"]
    assert (
        end["total_payout_cents"],
        end["winners_count"],
        told["orders_count"],
        told["unfrozen_cents"],
    ) == (
        settled["total_payout_cents"],
        settled["winners_count"],
        settled["cancelled_orders_count"],
        settled["cancelled_orders_unfrozen_cents"],
    )
    came_back = told["unfrozen_cents"] + told["netted_cents"] + end["total_payout_cents"]
    assert cash(users) == before + came_back
    assert end["gained_cents"] - end["lost_cents"] == told["netted_cents"] + end["total_payout_cents"] - costs
    assert min(end["gained_cents"], end["lost_cents"]) >= 0


def test_of_an_answered_question_only_the_answer_is_foreseen(the_venue: Venue) -> None:
    market, _ = traded(the_venue)
    the_venue.admin.post(f"/admin/markets/{market}/resolve", resolution_result="NO", settle=False)
    told = foreseen(the_venue, market)
    assert [(end["resolution_result"], end["winners_count"]) for end in told["results"]] == [("NO", 1)]
    paid = the_venue.admin.post(f"/admin/markets/{market}/settle").data["settlement"]
    assert told["results"][0]["total_payout_cents"] == paid["total_payout_cents"] == 1000
    assert foreseen(the_venue, market)["results"][0]["total_payout_cents"] == 0


def test_who_may_not_end_a_market_sees_it_beforehand(the_venue: Venue) -> None:
    market, users = traded(the_venue)
    admin = the_venue.admin
    assert (foreseen(the_venue, market)["has_conflict"], foreseen(the_venue, market)["needs_second"]) == (
        False,
        False,
    )
    admin.deposit(1_000)
    admin.placed(market, "BUY YES 1 @70")
    users[1].placed(market, "BUY NO 1 @30")
    assert foreseen(the_venue, market)["has_conflict"] is True
    assert foreseen(the_venue, market)["needs_void_price"] is True, "nobody quoted both sides for long"
    path = f"/admin/markets/{market}/foreseen-end"
    assert admin.get(path, void_price_cents=0).verdict == (400, 9004)
    assert admin.get(path, void_price_cents=100).verdict == (400, 9004)
    assert admin.get("/admin/markets/nowhere/foreseen-end").verdict == (404, 3001)


def test_an_administrator_sees_what_the_market_maker_may(the_venue: Venue) -> None:
    market = the_venue.market(active=False)
    path = f"/admin/markets/{market}"
    for authorized in (False, True):
        the_venue.admin.post(f"{path}/amm-authorization", authorized=authorized)
        shown = the_venue.admin.data(path)
        assert (shown["amm_authorized"], shown["status"]) == (authorized, "DRAFT")
    assert the_venue.admin.get("/admin/markets/nowhere").verdict == (404, 3001)


# How the exchange is


async def test_the_status_tells_how_far_all_is_and_who_is_connected(the_venue: Venue) -> None:
    port = int(the_venue.address.rpartition(":")[2])

    def status() -> Any:
        return the_venue.admin.data("/admin/status")

    before = await trio.to_thread.run_sync(status)
    assert set(before) == {
        *("version", "kernel", "journal_id", "journal_lag_events", "projected_journal_id"),
        *("projection_lag_ms", "clock", "inboxes", "connections"),
    }
    assert before["kernel"] in ("plain", "compiled")
    assert before["clock"] == "steady"
    assert before["connections"]["http"] >= 1
    assert before["projected_journal_id"] <= before["journal_id"] > 0
    assert {"market_id": "MKT-BTC-100K-2026", "waiting": 0} in before["inboxes"]
    assert before["version"] == the_venue.http.get("/health").json()["version"]
    async with (
        connected(port, "/ws/v1/ticker"),
        connected(port, "/ws/v1/trades/MKT-BTC-100K-2026"),
        connected(port, token=the_venue.admin.token),
    ):

        def are_counted() -> bool:
            # Of other tests some may still be open, or close meanwhile.
            now: dict[str, int] = status()["connections"]
            return now["http"] >= 1 and now["feeds"] >= 2 and now["streams"] >= 1

        await trio.to_thread.run_sync(until, are_counted)


def test_the_status_follows_the_journal(the_venue: Venue) -> None:
    market = the_venue.market()
    made = the_venue.user(1_000).place(market, "BUY YES 1 @50")
    durable = int(made.headers["X-Journal-Id"])
    assert the_venue.admin.data("/admin/status")["journal_id"] >= durable
    until(lambda: the_venue.admin.data("/admin/status")["projected_journal_id"] >= durable)


# Holders in portions


def call(inside: Inside) -> Call[EmptyBody, overview.EndQuery]:
    caller = Principal(EVE, "eve", AccountType.ADMIN, b"", 0)
    head = inside.durable
    return Call(EmptyBody(), overview.EndQuery(), {"market_id": "M"}, caller, None, "req_0", head)


async def foresee(inside: Inside) -> ForeseenEndShape:
    data: ForeseenEndShape = (await overview.foresee_end(inside.server, call(inside))).data
    return data


async def test_counted_in_portions_it_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running("M") as inside:
        for buyer in (ANN, EVE):
            await inside.ask(a_place(buyer, price=50), a_place(BEN, side=Side.NO, price=50))
        await inside.ask(*(a_place(ANN, price=price) for price in range(10, 15)))
        whole = await foresee(inside)
        monkeypatch.setattr(overview, "PORTION", 1)
        again = await foresee(inside)
        assert replace(again, reference=whole.reference) == whole
        assert whole.of_one_moment
        assert (whole.orders_count, whole.results[0].winners_count) == (5, 3), "and the market maker"


async def test_what_moved_while_holders_were_counted_is_not_called_of_one_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(overview, "PORTION", 1)
    async with running("M") as inside:
        order = a_place(ANN, at=AT + 1)
        found: list[ForeseenEndShape] = []

        async def look() -> None:
            found.append(await foresee(inside))

        await inside.ask(*(a_place(BEN) for _ in range(20)))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(look)
            nursery.start_soon(inside.ask, order)
        assert [each.of_one_moment for each in found] == [False]
        assert (await foresee(inside)).of_one_moment
