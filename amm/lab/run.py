"""One run: a clock that jumps from event to event, the traders, the maker, and the delays between them.

Same scenario, seed and maker, same run: nothing here reads a clock or draws a number.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from typing import Any

import attrs

from amm.brain.arithmetic import CENT, Ms
from amm.brain.inputs import Delivered, Pong
from amm.lab.chance import Chance
from amm.lab.line import Line
from amm.lab.makers import Stage, StrategyMaker
from amm.lab.measure import Measure, Result
from amm.lab.scenario import SECOND_MS, START_MS, Scenario
from amm.lab.traders import Trader, gather
from amm.lab.truth import Truth, draw_truth
from amm.lab.venue import BY, MARKET
from kernel import commands
from kernel.answers import Refusal
from kernel.codes import AMM_ID

PICTURE_GAP_MS: Ms = 100
"""The book feed sends no two pictures within this."""
PICTURE_DUE_MS: Ms = 30_000
"""And one at least this often."""
PING_MS: Ms = 2_000
GUARD_MS: Ms = 5_000
"""After so long without its maker the exchange removes the maker's orders."""


class Simulation:
    def __init__(self, scenario: Scenario, stage: Stage[Any], seed: int) -> None:
        self.scenario, self.seed, self.name = scenario, seed, stage.name
        self.truth: Truth = draw_truth(scenario, seed)
        self.venue, self.maker, self.carry_out = stage.venue, stage.maker, stage.carry_out
        self.crowd = gather(scenario, seed, self.truth)
        self.measure = Measure(scenario, self.truth, self.venue, self.maker, stage.q_reference)
        self.agenda: list[tuple[Ms, int, Callable[[Ms], None]]] = []
        self.entered = 0
        self.line = Line(scenario.feed_ms)
        self.luck = Chance(seed, "line")
        self.due_ms: Ms = START_MS
        """When the maker wants to be called even without inputs."""
        self.pinged_ms = START_MS
        self.pictured_ms = START_MS
        self.picture_due = False
        self.sent: Counter[str] = Counter()

    def run(self) -> Result:
        end_ms = self.scenario.end_ms
        for trader in self.crowd.traders:
            self._expect(trader)
        self._interrupt()
        self._break()
        self._picture(START_MS)
        self.at(START_MS, self._second)
        agenda = self.agenda
        self.due_ms = self._due(START_MS)
        while True:
            rings = self.line.rings
            wake = rings[0] if rings and rings[0] < self.due_ms else self.due_ms
            if min(wake, agenda[0][0]) >= end_ms:
                break
            if wake <= agenda[0][0]:
                self._call(wake)
                self.due_ms = self._due(wake)
            else:
                now, _, act = heappop(agenda)
                act(now)
        return self._result()

    def at(self, at_ms: Ms, act: Callable[[Ms], None]) -> None:
        """Put something on the agenda; what is due at the same time happens in the order it came."""
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

    def _break(self) -> None:
        """Break the line to the strategy, or end its process; the plain makers are spared both."""
        maker = self.maker
        if not isinstance(maker, StrategyMaker):
            return
        for cut in self.scenario.cuts:
            self._break_once(self.scenario.moment(cut.at), cut.size, self.line.mend)
        if self.scenario.killed is not None:
            begin, away_ms = self.scenario.moment(self.scenario.killed.at), self.scenario.killed.size
            self._break_once(begin, away_ms, lambda now_ms: self._rise(maker, now_ms))
            self.at(begin, self._die)

    def _break_once(self, begin: Ms, away_ms: Ms, end: Callable[[Ms], None]) -> None:
        guard = commands.SetGuard(at=begin * 1_000, user_id=AMM_ID, grace_ms=GUARD_MS, markets=(MARKET,))
        self.at(begin, lambda now_ms: self._ask(guard, now_ms))
        self.at(begin, self.line.cut)
        if away_ms >= GUARD_MS:
            fires = begin + GUARD_MS
            fire = commands.FireGuard(at=fires * 1_000, user_id=AMM_ID, market_id=MARKET)
            self.at(fires, lambda now_ms: self._ask(fire, now_ms))
        self.at(begin + away_ms, end)
        self.at(begin + away_ms, self._picture)

    def _ask(self, command: commands.AnyCommand, now_ms: Ms) -> None:
        self.venue.execute(command)
        self._spread(now_ms)

    def _die(self, now_ms: Ms) -> None:
        """The process ends: it does not notice the break, and is not called."""
        self.line.forget()
        self.due_ms = self.scenario.end_ms

    def _rise(self, maker: StrategyMaker, now_ms: Ms) -> None:
        """A new process begins, with only what the exchange tells it."""
        account = self.venue.maker.account
        maker.begin(account.available + account.frozen, now_ms)
        self.line = Line(self.scenario.feed_ms)
        self.due_ms = now_ms

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
        self.line.frames(self.venue.frames, now_ms)
        self.venue.frames.clear()

    def _picture(self, now_ms: Ms) -> None:
        """Show the maker the book. It looks when it is awake, and it is woken for the regular ones."""
        self.line.send([self.venue.picture(now_ms)], now_ms, wake=not self.picture_due)
        self.picture_due, self.pictured_ms = False, now_ms

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
        inputs = self.line.take(now_ms)
        if now_ms - self.pinged_ms >= PING_MS and self.line.cut_ms is None:
            self.pinged_ms = now_ms
            inputs.append(Pong(self.scenario.command_ms + self.scenario.feed_ms))
            if not self.line.inbox:
                inputs.append(Delivered(self.venue.exchange.head))
        if wishes := self.maker.call(inputs, now_ms):
            self.at(now_ms + self.scenario.command_ms, lambda at_ms: self._carry_out(wishes, at_ms))

    def _carry_out(self, wishes: Sequence[Any], now_ms: Ms) -> None:
        """One batch of the maker's, answered and reported in the order in which it happened.

        What a break finds on its way arrives or does not; its answer is lost in any case.
        """
        if self.line.cut_ms is not None and self.luck.sign() < 0:
            return
        for wish in wishes:
            self.sent[type(wish).__name__] += 1
            self.line.send([self.carry_out(wish, now_ms)], now_ms, wake=False)
            self._deliver(now_ms)
        self.line.send((), now_ms, wake=True)
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
