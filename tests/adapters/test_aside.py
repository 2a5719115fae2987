"""What is worked out beside the loop: as of one moment, while the loop goes on; and a child that fails."""

import os
import socket
import time

import pytest
import trio

from adapters.service.aside import AsideError, aside
from adapters.service.schedule import audit_what_moves, decode_violations, encode_violations
from tests.holding import longest_hold
from tests.kernel.trading import Trading

SLOW: float = 0.3


def work() -> bytes:
    """Keep a core busy for a while."""
    end = time.thread_time() + SLOW
    while time.thread_time() < end:
        pass
    return b""


async def test_the_loop_goes_on_and_the_child_sees_one_moment() -> None:
    seen = {"value": 1}
    turns = 0

    def compute() -> bytes:
        work()
        return str(seen["value"]).encode()

    async def go_on() -> None:
        nonlocal turns
        while True:
            await trio.sleep(0.01)
            turns += 1
            seen["value"] += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(go_on)
        held, by = await longest_hold(lambda: aside(compute), tries=1)
        nursery.cancel_scope.cancel()
    assert turns >= 5
    assert held < 20, by
    assert await aside(lambda: b"x" * 1_000_000) == b"x" * 1_000_000


async def test_a_connection_that_ends_here_does_not_live_on_there() -> None:
    ours, theirs = socket.socketpair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(aside, work)
        await trio.sleep(0.1)
        ours.close()
        theirs.settimeout(0.1)
        assert theirs.recv(1) == b""
        nursery.cancel_scope.cancel()
    theirs.close()


async def test_a_child_that_fails_is_an_error() -> None:
    def fail() -> bytes:
        os._exit(3)

    with pytest.raises(AsideError, match="status 3"):
        await aside(fail)


def test_what_a_copy_finds_broken_comes_back_whole() -> None:
    """The minute's audit: a reserve with a cent too many is told with its market, and cash with none."""
    market = Trading(ann=1_000, ben=1_000)
    market.play("ann buys 1 YES at 50", "ben buys 1 NO at 50")
    assert audit_what_moves(market.exchange) == []
    market.market().reserve += 1
    found = trio.run(aside, lambda: encode_violations(audit_what_moves(market.exchange)))
    assert decode_violations(found) == audit_what_moves(market.exchange)
    assert {one.market_id for one in decode_violations(found)} == {None, "M"}
