"""Every operation times every kind of caller, from the table the app is made of; and what no table names."""

import re
import uuid
from itertools import combinations

import pytest

from adapters.access.identity import Principal
from adapters.access.tokens import Tokens, TokenType
from adapters.operations.operation import AnyOperation, AnyRoute, Caller, Route, admit
from adapters.operations.table import OPERATIONS, ROUTES, STREAM_OPERATIONS
from adapters.wire.scopes import Scope
from adapters.wire.status import Fault, RefusedError
from adapters.wire.user_responses import WORKER_ID, AccountType
from kernel.codes import AMM_ID
from tests.adapters import serving
from tests.adapters.serving import SECRET, Venue, tokens
from tests.adapters.test_auth_api import Elsewhen, logged_in, unsigned

EVERYBODY = frozenset({"user", "admin", "amm", "amm service"})
WORKERS = frozenset({"worker", "worker without a service token"})
"""Programs that share a user with nothing of its own: whatever is for any user is not for them."""
WELCOME: dict[Caller, frozenset[str]] = {
    Caller.PUBLIC: EVERYBODY,
    Caller.READER: EVERYBODY | {"nobody"},
    Caller.USER: EVERYBODY,
    Caller.LOGIN: EVERYBODY - {"amm service"},
    Caller.PERSON: frozenset({"user", "admin"}),
    Caller.AMM: frozenset({"amm", "amm service"}),
    Caller.AMM_SERVICE: frozenset({"amm service"}),
    Caller.AMM_OR_ADMIN: frozenset({"amm", "amm service", "admin"}),
    Caller.ADMIN: frozenset({"admin"}),
    Caller.WORKER: frozenset({"worker"}),
}
NEEDED = {"/orders/queue": (400, 9004), "/candles": (400, 9004)}
"""What the next check says where the query has to name something."""
DENIED = {
    Caller.AMM: (403, 6099),
    Caller.AMM_SERVICE: (403, 6099),
    Caller.AMM_OR_ADMIN: (403, 6099),
    Caller.ADMIN: (403, 1007),
    Caller.LOGIN: (403, 1007),
    Caller.PERSON: (403, 1007),
    Caller.WORKER: (403, 1007),
}
SCOPES = ("read", "trade", "withdraw")
OPENS: dict[str, tuple[str, ...]] = {
    **{f"key to {scope}": (scope,) for scope in SCOPES},
    "key to do all": SCOPES,
    "administrator's key": SCOPES,
}
"""What the API keys open; with a key an administrator is none."""


def scope_for(operation: AnyOperation) -> str:
    """What a key needs, by the rules and not by the table: a scope, `any`, or `LOGIN`, which is no key."""
    if not isinstance(operation, Route):
        return {
            **dict.fromkeys(("guard", "cancel_all", "batch"), "trade"),
            **dict.fromkeys(("sync", "subscribe", "resume"), "read"),
            **dict.fromkeys(("ping", "auth", "unsubscribe"), "any"),
            **dict.fromkeys(("mm_due", "mm_acquire", "mm_renew", "mm_release", "mm_note"), "LOGIN"),
            **dict.fromkeys(("mm_venue_due", "mm_venue"), "LOGIN"),
        }[operation.name]
    path = operation.path
    if path.startswith(("/admin/", "/account/api-keys", *OF_MAKING)) or path in OF_PEOPLE:
        return "LOGIN"
    if path == "/account/profile" or path in ABOUT_MARKETS:
        return "any"
    if operation.method == "GET":
        return "read"
    if path in ("/account/deposit", "/account/withdraw"):
        return "withdraw"
    return "trade" if path.startswith("/orders") else "LOGIN"


OF_MAKING = ("/market-making/", "/user-orders/", "/campaigns")
"""What commits money for long takes a login."""
OF_PEOPLE = {"/account/password", "/account/logout-all", "/account/email", "/account/sessions"}
ABOUT_MARKETS = {
    "/markets",
    "/tickers",
    "/candles",
    *(
        f"/markets/{{market_id}}{of}"
        for of in ("", "/orderbook", "/trades", "/activity", "/candles", "/ticker")
    ),
}
"""Anybody may read these; so may any key."""


