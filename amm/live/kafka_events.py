"""Private events from topics of Kafka, put together again in the order of the exchange's journal.

A relay of the exchange writes there: an event's place in the journal is a header, and a note in a topic of
its own says up to which place all is written, and where each partition then ended. Whoever has read up to
these ends has everything up to that place. What the events mean is the markets'.
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs
import msgspec
import structlog
import trio
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from amm.brain.wire import Event, EventMessage
from amm.live.backoff import Backoff

log = structlog.get_logger(__name__)

GROUP: Final = "amm_trade_consumer"
TOPICS: Final = ("trade_events", "order_events", "market_events", "amm_events", "group_events")
"""Of one journal id the events come in this order."""
NOTES: Final = "verdict_positions"
LOOK_BACK: Final = 64
"""Records, of which some are notes: what was written before we came is not waited for."""
ANSWER_SECONDS: Final = 5.0
LATE_SECONDS: Final = 3.0
"""What is durable must have come from Kafka after so long, or we are blind."""
READ_SECONDS: Final = 0.1
READ_AT_ONCE: Final = 1_000

decode: Final = msgspec.json.Decoder(Event).decode


class Note(msgspec.Struct, frozen=True):
    """Everything up to a place is in the topics, before these ends of their partitions."""

    place: str
    ends: dict[str, list[int]]

    @property
    def seq(self) -> int:
        return int(self.place.partition(".")[0])


class LateError(Exception):
    """What is durable has not come from Kafka."""


@attrs.define(eq=False)
class KafkaEvents:
    """All markets' events, one process's reader of them."""

    settings: Mapping[str, str]
    hear: Callable[[list[EventMessage], int], None] = attrs.field(init=False)
    """Called with the next events, and the journal id up to which these are all."""
    starts: int = 0
    """How often reading has begun. Between two of them events may have been missed."""
    delivered: int = 0
    why: str = "it was not asked yet"
    _waiting: list[tuple[int, int, bytes]] = attrs.field(factory=list)
    """Journal id, topic and event of what no note has covered yet."""
    _positions: dict[tuple[str, int], int] = attrs.field(factory=dict)
    _notes: deque[Note] = attrs.field(factory=deque)
    _moved: trio.Event = attrs.field(factory=trio.Event)
    _due: deque[tuple[int, float]] = attrs.field(factory=deque)
    """Journal ids that were heard of as durable, and when."""

    async def run(self) -> None:
        """Read, and begin again, until cancelled."""
        backoff = Backoff()
        while True:
            try:
                await trio.to_thread.run_sync(self._read, backoff)
            except (KafkaException, msgspec.MsgspecError, LateError) as trouble:
                self.why = str(trouble)
                log.warning("kafka cannot be read", why=self.why)
            await trio.sleep(backoff.next())

    async def until(self, seq: int) -> None:
        """Wait until everything up to a journal id has come."""
        with trio.move_on_after(ANSWER_SECONDS):
            while self.delivered < seq:
                await self._moved.wait()
        self._due.clear()
        if self.delivered < seq:
            raise LateError(f"kafka has told events up to {self.delivered} of {seq}; {self.why}")

    def check(self, seq: int) -> None:
        """Hear that the exchange's journal is durable up to an id; raise if what was due is late."""
        now = trio.current_time()
        self._due.append((seq, now))
        while self._due and self._due[0][0] <= self.delivered:
            self._due.popleft()
        if self._due and now - self._due[0][1] > LATE_SECONDS:
            raise LateError(f"kafka has told events up to {self.delivered} of {self._due[0][0]}")

    # In a thread, for the client of Kafka blocks.

    def _read(self, backoff: Backoff) -> None:
        consumer = Consumer(
            {
                **self.settings,
                "group.id": GROUP,
                "isolation.level": "read_committed",
                "auto.offset.reset": "error",
                "enable.auto.commit": False,  # nobody goes on from there, and without brokers it takes long
                "fetch.wait.max.ms": 10,
                "error_cb": self._trouble,
                "log_level": 0,
            }
        )
        try:
            places = self._present(consumer)
            consumer.assign(places)
            trio.from_thread.run_sync(self._begin, places)
            backoff.reset()
            while True:
                trio.from_thread.check_cancelled()
                if (message := consumer.poll(READ_SECONDS)) is not None:
                    messages = [message, *consumer.consume(READ_AT_ONCE, 0)]
                    trio.from_thread.run_sync(self._take, messages)
        finally:
            consumer.close()

    def _present(self, consumer: Consumer) -> list[TopicPartition]:
        """Where to begin: at the ends, and some notes before theirs. What was before, a `sync` shows."""
        known = consumer.list_topics(timeout=ANSWER_SECONDS).topics
        places = []
        for name in (*TOPICS, NOTES):
            if name not in known:
                raise LateError(f"there is no topic {name}: `verdict relay topics` writes it")
            for number in known[name].partitions if name != NOTES else (0,):
                low, high = consumer.get_watermark_offsets(
                    TopicPartition(name, number), timeout=ANSWER_SECONDS
                )
                places.append(
                    TopicPartition(name, number, max(low, high - LOOK_BACK) if name == NOTES else high)
                )
        return places

    def _trouble(self, trouble: KafkaError) -> None:
        self.why = trouble.str()

    # In the loop.

    def _begin(self, places: list[TopicPartition]) -> None:
        self._positions = {(one.topic, one.partition): one.offset for one in places}
        self._waiting.clear()
        self._notes.clear()
        self.delivered = 0
        self.starts += 1

    def _take(self, messages: list[Any]) -> None:
        for message in messages:
            if (trouble := message.error()) is not None:
                raise KafkaException(trouble)
            topic, number = message.topic(), message.partition()
            self._positions[topic, number] = message.offset() + 1
            if topic == NOTES:
                self._notes.append(msgspec.json.decode(message.value(), type=Note))
            else:
                seq = int(dict(message.headers() or ())["journal_id"])
                self._waiting.append((seq, TOPICS.index(topic), message.value()))
        reached = 0
        while self._notes and self._covers(self._notes[0]):
            reached = self._notes.popleft().seq
        if reached:
            self._release(reached)

    def _covers(self, note: Note) -> bool:
        return all(
            self._positions.get((topic, number), end) >= end
            for topic in TOPICS
            for number, end in enumerate(note.ends.get(topic, ()))
        )

    def _release(self, reached: int) -> None:
        self._waiting.sort(key=lambda one: one[:2])  # which leaves those of one topic as they are
        told = [one for one in self._waiting if self.delivered < one[0] <= reached]
        self._waiting = [one for one in self._waiting if one[0] > reached]
        self.delivered = reached
        self.hear([EventMessage(0, seq, decode(event)) for seq, _topic, event in told], reached)
        self._moved.set()
        self._moved = trio.Event()
