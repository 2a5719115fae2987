"""The volatility halt: the published example, what stands, what ends it, and batches as one command."""

from typing import Any

import pytest

from kernel.answers import Batched, Refusal
from kernel.codes import CancelReason, CircuitBreakerTrigger, Code, MarketStatus, StatusReason, TimeInForce
from kernel.commands import ActivateMarket, AtomicBatch, PlaceOrder, Tick, TripBreaker
from kernel.due import is_due
from kernel.events import CircuitBreakerResolved, CircuitBreakerTriggered, MarketStatusChanged
from kernel.exchange import Exchange
from kernel.windows import TradeRange
from tests.kernel.language import command
from tests.kernel.trading import NOON, SECOND, Trading

ACTIVE, SUSPENDED, HALTED = MarketStatus.ACTIVE, MarketStatus.SUSPENDED, MarketStatus.HALTED
PAUSE = 300 * SECOND
TRIP = ["CIRCUIT_BREAKER_TRIGGERED", "MARKET_STATUS_CHANGED"]
GO_ON = ["CIRCUIT_BREAKER_RESOLVED", "MARKET_STATUS_CHANGED"]


def opened(**more: int) -> Trading:
    return Trading(ann=10**6, ben=10**6, AMM=10**6, **({"halt_move_cents": 8} | more))


def trade(market: Trading, second: int, price: int) -> None:
    market.now = NOON + second * SECOND
    for line in (f"ann buys 1 YES at {price}", f"ben buys 1 NO at {100 - price}"):
        market.do(command(market, line))


def paused(**more: int) -> Trading:
    """Traded at 50, 53 and 58 within 200 seconds."""
    market = opened(**more)
    for second, price in ((0, 50), (100, 53), (200, 58)):
        trade(market, second, price)
    return market


def tick(market: Trading) -> list[Any]:
    """What it brought about, which whoever sends ticks is told of beforehand."""
    due = is_due(market.market(), market.now)
    facts = market.do(Tick(at=market.now, market_id="M")).facts
    assert due is bool(facts)
    return [fact.event for fact in facts]


def test_the_published_example() -> None:
    """58 - 50 = 8: suspended, for five minutes."""
    market = paused()
    assert (market.status, market.market().pause_until) == (SUSPENDED, NOON + 200 * SECOND + PAUSE)
    assert market.told()[-2:] == TRIP
    triggered, changed = (fact.event for fact in market.facts[-2:])
    assert isinstance(triggered, CircuitBreakerTriggered)
    assert triggered.trigger_reason is CircuitBreakerTrigger.VOLATILITY
    assert triggered.context == {
        "lowest_cents": 50,
        "highest_cents": 58,
        "window_ms": 300_000,
        "move_cents": 8,
    }
    assert isinstance(changed, MarketStatusChanged)
    assert (changed.new_status, changed.reason, changed.by) == (SUSPENDED, StatusReason.CIRCUIT_BREAKER, None)
    assert changed.until == NOON + 200 * SECOND + PAUSE


def test_with_more_time_between_them_there_is_none() -> None:
    """301 seconds between the first and the third, 200 between the last two: 58 - 53 = 5."""
    market = opened()
    for second, price in ((0, 50), (101, 53), (301, 58)):
        trade(market, second, price)
    assert market.status is ACTIVE


@pytest.mark.parametrize(("price", "status"), [(57, ACTIVE), (58, SUSPENDED), (43, ACTIVE), (42, SUSPENDED)])
def test_it_is_the_distance_that_counts_and_in_both_directions(price: int, status: MarketStatus) -> None:
    market = opened()
    trade(market, 0, 50)
    trade(market, 1, price)
    assert market.status is status


def test_quotes_move_nothing() -> None:
    market = opened()
    trade(market, 0, 50)
    market.play("ann buys 1 YES at 1 as low", "ben buys 1 NO at 1", "ann cancels low", "AMM mints 10")
    assert market.status is ACTIVE


def test_without_the_term_there_is_no_halt() -> None:
    market = opened(halt_move_cents=0)
    trade(market, 0, 1)
    trade(market, 0, 99)
    assert market.status is ACTIVE


def test_in_the_middle_of_an_order_what_was_traded_stands() -> None:
    """The first level alone would have been enough; the order goes on to its end all the same, and rests."""
    market = opened()
    trade(market, 0, 50)
    market.play("ben buys 5 NO at 42", "ben buys 5 NO at 30", "ann buys 20 YES at 75 as sweep")
    assert market.prints()[-2:] == ["5@58", "5@70"]
    sweep = market.order("ann", "sweep")
    assert (sweep.is_live, sweep.remaining) == (True, 10)
    assert market.told()[-2:] == TRIP
    assert market.status is SUSPENDED


