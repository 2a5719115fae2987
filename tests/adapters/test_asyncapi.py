"""What really goes over the websockets is what their description says, message by message."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import msgspec

from adapters.access.tokens import TokenType
from adapters.stream.asyncapi import describe
from adapters.wire.user_responses import WORKER_ID
from kernel.codes import AMM_ID, Direction
from kernel.commands import HaltMarket
from tests.adapters.serving import Venue
from tests.adapters.streaming import (
    ANN,
    AT,
    ELSEWHERE,
    MESSAGES,
    ROOT,
    VENUES_ON,
    a_place,
    join_campaign,
    making_order,
    running,
    wish,
)

DOCUMENT = msgspec.json.decode(msgspec.json.encode(describe("0")))


def validator(name: str) -> Any:
    """Of one message, without members that are not described."""
    payload = DOCUMENT["components"]["messages"][name]["payload"]
    return jsonschema_rs.validator_for(
        {"allOf": [payload], "components": DOCUMENT["components"], "unevaluatedProperties": False}
    )


def references(part: Any) -> Iterator[str]:
    match part:
        case dict():
            for key, value in part.items():
                if key == "$ref":
                    yield value
                yield from references(value)
        case list():
            for value in part:
                yield from references(value)


def test_every_reference_leads_somewhere() -> None:
    for reference in set(references(DOCUMENT)):
        part = DOCUMENT
        for name in reference.removeprefix("#/").split("/"):
            part = part[name]
        assert part


def test_every_command_is_described_and_has_a_described_result() -> None:
    messages = DOCUMENT["components"]["messages"]
    assert MESSAGES.keys() <= messages.keys()
    assert {f"result_of_{name}" for name in MESSAGES} <= messages.keys()


async def test_what_is_said_on_the_command_stream_is_what_is_described() -> None:
    """All commands, once carried out and once refused, and all that they and others cause."""
    seen: Counter[str] = Counter()
    order = wish(direction="SELL", price_cents=60)
    async with running("M", settings=VENUES_ON) as venue, venue.client(AMM_ID) as amm:
        speaker = amm
        validator("hello").validate(amm.hello)
        subscription = {
            "topics": ["order_events", "trade_events", "market_events", "group_events"],
            "markets": ["M"],
        }

        async def say(name: str, **members: Any) -> Any:
            command = {"cid": 1, "op": name} | members
            validator(name).validate(command)
            await speaker.send(command)
            while True:
                message = await speaker.receive()
                if message["t"] == "result":
                    which = f"result_of_{name}" if message["ok"] else "refusal"
                    validator(which).validate(message)
                    seen[which] += 1
                    return message["data"]
                validator(message["t"]).validate(message)
                seen[message["t"]] += 1

        await say("ping")
        await say("auth", token=venue.token(AMM_ID))
        head = (await say("sync", market_id="M"))["as_of_seq"]
        await say("resume", after=head, **subscription)
        await say("subscribe", topics=["amm_events"], scope="market")
        await say("unsubscribe", topics=["amm_events"])
        placed = (await say("place", **order))["order"]
        await venue.ask(a_place(ANN, price=60, quantity=4))
        await say("amend", order_id=placed["id"], price_cents=59)
        await say("cancel", order_id=placed["id"])
        second = (await say("place", **wish(direction="SELL", price_cents=61)))["order"]
        await say("replace", old_order_id=second["id"], new_order=wish(direction="SELL", price_cents=62))
        await say("batch_cancel", market_id="M")
        await say("cancel_all", market_id="M")
        await say("batch", market_id="M", atomic=True, commands=[{"op": "place"} | wish(price_cents=1)])
        named = {"market_id": "M", "group_id": "g"}
        await say("group_set", **named, max_fill_quantity=5, window_ms=1_000)
        for what in ("trigger", "reset", "delete"):
            await say(f"group_{what}", **named)
        await say("mint", market_id="M", quantity=3, idempotency_key="k1")
        await say("burn", market_id="M", quantity=2, idempotency_key="k2")
        await say("guard", grace_ms=600_000)
        order_id = await making_order(venue)
        async with venue.client(WORKER_ID, kind=TokenType.SERVICE) as worker:
            speaker = worker
            await say("mm_due")
            found = await say("mm_acquire", market_id="M", worker_id="w", strategies=["quoter.1"])
            (lease,) = found["leases"]
            held = {"order_id": order_id, "fence": lease["fence"], "token": lease["token"]}
            await say("mm_renew", **held)
            await say("mm_release", **held, outcome="UNCHANGED", counts={"skipped": 1})
            await join_campaign(venue, order_id)
            await say("mm_note", order_id=order_id, external_ref="there-7")
            name = await making_order(venue, where=ELSEWHERE)
            step = {"order_id": name, "worker_id": "w", "direction": "OUT"}
            await say("mm_venue", **step, step="BEGIN")
            await say("mm_venue", **step, step="CALL", leg="CASH")
            await say("mm_venue_due", venue=ELSEWHERE)
        speaker = amm
        await say("cancel", order_id="nobody's")
        await venue.ask(HaltMarket(at=AT, market_id="M", reason="look", by=ROOT))
        await say("place", **wish())
        await amm.send_text("nonsense")
        while (message := await amm.receive())["t"] != "error":
            validator(message["t"]).validate(message)
        validator("error").validate(message)
    assert {f"result_of_{name}" for name in MESSAGES} - seen.keys() == set()
    assert seen["refusal"] == 2
    assert seen["event"] >= 6


async def test_what_is_said_on_the_feeds_is_what_is_described() -> None:
    async with (
        running("M") as venue,
        venue.feed("/ws/v1/orderbook/M") as book,
        venue.feed("/ws/v1/trades/M") as trades,
    ):
        validator("book").validate(await book.receive())
        await venue.ask(
            a_place(ANN, price=60), a_place(AMM_ID, direction=Direction.SELL, price=60, quantity=4)
        )
        validator("book").validate(await book.receive())
        validator("trade").validate(await trades.receive())
        await trades.send({"action": "DANCE"})
        validator("feed_error").validate(await trades.receive())
        validator("snapshot_request").validate({"action": "REQUEST_SNAPSHOT"})


def test_it_is_served(the_venue: Venue) -> None:
    served = the_venue.http.get("/asyncapi.json")
    assert served.headers["Content-Type"] == "application/json"
    assert served.json() == describe(served.json()["info"]["version"])
    assert b"/asyncapi.json" in the_venue.http.get("/docs").content
