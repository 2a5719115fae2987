"""How every market stands after each command: best bid, best ask, and the pairs that exist.

The projector has no books. It keeps what these three need, fact by fact: the quantity at each price, and
where each order rests. It repeats no rule: who rests, at which price, and what is left, the facts say. It is
kept in memory only; a projector that begins finds it in the tables.

A command is looked at when it is over. While it trades, its own order may cross what it has yet to meet.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

import attrs

from kernel.codes import RESTING_KINDS, Direction
from kernel.events import Fact, Fill, OrderAccepted, OrderAmended, OrderCancelled
from persistence.postgres.columns import Row

HOW_MARKETS_STAND: Final = """
    SELECT markets.id, total_yes_shares, bid_close_cents, ask_close_cents,
           COALESCE(open_interest, 0) AS open_interest
    FROM markets LEFT JOIN LATERAL (
        SELECT * FROM candles WHERE market_id = markets.id AND interval = '1m'
        ORDER BY start DESC LIMIT 1) AS newest ON TRUE
"""
WHO_RESTS: Final = """
    SELECT id::text, market_id, book_direction = 'BUY' AS is_bid, book_price, remaining_quantity
    FROM orders
    WHERE status IN ('OPEN', 'PARTIALLY_FILLED') AND time_in_force NOT IN ('IOC', 'FOK')
"""
PRICES: Final = 100
"""Places of a side: its price is the place, and behind the bids come the asks."""


class Closes(NamedTuple):
    """How a market stands: what every candle ends with."""

    bid: int | None
    ask: int | None
    open_interest: int


NOTHING: Final = Closes(None, None, 0)


@attrs.define(eq=False)
class MarketQuotes:
    """One market: its levels as of the newest fact, and how it stood when the last command was over."""

    closes: Closes = NOTHING
    open_interest: int = 0
    totals: list[int] = attrs.field(factory=lambda: [0] * (2 * PRICES))
    bids: int = 0
    """A bit for each price at which somebody bids."""
    asks: int = 0

    def change(self, place: int, quantity: int) -> None:
        """So much more, or less, at a place."""
        before = self.totals[place]
        after = self.totals[place] = before + quantity
        assert after >= 0, f"less than nothing at {place}"
        if (before == 0) != (after == 0):
            if place < PRICES:
                self.bids ^= 1 << place
            else:
                self.asks ^= 1 << place - PRICES

    def now(self) -> Closes:
        bids, asks = self.bids, self.asks
        return Closes(
            bids.bit_length() - 1 if bids else None,
            (asks & -asks).bit_length() - 1 if asks else None,
            self.open_interest,
        )


@attrs.define(eq=False)
class Quotes:
    """All markets."""

    markets: dict[str, MarketQuotes] = attrs.field(factory=dict)
    resting: dict[str, int] = attrs.field(factory=dict)
    """Where each order rests, by its id."""
    unsettled: Fact | None = None
    """The newest fact of a market, until its command is over."""

    @classmethod
    def read(cls, markets: Iterable[Row], orders: Iterable[Row], unsettled: Fact | None) -> "Quotes":
        """As the tables tell it, in the middle of a command or behind one."""
        quotes = cls(unsettled=unsettled)
        for row in markets:
            closes = Closes(row["bid_close_cents"], row["ask_close_cents"], row["open_interest"])
            quotes.markets[row["id"]] = MarketQuotes(closes, row["total_yes_shares"])
        for row in orders:
            assert row["remaining_quantity"] > 0
            place = row["book_price"] + (0 if row["is_bid"] else PRICES)
            quotes.resting[row["id"]] = place
            quotes.markets[row["market_id"]].change(place, row["remaining_quantity"])
        return quotes

    def hear(self, fact: Fact) -> None:
        """One fact more."""
        market_id = fact.market_id
        if market_id is None:
            return
        market = self.markets.get(market_id)
        if market is None:
            market = self.markets[market_id] = MarketQuotes()
        event = fact.event
        match event:
            case OrderAccepted():
                if event.time_in_force in RESTING_KINDS:
                    place = event.book_price + (0 if event.book_direction is Direction.BUY else PRICES)
                    self.resting[event.order_id] = place
                    market.change(place, event.remaining_qty)
            case Fill():
                maker, taker = event.orders
                self._fill(market, event.order_id, event.fill_qty, maker.remaining_quantity)
                self._fill(market, event.counterparty_order_id, event.fill_qty, taker.remaining_quantity)
            case OrderAmended():
                place = self.resting[event.order_id]
                market.change(place, event.filled_qty - event.previous_quantity)
                side = place - place % PRICES
                place = self.resting[event.order_id] = side + event.book_price
                market.change(place, event.remaining_qty)
            case OrderCancelled():
                self._fill(market, event.order_id, event.remaining_qty, 0)
            case _:
                pass
        if event.market is not None:
            market.open_interest = event.market.total_yes_shares
        self.unsettled = fact

    def settle(self) -> tuple[str, int, Closes] | None:
        """The command is over: its market, its time, and how the market stands now, if that has changed."""
        last, self.unsettled = self.unsettled, None
        if last is None or last.market_id is None:
            return None
        market = self.markets[last.market_id]
        closes = market.now()
        if closes == market.closes:
            return None
        market.closes = closes
        return last.market_id, last.at, closes

    def _fill(self, market: MarketQuotes, order_id: str, quantity: int, left: int) -> None:
        place = self.resting.get(order_id)
        if place is None:
            return  # it is of those that never rest
        market.change(place, -quantity)
        if not left:
            del self.resting[order_id]
