"""From a best price to a ladder of orders on one side.

A ladder is made in terms of the price of the share that is sold (YES for asks, NO for bids), so that the two
sides are one piece of code and exchanging the names YES and NO changes nothing.
"""

from collections.abc import Iterator
from enum import Enum

import attrs

from amm.arithmetic import ONE, Cents, Ppm, Shares, cdiv, fdiv, rdiv
from amm.config import Gradient, Ladder
from amm.wire import Outcome


class Side(Enum):
    """A side of the book: asks are our sales of YES, bids our sales of NO."""

    ASK = "ASK"
    BID = "BID"

    @property
    def outcome(self) -> Outcome:
        return Outcome.YES if self is Side.ASK else Outcome.NO

    @property
    def other(self) -> "Side":
        return Side.BID if self is Side.ASK else Side.ASK

    def own_price(self, yes_price: Cents) -> Cents:
        """Turn a YES price into that of the share this side sells, and back: it is its own inverse."""
        return yes_price if self is Side.ASK else 100 - yes_price


@attrs.frozen
class Target:
    """One order we want to have: `price` is that of the share sold."""

    price: Cents
    quantity: Shares


@attrs.frozen
class Size:
    """What the quantities of one side are made of, in ppm."""

    phase: Ppm
    skew: Ppm
    maturity: Ppm
    event: Ppm


def side_skew(qty_skew_factor: Ppm, q: Ppm, side: Side) -> Ppm:
    """Return how much larger the heavy side's orders are: 1 plus or minus factor times q.

    Rounded to a ppm first: a third of 0.3 has to give 110 shares of 100, not 109.99997 and thus 109.
    """
    lean = rdiv(qty_skew_factor * q, ONE)
    return ONE + lean if side is Side.ASK else ONE - lean


def ladder(
    config: Ladder,
    gradient: Gradient,
    levels: int,
    *,
    best: Cents,
    highest: Cents,
    size: Size,
    inventory: Shares,
    max_quantity: Shares,
) -> list[Target]:
    """Build one side outward from `best`, cut to the inventory that is still unassigned."""
    unassigned = inventory - config.reserve_shares
    targets: list[Target] = []
    for level, price in enumerate(_prices(config, gradient, levels, best)):
        quantity = min(_quantity(config, gradient, level, size), unassigned, max_quantity)
        if price > highest or quantity <= 0:
            break
        unassigned -= quantity
        targets.append(Target(price, quantity))
    return targets


def whole_side(config: Ladder, gradient: Gradient, levels: int, phase: Ppm) -> Shares:
    """Return what one side adds up to while nothing makes it smaller: no lack of shares, no skew, no end."""
    size = Size(phase=phase, skew=ONE, maturity=ONE, event=ONE)
    return sum(_quantity(config, gradient, level, size) for level in range(levels))


def _prices(config: Ladder, gradient: Gradient, levels: int, best: Cents) -> Iterator[Cents]:
    """Yield strictly rising prices. Geometric ones come from the best, so roundings do not add up."""
    previous = best - 1
    for level in range(levels):
        if gradient is Gradient.LINEAR:
            price = best + level * config.linear_step
        else:
            price = cdiv(best * config.geometric_ratio**level, ONE**level)
        previous = max(price, previous + 1)
        yield previous


def _quantity(config: Ladder, gradient: Gradient, level: int, size: Size) -> Shares:
    """Multiply everything exactly and round down once."""
    if gradient is Gradient.LINEAR:
        factor, unit = ONE + level * config.linear_qty_increase, ONE
    else:
        factor, unit = config.qty_decay**level, ONE**level
    product = config.level_qty * size.phase * size.skew * factor * size.maturity * size.event
    return max(1, fdiv(product, ONE**4 * unit))
