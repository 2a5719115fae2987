"""The journal as a file: it comes back the same, and one that is not whole does not come in at all."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from persistence import DatabaseUnusableError
from persistence.journal.recovery import recover
from persistence.postgres.database import Connection, Database, opened
from persistence.tools.portable import PortableError, export_journal, import_journal
from tests.database import forge, fresh
from tests.kernel.trading import Trading, busy_day
from tests.persistence.journaled import decided, file


def quiet(_done: int, _total: int) -> None:
    """Nobody watches."""


@pytest.fixture(scope="module")
def day() -> Trading:
    return busy_day()


@pytest.fixture
async def exported(connection: Connection, day: Trading, tmp_path: Path) -> Path:
    await file(connection, decided(day.facts))
    assert await export_journal(connection, tmp_path / "journal", quiet) == len(day.facts)
    return tmp_path / "journal"


async def rows(connection: Connection) -> list[tuple[object, ...]]:
    return [tuple(row) for row in await connection.fetch("SELECT * FROM wal_events ORDER BY id")]


async def test_what_was_exported_and_imported_is_the_same_journal(
    connection: Connection, exported: Path, day: Trading, server_url: str, template: str
) -> None:
    """Every byte of every row, and so the same state."""
    async with fresh(server_url, like=template) as url, opened(url) as other:
        new = await other.connect()
        assert await import_journal(new, exported, quiet) == len(day.facts)
        assert await rows(new) == await rows(connection)
        assert (await recover(other)).digest() == day.exchange.digest()
        new.abandon()


async def test_an_export_is_its_owners_alone(exported: Path) -> None:
    """What everybody did stands in it."""
    assert exported.stat().st_mode & 0o077 == 0


def lines_of(exported: Path) -> list[str]:
    return exported.read_text().splitlines(keepends=True)


def cut_in_a_row(lines: list[str]) -> str:
    return "".join(lines)[:-400]


def cut_behind_a_row(lines: list[str]) -> str:
    return "".join(lines[:-1])


def cut_everything(_lines: list[str]) -> str:
    return ""


def another_amount(lines: list[str]) -> str:
    return "".join(lines).replace('"amount_cents":100000', '"amount_cents":100001', 1)


def a_row_taken_away(lines: list[str]) -> str:
    return "".join(lines[:5] + lines[6:])


def two_rows_swapped(lines: list[str]) -> str:
    lines[5], lines[6] = lines[6], lines[5]
    return "".join(lines)


def the_last_rows_taken_away(lines: list[str]) -> str:
    """By somebody who sets the count and knows nothing of the hash."""
    trailer = json.loads(lines[-1])
    return "".join(lines[:-8]) + json.dumps({**trailer, "rows": trailer["rows"] - 7}) + "\n"


def something_added(lines: list[str]) -> str:
    return "".join(lines) + "x"


def not_ours(_lines: list[str]) -> str:
    return "hello\n"


def from_the_future(lines: list[str]) -> str:
    return "".join(['{"verdict_journal":2}\n', *lines[1:]])


def a_journal_from_the_future(lines: list[str]) -> str:
    """The file is as ever, what it holds is not."""
    return "".join(lines).replace('"format":1', '"format":2', 1)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (cut_in_a_row, "cut off"),
        (cut_behind_a_row, "cut off"),
        (cut_everything, "not an export"),
        (another_amount, "does not fit"),
        (a_row_taken_away, "row 5 is altered, or rows before it are missing"),
        (two_rows_swapped, "row 5 is altered, or rows before it are missing"),
        (the_last_rows_taken_away, "rows"),
        (something_added, "something follows"),
        (not_ours, "not an export"),
        (from_the_future, "format 2"),
        (a_journal_from_the_future, "its journal has format 2"),
    ],
)
async def test_a_file_that_is_not_whole_is_refused_whole(
    exported: Path,
    server_url: str,
    template: str,
    spoil: Callable[[list[str]], str],
    told: str,
) -> None:
    exported.write_text(spoil(lines_of(exported)))
    async with fresh(server_url, like=template) as url, opened(url) as other:
        new = await other.connect()
        with pytest.raises(PortableError, match=told):
            await import_journal(new, exported, quiet)
        assert await new.fetch_value("SELECT count(*) FROM wal_events") == 0
        new.abandon()


async def test_a_journal_that_holds_something_takes_no_import(connection: Connection, exported: Path) -> None:
    with pytest.raises(DatabaseUnusableError, match="not empty"):
        await import_journal(connection, exported, quiet)


async def test_a_damaged_journal_is_not_exported(
    connection: Connection, exported: Path, tmp_path: Path
) -> None:
    """An export is what one falls back on: it carries no damage on. Nothing is left of the attempt."""
    await forge(connection, "UPDATE wal_events SET market_id = 'X' WHERE id = 20")
    with pytest.raises(DatabaseUnusableError, match="damaged and was not exported"):
        await export_journal(connection, tmp_path / "second", quiet)
    assert [path.name for path in tmp_path.iterdir()] == ["journal"]


async def test_an_empty_journal_is_a_file_too(connection: Connection, db: Database, tmp_path: Path) -> None:
    assert await export_journal(connection, tmp_path / "empty", quiet) == 0
    assert await import_journal(connection, tmp_path / "empty", quiet) == 0
