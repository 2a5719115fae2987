"""What only the market maker may do, and what administrators do about it."""

from typing import Any

from kernel.commands import AuthorizeAmm, BurnShares, MintShares, StartAmm, StopAmm
from tests.kernel.reference.checks import (
    check_fence,
    check_money,
    check_open,
    check_privileged,
    public_market,
)
from tests.kernel.reference.clearing import cancel
from tests.kernel.reference.deadlines import check_deadline
from tests.kernel.reference.records import AMM, RESERVE, VOLUME_MAX, AmmRun, Market, Once, Refused, Trade
from tests.kernel.reference.second import ask_a_second
from tests.kernel.reference.world import World

Answer = dict[str, Any]


def check_volumes(world: World, market: Market, quantity: int) -> None:
    for side in ("YES", "NO"):
        orders = world.live_orders(market.market_id)
        coming = sum(o.remaining for o in orders if o.user_id == AMM and o.opens and o.side == side)
        if world.volume(AMM, market.market_id, side) + coming + quantity > VOLUME_MAX:
            raise Refused(4002)


def check_pairs(command: MintShares | BurnShares) -> None:
    if not 1 <= command.quantity <= 10_000_000 or command.idempotency_key.startswith("amm_start_"):
        raise Refused(9004)


def mint_shares(world: World, command: MintShares) -> Answer:
    if command.user_id != AMM:
        raise Refused(6099)
    check_pairs(command)
    known = world.mints.get(command.idempotency_key)
    if known is not None:
        if known.request != (command.market_id, command.quantity):
            raise Refused(6006)
        return {**known.answer, "repeated": True}
    check_deadline(world, command)
    market = public_market(world, command.market_id)
    check_open(world, market)
    if market.trading_mode == "CANCEL_ONLY":
        raise Refused(3008, {"trading_mode": "CANCEL_ONLY"})
    if not market.amm_authorized:
        raise Refused(6009)
    check_volumes(world, market, command.quantity)
    if world.available(AMM) < 100 * command.quantity:
        raise Refused(2001)
    return mint(world, market, command.quantity, command.idempotency_key, command.nonce)


def mint(world: World, market: Market, quantity: int, key: str, nonce: int) -> Answer:
    market_id = market.market_id
    cents = 100 * quantity
    world.pay(AMM, "MINT_COST", -cents, ("AMM_MINT", key), market_id)
    world.pay(RESERVE, "MINT_RESERVE_IN", cents, ("AMM_MINT", key), market_id)
    for side in ("YES", "NO"):
        world.move(AMM, market_id, side, quantity, 50 * quantity)
    audit_trade(world, market, "MINT", AMM, quantity, nonce, pnl=None)
    answer = {
        "kind": "Minted",
        "market_id": market_id,
        "quantity": quantity,
        "cents": cents,
        "new_yes_inventory": world.volume(AMM, market_id, "YES"),
        "new_no_inventory": world.volume(AMM, market_id, "NO"),
        "remaining_balance": world.available(AMM),
        "repeated": False,
    }
    world.mints[key] = Once((market_id, quantity), answer)
    world.record(
        "SHARES_MINTED",
        market_id,
        user_id=AMM,
        quantity=quantity,
        cost_cents=cents,
        idempotency_key=key,
        new_yes_inventory=answer["new_yes_inventory"],
        new_no_inventory=answer["new_no_inventory"],
        remaining_balance_cents=answer["remaining_balance"],
    )
    return answer


def burn_shares(world: World, command: BurnShares) -> Answer:
    check_fence(world, command.user_id, command.fence)
    check_privileged(world, command.user_id)
    check_pairs(command)
    user_id, market_id, quantity = command.user_id, command.market_id, command.quantity
    known = world.burns.get(command.idempotency_key)
    if known is not None:
        if known.request != (user_id, market_id, quantity):
            raise Refused(6006)
        return {**known.answer, "repeated": True}
    check_deadline(world, command)
    market = public_market(world, market_id)
    check_open(world, market)
    if min(world.free(user_id, market_id, side) for side in ("YES", "NO")) < quantity:
        raise Refused(5001)
    key = command.idempotency_key
    cents = 100 * quantity
    yes_cost = world.released_cost(user_id, market_id, "YES", quantity)
    no_cost = world.released_cost(user_id, market_id, "NO", quantity)
    world.pay(user_id, "BURN_REVENUE", cents, ("AMM_BURN", key), market_id)
    world.pay(RESERVE, "BURN_RESERVE_OUT", -cents, ("AMM_BURN", key), market_id)
    world.move(user_id, market_id, "YES", -quantity, -yes_cost)
    world.move(user_id, market_id, "NO", -quantity, -no_cost)
    pnl = cents - yes_cost - no_cost
    world.realize(market_id, user_id, pnl)
    audit_trade(world, market, "BURN", user_id, quantity, command.nonce, pnl)
    answer = {
        "kind": "Burned",
        "market_id": market_id,
        "quantity": quantity,
        "cents": cents,
        "new_yes_inventory": world.volume(user_id, market_id, "YES"),
        "new_no_inventory": world.volume(user_id, market_id, "NO"),
        "remaining_balance": world.available(user_id),
        "repeated": False,
    }
    world.burns[key] = Once((user_id, market_id, quantity), answer)
    world.record(
        "SHARES_BURNED",
        market_id,
        user_id=user_id,
        quantity=quantity,
        recovered_cents=cents,
        idempotency_key=key,
        yes_cost_released=yes_cost,
        no_cost_released=no_cost,
        new_yes_inventory=answer["new_yes_inventory"],
        new_no_inventory=answer["new_no_inventory"],
        remaining_balance_cents=answer["remaining_balance"],
    )
    return answer


