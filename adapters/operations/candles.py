"""A market's past in intervals: the rows that there are, and between them those in which nothing happened."""

from collections.abc import Iterator, Sequence
from typing import Final, Literal

import msgspec

from adapters.operations.lookups import find_market, market_called
from adapters.operations.operation import Call, Reply
from adapters.runtime.times import to_microseconds
from adapters.service.server import Row, Server
from adapters.wire import render, responses
from adapters.wire.paging import read_time
from adapters.wire.requests import EmptyBody, Text
from adapters.wire.status import malformed
from kernel.intervals import INTERVALS, beginning
from kernel.market import Market

INTERVALS_MAX: Final = 1_500
"""Intervals of one answer: a day in minutes, or four years in days."""
INTERVALS_SHOWN: Final = 100
"""Before the end, if no beginning is named and so many are allowed."""
MARKETS_MAX: Final = 50
"""Markets of one answer: a page of them, each with a small picture."""


class CandlesQuery(msgspec.Struct, frozen=True, kw_only=True):
    interval: Literal["1m", "5m", "1h", "1d"]
    start: responses.Time | None = None
    """The first moment; 100 intervals before the end if absent, or as many as several markets may have."""
    end: responses.Time | None = None
    """The moment behind the last; now if absent."""


class SeveralCandlesQuery(CandlesQuery, frozen=True, kw_only=True):
    markets: Text
    """Ids of up to 50 markets, separated by commas. Together they may have 1,500 intervals."""


async def get_candles(server: Server, call: Call[EmptyBody, CandlesQuery]) -> Reply[responses.CandlesShape]:
    """A market's candles, oldest first: what was traded in each interval, and how it then stood."""
    (candles,), head = await candles_of(server, [find_market(server, call)], call.query)
    return Reply(candles, journal_id=head)


async def get_candles_of_several(
    server: Server, call: Call[EmptyBody, SeveralCandlesQuery]
) -> Reply[responses.SeveralCandlesShape]:
    """The candles of several markets, in the order in which they are named."""
    names = [*dict.fromkeys(call.query.markets.split(","))]
    if len(names) > MARKETS_MAX:
        raise malformed(("markets", f"names more than {MARKETS_MAX}"))
    markets = [market_called(server, call, name) for name in names]
    items, head = await candles_of(server, markets, call.query)
    return Reply(responses.SeveralCandlesShape(items), journal_id=head)


async def candles_of(
    server: Server, markets: Sequence[Market], query: CandlesQuery
) -> tuple[list[responses.CandlesShape], int]:
    """The candles of each market, and the journal id that they reflect."""
    length = INTERVALS[query.interval]
    start, end = asked_for(query, length, server.clock.now(), INTERVALS_MAX // len(markets))
    # What is read here is of one moment. All of it is durable, and in the tables, when they are read.
    head, now = server.exchange.head, server.clock.now()
    until = [
        (
            market.id,
            min(end, beginning(now if market.resolved_at is None else market.resolved_at, length) + length),
            server.earliest_news(market),
        )
        for market in markets
    ]
    await server.wait_durable(head)
    history = await server.history_as_of(head)
    found = []
    for market_id, behind, bound in until:
        rows = await history.candles(market_id, query.interval, start, behind)
        items = [*every_interval(rows, start, behind, length, bound)]
        found.append(responses.CandlesShape(market_id, query.interval, items))
    return found, head


def asked_for(query: CandlesQuery, length: int, now: int, most: int) -> tuple[int, int]:
    """The beginning of the first interval, and the end of the period, which has so many at most."""
    end = read_time(query.end, "end") if query.end is not None else now
    shown = min(INTERVALS_SHOWN, most - 1) * length
    start = read_time(query.start, "start") if query.start is not None else end - shown
    if start >= end:
        raise malformed(("start", "must be before the end"))
    first = beginning(start, length)
    if -((first - end) // length) > most:
        raise malformed(("start", f"is more than {most} intervals before the end"))
    return first, end


def every_interval(
    rows: Sequence[Row], start: int, end: int, length: int, bound: int
) -> Iterator[responses.CandleShape]:
    """A candle for each interval from the market's first activation on, which made its first row."""
    if not rows:
        return
    found = {to_microseconds(row["start"]): row for row in rows}
    standing = rows[0]
    for at in range(max(start, next(iter(found))), end, length):
        is_final = at + length <= bound
        row = found.get(at)
        if row is None:
            yield responses.CandleShape(
                render.time(at),
                *(None, None, None, None),
                standing["bid_close_cents"],
                standing["ask_close_cents"],
                *(0, 0),
                standing["open_interest"],
                is_final,
            )
        else:
            standing = row
            yield responses.CandleShape(
                render.time(at),
                row["open_cents"],
                row["high_cents"],
                row["low_cents"],
                row["close_cents"],
                row["bid_close_cents"],
                row["ask_close_cents"],
                row["volume"],
                row["trades"],
                row["open_interest"],
                is_final,
            )
