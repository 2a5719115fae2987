"""What leaves the exchange's memory, out of the record alone: the model itself never forgets anything."""

from collections.abc import Iterator
from typing import Any

from kernel.commands import ForgetKeys, ForgetOrders, ForgetPositions
from tests.kernel.reference.checks import public_market
from tests.kernel.reference.records import Fact
from tests.kernel.reference.world import World


def forget_orders(world: World, command: ForgetOrders) -> dict[str, Any]:
    gone = sum(f.fields["orders"] for f in world.facts if f.event_type == "ORDERS_FORGOTTEN")
    closed = [closing for fact in world.facts for closing in closings(fact)]
    leaving = []
    for order_id, at in closed[gone : gone + command.most]:
        if at >= command.before:
            break
        leaving.append(order_id)
    if leaving:
        world.record("ORDERS_FORGOTTEN", None, orders=len(leaving), last_id=leaving[-1])
    return {"kind": "Forgotten", "count": len(leaving)}


def forget_positions(world: World, command: ForgetPositions) -> dict[str, Any]:
    market = public_market(world, command.market_id)
    if market.status not in ("SETTLED", "VOIDED") or (market.settled_at or 0) >= command.before:
        return {"kind": "Forgotten", "count": 0}
    facts = [fact for fact in world.facts if fact.market_id == market.market_id]
    gone = sum(fact.fields["count"] for fact in facts if fact.event_type == "POSITIONS_FORGOTTEN")
    leaving = sorted({user_id for fact in facts for user_id in came_in(fact)})[gone : gone + command.most]
    if leaving:
        world.record("POSITIONS_FORGOTTEN", market.market_id, count=len(leaving), last_id=leaving[-1])
    return {"kind": "Forgotten", "count": len(leaving)}


def came_in(fact: Fact) -> Iterator[str]:
    """Who is in a market because of this: with an order, or with shares."""
    yield from fact.positions
    if fact.event_type == "ORDER_ACCEPTED":
        yield fact.fields["user_id"]


USES = ("SHARES_MINTED", "SHARES_BURNED", "FUNDS_TRANSFERRED", "SHARES_TRANSFERRED")


def forget_keys(world: World, command: ForgetKeys) -> dict[str, Any]:
    gone = sum(len(f.fields["uses"]) for f in world.facts if f.event_type == "KEYS_FORGOTTEN")
    used = [fact for fact in world.facts if fact.event_type in USES]
    leaving = [use(fact) for fact in used[gone : gone + command.most] if fact.at < command.before]
    if leaving:
        world.record("KEYS_FORGOTTEN", None, uses=leaving)
    return {"kind": "Forgotten", "count": len(leaving)}


def use(fact: Fact) -> tuple[Any, ...]:
    """What was asked for, and what was answered."""
    told = fact.fields
    key, done = told["idempotency_key"], (fact.journal_id, fact.at)
    if fact.event_type in ("SHARES_MINTED", "SHARES_BURNED"):
        kind, cents = (
            ("MINT", "cost_cents") if fact.event_type == "SHARES_MINTED" else ("BURN", "recovered_cents")
        )
        after = told["new_yes_inventory"], told["new_no_inventory"], told["remaining_balance_cents"]
        pairs = told["quantity"], told[cents]
        return (kind, key, *done, told["user_id"], None, fact.market_id, None, None, *pairs, *after)
    quantity = told["amount_cents"] if fact.market_id is None else told["quantity"]
    ends = told["from_user_id"], told["to_user_id"]
    about = (*ends, fact.market_id, told["reference_type"], told.get("side"), quantity)
    return ("TRANSFER", key, *done, *about, 0, 0, 0, 0)


def closings(fact: Fact) -> Iterator[tuple[str, int]]:
    """The orders that a fact closes, and when."""
    fields = fact.fields
    if fact.event_type in ("ORDER_CANCELLED", "ORDER_EXPIRED"):
        yield fields["order_id"], fact.at
    elif fact.event_type in ("ORDER_MATCHED", "ORDER_PARTIALLY_FILLED"):
        parties = (fields["order_id"], fields["counterparty_order_id"])
        for order_id, (status, *_) in zip(parties, fields["orders"], strict=True):
            if status == "FILLED":
                yield order_id, fact.at
