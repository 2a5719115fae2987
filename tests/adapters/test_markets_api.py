"""Markets, their books and trades over HTTP; who sees drafts; pages of everything."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.adapters.serving import Caller, Venue

ITEM = {
    *("id", "title", "description", "category", "status", "min_price_cents", "max_price_cents"),
    *("maker_fee_bps", "taker_fee_bps", "reserve_balance_cents", "reserve_balance_display"),
    *("total_yes_shares", "total_no_shares", "trading_start_at", "trading_end_at", "resolution_date"),
    *("best_bid_cents", "best_ask_cents", "spot_half_cents", "last_trade_price_cents", "last_trade_at"),
    *("volume_24h", "open_interest"),
    *("trading_mode", "mode_until", "pause_until"),
}
DETAIL = ITEM | {
    *("max_order_quantity", "max_position_per_user", "max_order_amount_cents", "pnl_pool_cents"),
    *("max_open_orders", "max_open_orders_total", "max_open_orders_amm"),
    *("pnl_pool_display", "resolution_result", "resolved_at", "settled_at", "created_at", "updated_at"),
    *("void_price_cents", "void_window_ms"),
    *("collar_cents", "collar_window_ms"),
    *("halt_move_cents", "halt_window_ms", "halt_pause_ms"),
}


def test_the_sample_markets_are_open(the_venue: Venue) -> None:
    user = the_venue.user()
    market = user.data("/markets/MKT-BTC-100K-2026")
    assert set(market) == DETAIL
    assert (market["title"], market["category"], market["status"]) == (
        "Will BTC exceed $100,000 by end of 2026?",
        "crypto",
        "ACTIVE",
    )
    assert (market["trading_start_at"], market["trading_end_at"], market["resolution_date"]) == (
        "2026-01-01T00:00:00.000000Z",
        None,
        "2026-12-31T23:59:59.000000Z",
    )
    assert market["description"] == (
        "Resolves YES if Bitcoin price exceeds $100,000 on any major exchange before 2027-01-01 00:00 UTC."
    )
    fed = user.data("/markets/MKT-FED-RATE-CUT-2026Q2")
    assert fed["category"] == "economics"
    assert fed["description"].startswith(
        "Resolves YES if the Federal Reserve announces a rate cut at any FOMC"
    )


def test_market_data_needs_no_token(the_venue: Venue) -> None:
    user, draft = the_venue.user(), the_venue.market(active=False)
    for path in ("", "/MKT-BTC-100K-2026", "/MKT-BTC-100K-2026/orderbook", "/MKT-BTC-100K-2026/trades"):
        assert the_venue.nobody.data(f"/markets{path}") == user.data(f"/markets{path}")
    for path in ("", "/orderbook", "/trades"):
        refused = the_venue.nobody.get(f"/markets/{draft}{path}")
        unknown = the_venue.nobody.get(f"/markets/unknown{path}")
        assert refused.verdict == unknown.verdict == (404, 3001)
    assert the_venue.nobody.data("/markets", status="DRAFT")["items"] == []


def test_what_became_of_a_market(the_venue: Venue) -> None:
    market, path = the_venue.market(), "/admin/markets/"
    the_venue.admin.post(
        f"{path}{market}/mode", mode="POST_ONLY", until="2999-01-01T00:00:00Z", reason="news"
    )
    the_venue.admin.post(f"{path}{market}/suspend", reason="a look")
    assert the_venue.admin.post(f"{path}{market}/resolve", resolution_result="YES").code == 0
    shown = the_venue.nobody.data(f"/markets/{market}/activity")["items"]
    assert [(one["kind"], one["previous"], one["new"]) for one in shown] == [
        ("STATUS", "RESOLVED", "SETTLED"),
        ("STATUS", "SUSPENDED", "RESOLVED"),
        ("STATUS", "ACTIVE", "SUSPENDED"),
        ("MODE", "NORMAL", "POST_ONLY"),
        ("STATUS", "DRAFT", "ACTIVE"),
    ]
    assert [one["until"] for one in shown] == [None, None, None, "2999-01-01T00:00:00.000000Z", None]
    assert shown[2]["reason"] == "ADMIN: a look"
    first = the_venue.nobody.data(f"/markets/{market}/activity", limit=3)
    rest = the_venue.nobody.data(f"/markets/{market}/activity", cursor=first["next_cursor"])
    assert first["items"] + rest["items"] == shown
    elsewhere = the_venue.nobody.get("/markets/MKT-BTC-100K-2026/activity", cursor=first["next_cursor"])
    assert elsewhere.verdict == (400, 9004)


def test_markets_are_listed_by_status_and_category(the_venue: Venue) -> None:
    user, category = the_venue.user(), "sorting"
    opened = the_venue.market(category=category)
    draft = the_venue.market(category=category, active=False)
    halted = the_venue.market(category=category)
    the_venue.admin.post(f"/admin/markets/{halted}/halt", reason="a look")

    def found(caller: Caller, **filters: str) -> list[str]:
        items = caller.data("/markets", category=category, **filters)["items"]
        assert all(set(item) == ITEM for item in items)
        return [item["id"] for item in items]

    assert found(user) == [opened]
    assert found(user, status="ALL") == [halted, opened]
    assert found(user, status="HALTED") == [halted]
    assert found(user, status="DRAFT") == []
    assert found(the_venue.admin, status="ALL") == [halted, draft, opened]
    assert found(the_venue.admin, status="DRAFT") == [draft]
    assert user.get("/markets", status="active").verdict == (400, 9004)
    assert user.get("/markets", status="").verdict == (400, 9004)
    for path in ("", "/orderbook", "/trades"):
        assert user.get(f"/markets/{draft}{path}").verdict == (404, 3001)
        assert user.get(f"/markets/nowhere{path}").verdict == (404, 3001)
        assert the_venue.admin.get(f"/markets/{draft}{path}").status == 200


def test_the_book_is_shown_in_yes_and_mirrored_in_no(the_venue: Venue) -> None:
    market, ann = the_venue.market(), the_venue.user(100_000)
    empty = ann.data(f"/markets/{market}/orderbook")
    assert empty.pop("updated_at")
    assert empty == {
        "market_id": market,
        "yes": {"bids": [], "asks": []},
        "no": {"bids": [], "asks": []},
        "last_trade_price_cents": None,
    }
    for wish in ("BUY YES 30 @62", "BUY YES 10 @62", "BUY YES 5 @60", "BUY NO 25 @34", "BUY NO 5 @30"):
        ann.placed(market, wish)
    book = ann.data(f"/markets/{market}/orderbook")
    assert book["yes"] == {
        "bids": [{"price_cents": 62, "total_quantity": 40}, {"price_cents": 60, "total_quantity": 5}],
        "asks": [{"price_cents": 66, "total_quantity": 25}, {"price_cents": 70, "total_quantity": 5}],
    }
    assert book["no"] == {
        "bids": [{"price_cents": 34, "total_quantity": 25}, {"price_cents": 30, "total_quantity": 5}],
        "asks": [{"price_cents": 38, "total_quantity": 40}, {"price_cents": 40, "total_quantity": 5}],
    }
    best = ann.data(f"/markets/{market}/orderbook", levels=1)
    assert (len(best["yes"]["bids"]), len(best["no"]["asks"])) == (1, 1)
    for wrong in ("0", "100", "-1", "1.5", "", "ten", "1e1"):
        assert ann.get(f"/markets/{market}/orderbook", levels=wrong).verdict == (400, 9004), wrong
    assert ann.get(f"/markets/{market}/orderbook", levels=99).status == 200


def test_public_trades_name_no_parties(the_venue: Venue) -> None:
    market = the_venue.market()
    ann, ben = the_venue.user(100_000), the_venue.user(100_000)
    ann.placed(market, "BUY YES 10 @60")
    ben.placed(market, "BUY NO 10 @40")
    (trade,) = ann.data(f"/markets/{market}/trades")["items"]
    assert trade.pop("trade_id").startswith("TRD_")
    assert trade.pop("executed_at").endswith("Z")
    assert trade == {"price_cents": 60, "quantity": 10, "scenario": "MINT", "aggressor_side": "SELL"}
    assert ann.data(f"/markets/{market}/orderbook")["last_trade_price_cents"] == 60


def test_matching_is_degraded_while_a_market_is_halted(the_venue: Venue) -> None:
    market, ann = the_venue.market(), the_venue.user(10_000)
    ann.placed(market, "BUY YES 1 @50")
    health = ann.data("/health/matching")
    assert health["markets"][market] == {"status": "ACTIVE", "orderbook_loaded": True, "order_count": 1}
    halted = health["halted_markets"]
    the_venue.admin.post(f"/admin/markets/{market}/halt", reason="a look")
    health = ann.data("/health/matching")
    assert (health["status"], health["halted_markets"]) == ("degraded", halted + 1)
    assert health["markets"][market]["status"] == "HALTED"
    assert the_venue.market(active=False) not in ann.data("/health/matching")["markets"]


# Pages


def pages(caller: Caller, path: str, limit: int, **filters: Any) -> list[list[Any]]:
    """Every page of a list, which must be full but for the last."""
    found: list[list[Any]] = []
    place: dict[str, str] = {}
    while True:
        page = caller.data(path, limit=limit, **filters, **place)
        assert set(page) == {"items", "next_cursor", "has_more"}
        assert page["has_more"] == (page["next_cursor"] is not None)
        found.append(page["items"])
        if not page["has_more"]:
            return found
        assert len(page["items"]) == limit
        place = {"cursor": page["next_cursor"]}


@pytest.fixture(scope="module")
def busy(the_venue: Venue) -> tuple[Caller, str]:
    """A user with seven of everything, and the market of it."""
    market = the_venue.market(category="pages")
    ann, ben = the_venue.user(100_000), the_venue.user(100_000)
    for number in range(7):
        ann.placed(market, "BUY YES 1 @60", client_order_id=f"page-{number}")
        ben.placed(market, "BUY NO 1 @40")
    for _ in range(6):
        the_venue.market(category="pages")
    return ann, market


LISTS: list[tuple[str, dict[str, str], Callable[[Any], Any]]] = [
    ("/orders", {}, lambda item: item["id"]),
    ("/orders", {"status": "FILLED"}, lambda item: item["id"]),
    ("/trades", {}, lambda item: int(item["trade_id"].removeprefix("TRD_"))),
    ("/account/ledger", {"entry_type": "MINT_COST"}, lambda item: item["id"]),
    ("/markets/{market}/trades", {}, lambda item: int(item["trade_id"].removeprefix("TRD_"))),
    ("/markets", {"category": "pages"}, lambda item: item["id"]),
]


@pytest.mark.parametrize(("path", "filters", "key"), LISTS)
@pytest.mark.parametrize(("limit", "sizes"), [(1, [1] * 7), (3, [3, 3, 1]), (7, [7]), (8, [7]), (6, [6, 1])])
def test_pages_hold_everything_once_newest_first(
    busy: tuple[Caller, str],
    path: str,
    filters: dict[str, str],
    key: Callable[[Any], Any],
    limit: int,
    sizes: list[int],
) -> None:
    caller, market = busy
    found = pages(caller, path.format(market=market), limit, **filters)
    assert [len(page) for page in found] == sizes
    keys = [key(item) for page in found for item in page]
    if path != "/markets":
        assert keys == sorted(keys, reverse=True)
    assert len(set(keys)) == 7


def cursor_of(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


@pytest.mark.parametrize(("path", "filters", "key"), LISTS)
def test_a_cursor_that_names_nothing_is_malformed(
    busy: tuple[Caller, str], path: str, filters: dict[str, str], key: Callable[[Any], Any]
) -> None:
    caller, market = busy
    for cursor in (
        "",
        "!",
        "e30",
        "AAAA",
        cursor_of(b"{}"),
        cursor_of(b'{"id":7}'),
        cursor_of(b'{"id":""}'),
        cursor_of(b'{"id":"0"}'),
        cursor_of(b'{"id":"-1"}'),
        cursor_of(b'{"id":"TRD_1"}'),
        cursor_of(b'{"id":"TRD_99999999999999999999"}'),
        cursor_of(b'{"id":"9223372036854775808"}'),
        cursor_of(b'{"id":"\\u0000"}'),
        cursor_of(b'{"id":"nothing"}'),
        cursor_of(b"[" * 10_000),
        cursor_of(b"\xff"),
        "é",
    ):
        answer = caller.get(path.format(market=market), cursor=cursor, **filters)
        assert answer.verdict == (400, 9004), cursor
        assert answer.data["errors"][0]["field"] == "cursor"
    for limit in ("0", "101", "-1", "", "x", "1.0", "99999999999999999999"):
        answer = caller.get(path.format(market=market), limit=limit, **filters)
        assert answer.verdict == (400, 9004), limit


def test_cursors_are_compact_and_lead_only_ones_own_way(busy: tuple[Caller, str], the_venue: Venue) -> None:
    """Another's cursor names nothing of mine."""
    caller, _ = busy
    stranger = the_venue.user(1)
    for path in ("/orders", "/trades", "/account/ledger"):
        page = caller.data(path, limit=1)
        cursor = page["next_cursor"]
        told = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        item = page["items"][0]
        assert told == {"id": str(item.get("trade_id") or item["id"])}
        assert stranger.get(path, cursor=cursor).verdict == (400, 9004)


