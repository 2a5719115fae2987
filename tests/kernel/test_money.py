"""Fees, freezes, costs: the formulas at their edges, and the cap that keeps a buy within its freeze."""

import pytest

from kernel.amounts import fee, released_cost
from kernel.codes import LedgerEntryType, Side
from kernel.draft import Draft
from kernel.money import post
from tests.kernel.trading import Trading, ledger


@pytest.mark.parametrize(
    ("value", "bps", "due"),
    [
        (0, 20, 0),
        (6_500, 0, 0),
        (1, 1, 1),  # rounded up from 0.0001
        (6_500, 10, 7),  # 6.5
        (6_500, 20, 13),  # exactly
        (5_000, 20, 10),
        (5_001, 20, 11),
        (4_999, 20, 10),
        (1, 1_000, 1),
        (10, 1_000, 1),
        (11, 1_000, 2),
        (10**18, 1_000, 10**17),  # far past what a float could hold
        (10**18 + 1, 1, 10**14 + 1),
    ],
)
def test_a_fee_is_rounded_up_and_nothing_on_nothing(value: int, bps: int, due: int) -> None:
    assert fee(value, bps) == due


@pytest.mark.parametrize(
    ("cost", "volume", "quantity", "leaves"),
    [
        (6_500, 100, 40, 2_600),
        (2_450, 70, 20, 700),
        (10, 3, 1, 3),  # floor of 3.33
        (10, 3, 2, 6),  # floor of 6.67
        (10, 3, 3, 10),  # the last share takes the whole rest
        (1, 1, 1, 1),
        (0, 5, 5, 0),
    ],
)
def test_the_cost_that_leaves_is_rounded_down_and_complete_at_the_end(
    cost: int, volume: int, quantity: int, leaves: int
) -> None:
    assert released_cost(cost, volume, quantity) == leaves


def test_shares_sold_one_by_one_take_every_cent_of_cost_with_them() -> None:
    """10 cents over 3 shares: 3, then 3 of the 7 left, then 4."""
    market = Trading(ann=1_000, ben=1_000, maker_fee_bps=0, taker_fee_bps=0)
    market.play("ann buys 1 YES at 3", "ben buys 1 NO at 97")
    market.play("ann buys 1 YES at 3", "ben buys 1 NO at 97", "ann buys 1 YES at 4", "ben buys 1 NO at 96")
    assert market.holds("ann", yes=3, yes_cost=10)
    costs = []
    for _ in range(3):
        before = market.position("ann").yes.cost_sum
        market.play("ann sells 1 YES at 50", "ben buys 1 YES at 50")
        costs.append(before - market.position("ann").yes.cost_sum)
    assert costs == [3, 3, 4]


# The cap


def test_many_small_fills_never_cost_more_than_the_freeze() -> None:
    """100 @65 filled share by share: each fill alone would owe 1 cent, 100 in all; frozen were 13.

    Fill by fill the fee is what the release leaves over its value, so the fees come to at most 13.
    """
    market = Trading(ann=6_513, ben=100_000)
    market.play("ann buys 100 YES at 65 as bid")
    for _ in range(100):
        market.play("ben buys 1 NO at 35")
    paid = sum(trade.maker_fee for trade in market.trades)
    assert paid == 13
    assert market.holds("ann", available=6_513 - 6_500 - 13, frozen=0, yes=100, yes_cost=6_500)
    assert market.order("ann", "bid").frozen == 0


def test_the_published_case_of_the_cap() -> None:
    """7 of 100 @65: released 455, value 455, fee 0 instead of 1. Ten more: released 652, fee min(1, 2)."""
    market = Trading(ann=100_000, ben=100_000)
    market.play("ann buys 100 YES at 65 as bid", "ben buys 7 NO at 35")
    assert market.order("ann", "bid").frozen == 6_058
    assert market.trades[-1].maker_fee == 0
    market.play("ben buys 10 NO at 35")
    assert market.order("ann", "bid").frozen == 5_406
    assert market.trades[-1].maker_fee == 1
    assert market.holds("ann", available=100_000 - 6_513 + 1, frozen=5_406)


