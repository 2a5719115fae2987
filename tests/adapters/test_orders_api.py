"""Orders over HTTP: every success and every refusal of placing, cancelling and looking."""

import uuid

import pytest

from tests.adapters.serving import Answer, Caller, Venue


def test_two_buyers_of_opposite_outcomes_mint_and_see_it_each_from_their_side(the_venue: Venue) -> None:
    """The published first example: the maker pays 65 and 7 of fee, the taker 35 and 7, of what they froze."""
    market = the_venue.market()
    ann, ben = the_venue.user(100_000), the_venue.user(100_000)
    rested = ann.placed(market, "BUY YES 100 @65")
    assert rested["trades"] == []
    assert rested["netting_result"] is None
    assert rested["order"]["frozen_amount"] == 6513
    assert rested["order"]["status"] == "OPEN"
    taken = ben.placed(market, "BUY NO 100 @38")
    order, (trade,) = taken["order"], taken["trades"]
    assert (order["book_type"], order["book_direction"], order["book_price_cents"]) == (
        "SYNTHETIC_SELL",
        "SELL",
        62,
    )
    assert (order["status"], order["filled_quantity"], order["remaining_quantity"]) == ("FILLED", 100, 0)
    assert trade | {"trade_id": 0, "executed_at": 0} == {
        "trade_id": 0,
        "scenario": "MINT",
        "counterparty_side": "BUY",
        "price_cents": 65,
        "quantity": 100,
        "role": "TAKER",
        "fee_cents": 7,
        "realized_pnl_cents": None,
        "executed_at": 0,
    }
    assert ann.data("/account/balance")["available_balance_cents"] == 93_493
    assert ben.data("/account/balance")["available_balance_cents"] == 96_493
    seen = ann.data(f"/orders/{rested['order']['id']}")
    assert seen["order"]["status"] == "FILLED"
    assert seen["trades"] == [trade | {"role": "MAKER", "counterparty_side": "SELL"}]
    (entry,) = ben.data("/account/ledger", entry_type="FEE")["items"]
    assert (entry["amount_cents"], entry["amount_display"], entry["reference_id"]) == (
        -7,
        "-$0.07",
        trade["trade_id"],
    )


def test_an_order_has_the_published_members(the_venue: Venue) -> None:
    market, ann = the_venue.market(), the_venue.user(10_000)
    data = ann.placed(market, "BUY YES 5 @50", client_order_id="mine-1")
    assert set(data) == {"order", "trades", "netting_result"}
    order = data["order"]
    assert uuid.UUID(order["id"]).version == 7
    assert order | {"id": 0, "created_at": 0, "updated_at": 0} == {
        "id": 0,
        "client_order_id": "mine-1",
        "market_id": market,
        "original_side": "YES",
        "original_direction": "BUY",
        "original_price_cents": 50,
        "book_type": "NATIVE_BUY",
        "book_direction": "BUY",
        "book_price_cents": 50,
        "price_type": "LIMIT",
        "time_in_force": "GTC",
        "quantity": 5,
        "filled_quantity": 0,
        "remaining_quantity": 5,
        "frozen_amount": 251,
        "frozen_asset_type": "FUNDS",
        "status": "OPEN",
        "cancel_reason": None,
        "created_at": 0,
        "updated_at": 0,
        "expires_at": None,
        "post_only": False,
        "max_cost_cents": None,
        "self_trade_mode": "REJECT",
        "group_id": None,
        "amend_count": 0,
    }
    assert ann.data(f"/orders/{order['id']}") == {"order": order, "trades": []}


