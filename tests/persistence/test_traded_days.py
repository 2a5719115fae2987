"""What a server that begins is told of the past is what it would have heard, however far the tables are."""

import random

import pytest

from adapters.runtime.times import to_datetime
from adapters.service.tickers import MINUTE_LENGTH, TradedDay, first_minute, traded_days
from kernel.events import Fill
from persistence.postgres.database import Connection, Database
from persistence.tables.projector import Projector
from persistence.tables.traded_days import read_traded_days
from tests.persistence.journaled import file
from tests.persistence.test_candles import MINUTE, a_day


@pytest.mark.parametrize("projected", [0.0, 0.5, 0.99, 1.0])
async def test_a_day_that_is_read_is_the_day_that_was_heard(
    db: Database, connection: Connection, projected: float
) -> None:
    """Some of it in the tables, the rest in the journal alone; most of it older than the day."""
    day = a_day(random.Random(7), 300, 9 * MINUTE)
    head = int(len(day.decided) * projected)
    await file(connection, day.decided[:head])
    await Projector(db).catch_up()
    await file(connection, day.decided[head:])
    heard = {"M": TradedDay(), "N": TradedDay()}
    for fact in day.facts:
        if isinstance(fact.event, Fill):
            heard[fact.market_id or ""].add(fact.at, fact.event.trade_price, fact.event.fill_qty)
    now = day.exchange.now
    since = to_datetime(first_minute(now) * MINUTE_LENGTH)
    read = traded_days(*await read_traded_days(db, since))
    for wanted in heard.values():
        wanted.forget(now)
    assert any(wanted.before is not None and wanted.minutes for wanted in heard.values())
    for market_id, wanted in heard.items():
        found = read[market_id]
        assert (found.minutes, found.before, found.last_at) == (wanted.minutes, wanted.before, wanted.last_at)
        assert (found.volume, found.trades, found.highest, found.lowest) == (
            *(wanted.volume, wanted.trades, wanted.highest, wanted.lowest),
        )
