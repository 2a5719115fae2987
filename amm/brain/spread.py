"""How far from the reservation price do we quote? Half-spread, multipliers, and the best price of each side.

Rounding to cents happens once for each price, outward: asks up, bids down.
"""

from enum import Enum

import attrs

from amm.brain.arithmetic import CENT, ONE, Cents, Ms, Ppm, Uc, cdiv, clamp, fdiv, ln_ppm, rdiv
from amm.brain.book import ForeignBook
from amm.brain.config import AvellanedaStoikov, SpreadModel

HOUR_MS: Ms = 3_600_000


class Maturity(Enum):
    """How near the end of trading is; each with its quantity and its spread factor."""

    FAR = (ONE, ONE)
    DAY = (500_000, 1_500_000)
    HOUR = (200_000, 2_000_000)
    QUARTER = (50_000, 3_000_000)

    def __init__(self, quantity: Ppm, spread: Ppm) -> None:
        self.quantity = quantity
        self.spread = spread


def maturity(left_ms: Ms | None) -> Maturity:
    if left_ms is None or left_ms > 24 * HOUR_MS:
        return Maturity.FAR
    if left_ms > HOUR_MS:
        return Maturity.DAY
    return Maturity.HOUR if left_ms > HOUR_MS // 4 else Maturity.QUARTER


def model_half_spread(config: AvellanedaStoikov, gamma: Ppm, sigma: Uc, tau: Ppm) -> Uc:
    """Return half of gamma sigma^2 tau + (2/gamma) ln(1 + gamma/k), or nothing with a fixed spread."""
    if config.spread_model is SpreadModel.FIXED:
        return 0
    risk = rdiv(gamma * sigma * sigma * tau, 2 * 10**18)
    arrival = rdiv(ln_ppm(ONE + rdiv(gamma * ONE, config.arrival_k)) * CENT, gamma)
    return risk + arrival


def half_spread(config: AvellanedaStoikov, floor: Uc, maturity_factor: Ppm, stress: Ppm) -> Uc:
    """Stretch the largest of base, fee and model by maturity and by the largest single stress."""
    stretched = rdiv(floor * maturity_factor * stress, ONE * ONE)
    return clamp(stretched, config.min_half_spread * CENT, config.max_half_spread * CENT)


@attrs.frozen
class Bounds:
    """The prices allowed, in YES cents. Both views of an order must be in the market's range."""

    low: Cents
    high: Cents

    @classmethod
    def of(cls, config: AvellanedaStoikov, market_min: Cents, market_max: Cents) -> "Bounds":
        return cls(
            max(config.min_price, market_min, 100 - market_max),
            min(config.max_price, market_max, 100 - market_min),
        )


@attrs.frozen
class Best:
    """The best prices to quote in YES cents; None is a side that is not quoted."""

    ask: Cents | None
    bid: Cents | None

    def within(self, bounds: Bounds) -> "Best":
        """Move prices outward to the bounds; drop a side that lies beyond them rather than move it inward."""
        ask, bid = self.ask, self.bid
        if ask is not None:
            ask = None if ask > bounds.high else max(ask, bounds.low + 1)
        if bid is not None:
            bid = None if bid < bounds.low else min(bid, bounds.high - 1)
        return Best(ask, bid)

    def discounted(self, discount: Cents, *, heavy_yes: bool) -> "Best":
        """Move the heavy side inward to get rid of it, but not onto the other side."""
        ask, bid = self.ask, self.bid
        if heavy_yes and ask is not None:
            ask = ask - discount if bid is None else max(ask - discount, bid + 1)
        elif not heavy_yes and bid is not None:
            bid = bid + discount if ask is None else min(bid + discount, ask - 1)
        return Best(ask, bid)

    def guarded(self, book: ForeignBook) -> "Best":
        """Stay behind what others bid and ask: there is no post-only order."""
        ask, bid = self.ask, self.bid
        if ask is not None and book.best_bid is not None and ask <= book.best_bid:
            ask = book.best_bid + 1
        if bid is not None and book.best_ask is not None and bid >= book.best_ask:
            bid = book.best_ask - 1
        return Best(ask, bid)


def side_half_spreads(config: AvellanedaStoikov, half: Uc, q: Ppm) -> tuple[Uc, Uc]:
    """Return the distances of ask and bid: the side we have too much of is quoted nearer."""
    least = config.min_half_spread * CENT
    lean = config.spread_skew_factor * q
    ask = rdiv(half * (ONE * ONE - lean), ONE * ONE)
    bid = rdiv(half * (ONE * ONE + lean), ONE * ONE)
    return max(least, ask), max(least, bid)


def best_quotes(reservation: Uc, ask_half: Uc, bid_half: Uc) -> Best:
    return Best(cdiv(reservation + ask_half, CENT), fdiv(reservation - bid_half, CENT))
