"""The exchange's public messages as the market maker sees them, field for field as they are on the wire.

Only what the maker reads is named; other members are ignored. This file knows shapes, not meanings.
"""

from enum import Enum
from typing import Any, TypeAlias

import msgspec

from amm.brain.arithmetic import Cents, Ms, Shares
from amm.brain.quoting.ladder import Outcome as Outcome


class Direction(Enum):
    BUY = "BUY"
    SELL = "SELL"


class Role(Enum):
    MAKER = "MAKER"
    TAKER = "TAKER"


class OrderStatus(Enum):
    NEW = "NEW"
    OPEN = "OPEN"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"


class MarketStatus(Enum):
    DRAFT = "DRAFT"
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    HALTED = "HALTED"
    RESOLVED = "RESOLVED"
    SETTLED = "SETTLED"
    VOIDED = "VOIDED"


class StopMode(Enum):
    GRACEFUL = "GRACEFUL"
    IMMEDIATE = "IMMEDIATE"


class UpdateType(Enum):
    SNAPSHOT = "SNAPSHOT"
    DELTA = "DELTA"


# Private events.


class Party(msgspec.Struct, frozen=True):
    user_id: str | None
    order_id: str | None
    role: Role
    fee_cents: Cents


class Trade(msgspec.Struct, frozen=True):
    """One fill. Buyer and seller are the book's sides; the price is that of YES."""

    trade_id: str
    price_cents: Cents
    quantity: Shares
    buyer: Party
    seller: Party


class OrderView(msgspec.Struct, frozen=True):
    order_id: str
    user_id: str
    side: Outcome
    direction: Direction
    price_cents: Cents
    original_quantity: Shares
    filled_quantity: Shares
    remaining_quantity: Shares
    status: OrderStatus
    previous_status: OrderStatus


class TradeExecuted(msgspec.Struct, frozen=True, tag_field="event_type", tag="TRADE_EXECUTED"):
    timestamp_ms: Ms
    market_id: str
    trade: Trade


class OrderStatusChanged(msgspec.Struct, frozen=True, tag_field="event_type", tag="ORDER_STATUS_CHANGED"):
    timestamp_ms: Ms
    market_id: str
    order: OrderView


class MarketStatusChanged(msgspec.Struct, frozen=True, tag_field="event_type", tag="MARKET_STATUS_CHANGED"):
    timestamp_ms: Ms
    market_id: str
    new_status: MarketStatus
    resolution_result: str | None = None


class GroupView(msgspec.Struct, frozen=True):
    group_id: str
    user_id: str
    state: str


class OrderGroupChanged(msgspec.Struct, frozen=True, tag_field="event_type", tag="ORDER_GROUP_CHANGED"):
    timestamp_ms: Ms
    market_id: str
    group: GroupView


class AmmStarted(msgspec.Struct, frozen=True, tag_field="event_type", tag="AMM_STARTED"):
    timestamp_ms: Ms
    market_id: str
    initial_budget_cents: Cents
    initial_price_cents: Cents
    config_override: dict[str, Any] | None = None


class AmmStopped(msgspec.Struct, frozen=True, tag_field="event_type", tag="AMM_STOPPED"):
    timestamp_ms: Ms
    market_id: str
    stop_mode: StopMode | None = None


Event: TypeAlias = (
    TradeExecuted | OrderStatusChanged | MarketStatusChanged | OrderGroupChanged | AmmStarted | AmmStopped
)


class EventMessage(msgspec.Struct, frozen=True):
    """One private event with its place: `n` counts this connection's events, `seq` is the journal id."""

    n: int
    seq: int
    data: Event


# The public book.


class BookLevel(msgspec.Struct, frozen=True):
    price_cents: Cents
    total_quantity: Shares


class Levels(msgspec.Struct, frozen=True):
    bids: list[BookLevel]
    asks: list[BookLevel]


class BookUpdate(msgspec.Struct, frozen=True, tag_field="type", tag="ORDERBOOK_UPDATE"):
    update_type: UpdateType
    sequence_id: int
    market_id: str
    timestamp_ms: Ms
    yes: Levels


# Answers to commands.


