"""What becomes of a command: decided by the kernel, told when durable, and the same on every way in."""

from typing import Any, TypeVar

import msgspec

from adapters.access.rate_limits import Bucket
from adapters.operations.operation import Call, Caller, NoQuery, Reply, Route
from adapters.service.server import Server
from adapters.wire import render, render_rows, responses
from adapters.wire.status import AnyCode
from adapters.wire.stream_requests import message_of
from kernel.answers import OrderNow, Outcome, Placed, Replaced
from kernel.commands import AnyCommand

B = TypeVar("B", bound=msgspec.Struct)
S = TypeVar("S", bound=msgspec.Struct)


def command(
    path: str,
    name: str,
    summary: str,
    caller: Caller,
    bucket: Bucket | None,
    answer: type[S],
    body: type[B],
    *codes: AnyCode,
    statuses: tuple[int, ...] = (200,),
    op: str,
) -> Route[B, NoQuery, S]:
    """One whose body is a command to the kernel, and whose answer is the kernel's."""
    return Route(
        name=name,
        caller=caller,
        bucket=bucket,
        body=body,
        answer=answer,
        codes=codes,
        message=message_of(body, op),
        summary=summary,
        method="POST",
        path=path,
        handler=carry_out,
        query=NoQuery,
        statuses=statuses,
    )


async def carry_out(server: Server, call: Call[Any, NoQuery]) -> Reply[Any]:
    """Have the kernel decide what the body says."""
    command = call.body.to_command(call.user.user_id, server.clock)
    return await decided(server, command, call.request_id)


async def decided(server: Server, command: AnyCommand, request_id: str) -> Reply[Any]:
    outcome = await server.decide(command, request_id)
    status, data = await rendered(server, outcome)
    return Reply(data, status, outcome.seen)


async def rendered(server: Server, outcome: Outcome, *, display: bool = True) -> tuple[int, msgspec.Struct]:
    """Status and data of what was not refused.

    A repeated request is answered with the trades its order had so far, and those are in the tables.
    """
    match outcome.answer:
        case Placed(repeated=True) as answer:
            trades = await trades_of(server, answer.order, outcome.seen)
            return 200, render.placed(answer, trades, display=display)
        case Replaced(repeated=True) as answer:
            trades = await trades_of(server, answer.new, outcome.seen)
            return 200, render.replaced(answer, trades, display=display)
        case _:
            return render.outcome(outcome, display=display)


async def trades_of(server: Server, now: OrderNow, seen: int) -> list[responses.OrderTradeShape]:
    """An order's trades as of the moment at which it was looked at, out of the tables."""
    if now.filled_quantity == 0:
        return []
    history = await server.history_as_of(seen)
    return render_rows.trades_until(await history.trades_of_order(now.order), now)
