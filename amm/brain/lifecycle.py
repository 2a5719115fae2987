"""From start to end in one market: starting, running, emergencies, winding down, stopping.

It reacts to the market's status and to people. It never changes the market's status itself: a pause is ours
alone, a halt is the exchange's alone.
"""

from amm.brain import group, operations, sweep
from amm.brain.arithmetic import Ms
from amm.brain.commands import AlertKind, ClearLatch, SaveLatch, Severity
from amm.brain.defence import KILLING, Level, Reason, Stance
from amm.brain.memory import Cause, Failure, Lifecycle, Purpose, Stopping
from amm.brain.policy import Kind, PairOperation
from amm.brain.state import MarketState
from amm.brain.wire import MarketStatus, StopMode

OVER = frozenset({MarketStatus.RESOLVED, MarketStatus.SETTLED, MarketStatus.VOIDED})
FINAL = frozenset({MarketStatus.SETTLED, MarketStatus.VOIDED})


def advance(state: MarketState, now_ms: Ms) -> None:
    """Do what the present status and time ask for."""
    if state.life.lifecycle is Lifecycle.STOPPED:
        return
    if state.life.stopping is not None and not state.reconciliation.refund_awaited:
        _stop(state, state.life.stopping, now_ms)
    elif state.life.status in OVER:
        _wind_down(state, now_ms)
    elif state.life.lifecycle is Lifecycle.STARTING:
        _start(state, now_ms)
    elif state.life.lifecycle is Lifecycle.RUNNING:
        _run(state, now_ms)
    elif state.life.lifecycle is Lifecycle.EMERGENCY:
        _wait(state, now_ms)


def status_changed(state: MarketState, status: MarketStatus, now_ms: Ms) -> None:
    if status is state.life.status:
        return
    state.life.status, state.life.status_ms, state.cycle.wake = status, now_ms, True
    if status in OVER or state.life.lifecycle is Lifecycle.STARTING:
        state.life.swept = False
    elif state.life.lifecycle in (Lifecycle.RUNNING, Lifecycle.EMERGENCY):
        _interrupt(state, now_ms)


def _interrupt(state: MarketState, now_ms: Ms) -> None:
    """Take note of a suspension or a halt at once: the market may trade again before anybody acts."""
    if state.life.status is MarketStatus.HALTED:
        state.life.cancel_first = True
        if state.life.lifecycle is Lifecycle.RUNNING or state.life.cause is Cause.SUSPENDED:
            _emergency(state, Cause.HALTED)
    elif state.life.status is MarketStatus.SUSPENDED and state.life.lifecycle is Lifecycle.RUNNING:
        _suspend(state, now_ms)


def _start(state: MarketState, now_ms: Ms) -> None:
    """Cancel what an earlier process left, read the position, wait for the book, begin."""
    if state.life.status is MarketStatus.DRAFT or _ended(state, now_ms):
        fail(state, Failure.NOT_ACTIVE)
    elif state.life.status is not MarketStatus.ACTIVE:
        if state.risk.resyncing:
            sweep.begin(state, Purpose.LOOK, now_ms)
    elif not state.life.swept:
        sweep.begin(state, Purpose.START, now_ms)
    elif state.ledger.inventory.yes == state.ledger.inventory.no == 0:
        fail(state, Failure.NO_INVENTORY)
    elif state.book.snapshot_ms is not None:
        state.phase.since_ms = now_ms
        state.life.lifecycle, state.cycle.wake = Lifecycle.RUNNING, True
        if state.risk.killed:
            _emergency(state, Cause.KILLED)


def fail(state: MarketState, failure: Failure) -> None:
    state.life.lifecycle, state.life.failure = Lifecycle.STOPPED, failure
    kinds = {Failure.NO_INVENTORY: AlertKind.NO_INVENTORY, Failure.NOT_ACTIVE: AlertKind.NOT_ACTIVE}
    state.alert(kinds.get(failure, AlertKind.PROGRAMMING_ERROR), Severity.CRITICAL, failure.value)


def _ended(state: MarketState, now_ms: Ms) -> bool:
    end = state.facts.trading_end_ms
    return end is not None and now_ms >= end


def _run(state: MarketState, now_ms: Ms) -> None:
    if _ended(state, now_ms) or now_ms < state.life.cancel_only_until_ms:
        _suspend(state, now_ms)
    elif state.risk.resyncing:
        sweep.begin(state, Purpose.RESYNC, now_ms)
    elif state.risk.level >= Level.AMM_PAUSE and (state.orders.live or state.orders.pending):
        sweep.begin(state, Purpose.PAUSE, now_ms)


def _suspend(state: MarketState, now_ms: Ms) -> None:
    _emergency(state, Cause.SUSPENDED)
    sweep.begin(state, Purpose.SUSPENDED, now_ms)


def _emergency(state: MarketState, cause: Cause) -> None:
    state.life.lifecycle, state.life.cause = Lifecycle.EMERGENCY, cause