def test_a_taker_in_several_parts_is_capped_by_its_own_freeze_too() -> None:
    """BUY NO 3 @50 freezes 150 + 1 for three fills of one share: the last finds the cent."""
    market = Trading(ann=1_000, ben=1_000)
    for _ in range(3):
        market.play("ann buys 1 YES at 50")
    market.play("ben buys 3 NO at 50")
    assert [trade.taker_fee for trade in market.trades] == [0, 0, 1]
    assert market.holds("ben", available=1_000 - 151, frozen=0)


def test_the_makers_and_the_takers_rates_are_their_own() -> None:
    """10% of 3000 for the maker, 1% of 7000 for the taker, both to the platform in one entry."""
    market = Trading(ann=100_000, ben=100_000, maker_fee_bps=1_000, taker_fee_bps=100)
    market.play("ann buys 100 NO at 30", "ben buys 100 YES at 70")
    assert (market.trades[0].maker_fee, market.trades[0].taker_fee) == (300, 70)
    assert market.exchange.fee_account.available == 370
    assert market.entries(3)[-3:] == ledger(
        """
        | 10 | ann          | FEE         | -300 | 96700 |
        | 11 | ben          | FEE         |  -70 | 92930 |
        | 12 | PLATFORM_FEE | FEE_REVENUE | +370 |   370 |
        """
    )


def test_without_fees_no_fee_entry_is_written() -> None:
    market = Trading(ann=1_000, ben=1_000, maker_fee_bps=0, taker_fee_bps=0)
    market.play("ann buys 10 YES at 60", "ben buys 10 NO at 40")
    kinds = {line.entry_type for line in market.entries()}
    assert LedgerEntryType.FEE not in kinds
    assert LedgerEntryType.FEE_REVENUE not in kinds
    assert market.holds("ann", available=400, yes=10)
    assert market.reserve == 1_000


def test_a_fee_at_the_highest_rate_never_eats_the_proceeds() -> None:
    """10% of 1 cent is rounded up to the whole cent; the seller ends with nothing, not with less."""
    market = Trading(ann=10_000, ben=10_000, maker_fee_bps=1_000, taker_fee_bps=1_000)
    market.play("ann buys 1 YES at 50", "ben buys 1 NO at 50")
    before = market.exchange.accounts["ann"].available
    market.play("ben buys 1 YES at 1", "ann sells 1 YES at 1")
    assert market.exchange.accounts["ann"].available == before


def test_a_cheap_no_pays_its_fee_on_its_own_price() -> None:
    """100 NO at 5 pay 1 cent of fee on 500, not 19 on 9500."""
    market = Trading(ann=100_000, ben=100_000)
    market.play("ann buys 100 YES at 95", "ben buys 100 NO at 5")
    assert market.trades[0].taker_fee == 1


@pytest.mark.parametrize("side", Side)
def test_when_the_market_maker_meets_itself_it_closes_before_it_opens(side: Side) -> None:
    """10 shares that cost 500 leave with all of it for 600, then 10 come in for 600.

    Opened first they would be 20 for 1100, of which 10 take 550 along.
    """
    market = Trading(AMM=10_000, maker_fee_bps=0, taker_fee_bps=0)
    market.play("AMM mints 10", f"AMM sells 10 {side} at 60", f"AMM buys 10 {side} at 60")
    holding = market.position("AMM").holding(side)
    assert (holding.volume, holding.cost_sum) == (10, 600)
    assert market.pnl_pool == 100


# The door


def test_no_posting_takes_a_balance_below_zero() -> None:
    """Decisions check first; should one not have, it stops here, before anything is written."""
    market = Trading(ann=100)
    account = market.exchange.accounts["ann"]
    draft = Draft(market.exchange, market.now)
    with pytest.raises(AssertionError, match="leaves -1 available"):
        post(draft, account, LedgerEntryType.WITHDRAW, -101)
    with pytest.raises(AssertionError, match="leaves -1 frozen"):
        post(draft, account, LedgerEntryType.ORDER_UNFREEZE, 1, frozen=-1)
    assert (account.available, account.frozen, draft.postings) == (100, 0, [])


def test_a_fact_whose_postings_do_not_balance_cannot_be_recorded() -> None:
    market = Trading(ann=100)
    draft = Draft(market.exchange, market.now)
    post(draft, market.exchange.accounts["ann"], LedgerEntryType.FEE, -1)
    with pytest.raises(AssertionError, match="out of balance by -1"):
        draft.take_postings()
