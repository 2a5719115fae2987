"""Metrics for a monitor: counters are kept as things happen, gauges are read when they are asked for.

What they show of the exchange is durable, and drafts of markets are left out.
"""

import os
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

import attrs
import trio
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric

from adapters.http.making_metrics import MakingMetrics
from adapters.runtime.clock import Clock
from adapters.service.decider import Decider
from adapters.service.going import Going
from adapters.service.server import Projections
from adapters.sockets.connection_limits import ConnectionLimits
from kernel.answers import Refusal
from kernel.codes import CancelReason, CircuitBreakerTrigger, MarketStatus, TradingMode
from kernel.commands import ResumeMarket
from kernel.events import CircuitBreakerTriggered, Fact, OrderCancelled, OrderGroupTriggered
from kernel.exchange import FORM, Exchange
from kernel.journal import Decided
from kernel.market import Market

# The extra series with the creation time of each counter, which is always the start of the process.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the one function there without types

SECONDS: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
EVENTS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
DURABLE_SECONDS: Final = 1.0
"""How long a page waits for its values to be durable. In an outage it shows the last that were."""
MARKETS_AT_ONCE: Final = 500
"""Markets whose gauges are collected in one step: two milliseconds."""
MODES: Final = (*TradingMode,)
PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


class JournalCounters(Protocol):
    """The journal's own counters."""

    commits: int
    bytes: int
    last_commit_seconds: float
    repeated: int
    reconnects: int


@attrs.frozen
class Standing:
    """Where this process stands among others of the same exchange."""

    leads: bool
    followers: int
    """Processes that follow it."""
    behind: int
    """Facts that the one it follows has told of, and it has not."""
    age: float
    """Seconds since the database has confirmed that what is here is all there is."""


@attrs.frozen
class MetricSources:
    """Where the values are read from."""

    actors: Decider
    projections: Projections
    journal: JournalCounters
    trouble: Callable[[], str]
    """Why the journal cannot be written, if it cannot."""
    websockets: Callable[[], Mapping[str, int]]
    limits: ConnectionLimits
    clock: Clock
    standing: Callable[[], Standing]


@attrs.frozen
class Sample:
    """Values of the exchange as of one journal id."""

    journal_id: int
    orders: int
    keys: int
    resting: dict[str, tuple[int, int]]
    """By market: resting shares, bid and asked."""
    modes: dict[str, int]
    """By market: its trading mode, by the place in `MODES`."""

    @classmethod
    def of(cls, exchange: Exchange, markets: Sequence[Market]) -> "Sample":
        return cls(
            exchange.head,
            len(exchange.orders),
            len(exchange.keys.leaving),
            {
                market.id: (sum(market.book.bids.totals), sum(market.book.asks.totals))
                for market in markets
                if market.status is not MarketStatus.DRAFT
            },
            {market.id: MODES.index(market.trading_mode) for market in markets},
        )


