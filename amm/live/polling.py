"""The exchange without its command stream: commands one by one over REST, own trades and statuses asked for.

To the markets it looks like the stream, less what only the stream has: there is no guard, so each start
begins with a batch cancel, and no event of an order, so a fill is known by its trade alone.
"""

import ssl
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol, assert_never

import attrs
import msgspec
import structlog
import trio

from amm.brain.arithmetic import Ms
from amm.brain.budget import planned
from amm.brain.commands import (
    BatchCancel,
    Burn,
    Cancel,
    Command,
    Mint,
    Place,
    Replace,
    ResetGroup,
    SetGroup,
    Sync,
)
from amm.brain.inputs import Answer, Frame
from amm.brain.lifecycle import FINAL
from amm.brain.quoting.inventory import Fill
from amm.brain.wire import REFUSAL_DATA, SUCCESS_DATA, Data, Market, Party, Role, Synced, Trade, TradeExecuted
from amm.live.backoff import Backoff
from amm.live.connection import Observed, StreamListener
from amm.live.feed import Feed
from amm.live.rest import ExchangeClient, PublicTrade, RefusedError, UnreachableError

log = structlog.get_logger(__name__)

QUERIES_PER_MARKET = 2
QUERIES_PER_ROUND = 2
QUERIES_A_MINUTE = {True: 1_200, False: 120}
"""The exchange's limit, by whether the token is a service token."""
LOOKS = 5
"""How often to look again for a moment without a fill before a sync is given up for now."""
UNKNOWN_OUTCOME = 9003
TOO_MANY_REQUESTS = 429


class PollingListener(StreamListener, Protocol):
    """What polling reports in addition to what the stream does."""

    def running(self) -> list[str]: ...
    def filled(self, market_id: str, fills: tuple[Fill, ...]) -> None: ...
    def status(self, market: Market) -> None: ...


