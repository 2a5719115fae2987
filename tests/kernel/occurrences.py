"""What came up in a command, by names: so that a test can say what must have come up.

Rules seldom fail alone. What is counted here are the places where they meet.
"""

from collections.abc import Iterator
from typing import Any

from kernel.answers import Refusal, Resolved
from kernel.commands import AnyCommand
from tests.kernel.reference.breakers import is_paused
from tests.kernel.reference.records import Fact
from tests.kernel.reference.world import World

FILLS = ("ORDER_MATCHED", "ORDER_PARTIALLY_FILLED")


def occurrences(command: AnyCommand, answer: Any, facts: list[Fact], world: World) -> Iterator[str]:
    for fact in facts:
        if fact.event_type == "ORDER_ACCEPTED":
            yield from asked_for(fact.fields)
    overdue = {fact.market_id for fact in facts if fact.fields.get("cancel_reason") == "EXPIRED"}
    if overdue:
        yield "due before a refusal" if isinstance(answer, Refusal) else "due before an answer"
    if any(is_paused(world, world.markets[market_id]) for market_id in overdue if market_id is not None):
        yield "due in a pause"
    if isinstance(answer, Resolved) and answer.void_basis is not None:
        yield f"voided at the price of {answer.void_basis.source}"
    if isinstance(answer, Refusal) and answer.code == 4012 and answer.data is not None:
        yield f"too many orders in {answer.data['scope']}"
    yield from pauses(command, facts, world)
    yield from who_gave_way(command, facts, world)
    yield from brakes(facts)
    for number, fact in enumerate(facts):
        if fact.event_type == "ORDER_AMENDED":
            yield "an amended order " + ("kept its place" if fact.fields["kept_priority"] else "moved")
            if any(later.event_type in FILLS for later in facts[number:]):
                yield "an amended order traded"


def asked_for(order: dict[str, Any]) -> Iterator[str]:
    how_long = order["time_in_force"]
    yield f"accepted {how_long}"
    if order["post_only"]:
        yield "accepted post-only"
    if order["max_cost_cents"] is not None:
        yield f"accepted {how_long} with a cap"
    if order["group_id"] is not None:
        yield "accepted in a group"
    yield f"accepted {order['self_trade_mode']}"


def who_gave_way(command: AnyCommand, facts: list[Fact], world: World) -> Iterator[str]:
    """For an order of the same owner: the one that rested, or the one that came."""
    for number, fact in enumerate(facts):
        if fact.fields.get("cancel_reason") != "SELF_TRADE":
            continue
        order = world.order(fact.fields["order_id"])
        assert order is not None
        traded = {later.event_type in FILLS for later in facts[number:]}
        if command.user_id != order.user_id:
            yield "a maker in another account gave way"
        if order.order_id in {f.fields.get("order_id") for f in facts if f.event_type == "ORDER_ACCEPTED"}:
            yield "a taker gave way" + (" after a fill" if order.filled else "")
        else:
            yield "a maker gave way" + (" amid a sweep" if True in traded else "")


def brakes(facts: list[Fact]) -> Iterator[str]:
    """What a group that was triggered did to the command in which it was."""
    braked = [number for number, fact in enumerate(facts) if fact.event_type == "ORDER_GROUP_TRIGGERED"]
    if not braked:
        return
    rest = facts[braked[0] :]
    causes = [facts[number].fields["cause"] for number in braked]
    yield f"braked by {causes[0]}"
    if any(fact.event_type in FILLS for fact in rest):
        yield "braked amid a sweep"
    if len(braked) > 1 and not any(fact.event_type in FILLS for fact in facts[braked[0] : braked[1]]):
        yield "both groups of a fill braked"
    if any(fact.event_type == "NETTING_EXECUTED" for fact in rest):
        yield "braked, and then netted"
    ended = {fact.fields["order_id"] for fact in rest if fact.fields.get("cancel_reason") == "GROUP_LIMIT"}
    for fact in facts:
        if fact.event_type in ("ORDER_ACCEPTED", "ORDER_AMENDED") and fact.fields["order_id"] in ended:
            yield f"the group of a taker ended it after its {fact.event_type}"


def pauses(command: AnyCommand, facts: list[Fact], world: World) -> Iterator[str]:
    """A market stopped by itself, or somebody closed the record of that: by which command."""
    asked = type(command).__name__
    triggers = {breaker.breaker_id: breaker.trigger for breaker in world.breakers}
    for fact in facts:
        if fact.event_type == "CIRCUIT_BREAKER_TRIGGERED":
            yield f"{fact.fields['trigger_reason']} by {asked}"
        elif fact.event_type == "CIRCUIT_BREAKER_RESOLVED":
            closed = sorted({triggers[breaker_id] for breaker_id in fact.fields["breaker_ids"]})
            yield f"{' and '.join(closed)} closed by {asked}, then {fact.fields['target_status']}"
