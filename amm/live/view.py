"""One market as people see it: its state in one flat object, for `/state` and for Redis."""

from typing import Any

from amm.brain.arithmetic import CENT, ONE, Ms, rdiv
from amm.brain.config import TransportMode
from amm.brain.memory import Decision
from amm.brain.quoting.ladder import Side
from amm.brain.skew import inventory_skew
from amm.brain.state import MarketState
from amm.live.run import Run


def decimal(value: int, unit: int) -> str:
    """Write a fixed-point number exactly, to be shown."""
    sign, value = ("-" if value < 0 else ""), abs(value)
    return f"{sign}{value // unit}.{value % unit * 1_000_000 // unit:06d}"


def state_of(run: Run, stream_connected: bool) -> dict[str, Any]:
    """Everything about one start of the maker in one market."""
    seen: dict[str, Any] = {
        "market_id": run.market_id,
        "failure_code": run.trouble.value if run.trouble is not None else None,
        "failure_detail": run.detail,
        "task_restarts": run.restarts,
    }
    state = run.state
    if state is not None:
        seen |= view(state)
        polled = state.config.sync.transport is TransportMode.POLL
        seen["guard"] = "OFF" if polled else "ON" if stream_connected else "COUNTING"
    return seen | {"lifecycle": run.lifecycle.value}


def view(state: MarketState) -> dict[str, Any]:
    """The state object that operators and Redis get."""
    inventory = state.ledger.inventory
    return {
        "lifecycle": state.life.lifecycle.value,
        "cause": state.life.cause.value if state.life.cause is not None else None,
        "failure": state.life.failure.value if state.life.failure is not None else None,
        "market_status": state.life.status.value,
        "phase": state.phase.phase.value,
        "phase_reason": state.phase.reason.value if state.phase.reason is not None else None,
        "defense_level": state.risk.level.name,
        "defense_reasons": [finding.reason.value for finding in state.risk.findings],
        "kill_switch": "ON" if state.risk.killed else "OFF",
        "yes_volume": inventory.yes,
        "no_volume": inventory.no,
        "yes_cost_sum_cents": inventory.yes_cost,
        "no_cost_sum_cents": inventory.no_cost,
        "market_cash_cents": inventory.cash,
        "inventory_skew": decimal(inventory_skew(inventory.yes, inventory.no, 1), ONE),
        "realized_pnl_cents": inventory.realized_pnl,
        "fees_paid_cents": inventory.fees_paid,
        "open_orders": len(state.orders.live),
        "orders_unconfirmed": len(state.orders.pending),
        "total_fills_today": state.day.fills,
        "applied_seq": state.ledger.applied_seq,
        "delivered_seq": state.reconciliation.delivered_seq,
        "duplicate_events": state.ledger.duplicates,
        "last_requote_ms": state.cycle.quoted.at_ms if state.cycle.quoted is not None else 0,
        "last_reconcile_ms": state.reconciliation.synced_ms,
        "config_version": state.config.version,
        "transport": state.config.sync.transport.value,
        "start_count": state.start_count,
        "boot_id": state.boot_id,
        "lvr_cooldown_until": max(cooldown_until(state, side) for side in Side),
        "cooldown_until_ask_ms": cooldown_until(state, Side.ASK),
        "cooldown_until_bid_ms": cooldown_until(state, Side.BID),
        **({} if state.cycle.decision is None else thoughts(state.cycle.decision)),
    }


def thoughts(decision: Decision) -> dict[str, Any]:
    asks, bids = decision.targets[Side.ASK], decision.targets[Side.BID]
    fair = decision.fair
    return {
        "fair_price_cents": min(99, max(1, rdiv(fair.price, CENT))),
        "layer1_anchor_cents": decimal(fair.anchor, CENT),
        "layer2_micro_cents": None if fair.micro is None else decimal(fair.micro, CENT),
        "layer3_posterior_cents": decimal(fair.posterior, CENT),
        "layer1_weight": decimal(fair.anchor_weight, ONE),
        "layer2_weight": decimal(fair.micro_weight, ONE),
        "layer3_weight": decimal(ONE - fair.anchor_weight - fair.micro_weight, ONE),
        "sigma_cents": decimal(decision.sigma, CENT),
        "gamma": decimal(decision.gamma, ONE),
        "tau": decimal(decision.tau, ONE),
        "quoted_skew": decimal(decision.q, ONE),
        "reservation_price_cents": decimal(decision.reservation, CENT),
        "best_ask_cents": Side.ASK.own_price(asks[0].price) if asks else None,
        "best_bid_cents": Side.BID.own_price(bids[0].price) if bids else None,
        "vpin": decimal(decision.vpin, ONE),
        "equity_cents": decision.equity,
        "daily_pnl_cents": decision.day_pnl,
        "decided_at_ms": decision.at_ms,
    }


def cooldown_until(state: MarketState, side: Side) -> Ms:
    """When a side may be quoted again after a fill; 0 if nothing has held it yet."""
    guarded = state.informed.sides[side]
    return max(guarded.held_until_ms, guarded.locked_until_ms)
