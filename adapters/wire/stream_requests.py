"""What clients may send on the command stream: the bodies of REST with a cid, and what only a stream has.

The tag of a type is the name of its command.
"""

from typing import Annotated, Any, Final, Protocol

import msgspec
from msgspec import Meta

from adapters.runtime.clock import Clock
from adapters.wire.requests import AmendBody, CancelAllBody, ClientOrderId, Int64, MarketId, TimedBody
from kernel import commands
from kernel.commands import AmendByClientId, AmendOrder, CancelByClientId, CancelOrder, SetGuard

CID_MAX: Final = 2**53 - 1
"""Every integer up to here survives in any language."""


class Message(Protocol):
    """Any of them."""

    @property
    def cid(self) -> int: ...


Cid = Annotated[int, Meta(ge=0, le=CID_MAX)]
Fence = Annotated[int, Meta(ge=0, le=2**63 - 1)]
UNDER_A_LEASE: Final = frozenset({"place", "replace", "cancel", "batch_cancel", "burn"})
"""What a worker does for a market-making order, and says of which, and under which fence."""


def message_of(body: type[msgspec.Struct], op: str) -> type[msgspec.Struct]:
    """Make the message type of a REST body: with a cid, and the name of the command as its tag."""
    name = op.title().replace("_", "")
    members: list[Any] = [("cid", Cid)]
    if op in UNDER_A_LEASE:
        members += [("account", str | None, None), ("fence", Fence | None, None)]
    return msgspec.defstruct(name, members, bases=(body,), frozen=True, kw_only=True, tag_field="op", tag=op)


class CancelNamed(TimedBody, frozen=True, kw_only=True):
    """By the order's id, or by the name the user gave it; one of the two."""

    order_id: str | None = None
    market_id: MarketId | None = None
    client_order_id: ClientOrderId | None = None

    def __post_init__(self) -> None:
        check_naming(self)

    def to_command(self, user_id: str, clock: Clock) -> CancelOrder | CancelByClientId:
        if self.order_id is not None:
            return CancelOrder(
                at=clock.now(), user_id=user_id, order_id=self.order_id.lower(), valid_until=self.deadline
            )
        assert self.market_id is not None
        assert self.client_order_id is not None
        return CancelByClientId(
            at=clock.now(),
            user_id=user_id,
            market_id=self.market_id,
            client_order_id=self.client_order_id,
            valid_until=self.deadline,
        )


class AmendNamed(AmendBody, frozen=True, kw_only=True):
    """The same of an order's terms."""

    order_id: str | None = None
    market_id: MarketId | None = None
    client_order_id: ClientOrderId | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_naming(self)

    def to_command(self, user_id: str, clock: Clock) -> AmendOrder | AmendByClientId:
        members = self.members(user_id, clock)
        if self.order_id is not None:
            return AmendOrder(**members, order_id=self.order_id.lower())
        assert self.market_id is not None
        assert self.client_order_id is not None
        return AmendByClientId(**members, market_id=self.market_id, client_order_id=self.client_order_id)


def check_naming(message: CancelNamed | AmendNamed) -> None:
    """Raise ValueError unless the message names an order in one way, and in one only."""
    by_name = message.market_id is not None and message.client_order_id is not None
    neither = message.market_id is None and message.client_order_id is None
    if (message.order_id is None) is not by_name or not (by_name or neither):
        raise ValueError("order_id: either this, or market_id with client_order_id")


class Cancel(CancelNamed, frozen=True, kw_only=True, tag_field="op", tag="cancel"):
    """Alone, not in a batch."""

    cid: Cid
    account: str | None = None
    fence: Fence | None = None


class Amend(AmendNamed, frozen=True, kw_only=True, tag_field="op", tag="amend"):
    """Alone, not in a batch."""

    cid: Cid


class CancelAll(CancelAllBody, frozen=True, kw_only=True, tag_field="op", tag="cancel_all"):
    """In one market, which is named: each command of the stream is decided by one."""

    cid: Cid
    market_id: MarketId

    def to_command(self, user_id: str, clock: Clock) -> commands.CancelAll:
        return self.in_market(self.market_id, user_id, clock)


class Guard(msgspec.Struct, frozen=True, kw_only=True, tag_field="op", tag="guard"):
    """Cancel what is mine should I stay away for `grace_ms`; null takes it off."""

    cid: Cid
    grace_ms: Int64 | None
    markets: list[MarketId] | None = None

    def to_command(self, user_id: str, clock: Clock) -> SetGuard:
        markets = None if self.markets is None else tuple(sorted(set(self.markets)))
        return SetGuard(at=clock.now(), user_id=user_id, grace_ms=self.grace_ms, markets=markets)


class Ping(msgspec.Struct, frozen=True, kw_only=True, tag_field="op", tag="ping"):
    cid: Cid


class Auth(msgspec.Struct, frozen=True, kw_only=True, tag_field="op", tag="auth"):
    cid: Cid
    token: str


class Sync(msgspec.Struct, frozen=True, kw_only=True, tag_field="op", tag="sync"):
    cid: Cid
    market_id: MarketId


class Subscribe(msgspec.Struct, frozen=True, kw_only=True, tag_field="op", tag="subscribe"):
    cid: Cid
    topics: list[str]
    markets: list[str] | None = None
    scope: str | None = None


class Unsubscribe(msgspec.Struct, frozen=True, kw_only=True, tag_field="op", tag="unsubscribe"):
    cid: Cid
    topics: list[str]
    markets: list[str] | None = None


class Resume(msgspec.Struct, frozen=True, kw_only=True, tag_field="op", tag="resume"):
    cid: Cid
    after: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    topics: list[str]
    markets: list[str] | None = None
    scope: str | None = None
