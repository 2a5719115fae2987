"""Batches, as callers send them: the bodies of single requests, each with the name of what it asks for.

In an atomic batch one malformed command makes the whole request malformed. In another each is right or wrong
by itself, so it is read command by command.
"""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from adapters.runtime.clock import Clock
from adapters.wire.decoding import members_of, read_body, read_members
from adapters.wire.requests import MarketId, PlaceBody, TimedBody
from adapters.wire.status import RefusedError, malformed
from adapters.wire.stream_requests import AmendNamed, CancelNamed, Cid
from kernel.commands import AtomicBatch, Batchable
from kernel.limits import BATCH_MAX


class Place(PlaceBody, frozen=True, kw_only=True, tag_field="op", tag="place"):
    """As `POST /orders`."""


class Cancel(CancelNamed, frozen=True, kw_only=True, tag_field="op", tag="cancel"):
    """By id, or by market and name."""


class Amend(AmendNamed, frozen=True, kw_only=True, tag_field="op", tag="amend"):
    """By id, or by market and name."""


BatchCommand = Place | Amend | Cancel
OPS: Final[dict[str, type[Place] | type[Amend] | type[Cancel]]] = {
    "place": Place,
    "amend": Amend,
    "cancel": Cancel,
}


class BatchBody(TimedBody, frozen=True, kw_only=True):
    commands: Annotated[list[BatchCommand], Meta(min_length=1, max_length=BATCH_MAX)]
    atomic: bool | None = None
    """All of it at one moment, or nothing; false (default): each by itself."""
    market_id: MarketId | None = None
    """The market of an atomic batch; otherwise ignored."""

    def __post_init__(self) -> None:
        if self.atomic and self.market_id is None:
            raise ValueError("market_id: is required with atomic")

    def to_command(self, user_id: str, clock: Clock) -> AtomicBatch:
        assert self.market_id is not None
        return AtomicBatch(
            at=clock.now(),
            user_id=user_id,
            market_id=self.market_id,
            commands=tuple(command_in(self, each, user_id, clock) for each in self.commands),
            valid_until=self.deadline,
        )


class Batch(BatchBody, frozen=True, kw_only=True, tag_field="op", tag="batch"):
    """Atomic; what is not needs no command of its own on a stream."""

    cid: Cid
    market_id: MarketId
    atomic: Literal[True]


class Several(msgspec.Struct, frozen=True):
    """A batch that is not atomic: what of it could be read, and what is wrong with the rest."""

    batch: TimedBody
    commands: list[BatchCommand | RefusedError]
    ops: list[Any]
    """What each says it is."""


def command_in(batch: TimedBody, each: BatchCommand, user_id: str, clock: Clock) -> Batchable:
    """The command to the kernel; the batch's deadline is that of each that has none of its own."""
    command = each.to_command(user_id, clock)
    return command if command.valid_until is not None else replace(command, valid_until=batch.deadline)


def read_batch(data: bytes) -> BatchBody | Several:
    """An atomic batch, which is right as a whole; or several commands, of which some may be wrong."""
    try:
        batch = read_body(BatchBody, data)
    except RefusedError:
        members = members_of(data or b"{}")
        if not isinstance(members, dict) or members.get("atomic") not in (None, False):
            raise
        sent = members.get("commands")
        if not isinstance(sent, list) or not 1 <= len(sent) <= BATCH_MAX:
            raise
        # What is wrong beside the commands makes the whole malformed.
        head = read_members(BatchHead, members)
        return Several(head, [read_one(each) for each in sent], [op_of(each) for each in sent])
    if batch.atomic:
        return batch
    return Several(batch, [*batch.commands], [op_of(msgspec.to_builtins(each)) for each in batch.commands])


class BatchHead(TimedBody, frozen=True, kw_only=True):
    atomic: bool | None = None
    market_id: MarketId | None = None


def op_of(members: Any) -> Any:
    return members.get("op") if isinstance(members, dict) else None


def read_one(members: Any) -> BatchCommand | RefusedError:
    if not isinstance(members, dict):
        return malformed(("", "must be an object"))
    op = members.get("op")
    kind = OPS.get(op) if isinstance(op, str) else None
    if kind is None:
        return malformed(("op", f"must be one of {', '.join(OPS)}"))
    try:
        read: BatchCommand = read_members(kind, members)
    except RefusedError as refusal:
        return refusal
    return read
