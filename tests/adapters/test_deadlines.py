"""Times over REST and the stream: valid_until, by which lost outcomes become known, and expires_at."""

from typing import Any

import trio

from adapters.service.schedule import begin_anew
from tests.adapters.serving import Venue
from tests.adapters.streaming import Venue as Streaming
from tests.adapters.streaming import WallClock, running, wish
from tests.adapters.test_stream_commands import stalled

PAST, LATER = "2026-01-01T00:00:00+00:00", "2999-01-01T00:00:00Z"


def test_a_late_command_is_refused_and_a_known_one_answered(the_venue: Venue) -> None:
    market, ann = the_venue.market(), the_venue.user(10_000)
    order = ann.placed(market, "BUY YES 10 @40", client_order_id="q-9", valid_until=LATER)["order"]
    assert "valid_until" not in order
    again = ann.place(market, "BUY YES 10 @40", client_order_id="q-9", valid_until=PAST)
    assert (again.status, again.data["order"]["id"]) == (200, order["id"])
    late = ann.place(market, "BUY YES 10 @40", client_order_id="q-10", valid_until=PAST)
    assert late.verdict == (422, 4010)
    assert late.data["valid_until"] == "2026-01-01T00:00:00.000000Z"
    assert late.data["decided_at"] > "2026-01-01T00:00:00.000000Z"
    named = {"market_id": market, "client_order_id": "q-9"}
    for path, members in ((f"/orders/{order['id']}/cancel", {}), ("/orders/cancel", named)):
        assert ann.post(path, **members, valid_until=PAST).verdict == (422, 4010)
        assert ann.post(path, **members, valid_until="2026-01-01T00:00:00").verdict == (400, 9004)
    assert ann.post("/orders/cancel", **named, valid_until=LATER).status == 200


def test_the_market_makers_commands_have_deadlines_too(the_venue: Venue) -> None:
    market, amm = the_venue.market(), the_venue.amm
    old = {"old_order_id": "0193f1c2-5a77-7c1e-9f10-000000000001"}
    new: dict[str, Any] = {"client_order_id": "n", "market_id": market, "side": "YES", "direction": "SELL"}
    new |= {"price_cents": 60, "quantity": 1, "valid_until": PAST}
    assert amm.post("/amm/orders/replace", **old, new_order=new).verdict == (422, 4010)
    batch = amm.post("/amm/orders/batch-cancel", market_id=market, valid_until=PAST)
    assert batch.verdict == (422, 4010)
    for path in ("/amm/mint", "/amm/burn"):
        pairs = amm.post(path, market_id=market, quantity=1, idempotency_key="late", valid_until=PAST)
        assert pairs.verdict == (422, 4010)


def test_what_is_no_order_with_an_end(the_venue: Venue) -> None:
    market, ann = the_venue.market(), the_venue.user(10_000)
    for members in (
        {"time_in_force": "GTD"},
        {"expires_at": LATER},
        {"time_in_force": "GTC", "expires_at": LATER},
        {"time_in_force": "IOC", "expires_at": LATER},
        {"time_in_force": "GTD", "expires_at": "2999-01-01T00:00:00"},
        {"time_in_force": "GTD", "expires_at": 5},
    ):
        assert ann.place(market, "BUY YES 10 @40", **members).verdict == (400, 9004), members
    late = ann.place(market, "BUY YES 10 @40", time_in_force="GTD", expires_at=PAST)
    assert late.verdict == (422, 4009)
    order = ann.placed(market, "BUY YES 10 @40", time_in_force="GTD", expires_at=LATER)["order"]
    assert (order["time_in_force"], order["expires_at"]) == ("GTD", "2999-01-01T00:00:00.000000Z")


async def commands_under_way(venue: Streaming, count: int) -> None:
    """Wait until so many are read, on all connections together."""
    while sum(len(each.lanes.in_flight) for each in venue.websockets.hub._connections) < count:
        await trio.sleep(0.01)


async def test_what_waits_behind_a_sync_has_no_time_yet() -> None:
    """Its second copy came by another way, too late: so the first, decided after it, is too late as well."""
    async with running("M") as venue, venue.client() as ann, venue.client() as other:
        gate = stalled(venue.journal)
        deadline = wish(client_order_id="q-9", valid_until="2026-11-20T10:01:00Z")
        await ann.send(
            {"cid": 1, "op": "place", **wish()},
            {"cid": 2, "op": "sync", "market_id": "M"},
            {"cid": 3, "op": "place", **deadline},
            {"cid": 4, "op": "place", **wish()},
        )
        await commands_under_way(venue, 4)
        assert isinstance(venue.server.clock, WallClock)
        venue.server.clock.shift(120)
        await other.send({"cid": 1, "op": "place", **deadline})
        await commands_under_way(venue, 5)
        gate.set()
        (copy,) = await other.results(1)
        results = await ann.results(4)
        assert [result["code"] for result in (copy, *results)] == [4010, 0, 0, 4010, 0]


async def test_an_order_ends_by_itself_and_its_owner_hears_of_it() -> None:
    """Nobody sends anything: the market is told the time, as at each start."""
    async with running("M") as venue, venue.client() as ann:
        await ann.do("subscribe", topics=["order_events"])
        placed = await ann.place(time_in_force="GTD", expires_at="2026-11-20T10:01:00Z")
        order = placed["data"]["order"]
        assert (order["time_in_force"], order["expires_at"]) == ("GTD", "2026-11-20T10:01:00.000000Z")
        assert isinstance(venue.server.clock, WallClock)
        venue.server.clock.shift(60)
        await begin_anew(venue.server)
        accepted, expired = await ann.events(2)
        assert accepted["data"]["order"]["status"] == "OPEN"
        assert expired["data"]["order"]["status"] == "CANCELLED"
        assert expired["data"]["order"]["order_id"] == order["id"]
