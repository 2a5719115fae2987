"""The market maker's operations over HTTP: replace, batch cancel, mint, burn, start and stop."""

import uuid
from typing import Any

import pytest

from tests.adapters.serving import Caller, Venue


@pytest.fixture(scope="module")
def _funded(the_venue: Venue) -> None:
    the_venue.amm.deposit(10_000_000)


@pytest.fixture
def market(the_venue: Venue, _funded: None) -> str:
    """A market in which the market maker has a hundred pairs."""
    market_id = the_venue.market()
    minted = the_venue.amm.post(
        "/amm/mint", market_id=market_id, quantity=100, idempotency_key=f"first-{market_id}"
    )
    assert minted.status == 201
    return market_id


def wish(market_id: str, words: str, name: str | None = None) -> dict[str, Any]:
    direction, side, quantity, price = words.split()
    return {
        "client_order_id": name or f"amm-{uuid.uuid4()}",
        "market_id": market_id,
        "side": side,
        "direction": direction,
        "price_cents": int(price.removeprefix("@")),
        "quantity": int(quantity),
    }


def replace(amm: Caller, old_order_id: object, new_order: dict[str, Any]) -> Any:
    return amm.post("/amm/orders/replace", old_order_id=old_order_id, new_order=new_order)


def test_an_untouched_order_is_replaced(the_venue: Venue, market: str) -> None:
    amm = the_venue.amm
    old = amm.placed(market, "SELL YES 100 @54")["order"]
    new = wish(market, "SELL YES 100 @55")
    answer = replace(amm, old["id"], new)
    assert answer.status == 200
    data = answer.data
    assert (data["old_order_id"], data["old_order_status"]) == (old["id"], "CANCELLED")
    assert (data["old_order_filled_quantity"], data["old_order_original_quantity"]) == (0, 100)
    assert (data["trades"], data["netting_result"]) == ([], None)
    order = data["new_order"]
    assert (order["side"], order["direction"], order["price_cents"]) == ("YES", "SELL", 55)
    assert (order["original_price_cents"], order["status"], order["frozen_amount"]) == (55, "OPEN", 100)
    again = replace(amm, old["id"], new)
    assert (again.status, again.data) == (200, data)
    assert replace(amm, old["id"], new | {"quantity": 99}).verdict == (409, 4005)
    assert replace(amm, order["id"], new).verdict == (409, 4005)
    closed = replace(amm, old["id"], wish(market, "SELL YES 1 @55"))
    assert closed.verdict == (422, 4006)
    assert closed.data == {"old_order_id": old["id"], "status": "CANCELLED", "cancel_reason": "REPLACED"}


def test_a_replacement_that_meets_somebody_tells_its_trades_also_when_repeated(
    the_venue: Venue, market: str
) -> None:
    amm, ann = the_venue.amm, the_venue.user(10_000)
    old = amm.placed(market, "SELL YES 10 @60")["order"]
    ann.placed(market, "BUY YES 10 @55")
    new = wish(market, "SELL YES 10 @55")
    answer = replace(amm, old["id"], new)
    assert [trade["quantity"] for trade in answer.data["trades"]] == [10]
    assert answer.data["new_order"]["status"] == "FILLED"
    assert replace(amm, old["id"], new).data == answer.data


def test_a_partly_filled_order_is_cancelled_also_when_the_replacement_is_for_another_market(
    the_venue: Venue, market: str
) -> None:
    amm, ann = the_venue.amm, the_venue.user(10_000)
    elsewhere = the_venue.market()
    old = amm.placed(market, "SELL YES 100 @54")["order"]
    ann.placed(market, "BUY YES 30 @54")
    assert replace(amm, old["id"], wish(elsewhere, "BUY YES 1 @55")).verdict == (422, 6001)
    assert amm.data(f"/orders/{old['id']}")["order"]["cancel_reason"] == "REPLACE_PARTIAL_FILL"
    assert amm.data(f"/markets/{market}/orderbook")["yes"]["asks"] == []
    assert amm.data(f"/markets/{elsewhere}/orderbook")["yes"]["bids"] == []


