"""kill -9 of the whole server under load, at any moment, again and again.

After each restart: what was acknowledged is in the journal as it was acknowledged; whatever the journal holds
is whole commands, each of which leads to exactly its facts; asking again for the same order gives the same
order; the audit is clean; and the server stands where a replay from the first row leads.

HYPOTHESIS_PROFILE=thorough kills 200 times and more.
"""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import attrs
import msgspec
import pytest
import trio

from kernel.codes import Direction, MarketStatus, Side
from kernel.commands import (
    ActivateMarket,
    AnyCommand,
    CreateMarket,
    Deposit,
    MarketTerms,
    OpenAccount,
    OrderTerms,
    PlaceOrder,
    ResolveMarket,
    VoidMarket,
)
from kernel.exchange import Exchange
from persistence.journal.recovery import applied
from persistence.journal.wal import decode_request, fact_of
from persistence.postgres import database, embedded
from persistence.postgres.database import Database
from tests.crash.server import Told

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
AT = 1_795_168_800_000_001
# Each journal is replayed from its first row after each kill, so many short ones are quicker than a long one.
JOURNALS, KILLS, KILLS_WITH_POSTGRESQL = (10, 20, 8) if THOROUGH else (1, 5, 2)
MARKETS = ("A", "B", "C")
USERS = 12
CALLERS = 4
BATCH = 10
START_PATIENCE = 60.0
SOONEST, LATEST = 0.0, 0.6
"""Seconds from the first answer to the kill."""
AT_START = 0.2
"""Of all kills, how many come while the server starts: it recovers, takes the lock, or replays."""

decode_reply = msgspec.json.Decoder(list[Told]).decode


@attrs.define(eq=False)
class Record:
    """What the client remembers: the only witness that is not killed."""

    acknowledged: dict[str, Told] = attrs.field(factory=dict)
    """By client_order_id."""
    sent: dict[str, PlaceOrder] = attrs.field(factory=dict)
    number: int = 0

    def order(self, chance: random.Random, market_id: str) -> PlaceOrder:
        self.number += 1
        side, direction = chance.choice([Side.YES, Side.NO]), Direction.BUY
        command = PlaceOrder(
            at=AT + self.number,
            user_id=f"user-{chance.randrange(USERS)}",
            client_order_id=f"o-{self.number}",
            market_id=market_id,
            terms=OrderTerms(side, direction, chance.randint(45, 55), chance.randint(1, 5)),
            nonce=self.number,
        )
        self.sent[command.client_order_id] = command
        return command


@attrs.define(eq=False)
class Caller:
    stream: trio.SocketStream
    waiting: bytes = b""

    async def ask(self, commands: list[AnyCommand]) -> bytes:
        await self.stream.send_all(msgspec.json.encode(commands) + b"\n")
        while b"\n" not in self.waiting:
            data = await self.stream.receive_some()
            if not data:
                raise trio.BrokenResourceError
            self.waiting += data
        line, _, self.waiting = self.waiting.partition(b"\n")
        return line


@attrs.define(eq=False)
class Server:
    """The program under test, in a process of its own."""

    folder: Path
    url: str | None
    """Of a PostgreSQL that lives on; without, it brings its own in the folder's `data`."""
    process: subprocess.Popen[bytes] | None = None
    socket: str = ""
    starts: int = 0

    def start(self) -> None:
        self.starts += 1
        self.socket = str(self.folder / f"socket-{self.starts}")
        arguments = [self.socket] if self.url else [self.socket, str(self.folder / "data")]
        environment = os.environ | ({"DATABASE_URL": self.url} if self.url else {})
        with (self.folder / "output").open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.crash.server", *arguments],
                env=environment,
                stdout=output,
                stderr=output,
            )

    async def caller(self) -> Caller:
        assert self.process is not None
        with trio.fail_after(START_PATIENCE):
            while True:
                with contextlib.suppress(OSError):
                    return Caller(await trio.open_unix_socket(self.socket))
                assert self.process.poll() is None, (self.folder / "output").read_text()[-3_000:]
                await trio.sleep(0.01)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        if self.url is None and (postmaster := embedded.postmaster_pid(self.folder / "data")):
            os.kill(postmaster, signal.SIGKILL)


