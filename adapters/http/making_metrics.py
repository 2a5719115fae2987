"""Metrics of market-making orders: what became of them, and what waits for somebody.

How many are in a state is counted along with what happens: there may be very many that are over.
"""

from collections import Counter as Tally
from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric

from kernel.events import Fact
from kernel.exchange import Exchange
from kernel.making_edges import MmKind, MmOutcome, MmState
from kernel.making_events import MmLeaseAcquired, MmLeaseReleased, MmOrderChanged
from kernel.market import Market

LATENESS: Final = (0.01, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)


class MakingMetrics:
    """Those of one server."""

    def __init__(self, exchange: Exchange, registry: CollectorRegistry) -> None:
        self._states = Tally(order.state for order in exchange.making.orders.values())
        self._transitions = Counter(
            "verdict_mm_transitions",
            "Steps of market-making orders, by the states that they led from and to, and why.",
            ("from", "to", "reason"),
            registry=registry,
        )
        self._payments = Counter(
            "verdict_mm_payments", "Payments to market-making orders.", registry=registry
        )
        self._cycles = Counter(
            "verdict_mm_cycles", "Cycles that have ended, by how.", ("outcome",), registry=registry
        )
        self._lateness = Histogram(
            "verdict_mm_lateness_seconds",
            "How much later than it was due a cycle began.",
            buckets=LATENESS,
            registry=registry,
        )
        for outcome in MmOutcome:
            self._cycles.labels(outcome.value)  # told from the start, so that the first one is a rise

    def hear(self, fact: Fact) -> None:
        """Count what became durable. Most facts are none of these."""
        event = fact.event
        if type(event) is MmLeaseAcquired:
            self._lateness.observe(event.lateness_ms / 1000)
        elif type(event) is MmLeaseReleased:
            self._cycles.labels(event.outcome.value).inc()
        elif type(event) is MmOrderChanged:
            self._count_step(event)

    def _count_step(self, event: MmOrderChanged) -> None:
        if event.payment is not None:
            self._payments.inc()
        if event.kind is MmKind.TRANSITION:
            start = event.from_state.value if event.from_state is not None else "new"
            self._transitions.labels(start, event.to_state.value, event.reason.value).inc()
            self._states[event.to_state] += 1
            if event.from_state is not None:
                self._states[event.from_state] -= 1

    def gauges(self, exchange: Exchange, markets: Iterable[Market], at: int) -> Iterator[Metric]:
        """Of the markets in which something can still happen."""
        states = GaugeMetricFamily("verdict_mm_orders", "Market-making orders.", labels=["state"])
        for state in MmState:
            states.add_metric([state.value], self._states[state])
        yield states
        joined = GaugeMetricFamily(
            "verdict_mm_campaign_participants",
            "Orders that joined a campaign which runs.",
            labels=["campaign"],
        )
        due = refunds = cents = away = cases = 0
        orders = exchange.making.orders
        for market in markets:
            desk = market.desk
            if market.is_trading(at):
                due += len(desk.cycles.until(at, len(desk.order_ids)))
            for campaign in desk.campaigns.values():
                joined.add_metric([campaign.id], len(campaign.participations))
            for order_id in desk.order_ids:
                cents += orders[order_id].cash
                away += orders[order_id].away.cash
                refunds += orders[order_id].refund_due
                cases += orders[order_id].reconcile_required
        yield joined
        yield GaugeMetricFamily(
            "verdict_mm_due_without_lease", "Cycles that may begin and that no worker has.", value=due
        )
        yield GaugeMetricFamily(
            "verdict_mm_refunds_due", "Refunds that wait for the end of a halt.", value=refunds
        )
        yield GaugeMetricFamily(
            "verdict_mm_reconcile_open", "Cases that administrators have to close.", value=cases
        )
        yield GaugeMetricFamily(
            "verdict_mm_away_cents",
            "Cash of orders that is not in their escrow.",
            value=away,
        )
        yield GaugeMetricFamily(
            "verdict_mm_escrow_cents", "Cash of the orders that are not over.", value=cents
        )
