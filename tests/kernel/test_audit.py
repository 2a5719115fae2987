"""The audit, against a state (or a history) corrupted by hand: each invariant is found, named, and numbered.

Each case changes as little as it can. Some damage breaks two invariants at once (a share too many is also a
share without its cents); what must be found is named first, all that is found is written down.
"""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from kernel.answers import Placed
from kernel.brakes import Group
from kernel.codes import AMM_ID, FEES_ID, RESERVE_ID, CircuitBreakerTrigger, OrderStatus, Side, TimeInForce
from kernel.commands import SetGroup
from kernel.exchange import Exchange
from kernel.history import History
from kernel.invariants import INVARIANTS, Violation
from kernel.market import Account
from kernel.windows import RecentWindow, TradeRange
from tests.kernel.trading import NOON, SECOND, Trading, busy_day

PUBLISHED = [
    "shares_balanced",
    "reserve_consistency",
    "cost_conservation",
    "positions_sum",
    "position_bounds",
    "global_zero_sum",
    "reserve_account_consistency",
    "non_negative",
    "frozen_funds",
    "pending_shares",
    "order_freeze",
    "order_quantities",
    "order_mapping",
    "book_matches_orders",
    "book_not_crossed",
    "netting_complete",
    "ledger_chain",
    "ledger_double_entry",
    "fee_account",
    "trades_sum",
    "price_bounds",
    "pnl_sum",
    "realized_sum",
    "fees_sum",
    "nothing_overdue",
    "groups",
    "windows",
    "resting_kinds",
    "equity",
    "mm_cash",
    "mm_shares",
    "mm_place",
    "mm_fence",
    "mm_trail",
    "mm_campaign",
    "mm_index",
]
"""In the order in which they are numbered."""

TRIGGERS = {
    "mm_cash": "INVARIANT_BALANCE",
    "mm_shares": "INVARIANT_SHARES",
    "mm_campaign": "INVARIANT_BALANCE",
    "shares_balanced": "INVARIANT_SHARES",
    "reserve_consistency": "INVARIANT_RESERVE",
    "cost_conservation": "INVARIANT_COST_SUM",
    "positions_sum": "INVARIANT_SHARES",
    "global_zero_sum": "INVARIANT_BALANCE",
    "reserve_account_consistency": "INVARIANT_BALANCE",
    "non_negative": "NEGATIVE_BALANCE",
    "frozen_funds": "INVARIANT_BALANCE",
    "ledger_chain": "INVARIANT_BALANCE",
    "book_matches_orders": "ORDERBOOK_DESYNC",
    "book_not_crossed": "ORDERBOOK_DESYNC",
    "equity": "INVARIANT_BALANCE",
    "realized_sum": "INVARIANT_COST_SUM",
    "pnl_sum": "INVARIANT_COST_SUM",  # the pool is half of that identity
}
"""Which trigger each fault trips; every other is a fault of clearing."""


def scene() -> Trading:
    """Ann holds 100 YES (6500), offers 10 at 90 and bids 5 at 20; ben holds 100 NO (3500)."""
    market = Trading(ann=100_000, ben=100_000, AMM=10_000)
    market.play("ann buys 100 YES at 65", "ben buys 100 NO at 38", "ann sells 10 YES at 90 as offer")
    market.play("ann buys 5 YES at 20 as bid", "ann buys 1 YES at 21 as gone", "ann cancels gone")
    return market


def account(exchange: Exchange, name: str) -> Account:
    return exchange.accounts[name]


def shares_unequal(market: Trading) -> None:
    market.market().no_shares += 1


def reserve_short(market: Trading) -> None:
    market.market().reserve -= 1


def reserve_negative(market: Trading) -> None:
    """A reserve of -100 for -1 shares: 100 per share, and still impossible."""
    row = market.market()
    row.reserve, row.yes_shares, row.no_shares = -100, -1, -1


def pool_off(market: Trading) -> None:
    market.market().pnl_pool += 1


def volume_lost(market: Trading) -> None:
    market.position("ben").no.volume -= 1


def pending_too_high(market: Trading) -> None:
    market.position("ann").yes.pending_sell = 101


def cost_below_a_cent_a_share(market: Trading) -> None:
    market.position("ann").yes.cost_sum = 99


def cost_without_shares(market: Trading) -> None:
    market.position("ann").no.cost_sum = 1


