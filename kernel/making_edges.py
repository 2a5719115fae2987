"""The life of a market-making order: its states, and the edges between them, as one table.

Whoever changes a state asks this table, what it does not hold does not happen, and whatever shows the life to
people (which commands are allowed, the contract, the guide) is made from it. It knows no order.
"""

import enum
from typing import Final, NamedTuple


class MmState(enum.StrEnum):
    """Where an order stands. The names are the same everywhere."""

    PAYMENT_PENDING = "payment_pending"
    PAYMENT_INCOMPLETE = "payment_incomplete"
    PAYMENT_COMPLETE = "payment_complete"
    WITHDRAWING = "withdrawing"
    WITHDRAWAL_CONFIRMED = "withdrawal_confirmed"
    DEPOSIT_CONFIRMING = "deposit_confirming"
    DEPOSIT_CONFIRMED = "deposit_confirmed"
    JOINING_CAMPAIGN = "joining_campaign"
    CAMPAIGN_JOINED = "campaign_joined"
    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    FAILED = "failed"
    REFUNDED = "refunded"
    DELETED = "deleted"


class MmActor(enum.StrEnum):
    """Who makes something happen to an order."""

    USER = "USER"
    ADMIN = "ADMIN"
    WORKER = "WORKER"
    SYSTEM = "SYSTEM"
    MARKET = "MARKET"


class MmTrigger(enum.StrEnum):
    """What leads along an edge."""

    CREATE = "create"
    PAY = "pay"
    TIMEOUT = "timeout"
    MARKET_OVER = "market over"
    VENUE = "venue"
    ADVANCE = "advance"
    JOIN = "join"
    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    WITHDRAW = "withdraw"
    SETTLED = "settled"
    FAIL = "fail"
    REFUND = "refund"
    RECONCILE = "reconcile"
    DELETE = "delete"


class MmKind(enum.StrEnum):
    """What an entry of an order's trail tells."""

    TRANSITION = "TRANSITION"
    PAYMENT = "PAYMENT"
    COMMAND = "COMMAND"
    CYCLE = "CYCLE"
    CAMPAIGN = "CAMPAIGN"
    WITHDRAWAL = "WITHDRAWAL"
    REFUND = "REFUND"
    VENUE = "VENUE"
    RECONCILE = "RECONCILE"


class MmReason(enum.StrEnum):
    """Why something happened to an order."""

    USER_REQUEST = "USER_REQUEST"
    ADMIN_REQUEST = "ADMIN_REQUEST"
    PAYMENT = "PAYMENT"
    PAYMENT_TIMEOUT = "PAYMENT_TIMEOUT"
    AUTO = "AUTO"
    MARKET_SUSPENDED = "MARKET_SUSPENDED"
    MARKET_RESUMED = "MARKET_RESUMED"
    MARKET_HALTED = "MARKET_HALTED"
    MARKET_RESOLVED = "MARKET_RESOLVED"
    MARKET_SETTLED = "MARKET_SETTLED"
    KILL_MAX_LOSS = "KILL_MAX_LOSS"
    CYCLE_ERRORS = "CYCLE_ERRORS"
    NO_WORKER = "NO_WORKER"
    CAMPAIGN_CLOSED = "CAMPAIGN_CLOSED"
    CAMPAIGN_ENDED = "CAMPAIGN_ENDED"
    FEATURE_DISABLED = "FEATURE_DISABLED"
    VENUE_REJECTED = "VENUE_REJECTED"
    VENUE_PARTIAL = "VENUE_PARTIAL"
    VENUE_TIMEOUT = "VENUE_TIMEOUT"
    WITHDRAWN = "WITHDRAWN"
    REFUND = "REFUND"
    RECOVERED_TO_ESCROW = "RECOVERED_TO_ESCROW"
    CONFIRMED_AT_VENUE = "CONFIRMED_AT_VENUE"
    WRITTEN_OFF = "WRITTEN_OFF"


class MmControl(enum.StrEnum):
    """What an owner or an administrator may tell an order to do."""

    START = "START"
    PAUSE = "PAUSE"
    RESUME = "RESUME"
    STOP = "STOP"
    DELETE = "DELETE"
    FAIL = "FAIL"
    REFUND = "REFUND"


class MmAsset(enum.StrEnum):
    """What an order is paid with: a leg each."""

    CASH = "CASH"
    YES = "YES"
    NO = "NO"


class MmLocation(enum.StrEnum):
    """Where an order's money is."""

    ESCROW = "escrow"
    TRANSIT = "transit"
    VENUE = "venue"


class MmDirection(enum.StrEnum):
    """Whether money goes to a venue elsewhere, or comes back."""

    OUT = "OUT"
    BACK = "BACK"


class MmStep(enum.StrEnum):
    """What a worker tells of money on its way: before each call of a venue, and after it."""

    BEGIN = "BEGIN"
    CALL = "CALL"
    ACCEPTED = "ACCEPTED"
    RETRY = "RETRY"
    REJECTED = "REJECTED"
    UNKNOWN = "UNKNOWN"
    CONFIRMED = "CONFIRMED"
    CREDITED = "CREDITED"
    DRAINED = "DRAINED"


