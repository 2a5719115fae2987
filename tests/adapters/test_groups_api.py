"""Order groups as callers see them: made, looked at, full, reset, triggered, gone; and what they hear."""

import re
from typing import Any

import trio

from adapters.access.tokens import TokenType
from kernel.codes import AMM_ID
from kernel.commands import SuspendMarket
from tests.adapters.serving import Caller, Venue
from tests.adapters.streaming import AT, BEN, ROOT, Client, running


def group(caller: Caller, path: str = "", status: int = 200, **members: Any) -> Any:
    answer = caller.post(f"/orders/groups{path}", **members)
    assert answer.verdict == (status, 0), answer.envelope
    return answer.data


def triggered(venue: Venue) -> dict[str, float]:
    """How often, by cause, as the monitor reads it."""
    return {
        cause: float(count)
        for cause, count in re.findall(
            r'^verdict_order_groups_triggered_total{cause="(\w+)"} (\S+)$', venue.told(), re.MULTILINE
        )
    }


def test_a_group_from_its_making_to_its_end(the_venue: Venue) -> None:
    market = the_venue.market()
    ann, ben = the_venue.user(100_000), the_venue.user(100_000)
    before = triggered(the_venue)
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
    now = triggered(the_venue)
    assert {cause: now[cause] - before.get(cause, 0) for cause in now} == {"FILLS": 1, "USER": 1}


def test_cancel_all_takes_the_orders_of_one_group(the_venue: Venue) -> None:
    """By its name, which needs its market; the group stays, and so do others."""
    market = the_venue.market()
    ann = the_venue.user(100_000)
    for name in ("g", "h"):
        bounds: dict[str, Any] = {"max_fill_quantity": 100, "window_ms": 1_000}
        group(ann, status=201, market_id=market, group_id=name, **bounds)
        ann.placed(market, "BUY YES 5 @10", group_id=name)
    ann.placed(market, "BUY YES 5 @10")
    assert ann.post("/orders/cancel-all", group_id="g").verdict == (400, 9004)
    (item,) = ann.post("/orders/cancel-all", market_id=market, group_id="g").data["items"]
    assert (item["cancelled_count"], item["total_unfrozen_funds_cents"]) == (1, 51)
    left = ann.data("/orders", market_id=market, status="OPEN")["items"]
    assert [order["group_id"] for order in left] == [None, "h"]
    assert [(each["group_id"], each["open_orders"]) for each in ann.data("/orders/groups")["items"]] == [
        ("g", 0),
        ("h", 1),
    ]


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


# The command stream


async def told(client: Client, count: int) -> list[Any]:
    with trio.fail_after(10):
        return [(event["seq"], event["data"]) for event in await client.events(count)]


async def test_what_becomes_of_a_group_is_told_to_its_holder_alone_and_told_again_the_same() -> None:
    topics = ["group_events", "market_events"]
    async with (
        running("M") as venue,
        venue.client() as ann,
        venue.client(BEN) as ben,
        venue.client() as anns,
        venue.client(BEN) as bens,
        venue.client(AMM_ID, kind=TokenType.SERVICE) as makers,
    ):
        for client, scope in ((anns, "own"), (bens, "own"), (makers, "market")):
            assert (await client.do("subscribe", topics=topics, scope=scope))["ok"]
        before, named = venue.durable, {"market_id": "M", "group_id": "g"}
        await ann.do("group_set", **named, max_fill_quantity=5, window_ms=60_000)
        await ann.place(price_cents=60, quantity=7, group_id="g")
        await ben.place(side="NO", price_cents=40, quantity=9)
        await ann.do("group_reset", **named)
        assert (await ann.place(price_cents=10, quantity=7, group_id="g"))["ok"]
        cancelled = await ann.do("cancel_all", **named)
        assert cancelled["data"]["cancelled_count"] == 1
        await ann.do("group_set", **named, max_fill_quantity=6, window_ms=60_000)
        await ann.do("group_trigger", **named)
        await ann.do("group_delete", **named)
        await venue.ask(SuspendMarket(at=AT, market_id="M", by=ROOT))
        first = await told(anns, 7)
        group = [data["group"] for _, data in first[:6]]
        assert [(each["previous_state"], each["state"], each["cause"]) for each in group] == [
            (None, "ACTIVE", None),
            ("ACTIVE", "TRIGGERED", "FILLS"),
            ("TRIGGERED", "ACTIVE", None),
            ("ACTIVE", "ACTIVE", None),
            ("ACTIVE", "TRIGGERED", "USER"),
            ("TRIGGERED", "DELETED", None),
        ]
        assert [each["filled_in_window"] for each in group] == [0, 5, 0, 0, 0, 0]
        assert [each["max_fill_quantity"] for each in group] == [5, 5, 5, 6, 6, 6]
        assert first[1][1]["event_id"] == f"evt_20261120_group_{first[1][0]}_0"
        assert [data for _, data in await told(makers, 7)] == [data for _, data in first]
        assert await told(bens, 1) == first[6:]  # of the market; nothing else came before it
        async with venue.client() as again, venue.client(BEN) as other:
            for client in (again, other):
                assert (await client.do("resume", topics=topics, after=before))["ok"]
            assert await told(again, 7) == first
            assert await told(other, 1) == first[6:]
