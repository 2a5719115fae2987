"""What keeps a market from trading far from where it was: nobody may, or nobody may for a while."""

from fractions import Fraction
from math import ceil, floor

from tests.kernel.reference.breakers import change_status, trip
from tests.kernel.reference.records import Market, Refused
from tests.kernel.reference.walk import Arriving, walk
from tests.kernel.reference.windows import recently, traded
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


def pause_what_moved(world: World, first: int) -> None:
    """At the end of a command: of its facts, which market traded, and whether it has gone too far."""
    fills = ("ORDER_MATCHED", "ORDER_PARTIALLY_FILLED")
    for market_id in sorted({f.market_id or "" for f in world.facts[first:] if f.event_type in fills}):
        market = world.markets[market_id]
        terms, slots = market.terms, traded(world, market).values()
        lowest, highest = min(low for low, _ in slots), max(high for _, high in slots)
        if terms.halt_move_cents == 0 or highest - lowest < terms.halt_move_cents:
            continue
        figures = {"lowest_cents": lowest, "highest_cents": highest}
        limits = {"window_ms": terms.halt_window_ms, "move_cents": terms.halt_move_cents}
        trip(world, market, "VOLATILITY", figures | limits)
        until = world.at + 1_000 * terms.halt_pause_ms if terms.halt_pause_ms else None
        change_status(world, market, "SUSPENDED", "CIRCUIT_BREAKER", None, until=until)
