"""The kernel alone and through its actors: how fast it decides and replays, and what an order weighs.

The flow is that of bench/workload.py. Each part runs in a process of its own: memory that an earlier one left
behind would be counted, or used again.
"""

import gc
import multiprocessing
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import trio

from bench import books, features
from bench.measure import RUNS, heading, line, parts, rate, resident, seconds, section, settle
from bench.workload import LOT, START_US, TAKERS, Flow, market, opened, opening, order, resting, user
from kernel.actors import Actors
from kernel.answers import Outcome
from kernel.commands import AnyCommand, CancelOrder, ReplaceOrder
from kernel.events import Fact, Fill, decode_event, encode_event
from kernel.exchange import Exchange
from kernel.journal import MemoryJournal

WARM_UP: Final = 20_000
MEASURED: Final = 100_000
BATCH: Final = 100
ROUND_TRIPS: Final = 10_000
SWEEPS: Final = 300
DEEP: Final = 10
"""Makers that a long sweep fills."""
FEW: Final = 1_000
MANY: Final = 1_000_000


def main() -> None:
    heading("kernel")
    for part in (decide, features.compare, replay, act, hold, books.compare):
        process = multiprocessing.get_context("spawn").Process(target=part)
        process.start()
        process.join()
        if process.exitcode:
            raise SystemExit(process.exitcode)


# Deciding


def decide() -> None:
    section("deciding, of the flow")
    flow = Flow()
    warm_up, measured = flow.commands(WARM_UP), flow.commands(MEASURED)
    line("decided and encoded", pace(execute_and_encode, warm_up, measured), "commands/s")
    gc.disable()
    line("the same with gc off", pace(execute_and_encode, warm_up, measured), "commands/s")
    gc.enable()
    line("decided only", pace(execute, warm_up, measured), "commands/s")
    one_by_one(warm_up, measured)
    sweeps()


def execute(exchange: Exchange, commands: Iterable[AnyCommand]) -> None:
    for command in commands:
        exchange.execute(command)


def execute_and_encode(exchange: Exchange, commands: Iterable[AnyCommand]) -> None:
    for command in commands:
        for fact in exchange.execute(command).facts:
            encode_event(fact.event)


def pace(
    work: Callable[[Exchange, Sequence[AnyCommand]], None],
    warm_up: Sequence[AnyCommand],
    measured: Sequence[AnyCommand],
) -> float:
    """Commands a second, on an exchange that has been trading for a while."""
    exchange = opened()
    work(exchange, warm_up)
    settle()
    runs = parts(measured)
    return rate(len(runs[0]), [seconds(work, exchange, run) for run in runs])


def one_by_one(warm_up: Sequence[AnyCommand], measured: Sequence[AnyCommand]) -> None:
    """Each command by itself, decided and encoded; reading the clock twice is some 0.1 us of it."""
    exchange = opened()
    execute(exchange, warm_up)
    settle()
    durations = defaultdict[str, list[int]](list)
    clock = time.perf_counter_ns
    for command in measured:
        begin = clock()
        outcome = exchange.execute(command)
        for fact in outcome.facts:
            encode_event(fact.event)
        durations[kind(command, outcome)].append(clock() - begin)
    for name in sorted(durations, key=lambda name: -len(durations[name])):
        percentiles(f"{name}, {len(durations[name]) / len(measured):.1%} of them", durations[name])
    percentiles("any one command", [duration for times in durations.values() for duration in times])


def kind(command: AnyCommand, outcome: Outcome) -> str:
    match command:
        case CancelOrder():
            return "a cancel"
        case ReplaceOrder():
            return "a replace"
        case _:
            traded = any(isinstance(fact.event, Fill) for fact in outcome.facts)
            return "a place that trades" if traded else "a place that rests"


def percentiles(what: str, nanoseconds: list[int]) -> None:
    cuts = statistics.quantiles(nanoseconds, n=100)
    line(what, cuts[49] / 1000, "us p50", f"{cuts[98] / 1000:,.1f} us p99")


