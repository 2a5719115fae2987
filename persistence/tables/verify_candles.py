"""Holds the candles to the journal: to the trades of each interval, and to the books that replay leads to.

What a candle must be is said here a second time, on purpose, and in another way: each interval is summed up
by itself, and how a market stands is read from the replayed state. Whose interval is over is compared and
forgotten, so that a long journal needs no more memory than a short one.
"""

from collections.abc import Callable
from typing import Any, Final

import attrs

from kernel.codes import MarketStatus
from kernel.events import Fact, Fill, MarketStatusChanged
from kernel.exchange import Exchange
from kernel.intervals import INTERVALS
from persistence.postgres.database import Connection
from persistence.postgres.storable import storable_time

Key = tuple[str, str, int]
"""Market, interval, and when it began."""

CHUNK: Final = 5_000
"""Rows looked up by one statement."""
LOOK_UP: Final = """
    SELECT candles.* FROM candles
    JOIN unnest($1::text[], $2::text[], $3::timestamptz[]) AS wanted (market_id, interval, start)
    USING (market_id, interval, start)
"""


@attrs.define(eq=False)
class CandleComparison:
    """The candles as one connection sees them, beside what they should be."""

    connection: Connection
    note: Callable[[str], None]
    expected: dict[Key, dict[str, Any]] = attrs.field(factory=dict)
    """Those that were not compared yet."""
    closes: dict[str, tuple[int | None, int | None, int]] = attrs.field(factory=dict)
    """How each market stood after its last command."""
    last: tuple[str, int] | None = None
    """The market of the newest fact, and its time, until its command is over."""
    settled_at: int = 0
    """No command that is yet to come is earlier."""
    count: int = 0

    def hear(self, fact: Fact) -> None:
        """One fact more, which replay has applied."""
        if fact.market_id is None:
            return
        self.last = fact.market_id, fact.at
        match fact.event:
            case Fill(trade_price=price, fill_qty=quantity):
                for candle in self._touched():
                    if not candle["trades"]:
                        candle |= dict.fromkeys(("open_cents", "high_cents", "low_cents"), price)
                    candle["high_cents"] = max(price, candle["high_cents"])
                    candle["low_cents"] = min(price, candle["low_cents"])
                    candle["close_cents"] = price
                    candle["volume"] += quantity
                    candle["trades"] += 1
            case MarketStatusChanged(new_status=MarketStatus.ACTIVE, previous_status=MarketStatus.DRAFT):
                self._touched()
            case _:
                pass

    def settle(self, exchange: Exchange) -> None:
        """The command is over, and the exchange as it left it."""
        if self.last is None:
            return
        market_id, self.settled_at = self.last
        market = exchange.markets[market_id]
        now = market.book.best_bid, market.book.best_ask, market.yes_shares
        if now != self.closes.get(market_id, (None, None, 0)):
            self.closes[market_id] = now
            for candle in self._touched():
                candle["bid_close_cents"], candle["ask_close_cents"], candle["open_interest"] = now
        self.last = None

    def _touched(self) -> list[dict[str, Any]]:
        """The candle of each interval that the newest fact is in."""
        assert self.last is not None
        market_id, at = self.last
        bid, ask, pairs = self.closes.get(market_id, (None, None, 0))
        found = []
        for interval, length in INTERVALS.items():
            fresh: dict[str, Any] = {
                **dict.fromkeys(("open_cents", "high_cents", "low_cents", "close_cents")),
                "bid_close_cents": bid,
                "ask_close_cents": ask,
                "open_interest": pairs,
                "volume": 0,
                "trades": 0,
            }
            found.append(self.expected.setdefault((market_id, interval, at // length * length), fresh))
        return found

    async def compare_past(self) -> None:
        """The candles of intervals that are over."""
        over = [key for key in self.expected if key[2] + INTERVALS[key[1]] <= self.settled_at]
        await self._compare(over)

    async def compare_rest(self) -> None:
        """All others; and that there are no more."""
        await self._compare(list(self.expected))
        rows = await self.connection.fetch_value("SELECT count(*) FROM candles")
        if rows != self.count:
            self.note(f"candles: {rows} rows, must be {self.count}")

    async def _compare(self, keys: list[Key]) -> None:
        for first in range(0, len(keys), CHUNK):
            part = keys[first : first + CHUNK]
            markets, intervals, starts = zip(*part, strict=True)
            rows = await self.connection.fetch(
                LOOK_UP, markets, intervals, [storable_time(start) for start in starts]
            )
            found = {(row["market_id"], row["interval"], row["start"]): row for row in rows}
            for key in part:
                self.count += 1
                self._compare_row(key, self.expected.pop(key), found)

    def _compare_row(self, key: Key, wanted: dict[str, Any], found: dict[Any, Any]) -> None:
        market_id, interval, start = key
        where = f"candles {market_id} {interval} {storable_time(start)}"
        stored = found.get((market_id, interval, storable_time(start)))
        if stored is None:
            self.note(f"{where}: the row is missing")
            return
        for column, value in wanted.items():
            if stored[column] != value:
                self.note(f"{where}: {column} is {stored[column]}, must be {value}")
