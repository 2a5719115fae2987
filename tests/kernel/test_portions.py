"""What is too large for one step: others are served in between, and a start ends what a crash cut off."""

import msgspec
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from kernel.actors import Actors
from kernel.answers import BatchCancelled, Outcome, Placed, Refusal, Resolved, Unfinished
from kernel.codes import Code, MarketStatus, TimeInForce
from kernel.commands import AnyCommand, CloseMarket, FireGuard, ResolveMarket, SetGuard
from kernel.exchange import Exchange
from kernel.journal import Decided
from tests.kernel.test_actors import AT, place, running

RESOLVE = ResolveMarket(at=AT, market_id="M", result="NO", by="root")


async def crowd(actors: Actors, orders: int) -> None:
    """So many orders rest in M, and one step may take two of them."""
    actors.exchange.portion = 2
    await actors.ask(*(place("M", number) for number in range(orders)))


async def test_others_are_served_between_two_portions() -> None:
    """One portion is decided for each commit; whoever asks meanwhile is answered with the next."""
    async with running("M", "N") as (actors, journal):
        await crowd(actors, 20)
        answers: list[str] = []

        async def ask(name: str, command: ResolveMarket | None, market_id: str) -> None:
            (outcome,) = await actors.ask(command or place(market_id, 77))
            answers.append(f"{name} {type(outcome.answer).__name__}")

        journal.stall = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, "resolve", RESOLVE, "M")
            await wait_all_tasks_blocked()
            assert actors.exchange.markets["M"].status is MarketStatus.RESOLVED
            assert sum(1 for _ in actors.exchange.markets["M"].book.bids.orders()) == 18
            nursery.start_soon(ask, "there", None, "N")
            nursery.start_soon(ask, "here", None, "M")
            await wait_all_tasks_blocked()
            journal.stall.set()
        assert sorted(answers[:2]) == ["here Refusal", "there Placed"]
        assert answers[2] == "resolve Resolved"
        portions = [command for command, _ in journal.commands.values() if isinstance(command, CloseMarket)]
        assert len(portions) == 10  # nine of two orders, and the one that files the end


async def test_the_answer_is_that_of_the_last_portion_beside_those_of_the_other_commands() -> None:
    async with running("M") as (actors, _):
        await crowd(actors, 5)
        first, resolved, last = await actors.ask(place("M", 7), RESOLVE, place("M", 8))
        assert isinstance(first.answer, Placed)
        assert isinstance(resolved.answer, Resolved)
        assert resolved.answer.settlement is not None
        assert resolved.answer.settlement.cancelled_orders_count == 6
        assert isinstance(last.answer, Refusal)
        assert last.answer.code is Code.MARKET_NOT_OPEN


async def test_a_cancel_of_everything_goes_in_portions_and_its_market_waits_for_the_last() -> None:
    """So whoever sends a cancel and then an order may rely on it, in one request and in two."""
    async with running("M", "N") as (actors, journal):
        await crowd(actors, 9)
        await actors.ask(SetGuard(at=AT, user_id="ann", grace_ms=0))
        book = actors.exchange.markets["M"].book
        answers: list[Outcome] = []
        heard: list[str] = []
        actors.listeners.append(
            lambda decided: heard.extend(type(one.outcome.answer).__name__ for one in decided)
        )

        async def ask(*commands: AnyCommand) -> None:
            answers.extend(await actors.ask(*commands))

        journal.stall = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, FireGuard(at=AT, user_id="ann", market_id="M"), place("M", 77))
            await wait_all_tasks_blocked()
            assert len(book.oldest(99)) == 7
            nursery.start_soon(ask, place("M", 78))
            await wait_all_tasks_blocked()
            assert len(book.oldest(99)) == 7
            journal.stall.set()
        fired, *placed = answers
        assert isinstance(fired.answer, BatchCancelled)
        assert fired.answer.cancelled_count == 9
        assert [type(one.answer) for one in placed] == [Placed, Placed]
        assert [order.client_order_id for order in book.oldest(99)] == ["M-77", "M-78"]
        assert heard == [*["Unfinished"] * 4, "BatchCancelled", "Placed", "Placed"]


async def test_closing_lets_what_was_begun_come_to_its_end() -> None:
    async with running("M") as (actors, journal):
        await crowd(actors, 9)
        answers: list[Outcome] = []

        async def ask() -> None:
            answers.extend(await actors.ask(RESOLVE))

        journal.stall = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await wait_all_tasks_blocked()
            actors.close()
            journal.stall.set()
        assert isinstance(answers[0].answer, Resolved)


@pytest.mark.parametrize("survived", [0, 1, 3])
async def test_a_start_ends_what_a_crash_cut_off_before_it_serves(survived: int) -> None:
    """However many portions had reached the disk."""
    async with running("M", "N") as (actors, journal):
        await crowd(actors, 9)
        outcome = actors.exchange.execute(RESOLVE)
        decided = [Decided(RESOLVE, "", outcome)]
        while isinstance(outcome.answer, Unfinished) and len(decided) <= survived:
            then = outcome.answer.then
            outcome = actors.exchange.execute(then)
            decided.append(Decided(then, "", outcome))
        await journal.append([journal.pack(decided)])
    replica = Exchange()
    async for fact in journal.read():
        replica.apply(fact)
    market = replica.markets["M"]
    assert market.closing is not None
    async with trio.open_nursery() as nursery:
        again = Actors(replica, journal)
        await nursery.start(again.run)
        assert market.closing is None
        assert market.status is MarketStatus.SETTLED
        assert again.durable == replica.head == await journal.head()
        nursery.cancel_scope.cancel()
    late = Exchange()
    async for fact in journal.read():
        late.apply(fact)
    assert late.digest() == replica.digest()
    assert late.audit() == []


async def test_a_journal_of_portions_decides_to_the_same_again() -> None:
    """Each portion is filed with what was said for it, and that is enough: also where some left no facts."""
    async with running("M") as (actors, journal):
        await crowd(actors, 9)
        await actors.ask(RESOLVE)
    twin = Exchange()
    for command, _ in journal.commands.values():
        twin.portion = actors.exchange.portion
        twin.execute(command)
    assert twin.digest() == actors.exchange.digest()


async def test_what_is_overdue_goes_in_portions_before_the_command_that_finds_it() -> None:
    """Of 7 orders 2 a step; they are filed as ticks, for the command is not decided before they are gone."""
    async with running("M") as (actors, journal):
        actors.exchange.portion = 2
        lasting = [
            msgspec.structs.replace(
                each,
                terms=msgspec.structs.replace(
                    each.terms, time_in_force=TimeInForce.GTD, expires_at=AT + 1_000_000
                ),
            )
            for each in (place("M", number) for number in range(7))
        ]
        await actors.ask(*lasting)
        late = msgspec.structs.replace(place("M", 7), at=AT + 1_000_000)
        behind = msgspec.structs.replace(place("M", 8), at=AT + 1_000_000)
        first, second = await actors.ask(late, behind)
        assert isinstance(first.answer, Placed)
        assert isinstance(second.answer, Placed)
        filed = [type(command).__name__ for command, _ in journal.commands.values()]
        assert filed[-5:] == ["Tick", "Tick", "Tick", "PlaceOrder", "PlaceOrder"]
        assert [len(outcome.facts) for outcome in (first, second)] == [2, 1]
