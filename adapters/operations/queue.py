"""Where own orders stand in their queues: how much has to trade, or to leave, before they do.

It is looked at between two decisions, so that all of an answer is of one moment. Of a price only those are
looked at who stand ahead of the caller's last order there.
"""

from typing import Final

import msgspec
import trio

from adapters.operations.lookups import find_own_order, may_see, own_account
from adapters.operations.operation import Call, NoQuery, Reply
from adapters.service.server import Server, refused
from adapters.wire.requests import EmptyBody, MarketId
from adapters.wire.responses import QueuedShape, QueuesShape
from adapters.wire.status import RefusedError
from kernel.codes import Code
from kernel.market import Market, Order, Position
from kernel.refusals import market_not_found

RENDERED_AT_ONCE: Final = 1_000
"""A millisecond."""


class QueueQuery(msgspec.Struct, frozen=True, kw_only=True):
    market_id: MarketId


async def get_queue_position(server: Server, call: Call[EmptyBody, NoQuery]) -> Reply[QueuedShape]:
    """How much stands ahead of an own live order, at its price and at better ones."""
    order = await find_own_order(server, call)
    if not order.is_live:
        raise RefusedError(Code.ORDER_CLOSED, f"Order is {order.status}: it stands in no queue")
    shares = orders = 0
    other = order.ahead
    while other is not None:
        shares += other.remaining
        orders += 1
        other = other.ahead
    price = order.book_price
    better = shares_better(order.market, price, is_bid=order.is_bid)
    data = shaped(order, price, order.remaining, shares, orders, better)
    return Reply(data, journal_id=await server.wait_durable(server.exchange.head))


async def get_queue_positions(server: Server, call: Call[EmptyBody, QueueQuery]) -> Reply[QueuesShape]:
    """The same of all own live orders in a market."""
    market_id = call.query.market_id
    market = server.exchange.markets.get(market_id)
    if market is None or not may_see(call.user, market):
        raise refused(market_not_found(market_id), call.durable)
    held = market.positions.get(own_account(server, call).id)
    orders = list(held.live) if held is not None else []
    places, values = standings(held) if held is not None else ({}, [])
    head = server.exchange.head
    items: list[QueuedShape] = []
    for number, order in enumerate(orders, 1):
        place = places[order]
        items.append(shaped(order, *values[place : place + 5]))
        if number % RENDERED_AT_ONCE == 0:
            await trio.lowlevel.checkpoint()
    return Reply(QueuesShape(items), journal_id=await server.wait_durable(head))


def standings(held: Position) -> tuple[dict[Order, int], list[int]]:
    """How all live orders of one account in one market stand: five numbers of each, and where its own begin.

    They are the last arguments of `shaped`, in one flat list: nobody else is decided while they are copied.
    """
    places: dict[Order, int] = {}
    values: list[int] = []
    book = held.market.book
    for is_bid, half, own in ((True, book.bids, held.bids), (False, book.asks, held.asks)):
        for price, count in own.items():
            better = shares_better(held.market, price, is_bid=is_bid)
            shares = 0
            for orders, order in enumerate(half.queue(price)):
                remaining = order.remaining
                if order.position is held:
                    places[order] = len(values)
                    values += (price, remaining, shares, orders, better)
                    count -= 1
                    if count == 0:
                        break
                shares += remaining
    return places, values


def shares_better(market: Market, price: int, *, is_bid: bool) -> int:
    """What stands at better prices of one side."""
    book = market.book
    return sum(book.bids.totals[price + 1 :]) if is_bid else sum(book.asks.totals[:price])


def shaped(
    order: Order, price: int, remaining: int, shares_ahead: int, orders_ahead: int, better: int
) -> QueuedShape:
    return QueuedShape(
        order.id,
        order.market.id,
        order.book_direction,
        price,
        remaining,
        shares_ahead,
        orders_ahead,
        better,
    )
