"""What an operation is, and who may call it.

The application, the command stream, their published descriptions, the tests and the documentation are made of
these.
"""

import enum
import functools
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

import attrs
import msgspec

from adapters.access.identity import Principal
from adapters.access.rate_limits import Bucket
from adapters.service.server import Server
from adapters.wire.requests import EmptyBody
from adapters.wire.status import AnyCode, RefusedError
from kernel.codes import Code
from kernel.refusals import amm_only

B = TypeVar("B", bound=msgspec.Struct)
Q = TypeVar("Q", bound=msgspec.Struct)
S = TypeVar("S", bound=msgspec.Struct)


class Caller(enum.Enum):
    """Who may call. There is no default: a route says it."""

    PUBLIC = "anybody"
    USER = "any user"
    LOGIN = "any user, but not with a service token"
    AMM = "the market maker"
    AMM_SERVICE = "the market maker with a service token"
    AMM_OR_ADMIN = "the market maker or an administrator"
    ADMIN = "an administrator"


class NoQuery(msgspec.Struct, frozen=True):
    """Whatever stands in the query string is ignored."""


@attrs.frozen
class Stranger:
    """What is known of a caller who has not said who it is."""

    address: str
    refresh_cookie: str | None
    by_https: bool


@attrs.frozen
class Call(Generic[B, Q]):
    """A request that has passed every check ahead of its business."""

    body: B
    query: Q
    path: dict[str, str]
    principal: Principal | None
    visitor: Stranger | None
    request_id: str
    durable: int
    """The newest durable journal id when the request arrived: what its caller may already know of."""

    @property
    def user(self) -> Principal:
        """The caller, on a route that is not public."""
        assert self.principal is not None
        return self.principal

    @property
    def stranger(self) -> Stranger:
        """The caller, on a public route."""
        assert self.visitor is not None
        return self.visitor


@attrs.frozen
class Reply(Generic[S]):
    """What a handler has to say."""

    data: S
    status: int = 200
    journal_id: int | None = None
    """The journal id the data reflects; durable. None where it says nothing of the exchange's state."""
    cookie: str | None = None
    """What a browser is to keep, as it is written in the header."""


Handler = Callable[[Server, Call[B, Q]], Awaitable[Reply[S]]]


def live(read: Callable[[Server, Call[B, Q]], S]) -> Handler[B, Q, S]:
    """A handler made of a plain function that looks at what is in memory.

    What it saw is told when it is durable. It cannot wait for anything itself, so all of it is of one moment.
    """

    @functools.wraps(read)
    async def answer(server: Server, call: Call[B, Q]) -> Reply[S]:
        data = read(server, call)
        return Reply(data, journal_id=await server.wait_durable(server.exchange.head))

    return answer


@attrs.frozen(kw_only=True)
class Operation(Generic[B, S]):
    """One row of the table: what can be asked, whichever way."""

    name: str
    caller: Caller
    bucket: Bucket | None
    body: type[B]
    answer: type[S] | None
    """None if it is answered with nothing."""
    codes: tuple[AnyCode, ...] = ()
    """The refusals of its business; those that every request may meet are not repeated."""
    message: type[msgspec.Struct] | None = None
    """How the command stream says it: the type's tag is the name there. None if it does not."""

    @property
    def op(self) -> str:
        """Its name on the command stream."""
        assert self.message is not None, f"the command stream does not say {self.name}"
        return str(self.message.__struct_config__.tag)


@attrs.frozen(kw_only=True)
class Route(Operation[B, S], Generic[B, Q, S]):
    """An operation that REST has."""

    answer: type[S]
    summary: str
    method: str
    path: str
    """With names in braces, as in the specification."""
    handler: Handler[B, Q, S]
    query: type[Q]
    statuses: tuple[int, ...]
    together: Bucket | None = None
    """What counts everybody's requests in one, beside the caller's own bucket."""


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
) -> Route[EmptyBody, Q, S]:
    return Route(
        name=handler.__name__,
        caller=caller,
        bucket=bucket,
        body=EmptyBody,
        answer=answer,
        codes=codes,
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
    statuses: tuple[int, ...] = (200,),
    together: Bucket | None = None,
    message: type[msgspec.Struct] | None = None,
) -> Route[B, NoQuery, S]:
    return Route(
        name=handler.__name__,
        caller=caller,
        bucket=bucket,
        body=body,
        answer=answer,
        codes=codes,
        message=message,
        summary=summary_of(handler),
        method="POST",
        path=path,
        handler=handler,
        query=NoQuery,
        statuses=statuses,
        together=together,
    )


def summary_of(handler: Callable[..., object]) -> str:
    assert handler.__doc__, f"{handler.__name__} has no sentence that says what it does"
    return handler.__doc__.strip()


def streamed(
    message: type[msgspec.Struct],
    caller: Caller,
    bucket: Bucket | None,
    answer: type[msgspec.Struct] | None,
    *codes: AnyCode,
) -> AnyOperation:
    """One that only the command stream has."""
    name = str(message.__struct_config__.tag)
    return Operation(
        name=name, caller=caller, bucket=bucket, body=message, answer=answer, codes=codes, message=message
    )


def admit(caller: Caller, principal: Principal) -> None:
    """Let in whom an operation is for."""
    match caller:
        case Caller.USER:
            return
        case Caller.LOGIN if not principal.has_service_token:
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
        case Caller.LOGIN:
            raise RefusedError(Code.NOT_ALLOWED, "Not with a service token")
        case _:
            raise RefusedError(Code.AMM_ONLY, amm_only().message)
