"""Ten thousand malformed requests and frames, against the server as it runs, beside clients who mean it well.

None of them may be answered with a fault of ours, leave a trace in the log, keep its connection, or cost
memory that stays; nobody else may notice; and the journal is afterwards what it says it is.
"""

import itertools
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import httpx
import trio
from wsproto.connection import Connection, ConnectionType
from wsproto.events import Pong, TextMessage

from adapters.access.tokens import TokenType
from adapters.service.server import DECISION_TIMEOUT, READ_TIMEOUT
from adapters.sockets.http_exchange import BODY_SECONDS
from adapters.sockets.listener import READ_SECONDS
from kernel.codes import AMM_ID
from tests.adapters.malformed import PING, Mill, framed
from tests.adapters.serving import ROOT, Venue, database_for, serving, tokens, venue
from tests.adapters.streaming import connected, wish

SEED = int(os.environ.get("FUZZ_SEED", "20261120"))
REQUESTS, HANDSHAKES, FRAMES = 4_000, 600, 5_500
SENDERS = 16
WARM = 0.3
"""The part after which memory counts: until then lazily made things are made."""
GROWTH_MAX = 24 * 2**20
"""Bytes: the orders and users among ten thousand things that were not malformed enough, and some slack."""
UNFINISHED = 0.1
"""Seconds without an answer, after which a client says that nothing more will come."""
HANGS = BODY_SECONDS + DECISION_TIMEOUT + READ_TIMEOUT + READ_SECONDS + 25.0
"""Seconds after which a connection counts as stuck: all that the server may wait for, one behind another, and
some more for a machine with much else to do."""


@attrs.define
class Sender:
    """One of those who send, always the same things in the same order."""

    port: int
    mill: Mill
    sent: int = 0
    statuses: Counter[int] = attrs.field(factory=Counter)

    async def exchange(self, data: bytes) -> bytes:
        """Everything that comes back until the server hangs up, which it must."""
        received = b""
        stream = await trio.open_tcp_stream("127.0.0.1", self.port)
        async with stream:
            try:
                await stream.send_all(data)
                with trio.move_on_after(UNFINISHED):
                    while more := await stream.receive_some():
                        received += more
                    return received
                await stream.send_eof()
                with trio.fail_after(HANGS):
                    while more := await stream.receive_some():
                        received += more
            except trio.BrokenResourceError:
                pass  # hung up on: there is a limit to what the server reads of nonsense
        return received

    async def send_requests(self, attempts: int, token: str) -> None:
        for _ in range(attempts):
            self.judge(data := self.mill.request(token), await self.exchange(data))

    async def send_handshakes(self, attempts: int, token: str) -> None:
        paths = ("/ws/v1/commands", "/ws/v1/orderbook/M", "/ws/v1/trades/M", "/ws/v1/none", "/ws/")
        for _ in range(attempts):
            data = self.mill.handshake(self.mill.luck.choice(paths), token)
            self.judge(data, await self.exchange(data))

    def judge(self, data: bytes, answer: bytes) -> None:
        self.sent += 1
        for status in re.findall(rb"HTTP/1.1 (\d{3})", answer):
            self.statuses[int(status)] += 1
            assert status not in (b"500", b"502", b"504"), (data[:2000], answer[:500])
            # There are as many senders as strangers of one address may be. Who comes again before the server
            # has seen the last one out is one too many: rare, and more likely on a busy machine.
            assert status != b"503" or b'"code":9003' in answer, (data[:2000], answer[:500])

    async def send_frames(self, attempts: int, path: str, token: str) -> None:
        """On one connection after the other: each lasts until something ends it."""
        left = attempts
        while left:
            async with self.opened(path, token) as (stream, protocol):
                for number in itertools.count():
                    if not left:
                        break
                    left -= 1
                    self.sent += 1
                    frame = self.mill.frame(self.sent)
                    if not await self.survives(stream, protocol, frame, b"%d" % number):
                        break

    @asynccontextmanager
    async def opened(self, path: str, token: str) -> AsyncIterator[tuple[trio.SocketStream, Connection]]:
        stream = await trio.open_tcp_stream("127.0.0.1", self.port)
        head = (
            f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
            f"Authorization: Bearer {token}\r\n\r\n"
        )
        async with stream:
            await stream.send_all(head.encode())
            answer = b""
            while b"\r\n\r\n" not in answer:
                answer += await stream.receive_some()
            assert answer.startswith(b"HTTP/1.1 101"), answer
            rest = answer.partition(b"\r\n\r\n")[2]
            yield stream, Connection(ConnectionType.CLIENT, trailing_data=rest)

    async def survives(
        self, stream: trio.SocketStream, protocol: Connection, frame: bytes, mark: bytes
    ) -> bool:
        """Whether the connection still answers a ping after this frame. If not, it must have an end."""
        try:
            await stream.send_all(frame + framed(PING, mark))
            for patience in (UNFINISHED, HANGS):
                with trio.move_on_after(patience) as waiting:
                    while data := await stream.receive_some():
                        protocol.receive_data(data)
                        for event in protocol.events():
                            if isinstance(event, TextMessage):
                                assert '"status":500' not in event.data, (frame[:2000], event.data)
                            if isinstance(event, Pong) and event.payload == mark and patience == UNFINISHED:
                                return True
                if not waiting.cancelled_caught:
                    return False
                if patience == UNFINISHED:
                    await stream.send_eof()  # part of the frame was missing: it took the ping for itself
        except trio.BrokenResourceError:
            return False
        raise AssertionError(f"stuck after {frame[:2000]!r}")


