"""The crowd: it trades close to one price, all the time, whatever else happens."""

from collections.abc import Callable
from typing import Any

import attrs
from hypothesis import strategies as st

from kernel.codes import AMM_ID, Direction, Side
from kernel.commands import CancelOrder, ReplaceOrder
from tests.kernel.members import altered
from tests.kernel.play.ground import Ground
from tests.kernel.reference.order import Order, book_price
from tests.kernel.strategies import ESCROW, HOLDERS, NOTHING, SECOND, Attributes, attributes, pick, sides


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
class Wait:
    """A little time passes: orders expire, and brakes are released."""

    step: int


@attrs.frozen
class Hurry:
    """Whoever sends the next command wants it decided in so long, or not at all."""

    patience: int


near = st.integers(44, 56)
few = st.integers(1, 9)
moves = st.one_of(
    st.builds(Quote, st.sampled_from(HOLDERS), sides, near, few, attributes),
    st.builds(Sell, pick, near, st.integers(-1, 6), attributes),
    st.builds(Sell, pick, near, st.integers(-1, 6), attributes),
    st.builds(Take, st.booleans(), pick, st.integers(-1, 4), st.integers(-4, 6), attributes),
    st.builds(Take, st.booleans(), pick, st.integers(-1, 4), st.integers(-4, 6), attributes),
    st.builds(Leave, pick),
    st.builds(Requote, st.sampled_from([AMM_ID, AMM_ID, ESCROW]), pick, near, few, attributes),
    st.builds(Wait, st.integers(0, SECOND)),
    st.builds(Hurry, st.sampled_from([-1, -1, 0, SECOND])),
)
Move = Quote | Sell | Take | Leave | Requote | Wait | Hurry


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
            case Quote():
                self.place(
                    move.user_id, self.home, move.side, Direction.BUY, move.price, move.quantity, move.how
                )
            case Sell():
                self.sell(move)
            case Take():
                self.take(move)
            case Leave():
                order = self.some_order(move.which)
                if order is not None:
                    self.do(
                        CancelOrder(
                            at=self.at,
                            user_id=order.user_id,
                            order_id=order.order_id,
                            fence=self.fence(order.user_id),
                        )
                    )
            case Requote():
                old = self.some_order(move.which, only=move.user_id)
                if old is not None:
                    self.replace(old, move.user_id, move.how, price=move.price, quantity=move.quantity)
            case Wait():
                self.at += move.step
            case Hurry():
                self.patience = move.patience

    def holdings(self) -> list[tuple[str, Side, int]]:
        return [
            (user_id, side, free)
            for user_id in self.world.holders(self.home)
            for side in Side
            if (free := self.world.free(user_id, self.home, side)) > 0
        ]

    def sell(self, move: Sell) -> None:
        held = self.holdings()
        if held:
            user_id, side, free = held[move.holding % len(held)]
            quantity = max(1, free - move.keep)
            self.place(user_id, self.home, side, Direction.SELL, move.price, quantity, move.how)

    def take(self, move: Take) -> None:
        queue = self.world.queue(self.home, "SELL" if move.buys_yes else "BUY")
        if not queue:
            return
        opens, closes = (Side.YES, Side.NO) if move.buys_yes else (Side.NO, Side.YES)
        candidates = [(user_id, opens, Direction.BUY) for user_id in HOLDERS]
        candidates += [
            (user_id, side, Direction.SELL) for user_id, side, _ in self.holdings() if side == closes
        ]
        user_id, side, direction = candidates[move.who % len(candidates)]
        limit = queue[0].book_price + (move.better if move.buys_yes else -move.better)
        quantity = max(1, queue[0].remaining + move.more)
        self.place(user_id, self.home, side, direction, book_price(side, limit), quantity, move.how)

    def replace(self, old: Order, user_id: str, how: Attributes = NOTHING, **changes: object) -> None:
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
        self.wish(altered(wish, **changes))
