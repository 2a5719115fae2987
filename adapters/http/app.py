"""The HTTP API: makes a call of each request and a response of each reply, with all checks in between.

The order of the checks is published: path and method, size, address limit, token, principal, rate limit,
body, and then those of the handler. They are plain calls in one function, not layers of middleware: so the
order can be read, and a request pays only for what it uses.
"""

import contextlib
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, cast

import msgspec
import structlog
from quart import Response
from quart import request as current
from quart.wrappers import Request
from quart.wrappers.base import BaseRequestWebsocket
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import MapAdapter

from adapters.access.addresses import caller_address, is_within
from adapters.access.api_keys import KEY, PREFIX
from adapters.access.identity import Principal
from adapters.access.rate_limits import Bucket, Quota, check, has_a_price
from adapters.access.tokens import TokenError, TokenType
from adapters.http.metrics import Metrics
from adapters.http.paths import Other, rule_of
from adapters.operations.lookups import market_of_replace
from adapters.operations.operation import AnyRoute, Call, Caller, Client, NoQuery, Reply, admit
from adapters.operations.table import BASE, ROUTES
from adapters.operations.users import REFRESH_COOKIE
from adapters.runtime.times import MINUTE
from adapters.service.server import Server
from adapters.sockets.framing import is_spelled
from adapters.sockets.http_exchange import HttpExchange, body_of
from adapters.wire import render
from adapters.wire.batch_requests import BatchBody, read_batch
from adapters.wire.decoding import read_body
from adapters.wire.envelope import Envelope, encode, fresh_request_id
from adapters.wire.making_requests import IDEMPOTENCY_KEY, read_key
from adapters.wire.paging import read_query
from adapters.wire.requests import EmptyBody, ReplaceBody
from adapters.wire.status import SUCCESS, AnyCode, Fault, RefusedError
from kernel.codes import Code

log = structlog.get_logger(__name__)

RETRY_SECONDS: Final = "1"

JSON: Final = "application/json"
SECURITY: Final = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
ALLOWED_HEADERS: Final = f"Authorization, Content-Type, {IDEMPOTENCY_KEY}, X-AMM-System-Id, X-Journal-Id"
EXPOSED: Final = (
    "X-Request-Id, X-Journal-Id, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After"
)

HTTP_FAULTS: Final[Mapping[int, tuple[AnyCode, str]]] = {
    404: (Fault.NO_SUCH_PATH, "No such path"),
    405: (Fault.METHOD_NOT_ALLOWED, "This path has no such method"),
}
"""Errors found by the framework."""

NOWHERE: Final = "?"
"""A path without a route."""
OWN: Final = "same-origin"
"""What a browser says of a request by a page of this very server."""


def current_request() -> Request:
    """The request itself instead of Quart's proxy, which would be resolved at each use."""
    request: Request = cast(Any, current)._get_current_object()  # its home differs by version of Quart
    return request


class Application(QuartTrio):
    """Quart, without its parsing of the Host header, which fails on what is not a host name."""

    def create_url_adapter(self, request: BaseRequestWebsocket | None) -> MapAdapter | None:
        if request is None:
            return None
        # Routes are matched with the decoded path, and leading slashes are ignored: so check its spelling.
        path = request.path if is_spelled(request.scope["raw_path"]) else NOWHERE
        return self.url_map.bind("exchange", path_info=path, default_method=request.method)


def make_app(server: Server, metrics: Metrics) -> QuartTrio:
    """The API as an ASGI application."""
    app = Application("verdict", static_folder=None)
    app.asgi_http_class = HttpExchange
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False
    app.url_map.converters["other"] = Other
    api = HttpApi(server, metrics)
    for route in ROUTES:
        app.add_url_rule(
            BASE + rule_of(route),
            f"{route.method} {route.path}",
            api.view(route),
            methods=[route.method],
            provide_automatic_options=False,
        )
    app.register_error_handler(HTTPException, api.http_fault)
    app.register_error_handler(Exception, api.fault)
    if server.settings.cors_origins:
        app.before_request(api.preflight)
        app.after_request(api.add_cors_headers)
    return app


