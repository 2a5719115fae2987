"""Processes that follow and lead, while every role is killed at random: what was promised holds.

    verdict bench nodes_soak [SECONDS]

Three processes, of which one leads, on a PostgreSQL of their own. Every few seconds one of them is killed,
frozen until it is deposed, or stopped in order, or PostgreSQL is killed; what is gone is started again.
Traders repeat each request, at any process, until it is answered. At the end the journal, the tables and all
processes are asked for everything that was acknowledged, and all must tell the same.
"""

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import attrs
import httpx
import trio

from bench.measure import line, machine, section
from kernel.codes import Code
from persistence.postgres import embedded
from tests import pairs
from tests.adapters.serving import ROOT, Caller, ServerProcess, Venue, on, serving, until, venue
from tests.adapters.test_follow import told

PROCESSES: Final = 3
TRADERS: Final = 4
RESTING: Final = 5
"""Orders that a trader leaves in the book; older ones it cancels."""
CENTS: Final = 5_000_000
SECONDS: Final = 600.0
PAUSE: Final = (2.0, 6.0)
"""Seconds between two troubles."""
FROZEN: Final = 2.5
"""Seconds: longer than anybody is waited for."""
SAMPLE: Final = 200
"""Acknowledged orders that every process is asked for, one by one."""
SETTINGS: Final = {"VERDICT_SHARE_PORT": "off", "VERDICT_TAKEOVER_MS": "1500"}


@attrs.define(eq=False)
class Cluster:
    """The processes that serve, and the database below them."""

    folder: Path
    chance: random.Random
    url: str = ""
    nodes: list[ServerProcess | None] = attrs.field(factory=lambda: [None] * PROCESSES)
    ended: list[contextlib.ExitStack] = attrs.field(
        factory=lambda: [contextlib.ExitStack() for _ in range(PROCESSES)]
    )
    database: contextlib.ExitStack = attrs.field(factory=contextlib.ExitStack)
    postgres: pairs.Server | None = None
    troubles: Counter[str] = attrs.field(factory=Counter)

    def start_database(self) -> None:
        self.database.close()
        files = embedded.cluster_of(self.folder)
        (files / "postmaster.pid").unlink(missing_ok=True)  # it would tell that the killed one is ready
        self.postgres = self.database.enter_context(pairs.server(files))
        self.url = self.postgres.url

    def start(self, place: int) -> None:
        """Start what is gone; it may find its database away, and is started once more then."""
        self.ended[place].close()
        for attempt in range(10):
            with contextlib.suppress(AssertionError):
                self.nodes[place] = self.ended[place].enter_context(
                    serving(self.url, self.folder, "follow", **SETTINGS)
                )
                return
            time.sleep(0.2 * attempt)
        newest = max(self.folder.glob("server-*.log"), key=lambda log: log.stat().st_mtime)
        raise SystemExit(f"verdict: a process does not start: {newest.read_text()[-500:]}")

    def alive(self) -> list[ServerProcess]:
        return [node for node in self.nodes if node is not None and node.process.poll() is None]

    def address(self) -> str:
        return self.chance.choice(self.alive() or [node for node in self.nodes if node]).address

    def leads(self, node: ServerProcess) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return bool(told(node, "verdict_leads"))
        return False

    def make_trouble(self) -> None:
        what = self.chance.choice(("kill", "kill", "freeze", "stop", "database"))
        if what == "database":
            assert self.postgres is not None
            self.postgres.kill()
            self.start_database()
            self.troubles["PostgreSQL killed"] += 1
        else:
            node = self.chance.choice(self.alive())
            role = "leader" if self.leads(node) else "follower"
            if what == "kill":
                node.stop(signal.SIGKILL)
            elif what == "stop":
                node.process.send_signal(signal.SIGTERM)
            else:
                node.process.send_signal(signal.SIGSTOP)
                time.sleep(FROZEN)
                node.process.send_signal(signal.SIGCONT)
            self.troubles[f"{role} {({'kill': 'killed', 'freeze': 'frozen', 'stop': 'stopped'})[what]}"] += 1

    def mend(self) -> None:
        for place, node in enumerate(self.nodes):
            if node is None or node.process.poll() is not None:
                self.start(place)

    def close(self) -> None:
        for stack in (*self.ended, self.database):
            stack.close()


@attrs.define(eq=False)
class Trader:
    """Places and cancels, one after the other, and repeats each request until somebody has answered it."""

    cluster: Cluster
    who: Caller
    side: str
    market: str
    chance: random.Random
    placed: dict[str, str] = attrs.field(factory=dict)
    cancelled: set[str] = attrs.field(factory=set)
    refused: list[object] = attrs.field(factory=list)
    longest: float = 0.0

    def trade(self, over: threading.Event) -> None:
        resting: list[str] = []
        for number in range(sys.maxsize):
            if over.is_set():
                return
            name, wish = f"{self.side}-{number}", f"BUY {self.side} 1 @{self.chance.randint(40, 60)}"
            answer = self.until_answered(
                lambda caller, name=name, wish=wish: caller.place(self.market, wish, name)
            )
            if answer.code:
                self.refused.append(answer.envelope)
                continue
            order_id = self.placed[name] = answer.data["order"]["id"]
            resting.append(order_id)
            if len(resting) > RESTING:
                oldest = resting.pop(0)
                answer = self.until_answered(
                    lambda caller, oldest=oldest: caller.post(f"/orders/{oldest}/cancel")
                )
                if answer.code == 0:
                    self.cancelled.add(oldest)
                elif answer.code != Code.ORDER_CLOSED:  # it was traded, or asked for before
                    self.refused.append(answer.envelope)

    def until_answered(self, ask: Any) -> Any:
        begun = time.monotonic()
        while True:
            with (
                contextlib.suppress(httpx.HTTPError, json.JSONDecodeError),
                httpx.Client(base_url=self.cluster.address(), timeout=30) as http,
            ):
                for _ in range(20):
                    answer = ask(Caller(http, self.who.token, self.who.user_id))
                    if answer.status != httpx.codes.SERVICE_UNAVAILABLE:
                        self.longest = max(self.longest, time.monotonic() - begun)
                        return answer
                    time.sleep(0.02)
            time.sleep(0.02)


