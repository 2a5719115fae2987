"""A market's past in intervals: the rows that there are, and between them those in which nothing happened."""

from collections.abc import Iterator, Sequence
from typing import Final, Literal

import msgspec

from adapters.operations.lookups import find_market
from adapters.operations.operation import Call, Reply
from adapters.runtime.times import to_microseconds
from adapters.service.server import Row, Server
from adapters.wire import render, responses
from adapters.wire.paging import read_time
from adapters.wire.requests import EmptyBody
from adapters.wire.status import malformed
from kernel.intervals import INTERVALS, beginning

INTERVALS_MAX: Final = 1_500
"""Intervals of one answer: a day in minutes, or four years in days."""
INTERVALS_SHOWN: Final = 100
"""Before the end, if no beginning is named."""


class CandlesQuery(msgspec.Struct, frozen=True, kw_only=True):
    interval: Literal["1m", "5m", "1h", "1d"]
    start: responses.Time | None = None
    """The first moment; 100 intervals before the end if absent."""
    end: responses.Time | None = None
    """The moment behind the last; now if absent."""


async def get_candles(server: Server, call: Call[EmptyBody, CandlesQuery]) -> Reply[responses.CandlesShape]:
    """A market's candles, oldest first: what was traded in each interval, and how it then stood."""
    market, interval = find_market(server, call), call.query.interval
    length = INTERVALS[interval]
    start, end = asked_for(call.query, length, server.clock.now())
    # What is read here is of one moment. All of it is durable, and in the tables, when they are read.
    head, now, bound = server.exchange.head, server.clock.now(), server.earliest_news(market)
    last = now if market.resolved_at is None else market.resolved_at
    await server.wait_durable(head)
    history = await server.history_as_of(head)
    behind = min(end, beginning(last, length) + length)
    rows = await history.candles(market.id, interval, start, behind)
    items = [*every_interval(rows, start, behind, length, bound)]
    return Reply(responses.CandlesShape(market.id, interval, items), journal_id=head)


def asked_for(query: CandlesQuery, length: int, now: int) -> tuple[int, int]:
    """The beginning of the first interval, and the end of the period."""
    end = read_time(query.end, "end") if query.end is not None else now
    start = read_time(query.start, "start") if query.start is not None else end - INTERVALS_SHOWN * length
    if start >= end:
        raise malformed(("start", "must be before the end"))
    first = beginning(start, length)
    if -((first - end) // length) > INTERVALS_MAX:
        raise malformed(("start", f"is more than {INTERVALS_MAX} intervals before the end"))
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
