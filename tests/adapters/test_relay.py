"""The relay tells JetStream all that happens, once and in order, through every crash."""

import contextlib
import functools
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from click.testing import CliRunner
from nats.js.api import ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from adapters.cli.brokers import Servers
from adapters.cli.relay import topics
from adapters.relay import jetstream, letters
from adapters.relay.relay import behind
from adapters.wire.topics import Topic
from persistence.postgres.database import Connection
from tests.adapters import serving
from tests.adapters.relaying import Told, Trading, logs, refusal, relay
from tests.brokers import Brokers, brokers
from tests.persistence.journaled import file


async def everything(js: Any) -> list[Told]:
    """What a reader of all topics has, from the beginning."""
    info = await js.stream_info("verdict_topics")
    config = ConsumerConfig(deliver_policy=DeliverPolicy.ALL)
    reader = await js.pull_subscribe("verdict.*.*", stream="verdict_topics", config=config)
    found: list[Told] = []
    while len(found) < info.state.messages:
        for message in await reader.fetch(1_000, timeout=30):
            payload = msgspec.json.decode(message.data)
            _, topic, market_id = message.subject.split(".")
            found.append(Told(topic, market_id, message.headers["Nats-Msg-Id"], payload))
            await message.ack()
    return found


until = functools.partial(serving.until, seconds=120, every=0.1)
"""Each look is a connection of its own: not too often."""


async def count(js: Any) -> int:
    with contextlib.suppress(NotFoundError):  # not made yet
        return int((await js.stream_info("verdict_topics")).state.last_seq)
    return 0


def has(brokers: Brokers, number: int) -> bool:
    return bool(brokers.ask(count) >= number)


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[Brokers]:
    with brokers(tmp_path) as one:
        yield one


async def test_every_event_is_told_once_and_in_order_whenever_the_relay_is_killed(
    database_url: str, connection: Connection, tmp_path: Path, nats: Brokers
) -> None:
    trading, chance = Trading(), random.Random(3)
    await file(connection, trading.decide(300))

    def relay_and_kill(rounds: int) -> None:
        for _ in range(rounds):
            before = nats.ask(count)
            with relay(database_url, tmp_path, nats.url, "--from", "start") as process:
                until(functools.partial(has, nats, min(before + 1, len(trading.due))))
                time.sleep(chance.uniform(0, 0.05))  # somewhere in its work
                process.send_signal(signal.SIGKILL)

    for _ in range(4):
        await trio.to_thread.run_sync(relay_and_kill, 1)
        await file(connection, trading.decide(500))
    with relay(database_url, tmp_path, nats.url) as process:
        await trio.to_thread.run_sync(until, lambda: has(nats, len(trading.due)))
        process.terminate()
        assert process.wait(30) == 0
    told = await trio.to_thread.run_sync(nats.ask, everything)
    assert told == trading.due
    trades = [one.payload["trade"] for one in told if one.topic == "trade_events"]
    assert all(trade["buyer"]["user_id"] and trade["seller"]["user_id"] for trade in trades), "both parties"


async def test_a_new_stream_begins_now_and_stays_there(
    database_url: str, connection: Connection, tmp_path: Path, nats: Brokers
) -> None:
    """Also when the first relay is killed before it has told anything."""
    trading = Trading()
    await file(connection, trading.decide(300))
    missed = len(trading.due)

    async def position(js: Any) -> int:
        with contextlib.suppress(NotFoundError):
            return int((await js.stream_info("verdict_positions")).state.messages)
        return 0

    with relay(database_url, tmp_path, nats.url):
        await trio.to_thread.run_sync(until, lambda: nats.ask(position) == 1)
    await file(connection, trading.decide(300))
    with relay(database_url, tmp_path, nats.url):
        due = trading.due[missed:]
        await trio.to_thread.run_sync(until, lambda: has(nats, len(due)))
    assert await trio.to_thread.run_sync(nats.ask, everything) == due


async def test_a_second_relay_waits_for_its_turn(
    database_url: str, connection: Connection, tmp_path: Path, nats: Brokers
) -> None:
    trading = Trading()
    await file(connection, trading.decide(300))
    with relay(database_url, tmp_path, nats.url, "--from", "start") as first:
        await trio.to_thread.run_sync(until, lambda: has(nats, len(trading.due)))
        with relay(database_url, tmp_path, nats.url):
            await trio.to_thread.run_sync(until, lambda: "another relay" in logs(tmp_path))
            first.kill()
            await file(connection, trading.decide(300))
            await trio.to_thread.run_sync(until, lambda: has(nats, len(trading.due)))
    assert await trio.to_thread.run_sync(nats.ask, everything) == trading.due


async def test_three_nodes_lose_nothing_when_the_one_that_leads_is_killed(
    database_url: str, connection: Connection, tmp_path: Path
) -> None:
    trading = Trading()
    await file(connection, trading.decide(300))
    with brokers(tmp_path, 3) as three, relay(database_url, tmp_path, three.url, "--from", "start"):
        await trio.to_thread.run_sync(until, lambda: has(three, len(trading.due)))
        info = await trio.to_thread.run_sync(three.ask, lambda js: js.stream_info("verdict_topics"))
        assert info.config.num_replicas == 3
        decided = trading.decide(1_000)
        three.named(info.cluster.leader).kill()
        await file(connection, decided)
        await trio.to_thread.run_sync(until, lambda: has(three, len(trading.due)))
        assert await trio.to_thread.run_sync(three.ask, everything) == trading.due


