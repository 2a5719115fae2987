"""The published worked examples, to the cent: one story of five people, then the market maker's."""

import pytest

from kernel.answers import Cancelled, Netting, Placed
from kernel.codes import CancelReason, FrozenAssetType, OrderStatus, TradeScenario
from tests.kernel.trading import Trading, ledger

STORY = [
    ("A buys 100 YES at 65", "B buys 100 NO at 38"),
    ("C buys 40 YES at 62", "A sells 40 YES at 60"),
    ("B sells 30 NO at 40", "D buys 30 NO at 42"),
    ("C sells 20 YES at 58", "B sells 20 NO at 40"),
    ("A sells 50 YES at 63", "D buys 50 YES at 63"),
    ("E buys 100 YES at 65 as e", "C sells 7 YES at 60", "A sells 10 YES at 60", "E cancels e"),
]
"""Examples 1 to 6: who does what, in order."""


def story(examples: int) -> Trading:
    """The first so many examples; A to E come with 100000 each, ledger entries 1 to 5."""
    market = Trading(A=100_000, B=100_000, C=100_000, D=100_000, E=100_000)
    for lines in STORY[:examples]:
        market.play(*lines)
    return market


def test_example_1_two_openers_mint_and_the_taker_keeps_the_improvement() -> None:
    """B offered 38 for NO and pays 35: of its 3808 it gets 301 back. I-3: 10000 + 0 = 6500 + 3500."""
    market = story(1)
    assert market.entries(6) == ledger(
        """
        |  6 | A              | ORDER_FREEZE    |  -6513 |  93487 |
        |  7 | B              | ORDER_FREEZE    |  -3808 |  96192 |
        |  8 | A              | ORDER_UNFREEZE  |  +6513 | 100000 |
        |  9 | A              | MINT_COST       |  -6500 |  93500 |
        | 10 | B              | ORDER_UNFREEZE  |  +3808 | 100000 |
        | 11 | B              | MINT_COST       |  -3500 |  96500 |
        | 12 | SYSTEM_RESERVE | MINT_RESERVE_IN | +10000 |  10000 |
        | 13 | A              | FEE             |     -7 |  93493 |
        | 14 | B              | FEE             |     -7 |  96493 |
        | 15 | PLATFORM_FEE   | FEE_REVENUE     |    +14 |     14 |
        """
    )
    assert market.trades == [(TradeScenario.MINT, 65, 100, None, None, 7, 7)]
    assert market.holds("A", available=93_493, frozen=0, yes=100, yes_cost=6_500)
    assert market.holds("B", available=96_493, frozen=0, no=100, no_cost=3_500)
    assert (market.reserve, market.market().yes_shares, market.market().no_shares) == (10_000, 100, 100)
    assert market.pnl_pool == 0
    assert market.cost_sums() == 6_500 + 3_500 == 10_000 + 0


def test_example_2_a_sale_at_a_loss_lowers_the_pool() -> None:
    """A lets 40 of 100 shares go that cost 6500: 2480 - 2600 = -120."""
    market = story(2)
    assert market.entries(16) == ledger(
        """
        | 16 | C            | ORDER_FREEZE     | -2485 |  97515 |
        | 17 | C            | ORDER_UNFREEZE   | +2485 | 100000 |
        | 18 | C            | TRANSFER_PAYMENT | -2480 |  97520 |
        | 19 | A            | TRANSFER_RECEIPT | +2480 |  95973 |
        | 20 | C            | FEE              |    -3 |  97517 |
        | 21 | A            | FEE              |    -5 |  95968 |
        | 22 | PLATFORM_FEE | FEE_REVENUE      |    +8 |     22 |
        """
    )
    assert market.trades[-1] == (TradeScenario.TRANSFER_YES, 62, 40, None, -120, 3, 5)
    assert market.holds("A", yes=60, yes_cost=3_900)
    assert market.holds("C", yes=40, yes_cost=2_480)
    assert (market.reserve, market.pnl_pool) == (10_000, -120)
    assert market.cost_sums() == 3_900 + 2_480 + 3_500 == 10_000 - 120


