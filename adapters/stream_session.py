"""One connection of the command stream: commands in, results and private events out, in their order.

A result is written when its outcome is durable and not before; a connection that breaks loses the answers,
not the commands. What must stay in order is kept per market in a lane: commands go to the market in the order
they came, and a `sync` sees all that were sent ahead of it.
"""

import math
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import attrs
import msgspec
import trio

from adapters import render
from adapters.clock import MICROSECONDS
from adapters.identity import Permit, Principal
from adapters.interests import Interests, bad_subscription, is_privileged, read_scope, read_topics
from adapters.lookups import may_see
from adapters.status import STATUS, SUCCESS, Fault, RefusedError
from adapters.stream_admission import admit
from adapters.stream_answers import GuardShape, Later, repeated, view_of
from adapters.stream_wire import (
    BATCH_MAX,
    HEARTBEAT_MS,
    JSON,
    MSGPACK,
    AskPing,
    Auth,
    Encoding,
    Error,
    Heartbeat,
    Hello,
    Limits,
    Operation,
    PrivateEvent,
    Result,
    Resume,
    ServerMessage,
    Subscribe,
    Sync,
    UndecodableError,
    Unreadable,
    Unsubscribe,
    read_frame,
    refused,
)
from adapters.topics import TopicEvent, TradeExecuted
from adapters.websocket import BAD_TOKEN, UNDECODABLE, NotUtf8Error, WebSocket
from kernel.answers import GuardStands, Outcome, Placed, Refusal, Replaced
from kernel.codes import Code
from kernel.commands import AnyCommand

if TYPE_CHECKING:
    from adapters.stream_hub import StreamHub

IN_FLIGHT_MAX: Final = 256
"""Commands of a user that may be without a result."""
IN_FLIGHT_MAX_AMM: Final = 1024
AUTH_PATIENCE: Final = 5.0
"""Seconds a connection may take to say who it is."""
HEARTBEAT: Final = HEARTBEAT_MS / 1000
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
    """What waits behind a `sync` that waits for them."""


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
        self._id = hub.fresh_id()
        self._events = 0
        self._has_resumed = False
        self._items: list[tuple[Encoding, Any]] = []
        self._nursery: trio.Nursery

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
                self._give_up(JSON, "not UTF-8")
            self._nursery.cancel_scope.cancel()

    # What comes in

    async def take(self, received: str | bytes) -> None:
        """Carry out one frame."""
        encoding = JSON if isinstance(received, str) else MSGPACK
        try:
            operations = read_frame(received)
        except UndecodableError as trouble:
            self._give_up(encoding, str(trouble))
            return
        if not operations:
            self.say(encoding, Error(Fault.BAD_BATCH, "An empty batch"))
        run: list[Entry] = []
        lane_of_run: str | None = None
        is_too_long = len(operations) > BATCH_MAX
        for operation in operations:
            if self._is_unanswerable(operation, encoding):
                continue
            assert operation.cid is not None
            entry = Entry(operation.cid, encoding)
            try:
                if is_too_long:
                    raise RefusedError(Fault.BAD_BATCH, f"A batch of more than {BATCH_MAX} commands")
                self._check_room()
                command = admit(self._server, self.principal, operation)
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
        self.flush()

    def _is_unanswerable(self, operation: Operation | Unreadable, encoding: Encoding) -> bool:
        """Without a cid of its own a command can have no result."""
        if operation.cid is None:
            assert isinstance(operation, Unreadable)
            self.say(encoding, Error(operation.refusal.code, operation.refusal.message))
            return True
        if operation.cid in self._in_flight:
            self.say(encoding, Error(Fault.BAD_CID, f"cid {operation.cid} is in flight"))
            return True
        return False

    def _check_room(self) -> None:
        if self._hub.is_stopping:
            raise RefusedError(Fault.SHUTTING_DOWN, "The server is shutting down; this was not executed")
        if len(self._in_flight) >= self._in_flight_max:
            raise RefusedError(
                Fault.TOO_MANY_IN_FLIGHT, f"{self._in_flight_max} commands are without a result already"
            )

    async def _serve(self, entry: Entry, operation: Operation | Unreadable) -> None:
        """What the adapter answers by itself."""
        try:
            match operation:
                case AskPing():
                    self._done(entry, {"server_time_ms": self._server.clock.now() // 1000})
                case Auth(token=token):
                    await self._authenticate(entry, token)
                case Sync():
                    self._in_flight.add(entry.cid)
                    entry.wish = operation
                    self._submit(self._lane_of_sync(operation), [entry])
                case Subscribe():
                    self._subscribe(operation)
                    self._done(entry, {"from": (self.replayed if not self.live else self._durable) + 1})
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
            if isinstance(sync := blocked[0].wish, Sync):
                if lane.outstanding:
                    return
                self._sync(blocked.popleft(), sync)
                continue
            run: list[Entry] = []
            commands: list[AnyCommand] = []
            while blocked and (wish := blocked[0].wish) is not None and not isinstance(wish, Sync):
                run.append(blocked.popleft())
                commands.append(wish)
            self._send(lane_id, lane, run, commands)
        if not lane.outstanding:
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

    def _sync(self, entry: Entry, sync: Sync) -> None:
        """Draw the view as of now; tell it when now is durable."""
        assert self.principal is not None
        try:
            view = view_of(self._server.exchange, self.principal, sync.market_id)
        except RefusedError as refusal:
            self._in_flight.discard(entry.cid)
            self._refuse(entry, refusal)
            return
        result = Result(entry.cid, True, 200, SUCCESS, view.as_of_seq, view)
        if view.as_of_seq <= self._durable:
            self.keep(entry.encoding, result)
        else:
            self._hub.tell_when_durable(view.as_of_seq, self, entry.encoding, result)

    def keep(self, encoding: Encoding, result: Result) -> None:
        """What was promised is durable."""
        self._in_flight.discard(result.cid)
        self.say(encoding, result)

    # Who it is

    async def _authenticate(self, entry: Entry, token: str) -> None:
        try:
            principal = await self._server.identities.holder(token)
        except RefusedError as refusal:
            self._refuse(entry, refusal)
            self.flush()
            self.socket.close(BAD_TOKEN, "not authenticated")
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
        self._done(entry, {"user_id": principal.user_id, "expires_at_ms": principal.expires_at * 1000})
        if known is None:
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
                raise bad_subscription(f"unknown market {market_id!r}")
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
        self._done(entry, {"from": wish.after + 1, "head": head})
        if wish.after < head:
            self.live = False
            self.replayed = wish.after
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

    def _give_up(self, encoding: Encoding, why: str) -> None:
        self.say(encoding, Error(Fault.UNDECODABLE, f"Undecodable frame: {why}"))
        self.flush()
        self.socket.close(UNDECODABLE, "undecodable frame")

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
