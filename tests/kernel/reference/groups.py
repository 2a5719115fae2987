"""Groups: a brake on how many shares an account's orders in a market may trade within a window."""

from collections.abc import Callable
from typing import Any

from tests.kernel.reference.order import Order
from tests.kernel.reference.records import Group, Refused
from tests.kernel.reference.world import World

Answer = dict[str, Any]
Cancel = Callable[[World, Order, str], int]


def group_of(world: World, user_id: str, market_id: str, group_id: str | None) -> Group | None:
    return None if group_id is None else world.groups.get((user_id, market_id, group_id))


def filled_in_window(world: World, group: Group) -> int:
    """What was filled in the slot that runs and in the sixty before it."""
    sixtieth = group.window_ms * 1000 / 60
    slot = int(sixtieth) if sixtieth == int(sixtieth) else int(sixtieth) + 1
    return sum(quantity for at, quantity in group.fills if world.at // slot - at // slot <= 60)


def room(world: World, group: Group) -> int:
    return group.max_fill_quantity - filled_in_window(world, group)


def members(world: World, group: Group) -> list[Order]:
    """Its live orders, as they were accepted."""
    return [
        order
        for order in world.live_orders(group.market_id)
        if (order.user_id, order.group_id) == (group.user_id, group.group_id)
    ]


def shown(world: World, group: Group) -> dict[str, Any]:
    return {
        "market_id": group.market_id,
        "group_id": group.group_id,
        "max_fill_quantity": group.max_fill_quantity,
        "window_ms": group.window_ms,
        "state": group.state,
        "filled_in_window": filled_in_window(world, group),
        "open_orders": len(members(world, group)),
        "triggered_at": group.triggered_at,
        "created_at": group.created_at,
    }


def check_group(world: World, user_id: str, market_id: str, group_id: str | None) -> None:
    """An order names a group that is there and does not brake."""
    if group_id is None:
        return
    group = group_of(world, user_id, market_id, group_id)
    if group is None:
        raise Refused(4016)
    if group.state == "TRIGGERED":
        raise Refused(4017)


def note_fill(world: World, maker: Order, taker: Order, quantity: int, cancel: Cancel) -> None:
    """The maker's group counts it, then the taker's; if they are one, once. Who is full, brakes."""
    noted: list[Group] = []
    for order in (maker, taker):
        group = group_of(world, order.user_id, order.market.market_id, order.group_id)
        if group is None or any(group is other for other in noted):
            continue
        noted.append(group)
        group.fills.append((world.at, quantity))
        assert filled_in_window(world, group) <= group.max_fill_quantity
        if filled_in_window(world, group) == group.max_fill_quantity:
            trigger(world, group, "FILLS", cancel, matched=taker)


def tell(world: World, kind: str, group: Group, before: str | None, **more: Any) -> None:
    world.record(
        kind,
        group.market_id,
        user_id=group.user_id,
        group_id=group.group_id,
        previous_state=before,
        max_fill_quantity=group.max_fill_quantity,
        window_ms=group.window_ms,
        filled_in_window=filled_in_window(world, group),
        **more,
    )


def trigger(world: World, group: Group, cause: str, cancel: Cancel, matched: Order | None = None) -> None:
    """Its live orders go, as they were accepted; the one that is just being matched goes last."""
    before = group.state
    group.state = "TRIGGERED"
    group.triggered_at = world.at
    tell(world, "ORDER_GROUP_TRIGGERED", group, before, cause=cause)
    for order in sorted(members(world, group), key=lambda o: (o is matched, o.accepted_seq)):
        cancel(world, order, "GROUP_LIMIT")


def end_groups(world: World, market_id: str) -> None:
    """They end with their market, and nobody is told."""
    world.groups = {key: group for key, group in world.groups.items() if group.market_id != market_id}
