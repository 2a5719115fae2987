"""A user's whole view of one market as of one journal id, sent in parts when it is large.

It is taken in one step, between two decisions. Only the values of an order that can change are copied then;
the rest is read when its part is sent, so a view of any number of orders does not hold up others.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import attrs

from adapters.access.identity import Principal
from adapters.wire import render, responses
from adapters.wire.status import RefusedError
from adapters.wire.stream_responses import OrdersShape, SyncShape
from kernel.answers import OrderNow, Refusal
from kernel.codes import MarketStatus
from kernel.exchange import Exchange
from kernel.market import Order, Position
from kernel.refusals import account_not_found, market_not_found

ORDERS_A_PART: Final = 100
"""About a millisecond of work, and 40 KiB."""


@attrs.frozen
class LiveOrders:
    """Live orders in acceptance order, with their values at one moment."""

    orders: list[Order]
    values: list[Any]
    """Six of each order, one after the other: one flat list is the fastest copy."""

    @classmethod
    def of(cls, held: Position | None) -> "LiveOrders":
        live = held.live if held is not None else {}
        values = [
            value
            for o in live
            for value in (o.terms, o.amend_count, o.status, o.remaining, o.frozen, o.updated_at)
        ]
        return cls(list(live), values)

    def __len__(self) -> int:
        return len(self.orders)

    def rendered(self, start: int, end: int) -> list[responses.OrderShape]:
        copied = iter(self.values[6 * start : 6 * end])
        return [
            render.order(
                OrderNow(order, terms, amends, status, terms.quantity - left, left, frozen, None, updated_at)
            )
            for order, terms, amends, status, left, frozen, updated_at in zip(
                self.orders[start:end], *[copied] * 6, strict=True
            )
        ]


@attrs.frozen
class View:
    """The answer to a `sync`."""

    as_of_seq: int
    balance: responses.BalanceShape
    position: responses.PositionShape
    market: responses.MarketShape
    live: LiveOrders

    @property
    def is_large(self) -> bool:
        return len(self.live) > ORDERS_A_PART

    def parts(self) -> Iterator[OrdersShape]:
        """All parts but the last, which comes with the result."""
        for start in range(0, self._last, ORDERS_A_PART):
            yield OrdersShape(self.live.rendered(start, start + ORDERS_A_PART))

    def rest(self) -> SyncShape:
        orders = self.live.rendered(self._last, len(self.live))
        return SyncShape(self.as_of_seq, self.balance, self.position, orders, self.market)

    @property
    def _last(self) -> int:
        """Where the last part begins."""
        return max(0, (len(self.live) - 1) // ORDERS_A_PART * ORDERS_A_PART)


def view_of(exchange: Exchange, principal: Principal, market_id: str, past: Iterable[Position] = ()) -> View:
    """The view as of this moment, which may not be durable yet; with positions that memory has let go of."""
    user_id = principal.user_id
    market, account = exchange.markets.get(market_id), exchange.traders.get(user_id)
    if market is None or (market.status is MarketStatus.DRAFT and not principal.is_admin):
        raise from_kernel(market_not_found(market_id))
    if account is None:
        raise from_kernel(account_not_found(user_id))
    held = market.positions.get(user_id)
    if held is None:
        held = next((position for position in past if position.market is market), None)
    if held is None:
        position = render.no_position(market, display=False)
    else:
        position = render.position(held, display=False)
    return View(
        exchange.head,
        render.balance(account, display=False),
        position,
        render.market(market, display=False),
        LiveOrders.of(held),
    )


def from_kernel(refusal: Refusal) -> RefusedError:
    return RefusedError(refusal.code, refusal.message, refusal.data)
