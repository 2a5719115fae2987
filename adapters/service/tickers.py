"""Every market's ticker: how it stands, and what was traded in the last day, told from durable facts alone.

The day is 1,440 minutes of UTC, of which the running one is the last. A minute in which nothing was traded
takes no room. A ticker that begins is told of the past by the table of candles.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import attrs
import msgspec

from adapters.runtime.times import to_microseconds
from adapters.service.book_picture import BookPicture
from adapters.service.orders_told import OrdersTold
from adapters.wire import render, responses
from kernel.codes import MarketStatus, TradingMode
from kernel.events import (
    CircuitBreakerResolved,
    Fact,
    Fill,
    MarketCreated,
    MarketModeChanged,
    MarketSettled,
    MarketStatusChanged,
)
from kernel.exchange import Exchange
from kernel.intervals import INTERVALS, MINUTE
from kernel.journal import Decided
from kernel.market import Market
from kernel.windows import spot_of

encode = msgspec.json.Encoder().encode

Row = Mapping[str, Any]

MINUTE_LENGTH: Final = INTERVALS[MINUTE]
DAY: Final = 1_440
"""Minutes of trades that a ticker tells of."""
LISTED: Final = frozenset(
    {MarketStatus.ACTIVE, MarketStatus.SUSPENDED, MarketStatus.HALTED, MarketStatus.RESOLVED}
)
"""Markets in lists of tickers: those that are open, or were and are not paid out yet."""


def first_minute(now: int) -> int:
    """The number of the first minute of the day that ends with the running minute."""
    return now // MINUTE_LENGTH - DAY + 1


class TradedMinute(NamedTuple):
    """What was traded in one minute; prices of YES."""

    minute: int
    """Its number since 1970."""
    first: int
    highest: int
    lowest: int
    last: int
    volume: int
    trades: int


@attrs.define(eq=False)
class TradedDay:
    """The trades of a market's last 1,440 minutes, summed up by minute."""

    minutes: deque[TradedMinute] = attrs.field(factory=deque)
    before: int | None = None
    """The price of the last trade that is older."""
    last_at: int | None = None
    """When the last trade of all happened."""
    volume: int = 0
    trades: int = 0
    highest: int | None = None
    lowest: int | None = None

    def add(self, at: int, price: int, quantity: int) -> None:
        self.put(TradedMinute(at // MINUTE_LENGTH, price, price, price, price, quantity, 1))
        self.last_at = at

    def put(self, new: TradedMinute) -> None:
        """What was traded after all that is here."""
        minutes = self.minutes
        if minutes and minutes[-1].minute == new.minute:
            old = minutes.pop()
            minutes.append(
                TradedMinute(
                    new.minute,
                    old.first,
                    max(old.highest, new.highest),
                    min(old.lowest, new.lowest),
                    new.last,
                    old.volume + new.volume,
                    old.trades + new.trades,
                )
            )
        else:
            minutes.append(new)
        self.volume += new.volume
        self.trades += new.trades
        self.highest = new.highest if self.highest is None else max(self.highest, new.highest)
        self.lowest = new.lowest if self.lowest is None else min(self.lowest, new.lowest)

    def forget(self, now: int) -> bool:
        """Drop the minutes that are no longer of the day; whether there were any."""
        oldest, minutes = first_minute(now), self.minutes
        if not minutes or minutes[0].minute >= oldest:
            return False
        while minutes and minutes[0].minute < oldest:
            gone = minutes.popleft()
            self.before = gone.last
            self.volume -= gone.volume
            self.trades -= gone.trades
        self.highest = max((minute.highest for minute in minutes), default=None)
        self.lowest = min((minute.lowest for minute in minutes), default=None)
        return True

    @property
    def opened(self) -> int | None:
        """The last trade before the day, else the first in it, if there is one in it."""
        if not self.minutes:
            return self.before
        return self.minutes[0].first if self.before is None else self.before


def traded_days(minutes: Iterable[Row], before: Iterable[Row], newest: Iterable[Row]) -> dict[str, TradedDay]:
    """Each market's day, as rows tell it: its minutes in order, the last trade before them, and of all."""
    days: defaultdict[str, TradedDay] = defaultdict(TradedDay)
    for row in before:
        days[row["market_id"]].before = row["price"]
    for row in newest:
        days[row["market_id"]].last_at = to_microseconds(row["at"])
    for row in minutes:
        prices = row["open_cents"], row["high_cents"], row["low_cents"], row["close_cents"]
        minute = to_microseconds(row["start"]) // MINUTE_LENGTH
        days[row["market_id"]].put(TradedMinute(minute, *prices, row["volume"], row["trades"]))
    return days


class Standing(NamedTuple):
    """All that a command can change of a ticker but for the day's sums, which change with a trade."""

    status: MarketStatus
    trading_mode: TradingMode
    pause_until: int | None
    bid: int | None
    bid_quantity: int | None
    ask: int | None
    ask_quantity: int | None
    last_price: int | None
    last_at: int | None
    pairs: int


@attrs.define(eq=False)
class MarketTicker:
    """One market."""

    market_id: str
    standing: Standing
    changed_at: int
    picture: BookPicture
    day: TradedDay
    _encoded: bytes | None = None
    """As callers see it, as long as that is so."""

    @classmethod
    def of(cls, market: Market, day: TradedDay) -> "MarketTicker":
        """As the kernel has it, which is right only while everything decided is durable."""
        picture = BookPicture.of(market)
        standing = Standing(
            market.status,
            market.trading_mode,
            market.pause_until,
            *best_of(picture),
            market.last_trade_price,
            day.last_at,
            market.yes_shares,
        )
        return cls(market.id, standing, max(market.updated_at, market.book_changed_at), picture, day)

    def hear(self, facts: Sequence[Fact], exchange: Exchange) -> bool:
        """The facts of one command; whether they changed anything that the ticker tells."""
        status, mode, pause, bid, bid_quantity, ask, ask_quantity, price, at, pairs = self.standing
        has_traded = False
        for fact in facts:
            event = fact.event
            match event:
                case Fill():
                    self.day.add(fact.at, event.trade_price, event.fill_qty)
                    price, at, has_traded = event.trade_price, fact.at, True
                case MarketStatusChanged():
                    status, pause = event.new_status, event.until
                case MarketSettled():
                    status = event.new_status
                case CircuitBreakerResolved():
                    pause = None
                case MarketModeChanged():
                    mode = event.new_mode
                case _:
                    pass
            if event.market is not None:
                pairs = event.market.total_yes_shares
        if self.picture.apply(facts, OrdersTold(exchange)) is not None:
            bid, bid_quantity, ask, ask_quantity = best_of(self.picture)
        standing = Standing(status, mode, pause, bid, bid_quantity, ask, ask_quantity, price, at, pairs)
        if standing == self.standing and not has_traded:
            return False
        self.standing, self.changed_at, self._encoded = standing, facts[-1].at, None
        return True

    @property
    def is_listed(self) -> bool:
        return self.standing.status in LISTED

    def shape(self, now: int) -> responses.TickerShape:
        """As callers see it."""
        day, s = self.day, self.standing
        if day.forget(now):
            self._encoded = None
        return responses.TickerShape(
            self.market_id,
            s.status,
            s.trading_mode,
            render.time_or_null(s.pause_until),
            s.bid,
            s.bid_quantity,
            s.ask,
            s.ask_quantity,
            spot_of(s.bid, s.ask, s.last_price),
            s.last_price,
            render.time_or_null(s.last_at),
            day.opened,
            day.highest,
            day.lowest,
            day.volume,
            day.trades,
            s.pairs,
            render.time(self.changed_at),
        )

    def encoded(self, now: int) -> bytes:
        """The same, as JSON."""
        if self.day.forget(now) or self._encoded is None:
            self._encoded = encode(self.shape(now))  # which forgets nothing that is not forgotten here
        return self._encoded


class Tickers:
    """All markets' tickers."""

    def __init__(self, days: Mapping[str, TradedDay] | None = None) -> None:
        self._days = dict(days or {})
        """What the past was like, until it is taken up."""
        self._markets: dict[str, MarketTicker] = {}
        self._exchange: Exchange
        self.on_change: Callable[[MarketTicker], None] = lambda _: None

    def begin(self, exchange: Exchange) -> None:
        """Take the markets as they are. Everything decided must be durable, and be heard from here on."""
        self._exchange = exchange
        for market in exchange.markets.values():
            day = self._days.pop(market.id, None)
            self._markets[market.id] = MarketTicker.of(market, day if day is not None else TradedDay())

    def hear(self, decided: Sequence[Decided]) -> None:
        """Take in what became durable, command by command."""
        for one in decided:
            facts = one.outcome.facts
            if not facts or (market_id := facts[-1].market_id) is None:
                continue
            ticker = self._markets.get(market_id)
            if ticker is None:
                first = facts[0]
                if type(first.event) is not MarketCreated:
                    continue
                draft = Standing(
                    MarketStatus.DRAFT, TradingMode.NORMAL, None, None, None, None, None, None, None, 0
                )
                picture = BookPicture(first.at)
                ticker = MarketTicker(market_id, draft, first.at, picture, TradedDay())
                self._markets[market_id] = ticker
            elif ticker.hear(facts, self._exchange):
                self.on_change(ticker)

    def __getitem__(self, market_id: str) -> MarketTicker:
        return self._markets[market_id]

    def listed(self) -> list[MarketTicker]:
        """Those of lists, by market id."""
        return [self._markets[market_id] for market_id in sorted(self._markets) if self[market_id].is_listed]


def best_of(picture: BookPicture) -> tuple[int | None, int | None, int | None, int | None]:
    """The best bid with its quantity, then the best ask."""
    bid = next((price for price in range(99, 0, -1) if picture.bids[price]), None)
    ask = next((price for price in range(1, 100) if picture.asks[price]), None)
    return (
        bid,
        None if bid is None else picture.bids[bid],
        ask,
        None if ask is None else picture.asks[ask],
    )
