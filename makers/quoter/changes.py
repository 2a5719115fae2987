"""From the orders that rest to those that are wanted: few changes, in an order in which each can be done.

Each side of the book and each of the two kinds, sales and buys, is compared by itself. What is near enough
stays and keeps its place in the queue; the rest is moved, ended or placed.
"""

from collections.abc import Sequence

import attrs

from amm.brain.arithmetic import Cents, Shares
from amm.brain.wire import Direction, Order, Outcome
from makers.quoter.quotes import Means, Quote, means_beside_orders
from makers.quoter.terms import Terms
from makers.quoter.view import View, is_bid, yes_price

KINDS = tuple((outcome, direction) for outcome in Outcome for direction in Direction)


@attrs.frozen
class Change:
    """Place a quote, or put it in the place of a resting order."""

    quote: Quote
    old: Order | None = None


@attrs.frozen
class Plan:
    """What to ask for, in this order: the burn, the cancels, the changes."""

    burn: Shares
    cancels: tuple[Order, ...]
    changes: tuple[Change, ...]

    @property
    def is_empty(self) -> bool:
        return not (self.burn or self.cancels or self.changes)


def changes(terms: Terms, view: View, burn: Shares, quotes: Sequence[Quote]) -> Plan:
    staying: list[Order] = []
    ended: list[Order] = []
    wished: list[Change] = []
    in_the_way = InTheWay.of(quotes)
    for outcome, direction in KINDS:
        missing = [quote for quote in quotes if (quote.outcome, quote.direction) == (outcome, direction)]
        resting = [
            order
            for order in view.orders
            if (order.original_side, order.original_direction) == (outcome, direction)
        ]
        for quote in list(missing):
            if (near := nearest(terms, quote, resting, in_the_way)) is not None:
                staying.append(near)
                resting.remove(near)
                missing.remove(quote)
        pairs, left_over = outside_in(missing, resting)
        wished += pairs
        ended += left_over
    # The exchange replaces no order that has fills: it ends, and the quote is placed beside it.
    ended += [one.old for one in wished if one.old is not None and one.old.filled_quantity]
    wished = [Change(one.quote) if one.old is not None and one.old.filled_quantity else one for one in wished]
    resting = staying + [one.old for one in wished if one.old is not None]
    means = means_beside_orders(terms, view)
    for order in ended:
        means.free(order)
    done, useless = rehearse(in_order(wished, resting), means)
    return Plan(burn, tuple(ended + useless), tuple(done))


@attrs.frozen
class InTheWay:
    """The best quotes of each side, in cents of YES: what stays on the other side must not stand there."""

    best_bid: Cents | None
    best_ask: Cents | None

    @classmethod
    def of(cls, quotes: Sequence[Quote]) -> "InTheWay":
        return cls(best_bid=highest(quotes), best_ask=lowest(quotes))

    def has(self, order: Order) -> bool:
        price = yes_price(order)
        if is_bid(order.original_side, order.original_direction):
            return self.best_ask is not None and price >= self.best_ask
        return self.best_bid is not None and price <= self.best_bid


def highest(quotes: Sequence[Quote]) -> Cents | None:
    return max((quote.yes_price for quote in quotes if quote.is_bid), default=None)


def lowest(quotes: Sequence[Quote]) -> Cents | None:
    return min((quote.yes_price for quote in quotes if not quote.is_bid), default=None)


def nearest(terms: Terms, quote: Quote, resting: Sequence[Order], in_the_way: InTheWay) -> Order | None:
    """The order that does for this quote, if one does: the nearest in price, the oldest of those."""
    near = [
        order
        for order in resting
        if abs(order.original_price_cents - quote.price) <= terms.refresh_tolerance_cents
        and abs(order.remaining_quantity - quote.quantity) * 100 <= terms.qty_tolerance_pct * quote.quantity
        and not in_the_way.has(order)
    ]
    return min(near, key=lambda order: abs(order.original_price_cents - quote.price), default=None)


def outside_in(quotes: list[Quote], resting: list[Order]) -> tuple[list[Change], list[Order]]:
    """The outermost order becomes the outermost quote, and so on; what is left of one kind has no use."""
    outermost_first = sorted(
        resting,
        key=lambda order: (
            yes_price(order) if is_bid(order.original_side, order.original_direction) else -yes_price(order)
        ),
    )
    outward = quotes[::-1]
    pairs = [Change(quote, order) for quote, order in zip(outward, outermost_first, strict=False)]
    pairs += [Change(quote) for quote in outward[len(outermost_first) :]]
    return pairs, outermost_first[len(outward) :]


def in_order(wished: Sequence[Change], resting: Sequence[Order]) -> list[Change]:
    """Such that none meets an order that a later one moves: first the side that moves away from the other.

    Where both could go first, that is the one that gives way; the other then follows it.
    """
    quotes = [change.quote for change in wished]
    new_bid, new_ask = highest(quotes), lowest(quotes)
    old_bid = max((yes_price(one) for one in resting if is_bid(*kind(one))), default=0)
    old_ask = min((yes_price(one) for one in resting if not is_bid(*kind(one))), default=100)
    bids_fit = new_bid is None or new_bid < old_ask
    asks_fit = new_ask is None or new_ask > old_bid
    asks_give_way = asks_fit and new_ask is not None and new_ask > old_ask
    bids_first = bids_fit and not asks_give_way
    return sorted(
        wished,
        key=lambda one: (
            one.quote.is_bid is not bids_first,
            one.quote.level,
            one.quote.direction is Direction.BUY,
        ),
    )


def kind(order: Order) -> tuple[Outcome, Direction]:
    return order.original_side, order.original_direction


def rehearse(wished: Sequence[Change], means: Means) -> tuple[list[Change], list[Order]]:
    """Cut each change to what is there when its turn comes; return the orders, too, for which nothing is.

    What is wanted is covered as a whole, but an order that grows may come before the one that makes room for
    it. A later cycle, which finds the room made, gives it the rest.
    """
    done: list[Change] = []
    useless: list[Order] = []
    for one in wished:
        quote, old = one.quote, one.old
        if old is not None:
            means.free(old)
        quantity = min(quote.quantity, means.most(quote.outcome, quote.direction, quote.price))
        if old is not None and quote.price == old.original_price_cents and _gains_nothing(one, quantity):
            quantity = old.remaining_quantity
        elif quantity > 0:
            done.append(Change(attrs.evolve(quote, quantity=quantity), old))
        elif old is not None:
            useless.append(old)
        if quantity > 0:
            means.take(quote.outcome, quote.direction, quote.price, quantity)
    return done, useless


def _gains_nothing(change: Change, quantity: Shares) -> bool:
    """Whether an order that should grow where it stands cannot: it would only lose its place in the queue."""
    assert change.old is not None
    remaining = change.old.remaining_quantity
    return quantity <= remaining <= change.quote.quantity
