"""A market-making order as it is at one moment, and what follows from that alone. It decides nothing.

Everything in it is set by its events, in a decision and at replay alike: see `making_state.py`.
"""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from kernel.campaign import Campaign, Participation
from kernel.codes import Side
from kernel.leash import Leash
from kernel.making_commands import INTERNAL, MmPolicy, MmTerms
from kernel.making_edges import (
    ACTIVE,
    FINAL,
    PAYING,
    MmAsset,
    MmControl,
    MmDirection,
    MmLegStatus,
    MmLocation,
    MmOutcome,
    MmReason,
    MmState,
    MmVenueTask,
)
from kernel.making_events import MmCase, VenueLeg
from kernel.market import Account, Holding, Market, Position

YES, NO = Side.YES, Side.NO
RUNNING: Final = MmState.RUNNING
ESCROW_PREFIX: Final = "mm:"
CLEARING_PREFIX: Final = "mmv:"
CALLING: Final = MmLegStatus.CALLING
OUTSIDE: Final = (
    *(MmLegStatus.CALLING, MmLegStatus.UNKNOWN, MmLegStatus.SUBMITTED),
    *(MmLegStatus.CONFIRMED, MmLegStatus.CREDITED),
)
"""A leg of which something may have left this exchange, for all that it can know."""
UNSETTLED: Final = (MmLegStatus.UNKNOWN, MmLegStatus.SUBMITTED, MmLegStatus.CONFIRMED)
"""A leg of which the venue may yet have something to tell."""
LEAVING: Final = (MmState.WITHDRAWING, MmState.WITHDRAWAL_CONFIRMED, MmState.DEPOSIT_CONFIRMING)
"""On the way to a venue."""
DRAINABLE: Final = (MmState.PAUSED, MmState.STOPPED, MmState.FAILED)
RESERVED_MAX: Final = 1_000_000_000
"""Millionths of a cycle a second that an order reserves which is refreshed every millisecond."""

NOTHING_HELD: Final = Holding()
"""What somebody holds who was never in the market."""


class Paid(NamedTuple):
    """A payment, as it was asked for and done."""

    asset: MmAsset
    amount: int
    journal_id: int
    at: int


class Withdrawn(NamedTuple):
    """What a withdrawal has moved."""

    cash_cents: int
    yes: int
    no: int
    burned_pairs: int
    netted_pairs: int
    request: str
    """What was asked for."""


class Away(NamedTuple):
    """What is in the clearing account of an order: on its way to a venue, there, or on its way back."""

    cash: int = 0
    yes: int = 0
    no: int = 0


class Leg(NamedTuple):
    """What is to be paid of one asset."""

    asset: MmAsset
    required: int
    received: int

    @property
    def outstanding(self) -> int:
        return self.required - self.received


NOTHING_AWAY: Final = Away()


