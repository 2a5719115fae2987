"""What is due before a command is decided: orders past their time leave the book."""

from kernel.commands import AmendOrder, CancelOrder, Command, ReplaceOrder
from tests.kernel.reference.clearing import cancel
from tests.kernel.reference.records import Market
from tests.kernel.reference.world import World


def market_of(world: World, command: Command) -> Market | None:
    """Which market decides it: that of the order it acts on, else the one it names."""
    acts_on: str | None = None
    match command:
        case CancelOrder() | AmendOrder():
            acts_on = command.order_id
        case ReplaceOrder():
            acts_on = command.old_order_id
        case _:
            pass
    if acts_on is not None:
        order = world.order(acts_on)
        return None if order is None else order.market
    return world.markets.get(command.market_id or "")


def due_step(world: World, market: Market) -> None:
    if market.status in ("ACTIVE", "SUSPENDED"):
        cancel_overdue(world, market)


def cancel_overdue(world: World, market: Market) -> None:
    overdue = [
        (order.asked.expires_at, order.accepted_seq, order)
        for order in world.live_orders(market.market_id)
        if order.asked.expires_at is not None and order.asked.expires_at <= world.at
    ]
    for _, _, order in sorted(overdue, key=lambda each: each[:2]):
        cancel(world, order, "EXPIRED")
