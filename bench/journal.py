"""The durable journal: commands a second through actors and PostgreSQL; beside it, one transaction per order.

Everything runs in turn on one embedded PostgreSQL, fsync on. The flow is that of bench/workload.py in one
market, in requests of a hundred commands; so many requests are always under way that groups are full.
"""

import argparse
import shutil
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

import attrs
import trio

from bench.measure import heading, line, section, settle
from bench.workload import Flow, market, opened, opening
from kernel.actors import Actors
from kernel.commands import AnyCommand, Tick
from kernel.exchange import Exchange
from kernel.journal import Decided, Journal, MemoryJournal
from persistence.journal import journal, wal
from persistence.postgres import database, embedded
from persistence.postgres.database import Connection, Database
from persistence.postgres.migrate import migrate

BURST: Final = 100
"""Commands in one request."""
UNDER_WAY: Final = 64
"""Requests that wait for their answers at full load."""
WAL_FILES: Final = 24
"""Of 16 MB each: more than a run between two checkpoints fills."""
STALL: Final = 1.28
STALLED_RATE: Final = 50
STALLED_RUN: Final = 20
"""Seconds of the slow commit; requests a second, as of fifty markets that requote; seconds of the run."""
CONNECTIONS: Final = (1, 8, 32)
PLAIN: Final = """
    CREATE TABLE plain_accounts (id INT PRIMARY KEY, available BIGINT NOT NULL, frozen BIGINT NOT NULL);
    CREATE TABLE plain_orders (
        id BIGSERIAL PRIMARY KEY, user_id INT NOT NULL, client_order_id BIGINT NOT NULL,
        market_id INT NOT NULL, is_bid BOOLEAN NOT NULL, price INT NOT NULL, remaining INT NOT NULL,
        status TEXT NOT NULL,
        created_at TIMESTAMPTZ NOT NULL DEFAULT now(), UNIQUE (user_id, client_order_id));
    CREATE INDEX ON plain_orders (market_id, is_bid, price, id) WHERE status = 'OPEN';
    CREATE TABLE plain_trades (
        id BIGSERIAL PRIMARY KEY, market_id INT NOT NULL, maker_order_id BIGINT NOT NULL,
        taker_order_id BIGINT NOT NULL, price INT NOT NULL, quantity INT NOT NULL,
        executed_at TIMESTAMPTZ NOT NULL DEFAULT now());
    CREATE TABLE plain_positions (
        user_id INT, market_id INT, volume BIGINT NOT NULL, PRIMARY KEY (user_id, market_id));
    CREATE TABLE plain_ledger (
        id BIGSERIAL PRIMARY KEY, user_id INT NOT NULL, entry_type TEXT NOT NULL, amount BIGINT NOT NULL,
        created_at TIMESTAMPTZ NOT NULL DEFAULT now());
    INSERT INTO plain_accounts SELECT number, 1000000000, 0 FROM generate_series(1, 1000) AS number;
"""


def main() -> None:
    asked = argparse.ArgumentParser(prog="verdict bench journal", description=__doc__)
    asked.add_argument("--commands", type=int, default=60_000, help="in each run")
    asked.add_argument("--rounds", type=int, default=3, help="runs, of which the median counts")
    asked.add_argument("--seconds", type=int, default=5, help="of each paced load, and of each of pgbench")
    arguments = asked.parse_args()
    heading("journal")
    trio.run(measure, arguments.commands, arguments.rounds, arguments.seconds)


@attrs.frozen
class Run:
    """What one load showed."""

    commands: int
    took: float
    waits: list[float]
    """Seconds that each request waited for its answer, in order of length."""
    own: float
    """Seconds of this process's own time."""
    commits: int = 0
    events: int = 0
    bytes: int = 0

    @property
    def rate(self) -> float:
        return self.commands / self.took

    def wait(self, share: float) -> float:
        return self.waits[min(len(self.waits) - 1, int(len(self.waits) * share))]


