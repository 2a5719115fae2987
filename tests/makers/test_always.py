"""What holds for every order, every book and whatever rests, played on an exchange that is as strict."""

from hypothesis import given, settings
from hypothesis import strategies as st

from amm.brain.wire import Direction, Order, Outcome
from makers.quoter.decide import decide
from makers.quoter.quotes import mergeable, wanted
from makers.quoter.terms import LayerChange, PriceSource, Terms
from makers.quoter.view import View, is_bid, yes_price
from tests.makers.parts import Escrow, frozen, order, view

quantities = st.integers(1, 300)
levels = st.lists(st.tuples(st.integers(1, 99), quantities), max_size=4, unique_by=lambda one: one[0])


@st.composite
def all_terms(draw: st.DrawFn) -> Terms:
    floor = draw(st.integers(1, 98))
    return Terms(
        bid_half_spread_cents=draw(st.integers(1, 30)),
        ask_half_spread_cents=draw(st.integers(1, 30)),
        order_qty=draw(st.integers(1, 10_000) | quantities),
        levels=draw(st.integers(1, 5)),
        level_step_cents=draw(st.integers(1, 10)),
        amount_change_per_layer=draw(st.integers(0, 10_000) | st.integers(0, 20)),
        amount_change_type=draw(st.sampled_from(LayerChange)),
        refresh_tolerance_cents=draw(st.integers(0, 5)),
        qty_tolerance_pct=draw(st.integers(0, 100)),
        price_source=draw(st.sampled_from(PriceSource)),
        floor_price_cents=draw(st.sampled_from([1, floor])),
        ceiling_price_cents=draw(st.sampled_from([99, draw(st.integers(floor + 1, 99))])),
        inventory_skew=draw(st.booleans()),
        max_position_per_side=draw(st.integers(1, 25_000) | quantities),
        auto_merge_min_pairs=draw(st.integers(0, 10_000) | st.integers(0, 10)),
    )


@st.composite
def views(draw: st.DrawFn) -> View:
    """Any market with any orders in it that could rest there together."""
    bids = draw(levels)
    asks = [one for one in draw(levels) if all(one[0] > bid for bid, _ in bids)]
    orders: list[Order] = []
    for number in range(draw(st.integers(0, 8))):
        outcome, direction = draw(st.sampled_from(Outcome)), draw(st.sampled_from(Direction))
        price, quantity = draw(st.integers(1, 99)), draw(quantities)
        filled = draw(st.sampled_from([0, 0, draw(st.integers(0, quantity - 1))]))
        one = order(f"o{number}", f"{direction.value} {outcome.value} {quantity} @{price}", filled)
        if rests_beside(one, orders, bids, asks):
            orders.append(one)
    free = {outcome: draw(st.just(0) | quantities) for outcome in Outcome}
    sold = {
        outcome: sum(
            one.remaining_quantity
            for one in orders
            if one.original_side is outcome and one.original_direction is Direction.SELL
        )
        for outcome in Outcome
    }
    return view(
        draw(st.integers(0, 300_000)),
        (free[Outcome.YES] + sold[Outcome.YES], free[Outcome.YES]),
        (free[Outcome.NO] + sold[Outcome.NO], free[Outcome.NO]),
        bids=bids,
        asks=asks,
        orders=orders,
        room=(draw(st.integers(0, 25_000)), draw(st.integers(0, 25_000))),
        last=draw(st.none() | st.integers(1, 99)),
        min_price_cents=draw(st.sampled_from([1, 1, 5])),
        max_price_cents=draw(st.sampled_from([99, 99, 90])),
        max_order_quantity=draw(st.sampled_from([10_000, 50])),
        max_order_amount_cents=draw(st.sampled_from([1_000_000, 5_000])),
    )


def rests_beside(
    one: Order, orders: list[Order], bids: list[tuple[int, int]], asks: list[tuple[int, int]]
) -> bool:
    price, bid = yes_price(one), is_bid(one.original_side, one.original_direction)
    others = [yes_price(it) for it in orders if is_bid(it.original_side, it.original_direction) is not bid]
    others += [level for level, _ in (asks if bid else bids)]
    return all(price < other if bid else price > other for other in others)


@given(all_terms(), views())
def test_quotes_are_within_all_bounds_and_apart(terms: Terms, seen: View) -> None:
    quotes, market = wanted(terms, seen), seen.market
    low = max(terms.floor_price_cents, market.min_price_cents)
    high = min(terms.ceiling_price_cents, market.max_price_cents)
    for quote in quotes:
        assert low <= quote.yes_price <= high
        assert 1 <= quote.quantity <= market.max_order_quantity
        assert quote.quantity * quote.price <= market.max_order_amount_cents
        assert 0 <= quote.level < terms.levels
    bids = [quote.yes_price for quote in quotes if quote.is_bid]
    asks = [quote.yes_price for quote in quotes if not quote.is_bid]
    assert max(bids, default=0) < min(asks, default=100)
    foreign = seen.foreign_book()
    assert max(bids, default=0) < (foreign.best_ask or 100)
    assert min(asks, default=100) > (foreign.best_bid or 0)
    kinds = [(quote.outcome, quote.direction, quote.level) for quote in quotes]
    assert len(set(kinds)) == len(kinds) <= terms.levels * 4


@given(all_terms(), views())
def test_quotes_promise_no_more_than_there_is(terms: Terms, seen: View) -> None:
    quotes, merged = wanted(terms, seen), mergeable(terms, seen)
    held = sum(frozen(one) for one in seen.orders if one.original_direction is Direction.BUY)
    buys = [quote for quote in quotes if quote.direction is Direction.BUY]
    assert sum(seen.cost(one.price, one.quantity) for one in buys) <= seen.cash_cents + held + 100 * merged
    for outcome in Outcome:
        volume = seen.holding(outcome).volume - merged
        bought = sum(one.quantity for one in buys if one.outcome is outcome)
        sold = sum(one.quantity for one in quotes if one not in buys and one.outcome is outcome)
        assert sold <= volume
        assert bought == 0 or bought + volume <= terms.max_position_per_side


@settings(max_examples=300)
@given(all_terms(), views())
def test_every_step_of_a_plan_is_covered_and_meets_no_order_of_its_own(terms: Terms, seen: View) -> None:
    """`Escrow.play` refuses, by an assertion, what the exchange would refuse."""
    escrow = Escrow.of(seen)
    plan = decide(terms, seen)
    escrow.play(plan)
    assert len(escrow.orders) <= terms.levels * 2 * 2
    assert len(plan.changes) <= 64


@given(all_terms(), views())
def test_a_market_that_stands_still_is_soon_left_alone(terms: Terms, seen: View) -> None:
    """An order may have to wait for another's room; a few cycles later nothing is sent any more."""
    for _ in range(4):
        escrow = Escrow.of(seen)
        plan = decide(terms, seen)
        if plan.is_empty:
            return
        escrow.play(plan)
        seen = escrow.view()
    raise AssertionError(f"still at it: {plan}")
