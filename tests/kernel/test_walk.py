"""What an order asks of its meetings as a whole: all of it, no more than so many cents, nothing at all."""

import random

import pytest

from kernel.answers import Amended, Placed, Replaced
from kernel.codes import AMM_ID, CancelReason, Code, Direction, OrderStatus, SelfTradeMode, Side, TimeInForce
from kernel.commands import AmendOrder, OrderTerms, PlaceOrder
from kernel.events import Fill, OrderAccepted, OrderCancelled
from kernel.walk import affordable, capped_cost, walk
from tests.kernel.trading import Trading, ledger

BUYER = 100_000


def asked() -> Trading:
    """Asks 40@52 and 100@55, both of others, who sell YES."""
    market = Trading(ann=BUYER, ben=100_000, cat=100_000, dan=100_000)
    market.play("ben buys 40 YES at 50", "dan buys 40 NO at 50", "cat buys 100 YES at 50")
    market.play("dan buys 100 NO at 50", "ben sells 40 YES at 52 as b", "cat sells 100 YES at 55 as c")
    return market


def codes(market: Trading, *lines: str) -> list[tuple[Code, object]]:
    refusals = [market.refused(line) for line in lines]
    return [(refusal.code, refusal.data) for refusal in refusals]


def random_terms(dice: random.Random) -> OrderTerms:
    """Of any kind; what does not go together is left out."""
    kind = dice.choice(list(TimeInForce)[:3])
    buys = dice.random() < 0.7
    capped = buys and kind is not TimeInForce.GTC and dice.random() < 0.6
    return OrderTerms(
        dice.choice(list(Side)),
        Direction.BUY if buys else Direction.SELL,
        dice.randint(40, 60),
        dice.randint(1, 40),
        kind,
        max_cost_cents=dice.randint(1, 2_500) if capped else None,
        self_trade_mode=dice.choice(list(SelfTradeMode)),
    )


def test_matching_does_what_the_walk_said() -> None:
    """Over a few hundred orders of every kind, from a few owners who often meet themselves."""
    market = Trading(AMM=10**6, ann=10**6, ben=10**6, taker_fee_bps=33)
    market.escrow("mm:1", "ann")
    market.play("ann gives mm:1 100000 cents", "AMM mints 500")
    market.play("ann buys 300 YES at 50", "ben buys 300 NO at 50")
    exchange, dice, met = market.exchange, random.Random(7), 0
    for number in range(600):
        who, terms = dice.choice([AMM_ID, "ann", "ben", "mm:1"]), random_terms(dice)
        account, now = exchange.accounts[who], market.market()
        expected = [(m.maker.id, m.quantity) for m in walk(now, account, terms, terms.quantity, exchange.now)]
        facts = exchange.execute(
            PlaceOrder(
                at=exchange.now,
                user_id=who,
                client_order_id=str(number),
                market_id="M",
                terms=terms,
                nonce=number,
                fence=0,
            )
        ).facts
        if facts:
            done = [
                (fact.event.order_id, fact.event.fill_qty) for fact in facts if isinstance(fact.event, Fill)
            ]
            assert done == expected
            met += len(done)
    assert met > 150
    assert exchange.audit() == []


# A cap on what an order costs


def test_a_capped_order_buys_what_the_cap_pays_with_all_fees() -> None:
    market = asked()
    first = market.exchange.ledger_head + 1
    answer = market.answer(Placed, "ann buys 200 YES at 99 IOC for at most 5000 as x")
    order = answer.order
    assert (order.status, order.cancel_reason) == (OrderStatus.CANCELLED, CancelReason.IOC_UNFILLED)
    assert (order.filled_quantity, order.remaining_quantity, order.frozen_amount) == (92, 108, 0)
    mine = [entry[2:] for entry in market.entries(first) if entry.account == "ann"]
    assert mine == [
        entry[2:]
        for entry in ledger("""
            | 1 | ann | ORDER_FREEZE     | -4951 | 95049 |
            | 2 | ann | ORDER_UNFREEZE   |  2085 | 97134 |
            | 3 | ann | TRANSFER_PAYMENT | -2080 | 95054 |
            | 4 | ann | FEE              |    -5 | 95049 |
            | 5 | ann | ORDER_UNFREEZE   |  2866 | 97915 |
            | 6 | ann | TRANSFER_PAYMENT | -2860 | 95055 |
            | 7 | ann | FEE              |    -6 | 95049 |
        """)
    ]
    assert market.holds("ann", available=95_049, frozen=0, yes=92)
    filled = ["ORDER_MATCHED", "ORDER_PARTIALLY_FILLED"]
    assert market.told(market.exchange.head - 4) == ["ORDER_ACCEPTED", *filled, "ORDER_EXPIRED"]


