"""The fewest steps between two ladders, their order, and the budget they are paid from."""

from typing import Any

import attrs

from amm.brain.budget import Bucket, RateBudget
from amm.brain.orders import OwnOrder
from amm.brain.quoting.diff import Rehearsal, Step, Tolerance, Verb, cancel_aggressive, diff_side, in_order
from amm.brain.quoting.ladder import Side, Target
from amm.brain.sanitizer import Rules, sanitize
from amm.brain.spread import Bounds
from tests.amm.parts import config

TOLERANCE = Tolerance(qty_tolerance_pct=25, max_order_age_ms=300_000)


def resting(
    price: int, quantity: int, remaining: int | None = None, at: int = 0, side: Side = Side.ASK
) -> OwnOrder:
    left = quantity if remaining is None else remaining
    return OwnOrder(f"o{price}-{at}", side, price, quantity, left, at, seq=at, booked=quantity - left)


def steps(targets: list[tuple[int, int]], orders: list[OwnOrder], now: int = 1_000) -> list[str]:
    """Write the steps down as `55>56x69` for a move, `x55` for a cancel and `+53x99` for a place."""
    wanted = [Target(*target) for target in targets]
    return [written(step) for step in diff_side(Side.ASK, wanted, orders, TOLERANCE, now)]


def written(step: Step[OwnOrder]) -> str:
    target = f"{step.target.price}x{step.target.quantity}" if step.target else ""
    match step.verb:
        case Verb.MOVE:
            assert step.order is not None
            return f"{step.order.price}>{target}"
        case Verb.CANCEL:
            assert step.order is not None
            return f"x{step.order.price}"
        case Verb.PLACE:
            return f"+{target}"


def test_what_is_within_tolerance_stays() -> None:
    """34 against 33 is one off, of the eight that a quarter of 33 allows."""
    assert steps([(52, 100), (62, 33)], [resting(52, 100), resting(62, 34)]) == []
    assert steps([(52, 100)], [resting(52, 125)]) == []
    assert steps([(52, 100)], [resting(52, 126)]) == ["52>52x100"]
    assert steps([(52, 100)], [resting(52, 100, remaining=75)]) == []


def test_an_old_order_that_differs_at_all_is_renewed_and_an_equal_one_stays() -> None:
    assert steps([(52, 100)], [resting(52, 101)], now=300_000) == ["52>52x100"]
    assert steps([(52, 100)], [resting(52, 100)], now=9_000_000) == []


def test_the_rest_is_paired_from_the_outside_in() -> None:
    orders = [resting(55, 70), resting(58, 49), resting(61, 34), resting(64, 24)]
    wanted = [(53, 99), (56, 69), (59, 48), (62, 34), (65, 23)]
    assert steps(wanted, orders) == ["64>65x23", "61>62x34", "58>59x48", "55>56x69", "+53x99"]


def test_left_over_orders_are_cancelled() -> None:
    assert steps([(52, 100)], [resting(52, 100), resting(60, 5), resting(61, 5)]) == ["x61", "x60"]
    assert steps([], [resting(52, 100)]) == ["x52"]


def test_of_two_orders_at_one_price_the_older_stays() -> None:
    assert steps([(52, 100)], [resting(52, 100, at=9), resting(52, 100, at=3)]) == ["x52"]


def test_a_held_side_only_loses_what_is_too_aggressive() -> None:
    orders = [resting(52, 60), resting(53, 70), resting(60, 10)]
    found = cancel_aggressive(Side.ASK, [Target(53, 99)], orders)
    assert [written(step) for step in found] == ["x52"]
    assert len(cancel_aggressive(Side.ASK, [], orders)) == 3


def test_too_aggressive_orders_go_first_and_new_ones_last() -> None:
    best = {Side.ASK: 53, Side.BID: 52}
    unordered = [
        Step(Verb.PLACE, Side.ASK, None, Target(54, 5), 1),
        Step(Verb.PLACE, Side.ASK, None, Target(53, 5), 0),
        Step(Verb.MOVE, Side.BID, resting(60, 5, side=Side.BID), Target(61, 5)),
        Step(Verb.MOVE, Side.ASK, resting(60, 5), Target(61, 5)),
        Step(Verb.CANCEL, Side.ASK, resting(70, 5)),
        Step(Verb.MOVE, Side.ASK, resting(52, 5), Target(62, 5)),
        Step(Verb.CANCEL, Side.BID, resting(50, 5, side=Side.BID)),
    ]
    rising = [written(step) for step in in_order(unordered, best, fair_rose=True)]
    assert rising == ["x50", "52>62x5", "x70", "60>61x5", "60>61x5", "+53x5", "+54x5"]
    falling = in_order(unordered, best, fair_rose=False)
    assert [step.side for step in falling if step.verb is Verb.MOVE][1:] == [Side.BID, Side.ASK]


