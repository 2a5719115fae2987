"""The market maker for a long while: does it stay small, and do its books stay the exchange's?

    verdict bench soak [seconds] [markets]      600 seconds and 5 markets unless told otherwise

Real server, real maker process, and traders over HTTP who buy and sell a little at random. It looks at the
memory of both processes now and then, and at the end whether books and the exchange's own checks agree.
It exits with 1 if anything does not, or if the maker grew in the second half by more than a tenth. The server
keeps every order of a market that lives, so it grows with them.
"""

import os
import random
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

import attrs
import httpx
from prometheus_client.parser import text_string_to_metric_families

from bench.amm import ADMIN, begin_markets
from bench.exchange import PASSWORD, ROOT, Served, cpu_of, deposit, logged_in, registered, serving
from bench.measure import line, machine, section

SECONDS: Final = 600.0
MARKETS: Final = 5
TRADERS: Final = 3
WARM_SECONDS: Final = 20.0
LOOK_EVERY: Final = 5.0
PAUSE_SECONDS: Final = 0.05
GROWTH_MAX: Final = 1.10
SEED: Final = 20_261_120
CONFIG: Final = """
[sync]
reconciliation_interval_ms = 10000  # six times as often as by default: a difference must not hide

[defense]
max_latency_ms = 5000
daily_loss_limit = 250000
inventory_hard_limit = 0.99

[lvr]
velocity_kill_ratio = 1.0  # a crowd of strangers is no informed trader: it is to go on quoting
"""


@attrs.define(eq=False)
class Crowd:
    """Traders who cross the spread by a little, either way."""

    served: Served
    markets: list[str]
    stop: threading.Event = attrs.field(factory=threading.Event)
    orders: int = 0
    refused: int = 0

    def trade(self, number: int) -> None:
        chance = random.Random(SEED + number)
        token = registered(self.served, f"soak_trader_{number}")
        deposit(self.served, token, 20)
        with self.served.client(token) as client:
            while not self.stop.wait(PAUSE_SECONDS * chance.random() * 2):
                answer = client.post("orders", json=self.wish(chance, number))
                self.orders += 1
                self.refused += answer.status_code >= 400

    def wish(self, chance: random.Random, number: int) -> dict[str, Any]:
        return {
            "client_order_id": f"soak-{number}-{self.orders}-{chance.getrandbits(40)}",
            "market_id": chance.choice(self.markets),
            "side": chance.choice(["YES", "NO"]),
            "direction": chance.choice(["BUY", "BUY", "SELL"]),
            "price_cents": chance.randint(44, 62),
            "quantity": chance.randint(1, 4),
            "time_in_force": "IOC",
        }


