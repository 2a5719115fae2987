"""The command stream of the real server: its own process, its own PostgreSQL, one client over a real socket.

    verdict bench stream [seconds]

Half of the commands place orders that rest, half cancel them by name, all of one user in one market. What
counts is acknowledged, and so durable. The client counts results in what it receives and decodes none.
"""

import base64
import itertools
import multiprocessing
import os
import secrets
import select
import socket
import struct
import sys
import time
from collections.abc import Iterator
from typing import Any

import msgspec

from bench.exchange import MARKET, cpu_of, deposit, registered, serving
from bench.measure import machine

SECONDS = 4.0
DEPOSITS = 20
READERS = 4


class Stream:
    """A websocket client with nothing to spare."""

    def __init__(self, host: str, port: int, token: str, path: str = "/ws/v1/commands") -> None:
        self.socket = socket.create_connection((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Authorization: Bearer {token}\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        self._received = b""
        while b"\r\n\r\n" not in self._received:
            self._received += self.socket.recv(65_536)
        self._received = self._received.partition(b"\r\n\r\n")[2]

    def frames(self) -> list[bytes]:
        """What has come, at least one."""
        found: list[bytes] = []
        while not found:
            self._received += self.socket.recv(1 << 20)
            buffer, position = self._received, 0
            while (head := header(buffer, position)) is not None:
                start, size = head
                if len(buffer) < start + size:
                    break
                if buffer[position] & 15 == 1:
                    found.append(buffer[start : start + size])
                position = start + size
            self._received = buffer[position:]
        return found


def header(buffer: bytes, position: int) -> tuple[int, int] | None:
    """Where a frame's payload begins and how long it is, if that much has come."""
    if len(buffer) < position + 2:
        return None
    size, length = buffer[position + 1] & 127, 2
    if size == 126:
        length, form = 4, "!H"
    elif size == 127:
        length, form = 10, "!Q"
    if len(buffer) < position + length:
        return None
    if size > 125:
        (size,) = struct.unpack_from(form, buffer, position + 2)
    return position + length, size


def masked(payload: bytes) -> bytes:
    """A client's frame; masked with zeros, which costs the server the same and us nothing."""
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", 0x81, 0x80 | size)
    elif size < 65_536:
        head = struct.pack("!BBH", 0x81, 0xFE, size)
    else:
        head = struct.pack("!BBQ", 0x81, 0xFF, size)
    return head + bytes(4) + payload


def commands(market_id: str = MARKET) -> Iterator[bytes]:
    run, cids = secrets.token_hex(4), itertools.count(1)
    while True:
        name = f"{run}-{next(cids)}"
        yield msgspec.json.encode(
            {
                "cid": next(cids),
                "op": "place",
                "client_order_id": name,
                "market_id": market_id,
                "side": "YES" if secrets.randbits(1) else "NO",
                "direction": "BUY",
                "price_cents": 30 + secrets.randbelow(19),
                "quantity": 10,
            }
        )
        yield msgspec.json.encode(
            {"cid": next(cids), "op": "cancel", "market_id": market_id, "client_order_id": name}
        )


def measure(stream: Stream, batch: int, depth: int, seconds: float, pid: int) -> str:
    """Keep `depth` frames of `batch` commands under way; how many a second are acknowledged."""
    source = commands()
    ready = [
        masked(b"[" + b",".join(itertools.islice(source, batch)) + b"]" if batch > 1 else next(source))
        for _ in range(int(seconds * 60_000 / batch) if batch > 1 else int(seconds * 15_000))
    ]
    sent_at: list[float] = []
    latencies: list[float] = []
    done = sent = refused = 0
    cpu, began = cpu_of(pid), time.perf_counter()
    while (now := time.perf_counter()) < began + seconds and sent < len(ready):
        free = min(depth - (sent - done // batch), len(ready) - sent)
        if free > 0:
            stream.socket.sendall(b"".join(ready[sent : sent + free]))
            sent_at += [now] * (free * batch)
            sent += free
        for frame in stream.frames():
            count = frame.count(b'"t":"result"')
            refused += frame.count(b'"ok":false')
            now = time.perf_counter()
            latencies += [now - at for at in sent_at[done : done + count]]
            done += count
    took, cpu = time.perf_counter() - began, cpu_of(pid) - cpu
    while done < sent * batch:
        done += sum(frame.count(b'"t":"result"') for frame in stream.frames())
    latencies.sort()
    p50, p99 = latencies[len(latencies) // 2] * 1000, latencies[len(latencies) * 99 // 100] * 1000
    return (
        f"{len(latencies) / took:8,.0f} commands/s   p50 {p50:6.1f} ms   p99 {p99:6.1f} ms   "
        f"server CPU {cpu / len(latencies) * 1e6:5.1f} us each   refused {refused}"
    )


def read_feeds(host: str, port: int, tokens: list[str], stop: Any, told: Any) -> None:
    """A reader of the book for each token, in a process of their own; one of them looks at the clock."""
    readers = [Stream(host, port, token, f"/ws/v1/orderbook/{MARKET}") for token in tokens]
    poll, lag = select.poll(), list[float]()
    by_number = {reader.socket.fileno(): reader for reader in readers}
    for number in by_number:
        poll.register(number, select.POLLIN)
    watched = readers[0].socket.fileno()
    told.send("ready")
    while not stop.is_set():
        for number, _ in poll.poll(100):
            if number != watched:
                by_number[number].socket.recv(1 << 20)
                continue
            for frame in by_number[number].frames():
                update = msgspec.json.decode(frame)
                if update["update_type"] == "DELTA":
                    lag.append(time.time() * 1000 - update["timestamp_ms"])
    lag.sort()
    told.send((lag[len(lag) // 2], lag[len(lag) * 99 // 100]))


def main(seconds: float = SECONDS) -> None:
    with serving() as served:
        host, port, pid = served.host, served.port, served.pid
        deposit(served, served.amm_token, DEPOSITS)
        tokens = [served.amm_token, *(registered(served, f"reader_{number}") for number in range(READERS))]
        stream = Stream(host, port, served.amm_token)
        stream.frames()
        print(f"command stream on {machine()}")
        for batch, depth in ((100, 8), (100, 4), (1, 64), (1, 1)):
            said = measure(stream, batch, depth, seconds, pid)
            print(f"{batch:4} a frame, {depth:3} frames under way: {said}")
        for many in (1, 200):
            stop, (ours, theirs) = multiprocessing.Event(), multiprocessing.Pipe()
            among = [tokens[n % len(tokens)] for n in range(many)]
            reading = multiprocessing.Process(target=read_feeds, args=(host, port, among, stop, theirs))
            reading.start()
            ours.recv()
            said = measure(stream, 1, 16, seconds, pid)
            stop.set()
            p50, p99 = ours.recv()
            reading.join()
            print(f"   1 a frame,  16 frames under way, {many:3} readers of the book: {said}")
            print(f"     a delta comes p50 {p50:.1f} ms, p99 {p99:.1f} ms after its command's time")


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
