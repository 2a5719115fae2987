"""Where one leg of an order's money is on its way, and what a worker does next. It decides; it asks nobody.

A call is made only by whoever has claimed it, once that claim is in the exchange's journal. Whatever cannot
be known of a call afterwards is found out by queries under the same key, or not at all: no leg is called
again unless the venue vouches that nothing was sent.
"""

from enum import Enum

import msgspec

from makers.venues.venue import Answer, Asset, Word


class Direction(Enum):
    OUT = "OUT"
    BACK = "BACK"


class Status(Enum):
    INTENT = "INTENT"
    CALLING = "CALLING"
    SUBMITTED = "SUBMITTED"
    UNKNOWN = "UNKNOWN"
    CONFIRMED = "CONFIRMED"
    CREDITED = "CREDITED"
    REJECTED = "REJECTED"


class Step(Enum):
    """What the exchange is told, and journals."""

    BEGIN = "BEGIN"
    CALL = "CALL"
    ACCEPTED = "ACCEPTED"
    RETRY = "RETRY"
    REJECTED = "REJECTED"
    UNKNOWN = "UNKNOWN"
    CONFIRMED = "CONFIRMED"
    CREDITED = "CREDITED"
    DRAINED = "DRAINED"


class Task(Enum):
    """What the exchange says is to be done about an order."""

    OUT = "OUT"
    DRAIN = "DRAIN"
    """Nothing of it is to rest at the venue any more."""
    BACK = "BACK"
    WATCH = "WATCH"
    """An administrator looks into it: whatever is learned helps, and moves nothing."""


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    direction: Direction
    leg: Asset
    attempt: int
    request_key: str
    amount: int
    status: Status
    claimed_by: str | None = None


class Next(Enum):
    CALL = "claim it, and call the venue"
    QUERY = "ask the venue what became of it"
    LOOK = "look how much has arrived"
    NOTHING = "somebody else is at it, or it is over"


NEXT = {
    Status.INTENT: Next.CALL,
    # Whoever claimed it is at it. If that one is dead, the exchange makes it UNKNOWN when the claim is over.
    Status.CALLING: Next.NOTHING,
    Status.UNKNOWN: Next.QUERY,
    Status.SUBMITTED: Next.QUERY,
    Status.CONFIRMED: Next.LOOK,
    Status.CREDITED: Next.NOTHING,
    Status.REJECTED: Next.NOTHING,
}

AFTER_CALL = {
    Word.ACCEPTED: Step.ACCEPTED,
    Word.CONFIRMED: Step.ACCEPTED,
    Word.NOT_SENT: Step.RETRY,
    Word.REJECTED: Step.REJECTED,
    Word.UNCLEAR: Step.UNKNOWN,
}

AFTER_QUERY = {
    (Status.UNKNOWN, Word.ACCEPTED): Step.ACCEPTED,
    (Status.UNKNOWN, Word.CONFIRMED): Step.ACCEPTED,
    (Status.UNKNOWN, Word.REJECTED): Step.REJECTED,
    (Status.SUBMITTED, Word.CONFIRMED): Step.CONFIRMED,
}
"""Any other answer is one to wait on. A venue that does not know of a transfer may yet carry it out."""


def next_of(leg: Leg, task: Task) -> Next:
    following = NEXT[leg.status]
    return Next.NOTHING if task is Task.WATCH and following is Next.CALL else following


def after_query(leg: Leg, answer: Answer) -> Step | None:
    return AFTER_QUERY.get((leg.status, answer.word))


def has_arrived(leg: Leg, amount: int, task: Task) -> bool:
    """Whether to report it. More may be on its way to the venue, until somebody has given up waiting for it.

    What comes back comes in one piece.
    """
    waits_for_all = leg.direction is Direction.OUT and task is not Task.WATCH
    return amount >= leg.amount if waits_for_all else amount > 0