async def load(server: Server, record: Record, seed: int) -> None:
    """One caller, until the server is gone."""
    chance = random.Random(seed)
    with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        caller = await server.caller()
        while True:
            market_id = chance.choice(MARKETS)
            orders = [record.order(chance, market_id) for _ in range(BATCH)]
            replies = decode_reply(await caller.ask(list(orders)))
            for order, reply in zip(orders, replies, strict=True):
                record.acknowledged[order.client_order_id] = reply


async def open_exchange(server: Server) -> None:
    caller = await server.caller()
    for number in range(USERS):
        await caller.ask([OpenAccount(at=AT, user_id=f"user-{number}")])
        await caller.ask([Deposit(at=AT, user_id=f"user-{number}", amount=10_000_000)])
    for market_id in MARKETS:
        terms = MarketTerms(title="?", max_open_orders=10_000, max_open_orders_total=100_000)
        await caller.ask([CreateMarket(at=AT, market_id=market_id, terms=terms, by="root")])
        await caller.ask([ActivateMarket(at=AT, market_id=market_id, by="root")])


async def kill_under_load(server: Server, record: Record, chance: random.Random) -> None:
    """The first time under load; later sometimes while it starts."""
    server.start()
    if record.acknowledged and chance.random() < AT_START:
        await trio.sleep(chance.uniform(0, 1.5))  # any moment will do: from before main() to under load
        server.kill()
        return
    await server.caller()
    async with trio.open_nursery() as nursery:
        for _ in range(CALLERS):
            nursery.start_soon(load, server, record, chance.randrange(2**32))
        with trio.fail_after(START_PATIENCE):
            while not record.acknowledged:
                await trio.sleep(0.01)
        await trio.sleep(chance.uniform(SOONEST, LATEST))
        server.kill()


async def check(server: Server, record: Record, chance: random.Random) -> None:
    """Start again, and hold everything to the client's record and to the journal's own word."""
    server.start()
    caller = await server.caller()
    samples = chance.sample(sorted(record.sent), min(100, len(record.sent)))
    for name in samples:
        (again,) = decode_reply(await caller.ask([record.sent[name]]))
        before = record.acknowledged.get(name)
        if before is not None and before.answer == "PLACED":
            assert (again.answer, again.order_id, again.repeated) == ("PLACED", before.order_id, True)
        else:  # refusals are not remembered, and what was never answered may have happened or not
            record.acknowledged[name] = again
    digest = msgspec.json.decode(await caller.ask([]))
    url = (
        server.url
        or f"postgresql:///postgres?host={embedded.cluster_of(server.folder / 'data')}&user=verdict"
    )
    async with database.opened(url) as db:
        replica = await replayed_and_reenacted(db, record)
    assert replica.digest() == digest
    assert replica.audit() == []
    await caller.stream.aclose()


async def replayed_and_reenacted(db: Database, record: Record) -> Exchange:
    """Replay from the first row; beside it, decide each command of the journal once more.

    An exchange that decides the journal's commands must come to the journal's facts: so every command in it
    is there as a whole, and once.
    """
    replica, actor = Exchange(), Exchange()
    payloads: dict[int, str] = {}
    expected: list[object] = []
    connection = await db.connect()
    for row in await connection.fetch(
        "SELECT id, (extract(epoch FROM created_at) * 1000000)::BIGINT AS at, market_id, payload, command "
        "FROM wal_events ORDER BY id"
    ):
        payloads[row["id"]] = row["payload"]
        fact = fact_of(row)
        if row["command"] is not None:
            assert expected == [], "the command before is not there as a whole"
            _, command = decode_request(row["command"])
            expected = list(actor.execute(command).facts)
        assert fact == expected.pop(0)
        applied(replica, fact)
    assert expected == []
    connection.abandon()
    for told in record.acknowledged.values():
        for fact_id, payload in told.facts.items():
            assert payloads[fact_id] == payload
    names = {order.client_order_id for order in replica.orders.values()}
    assert len(names) == len(replica.orders), "an order was placed twice"
    for name, told in record.acknowledged.items():
        assert told.answer != "PLACED" or name in names
    assert actor.digest() == replica.digest()
    return replica


