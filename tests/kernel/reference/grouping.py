"""What an account asks of its groups: to be there, to go on, to brake now, to be gone."""

from typing import Any

from kernel.commands import DeleteGroup, GroupCommand, ResetGroup, SetGroup, TriggerGroup
from tests.kernel.reference.checks import check_fence, public_market
from tests.kernel.reference.clearing import cancel
from tests.kernel.reference.deadlines import check_deadline
from tests.kernel.reference.groups import filled_in_window, group_of, members, shown, tell, trigger
from tests.kernel.reference.records import FEES, RESERVE, Group, Refused
from tests.kernel.reference.world import World

Answer = dict[str, Any]


def check_command(world: World, command: GroupCommand) -> None:
    check_fence(world, command.user_id, command.fence)
    check_deadline(world, command)
    if public_market(world, command.market_id).status not in ("ACTIVE", "SUSPENDED"):
        raise Refused(3002)


def existing(world: World, command: GroupCommand) -> Group:
    check_command(world, command)
    group = group_of(world, command.user_id, command.market_id, command.group_id)
    if group is None:
        raise Refused(4016)
    return group


def answer(shown: dict[str, Any], *, is_new: bool = False) -> Answer:
    return {"kind": "GroupIs", "group": shown, "is_new": is_new}


def set_group(world: World, command: SetGroup) -> Answer:
    check_command(world, command)
    if command.user_id not in world.accounts or command.user_id in (RESERVE, FEES):
        raise Refused(2002)
    key = (command.user_id, command.market_id, command.group_id)
    group = world.groups.get(key)
    is_new = group is None
    if group is None:
        if sum(other[:2] == key[:2] for other in world.groups) == 32:
            raise Refused(4018)
        group = world.groups[key] = Group(*key, 0, command.window_ms, world.at)
    bounds = command.max_fill_quantity, command.window_ms
    if (group.max_fill_quantity, group.window_ms) != bounds:
        if group.window_ms != command.window_ms:
            group.fills = []
        group.max_fill_quantity, group.window_ms = bounds
        tell(world, "ORDER_GROUP_SET", group, None if is_new else group.state)
        if group.state == "ACTIVE" and filled_in_window(world, group) >= group.max_fill_quantity:
            trigger(world, group, "LIMIT_LOWERED", cancel)
    return answer(shown(world, group), is_new=is_new)


def reset_group(world: World, command: ResetGroup) -> Answer:
    group = existing(world, command)
    if group.state == "TRIGGERED" or filled_in_window(world, group):
        before = group.state
        group.state, group.fills = "ACTIVE", []
        tell(world, "ORDER_GROUP_RESET", group, before)
    return answer(shown(world, group))


def trigger_group(world: World, command: TriggerGroup) -> Answer:
    group = existing(world, command)
    if group.state == "ACTIVE":
        trigger(world, group, "USER", cancel)
    return answer(shown(world, group))


def delete_group(world: World, command: DeleteGroup) -> Answer:
    group = existing(world, command)
    was = {**shown(world, group), "state": "DELETED"}
    for order in members(world, group):
        cancel(world, order, "USER_CANCELLED")
    del world.groups[group.user_id, group.market_id, group.group_id]
    tell(world, "ORDER_GROUP_DELETED", group, group.state)
    return answer(was)
