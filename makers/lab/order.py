"""An order as one of the laboratory's makers: every refresh interval a cycle, and nothing in between.

A worker that is always there and never late runs it, so a table tells what the strategy is worth, not
what its execution costs.
"""

from collections import Counter as Tally
from collections import deque
from collections.abc import Sequence

import attrs
import msgspec

from amm.brain.arithmetic import CENT, Ms, Uc
from amm.brain.defence import Level
from amm.brain.inputs import Answer, Input
from amm.lab.jobs import Contender
from amm.lab.makers import Stage
from amm.lab.scenario import START_MS, Scenario
from makers.cycle.commands import Command
from makers.cycle.cycle import Cycle
from makers.lab.venue import Acquire, Counter, Wish, open_counter
from makers.quoter.quotes import reference
from makers.quoter.terms import LayerChange, PriceSource, Terms

USUAL = Terms(
    bid_half_spread_cents=2,
    ask_half_spread_cents=2,
    order_qty=10,
    levels=1,
    level_step_cents=1,
    amount_change_per_layer=0,
    amount_change_type=LayerChange.FIXED,
    refresh_tolerance_cents=0,
    qty_tolerance_pct=20,
    price_source=PriceSource.MID,
    floor_price_cents=1,
    ceiling_price_cents=99,
    inventory_skew=True,
    max_position_per_side=5_000,
    auto_merge_min_pairs=10,
)
REFRESH_MS: Ms = 10_000
"""These are the terms of an order whose owner names none."""
ORDERS = {"order": USUAL, "order-last": msgspec.structs.replace(USUAL, price_source=PriceSource.LAST)}
"""By the names that the table gives them."""


@attrs.define(eq=False)
class OrderMaker:
    counter: Counter
    fair: Uc
    """The reference price of the newest view that had one."""
    due: Ms = START_MS
    cycle: Cycle | None = None
    acquiring: bool = False
    waiting: deque[Command] = attrs.field(factory=deque)
    """What was sent in this cycle, in the order in which it is answered."""
    noted: Tally[str] = attrs.field(factory=Tally)

    @property
    def level(self) -> Level:
        return Level.KILL_SWITCH if self.counter.is_stopped else Level.NORMAL

    def call(self, inputs: Sequence[Input], now_ms: Ms) -> list[Wish]:
        wishes: list[Wish] = []
        for one in inputs:
            if isinstance(one, Answer):
                wishes += self._answered(one.code)
        if self.cycle is not None and not self.waiting:
            self._end(self.cycle)
        if not self.acquiring and self.cycle is None and self.due <= now_ms and not self.counter.is_stopped:
            self.acquiring, self.due = True, now_ms + REFRESH_MS
            wishes.append(Acquire())
        return wishes

    def _answered(self, code: int) -> Sequence[Command]:
        if self.cycle is None:
            self.acquiring = False
            commands = self._begin()
        else:
            commands = self.cycle.answered(self.waiting.popleft(), code)
        self.waiting.extend(commands)
        return commands

    def _begin(self) -> Sequence[Command]:
        lease = self.counter.lease
        if lease is None:
            return []
        middle = reference(lease.terms, lease.foreign_book(), lease.last_trade_price_cents)
        self.fair = self.fair if middle is None else middle
        self.cycle = Cycle(lease)
        return self.cycle.begin()

    def _end(self, cycle: Cycle) -> None:
        ending = cycle.ending
        assert ending is not None, "nobody else has a lease here"
        assert cycle.error is None, cycle.error
        self.noted[ending.value] += 1
        self.noted.update({f"skipped {code}": count for code, count in cycle.skipped.items()})
        self.cycle = None

    def due_ms(self, now_ms: Ms) -> Ms | None:
        """It is woken by answers too, so while it waits for one it need not be called."""
        if self.counter.is_stopped or self.acquiring or self.cycle is not None:
            return None
        return max(now_ms, self.due)

    def notes(self) -> dict[str, int]:
        return dict(self.noted)


@attrs.frozen
class OrderContender(Contender):
    """An order in place of the market maker, with the same money."""

    def stage(self, scenario: Scenario) -> Stage[Wish]:
        terms = ORDERS[self.maker]
        counter = open_counter(scenario, terms)
        maker = OrderMaker(counter, scenario.price * CENT)
        return Stage(self.name, maker, counter.venue, counter.carry_out, terms.order_qty * terms.levels * 2)
