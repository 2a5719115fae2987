"""What is remembered of one market, in groups; each says which modules write to it."""

from collections import deque
from enum import Enum

import attrs

from amm.brain.arithmetic import DAY_MS, Cents, Ms, Ppm, Shares, Uc
from amm.brain.commands import Action
from amm.brain.config import Config
from amm.brain.defence import Finding, Level, Reason, Stance
from amm.brain.measures import Flow, SlidingRange
from amm.brain.phases import Phase, PhaseReason
from amm.brain.policy import PairOperation
from amm.brain.pricing import Fair
from amm.brain.quote import Quote, Situation
from amm.brain.quoting.ladder import Side, Target
from amm.brain.spread import Maturity
from amm.brain.wire import MarketStatus, StopMode, Synced


class Lifecycle(Enum):
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    EMERGENCY = "EMERGENCY"
    WINDING_DOWN = "WINDING_DOWN"
    STOPPED = "STOPPED"


class Failure(Enum):
    """Why a start came to nothing, as operators see it."""

    CONFIG_INVALID = "CONFIG_INVALID"
    NO_INVENTORY = "NO_INVENTORY"
    NOT_ACTIVE = "NOT_ACTIVE"


class Cause(Enum):
    """What an emergency waits for."""

    KILLED = "KILLED"  # a person
    HALTED = "HALTED"  # a person, after the halt
    SUSPENDED = "SUSPENDED"  # the market


class Purpose(Enum):
    """Why all orders are being removed."""

    START = "START"
    PAUSE = "PAUSE"
    KILL = "KILL"
    SUSPENDED = "SUSPENDED"
    UNHALT = "UNHALT"
    RESYNC = "RESYNC"
    STOP = "STOP"
    OVER = "OVER"  # the exchange has removed them; only look
    LOOK = "LOOK"  # there is nothing to do yet, but events were lost; only look


class Stage(Enum):
    SETTLE = "SETTLE"  # wait for the answers of what is in flight
    CANCEL = "CANCEL"
    CANCELLING = "CANCELLING"
    VERIFY = "VERIFY"
    VERIFYING = "VERIFYING"
    ADOPT = "ADOPT"  # wait for the events that the answer already contains


@attrs.define
class Sweep:
    """Removing every own order of the market, and proving that none is left."""

    purpose: Purpose
    stage: Stage
    since_ms: Ms
    retry_at_ms: Ms
    attempts: int = 0
    ref: int | None = None
    dropped_ms: Ms | None = None
    answered: Synced | None = None
    deadline_ms: Ms = 0


@attrs.define
class PriceMemory:
    """What pricing remembers: the posterior, the series it samples, the ranges it watches."""

    anchor: Uc
    posterior: Uc | None = None
    recent_trades: deque[Ms] = attrs.field(factory=deque)
    window_trades: deque[Ms] = attrs.field(factory=deque)
    last_trade: int = 0  # trade ids rise: what is not above this has been learned from
    samples: deque[Uc] = attrs.field(factory=lambda: deque(maxlen=100))
    sampled_ms: Ms | None = None
    traded_since_sample: bool = False
    flow: Flow = attrs.field(factory=Flow)
    five_minutes: SlidingRange = attrs.field(factory=SlidingRange)
    jump: SlidingRange = attrs.field(factory=SlidingRange)
    stability: SlidingRange = attrs.field(factory=SlidingRange)
    reference: Uc | None = None
    reference_ms: Ms | None = None
    gap_only: Side | None = None
    gap_until_ms: Ms = 0
    fair_override: Uc | None = None
    sigma_override: Uc | None = None
    """Both replace what would be worked out, for tests and for the laboratory's static maker."""


@attrs.define
class PhaseMemory:
    phase: Phase = Phase.EXPLORATION
    reason: PhaseReason | None = None
    since_ms: Ms = 0
    volume: int = 0
    rollback_ms: Ms | None = None


@attrs.define
class DayBook:
    """The day's account, from 00:00 UTC."""

    day: int = -1
    start_equity: Cents = 0
    flows: Cents = 0
    fills: int = 0
    warned: bool = False

    def pnl(self, equity: Cents) -> Cents:
        return equity - self.start_equity - self.flows

    def begin(self, now_ms: Ms, equity: Cents) -> None:
        self.day, self.start_equity = now_ms // DAY_MS, equity
        self.flows, self.fills, self.warned = 0, 0, False


@attrs.define
class Health:
    """How the exchange and the line to it have been."""

    outcomes: deque[tuple[Ms, bool]] = attrs.field(factory=deque)  # time, and whether it was an error
    latencies: deque[tuple[Ms, Ms]] = attrs.field(factory=lambda: deque(maxlen=20))
    heard_ms: Ms = 0
    connected: bool = True
    limited_until_ms: Ms = 0
    limit_answers: deque[Ms] = attrs.field(factory=lambda: deque(maxlen=3))
    fewer_levels_until_ms: Ms = 0
    half_window_until_ms: Ms = 0


@attrs.define
class Risk:
    """What defences remember."""

    stance: Stance = attrs.field(factory=Stance)
    latched: set[Reason] = attrs.field(factory=set)
    killed: bool = False
    overridden: set[Reason] = attrs.field(factory=set)
    resyncing: bool = False
    extreme_stopped: bool = False
    jump_until_ms: Ms = 0
    findings: list[Finding] = attrs.field(factory=list)

    @property
    def level(self) -> Level:
        """Return the level in force. A resync pauses at once and, unlike the rest, without a cool-down."""
        if self.killed:
            return Level.KILL_SWITCH
        return max(self.stance.level, Level.AMM_PAUSE) if self.resyncing else self.stance.level