def is_opened(operation: AnyOperation, scopes: tuple[str, ...]) -> bool:
    return scope_for(operation) in ("any", *scopes)


@pytest.fixture(scope="module")
def callers(the_venue: Venue) -> dict[str, str | None]:
    """A token of every kind."""
    user_id, admin_id = the_venue.user().user_id, the_venue.admin.user_id
    disabled_id = the_venue.user().user_id
    the_venue.admin.post(f"/admin/users/{disabled_id}/active", is_active=False)
    again_id = the_venue.user().user_id
    for is_active in (False, True):
        the_venue.admin.post(f"/admin/users/{again_id}/active", is_active=is_active)
    gone, refresh_token = logged_in(the_venue)
    the_venue.nobody.post("/auth/logout", refresh_token=refresh_token)
    past = Tokens(SECRET, Elsewhen(1_000_000_000))
    return {
        "user": tokens.issue(user_id, TokenType.ACCESS, "USER"),
        "admin": tokens.issue(admin_id, TokenType.ACCESS, "ADMIN"),
        "amm": tokens.issue(AMM_ID, TokenType.ACCESS, "SYSTEM_BOT"),
        "amm service": tokens.issue(AMM_ID, TokenType.SERVICE, "SYSTEM_BOT"),
        "worker": tokens.issue(WORKER_ID, TokenType.SERVICE, "MM_WORKER"),
        "worker without a service token": tokens.issue(WORKER_ID, TokenType.ACCESS, "MM_WORKER"),
        "nobody": None,
        "expired": past.issue(admin_id, TokenType.ACCESS, "ADMIN"),
        "forged": Tokens("z" * 40, tokens._clock).issue(admin_id, TokenType.ACCESS, "ADMIN"),
        "unsigned": unsigned(admin_id),
        "refresh": tokens.issue(admin_id, TokenType.REFRESH, "ADMIN"),
        "of an older generation": tokens.issue(again_id, TokenType.ACCESS, "USER"),
        "of a newer generation": tokens.issue(admin_id, TokenType.ACCESS, "ADMIN", generation=1),
        "of an ended session": gone.token,
        "of no session": tokens.issue(admin_id, TokenType.ACCESS, "ADMIN", session_id=str(uuid.uuid4())),
        "another's session": tokens.issue(
            admin_id,
            TokenType.ACCESS,
            "ADMIN",
            session_id=tokens.read(str(logged_in(the_venue)[0].token), TokenType.ACCESS).sid,
        ),
        "disabled": tokens.issue(disabled_id, TokenType.ACCESS, "USER"),
        **keys_of(the_venue),
    }


def keys_of(the_venue: Venue) -> dict[str, str]:
    """A key of every kind: of a user, by scope; of an administrator; and such as open nothing any more."""
    user, admin = the_venue.user(), the_venue.admin
    made = {f"key to {scope}": user.post("/account/api-keys", name=scope, scopes=[scope]) for scope in SCOPES}
    made["key to do all"] = user.post("/account/api-keys", name="all", scopes=[*SCOPES])
    made["administrator's key"] = admin.post("/account/api-keys", name="all", scopes=[*SCOPES])
    made["revoked key"] = user.post("/account/api-keys", name="revoked", scopes=[*SCOPES])
    user.post(f"/account/api-keys/{made['revoked key'].data['id']}/revoke")
    secrets = {kind: str(answer.data["secret"]) for kind, answer in made.items()}
    whole = secrets["key to do all"]
    return secrets | {
        "unknown key": "vk_" + "x" * 43,
        "key with more behind it": whole + "A",
        "key with padding": whole + "=",
        "key with another prefix": "VK_" + whole.removeprefix("vk_"),
        "half a key": whole[:30],
    }


