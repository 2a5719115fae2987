"""What administrators do to market-making orders: look at all of them, and steer one, saying why."""

from itertools import islice
from typing import Any

from adapters.operations.making import TrailQuery, behind, named_order, status_of, time_now, trail_of
from adapters.operations.operation import Call, NoQuery, Reply, from_memory
from adapters.service.server import Server, refused
from adapters.wire import making_responses as shapes
from adapters.wire import render_making
from adapters.wire.making_requests import ReasonBody, ReconcileBody, fresh_key
from adapters.wire.paging import Page, PageQuery, cursor_at, one_of, page
from adapters.wire.requests import EmptyBody, Text
from kernel.answers import Refusal
from kernel.making_answers import MmOrderIs, MmReconciled
from kernel.making_commands import ControlMmOrder
from kernel.making_edges import MmControl, MmState
from kernel.making_order import MmOrder
from kernel.making_refusals import find_order


def any_order(server: Server, call: Call[Any, Any]) -> MmOrder:
    """The order in the path, whosever it is."""
    found = find_order(server.exchange, named_order(call), None)
    if isinstance(found, Refusal):
        raise refused(found, call.durable)
    return found


class AllMakingOrdersQuery(PageQuery, frozen=True, kw_only=True):
    user_id: Text | None = None
    state: str | None = None
    """Names of states, separated by commas."""
    reconcile_required: bool | None = None


@from_memory
def get_all_mm_orders(
    server: Server, call: Call[EmptyBody, AllMakingOrdersQuery]
) -> Page[shapes.AdminMakingOrderShape]:
    """Everybody's market-making orders, newest first."""
    query, at, making = call.query, time_now(server), server.exchange.making
    states = one_of(MmState, query.state, "state")
    owner = making.owners.get(query.user_id) if query.user_id is not None else None
    mine = owner.orders if owner is not None else []
    newest = reversed(mine) if query.user_id is not None else reversed(making.orders.values())
    found = (
        order
        for order in behind(query.cursor, newest)
        if (states is None or order.state in states)
        and query.reconcile_required in (None, order.reconcile_required)
    )
    return page(
        list(islice(found, query.limit + 1)),
        query.limit,
        lambda each: render_making.admin_order(each, at),
        lambda each: cursor_at(each.id),
    )


@from_memory
def get_any_mm_order(server: Server, call: Call[EmptyBody, NoQuery]) -> shapes.AdminMakingOrderShape:
    """A market-making order, whosever it is."""
    return render_making.admin_order(any_order(server, call), time_now(server))


async def get_any_mm_trail(server: Server, call: Call[EmptyBody, TrailQuery]) -> Reply[shapes.TrailPageShape]:
    """What became of any order, oldest first."""
    return await trail_of(server, call, any_order(server, call))


async def start_any_mm_order(
    server: Server, call: Call[ReasonBody, NoQuery]
) -> Reply[shapes.AdminControlledShape]:
    """Let an order run that is ready."""
    return await controlled(server, call, MmControl.START)


async def pause_any_mm_order(
    server: Server, call: Call[ReasonBody, NoQuery]
) -> Reply[shapes.AdminControlledShape]:
    """Take its quotes off. Only an administrator resumes it."""
    return await controlled(server, call, MmControl.PAUSE)


async def resume_any_mm_order(
    server: Server, call: Call[ReasonBody, NoQuery]
) -> Reply[shapes.AdminControlledShape]:
    """Let it run again, whoever paused it."""
    return await controlled(server, call, MmControl.RESUME)


async def stop_any_mm_order(
    server: Server, call: Call[ReasonBody, NoQuery]
) -> Reply[shapes.AdminControlledShape]:
    """End it for good; its owner withdraws what it has."""
    return await controlled(server, call, MmControl.STOP)


async def fail_any_mm_order(
    server: Server, call: Call[ReasonBody, NoQuery]
) -> Reply[shapes.AdminControlledShape]:
    """Give it up: everything it has is paid back to its owner, as soon as that is safe."""
    return await controlled(server, call, MmControl.FAIL)


async def refund_any_mm_order(
    server: Server, call: Call[ReasonBody, NoQuery]
) -> Reply[shapes.AdminControlledShape]:
    """Pay back one that has failed, if nothing of its money is bound."""
    return await controlled(server, call, MmControl.REFUND)


async def delete_any_mm_order(
    server: Server, call: Call[ReasonBody, NoQuery]
) -> Reply[shapes.AdminControlledShape]:
    """Have it no longer listed, once it is over and empty."""
    return await controlled(server, call, MmControl.DELETE)


async def reconcile_any_mm_order(
    server: Server, call: Call[ReconcileBody, NoQuery]
) -> Reply[shapes.ReconciledShape]:
    """Say where an order's money is, that no rule could tell. A loss, or a difference, takes two."""
    user = call.user
    command = call.body.to_command(named_order(call), user.username, user.user_id, server.clock)
    answer, _ = await server.answer(command, call.request_id, MmReconciled)
    order = render_making.admin_order(server.exchange.making.orders[answer.order.order_id], time_now(server))
    data = shapes.ReconciledShape(
        answer.changed, answer.repeated, order, render_making.case(answer.case), answer.waits
    )
    return Reply(data, 202 if answer.waits else 200, await server.wait_durable(server.exchange.head))


async def controlled(
    server: Server, call: Call[ReasonBody, NoQuery], control: MmControl
) -> Reply[shapes.AdminControlledShape]:
    command = ControlMmOrder(
        at=server.clock.now(),
        order_id=named_order(call),
        control=control,
        by=call.user.username,
        by_id=call.user.user_id,
        reason=call.body.reason,
        key=call.key or fresh_key(server.clock),
    )
    answer, _ = await server.answer(command, call.request_id, MmOrderIs)
    order = render_making.admin_order(server.exchange.making.orders[answer.order.order_id], time_now(server))
    data = shapes.AdminControlledShape(answer.changed, answer.repeated, order)
    return Reply(data, status_of(order), await server.wait_durable(server.exchange.head))
