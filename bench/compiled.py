"""The compiled kernel beside the plain one, in turn: what compiling brings, and what an order weighs.

The flow is that of bench/workload.py. Each measurement is a process of its own, with one of the two kernels.
"""

import json
import os
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Final

import trio

from bench.kernel import BATCH, apply_facts, execute, execute_and_encode, pace, pace_in_batches
from bench.measure import line, machine, parts, rate, resident, seconds, section, settle
from bench.workload import Flow, opened, opening, resting
from kernel.actors import Actors
from kernel.exchange import FORM, Exchange
from kernel.journal import MemoryJournal

ROOT: Final = Path(__file__).resolve().parent.parent
ROUNDS: Final = 3
WARM_UP: Final = 10_000
MEASURED: Final = 50_000
HELD: Final = 300_000
"""Orders to weigh; a million weigh the same, each."""


def main() -> None:
    if FORM != "compiled":
        raise SystemExit("there is no compiled kernel of these sources: `verdict compile` makes it")
    print(f"the compiled kernel beside the plain one on {machine()}")
    print(f"medians of {ROUNDS} rounds, by CPU time; after the rate of the plain one that of the compiled")
    paths = {"interpreted": str(ROOT), "compiled": os.environ["PYTHONPATH"]}
    found = {form: defaultdict[str, list[float]](list) for form in paths}
    for _ in range(ROUNDS):
        for form, path in paths.items():
            for name, value in measured(form, path).items():
                found[form][name].append(value)
    section("plain, compiled")
    for name, values in found["interpreted"].items():
        plain, fast = statistics.median(values), statistics.median(found["compiled"][name])
        line(name, plain, "", f"{fast:>9,.0f}  {fast / plain:.2f} times")


def measured(form: str, path: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.compiled", form],
        env=os.environ | {"PYTHONPATH": path},
        stdout=subprocess.PIPE,
        check=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def measure() -> dict[str, float]:
    """With whichever kernel this process has."""
    weighed = weight()  # first, while nothing has been freed that an order could be put into
    flow = Flow()
    warm_up, commands = flow.commands(WARM_UP), flow.commands(MEASURED)
    return {
        "commands/s, decided": pace(execute, warm_up, commands),
        "commands/s, decided and encoded": pace(execute_and_encode, warm_up, commands),
        f"commands/s, in batches of {BATCH} through the actors": trio.run(pace_of_actors),
        "facts/s, applied": pace_of_replay(),
        "bytes, an order at rest": weighed,
    }


def pace_of_replay() -> float:
    source, replica = opened(), opened()
    facts = [fact for command in Flow().commands(MEASURED) for fact in source.execute(command).facts]
    settle()
    runs = parts(facts)
    return rate(len(runs[0]), [seconds(apply_facts, replica, run) for run in runs])


async def pace_of_actors() -> float:
    flow = Flow(burst=BATCH)
    warm_up, commands = flow.commands(WARM_UP), flow.commands(MEASURED)
    actors = Actors(Exchange(), MemoryJournal())
    async with trio.open_nursery() as nursery:
        await nursery.start(actors.run)
        for command in opening():
            await actors.ask(command)
        asked = await pace_in_batches(actors, warm_up, commands)
        actors.close()
    return asked


def weight() -> float:
    exchange = opened()
    settle()
    before = resident()
    execute(exchange, resting(HELD))
    return (resident() - before) / HELD


if __name__ == "__main__":
    if len(sys.argv) == 2 and sys.argv[1] == FORM:
        print(json.dumps(measure()))
    else:
        main()
