"""Candles against a slow, obvious computation: every interval by looking through the whole day again."""

import random
from typing import Any

import attrs
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.operations.candles import every_interval
from adapters.runtime.times import to_datetime
from adapters.wire import render
from kernel.codes import AMM_ID, Direction, Side, TimeInForce
from kernel.commands import (
    ActivateMarket,
    AmendOrder,
    AnyCommand,
    BurnShares,
    CancelOrder,
    CreateMarket,
    Deposit,
    MarketTerms,
    MintShares,
    OpenAccount,
    OpenJournal,
    OrderTerms,
    PlaceOrder,
    ReplaceOrder,
    ResolveMarket,
)
from kernel.events import Fact, Fill
from kernel.exchange import Exchange
from kernel.intervals import INTERVALS
from kernel.journal import Decided
from persistence.postgres.database import Connection, Database
from persistence.tables.candles import Candles
from persistence.tables.history import History
from persistence.tables.projector import Projector
from persistence.tables.quotes import Quotes
from persistence.tables.sql_audit import check_record
from persistence.tools.rebuild import rebuild
from tests.persistence.journaled import file
from tests.persistence.test_projector import contents, differences

AT = 1_795_168_800_000_000
MINUTE = 60_000_000
TRADERS = ("ann", "ben", "eve", AMM_ID)


@attrs.frozen
class Moment:
    """What a slow reader knows of one command."""

    at: int
    market_id: str
    trades: list[tuple[int, int]]
    """Prices and quantities."""
    bid: int | None
    ask: int | None
    pairs: int


@attrs.define(eq=False)
class Day:
    """Commands of two markets, decided, and what a slow reader saw."""

    exchange: Exchange = attrs.field(factory=Exchange)
    decided: list[Decided] = attrs.field(factory=list)
    moments: list[Moment] = attrs.field(factory=list)

    def do(self, command: AnyCommand) -> None:
        outcome = self.exchange.execute(command)
        if not outcome.facts:
            return
        self.decided.append(Decided(command, "", outcome))
        market = self.exchange.markets.get(outcome.facts[-1].market_id or "")
        if market is not None:
            fills = [fact.event for fact in outcome.facts if isinstance(fact.event, Fill)]
            self.moments.append(
                Moment(
                    outcome.facts[-1].at,
                    market.id,
                    [(fill.trade_price, fill.fill_qty) for fill in fills],
                    market.book.best_bid,
                    market.book.best_ask,
                    market.yes_shares,
                )
            )

    @property
    def facts(self) -> list[Fact]:
        return [fact for one in self.decided for fact in one.outcome.facts]

    def candle(self, market_id: str, start: int, length: int) -> dict[str, Any] | None:
        """The obvious way; None before the market was activated."""
        own = [moment for moment in self.moments if moment.market_id == market_id]
        until = [moment for moment in own if moment.at < start + length]
        if len(until) < 2:  # its creation, and then its activation
            return None
        trades = [trade for moment in until if moment.at >= start for trade in moment.trades]
        prices = [price for price, _ in trades]
        return {
            "open_cents": prices[0] if prices else None,
            "high_cents": max(prices, default=None),
            "low_cents": min(prices, default=None),
            "close_cents": prices[-1] if prices else None,
            "bid_close_cents": until[-1].bid,
            "ask_close_cents": until[-1].ask,
            "volume": sum(quantity for _, quantity in trades),
            "trades": len(prices),
            "open_interest": until[-1].pairs,
        }


def a_day(chance: random.Random, commands: int, step: int) -> Day:
    """All that moves a price, a best price or the number of pairs; `step` is a usual pause."""
    day, at = Day(), AT
    day.do(OpenJournal(at=at))
    for user_id in TRADERS[:-1]:
        day.do(OpenAccount(at=at, user_id=user_id))
    for user_id in TRADERS:
        day.do(Deposit(at=at, user_id=user_id, amount=10_000_000))
    for market_id in ("M", "N"):
        day.do(CreateMarket(at=at, market_id=market_id, terms=MarketTerms(title=market_id), by="root"))
        at += chance.randrange(2 * step)
        day.do(ActivateMarket(at=at, market_id=market_id, by="root"))
    for number in range(commands):
        at += chance.choice((0, 0, 1, chance.randrange(step), chance.randrange(20 * step)))
        day.do(some_command(chance, day, number, at))
    day.do(ResolveMarket(at=at + step, market_id="N", result="YES", by="root"))
    return day


