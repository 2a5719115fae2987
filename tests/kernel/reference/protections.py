"""What keeps a market from trading far from where it was."""

from fractions import Fraction
from math import ceil, floor

from tests.kernel.reference.records import Market, Refused
from tests.kernel.reference.walk import Arriving, walk
from tests.kernel.reference.windows import recently
from tests.kernel.reference.world import World


def check_collar(world: World, taker: Arriving, time_in_force: str) -> None:
    """Neither a meeting outside the band, nor a quote that waits beyond it for others to follow."""
    market = taker.market
    if market.terms.collar_cents == 0 or market.last_trade_price is None:
        return
    middle = average(world, market)
    lowest, highest = middle - market.terms.collar_cents, middle + market.terms.collar_cents
    prices = [maker.book_price for maker, _ in walk(world, taker)[0]]
    if time_in_force in ("GTC", "GTD"):
        buys = taker.book_direction == "BUY"
        # What rests on the other side of the band is far from everybody and harms nobody.
        prices.append(max(taker.book_price, ceil(lowest)) if buys else min(taker.book_price, floor(highest)))
    if any(not lowest <= price <= highest for price in prices):
        data = {
            "reference_price_cents": floor(middle + Fraction(1, 2)),
            "lowest_cents": max(1, ceil(lowest)),
            "highest_cents": min(99, floor(highest)),
        }
        raise Refused(4011, data)


def average(world: World, market: Market) -> Fraction:
    """In cents: the recent prices by how long each stood, or the one that stands now."""
    weighed, time = recently(world, market)
    return Fraction(weighed, 2 * time) if time else Fraction(world.spot2(market), 2)
