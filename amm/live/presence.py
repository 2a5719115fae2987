"""For what share of the last hour both sides were quoted."""

from collections import deque

import attrs

from amm.brain.arithmetic import Ms

MINUTE_MS: Ms = 60_000
MINUTES = 60


@attrs.define
class Presence:
    """Time is added up minute by minute; what is older than an hour is forgotten."""

    minutes: deque[tuple[int, Ms, Ms]] = attrs.field(factory=lambda: deque(maxlen=MINUTES))
    """Minute, milliseconds observed in it, and of those with both sides."""
    _since_ms: Ms | None = None
    _both: bool = False

    def note(self, now_ms: Ms, *, both_sides: bool) -> None:
        """Note whether both sides are quoted from now on."""
        if self._since_ms is not None:
            self._add(now_ms // MINUTE_MS, max(0, now_ms - self._since_ms))
        self._since_ms, self._both = now_ms, both_sides

    def _add(self, minute: int, span: Ms) -> None:
        observed = present = 0
        if self.minutes and self.minutes[-1][0] == minute:
            _, observed, present = self.minutes.pop()
        self.minutes.append((minute, observed + span, present + (span if self._both else 0)))

    @property
    def ratio(self) -> float:
        observed = sum(one[1] for one in self.minutes)
        return sum(one[2] for one in self.minutes) / observed if observed else 0.0
