"""Many orders in one request: cancelling everything one has."""

from typing import Any

from tests.adapters.serving import Caller, Venue


def cancel_all(caller: Caller, **members: Any) -> Any:
    answer = caller.post("/orders/cancel-all", **members)
    assert answer.verdict == (200, 0), answer.envelope
    return answer.data


def item(market_id: str, code: int, count: int, funds: int) -> dict[str, Any]:
    return {
        "market_id": market_id,
        "code": code,
        "cancelled_count": count,
        "total_unfrozen_funds_cents": funds,
        "total_unfrozen_yes_shares": 0,
        "total_unfrozen_no_shares": 0,
        "netting_result": None,
    }


def test_all_markets_are_visited_by_id_and_one_that_refuses_stops_no_other(the_venue: Venue) -> None:
    first, second, empty = sorted(the_venue.market() for _ in range(3))
    ann, ben = the_venue.user(100_000), the_venue.user(100_000)
    ann.placed(second, "BUY YES 10 @40")
    for price in (30, 20):
        ann.placed(first, f"BUY YES 10 @{price}")
    ben.placed(first, "BUY YES 1 @5")
    gone = ann.placed(empty, "BUY YES 1 @5")["order"]["id"]
    ann.post(f"/orders/{gone}/cancel")
    the_venue.admin.post(f"/admin/markets/{second}/halt", reason="a look")

    data = cancel_all(ann)
    assert data == {
        "items": [item(first, 0, 2, 502), item(second, 3002, 0, 0)],
        "cancelled_count": 2,
        "complete": False,
    }
    assert cancel_all(ann) == {"items": [item(second, 3002, 0, 0)], "cancelled_count": 0, "complete": False}
    assert len(ben.data("/orders", status="OPEN")["items"]) == 1
    assert cancel_all(the_venue.user()) == {"items": [], "cancelled_count": 0, "complete": True}
    assert cancel_all(the_venue.amm)["complete"]


def test_filters_narrow_and_a_market_without_a_match_is_told(the_venue: Venue) -> None:
    here, there = sorted(the_venue.market() for _ in range(2))
    ann = the_venue.user(100_000)
    ann.placed(here, "BUY YES 10 @30")
    ann.placed(there, "BUY NO 10 @30")
    data = cancel_all(ann, side="NO", direction="BUY")
    assert data["items"] == [item(here, 0, 0, 0), item(there, 0, 1, 301)]
    assert data["complete"]
    assert cancel_all(ann, direction="SELL")["cancelled_count"] == 0
    assert cancel_all(ann, market_id=here) == {
        "items": [item(here, 0, 1, 301)],
        "cancelled_count": 1,
        "complete": True,
    }
    assert cancel_all(ann, market_id=here)["cancelled_count"] == 0


def test_one_named_markets_refusal_is_the_answer(the_venue: Venue) -> None:
    market, ann = the_venue.market(), the_venue.user(100_000)
    ann.placed(market, "BUY YES 10 @30")
    assert ann.post("/orders/cancel-all", market_id="nowhere").verdict == (404, 3001)
    assert cancel_all(ann, market_id=market, group_id="g")["items"] == [item(market, 0, 0, 0)]
    the_venue.admin.post(f"/admin/markets/{market}/halt", reason="a look")
    assert ann.post("/orders/cancel-all", market_id=market).verdict == (422, 3002)
    for wrong in ({"side": "yes"}, {"direction": 1}, {"market_id": ""}, {"group_id": "g"}):
        assert ann.post("/orders/cancel-all", **wrong).verdict == (400, 9004)
    the_venue.admin.post(f"/admin/markets/{market}/resolve", resolution_result="YES")
    assert cancel_all(ann, market_id=market)["items"] == [item(market, 0, 0, 0)]