def test_a_repeated_placement_is_answered_with_the_order_as_it_is_now(the_venue: Venue) -> None:
    """With all its trades so far, also those that came after its first answer."""
    market = the_venue.market()
    ann, ben, cid = the_venue.user(100_000), the_venue.user(100_000), the_venue.user(100_000)
    first = ann.place(market, "BUY YES 30 @60", client_order_id="again")
    ben.placed(market, "BUY NO 10 @40")
    cid.placed(market, "BUY NO 5 @40")
    again = ann.place(market, "BUY YES 30 @60", client_order_id="again")
    assert (first.status, again.status) == (201, 200)
    assert again.data["order"]["id"] == first.data["order"]["id"]
    assert again.data["order"]["status"] == "PARTIALLY_FILLED"
    assert [trade["quantity"] for trade in again.data["trades"]] == [10, 5]
    assert {trade["role"] for trade in again.data["trades"]} == {"MAKER"}
    assert again.data["netting_result"] is None
    for wish, more in (
        ("BUY YES 31 @60", {}),
        ("BUY YES 30 @61", {}),
        ("BUY NO 30 @60", {}),
        ("SELL YES 30 @60", {}),
        ("BUY YES 30 @60", {"time_in_force": "IOC"}),
    ):
        assert ann.place(market, wish, client_order_id="again", **more).verdict == (409, 4005)
    elsewhere = the_venue.market()
    assert ann.place(elsewhere, "BUY YES 30 @60", client_order_id="again").verdict == (409, 4005)
    assert ben.place(market, "BUY YES 1 @10", client_order_id="again").status == 201, "ids are per user"


def test_netting_is_told_to_whom_it_happened(the_venue: Venue) -> None:
    market = the_venue.market()
    ann, ben = the_venue.user(100_000), the_venue.user(100_000)
    ann.placed(market, "BUY YES 10 @60")
    ben.placed(market, "BUY NO 10 @40")
    ann.placed(market, "SELL YES 10 @60")
    data = ben.placed(market, "BUY YES 10 @60")
    assert data["netting_result"] == {
        "pairs_netted": 10,
        "released_cents": 1000,
        "released_display": "$10.00",
    }


def test_what_an_immediate_order_cannot_trade_is_gone(the_venue: Venue) -> None:
    market, ann = the_venue.market(), the_venue.user(10_000)
    order = ann.placed(market, "BUY YES 5 @50", time_in_force="IOC")["order"]
    assert (order["status"], order["cancel_reason"], order["remaining_quantity"]) == (
        "CANCELLED",
        "IOC_UNFILLED",
        5,
    )


@pytest.mark.parametrize(
    ("wish", "verdict"),
    [
        ("BUY YES 10 @0", (422, 4001)),
        ("BUY YES 10 @100", (422, 4001)),
        ("BUY YES 10 @-5", (422, 4001)),
        ("BUY YES 10 @9223372036854775807", (422, 4001)),
        ("BUY YES 10 @19", (422, 4001)),
        ("BUY NO 10 @19", (422, 4001)),
        ("BUY YES 0 @50", (422, 4002)),
        ("BUY YES -1 @50", (422, 4002)),
        ("BUY YES 101 @50", (422, 4002)),
        ("BUY YES 100 @51", (422, 4002)),
        ("BUY YES 61 @50", (422, 4002)),
        ("BUY YES 10 @9223372036854775808", (400, 9004)),
        ("BUY YES 10 @-9223372036854775809", (400, 9004)),
        ("BUY YES 60 @80", (422, 2001)),
        ("SELL YES 1 @50", (422, 5001)),
        ("SELL NO 1 @50", (422, 5001)),
    ],
)
def test_the_terms_of_a_market_bound_its_orders(
    the_venue: Venue, wish: str, verdict: tuple[int, int]
) -> None:
    """Prices 20 to 80, at most 100 shares or 5000 cents an order, at most 60 shares a user."""
    market = the_venue.market(
        min_price_cents=20,
        max_price_cents=80,
        max_order_quantity=100,
        max_order_amount_cents=5000,
        max_position_per_user=60,
    )
    ann = the_venue.user(3000)
    before = ann.data("/account/balance")
    answer = ann.place(market, wish)
    assert answer.verdict == verdict
    assert ann.data("/account/balance") == before
    assert ann.data("/orders")["items"] == []


