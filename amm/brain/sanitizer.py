"""The last check before the comparison with the book: a target that breaks a rule is dropped, not repaired.

Normally it finds nothing. What it finds is a bug elsewhere, so each find raises an alert. That an
order of ours buys is not among its rules, because a target cannot say so.
"""

from collections.abc import Iterator, Mapping

import attrs

from amm.brain.arithmetic import Shares
from amm.brain.quoting.ladder import Side, Target
from amm.brain.spread import Bounds


@attrs.frozen
class Rules:
    bounds: Bounds
    max_quantity: Shares
    inventory: Mapping[Side, Shares]
    allowed: frozenset[Side]


@attrs.frozen
class Rejected:
    side: Side
    target: Target
    rule: str


def sanitize(
    targets: Mapping[Side, list[Target]], rules: Rules
) -> tuple[dict[Side, list[Target]], list[Rejected]]:
    rejected: list[Rejected] = []
    clean: dict[Side, list[Target]] = {}
    crossing = _crossing(targets)
    for side in Side:
        left = rules.inventory[side]
        clean[side] = []
        for target in targets[side]:
            rule = _broken(side, target, rules, left, crossing)
            if rule is None:
                left -= target.quantity
                clean[side].append(target)
            else:
                rejected.append(Rejected(side, target, rule))
    return clean, rejected


def _broken(
    side: Side, target: Target, rules: Rules, left: Shares, crossing: set[tuple[Side, Target]]
) -> str | None:
    if side not in rules.allowed:
        return "SIDE_NOT_ALLOWED"
    if not rules.bounds.low <= side.own_price(target.price) <= rules.bounds.high:
        return "PRICE"
    if not 1 <= target.quantity <= rules.max_quantity:
        return "QUANTITY"
    if target.quantity > left:
        return "INVENTORY"
    return "CROSSED" if (side, target) in crossing else None


def _crossing(targets: Mapping[Side, list[Target]]) -> set[tuple[Side, Target]]:
    """Return every ask at or below a bid, and every bid at or above an ask."""

    def yes_prices(side: Side) -> Iterator[int]:
        return (side.own_price(target.price) for target in targets[side])

    lowest_ask, highest_bid = min(yes_prices(Side.ASK), default=100), max(yes_prices(Side.BID), default=0)
    if lowest_ask > highest_bid:
        return set()
    asks = {(Side.ASK, t) for t in targets[Side.ASK] if t.price <= highest_bid}
    return asks | {(Side.BID, t) for t in targets[Side.BID] if 100 - t.price >= lowest_ask}
