"""Says in the log that a market was stopped, and by what: nobody need look at the market to learn it."""

from collections.abc import Sequence
from typing import Final

import structlog

from kernel.events import CircuitBreakerTriggered
from kernel.journal import Decided

log: Final = structlog.get_logger(__name__)


def hear(decided: Sequence[Decided]) -> None:
    for one in decided:
        for fact in one.outcome.facts:
            if type(fact.event) is CircuitBreakerTriggered:
                log.warning(
                    "a market was stopped",
                    market=fact.market_id,
                    trigger=fact.event.trigger_reason.value,
                    context=fact.event.context,
                )
