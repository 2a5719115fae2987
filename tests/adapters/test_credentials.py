"""What people do with their own password, address and sessions, and what nobody does behind them."""

from typing import Any

import jwt
import pytest
import trio

from adapters.access.tokens import TokenType
from kernel.codes import AMM_ID
from tests.adapters.serving import PASSWORD, SECRET, Answer, Caller, Venue, tokens
from tests.adapters.test_auth_api import logged_in

NEW = "Another1horse"
WRONG = "Wrong1password"
ROUTES: dict[str, dict[str, Any]] = {
    "/account/password": {"current_password": PASSWORD, "new_password": NEW},
    "/account/logout-all": {},
    "/account/email": {"current_password": PASSWORD, "new_email": "new@example.org"},
    "/account/api-keys": {"name": "bot", "scopes": ["read"]},
    "/account/api-keys/x/revoke": {},
}


def lasts(caller: Caller, token: str) -> bool:
    return Caller(caller.http, token).get("/account/balance").verdict == (200, 0)


def key_of(user: Caller, name: str = "bot") -> str:
    answer = user.post("/account/api-keys", name=name, scopes=["read"])
    assert answer.verdict == (201, 0), answer.envelope
    return str(answer.data["secret"])


def change(user: Caller, **more: Any) -> Answer:
    return user.post("/account/password", **{**ROUTES["/account/password"], **more})


def test_another_password_ends_all_that_was_open_and_begins_a_session(the_venue: Venue) -> None:
    user, refresh_token = logged_in(the_venue)
    key = key_of(user)
    answer = change(user)
    assert answer.verdict == (200, 0)
    assert set(answer.data) == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert "X-Journal-Id" not in answer.headers
    for ended in (user.token, key):
        assert Caller(user.http, ended).get("/account/balance").verdict == (401, 1006)
    nobody = the_venue.nobody
    assert nobody.post("/auth/refresh", refresh_token=refresh_token).verdict == (401, 1005)
    assert nobody.post("/auth/login", username=user.name, password=PASSWORD).verdict == (401, 1003)
    assert nobody.post("/auth/login", username=user.name, password=NEW).status == 200
    assert lasts(user, answer.data["access_token"])
    again = nobody.post("/auth/refresh", refresh_token=answer.data["refresh_token"])
    assert lasts(user, again.data["access_token"])
    assert len(Caller(user.http, again.data["access_token"]).data("/account/sessions")["items"]) == 2


def test_keys_outlive_another_password_if_their_owner_says_so(the_venue: Venue) -> None:
    user = the_venue.user()
    key = key_of(user)
    assert change(user, revoke_api_keys=False).status == 200
    assert lasts(user, key)
    assert user.get("/account/balance").verdict == (401, 1006)


def test_the_refresh_token_goes_into_the_cookie_as_at_a_login(the_venue: Venue) -> None:
    answer = change(the_venue.user(), cookie=True)
    assert "refresh_token" not in answer.data
    assert answer.headers["Set-Cookie"].startswith("verdict_refresh=ey")
    assert "HttpOnly" in answer.headers["Set-Cookie"]


@pytest.mark.parametrize("path", ["/account/password", "/account/email"])
def test_a_wrong_password_is_told_and_changes_nothing(the_venue: Venue, path: str) -> None:
    """The token is good, so it is not a 401: whoever guesses is no stranger."""
    user = the_venue.user()
    for wrong in (WRONG, PASSWORD + " "):
        answer = user.post(path, **{**ROUTES[path], "current_password": wrong})
        assert answer.verdict == (422, 1012)
    assert user.data("/account/profile")["email"].startswith(user.name)
    assert the_venue.nobody.post("/auth/login", username=user.name, password=PASSWORD).status == 200


def test_a_new_password_obeys_the_rules_of_registering(the_venue: Venue) -> None:
    """And is looked at before the current one: what is malformed costs no hash."""
    user = the_venue.user()
    for new in ("Short1", "nouppercase1", "NOLOWERCASE1", "NoDigitsHere", "Aa1" * 43, "", None, 5):
        answer = change(user, new_password=new, current_password=WRONG)
        assert answer.verdict == (400, 9004), new
        assert [error["field"] for error in answer.data["errors"]] == ["new_password"]


def test_logging_out_everywhere_ends_every_session_and_keys_only_if_told_so(the_venue: Venue) -> None:
    user, refresh_token = logged_in(the_venue)
    other = the_venue.nobody.post("/auth/login", username=user.name, password=PASSWORD).data["access_token"]
    key = key_of(user)
    answer = user.post("/account/logout-all")
    assert (answer.verdict, answer.data) == ((200, 0), {"revoked_api_keys": 0})
    for ended in (str(user.token), other):
        assert not lasts(user, ended)
    assert the_venue.nobody.post("/auth/refresh", refresh_token=refresh_token).verdict == (401, 1005)
    assert lasts(user, key)
    again = the_venue.nobody.post("/auth/login", username=user.name, password=PASSWORD).data["access_token"]
    answer = Caller(user.http, again).post("/account/logout-all", revoke_api_keys=True)
    assert answer.data == {"revoked_api_keys": 1}
    assert not lasts(user, key)


