"""Who trades with the maker. Everybody only ever buys, YES or NO: with netting on, buying NO sells YES.

A trader draws what it is going to do before it looks at the market, and always draws the same number of
times, so the flow is the same whatever the maker does. Only what is done with it differs.
"""

from collections import deque
from collections.abc import Iterable
from typing import Protocol

import attrs

from amm.brain.arithmetic import CENT, Cents, Ms, Shares, Uc, clamp
from amm.lab.chance import Chance
from amm.lab.scenario import START_MS, Move, Scenario
from amm.lab.truth import Truth
from amm.lab.venue import Venue
from kernel.codes import Side

NOISE, INFORMED, MOMENTUM, WHALE, RIVAL = "noise", "informed", "momentum", "whale", "rival"
SPOOFER = "spoofer"
TRADERS = [NOISE, INFORMED, MOMENTUM, WHALE, RIVAL, SPOOFER]
"""Their accounts, and how the report calls them."""

MOMENTUM_CHANGES = 3
MOMENTUM_REACH: Cents = 3
"""How far beyond the last price they follow it."""
RIVAL_HALF_SPREAD: Cents = 4
RIVAL_QUANTITY: Shares = 30
RIVAL_INTERVAL_MS: Ms = 30_000
SPOOF_QUANTITY: Shares = 100_000
SPOOF_DISTANCE: Cents = 12
"""Beyond what the uninformed still trade at less the maker's spread: nobody is meant to take it."""
SPOOF_MS: Ms = 15_000


class Trader(Protocol):
    due_ms: Ms
    """When it acts next."""

    def act(self, venue: Venue, now_ms: Ms) -> bool:
        """Do what is due and set `due_ms` anew; False when it is done for good."""


