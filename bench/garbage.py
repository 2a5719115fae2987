"""The search for garbage: its longest pause in a large exchange, and what it leaves behind.

    verdict bench garbage [resting orders]

An exchange is filled as a start fills it, outside the collector's sight; then orders come and stay, 20,000 a
second, while the server's own schedule looks for garbage.
"""

import gc
import itertools
import sys
import time
from collections.abc import Iterable
from typing import Any, Final

import trio

from adapters.runtime import garbage
from bench import workload
from bench.measure import line, machine, section
from kernel.commands import AnyCommand
from kernel.exchange import Exchange
from persistence.journal.recovery import undisturbed

RESTING: Final = 1_000_000
USERS: Final = 25_000
MORE: Final = 100_000
AT_ONCE: Final = 100
EVERY: Final = 0.005


class Pauses:
    """How long each search took, by its generation; for `gc.callbacks`."""

    def __init__(self) -> None:
        self.ms: dict[int, list[float]] = {0: [], 1: [], 2: []}
        self._since = 0

    def __call__(self, phase: str, info: dict[str, Any]) -> None:
        if phase == "start":
            self._since = time.thread_time_ns()
        else:
            self.ms[info["generation"]].append((time.thread_time_ns() - self._since) / 1e6)


async def serve(exchange: Exchange, commands: Iterable[AnyCommand], pauses: Pauses) -> None:
    garbage.begin()
    gc.callbacks.append(pauses)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(garbage.run)
        for burst in chunks(commands):
            for command in burst:
                exchange.execute(command)
            await trio.sleep(EVERY)
        nursery.cancel_scope.cancel()
    gc.callbacks.remove(pauses)


def chunks(commands: Iterable[AnyCommand]) -> Iterable[list[AnyCommand]]:
    source = iter(commands)
    while chunk := list(itertools.islice(source, AT_ONCE)):
        yield chunk


def main(resting: int = RESTING) -> None:
    print(f"garbage on {machine()}")
    exchange, source = Exchange(), iter(workload.resting(resting + MORE))
    with undisturbed():
        for command in itertools.chain(workload.opening(users=USERS), itertools.islice(source, resting)):
            exchange.execute(command)
    pauses = Pauses()
    trio.run(serve, exchange, source, pauses)
    section(f"{MORE:,} orders come to {len(exchange.orders) - MORE:,} of {USERS:,} users, and stay")
    for generation, name in enumerate(("the youngest", "and what has stayed once", "everything")):
        ms = pauses.ms[generation]
        line(f"{name}: searches", len(ms), "")
        if ms:
            line(f"{name}: the longest", max(ms), "ms", "aim: below 10")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