class MmLegStatus(enum.StrEnum):
    """How far one asset has come on its way."""

    INTENT = "INTENT"
    CALLING = "CALLING"
    UNKNOWN = "UNKNOWN"
    SUBMITTED = "SUBMITTED"
    CONFIRMED = "CONFIRMED"
    CREDITED = "CREDITED"
    REJECTED = "REJECTED"


class MmVenueTask(enum.StrEnum):
    """What an order waits for at its venue."""

    OUT = "OUT"
    DRAIN = "DRAIN"
    BACK = "BACK"
    WATCH = "WATCH"


class MmCaseOutcome(enum.StrEnum):
    """What became of money that nobody could tell the whereabouts of."""

    RECOVERED_TO_ESCROW = "RECOVERED_TO_ESCROW"
    CONFIRMED_AT_VENUE = "CONFIRMED_AT_VENUE"
    WRITTEN_OFF = "WRITTEN_OFF"


class MmOutcome(enum.StrEnum):
    """How a cycle ended. A worker says one of the first three; the last two are the exchange's own."""

    DONE = "DONE"
    UNCHANGED = "UNCHANGED"
    ERROR = "ERROR"
    INTERRUPTED = "INTERRUPTED"
    ABANDONED = "ABANDONED"


class MmEdge(NamedTuple):
    """One step that an order can take. Several rows with one number differ in what leads along it."""

    number: int
    start: MmState | None
    end: MmState
    trigger: MmTrigger
    actors: frozenset[MmActor]
    guard: str = ""


PAYMENT_PENDING, PAYMENT_INCOMPLETE = MmState.PAYMENT_PENDING, MmState.PAYMENT_INCOMPLETE
PAYMENT_COMPLETE, WITHDRAWING = MmState.PAYMENT_COMPLETE, MmState.WITHDRAWING
WITHDRAWAL_CONFIRMED, DEPOSIT_CONFIRMING = MmState.WITHDRAWAL_CONFIRMED, MmState.DEPOSIT_CONFIRMING
DEPOSIT_CONFIRMED, JOINING_CAMPAIGN = MmState.DEPOSIT_CONFIRMED, MmState.JOINING_CAMPAIGN
CAMPAIGN_JOINED, CREATED, RUNNING, PAUSED = (
    MmState.CAMPAIGN_JOINED,
    MmState.CREATED,
    MmState.RUNNING,
    MmState.PAUSED,
)
STOPPED, FAILED, REFUNDED, DELETED = MmState.STOPPED, MmState.FAILED, MmState.REFUNDED, MmState.DELETED


def by(*actors: MmActor) -> frozenset[MmActor]:
    return frozenset(actors)


USER, ADMIN, WORKER, SYSTEM, MARKET = MmActor
OWNER_OR_ADMIN: Final = by(USER, ADMIN)

PAYING: Final = (PAYMENT_PENDING, PAYMENT_INCOMPLETE)
"""What is required has not been paid in full."""
UNDER_WAY: Final = (
    *(WITHDRAWING, WITHDRAWAL_CONFIRMED, DEPOSIT_CONFIRMING, DEPOSIT_CONFIRMED),
    *(JOINING_CAMPAIGN, CAMPAIGN_JOINED),
)
"""Paid, and on the way to being ready: a stop is remembered until then."""
READY: Final = (CREATED, RUNNING, PAUSED)
ACTIVE: Final = (*PAYING, PAYMENT_COMPLETE, *UNDER_WAY, *READY)
"""What counts against limits: everything before an end of any kind."""
FINAL: Final = (REFUNDED, DELETED)

