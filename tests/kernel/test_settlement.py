"""The end of a market: winners are paid, or everybody gets back what the reserve holds of their cost."""

import pytest

from kernel.answers import Resolved, Settlement
from kernel.codes import AMM_ID, Code, LedgerEntryType, MarketStatus
from kernel.events import MarketSettled, PositionSettled
from tests.kernel.language import command
from tests.kernel.trading import Trading, ledger


def ended(market: Trading, line: str) -> Settlement:
    settlement = market.answer(Resolved, line).settlement
    assert settlement is not None
    return settlement


def test_winners_get_100_a_share_in_the_order_of_their_ids() -> None:
    """Bytes decide the order: `Zoe` before `ann`."""
    market = Trading(ann=10_000, Zoe=10_000, ben=10_000, maker_fee_bps=0, taker_fee_bps=0)
    market.play("ann buys 3 YES at 40", "ben buys 3 NO at 60", "Zoe buys 2 YES at 30", "ben buys 2 NO at 70")
    head, entry = market.exchange.head, market.exchange.ledger_head + 1
    settlement = ended(market, "root resolves YES")
    assert market.entries(entry) == ledger(
        f"""
        | {entry}     | Zoe            | SETTLEMENT_PAYOUT | +200 | 10140 |
        | {entry + 1} | SYSTEM_RESERVE | BURN_RESERVE_OUT  | -200 |   300 |
        | {entry + 2} | ann            | SETTLEMENT_PAYOUT | +300 | 10180 |
        | {entry + 3} | SYSTEM_RESERVE | BURN_RESERVE_OUT  | -300 |     0 |
        """
    )
    assert market.told(head) == ["MARKET_STATUS_CHANGED", *["POSITION_SETTLED"] * 3, "MARKET_SETTLED"]
    settled = [fact.event for fact in market.facts if isinstance(fact.event, PositionSettled)]
    assert [(event.user_id, event.payout_cents) for event in settled] == [
        ("Zoe", 200),
        ("ann", 300),
        ("ben", 0),
    ]
    assert (settled[2].no_volume, settled[2].no_cost_sum) == (5, 320)
    assert (settlement.total_payout, settlement.winners_count) == (500, 2)


def test_after_settlement_nothing_is_left_but_the_rows() -> None:
    market = Trading(ann=10_000, ben=10_000)
    market.play("ann buys 3 YES at 40", "ben buys 3 NO at 60", "root resolves NO")
    assert market.holds("ann", yes=0, yes_cost=0)
    assert market.holds("ben", no=0, no_cost=0)
    row = market.market()
    assert (row.reserve, row.pnl_pool, row.yes_shares, row.no_shares) == (0, 0, 0, 0)
    assert (row.status, row.settled_at) == (MarketStatus.SETTLED, market.now)
    event = market.facts[-1].event
    assert isinstance(event, MarketSettled)
    assert (event.previous_status, event.new_status) == (MarketStatus.RESOLVED, MarketStatus.SETTLED)


def test_positions_that_are_empty_are_not_settled() -> None:
    """A user who only ever bid has a row, and no POSITION_SETTLED."""
    market = Trading(ann=10_000)
    market.play("ann buys 3 YES at 40")
    head = market.exchange.head
    settlement = ended(market, "root resolves YES")
    assert market.told(head) == ["MARKET_STATUS_CHANGED", "ORDER_CANCELLED", "MARKET_SETTLED"]
    assert (settlement.total_payout, settlement.winners_count) == (0, 0)
    assert (settlement.cancelled_orders_count, settlement.cancelled_orders_unfrozen) == (1, 121)


def test_an_empty_market_settles() -> None:
    assert ended(Trading(), "root voids").total_payout == 0


def test_orders_are_cancelled_before_the_payout_so_shares_on_offer_are_paid_too() -> None:
    market = Trading(ann=10_000, ben=10_000, maker_fee_bps=0, taker_fee_bps=0)
    market.play("ann buys 3 YES at 40", "ben buys 3 NO at 60", "ann sells 3 YES at 99")
    ended(market, "root resolves YES")
    assert market.holds("ann", available=10_000 - 120 + 300, yes_pending=0)


def test_a_cancel_at_resolution_nets_what_it_frees() -> None:
    market = Trading(ann=10_000, ben=10_000)
    market.play("ann buys 3 YES at 40", "ben buys 3 NO at 60", "ann sells 3 YES at 99")
    market.play("ben buys 2 YES at 60", "ann buys 2 NO at 40")
    head = market.exchange.head
    market.play("root resolves YES without settling")
    assert market.told(head) == ["MARKET_STATUS_CHANGED", "ORDER_CANCELLED", "NETTING_EXECUTED"]


# Void


