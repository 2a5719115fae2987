"""Orders that facts of the past speak of: what is in memory no longer comes from the tables."""

from collections.abc import Mapping
from typing import Final

import attrs

from adapters.service.orders_told import OrdersTold
from adapters.service.server import Server
from kernel.events import Fact, Fill, OrderAccepted, OrderAmended, OrderCancelled, OrderExpired
from kernel.market import Order
from kernel.order_image import restored_order

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
        # Taken hold of at once: what memory has now may have left it when the tables have answered.
        found = {name: order for name in named_in(fact) if (order := self._at_hand(name)) is not None}
        missing = [name for name in named_in(fact) if name not in found]
        if missing:
            if len(self.recalled) >= RECALLED_MAX:
                self.recalled.clear()
            history = await self.server.history_as_of(fact.id)
            for image in await history.past_orders("", (), missing):
                found[image.id] = self.recalled[image.id] = restored_order(self.server.exchange, image)
        return found

    def _at_hand(self, name: str) -> Order | None:
        return self.told.get(name) or self.recalled.get(name)


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