@dataclass(slots=True, eq=False, repr=False)
class MmOrder:
    """A wish to have a market quoted with a budget, and how far it has come."""

    id: str
    owner: Account
    escrow: Account
    market: Market
    strategy: str
    terms: MmTerms
    policy: MmPolicy
    snapshot_hash: str
    required_cash_cents: int
    required_yes_shares: int
    required_no_shares: int
    venue: str
    campaign: Campaign | None
    """That it takes part in, or is to join once it is paid."""
    idempotency_key: str | None
    request: str | None
    """What was asked for under that key, as its fingerprint."""
    payment_deadline: int
    created_at: int
    updated_at: int
    leash: Leash
    """When its lease ends, and the orders placed under it; the escrow's."""
    state: MmState = MmState.PAYMENT_PENDING
    seq: int = 0
    """Entries of its trail."""
    version: int = 0
    """Transitions among them."""
    reason: MmReason = MmReason.USER_REQUEST
    """Of the last transition."""
    location: MmLocation = MmLocation.ESCROW
    held: bool = False
    """Paused by an administrator: only one resumes it."""
    external_submitted: bool = False
    reconcile_required: bool = False
    refund_due: bool = False
    """It has failed, and its refund waits for the end of a halt."""
    failure_code: MmReason | None = None
    failed_from: MmState | None = None
    cycle_no: int = 0
    """Leases so far."""
    next_cycle_at: int | None = None
    lease_token: str | None = None
    """Null while nobody has it."""
    lease_worker: str | None = None
    lease_started_at: int | None = None
    """Of the newest lease, as is the next."""
    lateness_ms: int = 0
    consecutive_failures: int = 0
    last_cycle_at: int | None = None
    last_cycle_outcome: MmOutcome | None = None
    last_cycle_skipped: int = 0
    released_token: str | None = None
    """Of the lease that its worker released last, with its fence: the same release again is answered."""
    released_fence: int = 0
    streaks_hour: int = 0
    """The hour, counted from the epoch, in which the next were."""
    streaks: int = 0
    """Beginnings and ends of a streak of errors that were told."""
    streaks_untold: int = 0
    """Since the last that was told."""
    pause_due_at: int | None = None
    """When it is paused unless the market trades again."""
    is_unattended: bool = False
    """No worker came in time, and its quotes were taken off: until the next lease."""
    received_cash_cents: int = 0
    received_yes_shares: int = 0
    received_no_shares: int = 0
    paid_in_cents: int = 0
    """Shares among it at what they were worth when they moved; so in the next two."""
    paid_out_cents: int = 0
    rewards_cents: int = 0
    fees_cents: int = 0
    """Service fees. Those of its trades are its escrow's."""
    changed_hour: int = 0
    """The hour, counted from the epoch, in which the next were."""
    changes: int = 0
    """Commands of the owner that were accepted."""
    payments: dict[str, Paid] = field(default_factory=dict)
    withdrawals: dict[str, Withdrawn] = field(default_factory=dict)
    requests: dict[str, str] = field(default_factory=dict)
    """The newest commands of its owner and of administrators, by what tells them apart."""
    pending_command: MmControl | None = None
    """A stop that was asked for on the way to a venue: it is carried out on arrival."""
    clearing: Account | None = None
    """Where its money is while it is not in the escrow."""
    venue_legs: list[VenueLeg] = field(default_factory=list)
    """Every attempt to move an asset to a venue or back, as it is now, in the order of their beginnings."""
    venue_due_at: int | None = None
    """When it has taken too long, while it moves."""
    rests_away: bool = False
    """Quotes of its may rest at the venue."""
    cases: list[MmCase] = field(default_factory=list)
    """Each time that nobody could tell where its money is."""
    # Where it stands in the indexes:
    cycle_at: int | None = None
    deadline: int | None = None
    is_counted: bool = False
    is_listed: bool = False
    is_unsent: bool = False
    is_awaited: bool = False

    @property
    def fence(self) -> int:
        """The escrow's: a command for it that carries another comes too late."""
        return self.escrow.fence

    @property
    def campaign_id(self) -> str | None:
        return self.campaign.id if self.campaign is not None else None

    @property
    def participation(self) -> Participation | None:
        """Its part in its campaign, once it has joined it."""
        return self.campaign.participations.get(self.id) if self.campaign is not None else None

    @property
    def is_active(self) -> bool:
        return self.state in ACTIVE

    @property
    def is_final(self) -> bool:
        return self.state in FINAL

    @property
    def lease_until(self) -> int | None:
        """Null while nobody has it."""
        return self.leash.until

    @property
    def is_leased(self) -> bool:
        return self.leash.until is not None

    @property
    def position(self) -> Position | None:
        return self.market.positions.get(self.escrow.id)

    @property
    def is_drained(self) -> bool:
        """Nothing of it rests on the book, nor at a venue."""
        position = self.position
        return not self.rests_away and (position is None or not position.live)

    @property
    def is_empty(self) -> bool:
        """Nothing is left in its escrow, nor away from it."""
        return (
            self.cash == 0
            and self.holding(YES).volume == 0
            and self.holding(NO).volume == 0
            and self.away == NOTHING_AWAY
        )

    @property
    def away(self) -> Away:
        if self.clearing is None:
            return NOTHING_AWAY
        position = self.market.positions.get(self.clearing.id)
        cash = self.clearing.available
        return Away(cash) if position is None else Away(cash, position.yes.volume, position.no.volume)

    @property
    def is_external(self) -> bool:
        """Its market is made elsewhere."""
        return self.venue != INTERNAL

    @property
    def direction(self) -> MmDirection | None:
        """Where its money is going, while it does and nothing has gone wrong."""
        if self.state in LEAVING:
            return MmDirection.OUT
        if (
            self.state is MmState.STOPPED
            and self.location is MmLocation.TRANSIT
            and not self.reconcile_required
        ):
            return MmDirection.BACK
        return None

    @property
    def open_case(self) -> MmCase | None:
        return self.cases[-1] if self.reconcile_required else None

    @property
    def cash(self) -> int:
        """With what its open buys have set aside."""
        return self.escrow.available + self.escrow.frozen

    def holding(self, side: Side) -> Holding:
        position = self.position
        return NOTHING_HELD if position is None else position.holding(side)

    @property
    def legs(self) -> tuple[Leg, ...]:
        """What was required at all."""
        legs = (
            Leg(MmAsset.CASH, self.required_cash_cents, self.received_cash_cents),
            Leg(MmAsset.YES, self.required_yes_shares, self.received_yes_shares),
            Leg(MmAsset.NO, self.required_no_shares, self.received_no_shares),
        )
        return tuple(leg for leg in legs if leg.required)

    @property
    def equity(self) -> int:
        """Cash, and the shares at the market's price of the moment; with what is away."""
        mark, away = self.market.spot, self.away
        yes, no = self.holding(YES).volume + away.yes, self.holding(NO).volume + away.no
        return self.cash + away.cash + (yes * mark + no * (200 - mark)) // 2

    @property
    def loss(self) -> int:
        return self.paid_in_cents + self.rewards_cents - self.paid_out_cents - self.equity

    @property
    def reserved(self) -> int:
        """Millionths of a cycle a second that its refresh interval asks for."""
        return RESERVED_MAX // self.terms.refresh_interval_ms


