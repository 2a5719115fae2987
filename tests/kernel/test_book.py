"""Matching: price before time, the maker's price, and a book that is never crossed."""

import pytest

from kernel.book import Book, best_of
from kernel.codes import OrderStatus, TradeScenario
from kernel.market import Order
from tests.kernel.trading import Trading


def traders(**terms: int) -> Trading:
    """Ann and ben with cash, cat and dan with shares of both kinds between them: cat YES, dan NO."""
    market = Trading(ann=100_000, ben=100_000, cat=100_000, dan=100_000, **terms)
    market.play("cat buys 1000 YES at 50", "dan buys 1000 NO at 50")
    return market


def last(market: Trading) -> tuple[TradeScenario, int]:
    trade = market.trades[-1]
    return trade.scenario, trade.price


# Who meets whom: maker first, taker second


@pytest.mark.parametrize(
    ("maker", "taker", "scenario", "price"),
    [
        ("ann buys 10 YES at 65", "ben buys 10 NO at 38", TradeScenario.MINT, 65),
        ("ben buys 10 NO at 38", "ann buys 10 YES at 65", TradeScenario.MINT, 62),
        ("cat sells 10 YES at 60", "ann buys 10 YES at 65", TradeScenario.TRANSFER_YES, 60),
        ("dan sells 10 NO at 40", "ben buys 10 NO at 42", TradeScenario.TRANSFER_NO, 60),
        ("dan sells 10 NO at 35", "cat sells 10 YES at 63", TradeScenario.BURN, 65),
    ],
)
def test_each_pair_of_wishes_meets_in_its_scenario_at_the_makers_price(
    maker: str, taker: str, scenario: TradeScenario, price: int
) -> None:
    """Prices are in cents of YES; the taker keeps whatever is better than its own limit."""
    market = traders()
    market.play(maker, taker)
    assert last(market) == (scenario, price)


def test_wishes_that_do_not_meet_both_rest() -> None:
    market = traders()
    market.play("ann buys 10 YES at 50", "cat sells 10 YES at 60")
    assert market.market().book.depth() == ([(50, 10)], [(60, 10)])


def test_a_taker_walks_the_book_from_the_best_price_on() -> None:
    """BUY YES 200 @65 against asks 50@55, 80@60, 100@65: three trades, the last in part."""
    market = traders()
    market.play("cat sells 100 YES at 65", "cat sells 50 YES at 55", "cat sells 80 YES at 60")
    trades = len(market.trades)
    market.play("ann buys 200 YES at 65")
    assert market.prints()[trades:] == ["50@55", "80@60", "70@65"]
    assert market.market().book.depth() == ([], [(65, 30)])


def test_a_seller_walks_down_from_the_highest_bid() -> None:
    market = traders()
    market.play("ann buys 5 YES at 40", "ann buys 5 YES at 45", "ben buys 5 YES at 42")
    trades = len(market.trades)
    market.play("cat sells 12 YES at 40")
    assert market.prints()[trades:] == ["5@45", "5@42", "2@40"]


def test_at_one_price_the_first_come_is_the_first_served() -> None:
    market = traders()
    market.play("ann buys 5 YES at 40 as a", "ben buys 5 YES at 40 as b", "ann buys 5 YES at 40 as c")
    market.play("cat sells 7 YES at 40")
    assert market.order("ann", "a").status is OrderStatus.FILLED
    assert market.order("ben", "b").remaining == 3
    assert market.order("ann", "c").status is OrderStatus.OPEN


def test_the_time_that_counts_is_acceptance_whatever_the_kind_of_order() -> None:
    """A buy of NO at 60 and a sale of YES at 40 stand in the same queue."""
    market = traders()
    market.play("ann buys 5 NO at 60 as a", "cat sells 5 YES at 40 as b", "ben buys 6 YES at 40")
    assert market.order("ann", "a").status is OrderStatus.FILLED
    assert market.order("cat", "b").remaining == 4


def test_a_partly_filled_maker_keeps_its_place() -> None:
    market = traders()
    market.play("ann buys 5 YES at 40 as a", "ben buys 5 YES at 40 as b")
    market.play("cat sells 2 YES at 40", "cat sells 3 YES at 40")
    assert market.order("ann", "a").status is OrderStatus.FILLED
    assert market.order("ben", "b").status is OrderStatus.OPEN


def test_a_cancel_from_the_middle_of_a_queue_leaves_the_others_in_order() -> None:
    market = traders()
    market.play("ann buys 5 YES at 40 as a", "ben buys 5 YES at 40 as b", "ann buys 5 YES at 40 as c")
    market.play("ben cancels b", "cat sells 6 YES at 40")
    assert market.order("ann", "a").status is OrderStatus.FILLED
    assert market.order("ann", "c").remaining == 4
    assert market.market().book.depth() == ([(40, 4)], [])


def test_what_is_left_of_a_taker_joins_the_back_of_its_price() -> None:
    market = traders()
    market.play("cat sells 5 YES at 40", "ben buys 1 YES at 30 as b")
    market.play("ann buys 9 YES at 40 as a", "ben buys 1 YES at 40 as c", "cat sells 4 YES at 40")
    assert market.order("ann", "a").status is OrderStatus.FILLED
    assert market.order("ben", "c").status is OrderStatus.OPEN


def test_a_taker_meets_at_its_limit_and_not_beyond() -> None:
    market = traders()
    market.play("cat sells 5 YES at 41", "ann buys 5 YES at 40")
    assert market.market().book.depth() == ([(40, 5)], [(41, 5)])
    market.play("ann buys 5 YES at 41")
    assert market.market().book.depth() == ([(40, 5)], [])


def test_the_book_serves_the_outermost_prices() -> None:
    """1 and 99 are prices like any other."""
    market = traders()
    market.play("ann buys 3 YES at 1", "cat sells 3 YES at 99")
    assert market.market().book.depth() == ([(1, 3)], [(99, 3)])
    market.play("cat sells 3 YES at 1", "ann buys 3 YES at 99")
    assert market.prints()[-2:] == ["3@1", "3@99"]
    assert market.market().book.depth() == ([], [])


def test_depth_adds_up_a_price_and_lists_the_best_first() -> None:
    market = traders()
    market.play("ann buys 3 YES at 20", "ben buys 4 YES at 20", "ann buys 1 YES at 25")
    market.play("cat sells 2 YES at 70", "ann buys 5 NO at 35")
    assert market.market().book.depth() == ([(25, 1), (20, 7)], [(65, 5), (70, 2)])
    assert (market.market().book.best_bid, market.market().book.best_ask) == (25, 65)


def test_an_empty_book_has_no_best_price() -> None:
    book = Book[Order]()
    assert (book.best_bid, book.best_ask, book.depth()) == (None, None, ([], []))


@pytest.mark.parametrize(
    ("mask", "low", "high"),
    [(0, None, None), (1 << 1, 1, 1), (1 << 99, 99, 99), (1 << 7 | 1 << 64, 7, 64)],
)
def test_best_prices_are_the_ends_of_the_mask(mask: int, low: int | None, high: int | None) -> None:
    assert (best_of(mask, is_bids=False), best_of(mask, is_bids=True)) == (low, high)


def test_markets_do_not_share_a_book() -> None:
    market = traders()
    market.create("N")
    market.play("ann buys 5 YES at 60 in N", "ben buys 5 NO at 60")
    assert market.market("N").book.depth() == ([(60, 5)], [])
    assert market.market("M").book.depth() == ([], [(40, 5)])