def test_void_first_turns_every_pair_back_into_cash_the_market_makers_too() -> None:
    """The AMM holds 10 pairs for 1000: netted, it is whole; nothing is left to share. Counts exclude it."""
    market = Trading(AMM=1_000)
    market.play("AMM mints 10")
    head = market.exchange.head
    settlement = ended(market, "root resolves VOID")
    assert market.told(head) == ["MARKET_STATUS_CHANGED", "NETTING_EXECUTED", "MARKET_SETTLED"]
    assert market.holds("AMM", available=1_000, yes=0, no=0)
    assert (settlement.total_payout, settlement.winners_count) == (0, 0)


def test_void_shares_the_reserve_in_proportion_and_the_last_gets_the_rest() -> None:
    """Reserve 100 over costs 60 and 90: 40 and 60; ann, who sold, has her profit already."""
    market = Trading(ann=1_000, ben=1_000, cat=1_000, maker_fee_bps=0, taker_fee_bps=0)
    market.play(
        "ann buys 1 YES at 40", "ben buys 1 NO at 60", "cat buys 1 YES at 90", "ann sells 1 YES at 90"
    )
    assert (market.reserve, market.pnl_pool, market.cost_sums()) == (100, 50, 150)
    ended(market, "root voids")
    # ben 100 * 60 // 150 = 40, cat 100 * 90 // 150 = 60.
    assert market.holds("ben", available=940 + 40)
    assert market.holds("cat", available=910 + 60)
    assert market.status is MarketStatus.VOIDED


def test_void_leaves_not_a_cent_behind() -> None:
    """Three holders of 33 each of cost 100 would lose a cent to the floors: it goes to the last."""
    market = Trading(ann=1_000, ben=1_000, cat=1_000, dan=9_000, maker_fee_bps=0, taker_fee_bps=0)
    for name in ("ann", "ben", "cat"):
        market.play(f"{name} buys 1 YES at 33", "dan buys 1 NO at 67")
    market.play("dan sells 3 NO at 1", "ann buys 1 NO at 99", "ben buys 1 NO at 99", "cat buys 1 NO at 99")
    assert market.reserve == 0  # each completed a pair
    market.play(
        "ann buys 1 YES at 33", "dan buys 1 NO at 67", "ben buys 1 YES at 34", "ann sells 1 YES at 34"
    )
    start = market.exchange.ledger_head + 1
    ended(market, "root voids")
    paid = [
        line.amount for line in market.entries(start) if line.entry_type is LedgerEntryType.SETTLEMENT_VOID
    ]
    assert paid == [33, 67]  # of 100 over costs 34 and 67: 33.66 and 66.34, the rest of 1 to dan
    assert market.exchange.reserve_account.available == 0


def test_void_keeps_fees() -> None:
    market = Trading(ann=10_000, ben=10_000)
    market.play("ann buys 100 YES at 60", "ben buys 100 NO at 40", "root voids")
    assert market.exchange.fee_account.available == 6 + 8
    assert market.holds("ann", available=10_000 - 6)
    assert market.holds("ben", available=10_000 - 8)


# Sub-accounts are holders like any other


@pytest.mark.parametrize(("line", "cash"), [("root resolves YES", 400), ("root voids", 200)])
def test_a_sub_account_is_paid_like_any_holder(line: str, cash: int) -> None:
    market = Trading(ann=10_000, ben=10_000, maker_fee_bps=0, taker_fee_bps=0)
    market.escrow("mm:1", "ann")
    market.play("ann buys 4 YES at 50", "ben buys 4 NO at 50", "ann gives mm:1 4 YES", line)
    assert market.holds("mm:1", available=cash, yes=0)


# A settlement that cannot be


def test_a_reserve_that_does_not_cover_the_payouts_settles_nothing() -> None:
    """C-2: 9002, a breaker record, nothing applied; the market stays RESOLVED."""
    market = Trading(AMM=10_000)
    market.play("AMM mints 10", "root resolves YES without settling")
    exchange = market.exchange
    exchange.markets["M"].positions[AMM_ID].yes.volume += 1
    outcome = exchange.execute(command(market, "root settles"))
    assert getattr(outcome.answer, "code", None) is Code.INTERNAL
    assert [type(fact.event).__name__ for fact in outcome.facts] == ["CircuitBreakerTriggered"]
    event = outcome.facts[0].event
    assert getattr(event, "trigger_reason", None) == "CLEARING_ERROR"
    assert exchange.markets["M"].status is MarketStatus.RESOLVED
    assert exchange.accounts[AMM_ID].available == 9_000


def test_a_resolution_that_cannot_be_settled_halts_the_market_instead() -> None:
    market = Trading(AMM=10_000)
    market.play("AMM mints 10", "AMM buys 1 YES at 40 as q")
    exchange = market.exchange
    exchange.markets["M"].pnl_pool += 1
    outcome = exchange.execute(command(market, "root resolves YES"))
    assert getattr(outcome.answer, "code", None) is Code.INTERNAL
    assert exchange.markets["M"].status is MarketStatus.HALTED
    assert market.order("AMM", "q").is_live
