"""What a decision is made from: one order's money, shares and orders, and its market, as of one moment.

The exchange takes the whole view in one step, so its parts cannot disagree. Members are named as on the wire.
"""

import msgspec

from amm.brain.arithmetic import Cents, Shares
from amm.brain.book import ForeignBook, PricedLevel, PublicBook
from amm.brain.wire import Direction, Order, Outcome


class Holding(msgspec.Struct, frozen=True):
    volume: Shares
    free: Shares
    """What is in no open sell."""


class Room(msgspec.Struct, frozen=True):
    """How many more shares of each outcome the owner's position limit lets the order buy."""

    yes: Shares
    no: Shares


class MarketLimits(msgspec.Struct, frozen=True):
    id: str
    min_price_cents: Cents
    max_price_cents: Cents
    max_order_quantity: Shares
    max_order_amount_cents: Cents
    freeze_bps: int
    """The part of its value that a buy sets aside for the fee."""


class Book(msgspec.Struct, frozen=True):
    """The best levels of each side in cents of YES, the order's own included."""

    bids: list[PricedLevel]
    asks: list[PricedLevel]


class View(msgspec.Struct, frozen=True, kw_only=True):
    cash_cents: Cents
    """Available, so without what own resting buys hold."""
    yes: Holding
    no: Holding
    room: Room
    orders: list[Order]
    market: MarketLimits
    book: Book
    last_trade_price_cents: Cents | None

    def holding(self, outcome: Outcome) -> Holding:
        return self.yes if outcome is Outcome.YES else self.no

    def room_for(self, outcome: Outcome) -> Shares:
        return self.room.yes if outcome is Outcome.YES else self.room.no

    def cost(self, price: Cents, quantity: Shares) -> Cents:
        """What a buy sets aside: its value, and what the fee may come to, rounded up."""
        value = price * quantity
        return value + (value * self.market.freeze_bps + 9_999) // 10_000

    def affordable(self, price: Cents, cash: Cents) -> Shares:
        """The largest quantity whose cost this much cash covers."""
        return cash * 10_000 // (price * (10_000 + self.market.freeze_bps))

    def foreign_book(self) -> ForeignBook:
        """The book of everybody else: to price from one's own quotes would be to follow oneself."""
        own: dict[bool, dict[Cents, Shares]] = {True: {}, False: {}}
        for order in self.orders:
            levels, price = own[is_bid(order.original_side, order.original_direction)], yes_price(order)
            levels[price] = levels.get(price, 0) + order.remaining_quantity
        public = PublicBook(dict(self.book.bids), dict(self.book.asks))
        return public.without(own[True], own[False])


def is_bid(outcome: Outcome, direction: Direction) -> bool:
    """Whoever buys YES or sells NO stands on the book's buying side."""
    return (outcome is Outcome.YES) is (direction is Direction.BUY)


def yes_price(order: Order) -> Cents:
    return of_yes(order.original_side, order.original_price_cents)


def of_yes(outcome: Outcome, price: Cents) -> Cents:
    """Turn a price of one outcome into that of YES, and back."""
    return price if outcome is Outcome.YES else 100 - price