def test_a_partly_filled_order_is_cancelled_and_nothing_is_placed(the_venue: Venue, market: str) -> None:
    amm, ann = the_venue.amm, the_venue.user(10_000)
    old = amm.placed(market, "SELL YES 100 @54")["order"]
    ann.placed(market, "BUY YES 30 @54")
    for _ in range(2):
        answer = replace(amm, old["id"], wish(market, "SELL YES 100 @55"))
        assert answer.verdict == (422, 6001)
        assert answer.data == {
            "old_order_id": old["id"],
            "old_order_status": "CANCELLED",
            "filled_quantity": 30,
            "remaining_quantity_cancelled": 70,
            "unfrozen_amount": 70,
            "unfrozen_asset_type": "YES_SHARES",
        }
        assert int(answer.headers["X-Journal-Id"]) > 0
    assert amm.data(f"/orders/{old['id']}")["order"]["cancel_reason"] == "REPLACE_PARTIAL_FILL"


def test_what_is_not_replaced(the_venue: Venue, market: str) -> None:
    amm, ann = the_venue.amm, the_venue.user(10_000)
    unknown = str(uuid.uuid4())
    answer = replace(amm, unknown, wish(market, "SELL YES 1 @55"))
    assert (answer.verdict, answer.data) == ((404, 6002), {"old_order_id": unknown})
    anns = ann.placed(market, "BUY YES 10 @50")["order"]["id"]
    answer = replace(amm, anns, wish(market, "SELL YES 1 @55"))
    assert answer.verdict == (403, 6004)
    assert answer.data == {"old_order_id": anns, "owner_user_id": ann.user_id}
    filled = amm.placed(market, "SELL YES 10 @50")["order"]["id"]
    answer = replace(amm, filled, wish(market, "SELL YES 1 @55"))
    assert (answer.verdict, answer.data) == (
        (422, 6003),
        {"old_order_id": filled, "total_filled_quantity": 10},
    )
    old = amm.placed(market, "SELL YES 10 @54")["order"]["id"]
    elsewhere = the_venue.market()
    answer = replace(amm, old, wish(elsewhere, "SELL YES 1 @55"))
    assert (answer.verdict, answer.data) == (
        (422, 6005),
        {"old_market_id": market, "new_market_id": elsewhere},
    )
    assert replace(amm, old, wish(market, "SELL YES 10 @100")).verdict == (422, 4001)
    assert replace(amm, old, wish(market, "SELL YES 0 @50")).verdict == (422, 4002)
    assert replace(amm, old, wish(market, "SELL YES 91 @50")).verdict == (422, 5001)
    for name in ("no uuid", "", f"{old}-"):
        answer = replace(amm, name, wish(market, "SELL YES 1 @55"))
        assert (answer.verdict, answer.data) == ((404, 6002), {"old_order_id": name})
    assert replace(amm, 7, wish(market, "SELL YES 1 @55")).verdict == (400, 9004)
    assert amm.post("/amm/orders/replace", old_order_id=old).verdict == (400, 9004)
    malformed = replace(amm, old, wish(market, "SELL YES 1 @55") | {"side": "MAYBE"})
    assert malformed.data["errors"][0]["field"] == "new_order.side"
    assert amm.data(f"/orders/{old}")["order"]["status"] == "OPEN", "every refusal left it where it was"
    the_venue.admin.post(f"/admin/markets/{market}/suspend")
    assert replace(amm, old, wish(market, "SELL YES 1 @55")).verdict == (422, 3002)


