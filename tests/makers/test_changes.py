"""The fewest changes from what rests to what is wanted, and that none of them stands in another's way."""

from typing import Any

from makers.quoter.decide import decide
from tests.makers.parts import order, steps, terms, view


def planned(wish: Any, *resting: Any, **seen: Any) -> list[str]:
    return steps(decide(terms(**wish), view(orders=resting, **seen)))


def test_what_is_near_enough_stays() -> None:
    """One cent of tolerance, and two shares of ten."""
    near = [order("a", "BUY YES 10 @47"), order("b", "BUY NO 12 @47")]
    assert planned({"refresh_tolerance_cents": 1}, *near) == []
    assert planned({}, *near) == ["a > BUY YES 10 @48"]
    assert planned({"refresh_tolerance_cents": 1, "qty_tolerance_pct": 19}, *near) == ["b > BUY NO 10 @47"]


def test_a_partly_filled_order_that_is_near_enough_stays() -> None:
    resting = [order("a", "BUY YES 12 @48", filled=4), order("b", "BUY NO 10 @47")]
    assert planned({}, *resting) == []


def test_an_order_with_fills_ends_and_another_is_placed() -> None:
    """The exchange would refuse to replace it."""
    resting = [order("a", "BUY YES 20 @47", filled=10), order("b", "BUY NO 10 @47")]
    assert planned({}, *resting) == ["cancel a", "BUY YES 10 @48"]


def test_the_rest_is_paired_from_the_outside_in() -> None:
    resting = [order("a", "BUY YES 10 @44"), order("b", "BUY YES 10 @43")]
    wish = {"levels": 3, "ceiling_price_cents": 49}
    assert planned(wish, *resting) == ["BUY YES 10 @48", "a > BUY YES 10 @47", "b > BUY YES 10 @46"]
    asks = [order("a", "BUY NO 10 @43"), order("b", "BUY NO 10 @42")]
    wish = {"levels": 3, "floor_price_cents": 50}
    assert planned(wish, *asks) == ["BUY NO 10 @47", "a > BUY NO 10 @46", "b > BUY NO 10 @45"]


def test_left_over_orders_are_cancelled() -> None:
    resting = [order("a", "BUY YES 10 @48"), order("b", "BUY YES 10 @40"), order("c", "BUY NO 10 @47")]
    assert planned({}, *resting) == ["cancel b"]


def test_a_sale_never_becomes_a_purchase() -> None:
    """Both stand on the buying side, and each is compared with its own kind: the purchase has no use."""
    resting = [order("a", "SELL NO 10 @50"), order("b", "BUY YES 10 @47"), order("c", "BUY NO 10 @47")]
    wish = {"inventory_skew": False, "refresh_tolerance_cents": 1}
    assert planned(wish, *resting, no=(10, 0)) == ["cancel b", "a > SELL NO 10 @52"]


def test_the_side_that_gives_way_goes_first() -> None:
    """All prices rise: the new bid stands where the old ask was, so the ask leaves first; and back again."""
    low = [order("a", "BUY YES 10 @48"), order("b", "BUY NO 10 @47")]
    risen = {"bids": [(53, 5)], "asks": [(58, 5)]}
    assert planned({}, *low, **risen) == ["b > BUY NO 10 @42", "a > BUY YES 10 @53"]
    high = [order("a", "BUY YES 10 @53"), order("b", "BUY NO 10 @42")]
    assert planned({}, *high) == ["a > BUY YES 10 @48", "b > BUY NO 10 @47"]


def test_inner_levels_go_first() -> None:
    wish = {"levels": 2, "ceiling_price_cents": 50}
    assert planned(wish) == ["BUY YES 10 @48", "BUY YES 10 @47"]


def test_what_would_stand_in_the_way_does_not_stay_however_near() -> None:
    """The ask at 52 is within five cents of the one that is wanted at 56; the bid is wanted at 53."""
    wish = {
        "refresh_tolerance_cents": 5,
        "bid_half_spread_cents": 1,
        "ask_half_spread_cents": 1,
    }
    resting = [order("a", "BUY YES 10 @50"), order("b", "BUY NO 10 @48")]
    moved = {"bids": [(54, 5)], "asks": [(55, 5)]}
    assert planned(wish, *resting, **moved) == ["b > BUY NO 10 @44"]


def test_of_two_that_would_do_the_nearer_stays() -> None:
    wish = {"refresh_tolerance_cents": 2, "ceiling_price_cents": 49}
    assert planned(wish, order("a", "BUY YES 10 @46"), order("b", "BUY YES 10 @47")) == ["cancel a"]


def test_an_order_that_cannot_grow_yet_keeps_its_place() -> None:
    """The bid is to grow by what the ask gives up, but has its turn before it: it grows a cycle later."""
    resting = [order("a", "BUY YES 10 @48"), order("b", "BUY NO 30 @47")]
    assert planned({"order_qty": 20}, *resting, cash=0) == ["b > BUY NO 19 @47"]
    resting = [order("a", "BUY YES 10 @48"), order("b", "BUY NO 19 @47")]
    assert planned({"order_qty": 20}, *resting, cash=1_894 - 481 - 895) == ["a > BUY YES 20 @48"]


def test_what_can_have_nothing_of_what_it_was_to_have_ends() -> None:
    """A bid of one share is to move up to a price that its cash does not pay."""
    resting = [order("a", "BUY YES 1 @40"), order("b", "BUY NO 30 @47")]
    assert planned({"order_qty": 20}, *resting, cash=0) == ["cancel a", "b > BUY NO 10 @47"]