class Metrics:
    """One registry for one server."""

    def __init__(self, sources: MetricSources) -> None:
        self._sources = sources
        self._going = Going(sources.actors.exchange)
        self._sample = Sample.of(sources.actors.exchange, self._going.markets())
        """The newest durable one. At the start everything is durable."""
        self._gauges: Sequence[Metric] = []
        self._registry = CollectorRegistry()
        self._requests = Histogram(
            "verdict_http_request_seconds",
            "Time from a request's headers to its answer, by route and status.",
            ("method", "path", "status"),
            buckets=SECONDS,
            registry=self._registry,
        )
        self._submissions = Histogram(
            "verdict_stream_submission_seconds",
            "Time from commands on a stream, those that were submitted together, to the last result.",
            buckets=SECONDS,
            registry=self._registry,
        )
        self._commands = Counter(
            "verdict_commands",
            "Decided commands by kind and result: ok, or the code they were refused with.",
            ("kind", "result"),
            registry=self._registry,
        )
        self._commit_seconds = Histogram(
            "verdict_journal_commit_seconds",
            "Time that a transaction of the journal took, repetitions included.",
            buckets=SECONDS,
            registry=self._registry,
        )
        self._commit_events = Histogram(
            "verdict_journal_commit_events",
            "Events in one transaction of the journal.",
            buckets=EVENTS,
            registry=self._registry,
        )
        self._expired = Counter(
            "verdict_orders_expired",
            "Orders that ended by themselves at their time.",
            registry=self._registry,
        )
        self._braked = Counter(
            "verdict_order_groups_triggered",
            "Order groups that were triggered, by cause.",
            ("cause",),
            registry=self._registry,
        )
        self._breakers = Counter(
            "verdict_circuit_breakers",
            "Circuit breakers of markets that were triggered, by why.",
            ("trigger",),
            registry=self._registry,
        )
        for trigger in CircuitBreakerTrigger:
            self._breakers.labels(trigger.value)  # told from the start, so that the first one is a rise
        self._making = MakingMetrics(sources.actors.exchange, self._registry)
        self._registry.register(self)

    def of_submission(self, seconds: float) -> None:
        """Observe the seconds that a submission on the command stream took."""
        self._submissions.observe(seconds)

    def of_route(self, method: str, path: str) -> Callable[[int, float], None]:
        """Make the function with which a route records status and seconds."""
        by_status: dict[int, Histogram] = {}

        def observe(status: int, seconds: float) -> None:
            histogram = by_status.get(status)
            if histogram is None:
                histogram = by_status[status] = self._requests.labels(method, path, str(status))
            histogram.observe(seconds)

        return observe

    async def page(self) -> bytes:
        sample = Sample.of(self._sources.actors.exchange, self._going.markets())
        await trio.lowlevel.checkpoint()
        with trio.move_on_after(DURABLE_SECONDS):
            await self._sources.actors.until_durable(sample.journal_id)
            if sample.journal_id >= self._sample.journal_id:
                self._sample = sample
        exchange = self._sources.actors.exchange
        at = max(self._sources.clock.now(), exchange.now)
        making = self._making.gauges(exchange, self._going.markets(), at)
        self._gauges = [*self._of_exchange(), *making, *await self._of_markets()]
        # Formatting takes microseconds a series, and a thousand markets have thousands of series. In a thread
        # that does not matter: the loop gets its turn every few milliseconds.
        return await trio.to_thread.run_sync(generate_latest, self._registry)

    def collect(self) -> Iterable[Metric]:
        """The gauges as of the request; prometheus_client calls this, in a thread."""
        return self._gauges

    def _of_exchange(self) -> Iterator[Metric]:
        actors, tables = self._sources.actors, self._sources.projections
        journal, limits = self._sources.journal, self._sources.limits
        yield InfoMetricFamily("verdict_kernel", "The kernel that decides.", {"form": FORM})
        standing = self._sources.standing()
        yield gauge("verdict_leads", "1 where commands are decided, else 0.", standing.leads)
        yield gauge("verdict_followers", "Processes that follow this one.", standing.followers)
        yield gauge("verdict_follower_lag_events", "Durable events not heard of here.", standing.behind)
        yield gauge("verdict_confirmed_seconds", "Since the database confirmed the state.", standing.age)
        yield gauge("verdict_journal_head", "Newest durable journal id.", actors.durable)
        yield gauge("verdict_journal_backlog_turns", "Turns that wait for it.", actors.backlog_depth())
        yield gauge("verdict_journal_writable", "1, or 0 in an outage.", 0 if self._sources.trouble() else 1)
        yield counter("verdict_journal_commits", "Transactions.", journal.commits)
        yield counter("verdict_journal_bytes", "Bytes handed to PostgreSQL in them.", journal.bytes)
        yield counter("verdict_journal_repeated", "Attempts that were made again.", journal.repeated)
        yield counter("verdict_journal_reconnects", "Connections won back.", journal.reconnects)
        yield gauge("verdict_projector_lag_events", "Durable events not in the tables.", tables.lag_events)
        yield gauge("verdict_projector_lag_seconds", "Age of the oldest of them.", tables.lag_seconds)
        yield gauge("verdict_connections", "Open connections, websockets among them.", limits.counts.total)
        yield counter("verdict_connections_turned_away", "Connections without room.", limits.turned_away)
        clients = GaugeMetricFamily("verdict_websocket_clients", "Open websockets.", labels=["kind"])
        for kind, count in self._sources.websockets().items():
            clients.add_metric([kind], count)
        yield clients
        yield gauge("verdict_resident_bytes", "Memory of this process.", resident_bytes())
        jumps = CounterMetricFamily(
            "verdict_clock_jumps", "Jumps of the machine's clock.", labels=["direction"]
        )
        for direction, count in self._sources.clock.jumps.items():
            jumps.add_metric([direction], count)
        yield jumps
        yield gauge("verdict_clock_off_seconds", "The machine's clock less ours.", self._sources.clock.off)
        yield gauge("verdict_orders", "Orders in memory, closed ones among them.", self._sample.orders)
        yield gauge("verdict_idempotency_keys", "Keys of which memory has what they did.", self._sample.keys)

    async def _of_markets(self) -> list[Metric]:
        sample, depths = self._sample, self._sources.actors.depths([None, *self._sample.resting])
        await trio.lowlevel.checkpoint()
        inbox = GaugeMetricFamily("verdict_inbox_requests", "Requests that wait.", labels=["market"])
        book = GaugeMetricFamily("verdict_book_shares", "Shares that rest.", labels=["market", "side"])
        modes = GaugeMetricFamily(
            "verdict_trading_mode", "0 NORMAL, 1 POST_ONLY, 2 CANCEL_ONLY.", labels=["market"]
        )
        for place, (market_id, depth) in enumerate(depths.items(), 1):
            inbox.add_metric([market_id or ""], depth)
            if market_id is not None:
                bid, ask = sample.resting[market_id]
                book.add_metric([market_id, "bid"], bid)
                book.add_metric([market_id, "ask"], ask)
                modes.add_metric([market_id], sample.modes[market_id])
            if place % MARKETS_AT_ONCE == 0:
                await trio.lowlevel.checkpoint()
        return [inbox, book, modes]

    def hear(self, decided: Sequence[Decided]) -> None:
        """Count what became durable."""
        for (kind, code), count in Tally(
            (type(one.command), one.outcome.answer.code if isinstance(one.outcome.answer, Refusal) else None)
            for one in decided
        ).items():
            self._commands.labels(kind.__name__, "ok" if code is None else str(code.value)).inc(count)
        events = sum(len(one.outcome.facts) for one in decided)
        if expired := sum(map(expired_in, decided)):
            self._expired.inc(expired)
        for one in decided:
            for fact in one.outcome.facts:
                self._making.hear(fact)
                if type(fact.event) is OrderGroupTriggered:
                    self._braked.labels(fact.event.cause.value).inc()
                elif type(fact.event) is CircuitBreakerTriggered:
                    self._breakers.labels(fact.event.trigger_reason.value).inc()
        if events:
            self._commit_events.observe(events)
            self._commit_seconds.observe(self._sources.journal.last_commit_seconds)


def expired_in(one: Decided) -> int:
    """They come first, or at the end of a halt behind what tells of it: mostly one fact is looked at."""
    facts = one.outcome.facts
    if not facts or not (is_expiry(facts[0]) or type(one.command) is ResumeMarket):
        return 0
    return sum(map(is_expiry, facts))


def is_expiry(fact: Fact) -> bool:
    event = fact.event
    return type(event) is OrderCancelled and event.cancel_reason is CancelReason.EXPIRED


def gauge(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, meaning, value=value)


def counter(name: str, meaning: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(name, meaning, value=value)


def resident_bytes() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES
    except OSError:  # not Linux
        return 0
