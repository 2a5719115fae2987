"""Markets: from draft to the day before the last, and who stops them in between."""

from typing import Any

from kernel.commands import (
    ActivateMarket,
    CreateMarket,
    HaltMarket,
    ResumeMarket,
    SuspendMarket,
    Tick,
    TripBreaker,
)
from tests.kernel.reference.breakers import (
    change_status,
    close_breakers,
    is_paused,
    pause_until,
    trip,
    unresolved,
)
from tests.kernel.reference.due import cancel_overdue
from tests.kernel.reference.modes import end_mode
from tests.kernel.reference.records import Market, Refused
from tests.kernel.reference.world import World

Answer = dict[str, Any]


def market_named(world: World, market_id: str) -> Market:
    market = world.markets.get(market_id)
    if market is None:
        raise Refused(3001)
    return market


def done(market_id: str) -> Answer:
    return {"kind": "MarketIs", "market_id": market_id}


def create_market(world: World, command: CreateMarket) -> Answer:
    terms = command.terms
    window = (terms.trading_start_at, terms.trading_end_at)
    sound = (
        1 <= terms.min_price_cents < terms.max_price_cents <= 99
        and 1 <= terms.max_order_quantity < 2**31
        and 1 <= terms.max_position_per_user < 2**31
        and 1 <= terms.max_order_amount_cents < 2**63
        and 1 <= terms.max_open_orders <= 10_000
        and 1 <= terms.max_open_orders_total <= 100_000
        and 1 <= terms.max_open_orders_amm <= 100_000
        and 0 <= terms.maker_fee_bps <= 1000
        and 0 <= terms.taker_fee_bps <= 1000
        and (window[0] is None or window[1] is None or window[0] < window[1])
        and 60_000 <= terms.void_window_ms <= 604_800_000
        and 0 <= terms.collar_cents <= 98
        and 1_000 <= terms.collar_window_ms <= 86_400_000
        and 0 <= terms.halt_move_cents <= 98
        and 1_000 <= terms.halt_window_ms <= 86_400_000
        and 0 <= terms.halt_pause_ms <= 86_400_000
    )
    if not sound:
        raise Refused(9004)
    if command.market_id in world.markets:
        raise Refused(3006)
    world.markets[command.market_id] = Market(
        command.market_id,
        terms,
        command.amm_authorized,
        created_at=world.at,
        book_changed_at=world.at,
    )
    world.record(
        "MARKET_CREATED",
        command.market_id,
        terms=terms,
        amm_authorized=command.amm_authorized,
        by=command.by,
    )
    return done(command.market_id)


def activate_market(world: World, command: ActivateMarket) -> Answer:
    market = market_named(world, command.market_id)
    if market.status != "DRAFT":
        raise Refused(3005)
    change_status(world, market, "ACTIVE", "ADMIN", command.by)
    return done(command.market_id)


def suspend_market(world: World, command: SuspendMarket) -> Answer:
    market = market_named(world, command.market_id)
    if market.status != "ACTIVE":
        raise Refused(3005)
    change_status(world, market, "SUSPENDED", "ADMIN", command.by, command.reason)
    return done(command.market_id)


def has_ended(world: World, market: Market) -> bool:
    return market.terms.trading_end_at is not None and world.at >= market.terms.trading_end_at


def halt_market(world: World, command: HaltMarket) -> Answer:
    market = market_named(world, command.market_id)
    if market.status not in ("ACTIVE", "SUSPENDED"):
        raise Refused(3005)
    trip(world, market, "MANUAL", {"reason": command.reason})
    change_status(world, market, "HALTED", "ADMIN", command.by, command.reason)
    return done(command.market_id)


def trip_breaker(world: World, command: TripBreaker) -> Answer:
    market = market_named(world, command.market_id)
    trip(world, market, command.trigger, command.context)
    if market.status in ("ACTIVE", "SUSPENDED"):
        change_status(world, market, "HALTED", "CIRCUIT_BREAKER", None)
    return done(command.market_id)


def resume_market(world: World, command: ResumeMarket) -> Answer:
    market = market_named(world, command.market_id)
    target = command.target_status
    was_halted = market.status == "HALTED"
    allowed = {"SUSPENDED": ("ACTIVE",), "HALTED": ("ACTIVE", "SUSPENDED")}.get(market.status, ())
    if target not in allowed or (target == "ACTIVE" and has_ended(world, market)):
        raise Refused(3005)
    note = command.resolution_note
    if was_halted:
        if not note:
            raise Refused(9004)
        newest = max((b.breaker_id for b in unresolved(world, market)), default=0)
        if command.sound_after is not None and command.sound_after < newest:
            raise Refused(3007, {"violations": []})
        close_breakers(world, market, command.by, note, target)
    elif is_paused(world, market):
        close_breakers(world, market, command.by, note or "resumed", target, only="VOLATILITY")
    change_status(world, market, target, "ADMIN", command.by)
    if was_halted:
        cancel_overdue(world, market)
    return done(command.market_id)


def tick(world: World, command: Tick) -> Answer:
    """After the due step: the end of trading, the end of a pause, the end of the mode."""
    market = market_named(world, command.market_id)
    if market.status == "ACTIVE" and has_ended(world, market):
        change_status(world, market, "SUSPENDED", "TRADING_ENDED", None)
    end_pause(world, market)
    end_mode(world, market)
    return done(command.market_id)


def end_pause(world: World, market: Market) -> None:
    """Whose trading has ended meanwhile is not paused any more, and does not trade again."""
    until = pause_until(world, market)
    if is_paused(world, market) and has_ended(world, market):
        close_breakers(world, market, "SYSTEM", "pause over", "SUSPENDED", only="VOLATILITY")
    elif until is not None and until <= world.at:
        close_breakers(world, market, "SYSTEM", "pause over", "ACTIVE", only="VOLATILITY")
        change_status(world, market, "ACTIVE", "CIRCUIT_BREAKER", None)
