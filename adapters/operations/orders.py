"""Placing, cancelling and looking at one's own orders."""

from collections.abc import Iterable
from heapq import merge
from typing import Any, Final

import trio

from adapters.operations.execution import execute, trades_of
from adapters.operations.lookups import find_own_order, own_account
from adapters.operations.operation import Call, NoQuery, Reply
from adapters.service.server import Server
from adapters.wire import render, render_rows, responses
from adapters.wire.paging import Page, PageQuery, bad_cursor, cursor_at, one_of, page, read_cursor
from adapters.wire.requests import AmendBody, CancelBody, ClientOrderId, EmptyBody, GroupId, Text
from kernel.answers import OrderNow
from kernel.codes import Direction, OrderStatus, Side
from kernel.commands import AmendOrder, CancelOrder
from kernel.market import Account, Order
from kernel.orders import order_now

LIVE: Final = {OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED}
LOOKED_AT_ONCE: Final = 2_000
"""Orders examined in one step: two milliseconds."""


async def cancel_order(server: Server, call: Call[CancelBody, NoQuery]) -> Reply[Any]:
    """Take what is left of an own order off the book."""
    command = CancelOrder(
        at=server.clock.now(),
        user_id=call.user.user_id,
        order_id=call.path["order_id"],
        valid_until=call.body.deadline,
    )
    return await execute(server, command, call.request_id)


async def amend_order(server: Server, call: Call[AmendBody, NoQuery]) -> Reply[Any]:
    """Change price or quantity of an own live order, as one step; less at the same price keeps its place."""
    members = call.body.members(call.user.user_id, server.clock)
    return await execute(server, AmendOrder(**members, order_id=call.path["order_id"]), call.request_id)


class OrdersQuery(PageQuery, frozen=True, kw_only=True):
    market_id: Text | None = None
    status: str | None = None
    """Names of statuses, separated by commas."""
    side: Side | None = None
    direction: Direction | None = None
    client_order_id: ClientOrderId | None = None
    """The one order of this name."""
    group_id: GroupId | None = None


async def get_orders(server: Server, call: Call[EmptyBody, OrdersQuery]) -> Reply[Page[responses.OrderShape]]:
    """One's own orders, newest first."""
    query = call.query
    account = own_account(server, call)
    statuses = one_of(OrderStatus, query.status, "status")
    before = None
    if query.cursor is not None:
        before = await server.order(read_cursor(query.cursor).id)
        if before is None or before.account is not account:
            raise bad_cursor()
    if query.client_order_id is not None or (statuses is not None and LIVE.issuperset(statuses)):
        known = await live_or_named_orders(server, account, query, statuses, before)
        data = page(known, query.limit, render.order, lambda now: cursor_at(now.order.id))
        return Reply(data, journal_id=await server.wait_durable(server.exchange.head))
    history = await server.history_as_of(call.durable)
    rows = await history.newest(
        "orders",
        {"user_id": account.id},
        {
            "market_id": query.market_id,
            "status": statuses,
            "original_side": query.side,
            "original_direction": query.direction,
            "group_id": query.group_id,
        },
        before=None if before is None else before.accepted_seq,
        before_time=None if before is None else before.created_at,
        limit=query.limit + 1,
    )
    assert rows is not None, "the page begins behind an order of the account"
    data = page(rows, query.limit, render_rows.order_row, lambda row: cursor_at(str(row["id"])))
    return Reply(data, journal_id=call.durable)


async def live_or_named_orders(
    server: Server,
    account: Account,
    query: OrdersQuery,
    statuses: list[OrderStatus] | None,
    before: Order | None,
) -> list[OrderNow]:
    """Newest first, as many as fit on a page, and one more.

    There may be any number of them, and a filter may match none, so other tasks get a turn in between.
    """
    found: list[OrderNow] = []
    candidates = live_orders(account, query)
    if query.client_order_id is not None:
        named = await server.order_named(account, query.client_order_id)
        candidates = () if named is None else (named,)
    for place, order in enumerate(candidates, 1):
        if (
            query.market_id in (None, order.market.id)
            and (statuses is None or order.status in statuses)
            and query.side in (None, order.terms.side)
            and query.direction in (None, order.terms.direction)
            and query.group_id in (None, order.terms.group_id)
            and (before is None or order.id < before.id)
        ):
            found.append(order_now(order))
            if len(found) > query.limit:
                break
        if place % LOOKED_AT_ONCE == 0:
            await trio.lowlevel.checkpoint()
    return found


def live_orders(account: Account, query: OrdersQuery) -> Iterable[Order]:
    """Newest first."""
    resting = [
        reversed(list(position.live))
        for market_id, position in account.positions.items()
        if query.market_id in (None, market_id) and position.live
    ]
    # Ids grow in the order of acceptance, which is that of each position's orders.
    return merge(*resting, key=lambda order: order.id, reverse=True)


async def get_order(server: Server, call: Call[EmptyBody, NoQuery]) -> Reply[responses.OrderAndTradesShape]:
    """One own order with its trades."""
    now = order_now(await find_own_order(server, call))
    head = server.exchange.head
    await server.wait_durable(head)
    trades = await trades_of(server, now, head)
    return Reply(responses.OrderAndTradesShape(render.order(now), trades), journal_id=head)
