"""The second half of a quote cycle: compare what we want with what rests, and send the difference if due.

Orders that can stay keep their place in the queue. A book refreshed without a reason loses it for nothing.
"""

from hashlib import sha256

from amm.brain.arithmetic import CENT, Ms, write_epoch_ms
from amm.brain.budget import Bucket, RateBudget
from amm.brain.commands import Cancel, NewOrder, Place, Replace
from amm.brain.group import name_of
from amm.brain.memory import Decision, Quoted
from amm.brain.orders import OwnOrder, PendingCommand
from amm.brain.quoting.diff import Rehearsal, Step, Tolerance, Verb, cancel_aggressive, diff_side, in_order
from amm.brain.quoting.ladder import Side, Target
from amm.brain.state import MarketState

CLIENT_ID_MAX = 64
VALID_MS: Ms = 2_000
"""An order that is decided later than this after it was thought of would quote a price of the past."""


def execute(state: MarketState, decision: Decision, budget: RateBudget, now_ms: Ms) -> None:
    """Send the steps towards the quote we want; what does not fit now is left for the next cycle."""
    due = _is_due(state, decision, now_ms)
    waiting = any(state.orders.is_changing(side) for side in Side)
    steps = [step for side in Side for step in _steps(state, decision, side, due=due, now_ms=now_ms)]
    sent = _send_all(state, decision, steps, budget, now_ms) if steps else 0
    if due:
        state.cycle.refresh = sent < len(steps) or waiting
        state.cycle.awaited_holds = {
            side for side in state.cycle.awaited_holds if _is_held(state, side, now_ms)
        }
        state.cycle.quoted = Quoted(decision.fair.price, now_ms, _circumstances(state, decision, now_ms))


def _send_all(
    state: MarketState, decision: Decision, steps: list[Step[OwnOrder]], budget: RateBudget, now_ms: Ms
) -> int:
    """Send the steps that fit, in a safe order; return how many did."""
    best = {side: (targets[0].price if targets else None) for side, targets in decision.targets.items()}
    rose = state.cycle.quoted is None or decision.fair.price >= state.cycle.quoted.fair
    rehearsal = _rehearsal(state)
    sent = 0
    for step in in_order(steps, best, fair_rose=rose):
        if rehearsal.passes(step) and _afford(state, step, budget, now_ms):
            _send(state, step, now_ms)
            sent += 1
    return sent


def _is_held(state: MarketState, side: Side, now_ms: Ms) -> bool:
    return state.informed.sides[side].is_held(now_ms)


def _circumstances(state: MarketState, decision: Decision, now_ms: Ms) -> tuple[object, ...]:
    return (
        decision.phase,
        decision.level,
        state.risk.stance.allowed,
        decision.maturity,
        decision.in_event,
        state.config.version,
        state.life.lifecycle,
        now_ms < state.life.cautious_until_ms,
        now_ms < state.health.fewer_levels_until_ms,
    )


def _is_due(state: MarketState, decision: Decision, now_ms: Ms) -> bool:
    """Say whether there is a reason to touch resting orders."""
    quoted = state.cycle.quoted
    if quoted is None or state.cycle.refresh:
        return True
    if any(not _is_held(state, side, now_ms) for side in state.cycle.awaited_holds):
        return True
    moved = abs(decision.fair.price - quoted.fair)
    if moved >= state.config.stabilization.requote_move_cents * CENT:
        return True
    if now_ms - quoted.at_ms >= state.refresh_ms:
        return True
    if _circumstances(state, decision, now_ms) != quoted.circumstances:
        return True
    return any(_slots_differ(state, decision, side, now_ms) for side in Side)


def _slots_differ(state: MarketState, decision: Decision, side: Side, now_ms: Ms) -> bool:
    if _is_held(state, side, now_ms) or state.orders.is_changing(side):
        return False
    return sum(1 for _ in state.orders.on(side)) != len(decision.targets[side])


def _steps(
    state: MarketState, decision: Decision, side: Side, *, due: bool, now_ms: Ms
) -> list[Step[OwnOrder]]:
    """Compare one side. While it is held or waits for answers, only cancel what is too aggressive."""
    targets = decision.targets[side]
    resting = [order for order in state.orders.on(side) if order.pending is None]
    if _is_held(state, side, now_ms) or state.orders.is_changing(side):
        return cancel_aggressive(side, targets, resting)
    if not due:
        return []
    tolerance = Tolerance(state.config.diff.qty_tolerance_pct, state.config.stabilization.max_order_age_ms)
    return diff_side(side, targets, resting, tolerance, now_ms)