def test_what_is_added_moves_no_later_page(the_venue: Venue) -> None:
    market, ann = the_venue.market(), the_venue.user(100_000)
    first = [ann.placed(market, "BUY YES 1 @10")["order"]["id"] for _ in range(4)]
    page = ann.data("/orders", limit=2)
    ann.placed(market, "BUY YES 1 @10")
    rest = ann.data("/orders", limit=2, cursor=page["next_cursor"])
    assert [order["id"] for order in rest["items"]] == first[1::-1]
    live = ann.data("/orders", limit=2, status="OPEN", cursor=page["next_cursor"])
    assert live["items"] == rest["items"]


def test_a_draft_is_told_of_nowhere(the_venue: Venue) -> None:
    """Whoever is no administrator gets the answer for a market that does not exist, but for its name."""
    ann, draft, nothing = the_venue.user(), the_venue.market(active=False), "MKT-not-there"

    def told(market: str) -> list[tuple[int, object]]:
        cursor = cursor_of(json.dumps({"id": market}).encode())
        order = {"side": "YES", "direction": "BUY", "price_cents": 50, "quantity": 1}
        answers = [
            *(
                caller.get(path.format(market=market), **query)
                for caller in (ann, the_venue.amm)
                for path, query in (
                    ("/markets/{market}", {}),
                    ("/markets/{market}/orderbook", {}),
                    ("/markets/{market}/trades", {}),
                    ("/positions/{market}", {}),
                    ("/markets", {"status": "ALL", "cursor": cursor}),
                    ("/markets", {"status": "DRAFT", "cursor": cursor}),
                    ("/orders", {"market_id": market}),
                    ("/trades", {"market_id": market}),
                    ("/positions", {"market_id": market}),
                    ("/account/ledger", {"market_id": market}),
                )
            ),
            ann.post("/orders", client_order_id=f"o-{market}", market_id=market, **order),
        ]
        return [
            (answer.status, json.loads(json.dumps(answer.envelope["data"]).replace(market, "")))
            for answer in answers
        ]

    assert told(draft) == told(nothing)
    cursor = cursor_of(json.dumps({"id": draft}).encode())
    assert the_venue.admin.get("/markets", status="ALL", cursor=cursor).status == 200
