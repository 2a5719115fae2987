"""A market as a question: what was asked, how it stands, what it owes. It knows no orders, and nobody in it.

See `state.py` on who changes it, and why these are dataclasses.
"""

from dataclasses import dataclass, field
from typing import Any

from kernel.brakes import Group
from kernel.codes import (
    PAIR_CENTS,
    AmmStatus,
    MarketStatus,
    ResolutionResult,
    StatusReason,
    StopMode,
    TradeScenario,
    TradingMode,
)
from kernel.commands import MarketTerms
from kernel.events import Fact, MarketAfter, OrderGroupSet
from kernel.windows import (
    RECENT_SLOTS,
    VOID_SLOTS,
    AverageWindow,
    Prices,
    RecentWindow,
    TradeRange,
    slot_length,
)

ACTIVE, RESOLVED = MarketStatus.ACTIVE, MarketStatus.RESOLVED


@dataclass(slots=True, eq=False)
class AmmRun:
    """The record that the market maker runs, or ran, in a market."""

    status: AmmStatus
    start_count: int
    initial_budget: int
    initial_price: int
    config_override: dict[str, Any]
    first_started_at: int
    """When start number 1 was; the market maker's first idea of the price fades from then on."""
    started_at: int
    stopped_at: int | None = None
    stop_mode: StopMode | None = None

    def stop(self, at: int, stop_mode: StopMode | None) -> None:
        self.status = AmmStatus.STOPPED
        self.stopped_at = at
        self.stop_mode = stop_mode


@dataclass(slots=True, eq=False)
class Closing:
    """What has been done of a settlement, or of a resolution too large for one step, that is under way."""

    settles: bool
    """Whether holders are paid, too, or orders cancelled only."""
    paid: int = 0
    """Cents that have left the reserve account; the market's own reserve stays until all is paid."""
    winners: int = 0
    costs: int = 0
    """What had been paid for the shares that are settled."""
    void_price: int | None = None
    """By which the last of them was paid."""

    def count(self, payout: int, cost: int, void_price: int | None) -> None:
        """One more holder is settled."""
        self.void_price = void_price
        self.paid += payout
        self.winners += payout > 0
        self.costs += cost


@dataclass(slots=True, eq=False, repr=False)
class Question:
    """A yes/no question: how it is asked, how it stands, and the money and shares that hang on it."""

    id: str
    terms: MarketTerms
    amm_authorized: bool
    created_at: int
    created_seq: int
    """The journal id of its creation."""
    updated_at: int
    freeze_bps: int
    """The larger of the two fee rates: what a buy must be able to pay, whichever role it ends up in."""
    status: MarketStatus = MarketStatus.DRAFT
    trading_mode: TradingMode = TradingMode.NORMAL
    mode_until: int | None = None
    """When the mode ends by itself."""
    is_paused: bool = False
    """By a volatility halt; the newest of its open breakers is the record of that."""
    pause_until: int | None = None
    """When the pause ends by itself."""
    reserve: int = 0
    pnl_pool: int = 0
    yes_shares: int = 0
    no_shares: int = 0
    resolution_result: ResolutionResult | None = None
    void_price_cents: int | None = None
    """What a YES share is paid in a void market; a NO share is paid the rest of 100."""
    resolved_at: int | None = None
    settled_at: int | None = None
    cancelled_at_resolution: int = 0
    unfrozen_at_resolution: int = 0
    closing: Closing | None = None
    """Set from the first portion of its end to the last: it is RESOLVED, and orders or holders are left."""
    amm: AmmRun | None = None
    open_breakers: list[int] = field(default_factory=list)
    last_trade_price: int | None = None
    trades: dict[TradeScenario, int] = field(default_factory=lambda: dict.fromkeys(TradeScenario, 0))
    traded_volume: int = 0
    fees: int = 0
    groups: dict[str, dict[str, Group]] = field(default_factory=dict)
    """By account, and then by name; who has none is not in it."""
    prices: Prices = field(init=False)
    least_room: int = field(init=False)
    """Whoever has fewer live orders than this, in all markets together, is far from every bound of them."""
    trade_range: TradeRange | None = field(init=False)
    """Only of a market with a volatility halt."""

    def __post_init__(self) -> None:
        terms = self.terms
        self.least_room = min(terms.max_open_orders, terms.max_open_orders_total, terms.max_open_orders_amm)
        window = AverageWindow(slot_length(terms.void_window_ms, VOID_SLOTS))
        recent = None
        if terms.collar_cents:
            recent = RecentWindow(slot_length(terms.collar_window_ms, RECENT_SLOTS))
        self.prices = Prices(self.created_at, terms.trading_start_at, terms.trading_end_at, window, recent)
        self.trade_range = None
        if terms.halt_move_cents:
            self.trade_range = TradeRange(slot_length(terms.halt_window_ms, RECENT_SLOTS))

    def is_sound(self) -> bool:
        """The cheap half of the audit: pairs in balance, and a reserve that pays each of them."""
        shares = self.yes_shares
        return shares == self.no_shares and self.reserve == PAIR_CENTS * shares and shares >= 0

    def is_trading(self, at: int) -> bool:
        """ACTIVE, and within the trading window."""
        terms = self.terms
        return (
            self.status is ACTIVE
            and (terms.trading_start_at is None or terms.trading_start_at <= at)
            and (terms.trading_end_at is None or at < terms.trading_end_at)
        )

    def has_ended(self, at: int) -> bool:
        return self.terms.trading_end_at is not None and at >= self.terms.trading_end_at

    def become(self, status: MarketStatus, at: int, reason: str, until: int | None) -> None:
        """The one way to another status, but for the last; until when, if it ends by itself."""
        # Every other fault halts it.
        self.is_paused = status is MarketStatus.SUSPENDED and reason == StatusReason.CIRCUIT_BREAKER
        if status is ACTIVE and self.trade_range is not None:
            self.trade_range.slots = {}
        self.pause_until = until
        self.prices.switch(at, is_active=status is ACTIVE)
        self.status = status
        self.updated_at = at
        if status is RESOLVED:
            self.groups = {}

    def group(self, user_id: str, group_id: str | None) -> Group | None:
        return None if group_id is None else self.groups.get(user_id, {}).get(group_id)

    def set_group(self, fact: Fact, event: OrderGroupSet) -> Group:
        """A group comes to be, or has other bounds."""
        group = self.group(event.user_id, event.group_id)
        if group is None:
            group = Group(event.group_id, event.max_fill_quantity, event.window_ms, fact.at, fact.at)
            self.groups.setdefault(event.user_id, {})[group.group_id] = group
        else:
            group.limit(event.max_fill_quantity, event.window_ms, fact.at)
        return group

    def drop_group(self, user_id: str, group_id: str) -> None:
        """It is gone."""
        del self.groups[user_id][group_id]
        if not self.groups[user_id]:
            del self.groups[user_id]

    @property
    def reserved(self) -> int:
        """What the reserve account holds for it: a settlement under way has paid out some already."""
        return self.reserve - (self.closing.paid if self.closing is not None else 0)

    def after(self) -> MarketAfter:
        return MarketAfter(self.reserve, self.pnl_pool, self.yes_shares, self.no_shares)
