"""What callers receive about market-making orders."""

from typing import Any

import msgspec

from adapters.wire.lease_responses import VenueLegShape
from adapters.wire.responses import BalanceShape, Display, Id, NettingShape, Shape, Time
from kernel.codes import Direction, Side
from kernel.making_commands import CampaignStatus
from kernel.making_edges import (
    MmActor,
    MmAsset,
    MmCaseOutcome,
    MmControl,
    MmKind,
    MmLocation,
    MmOutcome,
    MmReason,
    MmState,
)


class LegShape(Shape, frozen=True):
    """What is to be paid of one asset: cents of CASH, shares of YES and NO."""

    asset: MmAsset
    required: int
    received: int
    outstanding: int


class StrategyShape(Shape, frozen=True):
    name: str
    terms: dict[str, Any]
    hash: str
    """SHA-256 of strategy, terms and policy, which never change any more."""


class EscrowShape(Shape, frozen=True):
    """The account that holds what the order has."""

    account: str
    cash_cents: int
    """Available."""
    cash_display: Display
    frozen_cents: int
    """Set aside for the order's own open buys."""
    frozen_display: Display
    yes: int
    no: int
    yes_free: int
    no_free: int


class AwayShape(Shape, frozen=True):
    """What of an order is on its way to a venue elsewhere, there, or on its way back."""

    cash_cents: int
    cash_display: Display
    yes: int
    no: int


class QuoteShape(Shape, frozen=True):
    """One of its orders on the book."""

    order_id: Id
    side: Side
    direction: Direction
    price_cents: int
    remaining_quantity: int


class FailureShape(Shape, frozen=True):
    code: MmReason
    from_state: MmState = msgspec.field(name="from")
    reconcile_required: bool


class CycleShape(Shape, frozen=True):
    number: int
    at: Time
    outcome: MmOutcome
    skipped: int
    lateness_ms: int


class PartShape(Shape, frozen=True):
    """Its part in the campaign that it has joined, or is to join once it is paid."""

    id: Id
    status: CampaignStatus
    """The campaign's."""
    contribution_cents: int
    contribution_display: Display
    reward_cents: int
    reward_display: Display


class MakingOrderShape(Shape, frozen=True, kw_only=True):
    order_id: Id
    market_id: str
    state: MmState
    drained: bool
    """Nothing of it rests on the book, nor at a venue elsewhere."""
    allowed_commands: list[str]
    """What the caller may tell it now."""
    held: bool
    """Paused by an administrator: only one resumes it."""
    reason: MmReason
    """Why it is in this state."""
    refund_due: bool
    """It has failed, and is paid back as soon as its market is no longer halted."""
    venue: str
    location: MmLocation
    strategy: StrategyShape
    legs: list[LegShape]
    payment_deadline: Time
    escrow: EscrowShape
    away: AwayShape
    equity_cents: int
    """Cash, and the shares at the market's price of the moment; with what is away."""
    equity_display: Display
    pnl_cents: int
    pnl_display: Display
    rewards_cents: int
    rewards_display: Display
    fees_cents: int
    """The service fee; fees of trades stand in the ledger."""
    fees_display: Display
    quotes: list[QuoteShape]
    campaign: PartShape | None
    failure: FailureShape | None
    pending_command: MmControl | None
    """A stop that is carried out as soon as its money has arrived."""
    version: int
    last_cycle: CycleShape | None
    next_cycle_at: Time | None
    created_at: Time
    updated_at: Time


class CaseShape(Shape, frozen=True, kw_only=True):
    """Money of which no rule could tell where it is."""

    number: int
    reason: MmReason
    expected: list[VenueLegShape]
    """Each leg as it was then: what was to arrive, and how far the venue had said that it was."""
    clearing: AwayShape
    """What was away then."""
    outcome: MmCaseOutcome | None
    """What was said; until it is closed, proposed."""
    observed: AwayShape | None
    """What has come back."""
    evidence: str | None
    proposed_by: Id | None
    proposed_at: Time | None
    opened_at: Time
    closed_by: Id | None
    closed_at: Time | None


class AdminMakingOrderShape(MakingOrderShape, frozen=True, kw_only=True):
    """With whose it is, and what became of its money elsewhere."""

    user_id: str
    movements: list[VenueLegShape]
    """Every attempt to move an asset to its venue, or back."""
    cases: list[CaseShape]


class MadeShape(MakingOrderShape, frozen=True, kw_only=True):
    """An order that was created, now or under this key before; as it is now."""

    repeated: bool


class ControlledShape(Shape, frozen=True):
    changed: bool
    """False: it was so already."""
    repeated: bool
    """True: asked for before under the same key."""
    order: MakingOrderShape


class AdminControlledShape(Shape, frozen=True):
    changed: bool
    repeated: bool
    order: AdminMakingOrderShape


class ReconciledShape(AdminControlledShape, frozen=True):
    case: CaseShape
    waits: bool
    """For another administrator, who must say the same."""


class PaymentShape(Shape, frozen=True):
    asset: MmAsset
    amount: int
    key: str
    at: Time


class PaymentStateShape(Shape, frozen=True):
    order_id: Id
    state: MmState
    deadline_at: Time
    legs: list[LegShape]
    payments: list[PaymentShape]


class PaidShape(Shape, frozen=True):
    payment: PaymentShape
    payment_state: PaymentStateShape
    order: MakingOrderShape
    repeated: bool


class MovedShape(Shape, frozen=True):
    cash_cents: int
    cash_display: Display
    yes: int
    no: int
    burned_pairs: int


class WithdrawnFromMakingShape(Shape, frozen=True):
    moved: MovedShape
    netting_result: NettingShape | None
    """Pairs that turned into cash where the shares arrived."""
    order: MakingOrderShape
    repeated: bool


class TrailShape(Shape, frozen=True, kw_only=True):
    """What became of an order, through whom, and why."""

    event_id: int
    order_id: Id
    seq: int
    kind: MmKind
    from_state: MmState | None
    to_state: MmState
    job_name: str
    trigger_id: str
    actor_type: MmActor
    actor_id: str | None
    reason: MmReason
    data: msgspec.Raw
    version: int
    fence: int
    created_at: Time


class TrailPageShape(Shape, frozen=True):
    items: list[TrailShape]
    has_more: bool
    """Ask again with the last seq."""


class ExecutionShape(Shape, frozen=True, kw_only=True):
    """How a cycle ended."""

    cycle_no: int
    started_at: Time
    ended_at: Time
    lateness_ms: int
    outcome: MmOutcome
    placed: int
    replaced: int
    cancelled: int
    burned: int
    skipped: int
    bid_cents: int | None
    ask_cents: int | None
    mark_half_cents: int
    equity_cents: int
    equity_display: Display
    error: str | None


class WishedQuoteShape(Shape, frozen=True):
    side: Side
    direction: Direction
    price_cents: int
    quantity: int
    level: int
    """0 is the innermost."""


class PreviewShape(Shape, frozen=True):
    quotes: list[WishedQuoteShape]
    """In the order in which they would be placed. None without a price to quote around."""
    frozen_cents: int
    """What they would set aside."""


class InOrdersShape(Shape, frozen=True):
    """What market-making orders hold."""

    orders: int
    """Those that are not over."""
    cash_cents: int
    """With what their open buys have set aside."""
    cash_display: Display
    away_cents: int
    """On its way to venues elsewhere, there, or on its way back."""
    away_display: Display


class WholeBalanceShape(BalanceShape, frozen=True):
    """With what one's market-making orders hold beside it."""

    market_making: InOrdersShape
