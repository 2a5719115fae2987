"""Several commands at one moment, or none: tried one after the other, on a world that can be had back."""

import copy
from collections.abc import Callable
from typing import Any

import attrs

from kernel.commands import (
    AmendByClientId,
    AmendOrder,
    AtomicBatch,
    CancelByClientId,
    CancelOrder,
    Command,
    PlaceOrder,
)
from tests.kernel.reference.amending import amend_by_client_id, amend_order
from tests.kernel.reference.cancelling import cancel_by_client_id, cancel_order
from tests.kernel.reference.checks import check_fence, public_market
from tests.kernel.reference.deadlines import check_deadline
from tests.kernel.reference.order import Order
from tests.kernel.reference.records import Refused
from tests.kernel.reference.trading import REPEATED, is_same_request, place
from tests.kernel.reference.world import World

Answer = dict[str, Any]
RULES: dict[type[Command], Callable[[World, Any], Answer]] = {
    PlaceOrder: place,
    AmendOrder: amend_order,
    AmendByClientId: amend_by_client_id,
    CancelOrder: cancel_order,
    CancelByClientId: cancel_by_client_id,
}


def atomic_batch(world: World, batch: AtomicBatch) -> Answer:
    check_fence(world, batch.user_id, batch.fence)
    if (answers := told_again(world, batch)) is not None:
        return answer_of(batch, [(answer, len(world.facts)) for answer in answers], world, repeated=True)
    check_deadline(world, batch)
    public_market(world, batch.market_id)
    before = copy.deepcopy(world)
    done: list[tuple[Answer, int]] = []
    for index, command in enumerate(batch.commands):
        first = len(world.facts)
        try:
            check_place_in_batch(world, batch, command)
            done.append((RULES[type(command)](world, command), first))
        except Refused as refused:
            for field in attrs.fields(World):
                setattr(world, field.name, getattr(before, field.name))
            raise Refused(4014, {"index": index, "code": refused.code, "data": refused.data}) from None
    return answer_of(batch, done, world, repeated=False)


def answer_of(batch: AtomicBatch, done: list[tuple[Answer, int]], world: World, *, repeated: bool) -> Answer:
    ends = [*(first for _, first in done[1:]), len(world.facts)]
    return {
        "kind": "Batched",
        "market_id": batch.market_id,
        "done": [
            {"answer": {name: answer[name] for name in answer if name != "kind"}, "after": first, "upto": end}
            for (answer, first), end in zip(done, ends, strict=True)
        ],
        "repeated": repeated,
    }


def check_place_in_batch(world: World, batch: AtomicBatch, command: Command) -> None:
    if isinstance(command, PlaceOrder):
        if world.order_named(command.user_id, command.client_order_id) is not None:
            raise Refused(4005)
        if command.market_id != batch.market_id:
            raise Refused(4015)
        return
    order = named(world, command)
    if order is not None and order.market.market_id != batch.market_id:
        raise Refused(4015)


def named(world: World, command: Command) -> Order | None:
    """The caller's own order that is to be changed."""
    if isinstance(command, CancelOrder | AmendOrder):
        order = world.order(command.order_id)
        return order if order is not None and order.user_id == command.user_id else None
    assert isinstance(command, CancelByClientId | AmendByClientId)
    order = world.order_named(command.user_id, command.client_order_id)
    return order if order is not None and order.market.market_id == command.market_id else None


def told_again(world: World, batch: AtomicBatch) -> list[Answer] | None:
    """What is answered if all that it would place was placed before."""
    answers: list[Answer] = []
    places = 0
    for command in batch.commands:
        if isinstance(command, PlaceOrder):
            known = world.order_named(command.user_id, command.client_order_id)
            if known is None or not is_same_request(known, command):
                return None
            places += 1
            answers.append({"order": known.row(), **REPEATED})
        else:
            order = named(world, command)
            answers.append({"order": None if order is None else order.row()})
    return answers if places else None
