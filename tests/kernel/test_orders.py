"""Placing an order: every check, in its order, with its code, and nothing changed by a no."""

import pytest

from kernel.answers import Placed
from kernel.codes import (
    BookType,
    CancelReason,
    Code,
    Direction,
    FrozenAssetType,
    OrderStatus,
    Side,
    TimeInForce,
)
from tests.kernel.trading import SECOND, Trading

YES, NO, BUY, SELL = Side.YES, Side.NO, Direction.BUY, Direction.SELL


# The way into the book


@pytest.mark.parametrize(
    ("line", "book_type", "book_direction", "book_price"),
    [
        ("ann buys 1 YES at 65", BookType.NATIVE_BUY, BUY, 65),
        ("ann sells 1 YES at 67", BookType.NATIVE_SELL, SELL, 67),
        ("ann buys 1 NO at 35", BookType.SYNTHETIC_SELL, SELL, 65),
        ("ann sells 1 NO at 40", BookType.SYNTHETIC_BUY, BUY, 60),
        ("ann buys 1 NO at 1", BookType.SYNTHETIC_SELL, SELL, 99),
        ("ann buys 1 NO at 99", BookType.SYNTHETIC_SELL, SELL, 1),
    ],
)
def test_each_wish_enters_the_book_in_its_own_way(
    line: str, book_type: BookType, book_direction: Direction, book_price: int
) -> None:
    """To buy NO is to sell YES for the rest of 100, and the other way round."""
    market = Trading(AMM=10_000)  # which keeps both sides, so that it has either to sell
    market.play("AMM mints 10")
    order = market.answer(Placed, line.replace("ann", "AMM")).order.order
    assert (order.book_type, order.book_direction, order.book_price) == (
        book_type,
        book_direction,
        book_price,
    )


@pytest.mark.parametrize(
    ("line", "frozen"),
    [
        ("ann buys 100 YES at 65", 6_513),
        ("ann buys 100 NO at 38", 3_808),
        ("ann buys 5 YES at 50", 251),
    ],
)
def test_a_buy_freezes_its_price_and_the_largest_fee_that_could_be_due(line: str, frozen: int) -> None:
    """6500 + 13, 3800 + 8 (on the NO price, not on the book's), 250 + 1."""
    market = Trading(ann=10_000)
    order = market.answer(Placed, line).order
    assert (order.frozen_amount, order.order.frozen_asset_type) == (frozen, FrozenAssetType.FUNDS)
    assert market.holds("ann", available=10_000 - frozen, frozen=frozen)


def test_the_freeze_looks_at_the_larger_of_the_two_rates() -> None:
    """Maker 100 bps, taker 20: 5000 + 50, for the order may become either."""
    market = Trading(ann=10_000, maker_fee_bps=100)
    assert market.answer(Placed, "ann buys 100 YES at 50").order.frozen_amount == 5_050


def test_a_sell_sets_shares_aside_and_writes_no_ledger_entry() -> None:
    market = Trading(ann=10_000, ben=10_000)
    market.play("ann buys 30 NO at 50", "ben buys 30 YES at 50")
    entries = market.exchange.ledger_head
    order = market.answer(Placed, "ann sells 30 NO at 40").order
    assert (order.frozen_amount, order.order.frozen_asset_type) == (30, FrozenAssetType.NO_SHARES)
    assert market.holds("ann", no=30, no_pending=30, frozen=0)
    assert market.exchange.ledger_head == entries


# The checks, each against the next


def crowded() -> Trading:
    """A market in which ann can fail every check.

    She holds 90 of at most 100 YES, bids 20 for 1, offers 1 at 60, and has little cash left.
    """
    market = Trading(
        ann=5_000,
        ben=100_000,
        max_order_quantity=50,
        max_position_per_user=100,
        max_order_amount_cents=3_000,
        min_price_cents=5,
        max_price_cents=90,
    )
    for _ in range(3):
        market.play("ben buys 30 NO at 50", "ann buys 30 YES at 50")
    market.play("ann buys 1 YES at 20 as bid", "ann sells 1 YES at 60 as offer")
    market.create("DRAFT", activate=False)
    market.create("PAUSED")
    market.play("root suspends in PAUSED")
    return market


