"""The crowd: it trades close to one price, all the time, whatever else happens."""

from collections.abc import Callable
from typing import Any

import attrs
from hypothesis import strategies as st

from kernel.codes import AMM_ID, Direction, Side
from kernel.commands import (
    AmendByClientId,
    AmendOrder,
    AnyCommand,
    AtomicBatch,
    Batchable,
    CancelOrder,
    PlaceOrder,
    ReplaceOrder,
    ResetGroup,
    SetGroup,
    Tick,
)
from tests.kernel.members import altered
from tests.kernel.play.ground import Ground
from tests.kernel.reference.order import Order, book_price
from tests.kernel.strategies import (
    ESCROW,
    HOLDERS,
    NOTHING,
    SECOND,
    Attributes,
    attributes,
    pick,
    rarely,
    sides,
)


@attrs.frozen
class Quote:
    """Somebody opens close to where everybody is."""

    user_id: str
    side: Side
    price: int
    quantity: int
    how: Attributes


@attrs.frozen
class Sell:
    """Somebody sells what it holds: all of it, most of it, or one share too many."""

    holding: int
    price: int
    keep: int
    how: Attributes


@attrs.frozen
class Take:
    """Somebody meets the best order: at its price, a little better, just not; less, as much, more."""

    buys_yes: bool
    who: int
    better: int
    more: int
    how: Attributes


@attrs.frozen
class Leave:
    """Somebody takes its order back."""

    which: int


@attrs.frozen
class Requote:
    """A market maker moves one of its orders."""

    user_id: str
    which: int
    price: int
    quantity: int
    how: Attributes


@attrs.frozen
class Reshape:
    """Somebody wants another price, another quantity, or both, of an order that stands."""

    which: int
    price: int | None
    more: int | None
    post_only: bool
    by_name: bool


@attrs.frozen
class Wait:
    """A little time passes: orders expire, and brakes are released."""

    step: int


@attrs.frozen
class Look:
    """Whoever sends ticks looks after the market."""


@attrs.frozen
class Hurry:
    """Whoever sends the next command wants it decided in so long, or not at all."""

    patience: int


@attrs.frozen
class Together:
    """Somebody wants several things at once, or none of them."""

    user_id: str
    moves: "list[Move]"


near = st.integers(44, 56)
few = st.integers(1, 9)
quotes = st.builds(Quote, st.sampled_from(HOLDERS), sides, near, few, attributes)
sales = st.builds(Sell, pick, near, st.integers(-1, 6), attributes)
takings = st.builds(Take, st.booleans(), pick, st.integers(-1, 4), st.integers(-4, 6), attributes)
departures = st.builds(Leave, pick)
decreases = st.builds(Reshape, pick, st.none(), st.integers(-6, 3), rarely, st.booleans())
reshapings = st.builds(Reshape, pick, near, st.none() | st.integers(-6, 6), rarely, st.booleans())
alone = (quotes, sales, takings, departures, decreases, reshapings)
several = st.lists(st.one_of(*alone), min_size=1, max_size=4)
together = st.builds(Together, st.sampled_from(HOLDERS), several)
moves = st.one_of(
    *alone,
    sales,
    takings,
    together,
    st.builds(Requote, st.sampled_from([AMM_ID, AMM_ID, ESCROW]), pick, near, few, attributes),
    st.builds(Wait, st.integers(0, SECOND)),
    st.builds(Look),
    st.builds(Hurry, st.sampled_from([-1, -1, 0, SECOND])),
)
Move = Quote | Sell | Take | Leave | Requote | Reshape | Wait | Look | Hurry | Together


Act = tuple[str, dict[str, Any]]
ACTS: dict[str, st.SearchStrategy[Act]] = {}
"""Everything else that may happen, by name, with what it needs to know."""


