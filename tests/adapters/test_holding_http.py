"""No request holds the loop for more than 20 ms, whatever the route, the state and what is sent.

The exchange is the real one with everything it runs, and full (crowded.py). Of each request the longest step
that any task of the server took is measured, the garbage collector's work among it.
"""

import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs
import httpx

from adapters.access.tokens import TokenType
from adapters.operations.operation import AnyRoute, Caller
from adapters.operations.table import BASE, ROUTES
from adapters.sockets.http_exchange import BODY_MAX
from adapters.wire.user_responses import WORKER_ID
from kernel.codes import AMM_ID
from persistence.postgres import database
from tests.adapters.crowded import BIG, ENDS, EVERYWHERE, OTHER, crowded
from tests.adapters.serving import PASSWORD, tokens
from tests.holding import AGAIN, FORK_MS, longest_hold

_names = itertools.count(1)
LIMIT_MS: Final = 20.0
HEADER: Final = "x" * 15_000
"""With the other headers some 16 KiB, of which the server takes no more."""


@attrs.frozen
class Ask:
    """A request, or the n-th of its kind, where the same cannot be asked twice."""

    name: str
    method: str
    path: str | Callable[[int], str]
    who: str | None = "maker"
    members: Mapping[str, Any] | Callable[[int], Mapping[str, Any]] | None = None
    content: bytes | None = None
    headers: Mapping[str, str] = {}
    again: int = AGAIN
    is_fine: bool | None = True
    """Whether it must succeed, or nothing was measured; None where either will do."""
    is_under_base: bool = True
    limit_ms: float = LIMIT_MS


def fine(route: str, path: str | Callable[[int], str] = "", members: Any = None, **more: Any) -> Ask:
    method, _, own = route.partition(" ")
    if method == "POST":
        members = members or {}
    named = path if isinstance(path, str) else ""
    return Ask(f"{route} {named}".strip(), method, path or own, members=members, **more)


def order(number: int, **more: Any) -> dict[str, Any]:
    wish = {"client_order_id": f"mine-{number}", "market_id": BIG, "side": "YES", "direction": "SELL"}
    return wish | {"price_cents": 99, "quantity": 1} | more


def resting_order(number: int) -> str:
    return f"00000001-0000-7000-8000-{number:012x}"


def fifty(number: int) -> list[dict[str, Any]]:
    names = [f"b-{next(_names)}" for _ in range(50)]
    return [order(number, client_order_id=name) | {"op": "place"} for name in names]


def fifty_cancels(number: int) -> list[dict[str, Any]]:
    cancels = [{"op": "cancel", "order_id": resting_order(300 + 400 * place)} for place in range(49)]
    return [*cancels, {"op": "cancel", "order_id": "none"}]


SLOW: Final = ("/admin/verify-invariants",)
"""Takes seconds in all, so it is asked for once and not with each body that it ignores."""
ONCE: Final = ("/account/logout-all",)
"""Whoever has been there is somebody else afterwards."""
ADMIN, USER, MAKERS, LEAVER, WORKER = "admin", "user", "maker", "leaver", "worker"
BIG_PATH: Final = f"/admin/markets/{BIG}"
MAKING: Final[dict[str, Any]] = {"market_id": BIG, "required_cash_cents": 10_000}
MM_PATH: Final = "/market-making/orders/{order_id}"
MM_RUNNING: Final = "/market-making/orders/{mm_running}"
MM_UNPAID: Final = "/market-making/orders/{mm_unpaid}"
CAMPAIGN: Final = {
    "market_id": BIG,
    "name": "x" * 100,
    "starts_at": "2026-11-20T10:00:00Z",
    "ends_at": "2999-11-20T10:00:00Z",
    "reward_pool_cents": 1,
}
MM_OLDER: Final = "/user-orders/market-making/{order_id}"
MM_OLDER_STATE: Final = "/user-orders/payment-state/market-making/{order_id}"

