"""The refusals of market-making orders, and what every command for one asks first."""

from typing import Final

from kernel.answers import Refusal
from kernel.codes import Code
from kernel.making_edges import MmActor
from kernel.making_order import MmOrder
from kernel.making_state import HOUR
from kernel.making_view import allowed_commands
from kernel.state import State

NOT_FOUND: Final = "Market-making order not found"


def find_order(state: State, order_id: str, user_id: str | None) -> MmOrder | Refusal:
    """Another's order is no more to be seen than one that there is not. Administrators see all."""
    order = state.making.orders.get(order_id)
    if order is None or (user_id is not None and order.owner.id != user_id):
        return Refusal(Code.MM_ORDER_NOT_FOUND, f"{NOT_FOUND}: {order_id}")
    return order


def not_in_this_state(order: MmOrder, actor: MmActor, at: int, problem: str = "") -> Refusal:
    data = {
        "state": order.state.value,
        "reason": order.reason.value,
        "allowed_commands": allowed_commands(order, actor, at),
    }
    return Refusal(
        Code.NOT_IN_THIS_STATE, problem or f"Not while the market-making order is {order.state}", data
    )


def limit_reached(limit: str, value: int) -> Refusal:
    return Refusal(
        Code.MM_LIMIT_REACHED, f"A limit is reached: {limit}, {value}", {"limit": limit, "value": value}
    )


def check_changes(order: MmOrder, at: int) -> Refusal | None:
    """The owner's commands for one order are so many an hour."""
    most = order.policy.changes_per_hour
    if order.changed_hour == at // HOUR and order.changes >= most:
        return limit_reached("changes_per_hour", most)
    return None


def key_used(key: str) -> Refusal:
    return Refusal(Code.TRANSFER_KEY_USED, f"Key {key} was used with a different request")


def payment_wrong(outstanding: int, problem: str) -> Refusal:
    return Refusal(Code.PAYMENT_WRONG, f"Wrong payment: {problem}", {"outstanding": outstanding})


def not_joinable(campaign_id: str, problem: str) -> Refusal:
    return Refusal(
        Code.CAMPAIGN_NOT_JOINABLE, f"Cannot join campaign {campaign_id}: {problem}", {"reason": problem}
    )


def campaign_not_found(campaign_id: str) -> Refusal:
    return Refusal(Code.MM_ORDER_NOT_FOUND, f"Campaign not found: {campaign_id}")
