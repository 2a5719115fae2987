"""What every handler works with: the exchange behind its actors, the tables behind the projector, the doors.

It holds the two promises of reading: nothing is told before it is durable, and nothing that anybody was told
is missing from what is told after.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Protocol, TypeVar

import attrs
import trio

from adapters.access.identity import Identities, Users
from adapters.access.login_delays import LoginDelays
from adapters.access.passwords import Passwords
from adapters.access.rate_limits import RateLimits
from adapters.access.tokens import Tokens
from adapters.runtime.clock import Clock
from adapters.runtime.settings import Settings
from adapters.service.shared import Shared
from adapters.wire.status import RefusedError
from kernel.actors import Actors
from kernel.answers import Answer, Outcome, Refusal
from kernel.codes import Code
from kernel.commands import AnyCommand
from kernel.exchange import Exchange
from kernel.state import Order

A = TypeVar("A", bound=Answer)

READ_TIMEOUT: Final = 5.0
"""Seconds that a query waits for the journal or the tables to be where it needs them."""
DECISION_TIMEOUT: Final = 30.0
"""Seconds that a command waits for its outcome to be durable. It is decided all the same."""

Row = Mapping[str, Any]


class Projections(Protocol):
    """How far the tables are behind the journal."""

    @property
    def reached(self) -> int:
        """The newest journal id that the tables reflect."""

    @property
    def lag_events(self) -> int:
        """Durable events that the tables do not reflect."""

    @property
    def lag_seconds(self) -> float:
        """For how long the oldest of them has been durable."""

    async def until(self, journal_id: int, patience: float) -> bool:
        """Wait until the tables reflect it; False if they do not within `patience` seconds."""


class History(Protocol):
    """The past, out of the tables, newest first. A page is None if its place `before` names nothing."""

    async def newest(
        self,
        table: str,
        whose: Mapping[str, str],
        filters: Mapping[str, Any],
        *,
        before: int | None,
        before_time: int | None = None,
        limit: int,
    ) -> list[Row] | None:
        """Rows of a table whose columns have these values.

        A filter is a value, a list of possible values, or None for any. `before` is the number of a row;
        whoever gives its time, too, spares looking it up.
        """

    async def trades(
        self,
        user_id: str,
        *,
        market_id: str | None,
        scenario: str | None,
        include_audit: bool,
        before: int | None,
        limit: int,
    ) -> list[Row] | None: ...

    async def trades_since(
        self,
        user_id: str,
        *,
        market_id: str | None,
        scenario: str | None,
        include_audit: bool,
        since: int,
        limit: int,
    ) -> list[Row]:
        """Oldest first; `since` need not name a trade."""

    async def market_trades(self, market_id: str, *, before: int | None, limit: int) -> list[Row] | None: ...

    async def trades_of_order(self, order: Order) -> list[Row]:
        """Oldest first."""

    async def balances(self, accounts: Sequence[tuple[str, int, int]], ledger_id: int, at: int) -> list[Row]:
        """By account: what ledger and tables say it has, what its entries since an earlier one come to."""


class Session(Protocol):
    """One that lives."""

    @property
    def id(self) -> str: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def last_used_at(self) -> datetime: ...


class Sessions(Protocol):
    """What can be ended one by one: logins, and service tokens.

    A session that was last used before `oldest` has ended by itself.
    """

    async def begin(
        self, user_id: str, generation: int, refresh_hash: bytes, at: datetime, oldest: datetime
    ) -> str | None:
        """A new session's id; None if the user is of another generation meanwhile."""

    async def use(
        self, session_id: str, user_id: str, chain: Sequence[bytes], at: datetime, grace: timedelta
    ) -> datetime | None:
        """Use up a refresh token, whose hash begins the chain of those that follow; when that was.

        None if it does not refresh.
        """

    async def end(self, session_id: str, user_id: str, at: datetime) -> bool: ...

    async def live(self, user_id: str, oldest: datetime) -> Sequence[Session]:
        """Newest first."""

    async def end_token(
        self, token_hash: bytes, user_id: str, ends_at: datetime, expires_at: datetime, at: datetime
    ) -> bool:
        """Have a service token end before its time; False if too many have been lately."""


@attrs.frozen
class Server:
    """The parts of a running exchange."""

    settings: Settings
    clock: Clock
    actors: Actors
    _history: History
    projections: Projections
    users: Users
    sessions: Sessions
    tokens: Tokens
    identities: Identities
    passwords: Passwords
    login_delays: LoginDelays
    rate_limits: RateLimits
    check_record: Callable[[], Awaitable[dict[str, list[dict[str, Any]]]]]
    """What ledger, trades and journal violate by themselves, by invariant."""
    unavailable: tuple[type[Exception], ...]
    """What is raised when the database cannot be asked just now."""
    verifying: Shared[Any] = attrs.field(factory=Shared, init=False)
    """The audit on demand."""

    @property
    def exchange(self) -> Exchange:
        return self.actors.exchange

    async def decide(self, command: AnyCommand, request_id: str) -> Outcome:
        """The outcome of a command, durable; raises what it was refused with."""
        with trio.move_on_after(DECISION_TIMEOUT):
            (outcome,) = await self.actors.ask(command, correlation_id=request_id)
            if isinstance(outcome.answer, Refusal):
                raise refused(outcome.answer, outcome.seen)
            return outcome
        raise RefusedError(
            Code.OVERLOADED, "The journal does not answer; ask again to learn what became of this"
        )

    async def answer(self, command: AnyCommand, request_id: str, kind: type[A]) -> tuple[A, int]:
        """The kernel's answer, of the kind such a command has, and the journal id it reflects."""
        outcome = await self.decide(command, request_id)
        answer = outcome.answer
        assert isinstance(answer, kind), f"{command} was answered {answer}"
        return answer, outcome.seen

    async def wait_durable(self, head: int) -> int:
        """Wait until what was read from memory at `head` may be told; returns it."""
        if self.actors.durable < head:
            with trio.move_on_after(READ_TIMEOUT) as waiting:
                await self.actors.until_durable(head)
            if waiting.cancelled_caught:
                raise RefusedError(Code.OVERLOADED, "The journal does not answer; try again shortly")
        return head

    async def wait_projected(self, journal_id: int) -> None:
        """Wait until the tables reflect what was durable at `journal_id`."""
        if not await self.projections.until(journal_id, READ_TIMEOUT):
            raise RefusedError(Code.OVERLOADED, "The tables are behind the journal; try again shortly")

    async def history_as_of(self, journal_id: int) -> History:
        """The past up to there at least. There is no other way to it, so that nobody reads it too early."""
        await self.wait_projected(journal_id)
        return self._history


def refused(refusal: Refusal, seen: int) -> RefusedError:
    return RefusedError(refusal.code, refusal.message, refusal.data, journal_id=seen)
