"""Answers of the stream to a repeated request."""

import msgspec

from adapters.operations.decided import rendered
from adapters.service.server import Server
from adapters.stream.messages import Result, refused
from adapters.wire.status import SUCCESS, RefusedError
from kernel.answers import Outcome
from kernel.codes import Code


class Later(msgspec.Struct):
    """The place of a result that needs the tables first; what comes after it waits."""

    message: Result | None = None


async def repeated(server: Server, cid: int, outcome: Outcome) -> Result:
    """A repeated request is answered with the trades its order had so far: they are in the tables."""
    seq = outcome.seen
    try:
        status, data = await rendered(server, outcome, display=False)
    except RefusedError as trouble:
        return refused(cid, seq, trouble.code, trouble.status, trouble.message)
    except server.unavailable:
        return refused(cid, seq, Code.OVERLOADED, 503, "The tables cannot be asked just now")
    return Result(cid, True, status, SUCCESS, seq, data)
