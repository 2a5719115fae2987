"""A copy of the exchange that stands where the actors stand, in a process that does not decide.

It takes what the journal says. What was asked for here it decides again, from the same state, with the same
program, at the same time: so it has the answer, and the facts must be those in the journal. What the others
asked for it only applies. Once its process leads, the actors decide, and this passes on to them.
"""

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Protocol

import attrs
import msgspec
import trio

from adapters.link.wire import Forwarded, Result
from adapters.service.decider import Decider, Past
from kernel.actors import TOLD_AT_ONCE, Listener, Request, market_in_the_past, overloaded, size_of
from kernel.answers import Forgotten, Outcome, Refusal, Unfinished
from kernel.codes import Code
from kernel.commands import AnyCommand, Tick
from kernel.events import Fact, encode_event
from kernel.exchange import Exchange
from kernel.journal import Decided

WINDOW: Final = 4_096
"""Requests that may be under way; what comes then is refused at once."""
OTHERS: Final = Tick(at=0, market_id="")
"""Stands for a command that was asked for elsewhere: here nobody waits for its answer."""
NOBODY_ASKS: Final = Forgotten(0)


class DivergedError(Exception):
    """This copy has decided otherwise than the journal says. The message is one line."""


class Row(Protocol):
    @property
    def id(self) -> int: ...
    @property
    def at(self) -> int: ...
    @property
    def payload(self) -> bytes: ...


class Passage(Protocol):
    """What one command left in the journal."""

    @property
    def correlation_id(self) -> str: ...
    @property
    def rows(self) -> Sequence[Row]: ...
    def command(self) -> AnyCommand: ...
    def facts(self) -> list[Fact]: ...


@attrs.define(eq=False)
class Pending:
    """A request that has no answer yet."""

    n: int
    name: str
    """Its correlation id, unless an earlier one has the same: then one of its own."""
    request: Request

    @property
    def rest(self) -> list[AnyCommand]:
        """The commands that have no outcome."""
        return list(self.request.commands[len(self.request.outcomes) :])


