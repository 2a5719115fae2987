"""The relay tells Kafka all that happens, once and in order, through every crash."""

import contextlib
import functools
import json
import random
import re
import shutil
import signal
import socket
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest
import trio
from click.testing import CliRunner
from confluent_kafka import Message, Producer

from adapters.cli.brokers import kafka_settings
from adapters.cli.relay import topics
from adapters.relay.kafka import POSITIONS, TOPICS, connected, partition
from adapters.relay.letters import BEYOND, Letter, Place
from adapters.relay.relay import Role, Standing
from adapters.relay.watching import Ready, ready
from adapters.runtime.errors import CommandError
from adapters.wire.topics import Topic
from persistence.postgres.database import Connection
from tests.adapters import serving
from tests.adapters.relaying import Told, Trading, refusal, relay, watched
from tests.kafka_mock import PARTITIONS, Kafka, Record, kafka
from tests.persistence.journaled import file

until = functools.partial(serving.until, seconds=120, every=0.05)


@pytest.fixture
def brokers() -> Iterator[Kafka]:
    with kafka() as three:
        yield three


def by_market(told: Iterable[Told]) -> dict[tuple[str, str], list[Told]]:
    """Each topic's events of each market, in their order: between them there is none."""
    found = defaultdict(list)
    for one in told:
        found[one.topic, one.market_id].append(one)
    return found


def heard(records: Sequence[Record]) -> dict[tuple[str, str], list[Told]]:
    return by_market(Told(one.topic, one.key, one.headers["event_id"], one.value) for one in records)


def has(brokers: Kafka, trading: Trading) -> bool:
    return brokers.reached >= trading.exchange.head


async def test_every_event_is_told_once_and_in_order_whenever_the_relay_is_killed(
    database_url: str, connection: Connection, tmp_path: Path, brokers: Kafka
) -> None:
    """The brokers of the test keep what was not committed, so nothing that a killed relay sent is undone."""
    trading, chance = Trading(), random.Random(5)
    await file(connection, trading.decide(300))

    def relay_and_kill() -> None:
        before = brokers.reached
        with relay(database_url, tmp_path, brokers.url, "--from", "start") as process:
            until(lambda: brokers.reached > before)
            time.sleep(chance.uniform(0, 0.05))  # somewhere in its work
            process.send_signal(signal.SIGKILL)

    for _ in range(3):
        await trio.to_thread.run_sync(relay_and_kill)
        await file(connection, trading.decide(2_000))
    with relay(database_url, tmp_path, brokers.url) as process:
        await trio.to_thread.run_sync(until, functools.partial(has, brokers, trading))
        process.terminate()
        assert process.wait(30) == 0
    records = await trio.to_thread.run_sync(brokers.everything, *TOPICS)
    assert heard(records) == by_market(trading.due)
    assert {one.partition for one in records} > {0}, "spread over the partitions"
    assert all(one.partition == partition(one.key, PARTITIONS) for one in records)
    assert all(one.headers["journal_id"] == one.headers["event_id"].split("_")[-2] for one in records)


async def test_new_topics_begin_now_and_a_second_relay_waits_for_its_turn(
    database_url: str, connection: Connection, tmp_path: Path, brokers: Kafka
) -> None:
    """Also when the first relay is killed before it has told anything."""
    trading = Trading()
    await file(connection, trading.decide(300))
    missed = len(trading.due)
    watch = ("--port", "0")
    with watched(database_url, tmp_path, brokers.url, *watch) as first:
        await trio.to_thread.run_sync(until, functools.partial(has, brokers, trading))
        with watched(database_url, tmp_path, brokers.url, *watch) as second:
            await trio.to_thread.run_sync(until, lambda: second.ready()[1].get("role") == "second")
            assert second.ready() == (200, {"status": "ready", "role": "second", "journal_id": 0, "lag": 0})
            assert second.metrics()["verdict_relay_publishing"] == 0
            first.process.kill()
            await file(connection, trading.decide(300))
            head = trading.exchange.head
            await trio.to_thread.run_sync(until, lambda: second.ready()[1]["journal_id"] == head)
            assert second.ready() == (
                200,
                {"status": "ready", "role": "publishing", "journal_id": head, "lag": 0},
            )
            metrics = second.metrics()
            assert metrics["verdict_relay_publishing"] == 1
            assert metrics["verdict_relay_journal_id"] == metrics["verdict_relay_journal_end"] == head
            assert metrics["verdict_relay_events_total"] == len(trading.due) - missed
            assert metrics["verdict_relay_late_seconds"] == metrics["verdict_relay_failures_total"] == 0
            assert brokers.reached == head
    records = await trio.to_thread.run_sync(brokers.everything, *TOPICS)
    assert heard(records) == by_market(trading.due[missed:])


