"""The relay: events a second from a journal that is there to JetStream, on one node and on three, and to
Kafka.

Beside it the same journal read and applied without telling anybody, which bounds it; and how late events are
when commands come at a pace.
"""

import argparse
import contextlib
import functools
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Final

import trio
import trio_asyncio  # type: ignore[import-untyped]  # it comes without types
from confluent_kafka import Consumer, TopicPartition
from nats.aio.client import Client

from adapters.cli.relay import Turn
from adapters.cli.storage import UNAVAILABLE
from adapters.relay import jetstream, kafka
from adapters.relay.broker import Broker, BrokerError
from adapters.relay.letters import letters
from adapters.relay.relay import Relay, Role
from bench.measure import heading, line, section
from bench.workload import Flow, opening
from kernel.commands import AnyCommand
from kernel.exchange import Exchange
from kernel.journal import Decided
from persistence.journal import following, journal
from persistence.journal.journal import DurableJournal
from persistence.postgres import database, embedded
from persistence.postgres.database import Database
from persistence.postgres.migrate import migrate
from tests.brokers import brokers
from tests.kafka_mock import kafka as kafka_brokers

Connected = Callable[[], AbstractAsyncContextManager[Broker]]

BURST: Final = 100
"""Commands in one transaction."""
WARM: Final = 20
PACED: Final = 200
PACE: Final = 0.02
"""Commands before and while lateness is measured, and the seconds between them."""


def main() -> None:
    asked = argparse.ArgumentParser(prog="verdict bench relay", description=__doc__)
    asked.add_argument("commands", nargs="?", type=int, default=50_000)
    arguments = asked.parse_args()
    heading("relay")
    trio.run(measure, arguments.commands)


async def measure(commands: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="verdict-bench-"))
    try:
        async with contextlib.AsyncExitStack() as stack:
            url = await stack.enter_async_context(embedded.running(folder))
            db = await stack.enter_async_context(database.opened(url))
            async with db.borrowed() as connection:
                await migrate(connection)
            writer = await stack.enter_async_context(journal.opened(db))
            exchange, flow = Exchange(), Flow()
            await decide(writer, exchange, [*opening(), *flow.commands(commands)])
            section(f"{exchange.head:,} facts in the journal")
            await apart(db, exchange.head)
            for count in (1, 3):
                with brokers(folder / f"nodes{count}", count) as nodes:
                    servers = [f"nats://127.0.0.1:{node.port}" for node in nodes.nodes]
                    async with trio_asyncio.open_loop():
                        await until_led(servers)
                    to_nats = functools.partial(jetstream.connected, servers)
                    await relayed(db, f"to NATS on {count}", to_nats, exchange.head)
                    if count == 1:
                        async with hearing_nats(servers[0]) as heard:
                            await paced(db, writer, exchange, flow, to_nats, heard)
            with kafka_brokers() as three:
                to_kafka = functools.partial(kafka.connected, {"bootstrap.servers": three.servers})
                await relayed(db, "to Kafka's mock brokers", to_kafka, exchange.head)
                async with hearing_kafka(three.servers) as heard:
                    await paced(db, writer, exchange, flow, to_kafka, heard)
    finally:
        shutil.rmtree(folder)


async def decide(writer: DurableJournal, exchange: Exchange, wishes: Sequence[AnyCommand]) -> None:
    for start in range(0, len(wishes), BURST):
        decided = [Decided(wish, "", exchange.execute(wish)) for wish in wishes[start : start + BURST]]
        await writer.append([writer.pack(decided)])


async def apart(db: Database, head: int) -> None:
    """Reading and applying alone, and with each fact translated."""
    for what, tell in (("read and applied", lambda fact, exchange: []), ("and translated", letters)):
        async with following.turn(db, 1) as connection:
            assert connection is not None
            follower = await following.following(connection, None, 0, lambda done, total: None)
            begun, told = time.perf_counter(), 0
            async for some in follower.transactions(tell):
                told += len(some)
            took = time.perf_counter() - begun
        line(what, head / took, "facts/s", f"{told / took:,.0f} events/s")


