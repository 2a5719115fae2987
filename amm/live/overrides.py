"""Parameters that operators change in Redis; they are laid over a market's configuration.

Redis has no types and no permissions of its own, so everything is checked as if a stranger had written it.
"""

from typing import Any

import attrs
import msgspec
from cattrs import ClassValidationError

from amm.brain.arithmetic import Ms
from amm.brain.commands import Alert, AlertKind, Severity
from amm.brain.config_layers import PARAMETERS, ConfigInvalidError, value_of
from amm.brain.state import MarketState
from amm.brain.structuring import faults
from amm.live.market import tell_people
from amm.live.redis_text import FROM_REDIS, WrittenOverride
from amm.live.run import Overlay, Patch
from amm.live.supervisor import Supervisor


@attrs.define(eq=False)
class Overrides:
    """Writes the override in force for each market to Redis, and applies what operators wrote there."""

    supervisor: Supervisor
    _last_text: dict[str, tuple[str, str]] = attrs.field(factory=dict)
    """What was last written or read for each market: the override, and until when."""
    _taken: dict[str, Overlay] = attrs.field(factory=dict)
    """What is in force and was read from Redis."""

    def fields(self, market_id: str, state: MarketState, now_ms: Ms) -> dict[str, str]:
        """The hash that says which version is in force, and why.

        An override that was read there is not written back: an operator may have changed it since.
        """
        overlay = self.supervisor.runs[market_id].overlay
        version = {
            "config_version": str(state.config.version),
            "updated_at": str(now_ms),
            "updated_by": overlay.by,
        }
        if overlay is self._taken.get(market_id):
            return version
        text, until = self._last_text[market_id] = written(overlay)
        return version | {"override_json": text, "override_expires_ms": until}

    def forget(self, market_id: str) -> None:
        """Redis has no override for this market: write the one in force there again."""
        self._last_text.pop(market_id, None)
        self._taken.pop(market_id, None)

    def take(self, market_id: str, text: str, until: str, now_ms: Ms) -> None:
        """Apply what is in Redis. What is refused is reported once and stays there."""
        run = self.supervisor.runs.get(market_id)
        if run is None or run.over or run.state is None:
            return
        if self._last_text.get(market_id, written(run.overlay)) == (text, until):
            return
        self._last_text[market_id] = text, until
        try:
            fields = {"override_json": text, "override_expires_ms": until}
            wish = FROM_REDIS.structure(fields, WrittenOverride)
            patch = Patch(wish.override_json, wish.override_expires_ms)
            overlay = Overlay(() if patch.is_over(now_ms) else (patch,), "redis")
            if overlay.patches:  # or none is written back
                self._taken[market_id] = overlay
            self.supervisor.lay(run, overlay)
        except (ConfigInvalidError, ClassValidationError, RecursionError) as trouble:
            why = "; ".join(
                line for place, fault in faults(trouble) for line in f"{place} {fault}".strip().splitlines()
            )
            tell_people(Alert(market_id, AlertKind.CONFIG_REFUSED, Severity.WARNING, why))


def written(overlay: Overlay) -> tuple[str, str]:
    until = "" if overlay.until_ms is None else str(overlay.until_ms)
    return msgspec.json.encode(overlay.values).decode(), until


def snapshot(state: MarketState) -> str:
    """The whole merged configuration, in stored units: ratios in millionths."""
    config = state.config
    values = {key: plain(value_of(config, key)) for key in PARAMETERS}
    given = {"market_id": config.market_id, "initial_funding_cents": config.initial_funding_cents}
    return msgspec.json.encode(
        given | {"initial_price_cents": config.initial_price_cents, "version": config.version} | values
    ).decode()


def plain(value: Any) -> Any:
    return getattr(value, "value", value)
