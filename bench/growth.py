"""Growth: what a past of one, three and ten million closed orders costs an exchange, beside what lives.

A past is built in a folder of its own, through the kernel, the journal and the projector, and goes on from
size to size; some orders live all the while, out of reach. Then the server is started there and asked. At the
end stands a table with a column for each size: what is level does not depend on the past. A million takes
some minutes and 4 GB of disk.
"""

import argparse
import contextlib
import functools
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Final

import attrs
import httpx
import msgspec
import trio

from bench.exchange import ROOT, cpu_of, folder
from bench.measure import line, machine, resident, section
from bench.recovery import BURST, GROUP, Noted, most_resident
from bench.server_life import Started, started
from bench.stream import Stream, commands, masked
from bench.workload import MARKETS, USERS, market, nonce, opening, resting, user
from kernel.answers import Outcome, Placed
from kernel.codes import AMM_ID
from kernel.commands import AnyCommand, Deposit, ForgetOrders, MintShares, PlaceOrder
from kernel.exchange import Exchange
from kernel.limits import DEPOSIT_MAX, FORGOTTEN_MAX
from persistence import process_environment
from persistence.journal import journal, snapshots
from persistence.journal.recovery import recover, undisturbed
from persistence.journal.seals import SealKey
from persistence.postgres import database, embedded
from persistence.postgres.database import Database
from persistence.postgres.migrate import migrate
from persistence.tables.projector_process import ProjectorProgress, projector_running

KEY: Final = "the key of a benchmark's seals, which nobody needs to know"
SIZES: Final = (1_000_000, 3_000_000, 10_000_000)
LIVE: Final = 100_000
REMEMBERED: Final = 250_000
"""Closed orders that stay in memory: what a server keeps unless it is told otherwise."""
TAIL: Final = 100_000
"""Events behind the snapshot that a restart begins with."""
MIX: Final = {"rest": 45, "cancel": 30, "take": 20, "replace": 5}
"""Per hundred commands: what the flow leaves resting does not grow."""
LEVEL: Final = 1.2
ASKED: Final = 20
SECONDS: Final = 5.0
HELD: Final = 100
"""Of the first quotes, so many are known by name: the oldest that memory has let go of is asked for."""
TABLES_WITHIN: Final = 3_600.0
WAKE: Final = 0.1
MINTED: Final = 10**5
OK: Final = 200
BUSY: Final = 503
CLOSED: Final = 422
CANDLES: Final = f"markets/{market(0)}/candles?interval=1m"
PAGES: Final = {
    "first page of orders": "orders",
    "first page of own trades": "trades",
    "first page of the ledger": "account/ledger",
    "first page of a market's trades": f"markets/{market(0)}/trades",
    "candles of a market": CANDLES,
}
SIZE: Final = "SELECT pg_database_size(current_database())"


class Row(dict[str, tuple[float, str]]):
    """What was measured of one size: by its name, the value and its unit. It is told at once."""

    def __setitem__(self, name: str, measured: tuple[float, str]) -> None:
        super().__setitem__(name, measured)
        line(name, *measured)


def main() -> None:
    asked = argparse.ArgumentParser(prog="verdict bench growth", description=__doc__)
    asked.add_argument(
        "sizes", nargs="*", type=int, default=SIZES, help="closed orders, one size after another"
    )
    asked.add_argument("--live", type=int, default=LIVE, help="orders that rest meanwhile")
    asked.add_argument("--remembered", type=int, default=REMEMBERED, help="closed orders that stay in memory")
    asked.add_argument("--tail", type=int, default=TAIL, help="events behind the snapshot at a restart")
    asked.add_argument("--seconds", type=float, default=SECONDS, help="of load, without and with a snapshot")
    arguments = asked.parse_args()
    print(f"growth on {machine()}")
    with folder() as data:
        past = Past(data, arguments.live, arguments.remembered)
        trio.run(past.begin)
        with server(data):
            pass  # what the first start of all does is no matter of size
        columns = [measured(past, size, arguments.tail, arguments.seconds) for size in arguments.sizes]
    tell(arguments.sizes, columns)


def measured(past: "Past", size: int, tail: int, seconds: float) -> Row:
    section(f"{size:,} closed orders")
    row = Row()
    trio.run(functools.partial(past.grow, size, tail, row))
    with server(past.data) as begun:
        row["restart, until ready"] = begun.seconds, "s"
        row["  of the server's own time"] = cpu_of(begun.server.pid), "s"
        row["memory of the server"] = resident(begun.server.pid) / 1e6, "MB"
        row["  at most"] = most_resident(begun.server.pid) / 1e6, "MB"
        ask(begun, past, row)
        acknowledge(begun, seconds, row)
    return row


def tell(sizes: list[int], columns: list[Row]) -> None:
    """All sizes side by side, and what becomes of each row from the first to the last."""
    section(f"{'closed orders':<44}" + "".join(f"{size:>14,}" for size in sizes))
    for name, (_, unit) in columns[0].items():
        values = [column[name][0] for column in columns]
        times = values[-1] / values[0] if values[0] else 1.0
        shown = "".join(f"{value:>14,.{0 if value >= 100 else 1}f}" for value in values)
        print(
            f"  {name:<42}{shown} {unit:<8}{'level' if 1 / LEVEL <= times <= LEVEL else f'{times:.2f} times'}"
        )


