"""The actors: order, isolation, back-pressure, fail-stop, and that nobody is told before it is durable."""

import ast
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from kernel import actors
from kernel.actors import BACKLOG, INBOX, SHARE, TOLD_AT_ONCE, TURN, Actors, DecisionError
from kernel.answers import Outcome, Placed, Refusal
from kernel.codes import AMM_ID, Code, Direction, ReferenceType, Side
from kernel.commands import (
    ActivateMarket,
    AnyCommand,
    BatchCancel,
    CancelOrder,
    CreateMarket,
    Deposit,
    FireGuard,
    MarketTerms,
    OpenAccount,
    OpenJournal,
    OrderTerms,
    PlaceOrder,
    ReplaceOrder,
    SetGuard,
    StartAmm,
    StopAmm,
    Tick,
    TransferShares,
)
from kernel.exchange import Exchange
from kernel.journal import Decided, JournalError, MemoryJournal, Page

AT = 1_795_168_800_000_000


def roomy(title: str) -> MarketTerms:
    """Of a market where everybody may have as many orders as a turn is long, and more."""
    return MarketTerms(title=title, max_open_orders=10_000, max_open_orders_total=100_000)


def place(
    market_id: str,
    number: int,
    *,
    user_id: str = "ann",
    side: Side = Side.YES,
    price: int = 40,
    quantity: int = 1,
) -> PlaceOrder:
    return PlaceOrder(
        at=AT,
        user_id=user_id,
        client_order_id=f"{market_id}-{number}",
        market_id=market_id,
        terms=OrderTerms(side, Direction.BUY, price, quantity),
        nonce=number,
    )


def replace(old_order_id: str, market_id: str) -> ReplaceOrder:
    """By the market maker: an order to buy YES at 41 instead."""
    return ReplaceOrder(
        at=AT,
        user_id=AMM_ID,
        old_order_id=old_order_id,
        client_order_id=f"for-{old_order_id[-12:].replace(' ', '-')}-in-{market_id}",
        market_id=market_id,
        terms=OrderTerms(Side.YES, Direction.BUY, 41, 1),
        nonce=0,
    )


def create(market_id: str) -> list[AnyCommand]:
    return [
        CreateMarket(at=AT, market_id=market_id, terms=roomy(market_id), by="root"),
        ActivateMarket(at=AT, market_id=market_id, by="root"),
    ]


@asynccontextmanager
async def running(*market_ids: str) -> AsyncIterator[tuple[Actors, MemoryJournal]]:
    """An exchange with markets and a rich user, its actors at work over a journal in memory."""
    exchange, journal = Exchange(), MemoryJournal()
    setup: list[AnyCommand] = [
        OpenJournal(at=AT),
        OpenAccount(at=AT, user_id="ann"),
        Deposit(at=AT, user_id="ann", amount=10_000_000),
    ]
    for market_id in market_ids:
        setup += create(market_id)
    await journal.append(
        [journal.pack([Decided(command, "setup", exchange.execute(command)) for command in setup])]
    )
    async with trio.open_nursery() as nursery:
        actors = Actors(exchange, journal)
        await nursery.start(actors.run)
        yield actors, journal
        nursery.cancel_scope.cancel()


def order_ids(outcomes: Sequence[Outcome]) -> list[str]:
    return [outcome.answer.order.order.id for outcome in outcomes if isinstance(outcome.answer, Placed)]


async def test_commands_of_one_market_are_decided_in_the_order_they_came() -> None:
    async with running("M") as (actors, journal):
        answers: dict[int, list[Outcome]] = {}

        async def ask(number: int) -> None:
            answers[number] = await actors.ask(place("M", number))

        async with trio.open_nursery() as nursery:
            for number in range(50):
                nursery.start_soon(ask, number)
                await wait_all_tasks_blocked()
        seen = [answers[number][0].seen for number in range(50)]
        assert seen == sorted(seen)
        assert len(journal.commands) == 3 + 2 + 50


async def test_a_batch_runs_back_to_back() -> None:
    """Two batches sent at once: the facts of each are neighbours in the journal."""
    async with running("M") as (actors, _):
        batches: list[list[Outcome]] = []

        async def ask(start: int) -> None:
            batches.append(await actors.ask(*[place("M", start + n) for n in range(20)]))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, 0)
            nursery.start_soon(ask, 100)
        for outcomes in batches:
            ids = [outcome.facts[0].id for outcome in outcomes]
            assert ids == list(range(ids[0], ids[0] + 20))


