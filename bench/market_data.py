"""Market data: a request for candles of a busy year, and what the ticker feed costs the exchange.

    verdict bench market_data

The candles lie in a real PostgreSQL and are read, completed and encoded as for a caller; what HTTP adds to
any request is not in it. The feed is that of a real server whose journal is in memory; its readers are a
process of their own.
"""

import math
import multiprocessing
import random
import select
import statistics
import time
from typing import Any, Final

import msgspec
import trio

from adapters.operations.candles import INTERVALS_MAX, every_interval
from bench.measure import heading, line, section
from bench.projector import somewhere
from bench.stream import Stream
from kernel.intervals import INTERVALS, MINUTE, beginning
from persistence.tables.candles import CandleNow, Candles
from persistence.tables.columns import CANDLES
from persistence.tables.history import History
from persistence.tables.quotes import Closes, Quotes
from tests.adapters.streaming import ANN, AT, BEN, EVE, a_place, running

TRADES: Final = 500_000
YEAR: Final = 366 * INTERVALS["1d"]
ROUNDS: Final = 40
MARKETS: Final = 1_000
READERS: Final = 100
COMMANDS: Final = 500
"""A second; each changes the best price of a market."""
SECONDS: Final = 6.0

encode = msgspec.json.Encoder().encode


def main() -> None:
    heading("market data")
    trio.run(candles)
    for readers in (0, READERS):
        trio.run(tickers, readers)


async def candles() -> None:
    section(f"candles of a market with {TRADES:,} trades in a year; medians of {ROUNDS} requests")
    chance, made = random.Random(1), Candles(Quotes())
    first = beginning(AT, INTERVALS["1d"])
    for at in sorted(first + chance.randrange(YEAR) for _ in range(TRADES)):
        price = chance.randrange(40, 61)
        key = "M", beginning(at, INTERVALS[MINUTE])
        minute = made.minutes.setdefault(key, CandleNow(Closes(price - 1, price + 1, 100)))
        minute.add((price, price, price, price), 10, 1)
    async with somewhere() as db:
        connection = await db.connect()
        rows = list(made.rows())
        for start in range(0, len(rows), 10_000):
            await CANDLES.upsert(connection, rows[start : start + 10_000])
        await connection.execute("ANALYZE candles")
        for interval, length in INTERVALS.items():
            shown = min(INTERVALS_MAX, YEAR // length)
            start = first + YEAR - shown * length
            took, cpu = list[float](), time.process_time()
            for _ in range(ROUNDS):
                begun = time.perf_counter()
                found = await History(db).candles("M", interval, start, first + YEAR)
                items = [*every_interval(found, start, first + YEAR, length, first + YEAR)]
                size = len(encode(items))
                took.append((time.perf_counter() - begun) * 1_000)
            assert len(items) == shown
            cpu = (time.process_time() - cpu) / ROUNDS * 1_000
            remark = f"at most {max(took):.1f}; {cpu:.1f} of it here, the rest in PostgreSQL; {size:,} bytes"
            line(f"{shown:,} candles of {interval}", statistics.median(took), "ms", remark)


async def tickers(readers: int) -> None:
    """Of the server's process; the commands are decided in it, too, with readers and without."""
    names = [f"M-{number}" for number in range(MARKETS)]
    async with running(*names) as venue:
        tokens = [venue.token((EVE, BEN)[number % 2]) for number in range(readers)]
        stop, (ours, theirs) = multiprocessing.Event(), multiprocessing.Pipe()
        reading = multiprocessing.Process(target=read, args=(venue.port, tokens, stop, theirs))
        reading.start()
        await trio.to_thread.run_sync(ours.recv)
        chance, begun, cpu, sent = random.Random(2), trio.current_time(), time.process_time(), 0
        while (passed := trio.current_time() - begun) < SECONDS:
            for _ in range(math.ceil(passed * COMMANDS) - sent):
                sent += 1
                venue.server.actors.submit(
                    [a_place(ANN, chance.choice(names), price=1 + sent * 90 // (COMMANDS * 8), quantity=1)]
                )
            await trio.sleep(0.01)
        share = (time.process_time() - cpu) / (trio.current_time() - begun) * 100
        stop.set()
        received = await trio.to_thread.run_sync(ours.recv)
        await trio.to_thread.run_sync(reading.join)
        if not readers:
            section(f"tickers of {MARKETS:,} markets, {COMMANDS} commands a second that change one")
        remark = f"{received / SECONDS / 1e6:.1f} MB/s received"
        line(f"{readers} readers of all", share, "% of a core", remark)


def read(port: int, tokens: list[str], stop: Any, told: Any) -> None:
    sockets = [Stream("127.0.0.1", port, token, "/ws/v1/ticker").socket for token in tokens]
    poll, received = select.poll(), 0
    by_number = {one.fileno(): one for one in sockets}
    for number in by_number:
        poll.register(number, select.POLLIN)
    told.send("ready")
    while not stop.is_set():
        for number, _ in poll.poll(100):
            received += len(by_number[number].recv(1 << 20))
    told.send(received)


if __name__ == "__main__":
    main()
