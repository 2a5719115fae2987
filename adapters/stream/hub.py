"""The command stream's middle: hears of everything that became durable, and gives each connection its part.

It runs inside the journal's announcement, before anybody else is told: what a command caused is written
behind its own result, in journal order, without a task that waits for each.
"""

from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Final, cast

import attrs
import trio

from adapters.access.addresses import household
from adapters.access.identity import Principal
from adapters.service.guards import Guards
from adapters.service.server import Server
from adapters.sockets.websocket import GOING_AWAY
from adapters.stream.lanes import Entry, Lanes
from adapters.stream.session import Session
from adapters.wire.topics import owners_of, topic_events
from kernel.answers import Unfinished
from kernel.events import (
    Fact,
)
from kernel.journal import Decided

CONNECTIONS_MAX: Final = 8
CONNECTIONS_MAX_AMM: Final = 32
STRANGERS_MAX: Final = 256
STRANGERS_MAX_EACH: Final = 16
"""Connections, in all and of one address, that may wait for their `auth`, each for some seconds."""
RESUME_SPAN: Final = 5_000_000
"""Journal ids that are told again; who was away for longer looks at the state instead."""
REPLAY_TURN: Final = 64
"""Facts of a resumption after which the exchange gets its turn."""
DRAIN: Final = 5.0
"""Seconds that commands under way get at shutdown."""


@attrs.define(eq=False)
class Submission:
    """Commands of one connection that were submitted together."""

    lanes: Lanes
    lane_id: str | None
    entries: deque[Entry]
    since: float


@attrs.frozen
class Promise:
    """A view drawn at a journal id, to be told when that is durable."""

    journal_id: int
    lanes: Lanes


