"""What the exchange does by the clock: it tells its markets the time, and audits itself."""

from collections import Counter, defaultdict
from typing import Final

import msgspec
import structlog
import trio

from adapters.service.child_process import ChildError, in_child
from adapters.service.server import Server
from kernel.audit import audit_accounts, audit_book, audit_positions, audit_shares
from kernel.audit_making import audit_making
from kernel.codes import MarketStatus, TradingMode
from kernel.commands import SetMarketMode, Tick, TripBreaker
from kernel.due import is_due
from kernel.exchange import Exchange
from kernel.invariants import Violation
from kernel.life import STOPPABLE
from kernel.market import Market

log = structlog.get_logger(__name__)

TICK_SECONDS: Final = 0.5
"""Between two looks: with all that comes in between, what is due is seen to within a second."""
AUDIT_SECONDS: Final = 60.0
SHOWN: Final = 20
"""Violations that are recorded with a halt, at most."""


async def begin_anew(server: Server) -> None:
    """Before anybody is served: do what became due while nobody looked, and let makers come first."""
    async with trio.open_nursery() as nursery:
        start_ticks(server, nursery, set())
    pause = server.settings.restart_post_only_ms * 1000
    async with trio.open_nursery() as nursery:
        for market in server.going.markets() if pause else ():
            if market.status is MarketStatus.ACTIVE and market.trading_mode is TradingMode.NORMAL:
                nursery.start_soon(let_makers_come_first, server, market.id, pause)


async def let_makers_come_first(server: Server, market_id: str, pause: int) -> None:
    now = server.clock.now()
    command = SetMarketMode(at=now, market_id=market_id, mode=TradingMode.POST_ONLY, until=now + pause)
    await server.actors.ask(command, correlation_id="restart")


async def tick_regularly(server: Server) -> None:
    """Tell each market the time when something in it is due; run until cancelled."""
    under_way = set[str]()
    async with trio.open_nursery() as nursery:
        while True:
            await trio.sleep(TICK_SECONDS)
            start_ticks(server, nursery, under_way)


def start_ticks(server: Server, nursery: trio.Nursery, under_way: set[str]) -> None:
    """A market that is at it still gets no further one: much at once takes its time there, and only there."""
    now = server.clock.now()
    for market in server.going.markets():
        venues_off = not server.settings.mm_withdraw_to_exchange_enabled and bool(market.desk.unsent)
        if market.id not in under_way and is_due(market, now, venues_off=venues_off):
            under_way.add(market.id)
            nursery.start_soon(tick, server, market.id, venues_off, under_way)


async def tick(server: Server, market_id: str, venues_off: bool, under_way: set[str]) -> None:
    command = Tick(at=server.clock.now(), market_id=market_id, venues_off=venues_off)
    await server.actors.ask(command, correlation_id="schedule")
    under_way.discard(market_id)


async def audit_regularly(server: Server) -> None:
    """Halt markets with violations. Final orders are not audited here: there may be millions."""
    while True:
        await trio.sleep(AUDIT_SECONDS)
        try:
            encoded = await in_child(lambda: audit_as_bytes(server.exchange))
        except (ChildError, OSError) as trouble:
            log.error("the audit could not be done; trying again in a minute", why=str(trouble))
            continue
        found = defaultdict[str | None, list[Violation]](list)
        for violation in decode_violations(encoded):
            found[violation.market_id].append(violation)
        for market in server.going.markets():
            # Cash belongs to no market: any market that went on might spend cash that does not exist.
            if violations := [*found[None], *found[market.id]]:
                await halt(server, market, violations)


encode_violations: Final = msgspec.json.Encoder().encode
decode_violations: Final = msgspec.json.Decoder(list[Violation]).decode


def audit_as_bytes(exchange: Exchange) -> bytes:
    return encode_violations(first_of_each_market(audit_what_moves(exchange)))


def first_of_each_market(violations: list[Violation]) -> list[Violation]:
    """At most `SHOWN` of each market: decoding them takes the loop's time."""
    counts = Counter[str | None]()
    first = []
    for violation in violations:
        counts[violation.market_id] += 1
        if counts[violation.market_id] <= SHOWN:
            first.append(violation)
    return first


def audit_what_moves(exchange: Exchange) -> list[Violation]:
    violations = [*audit_accounts(exchange), *audit_making(exchange)]
    for market in exchange.markets.values():
        violations += violations_in(market)
    return violations


def violations_in(market: Market) -> list[Violation]:
    """The violations that a market's positions and live orders show."""
    if market.status not in STOPPABLE:
        return []
    live = [order for position in market.positions.values() for order in position.live]
    return [*audit_shares(market), *audit_positions(market), *audit_book(market, live)]


async def halt(server: Server, market: Market, violations: list[Violation]) -> None:
    if market.status not in STOPPABLE:
        return
    first = violations[0]
    log.critical("an invariant does not hold; the market is halted", market=market.id, **first.told())
    command = TripBreaker(
        at=server.clock.now(),
        market_id=market.id,
        trigger=first.trigger,
        context={"violations": [violation.told() for violation in violations[:SHOWN]]},
    )
    await server.actors.ask(command, correlation_id="audit")
