"""`decide`: what the market maker does next in one market, given what has happened and what time it is.

It reads no clock, draws no random number and does no IO, so the live bot and the laboratory run the very same
code. The caller feeds it events, answers and control messages, carries out the actions it returns (all the
commands of one call in one batch, in order) and calls it again at `next_call_ms`, or when there are inputs.
"""

from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256

from amm.brain import group, lifecycle, operations, sweep
from amm.brain.apply_input import apply_input
from amm.brain.arithmetic import Ms
from amm.brain.budget import RateBudget
from amm.brain.commands import Action, Mint, Place, Replace
from amm.brain.config import TransportMode
from amm.brain.cycle import think
from amm.brain.defence import Level
from amm.brain.execution import execute
from amm.brain.inputs import Input
from amm.brain.memory import Decision, Lifecycle
from amm.brain.policy import Holdings, Kind, PairOperation, choose
from amm.brain.polled import misses_orders
from amm.brain.quoting.ladder import Side
from amm.brain.state import MarketState
from amm.brain.wire import MarketStatus


def decide(state: MarketState, inputs: Iterable[Input], now_ms: Ms, budget: RateBudget) -> list[Action]:
    """Apply the inputs, do what is due, and return what the caller has to carry out."""
    for one in inputs:
        apply_input(state, one, now_ms)
    operations.settle(state, now_ms)
    lifecycle.advance(state, now_ms)
    if _cycle_is_due(state, now_ms):
        _cycle(state, budget, now_ms)
        lifecycle.advance(state, now_ms)
    if state.health.connected and state.life.lifecycle is not Lifecycle.STOPPED:
        operations.due_again(state, now_ms)
        sweep.step(state, now_ms)
        _repeat_unknown(state, now_ms)
        _reconcile_if_due(state, now_ms)
    actions, state.outbox.actions = state.outbox.actions, []
    if state.risk.killed:
        # What was thought of before the latch was set in this very call must not leave either.
        actions = [action for action in actions if not isinstance(action, Place | Replace | Mint)]
    return actions


def next_call_ms(state: MarketState, now_ms: Ms) -> Ms:
    """Return when `decide` wants to be called again even without inputs."""
    times = [_regular_ms(state, now_ms)]
    if state.cycle.wake:
        times.append((state.cycle.last_ms or now_ms) + state.config.min_requote_gap_ms)
    if state.life.sweep is not None:
        times.append(state.life.sweep.retry_at_ms if state.life.sweep.ref is None else now_ms + 1_000)
    if (release := state.informed.next_release_ms(now_ms)) is not None:
        times.append(release)
    if state.orders.pending:
        times += [one.retry_at_ms for one in state.orders.pending.values() if one.retry_at_ms is not None]
    if state.pairs.operation is not None and state.pairs.operation.retry_at_ms is not None:
        times.append(state.pairs.operation.retry_at_ms)
    return max(now_ms + 1, min(times))


def _cycle_is_due(state: MarketState, now_ms: Ms) -> bool:
    if (
        state.life.lifecycle not in (Lifecycle.RUNNING, Lifecycle.EMERGENCY)
        or state.life.stopping is not None
    ):
        return False
    if state.cycle.last_ms is None:
        return True
    if _is_awake(state, now_ms):
        return now_ms - state.cycle.last_ms >= state.config.min_requote_gap_ms
    return now_ms >= _regular_ms(state, now_ms)


