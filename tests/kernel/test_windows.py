"""The price of a market, and its average over the trading time: held against sums over every moment."""

import random
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.codes import MarketStatus, Side
from kernel.commands import AnyCommand, CancelOrder, ResumeMarket, SuspendMarket, Tick
from kernel.exchange import Exchange
from kernel.market import Market
from kernel.windows import VOID_SLOTS, Prices, slot_length, spot_of
from tests.kernel.trading import NOON, SECOND, Trading

SLOT = 625_000
"""Of a window of a minute."""
MINUTE = 60 * SECOND


@pytest.mark.parametrize(
    ("bid", "ask", "last", "half_cents"),
    [
        pytest.param(None, None, None, 100, id="before the first trade"),
        pytest.param(None, None, 65, 130, id="the last trade"),
        pytest.param(58, 61, 65, 119, id="the middle, whatever was traded"),
        pytest.param(1, 99, None, 100, id="a wide middle"),
        pytest.param(1, 2, None, 3, id="the lowest middle"),
        pytest.param(98, 99, None, 197, id="the highest middle"),
        pytest.param(65, None, None, 130, id="a lone bid beats the first price"),
        pytest.param(40, None, 65, 130, id="a lone bid below the last trade"),
        pytest.param(99, None, 1, 198, id="the highest"),
        pytest.param(None, 40, None, 80, id="a lone ask beats the first price"),
        pytest.param(None, 70, 65, 130, id="a lone ask above the last trade"),
        pytest.param(None, 1, 99, 2, id="the lowest"),
    ],
)
def test_the_price_of_a_book(bid: int | None, ask: int | None, last: int | None, half_cents: int) -> None:
    assert spot_of(bid, ask, last) == half_cents


@given(
    others=st.tuples(st.integers(1, 98), st.integers(2, 99)).filter(lambda pair: pair[0] < pair[1]),
    mine=st.lists(st.tuples(st.booleans(), st.integers(1, 99)), max_size=5),
)
def test_whoever_quotes_between_others_moves_the_price_no_further_than_half_a_cent_inside(
    others: tuple[int, int], mine: list[tuple[bool, int]]
) -> None:
    bid, ask = others
    best_bid, best_ask = others
    for is_bid, price in mine:  # one that meets a quote trades, and does not come to stand
        if is_bid and price < best_ask:
            best_bid = max(best_bid, price)
        elif not is_bid and price > best_bid:
            best_ask = min(best_ask, price)
    assert 2 * bid + 1 <= spot_of(best_bid, best_ask, None) <= 2 * ask - 1


# The average


class Moment(NamedTuple):
    """What stood from then on, as a plain book tells it."""

    at: int
    half_cents: int
    is_two_sided: bool
    is_active: bool


def moment(at: int, market: Market) -> Moment:
    book, last = market.book, market.last_trade_price
    bid, ask, last = book.best_bid, book.best_ask, 50 if last is None else last
    if bid is not None and ask is not None:
        half_cents = bid + ask
    elif bid is not None:
        half_cents = 2 * max(bid, last)
    else:
        half_cents = 2 * (last if ask is None else min(ask, last))
    return Moment(at, half_cents, bool(bid and ask), market.status is MarketStatus.ACTIVE)


