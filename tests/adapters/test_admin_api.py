"""Administration over HTTP: the life of a market, the audit, users, and what is refused."""

from typing import Any

import pytest

from kernel.codes import AMM_ID
from kernel.invariants import INVARIANTS
from tests.adapters.serving import Venue
from tests.adapters.test_markets_api import DETAIL


def test_a_market_from_draft_to_payout(the_venue: Venue) -> None:
    """Ann holds ten YES at 60, Ben ten NO at 40; YES it is, and Ann gets ten dollars."""
    admin = the_venue.admin
    market = the_venue.market(active=False)
    created = admin.data(f"/markets/{market}")
    assert created["status"] == "DRAFT"
    activated = admin.post(f"/admin/markets/{market}/activate")
    assert activated.status == 200
    # Who changes a market is not told of its last day, as who asks for it is.
    own = {"amm_authorized", "amm_orders_count"}
    assert set(activated.data) == DETAIL - {"last_trade_at", "volume_24h"} | own
    assert activated.data["status"] == "ACTIVE"
    assert admin.post(f"/admin/markets/{market}/activate").verdict == (422, 3005)
    ann, ben = the_venue.user(10_000), the_venue.user(10_000)
    ann.placed(market, "BUY YES 10 @60")
    ben.placed(market, "BUY NO 10 @40")
    ben.placed(market, "BUY YES 10 @50")
    suspended = admin.post(f"/admin/markets/{market}/suspend", reason="the judge speaks")
    assert suspended.data["status"] == "SUSPENDED"
    answer = admin.post(f"/admin/markets/{market}/resolve", resolution_result="YES")
    assert answer.status == 200
    settled_at = answer.data["settlement"].pop("settled_at")
    assert answer.data == {
        "market_id": market,
        "resolution_result": "YES",
        "resolved_at": settled_at,
        "settlement": {
            "status": "COMPLETED",
            "total_payout_cents": 1000,
            "total_payout_display": "$10.00",
            "winners_count": 1,
            "cancelled_orders_count": 1,
            "cancelled_orders_unfrozen_cents": 501,
        },
        "void_price_cents": None,
        "void_basis": None,
    }
    over = ann.data(f"/markets/{market}")
    assert (over["status"], over["resolution_result"], over["settled_at"]) == ("SETTLED", "YES", settled_at)
    for path, body, verdict in (
        ("resolve", {"resolution_result": "NO"}, (422, 3003)),
        ("void", {}, (422, 3003)),
        ("settle", {}, (422, 3005)),
        ("halt", {"reason": "late"}, (422, 3005)),
        ("suspend", {}, (422, 3005)),
        ("resume", {}, (422, 3005)),
        ("activate", {}, (422, 3005)),
    ):
        assert admin.post(f"/admin/markets/{market}/{path}", **body).verdict == verdict, path


def test_a_market_is_resolved_first_and_settled_later(the_venue: Venue) -> None:
    admin, market = the_venue.admin, the_venue.market()
    ann = the_venue.user(10_000)
    order_id = ann.placed(market, "BUY YES 10 @50")["order"]["id"]
    assert admin.post(f"/admin/markets/{market}/settle").verdict == (422, 3005)
    resolved = admin.post(f"/admin/markets/{market}/resolve", resolution_result="NO", settle=False)
    assert (resolved.status, resolved.data["settlement"]) == (200, None)
    assert ann.data(f"/orders/{order_id}")["order"]["cancel_reason"] == "MARKET_RESOLVED"
    assert ann.post(f"/orders/{order_id}/cancel").verdict == (422, 4006)
    settled = admin.post(f"/admin/markets/{market}/settle")
    assert settled.data["resolved_at"] == resolved.data["resolved_at"]
    assert settled.data["settlement"]["cancelled_orders_count"] == 1, "the counts of the resolution"
    assert settled.data["settlement"]["cancelled_orders_unfrozen_cents"] == 501


