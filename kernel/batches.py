"""Atomic batches: several commands of one account for one market, all of them at one moment or none.

Each is decided as if it had come alone, in the state that those before it left. With the first that is
refused everything is put back, and the refusal names it.
"""

from collections.abc import Callable
from typing import Any, Final

from kernel import amending, orders
from kernel.answers import Answer, Batched, Done, OrderIs, Placed, Refusal
from kernel.breaker import trip_unsound
from kernel.codes import Code, MarketStatus
from kernel.commands import (
    AmendByClientId,
    AmendOrder,
    AtomicBatch,
    Batchable,
    CancelByClientId,
    CancelOrder,
    Command,
    PlaceOrder,
)
from kernel.deadlines import check_deadline
from kernel.draft import Draft
from kernel.events import Fact
from kernel.fence import check_fence
from kernel.market import Account, Market, Order
from kernel.orders import client_order_id_used, order_now, same_request
from kernel.refusals import market_not_found
from kernel.state import State
from kernel.undo import Undo

DECISIONS: Final[dict[type[Command], Callable[[Draft, Any], Answer | Refusal]]] = {
    PlaceOrder: orders.place_order,
    AmendOrder: amending.amend_order,
    AmendByClientId: amending.amend_by_client_id,
    CancelOrder: orders.cancel_order,
    CancelByClientId: orders.cancel_by_client_id,
}
"""What a batch may hold."""


def atomic_batch(draft: Draft, command: AtomicBatch) -> Answer | Refusal:
    state = draft.state
    account = state.traders.get(command.user_id)
    if account is not None:
        if (refusal := check_fence(account, command, draft.at)) is not None:
            return refusal
        if is_repetition(account, command):
            return repeat_batch(state, account, command)
    if (refusal := check_deadline(command, draft.at)) is not None:
        return refusal
    market = state.markets.get(command.market_id)
    if market is None or market.status is MarketStatus.DRAFT:
        return market_not_found(command.market_id)
    undo = Undo(state, market, account)
    facts: list[Fact] = []
    moved: Market | None = None
    done: list[Done] = []
    for index, each in enumerate(command.commands):
        # A draft for each: its answer tells of its own facts, and not of those before.
        one, after = Draft(state, draft.at), state.head
        answer = misplaced(state, account, command.market_id, each) or DECISIONS[type(each)](one, each)
        if isinstance(answer, Refusal):
            undo.put_back()
            if answer.code is Code.INTERNAL:
                # Found, and acted upon, in what is undone now: the market is as broken as it was before.
                return trip_unsound(draft, market)
            return refused_at(index, answer)
        assert not one.postings, "money moved, and no fact says so"
        facts += one.facts
        moved = moved or one.moved
        done.append(Done(answer, after, state.head))
    # Nothing below can refuse.
    undo.end()
    draft.facts += facts
    draft.moved = moved
    return Batched(market.id, tuple(done))


# What only a batch asks


def misplaced(state: State, account: Account | None, market_id: str, command: Batchable) -> Refusal | None:
    """Why a command does not go with the batch, whatever it would be told alone."""
    if isinstance(command, PlaceOrder):
        if account is not None and command.client_order_id in account.orders:
            return client_order_id_used(command)
        return None if command.market_id == market_id else other_market(command.market_id)
    order = own_order(state, account, command)
    return None if order is None or order.market.id == market_id else other_market(order.market.id)


def own_order(state: State, account: Account | None, command: Batchable) -> Order | None:
    """The caller's order that is to be changed, if there is one of that name."""
    if account is None:
        return None
    if isinstance(command, CancelByClientId | AmendByClientId):
        order = account.orders.get(command.client_order_id)
        return order if order is not None and order.market.id == command.market_id else None
    assert isinstance(command, CancelOrder | AmendOrder)
    order = state.orders.get(command.order_id)
    return order if order is not None and order.account is account else None


def other_market(market_id: str) -> Refusal:
    return Refusal(Code.BATCH_OTHER_MARKET, f"Not of the batch's market: this is for {market_id}")


def refused_at(index: int, why: Refusal) -> Refusal:
    return Refusal(
        Code.BATCH_REFUSED,
        f"Nothing was done: command {index} was refused: {why.message}",
        {"index": index, "code": why.code, "message": why.message, "data": why.data},
    )


# Asked for again


def is_repetition(account: Account, command: AtomicBatch) -> bool:
    """Whether it places anything, and all of that was placed before by the same requests."""
    placements = [each for each in command.commands if isinstance(each, PlaceOrder)]
    return bool(placements) and all(
        (earlier := account.orders.get(each.client_order_id)) is not None and same_request(earlier, each)
        for each in placements
    )


def repeat_batch(state: State, account: Account, command: AtomicBatch) -> Batched:
    """Nothing happens now; all that it names is told as it is."""
    done = []
    for each in command.commands:
        answer: Answer | OrderIs
        if isinstance(each, PlaceOrder):
            answer = Placed(order_now(account.orders[each.client_order_id]), None, repeated=True)
        else:
            order = own_order(state, account, each)
            answer = OrderIs(order_now(order) if order is not None else None)
        done.append(Done(answer, state.head, state.head))
    return Batched(command.market_id, tuple(done), repeated=True)