@pytest.fixture
def folder() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="verdict-crash-"))
    yield place
    shutil.rmtree(place)


async def be_killed(server: Server, kills: int) -> Record:
    record, seed = Record(), time.time_ns()
    print(f"seed {seed}")
    chance = random.Random(seed)
    try:
        server.start()
        await open_exchange(server)
        server.kill()
        for _ in range(kills):
            await kill_under_load(server, record, chance)
            await check(server, record, chance)
            server.kill()
    finally:
        if server.process is not None:
            server.kill()
    return record


@pytest.mark.parametrize("_journal", range(JOURNALS))
async def test_a_server_killed_under_load_comes_back_with_all_it_acknowledged(
    database_url: str, folder: Path, _journal: int
) -> None:
    record = await be_killed(Server(folder, database_url), KILLS)
    assert sum(told.answer == "PLACED" for told in record.acknowledged.values()) > 100


@pytest.mark.parametrize("table", ["snapshots", "wal_events"])
async def test_a_server_killed_while_it_recovers_recovers_the_next_time(
    database_url: str, folder: Path, table: str
) -> None:
    """Held fast in the middle of recovery, by a lock on what it is about to read: recovery writes nothing."""
    server, record, chance = Server(folder, database_url), Record(), random.Random(1)
    try:
        server.start()
        await open_exchange(server)
        with trio.move_on_after(0.5):
            await load(server, record, seed=1)
        assert record.acknowledged
        server.kill()
        async with database.opened(database_url) as db:
            holder = await db.connect()
            for _ in range(3):
                async with holder.transaction():
                    await holder.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
                    server.start()
                    with trio.fail_after(START_PATIENCE):
                        while not await holder.fetch_value(WAITS, table):
                            await trio.sleep(0.01)
                    server.kill()
            holder.abandon()
        await check(server, record, chance)
    finally:
        server.kill()


WAITS = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = $1::text::regclass)"


@pytest.mark.parametrize("_journal", range(JOURNALS))
async def test_a_server_killed_together_with_its_postgresql_comes_back(folder: Path, _journal: int) -> None:
    record = await be_killed(Server(folder, None), KILLS_WITH_POSTGRESQL)
    assert record.acknowledged


HOLDERS = 450
RESTING = 900
FUNDS = 10_000
ROWS_OF_PORTIONS = (1, 350, 750, 1_000, 1_250)
"""How many rows of an end are on the disk before each kill: while orders go, and while holders are paid."""
END_ROWS = RESTING + HOLDERS
SLOWLY = """
CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN PERFORM pg_sleep(0.1); RETURN NULL; END $$;
CREATE TRIGGER slowly BEFORE INSERT ON wal_events FOR EACH STATEMENT EXECUTE FUNCTION slowly()
"""


