"""The public feeds of order books and trades.

Changes are encoded once a market. Only the message's number differs between readers, and readers who got
their last snapshot together share even that. For a reader who falls behind nothing is queued: on the order
book it gets a new snapshot, on the trades a gap in the numbers.
"""

from collections.abc import Callable, Sequence
from typing import Final, Literal

import attrs
import msgspec
import trio

from adapters.service.book_picture import BookPicture, Levels
from adapters.service.orders_told import OrdersTold
from adapters.service.server import Server
from adapters.sockets.websocket import TEXT, WebSocket, frame
from adapters.wire.responses import BookSideShape, LevelShape
from kernel.codes import Code, Direction, TradeScenario
from kernel.events import Fact, Fill, MarketCreated, trade_name
from kernel.journal import Decided

BEHIND: Final = 65_536
"""Bytes that may wait for a reader before it counts as behind: some hundreds of messages."""
SNAPSHOT_EVERY: Final = 30.0
ASKED_SNAPSHOTS_EVERY: Final = 1.0

encode = msgspec.json.Encoder().encode

Build = Callable[[int], bytes]
"""A message's text, given its number."""


class BookUpdate(msgspec.Struct, frozen=True, gc=False):
    """The members of an order book message that are the same for all readers."""

    market_id: str
    timestamp_ms: int
    yes: BookSideShape


class TradeNews(msgspec.Struct, frozen=True, gc=False):
    """A trade without its parties."""

    market_id: str
    timestamp_ms: int
    trade_id: str
    price_cents: int
    quantity: int
    scenario: TradeScenario
    aggressor_side: Direction


class FeedError(msgspec.Struct, frozen=True, tag_field="type", tag="ERROR"):
    code: int
    message: str


class SnapshotRequest(msgspec.Struct, frozen=True):
    action: Literal["REQUEST_SNAPSHOT"]


read_request = msgspec.json.Decoder(SnapshotRequest).decode


@attrs.define(eq=False)
class Reader:
    """One connection to one feed."""

    socket: WebSocket
    sequence: int = 0
    """The number of the last message."""
    is_behind: bool = False
    """Whether it gets nothing more until it has read what waits; then it gets a snapshot."""
    asked_at: float = -ASKED_SNAPSHOTS_EVERY
    """When it last got a snapshot that it asked for."""


@attrs.define(eq=False)
class MarketFeed:
    """One market's public book, and the readers of its feeds."""

    market_id: str
    picture: BookPicture
    book_readers: set[Reader] = attrs.field(factory=set)
    trade_readers: set[Reader] = attrs.field(factory=set)
    deltas: list[bytes] = attrs.field(factory=list)
    """Changes of the book not sent yet, encoded except for their numbers."""
    trades: list[bytes] = attrs.field(factory=list)

    def snapshot(self) -> bytes:
        """The whole book, as message number 1."""
        bids, asks = self.picture.levels()
        return numbered(SNAPSHOT_HEAD, 1, book_tail(self.market_id, self.picture.changed_at, bids, asks))

    def publish(self) -> None:
        if self.deltas:
            send_deltas(self.book_readers, self.deltas)
            self.deltas = []
        if self.trades:
            send_trades(self.trade_readers, self.trades)
            self.trades = []