async def test_a_stream_that_has_dropped_what_came_last_goes_on_behind_its_note(
    database_url: str, connection: Connection, tmp_path: Path, nats: Brokers
) -> None:
    """Streams may be set to forget: what was told last is then known from the note of the position."""
    trading = Trading()
    await file(connection, trading.decide(300))

    async def noted(js: Any) -> int:
        with contextlib.suppress(NotFoundError):
            message = await js.get_last_msg("verdict_positions", "verdict_positions.verdict_topics")
            return int(message.headers["Verdict-Sequence"])
        return 0

    with relay(database_url, tmp_path, nats.url, "--from", "start"):
        await trio.to_thread.run_sync(until, lambda: nats.ask(noted) == len(trading.due))
    await trio.to_thread.run_sync(nats.ask, lambda js: js.purge_stream("verdict_topics"))
    told = len(trading.due)
    await file(connection, trading.decide(300))
    with relay(database_url, tmp_path, nats.url) as process:
        await trio.to_thread.run_sync(
            until, lambda: has(nats, len(trading.due)) or process.poll() is not None
        )
    assert await trio.to_thread.run_sync(nats.ask, everything) == trading.due[told:]


async def test_a_stream_that_has_dropped_what_nobody_noted_is_refused_in_one_line(
    database_url: str, connection: Connection, tmp_path: Path, nats: Brokers
) -> None:
    trading = Trading()
    await file(connection, trading.decide(300))
    with relay(database_url, tmp_path, nats.url, "--from", "start"):
        await trio.to_thread.run_sync(until, lambda: has(nats, len(trading.due)))

    async def forget(js: Any) -> None:
        """The note is that of the beginning, and the letters are gone."""
        headers = {"Verdict-Sequence": "0", "Verdict-Place": "0.0"}
        await js.publish("verdict_positions.verdict_topics", headers=headers)
        await js.purge_stream("verdict_topics")

    await trio.to_thread.run_sync(nats.ask, forget)
    with relay(database_url, tmp_path, nats.url) as process:
        assert await trio.to_thread.run_sync(process.wait, 60) == 1
    assert f"has dropped its last letter, {len(trading.due)}, and nobody knows what it was" in refusal(
        tmp_path
    )


async def test_a_stream_that_somebody_else_writes_is_refused_in_one_line(
    database_url: str, connection: Connection, tmp_path: Path, nats: Brokers
) -> None:
    await file(connection, Trading().decide(10))

    async def intrude(js: Any) -> None:
        await js.add_stream(name="verdict_topics", subjects=["verdict.*.*"])
        await js.publish("verdict.trade_events.M", b"{}")

    await trio.to_thread.run_sync(nats.ask, intrude)
    with relay(database_url, tmp_path, nats.url) as process:
        assert await trio.to_thread.run_sync(process.wait, 60) == 1
    assert "has letters that no relay has sent: somebody else uses its subjects" in refusal(tmp_path)


async def test_a_journal_that_is_not_the_one_that_was_told_is_refused_in_one_line(
    database_url: str, connection: Connection, tmp_path: Path, nats: Brokers
) -> None:
    await file(connection, Trading().decide(10))
    with relay(database_url, tmp_path, nats.url, "--from", "1000000") as process:
        assert await trio.to_thread.run_sync(process.wait, 60) == 1
    assert "has been read up to row 1000000 before: this is another journal" in refusal(tmp_path)


def test_what_the_stream_has_is_not_sent_again() -> None:
    """It may have some of the events of one row: those behind them are still due."""
    told = [
        letters.Letter(letters.Place(*place), "", Topic.TRADES, "", b"") for place in ((5, 0), (5, 1), (6, 0))
    ]
    assert behind(letters.Place(4, letters.BEYOND), told) == told
    assert behind(letters.Place(5, 0), told) == told[1:]
    assert behind(letters.Place(5, letters.BEYOND), told) == told[2:]
    assert behind(letters.Place(6, 0), told) == []


def test_markets_are_words_of_a_subject() -> None:
    assert jetstream.spelled("MKT-BTC-100K-2026") == "MKT-BTC-100K-2026"
    assert jetstream.spelled("a.b *>é") == "a%2Eb%20%2A%3E%C3%A9"


@pytest.mark.parametrize(
    "servers", ["127.0.0.1:4222", "http://a", "nats://", "nats://a:x", "nats://a,", "nats://a:70000"]
)
def test_servers_that_are_none_are_refused_before_anything_is_begun(servers: str) -> None:
    done = CliRunner().invoke(topics, [servers])
    assert done.exit_code == 2
    assert "must look like nats://host:4222,host2,host3" in done.output


def test_who_signs_in_signs_in_at_each_server() -> None:
    assert Servers("nats").convert("nats://relay:secret@a:1,b", None, None) == [
        "nats://relay:secret@a:1",
        "nats://relay:secret@b",
    ]