def added_up(moments: list[Moment], until: int, start: int, end: int) -> tuple[int, int, int]:
    """Trading time, and the sums of the last 96 slots: interval by interval, slot by slot."""
    time, pieces = 0, list[tuple[int, int, int]]()
    for now, after in zip(moments, [*moments[1:], moments[-1]._replace(at=until)], strict=True):
        begin, stop = max(now.at, start), min(after.at, end)
        while now.is_active and begin < stop:
            step = min(stop - begin, SLOT - time % SLOT)
            pieces.append((time // SLOT, now.half_cents * step, step if now.is_two_sided else 0))
            time += step
            begin += step
    oldest = max(0, time // SLOT - 95)
    kept = [piece for piece in pieces if piece[0] >= oldest]
    return time, sum(piece[1] for piece in kept), sum(piece[2] for piece in kept)


def told(prices: Prices) -> tuple[int, int, int]:
    average = prices.average
    assert len(average.sums) == len(average.two_sided) == min(average.time // SLOT, 95) + 1
    assert average.impossible_slots() == []
    return average.time, sum(average.sums), sum(average.two_sided)


PAUSES = [0, 0, 1, 999, SLOT - 1, SLOT, SLOT + 1, 5 * SLOT, 40 * SECOND, MINUTE, 2 * MINUTE, 500 * MINUTE]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), window=st.sampled_from([(None, None), (30, 90), (0, 1), (600, 601)]))
def test_the_average_is_what_stood_when_added_up_moment_by_moment(
    seed: int, window: tuple[int | None, int | None]
) -> None:
    """Whatever is traded, quoted and stopped: live, replayed, and restored half-way."""
    dice = random.Random(seed)
    opens, ends = (None if each is None else NOON + each * SECOND for each in window)
    terms = {"void_window_ms": 60_000}
    if opens is not None and ends is not None:
        terms |= {"trading_start_at": opens, "trading_end_at": ends}
    day = Trading(ann=10**6, ben=10**6, **terms)
    live, replayed, restored = day.exchange, day.replica, Exchange.restore(day.exchange.snapshot())
    market = live.markets["M"]
    moments = [moment(NOON, market)]
    for _ in range(30):
        day.now += dice.choice(PAUSES)
        resting = [order.id for order in live.orders.values() if order.is_live]
        wishes: list[AnyCommand] = [
            day.wish(
                dice.choice(("ann", "ben")),
                dice.choice(list(Side)),
                price=dice.randint(20, 80),
                quantity=dice.randint(1, 9),
            ),
            CancelOrder(at=day.now, user_id="ann", order_id=dice.choice(["none", *resting])),
            CancelOrder(at=day.now, user_id="ben", order_id=dice.choice(["none", *resting])),
            SuspendMarket(at=day.now, market_id="M", by="root"),
            ResumeMarket(at=day.now, market_id="M", by="root"),
            Tick(at=day.now, market_id="M"),
        ]
        wish = dice.choices(wishes, [6, 2, 2, 1, 2, 1])[0]
        facts = live.execute(wish).facts
        for fact in facts:
            replayed.apply(fact)
            restored.apply(fact)
            day.history.add(fact)
        moments.append(moment(day.now, market))
        if dice.random() < 0.2:
            restored = Exchange.restore(live.snapshot())
    until = day.now + dice.choice(PAUSES)
    digest = live.digest()
    expected = added_up(moments, until, opens or 0, ends or until)
    for exchange in (live, replayed, restored):
        assert told(exchange.markets["M"].prices.as_of(until)) == expected
        assert exchange.digest() == digest, "looking changes nothing"
    assert live.audit(day.history) == []


def test_slots_are_rounded_up_so_that_none_is_empty() -> None:
    assert slot_length(86_400_000, 96) == 900 * SECOND
    assert slot_length(60_000, 96) == SLOT
    assert slot_length(60_001, 96) == 625_011


def test_a_year_of_silence_is_added_in_no_time() -> None:
    """The server was down, or nobody came: the book stood, slot for slot."""
    day = Trading(ann=1_000, void_window_ms=60_000)
    day.play("ann buys 1 YES at 60")
    day.now += 365 * 24 * 60 * MINUTE
    day.play("ann buys 1 YES at 61")
    average = day.market().prices.average
    assert average.time == day.now - NOON
    assert len(average.sums) == VOID_SLOTS
    assert set(average.sums[:-1]) == {120 * SLOT}


def test_nothing_counts_while_the_market_does_not_trade() -> None:
    """A day's suspension at another price leaves the average where it was."""
    day = Trading(ann=1_000)
    day.play("ann buys 1 YES at 60 as bid", "root suspends", "ann cancels bid")
    day.now += 24 * 60 * MINUTE
    average = day.market().prices.as_of(day.now).average
    assert (average.time, average.sums) == (2 * SECOND, [100 * SECOND + 120 * SECOND])
