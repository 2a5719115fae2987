"""The messages of the command stream, in JSON or MessagePack: how frames are read, and what clients receive.

A frame is checked for its size before anything is decoded, and then read command by command: a well-formed
one is decoded at full speed, and only for a malformed one is it worked out what is wrong.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, Union, cast

import attrs
import msgspec
from msgspec import UNSET, UnsetType

from adapters.operations.operation import AnyOperation
from adapters.operations.table import STREAM_OPERATIONS
from adapters.sockets.websocket import BINARY, FRAME_MAX, TEXT, frame
from adapters.stream.bounds import (
    COMMANDS_MAX,
    DEPTH_MAX,
    MEMBERS_MAX,
    SPACE,
    UnreadableFrameError,
    check_json,
    check_msgpack,
    commands_in,
    is_map,
    too_many_commands,
)
from adapters.wire.decoding import read_members
from adapters.wire.scopes import Scope
from adapters.wire.status import AnyCode, Fault, RefusedError, malformed
from adapters.wire.stream_requests import CID_MAX, Message
from adapters.wire.topics import Payload, Topic

HEARTBEAT_MS: Final = 15_000

AnyMessage: Final[Any] = Union[*(row.message for row in STREAM_OPERATIONS.values())]


@attrs.frozen
class Unreadable:
    """A malformed command, and its refusal."""

    cid: int | None
    """None if it has no usable cid, and so cannot be answered."""
    operation: AnyOperation | None
    refusal: RefusedError
    market_id: str = ""


# What clients receive


class Result(msgspec.Struct, frozen=True, tag_field="t", tag="result", gc=False):
    cid: int
    ok: bool
    status: int
    code: int
    seq: int
    data: Any
    message: str | UnsetType = UNSET


class Part(msgspec.Struct, frozen=True, tag_field="t", tag="part", gc=False):
    """A part of a result too large for one message: parts come first, the result carries the rest."""

    cid: int
    seq: int
    data: Any


class Error(msgspec.Struct, frozen=True, tag_field="t", tag="error", gc=False):
    code: int
    message: str


class PrivateEvent(msgspec.Struct, frozen=True, tag_field="t", tag="event", gc=False):
    n: int
    seq: int
    topic: Topic
    data: Payload


class Limits(msgspec.Struct, frozen=True):
    max_in_flight: int
    max_batch: int = COMMANDS_MAX
    max_frame_bytes: int = FRAME_MAX
    heartbeat_ms: int = HEARTBEAT_MS


class Hello(msgspec.Struct, frozen=True, tag_field="t", tag="hello"):
    protocol: str
    user_id: str
    account_type: str
    seq: int
    server_time_ms: int
    limits: Limits
    scopes: tuple[Scope, ...] | None
    """Those of the API key; null for a token."""


class Heartbeat(msgspec.Struct, frozen=True, tag_field="t", tag="heartbeat"):
    seq: int
    timestamp_ms: int


ServerMessage = Result | Part | Error | PrivateEvent | Hello | Heartbeat


def refused(cid: int, seq: int, code: AnyCode, status: int, message: str, data: object = None) -> Result:
    return Result(cid, False, status, code, seq, data, message)


# The two kinds of frames


@attrs.frozen
class Encoding:
    """JSON or MessagePack."""

    protocol: str
    """The subprotocol that asks for it."""
    opcode: int
    encode: Callable[[Any], bytes]
    decode: Callable[[Any], Message]
    decode_any: Callable[[Any], Any]
    decode_raw: Callable[[bytes], msgspec.Raw]
    """Checks that the frame is complete, without decoding it."""
    decode_batch: Callable[[bytes], list[msgspec.Raw]]

    def write(self, messages: list[ServerMessage]) -> bytes:
        """Make a frame: of one message as it is, of several as an array."""
        return frame(self.opcode, self.encode(messages if len(messages) > 1 else messages[0]))


JSON: Final = Encoding(
    "pm.v1.json",
    TEXT,
    msgspec.json.Encoder().encode,
    msgspec.json.Decoder(AnyMessage).decode,
    msgspec.json.Decoder().decode,
    msgspec.json.Decoder(msgspec.Raw).decode,
    msgspec.json.Decoder(list[msgspec.Raw]).decode,
)
MSGPACK: Final = Encoding(
    "pm.v1.msgpack",
    BINARY,
    msgspec.msgpack.Encoder().encode,
    msgspec.msgpack.Decoder(AnyMessage).decode,
    msgspec.msgpack.Decoder().decode,
    msgspec.msgpack.Decoder(msgspec.Raw).decode,
    msgspec.msgpack.Decoder(list[msgspec.Raw]).decode,
)
decode_batch: Final[Callable[[bytes], list[Message]]] = msgspec.json.Decoder(list[AnyMessage]).decode
PROTOCOLS: Final = {encoding.protocol: encoding for encoding in (JSON, MSGPACK)}


def read_frame(received: str | bytes) -> Iterator[Message | Unreadable]:
    """Yield the commands of a frame; raise UnreadableFrameError if none of them may be carried out.

    That may show at the end only, so nothing may be carried out before everything is read.
    """
    if isinstance(received, str) and (messages := read_flat(received.encode())) is not None:
        yield from messages
        return
    encoding, values = split(received)
    for value in values:
        yield read_one(encoding, value)


def read_flat(data: bytes) -> list[Message] | None:
    """Well-formed commands with hardly anything nested in them; None for any other frame.

    Nearly every frame is one. That it holds no more than it may shows in its brackets and commas alone: each
    command opens one, so few are left to be nested, and there are no more members than commas and brackets.
    """
    opens = data.count(b"[") + data.count(b"{")
    if opens + data.count(b",") > MEMBERS_MAX:
        return None
    try:
        if data.startswith(b"{"):
            messages = [JSON.decode(data)]
        elif len(JSON.decode_batch(data)) <= COMMANDS_MAX:
            messages = decode_batch(data)
        else:
            return None
    except (ValueError, RecursionError):
        return None
    return messages if opens - len(messages) < DEPTH_MAX else None


def split(received: str | bytes) -> tuple[Encoding, list[msgspec.Raw]]:
    """Check how much a frame holds, and split it into commands that are not decoded yet."""
    if isinstance(received, str):
        encoding, data = JSON, received.encode()
        check_json(data)
        opening = data.lstrip(SPACE)[:1]
        is_batch, is_command = opening == b"[", opening == b"{"
    else:
        encoding, data = MSGPACK, received
        claimed = commands_in(data)
        if claimed is not None and claimed > COMMANDS_MAX:
            raise too_many_commands()
        is_batch, is_command = claimed is not None, is_map(data)
    if not is_batch and not is_command:
        raise UnreadableFrameError("Undecodable frame: neither a command nor a batch")
    try:
        values = encoding.decode_batch(data) if is_batch else [encoding.decode_raw(data)]
    except (ValueError, RecursionError) as trouble:
        raise undecodable(trouble) from None
    if len(values) > COMMANDS_MAX:
        raise too_many_commands()
    if encoding is MSGPACK:
        check_msgpack(data)
    return encoding, values


def read_one(encoding: Encoding, data: msgspec.Raw) -> Message | Unreadable:
    try:
        return encoding.decode(data)
    except (ValueError, RecursionError):
        try:
            value = encoding.decode_any(data)
        except (ValueError, RecursionError) as trouble:
            raise undecodable(trouble) from None
    return read_value(value)


def undecodable(trouble: Exception) -> UnreadableFrameError:
    return UnreadableFrameError(f"Undecodable frame: {trouble}")


def read_value(value: Any) -> Message | Unreadable:
    """Read a decoded command leniently, to find out what is wrong with it."""
    cid = value.get("cid") if isinstance(value, dict) else None
    if type(cid) is not int or not 0 <= cid <= CID_MAX:
        return Unreadable(
            None, None, RefusedError(Fault.BAD_CID, f"cid must be an integer from 0 to {CID_MAX}")
        )
    name = value.get("op")
    operation = STREAM_OPERATIONS.get(name) if isinstance(name, str) else None
    if operation is None:
        return Unreadable(
            cid, None, RefusedError(Fault.UNKNOWN_OP, f"Unknown op; known: {', '.join(STREAM_OPERATIONS)}")
        )
    if any(type(key) is not str for key in value):
        return Unreadable(cid, operation, malformed(("", "must have strings as keys")))
    try:
        assert operation.message is not None
        return cast(Message, read_members(operation.message, value))
    except RefusedError as refusal:
        return Unreadable(cid, operation, refusal)
