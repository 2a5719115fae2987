"""What everything around the decision needs of whoever decides, in this process or by another."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Protocol

from kernel.actors import Listener, Request
from kernel.answers import Outcome
from kernel.commands import AnyCommand
from kernel.events import Fact
from kernel.exchange import Exchange


class Past(Protocol):
    """The journal, to be read again."""

    def read(self, after: int = 0) -> AsyncIterator[Fact]:
        """Every durable fact with a higher id than `after`, in order."""


class Decider(Protocol):
    """Takes commands and answers when the answer is durable; `kernel.actors.Actors` is one."""

    @property
    def exchange(self) -> Exchange: ...
    @property
    def journal(self) -> Past: ...
    @property
    def durable(self) -> int:
        """The newest journal id that anybody may hear of."""

    @property
    def listeners(self) -> list[Listener]: ...

    async def ask(self, *commands: AnyCommand, correlation_id: str = "") -> list[Outcome]:
        """Have commands for one market decided back to back; return when the outcomes are durable."""

    def submit(self, commands: Sequence[AnyCommand], correlation_id: str = "") -> Request | None:
        """The same for whoever does not wait; None if too much waits already."""

    async def until_durable(self, journal_id: int) -> None:
        """Wait until what was read from memory, with this as the newest journal id, may be told."""

    def depths(self, of: Iterable[str | None] | None = None) -> Mapping[str | None, int]:
        """How many requests wait for each market, or for some of them."""

    def is_idle(self, market_id: str) -> bool:
        """Whether what the market decides next is certain to happen at the present time, or later."""

    def backlog_depth(self) -> int: ...

    def market_of(self, command: AnyCommand) -> str | None:
        """Which market decides a command: none if it names none that exists."""