def now() -> int:
    return time.time_ns() // 1000


def server(data: Path) -> contextlib.AbstractContextManager[Started]:
    return started(data, VERDICT_SEAL_KEY=KEY)


# Building


@attrs.define(eq=False)
class Making(Noted):
    """The flow, as of now and with what the server does beside it: it lets go of closed orders."""

    remembered: int = REMEMBERED
    quoted: list[tuple[PlaceOrder, str]] = attrs.field(factory=list)
    """The first quotes, and their orders."""

    @property
    def at(self) -> int:
        return max(now(), self.exchange.now)

    def decide(self, command: AnyCommand) -> Outcome:
        outcome = super().decide(command)
        if len(self.quoted) < HELD and isinstance(command, PlaceOrder) and command.user_id == AMM_ID:
            assert isinstance(outcome.answer, Placed)
            self.quoted.append((command, outcome.answer.order.order.id))
        return outcome

    def endow(self) -> None:
        """Give everybody something to go on with."""
        for number in range(USERS):
            self.decide(Deposit(at=self.at, user_id=user(number), amount=DEPOSIT_MAX))
        for number in range(MARKETS):
            key = f"more-{self.made}-{number}"
            self.decide(
                MintShares(
                    at=self.at,
                    user_id=AMM_ID,
                    market_id=market(number),
                    quantity=MINTED,
                    idempotency_key=key,
                    nonce=nonce(self.made + number),
                )
            )

    def forget(self) -> None:
        while (spare := self.exchange.closed.count - self.remembered) > 0:
            at = self.at
            if not self.decide(ForgetOrders(at=at, before=at, most=min(spare, FORGOTTEN_MAX))).facts:
                return

    @property
    def closed(self) -> int:
        """Orders that were closed, ever."""
        return self.exchange.closed.count + self.exchange.forgotten.count


@attrs.define(eq=False)
class Past:
    """A past in the making, in a server's folder."""

    data: Path
    live: int
    remembered: int
    flow: Making = attrs.field(init=False)
    empty: int = 0
    """Bytes of a database in which nothing has happened."""

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[tuple[Database, journal.DurableJournal]]:
        async with embedded.running(self.data) as url, database.opened(url) as db:
            async with db.borrowed() as connection:
                await migrate(connection)
            async with journal.opened(db) as writer:
                yield db, writer

    async def begin(self) -> None:
        """Accounts, markets, and the orders that live."""
        async with self.opened() as (db, writer):
            async with db.borrowed() as connection:
                self.empty = await connection.fetch_value(SIZE)
            self.flow = Making(mix=MIX, burst=BURST, exchange=Exchange(), remembered=self.remembered)
            for command in [*opening(), *resting(self.live)]:
                self.flow.decide(msgspec.structs.replace(command, at=self.flow.at))
            await self.file(writer)

    async def grow(self, closed: int, tail: int, row: Row) -> None:
        """Go on until so many orders were closed; measure what is measured of the past without a server."""
        async with self.opened() as (db, writer):
            self.flow.exchange = await recover(db, SealKey(KEY))  # the server has written meanwhile
            begun, head, before = time.perf_counter(), self.flow.exchange.head, self.flow.closed
            async with self.projected(db, writer):
                with undisturbed():
                    self.flow.endow()
                    await self.file(writer)
                    while self.flow.closed < closed:
                        self.flow.commands(GROUP)
                        self.flow.forget()
                        await self.file(writer)
                built = time.perf_counter() - begun
                made = self.flow.closed - before
                line("(built", built, "s", f"{made / built:,.0f} orders/s)")
                await self.snapshot(db, row)
                head = self.flow.exchange.head
                while self.flow.exchange.head < head + tail:
                    self.flow.commands(GROUP)
                    self.flow.forget()
                    await self.file(writer)
                begun = time.perf_counter()
            line("(the tables had all of it after", time.perf_counter() - begun, "s)")
            async with db.borrowed() as connection:
                await connection.execute("VACUUM ANALYZE")
                size = await connection.fetch_value(SIZE)
                kept = await connection.fetch_value("SELECT sum(octet_length(content)) FROM snapshot_chunks")
                row["disk, without snapshots"] = (size - self.empty - kept) / self.flow.closed, "B/order"

    async def file(self, writer: journal.DurableJournal) -> None:
        await writer.append([writer.pack(self.flow.decided)])
        self.flow.decided = []

    @contextlib.asynccontextmanager
    async def projected(self, db: Database, writer: journal.DurableJournal) -> AsyncIterator[None]:
        """Have the tables follow while the body runs, and then to the end."""
        progress = ProjectorProgress()
        async with projector_running(db.url, progress), trio.open_nursery() as nursery:

            async def wake() -> None:
                while True:
                    progress.wake(writer.end[0])
                    await trio.sleep(WAKE)

            nursery.start_soon(wake)
            yield
            assert await progress.until(writer.end[0], TABLES_WITHIN)
            nursery.cancel_scope.cancel()

    async def snapshot(self, db: Database, row: Row) -> None:
        begun = time.perf_counter()
        await snapshots.write(db, self.flow.exchange, SealKey(KEY))
        row["snapshot, dumped and filed"] = time.perf_counter() - begun, "s"
        async with db.borrowed() as connection:
            size = await connection.fetch_value(
                "SELECT sum(octet_length(content)) FROM snapshot_chunks WHERE journal_id = $1",
                self.flow.exchange.head,
            )
        row["snapshot, compressed"] = size / 1e6, "MB"
        row["  of that the names"] = 8 * self.flow.exchange.forgotten.count / 1e6, "MB"

    @property
    def oldest(self) -> tuple[PlaceOrder, str]:
        """The first quote that memory has let go of, and its order."""
        return next(
            (quote, order_id)
            for quote, order_id in self.flow.quoted
            if order_id not in self.flow.exchange.orders
        )