def sweeps() -> None:
    """What one more maker costs whoever sweeps the book."""
    exchange = opened()
    settle()
    durations = defaultdict[int, list[float]](list)
    at = START_US
    for number in range(SWEEPS):
        depth = DEEP if number % 2 else 1
        for step in range(depth + 1):
            at += 10
            takes = step == depth
            command = order(
                at,
                user(number % TAKERS if takes else TAKERS + step),
                f"s-{at}",
                market(0),
                bid=takes,
                price=55,
                quantity=LOT * depth if takes else LOT,
            )
            taken = seconds(execute_and_encode, exchange, [command])
        durations[depth].append(taken)
    long, short = (statistics.median(durations[depth]) for depth in (DEEP, 1))
    line("a fill: one more maker for who sweeps the book", (long - short) / (DEEP - 1) * 1e6, "us")


# Replaying


def replay() -> None:
    section("replaying, of the flow")
    flow = Flow()
    warm_up, measured = flow.commands(WARM_UP), flow.commands(MEASURED)
    source, replica, second = opened(), opened(), opened()
    for command in warm_up:
        for fact in source.execute(command).facts:
            replica.apply(fact)
            second.apply(fact)
    facts = [fact for command in measured for fact in source.execute(command).facts]
    rows = [(fact.id, fact.at, fact.market_id, encode_event(fact.event)) for fact in facts]
    settle()
    runs = parts(facts)
    durations = [seconds(apply_facts, replica, run) for run in runs]
    remark = f"{len(facts) / len(measured):.2f} a command"
    line("facts applied", rate(len(runs[0]), durations), "facts/s", remark)
    encoded = parts(rows)
    durations = [seconds(apply_rows, second, run) for run in encoded]
    line("rows decoded and applied", rate(len(encoded[0]), durations), "facts/s")
    mean = statistics.mean(len(payload) for *_, payload in rows)
    line("a payload", mean, "bytes")
    assert replica.head == second.head


def apply_facts(exchange: Exchange, facts: Iterable[Fact]) -> None:
    for fact in facts:
        exchange.apply(fact)


def apply_rows(exchange: Exchange, rows: Iterable[tuple[int, int, str | None, bytes]]) -> None:
    for fact_id, at, market_id, payload in rows:
        exchange.apply(Fact(fact_id, at, market_id, decode_event(payload)))


# Through the actors


def act() -> None:
    section("through the actors, with the journal in memory")
    trio.run(act_on_trio)


async def act_on_trio() -> None:
    flow = Flow(burst=BATCH)
    warm_up, measured = flow.commands(WARM_UP), flow.commands(MEASURED)
    single = flow.commands(ROUND_TRIPS)
    actors = Actors(Exchange(), MemoryJournal())
    async with trio.open_nursery() as nursery:
        await nursery.start(actors.run)
        for command in opening():
            await actors.ask(command)
        asked = await pace_in_batches(actors, warm_up, measured)
        line(f"asked in batches of {BATCH}, one at a time", asked, "commands/s")
        trips = []
        for command in single:
            start = time.perf_counter_ns()
            await actors.ask(command)
            trips.append(time.perf_counter_ns() - start)
        percentiles("round trip of a single command", trips)
        actors.close()


async def pace_in_batches(
    actors: Actors, warm_up: Sequence[AnyCommand], measured: Sequence[AnyCommand]
) -> float:
    await ask_in_batches(actors, warm_up)
    settle()
    runs, durations = parts(measured), []
    for run in runs:
        begin = time.process_time()
        await ask_in_batches(actors, run)
        durations.append(time.process_time() - begin)
    return rate(len(runs[0]), durations)


async def ask_in_batches(actors: Actors, commands: Sequence[AnyCommand]) -> None:
    for start in range(0, len(commands), BATCH):
        await actors.ask(*commands[start : start + BATCH])


# A million orders


def hold() -> None:
    section("holding many orders")
    measured = Flow().commands(MEASURED)
    small, large = opened(FEW), opened()
    settle()
    before = resident()
    execute(large, resting(MANY))
    weight = (resident() - before) / MANY
    line("an order at rest, with all that is kept for it", weight, "bytes", f"of {MANY:,}")
    line("a full garbage collection, nothing frozen", seconds(collect_all) * 1000, "ms")
    settle()
    durations = defaultdict[int, list[float]](list)
    for run in parts(measured):
        for count, exchange in ((FEW, small), (MANY, large)):
            durations[count].append(seconds(execute_and_encode, exchange, run))
    for count, times in durations.items():
        line(f"the flow beside {count:,} others", rate(MEASURED // RUNS, times), "commands/s")


def collect_all() -> None:
    gc.unfreeze()
    gc.collect()


if __name__ == "__main__":
    main()
