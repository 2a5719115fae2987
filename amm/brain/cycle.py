"""The first half of a quote cycle: measure, judge the phase, judge the risk, think of a quote.

It ends with a `Decision`, which says what we want; `execution` turns it into commands.
"""

from statistics import median_low

from amm.brain import lifecycle
from amm.brain.arithmetic import CENT, DAY_MS, Ms, Ppm, Uc
from amm.brain.book import ForeignBook
from amm.brain.commands import AlertKind, Severity
from amm.brain.config import JumpResume, SigmaSource
from amm.brain.defence import Facts, Finding, Level, Reason, evaluate, extreme_stop
from amm.brain.informed import in_event_window
from amm.brain.measures import sigma
from amm.brain.memory import Collar, Decision, Lifecycle, Thought
from amm.brain.phases import (
    ROLLBACK_WINDOW_MS,
    Phase,
    PhaseFacts,
    PhaseReason,
    Shape,
    leave_exploration,
    roll_back,
    shape,
)
from amm.brain.pricing import Fair, fair_price
from amm.brain.quote import Quote, Situation, quote
from amm.brain.quoting.ladder import Side, Target, whole_side
from amm.brain.sanitizer import Rules, sanitize
from amm.brain.skew import inventory_skew, risk_aversion, time_factor
from amm.brain.spread import Bounds, maturity
from amm.brain.state import MarketState
from amm.brain.wire import MarketStatus

HEALTH_MS: Ms = 60_000
MIN_LATENCIES = 5
LOSS_WARNING_PCT = 80
GAMMA_GLIDE_PCT_PER_S = 10
FOREIGN_CANCEL_MS: Ms = 500
"""A cancel that nobody asked for is reported only now: it may be the first sign of a stop or a suspension."""


def think(state: MarketState, now_ms: Ms) -> Decision:
    """Run one cycle up to the quote we want. The defence level, and with it a kill, is part of the result."""
    foreign = state.book.without(state.orders.resting(Side.BID), state.orders.resting(Side.ASK))
    fair = _fair(state, foreign, now_ms)
    _watch(state, fair.price, now_ms)
    deviation = _sigma(state, fair.price, now_ms)
    equity = state.ledger.inventory.equity(fair.price)
    if state.day.day != now_ms // DAY_MS:
        state.day.begin(now_ms, equity)
    pnl = state.day.pnl(equity)
    _phase(state, pnl, now_ms)
    inventory = state.ledger.inventory
    q = inventory_skew(inventory.yes, inventory.no, state.config.q_reference)
    facts = _facts(state, fair.price, deviation, q, now_ms)
    _judge(state, facts, now_ms)
    return _decide(state, fair, deviation, foreign, facts, now_ms)


def _fair(state: MarketState, foreign: ForeignBook, now_ms: Ms) -> Fair:
    memory = state.prices
    fair = fair_price(
        state.config.pricing,
        anchor=memory.anchor,
        posterior=memory.posterior,
        book=foreign,
        age_ms=now_ms - state.facts.first_start_ms,
    )
    if memory.fair_override is None:
        return fair
    return Fair(
        memory.fair_override, fair.anchor, fair.micro, fair.posterior, fair.anchor_weight, fair.micro_weight
    )


def _watch(state: MarketState, fair: Uc, now_ms: Ms) -> None:
    """Feed the ranges that phases and defences look at, and the series for the volatility."""
    memory, config = state.prices, state.config
    memory.five_minutes.add(now_ms, fair, ROLLBACK_WINDOW_MS)
    memory.jump.add(now_ms, fair, config.defense.price_jump_window_ms)
    stability_ms = config.exploration.price_stability_window_ms
    memory.stability.add(now_ms, fair, stability_ms)
    while memory.window_trades and memory.window_trades[0] < now_ms - stability_ms:
        memory.window_trades.popleft()
    due = memory.sampled_ms is None or now_ms - memory.sampled_ms >= config.vol.sigma_sample_ms
    if config.vol.sigma_source is SigmaSource.FAIR and memory.traded_since_sample and due:
        memory.samples.append(fair)
        memory.sampled_ms, memory.traded_since_sample = now_ms, False


