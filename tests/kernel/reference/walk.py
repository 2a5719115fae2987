"""Whom an order would meet if it were accepted now: judged before anything changes."""

import attrs

from tests.kernel.reference.groups import group_of, room
from tests.kernel.reference.order import Order, book_direction, book_price, cash_needed, crosses, fee
from tests.kernel.reference.records import AMM, Group, Market, Refused
from tests.kernel.reference.world import World


@attrs.frozen
class Arriving:
    """What arrives at the book: a new order, or one that moves."""

    user_id: str
    market: Market
    side: str
    direction: str
    price: int
    quantity: int
    self_trade_mode: str
    group_id: str | None
    max_cost: int | None = None
    leaving: Order | None = None
    """The order that goes when it comes, or that itself is the one that moves."""

    @property
    def book_direction(self) -> str:
        return book_direction(self.side, self.direction)

    @property
    def book_price(self) -> int:
        return book_price(self.side, self.price)


def crossing(world: World, taker: Arriving) -> list[Order]:
    """What rests at a price it would take, the best price first, whoever came first before the others."""
    other = "SELL" if taker.book_direction == "BUY" else "BUY"
    return [
        maker
        for maker in world.queue(taker.market.market_id, other)
        if maker is not taker.leaving and crosses(taker.book_direction, taker.book_price, maker.book_price)
    ]


def cost_of(taker: Arriving, maker: Order, left: int, quantity: int) -> int:
    """What so many shares of this maker cost a buyer who still wants `left`, fee included."""
    share = maker.book_price if taker.side == "YES" else 100 - maker.book_price
    value = share * quantity
    market = taker.market
    released = cash_needed(market, taker.price, left) - cash_needed(market, taker.price, left - quantity)
    return value + min(fee(value, market.terms.taker_fee_bps), released - value)


def walk(world: World, taker: Arriving) -> tuple[list[tuple[Order, int]], int]:
    """Its meetings, in order, and with a spend cap what they cost."""
    meetings: list[tuple[Order, int]] = []
    left = taker.quantity
    spent = 0
    used: dict[int, int] = {}
    """What the meetings so far take of each group's room."""

    def still(group: Group | None) -> int:
        if group is None:
            return left
        return room(world, group) - used.get(id(group), 0)

    own_group = group_of(world, taker.user_id, taker.market.market_id, taker.group_id)
    for maker in crossing(world, taker):
        if world.owner(maker.user_id) == world.owner(taker.user_id) and taker.user_id != AMM:
            if taker.self_trade_mode == "CANCEL_MAKER":
                continue
            break
        its_group = group_of(world, maker.user_id, taker.market.market_id, maker.group_id)
        quantity = min(left, maker.remaining, still(its_group), still(own_group))
        if quantity <= 0:
            if still(own_group) <= 0:
                break
            continue
        allowed = quantity
        if taker.max_cost is not None:
            while allowed and spent + cost_of(taker, maker, left, allowed) > taker.max_cost:
                allowed -= 1
            if not allowed:
                break
            spent += cost_of(taker, maker, left, allowed)
        meetings.append((maker, allowed))
        left -= allowed
        for group in {id(g): g for g in (its_group, own_group) if g is not None}.values():
            used[id(group)] = used.get(id(group), 0) + allowed
        if not left or allowed < quantity:
            break
    return meetings, spent


def check_kill(world: World, taker: Arriving) -> None:
    """All at once, or nothing."""
    meetings, _ = walk(world, taker)
    fillable = sum(quantity for _, quantity in meetings)
    if fillable < taker.quantity:
        raise Refused(4008, {"fillable_quantity": fillable})