def cent_created(market: Trading) -> None:
    account(market.exchange, "ben").available += 1


def cent_moved_into_the_reserve(market: Trading) -> None:
    account(market.exchange, "ben").available -= 1
    account(market.exchange, RESERVE_ID).available += 1


def overdrawn(market: Trading) -> None:
    account(market.exchange, "ben").available -= 96_494
    account(market.exchange, "ann").available += 96_494


def system_freezes(market: Trading) -> None:
    fees = account(market.exchange, FEES_ID)
    fees.available, fees.frozen = fees.available - 1, 1


def frozen_too_much(market: Trading) -> None:
    ann = account(market.exchange, "ann")
    ann.available, ann.frozen = ann.available - 1, ann.frozen + 1


def pending_off(market: Trading) -> None:
    market.position("ann").yes.pending_sell = 9


def freeze_off(market: Trading) -> None:
    market.order("ann", "bid").frozen = 102
    account(market.exchange, "ann").frozen = 102
    account(market.exchange, "ann").available -= 1


def final_order_still_freezes(market: Trading) -> None:
    market.order("ann", "gone").frozen = 1


def open_yet_filled(market: Trading) -> None:
    order = market.order("ann", "bid")
    order.terms = msgspec.structs.replace(order.terms, quantity=6)


def cancelled_for_no_reason(market: Trading) -> None:
    market.order("ann", "gone").cancel_reason = None


def rejected(market: Trading) -> None:
    market.order("ann", "gone").status = OrderStatus.REJECTED


def mapped_wrongly(market: Trading) -> None:
    market.order("ann", "gone").is_bid = False


def missing_from_the_book(market: Trading) -> None:
    market.market().book.bids.remove(market.order("ann", "bid"))


def resting_though_over(market: Trading) -> None:
    market.market().book.bids.add(market.order("ann", "gone"))


def total_off(market: Trading) -> None:
    market.market().book.asks.totals[90] += 1


def out_of_turn(market: Trading) -> None:
    market.play("ben buys 5 YES at 20 as later")
    bids, order = market.market().book.bids, market.order("ann", "bid")
    bids.remove(order)
    bids.add(order)


def accepted_out_of_turn(market: Trading) -> None:
    """The list that a settlement takes them from, which no queue shows."""
    market.play("ben buys 5 YES at 30 as later")
    live, order = market.market().book.live, market.order("ann", "bid")
    del live[order]
    live[order] = None


def chained_to_itself(market: Trading) -> None:
    """A queue without an end: finding it must come to one."""
    order = market.order("ann", "bid")
    order.behind = order


def chained_backwards_wrongly(market: Trading) -> None:
    market.play("ben buys 5 YES at 20 as later")
    market.order("ben", "later").ahead = None


def worse_than_its_best(market: Trading) -> None:
    market.market().book.bids.best = 19


def miscounted(market: Trading) -> None:
    account(market.exchange, "ann").open_orders.count += 1


def unseen_by_limits(market: Trading) -> None:
    market.position("ann").yes.opening = 0


def unseen_by_self_trade(market: Trading) -> None:
    market.position("ann").bids.clear()


def crossed(market: Trading) -> None:
    """A bid at 90 against the offer at 90, consistent in every other way."""
    order = market.order("ann", "bid")
    row = market.market()
    row.leave(order, market.now, moves=True)
    order.book_price = 90
    order.terms = msgspec.structs.replace(order.terms, price=90)
    frozen = order.need(order.remaining)
    ann = account(market.exchange, "ann")
    ann.available, ann.frozen = ann.available + order.frozen - frozen, frozen
    order.frozen = frozen
    row.rest(order, market.now)


def pairs_left(market: Trading) -> None:
    """The AMM's habit is to keep pairs; taken away from it, they should have been netted."""
    market.play("AMM mints 10")
    account(market.exchange, AMM_ID).auto_netting = True


def entry_lost(market: Trading) -> None:
    account(market.exchange, "ann").version -= 1


def fee_miscounted(market: Trading) -> None:
    market.market().fees += 1


def gain_forgotten(market: Trading) -> None:
    market.position("ann").realized_pnl += 1


def fee_forgotten(market: Trading) -> None:
    market.position("ann").fees_paid -= 1


def deposit_forgotten(market: Trading) -> None:
    market.exchange.accounts["ann"].net_deposits -= 1


def price_not_seen(market: Trading) -> None:
    market.market().prices.spot = 51


