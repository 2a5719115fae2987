"""Every websocket of the server: who may open which, and what serves it."""

from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final
from urllib.parse import parse_qs, unquote

import trio

from adapters.access.addresses import caller_address, counted_address
from adapters.access.identity import Principal, WatchedToken
from adapters.feeds.feed import Feeds
from adapters.feeds.ticker_feed import NAMED_MAX, TickerFeed
from adapters.operations.lookups import may_see
from adapters.runtime.times import MICROSECONDS
from adapters.service.guards import Guards
from adapters.service.server import Server
from adapters.sockets.framing import is_spelled
from adapters.sockets.refusals import send_refusal
from adapters.sockets.websocket import (
    BAD_TOKEN,
    GOING_AWAY,
    NOT_UTF8,
    SILENT,
    NotUtf8Error,
    SocketRules,
    Upgrade,
    WebSocket,
)
from adapters.stream.connection import Connection
from adapters.stream.hub import RESUME_SPAN, StreamHub
from adapters.stream.messages import JSON, PROTOCOLS
from adapters.wire.status import Fault, RefusedError, malformed
from kernel.codes import Code

COMMANDS: Final = "/ws/v1/commands"
ORDERBOOK: Final = "/ws/v1/orderbook/"
TRADES: Final = "/ws/v1/trades/"
TICKER: Final = "/ws/v1/ticker"

FEEDS_MAX: Final = 50
"""Feed connections of one user."""
ANONYMOUS_FEEDS_MAX: Final = 10
"""Feed connections of one address without a token."""
LOOK_AT_CLOCK: Final = 30.0
"""Seconds between two checks whether a token has expired: the clock may jump."""

STREAM_RULES: Final = SocketRules(
    silent_code=SILENT, only_pongs_count=False, waiting_max=8 * 1024 * 1024, unread_seconds_max=10.0
)
FEED_RULES: Final = SocketRules(silent_code=GOING_AWAY, only_pongs_count=True, frame_max=4096)

Conversation = Callable[[], Awaitable[None]]
Who = tuple[str, str]
"""Whose feed connections are counted together: a user or an address, and which."""
ServeFeed = Callable[[WebSocket], Awaitable[None]]
ServeMarketFeed = Callable[[WebSocket, str], Awaitable[None]]