def main() -> None:
    asked = argparse.ArgumentParser(
        prog="verdict bench nodes_soak",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    asked.add_argument("seconds", nargs="?", type=float, default=SECONDS)
    arguments = asked.parse_args()
    print(f"nodes_soak on {machine()}")
    seed = time.time_ns()
    print(f"seed {seed}")
    folder = Path(tempfile.mkdtemp(prefix="verdict-bench-"))
    folder.chmod(0o755)
    trio.run(make_files, folder)
    cluster = Cluster(folder, random.Random(seed))
    try:
        cluster.start_database()
        with serving(cluster.url, folder):
            pass  # makes the schema
        cluster.mend()
        with httpx.Client(base_url=cluster.address(), timeout=60) as http:
            traders = traders_of(cluster, venue(cluster.address(), http))
        soak(cluster, traders, arguments.seconds)
        verify(cluster, traders)
    finally:
        cluster.close()


async def make_files(folder: Path) -> None:
    async with embedded.running(folder):
        pass


def traders_of(cluster: Cluster, there: Venue) -> list[Trader]:
    """Half of them buy YES, the others NO: nobody meets own orders."""
    market = there.market()
    sides = ("YES", "NO") * (TRADERS // 2)
    seeds = [cluster.chance.random() for _ in sides]
    return [
        Trader(cluster, there.user(CENTS), side, market, random.Random(seed))
        for side, seed in zip(sides, seeds, strict=True)
    ]


def soak(cluster: Cluster, traders: list[Trader], seconds: float) -> None:
    over = threading.Event()
    threads = [threading.Thread(target=trader.trade, args=[over]) for trader in traders]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + seconds
    try:
        while time.monotonic() < deadline:
            time.sleep(cluster.chance.uniform(*PAUSE))
            cluster.make_trouble()
            cluster.mend()
    finally:
        cluster.mend()
        over.set()
        for thread in threads:
            thread.join()
    section(f"{PROCESSES} processes and PostgreSQL, {seconds:,.0f} seconds of {TRADERS} traders")
    for what, times in sorted(cluster.troubles.items()):
        line(what, times, "times")
    line("orders acknowledged", sum(len(trader.placed) for trader in traders), "")
    line("cancels acknowledged", sum(len(trader.cancelled) for trader in traders), "")
    line("longest wait for an answer, repetitions included", max(one.longest for one in traders), "s")


def verify(cluster: Cluster, traders: list[Trader]) -> None:
    cluster.mend()
    nodes = cluster.alive()
    until(lambda: all(httpx.get(f"{node.address}/ready").status_code == 200 for node in nodes), 60)
    rows = on(cluster.url, "SELECT jsonb_object_agg(id, ARRAY[client_order_id, status]) FROM orders")
    orders = json.loads(rows) if isinstance(rows, str) else rows
    assert isinstance(orders, dict)
    missing = sum(orders.get(one, [""])[0] != name for each in traders for name, one in each.placed.items())
    wrong = sum(orders.get(one, ["", ""])[1] != "CANCELLED" for each in traders for one in each.cancelled)
    twice = len(orders) - sum(len(trader.placed) for trader in traders)
    refused = [envelope for trader in traders for envelope in trader.refused]
    differing = sum(len({json.dumps(view(node, one)) for node in nodes}) > 1 for one in traders)
    replayed = subprocess.run(
        [sys.executable, "-m", "adapters.cli", "replay", "--verify"],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": cluster.url, "VERDICT_DATA": str(cluster.folder / "data")},
        capture_output=True,
        text=True,
        check=False,
    )
    line("of the orders, missing", missing, "")
    line("of the cancels, not done", wrong, "")
    line("orders that nobody was told of", twice, "")
    line("requests refused", len(refused), "", str(refused[:1]) if refused else "")
    line("traders of whom the processes tell differently", differing, "")
    print(f"  {replayed.stdout.strip().splitlines()[-1] if not replayed.returncode else replayed.stderr}")
    if missing or wrong or twice or refused or differing or replayed.returncode:
        raise SystemExit("verdict: a promise was not kept")


def view(node: ServerProcess, trader: Trader) -> list[object]:
    """What a process tells of a trader and of the market."""
    some = random.Random(0).sample(sorted(trader.placed.values()), min(SAMPLE, len(trader.placed)))
    with httpx.Client(base_url=node.address, timeout=60) as http:
        caller = Caller(http, trader.who.token, trader.who.user_id)

        def told_of(path: str) -> object:
            """A connection that PostgreSQL took along is noticed when it is used."""
            while (answer := caller.get(path)).status == httpx.codes.SERVICE_UNAVAILABLE:
                time.sleep(0.1)
            assert answer.code == 0, answer.envelope
            return answer.data

        market = f"/markets/{trader.market}"
        paths = ("/account/balance", "/positions", f"{market}/orderbook", f"{market}/trades")
        return [told_of(path) for path in (*paths, *(f"/orders/{order_id}" for order_id in some))]


if __name__ == "__main__":
    main()
