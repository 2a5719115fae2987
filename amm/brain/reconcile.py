"""Is what we believe what the exchange says? Compared at one journal id, without tolerances."""

from enum import Enum

import attrs

from amm.brain.arithmetic import Cents, Shares
from amm.brain.orders import OwnOrders
from amm.brain.quoting.inventory import Ledger
from amm.brain.wire import Order, Synced


class Comparison(Enum):
    SAME = "SAME"
    WAIT = "WAIT"  # events that the answer already contains are still on their way
    DIFFERENT = "DIFFERENT"


def position_of(synced: Synced) -> tuple[Shares, Shares, Cents, Cents]:
    yes, no = synced.position.yes, synced.position.no
    return yes.volume, no.volume, yes.cost_sum_cents, no.cost_sum_cents


def compare(ledger: Ledger, delivered_seq: int, synced: Synced, *, own_op: bool) -> Comparison:
    """Compare shares and cost sums.

    Our shares only ever fall by fills, so equal volumes prove that none is missing, even before the stream
    has reached the answer's journal id. After a mint or burn of ours the cost sums may differ by a rounding,
    if a fill came between; they are taken from the answer.
    """
    here, there = ledger.as_of(synced.as_of_seq).shares(), position_of(synced)
    if here == there or (own_op and here[:2] == there[:2]):
        return Comparison.SAME
    return Comparison.DIFFERENT if delivered_seq >= synced.as_of_seq else Comparison.WAIT


def drift(ledger: Ledger, synced: Synced) -> dict[str, int]:
    """Return by how much the exchange's values exceed ours."""
    here, there = ledger.as_of(synced.as_of_seq).shares(), position_of(synced)
    names = ("yes_volume", "no_volume", "yes_cost_sum_cents", "no_cost_sum_cents")
    return {name: b - a for name, a, b in zip(names, here, there, strict=True) if a != b}


def pairs_vanished(differences: dict[str, int]) -> bool:
    """Say whether both outcomes shrank by the same: somebody nets this account, which must not happen."""
    yes, no = differences.get("yes_volume", 0), differences.get("no_volume", 0)
    return yes == no < 0


@attrs.frozen
class OrderDifferences:
    orphans: tuple[Order, ...]  # the exchange has them, we do not
    ghosts: tuple[str, ...]  # we have them, the exchange does not


def compare_orders(orders: OwnOrders, synced: Synced) -> OrderDifferences:
    """Compare the open orders; what is younger than the answer, or still in the balance, is left out."""
    there = {order.id for order in synced.orders}
    undecided = {one.order_id for one in orders.pending.values() if one.order_id}
    return OrderDifferences(
        orphans=tuple(order for order in synced.orders if not orders.knows(order.id)),
        ghosts=tuple(
            order.order_id
            for order in orders.live.values()
            if order.order_id not in there
            and order.seq <= synced.as_of_seq
            and order.order_id not in undecided
        ),
    )


def cash_difference(account_total: Cents, market_cash: list[Cents], unallocated: Cents) -> Cents:
    """Return by how much the account holds more than the markets' cash and what belongs to none of them."""
    return account_total - sum(market_cash) - unallocated
