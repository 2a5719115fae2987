"""Forgetting: bytes that stay of a closed order, or of a key, and how long a portion takes.

Orders are placed and cancelled, pairs are minted under keys of their own; then all of it leaves memory, 500
in a step, and a copy follows the facts, as a rehearsal does. At last the oldest requests come once more.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from bench import workload
from bench.measure import line, machine, seconds, section, settle
from kernel.answers import AskThePast, Forgotten, Minted, Placed
from kernel.codes import AMM_ID
from kernel.commands import AnyCommand, CancelOrder, Deposit, ForgetKeys, ForgetOrders, MintShares
from kernel.events import Fact
from kernel.exchange import Exchange
from kernel.limits import DEPOSIT_MAX, FORGOTTEN_MAX
from kernel.names import Names

AT: Final = workload.START_US
AGAIN: Final = 1_000
"""Of the forgotten requests that come once more."""


def main() -> None:
    asked = argparse.ArgumentParser(prog="verdict bench forgetting", description=__doc__)
    asked.add_argument("--orders", type=int, default=200_000, help="that are placed, cancelled and forgotten")
    asked.add_argument("--keys", type=int, default=50_000, help="that pairs are minted under")
    arguments = asked.parse_args()
    print(f"forgetting on {machine()}")
    exchange = workload.opened()
    section(f"{arguments.orders:,} closed orders")
    requests = list(closed_orders(exchange, arguments.orders))
    forget(exchange, exchange.forgotten, lambda: ForgetOrders(at=AT, before=AT + 1, most=FORGOTTEN_MAX))
    ask_again(exchange, requests)
    section(f"{arguments.keys:,} keys")
    requests = list(minted_pairs(exchange, arguments.keys))
    forget(exchange, exchange.keys.forgotten, lambda: ForgetKeys(at=AT, before=AT + 1, most=FORGOTTEN_MAX))
    ask_again(exchange, requests)


def closed_orders(exchange: Exchange, count: int) -> Iterator[AnyCommand]:
    """Places and cancels them; the wishes by which they came."""
    for wish in workload.resting(count):
        placed = exchange.execute(wish).answer
        assert isinstance(placed, Placed), placed
        order = placed.order.order
        exchange.execute(CancelOrder(at=wish.at, user_id=order.account.id, order_id=order.id))
        yield wish


def minted_pairs(exchange: Exchange, count: int) -> Iterator[AnyCommand]:
    for number in range(count):
        at = workload.BEFORE_US + number
        if number % (DEPOSIT_MAX // 100) == 0:
            exchange.execute(Deposit(at=at, user_id=AMM_ID, amount=DEPOSIT_MAX))
        wish = MintShares(
            at=at,
            user_id=AMM_ID,
            market_id=workload.market(number % workload.MARKETS),
            quantity=1,
            idempotency_key=f"a-key-of-some-length-{number}",
            nonce=workload.nonce(number),
        )
        minted = exchange.execute(wish).answer
        assert isinstance(minted, Minted), minted
        yield wish


def forget(exchange: Exchange, names: Names, portion: Callable[[], AnyCommand]) -> None:
    before, known = len(exchange.snapshot()), names.count
    copy = Exchange.restore(exchange.snapshot())
    settle()
    facts: list[Fact] = []
    own: list[float] = []
    stalls: list[float] = []
    while len(facts) == len(own):
        command, begun = portion(), time.perf_counter()
        own.append(seconds(decide, exchange, command, facts))
        stalls.append(time.perf_counter() - begun)
    count = names.count - known
    line("bytes of memory a name", size_of(names) / names.count, "bytes")
    line("bytes less in the snapshot", (before - len(exchange.snapshot())) / count, "bytes", "each")
    line("own time of a portion of 500, the median", 1_000 * statistics.median(own[:-1]), "ms")
    line("the longest portion", 1_000 * max(own), "ms")
    line("the longest portion, by the clock on the wall", 1_000 * max(stalls), "ms")
    replayed = seconds(replay, copy, facts)
    line("replayed, each portion", 1_000 * replayed / len(facts), "ms")
    assert copy.digest() == exchange.digest()


def decide(exchange: Exchange, command: AnyCommand, facts: list[Fact]) -> None:
    outcome = exchange.execute(command)
    assert isinstance(outcome.answer, Forgotten), outcome.answer
    facts += outcome.facts


def replay(exchange: Exchange, facts: list[Fact]) -> None:
    for fact in facts:
        exchange.apply(fact)


def ask_again(exchange: Exchange, requests: list[AnyCommand]) -> None:
    again = [msgspec.structs.replace(wish, at=AT) for wish in requests[:AGAIN]]
    answers: list[object] = []
    taken = seconds(lambda: answers.extend(exchange.execute(wish).answer for wish in again))
    assert all(isinstance(answer, AskThePast) for answer in answers)
    line("known again, without the query", 1e6 * taken / len(again), "us")


def size_of(names: Names) -> int:
    return sum(map(sys.getsizeof, (names._first, names._pages, *names._pages)))


if __name__ == "__main__":
    main()
