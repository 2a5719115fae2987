"""What can have happened to market-making orders. Money, shares and orders on the book have events of their
own, which come ahead of the one that they belong to.
"""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from kernel.event import Event
from kernel.making_commands import CampaignStatus, CampaignTerms, MmCounts, MmPolicy, MmTerms, Observed
from kernel.making_edges import (
    MmActor,
    MmAsset,
    MmCaseOutcome,
    MmControl,
    MmDirection,
    MmKind,
    MmLegStatus,
    MmLocation,
    MmOutcome,
    MmReason,
    MmState,
)


class MmOrderCreated(Event, frozen=True, tag="MM_ORDER_CREATED"):
    """An order came to be. Its trail begins with the event that follows."""

    order_id: str
    user_id: str
    escrow_id: str
    strategy: str
    terms: MmTerms
    policy: MmPolicy
    snapshot_hash: str
    """SHA-256 of strategy, terms and policy as JSON, keys sorted and no spaces."""
    required_cash_cents: int
    required_yes_shares: int
    required_no_shares: int
    venue: str
    campaign_id: str | None
    payment_deadline: int
    idempotency_key: str | None
    request: str | None
    """SHA-256 of what was asked for, if it had a key."""


class MmAfter(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The members of an order that an event changed, as they are after it; the others are left out."""

    location: MmLocation | UnsetType = UNSET
    held: bool | UnsetType = UNSET
    external_submitted: bool | UnsetType = UNSET
    reconcile_required: bool | UnsetType = UNSET
    refund_due: bool | UnsetType = UNSET
    failure_code: MmReason | UnsetType | None = UNSET
    failed_from: MmState | UnsetType | None = UNSET
    next_cycle_at: int | UnsetType | None = UNSET
    consecutive_failures: int | UnsetType = UNSET
    pause_due_at: int | UnsetType | None = UNSET
    is_unattended: bool | UnsetType = UNSET
    received_cash_cents: int | UnsetType = UNSET
    received_yes_shares: int | UnsetType = UNSET
    received_no_shares: int | UnsetType = UNSET
    paid_in_cents: int | UnsetType = UNSET
    paid_out_cents: int | UnsetType = UNSET
    rewards_cents: int | UnsetType = UNSET
    fees_cents: int | UnsetType = UNSET
    campaign_id: str | UnsetType | None = UNSET
    pending_command: MmControl | UnsetType | None = UNSET
    rests_away: bool | UnsetType = UNSET
    venue_due_at: int | UnsetType | None = UNSET


class MmPayment(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What was paid under a key."""

    key: str
    asset: MmAsset
    amount: int


class MmWithdrawal(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What was taken out under a key."""

    key: str
    cash_cents: int
    yes: int
    no: int
    burned_pairs: int
    netted_pairs: int
    """That turned into cash where the shares arrived."""
    request: str
    """What was asked for, by which the same request is known again."""


class MmOrderChanged(Event, frozen=True, tag="MM_ORDER_CHANGED"):
    """One entry of an order's trail."""

    order_id: str
    user_id: str
    """The owner."""
    seq: int
    kind: MmKind
    from_state: MmState | None
    to_state: MmState
    job_name: str
    """The command that did it."""
    trigger_id: str
    actor_type: MmActor
    actor_id: str | None
    reason: MmReason
    version: int
    fence: int
    data: dict[str, Any] | None = None
    after: MmAfter | None = None
    payment: MmPayment | None = None
    withdrawal: MmWithdrawal | None = None
    request: str | None = None
    """By which the same request is known again, if this is the first that a caller's command did."""
    drained: bool = True
    """Nothing of it rests anywhere, as the event left it; as are the next two."""
    allowed_commands: tuple[str, ...] = ()
    """What its owner may tell it."""
    awaited: bool = False
    """It waits for something at a venue elsewhere."""


class MmLeaseAcquired(Event, frozen=True, tag="MM_LEASE_ACQUIRED"):
    """A worker has an order for one cycle."""

    order_id: str
    user_id: str
    cycle_no: int
    fence: int
    token: str
    worker_id: str
    until: int
    lateness_ms: int


class MmLeaseRenewed(Event, frozen=True, tag="MM_LEASE_RENEWED"):
    order_id: str
    cycle_no: int
    until: int


class MmLeaseReleased(Event, frozen=True, tag="MM_LEASE_RELEASED"):
    """A cycle is over: by its worker's word, or because it was interrupted, or its time ran out."""

    order_id: str
    user_id: str
    cycle_no: int
    outcome: MmOutcome
    fence: int
    worker_id: str
    started_at: int
    lateness_ms: int
    counts: MmCounts
    error: str | None
    bid_cents: int | None
    """The order's own best, as it is left; as the next one."""
    ask_cents: int | None
    mark_half_cents: int
    equity_cents: int
    next_cycle_at: int | None
    consecutive_failures: int


class MmCampaignCreated(Event, frozen=True, tag="MM_CAMPAIGN_CREATED"):
    """A campaign came to be, as a draft."""

    campaign_id: str
    terms: CampaignTerms
    by: str
    by_id: str
    idempotency_key: str | None
    request: str | None
    """SHA-256 of what was asked for, if it had a key."""


class MmCampaignChanged(Event, frozen=True, tag="MM_CAMPAIGN_CHANGED"):
    """A campaign has another status."""

    campaign_id: str
    previous_status: CampaignStatus
    new_status: CampaignStatus
    sponsor_id: str | None
    """Who paid for it; null while nobody has."""
    returned_cents: int = 0
    """What of the pool went back to the sponsor."""
    by: str | None = None
    """Nobody: its time was over."""
    by_id: str | None = None


class MmParticipationChanged(Event, frozen=True, tag="MM_PARTICIPATION_CHANGED"):
    """An order takes part in a campaign, has left it, or was paid by it; its part as it is after that."""

    campaign_id: str
    order_id: str
    user_id: str
    """The order's owner."""
    joined_at: int
    left_at: int | None = None
    reward_cents: int = 0
    external_ref: str | None = None
    notes: int = 0


class VenueLeg(msgspec.Struct, frozen=True, gc=False):
    """One asset on its way to a venue, or back: one attempt to move it."""

    direction: MmDirection
    leg: MmAsset
    attempt: int
    request_key: str
    """By which the venue knows the request again; another attempt has another."""
    amount: int
    status: MmLegStatus
    created_at: int
    updated_at: int
    tx_id: str | None = None
    claimed_by: str | None = None
    """The worker that called the venue, and until when nobody else deals with it."""
    claimed_until: int | None = None
    credited: int | None = None
    """What arrived."""


class MmVenueChanged(Event, frozen=True, tag="MM_VENUE_CHANGED"):
    """One leg, as it is from now on."""

    order_id: str
    user_id: str
    leg: VenueLeg


class MmCase(msgspec.Struct, frozen=True, gc=False):
    """Money of which nobody can tell by a rule where it is: people find out."""

    number: int
    reason: MmReason
    legs: tuple[VenueLeg, ...]
    """As they were when it was opened: what was to arrive, and what the venue had said."""
    cash_cents: int
    """What was in the clearing account then; as are the next two."""
    yes: int
    no: int
    opened_at: int
    outcome: MmCaseOutcome | None = None
    """What was proposed, until it is closed; as is the next."""
    observed: Observed | None = None
    evidence: str | None = None
    proposed_by: str | None = None
    proposed_at: int | None = None
    closed_by: str | None = None
    closed_at: int | None = None


class MmCaseChanged(Event, frozen=True, tag="MM_CASE_CHANGED"):
    """One case, as it is from now on."""

    order_id: str
    user_id: str
    case: MmCase


AnyMmEvent = (
    MmOrderCreated
    | MmOrderChanged
    | MmLeaseAcquired
    | MmLeaseRenewed
    | MmLeaseReleased
    | MmCampaignCreated
    | MmCampaignChanged
    | MmParticipationChanged
    | MmVenueChanged
    | MmCaseChanged
)
