"""Facts: everything that can have happened. The whole vocabulary, past tense.

An event carries everything that changed, as amounts and as values after, so that replay is assignment and
addition and a rule changed tomorrow cannot rewrite what happened today. Members that hold many values
(postings, positions, orders, trade, market) are positional in JSON, in the order of the fields below;
schema.sql has views that show them with their names.
"""

from typing import Any, Final

import msgspec

from kernel.codes import (
    AdminAction,
    AmmStopCause,
    BookType,
    CancelReason,
    CircuitBreakerTrigger,
    DepositCause,
    Direction,
    FrozenAssetType,
    GroupCause,
    GroupState,
    MarketStatus,
    OrderStatus,
    ReferenceType,
    ResolutionResult,
    SelfTradeMode,
    Side,
    StopMode,
    TimeInForce,
    TradeScenario,
    TradingMode,
)
from kernel.commands import MarketTerms
from kernel.event import Event as Event
from kernel.event import MarketAfter as MarketAfter
from kernel.event import PositionAfter as PositionAfter
from kernel.event import Posting as Posting
from kernel.making_events import (
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
)
from kernel.past import KeyUse

JOURNAL_FORMAT: Final = 1
"""How payloads are laid out; stands in JOURNAL_OPENED, so that a later format can tell."""


class OrderAfter(msgspec.Struct, frozen=True, array_like=True, gc=False):
    status: OrderStatus
    filled_quantity: int
    remaining_quantity: int
    frozen_amount: int


