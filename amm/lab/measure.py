"""What a run came to: the maker's gain, split into where it came from, and how its market looked.

The split adds up exactly, in uc, because every part is a sum over the same fills and the same path of truth:

    gain = spread earned + adverse selection + inventory - fees

Spread earned is how far from its own fair price the maker sold; adverse selection is how far the truth was on
the other side of that price, at that moment; inventory is what the truth did to what it held meanwhile.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import attrs

from amm.brain.arithmetic import CENT, Cents, Ms, Shares, Uc
from amm.brain.defence import Level
from amm.brain.skew import inventory_skew
from amm.lab.makers import Maker
from amm.lab.scenario import START_MS, Scenario
from amm.lab.truth import Truth
from amm.lab.venue import Met, Venue
from kernel.codes import Side

MINUTE_MS: Ms = 60_000
HORIZON_MS: Ms = MINUTE_MS
"""How long after a fill the markout looks."""
LAGS_MIN = (0, 1, 2, 3, 5, 7, 10, 15, 20, 30, 45, 60)
"""Delays, in minutes, at which the truth is held against the quote: the best one is how late it follows."""
LAG_EVERY = 10
"""Seconds between two looks at those."""
POINTS = 720
"""How many moments of a run the plots show."""


@attrs.define
class Split:
    """Parts of the gain so far, in uc."""

    spread: Uc = 0
    adverse: Uc = 0
    inventory: Uc = 0
    fees: Uc = 0

    @property
    def gain(self) -> Uc:
        return self.spread + self.adverse + self.inventory - self.fees


@attrs.frozen
class Point:
    """One moment, for the plots."""

    at_ms: Ms
    truth: Uc
    fair: Uc
    bid: Cents | None
    ask: Cents | None
    yes: Shares
    no: Shares
    q: int
    level: Level
    split: Split


@attrs.frozen
class Result:
    """One run of one maker. Money and prices are in uc, unless they say cents."""

    maker: str
    scenario: str
    informed: int
    seed: int
    split: Split
    settled_cents: Cents
    """What the kernel's ledger says was gained once the market had been settled."""
    outcome: str
    worst: Uc
    """The lowest value the gain had."""
    drawdown: Uc
    shares: Shares
    fills: int
    by_trader: dict[str, Uc]
    """Spread earned and adverse selection together, by whom they were earned from."""
    markout: Uc
    """The same a minute after each fill."""
    seconds: int
    both: int
    """Seconds with a bid and an ask."""
    either: int
    spread_sum: Cents
    distance_sum: Uc
    """From the middle of the quote to the truth, over the seconds that had one."""
    still_sum: Uc
    """From the first price to the truth, over the same seconds: how far off a maker is that never learns."""
    followed: int
    """The quote's way from where it began times the truth's, over the same seconds, in uc squared."""
    strayed: int
    """The truth's way from there, squared: how far of it the quote went is `followed` over this."""
    late: tuple[Uc, ...]
    """From the middle of the quote to where the truth was so many minutes before, for each of `LAGS_MIN`."""
    most_skewed: int
    killed: bool
    commands: dict[str, int]
    notes: dict[str, int]
    facts: int
    arrivals: int
    points: tuple[Point, ...] = ()
    marks: tuple[tuple[Ms, Cents, Shares], ...] = ()
    """For the plot: when a fill was, its price, and its quantity, negative where the maker sold NO."""


class Measure:
    """Watches one run."""

    def __init__(
        self, scenario: Scenario, truth: Truth, venue: Venue, maker: Maker[Any], q_reference: int
    ) -> None:
        self.scenario, self.truth, self.venue, self.maker = scenario, truth, venue, maker
        self.q_reference = q_reference
        self.split = Split()
        self.valued: Uc = truth.at(START_MS)
        self.net = 0
        """YES held more than NO, as the fills say."""
        self.shares = self.fills = 0
        self.by_trader: Counter[str] = Counter()
        self.markout: Uc = 0
        self.seconds = self.both = self.either = self.spread_sum = 0
        self.distance_sum = self.still_sum = self.most_skewed = 0
        self.followed = self.strayed = 0
        self.late = [0] * len(LAGS_MIN)
        self.worst = self.best = self.drawdown = 0
        self.killed = False
        self.points: list[Point] = []
        self.marks: list[tuple[Ms, Cents, Shares]] = []
        self.every = max(1, scenario.hours * 3_600 // POINTS)

    def met(self, fills: Iterable[Met], now_ms: Ms) -> None:
        """Book fills of the maker's, at the truth and the fair price of this moment."""
        self._value(now_ms)
        fair, later = self.maker.fair, self.truth.at(now_ms + HORIZON_MS)
        for fill in fills:
            sells_yes = 1 if fill.side is Side.YES else -1
            signed = sells_yes * fill.quantity
            price = fill.yes_price * CENT
            spread, adverse = (price - fair) * signed, (fair - self.valued) * signed
            self.split.spread += spread
            self.split.adverse += adverse
            self.split.fees += fill.fee * CENT
            self.by_trader[fill.with_user] += spread + adverse
            self.markout += (price - later) * signed
            self.net -= signed
            self.shares += fill.quantity
            self.fills += 1
            self.marks.append((now_ms, fill.yes_price, signed))

    def _value(self, now_ms: Ms) -> None:
        """Let the truth move: what is held is worth more or less."""
        value = self.truth.at(now_ms)
        self.split.inventory += self.net * (value - self.valued)
        self.valued = value

    def second(self, now_ms: Ms) -> None:
        """Look at the market, once a second."""
        self._value(now_ms)
        position = self.venue.maker
        bid = max(position.bids) if position.bids else None
        ask = min(position.asks) if position.asks else None
        self.seconds += 1
        if bid is not None and ask is not None:
            self.both += 1
            self.spread_sum += ask - bid
            self._follow((bid + ask) * (CENT // 2), now_ms)
        self.either += bid is not None or ask is not None
        gain = self.split.gain
        self.worst, self.best = min(self.worst, gain), max(self.best, gain)
        self.drawdown = max(self.drawdown, self.best - gain)
        yes, no = position.yes.volume, position.no.volume
        q = inventory_skew(yes, no, self.q_reference)
        self.most_skewed = max(self.most_skewed, abs(q))
        level = self.maker.level
        self.killed |= level is Level.KILL_SWITCH
        if self.seconds % self.every == 1 or self.every == 1:
            parts = attrs.evolve(self.split)
            fair = self.maker.fair
            self.points.append(Point(now_ms, self.valued, fair, bid, ask, yes, no, q, level, parts))

    def _follow(self, middle: Uc, now_ms: Ms) -> None:
        """Hold the middle of the quote against the truth, and against where the truth was before."""
        start = self.scenario.price * CENT
        moved = self.valued - start
        self.distance_sum += abs(middle - self.valued)
        self.still_sum += abs(moved)
        self.followed += (middle - start) * moved
        self.strayed += moved * moved
        if self.seconds % LAG_EVERY == 0:
            for number, minutes in enumerate(LAGS_MIN):
                self.late[number] += abs(middle - self.truth.at(now_ms - minutes * MINUTE_MS))

    def value_of_holdings(self, now_ms: Ms) -> Uc:
        """Cash and shares at the truth, by the kernel's own books."""
        position, value = self.venue.maker, self.truth.at(now_ms)
        cash = position.account.available + position.account.frozen
        return cash * CENT + position.yes.volume * value + position.no.volume * (100 * CENT - value)
