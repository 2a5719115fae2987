"""The server's side of one websocket: whole messages in, frames out, and bounded memory.

It knows the protocol, the socket, and when a client is too slow or silent; nothing of the messages. It works
on the socket itself, because ASGI writes frame by frame, hides pongs, and cannot drop a client that does not
read.
"""

import contextlib
import math
import os
import struct
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final

import attrs
import trio
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage
from wsproto.utilities import LocalProtocolError, generate_accept_token

FRAME_MAX: Final = 1_048_576
"""Bytes of one message from a client, unless `SocketRules` allow less."""
MESSAGE_SECONDS: Final = 10.0
"""Within these a message must be complete once it has begun."""
RECEIVE: Final = 65_536
CHUNK: Final = 262_144
"""Bytes written at once: many frames, so that a busy connection costs few system calls."""
PING_EVERY: Final = 20.0
SILENCE_MAX: Final = 60.0
CLOSING: Final = 5.0
"""Seconds that a close may take: to send what is under way, and to receive the client's close frame."""
EVENTS_A_TURN: Final = 256
"""Frames handled before other tasks get a turn: many tiny ones must not hold up the exchange."""
EVENTS_AFTER_CLOSE: Final = 256
"""Frames that are searched for the client's close frame; any later ones are ignored."""

NORMAL, GOING_AWAY = 1000, 1001
NOT_UTF8 = 1007
UNDECODABLE, BAD_TOKEN, SILENT, TOO_LARGE, SLOW = 4400, 4401, 4408, 4413, 4429

TEXT, BINARY = 0x81, 0x82


def frame(opcode: int, payload: bytes) -> bytes:
    """A whole message as one frame, unmasked as a server sends it."""
    size = len(payload)
    if size < 126:
        return bytes((opcode, size)) + payload
    if size < 65_536:
        return struct.pack("!BBH", opcode, 126, size) + payload
    return struct.pack("!BBQ", opcode, 127, size) + payload


class NotUtf8Error(Exception):
    """A text frame that is not UTF-8."""


