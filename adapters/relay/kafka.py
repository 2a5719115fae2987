"""Topics of Kafka: each letter exactly once and in order, for whoever reads what is committed.

Letters go in transactions under one name, so a successor ends what its predecessor has begun and fences it.
Each transaction carries a note: up to which place the topics have everything, and where they ended. Who
begins reads the last note, and what came behind it.

The client of Kafka blocks: all that waits here is done in a thread.
"""

import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

import attrs
import msgspec
import trio
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from adapters.relay.broker import BrokerError
from adapters.relay.letters import BEYOND, RELAYED, Letter, Place, place_of
from adapters.runtime.errors import CommandError

T = TypeVar("T")

NAME: Final = "verdict-topics"
"""Of the transactions, and of the group in which a relay reads back what it has sent."""
POSITIONS: Final = "verdict_positions"
TOPICS: Final = tuple(sorted(RELAYED))
JOURNAL_ID: Final = "journal_id"
EVENT_ID: Final = "event_id"
PARTITIONS: Final = 6
REPLICAS: Final = 3
"""Of topics that the relay makes; where there are fewer brokers, each has one."""
SECONDS: Final = 5.0
"""For one answer."""
TRANSACTION_MS: Final = 10_000
"""What a killed relay has begun holds up readers for so long, unless another begins earlier."""
NOWHERE: Final = Place(0, 0)
LOOK_BACK: Final = 8
"""Records, of which one is a note: others mark where transactions end."""


class Note(msgspec.Struct, frozen=True):
    """Everything up to a place is in the topics, before these ends of their partitions."""

    place: str
    ends: dict[str, list[int]]


@attrs.define(eq=False)
class Kafka:
    """The topics of one relay, over one producer."""

    _client: Mapping[str, str]
    _trouble: str = ""
    """What the client has said last of the brokers."""
    _failed: Exception | None = None
    _ends: dict[str, list[int]] = attrs.field(factory=dict)
    _there: set[str] = attrs.field(factory=set)
    """Events behind the last note, which need not be sent again."""
    _noted: Place = NOWHERE
    _producer: Producer = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._producer = self._made(
            Producer,
            {
                "transactional.id": NAME,
                "transaction.timeout.ms": TRANSACTION_MS,
                "acks": "all",
                "compression.type": "lz4",
                "linger.ms": 5,
            },
        )

    async def position(self, since: int) -> Place:
        return await self._in_thread(lambda: self._find_position(since))

    async def send(self, letters: Sequence[Letter], reached: Place) -> None:
        await self._in_thread(lambda: self._write(letters, reached))

    async def note(self, reached: Place) -> None:
        if reached > self._noted:
            await self._in_thread(lambda: self._write([], reached))

    async def close(self) -> None:
        await self._in_thread(self._producer.purge)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        try:
            return await trio.to_thread.run_sync(work)
        except KafkaException as trouble:
            self._producer.poll(0)  # it may have heard why
            said = self._trouble or trouble.args[0].str()
            raise BrokerError(said) from trouble

    def _heard(self, trouble: KafkaError) -> None:
        if trouble.code() != KafkaError._ALL_BROKERS_DOWN:
            self._trouble = trouble.str()

    def _made(self, kind: Callable[[dict[str, object]], T], settings: Mapping[str, object]) -> T:
        """A client of a kind; what it has to say comes by way of errors."""
        try:
            return kind({**self._client, **settings, "error_cb": self._heard, "log_level": 0})
        except KafkaException as trouble:
            raise CommandError(f"the settings for Kafka cannot be used: {trouble.args[0].str()}") from None

    # Where to go on.

    def _find_position(self, since: int) -> Place:
        self._producer.init_transactions(SECONDS)
        with self._reading() as consumer:
            note = self._last_note(consumer)
            self._make_topics(note)
            ends = self._present_ends(consumer)
            if note is None:
                self._begin(ends, Place(since, BEYOND))
            else:
                self._ends = compared(note, ends)
                self._noted = place_of(note.place)
                self._there = set(map(event_id, self._read(consumer, self._ends, ends)))
        return self._noted

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Consumer]:
        consumer = self._made(
            Consumer,
            {
                "group.id": NAME,
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 10,  # or the end of a partition is known after half a second
            },
        )
        try:
            yield consumer
        finally:
            consumer.close()

    def _last_note(self, consumer: Consumer) -> Note | None:
        if POSITIONS not in self._producer.list_topics(timeout=SECONDS).topics:
            return None
        low, high = consumer.get_watermark_offsets(TopicPartition(POSITIONS, 0), timeout=SECONDS)
        back = LOOK_BACK
        while high > low:
            start = max(low, high - back)
            notes = list(self._read(consumer, {POSITIONS: [start]}, {POSITIONS: [high]}))
            if notes:
                return msgspec.json.decode(notes[-1].value() or b"", type=Note)
            if start == low:
                break
            back *= LOOK_BACK
        return None

    def _make_topics(self, note: Note | None) -> None:
        """Those that are not there; one that has been there is missed."""
        metadata = self._producer.list_topics(timeout=SECONDS)
        missing = [name for name in (*TOPICS, POSITIONS) if name not in metadata.topics]
        for name in missing:
            if note is not None and any(note.ends.get(name, ())):
                raise gone(name)
        if not missing:
            return
        replicas = REPLICAS if len(metadata.brokers) >= REPLICAS else 1
        wanted = [NewTopic(name, PARTITIONS, replicas) for name in missing if name != POSITIONS]
        if POSITIONS in missing:
            wanted.append(NewTopic(POSITIONS, 1, replicas, config={"cleanup.policy": "compact"}))
        for made in AdminClient(dict(self._client)).create_topics(wanted).values():
            made.result(SECONDS)

    def _present_ends(self, consumer: Consumer) -> dict[str, list[int]]:
        topics = self._producer.list_topics(timeout=SECONDS).topics
        return {
            name: [
                consumer.get_watermark_offsets(TopicPartition(name, partition), timeout=SECONDS)[1]
                for partition in range(len(topics[name].partitions))
            ]
            for name in TOPICS
        }

    def _begin(self, ends: dict[str, list[int]], place: Place) -> None:
        """So that a relay that is killed before it has sent anything has begun all the same."""
        for name, all_of_it in ends.items():
            if any(all_of_it):
                raise CommandError(
                    f"the topic {name} has records, and no note in {POSITIONS} says where they come from: "
                    f"delete the topics ({', '.join((*TOPICS, POSITIONS))}), and begin anew with --from"
                )
        self._ends = ends
        self._write([], place)

    def _read(
        self, consumer: Consumer, starts: Mapping[str, Sequence[int]], ends: Mapping[str, Sequence[int]]
    ) -> Iterator[Message]:
        """All that is committed between two places of each partition."""
        left = {
            (name, partition): start
            for name, all_of_it in starts.items()
            for partition, start in enumerate(all_of_it)
            if start < ends[name][partition]
        }
        consumer.assign([TopicPartition(*where, start) for where, start in left.items()])
        while left:
            message = consumer.poll(SECONDS)
            if message is None:
                raise BrokerError(self._trouble or "it does not say what it has")
            trouble = message.error()
            if trouble is None:
                yield message
            elif trouble.code() == KafkaError._PARTITION_EOF:
                left.pop((str(message.topic()), int(message.partition() or 0)), None)
            else:
                raise KafkaException(trouble)

    # Sending.

    def _write(self, letters: Sequence[Letter], reached: Place) -> None:
        """The note goes behind the letters, when it is known where they end."""
        produce, there, delivered = self._producer.produce, self._there, self._delivered
        self._producer.begin_transaction()
        for letter in letters:
            if letter.event_id not in there:
                produce(
                    letter.topic,
                    letter.payload,
                    letter.market_id,
                    partition(letter.market_id, len(self._ends[letter.topic])),
                    delivered,
                    headers=[
                        (JOURNAL_ID, b"%d" % letter.place.journal_id),
                        (EVENT_ID, letter.event_id.encode()),
                    ],
                )
        if self._producer.flush(SECONDS):
            raise BrokerError(self._trouble or "it does not answer in time")
        if self._failed is not None:
            raise self._failed
        note = msgspec.json.encode(Note(str(reached), self._ends))
        produce(POSITIONS, note, NAME, 0)
        self._producer.commit_transaction(SECONDS)
        self._noted = reached

    def _delivered(self, trouble: KafkaError | None, message: Message) -> None:
        name, number, offset = message.topic(), message.partition(), message.offset()
        if trouble is not None:
            self._failed = BrokerError(trouble.str())
            return
        assert name is not None
        assert number is not None
        assert offset is not None
        ends = self._ends[name]
        if offset < ends[number]:
            self._failed = gone(name)
        ends[number] = offset + 1


