"""Order groups: a market maker's brake. No more than so many shares in so long, whoever looks or not.

A fill is cut to the room that the groups of both orders have left, so the limit is never exceeded. A group
that is full is triggered: its orders go, and no others come until its holder resets it. All of them go in
one step, whatever a step may end otherwise: between two steps one of them could be met.
"""

from kernel.answers import Answer, GroupIs, GroupNow, Refusal
from kernel.brakes import Group
from kernel.braking import members, told, trigger
from kernel.codes import CancelReason, Code, GroupCause, GroupState, MarketStatus
from kernel.commands import DeleteGroup, GroupCommand, ResetGroup, SetGroup, TriggerGroup
from kernel.deadlines import check_deadline
from kernel.draft import Draft
from kernel.ending import cancel
from kernel.events import OrderGroupDeleted, OrderGroupReset, OrderGroupSet
from kernel.fence import check_fence
from kernel.limits import GROUPS_MAX
from kernel.market import Account, Market
from kernel.refusals import account_not_found, group_not_found, market_not_found, market_not_open

ACTIVE, TRIGGERED, DELETED = GroupState.ACTIVE, GroupState.TRIGGERED, GroupState.DELETED
CHANGEABLE = (MarketStatus.ACTIVE, MarketStatus.SUSPENDED)


def set_group(draft: Draft, command: SetGroup) -> Answer | Refusal:
    """A group comes to be, or has other bounds; to set what stands already records nothing."""
    market = commanded(draft, command)
    if isinstance(market, Refusal):
        return market
    account = draft.state.traders.get(command.user_id)
    if account is None:
        return account_not_found(command.user_id)
    group = market.group(account.id, command.group_id)
    if group is None and len(market.groups.get(account.id, ())) >= GROUPS_MAX:
        return Refusal(Code.TOO_MANY_GROUPS, f"Too many order groups in this market: allowed {GROUPS_MAX}")
    # Nothing above has changed anything. Nothing below can refuse.
    is_new = group is None
    if group is None or (group.max_fill_quantity, group.window_ms) != (
        command.max_fill_quantity,
        command.window_ms,
    ):
        counts = group is not None and group.window_ms == command.window_ms
        event = OrderGroupSet(
            account.id,
            command.group_id,
            None if group is None else group.state,
            command.max_fill_quantity,
            command.window_ms,
            group.filled(draft.at) if group is not None and counts else 0,
        )
        group = market.set_group(draft.record(market.id, event), event)
        if group.state is ACTIVE and group.room(draft.at) <= 0:
            trigger(draft, market, account, group, GroupCause.LIMIT_LOWERED)
    return GroupIs(group_now(market, account, group, draft.at), is_new)


def reset_group(draft: Draft, command: ResetGroup) -> Answer | Refusal:
    """It takes orders again and has counted nothing; if that is so already, nothing is recorded."""
    found = named(draft, command)
    if isinstance(found, Refusal):
        return found
    market, account, group = found
    # Nothing above has changed anything. Nothing below can refuse.
    if group.state is TRIGGERED or group.filled(draft.at):
        before = group.state
        group.reset(draft.at)
        draft.record(market.id, OrderGroupReset(account.id, *told(group, before, draft.at)))
    return GroupIs(group_now(market, account, group, draft.at))


def trigger_group(draft: Draft, command: TriggerGroup) -> Answer | Refusal:
    """Its holder pulls the brake."""
    found = named(draft, command)
    if isinstance(found, Refusal):
        return found
    market, account, group = found
    # Nothing above has changed anything. Nothing below can refuse.
    if group.state is ACTIVE:
        trigger(draft, market, account, group, GroupCause.USER)
    return GroupIs(group_now(market, account, group, draft.at))


def delete_group(draft: Draft, command: DeleteGroup) -> Answer | Refusal:
    """Its orders go, and then it does. Told is what it was."""
    found = named(draft, command)
    if isinstance(found, Refusal):
        return found
    market, account, group = found
    # Nothing above has changed anything. Nothing below can refuse.
    was = group_now(market, account, group, draft.at, DELETED)
    for order in members(market, account, group):
        cancel(draft, order, CancelReason.USER_CANCELLED)
    market.drop_group(account.id, group.group_id)
    draft.record(market.id, OrderGroupDeleted(account.id, *told(group, group.state, draft.at)))
    return GroupIs(was)


# What all four ask


def commanded(draft: Draft, command: GroupCommand) -> Market | Refusal:
    """The market, if groups in it can be changed, and by whoever asks."""
    account = draft.state.traders.get(command.user_id)
    if account is not None and (refusal := check_fence(account, command, draft.at)) is not None:
        return refusal
    if (refusal := check_deadline(command, draft.at)) is not None:
        return refusal
    market = draft.state.markets.get(command.market_id)
    if market is None or market.status is MarketStatus.DRAFT:
        return market_not_found(command.market_id)
    return market if market.status in CHANGEABLE else market_not_open(market)


def named(draft: Draft, command: GroupCommand) -> tuple[Market, Account, Group] | Refusal:
    """The group that is there already."""
    market = commanded(draft, command)
    if isinstance(market, Refusal):
        return market
    group = market.group(command.user_id, command.group_id)
    if group is None:
        return group_not_found(command.group_id)
    return market, draft.state.accounts[command.user_id], group


def group_now(
    market: Market, account: Account, group: Group, at: int, state: GroupState | None = None
) -> GroupNow:
    """The group as it is at this moment, for an answer that stays as it is."""
    return GroupNow(
        market.id,
        group.group_id,
        group.max_fill_quantity,
        group.window_ms,
        state or group.state,
        group.filled(at),
        len(members(market, account, group)),
        group.triggered_at,
        group.created_at,
    )
