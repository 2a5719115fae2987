"""Renders leases for workers of market-making orders."""

from bisect import bisect_right
from collections.abc import Iterable
from itertools import islice
from typing import Final

import msgspec

from adapters.wire import lease_responses as shapes
from adapters.wire.campaign_responses import NotedShape
from kernel.codes import OrderStatus
from kernel.exchange import Exchange
from kernel.making_answers import MmLease, MmLeaseIs, MmLeases, MmOrderIs, MmQuote, MmVenueIs
from kernel.making_edges import MmDirection, MmVenueTask
from kernel.making_events import VenueLeg
from kernel.making_order import MmOrder, newest_legs, venue_task
from kernel.market import Market

VENUE_ITEMS_MAX: Final = 100
"""In one answer."""


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
        venue=given.venue,
        away=shapes.LeasedAwayShape(given.away.cash_cents, given.away.yes, given.away.no),
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


def due(markets: Iterable[Market], at: int) -> shapes.DueShape:
    """The markets that trade and in which an order runs, with how many may begin their next cycle now."""
    items = []
    for market in markets:
        first = market.desk.cycles.first()
        if first is not None and market.is_trading(at):
            count = len(market.desk.cycles.until(at, len(market.desk.order_ids)))
            items.append(shapes.DueItemShape(market.id, count, milliseconds(first)))
    return shapes.DueShape(items)


# Venues elsewhere


def venue_leg(leg: VenueLeg) -> shapes.VenueLegShape:
    return shapes.VenueLegShape(
        direction=leg.direction,
        leg=leg.leg,
        attempt=leg.attempt,
        request_key=leg.request_key,
        amount=leg.amount,
        status=leg.status,
        tx_id=leg.tx_id,
        claimed_by=leg.claimed_by,
        claimed_until_ms=milliseconds(leg.claimed_until),
    )


def venue_is(answer: MmVenueIs) -> shapes.VenueIsShape:
    return shapes.VenueIsShape(
        order_id=answer.order_id,
        market_id=answer.market_id,
        venue=answer.venue,
        state=answer.state,
        location=answer.location,
        drained=answer.drained,
        pending_command=answer.pending_command,
        reconcile_required=answer.reconcile_required,
        deadline_at_ms=milliseconds(answer.deadline),
        leg=None if answer.leg is None else venue_leg(answer.leg),
        legs=[venue_leg(leg) for leg in answer.legs],
        repeated=answer.repeated,
    )


def venue_due(exchange: Exchange, venue: str, after: str | None) -> shapes.VenueDueShape:
    """The orders that wait for a step at this venue, by their ids."""
    making = exchange.making
    start = 0 if after is None else bisect_right(making.awaited, after)
    waiting = (making.orders[order_id] for order_id in islice(making.awaited, start, None))
    found = list(islice((order for order in waiting if order.venue == venue), VENUE_ITEMS_MAX + 1))
    items = [venue_item(order) for order in found[:VENUE_ITEMS_MAX]]
    return shapes.VenueDueShape(items, len(found) > VENUE_ITEMS_MAX)


def venue_item(order: MmOrder) -> shapes.VenueItemShape:
    task = venue_task(order)
    assert task is not None, "else it would not wait"
    out, back = newest_legs(order, MmDirection.OUT), newest_legs(order, MmDirection.BACK)
    legs = {MmVenueTask.OUT: out, MmVenueTask.BACK: back, MmVenueTask.WATCH: back or out}.get(task, [])
    return shapes.VenueItemShape(
        order_id=order.id,
        market_id=order.market.id,
        venue=order.venue,
        state=order.state,
        location=order.location,
        task=task,
        deadline_at_ms=milliseconds(order.venue_due_at),
        legs=[venue_leg(leg) for leg in legs],
    )
