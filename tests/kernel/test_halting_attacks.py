"""What might be tried with a volatility halt, many times: it takes nothing back and moves no payout."""

import random
from collections.abc import Iterator, Sequence

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.answers import Refusal, Resolved
from kernel.codes import CancelReason, Code, MarketStatus, Side, TimeInForce
from kernel.commands import AtomicBatch, PlaceOrder, Tick, VoidMarket
from kernel.events import Event, Fill, OrderCancelled, event_type
from tests.kernel.trading import NOON, SECOND, Trading

MINUTE = 60 * SECOND
TRIP = ["CIRCUIT_BREAKER_TRIGGERED", "MARKET_STATUS_CHANGED"]
few = settings(max_examples=30, deadline=None)
seeds = st.integers(0, 2**32)


def opened(**terms: int) -> Trading:
    return Trading(ann=10**6, ben=10**6, cat=10**6, **terms)


def wishes(market: Trading, dice: random.Random) -> tuple[PlaceOrder, ...]:
    """Of one user, some of which meet what others left."""
    who = dice.choice(("ann", "ben", "cat"))
    return tuple(
        market.wish(who, dice.choice([*Side]), price=dice.randint(42, 58), quantity=dice.randint(1, 9))
        for _ in range(dice.randint(1, 4))
    )


def sent(market: Trading, seed: int) -> Iterator[PlaceOrder | AtomicBatch]:
    """Orders, alone or several at one moment."""
    dice = random.Random(seed)
    for _ in range(30):
        market.now += dice.randrange(2 * SECOND)
        orders = wishes(market, dice)
        if len(orders) == 1:
            yield orders[0]
        else:
            yield AtomicBatch(at=market.now, user_id=orders[0].user_id, market_id="M", commands=orders)


def trades(events: Sequence[Event]) -> list[int]:
    return [event.trade_price for event in events if isinstance(event, Fill)]


@few
@given(seed=seeds, move=st.integers(1, 10))
def test_a_market_that_pauses_has_done_all_that_one_without_a_halt_does(seed: int, move: int) -> None:
    """To the last fact of the command that moved it too far, by whichever of its orders; then it stops."""
    halting, other = opened(halt_move_cents=move, halt_window_ms=86_400_000), opened()
    prices: list[int] = []
    for one, another in zip(sent(halting, seed), sent(other, seed), strict=True):
        outcome, same = halting.exchange.execute(one), other.exchange.execute(another)
        events = [fact.event for fact in outcome.facts]
        prices += trades(events)
        assert type(outcome.answer) is type(same.answer)
        if halting.status is MarketStatus.SUSPENDED:
            assert [event_type(event) for event in events[-2:]] == TRIP
            assert events[:-2] == [fact.event for fact in same.facts]
            assert max(prices) - min(prices) >= move
            late = halting.exchange.execute(msgspec.structs.replace(halting.wish("ann"), at=halting.now))
            assert isinstance(late.answer, Refusal)
            assert late.answer.code is Code.MARKET_NOT_OPEN
            return
        assert events == [fact.event for fact in same.facts]
        assert not prices or max(prices) - min(prices) < move


@few
@given(quoted=st.integers(11, 90), paused=st.integers(0, 600), bid=st.integers(30, 48), halted=st.booleans())
def test_a_pause_moves_nothing_of_what_a_void_pays(quoted: int, paused: int, bid: int, halted: bool) -> None:
    """Only trading time counts, so whoever can make a market pause cannot make its last price last."""

    def paid(wait: int) -> object:
        market = opened(halt_move_cents=8, halt_pause_ms=0)
        market.play(f"ann buys 9 YES at {bid}", "ben buys 9 NO at 45", "cat buys 1 YES at 55")
        market.now += quoted * MINUTE
        market.play("ben buys 1 NO at 37", "cat buys 9 YES at 63")
        assert market.status is MarketStatus.SUSPENDED
        if halted:
            market.play("root halts")
        market.now += wait * MINUTE
        answer = market.do(VoidMarket(at=market.now, market_id="M", by="root")).answer
        assert isinstance(answer, Resolved)
        return answer.void_basis, market.exchange.accounts["ann"].available

    assert paid(paused) == paid(0)


@few
@given(expires=st.integers(8, 60), resumed=st.integers(0, 40), halted=st.booleans())
def test_an_order_whose_time_comes_in_a_pause_never_trades_again(
    expires: int, resumed: int, halted: bool
) -> None:
    """Whether it went in the pause, or, where a halt kept it, with the end of that; a younger one stands."""
    market = opened(halt_move_cents=8, halt_pause_ms=20_000)
    ends = NOON + expires * SECOND
    market.do(market.wish("ann", price=30, time_in_force=TimeInForce.GTD, expires_at=ends))
    market.play("cat buys 1 YES at 30 as stays", "ann buys 1 YES at 50", "ben buys 1 NO at 50")
    market.play("ann buys 1 YES at 58", "ben buys 1 NO at 42")
    assert market.told()[-2:] == TRIP
    if halted:
        market.play("root halts")
    market.now += resumed * SECOND
    market.do(Tick(at=market.now, market_id="M"))
    if market.status is not MarketStatus.ACTIVE:
        market.play("root resumes: looked")
    assert market.status is MarketStatus.ACTIVE
    market.play("ben buys 1 NO at 70")
    assert any(is_expiry(fact.event) for fact in market.facts) is (ends <= market.now)
    assert (market.order("cat", "stays").remaining == 0) is (ends <= market.now)


def is_expiry(event: Event) -> bool:
    return isinstance(event, OrderCancelled) and event.cancel_reason is CancelReason.EXPIRED