def test_a_void_market_pays_each_share_its_price(the_venue: Venue) -> None:
    """Whatever was paid for it. Who names no price for a market that was hardly quoted, is told so."""
    admin, market = the_venue.admin, the_venue.market()
    ann, ben = the_venue.user(10_000), the_venue.user(10_000)
    ann.placed(market, "BUY YES 10 @60")
    ben.placed(market, "BUY NO 10 @40")
    path = f"/admin/markets/{market}"
    refused = admin.post(f"{path}/void", reason="the question made no sense")
    assert refused.verdict == (422, 3009)
    assert set(refused.data) == {"reference_price_cents", "observed_ms", "two_sided_ms"}
    for price in (0, 100):
        assert admin.post(f"{path}/void", void_price_cents=price).verdict == (400, 9004)
    for body in ({"resolution_result": "YES", "void_price_cents": 50}, {"void_price_cents": "50"}):
        assert admin.post(f"{path}/resolve", **body).verdict == (400, 9004)
    answer = admin.post(f"{path}/void", reason="the question made no sense", void_price_cents=30)
    assert answer.data["void_price_cents"] == 30
    assert answer.data["void_basis"].pop("observed_ms") >= 0
    assert answer.data["void_basis"].pop("reference_price_cents") in range(50, 61)
    assert answer.data["void_basis"] == {"source": "ADMIN", "two_sided_ms": 0}
    assert ann.data(f"/markets/{market}")["void_price_cents"] == 30
    assert answer.data["resolution_result"] == "VOID"
    assert answer.data["settlement"]["total_payout_cents"] == 1000
    assert answer.data["settlement"]["winners_count"] == 2
    assert ann.data("/account/balance")["available_balance_cents"] == 10_000 - 600 - 1 + 300


def test_what_is_resolved_void_is_settled_at_the_price_it_was_given(the_venue: Venue) -> None:
    market = the_venue.market()
    path, body = f"/admin/markets/{market}", {"resolution_result": "VOID", "settle": False}
    resolved = the_venue.admin.post(f"{path}/resolve", **body, void_price_cents=99)
    assert (resolved.data["void_price_cents"], resolved.data["void_basis"]["source"]) == (99, "ADMIN")
    settled = the_venue.admin.post(f"{path}/settle")
    assert settled.data["void_price_cents"] == 99
    assert "void_basis" not in settled.data


def test_a_halt_stands_until_it_is_explained(the_venue: Venue) -> None:
    admin, market = the_venue.admin, the_venue.market()
    halted = admin.post(f"/admin/markets/{market}/halt", reason="looking into it")
    assert (halted.status, halted.data["status"]) == (200, "HALTED")
    assert admin.post(f"/admin/markets/{market}/resume").verdict == (400, 9004), "a note is missing"
    (row,) = admin.data(f"/admin/markets/{market}/circuit-breakers")["items"]
    assert set(row) == {
        *("id", "market_id", "trigger_reason", "context", "resolved_at", "resolved_by"),
        *("resolution_note", "triggered_at"),
    }
    assert (row["trigger_reason"], row["context"]) == ("MANUAL", {"reason": "looking into it"})
    assert (row["resolved_at"], row["resolved_by"]) == (None, None)
    resumed = admin.post(
        f"/admin/markets/{market}/resume", target_status="SUSPENDED", resolution_note="all is well"
    )
    assert (resumed.status, resumed.data["status"]) == (200, "SUSPENDED")
    (row,) = admin.data(f"/admin/markets/{market}/circuit-breakers")["items"]
    assert (row["resolved_by"], row["resolution_note"]) == ("the_admin", "all is well")
    assert row["resolved_at"] is not None
    assert admin.post(f"/admin/markets/{market}/resume", target_status="SUSPENDED").verdict == (422, 3005)
    assert admin.post(f"/admin/markets/{market}/resume").data["status"] == "ACTIVE"


def test_circuit_breakers_are_paged(the_venue: Venue) -> None:
    admin, market = the_venue.admin, the_venue.market()
    for number in range(3):
        admin.post(f"/admin/markets/{market}/halt", reason=f"look {number}")
        admin.post(f"/admin/markets/{market}/resume", resolution_note="fine")
    page = admin.data(f"/admin/markets/{market}/circuit-breakers", limit=2)
    assert [row["context"]["reason"] for row in page["items"]] == ["look 2", "look 1"]
    rest = admin.data(f"/admin/markets/{market}/circuit-breakers", limit=2, cursor=page["next_cursor"])
    assert [row["context"]["reason"] for row in rest["items"]] == ["look 0"]
    other = the_venue.market()
    wrong = admin.get(f"/admin/markets/{other}/circuit-breakers", cursor=page["next_cursor"])
    assert wrong.verdict == (400, 9004), "another market's cursor"


