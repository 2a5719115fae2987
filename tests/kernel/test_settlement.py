"""The end of a market: winners are paid, or everybody gets back what the reserve holds of their cost."""

import pytest

from kernel.answers import Resolved, Settlement
from kernel.codes import AMM_ID, Code, LedgerEntryType, MarketStatus, VoidSource
from kernel.commands import ResolveMarket
from kernel.events import MarketSettled, PositionSettled
from kernel.windows import Reference
from tests.kernel.language import command
from tests.kernel.trading import NOON, SECOND, Trading, ledger


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


# Void: what a share is paid


def test_void_pays_each_share_its_price_in_the_order_of_ids() -> None:
    """At 61: 61 for a YES share, 39 for a NO share. Fees stay where they are."""
    market = Trading(ann=10_000, Zoe=10_000, ben=10_000)
    market.play("ann buys 3 YES at 40", "ben buys 3 NO at 60", "Zoe buys 2 YES at 30", "ben buys 2 NO at 70")
    head, entry = market.exchange.head, market.exchange.ledger_head + 1
    settlement = ended(market, "root voids at 61")
    assert [(line.account, line.entry_type, line.amount) for line in market.entries(entry)] == [
        ("Zoe", LedgerEntryType.SETTLEMENT_VOID, 122),
        ("SYSTEM_RESERVE", LedgerEntryType.BURN_RESERVE_OUT, -122),
        ("ann", LedgerEntryType.SETTLEMENT_VOID, 183),
        ("SYSTEM_RESERVE", LedgerEntryType.BURN_RESERVE_OUT, -183),
        ("ben", LedgerEntryType.SETTLEMENT_VOID, 195),
        ("SYSTEM_RESERVE", LedgerEntryType.BURN_RESERVE_OUT, -195),
    ]
    assert market.told(head) == ["MARKET_STATUS_CHANGED", *["POSITION_SETTLED"] * 3, "MARKET_SETTLED"]
    assert (settlement.total_payout, settlement.winners_count) == (500, 3)
    assert market.status is MarketStatus.VOIDED
    assert market.exchange.fee_account.available > 0
    assert {getattr(fact.event, "void_price_cents", "none") for fact in market.facts if fact.id > head} == {
        61
    }


def test_void_nets_nothing_as_a_pair_is_paid_100_in_any_case() -> None:
    """The AMM's 10 pairs cost 1000, and 61 and 39 pay them back; nobody else's netting is asked either."""
    market = Trading(AMM=1_000)
    market.play("AMM mints 10")
    head = market.exchange.head
    settlement = ended(market, "root resolves VOID at 61")
    assert market.told(head) == ["MARKET_STATUS_CHANGED", "POSITION_SETTLED", "MARKET_SETTLED"]
    assert market.holds("AMM", available=1_000, yes=0, no=0)
    assert (settlement.total_payout, settlement.winners_count) == (1_000, 1)


def test_cancelling_the_orders_first_still_nets_their_owners_pairs() -> None:
    market = Trading(ann=10_000, ben=10_000)
    market.play("ann buys 3 YES at 40", "ben buys 3 NO at 60", "ann sells 3 YES at 99")
    market.play("ben buys 2 YES at 60", "ann buys 2 NO at 40")
    head = market.exchange.head
    assert ended(market, "root voids at 61").total_payout == 100
    assert market.told(head)[1:3] == ["ORDER_CANCELLED", "NETTING_EXECUTED"]


@pytest.mark.parametrize("price", [1, 50, 99])
def test_what_void_pays_is_the_reserve_to_the_cent(price: int) -> None:
    """Whatever the shares have cost: by sub-accounts, by the AMM, with trades between them."""
    market = Trading(AMM=100_000, ann=100_000, ben=100_000, cat=100_000)
    market.escrow("mm:1", "ann")
    market.play("AMM mints 50", "AMM sells 30 YES at 44", "ben buys 20 YES at 44", "AMM sells 9 NO at 60")
    market.play("cat buys 9 NO at 60", "ann buys 7 YES at 33", "cat buys 7 NO at 67", "ann gives mm:1 3 YES")
    reserve = market.reserve
    assert reserve == 5_700
    assert ended(market, f"root voids at {price}").total_payout == reserve
    assert market.exchange.reserve_account.available == 0
    assert market.holds("mm:1", available=3 * price)


