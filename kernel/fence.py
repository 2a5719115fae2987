"""The fence: whose commands a sub-account obeys.

A plain one obeys whoever knows its newest fence, or a later one. That of a market-making order obeys the
holder of the order's lease, and only by the commands that a cycle is made of; so nothing is placed once the
lease is over, and a pause takes effect the instant it is decided.
"""

from typing import Any, Final

from kernel.answers import Refusal
from kernel.codes import Code
from kernel.commands import (
    BatchCancel,
    BurnShares,
    CancelByClientId,
    CancelOrder,
    Command,
    PlaceOrder,
    ReplaceOrder,
)
from kernel.leash import PLACEMENTS_MAX, Leash
from kernel.market import Account
from kernel.refusals import malformed

CANCELS: Final[tuple[type[Command], ...]] = (CancelOrder, CancelByClientId, BatchCancel)
"""What only needs the fence: taking risk away is always safe."""
NUMBER_MAX: Final = 999
"""The last of the numbers that name what is done under one lease."""


def check_fence(account: Account, command: Any, at: int) -> Refusal | None:
    """Ahead of everything else that is asked of a command for a sub-account; for others there is no fence."""
    if not account.is_escrow:
        return None
    fence = command.fence
    if account.leash is not None:
        return check_lease(account, account.leash, command, at)
    return stale_fence(account, fence) if fence is None or fence < account.fence else None


def check_lease(account: Account, leash: Leash, command: Any, at: int) -> Refusal | None:
    kind = type(command)
    is_placement = kind is PlaceOrder or kind is ReplaceOrder
    if not (is_placement or kind is BurnShares or kind in CANCELS):
        return not_for_its_account()
    if command.fence != account.fence:
        return stale_fence(account, command.fence)
    if kind in CANCELS:
        return None
    if leash.until is None or at >= leash.until:
        return Refusal(Code.STALE_FENCE, "No lease: it is over, or was taken away")
    if is_placement:
        prefix = f"mm_{leash.order_id.replace('-', '')}_{account.fence}_"
        is_new = command.client_order_id not in account.orders
        if is_new and leash.placements >= PLACEMENTS_MAX:
            return Refusal(Code.LIMIT_EXCEEDED, f"{PLACEMENTS_MAX} orders were placed under this lease")
        return check_name("client_order_id", command.client_order_id, prefix)
    prefix = f"mmb:{leash.order_id}:{account.fence}:"
    return check_name("idempotency_key", command.idempotency_key, prefix)


def check_name(member: str, name: str, prefix: str) -> Refusal | None:
    """The prefix with one of the numbers behind it, as one writes a number: so no later cycle meets it."""
    number = name[len(prefix) :]
    if (
        name.startswith(prefix)
        and len(number) <= len(str(NUMBER_MAX))
        and number.isdecimal()
        and str(int(number)) == number
    ):
        return None
    return malformed(member, f"must be {prefix} and a number up to {NUMBER_MAX}")


def stale_fence(account: Account, fence: int | None) -> Refusal:
    return Refusal(Code.STALE_FENCE, f"Stale fence: the account's is {account.fence}, the command's {fence}")


def not_for_its_account() -> Refusal:
    return Refusal(Code.NOT_ALLOWED, "Not for the account of a market-making order")
