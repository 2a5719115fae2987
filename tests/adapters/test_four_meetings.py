"""The published story of clearing, over HTTP: who pays whom in each of the four meetings, to the cent."""

from typing import Any

from tests.adapters.serving import Caller, Venue

STORY = """
    A BUY YES 100 @65
    B BUY NO 100 @38      MINT
    C BUY YES 40 @62
    A SELL YES 40 @60     TRANSFER_YES
    B SELL NO 30 @40
    D BUY NO 30 @42       TRANSFER_NO
    C SELL YES 20 @58
    B SELL NO 20 @40      BURN
    A SELL YES 50 @63
    D BUY YES 50 @63      TRANSFER_YES
"""
LEDGERS = {
    "A": """
        ORDER_FREEZE -6513 93487, ORDER_UNFREEZE 6513 100000, MINT_COST -6500 93500, FEE -7 93493,
        TRANSFER_RECEIPT 2480 95973, FEE -5 95968, TRANSFER_RECEIPT 3150 99118, FEE -4 99114
    """,
    "B": """
        ORDER_FREEZE -3808 96192, ORDER_UNFREEZE 3808 100000, MINT_COST -3500 96500, FEE -7 96493,
        TRANSFER_RECEIPT 1200 97693, FEE -2 97691, BURN_REVENUE 840 98531, FEE -2 98529
    """,
    "C": """
        ORDER_FREEZE -2485 97515, ORDER_UNFREEZE 2485 100000, TRANSFER_PAYMENT -2480 97520, FEE -3 97517,
        BURN_REVENUE 1160 98677, FEE -2 98675
    """,
    "D": """
        ORDER_FREEZE -1263 98737, ORDER_UNFREEZE 1263 100000, TRANSFER_PAYMENT -1200 98800, FEE -3 98797,
        ORDER_FREEZE -3157 95640, ORDER_UNFREEZE 3157 98797, TRANSFER_PAYMENT -3150 95647, FEE -7 95640,
        NETTING 3000 98640
    """,
}


def ledger(caller: Caller) -> list[str]:
    """Type, amount and what is available then, oldest first, after the deposit."""
    items = caller.data("/account/ledger", limit=100)["items"]
    lines = [f"{i['entry_type']} {i['amount_cents']} {i['balance_after_cents']}" for i in reversed(items)]
    assert lines[0] == "DEPOSIT 100000 100000"
    return lines[1:]


def holds(caller: Caller, market: str) -> tuple[int, int, int, int]:
    """YES and what they cost, NO and what they cost."""
    position: Any = caller.data(f"/positions/{market}")
    yes, no = position["yes"], position["no"]
    return yes["volume"], yes["cost_sum_cents"], no["volume"], no["cost_sum_cents"]


def test_four_people_and_the_four_meetings(the_venue: Venue) -> None:
    """Mint, transfer of YES, transfer of NO, burn, and a netting: examples 1 to 5, entry by entry."""
    market = the_venue.market()
    people = {name: the_venue.user(100_000) for name in "ABCD"}
    for line in STORY.split("\n")[1:-1]:
        name, direction, side, quantity, price, *scenario = line.split()
        placed = people[name].placed(market, f"{direction} {side} {quantity} {price}")
        assert [trade["scenario"] for trade in placed["trades"]] == scenario, line
    assert placed["netting_result"]["pairs_netted"] == 30
    for name, caller in people.items():
        assert ledger(caller) == [entry.strip() for entry in LEDGERS[name].split(",")]
    assert {name: holds(caller, market) for name, caller in people.items()} == {
        "A": (10, 650, 0, 0),
        "B": (0, 0, 50, 1_750),
        "C": (20, 1_240, 0, 0),
        "D": (20, 1_260, 0, 0),
    }


def test_two_users_and_the_market_maker_through_all_four_meetings(the_venue: Venue) -> None:
    """Two mint with each other; the maker mints, sells, buys back, burns, meets a closer and meets itself.

    Examples 7 and 8, and behind them the two meetings that they lack.
    """
    amm, user, other = the_venue.amm, the_venue.user(100_000), the_venue.user(100_000)
    amm.deposit(500_000)
    market = the_venue.market()

    def cash() -> int:
        return int(amm.data("/account/balance")["available_balance_cents"])

    def privileged(what: str, quantity: int) -> None:
        answer = amm.post(
            f"/amm/{what}", market_id=market, quantity=quantity, idempotency_key=f"{what}-{market}"
        )
        assert answer.code == 0, answer.envelope

    before = cash()
    privileged("mint", 1_000)
    assert (cash() - before, holds(amm, market)) == (-100_000, (1_000, 50_000, 1_000, 50_000))
    amm.placed(market, "SELL YES 300 @55")
    assert user.placed(market, "BUY YES 300 @55")["trades"][0]["scenario"] == "TRANSFER_YES"
    assert (cash() - before, holds(amm, market)) == (416_483 - 500_000, (700, 35_000, 1_000, 50_000))
    amm.placed(market, "BUY YES 101 @54")
    assert user.placed(market, "SELL YES 101 @54")["trades"][0]["realized_pnl_cents"] == -101
    assert (cash() - before, holds(amm, market)) == (411_023 - 500_000, (801, 40_454, 1_000, 50_000))
    privileged("burn", 500)
    assert (cash() - before, holds(amm, market)) == (461_023 - 500_000, (301, 15_202, 500, 25_000))
    assert holds(user, market) == (199, 10_945, 0, 0)
    assert user.data("/account/balance")["available_balance_cents"] == 88_910
    amm.placed(market, "SELL YES 10 @56")
    (itself,) = amm.placed(market, "SELL NO 10 @44")["trades"]
    assert (itself["scenario"], itself["price_cents"]) == ("BURN", 56)
    assert (cash() - before, holds(amm, market)[:1]) == (462_021 - 500_000, (291,))

    # The other two meetings: a buyer of NO meets the maker's NO, and the other user mints with the first.
    amm.placed(market, "SELL NO 30 @40")
    (bought,) = other.placed(market, "BUY NO 30 @42")["trades"]
    assert (bought["scenario"], bought["price_cents"], bought["fee_cents"]) == ("TRANSFER_NO", 60, 3)
    assert other.data("/account/balance")["available_balance_cents"] == 98_797
    user.placed(market, "BUY YES 100 @65")
    (minted,) = other.placed(market, "BUY NO 100 @38")["trades"]
    assert (minted["scenario"], minted["price_cents"], minted["fee_cents"]) == ("MINT", 65, 7)
    assert user.data("/account/balance")["available_balance_cents"] == 88_910 - 6_507
    assert other.data("/account/balance")["available_balance_cents"] == 98_797 - 3_507
