"""What administrators do about users: finding them, their roles, and what stays of one who is kept out."""

import secrets

import pytest

from adapters.wire.user_responses import WORKER_ID
from kernel.codes import AMM_ID
from tests.adapters.serving import PASSWORD, Caller, Venue


def registered(the_venue: Venue, username: str, email: str) -> str:
    answer = the_venue.nobody.post("/auth/register", username=username, email=email, password=PASSWORD)
    assert answer.status == 201, answer.envelope
    user_id: str = answer.data["user_id"]
    return user_id


def signed_in(the_venue: Venue, user: Caller) -> Caller:
    answer = the_venue.nobody.post("/auth/login", username=user.name, password=PASSWORD)
    assert answer.status == 200, answer.envelope
    return Caller(the_venue.http, answer.data["access_token"], user.user_id, user.name)


def names(the_venue: Venue, **query: object) -> set[str]:
    return {item["username"] for item in the_venue.admin.data("/admin/users", limit=100, **query)["items"]}


def test_users_are_found_by_how_their_name_or_address_begins(the_venue: Venue) -> None:
    tag = secrets.token_hex(4)
    first, second, third = f"Zoe_{tag}_a", f"zoe_{tag}_b", f"other_{tag}"
    registered(the_venue, first, f"a.{tag}@example.org")
    off = registered(the_venue, second, f"b.{tag}@example.org")
    registered(the_venue, third, f"Zoe_{tag}@example.org")
    the_venue.admin.post(f"/admin/users/{off}/active", is_active=False)

    assert names(the_venue, query=f"zoe_{tag}") == {first, second, third}
    assert names(the_venue, query=f"ZOE_{tag}_A") == {first}
    assert names(the_venue, query=f"b.{tag}@ex") == {second}
    assert names(the_venue, query=f"oe_{tag}") == set(), "not in the middle"
    assert names(the_venue, query=f"zoe%{tag}") == set(), "no letter stands for others"
    assert names(the_venue, query=f"zoe_{tag}", is_active="false") == {second}
    assert names(the_venue, query=f"zoe_{tag}", is_active="true", account_type="USER") == {first, third}
    assert names(the_venue, query=f"zoe_{tag}", account_type="ADMIN") == set()
    assert "amm_market_maker" in names(the_venue, account_type="SYSTEM_BOT")

    (shown,) = the_venue.admin.data("/admin/users", query=second)["items"]
    assert set(shown) == {"user_id", "username", "email", "account_type", "is_active", "created_at"}
    assert (shown["user_id"], shown["email"]) == (off, f"b.{tag}@example.org")


def test_pages_of_users_miss_nobody_and_show_nobody_twice(the_venue: Venue) -> None:
    tag = secrets.token_hex(4)
    ids = sorted(registered(the_venue, f"p{n}_{tag}", f"{tag}.{n}@example.org") for n in range(5))
    seen, cursor = list[str](), dict[str, str]()
    while True:
        answer = the_venue.admin.data("/admin/users", query=f"{tag}.", limit=2, **cursor)
        seen += [item["user_id"] for item in answer["items"]]
        if not answer["has_more"]:
            break
        cursor = {"cursor": answer["next_cursor"]}
    assert seen == ids
    assert answer["next_cursor"] is None


@pytest.mark.parametrize(
    "query",
    [
        {"cursor": "nonsense"},
        {"cursor": "eyJpZCI6IjAwMDAwMDAwLTAwMDAtNDAwMC04MDAwLTAwMDAwMDAwZGVhZCJ9"},  # nobody's id
        {"limit": 0},
        {"account_type": "ROOT"},
        {"is_active": "perhaps"},
        {"query": "a\0"},
    ],
)
def test_a_question_about_users_that_is_none_is_malformed(the_venue: Venue, query: dict[str, str]) -> None:
    assert the_venue.admin.get("/admin/users", **query).verdict == (400, 9004)


def test_an_administrator_makes_another_and_takes_it_back(the_venue: Venue) -> None:
    user, admin = the_venue.user(), the_venue.admin
    path = f"/admin/users/{user.user_id.upper()}/role"
    made = admin.post(path, account_type="ADMIN")
    assert (made.verdict, made.data) == ((200, 0), {"user_id": user.user_id, "account_type": "ADMIN"})
    assert user.get("/account/balance").verdict == (401, 1006), "what it had opened before has ended"
    second = signed_in(the_venue, user)
    assert second.get("/admin/users").status == 200
    assert admin.post(path, account_type="ADMIN").status == 200
    assert second.get("/admin/users").status == 200, "it was one already, so nothing ended"
    assert admin.post(path, account_type="USER").status == 200
    assert second.get("/account/balance").verdict == (401, 1006)
    assert signed_in(the_venue, user).get("/admin/users").verdict == (403, 1007)


def test_some_roles_stay_what_they_are(the_venue: Venue) -> None:
    admin, user = the_venue.admin, the_venue.user()
    for user_id in (admin.user_id, admin.user_id.upper(), AMM_ID, WORKER_ID):
        for role in ("USER", "ADMIN"):
            assert admin.post(f"/admin/users/{user_id}/role", account_type=role).verdict == (403, 1007)
    assert admin.get("/admin/users").status == 200
    for user_id in ("00000000-0000-4000-8000-00000000dead", "nobody", "%00"):
        assert admin.post(f"/admin/users/{user_id}/role", account_type="USER").verdict == (404, 2002)
    for wrong in ({}, {"account_type": "SYSTEM_BOT"}, {"account_type": "admin"}, {"account_type": None}):
        assert admin.post(f"/admin/users/{user.user_id}/role", **wrong).verdict == (400, 9004)


def test_what_rests_in_the_books_outlasts_that_its_owner_is_kept_out(the_venue: Venue) -> None:
    """Shutting somebody out is about who may ask; what was asked before holds, and others may meet it."""
    market, ann, ben = the_venue.market(), the_venue.user(10_000), the_venue.user(10_000)
    order_id = ann.placed(market, "BUY YES 10 @60")["order"]["id"]
    active = f"/admin/users/{ann.user_id}/active"
    assert the_venue.admin.post(active, is_active=False).status == 200
    assert ben.placed(market, "BUY NO 4 @40")["order"]["status"] == "FILLED"
    assert the_venue.admin.post(active, is_active=True).status == 200
    again = signed_in(the_venue, ann)
    assert again.data(f"/orders/{order_id}")["order"]["filled_quantity"] == 4
    assert again.data(f"/positions/{market}")["yes"]["volume"] == 4
