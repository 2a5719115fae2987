"""The parts of a running exchange that handlers work with, and the two promises about reading.

Nobody is told anything before it is durable. And whoever has been told something finds it in every later
answer, whether that is read from memory or from the tables.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final, Protocol, TypeVar
from uuid import UUID

import attrs
import trio
from msgspec.structs import replace

from adapters.access.identity import Identities
from adapters.access.login_delays import LoginDelays
from adapters.access.passwords import Passwords
from adapters.access.rate_limits import RateLimits
from adapters.access.tables import ApiKeys, Users
from adapters.access.tokens import Tokens
from adapters.runtime.clock import Clock
from adapters.runtime.settings import Settings
from adapters.service.decider import Decider
from adapters.service.going import Going
from adapters.service.shared import Shared
from adapters.service.tickers import Tickers
from adapters.wire.status import RefusedError
from kernel.answers import Answer, AskThePast, Outcome, Refusal
from kernel.codes import Code, KeyKind
from kernel.commands import AnyCommand, RecallingCommand
from kernel.exchange import Exchange
from kernel.forgetting import may_be_past, past_of, past_of_key
from kernel.market import Account, Market, Order, Position
from kernel.order_image import restored_order, restored_position
from kernel.past import KeyUse, OrderImage, Past, PastPosition

A = TypeVar("A", bound=Answer)

READ_TIMEOUT: Final = 5.0
"""Seconds that a query waits for the journal or the tables to catch up."""
DECISION_TIMEOUT: Final = 30.0
"""Seconds that a caller waits for an outcome to be durable. The command is decided in any case."""

Row = Mapping[str, Any]


class CheckAge(Protocol):
    async def __call__(self, seen: str | None, *, is_read: bool) -> None:
        """Wait until the state is new enough; raise RefusedError if that takes too long."""


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
        """How long ago the oldest of them became durable."""

    async def until(self, journal_id: int, patience: float) -> bool:
        """Wait until the tables reflect it; False if they do not within `patience` seconds."""


class History(Protocol):
    """The past, read from the tables, newest first. Lists are None if `before` names no row."""

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

    async def complete_since(self) -> datetime | None:
        """From when on trades and ledger entries are all there; None if none ever left."""

    async def market_trades(self, market_id: str, *, before: int | None, limit: int) -> list[Row] | None: ...

    async def market_activity(
        self, market_id: str, *, before: int | None, last: int, limit: int
    ) -> list[Row] | None:
        """Changes of its status and mode up to journal id `last`."""

    async def candles(self, market_id: str, interval: str, start: int, end: int) -> list[Row]:
        """Those that begin in [start, end), and the newest of those before; oldest first."""

    async def portfolio_days(self, user_id: str, before: date, limit: int) -> list[Row]:
        """What somebody had at the end of each day before that one, newest first."""

    async def past_orders(
        self, user_id: str, names: Sequence[str], order_ids: Sequence[str]
    ) -> list[OrderImage]:
        """Those with these ids, and those with these names of the user's."""

    async def key_use(self, kind: KeyKind, key: str) -> KeyUse | None:
        """What a key did that memory has let go of."""

    async def past_positions(self, user_id: str, until: int, without: Sequence[str]) -> list[PastPosition]:
        """The account's positions that last changed up to this time, but for those in some markets."""

    async def trades_of_order(self, order: Order) -> tuple[int, list[Row]]:
        """Oldest first; ahead of them, how many shares were in trades that have left the tables."""

    async def trail(self, order_id: str, after_seq: int, limit: int) -> list[Row]:
        """What became of a market-making order, oldest first."""

    async def executions(self, order_id: str, before: int | None, limit: int) -> list[Row]:
        """How the cycles of a market-making order ended, newest first."""

    async def order_number(self, order_id: UUID, user_id: str) -> int | None:
        """The place of an order among all; None if the account has none with this id."""

    async def balances(self, accounts: Sequence[tuple[str, int, int]], ledger_id: int, at: int) -> list[Row]:
        """By account: its last ledger entry, its row, and the sum of its entries after an earlier one."""


class Session(Protocol):
    """A login session that has not ended."""

    @property
    def id(self) -> str: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def last_used_at(self) -> datetime: ...


