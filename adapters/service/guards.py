"""Cancel on disconnect: a user who set a guard and stays disconnected has their orders cancelled.

The guard is part of the exchange's state, so it outlives a crash; who is connected is known only here. A user
counts as present while at least one connection is open on which the guard was set.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

import trio

from adapters.service.server import Server
from kernel.answers import Refusal
from kernel.codes import Code, MarketStatus
from kernel.commands import FireGuard
from kernel.events import GuardSet, MarketStatusChanged
from kernel.journal import Decided
from kernel.life import UNRESOLVED

RETRY: Final = 0.1
"""Seconds before a market whose inbox was full is tried again."""


class Guards:
    """Counts who is present, and fires the guards of those who are not."""

    def __init__(self, server: Server) -> None:
        self.is_watching = True
        """False in a process that follows: nothing is fired there, and who leads is told who is present."""
        self.on_presence: Callable[[str, bool], None] = lambda user_id, is_here: None
        """Called when a user's first connection of this process comes, and when the last goes."""
        self._server = server
        self._present: Counter[str] = Counter()
        self._grace_periods: dict[str, trio.CancelScope] = {}
        """Running grace periods, by user."""
        self._postponed: set[tuple[str, str]] = set()
        """User and market: fired while the market was halted, and to be fired again when it resumes."""
        self._nursery: trio.Nursery

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Start a grace period for everybody who had a guard when the server stopped; run until cancelled."""
        async with trio.open_nursery() as self._nursery:
            self._watch_all()
            task_status.started()
            await trio.sleep_forever()

    def _watch_all(self) -> None:
        for user_id in self._server.exchange.guards:
            if user_id not in self._present:
                self._wait(user_id)

    def watch(self) -> None:
        """From now on this process leads: everybody's grace begins anew."""
        self.is_watching = True
        self._watch_all()

    @property
    def present(self) -> list[str]:
        return list(self._present)

    def connected(self, user_id: str) -> None:
        self._present[user_id] += 1
        self._stop(user_id)
        if self._present[user_id] == 1:
            self.on_presence(user_id, True)

    def disconnected(self, user_id: str) -> None:
        self._present[user_id] -= 1
        if not self._present[user_id]:
            del self._present[user_id]
            self._wait(user_id)
            self.on_presence(user_id, False)

    def _wait(self, user_id: str) -> None:
        """Start the user's grace period, if there is a guard; restart it if it is running."""
        self._stop(user_id)
        guard = self._server.exchange.guards.get(user_id) if self.is_watching else None
        if guard is not None:
            scope = self._grace_periods[user_id] = trio.CancelScope()
            self._nursery.start_soon(self._fire_after, user_id, guard.grace_ms / 1000, scope)

    def _stop(self, user_id: str) -> None:
        scope = self._grace_periods.pop(user_id, None)
        if scope is not None:
            scope.cancel()
        self._postponed = {(user, market) for user, market in self._postponed if user != user_id}

    async def _fire_after(self, user_id: str, grace: float, scope: trio.CancelScope) -> None:
        with scope:
            await trio.sleep(grace)
        if scope.cancelled_caught or self._grace_periods.get(user_id) is not scope:
            return
        del self._grace_periods[user_id]
        exchange = self._server.exchange
        guard = exchange.guards.get(user_id)
        if guard is None:
            return
        for market in self._server.going.markets():
            if market.status in UNRESOLVED and guard.covers(market.id):
                self._nursery.start_soon(self._fire, user_id, market.id)

    async def _fire(self, user_id: str, market_id: str) -> None:
        """Fire in one market, retrying as long as it is busy; in a halted one, postpone until it resumes."""
        actors, clock = self._server.actors, self._server.clock
        while True:
            command = FireGuard(at=clock.now(), user_id=user_id, market_id=market_id)
            (outcome,) = await actors.ask(command, correlation_id=f"guard_{user_id}")
            answer = outcome.answer
            if not isinstance(answer, Refusal):
                return
            if answer.code is Code.OVERLOADED:
                await trio.sleep(RETRY)
            elif self._server.exchange.markets[market_id].status is MarketStatus.HALTED:
                if user_id not in self._present:
                    self._postponed.add((user_id, market_id))
                return
            elif answer.code is not Code.MARKET_NOT_OPEN:
                return

    def hear(self, decided: Sequence[Decided]) -> None:
        for one in decided:
            for fact in one.outcome.facts:
                match fact.event:
                    case GuardSet(user_id=user_id, grace_ms=None):
                        self._stop(user_id)
                    case GuardSet(user_id=user_id) if user_id not in self._present:
                        # Either the user has disconnected already, or is about to be counted as present.
                        self._wait(user_id)
                    case MarketStatusChanged(previous_status=MarketStatus.HALTED):
                        self._fire_postponed(fact.market_id)
                    case _:
                        pass

    def _fire_postponed(self, market_id: str | None) -> None:
        for user_id, postponed in list(self._postponed):
            if postponed == market_id:
                self._postponed.discard((user_id, postponed))
                self._nursery.start_soon(self._fire, user_id, postponed)
