"""Who makes the market: the strategy itself, and two plain makers to hold it against.

All get the same inputs and have their commands carried out, after the same delays. The plain ones requote
whole: one batch that cancels everything and places the new quote.
"""

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Generic, Protocol, TypeVar

import attrs

from amm.brain.apply_input import apply_input
from amm.brain.arithmetic import CENT, ONE, Cents, Ms, Shares, Uc, clamp, ln_ppm
from amm.brain.budget import RateBudget
from amm.brain.commands import (
    Alert,
    BatchCancel,
    ClearLatch,
    Command,
    DropConnections,
    Mint,
    Place,
    RenewToken,
    RequestSnapshot,
    SaveLatch,
)
from amm.brain.config import AMM_USER_ID, Config
from amm.brain.defence import Level
from amm.brain.inputs import Answer, Frame, HeldPrices, Input
from amm.brain.quoting.ladder import Side, Target
from amm.brain.state import MarketFacts, MarketState, open_market
from amm.brain.strategy import decide, next_call_ms
from amm.brain.wire import Event, MarketStatus, Minted, TradeExecuted
from amm.lab.scenario import START_MS, Scenario
from amm.lab.traders import TRADERS
from amm.lab.venue import MARKET, Venue, open_venue

NAIVE_HALF_SPREAD: Cents = 2
NAIVE_QUANTITY: Shares = 100
LMSR_LEVELS = 10
"""Cents on each side that are quoted at once; whoever takes them all meets the next ones a moment later."""
STATIC_SIGMA: Uc = 2 * CENT


W = TypeVar("W")
W_co = TypeVar("W_co", covariant=True)


class Maker(Protocol[W_co]):
    """Whoever makes the market, by asking for what `W_co` says."""

    @property
    def fair(self) -> Uc:
        """What it believes YES to be worth."""

    @property
    def level(self) -> Level:
        """How alarmed it is."""

    def call(self, inputs: Sequence[Input], now_ms: Ms) -> Sequence[W_co]:
        """Take the inputs; return the commands to send."""

    def due_ms(self, now_ms: Ms) -> Ms | None:
        """When it wants to be called even without inputs."""

    def notes(self) -> dict[str, int]:
        """Other counts, by name."""


@attrs.frozen
class Stage(Generic[W]):
    """A maker, the exchange that it is in, and how the one carries out what the other asks for."""

    name: str
    maker: Maker[W]
    venue: Venue
    carry_out: Callable[[W, Ms], Answer]
    q_reference: Shares
    """With so many more of one outcome than of the other its inventory counts as lopsided as it can be."""


class StrategyMaker:
    """The strategy, as it runs live. `static` holds its fair price and volatility where they began."""

    def __init__(self, scenario: Scenario, config: Config, *, static: bool) -> None:
        self.scenario, self.config, self.static = scenario, config, static
        self.alerts = 0
        self.ended: Counter[str] = Counter()
        """What earlier processes counted."""
        self.state: MarketState
        self.begin(scenario.funding - 100 * config.initial_mint, START_MS)

    def begin(self, cash: Cents, now_ms: Ms) -> None:
        """Start a process that knows only what belongs to its market."""
        scenario = self.scenario
        facts = MarketFacts(
            MARKET,
            min_price=1,
            max_price=99,
            max_order_quantity=1_000_000,
            maker_fee_bps=scenario.maker_fee_bps,
            opened_ms=scenario.opened_ms,
            first_start_ms=START_MS,
            trading_end_ms=scenario.trading_end_ms,
            end_ms=scenario.trading_end_ms,
        )
        if now_ms > START_MS:
            self.ended.update(self.state.counts)
        self.budget = RateBudget(self.config.limits, {MARKET})
        self.state = open_market(
            facts, self.config, MarketStatus.ACTIVE, now_ms=now_ms, cash=cash, boot_id=f"lab {now_ms}"
        )
        if self.static:
            apply_input(self.state, HeldPrices(self.scenario.price * CENT, STATIC_SIGMA), now_ms)

    @property
    def fair(self) -> Uc:
        decision = self.state.cycle.decision
        return self.state.prices.anchor if decision is None else decision.fair.price

    @property
    def level(self) -> Level:
        return self.state.risk.level

    def call(self, inputs: Sequence[Input], now_ms: Ms) -> list[Command]:
        commands: list[Command] = []
        for action in decide(self.state, inputs, now_ms, self.budget):
            match action:
                case Alert():
                    self.alerts += 1
                case SaveLatch() | ClearLatch():
                    pass  # no latch outlives a run
                case RequestSnapshot() | DropConnections() | RenewToken():
                    raise AssertionError(f"nothing here is ever lost or refused for good: {action}")
                case _:
                    commands.append(action)
        return commands

    def due_ms(self, now_ms: Ms) -> Ms | None:
        return next_call_ms(self.state, now_ms)

    def notes(self) -> dict[str, int]:
        return {"alerts": self.alerts, **(self.ended + self.state.counts)}