async def test_what_one_caller_submits_is_decided_in_that_order_without_waiting() -> None:
    """A listener hears of it by its correlation id, before anybody who waits."""
    async with running("M") as (actors, _):
        heard: list[str] = []
        actors.listeners.append(lambda decided: heard.extend(one.correlation_id for one in decided))
        requests = [actors.submit([place("M", number)], f"c-{number}") for number in range(50)]
        last = requests[-1]
        assert last is not None
        await last.durable.wait()
        assert heard == [f"c-{number}" for number in range(50)]


async def test_markets_do_not_hear_of_each_other() -> None:
    """One market's full inbox refuses its own callers; the next market answers as ever."""
    async with running("A", "B") as (actors, journal):
        journal.stall = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(actors.ask, place("A", 0))
            await wait_all_tasks_blocked()
            assert actors.exchange.markets["A"].book.best_bid == 40
            assert actors.exchange.markets["B"].book.best_bid is None
            nursery.start_soon(actors.ask, place("B", 0, price=30))
            await wait_all_tasks_blocked()
            assert actors.exchange.markets["B"].book.best_bid == 30
            journal.stall.set()


async def test_a_market_created_at_run_time_gets_its_actor() -> None:
    async with running() as (actors, _):
        for command in create("NEW"):
            await actors.ask(command)
        [outcome] = await actors.ask(place("NEW", 1))
        assert isinstance(outcome.answer, Placed)
        assert set(actors.depths()) == {None, "NEW"}


async def test_a_book_is_changed_by_its_own_market_alone() -> None:
    """Whatever else a command names: its facts are about the market whose task decided it."""
    async with running("A", "B") as (actors, _):
        exchange, deciding = actors.exchange, Watched(actors.exchange)
        actors.exchange = cast(Exchange, deciding)
        await actors.ask(Deposit(at=AT, user_id=AMM_ID, amount=1_000_000))
        [partly] = order_ids(await actors.ask(place("A", 1, user_id=AMM_ID, side=Side.NO, quantity=10)))
        await actors.ask(place("A", 2, price=60, quantity=4))
        [untouched] = order_ids(await actors.ask(place("A", 3, user_id=AMM_ID)))
        answers = []
        for old in (partly, untouched, "no such order"):
            [outcome] = await actors.ask(replace(old, "B"))
            assert isinstance(outcome.answer, Refusal)
            answers.append(outcome.answer.code)
        assert answers == [Code.REPLACE_PARTLY_FILLED, Code.REPLACE_OTHER_MARKET, Code.REPLACE_NOT_FOUND]
        assert not exchange.orders[partly].is_live
        await actors.ask(replace(untouched, "A"))
        await actors.ask(
            CancelOrder(at=AT, user_id="ann", order_id=exchange.markets["A"].book.oldest(1)[0].id)
        )
        start = StartAmm(at=AT, market_id="B", initial_budget=1000, initial_price=50, nonce=9, by="root")
        await actors.ask(start)
        shares = TransferShares(
            at=AT,
            from_id="ann",
            to_id="mm:1",
            market_id="A",
            side=Side.YES,
            quantity=1,
            reference_type=ReferenceType.MM_PAYMENT,
            idempotency_key="t",
        )
        await actors.ask(OpenAccount(at=AT, user_id="mm:1", owner_id="ann", auto_netting=False))
        assert not isinstance((await actors.ask(shares))[0].answer, Refusal)
        await actors.ask(place("B", 4, user_id="ann"))
        await actors.ask(SetGuard(at=AT, user_id="ann", grace_ms=0))
        await actors.ask(FireGuard(at=AT, user_id="ann", market_id="B"))
        await actors.ask(StopAmm(at=AT, market_id="B", by="root"))
        assert len(deciding.markets_by_task) == 3, "the accounts' task, and one of each market"
        for task, market_ids in deciding.markets_by_task.items():
            assert market_ids <= {None, task.removeprefix("market ")}


