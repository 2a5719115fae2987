"""What takes orders' money to a venue elsewhere and back: each step told the exchange ahead and after.

Several workers may do this beside each other, and each may die at any moment. Nothing here has to be
remembered for that: the exchange says how far each leg has come. A call is made after its claim is durable,
once in the life of its key, and by whoever holds the claim.
"""

from collections.abc import Awaitable
from math import inf
from typing import Any, Final

import attrs
import msgspec
import structlog
import trio

from amm.brain.arithmetic import Ms
from makers.cycle.answers import Meaning, meaning
from makers.live.line import Line, LineError, LostError
from makers.live.wire import Moving, MovingOrders, Stepped, VenueDue, VenueStep
from makers.venues.steps import (
    AFTER_CALL,
    Direction,
    Leg,
    Next,
    Status,
    Step,
    Task,
    after_query,
    has_arrived,
    next_of,
)
from makers.venues.venue import Answer, Venue, Word

log = structlog.get_logger(__name__)

CLAIM_SECONDS: Final = 60.0
"""After which the exchange takes a claim for dead, and asks others to find out what became of it."""
CALL_SECONDS: Final = 30.0
"""What a venue has to answer; so that the answer is told while the claim lasts."""
AGAIN_SECONDS: Final = 0.1


@attrs.frozen(kw_only=True)
class Pace:
    sweep_ms: Ms = 1_000
    """Between two looks at what is to be done."""
    query_ms: Ms = 30_000
    """Between two questions to the venue about the same."""
    quiet_ms: Ms = 25_000
    """After which an order's quotes are taken off a second time, and it counts as drained. No lease lasts
    longer, so no cycle that was begun before can lay out more: whoever runs it."""


