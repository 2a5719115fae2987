"""Where connections come in: HTTP goes to hypercorn, whoever asks for a websocket is taken over from it.

The one module that knows hypercorn's insides, which the lock file pins. Its own way to serve websockets leads
through ASGI, which has no word for pongs, for many frames in one write, or for leaving behind a reader who
does not read; what the takeover gains is in docs/decisions/0090-websockets-on-the-socket.md.
"""

import contextlib
import math
import os
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol, cast

import h11
import structlog
import trio
from hypercorn.config import Config, Sockets
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol import ProtocolWrapper
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio.lifespan import Lifespan
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import AppWrapper, ConnectionState, Framework, LifespanState
from hypercorn.utils import parse_socket_addr, wrap_app

from adapters.runtime.clock import Clock
from adapters.sockets.connection_limits import ConnectionLimits
from adapters.sockets.framing import StrictConnection
from adapters.sockets.refusals import answer_to
from adapters.sockets.websocket import Upgrade

RECEIVE: Final = 65_536
READ_SECONDS: Final = 20.0
"""In which a client must take a piece of an answer."""

LINGER: Final = 2.0
"""Seconds in which a client may finish what it was sending when we hung up."""

LISTS: Final = {"sec-websocket-protocol", "x-forwarded-for"}
"""Headers that may come in pieces; of any other the last one counts, as it does for hypercorn."""

HttpPart = h11.Response | h11.InformationalResponse | h11.Data | h11.EndOfMessage

log = structlog.get_logger()


class Websockets(Protocol):
    """Who serves them."""

    async def serve(self, stream: trio.SocketStream, upgrade: Upgrade) -> None:
        """One websocket, from its request to its end."""

    async def drain(self) -> None:
        """No new work; return when everybody has been sent off."""


class UpgradeAsked(Exception):  # noqa: N818 - not an error: it carries a connection from one hand to another
    def __init__(self, upgrade: Upgrade) -> None:
        super().__init__(upgrade.target)
        self.upgrade = upgrade


class HttpUntilUpgrade(H11Protocol):
    """HTTP/1.1 as hypercorn speaks it, strictly, until somebody asks for a websocket."""

    def __init__(self, clock: Clock, *parts: Any) -> None:
        super().__init__(*parts)
        self.connection = StrictConnection()
        self._clock = clock
        self._unsent = b""
        """The beginning of an answer that is not whole yet."""

    async def _send_h11_event(self, event: HttpPart) -> None:
        """Send an answer in one piece: ours are whole when they begin."""
        try:
            self._unsent += self.connection.send(event)
        except h11.LocalProtocolError:
            if self.connection.their_state is not h11.ERROR:
                raise
        else:
            if not isinstance(event, (h11.Response, h11.Data)):
                whole, self._unsent = self._unsent, b""
                await self.send(RawData(data=whole))

    async def _send_error_response(self, status_code: int) -> None:
        """What no request could be read from is answered like any other, with hypercorn's status for it."""
        assert isinstance(self.connection, StrictConnection)
        answer = answer_to(self.connection.refusal(), status_code, self._clock)
        log.info("request", request_id=answer.request_id, status=status_code, why=self.connection.trouble)
        await self._send_h11_event(h11.Response(status_code=status_code, headers=answer.headers))
        await self._send_h11_event(h11.Data(data=answer.body))
        await self._send_h11_event(h11.EndOfMessage())

    async def _check_protocol(self, event: h11.Request) -> None:
        """Instead of hypercorn's own, which leaves HTTP/1.1 for whoever asks for HTTP/2: nobody serves that.

        Nor does the framework serve websockets, so whatever hypercorn would take for one is taken over: it
        strips what it reads, and its methods have no case.
        """
        headers: dict[str, str] = {}
        for raw_name, raw_value in event.headers:
            name, value = raw_name.decode("latin-1").strip().lower(), raw_value.decode("latin-1").strip()
            headers[name] = f"{headers[name]}, {value}" if name in LISTS and name in headers else value
        if (
            event.method.upper() == b"GET"
            and headers.get("upgrade", "").lower() == "websocket"
            and "upgrade" in headers.get("connection", "").lower()
        ):
            assert isinstance(self.connection, h11.Connection)
            target, trailing = event.target.decode("latin-1"), self.connection.trailing_data[0]
            peer = self.client[0] if self.client is not None else ""
            raise UpgradeAsked(Upgrade(target, headers, trailing, peer))


