"""Everything the maker remembers of one market between two decisions.

Nothing in it is a source of truth: a restart rebuilds it from the exchange.

It is data, and only `decide` writes it: `apply_input` (what the exchange and people tell), `lifecycle` and
`sweep` (start, stop, emergencies), `operations` (mints, burns, reconciliation), and `strategy` (the cycle).
Whoever else has something to say to it sends an input.
"""

from collections import Counter

import attrs

from amm.brain.arithmetic import CENT, Cents, Ms
from amm.brain.book import PublicBook
from amm.brain.commands import Alert, AlertKind, Command, Severity
from amm.brain.config import Config
from amm.brain.defence import Reason
from amm.brain.informed import InformedFlow
from amm.brain.memory import (
    CycleMemory,
    DayBook,
    GroupMemory,
    Health,
    LifeMemory,
    Outbox,
    PairsMemory,
    PhaseMemory,
    PriceMemory,
    Reconciliation,
    Risk,
)
from amm.brain.orders import OwnOrders
from amm.brain.phases import Phase
from amm.brain.quoting.inventory import Ledger
from amm.brain.wire import MarketStatus


@attrs.frozen
class MarketFacts:
    """What never changes while a market lives."""

    market_id: str
    min_price: Cents
    max_price: Cents
    max_order_quantity: int
    maker_fee_bps: int
    opened_ms: Ms  # trading_start_at, or the start of the maker where the market names none
    first_start_ms: Ms  # of the maker in this market: what it was told of the price fades from then on
    trading_end_ms: Ms | None
    end_ms: Ms | None  # the earlier of trading_end_at and resolution_date

    @property
    def lifetime_ms(self) -> Ms | None:
        return None if self.end_ms is None else self.end_ms - self.opened_ms

    def left_ms(self, now_ms: Ms) -> Ms | None:
        """Return the time left; None is no end, which is not the same as 0."""
        return None if self.end_ms is None else max(0, self.end_ms - now_ms)


@attrs.define
class MarketState:
    """One market's memory, in groups of one owner each; only what runs inside `decide` writes to it.

    What is not in a group comes with the start or is what people have said since.
    """

    facts: MarketFacts
    config: Config
    boot_id: str
    start_count: int
    prices: PriceMemory
    life: LifeMemory
    reconciliation: Reconciliation
    day: DayBook = attrs.field(factory=DayBook)
    ledger: Ledger = attrs.field(factory=Ledger)
    orders: OwnOrders = attrs.field(factory=OwnOrders)
    book: PublicBook = attrs.field(factory=PublicBook)
    phase: PhaseMemory = attrs.field(factory=PhaseMemory)
    informed: InformedFlow = attrs.field(factory=InformedFlow)
    risk: Risk = attrs.field(factory=Risk)
    group: GroupMemory = attrs.field(factory=GroupMemory)
    health: Health = attrs.field(factory=Health)
    pairs: PairsMemory = attrs.field(factory=PairsMemory)
    cycle: CycleMemory = attrs.field(factory=CycleMemory)
    outbox: Outbox = attrs.field(factory=Outbox)
    counts: Counter[str] = attrs.field(factory=Counter)
    event_times: tuple[Ms, ...] = ()
    paid_in: Cents = 0  # by people: the start's funding and what was allocated since

    @property
    def market_id(self) -> str:
        return self.facts.market_id

    @property
    def refresh_ms(self) -> Ms:
        """After how long resting orders are looked at without another reason."""
        if self.phase.phase is Phase.EXPLORATION:
            return self.config.exploration.cancel_interval_ms
        return self.config.stabilization.max_order_age_ms

    def fresh_ref(self) -> int:
        self.outbox.next_ref += 1
        return self.outbox.next_ref - 1

    def send(self, command: Command) -> None:
        self.outbox.actions.append(command)

    def alert(self, kind: AlertKind, severity: Severity, detail: str) -> None:
        self.outbox.actions.append(Alert(self.market_id, kind, severity, detail))
        self.counts[f"alert {kind.value}"] += 1


def open_market(
    facts: MarketFacts,
    config: Config,
    status: MarketStatus,
    *,
    now_ms: Ms,
    cash: Cents,
    boot_id: str,
    start_count: int = 1,
    killed: bool = False,
    allocated: Cents = 0,
    day: DayBook | None = None,
    beat: int | None = None,
) -> MarketState:
    """Begin with a market.

    `cash` is what belongs to it, with what people `allocated` since the start; `killed` is a latch that an
    earlier process left, `day` the day's account as far as it has come.
    """
    state = MarketState(
        facts=facts,
        config=config,
        boot_id=boot_id,
        start_count=start_count,
        prices=PriceMemory(anchor=config.initial_price_cents * CENT),
        life=LifeMemory(status, status_ms=now_ms),
        reconciliation=Reconciliation(synced_ms=now_ms),
        day=day or DayBook(),
        cycle=CycleMemory(beat=beat),
    )
    state.ledger.inventory.cash = cash
    state.paid_in = config.initial_funding_cents + allocated
    state.orders.fill_grace_ms = config.diff.fill_grace_ms
    state.health.heard_ms = now_ms
    state.risk.killed = killed
    if killed:
        state.risk.latched.add(Reason.ADMIN_KILL)
    return state
