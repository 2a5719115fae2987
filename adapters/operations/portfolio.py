"""What a user has in all."""

from adapters.operations.lookups import own_account
from adapters.operations.operation import Call, NoQuery, from_memory
from adapters.service.server import Server
from adapters.wire import portfolio_responses, render_portfolio
from adapters.wire.requests import EmptyBody
from kernel.portfolio import equity_of, portfolio_of


@from_memory
def get_portfolio(server: Server, call: Call[EmptyBody, NoQuery]) -> portfolio_responses.PortfolioShape:
    """What one has in all, at the prices of this moment, and where it came from."""
    account, exchange = own_account(server, call), server.exchange
    sub_accounts = exchange.sub_accounts.get(account.id, ())
    return render_portfolio.portfolio(portfolio_of(account), equity_of(sub_accounts), exchange.head)
