"""The public feeds: deltas applied to the snapshot are the book, for every reader, however slow."""

from typing import Any, NamedTuple

import msgspec
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from adapters.feeds.feed import BEHIND
from adapters.service.book_picture import BookPicture
from adapters.stream.websockets import ANONYMOUS_FEEDS_MAX, FEEDS_MAX
from kernel.codes import AMM_ID, CancelScope, Direction, Side, TimeInForce
from kernel.commands import (
    AmendOrder,
    AnyCommand,
    BatchCancel,
    CancelOrder,
    CreateMarket,
    MarketTerms,
    ResolveMarket,
)
from kernel.exchange import Exchange
from kernel.journal import MemoryJournal
from tests.adapters.streaming import (
    ANN,
    AT,
    BEN,
    EVE,
    ROOT,
    Client,
    Refused,
    Venue,
    a_place,
    founding,
    running,
)

BOOK, TRADES = "/ws/v1/orderbook/M", "/ws/v1/trades/M"
SELL = Direction.SELL


@pytest.fixture
def jumping() -> MockClock:
    return MockClock(autojump_threshold=0.05)


class Follower:
    """A reader that keeps a book by the messages it gets."""

    def __init__(self) -> None:
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self.sequence = 0
        self.gaps = 0

    def take(self, message: dict[str, Any]) -> None:
        if message["update_type"] == "SNAPSHOT":
            assert message["sequence_id"] == 1
            self.bids, self.asks = {}, {}
        else:
            self.gaps += message["sequence_id"] != self.sequence + 1
        self.sequence = message["sequence_id"]
        for side, levels in ((self.bids, message["yes"]["bids"]), (self.asks, message["yes"]["asks"])):
            for level in levels:
                side[level["price_cents"]] = level["total_quantity"]
                if not level["total_quantity"]:
                    del side[level["price_cents"]]

    def depth(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        return sorted(self.bids.items(), reverse=True), sorted(self.asks.items())


def levels(side: list[dict[str, int]]) -> list[tuple[int, int]]:
    return [(level["price_cents"], level["total_quantity"]) for level in side]


async def test_a_snapshot_at_once_then_a_delta_for_each_command_that_changed_the_book() -> None:
    async with running("M") as venue:
        await venue.ask(a_place(ANN, price=40), a_place(ANN, price=42, quantity=40))
        async with venue.feed(BOOK) as feed:
            assert await feed.receive() == {
                "type": "ORDERBOOK_UPDATE",
                "update_type": "SNAPSHOT",
                "sequence_id": 1,
                "market_id": "M",
                "timestamp_ms": AT // 1000,
                "yes": {
                    "bids": [
                        {"price_cents": 42, "total_quantity": 40},
                        {"price_cents": 40, "total_quantity": 10},
                    ],
                    "asks": [],
                },
            }
            await venue.ask(a_place(AMM_ID, direction=SELL, price=42, quantity=15, at=AT + 5_000))
            delta = await feed.receive()
            assert (delta["update_type"], delta["sequence_id"]) == ("DELTA", 2)
            assert delta["timestamp_ms"] == AT // 1000 + 5
            assert levels(delta["yes"]["bids"]) == [(42, 25)]
            assert delta["yes"]["asks"] == []
            await venue.ask(a_place(AMM_ID, direction=SELL, price=40, quantity=50))
            delta = await feed.receive()
            assert levels(delta["yes"]["bids"]) == [(42, 0), (40, 0)]
            assert levels(delta["yes"]["asks"]) == [(40, 15)]


async def test_what_ends_as_it_began_is_not_told() -> None:
    """Ann's immediate order finds nobody, and a second reader comes: the first message after that is his."""
    async with running("M") as venue, venue.feed(BOOK) as feed:
        await feed.receive()
        await venue.ask(a_place(ANN, time_in_force=TimeInForce.IOC))
        await venue.ask(a_place(BEN, price=30))
        delta = await feed.receive()
        assert (delta["sequence_id"], levels(delta["yes"]["bids"])) == (2, [(30, 10)])


async def test_a_replacement_at_the_same_price_changes_nothing_one_can_see() -> None:
    async with running("M") as venue, venue.feed(BOOK) as feed, venue.client(AMM_ID) as amm:
        await feed.receive()
        placed = await amm.place(direction="SELL", price_cents=70)
        await feed.receive()
        new = placed["data"]["order"]
        await amm.do(
            "replace",
            old_order_id=new["id"],
            new_order={
                "client_order_id": "again",
                "market_id": "M",
                "side": "YES",
                "direction": "SELL",
                "price_cents": 70,
                "quantity": 10,
            },
        )
        await venue.ask(a_place(BEN, price=30))
        assert levels((await feed.receive())["yes"]["bids"]) == [(30, 10)]


async def test_nothing_is_shown_before_it_is_durable() -> None:
    async with running("M") as venue:
        assert isinstance(venue.journal, MemoryJournal)
        gate = venue.journal.stall = trio.Event()
        venue.server.actors.submit([a_place(ANN)])
        while venue.exchange.markets["M"].book.best_bid is None:
            await trio.sleep(0.01)
        async with venue.feed(BOOK) as feed:
            assert (await feed.receive())["yes"]["bids"] == []
            gate.set()
            delta = await feed.receive()
            assert (delta["update_type"], levels(delta["yes"]["bids"])) == ("DELTA", [(40, 10)])


async def test_a_snapshot_on_request_once_a_second(jumping: MockClock) -> None:
    async with running("M") as venue, venue.feed(BOOK) as feed:
        await feed.receive()
        for _ in range(5):
            await feed.send({"action": "REQUEST_SNAPSHOT"})
        await feed.send({"action": "DANCE"})
        assert (await feed.receive())["update_type"] == "SNAPSHOT"
        complaint = await feed.receive()
        assert (complaint["type"], complaint["code"]) == ("ERROR", 9004)
        await trio.sleep(1.1)
        await feed.send({"action": "REQUEST_SNAPSHOT"})
        assert (await feed.receive())["sequence_id"] == 1


async def test_a_snapshot_every_half_minute(jumping: MockClock) -> None:
    async with running("M") as venue, venue.feed(BOOK) as feed:
        first = await feed.receive()
        began = trio.current_time()
        assert await feed.receive() == first
        assert 0 < trio.current_time() - began <= 31


async def test_trades_without_their_parties() -> None:
    async with running("M") as venue, venue.feed(TRADES) as feed:
        await venue.ask(
            a_place(ANN, price=66, quantity=25), a_place(AMM_ID, direction=SELL, price=60, quantity=30)
        )
        await venue.ask(a_place(BEN, price=60, quantity=5))
        first, second = await feed.receive(), await feed.receive()
        assert first | {"trade_id": ""} == {
            "type": "TRADE",
            "sequence_id": 1,
            "market_id": "M",
            "timestamp_ms": AT // 1000,
            "trade_id": "",
            "price_cents": 66,
            "quantity": 25,
            "scenario": "TRANSFER_YES",
            "aggressor_side": "SELL",
        }
        assert first["trade_id"] < second["trade_id"]
        assert (second["sequence_id"], second["price_cents"], second["aggressor_side"]) == (2, 60, "BUY")


async def test_who_may_read() -> None:
    async with running("M") as venue:
        await venue.ask(CreateMarket(at=AT, market_id="D", terms=MarketTerms(title="D"), by=ROOT))
        for path, token, status, code in (
            (BOOK, "nonsense", 401, 1006),
            (f"{BOOK}?token=", None, 401, 1006),
            (f"{BOOK}?token=nonsense", None, 401, 1006),
            ("/ws/v1/trades/D", None, 404, 3001),
            ("/ws/v1/orderbook/X", venue.token(EVE), 404, 3001),
            ("/ws/v1/trades/D", venue.token(EVE), 404, 3001),
        ):
            with Refused() as refusal:
                async with venue.connected(path, token):
                    pass
            assert (refusal.status, refusal.body["code"]) == (status, code)
        async with venue.feed("/ws/v1/orderbook/D", ROOT) as feed:
            assert (await feed.receive())["yes"] == {"bids": [], "asks": []}
        for path in (BOOK, f"{BOOK}?token={venue.token(EVE)}"):
            async with venue.connected(path) as feed:
                assert (await feed.receive())["sequence_id"] == 1


async def test_the_eleventh_feed_of_an_address_without_a_token_is_refused_until_another_ends() -> None:
    async with running("M") as venue, trio.open_nursery() as nursery:

        async def hold(
            ends: trio.CancelScope, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
        ) -> None:
            with ends:
                async with venue.connected(BOOK) as feed:
                    await feed.receive()
                    task_status.started()
                    await trio.sleep_forever()

        held = [trio.CancelScope() for _ in range(ANONYMOUS_FEEDS_MAX)]
        for ends in held:
            await nursery.start(hold, ends)
        with Refused() as refusal:
            async with venue.connected(TRADES):
                pass
        assert (refusal.status, refusal.body["code"]) == (429, 9001)
        async with venue.feed(BOOK) as feed:  # whoever shows a token is counted elsewhere
            await feed.receive()
        held[0].cancel()
        with trio.fail_after(10):
            while len(venue.websockets.open_feeds) >= ANONYMOUS_FEEDS_MAX:
                await trio.sleep(0.01)
        async with venue.connected(BOOK) as feed:
            await feed.receive()
        nursery.cancel_scope.cancel()


async def test_the_fifty_first_feed_of_a_user_is_refused() -> None:
    async with running("M") as venue, trio.open_nursery() as nursery:

        async def hold(task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
            async with venue.feed(BOOK):
                task_status.started()
                await trio.sleep_forever()

        for _ in range(FEEDS_MAX):
            await nursery.start(hold)
        with Refused() as refusal:
            async with venue.feed(TRADES):
                pass
        assert refusal.status == 429
        async with venue.feed(BOOK, ANN) as feed:
            await feed.receive()
        nursery.cancel_scope.cancel()


async def test_a_feed_ends_with_its_token(jumping: MockClock) -> None:
    async with running("M") as venue, venue.feed(BOOK) as feed:
        began = trio.current_time()
        assert (await feed.closing())[0] == 4401
        assert 29 * 60 < trio.current_time() - began < 31 * 60


async def test_shutdown_says_goodbye_to_readers() -> None:
    async with running("M") as venue, venue.feed(BOOK) as feed:
        venue.stop.set()
        assert (await feed.closing())[0] == 1001


async def test_a_reader_that_falls_behind_gets_a_new_snapshot_and_no_queue() -> None:
    """It reads nothing for thousands of changes; then the newest snapshot is enough to be right again."""
    async with running("M") as venue, venue.feed(BOOK, BEN) as prompt:
        stream = await trio.open_tcp_stream("127.0.0.1", venue.port)
        stream.setsockopt(1, 8, 4096)  # SOL_SOCKET, SO_RCVBUF: so that not much fits on the way
        await stream.send_all(
            b"GET /ws/v1/orderbook/M HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
            b"Authorization: Bearer " + venue.token(EVE).encode() + b"\r\n\r\n"
        )
        with trio.fail_after(PATIENCE):
            while len(list(venue.websockets.open_feeds)) < 2:
                await trio.sleep(0.01)
        follower, changes = Follower(), 25_000
        async with trio.open_nursery() as nursery:

            async def change() -> None:
                for start in range(0, changes, 250):
                    await venue.ask(
                        *[a_place(MAKERS[n % 3], price=1 + (start + n) % 60, quantity=1) for n in range(250)]
                    )

            nursery.start_soon(change)
            while follower.depth() != venue.exchange.markets["M"].book.depth() or venue.durable < changes:
                follower.take(await prompt.receive())
        waiting = max(socket.waiting for socket in venue.websockets.open_feeds)
        assert waiting < BEHIND + 300_000
        slow = await follow_until(stream, venue.exchange.markets["M"].book.depth())
        assert follower.gaps == slow.gaps == 0
        await stream.aclose()


MAKERS = (ANN, BEN, EVE)
"""Together they have more orders than one may."""
PATIENCE = 60  # seconds, of a machine with much else to do


async def follow_until(stream: trio.SocketStream, depth: object) -> Follower:
    """Read on, from the start of the answer, until what was read amounts to this book."""
    received = b""
    with trio.fail_after(PATIENCE):
        while True:
            received += await stream.receive_some()
            follower = Follower()
            for message in messages_of(received.partition(b"\r\n\r\n")[2]):
                follower.take(message)
            if follower.depth() == depth:
                return follower


def messages_of(received: bytes) -> list[dict[str, Any]]:
    """The text frames that have arrived whole."""
    found, position = [], 0
    while position + 4 <= len(received):
        size, head = received[position + 1] & 127, 2
        if size == 126:
            size, head = int.from_bytes(received[position + 2 : position + 4], "big"), 4
        end = position + head + size
        if end > len(received):
            break
        if received[position] == 0x81:
            found.append(msgspec.json.decode(received[position + head : end]))
        position = end
    return found


# Whatever happens, the picture is the book


class Amending(NamedTuple):
    number: int
    price: int | None
    quantity: int | None


def meant(exchange: Exchange, happening: AnyCommand | Amending) -> AnyCommand:
    """The command, which for an amend is known only once there are orders."""
    if not isinstance(happening, Amending):
        return happening
    orders = list(exchange.orders.values())
    order = orders[happening.number % len(orders)] if orders else None
    return AmendOrder(
        at=AT,
        user_id=ANN if order is None else order.account.id,
        order_id="none" if order is None else order.id,
        price=happening.price,
        quantity=happening.quantity,
    )


wishes = st.builds(
    lambda user, side, direction, price, quantity, ioc: a_place(
        user,
        side=side,
        direction=direction,
        price=price,
        quantity=quantity,
        time_in_force=TimeInForce.IOC if ioc else TimeInForce.GTC,
    ),
    st.sampled_from([ANN, BEN, AMM_ID]),
    st.sampled_from(Side),
    st.sampled_from(Direction),
    st.integers(35, 65),
    st.integers(1, 30),
    st.booleans(),
)
amends = st.builds(
    Amending,
    st.integers(0, 30),
    st.none() | st.integers(35, 65),
    st.none() | st.integers(1, 40),
)
"""Of one of the orders there are, by its number."""
happenings = st.lists(
    wishes | amends | st.just(BatchCancel(at=AT, user_id=AMM_ID, market_id="M", scope=CancelScope.ALL)),
    max_size=60,
)


@given(happenings, st.booleans())
def test_the_picture_equals_the_kernels_book_after_every_command(
    commands: list[AnyCommand | Amending], resolve: bool
) -> None:
    exchange = Exchange()
    for command in founding("M"):
        exchange.execute(command)
    picture, follower = BookPicture.of(exchange.markets["M"]), Follower()
    behind = BookPicture.of(exchange.markets["M"])
    decided = []
    void = ResolveMarket(at=AT, market_id="M", result="VOID", void_price_cents=50, by=ROOT)
    ending = [void] if resolve else []
    for happening in [*commands, *ending]:
        before = picture.levels()
        facts = exchange.execute(meant(exchange, happening)).facts
        changed = picture.apply(facts, exchange.orders)
        decided.append((facts, changed))
        assert picture.levels() == exchange.markets["M"].book.depth()
        assert (changed is None) == (before == picture.levels())
        if changed is not None:
            bids, asks = changed
            follower.bids.update(bids)
            follower.asks.update(asks)
            told = (
                [
                    (price, quantity)
                    for price, quantity in sorted(follower.bids.items(), reverse=True)
                    if quantity
                ],
                [(price, quantity) for price, quantity in sorted(follower.asks.items()) if quantity],
            )
            assert told == picture.levels()
    assert picture.changed_at == exchange.markets["M"].book_changed_at
    for facts, changed in decided:
        assert behind.apply(facts, exchange.orders) == changed, "what was decided since changes nothing of it"


def test_a_move_that_trades_leaves_its_old_level_and_rests_with_what_is_left() -> None:
    exchange = Exchange()
    for command in founding("M"):
        exchange.execute(command)
    picture = BookPicture.of(exchange.markets["M"])
    for command in (a_place(ANN, price=40, quantity=10), a_place(BEN, side=Side.NO, price=50, quantity=4)):
        picture.apply(exchange.execute(command).facts, exchange.orders)
    (moving, _) = exchange.orders.values()
    facts = exchange.execute(AmendOrder(at=AT, user_id=ANN, order_id=moving.id, price=52)).facts
    assert picture.apply(facts, exchange.orders) == ([(52, 6), (40, 0)], [(50, 0)])
    cancel = exchange.execute(CancelOrder(at=AT, user_id=ANN, order_id=moving.id)).facts
    assert picture.apply(cancel, exchange.orders) == ([(52, 0)], [])


async def follow(client: Client, follower: Follower, venue: Venue) -> None:
    while follower.depth() != venue.exchange.markets["M"].book.depth():
        follower.take(await client.receive())


@settings(max_examples=10)
@given(happenings)
def test_readers_who_came_at_different_times_see_the_same_book(
    commands: list[AnyCommand | Amending],
) -> None:
    async def check() -> None:
        async with running("M") as venue, venue.feed(BOOK) as early:
            half = len(commands) // 2
            for command in commands[:half]:
                await venue.ask(meant(venue.exchange, command))
            async with venue.feed(BOOK, ANN) as late:
                for command in commands[half:]:
                    await venue.ask(meant(venue.exchange, command))
                for client in (early, late):
                    follower = Follower()
                    with trio.fail_after(20):
                        follower.take(await client.receive())
                        await follow(client, follower, venue)
                    assert follower.gaps == 0

    trio.run(check)
