"""Commands of one connection on their way to the kernel and back, in order, market by market.

A `sync` of a market sees everything that was sent ahead of it and nothing that was sent behind it: it waits
in the lane of its market until all ahead of it is decided, and what is behind it waits for it. A large view
is told in parts, and results keep the order of their commands, so its lane waits until the last part is told.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final, Protocol

import attrs
import msgspec
import trio

from adapters.access.identity import Principal
from adapters.service.server import Server
from adapters.stream.answers import Later, repeated
from adapters.stream.messages import Encoding, Part, Result, refused
from adapters.stream.outbox import Outbox
from adapters.stream.sync import View, view_of
from adapters.wire import render
from adapters.wire.status import STATUS, SUCCESS, RefusedError
from adapters.wire.stream_requests import Sync
from adapters.wire.stream_responses import GuardShape
from kernel.answers import GuardStands, Outcome, Placed, Refusal, Replaced
from kernel.codes import Code
from kernel.commands import AnyCommand

FULL: Final = "Too many requests are waiting; try again shortly"


TOGETHER: Final = 128
"""Commands of one request, which are decided in one step: each may trade several times."""


class Entry(msgspec.Struct, gc=False):
    """A command that was admitted and has no result yet."""

    cid: int
    encoding: Encoding
    wish: AnyCommand | Sync | None = None
    """What is to be done in its lane; None until it is admitted."""


@attrs.define(eq=False)
class Lane:
    """One market, as one connection uses it."""

    outstanding: int = 0
    """Commands submitted and not decided."""
    blocked: deque[Entry] = attrs.field(factory=deque)
    """What waits behind a `sync` that waits for them, or is told in parts."""
    is_telling: bool = False
    """Whether a view of it is told in parts."""


@attrs.frozen
class Telling:
    """A view that was drawn, and not told yet."""

    entry: Entry
    view: View
    lane: Lane


class Owner(Protocol):
    """The connection."""

    nursery: trio.Nursery

    @property
    def principal(self) -> Principal | None: ...
    @property
    def is_open(self) -> bool: ...

    def go_live_from(self, journal_id: int) -> None:
        """Tell what happened since then out of the journal."""

    def keep_guard(self, grace_ms: int | None) -> None:
        """Count as the presence that keeps its user's guard from firing."""


class Courier(Protocol):
    """Who hears what became of commands."""

    server: Server

    def expect(
        self, correlation_id: str, lanes: "Lanes", lane_id: str | None, entries: Sequence[Entry]
    ) -> None: ...

    def tell_when_durable(self, journal_id: int, lanes: "Lanes") -> None: ...


