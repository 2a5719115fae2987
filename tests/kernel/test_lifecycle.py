"""The life of a market: what each state allows, and which state may follow which."""

import msgspec
import pytest

from kernel.answers import Refusal, Resolved
from kernel.codes import CancelReason, Code, MarketStatus, ResolutionResult
from kernel.commands import ActivateMarket, CreateMarket, MarketTerms, ResolveMarket, Tick
from kernel.events import CircuitBreakerResolved, CircuitBreakerTriggered, MarketStatusChanged
from tests.kernel.trading import SECOND, Trading

WAYS = {
    MarketStatus.DRAFT: [],
    MarketStatus.ACTIVE: ["root activates in X"],
    MarketStatus.SUSPENDED: ["root activates in X", "root suspends in X"],
    MarketStatus.HALTED: ["root activates in X", "root halts in X"],
    MarketStatus.RESOLVED: ["root activates in X", "root resolves YES without settling in X"],
    MarketStatus.SETTLED: ["root activates in X", "root resolves YES in X"],
    MarketStatus.VOIDED: ["root activates in X", "root voids in X"],
}
"""How a fresh market comes into each state."""


def market_in(status: MarketStatus, **terms: int) -> Trading:
    """A market X in that state; where it ever traded, the AMM holds pairs and has a live or closed order."""
    market = Trading(AMM=10_000, ann=10_000)
    market.create("X", terms=terms, activate=False)
    first, *rest = WAYS[status] or [""]
    if first:
        market.play(
            first, "AMM mints 10 in X", "AMM buys 1 YES at 40 as q in X", "ann buys 1 YES at 30 as a in X"
        )
    market.play(*rest)
    assert market.market("X").status is status
    return market


DONE = None
"""Allowed; otherwise the code of the refusal."""

ORDER_OR_MINT = {
    MarketStatus.DRAFT: Code.MARKET_NOT_FOUND,
    MarketStatus.ACTIVE: DONE,
    MarketStatus.SUSPENDED: Code.MARKET_NOT_OPEN,
    MarketStatus.HALTED: Code.MARKET_NOT_OPEN,
    MarketStatus.RESOLVED: Code.MARKET_NOT_OPEN,
    MarketStatus.SETTLED: Code.MARKET_NOT_OPEN,
    MarketStatus.VOIDED: Code.MARKET_NOT_OPEN,
}


@pytest.mark.parametrize("line", ["ann buys 1 YES at 20 in X", "AMM mints 1 in X", "AMM burns 1 in X"])
@pytest.mark.parametrize("status", MarketStatus)
def test_which_states_take_orders_mints_and_burns(status: MarketStatus, line: str) -> None:
    held(market_in(status), line, ORDER_OR_MINT[status])


@pytest.mark.parametrize("status", [s for s in MarketStatus if s is not MarketStatus.DRAFT])
def test_which_states_take_replacements(status: MarketStatus) -> None:
    """Where the market is over, the old order is cancelled, and that is told first (R5 before R6)."""
    expected = ORDER_OR_MINT[status]
    if status in (MarketStatus.RESOLVED, MarketStatus.SETTLED, MarketStatus.VOIDED):
        expected = Code.ORDER_CLOSED
    held(market_in(status), "AMM replaces q, buying 1 YES at 41 in X", expected)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (MarketStatus.ACTIVE, DONE),
        (MarketStatus.SUSPENDED, DONE),
        (MarketStatus.HALTED, Code.MARKET_NOT_OPEN),
        (MarketStatus.RESOLVED, Code.ORDER_CLOSED),
        (MarketStatus.SETTLED, Code.ORDER_CLOSED),
        (MarketStatus.VOIDED, Code.ORDER_CLOSED),
    ],
)
def test_which_states_take_cancels(status: MarketStatus, code: Code | None) -> None:
    """Users pull their orders while trading pauses; while the books are in doubt nothing moves."""
    held(market_in(status), "ann cancels a in X", code)


def held(market: Trading, line: str, code: Code | None) -> None:
    if code is None:
        market.play(line)
    else:
        assert market.refused(line).code is code


# Transitions