class HttpApi:
    """Runs the checks and the handlers, and answers whatever goes wrong."""

    def __init__(self, server: Server, metrics: Metrics) -> None:
        self._server = server
        self._metrics = metrics
        self._proxies = server.settings.trusted_proxies
        self._origins = frozenset(server.settings.cors_origins)

    def view(self, route: AnyRoute) -> Callable[..., Awaitable[Response]]:
        observe = self._metrics.of_route(route.method, route.path)

        async def serve(**path: str) -> Response:
            started = time.perf_counter()
            request = current_request()
            responder = Responder(self._server, fresh_request_id())
            try:
                response = await self._serve(route, request, path, responder)
            except RefusedError as refusal:
                response = responder.refusal(refusal)
            except self._server.unavailable as trouble:
                log.warning("the database does not answer", request_id=responder.request_id, why=str(trouble))
                response = responder.refusal(
                    RefusedError(Code.OVERLOADED, "The database does not answer; try again shortly")
                )
            except Exception:
                response = self._internal(responder)
            took = time.perf_counter() - started
            observe(response.status_code, took)
            log.info(
                "request",
                request_id=responder.request_id,
                method=route.method,
                path=logged(request.path),
                status=response.status_code,
                ms=round(took * 1000, 2),
            )
            return response

        return serve

    async def _serve(
        self, route: AnyRoute, request: Request, path: dict[str, str], responder: "Responder"
    ) -> Response:
        """The checks, in their order; then the handler."""
        server, headers = self._server, request.headers
        if server.check_age is not None:
            await server.check_age(headers.get("X-Journal-Id"), is_read=route.method == "GET")
        durable = server.actors.durable
        data = body_of(request)
        principal = client = None
        if route.caller is Caller.PUBLIC or route.bucket is Bucket.AUTH:
            client = self.client_of(request)
            if route.bucket is not None:
                responder.count(self._quota_of_client(route, route.bucket, client))
        if route.caller is Caller.READER and "Authorization" not in headers:
            address = self.client_of(request).address
            responder.count(server.rate_limits.take_for_address(Bucket.PUBLIC, address))
            body: msgspec.Struct = NO_BODY
        elif route.caller is Caller.PUBLIC:
            if route.shared_bucket is not None:
                responder.count(server.rate_limits.take_for_everybody(route.shared_bucket))
            body = read_body(route.body, data)
        else:
            principal = await server.identities.authenticate_header(
                headers.get("Authorization"), headers.get("X-AMM-System-Id")
            )
            admit(route, principal)
            body = self._counted_body(route, principal, data, responder)
        query = NO_QUERY if route.query is NoQuery else read_query(route.query, request.args.to_dict())
        key = key_of(request) if route.is_keyed else None
        call = Call(body, query, path, principal, client, responder.request_id, durable, key)
        return responder.success(await route.handler(server, call))

    def _quota_of_client(self, route: AnyRoute, bucket: Bucket, client: Client) -> Quota | None:
        """Count a request of somebody who has not shown a token.

        A page that is opened anew shows the cookie of its session. Counted by address, a few reloads would
        sign out everybody behind it.
        """
        limits = self._server.rate_limits
        if route.session_bucket is not None and client.refresh_cookie is not None:
            with contextlib.suppress(TokenError):
                claims = self._server.tokens.read(client.refresh_cookie, TokenType.REFRESH)
                return limits.take_for_session(route.session_bucket, claims.sid or claims.sub)
        return limits.take_for_address(bucket, client.address)

    def _counted_body(
        self, route: AnyRoute, principal: Principal, data: bytes, responder: "Responder"
    ) -> msgspec.Struct:
        """Count the request, then read its body.

        Replaces are counted per market, which is in the body, so their body is read first; they are counted
        even if it is malformed. What a batch holds is counted by its handler, command by command; one that
        cannot be read counts as an order.
        """
        limits = self._server.rate_limits
        if route.body is BatchBody:
            try:
                return read_batch(data)
            except RefusedError:
                responder.count(limits.take(Bucket.ORDERS, principal))
                raise
        if route.bucket is not Bucket.REPLACE:
            quota = limits.take(route.bucket, principal) if route.bucket is not None else None
            responder.count(quota)
            if route.method == "GET":
                return NO_BODY
            body = read_any(route, data)
            if not (quota is not None or route.bucket is Bucket.CANCEL or has_a_price(body)):
                check(limits.take_journal(principal, len(data)))
            return body
        try:
            body = read_body(ReplaceBody, data)
        except RefusedError:
            responder.count(limits.take(route.bucket, principal))
            raise
        market_id = market_of_replace(self._server.exchange, body)
        responder.count(limits.take(route.bucket, principal, market_id))
        return body

    def client_of(self, request: Request) -> Client:
        """The client's address, its refresh cookie, whether it came by HTTPS, and from whose page."""
        peer: str = (request.scope.get("client") or ("", 0))[0]
        # A proxy may append to the client's header or add another; together they are one list.
        forwarded_for = ",".join(request.headers.getlist("X-Forwarded-For"))
        address = caller_address(peer, forwarded_for, self._proxies)
        # There is no TLS here: the nearest proxy says whether the client used it.
        scheme = request.headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip().lower()
        by_https = scheme == "https" and is_within(peer, self._proxies)
        # A browser says it, not the script; other programs have no cookies that somebody could abuse.
        is_elsewhere = request.headers.get("Sec-Fetch-Site", OWN) not in (OWN, "none")
        cookie = None if is_elsewhere else request.cookies.get(REFRESH_COOKIE)
        return Client(address, cookie, by_https, is_elsewhere)

    # Errors

    async def http_fault(self, trouble: HTTPException) -> Response:
        """Answer a request for which no route was found."""
        responder, request = Responder(self._server, fresh_request_id()), current_request()
        response = self._http_fault(trouble, responder)
        log.info(
            "request",
            request_id=responder.request_id,
            method=request.method,
            path=logged(request.path),
            status=response.status_code,
        )
        return response

    def _http_fault(self, trouble: HTTPException, responder: "Responder") -> Response:
        code, message = HTTP_FAULTS.get(trouble.code or 0, (Code.MALFORMED, "Not a request that is served"))
        response = responder.refusal(RefusedError(code, message))
        if isinstance(trouble, MethodNotAllowed):
            response.headers["Allow"] = ", ".join(sorted(trouble.valid_methods or ()))
        return response

    async def fault(self, trouble: Exception) -> Response:
        return self._internal(Responder(self._server, fresh_request_id()))

    def _internal(self, responder: "Responder") -> Response:
        log.error("a request failed", request_id=responder.request_id, exc_info=sys.exc_info())
        return responder.refusal(RefusedError(Code.INTERNAL, "Internal error"))

    # Pages of other origins

    async def preflight(self) -> Response | None:
        """Answer the request a browser sends before a page of another origin may call the API."""
        request = current_request()
        if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
            return None
        return Response(
            b"",
            204,
            {
                "Access-Control-Allow-Methods": "GET, POST",
                "Access-Control-Allow-Headers": ALLOWED_HEADERS,
                "Access-Control-Max-Age": "600",
            },
        )

    async def add_cors_headers(self, response: Response) -> Response:
        origin = current.headers.get("Origin")
        response.headers["Vary"] = "Origin"
        if origin in self._origins:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = EXPOSED
        return response


