"""The worker's metrics for Prometheus, and the little server that tells them."""

from collections.abc import Iterator

import attrs
import hypercorn.trio
import trio
from hypercorn.config import Config as ServerConfig
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from quart import Response
from quart_trio import QuartTrio

from makers.live.worker import Worker

SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20)
GOODBYE_SECONDS = 0.2


@attrs.define(eq=False)
class Metrics:
    worker: Worker
    registry: CollectorRegistry = attrs.field(factory=CollectorRegistry)

    def __attrs_post_init__(self) -> None:
        cycles = Histogram(
            "verdict_makers_cycle_seconds",
            "From a lease in hand to its release.",
            buckets=SECONDS,
            registry=self.registry,
        )
        self.worker.observed.took = cycles.observe
        self.registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Called by the registry for each scrape."""
        worker, observed = self.worker, self.worker.observed
        running = GaugeMetricFamily("verdict_makers_in_flight", "Cycles that are being run.")
        running.add_metric((), worker.running)
        yield running
        skipped = CounterMetricFamily(
            "verdict_makers_skipped", "Quotes that could not stand.", labels=("code",)
        )
        for code, count in sorted(observed.skipped.items()):
            skipped.add_metric((str(code),), count)
        yield skipped
        for name, meaning, value in (
            ("errors", "Cycles that failed.", observed.errors),
            ("reconnects", "Connections after the first.", worker.line.reconnects),
        ):
            family = CounterMetricFamily(f"verdict_makers_{name}", meaning)
            family.add_metric((), value)
            yield family

    async def serve(
        self, host: str, port: int, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Serve until cancelled, and report the address."""
        app = QuartTrio(__name__)

        @app.get("/metrics")
        async def metrics() -> Response:
            return Response(
                generate_latest(self.registry), content_type="text/plain; version=0.0.4; charset=utf-8"
            )

        @app.get("/health")
        async def health() -> tuple[str, int]:
            return ("up", 200) if self.worker.line.up.is_set() else ("no line to the exchange", 503)

        config = ServerConfig()
        config.bind = [f"[{host}]:{port}" if ":" in host else f"{host}:{port}"]
        config.errorlog = None
        config.graceful_timeout = config.shutdown_timeout = GOODBYE_SECONDS
        async with trio.open_nursery() as nursery:
            addresses: list[str] = await nursery.start(hypercorn.trio.serve, app, config)
            task_status.started(addresses[0])
