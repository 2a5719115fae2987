"""Stands between a client and PostgreSQL, reads along on the wire, and fails on cue.

It knows where the protocol's messages begin and end and what kind they are, so that a test can say "cut the
connection when the server says that it has committed" instead of hoping to hit the moment.
"""

import enum
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

import attrs
import trio

SOCKET: Final = ".s.PGSQL.5432"


class Sender(enum.Enum):
    CLIENT = "client"
    SERVER = "server"


class Fault(enum.Enum):
    CUT_BEFORE = "the message does not arrive; both ends see the connection closed"
    CUT_WITHIN = "half of the message arrives"
    CUT_AFTER = "the message arrives, and is the last"
    LOSE_CLIENT = "the message does not arrive; the client sees the end, the server sees nothing"
    SILENCE = "the message does not arrive, nor any other; neither end sees anything"


@attrs.frozen
class Message:
    sender: Sender
    kind: bytes
    """The letter that the protocol has for it; empty for the first message of a connection."""
    raw: bytes


Cue = Callable[[Message], Fault | None]


@attrs.define(eq=False)
class Link:
    """One connection, with its two ends."""

    client: trio.abc.Stream
    server: trio.abc.Stream
    held: trio.Event = attrs.field(factory=trio.Event)
    """Set when nothing is passed on any more."""


@attrs.define(eq=False)
class Proxy:
    url: str
    """What a client connects to instead of the server."""
    cue: Cue | None = None
    """Asked about every message; it is forgotten after the first fault."""
    faults: int = 0
    links: set[Link] = attrs.field(factory=set)
    is_open: bool = True
    """Whether new connections get through."""
    is_silent: bool = False
    """Whether nothing is passed on any more, on any connection; neither end sees anything."""

    async def cut_all(self) -> None:
        for link in list(self.links):
            await trio.aclose_forcefully(link.client)
            await trio.aclose_forcefully(link.server)

    def judge(self, message: Message) -> Fault | None:
        if self.cue is None or (fault := self.cue(message)) is None:
            return None
        self.cue = None
        self.faults += 1
        return fault


@asynccontextmanager
async def proxied(url: str, folder: Path) -> AsyncIterator[Proxy]:
    """A proxy to the PostgreSQL at `url`, on a unix socket in `folder`."""
    parts = urlsplit(url)
    options = "&".join(f"{key}={value[0]}" for key, value in parse_qs(parts.query).items() if key != "host")
    login, _, _ = parts.netloc.rpartition("@")
    proxy = Proxy(
        f"{parts.scheme}://{login + '@' if login else ''}{parts.path}?{options}&host={folder}".replace(
            "?&", "?"
        )
    )

    async def connect() -> trio.abc.Stream:
        host = parse_qs(parts.query).get("host", [parts.hostname or "127.0.0.1"])[0]
        if host.startswith("/"):
            return await trio.open_unix_socket(f"{host}/{SOCKET}")
        return await trio.open_tcp_stream(host, parts.port or 5432)

    async def accept(client: trio.SocketStream) -> None:
        if not proxy.is_open:
            await client.aclose()
            return
        try:
            link = Link(client, await connect())
        except OSError:
            await client.aclose()
            return
        proxy.links.add(link)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_pump, proxy, link, Sender.CLIENT)
                nursery.start_soon(_pump, proxy, link, Sender.SERVER)
        finally:
            proxy.links.discard(link)
            with trio.CancelScope(shield=True):
                await trio.aclose_forcefully(link.client)
                await trio.aclose_forcefully(link.server)

    listening = trio.socket.socket(trio.socket.AF_UNIX)
    await listening.bind(str(folder / SOCKET))
    listening.listen(16)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, accept, [trio.SocketListener(listening)])
        yield proxy
        nursery.cancel_scope.cancel()


async def _pump(proxy: Proxy, link: Link, sender: Sender) -> None:
    """Pass on one direction, message by message, until an end closes or a fault says otherwise."""
    source, sink = (link.client, link.server) if sender is Sender.CLIENT else (link.server, link.client)
    with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        async for message in _messages(source, sender):
            if proxy.is_silent:
                link.held.set()
            if link.held.is_set():
                continue
            fault = proxy.judge(message)
            match fault:
                case None | Fault.CUT_AFTER:
                    await sink.send_all(message.raw)
                case Fault.CUT_WITHIN:
                    await sink.send_all(message.raw[: len(message.raw) // 2])
                case Fault.LOSE_CLIENT:
                    link.held.set()
                    await trio.aclose_forcefully(link.client)
                    await trio.sleep_forever()  # holds the server's end open
                case Fault.SILENCE:
                    link.held.set()
                case Fault.CUT_BEFORE:
                    pass
            if fault in (Fault.CUT_AFTER, Fault.CUT_WITHIN, Fault.CUT_BEFORE):
                break
    if not link.held.is_set():
        await trio.aclose_forcefully(link.client)
        await trio.aclose_forcefully(link.server)


async def _messages(source: trio.abc.Stream, sender: Sender) -> AsyncIterator[Message]:
    """What arrives, cut into the protocol's messages; the first of a client has no letter."""
    waiting, letter = b"", 0 if sender is Sender.CLIENT else 1
    async for data in source:
        waiting += data
        while len(waiting) >= letter + 4:
            size = letter + int.from_bytes(waiting[letter : letter + 4])
            if len(waiting) < size:
                break
            yield Message(sender, waiting[:letter], waiting[:size])
            waiting, letter = waiting[size:], 1
