"""Serves the metrics at an address of their own, for they are meant for the operator alone.

One request a connection, and one path. This module does not know what is measured.
"""

import contextlib
import hmac
from collections.abc import Awaitable, Callable
from typing import Final

import attrs
import h11
import structlog
import trio

from adapters.runtime.clock import Clock
from adapters.sockets.framing import StrictConnection
from adapters.sockets.refusals import refusal_response
from adapters.wire.status import Fault, RefusedError

PATH: Final = b"/metrics"
SECONDS: Final = 10.0
"""Within these a client must have sent its request and taken the answer."""
CONNECTIONS_MAX: Final = 16
"""A monitor or two need few. Any more are closed before they cost the exchange anything."""
RECEIVE: Final = 16_384
HEADERS: Final = [
    (b"content-type", b"text/plain; version=0.0.4; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"connection", b"close"),
]

log = structlog.get_logger(__name__)


@attrs.define
class MetricsServer:
    """Answers with the page, or with a refusal."""

    page: Callable[[], Awaitable[bytes]]
    token: str | None
    """The bearer token that a monitor must send; without one, anybody who reaches the address may read."""
    clock: Clock
    _connections: int = 0

    async def serve(self, stream: trio.SocketStream) -> None:
        """Serve one connection."""
        if self._connections >= CONNECTIONS_MAX:
            await trio.aclose_forcefully(stream)
            return
        self._connections += 1
        try:
            with trio.move_on_after(SECONDS), contextlib.suppress(trio.BrokenResourceError):
                await self._answer(stream)
        except Exception:
            # One connection failed; the exchange is as it was.
            log.exception("the metrics failed")
        finally:
            self._connections -= 1
            await trio.aclose_forcefully(stream)

    async def _answer(self, stream: trio.SocketStream) -> None:
        connection = StrictConnection()
        try:
            asked = await first_request(stream, connection)
        except h11.RemoteProtocolError as trouble:
            status = trouble.error_status_hint
            answer = refusal_response(connection.refusal(), status, self.clock)
            await send(stream, connection, status, answer.headers, answer.body)
            return
        if asked is None:
            return
        try:
            self._admit(asked)
        except RefusedError as refusal:
            answer = refusal_response(refusal, refusal.status, self.clock)
            await send(stream, connection, answer.status, answer.headers, answer.body)
        else:
            page = await self.page()
            await send(stream, connection, 200, [*HEADERS, (b"content-length", b"%d" % len(page))], page)

    def _admit(self, asked: h11.Request) -> None:
        if asked.method != b"GET" or asked.target.partition(b"?")[0] != PATH:
            raise RefusedError(Fault.NO_SUCH_PATH, "Nothing but GET /metrics is here")
        if self.token is None:
            return
        given = next((value for name, value in asked.headers if name == b"authorization"), b"")
        scheme, _, token = given.partition(b" ")
        if scheme.lower() != b"bearer" or not hmac.compare_digest(token, self.token.encode()):
            raise RefusedError(Fault.NOT_AUTHENTICATED, "Not authenticated: VERDICT_METRICS_TOKEN is needed")


async def first_request(stream: trio.SocketStream, connection: StrictConnection) -> h11.Request | None:
    """The first request; None if there is none. Whatever follows it is ignored."""
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Request):
            return event
        if event is not h11.NEED_DATA:
            return None
        connection.receive_data(await stream.receive_some(RECEIVE))


async def send(
    stream: trio.SocketStream,
    connection: StrictConnection,
    status: int,
    headers: list[tuple[bytes, bytes]],
    body: bytes,
) -> None:
    whole = [h11.Response(status_code=status, headers=headers), h11.Data(data=body), h11.EndOfMessage()]
    await stream.send_all(b"".join(connection.send(event) or b"" for event in whole))
    await stream.send_eof()
    # What is not read when a socket is closed has the system take back the answer that is on its way.
    while await stream.receive_some(RECEIVE):
        pass