def path_of(route: AnyRoute) -> str:
    return re.sub(r"{\w+}", "nothing-of-this-name", route.path)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_each_route_lets_in_whom_its_row_names_and_nobody_else(
    the_venue: Venue, callers: dict[str, str | None], route: AnyRoute
) -> None:
    """Whoever is let in meets the next check, with a body that is none: 400, or what comes after."""
    for kind, token in callers.items():
        caller = serving.Caller(the_venue.http, token)
        content = b"[]" if route.method == "POST" else None
        answer = caller.request(route.method, f"{path_of(route)}?interval=1m", content=content)
        if route.caller is Caller.PUBLIC:
            assert answer.verdict == (400, 9004), kind
            continue
        if kind == "disabled":
            assert answer.verdict == (422, 1004), kind
            continue
        if kind in OPENS:
            if not is_opened(route, OPENS[kind]):
                assert answer.verdict == (403, 1008), kind
                assert answer.data == {"required_scope": scope_for(route)}, kind
                continue
            kind = "user"  # with a key everybody is an ordinary user
        if kind in WORKERS - WELCOME[route.caller]:
            assert answer.verdict == (403, 1007), kind
            continue
        if kind not in EVERYBODY | WELCOME[route.caller]:
            assert answer.verdict == (401, 1006), kind
        elif kind not in WELCOME[route.caller]:
            assert answer.verdict == DENIED[route.caller], kind
        elif route.method == "POST":
            assert answer.verdict == (400, 9004), kind
        else:
            is_none = "/market-making/" in route.path and "{order_id}" in route.path
            is_none = is_none or "{campaign_id}" in route.path
            needed = (400, 9004) if is_none else NEEDED.get(route.path)
            assert answer.status in (200, 404) or answer.verdict == needed, kind


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_a_key_opens_what_its_scopes_name_wherever_that_is_asked(operation: AnyOperation) -> None:
    """Each set of scopes; the same function is asked for a request and for each message of a stream."""
    if operation.caller is Caller.PUBLIC:
        return
    for count in range(4):
        for scopes in combinations(Scope, count):
            key = Principal("ann", "ann", AccountType.USER, b"", 0, scopes)
            if is_opened(operation, tuple(map(str, scopes))):
                if operation.caller in (Caller.USER, Caller.LOGIN, Caller.PERSON):
                    admit(operation, key)
                continue
            with pytest.raises(RefusedError) as refused:
                admit(operation, key)
            assert refused.value.code is Fault.SCOPE_MISSING
            assert refused.value.data == {"required_scope": scope_for(operation)}


def test_a_row_that_names_no_scope_is_closed_to_keys() -> None:
    """Whoever forgets it shuts keys out, which is noticed, and lets none in, which would not be."""
    assert {
        row.name for row in OPERATIONS if scope_for(row) == "LOGIN" and row.scope.value != "LOGIN"
    } == set()
    assert STREAM_OPERATIONS["mint"].scope.value == "LOGIN"


def test_the_market_maker_is_no_administrator_and_an_administrator_no_market_maker() -> None:
    assert not any(route.caller is not Caller.ADMIN for route in ROUTES if route.path.startswith("/admin")), (
        "everything under /admin is for administrators"
    )
    assert {route.caller for route in ROUTES if route.path.startswith("/amm/")} <= {
        Caller.AMM,
        Caller.AMM_SERVICE,
        Caller.AMM_OR_ADMIN,
    }
    assert {route.path for route in ROUTES if route.caller is Caller.PUBLIC} == {
        "/auth/register",
        "/auth/login",
        "/auth/refresh",
        "/auth/logout",
    }


def test_market_data_is_read_without_a_token() -> None:
    assert {route.path for route in ROUTES if route.caller is Caller.READER} == {
        "/markets",
        "/markets/{market_id}",
        "/markets/{market_id}/orderbook",
        "/markets/{market_id}/trades",
        "/markets/{market_id}/candles",
        "/markets/{market_id}/ticker",
        "/markets/{market_id}/activity",
        "/tickers",
        "/candles",
    }
    assert {route.method for route in ROUTES if route.caller is Caller.READER} == {"GET"}


@pytest.mark.parametrize("header", ["", "Bearer", "Basic YTpi", "nonsense"])
def test_a_header_that_is_no_bearer_token_is_a_bad_token_and_never_nobody(
    the_venue: Venue, header: str
) -> None:
    answer = the_venue.nobody.request("GET", "/markets", headers={"Authorization": header})
    assert answer.verdict == (401, 1006)