def test_in_a_pause_nobody_trades_and_everybody_may_leave() -> None:
    market = opened()
    market.play("ben buys 5 NO at 30 as ask", "ann buys 2 YES at 20 as bid")
    wish = market.wish("ann", price=20, time_in_force=TimeInForce.GTD, expires_at=NOON + 210 * SECOND)
    market.do(wish)
    for second, price in ((0, 50), (100, 53), (200, 58)):
        trade(market, second, price)
    for line in ("ann buys 1 YES at 30", "ann buys 1 YES at 70 IOC", "AMM mints 1"):
        assert market.refused(line).code is Code.MARKET_NOT_OPEN
    market.play("ann cancels bid")
    market.now = NOON + 210 * SECOND
    assert [event.cancel_reason for event in tick(market)] == [CancelReason.EXPIRED]
    assert market.status is SUSPENDED


def test_a_tick_ends_it_at_its_time_and_not_before() -> None:
    market = paused()
    market.now = NOON + 200 * SECOND + PAUSE - 1
    assert tick(market) == []
    market.now += 1
    resolved, changed = tick(market)
    assert isinstance(resolved, CircuitBreakerResolved)
    assert (resolved.resolved_by, resolved.resolution_note) == ("SYSTEM", "pause over")
    assert resolved.target_status is ACTIVE
    assert isinstance(changed, MarketStatusChanged)
    assert (changed.new_status, changed.reason) == (ACTIVE, StatusReason.CIRCUIT_BREAKER)
    assert (market.status, market.market().pause_until, market.market().open_breakers) == (ACTIVE, None, [])


def test_what_was_before_a_pause_counts_no_more() -> None:
    market = paused(halt_pause_ms=1)
    market.now += 1000
    tick(market)
    trade(market, 201, 51)
    assert market.status is ACTIVE
    trade(market, 202, 59)
    assert market.status is SUSPENDED


@pytest.mark.parametrize(("words", "note"), [("", "resumed"), (": all is well", "all is well")])
def test_an_administrator_ends_it_with_or_without_a_note(words: str, note: str) -> None:
    market = paused(halt_pause_ms=0)
    assert market.market().pause_until is None
    market.now += 1_000 * SECOND
    assert tick(market) == []
    head = market.exchange.head
    market.play(f"root resumes{words}")
    assert market.told(head) == GO_ON
    resolved = market.facts[-2].event
    assert isinstance(resolved, CircuitBreakerResolved)
    assert (resolved.resolved_by, resolved.resolution_note) == ("root", note)
    assert market.status is ACTIVE


def test_a_suspension_by_an_administrator_closes_nothing() -> None:
    market = opened()
    market.play("root suspends", "root resumes")
    assert "CIRCUIT_BREAKER_RESOLVED" not in market.told()


def test_a_halt_within_a_pause_ends_the_pause() -> None:
    """And whoever ends the halt closes the records of both."""
    market = paused()
    market.play("root halts")
    assert (market.status, market.market().pause_until) == (HALTED, None)
    market.now += 2 * PAUSE
    assert tick(market) == []
    market.play("root resumes to SUSPENDED: looked")
    resolved = market.facts[-2].event
    assert isinstance(resolved, CircuitBreakerResolved)
    assert resolved.breaker_ids == [1, 2]
    assert tick(market) == []
    head = market.exchange.head
    market.play("root resumes")
    assert market.told(head) == ["MARKET_STATUS_CHANGED"]


def test_the_end_of_a_pause_closes_the_record_of_that_alone() -> None:
    """What was found in a draft does not stop it, and stays on record until somebody has looked."""
    market = opened()
    market.create("D", terms={"halt_move_cents": 8}, activate=False)
    fault = CircuitBreakerTrigger.INVARIANT_SHARES
    market.do(TripBreaker(at=market.now, market_id="D", trigger=fault, context={}))
    market.do(ActivateMarket(at=market.now, market_id="D", by="root"))
    for price in (50, 58):
        market.play(f"ann buys 1 YES at {price} in D", f"ben buys 1 NO at {100 - price} in D")
    assert market.market("D").open_breakers == [1, 2]
    market.now += PAUSE
    market.do(Tick(at=market.now, market_id="D"))
    assert (market.market("D").status, market.market("D").open_breakers) == (ACTIVE, [1])