class Feeds:
    """All markets' feeds."""

    def __init__(self, server: Server) -> None:
        """The public books begin as copies of the kernel's, so everything decided must be durable."""
        self._server = server
        self._markets = {
            market.id: MarketFeed(market.id, BookPicture.of(market))
            for market in server.exchange.markets.values()
        }

    async def run(self) -> None:
        """Send regular snapshots to all readers of a market at once, so that they share bytes again."""
        while True:
            await trio.sleep(SNAPSHOT_EVERY)
            for feed in self._markets.values():
                if feed.book_readers:
                    snapshot = feed.snapshot()
                    for reader in feed.book_readers:
                        if not reader.is_behind:
                            give_snapshot(reader, snapshot)
                    await trio.lowlevel.checkpoint()

    def hear(self, decided: Sequence[Decided]) -> None:
        """Apply what became durable, command by command, and send it to the readers."""
        touched: dict[str, MarketFeed] = {}
        for one in decided:
            facts = one.outcome.facts
            if not facts:
                continue
            market_id = facts[-1].market_id
            if market_id is None:
                continue
            feed = self._markets.get(market_id)
            if feed is None:
                if type(facts[0].event) is MarketCreated:
                    self._markets[market_id] = MarketFeed(market_id, BookPicture(facts[0].at))
                continue
            self._take_in(feed, facts)
            touched[market_id] = feed
        for feed in touched.values():
            feed.publish()

    def _take_in(self, feed: MarketFeed, facts: Sequence[Fact]) -> None:
        changed = feed.picture.apply(facts, OrdersTold(self._server.exchange))
        if changed is not None and feed.book_readers:
            feed.deltas.append(book_tail(feed.market_id, feed.picture.changed_at, *changed))
        if feed.trade_readers:
            feed.trades += [trade_tail(fact, fact.event) for fact in facts if isinstance(fact.event, Fill)]

    def knows(self, market_id: str) -> bool:
        """Whether the market is publicly known to exist."""
        return market_id in self._markets

    async def serve_book(self, socket: WebSocket, market_id: str) -> None:
        """Serve one reader of an order book until it disconnects."""
        feed, reader = self._markets[market_id], Reader(socket)

        def catch_up() -> None:
            if reader.is_behind:
                reader.is_behind = False
                give_snapshot(reader, feed.snapshot())

        socket.when_drained = catch_up
        feed.book_readers.add(reader)
        try:
            give_snapshot(reader, feed.snapshot())
            while (received := await socket.receive()) is not None:
                if not is_snapshot_request(received):
                    complain(reader)
                elif not reader.is_behind and trio.current_time() - reader.asked_at >= ASKED_SNAPSHOTS_EVERY:
                    reader.asked_at = trio.current_time()
                    give_snapshot(reader, feed.snapshot())
        finally:
            feed.book_readers.discard(reader)

    async def serve_trades(self, socket: WebSocket, market_id: str) -> None:
        """Serve one reader of new trades until it disconnects."""
        feed, reader = self._markets[market_id], Reader(socket)
        feed.trade_readers.add(reader)
        try:
            while await socket.receive() is not None:
                complain(reader)
        finally:
            feed.trade_readers.discard(reader)


def send_deltas(readers: set[Reader], tails: list[bytes]) -> None:
    shared: dict[int, bytes] = {}
    for reader in readers:
        if reader.is_behind:
            continue
        if reader.socket.waiting > BEHIND:
            reader.is_behind = True
            continue
        send_numbered(reader, DELTA_HEAD, tails, shared)


def send_trades(readers: set[Reader], tails: list[bytes]) -> None:
    shared: dict[int, bytes] = {}
    for reader in readers:
        if reader.socket.waiting > BEHIND:
            reader.sequence += len(tails)
        else:
            send_numbered(reader, TRADE_HEAD, tails, shared)


def send_numbered(reader: Reader, head: bytes, tails: list[bytes], shared: dict[int, bytes]) -> None:
    """Send messages with the reader's own numbers; `shared` has those built for readers with the same."""
    first = reader.sequence + 1
    reader.sequence += len(tails)
    encoded = shared.get(first)
    if encoded is None:
        encoded = shared[first] = b"".join(
            [numbered(head, number, tail) for number, tail in enumerate(tails, first)]
        )
    reader.socket.send(encoded)


def give_snapshot(reader: Reader, snapshot: bytes) -> None:
    reader.sequence = 1
    reader.socket.send(snapshot)


def complain(reader: Reader) -> None:
    """Send an error, but only if nothing waits to be read: errors must not fill a queue."""
    if not reader.socket.waiting:
        message = 'Only {"action":"REQUEST_SNAPSHOT"} is understood, and only on the order book'
        reader.socket.send(frame(TEXT, encode(FeedError(Code.MALFORMED, message))))


def is_snapshot_request(received: str | bytes) -> bool:
    try:
        read_request(received)
    except (ValueError, RecursionError):
        return False
    return isinstance(received, str)


# Messages, but for their numbers

SNAPSHOT_HEAD: Final = b'{"type":"ORDERBOOK_UPDATE","update_type":"SNAPSHOT","sequence_id":'
DELTA_HEAD: Final = b'{"type":"ORDERBOOK_UPDATE","update_type":"DELTA","sequence_id":'
TRADE_HEAD: Final = b'{"type":"TRADE","sequence_id":'


def numbered(head: bytes, number: int, tail: bytes) -> bytes:
    """A whole message as a frame."""
    return frame(TEXT, b"%b%d,%b" % (head, number, tail))


def book_tail(market_id: str, at: int, bids: Levels, asks: Levels) -> bytes:
    side = BookSideShape([LevelShape(*level) for level in bids], [LevelShape(*level) for level in asks])
    return encode(BookUpdate(market_id, at // 1000, side))[1:]


def trade_tail(fact: Fact, fill: Fill) -> bytes:
    assert fact.market_id is not None
    trade = fill.trade
    taker_side = Direction.SELL if trade.maker_direction is Direction.BUY else Direction.BUY
    news = TradeNews(
        fact.market_id,
        fact.at // 1000,
        trade_name(trade.trade_id),
        fill.trade_price,
        fill.fill_qty,
        trade.scenario,
        taker_side,
    )
    return encode(news)[1:]
