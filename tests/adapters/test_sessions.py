"""Sessions over HTTP: they live by refresh tokens that are used once, and end for good."""

import time
from collections.abc import Iterator
from typing import Any

import attrs
import httpx
import jwt
import pytest
import trio

from adapters.access.tokens import TokenType
from kernel.codes import AMM_ID
from persistence.postgres.database import opened
from tests.adapters.serving import (
    ADMIN,
    PASSWORD,
    SECRET,
    Caller,
    Venue,
    database_for,
    serving,
    tokens,
    until,
    venue,
)
from tests.adapters.test_auth_api import logged_in


@attrs.frozen
class Place:
    """A server, and its database for everybody else."""

    venue: Venue
    url: str


@pytest.fixture(scope="module")
def place(server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with (
        database_for(server_url, template) as url,
        serving(url, tmp_path_factory.mktemp("sessions")) as server,
        httpx.Client(base_url=server.address, timeout=30) as http,
    ):
        yield Place(venue(server.address, http), url)


@pytest.fixture
def the_venue(place: Place) -> Venue:
    return place.venue


def refresh(the_venue: Venue, token: str) -> Any:
    return the_venue.nobody.post("/auth/refresh", refresh_token=token)


def lasts(the_venue: Venue, token: str) -> bool:
    return Caller(the_venue.http, token).get("/account/balance").verdict == (200, 0)


def sql(database_url: str, *statements: str) -> list[Any]:
    """What each statement, made by somebody else, finds first."""

    async def run() -> list[Any]:
        async with opened(database_url) as db, db.borrowed() as connection:
            return [await connection.fetch_value(statement) for statement in statements]

    return trio.run(run)


def named(token: str) -> str:
    name: str = jwt.decode(token, SECRET, ["HS256"])["jti"]
    return name


def age(database_url: str, token: str, seconds: int) -> None:
    """Let a session's past be so much further away."""
    session_id = jwt.decode(token, SECRET, ["HS256"])["sid"]
    sql(
        database_url,
        "UPDATE sessions SET used_at = ARRAY(SELECT at - interval "
        f"'{seconds} s' FROM unnest(used_at) AS list (at)) WHERE id = '{session_id}'",
    )


def test_a_refresh_token_is_used_once_and_its_successor_goes_on(the_venue: Venue) -> None:
    user, first = logged_in(the_venue)
    second = refresh(the_venue, first).data["refresh_token"]
    third = refresh(the_venue, second).data["refresh_token"]
    assert len({first, second, third}) == 3
    assert refresh(the_venue, third).status == 200
    assert user.get("/account/balance").code == 0


def test_a_lost_answer_signs_nobody_out(the_venue: Venue) -> None:
    """Within ten seconds the same token is answered with the same successor, even one used by now."""
    _, first = logged_in(the_venue)
    second = refresh(the_venue, first).data["refresh_token"]
    assert refresh(the_venue, first).data["refresh_token"] == second
    third = refresh(the_venue, second).data["refresh_token"]
    assert refresh(the_venue, first).data["refresh_token"] == second
    assert refresh(the_venue, second).data["refresh_token"] == third
    assert refresh(the_venue, third).status == 200


def test_two_refreshes_at_once_get_the_same_successor(the_venue: Venue) -> None:
    _, first = logged_in(the_venue)
    found: list[str] = []

    async def ask() -> None:
        answer = await trio.to_thread.run_sync(refresh, the_venue, first)
        found.append(answer.data["refresh_token"])

    async def all_at_once() -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(6):
                nursery.start_soon(ask)

    trio.run(all_at_once)
    assert (len(found), len(set(found))) == (6, 1)


def test_who_shows_a_used_token_later_ends_the_session_for_everybody(the_venue: Venue, place: Place) -> None:
    user, first = logged_in(the_venue)
    second = refresh(the_venue, first).data["refresh_token"]
    age(place.url, first, 4)
    answer = refresh(the_venue, first)
    assert named(answer.data["refresh_token"]) == named(second)
    age(place.url, first, 7)
    assert refresh(the_venue, first).verdict == (401, 1005)
    assert refresh(the_venue, second).verdict == (401, 1005)
    assert user.get("/account/balance").verdict == (401, 1006)
    assert not lasts(the_venue, answer.data["access_token"])


def test_a_token_that_is_none_of_the_sessions_ends_it(the_venue: Venue) -> None:
    """As if a backup had been put back: what is shown cannot have been given out before what is known."""
    user, first = logged_in(the_venue)
    session_id = jwt.decode(first, SECRET, ["HS256"])["sid"]
    other = tokens.issue(user.user_id, TokenType.REFRESH, "USER", session_id=session_id)
    assert refresh(the_venue, other).verdict == (401, 1005)
    assert refresh(the_venue, first).verdict == (401, 1005)


def test_logging_out_ends_one_session_and_says_nothing_more(the_venue: Venue) -> None:
    user, first = logged_in(the_venue)
    login = the_venue.nobody.post("/auth/login", username=user.name, password=PASSWORD)
    for _ in range(2):
        answer = the_venue.nobody.post("/auth/logout", refresh_token=first)
        assert (answer.verdict, answer.data) == ((200, 0), {})
    assert user.get("/account/balance").verdict == (401, 1006)
    assert refresh(the_venue, first).verdict == (401, 1005)
    assert lasts(the_venue, login.data["access_token"])
    assert refresh(the_venue, login.data["refresh_token"]).status == 200


@pytest.mark.parametrize("token", ["nonsense", ""])
def test_logging_out_with_what_opens_nothing_is_no_error(the_venue: Venue, token: str) -> None:
    assert the_venue.nobody.post("/auth/logout", refresh_token=token).verdict == (200, 0)
    assert the_venue.nobody.post("/auth/logout").verdict == (400, 9004)


def test_the_twenty_first_login_ends_what_was_unused_for_longest(the_venue: Venue, place: Place) -> None:
    _, first = logged_in(the_venue)
    user, second = logged_in(the_venue)
    third = user_login(the_venue, user)
    begin(place.url, user, 18)
    assert user.get("/account/balance").code == 0
    used = refresh(the_venue, second).data  # now the third is the oldest
    fourth = user_login(the_venue, user)
    assert lasts(the_venue, used["access_token"])
    assert not lasts(the_venue, third["access_token"])
    assert lasts(the_venue, fourth["access_token"])
    assert refresh(the_venue, first).status == 200, "another user's are not counted"


def begin(url: str, user: Caller, count: int) -> None:
    """As many more sessions of a user, as if it had logged in so often."""
    sql(
        url,
        "INSERT INTO sessions (id, user_id, refresh_hash, created_at, last_used_at) "
        f"SELECT gen_random_uuid(), '{user.user_id}', sha256('x'), now(), now() "
        f"FROM generate_series(1, {count})",
    )


def user_login(the_venue: Venue, user: Caller) -> Any:
    answer = the_venue.nobody.post("/auth/login", username=user.name, password=PASSWORD)
    assert answer.status == 200, answer.envelope
    return answer.data


def test_however_often_somebody_logs_in_few_rows_are_kept(place: Place) -> None:
    user, _ = logged_in(place.venue)
    begin(place.url, user, 60)
    user_login(place.venue, user)
    of_user = f"FROM sessions WHERE user_id = '{user.user_id}'"
    assert sql(
        place.url,
        f"SELECT count(*) {of_user} AND ended_at IS NULL",
        f"SELECT count(*) {of_user} AND ended_at IS NOT NULL",
    ) == [20, 20]


def test_ones_own_sessions_are_shown_newest_first(the_venue: Venue) -> None:
    user, first = logged_in(the_venue)
    current = user_login(the_venue, user)
    shown = Caller(the_venue.http, current["access_token"]).data("/account/sessions")["items"]
    assert [set(item) for item in shown] == [{"session_id", "created_at", "last_used_at", "current"}] * 2
    assert [item["current"] for item in shown] == [True, False]
    assert shown[0]["created_at"] > shown[1]["created_at"]
    the_venue.nobody.post("/auth/logout", refresh_token=first)
    shown = Caller(the_venue.http, current["access_token"]).data("/account/sessions")["items"]
    assert [item["current"] for item in shown] == [True]
    assert the_venue.amm.get("/account/sessions").verdict == (403, 1007)


def test_one_session_is_ended_from_another(the_venue: Venue) -> None:
    user, refresh_token = logged_in(the_venue)
    here = Caller(the_venue.http, user_login(the_venue, user)["access_token"])
    there = here.data("/account/sessions")["items"][1]["session_id"]
    stranger = Caller(the_venue.http, user_login(the_venue, the_venue.user())["access_token"])
    for nothing in (stranger.post(f"/account/sessions/{there}/end"), here.post("/account/sessions/none/end")):
        assert (nothing.verdict, nothing.data) == ((200, 0), {})
    assert len(here.data("/account/sessions")["items"]) == 2
    for _ in range(2):
        assert here.post(f"/account/sessions/{there}/end").verdict == (200, 0)
    assert [item["current"] for item in here.data("/account/sessions")["items"]] == [True]
    assert user.get("/account/profile").verdict == (401, 1006)
    assert the_venue.nobody.post("/auth/refresh", refresh_token=refresh_token).verdict == (401, 1005)


def test_a_browser_keeps_the_refresh_token_where_no_script_reads_it(the_venue: Venue) -> None:
    user, _ = logged_in(the_venue)
    with httpx.Client(base_url=the_venue.address, timeout=30) as browser:
        caller = Caller(browser)
        login = caller.post("/auth/login", username=user.name, password=PASSWORD, cookie=True)
        assert "refresh_token" not in login.data
        kept = login.headers["Set-Cookie"]
        assert set(kept.partition("; ")[2].split("; ")) == {
            "Max-Age=604800",
            "Path=/api/v1/auth",
            "HttpOnly",
            "SameSite=Strict",
        }
        refreshed = caller.post("/auth/refresh")
        assert "refresh_token" not in refreshed.data
        assert refreshed.headers["Set-Cookie"] != kept
        assert lasts(the_venue, refreshed.data["access_token"])
        assert browser.get("/api/v1/account/balance").status_code == 401, "no other route looks at it"
        assert "Max-Age=0" in caller.post("/auth/logout").headers["Set-Cookie"]
        assert not browser.cookies
    assert not lasts(the_venue, refreshed.data["access_token"])


def signed_in(the_venue: Venue, browser: httpx.Client) -> Caller:
    """A browser that keeps the refresh token as a cookie."""
    user, _ = logged_in(the_venue)
    answer = Caller(browser).post("/auth/login", username=user.name, password=PASSWORD, cookie=True)
    assert answer.status == 200, answer.envelope
    return Caller(browser)


def test_a_reload_goes_on_with_the_session_by_the_cookie_alone(the_venue: Venue, place: Place) -> None:
    with httpx.Client(base_url=the_venue.address, timeout=30) as browser:
        caller = signed_in(the_venue, browser)
        shown = []
        for _ in range(3):
            shown.append(browser.cookies["verdict_refresh"])
            answer = caller.post("/auth/refresh")
            assert lasts(the_venue, answer.data["access_token"])
        assert len({*shown, browser.cookies["verdict_refresh"]}) == 4, "each use gives another"

        age(place.url, shown[0], 11)
        thief = the_venue.http.post(
            "/api/v1/auth/refresh", headers={"Cookie": f"verdict_refresh={shown[0]}"}, json={}
        )
        assert (thief.status_code, thief.json()["code"]) == (401, 1005)
        assert caller.post("/auth/refresh").verdict == (401, 1005), "of two who have it one is a thief"
        assert not lasts(the_venue, answer.data["access_token"])


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_of_another_origin_makes_a_browser_do_nothing(the_venue: Venue, site: str) -> None:
    """Browsers that know the cookie's rules would not even send it; these do."""
    elsewhere = {"Sec-Fetch-Site": site}
    with httpx.Client(base_url=the_venue.address, timeout=30) as browser:
        caller = signed_in(the_venue, browser)
        kept = dict(browser.cookies)
        for path, told in (("/auth/refresh", (401, 1005)), ("/auth/logout", (400, 9004))):
            answer = caller.request("POST", path, json={}, headers=elsewhere)
            assert (answer.verdict, answer.headers.get("Set-Cookie")) == (told, None)
        assert dict(browser.cookies) == kept
        login = {"username": ADMIN, "password": PASSWORD}
        answer = caller.request("POST", "/auth/login", json=login | {"cookie": True}, headers=elsewhere)
        assert (answer.verdict, answer.headers.get("Set-Cookie")) == ((403, 1007), None)
        assert caller.request("POST", "/auth/login", json=login, headers=elsewhere).status == 200
        for own in ("same-origin", "none"):
            answer = caller.request("POST", "/auth/refresh", json={}, headers={"Sec-Fetch-Site": own})
            assert answer.status == 200


def test_without_a_cookie_or_a_token_nobody_is_signed_in(the_venue: Venue) -> None:
    answer = the_venue.nobody.post("/auth/refresh")
    assert answer.verdict == (401, 1005)
    assert "log in" in answer.envelope["message"]
    assert the_venue.nobody.post("/auth/refresh", refresh_token=None).verdict == (401, 1005)


def test_only_a_trusted_proxy_says_that_the_cookie_came_by_https(
    server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for proxies, secure in (("127.0.0.1", True), ("", False)):
        with (
            database_for(server_url, template) as url,
            serving(url, tmp_path_factory.mktemp("https"), VERDICT_TRUSTED_PROXIES=proxies) as server,
            httpx.Client(base_url=server.address, timeout=30) as http,
        ):
            answer = Caller(http).request(
                "POST",
                "/auth/login",
                json={"username": ADMIN, "password": PASSWORD, "cookie": True},
                headers={"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"},
            )
            assert ("Secure" in answer.headers["Set-Cookie"].split("; ")) == secure


def test_lifetimes_are_settings(
    server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with (
        database_for(server_url, template) as url,
        serving(
            url,
            tmp_path_factory.mktemp("brief"),
            VERDICT_JWT_ACCESS_SECONDS="2",
            VERDICT_JWT_REFRESH_SECONDS="4",
            VERDICT_JWT_SERVICE_SECONDS="77",
        ) as server,
        httpx.Client(base_url=server.address, timeout=30) as http,
    ):
        login = Caller(http).post("/auth/login", username=ADMIN, password=PASSWORD).data
        says = [jwt.decode(login[name], SECRET, ["HS256"]) for name in ("access_token", "refresh_token")]
        assert [claims["exp"] - claims["iat"] for claims in says] == [2, 4]
        assert login["expires_in"] == 2
        admin = Caller(http, login["access_token"])
        assert admin.post("/admin/amm/token").data["expires_in"] == 77
        until(lambda: admin.get("/account/balance").verdict == (401, 1006))
        assert Caller(http).post("/auth/refresh", refresh_token=login["refresh_token"]).status == 200


# The market maker's tokens


def test_a_service_token_does_not_take_money_out(the_venue: Venue) -> None:
    assert the_venue.amm.post("/account/deposit", amount_cents=100).status == 200
    assert the_venue.amm.post("/account/withdraw", amount_cents=1).verdict == (403, 1007)
    ordinary = Caller(the_venue.http, tokens.issue(AMM_ID, TokenType.ACCESS, "SYSTEM_BOT"))
    assert ordinary.post("/account/withdraw", amount_cents=1).status == 200


@pytest.mark.alone
def test_a_renewed_token_has_a_minute_left_and_others_live_on(place: Place) -> None:
    """The minute is told by the token's end, moved in the table: the test does not wait for it."""
    old, other = (
        Caller(place.venue.http, tokens.issue(AMM_ID, TokenType.SERVICE, "SYSTEM_BOT")) for _ in range(2)
    )
    renewed = Caller(place.venue.http, old.post("/amm/token/renew").data["service_token"])
    left = sql(place.url, "SELECT extract(epoch FROM max(ends_at) - now()) FROM ended_tokens")[0]
    assert 55 < left <= 60
    again = old.post("/amm/token/renew")  # the answer may have been lost
    assert again.status == 200
    assert sql(place.url, "SELECT count(*) FROM ended_tokens") == [1]
    sql(place.url, "UPDATE ended_tokens SET ends_at = now()")
    until(lambda: old.get("/account/balance").verdict == (401, 1006), seconds=2)
    assert old.post("/amm/token/renew").verdict == (401, 1006)
    for caller in (renewed, other, Caller(place.venue.http, again.data["service_token"])):
        assert caller.get("/account/balance").status == 200


@pytest.mark.alone
def test_a_token_from_before_tokens_had_names_is_renewed_likewise(place: Place) -> None:
    now = int(time.time())
    claims = {"sub": AMM_ID, "type": "service", "role": "SYSTEM_BOT", "iat": now, "exp": now + 100}
    old = Caller(place.venue.http, jwt.encode(claims, SECRET, "HS256"))
    assert old.post("/amm/token/renew").status == 200
    sql(place.url, "UPDATE ended_tokens SET ends_at = now()")
    until(lambda: old.get("/account/balance").verdict == (401, 1006), seconds=2)


def test_the_end_of_a_token_outlives_a_restart(
    server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("restart")
    old = tokens.issue(AMM_ID, TokenType.SERVICE, "SYSTEM_BOT")
    with database_for(server_url, template) as url:
        with serving(url, folder) as server, httpx.Client(base_url=server.address, timeout=30) as http:
            assert Caller(http, old).post("/amm/token/renew").status == 200
            sql(url, "UPDATE ended_tokens SET ends_at = now()")
            server.stop()
        with serving(url, folder) as server, httpx.Client(base_url=server.address, timeout=30) as http:
            assert Caller(http, old).get("/account/balance").verdict == (401, 1006)


@pytest.mark.alone
def test_a_market_maker_that_was_shut_out_once_gets_tokens_of_its_new_generation(place: Place) -> None:
    admin = place.venue.admin
    sql(place.url, f"UPDATE users SET is_active = FALSE WHERE id = '{AMM_ID}'")
    until(lambda: place.venue.amm.get("/account/balance").verdict == (422, 1004), seconds=2)
    sql(place.url, f"UPDATE users SET is_active = TRUE WHERE id = '{AMM_ID}'")
    until(lambda: place.venue.amm.get("/account/balance").verdict == (401, 1006), seconds=2)
    token = admin.post("/admin/amm/token").data["service_token"]
    assert Caller(place.venue.http, token).post("/amm/token/renew").status == 200
