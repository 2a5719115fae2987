"""What callers receive: the `data` of every answer, as types that are encoded as they stand.

The published API description is made from them. Members ending `_display` are for people; the command stream
leaves them out, which is what UNSET does to a member.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from kernel.codes import (
    BookType,
    CancelReason,
    Direction,
    FrozenAssetType,
    GroupState,
    LedgerEntryType,
    MarketStatus,
    OrderStatus,
    PriceType,
    ReferenceType,
    ResolutionResult,
    SelfTradeMode,
    Side,
    TimeInForce,
    TradeScenario,
    TradingMode,
)

Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""UTC, six fractional digits, Z."""
Id = Annotated[str, Meta(extra_json_schema={"format": "uuid"})]
Display = str | UnsetType


class Shape(msgspec.Struct, frozen=True, gc=False):
    """Values on their way out: written once, read by the encoder."""


# Orders


class OrderShape(Shape, frozen=True, kw_only=True):
    id: Id
    client_order_id: str
    market_id: str
    original_side: Side
    original_direction: Direction
    original_price_cents: int
    book_type: BookType
    book_direction: Direction
    book_price_cents: int
    price_type: PriceType = PriceType.LIMIT
    time_in_force: TimeInForce
    quantity: int
    filled_quantity: int
    remaining_quantity: int
    frozen_amount: int
    frozen_asset_type: FrozenAssetType
    status: OrderStatus
    cancel_reason: CancelReason | None
    created_at: Time
    updated_at: Time
    expires_at: Time | None
    post_only: bool
    max_cost_cents: int | None
    self_trade_mode: SelfTradeMode
    group_id: str | None
    amend_count: int
    """How often it was amended: price and quantity are those of the last time."""


class AliasedOrderShape(OrderShape, frozen=True, kw_only=True):
    """An order that also answers to the names of its request."""

    side: Side
    direction: Direction
    price_cents: int


class OrderTradeShape(Shape, frozen=True):
    """A trade as one of its orders sees it; the price is that of YES."""

    trade_id: str
    scenario: TradeScenario
    counterparty_side: Direction
    price_cents: int
    quantity: int
    role: Literal["MAKER", "TAKER"]
    fee_cents: int
    realized_pnl_cents: int | None
    executed_at: Time


class NettingShape(Shape, frozen=True):
    pairs_netted: int
    released_cents: int
    released_display: Display


class PlacedShape(Shape, frozen=True):
    order: OrderShape
    trades: list[OrderTradeShape]
    netting_result: NettingShape | None
    self_trade_cancelled: list[Id] | UnsetType = UNSET
    """Own orders that gave way to this one, in their order; absent if there are none."""


class AmendedShape(Shape, frozen=True):
    order: OrderShape
    changed: bool
    """False if it was so already."""
    kept_priority: bool
    trades: list[OrderTradeShape]
    """Those of this command."""
    netting_result: NettingShape | None
    self_trade_cancelled: list[Id] | UnsetType = UNSET


class QueuedShape(Shape, frozen=True):
    """An order among those of its side of the book; what is ahead of it may be the caller's own."""

    order_id: Id
    market_id: str
    book_direction: Direction
    book_price_cents: int
    remaining_quantity: int
    shares_ahead: int
    """Of the same price, with higher priority."""
    orders_ahead: int
    shares_better: int
    """At better prices."""


class QueuesShape(Shape, frozen=True):
    items: list[QueuedShape]


class OrderAndTradesShape(Shape, frozen=True):
    order: OrderShape
    trades: list[OrderTradeShape]


class CancelledShape(Shape, frozen=True):
    order_id: Id
    status: OrderStatus
    unfrozen_amount: int
    unfrozen_asset_type: FrozenAssetType
    remaining_quantity_cancelled: int
    netting_result: NettingShape | None


class ReplacedShape(Shape, frozen=True):
    old_order_id: Id
    old_order_status: OrderStatus
    old_order_filled_quantity: int
    old_order_original_quantity: int
    new_order: AliasedOrderShape
    trades: list[OrderTradeShape]
    netting_result: NettingShape | None
    self_trade_cancelled: list[Id] | UnsetType = UNSET
    """Own orders that gave way to the new one, in their order; absent if there are none."""


class BatchCancelledShape(Shape, frozen=True):
    market_id: str
    cancelled_count: int
    total_unfrozen_funds_cents: int
    total_unfrozen_yes_shares: int
    total_unfrozen_no_shares: int


