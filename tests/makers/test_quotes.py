"""What an order offers: around which price, how much of it, and what backs it."""

from typing import Any

import pytest

from makers.quoter.decide import decide
from makers.quoter.quotes import wanted
from makers.quoter.terms import LayerChange, PriceSource
from tests.makers.parts import order, steps, terms, view, written


def quotes(wish: Any = None, **seen: Any) -> list[str]:
    return [written(quote) for quote in wanted(terms(**(wish or {})), view(**seen))]


def test_a_first_quote_is_paid_for_with_cash() -> None:
    """48 x 53 has its middle at 50.5: a bid at 48, and an ask at 53 by buying NO at 47."""
    first = view(cash=100_000)
    assert [written(one) for one in wanted(terms(), first)] == ["BUY YES 10 @48", "BUY NO 10 @47"]
    assert first.cost(48, 10) == 481
    assert first.cost(47, 10) == 471
    assert 100_000 - 481 - 471 == 99_048


def test_pairs_that_both_sides_have_bought_are_burned_first() -> None:
    """The example's next cycle: 10 pairs back to cash, and the same quote again."""
    plan = decide(terms(), view(cash=99_048, yes=10, no=10))
    assert steps(plan) == ["burn 10", "BUY YES 10 @48", "BUY NO 10 @47"]
    assert steps(decide(terms(), view(cash=99_048, yes=9, no=9)))[0] == "SELL NO 9 @52"
    assert decide(terms(auto_merge_min_pairs=0), view(yes=1_000, no=1_000)).burn == 0


def test_pairs_in_open_sells_are_not_burned() -> None:
    resting = [order("a", "SELL NO 10 @52"), order("b", "SELL YES 10 @53")]
    assert decide(terms(), view(yes=(10, 0), no=(10, 0), orders=resting)).is_empty


def test_inventory_leaves_before_more_is_bought() -> None:
    """Y 10, N 0 lean by 10 of 20: half as much is bid for, and half as much again is offered."""
    assert quotes(yes=10) == ["BUY YES 5 @48", "SELL YES 10 @53", "BUY NO 5 @47"]
    assert quotes(no=10) == ["SELL NO 10 @52", "BUY YES 5 @48", "BUY NO 5 @47"]
    assert quotes({"inventory_skew": False}, yes=10) == ["BUY YES 10 @48", "SELL YES 10 @53"]


def test_an_inventory_of_one_outcome_only_stops_the_bids() -> None:
    assert quotes({"max_position_per_side": 25_000}, yes=40) == ["SELL YES 20 @53"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (PriceSource.MID, ["BUY YES 10 @49", "BUY NO 10 @47"]),
        # 10 are bid for at 40 and 90 offered at 62: (40 x 90 + 62 x 10) / 100 = 42.2
        (PriceSource.MICRO, ["BUY YES 10 @40", "BUY NO 10 @55"]),
        (PriceSource.LAST, ["BUY YES 10 @55", "BUY NO 10 @41"]),
    ],
)
def test_the_price_comes_from_where_the_user_said(source: PriceSource, expected: list[str]) -> None:
    assert quotes({"price_source": source}, bids=[(40, 10)], asks=[(62, 90)], last=57) == expected


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        (PriceSource.MID, {"bids": []}),
        (PriceSource.MICRO, {"asks": []}),
        (PriceSource.LAST, {"last": None}),
    ],
)
def test_without_a_price_nothing_is_offered_and_what_rests_ends(source: PriceSource, seen: Any) -> None:
    resting = [order("a", "BUY YES 10 @48")]
    plan = decide(terms(price_source=source), view(orders=resting, **seen))
    assert steps(plan) == ["cancel a"]


def test_ones_own_orders_are_no_price() -> None:
    """Both best prices are our own; behind them others stand at 40 and 60."""
    resting = [order("a", "BUY YES 10 @48"), order("b", "BUY NO 10 @47")]
    seen = view(bids=[(40, 5)], asks=[(60, 5)], orders=resting)
    assert [written(one) for one in wanted(terms(), seen)] == ["BUY YES 10 @48", "BUY NO 10 @48"]
    alone = view(bids=[], asks=[], orders=resting)
    assert steps(decide(terms(), alone)) == ["cancel a", "cancel b"]