class Sessions(Protocol):
    """Login sessions and service tokens, which can be ended one by one.

    A session that was last used before `oldest` has expired.
    """

    async def begin(
        self, user_id: str, generation: int, refresh_hash: bytes, at: datetime, oldest: datetime
    ) -> str | None:
        """Start a session and return its id; None if the user's token generation has changed meanwhile."""

    async def begin_with_password(
        self,
        user_id: str,
        generation: int,
        password_hash: str,
        refresh_hash: bytes,
        at: datetime,
        oldest: datetime,
        *,
        revoke_keys: bool,
    ) -> tuple[str, int] | None:
        """Change the user's password, end every session and start one; its id and the new token generation.

        None as in `begin`.
        """

    async def end_all(self, user_id: str, generation: int, at: datetime, *, revoke_keys: bool) -> int | None:
        """End every session of the user; how many API keys were revoked, or None as in `begin`."""

    async def use(
        self, session_id: str, user_id: str, chain: Sequence[bytes], at: datetime, grace: timedelta
    ) -> datetime | None:
        """Use a refresh token, and return when it was first used; None if it is not accepted.

        `chain` begins with its hash; the hashes of its successors follow.
        """

    async def end(self, session_id: str, user_id: str, at: datetime) -> bool: ...

    async def live(self, user_id: str, oldest: datetime) -> Sequence[Session]:
        """Newest first."""

    async def end_token(
        self, token_hash: bytes, user_id: str, ends_at: datetime, expires_at: datetime, at: datetime
    ) -> bool:
        """End a service token early; False if too many were ended lately."""


