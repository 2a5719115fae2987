"""Simulated traders: they open accounts and trade over the public API, as anybody could.

In each market the crowd has a mood, which wanders, and now and then there is news. Makers quote around it on
both sides, never take, and make their bids smaller for what they hold much of. Takers have opinions of their
own: they buy what they think cheap, or whatever there is for so much money, and sell what they hold. So all
four ways to trade come about. One of the makers has a brake: its orders are a group, and where much was taken
of them it pauses for a round.
"""

# ruff: noqa: S311 - these are whims, not secrets

import contextlib
import itertools
import math
import random
import secrets
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import attrs
import httpx
import msgspec
import trio
import trio_websocket

NAME_PREFIX: Final = "demo_"
"""By it a later demo knows the users of an earlier one."""
CASH: Final = 5_000_000
POOR: Final = 500_000
"""With less than this they pay in again, so that a demo can run for days."""
TOKEN_SECONDS: Final = 5 * 60
CONNECTION_SECONDS: Final = 20 * 60
"""A token serves for the sessions that begin in its first minutes: they are over before it is."""
GRACE_MS: Final = 3_000
"""So long after a trader is gone its orders are gone, too."""
LADDER: Final = 6
"""Orders that a maker keeps on each side of each market; those further from the price are larger."""
SHY: Final = 1_500
"""Shares of one side beyond the other's from which on a maker bids for fewer."""
SHY_QUANTITY: Final = 5
BRAKE: Final = {"group_id": "brake", "max_fill_quantity": 500, "window_ms": 2_000}
"""What the maker who has one lets others take of it at once."""
LEAVE_SECONDS: Final = 2.0
"""How long one that leaves waits to be told that its orders are gone; the guard would see to it as well."""
HIGHEST: Final = 99
"""The price of who names none."""
KEPT_ORDERS: Final = 3
"""Orders that a taker leaves in one market."""
BREATH: Final = (0.04, 0.4)
"""Seconds between two looks at a market, so that a person can follow the book."""
MOOD_SECONDS: Final = 0.4
MOOD_CENTS: Final = 0.25
"""How far a mood strays in that time; some three cents in a minute."""
RETURN: Final = 0.005
"""Which part of the way back to what it strays from."""
NEWS: Final = 0.002
"""How likely it is in that time that there is news: every few minutes."""
NEWS_CENTS: Final = 8.0
MARKETS_SECONDS: Final = 2.0
"""How soon traders come to a market that was opened, and leave one that is not open."""
BUSY: Final = (429, 503)
"""The exchange says so where it has done nothing: it may be asked again."""
BETWEEN_SESSIONS: Final = 1.0
"""Seconds until a trader whose connection was cut comes back."""
MARKETS_MAX: Final = 100
"""What one page of the list has."""

Json = dict[str, Any]


@attrs.define
class Tally:
    """What the traders did, all together."""

    orders: int = 0
    cancels: int = 0
    amends: int = 0
    trades: int = 0
    shares: int = 0
    scenarios: Counter[str] = attrs.field(factory=Counter)
    refusals: Counter[int] = attrs.field(factory=Counter)
    journal_id: int = 0
    milliseconds: deque[float] = attrs.field(factory=lambda: deque(maxlen=20_000))
    """From a batch of commands to its last answer."""

    def count(self, command: Json, result: Json) -> None:
        self.journal_id = max(self.journal_id, result["seq"])
        if not result["ok"]:
            self.refusals[result["code"]] += 1
        elif command["op"] == "cancel":
            self.cancels += 1
        elif command["op"] == "amend":
            self.amends += 1
        elif command["op"] == "place":
            self.orders += 1
            self.cancels += len(result["data"].get("self_trade_cancelled", ()))
            for trade in result["data"]["trades"]:
                self.trades += 1
                self.shares += trade["quantity"]
                self.scenarios[trade["scenario"]] += 1

    def percentile(self, percent: int) -> float:
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) * percent // 100, len(ordered) - 1)] if ordered else 0.0