class StreamHub:
    """All command connections."""

    def __init__(self, server: Server, guards: Guards, *, resume_span: int = RESUME_SPAN) -> None:
        self.server = server
        self.guards = guards
        self.resume_span = resume_span
        self.is_stopping = False
        self._sessions: set[Session] = set()
        self._connections: Counter[str] = Counter()
        self._strangers: dict[Session, str] = {}
        """Who has not said who it is, or had not when somebody looked last, and from where it came."""
        self._pending: dict[str, Submission] = {}
        self._promises: deque[Promise] = deque()
        self._own: dict[str, set[Session]] = {}
        """Who wants to hear of a user's own affairs."""
        self._wide: set[Session] = set()
        """Who wants to hear of everybody's."""
        self._subscribed: set[Session] = set()
        self._touched: dict[Session, None] = {}
        self._settled = trio.Event()
        self._numbers = 0
        self.observe: Callable[[float], None] = lambda seconds: None
        """Told how long each submission took, from its arrival to its last result."""

    @property
    def sessions(self) -> int:
        return len(self._sessions)

    def fresh_id(self) -> str:
        """Names a connection in the journal, as the cause of what it sent."""
        self._numbers += 1
        return f"ws_{self.server.clock.now():x}_{self._numbers}"

    # Connections

    def join(self, principal: Principal) -> bool:
        """Make room for one more connection of this user; False if there is none."""
        most = CONNECTIONS_MAX_AMM if principal.is_amm else CONNECTIONS_MAX
        if self._connections[principal.user_id] >= most:
            return False
        self._connections[principal.user_id] += 1
        return True

    def has_room_for_stranger(self, address: str) -> bool:
        """Whether one more may come from there that does not say who it is at once."""
        self._strangers = {
            session: at for session, at in self._strangers.items() if session.principal is None
        }
        of = household(address)
        of_it = sum(at == of for at in self._strangers.values())
        return len(self._strangers) < STRANGERS_MAX and of_it < STRANGERS_MAX_EACH

    async def serve(self, session: Session, address: str) -> None:
        """One connection, which has joined if it is known whose it is."""
        self._sessions.add(session)
        if session.principal is None:
            self._strangers[session] = household(address)
        try:
            await session.run()
        finally:
            self._sessions.discard(session)
            self._strangers.pop(session, None)
            self._forget(session)
            session.untie()

    def _forget(self, session: Session) -> None:
        session.interests.topics.clear()
        self.index(session)
        self._touched.pop(session, None)
        if session.permit is not None:
            self.server.identities.let_go(session.permit)
            user_id = session.permit.principal.user_id
            self._connections[user_id] -= 1
            if not self._connections[user_id]:
                del self._connections[user_id]
            if session.guarded:
                self.guards.left(user_id)

    def index(self, session: Session) -> None:
        """Where to find the connection again when something happens, after its interests changed."""
        if session.principal is None:
            return
        wanted = bool(session.interests)
        _keep(self._subscribed, session, wanted)
        _keep(self._wide, session, wanted and session.interests.is_wide)
        owners = self._own.setdefault(session.principal.user_id, set())
        _keep(owners, session, wanted)
        if not owners:
            del self._own[session.principal.user_id]

    async def drain(self) -> None:
        """Nothing new; results for what is under way; then goodbye."""
        self.is_stopping = True
        with trio.move_on_after(DRAIN):
            while self._pending or self._promises:
                await self._settled.wait()
        for session in self._sessions:
            session.outbox.flush()
            session.socket.close(GOING_AWAY, "the server is shutting down")

    # What was submitted

    def expect(
        self, correlation_id: str, lanes: Lanes, lane_id: str | None, entries: Sequence[Entry]
    ) -> None:
        self._pending[correlation_id] = Submission(lanes, lane_id, deque(entries), trio.current_time())

    def tell_when_durable(self, journal_id: int, lanes: Lanes) -> None:
        self._promises.append(Promise(journal_id, lanes))

    def touch(self, session: Session) -> None:
        """Something was said that is not written yet."""
        self._touched[session] = None

    # What became durable

    def hear(self, decided: Sequence[Decided]) -> None:
        """One group of the journal: each result, then the events it caused."""
        pending = self._pending
        for one in decided:
            outcome = one.outcome
            facts = outcome.facts
            if self._promises:
                self._keep_promises(facts[0].id - 1 if facts else outcome.seen)
            asked = pending.get(one.correlation_id)
            if asked is not None and type(outcome.answer) is not Unfinished:
                entry = asked.entries.popleft()
                if not asked.entries:
                    del pending[one.correlation_id]
                    self.observe(trio.current_time() - asked.since)
                asked.lanes.answer(asked.lane_id, entry, outcome)
            if self._subscribed:
                for fact in facts:
                    self._publish(fact)
        if self._promises:
            self._keep_promises(self.server.actors.durable)
        touched, self._touched = self._touched, {}
        for session in touched:
            session.outbox.flush()
        self._settled.set()
        self._settled = trio.Event()

    def _keep_promises(self, journal_id: int) -> None:
        while self._promises and self._promises[0].journal_id <= journal_id:
            self._promises.popleft().lanes.tell()

    def _publish(self, fact: Fact) -> None:
        audience = self._audience(fact)
        if not audience:
            return
        events = topic_events(fact, self.server.exchange.orders)
        for session in audience:
            if session.live:
                session.deliver(fact.id, events)

    def _audience(self, fact: Fact) -> set[Session]:
        """Who may want to hear of it; what each of them wants is its own affair."""
        owners = owners_of(fact, self.server.exchange.orders)
        if owners is None:
            return set()
        if not owners:
            return self._subscribed
        return self._wide.union(*(self._own.get(owner, ()) for owner in owners))

    # What is told again

    async def replay(self, session: Session) -> None:
        """Read the journal up to the moment at which nothing is missing, then go live in the same step."""
        while session.is_open and (session.is_busy or session.replayed < self.server.actors.durable):
            await session.lanes.parts_told.wait()
            await session.outbox.keep_pace()
            await self._read_on(session)
            session.outbox.flush()
        session.live = True

    async def _read_on(self, session: Session) -> None:
        """To the end of the journal, or until enough waits for the reader: no connection to it is held."""
        actors, orders = self.server.actors, self.server.exchange.orders
        reading = cast("AsyncGenerator[Fact, None]", actors.journal.read(session.replayed))
        async with aclosing(reading) as facts:
            async for fact in facts:
                if fact.id > actors.durable:
                    return  # in the journal, and not announced yet: the next round, or live
                session.deliver(fact.id, topic_events(fact, orders))
                session.replayed = fact.id
                if fact.id % REPLAY_TURN == 0:
                    session.outbox.flush()
                    await trio.lowlevel.checkpoint()
                    if not session.is_open or session.is_busy:
                        return


def _keep(sessions: set[Session], session: Session, wanted: bool) -> None:
    if wanted:
        sessions.add(session)
    else:
        sessions.discard(session)
