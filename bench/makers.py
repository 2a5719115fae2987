"""A thousand market-making orders on fifty markets, four workers: how late cycles begin, and what they cost.

    verdict bench makers [seconds] [orders]

Real server, real sockets, each worker a process of its own. Every order is refreshed every ten seconds, and
its market's price moves by a cent about as often, so that there is something to replace. What the kernel
takes of it is measured afterwards, on the commands of the same run (bench/cycle_cost.py).
"""

import contextlib
import itertools
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import httpx
import trio

from adapters.access.tokens import SERVICES, Tokens, TokenType
from adapters.runtime.clock import Clock
from adapters.wire.user_responses import WORKER_ID
from bench.cycle_cost import Cost, cost_of, of_an_ordinary_command
from bench.exchange import PASSWORD, ROOT, Served, cpu_of, deposit, logged_in, serving
from bench.measure import line, machine, section
from persistence.journal.wal import decode_request
from persistence.postgres import database, embedded

SECONDS = 60.0
ORDERS = 1_000
MARKETS = 50
WORKERS = 4
PER_USER = 5
REFRESH_MS = 10_000
WARM_SECONDS = 12.0
SETTLE_SECONDS = 2.0
"""For the tables to follow."""
ADMIN = "bench_admin"
SETTINGS = {
    "VERDICT_ADMIN_USERNAME": ADMIN,
    "VERDICT_ADMIN_PASSWORD": PASSWORD,
    "VERDICT_SAMPLE_MARKETS": "0",
}
LATE = (
    """SELECT lateness_ms, placed + replaced AS changed FROM mm_execution WHERE ended_at BETWEEN $1 AND $2"""
)
DECIDED = "SELECT command FROM wal_events WHERE command IS NOT NULL AND created_at <= $1 ORDER BY id"
WRITTEN = """SELECT sum(octet_length(payload::text) + coalesce(octet_length(command::text), 0))::bigint
    FROM wal_events WHERE created_at BETWEEN $1 AND $2"""


@attrs.define
class Mover:
    """Somebody with the best orders on both sides of every market, who moves one market after the other.

    They stand within those of the market-making orders, which would hold each other in place.
    """

    client: httpx.Client
    numbers: Iterator[int] = attrs.field(factory=itertools.count)
    standing: dict[str, tuple[int, list[str]]] = attrs.field(factory=dict)

    def move(self, market_id: str) -> None:
        """The prices go up by a cent, or down again: those that go away do so first."""
        step, resting = self.standing.get(market_id, (0, []))
        for order_id in resting:
            self.client.post(f"orders/{order_id}/cancel").raise_for_status()
        step = 1 - step
        placed = [self.bid(market_id, "YES", 49 + step), self.bid(market_id, "NO", 49 - step)]
        self.standing[market_id] = step, placed

    def bid(self, market_id: str, side: str, price: int) -> str:
        wish = {
            "market_id": market_id,
            "side": side,
            "direction": "BUY",
            "price_cents": price,
            "quantity": 10,
        }
        name = f"m{next(self.numbers)}"
        answer = self.client.post("orders", json=wish | {"client_order_id": name}).raise_for_status()
        return str(answer.json()["data"]["order"]["id"])


def begin_markets(served: Served) -> list[str]:
    names = [f"MKT-{number}" for number in range(MARKETS)]
    with served.client(logged_in(served, ADMIN)) as client:
        for market_id in names:
            terms = {"id": market_id, "title": f"Will {market_id} be?"}
            client.post("admin/markets", json=terms).raise_for_status()
            client.post(f"admin/markets/{market_id}/activate").raise_for_status()
    return names


def user(served: Served, name: str) -> httpx.Client:
    who: dict[str, Any] = {"username": name, "password": PASSWORD, "email": f"{name}@example.org"}
    with served.client() as client:
        answer = client.post("auth/register", json=who).raise_for_status()
    user_id = answer.json()["data"]["user_id"]
    token = Tokens(served.secret, Clock()).issue(user_id, TokenType.ACCESS, "USER")
    deposit(served, token)
    return served.client(token)


def begin_orders(served: Served, markets: list[str], orders: int) -> None:
    """So many for each user, each in a market of its own."""
    for number in range(0, orders, PER_USER):
        with user(served, f"owner{number}") as client:
            for each in range(number, min(number + PER_USER, orders)):
                wish = {
                    "market_id": markets[each % len(markets)],
                    "required_cash_cents": 100_000,
                    "refresh_interval_ms": REFRESH_MS,
                }
                made = client.post("market-making/orders", json=wish).raise_for_status().json()["data"]
                payment = {"asset": "CASH", "amount": 100_000, "idempotency_key": "paid"}
                path = f"market-making/orders/{made['order_id']}/payments"
                client.post(path, json=payment).raise_for_status()


