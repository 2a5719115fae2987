"""The demo on a terminal: books, trades, tickers and candles as everybody gets them, drawn with rich."""

from collections import deque
from typing import Any, Final

import attrs
import httpx
import msgspec
import trio
import trio_websocket
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from adapters.demo.traders import CONNECTION_SECONDS, Tally, get, socket_url

PATIENCE: Final = 0.5
"""Seconds that the picture waits for one of its charts."""
BOARDS: Final = 3
"""Markets side by side."""
LEVELS: Final = 5
"""These, with the trades below, fit a terminal of 24 lines."""
TRADES: Final = 4
BAR: Final = 14
"""Characters of the longest bar."""
CHART: Final = 24
"""Minutes of the chart, a character each."""
HEIGHTS: Final = "▁▂▃▄▅▆▇█"
CHART_SECONDS: Final = 3.0


@attrs.define
class Board:
    """One market as its feeds tell it."""

    market_id: str
    title: str
    bids: dict[int, int] = attrs.field(factory=dict)
    asks: dict[int, int] = attrs.field(factory=dict)
    last: int | None = None
    ticker: dict[str, Any] = attrs.field(factory=dict)
    closes: list[int] = attrs.field(factory=list)
    """At the end of each minute with trades, the newest last."""

    def take(self, message: dict[str, Any]) -> None:
        """A snapshot replaces the book, a delta changes the levels it names."""
        for levels, told in ((self.bids, message["yes"]["bids"]), (self.asks, message["yes"]["asks"])):
            if message["update_type"] == "SNAPSHOT":
                levels.clear()
            for level in told:
                levels[level["price_cents"]] = level["total_quantity"]
                if not level["total_quantity"]:
                    del levels[level["price_cents"]]


@attrs.define
class Screen:
    """All that is shown."""

    boards: list[Board]
    tally: Tally
    trades: deque[dict[str, Any]] = attrs.field(factory=lambda: deque(maxlen=TRADES))

    def draw(self, heading: str) -> RenderableType:
        markets = Table.grid(expand=True)
        for _ in self.boards:
            markets.add_column(ratio=1)
        markets.add_row(*(draw_board(board) for board in self.boards))
        return Group(Text(heading), markets, self._draw_trades(), Text(totals(self.tally), style="bold"))

    def _draw_trades(self) -> RenderableType:
        table = Table(box=None, padding=(0, 2), title="last trades", title_justify="left")
        for name in ("time", "market", "scenario"):
            table.add_column(name)
        table.add_column("YES price", justify="right")
        table.add_column("shares", justify="right")
        for trade in reversed(self.trades):
            seconds = trade["timestamp_ms"] // 1000 % 86_400
            table.add_row(
                f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}",
                trade["market_id"],
                trade["scenario"],
                f"{trade['price_cents']}",
                f"{trade['quantity']}",
            )
        return table


def draw_board(board: Board) -> RenderableType:
    asks = sorted(board.asks.items())[:LEVELS][::-1]
    bids = sorted(board.bids.items(), reverse=True)[:LEVELS]
    longest = max((total for _, total in asks + bids), default=1)
    book = Table.grid(padding=(0, 1))
    book.add_column(justify="right")
    book.add_column(justify="right")
    book.add_column()
    blank = [("", "", "")] * (LEVELS - len(asks))
    rows = [*blank, *(level(price, total, longest) for price, total in asks)]
    for row in rows:
        book.add_row(*row, style="red")
    book.add_row("", "", f"last {board.last if board.last is not None else '-'}", style="bold")
    for price, total in bids:
        book.add_row(*level(price, total, longest), style="green")
    shown = Group(book, Text(standing(board.ticker)), Text(chart(board.closes)))
    return Panel(shown, title=board.market_id, subtitle=board.title, height=2 * LEVELS + 5)


def standing(ticker: dict[str, Any]) -> str:
    """How a market stands: who may trade, and what was traded."""
    if not ticker:
        return ""
    is_open = ticker["status"] == "ACTIVE"
    state = ticker["trading_mode"] if is_open else ticker["status"]
    return f"{state}  {ticker['volume_24h']:,} in 24 h"


def chart(closes: list[int]) -> str:
    shown = closes[-CHART:]
    if not shown:
        return ""
    low, high = min(shown), max(shown)
    steps = len(HEIGHTS) - 1
    return "".join(HEIGHTS[(one - low) * steps // max(high - low, 1)] for one in shown) + f"  {low}-{high}"


def level(price: int, total: int, longest: int) -> tuple[str, str, str]:
    return f"{price}", f"{total:,}", "━" * max(total * BAR // longest, 1)


def totals(tally: Tally) -> str:
    return (
        f"{tally.orders:,} orders   {tally.trades:,} trades   {tally.shares:,} shares   "
        f"{tally.cancels:,} cancels   {tally.amends:,} amends   {sum(tally.refusals.values()):,} refusals   "
        f"answered in {tally.percentile(50):.1f} ms, p99 {tally.percentile(99):.1f} ms   "
        f"journal {tally.journal_id:,}"
    )


async def look_again(boards: list[Board], http: httpx.AsyncClient) -> None:
    """What has no feed: tickers with the day's volume, and the minutes of the chart."""
    tickers = {one["market_id"]: one for one in (await get(http, "/tickers"))["items"]}
    for board in boards:
        board.ticker = tickers[board.market_id]
        with trio.move_on_after(PATIENCE):  # where the tables are behind, the chart stays as it was
            candles = await get(http, f"/markets/{board.market_id}/candles", interval="1m")
            closes = [one["close_cents"] for one in candles["items"]]
            board.closes = [one for one in closes if one is not None]


async def watch_markets(screen: Screen, http: httpx.AsyncClient) -> None:
    """Keep what the screen shows of the markets up to date, until cancelled. None of it takes a token."""

    async def books(board: Board) -> None:
        url = socket_url(http, f"/ws/v1/orderbook/{board.market_id}")
        async with trio_websocket.open_websocket_url(url) as socket:
            while True:
                board.take(msgspec.json.decode(await socket.get_message()))

    async def trades(board: Board) -> None:
        url = socket_url(http, f"/ws/v1/trades/{board.market_id}")
        async with trio_websocket.open_websocket_url(url) as socket:
            while True:
                trade = msgspec.json.decode(await socket.get_message())
                board.last = trade["price_cents"]
                screen.trades.append(trade)

    async def charts() -> None:
        while True:
            await look_again(screen.boards, http)
            await trio.sleep(CHART_SECONDS)

    while True:
        with trio.move_on_after(CONNECTION_SECONDS):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(charts)
                for board in screen.boards:
                    nursery.start_soon(books, board)
                    nursery.start_soon(trades, board)
