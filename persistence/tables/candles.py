"""Candles in the making: what a run of facts adds to each minute of each market, and to the longer intervals.

A minute gets a row when something was traded in it, when a command changed how the market stands, or when the
market was first activated. The longer intervals are made of the minutes. Rows of one interval that come from
several batches add up to the same, wherever the batches were cut: so a rebuild gives the same rows.
"""

from collections.abc import Iterator
from typing import Final

import attrs

from kernel.codes import MarketStatus
from kernel.events import Fact, Fill, MarketStatusChanged
from kernel.intervals import INTERVALS, MINUTE, beginning
from persistence.postgres.columns import Row
from persistence.tables.quotes import NOTHING, Closes, Quotes

MINUTE_LENGTH: Final = INTERVALS[MINUTE]

Prices = tuple[int, int, int, int]
"""The first, the highest, the lowest and the last."""


@attrs.define(eq=False)
class CandleNow:
    """What a batch adds to a candle, and how its market stood at the end of that."""

    closes: Closes
    prices: Prices | None = None
    volume: int = 0
    trades: int = 0

    def add(self, prices: Prices, volume: int, trades: int) -> None:
        """What was traded after what is in it already."""
        if self.prices is not None:
            first, highest, lowest, _ = self.prices
            prices = first, max(highest, prices[1]), min(lowest, prices[2]), prices[3]
        self.prices = prices
        self.volume += volume
        self.trades += trades

    def row(self, market_id: str, interval: str, start: int) -> Row:
        first, highest, lowest, last = self.prices or (None, None, None, None)
        return {
            "market_id": market_id,
            "interval": interval,
            "start": start,
            "open_cents": first,
            "high_cents": highest,
            "low_cents": lowest,
            "close_cents": last,
            "bid_close_cents": self.closes.bid,
            "ask_close_cents": self.closes.ask,
            "volume": self.volume,
            "trades": self.trades,
            "open_interest": self.closes.open_interest,
        }


@attrs.define(eq=False)
class Candles:
    """The candles that a batch touches."""

    quotes: Quotes
    """Which outlive the batch."""
    minutes: dict[tuple[str, int], CandleNow] = attrs.field(factory=dict)
    """By market and beginning, in the order of time."""

    def hear(self, fact: Fact, *, begins: bool) -> None:
        """One fact more; it may begin a command."""
        if begins:
            self.settle()
        self.quotes.hear(fact)
        event = fact.event
        if isinstance(event, Fill):
            price, quantity = event.trade_price, event.fill_qty
            self._minute(fact).add((price, price, price, price), quantity, 1)
        elif isinstance(event, MarketStatusChanged) and event.previous_status is MarketStatus.DRAFT:
            self._minute(fact)

    def settle(self) -> None:
        """The command is over."""
        if (changed := self.quotes.settle()) is None:
            return
        market_id, at, closes = changed
        candle = self._candle(market_id, at)
        candle.closes = closes

    def _minute(self, fact: Fact) -> CandleNow:
        assert fact.market_id is not None
        return self._candle(fact.market_id, fact.at)

    def _candle(self, market_id: str, at: int) -> CandleNow:
        key = market_id, beginning(at, MINUTE_LENGTH)
        candle = self.minutes.get(key)
        if candle is None:
            market = self.quotes.markets.get(market_id)
            candle = self.minutes[key] = CandleNow(market.closes if market is not None else NOTHING)
        return candle

    def rows(self) -> Iterator[Row]:
        """What the batch adds to every interval."""
        for interval, length in INTERVALS.items():
            longer: dict[tuple[str, int], CandleNow] = {}
            for (market_id, start), minute in self.minutes.items():
                key = market_id, beginning(start, length)
                candle = longer.get(key)
                if candle is None:
                    candle = longer[key] = CandleNow(minute.closes)
                candle.closes = minute.closes
                if minute.prices is not None:
                    candle.add(minute.prices, minute.volume, minute.trades)
            for (market_id, start), candle in longer.items():
                yield candle.row(market_id, interval, start)
