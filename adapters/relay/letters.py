"""What is sent to a broker: each event of the topics once, with its place in the journal."""

from typing import Final, NamedTuple

import msgspec

from adapters.wire.topics import Topic, topic_events
from kernel.events import Fact
from kernel.exchange import Exchange

RELAYED: Final = frozenset(Topic) - {Topic.MAKING_WORK}
"""What workers of the exchange are told is a hint, and says nothing later."""

_encode: Final = msgspec.json.Encoder().encode


class Place(NamedTuple):
    """The journal's row that an event comes from, and its number among the events of that row."""

    journal_id: int
    number: int

    def __str__(self) -> str:
        return f"{self.journal_id}.{self.number}"


BEYOND: Final = 1 << 30
"""Behind all events of a row."""


class Letter(NamedTuple):
    place: Place
    event_id: str
    topic: Topic
    market_id: str
    """Within a topic the events of a market are in the order of the journal."""
    payload: bytes


def letters(fact: Fact, exchange: Exchange) -> list[Letter]:
    """The events of one fact, in the state that it has just brought about."""
    return [
        Letter(
            Place(fact.id, number),
            event.payload.event_id,
            event.topic,
            event.payload.market_id,
            _encode(event.payload),
        )
        for number, event in enumerate(topic_events(fact, exchange.orders))
        if event.topic in RELAYED
    ]


def place_of(text: str) -> Place:
    journal_id, _, number = text.partition(".")
    return Place(int(journal_id), int(number))
