"""What cycles of market-making orders cost the kernel: a run's commands, decided once more by themselves.

The journal has every command that had an effect, in its order. Decided again by a kernel that is alone in
its process, each can be timed by itself, and counted to the cycle that it was part of. Requests that had no
effect, such as those of workers that came too late for a lease, are not in it.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import attrs

from bench.kernel import execute_and_encode
from bench.measure import settle
from bench.workload import Flow, opened
from kernel.commands import AnyCommand, BurnShares, CancelOrder, PlaceOrder, ReplaceOrder
from kernel.events import encode_event
from kernel.exchange import Exchange
from kernel.making_answers import MmLeases
from kernel.making_commands import AcquireMmLeases, ReleaseMmLease, RenewMmLease

REPLACES = (2, 2)
"""Replaced, and exchange commands in all: what a cycle does that follows a price."""
ORDINARY = 100_000


@attrs.define
class Cost:
    """What the cycles of a run took, in seconds of the processor."""

    cycles: int = 0
    seconds: float = 0.0
    replacing_two: int = 0
    """Cycles that replaced two quotes and did nothing else."""
    seconds_of_those: float = 0.0

    @property
    def of_a_cycle(self) -> float:
        return self.seconds / max(1, self.cycles)

    @property
    def of_one_that_replaces_two(self) -> float:
        return self.seconds_of_those / max(1, self.replacing_two)


@attrs.define
class Cycle:
    seconds: float = 0.0
    done: Counter[type] = attrs.field(factory=Counter)
    is_over: bool = False


def cost_of(commands: Iterable[AnyCommand], since: int) -> Cost:
    """Of the cycles that began at or after that microsecond and came to their end."""
    exchange = Exchange()
    cycles: dict[tuple[str, int], Cycle] = defaultdict(Cycle)
    settled = False
    for command in commands:
        if not settled and command.at >= since:
            settle()
            settled = True
        begin = time.thread_time()
        outcome = exchange.execute(command)
        for fact in outcome.facts:
            encode_event(fact.event)
        took = time.thread_time() - begin
        if command.at >= since:
            parts = list(part_of(command, outcome.answer))
            for key in parts:
                cycles[key].seconds += took / len(parts)
                cycles[key].done[type(command)] += 1
    return added_up(cycles.values())


def part_of(command: AnyCommand, answer: Any) -> Iterator[tuple[str, int]]:
    """The cycles that a command is part of, by account and fence."""
    match command:
        case AcquireMmLeases() if isinstance(answer, MmLeases):
            yield from ((lease.account, lease.fence) for lease in answer.leases)
        case RenewMmLease() | ReleaseMmLease():
            yield f"mm:{command.order_id}", command.fence
        case (
            PlaceOrder(user_id=account, fence=int(fence))
            | ReplaceOrder(user_id=account, fence=int(fence))
            | CancelOrder(user_id=account, fence=int(fence))
            | BurnShares(user_id=account, fence=int(fence))
        ):
            yield account, fence


def added_up(cycles: Iterable[Cycle]) -> Cost:
    cost = Cost()
    for cycle in cycles:
        if cycle.done[AcquireMmLeases] and cycle.done[ReleaseMmLease]:
            cost.cycles += 1
            cost.seconds += cycle.seconds
            changes = cycle.done.total() - cycle.done[AcquireMmLeases] - cycle.done[ReleaseMmLease]
            if (cycle.done[ReplaceOrder], changes) == REPLACES:
                cost.replacing_two += 1
                cost.seconds_of_those += cycle.seconds
    return cost


def of_an_ordinary_command() -> float:
    """Seconds, in the flow that `verdict bench kernel` measures: to hold a cycle against."""
    flow, exchange = Flow(), opened()
    execute_and_encode(exchange, flow.commands(ORDINARY // 5))
    commands = flow.commands(ORDINARY)
    settle()
    begin = time.process_time()
    execute_and_encode(exchange, commands)
    return (time.process_time() - begin) / ORDINARY
