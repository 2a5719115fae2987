"""Takes the commands of one connection to the kernel and back, in order, market by market.

A `sync` of a market sees everything that was sent ahead of it and nothing that was sent behind it: it waits
in the lane of its market until all ahead of it is decided, and what is behind it waits for it. A large view
is sent in parts, and results keep the order of their commands, so its lane waits for the last part.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final, Protocol

import attrs
import msgspec
import trio

from adapters.access.identity import Principal
from adapters.service.server import Server
from adapters.stream.answers import PendingResult, looked_up
from adapters.stream.messages import Encoding, Part, Result, refused
from adapters.stream.outbox import Outbox
from adapters.stream.sync import View, view_of
from adapters.wire import render
from adapters.wire.status import STATUS, SUCCESS, RefusedError
from adapters.wire.stream_requests import Sync
from adapters.wire.stream_responses import GuardShape
from kernel.answers import AskThePast, Batched, GuardStands, Outcome, Placed, Refusal, Replaced
from kernel.codes import Code
from kernel.commands import AnyCommand
from kernel.life import OVER
from kernel.market import Account, Position

FULL: Final = "Too many requests are waiting; try again shortly"


TOGETHER: Final = 128
"""Commands of one request, which are decided in one step: each may trade several times."""


class Entry(msgspec.Struct, gc=False):
    """A command that has no result yet."""

    cid: int
    encoding: Encoding
    request: AnyCommand | Sync | None = None
    """What the lane has to do; None until the command is admitted."""
    past: Sequence[Position] | None = None
    """For a `sync` of a market that is over: what the tables told, once they were asked."""


@attrs.define(eq=False)
class Lane:
    """The commands of one connection for one market."""

    outstanding: int = 0
    """Commands that are submitted and not decided yet."""
    blocked: deque[Entry] = attrs.field(factory=deque)
    """What waits behind a `sync`, and that `sync` itself."""
    is_sending_view: bool = False
    """Whether a large view of this market is being sent in parts, or the tables are asked first."""


@attrs.frozen
class UnsentView:
    """The answer to a `sync` that is not sent completely."""

    entry: Entry
    view: View
    lane: Lane


class Owner(Protocol):
    """What the lanes need of their connection."""

    nursery: trio.Nursery

    @property
    def principal(self) -> Principal | None: ...
    @property
    def is_open(self) -> bool: ...

    def replay_from(self, journal_id: int) -> None:
        """Send the events after `journal_id` from the journal, and from then on as they happen."""

    def keep_guard(self, grace_ms: int | None) -> None:
        """Let this connection keep its user's guard from firing."""


class ResultDispatcher(Protocol):
    """Passes each outcome to the lanes that wait for it: the hub."""

    server: Server

    def expect(
        self, correlation_id: str, lanes: "Lanes", lane_id: str | None, entries: Sequence[Entry]
    ) -> None: ...

    def send_when_durable(self, journal_id: int, lanes: "Lanes") -> None: ...