def test_an_own_order_is_not_met(the_venue: Venue) -> None:
    market, ann = the_venue.market(), the_venue.user(100_000)
    ann.placed(market, "BUY YES 10 @60")
    assert ann.place(market, "BUY NO 10 @40").verdict == (422, 4003)
    assert ann.place(market, "BUY NO 10 @39").status == 201


def test_an_order_says_what_gives_way_and_is_told_what_did(the_venue: Venue) -> None:
    """The same when it is asked for again; without any, the member is not there."""
    market, ann = the_venue.market(), the_venue.user(100_000)
    first = ann.placed(market, "BUY YES 10 @60")["order"]["id"]
    taken = ann.placed(market, "BUY NO 10 @40", client_order_id="n", self_trade_mode="CANCEL_MAKER")
    assert taken["self_trade_cancelled"] == [first]
    assert taken["order"]["self_trade_mode"] == "CANCEL_MAKER"
    assert ann.data(f"/orders/{first}")["order"]["cancel_reason"] == "SELF_TRADE"
    again = ann.place(market, "BUY NO 10 @40", client_order_id="n", self_trade_mode="CANCEL_MAKER")
    assert (again.status, "self_trade_cancelled" in again.data) == (200, False)
    assert ann.place(market, "BUY NO 10 @40", client_order_id="n").verdict == (409, 4005)
    gone = ann.placed(market, "BUY YES 10 @60", self_trade_mode="CANCEL_TAKER")["order"]
    assert (gone["status"], gone["cancel_reason"], gone["frozen_amount"]) == ("CANCELLED", "SELF_TRADE", 0)


def test_what_an_order_asks_of_its_meetings_is_asked_over_http(the_venue: Venue) -> None:
    market, ann, ben = the_venue.market(), the_venue.user(100_000), the_venue.user(100_000)
    ann.placed(market, "BUY NO 40 @48", post_only=True)
    refused = ben.place(market, "BUY YES 41 @52", time_in_force="FOK")
    assert (refused.verdict, refused.data) == ((422, 4008), {"fillable_quantity": 40})
    refused = ben.place(market, "BUY YES 1 @52", post_only=True)
    assert (refused.verdict, refused.data) == ((422, 4007), {"best_price_cents": 52})
    data = ben.placed(market, "BUY YES 40 @99", time_in_force="IOC", max_cost_cents=1000)
    assert (data["order"]["filled_quantity"], data["order"]["max_cost_cents"]) == (19, 1000)
    assert ben.data("/account/balance")["available_balance_cents"] == 100_000 - 19 * 52 - 2
    assert ben.data("/orders")["items"] == [data["order"]]


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"post_only": True, "time_in_force": "IOC"}, "post_only"),
        ({"post_only": "yes"}, "post_only"),
        ({"max_cost_cents": 100}, "max_cost_cents"),
        ({"max_cost_cents": 2**63, "time_in_force": "IOC"}, "max_cost_cents"),
        ({"max_cost_cents": 100, "time_in_force": "IOC", "direction": "SELL"}, "max_cost_cents"),
        ({"self_trade_mode": "BOTH"}, "self_trade_mode"),
        ({"time_in_force": "DAY"}, "time_in_force"),
    ],
)
def test_what_does_not_go_together_is_malformed(
    the_venue: Venue, members: dict[str, object], field: str
) -> None:
    market, ann = the_venue.market(), the_venue.user(100)
    order = {"client_order_id": "x", "market_id": market, "side": "YES", "price_cents": 50, "quantity": 1}
    answer = ann.post("/orders", **order | {"direction": "BUY"} | members)
    assert answer.verdict == (400, 9004)
    assert [error["field"] for error in answer.data["errors"]] == [field]


