"""Saying no as HTTP on a bare socket, where no framework answers."""

import contextlib
import secrets
from http import HTTPStatus
from typing import Final

import msgspec
import trio

from adapters import render
from adapters.clock import Clock
from adapters.status import AnyCode, RefusedError

SECONDS: Final = 5.0
"""In which a client has to take a no."""


class Envelope(msgspec.Struct, frozen=True):
    """As every answer of REST."""

    code: AnyCode
    message: str
    data: object
    timestamp: str
    request_id: str


async def decline(stream: trio.SocketStream, refusal: RefusedError, clock: Clock) -> None:
    """Answer with the refusal; what becomes of the connection is the caller's affair."""
    request_id = f"req_{secrets.token_hex(6)}"
    body = msgspec.json.encode(
        Envelope(refusal.code, refusal.message, refusal.data, render.time(clock.now()), request_id)
    )
    lines = [
        f"HTTP/1.1 {refusal.status} {HTTPStatus(refusal.status).phrase}",
        "content-type: application/json",
        f"content-length: {len(body)}",
        f"x-request-id: {request_id}",
        "connection: close",
    ]
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        lines.append("www-authenticate: Bearer")
    elif refusal.status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
        lines.append("retry-after: 1")
    with trio.move_on_after(SECONDS), contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        await stream.send_all("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
