"""Refusals as HTTP on a bare socket, where no framework answers."""

import contextlib
from http import HTTPStatus
from typing import Final

import attrs
import trio

from adapters.runtime.clock import Clock
from adapters.wire import render
from adapters.wire.envelope import Envelope, encode, fresh_request_id
from adapters.wire.status import RefusedError

SECONDS: Final = 5.0
"""Within these a client has to take a refusal."""


@attrs.frozen
class RefusalResponse:
    """A refusal as HTTP says it."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    request_id: str


def refusal_response(refusal: RefusedError, status: int, clock: Clock) -> RefusalResponse:
    """Make the response to a refusal, after which the connection is closed."""
    request_id = fresh_request_id()
    body = encode(Envelope(refusal.code, refusal.message, refusal.data, render.time(clock.now()), request_id))
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"x-request-id", request_id.encode()),
        (b"connection", b"close"),
    ]
    if status == HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b"Bearer"))
    elif status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
        headers.append((b"retry-after", b"1"))
    return RefusalResponse(status, headers, body, request_id)


async def send_refusal(stream: trio.SocketStream, refusal: RefusedError, clock: Clock) -> None:
    """Send the refusal; closing the connection is left to the caller."""
    answer = refusal_response(refusal, refusal.status, clock)
    lines = [
        f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}".encode(),
        *(b"%b: %b" % header for header in answer.headers),
    ]
    with trio.move_on_after(SECONDS), contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        await stream.send_all(b"\r\n".join([*lines, b"", answer.body]))
