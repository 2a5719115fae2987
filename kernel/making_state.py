"""All market-making orders, by whatever they are looked for, and what each of their events does to them.

A decision first makes the event and then has it done here, as replay has it done: so the two cannot differ.
"""

from bisect import insort
from dataclasses import dataclass, field
from typing import Final

from msgspec import UNSET

from kernel.campaign import Campaign, Participation
from kernel.events import Fact
from kernel.leash import Leash
from kernel.making_commands import CampaignStatus
from kernel.making_edges import MmActor, MmAsset, MmDirection, MmKind, MmOutcome, MmReason
from kernel.making_events import (
    MmAfter,
    MmCampaignChanged,
    MmCampaignCreated,
    MmCaseChanged,
    MmLeaseAcquired,
    MmLeaseReleased,
    MmLeaseRenewed,
    MmOrderChanged,
    MmOrderCreated,
    MmParticipationChanged,
    MmVenueChanged,
    VenueLeg,
)
from kernel.making_order import (
    MmOrder,
    Paid,
    Withdrawn,
    cycle_time,
    first_deadline,
    is_unsent,
    venue_task,
)
from kernel.market import Account, Market

HOUR: Final = 3_600_000_000
DAY: Final = 24 * HOUR
REQUESTS_MAX: Final = 64
"""Controls of one order that are known again: the oldest is forgotten."""
STREAKS_MAX: Final = 60
"""Beginnings and ends of streaks of errors that are told in an hour."""
CHANGING: Final = tuple(name for name in MmAfter.__struct_fields__ if name != "campaign_id")
"""The members that an order has under their own names."""
BY_WORKER: Final = (MmOutcome.DONE, MmOutcome.UNCHANGED, MmOutcome.ERROR)


@dataclass(slots=True, eq=False, repr=False)
class MmOwner:
    """One user's market-making orders."""

    orders: list[MmOrder] = field(default_factory=list)
    """Every one there ever was, the oldest first."""
    keys: dict[str, MmOrder] = field(default_factory=dict)
    """By the owner's name for the request that created it."""
    active: int = 0
    active_in: dict[str, int] = field(default_factory=dict)
    """The same by market."""
    reserved: int = 0
    """Millionths of a cycle a second, by the active ones."""


