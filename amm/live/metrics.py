"""The metrics for Prometheus, read from the markets' states when it asks, so that they cost quoting nothing.

Only durations and latencies are counted as they happen, since no state remembers them. Everything carries
the market's id, except what belongs to the one command stream and the one account of the process.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import attrs
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from amm.brain.arithmetic import CENT, ONE, Ms
from amm.brain.memory import Lifecycle
from amm.brain.phases import Phase
from amm.brain.quoting.ladder import Side
from amm.brain.state import MarketState
from amm.live.markout import HORIZONS
from amm.live.supervisor import Supervisor
from amm.live.transport import Transport

LATENCY_MS = (1, 2, 5, 10, 20, 50, 100, 250, 500, 1_000, 2_500, 5_000)
CYCLE_MS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
MARKOUT_CENTS = (-20, -10, -5, -3, -2, -1, 0, 1, 2, 3, 5, 10, 20)
LIFECYCLES = list(Lifecycle)

Values: TypeAlias = Mapping[Any, float]
"""By the values of the labels, a tuple as long as there are labels."""


@attrs.define(eq=False)
class Metrics:
    registry: CollectorRegistry = attrs.field(factory=CollectorRegistry)
    supervisor: Supervisor = attrs.field(init=False)
    stream: Transport = attrs.field(init=False)
    _latency: Histogram = attrs.field(init=False)
    _cycles: Histogram = attrs.field(init=False)
    _markouts: Histogram = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._latency = Histogram(
            "amm_command_latency_ms",
            "From sending a command to its answer.",
            ["market", "op"],
            buckets=LATENCY_MS,
            registry=self.registry,
        )
        self._cycles = Histogram(
            "amm_quote_cycle_ms",
            "One turn of one market.",
            ["market"],
            buckets=CYCLE_MS,
            registry=self.registry,
        )
        self._markouts = Histogram(
            "amm_markout_cents",
            "What a share sold was worth to us beyond the fair price some time later.",
            ["market", "horizon"],
            buckets=MARKOUT_CENTS,
            registry=self.registry,
        )

    def watch(self, supervisor: Supervisor, stream: Transport) -> None:
        self.supervisor, self.stream = supervisor, stream
        self.registry.register(self)

    def answered(self, market_id: str, op: str, milliseconds: float) -> None:
        self._latency.labels(market_id, op).observe(milliseconds)

    def turned(self, market_id: str, seconds: float) -> None:
        self._cycles.labels(market_id).observe(seconds * 1_000)

    def marked_out(self, market_id: str, horizon_ms: Ms, cents: float) -> None:
        """One share's markout; the horizon is written as it is named, in seconds."""
        self._markouts.labels(market_id, HORIZONS[horizon_ms]).observe(cents)

    def exposition(self) -> bytes:
        return generate_latest(self.registry)

    def collect(self) -> Iterator[Metric]:
        """Called by the registry for each scrape."""
        yield gauge("amm_up", "1 while the command stream is connected.", {(): self.stream.connected}, ())
        yield from self._of_the_stream()
        states = [run.state for run in self.supervisor.runs.values() if run.state is not None]
        for name, meaning, value in GAUGES:
            yield gauge(name, meaning, {(one.market_id,): value(one) for one in states}, ("market",))
        for name, meaning, value in COUNTERS:
            yield counter(name, meaning, {(one.market_id,): value(one) for one in states}, ("market",))
        yield from _by_label(states)
        presence = {
            (run.market_id,): run.market.presence.ratio
            for run in self.supervisor.runs.values()
            if run.market is not None
        }
        said = "For how much of the last hour both sides were quoted."
        yield gauge("amm_quote_presence_ratio", said, presence, ("market",))
        stages = {(run.market_id,): LIFECYCLES.index(run.lifecycle) for run in self.supervisor.runs.values()}
        yield gauge("amm_lifecycle", "0 STARTING to 4 STOPPED.", stages, ("market",))
        restarts = {(run.market_id,): float(run.restarts) for run in self.supervisor.runs.values()}
        yield counter("amm_task_restarts", "Markets begun again after a failure.", restarts, ("market",))
        unallocated = {(): float(self.supervisor.account.unallocated)}
        yield gauge("amm_unallocated_cents", "The account's cash outside of all markets.", unallocated, ())

    def _of_the_stream(self) -> Iterator[Metric]:
        observed = self.stream.observed
        labels = ("market", "op", "result")
        yield counter("amm_commands", "Answers, by command and outcome.", observed.commands, labels)
        ours = {key: count for key, count in observed.events.items() if key[0] in self.supervisor.runs}
        yield counter("amm_events_applied", "Private events, by kind.", ours, ("market", "kind"))
        yield counter("amm_reconnects", "Connections after the first.", {(): observed.reconnects}, ())