def _wait(state: MarketState, now_ms: Ms) -> None:
    """In an emergency: cancel as soon as that is possible; go on by itself only after a suspension."""
    if state.life.status is MarketStatus.HALTED:
        return
    if state.life.cancel_first:
        state.life.cancel_first = False
        sweep.begin(state, Purpose.UNHALT, now_ms)
    elif state.risk.resyncing:
        sweep.begin(state, Purpose.RESYNC, now_ms)
    elif state.orders.live and state.life.sweep is None:
        sweep.begin(state, Purpose.KILL if state.risk.killed else Purpose.PAUSE, now_ms)
    if state.life.cause is not Cause.SUSPENDED or state.life.status is not MarketStatus.ACTIVE:
        return
    if state.life.sweep is not None or _ended(state, now_ms):
        return
    if now_ms < state.life.cancel_only_until_ms:
        return  # nobody tells when such a mode ends: it is tried again
    if state.reconciliation.synced_ms < state.life.status_ms:
        state.reconciliation.sync_wanted = True
    elif now_ms - state.life.status_ms >= state.config.life.resume_grace_ms:
        _go_on(state, now_ms)


def _go_on(state: MarketState, now_ms: Ms) -> None:
    """Quote again, with exploration's spread for one refresh: much may have happened meanwhile."""
    state.life.lifecycle, state.life.cause = Lifecycle.RUNNING, None
    state.life.cautious_until_ms = now_ms + state.config.exploration.cancel_interval_ms
    state.cycle.wake = state.cycle.refresh = True


def kill(state: MarketState, reasons: list[Reason], now_ms: Ms) -> None:
    """Latch first, then cancel. Nothing may be placed until a person says so."""
    if state.risk.killed or state.life.lifecycle in (Lifecycle.STOPPED, Lifecycle.WINDING_DOWN):
        return
    names = tuple(reason.value for reason in reasons)
    state.risk.killed = True
    state.outbox.actions.append(SaveLatch(state.market_id, names))
    inventory = state.ledger.inventory
    equity = (
        "unknown" if state.cycle.decision is None else str(inventory.equity(state.cycle.decision.fair.price))
    )
    state.alert(
        AlertKind.KILL_SWITCH,
        Severity.CRITICAL,
        f"{', '.join(names)}; equity {equity}, {inventory.yes} YES, {inventory.no} NO",
    )
    for name in names:
        state.counts[f"kill {name}"] += 1
    if state.life.lifecycle is not Lifecycle.STARTING:
        _emergency(state, Cause.KILLED)
    state.cycle.quoted = None
    sweep.begin(state, Purpose.KILL, now_ms)


def resume(state: MarketState, now_ms: Ms, *, override: bool) -> bool:
    """Leave EMERGENCY, or a pause that waits for a person, or say that it is not possible now."""
    risk = state.risk
    holding = {finding.reason for finding in risk.findings if finding.level is Level.KILL_SWITCH}
    # An admin's own kill, and events of the past, are what a resume forgives; what holds now is not.
    holding -= KILLING - {Reason.INTEGRITY}
    paused = state.life.lifecycle is Lifecycle.RUNNING and bool(risk.latched)
    waiting = state.life.lifecycle is Lifecycle.EMERGENCY or paused
    possible = waiting and state.life.status is MarketStatus.ACTIVE
    if not possible or state.life.sweep is not None or (holding and not override):
        return False
    if Reason.PRICE_JUMP in risk.latched:
        state.prices.jump.clear()  # or the same jump would wait for a person again
    risk.killed = False
    group.forgive(state)
    risk.latched.clear()
    risk.overridden = holding
    risk.stance = Stance()
    risk.jump_until_ms = 0
    state.informed.velocity_events.clear()
    state.outbox.actions.append(ClearLatch(state.market_id))
    _go_on(state, now_ms)
    return True


def stop(state: MarketState, mode: StopMode, now_ms: Ms, *, burn: bool, within_ms: Ms) -> None:
    """Begin to leave this market for good."""
    if state.life.stopping is not None or state.life.lifecycle is Lifecycle.STOPPED:
        return
    immediate = mode is StopMode.IMMEDIATE
    deadline = now_ms + (2 * sweep.IMMEDIATE_MS if immediate else within_ms)
    state.life.stopping = Stopping(mode, burn and not immediate, deadline)
    sweep.begin(state, Purpose.STOP, now_ms)


def _stop(state: MarketState, stopping: Stopping, now_ms: Ms) -> None:
    if now_ms >= stopping.deadline_ms:
        unconfirmed = len(state.orders.live) + len(state.orders.pending)
        if state.life.sweep is not None and unconfirmed:
            state.alert(AlertKind.UNCONFIRMED_CANCELS, Severity.CRITICAL, f"{unconfirmed} left to the guard")
        state.life.lifecycle, state.life.sweep = Lifecycle.STOPPED, None
    elif (
        state.life.sweep is not None
        or state.pairs.operation is not None
        or state.reconciliation.sync is not None
    ):
        return
    elif stopping.burn:
        stopping.burn = False
        _burn_everything(state)
    else:
        state.life.lifecycle = Lifecycle.STOPPED


def _burn_everything(state: MarketState) -> None:
    pairs = min(state.ledger.inventory.yes, state.ledger.inventory.no)
    if pairs > 0 and state.life.status is MarketStatus.ACTIVE and not state.risk.killed:
        operations.begin(state, PairOperation(Kind.BURN, pairs))


def _wind_down(state: MarketState, now_ms: Ms) -> None:
    """The exchange has cancelled everything. Nothing is burned: settlement pays pairs in full anyway."""
    if state.life.lifecycle is Lifecycle.STARTING:
        fail(state, Failure.NOT_ACTIVE)
        return
    state.life.lifecycle = Lifecycle.WINDING_DOWN
    if not state.life.swept:
        sweep.begin(state, Purpose.OVER, now_ms)
    elif state.life.status in FINAL and not state.reconciliation.refund_awaited:
        state.life.lifecycle = Lifecycle.STOPPED
