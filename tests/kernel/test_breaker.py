"""The circuit breaker: a market found broken stands still until somebody has looked; nothing is undone."""

from typing import Any

import msgspec
import pytest

from kernel.answers import MarketIs, Refusal
from kernel.codes import AMM_ID, CircuitBreakerTrigger, Code, MarketStatus
from kernel.commands import AnyCommand, HaltMarket, ResumeMarket, TripBreaker
from kernel.events import CircuitBreakerTriggered, Fact, MarketStatusChanged, event_type
from kernel.exchange import Exchange
from kernel.invariants import TOLD, Violation
from kernel.markets import still_broken
from tests.kernel.language import command
from tests.kernel.trading import Trading


def trip(
    market: Trading, trigger: CircuitBreakerTrigger = CircuitBreakerTrigger.INVARIANT_SHARES
) -> TripBreaker:
    return TripBreaker(at=market.now, market_id="M", trigger=trigger, context={"yes": 1, "no": 2})


@pytest.mark.parametrize("trigger", CircuitBreakerTrigger)
@pytest.mark.parametrize("lines", [[], ["root suspends"]])
def test_a_trip_records_the_fault_with_its_numbers_and_halts(
    lines: list[str], trigger: CircuitBreakerTrigger
) -> None:
    market = Trading()
    market.play(*lines)
    head = market.exchange.head
    assert market.do(trip(market, trigger)).answer == MarketIs("M")
    assert market.told(head) == ["CIRCUIT_BREAKER_TRIGGERED", "MARKET_STATUS_CHANGED"]
    fault, change = (fact.event for fact in market.facts[-2:])
    assert isinstance(fault, CircuitBreakerTriggered)
    assert (fault.trigger_reason, fault.context) == (trigger, {"yes": 1, "no": 2})
    assert isinstance(change, MarketStatusChanged)
    assert (change.new_status, change.reason, change.by) == (MarketStatus.HALTED, "CIRCUIT_BREAKER", None)


@pytest.mark.parametrize("lines", [["root halts"], ["root resolves YES without settling"], ["root voids"]])
def test_a_trip_where_nothing_moves_any_more_is_only_recorded(lines: list[str]) -> None:
    market = Trading()
    market.play(*lines)
    head, status = market.exchange.head, market.status
    market.do(trip(market))
    assert market.told(head) == ["CIRCUIT_BREAKER_TRIGGERED"]
    assert market.status is status


def test_a_trip_of_an_unknown_market_is_refused() -> None:
    market = Trading()
    wish = TripBreaker(at=market.now, market_id="NOWHERE", trigger=CircuitBreakerTrigger.MANUAL, context={})
    assert market.refused(wish).code is Code.MARKET_NOT_FOUND


def test_a_halt_freezes_orders_where_they_are() -> None:
    market = Trading(ann=1_000)
    market.play("ann buys 1 YES at 50 as a")
    market.do(trip(market))
    assert market.order("ann", "a").is_live
    assert market.holds("ann", frozen=51)


def test_resuming_closes_every_open_record_of_the_market_and_no_other() -> None:
    market = Trading()
    market.create("N")
    market.do(trip(market))
    market.do(trip(market))
    market.play("root halts in N", "root resumes: looked")
    assert market.market("M").open_breakers == []
    assert market.market("N").open_breakers == [3]
    event = next(fact.event for fact in market.facts if event_type(fact.event) == "CIRCUIT_BREAKER_RESOLVED")
    assert getattr(event, "breaker_ids", None) == [1, 2]


def test_an_administrators_name_is_cut_to_what_the_table_holds() -> None:
    market = Trading()
    market.do(HaltMarket(at=market.now, market_id="M", reason="look", by="x" * 60))
    outcome = market.do(ResumeMarket(at=market.now, market_id="M", resolution_note="fine", by="x" * 60))
    assert getattr(outcome.facts[0].event, "resolved_by", None) == "x" * 50


# What a command finds before it moves anything


def break_shares(exchange: Exchange) -> None:
    exchange.markets["M"].yes_shares += 1


def break_reserve(exchange: Exchange) -> None:
    exchange.markets["M"].reserve -= 1