def test_all_or_nothing_within_a_cap() -> None:
    """The same as FOK: 92 shares fit, 93 do not; refused, the name stays free."""
    market = asked()
    assert codes(market, "ann buys 93 YES at 99 FOK for at most 5000 as x") == [
        (Code.NOT_FILLABLE, {"fillable_quantity": 92})
    ]
    answer = market.answer(Placed, "ann buys 92 YES at 99 FOK for at most 5000 as x")
    assert answer.order.status is OrderStatus.FILLED
    assert market.holds("ann", available=95_049, frozen=0, yes=92)


def test_a_cap_that_pays_nothing_buys_nothing() -> None:
    """The order comes and goes, no cent moves, no ledger entry is written."""
    market = asked()
    before = market.exchange.ledger_head
    answer = market.answer(Placed, "ann buys 5 YES at 99 IOC for at most 52")
    assert (answer.order.filled_quantity, answer.order.status) == (0, OrderStatus.CANCELLED)
    assert market.exchange.ledger_head == before
    assert market.told(market.exchange.head - 2) == ["ORDER_ACCEPTED", "ORDER_EXPIRED"]
    assert market.answer(Placed, "ann buys 5 YES at 99 IOC for at most 53").order.filled_quantity == 1


def test_a_capped_order_needs_no_cash_that_it_does_not_spend() -> None:
    """Without a cap the same order would set 9919 cents aside."""
    market = asked()
    market.play("ann withdraws 95000")
    assert codes(market, "ann buys 100 YES at 99 IOC") == [(Code.INSUFFICIENT_BALANCE, None)]
    assert market.answer(Placed, "ann buys 100 YES at 99 IOC for at most 5000").order.filled_quantity == 92
    market = asked()
    market.play("ann withdraws 95050")
    assert codes(market, "ann buys 200 YES at 99 IOC for at most 5000") == [(Code.INSUFFICIENT_BALANCE, None)]


def test_with_and_without_a_cap_the_same_fill_costs_the_same() -> None:
    """Also where the freeze of the whole has a cent less than the fees of its parts."""
    for price in (1, 7, 50, 98, 99):
        results = []
        for cap in ("", " for at most 1000000"):
            market = Trading(ann=100_000, ben=100_000, taker_fee_bps=33)
            market.play("ben buys 3 NO at 99", "ben buys 3 NO at 60", f"ben buys 3 NO at {100 - price}")
            market.play(f"ann buys 9 YES at {price} IOC{cap}")
            results.append((market.exchange.accounts["ann"].available, market.trades))
        assert results[0] == results[1]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("ann buys 5 YES at 60 IOC for at most 0", Code.LIMIT_EXCEEDED),
        ("ann buys 5 YES at 60 IOC for at most -1", Code.LIMIT_EXCEEDED),
        ("ann buys 5 YES at 60 for at most 10", Code.MALFORMED),
        ("ann sells 5 YES at 60 IOC for at most 10", Code.MALFORMED),
        ("ann buys 5 YES at 60 IOC post-only", Code.MALFORMED),
        ("ann buys 5 YES at 60 FOK post-only", Code.MALFORMED),
    ],
)
def test_what_does_not_go_together_is_refused(line: str, code: Code) -> None:
    assert asked().refused(line).code is code


