"""What a user has in all, now and day by day."""

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import islice
from operator import attrgetter

from msgspec.structs import replace

from adapters.operations.lookups import own_account
from adapters.operations.operation import Call, NoQuery, Reply
from adapters.runtime.times import to_datetime
from adapters.service.server import Server
from adapters.wire import portfolio_responses, render_portfolio
from adapters.wire.paging import Page, PageQuery, bad_cursor, cursor_at, page, read_cursor
from adapters.wire.requests import EmptyBody
from kernel.portfolio import equity_of, has_come_to_something, portfolio_of, stake_in


async def get_portfolio(
    server: Server, call: Call[EmptyBody, NoQuery]
) -> Reply[portfolio_responses.PortfolioShape]:
    """What one has in all, at the prices of this moment, and where it came from."""
    account, exchange = own_account(server, call), server.exchange
    sub_accounts, head = exchange.sub_accounts.get(account.id, ()), exchange.head
    shown = render_portfolio.portfolio(portfolio_of(account), equity_of(sub_accounts), head)
    # Rendered is all of one moment; what is over does not change any more.
    past = filter(has_come_to_something, await server.past_positions(account))
    stakes = [*shown.positions, *(render_portfolio.stake(stake_in(position)) for position in past)]
    shown = replace(shown, positions=sorted(stakes, key=attrgetter("market_id")))
    return Reply(shown, journal_id=await server.wait_durable(head))


async def get_portfolio_history(
    server: Server, call: Call[EmptyBody, PageQuery]
) -> Reply[Page[portfolio_responses.PortfolioDayShape]]:
    """What one had at the end of each day in UTC, at the prices then; newest first, today as of now."""
    asked = call.query
    before = date.max if asked.cursor is None else read_day(asked.cursor)
    exchange = server.exchange
    own, head = portfolio_of(own_account(server, call)), exchange.head
    newest = to_datetime(exchange.now).date()
    today = max(to_datetime(server.clock.now()).date(), newest)
    wanted = asked.limit + 1
    # Since the newest event nothing has changed; the days before it are told by the tables.
    running = [
        render_portfolio.running_day(own, day.isoformat())
        for day in islice(days_down(min(today, before - timedelta(1)), newest), wanted)
        if own.account.has_held
    ]
    journal_id = await server.wait_durable(head)
    history = await server.history_as_of(journal_id)
    rows = await history.portfolio_days(own.account.id, min(newest, before), wanted - len(running))
    days = [*running, *map(render_portfolio.past_day, rows)]
    return Reply(
        page(days, asked.limit, lambda shown: shown, lambda shown: cursor_at(shown.date)),
        journal_id=journal_id,
    )


def days_down(last: date, first: date) -> Iterator[date]:
    """The days from the last down to the first."""
    day = last
    while day >= first:
        yield day
        day -= timedelta(1)


def read_day(cursor: str) -> date:
    """The day in a cursor: the last that its page showed."""
    try:
        day = date.fromisoformat(read_cursor(cursor).id)
    except ValueError:
        raise bad_cursor() from None
    if day == date.min:
        raise bad_cursor()
    return day