NOT_YET = Code.TRANSITION_NOT_ALLOWED
NOT_RESOLVABLE = Code.NOT_RESOLVABLE
TRANSITIONS: dict[str, dict[MarketStatus, MarketStatus]] = {
    "root activates in X": {MarketStatus.DRAFT: MarketStatus.ACTIVE},
    "root suspends in X": {MarketStatus.ACTIVE: MarketStatus.SUSPENDED},
    "root halts in X": {
        MarketStatus.ACTIVE: MarketStatus.HALTED,
        MarketStatus.SUSPENDED: MarketStatus.HALTED,
    },
    "root resumes in X: looked": {
        MarketStatus.SUSPENDED: MarketStatus.ACTIVE,
        MarketStatus.HALTED: MarketStatus.ACTIVE,
    },
    "root resumes to SUSPENDED in X: looked": {MarketStatus.HALTED: MarketStatus.SUSPENDED},
    "root resumes to HALTED in X: looked": {},
    "root resumes to DRAFT in X: looked": {},
    "root resolves NO without settling in X": {
        MarketStatus.ACTIVE: MarketStatus.RESOLVED,
        MarketStatus.SUSPENDED: MarketStatus.RESOLVED,
        MarketStatus.HALTED: MarketStatus.RESOLVED,
    },
    "root resolves NO in X": {
        MarketStatus.ACTIVE: MarketStatus.SETTLED,
        MarketStatus.SUSPENDED: MarketStatus.SETTLED,
        MarketStatus.HALTED: MarketStatus.SETTLED,
    },
    "root voids in X": {
        MarketStatus.ACTIVE: MarketStatus.VOIDED,
        MarketStatus.SUSPENDED: MarketStatus.VOIDED,
        MarketStatus.HALTED: MarketStatus.VOIDED,
    },
    "root settles in X": {MarketStatus.RESOLVED: MarketStatus.SETTLED},
}
"""Every transition there is; whatever is missing is refused."""


@pytest.mark.parametrize("line", TRANSITIONS)
@pytest.mark.parametrize("status", MarketStatus)
def test_each_state_follows_only_where_it_may(status: MarketStatus, line: str) -> None:
    market = market_in(status)
    follows = TRANSITIONS[line].get(status)
    if follows is None:
        code = NOT_RESOLVABLE if "resolves" in line or "voids" in line else NOT_YET
        assert market.refused(line).code is code
        assert market.market("X").status is status
    else:
        market.play(line)
        assert market.market("X").status is follows


def test_a_market_resolved_void_and_settled_later_is_voided() -> None:
    market = Trading(ann=1_000)
    market.play("root resolves VOID without settling", "root settles")
    assert market.status is MarketStatus.VOIDED


@pytest.mark.parametrize("line", [*TRANSITIONS, "root stops the AMM in X"])
def test_no_transition_of_a_market_that_does_not_exist(line: str) -> None:
    assert Trading().refused(line.replace(" in X", " in NOWHERE")).code is Code.MARKET_NOT_FOUND


@pytest.mark.parametrize(
    ("line", "reason", "by"),
    [
        ("root suspends", "ADMIN", "root"),
        ("root suspends: lunch", "ADMIN: lunch", "root"),
        ("root halts: smoke", "ADMIN: smoke", "root"),
        ("root resolves YES without settling", "RESOLUTION", "root"),
        ("root voids: no such event", "RESOLUTION: no such event", "root"),
    ],
)
def test_the_journal_says_why_and_by_whom(line: str, reason: str, by: str) -> None:
    market = Trading()
    head = market.exchange.head
    market.play(line)
    changes = [f.event for f in market.facts if f.id > head and isinstance(f.event, MarketStatusChanged)]
    assert (changes[0].reason, changes[0].by) == (reason, by)
    assert changes[0].previous_status is MarketStatus.ACTIVE


# The clock


def windowed(seconds: int = 100) -> Trading:
    market = Trading(ann=10_000)
    market.create("W", terms={"trading_end_at": market.now + seconds * SECOND})
    market.play("ann buys 1 YES at 50 as a in W")
    return market


def tick(market: Trading) -> int:
    """Let the clock ask; returns how many facts came of it."""
    return len(market.do(Tick(at=market.now, market_id="W")).facts)


def test_the_end_of_the_window_suspends_and_orders_keep_resting() -> None:
    market = windowed()
    assert tick(market) == 0
    market.now += 100 * SECOND
    assert tick(market) == 1
    event = market.facts[-1].event
    assert isinstance(event, MarketStatusChanged)
    assert (event.new_status, event.reason, event.by) == (MarketStatus.SUSPENDED, "TRADING_ENDED", None)
    assert market.order("ann", "a").is_live
    assert tick(market) == 0
    market.play("ann cancels a in W")


