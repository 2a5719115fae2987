"""From a best price to a ladder of orders on one side.

A ladder is made in terms of the price of the share that is sold (YES for asks, NO for bids), so that the two
sides are one piece of code and exchanging the names YES and NO changes nothing.
"""

from enum import Enum
from functools import lru_cache
from typing import Protocol

import attrs
import msgspec

from amm.brain.arithmetic import ONE, Cents, Ppm, Shares, cdiv, rdiv


class Outcome(Enum):
    YES = "YES"
    NO = "NO"


class Side(Enum):
    """A side of the book: asks are our sales of YES, bids our sales of NO."""

    ASK = "ASK"
    BID = "BID"

    __hash__ = object.__hash__
    """There is one of each; an enum's own hash is that of its name, worked out anew each time it is asked."""

    @property
    def outcome(self) -> Outcome:
        return Outcome.YES if self is Side.ASK else Outcome.NO

    @property
    def other(self) -> "Side":
        return Side.BID if self is Side.ASK else Side.ASK

    def own_price(self, yes_price: Cents) -> Cents:
        """Turn a YES price into that of the share this side sells, and back: it is its own inverse."""
        return yes_price if self is Side.ASK else 100 - yes_price


class Target(msgspec.Struct, frozen=True):
    """One order we want to have: `price` is that of the share sold."""

    price: Cents
    quantity: Shares


class Gradient(Enum):
    """How a ladder's levels follow one another: by equal steps, or by equal ratios."""

    LINEAR = "LINEAR"
    GEOMETRIC = "GEOMETRIC"


class LadderTerms(Protocol):
    """What a ladder is made from, wherever it is configured."""

    @property
    def level_qty(self) -> Shares: ...
    @property
    def linear_step(self) -> Cents: ...
    @property
    def linear_qty_increase(self) -> Ppm: ...
    @property
    def geometric_ratio(self) -> Ppm: ...
    @property
    def qty_decay(self) -> Ppm: ...
    @property
    def reserve_shares(self) -> Shares: ...


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
    terms: LadderTerms,
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
    unassigned = inventory - terms.reserve_shares
    targets: list[Target] = []
    prices = _prices(gradient, terms.linear_step, terms.geometric_ratio, levels, best)
    for price, wanted in zip(prices, _quantities(terms, gradient, levels, size), strict=True):
        quantity = min(wanted, unassigned, max_quantity)
        if price > highest or quantity <= 0:
            break
        unassigned -= quantity
        targets.append(Target(price, quantity))
    return targets


def whole_side(terms: LadderTerms, gradient: Gradient, levels: int, phase: Ppm) -> Shares:
    """Return what one side adds up to while nothing makes it smaller: no lack of shares, no skew, no end."""
    size = Size(phase=phase, skew=ONE, maturity=ONE, event=ONE)
    return sum(_quantities(terms, gradient, levels, size))


@lru_cache(maxsize=1024)
def _prices(gradient: Gradient, step: Cents, ratio: Ppm, levels: int, best: Cents) -> tuple[Cents, ...]:
    """Return strictly rising prices. Geometric ones come from the best, so roundings do not add up."""
    prices: list[Cents] = []
    for level in range(levels):
        if gradient is Gradient.LINEAR:
            price = best + level * step
        else:
            price = cdiv(best * ratio**level, ONE**level)
        prices.append(max(price, prices[-1] + 1) if prices else price)
    return tuple(prices)


def _quantities(terms: LadderTerms, gradient: Gradient, levels: int, size: Size) -> list[Shares]:
    """Multiply everything exactly and round down once."""
    product = terms.level_qty * size.phase * size.skew * size.maturity * size.event
    factors = _factors(gradient, terms.linear_qty_increase, terms.qty_decay, levels)
    return [max(1, product * factor // unit) for factor, unit in factors]


@lru_cache(maxsize=64)
def _factors(gradient: Gradient, increase: Ppm, decay: Ppm, levels: int) -> tuple[tuple[int, int], ...]:
    """Return for each level a factor, and by what a product with it and `Size`'s four has to be divided."""
    if gradient is Gradient.LINEAR:
        return tuple((ONE + level * increase, ONE**5) for level in range(levels))
    return tuple((decay**level, ONE ** (4 + level)) for level in range(levels))
