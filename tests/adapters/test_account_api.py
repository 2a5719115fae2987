"""Cash, positions and trades over HTTP."""

import pytest

from tests.adapters.serving import Venue


def test_money_comes_in_and_goes_out(the_venue: Venue) -> None:
    ann = the_venue.user()
    paid = ann.post("/account/deposit", amount_cents=150_000)
    assert paid.status == 200
    ledger_id = paid.data.pop("ledger_entry_id")
    assert paid.data == {
        "available_balance_cents": 150_000,
        "available_balance_display": "$1,500.00",
        "deposited_cents": 150_000,
        "deposited_display": "$1,500.00",
    }
    taken = ann.post("/account/withdraw", amount_cents=1)
    assert taken.data.pop("ledger_entry_id") > ledger_id
    assert taken.data == {
        "available_balance_cents": 149_999,
        "available_balance_display": "$1,499.99",
        "withdrawn_cents": 1,
        "withdrawn_display": "$0.01",
    }
    assert ann.data("/account/balance") == {
        "user_id": ann.user_id,
        "available_balance_cents": 149_999,
        "available_balance_display": "$1,499.99",
        "frozen_balance_cents": 0,
        "frozen_balance_display": "$0.00",
        "total_balance_cents": 149_999,
        "total_balance_display": "$1,499.99",
        "market_making": {
            "orders": 0,
            "cash_cents": 0,
            "cash_display": "$0.00",
            "away_cents": 0,
            "away_display": "$0.00",
        },
    }
    newest, oldest = ann.data("/account/ledger")["items"]
    assert (newest["entry_type"], newest["amount_cents"]) == ("WITHDRAW", -1)
    assert (oldest["id"], oldest["entry_type"], oldest["reference_type"]) == (ledger_id, "DEPOSIT", "DEPOSIT")
    assert set(oldest) == {
        *("id", "entry_type", "amount_cents", "amount_display", "balance_after_cents"),
        *(
            "balance_after_display",
            "reference_type",
            "reference_id",
            "market_id",
            "description",
            "created_at",
        ),
    }


@pytest.mark.parametrize("amount", [0, -1, 10_000_001, 1.5, "1", True, None, 2**64])
def test_what_cannot_be_deposited(the_venue: Venue, amount: object) -> None:
    assert the_venue.admin.post("/account/deposit", amount_cents=amount).verdict == (400, 9004)


@pytest.mark.parametrize("amount", [0, -1, 1.5, "1", True, None, 2**63])
def test_what_cannot_be_withdrawn(the_venue: Venue, amount: object) -> None:
    assert the_venue.admin.post("/account/withdraw", amount_cents=amount).verdict == (400, 9004)


def test_no_more_goes_out_than_is_available(the_venue: Venue) -> None:
    ann, market = the_venue.user(1000), the_venue.market()
    ann.placed(market, "BUY YES 10 @50")
    answer = ann.post("/account/withdraw", amount_cents=500)
    assert answer.verdict == (422, 2001)
    assert "required 500 cents, available 499 cents" in answer.envelope["message"]
    assert ann.post("/account/withdraw", amount_cents=499).status == 200
    assert ann.post("/account/withdraw", amount_cents=2**63 - 1).verdict == (422, 2001)


def test_the_ledger_is_filtered(the_venue: Venue) -> None:
    ann, here, there = the_venue.user(10_000), the_venue.market(), the_venue.market()
    first = ann.placed(here, "BUY YES 1 @50")["order"]["id"]
    second = ann.placed(there, "BUY YES 1 @50")["order"]["id"]
    ann.post(f"/orders/{first}/cancel")

    def found(**filters: str) -> list[tuple[str, str]]:
        items = ann.data("/account/ledger", **filters)["items"]
        return [(item["entry_type"], item["reference_id"]) for item in items]

    freezes = [("ORDER_FREEZE", second), ("ORDER_FREEZE", first)]
    assert found(entry_type="ORDER_FREEZE") == freezes
    assert found(entry_type="ORDER_FREEZE,ORDER_UNFREEZE") == [("ORDER_UNFREEZE", first), *freezes]
    assert found(market_id=there) == [("ORDER_FREEZE", second)]
    assert found(market_id="nowhere") == []
    for wrong in ("FREEZE", "", "DEPOSIT,", "deposit"):
        assert ann.get("/account/ledger", entry_type=wrong).verdict == (400, 9004)
    assert ann.get("/account/ledger", market_id="\0").verdict == (400, 9004)


def test_positions_show_shares_cost_and_what_is_set_aside(the_venue: Venue) -> None:
    market = the_venue.market()
    ann, ben = the_venue.user(100_000), the_venue.user(100_000)
    ann.placed(market, "BUY YES 20 @63")
    ben.placed(market, "BUY NO 20 @37")
    ann.placed(market, "SELL YES 5 @70")
    position = ann.data(f"/positions/{market}")
    assert position.pop("updated_at") is not None
    assert position == {
        "market_id": market,
        "market_title": f"Will {market} be?",
        "yes": {
            "volume": 20,
            "cost_sum_cents": 1260,
            "cost_sum_display": "$12.60",
            "avg_cost_display": "$0.63",
            "pending_sell": 5,
            "available": 15,
        },
        "no": {
            "volume": 0,
            "cost_sum_cents": 0,
            "cost_sum_display": "$0.00",
            "avg_cost_display": "$0.00",
            "pending_sell": 0,
            "available": 0,
        },
    }
    assert [item["market_id"] for item in ann.data("/positions")["items"]] == [market]
    assert ann.data("/positions", market_id="nowhere") == {"items": []}


