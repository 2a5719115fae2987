"""What an operation is, and who may call it.

The application, the command stream, their published descriptions and the documentation are made from these.
"""

import enum
import functools
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

import attrs
import msgspec

from adapters.access.identity import Principal
from adapters.access.rate_limits import Bucket, Quota
from adapters.service.server import Server
from adapters.wire.requests import EmptyBody
from adapters.wire.scopes import Scope
from adapters.wire.status import AnyCode, Fault, RefusedError
from kernel.codes import Code
from kernel.refusals import amm_only

B = TypeVar("B", bound=msgspec.Struct)
Q = TypeVar("Q", bound=msgspec.Struct)
S = TypeVar("S", bound=msgspec.Struct)


class Caller(enum.Enum):
    """Who may call. There is no default: every operation states it."""

    PUBLIC = "anybody"
    READER = "anybody, with or without a token"
    USER = "any user"
    LOGIN = "any user, but not with a service token"
    PERSON = "a user or an administrator"
    AMM = "the market maker"
    AMM_SERVICE = "the market maker with a service token"
    AMM_OR_ADMIN = "the market maker or an administrator"
    ADMIN = "an administrator"
    WORKER = "a worker"


class Keys(enum.Enum):
    """Which API keys open an operation for which they need no scope."""

    NONE = "LOGIN"
    """It takes a login."""
    ANY = "any"


class NoQuery(msgspec.Struct, frozen=True):
    """Whatever stands in the query string is ignored."""


@attrs.frozen
class Client:
    """What is known of whoever sent a request, by the connection it came on."""

    address: str
    refresh_cookie: str | None
    by_https: bool
    is_elsewhere: bool
    """Whether it is a browser that shows a page of another origin."""


@attrs.frozen
class Call(Generic[B, Q]):
    """A request that has passed every check before its handler."""

    body: B
    query: Q
    path: dict[str, str]
    principal: Principal | None
    known_client: Client | None
    request_id: str
    durable: int
    """The newest durable journal id when the request arrived; its caller may have seen that much already."""
    key: str | None = None
    """The caller's name for the request, on a route that takes one in a header."""

    @property
    def user(self) -> Principal:
        """The caller, on a route that needs a token."""
        assert self.principal is not None
        return self.principal

    @property
    def client(self) -> Client:
        """Where the call came from, on a public route and on one with a password."""
        assert self.known_client is not None
        return self.known_client


@attrs.frozen
class Reply(Generic[S]):
    """What a handler answers."""

    data: S
    status: int = 200
    journal_id: int | None = None
    """The durable journal id that the data reflects; None if it does not show the exchange's state."""
    cookie: str | None = None
    """The value of the Set-Cookie header, if there is one."""
    quota: Quota | None = None
    """What is left of a limit that the handler has counted against."""


Handler = Callable[[Server, Call[B, Q]], Awaitable[Reply[S]]]


def from_memory(read: Callable[[Server, Call[B, Q]], S]) -> Handler[B, Q, S]:
    """Make a handler from a plain function that reads the exchange in memory.

    The answer is sent when what was read is durable. The function cannot wait for anything, so its whole
    answer is of one moment.
    """

    @functools.wraps(read)
    async def answer(server: Server, call: Call[B, Q]) -> Reply[S]:
        data = read(server, call)
        return Reply(data, journal_id=await server.wait_durable(server.exchange.head))

    return answer


@attrs.frozen(kw_only=True)
class Operation(Generic[B, S]):
    """One row of the table: something a caller can do, over HTTP, on the stream, or both."""

    name: str
    caller: Caller
    bucket: Bucket | None
    body: type[B]
    answer: type[S] | None
    """None if the answer has no data."""
    codes: tuple[AnyCode, ...] = ()
    """The refusals particular to it; those that any request can meet are not listed."""
    scope: Scope | Keys = Keys.NONE
    """What an API key must open to be let in; where a row names nothing, none is."""
    message: type[msgspec.Struct] | None = None
    """Its message type on the command stream, whose tag is its name there; None if it is not there."""

    @property
    def op(self) -> str:
        """Its name on the command stream."""
        assert self.message is not None, f"the command stream does not say {self.name}"
        return str(self.message.__struct_config__.tag)


@attrs.frozen(kw_only=True)
class Route(Operation[B, S], Generic[B, Q, S]):
    """An operation with an HTTP route."""

    answer: type[S]
    summary: str
    method: str
    path: str
    """With names in braces, as in the specification."""
    handler: Handler[B, Q, S]
    query: type[Q]
    statuses: tuple[int, ...]
    shared_bucket: Bucket | None = None
    """A bucket that counts the requests of all callers together, beside the caller's own."""
    session_bucket: Bucket | None = None
    """The bucket that counts a browser with a session's cookie, by the session and not by its address."""
    is_keyed: bool = False
    """Whether the header Idempotency-Key counts."""
    stands_for: str | None = None
    """The path that is to be used instead; only of one that an older client may know."""