def ended(**ends: list[int]) -> bytes:
    """A note that says where the topics have ended."""
    return json.dumps({"place": "1.0", "ends": ends}).encode()


async def begin(brokers: Kafka) -> Place:
    """What a relay does first."""
    async with connected({"bootstrap.servers": brokers.servers}) as destination:
        return await destination.position(7)


@pytest.mark.parametrize(
    ("topic", "record", "told"),
    [
        (POSITIONS, ended(trade_events=[7, 0, 0, 0]), "the topic trade_events was deleted"),
        (POSITIONS, ended(order_events=[0, 0, 0]), "the topic order_events had 3 partitions and has 4"),
        (POSITIONS, ended(withdrawn_events=[3]), None),
        ("market_events", b"{}", f"the topic market_events has records, and no note in {POSITIONS} says"),
    ],
)
async def test_topics_that_are_not_those_of_the_note_are_refused(
    brokers: Kafka, topic: str, record: bytes, told: str | None
) -> None:
    """Those that the relay does not tell any more do not matter."""
    await trio.to_thread.run_sync(brokers.write, topic, record)
    with pytest.raises(CommandError, match=told) if told else contextlib.nullcontext():
        assert await begin(brokers) == Place(1, 0)


async def test_records_of_somebody_else_behind_a_note_are_refused(brokers: Kafka) -> None:
    assert await begin(brokers) == Place(7, BEYOND)
    await trio.to_thread.run_sync(brokers.write, "trade_events", b"{}")
    with pytest.raises(CommandError, match="the topic trade_events has records that no relay has sent"):
        await begin(brokers)


def letter(number: int) -> Letter:
    return Letter(Place(number, 0), f"evt_{number}", Topic.TRADES, "M", b"%d" % number)


async def test_what_a_killed_relay_had_sent_of_a_transaction_is_not_sent_again(brokers: Kafka) -> None:
    """Here it is seen although it was not committed; with other brokers it is gone, and sent."""
    async with connected({"bootstrap.servers": brokers.servers}) as first:
        await first.position(0)
        await first.send([letter(1)], Place(1, BEYOND))
        first._producer.begin_transaction()
        headers: list[tuple[str, str | bytes | None]] = [("event_id", b"evt_2")]
        first._producer.produce("trade_events", b"2", "M", partition("M", PARTITIONS), headers=headers)
        assert first._producer.flush(30) == 0
    async with connected({"bootstrap.servers": brokers.servers}) as second:
        assert await second.position(0) == Place(1, BEYOND)
        await second.send([letter(2), letter(3)], Place(3, BEYOND))
    records = await trio.to_thread.run_sync(brokers.everything, "trade_events")
    assert [one.value for one in records] == [1, 2, 3]


async def test_a_topic_that_is_made_anew_meanwhile_is_refused(brokers: Kafka) -> None:
    async with connected({"bootstrap.servers": brokers.servers}) as destination:
        place = await destination.position(0)
        destination._ends["trade_events"] = [5] * PARTITIONS  # as if so many had been there
        with pytest.raises(CommandError, match="the topic trade_events was deleted"):
            await destination.send([letter(1)], place)


async def test_a_relay_waits_for_brokers_that_are_away_and_says_so(
    database_url: str, connection: Connection, tmp_path: Path, brokers: Kafka
) -> None:
    trading = Trading()
    await file(connection, trading.decide(10))
    with watched(database_url, tmp_path, brokers.url, "--from", "start", "--port", "0") as relay:
        await trio.to_thread.run_sync(until, functools.partial(has, brokers, trading))
        told = trading.exchange.head
        brokers.process.kill()
        await file(connection, trading.decide(10))
        await trio.to_thread.run_sync(until, lambda: "Connection refused" in relay.ready()[1]["status"])
        code, ready = relay.ready()
        assert (code, ready["role"], ready["journal_id"]) == (503, "stopped", told)
        assert ready["status"].startswith("the broker cannot take events: ")
        await trio.to_thread.run_sync(until, lambda: relay.ready()[1]["lag"] == trading.exchange.head - told)
        metrics = relay.metrics()
        assert metrics["verdict_relay_failures_total"] >= 1
        assert metrics["verdict_relay_late_seconds"] > 0
        assert relay.process.poll() is None
        relay.process.terminate()
        assert await trio.to_thread.run_sync(relay.process.wait, 60) == 0


