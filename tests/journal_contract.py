"""What every journal promises, whatever it is made of: the one in memory and the one on disk are held to it.

A module that tests a journal gives a fixture `journal`, empty, and imports these tests.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import pytest

from kernel.commands import AnyCommand, Deposit, OpenAccount, OpenJournal
from kernel.events import Fact
from kernel.exchange import Exchange
from kernel.journal import Decided, Journal, JournalError

AT = 1_795_168_800_000_000


def opening() -> list[AnyCommand]:
    return [OpenJournal(at=AT), OpenAccount(at=AT + 1, user_id="ann")]


def deposits(count: int) -> list[AnyCommand]:
    return [Deposit(at=AT + 10 + number, user_id="ann", amount=100 + number) for number in range(count)]


def decide(exchange: Exchange, commands: Sequence[AnyCommand]) -> list[Decided]:
    return [Decided(command, f"test {command.at}", exchange.execute(command)) for command in commands]


def facts_of(decided: Sequence[Decided]) -> list[Fact]:
    return [fact for one in decided for fact in one.outcome.facts]


async def read(journal: Journal, after: int = 0) -> list[Fact]:
    return [fact async for fact in journal.read(after)]


async def test_an_empty_journal_has_head_0_and_nothing_to_read(journal: Journal) -> None:
    assert await journal.head() == 0
    assert await read(journal) == []


async def test_what_was_appended_is_read_back_equal_and_in_order(journal: Journal) -> None:
    decided = decide(Exchange(), opening() + deposits(20))
    await journal.append([journal.pack(decided[:5])])
    await journal.append([journal.pack(decided[5:])])
    assert await read(journal) == facts_of(decided)
    assert await journal.head() == facts_of(decided)[-1].id


async def test_reading_starts_after_any_fact(journal: Journal) -> None:
    """From the middle of a group as well as from its ends, and beyond the end."""
    facts = facts_of(decided := decide(Exchange(), opening() + deposits(10)))
    await journal.append([journal.pack(decided[:6])])
    await journal.append([journal.pack(decided[6:])])
    for after in range(len(facts) + 2):
        assert await read(journal, after) == facts[after:]


async def test_a_reader_may_leave_early(journal: Journal) -> None:
    await journal.append([journal.pack(decide(exchange := Exchange(), opening() + deposits(10)))])
    facts = journal.read()
    assert isinstance(facts, AsyncGenerator)
    async with aclosing(facts):
        assert (await anext(facts)).id == 1
    await journal.append([journal.pack(decide(exchange, deposits(1)))])
    assert await journal.head() == exchange.head


async def test_appending_nothing_changes_nothing(journal: Journal) -> None:
    await journal.append([journal.pack([])])
    assert await journal.head() == 0


async def test_refusals_leave_no_row(journal: Journal) -> None:
    exchange = Exchange()
    await journal.append([journal.pack(decide(exchange, opening()))])
    head = exchange.head
    nobody = decide(exchange, [Deposit(at=AT + 5, user_id="nobody", amount=1)])
    assert facts_of(nobody) == []
    await journal.append([journal.pack(nobody)])
    assert await journal.head() == head
    await journal.append([journal.pack(nobody + decide(exchange, deposits(1)) + nobody)])
    assert await journal.head() == head + 1


@pytest.mark.parametrize(("first", "second"), [((0, 2), (3, 5)), ((0, 4), (3, 5))], ids=["gap", "overlap"])
async def test_only_what_follows_is_appended(
    journal: Journal, first: tuple[int, int], second: tuple[int, int]
) -> None:
    """A gap and an overlap are refused; the journal stays as it was, and what does follow is taken."""
    decided = decide(Exchange(), opening() + deposits(3))
    await journal.append([journal.pack(decided[slice(*first)])])
    before = await read(journal)
    with pytest.raises(JournalError):
        await journal.append([journal.pack(decided[slice(*second)])])
    assert await read(journal) == before
    await journal.append([journal.pack(decided[first[1] :])])
    assert await read(journal) == facts_of(decided)


async def test_a_gap_within_a_group_refuses_all_of_it(journal: Journal) -> None:
    decided = decide(Exchange(), opening() + deposits(3))
    with pytest.raises(JournalError):
        await journal.append([journal.pack([*decided[:2], *decided[3:]])])
    assert await journal.head() == 0
    assert await read(journal) == []


async def test_what_it_holds_makes_the_same_exchange_again(journal: Journal) -> None:
    exchange, replica = Exchange(), Exchange()
    await journal.append([journal.pack(decide(exchange, opening() + deposits(5)))])
    async for fact in journal.read():
        replica.apply(fact)
    assert replica.digest() == exchange.digest()
