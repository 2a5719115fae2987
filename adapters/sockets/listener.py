"""Accepts connections: hypercorn serves HTTP, and websockets are taken over from it.

This is the one module that depends on hypercorn's internals; the lock file pins the version. Hypercorn serves
websockets through ASGI, which has no notion of pongs, of many frames in one write, or of dropping a client
that does not read; what taking them over gains is in docs/decisions/0090-websockets-on-the-socket.md.
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
from adapters.sockets.refusals import refusal_response
from adapters.sockets.websocket import Upgrade

RECEIVE: Final = 65_536
READ_SECONDS: Final = 20.0
"""Within these a client must take a piece of an answer."""

LINGER: Final = 2.0
"""Seconds in which a client may finish sending after the server has closed its side."""

LISTS: Final = {"sec-websocket-protocol", "x-forwarded-for"}
"""Headers that may occur repeatedly; of any other the last one counts, as it does in hypercorn."""

HttpPart = h11.Response | h11.InformationalResponse | h11.Data | h11.EndOfMessage

log = structlog.get_logger()


class Websockets(Protocol):
    """What serves websockets."""

    async def serve(self, stream: trio.SocketStream, upgrade: Upgrade) -> None:
        """One websocket, from its request to its end."""

    async def drain(self) -> None:
        """Accept nothing new; return when every websocket is being closed."""


class UpgradeRequested(Exception):  # noqa: N818 - not an error: it hands a connection over
    def __init__(self, upgrade: Upgrade) -> None:
        super().__init__(upgrade.target)
        self.upgrade = upgrade


class HttpUntilUpgrade(H11Protocol):
    """Hypercorn's HTTP/1.1, made strict, until the client asks for a websocket."""

    def __init__(self, clock: Clock, *parts: Any) -> None:
        super().__init__(*parts)
        self.connection = StrictConnection()
        self._clock = clock
        self._unsent = b""
        """The beginning of an answer that is not complete yet."""

    async def _send_h11_event(self, event: HttpPart) -> None:
        """Send an answer in one piece: all of it is known when it begins."""
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
        """Answer an unreadable request in the usual envelope, with hypercorn's status for it."""
        assert isinstance(self.connection, StrictConnection)
        answer = refusal_response(self.connection.refusal(), status_code, self._clock)
        log.info("request", request_id=answer.request_id, status=status_code, why=self.connection.trouble)
        await self._send_h11_event(h11.Response(status_code=status_code, headers=answer.headers))
        await self._send_h11_event(h11.Data(data=answer.body))
        await self._send_h11_event(h11.EndOfMessage())

    async def _check_protocol(self, event: h11.Request) -> None:
        """Find requests for websockets by hypercorn's own rules, which strip headers and ignore case.

        Hypercorn's version would also switch to HTTP/2 on request, which nothing here serves.
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
            raise UpgradeRequested(Upgrade(target, headers, trailing, peer))


class HttpConnection(TCPServer):
    """One connection of a client."""

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
        """Whether the client will send nothing more. Requests under way are still answered."""
        self.has_hung_up = False
        """Whether the server will send nothing more. What still arrives is read and dropped."""
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
                except UpgradeRequested as request:
                    upgrade = request.upgrade
                # Not inside `except`: a traceback there would show the target, which may hold a token.
                if upgrade is not None:
                    await self.take_over(upgrade)
                # Otherwise the socket of a client that has gone would stay open until it counts as idle.
                self.has_ended = True
                self._idle.cancel()
        except* OSError:
            pass  # disconnected already
        except* Exception:
            # An error in one connection must not end the others.
            log.exception("a connection failed")
        finally:
            # They refer to each other, and nobody collects cycles of objects that have lived long.
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
        """Close the server's side and let the client finish sending.

        If a socket is closed with bytes unread, the system drops the answer that is still on its way.
        """
        self.has_hung_up = True
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError, trio.BusyResourceError):
            await self.stream.send_eof()
        self._reading.deadline = trio.current_time() + LINGER
        await self.protocol.handle(Closed())

    async def _write(self, data: bytes) -> None:
        """Write an answer; disconnect a client that does not read it.

        Hypercorn's own write cannot be cancelled, so one such client would delay the end of the whole server.
        """
        if not self.send_lock.locked():
            # Straight to the system, which mostly takes all of it; the rest, and errors, are handled below.
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
                trio.BusyResourceError,  # closed at this very moment: the rest of the body was malformed
                trio.ClosedResourceError,
                trio.TooSlowError,
            ):
                await trio.aclose_forcefully(self.stream)
                await self.protocol.handle(Closed())

    async def _end_idleness(self) -> None:
        """Close the connection if it is idle for too long, or when the server stops.

        One task for the whole connection; hypercorn starts one after each answer.
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
            # An error in one websocket; the exchange and all others go on.
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
    """Serve HTTP and websockets until `shutdown_trigger` returns; then let connections finish.

    They have `config.graceful_timeout` seconds for that.
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