class Watched:
    """An exchange that notes which task decided what."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.markets_by_task: dict[str, set[str | None]] = defaultdict(set)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._exchange, name)

    def execute(self, command: AnyCommand) -> Outcome:
        outcome = self._exchange.execute(command)
        told = {fact.market_id for fact in outcome.facts}
        self.markets_by_task[trio.lowlevel.current_task().name] |= told
        return outcome


async def test_nobody_is_answered_before_the_journal_has_it() -> None:
    async with running("M") as (actors, journal):
        journal.stall = trio.Event()
        heard: list[str] = []
        actors.listeners.append(lambda decided: heard.append("feed"))
        rows = len(journal.rows)

        async def ask() -> None:
            await actors.ask(place("M", 1))
            heard.append("reply")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await wait_all_tasks_blocked()
            assert actors.exchange.head == rows + 1
            assert (heard, actors.durable, len(journal.rows)) == ([], rows, rows)
            journal.stall.set()
        assert heard == ["feed", "reply"]
        assert actors.durable == len(journal.rows) == rows + 1


async def test_a_refusal_waits_for_what_it_saw() -> None:
    """The second order is refused because of the first: it must not be told while the first may be lost."""
    async with running("M") as (actors, journal):
        journal.stall = trio.Event()
        first, again = place("M", 1), place("M", 1, price=41)
        outcomes: list[Outcome] = []

        async def ask(command: AnyCommand) -> None:
            outcomes.extend(await actors.ask(command))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, first)
            await wait_all_tasks_blocked()
            nursery.start_soon(ask, again)
            await wait_all_tasks_blocked()
            assert outcomes == []
            journal.stall.set()
        answer = outcomes[1].answer
        assert isinstance(answer, Refusal)
        assert answer.code is Code.CLIENT_ORDER_ID_USED
        assert outcomes[1].seen == outcomes[0].seen


async def test_what_is_read_from_memory_is_told_once_it_is_durable() -> None:
    async with running("M") as (actors, journal):
        journal.stall = trio.Event()
        told: list[int] = []

        async def read() -> None:
            await actors.until_durable(actors.exchange.head)
            told.append(actors.durable)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(actors.ask, place("M", 1))
            await wait_all_tasks_blocked()
            nursery.start_soon(read)
            await wait_all_tasks_blocked()
            assert told == []
            journal.stall.set()
        assert told == [actors.exchange.head]


async def test_what_gathers_while_a_commit_is_in_flight_is_the_next_one() -> None:
    async with running("M") as (actors, journal):
        journal.stall = trio.Event()
        groups: list[int] = []
        actors.listeners.append(lambda decided: groups.append(len(decided)))
        async with trio.open_nursery() as nursery:
            for number in range(10):
                nursery.start_soon(actors.ask, place("M", number))
                await wait_all_tasks_blocked()
            journal.stall.set()
        assert groups == [1, 9]


async def test_an_actor_lets_others_run_after_so_much_work_however_few_the_commands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each of these orders meets four others: with the command itself six to be told of."""
    sizes: list[int] = []
    pack = MemoryJournal.pack

    def measured(journal: MemoryJournal, decided: Sequence[Decided]) -> Page:
        sizes.append(len(decided) + sum(len(one.outcome.facts) for one in decided))
        return pack(journal, decided)

    async with running("M") as (exchange, _):
        await exchange.ask(OpenAccount(at=AT, user_id="ben"))
        await exchange.ask(Deposit(at=AT, user_id="ben", amount=10_000_000))
        await exchange.ask(*(place("M", number) for number in range(4 * SHARE)))
        monkeypatch.setattr(MemoryJournal, "pack", measured)
        for number in range(SHARE):
            wish = place("M", number, user_id="ben", side=Side.NO, price=60, quantity=4)
            assert exchange.submit([wish], "") is not None
        await exchange.until_durable(exchange.exchange.head)
        await wait_all_tasks_blocked()
    assert sum(sizes) == SHARE * 6
    assert max(sizes) < TURN + 6


