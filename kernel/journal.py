"""What the kernel asks of a journal, and one that keeps it in memory.

The real journal is a database; the one here is a simulation tool, for property tests, benchmarks and the
market maker's laboratory. It keeps the same promises and passes the same tests, and it can be told to stall,
to fail, or to lose what was not yet durable.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

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


class Page(msgspec.Struct, frozen=True, gc=False):
    """Decided commands, written down as a journal will file them. Only that journal reads the content."""

    first: int
    """The id of its first fact; 0 if it has none."""
    facts: int
    commands: int
    """How many of them left a fact."""
    content: Any


class JournalError(Exception):
    """The journal cannot go on: nothing more may be decided, and the process stops."""


class Journal(Protocol):
    """Remembers facts, in order, for ever."""

    def pack(self, decided: Sequence[Decided]) -> Page:
        """Write facts down as they will be filed: cheapest at once, while they are still in the cache.

        Facts come numbered on from each other; anything else is a `JournalError`.
        """

    async def append(self, pages: Sequence[Page]) -> None:
        """Make all facts of these pages durable, or none; return when they are.

        Pages, too, come numbered on from the last.
        """

    async def head(self) -> int:
        """The newest durable journal id, 0 if there is none."""

    def read(self, after: int = 0) -> AsyncIterator[Fact]:
        """Every durable fact with a higher id than `after`, in order."""


def check_order(pages: Sequence[Page], head: int) -> None:
    """Each page must begin where the one before ended, the first behind `head`."""
    for page in pages:
        if page.facts and page.first != head + 1:
            raise JournalError(f"expected fact {head + 1}, got {page.first}")
        head += page.facts


class Gate(Protocol):
    """Something to wait at; a `trio.Event` is one."""

    async def wait(self) -> None: ...


MemoryRow = tuple[int, int, str | None, bytes]


@attrs.define(eq=False)
class MemoryJournal:
    """A journal without a disk. What it holds is encoded and decoded like the real one's rows."""

    rows: list[MemoryRow] = attrs.field(factory=list)
    commands: dict[int, tuple[AnyCommand, str]] = attrs.field(factory=dict)
    """By the id of the first fact: the command it came of, and its correlation id."""
    stall: Gate | None = None
    """When set, commits wait here first."""
    failure: JournalError | None = None
    """When set, the next commit fails with it, before anything is durable."""

    def pack(self, decided: Sequence[Decided]) -> Page:
        rows: list[MemoryRow] = []
        commands: dict[int, tuple[AnyCommand, str]] = {}
        for one in decided:
            for fact in one.outcome.facts:
                if rows and fact.id != rows[-1][0] + 1:
                    raise JournalError(f"expected fact {rows[-1][0] + 1}, got {fact.id}")
                rows.append((fact.id, fact.at, fact.market_id, encode_event(fact.event)))
            if one.outcome.facts:
                commands[one.outcome.facts[0].id] = one.command, one.correlation_id
        return Page(rows[0][0] if rows else 0, len(rows), len(commands), (rows, commands))

    async def append(self, pages: Sequence[Page]) -> None:
        check_order(pages, len(self.rows))
        if self.stall is not None:
            await self.stall.wait()
        if self.failure is not None:
            raise self.failure
        for page in pages:
            rows, commands = page.content
            self.rows += rows
            self.commands |= commands

    async def head(self) -> int:
        return len(self.rows)

    async def read(self, after: int = 0) -> AsyncIterator[Fact]:
        for fact_id, at, market_id, payload in self.rows[after:]:
            yield Fact(fact_id, at, market_id, decode_event(payload))
