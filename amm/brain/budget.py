"""The exchange's rate limits, mirrored: how many commands may go out in this minute, and for which market.

The exchange counts in fixed minutes of the wall clock. We plan with four fifths of each bucket; the rest is
for retries and for a clock that differs. Cancels have a bucket of their own, batch cancels none.
"""

from collections import Counter
from enum import Enum

import attrs

from amm.brain.arithmetic import Ms
from amm.brain.config import Limits

MINUTE_MS: Ms = 60_000


class Bucket(Enum):
    ORDERS = "orders"
    CANCELS = "cancels"
    REPLACES = "replaces"  # one for each market


def planned(limit: int) -> int:
    return limit * 4 // 5


@attrs.define
class RateBudget:
    """One account's tokens, shared by its markets.

    A market can always use its equal share. What others have not used is lent as the minute passes: all of it
    at once would leave a quiet market nothing to answer a move with.
    """

    limits: Limits
    markets: set[str] = attrs.field(factory=set)
    minute: int = -1
    used: Counter[tuple[Bucket, str]] = attrs.field(factory=Counter)
    replaces_are_orders: bool = False
    """As with an ordinary token: a replace is a place to the exchange's count."""

    def spend(self, bucket: Bucket, market_id: str, now_ms: Ms) -> bool:
        """Take one token; return False if there is none."""
        if now_ms // MINUTE_MS != self.minute:
            self.minute = now_ms // MINUTE_MS
            self.used.clear()
        bucket = self._counted(bucket)
        if self._left(bucket, market_id, now_ms) <= 0:
            return False
        self.used[bucket, market_id] += 1
        return True

    def refund(self, bucket: Bucket, market_id: str) -> None:
        """Give back a token that was taken for a command which is not sent after all."""
        self.used[self._counted(bucket), market_id] -= 1

    def _counted(self, bucket: Bucket) -> Bucket:
        return Bucket.ORDERS if bucket is Bucket.REPLACES and self.replaces_are_orders else bucket

    def _left(self, bucket: Bucket, market_id: str, now_ms: Ms) -> int:
        mine = self.used[bucket, market_id]
        if bucket is Bucket.REPLACES:
            return planned(self.limits.replace_rate_limit) - mine
        limit = self.limits.amm_rate_limit if bucket is Bucket.ORDERS else self.limits.cancel_rate_limit
        total = planned(limit)
        others = self.markets - {market_id}
        share = total // (len(others) + 1)
        others_used = sum(self.used[bucket, other] for other in others)
        left_of_minute = MINUTE_MS - now_ms % MINUTE_MS
        kept = sum(max(0, share - self.used[bucket, other]) for other in others) * left_of_minute // MINUTE_MS
        free = total - others_used - mine
        return min(free, max(share - mine, free - kept))
