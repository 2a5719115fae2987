"""What the exchange does by the clock: it tells its markets the time, and audits itself."""

from collections import Counter, defaultdict
from typing import Final

import msgspec
import structlog
import trio

from adapters.service.child_process import ChildError, in_child
from adapters.service.server import Server
from kernel.audit import Violation, audit_accounts, audit_book, audit_positions, audit_shares
from kernel.codes import MarketStatus, TradingMode
from kernel.commands import SetMarketMode, Tick, TripBreaker
from kernel.due import is_due
from kernel.exchange import Exchange
from kernel.life import STOPPABLE
from kernel.state import Market

log = structlog.get_logger(__name__)

TICK_SECONDS: Final = 1.0
AUDIT_SECONDS: Final = 60.0
SHOWN: Final = 20
"""Violations that are recorded with a halt, at most."""


async def begin_anew(server: Server) -> None:
    """Before anybody is served: do what became due while nobody looked, and let makers come first."""
    await tick_what_is_due(server)
    pause = server.settings.restart_post_only_ms * 1000
    for market in list(server.exchange.markets.values()) if pause else ():
        if market.status is MarketStatus.ACTIVE and market.trading_mode is TradingMode.NORMAL:
            now = server.clock.now()
            command = SetMarketMode(
                at=now, market_id=market.id, mode=TradingMode.POST_ONLY, until=now + pause
            )
            await server.actors.ask(command, correlation_id="restart")


async def tick_regularly(server: Server) -> None:
    """Tell each market the time when something in it is due; run until cancelled."""
    while True:
        await trio.sleep(TICK_SECONDS)
        await tick_what_is_due(server)


async def tick_what_is_due(server: Server) -> None:
    now = server.clock.now()
    for market in list(server.exchange.markets.values()):
        if is_due(market, now):
            await server.actors.ask(Tick(at=now, market_id=market.id), correlation_id="schedule")


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
        for market in list(server.exchange.markets.values()):
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
    violations = list(audit_accounts(exchange))
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