PAST_THE_LIMIT = "Position limit"
TOO_MANY = "Quantity out of range"
TOO_MUCH = "Order amount too large"


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        # P1 against P2: the name was used, and the market does not exist.
        ("ann buys 1 YES at 20 as bid in NOWHERE", Code.CLIENT_ORDER_ID_USED, "client_order_id bid"),
        # P2 against P3: a draft does not trade either; to traders it does not exist.
        ("ann buys 1 YES at 20 in DRAFT", Code.MARKET_NOT_FOUND, "Market not found"),
        ("ann buys 1 YES at 20 in NOWHERE", Code.MARKET_NOT_FOUND, "Market not found"),
        # P3 against P4: not trading, and no such price.
        ("ann buys 1 YES at 100 in PAUSED", Code.MARKET_NOT_OPEN, "Market does not accept"),
        # P4 against P5: price and quantity both out of range.
        ("ann buys 51 YES at 91", Code.PRICE_OUT_OF_RANGE, "Price out of range"),
        # P5 against P6: too many, and too much.
        ("ann buys 51 YES at 90", Code.LIMIT_EXCEEDED, TOO_MANY),
        # P6 against P7: too much, and more than one may hold.
        ("ann buys 50 YES at 61", Code.LIMIT_EXCEEDED, TOO_MUCH),
        # P7 against P8: more than one may hold, and it would meet one's own offer.
        ("ann buys 50 YES at 60", Code.LIMIT_EXCEEDED, PAST_THE_LIMIT),
        # P8 against P9: it would meet one's own offer, and there is no cash for it.
        ("ann buys 9 YES at 60", Code.SELF_TRADE, "Self-trade"),
        ("ann buys 9 YES at 59", Code.INSUFFICIENT_BALANCE, "Insufficient balance"),
        ("ann sells 50 YES at 20", Code.SELF_TRADE, "Self-trade"),
        ("ann sells 50 NO at 41", Code.INSUFFICIENT_SHARES, "Not enough free NO shares"),
        # P9 without an account comes last of all.
        ("nobody buys 51 YES at 50", Code.LIMIT_EXCEEDED, TOO_MANY),
        ("nobody buys 1 YES at 50", Code.ACCOUNT_NOT_FOUND, "No account"),
        ("nobody sells 1 YES at 50", Code.ACCOUNT_NOT_FOUND, "No account"),
        ("SYSTEM_RESERVE buys 1 YES at 50", Code.ACCOUNT_NOT_FOUND, "No account"),
    ],
)
def test_of_two_reasons_the_earlier_check_is_told(line: str, code: Code, message: str) -> None:
    market = crowded()
    market.play("ann withdraws 300")
    refusal = market.refused(line)
    assert refusal.code is code
    assert refusal.message.startswith(message)
    assert refusal.data is None


def test_a_refused_order_leaves_its_client_order_id_free() -> None:
    """A retry after topping up should work."""
    market = Trading(ann=100)
    assert market.refused("ann buys 10 YES at 50 as x").code is Code.INSUFFICIENT_BALANCE
    market.play("ann deposits 1000", "ann buys 10 YES at 50 as x")


# The edges of each check

HUGE = 10**30


@pytest.mark.parametrize("price", [-HUGE, -1, 0, 4, 91, 99, 100, 101, HUGE])
@pytest.mark.parametrize("side", Side)
def test_a_price_past_the_markets_edges_is_refused(price: int, side: Side) -> None:
    """The market allows 5 to 90, so also 10 to 95 for NO in the book: both views must fit."""
    market = crowded()
    assert market.refused(market.wish("ben", side, BUY, price=price)).code is Code.PRICE_OUT_OF_RANGE


@pytest.mark.parametrize(
    ("side", "price", "fits"),
    [(YES, 5, True), (YES, 90, True), (NO, 5, False), (NO, 9, False), (NO, 10, True), (NO, 90, True)],
)
def test_a_no_price_must_fit_in_both_views(side: Side, price: int, fits: bool) -> None:
    """NO at 5 is YES at 95 in the book, which this market does not allow."""
    market = Trading(ben=100_000, min_price_cents=5, max_price_cents=90)
    answer = market.do(market.wish("ben", side, BUY, price=price)).answer
    assert isinstance(answer, Placed) is fits


@pytest.mark.parametrize("quantity", [-HUGE, -1, 0, 51, 2**31, HUGE])
def test_a_quantity_past_the_edges_is_refused(quantity: int) -> None:
    market = crowded()
    refusal = market.refused(market.wish("ben", price=6, quantity=quantity))
    assert refusal.code is Code.LIMIT_EXCEEDED
    assert refusal.message.startswith(TOO_MANY)


@pytest.mark.parametrize(("quantity", "price"), [(1, 5), (50, 60)])
def test_at_the_edges_an_order_is_accepted(quantity: int, price: int) -> None:
    """1 and 50 of at most 50; 50 at 60 are exactly the 3000 that an order may come to."""
    market = crowded()
    assert isinstance(market.do(market.wish("ben", price=price, quantity=quantity)).answer, Placed)