LEGAL: Final[dict[str, list[Ask]]] = {
    "POST /auth/register": [
        fine(
            "POST /auth/register",
            members=lambda n: {"username": f"ann_{n}", "email": f"{n}@example.org", "password": PASSWORD},
            who=None,
        )
    ],
    "POST /auth/login": [
        fine("POST /auth/login", members={"username": "the_admin", "password": PASSWORD}, who=None),
        fine(
            "POST /auth/login",
            members={"username": "nobody", "password": "x" * 60_000},
            who=None,
            is_fine=False,
        ),
    ],
    "POST /auth/refresh": [
        fine("POST /auth/refresh", members={"refresh_token": "x" * 60_000}, who=None, is_fine=None)
    ],
    "POST /auth/logout": [fine("POST /auth/logout", members={"refresh_token": "x." * 30_000}, who=None)],
    "GET /account/sessions": [fine("GET /account/sessions", who=ADMIN)],
    "POST /account/sessions/{session_id}/end": [
        fine(
            "POST /account/sessions/{session_id}/end",
            "/account/sessions/00000000-0000-4000-a000-000000000001/end",
            who=ADMIN,
        )
    ],
    "GET /account/profile": [fine("GET /account/profile", who=ADMIN)],
    "POST /account/password": [
        fine(
            "POST /account/password",
            members={"current_password": "x" * 60_000, "new_password": PASSWORD},
            who=ADMIN,
            is_fine=False,
        )
    ],
    "POST /account/logout-all": [
        fine("POST /account/logout-all", members={"revoke_api_keys": True}, who=LEAVER, again=0)
    ],
    "POST /account/email": [
        fine(
            "POST /account/email",
            members=lambda n: {"current_password": PASSWORD, "new_email": f"root_{n}@example.org"},
            who=ADMIN,
        )
    ],
    "POST /account/api-keys": [
        fine(
            "POST /account/api-keys",
            members=lambda n: {"name": f"{n}" + "x" * 60, "scopes": ["read", "trade", "withdraw"]},
            who=ADMIN,
        )
    ],
    "GET /account/api-keys": [fine("GET /account/api-keys", who=ADMIN)],
    "POST /account/api-keys/{key_id}/revoke": [
        fine(
            "POST /account/api-keys/{key_id}/revoke",
            "/account/api-keys/00000000-0000-4000-a000-000000000001/revoke",
            who=ADMIN,
            is_fine=False,
        )
    ],
    "GET /account/balance": [fine("GET /account/balance")],
    "POST /account/deposit": [fine("POST /account/deposit", members={"amount_cents": 10_000_000}, who=USER)],
    "POST /account/withdraw": [fine("POST /account/withdraw", members={"amount_cents": 1}, who=USER)],
    "GET /account/ledger": [
        fine("GET /account/ledger", "/account/ledger?limit=100", who=who) for who in (USER, MAKERS)
    ],
    "GET /account/portfolio": [fine("GET /account/portfolio", who=who) for who in (USER, MAKERS)],
    "GET /account/portfolio/history": [
        fine("GET /account/portfolio/history", who=who) for who in (USER, MAKERS)
    ],
    "GET /positions": [
        fine("GET /positions", path, who=who)
        for path in ("/positions", "/positions?has_volume=false", f"/positions?market_id={BIG}")
        for who in (USER, MAKERS)
    ],
    "GET /positions/{market_id}": [fine("GET /positions/{market_id}", f"/positions/{BIG}")],
    "GET /trades": [
        fine("GET /trades", "/trades?limit=100&include_audit=true", who=who) for who in (USER, MAKERS)
    ],
    "GET /markets": [
        fine("GET /markets", "/markets?status=ALL&limit=100"),
        fine("GET /markets", "/markets?category=none"),
    ],
    "GET /markets/{market_id}": [fine("GET /markets/{market_id}", f"/markets/{BIG}")],
    "GET /markets/{market_id}/orderbook": [
        fine("GET /markets/{market_id}/orderbook", f"/markets/{BIG}/orderbook?levels=99")
    ],
    "GET /markets/{market_id}/trades": [
        fine("GET /markets/{market_id}/trades", "/markets/M-0/trades?limit=100")
    ],
    "GET /markets/{market_id}/activity": [
        fine("GET /markets/{market_id}/activity", "/markets/M-0/activity?limit=100")
    ],
    "GET /markets/{market_id}/ticker": [fine("GET /markets/{market_id}/ticker", "/markets/M-0/ticker")],
    "GET /tickers": [fine("GET /tickers")],
    "GET /markets/{market_id}/candles": [
        fine(
            "GET /markets/{market_id}/candles",
            f"/markets/M-0/candles?interval={interval}&end=2026-11-20T10:30:00Z&start={start}",
        )
        for interval, start in (("1m", "2026-11-19T10:00:00Z"), ("1d", "2022-11-20T00:00:00Z"))
    ],
    "GET /candles": [
        fine(
            "GET /candles",
            "/candles?interval=1h&end=2026-11-20T10:30:00Z&markets="
            + ",".join(f"M-{number}" for number in range(50)),
        )
    ],
    "GET /health/matching": [fine("GET /health/matching")],
    "POST /orders": [fine("POST /orders", members=order)],
    "POST /orders/{order_id}/cancel": [
        fine("POST /orders/{order_id}/cancel", lambda n: f"/orders/{resting_order(n)}/cancel")
    ],
    "POST /orders/{order_id}/amend": [
        fine(
            "POST /orders/{order_id}/amend",
            lambda n: f"/orders/{resting_order(300 + n)}/amend",
            members={"price_cents": 99, "quantity": 2},
        )
    ],
    "POST /orders/cancel": [
        fine(
            "POST /orders/cancel", members=lambda n: {"market_id": BIG, "client_order_id": f"rests-{200 + n}"}
        )
    ],
    "POST /orders/cancel-all": [
        fine("POST /orders/cancel-all", members={"side": "NO", "direction": "SELL"}),
        fine("POST /orders/cancel-all", members={"market_id": BIG, "side": "NO", "direction": "SELL"}),
    ],
    "POST /orders/groups": [
        fine(
            "POST /orders/groups",
            members={"market_id": BIG, "group_id": "g", "max_fill_quantity": 5, "window_ms": 1_000},
        )
    ],
    **{
        f"POST /orders/groups/{what}": [
            # A second one finds the group gone.
            fine(f"POST /orders/groups/{what}", members={"market_id": BIG, "group_id": "g"}, is_fine=is_fine)
        ]
        for what, is_fine in (("reset", True), ("trigger", True), ("delete", None))
    },
    "GET /orders/groups": [fine("GET /orders/groups")],
    "POST /orders/batch": [
        fine("POST /orders/batch", members=lambda n: {"commands": fifty(n)}),
        fine(
            "POST /orders/batch",
            members=lambda n: {"commands": fifty(n), "atomic": True, "market_id": BIG},
        ),
        # Refused with the last of them, after 49 have left the book.
        fine(
            "POST /orders/batch",
            members=lambda n: {"commands": fifty_cancels(n), "atomic": True, "market_id": BIG},
            is_fine=False,
        ),
    ],
    "GET /orders": [
        fine("GET /orders", f"/orders?limit=100{more}", who=who)
        for more in (
            "",
            "&status=OPEN",
            "&status=OPEN,PARTIALLY_FILLED",
            "&status=PARTIALLY_FILLED",
            "&status=OPEN&direction=BUY",
            f"&status=OPEN&market_id={BIG}",
        )
        for who in (USER, MAKERS)
    ],
    "GET /orders/{order_id}": [fine("GET /orders/{order_id}", f"/orders/{resting_order(20_000)}")],
    "GET /orders/{order_id}/queue": [
        fine("GET /orders/{order_id}/queue", f"/orders/{resting_order(20_001)}/queue")
    ],
    "GET /orders/queue": [
        fine("GET /orders/queue", f"/orders/queue?market_id={BIG}", who=who) for who in (USER, MAKERS)
    ],
    "POST /amm/orders/replace": [
        fine(
            "POST /amm/orders/replace",
            members=lambda n: {
                "old_order_id": resting_order(100 + n),
                "new_order": order(0, client_order_id=f"r-{n}"),
            },
        )
    ],
    "POST /amm/orders/batch-cancel": [
        fine("POST /amm/orders/batch-cancel", members={"market_id": BIG, "cancel_scope": "BUY_ONLY"}),
        fine("POST /amm/orders/batch-cancel", members=lambda n: {"market_id": f"RESOLVE-{n % ENDS}"}),
    ],
    "POST /amm/mint": [
        fine(
            "POST /amm/mint", members=lambda n: {"market_id": BIG, "quantity": 1, "idempotency_key": f"k-{n}"}
        )
    ],
    "POST /amm/burn": [
        fine(
            "POST /amm/burn", members=lambda n: {"market_id": BIG, "quantity": 1, "idempotency_key": f"k-{n}"}
        )
    ],
    "GET /amm/markets": [fine("GET /amm/markets")],
    "POST /amm/token/renew": [fine("POST /amm/token/renew", who="service", again=0)],
    "POST /market-making/orders": [
        # The first are created; then a limit is reached.
        fine("POST /market-making/orders", members=MAKING, who=USER, is_fine=None)
    ],
    "POST /market-making/preview": [fine("POST /market-making/preview", members=MAKING, who=USER)],
    "GET /market-making/orders": [
        fine("GET /market-making/orders", "/market-making/orders?limit=100", who=USER)
    ],
    **{
        f"GET {MM_PATH}{of}": [fine(f"GET {MM_PATH}{of}", f"{MM_RUNNING}{of}?limit=100", who=USER)]
        for of in ("", "/payment-state")
    },
    f"POST {MM_PATH}/payments": [
        fine(
            f"POST {MM_PATH}/payments",
            f"{MM_UNPAID}/payments",
            lambda n: {"asset": "CASH", "amount": 1, "idempotency_key": f"p{n}"},
            who=USER,
        )
    ],
    **{
        f"POST {MM_PATH}/{command}": [fine(f"POST {MM_PATH}/{command}", f"{MM_RUNNING}/{command}", who=USER)]
        for command in ("start", "pause", "resume", "stop")
    },
    f"POST {MM_PATH}/withdraw": [
        fine(
            f"POST {MM_PATH}/withdraw",
            f"{MM_RUNNING}/withdraw",
            {"all": True, "idempotency_key": "all"},
            who=USER,
        )
    ],
    f"POST {MM_PATH}/join-campaign": [
        fine(
            f"POST {MM_PATH}/join-campaign",
            f"{MM_RUNNING}/join-campaign",
            {"campaign_id": EVERYWHERE},
            who=USER,
            is_fine=None,
        )
    ],
    "GET /campaigns": [fine("GET /campaigns", "/campaigns?limit=100", who=USER)],
    "GET /campaigns/{campaign_id}": [
        fine("GET /campaigns/{campaign_id}", f"/campaigns/{EVERYWHERE}", who=USER, is_fine=None)
    ],
    f"POST {MM_PATH}/delete": [
        fine(f"POST {MM_PATH}/delete", f"{MM_RUNNING}/delete", who=USER, is_fine=None)
    ],
    **{
        f"GET {MM_PATH}/{of}": [fine(f"GET {MM_PATH}/{of}", f"{MM_RUNNING}/{of}?limit=100", who=USER)]
        for of in ("events", "executions", "ledger", "exchange-orders", "trades")
    },
    "POST /market-making/token/renew": [fine("POST /market-making/token/renew", who="worker", again=0)],
    "GET /market-making/contract": [fine("GET /market-making/contract", who=USER)],
    "GET /user-orders/market-making/all": [
        fine(
            "GET /user-orders/market-making/all",
            f"/user-orders/market-making/all?userId={EVERYWHERE}",
            who=USER,
        )
    ],
    f"GET {MM_OLDER_STATE}": [
        fine(f"GET {MM_OLDER_STATE}", MM_OLDER_STATE.replace("order_id", "mm_unpaid"), who=USER)
    ],
    **{
        f"POST {MM_OLDER}/{command}": [
            fine(
                f"POST {MM_OLDER}/{command}",
                f"{MM_OLDER}/{command}".replace("order_id", "mm_unpaid"),
                who=USER,
                is_fine=None,
            )
        ]
        for command in ("pause", "resume", "stop")
    },
    "POST /strategy/stop-marketmaking": [
        fine(
            "POST /strategy/stop-marketmaking",
            "/strategy/stop-marketmaking?clientId={mm_unpaid}",
            who=USER,
            is_fine=None,
        )
    ],
    "POST /admin/markets": [
        fine("POST /admin/markets", members=lambda n: {"id": f"NEW-{n}", "title": "?" * 500}, who=ADMIN)
    ],
    "GET /admin/markets/{market_id}": [fine("GET /admin/markets/{market_id}", BIG_PATH, who=ADMIN)],
    "GET /admin/markets/{market_id}/foreseen-end": [
        fine("GET /admin/markets/{market_id}/foreseen-end", f"{BIG_PATH}/foreseen-end", who=ADMIN)
    ],
    "POST /admin/markets/{market_id}/activate": [
        fine(
            "POST /admin/markets/{market_id}/activate",
            lambda n: f"/admin/markets/NEW-{n}/activate",
            who=ADMIN,
        )
    ],
    "POST /admin/markets/{market_id}/suspend": [
        fine("POST /admin/markets/{market_id}/suspend", f"{BIG_PATH}/suspend", who=ADMIN, again=0)
    ],
    "POST /admin/markets/{market_id}/halt": [
        fine(
            "POST /admin/markets/{market_id}/halt",
            "/admin/markets/M-1/halt",
            {"reason": "?"},
            who=ADMIN,
            again=0,
        )
    ],
    "POST /admin/markets/{market_id}/resume": [
        fine("POST /admin/markets/{market_id}/resume", f"{BIG_PATH}/resume", who=ADMIN, again=0),
        fine("POST /admin/markets/{market_id}/halt", f"{BIG_PATH}/halt", {"reason": "?"}, who=ADMIN, again=0),
        # Out of a halt: everything is looked through, in a copy.
        fine(
            "POST /admin/markets/{market_id}/resume",
            f"{BIG_PATH}/resume",
            {"resolution_note": "looked"},
            who=ADMIN,
            again=0,
            limit_ms=FORK_MS,
        ),
    ],
    "POST /admin/markets/{market_id}/resolve": [
        fine(
            "POST /admin/markets/{market_id}/resolve",
            lambda n: f"/admin/markets/RESOLVE-{n % ENDS}/resolve",
            {"resolution_result": "YES"},
            who=ADMIN,
        ),
        fine(
            "POST /admin/markets/{market_id}/resolve",
            lambda n: f"/admin/markets/SETTLE-{n % ENDS}/resolve",
            {"resolution_result": "NO", "settle": False},
            who=ADMIN,
        ),
    ],
    "POST /admin/markets/{market_id}/settle": [
        fine(
            "POST /admin/markets/{market_id}/settle",
            lambda n: f"/admin/markets/SETTLE-{n % ENDS}/settle",
            who=ADMIN,
        )
    ],
    "POST /admin/markets/{market_id}/void": [
        fine(
            "POST /admin/markets/{market_id}/void",
            lambda n: f"/admin/markets/VOID-{n % ENDS}/void",
            {"void_price_cents": 50},
            who=ADMIN,
        )
    ],
    "POST /admin/markets/{market_id}/mode": [
        fine("POST /admin/markets/{market_id}/mode", f"{BIG_PATH}/mode", {"mode": "NORMAL"}, who=ADMIN)
    ],
    "POST /admin/markets/{market_id}/amm-authorization": [
        fine(
            "POST /admin/markets/{market_id}/amm-authorization",
            f"{BIG_PATH}/amm-authorization",
            {"authorized": True},
            who=ADMIN,
        )
    ],
    "GET /admin/markets/{market_id}/stats": [
        fine("GET /admin/markets/{market_id}/stats", f"{BIG_PATH}/stats", who=ADMIN)
    ],
    "GET /admin/markets/{market_id}/circuit-breakers": [
        fine(
            "GET /admin/markets/{market_id}/circuit-breakers",
            f"{BIG_PATH}/circuit-breakers?limit=100",
            who=ADMIN,
        )
    ],
    "GET /admin/status": [fine("GET /admin/status", who=ADMIN)],
    "GET /admin/proposals": [fine("GET /admin/proposals", who=ADMIN)],
    "POST /admin/verify-invariants": [fine("POST /admin/verify-invariants", who=ADMIN, limit_ms=FORK_MS)],
    "POST /admin/amm/start": [
        fine(
            "POST /admin/amm/start",
            members=lambda n: {
                "market_id": f"M-{10 + n}",
                "initial_budget_cents": 200,
                "initial_price_cents": 50,
                "config_override": {"bands": [[0] * 100] * 150, "text": "x" * 10_000},
            },
            who=ADMIN,
        )
    ],
    "POST /admin/amm/stop": [
        fine("POST /admin/amm/stop", members=lambda n: {"market_id": f"M-{10 + n}"}, who=ADMIN)
    ],
    "POST /admin/amm/token": [fine("POST /admin/amm/token", who=ADMIN)],
    "GET /admin/market-making/orders": [
        fine("GET /admin/market-making/orders", "/admin/market-making/orders?limit=100", who=ADMIN)
    ],
    f"GET /admin{MM_PATH}": [fine(f"GET /admin{MM_PATH}", f"/admin{MM_RUNNING}", who=ADMIN)],
    f"GET /admin{MM_PATH}/events": [
        fine(f"GET /admin{MM_PATH}/events", f"/admin{MM_RUNNING}/events?limit=100", who=ADMIN)
    ],
    **{
        f"POST /admin{MM_PATH}/{command}": [
            fine(
                f"POST /admin{MM_PATH}/{command}",
                f"/admin{MM_RUNNING}/{command}",
                {"reason": "x" * 500},
                who=ADMIN,
                is_fine=None,
            )
        ]
        for command in ("start", "pause", "resume", "stop", "fail", "refund", "delete")
    },
    f"POST /admin{MM_PATH}/reconcile": [
        fine(
            f"POST /admin{MM_PATH}/reconcile",
            f"/admin{MM_RUNNING}/reconcile",
            {"reason": "x" * 500, "outcome": "WRITTEN_OFF", "evidence": "x" * 2_000},
            who=ADMIN,
            is_fine=None,
        )
    ],
    "POST /admin/campaigns": [fine("POST /admin/campaigns", members=CAMPAIGN, who=ADMIN)],
    **{
        f"POST /admin/campaigns/{{campaign_id}}/{command}": [
            fine(
                f"POST /admin/campaigns/{{campaign_id}}/{command}",
                f"/admin/campaigns/{EVERYWHERE}/{command}",
                {},
                who=ADMIN,
                is_fine=None,
            )
        ]
        for command in ("activate", "cancel")
    },
    "POST /admin/market-making/token": [fine("POST /admin/market-making/token", who=ADMIN)],
    "GET /admin/users": [
        fine("GET /admin/users", path, who=ADMIN)
        for path in ("/admin/users?limit=100", "/admin/users?query=u_&account_type=USER&is_active=true")
    ],
    "POST /admin/users/{user_id}/role": [
        fine(
            "POST /admin/users/{user_id}/role",
            "/admin/users/{user}/role",
            {"account_type": "USER"},
            who=ADMIN,
        )
    ],
    "POST /admin/users/{user_id}/active": [
        fine(
            "POST /admin/users/{user_id}/active", "/admin/users/{user}/active", {"is_active": True}, who=ADMIN
        )
    ],
}
"""What is right, and as much of it as there can be, by route; in this order, which is that of the table."""


