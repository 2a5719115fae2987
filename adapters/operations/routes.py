"""What a route is. The app, the API description, the tests and the documentation are made from such rows."""

import enum
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

import attrs
import msgspec

from adapters.access.identity import Principal
from adapters.access.rate_limits import Bucket
from adapters.service.server import Server
from adapters.wire.requests import EmptyBody
from adapters.wire.status import AnyCode

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
class Visitor:
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
    visitor: Visitor | None
    request_id: str
    durable: int
    """The newest durable journal id when the request arrived: what its caller may already know of."""

    @property
    def user(self) -> Principal:
        """The caller, on a route that is not public."""
        assert self.principal is not None
        return self.principal

    @property
    def stranger(self) -> Visitor:
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


@attrs.frozen
class Route(Generic[B, Q, S]):
    """One row of the table."""

    method: str
    path: str
    """With names in braces, as in the specification."""
    handler: Handler[B, Q, S]
    caller: Caller
    bucket: Bucket | None
    answer: type[S]
    body: type[B]
    query: type[Q]
    statuses: tuple[int, ...]
    codes: tuple[AnyCode, ...]
    """The refusals of its business; those that every request may meet are not repeated."""
    together: Bucket | None = None
    """What counts everybody's requests in one, beside the caller's own bucket."""

    @property
    def summary(self) -> str:
        doc = self.handler.__doc__
        assert doc, f"{self.path} has no sentence that says what it does"
        return doc.strip()


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
    return Route("GET", path, handler, caller, bucket, answer, EmptyBody, query, (200,), codes)


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
) -> Route[B, NoQuery, S]:
    return Route("POST", path, handler, caller, bucket, answer, body, NoQuery, statuses, codes, together)
