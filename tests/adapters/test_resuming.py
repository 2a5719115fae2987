"""Out of a halt: every invariant is looked at first, in a copy of the process, and nobody waits for that."""

import gc
from typing import Any, cast

import pytest
import trio

from adapters.access.identity import Principal
from adapters.operations.admin import resume_market
from adapters.operations.operation import Call, NoQuery
from adapters.wire.requests import ResumeBody
from adapters.wire.status import RefusedError
from kernel.codes import Code, MarketStatus
from kernel.commands import HaltMarket
from tests.adapters.streaming import ANN, AT, BEN, ROOT, Venue, a_place, running
from tests.holding import FORK_MS, longest_hold

ORDERS = 15_000
"""To look through them takes three times as long as a copy of the process."""

HALT = HaltMarket(at=AT, market_id="M", reason="look", by=ROOT)


class Administrator:
    username = ROOT


def call(note: str | None = "looked", market_id: str = "M", status: Any = None) -> Call[ResumeBody, NoQuery]:
    body = ResumeBody(resolution_note=note, target_status=status)
    caller = cast(Principal, Administrator())
    return Call(body, NoQuery(), {"market_id": market_id}, caller, None, "req", 0)


async def refused(venue: Venue, **members: Any) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        await resume_market(venue.server, call(**members))
    return caught.value


async def test_others_are_served_while_a_large_market_is_looked_through() -> None:
    async with running("M", "N") as venue:
        for number in range(ORDERS // 500):
            who = (ANN, BEN)[number % 2]  # nobody may have more than 10,000
            await venue.ask(*(a_place(who, price=1, quantity=1) for _ in range(500)))
        assert venue.exchange.markets["M"].book.count == ORDERS
        served = 0

        async def resume() -> None:
            nonlocal served
            await venue.ask(HALT)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(resume_market, venue.server, call())
                while venue.exchange.markets["M"].status is MarketStatus.HALTED:
                    await venue.ask(a_place(ANN, "N", price=1, quantity=1))
                    served += 1

        gc.disable()  # a search for garbage in a test's own heap is longer than a step
        try:
            held, by = await longest_hold(resume, FORK_MS)
        finally:
            gc.enable()
        assert served > 10
        assert held < FORK_MS, by
        assert venue.exchange.markets["M"].status is MarketStatus.ACTIVE


async def test_a_market_that_is_found_broken_stays_halted() -> None:
    async with running("M", "N") as venue:
        await venue.ask(HALT)
        venue.exchange.markets["M"].pnl_pool += 7
        head = venue.exchange.head
        refusal = await refused(venue)
        assert refusal.code is Code.INVARIANTS_BROKEN
        violation, realized = cast(dict[str, Any], refusal.data)["violations"]
        assert realized["invariant"] == "realized_sum"
        assert violation == {
            "invariant": "cost_conservation",
            "market_id": "M",
            "reserve_balance": 1_000_000,
            "pnl_pool": 7,
            "cost_sums": 1_000_000,
        }
        assert (venue.exchange.head, venue.exchange.markets["M"].status) == (head, MarketStatus.HALTED)


async def test_what_stands_against_it_otherwise_is_said_without_a_look() -> None:
    """So nobody is kept waiting for a typing error, and each has the refusal it always had."""
    async with running("M", "N") as venue:
        await venue.ask(HALT)
        venue.exchange.markets["M"].pnl_pool += 7
        assert (await refused(venue, note=None)).code is Code.MALFORMED
        assert (await refused(venue, market_id="N")).code is Code.TRANSITION_NOT_ALLOWED
        assert (await refused(venue, market_id="X")).code is Code.MARKET_NOT_FOUND
