"""Defences against informed flow, from our own fills alone: velocity lock, post-fill delay, known events.

Against traders who know the outcome with certainty no spread helps; the loss limits do.
"""

from collections import deque
from collections.abc import Iterable

import attrs

from amm.brain.arithmetic import ONE, Ms, Shares
from amm.brain.config import FillScope, Lvr
from amm.brain.quoting.ladder import Side


@attrs.define
class Guarded:
    """What one side of the book has been through lately."""

    fills: deque[tuple[Ms, Shares]] = attrs.field(factory=deque)
    streak_since_ms: Ms | None = None
    held_until_ms: Ms = 0  # cancel-only until then
    locked_until_ms: Ms = 0  # not quoted at all until then
    burst_at_ms: Ms | None = None  # the last velocity event

    def is_held(self, now_ms: Ms) -> bool:
        return now_ms < self.held_until_ms

    def is_locked(self, now_ms: Ms) -> bool:
        return now_ms < self.locked_until_ms


@attrs.define
class InformedFlow:
    """The velocity events and holds of one market."""

    sides: dict[Side, Guarded] = attrs.field(factory=lambda: {side: Guarded() for side in Side})
    velocity_events: deque[Ms] = attrs.field(factory=deque)

    def own_fill(
        self, config: Lvr, side: Side, quantity: Shares, resting: Shares, whole: Shares, now_ms: Ms
    ) -> bool:
        """Note a fill of ours. True if it must kill.

        `resting` is what that side still holds, `whole` what it is meant to hold.

        The hold is renewed by each fill but ends `post_fill_max_hold_ms` after the first of the streak:
        a stream of tiny trades must not freeze the quotes.
        """
        held = Side if config.post_fill_scope is FillScope.MARKET else (side,)
        for guarded in (self.sides[one] for one in held):
            if guarded.streak_since_ms is None or not guarded.is_held(now_ms):
                guarded.streak_since_ms = now_ms
            latest = guarded.streak_since_ms + config.post_fill_max_hold_ms
            guarded.held_until_ms = max(
                guarded.held_until_ms, min(now_ms + config.post_fill_delay_ms, latest)
            )
        return self._velocity(config, side, quantity, resting, whole, now_ms)

    def _velocity(
        self, config: Lvr, side: Side, quantity: Shares, resting: Shares, whole: Shares, now_ms: Ms
    ) -> bool:
        guarded = self.sides[side]
        guarded.fills.append((now_ms, quantity))
        while guarded.fills[0][0] <= now_ms - config.velocity_window_ms:
            guarded.fills.popleft()
        taken = sum(filled for _, filled in guarded.fills)
        # A side that is nearly sold out is small: an ordinary order takes much of it, and little is at stake.
        if taken * ONE <= config.velocity_kill_ratio * max(resting + taken, whole):
            return False
        # One order that sweeps three levels is one event: nobody could have reacted between its fills.
        burst = guarded.burst_at_ms
        if burst is not None and now_ms - burst < config.velocity_window_ms:
            return False
        guarded.burst_at_ms = now_ms
        guarded.locked_until_ms = now_ms + config.velocity_pause_ms
        self.velocity_events.append(now_ms)
        while self.velocity_events[0] <= now_ms - config.velocity_escalate_window_ms:
            self.velocity_events.popleft()
        return len(self.velocity_events) >= config.velocity_escalate_count

    def next_release_ms(self, now_ms: Ms) -> Ms | None:
        """Return when the next hold or lock ends."""
        ends = [one.held_until_ms for one in self.sides.values() if one.held_until_ms > now_ms]
        ends += [one.locked_until_ms for one in self.sides.values() if one.locked_until_ms > now_ms]
        return min(ends, default=None)


def in_event_window(config: Lvr, event_times: Iterable[Ms], now_ms: Ms) -> bool:
    return any(abs(now_ms - time) <= config.event_shield_window_ms for time in event_times)
