"""Renders what an account has in all."""

from collections.abc import Mapping
from typing import Any, Final

from adapters.wire import portfolio_responses
from adapters.wire.render import dollars, gain
from kernel.portfolio import Portfolio, Stake


def stake(stake: Stake) -> portfolio_responses.StakeShape:
    position = stake.position
    market = position.market
    return portfolio_responses.StakeShape(
        market.id,
        market.status,
        stake.spot,
        position.yes.volume,
        position.no.volume,
        stake.value,
        dollars(stake.value),
        stake.cost,
        dollars(stake.cost),
        stake.unrealized,
        gain(stake.unrealized),
        position.realized_pnl,
        gain(position.realized_pnl),
        position.fees_paid,
        dollars(position.fees_paid),
    )


def portfolio(own: Portfolio, sub_accounts_equity: int, as_of: int) -> portfolio_responses.PortfolioShape:
    account = own.account
    total = own.equity + sub_accounts_equity
    return portfolio_responses.PortfolioShape(
        as_of_seq=as_of,
        available_balance_cents=account.available,
        available_balance_display=dollars(account.available),
        frozen_balance_cents=account.frozen,
        frozen_balance_display=dollars(account.frozen),
        positions_value_cents=own.value,
        positions_value_display=dollars(own.value),
        cost_cents=own.cost,
        cost_display=dollars(own.cost),
        unrealized_pnl_cents=own.unrealized,
        unrealized_pnl_display=gain(own.unrealized),
        realized_pnl_cents=own.realized,
        realized_pnl_display=gain(own.realized),
        fees_paid_cents=own.fees,
        fees_paid_display=dollars(own.fees),
        net_deposits_cents=account.net_deposits,
        net_deposits_display=dollars(account.net_deposits),
        net_transfers_cents=account.net_transfers,
        net_transfers_display=dollars(account.net_transfers),
        equity_cents=own.equity,
        equity_display=dollars(own.equity),
        sub_accounts_equity_cents=sub_accounts_equity,
        sub_accounts_equity_display=dollars(sub_accounts_equity),
        total_equity_cents=total,
        total_equity_display=dollars(total),
        positions=[stake(one) for one in own.stakes],
    )


def running_day(own: Portfolio, date: str) -> portfolio_responses.PortfolioDayShape:
    return portfolio_responses.PortfolioDayShape(
        date=date,
        equity_cents=own.equity,
        cash_cents=own.cash,
        positions_value_cents=own.value,
        unrealized_pnl_cents=own.unrealized,
        realized_pnl_cents=own.realized,
        fees_paid_cents=own.fees,
        net_deposits_cents=own.account.net_deposits,
        net_transfers_cents=own.account.net_transfers,
    )


def past_day(row: Mapping[str, Any]) -> portfolio_responses.PortfolioDayShape:
    amounts = {name: row[name] for name in AMOUNTS}
    return portfolio_responses.PortfolioDayShape(date=row["day"].isoformat(), **amounts)


AMOUNTS: Final = [name for name in portfolio_responses.PortfolioDayShape.__struct_fields__ if name != "date"]