@attrs.define
class Mood:
    """What the crowd thinks YES is worth, in cents, and what it comes back to as long as there is no news."""

    cents: float
    anchor: float = attrs.field(default=attrs.Factory(lambda self: self.cents, takes_self=True))

    def wander(self) -> None:
        if random.random() < NEWS:
            self.anchor = bounded(self.anchor + random.gauss(0, NEWS_CENTS))
        self.cents = bounded(self.cents + RETURN * (self.anchor - self.cents) + random.gauss(0, MOOD_CENTS))


def bounded(cents: float) -> float:
    return min(max(cents, 6.0), 94.0)


@attrs.define
class Login:
    """A user of the exchange, and how to be it."""

    http: httpx.AsyncClient
    username: str
    password: str
    _token: str = ""
    _issued_at: float = -math.inf

    async def token(self) -> str:
        """A token with a session's time left."""
        if trio.current_time() - self._issued_at > TOKEN_SECONDS:
            said = {"username": self.username, "password": self.password}
            self._token = (await post(self.http, "/auth/login", said))["access_token"]
            self._issued_at = trio.current_time()
        return self._token

    async def deposit(self) -> None:
        await post(self.http, "/account/deposit", {"amount_cents": CASH}, await self.token())

    async def leave(self) -> int:
        """Cancel everything, wherever it is; returns how many orders that were."""
        return int((await post(self.http, "/orders/cancel-all", {}, await self.token()))["cancelled_count"])

    @contextlib.asynccontextmanager
    async def commands(self) -> AsyncIterator[trio_websocket.WebSocketConnection]:
        header = (b"Authorization", f"Bearer {await self.token()}".encode())
        url = socket_url(self.http, "/ws/v1/commands")
        async with trio_websocket.open_websocket_url(url, extra_headers=[header]) as socket:
            yield socket


async def register(http: httpx.AsyncClient, name: str) -> Login:
    """Become a user, with cash."""
    login = Login(http, f"{NAME_PREFIX}{name}_{secrets.token_hex(2)}", f"{secrets.token_urlsafe(9)}aA1")
    email = f"{login.username}@example.org"
    await post(
        http, "/auth/register", {"username": login.username, "email": email, "password": login.password}
    )
    await login.deposit()
    return login


async def open_markets(http: httpx.AsyncClient) -> list[Json]:
    items: list[Json] = (await get(http, "/markets", limit=str(MARKETS_MAX)))["items"]
    now = datetime.now(UTC).isoformat()
    return [one for one in items if one["trading_end_at"] is None or one["trading_end_at"] > now]


def socket_url(http: httpx.AsyncClient, path: str) -> str:
    return str(http.base_url.copy_with(scheme="ws", path=path))


async def get(http: httpx.AsyncClient, path: str, **query: str) -> Json:
    """Read what everybody may: it takes no token."""
    return await answered(lambda: http.get(f"/api/v1{path}", params=query))


async def post(http: httpx.AsyncClient, path: str, body: Json, token: str | None = None) -> Json:
    headers = bearer(token) if token else {}
    return await answered(lambda: http.post(f"/api/v1{path}", json=body, headers=headers))


async def answered(ask: Callable[[], Awaitable[httpx.Response]]) -> Json:
    """What the exchange answers, once it is not too busy for it."""
    while (answer := await ask()).status_code in BUSY:
        await trio.sleep(float(answer.headers.get("Retry-After", 1)))
    answer.raise_for_status()
    data: Json = answer.json()["data"]
    return data


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def run_traders(http: httpx.AsyncClient, tally: Tally) -> None:
    """Open the accounts and trade until cancelled."""
    moods: dict[str, Mood] = {}
    async with trio.open_nursery() as nursery:
        nursery.start_soon(follow_markets, http, moods)
        nursery.start_soon(wander, moods)
        for name, act in ROLES.items():
            # One after the other: passwords take a while to hash, and the first can trade already.
            login = await register(http, name)
            nursery.start_soon(live, login, moods, tally, act)


