"""What the order would like to have in the book: prices around a reference, quantities within its means.

Bids and asks are prices of YES. A bid is backed first by NO that is there to be sold, and only then by cash
for buying YES; an ask by YES, and then by cash for buying NO. So inventory leaves before more is bought.
"""

from collections.abc import Iterator

import attrs

from amm.brain.arithmetic import CENT, PAIR, Cents, Shares, Uc, cdiv, fdiv, rdiv
from amm.brain.book import ForeignBook
from amm.brain.wire import Direction, Order, Outcome
from makers.quoter.terms import PriceSource, Terms
from makers.quoter.view import View, is_bid, of_yes


@attrs.frozen
class Quote:
    """One exchange order that is wanted."""

    outcome: Outcome
    direction: Direction
    price: Cents
    """Of the outcome that is traded."""
    quantity: Shares
    level: int

    @property
    def is_bid(self) -> bool:
        return is_bid(self.outcome, self.direction)

    @property
    def yes_price(self) -> Cents:
        return of_yes(self.outcome, self.price)


@attrs.define
class Means:
    """What can still be promised: each quote takes its part, whoever is asked first is served first."""

    view: View
    cash: Cents
    shares: dict[Outcome, Shares]
    room: dict[Outcome, Shares]

    def most(self, outcome: Outcome, direction: Direction, price: Cents) -> Shares:
        """The largest order that is covered and that the market takes."""
        market = self.view.market
        allowed = min(market.max_order_quantity, market.max_order_amount_cents // price)
        if direction is Direction.SELL:
            return min(allowed, self.shares[outcome])
        return max(0, min(allowed, self.room[outcome], self.view.affordable(price, self.cash)))

    def take(self, outcome: Outcome, direction: Direction, price: Cents, quantity: Shares) -> None:
        if direction is Direction.SELL:
            self.shares[outcome] -= quantity
        else:
            self.room[outcome] -= quantity
            self.cash -= self.view.cost(price, quantity)

    def free(self, order: Order) -> None:
        """Count what an order of ours holds as there again."""
        outcome, quantity = order.original_side, order.remaining_quantity
        if order.original_direction is Direction.SELL:
            self.shares[outcome] += quantity
        else:
            self.room[outcome] += quantity
            self.cash += self.view.cost(order.original_price_cents, quantity)


def mergeable(terms: Terms, view: View) -> Shares:
    """How many pairs are worth turning back into cash; what open sells hold is no part of them."""
    pairs = min(view.yes.free, view.no.free)
    return pairs if terms.auto_merge_min_pairs and pairs >= terms.auto_merge_min_pairs else 0


def means_beside_orders(terms: Terms, view: View) -> Means:
    """What is there beside what resting orders hold, once the pairs are merged."""
    merged = mergeable(terms, view)
    free = {outcome: view.holding(outcome).free - merged for outcome in Outcome}
    bought = dict.fromkeys(Outcome, 0)
    for order in view.orders:
        if order.original_direction is Direction.BUY:
            bought[order.original_side] += order.remaining_quantity
    room = {
        outcome: min(
            view.room_for(outcome) + merged,
            terms.max_position_per_side - view.holding(outcome).volume + merged - bought[outcome],
        )
        for outcome in Outcome
    }
    return Means(view, view.cash_cents + merged * PAIR, free, room)


def all_means(terms: Terms, view: View) -> Means:
    """The same, with what resting orders hold: all of it can be promised anew."""
    means = means_beside_orders(terms, view)
    for order in view.orders:
        means.free(order)
    return means


def reference(terms: Terms, foreign: ForeignBook, last_trade: Cents | None) -> Uc | None:
    """The price to quote around; none without two sides, or without a trade where that is the source."""
    if terms.price_source is PriceSource.LAST:
        return None if last_trade is None else last_trade * CENT
    if not foreign.bids or not foreign.asks:
        return None
    (bid, bid_quantity), (ask, ask_quantity) = foreign.bids[0], foreign.asks[0]
    if terms.price_source is PriceSource.MID:
        return (bid + ask) * CENT // 2
    return rdiv((bid * ask_quantity + ask * bid_quantity) * CENT, bid_quantity + ask_quantity)


def wanted(terms: Terms, view: View) -> list[Quote]:
    """Every order that is wanted, from the inner level outward and each level's bid before its ask."""
    foreign = view.foreign_book()
    middle = reference(terms, foreign, view.last_trade_price_cents)
    if middle is None:
        return []
    low, high = bounds(terms, view)
    best_bid = min(bid_beside(terms, foreign, middle), high)
    best_ask = max(ask_beside(terms, foreign, middle), low)
    means, skew = all_means(terms, view), Skew.of(terms, view)
    quotes: list[Quote] = []
    for level in range(terms.levels):
        size, step = terms.level_quantity(level), level * terms.level_step_cents
        if best_bid - step >= low:
            backed_by = ((Outcome.NO, Direction.SELL), (Outcome.YES, Direction.BUY))
            quotes += _backed(means, backed_by, best_bid - step, skew.of_bid(size), level)
        if best_ask + step <= high:
            backed_by = ((Outcome.YES, Direction.SELL), (Outcome.NO, Direction.BUY))
            quotes += _backed(means, backed_by, best_ask + step, skew.of_ask(size), level)
    return quotes


def bounds(terms: Terms, view: View) -> tuple[Cents, Cents]:
    """The lowest and the highest price of YES at which either outcome may be traded and the user wants to."""
    low, high = view.market.min_price_cents, view.market.max_price_cents
    return max(terms.floor_price_cents, low, 100 - high), min(terms.ceiling_price_cents, high, 100 - low)


def bid_beside(terms: Terms, foreign: ForeignBook, middle: Uc) -> Cents:
    """The best bid that takes nobody. Bids only ever give way downward and asks upward: they cannot meet."""
    bid = fdiv(middle - terms.bid_half_spread_cents * CENT, CENT)
    return bid if foreign.best_ask is None else min(bid, foreign.best_ask - 1)


def ask_beside(terms: Terms, foreign: ForeignBook, middle: Uc) -> Cents:
    ask = cdiv(middle + terms.ask_half_spread_cents * CENT, CENT)
    return ask if foreign.best_bid is None else max(ask, foreign.best_bid + 1)


@attrs.frozen
class Skew:
    """How lopsided the inventory is, as a fraction: with too much YES less is bid for and more is offered."""

    lean: Shares
    whole: Shares

    @classmethod
    def of(cls, terms: Terms, view: View) -> "Skew":
        merged = mergeable(terms, view)
        yes, no = view.yes.volume - merged, view.no.volume - merged
        lean = yes - no if terms.inventory_skew else 0
        return cls(lean, max(yes + no, terms.order_qty * terms.levels * 2))

    def of_bid(self, size: Shares) -> Shares:
        return size * (self.whole - self.lean) // self.whole

    def of_ask(self, size: Shares) -> Shares:
        return size * (self.whole + self.lean) // self.whole


def _backed(
    means: Means,
    backed_by: tuple[tuple[Outcome, Direction], ...],
    price: Cents,
    size: Shares,
    level: int,
) -> Iterator[Quote]:
    """A quote as the exchange orders that back it; what nothing backs is left out."""
    for outcome, direction in backed_by:
        own_price = of_yes(outcome, price)
        quantity = min(size, means.most(outcome, direction, own_price))
        if quantity > 0:
            means.take(outcome, direction, own_price, quantity)
            size -= quantity
            yield Quote(outcome, direction, own_price, quantity, level)
