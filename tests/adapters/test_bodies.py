"""What is well-formed: every text of every body and command, and how all that is wrong is told at once."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from adapters.operations.table import ROUTES
from adapters.wire.decoding import read_body, read_members
from adapters.wire.requests import CreateMarketBody, PlaceBody, RegisterBody
from adapters.wire.status import RefusedError
from tests.adapters.malformed import Mill
from tests.adapters.serving import Venue
from tests.adapters.streaming import ANN, MESSAGES, running, wish

GOOD = Mill(0, "M")
BODIES = sorted({route.body for route in ROUTES}, key=lambda body: body.__name__)
FREE = {"password", "refresh_token", "token", "resolution_result", "scope", "order_id", "topics"}
"""Compared, read or looked up, and stored nowhere: each has a refusal of its own for what it is not."""


def texts(members: dict[str, Any]) -> Iterator[str]:
    """The path of each text in an object that is kept somewhere."""
    for name, value in members.items():
        match value:
            case str() if name not in FREE:
                yield name
            case dict():
                yield from (f"{name}.{path}" for path in texts(value))


def spoiled(members: dict[str, Any], path: str, character: str) -> dict[str, Any]:
    copied: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(members))
    *above, last = path.split(".")
    inner = copied
    for name in above:
        inner = inner[name]
    inner[last] = inner[last][:1] + character + inner[last][1:]
    return copied


MAKING = {
    "required_cash_cents": 10_000,
    "venue": "internal",
    "asset": "CASH",
    "amount": 1,
    "name": "n",
    "reward_pool_cents": 1,
    "campaign_id": "0193f1c2-5a77-7c1e-9f10-000000000001",
    **dict.fromkeys(("starts_at", "ends_at"), "2026-11-20T00:00:00Z"),
}
"""What bodies about market-making orders and campaigns need besides; they refuse what they do not know."""


OWN: dict[str, dict[str, Any]] = {
    "ReconcileBody": {"outcome": "WRITTEN_OFF", "evidence": "e"},
    "ApiKeyBody": {"scopes": ["read"]},
}
"""What means something else in other bodies."""


def doors() -> Iterator[tuple[Any, dict[str, Any], str]]:
    for body in BODIES:
        known = {field.name for field in msgspec.structs.fields(body)}
        every = GOOD.body | {"description": "d", "category": "c", "resolution_note": "n"} | MAKING
        every |= OWN.get(body.__name__, {"direction": "BUY"})
        members = {name: value for name, value in every.items() if name in known}
        yield from ((body, members, path) for path in texts(members))
    for name, operation in MESSAGES.items():
        members = {"cid": 1} | GOOD.members[name]
        yield from ((operation, members, path) for path in texts(members))


@pytest.mark.parametrize(
    ("body", "members", "path"), list(doors()), ids=lambda part: getattr(part, "__name__", str(part)[:20])
)
def test_no_text_holds_a_control_character(body: Any, members: dict[str, Any], path: str) -> None:
    """U+0000 above all: the journal would keep it, and no view of the database could show it any more."""
    read_members(body, members)
    for character in ("\0", "\x01", "\x1b", "\x7f", "\x85", "\x9f"):
        with pytest.raises(RefusedError) as refusal:
            read_members(body, spoiled(members, path, character))
        assert isinstance(refusal.value.data, dict)
        (error,) = refusal.value.data["errors"]
        assert error["field"] == path


def test_lines_are_for_texts_of_several_lines() -> None:
    read_members(CreateMarketBody, {"id": "M", "title": "t", "description": "one\n\ttwo\r\n"})
    for title in ("one\ntwo", "one\n", "\tone"):
        with pytest.raises(RefusedError, match="title must not contain control characters"):
            read_members(CreateMarketBody, {"id": "M", "title": title})


def problems(body: type[msgspec.Struct], data: bytes) -> dict[str, str]:
    with pytest.raises(RefusedError) as refusal:
        read_body(body, data)
    assert isinstance(refusal.value.data, dict)
    return {error["field"]: error["problem"] for error in refusal.value.data["errors"]}


def test_all_that_is_wrong_is_told_at_once() -> None:
    found = problems(
        PlaceBody,
        b'{"client_order_id":"a b","market_id":"","direction":"HOLD","price_cents":1.5,"quantity":"1"}',
    )
    assert found == {
        "client_order_id": "must be printable ASCII characters without spaces",
        "market_id": "Expected `str` of length >= 1",
        "side": "is required",
        "direction": "Invalid enum value 'HOLD'",
        "price_cents": "Expected `int`, got `float`",
        "quantity": "Expected `int`, got `str`",
    }


def test_members_of_members_are_told_by_their_paths() -> None:
    replace = MESSAGES["replace"]
    found = problems(replace, b'{"cid":-1,"op":"replace","old_order_id":7,"new_order":{"side":"MAYBE"}}')
    assert found.keys() == {
        *("cid", "old_order_id", "new_order.client_order_id", "new_order.market_id", "new_order.side"),
        *("new_order.direction", "new_order.price_cents", "new_order.quantity"),
    }
    assert problems(replace, b'{"cid":1,"op":"replace","new_order":[]}').keys() == {
        "old_order_id",
        "new_order",
    }
    guard = b'{"cid":1,"op":"guard","grace_ms":1,"markets":["M","a\\u0000b"]}'
    assert problems(MESSAGES["guard"], guard) == {"markets[1]": "must not contain control characters"}


def test_what_members_are_only_wrong_together_is_told_when_each_is_right() -> None:
    weak = b'{"username":"ann","email":"ann@example.org","password":"weakweak"}'
    assert problems(RegisterBody, weak).keys() == {"password"}
    assert problems(MESSAGES["cancel"], b'{"cid":1,"op":"cancel"}').keys() == {"order_id"}


@pytest.mark.parametrize(
    "body", [b"[]", b"7", b"{", b'{"side":7}{', b'{"side":"\xff"}', b'{"side":7,"x":' + b"[" * 9999]
)
def test_what_is_no_object_is_wrong_as_a_whole(body: bytes) -> None:
    assert problems(PlaceBody, body).keys() == {""}


def test_the_doors_themselves_refuse(the_venue: Venue) -> None:
    answer = the_venue.admin.post("/admin/markets", id="M M", title="a\0b", description="\x1b[2J", category=5)
    assert answer.verdict == (400, 9004)
    assert [error["field"] for error in answer.data["errors"]] == ["id", "title", "description", "category"]
    for path in ("/orders", "/trades", "/account/ledger"):
        assert the_venue.admin.get(path, market_id="a\0b").verdict == (400, 9004)


async def test_so_does_the_stream() -> None:
    async with running("M") as venue, venue.client(ANN) as ann:
        answer = await ann.do("place", **wish(client_order_id="a\0b", market_id="\x1b", side="NEITHER"))
        assert (answer["status"], answer["code"]) == (400, 9004)
        fields = [error["field"] for error in answer["data"]["errors"]]
        assert fields == ["client_order_id", "market_id", "side"]
        await ann.send_packed({"cid": 99, "op": "guard", "grace_ms": 1, "markets": ["a\0b"]})
        (answer,) = await ann.results(1)
        assert answer["code"] == 9004