def test_example_3_a_transfer_of_no_at_the_makers_price() -> None:
    """D would have paid 42 and pays 40: 60 of improvement. B: 1200 - 1050 = +150."""
    market = story(3)
    assert market.entries(23) == ledger(
        """
        | 23 | D            | ORDER_FREEZE     | -1263 |  98737 |
        | 24 | D            | ORDER_UNFREEZE   | +1263 | 100000 |
        | 25 | D            | TRANSFER_PAYMENT | -1200 |  98800 |
        | 26 | B            | TRANSFER_RECEIPT | +1200 |  97693 |
        | 27 | B            | FEE              |    -2 |  97691 |
        | 28 | D            | FEE              |    -3 |  98797 |
        | 29 | PLATFORM_FEE | FEE_REVENUE      |    +5 |     27 |
        """
    )
    assert market.trades[-1] == (TradeScenario.TRANSFER_NO, 60, 30, 150, None, 2, 3)
    assert market.holds("B", no=70, no_cost=2_450, no_pending=0)
    assert market.holds("D", no=30, no_cost=1_200)
    assert (market.reserve, market.pnl_pool) == (10_000, 30)
    assert market.cost_sums() == 3_900 + 2_480 + 2_450 + 1_200 == 10_000 + 30


def test_example_4_two_closers_burn() -> None:
    """B asked 40 a share and gets 42. B: 840 - 700 = +140, C: 1160 - 1240 = -80."""
    market = story(4)
    assert market.entries(30) == ledger(
        """
        | 30 | B              | BURN_REVENUE     |  +840 | 98531 |
        | 31 | C              | BURN_REVENUE     | +1160 | 98677 |
        | 32 | SYSTEM_RESERVE | BURN_RESERVE_OUT | -2000 |  8000 |
        | 33 | C              | FEE              |    -2 | 98675 |
        | 34 | B              | FEE              |    -2 | 98529 |
        | 35 | PLATFORM_FEE   | FEE_REVENUE      |    +4 |    31 |
        """
    )
    assert market.trades[-1] == (TradeScenario.BURN, 58, 20, 140, -80, 2, 2)
    assert market.holds("B", no=50, no_cost=1_750)
    assert market.holds("C", yes=20, yes_cost=1_240)
    assert (market.reserve, market.market().yes_shares, market.market().no_shares) == (8_000, 80, 80)
    assert market.pnl_pool == 90
    assert market.cost_sums() == 3_900 + 1_240 + 1_750 + 1_200 == 8_000 + 90


def test_example_5_pairs_are_netted_right_after_the_fill() -> None:
    """D then has 50 YES and 30 NO: 30 pairs give 3000, and cost 1890 + 1200; pool -10 + 3000 - 3090."""
    market = story(4)
    market.play(STORY[4][0])
    answer = market.answer(Placed, STORY[4][1])
    assert answer.netting == Netting(pairs_netted=30, released_cents=3_000)
    assert market.entries(36) == ledger(
        """
        | 36 | D              | ORDER_FREEZE        | -3157 | 95640 |
        | 37 | D              | ORDER_UNFREEZE      | +3157 | 98797 |
        | 38 | D              | TRANSFER_PAYMENT    | -3150 | 95647 |
        | 39 | A              | TRANSFER_RECEIPT    | +3150 | 99118 |
        | 40 | A              | FEE                 |    -4 | 99114 |
        | 41 | D              | FEE                 |    -7 | 95640 |
        | 42 | PLATFORM_FEE   | FEE_REVENUE         |   +11 |    42 |
        | 43 | D              | NETTING             | +3000 | 98640 |
        | 44 | SYSTEM_RESERVE | NETTING_RESERVE_OUT | -3000 |  5000 |
        """
    )
    assert market.trades[-1] == (TradeScenario.TRANSFER_YES, 63, 50, None, -100, 4, 7)
    assert market.holds("A", yes=10, yes_cost=650)
    assert market.holds("D", yes=20, yes_cost=1_260, no=0, no_cost=0)
    assert (market.reserve, market.market().yes_shares, market.market().no_shares) == (5_000, 50, 50)
    assert market.pnl_pool == -100
    assert market.cost_sums() == 650 + 1_240 + 1_260 + 1_750 == 5_000 - 100


