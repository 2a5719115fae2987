"""The messages of the command stream as they are on the wire: what is the connection's, not a market's."""

from typing import TypeAlias

import msgspec

from amm.brain.wire import EventMessage, SyncedPart


class Result(msgspec.Struct, frozen=True, tag_field="t", tag="result"):
    cid: int
    ok: bool
    code: int
    seq: int
    data: msgspec.Raw = msgspec.Raw(b"null")
    message: str = ""


class Part(msgspec.Struct, frozen=True, tag_field="t", tag="part"):
    """A part of the result of a large `sync`; parts come ahead of the result."""

    cid: int
    data: SyncedPart


class PrivateEvent(EventMessage, frozen=True, tag_field="t", tag="event"):
    pass


class StreamLimits(msgspec.Struct, frozen=True):
    max_in_flight: int


class Hello(msgspec.Struct, frozen=True, tag_field="t", tag="hello"):
    seq: int
    limits: StreamLimits


class Heartbeat(msgspec.Struct, frozen=True, tag_field="t", tag="heartbeat"):
    seq: int


class Problem(msgspec.Struct, frozen=True, tag_field="t", tag="error"):
    code: int
    message: str


Message: TypeAlias = Result | Part | PrivateEvent | Hello | Heartbeat | Problem
decode = msgspec.json.Decoder(Message | list[Message]).decode
encode = msgspec.json.Encoder().encode


class From(msgspec.Struct, frozen=True):
    """The answer to a subscription."""

    from_: int = msgspec.field(name="from")
