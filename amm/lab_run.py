"""One run: a clock that jumps from event to event, the traders, the maker, and the delays between them.

Same scenario, seed, maker and configuration, same run: nothing here reads a clock or draws a number.
"""

from collections import Counter, deque
from collections.abc import Callable
from heapq import heappop, heappush

import attrs

from amm.arithmetic import CENT, Ms
from amm.commands import Command
from amm.config import Config
from amm.inputs import Input, Pong, Progress
from amm.lab_chance import Chance
from amm.lab_makers import Maker, make
from amm.lab_measure import Measure, Result
from amm.lab_scenario import SECOND_MS, START_MS, Scenario
from amm.lab_traders import TRADERS, Trader, gather
from amm.lab_truth import Truth, draw_truth
from amm.lab_venue import BY, MARKET, Venue, open_venue
from amm.wire import OrderStatusChanged
from kernel import commands
from kernel.answers import Refusal

PICTURE_GAP_MS: Ms = 100
"""The book feed sends no two pictures within this."""
PICTURE_DUE_MS: Ms = 30_000
"""And one at least this often."""
PING_MS: Ms = 2_000


class Run:
    def __init__(self, scenario: Scenario, config: Config, maker: str, seed: int) -> None:
        self.scenario, self.seed, self.name = scenario, seed, maker
        self.truth: Truth = draw_truth(scenario, seed)
        self.venue: Venue = open_venue(scenario, TRADERS)
        self.crowd = gather(scenario, seed, self.truth)
        self.maker: Maker = make(maker, scenario, config)
        self.measure = Measure(scenario, self.truth, self.venue, self.maker, config.q_reference)
        self.agenda: list[tuple[Ms, int, Callable[[Ms], None]]] = []
        self.entered = 0
        self.inbox: deque[tuple[Ms, Input]] = deque()
        self.rings: deque[Ms] = deque()
        """When what is in the inbox wakes the maker; the rest waits until it looks."""
        self.pinged_ms = START_MS
        self.pictured_ms = START_MS
        self.picture_due = False
        self.sent: Counter[str] = Counter()

    def run(self) -> Result:
        end_ms = self.scenario.end_ms
        for trader in self.crowd.traders:
            self._expect(trader)
        self._interrupt()
        self._picture(START_MS)
        self.at(START_MS, self._second)
        agenda, rings = self.agenda, self.rings
        now, due = START_MS, self._due(START_MS)
        while True:
            wake = rings[0] if rings and rings[0] < due else due
            if min(wake, agenda[0][0]) >= end_ms:
                break
            if wake <= agenda[0][0]:
                now = wake
                self._call(now)
                due = self._due(now)
            else:
                now, _, act = heappop(agenda)
                act(now)
        return self._result()

    def at(self, at_ms: Ms, act: Callable[[Ms], None]) -> None:
        """Put something on the agenda; what is due at the same time happens in the order it was put there."""
        heappush(self.agenda, (at_ms, self.entered, act))
        self.entered += 1

    # Others

    def _expect(self, trader: Trader) -> None:
        def act(now_ms: Ms) -> None:
            goes_on = trader.act(self.venue, now_ms)
            self._spread(now_ms)
            if goes_on:
                self.at(trader.due_ms, act)

        self.at(trader.due_ms, act)

    def _interrupt(self) -> None:
        if self.scenario.suspended is None:
            return
        begin, end = map(self.scenario.moment, self.scenario.suspended)

        def order(command: commands.AnyCommand) -> Callable[[Ms], None]:
            def act(now_ms: Ms) -> None:
                self.venue.execute(command)
                self._spread(now_ms)

            return act

        self.at(begin, order(commands.SuspendMarket(at=begin * 1_000, market_id=MARKET, by=BY)))
        self.at(end, order(commands.ResumeMarket(at=end * 1_000, market_id=MARKET, by=BY)))

    # News

    def _spread(self, now_ms: Ms) -> None:
        """Tell everybody what has just happened: the books at once, the maker after the feed's delay."""
        venue = self.venue
        if venue.met:
            self.measure.met(venue.met, now_ms)
            venue.met.clear()
        if venue.prices:
            if self.crowd.momentum is not None:
                self.crowd.momentum.see(venue.prices)
            venue.prices.clear()
        self._deliver(now_ms)
        if not self.picture_due:
            self.picture_due = True
            self.at(max(now_ms, self.pictured_ms + PICTURE_GAP_MS), self._picture)

    def _deliver(self, now_ms: Ms) -> None:
        """Send the maker the private events that there are: it wakes for all but those of its own orders."""
        arrives = now_ms + self.scenario.feed_ms
        for frame in self.venue.frames:
            self.inbox.append((arrives, frame))
            if any(not isinstance(event, OrderStatusChanged) for event in frame.events):
                self.rings.append(arrives)
        self.venue.frames.clear()

    def _picture(self, now_ms: Ms) -> None:
        """Show the maker the book. It looks when it is awake, and it is woken for the regular ones."""
        arrives = now_ms + self.scenario.feed_ms
        if not self.picture_due:
            self.rings.append(arrives)
        self.picture_due, self.pictured_ms = False, now_ms
        self.inbox.append((arrives, self.venue.picture(now_ms)))

    def _second(self, now_ms: Ms) -> None:
        self.measure.second(now_ms)
        if now_ms - self.pictured_ms >= PICTURE_DUE_MS:
            self._picture(now_ms)
        self.at(now_ms + SECOND_MS, self._second)

    # The maker

    def _due(self, now_ms: Ms) -> Ms:
        """When the maker wants to be called at the latest. Only a call changes that."""
        due = self.maker.due_ms(now_ms)
        return self.scenario.end_ms if due is None else due

    def _call(self, now_ms: Ms) -> None:
        inbox = self.inbox
        news: list[Input] = []
        while inbox and inbox[0][0] <= now_ms:
            news.append(inbox.popleft()[1])
        while self.rings and self.rings[0] <= now_ms:
            self.rings.popleft()
        if now_ms - self.pinged_ms >= PING_MS:
            self.pinged_ms = now_ms
            news.append(Pong(self.scenario.command_ms + self.scenario.feed_ms))
            if not inbox:
                news.append(Progress(self.venue.exchange.head))
        if wishes := self.maker.call(news, now_ms):
            self.at(now_ms + self.scenario.command_ms, lambda at_ms: self._carry_out(wishes, at_ms))

    def _carry_out(self, wishes: list[Command], now_ms: Ms) -> None:
        """One batch of the maker's: answered and told in the order in which it happened."""
        arrives = now_ms + self.scenario.feed_ms
        for wish in wishes:
            self.sent[type(wish).__name__] += 1
            self.inbox.append((arrives, self.venue.carry_out(wish, now_ms)))
            self._deliver(now_ms)
        self.rings.append(arrives)
        self._spread(now_ms)

    # The end

    def _result(self) -> Result:
        scenario, measure, venue = self.scenario, self.measure, self.venue
        end_ms = scenario.end_ms
        measure.met((), end_ms)
        held = measure.value_of_holdings(end_ms) - scenario.funding * CENT
        assert held == measure.split.gain, f"the books say {held}, the split {measure.split.gain}"
        split = attrs.evolve(measure.split)
        outcome = "YES" if Chance(self.seed, "outcome").below(100 * CENT) < self.truth.at(end_ms) else "NO"
        resolved = venue.execute(
            commands.ResolveMarket(at=end_ms * 1_000, market_id=MARKET, result=outcome, by=BY)
        )
        assert not isinstance(resolved.answer, Refusal), resolved.answer
        broken = venue.exchange.audit()
        assert not broken, broken
        return Result(
            maker=self.name,
            scenario=scenario.name,
            informed=scenario.informed,
            seed=self.seed,
            split=split,
            settled_cents=venue.maker.account.available - scenario.funding,
            outcome=outcome,
            worst=measure.worst,
            drawdown=measure.drawdown,
            shares=measure.shares,
            fills=measure.fills,
            by_trader=dict(sorted(measure.by_trader.items())),
            markout=measure.markout,
            seconds=measure.seconds,
            both=measure.both,
            either=measure.either,
            spread_sum=measure.spread_sum,
            distance_sum=measure.distance_sum,
            still_sum=measure.still_sum,
            followed=measure.followed,
            strayed=measure.strayed,
            late=tuple(measure.late),
            most_skewed=measure.most_skewed,
            killed=measure.killed,
            commands=dict(sorted(self.sent.items())),
            notes=dict(sorted(self.maker.notes().items())),
            facts=venue.facts,
            arrivals=self.crowd.ordinary.came,
            points=tuple(measure.points),
            marks=tuple(measure.marks),
        )