async def a_large_market(server: Server) -> None:
    """Half of the holders have YES and half NO, at 50 cents a share; all have more orders that rest."""
    caller = await server.caller()
    users = [f"holder-{number:03}" for number in range(HOLDERS)]
    terms = MarketTerms(
        title="?",
        maker_fee_bps=0,
        taker_fee_bps=0,
        max_open_orders=10_000,
        max_open_orders_total=100_000,
    )
    await caller.ask([OpenAccount(at=AT, user_id=user) for user in users])
    await caller.ask([Deposit(at=AT, user_id=user, amount=FUNDS) for user in users])
    await caller.ask([CreateMarket(at=AT, market_id="M", terms=terms, by="root")])
    await caller.ask([ActivateMarket(at=AT, market_id="M", by="root")])

    def order(number: int, side: Side, price: int) -> PlaceOrder:
        return PlaceOrder(
            at=AT + number,
            user_id=users[number % HOLDERS],
            client_order_id=f"o-{number}",
            market_id="M",
            terms=OrderTerms(side, Direction.BUY, price, 2),
            nonce=number,
        )

    sides = (Side.YES, Side.NO)
    orders = [order(number, sides[number % 2], 50) for number in range(HOLDERS)]
    orders += [order(HOLDERS + number, sides[number % 2], 1 + number % 40) for number in range(RESTING)]
    for start in range(0, len(orders), HOLDERS):
        told = decode_reply(await caller.ask([*orders[start : start + HOLDERS]]))
        assert {one.answer for one in told} == {"PLACED"}


@pytest.mark.parametrize(
    "end",
    [
        ResolveMarket(at=AT + 10_000, market_id="M", result="YES", by="root"),
        VoidMarket(at=AT + 10_000, market_id="M", reason="it never happened", void_price_cents=50, by="root"),
    ],
    ids=["resolved", "void"],
)
async def test_a_large_market_ends_once_however_often_the_server_is_killed_between_two_portions(
    database_url: str, folder: Path, end: ResolveMarket | VoidMarket
) -> None:
    """Each start goes on with it before it serves, and is killed as well; the last comes to the end."""
    server = Server(folder, database_url)

    async def ask_for_the_end() -> None:
        with contextlib.suppress(trio.BrokenResourceError):
            await (await server.caller()).ask([end])

    try:
        server.start()
        await a_large_market(server)
        async with database.opened(database_url) as db, db.borrowed() as connection:
            await connection.execute(SLOWLY)
            begun = await connection.fetch_value("SELECT max(id) FROM wal_events")
            for number, rows in enumerate(ROWS_OF_PORTIONS):
                async with trio.open_nursery() as nursery:
                    if number == 0:
                        nursery.start_soon(ask_for_the_end)
                    else:
                        server.start()
                    with trio.fail_after(START_PATIENCE):
                        while await connection.fetch_value("SELECT max(id) FROM wal_events") < begun + rows:
                            await trio.sleep(0.005)
                    server.kill()
                cut = await connection.fetch_value("SELECT max(id) FROM wal_events")
                assert cut < begun + END_ROWS, "it was killed too late to say anything"
            await connection.execute("DROP TRIGGER slowly ON wal_events")
            server.start()
            caller = await server.caller()
            (again,) = decode_reply(await caller.ask([end]))
            assert again.answer == "NOT_RESOLVABLE"
            digest = msgspec.json.decode(await caller.ask([]))
            replica = await replayed_and_reenacted(db, Record())
            assert replica.digest() == digest
            assert replica.audit() == []
            market = replica.markets["M"]
            assert market.status in (MarketStatus.SETTLED, MarketStatus.VOIDED)
            assert (market.closing, market.reserve) == (None, 0)
            ended = await connection.fetch(
                "SELECT event_type, count(*) AS rows FROM wal_events WHERE id > $1 GROUP BY 1", begun
            )
            counts = {row["event_type"]: row["rows"] for row in ended}
            assert counts["ORDER_CANCELLED"] == RESTING
            assert counts["POSITION_SETTLED"] == HOLDERS
            assert counts["MARKET_CLOSING"] == counts["MARKET_SETTLED"] == 1
            payout = {"YES": (200, 0), "VOID": (100, 100)}[str(market.resolution_result)]
            for number in range(HOLDERS):
                account = replica.accounts[f"holder-{number:03}"]
                expected = FUNDS - 100 + payout[number % 2]
                assert (account.available, account.frozen) == (expected, 0), account.id
    finally:
        server.kill()