def test_example_6_two_partial_fills_then_a_cancel() -> None:
    """The cap leaves E no fee in the first fill; in the second it pays 1 and 1 cent returns."""
    market = story(5)
    bid, first, second, give_up = STORY[5]

    def e_order() -> tuple[OrderStatus, int, int, int]:
        order = market.order("E", "e")
        return order.status, order.filled, order.remaining, order.frozen

    market.play(bid)
    assert e_order() == (OrderStatus.OPEN, 0, 100, 6_513)
    market.play(first)
    assert e_order() == (OrderStatus.PARTIALLY_FILLED, 7, 93, 6_058)
    market.play(second)
    assert e_order() == (OrderStatus.PARTIALLY_FILLED, 17, 83, 5_406)
    answer = market.answer(Cancelled, give_up)
    assert e_order() == (OrderStatus.CANCELLED, 17, 83, 0)
    assert market.order("E", "e").cancel_reason is CancelReason.USER_CANCELLED
    assert (answer.unfrozen_amount, answer.unfrozen_asset_type) == (5_406, FrozenAssetType.FUNDS)
    assert (answer.order.remaining_quantity, answer.netting) == (83, None)
    assert market.entries(45) == ledger(
        """
        | 45 | E            | ORDER_FREEZE     | -6513 | 93487 |
        | 46 | E            | ORDER_UNFREEZE   |  +455 | 93942 |
        | 47 | E            | TRANSFER_PAYMENT |  -455 | 93487 |
        | 48 | C            | TRANSFER_RECEIPT |  +455 | 99130 |
        | 49 | C            | FEE              |    -1 | 99129 |
        | 50 | PLATFORM_FEE | FEE_REVENUE      |    +1 |    43 |
        | 51 | E            | ORDER_UNFREEZE   |  +652 | 94139 |
        | 52 | E            | TRANSFER_PAYMENT |  -650 | 93489 |
        | 53 | A            | TRANSFER_RECEIPT |  +650 | 99764 |
        | 54 | E            | FEE              |    -1 | 93488 |
        | 55 | A            | FEE              |    -2 | 99762 |
        | 56 | PLATFORM_FEE | FEE_REVENUE      |    +3 |    46 |
        | 57 | E            | ORDER_UNFREEZE   | +5406 | 98894 |
        """
    )
    assert [trade.sell_pnl for trade in market.trades[-2:]] == [21, 0]
    assert market.holds("E", available=100_000 - 1_105 - 1, frozen=0, yes=17, yes_cost=1_105)
    assert (market.reserve, market.pnl_pool) == (5_000, -79)
    assert market.cost_sums() == 806 + 1_260 + 1_105 + 1_750 == 5_000 - 79


def test_a_single_large_fill_is_not_touched_by_the_cap() -> None:
    """BUY YES 100 @65 met for 40: releases 6513 - 3908 = 2605, pays 2600 and 3 of fee, keeps 2."""
    market = Trading(ann=100_000, ben=100_000)
    market.play("ann buys 100 YES at 65 as bid", "ben buys 40 NO at 35")
    assert market.order("ann", "bid").frozen == 3_908
    assert market.trades[0].maker_fee == 3
    assert market.holds("ann", available=100_000 - 6_513 + 2_605 - 2_600 - 3, frozen=3_908)


AMM_STORY = [
    ("AMM mints 1000",),
    ("AMM sells 300 YES at 55", "U buys 300 YES at 55"),
    ("AMM buys 101 YES at 54", "U sells 101 YES at 54"),
    ("AMM burns 500",),
    ("AMM sells 10 YES at 56", "AMM sells 10 NO at 44"),
]
"""Examples 7 (the first four steps) and 8."""


def amm_story(steps: int) -> Trading:
    market = Trading(AMM=500_000, U=100_000)
    for lines in AMM_STORY[:steps]:
        market.play(*lines)
    return market