def test_a_market_that_does_not_trade_takes_no_orders(the_venue: Venue) -> None:
    ann = the_venue.user(100_000)
    assert ann.place("no such market", "BUY YES 1 @50").verdict == (404, 3001)
    assert ann.place(the_venue.market(active=False), "BUY YES 1 @50").verdict == (404, 3001)
    closed = the_venue.market(trading_end_at="2026-01-01T00:00:00Z")
    assert ann.place(closed, "BUY YES 1 @50").verdict == (422, 3002)
    early = the_venue.market(trading_start_at="2126-01-01T00:00:00Z")
    assert ann.place(early, "BUY YES 1 @50").verdict == (422, 3002)
    market = the_venue.market()
    resting = ann.placed(market, "BUY YES 1 @50")["order"]
    the_venue.admin.post(f"/admin/markets/{market}/suspend")
    assert ann.place(market, "BUY YES 1 @50").verdict == (422, 3002)
    assert ann.post(f"/orders/{resting['id']}/cancel").status == 200, "a suspended market lets go"


GOOD = {
    "client_order_id": "fine",
    "market_id": "MKT-BTC-100K-2026",
    "side": "YES",
    "direction": "BUY",
    "price_cents": 50,
    "quantity": 1,
}


MALFORMED: list[tuple[str, tuple[object, ...]]] = [
    ("price_cents", (65.0, "65", True, None, [65], 1e400, 2**63)),
    ("quantity", (1.0, "1", False, None, {}, -(2**63) - 1)),
    ("side", ("yes", "", "BOTH", 1, None)),
    ("direction", ("buy", "HOLD", 0, None)),
    ("time_in_force", ("DAY", "gtc", 1)),
    ("client_order_id", ("", "with space", "a" * 65, "é", "tab\t", "end\n", 7, None)),
    ("market_id", ("", "m" * 65, 7, None)),
]


@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field, values in MALFORMED for value in values]
)
def test_a_malformed_member_is_named(the_venue: Venue, field: str, value: object) -> None:
    body = GOOD | {field: value}
    if value == 1e400:
        content = (
            b'{"client_order_id":"fine","market_id":"m","side":"YES","direction":"BUY","price_cents":1e400}'
        )
        answer = the_venue.admin.request("POST", "/orders", content=content)
        assert answer.verdict == (400, 9004)
        return
    answer = the_venue.admin.post("/orders", **body)
    assert answer.verdict == (400, 9004)
    (error,) = answer.data["errors"]
    assert error["field"] == field
    assert error["problem"]


def test_null_means_absent_and_unknown_members_are_ignored(the_venue: Venue) -> None:
    market, ann = the_venue.market(), the_venue.user(10_000)
    data = ann.placed(market, "BUY YES 1 @50", time_in_force=None, stop_price=3.5, note={"a": []})
    assert data["order"]["time_in_force"] == "GTC"


def test_a_cancel_gives_back_what_was_set_aside(the_venue: Venue) -> None:
    """need(83) at 65 is 5395 and 11 of fee."""
    market = the_venue.market()
    ann, ben = the_venue.user(100_000), the_venue.user(100_000)
    order_id = ann.placed(market, "BUY YES 100 @65")["order"]["id"]
    ben.placed(market, "BUY NO 17 @35")
    answer = ann.post(f"/orders/{order_id}/cancel")
    assert (answer.status, answer.data) == (
        200,
        {
            "order_id": order_id,
            "status": "CANCELLED",
            "unfrozen_amount": 5406,
            "unfrozen_asset_type": "FUNDS",
            "remaining_quantity_cancelled": 83,
            "netting_result": None,
        },
    )
    assert ann.post(f"/orders/{order_id}/cancel").verdict == (422, 4006)
    order = ann.data(f"/orders/{order_id}")["order"]
    assert (order["status"], order["cancel_reason"], order["frozen_amount"]) == (
        "CANCELLED",
        "USER_CANCELLED",
        0,
    )


