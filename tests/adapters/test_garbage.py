"""The search for garbage holds nobody up, however much stays; and what it never looks at holds no garbage."""

import contextlib
import gc
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
import trio

from adapters.access.tokens import TokenType
from adapters.cli.serve import running
from adapters.runtime import garbage
from adapters.runtime.clock import Clock
from kernel.codes import AMM_ID
from tests.adapters.crowded import settings_of
from tests.adapters.serving import tokens

LIMIT_MS: Final = 20.0
UPGRADE: Final = (
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
GOODBYE: Final = b"\x88\x82\0\0\0\0\x03\xe8"


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


class Searches:
    """How long each search took, by the processor's time."""

    def __init__(self) -> None:
        self.longest_ms = 0.0
        self.count = Counter[int]()
        self._since = 0

    def __call__(self, phase: str, info: dict[str, Any]) -> None:
        if phase == "start":
            self._since = time.thread_time_ns()
            return
        self.longest_ms = max(self.longest_ms, (time.thread_time_ns() - self._since) / 1e6)
        self.count[info["generation"]] += 1


@contextlib.asynccontextmanager
async def searching() -> AsyncIterator[Searches]:
    searches = Searches()
    gc.collect()
    garbage.begin()
    gc.callbacks.append(searches)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(garbage.run)
            yield searches
            nursery.cancel_scope.cancel()
    finally:
        gc.callbacks.remove(searches)


async def test_no_search_is_long_however_much_is_kept() -> None:
    """With Python's own schedule one of them would go through all of it."""
    kept: list[list[list[int]]] = []
    async with searching() as searches:
        for _ in range(300):
            kept.append([[] for _ in range(1_000)])
            await trio.sleep(0.004)
    assert searches.longest_ms < LIMIT_MS
    assert searches.count[0] > 30
    assert searches.count[1] > 5
    assert searches.count[2] == 0


async def test_no_search_is_long_where_as_much_is_dropped_as_comes() -> None:
    """The number of objects stays the same, by which alone nobody would look."""
    present = deque[list[list[int]]]([[] for _ in range(1_000)] for _ in range(200))
    async with searching() as searches:
        for _ in range(250):
            present.popleft()
            present.append([[] for _ in range(1_000)])
            await trio.sleep(0.004)
        gc.collect(0)  # as Python would sooner or later
    assert searches.longest_ms < LIMIT_MS
    assert searches.count[1] > 5


async def test_cycles_that_do_not_live_long_are_found() -> None:
    async with searching():
        before = len(gc.get_objects())
        for _ in range(200):
            for _ in range(500):
                cycle: list[Any] = []
                cycle.append(cycle)
            await trio.sleep(0.002)
        await trio.sleep(3 * garbage.EVERY)
        assert len(gc.get_objects()) - before < 2 * garbage.YOUNG


async def visit(port: int, request: bytes, times: int, answered: bytes, last: bytes = b"") -> None:
    """One connection: ask so many times, hear the answer to each, and go."""
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await grow_old()
        for _ in range(times):
            await stream.send_all(request)
            heard = b""
            while answered not in heard:
                piece = await stream.receive_some(65_536)
                assert piece, heard
                heard += piece
        await grow_old()
        if last:
            await stream.send_all(last)
            with contextlib.suppress(trio.BrokenResourceError):
                while await stream.receive_some(65_536):
                    pass


lasts_long = ContextVar("lasts_long", default=False)


async def grow_old() -> None:
    """Have what there is on the server's side of a connection be where nobody looks for garbage any more."""
    if lasts_long.get():
        await trio.sleep(0.02)
        gc.collect()


async def ask_over_http(port: int) -> None:
    await visit(port, b"GET /api/v1/markets HTTP/1.1\r\nHost: x\r\n\r\n", 20, b"request_id")


async def open_websocket(port: int) -> None:
    token = tokens.issue(AMM_ID, TokenType.SERVICE, "SYSTEM_BOT").encode()
    head = b"GET /ws/v1/commands HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token + b"\r\n"
    await visit(port, head + UPGRADE + b"\r\n", 1, b'"t":', GOODBYE)


async def be_refused(port: int) -> None:
    await visit(
        port, b"GET /ws/v1/commands HTTP/1.1\r\nHost: x\r\n" + UPGRADE[9:] + b"\r\n", 1, b"request_id"
    )
    await visit(port, b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 1, b"request_id")


async def test_connections_leave_no_cycles(database_url: str, tmp_path: Path) -> None:
    """They live as long as they like, so nobody would find them."""
    lasts_long.set(True)
    async with running(settings_of(database_url, tmp_path), Clock()) as exchange:
        port = urlsplit(exchange.address).port
        assert port is not None
        for act in (ask_over_http, open_websocket, be_refused):
            await act(port)
            await trio.sleep(0.1)
            gc.collect()
            gc.disable()
            try:
                for _ in range(5):
                    await act(port)
                await trio.sleep(0.1)
                gc.collect(1)  # as `garbage.run` does
                gc.set_debug(gc.DEBUG_SAVEALL)
                gc.collect()
                left = {type(found).__module__.partition(".")[0] for found in gc.garbage}
            finally:
                gc.set_debug(0)
                gc.garbage.clear()
                gc.enable()
            assert left.isdisjoint({"adapters", "hypercorn", "quart", "trio", "h11", "socket"}), act


async def test_memory_does_not_grow_with_the_connections_there_were(
    database_url: str, tmp_path: Path
) -> None:
    async with running(settings_of(database_url, tmp_path), Clock()) as exchange:
        port = urlsplit(exchange.address).port
        assert port is not None

        async def come_and_go(times: int) -> None:
            for _ in range(times):
                await ask_over_http(port)
                await open_websocket(port)

        await come_and_go(5)
        before = len(gc.get_objects())
        await come_and_go(60)
        grown = len(gc.get_objects()) - before
    # What is young may wait; a connection left behind would be thirty objects.
    assert grown < garbage.YOUNG
