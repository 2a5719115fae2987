"""What the kernel asks of a journal, and one that keeps it in memory.

The real journal is a database; the one here is a simulation tool, for property tests, benchmarks and the
market maker's laboratory. It keeps the same promises and passes the same tests, and it can be told to stall,
to fail, or to lose what was not yet durable.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

import attrs
import msgspec

from kernel.answers import Outcome
from kernel.commands import AnyCommand
from kernel.events import Fact, decode_event, encode_event


class Decided(msgspec.Struct, frozen=True, gc=False):
    """A command and what came of it: what the journal files, cause beside effect."""

    command: AnyCommand
    correlation_id: str
    outcome: Outcome


class JournalError(Exception):
    """The journal cannot go on: nothing more may be decided, and the process stops."""


class Journal(Protocol):
    """Remembers facts, in order, for ever."""

    async def append(self, decided: Sequence[Decided]) -> None:
        """Make all facts of these commands durable, or none; return when they are.

        Facts come numbered on from the last; anything else is a `JournalError`.
        """

    async def head(self) -> int:
        """The newest durable journal id, 0 if there is none."""

    def read(self, after: int = 0) -> AsyncIterator[Fact]:
        """Every durable fact with a higher id than `after`, in order."""


class Gate(Protocol):
    """Something to wait at; a `trio.Event` is one."""

    async def wait(self) -> None: ...


@attrs.define(eq=False)
class MemoryJournal:
    """A journal without a disk. What it holds is encoded and decoded like the real one's rows."""

    rows: list[tuple[int, int, str | None, bytes]] = attrs.field(factory=list)
    commands: dict[int, tuple[AnyCommand, str]] = attrs.field(factory=dict)
    """By the id of the first fact: the command it came of, and its correlation id."""
    stall: Gate | None = None
    """When set, commits wait here first."""
    failure: JournalError | None = None
    """When set, the next commit fails with it, before anything is durable."""

    async def append(self, decided: Sequence[Decided]) -> None:
        rows: list[tuple[int, int, str | None, bytes]] = []
        commands: dict[int, tuple[AnyCommand, str]] = {}
        expected = len(self.rows) + 1
        for one in decided:
            for fact in one.outcome.facts:
                if fact.id != expected:
                    raise JournalError(f"expected fact {expected}, got {fact.id}")
                expected += 1
                rows.append((fact.id, fact.at, fact.market_id, encode_event(fact.event)))
            if one.outcome.facts:
                commands[one.outcome.facts[0].id] = one.command, one.correlation_id
        if self.stall is not None:
            await self.stall.wait()
        if self.failure is not None:
            raise self.failure
        self.rows += rows
        self.commands |= commands

    async def head(self) -> int:
        return len(self.rows)

    async def read(self, after: int = 0) -> AsyncIterator[Fact]:
        for fact_id, at, market_id, payload in self.rows[after:]:
            yield Fact(fact_id, at, market_id, decode_event(payload))