@pytest.mark.parametrize(
    ("fault", "trigger"),
    [
        (break_shares, CircuitBreakerTrigger.INVARIANT_SHARES),
        (break_reserve, CircuitBreakerTrigger.INVARIANT_RESERVE),
    ],
)
@pytest.mark.parametrize(
    "line",
    [
        "AMM buys 1 YES at 50",
        "AMM replaces q, buying 2 YES at 40",
        "AMM mints 1",
        "AMM burns 1",
        "root starts the AMM with 500 at 50",
    ],
)
def test_a_command_that_finds_its_market_broken_has_no_effect_and_halts_it(
    line: str, fault: Any, trigger: CircuitBreakerTrigger
) -> None:
    """9002: not the caller's fault, and nothing of the command happened."""
    market = Trading(AMM=10_000)
    market.play("AMM mints 10", "AMM buys 1 YES at 40 as q")
    exchange = market.exchange
    fault(exchange)
    balance = exchange.accounts[AMM_ID].available
    outcome = exchange.execute(command(market, line))
    assert isinstance(outcome.answer, Refusal)
    assert outcome.answer.code is Code.INTERNAL
    assert facts_of(outcome.facts) == ["CIRCUIT_BREAKER_TRIGGERED", "MARKET_STATUS_CHANGED"]
    event = outcome.facts[0].event
    assert isinstance(event, CircuitBreakerTriggered)
    assert event.trigger_reason is trigger
    assert set(event.context) == {"reserve_balance", "total_yes_shares", "total_no_shares"}
    assert exchange.accounts[AMM_ID].available == balance
    assert exchange.markets["M"].status is MarketStatus.HALTED


def facts_of(facts: list[Fact]) -> list[str]:
    return [event_type(fact.event) for fact in facts]


def test_a_broken_market_is_not_resumed() -> None:
    """3007 with every violation and its numbers; the halt and its record stand."""
    market = Trading(AMM=10_000)
    market.play("AMM mints 10", "root halts")
    exchange = market.exchange
    exchange.markets["M"].pnl_pool = 7
    before = exchange.digest()
    answer = exchange.execute(command(market, "root resumes: go on")).answer
    assert isinstance(answer, Refusal)
    assert answer.code is Code.INVARIANTS_BROKEN
    assert answer.data is not None
    assert answer.data["violations"] == [
        {
            "invariant": "cost_conservation",
            "market_id": "M",
            "reserve_balance": 1_000,
            "pnl_pool": 7,
            "cost_sums": 1_000,
        },
        {"invariant": "realized_sum", "market_id": "M", "realized": 0, "expected": 7},
    ]
    assert exchange.digest() == before


def test_of_very_many_violations_the_first_are_told_and_how_many_there_are() -> None:
    """By the refusal to resume; each takes part of an answer."""
    found = [Violation("user_cash", None, {"user_id": str(number)}) for number in range(10_000)]
    refusal = still_broken(found)
    assert refusal.data is not None
    assert refusal.data["violations"] == [violation.told() for violation in found[:TOLD]]
    assert refusal.data["violations_count"] == len(found)


def test_whoever_has_looked_is_believed_unless_a_fault_was_recorded_since() -> None:
    """A server looks through a copy, as of a moment before; what was found meanwhile it may not have seen."""
    market = Trading(AMM=10_000)
    market.play("AMM mints 10", "root halts")
    looked = market.exchange.breaker_head
    market.do(trip(market))
    wish = ResumeMarket(at=market.now, market_id="M", resolution_note="fine", sound_after=looked, by="root")
    refusal = market.refused(wish)
    assert (refusal.code, refusal.data) == (Code.INVARIANTS_BROKEN, {"violations": []})
    again = market.do(msgspec.structs.replace(wish, sound_after=market.exchange.breaker_head))
    assert again.answer == MarketIs("M")


def test_other_markets_trade_on() -> None:
    market = Trading(ann=1_000)
    market.create("N")
    market.do(trip(market))
    wish: AnyCommand = market.wish("ann", market_id="N")
    assert not isinstance(market.do(wish).answer, Refusal)