def test_the_amount_of_a_capped_order_is_its_cap_and_its_position_is_counted_in_full() -> None:
    market = Trading(ann=BUYER, ben=BUYER, max_order_amount_cents=1_000, max_position_per_user=50)
    market.play("ben buys 10 NO at 40")
    assert (
        codes(market, "ann buys 20 YES at 99 IOC", "ann buys 20 YES at 99 IOC for at most 1001")
        == [(Code.LIMIT_EXCEEDED, None)] * 2
    )
    assert market.refused("ann buys 51 YES at 99 IOC for at most 1000").code is Code.LIMIT_EXCEEDED
    assert market.answer(Placed, "ann buys 20 YES at 99 IOC for at most 1000").order.filled_quantity == 10


def test_the_most_that_a_cap_pays_is_found_by_halving() -> None:
    """What was found is paid, and one share more is not; counted one by one as a second way."""
    market = asked().market()
    terms = asked().wish("ann", price=99, quantity=200, time_in_force=TimeInForce.IOC).terms
    for left in range(1, 8_000, 13):
        found, cost = affordable(market, terms, 55, 160, 100, left)
        costs = [capped_cost(market, 99, 55 * shares, 160, shares) for shares in range(101)]
        assert costs == sorted(set(costs)), "each share costs something"
        assert found == max(shares for shares in range(101) if costs[shares] <= left)
        assert cost == costs[found]


# All or nothing


def test_all_or_nothing_looks_at_the_price_and_the_whole_book() -> None:
    market = asked()
    assert codes(market, "ann buys 41 YES at 54 FOK as k", "ann buys 141 YES at 60 FOK as k") == [
        (Code.NOT_FILLABLE, {"fillable_quantity": 40}),
        (Code.NOT_FILLABLE, {"fillable_quantity": 140}),
    ]
    assert market.answer(Placed, "ann buys 41 YES at 55 FOK as k").order.status is OrderStatus.FILLED
    assert market.answer(Placed, "ann buys 41 YES at 55 FOK as k").repeated


def test_all_or_nothing_asks_for_the_money_last() -> None:
    market = asked()
    market.play("ann withdraws 99900")
    assert codes(market, "ann buys 141 YES at 60 FOK", "ann buys 140 YES at 60 FOK") == [
        (Code.NOT_FILLABLE, {"fillable_quantity": 140}),
        (Code.INSUFFICIENT_BALANCE, None),
    ]


# Post-only


def test_a_post_only_order_adds_or_is_refused() -> None:
    market = Trading(ann=BUYER, ben=BUYER)
    market.play("ben buys 10 YES at 51", "ben buys 10 NO at 48 as offer")
    assert codes(market, "ann buys 5 YES at 52 post-only", "ann buys 5 NO at 49 post-only") == [
        (Code.POST_ONLY_WOULD_TAKE, {"best_price_cents": 52}),
        (Code.POST_ONLY_WOULD_TAKE, {"best_price_cents": 51}),
    ]
    market.play("ann buys 5 YES at 51 post-only as bid", "ann buys 5 NO at 48 post-only")
    assert market.order("ann", "bid").terms.post_only


def test_a_post_only_order_does_not_meet_its_owner_either() -> None:
    """Told as a self-trade unless it said who gives way; then as any order that would take."""
    market = Trading(ann=BUYER)
    market.play("ann buys 5 NO at 48")
    assert codes(market, "ann buys 5 YES at 52 post-only") == [(Code.SELF_TRADE, None)]
    assert codes(market, "ann buys 5 YES at 52 post-only CANCEL_MAKER") == [
        (Code.POST_ONLY_WOULD_TAKE, {"best_price_cents": 52})
    ]


