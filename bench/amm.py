"""Fifty markets quoted at once: what it costs the maker and the server, and how long a requote takes.

    verdict bench amm [seconds] [markets]

Real server, real sockets, and the market maker in a process of its own, with one thing put in: its fair price
jumps by six cents once a second in every market, so that no order can stay and each market replaces five
orders a side. A requote is acknowledged when its last order is durable.
"""

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import attrs
import httpx
import msgspec
import trio

from adapters.runtime.log import start_logging
from adapters.runtime.setting_values import LogLevel
from amm.brain.arithmetic import CENT, Ms
from amm.brain.budget import RateBudget
from amm.brain.commands import Action
from amm.brain.inputs import HeldPrices, Input
from amm.brain.state import MarketState
from amm.brain.strategy import decide
from amm.live.program import MarketMaker, Options
from bench.exchange import PASSWORD, ROOT, cpu_of, logged_in, serving
from bench.measure import line, machine, section

SECONDS = 20.0
MARKETS = 50
WARM_SECONDS = 5.0
FAIR = (47 * CENT, 53 * CENT)
ADMIN = "bench_admin"
CONFIG = """
[limits]
replace_rate_limit = 2000
amm_rate_limit = 2000
max_in_flight = 1024

[defense]
max_latency_ms = 5000
"""


class Report(msgspec.Struct):
    """What the maker's process saw between the beginning and the end of the measurement."""

    cpu_seconds: float
    seconds: float
    requotes_ms: list[float]
    commands: int
    turns: int


@attrs.define(eq=False)
class Watch:
    """The maker's hand on the price, and its stop-watch."""

    turns: int = 0
    commands: int = 0
    requotes_ms: list[float] = attrs.field(factory=list)
    _waiting: dict[str, tuple[float, set[int]]] = attrs.field(factory=dict)

    def think(self, state: MarketState, inputs: list[Input], now_ms: Ms, budget: RateBudget) -> list[Action]:
        held = HeldPrices(FAIR[now_ms // 1_000 % 2])
        actions = decide(state, [held, *inputs], now_ms, budget)
        self.turns += 1
        self._answered(state)
        fresh = {getattr(action, "ref", None) for action in actions} & set(state.orders.pending)
        if fresh:
            began, before = self._waiting.get(state.market_id, (time.perf_counter(), set()))
            self._waiting[state.market_id] = began, before | {ref for ref in fresh if ref is not None}
            self.commands += len(fresh)
        return actions

    def _answered(self, state: MarketState) -> None:
        """A requote is over when nothing that was sent for it is without its answer."""
        if (waiting := self._waiting.get(state.market_id)) is not None:
            began, refs = waiting
            if not refs & set(state.orders.pending):
                self.requotes_ms.append((time.perf_counter() - began) * 1_000)
                del self._waiting[state.market_id]


async def make(address: str, token: str, folder: Path, markets: int, seconds: float) -> Report:
    """Be the maker: quote, and measure once everything is quoted."""
    watch = Watch()
    options = Options(url=address, token=token, state_folder=folder, config_text=CONFIG)
    maker = MarketMaker(options, decide=watch.think)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(maker.run, lambda _line: None)
        while sum(quoting(maker)) < markets:
            await trio.sleep(0.1)
        await trio.sleep(WARM_SECONDS)
        watch.requotes_ms.clear()
        began, cpu, commands, turns = time.perf_counter(), used(), watch.commands, watch.turns
        print("begin", flush=True)
        await trio.sleep(seconds)
        print("end", flush=True)
        report = Report(
            used() - cpu,
            time.perf_counter() - began,
            list(watch.requotes_ms),
            watch.commands - commands,
            watch.turns - turns,
        )
        maker.stop.set()
    return report


def quoting(maker: MarketMaker) -> Iterator[bool]:
    if hasattr(maker, "supervisor"):
        for run in maker.supervisor.runs.values():
            yield run.state is not None and len(run.state.orders.live) == 10


def used() -> float:
    """CPU seconds of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def begin_markets(client: httpx.Client, markets: int) -> None:
    for number in range(markets):
        market_id = f"MKT-{number}"
        terms = {"id": market_id, "title": f"Will {number} be?", "amm_authorized": True}
        client.post("admin/markets", json=terms).raise_for_status()
        client.post(f"admin/markets/{market_id}/activate").raise_for_status()
        start = {"market_id": market_id, "initial_budget_cents": 500_000, "initial_price_cents": 50}
        client.post("admin/amm/start", json=start).raise_for_status()


def measured(markets: int, seconds: float) -> tuple[Report, float]:
    """The maker's report, and the server's CPU seconds in the same time."""
    wanted = {
        "VERDICT_ADMIN_USERNAME": ADMIN,
        "VERDICT_ADMIN_PASSWORD": PASSWORD,
        "VERDICT_SAMPLE_MARKETS": "0",
    }
    with serving(**wanted) as served:
        with served.client(logged_in(served, ADMIN)) as client:
            begin_markets(client, markets)
        maker = subprocess.Popen(
            [
                *(sys.executable, "-m", "bench.amm", "--make"),
                *(served.address, str(served.data.parent), str(markets), str(seconds)),
            ],
            cwd=ROOT,
            env=os.environ | {"AMM_TOKEN": served.amm_token},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert maker.stdout is not None
        assert maker.stdout.readline() == "begin\n"
        cpu = cpu_of(served.pid)
        assert maker.stdout.readline() == "end\n"
        cpu = cpu_of(served.pid) - cpu
        report = msgspec.json.decode(maker.stdout.readline(), type=Report)
        assert maker.wait(timeout=60) == 0
    return report, cpu


def main(seconds: float, markets: int) -> None:
    print(f"{markets} markets on {machine()}")
    report, server_cpu = measured(markets, seconds)
    section(f"over {report.seconds:.0f} s")
    centiles = statistics.quantiles(report.requotes_ms, n=100)
    line("requotes", len(report.requotes_ms) / report.seconds, "a second")
    line("places, replaces and cancels", report.commands / report.seconds, "a second")
    line("decisions", report.turns / report.seconds, "a second")
    line("requote to acknowledged, median", centiles[49], "ms")
    line("requote to acknowledged, 99 of 100", centiles[98], "ms", "aim: below 250")
    line("maker", report.cpu_seconds / report.seconds * 100, "% of a core")
    line("server, without PostgreSQL", server_cpu / report.seconds * 100, "% of a core")
    both = (report.cpu_seconds + server_cpu) / report.seconds * 100
    line("both", both, "% of a core", "aim: below 100")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--make"]:
        start_logging(LogLevel.ERROR)
        where, place, how_many, how_long = sys.argv[2:]
        report = trio.run(
            make, where, os.environ["AMM_TOKEN"], Path(place) / "amm", int(how_many), float(how_long)
        )
        print(msgspec.json.encode(report).decode(), flush=True)
    else:
        given = sys.argv[1:]
        main(float(given[0]) if given else SECONDS, int(given[1]) if len(given) > 1 else MARKETS)
