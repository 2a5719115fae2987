"""The leader's side of the link: takes commands of followers, and tells each what has become durable.

Everything that is decided reaches a follower in the journal's order. The results of its own commands come
ahead of the transaction that holds their facts, so its answers never speak of a state that it does not show.
A follower that does not read is cut off and forgotten; it loses nothing by that, and the leader neither.
"""

import contextlib
import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import attrs
import msgspec
import structlog
import trio

from adapters.access.rate_limits import RateLimits
from adapters.link.wire import (
    NO_GROUP,
    Asks,
    Beat,
    Bye,
    Counted,
    Forwarded,
    Group,
    Hello,
    Line,
    LinkError,
    Node,
    Nodes,
    Presence,
    Refused,
    Result,
    Standing,
    ToldRaw,
    Welcome,
    encode,
    is_ours,
    read_from_follower,
    short,
)
from adapters.runtime.clock import Clock
from adapters.service.guards import Guards
from kernel.actors import Actors
from kernel.answers import Unfinished
from kernel.journal import Decided

log = structlog.get_logger(__name__)

BEAT: Final = 0.25
"""Seconds between two signs of life, and between two tellings of what was counted elsewhere."""
LAST_WORDS: Final = 5.0
"""Seconds that commands under way get when the leader steps back."""


class Transaction(Protocol):
    """A group of the journal."""

    @property
    def first(self) -> int: ...
    @property
    def last(self) -> int: ...
    @property
    def rows(self) -> bytearray: ...


class Writer(Protocol):
    """The journal, as far as the link asks it."""

    on_commit: Callable[[Any, bytes], None]

    @property
    def end(self) -> tuple[int, bytes]: ...


@attrs.define(eq=False)
class Waiting:
    """Commands of a follower that are not all decided."""

    gateway: str
    n: int
    at: int
    commands: Sequence[object]
    decided: int = 0


@attrs.define(eq=False)
class Attached:
    """A follower, while its line holds."""

    gateway: str
    line: Line
    results: list[Result] = attrs.field(factory=list)
    """Of its commands, that wait for the transaction of the moment."""
    present: set[str] = attrs.field(factory=set)
    """Users whose guards do not fire because they are connected there."""
    standing: Standing = attrs.field(factory=lambda: Standing(0, 0))
    is_in: bool = False
    """It was told where the journal is, and hears all that comes behind that."""
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    over: trio.Event = attrs.field(factory=trio.Event)


