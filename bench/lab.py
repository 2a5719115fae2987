"""The laboratory: market events a second, simulated hours a minute, and where the time goes."""

import cProfile
import pstats
import time
from typing import Final

import attrs

from amm.brain.config_layers import Layer, Start, build
from amm.lab.makers import stage
from amm.lab.measure import Result
from amm.lab.run import Simulation
from amm.lab.scenario import SCENARIOS, Scenario
from amm.lab.venue import MARKET
from bench.measure import RUNS, heading, line, seconds, section, settle

UNAFRAID: Final = Layer(
    "benchmark",
    {
        "lvr.velocity_kill_ratio": 1,
        "lvr.velocity_escalate_count": 10,
        "lvr.velocity_escalate_window_ms": 1_000,
        "lvr.post_fill_delay_ms": 0,
        "ladder.level_qty": 1_000,
    },
)
"""With its defaults the maker takes so many traders at once for an attack, and the rest would be silence."""
LAZY: Final = Layer("benchmark", {"quote_interval_ms": 10_000})
BUSY: Final = attrs.evolve(SCENARIOS["busy"], hours=1, funding=20_000_000)
CALM: Final = attrs.evolve(SCENARIOS["calm"], hours=2)
SHOWN: Final = 12
"""Functions of the profile."""


def main() -> None:
    heading("laboratory")
    section("market events: facts of the exchange (orders, fills, cancels), a busy hour")
    for maker in ("verdict", "naive"):
        measure_events(maker)
    section("simulated time, a calm market")
    measure_hours("a decision every second, as live", [])
    measure_hours("a decision every ten seconds and after each trade", [LAZY])
    section("where the time of the busy hour goes, by the function's own seconds (profiled, so slower)")
    profile()


def prepared(scenario: Scenario, maker: str, layers: list[Layer], seed: int) -> Simulation:
    config = build(Start(MARKET, scenario.funding, scenario.price, scenario.maker_fee_bps), layers)
    return Simulation(scenario, stage(maker, scenario, config), seed)


def measure_events(maker: str) -> None:
    rates = []
    for seed in range(1, RUNS + 1):
        run = prepared(BUSY, maker, [UNAFRAID], seed)
        settle()
        begin = time.process_time()
        result = run.run()
        rates.append(result.facts / (time.process_time() - begin))
        assert not result.killed
    remark = f"{result.fills:,} fills, quoted {100 * result.both / result.seconds:.0f}% of the time"
    line(f"with {maker}", sorted(rates)[RUNS // 2], "events/s", remark)


def measure_hours(what: str, layers: list[Layer]) -> None:
    results: list[Result] = []
    durations = [
        seconds(lambda run: results.append(run.run()), prepared(CALM, "verdict", layers, seed))
        for seed in range(1, RUNS + 1)
    ]
    line(what, CALM.hours * 60 / sorted(durations)[RUNS // 2], "hours/min")


def profile() -> None:
    run = prepared(BUSY, "verdict", [UNAFRAID], 1)
    profiler = cProfile.Profile()
    profiler.runcall(run.run)
    stats = pstats.Stats(profiler).strip_dirs().sort_stats("tottime")
    stats.print_stats(SHOWN)


if __name__ == "__main__":
    main()
