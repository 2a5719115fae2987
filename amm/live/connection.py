"""The command stream: commands out, answers and private events in, across connections that break.

It keeps the connection, numbers commands, puts events in order and reports what may be missing.
It does not know what any of it means for a market.
"""

import ssl
from collections import Counter, deque
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any, Final, Protocol

import attrs
import msgspec
import structlog
import trio
import trio_websocket

from amm.brain.arithmetic import Ms
from amm.brain.commands import BatchCancel, Command, Sync
from amm.brain.config import AMM_USER_ID
from amm.brain.inputs import Answer, Frame
from amm.brain.wire import (
    REFUSAL_DATA,
    SUCCESS_DATA,
    Event,
    EventMessage,
    Order,
    OrderGroupChanged,
    OrderStatusChanged,
    Synced,
)
from amm.live.backoff import Backoff
from amm.live.credentials import Credentials
from amm.live.kafka_events import KafkaEvents, LateError
from amm.live.messages import (
    From,
    Heartbeat,
    Hello,
    Message,
    Part,
    PrivateEvent,
    Problem,
    Result,
    decode,
    encode,
)
from amm.live.sequencer import Sequencer

log = structlog.get_logger(__name__)

PING_EVERY = 1.0
"""Seconds. Its answer shows that the exchange is alive, and how far away it is."""
SILENCE_MAX = 5.0
"""Seconds without a word, pings notwithstanding, after which the line is taken for dead."""
HOLE_GRACE_MS: Ms = 2_000
FRAME_BYTES_MAX: Final = 64 * 1024 * 1024
BATCH_MAX = 256
TOO_MANY_IN_FLIGHT = 7001
CANNOT_RESUME = 7004
CLOSE_SECONDS = 1.0

OWN_TOPICS = ["order_events", "group_events"]
SHARED_TOPICS = ["trade_events", "market_events", "amm_events"]


class StreamListener(Protocol):
    """Who takes what the connection has for the markets."""

    def frame(self, market_id: str, frame: Frame) -> None: ...
    def answer(self, market_id: str, answer: Answer) -> None: ...
    def pong(self, round_trip_ms: Ms) -> None: ...
    def lost(self) -> None: ...
    def stepped_back(self, heard_seq: int, seq: int) -> None: ...
    def down(self) -> None: ...
    def up(self, blind_ms: Ms, *, resumed: bool) -> None: ...


class LineError(Exception):
    """This connection cannot be used any more."""


ENDS = (
    LineError,
    LateError,
    trio.TooSlowError,
    trio_websocket.ConnectionClosed,
    trio_websocket.HandshakeError,
    OSError,
)
"""How a connection may end without anything being wrong with this program."""


@attrs.frozen
class InFlight:
    market_id: str
    op: str
    ref: int
    sent_at: float


@attrs.define
class Observed:
    """What has been seen on the stream, for the metrics."""

    commands: Counter[tuple[str, str, str]] = attrs.field(factory=Counter)
    """By market, op and outcome: `ok` or the code."""
    events: Counter[tuple[str, str]] = attrs.field(factory=Counter)
    """By market and kind."""
    latency: Callable[[str, str, float], None] = lambda _market_id, _op, _ms: None
    reconnects: int = 0
    gaps: int = 0