def slot_impossible(market: Trading) -> None:
    market.market().prices.average.sums[-1] = 1


def slot_lost(market: Trading) -> None:
    market.market().prices.average.sums.pop()


def recent_of(market: Trading) -> RecentWindow:
    recent = market.market().prices.recent
    assert recent is not None
    return recent


def sum_impossible(market: Trading) -> None:
    """While both sides stand the running slot is added up on the side."""
    market.market().prices.simple_sum = 1


def recent_slot_impossible(market: Trading) -> None:
    recent_of(market).slots[NOON // SECOND] = 199 * SECOND, SECOND


def recent_slot_lost(market: Trading) -> None:
    recent_of(market).slots.popitem()


SLOT = NOON // 18_750_000
"""Of the halt, by its number."""


def range_of(market: Trading) -> TradeRange:
    trades = market.market().trade_range
    assert trades is not None
    return trades


def trade_not_noted(market: Trading) -> None:
    range_of(market).slots.clear()


def price_noted_wrongly(market: Trading) -> None:
    ((number, _),) = range_of(market).slots.items()
    range_of(market).slots[number] = 64, 65


def trade_miscounted(market: Trading) -> None:
    market.market().traded_volume += 1


def price_impossible(market: Trading) -> None:
    market.market().last_trade_price = 100


def order_price_impossible(market: Trading) -> None:
    order = market.order("ann", "gone")
    order.book_price = 0
    order.terms = msgspec.structs.replace(order.terms, price=0)


def order_that_should_be_gone(market: Trading) -> None:
    bid = market.order("ann", "bid")
    bid.terms = msgspec.structs.replace(bid.terms, time_in_force=TimeInForce.GTD, expires_at=bid.created_at)


def order_that_should_not_rest(market: Trading) -> None:
    bid = market.order("ann", "bid")
    bid.terms = msgspec.structs.replace(bid.terms, time_in_force=TimeInForce.IOC)


def grouped(market: Trading) -> Group:
    """An own order of ann's that rests is one of a group."""
    group = market.market().groups.setdefault("ann", {})["g"] = Group("g", 5, 1_000, market.now, market.now)
    order = next(iter(market.position("ann").live))
    order.terms = msgspec.structs.replace(order.terms, group_id="g")
    return group


def group_unheard_of(market: Trading) -> None:
    grouped(market)


def group_lost(market: Trading) -> None:
    grouped(market)
    market.market().groups.clear()


def group_overfull(market: Trading) -> None:
    grouped(market).count(5, market.now)


def group_without_a_brake(market: Trading) -> None:
    grouped(market).trigger(market.now)


FAULTS: list[tuple[Callable[[Trading], None], set[str], dict[str, object]]] = [
    (order_that_should_be_gone, {"nothing_overdue"}, {"newest": 1_795_176_006_000_000}),
    (order_that_should_not_rest, {"resting_kinds"}, {"time_in_force": "IOC"}),
    (shares_unequal, {"shares_balanced", "positions_sum"}, {"total_yes_shares": 100, "total_no_shares": 101}),
    (
        reserve_short,
        {"reserve_consistency", "cost_conservation", "reserve_account_consistency"},
        {"reserve_balance": 9_999, "total_yes_shares": 100},
    ),
    (
        reserve_negative,
        {"reserve_consistency", "cost_conservation", "positions_sum", "reserve_account_consistency"},
        {"reserve_balance": -100, "total_yes_shares": -1},
    ),
    (
        pool_off,
        {"cost_conservation", "pnl_sum", "realized_sum"},
        {"reserve_balance": 10_000, "pnl_pool": 1, "cost_sums": 10_000},
    ),
    (volume_lost, {"positions_sum"}, {"no_volumes": 99, "total_no_shares": 100}),
    (
        pending_too_high,
        {"position_bounds", "pending_shares"},
        {"user_id": "ann", "pending_sell": 101, "volume": 100},
    ),
    (
        cost_below_a_cent_a_share,
        {"position_bounds", "cost_conservation", "equity"},
        {"cost_sum": 99, "volume": 100},
    ),
    (
        cost_without_shares,
        {"position_bounds", "cost_conservation", "equity"},
        {"side": "NO", "cost_sum": 1, "volume": 0},
    ),
    (
        cent_created,
        {"global_zero_sum", "ledger_chain", "equity"},
        {"balances": 210_001, "deposits_less_withdrawals": 210_000},
    ),
    (
        cent_moved_into_the_reserve,
        {"reserve_account_consistency", "ledger_chain", "equity"},
        {"account": 10_001, "markets": 10_000},
    ),
    (overdrawn, {"non_negative", "ledger_chain", "equity"}, {"user_id": "ben", "available": -1}),
    (
        system_freezes,
        {"non_negative", "frozen_funds", "fee_account", "ledger_chain"},
        {"user_id": FEES_ID, "frozen": 1},
    ),
    (
        frozen_too_much,
        {"frozen_funds", "ledger_chain"},
        {"user_id": "ann", "frozen": 102, "live_orders": 101},
    ),
    (
        pending_off,
        {"pending_shares"},
        {"user_id": "ann", "side": "YES", "pending_sell": 9, "live_orders": 10},
    ),
    (freeze_off, {"order_freeze", "ledger_chain"}, {"frozen_amount": 102, "remaining": 5, "status": "OPEN"}),
    (final_order_still_freezes, {"order_freeze"}, {"frozen_amount": 1, "status": "CANCELLED"}),
    (open_yet_filled, {"order_quantities", "trades_sum"}, {"quantity": 6, "filled": 1, "remaining": 5}),
    (cancelled_for_no_reason, {"order_quantities"}, {"status": "CANCELLED", "quantity": 1, "filled": 0}),
    (rejected, {"order_quantities"}, {"status": "REJECTED"}),
    (mapped_wrongly, {"order_mapping"}, {"book_type": "SYNTHETIC_SELL", "book_price": 21}),
    (
        missing_from_the_book,
        {"book_matches_orders", "windows"},
        {"side": "bids", "price": 20, "book_orders": []},
    ),
    (
        resting_though_over,
        {"book_matches_orders", "windows"},
        {"side": "bids", "price": 21, "live_orders": []},
    ),
    (total_off, {"book_matches_orders"}, {"side": "asks", "price": 90, "book_total": 11, "live_total": 10}),
    (out_of_turn, {"book_matches_orders"}, {"side": "bids", "price": 20, "book_total": 10, "live_total": 10}),
    (accepted_out_of_turn, {"book_matches_orders"}, {"invariant": "book_matches_orders"}),
    (chained_to_itself, {"book_matches_orders"}, {"side": "bids", "price": 20}),
    (chained_backwards_wrongly, {"book_matches_orders"}, {"side": "bids", "price": 20}),
    (worse_than_its_best, {"book_matches_orders", "windows"}, {"best": 19, "best_price": 20}),
    (miscounted, {"book_matches_orders"}, {"owner_id": "ann", "counted": 3, "live_orders": 2}),
    (unseen_by_limits, {"book_matches_orders"}, {"user_id": "ann", "opening": {"YES": [0, 5], "NO": [0, 0]}}),
    (unseen_by_self_trade, {"book_matches_orders"}, {"live_prices": {20: 1}}),
    (crossed, {"book_not_crossed", "ledger_chain"}, {"best_bid": 90, "best_ask": 90}),
    (pairs_left, {"netting_complete"}, {"user_id": AMM_ID, "free_pairs": 10}),
    (entry_lost, {"ledger_chain"}, {"versions": 15, "ledger_entries": 16}),
    (fee_miscounted, {"fee_account", "fees_sum"}, {"account": 14, "trades": 15}),
    (gain_forgotten, {"realized_sum", "equity"}, {"realized": 1, "expected": 0}),
    (fee_forgotten, {"fees_sum", "equity"}, {"fees_paid": 13, "fees": 14}),
    (deposit_forgotten, {"equity"}, {"user_id": "ann", "net_deposits": 99_999}),
    (group_unheard_of, {"groups"}, {"filled": 0, "traded": None}),
    (group_lost, {"groups"}, {"user_id": "ann", "group_id": "g"}),
    (group_overfull, {"groups"}, {"filled": 5, "live_orders": 1}),
    (group_without_a_brake, {"groups"}, {"state": "TRIGGERED", "live_orders": 1}),
    (price_not_seen, {"windows"}, {"half_cents": 51, "of_the_book": 110}),
    (slot_impossible, {"windows"}, {"sum": 1}),
    (slot_lost, {"windows"}, {"slots": 0, "expected": 1}),
    (trade_miscounted, {"trades_sum"}, {"filled_quantities": 200, "traded_volume": 101}),
    (price_impossible, {"price_bounds"}, {"last_trade_price": 100}),
    (order_price_impossible, {"price_bounds"}, {"price": 0, "book_price": 0}),
]
"""The damage, all that is found (with the history at hand), and numbers of the finding that matters."""


@pytest.mark.parametrize(
    ("damage", "found", "numbers"), FAULTS, ids=lambda value: getattr(value, "__name__", "")
)
def test_damage_is_found_by_name_with_its_numbers(
    damage: Callable[[Trading], None], found: set[str], numbers: dict[str, object]
) -> None:
    market = scene()
    damage(market)
    violations = market.exchange.audit(market.history)
    assert {violation.invariant for violation in violations} == found
    assert any(numbers.items() <= violation.told().items() for violation in violations)


# What only the record can show


def entry_forged(history: History) -> None:
    history.accounts["ann"].balance += 1


def freeze_forged(history: History) -> None:
    history.accounts["ann"].frozen += 1


def fees_forged(history: History) -> None:
    history.fees += 1


def deposits_forged(history: History) -> None:
    history.external += 1


def pnl_forged(history: History) -> None:
    history.realized_pnl["M"] += 1


@pytest.mark.parametrize(
    ("forge", "invariant", "numbers"),
    [
        (entry_forged, "ledger_chain", {"user_id": "ann", "available": 93_392, "last_balance_after": 93_393}),
        (freeze_forged, "ledger_chain", {"user_id": "ann", "frozen": 101, "freezes": 102}),
        (fees_forged, "fee_account", {"account": 14, "record": 15}),
        (deposits_forged, "global_zero_sum", {"ledger": 210_001, "state": 210_000}),
        (pnl_forged, "pnl_sum", {"market_id": "M", "pnl_pool": 0, "realized": 1}),
    ],
)
def test_a_record_that_tells_another_story_is_found(
    forge: Callable[[History], None], invariant: str, numbers: dict[str, object]
) -> None:
    market = scene()
    forge(market.history)
    (violation,) = market.exchange.audit(market.history)
    assert violation.invariant == invariant
    assert numbers.items() <= violation.told().items()


@pytest.mark.parametrize(
    ("damage", "numbers"),
    [
        (sum_impossible, {"sum_on_the_side": 1, "microseconds": 0}),
        (recent_slot_impossible, {"slot": NOON // SECOND, "sum": 199 * SECOND, "microseconds": SECOND}),
        (recent_slot_lost, {}),
        (trade_not_noted, {"traded": [], "recorded": [(SLOT, 65, 65)]}),
        (price_noted_wrongly, {"traded": [(SLOT, 64, 65)], "recorded": [(SLOT, 65, 65)]}),
    ],
)
def test_what_protects_a_market_is_held_against_the_record(
    damage: Callable[[Trading], None], numbers: dict[str, object]
) -> None:
    """Each slot of the collar is a second."""
    market = Trading(ann=10_000, ben=10_000, collar_cents=20, halt_move_cents=30, collar_window_ms=16_000)
    market.play(
        "ann buys 10 YES at 65", "ben buys 10 NO at 35", "ann buys 1 YES at 60", "ben buys 1 NO at 30"
    )
    market.now += SECOND // 2
    market.play("ann buys 1 YES at 61")
    market.now += 3 * SECOND
    market.play("ann buys 1 YES at 59")
    assert market.exchange.audit(market.history) == []
    damage(market)
    (violation,) = market.exchange.audit(market.history)
    assert violation.invariant == "windows"
    assert numbers.items() <= violation.told().items()


def test_a_group_that_did_not_count_what_it_traded_is_found() -> None:
    """Too little, and it would let more trade than it may; the window is looked at slot by slot."""
    market = scene()
    group: dict[str, Any] = {"at": market.now, "user_id": "ann", "market_id": "M", "group_id": "g"}
    market.do(SetGroup(**group, max_fill_quantity=50, window_ms=1_000))
    for quantity in (3, 4):
        market.now += SECOND // 2
        market.do(market.wish("ann", price=70, quantity=quantity, group_id="g"))
        market.do(market.wish("ben", Side.NO, price=30, quantity=quantity))
    kept = market.market().groups["ann"]["g"]
    assert kept.filled(market.now) == 7
    assert market.exchange.audit(market.history) == []
    kept.fills[max(kept.fills)] -= 1
    (violation,) = market.exchange.audit(market.history)
    told = {"user_id": "ann", "group_id": "g", "filled": 6, "traded": 7}
    assert violation == Violation("groups", "M", told)
    kept.fills[max(kept.fills)] += 1
    market.now += SECOND
    market.do(market.wish("ann", price=70, quantity=2, group_id="g"))
    market.do(market.wish("ben", Side.NO, price=30, quantity=2))
    assert kept.filled(market.now) == 6
    assert market.exchange.audit(market.history) == []


def test_an_order_whose_trades_do_not_add_up_is_found() -> None:
    market = scene()
    order = market.order("ann", "ann-1")
    market.history.order_fills[order.id] -= 1
    (violation,) = market.exchange.audit(market.history)
    assert violation == Violation(
        "trades_sum", "M", {"order_id": order.id, "filled_quantity": 100, "traded": 99}
    )


def retold(market: Trading, journal_id: int, **changes: Any) -> History:
    """The history of the same facts, but one posting of one fact is different."""
    history = History()
    for fact in market.facts:
        if fact.id == journal_id:
            first, *others = fact.event.postings
            postings = [msgspec.structs.replace(first, **changes), *others]
            fact = msgspec.structs.replace(fact, event=msgspec.structs.replace(fact.event, postings=postings))
        history.add(fact)
    return history


def test_a_break_in_the_chain_of_entries_is_found_where_it_is() -> None:
    """The last deposit written as 9999, its balance after as it was."""
    market = scene()
    deposit = next(
        fact.id for fact in market.facts if fact.event.postings and fact.event.postings[0].user_id == AMM_ID
    )
    violations = market.exchange.audit(retold(market, deposit, amount=9_999))
    assert (
        Violation(
            "ledger_chain",
            None,
            {"journal_id": deposit, "user_id": AMM_ID, "before": 0, "amount": 9_999, "balance_after": 10_000},
        )
        in violations
    )
    assert {violation.invariant for violation in violations} == {"ledger_chain", "global_zero_sum"}


def test_a_fact_whose_entries_do_not_sum_to_zero_is_found() -> None:
    """The mint with one cent too little in its cost; the chain of entries breaks with it."""
    market = Trading(AMM=10_000)
    market.play("AMM mints 10")
    mint = market.facts[-1].id
    violations = market.exchange.audit(retold(market, mint, amount=-999))
    assert Violation("ledger_double_entry", None, {"journal_id": mint, "sum": 1}) in violations


# The whole


def test_every_invariant_has_its_published_name() -> None:
    assert list(INVARIANTS) == PUBLISHED


def test_every_invariant_is_broken_by_some_case_above() -> None:
    forged = {
        "ledger_chain",
        "fee_account",
        "global_zero_sum",
        "pnl_sum",
        "trades_sum",
        "ledger_double_entry",
    }
    elsewhere = {name for name in PUBLISHED if name.startswith("mm_")}
    assert set().union(*(found for _, found, _ in FAULTS)) | forged | elsewhere == set(PUBLISHED)


@pytest.mark.parametrize("invariant", PUBLISHED)
def test_each_violation_trips_its_published_trigger(invariant: str) -> None:
    expected = CircuitBreakerTrigger(TRIGGERS.get(invariant, "CLEARING_ERROR"))
    assert Violation(invariant, "M", {}).trigger is expected


def test_a_sound_exchange_has_nothing_to_report() -> None:
    day = busy_day()
    assert day.exchange.audit(day.history) == []
    assert day.exchange.audit() == []
    assert Exchange().audit() == []


def test_a_market_that_is_over_is_asked_only_what_still_holds() -> None:
    market = Trading(ann=10_000, ben=10_000)
    market.play("ann buys 1 YES at 50", "ben buys 1 NO at 50", "root resolves YES")
    market.market().pnl_pool = 5
    assert market.exchange.audit(market.history) == []


def test_naming_an_order_in_a_log_does_not_print_the_exchange() -> None:
    """Everything leads to everything: without care one order spells out all of it, over and over."""
    day = busy_day()
    for thing in (day.exchange, day.market(), day.order("ann", "offer"), day.position("ann")):
        assert len(repr(thing)) < 200
    answer = day.answer(Placed, "ann buys 1 YES at 3")
    assert len(repr(answer)) < 1_000
