"""The worker: it finds orders whose next cycle is due, leases them, and runs each cycle in a task of its own.

A lease is taken for ended a margin early, by the worker's own clock from before it was asked for: so nobody's
clock has to agree with anybody's. A worker that dies leaves nothing behind but a lease that runs out.
"""

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import attrs
import msgspec
import structlog
import trio

from amm.brain.arithmetic import Cents
from makers.cycle.answers import Meaning, meaning
from makers.cycle.commands import Command
from makers.cycle.cycle import Cycle
from makers.cycle.lease import INTERNAL, Lease
from makers.live.line import Line, LineError, LostError
from makers.live.rota import Rota
from makers.live.wire import Acquire, Due, DueMarkets, Hint, Leases, Release, Renew
from makers.quoter.worth import equity_of
from makers.venues.venue import Venue

log = structlog.get_logger(__name__)

AGAIN_SECONDS: Final = 0.1
"""Before the same commands are sent again, where the exchange was too busy to decide them."""
PAUSE_SECONDS: Final = 0.01
"""Before a market is asked again that had nothing to do, though it was said to be time."""
ERROR_CHARACTERS: Final = 200


@attrs.frozen(kw_only=True)
class Limits:
    in_flight: int = 32
    per_market: int = 8
    sweep_ms: int = 1_000
    renew_ms: int = 5_000
    margin_ms: int = 2_000


@attrs.define(eq=False)
class Observed:
    """What has happened, for the metrics."""

    cycles: Counter[str] = attrs.field(factory=Counter)
    """By how they came out."""
    skipped: Counter[int] = attrs.field(factory=Counter)
    errors: int = 0
    took: Callable[[float], None] = lambda _seconds: None


@attrs.define(eq=False)
class Held:
    """A lease in hand."""

    lease: Lease
    renewed_at: float
    """When it was asked for, or asked for again."""
    equity: Cents | None = None
    """What the order is worth at its venue, if that is another and its prices are known."""

    def ends_at(self, margin_ms: int) -> float:
        return self.renewed_at + (self.lease.lease_ms - margin_ms) / 1_000


