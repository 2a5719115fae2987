"""What is worked out beside the loop: as of one moment, while the loop goes on; and a child that fails."""

import itertools
import os
import socket
import struct
import time
from collections.abc import Awaitable, Callable

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from adapters.service.child_process import ChildError, in_child
from adapters.service.schedule import (
    SHOWN,
    audit_what_moves,
    decode_violations,
    encode_violations,
    first_of_each_market,
)
from adapters.service.shared import Shared
from kernel.invariants import Violation
from tests.holding import FORK_MS, longest_hold
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
        held, by = await longest_hold(lambda: in_child(compute), FORK_MS, again=0)
        nursery.cancel_scope.cancel()
    assert turns >= 5
    assert held < FORK_MS, by
    assert await in_child(lambda: b"x" * 1_000_000) == b"x" * 1_000_000


async def test_a_connection_that_ends_here_does_not_live_on_there() -> None:
    ours, theirs = socket.socketpair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(in_child, work)
        await trio.sleep(0.1)
        ours.close()
        theirs.settimeout(0.1)
        assert theirs.recv(1) == b""
        nursery.cancel_scope.cancel()
    theirs.close()


async def test_a_child_that_fails_is_an_error() -> None:
    def fail() -> bytes:
        os._exit(3)

    with pytest.raises(ChildError, match="status 3"):
        await in_child(fail)


def test_what_a_copy_finds_broken_comes_back_whole() -> None:
    """The minute's audit: a reserve with a cent too many is told with its market, and cash with none."""
    market = Trading(ann=1_000, ben=1_000)
    market.play("ann buys 1 YES at 50", "ben buys 1 NO at 50")
    assert audit_what_moves(market.exchange) == []
    market.market().reserve += 1
    found = trio.run(in_child, lambda: encode_violations(audit_what_moves(market.exchange)))
    assert decode_violations(found) == audit_what_moves(market.exchange)
    assert {one.market_id for one in decode_violations(found)} == {None, "M"}


async def test_there_is_one_copy_at_a_time() -> None:
    """Whoever asks meanwhile has theirs made afterwards: it shows what has happened since."""

    async def ask() -> None:
        begun, ended = struct.unpack("dd", await in_child(lambda: times(work)))
        spans.append((begun, ended))

    spans: list[tuple[float, float]] = []
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(ask)
    spans.sort()
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))


def times(act: Callable[[], bytes]) -> bytes:
    """When something began, and when it ended."""
    begun = time.monotonic()
    act()
    return struct.pack("dd", begun, time.monotonic())


async def test_one_that_is_not_wanted_any_more_makes_room() -> None:
    with trio.move_on_after(0.05):
        await in_child(lambda: time.sleep(60) or b"")  # type: ignore[func-returns-value]
    with trio.fail_after(20):
        assert await in_child(lambda: b"next") == b"next"


async def test_work_is_shared_by_those_who_asked_before_it_began() -> None:
    shared = Shared[int]()
    begun, gate = 0, trio.Event()
    results: dict[str, int] = {}

    async def work() -> int:
        nonlocal begun
        begun += 1
        number = begun
        await gate.wait()
        return number

    async def ask(name: str, work: Callable[[], Awaitable[int]] = work) -> None:
        results[name] = await shared.result_of(work)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, "first")
        await wait_all_tasks_blocked()
        for name in ("second", "third", "fourth"):
            nursery.start_soon(ask, name)
        await wait_all_tasks_blocked()
        assert begun == 1
        gate.set()
    assert results == {"first": 1, "second": 2, "third": 2, "fourth": 2}


async def test_shared_work_that_fails_or_is_cancelled_is_done_again_for_the_next() -> None:
    shared = Shared[str]()

    async def fail() -> str:
        raise ChildError("the first")

    async def work() -> str:
        return "the second"

    with pytest.raises(ChildError):
        await shared.result_of(fail)
    with trio.move_on_after(0.01):
        await shared.result_of(trio.sleep_forever)
    assert await shared.result_of(work) == "the second"


def test_of_very_many_violations_the_loop_reads_the_first_of_each_market() -> None:
    found = [Violation("price_range", market, {}) for market in (None, "M", "N") for _ in range(1_000)]
    shown = first_of_each_market([*found, Violation("price_range", "O", {})])
    assert [one.market_id for one in shown] == [None] * SHOWN + ["M"] * SHOWN + ["N"] * SHOWN + ["O"]
