"""A worker as a program: its token kept fresh, its line, its metrics, until it is told to stop."""

import secrets
import time
from collections.abc import Callable

import attrs
import httpx
import msgspec
import structlog
import trio

from amm.live.credentials import Credentials
from makers.live.line import Line, to
from makers.live.metrics import Metrics
from makers.live.mover import Mover, Pace
from makers.live.worker import Limits, Worker
from makers.venues.venue import Venue

log = structlog.get_logger(__name__)

RENEWAL = "/api/v1/market-making/token/renew"
RENEW_AGAIN = 60.0
"""Seconds after a renewal that failed."""
TIMEOUT_SECONDS = 10.0


class FreshToken(msgspec.Struct, frozen=True):
    service_token: str


class Renewed(msgspec.Struct, frozen=True):
    data: FreshToken


@attrs.frozen(kw_only=True)
class Options:
    """What the command line says."""

    url: str
    token: str
    limits: Limits
    venue: tuple[str, Venue] | None = None
    """A market elsewhere, by its name, at which orders quote."""
    pace: Pace = attrs.field(factory=Pace)
    metrics_host: str = "127.0.0.1"
    metrics_port: int = 0
    """0: none."""


@attrs.define(eq=False)
class Program:
    options: Options
    credentials: Credentials = attrs.field(init=False)
    worker: Worker = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.credentials = Credentials(self.options.token, system_id=None)
        line = Line(to(self.options.url, self.credentials), self.credentials)
        venues = dict([self.options.venue] if self.options.venue is not None else [])
        worker_id = f"w-{secrets.token_hex(8)}"
        self.worker = Worker(worker_id, line, self.options.limits, venues=venues)

    async def run(self, show: Callable[[str], None]) -> None:
        """Work until the worker's `stop`, and finish what is begun. `show` prints lines."""
        metrics = Metrics(self.worker)
        async with trio.open_nursery() as helping:
            if self.options.metrics_port:
                address = await helping.start(
                    metrics.serve, self.options.metrics_host, self.options.metrics_port
                )
                show(f"metrics        {address}/metrics")
            show(f"worker         {self.worker.worker_id}")
            helping.start_soon(self.worker.line.run)
            helping.start_soon(self._renew_token)
            async with trio.open_nursery() as working:
                working.start_soon(self.worker.run)
                if self.options.venue is not None:
                    there = (*self.options.venue, self.options.pace)
                    mover = Mover(self.worker.worker_id, self.worker.line, *there)
                    working.start_soon(mover.run, self.worker.stop)
            helping.cancel_scope.cancel()

    async def _renew_token(self) -> None:
        """Get a new token at four fifths of the old one's life: a renewal ends the one it was asked with."""
        async with httpx.AsyncClient(base_url=self.options.url, timeout=TIMEOUT_SECONDS) as http:
            while True:
                await trio.sleep(max(0.0, self.credentials.renew_at_ms() / 1_000 - time.time()))
                try:
                    answer = await http.post(RENEWAL, headers=self.credentials.headers, json={})
                    answer.raise_for_status()
                    fresh = msgspec.json.decode(answer.content, type=Renewed)
                    self.credentials.use(fresh.data.service_token)
                    log.info("the token was renewed")
                    await self.worker.line.authenticate()
                except (httpx.HTTPError, msgspec.MsgspecError, ValueError) as trouble:
                    log.error("the token could not be renewed", why=str(trouble))
                    await trio.sleep(RENEW_AGAIN)