def routes() -> dict[str, AnyRoute]:
    return {f"{route.method} {route.path}": route for route in ROUTES}


def hostile(route: AnyRoute) -> Iterator[Ask]:
    """What is as large as it may be, and wrong, or of no use."""
    name = f"{route.method} {route.path}"
    path = re.sub(r"{\w+}", "x" * 1000, route.path)
    who = {
        Caller.PUBLIC: None,
        Caller.ADMIN: ADMIN,
        Caller.LOGIN: USER,
        Caller.PERSON: USER,
        Caller.AMM_SERVICE: "service",
        Caller.WORKER: WORKER,
    }.get(route.caller, MAKERS)
    if route.method == "GET":
        names = route.query.__struct_fields__ or ("x",)
        for shown, query in {
            "many parameters": "&".join(f"a{number}=" for number in range(2_000)),
            "the same ones": "&".join(f"{one}=1" for one in names for _ in range(1_000)),
            "commas": f"status=OPEN{',OPEN' * 2_500}&entry_type=FEE{',FEE' * 500}",
            "digits": "&".join(f"{one}={'9' * 3_000}" for one in names),
            "a cursor": "cursor=" + "A" * 15_000,
            "a cursor of brackets": "cursor=" + "W1tb" * 3_000,
            "escapes": "%25" * 5_000,
        }.items():
            yield Ask(f"{name} {shown}", "GET", f"{path}?{query[:15_500]}", who, is_fine=None)
        yield Ask(f"{name} headers", "GET", path, who, headers={"X-Long": HEADER}, is_fine=None)
        many = {f"X-{number}": "x" for number in range(1_000)}
        yield Ask(f"{name} many headers", "GET", path, who, headers=many, is_fine=None)
        proxies = {"X-Forwarded-For": ",".join(["1.1.1.1"] * 1_800)}
        yield Ask(f"{name} proxies", "GET", path, who, headers=proxies, is_fine=None)
        return
    for shown, content in bodies_of(route):
        if "unread" in shown and route.path in (*SLOW, *ONCE):
            continue
        yield Ask(f"{name} {shown}", "POST", path, who, content=content, is_fine=None)


