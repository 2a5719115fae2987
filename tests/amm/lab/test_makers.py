"""The plain makers quote what their formulas say, and never lose more than those allow."""

import math

import pytest

from amm.brain.arithmetic import CENT, ONE
from amm.brain.quoting.ladder import Side, Target
from amm.lab.makers import NAIVE_QUANTITY, LmsrMaker, NaiveMaker, Rule, lmsr_depth, log_odds


def test_log_odds_are_those_of_the_textbook() -> None:
    for price in (1, 10, 50, 73, 99):
        assert log_odds(price) == pytest.approx(math.log(price / (100 - price)) * ONE, abs=2)


def test_the_rule_sells_what_moves_its_price_to_the_next_cent() -> None:
    """b = 1000: from 50 to 51 the odds grow by ln(51/49) = 0.0400, so 40 shares; to 60, ln 1.5, 405."""
    rule = Rule.of(1_000, 50)
    assert rule.sold_at[49] == 0
    assert rule.sold_at[50] == 40
    assert rule.sold_at[59] == 405
    assert rule.sold_at[39] == -406  # rounded down on both sides


def test_the_rule_knows_its_price_from_what_it_has_sold() -> None:
    rule = Rule.of(1_000, 50)
    assert rule.price(0) == 50 * CENT
    assert rule.price(40) == 51 * CENT
    assert rule.price(20) == 50_500_000
    assert rule.price(10**9) == 99 * CENT
    assert rule.price(-(10**9)) == CENT


def test_the_rule_offers_each_cent_what_it_would_sell_up_to_it() -> None:
    offers = Rule.of(1_000, 50).offers(0)
    assert offers[Side.ASK][:2] == [Target(51, 40), Target(52, 40)]
    assert len(offers[Side.ASK]) == len(offers[Side.BID]) == 10
    assert offers[Side.BID][0].price == 51  # a bid for YES at 49


def test_what_was_taken_halfway_is_offered_from_there() -> None:
    """15 of the 40 at 51 are gone: 25 are left there, and NO is offered back from where the price stands."""
    offers = Rule.of(1_000, 50).offers(15)
    assert offers[Side.ASK][0] == Target(51, 25)
    assert offers[Side.BID][0] == Target(50, 15)


def test_the_rule_ends_at_1_and_99() -> None:
    rule = Rule.of(100, 97)
    assert [target.price for target in rule.offers(0)[Side.ASK]] == [98, 99]
    assert rule.offers(10**6)[Side.ASK] == []


@pytest.mark.parametrize("start", [50, 20, 90])
def test_the_rule_loses_no_more_than_it_was_allowed(start: int) -> None:
    """Everybody buys what comes true, up to the last cent: 100 cents a share are paid for what it got."""
    most = 40_000
    rule = Rule.of(lmsr_depth(most, start), start)
    for outcome in Side:
        sold, received = 0, 0
        while offers := rule.offers(sold if outcome is Side.ASK else -sold)[outcome]:
            received += offers[0].price * offers[0].quantity
            sold += offers[0].quantity
        assert 100 * sold - received <= most


def test_a_naive_quote_stays_as_far_from_the_last_price_as_ever() -> None:
    maker = NaiveMaker(1_000, 1_000, middle=50)
    assert maker.quote() == {
        Side.ASK: [Target(52, NAIVE_QUANTITY)],
        Side.BID: [Target(52, NAIVE_QUANTITY)],
    }
    maker.hit(52)
    assert maker.quote()[Side.ASK] == [Target(54, NAIVE_QUANTITY)]
    assert maker.quote()[Side.BID] == [Target(50, NAIVE_QUANTITY)]
    maker.hit(99)
    assert maker.quote()[Side.ASK] == [Target(99, NAIVE_QUANTITY)]


def test_a_plain_maker_asks_for_pairs_once_when_it_runs_short() -> None:
    maker = LmsrMaker(100, 1_000, rule=Rule.of(1_000, 50))
    first = [type(command).__name__ for command in maker.call([], 0)]
    assert first[0] == "Mint"
    assert maker.call([], 1) == []
