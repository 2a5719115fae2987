"""Many orders in one request: cancelling all that one has, and batches."""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
import trio

from adapters.access.rate_limits import Quota, bucket_of, buckets_of, check, has_a_price, least_of
from adapters.operations.execution import execute, render_outcome
from adapters.operations.operation import Call, NoQuery, Reply
from adapters.service.server import DECISION_TIMEOUT, Server, no_answer
from adapters.wire import render, responses
from adapters.wire.batch_requests import BatchBody, BatchCommand, Several, command_in
from adapters.wire.requests import CancelAllBody
from adapters.wire.status import STATUS, RefusedError
from kernel.answers import AllCancelled, Outcome, Refusal
from kernel.codes import Code
from kernel.commands import AnyCommand

encode: Final = msgspec.json.Encoder().encode


async def cancel_all(
    server: Server, call: Call[CancelAllBody, NoQuery]
) -> Reply[responses.AllCancelledShape]:
    """Take every own order off the book, or those of one market, side, direction, group."""
    with trio.move_on_after(DECISION_TIMEOUT):
        if call.body.market_id is not None:
            item, seen = await cancel_in(server, call, call.body.market_id)
            return Reply(render.all_cancelled([item]), journal_id=seen)
        items, seen = [], call.durable
        for market_id in markets_with_orders(server, call.user.user_id):
            try:
                item, seen = await cancel_in(server, call, market_id)
            except RefusedError as refusal:
                item = render.market_refused(market_id, refusal.code)
                seen = max(seen, refusal.journal_id or 0)
            items.append(item)
        return Reply(render.all_cancelled(items), journal_id=seen)
    raise no_answer()


def markets_with_orders(server: Server, user_id: str) -> list[str]:
    """In ascending order of their ids: that is the order in which they are decided."""
    account = server.exchange.traders.get(user_id)
    if account is None:
        return []
    return sorted(market_id for market_id, position in account.positions.items() if position.live)


async def cancel_in(
    server: Server, call: Call[CancelAllBody, NoQuery], market_id: str
) -> tuple[responses.MarketCancelledShape, int]:
    """One command, for one market; returns what it did, and the journal id that this reflects."""
    command = call.body.in_market(market_id, call.user.user_id, server.clock)
    answer, seen = await server.answer(command, call.request_id, AllCancelled)
    return render.market_cancelled(answer), seen


async def batch(server: Server, call: Call[Any, NoQuery]) -> Reply[responses.BatchShape]:
    """Do several things in one request: each by itself, or all at one moment or nothing."""
    if isinstance(call.body, Several):
        return await each_by_itself(server, call, call.body)
    body: BatchBody = call.body
    quota = server.rate_limits.take_together(buckets_of(body.commands), call.user)
    if quota is not None and not quota.allowed:
        refusal = quota.refusal()
        refusal.retry_after = max(quota.reset - server.clock.seconds(), 1)
        raise refusal
    if quota is None and not has_a_price(body):
        check(server.rate_limits.take_journal(call.user, len(encode(body))))
    reply = await execute(server, body.to_command(call.user.user_id, server.clock), call.request_id)
    return Reply(reply.data, reply.status, reply.journal_id, quota=quota)


async def each_by_itself(
    server: Server, call: Call[Any, NoQuery], several: Several
) -> Reply[responses.BatchShape]:
    """Have each command decided that can be, those for one market that follow each other back to back."""
    results: dict[int, responses.BatchResultShape] = {}
    admitted: list[tuple[int, BatchCommand]] = []
    quotas: list[Quota | None] = []
    for index, (each, op) in enumerate(zip(several.commands, several.ops, strict=True)):
        quota = server.rate_limits.take(bucket_of(op), call.user)
        quotas.append(quota)
        try:
            check(quota)
            if isinstance(each, RefusedError):
                raise each
            if quota is None and not has_a_price(each):
                check(server.rate_limits.take_journal(call.user, len(encode(each))))
        except RefusedError as refusal:
            results[index] = render.refused(index, refusal.status, refusal.code, str(refusal), refusal.data)
        else:
            admitted.append((index, each))
    seen = call.durable
    with trio.move_on_after(DECISION_TIMEOUT) as waiting:
        for run in runs(server, call.user.user_id, several, admitted):
            outcomes = await server.actors.ask(*run.values(), correlation_id=call.request_id)
            for (index, command), decided in zip(run.items(), outcomes, strict=True):
                results[index], seen_by = await result_of(server, index, command, decided, call.request_id)
                seen = max(seen, seen_by)
    if waiting.cancelled_caught:
        raise no_answer()
    shape = responses.BatchShape(atomic=False, results=[results[index] for index in sorted(results)])
    return Reply(shape, journal_id=seen, quota=least_of(quotas))


def runs(
    server: Server, user_id: str, several: Several, admitted: Sequence[tuple[int, BatchCommand]]
) -> Iterator[dict[int, AnyCommand]]:
    """The commands, by their places: as many at once as follow each other in one market.

    A run is made when it is asked for: what is decided by then says in which market an order is, and the time
    of its commands is that at which they are handed over.
    """
    waiting = deque(admitted)
    while waiting:
        run: dict[int, AnyCommand] = {}
        market_id: str | None = None
        while waiting:
            index, each = waiting[0]
            command = command_in(several.batch, each, user_id, server.clock)
            own = server.actors.market_of(command)
            if run and own != market_id:
                break
            run[index], market_id = command, own
            waiting.popleft()
        yield run


async def result_of(
    server: Server, index: int, command: AnyCommand, outcome: Outcome, request_id: str
) -> tuple[responses.BatchResultShape, int]:
    """The result of one command, and the journal id that it reflects.

    Where the tables have to be asked and do not answer, this one is refused: the others have theirs.
    """
    try:
        outcome = await server.settled(command, outcome, request_id)
        answer = outcome.answer
        if isinstance(answer, Refusal):
            result = render.refused(
                index, STATUS[answer.code].value, answer.code, answer.message, answer.data
            )
        else:
            result = render.granted(index, *await render_outcome(server, outcome))
    except RefusedError as trouble:
        result = render.refused(index, trouble.status, trouble.code, str(trouble), trouble.data)
    except server.unavailable:
        result = render.refused(index, 503, Code.OVERLOADED, "The tables cannot be asked just now", None)
    return result, outcome.seen