AnyOperation = Operation[Any, Any]
AnyRoute = Route[Any, Any, Any]


def get(
    path: str,
    handler: Handler[EmptyBody, Q, S],
    caller: Caller,
    bucket: Bucket | None,
    answer: type[S],
    query: type[Q],
    *codes: AnyCode,
    scope: Scope | Keys = Keys.NONE,
) -> Route[EmptyBody, Q, S]:
    return Route(
        name=handler.__name__,
        caller=caller,
        bucket=bucket,
        body=EmptyBody,
        answer=answer,
        codes=codes,
        scope=scope,
        summary=summary_of(handler),
        method="GET",
        path=path,
        handler=handler,
        query=query,
        statuses=(200,),
    )


def post(
    path: str,
    handler: Handler[B, NoQuery, S],
    caller: Caller,
    bucket: Bucket | None,
    answer: type[S],
    body: type[B],
    *codes: AnyCode,
    scope: Scope | Keys = Keys.NONE,
    statuses: tuple[int, ...] = (200,),
    shared_bucket: Bucket | None = None,
    session_bucket: Bucket | None = None,
    message: type[msgspec.Struct] | None = None,
) -> Route[B, NoQuery, S]:
    return Route(
        name=handler.__name__,
        caller=caller,
        bucket=bucket,
        body=body,
        answer=answer,
        codes=codes,
        scope=scope,
        message=message,
        summary=summary_of(handler),
        method="POST",
        path=path,
        handler=handler,
        query=NoQuery,
        statuses=statuses,
        shared_bucket=shared_bucket,
        session_bucket=session_bucket,
    )


def summary_of(handler: Callable[..., object]) -> str:
    assert handler.__doc__, f"{handler.__name__} has no sentence that says what it does"
    return handler.__doc__.strip()


def stream_only(
    message: type[msgspec.Struct],
    caller: Caller,
    bucket: Bucket | None,
    answer: type[msgspec.Struct] | None,
    *codes: AnyCode,
    scope: Scope | Keys = Keys.NONE,
) -> AnyOperation:
    """An operation that exists on the command stream only."""
    name = str(message.__struct_config__.tag)
    return Operation(
        name=name,
        caller=caller,
        bucket=bucket,
        body=message,
        answer=answer,
        codes=codes,
        scope=scope,
        message=message,
    )


def admit(operation: AnyOperation, principal: Principal) -> None:
    """Raise RefusedError unless the principal may call the operation.

    A worker of market-making orders may call what is for workers alone; no other operation means it, whoever
    else may call it.
    """
    if principal.is_worker:
        if operation.caller is Caller.WORKER and principal.has_service_token:
            return
        raise RefusedError(Code.NOT_ALLOWED, "Not for workers of market-making orders")
    if principal.scopes is not None:
        check_scope(operation.scope, principal.scopes)
    match operation.caller:
        case Caller.USER | Caller.READER:
            return
        case Caller.LOGIN if not principal.has_service_token:
            return
        case Caller.PERSON if principal.is_person:
            return
        case Caller.AMM if principal.is_amm:
            return
        case Caller.AMM_SERVICE if principal.is_amm and principal.has_service_token:
            return
        case Caller.ADMIN if principal.is_admin:
            return
        case Caller.AMM_OR_ADMIN if principal.is_amm or principal.is_admin:
            return
        case Caller.ADMIN:
            raise RefusedError(Code.NOT_ALLOWED, "Only for administrators")
        case Caller.WORKER:
            raise RefusedError(Code.NOT_ALLOWED, "Only for workers of market-making orders")
        case Caller.LOGIN:
            raise RefusedError(Code.NOT_ALLOWED, "Not with a service token")
        case Caller.PERSON:
            raise RefusedError(Code.NOT_ALLOWED, "The market maker has no password, address and API keys")
        case _:
            raise RefusedError(Code.AMM_ONLY, amm_only().message)


def check_scope(needed: Scope | Keys, scopes: tuple[Scope, ...]) -> None:
    """Raise RefusedError unless an API key with these scopes opens what needs this."""
    if needed is Keys.ANY or needed in scopes:
        return
    what = "a login, not an API key" if needed is Keys.NONE else f"an API key with scope {needed.value}"
    raise RefusedError(Fault.SCOPE_MISSING, f"This takes {what}", {"required_scope": needed.value})