def _sigma(state: MarketState, fair: Uc, now_ms: Ms) -> Uc:
    if state.prices.sigma_override is not None:
        return state.prices.sigma_override
    return sigma(state.config.vol, state.prices.samples, fair)


def _phase(state: MarketState, pnl: int, now_ms: Ms) -> None:
    """Change phase if that is due."""
    memory, prices = state.phase, state.prices
    facts = PhaseFacts(
        in_phase_ms=now_ms - memory.since_ms,
        volume=memory.volume,
        trades_in_window=len(prices.window_trades),
        range_in_window=prices.stability.range,
        range_five_minutes=prices.five_minutes.range,
        day_pnl=pnl,
        since_rollback_ms=None if memory.rollback_ms is None else now_ms - memory.rollback_ms,
    )
    reason: PhaseReason | None
    if memory.phase is Phase.EXPLORATION:
        reason = leave_exploration(state.config.exploration, facts)
        to = Phase.STABILIZATION
    else:
        reason = roll_back(state.config.rollback, facts)
        to = Phase.EXPLORATION
    if reason is None:
        return
    memory.phase, memory.reason, memory.since_ms, memory.volume = to, reason, now_ms, 0
    if reason is PhaseReason.EMERGENCY_ROLLBACK:
        memory.rollback_ms = now_ms
        prices.window_trades.clear()
        prices.stability.clear()
    state.counts[f"phase {reason.value}"] += 1


def _facts(state: MarketState, fair: Uc, deviation: Uc, q: Ppm, now_ms: Ms) -> Facts:
    config, memory, health = state.config, state.prices, state.health
    inventory = state.ledger.inventory
    equity = inventory.equity(fair)
    risk = state.risk
    risk.extreme_stopped = extreme_stop(config.defense, fair, stopped=risk.extreme_stopped)
    commands, errors = _errors(state, now_ms)
    snapshot_ms = state.book.snapshot_ms
    return Facts(
        fair=fair,
        sigma=deviation,
        q=q,
        yes=inventory.yes,
        no=inventory.no,
        equity=equity,
        day_pnl=state.day.pnl(equity),
        vpin=memory.flow.vpin(config.defense.vpin_window),
        jump_range=memory.jump.range,
        jump_held=now_ms < risk.jump_until_ms,
        extreme_stopped=risk.extreme_stopped,
        commands=commands,
        errors=errors,
        median_latency_ms=_latency(state, now_ms),
        silent_ms=now_ms - health.heard_ms,
        book_age_ms=None if snapshot_ms is None else now_ms - snapshot_ms,
        oracle=memory.reference,
        oracle_age_ms=None if memory.reference_ms is None else now_ms - memory.reference_ms,
        oracle_gap_only=memory.gap_only if now_ms < memory.gap_until_ms else None,
        rate_limited=now_ms < health.fewer_levels_until_ms,
        latched=tuple(sorted(risk.latched, key=lambda reason: reason.value)),
    )


def _errors(state: MarketState, now_ms: Ms) -> tuple[int, int]:
    outcomes = state.health.outcomes
    while outcomes and outcomes[0][0] <= now_ms - HEALTH_MS:
        outcomes.popleft()
    return len(outcomes), sum(is_error for _, is_error in outcomes)


def _latency(state: MarketState, now_ms: Ms) -> Ms | None:
    """Return the median of the last round trips. Old ones do not count, or a pause could never end."""
    recent = [taken for at, taken in state.health.latencies if at > now_ms - HEALTH_MS]
    return median_low(recent) if len(recent) >= MIN_LATENCIES else None


