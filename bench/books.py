"""The book alone, the whole kernel, and order books from the package index, on the same wishes.

The wishes are the flow's without its replacements: place, cancel and trade, in one market. The others know
neither accounts nor money, so the bare book is what they compare with; the kernel clears everything besides.
"""

import logging
from collections.abc import Iterable
from typing import Any, Final, Protocol

# Neither of the two says what its types are.
import lightmatchingengine.lightmatchingengine as light  # type: ignore[import-untyped]
import pyorderbook  # type: ignore[import-untyped]

from bench.measure import RUNS, line, parts, rate, seconds, section, settle
from bench.workload import Flow, market, opened
from kernel.book import Book
from kernel.codes import Side
from kernel.commands import AnyCommand, CancelOrder, PlaceOrder
from kernel.exchange import Exchange
from kernel.market import Order

logging.getLogger().setLevel(logging.WARNING)  # pyorderbook has every library tell what it does

WARM_UP: Final = 20_000
MEASURED: Final = 50_000
MIX: Final = {"rest": 55, "cancel": 25, "take": 20}


class Step:
    """A wish as plain values; a quantity of 0 cancels the order of that name."""

    __slots__ = ("is_bid", "name", "price", "quantity")

    def __init__(self, name: str, is_bid: bool = False, price: int = 0, quantity: int = 0) -> None:
        self.name = name
        self.is_bid = is_bid
        self.price = price
        self.quantity = quantity


class Venue(Protocol):
    traded: int

    def place(self, step: Step) -> None: ...

    def cancel(self, step: Step) -> None: ...


class Bare:
    """The kernel's book, with the least that an order can be."""

    def __init__(self) -> None:
        self.book = Book[Any]()
        self.orders: dict[str, Order] = {}
        self.traded = 0

    def place(self, step: Step) -> None:
        order: Any = Wish(step.is_bid, step.price, step.quantity)
        while order.remaining and (maker := self.book.next_maker(order)) is not None:
            quantity = min(maker.remaining, order.remaining)
            order.remaining -= quantity
            if quantity == maker.remaining:
                self.book.side(maker).remove(maker)
            else:
                self.book.side(maker).totals[maker.book_price] -= quantity
            maker.remaining -= quantity
            self.traded += quantity
        if order.remaining:
            self.book.side(order).add(order)
            self.orders[step.name] = order

    def cancel(self, step: Step) -> None:
        order = self.orders.pop(step.name)
        self.book.side(order).remove(order)


class Wish:
    """What the book asks of an order."""

    __slots__ = ("ahead", "behind", "book_price", "is_bid", "remaining")

    def __init__(self, is_bid: bool, book_price: int, remaining: int) -> None:
        self.is_bid = is_bid
        self.book_price = book_price
        self.remaining = remaining
        self.ahead: Wish | None = None
        self.behind: Wish | None = None


class LightMatchingEngine:
    def __init__(self) -> None:
        self.engine: Any = light.LightMatchingEngine()
        self.orders: dict[str, Any] = {}
        self.traded = 0

    def place(self, step: Step) -> None:
        side = light.Side.BUY if step.is_bid else light.Side.SELL
        order, _ = self.engine.add_order("MKT", step.price, step.quantity, side)
        self.traded += order.cum_qty
        if order.leaves_qty:
            self.orders[step.name] = order

    def cancel(self, step: Step) -> None:
        self.engine.cancel_order(self.orders.pop(step.name).order_id, "MKT")


class PyOrderBook:
    def __init__(self) -> None:
        self.book = pyorderbook.Book()
        self.orders: dict[str, pyorderbook.Order] = {}
        self.traded = 0

    def place(self, step: Step) -> None:
        side = pyorderbook.Side.BID if step.is_bid else pyorderbook.Side.ASK
        order = pyorderbook.Order(side, "MKT", step.price, step.quantity)
        self.book.match(order)
        self.traded += step.quantity - order.quantity
        if order.quantity:
            self.orders[step.name] = order

    def cancel(self, step: Step) -> None:
        self.book.cancel(self.orders.pop(step.name))


def compare() -> None:
    flow = Flow(mix=MIX, markets=1)
    commands = flow.commands(WARM_UP + MEASURED)
    steps = as_steps(commands)
    venues: dict[str, Venue] = {
        "the bare book": Bare(),
        "lightmatchingengine": LightMatchingEngine(),
        "pyorderbook": PyOrderBook(),
    }
    exchange = opened()
    for venue in venues.values():
        run(venue, steps[:WARM_UP])
    for command in commands[:WARM_UP]:
        exchange.execute(command)
    settle()
    resting = sum(len(position.live) for position in exchange.markets[market(0)].positions.values())
    section(f"place, cancel and trade in one market, side by side; {resting:,} orders rest at the start")
    durations: dict[str, list[float]] = {name: [] for name in [*venues, "the whole kernel"]}
    for wishes, wished in zip(parts(steps[WARM_UP:]), parts(commands[WARM_UP:]), strict=True):
        for name, venue in venues.items():
            durations[name].append(seconds(run, venue, wishes))
        durations["the whole kernel"].append(seconds(decide, exchange, wished))
    assert len({venue.traded for venue in venues.values()}) == 1
    base = rate(MEASURED // RUNS, durations["the bare book"])
    for name, times in durations.items():
        speed = rate(MEASURED // RUNS, times)
        line(name, speed, "commands/s", f"the bare book is {base / speed:.1f} times as fast")


def as_steps(commands: Iterable[AnyCommand]) -> list[Step]:
    """The same wishes as a book takes them: in YES, and under the name of the order."""
    exchange = opened()
    steps: list[Step] = []
    for command in commands:
        match command:
            case PlaceOrder():
                terms = command.terms
                is_bid = terms.side is Side.YES
                price = terms.price if is_bid else 100 - terms.price
                steps.append(Step(command.client_order_id, is_bid, price, terms.quantity))
            case CancelOrder():
                steps.append(Step(exchange.orders[command.order_id].client_order_id))
        exchange.execute(command)
    return steps


def run(venue: Venue, steps: Iterable[Step]) -> None:
    for step in steps:
        if step.quantity:
            venue.place(step)
        else:
            venue.cancel(step)


def decide(exchange: Exchange, commands: Iterable[AnyCommand]) -> None:
    for command in commands:
        exchange.execute(command)
