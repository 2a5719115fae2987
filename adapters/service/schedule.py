"""What the exchange does by the clock: it ends trading windows, and looks whether its own sums still hold."""

from collections import Counter, defaultdict
from typing import Final

import msgspec
import structlog
import trio

from adapters.service.aside import AsideError, aside
from adapters.service.server import Server
from kernel.audit import Violation, audit_accounts, audit_book, audit_positions, audit_shares
from kernel.codes import MarketStatus
from kernel.commands import Tick, TripBreaker
from kernel.exchange import Exchange
from kernel.life import STOPPABLE
from kernel.state import Market

log = structlog.get_logger(__name__)

TICK_SECONDS: Final = 1.0
AUDIT_SECONDS: Final = 60.0
SHOWN: Final = 20
"""Violations of one market that its record of the fault names."""


async def end_trading_windows(server: Server) -> None:
    """Suspend each market when its time is over."""
    while True:
        now = server.clock.now()
        for market in list(server.exchange.markets.values()):
            if market.status is MarketStatus.ACTIVE and market.has_ended(now):
                await server.actors.ask(Tick(at=now, market_id=market.id), correlation_id="schedule")
        await trio.sleep(TICK_SECONDS)


async def audit_regularly(server: Server) -> None:
    """Halt what is found broken. Final orders are left to the audit on demand: there may be millions."""
    while True:
        await trio.sleep(AUDIT_SECONDS)
        try:
            told = await aside(lambda: encode_violations(first_of_each(audit_what_moves(server.exchange))))
        except (AsideError, OSError) as trouble:
            log.error("the audit could not be done; trying again in a minute", why=str(trouble))
            continue
        found = defaultdict[str | None, list[Violation]](list)
        for violation in decode_violations(told):
            found[violation.market_id].append(violation)
        for market in list(server.exchange.markets.values()):
            # Cash belongs to no market: whichever moved on might spend what is not there.
            if violations := [*found[None], *found[market.id]]:
                await halt(server, market, violations)


encode_violations: Final = msgspec.json.Encoder().encode
decode_violations: Final = msgspec.json.Decoder(list[Violation]).decode


def first_of_each(violations: list[Violation]) -> list[Violation]:
    """So many of each market: whoever reads them is the loop, which has to go on."""
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
        violations += broken(market)
    return violations


def broken(market: Market) -> list[Violation]:
    """What does not hold in a market, as far as its positions and live orders show it."""
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