@pytest.mark.parametrize(
    "members",
    [
        {"id": ""},
        {"id": "-leading"},
        {"id": "with space"},
        {"id": "a" * 65},
        {"id": "new\n"},
        {"id": 7},
        {"id": None},
        {"title": ""},
        {"title": "t" * 501},
        {"title": None},
        {"title": "nul\0"},
        {"description": 7},
        {"category": "c" * 65},
        {"min_price_cents": 0},
        {"min_price_cents": 50, "max_price_cents": 50},
        {"max_price_cents": 100},
        {"max_order_quantity": 0},
        {"max_order_quantity": 2**31},
        {"max_position_per_user": 0},
        {"max_order_amount_cents": 0},
        {"maker_fee_bps": -1},
        {"taker_fee_bps": 1001},
        {"maker_fee_bps": 1.0},
        {"trading_start_at": "yesterday"},
        {"trading_start_at": "2026-01-01T00:00:00"},
        {"trading_start_at": 1767225600},
        {"trading_start_at": "2026-01-02T00:00:00Z", "trading_end_at": "2026-01-02T00:00:00Z"},
        {"trading_end_at": "9999-12-31T23:59:59-12:00"},
        {"trading_end_at": "3000-01-01T00:00:00Z"},
        {"trading_end_at": "2999-12-31T23:59:59.9999999Z"},
        {"trading_start_at": "0001-01-01T00:00:00+23:59"},
        {"trading_start_at": "2000-01-01T00:00:00+00:01"},
        {"resolution_date": "1999-12-31T23:59:59.999999Z"},
        {"resolution_date": "9999-12-31T23:59:59-00:01"},
        {"description": "d" * 10_001},
        {"amm_authorized": "yes"},
    ],
)
def test_what_makes_no_market(the_venue: Venue, members: dict[str, Any]) -> None:
    asked = {"id": "MKT-NEVER", "title": "Never?"} | members
    before = the_venue.http.get("/ready").json()["journal_id"]
    answer = the_venue.admin.post("/admin/markets", **asked)
    assert answer.verdict == (400, 9004)
    assert the_venue.http.get("/ready").json()["journal_id"] == before
    assert the_venue.admin.get("/markets/MKT-NEVER").verdict == (404, 3001)


def test_all_times_that_are_out_of_bounds_are_told_at_once(the_venue: Venue) -> None:
    times = dict.fromkeys(("trading_start_at", "trading_end_at"), "1999-01-01T00:00:00Z")
    answer = the_venue.admin.post("/admin/markets", id="MKT-NEVER", title="Never?", **times)
    assert answer.data["errors"] == [
        {"field": name, "problem": "must be of the years 2000 to 2999"} for name in times
    ]


def test_a_market_keeps_what_it_was_created_with(the_venue: Venue) -> None:
    terms = {
        "title": "Bis Ende des Jahres? €",
        "description": "Every word counts.",
        "category": "words",
        "min_price_cents": 2,
        "max_price_cents": 98,
        "max_order_quantity": 2**31 - 1,
        "max_position_per_user": 2**31 - 1,
        "max_order_amount_cents": 2**63 - 1,
        "maker_fee_bps": 0,
        "taker_fee_bps": 1000,
        "trading_start_at": "2000-01-01T00:00:00.000000Z",
        "trading_end_at": "2999-12-31T23:59:59.999999Z",
        "resolution_date": "2026-06-30T12:00:00.500000Z",
        "amm_authorized": False,
    }
    answer = the_venue.admin.post("/admin/markets", id="MKT-WORDS", **terms)
    assert answer.status == 201
    assert {name: answer.data[name] for name in terms} == terms
    assert the_venue.admin.post("/admin/markets", id="MKT-WORDS", **terms).verdict == (409, 3006)
    offset = the_venue.admin.post(
        "/admin/markets", id="MKT-OFFSET", title="t", resolution_date="2026-06-30T12:00:00+02:00"
    )
    assert offset.data["resolution_date"] == "2026-06-30T10:00:00.000000Z"


