"""Terms, views and orders for tests of the strategy, and an exchange simple enough to play a plan on."""

from collections.abc import Iterable
from typing import Any

import attrs
import msgspec

from amm.brain.wire import Direction, Order, OrderStatus, Outcome
from makers.lab.order import USUAL
from makers.quoter.changes import Plan
from makers.quoter.quotes import Quote
from makers.quoter.terms import Terms
from makers.quoter.view import Book, Holding, MarketLimits, Room, View, is_bid, yes_price

FREEZE_BPS = 20


def terms(**changes: Any) -> Terms:
    return msgspec.structs.replace(USUAL, **changes)


def view(
    cash: int = 100_000,
    yes: int | tuple[int, int] = 0,
    no: int | tuple[int, int] = 0,
    *,
    bids: Iterable[tuple[int, int]] = ((48, 5),),
    asks: Iterable[tuple[int, int]] = ((53, 5),),
    orders: Iterable[Order] = (),
    room: tuple[int, int] = (25_000, 25_000),
    last: int | None = None,
    **limits: int,
) -> View:
    """What is held is free unless it is said to be `(volume, free)`; the book is that of everybody else."""
    book = {True: dict(bids), False: dict(asks)}
    for order in orders:
        levels, price = book[is_bid(order.original_side, order.original_direction)], yes_price(order)
        levels[price] = levels.get(price, 0) + order.remaining_quantity
    market = {
        "min_price_cents": 1,
        "max_price_cents": 99,
        "max_order_quantity": 10_000,
        "max_order_amount_cents": 1_000_000,
        "freeze_bps": FREEZE_BPS,
    }
    return View(
        cash_cents=cash,
        yes=Holding(*(yes if isinstance(yes, tuple) else (yes, yes))),
        no=Holding(*(no if isinstance(no, tuple) else (no, no))),
        room=Room(*room),
        orders=list(orders),
        market=MarketLimits("MKT-TEST", **{**market, **limits}),
        book=Book(sorted(book[True].items(), reverse=True), sorted(book[False].items())),
        last_trade_price_cents=last,
    )


def order(order_id: str, wish: str, filled: int = 0) -> Order:
    """An order as it rests, from `BUY YES 10 @48`; of the ten some may be filled."""
    direction, outcome, quantity, price = wish.replace("@", "").split()
    return Order(
        id=order_id,
        client_order_id=f"c-{order_id}",
        market_id="MKT-TEST",
        original_side=Outcome(outcome),
        original_direction=Direction(direction),
        original_price_cents=int(price),
        quantity=int(quantity),
        filled_quantity=filled,
        remaining_quantity=int(quantity) - filled,
        status=OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.OPEN,
    )


def written(quote: Quote) -> str:
    return f"{quote.direction.value} {quote.outcome.value} {quote.quantity} @{quote.price}"


def steps(plan: Plan) -> list[str]:
    """The plan as lines: `burn 10`, `cancel a`, `a > BUY YES 10 @48`, `BUY NO 10 @47`."""
    return [
        *([f"burn {plan.burn}"] if plan.burn else []),
        *(f"cancel {one.id}" for one in plan.cancels),
        *(
            f"{one.old.id} > {written(one.quote)}" if one.old is not None else written(one.quote)
            for one in plan.changes
        ),
    ]


@attrs.define
class Escrow:
    """An order's account in a market where nobody else moves: it refuses what the exchange would refuse."""

    before: View
    cash: int
    free: dict[Outcome, int]
    volume: dict[Outcome, int]
    orders: dict[str, Order]
    made: int = 0

    @classmethod
    def of(cls, view: View) -> "Escrow":
        return cls(
            view,
            view.cash_cents,
            {outcome: view.holding(outcome).free for outcome in Outcome},
            {outcome: view.holding(outcome).volume for outcome in Outcome},
            {one.id: one for one in view.orders},
        )

    def play(self, plan: Plan) -> None:
        """Each step as the exchange takes it, after which everything must be covered and nothing crossed."""
        for outcome in Outcome:
            self.free[outcome] -= plan.burn
            self.volume[outcome] -= plan.burn
        self.cash += 100 * plan.burn
        self._check()
        for old in plan.cancels:
            self._leave(old)
        for change in plan.changes:
            if change.old is not None:
                assert not change.old.filled_quantity
                self._leave(change.old)
            self._enter(change.quote)
            self._check()

    def _leave(self, old: Order) -> None:
        del self.orders[old.id]
        if old.original_direction is Direction.SELL:
            self.free[old.original_side] += old.remaining_quantity
        else:
            self.cash += frozen(old)

    def _enter(self, quote: Quote) -> None:
        self.made += 1
        new = order(f"new{self.made}", written(quote))
        limits = self.before.market
        assert limits.min_price_cents <= new.original_price_cents <= limits.max_price_cents
        assert limits.min_price_cents <= 100 - new.original_price_cents <= limits.max_price_cents
        assert 1 <= new.quantity <= limits.max_order_quantity
        assert new.quantity * new.original_price_cents <= limits.max_order_amount_cents
        for other in self.orders.values():
            assert not meets(new, other), f"{new} meets {other}"
        self.orders[new.id] = new
        if quote.direction is Direction.SELL:
            self.free[quote.outcome] -= quote.quantity
        else:
            self.cash -= frozen(new)

    def _check(self) -> None:
        assert self.cash >= 0
        assert min(self.free.values()) >= 0

    def view(self) -> View:
        """What the next cycle sees, if nothing happens meanwhile."""
        room = {
            outcome: self.before.room_for(outcome)
            + self.before.holding(outcome).volume
            + bought(self.before.orders, outcome)
            - self.volume[outcome]
            - bought(self.orders.values(), outcome)
            for outcome in Outcome
        }
        foreign, market = self.before.foreign_book(), self.before.market
        return view(
            self.cash,
            (self.volume[Outcome.YES], self.free[Outcome.YES]),
            (self.volume[Outcome.NO], self.free[Outcome.NO]),
            bids=foreign.bids,
            asks=foreign.asks,
            orders=list(self.orders.values()),
            room=(room[Outcome.YES], room[Outcome.NO]),
            last=self.before.last_trade_price_cents,
            min_price_cents=market.min_price_cents,
            max_price_cents=market.max_price_cents,
            max_order_quantity=market.max_order_quantity,
            max_order_amount_cents=market.max_order_amount_cents,
        )


def bought(orders: Iterable[Order], outcome: Outcome) -> int:
    """How many shares of an outcome the orders are to buy."""
    return sum(
        one.remaining_quantity
        for one in orders
        if one.original_direction is Direction.BUY and one.original_side is outcome
    )


def frozen(one: Order) -> int:
    value = one.original_price_cents * one.remaining_quantity
    return value + -(-value * FREEZE_BPS // 10_000)


def meets(new: Order, other: Order) -> bool:
    here, there = (is_bid(one.original_side, one.original_direction) for one in (new, other))
    if here is there:
        return False
    return yes_price(new) >= yes_price(other) if here else yes_price(new) <= yes_price(other)
