"""Closed orders leave memory, and come back for the one command that names them.

What is left of such an order is that its name was given. A command that names one, or might, is not decided
but answered with the question; whoever sent it looks into the past and sends it again with what it found.
Then those orders are there while it is decided, as if they had never gone. They are closed, so no decision
changes them; and where a name turns out to be new the command brings that, too, and is decided as any other.
"""

from collections.abc import Sequence

from kernel.answers import AskThePast, Forgotten
from kernel.commands import (
    AmendByClientId,
    AmendOrder,
    AnyCommand,
    AtomicBatch,
    CancelByClientId,
    CancelOrder,
    ForgetOrders,
    PlaceOrder,
    ReplaceOrder,
    TimedCommand,
)
from kernel.draft import Draft
from kernel.events import OrdersForgotten
from kernel.market import LIVE, Account, Order
from kernel.names import fingerprint
from kernel.order_image import restored_order
from kernel.past import OrderImage, Past
from kernel.state import State


def forget_orders(draft: Draft, command: ForgetOrders) -> Forgotten:
    state = draft.state
    count, last = state.closed.before(command.before, command.most)
    if last is None:
        return Forgotten(0)
    # Nothing above has changed anything. Nothing below can refuse.
    fact = draft.record(None, OrdersForgotten(count, last.id))
    state.forget(count, last.id, fact.id)
    return Forgotten(count)


def lend(state: State, past: Past) -> list[Order]:
    """Orders of the past are in memory again; returns those that were not.

    What its fence has let go of stays away: nobody asks for that by its name. So does what was live when it
    was found: it was closed and has left since, and must not be cancelled twice.
    """
    lent = []
    for image in past.orders:
        if image.id in state.orders or image.status in LIVE:
            continue
        if state.accounts[image.user_id].leash is None:
            order = restored_order(state, image)
            state.orders[order.id] = order.account.orders[order.client_order_id] = order
            lent.append(order)
    return lent


def take_back(state: State, lent: list[Order]) -> None:
    for order in lent:
        del state.orders[order.id]
        del order.account.orders[order.client_order_id]


def past_of(asked: AskThePast, as_of: int, found: Sequence[OrderImage]) -> Past:
    """What was found, and what was not: somebody may call one order like another's id."""
    given = {image.client_order_id for image in found if image.user_id == asked.user_id}
    known = {image.id for image in found}
    return Past(
        as_of,
        tuple(found),
        tuple(name for name in asked.names if name not in given),
        tuple(order_id for order_id in asked.order_ids if order_id not in known),
    )


def may_be_past(state: State, account: Account, name: str) -> bool:
    """Whether memory may have let go of an order of this name."""
    return state.forgotten.count > 0 and fingerprint(account.id, name) in state.forgotten


def question(state: State, command: AnyCommand) -> AskThePast | None:
    """What has to be asked of the past before this is decided; nothing of nearly every command."""
    kind = type(command)
    if kind is PlaceOrder:
        assert isinstance(command, PlaceOrder)
        return ask(state, command, [command.client_order_id], [])
    if isinstance(command, CancelOrder | AmendOrder):
        return ask(state, command, [], [command.order_id])
    if isinstance(command, CancelByClientId | AmendByClientId):
        return ask(state, command, [command.client_order_id], [])
    if isinstance(command, ReplaceOrder):
        return ask(state, command, [command.client_order_id], [command.old_order_id])
    if isinstance(command, AtomicBatch):
        inner = command.commands
        names = [
            each.client_order_id
            for each in inner
            if isinstance(each, PlaceOrder | CancelByClientId | AmendByClientId)
        ]
        return ask(
            state,
            command,
            names,
            [each.order_id for each in inner if isinstance(each, CancelOrder | AmendOrder)],
        )
    return None


def ask(state: State, command: TimedCommand, names: list[str], order_ids: list[str]) -> AskThePast | None:
    """Of what it names: what memory has not, may be of the past, and is not told of by the command itself."""
    user_id = command.user_id
    assert user_id is not None
    account = state.traders.get(user_id)
    if account is None or account.leash is not None:
        names = []
    else:
        names = [name for name in names if name not in account.orders and may_be_past(state, account, name)]
    order_ids = [order_id for order_id in order_ids if order_id not in state.orders]
    if not (names or order_ids):
        return None
    past = command.past
    # An answer of no holds as long as no order was let go of that came after it.
    if past is not None and past.as_of >= state.forgotten_seq:
        told = {*past.absent_ids, *(image.id for image in past.orders if image.status not in LIVE)}
        names = [name for name in names if name not in past.absent]
        order_ids = [order_id for order_id in order_ids if order_id not in told]
        if not (names or order_ids):
            return None
    return AskThePast(user_id, tuple(names), tuple(order_ids))