def test_another_address_is_there_at_once_and_ends_nothing(the_venue: Venue) -> None:
    user, refresh_token = logged_in(the_venue)
    email = f"New.{user.name}@Example.ORG"
    answer = user.post("/account/email", current_password=PASSWORD, new_email=email)
    assert (answer.verdict, answer.data) == ((200, 0), {"user_id": user.user_id, "email": email.lower()})
    assert user.data("/account/profile")["email"] == email.lower()
    assert the_venue.nobody.post("/auth/refresh", refresh_token=refresh_token).status == 200
    taken = the_venue.user().post("/account/email", current_password=PASSWORD, new_email=email.upper())
    assert taken.verdict == (409, 1002)
    assert user.post("/account/email", current_password=PASSWORD, new_email=email).status == 200
    assert user.post("/account/email", current_password=PASSWORD, new_email="none").verdict == (400, 9004)


def test_a_profile_tells_who_asks_and_with_what(the_venue: Venue) -> None:
    user = the_venue.user()
    profile = user.data("/account/profile")
    assert set(profile) == {"user_id", "username", "email", "account_type", "created_at", "scopes"}
    assert (profile["user_id"], profile["username"], profile["scopes"]) == (user.user_id, user.name, None)
    assert the_venue.admin.data("/account/profile")["account_type"] == "ADMIN"


@pytest.mark.parametrize("path", [*ROUTES, "/account/profile"])
@pytest.mark.parametrize("kind", [TokenType.SERVICE, TokenType.ACCESS])
def test_the_market_maker_has_none_of_it(the_venue: Venue, path: str, kind: TokenType) -> None:
    maker = Caller(the_venue.http, tokens.issue(AMM_ID, kind, "SYSTEM_BOT"))
    method = "GET" if path == "/account/profile" else "POST"
    assert maker.request(method, path, json=ROUTES.get(path)).verdict == (403, 1007)


@pytest.mark.parametrize("path", ["/account/password", "/account/api-keys"])
def test_what_a_stolen_token_begins_does_not_survive_the_change_that_ends_it(
    the_venue: Venue, path: str
) -> None:
    """Both are asked for at once, many times over: whoever comes second finds its token ended."""
    user, _ = logged_in(the_venue)
    thief, found = Caller(user.http, user.token), list[Answer]()

    async def race() -> None:
        async with trio.open_nursery() as nursery:
            for number in range(3):
                body = {**ROUTES[path], "new_email": f"{user.name}.{number}@example.org"}
                body["name"] = f"key {number}"
                nursery.start_soon(ask, lambda body=body: found.append(thief.post(path, **body)))
            nursery.start_soon(ask, lambda: changed.append(change(user, new_password="Owner1password")))

    async def ask(work: Any) -> None:
        await trio.to_thread.run_sync(work)

    changed: list[Answer] = []
    trio.run(race)
    verdicts = {answer.verdict for answer in found}
    assert verdicts <= {(200, 0), (201, 0), (401, 1006), (422, 1012)}
    assert changed[0].verdict in ((200, 0), (401, 1006), (422, 1012))
    if changed[0].status == 200:
        for answer in found:
            for opened in ("access_token", "secret"):
                if answer.status < 300 and opened in answer.data:
                    assert not lasts(user, answer.data[opened])
        assert lasts(user, changed[0].data["access_token"])
        login = the_venue.nobody.post("/auth/login", username=user.name, password="Owner1password")
        assert login.status == 200


def test_a_login_with_the_old_password_does_not_survive_the_new_one(the_venue: Venue) -> None:
    """However the two meet: the session of a login that was judged before ends, or never begins."""
    user, _ = logged_in(the_venue)
    sessions: list[Answer] = []
    changed: list[Answer] = []

    async def race() -> None:
        async with trio.open_nursery() as nursery:
            for delay in (0.0, 0.05):
                nursery.start_soon(log_in, delay)
            nursery.start_soon(
                trio.to_thread.run_sync, lambda: changed.append(change(user, new_password="Owner1password"))
            )

    async def log_in(delay: float) -> None:
        await trio.sleep(delay)
        sessions.append(
            await trio.to_thread.run_sync(
                lambda: the_venue.nobody.post("/auth/login", username=user.name, password=PASSWORD)
            )
        )

    trio.run(race)
    assert changed[0].status == 200
    assert {answer.verdict for answer in sessions} <= {(200, 0), (401, 1003)}
    for answer in sessions:
        if answer.status == 200:
            assert not lasts(user, answer.data["access_token"])
            refresh = the_venue.nobody.post("/auth/refresh", refresh_token=answer.data["refresh_token"])
            assert refresh.verdict == (401, 1005)
    own = jwt.decode(changed[0].data["access_token"], SECRET, ["HS256"])
    items = Caller(user.http, changed[0].data["access_token"]).data("/account/sessions")["items"]
    assert [item["session_id"] for item in items] == [own["sid"]]