class MarketCancelledShape(Shape, frozen=True):
    """What a cancel of everything did in one market."""

    market_id: str
    code: int
    """0, or why this market refused; nothing was cancelled in it then."""
    cancelled_count: int
    total_unfrozen_funds_cents: int
    total_unfrozen_yes_shares: int
    total_unfrozen_no_shares: int
    netting_result: NettingShape | None


class AllCancelledShape(Shape, frozen=True):
    items: list[MarketCancelledShape]
    cancelled_count: int
    complete: bool
    """Whether no market refused."""


class GroupShape(Shape, frozen=True):
    """An order group; of one that was deleted, as it was."""

    market_id: str
    group_id: str
    max_fill_quantity: int
    window_ms: int
    state: GroupState
    filled_in_window: int
    open_orders: int
    triggered_at: str | None
    """When it was triggered last, also if it was reset since."""
    created_at: str


class GroupsShape(Shape, frozen=True):
    items: list[GroupShape]


class OrderIsShape(Shape, frozen=True):
    order: OrderShape


class BatchResultShape(Shape, frozen=True):
    """What came of one command of a batch: what its sender would have been told had it come alone."""

    index: int
    ok: bool
    status: int
    code: int
    message: str | None
    """Null if it was granted."""
    data: Any


class BatchShape(Shape, frozen=True, kw_only=True):
    atomic: bool
    repeated: bool | UnsetType = UNSET
    """Of an atomic batch: whether it was asked for before, and nothing happened now."""
    results: list[BatchResultShape]


# The market maker


class MintedShape(Shape, frozen=True):
    market_id: str
    minted_quantity: int
    cost_cents: int
    cost_display: Display
    new_yes_inventory: int
    new_no_inventory: int
    remaining_balance_cents: int
    remaining_balance_display: Display
    idempotent_hit: bool
    """Asked for before under the same key: these are the numbers of that time, and nothing happened now."""


class BurnedShape(Shape, frozen=True):
    market_id: str
    burned_quantity: int
    recovered_cents: int
    recovered_display: Display
    new_yes_inventory: int
    new_no_inventory: int
    remaining_balance_cents: int
    remaining_balance_display: Display
    idempotent_hit: bool
    """Asked for before under the same key: these are the numbers of that time, and nothing happened now."""


# Cash


class BalanceShape(Shape, frozen=True):
    user_id: str
    available_balance_cents: int
    available_balance_display: Display
    frozen_balance_cents: int
    frozen_balance_display: Display
    total_balance_cents: int
    total_balance_display: Display


class DepositedShape(Shape, frozen=True):
    available_balance_cents: int
    available_balance_display: Display
    deposited_cents: int
    deposited_display: Display
    ledger_entry_id: int


class WithdrawnShape(Shape, frozen=True):
    available_balance_cents: int
    available_balance_display: Display
    withdrawn_cents: int
    withdrawn_display: Display
    ledger_entry_id: int


class LedgerEntryShape(Shape, frozen=True):
    id: int
    entry_type: LedgerEntryType
    amount_cents: int
    amount_display: Display
    balance_after_cents: int
    balance_after_display: Display
    reference_type: ReferenceType | None
    reference_id: str | None
    market_id: str | None
    description: str | None
    created_at: Time


# Markets


class MarketItemShape(Shape, frozen=True, kw_only=True):
    id: str
    title: str
    description: str | None
    category: str | None
    status: MarketStatus
    min_price_cents: int
    max_price_cents: int
    maker_fee_bps: int
    taker_fee_bps: int
    reserve_balance_cents: int
    reserve_balance_display: Display
    total_yes_shares: int
    total_no_shares: int
    trading_start_at: Time | None
    trading_end_at: Time | None
    resolution_date: Time | None
    best_bid_cents: int | None
    best_ask_cents: int | None
    spot_half_cents: int
    last_trade_price_cents: int | None
    open_interest: int
    last_trade_at: Time | UnsetType | None = UNSET
    """This and the next stand in the list of markets and in a market's details, nowhere else."""
    volume_24h: int | UnsetType = UNSET
    trading_mode: TradingMode
    mode_until: Time | None
    """When the mode ends by itself."""
    pause_until: Time | None
    """When trading goes on by itself after prices moved too far."""


