"""PostgreSQL fails over while somebody trades: how long nothing is acknowledged.

A real primary, which is killed, and its synchronous standby, which is promoted; a server, and one trader who
repeats each order under its name until it is answered. At the end every acknowledged order is looked for.
"""

import argparse
import statistics
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Final

import httpx
import trio

from bench.measure import line, machine, section
from tests.adapters.serving import Caller, serving, until, venue
from tests.adapters.test_another_primary import Trader
from tests.pairs import primary_and_standby

ORDERS: Final = 40
"""Acknowledged before the primary dies, and after."""
CENTS: Final = 1_000_000


async def once() -> tuple[float, float, int]:
    """Seconds without an acknowledgement, of them from the promotion on, and how many orders are missing."""
    with tempfile.TemporaryDirectory(prefix="verdict-bench-") as place:
        async with primary_and_standby() as pair:
            with serving(pair.url, Path(place)) as server, httpx.Client(base_url=server.address) as http:
                await pair.be_synchronous()
                the_venue = venue(server.address, http)
                trader = Trader(server.address, the_venue.user(CENTS), the_venue.market())
                trader.start()
                try:
                    await trio.to_thread.run_sync(until, lambda: len(trader.acknowledged) >= ORDERS)
                    pair.primary.kill()
                    await pair.promote()
                    promoted, before = time.monotonic(), len(trader.acknowledged)
                    await trio.to_thread.run_sync(until, lambda: len(trader.acknowledged) >= before + ORDERS)
                finally:
                    trader.is_over.set()
                    trader.join()
                times = trader.acknowledged.values()
                silence, end = max((after - at, after) for at, after in pairwise(times))
                with httpx.Client(base_url=server.address) as again:
                    ann = Caller(again, trader.who.token, trader.who.user_id)
                    found = [ann.get(f"/orders/{order_id}").code == 0 for order_id in trader.acknowledged]
    return silence, max(0.0, end - promoted), found.count(False)


def main() -> None:
    asked = argparse.ArgumentParser(prog="verdict bench failover", description=__doc__)
    asked.add_argument("rounds", nargs="?", type=int, default=5)
    arguments = asked.parse_args()
    print(f"failover on {machine()}")
    seen = [trio.run(once) for _ in range(arguments.rounds)]
    section(f"the primary killed under a trader, its standby promoted; {arguments.rounds} rounds")
    for what, at in (("nothing is acknowledged", 0), ("of it behind the promotion", 1)):
        ms = [each[at] * 1e3 for each in seen]
        line(what, statistics.median(ms), "ms median", f"{max(ms):,.0f} ms at most")
    line("acknowledged orders that are missing", sum(each[2] for each in seen), "")


if __name__ == "__main__":
    main()