@attrs.define(eq=False)
class Plain(ABC):
    """A plain maker: it counts its shares, and replaces its whole quote after each fill."""

    yes: Shares
    no: Shares
    ref: int = 0
    minting: int | None = None
    """The ref of a mint whose answer is still to come."""
    laid: bool = False
    level: Level = Level.NORMAL

    @abstractmethod
    def quote(self) -> dict[Side, list[Target]]:
        """What it wants to offer now."""

    @abstractmethod
    def hit(self, yes_price: Cents) -> None:
        """Somebody has taken something of it at this price."""

    def call(self, inputs: Sequence[Input], now_ms: Ms) -> list[Command]:
        changed = not self.laid
        for one in inputs:
            match one:
                case Frame(events=events):
                    for event in events:
                        changed |= self._sold(event)
                case Answer(ref=ref, data=data) if ref == self.minting:
                    self.minting = None
                    if isinstance(data, Minted):
                        self.yes += data.minted_quantity
                        self.no += data.minted_quantity
                        changed = True
                case _:
                    pass
        if not changed:
            return []
        self.laid = True
        targets = self.quote()
        return [*self._top_up(targets), *self._lay(targets)]

    def _sold(self, event: Event) -> bool:
        if not isinstance(event, TradeExecuted):
            return False
        trade = event.trade
        if trade.seller.user_id == AMM_USER_ID:
            self.yes -= trade.quantity
        elif trade.buyer.user_id == AMM_USER_ID:
            self.no -= trade.quantity
        else:
            return False
        self.hit(trade.price_cents)
        return True

    def _held(self, side: Side) -> Shares:
        return self.yes if side is Side.ASK else self.no

    def _top_up(self, targets: dict[Side, list[Target]]) -> list[Command]:
        """Ask for the pairs that the quote is short of, if there is the money for them."""
        short = max(sum(one.quantity for one in targets[side]) - self._held(side) for side in Side)
        if short <= 0 or self.minting is not None:
            return []
        self.minting = self._next()
        key = f"plain_{self.minting}"
        return [Mint(ref=self.minting, market_id=MARKET, quantity=short, idempotency_key=key)]

    def _lay(self, targets: dict[Side, list[Target]]) -> list[Command]:
        """Cancel everything, then place as much of the quote as there are shares for."""
        batch: list[Command] = [BatchCancel(ref=self._next(), market_id=MARKET)]
        for side in Side:
            free = self._held(side)
            for target in targets[side]:
                quantity = min(target.quantity, free)
                if quantity > 0:
                    batch.append(self._place(side, target.price, quantity))
                    free -= quantity
        return batch

    def _place(self, side: Side, price: Cents, quantity: Shares) -> Place:
        ref = self._next()
        return Place(
            ref=ref,
            client_order_id=f"plain_{ref}",
            market_id=MARKET,
            side=side.outcome,
            price_cents=price,
            quantity=quantity,
        )

    def _next(self) -> int:
        self.ref += 1
        return self.ref

    def due_ms(self, now_ms: Ms) -> Ms | None:
        return None

    def notes(self) -> dict[str, int]:
        return {}


