"""The actors: who decides when. The one file of the kernel that knows about concurrency.

Each market is a task that owns its inbox, and one more task serves what belongs to no market. All run on one
thread and no await falls within a decision, so a decision is atomic and may touch accounts that other markets
touch too: that is the lock. Outcomes go on to one writer, which makes them durable in groups (what gathers
while one commit is in flight is the next one) and only then lets anybody hear of them.

Every queue is bounded. When the journal is slow its backlog fills, actors wait, inboxes fill, and callers
are refused at once: that is the only behaviour under overload.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, TypeVar

import attrs
import trio

from kernel.answers import Outcome, Refusal
from kernel.codes import Code
from kernel.commands import AnyCommand, CloseMarket, Tick
from kernel.exchange import Exchange
from kernel.journal import Decided, Journal, Page

INBOX: Final = 1024
"""Requests that may wait for one market: some 20 ms of work when each carries one command."""
SHARE: Final = INBOX // 4
"""Of these, so many of one principal: whoever asks without end is refused while others are served."""
TURN: Final = 512
"""Commands and facts after which an actor hands over what it has and lets others run: some 5 ms."""
TOLD_AT_ONCE: Final = 512
"""Commands and facts that all listeners hear of in one step, and the command that is one too many: some
milliseconds with a few of them."""
BACKLOG: Final = 16
"""Handed-over turns that may wait for the writer: with full turns, a tenth of a second of work."""

Item = TypeVar("Item")
Listener = Callable[[Sequence[Decided]], None]


class DecisionError(Exception):
    """A decision met the impossible. The process stops; the journal is right, and a restart replays it."""


@attrs.define(eq=False)
class Request:
    """Commands for one market, to be decided back to back, and their outcomes for whoever waits."""

    commands: Sequence[AnyCommand]
    correlation_id: str
    by: str | None
    """Whose share of the inbox it takes."""
    is_portion: bool = False
    """It is one portion of a command that is too large for one step."""
    closes: bool = False
    """One of its commands closes a market in portions. Other requests are served in between; this one is
    answered with the last portion."""
    then: AnyCommand | None = None
    """The next portion of a command that is too large for one step. The commands behind it wait for its last
    portion, and so does every other request to this market."""
    outcomes: list[Outcome] = attrs.field(factory=list)
    durable: trio.Event = attrs.field(factory=trio.Event)


@attrs.define(eq=False)
class Inbox:
    """What waits for one market."""

    requests: trio.MemorySendChannel[Request]
    held: dict[str, int] = attrs.field(factory=dict)
    """How many requests of each principal wait."""

    def put(self, request: Request) -> bool:
        """False if the inbox is full, or the principal's share of it."""
        by = request.by
        held = 0 if by is None else self.held.get(by, 0)
        if held >= SHARE:
            return False
        try:
            self.requests.send_nowait(request)
        except (trio.WouldBlock, trio.ClosedResourceError):
            return False
        if by is not None:
            self.held[by] = held + 1
        return True

    def took(self, request: Request) -> None:
        """The request waits no longer."""
        by = request.by
        if by is None:
            return
        if self.held[by] == 1:
            del self.held[by]
        else:
            self.held[by] -= 1


@attrs.frozen
class Turn:
    """What an actor decided before it let others run."""

    requests: Sequence[Request]
    decided: Sequence[Decided]
    page: Page
    """The same as the journal will file it, written down while it is still warm."""


