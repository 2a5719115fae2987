"""Closed orders leave memory, and what idempotency keys did, and come back for the command that names them.

What is left of such an order or key is that its name was given. A command that names one, or might, is not
decided but answered with the question; whoever sent it looks into the past and sends it again with what it
found. Then those are there while it is decided, as if they had never gone. Orders are closed, so no decision
changes them; and where a name turns out to be new the command brings that, too, and is decided as any other.
"""

from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from kernel.answers import AskThePast, Forgotten, Refusal
from kernel.codes import KeyKind, MarketStatus
from kernel.commands import (
    AmendByClientId,
    AmendOrder,
    AnyCommand,
    AtomicBatch,
    BurnShares,
    CancelByClientId,
    CancelOrder,
    ForgetKeys,
    ForgetOrders,
    ForgetPositions,
    MintShares,
    PlaceOrder,
    RecallingCommand,
    ReplaceOrder,
    TimedCommand,
    TransferFunds,
    TransferShares,
)
from kernel.draft import Draft
from kernel.events import KeysForgotten, OrdersForgotten, PositionsForgotten
from kernel.life import OVER
from kernel.market import LIVE, Account, Order
from kernel.names import fingerprint
from kernel.order_image import restored_order
from kernel.past import KeyUse, OrderImage, Past
from kernel.refusals import market_not_found
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


def forget_keys(draft: Draft, command: ForgetKeys) -> Forgotten:
    state = draft.state
    uses = state.keys.before(command.before, command.most)
    if not uses:
        return Forgotten(0)
    # Nothing above has changed anything. Nothing below can refuse.
    draft.record(None, KeysForgotten(uses))
    state.forget_keys(uses)
    return Forgotten(len(uses))


def forget_positions(draft: Draft, command: ForgetPositions) -> Forgotten | Refusal:
    state = draft.state
    market = state.markets.get(command.market_id)
    if market is None or market.status is MarketStatus.DRAFT:
        return market_not_found(command.market_id)
    is_old = market.settled_at is not None and market.settled_at < command.before
    # What a market-making order has elsewhere may yet come home.
    if market.status not in OVER or not is_old or market.desk.order_ids:
        return Forgotten(0)
    leaving = list(islice(market.holders.after(""), command.most))
    if not leaving:
        return Forgotten(0)
    # Nothing above has changed anything. Nothing below can refuse.
    draft.record(market.id, PositionsForgotten(len(leaving), leaving[-1]))
    state.forget_positions(market, len(leaving), leaving[-1])
    return Forgotten(len(leaving))


class Lent(NamedTuple):
    """What is in memory while one command is decided, and was not before."""

    orders: list[Order]
    keys: list[KeyUse]


def lend(state: State, past: Past) -> Lent:
    """What a command brings of the past is in memory again.

    What its fence has let go of stays away: nobody asks for that by its name. So does what was live when it
    was found: it was closed and has left since, and must not be cancelled twice.
    """
    lent = Lent([], [])
    for use in past.keys:
        uses = state.keys.uses[use.kind]
        if use.idempotency_key not in uses:
            uses[use.idempotency_key] = use
            lent.keys.append(use)
    for image in past.orders:
        if image.id in state.orders or image.status in LIVE:
            continue
        if state.accounts[image.user_id].leash is None:
            order = restored_order(state, image)
            state.orders[order.id] = order.account.orders[order.client_order_id] = order
            lent.orders.append(order)
    return lent


def take_back(state: State, lent: Lent) -> None:
    for use in lent.keys:
        del state.keys.uses[use.kind][use.idempotency_key]
    for order in lent.orders:
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


def past_of_key(key: str, as_of: int, use: KeyUse | None) -> Past:
    """The same of a key."""
    return Past(as_of, keys=(use,)) if use is not None else Past(as_of, absent=(key,))


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
    if isinstance(command, MintShares | BurnShares):
        account = state.traders.get(command.user_id)
        if account is None or account.leash is not None:
            return None  # the keys of the latter hold their fence, and are refused behind it
        used_for = KeyKind.MINT if isinstance(command, MintShares) else KeyKind.BURN
        return ask_for_key(state, command, account.id, used_for, command.idempotency_key)
    if isinstance(command, TransferFunds | TransferShares):
        return ask_for_key(state, command, command.from_id, KeyKind.TRANSFER, command.idempotency_key)
    return None


def ask_for_key(
    state: State, command: RecallingCommand, user_id: str, kind: KeyKind, key: str
) -> AskThePast | None:
    """What a key did stays away from memory only as long as the command does not bring it."""
    keys, past = state.keys, command.past
    if not keys.may_be_past(kind, key):
        return None
    if past is not None and past.as_of >= keys.forgotten_seq and key in past.absent:
        return None
    return AskThePast(user_id, key=(kind, key))


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
