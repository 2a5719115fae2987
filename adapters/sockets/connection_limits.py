"""How many may be connected at once: in all, and from one address. Whoever is too many is told so.

One address must not take all the room: who comes from elsewhere is served meanwhile. A trusted proxy speaks
for many, so it has no limit of its own.
"""

import contextlib
import resource
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final

import attrs
import trio

from adapters.access.addresses import household, is_within
from adapters.runtime.clock import Clock
from adapters.runtime.settings import Network, Settings
from adapters.sockets.refusals import send_refusal
from adapters.wire.status import RefusedError
from kernel.codes import Code

UNLIMITED: Final = 0
FILES_BESIDE: Final = 256
"""Open files that are no connections of clients: the database's, snapshots, what Python opens."""
TOLD_AT_ONCE: Final = 64
"""Clients that are told that there is no room; more than that are hung up on."""
ASKING_SECONDS: Final = 1.0
"""In which whoever is turned away has to ask, for an answer ahead of the question is often lost."""

Serve = Callable[[trio.SocketStream], Awaitable[None]]


@attrs.define
class Room:
    """So many in all, so many of each address."""

    most: int
    most_each: int
    everybodys: tuple[Network, ...] = ()
    """Addresses behind which there are many."""
    here: int = 0
    _by_household: Counter[str] = attrs.field(factory=Counter)

    def enter(self, address: str) -> bool:
        """False if there is no room; who has come in leaves some day."""
        of = household(address)
        is_full = self.most != UNLIMITED and self.here >= self.most
        is_too_many = self.most_each != UNLIMITED and self._by_household[of] >= self.most_each
        if is_full or (is_too_many and not is_within(address, self.everybodys)):
            return False
        self.here += 1
        self._by_household[of] += 1
        return True

    def leave(self, address: str) -> None:
        of = household(address)
        self.here -= 1
        self._by_household[of] -= 1
        if not self._by_household[of]:
            del self._by_household[of]


class ConnectionLimits:
    """Stands before all connections."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        most = room_for(settings.connections)
        self.room = Room(most, settings.connections_per_address, settings.trusted_proxies)
        self.turned_away = 0
        self._told = 0
        self.clock = clock

    async def serve(self, stream: trio.SocketStream, serve: Serve) -> None:
        """Serve a connection, if there is room for it."""
        try:
            address = stream.socket.getpeername()[0]
        except OSError:
            return  # gone already
        if not self.room.enter(address):
            await self._turn_away(stream)
            return
        try:
            await serve(stream)
        finally:
            self.room.leave(address)

    async def _turn_away(self, stream: trio.SocketStream) -> None:
        self.turned_away += 1
        if self._told >= TOLD_AT_ONCE:
            return
        self._told += 1
        try:
            with trio.move_on_after(ASKING_SECONDS), contextlib.suppress(trio.BrokenResourceError):
                await stream.receive_some()
            refusal = RefusedError(Code.OVERLOADED, "Too many connections; close some, or try again later")
            await send_refusal(stream, refusal, self.clock)
        finally:
            self._told -= 1


def room_for(connections: int) -> int:
    """Have the system allow so many sockets, or else as many as it will."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard if connections == UNLIMITED else connections + FILES_BESIDE
    if soft < wanted:
        soft = min(wanted, hard) if hard != resource.RLIM_INFINITY else wanted
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    allowed = max(1, soft - FILES_BESIDE)
    return allowed if connections == UNLIMITED else min(connections, allowed)