@contextlib.contextmanager
def working(served: Served) -> Iterator[list[int]]:
    """The workers' process ids."""
    tokens, workers = Tokens(served.secret, Clock()), []
    for _ in range(WORKERS):
        own = {
            "MAKERS_URL": served.address,
            "MAKERS_TOKEN": tokens.issue(WORKER_ID, TokenType.SERVICE, SERVICES[WORKER_ID]),
        }
        command = [sys.executable, "-m", "adapters.cli", "makers", "--port", "0", "--log", "ERROR"]
        workers.append(subprocess.Popen(command, cwd=ROOT, env=os.environ | own, stdout=subprocess.DEVNULL))
    try:
        yield [worker.pid for worker in workers]
    finally:
        for worker in workers:
            worker.terminate()
            worker.wait()


def move_all(mover: Mover, markets: list[str], seconds: float) -> None:
    """Each market once in a refresh interval, evenly."""
    pause = REFRESH_MS / 1_000 / len(markets)
    began = time.monotonic()
    for number, market_id in enumerate(itertools.cycle(markets)):
        wait = began + number * pause - time.monotonic()
        if number * pause >= seconds:
            return
        time.sleep(max(0.0, wait))
        mover.move(market_id)


async def read(data: Path, *window: datetime) -> tuple[list[tuple[int, int]], int, Cost]:
    """Of every cycle how late it was and what it changed; the bytes of the journal; what the kernel took."""
    sockets = embedded.cluster_of(data)
    url = f"postgresql:///postgres?host={sockets}&user={embedded.ROLE}"
    async with database.opened(url) as db, db.borrowed() as connection:
        rows = await connection.fetch(LATE, *window)
        written = await connection.fetch_value(WRITTEN, *window)
        decided = await connection.fetch(DECIDED, window[1])
    commands = [decode_request(row["command"])[1] for row in decided]
    cost = cost_of(commands, since=int(window[0].timestamp() * 1_000_000))
    return [(row["lateness_ms"], row["changed"]) for row in rows], int(written), cost


def main(seconds: float, orders: int) -> None:
    print(f"{orders:,} orders, {MARKETS} markets, {WORKERS} workers, on {machine()}")
    with serving(**SETTINGS) as served:
        markets = begin_markets(served)
        with user(served, "mover") as client:
            mover = Mover(client)
            for market_id in markets:
                mover.move(market_id)
            begin_orders(served, markets, orders)
            with working(served) as workers:
                move_all(mover, markets, WARM_SECONDS)
                since = datetime.now(UTC)
                server, own = cpu_of(served.pid), sum(map(cpu_of, workers))
                began = time.perf_counter()
                move_all(mover, markets, seconds)
                took, until = time.perf_counter() - began, datetime.now(UTC)
                server, own = cpu_of(served.pid) - server, sum(map(cpu_of, workers)) - own
                time.sleep(SETTLE_SECONDS)
        cycles, written, cost = trio.run(read, served.data, since, until)
    show(cycles, written, took, server, own)
    show_kernel(cost, server / len(cycles))


def show_kernel(cost: Cost, server: float) -> None:
    """The kernel's part, and that of all else that the server does for a cycle."""
    ordinary = of_an_ordinary_command()
    section("of it the kernel, alone, deciding the same commands again and encoding their facts")
    line("a cycle", cost.of_a_cycle * 1_000_000, "us")
    line("all else that the server does, a cycle", (server - cost.of_a_cycle) * 1_000_000, "us")
    line("a cycle that replaces two quotes", cost.of_one_that_replaces_two * 1_000_000, "us")
    line("cycles of that kind", cost.replacing_two, "")
    line("a command of `verdict bench kernel`", ordinary * 1_000_000, "us")
    line("such a cycle, in such commands", cost.of_one_that_replaces_two / ordinary, "", "aim: below 12")


def show(cycles: list[tuple[int, int]], written: int, took: float, server: float, own: float) -> None:
    centiles = statistics.quantiles([late for late, _ in cycles], n=100)
    section(f"over {took:.0f} s")
    line("cycles", len(cycles) / took, "a second")
    line("of them changed something", 100 * sum(changed > 0 for _, changed in cycles) / len(cycles), "%")
    line("begun late, median", centiles[49], "ms", "aim: below 100")
    line("begun late, 99 of 100", centiles[98], "ms", "aim: below 1,000")
    line("server, a cycle, without PostgreSQL", server / len(cycles) * 1_000_000, "us")
    line("server", server / took * 100, "% of a core", "with what moves the prices")
    line("workers together", own / took * 100, "% of a core")
    line("journal, a cycle", written / len(cycles), "bytes", "with what moves the prices")


if __name__ == "__main__":
    given = sys.argv[1:]
    main(float(given[0]) if given else SECONDS, int(given[1]) if len(given) > 1 else ORDERS)
