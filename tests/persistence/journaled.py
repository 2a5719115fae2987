"""A journal with something in it, and what the tables must then hold: for the tests of whoever reads it."""

from collections.abc import Sequence

from bench.workload import Flow, opening
from kernel.answers import MarketIs, Outcome
from kernel.commands import Tick
from kernel.events import Fact
from kernel.exchange import Exchange
from kernel.journal import Decided
from persistence.journal import wal
from persistence.journal.seals import SealKey
from persistence.postgres.database import Connection

KEY = SealKey("the key of the tests' seals, 32 bytes and more")


async def file(connection: Connection, decided: Sequence[Decided], *, transaction: int = 7) -> None:
    """Write commands and what came of them, so many commands in each of the journal's transactions."""
    head = int(await connection.fetch_value("SELECT COALESCE(MAX(id), 0) FROM wal_events"))
    digest = await connection.fetch_value("SELECT digest FROM wal_events ORDER BY id DESC LIMIT 1")
    for first in range(0, len(decided), transaction):
        group = wal.group([wal.pack(decided[first : first + transaction])], head, digest or wal.GENESIS)
        if group is not None:
            await connection.copy_in("wal_events", wal.COLUMNS, group.rows)
            head, digest = group.last, group.digest


async def cut_small(connection: Connection, size: int) -> None:
    """Have an empty journal be cut into parts of so many rows."""
    await connection.execute("DROP TABLE wal_events_1")
    await connection.execute(
        f"CREATE TABLE wal_events_1 PARTITION OF wal_events FOR VALUES FROM (MINVALUE) TO ({size + 1})"
    )


def decided(facts: Sequence[Fact]) -> list[Decided]:
    """Facts as if each had come of a command of its own."""
    return [
        Decided(Tick(at=fact.at, market_id=fact.market_id or ""), "", Outcome(MarketIs(""), [fact], fact.id))
        for fact in facts
    ]


def traded(commands: int) -> tuple[Exchange, list[Decided]]:
    """An exchange after so many commands of the benchmarks' flow, and all that was decided."""
    exchange = Exchange()
    wishes = [*opening(), *Flow().commands(commands)]
    return exchange, [Decided(wish, "", exchange.execute(wish)) for wish in wishes]
