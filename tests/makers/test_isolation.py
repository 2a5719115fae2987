"""Orders of three owners at the same prices of one market, their cycles run by the strategy that workers run.

Everything is decided by the kernel, one after the other: no network, no tasks, and an hour in a second.
HYPOTHESIS_PROFILE=thorough runs a hundred thousand cycles.
"""

import itertools
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import msgspec

from adapters.wire.render_leases import lease as rendered
from kernel.answers import Outcome, Refusal
from kernel.codes import Direction, Side, TimeInForce
from kernel.commands import (
    ActivateMarket,
    AnyCommand,
    BurnShares,
    CancelOrder,
    CreateMarket,
    Deposit,
    MarketTerms,
    OpenAccount,
    OpenJournal,
    OrderTerms,
    PlaceOrder,
    ReplaceOrder,
)
from kernel.events import Fill, OrderCancelled
from kernel.exchange import Exchange
from kernel.making_answers import MmLease, MmLeases, MmOrderIs
from kernel.making_commands import (
    AcquireMmLeases,
    ControlMmOrder,
    CreateMmOrder,
    MmCounts,
    MmTerms,
    PayMmOrder,
    PriceSource,
    ReleaseMmLease,
)
from kernel.making_edges import MmAsset, MmControl, MmOutcome, MmState
from makers.cycle.commands import Burn, Cancel, Command, Place, Replace
from makers.cycle.cycle import Cycle
from makers.cycle.lease import Lease
from makers.lab.venue import terms_of

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
CYCLES = 100_000 if THOROUGH else 600
AT = 1_795_168_800_000_000
OWNERS = ("ann", "ben", "cat")
OTHERS = ("dan", "eve")
CASH = 4_000_000
FUNDS = 10_000_000
RESTING_MAX = 84
"""Exchange orders of an escrow that the exchange has in memory at most, however long it is quoted for."""


