"""Carrying out a command: the kernel decides, and the answer is the same over HTTP and on the stream."""

from typing import Any, TypeVar

import msgspec

from adapters.access.rate_limits import Bucket
from adapters.operations.operation import Call, Caller, Keys, NoQuery, Reply, Route
from adapters.service.server import Server
from adapters.wire import render, render_rows, responses
from adapters.wire.scopes import Scope
from adapters.wire.status import AnyCode
from adapters.wire.stream_requests import message_of
from kernel.answers import Answer, Batched, OrderIs, OrderNow, Outcome, Placed, Replaced
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
    scope: Scope | Keys = Keys.NONE,
    statuses: tuple[int, ...] = (200,),
    op: str | None,
) -> Route[B, NoQuery, S]:
    """A route whose body becomes a command to the kernel, and whose answer is the kernel's.

    `op` is its name on the command stream; None if the stream says it in another way.
    """
    return Route(
        name=name,
        caller=caller,
        bucket=bucket,
        body=body,
        answer=answer,
        codes=codes,
        scope=scope,
        message=message_of(body, op) if op is not None else None,
        summary=summary,
        method="POST",
        path=path,
        handler=execute_body,
        query=NoQuery,
        statuses=statuses,
    )


async def execute_body(server: Server, call: Call[Any, NoQuery]) -> Reply[Any]:
    """Have the kernel decide the command in the body."""
    command = call.body.to_command(call.user.user_id, server.clock)
    return await execute(server, command, call.request_id)


async def execute(server: Server, command: AnyCommand, request_id: str) -> Reply[Any]:
    outcome = await server.decide(command, request_id)
    status, data = await render_outcome(server, outcome)
    return Reply(data, status, outcome.seen)


async def render_outcome(
    server: Server, outcome: Outcome, *, display: bool = True
) -> tuple[int, msgspec.Struct]:
    """Status and data of an outcome that is not a refusal.

    A repeated request is answered with all trades of its order up to now, which are read from the tables.
    """
    match outcome.answer:
        case Placed(repeated=True) as answer:
            trades = await trades_of(server, answer.order, outcome.seen)
            return 200, render.placed(answer, trades, display=display)
        case Replaced(repeated=True) as answer:
            trades = await trades_of(server, answer.new, outcome.seen)
            return 200, render.replaced(answer, trades, display=display)
        case Batched(repeated=True, done=done):
            results = [
                render.granted(index, *await render_again(server, each.answer, outcome.seen, display=display))
                for index, each in enumerate(done)
            ]
            return 200, responses.BatchShape(atomic=True, repeated=True, results=results)
        case _:
            return render.outcome(outcome, display=display)


async def render_again(
    server: Server, answer: Answer | OrderIs, seen: int, *, display: bool
) -> tuple[int, msgspec.Struct | None]:
    """One command of a batch that is repeated: its order as it is now."""
    if isinstance(answer, OrderIs):
        return 200, responses.OrderIsShape(render.order(answer.order)) if answer.order is not None else None
    return await render_outcome(server, Outcome(answer, [], seen), display=display)


async def trades_of(server: Server, now: OrderNow, seen: int) -> list[responses.OrderTradeShape]:
    """The order's trades as of `seen`, read from the tables."""
    if now.filled_quantity == 0:
        return []
    history = await server.history_as_of(seen)
    left, rows = await history.trades_of_order(now.order)
    return render_rows.trades_until(rows, left, now)
