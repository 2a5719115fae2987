"""Orders of the past as plain values: what a snapshot holds of them, and what a command may bring of them.

It knows what an order was, and not what an order is: so commands can carry it.
"""

import msgspec

from kernel.codes import (
    BookType,
    CancelReason,
    Direction,
    OrderStatus,
    SelfTradeMode,
    Side,
    TimeInForce,
)


class OrderImage(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """Nothing in it leads back, which spares the garbage collector."""

    id: str
    client_order_id: str
    user_id: str
    market_id: str
    side: Side
    direction: Direction
    price: int
    book_type: BookType
    book_price: int
    is_bid: bool
    time_in_force: TimeInForce
    expires_at: int | None
    post_only: bool
    max_cost_cents: int | None
    self_trade_mode: SelfTradeMode
    group_id: str | None
    quantity: int
    remaining: int
    frozen: int
    accepted_seq: int
    replaces: str | None
    created_at: int
    updated_at: int
    status: OrderStatus
    cancel_reason: CancelReason | None
    priority_seq: int
    amend_count: int
    accepted_price: int
    accepted_quantity: int
    eligible: bool


class Past(msgspec.Struct, frozen=True, gc=False):
    """What somebody who was asked has found of the orders that a command names and memory no longer holds."""

    as_of: int
    """The journal id up to which it was looked for."""
    orders: tuple[OrderImage, ...] = ()
    absent: tuple[str, ...] = ()
    """Names that nothing was found under."""
    absent_ids: tuple[str, ...] = ()
    """The same of ids."""