async def test_what_a_slow_journal_held_back_is_told_piece_by_piece_and_others_run_in_between() -> None:
    """In journal order, nothing twice; and each time durable is what was told, to whoever asks."""
    told: list[Decided] = []
    sizes: list[int] = []
    turns_of_others: list[int] = []
    turns = 0
    async with running("M", "N") as (actors, journal):

        def hear(decided: Sequence[Decided]) -> None:
            told.extend(decided)
            sizes.append(sum(1 + len(one.outcome.facts) for one in decided))
            turns_of_others.append(turns)
            assert actors.durable == decided[-1].outcome.seen

        async def ask(market_id: str, first: int) -> None:
            outcomes = await actors.ask(*(place(market_id, first + number) for number in range(300)))
            assert len(told) >= len(outcomes)
            assert actors.durable >= outcomes[-1].seen

        async def turn() -> None:
            nonlocal turns
            while True:
                await trio.lowlevel.checkpoint()
                turns += 1

        actors.listeners.append(hear)
        journal.stall = trio.Event()
        async with trio.open_nursery() as others:
            others.start_soon(turn)
            async with trio.open_nursery() as asking:
                for number in range(4):
                    for market_id in ("M", "N"):
                        asking.start_soon(ask, market_id, 300 * number)
                with trio.move_on_after(0.2):
                    await trio.sleep_forever()
                journal.stall.set()
            others.cancel_scope.cancel()
    assert max(sizes) < TOLD_AT_ONCE + 10
    assert len(sizes) > 5
    assert len(told) == 2_400
    ids = [fact.id for one in told for fact in one.outcome.facts]
    assert ids == [*range(ids[0], ids[0] + len(ids))]
    assert len({*turns_of_others}) > len(sizes) // 2, "this journal takes no time between two commits"


async def test_a_stop_between_two_pieces_still_tells_all_that_is_durable() -> None:
    """Once and in order, also what a caller asked for who went away between them."""
    told: list[Decided] = []
    answered: list[int] = []
    async with running("M") as (actors, journal):
        journal.stall = trio.Event()

        async def ask(first: int) -> None:
            await actors.ask(*(place("M", first + number) for number in range(400)))
            answered.append(first)

        async with trio.open_nursery() as asking:

            def hear(decided: Sequence[Decided]) -> None:
                if len(told) == 400:  # the first commit held the first request, the second holds the rest
                    actors.close()
                    asking.cancel_scope.cancel()
                    actors._nursery.cancel_scope.cancel()
                told.extend(decided)
                assert actors.durable == decided[-1].outcome.seen

            actors.listeners.append(hear)
            for number in range(4):
                asking.start_soon(ask, 400 * number)
                await wait_all_tasks_blocked()
            journal.stall.set()
        assert asking.cancel_scope.cancelled_caught
    ids = [fact.id for one in told for fact in one.outcome.facts]
    head = actors.durable
    assert ids == [*range(ids[0], head + 1)]
    assert len(told) == len(journal.commands) - 5
    assert len(told) == 1600
    assert answered == [0]


async def test_a_stalled_journal_fills_the_queues_and_then_callers_are_refused_at_once() -> None:
    """The writer holds one turn, the backlog BACKLOG more, the actor one, the inbox the rest: all bounded."""
    async with running("M") as (actors, journal):
        journal.stall = trio.Event()
        async with trio.open_nursery() as nursery:
            for number in range(BACKLOG + 2):
                nursery.start_soon(actors.ask, place("M", number))
                await wait_all_tasks_blocked()
            assert actors.backlog_depth() == BACKLOG
            for number in range(INBOX):
                nursery.start_soon(actors.ask, place("M", 1_000 + number, user_id=f"u-{number % 4}"))
            await wait_all_tasks_blocked()
            assert actors.depths()["M"] == INBOX
            head = actors.exchange.head
            [outcome] = await actors.ask(place("M", 9_999))
            assert isinstance(outcome.answer, Refusal)
            assert outcome.answer.code is Code.OVERLOADED
            assert outcome.seen == actors.durable
            assert actors.exchange.head == head
            journal.stall.set()
        [outcome] = await actors.ask(place("M", 9_999))
        assert isinstance(outcome.answer, Placed)