def test_example_7_privileged_mint_and_burn() -> None:
    market = amm_story(4)
    assert market.entries(3) == ledger(
        """
        |  3 | AMM            | MINT_COST        | -100000 | 400000 |
        |  4 | SYSTEM_RESERVE | MINT_RESERVE_IN  | +100000 | 100000 |
        |  5 | U              | ORDER_FREEZE     |  -16533 |  83467 |
        |  6 | U              | ORDER_UNFREEZE   |  +16533 | 100000 |
        |  7 | U              | TRANSFER_PAYMENT |  -16500 |  83500 |
        |  8 | AMM            | TRANSFER_RECEIPT |  +16500 | 416500 |
        |  9 | AMM            | FEE              |     -17 | 416483 |
        | 10 | U              | FEE              |     -33 |  83467 |
        | 11 | PLATFORM_FEE   | FEE_REVENUE      |     +50 |     50 |
        | 12 | AMM            | ORDER_FREEZE     |   -5465 | 411018 |
        | 13 | AMM            | ORDER_UNFREEZE   |   +5465 | 416483 |
        | 14 | AMM            | TRANSFER_PAYMENT |   -5454 | 411029 |
        | 15 | U              | TRANSFER_RECEIPT |   +5454 |  88921 |
        | 16 | AMM            | FEE              |      -6 | 411023 |
        | 17 | U              | FEE              |     -11 |  88910 |
        | 18 | PLATFORM_FEE   | FEE_REVENUE      |     +17 |     67 |
        | 19 | AMM            | BURN_REVENUE     |  +50000 | 461023 |
        | 20 | SYSTEM_RESERVE | BURN_RESERVE_OUT |  -50000 |  50000 |
        """
    )
    assert market.holds("U", yes=199, yes_cost=10_945)
    assert market.cost_sums() == 15_202 + 25_000 + 10_945 == 50_000 + 1_147


@pytest.mark.parametrize(
    ("steps", "yes", "yes_cost", "no", "no_cost", "reserve", "shares", "pool"),
    [
        pytest.param(1, 1_000, 50_000, 1_000, 50_000, 100_000, 1_000, 0, id="mint 1000"),
        pytest.param(2, 700, 35_000, 1_000, 50_000, 100_000, 1_000, 1_500, id="sale of 300"),
        pytest.param(3, 801, 40_454, 1_000, 50_000, 100_000, 1_000, 1_399, id="purchase of 101"),
        pytest.param(4, 301, 15_202, 500, 25_000, 50_000, 500, 1_147, id="burn 500"),
    ],
)
def test_example_7_after_each_step(
    steps: int, yes: int, yes_cost: int, no: int, no_cost: int, reserve: int, shares: int, pool: int
) -> None:
    """The market maker keeps YES and NO side by side: no netting touches it."""
    market = amm_story(steps)
    assert market.holds("AMM", yes=yes, yes_cost=yes_cost, no=no, no_cost=no_cost)
    assert market.reserve == reserve
    assert (market.market().yes_shares, market.market().no_shares) == (shares, shares)
    assert market.pnl_pool == pool


def test_example_8_the_amm_meets_itself() -> None:
    """A real trade, with fees on both legs: 440 - 500 = -60 and 560 - 505 = +55."""
    market = amm_story(5)
    assert market.entries(21) == ledger(
        """
        | 21 | AMM            | BURN_REVENUE     |  +440 | 461463 |
        | 22 | AMM            | BURN_REVENUE     |  +560 | 462023 |
        | 23 | SYSTEM_RESERVE | BURN_RESERVE_OUT | -1000 |  49000 |
        | 24 | AMM            | FEE              |    -1 | 462022 |
        | 25 | AMM            | FEE              |    -1 | 462021 |
        | 26 | PLATFORM_FEE   | FEE_REVENUE      |    +2 |     69 |
        """
    )
    assert market.trades[-1] == (TradeScenario.BURN, 56, 10, -60, 55, 1, 1)
    assert (market.pnl_pool, market.reserve) == (1_142, 49_000)


# What the story settles to


@pytest.mark.parametrize(
    ("result", "payouts"),
    [
        ("YES", {"C": 1_300, "D": 2_000, "E": 1_700}),
        ("NO", {"B": 5_000}),
    ],
)
def test_after_example_6_the_winners_share_the_reserve(result: str, payouts: dict[str, int]) -> None:
    market = story(6)
    start = market.exchange.ledger_head + 1
    market.play(f"root resolves {result}")
    paid = {line.account: line.amount for line in market.entries(start) if line.account != "SYSTEM_RESERVE"}
    assert paid == payouts
    assert sum(payouts.values()) == 5_000
    assert market.exchange.reserve_account.available == 0
