"""One connection of the command stream: commands in, results and private events out, in their order.

A result is written when its outcome is durable and not before; a connection that breaks loses the answers,
not the commands.
"""

import math
from collections.abc import Sequence
from functools import partial
from itertools import islice
from typing import Final, Protocol

import trio

from adapters.access.identity import Principal, WatchedToken
from adapters.operations.lookups import may_see
from adapters.runtime.times import MICROSECONDS
from adapters.service.guards import Guards
from adapters.sockets.websocket import BAD_TOKEN, FRAME_MAX, UNDECODABLE, NotUtf8Error, WebSocket
from adapters.stream.admission import command_of
from adapters.stream.bounds import UnreadableFrameError
from adapters.stream.interests import Interests, bad_subscription, cut, is_privileged, read_scope, read_topics
from adapters.stream.lanes import Entry, Lanes, ResultDispatcher
from adapters.stream.messages import (
    HEARTBEAT_MS,
    JSON,
    MSGPACK,
    Encoding,
    Error,
    Heartbeat,
    Hello,
    Limits,
    PrivateEvent,
    Unreadable,
    read_frame,
)
from adapters.stream.outbox import Outbox
from adapters.wire import render_leases
from adapters.wire.making_messages import MmDue, MmVenueDue
from adapters.wire.status import Fault, RefusedError
from adapters.wire.stream_requests import Auth, Message, Ping, Resume, Subscribe, Sync, Unsubscribe
from adapters.wire.stream_responses import (
    PongShape,
    ResumedShape,
    SignedInShape,
    SubscribedShape,
)
from adapters.wire.topics import TopicEvent, TradeExecuted
from kernel.codes import Code

IN_FLIGHT_MAX: Final = 256
"""Commands of one connection that may wait for their result."""
IN_FLIGHT_MAX_MAKERS: Final = 1024
"""The same for the market maker, and for workers of market-making orders."""
AUTH_FRAME_MAX: Final = 4096
"""Bytes of the frame with `auth`, when no token came with the request."""
AUTH_TIMEOUT: Final = 5.0
"""Seconds that a connection without a token has for its `auth`."""
HEARTBEAT: Final = HEARTBEAT_MS / 1000
COMMANDS_A_TURN: Final = 1024
"""Commands admitted before others get their turn: some milliseconds, whatever they are."""
WRONG: Final = 32
"""As so many counts a command that is wrong, since finding out why takes as long."""


class Hub(ResultDispatcher, Protocol):
    """What all connections share."""

    guards: Guards
    resume_span: int
    is_stopping: bool

    def fresh_id(self) -> str: ...
    def join(self, principal: Principal) -> bool: ...
    def index(self, connection: "Connection") -> None: ...
    def touch(self, connection: "Connection") -> None: ...
    async def replay(self, connection: "Connection") -> None: ...