def test_who_replaces_post_only_keeps_its_order_when_refused() -> None:
    """The order that leaves is not in the way."""
    market = Trading(AMM=BUYER, ben=BUYER)
    market.play("ben buys 10 NO at 40", "AMM buys 10 YES at 50 as old")
    assert codes(market, "AMM replaces old, buying 10 YES at 60 post-only") == [
        (Code.POST_ONLY_WOULD_TAKE, {"best_price_cents": 60})
    ]
    assert market.order("AMM", "old").is_live
    market.play("AMM replaces old, buying 10 YES at 59 post-only as new")
    answer = market.answer(Replaced, "AMM replaces new, buying 10 NO at 41 post-only as other")
    assert answer.new.status is OrderStatus.OPEN


# Who gives way


def crossed() -> Trading:
    """Asks by priority: 10@55 of X; 20@55 own; 30@56 of X; 5@56 of an own sub-account."""
    market = Trading(ann=BUYER, xen=BUYER)
    market.escrow("mm:1", "ann", fence=1)
    market.play("ann gives mm:1 10000 cents")
    market.play("xen buys 10 NO at 45", "ann buys 20 NO at 45 as own", "xen buys 30 NO at 44")
    market.play("mm:1 buys 5 NO at 44 as sub with fence 1")
    return market


def told(market: Trading, since: int) -> list[str]:
    lines = []
    for fact in market.facts:
        match fact.event:
            case Fill() as event if fact.id > since:
                lines.append(f"fill {event.fill_qty}@{event.trade_price}")
            case OrderCancelled() as event if fact.id > since:
                lines.append(f"cancelled {event.remaining_qty} {event.cancel_reason} {event.frozen_amount}")
            case OrderAccepted() if fact.id > since:
                lines.append("accepted")
            case _:
                pass
    return lines


def test_without_a_word_nothing_happens() -> None:
    assert crossed().refused("ann buys 50 YES at 56").code is Code.SELF_TRADE


def test_own_makers_give_way_as_they_are_met() -> None:
    market = crossed()
    since = market.exchange.head
    answer = market.answer(Placed, "ann buys 50 YES at 56 CANCEL_MAKER as x")
    assert told(market, since) == [
        "accepted",
        "fill 10@55",
        "cancelled 20 SELF_TRADE 902",
        "fill 30@56",
        "cancelled 5 SELF_TRADE 221",
    ]
    assert (answer.order.status, answer.order.remaining_quantity) == (OrderStatus.PARTIALLY_FILLED, 10)
    own, sub = market.order("ann", "own"), market.order("mm:1", "sub")
    assert answer.self_trade_cancelled == (own.id, sub.id)
    assert market.market().book.best_bid == 56
    assert not own.is_live
    assert not sub.is_live


def test_the_taker_gives_way() -> None:
    market = crossed()
    since = market.exchange.head
    answer = market.answer(Placed, "ann buys 50 YES at 56 CANCEL_TAKER as x")
    assert told(market, since)[:2] == ["accepted", "fill 10@55"]
    assert told(market, since)[2].startswith("cancelled 40 SELF_TRADE")
    assert (answer.order.status, answer.order.cancel_reason) == (
        OrderStatus.CANCELLED,
        CancelReason.SELF_TRADE,
    )
    assert answer.self_trade_cancelled == ()
    assert market.order("ann", "own").is_live


@pytest.mark.parametrize("kind", ["", " IOC", " IOC for at most 1000"])
def test_a_taker_that_meets_its_owner_first_is_taken_in_and_cancelled(kind: str) -> None:
    """Whatever its time in force: by a cancel, with all that it set aside."""
    market = Trading(ann=BUYER)
    market.play("ann buys 20 NO at 45")
    before = market.exchange.accounts["ann"].available
    since = market.exchange.head
    answer = market.answer(Placed, f"ann buys 5 YES at 55{kind} CANCEL_TAKER")
    assert market.told(since) == ["ORDER_ACCEPTED", "ORDER_CANCELLED"]
    assert answer.order.filled_quantity == 0
    assert market.holds("ann", available=before)


