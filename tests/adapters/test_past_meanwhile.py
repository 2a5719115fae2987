"""The tables are asked about orders that memory let go of: what happens meanwhile, or if they are silent."""

from typing import Any, cast

import attrs
import msgspec
import pytest

from adapters.operations.batches import batch
from adapters.operations.operation import Call, NoQuery
from adapters.service.orders_told import OrdersTold
from adapters.stream.recall import OrdersRecalled
from adapters.wire.batch_requests import read_batch
from kernel.codes import Code, Side
from kernel.commands import CancelOrder, ForgetOrders
from kernel.events import Fact, Fill
from tests.adapters.streaming import ANN, AT, BEN, Tables, Venue, a_place, running, wish


class UnreachableError(Exception):
    """The database is away."""


async def forget(venue: Venue, most: int = 500) -> None:
    at = venue.server.clock.now()
    await venue.ask(ForgetOrders(at=at, before=at + 1, most=most))


async def closed_and_forgotten(venue: Venue) -> str:
    """The id of an order."""
    before = {*venue.exchange.orders}
    await venue.ask(a_place(ANN))
    (order_id,) = {*venue.exchange.orders} - before
    await venue.ask(CancelOrder(at=AT, user_id=ANN, order_id=order_id))
    await forget(venue)
    assert order_id not in venue.exchange.orders
    return order_id


@pytest.mark.parametrize("is_away", [False, True], ids=["the tables are behind", "the database is away"])
async def test_of_a_batch_what_was_done_is_told_where_the_past_cannot_be_asked(
    is_away: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each by itself: a forgotten order among them costs the others neither their effect nor their result."""

    async def until(self: Tables, journal_id: int, patience: float) -> bool:
        if is_away:
            raise UnreachableError
        return False

    async with running("M") as venue:
        order_id = await closed_and_forgotten(venue)
        monkeypatch.setattr(Tables, "until", until)
        server = attrs.evolve(venue.server, history=venue.server._history, unavailable=(UnreachableError,))
        commands = [
            {"op": "place", **wish()},
            {"op": "cancel", "order_id": order_id},
            {"op": "place", **wish()},
        ]
        body = read_batch(msgspec.json.encode({"commands": commands}))
        caller = await server.identities.authenticate(venue.token(ANN))
        reply = await batch(server, Call(cast(Any, body), NoQuery(), {}, caller, None, "req", 0))
        told = [(each.status, each.code) for each in reply.data.results]
        assert told == [(201, 0), (503, Code.OVERLOADED), (201, 0)]
        assert len(venue.exchange.orders) == 2
        assert reply.journal_id == venue.exchange.head


async def test_an_order_that_leaves_while_the_other_of_its_trade_is_looked_up_is_told_of() -> None:
    """Of a trade that is told again its taker is of the past; and then its maker is, too."""
    async with running("M") as venue:
        await venue.ask(
            a_place(ANN, side=Side.YES, price=40, quantity=10),
            a_place(BEN, side=Side.NO, price=60, quantity=10),
        )
        maker, taker = venue.exchange.orders.values()
        fill = await the_trade(venue)
        await forget(venue, most=1)
        assert len(venue.exchange.orders) == 1
        ask = venue.server._history.past_orders

        class Slow(Tables):
            async def past_orders(self, *asked: Any) -> Any:
                found = await ask(*asked)
                await forget(venue)
                return found

        server = attrs.evolve(venue.server, history=cast(Any, Slow(venue.journal)))
        recalled = await OrdersRecalled(server, OrdersTold(venue.exchange)).of(fill)
        assert venue.exchange.orders == {}
        assert {*recalled} == {maker.id, taker.id}


async def the_trade(venue: Venue) -> Fact:
    (fill,) = [fact async for fact in venue.journal.read(0) if isinstance(fact.event, Fill)]
    return fill
