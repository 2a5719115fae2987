"""Renders what an account has in all."""

from collections.abc import Mapping
from typing import Any, Final

from adapters.wire import portfolio_responses
from adapters.wire.render import dollars, gain
from kernel.portfolio import Portfolio, Stake

GAINS: Final = {"unrealized_pnl", "realized_pnl"}
"""What is shown with its sign."""


def stake(stake: Stake) -> portfolio_responses.StakeShape:
    position = stake.position
    return portfolio_responses.StakeShape(
        market_id=position.market.id,
        status=position.market.status,
        spot_half_cents=stake.spot,
        yes_volume=position.yes.volume,
        no_volume=position.no.volume,
        **shown(
            value=stake.value,
            cost=stake.cost,
            unrealized_pnl=stake.unrealized,
            realized_pnl=position.realized_pnl,
            fees_paid=position.fees_paid,
        ),
    )


def portfolio(own: Portfolio, sub_accounts_equity: int, as_of: int) -> portfolio_responses.PortfolioShape:
    return portfolio_responses.PortfolioShape(
        as_of_seq=as_of,
        positions=[stake(one) for one in own.stakes],
        **shown(
            available_balance=own.account.available,
            frozen_balance=own.account.frozen,
            cost=own.cost,
            sub_accounts_equity=sub_accounts_equity,
            total_equity=own.equity + sub_accounts_equity,
            **day_amounts(own),
        ),
    )


def running_day(own: Portfolio, date: str) -> portfolio_responses.PortfolioDayShape:
    amounts = {f"{name}_cents": cents for name, cents in day_amounts(own).items()}
    return portfolio_responses.PortfolioDayShape(date=date, cash_cents=own.cash, **amounts)


def day_amounts(own: Portfolio) -> dict[str, int]:
    """What the portfolio tells of this moment, and the history of each day's end."""
    return {
        "equity": own.equity,
        "positions_value": own.value,
        "unrealized_pnl": own.unrealized,
        "realized_pnl": own.realized,
        "fees_paid": own.fees,
        "net_deposits": own.account.net_deposits,
        "net_transfers": own.account.net_transfers,
    }


def shown(**amounts: int) -> dict[str, Any]:
    """Each amount in cents and as people read it, by the names of both."""
    told: dict[str, Any] = {}
    for name, cents in amounts.items():
        told[f"{name}_cents"] = cents
        told[f"{name}_display"] = gain(cents) if name in GAINS else dollars(cents)
    return told


def past_day(row: Mapping[str, Any]) -> portfolio_responses.PortfolioDayShape:
    amounts = {name: row[name] for name in AMOUNTS}
    return portfolio_responses.PortfolioDayShape(date=row["day"].isoformat(), **amounts)


AMOUNTS: Final = [name for name in portfolio_responses.PortfolioDayShape.__struct_fields__ if name != "date"]