def test_what_cannot_be_cancelled(the_venue: Venue) -> None:
    market = the_venue.market()
    ann, ben = the_venue.user(10_000), the_venue.user(10_000)
    order_id = ann.placed(market, "BUY YES 1 @50")["order"]["id"]
    assert ben.post(f"/orders/{order_id}/cancel").verdict == (403, 1007)
    for unknown in (str(uuid.uuid4()), "not-a-uuid", "%20", "0"):
        assert ann.post(f"/orders/{unknown}/cancel").verdict == (404, 4004)
        assert ann.get(f"/orders/{unknown}").verdict == (404, 4004)
    assert ben.get(f"/orders/{order_id}").verdict == (403, 1007)
    the_venue.admin.post(f"/admin/markets/{market}/halt", reason="looking")
    assert ann.post(f"/orders/{order_id}/cancel").verdict == (422, 3002)


def test_an_order_is_amended_and_keeps_its_id(the_venue: Venue) -> None:
    """The published example: 100 at 65 with 17 filled; 60 need 2605 less, 66 cents for 43 need 43 more."""
    market, ann, ben = the_venue.market(), the_venue.user(10_000), the_venue.user(10_000)
    order_id = ann.placed(market, "BUY YES 100 @65", client_order_id="e")["order"]["id"]
    ben.placed(market, "BUY NO 17 @35")
    path = f"/orders/{order_id}/amend"
    before = ann.data("/account/balance")["frozen_balance_cents"]
    assert before == 5_406
    less = ann.post(path, quantity=60)
    assert less.verdict == (200, 0)
    assert set(less.data) == {"order", "changed", "kept_priority", "trades", "netting_result"}
    assert (less.data["changed"], less.data["kept_priority"], less.data["trades"]) == (True, True, [])
    order = less.data["order"]
    assert (order["quantity"], order["filled_quantity"], order["remaining_quantity"]) == (60, 17, 43)
    assert (order["frozen_amount"], order["amend_count"]) == (2_801, 1)
    moved = ann.post(path, price_cents=66, quantity=None, post_only=True).data
    assert (moved["kept_priority"], moved["order"]["frozen_amount"]) == (False, 2_844)
    assert (moved["order"]["original_price_cents"], moved["order"]["book_price_cents"]) == (66, 66)
    assert moved["order"]["status"] == "PARTIALLY_FILLED"
    short = ann.post(path, quantity=17)
    assert (short.verdict, short.data) == ((422, 4013), {"filled_quantity": 17})
    again = ann.post(path, price_cents=66)
    assert (again.data["changed"], again.data["kept_priority"]) == (False, True)
    assert ann.data("/account/balance")["frozen_balance_cents"] == 2_844
    taken = ben.placed(market, "BUY NO 10 @40")["trades"][0]
    assert taken["price_cents"] == 66
    for seen in (
        ann.data(f"/orders/{order_id}")["order"],
        ann.data("/orders", status="PARTIALLY_FILLED")["items"][0],
        ann.data("/orders", client_order_id="e")["items"][0],
        ann.data("/orders")["items"][0],
    ):
        assert (seen["id"], seen["quantity"], seen["filled_quantity"]) == (order_id, 60, 27)
        assert (seen["original_price_cents"], seen["amend_count"]) == (66, 2)
    (first, *_) = ann.data("/account/ledger", entry_type="ORDER_UNFREEZE")["items"][1:]
    assert (first["amount_cents"], first["description"]) == (2_605, "Amended to 60 @65")
    assert (first["reference_type"], first["reference_id"]) == ("ORDER", order_id)


def test_an_amend_that_takes_shows_its_trades(the_venue: Venue) -> None:
    market, ann, ben = the_venue.market(), the_venue.user(10_000), the_venue.user(10_000)
    order_id = ann.placed(market, "BUY YES 30 @40")["order"]["id"]
    ben.placed(market, "BUY NO 10 @50")
    refused = ann.post(f"/orders/{order_id}/amend", price_cents=52, post_only=True)
    assert (refused.verdict, refused.data) == ((422, 4007), {"best_price_cents": 50})
    data = ann.post(f"/orders/{order_id}/amend", price_cents=52).data
    (trade,) = data["trades"]
    assert (trade["role"], trade["price_cents"], trade["quantity"]) == ("TAKER", 50, 10)
    assert data["order"]["remaining_quantity"] == 20
    assert ann.data(f"/orders/{order_id}")["trades"] == [trade]