@attrs.define(eq=False)
class Leader:
    """All followers of one leader."""

    actors: Actors
    journal: Writer
    clock: Clock
    guards: Guards
    limits: RateLimits
    age: Callable[[], float]
    """Seconds since the database has confirmed that this process leads."""
    program: str
    step_back: Callable[[], None]
    """Have another process lead."""
    has_led_others: bool = attrs.field(default=False, init=False)
    """Whether there is, or was, somebody who would take over."""
    _followers: dict[str, Attached] = attrs.field(factory=dict, init=False)
    _under_way: dict[str, Waiting] = attrs.field(factory=dict, init=False)
    """By correlation id."""
    _of_gateway: Counter[str] = attrs.field(factory=Counter, init=False)
    _untold: Transaction | None = attrs.field(default=None, init=False)
    """On the disk, and not told of to its end."""
    _before: bytes = attrs.field(default=b"", init=False)
    """The digest that it continues."""
    _told: trio.Event = attrs.field(factory=trio.Event, init=False)
    _is_leaving: bool = attrs.field(default=False, init=False)

    @property
    def followers(self) -> int:
        return sum(one.is_in for one in self._followers.values())

    # What the journal and the actors tell

    def committed(self, group: Transaction, before: bytes) -> None:
        self._untold, self._before = group, before

    def hear(self, decided: Sequence[Decided]) -> None:
        """Note the results for others; send them with the transaction, once all of it may be told."""
        under_way = self._under_way
        if under_way:
            for one in decided:
                waiting = under_way.get(one.correlation_id)
                if waiting is not None and type(one.outcome.answer) is not Unfinished:
                    self._note(waiting, one)
        group = self._untold
        if group is not None:
            if decided[-1].outcome.seen < group.last:
                return
            self._untold = None
        raw = NO_GROUP if group is None else None
        for follower in self._followers.values():
            if not follower.is_in or (group is None and not follower.results):
                continue
            if raw is None:
                assert group is not None
                raw = msgspec.Raw(encode(Group(group.last, bytes(group.rows))))
            results, follower.results = follower.results, []
            follower.line.send(ToldRaw(results, raw))
        self._told.set()
        self._told = trio.Event()

    def _note(self, waiting: Waiting, one: Decided) -> None:
        place = waiting.decided
        waiting.decided += 1
        if waiting.decided == len(waiting.commands):
            del self._under_way[one.correlation_id]
            self._of_gateway[waiting.gateway] -= 1
        follower = self._followers.get(waiting.gateway)
        if follower is None or not follower.is_in:
            return  # it reads the journal, and asks again for what is not there
        outcome = one.outcome
        other = None if one.command is waiting.commands[place] else one.command
        follower.results.append(Result(waiting.n, outcome.seen, len(outcome.facts), waiting.at, other))

    # Followers come and go

    async def serve(
        self, folder: Path, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Take followers until cancelled. Where the folder cannot be written there are none."""
        try:
            socket = await listening(folder)
        except OSError as trouble:
            log.warning("nobody can follow this process", folder=str(folder), why=trouble.strerror)
            task_status.started()
            return
        self.journal.on_commit = self.committed
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._beat)
            task_status.started()
            await trio.serve_listeners(self._meet, [trio.SocketListener(socket)])

    async def bye(self) -> None:
        """Take nothing more; return when all that was taken is decided and told."""
        self._is_leaving = True
        for follower in self._followers.values():
            follower.line.send(Bye(""))
        with trio.move_on_after(LAST_WORDS):
            while self._under_way:
                await self._told.wait()
            for follower in list(self._followers.values()):
                await follower.line.flushed()

    async def _beat(self) -> None:
        while True:
            self.tell_counts("", Counted(*self.limits.taken()))
            for follower in self._followers.values():
                if follower.is_in:
                    follower.line.send(Beat(self.actors.durable, self.age()))
            await trio.sleep(BEAT)

    async def _meet(self, stream: trio.SocketStream) -> None:
        async with stream:
            if not is_ours(stream):
                return
            try:
                await self._converse(Line(stream))
            except* (LinkError, msgspec.DecodeError) as troubles:
                log.warning("a follower was cut off", why=str(troubles.exceptions[0]))
            except* (trio.BrokenResourceError, trio.ClosedResourceError):
                pass  # it hung up, which is how each of them ends

    async def _converse(self, line: Line) -> None:
        frames = line.frames()
        first = read_from_follower(await anext(frames, b""))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(line.run)
            if isinstance(first, Asks):
                line.send(self._answer(first))
                await line.flushed()
                await anext(frames, None)
            elif isinstance(first, Hello):
                if first.program != self.program:
                    line.send(Bye("it is another version of the program: start all from the same one"))
                    await line.flushed()
                else:
                    await self._attend(Attached(first.gateway, line))
            nursery.cancel_scope.cancel()

    def _answer(self, asked: Asks) -> Nodes:
        head = self.actors.durable
        nodes = [Node(os.getpid(), "leader", head, 0)]
        followers = [one.standing for one in self._followers.values() if one.is_in]
        nodes += [Node(one.pid, "follower", one.head, max(0, head - one.head)) for one in followers]
        refusal = ""
        if asked.hand_over:
            if not followers:
                refusal = "nobody follows who could lead"
            else:
                self.step_back()
        return Nodes(nodes, refusal)

    async def _attend(self, follower: Attached) -> None:
        """Serve one follower, once its last line is closed and all that came on it is decided."""
        gateway = follower.gateway
        while (last := self._followers.get(gateway)) is not None:
            last.scope.cancel()
            await last.over.wait()
        self._followers[gateway] = follower
        try:
            with follower.scope:
                while self._of_gateway[gateway]:
                    await self._told.wait()
                self.has_led_others = True
                self.limits.share()
                group = self._untold
                head, digest = self.journal.end if group is None else (group.first - 1, self._before)
                follower.line.send(Welcome(head, digest))
                follower.is_in = True
                log.info("a follower is attached", follower=gateway)
                async for frame in follower.line.frames():
                    self._take(follower, read_from_follower(frame))
        finally:
            del self._followers[gateway]
            for user_id in follower.present:
                self.guards.disconnected(user_id)
            follower.over.set()
            log.info("a follower is gone", follower=gateway)

    def _take(self, follower: Attached, said: object) -> None:
        match said:
            case Forwarded() if not self._is_leaving:
                self._submit(follower, said)
            case Presence(user_id, is_here):
                if is_here and user_id not in follower.present:
                    follower.present.add(user_id)
                    self.guards.connected(user_id)
                elif not is_here and user_id in follower.present:
                    follower.present.discard(user_id)
                    self.guards.disconnected(user_id)
            case Counted(window, counts):
                self.limits.count_elsewhere(window, counts)
                self.tell_counts(follower.gateway, said)
            case Standing():
                follower.standing = said
            case _:
                pass

    def tell_counts(self, source: str, counted: Counted) -> None:
        """Tell what was counted in one process to all others."""
        for other in self._followers.values() if counted.counts else ():
            if other.is_in and other.gateway != source:
                other.line.send(counted)

    def _submit(self, follower: Attached, said: Forwarded) -> None:
        """Have them decided. They get their time here, as all others do: when they are handed over."""
        now = self.clock.now()
        commands = [msgspec.structs.replace(command, at=now) for command in said.commands]
        name = said.correlation_id
        if not commands or name in self._under_way or self.actors.submit(commands, name) is None:
            follower.line.send(Refused(said.n))
            return
        self._under_way[name] = Waiting(follower.gateway, said.n, now, commands)
        self._of_gateway[follower.gateway] += 1


async def listening(folder: Path) -> trio.socket.SocketType:
    """The socket of the link. One that is there is left over from somebody who led before."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    opened, path = short(folder)
    try:
        with contextlib.suppress(FileNotFoundError):
            Path(path).unlink()
        socket = trio.socket.socket(trio.socket.AF_UNIX)
        await socket.bind(path)
        Path(path).chmod(0o600)
        socket.listen()
    finally:
        os.close(opened)
    return socket
