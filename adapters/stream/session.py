"""One connection of the command stream: commands in, results and private events out, in their order.

A result is written when its outcome is durable and not before; a connection that breaks loses the answers,
not the commands. What must stay in order is kept per market in a lane: commands go to the market in the order
they came, and a `sync` sees all that were sent ahead of it.
"""

import math
from collections import deque
from collections.abc import AsyncIterator, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import attrs
import msgspec
import trio

from adapters.access.identity import Permit, Principal
from adapters.operations.lookups import may_see
from adapters.runtime.clock import MICROSECONDS
from adapters.sockets.websocket import BAD_TOKEN, FRAME_MAX, UNDECODABLE, NotUtf8Error, WebSocket
from adapters.stream.admission import command_of
from adapters.stream.answers import Later, repeated
from adapters.stream.bounds import UnreadableFrameError
from adapters.stream.interests import Interests, bad_subscription, cut, is_privileged, read_scope, read_topics
from adapters.stream.messages import (
    HEARTBEAT_MS,
    JSON,
    MSGPACK,
    Encoding,
    Error,
    Heartbeat,
    Hello,
    Limits,
    Part,
    PrivateEvent,
    Result,
    ServerMessage,
    Unreadable,
    read_frame,
    refused,
)
from adapters.stream.sync import View, view_of
from adapters.wire import render
from adapters.wire.status import STATUS, SUCCESS, Fault, RefusedError
from adapters.wire.stream_requests import Auth, Message, Ping, Resume, Subscribe, Sync, Unsubscribe
from adapters.wire.stream_responses import (
    GuardShape,
    PongShape,
    ResumedShape,
    SignedInShape,
    SubscribedShape,
)
from adapters.wire.topics import TopicEvent, TradeExecuted
from kernel.answers import GuardStands, Outcome, Placed, Refusal, Replaced
from kernel.codes import Code
from kernel.commands import AnyCommand

if TYPE_CHECKING:
    from adapters.stream.hub import StreamHub

IN_FLIGHT_MAX: Final = 256
"""Commands of a user that may be without a result."""
IN_FLIGHT_MAX_AMM: Final = 1024
INTRODUCTION_MAX: Final = 4096
"""Bytes in which a stranger must say who it is."""
AUTH_PATIENCE: Final = 5.0
"""Seconds a connection may take to say who it is."""
HEARTBEAT: Final = HEARTBEAT_MS / 1000
COMMANDS_A_TURN: Final = 32
"""Commands read or admitted before others get their turn: a millisecond or two if all of them are wrong."""
AHEAD: Final = 65_536
"""Bytes that may wait for the reader when the next portion of much is read for it."""
FRAME_MESSAGES: Final = 256
"""Messages of one frame, from which on the next begins."""


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
    """Whether a view of it is told in parts: results come in the order of their commands."""


@attrs.frozen
class Telling:
    """A view that was drawn, and not told yet."""

    entry: Entry
    view: View
    lane: Lane


