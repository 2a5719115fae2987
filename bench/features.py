"""What a feature costs: the same few meetings, plain, and with each thing that an order may ask for.

Each row is a taker that meets one maker, who comes and goes with it and is not counted.
"""

import statistics
import time
from typing import Any, Final

from msgspec.structs import replace

from bench.measure import line, section, settle
from bench.workload import BEFORE_US, market, opened, order, user
from kernel.codes import SelfTradeMode, TimeInForce
from kernel.commands import CancelByClientId, PlaceOrder
from kernel.exchange import Exchange

IOC: Final = {"time_in_force": TimeInForce.IOC}
ROUNDS: Final = 4_000
FEATURES: Final[dict[str, dict[str, Any]]] = {
    "an IOC that takes ten of one maker": {},
    "the same, all or nothing": {"time_in_force": TimeInForce.FOK},
    "the same with a cap": {"max_cost_cents": 10**6},
    "the same with a cap that cuts it": {"max_cost_cents": 400},
    "the same where own makers give way": {"self_trade_mode": SelfTradeMode.CANCEL_MAKER},
}
"""What is changed of the first."""


def compare() -> None:
    section("what a feature costs")
    for name, changes in FEATURES.items():
        line(name, taking(changes), "us p50")


def taking(changes: dict[str, Any]) -> float:
    exchange = opened()
    settle()
    clock, durations = time.perf_counter_ns, []
    for number in range(ROUNDS):
        exchange.execute(arriving(exchange, f"m-{number}", user(1), bid=False))
        wish = arriving(exchange, f"t-{number}", user(2), bid=True)
        wish = replace(wish, terms=replace(wish.terms, **IOC | changes))
        begin = clock()
        exchange.execute(wish)
        durations.append(clock() - begin)
        exchange.execute(
            CancelByClientId(
                at=exchange.now, user_id=user(1), market_id=market(0), client_order_id=f"m-{number}"
            )
        )
    return statistics.median(durations) / 1000


def arriving(exchange: Exchange, name: str, user_id: str, *, bid: bool) -> PlaceOrder:
    return order(max(BEFORE_US, exchange.now), user_id, name, market(0), bid=bid, price=50, quantity=10)
