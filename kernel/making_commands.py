"""What can be asked of market-making orders: the commands, and what an order is created with.

Settings come inside commands: the limits are asked at creation, the policy is pinned in the order with its
terms, so a setting that is changed holds for new orders only.
"""

import enum
from typing import Final

import msgspec

from kernel.command import Command
from kernel.making_edges import MmAsset, MmCaseOutcome, MmControl, MmDirection, MmOutcome, MmStep

INTERNAL: Final = "internal"
"""The venue that is this exchange."""


class LayerChange(enum.StrEnum):
    """How the quantity grows from one level to the next."""

    FIXED = "fixed"
    PERCENTAGE = "percentage"


class PriceSource(enum.StrEnum):
    """Around which price of the market an order quotes."""

    MID = "MID"
    MICRO = "MICRO"
    LAST = "LAST"


class CampaignStatus(enum.StrEnum):
    """How far a campaign has come. The last two are ends."""

    DRAFT = "draft"
    ACTIVE = "active"
    ENDED = "ended"
    SETTLED = "settled"
    CANCELLED = "cancelled"


class CampaignControl(enum.StrEnum):
    """What an administrator may tell a campaign to do."""

    ACTIVATE = "ACTIVATE"
    CANCEL = "CANCEL"


class CampaignTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What a campaign pays, when, and for what. Fixed when it is created."""

    name: str
    starts_at: int
    ends_at: int
    reward_pool_cents: int
    min_cash_cents: int = 0
    """An order takes part that requires so much cash,"""
    max_half_spread_cents: int = 30
    """and quotes no further from the middle; what of it trades further away does not count."""
    max_participants: int = 0
    """0: as many as any campaign may have."""


class MmTerms(msgspec.Struct, frozen=True, kw_only=True):
    """How an order is to quote. Pinned when it is created."""

    bid_half_spread_cents: int = 2
    ask_half_spread_cents: int = 2
    order_qty: int = 10
    levels: int = 1
    level_step_cents: int = 1
    amount_change_per_layer: int = 0
    amount_change_type: LayerChange = LayerChange.FIXED
    refresh_interval_ms: int = 10_000
    refresh_tolerance_cents: int = 0
    qty_tolerance_pct: int = 20
    price_source: PriceSource = PriceSource.MID
    floor_price_cents: int = 1
    ceiling_price_cents: int = 99
    inventory_skew: bool = True
    max_loss_cents: int | None = None
    """Null only in a request: then a fifth of the cash that is required."""
    max_position_per_side: int = 5_000
    auto_merge_min_pairs: int = 10
    auto_start: bool = True
    campaign_required: bool = False


class MmPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How the exchange treats an order. Pinned when it is created."""

    min_cash_cents: int = 10_000
    service_fee_bps: int = 0
    payment_timeout_ms: int = 600_000
    withdrawal_timeout_ms: int = 1_800_000
    lease_ms: int = 15_000
    cycle_deadline_ms: int = 10_000
    max_cycle_failures: int = 5
    stale_quotes_ms: int = 60_000
    suspend_pause_ms: int = 300_000
    auto_refund: bool = True
    changes_per_hour: int = 120
    """Commands of the owner that are accepted in an hour."""


class MmLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What keeps one user from exhausting memory, processor or journal. Asked when an order is created."""

    min_minutes_left: int = 60
    """Of trading."""
    active_per_user: int = 20
    active_per_user_market: int = 5
    active_per_market: int = 200
    orders_per_user: int = 500
    """Ever."""
    cycles_per_second: int = 200
    """That the active orders together may reserve."""
    cycles_per_second_per_user: int = 5


class VenueRules(msgspec.Struct, frozen=True, kw_only=True):
    """Whether, where and with how much markets may be made elsewhere: what whoever runs the exchange says."""

    enabled: bool = False
    names: tuple[str, ...] = ()
    max_cents: int = 10_000_000
    """Cash of one order."""
    max_cents_per_day: int = 100_000_000
    """Cash that leaves on one day, by UTC."""


class MmCommand(Command, frozen=True, kw_only=True):
    """What all commands for an order share that is there already."""

    order_id: str

    @property
    def acts_on(self) -> str:
        return self.order_id


class CreateMmOrder(Command, frozen=True, kw_only=True, tag="CREATE_MM_ORDER"):
    """Make a market with this budget and these terms, once it is paid."""

    user_id: str
    market_id: str
    terms: MmTerms = MmTerms()
    required_cash_cents: int
    required_yes_shares: int = 0
    required_no_shares: int = 0
    venue: str = INTERNAL
    campaign_id: str | None = None
    key: str | None = None
    """The owner's name for the request: one key makes one order."""
    nonce: int
    policy: MmPolicy = MmPolicy()
    limits: MmLimits = MmLimits()
    venue_rules: VenueRules = VenueRules()


class PayMmOrder(MmCommand, frozen=True, kw_only=True, tag="PAY_MM_ORDER"):
    """Pay so much of one leg, once per key."""

    user_id: str
    asset: MmAsset
    amount: int
    key: str


