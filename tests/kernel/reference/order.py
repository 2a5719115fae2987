"""An order, and what follows from one by arithmetic alone."""

from typing import Any

import attrs

from kernel.commands import OrderTerms
from tests.kernel.reference.records import LIVE, Market


@attrs.define
class Order:
    order_id: str
    client_order_id: str
    user_id: str
    market: Market
    asked: OrderTerms
    """As it was accepted: what a repeated request has to be equal to, whatever was amended since."""
    side: str
    direction: str
    price: int
    quantity: int
    accepted_seq: int
    priority_seq: int
    replaces_order_id: str | None
    created_at: int
    updated_at: int
    purse: int | None = None
    """What an order with a spend cap has left of the cost of its walk."""
    filled: int = 0
    amend_count: int = 0
    status: str = "OPEN"
    cancel_reason: str | None = None

    @property
    def remaining(self) -> int:
        return self.quantity - self.filled

    @property
    def is_live(self) -> bool:
        return self.status in LIVE

    @property
    def opens(self) -> bool:
        return self.direction == "BUY"

    @property
    def group_id(self) -> str | None:
        return self.asked.group_id

    @property
    def book_type(self) -> str:
        return {
            ("BUY", "YES"): "NATIVE_BUY",
            ("SELL", "YES"): "NATIVE_SELL",
            ("BUY", "NO"): "SYNTHETIC_SELL",
            ("SELL", "NO"): "SYNTHETIC_BUY",
        }[self.direction, self.side]

    @property
    def book_direction(self) -> str:
        return "BUY" if self.book_type in ("NATIVE_BUY", "SYNTHETIC_BUY") else "SELL"

    @property
    def book_price(self) -> int:
        return book_price(self.side, self.price)

    @property
    def frozen_asset_type(self) -> str:
        if self.opens:
            return "FUNDS"
        return "YES_SHARES" if self.side == "YES" else "NO_SHARES"

    def need(self, remaining: int) -> int:
        """What an order with so much left to do has to set aside: cents to buy, shares to sell."""
        return cash_needed(self.market, self.price, remaining) if self.opens else remaining

    @property
    def frozen_amount(self) -> int:
        if not self.is_live:
            return 0
        return self.need(self.remaining) if self.purse is None else self.purse

    @property
    def view(self) -> tuple[int, int] | None:
        """Price and quantity, for whoever reads of it after it was amended."""
        return (self.price, self.quantity) if self.amend_count else None

    def row(self) -> dict[str, Any]:
        """Every column of the list of orders, as it is now."""
        return {
            "id": self.order_id,
            "client_order_id": self.client_order_id,
            "market_id": self.market.market_id,
            "user_id": self.user_id,
            "original_side": self.side,
            "original_direction": self.direction,
            "original_price": self.price,
            "book_type": self.book_type,
            "book_direction": self.book_direction,
            "book_price": self.book_price,
            "time_in_force": self.asked.time_in_force,
            "expires_at": self.asked.expires_at,
            "post_only": self.asked.post_only,
            "max_cost_cents": self.asked.max_cost_cents,
            "self_trade_mode": self.asked.self_trade_mode,
            "group_id": self.asked.group_id,
            "quantity": self.quantity,
            "filled_quantity": self.filled,
            "remaining_quantity": self.remaining,
            "frozen_amount": self.frozen_amount,
            "frozen_asset_type": self.frozen_asset_type,
            "status": self.status,
            "cancel_reason": self.cancel_reason,
            "accepted_seq": self.accepted_seq,
            "amend_count": self.amend_count,
            "replaces_order_id": self.replaces_order_id,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        }

    def after(self) -> tuple[Any, ...]:
        return self.status, self.filled, self.remaining, self.frozen_amount


def book_price(side: str, price: int) -> int:
    """A price of NO is 100 minus a price of YES."""
    return price if side == "YES" else 100 - price


def book_direction(side: str, direction: str) -> str:
    """Whoever buys NO sells YES."""
    return "BUY" if (direction == "BUY") == (side == "YES") else "SELL"


def crosses(direction: str, price: int, resting_price: int) -> bool:
    """Whether an order of this book direction and price could trade with one that rests at the other."""
    return resting_price <= price if direction == "BUY" else resting_price >= price


def fee(value: int, bps: int) -> int:
    """So many ten-thousandths of a value, and a part of a cent counts as a cent."""
    whole, rest = divmod(value * bps, 10_000)
    return whole + (1 if rest else 0)


def cash_needed(market: Market, price: int, quantity: int) -> int:
    """The cost at the limit, and the larger of the two fees that might fall due on it."""
    cost = price * quantity
    return cost + fee(cost, max(market.terms.maker_fee_bps, market.terms.taker_fee_bps))
