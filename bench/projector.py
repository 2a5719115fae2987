"""The projector: how fast it fills the tables, how far it falls behind, and what it costs the exchange.

The flow is that of bench/workload.py, through the real journal on an embedded PostgreSQL of its own. Part one
projects a journal that is there already. Parts two and three pace commands through actors and journal: two at
a third and at half of full load, without and with a projector in turn, to see what acknowledgements wait,
from when each request was due; three at half load for longer, to see how far the tables fall behind.
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import groupby
from pathlib import Path
from typing import Final

import attrs
import trio

from bench.measure import heading, line, section, settle
from bench.workload import START_US, Flow, market, opening
from kernel.actors import Actors, Request
from kernel.commands import AnyCommand, CreateMarket, Tick
from kernel.events import Fact
from kernel.exchange import Exchange
from kernel.journal import Decided
from persistence.journal import journal, wal
from persistence.journal.archive import rows
from persistence.postgres import database, embedded
from persistence.postgres.database import Connection, Database
from persistence.postgres.migrate import migrate
from persistence.tables.columns import TABLES
from persistence.tables.folding import Batch
from persistence.tables.projector import BATCH, Projector
from persistence.tables.projector_process import ProjectorProgress, projector_running
from persistence.tables.quotes import Quotes

BURST: Final = 50
"""Commands in one request."""
JOURNALED: Final = 60_000
"""Commands in the journal of part one."""
SPELL: Final = 5.0
"""Seconds that each load of part two lasts."""
SAMPLE: Final = 0.1
"""Seconds between looks at how far behind the tables are."""


def main() -> None:
    asked = argparse.ArgumentParser(prog="verdict bench projector", description=__doc__)
    asked.add_argument("--full", type=int, default=37_000, help="full load, in commands a second")
    asked.add_argument("--rounds", type=int, default=2, help="how often with and without are compared")
    asked.add_argument("--seconds", type=float, default=10, help="how long part three lasts")
    arguments = asked.parse_args()
    heading("projector")
    trio.run(part_one)
    third, half = (arguments.full // share // BURST * BURST for share in (3, 2))
    requests = bursts(int(half * max(SPELL, arguments.seconds)))
    for rate in (third, half):
        trio.run(part_two, requests[: int(rate * SPELL) // BURST], rate, arguments.rounds)
    trio.run(part_three, requests[: int(half * arguments.seconds) // BURST], half)


@asynccontextmanager
async def somewhere() -> AsyncIterator[Database]:
    """A new database, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="verdict-bench-"))
    try:
        async with embedded.running(folder) as url, database.opened(url) as db:
            connection = await db.connect()
            await migrate(connection)
            await connection.close()
            yield db
    finally:
        shutil.rmtree(folder)


async def part_one() -> None:
    section(f"a journal of {JOURNALED:,} commands, projected")
    async with somewhere() as db:
        connection = await db.connect()
        head = await file(connection, JOURNALED)
        facts: list[Fact] = []
        begun = time.process_time()
        async for found in rows(connection, 0):
            facts += [row.fact() for row in found]
        read = time.process_time() - begun
        begun = time.process_time()
        quotes = Quotes()
        for first in range(0, head, BATCH):
            batch = Batch(first, quotes)
            for fact in facts[first : first + BATCH]:
                batch.add(fact)
        fold = time.process_time() - begun
        del facts
        settle()
        cpu, begun = time.process_time(), time.perf_counter()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Projector(db).run)
            while await connection.fetch_value("SELECT journal_id FROM projector_cursor") < head:
                await trio.sleep(0.02)
            taken, cpu = time.perf_counter() - begun, time.process_time() - cpu
            _, sessions = await processor_time(db)
            nursery.cancel_scope.cancel()
        written = 0
        for table in TABLES:
            written += await connection.fetch_value(f"SELECT count(*) FROM {table}")
        line("projected", head / taken, "events/s", f"{head:,} events")
        line("rows there are then", written / taken, "rows/s", "besides what was changed on the way")
        line("of the projector's own time", 1e6 * cpu / head, "us/event")
        line("  reading and decoding", 1e6 * read / head, "us/event")
        line("  folding", 1e6 * fold / head, "us/event")
        line("of PostgreSQL's time, on its behalf", 1e6 * sessions / head, "us/event")
        connection.abandon()


async def file(connection: Connection, commands: int) -> int:
    """Put the flow into the journal; returns its newest id."""
    exchange = Exchange()
    head, digest = 0, wal.GENESIS
    everything = [*opening(), *Flow(burst=BURST).commands(commands)]
    for first in range(0, len(everything), 500):
        decided = [Decided(wish, "", exchange.execute(wish)) for wish in everything[first : first + 500]]
        group = wal.group([wal.pack(decided)], head, digest)
        assert group is not None
        await connection.copy_in("wal_events", wal.COLUMNS, group.rows)
        head, digest = group.last, group.digest
    return head


