"""Registering, logging in, tokens: who gets in, and what those are told who do not."""

import base64
import json
import time

import attrs
import pytest

from adapters.access.tokens import Tokens, TokenType
from adapters.runtime.clock import Clock
from kernel.codes import AMM_ID
from tests.adapters.serving import ADMIN, PASSWORD, SECRET, Caller, Venue, tokens


class Elsewhen(Clock):
    """A clock that stands at another time."""

    def __init__(self, seconds: int) -> None:
        super().__init__()
        self._seconds = seconds

    def seconds(self) -> int:
        return self._seconds


def test_a_registered_user_logs_in_and_has_an_empty_account(the_venue: Venue) -> None:
    nobody = the_venue.nobody
    registered = nobody.post(
        "/auth/register", username="dora_1", email="Dora.1@Example.org", password=PASSWORD
    )
    assert registered.status == 201
    assert set(registered.data) == {"user_id", "username", "email", "created_at"}
    assert registered.data["email"] == "dora.1@example.org"
    login = nobody.post("/auth/login", username="dora_1", password=PASSWORD)
    assert login.status == 200
    assert (login.data["token_type"], login.data["expires_in"]) == ("Bearer", 1800)
    assert login.data["user"] == {
        "user_id": registered.data["user_id"],
        "username": "dora_1",
        "email": "dora.1@example.org",
        "account_type": "USER",
    }
    dora = Caller(the_venue.http, login.data["access_token"])
    assert dora.data("/account/balance")["total_balance_cents"] == 0


@pytest.mark.parametrize(
    ("members", "verdict"),
    [
        ({"username": "taken_1", "email": "other@example.org"}, (409, 1001)),
        ({"username": "TAKEN_1", "email": "taken_1@example.ORG"}, (409, 1002)),
        ({"username": "SYSTEM"}, (409, 1001)),
        ({"username": "SYSTEM_RESERVE"}, (409, 1001)),
        ({"username": "PLATFORM_FEE"}, (409, 1001)),
        ({"username": "amm_market_maker"}, (409, 1001)),
        ({"username": "AMM_market_maker"}, (409, 1001)),
        ({"username": "System"}, (409, 1001)),
        ({"username": "platform_fee"}, (409, 1001)),
        ({"username": "mm_write_off"}, (409, 1001)),
        ({"username": "Amm_System_001"}, (409, 1001)),
        ({"username": "MM_Worker"}, (409, 1001)),
        ({"username": "Admin"}, (409, 1001)),
        ({"username": "ADMINISTRATOR"}, (409, 1001)),
        ({"username": "Root"}, (409, 1001)),
        ({"username": "support"}, (409, 1001)),
        ({"username": "Verdict"}, (409, 1001)),
        ({"username": "administer"}, (201, 0)),
        ({"username": "ab"}, (400, 9004)),
        ({"username": "a" * 65}, (400, 9004)),
        ({"username": "with space"}, (400, 9004)),
        ({"username": "newline\n"}, (400, 9004)),
        ({"username": 7}, (400, 9004)),
        ({"email": "nowhere"}, (400, 9004)),
        ({"email": "a@" + "b" * 254}, (400, 9004)),
        ({"password": "Short1"}, (400, 9004)),
        ({"password": "L1" + "o" * 127}, (400, 9004)),
        ({"password": "nouppercase1"}, (400, 9004)),
        ({"password": "NOLOWERCASE1"}, (400, 9004)),
        ({"password": "NoDigitsHere"}, (400, 9004)),
        ({"password": None}, (400, 9004)),
    ],
)
def test_who_cannot_be_registered(
    the_venue: Venue, members: dict[str, object], verdict: tuple[int, int]
) -> None:
    the_venue.nobody.post(
        "/auth/register", username="taken_1", email="taken_1@example.org", password=PASSWORD
    )
    asked = {"username": "somebody_new", "email": "somebody_new@example.org", "password": PASSWORD} | members
    assert the_venue.nobody.post("/auth/register", **asked).verdict == verdict


def logged_in(the_venue: Venue) -> tuple[Caller, str]:
    """A new user after a login, and the refresh token."""
    user = the_venue.user()
    login = the_venue.nobody.post("/auth/login", username=user.name, password=PASSWORD)
    return attrs.evolve(user, token=login.data["access_token"]), login.data["refresh_token"]


@pytest.mark.alone
def test_a_wrong_password_and_an_unknown_user_get_the_same_answer(the_venue: Venue) -> None:
    """Neither the words nor the work behind them tell who is a user."""
    nobody = the_venue.nobody
    began = time.perf_counter()
    wrong = nobody.post("/auth/login", username=ADMIN, password="Wrong1password")
    between = time.perf_counter()
    unknown = nobody.post("/auth/login", username="nobody_of_this_name", password="Wrong1password")
    ended = time.perf_counter()
    assert wrong.verdict == unknown.verdict == (401, 1003)
    assert wrong.envelope["message"] == unknown.envelope["message"]
    assert ended - between > (between - began) / 10, "the unknown user was answered without hashing"


def test_nobody_logs_in_as_the_market_maker(the_venue: Venue) -> None:
    for password in ("!", "", "nobody's password"):
        answer = the_venue.nobody.post("/auth/login", username="amm_market_maker", password=password)
        assert answer.verdict == (401, 1003)


