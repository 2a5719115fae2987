"""What workers of market-making orders say on the command stream."""

from typing import Annotated

import msgspec
from msgspec import Meta

from adapters.runtime.clock import Clock
from adapters.wire.making_requests import Name
from adapters.wire.requests import Int64, MarketId, Text
from adapters.wire.stream_requests import Cid, Fence
from kernel.leases import LEASES_MAX
from kernel.limits import KEY_MAX
from kernel.making_commands import (
    AcquireMmLeases,
    MmCounts,
    NoteMmCampaign,
    ReleaseMmLease,
    RenewMmLease,
    StepMmVenue,
)
from kernel.making_edges import MmAsset, MmDirection, MmOutcome, MmStep

Count = Annotated[int, Meta(ge=0, le=1_000_000)]
OrderId = Annotated[Text, Meta(min_length=1, max_length=64)]
Token = Annotated[Text, Meta(min_length=1, max_length=16)]
UNNAMED = "unnamed"


class MmDue(msgspec.Struct, frozen=True, kw_only=True, tag_field="op", tag="mm_due"):
    """Where is something to be done?"""

    cid: Cid


class MmAcquire(msgspec.Struct, frozen=True, kw_only=True, tag_field="op", tag="mm_acquire"):
    """Give me the orders of this market that are due, each with what a cycle needs to know."""

    cid: Cid
    market_id: MarketId
    worker_id: Name
    strategies: Annotated[list[Name], Meta(min_length=1, max_length=32)]
    """Those that this worker can carry out, by name and version."""
    venues: Annotated[list[Name], Meta(max_length=32)] = []
    """Elsewhere, where this worker can quote."""
    limit: Annotated[int, Meta(ge=1, le=LEASES_MAX)] = LEASES_MAX

    def to_command(self, user_id: str, clock: Clock) -> AcquireMmLeases:
        return AcquireMmLeases(
            at=clock.now(),
            market_id=self.market_id,
            worker_id=self.worker_id,
            strategies=tuple(self.strategies),
            venues=tuple(self.venues),
            limit=self.limit,
            nonce=clock.nonce(),
        )


class HeldLease(msgspec.Struct, frozen=True, kw_only=True):
    """By which its holder shows a lease."""

    cid: Cid
    order_id: OrderId
    fence: Fence
    token: Token
    worker_id: Name = UNNAMED


class MmRenew(HeldLease, frozen=True, kw_only=True, tag_field="op", tag="mm_renew"):
    """More time for this cycle."""

    def to_command(self, user_id: str, clock: Clock) -> RenewMmLease:
        return RenewMmLease(
            at=clock.now(),
            order_id=self.order_id,
            worker_id=self.worker_id,
            fence=self.fence,
            token=self.token,
        )


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What a cycle came to."""

    placed: Count = 0
    replaced: Count = 0
    cancelled: Count = 0
    burned: Count = 0
    skipped: Count = 0
    """Quotes that the exchange did not take."""


class MmRelease(HeldLease, frozen=True, kw_only=True, tag_field="op", tag="mm_release"):
    """This cycle is over."""

    outcome: MmOutcome
    """DONE, UNCHANGED or ERROR."""
    counts: Counts = Counts()
    error: Annotated[Text, Meta(max_length=200)] | None = None
    equity_cents: Int64 | None = None
    """Of an order that is quoted elsewhere: what it has there."""

    def to_command(self, user_id: str, clock: Clock) -> ReleaseMmLease:
        return ReleaseMmLease(
            at=clock.now(),
            order_id=self.order_id,
            worker_id=self.worker_id,
            fence=self.fence,
            token=self.token,
            outcome=self.outcome,
            counts=MmCounts(**msgspec.structs.asdict(self.counts)),
            error=self.error,
            equity_cents=self.equity_cents,
        )


class MmNote(msgspec.Struct, frozen=True, kw_only=True, tag_field="op", tag="mm_note"):
    """What came of telling a programme outside that an order takes part in a campaign."""

    cid: Cid
    order_id: OrderId
    worker_id: Name = UNNAMED
    external_ref: Annotated[Text, Meta(min_length=1, max_length=KEY_MAX)] | None = None
    """By which it is known there."""
    error: Annotated[Text, Meta(max_length=200)] | None = None

    def to_command(self, user_id: str, clock: Clock) -> NoteMmCampaign:
        return NoteMmCampaign(
            at=clock.now(),
            order_id=self.order_id,
            worker_id=self.worker_id,
            external_ref=self.external_ref,
            error=self.error,
        )


# Venues elsewhere


class MmVenueDue(msgspec.Struct, frozen=True, kw_only=True, tag_field="op", tag="mm_venue_due"):
    """Which orders wait for a step at this venue?"""

    cid: Cid
    venue: Name
    after: OrderId | None = None
    """The last order of the page before."""


class MmVenue(msgspec.Struct, frozen=True, kw_only=True, tag_field="op", tag="mm_venue"):
    """I am about to call the venue, or this is what it said."""

    cid: Cid
    order_id: OrderId
    worker_id: Name
    direction: MmDirection
    step: MmStep
    leg: MmAsset | None = None
    """Null for BEGIN and DRAINED, which are about the whole order."""
    attempt: Annotated[int, Meta(ge=1, le=3)] = 1
    tx_id: Annotated[Text, Meta(min_length=1, max_length=128)] | None = None
    """For ACCEPTED: the venue's name for it."""
    amount: Int64 | None = None
    """For CREDITED: what has arrived."""

    def to_command(self, user_id: str, clock: Clock) -> StepMmVenue:
        members = {name: getattr(self, name) for name in self.__struct_fields__ if name != "cid"}
        return StepMmVenue(at=clock.now(), **members)