class MarketShape(MarketItemShape, frozen=True, kw_only=True):
    max_order_quantity: int
    max_position_per_user: int
    max_order_amount_cents: int
    max_open_orders: int
    """Live orders that one owner may have here, over all its accounts."""
    max_open_orders_total: int
    """Live orders, in all markets, of an owner who places one here."""
    max_open_orders_amm: int
    pnl_pool_cents: int
    pnl_pool_display: Display
    resolution_result: ResolutionResult | None
    resolved_at: Time | None
    settled_at: Time | None
    created_at: Time
    updated_at: Time
    void_price_cents: int | None
    """What a YES share is paid, if the question is void; a NO share is paid the rest of 100."""
    void_window_ms: int
    collar_cents: int
    """How far from the recent average an order may trade; 0: as far as it likes."""
    collar_window_ms: int
    halt_move_cents: int
    """How far apart the prices of recent trades may be before trading pauses; 0: as far as they like."""
    halt_window_ms: int
    halt_pause_ms: int
    """How long it pauses; 0: until an administrator ends it."""


class LevelShape(Shape, frozen=True):
    price_cents: int
    total_quantity: int


class BookSideShape(Shape, frozen=True):
    bids: list[LevelShape]
    asks: list[LevelShape]


class BookShape(Shape, frozen=True):
    market_id: str
    yes: BookSideShape
    no: BookSideShape
    last_trade_price_cents: int | None
    updated_at: Time


class MarketTradeShape(Shape, frozen=True):
    """A trade as everybody may see it: without its parties."""

    trade_id: str
    price_cents: int
    quantity: int
    scenario: TradeScenario
    aggressor_side: Direction
    executed_at: Time


class TickerShape(Shape, frozen=True):
    """How a market stands, and what was traded in its last 1,440 minutes."""

    market_id: str
    status: MarketStatus
    trading_mode: TradingMode
    pause_until: Time | None
    best_bid_cents: int | None
    best_bid_quantity: int | None
    best_ask_cents: int | None
    best_ask_quantity: int | None
    spot_half_cents: int
    last_trade_price_cents: int | None
    last_trade_at: Time | None
    open_24h_cents: int | None
    high_24h_cents: int | None
    low_24h_cents: int | None
    volume_24h: int
    trades_24h: int
    open_interest: int
    updated_at: Time


class TickersShape(Shape, frozen=True):
    items: list[TickerShape]


class ActivityShape(Shape, frozen=True):
    """A change of a market's status, or of its trading mode."""

    journal_id: int
    at: Time
    kind: Literal["STATUS", "MODE"]
    previous: str
    new: str
    reason: str | None
    until: Time | None


class CandleShape(Shape, frozen=True):
    """An interval of a market: prices of YES, null where nothing was traded."""

    start: Time
    open_cents: int | None
    high_cents: int | None
    low_cents: int | None
    close_cents: int | None
    bid_close_cents: int | None
    ask_close_cents: int | None
    volume: int
    trades: int
    open_interest: int
    is_final: bool


class CandlesShape(Shape, frozen=True):
    market_id: str
    interval: str
    items: list[CandleShape]


class SeveralCandlesShape(Shape, frozen=True):
    items: list[CandlesShape]


# Positions and trades


class HoldingShape(Shape, frozen=True):
    volume: int
    cost_sum_cents: int
    cost_sum_display: Display
    avg_cost_display: Display
    pending_sell: int
    available: int


class PositionShape(Shape, frozen=True):
    market_id: str
    market_title: str
    yes: HoldingShape
    no: HoldingShape
    updated_at: Time | None


class PositionsShape(Shape, frozen=True):
    items: list[PositionShape]


class TradeShape(Shape, frozen=True, kw_only=True):
    """A trade as one of its users sees it; sides are those of the book, the price is that of YES."""

    trade_id: str
    market_id: str
    scenario: TradeScenario
    my_side: Literal["BUY", "SELL", "BOTH"]
    my_original_side: Side | None
    my_original_direction: Direction | None
    counterparty_original_side: Side | None
    counterparty_original_direction: Direction | None
    price_cents: int
    quantity: int
    role: Literal["MAKER", "TAKER", "BOTH"]
    fee_cents: int
    fee_display: Display
    realized_pnl_cents: int | None
    realized_pnl_display: str | UnsetType | None
    executed_at: Time


class MatchingMarketShape(Shape, frozen=True):
    status: MarketStatus
    orderbook_loaded: bool
    order_count: int


class MatchingShape(Shape, frozen=True):
    status: Literal["healthy", "degraded"]
    halted_markets: int
    active_markets: int
    markets: dict[str, MatchingMarketShape]