def _regular_ms(state: MarketState, now_ms: Ms) -> Ms:
    """Return when the next cycle is due without a reason: an interval after the last one, or at its own beat.

    Where many markets share a process each keeps to a beat of its own, or one reconnection would leave all of
    them requoting at the same moment from then on. A cycle in between moves the next by half an interval at
    most.
    """
    last, interval = state.cycle.last_ms or now_ms, state.config.quote_interval_ms
    if state.cycle.beat is None:
        return last + interval
    ahead = interval - (last - state.cycle.beat) % interval
    return last + (ahead if ahead >= interval // 2 else ahead + interval)


def _is_awake(state: MarketState, now_ms: Ms) -> bool:
    return state.cycle.wake or any(
        not state.informed.sides[side].is_held(now_ms) for side in state.cycle.awaited_holds
    )


def _cycle(state: MarketState, budget: RateBudget, now_ms: Ms) -> None:
    """Sync, price, risk, diff, send: the first happened in `apply_input`, the middle is `think`."""
    state.cycle.last_ms, state.cycle.wake = now_ms, False
    decision = think(state, now_ms)
    state.cycle.decision = decision
    if _may_quote(state):
        group.see_to(state, now_ms)
        execute(state, decision, budget, now_ms)
        _operate(state, decision, now_ms)


def _may_quote(state: MarketState) -> bool:
    return (
        state.life.lifecycle is Lifecycle.RUNNING
        and state.life.status is MarketStatus.ACTIVE
        and state.risk.level < Level.AMM_PAUSE
        and state.life.sweep is None
        and state.life.stopping is None
        and state.health.connected
    )


def _operate(state: MarketState, decision: Decision, now_ms: Ms) -> None:
    """Mint or burn if that is due: one operation at a time, and not too often."""
    if state.pairs.operation is not None or state.reconciliation.sync is not None:
        return
    interval = state.config.inv.inventory_op_interval_ms
    if state.pairs.operated_ms is not None and now_ms - state.pairs.operated_ms < interval:
        return
    chosen = choose(state.config, _holdings(state, decision), state.phase.phase, state.facts.left_ms(now_ms))
    if chosen is None or (chosen.kind is Kind.MINT and state.pairs.no_mints):
        state.pairs.set_aside = 0
    elif chosen.kind is Kind.BURN and chosen.locked:
        state.cycle.refresh = state.cycle.refresh or state.pairs.set_aside != chosen.wanted
        state.pairs.set_aside = chosen.wanted
    elif chosen.quantity > 0:
        operations.begin(state, PairOperation(chosen.kind, chosen.quantity))


def _holdings(state: MarketState, decision: Decision) -> Holdings:
    inventory = state.ledger.inventory
    return Holdings(
        yes=inventory.yes,
        no=inventory.no,
        yes_available=inventory.yes - state.orders.bound(Side.ASK),
        no_available=inventory.no - state.orders.bound(Side.BID),
        cash=inventory.cash,
        q=decision.q,
    )


def _repeat_unknown(state: MarketState, now_ms: Ms) -> None:
    """Repeat commands whose outcome is unknown, with the same body and the same client id."""
    if state.life.sweep is not None or state.risk.killed or state.life.stopping is not None:
        return
    for pending in state.orders.pending.values():
        if pending.retry_at_ms is not None and now_ms >= pending.retry_at_ms:
            pending.retry_at_ms = None
            pending.attempts += 1
            pending.sent_ms = now_ms
            state.send(pending.command)


def _reconcile_if_due(state: MarketState, now_ms: Ms) -> None:
    if (
        state.reconciliation.sync is not None
        or state.life.sweep is not None
        or now_ms < state.reconciliation.sync_after_ms
    ):
        return
    if state.life.lifecycle not in (Lifecycle.RUNNING, Lifecycle.EMERGENCY):
        return
    regular = now_ms - state.reconciliation.synced_ms >= _interval(state)
    if (
        regular
        or state.reconciliation.sync_wanted
        or state.reconciliation.blocked
        or state.orders.overdue(now_ms)
        or (state.config.sync.transport is TransportMode.POLL and misses_orders(state, now_ms))
    ):
        operations.reconcile(state)


def _interval(state: MarketState) -> Ms:
    """Return the time between reconciliations, a little different in each market so that they spread out."""
    base = state.config.sync.reconciliation_interval_ms
    return base * 9 // 10 + base * _digit(state.market_id) // (5 * 255)


@lru_cache(maxsize=64)
def _digit(market_id: str) -> int:
    """Return a market's own number from 0 to 255."""
    return sha256(market_id.encode()).digest()[0]
