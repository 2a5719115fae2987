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


MORE = ("expires_at", "post_only", "max_cost_cents", "self_trade_mode", "group_id")
"""What an order may ask for beside its price, its quantity and how long it waits."""


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
    resolved_at: int | None = None
    settled_at: int | None = None
    last_trade_price: int | None = None
    updated_at: int = 0
    book_changed_at: int = 0


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
    market_id: str
    pnl: int


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


@attrs.define
class Order:
    order_id: str
    client_order_id: str
    user_id: str
    market: Market
    side: str
    direction: str
    price: int
    time_in_force: str
    quantity: int
    accepted_seq: int
    replaces_order_id: str | None
    created_at: int
    updated_at: int
    more: dict[str, Any]
    """What only some orders have."""
    filled: int = 0
    status: str = "OPEN"
    cancel_reason: str | None = None

    @property
    def remaining(self) -> int:
        return self.quantity - self.filled

    @property
    def is_live(self) -> bool:
        return self.status in LIVE

    @property
    def opens(self) -> bool:
        return self.direction == "BUY"

    @property
    def book_type(self) -> str:
        return {
            ("BUY", "YES"): "NATIVE_BUY",
            ("SELL", "YES"): "NATIVE_SELL",
            ("BUY", "NO"): "SYNTHETIC_SELL",
            ("SELL", "NO"): "SYNTHETIC_BUY",
        }[self.direction, self.side]

    @property
    def book_direction(self) -> str:
        return "BUY" if self.book_type in ("NATIVE_BUY", "SYNTHETIC_BUY") else "SELL"

    @property
    def book_price(self) -> int:
        return book_price(self.side, self.price)

    @property
    def frozen_asset_type(self) -> str:
        if self.opens:
            return "FUNDS"
        return "YES_SHARES" if self.side == "YES" else "NO_SHARES"

    def need(self, remaining: int) -> int:
        """What an order with so much left to do has to set aside: cents to buy, shares to sell."""
        return cash_needed(self.market, self.price, remaining) if self.opens else remaining

    @property
    def frozen_amount(self) -> int:
        return self.need(self.remaining) if self.is_live else 0

    def row(self) -> dict[str, Any]:
        """Every column of the list of orders, as it is now."""
        return {
            "id": self.order_id,
            "client_order_id": self.client_order_id,
            "market_id": self.market.market_id,
            "user_id": self.user_id,
            "original_side": self.side,
            "original_direction": self.direction,
            "original_price": self.price,
            "book_type": self.book_type,
            "book_direction": self.book_direction,
            "book_price": self.book_price,
            "time_in_force": self.time_in_force,
            "quantity": self.quantity,
            "filled_quantity": self.filled,
            "remaining_quantity": self.remaining,
            "frozen_amount": self.frozen_amount,
            "frozen_asset_type": self.frozen_asset_type,
            "status": self.status,
            "cancel_reason": self.cancel_reason,
            "accepted_seq": self.accepted_seq,
            "replaces_order_id": self.replaces_order_id,
            **self.more,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        }

    def after(self) -> tuple[Any, ...]:
        return self.status, self.filled, self.remaining, self.frozen_amount


def book_price(side: str, price: int) -> int:
    """A price of NO is 100 minus a price of YES."""
    return price if side == "YES" else 100 - price


def fee(value: int, bps: int) -> int:
    """So many ten-thousandths of a value, and a part of a cent counts as a cent."""
    whole, rest = divmod(value * bps, 10_000)
    return whole + (1 if rest else 0)


def cash_needed(market: Market, price: int, quantity: int) -> int:
    """The cost at the limit, and the larger of the two fees that might fall due on it."""
    cost = price * quantity
    return cost + fee(cost, max(market.terms.maker_fee_bps, market.terms.taker_fee_bps))
