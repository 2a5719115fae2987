"""Tells what the kernel makes of some plays, line by line, so that two kernels can be compared.

A play is a list of commands. `python -m tests.kernel.telling FILE` reads pickled ones; the path decides which
kernel plays them.
"""

import hashlib
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path

from kernel.answers import Refusal
from kernel.codes import Direction, MarketStatus, Side
from kernel.commands import AnyCommand, OpenJournal, OrderTerms, PlaceOrder
from kernel.events import Fact, encode_event
from kernel.exchange import FORM, Exchange
from tests.kernel.comparison import plain_answer

DIGEST_EVERY = 20


def tell(play: list[AnyCommand]) -> Iterator[str]:
    exchange, replica = Exchange(), Exchange()
    for number, command in enumerate(play):
        yield from told(exchange, replica, command)
        if number % DIGEST_EVERY == 0:
            yield exchange.digest()
    yield f"audit {exchange.audit()}"
    snapshot = exchange.snapshot()
    yield f"snapshot {len(snapshot)} {hashlib.sha256(snapshot).hexdigest()}"
    yield f"restored {Exchange.restore(snapshot).digest()}, replayed {replica.digest()}"
    yield from broken(exchange, play[-1].at)


def told(exchange: Exchange, replica: Exchange, command: AnyCommand) -> Iterator[str]:
    outcome = exchange.execute(command)
    answer = outcome.answer
    yield f"{type(command).__name__} {answer if isinstance(answer, Refusal) else plain_answer(answer)}"
    for fact in outcome.facts:
        replica.apply(fact)
        yield written(fact)


def written(fact: Fact) -> str:
    return f"{fact.id} {fact.at} {fact.market_id} {encode_event(fact.event).decode()}"


def broken(exchange: Exchange, at: int) -> Iterator[str]:
    """What cannot happen: a market that does not add up, and what only an assert can stop."""
    for market in exchange.markets.values():
        if market.status is not MarketStatus.ACTIVE:
            continue
        market.reserve += 1
        order = PlaceOrder(
            at=at,
            user_id="ann",
            client_order_id=f"broken {market.id}",
            market_id=market.id,
            terms=OrderTerms(Side.YES, Direction.BUY, 50, 1),
            nonce=1,
        )
        outcome = exchange.execute(order)
        yield f"broken: {outcome.answer} {[written(fact) for fact in outcome.facts]}"
    try:
        exchange.execute(OpenJournal(at=at))
    except AssertionError as error:
        yield f"impossible: {error}"


if __name__ == "__main__":
    print(FORM)
    for play in pickle.loads(Path(sys.argv[1]).read_bytes()):
        for line in tell(play):
            print(line)
