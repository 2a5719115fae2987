"""What each account had when a day was over, in the tables: each day once, wherever work on them is cut."""

from datetime import date, timedelta

import pytest

from kernel.portfolio import portfolio_of
from persistence.postgres.database import Connection, Database
from persistence.tables.portfolio_days import DAY, end_days
from persistence.tables.projector import Projector
from persistence.tables.verify_days import figures
from persistence.tools.rebuild import rebuild
from tests.kernel.test_worked_examples import STORY, story
from tests.kernel.trading import Trading
from tests.persistence.journaled import decided, file
from tests.persistence.test_projector import PROJECTIONS, contents, differences

DAYS = [
    *STORY[1:],
    ("C buys 1 YES at 66",),
    ("D buys 1 NO at 10",),
    ("root resolves VOID at 7 without settling",),
    ("root settles",),
    ("A buys 1 YES at 5 in N",),
]
"""The published story goes on: a bid alone, both sides, and an end."""
DAYS_BETWEEN = (1, 1, 0, 4, 1, 1, 1, 1, 1, 2)
"""Before each: there are days with two, and days on which nothing happens."""
FIGURES = (
    """equity, cash, positions_value, unrealized_pnl, realized_pnl, fees_paid, net_deposits, net_transfers"""
)


def several_days() -> tuple[Trading, dict[int, dict[str, tuple[int, ...]]]]:
    """A market's life over days, and what everybody had at the end of each, by its number."""
    market, ends = story(1), dict[int, dict[str, tuple[int, ...]]]()
    market.create("N")
    for lines, days in zip(DAYS, DAYS_BETWEEN, strict=True):
        accounts = [account for account in market.exchange.accounts.values() if account.has_held]
        had = {account.id: figures(portfolio_of(account)) for account in accounts if not account.is_system}
        today = market.now // DAY
        ends |= dict.fromkeys(range(today, today + days), had)
        market.now += days * DAY
        market.play(*lines)
    return market, ends


@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_each_day_is_told_as_its_last_event_left_it(
    db: Database, connection: Connection, size: int
) -> None:
    market, ends = several_days()
    await file(connection, decided(market.facts))
    await Projector(db, batch=size).catch_up()
    rows = await connection.fetch(f"SELECT user_id, day, {FIGURES} FROM portfolio_days")
    found: dict[int, dict[str, tuple[int, ...]]] = {}
    for user_id, day, *amounts in rows:
        found.setdefault((day - date(1970, 1, 1)) // timedelta(1), {})[user_id] = tuple(amounts)
    assert found == ends
    assert len(ends) == sum(DAYS_BETWEEN)
    assert await differences(connection, market.exchange, market.facts) == []
    before = await contents(connection)
    await rebuild(db, lambda reached, total: None)
    assert await contents(connection) == before


async def test_a_projector_that_begins_in_the_middle_of_a_day_ends_it(
    db: Database, connection: Connection
) -> None:
    """And one that died after it had ended a day does so again, to the same rows."""
    market, ends = several_days()
    await file(connection, decided(market.facts))
    await Projector(db).catch_up()
    whole = await contents(connection)
    for table in PROJECTIONS:
        await connection.execute(f"TRUNCATE {table}")
    await connection.execute("UPDATE projector_cursor SET journal_id = 0")
    projector = Projector(db, batch=5)
    while projector.reached < len(market.facts):
        projector = Projector(db, batch=5)
        async with projector._connected() as (reading, writing):  # as far as one batch, then another begins
            batch = await projector._read(reading, projector.reached)
            assert batch is not None
            if batch.ended:
                async with projector._turn(writing, batch):
                    await end_days(writing, batch.ended)
            await projector._write(writing, batch)
    assert await contents(connection) == whole
    assert len(whole["portfolio_days"]) == sum(map(len, ends.values()))


async def test_a_row_that_was_altered_is_found(db: Database, connection: Connection) -> None:
    market, _ = several_days()
    await file(connection, decided(market.facts))
    await Projector(db).catch_up()
    await connection.execute(
        "UPDATE portfolio_days SET net_deposits = net_deposits + 1, net_transfers = net_transfers - 1"
        " WHERE ctid = (SELECT ctid FROM portfolio_days LIMIT 1)"
    )
    (word,) = await differences(connection, market.exchange, market.facts)
    assert word.startswith("portfolio_days")
