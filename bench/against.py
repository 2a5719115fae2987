"""The kernel of these sources beside that of an older tree, in turns: how much longer the same commands take.

    git worktree add /tmp/older 73993c0
    verdict bench against /tmp/older [--compiled] [--instructions]

Each kernel runs in a process of its own, and they take turns with slices of the same commands: slow moments
of the machine fall on both alike, so a few percent can be told where much else runs. New processes in each
round, because where one lies in memory makes it faster or slower for as long as it lives. Instructions are
counted by valgrind; no other work disturbs them, and they tell less of what waits for memory.
"""

import argparse
import gc
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Final

from bench.kernel import execute, execute_and_encode
from bench.measure import machine, section, settle
from bench.workload import MIX, Flow, opened
from kernel.commands import AnyCommand
from kernel.exchange import Exchange

ROOT: Final = Path(__file__).resolve().parent.parent
ROUNDS: Final = 5
WARM_UP: Final = 5_000
SLICES: Final = 200
SLICE: Final = 100
COUNTED: Final = 3_000
FLOWS: Final[dict[str, dict[str, int]]] = {
    "the flow": MIX,
    "orders that rest": {"rest": 1},
    "orders that rest, and their cancels": {"rest": 1, "cancel": 1},
    "orders that rest, and others that take them": {"rest": 1, "take": 1},
}
WORK: Final[dict[str, Callable[[Exchange, Sequence[AnyCommand]], None]]] = {
    "decided": execute,
    "decided and encoded": execute_and_encode,
}
TURN: Final = b"\n"


def main() -> None:
    asked = argparse.ArgumentParser(
        prog="verdict bench against",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    asked.add_argument("older", type=Path, help="the folder of other sources")
    asked.add_argument("--compiled", action="store_true", help="compile both, and compare those kernels")
    asked.add_argument("--instructions", action="store_true", help="count them, too; needs valgrind")
    asked.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = asked.parse_args()
    older = arguments.older.resolve()
    if not (older / "bench" / "workload.py").exists():
        asked.error(f"{older} holds no sources of Verdict")
    if arguments.instructions and shutil.which("valgrind") is None:
        asked.error("there is no valgrind on PATH")
    print(f"these sources against {older} on {machine().replace('kernel=', 'told by kernel=')}")
    print(f"{arguments.rounds} rounds of {SLICES} turns; of the ratios of a round the median")
    with tempfile.TemporaryDirectory(prefix="verdict-bench-") as folder:
        paths = [str(older), str(ROOT)]
        if arguments.compiled:
            paths = [
                f"{compiled(path, Path(folder) / str(n))}{os.pathsep}{path}" for n, path in enumerate(paths)
            ]
        for work in WORK:
            section(
                f"{work}: older, newer, and how much longer it takes in the median round, the best, the worst"
            )
            for flow in FLOWS:
                tell(flow, [compare(paths, flow, work) for _ in range(arguments.rounds)])
        if arguments.instructions:
            section("instructions of one command, decided: older, newer, and how many more")
            for flow in FLOWS:
                before, now = (counted(path, flow) for path in paths)
                print(f"  {flow:<46}{before:>8,.0f} {now:>8,.0f} {now / before - 1:>+8.1%}", flush=True)


def tell(flow: str, rounds: Sequence[tuple[float, float, float]]) -> None:
    older, newer, ratio = (statistics.median(column) for column in zip(*rounds, strict=True))
    ratios = sorted(ratio for *_, ratio in rounds)
    print(
        f"  {flow:<46}{older:>7.2f} {newer:>7.2f} us {ratio - 1:>+8.1%}"
        f"   {ratios[0] - 1:+.1%} to {ratios[-1] - 1:+.1%}",
        flush=True,
    )


def compiled(path: str, folder: Path) -> Path:
    """The kernel of a tree as machine code."""
    subprocess.run(
        [sys.executable, "-m", "adapters.cli", "compile", "--into", str(folder)],
        env=surroundings(path),
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return folder


def surroundings(path: str) -> dict[str, str]:
    """For a process that takes its modules from there, this file alone excepted."""
    return os.environ | {"PYTHONPATH": path, "PYTHONSAFEPATH": "1"}


def command_line(*arguments: str) -> list[str]:
    return [sys.executable, __file__, *arguments]


# In turns


def compare(paths: Sequence[str], flow: str, work: str) -> tuple[float, float, float]:
    """One round: microseconds of a command on the older kernel and on the newer one, and their ratio."""
    players = [
        subprocess.Popen(
            command_line("play", flow, work),
            env=surroundings(path),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        for path in paths
    ]
    took = []
    for number in range(SLICES):
        times = {}
        for index in (0, 1) if number % 2 else (1, 0):
            player = players[index]
            assert player.stdin is not None
            assert player.stdout is not None
            player.stdin.write(TURN)
            times[index] = int(player.stdout.readline()) / SLICE / 1000
        took.append((times[0], times[1]))
    for player in players:
        player.communicate()
    older, newer = zip(*took, strict=True)
    ratio = statistics.median(after / before for before, after in took)
    return statistics.median(older), statistics.median(newer), ratio


def made_ready(flow: str) -> tuple[Exchange, list[AnyCommand]]:
    """An exchange that has been trading for a while, and what is to come."""
    made = Flow(mix=FLOWS[flow])
    warm_up, measured = made.commands(WARM_UP), made.commands(SLICES * SLICE)
    exchange = opened()
    execute(exchange, warm_up)
    settle()
    return exchange, measured


def play(flow: str, work: str, turns: IO[bytes], said: IO[str]) -> None:
    """A slice whenever it is this process's turn; how many nanoseconds it took."""
    exchange, commands = made_ready(flow)
    for start in range(0, len(commands), SLICE):
        part = commands[start : start + SLICE]
        turns.read(1)
        begun = time.process_time_ns()
        WORK[work](exchange, part)
        print(time.process_time_ns() - begun, file=said, flush=True)


# By instructions


def counted(path: str, flow: str) -> float:
    """Instructions of one command: what a process with so many of them does beyond one without."""
    without, having = (instructions(path, flow, count) for count in (0, COUNTED))
    return (having - without) / COUNTED


def instructions(path: str, flow: str, count: int) -> int:
    tool = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    done = subprocess.run(
        [*tool, *command_line("count", flow, str(count))],
        env=surroundings(path) | {"PYTHONHASHSEED": "0"},
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    found = re.search(r"I\s+refs:\s+([\d,]+)", done.stderr)
    assert found is not None, done.stderr
    return int(found[1].replace(",", ""))


def count(flow: str, number: int) -> None:
    exchange, commands = made_ready(flow)
    gc.disable()
    execute(exchange, commands[:number])


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["play", flow, work]:
            play(flow, work, sys.stdin.buffer, sys.stdout)
        case ["count", flow, number]:
            count(flow, int(number))
        case _:
            main()
