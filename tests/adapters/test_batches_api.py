"""Many orders in one request: cancelling everything one has, and batches."""

import itertools
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


# Batches

names = itertools.count(1)


def place(market_id: str, wish: str, **more: Any) -> dict[str, Any]:
    """`BUY YES 10 @50`."""
    direction, side, quantity, price = wish.split()
    return {
        "op": "place",
        "client_order_id": f"b-{next(names)}",
        "market_id": market_id,
        "side": side,
        "direction": direction,
        "price_cents": int(price.removeprefix("@")),
        "quantity": int(quantity),
    } | more


def cancel(order_id: str) -> dict[str, Any]:
    return {"op": "cancel", "order_id": order_id}


def results(caller: Caller, *commands: Any, **more: Any) -> list[dict[str, Any]]:
    answer = caller.post("/orders/batch", commands=commands, **more)
    assert answer.verdict == (200, 0), answer.envelope
    assert answer.data["atomic"] == more.get("atomic", False)
    found: list[dict[str, Any]] = answer.data["results"]
    assert [one["index"] for one in found] == list(range(len(commands)))
    assert all(one["ok"] == (one["message"] is None) == (one["code"] == 0) for one in found)
    return found


def scene(the_venue: Venue) -> tuple[str, Caller, str]:
    """A market with a best ask of 53, somebody with a bid there, and the bid's id."""
    market, ann, ben = the_venue.market(), the_venue.user(100_000), the_venue.user(100_000)
    ben.placed(market, "BUY NO 20 @47")
    return market, ann, ann.placed(market, "BUY YES 10 @50")["order"]["id"]


def test_each_command_of_a_batch_is_answered_as_if_it_had_come_alone(the_venue: Venue) -> None:
    """Also across markets, and whatever becomes of those ahead of it."""
    here, ann, order_id = scene(the_venue)
    there = the_venue.market()
    first = place(here, "BUY YES 5 @53")
    by_name = {"op": "cancel", "market_id": there, "client_order_id": "mine"}
    found = results(
        ann,
        first,
        place(there, "BUY YES 1 @10", client_order_id="mine"),
        cancel(order_id),
        cancel(order_id),
        by_name,
        place(here, "BUY YES 1 @0"),
        place("nowhere", "BUY YES 1 @1"),
        first,
    )
    assert [(one["status"], one["code"]) for one in found] == [
        *((201, 0), (201, 0), (200, 0), (422, 4006), (200, 0), (422, 4001), (404, 3001), (200, 0))
    ]
    assert found[0]["data"]["order"]["status"] == "FILLED"
    assert [trade["quantity"] for trade in found[0]["data"]["trades"]] == [5]
    assert found[2]["data"]["order_id"] == order_id
    assert found[5]["message"] == "Price out of range: 0, allowed 1 to 99"
    assert found[7]["data"] == found[0]["data"], "the same request is told what became of it"


def test_a_malformed_command_is_refused_by_itself(the_venue: Venue) -> None:
    here, ann, order_id = scene(the_venue)
    found = results(
        ann,
        place(here, "BUY YES 1 @1", price_cents=1.5),
        place(here, "BUY YES 1 @1", price_cents=1.0),
        {"op": "cancel", "order_id": order_id, "market_id": here},
        {"op": "burn"},
        {"order_id": order_id},
        None,
        place(here, "BUY YES 1 @1"),
    )
    assert [one["code"] for one in found] == [9004, 9004, 9004, 9004, 9004, 9004, 0]
    assert found[0]["data"]["errors"][0]["field"] == "price_cents"
    assert [one["status"] for one in found] == [400] * 6 + [201]