async def test_what_the_relay_has_sent_is_read_with_kcat(
    database_url: str, connection: Connection, tmp_path: Path, brokers: Kafka
) -> None:
    program = shutil.which("kcat")
    if program is None:
        pytest.skip("install kcat (Debian has it) to read what the relay sends with another program")
    trading = Trading()
    await file(connection, trading.decide(300))
    with relay(database_url, tmp_path, brokers.url, "--from", "start"):
        await trio.to_thread.run_sync(until, functools.partial(has, brokers, trading))
    arguments = [program, "-b", brokers.servers, "-C", "-e", "-q", "-o", "beginning", "-t", "trade_events"]
    shown = subprocess.run(
        [*arguments, "-f", "%k %h %s\n"], capture_output=True, text=True, check=True, timeout=60
    ).stdout.splitlines()
    told = [Told("trade_events", *of_line(line)) for line in shown]
    assert by_market(told) == by_market(one for one in trading.due if one.topic == "trade_events")


def of_line(line: str) -> tuple[str, str, dict[str, object]]:
    key, headers, value = line.split(" ", 2)
    named = dict(header.split("=", 1) for header in headers.split(","))
    return key, named["event_id"], json.loads(value)


def test_a_key_is_where_kafkas_own_clients_put_it(brokers: Kafka) -> None:
    found: dict[str, int] = {}

    def delivered(trouble: object, message: Message) -> None:
        assert trouble is None
        found[str(message.key() or b"", "utf-8")] = int(message.partition() or 0)

    keys = ["MKT-BTC-100K-2026", *("x" * length for length in range(1, 9)), "é" * 7, "market 中"]
    keys += [f"MKT-{number}" for number in range(200)]
    producer = Producer({"bootstrap.servers": brokers.servers, "partitioner": "murmur2", "log_level": 0})
    for key in keys:
        producer.produce("mode_events", b"", key, on_delivery=delivered)
    assert producer.flush(30) == 0
    assert found == {key: partition(key, PARTITIONS) for key in keys}


def test_settings_of_the_client_stand_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "client.properties"
    path.write_text("# of the cluster\nsecurity.protocol=SASL_SSL\n\n sasl.password = a=b c \n")
    assert kafka_settings(["kafka://a:1", "kafka://b"], path) == {
        "security.protocol": "SASL_SSL",
        "sasl.password": "a=b c",
        "bootstrap.servers": "a:1,b",
    }
    path.write_text("\nnonsense")
    with pytest.raises(CommandError, match="line 2: must look like"):
        kafka_settings(["kafka://a"], path)
    with pytest.raises(CommandError, match="cannot read"):
        kafka_settings(["kafka://a"], tmp_path / "missing")


async def test_settings_that_the_client_does_not_know_are_refused_and_their_values_not_repeated() -> None:
    with pytest.raises(CommandError, match=r'No such configuration property: "sasl\.passwort"$') as refused:
        async with connected({"sasl.passwort": "hush"}):
            pass
    assert "hush" not in str(refused.value)


def test_a_password_in_the_address_is_refused_and_not_repeated() -> None:
    done = CliRunner().invoke(topics, ["kafka://relay:hush@a:9092"])
    assert done.exit_code == 2
    assert "settings of Kafka's client stand in a file" in done.output
    assert "hush" not in done.output


async def test_a_port_that_is_taken_is_told_in_one_line(
    database_url: str, connection: Connection, tmp_path: Path
) -> None:
    await file(connection, Trading().decide(10))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with relay(database_url, tmp_path, "kafka://127.0.0.1:1", "--port", str(port)) as process:
            assert await trio.to_thread.run_sync(process.wait, 60) == 1
    assert f"cannot serve on 127.0.0.1:{port}: " in refusal(tmp_path)


def test_a_relay_that_is_late_is_not_ready_and_says_by_how_much() -> None:
    standing = Standing(Role.PUBLISHING, "", reached=5, end=7, level_at=time.monotonic() - 100)
    assert re.fullmatch(r"the relay is \d{3} seconds behind the journal", ready(standing).status)
    standing.reached = 7
    assert ready(standing) == Ready("ready", Role.PUBLISHING, 7, 0)


def test_a_file_of_settings_is_for_kafka_alone() -> None:
    done = CliRunner().invoke(topics, ["nats://a", "--client", "file"])
    assert done.exit_code == 2
    assert "--client is for kafka://" in done.output