@attrs.define(eq=False)
class Floor:
    """One market, six orders, and others who trade at random."""

    chance: random.Random = attrs.field(factory=lambda: random.Random(11))
    exchange: Exchange = attrs.field(factory=Exchange)
    at: int = AT
    orders: dict[str, str] = attrs.field(factory=dict)
    """Owners of market-making orders, by id."""
    facts: list[Any] = attrs.field(factory=list)
    """Of the newest command."""
    skipped: Counter[int] = attrs.field(factory=Counter)
    cycles: int = 0
    number: Callable[[], int] = attrs.field(factory=lambda: itertools.count(1).__next__)

    def do(self, command: AnyCommand) -> Outcome:
        outcome = self.exchange.execute(command)
        self.facts = [fact.event for fact in outcome.facts]
        return outcome

    def must(self, command: AnyCommand) -> Any:
        answer = self.do(command).answer
        assert not isinstance(answer, Refusal), answer
        return answer

    def open(self) -> None:
        self.must(OpenJournal(at=AT))
        for user_id in (*OWNERS, *OTHERS):
            self.must(OpenAccount(at=AT, user_id=user_id))
            self.must(Deposit(at=AT, user_id=user_id, amount=FUNDS))
        terms = MarketTerms(title="?", max_open_orders=10_000, max_position_per_user=10_000_000)
        self.must(CreateMarket(at=AT, market_id="M", terms=terms, by="root"))
        self.must(ActivateMarket(at=AT, market_id="M", by="root"))
        for source in (PriceSource.MID, PriceSource.LAST):
            for owner in OWNERS:
                self.begin(owner, source)

    def begin(self, owner: str, source: PriceSource) -> None:
        terms = MmTerms(
            refresh_interval_ms=10_000,
            bid_half_spread_cents=1,
            ask_half_spread_cents=1,
            levels=2,
            price_source=source,
            max_loss_cents=CASH,
            max_position_per_side=500,
        )
        made = self.must(
            CreateMmOrder(
                at=self.at,
                user_id=owner,
                market_id="M",
                terms=terms,
                required_cash_cents=CASH,
                nonce=self.number(),
            )
        )
        assert isinstance(made, MmOrderIs)
        order_id = made.order.order_id
        self.orders[order_id] = owner
        self.must(
            PayMmOrder(
                at=self.at, user_id=owner, order_id=order_id, asset=MmAsset.CASH, amount=CASH, key="all"
            )
        )

    def trade(self) -> None:
        """Somebody takes a little, and somebody else quotes a little, around a price that wanders."""
        taker, maker = self.chance.sample(OTHERS, 2)
        price = 50 + self.chance.randint(-6, 6)
        for user_id, side, each, force in (
            (maker, Side.YES, price - 1, TimeInForce.GTC),
            (maker, Side.NO, 99 - price, TimeInForce.GTC),
            (taker, self.chance.choice(list(Side)), self.chance.randint(30, 65), TimeInForce.IOC),
        ):
            number, quantity = self.number(), self.chance.randint(1, 25)
            terms = OrderTerms(side, Direction.BUY, each, quantity, time_in_force=force)
            name = f"{user_id}-{number}"
            command = PlaceOrder(
                at=self.at, user_id=user_id, client_order_id=name, market_id="M", terms=terms, nonce=number
            )
            self.do(command)
            self.look()
        self.clear(maker)

    def clear(self, user_id: str) -> None:
        """So that the book stays small: what has rested longest goes."""
        position = self.exchange.markets["M"].positions.get(user_id)
        resting = list(position.live) if position is not None else []
        for order in resting[:-4]:
            self.do(CancelOrder(at=self.at, user_id=user_id, order_id=order.id))

    # Cycles

    def acquire(self) -> list[MmLease]:
        answer = self.must(
            AcquireMmLeases(
                at=self.at,
                market_id="M",
                worker_id="w",
                strategies=("quoter.1",),
                limit=32,
                nonce=self.number(),
            )
        )
        assert isinstance(answer, MmLeases)
        leases = list(answer.leases)
        self.chance.shuffle(leases)
        return leases

    def run(self, given: MmLease) -> None:
        lease = msgspec.json.decode(msgspec.json.encode(rendered(given)), type=Lease)
        cycle = Cycle(lease)
        waiting = cycle.begin()
        while waiting and not cycle.is_over:
            answers = []
            for command in waiting:
                answer = self.do(self.said(command)).answer
                self.look()
                answers.append((command, answer.code.value if isinstance(answer, Refusal) else 0))
            waiting = [one for command, code in answers for one in cycle.answered(command, code)]
        assert cycle.error is None, cycle.error
        self.skipped.update(cycle.skipped)
        self.must(
            ReleaseMmLease(
                at=self.at,
                order_id=lease.order_id,
                worker_id="w",
                fence=lease.fence,
                token=lease.token,
                outcome=MmOutcome.DONE,
                counts=MmCounts(**msgspec.to_builtins(cycle.counts)),
            )
        )
        self.cycles += 1

    def said(self, command: Command) -> AnyCommand:
        about: dict[str, Any] = {"at": self.at, "user_id": command.account, "fence": command.fence}
        match command:
            case Place():
                return PlaceOrder(
                    **about,
                    client_order_id=command.client_order_id,
                    market_id="M",
                    terms=terms_of(command),
                    nonce=self.number(),
                )
            case Replace(new_order=new):
                return ReplaceOrder(
                    **about,
                    old_order_id=command.old_order_id,
                    client_order_id=new.client_order_id,
                    market_id="M",
                    terms=terms_of(new),
                    nonce=self.number(),
                )
            case Cancel(order_id=order_id):
                return CancelOrder(**about, order_id=order_id)
            case Burn():
                return BurnShares(
                    **about,
                    market_id="M",
                    quantity=command.quantity,
                    idempotency_key=command.idempotency_key,
                    nonce=self.number(),
                )

    # What is always so

    def look(self) -> None:
        """After each command that may trade: no two accounts of one owner have met."""
        for fill in self.facts:
            if isinstance(fill, Fill):
                maker, taker = (self.owner_of(one) for one in (fill.order_id, fill.counterparty_order_id))
                assert maker != taker, "an owner has traded with himself"

    def owner_of(self, order_id: str) -> str:
        account = self.exchange.orders[order_id].account
        return self.orders[account.id[3:]] if account.id.startswith("mm:") else account.id

    def live(self) -> dict[str, list[str]]:
        """The exchange orders of each market-making order that rest."""
        positions = {order_id: self.exchange.making.orders[order_id].position for order_id in self.orders}
        return {
            order_id: [order.id for order in position.live] if position is not None else []
            for order_id, position in positions.items()
        }

    def states(self) -> Iterator[MmState]:
        return (self.exchange.making.orders[order_id].state for order_id in self.orders)


def test_orders_of_many_owners_at_the_same_prices_are_each_for_itself() -> None:
    """No owner ever trades with himself, no quote that was in the way pauses an order, and however long they
    are quoted for, the exchange remembers few of their exchange orders."""
    floor = Floor()
    floor.open()
    while floor.cycles < CYCLES:
        floor.at += 1_000_000
        floor.trade()
        for lease in floor.acquire():
            floor.trade()  # so that it decides from what is not so any more
            floor.run(lease)
            escrow = floor.exchange.making.orders[lease.order_id].escrow
            assert len(escrow.orders) <= RESTING_MAX
    assert set(floor.states()) == {MmState.RUNNING}
    assert floor.skipped[4003] > 0
    assert floor.exchange.audit() == []
    before, first = floor.live(), next(iter(floor.orders))
    assert all(before.values())
    funds = {order_id: floor.exchange.making.orders[order_id].cash for order_id in floor.orders}
    floor.must(
        ControlMmOrder(
            at=floor.at, order_id=first, control=MmControl.STOP, user_id=floor.orders[first], key="end"
        )
    )
    cancelled = [one.order_id for one in floor.facts if isinstance(one, OrderCancelled)]
    assert sorted(cancelled) == sorted(before[first])
    assert floor.live() == before | {first: []}
    assert {order_id: floor.exchange.making.orders[order_id].cash for order_id in floor.orders} == funds
