"""The public feed of tickers: of all markets, or of some, over one connection.

A ticker that changed is sent at most four times a second, and as it is then: nobody needs what it was in
between. It is encoded once; readers who got their last snapshot together share whole messages.
"""

from collections.abc import Iterable
from typing import Final

import attrs
import msgspec
import trio

from adapters.feeds.feed import (
    ASKED_SNAPSHOTS_EVERY,
    BEHIND,
    Reader,
    complain,
    give_snapshot,
    is_snapshot_request,
    send_numbered,
)
from adapters.service.server import Server
from adapters.service.tickers import MarketTicker
from adapters.sockets.websocket import TEXT, WebSocket, frame
from adapters.wire.responses import TickerShape
from kernel.codes import MarketStatus

NAMED_MAX: Final = 100
"""Markets that a reader may name."""
FLUSH_EVERY: Final = 0.25
"""Seconds between two messages about one market, at least."""
SNAPSHOT_EVERY: Final = 60.0
TICKERS_AT_ONCE: Final = 200
"""Tickers that are told in one step: a millisecond or two."""


class TickerSnapshot(msgspec.Struct, frozen=True):
    """The tickers of a reader's markets; `timestamp_ms` is that of the newest change."""

    timestamp_ms: int
    tickers: list[TickerShape]


@attrs.define(eq=False)
class TickerReader(Reader):
    """One connection, for all markets or for some."""

    markets: frozenset[str] | None = None


class TickerFeed:
    """The readers, and what has changed since they were last told."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._readers: set[TickerReader] = set()
        self._changed: dict[str, MarketTicker] = {}
        self._news = trio.Event()
        server.tickers.on_change = self._note

    def _note(self, ticker: MarketTicker) -> None:
        if self._readers and ticker.standing.status is not MarketStatus.DRAFT:
            self._changed[ticker.market_id] = ticker
            self._news.set()

    async def run(self) -> None:
        """Tell what has changed, and send regular snapshots to all readers at once, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._tell_changes)
            nursery.start_soon(self._send_snapshots)

    async def serve(self, socket: WebSocket, markets: frozenset[str] | None) -> None:
        """Serve one reader until it disconnects."""
        reader = TickerReader(socket, markets=markets)

        def catch_up() -> None:
            if reader.is_behind:
                reader.is_behind = False
                give_snapshot(reader, self._snapshot(markets))

        socket.when_drained = catch_up
        await self._prepare()
        self._readers.add(reader)
        try:
            give_snapshot(reader, self._snapshot(markets))
            while (received := await socket.receive()) is not None:
                if not is_snapshot_request(received):
                    complain(reader)
                elif not reader.is_behind and trio.current_time() - reader.asked_at >= ASKED_SNAPSHOTS_EVERY:
                    reader.asked_at = trio.current_time()
                    await self._prepare()
                    give_snapshot(reader, self._snapshot(markets))
        finally:
            self._readers.discard(reader)

    async def _tell_changes(self) -> None:
        while True:
            await self._news.wait()
            self._news = trio.Event()
            changed, self._changed = list(self._changed.values()), {}
            for first in range(0, len(changed), TICKERS_AT_ONCE):
                self._tell(changed[first : first + TICKERS_AT_ONCE])
                await trio.lowlevel.checkpoint()
            await trio.sleep(FLUSH_EVERY)

    def _tell(self, changed: Iterable[MarketTicker]) -> None:
        """Send tickers as they are by now to whoever reads them; what comes later is noted once more."""
        now = self._server.clock.now()
        tails = {
            ticker.market_id: b'"timestamp_ms":%d,%b' % (ticker.changed_at // 1000, ticker.encoded(now)[1:])
            for ticker in changed
        }
        everything = list(tails.values())
        shared: dict[int, bytes] = {}
        for reader in self._readers:
            if reader.is_behind:
                continue
            if reader.socket.waiting > BEHIND:
                reader.is_behind = True
            elif reader.markets is None:
                send_numbered(reader, TICKER_HEAD, everything, shared)
            elif told := [tails[market_id] for market_id in tails.keys() & reader.markets]:
                send_numbered(reader, TICKER_HEAD, told, {})

    async def _send_snapshots(self) -> None:
        """In one step: a snapshot that was made before a change must not be sent behind it."""
        while True:
            await trio.sleep(SNAPSHOT_EVERY)
            await self._prepare()
            made: dict[frozenset[str] | None, bytes] = {}
            for reader in self._readers:
                if not reader.is_behind:
                    markets = reader.markets
                    if markets not in made:
                        made[markets] = self._snapshot(markets)
                    give_snapshot(reader, made[markets])

    async def _prepare(self) -> None:
        """Encode what is not yet, in steps: a snapshot, which is one step, then has little left to do."""
        tickers = self._server.tickers.listed()
        for first in range(0, len(tickers), TICKERS_AT_ONCE):
            for ticker in tickers[first : first + TICKERS_AT_ONCE]:
                ticker.encoded(self._server.clock.now())
            await trio.lowlevel.checkpoint()

    def _snapshot(self, markets: frozenset[str] | None) -> bytes:
        """The tickers of these markets, or of all that are listed, as message number 1."""
        tickers, now = self._server.tickers, self._server.clock.now()
        found = tickers.listed() if markets is None else [tickers[market_id] for market_id in sorted(markets)]
        at = max((ticker.changed_at for ticker in found), default=0)
        told = b",".join([ticker.encoded(now) for ticker in found])
        return frame(TEXT, b'%b1,"timestamp_ms":%d,"tickers":[%b]}' % (SNAPSHOT_HEAD, at // 1000, told))


SNAPSHOT_HEAD: Final = b'{"type":"TICKER_SNAPSHOT","sequence_id":'
TICKER_HEAD: Final = b'{"type":"TICKER","sequence_id":'