# Asking


def ask(begun: Started, past: Past, row: Row) -> None:
    """Queries as the market maker, who has orders of all times; and what names the oldest past."""
    quote, order_id = past.oldest
    body = {
        "client_order_id": quote.client_order_id,
        "market_id": quote.market_id,
        "side": quote.terms.side,
        "direction": quote.terms.direction,
        "price_cents": quote.terms.price,
        "quantity": quote.terms.quantity,
    }
    other = {"old_order_id": order_id, "new_order": body | {"client_order_id": "growth-another"}}
    with begun.server.client(begun.server.amm_token) as client:
        for name, path in PAGES.items():
            row[name] = ms_of(functools.partial(client.get, path), OK), "ms"
        repeated = client.post("orders", json=body).json()
        assert repeated["data"]["order"]["id"] == order_id, repeated
        row["an order of the oldest past, by its id"] = (
            ms_of(lambda: client.get(f"orders/{order_id}"), OK),
            "ms",
        )
        row["its request, repeated"] = ms_of(lambda: client.post("orders", json=body), OK), "ms"
        row["its cancel"] = ms_of(lambda: client.post(f"orders/{order_id}/cancel"), CLOSED), "ms"
        row["its replacement"] = ms_of(lambda: client.post("amm/orders/replace", json=other), CLOSED), "ms"


def ms_of(asked: Callable[[], httpx.Response], expected: int) -> float:
    """The median of some times; the first, which opens what is needed, does not count.

    That one is asked again while the tables have not everything yet, as they may not after a start.
    """
    while asked().status_code == BUSY:
        time.sleep(WAKE)
    taken = []
    for _ in range(ASKED):
        began = time.perf_counter()
        answer = asked()
        taken.append(1e3 * (time.perf_counter() - began))
        assert answer.status_code == expected, answer.text
    return statistics.median(taken)


def acknowledge(begun: Started, seconds: float, row: Row) -> None:
    """One command after the other, without and with the process beside it that makes a snapshot."""
    place = begun.server
    stream, source = Stream(place.host, place.port, place.amm_token, "/ws/v1/commands"), commands(market(0))
    until = time.perf_counter() + seconds
    waits = acknowledged(stream, source, lambda: time.perf_counter() < until)
    row["acknowledgement, p50"] = waits[len(waits) // 2], "ms"
    row["acknowledgement, p99"] = waits[len(waits) * 99 // 100], "ms"
    began, spent = time.perf_counter(), spent_by_children()
    process = subprocess.Popen(
        [sys.executable, "-m", "persistence.journal.snapshotter"],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=process_environment(embedded.url_of(place.data)),
        cwd=ROOT,
    )
    assert process.stdin is not None
    process.stdin.write(KEY.encode())
    process.stdin.close()
    waits = acknowledged(stream, source, lambda: process.poll() is None)
    assert process.returncode == 0, process.returncode
    row["snapshot by the process beside it"] = time.perf_counter() - began, "s"
    row["  of its own time"] = spent_by_children() - spent, "s"
    row["acknowledgement meanwhile, p99"] = waits[len(waits) * 99 // 100], "ms"
    row["acknowledgement meanwhile, the longest"] = waits[-1], "ms"
    stream.socket.close()


def spent_by_children() -> float:
    """CPU seconds of the processes that we started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def acknowledged(stream: Stream, source: Iterator[bytes], goes_on: Callable[[], bool]) -> list[float]:
    """How long each took, in milliseconds, sorted."""
    waits = []
    while goes_on():
        began = time.perf_counter()
        stream.socket.sendall(masked(next(source)))
        frames = stream.frames()
        while not any(b'"t":"result"' in frame for frame in frames):
            frames = stream.frames()
        waits.append(1e3 * (time.perf_counter() - began))
        assert not any(b'"ok":false' in frame for frame in frames), frames
    return sorted(waits)


if __name__ == "__main__":
    main()
