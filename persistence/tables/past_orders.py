"""What memory has let go of, out of the tables as it was: orders, positions, uses of keys."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from kernel.codes import (
    BookType,
    CancelReason,
    Direction,
    KeyKind,
    OrderStatus,
    ReferenceType,
    SelfTradeMode,
    Side,
    TimeInForce,
)
from kernel.past import KeyUse, OrderImage, PastPosition
from persistence.postgres.columns import Row
from persistence.postgres.database import Database
from persistence.postgres.storable import EPOCH, storable_time

PAST_ORDERS: Final = """
    SELECT * FROM orders WHERE id = ANY($1::uuid[])
    UNION
    SELECT * FROM orders WHERE user_id = $2 AND client_order_id = ANY($3::text[])
"""


KEY_USE: Final = """
    SELECT * FROM key_uses WHERE idempotency_key = $2 AND kind = $1 ORDER BY journal_id DESC LIMIT 1
"""


async def key_use(database: Database, kind: KeyKind, key: str) -> KeyUse | None:
    """The newest that was forgotten."""
    async with database.borrowed() as connection:
        rows = await connection.fetch(KEY_USE, kind, key)
        return use_of(dict(rows[0])) if rows else None


PAST_POSITIONS: Final = """
    SELECT market_id, updated_at, realized_pnl, fees_paid FROM positions
    WHERE user_id = $1 AND updated_at <= $2 AND NOT market_id = ANY($3::text[])
"""


async def past_positions(
    database: Database, user_id: str, until: int, without: Sequence[str]
) -> list[PastPosition]:
    """The account's that last changed up to this time, but for those in some markets."""
    async with database.borrowed() as connection:
        rows = await connection.fetch(PAST_POSITIONS, user_id, storable_time(until), list(without))
        return [PastPosition(**{**row, "updated_at": microseconds(row["updated_at"])}) for row in rows]


def use_of(row: Row) -> KeyUse:
    reference_type, side = row["reference_type"], row["side"]
    return KeyUse(
        **{
            **row,
            "kind": KeyKind(row["kind"]),
            "at": microseconds(row["at"]),
            "reference_type": ReferenceType(reference_type) if reference_type is not None else None,
            "side": Side(side) if side is not None else None,
        }
    )


async def past_orders(
    database: Database, user_id: str, names: Sequence[str], order_ids: Sequence[str]
) -> list[OrderImage]:
    """Those with these ids, and those with these names of the user's."""
    ids = [order_id for order_id in order_ids if is_order_id(order_id)]
    async with database.borrowed() as connection:
        rows = await connection.fetch(PAST_ORDERS, ids, user_id, names)
        return [image_of(dict(row)) for row in rows]


def is_order_id(name: str) -> bool:
    """Whether it is one as the exchange writes it: anything else names no order."""
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False


def image_of(row: Row) -> OrderImage:
    price, quantity, reason = row["original_price"], row["quantity"], row["cancel_reason"]
    amended = row["amend_count"] > 0
    replaces, expires_at = row["replaces_order_id"], row["expires_at"]
    return OrderImage(
        id=str(row["id"]),
        client_order_id=row["client_order_id"],
        user_id=row["user_id"],
        market_id=row["market_id"],
        side=Side(row["original_side"]),
        direction=Direction(row["original_direction"]),
        price=price,
        book_type=BookType(row["book_type"]),
        book_price=row["book_price"],
        is_bid=row["book_direction"] == Direction.BUY,
        time_in_force=TimeInForce(row["time_in_force"]),
        expires_at=microseconds(expires_at) if expires_at is not None else None,
        post_only=row["post_only"],
        max_cost_cents=row["max_cost_cents"],
        self_trade_mode=SelfTradeMode(row["self_trade_mode"]),
        group_id=row["group_id"],
        quantity=quantity,
        remaining=row["remaining_quantity"],
        frozen=row["frozen_amount"],
        accepted_seq=row["accepted_seq"],
        replaces=str(replaces) if replaces is not None else None,
        created_at=microseconds(row["created_at"]),
        updated_at=microseconds(row["updated_at"]),
        status=OrderStatus(row["status"]),
        cancel_reason=CancelReason(reason) if reason is not None else None,
        priority_seq=row["priority_seq"],
        amend_count=row["amend_count"],
        accepted_price=row["accepted_price"] if amended else price,
        accepted_quantity=row["accepted_quantity"] if amended else quantity,
        eligible=False,  # which means something while it can trade
    )


def microseconds(stored: datetime) -> int:
    return (stored - EPOCH) // timedelta(microseconds=1)
