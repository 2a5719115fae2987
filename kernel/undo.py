"""Taking back: how things stood before a step changed them, so that all of it can be undone.

Before a thing changes it is kept: the values of all its attributes, by whatever names they go, and with them
the parts that it is made of. Nothing here knows what the values mean, so an attribute that is added one day
is put back like the others. What only grows (who has an account, which orders there ever were) is far too
much to keep, and is cut back instead.
"""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from operator import attrgetter
from typing import Any, Final, NamedTuple

from kernel.book import Book, HalfBook
from kernel.brakes import Group
from kernel.expiries import Expiries
from kernel.market import Account, Holding, Keeper, Market, Order, Position
from kernel.state import State

GROWING: Final[dict[type[Any], tuple[str, ...]]] = {
    State: (
        *("accounts", "traders", "sub_accounts", "open_orders", "markets", "orders", "guards", "proposals"),
        *("mints", "burns", "transfers", "making"),
    ),
    Account: ("orders", "positions"),
    Market: ("positions", "holders", "owners", "traders", "expiries", "keeper", "desk"),
}
"""What is not kept but cut back to what it was, by hand, or is nothing that trading changes."""
WHOLES: Final = (State, Account, Market, Position, Order, Group)
"""What others lead to, and is kept when it is about to change; all else is a part of what leads to it."""


FLAT: Final = (Order, Holding)
"""Nothing of theirs is a list or a part: what they lead to is kept by itself. They are kept most often."""


class Plan(NamedTuple):
    """How a kind of things is read."""

    names: tuple[str, ...]
    read: Callable[[Any], tuple[Any, ...]]
    is_flat: bool


def names_of(kind: type[Any]) -> tuple[str, ...]:
    """The attributes of such a thing that are kept."""
    if kind is Book:
        return "bids", "asks"  # those who rest are put back one by one: there may be any number of them
    if kind is HalfBook:
        return "mask", "best", "first", "last", "totals"
    grown = GROWING.get(kind, ())
    return tuple(field.name for field in fields(kind) if field.name not in grown)


def plan_of(kind: type[Any]) -> Plan | None:
    """None for what never changes: a number, a text, a name, a fact."""
    if not (is_dataclass(kind) or kind in (Book, HalfBook)):
        return None
    names = names_of(kind)
    (name, *others) = names
    # Of a single attribute a getter gives the value itself.
    read = attrgetter(*names) if others else lambda thing: (getattr(thing, name),)
    return Plan(names, read, kind in FLAT)


PLANS: Final[dict[type[Any], Plan | None]] = {kind: plan_of(kind) for kind in WHOLES}
"""By kind; those of parts, and of what is none, as they are met."""


class Undo(Keeper):
    """One step of one market, as long as it may still be undone."""

    def __init__(self, state: State, market: Market, account: Account | None) -> None:
        self.state = state
        self.market = market
        self.orders = len(state.orders)
        self.positions = len(market.positions)
        self.kept: dict[Any, tuple[tuple[str, ...], tuple[Any, ...]]] = {}
        """By thing, as it was: the names of its attributes, and their values."""
        self.expiries: list[tuple[Expiries[Order], int, list[tuple[int, int, Order]]]] = []
        """Who ends when, as it was; empty as long as nobody came who ends by itself."""
        self.remember(state, State)
        for thing in (market, state.reserve_account, state.fee_account, account, state.closed.last):
            self.remember(thing)
        if account is not None:
            self.remember(market.positions.get(account.id))
        market.keeper = self

    def remember(self, thing: Any, kind: type[Any] | None = None) -> None:
        """Keep a thing as it is now, with its parts, unless it is kept already, or is none."""
        if thing is None or thing in self.kept:
            return
        plan = PLANS[kind or type(thing)]
        assert plan is not None
        values = plan.read(thing)
        self.kept[thing] = plan.names, values if plan.is_flat else tuple(map(self._copied, values))

    def _copied(self, value: Any) -> Any:
        """What a value was, whatever becomes of it; a part is kept like the thing that it is of."""
        kind = type(value)
        if kind is list or kind is dict or kind is set:
            return value.copy()
        if kind not in PLANS:
            PLANS[kind] = plan_of(kind)
        if PLANS[kind] is not None and kind not in WHOLES:
            self.remember(value)
        return value

    def keep(self, order: Order) -> None:
        """An order is about to change, or to join or leave its queue: those beside it there change, too."""
        half = self.market.book.side(order)
        for thing in (order, order.ahead, order.behind, half.last[order.book_price], order.position):
            self.remember(thing)
        self.remember(order.account)

    def keep_expiries(self) -> None:
        if not self.expiries:
            both = self.market.expiries, self.state.expiries
            self.expiries = [(each, each.room, each.entries.copy()) for each in both]

    def keep_group(self, group: Group) -> None:
        self.remember(group)

    def end(self) -> None:
        """It stands: nothing of it will be undone."""
        self.market.keeper = None

    def put_back(self) -> None:
        """Make everything as it was."""
        self.end()
        market = self.market
        self._forget_orders()
        for expiries, room, entries in self.expiries:
            expiries.room = room
            expiries.entries = entries
        while len(market.positions) > self.positions:
            self._forget(market.positions.popitem()[1])
        for thing, (names, values) in self.kept.items():
            for name, value in zip(names, values, strict=True):
                setattr(thing, name, value)
        for thing in self.kept:
            if type(thing) is Position and not thing.has_traded:
                self._forget_trader(thing.account.owner_id)
        self._call_back()

    def _forget_orders(self) -> None:
        """Those that came to be in this step."""
        state, market = self.state, self.market
        while len(state.orders) > self.orders:
            _, order = state.orders.popitem()
            del order.account.orders[order.client_order_id]
            market.book.live.pop(order, None)

    def _forget(self, position: Position) -> None:
        """It came to be in this step."""
        market, account = self.market, position.account
        del account.positions[market.id]
        market.holders.remove(account.id)
        owned = market.owners[account.owner_id]
        owned.remove(position)
        if not owned:
            del market.owners[account.owner_id]
        self._forget_trader(account.owner_id)

    def _call_back(self) -> None:
        """Whoever left the book is in it again, at its place by acceptance."""
        book = self.market.book
        gone = [
            thing
            for thing in self.kept
            if type(thing) is Order
            and thing.is_live
            and thing not in book.live
            and thing.id in self.state.orders
        ]
        if not gone:
            return
        live, oldest = book.live, min(order.accepted_seq for order in gone)
        behind: list[Order] = []
        for order in reversed(live):
            if order.accepted_seq < oldest:
                break
            behind.append(order)
        for order in behind:
            del live[order]
        behind.reverse()
        live |= dict.fromkeys(sorted([*behind, *gone], key=attrgetter("accepted_seq")))

    def _forget_trader(self, owner_id: str) -> None:
        owned = self.market.owners.get(owner_id, ())
        if not any(position.has_traded for position in owned):
            self.market.traders.discard(owner_id)
