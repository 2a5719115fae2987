"""The command stream against a little server that says what a real one would not."""

from collections.abc import Callable
from typing import Any

import attrs
import httpx
import msgspec
import pytest
import trio
import trio_websocket

from adapters.access.tokens import TokenType
from amm.brain.arithmetic import Ms
from amm.brain.commands import Sync
from amm.brain.inputs import Answer, Frame
from amm.brain.wire import Synced
from amm.live.connection import SILENCE_MAX, CommandStream
from amm.live.credentials import Credentials
from amm.live.feed import Feed
from amm.live.rest import ExchangeClient, UnreachableError
from kernel.codes import AMM_ID
from tests.adapters.streaming import a_place, running
from tests.amm.parts import MARKET, NOON
from tests.end_to_end.making import service_token


@attrs.define
class Noted:
    """Markets that only write down what they are told."""

    told: list[str] = attrs.field(factory=list)
    answers: list[Answer] = attrs.field(factory=list)

    def frame(self, market_id: str, frame: Frame) -> None:
        self.told.append(f"frame {market_id} {frame.seq}")

    def answer(self, market_id: str, answer: Answer) -> None:
        self.told.append(f"answer {market_id} {answer.code}")
        self.answers.append(answer)

    def pong(self, round_trip_ms: Ms) -> None:
        """Of no interest here."""

    def lost(self) -> None:
        self.told.append("lost")

    def stepped_back(self, heard_seq: int, seq: int) -> None:
        self.told.append(f"stepped back {heard_seq} {seq}")

    def down(self) -> None:
        self.told.append("down")

    def up(self, blind_ms: Ms, *, resumed: bool) -> None:
        self.told.append(f"up {resumed}")


async def answering(
    data: Callable[[str], Any], task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED
) -> None:
    """Say yes to every command, with the data that is given for its op."""

    async def talk(request: trio_websocket.WebSocketRequest) -> None:
        socket = await request.accept()
        while True:
            try:
                asked = msgspec.json.decode(await socket.get_message())
            except trio_websocket.ConnectionClosed:
                return
            for one in asked if isinstance(asked, list) else [asked]:
                result = {"t": "result", "cid": one["cid"], "ok": True, "code": 0, "seq": 1}
                await socket.send_message(msgspec.json.encode(result | {"data": data(one["op"])}).decode())

    async with trio.open_nursery() as nursery:
        server = await nursery.start(trio_websocket.serve_websocket, talk, "127.0.0.1", 0, None)
        task_status.started(server.port)


async def test_an_answer_that_makes_no_sense_costs_the_connection_and_not_the_program() -> None:
    """All markets live on this one line: what cannot be read ends it, and the next line goes on."""
    markets = Noted()

    async def told(words: str, times: int) -> None:
        with trio.fail_after(10):
            while markets.told.count(words) < times:
                await trio.sleep(0.01)

    async with trio.open_nursery() as nursery:
        port = await nursery.start(
            answering, lambda op: {"from": 1} if op == "subscribe" else {"no": "sense"}
        )
        stream = CommandStream(
            f"ws://127.0.0.1:{port}/", Credentials(service_token()), lambda: NOON, grace_ms=2_000
        )
        stream.markets = markets
        nursery.start_soon(stream.run)
        await told("up True", 1)
        stream.submit(MARKET, [Sync(ref=1, market_id=MARKET)])
        await told("up True", 2)
        nursery.cancel_scope.cancel()
    assert markets.told == ["up True", "down", "up True"]


async def test_a_journal_that_steps_back_is_told_whoever_shows_it() -> None:
    """The greeting of a new connection, or an event: both name an id before one that we have been told."""
    markets = Noted()
    stream = CommandStream("ws://nowhere", Credentials(service_token()), lambda: NOON, 5_000)
    stream.markets, stream.delivered = markets, 100
    hello = {"t": "hello", "seq": 100, "limits": {"max_in_flight": 256}}
    stream.take_frame(msgspec.json.encode(hello))
    assert markets.told == []
    stream.take_frame(msgspec.json.encode(hello | {"seq": 99}))
    assert markets.told == ["stepped back 100 99"]
    status = {
        "event_type": "MARKET_STATUS_CHANGED",
        "timestamp_ms": NOON,
        "market_id": MARKET,
        "new_status": "ACTIVE",
    }
    for n, seq in ((1, 101), (2, 98)):
        stream.take_frame(msgspec.json.encode({"t": "event", "n": n, "seq": seq, "data": status}))
    assert markets.told[1:] == [f"frame {MARKET} 101", "stepped back 101 98", f"frame {MARKET} 98"]


