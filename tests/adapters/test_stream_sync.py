"""A view of one market as of one journal id, however many orders it has and however slowly it is read."""

from socket import SO_RCVBUF, SO_SNDBUF, SOL_SOCKET
from typing import Any

import attrs
import msgspec
import trio
from trio.testing import wait_all_tasks_blocked

from adapters.runtime.settings import Settings
from adapters.sockets.websocket import CHUNK, WebSocket
from adapters.stream.outbox import UNREAD_MAX
from adapters.stream.sync import ORDERS_A_PART
from adapters.wire import render
from kernel.codes import Side
from kernel.commands import AnyCommand, CancelOrder
from kernel.orders import order_now
from tests.adapters.streaming import ANN, AT, BEN, Client, Venue, a_place, running, wish
from tests.holding import longest_hold

BATCH = 250


async def fill(venue: Venue, count: int, user_id: str = ANN) -> None:
    """So many resting orders of one share."""
    for start in range(0, count, BATCH):
        size = min(BATCH, count - start)
        await venue.ask(*[a_place(user_id, price=1 + n % 30, quantity=1) for n in range(start, start + size)])


def resting(venue: Venue, user_id: str = ANN) -> list[Any]:
    """The orders as the stream would tell them now."""
    live = venue.exchange.markets["M"].positions[user_id].live
    return [msgspec.json.decode(msgspec.json.encode(render.order(order_now(order)))) for order in live]


def narrow(venue: Venue, client: Client, **rules: Any) -> WebSocket:
    """A connection on which little is under way: what is not read soon waits at the exchange."""
    (connection,) = venue.websockets.hub._connections
    connection.socket.rules = attrs.evolve(connection.socket.rules, **rules)
    connection.socket._stream.setsockopt(SOL_SOCKET, SO_SNDBUF, 16_384)
    stream = client.connection._stream
    assert isinstance(stream, trio.SocketStream)
    stream.setsockopt(SOL_SOCKET, SO_RCVBUF, 16_384)
    return connection.socket


