"""What the brokers of the other tests do not know: topics made on demand, fencing, transactions undone.

    VERDICT_TEST_KAFKA=127.0.0.1:9092 ./verdict test tests/adapters/test_relay_on_real_brokers.py

The relay's topics there are deleted.
"""

import os
import time

import pytest
import trio
from confluent_kafka.admin import AdminClient

from adapters.relay.broker import BrokerError
from adapters.relay.kafka import PARTITIONS, POSITIONS, TOPICS, Kafka, connected
from adapters.relay.letters import BEYOND, Letter, Place
from adapters.wire.topics import Topic
from tests.kafka_mock import read

SERVERS = os.environ.get("VERDICT_TEST_KAFKA", "")

pytestmark = pytest.mark.skipif(
    not SERVERS, reason="set VERDICT_TEST_KAFKA to brokers, host:port, whose topics may be deleted"
)


@pytest.fixture
def client() -> dict[str, str]:
    """Of brokers without any topic of the relay."""
    admin = AdminClient({"bootstrap.servers": SERVERS})
    ours = {*TOPICS, POSITIONS}
    if there := ours & set(admin.list_topics(timeout=30).topics):
        for deleted in admin.delete_topics([*there]).values():
            deleted.result(30)
    deadline = time.monotonic() + 60
    while ours & set(admin.list_topics(timeout=30).topics):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return {"bootstrap.servers": SERVERS}


def letter(number: int) -> Letter:
    return Letter(Place(number, 0), f"evt_{number}", Topic.TRADES, "M", b"%d" % number)


async def begin(kafka: Kafka) -> Place:
    """As a relay does: again, while topics that were just made have nobody who leads them."""
    with trio.fail_after(60):
        while True:
            try:
                return await kafka.position(0)
            except BrokerError:
                await trio.sleep(0.5)


async def test_topics_are_made_that_are_not_there(client: dict[str, str]) -> None:
    async with connected(client) as kafka:
        assert await begin(kafka) == Place(0, BEYOND)
    topics = AdminClient({**client}).list_topics(timeout=30).topics
    assert {len(topics[name].partitions) for name in TOPICS} == {PARTITIONS}
    assert len(topics[POSITIONS].partitions) == 1


async def test_what_was_not_committed_is_never_read_and_sent_again(client: dict[str, str]) -> None:
    async with connected(client) as first:
        await begin(first)
        await first.send([letter(1)], Place(1, BEYOND))
        first._producer.begin_transaction()
        first._producer.produce("trade_events", b"2", "M", headers=[("event_id", b"evt_2")])
        assert first._producer.flush(30) == 0
    async with connected(client) as second:
        assert await begin(second) == Place(1, BEYOND)
        await second.send([letter(2), letter(3)], Place(3, BEYOND))
    records = await trio.to_thread.run_sync(lambda: list(read(SERVERS, ["trade_events"])))
    assert [one.value for one in records] == [1, 2, 3]


async def test_a_relay_whose_successor_has_begun_is_shut_out(client: dict[str, str]) -> None:
    async with connected(client) as first, connected(client) as second:
        await begin(first)
        await first.send([letter(1)], Place(1, BEYOND))
        await begin(second)
        with pytest.raises(BrokerError):
            await first.send([letter(2)], Place(2, BEYOND))
        await second.send([letter(2)], Place(2, BEYOND))
    records = await trio.to_thread.run_sync(lambda: list(read(SERVERS, ["trade_events"])))
    assert [one.value for one in records] == [1, 2]
