"""The life of a market: which status may follow which, on which command, and under what condition.

It is a table. Decisions ask it before they change anything, what it does not hold is refused, and no status
changes in another way. What a command needs besides (who may give it, books in order) it does not know.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from kernel.answers import Refusal
from kernel.codes import Code, MarketStatus, ModeReason, StatusReason
from kernel.commands import (
    ActivateMarket,
    CloseMarket,
    Command,
    HaltMarket,
    ResolveMarket,
    ResumeMarket,
    SettleMarket,
    SuspendMarket,
    Tick,
    TripBreaker,
    VoidMarket,
)
from kernel.draft import Draft
from kernel.events import MarketStatusChanged
from kernel.market import Market

DRAFT, ACTIVE, SUSPENDED = MarketStatus.DRAFT, MarketStatus.ACTIVE, MarketStatus.SUSPENDED
HALTED, RESOLVED = MarketStatus.HALTED, MarketStatus.RESOLVED
SETTLED, VOIDED = MarketStatus.SETTLED, MarketStatus.VOIDED

STOPPABLE: Final = (ACTIVE, SUSPENDED)
"""What a halt can still stop."""
UNRESOLVED: Final = (ACTIVE, SUSPENDED, HALTED)
"""Published, and its question is open: orders may rest in it."""
OVER: Final = (SETTLED, VOIDED)
"""Nothing is held or owed any more."""


class Edge(NamedTuple):
    """One step a market can take, and what must be so for it."""

    start: MarketStatus
    command: type[Command]
    end: MarketStatus
    condition: Callable[[Market, int], bool]


def always(market: Market, at: int) -> bool:
    return True


def window_is_over(market: Market, at: int) -> bool:
    return market.has_ended(at)


def window_is_not_over(market: Market, at: int) -> bool:
    return not market.has_ended(at)


def is_closing(market: Market, at: int) -> bool:
    """Its end is under way, in portions."""
    return market.closing is not None


def is_not_closing(market: Market, at: int) -> bool:
    return market.closing is None


EDGES: Final = (
    Edge(DRAFT, ActivateMarket, ACTIVE, always),
    Edge(ACTIVE, SuspendMarket, SUSPENDED, always),
    Edge(ACTIVE, Tick, SUSPENDED, window_is_over),
    *(Edge(status, HaltMarket, HALTED, always) for status in STOPPABLE),
    *(Edge(status, TripBreaker, HALTED, always) for status in STOPPABLE),
    Edge(SUSPENDED, ResumeMarket, ACTIVE, window_is_not_over),
    Edge(HALTED, ResumeMarket, ACTIVE, window_is_not_over),
    Edge(HALTED, ResumeMarket, SUSPENDED, always),
    *(Edge(status, ResolveMarket, RESOLVED, always) for status in UNRESOLVED),
    *(Edge(status, VoidMarket, RESOLVED, always) for status in UNRESOLVED),
    # Which of the two follows from the result. Whoever has it resolved and settled at once takes both steps.
    *(Edge(RESOLVED, SettleMarket, status, is_not_closing) for status in OVER),
    *(Edge(RESOLVED, CloseMarket, status, is_closing) for status in OVER),
)
"""Every step that is asked for. A broken invariant trips the breaker, whatever command has found it; and a
market whose prices have moved too far pauses after whatever command has traded, until a tick ends that."""


def may(market: Market, kind: type[Command], end: MarketStatus, at: int) -> bool:
    """Whether this command leads the market there now."""
    return any(
        edge.start is market.status
        and edge.command is kind
        and edge.end is end
        and edge.condition(market, at)
        for edge in EDGES
    )


def starts(kind: type[Command]) -> tuple[MarketStatus, ...]:
    """In which markets the command may be carried out, if nothing else is in the way."""
    return tuple(dict.fromkeys(edge.start for edge in EDGES if edge.command is kind))


def refuse(market: Market, kind: type[Command], end: MarketStatus, at: int) -> Refusal | None:
    """None if the command may lead the market there now."""
    if may(market, kind, end, at):
        return None
    if kind is ResolveMarket or kind is VoidMarket:
        return Refusal(Code.NOT_RESOLVABLE, f"Market {market.id} is {market.status}: it cannot be resolved")
    if kind is SettleMarket or kind is CloseMarket:
        problem = "only a resolved one is settled, and once"
    else:
        problem = f"it cannot become {end} now"
    return Refusal(Code.TRANSITION_NOT_ALLOWED, f"Market {market.id} is {market.status}: {problem}")


def change_status(
    draft: Draft,
    market: Market,
    status: MarketStatus,
    reason: str,
    by: str | None,
    until: int | None = None,
) -> None:
    """The one way in which a market's status changes before it is settled."""
    previous = market.status
    assert any(edge.start is previous and edge.end is status for edge in EDGES), f"{previous} to {status}"
    market.become(status, draft.at, reason, until)
    draft.record(
        market.id,
        MarketStatusChanged(
            previous_status=previous,
            new_status=status,
            reason=reason,
            resolution_result=market.resolution_result,
            resolved_at=market.resolved_at,
            by=by,
            void_price_cents=market.void_price_cents,
            until=until,
        ),
    )
    draft.turn(market, previous)


def because(reason: StatusReason | ModeReason, words: str | None) -> str:
    return f"{reason.value}: {words}" if words else reason.value