class Order(msgspec.Struct, frozen=True):
    id: str
    client_order_id: str
    market_id: str
    original_side: Outcome
    original_direction: Direction
    original_price_cents: Cents
    quantity: Shares
    filled_quantity: Shares
    remaining_quantity: Shares
    status: OrderStatus


class Placed(msgspec.Struct, frozen=True):
    order: Order


class Replaced(msgspec.Struct, frozen=True):
    old_order_id: str
    new_order: Order


class Cancelled(msgspec.Struct, frozen=True):
    order_id: str
    remaining_quantity_cancelled: Shares


class BatchCancelled(msgspec.Struct, frozen=True):
    market_id: str
    cancelled_count: int


class GroupStands(msgspec.Struct, frozen=True):
    state: str


class Minted(msgspec.Struct, frozen=True):
    market_id: str
    minted_quantity: Shares


class Burned(msgspec.Struct, frozen=True):
    market_id: str
    burned_quantity: Shares


class Balance(msgspec.Struct, frozen=True):
    available_balance_cents: Cents
    frozen_balance_cents: Cents


class Holding(msgspec.Struct, frozen=True):
    volume: Shares
    cost_sum_cents: Cents


class Position(msgspec.Struct, frozen=True):
    yes: Holding
    no: Holding


class Market(msgspec.Struct, frozen=True):
    """What the maker needs to know of a market; dates are RFC 3339 as they come."""

    id: str
    status: MarketStatus
    min_price_cents: Cents
    max_price_cents: Cents
    max_order_quantity: Shares
    maker_fee_bps: int
    taker_fee_bps: int
    trading_start_at: str | None = None
    trading_end_at: str | None = None
    resolution_date: str | None = None
    resolution_result: str | None = None


class Synced(msgspec.Struct, frozen=True):
    """Everything of one market as of one journal id."""

    as_of_seq: int
    balance: Balance
    position: Position
    orders: list[Order]
    market: Market


class SyncedPart(msgspec.Struct, frozen=True):
    """Orders of a view that is too large for one message; the last come with the result."""

    orders: list[Order]


class PartlyFilled(msgspec.Struct, frozen=True):
    """With 6001: the old order had fills, what was left of it is cancelled, nothing was placed."""

    old_order_id: str
    filled_quantity: Shares
    remaining_quantity_cancelled: Shares


class FullyFilled(msgspec.Struct, frozen=True):
    """With 6003."""

    old_order_id: str
    total_filled_quantity: Shares


class OutsideCollar(msgspec.Struct, frozen=True):
    """With 4011: the band, in YES cents, that the price had to lie in."""

    lowest_cents: Cents
    highest_cents: Cents


class RateLimited(msgspec.Struct, frozen=True):
    """With 9001: `reset` is the Unix second at which the window ends."""

    limit: int
    remaining: int
    reset: int


Data: TypeAlias = (
    Placed
    | Replaced
    | Cancelled
    | BatchCancelled
    | GroupStands
    | Minted
    | Burned
    | Synced
    | PartlyFilled
    | FullyFilled
    | OutsideCollar
    | RateLimited
)

SUCCESS_DATA: dict[str, type] = {
    "place": Placed,
    "replace": Replaced,
    "cancel": Cancelled,
    "batch_cancel": BatchCancelled,
    "group_set": GroupStands,
    "group_reset": GroupStands,
    "mint": Minted,
    "burn": Burned,
    "sync": Synced,
}
"""Which shape the data of a successful answer has, by the command's op."""

REFUSAL_DATA: dict[int, type] = {
    4011: OutsideCollar,
    6001: PartlyFilled,
    6003: FullyFilled,
    9001: RateLimited,
}
"""Which shape the data of a refusal has, by its code; every other code's data is of no use to the maker."""


class AmmMarket(msgspec.Struct, frozen=True):
    """One line of what the exchange says should run."""

    market_id: str
    status: str
    initial_budget_cents: Cents
    initial_price_cents: Cents
    first_started_at: str
    """Of the first start in this market, whatever became of it; `started_at` is the present one's."""
    started_at: str
    config_override: dict[str, Any] | None = None
    stopped_at: str | None = None
    stop_mode: StopMode | None = None
