"""A bot to begin with: it buys both sides of one market, follows its fills, and survives lost connections.

    .venv/bin/python docs/guide/first_bot.py ADDRESS USERNAME PASSWORD FILLS

It needs nothing but the public API. It ends after so many fills, so that a page can show it.
"""

import contextlib
import enum
import secrets
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import trio
import trio_websocket

MARKET = "MKT-ETH-10K-2026"
PRICE = 48  # for YES and for NO alike: 96 cents for a pair, which is worth 100; a cent less for each lot held
QUANTITY = 10
GRACE_MS = 5_000
BRAKE = {"market_id": MARKET, "group_id": "bot", "max_fill_quantity": 50, "window_ms": 10_000}

RETRY_SECONDS = 15  # logins are limited to five a minute


class Cid(enum.IntEnum):
    """How we know which command an answer is for."""

    GUARD = 1
    START = 2
    RESUME = 3
    LOOK = 4
    BID_YES = 5
    BID_NO = 6
    BRAKE = 7


class Bot:
    """What must not be forgotten between two connections: how far we have read, and our fills."""

    def __init__(self, address: str, username: str, password: str) -> None:
        self.address = address
        self.login = {"username": username, "password": password}
        self.seen = 0
        self.fills = 0

    async def run(self, fills: int) -> None:
        while self.fills < fills:
            # Whatever breaks, we begin again where we stopped reading; the guard has cleared the book for us.
            with contextlib.suppress(OSError, httpx.TransportError, trio_websocket.ConnectionClosed):
                await self.session(fills)
                continue
            await trio.sleep(RETRY_SECONDS)

    async def session(self, fills: int) -> None:
        async with self.connected() as socket:
            await send(socket, {"cid": Cid.GUARD, "op": "guard", "grace_ms": GRACE_MS})
            await send(socket, {"cid": Cid.BRAKE, "op": "group_set", **BRAKE})
            await send(socket, {"cid": Cid.START, "op": "sync", "market_id": MARKET})
            async for message in messages(socket):
                match message:
                    case {"cid": Cid.START, "ok": True, "seq": now}:
                        # From where we stopped reading; the first time, from now on.
                        after = {"after": self.seen or now, "topics": ["trade_events"], "markets": [MARKET]}
                        await send(socket, {"cid": Cid.RESUME, "op": "resume", **after})
                        await send(socket, {"cid": Cid.LOOK, "op": "sync", "market_id": MARKET})
                    case {"cid": Cid.LOOK, "ok": True, "data": {"orders": orders, "position": position}}:
                        await quote(socket, {order["original_side"]: order for order in orders}, position)
                    case {"t": "event", "seq": seq, "data": {"trade": trade}}:
                        self.seen = seq
                        self.fills += 1
                        say(f"filled: {trade['quantity']} shares, YES at {trade['price_cents']}")
                        if self.fills >= fills:
                            return
                        await send(socket, {"cid": Cid.LOOK, "op": "sync", "market_id": MARKET})
                    case {"t": "heartbeat", "seq": seq}:
                        self.seen = seq
                    case {"ok": False, "message": why}:
                        say(f"refused: {why}")

    @contextlib.asynccontextmanager
    async def connected(self) -> AsyncIterator[trio_websocket.WebSocketConnection]:
        async with httpx.AsyncClient() as http:
            answer = await http.post(f"http://{self.address}/api/v1/auth/login", json=self.login)
        token = answer.raise_for_status().json()["data"]["access_token"]
        header = (b"Authorization", f"Bearer {token}".encode())
        url = f"ws://{self.address}/ws/v1/commands"
        async with trio_websocket.open_websocket_url(url, extra_headers=[header]) as socket:
            yield socket


async def quote(
    socket: trio_websocket.WebSocketConnection, standing: dict[str, dict[str, Any]], position: dict[str, Any]
) -> None:
    """Bid for both sides, less for one we hold. Pairs that we come to hold turn into cash by themselves."""
    for cid, side in ((Cid.BID_YES, "YES"), (Cid.BID_NO, "NO")):
        price = max(1, PRICE - position[side.lower()]["volume"] // QUANTITY)
        if side not in standing:
            order = {"market_id": MARKET, "side": side, "direction": "BUY", "price_cents": price}
            name = {
                "client_order_id": secrets.token_hex(8),
                "quantity": QUANTITY,
                "group_id": BRAKE["group_id"],
            }
            await send(socket, {"cid": cid, "op": "place", "post_only": True, **order, **name})
        elif standing[side]["original_price_cents"] != price:
            order = {"order_id": standing[side]["id"], "price_cents": price}
            await send(socket, {"cid": cid, "op": "amend", "post_only": True, **order})


async def send(socket: trio_websocket.WebSocketConnection, command: dict[str, Any]) -> None:
    await socket.send_message(msgspec.json.encode(command).decode())


async def messages(socket: trio_websocket.WebSocketConnection) -> AsyncIterator[dict[str, Any]]:
    """One by one; a frame holds one, or several in an array."""
    while True:
        said = msgspec.json.decode(await socket.get_message())
        for message in said if isinstance(said, list) else [said]:
            yield message


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    _, address, username, password, fills = sys.argv
    trio.run(Bot(address, username, password).run, int(fills))
