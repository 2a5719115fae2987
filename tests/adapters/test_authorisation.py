"""Every route times every kind of caller, from the table the app is made of; and what no table names."""

import re
import uuid

import pytest

from adapters.access.tokens import Tokens, TokenType
from adapters.operations.operation import AnyRoute, Caller
from adapters.operations.table import ROUTES
from kernel.codes import AMM_ID
from tests.adapters import serving
from tests.adapters.serving import SECRET, Venue, tokens
from tests.adapters.test_auth_api import Elsewhen, logged_in, unsigned

EVERYBODY = frozenset({"user", "admin", "amm", "amm service"})
WELCOME: dict[Caller, frozenset[str]] = {
    Caller.PUBLIC: EVERYBODY,
    Caller.READER: EVERYBODY | {"nobody"},
    Caller.USER: EVERYBODY,
    Caller.LOGIN: EVERYBODY - {"amm service"},
    Caller.AMM: frozenset({"amm", "amm service"}),
    Caller.AMM_SERVICE: frozenset({"amm service"}),
    Caller.AMM_OR_ADMIN: frozenset({"amm", "amm service", "admin"}),
    Caller.ADMIN: frozenset({"admin"}),
}
DENIED = {
    Caller.AMM: (403, 6099),
    Caller.AMM_SERVICE: (403, 6099),
    Caller.AMM_OR_ADMIN: (403, 6099),
    Caller.ADMIN: (403, 1007),
    Caller.LOGIN: (403, 1007),
}


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
    past = Tokens(SECRET, Elsewhen(1_000_000_000))  # type: ignore[arg-type]  # it has all that tokens ask of it
    return {
        "user": tokens.issue(user_id, TokenType.ACCESS, "USER"),
        "admin": tokens.issue(admin_id, TokenType.ACCESS, "ADMIN"),
        "amm": tokens.issue(AMM_ID, TokenType.ACCESS, "SYSTEM_BOT"),
        "amm service": tokens.issue(AMM_ID, TokenType.SERVICE, "SYSTEM_BOT"),
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
        answer = caller.request(route.method, path_of(route), content=content)
        if route.caller is Caller.PUBLIC:
            assert answer.verdict == (400, 9004), kind
        elif kind == "disabled":
            assert answer.verdict == (422, 1004), kind
        elif kind not in EVERYBODY | WELCOME[route.caller]:
            assert answer.verdict == (401, 1006), kind
        elif kind not in WELCOME[route.caller]:
            assert answer.verdict == DENIED[route.caller], kind
        elif route.method == "POST":
            assert answer.verdict == (400, 9004), kind
        else:
            assert answer.status in (200, 404), kind


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
    }
    assert {route.method for route in ROUTES if route.caller is Caller.READER} == {"GET"}


@pytest.mark.parametrize("header", ["", "Bearer", "Basic YTpi", "nonsense"])
def test_a_header_that_is_no_bearer_token_is_a_bad_token_and_never_nobody(
    the_venue: Venue, header: str
) -> None:
    answer = the_venue.nobody.request("GET", "/markets", headers={"Authorization": header})
    assert answer.verdict == (401, 1006)
