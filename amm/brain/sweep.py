"""Removing every own order of a market and proving that none is left: batch cancel, then look, then again.

Pauses, emergencies, stops, starts and resyncs all use it; there is no other way to remove orders.
"""

from amm.brain.arithmetic import Ms
from amm.brain.commands import AlertKind, BatchCancel, DropConnections, Severity, Sync
from amm.brain.inputs import Answer
from amm.brain.memory import Lifecycle, Purpose, Stage, Sweep
from amm.brain.reconcile import Comparison, compare, drift, pairs_vanished, position_of
from amm.brain.state import MarketState
from amm.brain.wire import MarketStatus, StopMode, Synced

SWEEP_RETRY_MS: tuple[Ms, ...] = (100, 200, 400, 800, 1_000)
GIVE_UP_MS: Ms = 30_000
"""After this long without an acknowledged cancel the connections are closed, so that the guard fires."""
IMMEDIATE_MS: Ms = 2_000
MARKET_CLOSED = 3002
"""A halted market keeps its orders until it moves on."""
CATCH_UP_MS: Ms = 2_000
"""How long the stream may take to deliver what an answer already contains."""

WEIGHT = {
    Purpose.LOOK: 0,
    Purpose.PAUSE: 0,
    Purpose.START: 1,
    Purpose.RESYNC: 2,
    Purpose.SUSPENDED: 3,
    Purpose.UNHALT: 4,
    Purpose.STOP: 5,
    Purpose.KILL: 6,
    Purpose.OVER: 7,
}
EXPECTED = frozenset({Purpose.START, Purpose.OVER})
"""Where the exchange's numbers are news to us, or settlement has changed them: no drift."""

ONLY_LOOK = frozenset({Purpose.OVER, Purpose.LOOK})
NOTHING = (0, 0, 0, 0)


def begin(state: MarketState, purpose: Purpose, now_ms: Ms) -> None:
    """Start a sweep; one under way goes on unless this one is more urgent."""
    if state.life.sweep is not None and WEIGHT[state.life.sweep.purpose] >= WEIGHT[purpose]:
        return
    only_look = purpose in ONLY_LOOK or (purpose is Purpose.START and not state.config.life.cancel_on_start)
    stage = Stage.VERIFY if only_look else Stage.SETTLE if purpose is Purpose.STOP else Stage.CANCEL
    state.life.sweep = Sweep(purpose, stage, since_ms=now_ms, retry_at_ms=now_ms)
    state.life.swept = False
    # What may or may not have arrived is not sent again: if it did arrive, the look afterwards shows it.
    for ref in [ref for ref, one in state.orders.pending.items() if one.retry_at_ms is not None]:
        state.orders.release(ref)


def step(state: MarketState, now_ms: Ms) -> None:
    """Do what is due."""
    sweep = state.life.sweep
    if sweep is None or not state.health.connected:
        return
    if sweep.stage is Stage.SETTLE and (not state.orders.pending or now_ms >= _settled_by(state, sweep)):
        sweep.stage = Stage.CANCEL
    if sweep.stage is Stage.ADOPT:
        _adopt(state, sweep, now_ms)
    elif now_ms < sweep.retry_at_ms:
        return
    elif sweep.stage is Stage.CANCEL and state.life.status is not MarketStatus.HALTED:
        sweep.ref, sweep.stage = state.fresh_ref(), Stage.CANCELLING
        state.send(BatchCancel(ref=sweep.ref, market_id=state.market_id))
    elif sweep.stage is Stage.VERIFY:
        sweep.ref, sweep.stage = state.fresh_ref(), Stage.VERIFYING
        state.send(Sync(ref=sweep.ref, market_id=state.market_id))
    _give_up(state, sweep, now_ms)


def _settled_by(state: MarketState, sweep: Sweep) -> Ms:
    stopping = state.life.stopping
    if stopping is not None and stopping.mode is StopMode.GRACEFUL:
        return stopping.deadline_ms
    return sweep.since_ms + IMMEDIATE_MS


def _give_up(state: MarketState, sweep: Sweep, now_ms: Ms) -> None:
    """Close the connections if cancelling does not work, so that the exchange's guard removes our orders."""
    if sweep.purpose is not Purpose.KILL or sweep.stage not in (Stage.CANCEL, Stage.CANCELLING):
        return
    since = sweep.dropped_ms if sweep.dropped_ms is not None else sweep.since_ms
    if now_ms - since >= GIVE_UP_MS and state.life.status is not MarketStatus.HALTED:
        sweep.dropped_ms = now_ms
        state.outbox.actions.append(DropConnections(state.market_id))