def cycle_time(order: MmOrder) -> int | None:
    """From when on it may be leased, if nothing but time stands in the way: after a lease, when that ends."""
    if order.state is not RUNNING:
        return None
    return order.next_cycle_at if order.leash.until is None else order.leash.until


def first_deadline(order: MmOrder) -> int | None:
    """When time alone will change it next."""
    if order.state in PAYING:
        return order.payment_deadline
    if order.venue_due_at is not None:
        return min([order.venue_due_at, *claims(order)])
    if order.state is not RUNNING:
        return None
    times = [time for time in (order.leash.until, order.pause_due_at, stale_at(order)) if time is not None]
    return min(times, default=None)


def claims(order: MmOrder) -> list[int]:
    """Until when workers have the legs for themselves that they call a venue for."""
    return [leg.claimed_until for leg in order.venue_legs if leg.status is CALLING and leg.claimed_until]


def newest_legs(order: MmOrder, direction: MmDirection) -> list[VenueLeg]:
    """The last attempt of each asset that goes, or went, this way."""
    newest = {leg.leg: leg for leg in order.venue_legs if leg.direction is direction}
    return list(newest.values())


def is_unsent(order: MmOrder) -> bool:
    """It is to leave for a venue, and nothing of it can have left."""
    if not order.is_external:
        return False
    return order.state is MmState.PAYMENT_COMPLETE or (
        order.state is MmState.WITHDRAWING and not order.external_submitted
    )


def venue_task(order: MmOrder) -> MmVenueTask | None:
    """What it waits for at its venue, if for anything."""
    if not order.is_external:
        return None
    if order.state is MmState.PAYMENT_COMPLETE or order.state in LEAVING:
        return MmVenueTask.OUT
    if order.rests_away and order.state in DRAINABLE:
        return MmVenueTask.DRAIN
    if order.reconcile_required:
        has_news = any(leg.status in UNSETTLED for leg in order.venue_legs)
        return MmVenueTask.WATCH if has_news else None
    if order.state is MmState.STOPPED and order.location is not MmLocation.ESCROW:
        return MmVenueTask.BACK
    return None


def stale_at(order: MmOrder) -> int | None:
    """When its quotes are taken off, should no worker come; while the market trades."""
    if order.leash.until is not None or order.pause_due_at is not None or order.is_unattended:
        return None
    assert order.next_cycle_at is not None
    return order.next_cycle_at + 1000 * order.policy.stale_quotes_ms


def value_in(mark: int, yes: int, no: int) -> int:
    """What shares count for that come in, at the market's price in half cents: rounded down."""
    return (yes * mark + no * (200 - mark)) // 2


def value_out(mark: int, yes: int, no: int) -> int:
    """The same of shares that leave: rounded up."""
    return (yes * mark + no * (200 - mark) + 1) // 2
