"""The market maker as a program: everything wired together, from its first look at the exchange to its last.

A reason not to begin is reported in one line and ends it; trouble later on does not.
"""

import secrets
import ssl
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import attrs
import coredis
import httpx
import structlog
import trio

from amm.brain.arithmetic import Ms
from amm.brain.budget import RateBudget
from amm.brain.config import Limits, TransportMode
from amm.brain.config_layers import ConfigFile, check_file, read_toml, shared
from amm.brain.strategy import decide
from amm.live.backoff import Backoff
from amm.live.connection import CommandStream
from amm.live.control import Control
from amm.live.credentials import Credentials
from amm.live.kafka_events import KafkaEvents
from amm.live.market import Decide, Services
from amm.live.metrics import Metrics
from amm.live.mirror import Mirror
from amm.live.overrides import Overrides
from amm.live.polling import Polling
from amm.live.rest import TIMEOUT_SECONDS, ExchangeClient, NotUsableError, RefusedError, UnreachableError
from amm.live.state_store import StateStore
from amm.live.supervisor import Supervisor
from amm.live.transport import Transport

log = structlog.get_logger(__name__)

LOOK_EVERY = 30.0
"""Seconds between two looks at what should run; the stream's events ask for one in between."""
LOOK_EVERY_POLLED = 1.0
"""Where no event asks."""
ORDINARY_LIMITS = {"amm_rate_limit": 30, "replace_rate_limit": 30, "cancel_rate_limit": 60}
"""Those of any user. A service token's are configurable at the exchange, and taken at the file's word."""
RENEW_AGAIN = 60.0
"""Seconds after a renewal that was refused."""


class CannotBeginError(Exception):
    """What a person has to mend first, a line for each thing."""


@attrs.frozen(kw_only=True)
class Options:
    """What the command line says."""

    url: str
    token: str
    state_folder: Path
    config_text: str = ""
    control_host: str = "127.0.0.1"
    control_port: int = 0
    redis_url: str | None = None
    kafka: Mapping[str, str] | None = None
    """Settings of Kafka's client, where the events come from there."""


def wall_clock() -> Ms:
    return time.time_ns() // 1_000_000