def gauge(name: str, meaning: str, values: Values, labels: tuple[str, ...]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, meaning, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def counter(name: str, meaning: str, values: Values, labels: tuple[str, ...]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, meaning, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def _spread(state: MarketState) -> float:
    decision = state.cycle.decision
    if decision is None or not all(decision.targets[side] for side in Side):
        return 0
    ask, bid = (side.own_price(decision.targets[side][0].price) for side in (Side.ASK, Side.BID))
    return ask - bid


def _inventory(state: MarketState, name: str) -> float:
    return float(getattr(state.ledger.inventory, name))


Reading: TypeAlias = tuple[str, str, Callable[[MarketState], float]]

GAUGES: list[Reading] = [
    ("amm_inventory_yes", "YES shares.", lambda state: _inventory(state, "yes")),
    ("amm_inventory_no", "NO shares.", lambda state: _inventory(state, "no")),
    ("amm_net_position", "YES minus NO.", lambda s: _inventory(s, "yes") - _inventory(s, "no")),
    ("amm_cash_cents", "The market's cash.", lambda state: _inventory(state, "cash")),
    (
        "amm_realized_pnl_cents",
        "Realised since the process began.",
        lambda state: _inventory(state, "realized_pnl"),
    ),
    (
        "amm_equity_cents",
        "Cash, and shares at the fair price.",
        lambda s: s.cycle.decision.equity if s.cycle.decision else 0,
    ),
    (
        "amm_pnl_daily_cents",
        "Since 00:00 UTC.",
        lambda s: s.cycle.decision.day_pnl if s.cycle.decision else 0,
    ),
    (
        "amm_fair_price_cents",
        "The estimate.",
        lambda s: s.cycle.decision.fair.price / CENT if s.cycle.decision else 0,
    ),
    (
        "amm_sigma_cents",
        "Volatility.",
        lambda state: state.cycle.decision.sigma / CENT if state.cycle.decision else 0,
    ),
    (
        "amm_inventory_skew",
        "From -1 to 1.",
        lambda state: state.cycle.decision.q / ONE if state.cycle.decision else 0,
    ),
    ("amm_spread_current_cents", "Between our best two targets.", _spread),
    ("amm_open_orders", "Orders that rest.", lambda state: len(state.orders.live)),
    ("amm_defense_level", "0 NORMAL to 4 KILL_SWITCH.", lambda state: int(state.risk.level)),
    (
        "amm_phase",
        "0 EXPLORATION, 1 STABILIZATION.",
        lambda s: list(Phase).index(s.phase.phase),
    ),
    ("amm_config_version", "Which configuration is in force.", lambda state: state.config.version),
]

COUNTERS: list[Reading] = [
    ("amm_fees_paid_cents", "Fees.", lambda state: _inventory(state, "fees_paid")),
    ("amm_taker_fills", "Fills in which we were the taker.", lambda state: state.counts["taker fills"]),
    ("amm_rate_limited", "Answers with 9001.", lambda state: state.counts["rate limited"]),
    ("amm_duplicate_events", "Fills that came again.", lambda state: state.ledger.duplicates),
    ("amm_mint_pairs", "Pairs minted.", lambda state: state.counts["mint pairs"]),
    ("amm_burn_pairs", "Pairs burned.", lambda state: state.counts["burn pairs"]),
    ("amm_stream_gaps", "Events that never came.", lambda state: state.counts["stream gaps"]),
]

PREFIXED: list[tuple[str, str, tuple[str, ...], str]] = [
    ("amm_fills", "Fills, by side.", ("side",), "fills "),
    ("amm_filled_shares", "Shares, by side.", ("side",), "filled shares "),
    ("amm_kill_switch", "Kills, by reason.", ("reason",), "kill "),
    ("amm_defense_transitions", "Changes of the defence level.", ("from", "to", "reason"), "defence "),
    ("amm_alerts", "Alerts, by kind.", ("kind",), "alert "),
    ("amm_sanitizer_rejects", "Targets refused at the last gate.", ("rule",), "sanitizer "),
    ("amm_reconcile", "Comparisons with the exchange, by what they found.", ("result",), "reconcile "),
]


def _by_label(states: list[MarketState]) -> Iterator[Metric]:
    """Counts that the brain keeps under a prefix and a word for each label."""
    for name, meaning, labels, prefix in PREFIXED:
        values = {
            (state.market_id, *key.removeprefix(prefix).split(" ", len(labels) - 1)): count
            for state in states
            for key, count in state.counts.items()
            if key.startswith(prefix)
        }
        yield counter(name, meaning, values, ("market", *labels))
    drifted = {
        (one.market_id, field): by for one in states for field, by in one.reconciliation.drifted.items()
    }
    said = "By how much the exchange's values exceeded ours when they last differed; gone once they agree."
    yield gauge("amm_reconcile_drift", said, drifted, ("market", "field"))
