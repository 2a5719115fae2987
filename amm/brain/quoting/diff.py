"""From the ladder we want and the orders that rest to the fewest steps between them, in a safe order.

An order that can stay, stays: it keeps its place in the queue. One that moves is replaced in one step, so the
side is never naked; only one that already has fills, which the exchange would refuse to replace, is cancelled
and placed again in the same batch.
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Generic, Protocol, TypeVar

import attrs

from amm.brain.arithmetic import Cents, Ms, Shares
from amm.brain.quoting.ladder import Side, Target


class RestingOrder(Protocol):
    """What the comparison has to know of an order; `price` is that of the share it sells."""

    @property
    def price(self) -> Cents: ...
    @property
    def yes_price(self) -> Cents: ...
    @property
    def remaining(self) -> Shares: ...
    @property
    def created_ms(self) -> Ms: ...
    @property
    def seq(self) -> int: ...


Resting = TypeVar("Resting", bound=RestingOrder)


class Verb(Enum):
    CANCEL = "CANCEL"
    MOVE = "MOVE"
    PLACE = "PLACE"


@attrs.frozen
class Step(Generic[Resting]):
    """Cancel `order`, move `order` to `target`, or place `target`."""

    verb: Verb
    side: Side
    order: Resting | None = None
    target: Target | None = None
    level: int = 0


@attrs.frozen
class Tolerance:
    qty_tolerance_pct: int
    max_order_age_ms: Ms


def diff_side(
    side: Side, targets: list[Target], resting: list[Resting], tolerance: Tolerance, now_ms: Ms
) -> list[Step[Resting]]:
    """Compare one side. Pairs of order and target are formed from the outside in."""
    at_price: dict[Cents, Resting] = {}
    unmatched: list[Resting] = []
    for order in sorted(resting, key=lambda one: (one.created_ms, one.seq)):
        if order.price in at_price:
            unmatched.append(order)
        else:
            at_price[order.price] = order
    steps: list[Step[Resting]] = []
    missing: list[tuple[int, Target]] = []
    for level, target in enumerate(targets):
        order_there = at_price.pop(target.price, None)
        if order_there is None:
            missing.append((level, target))
        elif not _stays(order_there, target, tolerance, now_ms):
            steps.append(Step(Verb.MOVE, side, order_there, target, level))
    unmatched += at_price.values()
    unmatched.sort(key=lambda one: -one.price)
    missing.reverse()
    for order, (level, target) in zip(unmatched, missing, strict=False):
        steps.append(Step(Verb.MOVE, side, order, target, level))
    steps += [Step(Verb.CANCEL, side, order) for order in unmatched[len(missing) :]]
    steps += [Step(Verb.PLACE, side, None, target, level) for level, target in missing[len(unmatched) :]]
    return steps


def _stays(order: RestingOrder, target: Target, tolerance: Tolerance, now_ms: Ms) -> bool:
    off = abs(order.remaining - target.quantity)
    if off * 100 > tolerance.qty_tolerance_pct * target.quantity:
        return False
    return off == 0 or now_ms - order.created_ms < tolerance.max_order_age_ms


def cancel_aggressive(side: Side, targets: list[Target], resting: list[Resting]) -> list[Step[Resting]]:
    """Return what a side that may only cancel has to do: whatever is better than its new best price goes."""
    if not targets:
        return [Step(Verb.CANCEL, side, order) for order in resting]
    return [Step(Verb.CANCEL, side, order) for order in resting if order.price < targets[0].price]


def in_order(
    steps: Sequence[Step[Resting]], best: Mapping[Side, Cents | None], *, fair_rose: bool
) -> list[Step[Resting]]:
    """Sort so that no step can meet an order of ours that a later one would have moved away.

    Too aggressive orders go first, then other cancels, then moves on the side that moves away from the
    market, then the other side's, and new orders last, the best of them first.
    """

    def urgency(step: Step[Resting]) -> tuple[int, int, int]:
        side_rank = int((step.side is Side.ASK) is not fair_rose)
        best_price = best[step.side]
        if step.verb is Verb.PLACE:
            return 3, step.level, side_rank
        assert step.order is not None
        if best_price is None or step.order.price < best_price:
            return 0, step.order.price, side_rank
        if step.verb is Verb.CANCEL:
            return 1, side_rank, step.order.price
        return 2, side_rank, -step.order.price

    return sorted(steps, key=urgency)


@attrs.define
class Rehearsal:
    """Our side of the book as it will be after each step, so that no step oversells and none meets our own.

    A step that does not pass now is left for a later cycle; the ones before it will have made room.
    """

    inventory: Mapping[Side, Shares]
    bound: dict[Side, Shares]
    prices: dict[Side, list[Cents]]  # in YES cents

    def passes(self, step: Step[Resting]) -> bool:
        """Play one step and return True, or change nothing and return False."""
        bound, prices = self.bound[step.side], list(self.prices[step.side])
        if step.order is not None:
            bound -= step.order.remaining
            prices.remove(step.order.yes_price)
        if step.target is not None:
            bound += step.target.quantity
            price = step.side.own_price(step.target.price)
            if bound > self.inventory[step.side] or self._crosses(step.side, price):
                return False
            prices.append(price)
        self.bound[step.side], self.prices[step.side] = bound, prices
        return True

    def _crosses(self, side: Side, price: Cents) -> bool:
        others = self.prices[side.other]
        if side is Side.ASK:
            return any(bid >= price for bid in others)
        return any(ask <= price for ask in others)
