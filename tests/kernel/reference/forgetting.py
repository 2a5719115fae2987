"""What leaves the exchange's memory, out of the record alone: the model itself never forgets anything."""

from collections.abc import Iterator
from typing import Any

from kernel.commands import ForgetOrders
from tests.kernel.reference.records import Fact
from tests.kernel.reference.world import World


def forget_orders(world: World, command: ForgetOrders) -> dict[str, Any]:
    gone = sum(f.fields["orders"] for f in world.facts if f.event_type == "ORDERS_FORGOTTEN")
    closed = [closing for fact in world.facts for closing in closings(fact)]
    leaving = []
    for order_id, at in closed[gone : gone + command.most]:
        if at >= command.before:
            break
        leaving.append(order_id)
    if leaving:
        world.record("ORDERS_FORGOTTEN", None, orders=len(leaving), last_id=leaving[-1])
    return {"kind": "Forgotten", "orders": len(leaving)}


def closings(fact: Fact) -> Iterator[tuple[str, int]]:
    """The orders that a fact closes, and when."""
    fields = fact.fields
    if fact.event_type in ("ORDER_CANCELLED", "ORDER_EXPIRED"):
        yield fields["order_id"], fact.at
    elif fact.event_type in ("ORDER_MATCHED", "ORDER_PARTIALLY_FILLED"):
        parties = (fields["order_id"], fields["counterparty_order_id"])
        for order_id, (status, *_) in zip(parties, fields["orders"], strict=True):
            if status == "FILLED":
                yield order_id, fact.at
