"""An owner's market-making orders: creating, paying, steering and looking at them.

Whoever asks is the owner: another's order is answered as one that does not exist.
"""

import uuid
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from adapters.operations.listing import whole
from adapters.operations.operation import Call, NoQuery, Reply, from_memory
from adapters.service.server import Server, refused
from adapters.wire import making_responses as shapes
from adapters.wire import render_making, render_rows
from adapters.wire.making_requests import (
    MakingBody,
    MakingWithdrawBody,
    PaymentBody,
    StrictBody,
    fresh_key,
)
from adapters.wire.paging import (
    LIMIT,
    HistoryPage,
    Page,
    PageQuery,
    bad_cursor,
    cursor_at,
    one_of,
    page,
    read_cursor,
    read_number,
)
from adapters.wire.render_rows import shaped
from adapters.wire.requests import EmptyBody, Int64, Text
from adapters.wire.responses import OrderShape, TradeShape
from adapters.wire.status import malformed
from kernel.answers import Refusal
from kernel.events import TRADE_PREFIX
from kernel.making_answers import MmOrderIs, MmPaymentMade, MmWithdrawn
from kernel.making_commands import ControlMmOrder
from kernel.making_edges import MmControl, MmState
from kernel.making_order import MmOrder
from kernel.making_refusals import find_order

# Finding


def named_order(call: Call[Any, Any]) -> str:
    """The id in the path as ids are spelled here."""
    try:
        return str(msgspec.convert(call.path["order_id"], uuid.UUID))
    except msgspec.ValidationError:
        raise malformed(("order_id", "must be a UUID")) from None


def own_order(server: Server, call: Call[Any, Any]) -> MmOrder:
    found = find_order(server.exchange, named_order(call), call.user.user_id)
    if isinstance(found, Refusal):
        raise refused(found, call.durable)
    return found


def of_escrow(server: Server, call: Call[Any, Any]) -> Mapping[str, str]:
    """The rows of the order's own account."""
    return {"user_id": own_order(server, call).escrow.id}


def time_now(server: Server) -> int:
    return max(server.clock.now(), server.exchange.now)


def shown(server: Server, order_id: str) -> shapes.MakingOrderShape:
    """The order as it is now, which may be later than what the caller has done."""
    return render_making.order(server.exchange.making.orders[order_id], time_now(server))


def key_for(in_header: str | None, in_body: str | None) -> str:
    """The key of a request that moves money, which must have one."""
    key = in_header or in_body
    if key is None:
        raise malformed(("idempotency_key", "is required, if there is no header Idempotency-Key"))
    if in_body not in (None, key):
        raise malformed(("idempotency_key", "must be the same as in the header"))
    return key


# Doing


async def create_mm_order(server: Server, call: Call[MakingBody, NoQuery]) -> Reply[shapes.MadeShape]:
    """Have a market made: what for, with which budget, and how. It runs once it is paid."""
    command = call.body.to_command(call.user.user_id, server.clock, server.settings, call.key)
    answer, _ = await server.answer(command, call.request_id, MmOrderIs)
    made = msgspec.structs.asdict(shown(server, answer.order.order_id))
    data = shapes.MadeShape(**made, repeated=answer.repeated)
    status = 200 if answer.repeated else 201
    return Reply(data, status, await server.wait_durable(server.exchange.head))


async def pay_mm_order(server: Server, call: Call[PaymentBody, NoQuery]) -> Reply[shapes.PaidShape]:
    """Pay a part of what is required, or all of it; once per key."""
    user_id, key = call.user.user_id, key_for(call.key, call.body.idempotency_key)
    command = call.body.to_command(named_order(call), user_id, server.clock, key)
    answer, _ = await server.answer(command, call.request_id, MmPaymentMade)
    found = own_order(server, call)
    data = shapes.PaidShape(
        render_making.payment(answer.payment),
        render_making.payment_state(found),
        render_making.order(found, time_now(server)),
        answer.repeated,
    )
    return Reply(data, journal_id=await server.wait_durable(server.exchange.head))