@attrs.define(eq=False)
class Mover:
    worker_id: str
    line: Line
    name: str
    venue: Venue
    pace: Pace = attrs.field(factory=Pace)
    _busy: set[str] = attrs.field(factory=set)
    """Orders that a task is at."""
    _called: set[str] = attrs.field(factory=set)
    """Request keys. A claim may be answered twice; the venue is called once."""
    _asked: dict[tuple[str, str], float] = attrs.field(factory=dict)
    """When the venue was asked last, by order and by what it was asked about."""

    async def run(self, stop: trio.Event) -> None:
        """Work until `stop`; then finish what is begun."""
        async with trio.open_nursery() as tasks, trio.open_nursery() as looking:
            looking.start_soon(self._look, tasks)
            await stop.wait()
            looking.cancel_scope.cancel()

    async def _look(self, tasks: trio.Nursery) -> None:
        while True:
            await self.line.up.wait()
            try:
                due = await self._due()
            except (LostError, LineError) as trouble:
                log.warning("could not ask what is due at the venue", why=str(trouble))
            else:
                self._forget({item.order_id for item in due})
                for item in due:
                    if item.order_id not in self._busy:
                        self._busy.add(item.order_id)
                        tasks.start_soon(self._work, item)
            await trio.sleep(self.pace.sweep_ms / 1_000)

    async def _due(self) -> list[Moving]:
        due: list[Moving] = []
        while True:
            after = due[-1].order_id if due else None
            page = await self.line.ask_for(VenueDue(venue=self.name, after=after), MovingOrders)
            due += page.items
            if not page.more:
                return due

    def _forget(self, due: set[str]) -> None:
        """What is done, and may have to be done again one day."""
        self._asked = {
            about: at for about, at in self._asked.items() if about[0] in due or about[0] in self._busy
        }

    async def _work(self, item: Moving) -> None:
        try:
            if item.task is Task.DRAIN:
                await self._drain(item)
            else:
                for leg in item.legs or await self._begin(item):
                    await self._follow(item, leg)
        except Exception:
            # Whatever it is, it is this order's alone: the others go on, and this one is looked at again.
            log.exception("a step at the venue failed", order=item.order_id)
        finally:
            self._busy.discard(item.order_id)

    async def _begin(self, item: Moving) -> list[Leg]:
        if item.task is Task.WATCH or not self._is_time(item, "begin"):
            return []
        direction = Direction.OUT if item.task is Task.OUT else Direction.BACK
        told = await self._tell(item, direction, Step.BEGIN)
        return [] if told is None else told.legs

    async def _drain(self, item: Moving) -> None:
        """Twice, and with time enough between the two for what was on its way to the book."""
        now, begun = trio.current_time(), self._asked.get((item.order_id, "drain"))
        if begun is not None and now < begun + self.pace.quiet_ms / 1_000:
            return
        with trio.fail_after(CALL_SECONDS):
            is_clear = await self.venue.clear(item.order_id)
        if begun is None:
            self._asked[item.order_id, "drain"] = now
        elif is_clear:
            await self._tell(item, Direction.BACK, Step.DRAINED)

    # One leg.

    async def _follow(self, item: Moving, leg: Leg | None) -> None:
        """As far as it goes now."""
        while leg is not None:
            match next_of(leg, item.task):
                case Next.CALL:
                    leg = await self._call(item, leg)
                case Next.QUERY:
                    leg = await self._query(item, leg)
                case Next.LOOK:
                    leg = await self._look_for(item, leg)
                case Next.NOTHING:
                    return

    async def _call(self, item: Moving, leg: Leg) -> Leg | None:
        if not self._is_time(item, leg.request_key):
            return None
        # What it brings back is all that there is: less or more than was sent is for people to look into.
        is_out = leg.direction is Direction.OUT
        amount = leg.amount if is_out else await self._shown(item, leg)
        asked_at = trio.current_time()
        claimed = await self._tell_of(item, leg, Step.CALL)
        if (
            claimed is None
            or (claimed.request_key, claimed.status) != (leg.request_key, Status.CALLING)
            or claimed.claimed_by != self.worker_id
            or leg.request_key in self._called
        ):
            return None
        self._called.add(leg.request_key)
        if trio.current_time() - asked_at > CLAIM_SECONDS - CALL_SECONDS:
            # The venue's answer could come when nobody counts on it any more. Nothing was sent: that is sure.
            return await self._tell_of(item, leg, Step.RETRY)
        call = self.venue.send if is_out else self.venue.bring_back
        answer = await heard(call(leg.request_key, leg.leg, amount))
        log.info("called the venue", order=item.order_id, key=leg.request_key, answer=answer.word.value)
        now = await self._tell_of(item, leg, AFTER_CALL[answer.word], tx_id=answer.tx_id)
        if now is not None and now.status is Status.INTENT:
            self._asked[item.order_id, now.request_key] = trio.current_time()
            return None
        return now

    async def _query(self, item: Moving, leg: Leg) -> Leg | None:
        if not self._is_time(item, f"{leg.status.value} {leg.request_key}"):
            return None
        answer = await heard(self.venue.query(leg.request_key))
        step = after_query(leg, answer)
        return None if step is None else await self._tell_of(item, leg, step, tx_id=answer.tx_id)

    async def _look_for(self, item: Moving, leg: Leg) -> Leg | None:
        if not self._is_time(item, f"{leg.status.value} {leg.request_key}"):
            return None
        if leg.direction is Direction.OUT:
            amount = await self._shown(item, leg)
        else:
            amount = (await heard(self.venue.query(leg.request_key))).amount or 0
        if not has_arrived(leg, amount, item.task):
            return None
        return await self._tell_of(item, leg, Step.CREDITED, amount=amount)

    async def _shown(self, item: Moving, leg: Leg) -> int:
        with trio.fail_after(CALL_SECONDS):
            return (await self.venue.credited(item.order_id)).get(leg.leg, 0)

    def _is_time(self, item: Moving, about: str) -> bool:
        """Whether to ask about it now, or again."""
        now, last = trio.current_time(), self._asked.get((item.order_id, about), -inf)
        if now < last + self.pace.query_ms / 1_000:
            return False
        self._asked[item.order_id, about] = now
        return True

    # What the exchange is told.

    async def _tell_of(
        self,
        item: Moving,
        leg: Leg,
        step: Step,
        *,
        tx_id: str | None = None,
        amount: int | None = None,
    ) -> Leg | None:
        """The leg as it is then; None if the exchange says no, or nothing for as long as a claim lasts."""
        told = await self._tell(
            item,
            leg.direction,
            step,
            leg=leg.leg,
            attempt=leg.attempt,
            tx_id=tx_id if step is Step.ACCEPTED else None,
            amount=amount,
        )
        return None if told is None else told.leg

    async def _tell(self, item: Moving, direction: Direction, step: Step, **about: Any) -> Stepped | None:
        """Until it is answered: a step that was taken already is taken once."""
        said = VenueStep(
            order_id=item.order_id, worker_id=self.worker_id, direction=direction, step=step, **about
        )
        with trio.move_on_after(CLAIM_SECONDS):
            while True:
                try:
                    (result,) = await self.line.ask([said])
                except LostError:
                    await self.line.up.wait()
                    continue
                if result.ok:
                    return msgspec.json.decode(result.data, type=Stepped)
                if meaning(result.code) is not Meaning.AGAIN:
                    log.info("a step was refused", order=item.order_id, step=step.value, why=result.message)
                    return None
                await trio.sleep(AGAIN_SECONDS)
        return None


async def heard(call: Awaitable[Answer]) -> Answer:
    """What the venue answers; if it fails or keeps silent, nobody knows what it has done."""
    with trio.move_on_after(CALL_SECONDS):
        try:
            return await call
        except Exception as trouble:
            log.warning("the venue did not answer", why=f"{type(trouble).__name__}: {trouble}")
    return Answer(Word.UNCLEAR)
