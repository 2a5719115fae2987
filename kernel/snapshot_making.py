"""Market-making orders as plain values, and back: a part of every snapshot.

Where an order stands in the indexes follows from the rest, and is not in its image.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final

import msgspec
from msgspec.structs import asdict

from kernel.campaign import Campaign, Participation
from kernel.leash import Leash
from kernel.making_commands import CampaignStatus, CampaignTerms, MmPolicy, MmTerms
from kernel.making_edges import MmAsset, MmControl, MmLocation, MmOutcome, MmReason, MmState
from kernel.making_events import MmCase, VenueLeg
from kernel.making_order import CLEARING_PREFIX, MmOrder, Paid, Withdrawn
from kernel.state import State


class ParticipationImage(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    order_id: str
    joined_at: int
    left_at: int | None
    contribution_cents: int
    reward_cents: int
    external_ref: str | None
    notes: int


class CampaignImage(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    id: str
    market_id: str
    terms: CampaignTerms
    by_id: str
    idempotency_key: str | None
    request: str | None
    created_at: int
    updated_at: int
    status: CampaignStatus
    sponsor_id: str | None
    returned_cents: int
    participations: list[ParticipationImage]


class MmOrderImage(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    id: str
    owner_id: str
    escrow_id: str
    market_id: str
    strategy: str
    terms: MmTerms
    policy: MmPolicy
    snapshot_hash: str
    required_cash_cents: int
    required_yes_shares: int
    required_no_shares: int
    venue: str
    campaign_id: str | None
    idempotency_key: str | None
    request: str | None
    payment_deadline: int
    created_at: int
    updated_at: int
    lease_until: int | None
    placements: int
    payments: list[tuple[str, MmAsset, int, int, int]]
    withdrawals: list[tuple[str, int, int, int, int, int, str]]
    requests: list[tuple[str, str]]
    venue_legs: list[VenueLeg]
    cases: list[MmCase]
    state: MmState
    seq: int
    version: int
    reason: MmReason
    location: MmLocation
    held: bool
    external_submitted: bool
    reconcile_required: bool
    refund_due: bool
    failure_code: MmReason | None
    failed_from: MmState | None
    cycle_no: int
    next_cycle_at: int | None
    lease_token: str | None
    lease_worker: str | None
    lease_started_at: int | None
    lateness_ms: int
    consecutive_failures: int
    last_cycle_at: int | None
    last_cycle_outcome: MmOutcome | None
    last_cycle_skipped: int
    released_token: str | None
    released_fence: int
    streaks_hour: int
    streaks: int
    streaks_untold: int
    pause_due_at: int | None
    is_unattended: bool
    received_cash_cents: int
    received_yes_shares: int
    received_no_shares: int
    paid_in_cents: int
    paid_out_cents: int
    rewards_cents: int
    fees_cents: int
    changed_hour: int
    changes: int
    pending_command: MmControl | None
    venue_due_at: int | None
    rests_away: bool


FIELDS: Final = MmOrderImage.__struct_fields__
PINNED: Final = tuple(name for name in FIELDS[4 : FIELDS.index("lease_until")] if name != "campaign_id")
"""What an order is made with, by the names of its own attributes."""
SINCE: Final = FIELDS[FIELDS.index("state") :]
"""What has become of it, by the names of its own attributes."""
ELSEWHERE: Final = {
    "owner_id": "owner.id",
    "escrow_id": "escrow.id",
    "market_id": "market.id",
    "lease_until": "leash.until",
    "placements": "leash.placements",
}
values_of: Final[Callable[[Any], tuple[Any, ...]]] = attrgetter(
    *(ELSEWHERE.get(name, name) for name in FIELDS)
)


campaign_values: Final[Callable[[Any], tuple[Any, ...]]] = attrgetter(*CampaignImage.__struct_fields__)
part_values: Final[Callable[[Any], tuple[Any, ...]]] = attrgetter(*ParticipationImage.__struct_fields__)


def campaign_image(campaign: Campaign) -> CampaignImage:
    parts = [ParticipationImage(*part_values(part)) for part in campaign.participations.values()]
    return msgspec.structs.replace(CampaignImage(*campaign_values(campaign)), participations=parts)


def restore_campaign(state: State, image: CampaignImage) -> None:
    """Once accounts and markets are there, and ahead of the orders that take part."""
    parts = {
        part.order_id: Participation(image.id, terms=image.terms, **asdict(part))
        for part in image.participations
    }
    campaign = Campaign(**asdict(image) | {"participations": parts})
    state.making.campaigns[campaign.id] = campaign
    pool = state.accounts.get(campaign.pool_id)
    state.making.place(campaign, state.markets[campaign.market_id], pool, None)


def mm_order_image(order: MmOrder) -> MmOrderImage:
    return msgspec.structs.replace(
        MmOrderImage(*values_of(order)),
        payments=[(key, *paid) for key, paid in order.payments.items()],
        withdrawals=[(key, *out) for key, out in order.withdrawals.items()],
        requests=list(order.requests.items()),
    )


def restore_mm_order(state: State, image: MmOrderImage) -> None:
    """Once accounts, markets and what they hold are there."""
    order = MmOrder(
        id=image.id,
        owner=state.accounts[image.owner_id],
        escrow=state.accounts[image.escrow_id],
        market=state.markets[image.market_id],
        leash=Leash(image.id, image.lease_until, image.placements),
        campaign=state.making.campaigns[image.campaign_id] if image.campaign_id is not None else None,
        **{name: getattr(image, name) for name in PINNED},
    )
    for name in SINCE:
        setattr(order, name, getattr(image, name))
    order.payments = {paid[0]: Paid(*paid[1:]) for paid in image.payments}
    order.withdrawals = {out[0]: Withdrawn(*out[1:]) for out in image.withdrawals}
    order.requests = dict(image.requests)
    order.venue_legs, order.cases = image.venue_legs, image.cases
    state.making.enter(order)
    part = order.participation
    if part is not None:
        state.making.attach(order, part)
    clearing = state.accounts.get(f"{CLEARING_PREFIX}{order.id}")
    if clearing is not None:
        state.clear(clearing)