def test_a_tick_of_an_unknown_market_is_refused() -> None:
    market = Trading()
    assert market.refused(Tick(at=market.now, market_id="W")).code is Code.MARKET_NOT_FOUND


def test_past_its_window_a_market_does_not_become_active_again() -> None:
    """Neither from SUSPENDED nor from HALTED; but a halt may still end in SUSPENDED."""
    market = windowed()
    market.now += 100 * SECOND
    tick(market)
    assert market.refused("root resumes in W: go").code is NOT_YET
    market.play("root halts in W")
    assert market.refused("root resumes in W: go").code is NOT_YET
    market.play("root resumes to SUSPENDED in W: go")


def test_a_market_may_be_active_before_its_window_opens() -> None:
    market = Trading(ann=10_000)
    market.create("W", terms={"trading_start_at": market.now + 100 * SECOND})
    market.play("root suspends in W", "root resumes in W")
    assert market.refused("ann buys 1 YES at 50 in W").message == "Market is outside its trading window"


# Halt and resume


def test_a_halt_writes_a_breaker_record_then_the_status() -> None:
    market = Trading()
    head = market.exchange.head
    market.play("root halts: smoke")
    assert market.told(head) == ["CIRCUIT_BREAKER_TRIGGERED", "MARKET_STATUS_CHANGED"]
    event = market.facts[-2].event
    assert isinstance(event, CircuitBreakerTriggered)
    assert (event.breaker_id, event.trigger_reason.value, event.context) == (1, "MANUAL", {"reason": "smoke"})


def test_resuming_from_a_halt_needs_a_note_and_closes_the_record() -> None:
    """C-4: the note is judged after 3001 and 3005."""
    market = Trading()
    market.play("root halts: smoke")
    assert market.refused("root resumes to DRAFT").code is NOT_YET
    assert market.refused("root resumes").code is Code.MALFORMED
    head = market.exchange.head
    market.play("root resumes: it was toast")
    assert market.told(head) == ["CIRCUIT_BREAKER_RESOLVED", "MARKET_STATUS_CHANGED"]
    event = market.facts[-2].event
    assert isinstance(event, CircuitBreakerResolved)
    assert event.breaker_ids == [1]
    assert (event.resolved_by, event.resolution_note, event.target_status) == (
        "root",
        "it was toast",
        MarketStatus.ACTIVE,
    )


def test_resuming_from_a_suspension_needs_no_note() -> None:
    market = Trading()
    head = market.exchange.head
    market.play("root suspends", "root resumes")
    assert market.told(head) == ["MARKET_STATUS_CHANGED"] * 2


@pytest.mark.parametrize("line", ["root resolves YES", "root voids"])
def test_resolving_a_halted_market_closes_its_records(line: str) -> None:
    """C-10: with the administrator, and the note `market resolved`."""
    market = Trading()
    market.play("root halts: smoke")
    head = market.exchange.head
    market.play(line)
    assert market.told(head)[0] == "CIRCUIT_BREAKER_RESOLVED"
    event = next(f.event for f in market.facts if isinstance(f.event, CircuitBreakerResolved))
    assert (event.breaker_ids, event.resolved_by, event.resolution_note) == ([1], "root", "market resolved")
    assert market.market().open_breakers == []


# Creating


@pytest.mark.parametrize(
    "terms",
    [
        {"min_price_cents": 0},
        {"max_price_cents": 100},
        {"min_price_cents": 50, "max_price_cents": 50},
        {"min_price_cents": 60, "max_price_cents": 40},
        {"max_order_quantity": 0},
        {"max_order_quantity": 2**31},
        {"max_position_per_user": 0},
        {"max_position_per_user": 2**31},
        {"max_order_amount_cents": 0},
        {"max_open_orders": 0},
        {"max_open_orders": 10_001},
        {"max_open_orders_total": 0},
        {"max_open_orders_total": 100_001},
        {"max_open_orders_amm": 0},
        {"max_open_orders_amm": 100_001},
        {"maker_fee_bps": -1},
        {"maker_fee_bps": 1_001},
        {"taker_fee_bps": -1},
        {"taker_fee_bps": 1_001},
        {"trading_start_at": 5, "trading_end_at": 5},
        {"trading_start_at": 6, "trading_end_at": 5},
        {"maker_fee_bps": 10**30},
    ],
)
def test_terms_past_their_edges_are_malformed(terms: dict[str, int]) -> None:
    """Told before the market id is looked at."""
    market = Trading()
    wish = CreateMarket(
        at=market.now, market_id="M", terms=msgspec.convert({"title": "?"} | terms, MarketTerms), by="root"
    )
    assert market.refused(wish).code is Code.MALFORMED


