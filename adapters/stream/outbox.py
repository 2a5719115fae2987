"""What one connection is told: results, parts and events in their order, and the frames they go out in."""

from collections.abc import Callable
from typing import Any, Final

import trio

from adapters.sockets.websocket import WebSocket
from adapters.stream.answers import Later
from adapters.stream.messages import Encoding, PrivateEvent, Result, ServerMessage, refused
from adapters.wire.status import SUCCESS, RefusedError
from kernel.actors import Actors

AHEAD: Final = 65_536
"""Bytes that may wait for the reader when the next portion of much is read for it."""
FRAME_MESSAGES: Final = 256
"""Messages of one frame, from which on the next begins."""


class Outbox:
    """Of one connection."""

    def __init__(
        self, socket: WebSocket, encoding: Encoding, actors: Actors, touch: Callable[[], None]
    ) -> None:
        self.encoding = encoding
        """Of what nobody asked for; results come as their commands came."""
        self.said_at = trio.current_time()
        self._socket = socket
        self._actors = actors
        self._touch = touch
        """Called when something was said that is not written yet."""
        self._items: list[tuple[Encoding, Any]] = []
        self._looked_up = trio.Event()

    @property
    def is_behind(self) -> bool:
        """Whether something waits here: for what is looked up, or for the reader."""
        return bool(self._items) or self._socket.waiting > AHEAD

    def say(self, encoding: Encoding, message: ServerMessage | Later) -> None:
        """Append a message to what the next `flush` writes."""
        self._items.append((encoding, message))
        self._touch()

    def say_events(self, events: list[PrivateEvent]) -> None:
        """Append what one fact means, all of it for one frame."""
        self._items.append((self.encoding, events))
        self._touch()

    def done(self, encoding: Encoding, cid: int, data: object) -> None:
        """The result of what the adapter carried out by itself."""
        self.say(encoding, Result(cid, True, 200, SUCCESS, self._actors.durable, data))

    def refuse(self, encoding: Encoding, cid: int, refusal: RefusedError) -> None:
        durable = self._actors.durable
        result = refused(cid, durable, refusal.code, refusal.status, refusal.message, refusal.data)
        self.say(encoding, result)

    def fill_in(self, later: Later, result: Result) -> None:
        """What was held back by a result that had to be looked up can go out."""
        later.message = result
        self.flush()
        self._looked_up.set()
        self._looked_up = trio.Event()

    def forget_connection(self) -> None:
        """The connection is closed, so nobody need know any more of what is added."""
        self._touch = nothing

    def flush(self) -> None:
        """Write what was said, as few frames as its kinds allow, and all of them at once."""
        items, self._items = self._items, []
        frames: list[bytes] = []
        messages: list[ServerMessage] = []
        kind = self.encoding
        for position, (encoding, said) in enumerate(items):
            if type(said) is Later:
                if said.message is None:
                    self._items = items[position:]
                    break
                said = said.message
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
            self.said_at = trio.current_time()

    async def keep_pace(self) -> None:
        """Wait until what was said is with the reader, all but a little, and give others a turn."""
        self.flush()
        await trio.lowlevel.checkpoint()
        while self._items and self._socket.is_open:
            await self._looked_up.wait()
        if self._socket.waiting > AHEAD:
            await self._socket.drained()  # who is too slow for this little is sent off by the socket


def nothing() -> None:
    pass