@attrs.frozen
class Maker:
    process: "subprocess.Popen[str]"
    control: str

    def state(self, market_id: str) -> dict[str, Any]:
        state: dict[str, Any] = httpx.get(f"{self.control}/state/{market_id}").json()
        return state

    def total(self, name: str, **labels: str) -> float:
        """The sum of a metric over all markets."""
        return sum(
            sample.value
            for family in text_string_to_metric_families(httpx.get(f"{self.control}/metrics").text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )


def begun(served: Served, folder: Path) -> Maker:
    (folder / "soak.toml").write_text(CONFIG)
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "adapters.cli",
            "amm",
            "--config",
            str(folder / "soak.toml"),
            "--log",
            "ERROR",
        ],
        cwd=ROOT,
        env=os.environ
        | {
            "AMM_URL": served.address,
            "AMM_TOKEN": served.amm_token,
            "AMM_STATE": str(folder / "amm"),
            "AMM_PORT": "0",
            "PYTHONUNBUFFERED": "1",
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return Maker(process, next(one for one in process.stdout if one.startswith("control")).split()[1])


def resident(pid: int) -> float:
    """MiB of memory that a process has in use."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def growth(sizes: list[float]) -> float:
    """The end of a run beside its middle: what is filled once, caches and windows, is full by then."""
    half, end = sizes[len(sizes) // 2 :][: len(sizes) // 8 or 1], sizes[-(len(sizes) // 8 or 1) :]
    return statistics.median(end) / statistics.median(half)


def differences(served: Served, maker: Maker, markets: list[str]) -> list[str]:
    """What does not agree once nobody trades any more."""
    found = []
    with served.client(served.amm_token) as amm, served.client(logged_in(served, ADMIN)) as admin:
        for market_id in markets:
            held = amm.get(f"positions/{market_id}").json()["data"]
            state = maker.state(market_id)
            for side in ("yes", "no"):
                for ours, theirs in (("volume", "volume"), ("cost_sum_cents", "cost_sum_cents")):
                    if state[f"{side}_{ours}"] != held[side][theirs]:
                        found.append(f"{market_id}: {side}_{ours} differs")
        trades = amm.get("trades", params={"limit": 100}).json()["data"]["items"]
        found += [f"{one['trade_id']}: met ourselves" for one in trades if one["my_side"] == "BOTH"]
        checks = admin.post("admin/verify-invariants").json()["data"]
        found += [f"the exchange: {one['name']}" for one in checks["checks"] if not one["passed"]]
    for name in ("amm_reconcile_drift", "amm_sanitizer_rejects_total", "amm_task_restarts_total"):
        if maker.total(name):
            found.append(f"{name} is {maker.total(name):.0f}")
    if drifts := maker.total("amm_reconcile_total", result="drift"):
        found.append(f"{drifts:.0f} reconciliations found a difference")
    return found


def main(seconds: float, count: int) -> int:
    print(f"{count} markets on {machine()}")
    wanted = {
        "VERDICT_ADMIN_USERNAME": ADMIN,
        "VERDICT_ADMIN_PASSWORD": PASSWORD,
        "VERDICT_SAMPLE_MARKETS": "0",
    }
    with serving(**wanted) as served:
        with served.client(logged_in(served, ADMIN)) as client:
            begin_markets(client, count)
        crowd = Crowd(served, [f"MKT-{number}" for number in range(count)])
        maker = begun(served, served.data.parent)
        traders = [threading.Thread(target=crowd.trade, args=(number,)) for number in range(TRADERS)]
        try:
            for trader in traders:
                trader.start()
            sizes, cpu = looked_at(served, maker, seconds)
        finally:
            crowd.stop.set()
            for trader in traders:
                trader.join()
        time.sleep(LOOK_EVERY)  # the last events arrive, and everything is reconciled once more
        found = differences(served, maker, crowd.markets)
        section(f"over {seconds:.0f} s")
        line("orders of traders", crowd.orders / seconds, "a second")
        presence = maker.total("amm_quote_presence_ratio") / count
        line("both sides quoted", presence * 100, "% of the time")
        line("kills", maker.total("amm_kill_switch_total"), "")
        line("fills of the maker", maker.total("amm_fills_total"), "")
        line("commands of the maker", maker.total("amm_commands_total"), "")
        line("reconciliations without a difference", maker.total("amm_reconcile_total", result="ok"), "")
        for name, mine in sizes.items():
            line(f"{name}: memory at the end", mine[-1], "MiB")
            line(f"{name}: the end beside the middle", (growth(mine) - 1) * 100, "% more")
            line(f"{name}: CPU", cpu[name] / seconds * 100, "% of a core")
        if growth(sizes["maker"]) > GROWTH_MAX:
            found.append("the maker grew")
        maker.process.terminate()
        if maker.process.wait(timeout=60) != 0:
            found.append("the maker did not end well")
    for one in found:
        print(f"  WRONG: {one}")
    return 1 if found else 0


def looked_at(
    served: Served, maker: Maker, seconds: float
) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Memory of both processes over the time, once they have warmed up, and their CPU seconds in it."""
    pids = {"maker": maker.process.pid, "server": served.pid}
    time.sleep(min(WARM_SECONDS, seconds / 4))
    sizes: dict[str, list[float]] = {name: [] for name in pids}
    before = {name: cpu_of(pid) for name, pid in pids.items()}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(min(LOOK_EVERY, seconds / 16))
        for name, pid in pids.items():
            sizes[name].append(resident(pid))
    return sizes, {name: cpu_of(pid) - before[name] for name, pid in pids.items()}


if __name__ == "__main__":
    given = sys.argv[1:]
    sys.exit(main(float(given[0]) if given else SECONDS, int(given[1]) if len(given) > 1 else MARKETS))
