"""Recent prices: the spot that stood, and for how long; and what was traded."""

from tests.kernel.reference.records import Market, Stood
from tests.kernel.reference.world import World


def slot_length(window_ms: int, slots: int) -> int:
    whole, rest = divmod(window_ms * 1000, slots)
    return whole + (1 if rest else 0)


def stretches(world: World, market: Market) -> list[Stood]:
    """Everything that stood, as if the time up to now had been written down already."""
    known = [each for each in world.stood if each.market_id == market.market_id]
    running = world.running.get(market.market_id)
    return known if running is None else [*known, running]


def recently(world: World, market: Market) -> tuple[int, int]:
    """Over the window of the collar: half cents times microseconds, and microseconds."""
    length = slot_length(market.terms.collar_window_ms, 16)
    since = max((world.at // length - 15) * length, market.trading_again_at)
    counted = [(each.spot2, each.until - max(each.since, since)) for each in stretches(world, market)]
    kept = [(spot2, time) for spot2, time in counted if time > 0]
    return sum(spot2 * time for spot2, time in kept), sum(time for _, time in kept)


def average(world: World, market: Market) -> tuple[int, int, int]:
    """Over the window of a void: half cents times microseconds, microseconds, and those with both sides."""
    length = slot_length(market.terms.void_window_ms, 96)
    standing = stretches(world, market)
    lived = sum(each.until - each.since for each in standing)
    since = max(0, lived // length - 95) * length
    total = two_sided = clock = 0
    for each in standing:
        end = clock + each.until - each.since
        counted = max(0, end - max(clock, since))
        total += each.spot2 * counted
        two_sided += counted if each.two_sided else 0
        clock = end
    return total, lived - since, two_sided


def traded(world: World, market: Market) -> dict[int, tuple[int, int]]:
    """By slot of the window of the halt: the lowest and the highest price since the market trades again."""
    length = slot_length(market.terms.halt_window_ms, 16)
    prices: dict[int, list[int]] = {}
    for trade in world.trades[market.trades_before :]:
        slot = trade.executed_at // length
        if trade.market_id == market.market_id and not trade.is_audit and slot > world.at // length - 16:
            prices.setdefault(slot, []).append(trade.price)
    return {slot: (min(each), max(each)) for slot, each in prices.items()}
