"""Routes outside the API: health and readiness, the API's descriptions, and the page that shows them."""

from collections.abc import Callable
from typing import Final

import msgspec
from quart import Response
from quart_trio import QuartTrio

from adapters.http import openapi
from adapters.http.docs_page import PAGE, SCRIPT, STYLE
from adapters.stream import asyncapi

PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-ancestors 'none'"
)


class Ready(msgspec.Struct, frozen=True):
    status: str
    """`ready`, or why not."""
    journal_id: int
    projector_lag: int
    clock: str
    """`steady`, or what is wrong with the machine's clock, which does not make the server unready."""


def add_probes(app: QuartTrio, version: str, readiness: Callable[[], Ready], *, has_page: bool) -> None:
    """Routes outside /api/v1: without envelope, for anybody. Without a web page the root shows the API."""
    health = msgspec.json.encode({"status": "ok", "version": version})
    description = msgspec.json.encode(openapi.describe(version))
    of_websockets = msgspec.json.encode(asyncapi.describe(version))

    async def get_health() -> Response:
        return respond(health, "application/json")

    async def get_ready() -> Response:
        ready = readiness()
        status = 200 if ready.status == "ready" else 503
        return respond(msgspec.json.encode(ready), "application/json", status)

    async def get_description() -> Response:
        return respond(description, "application/json")

    async def get_description_of_websockets() -> Response:
        return respond(of_websockets, "application/json")

    async def get_page() -> Response:
        return respond(PAGE, "text/html; charset=utf-8")

    async def get_script() -> Response:
        return respond(SCRIPT, "text/javascript; charset=utf-8")

    async def get_style() -> Response:
        return respond(STYLE, "text/css; charset=utf-8")

    for path, view in (
        ("/health", get_health),
        ("/ready", get_ready),
        ("/openapi.json", get_description),
        ("/asyncapi.json", get_description_of_websockets),
        *(() if has_page else (("/", get_page),)),
        ("/docs", get_page),
        ("/docs/page.js", get_script),
        ("/docs/page.css", get_style),
    ):
        app.add_url_rule(path, path, view, methods=["GET"], provide_automatic_options=False)


def respond(body: bytes, content_type: str, status: int = 200) -> Response:
    headers = {
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-cache",
        "Content-Security-Policy": PAGE_POLICY,
        "Referrer-Policy": "no-referrer",
    }
    return Response(body, status, headers, content_type=content_type)
