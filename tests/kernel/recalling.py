"""A past that always answers: what an exchange has let go of, as whoever files it for good would have it."""

from typing import NamedTuple

import attrs
import msgspec

from kernel.answers import AskThePast, Outcome
from kernel.codes import KeyKind
from kernel.commands import AnyCommand, ForgetOrders, ForgetPositions
from kernel.events import KeysForgotten, PositionAfter
from kernel.exchange import Exchange
from kernel.forgetting import past_of, past_of_key
from kernel.market import Order, Position
from kernel.order_image import order_image, restored_order
from kernel.past import KeyUse, OrderImage, Past


class PositionNow(NamedTuple):
    """A position at one moment."""

    after: PositionAfter
    updated_at: int | None
    realized_pnl: int
    fees_paid: int

    @classmethod
    def of(cls, position: Position) -> "PositionNow":
        return cls(position.after(), position.updated_at, position.realized_pnl, position.fees_paid)


@attrs.define
class Archive:
    """Closed orders that are no longer in memory, by id; and what keys did."""

    orders: dict[str, OrderImage] = attrs.field(factory=dict)
    keys: dict[tuple[KeyKind, str], KeyUse] = attrs.field(factory=dict)
    positions: dict[tuple[str, str], PositionNow] = attrs.field(factory=dict)
    """By market and account."""
    asked: int = 0
    """How often a command had to be sent again."""

    def execute(self, exchange: Exchange, command: AnyCommand) -> Outcome:
        """Decide a command, as whoever lets callers in would have it decided."""
        if isinstance(command, ForgetOrders):
            return self.forget(exchange, command)
        if isinstance(command, ForgetPositions):
            return self.forget_positions(exchange, command)
        outcome = exchange.execute(command)
        for fact in outcome.facts:
            if isinstance(fact.event, KeysForgotten):
                self.keys |= {(use.kind, use.idempotency_key): use for use in fact.event.uses}
        while isinstance(outcome.answer, AskThePast):
            assert outcome.facts == []
            self.asked += 1
            past = self.look_up(outcome.answer, outcome.seen)
            outcome = exchange.execute(msgspec.structs.replace(command, past=past))
        return outcome

    def forget(self, exchange: Exchange, command: ForgetOrders) -> Outcome:
        closed = {order.id: order_image(order) for order in exchange.closed.orders()}
        outcome = exchange.execute(command)
        self.orders |= {name: image for name, image in closed.items() if name not in exchange.orders}
        return outcome

    def forget_positions(self, exchange: Exchange, command: ForgetPositions) -> Outcome:
        market = exchange.markets.get(command.market_id)
        held = {} if market is None else {name: PositionNow.of(p) for name, p in market.positions.items()}
        outcome = exchange.execute(command)
        if market is not None:
            self.positions |= {
                (market.id, name): now for name, now in held.items() if name not in market.positions
            }
        return outcome

    def look_up(self, asked: AskThePast, as_of: int) -> Past:
        if asked.key is not None:
            return past_of_key(asked.key[1], as_of, self.keys.get(asked.key))
        found = [
            image
            for image in self.orders.values()
            if image.id in asked.order_ids
            or (image.user_id == asked.user_id and image.client_order_id in asked.names)
        ]
        return past_of(asked, as_of, found)

    def all_of(self, exchange: Exchange) -> list[Order]:
        """Every order ever accepted, in that order, also those that only the past knows."""
        past = [restored_order(exchange, image) for image in self.orders.values()]
        return sorted([*exchange.orders.values(), *past], key=lambda order: order.accepted_seq)
