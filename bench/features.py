"""What a feature costs: the same few meetings, plain, and with each thing that an order may ask for.

Each of the first rows is a taker that meets one maker, who comes and goes with it and is not counted; the
others change an order at rest.
"""

import statistics
import time
from typing import Any, Final

from msgspec.structs import replace

from bench.measure import line, section, settle
from bench.workload import BEFORE_US, market, opened, order, user
from kernel.codes import ReferenceType, SelfTradeMode, TimeInForce
from kernel.commands import (
    AmendOrder,
    AnyCommand,
    AtomicBatch,
    CancelAll,
    CancelByClientId,
    OpenAccount,
    PlaceOrder,
    ResetGroup,
    SetGroup,
    Tick,
    TransferFunds,
)
from kernel.exchange import Exchange
from kernel.limits import FILLS_MAX

IOC: Final = {"time_in_force": TimeInForce.IOC}
ROUNDS: Final = 4_000
TOGETHER: Final = 100
"""Orders that end at one moment."""
SECOND: Final = 1_000_000
IN_A_BATCH: Final = 20
SWEEPS: Final = 50
"""Orders of the batch that meets most."""
SWEPT: Final = 20
"""Makers that each of them meets."""
GROUP: Final = "g"
FEATURES: Final[dict[str, dict[str, Any]]] = {
    "an IOC that takes ten of one maker": {},
    "the same, all or nothing": {"time_in_force": TimeInForce.FOK},
    "the same with a cap": {"max_cost_cents": 10**6},
    "the same with a cap that cuts it": {"max_cost_cents": 400},
    "the same where own makers give way": {"self_trade_mode": SelfTradeMode.CANCEL_MAKER},
}
"""What is changed of the first."""
CHANGES: Final[dict[str, dict[str, Any]]] = {
    "an amend to less": {"quantity": 9},
    "an amend to more": {"quantity": 11},
    "an amend to a price where nobody waits": {"price": 49},
    "an amend that takes ten of one maker": {"price": 52},
}
"""What becomes of ten bid for at 50, while ten are offered at 52."""


def compare() -> None:
    section("what a feature costs")
    for name, changes in FEATURES.items():
        line(name, taking(changes), "us p50")
    line("the same in a market with a price collar", taking({}, collar_cents=5), "us p50")
    line("the same in a market with a volatility halt", taking({}, halt_move_cents=98), "us p50")
    line("the same in a market where somebody has an order group", taking({}, grouped=user(3)), "us p50")
    line("the same as one of an order group", taking({"group_id": GROUP}, grouped=user(2)), "us p50")
    line("the end of an order whose group is full, as one of a hundred", braked(), "us p50")
    for name, lasts in (("an order that rests", None), ("the same with an end of its own", SECOND)):
        placed, ended = resting(lasts)
        line(name, placed, "us p50")
        line("  and its end, as one of a hundred", ended, "us p50")
    line(f"an order that rests, as one of {IN_A_BATCH} in an atomic batch", together(), "us p50")
    typical, longest = sweeping()
    line(
        f"{SWEEPS} orders in an atomic batch that meet {SWEEPS * SWEPT:,}",
        typical,
        "ms",
        f"{longest:,.1f} ms at most",
    )
    line("a cancel and a placement instead of an amend", changing(None), "us p50")
    for name, wished in CHANGES.items():
        line(name, changing(wished), "us p50")
    line("cash that goes to a sub-account: half a move to another exchange", paying(), "us p50")


def paying() -> float:
    """Half of what a move between two exchanges costs; the other half is the same in the other one."""
    exchange = opened()
    exchange.execute(OpenAccount(at=BEFORE_US, user_id="there", owner_id=user(1), auto_netting=False))
    settle()
    clock, durations = time.perf_counter_ns, []
    for number in range(ROUNDS):
        transfer = TransferFunds(
            at=BEFORE_US,
            from_id=user(2),
            to_id="there",
            amount=1,
            reference_type=ReferenceType.MM_VENUE_OUT,
            idempotency_key=f"p-{number}",
        )
        begin = clock()
        outcome = exchange.execute(transfer)
        durations.append(clock() - begin)
        assert outcome.facts, outcome.answer
    return statistics.median(durations) / 1000


def resting(lasts: int | None = None) -> tuple[float, float]:
    """What an order costs that rests, and what its end costs: by its owner, or, if it `lasts`, by a tick."""
    exchange = opened()
    settle()
    clock, placed, ended = time.perf_counter_ns, [], []
    for number in range(ROUNDS):
        wish = arriving(exchange, f"r-{number}", user(1), bid=True)
        until = None if lasts is None else wish.at + lasts
        kind = TimeInForce.GTC if lasts is None else TimeInForce.GTD
        wish = replace(wish, terms=replace(wish.terms, time_in_force=kind, expires_at=until))
        begin = clock()
        exchange.execute(wish)
        placed.append(clock() - begin)
        if number % TOGETHER == TOGETHER - 1:
            end: CancelAll | Tick = CancelAll(at=wish.at, user_id=user(1), market_id=market(0))
            if until is not None:
                end = Tick(at=until, market_id=market(0))
            begin = clock()
            outcome = exchange.execute(end)
            ended.append((clock() - begin) / TOGETHER)
            assert len(outcome.facts) == TOGETHER
    return statistics.median(placed) / 1000, statistics.median(ended) / 1000