def test_nobody_is_taken() -> None:
    """The last trade was far above what is offered now: the bid stays a cent below the best ask."""
    assert quotes({"price_source": PriceSource.LAST}, last=70) == ["BUY YES 10 @52", "BUY NO 10 @28"]
    assert quotes({"price_source": PriceSource.LAST}, last=30) == ["BUY YES 10 @28", "BUY NO 10 @51"]


def test_levels_go_outward_and_grow_as_ordered() -> None:
    wish: dict[str, Any] = {"levels": 3, "level_step_cents": 4, "amount_change_per_layer": 5}
    assert quotes(wish)[::2] == ["BUY YES 10 @48", "BUY YES 15 @44", "BUY YES 20 @40"]
    wish |= {"amount_change_type": LayerChange.PERCENTAGE, "amount_change_per_layer": 25}
    assert quotes(wish)[1::2] == ["BUY NO 10 @47", "BUY NO 12 @43", "BUY NO 15 @39"]


def test_what_lies_outside_the_users_bounds_is_not_offered() -> None:
    wish = {"levels": 3, "level_step_cents": 4, "floor_price_cents": 44, "ceiling_price_cents": 56}
    assert quotes(wish) == ["BUY YES 10 @48", "BUY NO 10 @47", "BUY YES 10 @44"]
    assert quotes({"ceiling_price_cents": 45}) == ["BUY YES 10 @45"]
    assert quotes({"floor_price_cents": 60}) == ["BUY NO 10 @40"]


def test_a_market_with_bounds_keeps_both_outcomes_within_them() -> None:
    """From 10 to 99 NO may be bought at 10 or more, so nothing is asked for above 90."""
    wish = {"levels": 5, "level_step_cents": 5, "order_qty": 10}
    offered = wanted(terms(**wish), view(bids=[(80, 5)], asks=[(84, 5)], min_price_cents=10))
    assert [quote.yes_price for quote in offered if not quote.is_bid] == [84, 89]


def test_money_is_given_out_from_the_inside_and_to_the_bid_first() -> None:
    """1,000 cents: 481 for the bid, 471 for the ask, and of the next bid at 47 the one share that 48 pay."""
    assert quotes({"levels": 2}, cash=1_000) == ["BUY YES 10 @48", "BUY NO 10 @47", "BUY YES 1 @47"]
    assert quotes(cash=481) == ["BUY YES 10 @48"]
    assert quotes(cash=480) == ["BUY YES 9 @48"]


def test_what_rests_can_be_promised_again() -> None:
    resting = [order("a", "BUY YES 10 @48"), order("b", "BUY NO 10 @47")]
    assert quotes(cash=0, orders=resting) == ["BUY YES 10 @48", "BUY NO 10 @47"]


def test_limits_cut_what_is_bought() -> None:
    assert quotes(room=(3, 0)) == ["BUY YES 3 @48"]
    resting = [order("a", "BUY YES 7 @48")]
    assert quotes(room=(3, 0), orders=resting) == ["BUY YES 10 @48"]
    assert quotes({"max_position_per_side": 4}) == ["BUY YES 4 @48", "BUY NO 4 @47"]
    assert quotes({"max_position_per_side": 8, "order_qty": 20}, orders=resting)[0] == "BUY YES 8 @48"
    assert quotes(max_order_amount_cents=100) == ["BUY YES 2 @48", "BUY NO 2 @47"]
    assert quotes({"order_qty": 50}, max_order_quantity=20) == ["BUY YES 20 @48", "BUY NO 20 @47"]
    wish = {"max_position_per_side": 30, "auto_merge_min_pairs": 0, "inventory_skew": False}
    assert quotes(wish, yes=25, no=30) == ["SELL NO 10 @52", "SELL YES 10 @53"]
