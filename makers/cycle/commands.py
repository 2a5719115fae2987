"""What is sent for an order, field for field as it is on the wire."""

from typing import TypeAlias

import msgspec

from amm.brain.arithmetic import Cents, Shares
from amm.brain.wire import Direction, Outcome


class Fenced(msgspec.Struct, frozen=True, kw_only=True, tag_field="op"):
    """For whose account, and under which lease."""

    account: str
    fence: int


class NewOrder(msgspec.Struct, frozen=True, kw_only=True):
    client_order_id: str
    market_id: str
    side: Outcome
    direction: Direction
    price_cents: Cents
    quantity: Shares
    time_in_force: str = "GTC"
    post_only: bool = True
    """A quote that would take is refused: it was decided on an older book."""


class Place(Fenced, frozen=True, kw_only=True, tag="place"):
    client_order_id: str
    market_id: str
    side: Outcome
    direction: Direction
    price_cents: Cents
    quantity: Shares
    time_in_force: str
    post_only: bool


class Replace(Fenced, frozen=True, kw_only=True, tag="replace"):
    old_order_id: str
    new_order: NewOrder


class Cancel(Fenced, frozen=True, kw_only=True, tag="cancel"):
    order_id: str


class Burn(Fenced, frozen=True, kw_only=True, tag="burn"):
    market_id: str
    quantity: Shares
    idempotency_key: str


Command: TypeAlias = Place | Replace | Cancel | Burn
