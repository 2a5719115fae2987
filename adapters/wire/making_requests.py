"""What callers may send about market-making orders.

Unlike elsewhere an unknown member is refused: what is asked for here holds for a long time, and a limit whose
name is misspelt must not be ignored. A key that tells a repeated request comes in a header, for every POST.
"""

import uuid
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from adapters.runtime.clock import Clock
from adapters.runtime.settings import Settings
from adapters.wire.requests import Int64, MarketId, Reason, Text, matching
from adapters.wire.status import malformed
from kernel.limits import EVIDENCE_MAX, ID_MAX
from kernel.making_commands import (
    INTERNAL,
    CreateMmOrder,
    LayerChange,
    MmLimits,
    MmPolicy,
    MmTerms,
    Observed,
    PayMmOrder,
    PriceSource,
    ReconcileMmOrder,
    VenueRules,
    WithdrawMmOrder,
)
from kernel.making_edges import MmAsset, MmCaseOutcome

KEY_WORDS: Final = f"must be 1 to {ID_MAX} printable ASCII characters without spaces"
MmKey = Annotated[str, matching(rf"[!-~]{{1,{ID_MAX}}}", KEY_WORDS)]
IDEMPOTENCY_KEY: Final = "Idempotency-Key"
"""The header that has the caller's name for a request."""
Name = Annotated[Text, Meta(min_length=1, max_length=ID_MAX)]


class StrictBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing but what is named here. By itself: nothing at all."""


class MakingBody(StrictBody, frozen=True, kw_only=True):
    """A market to make, a budget for it, and how; what is left out of the last is as the contract says."""

    market_id: MarketId
    required_cash_cents: Int64
    required_yes_shares: Int64 | None = None
    required_no_shares: Int64 | None = None
    venue: Name | None = None
    campaign_id: uuid.UUID | None = None
    """The campaign that it is to take part in, once it is paid."""
    bid_half_spread_cents: Int64 | None = None
    ask_half_spread_cents: Int64 | None = None
    order_qty: Int64 | None = None
    levels: Int64 | None = None
    level_step_cents: Int64 | None = None
    amount_change_per_layer: Int64 | None = None
    amount_change_type: LayerChange | None = None
    refresh_interval_ms: Int64 | None = None
    refresh_tolerance_cents: Int64 | None = None
    qty_tolerance_pct: Int64 | None = None
    price_source: PriceSource | None = None
    floor_price_cents: Int64 | None = None
    ceiling_price_cents: Int64 | None = None
    inventory_skew: bool | None = None
    max_loss_cents: Int64 | None = None
    max_position_per_side: Int64 | None = None
    auto_merge_min_pairs: Int64 | None = None
    auto_start: bool | None = None
    campaign_required: bool | None = None
    """Whether it is given up, and paid back, should the campaign have no room for it by then."""

    @property
    def terms(self) -> MmTerms:
        given = {name: getattr(self, name, None) for name in MmTerms.__struct_fields__}
        return MmTerms(**{name: value for name, value in given.items() if value is not None})

    def to_command(self, user_id: str, clock: Clock, settings: Settings, key: str | None) -> CreateMmOrder:
        return CreateMmOrder(
            at=clock.now(),
            user_id=user_id,
            market_id=self.market_id,
            terms=self.terms,
            required_cash_cents=self.required_cash_cents,
            required_yes_shares=self.required_yes_shares or 0,
            required_no_shares=self.required_no_shares or 0,
            venue=self.venue or INTERNAL,
            campaign_id=str(self.campaign_id) if self.campaign_id is not None else None,
            key=key,
            nonce=clock.nonce(),
            policy=MmPolicy(**of_settings(settings, MmPolicy)),
            limits=MmLimits(**of_settings(settings, MmLimits)),
            venue_rules=venue_rules(settings),
        )


def read_key(given: str) -> str:
    """The key in the header."""
    try:
        key: str = msgspec.convert(given, MmKey)
    except msgspec.ValidationError:
        raise malformed((IDEMPOTENCY_KEY, KEY_WORDS)) from None
    return key


def venue_rules(settings: Settings) -> VenueRules:
    """Whether, where and with how much markets may be made elsewhere."""
    return VenueRules(
        enabled=settings.mm_withdraw_to_exchange_enabled,
        names=settings.mm_venues,
        max_cents=settings.mm_venue_max_cents,
        max_cents_per_day=settings.mm_venue_max_cents_per_day,
    )


def of_settings(settings: Settings, kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The members that there are settings for; the others stand at their defaults."""
    names = kind.__struct_fields__
    return {name: getattr(settings, f"mm_{name}") for name in names if hasattr(settings, f"mm_{name}")}


class PaymentBody(StrictBody, frozen=True, kw_only=True):
    asset: MmAsset
    """CASH is paid in cents, YES and NO in shares."""
    amount: Int64
    idempotency_key: MmKey | None = None
    """Where it does not stand in the header."""

    def to_command(self, order_id: str, user_id: str, clock: Clock, key: str) -> PayMmOrder:
        return PayMmOrder(
            at=clock.now(),
            order_id=order_id,
            user_id=user_id,
            asset=self.asset,
            amount=self.amount,
            key=key,
        )


class MakingWithdrawBody(StrictBody, frozen=True, kw_only=True):
    amount_cents: Int64 | None = None
    yes_shares: Int64 | None = None
    no_shares: Int64 | None = None
    all: bool | None = None
    """Everything, instead of amounts. An order that is paused is stopped by that."""
    merge_pairs: bool | None = None
    """Turn free pairs into cash first."""
    pause_first: bool | None = None
    """Of one that runs: pause it in the same step."""
    idempotency_key: MmKey | None = None
    """Where it does not stand in the header."""

    def to_command(self, order_id: str, user_id: str, clock: Clock, key: str) -> WithdrawMmOrder:
        return WithdrawMmOrder(
            at=clock.now(),
            order_id=order_id,
            user_id=user_id,
            amount_cents=self.amount_cents or 0,
            yes_shares=self.yes_shares or 0,
            no_shares=self.no_shares or 0,
            all=self.all is True,
            merge_pairs=self.merge_pairs is True,
            pause_first=self.pause_first is True,
            key=key,
            nonce=clock.nonce(),
        )


class ReasonBody(StrictBody, frozen=True, kw_only=True):
    """What an administrator does to somebody's order has a reason, which its owner reads."""

    reason: Reason


class ReconcileBody(ReasonBody, frozen=True, kw_only=True):
    """Where an order's money is, that nobody could tell: an administrator has found out."""

    outcome: MmCaseOutcome
    evidence: Annotated[Text, Meta(min_length=1, max_length=EVIDENCE_MAX)]
    """What it rests on."""
    observed_cash_cents: Int64 | None = None
    """What is back, where it was recovered; as are the next two."""
    observed_yes_shares: Int64 | None = None
    observed_no_shares: Int64 | None = None

    def to_command(self, order_id: str, by: str, by_id: str, clock: Clock) -> ReconcileMmOrder:
        return ReconcileMmOrder(
            at=clock.now(),
            order_id=order_id,
            outcome=self.outcome,
            observed=self.observed,
            evidence=self.evidence,
            reason=self.reason,
            by=by,
            by_id=by_id,
        )

    @property
    def observed(self) -> Observed | None:
        found = self.observed_cash_cents, self.observed_yes_shares, self.observed_no_shares
        return None if found == (None, None, None) else Observed(*(each or 0 for each in found))


def fresh_key(clock: Clock) -> str:
    """For a control without one: what is wished for again is not done twice, for it is so already."""
    return f"{clock.nonce():016x}"