def test_a_position_that_never_was_is_all_zeros(the_venue: Venue) -> None:
    market, ann = the_venue.market(), the_venue.user(10_000)
    position = ann.data(f"/positions/{market}")
    assert (position["yes"]["volume"], position["no"]["volume"], position["updated_at"]) == (0, 0, None)
    assert ann.get("/positions/nowhere").verdict == (404, 3001)
    assert ann.get(f"/positions/{the_venue.market(active=False)}").verdict == (404, 3001)
    ann.placed(market, "BUY YES 1 @50")
    assert ann.data("/positions", has_volume="false") == {"items": []}, "an open order holds nothing yet"


def test_a_position_that_was_sold_is_shown_on_request(the_venue: Venue) -> None:
    market = the_venue.market()
    ann, ben = the_venue.user(100_000), the_venue.user(100_000)
    ann.placed(market, "BUY YES 10 @60")
    ben.placed(market, "BUY NO 10 @40")
    ben.placed(market, "BUY YES 10 @55")
    ann.placed(market, "SELL YES 10 @55")
    assert ann.data("/positions") == {"items": []}
    assert [item["market_id"] for item in ann.data("/positions", has_volume="false")["items"]] == [market]
    assert ann.get("/positions", has_volume="maybe").verdict == (400, 9004)


def test_a_trade_as_each_of_its_users_sees_it(the_venue: Venue) -> None:
    """Ann bought 10 YES at 60 and sells them at 62 to Cid, who rests: 20 more than they cost."""
    market = the_venue.market()
    ann, ben, cid = the_venue.user(100_000), the_venue.user(100_000), the_venue.user(100_000)
    ann.placed(market, "BUY YES 10 @60")
    ben.placed(market, "BUY NO 10 @40")
    cid.placed(market, "BUY YES 10 @62")
    ann.placed(market, "SELL YES 10 @60")
    mine = ann.data("/trades", scenario="TRANSFER_YES")["items"][0]
    assert mine | {"trade_id": 0, "executed_at": 0} == {
        "trade_id": 0,
        "market_id": market,
        "scenario": "TRANSFER_YES",
        "my_side": "SELL",
        "my_original_side": "YES",
        "my_original_direction": "SELL",
        "counterparty_original_side": "YES",
        "counterparty_original_direction": "BUY",
        "price_cents": 62,
        "quantity": 10,
        "role": "TAKER",
        "fee_cents": 2,
        "fee_display": "$0.02",
        "realized_pnl_cents": 20,
        "realized_pnl_display": "+$0.20",
        "executed_at": 0,
    }
    (theirs,) = cid.data("/trades")["items"]
    assert (theirs["trade_id"], theirs["my_side"], theirs["role"], theirs["fee_cents"]) == (
        mine["trade_id"],
        "BUY",
        "MAKER",
        1,
    )
    assert (theirs["realized_pnl_cents"], theirs["realized_pnl_display"]) == (None, None)
    mint = ben.data("/trades", market_id=market)["items"][0]
    assert (mint["my_side"], mint["my_original_side"], mint["my_original_direction"]) == ("SELL", "NO", "BUY")
    assert (mint["counterparty_original_side"], mint["counterparty_original_direction"]) == ("YES", "BUY")


def test_trades_since_one_come_oldest_first(the_venue: Venue) -> None:
    market = the_venue.market()
    ann, ben = the_venue.user(100_000), the_venue.user(100_000)
    ann.placed(market, "BUY YES 10 @60")
    for quantity in (1, 2, 3, 4):
        ben.placed(market, f"BUY NO {quantity} @40")
    newest_first = [item["trade_id"] for item in ann.data("/trades")["items"]]
    oldest_first = newest_first[::-1]
    numbers = [int(name.removeprefix("TRD_")) for name in oldest_first]
    assert numbers == sorted(numbers)
    page = ann.data("/trades", since=oldest_first[0], limit=2)
    assert [item["trade_id"] for item in page["items"]] == oldest_first[1:3]
    assert (page["next_cursor"], page["has_more"]) == (oldest_first[2], True)
    last = ann.data("/trades", since=page["next_cursor"], limit=2)
    assert [item["trade_id"] for item in last["items"]] == oldest_first[3:]
    assert (last["next_cursor"], last["has_more"]) == (None, False)
    assert len(ann.data("/trades", since="TRD_1")["items"]) == 4, (
        "a number nobody has is a place all the same"
    )
    assert ann.data("/trades", since=f"TRD_{numbers[1] + 1}")["items"][0]["trade_id"] == oldest_first[2]
    assert ann.data("/trades", since="TRD_9223372036854775807")["items"] == []
    cursor = ann.data("/trades", limit=1)["next_cursor"]
    for wrong in (
        {"since": "TRD_"},
        {"since": "399166880243253248"},
        {"since": "TRD_1x"},
        {"since": "TRD_9999999999999999999"},
        {"since": oldest_first[0], "cursor": cursor},
        {"scenario": "mint"},
        {"include_audit": "perhaps"},
    ):
        assert ann.get("/trades", **wrong).verdict == (400, 9004), wrong
    assert ann.get("/trades", user_id=ben.user_id).verdict == (403, 1007)
    assert len(ann.data("/trades", user_id=ann.user_id)["items"]) == 4
    assert ann.get("/trades", user_id="AMM_SYSTEM_001").verdict == (403, 1007)
    own = [the_venue.amm.data("/trades", **named) for named in ({}, {"user_id": "AMM_SYSTEM_001"})]
    assert own[0] == own[1]