def test_a_batch_cancel_looks_at_the_users_direction(the_venue: Venue, market: str) -> None:
    amm = the_venue.amm
    for words in ("BUY YES 10 @10", "BUY NO 10 @10", "SELL YES 20 @80", "SELL NO 30 @80"):
        amm.placed(market, words)
    buys = amm.post("/amm/orders/batch-cancel", market_id=market, cancel_scope="BUY_ONLY")
    assert buys.data == {
        "market_id": market,
        "cancelled_count": 2,
        "total_unfrozen_funds_cents": 202,
        "total_unfrozen_yes_shares": 0,
        "total_unfrozen_no_shares": 0,
    }
    everything = amm.post("/amm/orders/batch-cancel", market_id=market)
    assert (everything.data["cancelled_count"], everything.data["total_unfrozen_no_shares"]) == (2, 30)
    nothing = amm.post("/amm/orders/batch-cancel", market_id=market, cancel_scope="SELL_ONLY")
    assert (nothing.status, nothing.data["cancelled_count"]) == (200, 0)
    wrong = amm.post("/amm/orders/batch-cancel", market_id=market, cancel_scope="SOME")
    assert wrong.verdict == (400, 9004)
    assert amm.post("/amm/orders/batch-cancel", market_id="nowhere").verdict == (404, 3001)
    the_venue.admin.post(f"/admin/markets/{market}/halt", reason="a look")
    assert amm.post("/amm/orders/batch-cancel", market_id=market).verdict == (422, 3002)


def test_a_key_mints_once_and_burns_once(the_venue: Venue, market: str) -> None:
    amm, body = the_venue.amm, {"market_id": market, "quantity": 50, "idempotency_key": f"k-{market}"}
    minted = amm.post("/amm/mint", **body)
    assert minted.status == 201
    balance = minted.data["remaining_balance_cents"]
    assert minted.data == {
        "market_id": market,
        "minted_quantity": 50,
        "cost_cents": 5000,
        "cost_display": "$50.00",
        "new_yes_inventory": 150,
        "new_no_inventory": 150,
        "remaining_balance_cents": balance,
        "remaining_balance_display": f"${balance // 100:,}.{balance % 100:02d}",
        "idempotent_hit": False,
    }
    burned = amm.post("/amm/burn", **body)
    assert burned.status == 200, "keys of mints and burns are apart"
    assert (burned.data["burned_quantity"], burned.data["new_yes_inventory"]) == (50, 100)
    assert burned.data["remaining_balance_cents"] == balance + 5000
    again = amm.post("/amm/mint", **body)
    assert (again.status, again.data) == (200, minted.data | {"idempotent_hit": True})
    burned_again = amm.post("/amm/burn", **body)
    assert burned.data["idempotent_hit"] is False
    assert (burned_again.status, burned_again.data) == (200, burned.data | {"idempotent_hit": True})
    for path in ("/amm/mint", "/amm/burn"):
        assert amm.post(path, **body | {"quantity": 51}).verdict == (409, 6006)


@pytest.mark.parametrize("path", ["/amm/mint", "/amm/burn"])
def test_what_is_neither_minted_nor_burned(the_venue: Venue, market: str, path: str) -> None:
    amm = the_venue.amm
    good: dict[str, object] = {"market_id": market, "quantity": 1, "idempotency_key": "never"}
    bad: dict[str, tuple[object, ...]] = {
        "quantity": (0, -1, 10_000_001, 1.0, "1", True, None),
        "idempotency_key": ("", "with space", "k" * 129, "amm_start_x", 7, None),
        "market_id": ("", "m" * 65, None),
    }
    for field, values in bad.items():
        for value in values:
            assert amm.post(path, **good | {field: value}).verdict == (400, 9004), (field, value)
    assert amm.post(path, **good | {"market_id": "nowhere"}).verdict == (404, 3001)
    short = (422, 2001) if path == "/amm/mint" else (422, 5001)
    assert amm.post(path, **good | {"quantity": 10_000_000}).verdict == short
    the_venue.admin.post(f"/admin/markets/{market}/suspend")
    assert amm.post(path, **good).verdict == (422, 3002)


