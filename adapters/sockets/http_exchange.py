"""One HTTP request: reads its body, sends its answer. It knows sizes and times, nothing of what is asked.

The framework would run two tasks for every request, one of which only waits for the client to disconnect.
A command is decided whether its client waits or not, so here a request needs no task of its own. Only while
a bad body is being refused does a task read on.
"""

from collections.abc import Iterable
from typing import Final

import trio
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable
from quart import Response
from quart.wrappers import Request
from quart_trio.asgi import TrioASGIHTTPConnection

from adapters.wire.status import Fault, RefusedError
from kernel.codes import Code

BODY_MAX: Final = 64 * 1024
BODY_SECONDS: Final = 10.0
"""Within these the whole body must have arrived, which fits a few packets."""
BODY: Final = "verdict.body"
"""The key in the request's scope of the body, or of its refusal."""

Body = bytes | RefusedError


def body_of(request: Request) -> bytes:
    """The body of a request; raises its refusal if it was too large or too slow."""
    body: Body = request.scope[BODY]  # type: ignore[typeddict-item]  # a key of our own
    if isinstance(body, RefusedError):
        raise body
    return body


class HttpExchange(TrioASGIHTTPConnection):
    """Serves a request without a task of its own."""

    async def __call__(self, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        body: Body | None = None
        with trio.move_on_after(BODY_SECONDS) as waiting:
            body = await receive_body(receive, self.scope["headers"])
        if waiting.cancelled_caught:
            body = RefusedError(Code.MALFORMED, "The body was not sent in time")
        if body is None:
            return
        # A target like ?a=b has no path at all, which the framework does not expect.
        self.scope["path"] = self.scope["path"] or "/"
        self.scope[BODY] = body  # type: ignore[typeddict-unknown-key]  # a key of our own
        if isinstance(body, bytes):
            await self._answer(send)
            return
        async with trio.open_nursery() as nursery:
            nursery.start_soon(read_on, receive)
            # Without this header the client would reuse the connection for its next request.
            await self._answer(send, (b"connection", b"close"))
            nursery.cancel_scope.cancel()

    async def _answer(self, send: ASGISendCallable, *more: tuple[bytes, bytes]) -> None:
        response = await self.app.handle_request(self._create_request_from_scope(send))
        assert isinstance(response, Response)
        headers = [(name.lower().encode(), value.encode()) for name, value in response.headers]
        await send(
            {
                "type": "http.response.start",
                "status": response.status_code,
                "headers": [*headers, *more],
            }
        )
        body = await response.get_data(as_text=False)
        await send({"type": "http.response.body", "body": body, "more_body": False})


async def receive_body(receive: ASGIReceiveCallable, headers: Iterable[tuple[bytes, bytes]]) -> Body | None:
    """The body, its refusal, or None if the client has disconnected."""
    for name, value in headers:
        if name == b"content-length" and int(value) > BODY_MAX:
            return too_large()
    body = b""
    while True:
        event = await receive()
        if event["type"] != "http.request":
            return None
        body += event["body"]
        if len(body) > BODY_MAX:
            return too_large()
        if not event["more_body"]:
            return body


async def read_on(receive: ASGIReceiveCallable) -> None:
    """Read what a client still sends, so that the connection can be closed cleanly."""
    while (await receive())["type"] == "http.request":
        pass


def too_large() -> RefusedError:
    return RefusedError(Fault.BODY_TOO_LARGE, f"The body is larger than {BODY_MAX} bytes")
