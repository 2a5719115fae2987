"""What callers receive of what they have in all."""

from typing import Annotated

from msgspec import Meta

from adapters.wire.responses import Display, Shape
from kernel.codes import MarketStatus


class StakeShape(Shape, frozen=True):
    """One's shares in a market, at its price."""

    market_id: str
    status: MarketStatus
    spot_half_cents: int
    """What a YES share is worth, in half cents."""
    yes_volume: int
    no_volume: int
    value_cents: int
    value_display: Display
    cost_cents: int
    cost_display: Display
    unrealized_pnl_cents: int
    unrealized_pnl_display: Display
    realized_pnl_cents: int
    realized_pnl_display: Display
    fees_paid_cents: int
    fees_paid_display: Display


class PortfolioShape(Shape, frozen=True, kw_only=True):
    """What an account has, all of it as of one journal id.

    Its equity is what came into it and what it gained, realized or not, less its fees.
    """

    as_of_seq: int
    available_balance_cents: int
    available_balance_display: Display
    frozen_balance_cents: int
    frozen_balance_display: Display
    positions_value_cents: int
    positions_value_display: Display
    cost_cents: int
    cost_display: Display
    unrealized_pnl_cents: int
    unrealized_pnl_display: Display
    realized_pnl_cents: int
    realized_pnl_display: Display
    fees_paid_cents: int
    fees_paid_display: Display
    net_deposits_cents: int
    net_deposits_display: Display
    net_transfers_cents: int
    net_transfers_display: Display
    equity_cents: int
    equity_display: Display
    sub_accounts_equity_cents: int
    sub_accounts_equity_display: Display
    total_equity_cents: int
    total_equity_display: Display
    positions: list[StakeShape]


class PortfolioDayShape(Shape, frozen=True, kw_only=True):
    """What an account had when a day was over, at the prices of that moment; or has now."""

    date: Annotated[str, Meta(extra_json_schema={"format": "date"})]
    equity_cents: int
    cash_cents: int
    positions_value_cents: int
    unrealized_pnl_cents: int
    realized_pnl_cents: int
    fees_paid_cents: int
    net_deposits_cents: int
    net_transfers_cents: int
