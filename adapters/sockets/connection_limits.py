"""How many connections may be open at once, in all and from one address. Others are refused.

No address can take all connections, so callers from elsewhere are always served. A trusted proxy speaks for
many clients, so it has no limit of its own.
"""

import contextlib
import resource
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final

import attrs
import trio

from adapters.access.addresses import counted_address, is_within
from adapters.runtime.clock import Clock
from adapters.runtime.setting_values import Network
from adapters.runtime.settings import Settings
from adapters.sockets.refusals import send_refusal
from adapters.wire.status import RefusedError
from kernel.codes import Code

UNLIMITED: Final = 0
FILES_BESIDE: Final = 256
"""Open files besides connections of clients: the database, snapshots, what Python opens."""
REFUSALS_AT_ONCE: Final = 64
"""Clients that get a refusal at the same time; any more are disconnected without one."""
ASKING_SECONDS: Final = 1.0
"""How long to wait for the request before refusing: an answer sent before the request is often lost."""

Serve = Callable[[trio.SocketStream], Awaitable[None]]


@attrs.define
class ConnectionCounts:
    """Open connections, in all and by address, and their limits."""

    most: int
    most_each: int
    proxies: tuple[Network, ...] = ()
    """Addresses that speak for many clients."""
    total: int = 0
    _by_address: Counter[str] = attrs.field(factory=Counter)

    def enter(self, address: str) -> bool:
        """Count a connection; False if there are too many. Each that was counted must `leave`."""
        of = counted_address(address)
        is_full = self.most != UNLIMITED and self.total >= self.most
        is_too_many = self.most_each != UNLIMITED and self._by_address[of] >= self.most_each
        if is_full or (is_too_many and not is_within(address, self.proxies)):
            return False
        self.total += 1
        self._by_address[of] += 1
        return True

    def leave(self, address: str) -> None:
        of = counted_address(address)
        self.total -= 1
        self._by_address[of] -= 1
        if not self._by_address[of]:
            del self._by_address[of]


class ConnectionLimits:
    """Lets connections through, or refuses them."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        most = raise_file_limit(settings.connections)
        self.counts = ConnectionCounts(most, settings.connections_per_address, settings.trusted_proxies)
        self.turned_away = 0
        self._refusing = 0
        self.clock = clock

    async def serve(self, stream: trio.SocketStream, serve: Serve) -> None:
        """Serve a connection, or refuse it if there are too many."""
        try:
            address = stream.socket.getpeername()[0]
        except OSError:
            return  # gone already
        if not self.counts.enter(address):
            await self._turn_away(stream)
            return
        try:
            await serve(stream)
        finally:
            self.counts.leave(address)

    async def _turn_away(self, stream: trio.SocketStream) -> None:
        self.turned_away += 1
        if self._refusing >= REFUSALS_AT_ONCE:
            return
        self._refusing += 1
        try:
            with trio.move_on_after(ASKING_SECONDS), contextlib.suppress(trio.BrokenResourceError):
                await stream.receive_some()
            refusal = RefusedError(Code.OVERLOADED, "Too many connections; close some, or try again later")
            await send_refusal(stream, refusal, self.clock)
        finally:
            self._refusing -= 1


def raise_file_limit(connections: int) -> int:
    """Raise the limit on open files as far as needed and allowed; return how many connections fit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard if connections == UNLIMITED else connections + FILES_BESIDE
    if soft < wanted:
        soft = min(wanted, hard) if hard != resource.RLIM_INFINITY else wanted
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    allowed = max(1, soft - FILES_BESIDE)
    return allowed if connections == UNLIMITED else min(connections, allowed)