@pytest.mark.parametrize(
    "terms",
    [
        {"min_price_cents": 1, "max_price_cents": 2},
        {"min_price_cents": 98, "max_price_cents": 99},
        {"max_order_quantity": 1, "max_position_per_user": 1, "max_order_amount_cents": 1},
        {"max_open_orders": 1, "max_open_orders_total": 1, "max_open_orders_amm": 1},
        {"max_open_orders": 10_000, "max_open_orders_total": 100_000, "max_open_orders_amm": 100_000},
        {"max_order_quantity": 2**31 - 1, "max_position_per_user": 2**31 - 1},
        {"maker_fee_bps": 0, "taker_fee_bps": 0},
        {"maker_fee_bps": 1_000, "taker_fee_bps": 1_000},
        {"trading_start_at": 5, "trading_end_at": 6},
    ],
)
def test_terms_at_their_edges_are_good(terms: dict[str, int]) -> None:
    Trading().create("N", terms=terms)


def test_a_market_id_is_used_once() -> None:
    market = Trading()
    wish = CreateMarket(at=market.now, market_id="M", terms=MarketTerms(title="?"), by="root")
    assert market.refused(wish).code is Code.MARKET_EXISTS


def test_the_defaults_of_a_market_are_the_published_ones() -> None:
    terms = MarketTerms(title="?")
    assert (terms.min_price_cents, terms.max_price_cents) == (1, 99)
    assert (terms.max_order_quantity, terms.max_position_per_user) == (10_000, 25_000)
    assert terms.max_order_amount_cents == 1_000_000
    assert (terms.max_open_orders, terms.max_open_orders_total, terms.max_open_orders_amm) == (
        *(200, 2_000, 2_000),
    )
    assert (terms.maker_fee_bps, terms.taker_fee_bps) == (10, 20)
    assert CreateMarket(at=0, market_id="M", terms=terms, by="root").amm_authorized is True


def test_activation_is_recorded_once() -> None:
    market = Trading()
    market.create("N", activate=False)
    outcome = market.do(ActivateMarket(at=market.now, market_id="N", by="root"))
    assert not isinstance(outcome.answer, Refusal)
    assert market.told(market.exchange.head - 1) == ["MARKET_STATUS_CHANGED"]


# Resolving


def test_resolving_cancels_every_order_in_acceptance_order() -> None:
    market = Trading(ann=10_000, ben=10_000)
    market.play("ann buys 1 YES at 30 as a", "ben buys 2 NO at 20 as b", "ann buys 3 YES at 10 as c")
    head = market.exchange.head
    answer = market.answer(Resolved, "root resolves YES without settling")
    assert market.told(head) == ["MARKET_STATUS_CHANGED"] + ["ORDER_CANCELLED"] * 3
    assert [getattr(fact.event, "order_id", None) for fact in market.facts if fact.id > head + 1] == [
        market.order("ann", "a").id,
        market.order("ben", "b").id,
        market.order("ann", "c").id,
    ]
    assert market.order("ann", "a").cancel_reason is CancelReason.MARKET_RESOLVED
    assert (answer.result, answer.resolved_at, answer.settlement) == (ResolutionResult.YES, market.now, None)


def test_a_settlement_that_comes_later_repeats_the_counts_of_its_resolution() -> None:
    """31 + 41 cents were frozen for two bids; the sale froze shares, which are no cents."""
    market = Trading(ann=10_000, ben=10_000)
    market.play("ann buys 1 YES at 50", "ben buys 1 NO at 50", "ann sells 1 YES at 90")
    market.play("ben buys 1 YES at 30", "ben buys 2 YES at 20", "root resolves YES without settling")
    settlement = market.answer(Resolved, "root settles").settlement
    assert settlement is not None
    assert (settlement.cancelled_orders_count, settlement.cancelled_orders_unfrozen) == (3, 31 + 41)
    assert (settlement.total_payout, settlement.winners_count) == (100, 1)


@pytest.mark.parametrize("result", ["MAYBE", "yes", ""])
def test_another_result_is_refused_before_the_market_is_looked_at(result: str) -> None:
    market = Trading()
    wish = ResolveMarket(at=market.now, market_id="NOWHERE", result=result, by="root")
    assert market.refused(wish).code is Code.INVALID_RESULT