def bodies_of(route: AnyRoute) -> Iterator[tuple[str, bytes]]:
    most = BODY_MAX
    known = route.body.__struct_fields__
    yield "not JSON", b"[" * most
    yield "an array", b"[" + b"0," * (most // 2 - 2) + b"0]"
    yield "arrays unread", b'{"unread":[' + b"[]," * (most // 3 - 10) + b"[]]}"
    yield "objects unread", b'{"unread":[' + b"{}," * (most // 3 - 10) + b"{}]}"
    yield "many members unread", json.dumps({f"{number:x}": 0 for number in range(5_500)}).encode()[:most]
    yield "twins unread", b'{"a":0' + b',"a":0' * (most // 6 - 3) + b"}"
    yield "digits unread", b'{"quantity":' + b"9" * (most - 20) + b"}"
    yield "a fraction unread", b'{"quantity":0.' + b"9" * (most - 20) + b"}"
    yield "not ASCII unread", b'{"unread":"' + "\N{SNOWMAN}".encode() * (most // 3 - 10) + b'"}'
    for name in known:
        for shown, value in {
            "a text": b'"' + b"x" * (most - 200) + b'"',
            "escapes": b'"' + rb"\u0001" * (most // 6 - 40) + b'"',
            "digits": b"9" * (most - 200),
            "zeros": b"[" + b"0," * (most // 2 - 100) + b"0]",
            "objects": b"[" + b"{}," * (most // 3 - 100) + b"{}]",
            "members": b"{" + b",".join(b'"%x":0' % number for number in range(6_000)) + b"}",
            "nested": b"[" * 30_000 + b"]" * 30_000,
        }.items():
            yield f"{name}: {shown}", b'{"%b":%b}' % (name.encode(), value)
    if "config_override" in known:
        for shown, value in {
            "numbers": b'{"a":[' + b"0," * 32_000 + b"0]}",
            "fractions": b'{"a":[' + b"0.5," * 16_000 + b"0]}",
            "lists": b'{"a":[' + b"[]," * 21_000 + b"[]]}",
            "members": b"{" + b",".join(b'"%x":0' % number for number in range(6_500)) + b"}",
            "depth": b'{"a":' + b"[" * 500 + b"]" * 500 + b"}",
        }.items():
            rest = (
                b'{"market_id":"NONE","initial_budget_cents":200,"initial_price_cents":50,"config_override":'
            )
            yield f"override of {shown}", rest + value + b"}"


def test_every_route_is_walked() -> None:
    assert LEGAL.keys() == routes().keys()


@attrs.define
class Walk:
    """Asks, and remembers what took too long."""

    http: httpx.AsyncClient
    tokens: Mapping[str, str]
    named: dict[str, str]
    """What is named in paths, by what stands for it."""
    too_long: dict[str, float] = attrs.field(factory=dict)
    failed: list[str] = attrs.field(factory=list)
    _asked: int = 0

    async def ask(self, ask: Ask) -> None:
        async def once() -> None:
            number, self._asked = self._asked, self._asked + 1
            headers = dict(ask.headers)
            if ask.who is not None:
                headers["Authorization"] = f"Bearer {self.tokens[ask.who]}"
            path = ask.path if isinstance(ask.path, str) else ask.path(number)
            content = ask.content
            if ask.members is not None:
                members = ask.members if isinstance(ask.members, Mapping) else ask.members(number)
                content = json.dumps(members).encode()
            if ask.is_under_base and path.startswith("/"):
                path = BASE + re.sub(r"{(\w+)}", lambda named: self.named[named[1]], path)
            response = await self.http.request(ask.method, path, content=content, headers=headers)
            if ask.is_fine not in (None, response.status_code < 400) or response.status_code >= 500:
                self.failed.append(f"{ask.name}: {response.status_code} {response.text[:200]}")

        self._asked = 0
        ms, by = await longest_hold(once, ask.limit_ms, ask.again)
        if ms >= ask.limit_ms:
            self.too_long[f"{ask.name} ({ask.who}), in {by}"] = round(ms, 1)


async def make_orders(walk: Walk) -> None:
    """A market-making order that runs, and one that is not paid."""
    headers = {"Authorization": f"Bearer {walk.tokens[USER]}"}

    async def ask(path: str, **members: Any) -> Any:
        response = await walk.http.post(f"{BASE}{path}", json=members, headers=headers)
        assert response.status_code < 300, response.text
        return response.json()["data"]

    await ask("/account/deposit", amount_cents=1_000_000)
    for name in ("mm_running", "mm_unpaid"):
        made = await ask("/market-making/orders", **MAKING)
        walk.named[name] = made["order_id"]
    path = f"/market-making/orders/{walk.named['mm_running']}/payments"
    await ask(path, asset="CASH", amount=10_000, idempotency_key="whole")


async def test_no_request_holds_the_loop(database_url: str, tmp_path: Path) -> None:
    async with database.opened(database_url) as db:
        connection = await db.connect()
        for name in (EVERYWHERE, OTHER):
            await connection.execute(
                "INSERT INTO users (id, username, email, password_hash) VALUES ($1::uuid, $2, $2, '!')",
                *(name, f"u_{name[-4:]}"),
            )
        await connection.close()
    async with (
        crowded(database_url, tmp_path) as exchange,
        httpx.AsyncClient(base_url=exchange.address, timeout=120) as http,
    ):
        async with database.opened(database_url) as db, db.borrowed() as connection:
            admin = str(await connection.fetch_value("SELECT id FROM users WHERE account_type = 'ADMIN'"))
        server = exchange.server
        assert await server.projections.until(server.exchange.head, 60)
        walk = Walk(
            http,
            {
                ADMIN: tokens.issue(admin, TokenType.ACCESS, "ADMIN"),
                USER: tokens.issue(EVERYWHERE, TokenType.ACCESS, "USER"),
                LEAVER: tokens.issue(OTHER, TokenType.ACCESS, "USER"),
                MAKERS: tokens.issue(AMM_ID, TokenType.ACCESS, "SYSTEM_BOT"),
                "service": tokens.issue(AMM_ID, TokenType.SERVICE, "SYSTEM_BOT"),
                WORKER: tokens.issue(WORKER_ID, TokenType.SERVICE, "MM_WORKER"),
            },
            {"user": EVERYWHERE},
        )
        await make_orders(walk)
        for ask in everything():
            await walk.ask(ask)
        # The metrics have an address of their own.
        walk.http = httpx.AsyncClient(timeout=60)
        async with walk.http:
            await walk.ask(Ask("the metrics", "GET", exchange.metrics, None))
        assert walk.failed == []
        assert walk.too_long == {}


def everything() -> Iterator[Ask]:
    for asks in LEGAL.values():
        yield from asks
    for route in ROUTES:
        yield from hostile(route)
    for path in (
        "/health",
        "/ready",
        "/openapi.json",
        "/asyncapi.json",
        "/",
        "/web/main.js",
        "/docs",
        "/docs/page.js",
    ):
        yield Ask(path, "GET", path, None, is_under_base=False)
    for path in ("/x" + "/" * 14_000, "/x" * 7_500, "/%2e" * 3_700, BASE + "/markets/" + "%C3%A9" * 2_500):
        yield Ask(f"{path[:20]}...", "GET", path, None, is_fine=None, is_under_base=False)