def audit_trade(
    world: World, market: Market, scenario: str, user_id: str, quantity: int, nonce: int, pnl: int | None
) -> None:
    """Pairs out of nothing, or into it, look like a trade with nobody, at 50 and without a fee."""
    order_id = world.new_order_id(nonce)
    minted = scenario == "MINT"
    world.trades.append(
        Trade(
            trade_id=f"TRD_{world.new_trade_id()}",
            market_id=market.market_id,
            scenario=scenario,
            buy_order_id=order_id,
            sell_order_id=order_id,
            buy_user_id=user_id if minted else "SYSTEM",
            sell_user_id="SYSTEM" if minted else user_id,
            buy_book_type="NATIVE_BUY" if minted else "SYNTHETIC_BUY",
            sell_book_type="SYNTHETIC_SELL" if minted else "NATIVE_SELL",
            price=50,
            quantity=quantity,
            maker_order_id=order_id,
            taker_order_id=order_id,
            maker_fee=0,
            taker_fee=0,
            buy_realized_pnl=None,
            sell_realized_pnl=pnl,
            is_audit=True,
            executed_at=world.at,
        )
    )


def start_amm(world: World, command: StartAmm) -> Answer:
    if not 1 <= command.initial_budget <= 2_000_000_000 or not 1 <= command.initial_price <= 99:
        raise Refused(9004)
    market = world.markets.get(command.market_id)
    if market is None:
        raise Refused(3001)
    check_open(world, market)
    if not market.amm_authorized:
        raise Refused(6009)
    run = world.runs.get(command.market_id)
    if run is not None and run.status == "RUNNING":
        raise Refused(6007)
    pairs = command.initial_budget // 200
    check_volumes(world, market, pairs)
    check_money(world, command.initial_budget)
    request = {
        "initial_budget_cents": command.initial_budget,
        "initial_price_cents": command.initial_price,
        "config_override": command.config_override,
    }
    if (answer := ask_a_second(world, command, "AMM_START", **request)) is not None:
        return answer
    count = 1 if run is None else run.start_count + 1
    world.pay(AMM, "DEPOSIT", command.initial_budget, ("DEPOSIT", None), None)
    world.record(
        "FUNDS_DEPOSITED",
        None,
        user_id=AMM,
        amount_cents=command.initial_budget,
        cause="AMM_START",
        idempotency_key=None,
    )
    if pairs:
        mint(world, market, pairs, f"amm_start_{command.market_id}_{count}", command.nonce)
    world.runs[command.market_id] = AmmRun(
        command.market_id,
        count,
        command.initial_budget,
        command.initial_price,
        command.config_override,
        world.at if run is None else run.first_started_at,
        world.at,
    )
    world.record(
        "AMM_STARTED",
        command.market_id,
        start_count=count,
        initial_budget_cents=command.initial_budget,
        initial_price_cents=command.initial_price,
        initial_mint_quantity=pairs,
        config_override=command.config_override,
        by=command.by,
    )
    return {
        "kind": "AmmRunning",
        "market_id": command.market_id,
        "initial_budget": command.initial_budget,
        "initial_mint_quantity": pairs,
        "started_at": world.at,
    }


def stop_amm(world: World, command: StopAmm) -> Answer:
    market = world.markets.get(command.market_id)
    if market is None:
        raise Refused(3001)
    run = world.runs.get(command.market_id)
    if run is None or run.status != "RUNNING":
        raise Refused(6008)
    orders = [] if market.status == "HALTED" else world.live_orders(command.market_id)
    own = [order for order in orders if order.user_id == AMM]
    for order in own:
        cancel(world, order, "AMM_STOPPED")
    stop_run(world, run, command.stop_mode, "ADMIN", len(own), command.by)
    return {
        "kind": "AmmStoppedNow",
        "market_id": command.market_id,
        "stop_mode": command.stop_mode,
        "cancelled_orders_count": len(own),
        "remaining_yes_inventory": world.volume(AMM, command.market_id, "YES"),
        "remaining_no_inventory": world.volume(AMM, command.market_id, "NO"),
        "remaining_balance": world.available(AMM),
        "stopped_at": world.at,
    }


def stop_run(
    world: World, run: AmmRun, stop_mode: str | None, cause: str, cancelled: int, by: str | None
) -> None:
    run.status = "STOPPED"
    run.stopped_at = world.at
    run.stop_mode = stop_mode
    world.record(
        "AMM_STOPPED",
        run.market_id,
        stop_mode=stop_mode,
        cause=cause,
        cancelled_orders_count=cancelled,
        by=by,
    )


def authorize_amm(world: World, command: AuthorizeAmm) -> Answer:
    market = world.markets.get(command.market_id)
    if market is None:
        raise Refused(3001)
    if market.amm_authorized != command.authorized:
        market.amm_authorized = command.authorized
        world.record(
            "MARKET_AMM_AUTHORIZED",
            command.market_id,
            amm_authorized=command.authorized,
            by=command.by,
        )
    return {"kind": "MarketIs", "market_id": command.market_id}