def test_an_atomic_batch_is_done_as_a_whole(the_venue: Venue) -> None:
    market, ann, order_id = scene(the_venue)
    commands = [cancel(order_id), place(market, "BUY YES 10 @53")]
    answer = ann.post("/orders/batch", atomic=True, market_id=market, commands=commands)
    assert answer.verdict == (200, 0), answer.envelope
    assert answer.data["repeated"] is False
    cancelled, placed = answer.data["results"]
    assert (cancelled["status"], cancelled["data"]["status"]) == (200, "CANCELLED")
    assert (placed["status"], placed["data"]["order"]["status"]) == (201, "FILLED")
    assert [trade["quantity"] for trade in placed["data"]["trades"]] == [10]

    again = ann.post("/orders/batch", atomic=True, market_id=market, commands=[*commands, cancel("none")])
    assert again.data["repeated"] is True
    cancelled, replayed, none = again.data["results"]
    assert cancelled["data"]["order"]["status"] == "CANCELLED"
    assert (replayed["status"], replayed["data"]) == (200, placed["data"])
    assert (none["ok"], none["data"]) == (True, None)


def test_an_atomic_batch_that_is_refused_leaves_nothing(the_venue: Venue) -> None:
    market, ann, order_id = scene(the_venue)
    before = ann.data("/orders"), ann.data("/account/balance")

    def refused(*commands: Any, **more: Any) -> tuple[int, int, Any]:
        answer = ann.post(
            "/orders/batch", **{"atomic": True, "market_id": market, "commands": commands} | more
        )
        assert (ann.data("/orders"), ann.data("/account/balance")) == before
        return answer.status, answer.code, answer.data

    status, code, data = refused(
        cancel(order_id), place(market, "BUY YES 10 @53"), place(market, "BUY NO 1 @0")
    )
    assert (status, code) == (422, 4014)
    assert data == {
        "index": 2,
        "code": 4001,
        "message": "Price out of range: 0, allowed 1 to 99",
        "data": None,
    }
    other = the_venue.market()
    assert refused(place(other, "BUY YES 1 @1"))[2]["code"] == 4015
    assert refused(cancel(order_id), market_id="nowhere")[:2] == (404, 3001)
    past = "2020-01-01T00:00:00Z"
    assert refused(cancel(order_id), valid_until=past)[:2] == (422, 4010)
    wrong = refused(cancel(order_id), place(market, "BUY YES 1 @1", price_cents="1"), {"op": "cancel"})
    assert wrong[:2] == (400, 9004)
    assert wrong[2]["errors"][0]["field"] == "commands[1].price_cents"
    assert refused(cancel(order_id), market_id=None)[:2] == (400, 9004)


def test_a_batch_amends(the_venue: Venue) -> None:
    market, ann, order_id = scene(the_venue)
    less = {"op": "amend", "order_id": order_id, "quantity": 4}
    dearer = {"op": "amend", "order_id": order_id, "price_cents": 53}
    answer = ann.post("/orders/batch", atomic=True, market_id=market, commands=[less, dearer])
    assert answer.verdict == (200, 0), answer.envelope
    kept, moved = (one["data"] for one in answer.data["results"])
    assert (kept["kept_priority"], kept["order"]["quantity"], kept["trades"]) == (True, 4, [])
    assert (moved["kept_priority"], [trade["quantity"] for trade in moved["trades"]]) == (False, [4])
    assert [one["code"] for one in results(ann, less, {"op": "amend", "order_id": order_id})] == [4006, 9004]


def test_a_deadline_of_the_batch_is_that_of_each_command_without_one(the_venue: Venue) -> None:
    market, ann, order_id = scene(the_venue)
    past, future = "2020-01-01T00:00:00Z", "2090-01-01T00:00:00Z"
    found = results(
        ann, cancel(order_id), place(market, "BUY YES 1 @1", valid_until=future), valid_until=past
    )
    assert [one["code"] for one in found] == [4010, 0]


def test_a_batch_holds_1_to_50_commands(the_venue: Venue) -> None:
    market, ann, _ = scene(the_venue)
    wrongs: list[Any] = [[], [place(market, "BUY YES 1 @1")] * 51, {}, None, "x"]
    for wrong in wrongs:
        assert ann.post("/orders/batch", commands=wrong).verdict == (400, 9004)
    assert ann.post("/orders/batch").verdict == (400, 9004)
    full = [place(market, "BUY YES 1 @1") for _ in range(50)]
    assert {one["code"] for one in results(ann, *full)} == {0}
