"""Until when somebody wants a command decided."""

from datetime import UTC, datetime

from kernel.commands import TimedCommand
from tests.kernel.reference.records import Refused
from tests.kernel.reference.world import World


def check_deadline(world: World, command: TimedCommand) -> None:
    until = command.valid_until
    if until is not None and world.at > until:
        raise Refused(4010, {"valid_until": told(until), "decided_at": told(world.at)})


def told(microseconds: int) -> str:
    """Years before the first and after the last of the calendar are told as those."""
    seconds, rest = divmod(microseconds, 10**6)
    if seconds < datetime(1, 1, 1, tzinfo=UTC).timestamp():
        seconds, rest = int(datetime(1, 1, 1, tzinfo=UTC).timestamp()), 0
    if seconds > datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp():
        seconds, rest = int(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()), 999_999
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}".zfill(19) + f".{rest:06}Z"
