"""The money of a market-making order that is not in its escrow: how it goes there, and comes home.

And what is done where nobody can tell by a rule where it is. Nothing here gives anything back to the owner:
that is done from the escrow alone, and only while nothing is away.
"""

from typing import Any, Final, NamedTuple

import msgspec

from kernel.accounts import open_one
from kernel.codes import ReferenceType, Side
from kernel.draft import Draft
from kernel.making_edges import MmAsset, MmDirection, MmLegStatus, MmLocation, MmReason
from kernel.making_events import MmCase, MmCaseChanged, MmVenueChanged, VenueLeg
from kernel.making_order import CLEARING_PREFIX, OUTSIDE, Away, MmOrder, newest_legs
from kernel.market import Account
from kernel.moving import move_cash, move_shares

OUT, BACK = MmDirection.OUT, MmDirection.BACK
INTENT, CALLING = MmLegStatus.INTENT, MmLegStatus.CALLING
UNKNOWN, REJECTED = MmLegStatus.UNKNOWN, MmLegStatus.REJECTED
CASH, YES, NO = MmAsset.CASH, MmAsset.YES, MmAsset.NO


class Found(NamedTuple):
    """What an order has of one asset."""

    asset: MmAsset
    amount: int


def amounts_of(away: Away) -> list[Found]:
    """What there is of it, asset by asset."""
    amounts = Found(CASH, away.cash), Found(YES, away.yes), Found(NO, away.no)
    return [each for each in amounts if each.amount]


def in_escrow(order: MmOrder) -> Away:
    return Away(order.escrow.available, order.holding(Side.YES).volume, order.holding(Side.NO).volume)


def move(
    draft: Draft,
    order: MmOrder,
    giver: Account,
    taker: Account,
    what: Found,
    kind: ReferenceType,
    key: str,
) -> None:
    if what.asset is CASH:
        move_cash(draft, giver, taker, what.amount, kind, key)
    else:
        move_shares(draft, order.market, giver, taker, Side[what.asset.value], what.amount, kind, key)


def clearing_of(order: MmOrder) -> Account:
    assert order.clearing is not None
    return order.clearing


def send_off(draft: Draft, order: MmOrder, deadline: int) -> dict[str, Any]:
    """Everything leaves the escrow, and a leg begins for each asset. Nobody has called the venue yet."""
    wishes = amounts_of(in_escrow(order))
    open_one(draft, f"{CLEARING_PREFIX}{order.id}", order.owner.id, auto_netting=False)
    for wish in wishes:
        key = f"mmw:{order.id}:{wish.asset.value}:1"
        move(draft, order, order.escrow, clearing_of(order), wish, ReferenceType.MM_VENUE_OUT, key)
    for wish in wishes:
        begin_leg(draft, order, OUT, wish, 1)
    return {"location": MmLocation.TRANSIT, "venue_due_at": deadline}


def begin_leg(draft: Draft, order: MmOrder, direction: MmDirection, wish: Found, attempt: int) -> VenueLeg:
    """One attempt. Its key is its own, so the venue never mistakes it for another."""
    way = "mmw" if direction is OUT else "mmi"
    key = f"{way}:{order.id}:{wish.asset.value}:{attempt}"
    leg = VenueLeg(direction, wish.asset, attempt, key, wish.amount, INTENT, draft.at, draft.at)
    return put(draft, order, leg)


def change(draft: Draft, order: MmOrder, leg: VenueLeg, status: MmLegStatus, **members: Any) -> VenueLeg:
    return put(draft, order, msgspec.structs.replace(leg, status=status, updated_at=draft.at, **members))


def put(draft: Draft, order: MmOrder, leg: VenueLeg) -> VenueLeg:
    event = MmVenueChanged(order.id, order.owner.id, leg)
    draft.state.make(draft.record(order.market.id, event), event)
    return leg


def return_leg(draft: Draft, order: MmOrder, leg: VenueLeg) -> None:
    """One that has not left, and never will: what it was to move is in the escrow again.

    Where the market has ended meanwhile its shares have become cash, which goes with the rest.
    """
    change(draft, order, leg, REJECTED)
    found = Found(leg.leg, leg.amount)
    if there_is(order, found):
        key = f"mmi:{order.id}:{leg.leg.value}:{leg.attempt}"
        move(draft, order, clearing_of(order), order.escrow, found, ReferenceType.MM_VENUE_IN, key)


def there_is(order: MmOrder, what: Found) -> bool:
    """Whether so much of it is in the clearing account."""
    return any(each.asset is what.asset and each.amount >= what.amount for each in amounts_of(order.away))


def bring_home(draft: Draft, order: MmOrder, name: str) -> None:
    """All that is in the clearing account goes to the escrow."""
    for found in amounts_of(order.away):
        key = f"{name}:{found.asset.value}"
        move(draft, order, clearing_of(order), order.escrow, found, ReferenceType.MM_VENUE_IN, key)


HOME: Final[dict[str, Any]] = {
    "location": MmLocation.ESCROW,
    "external_submitted": False,
    "reconcile_required": False,
    "venue_due_at": None,
    "rests_away": False,
}
"""Of an order that has everything here, as far as there is anything."""


def is_out(order: MmOrder) -> bool:
    """Whether anything may have left, for all that can be known here."""
    return any(leg.status in OUTSIDE for leg in newest_legs(order, OUT))


def call_off(draft: Draft, order: MmOrder, direction: MmDirection) -> None:
    """Nobody calls the venue any more. Who just does may have been heard there: that nobody knows."""
    for leg in newest_legs(order, direction):
        if leg.status is CALLING:
            change(draft, order, leg, UNKNOWN)
        elif leg.status is INTENT and direction is OUT:
            return_leg(draft, order, leg)
        elif leg.status is INTENT:
            change(draft, order, leg, REJECTED)


def recall(draft: Draft, order: MmOrder, reason: MmReason) -> dict[str, Any]:
    """The order has failed: what has not left comes home; is that not all, people must find out."""
    if order.location is MmLocation.ESCROW:
        return {}
    call_off(draft, order, OUT)
    # What people have found at the venue is there, though it was told late that it was rejected.
    if order.location is MmLocation.TRANSIT and not is_out(order):
        bring_home(draft, order, f"mmi:{order.id}:{OUT.value}")
        return HOME
    open_case(draft, order, reason)
    return {"external_submitted": True, "reconcile_required": True, "venue_due_at": None}


# Cases


def open_case(draft: Draft, order: MmOrder, reason: MmReason) -> None:
    legs = tuple(newest_legs(order, BACK) or newest_legs(order, OUT))
    put_case(draft, order, MmCase(len(order.cases) + 1, reason, legs, *order.away, opened_at=draft.at))


def put_case(draft: Draft, order: MmOrder, case: MmCase) -> None:
    event = MmCaseChanged(order.id, order.owner.id, case)
    draft.state.make(draft.record(order.market.id, event), event)