@attrs.define(eq=False)
class MarketMaker:
    """One process's market maker."""

    options: Options
    decide: Decide = decide
    file: ConfigFile = attrs.field(init=False)
    credentials: Credentials = attrs.field(init=False)
    stop: trio.Event = attrs.field(factory=trio.Event)
    supervisor: Supervisor = attrs.field(init=False)
    stream: Transport = attrs.field(init=False)
    _renewal: trio.Event = attrs.field(factory=trio.Event)

    def __attrs_post_init__(self) -> None:
        self.file = read_toml(self.options.config_text)
        check_file(self.file)
        self.credentials = Credentials(self.options.token)
        check_redis(self.options.redis_url)
        if self.options.kafka is not None and self._is_polled:
            raise CannotBeginError("FEED=kafka brings events, not answers: it needs sync.transport = STREAM")

    async def run(self, show: Callable[[str], None]) -> bool:
        """Quote until `stop`; return whether all orders are known to be gone. `show` prints lines."""
        store = StateStore(self.options.state_folder)
        store.open()
        async with httpx.AsyncClient(base_url=self.options.url, timeout=TIMEOUT_SECONDS) as http:
            exchange = ExchangeClient(http, self.credentials)
            await self._introduce(exchange, show)
            metrics = Metrics()
            mirror = Mirror(self.options.redis_url, wall_clock)
            self._assemble(exchange, store, metrics, mirror)
            control = Control(self.supervisor, self.stream, metrics, mirror)
            async with trio.open_nursery() as helping:
                address = await helping.start(
                    control.serve, self.options.control_host, self.options.control_port
                )
                show(f"control        {address}")
                helping.start_soon(mirror.run)
                helping.start_soon(self._renew_token, exchange)
                helping.start_soon(self.stream.run)
                if isinstance(self.stream, CommandStream) and self.stream.kafka is not None:
                    helping.start_soon(self.stream.kafka.run)
                quiet = await self.supervisor.run(self.stop)
                if quiet:
                    await self.stream.leave()
                helping.cancel_scope.cancel()
        return quiet

    async def _introduce(self, exchange: ExchangeClient, show: Callable[[str], None]) -> None:
        """Wait for the exchange; check that it accepts our token and knows the markets of the file."""
        backoff = Backoff()
        while not self.stop.is_set():
            try:
                await exchange.amm_markets()
                for market_id in self.file.markets:
                    await exchange.market(market_id)
            except NotUsableError as trouble:
                raise CannotBeginError(str(trouble)) from None
            except UnreachableError as trouble:
                show(f"waiting for {self.options.url}: {trouble}")
                with trio.move_on_after(backoff.next()):
                    await self.stop.wait()
            except RefusedError as refusal:
                _explain(refusal)
                with trio.move_on_after(backoff.next()):
                    await self.stop.wait()
            else:
                break
        if not self.credentials.is_service_token:
            show("this is no service token: ordinary limits hold, and it cannot be renewed")

    def _assemble(
        self, exchange: ExchangeClient, store: StateStore, metrics: Metrics, mirror: Mirror
    ) -> None:
        limits = self._limits()
        websockets = self.options.url.replace("http", "ws", 1).rstrip("/")
        tls = ssl.create_default_context() if websockets.startswith("wss") else None
        stream: Transport
        if self._is_polled:
            stream = Polling(
                exchange,
                wall_clock,
                shared(self.file, "sync.trade_poll_interval_ms"),
                lambda market_id: f"{websockets}/ws/v1/trades/{market_id}",
                tls,
            )
        else:
            stream = CommandStream(
                url=f"{websockets}/ws/v1/commands",
                credentials=self.credentials,
                clock=wall_clock,
                grace_ms=shared(self.file, "sync.dead_man_ms"),
                in_flight_max=limits.max_in_flight,
                tls=tls,
                kafka=None if self.options.kafka is None else KafkaEvents(self.options.kafka),
            )
        self.stream = stream
        self.stream.observed.latency = metrics.answered
        services = Services(
            stream=self.stream,
            budget=RateBudget(limits, replaces_are_orders=not self.credentials.is_service_token),
            store=store,
            clock=wall_clock,
            decide=self.decide,
            renew_token=self._renewal_wanted,
            took=metrics.turned,
            marked_out=metrics.marked_out,
            tls=tls,
        )
        self.supervisor = Supervisor(
            exchange=exchange,
            services=services,
            file=self.file,
            feed_url=lambda market_id: f"{websockets}/ws/v1/orderbook/{market_id}",
            boot_id=secrets.token_hex(4),
            after_turn=mirror.note,
            earlier_prices=mirror.earlier_prices,
            look_every=LOOK_EVERY_POLLED if self._is_polled else LOOK_EVERY,
        )
        self.stream.markets = self.supervisor
        mirror.overrides = Overrides(self.supervisor)
        mirror.account_cash = lambda: self.supervisor.account.cash
        metrics.watch(self.supervisor, self.stream)

    @property
    def _is_polled(self) -> bool:
        return bool(shared(self.file, "sync.transport") is TransportMode.POLL)

    def _limits(self) -> Limits:
        """The configured limits, but none above what the token allows."""
        names = [field.name for field in attrs.fields(Limits)]
        wanted = {name: shared(self.file, f"limits.{name}") for name in names}
        if not self.credentials.is_service_token:
            wanted |= {name: min(wanted[name], most) for name, most in ORDINARY_LIMITS.items()}
        return Limits(**wanted)

    def _renewal_wanted(self) -> None:
        self._renewal.set()

    async def _renew_token(self, exchange: ExchangeClient) -> None:
        """Get a new token at four fifths of the old one's life, or when the exchange does not take it."""
        while True:
            self._renewal = trio.Event()
            if self.credentials.is_service_token:
                left = (self.credentials.renew_at_ms() - wall_clock()) / 1_000
            else:
                left = float("inf")
            with trio.move_on_after(max(0.0, left)):
                await self._renewal.wait()
            try:
                self.credentials.use(await exchange.renew_token())
                log.info("the token was renewed")
                if self._renewal.is_set():
                    self.stream.reconnect()
                else:
                    await self.stream.authenticate()
                self.supervisor.reopen_feeds()
            except (RefusedError, UnreachableError) as trouble:
                log.error("the token could not be renewed", why=str(trouble))
                await trio.sleep(RENEW_AGAIN)


def check_redis(url: str | None) -> None:
    """Raise CannotBeginError for what is no address. It is not repeated: a password may be in it."""
    try:
        if url is not None:
            coredis.Redis.from_url(url)
    except ValueError:
        raise CannotBeginError(
            "REDIS_URL is no address of a Redis: redis://[user:password@]host[:port]/[number]"
        ) from None


def _explain(refusal: RefusedError) -> None:
    """Raise `CannotBeginError` if only a person can help; return if waiting may."""
    match refusal.status:
        case 401:
            raise CannotBeginError("the exchange does not accept the token: `verdict token` prints a new one")
        case 403:
            raise CannotBeginError("the token is not the market maker's: `verdict token` prints one")
        case 404:
            raise CannotBeginError(f"the configuration names a market that is not there: {refusal.message}")
        case _:
            log.warning("the exchange is not ready", why=str(refusal))
