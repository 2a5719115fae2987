"""Answers of the stream for which the tables are asked: to repeated requests, and to those about the past."""

import msgspec

from adapters.operations.execution import render_outcome
from adapters.service.server import Server
from adapters.stream.messages import Result, refused
from adapters.wire.status import STATUS, SUCCESS, RefusedError
from kernel.answers import AskThePast, Outcome, Refusal
from kernel.codes import Code
from kernel.commands import AnyCommand


class PendingResult(msgspec.Struct):
    """Stands in the outbox for a result that is read from the tables; everything behind it waits."""

    result: Result | None = None


async def looked_up(
    server: Server, cid: int, command: AnyCommand | None, outcome: Outcome, correlation_id: str
) -> Result:
    """The result of a request that was repeated, with all trades of its order up to now; or that names orders
    of the past, and is decided once they are found."""
    seq = outcome.seen
    try:
        if isinstance(outcome.answer, AskThePast):
            assert command is not None
            outcome = await server.settled(command, outcome, correlation_id)
            seq = outcome.seen
        if isinstance(refusal := outcome.answer, Refusal):
            return refused(cid, seq, refusal.code, STATUS[refusal.code], refusal.message, refusal.data)
        status, data = await render_outcome(server, outcome, display=False)
    except RefusedError as trouble:
        return refused(cid, seq, trouble.code, trouble.status, trouble.message)
    except server.unavailable:
        return refused(cid, seq, Code.OVERLOADED, 503, "The tables cannot be asked just now")
    return Result(cid, True, status, SUCCESS, seq, data)