async def whole(client: Client, cid: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The parts of a view, and its result."""
    parts: list[dict[str, Any]] = []
    while True:
        message = await client.receive()
        assert message["t"] in ("part", "result"), "nothing else comes between"
        assert message["cid"] == cid
        if message["t"] == "result":
            return parts, message
        parts.append(message)


def orders_of(parts: list[dict[str, Any]], result: dict[str, Any]) -> list[Any]:
    return [order for message in (*parts, result) for order in message["data"]["orders"]]


async def test_what_fits_a_message_is_one() -> None:
    async with running("M") as venue, venue.client() as ann:
        await fill(venue, ORDERS_A_PART)
        await ann.send({"cid": 1, "op": "sync", "market_id": "M"})
        parts, result = await whole(ann, 1)
        assert parts == []
        assert result["data"]["orders"] == resting(venue)


async def test_what_does_not_comes_in_parts_all_as_of_one_journal_id() -> None:
    async with running("M") as venue, venue.client() as ann:
        told = 0
        for count, sizes in ((101, [100, 1]), (200, [100, 100]), (250, [100, 100, 50])):
            await fill(venue, count - told)
            told = count
            for is_packed in (False, True):
                asked = {"cid": 1, "op": "sync", "market_id": "M"}
                await (ann.send_packed(asked) if is_packed else ann.send(asked))
                parts, result = await whole(ann, 1)
                assert [len(one["data"]["orders"]) for one in (*parts, result)] == sizes
                assert orders_of(parts, result) == resting(venue)
                assert {one["seq"] for one in (*parts, result)} == {venue.durable}
                assert result["data"]["as_of_seq"] == venue.durable
                assert result["data"]["balance"]["frozen_balance_cents"] > 0


async def test_others_trade_while_a_view_is_told_and_change_nothing_of_it() -> None:
    """Fills, cancels and new orders between the portions: told as they were; the events come behind."""
    async with running("M") as venue, venue.client() as ann:
        await fill(venue, 3_000)
        narrow(venue, ann)
        assert (await ann.do("subscribe", topics=["order_events"]))["ok"]
        before = resting(venue)
        live = list(venue.exchange.markets["M"].positions[ANN].live)
        seq = venue.durable
        await ann.send({"cid": 1, "op": "sync", "market_id": "M"})
        first = await ann.receive()
        assert (first["t"], first["seq"]) == ("part", seq)
        # Nobody reads on: what is left to tell waits in memory as it was copied.
        last = [order.id for order in live[-50:]]
        cancels: list[AnyCommand] = [CancelOrder(at=AT, user_id=ANN, order_id=each) for each in last]
        await venue.ask(*cancels)
        await venue.ask(a_place(BEN, side=Side.NO, price=100 - 30, quantity=3))
        await venue.ask(*[a_place(ANN, price=1, quantity=1) for _ in range(20)])
        parts, result = await whole(ann, 1)
        assert orders_of([first, *parts], result) == before
        assert result["data"]["as_of_seq"] == seq
        events = await ann.events(50 + 3)
        assert events[0]["seq"] == seq + 1
        filled = [order.id for order in live if order.book_price == 30][:3]
        assert [event["data"]["order"]["order_id"] for event in events] == last + filled
        # And from then on they come as they happen.
        await ann.events(20)
        assert (await ann.place())["ok"]
        (event,) = await ann.events(1)
        assert event["seq"] == venue.durable


async def test_the_size_of_a_view_is_no_slowness() -> None:
    """More than may ever wait, for a reader who pauses: it waits at the exchange, and little of it does."""
    async with running("M") as venue, venue.client() as ann:
        await fill(venue, 3_000)
        socket = narrow(venue, ann, waiting_max=256 * 1024)
        await ann.send({"cid": 1, "op": "sync", "market_id": "M"})
        first = await ann.receive()
        await wait_all_tasks_blocked(0.05)
        assert socket.is_open
        assert 0 < socket.waiting < UNREAD_MAX + CHUNK
        parts, result = await whole(ann, 1)
        assert sum(len(msgspec.json.encode(one)) for one in parts) > 4 * socket.rules.waiting_max
        assert len(orders_of([first, *parts], result)) == 3_000
        assert (await ann.do("ping"))["ok"]


async def test_many_views_are_told_one_by_one_and_in_order() -> None:
    """One connection has one copy at a time; what was sent behind a view is not in it."""
    async with running("M") as venue, venue.client() as ann:
        await fill(venue, 300)
        await ann.send(
            *[{"cid": cid, "op": "sync", "market_id": "M"} for cid in range(20)],
            {"cid": 20, "op": "place", **wish(price_cents=1, quantity=1)},
            {"cid": 21, "op": "sync", "market_id": "M"},
        )
        for cid in range(20):
            assert len(orders_of(*await whole(ann, cid))) == 300
        assert (await ann.receive())["cid"] == 20
        assert len(orders_of(*await whole(ann, 21))) == 301


async def test_telling_however_much_holds_nobody() -> None:
    """One view of 10,000 orders; and as many views as a frame may ask for."""
    async with running("M", settings=Settings(rate_limits=False)) as venue, venue.client() as ann:
        await fill(venue, 10_000)

        async def ask_once() -> None:
            await ann.send({"cid": 1, "op": "sync", "market_id": "M"})
            assert len(orders_of(*await whole(ann, 1))) == 10_000

        ms, by = await longest_hold(ask_once, 20)
        assert ms < 20, by
        await fill(venue, ORDERS_A_PART, BEN)
        async with venue.client(BEN) as ben:

            async def ask_often() -> None:
                await ben.send(*[{"cid": cid, "op": "sync", "market_id": "M"} for cid in range(256)])
                assert all(result["ok"] for result in await ben.results(256))

            ms, by = await longest_hold(ask_often, 20)
            assert ms < 20, by


async def test_a_resumption_is_read_at_its_readers_pace() -> None:
    async with running("M") as venue:
        async with venue.client() as ann:
            after = venue.durable
            await fill(venue, 3_000)
            socket = narrow(venue, ann, waiting_max=256 * 1024)
            await ann.send({"cid": 1, "op": "resume", "after": after, "topics": ["order_events"]})
            (result,) = await ann.results(1)
            await wait_all_tasks_blocked(0.05)
            assert socket.is_open
            assert 0 < socket.waiting < UNREAD_MAX + CHUNK
            events = await ann.events(3_000)
            assert [event["n"] for event in events] == list(range(1, 3_001))
            assert events[-1]["seq"] == result["data"]["head"]
        async with venue.client() as ann:

            async def resume() -> None:
                async with venue.client() as again:
                    await again.send({"cid": 1, "op": "resume", "after": after, "topics": ["order_events"]})
                    await again.events(3_000)

            ms, by = await longest_hold(resume, 20)
            assert ms < 20, by
            assert (await ann.do("ping"))["ok"]
            await trio.lowlevel.checkpoint()
