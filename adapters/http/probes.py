"""What operators and their tools ask: is it alive, is it ready; and the API's own pages."""

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
    """`steady`, or what is wrong with the machine's clock: no reason to send nobody here."""


def add_operations(app: QuartTrio, version: str, readiness: Callable[[], Ready]) -> None:
    """Routes outside /api/v1: without envelope, for anybody."""
    health = msgspec.json.encode({"status": "ok", "version": version})
    description = msgspec.json.encode(openapi.describe(version))
    of_websockets = msgspec.json.encode(asyncapi.describe(version))

    async def get_health() -> Response:
        return answered(health, "application/json")

    async def get_ready() -> Response:
        ready = readiness()
        status = 200 if ready.status == "ready" else 503
        return answered(msgspec.json.encode(ready), "application/json", status)

    async def get_description() -> Response:
        return answered(description, "application/json")

    async def get_description_of_websockets() -> Response:
        return answered(of_websockets, "application/json")

    async def get_page() -> Response:
        return answered(PAGE, "text/html; charset=utf-8")

    async def get_script() -> Response:
        return answered(SCRIPT, "text/javascript; charset=utf-8")

    async def get_style() -> Response:
        return answered(STYLE, "text/css; charset=utf-8")

    for path, view in (
        ("/health", get_health),
        ("/ready", get_ready),
        ("/openapi.json", get_description),
        ("/asyncapi.json", get_description_of_websockets),
        ("/", get_page),
        ("/docs", get_page),
        ("/docs/page.js", get_script),
        ("/docs/page.css", get_style),
    ):
        app.add_url_rule(path, path, view, methods=["GET"], provide_automatic_options=False)


def answered(body: bytes, content_type: str, status: int = 200) -> Response:
    headers = {
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-cache",
        "Content-Security-Policy": PAGE_POLICY,
        "Referrer-Policy": "no-referrer",
    }
    return Response(body, status, headers, content_type=content_type)