class Connection:
    """One connection."""

    def __init__(self, hub: Hub, socket: WebSocket, encoding: Encoding, principal: Principal | None) -> None:
        self.socket = socket
        self.watched = self._watch_token(hub, principal) if principal is not None else None
        self.interests = Interests()
        self.is_caught_up = True
        """Whether events come as they happen, and not from the journal after a `resume` or a large `sync`."""
        self.guarded = False
        """Whether this connection keeps its user's guard from firing."""
        self.replayed = 0
        """The journal id up to which events were sent from the journal."""
        self._hub = hub
        self._server = hub.server
        self._began_at = trio.current_time()
        self._in_flight_max = IN_FLIGHT_MAX if principal is None else in_flight_max(principal)
        self._since_turn = 0
        """Commands handled since other tasks had a turn; malformed ones count as `WRONG`."""
        self.outbox = Outbox(socket, encoding, self._server.actors, partial(hub.touch, self))
        self.lanes = Lanes(self, hub, self.outbox, hub.fresh_id())
        self._events = 0
        self._has_resumed = False
        self._waiting = trio.CancelScope()
        """Until a heartbeat is due, or the token ends."""
        self.nursery: trio.Nursery
        if principal is None:
            socket.frame_max = AUTH_FRAME_MAX

    @property
    def is_open(self) -> bool:
        return self.socket.is_open

    @property
    def principal(self) -> Principal | None:
        """The connection's user, once it is known."""
        return self.watched.principal if self.watched is not None else None

    def _watch_token(self, hub: Hub, principal: Principal) -> WatchedToken:
        """Close the connection as soon as its token is no longer valid."""
        return hub.server.identities.watch(principal, partial(self.socket.close, BAD_TOKEN))

    async def run(self) -> None:
        """Serve the connection until either side ends it."""
        async with self.socket.open(), trio.open_nursery() as self.nursery:
            self.nursery.start_soon(self._keep_time)
            if self.principal is not None:
                self._say_hello(self.principal)
            try:
                while (received := await self.socket.receive()) is not None:
                    await self.handle_frame(received)
            except NotUtf8Error:
                if self.principal is None:
                    self._refuse_unauthenticated(JSON)
                else:
                    self._close_undecodable(JSON, Error(Fault.UNDECODABLE, "Undecodable frame: not UTF-8"))
            self.nursery.cancel_scope.cancel()

    def untie(self) -> None:
        """Cut the cycles of a closed connection: nobody collects cycles of objects that have lived long."""
        self.outbox.forget_connection()
        del self.lanes  # the hub keeps those that wait for an outcome, and they keep this connection

    # What comes in

    async def handle_frame(self, received: str | bytes) -> None:
        """Carry out the commands of one frame."""
        encoding = JSON if isinstance(received, str) else MSGPACK
        if self.principal is None:
            await self._handle_introduction(encoding, received)
            return
        try:
            operations = await self._read(received)
        except UnreadableFrameError as trouble:
            self._close_undecodable(encoding, Error(trouble.code, str(trouble)))
            return
        if not operations:
            self.outbox.add(encoding, Error(Fault.BAD_BATCH, "An empty batch"))
        run: list[Entry] = []
        lane_of_run: str | None = None
        for operation in operations:
            self._since_turn += WRONG if type(operation) is Unreadable else 1
            if self._since_turn >= COMMANDS_A_TURN:
                await self._give_way()
            if operation.cid is None:
                break
            if operation.cid in self.lanes.in_flight:
                self.outbox.add(encoding, Error(Fault.BAD_CID, f"cid {operation.cid} is in flight"))
                continue
            entry = Entry(operation.cid, encoding)
            try:
                self._check_room()
                command = command_of(self._server, self.principal, operation)
            except RefusedError as refusal:
                self.outbox.refuse(entry.encoding, entry.cid, refusal)
                continue
            if command is None:
                self.lanes.submit(lane_of_run, run)
                run = []
                await self._answer(entry, operation)
                continue
            self.lanes.in_flight.add(entry.cid)
            entry.request = command
            lane = self._server.actors.market_of(command)
            if lane != lane_of_run:
                self.lanes.submit(lane_of_run, run)
                run, lane_of_run = [], lane
            run.append(entry)
        self.lanes.submit(lane_of_run, run)
        if operations and isinstance(last := operations[-1], Unreadable) and last.cid is None:
            self._close_undecodable(encoding, Error(last.refusal.code, last.refusal.message))
        self.outbox.flush()

    async def _read(self, received: str | bytes) -> list[Message | Unreadable]:
        """The commands of a frame, up to the first without a usable cid."""
        read: list[Message | Unreadable] = []
        for operation in read_frame(received):
            read.append(operation)
            if operation.cid is None:
                break
            if type(operation) is Unreadable:
                self._since_turn += WRONG
                if self._since_turn >= COMMANDS_A_TURN:
                    await self._give_way()
        return read

    async def _give_way(self) -> None:
        """Give other tasks a turn."""
        self._since_turn = 0
        await trio.lowlevel.checkpoint()

    def _check_room(self) -> None:
        if self._hub.is_stopping:
            raise RefusedError(Fault.SHUTTING_DOWN, "The server is shutting down; this was not executed")
        if len(self.lanes.in_flight) >= self._in_flight_max:
            raise RefusedError(
                Fault.TOO_MANY_IN_FLIGHT, f"{self._in_flight_max} commands are without a result already"
            )

    async def _answer(self, entry: Entry, operation: Message | Unreadable) -> None:
        """Answer a message that is not a command to the kernel."""
        try:
            match operation:
                case Ping():
                    self.outbox.succeed(
                        entry.encoding, entry.cid, PongShape(self._server.clock.now() // 1000)
                    )
                case Auth(token=token):
                    await self._authenticate(entry, token)
                case Sync():
                    self.lanes.submit_sync(entry, operation)
                case MmDue():
                    await self._tell_due(entry)
                case MmVenueDue(venue=venue, after=after):
                    exchange = self._server.exchange
                    found = render_leases.venue_due(exchange, venue, after)
                    await self._server.wait_durable(exchange.head)
                    self.outbox.succeed(entry.encoding, entry.cid, found)
                case Subscribe():
                    self._subscribe(operation)
                    heard = self._durable if self.is_caught_up else self.replayed
                    self.outbox.succeed(entry.encoding, entry.cid, SubscribedShape(heard + 1))
                case Unsubscribe(topics=topics, markets=markets):
                    assert self.principal is not None
                    self.interests.remove(read_topics(topics, self.principal), markets)
                    self._hub.index(self)
                    self.outbox.succeed(entry.encoding, entry.cid, None)
                case Resume():
                    if self._server.check_age is not None:
                        await self._server.check_age(str(operation.after), is_read=True)
                    self._resume(entry, operation)
                case _:
                    raise AssertionError(f"nobody serves {operation}")
        except RefusedError as refusal:
            self.outbox.refuse(entry.encoding, entry.cid, refusal)

    async def _tell_due(self, entry: Entry) -> None:
        """What is due now, once all of that is durable."""
        server = self._server
        found = render_leases.due(server.going.markets(), max(server.clock.now(), server.exchange.now))
        await server.wait_durable(server.exchange.head)
        self.outbox.succeed(entry.encoding, entry.cid, found)

    @property
    def is_busy(self) -> bool:
        """Whether events have to wait: for a view in parts, a pending result, or the client to read."""
        return not self.lanes.parts_sent.is_set() or self.outbox.is_behind

    def keep_guard(self, grace_ms: int | None) -> None:
        """Let this connection keep the user's guard from firing."""
        assert self.principal is not None
        if grace_ms is not None and not self.guarded:
            self.guarded = True
            self._hub.guards.connected(self.principal.user_id)

    # Who it is

    async def _handle_introduction(self, encoding: Encoding, received: str | bytes) -> None:
        """Handle the first frame of a connection without a token: `auth`, or the connection is closed."""
        try:
            operations = [*islice(read_frame(received), 2)]
        except UnreadableFrameError:
            operations = []
        match operations:
            case [Auth(cid=cid, token=token)]:
                entry = Entry(cid, encoding)
                try:
                    self._check_room()
                    await self._authenticate(entry, token)
                except RefusedError as refusal:
                    self.outbox.refuse(entry.encoding, entry.cid, refusal)
                    if refusal.code != Code.OVERLOADED:  # not the client's fault: it may try again
                        self._close_unauthenticated()
            case _:
                self._refuse_unauthenticated(encoding)
        self.outbox.flush()

    async def _authenticate(self, entry: Entry, token: str) -> None:
        try:
            principal = await self._server.identities.authenticate(token)
        except RefusedError as refusal:
            self.outbox.refuse(entry.encoding, entry.cid, refusal)
            self._close_unauthenticated()
            return
        except self._server.unavailable:
            raise RefusedError(Code.OVERLOADED, "The database does not answer; try again shortly") from None
        known = self.principal
        if known is not None and (known.user_id, known.account_type, known.scopes) != (
            principal.user_id,
            principal.account_type,
            principal.scopes,
        ):
            raise RefusedError(
                Code.NOT_ALLOWED,
                "This connection is another user's, or was opened in another role or with other scopes",
            )
        if known is None and not self._hub.join(principal):
            raise RefusedError(Fault.RATE_LIMITED, "Too many command connections")
        if self.watched is not None:
            self._server.identities.unwatch(self.watched)
        self.watched = self._watch_token(self._hub, principal)
        self._waiting.cancel()  # this token may end before the next heartbeat
        ends_at = principal.expires_at
        signed_in = SignedInShape(principal.user_id, int(ends_at * 1000) if ends_at < math.inf else None)
        self.outbox.succeed(entry.encoding, entry.cid, signed_in)
        if known is None:
            self.socket.frame_max = FRAME_MAX
            self._in_flight_max = in_flight_max(principal)
            self._say_hello(principal)

    def _say_hello(self, principal: Principal) -> None:
        self.outbox.add(
            self.outbox.encoding,
            Hello(
                "pm.v1",
                principal.user_id,
                principal.account_type,
                self._durable,
                self._server.clock.now() // 1000,
                Limits(self._in_flight_max),
                principal.scopes,
            ),
        )
        self.outbox.flush()

    # What it wants to hear

    def _subscribe(self, request: Subscribe | Resume) -> None:
        principal = self.principal
        assert principal is not None
        topics, scope = read_topics(request.topics, principal), read_scope(request.scope, principal)
        for market_id in request.markets or ():
            market = self._server.exchange.markets.get(market_id)
            if market is None or not may_see(principal, market):
                raise bad_subscription(f"unknown market {cut(market_id)}")
        if request.markets == []:
            raise bad_subscription("markets must name at least one, or be absent")
        self.interests.add(topics, request.markets, scope)
        self._hub.index(self)

    def _resume(self, entry: Entry, request: Resume) -> None:
        if self._has_resumed or self.interests:
            raise bad_subscription("resume comes once, and before any subscribe")
        head, span = self._durable, self._hub.resume_span
        if request.after > head or head - request.after > span:
            raise RefusedError(
                Fault.CANNOT_RESUME,
                f"Cannot resume after {request.after}: the newest is {head}, at most {span} are told again",
                {"head": head, "max_span": span},
            )
        self._subscribe(request)
        self._has_resumed = True
        self.outbox.succeed(entry.encoding, entry.cid, ResumedShape(request.after + 1, head))
        if request.after < head:
            self.replay_from(request.after)

    def replay_from(self, journal_id: int) -> None:
        """Send the events after `journal_id` from the journal, and from then on as they happen."""
        if self.is_caught_up:
            self.is_caught_up = False
            self.replayed = journal_id
            self.nursery.start_soon(self._hub.replay, self)

    def deliver(self, journal_id: int, events: Sequence[TopicEvent]) -> None:
        """Add the events of one fact that the connection is subscribed to, all to one frame."""
        principal = self.principal
        if principal is None or not self.is_open:
            return
        messages: list[PrivateEvent] = []
        for event in events:
            payload = event.payload
            if not self.interests.cover(event, principal.user_id):
                continue
            # What happens to a draft is public, too, but for its being one.
            if not (event.owners or may_see(principal, self._server.exchange.markets[payload.market_id])):
                continue
            if isinstance(payload, TradeExecuted) and not is_privileged(principal):
                payload = payload.seen_by(principal.user_id)
            self._events += 1
            messages.append(PrivateEvent(self._events, journal_id, event.topic, payload))
        if messages:
            self.outbox.add_events(messages)

    # What goes out

    def _close_undecodable(self, encoding: Encoding, why: Error) -> None:
        self.outbox.add(encoding, why)
        self.outbox.flush()
        self.socket.close(UNDECODABLE, "undecodable frame")

    def _refuse_unauthenticated(self, encoding: Encoding) -> None:
        self.outbox.add(encoding, Error(Fault.NOT_AUTHENTICATED_YET, "Send auth first, and nothing else"))
        self._close_unauthenticated()

    def _close_unauthenticated(self) -> None:
        self.outbox.flush()
        self.socket.close(BAD_TOKEN, "not authenticated")

    @property
    def _durable(self) -> int:
        return self._server.actors.durable

    # Time

    async def _keep_time(self) -> None:
        """Send heartbeats; close when the token expires, or if none was sent in time."""
        while self.is_open:
            now = trio.current_time()
            expires_in = self._expires_in(now)
            if expires_in <= 0:
                self.socket.close(
                    BAD_TOKEN, "no token" if self.principal is None else "the token has expired"
                )
                return
            beat_in = (
                self.outbox.last_written_at + HEARTBEAT - now if self.principal is not None else math.inf
            )
            if beat_in <= 0:
                seq = self._durable if self.is_caught_up else self.replayed
                self.outbox.add(self.outbox.encoding, Heartbeat(seq, self._server.clock.now() // 1000))
                self.outbox.flush()
                continue
            with trio.move_on_after(min(beat_in, expires_in)) as self._waiting:
                await trio.sleep_forever()

    def _expires_in(self, now: float) -> float:
        if self.principal is None:
            return self._began_at + AUTH_TIMEOUT - now
        return self.principal.expires_at - self._server.clock.wall() / MICROSECONDS


def in_flight_max(principal: Principal) -> int:
    return IN_FLIGHT_MAX_MAKERS if principal.is_amm or principal.is_worker else IN_FLIGHT_MAX