class Actors:
    """Runs an exchange: takes requests, answers when the answer is durable."""

    def __init__(self, exchange: Exchange, journal: Journal) -> None:
        self.exchange = exchange
        self.journal = journal
        exchange.parted = {}  # from now on somebody tells of orders that are let go
        self.durable = exchange.head
        """The newest journal id that anybody may hear of."""
        self.listeners: list[Listener] = []
        """Called with all decided commands once they are durable, piece by piece and in journal order."""
        self._committed = trio.Event()
        self._is_closing = False
        self._inboxes: dict[str | None, Inbox] = {}
        self._backlog: trio.MemorySendChannel[Turn]
        self._nursery: trio.Nursery

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled; `close` first to let what waits be finished."""
        self._backlog, backlog = trio.open_memory_channel[Turn](BACKLOG)
        async with trio.open_nursery() as self._nursery:
            self._nursery.start_soon(self._write, backlog, name="journal writer")
            self._open_inbox(None)
            self._open_inboxes()
            await self._finish_what_was_begun()
            task_status.started()

    async def _finish_what_was_begun(self) -> None:
        """Finish, before anybody is served, what a crash has cut off between two portions."""
        async with trio.open_nursery() as nursery:
            for market in self.exchange.markets.values():
                if market.closing is not None:
                    first = CloseMarket(at=self.exchange.now, market_id=market.id)
                    nursery.start_soon(self._finish, first, "recovery", self._backlog.clone())

    async def _finish(
        self, command: AnyCommand, correlation_id: str, backlog: trio.MemorySendChannel[Turn]
    ) -> Outcome:
        """Decide portion after portion; returns what the last of them answers.

        Each portion is decided once the one before it is durable. Other requests are served in between, in
        this market too, and never is more than one portion on its way to the disk.
        """
        async with backlog:
            while True:
                portion = Request([command], correlation_id, None, is_portion=True)
                decided = self._decide(portion, backlog)
                await backlog.send(Turn([portion], decided, self.journal.pack(decided)))
                await portion.durable.wait()
                (outcome,) = portion.outcomes
                if outcome.then is None:
                    return outcome
                command = outcome.then

    async def _answer_with_the_last(
        self, request: Request, place: int, then: AnyCommand, backlog: trio.MemorySendChannel[Turn]
    ) -> None:
        await self.until_durable(request.outcomes[place].seen)
        request.outcomes[place] = await self._finish(then, request.correlation_id, backlog)
        request.durable.set()

    async def ask(self, *commands: AnyCommand, correlation_id: str = "") -> list[Outcome]:
        """Have commands for one market decided back to back; return when the outcomes are durable.

        A caller that is cancelled only stops waiting: what it sent is decided once, all the same.
        """
        request = self.submit(commands, correlation_id)
        if request is None:
            return [overloaded(self.durable)] * len(commands)
        await request.durable.wait()
        return request.outcomes

    def submit(self, commands: Sequence[AnyCommand], correlation_id: str = "") -> Request | None:
        """Have commands for one market decided back to back, after all that was submitted before.

        Their time is that of this moment, by a clock that never runs backwards: so none is decided with an
        earlier one than those ahead of it in the inbox, which is what deadlines rest on.

        None if the inbox is full, or the share of whoever sends the first of them. A caller that does not
        wait for the request can be a listener instead, and recognise the outcomes by the correlation id:
        listeners are told before those who wait.
        """
        first = commands[0]
        request = Request(commands, correlation_id, first.asked_by)
        return request if self._inboxes[self.market_of(first)].put(request) else None

    async def until_durable(self, journal_id: int) -> None:
        """Wait until what was read from memory, with this as the newest journal id, may be told."""
        while self.durable < journal_id:
            await self._committed.wait()

    def close(self) -> None:
        """Refuse what comes from now on; `run` returns when everything that waits is decided and durable."""
        self._is_closing = True
        for inbox in self._inboxes.values():
            inbox.requests.close()
        self._backlog.close()

    def depths(self, of: Iterable[str | None] | None = None) -> dict[str | None, int]:
        """How many requests wait in each inbox, or in those of some markets."""
        return {
            market_id: self._inboxes[market_id].requests.statistics().current_buffer_used
            for market_id in (self._inboxes if of is None else of)
            if market_id in self._inboxes
        }

    def is_idle(self, market_id: str) -> bool:
        """Whether nothing waits for the market, and its actor has decided all there was."""
        return self._inboxes[market_id].requests.statistics().tasks_waiting_receive > 0

    def backlog_depth(self) -> int:
        return self._backlog.statistics().current_buffer_used

    def market_of(self, command: AnyCommand) -> str | None:
        """Whose inbox a command belongs in: none of the markets' if it names none that exists.

        A book has one owner: a command about an order goes where that order is, also if it is a replacement
        that names another market, for it may cancel what it finds.
        """
        order_id = command.acts_on
        if order_id is not None:
            market = self.exchange.market_acted_on(order_id)
            return market.id if market is not None else market_in_the_past(command, order_id)
        return command.market_id if command.market_id in self._inboxes else None

    def _open_inboxes(self) -> None:
        """Give each new market its actor. Markets never cease, and keep their order."""
        markets = self.exchange.markets
        if len(markets) >= len(self._inboxes):
            for market_id in islice(markets, len(self._inboxes) - 1, None):
                self._open_inbox(market_id)

    def _open_inbox(self, market_id: str | None) -> None:
        if self._is_closing:
            return  # nobody can ask any more
        sending, receiving = trio.open_memory_channel[Request](INBOX)
        inbox = self._inboxes[market_id] = Inbox(sending)
        name = f"market {market_id}" if market_id is not None else "accounts"
        self._nursery.start_soon(self._trade, inbox, receiving, self._backlog.clone(), name=name)

    async def _trade(
        self,
        inbox: Inbox,
        received: trio.MemoryReceiveChannel[Request],
        backlog: trio.MemorySendChannel[Turn],
    ) -> None:
        """Decide what waits, hand it on. No await falls between two decisions."""
        async with received, backlog:
            async for first in received:
                inbox.took(first)
                requests, decided = [first], self._decide(first, backlog)
                size = size_of(decided)
                while (
                    size < TURN
                    and requests[-1].then is None
                    and (request := next(waiting(received), None)) is not None
                ):
                    inbox.took(request)
                    requests.append(request)
                    more = self._decide(request, backlog)
                    decided += more
                    size += size_of(more)
                turn = Turn(requests, decided, self.journal.pack(decided))
                await backlog.send(turn)  # may wait: this is the back-pressure
                while (request := requests[-1]).then is not None:
                    await self.until_durable(decided[-1].outcome.seen)
                    decided = self._decide(request, backlog)
                    await backlog.send(Turn([request], decided, self.journal.pack(decided)))

    def _decide(self, request: Request, backlog: trio.MemorySendChannel[Turn]) -> list[Decided]:
        """Decide a request's commands, back to back, or the rest of them; see `Request.then`."""
        execute, outcomes, begun = self.exchange.execute, request.outcomes, len(request.outcomes)
        commands = request.commands
        if request.then is not None:
            commands, request.then = [request.then, *commands[begun + 1 :]], None
        for command in commands:
            try:
                outcome = execute(command)
            except Exception as error:
                raise DecisionError(f"while deciding {command}") from error
            outcomes.append(outcome)
            then = outcome.then
            if then is None or request.is_portion:
                continue
            if not then.lets_others_in:
                request.then = then
                break
            request.closes = True
            place = len(outcomes) - 1
            self._nursery.start_soon(self._answer_with_the_last, request, place, then, backlog.clone())
        self._open_inboxes()
        decided = [
            Decided(command, request.correlation_id, outcome)
            for command, outcome in zip(commands, outcomes[begun:] if begun else outcomes, strict=False)
        ]
        if request.then is not None:
            del outcomes[-1]
            if request.then is decided[-1].command:
                decided[-1] = as_tick(decided[-1])
        return decided

    async def _write(self, backlog: trio.MemoryReceiveChannel[Turn]) -> None:
        """Group commit: what gathers while one transaction is in flight is the next one."""
        async with backlog:
            async for first in backlog:
                turns = [first, *waiting(backlog)]
                # If this fails we stop; the disk is right.
                await self.journal.append([turn.page for turn in turns])
                await self._release(turns)

    async def _release(self, turns: Sequence[Turn]) -> None:
        """Only now may a reply, a feed or a table speak of it: of so much at once, others run in between.

        For everybody but us only that is durable which was told. A request is answered with its turn.
        """
        decided: list[Decided] = []
        answered: list[Request] = []
        size = 0
        for turn in turns:
            for one in turn.decided:
                if size >= TOLD_AT_ONCE:
                    self._tell(decided, answered)
                    decided, answered, size = [], [], 0
                    await trio.lowlevel.cancel_shielded_checkpoint()
                decided.append(one)
                size += 1 + len(one.outcome.facts)
            answered += turn.requests
        self._tell(decided, answered)

    def _tell(self, decided: Sequence[Decided], answered: Sequence[Request]) -> None:
        assert decided[-1].outcome.seen >= self.durable
        self.durable = decided[-1].outcome.seen
        for listen in self.listeners:
            listen(decided)
        self._part_from_orders()
        for request in answered:
            if not request.closes and request.then is None:
                request.durable.set()
        self._committed.set()
        self._committed = trio.Event()

    def _part_from_orders(self) -> None:
        """Whoever had to tell of orders that were let go has done so."""
        parted = self.exchange.parted
        while parted:
            order_id = next(iter(parted))
            if parted[order_id][0] > self.durable:
                return
            del parted[order_id]