async def follow_markets(http: httpx.AsyncClient, moods: dict[str, Mood]) -> None:
    """Have a mood for each market that is open now, whoever opened it; one that was traded has a price."""
    while True:
        markets = {one["id"]: one["last_trade_price_cents"] for one in await open_markets(http)}
        for gone in moods.keys() - markets.keys():
            del moods[gone]
        for new in markets.keys() - moods.keys():
            last = markets[new]
            moods[new] = Mood(random.uniform(25, 75) if last is None else bounded(last))
        await trio.sleep(MARKETS_SECONDS)


async def wander(moods: Mapping[str, Mood]) -> None:
    while True:
        for mood in moods.values():
            mood.wander()
        await trio.sleep(MOOD_SECONDS)


async def live(login: Login, moods: Mapping[str, Mood], tally: Tally, act: "Act") -> None:
    """One trader, session after session."""
    while True:
        with (
            trio.move_on_after(CONNECTION_SECONDS),
            contextlib.suppress(trio_websocket.ConnectionClosed, trio_websocket.HandshakeError),
        ):
            try:
                async with login.commands() as socket:
                    trader = Trader(socket, tally, login)
                    await trader.ask({"op": "guard", "grace_ms": GRACE_MS})
                    while True:
                        for market_id, mood in list(moods.items()):
                            await act(trader, market_id, mood)
                            await trio.sleep(random.uniform(*BREATH))
                        await trio.sleep(random.uniform(*BREATH))  # also where no market is open
            finally:
                if act is not take:
                    with trio.move_on_after(LEAVE_SECONDS, shield=True):
                        tally.cancels += await login.leave()
        await trio.sleep(BETWEEN_SESSIONS)


@attrs.define
class Trader:
    """A session on the command stream: asks, and waits for the answers."""

    socket: trio_websocket.WebSocketConnection
    tally: Tally
    login: Login
    _numbers: "itertools.count[int]" = attrs.field(factory=itertools.count)

    async def ask(self, *commands: Json) -> list[Json]:
        """Send commands as one batch; returns a result for each."""
        numbered = {next(self._numbers): command for command in commands}
        batch = [{"cid": cid, **command} for cid, command in numbered.items()]
        results: dict[int, Json] = {}
        began = time.perf_counter()
        await self.socket.send_message(msgspec.json.encode(batch).decode())
        while len(results) < len(batch):
            said = msgspec.json.decode(await self.socket.get_message())
            for message in said if isinstance(said, list) else [said]:
                if message["t"] == "result":
                    results[message["cid"]] = message
        self.tally.milliseconds.append((time.perf_counter() - began) * 1000)
        for cid, result in results.items():
            self.tally.count(numbered[cid], result)
        return [results[cid] for cid in numbered]

    async def look(self, market_id: str) -> Json:
        """Our position and orders there; and pay in when the cash runs low."""
        (result,) = await self.ask({"op": "sync", "market_id": market_id})
        data: Json = result["data"]
        if data["balance"]["available_balance_cents"] < POOR:
            await self.login.deposit()
        return data


def place(market_id: str, direction: str, side: str, price: int, **more: Any) -> Json:
    return {
        "op": "place",
        "client_order_id": secrets.token_hex(8),
        "market_id": market_id,
        "direction": direction,
        "side": side,
        "price_cents": min(max(price, 1), HIGHEST),
        "quantity": random.randint(5, 60),
        **more,
    }


def spend(market_id: str, side: str, worth: int) -> Json:
    """Buy at whatever price there is, for what so many shares are thought to be worth."""
    order = place(market_id, "BUY", side, HIGHEST, time_in_force="IOC", self_trade_mode="CANCEL_MAKER")
    return {**order, "max_cost_cents": order["quantity"] * min(max(worth, 1), HIGHEST)}


MAKERS_WAY: Final = {"self_trade_mode": "CANCEL_MAKER"}
"""What a maker asks for with each order."""


def ample(side: str, price: int, fair: int) -> int:
    """More shares the further the price is from the fair one: so a large order is filled, and pays for it."""
    return random.randint(20, 60) * max((fair if side == "YES" else 100 - fair) - price, 1)


