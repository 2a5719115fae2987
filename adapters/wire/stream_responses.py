"""Data of results that only the command stream has."""

from adapters.wire.responses import BalanceShape, MarketShape, OrderShape, PositionShape, Shape


class GuardShape(Shape, frozen=True):
    grace_ms: int | None
    markets: tuple[str, ...] | None


class PongShape(Shape, frozen=True):
    server_time_ms: int


class SignedInShape(Shape, frozen=True):
    user_id: str
    expires_at_ms: int | None
    """Null of an API key that does not expire."""


class SubscribedShape(Shape, frozen=True, rename={"from_": "from"}):
    from_: int
    """The journal id of the first event that can be told."""


class ResumedShape(Shape, frozen=True, rename={"from_": "from"}):
    from_: int
    head: int


class OrdersShape(Shape, frozen=True):
    orders: list[OrderShape]


class SyncShape(Shape, frozen=True):
    as_of_seq: int
    balance: BalanceShape
    position: PositionShape
    orders: list[OrderShape]
    """The last of them, if parts came ahead of the result."""
    market: MarketShape
