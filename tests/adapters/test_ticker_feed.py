"""The ticker feed: readers end with the newest state, however slow they are and whatever they name."""

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from adapters.feeds.feed import BEHIND
from adapters.feeds.ticker_feed import FLUSH_EVERY, NAMED_MAX
from kernel.commands import ActivateMarket, CreateMarket, MarketTerms
from tests.adapters.streaming import ANN, AT, ROOT, Refused, a_place, running
from tests.adapters.test_feeds import messages_of
from tests.holding import longest_hold

TICKER = "/ws/v1/ticker"


@pytest.fixture
def jumping() -> MockClock:
    return MockClock(autojump_threshold=0.05)


class Follower:
    """A reader that keeps tickers by the messages it gets."""

    def __init__(self) -> None:
        self.tickers: dict[str, Any] = {}
        self.sequence = 0
        self.snapshots = 0

    def take(self, message: dict[str, Any]) -> None:
        if message["type"] == "TICKER_SNAPSHOT":
            assert message["sequence_id"] == 1
            self.tickers = {ticker["market_id"]: ticker for ticker in message["tickers"]}
            self.snapshots += 1
        else:
            assert message["sequence_id"] == self.sequence + 1
            ticker = {name: value for name, value in message.items() if name not in HEAD}
            self.tickers[ticker["market_id"]] = ticker
        self.sequence = message["sequence_id"]


HEAD = ("type", "sequence_id", "timestamp_ms")