def test_a_market_takes_less_for_a_while(the_venue: Venue) -> None:
    admin, market, ann = the_venue.admin, the_venue.market(), the_venue.user(10_000)
    until = "2999-01-01T01:00:00.25+01:00"
    answer = admin.post(f"/admin/markets/{market}/mode", mode="CANCEL_ONLY", until=until, reason="a storm")
    assert answer.status == 200
    assert (answer.data["trading_mode"], answer.data["mode_until"]) == (
        "CANCEL_ONLY",
        "2999-01-01T00:00:00.250000Z",
    )
    assert ann.data(f"/markets/{market}")["trading_mode"] == "CANCEL_ONLY"
    refused = ann.place(market, "BUY YES 10 @60")
    assert refused.verdict == (422, 3008)
    assert refused.data == {"trading_mode": "CANCEL_ONLY"}
    back = admin.post(f"/admin/markets/{market}/mode", mode="NORMAL")
    assert (back.data["trading_mode"], back.data["mode_until"]) == ("NORMAL", None)
    ann.placed(market, "BUY YES 10 @60")
    admin.post(f"/admin/markets/{market}/resolve", resolution_result="YES")
    assert admin.post(f"/admin/markets/{market}/mode", mode="NORMAL").verdict == (422, 3005)


def test_an_unknown_market_is_not_administered(the_venue: Venue) -> None:
    admin = the_venue.admin
    for path, body in (
        ("activate", {}),
        ("suspend", {}),
        ("halt", {"reason": "r"}),
        ("resume", {}),
        ("resolve", {"resolution_result": "YES"}),
        ("settle", {}),
        ("void", {}),
        ("amm-authorization", {"authorized": True}),
        ("mode", {"mode": "POST_ONLY", "until": "2001-01-01T00:00:00Z"}),
    ):
        assert admin.post(f"/admin/markets/nowhere/{path}", **body).verdict == (404, 3001), path
    for path in ("stats", "circuit-breakers"):
        assert admin.get(f"/admin/markets/nowhere/{path}").verdict == (404, 3001), path


@pytest.mark.parametrize(
    ("path", "members", "verdict"),
    [
        ("halt", {}, (400, 9004)),
        ("halt", {"reason": ""}, (400, 9004)),
        ("halt", {"reason": "r" * 501}, (400, 9004)),
        ("halt", {"reason": "nul\0"}, (400, 9004)),
        ("suspend", {"reason": "r" * 501}, (400, 9004)),
        ("suspend", {"reason": 7}, (400, 9004)),
        ("resume", {"target_status": "HALTED"}, (400, 9004)),
        ("resume", {"resolution_note": 7}, (400, 9004)),
        ("resolve", {}, (400, 9004)),
        ("resolve", {"resolution_result": None}, (400, 9004)),
        ("resolve", {"resolution_result": 1}, (400, 9004)),
        ("resolve", {"resolution_result": "yes"}, (422, 3004)),
        ("resolve", {"resolution_result": ""}, (422, 3004)),
        ("resolve", {"resolution_result": "YES", "settle": "no"}, (400, 9004)),
        ("mode", {}, (400, 9004)),
        ("mode", {"mode": "FAST"}, (400, 9004)),
        ("mode", {"mode": "POST_ONLY", "until": "2999-01-01T00:00:00"}, (400, 9004)),
        ("mode", {"mode": "POST_ONLY", "until": "2001-01-01T00:00:00Z"}, (400, 9004)),
        ("mode", {"mode": "POST_ONLY", "until": 5}, (400, 9004)),
        ("mode", {"mode": "NORMAL", "until": "2999-01-01T00:00:00Z"}, (400, 9004)),
        ("mode", {"mode": "POST_ONLY", "reason": "r" * 501}, (400, 9004)),
        ("amm-authorization", {}, (400, 9004)),
        ("amm-authorization", {"authorized": 1}, (400, 9004)),
    ],
)
def test_malformed_administration(
    the_venue: Venue, path: str, members: dict[str, Any], verdict: tuple[int, int]
) -> None:
    market = the_venue.market()
    assert the_venue.admin.post(f"/admin/markets/{market}/{path}", **members).verdict == verdict
    assert the_venue.admin.data(f"/markets/{market}")["status"] == "ACTIVE"


