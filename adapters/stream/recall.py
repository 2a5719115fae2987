"""Orders that facts of the past speak of: what is in memory no longer comes from the tables."""

from collections.abc import Mapping
from typing import Final

import attrs

from adapters.service.orders_told import OrdersTold
from adapters.service.server import Server
from kernel.codes import PAIR_CENTS, Direction, Side
from kernel.commands import OrderTerms
from kernel.events import Fact, Fill, OrderAccepted, OrderAmended, OrderCancelled, OrderExpired
from kernel.market import Order

RECALLED_MAX: Final = 1_000
"""Orders kept at hand that the tables were asked for."""


@attrs.define(eq=False)
class OrdersRecalled:
    """By fact, for one reader of the past."""

    server: Server
    told: OrdersTold
    recalled: dict[str, Order] = attrs.field(factory=dict)

    async def of(self, fact: Fact) -> Mapping[str, Order]:
        """The orders that a fact names."""
        names = named_in(fact)
        missing = [name for name in names if name not in self.told and name not in self.recalled]
        if missing:
            if len(self.recalled) >= RECALLED_MAX:
                self.recalled.clear()
            history = await self.server.history_as_of(fact.id)
            for row in await history.orders_named(missing):
                order = self._standing_for(row)
                self.recalled[order.id] = order
        return {name: self.told.get(name) or self.recalled[name] for name in names}

    def _standing_for(self, row: Mapping[str, object]) -> Order:
        """An order with what never changes of it."""
        exchange = self.server.exchange
        side, direction = Side(str(row["original_side"])), Direction(str(row["original_direction"]))
        price, quantity = row["original_price"], row["quantity"]
        assert isinstance(price, int)
        assert isinstance(quantity, int)
        position = exchange.markets[str(row["market_id"])].positions[str(row["user_id"])]
        return Order(
            position,
            OrderTerms(side, direction, price, quantity),
            str(row["id"]),
            str(row["client_order_id"]),
            (side is Side.YES) is (direction is Direction.BUY),
            price if side is Side.YES else PAIR_CENTS - price,
            0,
            None,
            0,
            0,
        )


def named_in(fact: Fact) -> tuple[str, ...]:
    match fact.event:
        case Fill(order_id=maker, counterparty_order_id=taker):
            return maker, taker
        case (
            OrderAccepted(order_id=order_id)
            | OrderAmended(order_id=order_id)
            | OrderCancelled(order_id=order_id)
            | OrderExpired(order_id=order_id)
        ):
            return (order_id,)
        case _:
            return ()