def test_no_step_promises_more_shares_than_there_are() -> None:
    rehearsal = Rehearsal(
        {Side.ASK: 100, Side.BID: 100}, {Side.ASK: 80, Side.BID: 0}, {Side.ASK: [55], Side.BID: []}
    )
    assert not rehearsal.passes(Step(Verb.PLACE, Side.ASK, None, Target(60, 21)))
    assert rehearsal.passes(Step(Verb.PLACE, Side.ASK, None, Target(60, 20)))
    assert rehearsal.passes(Step(Verb.CANCEL, Side.ASK, resting(55, 80)))
    assert rehearsal.passes(Step(Verb.PLACE, Side.ASK, None, Target(61, 80)))


def test_no_step_meets_an_order_of_our_own() -> None:
    """A sale of NO at 45 is a bid at 55: an ask there or below would trade with ourselves."""
    rehearsal = Rehearsal(
        {Side.ASK: 100, Side.BID: 100}, {Side.ASK: 0, Side.BID: 0}, {Side.ASK: [], Side.BID: [55]}
    )
    assert not rehearsal.passes(Step(Verb.PLACE, Side.ASK, None, Target(55, 1)))
    assert rehearsal.passes(Step(Verb.PLACE, Side.ASK, None, Target(56, 1)))
    assert not rehearsal.passes(Step(Verb.PLACE, Side.BID, None, Target(44, 1)))


def rules(**changes: Any) -> Rules:
    plain = Rules(
        bounds=Bounds(5, 95),
        max_quantity=1_000,
        inventory={Side.ASK: 100, Side.BID: 100},
        allowed=frozenset(Side),
    )
    return attrs.evolve(plain, **changes)


def rejected(asks: list[tuple[int, int]], bids: list[tuple[int, int]], checked: Rules) -> list[str]:
    targets = {Side.ASK: [Target(*one) for one in asks], Side.BID: [Target(*one) for one in bids]}
    return [one.rule for one in sanitize(targets, checked)[1]]


def test_the_sanitizer_names_the_rule_that_a_target_breaks() -> None:
    assert rejected([(52, 10)], [(52, 10)], rules()) == []
    assert rejected([(96, 10)], [(96, 10)], rules()) == ["PRICE", "PRICE"]
    assert rejected([(52, 0), (53, 1_001)], [], rules()) == ["QUANTITY", "QUANTITY"]
    assert rejected([(52, 60), (53, 41)], [], rules()) == ["INVENTORY"]
    assert rejected([(48, 10)], [(52, 10), (60, 10)], rules()) == ["CROSSED", "CROSSED"]
    assert rejected([(52, 10)], [(52, 10)], rules(allowed=frozenset({Side.BID}))) == ["SIDE_NOT_ALLOWED"]


def test_scenario_11_a_market_keeps_to_four_fifths_of_its_replaces() -> None:
    budget = RateBudget(config().limits, {"A", "B"})
    assert sum(budget.spend(Bucket.REPLACES, "A", 0) for _ in range(1_000)) == 320
    assert budget.spend(Bucket.REPLACES, "B", 0)
    assert budget.spend(Bucket.REPLACES, "A", 60_000)


def test_scenario_11_the_account_keeps_to_four_fifths_of_its_orders() -> None:
    budget = RateBudget(config().limits, {"A", "B", "C"})
    sent = sum(budget.spend(Bucket.ORDERS, market, now) for now in range(0, 60_000, 100) for market in "ABC")
    assert sent == 480


def test_a_quiet_markets_share_is_lent_as_the_minute_passes() -> None:
    budget = RateBudget(config().limits, {"A", "B"})
    assert sum(budget.spend(Bucket.ORDERS, "A", 0) for _ in range(1_000)) == 240
    assert sum(budget.spend(Bucket.ORDERS, "A", 30_000) for _ in range(1_000)) == 120
    assert sum(budget.spend(Bucket.ORDERS, "B", 59_000) for _ in range(1_000)) == 120


def test_a_returned_token_can_be_spent_again() -> None:
    budget = RateBudget(config().limits, {"A"})
    while budget.spend(Bucket.CANCELS, "A", 0):
        pass
    budget.refund(Bucket.CANCELS, "A")
    assert budget.spend(Bucket.CANCELS, "A", 0)