def decrease(order: Json) -> Json:
    """Leave only a few shares of it; it keeps its place."""
    return {"op": "amend", "order_id": order["id"], "quantity": order["filled_quantity"] + SHY_QUANTITY}


async def make_markets(
    trader: Trader, market_id: str, mood: Mood, how: Mapping[str, str] = MAKERS_WAY
) -> None:
    """Offer to buy YES below the price and NO below what is left of 100; keep the orders that still fit."""
    now = await trader.look(market_id)
    held = now["position"]["yes"]["volume"] - now["position"]["no"]["volume"]
    # Who holds much of one side likes it less: so no maker ends up with all of it.
    fair = round(min(max(mood.cents + random.gauss(0, 0.6) - held / 300, 6), 94))
    wanted = {("YES", fair - step) for step in range(1, LADDER + 1)}
    wanted |= {("NO", 100 - fair - step) for step in range(1, LADDER + 1)}
    ticker = await get(trader.login.http, f"/markets/{market_id}/ticker")
    bid, ask = ticker["best_bid_cents"] or 0, ticker["best_ask_cents"] or 100
    wanted = {(side, price) for side, price in wanted if 1 <= price < (ask if side == "YES" else 100 - bid)}
    standing = {(order["original_side"], order["original_price_cents"]): order for order in now["orders"]}
    heavy = "YES" if held > SHY else "NO" if held < -SHY else None
    commands = (
        [{"op": "cancel", "order_id": order["id"]} for key, order in standing.items() if key not in wanted]
        + [
            decrease(order)
            for key, order in standing.items()
            if key in wanted and key[0] == heavy and order["remaining_quantity"] > SHY_QUANTITY
        ]
        + [
            place(market_id, "BUY", side, price, post_only=True, **how, quantity=ample(side, price, fair))
            for side, price in sorted(wanted - standing.keys())
        ]
    )
    if commands:
        await trader.ask(*commands)


async def make_markets_with_a_brake(trader: Trader, market_id: str, mood: Mood) -> None:
    """Its first offers make the group; to ask for one that stands changes nothing, and tells how it is."""
    (stands,) = await trader.ask({"op": "group_set", "market_id": market_id, **BRAKE})
    if stands["ok"] and stands["data"]["state"] == "TRIGGERED":
        named = {"market_id": market_id, "group_id": BRAKE["group_id"]}
        await trader.ask({"op": "group_reset", **named})
    else:
        await make_markets(trader, market_id, mood, {**MAKERS_WAY, "group_id": str(BRAKE["group_id"])})


async def take(trader: Trader, market_id: str, mood: Mood) -> None:
    """Sell what is held, or buy what seems cheap."""
    if random.random() < 0.5:
        return
    now = await trader.look(market_id)
    orders = now["orders"]
    commands: list[Json] = [
        {"op": "cancel", "order_id": order["id"]} for order in orders[: max(len(orders) - KEPT_ORDERS, 0)]
    ]
    opinion = round(mood.cents + random.gauss(0, 2.5))
    side, worth = random.choice((("YES", opinion), ("NO", 100 - opinion)))
    free = now["position"][side.lower()]["available"]
    is_patient = random.random() < 0.5
    if free and random.random() < 0.6:
        price, lasts = (worth + 1, "GTC") if is_patient else (worth - 2, "IOC")
        sale = place(market_id, "SELL", side, price, time_in_force=lasts)
        commands.append({**sale, "quantity": min(sale["quantity"], free)})
    elif is_patient:
        commands.append(place(market_id, "BUY", side, worth))
    else:
        commands.append(spend(market_id, side, worth + 2))
    await trader.ask(*commands)


Act = Callable[[Trader, str, Mood], Awaitable[None]]

ROLES: Final[dict[str, Act]] = {
    "ann": make_markets,
    "dora": take,
    "ben": make_markets,
    "eli": take,
    "fay": take,
    "cleo": make_markets_with_a_brake,
    "gus": take,
    "hal": take,
}