def some_command(chance: random.Random, day: Day, number: int, at: int) -> AnyCommand:
    market_id, user_id = chance.choice("MMN"), chance.choice(TRADERS)
    live = [order for order in day.exchange.orders.values() if order.is_live]
    key: dict[str, Any] = {"market_id": market_id, "idempotency_key": f"key-{number}", "nonce": number}
    terms = OrderTerms(
        chance.choice([*Side]),
        chance.choice([*Direction]),
        chance.randrange(40, 61),
        chance.randrange(1, 30),
        chance.choice((TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC)),
    )
    wish: dict[str, Any] = {
        "client_order_id": f"o-{number}",
        "market_id": market_id,
        "terms": terms,
        "nonce": number,
    }
    match chance.randrange(10):
        case 0 | 1 if live:
            found = chance.choice(live)
            return CancelOrder(at=at, user_id=found.account.id, order_id=found.id)
        case 5 | 6 if live:
            found = chance.choice(live)
            price, quantity = chance.randrange(40, 61), found.filled + chance.randrange(1, 30)
            return AmendOrder(
                at=at, user_id=found.account.id, order_id=found.id, price=price, quantity=quantity
            )
        case 2:
            return MintShares(at=at, user_id=AMM_ID, quantity=chance.randrange(1, 40), **key)
        case 3:
            return BurnShares(at=at, user_id=AMM_ID, quantity=chance.randrange(1, 20), **key)
        case 4 if quotes := [order for order in live if order.account.id == AMM_ID]:
            old = chance.choice(quotes)
            return ReplaceOrder(at=at, user_id=AMM_ID, old_order_id=old.id, **wish)
        case _:
            return PlaceOrder(at=at, user_id=user_id, **wish)


def check(day: Day, market_id: str, interval: str, rows: list[Any], start: int, end: int) -> int:
    """Every interval between two times, as callers are shown it; returns how many there are."""
    length = INTERVALS[interval]
    shown = {candle.start: candle for candle in every_interval(rows, start, end, length, end)}
    for at in range(start, end, length):
        wanted, candle = day.candle(market_id, at, length), shown.pop(render.time(at), None)
        if wanted is None:
            assert candle is None
        else:
            assert candle is not None
            assert msgspec.structs.asdict(candle) == {**wanted, "start": candle.start, "is_final": True}
    assert not shown
    return (end - start) // length


def rows_of(folded: dict[tuple[str, str, int], Any], market_id: str, interval: str) -> list[Any]:
    """As the table would give them."""
    return [
        {**row, "start": to_datetime(start)}
        for (market, name, start), row in sorted(folded.items())
        if (market, name) == (market_id, interval)
    ]


def merged(old: dict[str, Any] | None, new: dict[str, Any]) -> dict[str, Any]:
    """What a batch adds to a row, as its statement says it in SQL."""
    if old is None:
        return new
    both = old["open_cents"] is not None and new["open_cents"] is not None
    return {
        **new,
        "open_cents": new["open_cents"] if old["open_cents"] is None else old["open_cents"],
        "high_cents": max(old["high_cents"], new["high_cents"]) if both else one_of(old, new, "high_cents"),
        "low_cents": min(old["low_cents"], new["low_cents"]) if both else one_of(old, new, "low_cents"),
        "close_cents": old["close_cents"] if new["close_cents"] is None else new["close_cents"],
        "volume": old["volume"] + new["volume"],
        "trades": old["trades"] + new["trades"],
    }