class Websockets:
    """The command stream, the public feeds, and the guards that watch who is connected."""

    def __init__(self, server: Server, *, resume_span: int = RESUME_SPAN) -> None:
        """To be made while everything decided is durable; its parts must `hear` of what is decided later."""
        self.guards = Guards(server)
        self.hub = StreamHub(server, self.guards, resume_span=resume_span)
        server.tickers.begin(server.exchange)
        self.feeds = Feeds(server)
        self.tickers = TickerFeed(server)
        self._server = server
        self._readers: Counter[Who] = Counter()
        self.open_feeds: set[WebSocket] = set()

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Fire guards and send periodic snapshots until cancelled."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self.guards.run)
            nursery.start_soon(self.feeds.run)
            nursery.start_soon(self.tickers.run)
            task_status.started()

    async def drain(self) -> None:
        """Accept nothing new, send the results of what is under way, and close every websocket."""
        for socket in self.open_feeds:
            socket.close(GOING_AWAY, "the server is shutting down", drop=True)
        await self.hub.drain()

    @property
    def connections(self) -> dict[str, int]:
        """How many there are of each kind."""
        return {"commands": self.hub.connections, "feeds": len(self.open_feeds)}

    async def serve(self, stream: trio.SocketStream, upgrade: Upgrade) -> None:
        """One websocket, from its request to its end."""
        try:
            converse = await self._admit(stream, upgrade)
        except RefusedError as refusal:
            await send_refusal(stream, refusal, self._server.clock)
        except self._server.unavailable:
            trouble = RefusedError(Code.OVERLOADED, "The database does not answer")
            await send_refusal(stream, trouble, self._server.clock)
        else:
            await converse()

    async def _admit(self, stream: trio.SocketStream, upgrade: Upgrade) -> Conversation:
        """How to serve the connection; raises RefusedError if it is not to be opened."""
        if self.hub.is_stopping:
            raise RefusedError(Code.OVERLOADED, "The server is shutting down")
        if self._server.check_age is not None:
            await self._server.check_age(None, is_read=True)
        path = upgrade.path
        if not is_spelled(path.encode("latin-1")):
            raise RefusedError(Fault.NO_SUCH_PATH, "No such path")
        if path == COMMANDS:
            return await self._admit_commands(stream, upgrade)
        if path.startswith(ORDERBOOK):
            return await self._admit_reader(stream, upgrade, path[len(ORDERBOOK) :], self.feeds.serve_book)
        if path.startswith(TRADES):
            return await self._admit_reader(stream, upgrade, path[len(TRADES) :], self.feeds.serve_trades)
        if path == TICKER:
            return await self._admit_ticker_reader(stream, upgrade)
        raise RefusedError(Fault.NO_SUCH_PATH, "No such path")

    async def _admit_commands(self, stream: trio.SocketStream, upgrade: Upgrade) -> Conversation:
        token = token_of(upgrade)
        identities = self._server.identities
        principal = await identities.authenticate(token, amm_name(upgrade)) if token is not None else None
        check_request(upgrade)
        at = self._address_of(upgrade)
        if principal is None and not self.hub.may_join_unauthenticated(at):
            raise RefusedError(
                Code.OVERLOADED,
                "Too many connections have not said who they are: send the token with the request",
            )
        if principal is not None and not self.hub.join(principal):
            raise RefusedError(Fault.RATE_LIMITED, "Too many command connections of this user")
        protocol = next((name for name in upgrade.protocols if name in PROTOCOLS), None)
        encoding = PROTOCOLS[protocol] if protocol is not None else JSON
        socket = WebSocket(stream, STREAM_RULES, upgrade.trailing)
        socket.send(upgrade.accepted(protocol))
        return partial(self.hub.serve, Connection(self.hub, socket, encoding, principal), at)

    async def _admit_reader(
        self, stream: trio.SocketStream, upgrade: Upgrade, name: str, feed: ServeMarketFeed
    ) -> Conversation:
        principal = await self._reader_of(upgrade)
        market_id = unquote(name)
        self._check_market(principal, market_id)
        check_request(upgrade)
        return self._admitted(stream, upgrade, principal, lambda socket: feed(socket, market_id))

    async def _admit_ticker_reader(self, stream: trio.SocketStream, upgrade: Upgrade) -> Conversation:
        principal = await self._reader_of(upgrade)
        named = query_of(upgrade).get("markets")
        markets = None if named is None else frozenset(named[0].split(","))
        if markets is not None:
            if len(markets) > NAMED_MAX:
                raise malformed(("markets", f"names more than {NAMED_MAX}"))
            for market_id in sorted(markets):
                self._check_market(principal, market_id)
        check_request(upgrade)
        return self._admitted(stream, upgrade, principal, lambda socket: self.tickers.serve(socket, markets))

    async def _reader_of(self, upgrade: Upgrade) -> Principal | None:
        """Who shows a token, if one is shown."""
        token = token_of(upgrade)
        if token is None:
            return None
        return await self._server.identities.authenticate(token, amm_name(upgrade))

    def _check_market(self, reader: Principal | None, market_id: str) -> None:
        market = self._server.exchange.markets.get(market_id)
        if market is None or not self.feeds.knows(market_id) or not may_see(reader, market):
            raise RefusedError(Code.MARKET_NOT_FOUND, f"Market not found: {market_id}")

    def _admitted(
        self, stream: trio.SocketStream, upgrade: Upgrade, principal: Principal | None, feed: ServeFeed
    ) -> Conversation:
        """Open the websocket, unless its user or its address has too many.

        There must be no checkpoint since the token was checked: then it is still valid when the watch begins.
        """
        if principal is not None:
            who, most, whose = ("user", principal.user_id), FEEDS_MAX, "of this user"
        else:
            address = counted_address(self._address_of(upgrade))
            who, most, whose = ("address", address), ANONYMOUS_FEEDS_MAX, "of this address without a token"
        if self._readers[who] >= most:
            raise RefusedError(Fault.RATE_LIMITED, f"More than {most} feed connections {whose}")
        self._readers[who] += 1
        socket = WebSocket(stream, FEED_RULES, upgrade.trailing)
        socket.send(upgrade.accepted(None))
        watched = None
        if principal is not None:
            watched = self._server.identities.watch(principal, partial(socket.close, BAD_TOKEN))
        return partial(self._serve_reader, socket, who, watched, partial(feed, socket))

    def _address_of(self, upgrade: Upgrade) -> str:
        forwarded_for = upgrade.headers.get("x-forwarded-for", "")
        return caller_address(upgrade.peer, forwarded_for, self._server.settings.trusted_proxies)

    async def _serve_reader(
        self, socket: WebSocket, who: Who, watched: WatchedToken | None, converse: Conversation
    ) -> None:
        self.open_feeds.add(socket)
        try:
            async with socket.open(), trio.open_nursery() as nursery:
                if watched is not None:
                    nursery.start_soon(self._end_in_time, socket, watched)
                try:
                    await converse()
                except NotUtf8Error:
                    socket.close(NOT_UTF8, "not UTF-8")
                nursery.cancel_scope.cancel()
        finally:
            if watched is not None:
                self._server.identities.unwatch(watched)
            self.open_feeds.discard(socket)
            self._readers[who] -= 1
            if not self._readers[who]:
                del self._readers[who]

    async def _end_in_time(self, socket: WebSocket, watched: WatchedToken) -> None:
        """Close the websocket when its token expires."""
        while (left := watched.principal.expires_at - self._server.clock.wall() / MICROSECONDS) > 0:
            await trio.sleep(min(left, LOOK_AT_CLOCK))
        socket.close(BAD_TOKEN, "the token has expired")


def token_of(upgrade: Upgrade) -> str | None:
    """The token in the header, or in the query for clients that cannot set headers."""
    authorization = upgrade.headers.get("authorization")
    if authorization is not None:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise RefusedError(Fault.NOT_AUTHENTICATED, "Not authenticated: a bearer token is needed")
        return token
    given = query_of(upgrade).get("token")
    return given[0] if given else None


def query_of(upgrade: Upgrade) -> dict[str, list[str]]:
    return parse_qs(upgrade.target.partition("?")[2], keep_blank_values=True)


def amm_name(upgrade: Upgrade) -> str | None:
    """The name the market maker gives itself, if it gives one."""
    return upgrade.headers.get("x-amm-system-id")


def check_request(upgrade: Upgrade) -> None:
    if not upgrade.is_valid:
        raise RefusedError(Code.MALFORMED, "Not a request for a websocket of version 13")
