"""What is said on the link: its messages, as frames, and a line that carries them.

A frame is four bytes of length and a message in msgpack. Whoever speaks here may ask for anything in
anybody's name, so the socket is one that only its owner's processes reach.
"""

import os
import struct
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import attrs
import msgspec
import trio

from kernel.commands import AnyCommand

NAME: Final = "link"
"""Of the socket, in the data folder."""
FRAME_MAX: Final = 64 << 20
UNSENT_MAX: Final = 64 << 20
"""Bytes that may wait for one reader. They are forgotten with the line: what was missed, the database has."""
PATIENCE: Final = 5.0
"""Seconds for which a reader may take nothing."""
PIECE: Final = 1 << 18

_PEER = struct.Struct("3i")


class Hello(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """A follower says who it is. Each life of a process has a name of its own."""

    program: str
    gateway: str


class Asks(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """Somebody else than a follower wants to know, or wants the leader to step back."""

    hand_over: bool


class Forwarded(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """Commands for one market, to be decided back to back."""

    n: int
    correlation_id: str
    """No other that the gateway has under way has the same."""
    commands: list[AnyCommand]


class Presence(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """A user with a guard has come, or gone."""

    user_id: str
    is_here: bool


class Counted(msgspec.Struct, frozen=True, array_like=True, tag=5):
    """What was counted against rate limits since the last time, in a minute."""

    window: int
    counts: list[tuple[str, str, int]]


class Welcome(msgspec.Struct, frozen=True, array_like=True, tag=6):
    """Where the journal is: what comes behind that comes over the link."""

    head: int
    digest: bytes


class Result(msgspec.Struct, frozen=True, array_like=True):
    """The next of the commands that were sent together is decided, and durable.

    Whoever has the same state decides the same, so it need not say what.
    """

    n: int
    seen: int
    facts: int
    at: int
    """The time at which it was decided."""
    command: AnyCommand | None
    """What was decided in its place: the last portion of what was too much for one step."""


class Group(msgspec.Struct, frozen=True, array_like=True):
    """A transaction of the journal, on the disk."""

    last: int
    rows: bytes


class Told(msgspec.Struct, frozen=True, array_like=True, tag=7):
    """What has become durable: the results of the reader's own commands, and everybody's facts."""

    results: list[Result]
    group: Group | None


class ToldRaw(msgspec.Struct, frozen=True, array_like=True, tag=7):
    """The same, with a group that was encoded once for all readers."""

    results: list[Result]
    group: msgspec.Raw


class Refused(msgspec.Struct, frozen=True, array_like=True, tag=8):
    """Too much waits: nothing was decided."""

    n: int


class Beat(msgspec.Struct, frozen=True, array_like=True, tag=9):
    """Where the leader is, and how many seconds ago the database has confirmed that it leads."""

    head: int
    age: float


class Bye(msgspec.Struct, frozen=True, array_like=True, tag=10):
    """Nothing more is taken: what has no result is for the next leader. Or why nothing was."""

    why: str


class Node(msgspec.Struct, frozen=True, array_like=True):
    """A process, as `verdict nodes` shows it."""

    pid: int
    role: str
    head: int
    behind: int


class Nodes(msgspec.Struct, frozen=True, array_like=True, tag=11):
    """The answer to `Asks`: what is known of everybody, and why the leader does not step back."""

    nodes: list[Node]
    refusal: str


class Standing(msgspec.Struct, frozen=True, array_like=True, tag=12):
    """How far a follower is."""

    pid: int
    head: int


FromFollower = Hello | Asks | Forwarded | Presence | Counted | Standing
FromLeader = Welcome | Told | Refused | Beat | Bye | Counted | Nodes

read_from_follower: Final = msgspec.msgpack.Decoder(FromFollower).decode
read_from_leader: Final = msgspec.msgpack.Decoder(FromLeader).decode
encode: Final = msgspec.msgpack.Encoder().encode
NO_GROUP: Final = msgspec.Raw(encode(None))


class LinkError(Exception):
    """The other side does not keep to what is said here, or does not read."""


@attrs.define(eq=False)
class Line:
    """One side of a connection. What is sent waits here, and never for ever."""

    stream: trio.SocketStream
    _waiting: deque[bytes] = attrs.field(factory=deque, init=False)
    _unsent: int = attrs.field(default=0, init=False)
    _writing: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False)
    """Until more waits than may."""
    _wake: trio.Event = attrs.field(factory=trio.Event, init=False)
    _idle: trio.Event = attrs.field(factory=trio.Event, init=False)

    def send(self, message: msgspec.Struct) -> None:
        frame = encode(message)
        self._waiting.append(len(frame).to_bytes(4, "big"))
        self._waiting.append(frame)
        self._unsent += len(frame)
        self._wake.set()
        if self._unsent > UNSENT_MAX:
            self._writing.cancel()

    async def run(self) -> None:
        """Write what is sent, until cancelled; raises `LinkError` if the other side does not read."""
        with self._writing:
            while True:
                while not self._waiting:
                    self._idle.set()
                    self._wake = trio.Event()
                    await self._wake.wait()
                self._idle = trio.Event()
                waiting, self._waiting = self._waiting, deque()
                self._unsent = 0
                await self._write(memoryview(b"".join(waiting)))
        raise LinkError(f"more than {UNSENT_MAX >> 20} MiB wait for it")

    async def _write(self, data: memoryview) -> None:
        for start in range(0, len(data), PIECE):
            with trio.move_on_after(PATIENCE) as patience:
                await self.stream.send_all(data[start : start + PIECE])
            if patience.cancelled_caught:
                raise LinkError(f"it has read nothing for {PATIENCE:g} seconds")

    async def flushed(self) -> None:
        """Wait until all that was sent is written."""
        while self._waiting or not self._idle.is_set():
            await self._idle.wait()

    async def frames(self) -> AsyncIterator[bytes]:
        """What the other side says, until it hangs up."""
        received = bytearray()
        while True:
            while len(received) < 4 or len(received) < 4 + (size := int.from_bytes(received[:4], "big")):
                if len(received) >= 4 and size > FRAME_MAX:
                    raise LinkError("it sends a frame that is too long")
                piece = await self.stream.receive_some(PIECE)
                if not piece:
                    return
                received += piece
            frame = bytes(received[4 : 4 + size])
            del received[: 4 + size]
            yield frame


def short(folder: Path) -> tuple[int, str]:
    """An open folder, and the socket's path by it: however long the folder's own path is."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    return opened, f"/proc/self/fd/{opened}/{NAME}"


def is_ours(stream: trio.SocketStream) -> bool:
    """Whether the other side is a process of the user that we run as."""
    peer = stream.socket.getsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_PEERCRED, _PEER.size)
    _, user, _ = _PEER.unpack(peer)
    return bool(user == os.geteuid())


async def dialled(folder: Path) -> trio.SocketStream | None:
    """A connection to whoever leads with this data folder; None if nobody listens."""
    try:
        opened, path = short(folder)
    except OSError:
        return None
    try:
        stream = await trio.open_unix_socket(path)
    except OSError:
        return None
    finally:
        os.close(opened)
    if is_ours(stream):
        return stream
    await stream.aclose()
    return None
