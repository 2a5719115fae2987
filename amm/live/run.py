"""One start of the market maker in one market, as the process sees it: open, failing or over."""

from collections import deque
from enum import Enum
from typing import Any

import attrs
import trio

from amm.brain.arithmetic import Ms
from amm.brain.config_layers import Start, flat
from amm.brain.defence import KILLING
from amm.brain.inputs import Input, Kill
from amm.brain.memory import Lifecycle
from amm.brain.state import MarketState
from amm.brain.wire import AmmMarket
from amm.live.market import LiveMarket


class Trouble(Enum):
    """Why a market is not quoted although the exchange says that it should be."""

    CONFIG_INVALID = "CONFIG_INVALID"
    TASK_CRASHED = "TASK_CRASHED"
    TOO_MANY_MARKETS = "TOO_MANY_MARKETS"
    STATE_UNREADABLE = "STATE_UNREADABLE"
    REFUSED = "REFUSED"


@attrs.frozen
class Patch:
    """Keys that were changed together, until a given time or for good."""

    values: dict[str, Any]
    until_ms: Ms | None = None

    def is_over(self, now_ms: Ms) -> bool:
        return self.until_ms is not None and now_ms >= self.until_ms


@attrs.frozen
class Overlay:
    """What is laid over a market's configuration while it runs: each patch over those before it.

    They end one by one: none outlives its time because of a later one, and what a passing patch had covered
    comes back.
    """

    patches: tuple[Patch, ...] = ()
    by: str = "start"

    def at(self, now_ms: Ms) -> "Overlay":
        """Return what is still in force: the same object if nothing has ended."""
        left = tuple(patch for patch in self.patches if not patch.is_over(now_ms))
        return self if left == self.patches else Overlay(left, "time")

    @property
    def values(self) -> dict[str, Any]:
        return {key: value for patch in self.patches for key, value in flat(patch.values).items()}

    @property
    def until_ms(self) -> Ms | None:
        """When the first of the patches ends."""
        return min((patch.until_ms for patch in self.patches if patch.until_ms is not None), default=None)


@attrs.define(eq=False)
class Run:
    """One start of the market maker in one market."""

    line: AmmMarket
    early: list[Input] = attrs.field(factory=list)
    """Inputs that came before the market was open."""
    market: LiveMarket | None = None
    trouble: Trouble | None = None
    detail: str = ""
    over: bool = False
    is_cleared: bool = False
    """Whether all its orders were cancelled from outside, after it had not ended by itself."""
    crashes: deque[Ms] = attrs.field(factory=deque)
    restarts: int = 0
    resumed: trio.Event = attrs.field(factory=trio.Event)
    """Set when a person lets a market that failed too often begin again."""
    overlay: Overlay = attrs.field(factory=Overlay)
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)

    @property
    def market_id(self) -> str:
        return self.line.market_id

    @property
    def state(self) -> MarketState | None:
        return None if self.market is None else self.market.state

    @property
    def has_crashed(self) -> bool:
        """Whether it waits for a person, after it failed too often."""
        return self.trouble is Trouble.TASK_CRASHED

    @property
    def lifecycle(self) -> Lifecycle:
        """The lifecycle to show: a run that is over has stopped, whatever its market's state says."""
        if self.has_crashed:
            return Lifecycle.EMERGENCY
        if self.over:
            return Lifecycle.STOPPED
        return Lifecycle.STARTING if self.state is None else self.state.life.lifecycle

    @property
    def start(self) -> Start:
        """What the configuration is built on, for a market that is open."""
        assert self.state is not None
        line, fee = self.line, self.state.facts.maker_fee_bps
        return Start(line.market_id, line.initial_budget_cents, line.initial_price_cents, fee)

    @property
    def is_quiet(self) -> bool:
        """Whether it is certain that no order of ours is left."""
        state = self.state
        is_empty = state is None or not (state.orders.live or state.orders.pending)
        return self.is_cleared or (self.over and is_empty)

    @property
    def is_killed(self) -> bool:
        """Whether it is killed or will be in its next turn: a failure must not undo that."""
        waiting = self.early if self.market is None else self.market.inbox
        risk = None if self.state is None else self.state.risk
        latched = risk is not None and (risk.killed or not risk.latched.isdisjoint(KILLING))
        return latched or any(isinstance(item, Kill) for item in waiting)

    def tell(self, item: Input, *, wake: bool = True) -> None:
        if self.market is not None:
            self.market.tell(item, wake=wake)
        elif not self.has_crashed:
            self.early.append(item)