@attrs.define(eq=False)
class Polling:
    exchange: ExchangeClient
    clock: Callable[[], Ms]
    interval_ms: Ms
    trades_url: Callable[[str], str]
    tls: ssl.SSLContext | None = None
    markets: PollingListener = attrs.field(init=False)
    delivered: int = 0
    """Own trades up to this journal id have been handed to the markets."""
    connected: bool = False
    why: str = "not asked yet"
    observed: Observed = attrs.field(factory=Observed)
    _heard_ms: Ms | None = None
    _latest: str | None = None
    """The newest own trade that was handed on."""
    _public: dict[str, str] = attrs.field(factory=dict)
    _asking: trio.Lock = attrs.field(factory=trio.Lock)
    _waiting: dict[str, deque[Command]] = attrs.field(factory=dict)
    _work: dict[str, trio.Event] = attrs.field(factory=dict)
    _nursery: trio.Nursery = attrs.field(init=False)
    _feeds: dict[str, tuple[Feed, trio.CancelScope]] = attrs.field(factory=dict)
    _hurried: trio.Event = attrs.field(factory=trio.Event)
    """Set when somebody has traded since the last round began."""

    # What the markets use.

    def submit(self, market_id: str, commands: list[Command]) -> None:
        """Send each market's commands one after the other. Without a connection they are dropped."""
        if not self.connected:
            return
        if market_id not in self._waiting:
            self._waiting[market_id], self._work[market_id] = deque(), trio.Event()
            self._nursery.start_soon(self._send_all, market_id)
            self._follow_trades()  # not only with the next round: it quotes now
        self._waiting[market_id].extend(commands)
        self._work[market_id].set()

    def drop(self) -> None:
        """There is no guard that would notice."""

    async def leave(self) -> None:
        """There is no guard to take off."""

    def reconnect(self) -> None:
        """Each request carries the token that is valid then; feeds are opened anew with it."""
        for feed, _scope in self._feeds.values():
            feed.reopen()

    async def authenticate(self) -> None:
        self.reconnect()

    # Asking.

    async def run(self) -> None:
        """Ask in rounds, until cancelled."""
        backoff = Backoff()
        while True:
            try:
                async with trio.open_nursery() as self._nursery:
                    await self._rounds(backoff)
            except* (UnreachableError, RefusedError, msgspec.MsgspecError) as failures:
                self.why = str(failures.exceptions[0])
            self._waiting.clear()
            self._feeds.clear()
            if self.connected:
                self.connected = False
                log.warning("the exchange does not answer", why=self.why)
                self.markets.down()
            await trio.sleep(backoff.next())

    async def _rounds(self, backoff: Backoff) -> None:
        if self._latest is None:
            self._latest = await self.exchange.latest_trade()
        while True:
            began, self._hurried = trio.current_time(), trio.Event()
            self._follow_trades()
            try:
                await self._round(began)
                backoff.reset()
            except RefusedError as refusal:
                if refusal.status != TOO_MANY_REQUESTS:
                    raise
                log.warning("asked too often", why=str(refusal))
            await trio.sleep_until(began + self._least_seconds())
            with trio.move_on_at(began + self.interval_ms / 1_000):
                await self._hurried.wait()

    async def _round(self, began: float) -> None:
        await self._ask_trades()
        self._up()
        for market_id in self.markets.running():
            await self._ask_market(market_id)
        self.markets.pong(round((trio.current_time() - began) * 1_000) // self._queries())

    def _up(self) -> None:
        now = self.clock()
        if not self.connected:
            blind = 0 if self._heard_ms is None else now - self._heard_ms
            self.observed.reconnects += self._heard_ms is not None
            self.connected, self.why = True, ""
            self.markets.up(blind, resumed=True)
        self._heard_ms = now

    def _queries(self) -> int:
        return QUERIES_PER_ROUND + QUERIES_PER_MARKET * len(self.markets.running())

    def _least_seconds(self) -> float:
        """The shortest time of a round: with this many markets the exchange allows no more requests."""
        return self._queries() * 60 / planned(QUERIES_A_MINUTE[self.exchange.credentials.is_service_token])

    def _follow_trades(self) -> None:
        """Listen to the trades of our markets; one starts a round early, so a lost one does no harm."""
        running = set(self.markets.running())
        for market_id in self._feeds.keys() - running:
            self._feeds.pop(market_id)[1].cancel()
        for market_id in running - self._feeds.keys():
            url = self.trades_url(market_id)
            feed = Feed(url, self.exchange.credentials, self._traded, self.tls, silence_max=float("inf"))
            self._feeds[market_id] = feed, trio.CancelScope()
            self._nursery.start_soon(self._listen, *self._feeds[market_id])
            self._hurried.set()  # of what is traded before the feed is open it does not tell

    async def _listen(self, feed: Feed, scope: trio.CancelScope) -> None:
        with scope:
            await feed.run()

    def _traded(self, _frame: str | bytes) -> None:
        self._hurried.set()

    async def _ask_trades(self) -> int:
        """Hand on new trades of ours; return how many. Two at once would hand them on twice."""
        async with self._asking:
            count = 0
            while True:
                page, seq = await self.exchange.own_trades(self._latest)
                if seq < self.delivered:
                    self.markets.stepped_back(self.delivered, seq)
                self.delivered = seq
                for trade in page.items:
                    self._latest = trade.trade_id
                    self.markets.filled(trade.market_id, (trade.fill(),))
                count += len(page.items)
                if page.next_cursor is None:
                    break
            return count

    async def _ask_market(self, market_id: str) -> None:
        market = await self.exchange.market(market_id)
        if market.status in FINAL:
            await self._ask_trades()  # the last before the payout: it is of what they left
        self.markets.status(market)
        trades = await self.exchange.public_trades(market_id)
        last = self._public.get(market_id)
        self._public[market_id] = trades[0].trade_id if trades else ""
        if last is None:
            return  # what was traded before we came is history
        fresh = [one for one in reversed(trades) if number(one.trade_id) > number(last)]
        if fresh:
            now = self.clock()
            events = tuple(TradeExecuted(now, market_id, anonymous(one)) for one in fresh)
            self.markets.frame(market_id, Frame(0, events))

    # Sending.

    async def _send_all(self, market_id: str) -> None:
        waiting = self._waiting[market_id]
        while True:
            await self._work[market_id].wait()
            self._work[market_id] = trio.Event()
            while waiting:
                command = waiting.popleft()
                began = trio.current_time()
                answer = await self._send(market_id, command)
                op = str(type(command).__struct_config__.tag)
                outcome = "ok" if answer.ok else str(answer.code)
                self.observed.commands[market_id, op, outcome] += 1
                self.observed.latency(market_id, op, (trio.current_time() - began) * 1_000)
                self.markets.answer(market_id, answer)

    async def _send(self, market_id: str, command: Command) -> Answer:
        """A request without an answer is the end of the connection, as on the stream; what it asked for, and
        may have got, is asked again with the same id once there is another.
        """
        try:
            if isinstance(command, Sync):
                return await self._sync(market_id, command)
            path, body = request_of(command)
            kind: Any = SUCCESS_DATA[str(type(command).__struct_config__.tag)]
            data, seq = await self.exchange.command(kind, path, body)
            return Answer(command.ref, 0, seq, data)
        except RefusedError as refusal:
            return Answer(command.ref, refusal.code, refusal.seq, told_with(refusal))

    async def _sync(self, market_id: str, command: Sync) -> Answer:
        """Read in pieces what the stream gives at once, at a moment in which none of our orders was filled.

        All trades up to the position's journal id have been handed on, and none came until it was read.
        """
        await self._ask_trades()
        for _ in range(LOOKS):
            orders = await self.exchange.open_orders(market_id)
            position = await self.exchange.position(market_id)
            balance = await self.exchange.balance()
            market = await self.exchange.market(market_id)
            if await self._ask_trades() == 0:
                self.markets.status(market)  # or a payout that we have not heard of would look like a drift
                synced = Synced(self.delivered, balance, position, orders, market)
                return Answer(command.ref, 0, self.delivered, synced)
        return Answer(command.ref, UNKNOWN_OUTCOME, self.delivered)


def request_of(
    command: Place | Replace | Cancel | BatchCancel | SetGroup | ResetGroup | Mint | Burn,
) -> tuple[str, dict[str, Any]]:
    """Where a command goes, and its body: what it says, without the members that only the stream needs."""
    body = msgspec.to_builtins(command)
    for member in ("op", "ref"):
        del body[member]
    match command:
        case Place():
            return "/orders", body
        case Replace():
            return "/amm/orders/replace", body
        case Cancel(order_id=order_id):
            return f"/orders/{order_id}/cancel", {}
        case BatchCancel():
            return "/amm/orders/batch-cancel", body
        case SetGroup():
            return "/orders/groups", body
        case ResetGroup():
            return "/orders/groups/reset", body
        case Mint():
            return "/amm/mint", body
        case Burn():
            return "/amm/burn", body
        case _:
            assert_never(command)


def told_with(refusal: RefusedError) -> Data | None:
    kind: Any = REFUSAL_DATA.get(refusal.code)
    if kind is None:
        return None
    data: Data = msgspec.json.decode(refusal.data, type=kind)
    return data


def anonymous(trade: PublicTrade) -> Trade:
    """A public trade as the strategy learns from it: who it was is not told, only who took."""
    taker = Party(None, None, Role.TAKER, 0)
    maker = Party(None, None, Role.MAKER, 0)
    buyer, seller = (taker, maker) if trade.taker_buys else (maker, taker)
    return Trade(trade.trade_id, trade.price_cents, trade.quantity, buyer, seller)


def number(trade_id: str) -> int:
    return int(trade_id.rpartition("_")[2] or 0)
