"""A market's status changes, and the brake in between."""

from typing import Any

from tests.kernel.reference.records import Breaker, Fact, Market
from tests.kernel.reference.world import World


def change_status(
    world: World,
    market: Market,
    new_status: str,
    reason: str,
    by: str | None,
    text: str | None = None,
    until: int | None = None,
) -> None:
    previous = market.status
    market.status = new_status
    if new_status == "ACTIVE":
        market.trading_again_at = world.at
        market.trades_before = len(world.trades)
    world.record(
        "MARKET_STATUS_CHANGED",
        market.market_id,
        previous_status=previous,
        new_status=new_status,
        reason=f"{reason}: {text}" if text else reason,
        resolution_result=market.resolution_result,
        void_price_cents=market.void_price_cents,
        until=until,
        resolved_at=market.resolved_at,
        by=by,
    )


def trip(world: World, market: Market, trigger: str, context: dict[str, Any]) -> None:
    breaker = Breaker(len(world.breakers) + 1, market.market_id, trigger)
    world.breakers.append(breaker)
    world.record(
        "CIRCUIT_BREAKER_TRIGGERED",
        market.market_id,
        breaker_id=breaker.breaker_id,
        trigger_reason=trigger,
        context=context,
    )


def close_breakers(
    world: World, market: Market, by: str, note: str, target: str, only: str | None = None
) -> None:
    """All that are open, or those of one trigger only."""
    still_open = [b for b in unresolved(world, market) if only in (None, b.trigger)]
    if not still_open:
        return
    for breaker in still_open:
        breaker.resolved = True
    world.record(
        "CIRCUIT_BREAKER_RESOLVED",
        market.market_id,
        breaker_ids=[b.breaker_id for b in still_open],
        resolved_by=by[:50],
        resolution_note=note,
        target_status=target,
    )


def unresolved(world: World, market: Market) -> list[Breaker]:
    return [b for b in world.breakers if b.market_id == market.market_id and not b.resolved]


def newest_change(world: World, market: Market) -> Fact | None:
    """Of its status."""
    changes = (
        fact
        for fact in reversed(world.facts)
        if (fact.market_id, fact.event_type) == (market.market_id, "MARKET_STATUS_CHANGED")
    )
    return next(changes, None)


def is_paused(world: World, market: Market) -> bool:
    """Whether it was suspended because its trades had moved, and nobody has closed that since."""
    change = newest_change(world, market)
    stopped_by_itself = change is not None and (change.fields["new_status"], change.fields["reason"]) == (
        "SUSPENDED",
        "CIRCUIT_BREAKER",
    )
    return stopped_by_itself and any(b.trigger == "VOLATILITY" for b in unresolved(world, market))


def pause_until(world: World, market: Market) -> int | None:
    """When its pause ends by itself; nothing if it does not, or if there is none."""
    change = newest_change(world, market)
    if change is None or not is_paused(world, market):
        return None
    until: int | None = change.fields["until"]
    return until
