"""Answers of the stream to a repeated request."""

import msgspec

from adapters.operations.execution import render_outcome
from adapters.service.server import Server
from adapters.stream.messages import Result, refused
from adapters.wire.status import SUCCESS, RefusedError
from kernel.answers import Outcome
from kernel.codes import Code


class PendingResult(msgspec.Struct):
    """Stands in the outbox for a result that is read from the tables; everything behind it waits."""

    result: Result | None = None


async def repeated(server: Server, cid: int, outcome: Outcome) -> Result:
    """The result of a repeated request, with all trades of its order up to now, read from the tables."""
    seq = outcome.seen
    try:
        status, data = await render_outcome(server, outcome, display=False)
    except RefusedError as trouble:
        return refused(cid, seq, trouble.code, trouble.status, trouble.message)
    except server.unavailable:
        return refused(cid, seq, Code.OVERLOADED, 503, "The tables cannot be asked just now")
    return Result(cid, True, status, SUCCESS, seq, data)