async def test_a_snapshot_at_once_and_then_what_changes() -> None:
    async with running("M", "N") as venue, venue.connected(TICKER) as feed:
        snapshot = await feed.receive()
        assert (snapshot["type"], snapshot["sequence_id"]) == ("TICKER_SNAPSHOT", 1)
        assert [ticker["market_id"] for ticker in snapshot["tickers"]] == ["M", "N"]
        await venue.ask(a_place(ANN, price=42, at=AT + 5_000))
        news = await feed.receive()
        assert (news["type"], news["sequence_id"], news["timestamp_ms"]) == ("TICKER", 2, AT // 1000 + 5)
        assert (news["market_id"], news["best_bid_cents"], news["best_bid_quantity"]) == ("M", 42, 10)
        assert {name for name in news if name not in HEAD} == set(snapshot["tickers"][0])


async def test_one_message_a_market_in_a_quarter_of_a_second_and_the_newest_state_in_the_end(
    jumping: MockClock,
) -> None:
    async with running("M", "N") as venue, venue.connected(TICKER) as feed:
        await feed.receive()
        times: list[float] = []
        for number in range(60):
            await venue.ask(a_place(ANN, price=40, quantity=1 + number))
            await trio.sleep(0.01)
        with trio.move_on_after(1):
            while True:
                news = await feed.receive()
                times.append(trio.current_time())
        assert news["best_bid_quantity"] == sum(range(1, 61))
        assert 2 <= len(times) <= 0.6 / FLUSH_EVERY + 2


async def test_what_nobody_sees_is_not_told(jumping: MockClock) -> None:
    """A price behind the best, a draft; and a market that opens is news to readers of all."""
    async with (
        running("M") as venue,
        venue.connected(TICKER) as everything,
        venue.connected(f"{TICKER}?markets=M") as one,
    ):
        for feed in (everything, one):
            assert (await feed.receive())["type"] == "TICKER_SNAPSHOT"
        await venue.ask(a_place(ANN, price=42))
        for feed in (everything, one):
            assert (await feed.receive())["best_bid_cents"] == 42
        await venue.ask(a_place(ANN, price=41))
        await venue.ask(CreateMarket(at=AT, market_id="D", terms=MarketTerms(title="D"), by=ROOT))
        await trio.sleep(1)
        await venue.ask(ActivateMarket(at=AT, market_id="D", by=ROOT))
        opened = await everything.receive()
        assert (opened["market_id"], opened["status"], opened["sequence_id"]) == ("D", "ACTIVE", 3)
        await venue.ask(a_place(ANN, price=43))
        news = await one.receive()
        assert (news["market_id"], news["best_bid_cents"], news["sequence_id"]) == ("M", 43, 3)


async def test_who_may_read_and_what_may_be_named() -> None:
    async with running("M", "N") as venue:
        await venue.ask(CreateMarket(at=AT, market_id="D", terms=MarketTerms(title="D"), by=ROOT))
        many = ",".join(f"M-{number}" for number in range(NAMED_MAX + 1))
        for query, status, code in (
            ("?token=nonsense", 401, 1006),
            ("?markets=M,X", 404, 3001),
            ("?markets=D", 404, 3001),
            ("?markets=", 404, 3001),
            ("?markets=M,", 404, 3001),
            (f"?markets={many}", 400, 9004),
            (f"?markets={'%2C' * 4_000}", 404, 3001),
        ):
            with Refused() as refusal:
                async with venue.connected(f"{TICKER}{query}"):
                    pass
            assert (refusal.status, refusal.body["code"]) == (status, code), query
        async with venue.connected(f"{TICKER}?markets=N,M,N") as feed:
            assert [one["market_id"] for one in (await feed.receive())["tickers"]] == ["M", "N"]
        async with venue.feed(f"{TICKER}?markets=D", ROOT) as feed:
            assert [one["status"] for one in (await feed.receive())["tickers"]] == ["DRAFT"]


async def test_snapshots_when_asked_and_each_minute(jumping: MockClock) -> None:
    async with running("M") as venue, venue.connected(TICKER) as feed:
        await feed.receive()
        for _ in range(3):
            await feed.send({"action": "REQUEST_SNAPSHOT"})
        await feed.send({"action": "DANCE"})
        assert (await feed.receive())["type"] == "TICKER_SNAPSHOT"
        assert (await feed.receive())["type"] == "ERROR"
        asked = trio.current_time()
        assert (await feed.receive())["type"] == "TICKER_SNAPSHOT"
        assert 50 < trio.current_time() - asked < 61


async def test_a_reader_that_does_not_read_gets_a_snapshot_once_it_does() -> None:
    """Nothing is queued for it meanwhile; others read on; and both end with the same."""
    names = [f"M-{number}" for number in range(120)]
    async with running(*names) as venue, venue.connected(TICKER) as quick:
        stream = await trio.open_tcp_stream("127.0.0.1", venue.port)
        stream.setsockopt(1, 8, 4096)  # SOL_SOCKET, SO_RCVBUF: so that not much fits on the way
        await stream.send_all(
            b"GET /ws/v1/ticker HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        follower = Follower()
        async with trio.open_nursery() as nursery:

            async def read() -> None:
                while True:
                    follower.take(await quick.receive())

            nursery.start_soon(read)
            readers = venue.websockets.tickers._readers
            while len(readers) < 2 or not any(reader.is_behind for reader in readers):
                for name in names:
                    await venue.ask(a_place(ANN, name, price=40, quantity=1))
                await trio.sleep(FLUSH_EVERY)
            assert max(reader.socket.waiting for reader in readers) < BEHIND + 400_000
            wanted = {name: (40, venue.server.tickers[name].standing.bid_quantity) for name in names}
            while best_bids(follower) != wanted:
                await trio.sleep(0.01)
            received, slow = b"", Follower()
            while best_bids(slow) != wanted or slow.snapshots < 2:
                received += await stream.receive_some()
                slow = Follower()
                for message in messages_of(received.partition(b"\r\n\r\n")[2]):
                    slow.take(message)
            nursery.cancel_scope.cancel()
        await stream.aclose()


async def test_a_thousand_tickers_hold_nobody() -> None:
    """Neither their first snapshot, nor a change of all of them."""
    names = [f"M-{number}" for number in range(1_000)]
    async with running(*names) as venue:

        async def act() -> None:
            async with venue.connected(TICKER) as feed:
                before = {
                    each["market_id"]: each["best_bid_quantity"] for each in (await feed.receive())["tickers"]
                }
                assert len(before) == len(names)
                for name in names:
                    venue.server.actors.submit([a_place(ANN, name, price=40, quantity=1)])
                while before:  # one by one, or together if that is more than may wait for a reader
                    told = await feed.receive()
                    for each in told.get("tickers", [told]):
                        if before.get(each["market_id"], 0) != each["best_bid_quantity"]:
                            before.pop(each["market_id"], None)

        ms, by = await longest_hold(act, 20)
        assert ms < 20, by


def best_bids(follower: Follower) -> dict[str, Any]:
    return {
        name: (ticker["best_bid_cents"], ticker["best_bid_quantity"])
        for name, ticker in follower.tickers.items()
    }