class ControlMmOrder(MmCommand, frozen=True, kw_only=True, tag="CONTROL_MM_ORDER"):
    """Tell an order what to do: its owner, or an administrator, who says why."""

    control: MmControl
    user_id: str | None = None
    """The owner; null for an administrator."""
    by: str | None = None
    by_id: str | None = None
    """The administrator's user."""
    reason: str | None = None
    """In an administrator's words."""
    key: str
    """By which the same request is known again, while it is among the newest of the order."""


class WithdrawMmOrder(MmCommand, frozen=True, kw_only=True, tag="WITHDRAW_MM_ORDER"):
    """Take out so much, or all that there is."""

    user_id: str
    amount_cents: int = 0
    yes_shares: int = 0
    no_shares: int = 0
    all: bool = False
    merge_pairs: bool = False
    """Burn free pairs into cash first."""
    pause_first: bool = False
    key: str
    nonce: int


# Campaigns


class CreateMmCampaign(Command, frozen=True, kw_only=True, tag="CREATE_MM_CAMPAIGN"):
    """Prepare a reward for quoting a market; nobody can join, and nothing is paid, before it is activated."""

    market_id: str
    terms: CampaignTerms
    by: str
    by_id: str
    """The administrator's user, as the next."""
    key: str | None = None
    """One key makes one campaign."""
    nonce: int


class ControlMmCampaign(Command, frozen=True, kw_only=True, tag="CONTROL_MM_CAMPAIGN"):
    """Begin a campaign, which whoever says so pays for; or end it and have the money back."""

    campaign_id: str
    control: CampaignControl
    by: str
    by_id: str

    @property
    def acts_on(self) -> str:
        return self.campaign_id


class JoinMmCampaign(MmCommand, frozen=True, kw_only=True, tag="JOIN_MM_CAMPAIGN"):
    """Take part with an order that did not choose a campaign when it was created."""

    user_id: str
    campaign_id: str
    key: str


class NoteMmCampaign(MmCommand, frozen=True, kw_only=True, tag="NOTE_MM_CAMPAIGN"):
    """What came of telling somebody outside that an order takes part. It changes nothing here."""

    worker_id: str
    external_ref: str | None = None
    """By which it is known there."""
    error: str | None = None


# Workers


class AcquireMmLeases(Command, frozen=True, kw_only=True, tag="ACQUIRE_MM_LEASES"):
    """Have the orders of a market whose next cycle is due, each with a lease of its own."""

    market_id: str
    worker_id: str
    strategies: tuple[str, ...]
    """What the worker can carry out, by name and version."""
    venues: tuple[str, ...] = ()
    """Where it can quote besides this exchange."""
    limit: int
    nonce: int


class MmLeaseCommand(MmCommand, frozen=True, kw_only=True):
    """What is asked for by whoever holds a lease."""

    worker_id: str
    fence: int
    token: str


class RenewMmLease(MmLeaseCommand, frozen=True, kw_only=True, tag="RENEW_MM_LEASE"):
    """More time for the same cycle."""


class MmCounts(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a cycle came to, by its worker's count."""

    placed: int = 0
    replaced: int = 0
    cancelled: int = 0
    burned: int = 0
    skipped: int = 0


class ReleaseMmLease(MmLeaseCommand, frozen=True, kw_only=True, tag="RELEASE_MM_LEASE"):
    """The cycle is over."""

    outcome: MmOutcome
    counts: MmCounts = MmCounts()
    error: str | None = None
    equity_cents: int | None = None
    """Of an order that is quoted elsewhere: what it has there."""


# Venues elsewhere


class StepMmVenue(MmCommand, frozen=True, kw_only=True, tag="STEP_MM_VENUE"):
    """One step of money to a venue or back, by the worker that calls it: before each call, and after it."""

    worker_id: str
    direction: MmDirection
    step: MmStep
    leg: MmAsset | None = None
    """Null where it is about the whole order."""
    attempt: int = 1
    tx_id: str | None = None
    """The venue's name for what it accepted."""
    amount: int | None = None
    """What has arrived."""
    venue_rules: VenueRules = VenueRules()


class Observed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What came back of an order's money, by the evidence."""

    cash_cents: int
    yes: int
    no: int


class ReconcileMmOrder(MmCommand, frozen=True, kw_only=True, tag="RECONCILE_MM_ORDER"):
    """Close the case of an order: an administrator has found out where its money is."""

    outcome: MmCaseOutcome
    observed: Observed | None = None
    """What is back, where it was recovered."""
    evidence: str
    reason: str
    by: str
    by_id: str


AnyMmCommand = (
    CreateMmOrder
    | PayMmOrder
    | ControlMmOrder
    | WithdrawMmOrder
    | AcquireMmLeases
    | RenewMmLease
    | ReleaseMmLease
    | CreateMmCampaign
    | ControlMmCampaign
    | JoinMmCampaign
    | NoteMmCampaign
    | StepMmVenue
    | ReconcileMmOrder
)
