"""Our own orders: what rests, what is on its way, and how many shares that binds.

Answers and order events keep this map; neither ever changes the inventory. A closed order whose fills the
exchange has told us of, but whose trade events are still to come, goes on binding those shares.
"""

from collections.abc import Iterator

import attrs

from amm.brain.arithmetic import Cents, Ms, Shares
from amm.brain.commands import Cancel, Place, Replace
from amm.brain.quoting.ladder import Outcome, Side
from amm.brain.wire import Order, OrderStatus, OrderView

LIVE = frozenset({OrderStatus.NEW, OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED})


def side_of(outcome: Outcome) -> Side:
    return Side.ASK if outcome is Outcome.YES else Side.BID


@attrs.define
class OwnOrder:
    """One live order; the price is that of the share it sells."""

    order_id: str
    side: Side
    price: Cents
    quantity: Shares
    remaining: Shares
    created_ms: Ms
    seq: int
    client_order_id: str | None = None
    booked: Shares = 0  # of its fills, those whose trade events have been booked
    pending: int | None = None  # the ref of the command that is changing it

    @property
    def bound(self) -> Shares:
        return self.quantity - self.booked

    @property
    def touched(self) -> bool:
        return self.remaining < self.quantity

    @property
    def yes_price(self) -> Cents:
        return self.side.own_price(self.price)


@attrs.define
class Settling:
    """Fills of a closed order that we know of but have not seen as trades yet."""

    side: Side
    outstanding: Shares
    deadline_ms: Ms


@attrs.define
class PendingCommand:
    """A command without its answer. `order_id` is the order it cancels or replaces."""

    command: Place | Replace | Cancel
    side: Side
    price: Cents
    quantity: Shares  # that it adds to the book
    order_id: str | None
    sent_ms: Ms
    attempts: int = 1
    retry_at_ms: Ms | None = None
    """Set while the outcome is unknown: the same body is sent again at that time."""


@attrs.define
class OwnOrders:
    live: dict[str, OwnOrder] = attrs.field(factory=dict)
    settling: dict[str, Settling] = attrs.field(factory=dict)
    pending: dict[int, PendingCommand] = attrs.field(factory=dict)
    fill_grace_ms: Ms = 1_000
    """How long trade events may lag behind what an answer says was filled."""

    def on(self, side: Side) -> Iterator[OwnOrder]:
        return (order for order in self.live.values() if order.side is side)

    def resting(self, side: Side) -> dict[Cents, Shares]:
        """Return our quantities by YES price, as the public book contains them."""
        levels: dict[Cents, Shares] = {}
        for order in self.on(side):
            levels[order.yes_price] = levels.get(order.yes_price, 0) + order.remaining
        return levels

    def pending_sell(self, side: Side) -> Shares:
        return sum([order.remaining for order in self.live.values() if order.side is side])

    def bound(self, side: Side) -> Shares:
        """Return how many shares of a side cannot be promised again."""
        coming = sum(self._added(pending) for pending in self.pending.values() if pending.side is side)
        return self.promised(side) + coming

    def promised(self, side: Side) -> Shares:
        """Return the shares that the exchange has in orders, or has sold without our having booked it.

        Orders on their way may replace orders that are leaving, so only this sum can never be more than
        we have.
        """
        resting = sum([order.quantity - order.booked for order in self.live.values() if order.side is side])
        if not self.settling:
            return resting
        return resting + sum(one.outstanding for one in self.settling.values() if one.side is side)

    def _added(self, pending: PendingCommand) -> Shares:
        """A replace holds the larger of old and new, since only one of the two can exist."""
        old = self.live.get(pending.order_id) if pending.order_id is not None else None
        return max(0, pending.quantity - (old.bound if old is not None else 0))

    def is_changing(self, side: Side) -> bool:
        """Say whether a place or replace of this side is still without its answer."""
        return any(one.side is side and not isinstance(one.command, Cancel) for one in self.pending.values())

    def knows(self, order_id: str) -> bool:
        return order_id in self.live or order_id in self.settling

    def add(self, order: Order, seq: int, now_ms: Ms) -> None:
        """Enter an order from an answer; one that is already closed only leaves its fills to settle."""
        known = self.live.get(order.id)
        own = OwnOrder(
            order_id=order.id,
            side=side_of(order.original_side),
            price=order.original_price_cents,
            quantity=order.quantity,
            remaining=order.remaining_quantity,
            created_ms=known.created_ms if known else now_ms,
            seq=seq,
            client_order_id=order.client_order_id,
            booked=known.booked if known else 0,
        )
        if known is None or known.seq <= seq:
            self.live[order.id] = own
        if order.status not in LIVE:
            self.close(order.id, order.filled_quantity, now_ms)

    def view(self, order: OrderView, seq: int, now_ms: Ms) -> None:
        """Follow an order event, unless it is older than the answer we have."""
        known = self.live.get(order.order_id)
        if known is None:
            if order.status in LIVE and order.order_id not in self.settling:
                self.live[order.order_id] = OwnOrder(
                    order_id=order.order_id,
                    side=side_of(order.side),
                    price=order.price_cents,
                    quantity=order.original_quantity,
                    remaining=order.remaining_quantity,
                    created_ms=now_ms,
                    seq=seq,
                    booked=order.filled_quantity,
                )
            return
        if seq <= known.seq:
            return
        known.seq = seq
        known.remaining = order.remaining_quantity
        if order.status not in LIVE:
            self.close(order.order_id, order.filled_quantity, now_ms)

    def close(self, order_id: str, filled: Shares, now_ms: Ms) -> None:
        """Take an order off the map; `filled` is what the exchange says it filled in all."""
        order = self.live.pop(order_id, None)
        if order is not None and filled > order.booked:
            self.settling[order_id] = Settling(order.side, filled - order.booked, now_ms + self.fill_grace_ms)

    def booked(self, order_id: str, quantity: Shares) -> None:
        """Note that fills of an order have been booked."""
        if (order := self.live.get(order_id)) is not None:
            order.booked += quantity
            order.remaining = min(order.remaining, order.bound)
        elif (settling := self.settling.get(order_id)) is not None:
            settling.outstanding -= quantity
            if settling.outstanding <= 0:
                del self.settling[order_id]

    def overdue(self, now_ms: Ms) -> bool:
        return any(one.deadline_ms < now_ms for one in self.settling.values())

    def release(self, ref: int) -> PendingCommand | None:
        """Forget a pending command that has its answer."""
        pending = self.pending.pop(ref, None)
        if pending is not None and pending.order_id is not None:
            order = self.live.get(pending.order_id)
            if order is not None and order.pending == ref:
                order.pending = None
        return pending

    def enter(self, ref: int, pending: PendingCommand) -> None:
        self.pending[ref] = pending
        if pending.order_id is not None and (order := self.live.get(pending.order_id)) is not None:
            order.pending = ref
