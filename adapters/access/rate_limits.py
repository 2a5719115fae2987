"""Rate limits: fixed windows of one wall-clock minute, counted per bucket and principal.

All counts are dropped at the end of a window, so they cannot grow without bound.
"""

import enum
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

import attrs
import msgspec

from adapters.access.addresses import counted_address
from adapters.access.identity import Principal
from adapters.runtime.clock import Clock
from adapters.runtime.settings import Settings
from adapters.runtime.times import MINUTE
from adapters.wire.batch_requests import BatchBody, BatchCommand
from adapters.wire.requests import (
    BatchCancelBody,
    BurnBody,
    CancelAllBody,
    DeleteGroupBody,
    MintBody,
    PlaceBody,
    ReplaceBody,
    TriggerGroupBody,
)
from adapters.wire.status import Fault, RefusedError
from adapters.wire.stream_requests import CancelNamed
from kernel.codes import RESTING_KINDS, TimeInForce

COUNTED: Final = 100_000
"""Callers counted one by one within a minute; those who come after them share one count per bucket."""
UNLIMITED: Final = 0
JOURNAL_BYTES: Final = 1_048_576
"""Bytes of commands without a price that one principal may have journaled in a minute."""
BESIDE_WORDS: Final = 512
"""Bytes that a command adds to the journal besides its own text, which is there twice: command and event."""


class Bucket(enum.StrEnum):
    """What is counted together."""

    AUTH = "auth"
    PUBLIC = "public"
    REGISTRATION = "registration"
    ORDERS = "orders"
    CANCEL = "cancel"
    CANCEL_ALL = "cancel_all"
    ACCOUNT = "account"
    QUERY = "query"
    ADMIN = "admin"
    REPLACE = "replace"
    AMM = "amm"
    GUARD = "guard"
    MM = "mm"
    JOURNAL = "journal"
    """Counts not requests but bytes, of commands that cost nothing else."""


WITHOUT_SERVICE_TOKEN: Final = {Bucket.REPLACE: Bucket.ORDERS, Bucket.AMM: Bucket.ACCOUNT}
"""The market maker with an ordinary token is a user like any other: its own buckets count as these."""


@attrs.frozen
class Quota:
    """A caller's limit, and what is left of it after this request."""

    limit: int
    remaining: int
    reset: int
    """The second at which the window ends."""
    allowed: bool

    def refusal(self) -> RefusedError:
        return RefusedError(
            Fault.RATE_LIMITED,
            f"Rate limit: {self.limit} a minute; the next window begins at {self.reset}",
            {"limit": self.limit, "remaining": self.remaining, "reset": self.reset},
        )


def least_of(quotas: Iterable[Quota | None]) -> Quota | None:
    """The one of which the least is left."""
    return min(filter(None, quotas), key=lambda quota: (quota.allowed, quota.remaining), default=None)


