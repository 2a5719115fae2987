"""Asks whoever leads who else there is, and to let another process lead."""

from pathlib import Path

import trio

from adapters.link.wire import Asks, Line, Nodes, dialled, read_from_leader


async def asked(folder: Path, *, hand_over: bool = False) -> Nodes | None:
    """What whoever leads with this data folder answers; None if nobody does."""
    stream = await dialled(folder)
    if stream is None:
        return None
    line = Line(stream)
    answer = None
    try:
        async with stream, trio.open_nursery() as nursery:
            nursery.start_soon(line.run)
            line.send(Asks(hand_over))
            frame = await anext(line.frames(), b"")
            answer = read_from_leader(frame) if frame else None
            nursery.cancel_scope.cancel()
    except* (trio.BrokenResourceError, trio.ClosedResourceError):
        pass  # it has ended meanwhile
    return answer if isinstance(answer, Nodes) else None
