"""What workers of market-making orders receive: leases, and what a cycle needs to know."""

from typing import Any

from adapters.wire.responses import Id, Shape
from kernel.codes import Direction, OrderStatus, Side
from kernel.making_edges import (
    MmAsset,
    MmControl,
    MmDirection,
    MmLegStatus,
    MmLocation,
    MmState,
    MmVenueTask,
)


class DueItemShape(Shape, frozen=True):
    market_id: str
    due: int
    """Orders whose next cycle may begin."""
    next_due_at_ms: int | None


class DueShape(Shape, frozen=True):
    items: list[DueItemShape]


class HeldShape(Shape, frozen=True):
    volume: int
    free: int


class RoomShape(Shape, frozen=True):
    """How many more shares the owner's position limit lets it buy."""

    yes: int
    no: int


class LeasedOrderShape(Shape, frozen=True, kw_only=True):
    """One of the order's own on the book."""

    id: Id
    client_order_id: str
    market_id: str
    original_side: Side
    original_direction: Direction
    original_price_cents: int
    quantity: int
    filled_quantity: int
    remaining_quantity: int
    status: OrderStatus


class LeasedMarketShape(Shape, frozen=True, kw_only=True):
    id: str
    min_price_cents: int
    max_price_cents: int
    max_order_quantity: int
    max_order_amount_cents: int
    freeze_bps: int
    """The part of its value that a buy sets aside for the fee."""


class LeasedBookShape(Shape, frozen=True):
    """The best levels of each side, own orders included: price and shares."""

    bids: list[tuple[int, int]]
    asks: list[tuple[int, int]]


class LeasedAwayShape(Shape, frozen=True):
    cash_cents: int
    yes: int
    no: int


class LeaseShape(Shape, frozen=True, kw_only=True):
    """The right to run one cycle of one order, and all that is needed for it, as of this moment."""

    order_id: Id
    account: str
    cycle_no: int
    fence: int
    token: str
    lease_ms: int
    lateness_ms: int
    strategy: str
    terms: dict[str, Any]
    cash_cents: int
    """Available."""
    yes: HeldShape
    no: HeldShape
    room: RoomShape
    orders: list[LeasedOrderShape]
    market: LeasedMarketShape
    book: LeasedBookShape
    last_trade_price_cents: int | None
    venue: str
    """Where it quotes: internal is this exchange."""
    away: LeasedAwayShape
    """What of it is elsewhere."""


class LeasesShape(Shape, frozen=True):
    market_id: str
    leases: list[LeaseShape]
    more: bool
    """Others are due."""
    next_due_at_ms: int | None


class LeaseIsShape(Shape, frozen=True):
    """A lease as it is after a renewal or a release."""

    order_id: Id
    cycle_no: int
    until_ms: int | None
    """Null: it is over."""
    next_cycle_at_ms: int | None
    repeated: bool


class VenueLegShape(Shape, frozen=True, kw_only=True):
    """One asset on its way to a venue, or back: one attempt to move it."""

    direction: MmDirection
    leg: MmAsset
    attempt: int
    request_key: str
    """By which the venue is to know the request again."""
    amount: int
    status: MmLegStatus
    tx_id: str | None
    claimed_by: str | None
    claimed_until_ms: int | None


class VenueIsShape(Shape, frozen=True, kw_only=True):
    """How far an order's money has come."""

    order_id: Id
    market_id: str
    venue: str
    state: MmState
    location: MmLocation
    drained: bool
    pending_command: MmControl | None
    reconcile_required: bool
    deadline_at_ms: int | None
    leg: VenueLegShape | None
    """That of the step, as it is now."""
    legs: list[VenueLegShape]
    """The newest attempt of each that goes the same way."""
    repeated: bool
    """The step was taken before: nothing happened now."""


class VenueItemShape(Shape, frozen=True, kw_only=True):
    """An order that waits for a step."""

    order_id: Id
    market_id: str
    venue: str
    state: MmState
    location: MmLocation
    task: MmVenueTask
    deadline_at_ms: int | None
    legs: list[VenueLegShape]


class VenueDueShape(Shape, frozen=True):
    items: list[VenueItemShape]
    more: bool
    """Others follow, behind the last of these."""
