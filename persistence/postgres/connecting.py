"""How a connection to PostgreSQL is made: to the server that takes writes, with the settings we count on.

This side of the bridge runs on asyncio.
"""

import asyncio
import contextlib
import socket
from typing import Any, Final

import asyncpg

from persistence import DatabaseUnusableError
from persistence.postgres.hosts import Host, hosts, place

OLDEST_SERVER: Final = 14
TIMEOUT: Final = 10.0
HOST_TIMEOUT: Final = 2.0
"""For each server, where there are several."""
SILENCE: Final = {"TCP_USER_TIMEOUT": 10_000, "TCP_KEEPIDLE": 4, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 3}
"""A connection over a network has ended after 10 s without a sign of the other side's machine."""


async def reach(url: str) -> "tuple[asyncpg.Connection[Any], Host]":
    named = hosts(url)
    if len(named) == 1:
        raw, host = await _connect(url, timeout=TIMEOUT), named[0]
    else:
        raw, host = await _writable(url, named)
    major = raw.get_server_version().major
    if major < OLDEST_SERVER:
        raw.terminate()
        raise DatabaseUnusableError(
            f"PostgreSQL at {place(url)} is version {major}: {OLDEST_SERVER} or newer is needed"
        )
    _notice_silence(raw)
    # Whoever runs the server may have chosen speed: an acknowledgement of ours means "on disk".
    if await raw.fetchval("SHOW synchronous_commit") in ("off", "local"):
        await raw.execute("SET synchronous_commit = on")
    # A market maker has half of all rows, most users a handful: no plan is right for both.
    await raw.execute("SET plan_cache_mode = force_custom_plan")
    # A statement whose connection was abandoned ends within a second, where the server can notice.
    with contextlib.suppress(asyncpg.InvalidParameterValueError):
        await raw.execute("SET client_connection_check_interval = '1s'")
    return raw, host


async def _connect(url: str, **how: Any) -> "asyncpg.Connection[Any]":
    settings = {"application_name": "verdict", "timezone": "UTC"}
    raw: asyncpg.Connection[Any] = await asyncpg.connect(url, server_settings=settings, **how)
    return raw


async def _writable(url: str, named: list[Host]) -> "tuple[asyncpg.Connection[Any], Host]":
    """The server that takes writes, which is another one after the last has failed.

    All are asked at once: in turns, one that swallows what it is sent would keep us from the next.
    """
    how = {"timeout": HOST_TIMEOUT, "target_session_attrs": "read-write"}
    attempts = {
        host: asyncio.ensure_future(_connect(url, host=host.name, port=host.port, **how)) for host in named
    }
    troubles: dict[Host, str] = {}
    chosen = None
    try:
        while waiting := [attempt for host, attempt in attempts.items() if host not in troubles]:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for host, attempt in attempts.items():
                if not attempt.done():
                    continue
                if (trouble := attempt.exception()) is None:
                    chosen = attempt
                    return attempt.result(), host
                troubles[host] = _why_not(trouble)
    finally:
        for attempt in attempts.values():
            if attempt is not chosen:
                attempt.cancel()
                attempt.add_done_callback(_not_needed)
    told = "; ".join(f"{host} {troubles[host]}" for host in attempts)
    raise DatabaseUnusableError(f"no PostgreSQL takes writes ({told}): promote one, or correct DATABASE_URL")


def _why_not(trouble: BaseException) -> str:
    match trouble:
        case asyncpg.TargetServerAttributeNotMatched():
            return "only reads"
        case TimeoutError():
            return f"gives no answer for {HOST_TIMEOUT:g} seconds"
        case _:
            return f"says: {getattr(trouble, 'strerror', None) or one_line(trouble)}"


def _not_needed(attempt: "asyncio.Future[asyncpg.Connection[Any]]") -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().terminate()


def _notice_silence(raw: "asyncpg.Connection[Any]") -> None:
    with contextlib.suppress(OSError, AttributeError):  # a socket in a folder; a system that knows it not
        raw_socket = socket_of(raw)
        raw_socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in SILENCE.items():
            raw_socket.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def socket_of(raw: "asyncpg.Connection[Any]") -> socket.socket:
    transport: asyncio.Transport = raw._transport  # type: ignore[attr-defined]  # nothing public
    found: socket.socket = transport.get_extra_info("socket")
    return found


def one_line(trouble: object) -> str:
    return " ".join(str(trouble).split()) or type(trouble).__name__
