"""Which commands of the stream are let through: every check ahead of a command's business, in its order."""

from typing import Any, Final

import msgspec

from adapters.access.identity import Principal
from adapters.access.rate_limits import Bucket, check, has_a_price
from adapters.operations.lookups import counted_in
from adapters.operations.operation import AnyOperation, Caller, admit
from adapters.operations.table import STREAMED
from adapters.service.server import Server
from adapters.stream.messages import Unreadable
from adapters.wire.requests import ReplaceBody
from adapters.wire.stream_requests import Message
from kernel.commands import AnyCommand

ROWS: Final[dict[object, AnyOperation]] = {row.message: row for row in STREAMED.values()}
TRADING: Final = frozenset(message for message in ROWS if hasattr(message, "to_command"))
"""What becomes a command to the kernel; the adapter answers the others by itself."""

encode = msgspec.json.Encoder().encode


def command_of(server: Server, principal: Principal, message: Message | Unreadable) -> AnyCommand | None:
    """The command to the kernel; None if the adapter answers this one by itself."""
    row = message.operation if type(message) is Unreadable else ROWS[type(message)]
    is_limited = False
    if row is not None:
        if row.caller is not Caller.USER:
            admit(row.caller, principal)
        if row.bucket is not None:
            # Replaces count per market, those for markets that do not exist together.
            market_id = counted_in(server.exchange, message) if isinstance(message, ReplaceBody) else ""
            quota = server.rate_limits.take(row.bucket, principal, market_id)
            check(quota)
            is_limited = quota is not None
    if isinstance(message, Unreadable):
        raise message.refusal
    assert row is not None
    if row.message not in TRADING:
        return None
    wish: Any = message
    command: AnyCommand = wish.to_command(principal.user_id, server.clock)
    if not (is_limited or row.bucket is Bucket.CANCEL or has_a_price(wish)):
        check(server.rate_limits.take_journal(principal, len(encode(wish))))
    return command