@attrs.define
class GroupMemory:
    """What the exchange knows of our order group. Written by `group`."""

    ref: int | None = None
    """The command for it that is under way."""
    asked: tuple[Shares, Ms] | None = None
    standing: tuple[Shares, Ms] | None = None
    reset_wanted: bool = False
    retry_at_ms: Ms = 0


@attrs.define
class RunningOperation:
    """A mint or burn between its command and the sync that confirms it."""

    operation: PairOperation
    key: str
    ref: int
    sync_ref: int
    retry_at_ms: Ms | None = None
    attempts: int = 1
    executed: bool = False


@attrs.define
class PendingSync:
    """A reconciliation: asked for, or answered and waiting for the stream to catch up."""

    ref: int
    after_operation: bool = False
    answered: Synced | None = None
    deadline_ms: Ms = 0


@attrs.define
class Stopping:
    mode: StopMode
    burn: bool
    deadline_ms: Ms


@attrs.frozen
class Decision:
    """The result of one cycle, with the values on the way: for the log, the metrics and `/state`."""

    at_ms: Ms
    fair: Fair
    sigma: Uc
    gamma: Ppm
    tau: Ppm
    q: Ppm
    adjustment: Uc
    reservation: Uc
    half_spread: Uc
    ask_half: Uc
    bid_half: Uc
    vpin: Ppm
    maturity: Maturity
    in_event: bool
    level: Level
    phase: Phase
    equity: Cents
    day_pnl: Cents
    targets: dict[Side, list[Target]]
    whole_side: Shares
    """What a side would add up to if no lack of shares, no skew and no maturity cut it."""


@attrs.frozen
class Thought:
    """The last quote that was worked out, and what it was worked out from."""

    config: Config
    situation: Situation
    wish: Quote
    targets: dict[Side, list[Target]]


@attrs.define
class Quoted:
    """The circumstances of the last look at the quotes: a change of any is a reason to look again."""

    fair: Uc
    at_ms: Ms
    circumstances: tuple[object, ...]


@attrs.define
class LifeMemory:
    """Where this market is between start and end. Written by `lifecycle`; the sweep also by `sweep`."""

    status: MarketStatus
    status_ms: Ms
    lifecycle: Lifecycle = Lifecycle.STARTING
    failure: Failure | None = None
    cause: Cause | None = None
    cancel_first: bool = False
    swept: bool = False  # the start's sweep is done
    sweep: Sweep | None = None
    stopping: Stopping | None = None
    cautious_until_ms: Ms = 0  # exploration's spread after a resume
    cancel_only_until_ms: Ms = 0  # no order is tried before: the last one was refused for the market's mode


@attrs.define
class PairsMemory:
    """Minting and burning. Written by `operations`; what is set aside also by `strategy`, which chooses."""

    operation: RunningOperation | None = None
    operated_ms: Ms | None = None
    no_mints: bool = False
    set_aside: int = 0  # pairs that are to be burned and must come free of orders


@attrs.define
class Reconciliation:
    """What the exchange says we have, compared with what we believe.

    Written by `operations`, which asks and compares, and by `sweep`, which adopts; others note what calls for
    a comparison, and `polled` what the book shows.
    """

    synced_ms: Ms
    sync: PendingSync | None = None
    sync_wanted: bool = False
    sync_after_ms: Ms = 0  # not before: the last one was refused
    delivered_seq: int = 0  # every event up to this journal id has been seen
    cash_doubt: Cents = 0  # by how much the ledger's last word on our cash exceeded ours
    refund_awaited: bool = False  # a void market was paid out: how much was ours, only the ledger tells
    drifted: dict[str, int] = attrs.field(factory=dict)
    """By how much the exchange's values exceeded ours in the last look that found a difference."""
    blocked: set[Side] = attrs.field(factory=set)  # no quoting there until a sync
    unasked: dict[str, Ms] = attrs.field(factory=dict)  # own orders that somebody else cancelled, and when
    missing_ms: Ms | None = None  # since when the public book has shown less than our orders alone
    missed_ms: Ms | None = None  # when that was last a reason to compare


@attrs.frozen
class Collar:
    """The band, in YES cents, in which the exchange lets us quote for now."""

    lowest: Cents
    highest: Cents
    until_ms: Ms

    def admits(self, side: Side, yes_price: Cents) -> bool:
        """Only what gives more away than the band does is refused: a far quote may rest."""
        return yes_price >= self.lowest if side is Side.ASK else yes_price <= self.highest


@attrs.define
class CycleMemory:
    """The quote cycle: the last one's results, and when the next is due.

    Written by `strategy`, `cycle` and `execution`, the collar by `answers`. Whoever has a reason to look
    again sets `wake`, or `refresh` if the resting orders have to be looked at as well.
    """

    decision: Decision | None = None
    thought: Thought | None = None
    quoted: Quoted | None = None
    refresh: bool = True
    collar: Collar | None = None
    awaited_holds: set[Side] = attrs.field(factory=set)  # sides whose hold will end
    spreads: dict[Phase, Uc] = attrs.field(factory=dict)
    gamma: Ppm | None = None
    glided_ms: Ms | None = None
    last_ms: Ms | None = None
    beat: int | None = None  # cycles fall on this, modulo the quote interval
    wake: bool = True


@attrs.define
class Outbox:
    """What this call asks its caller to do, and the numbers that the next command gets."""

    actions: list[Action] = attrs.field(factory=list)
    next_ref: int = 1
    next_client: int = 1
