"""The worker's line to the exchange: requests out, answers and hints in, across connections that break.

Whoever asks waits for the answer, or learns that it is lost. What either means is no business of the line.
"""

import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final, TypeAlias, TypeVar

import attrs
import msgspec
import structlog
import trio
import trio_websocket

from amm.brain.arithmetic import Ms
from amm.live.backoff import Backoff
from amm.live.credentials import Credentials
from makers.live.wire import (
    Authenticate,
    Heartbeat,
    Hello,
    Hint,
    Message,
    Ping,
    Problem,
    Request,
    Result,
    ServerTime,
    Subscribe,
    Told,
    decode,
)

log = structlog.get_logger(__name__)

T = TypeVar("T")

PING_EVERY: Final = 1.0
"""Seconds. Its answer shows that the exchange is alive, and what its clock says."""
SILENCE_MAX: Final = 5.0
"""Seconds without an answer to it, after which the line is taken for dead."""
FRAME_BYTES_MAX: Final = 16 * 1024 * 1024
BATCH_MAX: Final = 256
CLOSE_SECONDS: Final = 1.0


Connect: TypeAlias = Callable[[trio.Nursery], Awaitable[trio_websocket.WebSocketConnection]]
"""Opens a connection whose tasks live in the nursery."""


def to(url: str, credentials: Credentials) -> Connect:
    """The command stream of an exchange, with the token that is valid when it is opened."""
    address = f"{url.replace('http', 'ws', 1).rstrip('/')}/ws/v1/commands"
    tls = ssl.create_default_context() if address.startswith("wss") else None

    async def connect(nursery: trio.Nursery) -> trio_websocket.WebSocketConnection:
        return await trio_websocket.connect_websocket_url(
            nursery,
            address,
            tls,
            extra_headers=credentials.handshake,
            message_queue_size=64,
            max_message_size=FRAME_BYTES_MAX,
        )

    return connect


class LostError(Exception):
    """The connection went down before the answer came: what was asked may or may not have happened."""


class LineError(Exception):
    """This connection cannot be used any more."""


ENDS = (
    LineError,
    LostError,
    trio.TooSlowError,
    trio_websocket.ConnectionClosed,
    trio_websocket.HandshakeError,
    OSError,
)
"""How a connection may end without anything being wrong with this program."""


@attrs.define(eq=False)
class Asked:
    """A batch that waits for its answers."""

    missing: int
    results: dict[int, Result] = attrs.field(factory=dict)
    is_lost: bool = False
    is_done: trio.Event = attrs.field(factory=trio.Event)