EDGES: Final = (
    MmEdge(1, None, PAYMENT_PENDING, MmTrigger.CREATE, by(USER), "the request is valid"),
    MmEdge(2, PAYMENT_PENDING, PAYMENT_INCOMPLETE, MmTrigger.PAY, by(USER), "some leg still open"),
    MmEdge(3, PAYMENT_PENDING, PAYMENT_COMPLETE, MmTrigger.PAY, by(USER), "all legs closed by one payment"),
    MmEdge(4, PAYMENT_INCOMPLETE, PAYMENT_COMPLETE, MmTrigger.PAY, by(USER), "all legs closed"),
    *(
        MmEdge(number, start, FAILED, trigger, actors, "the refund follows")
        for number, start in ((5, PAYMENT_PENDING), (6, PAYMENT_INCOMPLETE))
        for trigger, actors in (
            (MmTrigger.TIMEOUT, by(SYSTEM)),
            (MmTrigger.STOP, OWNER_OR_ADMIN),
            (MmTrigger.MARKET_OVER, by(MARKET)),
        )
    ),
    MmEdge(7, PAYMENT_COMPLETE, WITHDRAWING, MmTrigger.VENUE, by(WORKER), "external venue, feature on"),
    MmEdge(8, PAYMENT_COMPLETE, JOINING_CAMPAIGN, MmTrigger.ADVANCE, by(SYSTEM), "internal, with a campaign"),
    MmEdge(9, PAYMENT_COMPLETE, CREATED, MmTrigger.ADVANCE, by(SYSTEM), "internal, without a campaign"),
    MmEdge(10, WITHDRAWING, WITHDRAWAL_CONFIRMED, MmTrigger.VENUE, by(WORKER), "every leg confirmed"),
    MmEdge(11, WITHDRAWAL_CONFIRMED, DEPOSIT_CONFIRMING, MmTrigger.ADVANCE, by(SYSTEM)),
    MmEdge(12, DEPOSIT_CONFIRMING, DEPOSIT_CONFIRMED, MmTrigger.VENUE, by(WORKER), "venue shows every leg"),
    MmEdge(13, DEPOSIT_CONFIRMED, JOINING_CAMPAIGN, MmTrigger.ADVANCE, by(SYSTEM), "with a campaign"),
    MmEdge(14, DEPOSIT_CONFIRMED, CREATED, MmTrigger.ADVANCE, by(SYSTEM), "without a campaign"),
    MmEdge(15, JOINING_CAMPAIGN, CAMPAIGN_JOINED, MmTrigger.JOIN, by(SYSTEM), "participation exists"),
    MmEdge(16, JOINING_CAMPAIGN, CREATED, MmTrigger.JOIN, by(SYSTEM), "not joinable, and not required"),
    MmEdge(17, CAMPAIGN_JOINED, CREATED, MmTrigger.ADVANCE, by(SYSTEM)),
    MmEdge(18, CREATED, RUNNING, MmTrigger.START, by(SYSTEM, USER, ADMIN), "market trading"),
    MmEdge(19, RUNNING, PAUSED, MmTrigger.PAUSE, by(USER, ADMIN, SYSTEM, MARKET)),
    MmEdge(
        20,
        PAUSED,
        RUNNING,
        MmTrigger.RESUME,
        by(USER, ADMIN, SYSTEM),
        "market trading, drained; held by an administrator: by one; by itself: after MARKET_SUSPENDED",
    ),
    MmEdge(21, RUNNING, STOPPED, MmTrigger.STOP, by(USER, ADMIN, MARKET, SYSTEM)),
    MmEdge(22, PAUSED, STOPPED, MmTrigger.STOP, by(USER, ADMIN, MARKET)),
    MmEdge(23, CREATED, STOPPED, MmTrigger.STOP, by(USER, ADMIN, MARKET, SYSTEM), "by itself: remembered"),
    MmEdge(24, STOPPED, REFUNDED, MmTrigger.WITHDRAW, OWNER_OR_ADMIN, "drained, the escrow empty after it"),
    MmEdge(24, STOPPED, REFUNDED, MmTrigger.SETTLED, by(SYSTEM), "the market is settled"),
    *(
        MmEdge(25, start, FAILED, MmTrigger.FAIL, by(SYSTEM, ADMIN, MARKET))
        for start in (PAYMENT_COMPLETE, *UNDER_WAY, *READY)
    ),
    MmEdge(25, PAYMENT_COMPLETE, FAILED, MmTrigger.STOP, OWNER_OR_ADMIN, "the refund follows"),
    MmEdge(26, FAILED, REFUNDED, MmTrigger.REFUND, by(SYSTEM, ADMIN), "safe to refund"),
    MmEdge(27, FAILED, STOPPED, MmTrigger.RECONCILE, by(ADMIN), "recovered to the escrow, with evidence"),
    MmEdge(28, FAILED, DEPOSIT_CONFIRMED, MmTrigger.RECONCILE, by(ADMIN), "confirmed at the venue, evidence"),
    MmEdge(29, REFUNDED, DELETED, MmTrigger.DELETE, OWNER_OR_ADMIN),
    MmEdge(30, FAILED, DELETED, MmTrigger.DELETE, OWNER_OR_ADMIN, "nothing in escrow or clearing, no case"),
    MmEdge(31, PAYMENT_PENDING, DELETED, MmTrigger.DELETE, by(USER), "nothing received"),
)
"""Every step there is. What is not here is forbidden."""

AROUND: Final[dict[tuple[MmState | None, MmTrigger, MmActor], tuple[MmState, ...]]] = {}
"""Where a trigger by somebody may lead from a state."""
for _edge in EDGES:
    for _actor in _edge.actors:
        _key = _edge.start, _edge.trigger, _actor
        AROUND[_key] = (*AROUND.get(_key, ()), _edge.end)


def ends(start: MmState | None, trigger: MmTrigger, actor: MmActor) -> tuple[MmState, ...]:
    """The states that this may lead to; none if it is forbidden."""
    return AROUND.get((start, trigger, actor), ())


def is_edge(start: MmState | None, end: MmState) -> bool:
    """Whether any trigger leads from the one to the other."""
    return any(edge.start is start and edge.end is end for edge in EDGES)
