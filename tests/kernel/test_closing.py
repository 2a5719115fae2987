"""A market too large to end in one step ends in portions: what everybody sees in between, and afterwards."""

import pytest

from kernel.answers import BatchCancelled, Outcome, Resolved, Unfinished
from kernel.codes import AMM_ID, CircuitBreakerTrigger, Code, MarketStatus
from kernel.commands import (
    AnyCommand,
    BatchCancel,
    CloseMarket,
    Deposit,
    FireGuard,
    SetGuard,
    TripBreaker,
)
from kernel.exchange import Exchange
from kernel.roll import RUN_MAX, Roll
from tests.kernel.language import command
from tests.kernel.trading import NOON, Trading

PEOPLE = ("ann", "ben", "cat", "dan", "eve")


def crowded() -> Trading:
    """Five holders, some with pairs to net when it is void, and seven orders, two of them on shares."""
    market = Trading(**dict.fromkeys(PEOPLE, 10_000), AMM=10_000, maker_fee_bps=0, taker_fee_bps=0)
    market.play(
        "ann buys 10 YES at 60", "ben buys 10 NO at 40", "cat buys 7 YES at 33", "dan buys 7 NO at 67"
    )
    market.play(
        "AMM mints 20", "AMM sells 5 YES at 95 as a", "AMM buys 3 YES at 5 as b", "AMM buys 2 NO at 3 as c"
    )
    market.play("ann sells 4 YES at 90 as d", "eve buys 1 YES at 8 as e", "ben buys 1 NO at 2 as f")
    market.play("cat sells 2 YES at 97 as g")
    return market


def portions(market: Trading, wish: AnyCommand) -> list[Outcome]:
    """Every step of a command, each held to what must be true of every command."""
    outcomes = [market.step(wish)]
    while isinstance(answer := outcomes[-1].answer, Unfinished):
        outcomes.append(market.step(answer.then))
    return outcomes


@pytest.mark.parametrize(
    "line", ["root resolves YES", "root resolves NO", "root voids", "root resolves NO without settling"]
)
@pytest.mark.parametrize("portion", [1, 2, 3, 5])
def test_in_portions_comes_out_what_would_have_at_once(line: str, portion: int) -> None:
    """The same facts in the same order, but for the one that says that there will be portions."""
    at_once, market = crowded(), crowded()
    start = market.exchange.head
    whole = at_once.step(command(at_once, line))
    market.exchange.portion = portion
    steps = portions(market, command(market, line))
    assert len(steps) >= 2
    assert all(len(step.facts) <= portion + 4 for step in steps)
    assert steps[-1].answer == whole.answer
    assert isinstance(whole.answer, Resolved)
    told = market.told(start)
    told.remove("MARKET_CLOSING")
    assert told == at_once.told(start)
    assert cash(market.exchange) == cash(at_once.exchange)
    for name in (*PEOPLE, "AMM"):
        assert market.position(name).after() == at_once.position(name).after()
    assert market.market().closing is None


def cash(exchange: Exchange) -> dict[str, tuple[int, int]]:
    return {account.id: (account.available, account.frozen) for account in exchange.accounts.values()}


def midway(portion: int = 1, line: str = "root resolves YES") -> tuple[Trading, AnyCommand]:
    """A market of which the first portion is done, and what is said next."""
    market = crowded()
    market.exchange.portion = portion
    answer = market.step(command(market, line)).answer
    assert isinstance(answer, Unfinished)
    return market, answer.then


def test_from_the_first_portion_on_the_market_is_resolved_to_everybody() -> None:
    """Orders that still rest are as good as cancelled: nobody takes one back, replaces it or meets it."""
    market, then = midway()
    market.escrow("mm:1", "ann")
    assert market.status is MarketStatus.RESOLVED
    for line, code in (
        ("AMM cancels b", Code.ORDER_CLOSED),
        ("ann cancels d", Code.ORDER_CLOSED),
        ("AMM replaces b, buying 3 YES at 6 as new", Code.ORDER_CLOSED),
        ("eve buys 1 YES at 95", Code.MARKET_NOT_OPEN),
        ("AMM mints 1", Code.MARKET_NOT_OPEN),
        ("AMM burns 1", Code.MARKET_NOT_OPEN),
        ("ben gives mm:1 1 NO", Code.MARKET_NOT_OPEN),
        ("root resolves NO", Code.NOT_RESOLVABLE),
        ("root voids", Code.NOT_RESOLVABLE),
        ("root settles", Code.TRANSITION_NOT_ALLOWED),
        ("root halts: why", Code.TRANSITION_NOT_ALLOWED),
        ("root suspends", Code.TRANSITION_NOT_ALLOWED),
    ):
        assert market.refused(line).code is code, line
    for wish in (
        BatchCancel(at=market.now, user_id=AMM_ID, market_id="M"),
        FireGuard(at=market.now, user_id="eve", market_id="M"),
    ):
        market.do(SetGuard(at=market.now, user_id="eve", grace_ms=0))
        answer = market.do(wish).answer
        assert isinstance(answer, BatchCancelled)
        assert answer.cancelled_count == 0
    last = market.do(then).answer
    assert isinstance(last, Resolved)
    assert last.settlement is not None
    assert last.settlement.cancelled_orders_count == 7