async def withdraw_from_mm_order(
    server: Server, call: Call[MakingWithdrawBody, NoQuery]
) -> Reply[shapes.WithdrawnFromMakingShape]:
    """Take out cash and shares, or all there is; once per key."""
    user_id, key = call.user.user_id, key_for(call.key, call.body.idempotency_key)
    command = call.body.to_command(named_order(call), user_id, server.clock, key)
    answer, _ = await server.answer(command, call.request_id, MmWithdrawn)
    data = shapes.WithdrawnFromMakingShape(
        render_making.moved(answer),
        render_making.netting(answer),
        shown(server, answer.order.order_id),
        answer.repeated,
    )
    return Reply(data, journal_id=await server.wait_durable(server.exchange.head))


async def start_mm_order(server: Server, call: Call[StrictBody, Any]) -> Reply[shapes.ControlledShape]:
    """Let an order run that is ready."""
    return await controlled(server, call, MmControl.START)


async def pause_mm_order(server: Server, call: Call[StrictBody, Any]) -> Reply[shapes.ControlledShape]:
    """Take its quotes off, and place no others until it is resumed."""
    return await controlled(server, call, MmControl.PAUSE)


async def resume_mm_order(server: Server, call: Call[StrictBody, Any]) -> Reply[shapes.ControlledShape]:
    """Let it run again."""
    return await controlled(server, call, MmControl.RESUME)


async def stop_mm_order(server: Server, call: Call[StrictBody, Any]) -> Reply[shapes.ControlledShape]:
    """End it for good; what it has can be withdrawn. One that was never ready is paid back at once."""
    return await controlled(server, call, MmControl.STOP)


async def delete_mm_order(server: Server, call: Call[StrictBody, Any]) -> Reply[shapes.ControlledShape]:
    """Have it no longer listed, once it is over and empty. Its trail stays."""
    return await controlled(server, call, MmControl.DELETE)


async def controlled(
    server: Server, call: Call[StrictBody, Any], control: MmControl
) -> Reply[shapes.ControlledShape]:
    """202 where something is left to do: its orders rest on in a halted market."""
    command = ControlMmOrder(
        at=server.clock.now(),
        order_id=named_order(call),
        control=control,
        user_id=call.user.user_id,
        key=call.key or fresh_key(server.clock),
    )
    answer, _ = await server.answer(command, call.request_id, MmOrderIs)
    order = shown(server, answer.order.order_id)
    data = shapes.ControlledShape(answer.changed, answer.repeated, order)
    return Reply(data, status_of(order), await server.wait_durable(server.exchange.head))


def status_of(order: shapes.MakingOrderShape) -> int:
    is_done = order.drained or order.state is MmState.RUNNING
    return 200 if is_done and order.pending_command is None else 202


# Looking


class MakingOrdersQuery(PageQuery, frozen=True, kw_only=True):
    market_id: Text | None = None
    state: str | None = None
    """Names of states, separated by commas."""
    include_deleted: bool = False


@from_memory
def get_mm_orders(server: Server, call: Call[EmptyBody, MakingOrdersQuery]) -> Page[shapes.MakingOrderShape]:
    """One's own market-making orders, newest first."""
    query, at = call.query, time_now(server)
    states = one_of(MmState, query.state, "state")
    owner = server.exchange.making.owners.get(call.user.user_id)
    found = [
        order
        for order in behind(query.cursor, reversed(owner.orders) if owner is not None else ())
        if (states is None or order.state in states)
        and query.market_id in (None, order.market.id)
        and (query.include_deleted or order.state is not MmState.DELETED)
    ]
    wanted = found[: query.limit + 1]
    return page(
        wanted, query.limit, lambda each: render_making.order(each, at), lambda each: cursor_at(each.id)
    )


def behind(cursor: str | None, orders: Iterable[MmOrder]) -> Iterable[MmOrder]:
    """The orders behind a page, newest first: ids sort as they were created."""
    if cursor is None:
        return orders
    last = read_cursor(cursor).id
    return (order for order in orders if order.id < last)


