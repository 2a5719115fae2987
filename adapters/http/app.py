"""HTTP: from a request to a call, from a reply to bytes. Every check that is not the business's own is here.

Their order is that of the published interface: path and method, size, address limit, token, principal, rate
limit, body, business. They are plain calls in one function and not layers around each other: the order can be
read, and a request pays for nothing it does not use.
"""

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
from adapters.access.identity import Principal
from adapters.access.rate_limits import Bucket, Quota, check, has_a_price
from adapters.http.metrics import Metrics
from adapters.operations.lookups import counted_in
from adapters.operations.operation import AnyRoute, Call, Caller, NoQuery, Reply, Stranger, admit
from adapters.operations.table import BASE, ROUTES
from adapters.operations.users import REFRESH_COOKIE
from adapters.runtime.times import MINUTE
from adapters.service.server import Server
from adapters.sockets.framing import is_spelled
from adapters.sockets.http_exchange import HttpExchange, body_of
from adapters.wire import render
from adapters.wire.decoding import read_body
from adapters.wire.envelope import Envelope, encode, fresh_request_id
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
EXPOSED: Final = (
    "X-Request-Id, X-Journal-Id, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After"
)

HTTP_FAULTS: Final[Mapping[int, tuple[AnyCode, str]]] = {
    404: (Fault.NO_SUCH_PATH, "No such path"),
    405: (Fault.METHOD_NOT_ALLOWED, "This path has no such method"),
}
"""What the framework finds wrong by itself."""

NOWHERE: Final = "?"
"""A path that no route has."""


def current_request() -> Request:
    """The request itself, and not what stands for it: that would be looked up at each use."""
    request: Request = cast(Any, current)._get_current_object()  # its home differs by version of Quart
    return request


class Application(QuartTrio):
    """The framework's, but for what a client calls us: it parses that, and stumbles over what is no name."""

    def create_url_adapter(self, request: BaseRequestWebsocket | None) -> MapAdapter | None:
        if request is None:
            return None
        # Routes are found by the decoded path, and whatever number of slashes it begins with.
        path = request.path if is_spelled(request.scope["raw_path"]) else NOWHERE
        return self.url_map.bind("exchange", path_info=path, default_method=request.method)


def make_app(server: Server, metrics: Metrics) -> QuartTrio:
    """The API as an ASGI application."""
    app = Application("verdict", static_folder=None)
    app.asgi_http_class = HttpExchange
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False
    front = Front(server, metrics)
    for route in ROUTES:
        app.add_url_rule(
            BASE + route.path.replace("{", "<").replace("}", ">"),
            f"{route.method} {route.path}",
            front.view(route),
            methods=[route.method],
            provide_automatic_options=False,
        )
    app.register_error_handler(HTTPException, front.http_fault)
    app.register_error_handler(Exception, front.fault)
    if server.settings.cors_origins:
        app.before_request(front.preflight)
        app.after_request(front.share)
    return app


