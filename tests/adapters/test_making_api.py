"""Market-making orders over HTTP: from their creation to the last cent back, and what is refused."""

import itertools
import uuid
from typing import Any, Final

import pytest

from tests.adapters.serving import Answer, Caller, Venue

ORDERS: Final = "/market-making/orders"
_keys = itertools.count(1)


def key() -> dict[str, str]:
    """A header with a key that nobody has used."""
    return {"Idempotency-Key": f"k-{next(_keys)}"}


def asked(caller: Caller, path: str, headers: dict[str, str] | None = None, **members: Any) -> Answer:
    return caller.request("POST", path, headers=headers or {}, json=members)


def create(caller: Caller, market_id: str, **members: Any) -> Answer:
    wish = {"market_id": market_id, "required_cash_cents": 100_000} | members
    return asked(caller, ORDERS, key(), **wish)


def created(caller: Caller, market_id: str, **members: Any) -> str:
    """The id of a new order."""
    answer = create(caller, market_id, **members)
    assert answer.verdict == (201, 0), answer.envelope
    return str(answer.data["order_id"])


def pay(caller: Caller, order_id: str, amount: int, asset: str = "CASH") -> Answer:
    return asked(caller, f"{ORDERS}/{order_id}/payments", key(), asset=asset, amount=amount)


def running(caller: Caller, market_id: str, **members: Any) -> str:
    """The id of an order that was paid, and runs."""
    order_id = created(caller, market_id, **members)
    assert pay(caller, order_id, 100_000).data["order"]["state"] == "running"
    return order_id


def tell(caller: Caller, order_id: str, command: str, **members: Any) -> Answer:
    return asked(caller, f"{ORDERS}/{order_id}/{command}", **members)


