"""The end of a market: its result, and who gets what."""

from typing import Any

from kernel.commands import CloseMarket, ResolveMarket, SettleMarket, VoidMarket
from tests.kernel.reference.amm import stop_run
from tests.kernel.reference.breakers import change_status, close_breakers
from tests.kernel.reference.clearing import cancel
from tests.kernel.reference.lifecycle import market_named
from tests.kernel.reference.records import RESERVE, Market, Refused
from tests.kernel.reference.second import ask_a_second, check_interest
from tests.kernel.reference.windows import average
from tests.kernel.reference.world import World

Answer = dict[str, Any]


def resolve_market(world: World, command: ResolveMarket) -> Answer:
    if command.result not in ("YES", "NO", "VOID"):
        raise Refused(3004)
    if command.result != "VOID" and command.void_price_cents is not None:
        raise Refused(9004)
    request = {"resolution_result": command.result, "settle": command.settle}
    return resolve(world, command, "RESOLVE", request, command.result, None, command.settle)


def void_market(world: World, command: VoidMarket) -> Answer:
    return resolve(world, command, "VOID", {"reason": command.reason}, "VOID", command.reason, True)


def resolve(
    world: World,
    command: ResolveMarket | VoidMarket,
    action: str,
    request: dict[str, Any],
    result: str,
    text: str | None,
    settle_now: bool,
) -> Answer:
    market_id, by, price = command.market_id, command.by, command.void_price_cents
    if price is not None and not 1 <= price <= 99:
        raise Refused(9004)
    market = market_named(world, market_id)
    check_interest(world, command)
    if market.status not in ("ACTIVE", "SUSPENDED", "HALTED"):
        raise Refused(3003)
    basis = void_basis(world, market, price) if result == "VOID" else None
    if price is not None:
        request = {**request, "void_price_cents": price}
    if (answer := ask_a_second(world, command, action, **request)) is not None:
        return answer
    close_breakers(world, market, by, "market resolved", "RESOLVED")
    market.resolution_result = result
    market.resolved_at = world.at
    if basis is not None:
        market.void_price_cents = basis["reference"]["reference_price_cents"] if price is None else price
    change_status(world, market, "RESOLVED", "RESOLUTION", by, text)
    announce_portions(world, market_id, settle_now)
    for order in world.live_orders(market_id):
        cancel(world, order, "MARKET_RESOLVED")
    return resolved(market, settle(world, market) if settle_now else None, basis)


def void_basis(world: World, market: Market, named: int | None) -> dict[str, Any]:
    """What the price rests on. By itself the exchange pays none that was hardly quoted."""
    total, time, two_sided = average(world, market)
    told = {
        "reference_price_cents": (total + time) // (2 * time) if time else (world.spot2_after_due + 1) // 2,
        "observed_ms": time // 1000,
        "two_sided_ms": two_sided // 1000,
    }
    if named is None and (20 * told["two_sided_ms"] < told["observed_ms"] or told["two_sided_ms"] < 600_000):
        raise Refused(3009, told)
    return {"source": "REFERENCE" if named is None else "ADMIN", "reference": told}


def settle_market(world: World, command: SettleMarket) -> Answer:
    market = market_named(world, command.market_id)
    check_interest(world, command)
    if market.status != "RESOLVED":
        raise Refused(3005)
    if (answer := ask_a_second(world, command, "SETTLE")) is not None:
        return answer
    announce_portions(world, command.market_id, settles=True)
    return resolved(market, settle(world, market), None)


def announce_portions(world: World, market_id: str, settles: bool) -> None:
    orders, holders = len(world.live_orders(market_id)), len(world.known(market_id))
    if orders > world.portion or (settles and holders > world.portion):
        world.record("MARKET_CLOSING", market_id, settles=settles)


def close_market(world: World, command: CloseMarket) -> Answer:
    """Between two commands no market is ever half closed."""
    market_named(world, command.market_id)
    raise Refused(3005)


def resolved(market: Market, settlement: dict[str, int] | None, basis: Answer | None) -> Answer:
    return {
        "kind": "Resolved",
        "market_id": market.market_id,
        "result": market.resolution_result,
        "resolved_at": market.resolved_at,
        "settlement": settlement,
        "void_price_cents": market.void_price_cents,
        "void_basis": basis,
    }


def settle(world: World, market: Market) -> dict[str, int]:
    market_id = market.market_id
    void = market.resolution_result == "VOID"
    payouts = shares_at_price(world, market) if void else winnings(world, market)
    assert sum(payouts.values()) == world.totals(market_id)[0]
    held = {user_id: world.position(user_id, market_id) for user_id in world.holders(market_id)}
    gains: dict[str, int] = {}
    for user_id, before in held.items():
        yes_volume, yes_cost, _, no_volume, no_cost, _ = before
        if not (yes_volume or no_volume):
            continue
        payout = payouts.get(user_id, 0)
        gains[user_id] = payout - yes_cost - no_cost
        entry_type = "SETTLEMENT_VOID" if void else "SETTLEMENT_PAYOUT"
        world.pay(user_id, entry_type, payout, ("MARKET", market_id), market_id)
        world.pay(RESERVE, "BURN_RESERVE_OUT", -payout, ("MARKET", market_id), market_id)
        world.move(user_id, market_id, "YES", -yes_volume, -yes_cost)
        world.move(user_id, market_id, "NO", -no_volume, -no_cost)
        world.record(
            "POSITION_SETTLED",
            market_id,
            user_id=user_id,
            resolution_result=market.resolution_result,
            yes_volume=yes_volume,
            no_volume=no_volume,
            yes_cost_sum=yes_cost,
            no_cost_sum=no_cost,
            payout_cents=payout,
            void_price_cents=market.void_price_cents,
        )
    for user_id, gain in gains.items():
        world.realize(market_id, user_id, gain)
    assert world.totals(market_id) == (0, 0, 0, 0)
    market.status = "VOIDED" if void else "SETTLED"
    market.settled_at = world.at
    winners = sum(1 for payout in payouts.values() if payout > 0)
    world.record(
        "MARKET_SETTLED",
        market_id,
        previous_status="RESOLVED",
        new_status=market.status,
        resolution_result=market.resolution_result,
        settled_at=world.at,
        total_payout_cents=sum(payouts.values()),
        winners_count=winners,
        void_price_cents=market.void_price_cents,
    )
    run = world.runs.get(market_id)
    if run is not None and run.status == "RUNNING":
        stop_run(world, run, None, "MARKET_SETTLED", 0, None)
    cancelled = [
        fact
        for fact in world.facts
        if fact.event_type == "ORDER_CANCELLED"
        and fact.market_id == market_id
        and fact.fields["cancel_reason"] == "MARKET_RESOLVED"
    ]
    return {
        "settled_at": world.at,
        "total_payout": sum(payouts.values()),
        "winners_count": winners,
        "cancelled_orders_count": len(cancelled),
        "cancelled_orders_unfrozen": sum(e.amount for fact in cancelled for e in fact.entries),
    }


def winnings(world: World, market: Market) -> dict[str, int]:
    assert market.resolution_result is not None
    return {
        user_id: 100 * world.volume(user_id, market.market_id, market.resolution_result)
        for user_id in world.holders(market.market_id)
    }


def shares_at_price(world: World, market: Market) -> dict[str, int]:
    """A pair is worth 100 cents in any case."""
    market_id, price = market.market_id, market.void_price_cents
    assert price is not None
    return {
        user_id: price * world.volume(user_id, market_id, "YES")
        + (100 - price) * world.volume(user_id, market_id, "NO")
        for user_id in world.holders(market_id)
    }
