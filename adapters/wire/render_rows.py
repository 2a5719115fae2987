"""Renders rows of the tables for callers: orders, trades, ledger entries, circuit breakers.

Most need no change, since the tables' columns have the names that callers know. A trade is shown as one of
its parties sees it; what the sides of the book mean to that party follows from the orders' book types.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, TypeVar

import msgspec
import msgspec.inspect

from adapters.wire import responses
from adapters.wire.render import dollars, gain
from kernel.answers import OrderNow
from kernel.codes import BookType, Direction, Side, TradeScenario

S = TypeVar("S", bound=responses.Shape)

BUY, SELL = Direction.BUY, Direction.SELL

Row = Mapping[str, Any]
"""A row of a table, by column."""


def row_time(stored: datetime) -> str:
    """A time from the tables, in the format of `render.time`."""
    return stored.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def shaped(shape: type[S]) -> Callable[[Row], S]:
    """Rows of a table as such a shape: each member is the column of its name, or a display of its cents."""
    described = msgspec.inspect.type_info(shape)
    assert isinstance(described, msgspec.inspect.StructType)
    members = [(field.name, *source(field)) for field in described.fields]

    def row_as_shape(row: Row) -> S:
        return shape(**{name: convert(row[column]) for name, column, convert in members})

    return row_as_shape


def source(field: msgspec.inspect.Field) -> tuple[str, Callable[[Any], Any]]:
    """Which column a member is made of, and how."""
    if field.name.endswith("_display"):
        return f"{field.name.removesuffix('_display')}_cents", dollars
    kinds = field.type.types if isinstance(field.type, msgspec.inspect.UnionType) else (field.type,)
    (kind,) = (kind for kind in kinds if not isinstance(kind, msgspec.inspect.NoneType))
    convert = conversion(kind)
    if convert is None:
        return field.name, lambda value: value
    if len(kinds) == 1:
        return field.name, convert
    return field.name, lambda value: None if value is None else convert(value)


def conversion(kind: msgspec.inspect.Type) -> Callable[[Any], Any] | None:
    """How a value out of the tables becomes one of a shape; none where it is one."""
    match kind:
        case msgspec.inspect.Metadata(extra_json_schema={"format": "date-time"}):
            return row_time
        case msgspec.inspect.Metadata(extra_json_schema={"format": "uuid"}):
            return str
        case msgspec.inspect.EnumType(cls=enumeration):
            return enumeration
        case msgspec.inspect.RawType():
            return msgspec.Raw
        case _:
            return None


order_row: Final = shaped(responses.OrderShape)
activity_row: Final = shaped(responses.ActivityShape)


def order_trade_row(row: Row, now: OrderNow) -> responses.OrderTradeShape:
    """A trade as one of its orders sees it."""
    is_maker = str(row["maker_order_id"]) == now.order.id
    is_bid = now.order.is_bid
    return responses.OrderTradeShape(
        row["trade_id"],
        TradeScenario(row["scenario"]),
        SELL if is_bid else BUY,
        row["price_cents"],
        row["quantity"],
        "MAKER" if is_maker else "TAKER",
        row["maker_fee"] if is_maker else row["taker_fee"],
        row["buy_realized_pnl"] if is_bid else row["sell_realized_pnl"],
        row_time(row["executed_at"]),
    )


def market_trade_row(row: Row) -> responses.MarketTradeShape:
    return responses.MarketTradeShape(
        row["trade_id"],
        row["price_cents"],
        row["quantity"],
        TradeScenario(row["scenario"]),
        BUY if row["taker_order_id"] == row["buy_order_id"] else SELL,
        row_time(row["executed_at"]),
    )


VIEWS: Final = {
    BookType.NATIVE_BUY: (Side.YES, BUY),
    BookType.NATIVE_SELL: (Side.YES, SELL),
    BookType.SYNTHETIC_BUY: (Side.NO, SELL),
    BookType.SYNTHETIC_SELL: (Side.NO, BUY),
}
"""Side and direction that a user gave, by the book type of the order."""
NO_VIEW: Final[tuple[Side | None, Direction | None]] = (None, None)


def trade_row(row: Row, user_id: str) -> responses.TradeShape:
    """A trade as one of its parties sees it. A user on both sides sees both, the buy side as its own."""
    bought, sold = row["buy_user_id"] == user_id, row["sell_user_id"] == user_id
    buy: tuple[Side | None, Direction | None] = VIEWS[BookType(row["buy_book_type"])]
    sell: tuple[Side | None, Direction | None] = VIEWS[BookType(row["sell_book_type"])]
    buy_is_maker = row["maker_order_id"] == row["buy_order_id"]
    my_side: Literal["BUY", "SELL", "BOTH"]
    role: Literal["MAKER", "TAKER", "BOTH"]
    if bought and sold:
        my_side = role = "BOTH"
        fee = row["maker_fee"] + row["taker_fee"]
        realized = [pnl for pnl in (row["buy_realized_pnl"], row["sell_realized_pnl"]) if pnl is not None]
        pnl = sum(realized) if realized else None
    else:
        is_maker = bought == buy_is_maker and not row["is_audit"]
        my_side, role = "BUY" if bought else "SELL", "MAKER" if is_maker else "TAKER"
        fee = row["maker_fee"] if is_maker else row["taker_fee"]
        pnl = row["buy_realized_pnl"] if bought else row["sell_realized_pnl"]
    mine, theirs = (buy, sell) if bought else (sell, buy)
    if row["is_audit"]:
        mine = theirs = NO_VIEW
    return responses.TradeShape(
        trade_id=row["trade_id"],
        market_id=row["market_id"],
        scenario=TradeScenario(row["scenario"]),
        my_side=my_side,
        my_original_side=mine[0],
        my_original_direction=mine[1],
        counterparty_original_side=theirs[0],
        counterparty_original_direction=theirs[1],
        price_cents=row["price_cents"],
        quantity=row["quantity"],
        role=role,
        fee_cents=fee,
        fee_display=dollars(fee),
        realized_pnl_cents=pnl,
        realized_pnl_display=None if pnl is None else gain(pnl),
        executed_at=row_time(row["executed_at"]),
    )


def trades_until(rows: Sequence[Row], left: int, now: OrderNow) -> list[responses.OrderTradeShape]:
    """The order's trades, oldest first, up to the moment of `now`; `left` shares were in some that have left.

    The tables may have later ones already; the filled quantity shows which belong to that moment.
    """
    trades, quantity = [], left
    for row in rows:
        if quantity == now.filled_quantity:
            break
        trades.append(order_trade_row(row, now))
        quantity += row["quantity"]
    assert quantity == now.filled_quantity, f"order {now.order.id}: the tables lack some of its trades"
    return trades
