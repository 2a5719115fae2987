"""What the strategy asks its caller to do. All commands of one decision go out in one batch, in this order.

A command's fields are the members that the exchange reads, `op` included; `ref` is the strategy's own number
for it, unique in its market, by which the answer comes back. The transport adds the connection's cid.
"""

from enum import Enum
from typing import TypeAlias

import msgspec

from amm.brain.arithmetic import Cents, Ms, Shares
from amm.brain.quoting.ladder import Outcome
from amm.brain.wire import Direction


class NewOrder(msgspec.Struct, frozen=True):
    client_order_id: str
    market_id: str
    side: Outcome
    price_cents: Cents
    quantity: Shares
    direction: Direction = Direction.SELL
    time_in_force: str = "GTC"
    post_only: bool = False
    valid_until: str | None = None
    """Decided later than this it is refused: what is not known to have happened by then never will."""
    group_id: str | None = None


class Numbered(msgspec.Struct, frozen=True, tag_field="op", kw_only=True):
    ref: int


class Place(Numbered, frozen=True, tag="place"):
    client_order_id: str
    market_id: str
    side: Outcome
    price_cents: Cents
    quantity: Shares
    direction: Direction = Direction.SELL
    time_in_force: str = "GTC"
    post_only: bool = False
    valid_until: str | None = None
    group_id: str | None = None


class Replace(Numbered, frozen=True, tag="replace"):
    """Move an untouched order in one indivisible step."""

    old_order_id: str
    new_order: NewOrder


class Cancel(Numbered, frozen=True, tag="cancel"):
    order_id: str


class BatchCancel(Numbered, frozen=True, tag="batch_cancel"):
    market_id: str
    cancel_scope: str = "ALL"


class SetGroup(Numbered, frozen=True, tag="group_set"):
    """Have the exchange brake orders of this group: no more than so many shares in so long."""

    market_id: str
    group_id: str
    max_fill_quantity: Shares
    window_ms: Ms


class ResetGroup(Numbered, frozen=True, tag="group_reset"):
    market_id: str
    group_id: str


class Mint(Numbered, frozen=True, tag="mint"):
    market_id: str
    quantity: Shares
    idempotency_key: str


class Burn(Numbered, frozen=True, tag="burn"):
    market_id: str
    quantity: Shares
    idempotency_key: str


class Sync(Numbered, frozen=True, tag="sync"):
    market_id: str


class Severity(Enum):
    INFO = "INFO"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"


class AlertKind(Enum):
    LOSS_WARNING = "LOSS_WARNING"
    INVENTORY_WARNING = "INVENTORY_WARNING"
    INVENTORY_DANGER = "INVENTORY_DANGER"
    INVENTORY_DRIFT = "INVENTORY_DRIFT"
    NETTING_OVERRIDE = "NETTING_OVERRIDE"
    API_ERRORS = "API_ERRORS"
    VPIN = "VPIN"
    KILL_SWITCH = "KILL_SWITCH"
    ORPHAN_ORDER = "ORPHAN_ORDER"
    GHOST_ORDER = "GHOST_ORDER"
    FOREIGN_CANCEL = "FOREIGN_CANCEL"
    SELF_TRADE = "SELF_TRADE"
    SANITIZER = "SANITIZER"
    ORDER_GROUP = "ORDER_GROUP"
    COMMAND_REFUSED = "COMMAND_REFUSED"
    PROGRAMMING_ERROR = "PROGRAMMING_ERROR"
    MARKET_UNAUTHORISED = "MARKET_UNAUTHORISED"
    NO_INVENTORY = "NO_INVENTORY"
    NOT_ACTIVE = "NOT_ACTIVE"
    STREAM_GAP = "STREAM_GAP"
    UNCONFIRMED_CANCELS = "UNCONFIRMED_CANCELS"
    CRASHED = "TASK_CRASHED"
    CONFIG_REFUSED = "CONFIG_REFUSED"
    STREAM_DOWN = "STREAM_DOWN"  # of the process, like the next
    REDIS_DOWN = "REDIS_DOWN"


class Alert(msgspec.Struct, frozen=True):
    """Something a person should know."""

    market_id: str
    kind: AlertKind
    severity: Severity
    detail: str


class SaveLatch(msgspec.Struct, frozen=True):
    """Store the kill latch where a restarted process finds it, before anything that follows is sent."""

    market_id: str
    reasons: tuple[str, ...]


class ClearLatch(msgspec.Struct, frozen=True):
    market_id: str


class RequestSnapshot(msgspec.Struct, frozen=True):
    """Ask the book feed for a snapshot: a delta is missing."""

    market_id: str


class DropConnections(msgspec.Struct, frozen=True):
    """Close every command connection so that the exchange's guard removes what we could not cancel."""

    market_id: str


class RenewToken(msgspec.Struct, frozen=True):
    """The exchange does not take us for the maker any more."""

    market_id: str


Command: TypeAlias = Place | Replace | Cancel | BatchCancel | SetGroup | ResetGroup | Mint | Burn | Sync
Action: TypeAlias = Command | Alert | SaveLatch | ClearLatch | RequestSnapshot | DropConnections | RenewToken