class Session:
    """One connection."""

    def __init__(
        self, hub: "StreamHub", socket: WebSocket, encoding: Encoding, principal: Principal | None
    ) -> None:
        self.socket = socket
        self.permit = self._keep(hub, principal) if principal is not None else None
        self.interests = Interests()
        self.live = True
        """Whether events come as they happen; not while a resumption still reads the past."""
        self.guarded = False
        """Whether it counts as the presence that keeps its user's guard from firing."""
        self.replayed = 0
        """How far a resumption has come."""
        self.parts_told = trio.Event()
        """Set but while a large view is told: events wait for its end."""
        self.parts_told.set()
        self._hub = hub
        self._server = hub.server
        self._encoding = encoding
        self._began_at = trio.current_time()
        self._said_at = trio.current_time()
        self._in_flight: set[int] = set()
        is_amm = principal is not None and principal.is_amm
        self._in_flight_max = IN_FLIGHT_MAX_AMM if is_amm else IN_FLIGHT_MAX
        self._lanes: dict[str | None, Lane] = {}
        self._submitted = 0
        self._since_turn = 0
        """Commands handled since others had their turn."""
        self._id = hub.fresh_id()
        self._events = 0
        self._has_resumed = False
        self._items: list[tuple[Encoding, Any]] = []
        self._looked_up = trio.Event()
        self._telling: Telling | None = None
        """One at a time, so that the copies one connection may hold are bounded; other `sync`s wait."""
        self._nursery: trio.Nursery
        if principal is None:
            socket.frame_max = INTRODUCTION_MAX

    @property
    def is_open(self) -> bool:
        return self.socket.is_open

    @property
    def principal(self) -> Principal | None:
        """Whose it is, once it has said so."""
        return self.permit.principal if self.permit is not None else None

    def _keep(self, hub: "StreamHub", principal: Principal) -> Permit:
        """Have the connection closed as soon as what it was opened with opens nothing any more."""
        return hub.server.identities.keep(principal, partial(self.socket.close, BAD_TOKEN))

    async def run(self) -> None:
        """Serve the connection until either side ends it."""
        async with self.socket.open(), trio.open_nursery() as self._nursery:
            self._nursery.start_soon(self._watch)
            if self.principal is not None:
                self._welcome(self.principal)
            try:
                while (received := await self.socket.receive()) is not None:
                    await self.take(received)
            except NotUtf8Error:
                if self.principal is None:
                    self._refuse_stranger(JSON)
                else:
                    self._give_up(JSON, Error(Fault.UNDECODABLE, "Undecodable frame: not UTF-8"))
            self._nursery.cancel_scope.cancel()

    # What comes in

    async def take(self, received: str | bytes) -> None:
        """Carry out one frame."""
        encoding = JSON if isinstance(received, str) else MSGPACK
        if self.principal is None:
            await self._meet(encoding, received)
            return
        try:
            operations = [operation async for operation in self._read(received)]
        except UnreadableFrameError as trouble:
            self._give_up(encoding, Error(trouble.code, str(trouble)))
            return
        if not operations:
            self.say(encoding, Error(Fault.BAD_BATCH, "An empty batch"))
        run: list[Entry] = []
        lane_of_run: str | None = None
        for operation in operations:
            await self._give_way()
            if operation.cid is None:
                break
            if operation.cid in self._in_flight:
                self.say(encoding, Error(Fault.BAD_CID, f"cid {operation.cid} is in flight"))
                continue
            entry = Entry(operation.cid, encoding)
            try:
                self._check_room()
                command = command_of(self._server, self.principal, operation)
            except RefusedError as refusal:
                self._refuse(entry, refusal)
                continue
            if command is None:
                self._submit(lane_of_run, run)
                run = []
                await self._serve(entry, operation)
                continue
            self._in_flight.add(entry.cid)
            entry.wish = command
            lane = self._server.actors.market_of(command)
            if lane != lane_of_run:
                self._submit(lane_of_run, run)
                run, lane_of_run = [], lane
            run.append(entry)
        self._submit(lane_of_run, run)
        if operations and isinstance(last := operations[-1], Unreadable) and last.cid is None:
            self._give_up(encoding, Error(last.refusal.code, last.refusal.message))
        self.flush()

    async def _read(self, received: str | bytes) -> AsyncIterator[Message | Unreadable]:
        """The commands of a frame, up to the first to which nothing can be answered."""
        for operation in read_frame(received):
            await self._give_way()
            yield operation
            if operation.cid is None:
                return

    async def _give_way(self) -> None:
        """Let others have their turn after every so many commands."""
        self._since_turn += 1
        if self._since_turn >= COMMANDS_A_TURN:
            self._since_turn = 0
            await trio.lowlevel.checkpoint()

    def _check_room(self) -> None:
        if self._hub.is_stopping:
            raise RefusedError(Fault.SHUTTING_DOWN, "The server is shutting down; this was not executed")
        if len(self._in_flight) >= self._in_flight_max:
            raise RefusedError(
                Fault.TOO_MANY_IN_FLIGHT, f"{self._in_flight_max} commands are without a result already"
            )

    async def _serve(self, entry: Entry, operation: Message | Unreadable) -> None:
        """What the adapter answers by itself."""
        try:
            match operation:
                case Ping():
                    self._done(entry, PongShape(self._server.clock.now() // 1000))
                case Auth(token=token):
                    await self._authenticate(entry, token)
                case Sync():
                    self._in_flight.add(entry.cid)
                    entry.wish = operation
                    self._submit(self._lane_of_sync(operation), [entry])
                case Subscribe():
                    self._subscribe(operation)
                    heard = self._durable if self.live else self.replayed
                    self._done(entry, SubscribedShape(heard + 1))
                case Unsubscribe(topics=topics, markets=markets):
                    assert self.principal is not None
                    self.interests.remove(read_topics(topics, self.principal), markets)
                    self._hub.index(self)
                    self._done(entry, None)
                case Resume():
                    self._resume(entry, operation)
                case _:
                    raise AssertionError(f"nobody serves {operation}")
        except RefusedError as refusal:
            self._refuse(entry, refusal)

    # Commands on their way to the kernel and back

    def _lane_of_sync(self, operation: Sync) -> str | None:
        return operation.market_id if operation.market_id in self._server.exchange.markets else None

    def _submit(self, lane_id: str | None, run: list[Entry]) -> None:
        if not run:
            return
        lane = self._lanes.setdefault(lane_id, Lane())
        lane.blocked.extend(run)
        self._advance(lane_id, lane)

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
            while blocked and (wish := blocked[0].wish) is not None and not isinstance(wish, Sync):
                run.append(blocked.popleft())
                commands.append(wish)
            self._send(lane_id, lane, run, commands)
        if not lane.outstanding and not lane.is_telling:
            del self._lanes[lane_id]

    def _send(
        self, lane_id: str | None, lane: Lane, run: list[Entry], commands: Sequence[AnyCommand]
    ) -> None:
        self._submitted += 1
        correlation_id = f"{self._id}.{self._submitted}"
        if self._server.actors.submit(commands, correlation_id) is None:
            full = RefusedError(Code.OVERLOADED, "Too many requests are waiting; try again shortly")
            for entry in run:
                self._in_flight.discard(entry.cid)
                self._refuse(entry, full)
            return
        lane.outstanding += len(run)
        self._hub.expect(correlation_id, self, lane_id, run)

    def answer(self, lane_id: str | None, entry: Entry, outcome: Outcome) -> None:
        """The outcome of a command is durable."""
        lane = self._lanes[lane_id]
        lane.outstanding -= 1
        if self.is_open:
            result = self._result(entry, outcome)
            self.say(entry.encoding, result)
            if type(result) is not Later:
                self._in_flight.discard(entry.cid)
        if not lane.outstanding:
            self._advance(lane_id, lane)

    def _result(self, entry: Entry, outcome: Outcome) -> Result | Later:
        answer = outcome.answer
        match answer:
            case Refusal(code=code, message=message, data=reason):
                return refused(entry.cid, outcome.seen, code, STATUS[code], message, reason)
            case Placed(repeated=True) | Replaced(repeated=True):
                later = Later()
                self._nursery.start_soon(self._look_up, entry, outcome, later)
                return later
            case GuardStands(grace_ms=grace_ms, markets=markets):
                self._guard(grace_ms)
                return Result(entry.cid, True, 200, SUCCESS, outcome.seen, GuardShape(grace_ms, markets))
            case _:
                status, data = render.outcome(outcome, display=False)
                return Result(entry.cid, True, status, SUCCESS, outcome.seen, data)

    def _guard(self, grace_ms: int | None) -> None:
        """From now on this connection is what keeps the user's guard from firing."""
        assert self.principal is not None
        if grace_ms is not None and not self.guarded:
            self.guarded = True
            self._hub.guards.came(self.principal.user_id)

    async def _look_up(self, entry: Entry, outcome: Outcome, later: Later) -> None:
        later.message = await repeated(self._server, entry.cid, outcome)
        self._in_flight.discard(entry.cid)
        self.flush()
        self._looked_up.set()
        self._looked_up = trio.Event()

    def _sync(self, lane: Lane, entry: Entry, sync: Sync) -> None:
        """Draw the view as of now; tell it when now is durable."""
        assert self.principal is not None
        try:
            view = view_of(self._server.exchange, self.principal, sync.market_id)
        except RefusedError as refusal:
            self._in_flight.discard(entry.cid)
            self._refuse(entry, refusal)
            return
        self._telling = Telling(entry, view, lane)
        lane.is_telling = view.is_large
        if view.as_of_seq <= self._durable:
            self.tell()
        else:
            self._hub.tell_when_durable(view.as_of_seq, self)

    def tell(self) -> None:
        """The view that was drawn is durable. A large one is told as fast as it is read.

        What happens meanwhile comes behind it, out of the journal, so that it is not told before it.
        """
        if not self.is_open:
            return
        assert self._telling is not None
        if self._telling.view.is_large:
            self.parts_told = trio.Event()
            self._go_live_from(self._telling.view.as_of_seq)
            self._nursery.start_soon(self._tell_parts, self._telling)
        else:
            self._tell_rest(self._telling)

    async def _tell_parts(self, telling: Telling) -> None:
        entry, view = telling.entry, telling.view
        for part in view.parts():
            self.say(entry.encoding, Part(entry.cid, view.as_of_seq, part))
            await self.keep_pace()
        self._tell_rest(telling)
        self.flush()
        self.parts_told.set()

    def _tell_rest(self, telling: Telling) -> None:
        entry, view = telling.entry, telling.view
        self._in_flight.discard(entry.cid)
        self.say(entry.encoding, Result(entry.cid, True, 200, SUCCESS, view.as_of_seq, view.rest()))
        self._nursery.start_soon(self._sync_next)

    async def _sync_next(self) -> None:
        """The next view when this one is with the reader: many small ones are as much as a large one."""
        await self.keep_pace()
        assert self._telling is not None
        self._telling.lane.is_telling = False
        self._telling = None
        for lane_id, lane in list(self._lanes.items()):
            if not lane.outstanding or lane.blocked:
                self._advance(lane_id, lane)
        self.flush()

    @property
    def is_busy(self) -> bool:
        """Whether events have to wait: for what is told in parts, for what is looked up, for the reader."""
        return not self.parts_told.is_set() or bool(self._items) or self.socket.waiting > AHEAD

    async def keep_pace(self) -> None:
        """Wait until what was said is with the reader, all but a little, and give others a turn."""
        self.flush()
        await trio.lowlevel.checkpoint()
        while self._items and self.is_open:
            await self._looked_up.wait()
        if self.socket.waiting > AHEAD:
            await self.socket.drained()  # who is too slow for this little is sent off by the socket

    # Who it is

    async def _meet(self, encoding: Encoding, received: str | bytes) -> None:
        """A stranger says who it is, or goes."""
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
                    self._refuse(entry, refusal)
                    if refusal.code != Code.OVERLOADED:  # not its fault: it may try again
                        self._turn_away()
            case _:
                self._refuse_stranger(encoding)
        self.flush()

    async def _authenticate(self, entry: Entry, token: str) -> None:
        try:
            principal = await self._server.identities.holder(token)
        except RefusedError as refusal:
            self._refuse(entry, refusal)
            self._turn_away()
            return
        except self._server.unavailable:
            raise RefusedError(Code.OVERLOADED, "The database does not answer; try again shortly") from None
        known = self.principal
        if known is not None and (known.user_id, known.account_type) != (
            principal.user_id,
            principal.account_type,
        ):
            raise RefusedError(
                Code.NOT_ALLOWED, "This connection is another user's, or was opened in another role"
            )
        if known is None and not self._hub.join(principal):
            raise RefusedError(Fault.RATE_LIMITED, "Too many command connections")
        if self.permit is not None:
            self._server.identities.let_go(self.permit)
        self.permit = self._keep(self._hub, principal)
        self._done(entry, SignedInShape(principal.user_id, principal.expires_at * 1000))
        if known is None:
            self.socket.frame_max = FRAME_MAX
            self._in_flight_max = IN_FLIGHT_MAX_AMM if principal.is_amm else IN_FLIGHT_MAX
            self._welcome(principal)

    def _welcome(self, principal: Principal) -> None:
        self.say(
            self._encoding,
            Hello(
                "pm.v1",
                principal.user_id,
                principal.account_type,
                self._durable,
                self._server.clock.now() // 1000,
                Limits(self._in_flight_max),
            ),
        )
        self.flush()

    # What it wants to hear

    def _subscribe(self, wish: Subscribe | Resume) -> None:
        principal = self.principal
        assert principal is not None
        topics, scope = read_topics(wish.topics, principal), read_scope(wish.scope, principal)
        for market_id in wish.markets or ():
            market = self._server.exchange.markets.get(market_id)
            if market is None or not may_see(principal, market):
                raise bad_subscription(f"unknown market {cut(market_id)}")
        if wish.markets == []:
            raise bad_subscription("markets must name at least one, or be absent")
        self.interests.add(topics, wish.markets, scope)
        self._hub.index(self)

    def _resume(self, entry: Entry, wish: Resume) -> None:
        if self._has_resumed or self.interests:
            raise bad_subscription("resume comes once, and before any subscribe")
        head, span = self._durable, self._hub.resume_span
        if wish.after > head or head - wish.after > span:
            raise RefusedError(
                Fault.CANNOT_RESUME,
                f"Cannot resume after {wish.after}: the newest is {head}, at most {span} are told again",
                {"head": head, "max_span": span},
            )
        self._subscribe(wish)
        self._has_resumed = True
        self._done(entry, ResumedShape(wish.after + 1, head))
        if wish.after < head:
            self._go_live_from(wish.after)

    def _go_live_from(self, journal_id: int) -> None:
        """From there on events come out of the journal, until nothing is missing; unless they do already."""
        if self.live:
            self.live = False
            self.replayed = journal_id
            self._nursery.start_soon(self._hub.replay, self)

    def deliver(self, journal_id: int, events: Sequence[TopicEvent]) -> None:
        """What one fact means to this connection, all of it in one frame."""
        principal = self.principal
        if principal is None or not self.is_open:
            return
        messages: list[ServerMessage] = []
        for event in events:
            if not self.interests.cover(event, principal.user_id):
                continue
            payload = event.payload
            if isinstance(payload, TradeExecuted) and not is_privileged(principal):
                payload = payload.seen_by(principal.user_id)
            self._events += 1
            messages.append(PrivateEvent(self._events, journal_id, event.topic, payload))
        if messages:
            self._items.append((self._encoding, messages))
            self._hub.touch(self)

    # What goes out

    def say(self, encoding: Encoding, message: ServerMessage | Later) -> None:
        """Append a message to what the next `flush` writes."""
        self._items.append((encoding, message))
        self._hub.touch(self)

    def flush(self) -> None:
        """Write what was said, as few frames as its kinds allow, and all of them at once."""
        items, self._items = self._items, []
        frames: list[bytes] = []
        messages: list[ServerMessage] = []
        kind = self._encoding
        for position, (encoding, said) in enumerate(items):
            if type(said) is Later:
                if said.message is None:
                    self._items = items[position:]
                    break
                said = said.message
            if messages and (encoding is not kind or len(messages) >= FRAME_MESSAGES):
                frames.append(kind.write(messages))
                messages = []
            kind = encoding
            if type(said) is list:
                messages += said
            else:
                messages.append(said)
        if messages:
            frames.append(kind.write(messages))
        if frames:
            self.socket.send(b"".join(frames))
            self._said_at = trio.current_time()

    def _done(self, entry: Entry, data: object) -> None:
        self.say(entry.encoding, Result(entry.cid, True, 200, SUCCESS, self._durable, data))

    def _refuse(self, entry: Entry, refusal: RefusedError) -> None:
        result = refused(
            entry.cid, self._durable, refusal.code, refusal.status, refusal.message, refusal.data
        )
        self.say(entry.encoding, result)

    def _give_up(self, encoding: Encoding, why: Error) -> None:
        self.say(encoding, why)
        self.flush()
        self.socket.close(UNDECODABLE, "undecodable frame")

    def _refuse_stranger(self, encoding: Encoding) -> None:
        self.say(encoding, Error(Fault.NOT_AUTHENTICATED_YET, "Send auth first, and nothing else"))
        self._turn_away()

    def _turn_away(self) -> None:
        self.flush()
        self.socket.close(BAD_TOKEN, "not authenticated")

    @property
    def _durable(self) -> int:
        return self._server.actors.durable

    # Time

    async def _watch(self) -> None:
        """Heartbeats, and the end of a token or of the time to send one."""
        while self.is_open:
            now = trio.current_time()
            expires_in = self._expires_in(now)
            if expires_in <= 0:
                self.socket.close(
                    BAD_TOKEN, "no token" if self.principal is None else "the token has expired"
                )
                return
            beat_in = self._said_at + HEARTBEAT - now if self.principal is not None else math.inf
            if beat_in <= 0:
                seq = self._durable if self.live else self.replayed
                self.say(self._encoding, Heartbeat(seq, self._server.clock.now() // 1000))
                self.flush()
                continue
            await trio.sleep(min(beat_in, expires_in))

    def _expires_in(self, now: float) -> float:
        if self.principal is None:
            return self._began_at + AUTH_PATIENCE - now
        return self.principal.expires_at - self._server.clock.wall() / MICROSECONDS
