"""Cancelling everything one has in a market, or what fits a filter."""

import pytest

from kernel.answers import AllCancelled, Netting, Unfinished
from kernel.codes import CancelReason, Code
from kernel.commands import CancelAll
from tests.kernel.trading import Trading


def quotes() -> Trading:
    """Ann has one order of each kind; eve has one, too."""
    market = Trading(ann=100_000, ben=100_000, eve=1_000, maker_fee_bps=0, taker_fee_bps=0)
    market.play(
        "ann buys 10 YES at 50",
        "ben buys 10 NO at 50",
        "ann buys 5 YES at 20 as yes",
        "ann buys 4 NO at 10 as no",
        "ann sells 3 YES at 95 as out",
        "eve buys 1 YES at 30 as theirs",
    )
    return market


@pytest.mark.parametrize(
    ("which", "gone", "funds", "shares"),
    [
        ("all", ["yes", "no", "out"], 140, 3),
        ("all buys", ["yes", "no"], 140, 0),
        ("all sells", ["out"], 0, 3),
        ("all of YES", ["yes", "out"], 100, 3),
        ("all of NO", ["no"], 40, 0),
        ("all buys of YES", ["yes"], 100, 0),
        ("all sells of NO", [], 0, 0),
    ],
)
def test_what_fits_the_filters_goes_in_acceptance_order(
    which: str, gone: list[str], funds: int, shares: int
) -> None:
    """Side and direction are those the user named, and together they narrow."""
    market = quotes()
    head = market.exchange.head
    answer = market.answer(AllCancelled, f"ann cancels {which}")
    assert answer == AllCancelled("M", len(gone), funds, shares, 0, None)
    order_ids = [getattr(fact.event, "order_id", None) for fact in market.facts if fact.id > head]
    assert order_ids == [market.order("ann", name).id for name in gone]
    assert {market.order("ann", name).cancel_reason for name in gone} <= {CancelReason.BATCH_CANCELLED}
    assert market.order("eve", "theirs").is_live


def test_no_match_is_success_and_a_repetition_harmless() -> None:
    market = quotes()
    market.play("ann cancels all")
    for who in ("ann", "ben"):
        assert market.answer(AllCancelled, f"{who} cancels all") == AllCancelled("M", 0, 0, 0, 0, None)


def test_other_markets_and_other_accounts_of_the_owner_are_left_alone() -> None:
    market = quotes()
    market.create("N")
    market.escrow("mm:1", "ann")
    market.play(
        "ann gives mm:1 500 cents",
        "ann buys 1 YES at 40 as n in N",
        "mm:1 buys 1 YES at 9 as sub with fence 0",
    )
    market.play("ann cancels all")
    assert market.order("ann", "n").is_live
    assert market.order("mm:1", "sub").is_live
    assert market.refused("mm:1 cancels all").code is Code.STALE_FENCE
    assert market.answer(AllCancelled, "mm:1 cancels all with fence 0").cancelled_count == 1


def test_shares_that_come_back_are_netted_and_told_over_all_portions() -> None:
    """The offers kept ann's YES from meeting her NO; each cancel sets free, and nets, what it held."""
    market = Trading(ann=100_000, ben=100_000, maker_fee_bps=0, taker_fee_bps=0)
    market.play("ann buys 10 YES at 50", "ben buys 10 NO at 50")
    market.play(*(f"ann sells {quantity} YES at 99" for quantity in (1, 2, 3, 4)))
    market.play("ann buys 10 NO at 40", "ben buys 10 YES at 60")
    market.exchange.portion = 1
    step = market.step(CancelAll(at=market.now, user_id="ann", market_id="M"))
    assert isinstance(step.answer, Unfinished)
    answer = market.do(step.answer.then).answer
    assert answer == AllCancelled("M", 4, 0, 10, 0, Netting(10, 1_000))


def test_an_order_that_comes_between_two_portions_is_not_meant() -> None:
    market = quotes()
    market.exchange.portion = 1
    step = market.step(CancelAll(at=market.now, user_id="ann", market_id="M"))
    assert isinstance(step.answer, Unfinished)
    market.play("ann buys 1 YES at 5 as late")
    answer = market.do(step.answer.then).answer
    assert isinstance(answer, AllCancelled)
    assert answer.cancelled_count == 3
    assert market.order("ann", "late").is_live


def test_a_market_that_is_halted_between_two_portions_keeps_what_is_left() -> None:
    market = quotes()
    market.exchange.portion = 1
    step = market.step(CancelAll(at=market.now, user_id="ann", market_id="M"))
    assert isinstance(step.answer, Unfinished)
    market.play("root halts")
    assert market.do(step.answer.then).answer == AllCancelled("M", 1, 100, 0, 0, None)


def test_what_is_wrong_is_found_in_its_order() -> None:
    market = quotes()
    market.create("D", activate=False)
    assert market.refused("ann cancels all in NOWHERE").code is Code.MARKET_NOT_FOUND
    assert market.refused("ann cancels all in D").code is Code.MARKET_NOT_FOUND
    market.play("root halts")
    assert market.refused("ann cancels all").code is Code.MARKET_NOT_OPEN


@pytest.mark.parametrize("line", ["root suspends", "root resolves YES without settling", "root voids"])
def test_it_succeeds_in_every_market_that_stands_or_is_over(line: str) -> None:
    market = quotes()
    market.play(line, "ann cancels all")
