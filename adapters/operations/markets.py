"""Looking at markets: the list, one of them, its book, its trades, and whether all is well."""

from typing import Annotated, Final, Literal, TypeVar

import msgspec
import trio
from msgspec import Meta

from adapters.operations.listing import whole
from adapters.operations.lookups import find_market, may_see
from adapters.operations.operation import Call, NoQuery, Reply, from_memory
from adapters.service.server import Server
from adapters.wire import render, render_rows, responses
from adapters.wire.paging import (
    HistoryPage,
    Page,
    PageQuery,
    bad_cursor,
    cursor_at,
    page,
    read_cursor,
    read_number,
)
from adapters.wire.requests import EmptyBody
from kernel.events import TRADE_PREFIX

M = TypeVar("M", bound=responses.MarketItemShape)

TICKERS_AT_ONCE: Final = 200
"""Tickers that are made in one step: a millisecond or two."""


class MarketsQuery(PageQuery, frozen=True, kw_only=True):
    status: Literal["ALL", "DRAFT", "ACTIVE", "SUSPENDED", "HALTED", "RESOLVED", "SETTLED", "VOIDED"] = (
        "ACTIVE"
    )
    category: str | None = None


async def get_markets(
    server: Server, call: Call[EmptyBody, MarketsQuery]
) -> Reply[Page[responses.MarketItemShape]]:
    """The markets, newest first; drafts are shown to administrators only."""
    query = call.query
    markets = [
        market
        for market in server.exchange.markets.values()
        if query.status in ("ALL", market.status)
        and query.category in (None, market.terms.category)
        and may_see(call.principal, market)
    ]
    if query.cursor is not None:
        place = server.exchange.markets.get(read_cursor(query.cursor).id)
        if place is None or not may_see(call.principal, place):
            raise bad_cursor()
        edge = (place.created_at, place.id)
        markets = [market for market in markets if (market.created_at, market.id) < edge]
    markets.sort(key=lambda market: (market.created_at, market.id), reverse=True)
    data = page(
        markets,
        query.limit,
        render.market_item,
        lambda market: cursor_at(market.id, render.time(market.created_at)),
    )
    reflected = await server.wait_durable(server.exchange.head)
    data = msgspec.structs.replace(data, items=[with_its_day(server, item) for item in data.items])
    return Reply(data, journal_id=reflected)


async def get_market(server: Server, call: Call[EmptyBody, NoQuery]) -> Reply[responses.MarketShape]:
    """One market, with its limits and its money."""
    market = render.market(find_market(server, call))
    reflected = await server.wait_durable(server.exchange.head)
    return Reply(with_its_day(server, market), journal_id=reflected)


def with_its_day(server: Server, market: M) -> M:
    """A market, and what was traded in its last 24 hours, which is known once it is durable."""
    ticker = server.tickers[market.id].shape(server.clock.now())
    return msgspec.structs.replace(market, last_trade_at=ticker.last_trade_at, volume_24h=ticker.volume_24h)


class BookQuery(msgspec.Struct, frozen=True, kw_only=True):
    levels: Annotated[int, Meta(ge=1, le=99)] = 10


@from_memory
def get_book(server: Server, call: Call[EmptyBody, BookQuery]) -> responses.BookShape:
    """The best levels of a market's order book, as prices of YES and of NO."""
    return render.book(find_market(server, call), call.query.levels)


async def get_market_trades(
    server: Server, call: Call[EmptyBody, PageQuery]
) -> Reply[HistoryPage[responses.MarketTradeShape]]:
    """A market's trades without their parties, newest first."""
    market, query = find_market(server, call), call.query
    before = read_number(query.cursor, TRADE_PREFIX)
    history = await server.history_as_of(call.durable)
    rows = await history.market_trades(market.id, before=before, limit=query.limit + 1)
    if rows is None:
        raise bad_cursor()
    data = page(rows, query.limit, render_rows.market_trade_row, lambda row: cursor_at(row["trade_id"]))
    return Reply(await whole(history, data), journal_id=call.durable)


async def get_activity(
    server: Server, call: Call[EmptyBody, PageQuery]
) -> Reply[Page[responses.ActivityShape]]:
    """Changes of a market's status and trading mode, newest first."""
    market, query = find_market(server, call), call.query
    history = await server.history_as_of(call.durable)
    before = read_number(query.cursor)
    rows = await history.market_activity(market.id, before=before, last=call.durable, limit=query.limit + 1)
    if rows is None:
        raise bad_cursor()
    data = page(rows, query.limit, render_rows.activity_row, lambda row: cursor_at(str(row["journal_id"])))
    return Reply(data, journal_id=call.durable)


async def get_ticker(server: Server, call: Call[EmptyBody, NoQuery]) -> Reply[responses.TickerShape]:
    """How a market stands, and what was traded in its last 24 hours."""
    market = find_market(server, call)
    await server.wait_durable(server.exchange.head)
    ticker = server.tickers[market.id].shape(server.clock.now())
    return Reply(ticker, journal_id=server.actors.durable)


async def get_tickers(server: Server, call: Call[EmptyBody, NoQuery]) -> Reply[responses.TickersShape]:
    """The tickers of all markets that are neither drafts nor paid out, by market id."""
    reflected = await server.wait_durable(server.exchange.head)
    items = []
    for number, ticker in enumerate(server.tickers.listed()):
        if number % TICKERS_AT_ONCE == TICKERS_AT_ONCE - 1:
            await trio.lowlevel.checkpoint()
        items.append(ticker.shape(server.clock.now()))
    return Reply(responses.TickersShape(items), journal_id=reflected)


@from_memory
def get_matching(server: Server, call: Call[EmptyBody, NoQuery]) -> responses.MatchingShape:
    """Which markets match orders, and which are halted."""
    return render.matching(server.exchange.markets.values())
