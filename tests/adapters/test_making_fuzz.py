"""Malformed and forbidden requests about market-making orders: each has an answer, none has an effect.

HYPOTHESIS_PROFILE=thorough sends ten thousand.
"""

import os
import random
import uuid
from typing import Any, Final

import pytest

from adapters.operations.operation import AnyRoute, Caller
from adapters.operations.table import ROUTES
from adapters.wire.making_requests import MakingBody
from tests.adapters.serving import Caller as Somebody
from tests.adapters.serving import Venue
from tests.adapters.test_making_api import ORDERS, cash, created, running, trail

SEEDS: Final = range(40 if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 4)
OURS: Final = [route for route in ROUTES if "market-making" in route.path and "token" not in route.path]
POSTS: Final = [route for route in OURS if route.method == "POST"]
ODD: Final[list[Any]] = [
    *(None, True, False, 0, -1, 1, 2**31, 2**63 - 1, -(2**63), 2**63, 2**64, 1e300, 0.5, "", "x", "0"),
    *("x" * 10_000, "a\x00b", [], {}, [[]], {"a": 1}, ["YES"], "CASH", "YES", "MID", "fixed", "internal"),
]
NEVER: Final[dict[str, list[Any]]] = {
    "market_id": ["MKT-NONE", "", "x" * 65, 7, None],
    "amount": [0, -1, 10**9, 2**70, "1", None],
    "reason": ["", "x" * 501, "a\x01", 5, None],
}
"""What no request is granted with. A withdrawal needs none: an order that runs is paused first."""
NO_BODIES: Final = (b"[]", b"{", b'{"a":', b"\xff", b"[" * 50_000, b'{"amount":1,"amount":', b"x" * 70_000)
REFUSED: Final = {400, 403, 404, 409, 413, 422}


class Chance:
    """What somebody may send who means no good, or types at random; the same for each seed."""

    def __init__(self, seed: int, market_id: str) -> None:
        self.luck = random.Random(seed)
        self.good: dict[str, Any] = {
            "market_id": market_id,
            "required_cash_cents": 50_000,
            "asset": "CASH",
            "amount": 1,
            "idempotency_key": "k",
            "reason": "r",
        }
        self.names = [
            *MakingBody.__struct_fields__,
            *self.good,
            "amount_cents",
            "yes_shares",
            "all",
            "user_id",
        ]

    def body(self, route: AnyRoute) -> bytes | dict[str, Any]:
        luck, known = self.luck, route.body.__struct_fields__
        if luck.random() < 0.1:
            return luck.choice(NO_BODIES)
        members = {name: self.good[name] for name in self.good if luck.random() < 0.7}
        members |= {name: luck.choice(ODD) for name in luck.choices(self.names, k=luck.randrange(4))}
        if not known or luck.random() < 0.3:
            return members | {"surely": "unknown"}
        members |= {name: luck.choice(values) for name, values in NEVER.items()}
        return {name: value for name, value in members.items() if name in known}

    def headers(self) -> dict[str, str]:
        key = self.luck.choice((None, "k", "", "k k", "k" * 65, "k" * 64))
        return {} if key is None else {"Idempotency-Key": key}

    def path(self, route: AnyRoute, order_ids: list[str]) -> str:
        order_id = self.luck.choice([*order_ids, str(uuid.UUID(int=self.luck.getrandbits(128))), "x", "%00"])
        return route.path.replace("{order_id}", order_id)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_malformed_or_forbidden_has_an_answer_and_no_effect(the_venue: Venue, seed: int) -> None:
    """Whoever sends it: the owner, somebody else, an administrator, the market maker, nobody."""
    ann, market_id = the_venue.user(100_000), the_venue.market()
    order_ids = [running(ann, market_id), created(ann, market_id)]
    chance = Chance(seed, market_id)
    callers = [ann, the_venue.user(100_000), the_venue.admin, the_venue.amm, the_venue.nobody]

    def state() -> list[Any]:
        listed = [Somebody.data(each, ORDERS, include_deleted=True) for each in callers[:2]]
        return [listed, *(trail(ann, order_id) for order_id in order_ids), cash(ann), cash(callers[1])]

    before = state()
    for _ in range(250):
        route, caller = chance.luck.choice(POSTS), chance.luck.choice(callers)
        body = chance.body(route)
        how: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"json": body}
        path = chance.path(route, order_ids)
        answer = caller.request("POST", path, headers=chance.headers(), **how)
        # Size and path are looked at before anybody asks who it is.
        allowed = {401, 404, 413} if caller is the_venue.nobody else REFUSED
        assert answer.status in allowed, (path, body, answer.envelope)
    assert state() == before


@pytest.mark.parametrize("route", OURS, ids=lambda route: f"{route.method} {route.path}")
def test_each_route_asks_who_it_is_before_anything_else(the_venue: Venue, route: AnyRoute) -> None:
    """Ahead of what is wrong with body, id or key."""
    path = route.path.replace("{order_id}", "x")
    bad, good = (b"[", b"{}") if route.method == "POST" else (None, None)
    answer = the_venue.nobody.request(route.method, path, headers={"Idempotency-Key": "k k"}, content=bad)
    assert answer.verdict == (401, 1006)
    if route.caller is Caller.ADMIN:
        answer = the_venue.user().request(route.method, path, content=good)
        assert answer.verdict == (403, 1007)