def _judge(state: MarketState, facts: Facts, now_ms: Ms) -> None:
    """Set the level in force; raise the alerts that go with it."""
    risk, config = state.risk, state.config
    findings = evaluate(config, facts)
    risk.overridden &= {finding.reason for finding in findings}
    findings = [finding for finding in findings if finding.reason not in risk.overridden]
    _hold_jump(state, facts, now_ms)
    _report(state, findings, facts, now_ms)
    before = risk.stance.level
    risk.findings = findings
    risk.stance.settle(findings, facts.q, config.defense)
    if risk.stance.level is not before:
        worst = max(findings, key=lambda finding: finding.level, default=None)
        reason = "CLEARED" if worst is None else worst.reason.value
        state.counts[f"defence {before.name} {risk.stance.level.name} {reason}"] += 1
    killing = [finding.reason for finding in findings if finding.level is Level.KILL_SWITCH]
    if killing and state.life.lifecycle is Lifecycle.RUNNING:
        lifecycle.kill(state, killing, now_ms)


def _hold_jump(state: MarketState, facts: Facts, now_ms: Ms) -> None:
    """A jump is over only some time after the range has calmed down, or when a person says so."""
    if facts.jump_range < state.config.defense.price_jump_cents * CENT:
        return
    state.risk.jump_until_ms = now_ms + state.config.defense.price_jump_hold_ms
    if state.config.defense.price_jump_resume is JumpResume.MANUAL:
        state.risk.latched.add(Reason.PRICE_JUMP)


ALERTS = {
    Reason.INVENTORY_WARNING: AlertKind.INVENTORY_WARNING,
    Reason.INVENTORY_DANGER: AlertKind.INVENTORY_DANGER,
    Reason.API_ERRORS: AlertKind.API_ERRORS,
    Reason.VPIN: AlertKind.VPIN,
}


def _report(state: MarketState, findings: list[Finding], facts: Facts, now_ms: Ms) -> None:
    known = {finding.reason for finding in state.risk.findings}
    for finding in findings:
        if finding.reason in ALERTS and finding.reason not in known:
            detail = f"q {facts.q} ppm, vpin {facts.vpin} ppm, {facts.errors}/{facts.commands} errors"
            state.alert(ALERTS[finding.reason], Severity.WARNING, detail)
    limit = state.config.defense.daily_loss_limit
    if facts.day_pnl * 100 <= -LOSS_WARNING_PCT * limit and not state.day.warned:
        state.day.warned = True
        state.alert(AlertKind.LOSS_WARNING, Severity.WARNING, f"day {facts.day_pnl} of -{limit} cents")
    for order_id, at in list(state.reconciliation.unasked.items()):
        if now_ms - at >= FOREIGN_CANCEL_MS:
            del state.reconciliation.unasked[order_id]
            quiet = state.life.stopping is None and state.life.status is MarketStatus.ACTIVE
            if quiet and state.life.lifecycle is Lifecycle.RUNNING:
                state.alert(AlertKind.FOREIGN_CANCEL, Severity.WARNING, f"somebody cancelled {order_id}")