class Node:
    """The exchange, as this process knows it."""

    def __init__(self, exchange: Exchange, journal: Past) -> None:
        self.exchange = exchange
        self.journal = journal
        self.listeners: list[Listener] = []
        self.forward: Callable[[Forwarded], None] | None = None
        """Sends a request to who leads; nothing while nobody does."""
        self.takes_more = True
        """False when nobody has led for so long that waiting makes no sense."""
        exchange.parted = {}  # somebody tells of orders that are let go
        self._durable = exchange.head
        self._leading: Decider | None = None
        self._numbers = itertools.count(1)
        self._pending: dict[int, Pending] = {}
        self._names: dict[str, Pending] = {}
        self._moved = trio.Event()

    # As the actors

    @property
    def durable(self) -> int:
        return self._leading.durable if self._leading is not None else self._durable

    @property
    def under_way(self) -> int:
        return len(self._pending)

    async def ask(self, *commands: AnyCommand, correlation_id: str = "") -> list[Outcome]:
        request = self.submit(commands, correlation_id)
        if request is None:
            return [overloaded(self.durable)] * len(commands)
        await request.durable.wait()
        return request.outcomes

    def submit(self, commands: Sequence[AnyCommand], correlation_id: str = "") -> Request | None:
        if self._leading is not None:
            return self._leading.submit(commands, correlation_id)
        if len(self._pending) >= WINDOW or not self.takes_more:
            return None
        n = next(self._numbers)
        name = correlation_id if correlation_id not in self._names else f"{correlation_id}.{n}"
        pending = Pending(n, name, Request(commands, correlation_id, None))
        self._pending[n] = self._names[name] = pending
        if self.forward is not None:
            self.forward(Forwarded(n, name, list(commands)))
        return pending.request

    async def until_durable(self, journal_id: int) -> None:
        while self.durable < journal_id:
            if self._leading is not None:
                return await self._leading.until_durable(journal_id)
            await self._moved.wait()
        return None

    def depths(self, of: Iterable[str | None] | None = None) -> Mapping[str | None, int]:
        if self._leading is not None:
            return self._leading.depths(of)
        return dict.fromkeys((None, *self.exchange.markets) if of is None else of, 0)

    def is_idle(self, market_id: str) -> bool:
        return self._leading is not None and self._leading.is_idle(market_id)

    def backlog_depth(self) -> int:
        return self._leading.backlog_depth() if self._leading is not None else 0

    def market_of(self, command: AnyCommand) -> str | None:
        order_id = command.acts_on
        if order_id is not None:
            market = self.exchange.market_acted_on(order_id)
            return market.id if market is not None else market_in_the_past(command, order_id)
        return command.market_id if command.market_id in self.exchange.markets else None

    # What the journal says

    def take(self, passages: Sequence[Passage], results: Iterable[Result]) -> list["Telling"]:
        """Go on by a transaction, and by the results of what was asked for here, in the order of decision."""
        telling = Tellings(self.exchange)
        waiting = deque(results)
        for passage in passages:
            self._decide_what_left_nothing(waiting, telling)
            if waiting and waiting[0].seen - waiting[0].facts == self.exchange.head:
                self._decide(waiting.popleft(), passage.rows, telling)
            else:
                telling.add(self._apply(passage))
        self._decide_what_left_nothing(waiting, telling)
        if waiting:
            raise DivergedError(f"a result speaks of row {waiting[0].seen}, which has not come")
        return telling.done()

    def take_missed(self, passages: Sequence[Passage]) -> list["Telling"]:
        """Go on by what was read from the journal: some of it may have been asked for here."""
        telling = Tellings(self.exchange)
        for name, some in itertools.groupby(passages, key=lambda passage: passage.correlation_id):
            pending = self._names.get(name)
            if pending is None:
                for passage in some:
                    telling.add(self._apply(passage))
            else:
                self._decide_again(pending, deque(some), telling)
        return telling.done()

    def tell(self, telling: "Telling") -> None:
        """First all listeners, then those who wait."""
        self._durable = telling.seen
        for listen in self.listeners:
            listen(telling.decided)
        parted = self.exchange.parted
        while parted and parted[next(iter(parted))][0] <= self._durable:
            del parted[next(iter(parted))]
        for request in telling.answered:
            request.durable.set()
        self._moved.set()
        self._moved = trio.Event()

    def refuse(self, n: int) -> None:
        """Too much waits where it would have been decided."""
        pending = self._pending.get(n)
        if pending is not None:
            self.tell(self._answered_with(pending, overloaded(self._durable)))

    def unanswered(self) -> list[Forwarded]:
        """What has to be sent again, once everything that happened is known."""
        return [Forwarded(one.n, one.name, one.rest) for one in self._pending.values()]

    def lead(self, actors: Decider, nursery: trio.Nursery, now: Callable[[], int]) -> None:
        """From now on the actors of this process decide, first of all what is under way."""
        self._leading = actors
        for pending in self._pending.values():
            commands = [msgspec.structs.replace(command, at=now()) for command in pending.rest]
            request = actors.submit(commands, pending.request.correlation_id)
            if request is None:
                self.tell(self._answered_with(pending, overloaded(self.durable), forget=False))
            else:
                nursery.start_soon(hand_on, request, pending.request)
        self._pending.clear()
        self._names.clear()
        self._moved.set()

    def _decide_what_left_nothing(self, waiting: deque[Result], telling: "Tellings") -> None:
        while waiting and not waiting[0].facts and waiting[0].seen == self.exchange.head:
            self._decide(waiting.popleft(), (), telling)

    def _apply(self, passage: Passage) -> Decided:
        facts = passage.facts()
        for fact in facts:
            self.exchange.apply(fact)
        return Decided(OTHERS, "", Outcome(NOBODY_ASKS, facts, self.exchange.head))

    def _decide(self, result: Result, rows: Sequence[Row], telling: "Tellings") -> None:
        pending = self._pending.get(result.n)
        if pending is None:
            raise DivergedError(f"result {result.n} is of nothing that was asked for")
        own = pending.request.commands[len(pending.request.outcomes)]
        command = result.command or msgspec.structs.replace(own, at=result.at)
        outcome = self.exchange.execute(command)
        check_same(outcome.facts, rows)
        self._answer(pending, command, outcome, telling)

    def _decide_again(self, pending: Pending, passages: deque[Passage], telling: "Tellings") -> None:
        """Nobody told the results. Its commands were decided back to back, and these are their facts."""
        at = passages[0].command().at
        for own in pending.rest:
            command = msgspec.structs.replace(own, at=at)
            outcome = self.exchange.execute(command)
            check_same(outcome.facts, passages.popleft().rows if outcome.facts and passages else ())
            if isinstance(outcome.answer, Unfinished):
                # One portion of what was too much for a step: what came of it, the next request may show.
                telling.add(Decided(OTHERS, "", outcome))
                telling.join(self._answered_with(pending, unknown(self.exchange.head)))
                break
            self._answer(pending, command, outcome, telling)
        for passage in passages:
            telling.add(self._apply(passage))

    def _answer(self, pending: Pending, command: AnyCommand, outcome: Outcome, telling: "Tellings") -> None:
        request = pending.request
        request.outcomes.append(outcome)
        if not pending.rest:
            self._forget(pending)
            telling.answer(request)
        telling.add(Decided(command, request.correlation_id, outcome))

    def _answered_with(self, pending: Pending, outcome: Outcome, *, forget: bool = True) -> "Telling":
        request = pending.request
        if forget:
            self._forget(pending)
        rest = pending.rest
        request.outcomes += [outcome] * len(rest)
        decided = [Decided(command, request.correlation_id, outcome) for command in rest]
        return Telling(decided, [request], outcome.seen)

    def _forget(self, pending: Pending) -> None:
        del self._pending[pending.n], self._names[pending.name]