@pytest.mark.parametrize("stop", ["root halts", "root suspends"])
def test_a_market_that_stands_still_is_voided_at_the_price_it_had(stop: str) -> None:
    """Quoted 40/42 by two for an hour, then stopped: a day later, with the book gone, 41 is what it was."""
    market = Trading(ann=10_000, ben=10_000)
    market.now = NOON
    market.play("ann buys 1 YES at 40 as bid", "ben buys 1 NO at 58 as ask")
    market.now += 3600 * SECOND
    market.play(stop)
    market.now += 86_400 * SECOND
    if stop == "root suspends":
        market.play("ann cancels bid")
    answer = market.answer(Resolved, "root voids at reference")
    assert answer.void_price_cents == 41
    assert answer.void_basis is not None
    assert answer.void_basis.source is VoidSource.REFERENCE
    assert answer.void_basis.reference == Reference(41, 3_602_000 + 1_000, 3_601_000)


# Void: what may be asked


@pytest.mark.parametrize(
    "line",
    ["root voids at 0", "root voids at 100", "root voids at -1", "root resolves VOID at 0"],
)
def test_a_price_that_no_share_can_have_is_malformed(line: str) -> None:
    assert Trading().refused(line).code is Code.MALFORMED


@pytest.mark.parametrize("result", ["YES", "NO"])
def test_only_void_has_a_price(result: str) -> None:
    market = Trading()
    wish = ResolveMarket(at=market.now, market_id="M", result=result, void_price_cents=50, by="root")
    assert market.refused(wish).code is Code.MALFORMED
    wish = ResolveMarket(at=market.now, market_id="M", result="MAYBE", void_price_cents=50, by="root")
    assert market.refused(wish).code is Code.INVALID_RESULT


def quoted(two_sided: int, one_sided: int) -> Trading:
    """So many seconds with both sides standing, after so many with a bid alone."""
    market = Trading(ann=10_000, ben=10_000)
    market.now = NOON - SECOND
    market.play("ann buys 1 YES at 40")
    market.now = NOON + (one_sided - 1) * SECOND
    market.play("ben buys 1 NO at 50")
    market.now += (two_sided - 1) * SECOND
    return market


@pytest.mark.parametrize(
    ("two_sided", "one_sided", "refused"),
    [
        (600, 0, False),
        (599, 0, True),
        (600, 11_400, False),
        (600, 11_401, True),
        (0, 80_000, True),
    ],
)
def test_without_a_price_the_market_must_have_been_quoted(
    two_sided: int, one_sided: int, *, refused: bool
) -> None:
    """For ten minutes, and for a twentieth of what is averaged."""
    market = quoted(two_sided, one_sided)
    if not refused:
        assert isinstance(market.grant("root voids at reference"), Resolved)
        return
    market.now += SECOND
    refusal = market.refused("root voids at reference")
    assert refusal.code is Code.NO_VOID_PRICE
    assert refusal.data is not None
    assert refusal.data["observed_ms"] == 1000 * (two_sided + one_sided)
    assert refusal.data["two_sided_ms"] == 1000 * two_sided
    assert market.refused("root resolves VOID at reference without settling").code is Code.NO_VOID_PRICE
    market.play("root voids at 1")


def test_the_price_is_fixed_when_it_is_resolved_and_not_when_it_is_settled() -> None:
    market = Trading(ann=10_000, ben=10_000)
    market.play("ann buys 1 YES at 40", "ben buys 1 NO at 60", "root resolves VOID at 7 without settling")
    assert market.market().void_price_cents == 7
    market.now += 86_400 * SECOND
    answer = market.answer(Resolved, "root settles")
    assert (answer.void_price_cents, answer.void_basis) == (7, None)
    assert market.holds("ann", available=10_000 - 40 - 1 + 7)


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
