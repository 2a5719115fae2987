"""Pages of the journal are read without taking rows apart, and no less strictly for that."""

from collections.abc import Sequence
from contextlib import aclosing
from itertools import pairwise
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.events import Fact
from persistence.journal import wal
from persistence.journal.chain import Chain
from persistence.journal.pages import DamagedError, facts, pages
from persistence.journal.wal import JournalRow
from persistence.postgres.database import Connection
from persistence.postgres.packing import SIGNATURE, TRAILER
from tests.database import forge
from tests.kernel.trading import busy_day
from tests.persistence.journaled import decided, file

DAY: Final = busy_day().facts


def journal(transaction: int = 4) -> list[JournalRow]:
    """A day of many kinds of facts, so many of them in each transaction."""
    head, digest, rows = 0, wal.GENESIS, list[JournalRow]()
    for first in range(0, len(DAY), transaction):
        group = wal.group([wal.pack(decided(DAY[first : first + transaction]))], head, digest)
        assert group is not None
        head, digest = group.last, group.digest
        rows += wal.unpack(bytes(group.rows))
    return rows


ROWS: Final = journal()


def told(found: Sequence[bytes]) -> list[Fact]:
    """The facts in these pages, whose chain must be whole."""
    chain, seen = Chain(), list[Fact]()
    for page in found:
        seen += facts(page, chain, len(seen) + 1)
    assert chain.end() is None
    return seen


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1_000])
def test_the_facts_are_those_that_were_filed_wherever_a_page_ends(size: int) -> None:
    cut = [wal.page_of(ROWS[first : first + size]) for first in range(0, len(ROWS), size)]
    assert told(cut) == DAY


def test_rows_are_a_page_again_as_it_was() -> None:
    assert [*wal.unpack(wal.page_of(ROWS))] == ROWS
    assert wal.first_in(wal.page_of(ROWS[6:])) == 7
    assert wal.first_in(wal.page_of([])) is None
    assert told([wal.page_of([])]) == []


@given(data=st.data())
def test_no_byte_of_a_value_can_be_another(data: st.DataObject) -> None:
    """Of any column of any row; lengths are PostgreSQL's own."""
    row = data.draw(st.integers(0, len(ROWS) - 1))
    columns = ROWS[row].columns
    values = [value for value in (ROWS[row].payload, ROWS[row].command) if value]
    value = data.draw(st.sampled_from([*values, columns[6:14], columns[18:26]]))
    place = columns.index(value) + data.draw(st.integers(0, len(value) - 1))
    other = bytes([columns[place] ^ data.draw(st.integers(1, 255))])
    changed = columns[:place] + other + columns[place + 1 :]
    page = b"".join(
        (
            wal.page_of(ROWS[:row])[: -len(TRAILER)],
            changed,
            wal.page_of(ROWS[row:])[len(SIGNATURE) + len(columns) :],
        )
    )
    chain = Chain()
    with pytest.raises(DamagedError, match=r"^row \d+ of the journal (is not as it was|is missing|cannot)"):
        list(facts(page, chain, 1))


@pytest.mark.parametrize("row", range(3, 8))
def test_a_row_that_is_missing_is_named_or_breaks_the_chain(row: int) -> None:
    """Whichever comes first: the id that comes in its place, or the end of its transaction."""
    page = wal.page_of([*ROWS[:row], *ROWS[row + 1 :]])
    what = "is not as it was written" if ROWS[row + 1].digest is not None else f"row {row + 1} .* is missing"
    with pytest.raises(DamagedError, match=what):
        list(facts(page, Chain(), 1))


def test_the_last_transaction_must_have_its_end() -> None:
    ends = [place for place, row in enumerate(ROWS) if row.digest is not None]
    *_, (before, end) = [(one, other) for one, other in pairwise(ends) if other > one + 1]
    chain = Chain()
    assert len(list(facts(wal.page_of(ROWS[:end]), chain, 1))) == end
    assert chain.end() == f"rows {before + 2} to {end} have no digest: the rows behind them were taken away"


async def test_pages_end_and_begin_where_they_are_asked_to(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wal, "BATCH", 5)
    await file(connection, decided(DAY))
    async with aclosing(pages(connection, 3, 17)) as found:
        asked = [[row.id for row in wal.unpack(page)] async for page in found]
    assert asked == [[4, 5, 6, 7, 8], [9, 10, 11, 12, 13], [14, 15, 16, 17]]


@pytest.mark.parametrize("gone", ["id = 7", "id BETWEEN 7 AND 20", "id = 3"])
async def test_missing_rows_are_found_from_page_to_page(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    monkeypatch.setattr(wal, "BATCH", 5)
    await file(connection, decided(DAY), transaction=1_000)
    await forge(connection, f"DELETE FROM wal_events WHERE {gone}")
    async with aclosing(pages(connection, 0, len(DAY))) as found:
        cut = [page async for page in found]
    with pytest.raises(DamagedError, match=f"row {3 if '3' in gone else 7} of the journal is missing"):
        told(cut)