@attrs.frozen
class Telling:
    """What listeners hear of in one step, and who is answered then."""

    decided: list[Decided]
    answered: list[Request]
    seen: int


@attrs.define(eq=False)
class Tellings:
    """Divides what there is to tell into steps."""

    exchange: Exchange
    _done: list[Telling] = attrs.field(factory=list, init=False)
    _decided: list[Decided] = attrs.field(factory=list, init=False)
    _answered: list[Request] = attrs.field(factory=list, init=False)
    _size: int = attrs.field(default=0, init=False)

    def add(self, one: Decided) -> None:
        self._decided.append(one)
        self._size += size_of([one])
        if self._size >= TOLD_AT_ONCE:
            self._cut()

    def answer(self, request: Request) -> None:
        """With the step that tells of what is added next."""
        self._answered.append(request)

    def join(self, telling: Telling) -> None:
        self._decided += telling.decided
        self._answered += telling.answered

    def done(self) -> list[Telling]:
        if self._decided or self._answered:
            self._cut()
        return self._done

    def _cut(self) -> None:
        self._done.append(Telling(self._decided, self._answered, self.exchange.head))
        self._decided, self._answered, self._size = [], [], 0


async def hand_on(decided: Request, asked: Request) -> None:
    """Answer the one who asked before this process led."""
    await decided.durable.wait()
    asked.outcomes += decided.outcomes
    asked.durable.set()


def check_same(facts: Sequence[Fact], rows: Sequence[Row]) -> None:
    mine = [(fact.id, fact.at, encode_event(fact.event)) for fact in facts]
    if mine != [(row.id, row.at, bytes(row.payload)) for row in rows]:
        raise DivergedError(
            f"row {rows[0].id if rows else facts[0].id} of the journal is not what this process decides: "
            "start all processes from the same program"
        )


def unknown(seen: int) -> Outcome:
    message = "Who decided this is gone; ask again to learn what became of it"
    return Outcome(Refusal(Code.OVERLOADED, message), [], seen)
