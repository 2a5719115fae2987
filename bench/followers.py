"""Processes that follow: what an order through one costs the leader, beside an order that it takes itself.

    verdict bench followers [--rounds N] [--seconds S]

Orders come over connections that are kept open, of users of whom half buy YES at 50 and half NO, so that
every second order trades. Ways take turns in each round: what counts is the ratio. On few cores the processes
and the client share them, so orders a second say less than the leader's CPU does; and what a process does at
rest is in its CPU, too, so a machine that is busy with something else shows higher ratios.
"""

import argparse
import contextlib
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

import attrs
import httpx
import trio
import trio_websocket

from bench import measure
from bench.ceilings import PATH
from bench.exchange import MARKET, ROOT, SERVE, Served, cpu_of, deposit, environment, registered, serving
from bench.http_load import Caller, Seen, load
from bench.server import buying

USERS: Final = 16
CROWD: Final = 128
READERS: Final = 200
ROUNDS: Final = 3
SECONDS: Final = 3.0
DEPOSITS: Final = 5
WATCHED: Final = 100
"""Orders whose way to a feed is timed."""


@attrs.define
class Way:
    """How orders come in."""

    name: str
    ports: Sequence[int]
    callers: Sequence[Caller]
    pids: tuple[int, int]
    """The leader's process, and the one that follows."""
    rates: list[float] = attrs.field(factory=list)
    seen: list[Seen] = attrs.field(factory=list)
    cpu_ms: list[tuple[float, float]] = attrs.field(factory=list)
    """Of one order, of either process."""

    def take_turn(self, seconds: float) -> None:
        before = [cpu_of(pid) for pid in self.pids]
        seen: list[Seen] = []

        def ask(port: int, callers: Sequence[Caller]) -> None:
            seen.append(load("127.0.0.1", port, PATH, callers, seconds))

        shares = len(self.ports)
        # Buyers and sellers in each share: else one side would run ahead of the other.
        pairs = [*enumerate(self.callers)]
        threads = [
            threading.Thread(
                target=ask, args=(port, [caller for n, caller in pairs if n // 2 % shares == place])
            )
            for place, port in enumerate(self.ports)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        asked = sum(one.asked for one in seen)
        leader, follower = (
            (cpu_of(pid) - was) / asked * 1e3 for pid, was in zip(self.pids, before, strict=True)
        )
        self.rates.append(sum(one.rate for one in seen))
        self.seen.append(seen[-1])
        self.cpu_ms.append((leader, follower))

    def median(self, what: Callable[[Seen], float]) -> float:
        return statistics.median(map(what, self.seen))

    def cpu(self, place: int) -> float:
        return statistics.median(each[place] for each in self.cpu_ms)


def main() -> None:
    asked = argparse.ArgumentParser(
        prog="verdict bench followers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    asked.add_argument("--rounds", type=int, default=ROUNDS)
    asked.add_argument("--seconds", type=float, default=SECONDS, help="of one way in one round")
    arguments = asked.parse_args()
    print(f"followers on {measure.machine()}")
    with serving() as leader, following(leader) as (port, pid):
        tokens = [registered(leader, f"trader_{number}") for number in range(USERS)]
        for token in tokens:
            deposit(leader, token, DEPOSITS)
        orders(leader, port, pid, tokens, arguments.rounds, arguments.seconds)
        feeds(leader, port, pid, tokens, arguments.rounds, arguments.seconds)


@contextlib.contextmanager
def following(leader: Served, **settings: str) -> Iterator[tuple[int, int]]:
    """The port and the process of one that follows."""
    process = subprocess.Popen(
        (*SERVE[:-1], "follow"),
        cwd=ROOT,
        env=environment(leader.data, VERDICT_PORT="0", VERDICT_JWT_SECRET=leader.secret, **settings),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        url = httpx.URL(next(line for line in process.stdout if line.startswith("API")).split()[1])
        yield url.port or 80, process.pid
    finally:
        process.terminate()
        process.wait()


def callers_of(tokens: Sequence[str], count: int) -> list[Caller]:
    return [
        Caller(tokens[n % len(tokens)], buying("YES" if n % len(tokens) % 2 else "NO")) for n in range(count)
    ]


def orders(leader: Served, port: int, pid: int, tokens: Sequence[str], rounds: int, seconds: float) -> None:
    pids = leader.pid, pid
    for count in (USERS, CROWD):
        callers = callers_of(tokens, count)
        direct = Way("taken by the leader", [leader.port], callers, pids)
        ways = [
            direct,
            Way("through one that follows", [port], callers, pids),
            Way("half of them through it", [leader.port, port], callers, pids),
        ]
        for _ in range(rounds):
            for way in ways:
                way.take_turn(seconds)
        measure.section(f"orders over HTTP, {count} connections; medians of {rounds} rounds of {seconds:g} s")
        print(
            f"  {'':<28}{'orders/s':>9}{'p50 ms':>8}{'p99 ms':>8}{'leader CPU ms':>15}{'of direct':>11}"
            f"{'follower CPU ms':>17}"
        )
        for way in ways:
            print(
                f"  {way.name:<28}{statistics.median(way.rates):>9,.0f}{way.median(lambda s: s.p50_ms):>8.1f}"
                f"{way.median(lambda s: s.p99_ms):>8.1f}{way.cpu(0):>15.3f}"
                f"{way.cpu(0) / direct.cpu(0):>11.2f}{way.cpu(1):>17.3f}"
            )


def feeds(leader: Served, port: int, pid: int, tokens: Sequence[str], rounds: int, seconds: float) -> None:
    measure.section(f"{READERS} readers of the book; the leader takes the orders of {USERS} connections")
    callers = callers_of(tokens, USERS)
    readers = [tokens[n % len(tokens)] for n in range(READERS)]
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, at, some in (
            ("nobody reads", 0, []),
            ("they read at the leader", leader.port, readers),
            ("they read at the one that follows", port, readers),
        ):
            way = Way(name, [leader.port], callers, (leader.pid, pid))
            with reading(at, some):
                way.take_turn(seconds)
            found.setdefault(name, []).append(way.cpu(0) * 1e3)
    alone = statistics.median(found["nobody reads"])
    for name, values in found.items():
        cost = statistics.median(values)
        measure.line(name, cost, "us", f"of the leader an order; {cost / alone:.2f}")
    measure.section(f"a change of the book, from the request to a reader; {WATCHED} of them")
    for name, at in (("at the leader", leader.port), ("at the one that follows", port)):
        waits = sorted(trio.run(delays, leader, tokens, at))
        p50, p99 = (waits[len(waits) * share // 100] * 1e3 for share in (50, 99))
        print(f"  {name:<52}{p50:>12,.1f} ms p50, {p99:,.1f} ms p99")


@contextlib.contextmanager
def reading(port: int, tokens: Sequence[str]) -> Iterator[None]:
    """Readers of the book, as many as tokens, in a process of their own."""
    if not tokens:
        yield
        return
    read = "from bench.followers import read_books; import sys; read_books(int(sys.argv[1]), sys.argv[2:])"
    process = subprocess.Popen([*SERVE[:2], read, str(port), *tokens], cwd=ROOT, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline(), "the readers are not let in"
        yield
    finally:
        process.kill()
        process.wait()


def read_books(port: int, tokens: Sequence[str]) -> None:
    async def one(token: str, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        head = (
            f"GET /ws/v1/orderbook/{MARKET} HTTP/1.1",
            *("host: x", "upgrade: websocket", "connection: upgrade", "sec-websocket-version: 13"),
            *("sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==", f"authorization: Bearer {token}", "", ""),
        )
        await stream.send_all("\r\n".join(head).encode())
        assert b" 101 " in await stream.receive_some(65_536)
        task_status.started()
        while await stream.receive_some(1 << 20):
            pass

    async def all_of_them() -> None:
        async with trio.open_nursery() as nursery:
            for token in tokens:
                await nursery.start(one, token)
            print("reading", flush=True)

    trio.run(all_of_them)


async def delays(leader: Served, tokens: Sequence[str], port: int) -> list[float]:
    """Seconds from a request to the leader until a reader of the book there hears of it."""
    waits = []
    asks = [(leader.client(token), buying(side)) for token, side in zip(tokens, ("NO", "YES"), strict=False)]
    async with trio_websocket.open_websocket_url(f"ws://127.0.0.1:{port}/ws/v1/orderbook/{MARKET}") as socket:
        await socket.get_message()
        for number in range(WATCHED):
            client, body = asks[number % 2]
            headers, content = {"content-type": "application/json"}, body(time.time_ns())
            begun = time.perf_counter()
            ask = partial(client.post, "orders", content=content, headers=headers)
            (await trio.to_thread.run_sync(ask)).raise_for_status()
            await socket.get_message()
            waits.append(time.perf_counter() - begun)
    return waits


if __name__ == "__main__":
    main()