@from_memory
def get_mm_order(server: Server, call: Call[EmptyBody, NoQuery]) -> shapes.MakingOrderShape:
    """One of one's own market-making orders."""
    return render_making.order(own_order(server, call), time_now(server))


@from_memory
def get_payment_state(server: Server, call: Call[EmptyBody, NoQuery]) -> shapes.PaymentStateShape:
    """What is to be paid, what was, and until when."""
    return render_making.payment_state(own_order(server, call))


class TrailQuery(msgspec.Struct, frozen=True, kw_only=True):
    limit: Annotated[int, Meta(ge=1, le=100)] = LIMIT
    after_seq: Int64 = 0
    """The last one that is known already."""


trail_row = shaped(shapes.TrailShape)
execution_row = shaped(shapes.ExecutionShape)


async def get_mm_trail(server: Server, call: Call[EmptyBody, TrailQuery]) -> Reply[shapes.TrailPageShape]:
    """What became of an order, oldest first: each step, through whom, and why."""
    return await trail_of(server, call, own_order(server, call))


async def trail_of(
    server: Server, call: Call[EmptyBody, TrailQuery], order: MmOrder
) -> Reply[shapes.TrailPageShape]:
    query = call.query
    history = await server.history_as_of(call.durable)
    rows = await history.trail(order.id, query.after_seq, query.limit + 1)
    items = [trail_row(row) for row in rows[: query.limit]]
    return Reply(shapes.TrailPageShape(items, len(rows) > query.limit), journal_id=call.durable)


async def get_mm_executions(
    server: Server, call: Call[EmptyBody, PageQuery]
) -> Reply[Page[shapes.ExecutionShape]]:
    """How the cycles of an order ended, newest first; of the last days."""
    order, query = own_order(server, call), call.query
    before = read_number(query.cursor)
    history = await server.history_as_of(call.durable)
    rows = await history.executions(order.id, before, query.limit + 1)
    data = page(rows, query.limit, execution_row, lambda row: cursor_at(str(row["cycle_no"])))
    return Reply(data, journal_id=call.durable)


async def get_mm_trades(server: Server, call: Call[EmptyBody, PageQuery]) -> Reply[HistoryPage[TradeShape]]:
    """The trades of an order, newest first, as it sees them."""
    order, query = own_order(server, call), call.query
    escrow, before = order.escrow.id, read_number(query.cursor, TRADE_PREFIX)
    history = await server.history_as_of(call.durable)
    rows = await history.trades(
        escrow, market_id=None, scenario=None, include_audit=True, before=before, limit=query.limit + 1
    )
    if rows is None:
        raise bad_cursor()
    data = page(
        rows,
        query.limit,
        lambda row: render_rows.trade_row(row, escrow),
        lambda row: cursor_at(row["trade_id"]),
    )
    return Reply(await whole(history, data), journal_id=call.durable)


async def get_mm_exchange_orders(server: Server, call: Call[EmptyBody, PageQuery]) -> Reply[Page[OrderShape]]:
    """The orders that an order had and has on the book, newest first."""
    order, query = own_order(server, call), call.query
    whose, before = {"user_id": order.escrow.id}, None
    history = await server.history_as_of(call.durable)
    if query.cursor is not None:
        before = await history.order_number(uuid_in(query.cursor), order.escrow.id)
        if before is None:
            raise bad_cursor()
    rows = await history.newest("orders", whose, {}, before=before, limit=query.limit + 1)
    assert rows is not None, "the page begins behind an order of the account"
    data = page(rows, query.limit, render_rows.order_row, lambda row: cursor_at(str(row["id"])))
    return Reply(data, journal_id=call.durable)


def uuid_in(cursor: str) -> uuid.UUID:
    try:
        return uuid.UUID(read_cursor(cursor).id)
    except ValueError:
        raise bad_cursor() from None