class Lanes:
    """All lanes of one connection."""

    def __init__(self, owner: Owner, hub: Courier, outbox: Outbox, connection_id: str) -> None:
        self.in_flight: set[int] = set()
        """The cids of commands without a result."""
        self.parts_told = trio.Event()
        """Set but while a large view is told: events wait for its end."""
        self.parts_told.set()
        self._owner = owner
        self._hub = hub
        self._server = hub.server
        self._outbox = outbox
        self._connection_id = connection_id
        self._submitted = 0
        self._lanes: dict[str | None, Lane] = {}
        self._telling: Telling | None = None
        """One at a time, so that the copies one connection may hold are bounded; other `sync`s wait."""

    def submit(self, lane_id: str | None, run: list[Entry]) -> None:
        """Take commands of one lane, in their order."""
        if not run:
            return
        lane = self._lanes.setdefault(lane_id, Lane())
        lane.blocked.extend(run)
        self._advance(lane_id, lane)

    def submit_sync(self, entry: Entry, sync: Sync) -> None:
        entry.wish = sync
        self.in_flight.add(entry.cid)
        is_known = sync.market_id in self._server.exchange.markets
        self.submit(sync.market_id if is_known else None, [entry])

    def _advance(self, lane_id: str | None, lane: Lane) -> None:
        """Send what is not behind a `sync`, and see to the `sync` when all ahead of it is decided."""
        blocked = lane.blocked
        while blocked:
            if lane.is_telling:
                return
            if isinstance(sync := blocked[0].wish, Sync):
                if lane.outstanding or self._telling is not None:
                    return
                self._sync(lane, blocked.popleft(), sync)
                continue
            run: list[Entry] = []
            commands: list[AnyCommand] = []
            while (
                blocked
                and len(run) < TOGETHER
                and (wish := blocked[0].wish) is not None
                and not isinstance(wish, Sync)
            ):
                run.append(blocked.popleft())
                commands.append(wish)
            self._send(lane_id, lane, run, commands)
        if not lane.outstanding and not lane.is_telling:
            del self._lanes[lane_id]

    def _send(
        self, lane_id: str | None, lane: Lane, run: list[Entry], commands: Sequence[AnyCommand]
    ) -> None:
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
        """The outcome of a command is durable."""
        lane = self._lanes[lane_id]
        lane.outstanding -= 1
        if self._owner.is_open:
            result = self._result(entry, outcome)
            self._outbox.say(entry.encoding, result)
            if type(result) is not Later:
                self.in_flight.discard(entry.cid)
        if not lane.outstanding:
            self._advance(lane_id, lane)

    def _result(self, entry: Entry, outcome: Outcome) -> Result | Later:
        match outcome.answer:
            case Refusal(code=code, message=message, data=reason):
                return refused(entry.cid, outcome.seen, code, STATUS[code], message, reason)
            case Placed(repeated=True) | Replaced(repeated=True):
                later = Later()
                self._owner.nursery.start_soon(self._look_up, entry, outcome, later)
                return later
            case GuardStands(grace_ms=grace_ms, markets=markets):
                self._owner.keep_guard(grace_ms)
                return Result(entry.cid, True, 200, SUCCESS, outcome.seen, GuardShape(grace_ms, markets))
            case _:
                status, data = render.outcome(outcome, display=False)
                return Result(entry.cid, True, status, SUCCESS, outcome.seen, data)

    async def _look_up(self, entry: Entry, outcome: Outcome, later: Later) -> None:
        result = await repeated(self._server, entry.cid, outcome)
        self.in_flight.discard(entry.cid)
        self._outbox.fill_in(later, result)

    # Views

    def _sync(self, lane: Lane, entry: Entry, sync: Sync) -> None:
        """Draw the view as of now; tell it when now is durable."""
        principal = self._owner.principal
        assert principal is not None
        try:
            view = view_of(self._server.exchange, principal, sync.market_id)
        except RefusedError as refusal:
            self._refuse(entry, refusal)
            return
        self._telling = Telling(entry, view, lane)
        lane.is_telling = view.is_large
        if view.as_of_seq <= self._server.actors.durable:
            self.tell()
        else:
            self._hub.tell_when_durable(view.as_of_seq, self)

    def tell(self) -> None:
        """The view that was drawn is durable. A large one is told as fast as it is read.

        What happens meanwhile comes behind it, out of the journal, so that it is not told before it.
        """
        if not self._owner.is_open:
            return
        assert self._telling is not None
        if self._telling.view.is_large:
            self.parts_told = trio.Event()
            self._owner.go_live_from(self._telling.view.as_of_seq)
            self._owner.nursery.start_soon(self._tell_parts, self._telling)
        else:
            self._tell_rest(self._telling)

    async def _tell_parts(self, telling: Telling) -> None:
        entry, view = telling.entry, telling.view
        for part in view.parts():
            self._outbox.say(entry.encoding, Part(entry.cid, view.as_of_seq, part))
            await self._outbox.keep_pace()
        self._tell_rest(telling)
        self._outbox.flush()
        self.parts_told.set()

    def _tell_rest(self, telling: Telling) -> None:
        entry, view = telling.entry, telling.view
        self.in_flight.discard(entry.cid)
        self._outbox.say(entry.encoding, Result(entry.cid, True, 200, SUCCESS, view.as_of_seq, view.rest()))
        self._owner.nursery.start_soon(self._sync_next)

    async def _sync_next(self) -> None:
        """The next view when this one is with the reader: many small ones are as much as a large one."""
        await self._outbox.keep_pace()
        assert self._telling is not None
        self._telling.lane.is_telling = False
        self._telling = None
        for lane_id, lane in list(self._lanes.items()):
            if not lane.outstanding or lane.blocked:
                self._advance(lane_id, lane)
        self._outbox.flush()