async def measure(commands: int, rounds: int, seconds: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="verdict-bench-"))
    requests = bursts(commands, BURST)
    try:
        async with embedded.running(folder) as url, database.opened(url) as db:
            connection = await db.connect()
            await migrate(connection)
            await age(connection)
            section(f"{commands:,} commands in requests of {BURST}, {UNDER_WAY} requests under way")
            alone = middle([decide_only(requests) for _ in range(rounds)])
            memory = middle([await in_memory(requests) for _ in range(rounds)])
            durable = middle([await on_disk(db, connection, requests, at_full_load) for _ in range(rounds)])
            raw = await copied(connection, requests, durable.commands // durable.commits)
            tell(alone, memory, durable, raw)
            await acknowledgements(db, connection, durable.rate, seconds)
            await one_slow_commit(db, connection)
            await one_by_one(url, connection, durable.rate, seconds)
    finally:
        shutil.rmtree(folder)


async def age(connection: Connection) -> None:
    """Have PostgreSQL keep WAL files to use again, as one that has run for a day does.

    To make one takes up to a tenth of a second, which would be half of what is told of the slowest answers.
    """
    for _ in range(WAL_FILES):
        await connection.execute("SELECT txid_current()")
        await connection.execute("SELECT pg_switch_wal()")
    await connection.execute("CHECKPOINT")


def tell(alone: Run, memory: Run, durable: Run, raw: float) -> None:
    line("decided, nothing else", alone.rate, "commands/s")
    line("through actors, journal in memory", memory.rate, "commands/s")
    line("through actors and the durable journal", durable.rate, "commands/s")
    line("  the durable journal's share of this process's time", 100 * (1 - memory.own / durable.own), "%")
    line("  this process was busy", 100 * durable.own / durable.took, "%")
    line("  commits", durable.commits / durable.took, "commits/s")
    line("  events in a commit", durable.events / durable.commits, "events")
    line(
        "  written",
        durable.bytes / durable.took / 1e6,
        "MB/s",
        f"{durable.bytes / durable.events:.0f} bytes/event",
    )
    line("  acknowledged after, p50", 1e3 * durable.wait(0.50), "ms")
    line("  acknowledged after, p99", 1e3 * durable.wait(0.99), "ms")
    line("the same rows, COPY alone", raw, "events/s")
    line("  of which the journal reaches", 100 * durable.events / durable.took / raw, "%")


def middle(runs: Sequence[Run]) -> Run:
    return sorted(runs, key=lambda run: run.rate)[len(runs) // 2]


def bursts(commands: int, burst: int) -> list[list[AnyCommand]]:
    """Requests for one market: between markets the order is the actors' affair, and ids depend on it.

    Each begins with a command that says which market; a cancel says it only once its order is known.
    """
    flow = Flow(markets=1, burst=burst)
    return [[Tick(at=flow.at, market_id=market(0)), *flow.commands(burst)] for _ in range(commands // burst)]


def decide_only(requests: Sequence[Sequence[AnyCommand]]) -> Run:
    exchange = opened()
    settle()
    begun, own = time.perf_counter(), time.process_time()
    for commands in requests:
        for command in commands:
            exchange.execute(command)
    return Run(sum(map(len, requests)), time.perf_counter() - begun, [0.0], time.process_time() - own)


Load = Callable[[Actors, Sequence[Sequence[AnyCommand]]], Awaitable[list[float]]]


async def in_memory(requests: Sequence[Sequence[AnyCommand]]) -> Run:
    exchange, keeper = Exchange(), MemoryJournal()
    await keeper.append(
        [keeper.pack([Decided(command, "", exchange.execute(command)) for command in opening()])]
    )
    return await through_actors(exchange, keeper, requests, at_full_load)


async def on_disk(
    db: Database, connection: Connection, requests: Sequence[Sequence[AnyCommand]], load: Load
) -> Run:
    """The same, on an empty journal in PostgreSQL."""
    await connection.execute("TRUNCATE wal_events")
    await connection.execute("CHECKPOINT")
    async with journal.opened(db) as writer:
        exchange = Exchange()
        await writer.append(
            [writer.pack([Decided(command, "", exchange.execute(command)) for command in opening()])]
        )
        before = attrs.evolve(writer.counters)
        run = await through_actors(exchange, writer, requests, load)
        after = writer.counters
        return attrs.evolve(
            run,
            commits=after.commits - before.commits,
            events=after.events - before.events,
            bytes=after.bytes - before.bytes,
        )


async def through_actors(
    exchange: Exchange, keeper: Journal, requests: Sequence[Sequence[AnyCommand]], load: Load
) -> Run:
    async with trio.open_nursery() as nursery:
        actors = Actors(exchange, keeper)
        await nursery.start(actors.run)
        settle()
        begun, own = time.perf_counter(), time.process_time()
        waits = await load(actors, requests)
        took, own = time.perf_counter() - begun, time.process_time() - own
        actors.close()
    return Run(sum(map(len, requests)), took, sorted(waits), own)


async def at_full_load(actors: Actors, requests: Sequence[Sequence[AnyCommand]]) -> list[float]:
    """As many requests under way as may be: each that is answered makes room for the next."""
    room, waits = trio.Semaphore(UNDER_WAY), list[float]()
    async with trio.open_nursery() as asking:
        for commands in requests:
            await room.acquire()
            asking.start_soon(ask, actors, commands, trio.current_time(), waits, room)
            await trio.lowlevel.checkpoint()  # it has asked before the next one starts
    return waits


def at_pace(rate: float) -> Load:
    """So many requests a second, whether those before are answered or not."""

    async def paced(actors: Actors, requests: Sequence[Sequence[AnyCommand]]) -> list[float]:
        waits, begun = list[float](), trio.current_time()
        async with trio.open_nursery() as asking:
            for number, commands in enumerate(requests):
                due = begun + number / rate
                await trio.sleep_until(due)
                asking.start_soon(ask, actors, commands, due, waits, None)
        return waits

    return paced


async def ask(
    actors: Actors,
    commands: Sequence[AnyCommand],
    due: float,
    waits: list[float],
    room: trio.Semaphore | None,
) -> None:
    outcomes = await actors.ask(*commands)
    assert outcomes[1].facts, outcomes[1].answer
    waits.append(trio.current_time() - due)
    if room is not None:
        room.release()


async def copied(connection: Connection, requests: Sequence[Sequence[AnyCommand]], size: int) -> float:
    """Events a second when ready-made rows are copied in, so many commands' at once as the journal did."""
    exchange = opened()
    head, digest, groups = exchange.head, wal.GENESIS, []
    decided = [Decided(command, "", exchange.execute(command)) for request in requests for command in request]
    for first in range(0, len(decided), size):
        group = wal.group([wal.pack(decided[first : first + size])], head, digest)
        assert group is not None
        head, digest = group.last, group.digest
        groups.append(group)
    await connection.execute("TRUNCATE wal_events")
    await connection.execute("CHECKPOINT")
    settle()
    begun = time.perf_counter()
    for group in groups:
        await connection.copy_in("wal_events", wal.COLUMNS, group.rows)
    return (head - groups[0].first + 1) / (time.perf_counter() - begun)


async def acknowledgements(db: Database, connection: Connection, full: float, seconds: int) -> None:
    """How long an answer takes below full load; measured from the moment each request was due."""
    section("acknowledgement of a request of 10 commands, paced")
    for share in (0.01, 0.5):
        rate = full * share / 10
        requests = bursts(int(rate * seconds) * 10, 10)

        run = await on_disk(db, connection, requests, at_pace(rate))
        line(f"at {share:.0%} of full load, p50", 1e3 * run.wait(0.50), "ms", f"{run.rate:,.0f} commands/s")
        line(
            f"at {share:.0%} of full load, p99",
            1e3 * run.wait(0.99),
            "ms",
            f"{run.events / run.commits:.1f} events a commit",
        )


async def one_slow_commit(db: Database, connection: Connection) -> None:
    """What a single commit that stands still does to the p99 of a short run: see docs/decisions/0252.

    All that is asked meanwhile waits for its end, so of a run of 20 s one in a hundred waits for all of it
    but a fifth of a second.
    """
    section(
        f"one request of 10 commands each {1e3 / STALLED_RATE:.0f} ms for {STALLED_RUN} s, one slow commit"
    )
    requests = bursts(STALLED_RATE * STALLED_RUN * 10, 10)
    for stall in (0.0, STALL):
        await connection.execute(
            "CREATE SEQUENCE commits; CREATE FUNCTION stand_still() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN IF nextval('commits') = {len(requests) // 2} THEN PERFORM pg_sleep({stall}); END IF; "
            "RETURN NULL; END $$; CREATE TRIGGER stand_still BEFORE INSERT ON wal_events "
            "FOR EACH STATEMENT EXECUTE FUNCTION stand_still()"
        )
        run = await on_disk(db, connection, requests, at_pace(STALLED_RATE))
        slow = f"one commit of {stall} s" if stall else "none slow"
        line(f"{slow}, p50", 1e3 * run.wait(0.50), "ms")
        line(f"{slow}, p99", 1e3 * run.wait(0.99), "ms", f"{run.commits} commits")
        await connection.execute("DROP FUNCTION stand_still CASCADE; DROP SEQUENCE commits")


async def one_by_one(url: str, connection: Connection, full: float, seconds: int) -> None:
    section("one transaction per order, statement by statement, by pgbench")
    await connection.execute(PLAIN)
    best = 0.0
    for connections in CONNECTIONS:
        done = await trio.run_process(
            [
                *(str(embedded.programs() / "pgbench"), "--no-vacuum", "--max-tries=100"),
                *("--file", str(Path(__file__).with_name("one_by_one.sql"))),
                *(f"--client={connections}", f"--jobs={min(2, connections)}", f"--time={seconds}"),
                url,
            ],
            capture_stdout=True,
            stderr=subprocess.STDOUT,
        )
        output = done.stdout.decode()
        rate = float(output.partition("tps = ")[2].split()[0])
        best = max(best, rate)
        line(f"with {connections} connections", rate, "orders/s")
    line("through actors and the journal: so many times its best", full / best, "times")


if __name__ == "__main__":
    main()
