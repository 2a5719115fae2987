"""The private events of one connection, put back into their order. It knows numbers, not contents.

The exchange counts each connection's events from 1 without a gap. One that comes too early waits for those
before it, one that comes again is dropped, and a hole that does not fill is a loss: only a resync mends it.
"""

import attrs

from amm.brain.arithmetic import Ms
from amm.brain.wire import EventMessage

WAITING_MAX = 4_096
"""More than this behind one hole is not reordering any more."""


@attrs.define
class Sequencer:
    expected: int = 1
    waiting: dict[int, EventMessage] = attrs.field(factory=dict)
    hole_since_ms: Ms | None = None
    duplicates: int = 0

    def take(self, messages: list[EventMessage], now_ms: Ms) -> list[EventMessage]:
        """Return what can be applied now, in order."""
        for message in messages:
            if message.n < self.expected or message.n in self.waiting:
                self.duplicates += 1
            else:
                self.waiting[message.n] = message
        ready = []
        while (message_or_none := self.waiting.pop(self.expected, None)) is not None:
            ready.append(message_or_none)
            self.expected += 1
        if not self.waiting:
            self.hole_since_ms = None
        elif ready or self.hole_since_ms is None:
            self.hole_since_ms = now_ms
        return ready

    def is_lost(self, now_ms: Ms, grace_ms: Ms) -> bool:
        """Say whether an event is missing for good."""
        if self.hole_since_ms is None:
            return False
        return len(self.waiting) > WAITING_MAX or now_ms - self.hole_since_ms >= grace_ms