def answered(state: MarketState, answer: Answer, now_ms: Ms) -> bool:
    """Take an answer, if it is the sweep's."""
    sweep = state.life.sweep
    if sweep is None or sweep.ref != answer.ref:
        return False
    sweep.ref = None
    if sweep.stage is Stage.CANCELLING:
        looks = answer.ok or answer.code == MARKET_CLOSED  # a look tells what has become of the market
        _next(sweep, Stage.VERIFY if looks else Stage.CANCEL, now_ms, again=not answer.ok)
    elif not isinstance(answer.data, Synced):
        _next(sweep, Stage.VERIFY, now_ms, again=True)
    elif answer.data.orders and sweep.purpose not in ONLY_LOOK and not _keeps(state, sweep):
        _next(sweep, Stage.CANCEL, now_ms, again=True)
    else:
        sweep.stage, sweep.answered, sweep.deadline_ms = Stage.ADOPT, answer.data, now_ms + CATCH_UP_MS
        _adopt(state, sweep, now_ms)
    return True


def _keeps(state: MarketState, sweep: Sweep) -> bool:
    return sweep.purpose is Purpose.START and not state.config.life.cancel_on_start


def _next(sweep: Sweep, stage: Stage, now_ms: Ms, *, again: bool) -> None:
    sweep.stage = stage
    if again:
        sweep.retry_at_ms = now_ms + SWEEP_RETRY_MS[min(sweep.attempts, len(SWEEP_RETRY_MS) - 1)]
        sweep.attempts += 1


def interrupted(state: MarketState) -> None:
    """The connection broke, and the awaited answer will not come: repeat the step."""
    if state.life.sweep is not None:
        back = {Stage.CANCELLING: Stage.CANCEL, Stage.VERIFYING: Stage.VERIFY}
        state.life.sweep.stage = back.get(state.life.sweep.stage, state.life.sweep.stage)
        state.life.sweep.ref = None


def _adopt(state: MarketState, sweep: Sweep, now_ms: Ms) -> None:
    """Make the exchange's view ours, as soon as the events that it contains have been seen."""
    synced = sweep.answered
    assert synced is not None
    verdict = compare(
        state.ledger, state.reconciliation.delivered_seq, synced, own_op=state.pairs.operation is not None
    )
    new_to_us = sweep.purpose in EXPECTED or state.life.lifecycle is Lifecycle.STARTING
    expected = new_to_us or state.pairs.operation is not None
    if verdict is Comparison.WAIT and now_ms < sweep.deadline_ms and not expected:
        return
    if verdict is not Comparison.SAME and not expected:
        report_drift(state, synced)
    is_paid = sweep.purpose is Purpose.OVER and position_of(synced) == NOTHING
    # Shares that were paid leave our books with the money, when the market has ended.
    if (verdict is not Comparison.SAME or new_to_us) and not is_paid:
        complete = new_to_us or verdict is Comparison.DIFFERENT
        state.ledger.adopt(synced.as_of_seq, position_of(synced), money_complete=complete)
    finish(state, synced, now_ms)


def finish(state: MarketState, synced: Synced, now_ms: Ms) -> None:
    """Take the listed orders as all we have, and end the sweep."""
    state.orders.live.clear()
    state.orders.settling.clear()
    state.orders.pending.clear()
    for order in synced.orders:
        state.orders.add(order, synced.as_of_seq, now_ms)
        state.orders.live[order.id].booked = order.filled_quantity
    state.life.sweep = None
    state.life.swept = True
    state.reconciliation.synced_ms = now_ms
    state.reconciliation.blocked.clear()
    state.risk.resyncing = False
    state.cycle.wake = state.cycle.refresh = True


def report_drift(state: MarketState, synced: Synced) -> None:
    differences = drift(state.ledger, synced)
    detail = ", ".join(f"{name} {value:+}" for name, value in differences.items())
    state.alert(AlertKind.INVENTORY_DRIFT, Severity.CRITICAL, detail)
    state.reconciliation.drifted = dict(differences)
    state.counts["reconcile drift"] += 1
    if pairs_vanished(differences):
        state.alert(AlertKind.NETTING_OVERRIDE, Severity.CRITICAL, "pairs vanished without a burn of ours")