async def trade_honestly(port: int, token: str, market_id: str, stop: trio.Event) -> list[float]:
    """Somebody who only wants to trade: every order is taken. Returns the seconds that each took."""
    took: list[float] = []
    async with connected(port, token=token) as client:
        await client.receive()
        while not stop.is_set():
            began = trio.current_time()
            placed = await client.do("place", **wish(market_id=market_id, price_cents=10, quantity=1))
            assert placed["status"] == 201, placed
            order_id = placed["data"]["order"]["id"]
            assert (await client.do("cancel", order_id=order_id))["status"] == 200
            took.append(trio.current_time() - began)
            await trio.sleep(0.05)
    return took


def resident(there: Venue) -> int:
    page = there.told()
    (found,) = re.findall(r"^verdict_resident_bytes (\S+)$", page, re.MULTILINE)
    return int(float(found))


async def attack(there: Venue, senders: list[Sender], market_id: str) -> list[float]:
    """All of it from all of them at once, beside one who trades. Returns the seconds that his trades took."""
    port, stop, took = senders[0].port, trio.Event(), list[float]()
    honest = str((await trio.to_thread.run_sync(there.user, 1_000_000)).token)
    users = [str((await trio.to_thread.run_sync(there.user, 1000)).token) for _ in senders]
    admin = str(there.admin.token)
    # Two, for some of the requests renew the one they are sent with, which ends a minute later.
    amm, amm_on_stream = (tokens.issue(AMM_ID, TokenType.SERVICE, "SYSTEM_BOT") for _ in range(2))

    async def trade() -> None:
        took.extend(await trade_honestly(port, honest, market_id, stop))

    async def send(part: float) -> None:
        each = part / len(senders)
        async with trio.open_nursery() as sending:
            for number, (sender, user) in enumerate(zip(senders, users, strict=True)):
                path = f"/ws/v1/orderbook/{market_id}" if number % 8 == 0 else "/ws/v1/commands"
                on_stream = amm_on_stream if number % 8 == 1 else user
                sending.start_soon(
                    sender.send_requests, round(REQUESTS * each), (admin, amm, user)[number % 3]
                )
                sending.start_soon(sender.send_handshakes, round(HANDSHAKES * each), user)
                sending.start_soon(sender.send_frames, round(FRAMES * each), path, on_stream)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trade)
        await send(WARM)
        before = resident(there)
        await send(1 - WARM)
        stop.set()
    grown = resident(there) - before
    print(f"memory grew by {grown / 2**20:.1f} MiB")
    assert grown < GROWTH_MAX
    return took


def test_ten_thousand_malformed_requests_and_frames(server_url: str, template: str, tmp_path: Path) -> None:
    with database_for(server_url, template) as url:
        with (
            serving(url, tmp_path) as server,
            httpx.Client(base_url=server.address, timeout=30) as http,
        ):
            there = venue(server.address, http, server.metrics)
            market_id = there.market()
            port = int(server.address.rpartition(":")[2])
            senders = [Sender(port, Mill(SEED + number, market_id)) for number in range(SENDERS)]
            took = trio.run(attack, there, senders, market_id)
            sent, answers = sum(sender.sent for sender in senders), Counter[int]()
            for sender in senders:
                answers += sender.statuses
            print(f"{sent} sent, answered {answers}; {len(took)} honest trades, slowest {max(took):.3f} s")
            assert sent >= 10_000
            assert answers[503] < sent / 100, "no room now and then, and not for whole crowds"
            assert sorted(took)[len(took) // 2] < 2, "half of them, on a machine with much else to do"
            assert max(took) < HANGS
            assert there.admin.post("/admin/verify-invariants").data["all_passed"] is True
            assert 'verdict_websocket_clients{kind="commands"} 0' in there.told()
            assert server.stop() == 0
            log = server.log.read_text()
            assert '"level":"error"' not in log
            assert "Traceback" not in log
        verified = subprocess.run(
            [sys.executable, "-m", "adapters.cli", "replay", "--verify"],
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(ROOT),
                "DATABASE_URL": url,
                "VERDICT_DATA": str(tmp_path / "data"),
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert verified.returncode == 0, verified.stdout + verified.stderr