@attrs.define(eq=False)
class CommandStream:
    url: str
    credentials: Credentials
    clock: Callable[[], Ms]
    grace_ms: Ms
    """How long the exchange's guard waits before it cancels our orders."""
    in_flight_max: int = 256
    tls: ssl.SSLContext | None = None
    kafka: KafkaEvents | None = None
    """Where the events come from, if not from the stream itself."""
    markets: StreamListener = attrs.field(init=False)
    """Set before `run`; it could not be an argument, because the two know each other."""

    delivered: int = 0
    """Everything up to this journal id has been handed to the markets."""
    connected: bool = False
    why: str = "not connected yet"
    heard_ms: Ms | None = None
    observed: Observed = attrs.field(factory=Observed)
    _line: trio.CancelScope | None = None
    _stay_away_ms: Ms = 0
    _sequencer: Sequencer = attrs.field(factory=Sequencer)
    _flying: dict[int, InFlight] = attrs.field(factory=dict)
    _parts: dict[int, list[Order]] = attrs.field(factory=dict)
    """The parts of large views received so far, by the `sync` that asked for them."""
    _asked: dict[int, Callable[[Result], None]] = attrs.field(factory=dict)
    _outgoing: deque[bytes] = attrs.field(factory=deque)
    _something_to_send: trio.Event = attrs.field(factory=trio.Event)
    _next_cid: int = 1
    _kafka_starts: int = 0

    def __attrs_post_init__(self) -> None:
        if self.kafka is not None:
            self.kafka.hear = self._take_from_kafka

    # What the markets use.

    def submit(self, market_id: str, commands: list[Command]) -> None:
        """Send commands in one batch. Without a connection they are dropped; `down` tells the markets.

        It does not wait, so that nothing can come between a decision and its commands.
        """
        if not self.connected:
            return
        batch = []
        for command in commands:
            if len(self._flying) >= self.in_flight_max and not isinstance(command, BatchCancel | Sync):
                self.markets.answer(market_id, Answer(command.ref, TOO_MANY_IN_FLIGHT, self.delivered))
                continue
            cid, op = self._fresh_cid(), str(type(command).__struct_config__.tag)
            self._flying[cid] = InFlight(market_id, op, command.ref, trio.current_time())
            # The cid goes in front of what the command says of itself.
            batch.append(b'{"cid":%d,' % cid + encode(command)[1:])
        for start in range(0, len(batch), BATCH_MAX):
            self._put(b"[" + b",".join(batch[start : start + BATCH_MAX]) + b"]")

    def drop(self) -> None:
        """Close the connection and stay away until the exchange's guard has noticed."""
        self._stay_away_ms = self.grace_ms + 1_000
        self.reconnect()

    def reconnect(self) -> None:
        """Make a new connection, with the token that is valid now."""
        if self._line is not None:
            self._line.cancel()

    async def leave(self) -> None:
        """Take the guard off: no order of ours is left, and it would fire at those of whoever comes next."""
        if self.connected:
            try:
                await self._ask("guard", grace_ms=None)
            except LineError as trouble:
                log.warning("the guard stays", why=str(trouble))

    async def authenticate(self) -> None:
        """Let the open connection outlive the token that it was made with."""
        if self.connected:
            try:
                await self._ask("auth", token=self.credentials.token)
            except LineError:
                self.reconnect()

    # Keeping a connection.

    async def run(self) -> None:
        """Connect, and connect again, until cancelled."""
        backoff = Backoff()
        while True:
            self.why = "the line was closed"
            try:
                await self._connection(backoff)
            except* ENDS as ends:
                self.why = "; ".join(dict.fromkeys(_told(end) for end in _leaves(ends)))
            self._ended()
            away, self._stay_away_ms = self._stay_away_ms / 1_000, 0
            await trio.sleep(away + backoff.next())

    async def _connection(self, backoff: Backoff) -> None:
        """One connection, from its handshake to its end."""
        token = self.credentials.token
        async with trio.open_nursery() as nursery:
            self._line = nursery.cancel_scope
            with trio.fail_after(SILENCE_MAX):
                socket = await trio_websocket.connect_websocket_url(
                    nursery,
                    self.url,
                    self.tls,
                    extra_headers=self.credentials.handshake,
                    message_queue_size=64,
                    max_message_size=FRAME_BYTES_MAX,
                    receive_buffer_size=65_536,
                )
            try:
                nursery.start_soon(self._read, socket)
                nursery.start_soon(self._write, socket)
                await self._open()
                if token != self.credentials.token:
                    await self.authenticate()  # it was renewed meanwhile, and the old one ends soon
                backoff.reset()
                await self._ping()
            finally:
                with trio.move_on_after(CLOSE_SECONDS, shield=True):
                    await socket.aclose()

    async def _open(self) -> None:
        """Put the guard up, and find the place among the events again."""
        if self.kafka is None:
            await self._ask("guard", grace_ms=self.grace_ms)
            resumed = await self._subscribe()
        else:
            # Who is blind leaves the old guard to fire.
            await self.kafka.until((await self._ask("ping")).seq)
            await self._ask("guard", grace_ms=self.grace_ms)
            resumed = self.heard_ms is None or self._kafka_starts == self.kafka.starts
            self._kafka_starts = self.kafka.starts
        now = self.clock()
        blind = 0 if self.heard_ms is None else now - self.heard_ms
        self.observed.reconnects += self.heard_ms is not None
        self.connected, self.heard_ms, self.why = True, now, ""
        self.markets.up(blind, resumed=resumed)

    async def _subscribe(self) -> bool:
        """Return whether no event was missed."""
        resumed = True
        if self.heard_ms is not None:
            topics = OWN_TOPICS + SHARED_TOPICS
            result = await self._try("resume", after=self.delivered, topics=topics, scope="market")
            resumed = result.ok
            if not resumed and result.code != CANNOT_RESUME:
                raise LineError(f"resume: {result.message}")
        first = await self._ask("subscribe", topics=SHARED_TOPICS, scope="market")
        await self._ask("subscribe", topics=OWN_TOPICS, scope="own")
        if self.heard_ms is None or not resumed:
            self.delivered = msgspec.json.decode(first.data, type=From).from_ - 1
        return resumed

    def _ended(self) -> None:
        was_connected, self.connected = self.connected, False
        self._line = None
        self._sequencer = Sequencer()
        self._flying.clear()
        self._parts.clear()
        self._asked.clear()
        self._outgoing.clear()
        if was_connected:
            log.warning("the command stream is down", why=self.why)
            self.markets.down()

    async def _ping(self) -> None:
        """Ping until an answer stays away."""
        while True:
            asked = trio.current_time()
            answer = await self._ask("ping")
            self._check_kafka(answer.seq)
            self.markets.pong(round((trio.current_time() - asked) * 1_000))
            if self._sequencer.is_lost(self.clock(), HOLE_GRACE_MS):
                self.observed.gaps += 1
                self.markets.lost()
                raise LineError("an event is missing")
            await trio.sleep(PING_EVERY)

    def _check_kafka(self, seq: int) -> None:
        if self.kafka is not None:
            self.kafka.check(seq)
            if self.kafka.starts != self._kafka_starts:
                raise LateError("kafka was read anew, and events may be missing")

    async def _ask(self, op: str, **members: Any) -> Result:
        result = await self._try(op, **members)
        if not result.ok:
            raise LineError(f"{op}: {result.message} (code {result.code})")
        return result

    async def _try(self, op: str, **members: Any) -> Result:
        """Send a request of the connection itself, and return its answer."""
        cid, answered = self._fresh_cid(), trio.Event()
        results: list[Result] = []

        def take(result: Result) -> None:
            results.append(result)
            answered.set()

        self._asked[cid] = take
        self._put(encode({"cid": cid, "op": op, **members}))
        with trio.move_on_after(SILENCE_MAX):
            await answered.wait()
            return results[0]
        raise LineError(f"no answer to {op} within {SILENCE_MAX:.0f} s")

    # Frames.

    def _fresh_cid(self) -> int:
        self._next_cid += 1
        return self._next_cid

    def _put(self, frame: bytes) -> None:
        self._outgoing.append(frame)
        self._something_to_send.set()

    async def _write(self, socket: trio_websocket.WebSocketConnection) -> None:
        while True:
            await self._something_to_send.wait()
            self._something_to_send = trio.Event()
            while self._outgoing:
                await socket.send_message(self._outgoing.popleft().decode())

    async def _read(self, socket: trio_websocket.WebSocketConnection) -> None:
        while True:
            frame = await socket.get_message()
            if self.connected:
                self.heard_ms = self.clock()
            self.take_frame(frame)

    def take_frame(self, frame: str | bytes) -> None:
        try:
            messages = decode(frame)
            self._take(messages if isinstance(messages, list) else [messages])
        except msgspec.MsgspecError as trouble:
            raise LineError(f"not understood: {trouble}") from trouble

    def _take(self, messages: list[Message]) -> None:
        """All events of one journal id come in one frame, so what is done here is done for whole ids."""
        events: list[EventMessage] = []
        for message in messages:
            match message:
                case Result():
                    self._result(message)
                case Part(cid=cid, data=part):
                    self._parts.setdefault(cid, []).extend(part.orders)
                case PrivateEvent():
                    events.append(message)
                case Heartbeat(seq=seq):
                    if self.kafka is None and not self._sequencer.waiting:
                        self.delivered = max(self.delivered, seq)
                case Hello(seq=seq, limits=limits):
                    self._look_back(seq)
                    self.in_flight_max = min(self.in_flight_max, limits.max_in_flight)
                case Problem():
                    raise LineError(f"{message.message} (code {message.code})")
        if events:
            self._events(self._sequencer.take(events, self.clock()))

    def _events(self, ready: list[EventMessage]) -> None:
        for seq, group in groupby(ready, key=lambda message: message.seq):
            self._look_back(seq)
            by_market: dict[str, list[Event]] = {}
            for message in group:
                event = message.data
                # A replay also brings other people's orders, and Kafka their groups, too.
                if is_for_us(event):
                    by_market.setdefault(event.market_id, []).append(event)
            for market_id, events in by_market.items():
                self.observed.events.update((market_id, type(event).__name__) for event in events)
                self.markets.frame(market_id, Frame(seq, tuple(events)))
            self.delivered = max(self.delivered, seq)

    def _take_from_kafka(self, events: list[EventMessage], reached: int) -> None:
        self._events(events)
        self.delivered = max(self.delivered, reached)

    def _look_back(self, seq: int) -> None:
        """Check that the journal has not gone back: it would have lost what we were told, or be another."""
        if seq < self.delivered:
            self.markets.stepped_back(self.delivered, seq)
            self.delivered = seq

    def _result(self, result: Result) -> None:
        if (take := self._asked.pop(result.cid, None)) is not None:
            take(result)
            return
        flying = self._flying.pop(result.cid, None)
        if flying is None:
            return
        outcome = "ok" if result.ok else str(result.code)
        self.observed.commands[flying.market_id, flying.op, outcome] += 1
        self.observed.latency(flying.market_id, flying.op, (trio.current_time() - flying.sent_at) * 1_000)
        kind = SUCCESS_DATA[flying.op] if result.ok else REFUSAL_DATA.get(result.code)
        data = None if kind is None else msgspec.json.decode(result.data, type=kind)
        if (orders := self._parts.pop(result.cid, None)) is not None and isinstance(data, Synced):
            data = msgspec.structs.replace(data, orders=orders + data.orders)
        self.markets.answer(flying.market_id, Answer(flying.ref, result.code, result.seq, data))


def is_for_us(event: Event) -> bool:
    match event:
        case OrderStatusChanged(order=order):
            return order.user_id == AMM_USER_ID
        case OrderGroupChanged(group=group):
            return group.user_id == AMM_USER_ID
        case _:
            return True


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for inner in group.exceptions:
        if isinstance(inner, BaseExceptionGroup):
            yield from _leaves(inner)
        else:
            yield inner


def _told(end: BaseException) -> str:
    match end:
        case trio_websocket.ConnectionRejected(status_code=status):
            return f"the exchange refused the connection with HTTP {status}"
        case trio_websocket.ConnectionClosed(reason=reason):
            code = getattr(reason, "code", None)
            return f"the exchange closed the connection (code {code})"
        case _:
            return str(end) or type(end).__name__
