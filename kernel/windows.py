"""What a market's price was, as far back as anything asks for it: in slots, so in the same room for ever.

Here are numbers and times only: prices in half cents of YES, times in microseconds. What a price decides,
and when a market trades, it does not know.

A price is added up when it is about to change, not whenever something happens: one that stands for an hour
may be added once or a thousand times, with the same sums. So it does not matter what made a live exchange or
a replay add, and states are compared as if each had been added up to its newest fact.
"""

from dataclasses import dataclass, field, replace
from typing import Final

import msgspec

FIRST_PRICE: Final = 50
"""In cents: what stands for the last trade of a market before its first."""
VOID_SLOTS: Final = 96
RECENT_SLOTS: Final = 16
TWO_SIDED_MS: Final = 600_000
"""With both sides standing for less than that, an average is no one's judgement."""


def slot_length(window_ms: int, slots: int) -> int:
    """Microseconds of one slot of a window."""
    return -(-window_ms * 1000 // slots)


def spot_of(best_bid: int | None, best_ask: int | None, last_trade: int | None) -> int:
    """The price of a market in half cents: the middle of its best bid and ask.

    With a side empty it is the last trade, moved to the quote that stands where that is better: an order can
    be hit, a trade cannot be undone.
    """
    if best_bid is not None and best_ask is not None:
        return best_bid + best_ask
    price = FIRST_PRICE if last_trade is None else last_trade
    if best_bid is not None:
        price = max(price, best_bid)
    elif best_ask is not None:
        price = min(price, best_ask)
    return 2 * price


class Reference(msgspec.Struct, frozen=True):
    """What a market was worth on average, and how much that says."""

    reference_price_cents: int
    observed_ms: int
    two_sided_ms: int
    """For how long of that both sides stood."""

    @property
    def is_thin(self) -> bool:
        """Hardly ever did anybody quote both sides: two cents of fees could have made this price."""
        return 20 * self.two_sided_ms < self.observed_ms or self.two_sided_ms < TWO_SIDED_MS


@dataclass(slots=True, eq=False)
class AverageWindow:
    """The price over the last of a market's trading time; other time stands still here."""

    slot: int
    """Microseconds of each slot."""
    time: int = 0
    """For how long the market has been trading, ever."""
    sums: list[int] = field(default_factory=lambda: [0])
    """Half cents times microseconds, slot by slot, the running one last."""
    two_sided: list[int] = field(default_factory=lambda: [0])
    """For how long of each slot both sides stood."""

    @property
    def rest(self) -> int:
        """Microseconds until the running slot is full."""
        return self.slot - self.time % self.slot

    @property
    def observed(self) -> int:
        """Microseconds in the slots that are kept."""
        return self.time - max(0, self.time // self.slot - VOID_SLOTS + 1) * self.slot

    def impossible_slots(self) -> list[dict[str, int]]:
        """Slots of which no price between 1 and 99 cents can be the average."""
        full, running = divmod(self.time, self.slot)
        times = [*[self.slot] * min(full, VOID_SLOTS - 1), running]
        if not len(times) == len(self.sums) == len(self.two_sided):
            return [{"slots": len(self.sums), "of_two_sides": len(self.two_sided), "expected": len(times)}]
        return [
            {"sum": weighed, "microseconds": time, "two_sided": quoted}
            for weighed, time, quoted in zip(self.sums, times, self.two_sided, strict=True)
            if not (2 * time <= weighed <= 198 * time and 0 <= quoted <= time)
        ]

    def add(self, spot: int, time: int, *, is_two_sided: bool) -> None:
        """The price stood for so long."""
        rest = self.rest
        if time < rest:
            self.add_within(spot * time, time, is_two_sided=is_two_sided)
            return
        self.time += time
        whole, begun = divmod(time - rest, self.slot)
        spans = [*[self.slot] * min(whole, VOID_SLOTS), begun]
        self.sums[-1] += spot * rest
        self.sums = [*self.sums, *(spot * span for span in spans)][-VOID_SLOTS:]
        if is_two_sided:
            self.two_sided[-1] += rest
        else:
            spans = [0] * len(spans)
        self.two_sided = [*self.two_sided, *spans][-VOID_SLOTS:]

    def add_within(self, weighed: int, time: int, *, is_two_sided: bool) -> None:
        """Prices stood that come to so much, and the running slot is not full yet."""
        self.time += time
        self.sums[-1] += weighed
        if is_two_sided:
            self.two_sided[-1] += time


@dataclass(slots=True, eq=False)
class RecentWindow:
    """The price over the last minutes or hours, by the clock: what is older is forgotten, traded or not."""

    slot: int
    """Microseconds of each slot."""
    slots: dict[int, tuple[int, int]] = field(default_factory=dict)
    """By the number of the slot, oldest first: half cents times microseconds, and for how long."""

    def ends_after(self, at: int) -> int:
        """When the slot of this moment is over."""
        return (at // self.slot + 1) * self.slot

    def add(self, spot: int, start: int, end: int) -> None:
        """The price stood from then to then."""
        first = max(start // self.slot, end // self.slot - RECENT_SLOTS + 1)
        for number in range(first, (end - 1) // self.slot + 1):
            time = min(end, (number + 1) * self.slot) - max(start, number * self.slot)
            self.add_within(number, spot * time, time)

    def add_within(self, number: int, weighed: int, time: int) -> None:
        before, already = self.slots.get(number, (0, 0))
        self.slots[number] = before + weighed, already + time
        if len(self.slots) > RECENT_SLOTS:
            del self.slots[next(iter(self.slots))]

    def kept(self, at: int) -> list[tuple[int, int, int]]:
        """The slots that count at this moment."""
        oldest = at // self.slot - RECENT_SLOTS + 1
        return [(number, *slot) for number, slot in self.slots.items() if number >= oldest and slot[1]]

    def impossible_slots(self) -> list[dict[str, int]]:
        """Slots of which no price between 1 and 99 cents can be the average, or that last too long."""
        return [
            {"slot": number, "sum": weighed, "microseconds": time}
            for number, (weighed, time) in self.slots.items()
            if not (0 <= time <= self.slot and 2 * time <= weighed <= 198 * time)
        ]


@dataclass(slots=True, eq=False)
class TradeRange:
    """Between which prices was traded in the last minutes or hours, by the clock."""

    slot: int
    """Microseconds of each slot."""
    slots: dict[int, tuple[int, int]] = field(default_factory=dict)
    """By the number of the slot, oldest first: the lowest and the highest price, in cents."""

    def note(self, at: int, price: int) -> None:
        number = at // self.slot
        low, high = self.slots.get(number, (price, price))
        self.slots[number] = min(low, price), max(high, price)
        if len(self.slots) > RECENT_SLOTS:
            del self.slots[next(iter(self.slots))]

    def kept(self, at: int) -> list[tuple[int, int, int]]:
        """The slots that count at this moment."""
        oldest = at // self.slot - RECENT_SLOTS + 1
        return [(number, *slot) for number, slot in self.slots.items() if number >= oldest]

    def extremes(self, at: int) -> tuple[int, int]:
        """The lowest and the highest price of them all, where there was a trade."""
        slots = self.kept(at)
        return min(slot[1] for slot in slots), max(slot[2] for slot in slots)


@dataclass(slots=True, eq=False)
class Prices:
    """The price of one market as it stands, and what it was before."""

    at: int
    """Up to when it is added up."""
    opens: int | None
    ends: int | None
    """The market's trading window: no other time counts."""
    average: AverageWindow
    recent: RecentWindow | None = None
    """Only of a market with a price collar."""
    is_active: bool = False
    best_bid: int | None = None
    """What the price follows from: the best of both sides of the book, and the last trade."""
    best_ask: int | None = None
    last_trade: int | None = None
    spot: int = 2 * FIRST_PRICE
    is_two_sided: bool = False
    simple_until: int = 0
    """Before then it trades without a break, no slot ends, and both sides stand: what a busy market does
    most of the time, and so is added up on the side, in one sum."""
    simple_since: int = field(init=False)
    simple_sum: int = 0

    def __post_init__(self) -> None:
        self.simple_since = self.at

    @property
    def time(self) -> int:
        """For how long the market has been trading, up to `at`."""
        return self.average.time + self.at - self.simple_since

    def change(self, at: int, best_bid: int | None, best_ask: int | None, last_trade: int | None) -> None:
        """From now on this stands."""
        if best_bid is not None and best_ask is not None and at < self.simple_until:
            self.simple_sum += self.spot * (at - self.at)
            self.at = at
            self.spot = best_bid + best_ask
        else:
            self.advance(at)
            self.spot = spot_of(best_bid, best_ask, last_trade)
            self.last_trade = last_trade
            self.is_two_sided = best_bid is not None and best_ask is not None
            if self.is_active and self.is_two_sided and (self.opens is None or self.opens <= at):
                full = at + self.average.rest
                self.simple_until = full if self.ends is None else min(full, self.ends)
                if self.recent is not None:
                    self.simple_until = min(self.simple_until, self.recent.ends_after(at))
        self.best_bid = best_bid
        self.best_ask = best_ask

    def switch(self, at: int, *, is_active: bool) -> None:
        """The market begins to trade, or stops."""
        self.advance(at)
        if is_active and not self.is_active and self.recent is not None:
            self.recent.slots = {}
        self.is_active = is_active

    def advance(self, at: int) -> None:
        """Add up what stood until now."""
        if self.simple_until:
            time = self.at - self.simple_since
            self.average.add_within(self.simple_sum, time, is_two_sided=True)
            if self.recent is not None:
                number = self.simple_since // self.recent.slot
                self.recent.add_within(number, self.simple_sum, time)
            self.simple_until = self.simple_sum = 0
        start, end = self.to_add(at)
        if start < end:
            self.average.add(self.spot, end - start, is_two_sided=self.is_two_sided)
            if self.recent is not None:
                self.recent.add(self.spot, start, end)
        self.at = self.simple_since = at

    def impossible_slots(self) -> list[dict[str, int]]:
        """Sums that no price between 1 and 99 cents comes to: of slots, and of what is not in one yet."""
        found = self.average.impossible_slots()
        if self.recent is not None:
            found += self.recent.impossible_slots()
        time = self.at - self.simple_since
        if not 2 * time <= self.simple_sum <= 198 * time:
            found.append({"sum_on_the_side": self.simple_sum, "microseconds": time})
        return found

    def to_add(self, at: int) -> tuple[int, int]:
        """From when to when the price has stood that is not added up yet, of the time that counts."""
        if not self.is_active:
            return at, at
        start = self.at if self.opens is None else max(self.at, self.opens)
        return start, at if self.ends is None else min(at, self.ends)

    def as_of(self, at: int) -> "Prices":
        """What they would be if they were added up to then, which changes nothing."""
        average = replace(self.average, sums=list(self.average.sums), two_sided=list(self.average.two_sided))
        recent = self.recent
        if recent is not None:
            recent = replace(recent, slots=recent.slots.copy())
        then = replace(self, average=average, recent=recent)
        then.simple_since = self.simple_since
        then.advance(at)
        return then

    def reference(self, at: int) -> Reference:
        """The average then, rounded half up; of a market that has not traded yet, the price that stands."""
        average = self.as_of(at).average
        time = average.observed
        price = (sum(average.sums) + time) // (2 * time) if time else (self.spot + 1) // 2
        return Reference(price, time // 1000, sum(average.two_sided) // 1000)

    def recently(self, at: int, spot: int) -> tuple[int, int]:
        """The sum of the slots that count then, and their time; the price of the moment if there is none.

        As if all were added up to then, but without a copy of it: every order asks.
        """
        recent = self.recent
        assert recent is not None
        oldest = at // recent.slot - RECENT_SLOTS + 1
        begins = oldest * recent.slot
        start, end = self.to_add(at)
        time = max(0, end - max(start, begins))
        weighed = self.spot * time
        if self.simple_since >= begins:
            time += self.at - self.simple_since
            weighed += self.simple_sum
        for number, (added, lasted) in recent.slots.items():
            if number >= oldest:
                time += lasted
                weighed += added
        return (weighed, time) if time else (spot, 1)