@attrs.frozen
class Server:
    """The parts of a running exchange."""

    settings: Settings
    clock: Clock
    actors: Decider
    _history: History
    projections: Projections
    users: Users
    sessions: Sessions
    api_keys: ApiKeys
    tokens: Tokens
    identities: Identities
    passwords: Passwords
    login_delays: LoginDelays
    rate_limits: RateLimits
    check_record: Callable[[], Awaitable[dict[str, list[dict[str, Any]]]]]
    """Violations found in ledger, trades and journal, by invariant."""
    unavailable: tuple[type[Exception], ...]
    """The exceptions raised while the database cannot be reached."""
    version: str
    connections: Callable[[], Mapping[str, int]]
    """How many are open, by kind: http, feeds, streams."""
    check_age: CheckAge | None = None
    """Called before a request is served, with the journal id that its caller has seen."""
    tickers: Tickers = attrs.field(factory=Tickers)
    """Begun, and told of what becomes durable, by whoever runs the exchange."""
    going: Going = attrs.field(init=False)
    verifying: Shared[Any] = attrs.field(factory=Shared, init=False)
    """Audits on demand; callers who wait at the same time share one."""

    @going.default
    def _all_that_go_on(self) -> Going:
        return Going(self.exchange)

    @property
    def exchange(self) -> Exchange:
        return self.actors.exchange

    @property
    def undurable_events(self) -> int:
        """How many events are decided and on their way to the disk. More of them nobody may tell."""
        return self.exchange.head - self.actors.durable

    async def decide(self, command: AnyCommand, request_id: str) -> Outcome:
        """Have a command decided and return the durable outcome; raise RefusedError if it was refused."""
        with trio.move_on_after(DECISION_TIMEOUT):
            (outcome,) = await self.actors.ask(command, correlation_id=request_id)
            outcome = await self.settled(command, outcome, request_id)
            if isinstance(outcome.answer, Refusal):
                raise refused(outcome.answer, outcome.seen)
            return outcome
        raise no_answer()

    async def settled(self, command: AnyCommand, outcome: Outcome, request_id: str) -> Outcome:
        """The outcome itself, unless the past has to be asked first: then the one with what it said.

        Every command whose sender waits for an answer passes here. Raises RefusedError if the tables do not
        answer in time.
        """
        while isinstance(asked := outcome.answer, AskThePast):
            assert isinstance(command, RecallingCommand)
            # As of the question, and not of now: so what a key did was either gone by then, or is here yet.
            history = await self.history_as_of(outcome.seen)
            past = await look_up(history, asked, outcome.seen)
            again = replace(command, at=self.clock.now(), past=past)
            (outcome,) = await self.actors.ask(again, correlation_id=request_id)
        return outcome

    async def order(self, order_id: str) -> Order | None:
        """The order of this id, wherever it is: in memory, or in the past that every order has some day."""
        exchange = self.exchange
        order = exchange.orders.get(order_id)
        if order is not None or not exchange.forgotten.count:
            return order
        history = await self.history_as_of(self.actors.durable)
        return self.restored(await history.past_orders("", (), (order_id,)))

    async def order_named(self, account: Account, client_order_id: str) -> Order | None:
        """The same by the name that an account gave it."""
        order = account.orders.get(client_order_id)
        if order is not None or not may_be_past(self.exchange, account, client_order_id):
            return order
        history = await self.history_as_of(self.actors.durable)
        return self.restored(await history.past_orders(account.id, (client_order_id,), ()))

    async def past_positions(self, account: Account) -> list[Position]:
        """What an account had in markets that are over, as far as memory has let go of it."""
        exchange = self.exchange
        if not account.past_positions:
            return []
        here, now = list(account.positions), exchange.now
        history = await self.history_as_of(await self.wait_durable(exchange.head))
        return [
            restored_position(exchange, account, past)
            for past in await history.past_positions(account.id, now, here)
            if is_over(exchange.markets[past.market_id], now)
        ]

    def restored(self, found: Sequence[OrderImage]) -> Order | None:
        """An order as it was when memory let go of it. What left with its fence is not found by its name."""
        orders = [restored_order(self.exchange, image) for image in found]
        return orders[0] if orders and orders[0].account.leash is None else None

    async def answer(self, command: AnyCommand, request_id: str, kind: type[A]) -> tuple[A, int]:
        """Have a command decided; return its answer, a `kind`, and the journal id that it reflects."""
        outcome = await self.decide(command, request_id)
        answer = outcome.answer
        assert isinstance(answer, kind), f"{command} was answered {answer}"
        return answer, outcome.seen

    async def wait_durable(self, head: int) -> int:
        """Wait until `head` is durable, so that what was read from memory may be told; return `head`."""
        if self.actors.durable < head:
            with trio.move_on_after(READ_TIMEOUT) as waiting:
                await self.actors.until_durable(head)
            if waiting.cancelled_caught:
                raise RefusedError(Code.OVERLOADED, "The journal does not answer; try again shortly")
        return head

    async def wait_projected(self, journal_id: int) -> None:
        """Wait until the tables reflect the journal up to `journal_id`."""
        if not await self.projections.until(journal_id, READ_TIMEOUT):
            raise RefusedError(Code.OVERLOADED, "The tables are behind the journal; try again shortly")

    def earliest_news(self, market: Market) -> int:
        """What the market will yet decide happens at this moment or later.

        A command has the time at which it entered the inbox. While one waits there, or is under way, only
        what was decided already bounds its time.
        """
        if self.actors.is_idle(market.id) and market.closing is None:
            return max(self.clock.now(), self.exchange.now)
        return self.exchange.now

    async def history_as_of(self, journal_id: int) -> History:
        """The tables, once they reflect the journal up to `journal_id`: the one way to read them."""
        await self.wait_projected(journal_id)
        return self._history


def is_over(market: Market, at: int) -> bool:
    """Whether it was by then. What somebody began to hold in another meanwhile is no past."""
    return market.settled_at is not None and market.settled_at <= at


async def look_up(history: History, asked: AskThePast, as_of: int) -> Past:
    """What the tables know of that which a command names, as of a journal id that they reflect."""
    if asked.key is not None:
        return past_of_key(asked.key[1], as_of, await history.key_use(*asked.key))
    return past_of(asked, as_of, await history.past_orders(asked.user_id, asked.names, asked.order_ids))


def no_answer() -> RefusedError:
    """The refusal of a request whose outcome is not known to be durable after `DECISION_TIMEOUT`."""
    return RefusedError(
        Code.OVERLOADED, "The journal does not answer; ask again to learn what became of this"
    )


def refused(refusal: Refusal, seen: int) -> RefusedError:
    return RefusedError(refusal.code, refusal.message, refusal.data, journal_id=seen)
