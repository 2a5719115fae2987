"""Which commands of the stream are let through: every check ahead of a command's business, in its order."""

from typing import Final, cast, get_args

import msgspec

from adapters.access.identity import Principal
from adapters.access.rate_limits import Bucket, check, has_a_price
from adapters.operations.lookups import counted_in
from adapters.service.server import Server
from adapters.stream.messages import (
    Auth,
    BatchCancel,
    Burn,
    Cancel,
    Guard,
    Mint,
    Operation,
    Place,
    Replace,
    Resume,
    Sync,
    Trading,
    Unreadable,
)
from adapters.wire.status import RefusedError
from kernel.commands import AnyCommand
from kernel.refusals import amm_only

BUCKETS: Final[dict[type[Operation] | None, Bucket]] = {
    Place: Bucket.ORDERS,
    Cancel: Bucket.CANCEL,
    Replace: Bucket.REPLACE,
    Mint: Bucket.AMM,
    Burn: Bucket.AMM,
    Sync: Bucket.QUERY,
    Resume: Bucket.QUERY,
    Auth: Bucket.ACCOUNT,
    Guard: Bucket.GUARD,
}
"""What counts against which limit; the others are free: they ask neither the journal nor the tables."""
AMM_ONLY: Final[frozenset[type[Operation] | None]] = frozenset({Replace, BatchCancel, Mint, Burn})
TRADING: Final = frozenset(get_args(Trading))

encode = msgspec.json.Encoder().encode


def admit(server: Server, principal: Principal, operation: Operation | Unreadable) -> AnyCommand | None:
    """The command to the kernel; None if the adapter answers this one by itself."""
    kind = type(operation) if not isinstance(operation, Unreadable) else operation.operation
    if kind in AMM_ONLY and not principal.is_amm:
        refusal = amm_only()
        raise RefusedError(refusal.code, refusal.message)
    bucket = BUCKETS.get(kind)
    is_limited = bucket is not None and count(server, bucket, principal, operation)
    if isinstance(operation, Unreadable):
        raise operation.refusal
    if kind not in TRADING:
        return None
    command = cast(Trading, operation).to_command(principal.user_id, server.clock)
    if not (is_limited or kind is Cancel or has_a_price(operation)):
        check(server.rate_limits.take_journal(principal, len(encode(operation))))
    return command


def count(server: Server, bucket: Bucket, principal: Principal, operation: Operation | Unreadable) -> bool:
    """Whether it is limited. Replaces count per market, those for markets that do not exist together."""
    market_id = counted_in(server.exchange, operation) if isinstance(operation, Replace) else ""
    quota = server.rate_limits.take(bucket, principal, market_id)
    check(quota)
    return quota is not None