def market_in_the_past(command: AnyCommand, order_id: str) -> str | None:
    """Where an order was that only the command itself still knows of."""
    images = command.past.orders if command.past is not None else ()
    return next((image.market_id for image in images if image.id == order_id), None)


def as_tick(portion: Decided) -> Decided:
    """What was overdue before a command, and too much for one step, is filed as what it is.

    The command itself is not decided yet.
    """
    command, outcome = portion.command, portion.outcome
    tick = Tick(at=command.at, market_id=outcome.facts[0].market_id or "")
    return Decided(tick, portion.correlation_id, outcome)


def size_of(decided: Sequence[Decided]) -> int:
    """How much work it was, and will be to those who hear of it."""
    return len(decided) + sum(len(one.outcome.facts) for one in decided)


def waiting(channel: trio.MemoryReceiveChannel[Item]) -> Iterator[Item]:
    """What a channel holds already; never gives up the turn."""
    while True:
        try:
            yield channel.receive_nowait()
        except (trio.WouldBlock, trio.EndOfChannel):
            return


def overloaded(seen: int) -> Outcome:
    """Too much waits already. Nothing was decided; the same request may be sent again."""
    return Outcome(Refusal(Code.OVERLOADED, "Too many requests are waiting; try again shortly"), [], seen)
