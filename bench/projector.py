"""The projector: how fast it fills the tables, how far it falls behind, and what it costs the exchange.

The flow is that of bench/workload.py, through the real journal on an embedded PostgreSQL of its own. Part
one projects a journal that is there already. Part two paces commands through actors and journal, without and
with a projector, and looks at what acknowledgements wait, each from the moment its request was due.
"""

import argparse
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
from kernel import Exchange
from kernel.actors import Actors, Request
from kernel.commands import AnyCommand, CreateMarket, Tick
from kernel.events import Fact
from kernel.journal import Decided
from persistence import database, embedded, journal, wal
from persistence.database import Connection, Database
from persistence.folding import Batch
from persistence.migrate import migrate
from persistence.projecting import Progress, projecting
from persistence.projector import Projector
from persistence.rebuild import TABLES
from persistence.wal import rows

BURST: Final = 50
"""Commands in one request."""
JOURNALED: Final = 60_000
"""Commands in the journal of part one."""


def main() -> None:
    asked = argparse.ArgumentParser(prog="verdict bench projector", description=__doc__)
    asked.add_argument("--rate", type=int, default=20_000, help="commands a second in part two")
    asked.add_argument("--seconds", type=float, default=15, help="how long each load lasts")
    asked.add_argument("--rounds", type=int, default=3, help="how often with and without are compared")
    arguments = asked.parse_args()
    heading("projector")
    trio.run(part_one)
    trio.run(part_two, arguments.rate, arguments.seconds, arguments.rounds)


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
        for first in range(0, head, 4_000):
            batch = Batch(first)
            for fact in facts[first : first + 4_000]:
                batch.add(fact)
        fold = time.process_time() - begun
        del facts
        settle()
        cpu, begun = time.process_time(), time.perf_counter()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Projector(db).run)
            while await connection.fetch_value("SELECT journal_id FROM projector_cursor") < head:
                await trio.sleep(0.02)
            nursery.cancel_scope.cancel()
        taken, cpu = time.perf_counter() - begun, time.process_time() - cpu
        written = 0
        for table in TABLES:
            written += await connection.fetch_value(f"SELECT count(*) FROM {table}")
        line("projected", head / taken, "events/s", f"{head:,} events")
        line("rows there are then", written / taken, "rows/s", "besides what was changed on the way")
        line("of the projector's own time", 1e6 * cpu / head, "us/event")
        line("  reading and decoding", 1e6 * read / head, "us/event")
        line("  folding", 1e6 * fold / head, "us/event")
        connection.abandon()


async def file(connection: Connection, commands: int) -> int:
    """Put the flow into the journal; returns its newest id."""
    exchange = Exchange()
    head, digest = 0, wal.GENESIS
    everything = [*opening(), *Flow(burst=BURST).commands(commands)]
    for first in range(0, len(everything), 500):
        group = wal.pack(
            [Decided(wish, "", exchange.execute(wish)) for wish in everything[first : first + 500]],
            head,
            digest,
        )
        assert group is not None
        await connection.copy_in("wal_events", wal.COLUMNS, group.rows)
        head, digest = group.last, group.digest
    return head


@attrs.frozen
class Seen:
    """What one load showed."""

    p50: float
    p99: float
    took: float
    """Seconds from the first request to the last acknowledgement."""
    events: int
    behind: int = 0
    """Events that the tables did not have when the load ended."""
    lag: float = 0.0
    """How old the oldest of them was, in seconds."""
    caught_up: float = 0.0
    """Seconds after the load until the tables had all."""


async def part_two(rate: int, seconds: float, rounds: int) -> None:
    section(f"{rate:,} commands/s in requests of {BURST}, for {seconds:g} s; {rounds} rounds, in turn")
    alone, beside = [], []
    requests = bursts(int(rate * seconds))
    for _ in range(rounds):
        alone.append(await load(requests, rate, projected=False))
        beside.append(await load(requests, rate, projected=True))
    for quantile in ("p50", "p99"):
        without, by = (median(seen, quantile) for seen in (alone, beside))
        line(f"acknowledgement {quantile}, no projector", 1e3 * without, "ms")
        line(f"acknowledgement {quantile}, with projector", 1e3 * by, "ms", f"{by / without:.2f} times")
    line("the load took, no projector", median(alone, "took"), "s")
    line("the load took, with projector", median(beside, "took"), "s")
    line("events in it", median(beside, "events"), "events")
    line("behind at its end", median(beside, "behind"), "events")
    line("behind at its end", median(beside, "lag"), "s")
    line("caught up after", median(beside, "caught_up"), "s")


def median(seen: Sequence[Seen], name: str) -> float:
    return float(statistics.median(getattr(one, name) for one in seen))


def bursts(commands: int) -> list[list[AnyCommand]]:
    """Requests for one market: between markets the order is the actors' affair, and ids depend on it."""
    flow = Flow(markets=1, burst=BURST)
    # A tick goes ahead, because it names the market: a cancel finds it by an order that may still be waiting.
    return [[Tick(at=START_US, market_id=market(0)), *flow.commands(BURST)] for _ in range(commands // BURST)]


async def load(requests: Sequence[Sequence[AnyCommand]], rate: int, *, projected: bool) -> Seen:
    """Pace requests through an exchange, with a projector beside it or without."""
    async with AsyncExitStack() as stack:
        db = await stack.enter_async_context(somewhere())
        writer = await stack.enter_async_context(journal.opened(db))
        actors, progress = Actors(Exchange(), writer), Progress()
        if projected:
            await stack.enter_async_context(projecting(db.url, progress))
            actors.listeners.append(lambda _decided: progress.wake(actors.durable))
        async with trio.open_nursery() as nursery:
            await nursery.start(actors.run)
            for wishes in by_inbox(opening()):
                await actors.ask(*wishes)
            if projected:
                assert await progress.until(actors.durable, 60)
            settle()
            before, waits, begun = actors.durable, list[float](), trio.current_time()
            async with trio.open_nursery() as asking:
                for number, commands in enumerate(requests):
                    due = begun + number * BURST / rate
                    await trio.sleep_until(due)
                    # Handed over here: tasks that begin together begin in any order, and the flow has one.
                    request = actors.submit(commands)
                    if request is None:
                        raise SystemExit("the exchange is overloaded: this machine needs a lower --rate")
                    asking.start_soon(await_it, request, due, waits)
            took = trio.current_time() - begun
            behind, lag = (progress.lag_events, progress.lag_seconds) if projected else (0, 0.0)
            if projected:
                assert await progress.until(actors.durable, 600)
            caught_up = trio.current_time() - begun - took
            actors.close()
        waits.sort()
        p50, p99 = waits[len(waits) // 2], waits[len(waits) * 99 // 100]
        return Seen(p50, p99, took, actors.durable - before, behind, lag, caught_up)


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