def test_a_resolution_within_a_pause_closes_its_record() -> None:
    market = paused()
    head = market.exchange.head
    market.play("root resolves NO")
    assert market.told(head)[:2] == GO_ON
    assert market.market().open_breakers == []


@pytest.mark.parametrize("pause_ms", [0, 300_000])
def test_when_trading_ends_within_a_pause_it_does_not_go_on(pause_ms: int) -> None:
    """The record is closed, and the market stays suspended."""
    end = NOON + 250 * SECOND
    market = paused(trading_end_at=end, halt_pause_ms=pause_ms)
    market.now = end - 1
    assert tick(market) == []
    market.now = end
    (resolved,) = tick(market)
    assert isinstance(resolved, CircuitBreakerResolved)
    assert resolved.target_status is SUSPENDED
    assert (market.status, market.market().pause_until) == (SUSPENDED, None)
    assert market.market().updated_at == end
    market.now += 2 * PAUSE
    assert tick(market) == []
    assert market.refused("root resumes").code is Code.TRANSITION_NOT_ALLOWED


def test_a_move_and_a_replacement_are_judged_as_well() -> None:
    for line in ("ann amends low at 58", "AMM replaces low, buying 1 YES at 58 as new"):
        who = line.split()[0]
        market = opened()
        trade(market, 0, 50)
        market.play(f"{who} buys 1 YES at 40 as low", "ben buys 1 NO at 42", line)
        assert market.told()[-2:] == TRIP, line


def placing(market: Trading, *prices: int) -> AtomicBatch:
    """Ann takes what ben offers."""
    wishes: list[PlaceOrder] = [market.wish("ann", price=price) for price in prices]
    return AtomicBatch(at=market.now, user_id="ann", market_id="M", commands=tuple(wishes))


def test_an_atomic_batch_is_judged_once_at_its_end() -> None:
    """What its first order traded would have closed the market to the second."""
    market = opened()
    trade(market, 0, 50)
    market.play("ben buys 1 NO at 42", "ben buys 1 NO at 41")
    outcome = market.do(placing(market, 58, 59))
    assert isinstance(outcome.answer, Batched)
    assert market.prints()[-2:] == ["1@58", "1@59"]
    assert market.told().count("CIRCUIT_BREAKER_TRIGGERED") == 1
    assert market.told()[-2:] == TRIP


def test_a_batch_that_is_undone_has_moved_nothing() -> None:
    """Neither does it pause the market, nor are its trades remembered."""
    market = opened()
    trade(market, 0, 50)
    market.play("ben buys 1 NO at 42")
    refused = market.do(placing(market, 58, 0)).answer
    assert isinstance(refused, Refusal)
    trade(market, 1, 43)
    assert market.status is ACTIVE


def test_it_outlives_a_snapshot() -> None:
    """Both what was traded, and the pause."""
    market = opened()
    trade(market, 0, 50)
    restored = Exchange.restore(market.exchange.snapshot())
    market.play("ann buys 1 YES at 58")
    taking = command(market, "ben buys 1 NO at 42")
    restored.execute(command(market, "ann buys 1 YES at 58"))
    restored.execute(taking)
    assert restored.markets["M"].status is SUSPENDED
    again = Exchange.restore(restored.snapshot())
    assert again.markets["M"].pause_until == market.now + PAUSE


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("halt_move_cents", 0, 98), ("halt_window_ms", 1_000, 86_400_000), ("halt_pause_ms", 0, 86_400_000)],
)
def test_the_terms_have_bounds(name: str, low: int, high: int) -> None:
    market = opened()
    for value in (low, high):
        market.create(f"M-{value}", terms={name: value})
    for value in (low - 1, high + 1):
        market.create(f"X-{value}", terms={name: value}, activate=False)
        assert f"X-{value}" not in market.exchange.markets


def test_the_slots_keep_what_was_traded_and_no_more() -> None:
    """Of slots of ten ticks; sixteen of them, the running one included."""
    trades = TradeRange(10)
    for at, price in ((5, 20), (9, 80), (150, 50), (159, 40)):
        trades.note(at, price)
    assert trades.extremes(159) == (20, 80)
    assert trades.extremes(160) == (40, 50)
    for at in range(160, 1_000):
        trades.note(at, 50)
    assert len(trades.slots) == 16
