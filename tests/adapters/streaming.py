"""An exchange that serves its websockets on a real port, and clients that speak to it over real sockets.

Its journal is kept in memory, and its users too: what they promise is tested where they live. Everything from
the socket to the kernel is the real thing.
"""

import contextlib
import itertools
import math
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, cast

import attrs
import msgspec
import pytest
import trio
import trio_websocket
from hypercorn.config import Config, Sockets
from quart_trio import QuartTrio
from trio.testing import MockClock

from adapters.access.identity import Identities
from adapters.access.login_delays import LoginDelays
from adapters.access.passwords import Passwords
from adapters.access.rate_limits import RateLimits
from adapters.access.tables import ApiKeys, KeyStanding, Users
from adapters.access.tokens import SERVICES, Tokens, TokenType
from adapters.operations.table import STREAM_OPERATIONS
from adapters.runtime.clock import Clock
from adapters.runtime.settings import Settings
from adapters.service.server import History, Projections, Server, Sessions
from adapters.sockets import listener
from adapters.sockets.connection_limits import ConnectionLimits
from adapters.stream.websockets import Websockets
from adapters.wire.user_responses import WORKER_ID
from kernel.actors import Actors
from kernel.codes import AMM_ID, Direction, KeyKind, Side
from kernel.commands import (
    ActivateMarket,
    AnyCommand,
    CreateMarket,
    Deposit,
    MarketTerms,
    MintShares,
    OpenAccount,
    OpenJournal,
    OrderTerms,
    PlaceOrder,
)
from kernel.events import Fact, Fill, KeysForgotten, decode_event, trade_name
from kernel.exchange import Exchange
from kernel.journal import Decided, Journal, MemoryJournal
from kernel.making_answers import MmCampaignIs, MmOrderIs, MmPaymentMade
from kernel.making_commands import (
    INTERNAL,
    CampaignControl,
    CampaignTerms,
    ControlMmCampaign,
    CreateMmCampaign,
    CreateMmOrder,
    JoinMmCampaign,
    MmTerms,
    PayMmOrder,
    VenueRules,
)
from kernel.making_edges import MmAsset
from kernel.order_image import order_image
from kernel.past import KeyUse, OrderImage
from tests.kernel.members import altered

AT = 1_795_168_800_000_000
MESSAGES: dict[str, Any] = {op: row.message for op, row in STREAM_OPERATIONS.items()}
"""How each command is said, by its name."""
SECRET = "a secret that is long enough for anybody"
ANN = "0193f1c2-5a77-7c1e-9f10-000000000001"
BEN = "0193f1c2-5a77-7c1e-9f10-000000000002"
EVE = "0193f1c2-5a77-7c1e-9f10-000000000003"
ROOT = "0193f1c2-5a77-7c1e-9f10-00000000000a"
NAMES = {ANN: "ann", BEN: "ben", EVE: "eve", ROOT: "root", AMM_ID: "amm_market_maker", WORKER_ID: "mm_worker"}

_numbers = itertools.count(1)


class WallClock(Clock):
    """Runs with trio's clock, which a test can make jump."""

    def __init__(self) -> None:
        self._began = int(trio.current_time() * 1_000_000)
        self._shifted = 0
        super().__init__()

    def wall(self) -> int:
        return AT + int(trio.current_time() * 1_000_000) - self._began + self._shifted

    def now(self) -> int:
        return self.wall()

    def shift(self, seconds: int) -> None:
        self._shifted += seconds * 1_000_000


@attrs.define
class Row:
    id: str
    username: str
    account_type: str
    is_active: bool = True
    email: str = "somebody@example.org"
    created_at: datetime = datetime(2026, 11, 20, tzinfo=UTC)
    token_generation: int = 0


@attrs.frozen
class Standing:
    user: Row
    sessions: frozenset[str] = frozenset()
    ended_tokens: dict[bytes, datetime] = attrs.field(factory=dict)
    keys: dict[bytes, KeyStanding] = attrs.field(factory=dict)


