"""An order as plain values, and an order again; the values go by the names of the order's attributes.

A position of the past comes back in the same way.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from kernel.commands import OrderTerms
from kernel.market import Account, Order, Position
from kernel.past import OrderImage, PastPosition
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
    """Whose account and market the state holds. It is in no list, and rests nowhere.

    Its position may have left memory, as it has where the market is over: then it has one of its own.
    """
    terms = OrderTerms(*terms_values(image))
    market, account = state.markets[image.market_id], state.accounts[image.user_id]
    order = Order(
        market.positions.get(account.id) or Position(account, market),
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


def restored_position(state: State, account: Account, past: PastPosition) -> Position:
    """In a market that is over. Neither the market nor the account knows of it."""
    position = Position(account, state.markets[past.market_id])
    position.updated_at = past.updated_at
    position.realized_pnl = past.realized_pnl
    position.fees_paid = past.fees_paid
    return position
