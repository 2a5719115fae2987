"""What the model writes down. None of these knows a rule, except what an order follows from."""

from typing import Any

import attrs

from kernel.commands import MarketTerms

AMM = "00000000-0000-4000-a000-000000000001"
RESERVE = "SYSTEM_RESERVE"
FEES = "PLATFORM_FEE"

VOLUME_MAX = 2**31 - 1
"""What the tables can hold of one kind of share."""

MONEY_MAX = 10**18
"""Cents there may be."""
SUB_ACCOUNTS_MAX = 3_000
"""Of one owner."""

LIVE = ("OPEN", "PARTIALLY_FILLED")


class Refused(Exception):  # noqa: N818 - an expected no is no error
    """The model's way out: raised while nothing has changed yet."""

    def __init__(self, code: int, data: dict[str, Any] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.data = data


@attrs.define
class Account:
    user_id: str
    owner_id: str
    netting: bool
    fence: int = 0

    @property
    def is_sub_account(self) -> bool:
        return self.owner_id != self.user_id


@attrs.define
class Market:
    market_id: str
    terms: MarketTerms
    amm_authorized: bool
    created_at: int
    status: str = "DRAFT"
    resolution_result: str | None = None
    void_price_cents: int | None = None
    resolved_at: int | None = None
    settled_at: int | None = None
    last_trade_price: int | None = None
    trading_mode: str = "NORMAL"
    mode_until: int | None = None
    updated_at: int = 0
    book_changed_at: int = 0
    trading_again_at: int = 0
    """When it last became ACTIVE."""
    trades_before: int = 0
    """How many trades there had been by then, in all markets."""


@attrs.define
class AmmRun:
    market_id: str
    start_count: int
    initial_budget: int
    initial_price: int
    config_override: dict[str, Any]
    first_started_at: int
    started_at: int
    status: str = "RUNNING"
    stopped_at: int | None = None
    stop_mode: str | None = None


@attrs.define
class Breaker:
    breaker_id: int
    market_id: str
    trigger: str
    resolved: bool = False


@attrs.define
class Proposal:
    """What one administrator asked for and another has not."""

    proposal_id: int
    action: str
    market_id: str
    request: dict[str, Any]
    by: str
    by_id: str
    created_at: int


@attrs.define
class Entry:
    """A line of the ledger."""

    ledger_id: int
    user_id: str
    entry_type: str
    amount: int
    balance_after: int
    frozen_after: int
    reference_type: str
    reference_id: str | None
    market_id: str | None
    created_at: int


@attrs.define
class ShareMove:
    """Shares came to somebody, or left, with what they had cost."""

    user_id: str
    market_id: str
    side: str
    quantity: int
    cost: int


@attrs.define
class Realized:
    """What somebody made, or lost, by shares that left: their price less their cost."""

    market_id: str
    user_id: str
    pnl: int


@attrs.define
class Stood:
    """A stretch of trading time in which a market's spot stood still."""

    market_id: str
    since: int
    until: int
    spot2: int
    two_sided: bool


@attrs.define
class Group:
    """So many shares in so long: orders of one account in one market that brake together."""

    user_id: str
    market_id: str
    group_id: str
    max_fill_quantity: int
    window_ms: int
    created_at: int
    state: str = "ACTIVE"
    triggered_at: int | None = None
    fills: list[tuple[int, int]] = attrs.field(factory=list)
    """When, and how many, since it was made or last reset."""


@attrs.define
class Trade:
    """A row of the list of trades, every column."""

    trade_id: str
    market_id: str
    scenario: str
    buy_order_id: str
    sell_order_id: str
    buy_user_id: str
    sell_user_id: str
    buy_book_type: str
    sell_book_type: str
    price: int
    quantity: int
    maker_order_id: str
    taker_order_id: str
    maker_fee: int
    taker_fee: int
    buy_realized_pnl: int | None
    sell_realized_pnl: int | None
    is_audit: bool
    executed_at: int


@attrs.define
class Once:
    """A request that must not happen twice, and what it was answered."""

    request: tuple[Any, ...]
    answer: dict[str, Any]


@attrs.define
class Fact:
    """What one journal row must say."""

    journal_id: int
    at: int
    market_id: str | None
    event_type: str
    fields: dict[str, Any]
    entries: list[Entry]
    positions: dict[str, tuple[int, ...]]
    """Of everybody in the market whose position this fact changed."""
    totals: tuple[int, ...] | None
    """Reserve, pool and share totals of the market, if this fact changed them."""
