"""Orders that facts speak of, also those that the exchange has let go since.

Of a market-making order what is final goes from memory as soon as its fence rises; those who tell of facts
come later. Until the fact that let them go is told, such orders are kept aside.
"""

from collections.abc import Iterator, Mapping

import attrs

from kernel.exchange import Exchange
from kernel.market import Order


@attrs.frozen(eq=False)
class OrdersTold(Mapping[str, Order]):
    """By their ids, all that facts not told yet can name."""

    exchange: Exchange

    def __getitem__(self, order_id: str) -> Order:
        order = self.exchange.orders.get(order_id)
        if order is not None:
            return order
        _, order = (self.exchange.parted or {})[order_id]
        return order

    def __iter__(self) -> Iterator[str]:
        yield from self.exchange.orders
        yield from self.exchange.parted or ()

    def __len__(self) -> int:
        return len(self.exchange.orders) + len(self.exchange.parted or ())
