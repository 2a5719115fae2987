"""Recovery: events a second from the journal, from a snapshot and a tail, and how much memory that takes.

A journal of the flow of bench/workload.py is made first, as the flow itself decides it; then an exchange is
recovered from all of it, a snapshot is written, and one is recovered from that. With --after the journal goes
on behind the snapshot, and one is recovered from both. Each recovery is a process of its own, for its memory.
"""

import argparse
import functools
import multiprocessing
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Final

import attrs
import trio

from bench import workload
from bench.measure import heading, line, resident, section
from bench.workload import Flow, opening
from kernel.answers import Outcome
from kernel.commands import AnyCommand
from kernel.exchange import Exchange
from kernel.journal import Decided
from persistence.journal import snapshots, wal
from persistence.journal.recovery import recover
from persistence.journal.seals import SealKey
from persistence.postgres import database, embedded
from persistence.postgres.database import Connection
from persistence.postgres.migrate import migrate

KEY = SealKey("the key of a benchmark's seals, which nobody needs to know")

BURST: Final = 50
GROUP: Final = 1_000
"""Commands in one transaction of the journal."""


def main() -> None:
    asked = argparse.ArgumentParser(prog="verdict bench recovery", description=__doc__)
    asked.add_argument("--events", type=int, default=300_000, help="in the journal")
    asked.add_argument("--resting", type=int, default=100_000, help="orders in the snapshot that is measured")
    asked.add_argument("--rounds", type=int, default=3, help="recoveries, of which the median counts")
    asked.add_argument(
        "--after", type=int, default=0, help="events behind the snapshot: 1000000 takes two minutes more"
    )
    arguments = asked.parse_args()
    heading("recovery")
    folder = Path(tempfile.mkdtemp(prefix="verdict-bench-"))
    try:
        trio.run(functools.partial(measure, folder, **vars(arguments)))
    finally:
        shutil.rmtree(folder)


async def measure(folder: Path, events: int, resting: int, rounds: int, after: int) -> None:
    async with embedded.running(folder) as url, database.opened(url) as db:
        connection = await db.connect()
        await migrate(connection)
        filling = Filling(connection)
        head = await filling.until(events)
        section(f"{head:,} events, no snapshot")
        await tell(url, head, rounds)

        section(f"a snapshot of {resting:,} resting orders")
        exchange = Exchange()
        for command in [*opening(), *workload.resting(resting)]:
            exchange.execute(command)
        begun = time.perf_counter()
        data = exchange.snapshot()
        line("dumped in", time.perf_counter() - begun, "s", f"{len(data) / 1e6:,.0f} MB")
        begun = time.perf_counter()
        Exchange.restore(data)
        line("restored in", time.perf_counter() - begun, "s")

        exchange = await recover(db)
        begun = time.perf_counter()
        await snapshots.write(db, exchange, KEY)
        written = time.perf_counter() - begun
        size = await connection.fetch_value("SELECT sum(octet_length(content)) FROM snapshot_chunks")
        section(f"{head:,} events, and a snapshot of all of them")
        line("dumped and written in", written, "s", f"{size / 1e6:,.1f} MB compressed")
        await tell(url, head, rounds)

        if after:
            begun = time.perf_counter()
            tail = await filling.until(head + after) - head
            section(f"that snapshot, and {tail:,} events behind it")
            line("(written in", time.perf_counter() - begun, "s)")
            await tell(url, tail, rounds)


async def tell(url: str, head: int, rounds: int) -> None:
    runs = [await trio.to_thread.run_sync(recovered, url) for _ in range(rounds)]
    taken = statistics.median(run[0] for run in runs)
    own = statistics.median(run[1] for run in runs)
    line("recovered in", taken, "s", f"{head / taken:,.0f} events/s")
    line("  of its own time", own, "s", f"{head / own:,.0f} events/s")
    line("memory after", statistics.median(run[2] for run in runs) / 1e6, "MB")
    line("memory at most, over that", statistics.median(run[3] - run[2] for run in runs) / 1e6, "MB")


def recovered(url: str) -> tuple[float, float, int, int]:
    """Seconds, own seconds, bytes of memory after and at most: one recovery in a process of its own."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=recover_and_tell, args=(url, there))
    process.start()
    told: tuple[float, float, int, int] = here.recv()
    process.join()
    return told


def recover_and_tell(url: str, there: "multiprocessing.connection.Connection[object, object]") -> None:
    async def run() -> tuple[float, float]:
        async with database.opened(url) as db:
            begun, own = time.perf_counter(), time.process_time()
            await recover(db, KEY)
            return time.perf_counter() - begun, time.process_time() - own

    there.send((*trio.run(run), resident(), most_resident()))


def most_resident(pid: int | str = "self") -> int:
    """Bytes of memory that a process had in use at most; rusage would tell of the one that started it."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


@attrs.define(eq=False)
class Noted(Flow):
    """A flow that keeps what it decides until somebody takes it."""

    decided: list[Decided] = attrs.field(factory=list)

    def decide(self, command: AnyCommand) -> Outcome:
        outcome = super().decide(command)
        self.decided.append(Decided(command, "", outcome))
        return outcome


class Filling:
    """A journal in the making. The flow decides everything once, to know what it may ask next."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.flow = Noted(burst=BURST, exchange=Exchange())
        for command in opening():
            self.flow.decide(command)
        self.head, self.digest = 0, wal.GENESIS

    async def until(self, events: int) -> int:
        """Fill it up to so many events, or a few more; returns its newest id."""
        while self.head < events:
            group = wal.group([wal.pack(self.flow.decided)], self.head, self.digest)
            assert group is not None
            await self.connection.copy_in("wal_events", wal.COLUMNS, group.rows)
            self.head, self.digest = group.last, group.digest
            self.flow.decided = []
            self.flow.commands(GROUP)
        return self.head


if __name__ == "__main__":
    main()
