"""Events of several topics become one order again, and nobody is told of half of it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import attrs
import msgspec
import pytest
import trio
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from amm.brain.wire import EventMessage, OrderStatusChanged, TradeExecuted
from amm.live.connection import CommandStream
from amm.live.credentials import Credentials
from amm.live.kafka_events import LATE_SECONDS, NOTES, TOPICS, KafkaEvents, LateError
from tests.adapters.serving import ROOT
from tests.amm.live.test_connection import Noted, answering
from tests.amm.parts import MARKET, NOON
from tests.end_to_end.making import service_token
from tests.kafka_mock import kafka

AMM = "00000000-0000-4000-a000-000000000001"
PARTY = {"user_id": AMM, "order_id": "o", "role": "MAKER", "fee_cents": 0}


def trade(seq: int, partition: int = 0, offset: int = 0) -> Message:
    told = {"trade_id": f"TRD_{seq}", "price_cents": 50, "quantity": 1, "buyer": PARTY, "seller": PARTY}
    return record("trade_events", seq, {"event_type": "TRADE_EXECUTED", "trade": told}, partition, offset)


def order(seq: int, offset: int = 0, user: str = AMM) -> Message:
    told = {
        "order_id": "o",
        "user_id": user,
        "side": "YES",
        "direction": "SELL",
        "price_cents": 50,
        "original_quantity": 1,
        "filled_quantity": 0,
        "remaining_quantity": 1,
        "status": "OPEN",
        "previous_status": "NEW",
    }
    return record("order_events", seq, {"event_type": "ORDER_STATUS_CHANGED", "order": told}, 0, offset)


def record(topic: str, seq: int, told: dict[str, object], partition: int, offset: int) -> Message:
    value = json.dumps({"timestamp_ms": NOON, "market_id": MARKET} | told).encode()
    headers: dict[str, str | bytes | None] = {"journal_id": str(seq).encode(), "event_id": b"evt"}
    return Message(topic=topic, partition=partition, offset=offset, value=value, headers=headers)


def note(seq: int, trades: list[int], orders: list[int]) -> Message:
    value = json.dumps({"place": f"{seq}.9", "ends": {"trade_events": trades, "order_events": orders}})
    return Message(topic=NOTES, partition=0, offset=0, value=value.encode())


@attrs.define
class Heard:
    told: list[tuple[list[int], int]] = attrs.field(factory=list)
    kinds: list[type] = attrs.field(factory=list)

    def hear(self, events: list[EventMessage], reached: int) -> None:
        self.told.append(([one.seq for one in events], reached))
        self.kinds += [type(one.data) for one in events]


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def events(heard: Heard) -> KafkaEvents:
    """A reader that has begun, where two partitions of trades have had five records each."""
    events = KafkaEvents({})
    events.hear = heard.hear
    events._begin(
        [
            *(TopicPartition("trade_events", number, 5) for number in (0, 1)),
            TopicPartition("order_events", 0, 5),
            TopicPartition(NOTES, 0, 0),
        ]
    )
    return events


def test_events_wait_for_a_note_and_come_in_the_order_of_the_journal(
    events: KafkaEvents, heard: Heard
) -> None:
    events._take([order(7, offset=5), order(9, offset=6), trade(8, 1, 5), trade(7, 0, 5)])
    assert heard.told == []
    events._take([note(8, [6, 6], [6])])
    assert heard.told == [([7, 7, 8], 8)]
    assert heard.kinds == [TradeExecuted, OrderStatusChanged, TradeExecuted]
    events._take([note(9, [6, 6], [7])])
    assert heard.told[1:] == [([9], 9)]


def test_a_note_waits_until_all_partitions_have_come_to_its_ends(events: KafkaEvents, heard: Heard) -> None:
    events._take([note(8, [6, 6], [5]), trade(7, 0, 5)])
    assert heard.told == []
    assert events.delivered == 0
    events._take([trade(8, 1, 5)])
    assert heard.told == [([7, 8], 8)]
    assert events.delivered == 8


def test_of_several_notes_the_last_that_is_reached_counts(events: KafkaEvents, heard: Heard) -> None:
    """Those of before the beginning are reached at once."""
    events._take([note(5, [4, 5], [5]), note(6, [5, 5], [5]), note(8, [6, 5], [5])])
    assert heard.told == [([], 6)]
    events._take([trade(6, 0, 5)])
    assert heard.told[1:] == [([], 8)], "what was told before is not told again"


async def test_who_waits_for_what_is_durable_is_told_or_refused(
    events: KafkaEvents, autojump_clock: trio.testing.MockClock
) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(events.until, 8)
        await trio.sleep(1)
        events._take([note(8, [5, 5], [5])])
    with pytest.raises(LateError, match="kafka has told events up to 8 of 9"):
        await events.until(9)


async def test_what_is_durable_may_be_late_for_some_seconds(
    events: KafkaEvents, autojump_clock: trio.testing.MockClock
) -> None:
    events.check(8)
    await trio.sleep(LATE_SECONDS - 0.1)
    events.check(9)
    events._take([note(8, [5, 5], [5])])
    await trio.sleep(LATE_SECONDS)
    with pytest.raises(LateError, match="kafka has told events up to 8 of 9"):
        events.check(9)


def test_an_error_of_a_partition_ends_the_reading(events: KafkaEvents) -> None:
    """As when records are gone that were not read yet."""
    with kafka() as brokers:
        settings = {"bootstrap.servers": brokers.servers, "group.id": "g", "auto.offset.reset": "error"}
        reader = Consumer({**settings, "log_level": 0})
        reader.assign([TopicPartition("trade_events", 0, 1_000)])
        message = reader.poll(30)
        reader.close()
    with pytest.raises(KafkaException, match="AUTO_OFFSET_RESET"):
        events._take([message])


async def test_a_reading_that_begins_anew_costs_the_connection_and_a_resync() -> None:
    """Between two readings events may have been missed; and events of other people are not for us."""
    markets = Noted()

    async def told(words: str, times: int) -> None:
        with trio.fail_after(30):
            while markets.told.count(words) < times:
                await trio.sleep(0.01)

    with kafka() as brokers:
        events = KafkaEvents({"bootstrap.servers": brokers.servers})
        async with trio.open_nursery() as nursery:
            port = await nursery.start(answering, lambda op: None)
            credentials = Credentials(service_token())
            stream = CommandStream(f"ws://127.0.0.1:{port}/", credentials, lambda: NOON, 2_000, kafka=events)
            stream.markets = markets
            nursery.start_soon(stream.run)
            nursery.start_soon(events.run)
            with trio.fail_after(30):
                while not events.starts:
                    await trio.sleep(0.01)
            assert markets.told == [], "nothing was said of what is durable"
            said = msgspec.json.encode({"place": "1.0", "ends": {name: [0, 0, 0, 0] for name in TOPICS}})
            await trio.to_thread.run_sync(brokers.write, NOTES, said)
            await told("up True", 1)
            events._take([order(2), order(3, offset=1, user="somebody"), note(3, [0] * 4, [2])])
            assert markets.told == ["up True", f"frame {MARKET} 2"]
            assert stream.delivered == 3
            events.starts += 1
            await told("up False", 1)
            nursery.cancel_scope.cancel()
    assert markets.told[2:] == ["down", "up False"]


def test_what_is_missing_or_does_not_go_together_is_told_in_one_line(tmp_path: Path) -> None:
    config = tmp_path / "amm.toml"
    config.write_text('[sync]\ntransport = "POLL"\n')

    def complaint(**settings: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "adapters.cli", "amm", "--config", str(config)],
            env=os.environ
            | {"AMM_TOKEN": service_token(), "FEED": "kafka", "AMM_STATE": str(tmp_path)}
            | settings,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode
        return done.stderr

    assert complaint().endswith("FEED=kafka needs KAFKA_URL: kafka://host:9092,host2\n")
    assert "it needs sync.transport = STREAM" in complaint(KAFKA_URL="kafka://a")