def test_what_belongs_to_no_market_goes_on_between_two_portions() -> None:
    market, then = midway()
    market.do(Deposit(at=market.now, user_id="ann", amount=77))
    market.play("ben withdraws 100")
    market.create("N", terms={})
    market.play("ann buys 2 YES at 50 in N", "ben buys 2 NO at 50 in N")
    assert isinstance(market.do(then).answer, Resolved)


def test_who_finds_a_market_midway_ends_it_wherever_it_stood() -> None:
    """A restart knows the state alone; beginning again it pays nobody twice and leaves nobody out."""
    for line in ("root resolves NO", "root voids", "root resolves YES without settling"):
        whole = crowded()
        expected = whole.do(command(whole, line))
        steps = 1
        market, then = midway(2, line)
        while True:
            twin = Exchange.restore(market.exchange.snapshot())
            assert twin.digest() == market.replica.digest()
            answer = twin.execute(CloseMarket(at=twin.now, market_id="M")).answer
            while isinstance(answer, Unfinished):
                answer = twin.execute(answer.then).answer
            assert isinstance(answer, Resolved)
            assert isinstance(expected.answer, Resolved)
            assert (answer.settlement is None) == (expected.answer.settlement is None)
            if answer.settlement is not None and expected.answer.settlement is not None:
                assert answer.settlement.total_payout == expected.answer.settlement.total_payout
                assert answer.settlement.winners_count == expected.answer.settlement.winners_count
            assert cash(twin) == cash(whole.exchange)
            assert twin.audit() == []
            answer = market.step(then).answer
            steps += 1
            if not isinstance(answer, Unfinished):
                break
            then = answer.then
        assert steps > 3


def test_a_market_that_was_resolved_before_is_settled_in_portions_too() -> None:
    market = crowded()
    market.play("root resolves NO without settling")
    market.exchange.portion = 2
    head = market.exchange.head
    steps = portions(market, command(market, "root settles"))
    assert len(steps) > 3
    assert isinstance(steps[-1].answer, Resolved)
    assert market.told(head)[0] == "MARKET_CLOSING"
    assert market.status is MarketStatus.SETTLED


def test_a_fault_found_by_the_portions_is_recorded_and_nobody_is_paid() -> None:
    """The sums of the market agree, so only who adds up its holders finds out: the market stays RESOLVED."""
    market = crowded()
    market.exchange.portion = 1
    exchange = market.exchange
    exchange.markets["M"].positions["ann"].yes.cost_sum += 1
    outcome = exchange.execute(command(market, "root resolves YES"))
    while isinstance(outcome.answer, Unfinished):
        outcome = exchange.execute(outcome.answer.then)
    assert getattr(outcome.answer, "code", None) is Code.INTERNAL
    assert [type(fact.event).__name__ for fact in outcome.facts] == ["CircuitBreakerTriggered"]
    assert exchange.markets["M"].status is MarketStatus.RESOLVED
    assert exchange.markets["M"].closing is None
    assert exchange.markets["M"].reserve == exchange.reserve_account.available


def test_sums_that_do_not_agree_are_refused_before_the_first_portion() -> None:
    market = crowded()
    market.exchange.portion = 1
    market.exchange.markets["M"].reserve += 1
    outcome = market.exchange.execute(command(market, "root resolves YES"))
    assert getattr(outcome.answer, "code", None) is Code.INTERNAL
    assert market.status is MarketStatus.HALTED


def test_a_breaker_in_between_calls_the_payout_off_and_the_orders_are_cancelled_all_the_same() -> None:
    market, then = midway()
    market.do(TripBreaker(at=NOON, market_id="M", trigger=CircuitBreakerTrigger.CLEARING_ERROR, context={}))
    answer = market.do(then).answer
    assert isinstance(answer, Resolved)
    assert answer.settlement is None
    assert market.market().book.is_empty
    assert market.status is MarketStatus.RESOLVED
    assert isinstance(market.grant("root settles"), Resolved)


def test_nothing_goes_on_where_nothing_was_begun() -> None:
    market = crowded()
    for market_id, code in (("M", Code.TRANSITION_NOT_ALLOWED), ("N", Code.MARKET_NOT_FOUND)):
        assert market.refused(CloseMarket(at=market.now, market_id=market_id)).code is code


def test_the_roll_is_in_order_however_they_came() -> None:
    """More than one run, entered from both ends and in the middle."""
    roll, names = Roll(), [f"{number:05}" for number in range(3 * RUN_MAX)]
    for name in (*names[1::3], *reversed(names[0::3]), *names[2::3]):
        roll.add(name)
    assert [*roll.after("")] == names
    assert [*roll.after(names[RUN_MAX])] == names[RUN_MAX + 1 :]
    assert [*roll.after(names[-1])] == []
    assert [*Roll().after("")] == []