NO_BODY: Final = EmptyBody()
NO_QUERY: Final = NoQuery()


def logged(path: str) -> str:
    """A path as the log shows it: without an API key that somebody took for a key's id."""
    return KEY.sub(PREFIX + "...", path) if PREFIX in path else path


def key_of(request: Request) -> str | None:
    """The caller's name for the request, if there is one: not two."""
    given = request.headers.getlist(IDEMPOTENCY_KEY)
    # Two of them, joined as proxies may join them, are no key.
    return read_key(" ".join(given)) if given else None


def read_any(route: AnyRoute, data: bytes) -> msgspec.Struct:
    body: msgspec.Struct = read_body(route.body, data)
    return body


class Responder:
    """Makes the response to one request: the envelope and the headers."""

    __slots__ = ("_quota", "_server", "request_id")

    def __init__(self, server: Server, request_id: str) -> None:
        self._server = server
        self.request_id = request_id
        self._quota: Quota | None = None

    def count(self, quota: Quota | None) -> None:
        """Raise if a limit is exceeded. The headers will show the limit of which the least is left."""
        if quota is not None and (self._quota is None or quota.remaining <= self._quota.remaining):
            self._quota = quota
        check(quota)

    def success(self, reply: Reply[Any]) -> Response:
        self._quota = reply.quota or self._quota
        response = self._respond(reply.status, SUCCESS, "success", reply.data, reply.journal_id)
        if reply.cookie is not None:
            response.headers["Set-Cookie"] = reply.cookie
        return response

    def refusal(self, refusal: RefusedError) -> Response:
        response = self._respond(
            refusal.status, refusal.code, refusal.message, refusal.data, refusal.journal_id
        )
        if refusal.status == 401:
            response.headers["WWW-Authenticate"] = "Bearer"
        elif refusal.retry_after is not None:
            response.headers["Retry-After"] = str(refusal.retry_after)
        elif refusal.code is Code.OVERLOADED:
            response.headers["Retry-After"] = RETRY_SECONDS
        elif refusal.code is Fault.RATE_LIMITED and self._quota is not None:
            wait = self._quota.reset - self._server.clock.seconds()
            response.headers["Retry-After"] = str(min(max(wait, 1), MINUTE))
        return response

    def _respond(
        self, status: int, code: int, message: str, data: object, journal_id: int | None
    ) -> Response:
        now = render.time(self._server.clock.now())
        body = encode(Envelope(code, message, data, now, self.request_id))
        headers = {**SECURITY, "X-Request-Id": self.request_id}
        if journal_id is not None:
            headers["X-Journal-Id"] = str(journal_id)
        if (quota := self._quota) is not None:
            headers["X-RateLimit-Limit"] = str(quota.limit)
            headers["X-RateLimit-Remaining"] = str(quota.remaining)
            headers["X-RateLimit-Reset"] = str(quota.reset)
        return Response(body, status, headers, content_type=JSON)
