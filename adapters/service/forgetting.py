"""Has the exchange let go of closed orders and of what idempotency keys did, once nobody is likely to ask.

The kernel does it in portions, each a command like any other; between two of them everybody else is decided.
"""

from itertools import islice
from typing import Final

import attrs
import trio

from adapters.service.server import Server
from kernel.answers import Forgotten
from kernel.commands import ForgetKeys, ForgetOrders, ForgetPositions
from kernel.life import OVER
from kernel.limits import FORGOTTEN_MAX
from kernel.market import Market

LOOK_SECONDS: Final = 0.5
"""Between two looks."""


@attrs.define(eq=False)
class Forgetting:
    """Knows of when the tables have everything: all that was closed before then may go."""

    server: Server
    filed: int = 0
    """Every fact from before this time is in the tables."""
    _head: int = 0
    _now: int = 0
    _peopled: list[Market] = attrs.field(factory=list)
    """The markets that go on, and those that are over but have positions; of so many that there were."""
    _seen: int = 0
    """How far the exchange was at an earlier look: facts that came later are not from before this time."""

    async def run(self) -> None:
        while True:
            await trio.sleep(LOOK_SECONDS)
            self.look()
            await self.forget_orders()
            await self.forget_keys()
            await self.forget_positions()

    def look(self) -> None:
        exchange = self.server.exchange
        if self.server.projections.reached >= self._head:
            self.filed = self._now
            self._head, self._now = exchange.head, exchange.now

    async def forget_orders(self) -> None:
        """Portion after portion, as long as there are orders too old, or too many."""
        settings, closed = self.server.settings, self.server.exchange.closed
        while True:
            old = self.server.clock.now() - settings.remember * 1_000_000
            spare = closed.count - settings.remember_orders
            before = self.filed if spare > 0 else min(old, self.filed)
            oldest = closed.first
            if oldest is None or oldest.updated_at >= before:
                return
            most = min(spare, FORGOTTEN_MAX) if spare > 0 else FORGOTTEN_MAX
            if not await self._has_gone(ForgetOrders(at=self.server.clock.now(), before=before, most=most)):
                return

    async def forget_keys(self) -> None:
        """The same of what keys did, which the tables have from the fact that it is forgotten."""
        settings, leaving = self.server.settings, self.server.exchange.keys.leaving
        while leaving:
            now = self.server.clock.now()
            spare = len(leaving) - settings.remember_orders
            before = now if spare > 0 else now - settings.remember * 1_000_000
            if leaving[0].at >= before:
                return
            most = min(spare, FORGOTTEN_MAX) if spare > 0 else FORGOTTEN_MAX
            if not await self._has_gone(ForgetKeys(at=now, before=before, most=most)):
                return

    async def forget_positions(self) -> None:
        """The same of positions in markets that are over, market by market."""
        before = min(self.server.clock.now() - self.server.settings.remember * 1_000_000, self.filed)
        known = self.server.exchange.markets
        self._peopled += islice(known.values(), self._seen, None)
        self._seen = len(known)
        self._peopled = [market for market in self._peopled if market.status not in OVER or market.positions]
        for market in list(self._peopled):
            is_due = market.settled_at is not None and market.settled_at < before
            while is_due and market.positions and not market.desk.order_ids:
                now = self.server.clock.now()
                command = ForgetPositions(at=now, market_id=market.id, before=before, most=FORGOTTEN_MAX)
                if not await self._has_gone(command):
                    return

    async def _has_gone(self, command: ForgetOrders | ForgetKeys | ForgetPositions) -> bool:
        """Whether a portion was let go of; where too much waits it was not, and the next look goes on."""
        (outcome,) = await self.server.actors.ask(command, correlation_id="memory")
        return isinstance(outcome.answer, Forgotten)
