"""The relay's metrics for a monitor, and whether it is ready: a little server for the operator alone."""

from collections.abc import Iterator
from typing import Final

import attrs
import hypercorn.trio
import msgspec
import trio
from hypercorn.config import Config
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from quart import Response
from quart_trio import QuartTrio

from adapters.relay.relay import Role, Standing

LATE_SECONDS_MAX: Final = 10.0
"""Something to tell for longer than this, and the relay is not called ready."""
GOODBYE_SECONDS: Final = 0.2


class Ready(msgspec.Struct, frozen=True):
    status: str
    """`ready`, or why not."""
    role: Role
    journal_id: int
    """Up to which row all is told."""
    lag: int
    """Rows of the journal behind that."""


def ready(standing: Standing) -> Ready:
    """One that waits for another to end is ready, too: that is its work."""
    status = "ready"
    if standing.role is Role.STOPPED:
        status = standing.why
    elif standing.role is Role.PUBLISHING and standing.late > LATE_SECONDS_MAX:
        status = f"the relay is {standing.late:.0f} seconds behind the journal"
    return Ready(status, standing.role, standing.reached, max(0, standing.end - standing.reached))


@attrs.frozen(eq=False)
class Collector:
    """Called by the registry for each scrape."""

    standing: Standing

    def collect(self) -> Iterator[Metric]:
        standing = self.standing
        for name, meaning, value in (
            ("publishing", "1 while it publishes, 0 while it waits.", standing.role is Role.PUBLISHING),
            ("journal_id", "Up to which row of the journal all is told.", standing.reached),
            ("journal_end", "The journal's last row, as it was seen last.", standing.end),
            ("late_seconds", "For how long there has been something to tell.", standing.late),
        ):
            gauge = GaugeMetricFamily(f"verdict_relay_{name}", meaning)
            gauge.add_metric((), float(value))
            yield gauge
        for name, meaning, count in (
            ("events", "Events that the broker has taken.", standing.sent),
            ("failures", "How often the broker could not take them, or not be asked.", standing.failed),
        ):
            counter = CounterMetricFamily(f"verdict_relay_{name}", meaning)
            counter.add_metric((), count)
            yield counter


async def serve(
    standing: Standing, host: str, port: int, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED
) -> None:
    """Serve until cancelled, and report the address."""
    app = QuartTrio(__name__)
    registry = CollectorRegistry()
    registry.register(Collector(standing))

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(registry), content_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/ready")
    async def readiness() -> Response:
        answer = ready(standing)
        status = 200 if answer.status == "ready" else 503
        return Response(msgspec.json.encode(answer), status, content_type="application/json")

    config = Config()
    config.bind = [f"[{host}]:{port}" if ":" in host else f"{host}:{port}"]
    config.errorlog = None
    config.graceful_timeout = config.shutdown_timeout = GOODBYE_SECONDS
    async with trio.open_nursery() as nursery:
        addresses: list[str] = await nursery.start(hypercorn.trio.serve, app, config)
        task_status.started(addresses[0])