@attrs.define(eq=False)
class Worker:
    worker_id: str
    line: Line
    limits: Limits = attrs.field(factory=Limits)
    stop: trio.Event = attrs.field(factory=trio.Event)
    observed: Observed = attrs.field(factory=Observed)
    venues: Mapping[str, Venue] = attrs.field(factory=dict)
    """Elsewhere, where it can quote, by name."""
    rota: Rota = attrs.field(init=False)
    _news: trio.Event = attrs.field(factory=trio.Event)

    def __attrs_post_init__(self) -> None:
        self.rota = Rota(self.limits.in_flight, self.limits.per_market)
        self.line.on_hint = self.hear

    async def run(self) -> None:
        """Work until `stop`; then finish what is begun."""
        async with trio.open_nursery() as tasks, trio.open_nursery() as looking:
            looking.start_soon(self._sweep)
            looking.start_soon(self._look, tasks)
            await self.stop.wait()
            looking.cancel_scope.cancel()

    @property
    def running(self) -> int:
        """Cycles that are being run."""
        return self.rota.running.total() - sum(self.rota.asked.values())

    def hear(self, hint: Hint) -> None:
        self._hint(hint.market_id, self.line.at(hint.due_at_ms))

    def _hint(self, market_id: str, at: float) -> None:
        self.rota.hint(market_id, at)
        self._news.set()

    async def _sweep(self) -> None:
        """Ask everywhere, now and then: hints may be lost. It begins anew with each connection."""
        while True:
            await self.line.up.wait()
            try:
                found = await self.line.ask_for(Due(), DueMarkets)
            except (LostError, LineError) as trouble:
                log.warning("could not ask what is due", why=str(trouble))
            else:
                for item in found.items:
                    if item.due:
                        self._hint(item.market_id, trio.current_time())
                    elif item.next_due_at_ms is not None:
                        self._hint(item.market_id, self.line.at(item.next_due_at_ms))
            await trio.sleep(self.limits.sweep_ms / 1_000)

    async def _look(self, tasks: trio.Nursery) -> None:
        while True:
            self._news = trio.Event()
            await self.line.up.wait()
            now = trio.current_time()
            while (look := self.rota.look(now)) is not None:
                tasks.start_soon(self._acquire, look.market_id, look.limit, tasks)
            with trio.move_on_at(self.rota.wakes(now)):
                await self._news.wait()

    async def _acquire(self, market_id: str, limit: int, tasks: trio.Nursery) -> None:
        asked_at, leases = trio.current_time(), 0
        try:
            (result,) = await self.line.ask(
                [
                    Acquire(
                        market_id=market_id,
                        worker_id=self.worker_id,
                        limit=limit,
                        venues=tuple(self.venues),
                    )
                ]
            )
            if not result.ok:
                log.warning("no leases", market=market_id, why=result.message)
                return
            found = msgspec.json.decode(result.data, type=Leases)
            leases = len(found.leases)
            for lease in found.leases:
                tasks.start_soon(self._run, Held(lease, asked_at))
            now = trio.current_time()
            if found.more:
                self._hint(market_id, now)
            elif found.next_due_at_ms is not None:
                # Where nothing was due though it was time, the two clocks differ by a little.
                at = self.line.at(found.next_due_at_ms)
                self._hint(market_id, at if leases else max(at, now + PAUSE_SECONDS))
        except LostError:
            pass  # leases that came of it run out
        finally:
            self.rota.answered(market_id, leases)
            self._news.set()

    # One cycle.

    async def _run(self, held: Held) -> None:
        begun, lease = trio.current_time(), held.lease
        cycle = Cycle(lease)
        try:
            with trio.move_on_at(held.ends_at(self.limits.margin_ms)) as scope:
                await self._carry_out(cycle, held, scope)
            if scope.cancelled_caught:
                cycle.fail("the lease was running out")
        except Exception as trouble:
            # Whatever it is, it is this order's alone: the others go on.
            log.exception("a cycle failed", order=lease.order_id)
            cycle.fail(f"{type(trouble).__name__}: {trouble}"[:ERROR_CHARACTERS])
        try:
            await self._release(cycle, held)
        finally:
            self.rota.ended(lease.market.id)
            self._news.set()
            self.observed.took(trio.current_time() - begun)
            self.observed.cycles["STALE" if cycle.ending is None else cycle.ending.value] += 1
            self.observed.skipped.update(cycle.skipped)
            self.observed.errors += cycle.error is not None

    async def _carry_out(self, cycle: Cycle, held: Held, scope: trio.CancelScope) -> None:
        lease = held.lease
        if lease.venue != INTERNAL:
            view = await self.venues[lease.venue].view(lease.order_id, lease.market.id)
            held.equity = equity_of(view)
            cycle.see(view)
        commands = cycle.begin()
        while commands and not cycle.is_over:
            if trio.current_time() - held.renewed_at >= self.limits.renew_ms / 1_000:
                await self._renew(cycle, held)
                scope.deadline = held.ends_at(self.limits.margin_ms)
                continue
            commands = await self._send(cycle, commands)

    async def _send(self, cycle: Cycle, commands: list[Command]) -> list[Command]:
        """Send them; return what is to be sent then."""
        try:
            codes = await self._codes(cycle.lease, commands)
        except LostError:
            await self.line.up.wait()
            return commands
        after = [
            one
            for command, code in zip(commands, codes, strict=True)
            for one in cycle.answered(command, code)
        ]
        if any(one in commands for one in after):
            await trio.sleep(AGAIN_SECONDS * random.uniform(0.9, 1.1))  # noqa: S311 - spreads load, guards nothing
        return after

    async def _codes(self, lease: Lease, commands: Sequence[Command]) -> list[int]:
        """What the order's venue, or the exchange, makes of them."""
        if lease.venue != INTERNAL:
            return await self.venues[lease.venue].carry_out(lease.order_id, commands)
        return [result.code for result in await self.line.ask(commands)]

    async def _renew(self, cycle: Cycle, held: Held) -> None:
        lease, asked_at = held.lease, trio.current_time()
        renewal = Renew(
            order_id=lease.order_id, worker_id=self.worker_id, fence=lease.fence, token=lease.token
        )
        try:
            (result,) = await self.line.ask([renewal])
        except LostError:
            await self.line.up.wait()
            return
        if result.ok:
            held.renewed_at = asked_at
        elif meaning(result.code) is Meaning.AGAIN:
            await trio.sleep(AGAIN_SECONDS)
        else:
            cycle.is_stale = True

    async def _release(self, cycle: Cycle, held: Held) -> None:
        """Give the lease back, if it is ours still; if nobody answers it runs out."""
        ending, lease = cycle.ending, held.lease
        if ending is None:
            return
        release = Release(
            order_id=lease.order_id,
            worker_id=self.worker_id,
            fence=lease.fence,
            token=lease.token,
            outcome=ending,
            counts=cycle.counts,
            error=cycle.error,
            equity_cents=held.equity,
        )
        with trio.move_on_at(held.ends_at(0)):
            while True:
                try:
                    (result,) = await self.line.ask([release])
                except LostError:
                    await self.line.up.wait()
                else:
                    if meaning(result.code) is not Meaning.AGAIN:
                        return
                    await trio.sleep(AGAIN_SECONDS)
