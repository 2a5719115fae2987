"""What is answered about market-making orders: values that later commands cannot change."""

import msgspec

from kernel.codes import Direction, Side
from kernel.making_commands import CampaignStatus, CampaignTerms, MmPolicy, MmTerms
from kernel.making_edges import MmAsset, MmControl, MmLocation, MmOutcome, MmReason, MmState
from kernel.making_events import MmCase, VenueLeg


class MmLeg(msgspec.Struct, frozen=True):
    asset: MmAsset
    required: int
    received: int
    outstanding: int


class MmFunds(msgspec.Struct, frozen=True):
    """What the account of an order holds."""

    account: str
    cash_cents: int
    frozen_cents: int
    yes: int
    no: int
    yes_free: int
    no_free: int


class MmAway(msgspec.Struct, frozen=True):
    """What of an order is on its way to a venue, there, or on its way back."""

    cash_cents: int
    yes: int
    no: int


class MmQuote(msgspec.Struct, frozen=True):
    """One of an order's own orders on the book."""

    order_id: str
    client_order_id: str
    side: Side
    direction: Direction
    price_cents: int
    quantity: int
    remaining_quantity: int


class MmFailure(msgspec.Struct, frozen=True):
    code: MmReason
    failed_from: MmState
    reconcile_required: bool


class MmCycle(msgspec.Struct, frozen=True):
    """The newest cycle that has ended."""

    number: int
    at: int
    outcome: MmOutcome
    skipped: int
    lateness_ms: int


class MmPaid(msgspec.Struct, frozen=True):
    """One payment."""

    key: str
    asset: MmAsset
    amount: int
    at: int
    journal_id: int


class MmPart(msgspec.Struct, frozen=True):
    """An order's part in its campaign, which it has joined or is yet to join."""

    campaign_id: str
    status: CampaignStatus
    """The campaign's."""
    contribution_cents: int
    reward_cents: int


class MmOrderNow(msgspec.Struct, frozen=True):
    """An order at one moment."""

    order_id: str
    user_id: str
    market_id: str
    state: MmState
    drained: bool
    held: bool
    reason: MmReason
    refund_due: bool
    venue: str
    location: MmLocation
    strategy: str
    terms: MmTerms
    policy: MmPolicy
    snapshot_hash: str
    legs: tuple[MmLeg, ...]
    payments: tuple[MmPaid, ...]
    payment_deadline: int
    escrow: MmFunds
    away: MmAway
    equity_cents: int
    pnl_cents: int
    rewards_cents: int
    fees_cents: int
    quotes: tuple[MmQuote, ...]
    campaign: MmPart | None
    failure: MmFailure | None
    pending_command: MmControl | None
    seq: int
    version: int
    last_cycle: MmCycle | None
    next_cycle_at: int | None
    created_at: int
    updated_at: int


class MmOrderIs(msgspec.Struct, frozen=True):
    """An order as a command left it."""

    order: MmOrderNow
    changed: bool = True
    """False: it was so already, and nothing happened."""
    repeated: bool = False
    """Asked for before under the same key: nothing happened now."""


class MmPaymentMade(msgspec.Struct, frozen=True):
    payment: MmPaid
    order: MmOrderNow
    repeated: bool = False


class MmWithdrawn(msgspec.Struct, frozen=True):
    """What a withdrawal has moved, and how it left the order."""

    cash_cents: int
    yes: int
    no: int
    burned_pairs: int
    netted_pairs: int
    """That turned into cash where the shares arrived."""
    order: MmOrderNow
    repeated: bool = False


class MmHeld(msgspec.Struct, frozen=True, array_like=True):
    """Shares of one side."""

    volume: int
    free: int


class MmLease(msgspec.Struct, frozen=True):
    """The right to run one cycle, with all that it needs to know, as of the moment of the lease."""

    order_id: str
    account: str
    cycle_no: int
    fence: int
    token: str
    lease_ms: int
    lateness_ms: int
    strategy: str
    terms: MmTerms
    cash_cents: int
    """Available; what open buys have set aside is not in it."""
    yes: MmHeld
    no: MmHeld
    room_yes: int
    """What the owner's position limit leaves."""
    room_no: int
    orders: tuple[MmQuote, ...]
    market_id: str
    min_price_cents: int
    max_price_cents: int
    max_order_quantity: int
    max_order_amount_cents: int
    freeze_bps: int
    bids: tuple[tuple[int, int], ...]
    """The best levels, own orders included: price and quantity."""
    asks: tuple[tuple[int, int], ...]
    last_trade_price_cents: int | None
    venue: str
    away: MmAway


class MmLeases(msgspec.Struct, frozen=True):
    market_id: str
    leases: tuple[MmLease, ...]
    more: bool
    """Others are due."""
    next_due_at: int | None


class MmLeaseIs(msgspec.Struct, frozen=True):
    """A lease as a renewal or a release left it."""

    order_id: str
    cycle_no: int
    until: int | None
    """Null once it is released."""
    next_cycle_at: int | None
    repeated: bool = False


class MmCampaignNow(msgspec.Struct, frozen=True):
    """A campaign at one moment."""

    campaign_id: str
    market_id: str
    terms: CampaignTerms
    status: CampaignStatus
    sponsor_id: str | None
    participants: int
    """That ever joined."""
    contribution_cents: int
    """Of all of them."""
    rewarded_cents: int
    returned_cents: int
    created_at: int
    updated_at: int


class MmCampaignIs(msgspec.Struct, frozen=True):
    """A campaign as a command left it."""

    campaign: MmCampaignNow
    changed: bool = True
    repeated: bool = False


class MmVenueIs(msgspec.Struct, frozen=True):
    """How far the money of an order has come on its way, as a step left it."""

    order_id: str
    market_id: str
    venue: str
    state: MmState
    location: MmLocation
    drained: bool
    pending_command: MmControl | None
    reconcile_required: bool
    deadline: int | None
    leg: VenueLeg | None
    """That of the step, as it is now; null where the step was about all of the order."""
    legs: tuple[VenueLeg, ...]
    """The newest attempt of each that goes the same way."""
    repeated: bool = False


class MmReconciled(msgspec.Struct, frozen=True):
    """A case, as an administrator left it."""

    order: MmOrderNow
    case: MmCase
    changed: bool = True
    repeated: bool = False
    waits: bool = False
    """For another administrator, who must say the same."""


AnyMmAnswer = (
    MmOrderIs | MmPaymentMade | MmWithdrawn | MmLeases | MmLeaseIs | MmCampaignIs | MmVenueIs | MmReconciled
)