def test_a_disabled_user_is_out_at_once_everywhere(the_venue: Venue) -> None:
    """Let in again, it logs in again: what was opened before stays closed."""
    user, refresh_token = logged_in(the_venue)
    off = the_venue.admin.post(f"/admin/users/{user.user_id}/active", is_active=False)
    assert (off.status, off.data) == (200, {"user_id": user.user_id, "is_active": False})
    assert user.get("/account/balance").verdict == (422, 1004)
    assert the_venue.nobody.post("/auth/refresh", refresh_token=refresh_token).verdict == (422, 1004)
    assert the_venue.admin.post(f"/admin/users/{user.user_id}/active", is_active=True).status == 200
    assert user.get("/account/balance").verdict == (401, 1006)
    assert the_venue.nobody.post("/auth/refresh", refresh_token=refresh_token).verdict == (401, 1005)


def test_a_disabled_user_with_the_right_password_is_told_so(the_venue: Venue) -> None:
    answer = the_venue.nobody.post(
        "/auth/register", username="off_1", email="off_1@example.org", password=PASSWORD
    )
    user_id = answer.data["user_id"]
    the_venue.admin.post(f"/admin/users/{user_id}/active", is_active=False)
    login = the_venue.nobody.post("/auth/login", username="off_1", password=PASSWORD)
    assert login.verdict == (422, 1004)
    wrong = the_venue.nobody.post("/auth/login", username="off_1", password="Wrong1password")
    assert wrong.verdict == (401, 1003)


def test_a_refresh_token_gives_both_tokens_and_opens_nothing_itself(the_venue: Venue) -> None:
    _, refresh = logged_in(the_venue)
    answer = the_venue.nobody.post("/auth/refresh", refresh_token=refresh)
    assert answer.status == 200
    assert set(answer.data) == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert Caller(the_venue.http, answer.data["access_token"]).get("/account/balance").code == 0
    assert Caller(the_venue.http, refresh).get("/account/balance").verdict == (401, 1006)


def test_what_does_not_refresh(the_venue: Venue) -> None:
    user = the_venue.user()
    past = Tokens(SECRET, Elsewhen(1_000_000_000))
    bad = {
        "an access token": tokens.issue(user.user_id, TokenType.ACCESS, "USER"),
        "an expired one": past.issue(user.user_id, TokenType.REFRESH, "USER"),
        "another key's": Tokens("x" * 40, tokens._clock).issue(user.user_id, TokenType.REFRESH, "USER"),
        "nobody's": tokens.issue("00000000-0000-4000-8000-00000000dead", TokenType.REFRESH, "USER"),
        "one of no session": tokens.issue(user.user_id, TokenType.REFRESH, "USER"),
        "no token": "nonsense",
        "nothing": "",
    }
    for what, token in bad.items():
        answer = the_venue.nobody.post("/auth/refresh", refresh_token=token)
        assert answer.verdict == (401, 1005), what


def unsigned(user_id: str) -> str:
    """A token that says it needs no signature."""
    claims = {"sub": user_id, "type": "access", "role": "ADMIN", "iat": 1, "exp": 9_999_999_999}
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
        for part in ({"alg": "none", "typ": "JWT"}, claims)
    ]
    return f"{parts[0]}.{parts[1]}."


def test_what_is_not_a_token(the_venue: Venue) -> None:
    past = Tokens(SECRET, Elsewhen(1_000_000_000))
    user_id = the_venue.admin.user_id
    good = tokens.issue(user_id, TokenType.ACCESS, "ADMIN")
    for authorization in (
        None,
        "",
        "Bearer",
        f"Basic {good}",
        good,
        f"Bearer {good}x",
        f"Bearer {unsigned(user_id)}",
        f"Bearer {past.issue(user_id, TokenType.ACCESS, 'ADMIN')}",
        f"Bearer {Tokens('y' * 40, tokens._clock).issue(user_id, TokenType.ACCESS, 'ADMIN')}",
        f"Bearer {tokens.issue(user_id, TokenType.SERVICE, 'ADMIN')}",
        f"Bearer {tokens.issue('00000000-0000-4000-8000-00000000dead', TokenType.ACCESS, 'ADMIN')}",
    ):
        headers = {} if authorization is None else {"Authorization": authorization}
        answer = Caller(the_venue.http).request("GET", "/account/balance", headers=headers)
        assert answer.verdict == (401, 1006), authorization
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_the_role_in_a_token_is_not_believed(the_venue: Venue) -> None:
    user = the_venue.user()
    pretender = Caller(the_venue.http, tokens.issue(user.user_id, TokenType.ACCESS, "ADMIN"))
    assert pretender.post("/admin/verify-invariants").verdict == (403, 1007)


def test_the_market_maker_names_itself_right_or_is_not_believed(the_venue: Venue) -> None:
    for name, verdict in (("AMM_SYSTEM_001", (200, 0)), (AMM_ID, (200, 0)), ("AMM_SYSTEM_002", (401, 1006))):
        answer = the_venue.amm.request("GET", "/account/balance", headers={"X-AMM-System-Id": name})
        assert answer.verdict == verdict


def test_only_a_service_token_renews_a_service_token(the_venue: Venue) -> None:
    # Not the venue's own token: it would end a minute later, for all tests that use it.
    old = Caller(the_venue.http, tokens.issue(AMM_ID, TokenType.SERVICE, "SYSTEM_BOT"))
    renewed = old.post("/amm/token/renew")
    assert renewed.status == 200
    assert (renewed.data["token_type"], renewed.data["expires_in"]) == ("Bearer", 86_400)
    assert Caller(the_venue.http, renewed.data["service_token"]).post("/amm/token/renew").status == 200
    ordinary = Caller(the_venue.http, tokens.issue(AMM_ID, TokenType.ACCESS, "SYSTEM_BOT"))
    assert ordinary.post("/amm/token/renew").verdict == (403, 6099)
    issued = the_venue.admin.post("/admin/amm/token")
    assert issued.status == 201
    assert Caller(the_venue.http, issued.data["service_token"]).get("/amm/markets").code == 0
