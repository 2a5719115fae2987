"""The maker's line to the exchange: what is on its way, how long that takes, and what a break does to it.

Private events are never lost for good: a mended line first delivers what was missed, and again the last of
what it had delivered before, as a resumed stream may. Answers and pictures of the book on their way
are gone.
"""

from collections import deque
from collections.abc import Iterable

from amm.brain.arithmetic import Ms
from amm.brain.inputs import Connected, Disconnected, Frame, Input
from amm.brain.wire import OrderStatusChanged

DELIVERED_AGAIN = 3


class Line:
    def __init__(self, delay_ms: Ms) -> None:
        self.delay_ms = delay_ms
        self.inbox: deque[tuple[Ms, Input]] = deque()
        self.rings: deque[Ms] = deque()
        """When what is in the inbox wakes the maker; the rest waits until it looks."""
        self.cut_ms: Ms | None = None
        """Since when the line is broken."""
        self.missed: list[Frame] = []
        self.delivered: deque[Frame] = deque(maxlen=DELIVERED_AGAIN)

    def frames(self, frames: Iterable[Frame], now_ms: Ms) -> None:
        """Send private events: the maker wakes for all but those of its own orders."""
        if self.cut_ms is not None:
            self.missed.extend(frames)
            return
        arrives = now_ms + self.delay_ms
        for frame in frames:
            self.inbox.append((arrives, frame))
            self.delivered.append(frame)
            if any(not isinstance(event, OrderStatusChanged) for event in frame.events):
                self.rings.append(arrives)

    def send(self, inputs: Iterable[Input], now_ms: Ms, *, wake: bool) -> None:
        """Send answers or pictures of the book."""
        if self.cut_ms is not None:
            return
        arrives = now_ms + self.delay_ms
        self.inbox.extend([(arrives, one) for one in inputs])
        if wake:
            self.rings.append(arrives)

    def take(self, now_ms: Ms) -> list[Input]:
        """What has arrived."""
        inputs: list[Input] = []
        while self.inbox and self.inbox[0][0] <= now_ms:
            inputs.append(self.inbox.popleft()[1])
        while self.rings and self.rings[0] <= now_ms:
            self.rings.popleft()
        return inputs

    def cut(self, now_ms: Ms) -> None:
        """The line breaks: the maker notices at once, and misses what had not arrived."""
        self.missed = [item for _, item in self.inbox if isinstance(item, Frame)]
        self.forget()
        self.inbox.append((now_ms, Disconnected()))
        self.rings.append(now_ms)
        self.cut_ms = now_ms

    def mend(self, now_ms: Ms) -> None:
        assert self.cut_ms is not None
        blind_ms, self.cut_ms = now_ms - self.cut_ms, None
        self.inbox.append((now_ms, Connected(blind_ms, resumed=True)))
        before = {frame.seq for frame in self.missed}
        again = [frame for frame in self.delivered if frame.seq not in before]
        self.inbox.extend([(now_ms, frame) for frame in (*again, *self.missed)])
        self.rings.append(now_ms)
        self.missed.clear()

    def forget(self) -> None:
        """Drop what is on its way: the process that would take it is gone."""
        self.inbox.clear()
        self.rings.clear()