class RateLimits:
    """Counts requests and compares them with the limits."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        on = settings.rate_limits
        self._clock = clock
        self._users = {
            Bucket.AUTH: settings.rate_auth if on else UNLIMITED,
            Bucket.PUBLIC: settings.rate_public if on else UNLIMITED,
            Bucket.REGISTRATION: settings.rate_registration if on else UNLIMITED,
            Bucket.ORDERS: settings.rate_orders if on else UNLIMITED,
            Bucket.CANCEL: settings.rate_cancel if on else UNLIMITED,
            Bucket.CANCEL_ALL: settings.rate_cancel_all if on else UNLIMITED,
            Bucket.ACCOUNT: settings.rate_account if on else UNLIMITED,
            Bucket.QUERY: settings.rate_query if on else UNLIMITED,
            Bucket.ADMIN: settings.rate_admin if on else UNLIMITED,
            Bucket.GUARD: settings.rate_guard if on else UNLIMITED,
            Bucket.MM: settings.rate_mm if on else UNLIMITED,
        }
        self._service = self._users | {
            Bucket.ORDERS: settings.rate_amm_orders if on else UNLIMITED,
            Bucket.REPLACE: settings.rate_amm_replace if on else UNLIMITED,
            Bucket.CANCEL: settings.rate_amm_cancel if on else UNLIMITED,
            Bucket.CANCEL_ALL: UNLIMITED,
            Bucket.AMM: settings.rate_amm_ops if on else UNLIMITED,
            Bucket.QUERY: settings.rate_amm_query if on else UNLIMITED,
            Bucket.GUARD: settings.rate_amm_guard if on else UNLIMITED,
        }
        self._journal_bytes = JOURNAL_BYTES if on else UNLIMITED
        self._window = 0
        self._counts: dict[tuple[Bucket, str], int] = {}
        self._own: dict[tuple[Bucket, str], int] | None = None
        """What was counted here since it was last told to others, if there are any."""

    def share(self) -> None:
        """From now on what is counted here is told to other processes that count, too."""
        if self._own is None:
            self._own = {}

    def taken(self) -> tuple[int, list[tuple[str, str, int]]]:
        """What was counted here since the last time, and in which minute."""
        self._turn_over()
        own = self._own or {}
        if own:
            self._own = {}
        return self._window, [(bucket.value, key, amount) for (bucket, key), amount in own.items()]

    def count_elsewhere(self, window: int, counts: Iterable[tuple[str, str, int]]) -> None:
        """Another process has counted this."""
        self._turn_over()
        if window == self._window:
            for bucket, key, amount in counts:
                counted = self._counted(Bucket(bucket), key)
                self._counts[counted] = self._counts.get(counted, 0) + amount

    def take(self, bucket: Bucket, principal: Principal, market_id: str = "") -> Quota | None:
        """Count one request of a user; None if it is not limited. Replaces are counted per market.

        Workers are not counted: their leases bound what they can do.
        """
        if principal.is_worker:
            return None
        if principal.has_service_token:
            key = f"{principal.user_id} {market_id}" if bucket is Bucket.REPLACE else principal.user_id
            return self._take(bucket, key, self._service[bucket])
        bucket = WITHOUT_SERVICE_TOKEN.get(bucket, bucket)
        return self._take(bucket, principal.user_id, self._users[bucket])

    def take_together(self, counts: Mapping[Bucket, int], principal: Principal) -> Quota | None:
        """Count so many requests of each kind; none of them if one kind does not fit."""
        limits = self._service if principal.has_service_token else self._users
        self._turn_over()
        for bucket, amount in counts.items():
            limit, count = limits[bucket], self._counts.get(self._counted(bucket, principal.user_id), 0)
            if limit != UNLIMITED and count + amount > limit:
                return Quota(limit, max(0, limit - count), (self._window + 1) * MINUTE, False)
        return least_of(
            self._take(bucket, principal.user_id, limits[bucket], amount) for bucket, amount in counts.items()
        )

    def take_for_address(self, bucket: Bucket, address: str) -> Quota | None:
        """Count one request of somebody of whom nothing is known but the address."""
        return self._take(bucket, counted_address(address), self._users[bucket])

    def take_for_session(self, bucket: Bucket, session_id: str) -> Quota | None:
        """Count one request of a session by itself: an old token of its user must not use up his own."""
        return self._take(bucket, session_id, self._users[bucket])

    def take_for_everybody(self, bucket: Bucket) -> Quota | None:
        """Count one request together with those of all other callers."""
        return self._take(bucket, "", self._users[bucket])

    def take_journal(self, principal: Principal, said: int) -> Quota | None:
        """Count the bytes that a command of this size may add to the journal; a worker's are not counted."""
        if principal.is_worker:
            return None
        return self._take(Bucket.JOURNAL, principal.user_id, self._journal_bytes, 2 * said + BESIDE_WORDS)

    def _take(self, bucket: Bucket, key: str, limit: int, amount: int = 1) -> Quota | None:
        if limit == UNLIMITED:
            return None
        self._turn_over()
        counted = self._counted(bucket, key)
        count = self._counts.get(counted, 0) + amount
        self._counts[counted] = count
        if self._own is not None:
            self._own[counted] = self._own.get(counted, 0) + amount
        return Quota(limit, max(0, limit - count), (self._window + 1) * MINUTE, count <= limit)

    def _counted(self, bucket: Bucket, key: str) -> tuple[Bucket, str]:
        """Whose count it is."""
        known = (bucket, key) in self._counts or len(self._counts) < COUNTED
        return (bucket, key) if known else (bucket, "")

    def _turn_over(self) -> None:
        """With a new minute all counts begin again."""
        window = self._clock.seconds() // MINUTE
        if window != self._window:
            self._window = window
            self._counts.clear()
            if self._own is not None:
                self._own = {}


def check(quota: Quota | None) -> None:
    """Raise if it is used up."""
    if quota is not None and not quota.allowed:
        raise quota.refusal()


PRICED: Final = (
    ReplaceBody,
    MintBody,
    BurnBody,
    BatchCancelBody,
    CancelAllBody,
    CancelNamed,
    TriggerGroupBody,
    DeleteGroupBody,
)
"""Commands that cost money, and cancels, which must always be possible."""


def has_a_price(body: msgspec.Struct) -> bool:
    """Whether a command costs something limited, or must never be refused for its frequency."""
    if isinstance(body, PlaceBody):
        return (body.time_in_force or TimeInForce.GTC) in RESTING_KINDS  # what rests has money set aside
    if isinstance(body, BatchBody):
        return all(map(has_a_price, body.commands))
    return isinstance(body, PRICED)


def bucket_of(op: object) -> Bucket:
    """What a command of a batch counts as; if nobody knows what it is, as what most are."""
    return Bucket.CANCEL if op == "cancel" else Bucket.ORDERS


def buckets_of(commands: Iterable[BatchCommand]) -> Counter[Bucket]:
    return Counter(bucket_of(each.__struct_config__.tag) for each in commands)
