"""What administrators receive, and the market maker about its own runs and tokens."""

from typing import Any, Literal

import msgspec

from adapters.wire.responses import Display, Id, MarketShape, Shape, Time
from adapters.wire.user_responses import AccountType
from kernel.codes import (
    AdminAction,
    CircuitBreakerTrigger,
    MarketStatus,
    ResolutionResult,
    StopMode,
    TradeScenario,
    VoidSource,
)


class AmmRunningShape(Shape, frozen=True):
    market_id: str
    amm_user_id: Id
    initial_budget_cents: int
    initial_mint_quantity: int
    phase: Literal["EXPLORATION"]
    started_at: Time


class AmmStoppedShape(Shape, frozen=True):
    market_id: str
    stop_mode: StopMode
    cancelled_orders_count: int
    remaining_yes_inventory: int
    remaining_no_inventory: int
    remaining_balance_cents: int
    stopped_at: Time


class AmmMarketShape(Shape, frozen=True):
    market_id: str
    status: Literal["RUNNING", "STOPPED"]
    initial_budget_cents: int
    initial_price_cents: int
    config_override: dict[str, Any]
    first_started_at: Time
    started_at: Time
    stopped_at: Time | None
    stop_mode: StopMode | None


class AmmMarketsShape(Shape, frozen=True):
    items: list[AmmMarketShape]


class ServiceTokenShape(Shape, frozen=True):
    service_token: str
    token_type: Literal["Bearer"]
    expires_in: int


class ListedUserShape(Shape, frozen=True):
    """A user, without anything that opens something."""

    user_id: Id
    username: str
    email: str
    account_type: AccountType
    is_active: bool
    created_at: Time


class UserRoleShape(Shape, frozen=True):
    user_id: Id
    account_type: AccountType


class UserActiveShape(Shape, frozen=True):
    user_id: Id
    is_active: bool


class AdminMarketShape(MarketShape, frozen=True, kw_only=True):
    amm_authorized: bool
    amm_orders_count: int
    """Live orders of the market maker, which a stop would cancel."""


class SettlementShape(Shape, frozen=True):
    status: Literal["COMPLETED"]
    settled_at: Time
    total_payout_cents: int
    total_payout_display: Display
    winners_count: int
    cancelled_orders_count: int
    cancelled_orders_unfrozen_cents: int


class ReferenceShape(Shape, frozen=True):
    """The average of a market's price over its last trading time, and how much that says."""

    reference_price_cents: int
    observed_ms: int
    two_sided_ms: int
    """For how long of that both sides of the book stood."""


class VoidBasisShape(Shape, frozen=True):
    source: VoidSource
    reference_price_cents: int
    observed_ms: int
    two_sided_ms: int


class SettledShape(Shape, frozen=True):
    market_id: str
    resolution_result: ResolutionResult
    resolved_at: Time
    settlement: SettlementShape | None
    void_price_cents: int | None
    """What a YES share of a void market is paid; a NO share is paid the rest of 100."""


class ResolvedShape(SettledShape, frozen=True):
    void_basis: VoidBasisShape | None


class ProposalShape(Shape, frozen=True):
    """What one administrator asked for; another has to ask for the very same."""

    proposal_id: int
    action: AdminAction
    market_id: str
    request: dict[str, Any]
    """As it was asked for, defaults filled in."""
    proposed_by: str
    created_at: Time
    expires_at: Time


class ProposedShape(Shape, frozen=True):
    """Nothing has happened yet: a second administrator is needed."""

    proposal: ProposalShape


class ProposalsShape(Shape, frozen=True):
    items: list[ProposalShape]


class StatsShape(Shape, frozen=True):
    market_id: str
    status: MarketStatus
    reserve_balance_cents: int
    pnl_pool_cents: int
    total_yes_shares: int
    total_no_shares: int
    active_orders_count: int
    total_trades_count: int
    total_volume: int
    trades_by_scenario: dict[TradeScenario, int]
    total_fees_collected_cents: int
    unique_traders: int
    reference: ReferenceShape


class ForeseenResultShape(Shape, frozen=True):
    """What this answer would bring to the holders."""

    resolution_result: ResolutionResult
    void_price_cents: int | None
    total_payout_cents: int
    total_payout_display: Display
    winners_count: int
    """Accounts that would get a payout above 0."""
    gained_cents: int
    """By which those who end with more than their shares had cost would be ahead, in sum."""
    gained_display: Display
    lost_cents: int
    lost_display: Display


class ForeseenEndShape(Shape, frozen=True, kw_only=True):
    market_id: str
    status: MarketStatus
    of_one_moment: bool
    """False if the market moved while its holders were counted. One that is halted never does."""
    orders_count: int
    """Orders that would be cancelled."""
    unfrozen_cents: int
    """Cash that they would give back."""
    unfrozen_display: Display
    netted_cents: int
    """Cash for pairs whose halves are for sale now; payouts are counted without them."""
    netted_display: Display
    results: list[ForeseenResultShape]
    """For each answer; of a market that has its answer, for that alone."""
    reference: ReferenceShape
    needs_void_price: bool
    """Whether a VOID has to name its price, since the market was hardly quoted."""
    has_conflict: bool
    """Whether the caller holds shares here, and so may not end it."""
    needs_second: bool
    """Whether another administrator has to ask for the same."""


class InboxShape(Shape, frozen=True):
    market_id: str | None
    """Null for what concerns no single market."""
    waiting: int


class ConnectionsShape(Shape, frozen=True):
    http: int
    feeds: int
    streams: int


class StatusShape(Shape, frozen=True, kw_only=True):
    version: str
    kernel: Literal["plain", "compiled"]
    journal_id: int
    """The newest durable one."""
    journal_lag_events: int
    """Events that are decided and not durable yet."""
    projected_journal_id: int
    """Up to where the tables are."""
    projection_lag_ms: int
    """How long ago the oldest durable event became so that is not in the tables."""
    clock: str
    """`steady`, or what is wrong with the machine's clock."""
    inboxes: list[InboxShape]
    connections: ConnectionsShape


class BreakerShape(Shape, frozen=True):
    id: int
    market_id: str
    trigger_reason: CircuitBreakerTrigger
    context: msgspec.Raw
    resolved_at: Time | None
    resolved_by: str | None
    resolution_note: str | None
    triggered_at: Time


class CheckShape(Shape, frozen=True):
    name: str
    description: str
    passed: bool
    details: dict[str, Any]


class InvariantsShape(Shape, frozen=True):
    verified_at: Time
    all_passed: bool
    checks: list[CheckShape]