class Lanes:
    """All lanes of one connection."""

    def __init__(self, owner: Owner, hub: ResultDispatcher, outbox: Outbox, connection_id: str) -> None:
        self.in_flight: set[int] = set()
        """The cids of commands without a result."""
        self.parts_sent = trio.Event()
        """Cleared while a large view is being sent: events wait for its end."""
        self.parts_sent.set()
        self._owner = owner
        self._hub = hub
        self._server = hub.server
        self._outbox = outbox
        self._connection_id = connection_id
        self._submitted = 0
        self._lanes: dict[str | None, Lane] = {}
        self._unsent: UnsentView | None = None
        """At most one, to bound the memory that a connection can claim; other `sync`s wait."""

    def submit(self, lane_id: str | None, run: list[Entry]) -> None:
        """Add commands to a lane, in their order."""
        if not run:
            return
        lane = self._lanes.setdefault(lane_id, Lane())
        lane.blocked.extend(run)
        self._advance(lane_id, lane)

    def submit_sync(self, entry: Entry, sync: Sync) -> None:
        entry.request = sync
        self.in_flight.add(entry.cid)
        is_known = sync.market_id in self._server.exchange.markets
        self.submit(sync.market_id if is_known else None, [entry])

    def _advance(self, lane_id: str | None, lane: Lane) -> None:
        """Submit everything before the next `sync`; answer the `sync` when all before it is decided."""
        blocked = lane.blocked
        while blocked:
            if lane.is_sending_view:
                return
            if isinstance(sync := blocked[0].request, Sync):
                if lane.outstanding or self._unsent is not None:
                    return
                if blocked[0].past is None and (account := self._asked_about(sync)) is not None:
                    lane.is_sending_view = True
                    self._owner.nursery.start_soon(self._look_back, lane_id, lane, blocked[0], account)
                    return
                self._sync(lane, blocked.popleft(), sync)
                continue
            run: list[Entry] = []
            commands: list[AnyCommand] = []
            while (
                blocked
                and len(run) < TOGETHER
                and (request := blocked[0].request) is not None
                and not isinstance(request, Sync)
            ):
                run.append(blocked.popleft())
                commands.append(request)
            self._send(lane_id, lane, run, commands)
        if not lane.outstanding and not lane.is_sending_view:
            del self._lanes[lane_id]

    def _send(
        self, lane_id: str | None, lane: Lane, run: list[Entry], commands: Sequence[AnyCommand]
    ) -> None:
        # They get their time here and not when they were read: in between, a later one may have been decided,
        # and of two copies of a command with a deadline only the first would then be refused.
        now = self._server.clock.now()
        commands = [msgspec.structs.replace(command, at=now) for command in commands]
        self._submitted += 1
        correlation_id = f"{self._connection_id}.{self._submitted}"
        if self._server.actors.submit(commands, correlation_id) is None:
            for entry in run:
                self._refuse(entry, RefusedError(Code.OVERLOADED, FULL))
            return
        lane.outstanding += len(run)
        self._hub.expect(correlation_id, self, lane_id, run)

    def _refuse(self, entry: Entry, refusal: RefusedError) -> None:
        self.in_flight.discard(entry.cid)
        self._outbox.refuse(entry.encoding, entry.cid, refusal)

    # Results

    def answer(self, lane_id: str | None, entry: Entry, outcome: Outcome) -> None:
        """Add the result of a command whose outcome is durable."""
        lane = self._lanes[lane_id]
        lane.outstanding -= 1
        if self._owner.is_open:
            result = self._result(entry, outcome)
            self._outbox.add(entry.encoding, result)
            if type(result) is not PendingResult:
                self.in_flight.discard(entry.cid)
        if not lane.outstanding:
            self._advance(lane_id, lane)

    def _result(self, entry: Entry, outcome: Outcome) -> Result | PendingResult:
        match outcome.answer:
            case Refusal(code=code, message=message, data=reason):
                return refused(entry.cid, outcome.seen, code, STATUS[code], message, reason)
            case Placed(repeated=True) | Replaced(repeated=True) | Batched(repeated=True) | AskThePast():
                pending = PendingResult()
                self._owner.nursery.start_soon(self._look_up, entry, outcome, pending)
                return pending
            case GuardStands(grace_ms=grace_ms, markets=markets):
                self._owner.keep_guard(grace_ms)
                return Result(entry.cid, True, 200, SUCCESS, outcome.seen, GuardShape(grace_ms, markets))
            case _:
                status, data = render.outcome(outcome, display=False)
                return Result(entry.cid, True, status, SUCCESS, outcome.seen, data)

    async def _look_up(self, entry: Entry, outcome: Outcome, pending: PendingResult) -> None:
        assert not isinstance(entry.request, Sync)
        self._submitted += 1
        correlation_id = f"{self._connection_id}.{self._submitted}"
        result = await looked_up(self._server, entry.cid, entry.request, outcome, correlation_id)
        self.in_flight.discard(entry.cid)
        self._outbox.fill_in(pending, result)

    # Views

    def _asked_about(self, sync: Sync) -> Account | None:
        """The account, where the tables have to tell what it had in the market."""
        exchange, principal = self._server.exchange, self._owner.principal
        assert principal is not None
        account, market = exchange.traders.get(principal.user_id), exchange.markets.get(sync.market_id)
        if account is None or market is None or market.status not in OVER:
            return None
        return account if account.past_positions and market.id not in account.positions else None

    async def _look_back(self, lane_id: str | None, lane: Lane, entry: Entry, account: Account) -> None:
        """Before the view is taken: what is over does not change any more."""
        try:
            entry.past = await self._server.past_positions(account)
        except RefusedError as trouble:
            self._refuse(lane.blocked.popleft(), trouble)
        except self._server.unavailable:
            away = RefusedError(Code.OVERLOADED, "The tables cannot be asked just now")
            self._refuse(lane.blocked.popleft(), away)
        lane.is_sending_view = False
        self._advance(lane_id, lane)
        self._outbox.flush()

    def _sync(self, lane: Lane, entry: Entry, sync: Sync) -> None:
        """Take a view of the state as of now; send it when that is durable."""
        principal = self._owner.principal
        assert principal is not None
        try:
            view = view_of(self._server.exchange, principal, sync.market_id, entry.past or ())
        except RefusedError as refusal:
            self._refuse(entry, refusal)
            return
        self._unsent = UnsentView(entry, view, lane)
        lane.is_sending_view = view.is_large
        if view.as_of_seq <= self._server.actors.durable:
            self.send_view()
        else:
            self._hub.send_when_durable(view.as_of_seq, self)

    def send_view(self) -> None:
        """Send the view, which is durable now; a large one in parts, as fast as the client reads them.

        What happens in the meantime comes after it, from the journal.
        """
        if not self._owner.is_open:
            return
        assert self._unsent is not None
        if self._unsent.view.is_large:
            self.parts_sent = trio.Event()
            self._owner.replay_from(self._unsent.view.as_of_seq)
            self._owner.nursery.start_soon(self._send_parts, self._unsent)
        else:
            self._send_rest(self._unsent)

    async def _send_parts(self, unsent: UnsentView) -> None:
        entry, view = unsent.entry, unsent.view
        for part in view.parts():
            self._outbox.add(entry.encoding, Part(entry.cid, view.as_of_seq, part))
            await self._outbox.wait_for_reader()
        self._send_rest(unsent)
        self._outbox.flush()
        self.parts_sent.set()

    def _send_rest(self, unsent: UnsentView) -> None:
        entry, view = unsent.entry, unsent.view
        self.in_flight.discard(entry.cid)
        self._outbox.add(entry.encoding, Result(entry.cid, True, 200, SUCCESS, view.as_of_seq, view.rest()))
        self._owner.nursery.start_soon(self._sync_next)

    async def _sync_next(self) -> None:
        """Go on with the next view once this one is sent: many small views are as much as a large one."""
        await self._outbox.wait_for_reader()
        assert self._unsent is not None
        self._unsent.lane.is_sending_view = False
        self._unsent = None
        for lane_id, lane in list(self._lanes.items()):
            if not lane.outstanding or lane.blocked:
                self._advance(lane_id, lane)
        self._outbox.flush()
