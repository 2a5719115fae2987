"""Two administrators at a real server: whose case it is, and what takes both of them."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import httpx
import trio

from kernel.codes import AMM_ID
from persistence.postgres import database
from persistence.tables.users import Users
from tests.adapters.serving import (
    PASSWORD,
    Caller,
    Venue,
    database_for,
    serving,
    venue,
)


def test_who_holds_shares_does_not_end_the_market(the_venue: Venue) -> None:
    market, admin, ann = the_venue.market(), the_venue.admin, the_venue.user(10_000)
    admin.deposit(10_000)
    admin.placed(market, "BUY YES 1 @60")
    ann.placed(market, "BUY NO 1 @40")
    refused = admin.post(f"/admin/markets/{market}/resolve", resolution_result="YES")
    assert refused.verdict == (403, 1007)
    assert refused.data == {"reason": "CONFLICT_OF_INTEREST", "market_id": market}
    assert admin.post(f"/admin/markets/{market}/void").verdict == (403, 1007)
    assert admin.post(f"/admin/markets/{market}/settle").verdict == (403, 1007)
    assert ann.data(f"/markets/{market}")["status"] == "ACTIVE"
    ann.placed(market, "BUY YES 1 @60")
    admin.placed(market, "SELL YES 1 @60")
    assert admin.post(f"/admin/markets/{market}/resolve", resolution_result="YES").status == 200


def test_without_the_setting_one_is_enough_and_nothing_waits(the_venue: Venue) -> None:
    market = the_venue.market()
    assert the_venue.admin.post(f"/admin/markets/{market}/void", void_price_cents=50).status == 200
    assert the_venue.admin.data("/admin/proposals") == {"items": []}
    assert the_venue.user().get("/admin/proposals").verdict == (403, 1007)


@attrs.frozen
class Pair:
    there: Venue
    first: Caller
    second: Caller


@contextlib.contextmanager
def pair(url: str, folder: Path) -> Iterator[Pair]:
    with (
        serving(url, folder, VERDICT_FOUR_EYES="on") as server,
        httpx.Client(base_url=server.address, timeout=30) as http,
    ):
        there = venue(server.address, http)
        there.nobody.post("/auth/register", username="second", email="s@example.org", password=PASSWORD)
        trio.run(promote, url, "second")
        login = there.nobody.post("/auth/login", username="second", password=PASSWORD)
        second = Caller(http, login.data["access_token"], login.data["user"]["user_id"])
        yield Pair(there, there.admin, second)
        assert '"level":"error"' not in server.log.read_text()


async def promote(url: str, username: str) -> None:
    async with database.opened(url) as db:
        assert await Users(db).set_account_type(username, "ADMIN")


def test_two_have_to_ask_for_the_same(server_url: str, template: str, tmp_path: Path) -> None:
    with database_for(server_url, template) as url:
        with pair(url, tmp_path) as both:
            there, first, second = both.there, both.first, both.second
            ended, started, paid, left = (there.market() for _ in range(4))
            path = f"/admin/markets/{ended}/resolve"
            answer = first.post(path, resolution_result="NO")
            assert answer.verdict == (202, 0)
            proposal = answer.data["proposal"]
            assert (proposal.pop("created_at") < proposal.pop("expires_at"), proposal) == (
                True,
                {
                    "proposal_id": int(answer.headers["X-Journal-Id"]),
                    "action": "RESOLVE",
                    "market_id": ended,
                    "request": {"resolution_result": "NO", "settle": True},
                    "proposed_by": "the_admin",
                },
            )
            again = first.post(path, resolution_result="NO", settle=True)
            assert again.status == 202
            assert [again.data["proposal"]] == first.data("/admin/proposals")["items"]
            assert again.data["proposal"]["proposal_id"] == proposal["proposal_id"]
            assert there.user().data(f"/markets/{ended}")["status"] == "ACTIVE"
            assert second.post(path, resolution_result="NO").data["settlement"]["status"] == "COMPLETED"

            alone = Caller(first.http, first.post("/admin/amm/token").data["service_token"], AMM_ID)
            assert alone.post("/account/deposit", amount_cents=1000).verdict == (403, 1007)
            assert alone.data("/account/balance")["total_balance_cents"] == 0

            budget = {"market_id": started, "initial_budget_cents": 1000, "initial_price_cents": 50}
            assert first.post("/admin/amm/start", **budget).status == 202
            assert second.post("/admin/amm/start", **budget | {"initial_budget_cents": 1001}).status == 202
            assert first.post("/admin/amm/start", **budget).status == 202
            assert there.amm.data("/amm/markets")["items"] == []
            assert second.post("/admin/amm/start", **budget).status == 201

            of_a_friend = f"/admin/users/{there.user().user_id}/role"
            assert first.post(of_a_friend, account_type="ADMIN").verdict == (403, 1007)
            assert first.post(of_a_friend, account_type="USER").status == 200

            for caller, status in ((first, 202), (second, 200)):
                answer = caller.post(f"/admin/markets/{paid}/resolve", resolution_result="YES", settle=False)
                assert answer.status == status
            assert first.post(f"/admin/markets/{paid}/settle").status == 202
            assert second.post(f"/admin/markets/{left}/void", reason="why", void_price_cents=50).status == 202
            assert shown(first) == [("VOID", left), ("SETTLE", paid)], "newest first"
            token = second.token
        with pair_again(url, tmp_path, str(token)) as (first, second):
            assert shown(first) == [("VOID", left), ("SETTLE", paid)], "a restart forgets nothing"
            assert second.post(f"/admin/markets/{paid}/settle").status == 200
            assert second.post(f"/admin/markets/{left}/void", reason="why", void_price_cents=50).status == 202
            assert first.post(f"/admin/markets/{left}/void", reason="why", void_price_cents=50).status == 200
            assert first.data("/admin/proposals") == {"items": []}
            assert first.post("/admin/verify-invariants").data["all_passed"] is True


@contextlib.contextmanager
def pair_again(url: str, folder: Path, token: str) -> Iterator[tuple[Caller, Caller]]:
    with (
        serving(url, folder, VERDICT_FOUR_EYES="on") as server,
        httpx.Client(base_url=server.address, timeout=30) as http,
    ):
        yield venue(server.address, http).admin, Caller(http, token)


def shown(caller: Caller) -> list[tuple[Any, Any]]:
    items = caller.data("/admin/proposals")["items"]
    return [(item["action"], item["market_id"]) for item in items]
