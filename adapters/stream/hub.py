"""The hub of the command stream: hears what became durable, and passes results and events to connections.

It runs as a listener of the actors. For each command it first adds the result and then the events it caused,
so both are in journal order, and no task has to wait for a single command.
"""

from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Final, cast

import attrs
import trio

from adapters.access.addresses import counted_address
from adapters.access.identity import Principal
from adapters.service.guards import Guards
from adapters.service.orders_told import OrdersTold
from adapters.service.server import Server
from adapters.sockets.websocket import GOING_AWAY
from adapters.stream.connection import Connection
from adapters.stream.lanes import Entry, Lanes
from adapters.stream.recall import OrdersRecalled
from adapters.wire.topics import owners_of, topic_events
from kernel.answers import Unfinished
from kernel.events import (
    Fact,
)
from kernel.journal import Decided

CONNECTIONS_MAX: Final = 8
CONNECTIONS_MAX_AMM: Final = 32
CONNECTIONS_MAX_WORKERS: Final = 64
"""Of all workers of market-making orders, who share a user."""
UNAUTHENTICATED_MAX: Final = 256
UNAUTHENTICATED_MAX_EACH: Final = 16
"""Connections, in all and of one address, that may be open without `auth`, each for a few seconds."""
RESUME_SPAN: Final = 5_000_000
"""How many journal ids `resume` goes back; after a longer absence a client must `sync` instead."""
REPLAY_TURN: Final = 64
"""Facts replayed before other tasks get a turn."""
DRAIN: Final = 5.0
"""Seconds that commands under way get at shutdown."""


@attrs.define(eq=False)
class Submission:
    """Commands that one connection submitted together."""

    lanes: Lanes
    lane_id: str | None
    entries: deque[Entry]
    since: float


@attrs.frozen
class DrawnView:
    """A view of the state as of a journal id, to be sent when that is durable."""

    journal_id: int
    lanes: Lanes