def one_of(old: dict[str, Any], new: dict[str, Any], name: str) -> Any:
    return old[name] if new[name] is None else new[name]


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from((MINUTE // 40, MINUTE, 60 * MINUTE)))
def test_candles_are_what_a_look_at_the_whole_day_gives(chance: random.Random, step: int) -> None:
    """Whatever happened, at whatever pace, and wherever the batches are cut."""
    day = a_day(chance, 60, step)
    folded: dict[tuple[str, str, int], Any] = {}
    candles = Candles(Quotes())

    def write() -> None:
        nonlocal candles
        for row in candles.rows():
            key = str(row["market_id"]), str(row["interval"]), int(row["start"])
            folded[key] = merged(folded.get(key), dict(row))
        candles = Candles(candles.quotes)

    for one in day.decided:
        for number, fact in enumerate(one.outcome.facts):
            candles.hear(fact, begins=number == 0)
            if chance.random() < 0.1:
                write()
    candles.settle()
    write()
    for market_id in ("M", "N"):
        for interval, length in INTERVALS.items():
            end = (day.exchange.now // length + 2) * length
            start = max(AT // length, end // length - 300) * length
            check(day, market_id, interval, rows_of(folded, market_id, interval), AT // length * length, end)
            before = [
                row for row in rows_of(folded, market_id, interval) if row["start"] < to_datetime(start)
            ]
            rest = [row for row in rows_of(folded, market_id, interval) if row["start"] >= to_datetime(start)]
            check(day, market_id, interval, before[-1:] + rest, start, end)


def test_a_command_is_looked_at_when_it_is_over() -> None:
    """A replacement at the same price leaves the market as it was, so its minute has no row."""
    day = Day()
    for command in (
        OpenJournal(at=AT),
        Deposit(at=AT, user_id=AMM_ID, amount=10_000),
        CreateMarket(at=AT, market_id="M", terms=MarketTerms(title="M"), by="root"),
        ActivateMarket(at=AT, market_id="M", by="root"),
    ):
        day.do(command)
    terms = OrderTerms(Side.YES, Direction.BUY, 40, 10)
    amm: dict[str, Any] = {"user_id": AMM_ID, "market_id": "M"}
    day.do(PlaceOrder(at=AT + MINUTE, client_order_id="a", terms=terms, nonce=1, **amm))
    old, at = next(iter(day.exchange.orders)), AT + 2 * MINUTE
    day.do(ReplaceOrder(at=at, client_order_id="b", terms=terms, nonce=2, old_order_id=old, **amm))
    candles = Candles(Quotes())
    for one in day.decided:
        for number, fact in enumerate(one.outcome.facts):
            candles.hear(fact, begins=number == 0)
    candles.settle()
    assert [*candles.minutes] == [("M", AT), ("M", AT + MINUTE)]


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_table_holds_them_however_often_the_projector_began_anew(
    db: Database, connection: Connection, seed: int
) -> None:
    """In the middle of a command, too; and a rebuild gives the same rows."""
    chance = random.Random(seed)
    day = a_day(chance, 300, MINUTE)
    await file(connection, day.decided, transaction=chance.randrange(1, 20))
    head = len(day.facts)
    while await connection.fetch_value("SELECT journal_id FROM projector_cursor") < head:
        projector = Projector(db, batch=chance.randrange(1, 60))
        async with projector._connected() as (reading, writing):
            batch = await projector._read(reading, projector.reached)
            assert batch is not None
            await projector._write(writing, batch)
    assert await differences(connection, day.exchange, day.facts) == []
    history = History(db)
    for market_id in ("M", "N"):
        for interval, length in INTERVALS.items():
            end = (day.exchange.now // length + 2) * length
            start = chance.randrange(AT // length, end // length) * length
            check(
                day, market_id, interval, await history.candles(market_id, interval, start, end), start, end
            )
    before = await contents(connection)
    await rebuild(db, lambda done, total: None)
    assert (await contents(connection))["candles"] == before["candles"]


SPOILT = (
    "UPDATE candles SET volume = volume + 1 WHERE trades > 0",
    "UPDATE candles SET open_cents = 1, low_cents = 1 WHERE trades > 0",
    "UPDATE candles SET close_cents = low_cents - 1, low_cents = low_cents - 1 WHERE trades > 0",
    "UPDATE candles SET bid_close_cents = 1",
    "UPDATE candles SET ask_close_cents = NULL",
    "UPDATE candles SET open_interest = open_interest + 1",
    "DELETE FROM candles WHERE interval = '1h'",
    "INSERT INTO candles (market_id, interval, start) VALUES ('M', '5m', '2026-01-01')",
)


async def test_a_candle_that_is_wrong_is_found(db: Database, connection: Connection) -> None:
    day = a_day(random.Random(3), 60, MINUTE)
    await file(connection, day.decided)
    await Projector(db).catch_up()
    assert await differences(connection, day.exchange, day.facts) == []
    for statement in SPOILT:
        await connection.execute("BEGIN")
        assert await connection.execute(statement) not in ("UPDATE 0", "DELETE 0")
        assert await differences(connection, day.exchange, day.facts) != [], statement
        await connection.execute("ROLLBACK")
    assert await check_record(db) == {}
    await connection.execute(SPOILT[0])
    assert [*await check_record(db)] == ["trades_sum"]
