"""Idempotency keys: what each of them did, while it is likely to come again; for ever, that it was used.

What a key did leaves memory in the order in which it happened. A burn for a market-making order does not wait
for that: behind the order's fence nobody may repeat it, so it goes with the fence, and nothing remembers it.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from kernel.codes import KeyKind
from kernel.events import Fact, FundsTransferred, SharesBurned, SharesMinted, SharesTransferred
from kernel.names import Names, fingerprint
from kernel.past import KeyUse


def no_uses() -> dict[KeyKind, dict[str, KeyUse]]:
    return {kind: {} for kind in KeyKind}


@dataclass(slots=True, eq=False, repr=False)
class Keys:
    """By what they were used for: mints, burns and transfers have keys of their own."""

    uses: dict[KeyKind, dict[str, KeyUse]] = field(default_factory=no_uses)
    leaving: deque[KeyUse] = field(default_factory=deque)
    """Those that leave by and by, the oldest first: all but what a fence takes with it."""
    forgotten: Names = field(default_factory=Names)
    forgotten_seq: int = 0
    """The newest use that memory has let go of, by the journal id of its fact."""

    def get(self, kind: KeyKind, key: str) -> KeyUse | None:
        return self.uses[kind].get(key)

    def keep(self, use: KeyUse, *, leaves: bool = True) -> None:
        """What the exchange does of its own accord may find its key used: the newest use counts."""
        uses = self.uses[use.kind]
        earlier = uses.get(use.idempotency_key)
        if earlier is not None and earlier in self.leaving:
            self.leaving.remove(earlier)
        uses[use.idempotency_key] = use
        if leaves:
            self.leaving.append(use)

    def may_be_past(self, kind: KeyKind, key: str) -> bool:
        """Whether memory may have let go of what this key did."""
        return (
            self.forgotten.count > 0
            and key not in self.uses[kind]
            and fingerprint(kind, key) in self.forgotten
        )

    def before(self, at: int, most: int) -> tuple[KeyUse, ...]:
        """What was done before this time, up to so many, the oldest first."""
        oldest = tuple(islice(self.leaving, most))
        return tuple([use for use in oldest if use.at < at])

    def forget(self, uses: Sequence[KeyUse]) -> None:
        """They are the oldest there are."""
        for use in uses:
            oldest = self.leaving.popleft()
            assert oldest == use, f"{oldest} is the oldest, and not {use}"
            del self.uses[use.kind][use.idempotency_key]
            self.forgotten.add(fingerprint(use.kind, use.idempotency_key))
            self.forgotten_seq = use.journal_id

    def image(self) -> Iterator[KeyUse]:
        """All uses, as they happened."""
        everything = [use for uses in self.uses.values() for use in uses.values()]
        everything.sort(key=lambda use: use.journal_id)
        return iter(everything)


def use_told_by(fact: Fact) -> KeyUse:
    """What the key in a fact did."""
    event = fact.event
    match event:
        case SharesMinted() | SharesBurned():
            return KeyUse(
                KeyKind.MINT if isinstance(event, SharesMinted) else KeyKind.BURN,
                event.idempotency_key,
                fact.id,
                fact.at,
                event.user_id,
                None,
                fact.market_id,
                None,
                None,
                event.quantity,
                event.cost_cents if isinstance(event, SharesMinted) else event.recovered_cents,
                event.new_yes_inventory,
                event.new_no_inventory,
                event.remaining_balance_cents,
            )
        case FundsTransferred() | SharesTransferred():
            return KeyUse(
                KeyKind.TRANSFER,
                event.idempotency_key,
                fact.id,
                fact.at,
                event.from_user_id,
                event.to_user_id,
                fact.market_id,
                event.reference_type,
                event.side if isinstance(event, SharesTransferred) else None,
                event.quantity if isinstance(event, SharesTransferred) else event.amount_cents,
                0,
                0,
                0,
                0,
            )
        case _:
            raise AssertionError(f"{event} has no key")
