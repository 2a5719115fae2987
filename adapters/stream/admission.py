"""The checks that a command on the stream passes before it is carried out, in their order."""

from typing import Any, Final

import msgspec
from msgspec.structs import replace

from adapters.access.identity import Principal
from adapters.access.rate_limits import Bucket, buckets_of, check, has_a_price
from adapters.operations.lookups import market_of_replace
from adapters.operations.operation import AnyOperation, Caller, admit
from adapters.operations.table import STREAM_OPERATIONS
from adapters.service.server import Server
from adapters.stream.messages import Unreadable
from adapters.wire.batch_requests import BatchBody
from adapters.wire.making_requests import venue_rules
from adapters.wire.requests import ReplaceBody
from adapters.wire.status import RefusedError
from adapters.wire.stream_requests import UNDER_A_LEASE, Message
from kernel.codes import Code
from kernel.commands import AnyCommand
from kernel.making_commands import StepMmVenue

ROWS: Final[dict[object, AnyOperation]] = {row.message: row for row in STREAM_OPERATIONS.values()}
TRADING: Final = frozenset(message for message in ROWS if hasattr(message, "to_command"))
"""Messages that become a command to the kernel; the stream answers the others itself."""

LEASED: Final = frozenset(STREAM_OPERATIONS[op].message for op in UNDER_A_LEASE)
"""Messages in which a worker names the account of a market-making order."""
OF_WORKERS: Final = LEASED | {
    STREAM_OPERATIONS[op].message for op in ("ping", "auth", "subscribe", "unsubscribe", "resume")
}
"""What workers may send beside what is for them alone: those, and what is about the connection itself."""

encode = msgspec.json.Encoder().encode


def leased(server: Server, wish: Any) -> AnyCommand:
    """What a worker asks for on behalf of a market-making order: for its account, and for none else."""
    account = server.exchange.traders.get(wish.account)
    if account is None or account.leash is None or wish.fence is None:
        raise RefusedError(Code.NOT_ALLOWED, "A worker names a market-making order's account, and its fence")
    command: AnyCommand = wish.to_command(account.id, server.clock)
    return replace(command, fence=wish.fence)


def command_of(server: Server, principal: Principal, message: Message | Unreadable) -> AnyCommand | None:
    """Admit a message and return its command to the kernel; None if the stream answers it itself."""
    row = message.operation if type(message) is Unreadable else ROWS[type(message)]
    is_limited = False
    if row is not None:
        if principal.is_worker:
            if row.message not in OF_WORKERS:
                admit(row, principal)
        elif principal.scopes is not None:
            admit(row, principal)
            server.identities.note_use(principal)
        elif row.caller is not Caller.USER:
            admit(row, principal)
        if row.bucket is not None:
            # Replaces are counted per market.
            market_id = (
                market_of_replace(server.exchange, message) if isinstance(message, ReplaceBody) else ""
            )
            quota = server.rate_limits.take(row.bucket, principal, market_id)
            check(quota)
            is_limited = quota is not None
        if isinstance(message, BatchBody):
            quota = server.rate_limits.take_together(buckets_of(message.commands), principal)
            check(quota)
            is_limited = quota is not None
    if isinstance(message, Unreadable):
        raise message.refusal
    assert row is not None
    if row.message not in TRADING:
        return None
    wish: Any = message
    command: AnyCommand
    if row.message not in LEASED or (wish.account is None and wish.fence is None and not principal.is_worker):
        command = wish.to_command(principal.user_id, server.clock)
        if isinstance(command, StepMmVenue):
            command = replace(command, venue_rules=venue_rules(server.settings))
    elif principal.is_worker:
        command = leased(server, wish)
    else:
        raise RefusedError(Code.NOT_ALLOWED, "account and fence are for workers of market-making orders")
    if not (is_limited or row.bucket is Bucket.CANCEL or has_a_price(wish)):
        check(server.rate_limits.take_journal(principal, len(encode(wish))))
    return command
