"""Orders and keys of the past as plain values: what a snapshot has of them, and what a command may bring.

It knows what an order was, and not what an order is: so commands can carry it.
"""

import msgspec

from kernel.codes import (
    BookType,
    CancelReason,
    Direction,
    KeyKind,
    OrderStatus,
    ReferenceType,
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


class KeyUse(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """What was asked for under an idempotency key, and what was answered."""

    kind: KeyKind
    idempotency_key: str
    journal_id: int
    """Of the fact that did it."""
    at: int
    user_id: str
    """Whose cash or shares moved; of a transfer, who gave."""
    to_user_id: str | None
    market_id: str | None
    """Null where cash was transferred."""
    reference_type: ReferenceType | None
    side: Side | None
    quantity: int
    """Pairs, shares, or cents that were transferred."""
    cents: int
    """That pairs cost or brought; the next three were the account's afterwards."""
    yes_volume: int
    no_volume: int
    balance: int


class PastPosition(msgspec.Struct, frozen=True, gc=False):
    """What a position in a market that is over came to. It holds nothing."""

    market_id: str
    updated_at: int
    realized_pnl: int
    fees_paid: int


class Past(msgspec.Struct, frozen=True, gc=False):
    """What somebody who was asked has found of what a command names and memory no longer holds."""

    as_of: int
    """The journal id up to which it was looked for."""
    orders: tuple[OrderImage, ...] = ()
    absent: tuple[str, ...] = ()
    """Names and keys that nothing was found under."""
    absent_ids: tuple[str, ...] = ()
    """The same of ids."""
    keys: tuple[KeyUse, ...] = ()
