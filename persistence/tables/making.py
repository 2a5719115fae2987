"""The rows of market-making orders, folded: each order as a batch leaves it, what was paid, and the trail.

Values come from the facts. What a fact does not name of an order stays as it is.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import attrs
import msgspec
from msgspec import UNSET

from kernel.events import Fact
from kernel.making_commands import MmCounts
from kernel.making_edges import MmKind, MmLocation, MmState
from kernel.making_events import (
    MmAfter,
    MmLeaseAcquired,
    MmLeaseReleased,
    MmLeaseRenewed,
    MmOrderChanged,
    MmOrderCreated,
)
from persistence.postgres.columns import Row
from persistence.postgres.database import Connection
from persistence.postgres.storable import EPOCH
from persistence.tables.columns import MM_EXECUTION, MM_LIFECYCLE_EVENT, MM_ORDER, MM_PAYMENT
from persistence.tables.portfolio_days import DAY

CHANGING: Final = tuple(name for name in MmAfter.__struct_fields__ if name in MM_ORDER.written)
TOLD: Final = tuple(name for name in MmOrderChanged.__struct_fields__ if name in MM_LIFECYCLE_EVENT.written)
COUNTED: Final = MmCounts.__struct_fields__
ENDED: Final = tuple(name for name in MmLeaseReleased.__struct_fields__ if name in MM_EXECUTION.written)
FREE: Final[Row] = {"cycle_lease_until": None, "cycle_lease_token": None, "cycle_lease_worker": None}
"""No worker has it."""
DAYS_KEPT: Final = 7
"""Days before the newest event's, for which it is told how each cycle ended. The journal keeps them all."""
BEFORE: Final[Row] = {
    "state": MmState.PAYMENT_PENDING,
    "version": 0,
    "seq": 0,
    "location": MmLocation.ESCROW,
    "held": False,
    "reason": "USER_REQUEST",
    "external_submitted": False,
    "reconcile_required": False,
    "refund_due": False,
    "failure_code": None,
    "failed_from": None,
    "fence": 0,
    "cycle_no": 0,
    "next_cycle_at": None,
    **FREE,
    "lease_started_at": None,
    "last_cycle_at": None,
    "last_cycle_outcome": None,
    "consecutive_failures": 0,
    "pause_due_at": None,
    "received_cash_cents": 0,
    "received_yes_shares": 0,
    "received_no_shares": 0,
    "paid_in_cents": 0,
    "paid_out_cents": 0,
    "rewards_cents": 0,
    "fees_cents": 0,
}
"""What an order is before the first entry of its trail."""


@attrs.define(eq=False)
class MakingRows:
    """What a batch makes of these tables."""

    created: dict[str, dict[str, object]] = attrs.field(factory=dict)
    """Orders that are new, as they are at the batch's end."""
    changed: dict[str, dict[str, object]] = attrs.field(factory=lambda: defaultdict(dict))
    """Of older ones, the columns that have other values now."""
    payments: list[Row] = attrs.field(factory=list)
    trail: list[Row] = attrs.field(factory=list)
    executions: list[Row] = attrs.field(factory=list)

    def _now(self, order_id: str) -> dict[str, object]:
        """What the batch has of an order so far."""
        return self.created[order_id] if order_id in self.created else self.changed[order_id]

    def create(self, fact: Fact, event: MmOrderCreated) -> None:
        self.created[event.order_id] = {
            **{name: getattr(event, name) for name in MM_ORDER.written if hasattr(event, name)},
            **BEFORE,
            "terms": msgspec.to_builtins(event.terms),
            "policy": msgspec.to_builtins(event.policy),
            "market_id": fact.market_id,
            "created_at": fact.at,
            "updated_at": fact.at,
        }

    def change(self, fact: Fact, event: MmOrderChanged) -> None:
        order_id = event.order_id
        now = self._now(order_id)
        now |= {"state": event.to_state, "version": event.version, "seq": event.seq}
        now |= {"fence": event.fence, "updated_at": fact.at}
        if event.kind is MmKind.TRANSITION:
            now["reason"] = event.reason
        if (after := event.after) is not None:
            now |= {name: value for name in CHANGING if (value := getattr(after, name)) is not UNSET}
        self.trail.append(
            {
                **{name: getattr(event, name) for name in TOLD},
                "event_id": fact.id,
                "data": event.data or {},
                "created_at": fact.at,
            }
        )
        if (paid := event.payment) is not None:
            self.payments.append(
                {
                    "order_id": order_id,
                    "idempotency_key": paid.key,
                    "asset": paid.asset,
                    "amount": paid.amount,
                    "journal_id": fact.id,
                    "created_at": fact.at,
                }
            )

    def lease(self, fact: Fact, event: MmLeaseAcquired) -> None:
        self._now(event.order_id).update(
            cycle_no=event.cycle_no,
            fence=event.fence,
            cycle_lease_until=event.until,
            cycle_lease_token=event.token,
            cycle_lease_worker=event.worker_id,
            lease_started_at=fact.at,
        )

    def renew(self, event: MmLeaseRenewed) -> None:
        self._now(event.order_id)["cycle_lease_until"] = event.until

    def release(self, fact: Fact, event: MmLeaseReleased) -> None:
        self._now(event.order_id).update(
            FREE,
            fence=event.fence,
            next_cycle_at=event.next_cycle_at,
            consecutive_failures=event.consecutive_failures,
            last_cycle_at=fact.at,
            last_cycle_outcome=event.outcome,
        )
        self.executions.append(
            {
                **{name: getattr(event, name) for name in ENDED},
                **{name: getattr(event.counts, name) for name in COUNTED},
                "ended_at": fact.at,
            }
        )

    async def write(self, connection: Connection) -> None:
        """One statement for all new orders, and one for all whose same columns have changed."""
        await MM_ORDER.insert(connection, list(self.created.values()))
        for rows in alike(self.changed):
            await MM_ORDER.update(connection, rows)
        await MM_PAYMENT.insert(connection, self.payments)
        await MM_LIFECYCLE_EVENT.insert(connection, self.trail)
        await MM_EXECUTION.insert(connection, self.executions)


async def forget_executions(connection: Connection, days: range) -> None:
    """Forget the cycles that are too old when these days, counted since 1970, have ended."""
    kept_since = EPOCH + timedelta(days=days[-1] + 1 - DAYS_KEPT)
    await connection.execute("DELETE FROM mm_execution WHERE ended_at < $1", kept_since)


async def executions_kept_since(connection: Connection) -> int:
    """From when on there must be rows of cycles, in microseconds: as far as the tables have come."""
    newest = await connection.fetch_value(
        "SELECT created_at FROM wal_events WHERE id = (SELECT journal_id FROM projector_cursor)"
    )
    return 0 if newest is None else ((newest - EPOCH).days - DAYS_KEPT) * DAY


def alike(changed: dict[str, dict[str, object]]) -> Sequence[list[Row]]:
    """The rows, those with the same columns together."""
    groups: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for order_id, columns in changed.items():
        names = sorted(columns)
        row = {"order_id": order_id, **{name: columns[name] for name in names}}
        groups[tuple(names)].append(row)
    return list(groups.values())