class HttpConnection(TCPServer):
    """One connection."""

    def __init__(
        self,
        app: AppWrapper,
        config: Config,
        context: WorkerContext,
        state: LifespanState,
        websockets: Websockets,
        clock: Clock,
        stream: trio.SocketStream,
    ) -> None:
        # Annotated for TLS only; it serves both.
        super().__init__(app, config, context, state, cast("trio.SSLStream[trio.SocketStream]", stream))
        self.websockets = websockets
        self.clock = clock
        self.has_ended = False
        """Whether the client will send nothing more. What is under way is answered all the same."""
        self.has_hung_up = False
        """Whether we send nothing more. What still comes is read and forgotten."""
        self._reading = trio.CancelScope()
        self.is_idle = True
        """Whether no request is under way."""
        self._idle = trio.CancelScope()

    async def run(self) -> None:
        socket = self.stream.socket
        try:
            client = parse_socket_addr(socket.family, socket.getpeername())
            server = parse_socket_addr(socket.family, socket.getsockname())
            async with TaskGroup() as self._task_group:
                protocol = HttpUntilUpgrade(
                    self.clock,
                    self.app,
                    self.config,
                    self.context,
                    self._task_group,
                    ConnectionState(self.state.copy()),
                    False,
                    client,
                    server,
                    self.protocol_send,
                )
                # It has the one method by which the wrapper, which chooses a version of HTTP, is used.
                self.protocol = cast("ProtocolWrapper", protocol)
                self._task_group.spawn(self._end_idleness)
                upgrade = None
                try:
                    await self._read_data()
                except UpgradeAsked as asked:
                    upgrade = asked.upgrade
                # Not while that is handled: a log would tell of it, and its target may hold a token.
                if upgrade is not None:
                    await self.take_over(upgrade)
                # Hypercorn would keep the socket of everybody who has gone until its idle time is over.
                self.has_ended = True
                self._idle.cancel()
        except* OSError:
            pass  # gone already
        except* Exception:
            # A fault of one connection must not be the end of everybody's.
            log.exception("a connection failed")
        finally:
            # Each of the two keeps the other: a cycle that has lived long is one that nobody finds.
            vars(self).pop("protocol", None)
            await self._close()

    async def _read_data(self) -> None:
        data: bytes | bytearray | None = None
        with self._reading:
            while data != b"":
                try:
                    data = await self.stream.receive_some(RECEIVE)
                except (trio.ClosedResourceError, trio.BrokenResourceError):
                    break
                if not self.has_hung_up:
                    await self.protocol.handle(RawData(bytes(data)))
        await self.protocol.handle(Closed())

    async def protocol_send(self, event: Event) -> None:
        match event:
            case RawData(data=data):
                await self._write(data)
            case Updated(idle=idle):
                self.is_idle = idle
                self._idle.deadline = self._end_of_idleness()
            case _:
                await self._hang_up()

    async def _hang_up(self) -> None:
        """Say that nothing more comes, and let them finish: what is not read when a socket is closed has the
        system take back the answer that is still on its way."""
        self.has_hung_up = True
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError, trio.BusyResourceError):
            await self.stream.send_eof()
        self._reading.deadline = trio.current_time() + LINGER
        await self.protocol.handle(Closed())

    async def _write(self, data: bytes) -> None:
        """Write an answer, for as long as somebody reads it.

        Hypercorn's own write cannot be cancelled: one client that does not read would hold up the end of the
        whole server.
        """
        if not self.send_lock.locked():
            # Straight to the system, which mostly takes it; what it does not take, or why, is seen below.
            with contextlib.suppress(OSError):
                data = data[os.write(self.stream.socket.fileno(), data) :]
        if not data:
            return
        async with self.send_lock:
            try:
                with trio.fail_after(READ_SECONDS):
                    await self.stream.send_all(data)
            except (
                trio.BrokenResourceError,
                trio.BusyResourceError,  # hung up in this very moment: the rest of the body was nonsense
                trio.ClosedResourceError,
                trio.TooSlowError,
            ):
                await trio.aclose_forcefully(self.stream)
                await self.protocol.handle(Closed())

    async def _end_idleness(self) -> None:
        """Hang up on who asks nothing for too long, or when the server ends.

        Hypercorn starts a task for this behind each answer, and ends it with the next request.
        """
        terminated = self.context.terminated
        while not self.has_ended and not terminated.is_set():
            with trio.CancelScope(deadline=self._end_of_idleness()) as self._idle:
                await terminated.wait()
            if self.is_idle:
                with trio.CancelScope(shield=True):
                    await self._initiate_server_close()
                return

    def _end_of_idleness(self) -> float:
        return trio.current_time() + self.config.keep_alive_timeout if self.is_idle else math.inf

    async def take_over(self, upgrade: Upgrade) -> None:
        try:
            await self.websockets.serve(cast(trio.SocketStream, self.stream), upgrade)
        except Exception:
            # A fault of one conversation; the exchange, and everybody else's, are as they were.
            log.exception("a websocket failed", path=upgrade.path)


async def serve(
    app: Framework,
    config: Config,
    websockets: Websockets,
    *,
    sockets: Sockets,
    limits: ConnectionLimits,
    shutdown_trigger: Callable[[], Awaitable[object]],
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve HTTP and websockets on listening sockets until `shutdown_trigger` returns, then end in peace.

    Everybody has `config.graceful_timeout` seconds to be finished.
    """
    wrapped = wrap_app(app, config.wsgi_max_body_size, "asgi")
    state: LifespanState = {}
    lifespan = Lifespan(wrapped, config, state)
    context = WorkerContext(None)

    async def serve_connection(stream: trio.SocketStream) -> None:
        await HttpConnection(wrapped, config, context, state, websockets, limits.clock, stream).run()

    async def serve_if_allowed(stream: trio.SocketStream) -> None:
        await limits.serve(stream, serve_connection)

    async with trio.open_nursery() as lifespan_nursery:
        await lifespan_nursery.start(lifespan.handle_lifespan)
        await lifespan.wait_for_startup()
        async with trio.open_nursery() as connections:
            async with trio.open_nursery() as accepting:
                accepting.start_soon(_accept, serve_if_allowed, sockets, connections)
                task_status.started()
                await shutdown_trigger()
                accepting.cancel_scope.cancel()
            connections.cancel_scope.deadline = trio.current_time() + config.graceful_timeout
            await context.terminated.set()
            await websockets.drain()
        await lifespan.wait_for_shutdown()
        lifespan_nursery.cancel_scope.cancel()


async def _accept(
    serve_connection: Callable[[trio.SocketStream], Awaitable[None]],
    sockets: Sockets,
    connections: trio.Nursery,
) -> None:
    """Accept connections. When this ends nobody listens any more, but the connections go on."""
    await trio.serve_listeners(serve_connection, listeners_on(sockets), handler_nursery=connections)


def listeners_on(sockets: Sockets) -> list[trio.SocketListener]:
    return [trio.SocketListener(trio.socket.from_stdlib_socket(each)) for each in sockets.insecure_sockets]
