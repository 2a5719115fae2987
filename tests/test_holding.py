"""The measure itself: it sees who holds the loop, and neither who waits nor who asks."""

import time

import pytest
import trio

from tests.holding import longest_hold, watching


def toil(ms: float) -> None:
    until = time.thread_time() + ms / 1000
    while time.thread_time() < until:
        pass


async def toil_in_a_step(ms: float) -> None:
    await trio.lowlevel.checkpoint()
    toil(ms)
    await trio.lowlevel.checkpoint()


async def test_the_longest_step_is_kept_with_its_task() -> None:
    with watching() as watch:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(toil_in_a_step, 5, name="short")
            nursery.start_soon(toil_in_a_step, 30, name="long")
            nursery.start_soon(toil_in_a_step, 60)  # a task of tests
        toil(90)  # the caller's own
    assert watch.by == "long"
    assert 30 <= watch.ms < 60


async def test_who_waits_holds_nothing() -> None:
    async def act() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep, 0.05, name="sleeper")
            nursery.start_soon(trio.to_thread.run_sync, time.sleep, 0.05, name="waiter")

    ms, _ = await longest_hold(act, 20)
    assert ms < 20


@pytest.mark.parametrize(
    ("steps", "within"), [((30, 1, 30, 1), True), ((1, 30, 30, 30), True), ((30, 30, 30, 1), False)]
)
async def test_what_was_too_long_once_is_tried_again(steps: tuple[float, ...], within: bool) -> None:
    """Then it is the median that counts; what was short at once is not tried again."""
    left = list(steps)

    async def act() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(toil_in_a_step, left.pop(0), name="toil")

    ms, by = await longest_hold(act, 20)
    assert (ms < 20) is within
    assert by == "toil"
    assert len(left) == (3 if steps[0] == 1 else 0)
