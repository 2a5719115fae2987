"""From a lease to what is sent, and from the answers to how the cycle came out.

The caller sends what it is given, all of it at once and in this order, and tells each answer. A command
that is to be sent again comes back as it was: under its old name it is carried out at most once.
"""

from collections import Counter
from enum import Enum

import attrs
import msgspec

from makers.cycle.answers import Meaning, meaning
from makers.cycle.commands import Burn, Cancel, Command, NewOrder, Place, Replace
from makers.cycle.lease import Lease
from makers.quoter.changes import Change
from makers.quoter.decide import decide
from makers.quoter.quotes import Quote
from makers.quoter.view import View


class Ending(Enum):
    """How a cycle came out, as its lease is released."""

    DONE = "DONE"
    UNCHANGED = "UNCHANGED"
    ERROR = "ERROR"


class Counts(msgspec.Struct):
    """What was carried out, and how many quotes could not stand."""

    placed: int = 0
    replaced: int = 0
    cancelled: int = 0
    burned: int = 0
    """Pairs."""
    skipped: int = 0


@attrs.define(eq=False)
class Cycle:
    lease: Lease
    counts: Counts = attrs.field(factory=Counts)
    skipped: Counter[int] = attrs.field(factory=Counter)
    """The same by code."""
    error: str | None = None
    is_stale: bool = False
    moved_on: bool = False
    sent: bool = False
    _named: int = 0

    def see(self, view: View) -> None:
        """Decide from this instead of what the exchange shows: the order quotes elsewhere."""
        shown = {name: getattr(view, name) for name in View.__struct_fields__}
        self.lease = msgspec.structs.replace(self.lease, **shown)

    def begin(self) -> list[Command]:
        """Decide, and say what to send."""
        plan = decide(self.lease.terms, self.lease)
        commands: list[Command] = []
        if plan.burn:
            commands.append(self._burn(plan.burn))
        commands += [
            Cancel(account=self.lease.account, fence=self.lease.fence, order_id=order.id)
            for order in plan.cancels
        ]
        commands += [self._change(change) for change in plan.changes]
        self.sent = bool(commands)
        return commands

    def answered(self, command: Command, code: int) -> list[Command]:
        """Take one answer; return what is to be sent now."""
        match meaning(code):
            case Meaning.DONE:
                self._count(command)
            case Meaning.SKIPPED:
                self.counts.skipped += 1
                self.skipped[code] += 1
            case Meaning.GONE:
                pass
            case Meaning.EMPTY if isinstance(command, Replace):
                anew = msgspec.structs.replace(command.new_order, client_order_id=self._name())
                return self._unless_over(self._place(anew))
            case Meaning.AGAIN:
                return self._unless_over(command)
            case Meaning.MOVED_ON:
                self.moved_on = True
            case Meaning.STALE:
                self.is_stale = True
            case _:
                self.fail(f"{type(command).__name__.lower()} was refused with {code}")
        return []

    def fail(self, why: str) -> None:
        """What rests stays: quotes with a known risk."""
        self.error = self.error or why

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be sent."""
        return self.is_stale or self.moved_on or self.error is not None

    @property
    def ending(self) -> Ending | None:
        """What to release the lease with; a stale one is not released."""
        if self.is_stale:
            return None
        if self.error is not None:
            return Ending.ERROR
        return Ending.DONE if self.sent and not self.moved_on else Ending.UNCHANGED

    def _unless_over(self, command: Command) -> list[Command]:
        return [] if self.is_over else [command]

    def _count(self, command: Command) -> None:
        match command:
            case Place():
                self.counts.placed += 1
            case Replace():
                self.counts.replaced += 1
            case Cancel():
                self.counts.cancelled += 1
            case Burn(quantity=pairs):
                self.counts.burned += pairs

    def _burn(self, pairs: int) -> Burn:
        lease = self.lease
        return Burn(
            account=lease.account,
            fence=lease.fence,
            market_id=lease.market.id,
            quantity=pairs,
            idempotency_key=lease.burn_key(0),
        )

    def _change(self, change: Change) -> Place | Replace:
        new = self._new_order(change.quote)
        if change.old is None:
            return self._place(new)
        lease = self.lease
        return Replace(account=lease.account, fence=lease.fence, old_order_id=change.old.id, new_order=new)

    def _new_order(self, quote: Quote) -> NewOrder:
        return NewOrder(
            client_order_id=self._name(),
            market_id=self.lease.market.id,
            side=quote.outcome,
            direction=quote.direction,
            price_cents=quote.price,
            quantity=quote.quantity,
        )

    def _place(self, new: NewOrder) -> Place:
        return Place(account=self.lease.account, fence=self.lease.fence, **msgspec.structs.asdict(new))

    def _name(self) -> str:
        name = self.lease.client_order_id(self._named)
        self._named += 1
        return name
