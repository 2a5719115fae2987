"""The three layers of the fair price, and what is measured over time: the numbers of scenarios 4 and 5."""

import pytest

from amm.brain.arithmetic import CENT, ONE, cdiv, clamp, fdiv, ln_ppm, rdiv
from amm.brain.book import ForeignBook, PublicBook
from amm.brain.config import Pricing
from amm.brain.measures import Flow, SlidingRange, sigma
from amm.brain.pricing import anchor_weight, fair_price, learn, learning_rate, microprice
from amm.brain.wire import BookLevel, BookUpdate, Levels, UpdateType
from tests.amm.parts import HOUR, MARKET, config

ASKS = ((52, 50), (53, 80), (54, 120))
BIDS = ((48, 100), (47, 150), (46, 200))
LEANING = ForeignBook(bids=((50, 70),), asks=((52, 30),))
"""A microprice of 51.4: the thin asks will give way first."""


@pytest.fixture
def pricing() -> Pricing:
    return config().pricing


def test_rounding_is_the_same_for_both_signs() -> None:
    assert [rdiv(5, 2), rdiv(-5, 2), rdiv(4, 3), rdiv(-4, 3)] == [3, -3, 1, -1]
    assert [cdiv(7, 2), cdiv(-7, 2), fdiv(7, 2), fdiv(-7, 2)] == [4, -3, 3, -4]
    assert [clamp(5, 1, 3), clamp(0, 1, 3), clamp(2, 1, 3)] == [3, 1, 2]


def test_the_logarithm_is_right_to_the_last_ppm() -> None:
    assert ln_ppm(ONE) == 0
    assert ln_ppm(2 * ONE) == 693_147
    assert ln_ppm(10 * ONE) == 2_302_585


def test_scenario_4_three_buys_teach_less_each(pricing: Pricing) -> None:
    rates = [learning_rate(pricing, earlier, 100) for earlier in range(3)]
    assert rates == [150_000, 106_082, 86_605]
    posterior, seen = 50 * CENT, []
    for rate, price in zip(rates, (52, 53, 53), strict=True):
        posterior = learn(posterior, rate, price * CENT, taker_buys=True)
        seen.append(posterior)
    assert seen == [50_450_000, 50_826_591, 51_101_424]


def test_scenario_4_one_share_hardly_teaches(pricing: Pricing) -> None:
    """A tenth of the quantity from which a trade counts in full, so a tenth of the step."""
    rate = learning_rate(pricing, 0, 1)
    assert learn(50 * CENT, rate, 52 * CENT, taker_buys=True) == 50_045_000


def test_a_run_of_sales_at_one_price_still_moves_the_posterior_down(pricing: Pricing) -> None:
    assert learn(50 * CENT, 150_000, 50 * CENT, taker_buys=False) == 49_850_000


@pytest.mark.parametrize(("price", "buys", "end"), [(99, True, 95), (1, False, 5)])
def test_the_posterior_stays_between_5_and_95(price: int, buys: bool, end: int) -> None:
    posterior = 50 * CENT
    for _ in range(200):
        posterior = learn(posterior, 300_000, price * CENT, taker_buys=buys)
    assert posterior == end * CENT


def test_scenario_4_the_anchor_fades_and_the_others_take_over(pricing: Pricing) -> None:
    """At 15 minutes: 0.525 of 50, 0.2 of 51.4, 0.275 of 52."""
    quarter = HOUR // 4
    fair = fair_price(pricing, anchor=50 * CENT, posterior=52 * CENT, book=LEANING, age_ms=quarter)
    assert (fair.anchor_weight, fair.micro_weight, fair.price) == (525_000, 200_000, 50_830_000)
    alone = fair_price(pricing, anchor=50 * CENT, posterior=52 * CENT, book=ForeignBook(), age_ms=quarter)
    assert (alone.price, alone.micro) == (50_950_000, None)


def test_scenario_4_after_an_hour_the_anchor_is_gone(pricing: Pricing) -> None:
    """0.2 of 51.4 and 0.8 of 52."""
    assert microprice(pricing, LEANING) == 51_400_000
    fair = fair_price(pricing, anchor=50 * CENT, posterior=52 * CENT, book=LEANING, age_ms=HOUR)
    assert (fair.anchor_weight, fair.price) == (0, 51_880_000)
    assert anchor_weight(pricing, 10 * HOUR) == 0