def test_the_amount_limit_counts_the_users_own_price_for_buys_and_sells() -> None:
    """50 NO at 61 are 3050 although the book's price is 39."""
    market = crowded()
    for direction in Direction:
        refusal = market.refused(market.wish("ben", NO, direction, price=61, quantity=50))
        assert refusal.message == "Order amount too large: 3050 cents, allowed 3000"


def test_the_position_limit_counts_what_is_held_on_order_and_asked_for() -> None:
    """90 less the one sold short of the limit: 90 held, 1 on order, 9 more are 100, 10 more are not."""
    market = crowded()
    market.play("ann deposits 5000")
    assert market.refused("ann buys 10 YES at 10").message == (
        "Position limit: 91 held or on order, 10 more, allowed 100"
    )
    market.play("ann buys 9 YES at 10")


def test_the_position_limit_knows_each_side_for_itself_and_no_sells() -> None:
    market = Trading(ann=10_000, ben=10_000, max_position_per_user=10)
    market.play("ann buys 10 YES at 50", "ben buys 10 NO at 50")
    assert market.refused("ann buys 1 YES at 50").code is Code.LIMIT_EXCEEDED
    market.play("ann sells 10 YES at 90", "ann buys 10 NO at 5")


def test_a_filled_or_cancelled_order_no_longer_counts_for_the_limit() -> None:
    market = Trading(ann=10_000, ben=10_000, max_position_per_user=10)
    market.play("ann buys 10 YES at 40 as x")
    assert market.refused("ann buys 1 YES at 40").code is Code.LIMIT_EXCEEDED
    market.play("ben buys 4 NO at 60", "ann cancels x", "ann buys 6 YES at 40")
    assert market.refused("ann buys 1 YES at 40").code is Code.LIMIT_EXCEEDED


def test_available_cash_to_the_cent_is_enough() -> None:
    """5 at 50 need 251; 250 are not enough."""
    market = Trading(ann=251, ben=250)
    market.play("ann buys 5 YES at 50")
    refusal = market.refused("ben buys 5 YES at 50")
    assert refusal.message == "Insufficient balance: required 251 cents, available 250 cents"


def test_only_free_shares_can_be_offered() -> None:
    """10 held, 6 on offer: 4 are free and 5 are not; of NO there are none."""
    market = Trading(ann=10_000, ben=10_000)
    market.play("ann buys 10 YES at 50", "ben buys 10 NO at 50", "ann sells 6 YES at 90")
    assert market.refused("ann sells 5 YES at 91").message == "Not enough free YES shares: required 5, free 4"
    assert market.refused("ann sells 1 NO at 11").code is Code.INSUFFICIENT_SHARES
    market.play("ann sells 4 YES at 91")


# The trading window


@pytest.mark.parametrize(
    ("seconds", "open_"), [(-1, False), (0, True), (1, True), (99, True), (100, False), (101, False)]
)
def test_orders_are_taken_from_the_start_and_not_at_the_end(seconds: int, open_: bool) -> None:
    """trading_start_at <= now < trading_end_at."""
    market = Trading(ann=1_000)
    start = market.now + 1_000 * SECOND
    market.create("W", terms={"trading_start_at": start, "trading_end_at": start + 100 * SECOND})
    market.now = start + seconds * SECOND
    answer = market.do(market.wish("ann", market_id="W")).answer
    assert isinstance(answer, Placed) is open_
    if not isinstance(answer, Placed):
        assert answer == market.refused(market.wish("ann", market_id="W"))


def test_time_never_runs_backwards() -> None:
    """A clock that jumps back is overruled by the newest fact."""
    market = Trading(ann=1_000)
    market.play("ann buys 1 YES at 50")
    newest = market.facts[-1].at
    market.now -= 3_600 * SECOND
    market.do(market.wish("ann"))
    assert market.facts[-1].at == newest


# Self-trade


@pytest.mark.parametrize(
    ("resting", "line", "refused"),
    [
        ("ann sells 5 YES at 60", "ann buys 1 YES at 60", True),
        ("ann sells 5 YES at 60", "ann buys 1 YES at 59", False),
        ("ann buys 5 YES at 40", "ann sells 1 YES at 40", True),
        ("ann buys 5 YES at 40", "ann sells 1 YES at 41", False),
        ("ann buys 5 YES at 40", "ann buys 1 NO at 60", True),
        ("ann buys 5 YES at 40", "ann buys 1 NO at 59", False),
        ("ann buys 5 YES at 40", "ann buys 1 YES at 40", False),
    ],
)
def test_nobody_meets_their_own_order(resting: str, line: str, refused: bool) -> None:
    """At the price or better it would meet it; a cent further it would not, nor on the same side."""
    market = Trading(ann=10_000, ben=10_000)
    market.play("ann buys 10 YES at 50", "ben buys 10 NO at 50", resting)
    if refused:
        assert market.refused(line).code is Code.SELF_TRADE
    else:
        market.play(line)