async def test_every_request_and_every_handshake_names_the_market_maker() -> None:
    """To whoever listens there: REST, the command stream, a feed."""
    heads: list[bytes] = []

    async def note(line: trio.SocketStream) -> None:
        heads.append(await line.receive_some())
        await line.aclose()

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, note, [listener])
        port = listener.socket.getsockname()[1]
        mine = Credentials(service_token())
        stream = CommandStream(f"ws://127.0.0.1:{port}/", mine, lambda: NOON, 5_000)
        stream.markets = Noted()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
            with pytest.raises(UnreachableError):
                await ExchangeClient(http, mine).amm_markets()
        nursery.start_soon(stream.run)
        nursery.start_soon(Feed(f"ws://127.0.0.1:{port}/", mine, lambda _frame: None).run)
        with trio.fail_after(10):
            while len(heads) < 3:
                await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    for head in heads:
        assert b"x-amm-system-id: amm_system_001" in head.lower()
        assert b"authorization: bearer ey" in head.lower()


async def test_a_feed_that_hangs_in_a_dead_line_tries_again_when_the_exchange_is_known_to_answer() -> None:
    """It would have waited five seconds for the handshake, and some more before the next attempt."""
    handshakes = 0
    tried = trio.Event()

    async def accept_and_be_silent(line: trio.SocketStream) -> None:
        nonlocal handshakes, tried
        await line.receive_some()
        handshakes += 1
        tried.set()
        await line.receive_some()

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, accept_and_be_silent, [listener])
        address = f"ws://127.0.0.1:{listener.socket.getsockname()[1]}/"
        feed = Feed(address, Credentials(service_token()), lambda _frame: None)
        nursery.start_soon(feed.run)
        for attempt in (1, 2, 3):
            with trio.fail_after(SILENCE_MAX / 2):
                await tried.wait()
            assert handshakes == attempt
            tried = trio.Event()
            feed.hurry()
        nursery.cancel_scope.cancel()


async def test_a_feed_that_is_open_stays_open_when_the_exchange_is_known_to_answer() -> None:
    frames: list[str | bytes] = []
    async with running(MARKET) as venue, trio.open_nursery() as nursery:
        credentials = Credentials(venue.token(AMM_ID, TokenType.SERVICE))
        feed = Feed(f"ws://127.0.0.1:{venue.port}/ws/v1/orderbook/{MARKET}", credentials, frames.append)
        nursery.start_soon(feed.run)
        with trio.fail_after(10):
            while not frames:
                await trio.sleep(0.01)
            connection = feed._attempt
            feed.hurry()
            feed.request_snapshot()
            while len(frames) < 2:
                await trio.sleep(0.01)
        assert feed._attempt is connection
        nursery.cancel_scope.cancel()


async def test_a_view_that_comes_in_parts_is_handed_on_whole() -> None:
    """From the real exchange, which tells so many orders in several messages."""
    markets = Noted()
    async with running(MARKET) as venue, trio.open_nursery() as nursery:
        await venue.ask(*[a_place(AMM_ID, MARKET, price=1 + n % 50, quantity=1) for n in range(250)])
        token = venue.token(AMM_ID, TokenType.SERVICE)
        stream = CommandStream(
            f"ws://127.0.0.1:{venue.port}/ws/v1/commands", Credentials(token), lambda: NOON, grace_ms=2_000
        )
        stream.markets = markets
        nursery.start_soon(stream.run)
        while "up True" not in markets.told:
            await trio.sleep(0.01)
        stream.submit(MARKET, [Sync(ref=1, market_id=MARKET)])
        while not markets.answers:
            await trio.sleep(0.01)
        (answer,) = markets.answers
        assert isinstance(answer.data, Synced)
        resting = venue.exchange.markets[MARKET].positions[AMM_ID].live
        assert [order.id for order in answer.data.orders] == [order.id for order in resting]
        assert not stream._parts
        nursery.cancel_scope.cancel()
