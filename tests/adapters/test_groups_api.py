"""Order groups over HTTP: made, looked at, full, reset, triggered, gone."""

from typing import Any

from tests.adapters.serving import Caller, Venue


def group(caller: Caller, path: str = "", status: int = 200, **members: Any) -> Any:
    answer = caller.post(f"/orders/groups{path}", **members)
    assert answer.verdict == (status, 0), answer.envelope
    return answer.data


def test_a_group_from_its_making_to_its_end(the_venue: Venue) -> None:
    market = the_venue.market()
    ann, ben = the_venue.user(100_000), the_venue.user(100_000)
    named: dict[str, Any] = {"market_id": market, "group_id": "g"}
    bounds: dict[str, Any] = {"max_fill_quantity": 100, "window_ms": 86_400_000}
    order: dict[str, Any] = {
        "market_id": market,
        "side": "NO",
        "direction": "BUY",
        "price_cents": 45,
        "quantity": 60,
    }
    assert ann.post("/orders", **order, client_order_id="early", group_id="g").verdict == (404, 4016)
    made = group(ann, status=201, **named, **bounds)
    assert (made["state"], made["triggered_at"]) == ("ACTIVE", None)
    assert group(ann, **named, **bounds) == made
    for name in ("one", "two"):
        placed = ann.post("/orders", **order, client_order_id=name, group_id="g")
        assert placed.data["order"]["group_id"] == "g"
    ann.placed(market, "BUY YES 1 @5")
    assert [o["client_order_id"] for o in ann.data("/orders", status="OPEN", group_id="g")["items"]] == [
        "two",
        "one",
    ]
    assert len(ann.data("/orders", group_id="g")["items"]) == 2

    bought = ben.placed(market, "BUY YES 120 @60")["order"]
    assert bought["filled_quantity"] == 100
    (full,) = ann.data("/orders/groups", market_id=market)["items"]
    assert (full["state"], full["filled_in_window"], full["open_orders"]) == ("TRIGGERED", 100, 0)
    assert ann.data("/orders", client_order_id="two")["items"][0]["cancel_reason"] == "GROUP_LIMIT"
    assert ann.post("/orders", **order, client_order_id="late", group_id="g").verdict == (422, 4017)
    assert group(ann, "/reset", **named)["filled_in_window"] == 0
    assert group(ann, "/trigger", **named)["state"] == "TRIGGERED"
    assert group(ann, "/delete", **named)["state"] == "DELETED"
    assert ann.post("/orders/groups/delete", **named).verdict == (404, 4016)
    assert ann.data("/orders/groups") == {"items": []}


def test_what_is_wrong_with_a_group_is_said(the_venue: Venue) -> None:
    market = the_venue.market()
    ann = the_venue.user(1_000)
    fine: dict[str, Any] = {"market_id": market, "group_id": "g", "max_fill_quantity": 1, "window_ms": 100}
    for wrong in ({"max_fill_quantity": 0}, {"window_ms": 99}, {"group_id": "a b"}, {"group_id": ""}):
        assert ann.post("/orders/groups", **fine | wrong).verdict == (400, 9004)
    assert ann.post("/orders/groups", **fine | {"market_id": "nowhere"}).verdict == (404, 3001)
    late: dict[str, Any] = fine | {"valid_until": "2020-01-01T00:00:00Z"}
    assert ann.post("/orders/groups", **late).verdict == (422, 4010)
    for number in range(32):
        group(ann, status=201, **fine | {"group_id": f"g{number}"})
    assert ann.post("/orders/groups", **fine).verdict == (422, 4018)