@contextlib.asynccontextmanager
async def connected(client: Mapping[str, str]) -> AsyncIterator[Kafka]:
    """A producer with such settings, for as long as the body runs."""
    kafka = Kafka(client)
    try:
        yield kafka
    finally:
        with trio.CancelScope(shield=True):
            await kafka.close()


def compared(note: Note, present: Mapping[str, Sequence[int]]) -> dict[str, list[int]]:
    """Where the topics ended at a note; it is an error if they cannot be the same topics."""
    noted = {name: note.ends.get(name, [0] * len(ends)) for name, ends in present.items()}
    for name, ends in present.items():
        if len(ends) != len(noted[name]):
            raise CommandError(
                f"the topic {name} had {len(noted[name])} partitions and has {len(ends)}: the events of "
                "a market would not stay in order; delete all topics of the relay, and begin anew with --from"
            )
        if any(end < was for end, was in zip(ends, noted[name], strict=True)):
            raise gone(name)
    return noted


def gone(name: str) -> CommandError:
    return CommandError(
        f"the topic {name} was deleted: its readers have missed events; "
        "delete all topics of the relay, and begin anew with --from"
    )


def event_id(message: Message) -> str:
    """By which a reader knows an event again."""
    headers: Any = message.headers() or ()
    for name, value in headers:
        if name == EVENT_ID:
            return str(value, "ascii")
    raise CommandError(
        f"the topic {message.topic()} has records that no relay has sent: somebody else writes there"
    )


@functools.lru_cache(maxsize=65_536)
def partition(key: str, count: int) -> int:
    """Where Java's clients, and most others, put a key.

    It is found here and not by the client, which would go on with more partitions if there came to be more.
    """
    return (murmur2(key.encode()) & 0x7FFF_FFFF) % count


def murmur2(data: bytes) -> int:
    """The hash of that name, by Austin Appleby, in 32 bits."""
    mask, factor = 0xFFFF_FFFF, 0x5BD1_E995
    whole = len(data) & ~3
    found = 0x9747_B28C ^ len(data)
    for start in range(0, whole, 4):
        word = int.from_bytes(data[start : start + 4], "little") * factor & mask
        word = (word ^ word >> 24) * factor & mask
        found = found * factor & mask ^ word
    if rest := data[whole:]:
        found = (found ^ int.from_bytes(rest, "little")) * factor & mask
    found = (found ^ found >> 13) * factor & mask
    return found ^ found >> 15