def together() -> float:
    """One order's share of so many that come to rest at one moment."""
    exchange = opened()
    settle()
    clock, durations = time.perf_counter_ns, []
    for number in range(ROUNDS // IN_A_BATCH):
        wishes = [arriving(exchange, f"r-{number}-{each}", user(1), bid=True) for each in range(IN_A_BATCH)]
        at, market_id = wishes[0].at, market(0)
        batch = AtomicBatch(at=at, user_id=user(1), market_id=market_id, commands=tuple(wishes))
        begin = clock()
        exchange.execute(batch)
        durations.append((clock() - begin) / IN_A_BATCH)
        exchange.execute(CancelAll(at=at, user_id=user(1), market_id=market_id))
    return statistics.median(durations) / 1000


def sweeping() -> tuple[float, float]:
    """Milliseconds of the step in which so many takers, all or none, meet so many makers each."""
    exchange = opened()
    settle()
    durations = []
    for number in range(ROUNDS // (SWEEPS * SWEPT) * 5):
        for each in range(SWEEPS * SWEPT):
            exchange.execute(arriving(exchange, f"m-{number}-{each}", user(2 + each % 100), bid=False))
        wishes = [arriving(exchange, f"t-{number}-{each}", user(1), bid=True) for each in range(SWEEPS)]
        batch = AtomicBatch(
            at=wishes[0].at,
            user_id=user(1),
            market_id=market(0),
            commands=tuple(
                replace(wish, terms=replace(wish.terms, quantity=SWEPT * wish.terms.quantity))
                for wish in wishes
            ),
        )
        begin = time.process_time_ns()
        outcome = exchange.execute(batch)
        durations.append((time.process_time_ns() - begin) / 1e6)
        assert exchange.markets[market(0)].book.is_empty, outcome.answer
    return statistics.median(durations), max(durations)


def taking(changes: dict[str, Any], grouped: str | None = None, **terms: int) -> float:
    """What the taker costs, in a market with such terms, where this user has an order group."""
    exchange = opened(**terms)
    if grouped is not None:
        limit(exchange, grouped, FILLS_MAX)
    settle()
    clock, durations = time.perf_counter_ns, []
    for number in range(ROUNDS):
        exchange.execute(arriving(exchange, f"m-{number}", user(1), bid=False))
        wish = arriving(exchange, f"t-{number}", user(2), bid=True)
        wish = replace(wish, terms=replace(wish.terms, **IOC | changes))
        begin = clock()
        exchange.execute(wish)
        durations.append(clock() - begin)
        exchange.execute(cancelling(exchange, f"m-{number}", user(1)))
    return statistics.median(durations) / 1000


def braked() -> float:
    """One order's share of the sweep that fills its group, which then loses so many."""
    exchange = opened()
    limit(exchange, user(1), 1)
    settle()
    clock, durations = time.perf_counter_ns, []
    for number in range(ROUNDS // TOGETHER):
        for each in range(TOGETHER):
            wish = arriving(exchange, f"m-{number}-{each}", user(1), bid=False)
            exchange.execute(replace(wish, terms=replace(wish.terms, group_id=GROUP)))
        wish = arriving(exchange, f"t-{number}", user(2), bid=True)
        wish = replace(wish, terms=replace(wish.terms, **IOC))
        begin = clock()
        outcome = exchange.execute(wish)
        durations.append((clock() - begin) / TOGETHER)
        assert len(outcome.facts) > TOGETHER
        reset = ResetGroup(at=exchange.now, user_id=user(1), market_id=market(0), group_id=GROUP)
        exchange.execute(reset)
    return statistics.median(durations) / 1000


def limit(exchange: Exchange, user_id: str, most: int) -> None:
    """So many shares a second."""
    at = max(BEFORE_US, exchange.now)
    exchange.execute(
        SetGroup(
            at=at,
            user_id=user_id,
            market_id=market(0),
            group_id=GROUP,
            max_fill_quantity=most,
            window_ms=1_000,
        )
    )


def changing(wished: dict[str, Any] | None) -> float:
    exchange = opened()
    settle()
    clock, durations = time.perf_counter_ns, []
    for number in range(ROUNDS):
        bid, offer = f"b-{number}", f"o-{number}"
        exchange.execute(arriving(exchange, bid, user(2), bid=True))
        exchange.execute(arriving(exchange, offer, user(1), bid=False, price=52))
        commands: list[AnyCommand] = [
            cancelling(exchange, bid, user(2)),
            arriving(exchange, f"again-{number}", user(2), bid=True, price=49),
        ]
        if wished is not None:
            order_id = exchange.accounts[user(2)].orders[bid].id
            commands = [AmendOrder(at=exchange.now, user_id=user(2), order_id=order_id, **wished)]
        begin = clock()
        for command in commands:
            exchange.execute(command)
        durations.append(clock() - begin)
        for name, user_id in ((bid, user(2)), (f"again-{number}", user(2)), (offer, user(1))):
            exchange.execute(cancelling(exchange, name, user_id))
    return statistics.median(durations) / 1000


def arriving(exchange: Exchange, name: str, user_id: str, *, bid: bool, price: int = 50) -> PlaceOrder:
    return order(max(BEFORE_US, exchange.now), user_id, name, market(0), bid=bid, price=price, quantity=10)


def cancelling(exchange: Exchange, name: str, user_id: str) -> CancelByClientId:
    return CancelByClientId(at=exchange.now, user_id=user_id, market_id=market(0), client_order_id=name)
