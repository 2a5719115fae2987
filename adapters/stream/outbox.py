"""Messages to one client, in order: results, parts and events, and the frames that carry them."""

from collections.abc import Callable
from typing import Any, Final

import trio

from adapters.service.decider import Decider
from adapters.sockets.websocket import WebSocket
from adapters.stream.answers import PendingResult
from adapters.stream.messages import Encoding, PrivateEvent, Result, ServerMessage, refused
from adapters.wire.status import SUCCESS, RefusedError

UNREAD_MAX: Final = 65_536
"""Bytes that may be unsent before a long answer is continued."""
FRAME_MESSAGES: Final = 256
"""Messages in one frame, at most; events of one fact stay together."""


class Outbox:
    """The outbox of one connection."""

    def __init__(
        self, socket: WebSocket, encoding: Encoding, actors: Decider, touch: Callable[[], None]
    ) -> None:
        self.encoding = encoding
        """The encoding of events and heartbeats; a result is encoded like its command."""
        self.last_written_at = trio.current_time()
        self._socket = socket
        self._actors = actors
        self._touch = touch
        """Called when a message is added that is not written yet."""
        self._items: list[tuple[Encoding, Any]] = []
        self._looked_up = trio.Event()

    @property
    def is_behind(self) -> bool:
        """Whether messages wait here, for a pending result or because the client does not read."""
        return bool(self._items) or self._socket.waiting > UNREAD_MAX

    def add(self, encoding: Encoding, message: ServerMessage | PendingResult) -> None:
        """Add a message, which the next `flush` writes."""
        self._items.append((encoding, message))
        self._touch()

    def add_events(self, events: list[PrivateEvent]) -> None:
        """Add the events of one fact, all of them to the same frame."""
        self._items.append((self.encoding, events))
        self._touch()

    def succeed(self, encoding: Encoding, cid: int, data: object) -> None:
        """Add the result of a message that the stream has answered itself."""
        self.add(encoding, Result(cid, True, 200, SUCCESS, self._actors.durable, data))

    def refuse(self, encoding: Encoding, cid: int, refusal: RefusedError) -> None:
        durable = self._actors.durable
        result = refused(cid, durable, refusal.code, refusal.status, refusal.message, refusal.data)
        self.add(encoding, result)

    def fill_in(self, pending: PendingResult, result: Result) -> None:
        """Complete a pending result, and write what it held back."""
        pending.result = result
        self.flush()
        self._looked_up.set()
        self._looked_up = trio.Event()

    def forget_connection(self) -> None:
        """Drop the reference to the connection, which is closed."""
        self._touch = nothing

    def flush(self) -> None:
        """Write all messages up to the first pending result, in as few frames as possible and in one go."""
        items, self._items = self._items, []
        frames: list[bytes] = []
        messages: list[ServerMessage] = []
        kind = self.encoding
        for position, (encoding, said) in enumerate(items):
            if type(said) is PendingResult:
                if said.result is None:
                    self._items = items[position:]
                    break
                said = said.result
            if messages and (encoding is not kind or len(messages) >= FRAME_MESSAGES):
                frames.append(kind.write(messages))
                messages = []
            kind = encoding
            if type(said) is list:
                messages += said
            else:
                messages.append(said)
        if messages:
            frames.append(kind.write(messages))
        if frames:
            self._socket.send(b"".join(frames))
            self.last_written_at = trio.current_time()

    async def wait_for_reader(self) -> None:
        """Wait until nearly everything is sent, and give other tasks a turn."""
        self.flush()
        await trio.lowlevel.checkpoint()
        while self._items and self._socket.is_open:
            await self._looked_up.wait()
        if self._socket.waiting > UNREAD_MAX:
            await self._socket.drained()  # the socket closes on clients that are too slow


def nothing() -> None:
    pass