def test_without_a_trade_the_anchor_speaks_for_the_posterior(pricing: Pricing) -> None:
    fair = fair_price(pricing, anchor=37 * CENT, posterior=None, book=ForeignBook(), age_ms=5 * HOUR)
    assert fair.price == 37 * CENT


def test_scenario_4_the_microprice_leans_to_the_thinner_side(pricing: Pricing) -> None:
    assert microprice(pricing, ForeignBook(BIDS, ASKS)) == 50_598_627
    assert microprice(pricing, ForeignBook(BIDS[:1], ASKS[:1])) == 50_666_667


def test_scenario_4_a_huge_far_order_is_capped(pricing: Pricing) -> None:
    book = ForeignBook(((48, 100), (40, 100_000)), ASKS)
    assert microprice(pricing, book) == 49_733_864


@pytest.mark.parametrize(
    "book",
    [
        ForeignBook(),
        ForeignBook(bids=BIDS),
        ForeignBook(asks=ASKS),
        ForeignBook(((48, 9),), ASKS),
        ForeignBook(((30, 100),), ((46, 100),)),
        ForeignBook(((53, 100),), ((52, 100),)),
    ],
    ids=["empty", "no asks", "no bids", "too thin", "too wide", "crossed"],
)
def test_a_book_that_says_little_has_no_microprice(pricing: Pricing, book: ForeignBook) -> None:
    assert microprice(pricing, book) is None


def test_our_own_orders_are_taken_out_of_the_book_first() -> None:
    """The feed may still show what we have cancelled: never below zero."""
    book = PublicBook({48: 100, 47: 50}, {52: 10})
    foreign = book.without({48: 100, 47: 20}, {52: 30})
    assert foreign == ForeignBook(bids=((47, 30),))


def update(kind: UpdateType, number: int, *bids: BookLevel) -> BookUpdate:
    return BookUpdate(kind, number, MARKET, 0, Levels(list(bids), []))


def test_a_missing_delta_is_noticed_and_a_snapshot_starts_again() -> None:
    book = PublicBook()
    assert not book.take(update(UpdateType.DELTA, 2, BookLevel(48, 5)), 0)
    assert book.take(update(UpdateType.SNAPSHOT, 1, BookLevel(48, 5), BookLevel(47, 7)), 0)
    assert book.take(update(UpdateType.DELTA, 2, BookLevel(48, 0)), 0)
    assert not book.take(update(UpdateType.DELTA, 4, BookLevel(47, 0)), 0)
    assert book.bids == {47: 7}


@pytest.mark.parametrize(
    ("fair", "expected"), [(50, 6_457_553), (30, 5_918_445), (10, 3_874_532), (5, 2_814_782)]
)
def test_scenario_5_volatility_is_damped_towards_the_edges(fair: int, expected: int) -> None:
    series = [price * CENT for price in (50, 53, 47, 52, 46, 54)]
    assert sigma(config().vol, series, fair * CENT) == expected


def test_too_few_samples_give_the_default_and_a_still_price_the_minimum() -> None:
    vol = config().vol
    assert sigma(vol, [50 * CENT] * 4, 50 * CENT) == 2 * CENT
    assert sigma(vol, [50 * CENT] * 6, 50 * CENT) == 1 * CENT
    assert sigma(vol, [50 * CENT, 90 * CENT] * 5, 50 * CENT) == 15 * CENT


@pytest.mark.parametrize(("sold", "expected"), [(425, 700_000), (426, 704_000)])
def test_scenario_5_vpin_of_500_shares(sold: int, expected: int) -> None:
    flow = Flow()
    flow.add(taker_sells=True, quantity=10**6, window=50)  # leaves the window and counts no more
    for quantity in [*[10] * 42, sold - 420]:
        flow.add(taker_sells=True, quantity=quantity, window=50)
    for quantity in [20 - (sold - 420), *[10] * 6]:
        flow.add(taker_sells=False, quantity=quantity, window=50)
    assert flow.vpin(50) == expected


def test_vpin_waits_for_a_full_window() -> None:
    flow = Flow()
    flow.add(taker_sells=True, quantity=10, window=50)
    assert flow.vpin(50) == 0


def test_a_range_forgets_what_left_its_window() -> None:
    watched = SlidingRange()
    for now, value in ((0, 50), (100, 58), (200, 54), (300, 51)):
        watched.add(now, value, 250)
    assert watched.range == 7
    watched.add(400, 52, 250)
    assert watched.range == 3
