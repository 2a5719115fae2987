"""Take-over: how long commands wait when whoever leads is killed, again and again.

    verdict bench takeover [KILLS]

Clients place orders at the one process that follows; the one that leads is killed, and the next one that
follows is started. Nothing that was acknowledged may be missing, and no order may be there twice.
"""

import argparse
import contextlib
import os
import queue
import secrets
import signal
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import httpx
import trio

from bench import measure
from bench.exchange import MARKET, deposit, folder, registered, serving
from bench.followers import following
from persistence.postgres import embedded

KILLS: Final = 50
CLIENTS: Final = 8
BETWEEN: Final = 0.3
"""Seconds of trading before each kill."""


class Client:
    """Places one order after the other, and notes what it is told and when."""

    def __init__(self, port: int, token: str) -> None:
        self.acknowledged: dict[str, str] = {}
        self.others: list[str] = []
        self.longest = 0.0
        """The longest wait for an answer since it was last asked for."""
        self._run = secrets.token_hex(4)
        self._http = httpx.Client(
            base_url=f"http://127.0.0.1:{port}/api/v1/",
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
        )

    def place(self, name: str) -> httpx.Response:
        wish = {"market_id": MARKET, "side": "YES", "direction": "BUY", "price_cents": 1, "quantity": 1}
        return self._http.post("orders", json=wish | {"client_order_id": name, "time_in_force": "IOC"})

    def trade(self, stop: threading.Event) -> None:
        while not stop.is_set():
            name = f"{self._run}-{len(self.acknowledged)}"
            begun = time.perf_counter()
            answer = self.place(name)
            self.longest = max(self.longest, time.perf_counter() - begun)
            if answer.status_code == 201:
                self.acknowledged[name] = answer.json()["data"]["order"]["id"]
            else:
                self.others.append(answer.text)

    def missing(self) -> int:
        return sum(
            self.place(name).json()["data"]["order"]["id"] != order_id
            for name, order_id in self.acknowledged.items()
        )


def main() -> None:
    asked = argparse.ArgumentParser(
        prog="verdict bench takeover",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    asked.add_argument("kills", nargs="?", type=int, default=KILLS)
    kills = asked.parse_args().kills
    print(f"takeover on {measure.machine()}")
    with postgresql() as url, serving(DATABASE_URL=url) as first, contextlib.ExitStack() as stack:
        tokens = [registered(first, f"trader_{number}") for number in range(CLIENTS)]
        for token in tokens:
            deposit(first, token)
        leader = first.pid
        waits: list[float] = []
        clients: list[Client] = []
        for _ in range(kills):
            port, follower = stack.enter_context(following(first, DATABASE_URL=url))
            clients = [Client(port, token) for token in tokens]
            waits.append(longest_wait(clients, leader))
            leader = follower
            missing = sum(client.missing() for client in clients)
            others = [answer for client in clients for answer in client.others]
            assert (missing, others) == (0, []), (missing, others)
    measure.section(f"{CLIENTS} clients, {kills} kills; the longest wait of any of them")
    ordered = sorted(wait * 1e3 for wait in waits)
    measure.line("median", statistics.median(ordered), "ms")
    measure.line("the worst", ordered[-1], "ms", "nothing missing, no other answer than 201")


def longest_wait(clients: Sequence[Client], leader: int) -> float:
    """Kill who leads while they trade; seconds for which one of them waited."""
    stop = threading.Event()
    threads = [threading.Thread(target=client.trade, args=(stop,)) for client in clients]
    for thread in threads:
        thread.start()
    time.sleep(BETWEEN)
    os.kill(leader, signal.SIGKILL)
    before = [len(client.acknowledged) for client in clients]
    while any(len(client.acknowledged) < some + 5 for client, some in zip(clients, before, strict=True)):
        time.sleep(0.01)
    stop.set()
    for thread in threads:
        thread.join()
    return max(client.longest for client in clients)


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """One that belongs to none of the processes that are killed."""
    started: queue.Queue[str] = queue.Queue()
    finish = threading.Event()

    async def keep(place: Path) -> None:
        async with embedded.running(place) as url:
            started.put(url)
            await trio.to_thread.run_sync(finish.wait)

    with folder() as place:
        keeper = threading.Thread(target=trio.run, args=(keep, place / "database"))
        keeper.start()
        try:
            yield started.get()
        finally:
            finish.set()
            keeper.join()


if __name__ == "__main__":
    main()
