"""Which commands of the stream are let through: every check ahead of a command's business, in its order."""

from typing import Final, cast, get_args

from adapters.identity import Principal
from adapters.lookups import counted_in
from adapters.rate_limits import Bucket
from adapters.server import Server
from adapters.status import Fault, RefusedError
from adapters.stream_wire import (
    Auth,
    BatchCancel,
    Burn,
    Cancel,
    Mint,
    Operation,
    Place,
    Replace,
    Sync,
    Trading,
    Unreadable,
)
from kernel.commands import AnyCommand
from kernel.refusals import amm_only

BUCKETS: Final[dict[type[Operation] | None, Bucket]] = {
    Place: Bucket.ORDERS,
    Cancel: Bucket.CANCEL,
    Replace: Bucket.REPLACE,
    Mint: Bucket.AMM,
    Burn: Bucket.AMM,
    Sync: Bucket.QUERY,
}
"""What counts against which limit; the others are free."""
AMM_ONLY: Final[frozenset[type[Operation] | None]] = frozenset({Replace, BatchCancel, Mint, Burn})
TRADING: Final = frozenset(get_args(Trading))


def admit(
    server: Server, principal: Principal | None, operation: Operation | Unreadable
) -> AnyCommand | None:
    """The command to the kernel; None if the adapter answers this one by itself."""
    kind = type(operation) if not isinstance(operation, Unreadable) else operation.operation
    if principal is None:
        if kind is not Auth:
            raise RefusedError(Fault.NOT_AUTHENTICATED_YET, "Send auth first")
    else:
        if kind in AMM_ONLY and not principal.is_amm:
            refusal = amm_only()
            raise RefusedError(refusal.code, refusal.message)
        bucket = BUCKETS.get(kind)
        if bucket is not None:
            count(server, bucket, principal, operation)
    if isinstance(operation, Unreadable):
        raise operation.refusal
    if kind not in TRADING:
        return None
    assert principal is not None
    return cast(Trading, operation).to_command(principal.user_id, server.clock)


def count(server: Server, bucket: Bucket, principal: Principal, operation: Operation | Unreadable) -> None:
    """Replaces are counted per market, and those for markets that do not exist together."""
    market_id = counted_in(server.exchange, operation) if isinstance(operation, Replace) else ""
    quota = server.rate_limits.take(bucket, principal, market_id)
    if quota is not None and not quota.allowed:
        raise quota.refusal()
