"""What the fills of an order do to its group: they count, and when it is full its orders go."""

from kernel.brakes import Group
from kernel.codes import CancelReason, GroupCause, GroupState
from kernel.draft import Draft
from kernel.ending import cancel, end
from kernel.events import OrderGroupTriggered
from kernel.market import Account, Market, Order


def count_in_groups(
    draft: Draft, maker: Order, taker: Order, groups: tuple[Group, ...], quantity: int
) -> None:
    """These, the maker's first, count a fill; one that is full then, is triggered before the next counts."""
    market = maker.market
    own_group = market.group_of(taker)
    for group in groups:
        if market.keeper is not None:
            market.keeper.keep_group(group)
        group.count(quantity, draft.at)
        if group.room(draft.at) == 0:
            holder = taker.account if group is own_group else maker.account
            trigger(draft, market, holder, group, GroupCause.FILLS, taker)


def trigger(
    draft: Draft,
    market: Market,
    account: Account,
    group: Group,
    cause: GroupCause,
    taker: Order | None = None,
) -> None:
    """It brakes: its orders go by acceptance, and the one that is just being matched goes last.

    That one may be among the live, if an amend moves it, but it stands in no queue.
    """
    before = group.state
    group.trigger(draft.at)
    draft.record(market.id, OrderGroupTriggered(account.id, *told(group, before, draft.at), cause))
    for order in members(market, account, group):
        if order is not taker:
            cancel(draft, order, CancelReason.GROUP_LIMIT)
    if taker is not None and taker.is_live and market.group_of(taker) is group:
        end(draft, taker, CancelReason.GROUP_LIMIT)


def members(market: Market, account: Account, group: Group) -> list[Order]:
    """Its live orders, by acceptance."""
    position = market.positions.get(account.id)
    live = () if position is None else position.live
    return [order for order in live if order.terms.group_id == group.group_id]


def told(group: Group, before: GroupState, at: int) -> tuple[str, GroupState, int, int, int]:
    """What every fact of a group tells: its name, the state before, its bounds, and what it has counted."""
    return group.group_id, before, group.max_fill_quantity, group.window_ms, group.filled(at)