class Registry:
    """Users, kept in memory. Nobody hears of changes: every request asks."""

    def __init__(self) -> None:
        self.rows = {
            user_id: Row(user_id, name, {**SERVICES, ROOT: "ADMIN"}.get(user_id, "USER"))
            for user_id, name in NAMES.items()
        }

    async def standings(self, user_ids: Iterable[str]) -> dict[str, Standing]:
        return {user_id: Standing(self.rows[user_id]) for user_id in user_ids if user_id in self.rows}

    async def set_active(self, user_id: str, is_active: bool, *, spares_last_admin: bool = False) -> bool:
        self.rows[user_id].is_active = is_active
        return True


class Tables:
    """The past as the tables would tell it, told from the journal's facts."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.reached = 2**63

    async def until(self, journal_id: int, patience: float) -> bool:
        return True

    async def trades_of_order(self, order: Any) -> tuple[int, list[dict[str, Any]]]:
        """None of them ever left."""
        return 0, [
            row_of(fact, fact.event, order)
            async for fact in self._journal.read(0)
            if isinstance(fact.event, Fill)
            and order.id in (fact.event.order_id, fact.event.counterparty_order_id)
        ]

    async def past_orders(
        self, user_id: str, names: Sequence[str], order_ids: Sequence[str]
    ) -> list[OrderImage]:
        exchange = Exchange()
        exchange.parted = {}
        async for fact in self._journal.read(0):
            exchange.apply(fact)
        return [
            order_image(order)
            for order in (*exchange.orders.values(), *(order for _, order in exchange.parted.values()))
            if order.id in order_ids or (order.account.id == user_id and order.client_order_id in names)
        ]

    async def key_use(self, kind: KeyKind, key: str) -> KeyUse | None:
        uses = [
            use
            async for fact in self._journal.read(0)
            if isinstance(fact.event, KeysForgotten)
            for use in fact.event.uses
            if (use.kind, use.idempotency_key) == (kind, key)
        ]
        return uses[-1] if uses else None


def row_of(fact: Fact, fill: Fill, order: Any) -> dict[str, Any]:
    trade = fill.trade
    return {
        "trade_id": trade_name(trade.trade_id),
        "scenario": trade.scenario,
        "maker_order_id": fill.order_id,
        "price_cents": fill.trade_price,
        "quantity": fill.fill_qty,
        "maker_fee": trade.maker_fee,
        "taker_fee": trade.taker_fee,
        "buy_realized_pnl": trade.buy_realized_pnl,
        "sell_realized_pnl": trade.sell_realized_pnl,
        "executed_at": datetime.fromtimestamp(fact.at / 1e6, UTC),
    }


def founding(*market_ids: str) -> list[AnyCommand]:
    """Three rich users, an administrator, a market maker with shares, and markets."""
    commands: list[AnyCommand] = [OpenJournal(at=AT)]
    for user_id in (ANN, BEN, EVE, ROOT):
        commands += [
            OpenAccount(at=AT, user_id=user_id),
            Deposit(at=AT, user_id=user_id, amount=10_000_000),
        ]
    commands.append(Deposit(at=AT, user_id=AMM_ID, amount=10_000_000))
    for market_id in market_ids:
        terms = MarketTerms(
            title=market_id,
            max_order_quantity=100_000,
            max_position_per_user=10_000_000,
            max_open_orders=10_000,
            max_open_orders_total=100_000,
        )
        commands += [
            CreateMarket(at=AT, market_id=market_id, terms=terms, by=ROOT),
            ActivateMarket(at=AT, market_id=market_id, by=ROOT),
            MintShares(
                at=AT,
                user_id=AMM_ID,
                market_id=market_id,
                quantity=10_000,
                idempotency_key=f"first-{market_id}",
                nonce=0,
            ),
        ]
    return commands


def a_place(user_id: str, market_id: str = "M", **members: Any) -> PlaceOrder:
    number = next(_numbers)
    given: dict[str, Any] = {
        "at": AT,
        "user_id": user_id,
        "client_order_id": f"direct-{number}",
        "market_id": market_id,
        "terms": OrderTerms(Side.YES, Direction.BUY, 40, 10),
        "nonce": number,
    }
    return altered(PlaceOrder(**given), **members)


async def founded(journal: Journal, *market_ids: str) -> Exchange:
    """A new exchange, its founding in the journal."""
    exchange = Exchange()
    decided = [Decided(command, "founding", exchange.execute(command)) for command in founding(*market_ids)]
    await journal.append([journal.pack(decided)])
    return exchange


async def replayed(journal: Journal) -> Exchange:
    """The exchange that a journal tells of, as after a crash."""
    exchange = Exchange()
    async for fact in journal.read(0):
        exchange.apply(Fact(fact.id, fact.at, fact.market_id, decode_event(msgspec.json.encode(fact.event))))
    return exchange


@attrs.define(eq=False)
class Venue:
    """A running exchange."""

    server: Server
    websockets: Websockets
    journal: Journal
    registry: Registry
    port: int
    stop: trio.Event

    @property
    def exchange(self) -> Exchange:
        return self.server.exchange

    @property
    def durable(self) -> int:
        return self.server.actors.durable

    def token(self, user_id: str, kind: TokenType = TokenType.ACCESS) -> str:
        return self.server.tokens.issue(user_id, kind, "USER")

    async def ask(self, *commands: AnyCommand) -> None:
        """As if somebody else had sent it."""
        await self.server.actors.ask(*commands)

    @contextlib.asynccontextmanager
    async def feed(self, path: str, user_id: str = EVE) -> AsyncIterator["Client"]:
        async with self.connected(path, self.token(user_id)) as client:
            yield client

    @contextlib.asynccontextmanager
    async def client(
        self, user_id: str = ANN, *, protocol: str | None = None, kind: TokenType = TokenType.ACCESS
    ) -> AsyncIterator["Client"]:
        """A command connection that has been greeted."""
        async with self.connected("/ws/v1/commands", self.token(user_id, kind), protocol) as client:
            client.hello = await client.receive()
            assert client.hello["t"] == "hello"
            yield client

    def connected(
        self, path: str, token: str | None = None, protocol: str | None = None
    ) -> contextlib.AbstractAsyncContextManager["Client"]:
        return connected(self.port, path, token, protocol)


@contextlib.asynccontextmanager
async def connected(
    port: int, path: str = "/ws/v1/commands", token: str | None = None, protocol: str | None = None
) -> AsyncIterator["Client"]:
    """A websocket to whichever server listens there."""
    async with trio_websocket.open_websocket(
        "127.0.0.1",
        port,
        path,
        use_ssl=False,
        subprotocols=[protocol] if protocol else None,
        extra_headers=[(b"authorization", f"Bearer {token}".encode())] if token else None,
        max_message_size=64 * 1024 * 1024,
        disconnect_timeout=1,
    ) as connection:
        yield Client(connection)


@attrs.define(eq=False)
class Client:
    """One websocket from the other side."""

    connection: trio_websocket.WebSocketConnection
    hello: dict[str, Any] = attrs.field(factory=dict)
    _waiting: list[dict[str, Any]] = attrs.field(factory=list)
    _cids: Callable[[], int] = attrs.field(factory=lambda: itertools.count(1).__next__)

    async def send(self, *commands: Any) -> None:
        """One command as it is, several as a batch."""
        await self.send_text(msgspec.json.encode(list(commands) if len(commands) != 1 else commands[0]))

    async def send_text(self, text: bytes | str) -> None:
        await self.connection.send_message(text if isinstance(text, str) else text.decode())

    async def send_packed(self, value: Any) -> None:
        await self.connection.send_message(msgspec.msgpack.encode(value))

    async def receive_frame(self) -> list[dict[str, Any]]:
        """The messages of the next frame."""
        received = await self.connection.get_message()
        if isinstance(received, bytes):
            value = msgspec.msgpack.decode(received)
        else:
            value = msgspec.json.decode(received)
        return value if isinstance(value, list) else [value]

    async def receive(self) -> dict[str, Any]:
        """The next message, whichever frame it came in."""
        while not self._waiting:
            self._waiting += await self.receive_frame()
        return self._waiting.pop(0)

    async def results(self, count: int) -> list[dict[str, Any]]:
        """So many results, in the order they came; other messages in between are passed over."""
        found: list[dict[str, Any]] = []
        while len(found) < count:
            message = await self.receive()
            if message["t"] == "result":
                found.append(message)
        return found

    async def events(self, count: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while len(found) < count:
            message = await self.receive()
            if message["t"] == "event":
                found.append(message)
        return found

    async def do(self, op: str, **members: Any) -> dict[str, Any]:
        """One command, and its result."""
        cid = self._cids()
        await self.send({"cid": cid, "op": op, **members})
        while True:
            message = await self.receive()
            if message["t"] == "result" and message["cid"] == cid:
                return message

    async def place(self, **members: Any) -> dict[str, Any]:
        return await self.do("place", **wish(**members))

    async def _read_on(self) -> None:
        while True:
            await self.connection.get_message()

    async def closing(self) -> tuple[int, str | None]:
        """The code and reason with which the server closes."""
        with pytest.raises(trio_websocket.ConnectionClosed) as closed:
            await self._read_on()
        assert closed.value.reason is not None
        return closed.value.reason.code, closed.value.reason.reason


def wish(**members: Any) -> dict[str, Any]:
    """The members of an order to place."""
    given: dict[str, Any] = {
        "client_order_id": f"o-{next(_numbers)}",
        "market_id": "M",
        "side": "YES",
        "direction": "BUY",
        "price_cents": 40,
        "quantity": 10,
    }
    return given | members


UNLIMITED = Settings(rate_limits=False)
PATIENCE = 30
"""Seconds after which a test hangs."""


@contextlib.asynccontextmanager
async def running(
    *market_ids: str,
    journal: Journal | None = None,
    exchange: Exchange | None = None,
    settings: Settings = UNLIMITED,
    **options: Any,
) -> AsyncIterator[Venue]:
    """A server with these markets; with `exchange`, one that goes on from there."""
    journal = journal if journal is not None else MemoryJournal()
    if exchange is None:
        exchange = await founded(journal, *(market_ids or ("M",)))
    clock, registry, tables = WallClock(), Registry(), Tables(journal)
    tokens = Tokens(SECRET, clock)
    actors, users = Actors(exchange, journal), cast(Users, registry)
    server = Server(
        settings=settings,
        clock=clock,
        actors=actors,
        history=cast(History, tables),
        projections=cast(Projections, tables),
        users=users,
        sessions=cast(Sessions, None),
        api_keys=cast(ApiKeys, None),
        tokens=tokens,
        identities=Identities(tokens, users, cast(ApiKeys, None), clock, ()),
        passwords=Passwords(),
        login_delays=LoginDelays(),
        rate_limits=RateLimits(settings, clock),
        check_record=nothing_wrong,
        unavailable=(),
        version="0",
        connections=dict,
    )
    websockets = Websockets(server, **options)
    actors.listeners += [
        *(websockets.guards.hear, websockets.hub.hear, server.tickers.hear, websockets.feeds.hear),
    ]
    config = Config()
    config.graceful_timeout = 15
    config.errorlog = None
    listening = socket.create_server(("127.0.0.1", 0), backlog=256)
    stop = trio.Event()
    # What hangs fails; a clock that jumps ahead would make everything look hung.
    patience = math.inf if isinstance(trio.lowlevel.current_clock(), MockClock) else PATIENCE
    with trio.fail_after(patience):
        async with trio.open_nursery() as nursery:
            await nursery.start(actors.run)
            await nursery.start(websockets.run)
            await nursery.start(
                lambda task_status: listener.serve(
                    QuartTrio("tests"),
                    config,
                    websockets,
                    sockets=Sockets([], [listening], []),
                    limits=ConnectionLimits(settings, clock),
                    shutdown_trigger=stop.wait,
                    task_status=task_status,
                )
            )
            yield Venue(server, websockets, journal, registry, listening.getsockname()[1], stop)
            nursery.cancel_scope.cancel()


ELSEWHERE = "elsewhere"
VENUES_ON = attrs.evolve(UNLIMITED, mm_withdraw_to_exchange_enabled=True, mm_venues=(ELSEWHERE,))


async def making_order(
    venue: Venue, user_id: str = ANN, market_id: str = "M", where: str = INTERNAL, **terms: Any
) -> str:
    """The id of a market-making order that was paid, and runs; or waits to leave for a venue elsewhere."""
    create = CreateMmOrder(
        at=AT,
        user_id=user_id,
        market_id=market_id,
        terms=MmTerms(**terms),
        required_cash_cents=100_000,
        venue=where,
        venue_rules=VenueRules(enabled=True, names=(where,)),
        nonce=next(_numbers),
    )
    (made,) = await venue.server.actors.ask(create)
    assert isinstance(made.answer, MmOrderIs), made.answer
    order_id = made.answer.order.order_id
    pay = PayMmOrder(at=AT, user_id=user_id, order_id=order_id, asset=MmAsset.CASH, amount=100_000, key="all")
    (paid,) = await venue.server.actors.ask(pay)
    assert isinstance(paid.answer, MmPaymentMade), paid.answer
    return order_id


async def join_campaign(venue: Venue, order_id: str, market_id: str = "M", sponsor_id: str = ANN) -> str:
    """The id of a campaign that the order takes part in."""
    wanted = CampaignTerms(name="Prize", starts_at=AT, ends_at=AT + 10**12, reward_pool_cents=100)
    create = CreateMmCampaign(
        at=AT, market_id=market_id, terms=wanted, by=ROOT, by_id=sponsor_id, nonce=next(_numbers)
    )
    (made,) = await venue.server.actors.ask(create)
    assert isinstance(made.answer, MmCampaignIs), made.answer
    campaign_id = made.answer.campaign.campaign_id
    activate = CampaignControl.ACTIVATE
    steer = ControlMmCampaign(at=AT, campaign_id=campaign_id, control=activate, by=ROOT, by_id=sponsor_id)
    (active,) = await venue.server.actors.ask(steer)
    assert isinstance(active.answer, MmCampaignIs), active.answer
    owner_id = venue.server.exchange.making.orders[order_id].owner.id
    join = JoinMmCampaign(at=AT, order_id=order_id, user_id=owner_id, campaign_id=campaign_id, key="join")
    (joined,) = await venue.server.actors.ask(join)
    assert isinstance(joined.answer, MmOrderIs), joined.answer
    return campaign_id


async def nothing_wrong() -> dict[str, list[dict[str, Any]]]:
    return {}


@attrs.define
class Refused:
    """What a server that opened no websocket answered."""

    status: int = 0
    body: dict[str, Any] = attrs.field(factory=dict)
    headers: dict[str, str] = attrs.field(factory=dict)

    def __enter__(self) -> "Refused":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, trouble: BaseException | None, trace: TracebackType | None
    ) -> bool:
        rejection = next(causes(trouble), None)
        assert rejection is not None, f"nothing was refused: {trouble!r}"
        self.status = rejection.status_code
        self.body = msgspec.json.decode(rejection.body or b"{}")
        self.headers = {name.decode(): value.decode() for name, value in rejection.headers}
        return True


def causes(trouble: BaseException | None) -> Any:
    if isinstance(trouble, trio_websocket.ConnectionRejected):
        yield trouble
    elif isinstance(trouble, BaseExceptionGroup):
        for inner in trouble.exceptions:
            yield from causes(inner)


def seqs(messages: Sequence[dict[str, Any]]) -> list[int]:
    return [message["seq"] for message in messages]
