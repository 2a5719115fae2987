"""The walk: whom an order would meet if it were accepted now, worked out before anything changes.

What an order asks of its meetings as a whole (all of it or nothing, no more than so many cents) is judged by
this list, and matching then does exactly what it says. It changes nothing.
"""

from typing import NamedTuple

from kernel.amounts import fee
from kernel.brakes import Group
from kernel.codes import PAIR_CENTS, Direction, SelfTradeMode, Side
from kernel.commands import OrderTerms
from kernel.market import Account, Market, Order, needed

CANCEL_TAKER = SelfTradeMode.CANCEL_TAKER


class Meeting(NamedTuple):
    maker: Order
    quantity: int
    cost: int
    """What the taker pays in all, if a cap bounds that; 0 otherwise."""


def walk(
    market: Market,
    account: Account | None,
    terms: OrderTerms,
    quantity: int,
    at: int,
    *,
    without: Order | None = None,
) -> list[Meeting]:
    """The meetings of so many shares on such terms, in their order; `without` is about to leave the book."""
    owner = None if account is None or account.is_amm else account.owner_id
    cap = terms.max_cost_cents
    own_group = None if account is None else market.group(account.id, terms.group_id)
    rooms: dict[Group, int] = {}
    remaining, spent = quantity, 0
    meetings: list[Meeting] = []
    for maker in market.book.crossing(is_bid(terms), book_price(terms)):
        if maker is without:
            continue
        if maker.account.owner_id == owner:
            if terms.self_trade_mode is CANCEL_TAKER:
                break
            continue
        groups = groups_of(market, maker, own_group) if market.groups else ()
        wanted = min(remaining, maker.remaining)
        for group in groups:
            wanted = min(wanted, rooms.setdefault(group, group.room(at)))
        if wanted == 0:  # a group is full by then: the order's own, or else the maker's will be gone
            if own_group is not None and rooms[own_group] == 0:
                break
            continue
        taken, cost = wanted, 0
        if cap is not None:
            taken, cost = affordable(market, terms, maker.book_price, remaining, wanted, cap - spent)
            if taken == 0:
                break
        meetings.append(Meeting(maker, taken, cost))
        remaining -= taken
        spent += cost
        for group in groups:
            rooms[group] -= taken
        if remaining == 0 or taken < wanted:
            break
    return meetings


def groups_of(market: Market, maker: Order, own_group: Group | None) -> tuple[Group, ...]:
    """Those of maker and taker, as far as they have any; one that they share once."""
    its_group = market.group_of(maker)
    if its_group is None or its_group is own_group:
        return () if own_group is None else (own_group,)
    return (its_group,) if own_group is None else (its_group, own_group)


def best_crossing(market: Market, terms: OrderTerms, without: Order | None = None) -> int | None:
    """The best price, in cents of YES, at which such an order would take; whoever stands there."""
    for maker in market.book.crossing(is_bid(terms), book_price(terms)):
        if maker is not without:
            return maker.book_price
    return None


def is_bid(terms: OrderTerms) -> bool:
    """Buying YES and selling NO stand on the buying side of the book."""
    return (terms.side is Side.YES) == (terms.direction is Direction.BUY)


def book_price(terms: OrderTerms) -> int:
    return terms.price if terms.side is Side.YES else PAIR_CENTS - terms.price


# What a buy with a cap pays


def affordable(
    market: Market, terms: OrderTerms, price: int, remaining: int, wanted: int, left: int
) -> tuple[int, int]:
    """As many of the wanted shares as `left` cents pay at this price, with all fees; and what they cost.

    `price` is of YES. The cost grows with each share, so the largest number is found by halving.
    """
    each = price if terms.side is Side.YES else PAIR_CENTS - price
    cost = capped_cost(market, terms.price, each * wanted, remaining, wanted)
    if cost <= left:
        return wanted, cost
    enough, too_many = 0, wanted
    while too_many - enough > 1:
        middle = (enough + too_many) // 2
        if capped_cost(market, terms.price, each * middle, remaining, middle) <= left:
            enough = middle
        else:
            too_many = middle
    return enough, capped_cost(market, terms.price, each * enough, remaining, enough)


def capped_cost(market: Market, price: int, value: int, remaining: int, quantity: int) -> int:
    """What `quantity` shares worth `value` cost an order at `price` of which so much remains, fee included.

    Without a cap the same fill costs the same: there the fee is at most what the freeze has left for it.
    """
    return min(
        value + fee(value, market.terms.taker_fee_bps),
        needed(market, price, remaining) - needed(market, price, remaining - quantity),
    )
