"""Brokers that speak the protocol of Kafka, in a process of their own, and a reader of them in another.

The brokers are those that Kafka's client carries for tests. They know no fencing and no aborted transactions:
what a killed sender has begun is read like anything else.
"""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from adapters.relay.kafka import POSITIONS, TOPICS

ROOT = Path(__file__).resolve().parents[1]
BROKERS = 3
PARTITIONS = 4
"""Of each topic there."""


@attrs.frozen
class Record:
    topic: str
    partition: int
    key: str
    headers: dict[str, str]
    value: Any


@attrs.frozen
class Kafka:
    process: "subprocess.Popen[str]"
    servers: str

    @property
    def url(self) -> str:
        return f"kafka://{self.servers}"

    def everything(self, *topics: str) -> list[Record]:
        """What another process reads from the beginning to the end, in each partition in its order."""
        arguments = [sys.executable, "-m", "tests.kafka_mock", self.servers, *topics]
        shown = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
        return [Record(**json.loads(line)) for line in shown.stdout.splitlines()]

    @property
    def reached(self) -> int:
        """Up to which row of the journal the topics have everything; 0 before anything was said of it."""
        notes = list(read(self.servers, [POSITIONS]))
        return int(notes[-1].value["place"].partition(".")[0]) if notes else 0

    def write(self, topic: str, value: bytes) -> None:
        """As somebody else would, who knows nothing of transactions."""
        producer = Producer({"bootstrap.servers": self.servers, "log_level": 0})
        producer.produce(topic, value, partition=0)
        assert producer.flush(30) == 0


@contextlib.contextmanager
def kafka() -> Iterator[Kafka]:
    arguments = [sys.executable, "-m", "tests.kafka_mock"]
    process = subprocess.Popen(
        arguments,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield Kafka(process, process.stdout.readline().strip())
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def serve() -> None:
    """Until nobody is there any more."""
    holder = Producer({"test.mock.num.brokers": BROKERS, "log_level": 0})
    for topic in (*TOPICS, POSITIONS):
        holder.list_topics(topic, timeout=30)  # which makes it: these brokers know no other way
    brokers = holder.list_topics(timeout=30).brokers.values()
    sys.stdout.write(",".join(f"{each.host}:{each.port}" for each in brokers) + "\n")
    sys.stdout.flush()
    sys.stdin.read()


def read(servers: str, topics: Sequence[str]) -> Iterator[Record]:
    """From the beginning to the end, in each partition in its order."""
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "reader",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 10,
            "log_level": 0,
        }
    )
    known = consumer.list_topics(timeout=30).topics
    left = {(topic, partition) for topic in topics for partition in known[topic].partitions}
    consumer.assign([TopicPartition(*where, 0) for where in left])
    while left:
        message: Any = consumer.poll(30)
        assert message is not None
        if (trouble := message.error()) is not None:
            assert trouble.code() == KafkaError._PARTITION_EOF, trouble
            left.discard((message.topic(), message.partition()))
            continue
        yield Record(
            message.topic(),
            message.partition(),
            (message.key() or b"").decode(),
            {name: value.decode() for name, value in message.headers() or ()},
            json.loads(message.value()),
        )
    consumer.close()


if __name__ == "__main__":
    if sys.argv[1:]:
        for record in read(sys.argv[1], sys.argv[2:]):
            sys.stdout.write(json.dumps(attrs.asdict(record)) + "\n")
    else:
        serve()
