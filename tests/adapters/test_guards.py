"""Cancel on disconnect: fires for who stays away, spares who comes back, and survives a restart."""

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from kernel.codes import CancelReason
from kernel.commands import HaltMarket, ResumeMarket, SetGuard
from kernel.journal import MemoryJournal
from tests.adapters.streaming import ANN, AT, BEN, ROOT, Venue, a_place, replayed, running


@pytest.fixture
def jumping() -> MockClock:
    return MockClock(autojump_threshold=0.05)


def live(venue: Venue, user_id: str = ANN) -> list[str]:
    """The markets of a user's resting orders."""
    return sorted(
        order.market.id
        for order in venue.exchange.orders.values()
        if order.account.id == user_id and order.is_live
    )


def halt(market_id: str) -> HaltMarket:
    return HaltMarket(at=AT, market_id=market_id, reason="look", by=ROOT)


def resume(market_id: str) -> ResumeMarket:
    return ResumeMarket(at=AT, market_id=market_id, resolution_note="fine", by=ROOT)


async def test_the_answer_says_what_stands(jumping: MockClock) -> None:
    async with running("A", "B") as venue, venue.client() as ann:
        answer = await ann.do("guard", grace_ms=5000, markets=["B", "A"])
        assert (answer["status"], answer["data"]) == (200, {"grace_ms": 5000, "markets": ["A", "B"]})
        assert (await ann.do("guard", grace_ms=None))["data"] == {"grace_ms": None, "markets": None}
        assert (await ann.do("guard", grace_ms=600_001))["code"] == 9004
        assert (await ann.do("guard"))["code"] == 9004
        assert (await ann.do("guard", grace_ms=1, markets=["X"]))["code"] == 3001


async def test_who_stays_away_loses_its_orders_in_the_guarded_markets_and_nobody_else_does(
    jumping: MockClock,
) -> None:
    async with running("A", "B") as venue:
        async with venue.client() as ann:
            await ann.do("guard", grace_ms=5000, markets=["A"])
            for market_id in ("A", "A", "B"):
                await ann.place(market_id=market_id)
        await venue.ask(a_place(BEN, "A"))
        await trio.sleep(4)
        assert live(venue) == ["A", "A", "B"]
        await trio.sleep(2)
        assert live(venue) == ["B"]
        assert live(venue, BEN) == ["A"]
        reasons = {order.cancel_reason for order in venue.exchange.orders.values() if not order.is_live}
        assert reasons == {CancelReason.GUARD}


async def test_who_comes_back_in_time_and_asks_again_keeps_them(jumping: MockClock) -> None:
    async with running("M") as venue:
        async with venue.client() as ann:
            await ann.do("guard", grace_ms=5000)
            await ann.place()
        await trio.sleep(3)
        async with venue.client() as ann:
            await ann.do("guard", grace_ms=5000)
            await trio.sleep(20)
            assert live(venue) == ["M"]
        await trio.sleep(6)
        assert live(venue) == []


async def test_a_connection_that_did_not_ask_is_no_presence(jumping: MockClock) -> None:
    async with running("M") as venue, venue.client() as watcher:
        async with venue.client() as ann:
            await ann.do("guard", grace_ms=1000)
            await ann.place()
        await trio.sleep(2)
        assert live(venue) == []
        assert (await watcher.do("ping"))["ok"]


async def test_one_of_two_connections_is_enough(jumping: MockClock) -> None:
    async with running("M") as venue, venue.client() as first:
        await first.do("guard", grace_ms=1000)
        async with venue.client() as second:
            await second.do("guard", grace_ms=1000)
            await second.place()
        await trio.sleep(5)
        assert live(venue) == ["M"]


async def test_a_guard_taken_off_does_not_fire(jumping: MockClock) -> None:
    async with running("M") as venue:
        async with venue.client() as ann:
            await ann.do("guard", grace_ms=1000)
            await ann.place()
            await ann.do("guard", grace_ms=None)
        await trio.sleep(5)
        assert live(venue) == ["M"]


async def test_a_guard_that_becomes_durable_after_its_user_has_gone_fires_too(jumping: MockClock) -> None:
    """The connection breaks while the journal is busy: what was received still counts."""
    async with running("M") as venue:
        await venue.ask(a_place(ANN))
        await venue.ask(SetGuard(at=AT, user_id=ANN, grace_ms=1000))
        await trio.sleep(2)
        assert live(venue) == []


async def test_a_halted_market_is_left_alone_until_it_moves_on(jumping: MockClock) -> None:
    async with running("A", "B") as venue:
        async with venue.client() as ann:
            await ann.do("guard", grace_ms=1000)
            await ann.place(market_id="A")
            await ann.place(market_id="B")
        await venue.ask(halt("A"))
        await trio.sleep(2)
        assert live(venue) == ["A"]
        await venue.ask(resume("A"))
        await trio.sleep(0.1)
        assert live(venue) == []


async def test_who_is_back_before_the_market_moves_on_keeps_its_orders(jumping: MockClock) -> None:
    async with running("M") as venue:
        async with venue.client() as ann:
            await ann.do("guard", grace_ms=1000)
            await ann.place()
        await venue.ask(halt("M"))
        await trio.sleep(2)
        async with venue.client() as ann:
            await ann.do("guard", grace_ms=1000)
            await venue.ask(resume("M"))
            await trio.sleep(0.1)
            assert live(venue) == ["M"]


@pytest.mark.parametrize("comes_back", [True, False])
async def test_a_guard_holds_after_a_crash_of_the_server(comes_back: bool, jumping: MockClock) -> None:
    """The grace period begins when the server is ready again."""
    journal: Any = MemoryJournal()
    async with running("M", journal=journal) as venue, venue.client() as ann:
        await ann.do("guard", grace_ms=5000)
        await ann.place()
    async with running(journal=journal, exchange=await replayed(journal)) as venue:
        await trio.sleep(4)
        assert live(venue) == ["M"]
        if comes_back:
            async with venue.client() as ann:
                await ann.do("guard", grace_ms=5000)
                await trio.sleep(20)
                assert live(venue) == ["M"]
        else:
            await trio.sleep(2)
            assert live(venue) == []