def _rehearsal(state: MarketState) -> Rehearsal:
    prices = {side: [order.yes_price for order in state.orders.on(side)] for side in Side}
    for pending in state.orders.pending.values():
        if pending.quantity:
            prices[pending.side].append(pending.side.own_price(pending.price))
    return Rehearsal(
        inventory={side: state.ledger.inventory.held(side) for side in Side},
        bound={side: state.orders.bound(side) for side in Side},
        prices=prices,
    )


def _afford(state: MarketState, step: Step[OwnOrder], budget: RateBudget, now_ms: Ms) -> bool:
    """Take the tokens of a step, all or none."""
    health, limits = state.health, state.config.limits
    window = limits.max_in_flight // 2 if now_ms < health.half_window_until_ms else limits.max_in_flight
    if len(state.orders.pending) >= window:
        return False
    if step.verb is not Verb.CANCEL and now_ms < health.limited_until_ms:
        return False
    taken: list[Bucket] = []
    for bucket in _buckets(step):
        if not budget.spend(bucket, state.market_id, now_ms):
            for returned in taken:
                budget.refund(returned, state.market_id)
            return False
        taken.append(bucket)
    return True


def _buckets(step: Step[OwnOrder]) -> tuple[Bucket, ...]:
    if step.verb is Verb.PLACE:
        return (Bucket.ORDERS,)
    if step.verb is Verb.CANCEL:
        return (Bucket.CANCELS,)
    assert step.order is not None
    return (Bucket.CANCELS, Bucket.ORDERS) if step.order.touched else (Bucket.REPLACES,)


def _send(state: MarketState, step: Step[OwnOrder], now_ms: Ms) -> None:
    order, target = step.order, step.target
    if order is not None and (target is None or order.touched):
        _cancel(state, order, now_ms)
    if target is None:
        return
    if order is not None and not order.touched:
        _replace(state, order, target, now_ms)
    else:
        _place(state, step.side, target, now_ms)


def _cancel(state: MarketState, order: OwnOrder, now_ms: Ms) -> None:
    command = Cancel(ref=state.fresh_ref(), order_id=order.order_id)
    pending = PendingCommand(command, order.side, order.price, 0, order.order_id, now_ms)
    state.orders.enter(command.ref, pending)
    state.send(command)


def _replace(state: MarketState, order: OwnOrder, target: Target, now_ms: Ms) -> None:
    new = NewOrder(
        client_order_id=_client_id(state, order.side, now_ms),
        market_id=state.market_id,
        side=order.side.outcome,
        price_cents=target.price,
        quantity=target.quantity,
        post_only=True,
        valid_until=write_epoch_ms(now_ms + VALID_MS),
        group_id=name_of(state),
    )
    command = Replace(ref=state.fresh_ref(), old_order_id=order.order_id, new_order=new)
    pending = PendingCommand(command, order.side, target.price, target.quantity, order.order_id, now_ms)
    state.orders.enter(command.ref, pending)
    state.send(command)


def _place(state: MarketState, side: Side, target: Target, now_ms: Ms) -> None:
    command = Place(
        ref=state.fresh_ref(),
        client_order_id=_client_id(state, side, now_ms),
        market_id=state.market_id,
        side=side.outcome,
        price_cents=target.price,
        quantity=target.quantity,
        post_only=True,
        valid_until=write_epoch_ms(now_ms + VALID_MS),
        group_id=name_of(state),
    )
    pending = PendingCommand(command, side, target.price, target.quantity, None, now_ms)
    state.orders.enter(command.ref, pending)
    state.send(command)


def _client_id(state: MarketState, side: Side, now_ms: Ms) -> str:
    """Return an id that no other order of ours has had or will have, after a restart either."""
    rest = f"{side.outcome.value}_SELL_{now_ms}_{state.outbox.next_client}"
    state.outbox.next_client += 1
    written = f"amm_{state.market_id}_{rest}"
    if len(written) <= CLIENT_ID_MAX:
        return written
    return f"amm_{sha256(state.market_id.encode()).hexdigest()[:12]}_{rest}"