@attrs.frozen
class Upgrade:
    """An HTTP request for a websocket."""

    target: str
    """Path and query."""
    headers: dict[str, str]
    trailing: bytes
    """Bytes that arrived right after the request."""
    peer: str
    """The address at the other end of the connection."""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def is_valid(self) -> bool:
        return self.headers.get("sec-websocket-version") == "13" and "sec-websocket-key" in self.headers

    @property
    def protocols(self) -> list[str]:
        return [name.strip() for name in self.headers.get("sec-websocket-protocol", "").split(",")]

    def accepted(self, protocol: str | None) -> bytes:
        """The answer that opens the websocket. Without extensions one frame can be sent to many readers."""
        token = generate_accept_token(self.headers["sec-websocket-key"].encode("latin-1")).decode()
        lines = [
            "HTTP/1.1 101 Switching Protocols",
            "upgrade: websocket",
            "connection: Upgrade",
            f"sec-websocket-accept: {token}",
        ]
        if protocol is not None:
            lines.append(f"sec-websocket-protocol: {protocol}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


@attrs.frozen(kw_only=True)
class SocketRules:
    """What one kind of websocket requires of its clients."""

    silent_code: int
    """The close code for a client that was silent for `SILENCE_MAX`."""
    only_pongs_count: bool
    """Whether only pongs count as a sign of life."""
    waiting_max: float = math.inf
    """Bytes that may wait for a client to read."""
    unread_seconds_max: float = math.inf
    """Seconds that bytes may wait for a client to read."""
    frame_max: int = FRAME_MAX
    """Bytes of one message."""


class WebSocket:
    """An open websocket."""

    def __init__(self, stream: trio.SocketStream, rules: SocketRules, trailing: bytes = b"") -> None:
        self.rules = rules
        self.frame_max = rules.frame_max
        """Bytes of one message from now on."""
        self.waiting = 0
        """Bytes that the operating system has not taken yet."""
        self._heard_at = self._ponged_at = trio.current_time()
        self.closed_with: int | None = None
        """The code with which this side has closed, if it has."""
        self.when_drained: Callable[[], None] | None = None
        """Called when nothing waits any more."""
        self._stream = stream
        self._protocol = Connection(ConnectionType.SERVER, trailing_data=trailing)
        self._events: Iterator[Event] = self._protocol.events()
        self._handled = 0
        self._partial = bytearray()
        """The beginning of a message that is not complete."""
        self._whole_by = math.inf
        """When it must be complete."""
        self._outgoing: deque[tuple[float, bytes]] = deque()
        self._is_cut = False
        """Whether what waits begins inside a frame, whose rest must be sent before anything else."""
        self._wake = trio.Event()
        self._reading = trio.CancelScope()
        self._sending = trio.CancelScope()
        self._written = trio.Event()
        self._drained = trio.Event()
        self._gone = False

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Write and keep alive while the body reads; then close, but do not wait long for the client."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write)
                nursery.start_soon(self._keep_alive)
                try:
                    yield
                finally:
                    self.close(NORMAL)
                    with trio.move_on_after(CLOSING, shield=True):
                        await self._wait_for_close()
                    nursery.cancel_scope.cancel()
        finally:
            await trio.aclose_forcefully(self._stream)

    # Sending

    @property
    def is_open(self) -> bool:
        return self.closed_with is None and not self._gone

    def send(self, encoded: bytes) -> None:
        """Have frames written as soon as the client takes them; this never waits."""
        if not self.is_open:
            return
        self._enqueue(encoded)
        if self.waiting > self.rules.waiting_max:
            self.close(SLOW, "too much waits to be read", drop=True)

    async def drained(self) -> None:
        """Wait until nothing waits to be written, or the websocket is closed."""
        while self.waiting and self.is_open:
            await self._drained.wait()

    def _enqueue(self, encoded: bytes) -> None:
        if not self.waiting:
            # Straight to the system, which mostly takes it: then no task need be woken.
            try:
                sent = os.write(self._stream.socket.fileno(), encoded)
            except BlockingIOError:
                sent = 0
            except OSError:
                self._set_gone()
                return
            if sent == len(encoded):
                return
            encoded = encoded[sent:]
            self._is_cut = sent > 0
        self._outgoing.append((trio.current_time(), encoded))
        self.waiting += len(encoded)
        self._wake.set()

    def close(self, code: int, reason: str = "", *, drop: bool = False) -> None:
        """Send a close frame, after what waits or instead of it; after that nothing is received or sent."""
        if self.closed_with is not None:
            return
        self.closed_with = code
        if drop:
            self._forget()
        with contextlib.suppress(LocalProtocolError):  # the client closed first
            self._enqueue(self._protocol.send(CloseConnection(code, reason or None)))
        self._sending.deadline = min(self._sending.deadline, trio.current_time() + CLOSING)
        self._reading.cancel()
        self._wake.set()
        self._release()

    def _forget(self) -> None:
        kept = [self._outgoing.popleft()] if self._is_cut else []
        self.waiting -= sum(len(encoded) for _, encoded in self._outgoing)
        self._outgoing = deque(kept)

    async def _write(self) -> None:
        """Write what waits, many frames at once, until the close frame is sent or the client is gone."""
        try:
            while not self._gone:
                if self._outgoing:
                    await self._write_chunk(*self._take())
                    if not self.waiting:
                        self._release()
                        if self.when_drained is not None:
                            self.when_drained()
                elif self.closed_with is not None:
                    return
                else:
                    self._wake = trio.Event()
                    await self._wake.wait()
        finally:
            self._written.set()

    async def _write_chunk(self, since: float, chunk: bytes) -> None:
        view = memoryview(chunk)
        while view and not self._gone:
            leaving = self.closed_with is not None
            limit = trio.current_time() + CLOSING if leaving else since + self.rules.unread_seconds_max
            with trio.move_on_at(limit) as self._sending:
                try:
                    sent = await self._stream.socket.send(view)
                except OSError:
                    self._set_gone()
                    return
                view = view[sent:]
                self.waiting -= sent
                continue
            if leaving:
                self._set_gone()
            else:
                # The frame under way is finished: cut short, it would corrupt the close frame after it.
                self.close(SLOW, "not read for too long", drop=True)

    def _take(self) -> tuple[float, bytes]:
        """Take what waits, up to a chunk; return since when it has waited, and the bytes."""
        since, first = self._outgoing.popleft()
        self._is_cut = False
        frames, size = [first], len(first)
        while self._outgoing and size < CHUNK:
            _, following = self._outgoing.popleft()
            frames.append(following)
            size += len(following)
        return since, b"".join(frames) if len(frames) > 1 else first

    def _set_gone(self) -> None:
        """The client has disconnected, or takes nothing any more."""
        self._gone = True
        self._reading.cancel()
        self._wake.set()
        self._release()

    def _release(self) -> None:
        """Wake those who wait in `drained`."""
        self._drained.set()
        self._drained = trio.Event()

    # Receiving

    async def receive(self) -> str | bytes | None:
        """The next complete message; None when there will be no more."""
        while self.is_open:
            for event in self._events:
                self._handled += 1
                if self._handled % EVENTS_A_TURN == 0:
                    await trio.lowlevel.checkpoint()
                message = self._handle(event)
                if message is not None or not self.is_open:
                    return message
                if trio.current_time() >= self._whole_by:
                    break
            if trio.current_time() >= self._whole_by:
                self.close(SILENT, f"a message was not whole within {MESSAGE_SECONDS:.0f} seconds")
            elif not await self._read():
                self._set_gone()
        return None

    async def _read(self) -> bool:
        """Read from the socket; False at its end."""
        with trio.CancelScope(deadline=self._whole_by) as self._reading:
            try:
                data = await self._stream.receive_some(RECEIVE)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return False
            if not data:
                return False
            self._heard_at = trio.current_time()
            self._protocol.receive_data(data)
            self._events = self._protocol.events()
        return True

    def _handle(self, event: Event) -> str | bytes | None:
        match event:
            case TextMessage() | BytesMessage():
                return self._add_part(event)
            case Ping():
                # A client that pings without reading gets no more pongs once a chunk waits for it.
                if self.waiting < CHUNK:
                    self._enqueue(self._protocol.send(event.response()))
            case Pong():
                self._ponged_at = trio.current_time()
            case CloseConnection() if self._protocol.state is ConnectionState.REMOTE_CLOSING:
                self._forget()
                self._enqueue(self._protocol.send(event.response()))
                self.closed_with = NORMAL
                self._wake.set()
                self._release()
            case CloseConnection(code=code) if code == NOT_UTF8:
                raise NotUtf8Error
            case CloseConnection(code=code, reason=reason):
                self.close(code, reason or "")
            case _:
                pass
        return None

    def _add_part(self, event: TextMessage | BytesMessage) -> str | bytes | None:
        """Add a part of a message; return the message if that completes it."""
        data: str | bytes = event.data if isinstance(event, TextMessage) else bytes(event.data)
        # Text never has fewer bytes than characters, so most need not be encoded to know.
        size = len(self._partial) + len(data)
        if size <= self.frame_max and isinstance(data, str) and not data.isascii():
            size = len(self._partial) + len(data.encode())
        if size > self.frame_max:
            self.close(TOO_LARGE, f"more than {self.frame_max} bytes")
            return None
        if not event.message_finished:
            self._partial += data.encode() if isinstance(data, str) else data
            self._whole_by = min(self._whole_by, trio.current_time() + MESSAGE_SECONDS)
            return None
        self._whole_by = math.inf
        if not self._partial:
            return data
        gathered, self._partial = self._partial, bytearray()
        return gathered.decode() + data if isinstance(data, str) else bytes(gathered) + data

    # Staying alive and closing

    async def _keep_alive(self) -> None:
        """Ping regularly; close when the client has been silent for too long."""
        while self.is_open:
            await trio.sleep(PING_EVERY)
            heard = self._ponged_at if self.rules.only_pongs_count else self._heard_at
            if trio.current_time() - heard >= SILENCE_MAX:
                self.close(self.rules.silent_code, "nothing heard", drop=True)
            elif self.closed_with is None:
                self._enqueue(self._protocol.send(Ping()))

    async def _wait_for_close(self) -> None:
        """Wait until the close frame is sent and answered: unread bytes would make the system drop it."""
        await self._written.wait()
        try:
            if self._protocol.state is not ConnectionState.CLOSED:
                await self._await_close_frame()
            while not self._gone and self._protocol.state is not ConnectionState.CLOSED:
                if not await self._stream.receive_some(RECEIVE):
                    return
        except (trio.BrokenResourceError, trio.ClosedResourceError, LocalProtocolError):
            return

    async def _await_close_frame(self) -> None:
        """Look for the client's close frame, giving other tasks a turn: many other frames may come first."""
        handled = 0
        while True:
            for event in self._protocol.events():
                handled += 1
                if isinstance(event, CloseConnection) or handled == EVENTS_AFTER_CLOSE:
                    return
                if handled % EVENTS_A_TURN == 0:
                    await trio.lowlevel.checkpoint()
            data = await self._stream.receive_some(RECEIVE)
            if not data:
                self._set_gone()
                return
            self._protocol.receive_data(data)
