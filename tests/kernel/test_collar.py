"""The price collar: the published example, each bound, and an average held against moment by moment."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.answers import Answer, Refusal
from kernel.codes import Code
from kernel.exchange import Exchange
from kernel.windows import AverageWindow, Prices, RecentWindow
from tests.kernel.language import command
from tests.kernel.trading import NOON, SECOND, Trading

BAND = {"reference_price_cents": 51, "lowest_cents": 46, "highest_cents": 55}


def at(market: Trading, second: int, *lines: str) -> list[Answer | Refusal]:
    market.now = NOON + second * SECOND
    return [market.do(command(market, line)).answer for line in lines]


def example() -> Trading:
    """Spot 50 for 45 seconds, 52 for 15; then asks 100@54, 150@56."""
    market = Trading(ann=10**6, ben=10**6, cat=10**6, collar_cents=5)
    at(market, 0, "ann buys 1 YES at 50", "ben buys 1 NO at 50", "cat buys 1 YES at 49 as bid")
    at(market, 0, "ben buys 1 NO at 49 as ask")
    at(market, 45, "cat cancels bid", "ben cancels ask", "cat buys 1 YES at 50", "ben buys 100 NO at 46")
    at(market, 45, "ben buys 150 NO at 44")
    market.now = NOON + 60 * SECOND
    return market


def test_the_published_example() -> None:
    """It trades at 54, refuses a walk that reaches 56, and a bid that would rest above the band."""
    market = example()
    too_far = market.refused("ann buys 200 YES at 99 IOC")
    assert (too_far.code, too_far.data) == (Code.OUTSIDE_COLLAR, BAND)
    resting = market.refused("ann buys 10 YES at 60")
    assert (resting.code, resting.data) == (Code.OUTSIDE_COLLAR, BAND)
    market.play("ann buys 10 YES at 40 as low")
    assert market.order("ann", "low").is_live
    market.play("ann buys 100 YES at 99 IOC as all")
    assert market.order("ann", "all").remaining == 0


@pytest.mark.parametrize(
    ("line", "refused"),
    [
        ("ann buys 1 YES at 55", False),
        ("ann buys 1 YES at 56", True),
        ("ann buys 1 NO at 50", False),
        ("ann buys 1 NO at 55", True),
        ("ann buys 1 NO at 1", False),
        ("ann buys 1 YES at 1", False),
        ("ann buys 101 YES at 99 IOC", True),
        ("ann buys 100 YES at 99 IOC", False),
    ],
)
def test_far_quotes_rest_on_the_passive_side_only(line: str, *, refused: bool) -> None:
    market = example()
    answer = at(market, 60, line)[0]
    assert (isinstance(answer, Refusal) and answer.code is Code.OUTSIDE_COLLAR) is refused


@pytest.mark.parametrize("line", ["ann buys 1 YES at 99", "ann buys 1 NO at 99"])
def test_there_is_no_collar_before_the_first_trade(line: str) -> None:
    market = Trading(ann=1_000, ben=1_000, collar_cents=1)
    market.play("ben buys 1 NO at 1", line)


def test_a_market_that_trades_again_forgets_what_was() -> None:
    """Its only price then is the one that stands: here the middle of 50 and 54, so 47 to 57."""
    market = example()
    market.play("root suspends", "root resumes")
    refusal = market.refused("ann buys 1 YES at 99")
    assert refusal.data == {"reference_price_cents": 52, "lowest_cents": 47, "highest_cents": 57}


def test_a_move_and_a_replacement_are_held_to_it_as_well() -> None:
    market = example()
    market.play("ann buys 1 YES at 40 as low")
    refusal = market.refused("ann amends low at 60")
    assert refusal.code is Code.OUTSIDE_COLLAR
    market.escrow("ann:1", "ann", fence=1)
    market.play("ann gives ann:1 1000 cents", "ann:1 buys 1 YES at 40 as low with fence 1")
    refusal = market.refused("ann:1 replaces low, buying 1 YES at 60 as new with fence 1")
    assert refusal.code is Code.OUTSIDE_COLLAR
    assert market.order("ann:1", "low").is_live


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_the_slots_hold_what_stood_moment_by_moment(seed: int) -> None:
    """Of slots of ten ticks; in whatever steps it was added."""
    dice = random.Random(seed)
    window, stood, now = RecentWindow(10), dict[int, int](), 1_000
    for _ in range(30):
        price, time = dice.randint(2, 198), dice.choice((0, 1, 3, 9, 10, 11, 45, 161, 500))
        if dice.random() < 0.8:
            if time:
                window.add(price, now, now + time)
            stood |= dict.fromkeys(range(now, now + time), price)
        now += time
        oldest = (now // 10 - 15) * 10
        expected = [price for moment, price in stood.items() if moment >= oldest]
        kept = window.kept(now)
        assert sum(slot[1] for slot in kept) == sum(expected)
        assert sum(slot[2] for slot in kept) == len(expected)
        assert len(window.slots) <= 16


@pytest.mark.parametrize(("ask", "refused"), [(55, False), (56, True)])
def test_the_edge_of_the_band_is_inside(ask: int, *, refused: bool) -> None:
    """The price was 50 all the time, and five cents are allowed."""
    market = Trading(ann=10**6, ben=10**6, collar_cents=5)
    at(market, 0, "ann buys 1 YES at 50", "ben buys 1 NO at 50", f"ben buys 1 NO at {100 - ask}")
    (answer,) = at(market, 9, "ann buys 1 YES at 99 IOC")
    assert isinstance(answer, Refusal) is refused


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_what_is_asked_is_what_would_be_added_up(seed: int) -> None:
    """Whenever it is asked: amid quick changes of a quoted market, and long after them."""
    dice, now = random.Random(seed), 1_000
    prices = Prices(now, None, None, AverageWindow(10_000), RecentWindow(10))
    prices.switch(now, is_active=True)
    for _ in range(20):
        prices.change(now, 1 << dice.randint(1, 40), dice.choice((0, 1 << 60)), None)
        now += dice.choice((0, 1, 2, 5, 30))
        then = now + dice.choice((0, 3, 100, 155, 200))
        recent = prices.as_of(then).recent
        assert recent is not None
        kept = recent.kept(then)
        expected = sum(slot[1] for slot in kept), sum(slot[2] for slot in kept)
        assert prices.recently(then, 7) == (expected if expected[1] else (7, 1))


def test_a_collar_outlives_a_snapshot_and_a_replay() -> None:
    market = example()
    wish = command(market, "ann buys 200 YES at 99 IOC")
    for exchange in (market.exchange, market.replica, Exchange.restore(market.exchange.snapshot())):
        answer = exchange.execute(wish).answer
        assert isinstance(answer, Refusal)
        assert answer.data == BAND