async def test_nobody_takes_more_than_a_quarter_of_an_inbox() -> None:
    """Who asks without end is refused; others are served, and so is the same one in another market."""
    async with running("M", "N") as (actors, journal):
        journal.stall = trio.Event()
        for number in range(BACKLOG + 2):
            assert actors.submit([place("M", number)]) is not None
            await wait_all_tasks_blocked()
        mine = [actors.submit([place("M", 1_000 + number)]) for number in range(SHARE + 1)]
        assert mine.index(None) == SHARE
        cancel = BatchCancel(at=AT, user_id="ann", market_id="M")
        assert actors.submit([cancel]) is None, "whatever it asks"
        assert actors.submit([place("M", 1, user_id="ben")]) is not None
        assert actors.submit([place("N", 1)]) is not None
        assert actors.submit([Tick(at=AT, market_id="M")]) is not None, "what nobody asks has no share"
        assert actors.depths()["M"] == SHARE + 2
        journal.stall.set()
        await wait_all_tasks_blocked()
        again = [actors.submit([place("M", 2_000 + number)]) for number in range(SHARE)]
        assert None not in again, "what was decided waits no more"


async def test_a_failing_journal_stops_everything_and_nobody_is_answered() -> None:
    answered: list[Outcome] = []
    with pytest.RaisesGroup(JournalError, flatten_subgroups=True):
        async with running("M") as (actors, journal):
            journal.failure = JournalError("the disk is gone")
            answered += await actors.ask(place("M", 1))
    assert answered == []


async def test_an_impossible_state_stops_the_process_and_says_what_it_was_doing() -> None:
    """The reserve's purse is emptied by hand: the next mint finds the impossible and nothing is journaled."""
    with pytest.RaisesGroup(
        pytest.RaisesExc(DecisionError, match="while deciding PlaceOrder"), flatten_subgroups=True
    ):
        async with running("M") as (actors, journal):
            actors.exchange.accounts["ann"].frozen = -1_000
            await actors.ask(place("M", 1))
    assert len(journal.rows) == len(journal.commands) + 3


async def test_a_cancelled_caller_neither_loses_nor_repeats_its_command() -> None:
    async with running("M") as (actors, journal):
        journal.stall = trio.Event()
        with trio.move_on_after(0):
            await actors.ask(place("M", 1))
        await wait_all_tasks_blocked()
        journal.stall.set()
        [outcome] = await actors.ask(place("M", 1))
        assert isinstance(outcome.answer, Placed)
        assert outcome.answer.repeated
        assert len(actors.exchange.accounts["ann"].orders) == 1


async def test_after_close_what_waits_is_finished_and_the_rest_refused() -> None:
    exchange, journal = Exchange(), MemoryJournal()
    await journal.append(
        [journal.pack([Decided(c, "", exchange.execute(c)) for c in [OpenJournal(at=AT), *create("M")]])]
    )
    actors = Actors(exchange, journal)
    outcomes: list[Outcome] = []

    async def ask(command: AnyCommand) -> None:
        outcomes.extend(await actors.ask(command))

    async with trio.open_nursery() as nursery:
        await nursery.start(actors.run)
        async with trio.open_nursery() as callers:
            callers.start_soon(ask, OpenAccount(at=AT, user_id="ben"))
            await wait_all_tasks_blocked()
            actors.close()
            callers.start_soon(ask, OpenAccount(at=AT, user_id="eve"))
    assert [isinstance(outcome.answer, Refusal) for outcome in outcomes] == [False, True]
    assert "eve" not in exchange.accounts
    assert await journal.head() == exchange.head


async def test_a_market_that_was_waiting_to_be_created_at_the_close_is_created() -> None:
    """Its actor would come too late: nobody can ask it anything any more."""
    exchange, journal = Exchange(), MemoryJournal()
    await journal.append([journal.pack([Decided(c, "", exchange.execute(c)) for c in [OpenJournal(at=AT)]])])
    actors = Actors(exchange, journal)
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            await nursery.start(actors.run)
            request = actors.submit(create("M"))
            actors.close()
    assert request is not None
    assert request.durable.is_set()
    assert actors.submit([place("M", 1)]) is None
    assert await journal.head() == exchange.head


async def test_the_journal_replays_to_the_same_exchange() -> None:
    async with running("M") as (actors, journal):
        await actors.ask(*[place("M", number) for number in range(10)])
        replica = Exchange()
        async for fact in journal.read():
            replica.apply(fact)
        assert replica.digest() == actors.exchange.digest()


def test_the_actors_ask_no_command_of_which_kind_it_is() -> None:
    """Each tells its market, its order and who asks, so that a new one needs nothing here."""
    nodes = ast.walk(ast.parse(Path(actors.__file__).read_text()))
    called = {
        node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert called.isdisjoint({"isinstance", "type", "getattr"})
