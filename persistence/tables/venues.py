"""The rows of money on its way to venues elsewhere and back, and of the cases that came of it, folded.

Each fact has a leg, or a case, as it is from then on: so the newest in a batch is the row.
"""

from typing import Final

import attrs
import msgspec

from kernel.making_events import MmCase, MmCaseChanged, MmVenueChanged, VenueLeg
from persistence.postgres.columns import Row
from persistence.postgres.database import Connection
from persistence.tables.columns import MM_RECONCILIATION, MM_VENUE_WITHDRAWAL

OF_LEGS: Final = tuple(name for name in VenueLeg.__struct_fields__ if name in MM_VENUE_WITHDRAWAL.written)
OF_CASES: Final = tuple(name for name in MmCase.__struct_fields__ if name in MM_RECONCILIATION.written)


@attrs.define(eq=False)
class VenueRows:
    """What a batch makes of these tables."""

    legs: dict[str, Row] = attrs.field(factory=dict)
    """By the key under which the venue knows the attempt."""
    cases: dict[tuple[str, int], Row] = attrs.field(factory=dict)

    def move(self, event: MmVenueChanged) -> None:
        leg = event.leg
        self.legs[leg.request_key] = {
            "order_id": event.order_id,
            **{name: getattr(leg, name) for name in OF_LEGS},
        }

    def judge(self, event: MmCaseChanged) -> None:
        case = event.case
        self.cases[event.order_id, case.number] = {
            **{name: getattr(case, name) for name in OF_CASES},
            "order_id": event.order_id,
            "case_no": case.number,
            "expected": expected(case),
            "observed": None if case.observed is None else msgspec.structs.asdict(case.observed),
        }

    async def write(self, connection: Connection) -> None:
        await MM_VENUE_WITHDRAWAL.upsert(connection, list(self.legs.values()))
        await MM_RECONCILIATION.upsert(connection, list(self.cases.values()))


def expected(case: MmCase) -> dict[str, object]:
    """What was away when it was opened, and how far the venue had said that it was."""
    legs = [{name: getattr(leg, name) for name in OF_LEGS} for leg in case.legs]
    clearing = {"cash_cents": case.cash_cents, "yes": case.yes, "no": case.no}
    return {"reason": case.reason, "clearing": clearing, "legs": legs}