class StreamHub:
    """All command connections."""

    def __init__(self, server: Server, guards: Guards, *, resume_span: int = RESUME_SPAN) -> None:
        self.server = server
        self.guards = guards
        self.resume_span = resume_span
        self.is_stopping = False
        self._connections: set[Connection] = set()
        self._count_by_user: Counter[str] = Counter()
        self._unauthenticated: dict[Connection, str] = {}
        """Connections opened without a token, with their addresses; some may have authenticated since."""
        self._pending: dict[str, Submission] = {}
        self._drawn_views: deque[DrawnView] = deque()
        self._own: dict[str, set[Connection]] = {}
        """By user: the connections subscribed to anything of that user's."""
        self._wide: set[Connection] = set()
        """Connections subscribed to the events of all users."""
        self._subscribed: set[Connection] = set()
        self._touched: dict[Connection, None] = {}
        self._settled = trio.Event()
        self._numbers = 0
        self.observe: Callable[[float], None] = lambda seconds: None
        """Called with the seconds each submission took, from its arrival to its last result."""

    @property
    def connections(self) -> int:
        return len(self._connections)

    def fresh_id(self) -> str:
        """An id for a connection, under which the journal records what it caused."""
        self._numbers += 1
        return f"ws_{self.server.clock.now():x}_{self._numbers}"

    # Connections

    def join(self, principal: Principal) -> bool:
        """Count one more connection of this user; False if there are too many."""
        most = CONNECTIONS_MAX
        if principal.is_amm:
            most = CONNECTIONS_MAX_AMM
        elif principal.is_worker:
            most = CONNECTIONS_MAX_WORKERS
        if self._count_by_user[principal.user_id] >= most:
            return False
        self._count_by_user[principal.user_id] += 1
        return True

    def may_join_unauthenticated(self, address: str) -> bool:
        """Whether one more connection without a token may come from this address."""
        self._unauthenticated = {
            connection: at for connection, at in self._unauthenticated.items() if connection.principal is None
        }
        of = counted_address(address)
        of_it = sum(at == of for at in self._unauthenticated.values())
        return len(self._unauthenticated) < UNAUTHENTICATED_MAX and of_it < UNAUTHENTICATED_MAX_EACH

    async def serve(self, connection: Connection, address: str) -> None:
        """Serve one connection; if its user is known, it has joined."""
        self._connections.add(connection)
        if connection.principal is None:
            self._unauthenticated[connection] = counted_address(address)
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)
            self._unauthenticated.pop(connection, None)
            self._forget(connection)
            connection.untie()

    def _forget(self, connection: Connection) -> None:
        connection.interests.topics.clear()
        self.index(connection)
        self._touched.pop(connection, None)
        if connection.watched is not None:
            self.server.identities.unwatch(connection.watched)
            user_id = connection.watched.principal.user_id
            self._count_by_user[user_id] -= 1
            if not self._count_by_user[user_id]:
                del self._count_by_user[user_id]
            if connection.guarded:
                self.guards.disconnected(user_id)

    def index(self, connection: Connection) -> None:
        """File the connection under what it is subscribed to, after that has changed."""
        if connection.principal is None:
            return
        wanted = bool(connection.interests)
        _keep(self._subscribed, connection, wanted)
        _keep(self._wide, connection, wanted and connection.interests.is_wide)
        owners = self._own.setdefault(connection.principal.user_id, set())
        _keep(owners, connection, wanted)
        if not owners:
            del self._own[connection.principal.user_id]

    async def drain(self) -> None:
        """Accept nothing new, wait for the results of what is under way, and close every connection."""
        self.is_stopping = True
        with trio.move_on_after(DRAIN):
            while self._pending or self._drawn_views:
                await self._settled.wait()
        for connection in self._connections:
            connection.outbox.flush()
            connection.socket.close(GOING_AWAY, "the server is shutting down")

    # What was submitted

    def expect(
        self, correlation_id: str, lanes: Lanes, lane_id: str | None, entries: Sequence[Entry]
    ) -> None:
        self._pending[correlation_id] = Submission(lanes, lane_id, deque(entries), trio.current_time())

    def send_when_durable(self, journal_id: int, lanes: Lanes) -> None:
        self._drawn_views.append(DrawnView(journal_id, lanes))

    def touch(self, connection: Connection) -> None:
        """Note that the connection's outbox has something to be written."""
        self._touched[connection] = None

    # What became durable

    def hear(self, decided: Sequence[Decided]) -> None:
        """Pass on each result, followed by the events that its command caused."""
        pending = self._pending
        for one in decided:
            outcome = one.outcome
            facts = outcome.facts
            if self._drawn_views:
                self._send_drawn_views(facts[0].id - 1 if facts else outcome.seen)
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
        if self._drawn_views:
            self._send_drawn_views(self.server.actors.durable)
        touched, self._touched = self._touched, {}
        for connection in touched:
            connection.outbox.flush()
        self._settled.set()
        self._settled = trio.Event()

    def _send_drawn_views(self, journal_id: int) -> None:
        while self._drawn_views and self._drawn_views[0].journal_id <= journal_id:
            self._drawn_views.popleft().lanes.send_view()

    def _publish(self, fact: Fact) -> None:
        audience = self._audience(fact)
        if not audience:
            return
        events = topic_events(fact, OrdersTold(self.server.exchange))
        for connection in audience:
            if connection.is_caught_up:
                connection.deliver(fact.id, events)

    def _audience(self, fact: Fact) -> set[Connection]:
        """Connections that may be subscribed to the fact; each decides by itself."""
        owners = owners_of(fact, OrdersTold(self.server.exchange))
        if owners is None:
            return set()
        if not owners:
            return self._subscribed
        return self._wide.union(*(self._own.get(owner, ()) for owner in owners))

    # What is told again

    async def replay(self, connection: Connection) -> None:
        """Send events from the journal until nothing is missing, and then at once switch to new events."""
        while connection.is_open and (connection.is_busy or connection.replayed < self.server.actors.durable):
            await connection.lanes.parts_sent.wait()
            await connection.outbox.wait_for_reader()
            await self._read_on(connection)
            connection.outbox.flush()
        connection.is_caught_up = True

    async def _read_on(self, connection: Connection) -> None:
        """Read to the end of the journal, or stop when the reader falls behind, to free the database."""
        actors = self.server.actors
        orders = OrdersRecalled(self.server, OrdersTold(self.server.exchange))
        reading = cast("AsyncGenerator[Fact, None]", actors.journal.read(connection.replayed))
        async with aclosing(reading) as facts:
            async for fact in facts:
                if fact.id > actors.durable:
                    return  # in the journal but not announced yet: it comes in the next round, or as news
                connection.deliver(fact.id, topic_events(fact, await orders.of(fact)))
                connection.replayed = fact.id
                if fact.id % REPLAY_TURN == 0:
                    connection.outbox.flush()
                    await trio.lowlevel.checkpoint()
                    if not connection.is_open or connection.is_busy:
                        return


def _keep(connections: set[Connection], connection: Connection, wanted: bool) -> None:
    if wanted:
        connections.add(connection)
    else:
        connections.discard(connection)