class Front:
    """Stands between the network and the handlers."""

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
            answering = Answering(self._server, fresh_request_id())
            try:
                response = await self._serve(route, request, path, answering)
            except RefusedError as refusal:
                response = answering.refusal(refusal)
            except self._server.unavailable as trouble:
                log.warning("the database does not answer", request_id=answering.request_id, why=str(trouble))
                response = answering.refusal(
                    RefusedError(Code.OVERLOADED, "The database does not answer; try again shortly")
                )
            except Exception:
                response = self._internal(answering)
            took = time.perf_counter() - started
            observe(response.status_code, took)
            log.info(
                "request",
                request_id=answering.request_id,
                method=route.method,
                path=request.path,
                status=response.status_code,
                ms=round(took * 1000, 2),
            )
            return response

        return serve

    async def _serve(
        self, route: AnyRoute, request: Request, path: dict[str, str], answering: "Answering"
    ) -> Response:
        """The checks, in their order; then the handler."""
        server, headers = self._server, request.headers
        durable = server.actors.durable
        data = body_of(request)
        principal = visitor = None
        if route.caller is Caller.PUBLIC:
            visitor = self.visitor(request)
            if route.bucket is not None:
                answering.count(server.rate_limits.take_for_address(visitor.address))
            if route.together is not None:
                answering.count(server.rate_limits.take_for_everybody(route.together))
            body = read_body(route.body, data)
        else:
            principal = await server.identities.identify(
                headers.get("Authorization"), headers.get("X-AMM-System-Id")
            )
            admit(route.caller, principal)
            body = self._counted_body(route, principal, data, answering)
        query = NO_QUERY if route.query is NoQuery else read_query(route.query, request.args.to_dict())
        call = Call(body, query, path, principal, visitor, answering.request_id, durable)
        return answering.success(await route.handler(server, call))

    def _counted_body(
        self, route: AnyRoute, principal: Principal, data: bytes, answering: "Answering"
    ) -> msgspec.Struct:
        """The body, once the request is counted.

        Replaces are counted per market, and which one it is stands in the body: so that one is read first,
        and what is wrong with it is told after.
        """
        limits = self._server.rate_limits
        if route.bucket is not Bucket.REPLACE:
            quota = limits.take(route.bucket, principal) if route.bucket is not None else None
            answering.count(quota)
            if route.method == "GET":
                return NO_BODY
            body = read_any(route, data)
            if not (quota is not None or route.bucket is Bucket.CANCEL or has_a_price(body)):
                check(limits.take_journal(principal, len(data)))
            return body
        try:
            body = read_body(ReplaceBody, data)
        except RefusedError:
            answering.count(limits.take(route.bucket, principal))
            raise
        market_id = counted_in(self._server.exchange, body)
        answering.count(limits.take(route.bucket, principal, market_id))
        return body

    def visitor(self, request: Request) -> Stranger:
        """Who is at the other end."""
        peer: str = (request.scope.get("client") or ("", 0))[0]
        # A proxy may append to the client's own or add one more: all of them are one list.
        forwarded_for = ",".join(request.headers.getlist("X-Forwarded-For"))
        address = caller_address(peer, forwarded_for, self._proxies)
        # We speak no TLS ourselves: whether it was spoken, the proxy says that is nearest.
        scheme = request.headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip().lower()
        by_https = scheme == "https" and is_within(peer, self._proxies)
        return Stranger(address, request.cookies.get(REFRESH_COOKIE), by_https)

    # What went wrong

    async def http_fault(self, trouble: HTTPException) -> Response:
        """Wrong before any route was found."""
        answering, request = Answering(self._server, fresh_request_id()), current_request()
        response = self._http_fault(trouble, answering)
        log.info(
            "request",
            request_id=answering.request_id,
            method=request.method,
            path=request.path,
            status=response.status_code,
        )
        return response

    def _http_fault(self, trouble: HTTPException, answering: "Answering") -> Response:
        code, message = HTTP_FAULTS.get(trouble.code or 0, (Code.MALFORMED, "Not a request that is served"))
        response = answering.refusal(RefusedError(code, message))
        if isinstance(trouble, MethodNotAllowed):
            response.headers["Allow"] = ", ".join(sorted(trouble.valid_methods or ()))
        return response

    async def fault(self, trouble: Exception) -> Response:
        return self._internal(Answering(self._server, fresh_request_id()))

    def _internal(self, answering: "Answering") -> Response:
        log.error("a request failed", request_id=answering.request_id, exc_info=sys.exc_info())
        return answering.refusal(RefusedError(Code.INTERNAL, "Internal error"))

    # Pages of other origins

    async def preflight(self) -> Response | None:
        """What a browser asks before it lets another origin's page call us."""
        request = current_request()
        if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
            return None
        return Response(
            b"",
            204,
            {
                "Access-Control-Allow-Methods": "GET, POST",
                "Access-Control-Allow-Headers": "Authorization, Content-Type, X-AMM-System-Id",
                "Access-Control-Max-Age": "600",
            },
        )

    async def share(self, response: Response) -> Response:
        origin = current.headers.get("Origin")
        response.headers["Vary"] = "Origin"
        if origin in self._origins:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = EXPOSED
        return response


NO_BODY: Final = EmptyBody()
NO_QUERY: Final = NoQuery()


def read_any(route: AnyRoute, data: bytes) -> msgspec.Struct:
    body: msgspec.Struct = read_body(route.body, data)
    return body


class Answering:
    """One request's answer in the making: what the envelope and the headers will say."""

    __slots__ = ("_quota", "_server", "request_id")

    def __init__(self, server: Server, request_id: str) -> None:
        self._server = server
        self.request_id = request_id
        self._quota: Quota | None = None

    def count(self, quota: Quota | None) -> None:
        """Go on if the caller's limit allows it. Of several, the one is told that leaves the least."""
        if quota is not None and (self._quota is None or quota.remaining <= self._quota.remaining):
            self._quota = quota
        check(quota)

    def success(self, reply: Reply[Any]) -> Response:
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
