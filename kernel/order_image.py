"""An order as plain values, and an order again; the values go by the names of the order's attributes."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from kernel.commands import OrderTerms
from kernel.market import Order
from kernel.past import OrderImage
from kernel.state import State


def reader(kind: type[msgspec.Struct], **elsewhere: str) -> Callable[[Any], tuple[Any, ...]]:
    """Takes from an original what its image holds, by name; `elsewhere` says what goes by another."""
    return attrgetter(*(elsewhere.get(name, name) for name in kind.__struct_fields__))


TERMS: Final = OrderTerms.__struct_fields__
terms_values = attrgetter(*TERMS)
SINCE_ACCEPTANCE: Final = (
    *("remaining", "priority_seq", "updated_at", "status", "cancel_reason", "amend_count"),
    "eligible",
)
"""What an order has besides what it is made of; its terms are those that stand."""
order_values = reader(
    OrderImage,
    user_id="account.id",
    market_id="market.id",
    accepted_price="accepted_terms.price",
    accepted_quantity="accepted_terms.quantity",
    **{name: f"terms.{name}" for name in TERMS},
)


def order_image(order: Order) -> OrderImage:
    return OrderImage(*order_values(order))


def restored_order(state: State, image: OrderImage) -> Order:
    """Whose account and market the state holds. It is in no list, and rests nowhere."""
    terms = OrderTerms(*terms_values(image))
    order = Order(
        state.markets[image.market_id].position(state.accounts[image.user_id]),
        terms,
        image.id,
        image.client_order_id,
        image.is_bid,
        image.book_price,
        image.frozen,
        image.replaces,
        image.accepted_seq,
        image.created_at,
    )
    for name in SINCE_ACCEPTANCE:
        setattr(order, name, getattr(image, name))
    if image.amend_count:
        order.accepted_terms = replace(terms, price=image.accepted_price, quantity=image.accepted_quantity)
    return order