class Trade(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One meeting of maker and taker. The event names the two orders, the price and the quantity."""

    trade_id: int
    scenario: TradeScenario
    maker_direction: Direction
    """The maker's side of the book; the taker's is the other."""
    maker_fee: int
    taker_fee: int
    buy_realized_pnl: int | None
    """Null: this side opened. Buy and sell are the sides of the book."""
    sell_realized_pnl: int | None


class AuditTrade(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The record of a privileged mint or burn in the list of trades: price 50, no fee, no real order."""

    trade_id: int
    order_id: str
    realized_pnl: int | None


class JournalOpened(Event, frozen=True, tag="JOURNAL_OPENED"):
    format: int
    started_at_ms: int


class AccountOpened(Event, frozen=True, tag="ACCOUNT_OPENED"):
    user_id: str
    owner_id: str
    auto_netting_enabled: bool


class FundsDeposited(Event, frozen=True, tag="FUNDS_DEPOSITED"):
    user_id: str
    amount_cents: int
    cause: DepositCause
    idempotency_key: str | None = None
    """Of what a venue elsewhere returned beyond, or short of, what was sent there."""


class FundsWithdrawn(Event, frozen=True, tag="FUNDS_WITHDRAWN"):
    user_id: str
    amount_cents: int
    cause: DepositCause = DepositCause.USER
    idempotency_key: str | None = None


class FundsTransferred(Event, frozen=True, tag="FUNDS_TRANSFERRED"):
    from_user_id: str
    to_user_id: str
    amount_cents: int
    reference_type: ReferenceType
    idempotency_key: str


class SharesTransferred(Event, frozen=True, tag="SHARES_TRANSFERRED"):
    """`positions` holds the giver's, then the receiver's."""

    from_user_id: str
    to_user_id: str
    side: Side
    quantity: int
    cost_cents: int
    reference_type: ReferenceType
    idempotency_key: str


class FenceRaised(Event, frozen=True, tag="FENCE_RAISED"):
    user_id: str
    fence: int


class JournalAccepted(Event, frozen=True, tag="JOURNAL_ACCEPTED"):
    """The journal goes on behind `last_id` on purpose, although witnesses told of more, or of other rows."""

    last_id: int
    reason: str
    witnesses: tuple[str, ...]
    by: str


class OrdersForgotten(Event, frozen=True, tag="ORDERS_FORGOTTEN"):
    """Of the closed orders, those that had been so for longest are no longer in memory."""

    orders: int
    last_id: str
    """The last of them."""


class KeysForgotten(Event, frozen=True, tag="KEYS_FORGOTTEN"):
    """What these keys did is no longer in memory, and from here on in the tables: the oldest leave first."""

    uses: tuple[KeyUse, ...]


class PositionsForgotten(Event, frozen=True, tag="POSITIONS_FORGOTTEN"):
    """Of the positions in a market that is over, the first by their accounts' ids are no longer in memory."""

    count: int
    last_id: str
    """The account of the last of them."""


class GuardSet(Event, frozen=True, tag="GUARD_SET"):
    user_id: str
    grace_ms: int | None
    markets: tuple[str, ...] | None


class MarketCreated(Event, frozen=True, tag="MARKET_CREATED"):
    terms: MarketTerms
    amm_authorized: bool
    by: str


class MarketStatusChanged(Event, frozen=True, tag="MARKET_STATUS_CHANGED"):
    previous_status: MarketStatus
    new_status: MarketStatus
    reason: str
    resolution_result: ResolutionResult | None = None
    resolved_at: int | None = None
    by: str | None = None
    void_price_cents: int | None = None
    until: int | None = None
    """When a volatility halt ends by itself, if it does."""


class MarketModeChanged(Event, frozen=True, tag="MARKET_MODE_CHANGED"):
    previous_mode: TradingMode
    new_mode: TradingMode
    until: int | None
    """When it ends by itself, if it does."""
    reason: str
    by: str | None = None


class MarketClosing(Event, frozen=True, tag="MARKET_CLOSING"):
    """A resolved market has too much to cancel or to pay for one step: what follows comes in portions."""

    settles: bool
    """Whether it is also paid out; otherwise its orders are cancelled and that is all."""


class MarketAmmAuthorized(Event, frozen=True, tag="MARKET_AMM_AUTHORIZED"):
    amm_authorized: bool
    by: str


class OrderAccepted(Event, frozen=True, tag="ORDER_ACCEPTED"):
    order_id: str
    user_id: str
    client_order_id: str
    original_side: Side
    original_direction: Direction
    original_price: int
    book_type: BookType
    book_direction: Direction
    book_price: int
    time_in_force: TimeInForce
    quantity: int
    remaining_qty: int
    frozen_amount: int
    frozen_asset_type: FrozenAssetType
    replaces_order_id: str | None = None
    expires_at: int | None = None
    post_only: bool = False
    max_cost_cents: int | None = None
    self_trade_mode: SelfTradeMode = SelfTradeMode.REJECT
    group_id: str | None = None
    eligible: bool = False
    """Whether what it trades as a maker counts for the campaign that its account takes part in."""


View = tuple[int, int]
"""An amended order's price and quantity, of its own side, as of an event."""


class OrderAmended(Event, frozen=True, tag="ORDER_AMENDED"):
    """A live order has another price or another quantity, and with them another need of what backs it."""

    order_id: str
    user_id: str
    previous_price: int
    previous_quantity: int
    original_price: int
    book_price: int
    quantity: int
    filled_qty: int
    remaining_qty: int
    frozen_amount: int
    """What is set aside for it from now on: cents, or shares."""
    kept_priority: bool
    """Whether it has kept its place in the queue, with less; otherwise it has joined the back of one."""


class Fill(Event, frozen=True):
    """A maker and a taker met. `positions` holds the maker's, then the taker's, unless they are the same."""

    order_id: str
    """The maker."""
    fill_qty: int
    trade_price: int
    """In cents of YES."""
    new_remaining_qty: int
    """What is left of the maker."""
    counterparty_order_id: str
    """The taker."""
    trade: Trade
    orders: tuple[OrderAfter, OrderAfter]
    """Maker and taker, after."""
    maker_view: View | None = None
    """Null while the order has not been amended: what it was accepted with holds."""
    taker_view: View | None = None
    contribution: int = 0
    """Cents that the maker's account contributed to its campaign."""


class OrderPartiallyFilled(Fill, frozen=True, tag="ORDER_PARTIALLY_FILLED"):
    """The maker keeps its place with what is left."""


class OrderMatched(Fill, frozen=True, tag="ORDER_MATCHED"):
    """The maker is filled and leaves the book."""


class OrderCancelled(Event, frozen=True, tag="ORDER_CANCELLED"):
    order_id: str
    user_id: str
    remaining_qty: int
    frozen_amount: int
    """What was set aside and is available again: cents, or shares."""
    cancel_reason: CancelReason
    view: View | None = None
    """Null if it was never amended."""


class OrderExpired(Event, frozen=True, tag="ORDER_EXPIRED"):
    """What an immediate-or-cancel order could not trade is gone."""

    order_id: str
    user_id: str
    expired_qty: int
    filled_qty: int
    frozen_amount: int


class NettingExecuted(Event, frozen=True, tag="NETTING_EXECUTED"):
    user_id: str
    quantity: int
    released_cents: int
    yes_cost_released: int
    no_cost_released: int


class GroupEvent(Event, frozen=True):
    """What became of an order group, whole: whoever reads the fact alone can tell of it."""

    user_id: str
    group_id: str
    previous_state: GroupState | None
    """Null: it came to be."""
    max_fill_quantity: int
    window_ms: int
    filled_in_window: int
    """These three after the fact; of a group that is gone, as they were."""


class OrderGroupSet(GroupEvent, frozen=True, tag="ORDER_GROUP_SET"):
    """A group has these bounds: it came to be, or had others."""


class OrderGroupTriggered(GroupEvent, frozen=True, tag="ORDER_GROUP_TRIGGERED"):
    """It brakes: its orders are cancelled in the facts that follow, and no others come until it is reset."""

    cause: GroupCause


class OrderGroupReset(GroupEvent, frozen=True, tag="ORDER_GROUP_RESET"):
    """It takes orders, and has counted nothing."""


class OrderGroupDeleted(GroupEvent, frozen=True, tag="ORDER_GROUP_DELETED"):
    """It is gone, after its orders."""


class SharesMinted(Event, frozen=True, tag="SHARES_MINTED"):
    user_id: str
    quantity: int
    cost_cents: int
    idempotency_key: str
    new_yes_inventory: int
    new_no_inventory: int
    remaining_balance_cents: int
    trade: AuditTrade


class SharesBurned(Event, frozen=True, tag="SHARES_BURNED"):
    user_id: str
    quantity: int
    recovered_cents: int
    idempotency_key: str
    yes_cost_released: int
    no_cost_released: int
    new_yes_inventory: int
    new_no_inventory: int
    remaining_balance_cents: int
    trade: AuditTrade


class PositionSettled(Event, frozen=True, tag="POSITION_SETTLED"):
    """The volumes and cost sums are those before; after, the position is empty."""

    user_id: str
    resolution_result: ResolutionResult
    yes_volume: int
    no_volume: int
    yes_cost_sum: int
    no_cost_sum: int
    payout_cents: int
    void_price_cents: int | None = None


class MarketSettled(Event, frozen=True, tag="MARKET_SETTLED"):
    previous_status: MarketStatus
    new_status: MarketStatus
    resolution_result: ResolutionResult
    settled_at: int
    total_payout_cents: int
    winners_count: int
    void_price_cents: int | None = None


class AmmStarted(Event, frozen=True, tag="AMM_STARTED"):
    start_count: int
    initial_budget_cents: int
    initial_price_cents: int
    initial_mint_quantity: int
    config_override: dict[str, Any]
    by: str


class AmmStopped(Event, frozen=True, tag="AMM_STOPPED"):
    stop_mode: StopMode | None
    cause: AmmStopCause
    cancelled_orders_count: int
    by: str | None = None


class CircuitBreakerTriggered(Event, frozen=True, tag="CIRCUIT_BREAKER_TRIGGERED"):
    breaker_id: int
    trigger_reason: CircuitBreakerTrigger
    context: dict[str, Any]


class CircuitBreakerResolved(Event, frozen=True, tag="CIRCUIT_BREAKER_RESOLVED"):
    breaker_ids: list[int]
    resolved_by: str
    resolution_note: str
    target_status: MarketStatus


class AdminProposed(Event, frozen=True, tag="ADMIN_PROPOSED"):
    """An administrator asked for what needs two; nothing of it has happened yet."""

    proposal_id: int
    """The journal id of this fact."""
    action: AdminAction
    request: dict[str, Any]
    """What was asked for, defaults filled in: the second has to ask for the very same."""
    by: str
    by_id: str
    expires_at: int


class AdminConfirmed(Event, frozen=True, tag="ADMIN_CONFIRMED"):
    """Another administrator asked for the same; what comes of it follows."""

    proposal_id: int
    action: AdminAction
    by: str
    by_id: str


AnyEvent = (
    OrderAccepted
    | OrderPartiallyFilled
    | OrderMatched
    | OrderCancelled
    | OrderExpired
    | OrderAmended
    | NettingExecuted
    | SharesMinted
    | SharesBurned
    | OrderGroupTriggered
    | OrderGroupSet
    | OrderGroupReset
    | OrderGroupDeleted
    | FundsDeposited
    | FundsWithdrawn
    | AccountOpened
    | FundsTransferred
    | SharesTransferred
    | FenceRaised
    | GuardSet
    | MarketCreated
    | MarketStatusChanged
    | MarketModeChanged
    | MarketClosing
    | MarketAmmAuthorized
    | PositionSettled
    | MarketSettled
    | AmmStarted
    | AmmStopped
    | CircuitBreakerTriggered
    | CircuitBreakerResolved
    | AdminProposed
    | AdminConfirmed
    | JournalOpened
    | JournalAccepted
    | OrdersForgotten
    | KeysForgotten
    | PositionsForgotten
    | MmOrderCreated
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
"""Every event there is, the frequent ones first."""


class Fact(msgspec.Struct, frozen=True, gc=False):
    """An event in its place: one row of the journal."""

    id: int
    """The journal id: contiguous from 1, given by the kernel when it decides."""
    at: int
    """The command's time, in microseconds; never before that of the fact ahead of it."""
    market_id: str | None
    event: AnyEvent


encode_event = msgspec.json.Encoder().encode
"""An event as the journal's payload."""
decode_event = msgspec.json.Decoder(AnyEvent).decode
"""A payload as an event again."""


def event_type(event: AnyEvent) -> str:
    """The name the journal files it under."""
    name = type(event).__struct_config__.tag
    assert isinstance(name, str)
    return name


def reference(fact: Fact) -> tuple[ReferenceType, str | None]:
    """What the ledger entries of a fact refer to, unless an entry names an order of its own."""
    match fact.event:
        case (
            OrderAccepted(order_id=order_id)
            | OrderCancelled(order_id=order_id)
            | OrderExpired(order_id=order_id)
            | OrderAmended(order_id=order_id)
        ):
            return ReferenceType.ORDER, order_id
        case Fill(trade=trade):
            return ReferenceType.TRADE, trade_name(trade.trade_id)
        case FundsDeposited(idempotency_key=str(key)) | FundsWithdrawn(idempotency_key=str(key)):
            return ReferenceType.MM_VENUE_IN, key
        case FundsDeposited():
            return ReferenceType.DEPOSIT, None
        case FundsWithdrawn():
            return ReferenceType.WITHDRAW, None
        case SharesMinted(idempotency_key=key):
            return ReferenceType.AMM_MINT, key
        case SharesBurned(idempotency_key=key):
            return ReferenceType.AMM_BURN, key
        case FundsTransferred(reference_type=kind, idempotency_key=key):
            return kind, key
        case _:
            return ReferenceType.MARKET, fact.market_id


TRADE_PREFIX: Final = "TRD_"


def trade_name(trade_id: int) -> str:
    """A trade's number as the world sees it."""
    return f"{TRADE_PREFIX}{trade_id}"
