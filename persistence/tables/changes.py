"""The new values of rows that a batch changes: of each row, what it is at the end of the batch.

Each class knows its row: the columns to write, by name.
"""

import attrs
import msgspec

from kernel.codes import CancelReason, MarketStatus, OrderStatus, ResolutionResult
from kernel.events import MarketAfter, PositionAfter
from persistence.postgres.columns import Row


@attrs.define(eq=False)
class AccountNow:
    available: int
    frozen: int
    entries: int
    """How many ledger entries are new."""
    updated_at: int

    def row(self, user_id: str) -> Row:
        return {
            "user_id": user_id,
            "available_balance": self.available,
            "frozen_balance": self.frozen,
            "version": self.entries,
            "updated_at": self.updated_at,
        }


@attrs.define(eq=False)
class Moved:
    """What came into an account and left it, beside what trading brought: how much is new."""

    deposits: int = 0
    transfers: int = 0

    def row(self, user_id: str) -> Row:
        return {"user_id": user_id, "net_deposits": self.deposits, "net_transfers": self.transfers}


@attrs.define(eq=False)
class OrderNow:
    status: OrderStatus
    remaining: int
    frozen: int
    updated_at: int
    cancel_reason: CancelReason | None = None

    def row(self, order_id: str) -> Row:
        return {
            "id": order_id,
            "status": self.status,
            "remaining_quantity": self.remaining,
            "frozen_amount": self.frozen,
            "cancel_reason": self.cancel_reason,
            "updated_at": self.updated_at,
        }


@attrs.define(eq=False)
class PositionNow:
    after: PositionAfter
    created_at: int
    """When it came to exist, if it is new."""
    updated_at: int
    realized: int = 0
    """How much is new; so of the fees."""
    fees: int = 0

    def row(self, market_id: str) -> Row:
        return {
            "market_id": market_id,
            **msgspec.structs.asdict(self.after),
            "realized_pnl": self.realized,
            "fees_paid": self.fees,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        }


@attrs.define(eq=False)
class MarketNow:
    """What has changed of a market. None is what has not: no value here ever becomes null again."""

    updated_at: int
    status: MarketStatus | None = None
    resolution_result: ResolutionResult | None = None
    resolved_at: int | None = None
    settled_at: int | None = None
    amm_authorized: bool | None = None
    totals: MarketAfter | None = None

    def row(self, market_id: str) -> Row:
        totals = (
            dict.fromkeys(MarketAfter.__struct_fields__)
            if self.totals is None
            else msgspec.structs.asdict(self.totals)
        )
        return {
            "id": market_id,
            "status": self.status,
            "resolution_result": self.resolution_result,
            "resolved_at": self.resolved_at,
            "settled_at": self.settled_at,
            "amm_authorized": self.amm_authorized,
            **totals,
            "updated_at": self.updated_at,
        }
