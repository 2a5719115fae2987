"""A follower's side of the link: attaches to whoever leads, and takes what it tells until the line ends."""

import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Final, Protocol, cast

import attrs
import msgspec
import structlog
import trio

from adapters.access.rate_limits import RateLimits
from adapters.link.node import Node, Passage, Telling
from adapters.link.wire import (
    Beat,
    Bye,
    Counted,
    Forwarded,
    Hello,
    Line,
    LinkError,
    Presence,
    Refused,
    Standing,
    Told,
    Welcome,
    dialled,
    read_from_leader,
)
from adapters.service.guards import Guards

log = structlog.get_logger(__name__)

BEHIND_SECONDS: Final = 1.0
"""Whoever is further behind does not call itself ready."""


class TurnedAwayError(Exception):
    """Whoever leads does not take this process for a follower. The message is one line."""


class Tail(Protocol):
    """The journal behind a place, checked link by link."""

    @property
    def head(self) -> int: ...
    def take(self, group: bytes) -> Sequence[Passage]: ...
    def read(self, upto: int, digest: bytes) -> AsyncIterator[Sequence[Passage]]: ...


@attrs.define(eq=False)
class Follower:
    """This process, while another one leads."""

    node: Node
    tail: Tail
    folder: Path
    program: str
    gateway: str
    guards: Guards
    limits: RateLimits
    silence: float
    """Seconds without a sign of life after which a leader counts as gone."""
    confirmed_at: float = -1e9
    """When the database had last confirmed, as far as is known here, that whoever leads does."""
    leaders_head: int = 0
    """The newest journal id that the leader has told of."""
    is_attached: bool = False
    _behind_since: float | None = None
    _count: Callable[[], None] = lambda: None
    """Tells the others what was counted here."""

    @property
    def age(self) -> float:
        """For how many seconds nobody has confirmed that what is here is all there is."""
        return trio.current_time() - self.confirmed_at

    @property
    def lag_seconds(self) -> float:
        return 0.0 if self._behind_since is None else trio.current_time() - self._behind_since

    @property
    def lag_events(self) -> int:
        return max(0, self.leaders_head - self.node.durable)

    async def follow(self) -> bool:
        """Follow until the line ends; False if there was nobody to follow.

        Raises `TurnedAwayError` if the leader will not have us.
        """
        stream = await dialled(self.folder)
        if stream is None:
            return False
        line, why = Line(stream), ""
        try:
            async with stream, trio.open_nursery() as nursery:
                nursery.start_soon(line.run)
                why = await self._attached(line)
                nursery.cancel_scope.cancel()
        except* (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        except* (LinkError, msgspec.DecodeError) as troubles:
            log.warning("the link was cut", why=str(troubles.exceptions[0]))
        finally:
            was_attached, self.is_attached = self.is_attached, False
            self.node.forward = None
            self.guards.on_presence = lambda user_id, is_here: None
            if was_attached:
                log.warning("the leader is gone, or does not answer")
        if why:
            raise TurnedAwayError(f"the leader turns this process away: {why}")
        return was_attached

    async def _attached(self, line: Line) -> str:
        """Follow on this line until it ends; returns why the leader will not have us, if so."""
        line.send(Hello(self.program, self.gateway))
        frames = line.frames()
        frame = b""
        with trio.move_on_after(self.silence):
            frame = await anext(frames, b"")
        if not frame:
            return ""
        welcome = read_from_leader(frame)
        if isinstance(welcome, Bye):
            return welcome.why
        if not isinstance(welcome, Welcome):
            raise LinkError("the leader does not say where the journal is")
        await self.catch_up(welcome.head, welcome.digest)
        self._begin(line, welcome.head)
        while True:
            frame = b""
            with trio.move_on_after(self.silence):
                frame = await anext(frames, b"")
            if not frame:
                return ""
            await self._take(line, read_from_leader(frame))

    async def catch_up(self, head: int, digest: bytes) -> None:
        """Read what was missed; a row behind `head` may be here already, and is told of again."""
        if self.tail.head < head:
            reading = self.tail.read(head, digest)
            async with aclosing(cast("AsyncGenerator[Sequence[Passage], None]", reading)) as batches:
                async for passages in batches:
                    await self._tell(self.node.take_missed(passages))

    def _begin(self, line: Line, head: int) -> None:
        self.leaders_head = head
        self.limits.share()

        def count() -> None:
            if (counted := Counted(*self.limits.taken())).counts:
                line.send(counted)

        def forward(asked: Forwarded) -> None:
            count()
            line.send(asked)

        for user_id in self.guards.present:
            line.send(Presence(user_id, True))
        self.guards.on_presence = lambda user_id, is_here: line.send(Presence(user_id, is_here))
        for asked in self.node.unanswered():
            line.send(asked)
        self.node.forward = forward
        self.node.takes_more = True
        self.is_attached = True
        self._count = count
        line.send(Standing(os.getpid(), self.node.durable))
        log.info("following", head=self.node.durable)

    async def _take(self, line: Line, said: object) -> None:
        match said:
            case Told(results, group):
                is_news = group is not None and group.last > self.tail.head
                passages = self.tail.take(group.rows) if group is not None and is_news else ()
                await self._tell(self.node.take(passages, results))
                self.leaders_head = max(self.leaders_head, self.node.durable)
            case Refused(n):
                self.node.refuse(n)
            case Beat(head, age):
                self.confirmed_at = trio.current_time() - age
                self.leaders_head = max(self.leaders_head, head)
                if self.node.durable >= head:
                    self._behind_since = None
                elif self._behind_since is None:
                    self._behind_since = trio.current_time()
                line.send(Standing(os.getpid(), self.node.durable))
                self._count()
            case Counted(window, counts):
                self.limits.count_elsewhere(window, counts)
            case Bye():
                self.node.forward = None
            case _:
                raise LinkError("the leader says what a follower has no use for")

    async def _tell(self, tellings: list[Telling]) -> None:
        for place, telling in enumerate(tellings):
            if place:
                await trio.lowlevel.cancel_shielded_checkpoint()
            self.node.tell(telling)