async def relayed(db: Database, what: str, connected: Connected, head: int) -> None:
    """The whole journal, from the moment at which the relay begins to read it."""
    relay = Relay(functools.partial(turn, db), connected, 0, UNAVAILABLE, ())
    standing = relay.standing
    async with trio_asyncio.open_loop(), trio.open_nursery() as nursery:
        nursery.start_soon(relay.run)
        while standing.role is not Role.PUBLISHING:
            await trio.sleep(0)
        begun = time.perf_counter()
        while standing.reached < head:
            await trio.sleep(0.002)
        took = time.perf_counter() - begun
        nursery.cancel_scope.cancel()
    line(what, head / took, "facts/s", f"{standing.sent / took:,.0f} events/s")


@contextlib.asynccontextmanager
async def turn(db: Database) -> AsyncIterator[Turn | None]:
    async with following.turn(db, 1) as connection:
        assert connection is not None
        yield Turn(connection, None)


async def until_led(servers: list[str]) -> None:
    """Nodes that have just been started have first to choose who leads."""
    with trio.fail_after(60):
        while True:
            try:
                async with jetstream.connected(servers) as stream:
                    await stream.position(0)
                    return
            except BrokerError:
                await trio.sleep(0.5)


@contextlib.asynccontextmanager
async def hearing_nats(server: str) -> AsyncIterator[dict[str, float]]:
    """When each event was heard, by its id."""
    heard: dict[str, float] = {}

    async def hear(message: Any) -> None:
        heard[message.headers["Nats-Msg-Id"]] = time.perf_counter()

    async with trio_asyncio.open_loop():
        reader = Client()
        await trio_asyncio.aio_as_trio(reader.connect)(server)
        await trio_asyncio.aio_as_trio(reader.subscribe)("verdict.*.*", cb=hear)
        yield heard
        await trio_asyncio.aio_as_trio(reader.close)()


@contextlib.asynccontextmanager
async def hearing_kafka(servers: str) -> AsyncIterator[dict[str, float]]:
    """The same, as a reader of what is committed hears it."""
    heard: dict[str, float] = {}
    reading, over = threading.Event(), threading.Event()
    settings = {"bootstrap.servers": servers, "group.id": "bench", "isolation.level": "read_committed"}
    reader = Consumer({**settings, "auto.offset.reset": "latest", "fetch.wait.max.ms": 10, "log_level": 0})

    def hear() -> None:
        known = reader.list_topics(timeout=30).topics
        where = [(name, number) for name in kafka.TOPICS for number in known[name].partitions]
        ends = [reader.get_watermark_offsets(TopicPartition(*one), timeout=30)[1] for one in where]
        reader.assign([TopicPartition(*one, end) for one, end in zip(where, ends, strict=True)])
        reading.set()
        while not over.is_set():
            message = reader.poll(0.1)
            if message is not None and message.error() is None:
                heard[kafka.event_id(message)] = time.perf_counter()
        reader.close()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.to_thread.run_sync, hear)
        await trio.to_thread.run_sync(reading.wait)
        yield heard
        over.set()


async def paced(
    db: Database,
    writer: DurableJournal,
    exchange: Exchange,
    flow: Flow,
    connected: Connected,
    heard: dict[str, float],
) -> None:
    """From the acknowledgement of a command to its event at a reader, through the relay as it runs."""

    relay = Relay(functools.partial(turn, db), connected, None, UNAVAILABLE, ())
    committed: dict[str, float] = {}
    async with trio_asyncio.open_loop(), trio.open_nursery() as nursery:
        nursery.start_soon(relay.run)
        for number, wish in enumerate(flow.commands(WARM + PACED)):
            if number == WARM:  # the relay had to begin first
                await until_heard(committed, heard)
                committed.clear()
            decided = Decided(wish, "", exchange.execute(wish))
            due = [one.event_id for fact in decided.outcome.facts for one in letters(fact, exchange)]
            await writer.append([writer.pack([decided])])
            committed.update(dict.fromkeys(due, time.perf_counter()))
            await trio.sleep(PACE)
        await until_heard(committed, heard)
        nursery.cancel_scope.cancel()
    late = sorted(1000 * (heard[one] - at) for one, at in committed.items())
    line("late by, median", statistics.median(late), "ms")
    line("late by, p99", late[len(late) * 99 // 100], "ms")


async def until_heard(committed: dict[str, float], heard: dict[str, float]) -> None:
    with trio.fail_after(60):
        while not committed.keys() <= heard.keys():
            await trio.sleep(0.01)


if __name__ == "__main__":
    main()