def test_what_cannot_be_amended(the_venue: Venue) -> None:
    market, ann, ben = the_venue.market(), the_venue.user(10_000), the_venue.user(10_000)
    order_id = ann.placed(market, "BUY YES 10 @40")["order"]["id"]
    path = f"/orders/{order_id}/amend"
    for wrong in ({}, {"post_only": True}, {"price_cents": "41"}, {"quantity": 1.5}, {"price_cents": None}):
        assert ann.post(path, **wrong).verdict == (400, 9004), wrong
    (error,) = ann.post(path).data["errors"]
    assert error["field"] == "price_cents"
    assert ann.post("/orders/none/amend", quantity=1).verdict == (404, 4004)
    assert ben.post(path, quantity=1).verdict == (403, 1007)
    ann.post(f"/orders/{order_id}/cancel")
    closed = ann.post(path, quantity=1)
    assert (closed.verdict, closed.data) == (
        (422, 4006),
        {"status": "CANCELLED", "cancel_reason": "USER_CANCELLED"},
    )


def test_an_order_knows_what_stands_ahead_of_it(the_venue: Venue) -> None:
    """The published example: bids of 10 at 60, and of 20 and then 30 at 59."""
    market = the_venue.market()
    ann, ben, cat = (the_venue.user(100_000) for _ in range(3))
    ann.placed(market, "BUY YES 10 @60")
    b = ben.placed(market, "BUY YES 20 @59")["order"]["id"]
    c = cat.placed(market, "BUY YES 30 @59")["order"]["id"]
    best = ann.placed(market, "BUY NO 4 @30")["order"]["id"]

    def standing(caller: Caller, order_id: str) -> tuple[int, int, int]:
        found = caller.data(f"/orders/{order_id}/queue")
        assert found in caller.data("/orders/queue", market_id=market)["items"]
        return found["shares_ahead"], found["orders_ahead"], found["shares_better"]

    assert cat.data(f"/orders/{c}/queue") == {
        "order_id": c,
        "market_id": market,
        "book_direction": "BUY",
        "book_price_cents": 59,
        "remaining_quantity": 30,
        "shares_ahead": 20,
        "orders_ahead": 1,
        "shares_better": 10,
    }
    ben.post(f"/orders/{b}/amend", quantity=15)
    assert standing(cat, c) == (15, 1, 10)
    for price in (58, 59):
        ben.post(f"/orders/{b}/amend", price_cents=price)
    assert standing(cat, c) == (0, 0, 10)
    assert standing(ben, b) == (30, 1, 10)
    assert standing(ann, best) == (0, 0, 0)
    d = cat.placed(market, "BUY NO 5 @29")["order"]["id"]
    assert standing(cat, d) == (0, 0, 4), "asks: 70 is better than 71"
    e = cat.placed(market, "BUY YES 1 @59")["order"]["id"]
    assert standing(cat, e) == (45, 2, 10), "one's own count like others'"
    mine = cat.data("/orders/queue", market_id=market)["items"]
    assert [one["order_id"] for one in mine] == [c, d, e], "by id"


def test_whose_queue_is_shown(the_venue: Venue) -> None:
    market, ann, ben = the_venue.market(), the_venue.user(1_000), the_venue.user(1_000)
    order_id = ann.placed(market, "BUY YES 1 @10")["order"]["id"]
    assert ben.get(f"/orders/{order_id}/queue").verdict == (403, 1007)
    assert ben.get("/orders/none/queue").verdict == (404, 4004)
    assert ben.data("/orders/queue", market_id=market) == {"items": []}
    assert ben.get("/orders/queue").verdict == (400, 9004)
    assert ben.get("/orders/queue", market_id="nowhere").verdict == (404, 3001)
    assert ben.get("/orders/queue", market_id=the_venue.market(active=False)).verdict == (404, 3001)
    ann.post(f"/orders/{order_id}/cancel")
    assert ann.get(f"/orders/{order_id}/queue").verdict == (422, 4006)