@dataclass(slots=True, eq=False, repr=False)
class Making:
    """Every market-making order there ever was."""

    orders: dict[str, MmOrder] = field(default_factory=dict)
    owners: dict[str, MmOwner] = field(default_factory=dict)
    reserved: int = 0
    """Millionths of a cycle a second, by all active orders."""
    campaigns: dict[str, Campaign] = field(default_factory=dict)
    """Every one there ever was."""
    awaited: list[str] = field(default_factory=list)
    """Orders that wait for something at a venue elsewhere, in ascending order."""
    sent_day: int = 0
    """The newest day, counted from the epoch, on which cash left for a venue."""
    sent_cents: int = 0
    """How much did."""

    def open(
        self, fact: Fact, event: MmOrderCreated, owner: Account, escrow: Account, market: Market
    ) -> MmOrder:
        """An order comes to be. What it stands at, the next event says."""
        order = MmOrder(
            event.order_id,
            owner,
            escrow,
            market,
            event.strategy,
            event.terms,
            event.policy,
            event.snapshot_hash,
            event.required_cash_cents,
            event.required_yes_shares,
            event.required_no_shares,
            event.venue,
            self.campaigns[event.campaign_id] if event.campaign_id is not None else None,
            event.idempotency_key,
            event.request,
            event.payment_deadline,
            fact.at,
            fact.at,
            Leash(event.order_id),
        )
        self.enter(order)
        return order

    def enter(self, order: MmOrder) -> None:
        """It is found from now on, and its escrow moves at its word alone."""
        self.orders[order.id] = order
        order.escrow.leash = order.leash
        owner = self.owners.setdefault(order.owner.id, MmOwner())
        owner.orders.append(order)
        if order.idempotency_key is not None:
            owner.keys[order.idempotency_key] = order
        for leg in order.venue_legs:
            self.count_sent(leg)
        self.index(order)

    def change(self, fact: Fact, event: MmOrderChanged) -> None:
        """One entry of an order's trail."""
        order = self.orders[event.order_id]
        order.seq = event.seq
        order.version = event.version
        order.state = event.to_state
        order.updated_at = fact.at
        order.escrow.fence = event.fence
        if event.kind is MmKind.TRANSITION:
            order.reason = event.reason
        if event.kind is MmKind.CYCLE and event.reason is MmReason.CYCLE_ERRORS:
            count_streak(order, fact.at)
        if event.after is not None:
            for name in CHANGING:
                value = getattr(event.after, name)
                if value is not UNSET:
                    setattr(order, name, value)
            if event.after.campaign_id is not UNSET:
                chosen = event.after.campaign_id
                order.campaign = self.campaigns[chosen] if chosen is not None else None
        if event.payment is not None:
            paid = event.payment
            order.payments[paid.key] = Paid(paid.asset, paid.amount, fact.id, fact.at)
        if event.withdrawal is not None:
            out = event.withdrawal
            order.withdrawals[out.key] = Withdrawn(
                out.cash_cents, out.yes, out.no, out.burned_pairs, out.netted_pairs, out.request
            )
        if event.request is not None:
            remember(order, event.trigger_id, event.request)
        if event.actor_type is MmActor.USER and is_request(event):
            count_change(order, fact.at)
        self.index(order)

    # Venues elsewhere

    def move(self, event: MmVenueChanged) -> None:
        """A leg begins, or has come further."""
        order, leg = self.orders[event.order_id], event.leg
        for place, known in enumerate(order.venue_legs):
            if is_same(known, leg):
                order.venue_legs[place] = leg
                break
        else:
            order.venue_legs.append(leg)
            self.count_sent(leg)
        self.index(order)

    def judge(self, event: MmCaseChanged) -> None:
        """A case is opened, or somebody has said something about it."""
        cases = self.orders[event.order_id].cases
        cases[event.case.number - 1 :] = [event.case]

    def count_sent(self, leg: VenueLeg) -> None:
        """Cash is to leave for a venue. What is tried again is the same cash."""
        if (leg.direction, leg.leg, leg.attempt) != (MmDirection.OUT, MmAsset.CASH, 1):
            return
        day = leg.created_at // DAY
        if day > self.sent_day:
            self.sent_day, self.sent_cents = day, 0
        if day == self.sent_day:
            self.sent_cents += leg.amount

    # Leases

    def lease(self, fact: Fact, event: MmLeaseAcquired) -> None:
        order = self.orders[event.order_id]
        order.cycle_no = event.cycle_no
        order.escrow.fence = event.fence
        order.leash.until = event.until
        order.leash.placements = 0
        order.lease_token = event.token
        order.lease_worker = event.worker_id
        order.lease_started_at = fact.at
        order.lateness_ms = event.lateness_ms
        order.is_unattended = False
        self.index(order)

    def renew(self, event: MmLeaseRenewed) -> None:
        order = self.orders[event.order_id]
        order.leash.until = event.until
        self.index(order)

    def release(self, fact: Fact, event: MmLeaseReleased) -> None:
        order = self.orders[event.order_id]
        if event.outcome in BY_WORKER:
            order.released_token, order.released_fence = order.lease_token, event.fence
        if (order.consecutive_failures == 0) is not (event.consecutive_failures == 0):
            order.streaks_untold += 1
        order.leash.until = order.lease_token = order.lease_worker = None
        order.escrow.fence = event.fence
        order.next_cycle_at = event.next_cycle_at
        order.consecutive_failures = event.consecutive_failures
        order.last_cycle_at = fact.at
        order.last_cycle_outcome = event.outcome
        order.last_cycle_skipped = event.counts.skipped
        self.index(order)

    # Campaigns

    def open_campaign(self, fact: Fact, event: MmCampaignCreated) -> None:
        assert fact.market_id is not None
        self.campaigns[event.campaign_id] = Campaign(
            event.campaign_id,
            fact.market_id,
            event.terms,
            event.by_id,
            event.idempotency_key,
            event.request,
            fact.at,
            fact.at,
        )

    def change_campaign(
        self, fact: Fact, event: MmCampaignChanged, market: Market, pool: Account | None
    ) -> None:
        campaign = self.campaigns[event.campaign_id]
        before = campaign.deadline
        campaign.status = event.new_status
        campaign.sponsor_id = event.sponsor_id
        campaign.returned_cents = event.returned_cents
        campaign.updated_at = fact.at
        self.place(campaign, market, pool, before)
        if campaign.status is not CampaignStatus.ACTIVE:
            for part in campaign.participations.values():
                self.orders[part.order_id].leash.participation = None

    def place(self, campaign: Campaign, market: Market, pool: Account | None, before: int | None) -> None:
        """It is active, or no longer; and its pool, once that is there, moves at its word alone."""
        desk, is_active = market.desk, campaign.status is CampaignStatus.ACTIVE
        if campaign.deadline != before:
            desk.deadlines.move(campaign.id, before, campaign.deadline)
        if is_active:
            desk.campaigns[campaign.id] = campaign
        else:
            desk.campaigns.pop(campaign.id, None)
        if pool is not None and pool.leash is None:
            pool.leash = Leash(campaign.id)

    def change_participation(self, event: MmParticipationChanged) -> None:
        campaign, order = self.campaigns[event.campaign_id], self.orders[event.order_id]
        part = campaign.participations.get(order.id)
        if part is None:
            part = Participation(campaign.id, order.id, campaign.terms, event.joined_at)
            campaign.participations[order.id] = part
        part.left_at = event.left_at
        part.reward_cents = event.reward_cents
        part.external_ref = event.external_ref
        part.notes = event.notes
        self.attach(order, part)

    def attach(self, order: MmOrder, part: Participation) -> None:
        """What it trades counts while it takes part, and the campaign runs."""
        campaign = self.campaigns[part.campaign_id]
        is_counting = campaign.status is CampaignStatus.ACTIVE and part.left_at is None
        order.leash.participation = part if is_counting else None

    # Indexes

    def index(self, order: MmOrder) -> None:
        """It has changed: its places in the lists and its part of the counts follow."""
        desk, order_id = order.market.desk, order.id
        cycle_at, deadline = cycle_time(order), first_deadline(order)
        if cycle_at != order.cycle_at:
            desk.cycles.move(order_id, order.cycle_at, cycle_at)
            order.cycle_at = cycle_at
        if deadline != order.deadline:
            desk.deadlines.move(order_id, order.deadline, deadline)
            order.deadline = deadline
        if is_unsent(order) is not order.is_unsent:
            order.is_unsent = not order.is_unsent
            enlist(desk.unsent, order_id, is_in=order.is_unsent)
        if (venue_task(order) is not None) is not order.is_awaited:
            order.is_awaited = not order.is_awaited
            enlist(self.awaited, order_id, is_in=order.is_awaited)
        if order.is_active is not order.is_counted:
            self.count(order, 1 if order.is_active else -1)
            order.is_counted = order.is_active
        if order.is_final is order.is_listed:
            if order.is_listed:
                desk.order_ids.remove(order_id)
            else:
                desk.order_ids.append(order_id)  # ids grow
            order.is_listed = not order.is_listed

    def count(self, order: MmOrder, one: int) -> None:
        owner, market = self.owners[order.owner.id], order.market
        owner.active += one
        here = owner.active_in.get(market.id, 0) + one
        if here:
            owner.active_in[market.id] = here
        else:
            del owner.active_in[market.id]
        market.desk.active += one
        owner.reserved += one * order.reserved
        self.reserved += one * order.reserved


def enlist(order_ids: list[str], order_id: str, *, is_in: bool) -> None:
    if is_in:
        insort(order_ids, order_id)
    else:
        order_ids.remove(order_id)


def is_same(one: VenueLeg, other: VenueLeg) -> bool:
    """One attempt to move one asset one way."""
    return (one.direction, one.leg, one.attempt) == (other.direction, other.leg, other.attempt)


def remember(order: MmOrder, trigger_id: str, request: str) -> None:
    requests = order.requests
    if len(requests) == REQUESTS_MAX:
        del requests[next(iter(requests))]
    requests[trigger_id] = request


def is_request(event: MmOrderChanged) -> bool:
    """Whether it is the first that a command of a caller did."""
    return event.request is not None or event.payment is not None or event.withdrawal is not None


def count_change(order: MmOrder, at: int) -> None:
    """One more command of its owner in this hour."""
    if order.changed_hour != at // HOUR:
        order.changed_hour, order.changes = at // HOUR, 0
    order.changes += 1


def count_streak(order: MmOrder, at: int) -> None:
    """One more that is told in this hour."""
    if order.streaks_hour != at // HOUR:
        order.streaks_hour, order.streaks = at // HOUR, 0
    order.streaks += 1
    order.streaks_untold = 0
