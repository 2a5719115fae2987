"""What an API key opens. No scope implies another, and none makes its key an administrator's."""

import enum
import functools


class Scope(enum.StrEnum):
    """In the order in which they are kept and shown."""

    READ = "read"
    TRADE = "trade"
    WITHDRAW = "withdraw"


def stored(scopes: list[Scope]) -> str:
    """Scopes as the table keeps them."""
    return ",".join(scope for scope in Scope if scope in scopes)


@functools.cache
def scopes_of(stored_scopes: str) -> tuple[Scope, ...]:
    return tuple(map(Scope, stored_scopes.split(",")))