def test_an_order_is_cancelled_by_the_name_its_owner_gave_it(the_venue: Venue) -> None:
    here, there = the_venue.market(), the_venue.market()
    ann, ben = the_venue.user(10_000), the_venue.user(10_000)
    order_id = ann.placed(here, "BUY YES 100 @60", client_order_id="mine")["order"]["id"]
    ben.placed(there, "BUY YES 1 @10", client_order_id="mine")

    def cancel(caller: Caller, market: str, name: str) -> Answer:
        return caller.post("/orders/cancel", market_id=market, client_order_id=name)

    for caller, market, name in (
        (ann, here, "another"),
        (ann, there, "mine"),
        (ann, "nowhere", "mine"),
        (ben, here, "mine"),
    ):
        assert cancel(caller, market, name).verdict == (404, 4004)
    answer = cancel(ann, here, "mine")
    assert answer.verdict == (200, 0)
    assert (answer.data["order_id"], answer.data["status"]) == (order_id, "CANCELLED")
    assert (answer.data["unfrozen_amount"], answer.data["remaining_quantity_cancelled"]) == (6012, 100)
    assert cancel(ann, here, "mine").verdict == (422, 4006)
    for wrong in ({}, {"market_id": here}, {"client_order_id": "mine"}, {"order_id": order_id}):
        assert ann.post("/orders/cancel", **wrong).verdict == (400, 9004)
    ben.placed(here, "BUY YES 1 @10", client_order_id="halted")
    the_venue.admin.post(f"/admin/markets/{here}/halt", reason="a look")
    assert cancel(ben, here, "halted").verdict == (422, 3002)


def test_orders_are_filtered(the_venue: Venue) -> None:
    here, there, ann = the_venue.market(), the_venue.market(), the_venue.user(100_000)
    yes = ann.placed(here, "BUY YES 1 @10")["order"]["id"]
    no = ann.placed(here, "BUY NO 1 @10")["order"]["id"]
    far = ann.placed(there, "BUY YES 1 @10")["order"]["id"]
    ann.post(f"/orders/{no}/cancel")

    def found(**filters: str) -> list[str]:
        return [order["id"] for order in ann.data("/orders", **filters)["items"]]

    assert found() == [far, no, yes]
    assert found(market_id=here) == [no, yes]
    assert found(status="OPEN") == [far, yes]
    assert found(status="OPEN,PARTIALLY_FILLED", market_id=here) == [yes]
    assert found(status="CANCELLED") == [no]
    assert found(status="CANCELLED,OPEN") == [far, no, yes]
    assert found(side="NO") == [no]
    assert found(side="NO", status="OPEN") == []
    assert found(direction="SELL") == []
    assert found(market_id="nowhere") == []
    name = ann.data(f"/orders/{no}")["order"]["client_order_id"]
    assert found(client_order_id=name) == [no], "a final order has its name for ever"
    assert found(client_order_id=name, market_id=here, side="NO", status="CANCELLED") == [no]
    assert found(client_order_id=name, status="OPEN") == []
    assert found(client_order_id=name, market_id=there) == []
    assert found(client_order_id=name, side="YES") == found(client_order_id="of-nobody") == []
    assert the_venue.user().data("/orders", client_order_id=name)["items"] == [], "another's name"
    for wrong in (
        {"client_order_id": "two words"},
        {"client_order_id": ""},
        {"status": "open"},
        {"status": "OPEN,"},
        {"status": ""},
        {"side": "yes"},
        {"direction": "X"},
        {"side": "null"},
    ):
        assert ann.get("/orders", **wrong).verdict == (400, 9004), wrong
    assert the_venue.user().data("/orders") == {"items": [], "next_cursor": None, "has_more": False}