@attrs.frozen
class Public:
    """What everybody believes: the truth, but late."""

    truth: Truth
    lag_ms: Ms

    def limit(self, side: Side, distance: Cents, now_ms: Ms) -> Cents:
        """So many cents above what a share of this side is believed to be worth."""
        return clamp(worth(side, self.truth.at(now_ms - self.lag_ms)) // CENT + distance, 1, 99)


def worth(side: Side, value: Uc) -> Uc:
    """What a share of a side is worth when YES is worth `value`."""
    return value if side is Side.YES else 100 * CENT - value


def drawn_side(chance: Chance) -> Side:
    return Side.YES if chance.sign() > 0 else Side.NO


@attrs.define(eq=False)
class Poisson:
    """Arrivals that know nothing of each other; kept in microseconds, so that busy ones are not rounded."""

    chance: Chance
    mean_ms: Ms
    at_us: int = START_MS * 1_000

    def following(self) -> Ms:
        self.at_us += self.chance.gap(self.mean_ms * 1_000)
        return self.at_us // 1_000


class Ordinary:
    """Noise and informed traders: one stream of arrivals, and for each a coin that says which it is."""

    def __init__(self, scenario: Scenario, seed: int, truth: Truth) -> None:
        self.scenario, self.truth = scenario, truth
        self.public = Public(truth, scenario.public_lag_ms)
        self.coin, self.noise, self.knowing = (Chance(seed, name) for name in ("coin", NOISE, INFORMED))
        self.arrivals = Poisson(Chance(seed, "arrivals"), scenario.arrival_ms)
        self.due_ms = self.arrivals.following()
        self.came = 0
        self.knew = 0

    def act(self, venue: Venue, now_ms: Ms) -> bool:
        self.due_ms = self.arrivals.following()
        side, size = drawn_side(self.noise), 1 + self.noise.below(self.scenario.noise_max)
        informed_size = 1 + self.knowing.below(self.scenario.informed_max)
        self.came += 1
        if self.coin.happens(self.scenario.informed):
            self.knew += 1
            self._informed(venue, informed_size, now_ms)
        else:
            limit = self.public.limit(side, self.scenario.noise_width, now_ms)
            venue.buy(NOISE, side, limit, size, now_ms)
        return True

    def _informed(self, venue: Venue, size: Shares, now_ms: Ms) -> None:
        """Buy what is offered for less than it is worth, if anything is."""
        book, value = venue.market.book, self.truth.at(now_ms)
        for side, offered in ((Side.YES, book.best_ask), (Side.NO, book.best_bid)):
            limit = (worth(side, value) - self.scenario.informed_edge) // CENT
            if offered is not None and worth(side, offered * CENT) <= limit * CENT:
                venue.buy(INFORMED, side, limit, size, now_ms)
                return


class Momentum:
    """Those who see the last prices rise and think that they will go on rising."""

    def __init__(self, mean_ms: Ms, most: Shares, seed: int) -> None:
        self.most = most
        self.chance = Chance(seed, MOMENTUM)
        self.arrivals = Poisson(Chance(seed, "momentum arrivals"), mean_ms)
        self.due_ms = self.arrivals.following()
        self.last: Cents | None = None
        self.changes: deque[int] = deque(maxlen=MOMENTUM_CHANGES)

    def see(self, prices: Iterable[Cents]) -> None:
        for price in prices:
            if self.last is not None and price != self.last:
                self.changes.append(price - self.last)
            self.last = price

    def act(self, venue: Venue, now_ms: Ms) -> bool:
        self.due_ms = self.arrivals.following()
        size, changes = 1 + self.chance.below(self.most), self.changes
        if self.last is None or len(changes) < MOMENTUM_CHANGES:
            return True
        if all(change > 0 for change in changes):
            venue.buy(MOMENTUM, Side.YES, min(99, self.last + MOMENTUM_REACH), size, now_ms)
        elif all(change < 0 for change in changes):
            venue.buy(MOMENTUM, Side.NO, min(99, 100 - self.last + MOMENTUM_REACH), size, now_ms)
        return True


class Whale:
    """One order at a time that was set, whatever the book looks like then."""

    def __init__(self, scenario: Scenario, move: Move, seed: int, truth: Truth) -> None:
        self.due_ms = scenario.moment(move.at)
        self.size, self.width = move.size, scenario.noise_width
        self.side = drawn_side(Chance(seed, WHALE))
        self.public = Public(truth, scenario.public_lag_ms)

    def act(self, venue: Venue, now_ms: Ms) -> bool:
        venue.buy(WHALE, self.side, self.public.limit(self.side, self.width, now_ms), self.size, now_ms)
        return False


class Rival:
    """A second source of liquidity, and a simple one: a bid and an ask around what the public believes."""

    def __init__(self, scenario: Scenario, truth: Truth) -> None:
        self.due_ms = START_MS + RIVAL_INTERVAL_MS
        self.public = Public(truth, scenario.public_lag_ms)
        self.resting: list[str] = []

    def act(self, venue: Venue, now_ms: Ms) -> bool:
        self.due_ms = now_ms + RIVAL_INTERVAL_MS
        for order_id in self.resting:
            venue.withdraw(RIVAL, order_id, now_ms)
        placed = [
            venue.rest(
                RIVAL, side, self.public.limit(side, -RIVAL_HALF_SPREAD, now_ms), RIVAL_QUANTITY, now_ms
            )
            for side in Side
        ]
        self.resting = [order_id for order_id in placed if order_id is not None]
        return True


class Spoofer:
    """Shows a large order far behind the best, for everybody to see, and takes it back before it is met."""

    def __init__(self, mean_ms: Ms, seed: int, truth: Truth, lag_ms: Ms) -> None:
        self.chance = Chance(seed, SPOOFER)
        self.arrivals = Poisson(Chance(seed, "spoofer arrivals"), mean_ms)
        self.due_ms = self.arrivals.following()
        self.public = Public(truth, lag_ms)
        self.shown: str | None = None

    def act(self, venue: Venue, now_ms: Ms) -> bool:
        if self.shown is not None:
            venue.withdraw(SPOOFER, self.shown, now_ms)
            self.shown, self.due_ms = None, max(now_ms, self.arrivals.following())
            return True
        limit = self.public.limit(drawn := drawn_side(self.chance), -SPOOF_DISTANCE, now_ms)
        self.shown = venue.rest(SPOOFER, drawn, limit, SPOOF_QUANTITY, now_ms)
        self.due_ms = now_ms + SPOOF_MS
        return True


@attrs.define(eq=False)
class Crowd:
    """Everybody who trades in a scenario."""

    ordinary: Ordinary
    momentum: Momentum | None
    others: list[Trader]

    @property
    def traders(self) -> list[Trader]:
        momentum: list[Trader] = [self.momentum] if self.momentum is not None else []
        return [self.ordinary, *momentum, *self.others]


def gather(scenario: Scenario, seed: int, truth: Truth) -> Crowd:
    others: list[Trader] = []
    others += [Whale(scenario, move, seed, truth) for move in scenario.whales]
    if scenario.rival:
        others.append(Rival(scenario, truth))
    if scenario.spoof_ms is not None:
        others.append(Spoofer(scenario.spoof_ms, seed, truth, scenario.public_lag_ms))
    momentum = None
    if scenario.momentum_ms is not None:
        momentum = Momentum(scenario.momentum_ms, scenario.momentum_max, seed)
    return Crowd(Ordinary(scenario, seed, truth), momentum, others)