@attrs.define(eq=False)
class NaiveMaker(Plain):
    """A fixed spread around the last price, a fixed quantity, no idea of inventory, and no fear."""

    middle: Cents = attrs.field(kw_only=True)

    @property
    def fair(self) -> Uc:
        return self.middle * CENT

    def hit(self, yes_price: Cents) -> None:
        self.middle = yes_price

    def quote(self) -> dict[Side, list[Target]]:
        """Offer one order a side, as far from the middle as always, and within 1 to 99."""
        asked = clamp(self.middle + NAIVE_HALF_SPREAD, 2, 99)
        bid = clamp(self.middle - NAIVE_HALF_SPREAD, 1, 98)
        return {
            Side.ASK: [Target(asked, NAIVE_QUANTITY)],
            Side.BID: [Target(Side.BID.own_price(bid), NAIVE_QUANTITY)],
        }


@attrs.frozen
class Rule:
    """Hanson's market scoring rule, cut into whole cents: its price follows from the YES sold net of NO."""

    sold_at: tuple[Shares, ...]
    """At each price from 1 to 99, how many have been sold when the rule has come there."""

    @classmethod
    def of(cls, depth: Shares, start: Cents) -> "Rule":
        """Begin at a price; `depth` is the rule's b, the shares that move the odds by a factor of e."""
        return cls(tuple(depth * (log_odds(price) - log_odds(start)) // ONE for price in range(1, 100)))

    def price(self, sold: Shares) -> Uc:
        """The price after so many, straight between whole cents."""
        above = bisect_right(self.sold_at, sold)
        if above in (0, len(self.sold_at)):
            return max(1, above) * CENT
        low, high = self.sold_at[above - 1], self.sold_at[above]
        return above * CENT + (sold - low) * CENT // (high - low)

    def offers(self, sold: Shares) -> dict[Side, list[Target]]:
        """At each cent what moves the price through that cent: it always gets at least what the rule asks."""
        asks = [
            (price, self.sold_at[price - 1] - max(sold, self.sold_at[price - 2])) for price in range(2, 100)
        ]
        bids = [
            (price, min(sold, self.sold_at[price]) - self.sold_at[price - 1]) for price in range(98, 0, -1)
        ]
        return {
            Side.ASK: _nearest(Target(price, quantity) for price, quantity in asks),
            Side.BID: _nearest(Target(Side.BID.own_price(price), quantity) for price, quantity in bids),
        }


def _nearest(offers: Iterable[Target]) -> list[Target]:
    return list(islice((offer for offer in offers if offer.quantity > 0), LMSR_LEVELS))


def log_odds(price: Cents) -> int:
    """ln(p / (100 - p)), in ppm."""
    return ln_ppm(price * ONE) - ln_ppm((100 - price) * ONE)


def lmsr_depth(most_lost: Cents, start: Cents) -> Shares:
    """The b with which no more than this can be lost: the rule loses at most -b ln p, in pairs of 100 cents.

    p is the probability, at the start, of what came true; the worst case is the less likely outcome.
    """
    worst = ln_ppm(100 * ONE) - ln_ppm(min(start, 100 - start) * ONE)
    return max(1, most_lost * ONE // (100 * worst))


@attrs.define(eq=False)
class LmsrMaker(Plain):
    """Quotes what the scoring rule says, ten cents deep; it may lose as much as the strategy may."""

    rule: Rule = attrs.field(kw_only=True)

    @property
    def fair(self) -> Uc:
        return self.rule.price(self.sold)

    @property
    def sold(self) -> Shares:
        """Return the YES sold net of NO: minting keeps it as it is."""
        return self.no - self.yes

    def hit(self, yes_price: Cents) -> None:
        pass  # what was sold says it all

    def quote(self) -> dict[Side, list[Target]]:
        return self.rule.offers(self.sold)


MAKERS = ("verdict", "static", "naive", "lmsr")
"""`verdict` is the strategy, `static` the same with its price held where it began."""


def make(name: str, scenario: Scenario, config: Config) -> Maker[Command]:
    pairs = config.initial_mint
    match name:
        case "naive":
            return NaiveMaker(pairs, pairs, middle=scenario.price)
        case "lmsr":
            depth = lmsr_depth(config.defense.daily_loss_limit, scenario.price)
            return LmsrMaker(pairs, pairs, rule=Rule.of(depth, scenario.price))
        case _:
            return StrategyMaker(scenario, config, static=name == "static")


def stage(name: str, scenario: Scenario, config: Config) -> Stage[Command]:
    venue = open_venue(scenario, TRADERS)
    return Stage(name, make(name, scenario, config), venue, venue.carry_out, config.q_reference)
