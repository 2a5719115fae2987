"""What a monitor may read: counters kept as things happen, gauges looked up when asked.

What they tell of the exchange is durable, and of no market that is a draft.
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

from adapters.runtime.clock import Clock
from adapters.service.server import Projections
from adapters.sockets.connection_limits import ConnectionLimits
from kernel.actors import Actors
from kernel.answers import Refusal
from kernel.codes import MarketStatus
from kernel.exchange import FORM, Exchange
from kernel.journal import Decided

# A series beside each counter that says since when it counts: since the process began, all of them.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the one function there without types

SECONDS: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
EVENTS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
DURABLE_SECONDS: Final = 1.0
"""That a page waits until what it tells is durable. In an outage it tells what last was."""
MARKETS_AT_ONCE: Final = 500
"""Whose gauges are put together in one step: two milliseconds."""
PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


class JournalCounters(Protocol):
    """What the journal counts of itself."""

    commits: int
    bytes: int
    last_commit_seconds: float
    repeated: int
    reconnects: int


@attrs.frozen
class Sources:
    """Where the numbers are."""

    actors: Actors
    projections: Projections
    journal: JournalCounters
    trouble: Callable[[], str]
    """Why the journal cannot be written, if it cannot."""
    websockets: Callable[[], Mapping[str, int]]
    limits: ConnectionLimits
    clock: Clock


@attrs.frozen
class Picture:
    """What is told of the exchange as it was at one journal id."""

    journal_id: int
    orders: int
    resting: dict[str, tuple[int, int]]
    """By market: shares that are bid for, shares that are asked for."""

    @classmethod
    def of(cls, exchange: Exchange) -> "Picture":
        return cls(
            exchange.head,
            len(exchange.orders),
            {
                market.id: (sum(market.book.bids.totals), sum(market.book.asks.totals))
                for market in exchange.markets.values()
                if market.status is not MarketStatus.DRAFT
            },
        )


class Metrics:
    """One registry for one server."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._picture = Picture.of(sources.actors.exchange)
        """The newest that is durable; so is all that there is before anybody is served."""
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
        self._registry.register(self)

    def of_submission(self, seconds: float) -> None:
        """How the command stream tells what a submission took."""
        self._submissions.observe(seconds)

    def of_route(self, method: str, path: str) -> Callable[[int, float], None]:
        """How a route tells its status and the seconds it took."""
        by_status: dict[int, Histogram] = {}

        def observe(status: int, seconds: float) -> None:
            histogram = by_status.get(status)
            if histogram is None:
                histogram = by_status[status] = self._requests.labels(method, path, str(status))
            histogram.observe(seconds)

        return observe

    async def page(self) -> bytes:
        picture = Picture.of(self._sources.actors.exchange)
        await trio.lowlevel.checkpoint()
        with trio.move_on_after(DURABLE_SECONDS):
            await self._sources.actors.until_durable(picture.journal_id)
            if picture.journal_id >= self._picture.journal_id:
                self._picture = picture
        self._gauges = [*self._of_exchange(), *await self._of_markets()]
        # Spelling out a series takes microseconds, and of a thousand markets there are thousands: in a thread
        # it takes as long as it takes, and the loop has its turn every few milliseconds.
        return await trio.to_thread.run_sync(generate_latest, self._registry)

    def collect(self) -> Iterable[Metric]:
        """The gauges as they were when the page was asked for; prometheus_client calls it, in a thread."""
        return self._gauges

    def _of_exchange(self) -> Iterator[Metric]:
        actors, tables = self._sources.actors, self._sources.projections
        journal, limits = self._sources.journal, self._sources.limits
        yield InfoMetricFamily("verdict_kernel", "The kernel that decides.", {"form": FORM})
        yield gauge("verdict_journal_head", "Newest durable journal id.", actors.durable)
        yield gauge("verdict_journal_backlog_turns", "Turns that wait for it.", actors.backlog_depth())
        yield gauge("verdict_journal_writable", "1, or 0 in an outage.", 0 if self._sources.trouble() else 1)
        yield counter("verdict_journal_commits", "Transactions.", journal.commits)
        yield counter("verdict_journal_bytes", "Bytes handed to PostgreSQL in them.", journal.bytes)
        yield counter("verdict_journal_repeated", "Attempts that were made again.", journal.repeated)
        yield counter("verdict_journal_reconnects", "Connections won back.", journal.reconnects)
        yield gauge("verdict_projector_lag_events", "Durable events not in the tables.", tables.lag_events)
        yield gauge("verdict_projector_lag_seconds", "Age of the oldest of them.", tables.lag_seconds)
        yield gauge("verdict_connections", "Open connections, websockets among them.", limits.room.here)
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
        yield gauge("verdict_orders", "Orders in memory, final ones among them.", self._picture.orders)

    async def _of_markets(self) -> list[Metric]:
        picture, depths = self._picture, self._sources.actors.depths()
        await trio.lowlevel.checkpoint()
        inbox = GaugeMetricFamily("verdict_inbox_requests", "Requests that wait.", labels=["market"])
        book = GaugeMetricFamily("verdict_book_shares", "Shares that rest.", labels=["market", "side"])
        for place, (market_id, depth) in enumerate(depths.items(), 1):
            if market_id is None or market_id in picture.resting:
                inbox.add_metric([market_id or ""], depth)
            if market_id is not None and market_id in picture.resting:
                bid, ask = picture.resting[market_id]
                book.add_metric([market_id, "bid"], bid)
                book.add_metric([market_id, "ask"], ask)
            if place % MARKETS_AT_ONCE == 0:
                await trio.lowlevel.checkpoint()
        return [inbox, book]

    def hear(self, decided: Sequence[Decided]) -> None:
        """Count what became durable."""
        for (kind, code), count in Tally(
            (type(one.command), one.outcome.answer.code if isinstance(one.outcome.answer, Refusal) else None)
            for one in decided
        ).items():
            self._commands.labels(kind.__name__, "ok" if code is None else str(code.value)).inc(count)
        events = sum(len(one.outcome.facts) for one in decided)
        if events:
            self._commit_events.observe(events)
            self._commit_seconds.observe(self._sources.journal.last_commit_seconds)


def gauge(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, meaning, value=value)


def counter(name: str, meaning: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(name, meaning, value=value)


def resident_bytes() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES
    except OSError:  # not Linux
        return 0
