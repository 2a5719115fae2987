"""How old an answer may be, by a clock of the test's own."""

from typing import Any, cast

import attrs
import pytest
import trio

from adapters.link.freshness import Freshness
from adapters.service.decider import Decider
from adapters.service.server import READ_TIMEOUT
from adapters.wire.status import RefusedError
from kernel.codes import Code

BOUND = 1.5
PATIENCE = 5.0


@attrs.define
class Confirmed:
    """A process that was confirmed some time ago; others may or may not follow."""

    at: float
    durable: int = 7
    has_others: bool = True

    async def until_durable(self, journal_id: int) -> None:
        while self.durable < journal_id:
            await trio.sleep(0.1)

    @property
    def freshness(self) -> Freshness:
        return Freshness(
            cast(Decider, self),
            applies=lambda: self.has_others,
            age=lambda: trio.current_time() - self.at,
            bound=lambda: BOUND,
            patience=lambda: PATIENCE,
        )


async def check(process: Confirmed, seen: str | None = None, *, is_read: bool = True) -> tuple[Any, Any]:
    """What a request is refused with, if it is, and how long it waited."""
    begun = trio.current_time()
    try:
        await process.freshness.check(seen, is_read=is_read)
    except RefusedError as refusal:
        return refusal.code, trio.current_time() - begun
    return None, trio.current_time() - begun


async def test_what_was_confirmed_lately_is_told_at_once(autojump_clock: trio.abc.Clock) -> None:
    assert await check(Confirmed(trio.current_time() - BOUND)) == (None, 0)


async def test_a_process_that_slept_answers_no_read_before_it_is_confirmed(
    autojump_clock: trio.abc.Clock,
) -> None:
    """One that is never confirmed refuses; a command is not kept from whoever decides it."""
    asleep = Confirmed(trio.current_time() - 60)
    refused, waited = await check(asleep)
    assert (refused, waited) == (Code.OVERLOADED, pytest.approx(PATIENCE))
    assert await check(asleep, is_read=False) == (None, 0)
    async with trio.open_nursery() as nursery:

        async def confirm() -> None:
            await trio.sleep(2)
            asleep.at = trio.current_time()

        nursery.start_soon(confirm)
        refused, waited = await check(asleep)
    assert (refused, waited) == (None, pytest.approx(2, abs=0.1))


async def test_a_process_that_serves_alone_knows_all_there_is(autojump_clock: trio.abc.Clock) -> None:
    assert await check(Confirmed(trio.current_time() - 60, has_others=False), "8") == (None, 0)


async def test_what_a_caller_has_seen_is_waited_for(autojump_clock: trio.abc.Clock) -> None:
    process = Confirmed(trio.current_time() + 60)
    assert await check(process, "7") == (None, 0)
    assert await check(process, "8", is_read=False) == (Code.OVERLOADED, pytest.approx(READ_TIMEOUT))
    async with trio.open_nursery() as nursery:

        async def hear() -> None:
            await trio.sleep(1)
            process.durable = 8

        nursery.start_soon(hear)
        refused, waited = await check(process, "8")
    assert (refused, waited) == (None, pytest.approx(1, abs=0.2))


@pytest.mark.parametrize("seen", ["", "-1", "1.0", "²", "9" * 19])
async def test_what_is_no_journal_id_is_refused_at_once(seen: str) -> None:
    refused, _ = await check(Confirmed(trio.current_time()), seen)
    assert int(refused) == 9004