def test_a_seller_that_gives_way_is_netted() -> None:
    """Its shares were set aside, and are free again: so the pairs they make turn into cash."""
    market = Trading(ann=BUYER, ben=BUYER)
    market.play("ann buys 10 YES at 50", "ben buys 10 NO at 50", "ann sells 10 YES at 80 as s")
    market.play("ann buys 4 NO at 50", "ben buys 4 YES at 50", "ann cancels s", "ann buys 3 YES at 40")
    since = market.exchange.head
    market.play("ann sells 6 YES at 40 CANCEL_TAKER")
    assert market.told(since) == ["ORDER_ACCEPTED", "ORDER_CANCELLED"]
    market.play("ann sells 6 YES at 90 as t", "ben buys 6 YES at 50", "ann buys 6 NO at 50")
    since = market.exchange.head
    market.play("ann buys 1 NO at 10 CANCEL_MAKER")
    assert market.told(since) == ["ORDER_ACCEPTED"]
    market.play("ann buys 1 YES at 90 CANCEL_MAKER")
    assert "NETTING_EXECUTED" in market.told(since)


def test_all_or_nothing_leaves_out_what_gives_way() -> None:
    market = crossed()
    assert codes(
        market, "ann buys 41 YES at 56 FOK CANCEL_MAKER", "ann buys 11 YES at 56 FOK CANCEL_TAKER"
    ) == [
        (Code.NOT_FILLABLE, {"fillable_quantity": 40}),
        (Code.NOT_FILLABLE, {"fillable_quantity": 10}),
    ]
    answer = market.answer(Placed, "ann buys 10 YES at 56 FOK CANCEL_MAKER")
    assert answer.self_trade_cancelled == (), "what it never reached keeps its place"
    answer = market.answer(Placed, "ann buys 30 YES at 56 FOK CANCEL_MAKER")
    assert len(answer.self_trade_cancelled) == 1


def test_what_gives_way_backs_nothing_in_the_same_command() -> None:
    market = Trading(ann=1_000)
    market.play("ann buys 10 NO at 90 as own")
    assert market.refused("ann buys 10 YES at 20 CANCEL_MAKER").code is Code.INSUFFICIENT_BALANCE


def test_the_market_maker_meets_itself_whatever_it_says() -> None:
    for mode in SelfTradeMode:
        market = Trading(AMM=BUYER)
        market.play("AMM buys 10 NO at 45")
        market.do(market.wish("AMM", price=55, quantity=10, self_trade_mode=mode))
        assert market.prints() == ["10@55"]


def test_only_those_that_gave_way_are_told() -> None:
    """Not the order itself, when it is replaced or amended and gives way to another."""
    market = Trading(ann=BUYER)
    market.escrow("mm:1", "ann", fence=1)
    market.play("ann gives mm:1 10000 cents", "ann buys 5 NO at 45 as own")
    market.play("mm:1 buys 5 YES at 50 CANCEL_TAKER as old with fence 1")
    old = market.order("mm:1", "old").id
    amended = market.do(AmendOrder(at=market.now, user_id="mm:1", order_id=old, price=55, fence=1)).answer
    assert isinstance(amended, Amended)
    assert amended.order.cancel_reason is CancelReason.SELF_TRADE
    assert amended.self_trade_cancelled == ()
    market.play("mm:1 buys 5 YES at 40 as a with fence 1", "mm:1 buys 5 YES at 40 as b with fence 1")
    line = "mm:1 replaces a, buying 5 YES at 55 CANCEL_TAKER as c with fence 1"
    assert market.answer(Replaced, line).self_trade_cancelled == ()
    line = "mm:1 replaces b, buying 5 YES at 55 CANCEL_MAKER as d with fence 1"
    assert market.answer(Replaced, line).self_trade_cancelled == (market.order("ann", "own").id,)


def test_what_makes_room_is_not_met() -> None:
    """A replacement on the other side of the book does not trade with the order that leaves."""
    market = Trading(AMM=BUYER)
    market.play("AMM mints 10", "AMM sells 10 YES at 60 as old")
    assert codes(market, "AMM replaces old, buying 10 YES at 60 FOK") == [
        (Code.NOT_FILLABLE, {"fillable_quantity": 0})
    ]
    market.play("AMM replaces old, buying 10 YES at 60 post-only")
