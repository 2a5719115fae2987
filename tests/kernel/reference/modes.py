"""Trading modes: of what it could take, a market takes only some for a while."""

from typing import Any

from kernel.commands import SetMarketMode
from tests.kernel.reference.records import Market, Refused
from tests.kernel.reference.world import World

Answer = dict[str, Any]

OPEN_QUESTION = ("DRAFT", "ACTIVE", "SUSPENDED", "HALTED")


def set_market_mode(world: World, command: SetMarketMode) -> Answer:
    if command.mode == "NORMAL" and command.until is not None:
        raise Refused(9004)
    market = world.markets.get(command.market_id)
    if market is None:
        raise Refused(3001)
    if market.status not in OPEN_QUESTION:
        raise Refused(3005)
    if command.until is not None and command.until <= world.at:
        raise Refused(9004)
    if (command.mode, command.until) != (market.trading_mode, market.mode_until):
        kind = "ADMIN" if command.by is not None else "RESTART"
        words = f"{kind}: {command.reason}" if command.reason else kind
        change_mode(world, market, command.mode, command.until, words, command.by)
    return {"kind": "MarketIs", "market_id": command.market_id}


def end_mode(world: World, market: Market) -> None:
    ends = market.mode_until
    if ends is not None and ends <= world.at and market.status in OPEN_QUESTION:
        change_mode(world, market, "NORMAL", None, "ENDED", None)


def change_mode(
    world: World, market: Market, mode: str, until: int | None, reason: str, by: str | None
) -> None:
    previous = market.trading_mode
    market.trading_mode, market.mode_until = mode, until
    world.record(
        "MARKET_MODE_CHANGED",
        market.market_id,
        previous_mode=previous,
        new_mode=mode,
        until=until,
        reason=reason,
        by=by,
    )


def check_mode(market: Market, time_in_force: str) -> None:
    """Only what cannot take is welcome while makers come first; nothing, while people may only leave."""
    mode = market.trading_mode
    if mode == "CANCEL_ONLY" or (mode == "POST_ONLY" and time_in_force in ("IOC", "FOK")):
        raise Refused(3008, {"trading_mode": mode})