def test_self_trade_is_judged_even_when_others_stand_in_front() -> None:
    market = Trading(ann=10_000, ben=10_000)
    market.play("ann buys 5 YES at 40", "ben buys 5 YES at 45")
    assert market.refused("ann buys 1 NO at 60").code is Code.SELF_TRADE


def test_after_a_cancel_the_order_that_stood_in_the_way_is_forgotten() -> None:
    market = Trading(ann=10_000)
    market.play("ann buys 5 YES at 40 as a", "ann buys 5 YES at 40 as b", "ann cancels a")
    assert market.refused("ann buys 1 NO at 60").code is Code.SELF_TRADE
    market.play("ann cancels b", "ann buys 1 NO at 60")


# Idempotency


def test_the_same_request_again_is_answered_with_the_order_as_it_is_now() -> None:
    market = Trading(ann=10_000, ben=10_000)
    market.play("ann buys 10 YES at 50 as x", "ben buys 4 NO at 50")
    answer = market.answer(Placed, "ann buys 10 YES at 50 as x")
    assert answer.repeated
    assert answer.netting is None
    assert (answer.order.status, answer.order.filled_quantity) == (OrderStatus.PARTIALLY_FILLED, 4)
    assert len(market.exchange.orders) == 2


@pytest.mark.parametrize(
    "line",
    [
        "ann buys 10 YES at 50 as x in N",
        "ann buys 10 NO at 50 as x",
        "ann sells 10 YES at 50 as x",
        "ann buys 10 YES at 51 as x",
        "ann buys 11 YES at 50 as x",
        "ann buys 10 YES at 50 IOC as x",
    ],
)
def test_the_same_name_for_another_request_is_refused(line: str) -> None:
    """All six members count: market, side, direction, price, quantity, time in force."""
    market = Trading(ann=10_000)
    market.create("N")
    market.play("ann buys 10 YES at 50 as x")
    assert market.refused(line).code is Code.CLIENT_ORDER_ID_USED


def test_a_name_is_used_for_ever_but_only_by_its_user() -> None:
    """Filled, cancelled or settled: the answer stays. Another user is free to use the same name."""
    market = Trading(ann=10_000, ben=10_000)
    market.play("ann buys 10 YES at 50 as x", "ann cancels x", "ben buys 1 YES at 40 as x")
    market.play("root resolves YES")
    assert market.answer(Placed, "ann buys 10 YES at 50 as x").order.status is OrderStatus.CANCELLED
    assert market.refused("ann buys 9 YES at 50 as x").code is Code.CLIENT_ORDER_ID_USED


# Immediate or cancel


def test_what_an_ioc_order_does_not_fill_at_once_is_gone() -> None:
    market = Trading(ann=10_000, ben=10_000)
    market.play("ben buys 4 NO at 50")
    head = market.exchange.head
    answer = market.answer(Placed, "ann buys 10 YES at 60 IOC as x")
    assert market.told(head) == ["ORDER_ACCEPTED", "ORDER_MATCHED", "ORDER_EXPIRED"]
    order = answer.order
    assert (order.status, order.cancel_reason) == (OrderStatus.CANCELLED, CancelReason.IOC_UNFILLED)
    assert (order.filled_quantity, order.remaining_quantity, order.frozen_amount) == (4, 6, 0)
    assert market.holds("ann", frozen=0, yes=4)
    assert market.market().book.best_bid is None


def test_an_ioc_order_that_meets_nobody_never_rests() -> None:
    market = Trading(ann=10_000)
    answer = market.answer(Placed, "ann buys 10 YES at 60 IOC")
    assert (answer.order.status, answer.order.filled_quantity) == (OrderStatus.CANCELLED, 0)
    assert market.holds("ann", available=10_000, frozen=0)


def test_an_ioc_order_that_fills_is_filled() -> None:
    market = Trading(ann=10_000, ben=10_000)
    market.play("ben buys 4 NO at 50")
    assert market.answer(Placed, "ann buys 4 YES at 50 IOC").order.status is OrderStatus.FILLED


def test_a_replayed_placement_ignores_the_time_in_force_default() -> None:
    """Leaving it out means GTC, so both spellings are the same request."""
    market = Trading(ann=10_000)
    wish = market.wish("ann", client_order_id="x")
    market.do(wish)
    again = market.do(market.wish("ann", client_order_id="x", time_in_force=TimeInForce.GTC)).answer
    assert isinstance(again, Placed)
    assert again.repeated