@attrs.define
class Seen:
    """What one load showed."""

    waits: list[float] = attrs.field(factory=list)
    """Of each request, from when it was due to its acknowledgement, in order."""
    took: float = 0.0
    """Seconds from the first request to the last acknowledgement."""
    events: int = 0
    behind: list[tuple[int, float]] = attrs.field(factory=list)
    """From look to look: events that the tables did not have, and how old the oldest of them was."""
    caught_up: float = 0.0
    """Seconds after the load until the tables had all."""
    cpu: tuple[float, float] = (0.0, 0.0)
    """Seconds of processor time: of the projector's own process, and of its sessions in PostgreSQL."""

    @property
    def p50(self) -> float:
        return self.waits[len(self.waits) // 2]

    @property
    def p99(self) -> float:
        return self.waits[len(self.waits) * 99 // 100]


async def part_two(requests: Sequence[Sequence[AnyCommand]], rate: int, rounds: int) -> None:
    section(f"{rate:,} commands/s in requests of {BURST}, for {SPELL:g} s; {rounds} rounds, in turn")
    alone, beside = [], []
    for _ in range(rounds):
        alone.append(await load(requests, rate, projected=False))
        beside.append(await load(requests, rate, projected=True))
    for quantile in ("p50", "p99"):
        without, by = (median(seen, quantile) for seen in (alone, beside))
        line(f"acknowledgement {quantile}, no projector", 1e3 * without, "ms")
        line(f"acknowledgement {quantile}, with projector", 1e3 * by, "ms", f"{by / without:.2f} times")


async def part_three(requests: Sequence[Sequence[AnyCommand]], rate: int) -> None:
    section(f"{rate:,} commands/s with a projector, for {len(requests) * BURST / rate:g} s")
    seen = await load(requests, rate, projected=True)
    events, ages = zip(*seen.behind, strict=True)
    line("the load took", seen.took, "s")
    line("events in it", seen.events / seen.took, "events/s")
    line("behind, in the middle of looks", statistics.median(events), "events")
    line("behind, in the middle of looks", 1e3 * statistics.median(ages), "ms")
    line("behind, at worst", max(events), "events")
    line("behind, at worst", 1e3 * max(ages), "ms")
    line("behind at its end", events[-1], "events")
    line("caught up after", 1e3 * seen.caught_up, "ms")
    line("acknowledgement p50", 1e3 * seen.p50, "ms")
    line("acknowledgement p99", 1e3 * seen.p99, "ms")
    own, sessions = seen.cpu
    line("of the projector's own time", 1e6 * own / seen.events, "us/event")
    line("of PostgreSQL's time, on its behalf", 1e6 * sessions / seen.events, "us/event")


def median(seen: Sequence[Seen], name: str) -> float:
    return float(statistics.median(getattr(one, name) for one in seen))


def bursts(commands: int) -> list[list[AnyCommand]]:
    """Requests for one market: between markets the order is the actors' affair, and ids depend on it."""
    flow = Flow(markets=1, burst=BURST)
    # A tick goes ahead, because it names the market: a cancel finds it by an order that may still be waiting.
    return [[Tick(at=START_US, market_id=market(0)), *flow.commands(BURST)] for _ in range(commands // BURST)]


async def load(requests: Sequence[Sequence[AnyCommand]], rate: int, *, projected: bool) -> Seen:
    """Pace requests through an exchange, with a projector beside it or without."""
    seen = Seen()
    async with AsyncExitStack() as stack:
        db = await stack.enter_async_context(somewhere())
        writer = await stack.enter_async_context(journal.opened(db))
        actors, progress = Actors(Exchange(), writer), ProjectorProgress()
        if projected:
            await stack.enter_async_context(projector_running(db.url, progress))
            actors.listeners.append(lambda _decided: progress.wake(actors.durable))
        async with trio.open_nursery() as nursery:
            await nursery.start(actors.run)
            for wishes in by_inbox(opening()):
                await actors.ask(*wishes)
            if projected:
                assert await progress.until(actors.durable, 60)
                nursery.start_soon(watch, progress, seen)
            settle()
            before, spent, begun = actors.durable, await processor_time(db), trio.current_time()
            async with trio.open_nursery() as asking:
                for number, commands in enumerate(requests):
                    due = begun + number * BURST / rate
                    await trio.sleep_until(due)
                    # Handed over here: tasks that begin together begin in any order, and the flow has one.
                    while (request := actors.submit(commands)) is None:
                        await trio.sleep(SAMPLE / 100)  # more than this machine can do just now
                    asking.start_soon(await_it, request, due, seen.waits)
            seen.took, seen.events = trio.current_time() - begun, actors.durable - before
            if projected:
                seen.behind.append((progress.lag_events, progress.lag_seconds))
                assert await progress.until(actors.durable, 600)
                seen.caught_up = trio.current_time() - begun - seen.took
                own, sessions = await processor_time(db)
                seen.cpu = own - spent[0], sessions - spent[1]
            actors.close()
            nursery.cancel_scope.cancel()
    seen.waits.sort()
    return seen


async def watch(progress: ProjectorProgress, seen: Seen) -> None:
    while True:
        seen.behind.append((progress.lag_events, progress.lag_seconds))
        await trio.sleep(SAMPLE)


async def processor_time(db: Database) -> tuple[float, float]:
    """Seconds so far: of the projector's own process, and of its sessions in PostgreSQL."""
    async with db.borrowed() as connection:
        sessions = await connection.fetch(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'verdict projector'"
        )
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    own = [
        pid
        for pid in children
        if b"persistence.tables.projector" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    return sum(map(spent_by, own)), sum(spent_by(row["pid"]) for row in sessions)


def spent_by(pid: int | str) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def by_inbox(commands: Sequence[AnyCommand]) -> Iterator[list[AnyCommand]]:
    """What makes the exchange ready, in as few requests as may be: runs of commands for the same inbox."""
    for _, run in groupby(commands, lambda command: getattr(command, "market_id", None)):
        wishes = list(run)
        if isinstance(wishes[0], CreateMarket):
            yield [wishes.pop(0)]
        yield wishes


async def await_it(request: Request, due: float, waits: list[float]) -> None:
    await request.durable.wait()
    assert all(outcome.facts for outcome in request.outcomes[1:])
    waits.append(trio.current_time() - due)


if __name__ == "__main__":
    main()
