"""Recovery: what comes back is what was there."""

from kernel import Exchange
from persistence import journal as journals
from persistence.database import Connection, Database
from persistence.recovery import recover
from tests.journal_contract import decide, deposits, opening


async def test_an_empty_journal_gives_an_empty_exchange_and_stays_empty(
    db: Database, connection: Connection
) -> None:
    exchange = await recover(db)
    assert exchange.digest() == Exchange().digest()
    assert await connection.fetch_value("SELECT count(*) FROM wal_events") == 0


async def test_the_exchange_comes_back_from_the_journal_alone(db: Database) -> None:
    exchange = Exchange()
    async with journals.opened(db) as journal:
        await journal.append(decide(exchange, opening() + deposits(20)))
    told: list[tuple[int, int]] = []
    recovered = await recover(db, lambda done, total: told.append((done, total)))
    assert recovered.digest() == exchange.digest()
    assert told[-1] == (exchange.head, exchange.head)
