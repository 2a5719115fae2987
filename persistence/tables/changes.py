"""The new values of rows that a batch changes: of each row, what it is at the end of the batch.

Each class knows its row: the columns to write, by name.
"""

import attrs
import msgspec

from kernel.codes import CancelReason, MarketStatus, OrderStatus, ResolutionResult
from kernel.events import MarketAfter, OrderAmended, PositionAfter
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
class AmendedNow:
    """The terms of an order that was amended, and its place in the queue."""

    amends: int = 0
    terms: dict[str, int] = attrs.field(factory=dict)
    """The columns that have other values now, and what was there before the first amend. There is no
    priority_seq if the order has kept its place."""

    def amend(self, event: OrderAmended, journal_id: int) -> None:
        self.amends += 1
        self.terms.setdefault("accepted_price", event.previous_price)
        self.terms.setdefault("accepted_quantity", event.previous_quantity)
        self.terms |= {
            "original_price": event.original_price,
            "book_price": event.book_price,
            "quantity": event.quantity,
            "amend_count": self.amends,
        }
        if not event.kept_priority:
            self.terms["priority_seq"] = journal_id

    def row(self) -> Row:
        """`amend_count` is by how much it has grown; no priority_seq is none of another value."""
        return {"priority_seq": None, **self.terms}


@attrs.frozen
class GroupStep:
    """One thing that became of an order group, or of all that a market has."""

    row: Row
    """The columns that it names or changes. With none to change, what has this key is gone."""
    is_set: bool = False
    """Whether it may be new: then the row is whole."""


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
    void_price_cents: int | None = None
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
            "void_price_cents": self.void_price_cents,
            "settled_at": self.settled_at,
            "amm_authorized": self.amm_authorized,
            **totals,
            "updated_at": self.updated_at,
        }
