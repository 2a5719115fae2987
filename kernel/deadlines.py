"""Deadlines: whoever gives a command may say until when it is to be decided.

Who lost an answer learns by that what became of the command: asked again after its deadline, it is either
told as done, or refused now and for ever. That holds because no command is decided with an earlier time than
one that came into the same inbox before it.
"""

from datetime import datetime, timedelta
from typing import Final

from kernel.answers import Refusal
from kernel.codes import Code
from kernel.commands import TimedCommand

EPOCH: Final = datetime(1970, 1, 1)
FIRST: Final = (datetime.min - EPOCH) // timedelta(microseconds=1)
LAST: Final = (datetime.max - EPOCH) // timedelta(microseconds=1)


def check_deadline(command: TimedCommand, at: int) -> Refusal | None:
    """The same command again under its key or name is answered before this is asked: see each decision."""
    until = command.valid_until
    if until is None or at <= until:
        return None
    told = {"valid_until": rfc3339(until), "decided_at": rfc3339(at)}
    return Refusal(
        Code.DEADLINE_PASSED, f"Valid until {told['valid_until']}, decided at {told['decided_at']}", told
    )


def rfc3339(at: int) -> str:
    """A time as callers write it."""
    moment = EPOCH + timedelta(microseconds=min(max(at, FIRST), LAST))
    return f"{moment.isoformat(timespec='microseconds')}Z"
