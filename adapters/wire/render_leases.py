"""Renders leases for workers of market-making orders."""

import msgspec

from adapters.wire import lease_responses as shapes
from adapters.wire.campaign_responses import NotedShape
from kernel.codes import OrderStatus
from kernel.exchange import Exchange
from kernel.making_answers import MmLease, MmLeaseIs, MmLeases, MmOrderIs, MmQuote


def leases(answer: MmLeases) -> shapes.LeasesShape:
    found = [lease(each) for each in answer.leases]
    return shapes.LeasesShape(answer.market_id, found, answer.more, milliseconds(answer.next_due_at))


def milliseconds(at: int | None) -> int | None:
    return None if at is None else at // 1000


def lease(given: MmLease) -> shapes.LeaseShape:
    return shapes.LeaseShape(
        order_id=given.order_id,
        account=given.account,
        cycle_no=given.cycle_no,
        fence=given.fence,
        token=given.token,
        lease_ms=given.lease_ms,
        lateness_ms=given.lateness_ms,
        strategy=given.strategy,
        terms=msgspec.to_builtins(given.terms),
        cash_cents=given.cash_cents,
        yes=shapes.HeldShape(given.yes.volume, given.yes.free),
        no=shapes.HeldShape(given.no.volume, given.no.free),
        room=shapes.RoomShape(given.room_yes, given.room_no),
        orders=[quote(each, given.market_id) for each in given.orders],
        market=shapes.LeasedMarketShape(
            id=given.market_id,
            min_price_cents=given.min_price_cents,
            max_price_cents=given.max_price_cents,
            max_order_quantity=given.max_order_quantity,
            max_order_amount_cents=given.max_order_amount_cents,
            freeze_bps=given.freeze_bps,
        ),
        book=shapes.LeasedBookShape(list(given.bids), list(given.asks)),
        last_trade_price_cents=given.last_trade_price_cents,
    )


def quote(resting: MmQuote, market_id: str) -> shapes.LeasedOrderShape:
    filled = resting.quantity - resting.remaining_quantity
    return shapes.LeasedOrderShape(
        id=resting.order_id,
        client_order_id=resting.client_order_id,
        market_id=market_id,
        original_side=resting.side,
        original_direction=resting.direction,
        original_price_cents=resting.price_cents,
        quantity=resting.quantity,
        filled_quantity=filled,
        remaining_quantity=resting.remaining_quantity,
        status=OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.OPEN,
    )


def lease_is(answer: MmLeaseIs) -> shapes.LeaseIsShape:
    return shapes.LeaseIsShape(
        answer.order_id,
        answer.cycle_no,
        milliseconds(answer.until),
        milliseconds(answer.next_cycle_at),
        answer.repeated,
    )


def noted(answer: MmOrderIs) -> NotedShape:
    """Of all that a worker does, only a note is answered by the order."""
    part = answer.order.campaign
    assert part is not None
    return NotedShape(answer.order.order_id, part.campaign_id)


def due(exchange: Exchange, at: int) -> shapes.DueShape:
    """The markets that trade and in which an order runs, with how many may begin their next cycle now."""
    items = []
    for market in exchange.markets.values():
        first = market.desk.cycles.first()
        if first is not None and market.is_trading(at):
            count = len(market.desk.cycles.until(at, len(market.desk.order_ids)))
            items.append(shapes.DueItemShape(market.id, count, milliseconds(first)))
    return shapes.DueShape(items)