def test_an_invalid_result_is_told_before_an_unknown_market(the_venue: Venue) -> None:
    answer = the_venue.admin.post("/admin/markets/nowhere/resolve", resolution_result="MAYBE")
    assert answer.verdict == (422, 3004)


def test_no_body_is_an_empty_body(the_venue: Venue) -> None:
    market = the_venue.market()
    assert the_venue.admin.request("POST", f"/admin/markets/{market}/suspend").status == 200
    assert the_venue.admin.request("POST", f"/admin/markets/{market}/resume", content=b"{}").status == 200
    for bad in (b"[]", b"null", b'"x"', b"{", b"{}{}", b"\xff", b"nonsense"):
        answer = the_venue.admin.request("POST", f"/admin/markets/{market}/suspend", content=bad)
        assert answer.verdict == (400, 9004), bad


def test_stats_count_trades_and_leave_out_audit_records(the_venue: Venue) -> None:
    market = the_venue.market()
    the_venue.admin.post(
        "/admin/amm/start", market_id=market, initial_budget_cents=100_000, initial_price_cents=50
    )
    ann, ben = the_venue.user(10_000), the_venue.user(10_000)
    ann.placed(market, "BUY YES 10 @60")
    ben.placed(market, "BUY NO 10 @40")
    ben.placed(market, "BUY NO 5 @30")
    stats = the_venue.admin.data(f"/admin/markets/{market}/stats")
    reference = stats.pop("reference")
    assert set(reference) == {"reference_price_cents", "observed_ms", "two_sided_ms"}
    assert 50 <= reference["reference_price_cents"] <= 70
    assert stats == {
        "market_id": market,
        "status": "ACTIVE",
        "reserve_balance_cents": 51_000,
        "pnl_pool_cents": 0,
        "total_yes_shares": 510,
        "total_no_shares": 510,
        "active_orders_count": 1,
        "total_trades_count": 1,
        "total_volume": 10,
        "trades_by_scenario": {"MINT": 1, "TRANSFER_YES": 0, "TRANSFER_NO": 0, "BURN": 0},
        "total_fees_collected_cents": 2,
        "unique_traders": 2,
    }


def test_every_invariant_is_verified_by_name(the_venue: Venue) -> None:
    answer = the_venue.admin.post("/admin/verify-invariants")
    assert answer.status == 200
    assert answer.data["all_passed"] is True
    names = [check["name"] for check in answer.data["checks"]]
    assert len(names) == len(INVARIANTS) + 1
    assert names[0] == "shares_balanced"
    assert names[-1] == "journal_contiguous"
    for check in answer.data["checks"]:
        assert set(check) == {"name", "description", "passed", "details"}
        assert check["passed"] is True
        assert check["details"]["checked"]
        assert check["details"]["violations"] == []


def test_nobody_shuts_itself_out_nor_the_market_maker(the_venue: Venue) -> None:
    """So whoever can shut others out is still there afterwards, and with it an administrator.

    An id counts in every spelling in which the database would find it.
    """
    admin_id = the_venue.admin.user_id
    others = (admin_id.upper(), admin_id.replace("-", ""), f"{{{admin_id}}}", f"urn:uuid:{admin_id}")
    for user_id in (admin_id, *others, AMM_ID, AMM_ID.replace("-", "")):
        answer = the_venue.admin.post(f"/admin/users/{user_id}/active", is_active=False)
        assert answer.verdict == (403, 1007)
        assert "verdict user disable" in answer.envelope["message"]
        assert the_venue.admin.post(f"/admin/users/{user_id}/active", is_active=True).status == 200
    assert the_venue.admin.get("/account/balance").status == 200
    assert the_venue.amm.get("/account/balance").status == 200


def test_an_unknown_user_is_not_switched(the_venue: Venue) -> None:
    for user_id in ("00000000-0000-4000-8000-00000000dead", "nobody", "%00"):
        answer = the_venue.admin.post(f"/admin/users/{user_id}/active", is_active=False)
        assert answer.verdict == (404, 2002), user_id
    user = the_venue.user()
    assert the_venue.admin.post(f"/admin/users/{user.user_id}/active").verdict == (400, 9004)
    assert the_venue.admin.post(f"/admin/users/{user.user_id}/active", is_active=0).verdict == (400, 9004)