def _glide(state: MarketState, base: Shape, gamma: Ppm, now_ms: Ms) -> tuple[Uc, Ppm]:
    """Walk towards changed parameters: a cent a second for the spread, a tenth of the gap for gamma."""
    elapsed = 0 if state.cycle.glided_ms is None else max(0, now_ms - state.cycle.glided_ms)
    state.cycle.glided_ms = now_ms
    phase, wanted = state.phase.phase, base.spread * CENT
    spread = state.cycle.spreads.get(phase, wanted)
    step = CENT * elapsed // 1_000
    state.cycle.spreads[phase] = max(wanted, spread - step) if spread > wanted else min(wanted, spread + step)
    current = gamma if state.cycle.gamma is None else state.cycle.gamma
    gap = gamma - current
    moved = gap * min(100, GAMMA_GLIDE_PCT_PER_S * elapsed // 1_000) // 100
    state.cycle.gamma = gamma if abs(gap) < 100 else current + moved
    return state.cycle.spreads[phase], state.cycle.gamma


def _decide(
    state: MarketState, fair: Fair, deviation: Uc, foreign: ForeignBook, facts: Facts, now_ms: Ms
) -> Decision:
    """Think of the quote that the present level allows, and let the sanitizer look at it."""
    config, stance, inventory = state.config, state.risk.stance, state.ledger.inventory
    left_ms = state.facts.left_ms(now_ms)
    phase_shape = _shape(state, now_ms)
    base, gamma = _glide(state, phase_shape, risk_aversion(config.as_, state.facts.lifetime_ms), now_ms)
    if now_ms < state.life.cautious_until_ms:
        base = max(base, config.exploration.spread * CENT)
    bounds = Bounds.of(config.as_, state.facts.min_price, state.facts.max_price)
    current = max((finding.multiplier for finding in state.risk.findings), default=1)
    free = {side: max(0, inventory.held(side) - _elsewhere(state, side)) for side in Side}
    allowed = frozenset(side for side in stance.allowed if not _is_barred(state, side, now_ms))
    situation = Situation(
        fair=fair.price,
        sigma=deviation,
        gamma=gamma,
        tau=time_factor(config.as_, left_ms),
        yes=inventory.yes,
        no=inventory.no,
        free=free,
        base=base,
        shape=phase_shape,
        maturity=maturity(left_ms),
        in_event=in_event_window(config.lvr, state.event_times, now_ms),
        level=state.risk.level,
        stress=max(stance.multiplier, current),
        allowed=allowed if state.risk.level < Level.AMM_PAUSE else frozenset(),
        book=foreign,
        bounds=bounds,
        max_quantity=state.facts.max_order_quantity,
        maker_fee_bps=state.facts.maker_fee_bps,
    )
    wish, targets = _wish(state, situation)
    collar = state.cycle.collar
    if collar is not None and now_ms < collar.until_ms:
        targets = {side: _inside(collar, side, wanted) for side, wanted in targets.items()}
    return Decision(
        at_ms=now_ms,
        fair=fair,
        sigma=deviation,
        gamma=gamma,
        tau=situation.tau,
        q=wish.q,
        adjustment=wish.adjustment,
        reservation=wish.reservation,
        half_spread=wish.half_spread,
        ask_half=wish.ask_half,
        bid_half=wish.bid_half,
        vpin=facts.vpin,
        maturity=situation.maturity,
        in_event=situation.in_event,
        level=state.risk.level,
        phase=state.phase.phase,
        equity=facts.equity,
        day_pnl=facts.day_pnl,
        targets=targets,
        whole_side=whole_side(config.ladder, phase_shape.gradient, phase_shape.levels, phase_shape.qty_ratio),
    )


def _wish(state: MarketState, situation: Situation) -> tuple[Quote, dict[Side, list[Target]]]:
    """Work out the quote, or reuse the last one if nothing that it depends on has changed."""
    last = state.cycle.thought
    if last is not None and last.config is state.config and last.situation == situation:
        return last.wish, last.targets
    wish = quote(state.config, situation)
    rules = Rules(situation.bounds, situation.max_quantity, situation.free, situation.allowed)
    targets, rejected = sanitize(wish.targets, rules)
    for one in rejected:
        state.counts[f"sanitizer {one.rule}"] += 1
        state.alert(AlertKind.SANITIZER, Severity.CRITICAL, f"{one.side.value} {one.target}: {one.rule}")
    state.cycle.thought = None if rejected else Thought(state.config, situation, wish, targets)
    return wish, targets


def _inside(collar: Collar, side: Side, targets: list[Target]) -> list[Target]:
    return [one for one in targets if collar.admits(side, side.own_price(one.price))]


def _shape(state: MarketState, now_ms: Ms) -> Shape:
    wanted = shape(state.config, state.phase.phase)
    if now_ms >= state.health.fewer_levels_until_ms:
        return wanted
    return Shape(wanted.spread, wanted.qty_ratio, wanted.gradient, max(1, wanted.levels - 1))


def _elsewhere(state: MarketState, side: Side) -> int:
    """Return the shares that the ladder must leave alone: unbooked fills, pairs to be burned."""
    unbooked = sum(one.outstanding for one in state.orders.settling.values() if one.side is side)
    return unbooked + state.pairs.set_aside


def _is_barred(state: MarketState, side: Side, now_ms: Ms) -> bool:
    """Say whether a side may not be quoted at all now."""
    return side in state.reconciliation.blocked or state.informed.sides[side].is_locked(now_ms)