def test_minting_needs_the_markets_authorisation_and_burning_does_not(the_venue: Venue, market: str) -> None:
    off = the_venue.admin.post(f"/admin/markets/{market}/amm-authorization", authorized=False)
    assert (off.status, off.data["amm_authorized"]) == (200, False)
    body = {"market_id": market, "quantity": 1, "idempotency_key": f"auth-{market}"}
    assert the_venue.amm.post("/amm/mint", **body).verdict == (422, 6009)
    assert the_venue.amm.post("/amm/burn", **body).status == 200


def test_the_market_maker_is_started_and_stopped(the_venue: Venue) -> None:
    market = the_venue.market()
    admin, amm = the_venue.admin, the_venue.amm
    start = {"market_id": market, "initial_budget_cents": 500_000, "initial_price_cents": 55}
    override = {"spread": {"base": 4}, "words": ["a", None, 1.5, True]}
    started = admin.post("/admin/amm/start", **start, config_override=override)
    assert started.status == 201
    assert started.data.pop("started_at").endswith("Z")
    assert started.data == {
        "market_id": market,
        "amm_user_id": "00000000-0000-4000-a000-000000000001",
        "initial_budget_cents": 500_000,
        "initial_mint_quantity": 2500,
        "phase": "EXPLORATION",
    }
    assert admin.post("/admin/amm/start", **start).verdict == (409, 6007)
    for caller in (amm, admin):
        (row,) = [each for each in caller.data("/amm/markets")["items"] if each["market_id"] == market]
        assert row.pop("started_at") == row["first_started_at"]
        assert row.pop("first_started_at").endswith("Z")
        assert row == {
            "market_id": market,
            "status": "RUNNING",
            "initial_budget_cents": 500_000,
            "initial_price_cents": 55,
            "config_override": override,
            "stopped_at": None,
            "stop_mode": None,
        }
    amm.placed(market, "SELL YES 10 @60")
    the_venue.user(1_000).placed(market, "BUY YES 1 @10")
    assert admin.data(f"/admin/markets/{market}")["amm_orders_count"] == 1
    stopped = admin.post("/admin/amm/stop", market_id=market, stop_mode="IMMEDIATE")
    assert stopped.status == 200
    assert stopped.data.pop("stopped_at")
    assert stopped.data.pop("remaining_balance_cents") > 0
    assert stopped.data == {
        "market_id": market,
        "stop_mode": "IMMEDIATE",
        "cancelled_orders_count": 1,
        "remaining_yes_inventory": 2500,
        "remaining_no_inventory": 2500,
    }
    assert admin.post("/admin/amm/stop", market_id=market).verdict == (422, 6008)


def test_the_first_start_is_told_whatever_comes_after(the_venue: Venue) -> None:
    market = the_venue.market()
    start = {"market_id": market, "initial_budget_cents": 500_000, "initial_price_cents": 55}
    times = []
    for _ in range(2):
        times.append(the_venue.admin.post("/admin/amm/start", **start).data["started_at"])
        (row,) = [one for one in the_venue.amm.data("/amm/markets")["items"] if one["market_id"] == market]
        assert (row["first_started_at"], row["started_at"]) == (times[0], times[-1])
        the_venue.admin.post("/admin/amm/stop", market_id=market)
    assert times[0] < times[1]