def act(**arguments: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a method one of the things that may happen; all are equally likely, in every run."""

    def register(method: Callable[..., None]) -> Callable[..., None]:
        ACTS[method.__name__] = st.tuples(st.just(method.__name__), st.fixed_dictionaries(arguments))
        return method

    return register


class Crowd(Ground):
    def play(self, move: Move) -> None:
        match move:
            case Wait():
                self.at += move.step
            case Look():
                self.do(Tick(at=self.at, market_id=self.home))
            case Hurry():
                self.patience = move.patience
            case Together():
                self.send_together(move)
            case _:
                if (command := self.meant(move, None)) is not None:
                    self.see_to_its_group(command)
                    self.send(command)

    def see_to_its_group(self, command: AnyCommand) -> None:
        """Mostly whoever names a group has it, else nothing would be tried but that there is none."""
        if not isinstance(command, PlaceOrder | ReplaceOrder) or command.terms.group_id is None:
            return
        key = command.user_id, command.market_id, command.terms.group_id
        named: dict[str, Any] = dict(zip(("user_id", "market_id", "group_id"), key, strict=True))
        named |= {"at": self.at, "fence": command.fence}
        group = self.world.groups.get(key)
        if group is None:
            most = 1 + self.names % 12
            self.do(SetGroup(**named, max_fill_quantity=most, window_ms=1_000))
        elif group.state == "TRIGGERED" and key[2] == "g":
            self.do(ResetGroup(**named))

    def send(self, command: AnyCommand) -> None:
        if isinstance(command, PlaceOrder | ReplaceOrder):
            self.wish(command)
        else:
            self.do(command)

    def send_together(self, move: Together) -> None:
        """All of one user, at home; each is meant for the market as it stands before."""
        meant = [self.meant(each, move.user_id) for each in move.moves]
        commands = tuple(each for each in meant if isinstance(each, Batchable))
        if commands:
            self.see_to_its_group(commands[0])
            self.do(
                AtomicBatch(
                    at=self.at,
                    user_id=move.user_id,
                    market_id=self.home,
                    commands=commands,
                    fence=self.fence(move.user_id),
                )
            )

    def meant(self, move: Move, by: str | None) -> AnyCommand | None:
        """What it comes to as things stand, for one user or whomever it suits; nothing if it cannot be."""
        match move:
            case Quote():
                user_id = move.user_id if by is None else by
                return self.order(
                    user_id, self.home, move.side, Direction.BUY, move.price, move.quantity, move.how
                )
            case Sell():
                return self.sale(move, by)
            case Take():
                return self.taking(move, by)
            case Leave():
                order = self.some_order(move.which, only=by)
                if order is None:
                    return None
                fence = self.fence(order.user_id)
                return CancelOrder(at=self.at, user_id=order.user_id, order_id=order.order_id, fence=fence)
            case Reshape():
                order = self.some_order(move.which, only=by)
                return None if order is None else self.reshaping(move, order)
            case Requote():
                old = self.some_order(move.which, only=move.user_id)
                if old is None:
                    return None
                return self.replacement(old, move.user_id, move.how, price=move.price, quantity=move.quantity)
            case _:
                return None

    def reshaping(self, move: Reshape, order: Order) -> AnyCommand:
        wish: dict[str, Any] = {
            "at": self.at,
            "user_id": order.user_id,
            "price": move.price,
            "quantity": None if move.more is None else order.quantity + move.more,
            "post_only": move.post_only,
            "fence": self.fence(order.user_id),
        }
        if not move.by_name:
            return AmendOrder(**wish, order_id=order.order_id)
        names: dict[str, Any] = {
            "market_id": order.market.market_id,
            "client_order_id": order.client_order_id,
        }
        return AmendByClientId(**wish, **names)

    def holdings(self) -> list[tuple[str, Side, int]]:
        return [
            (user_id, side, free)
            for user_id in self.world.holders(self.home)
            for side in Side
            if (free := self.world.free(user_id, self.home, side)) > 0
        ]

    def sale(self, move: Sell, by: str | None) -> AnyCommand | None:
        held = [each for each in self.holdings() if by in (None, each[0])]
        if not held:
            return None
        user_id, side, free = held[move.holding % len(held)]
        quantity = max(1, free - move.keep)
        return self.order(user_id, self.home, side, Direction.SELL, move.price, quantity, move.how)

    def taking(self, move: Take, by: str | None) -> AnyCommand | None:
        queue = self.world.queue(self.home, "SELL" if move.buys_yes else "BUY")
        if not queue:
            return None
        opens, closes = (Side.YES, Side.NO) if move.buys_yes else (Side.NO, Side.YES)
        candidates = [(user_id, opens, Direction.BUY) for user_id in HOLDERS]
        candidates += [
            (user_id, side, Direction.SELL) for user_id, side, _ in self.holdings() if side == closes
        ]
        candidates = [each for each in candidates if by in (None, each[0])]
        user_id, side, direction = candidates[move.who % len(candidates)]
        limit = queue[0].book_price + (move.better if move.buys_yes else -move.better)
        quantity = max(1, queue[0].remaining + move.more)
        return self.order(user_id, self.home, side, direction, book_price(side, limit), quantity, move.how)

    def replace(self, old: Order, user_id: str, how: Attributes = NOTHING, **changes: object) -> None:
        self.wish(self.replacement(old, user_id, how, **changes))

    def replacement(self, old: Order, user_id: str, how: Attributes, **changes: object) -> ReplaceOrder:
        wish = ReplaceOrder(
            at=self.at,
            user_id=user_id,
            old_order_id=old.order_id,
            client_order_id=self.new_name(),
            market_id=old.market.market_id,
            terms=self.terms(Side(old.side), Direction(old.direction), old.price, old.quantity, how),
            nonce=self.names,
            fence=self.fence(user_id),
        )
        return altered(wish, **changes)