def trail(caller: Caller, order_id: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = caller.data(f"{ORDERS}/{order_id}/events", limit=100)["items"]
    assert [item["seq"] for item in items] == list(range(1, len(items) + 1))
    return items


def steps(caller: Caller, order_id: str) -> list[str]:
    """The states that an order has come to, in their order."""
    return [item["to_state"] for item in trail(caller, order_id) if item["kind"] == "TRANSITION"]


def cash(caller: Caller) -> int:
    return int(caller.data("/account/balance")["available_balance_cents"])


def test_an_order_is_created_paid_paused_stopped_and_paid_out(the_venue: Venue) -> None:
    """Each cent of it is the owner's, the order's, or the owner's again."""
    ann, market_id = the_venue.user(250_000), the_venue.market()
    made = create(ann, market_id, order_qty=5)
    assert made.verdict == (201, 0)
    order = made.data
    order_id = order["order_id"]
    assert (order["state"], order["allowed_commands"]) == ("payment_pending", ["pay", "stop", "delete"])
    assert order["strategy"]["terms"]["order_qty"] == 5
    assert order["strategy"]["terms"]["max_loss_cents"] == 20_000
    assert order["legs"] == [{"asset": "CASH", "required": 100_000, "received": 0, "outstanding": 100_000}]
    paid = pay(ann, order_id, 40_000)
    assert (paid.data["order"]["state"], paid.data["payment"]["amount"]) == ("payment_incomplete", 40_000)
    assert pay(ann, order_id, 60_001).verdict == (422, 7106)
    paid = pay(ann, order_id, 60_000)
    assert paid.data["order"]["state"] == "running"
    assert (paid.data["order"]["equity_display"], cash(ann)) == ("$1,000.00", 150_000)
    beside = ann.data("/account/balance")["market_making"]
    assert beside == {
        "orders": 1,
        "cash_cents": 100_000,
        "cash_display": "$1,000.00",
        "away_cents": 0,
        "away_display": "$0.00",
    }
    assert tell(ann, order_id, "withdraw", all=True, idempotency_key="w0").verdict == (409, 7102)
    paused = tell(ann, order_id, "pause")
    assert (paused.status, paused.data["changed"], paused.data["order"]["state"]) == (200, True, "paused")
    assert tell(ann, order_id, "pause").data["changed"] is False
    assert tell(ann, order_id, "stop").data["order"]["state"] == "stopped"
    out = tell(ann, order_id, "withdraw", all=True, idempotency_key="w1")
    assert out.data["moved"] == {
        "cash_cents": 100_000,
        "cash_display": "$1,000.00",
        "yes": 0,
        "no": 0,
        "burned_pairs": 0,
    }
    assert (out.data["order"]["state"], out.data["netting_result"]) == ("refunded", None)
    again = tell(ann, order_id, "withdraw", all=True, idempotency_key="w1")
    assert (again.status, again.data["repeated"], again.data["moved"]) == (200, True, out.data["moved"])
    assert cash(ann) == 250_000
    assert steps(ann, order_id) == [
        *("payment_pending", "payment_incomplete", "payment_complete", "created", "running"),
        *("paused", "stopped", "refunded"),
    ]
    assert tell(ann, order_id, "delete").data["order"]["state"] == "deleted"
    assert ann.data(ORDERS)["items"] == []
    assert len(ann.data(ORDERS, include_deleted=True)["items"]) == 1


def test_the_ledger_of_an_order_is_its_own_account_s(the_venue: Venue) -> None:
    ann, market_id = the_venue.user(100_000), the_venue.market()
    order_id = created(ann, market_id)
    asked(ann, f"{ORDERS}/{order_id}/payments", asset="CASH", amount=100_000, idempotency_key="k1")
    (entry,) = ann.data(f"{ORDERS}/{order_id}/ledger")["items"]
    assert (entry["entry_type"], entry["amount_cents"], entry["balance_after_cents"]) == (
        "TRANSFER_RECEIPT",
        100_000,
        100_000,
    )
    assert (entry["reference_type"], entry["reference_id"]) == ("MM_PAYMENT", f"mm:{order_id}:pay:k1:CASH")


def test_a_request_with_the_same_key_is_the_same_request(the_venue: Venue) -> None:
    ann, market_id = the_venue.user(200_000), the_venue.market()
    header = key()
    wish: dict[str, Any] = {"market_id": market_id, "required_cash_cents": 50_000}
    first = asked(ann, ORDERS, header, **wish)
    again = asked(ann, ORDERS, header, **wish, order_qty=10, venue="internal")
    assert (first.status, first.data["repeated"]) == (201, False)
    assert (again.status, again.data["repeated"]) == (200, True), "what is left out is asked for as it stands"
    assert first.data["order_id"] == again.data["order_id"]
    assert asked(ann, ORDERS, header, **wish, order_qty=11).verdict == (409, 7107)
    ben = the_venue.user()
    assert asked(ben, ORDERS, header, **wish).status == 201, "keys are each user's own"
    path = f"{ORDERS}/{first.data['order_id']}/payments"
    header = key()
    paid = [asked(ann, path, header, asset="CASH", amount=20_000) for _ in range(3)]
    assert [each.data["repeated"] for each in paid] == [False, True, True]
    assert len({each.data["payment"]["at"] for each in paid}) == 1
    assert asked(ann, path, header, asset="CASH", amount=20_001).verdict == (409, 7107)
    assert cash(ann) == 180_000


@pytest.mark.parametrize("bad", ["", "k k", "k" * 65, "kü"])
def test_a_key_is_what_can_be_written_down(the_venue: Venue, bad: str) -> None:
    ann, market_id = the_venue.user(), the_venue.market()
    wish: dict[str, Any] = {"market_id": market_id, "required_cash_cents": 50_000}
    headers = {"Idempotency-Key": bad.encode("latin-1")}
    answer = ann.request("POST", ORDERS, headers=headers, json=wish)
    assert answer.verdict == (400, 9004)
    assert answer.data["errors"][0]["field"] == "Idempotency-Key"


def test_money_moves_under_a_key_and_under_one_alone(the_venue: Venue) -> None:
    ann, market_id = the_venue.user(100_000), the_venue.market()
    path = f"{ORDERS}/{created(ann, market_id)}/payments"
    payment: dict[str, Any] = {"asset": "CASH", "amount": 10_000}
    assert asked(ann, path, **payment).data["errors"][0]["field"] == "idempotency_key"
    both = asked(ann, path, {"Idempotency-Key": "a"}, **payment, idempotency_key="b")
    assert both.verdict == (400, 9004)
    assert asked(ann, path, {"Idempotency-Key": "a"}, **payment, idempotency_key="a").status == 200


def test_what_is_wrong_with_a_request_is_said_beside_the_member(the_venue: Venue) -> None:
    ann, market_id = the_venue.user(), the_venue.market()
    answer = asked(
        ann, ORDERS, market_id=market_id, levels=True, order_quantity=5, price_source="MEAN", user_id="x"
    )
    assert answer.verdict == (400, 9004)
    assert {error["field"] for error in answer.data["errors"]} == {
        *("required_cash_cents", "levels", "order_quantity", "price_source", "user_id"),
    }
    wrong = create(ann, market_id, levels=6, floor_price_cents=50, ceiling_price_cents=50, max_loss_cents=0)
    assert wrong.verdict == (422, 7112)
    fields = [error["field"] for error in wrong.data["errors"]]
    assert set(fields) == {"levels", "floor_price_cents", "max_loss_cents"}
    assert create(ann, market_id, required_cash_cents=9_999).verdict == (422, 7112)
    assert create(ann, "MKT-NONE").verdict == (404, 3001)
    assert create(ann, the_venue.market(active=False)).verdict == (404, 3001)
    assert create(ann, market_id, venue="elsewhere").verdict == (403, 7110)


def test_a_market_must_trade_and_for_long_enough(the_venue: Venue) -> None:
    ann, suspended = the_venue.user(), the_venue.market()
    the_venue.admin.post(f"/admin/markets/{suspended}/suspend", reason="to look")
    assert create(ann, suspended).verdict == (422, 7103)


def test_another_s_order_is_no_more_to_be_seen_than_one_that_there_is_not(the_venue: Venue) -> None:
    """On every route that names one; the answers differ in the id alone."""
    ann, eve, market_id = the_venue.user(100_000), the_venue.user(100_000), the_venue.market()
    hers, none = running(ann, market_id), str(uuid.uuid4())
    before = trail(ann, hers), cash(ann), cash(eve)
    reads = ("", "/payment-state", "/events", "/executions", "/ledger", "/exchange-orders", "/trades")
    controls = ("start", "pause", "resume", "stop", "delete")
    for order_id in (hers, none):
        answers = [eve.get(f"{ORDERS}/{order_id}{path}") for path in reads]
        answers += [tell(eve, order_id, command) for command in controls]
        answers.append(pay(eve, order_id, 1))
        answers.append(tell(eve, order_id, "withdraw", all=True, idempotency_key="w"))
        for answer in answers:
            assert answer.verdict == (404, 7101)
            assert answer.data is None
            assert answer.envelope["message"] == f"Market-making order not found: {order_id}"
    assert (trail(ann, hers), cash(ann), cash(eve)) == before


def test_an_id_that_is_none_is_malformed(the_venue: Venue) -> None:
    ann = the_venue.user()
    for path in ("", "/events", "/payment-state", "/ledger"):
        assert ann.get(f"{ORDERS}/nothing{path}").verdict == (400, 9004)
    assert tell(ann, "nothing", "pause").verdict == (400, 9004)


def test_lists_are_newest_first_page_by_page(the_venue: Venue) -> None:
    ann, market_id = the_venue.user(), the_venue.market()
    made = [created(ann, market_id) for _ in range(4)]
    tell(ann, made[0], "stop")
    first = ann.data(ORDERS, limit=3)
    assert [item["order_id"] for item in first["items"]] == made[:0:-1]
    second = ann.data(ORDERS, limit=3, cursor=first["next_cursor"])
    assert ([item["order_id"] for item in second["items"]], second["has_more"]) == ([made[0]], False)
    assert [item["order_id"] for item in ann.data(ORDERS, state="refunded,paused")["items"]] == [made[0]]
    assert ann.get(ORDERS, state="begun").verdict == (400, 9004)
    assert ann.data(ORDERS, market_id="MKT-NONE")["items"] == []
    rest = ann.data(f"{ORDERS}/{made[0]}/events", after_seq=1, limit=1)
    assert ([item["seq"] for item in rest["items"]], rest["has_more"]) == ([2], True)


def test_older_names_are_the_same_routes(the_venue: Venue) -> None:
    ann, market_id = the_venue.user(200_000), the_venue.market()
    order_id = running(ann, market_id)
    older = "/user-orders"
    assert ann.data(f"{older}/market-making/all", userId=ann.user_id) == ann.data(ORDERS)
    state = ann.data(f"{older}/payment-state/market-making/{order_id}")
    assert state == ann.data(f"{ORDERS}/{order_id}/payment-state")
    assert ann.get(f"{older}/market-making/all", userId="somebody").verdict == (403, 1007)
    for command, state in (("pause", "paused"), ("resume", "running")):
        answer = ann.post(f"{older}/market-making/{order_id}/{command}")
        assert answer.data["order"]["state"] == state
    stop = f"/strategy/stop-marketmaking?userId={ann.user_id}&clientId="
    assert ann.post(f"{stop}nothing").verdict == (400, 9004)
    assert ann.post(f"{stop}{uuid.uuid4()}").verdict == (404, 7101)
    assert ann.post(f"{stop}{order_id}").data["order"]["state"] == "stopped"
    assert ann.post("/strategy/stop-marketmaking").verdict == (400, 9004)
    assert ann.get("/strategy/market_making/all").verdict == (404, 9005)


def test_an_administrator_sees_all_and_says_why(the_venue: Venue) -> None:
    ann, admin, market_id = the_venue.user(100_000), the_venue.admin, the_venue.market()
    order_id = running(ann, market_id)
    path = f"/admin{ORDERS}/{order_id}"
    assert admin.data(path)["user_id"] == ann.user_id
    assert admin.post(f"{path}/pause").verdict == (400, 9004)
    paused = admin.post(f"{path}/pause", reason="to look at it")
    assert (paused.data["order"]["state"], paused.data["order"]["held"]) == ("paused", True)
    assert tell(ann, order_id, "resume").verdict == (409, 7102), "held"
    (listed,) = admin.data(f"/admin{ORDERS}", user_id=ann.user_id, state="paused")["items"]
    assert listed["order_id"] == order_id
    last = trail(ann, order_id)[-1]
    assert (last["actor_type"], last["reason"]) == ("ADMIN", "ADMIN_REQUEST")
    assert last["data"]["words"] == "to look at it"
    assert admin.data(f"{path}/events", limit=100)["items"][-1] == last
    assert admin.post(f"{path}/refund", reason="no").verdict == (409, 7102)
    failed = admin.post(f"{path}/fail", reason="it does harm")
    assert (failed.data["order"]["state"], cash(ann)) == ("refunded", 100_000)


def test_a_preview_is_what_would_be_quoted_now(the_venue: Venue) -> None:
    """With the book at 48 and 53 the price is 50.5, and quotes stand two cents and a half from it."""
    ann, ben, market_id = the_venue.user(), the_venue.user(100_000), the_venue.market()
    wish: dict[str, Any] = {"market_id": market_id, "required_cash_cents": 100_000}
    assert asked(ann, "/market-making/preview", **wish).data == {"quotes": [], "frozen_cents": 0}
    ben.placed(market_id, "BUY YES 5 @48")
    ben.placed(market_id, "BUY NO 5 @47")
    before = ann.data(ORDERS)
    shown = asked(ann, "/market-making/preview", **wish).data
    assert [
        (each["side"], each["direction"], each["price_cents"], each["quantity"]) for each in shown["quotes"]
    ] == [
        ("YES", "BUY", 48, 10),
        ("NO", "BUY", 47, 10),
    ]
    assert shown["frozen_cents"] == 481 + 471
    assert ann.data(ORDERS) == before
    assert asked(ann, "/market-making/preview", **wish, levels=9).verdict == (422, 7112)
    assert asked(ann, "/market-making/preview", **wish | {"market_id": "M"}).verdict == (404, 3001)
    assert asked(ann, "/market-making/preview", **wish, venue="elsewhere").verdict == (403, 7110)


def test_the_contract_is_what_decides(the_venue: Venue) -> None:
    ann = the_venue.user()
    contract = ann.data("/market-making/contract")
    assert len(contract["states"]) == 16
    assert {edge["number"] for edge in contract["edges"]} == set(range(1, 32))
    terms = {term["name"]: term for term in contract["terms"]}
    assert (terms["levels"]["least"], terms["levels"]["most"], terms["levels"]["default"]) == (1, 5, 1)
    assert terms["required_cash_cents"]["least"] == 10_000
    assert terms["price_source"]["choices"] == ["MID", "MICRO", "LAST"]
    assert {code["code"] for code in contract["codes"]} == set(range(7101, 7113))
    described = the_venue.http.get("/openapi.json").json()["paths"]
    for route in contract["routes"]:
        operation = described[f"/api/v1{route['path']}"][route["method"].lower()]
        assert "deprecated" not in operation
    older = {path for path, methods in described.items() for each in methods.values() if "deprecated" in each}
    assert len(older) == 6
    assert not any("/strategy/market_making" in path for path in described)
