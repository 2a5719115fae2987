"""Many runs: which there are to do, and doing them on several cores. Results come in the order asked."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

import attrs

from amm.brain.arithmetic import Ppm
from amm.brain.config import Config
from amm.brain.config_layers import Layer, Start, build
from amm.lab.makers import Stage, stage
from amm.lab.measure import Result
from amm.lab.run import Simulation
from amm.lab.scenario import Scenario
from amm.lab.venue import MARKET


@attrs.frozen
class Contender:
    """One maker with one configuration, under the name that the report gives it."""

    name: str
    maker: str
    layers: tuple[Layer, ...] = ()

    def config(self, scenario: Scenario) -> Config:
        """Its parameters; raises `ConfigInvalidError` with all that is wrong with them."""
        start = Start(MARKET, scenario.funding, scenario.price, scenario.maker_fee_bps)
        return build(start, self.layers)

    def stage(self, scenario: Scenario) -> Stage[Any]:
        return stage(self.maker, scenario, self.config(scenario))


@attrs.frozen
class Job:
    contender: Contender
    scenario: Scenario
    seed: int
    is_shown: bool
    """Whether its course goes into the plots; of other runs only the sums are kept."""


def plan(
    contenders: Sequence[Contender], scenario: Scenario, informed: Sequence[Ppm], seeds: Sequence[int]
) -> list[Job]:
    """Every contender at every informed share on every seed; the first seed of each is shown."""
    return [
        Job(contender, attrs.evolve(scenario, informed=share), seed, is_shown=seed == seeds[0])
        for share in informed
        for contender in contenders
        for seed in seeds
    ]


def do(job: Job) -> Result:
    contender, scenario = job.contender, job.scenario
    result = Simulation(scenario, contender.stage(scenario), job.seed).run()
    result = attrs.evolve(result, maker=contender.name)
    return result if job.is_shown else attrs.evolve(result, points=(), marks=())


def do_all(jobs: Sequence[Job], on_done: Callable[[], None], workers: int | None = None) -> list[Result]:
    """Do every job, on all cores unless told otherwise, and call back after each."""
    workers = min(len(jobs), workers or os.cpu_count() or 1)
    if workers <= 1:
        return list(_one_by_one(jobs, on_done))
    # Spawned, not forked: a child that inherits threads and locks of its parent may never wake up.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_leave_interrupts_alone) as pool:
        try:
            # One may be killed while others are still begun: then this fails, and those must be ended, too.
            futures = [pool.submit(do, job) for job in jobs]
            for future in as_completed(futures):
                future.result()
                on_done()
        except BaseException:
            # Whoever stops waiting does not want to wait for what has begun, either.
            pool.shutdown(wait=False, cancel_futures=True)
            for child in multiprocessing.active_children():
                child.terminate()
            raise
        return [future.result() for future in futures]


def _leave_interrupts_alone() -> None:
    """A keyboard interrupt reaches every process of the terminal; the parent ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _one_by_one(jobs: Sequence[Job], on_done: Callable[[], None]) -> Iterator[Result]:
    for job in jobs:
        yield do(job)
        on_done()