@pytest.mark.parametrize(
    "members",
    [
        {"initial_budget_cents": 0},
        {"initial_budget_cents": 2_000_000_001},
        {"initial_budget_cents": 1.0},
        {"initial_price_cents": 0},
        {"initial_price_cents": 100},
        {"config_override": []},
        {"config_override": {"deep": None}},
        {"config_override": {"large": 2**63}},
        {"config_override": {"nul\0": 1}},
        {"config_override": {"nul": ["\0"]}},
    ],
)
def test_a_malformed_start(the_venue: Venue, members: dict[str, Any]) -> None:
    if "deep" in members.get("config_override", {}):
        nested: Any = None
        for _ in range(40):
            nested = {"deeper": nested}
        members = {"config_override": nested}
    start = {"market_id": the_venue.market(), "initial_budget_cents": 100, "initial_price_cents": 50}
    assert the_venue.admin.post("/admin/amm/start", **start | members).verdict == (400, 9004)


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ('"initial_price_cents": 51', "initial_price_cents"),
        ('"\\u0069nitial_price_cents": 51', "initial_price_cents"),
        ('"note": 1, "note": 1', "note"),
        ('"config_override": {}, "config_override": {}', "config_override"),
        ('"config_override": {"a": 1, "a": 1}', "a"),
        ('"config_override": {"deep": [[{"b": {}, "b": []}]]}', "b"),
    ],
)
def test_a_start_that_names_a_member_twice_is_malformed(the_venue: Venue, members: str, field: str) -> None:
    """Also where both say the same: of the override nobody here knows which of two the bot would read."""
    market = the_venue.market()
    start = f'{{"market_id": "{market}", "initial_budget_cents": 100, "initial_price_cents": 50, {members}}}'
    answer = the_venue.admin.request("POST", "/admin/amm/start", content=start)
    assert answer.verdict == (400, 9004)
    assert answer.data == {"errors": [{"field": field, "problem": "is named twice"}]}
    assert market not in {one["market_id"] for one in the_venue.amm.data("/amm/markets")["items"]}


def test_where_the_market_maker_is_not_started(the_venue: Venue) -> None:
    admin = the_venue.admin
    start = {"initial_budget_cents": 100, "initial_price_cents": 50}
    assert admin.post("/admin/amm/start", market_id="nowhere", **start).verdict == (404, 3001)
    draft = the_venue.market(active=False)
    assert admin.post("/admin/amm/start", market_id=draft, **start).verdict == (422, 3002)
    unauthorized = the_venue.market(amm_authorized=False)
    assert admin.post("/admin/amm/start", market_id=unauthorized, **start).verdict == (422, 6009)
    assert admin.post("/admin/amm/stop", market_id="nowhere").verdict == (404, 3001)
    assert admin.post("/admin/amm/stop", market_id=draft).verdict == (422, 6008)
    assert admin.post("/admin/amm/stop", market_id=draft, stop_mode="NOW").verdict == (400, 9004)


def test_audit_records_are_shown_to_the_market_maker_on_request(the_venue: Venue, market: str) -> None:
    amm = the_venue.amm
    amm.post("/amm/burn", market_id=market, quantity=40, idempotency_key=f"burn-{market}")
    assert amm.data("/trades", market_id=market)["items"] == []
    burn, mint = amm.data("/trades", market_id=market, include_audit="true")["items"]
    assert (mint["my_side"], mint["scenario"], mint["realized_pnl_cents"]) == ("BUY", "MINT", None)
    assert (burn["my_side"], burn["scenario"], burn["realized_pnl_cents"]) == ("SELL", "BURN", 0)
    for record in (burn, mint):
        assert (record["price_cents"], record["role"], record["fee_cents"]) == (50, "TAKER", 0)
        assert record["my_original_side"] is record["counterparty_original_direction"] is None
    assert the_venue.admin.data(f"/markets/{market}/trades")["items"] == []


def test_the_market_maker_that_meets_itself_sees_one_trade_with_both_sides(
    the_venue: Venue, market: str
) -> None:
    """It sells YES at 56 and NO at 44 to itself: both close, and both fees and gains are its own."""
    amm = the_venue.amm
    amm.placed(market, "SELL YES 10 @56")
    amm.placed(market, "SELL NO 10 @44")
    (trade,) = amm.data("/trades", market_id=market)["items"]
    assert (trade["my_side"], trade["role"], trade["scenario"]) == ("BOTH", "BOTH", "BURN")
    assert (trade["my_original_side"], trade["counterparty_original_side"]) == ("NO", "YES")
    assert (trade["fee_cents"], trade["realized_pnl_cents"], trade["realized_pnl_display"]) == (2, 0, "$0.00")
