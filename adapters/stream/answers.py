"""Answers of the stream that are not simply the kernel's: to a repeated request, and to a guard."""

import msgspec

from adapters.operations.orders import trades_of
from adapters.service.server import Server
from adapters.stream.messages import Result, refused
from adapters.wire import render, responses
from adapters.wire.status import SUCCESS, RefusedError
from kernel.answers import Outcome, Placed, Replaced
from kernel.codes import Code


class GuardShape(responses.Shape, frozen=True):
    grace_ms: int | None
    markets: tuple[str, ...] | None


class Later(msgspec.Struct):
    """The place of a result that needs the tables first; what comes after it waits."""

    message: Result | None = None


async def repeated(server: Server, cid: int, outcome: Outcome) -> Result:
    """A repeated request is answered with the trades its order had so far: they are in the tables."""
    answer, seq = outcome.answer, outcome.seen
    assert isinstance(answer, Placed | Replaced)
    try:
        trades = await trades_of(server, answer.order if isinstance(answer, Placed) else answer.new, seq)
    except RefusedError as trouble:
        return refused(cid, seq, trouble.code, trouble.status, trouble.message)
    except server.unavailable:
        return refused(cid, seq, Code.OVERLOADED, 503, "The tables cannot be asked just now")
    data: msgspec.Struct
    if isinstance(answer, Placed):
        data = render.placed(answer, trades, display=False)
    else:
        data = render.replaced(answer, trades, display=False)
    return Result(cid, True, 200, SUCCESS, seq, data)