@attrs.define(eq=False)
class Line:
    connect: Connect
    credentials: Credentials
    on_hint: Callable[[Hint], None] = lambda _hint: None
    reconnects: int = 0
    ahead: float = 0.0
    """By how many seconds the exchange's clock is ahead of trio's."""
    up: trio.Event = attrs.field(factory=trio.Event)
    _was_up: bool = False
    _scope: trio.CancelScope | None = None
    _asked: dict[int, Asked] = attrs.field(factory=dict)
    _outgoing: deque[bytes] = attrs.field(factory=deque)
    _something_to_send: trio.Event = attrs.field(factory=trio.Event)
    _next_cid: int = 1

    # What the worker uses.

    async def ask(self, requests: Sequence[Request]) -> list[Result]:
        """Send requests as one batch, and wait for all answers. Raise LostError if they do not come."""
        if not self.up.is_set():
            raise LostError
        return await self._ask(requests)

    async def ask_for(self, request: Request, kind: type[T]) -> T:
        """The same for one request that is not meant to be refused. A refusal ends the line."""
        (result,) = await self.ask([request])
        return self._accepted(result, kind)

    def at(self, moment: Ms) -> float:
        """When that millisecond is over at the exchange, by trio's clock."""
        return (moment + 1) / 1_000 - self.ahead

    async def authenticate(self) -> None:
        """Let the open connection outlive the token that it was made with."""
        if self.up.is_set():
            (result,) = await self.ask([Authenticate(self.credentials.token)])
            if not result.ok and self._scope is not None:
                self._scope.cancel()

    # Keeping a connection.

    async def run(self) -> None:
        """Connect, and connect again, until cancelled."""
        backoff = Backoff()
        while True:
            why = "it was closed"
            try:
                await self._connection(backoff)
            except* ENDS as ends:
                why = "; ".join(dict.fromkeys(_told(end) for end in _leaves(ends)))
            self._ended(why)
            await trio.sleep(backoff.next())

    async def _connection(self, backoff: Backoff) -> None:
        async with trio.open_nursery() as nursery:
            self._scope = nursery.cancel_scope
            with trio.fail_after(SILENCE_MAX):
                socket = await self.connect(nursery)
            try:
                nursery.start_soon(self._read, socket)
                nursery.start_soon(self._write, socket)
                await self._open()
                backoff.reset()
                while True:
                    await self._ping()
                    await trio.sleep(PING_EVERY)
            finally:
                with trio.move_on_after(CLOSE_SECONDS, shield=True):
                    await socket.aclose()

    async def _open(self) -> None:
        await self._ping()
        with trio.fail_after(SILENCE_MAX):
            (result,) = await self._ask([Subscribe()])
        self._accepted(result, msgspec.Raw)
        self.reconnects += self._was_up
        self._was_up = True
        self.up.set()

    def _ended(self, why: str) -> None:
        was_up, self.up = self.up.is_set(), trio.Event()
        self._scope = None
        self._outgoing.clear()
        waiting, self._asked = self._asked, {}
        for asked in waiting.values():
            asked.is_lost = True
            asked.is_done.set()
        if was_up:
            log.warning("the line to the exchange is down", why=why)
        else:
            log.info("no line to the exchange", why=why)

    async def _ping(self) -> None:
        begun = trio.current_time()
        with trio.fail_after(SILENCE_MAX):
            (result,) = await self._ask([Ping()])
        answered = trio.current_time()
        there = self._accepted(result, ServerTime).server_time_ms / 1_000
        self.ahead = there - (begun + answered) / 2

    def _accepted(self, result: Result, kind: type[T]) -> T:
        if not result.ok:
            raise LineError(f"{result.message} (code {result.code})")
        return msgspec.json.decode(result.data, type=kind)

    # Frames.

    async def _ask(self, requests: Sequence[Request]) -> list[Result]:
        asked, cids, frames = Asked(len(requests)), [], []
        for request in requests:
            self._next_cid += 1
            cids.append(self._next_cid)
            self._asked[self._next_cid] = asked
            # The cid goes in front of what the request says of itself.
            said = msgspec.json.encode(request)
            frames.append(b'{"cid":%d,' % self._next_cid + said[1:])
        for start in range(0, len(frames), BATCH_MAX):
            self._outgoing.append(b"[" + b",".join(frames[start : start + BATCH_MAX]) + b"]")
        self._something_to_send.set()
        try:
            await asked.is_done.wait()
        finally:
            for cid in cids:
                self._asked.pop(cid, None)
        if asked.is_lost:
            raise LostError
        return [asked.results[cid] for cid in cids]

    async def _write(self, socket: trio_websocket.WebSocketConnection) -> None:
        while True:
            await self._something_to_send.wait()
            self._something_to_send = trio.Event()
            while self._outgoing:
                await socket.send_message(self._outgoing.popleft().decode())

    async def _read(self, socket: trio_websocket.WebSocketConnection) -> None:
        while True:
            frame = await socket.get_message()
            try:
                messages = decode(frame)
            except msgspec.MsgspecError as trouble:
                raise LineError(f"not understood: {trouble}") from trouble
            for message in messages if isinstance(messages, list) else [messages]:
                self._take(message)

    def _take(self, message: Message) -> None:
        match message:
            case Result(cid=cid):
                if (asked := self._asked.pop(cid, None)) is not None:
                    asked.results[cid] = message
                    asked.missing -= 1
                    if not asked.missing:
                        asked.is_done.set()
            case Told(data=hint):
                self.on_hint(hint)
            case Problem():
                raise LineError(f"{message.message} (code {message.code})")
            case Hello() | Heartbeat():
                pass


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
            return f"the exchange closed the connection (code {getattr(reason, 'code', None)})"
        case LostError():
            return "an answer was lost"
        case _:
            return str(end) or type(end).__name__
