"""Order groups: a limit on what the orders of a group trade within a window, which is never exceeded."""

from typing import Any

import pytest

from kernel.answers import Batched, GroupIs, Placed, Refusal
from kernel.brakes import Group
from kernel.codes import (
    CancelReason,
    Code,
    Direction,
    GroupCause,
    GroupState,
    MarketStatus,
    OrderStatus,
    SelfTradeMode,
    Side,
    TimeInForce,
)
from kernel.commands import (
    AmendByClientId,
    AnyGroupCommand,
    AtomicBatch,
    DeleteGroup,
    FireGuard,
    ReplaceOrder,
    ResetGroup,
    SetGroup,
    SetGuard,
    TriggerGroup,
)
from kernel.events import OrderCancelled, OrderGroupTriggered
from kernel.exchange import Exchange
from tests.kernel.trading import SECOND, Trading
from tests.kernel.walking import differences, everything

SELL, BUY, YES, NO = Direction.SELL, Direction.BUY, Side.YES, Side.NO
ACTIVE, TRIGGERED, DELETED = GroupState


def ask(
    market: Trading, kind: type[AnyGroupCommand], who: str = "ann", name: str = "g", **more: Any
) -> AnyGroupCommand:
    return kind(at=market.now, user_id=who, market_id="M", group_id=name, **more)


def limited(market: Trading, most: int, window_ms: int = 1_000, who: str = "ann", name: str = "g") -> GroupIs:
    return told(market, ask(market, SetGroup, who, name, max_fill_quantity=most, window_ms=window_ms))


def told(market: Trading, command: AnyGroupCommand) -> GroupIs:
    answer = market.do(command).answer
    assert isinstance(answer, GroupIs)
    return answer


def state(market: Trading, name: str = "g", who: str = "ann") -> Group:
    return market.market().groups[who][name]


def quoting(most: int = 100) -> Trading:
    """Ann, who holds shares, has a group with asks 60@55, 60@56, 60@57; ben and cat have cash."""
    market = Trading(ann=100_000, ben=100_000, cat=100_000)
    market.play("ann buys 200 YES at 50", "cat buys 200 NO at 50")
    market.now += SECOND
    limited(market, most)
    for price in (55, 56, 57):
        placed(market, "ann", YES, SELL, price=price, quantity=60, client_order_id=str(price), group_id="g")
    return market


def placed(market: Trading, *args: Any, **more: Any) -> Placed:
    answer = market.do(market.wish(*args, **more)).answer
    assert isinstance(answer, Placed), answer
    return answer


def cancelled(market: Trading, since: int) -> list[tuple[str, int, CancelReason]]:
    """The orders by name, what remained, and why."""
    names = {order.id: order.client_order_id for order in market.exchange.orders.values()}
    events = [fact.event for fact in market.facts if fact.id > since]
    return [
        (names[event.order_id], event.remaining_qty, event.cancel_reason)
        for event in events
        if isinstance(event, OrderCancelled)
    ]


def why(market: Trading) -> list[tuple[GroupCause, int]]:
    events = [fact.event for fact in market.facts]
    return [
        (event.cause, event.filled_in_window) for event in events if isinstance(event, OrderGroupTriggered)
    ]


def refusal(market: Trading, command: Any) -> tuple[Code, Any]:
    refused = market.refused(command)
    return refused.code, refused.data


# The brake


def test_a_sweep_is_cut_to_the_room_and_triggers() -> None:
    market = quoting()
    buy: dict[str, Any] = {"price": 60, "quantity": 150}
    fok = market.wish("ben", time_in_force=TimeInForce.FOK, **buy)
    assert refusal(market, fok) == (Code.NOT_FILLABLE, {"fillable_quantity": 100})
    head = market.exchange.head
    answer = placed(market, "ben", **buy)
    assert market.told(head) == [
        "ORDER_ACCEPTED",
        "ORDER_MATCHED",
        "ORDER_PARTIALLY_FILLED",
        "ORDER_GROUP_TRIGGERED",
        "ORDER_CANCELLED",
        "ORDER_CANCELLED",
    ]
    assert market.prints()[-2:] == ["60@55", "40@56"]
    limit = CancelReason.GROUP_LIMIT
    assert cancelled(market, head) == [("56", 20, limit), ("57", 60, limit)]
    assert (answer.order.status, answer.order.remaining_quantity) == (OrderStatus.PARTIALLY_FILLED, 50)
    assert market.market().book.best_bid == 60
    assert why(market) == [(GroupCause.FILLS, 100)]
    group = state(market)
    assert (group.state, group.triggered_at) == (TRIGGERED, market.now)

    sell = market.wish("ann", YES, SELL, price=60, quantity=10, group_id="g")
    assert refusal(market, sell) == (Code.GROUP_TRIGGERED, None)
    again = told(market, ask(market, ResetGroup)).group
    assert (again.state, again.filled_in_window, again.triggered_at) == (ACTIVE, 0, market.now)
    assert market.do(sell).facts


def test_a_fok_that_fits_the_room_fills_and_triggers() -> None:
    market = quoting()
    fok = placed(market, "ben", price=60, quantity=100, time_in_force=TimeInForce.FOK)
    assert fok.order.status is OrderStatus.FILLED
    assert state(market).state is TRIGGERED


def test_a_cap_is_judged_by_what_the_rooms_leave() -> None:
    market = quoting(most=70)
    capped = placed(
        market, "ben", price=99, quantity=150, time_in_force=TimeInForce.IOC, max_cost_cents=100_000
    )
    assert (capped.order.filled_quantity, capped.order.frozen_amount) == (70, 0)
    assert capped.order.cancel_reason is CancelReason.IOC_UNFILLED


@pytest.mark.parametrize("kind", [TimeInForce.GTC, TimeInForce.IOC])
def test_a_taker_ends_by_its_own_group_after_the_others(kind: TimeInForce) -> None:
    """The order being matched goes last, however old the others are; an IOC is cancelled, too."""
    market = quoting()
    limited(market, 70, who="ben", name="own")
    placed(market, "ben", price=10, quantity=1, client_order_id="resting", group_id="own")
    head = market.exchange.head
    answer = placed(
        market, "ben", price=60, quantity=150, client_order_id="taker", group_id="own", time_in_force=kind
    )
    limit = CancelReason.GROUP_LIMIT
    assert market.prints()[-2:] == ["60@55", "10@56"]
    assert cancelled(market, head) == [("resting", 1, limit), ("taker", 80, limit)]
    assert answer.order.cancel_reason is limit
    assert state(market).filled(market.now) == 70
    assert state(market).state is ACTIVE


def test_both_groups_may_be_full_at_once() -> None:
    """The maker's is triggered first, with its cancels, then the taker's."""
    market = quoting()
    limited(market, 100, who="ben", name="own")
    head = market.exchange.head
    placed(market, "ben", price=60, quantity=150, client_order_id="taker", group_id="own")
    assert [name for name, _, _ in cancelled(market, head)] == ["56", "57", "taker"]
    assert [event for event in market.told(head) if event.startswith("ORDER_GROUP")] == [
        "ORDER_GROUP_TRIGGERED"
    ] * 2
    assert market.told(head)[-2:] == ["ORDER_GROUP_TRIGGERED", "ORDER_CANCELLED"]


def test_the_market_maker_that_meets_itself_counts_once() -> None:
    market = Trading(AMM=100_000)
    market.play("AMM mints 100")
    amm = next(iter(market.market().positions))
    limited(market, 20, who=amm)
    placed(market, "AMM", YES, SELL, price=60, quantity=15, client_order_id="ask", group_id="g")
    placed(market, "AMM", YES, BUY, price=60, quantity=12, group_id="g")
    assert state(market, who=amm).filled(market.now) == 12
    fok = market.wish("AMM", YES, BUY, price=60, quantity=9, group_id="g", time_in_force=TimeInForce.FOK)
    assert refusal(market, fok) == (Code.NOT_FILLABLE, {"fillable_quantity": 3})
    placed(market, "AMM", YES, SELL, price=60, quantity=15, client_order_id="more", group_id="g")
    head = market.exchange.head
    placed(market, "AMM", YES, BUY, price=60, quantity=9, client_order_id="taker", group_id="g")
    assert [name for name, _, _ in cancelled(market, head)] == ["more", "taker"]
    assert market.prints()[-2:] == ["3@60", "5@60"]


def test_a_trigger_nets_what_its_cancels_set_free() -> None:
    """All of ann's YES are offered: the NO that she buys pair with none of them until the first cancel."""
    market = quoting(most=60)
    placed(market, "ann", YES, SELL, price=90, quantity=20, client_order_id="free")
    placed(market, "ben", price=45, quantity=20)
    placed(market, "ann", NO, BUY, price=55, quantity=20, client_order_id="no")
    assert market.holds("ann", yes=200, yes_pending=200, no=20)
    head = market.exchange.head
    placed(market, "ben", price=60, quantity=150)
    assert market.told(head)[2:] == [
        "ORDER_GROUP_TRIGGERED",
        "ORDER_CANCELLED",
        "NETTING_EXECUTED",
        "ORDER_CANCELLED",
    ]
    assert market.holds("ann", yes=120, yes_pending=20, no=0)
    assert market.order("ann", "free").is_live


def test_a_group_that_is_full_amid_a_sweep_leaves_the_rest_to_others() -> None:
    """What the walk says before is what happens: ann's later offers are gone when the sweep comes to them."""
    market = quoting()
    for price, quantity in ((56, 30), (58, 40)):
        placed(market, "cat", NO, BUY, price=100 - price, quantity=quantity, client_order_id=f"c{price}")
    too_much = market.wish("ben", price=60, quantity=171, time_in_force=TimeInForce.FOK)
    assert refusal(market, too_much) == (Code.NOT_FILLABLE, {"fillable_quantity": 170})
    head = market.exchange.head
    taken = placed(market, "ben", price=60, quantity=170, time_in_force=TimeInForce.FOK)
    assert taken.order.status is OrderStatus.FILLED
    assert market.prints()[-4:] == ["60@55", "40@56", "30@56", "40@58"]
    limit = CancelReason.GROUP_LIMIT
    assert cancelled(market, head) == [("56", 20, limit), ("57", 60, limit)]
    events = market.told(head)
    assert events.index("ORDER_GROUP_TRIGGERED") < events.index("ORDER_CANCELLED") < len(events) - 2


def test_who_sweeps_with_its_own_orders_in_the_way_gains_no_room_by_that() -> None:
    """What gives way, what the brake takes and what the guard finds: each is cancelled once."""
    market = quoting()
    market.do(SetGuard(at=market.now, user_id="ann", grace_ms=1_000))
    limited(market, 25)
    placed(market, "ann", price=30, quantity=5, client_order_id="outside")
    placed(market, "ann", price=20, quantity=5, client_order_id="inside", group_id="g")
    placed(market, "cat", NO, BUY, price=44, quantity=100)  # behind ann's 56
    head = market.exchange.head
    sweep = {"price": 56, "quantity": 90, "self_trade_mode": SelfTradeMode.CANCEL_MAKER, "group_id": "g"}
    answer = placed(market, "ann", client_order_id="sweep", **sweep)
    gave_way, limit = CancelReason.SELF_TRADE, CancelReason.GROUP_LIMIT
    assert cancelled(market, head) == [
        ("55", 60, gave_way),
        ("56", 60, gave_way),
        ("57", 60, limit),
        ("inside", 5, limit),
        ("sweep", 65, limit),
    ]
    assert market.prints()[-1] == "25@56"
    gone = [market.order("ann", name).id for name in ("55", "56")]
    assert (answer.order.cancel_reason, list(answer.self_trade_cancelled)) == (limit, gone)
    head = market.exchange.head
    market.do(FireGuard(at=market.now, user_id="ann", market_id="M"))
    assert cancelled(market, head) == [("outside", 5, CancelReason.GUARD)]
    assert market.holds("ann", frozen=0, yes_pending=0)
    group = state(market)
    assert (group.state, group.filled(market.now)) == (TRIGGERED, 25)


def test_a_guard_takes_the_orders_and_leaves_the_group_and_its_count() -> None:
    market = quoting()
    market.do(SetGuard(at=market.now, user_id="ann", grace_ms=1_000))
    placed(market, "ben", price=55, quantity=10)
    head = market.exchange.head
    market.do(FireGuard(at=market.now, user_id="ann", market_id="M"))
    assert {reason for _, _, reason in cancelled(market, head)} == {CancelReason.GUARD}
    group = state(market)
    assert (group.state, group.filled(market.now)) == (ACTIVE, 10)


def test_an_own_maker_in_a_group_gives_way_without_counting() -> None:
    market = quoting()
    head = market.exchange.head
    placed(market, "ann", price=55, quantity=5, self_trade_mode=SelfTradeMode.CANCEL_MAKER)
    assert cancelled(market, head) == [("55", 60, CancelReason.SELF_TRADE)]
    assert state(market).filled(market.now) == 0


def test_an_order_that_moves_by_an_amend_is_the_one_being_matched() -> None:
    market = quoting(most=50)
    placed(market, "ben", price=54, quantity=70)
    head = market.exchange.head
    market.do(AmendByClientId(at=market.now, user_id="ann", market_id="M", client_order_id="55", price=54))
    limit = CancelReason.GROUP_LIMIT
    assert cancelled(market, head) == [("56", 60, limit), ("57", 60, limit), ("55", 10, limit)]
    assert not market.market().positions["ann"].live


def test_a_replacement_names_its_group_itself() -> None:
    market = Trading(AMM=10_000)
    amm = market.exchange.accounts["00000000-0000-4000-a000-000000000001"].id
    limited(market, 5, who=amm)
    old = placed(market, "AMM", price=5, quantity=2, group_id="g").order.order
    for group_id, code in (("unknown", Code.GROUP_NOT_FOUND), ("g", None), (None, None)):
        wish = market.wish("AMM", price=6, quantity=2, group_id=group_id)
        outcome = market.do(
            ReplaceOrder(
                at=market.now,
                user_id=amm,
                client_order_id=wish.client_order_id,
                market_id="M",
                terms=wish.terms,
                nonce=wish.nonce,
                old_order_id=old.id,
            )
        )
        if code is not None:
            assert isinstance(outcome.answer, Refusal)
            assert outcome.answer.code is code
        else:
            old = market.order("AMM", wish.client_order_id)
            assert old.terms.group_id == group_id


# The window


def test_a_fill_counts_for_the_whole_window_and_a_slot_more() -> None:
    """With a window of a second a slot has 16,667 microseconds; sixty and the running one count."""
    group = Group("g", 100, 1_000, 0, 0)
    slot = group.slot_length
    assert slot == 16_667
    for at in (7 * slot, 8 * slot - 1):
        fresh = Group("g", 100, 1_000, 0, 0)
        fresh.count(40, at)
        assert fresh.filled(at + 1_000_000) == 40
        assert fresh.filled(68 * slot - 1) == 40
        assert fresh.filled(68 * slot) == 0
    assert [Group("g", 1, ms, 0, 0).slot_length for ms in (100, 60, 120_000)] == [1_667, 1_000, 2_000_000]


def test_a_group_never_keeps_more_slots_than_count() -> None:
    group = Group("g", 2**31 - 1, 100, 0, 0)
    for number in range(500):
        group.count(1, number * group.slot_length)
        assert len(group.fills) == min(number + 1, 61) == group.filled(number * group.slot_length)


def test_the_sum_over_slots_is_that_of_all_fills_of_the_last_slots() -> None:
    group, fills, at = Group("g", 2**31 - 1, 777, 0, 0), [], 10**15
    for number in range(400):
        at += (number * 7919) % 50_000
        fills.append((at, number))
        group.count(number, at)
        slot = group.slot_length
        assert group.filled(at) == sum(q for when, q in fills if at // slot - when // slot <= 60)


def test_room_comes_back_with_time() -> None:
    market = quoting()
    placed(market, "ben", price=55, quantity=60)
    assert state(market).room(market.now) == 40
    market.now += 2 * SECOND
    placed(market, "ben", price=56, quantity=60)
    assert (state(market).state, state(market).filled(market.now)) == (ACTIVE, 60)


# The commands


def test_a_group_is_set_changed_and_set_again() -> None:
    market = Trading(ann=1_000)
    first = limited(market, 10)
    assert first.is_new
    assert first.group.triggered_at is None
    head = market.exchange.head
    assert not limited(market, 10).is_new
    assert market.told(head) == []
    assert limited(market, 11).group.max_fill_quantity == 11
    assert market.told(head) == ["ORDER_GROUP_SET"]


def test_a_lowered_limit_triggers_and_another_window_forgets() -> None:
    market = quoting()
    placed(market, "ben", price=55, quantity=50)
    assert limited(market, 100, 2_000).group.filled_in_window == 0
    placed(market, "ben", price=55, quantity=10)
    assert limited(market, 11, 2_000).group.state is ACTIVE
    head = market.exchange.head
    assert limited(market, 10, 2_000).group.state is TRIGGERED
    assert market.told(head) == [
        "ORDER_GROUP_SET",
        "ORDER_GROUP_TRIGGERED",
        "ORDER_CANCELLED",
        "ORDER_CANCELLED",
    ]
    assert why(market) == [(GroupCause.LIMIT_LOWERED, 10)]
    for most, window_ms in ((9, 2_000), (100, 2_000), (5, 3_000)):
        head = market.exchange.head
        assert limited(market, most, window_ms).group.state is TRIGGERED
        assert market.told(head) == ["ORDER_GROUP_SET"]


def test_what_was_filled_long_ago_does_not_trigger_a_lowered_limit() -> None:
    market = quoting()
    placed(market, "ben", price=55, quantity=50)
    market.now += 5 * SECOND
    assert limited(market, 1).group.state is ACTIVE


def test_trigger_and_reset_by_hand_happen_once_and_while_suspended() -> None:
    market = quoting()
    market.play("root suspends in M")
    market.exchange.portion = 2
    head = market.exchange.head
    group = told(market, ask(market, TriggerGroup)).group
    assert (group.state, group.open_orders) == (TRIGGERED, 0)
    assert market.told(head) == ["ORDER_GROUP_TRIGGERED", *["ORDER_CANCELLED"] * 3]
    told(market, ask(market, TriggerGroup))
    told(market, ask(market, ResetGroup))
    told(market, ask(market, ResetGroup))
    assert market.told(head)[4:] == ["ORDER_GROUP_RESET"]


def test_a_reset_forgets_what_was_counted_before_it_was_too_much() -> None:
    market = quoting()
    placed(market, "ben", price=55, quantity=10)
    head = market.exchange.head
    assert told(market, ask(market, ResetGroup)).group.filled_in_window == 0
    assert market.told(head) == ["ORDER_GROUP_RESET"]
    told(market, ask(market, ResetGroup))
    assert market.told(head) == ["ORDER_GROUP_RESET"]
    assert market.order("ann", "55").is_live


def test_a_deleted_group_takes_its_orders_along() -> None:
    market = quoting()
    placed(market, "ann", price=3, quantity=1, client_order_id="free")
    head = market.exchange.head
    was = told(market, ask(market, DeleteGroup)).group
    assert (was.state, was.open_orders) == (DELETED, 3)
    assert {reason for _, _, reason in cancelled(market, head)} == {CancelReason.USER_CANCELLED}
    assert market.told(head)[-1] == "ORDER_GROUP_DELETED"
    assert not market.market().groups
    assert market.order("ann", "free").is_live
    assert refusal(market, ask(market, DeleteGroup)) == (Code.GROUP_NOT_FOUND, None)
    sell = market.wish("ann", YES, SELL, price=60, group_id="g")
    assert refusal(market, sell) == (Code.GROUP_NOT_FOUND, None)


def test_an_account_has_so_many_groups_in_a_market() -> None:
    market = Trading(ann=1_000, ben=1_000)
    for number in range(32):
        limited(market, 1, name=str(number))
    more = ask(market, SetGroup, name="more", max_fill_quantity=1, window_ms=100)
    assert refusal(market, more) == (Code.TOO_MANY_GROUPS, None)
    limited(market, 2, name="0")
    limited(market, 1, who="ben")
    market.create("N")


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_fill_quantity": 0},
        {"max_fill_quantity": 2**31},
        {"window_ms": 99},
        {"window_ms": 86_400_001},
        {"group_id": "no spaces"},
    ],
)
def test_what_a_group_may_be(wrong: dict[str, Any]) -> None:
    market = Trading(ann=1_000)
    members: dict[str, Any] = {"at": market.now, "user_id": "ann", "market_id": "M", "group_id": "g"}
    command = SetGroup(**members | {"max_fill_quantity": 1, "window_ms": 100} | wrong)
    assert refusal(market, command)[0] is Code.MALFORMED


def test_the_order_of_checks() -> None:
    market = Trading(ann=1_000)
    market.escrow("mm:1", "ann", fence=3)
    late: dict[str, Any] = {"valid_until": market.now - 1}
    kinds: list[tuple[type[AnyGroupCommand], dict[str, Any]]] = [
        (SetGroup, {"max_fill_quantity": 1, "window_ms": 100}),
        (ResetGroup, {}),
        (TriggerGroup, {}),
        (DeleteGroup, {}),
    ]
    for kind, more in kinds:
        base: dict[str, Any] = {"at": market.now, "group_id": "g", **more}
        codes = [
            market.refused(kind(**base, user_id="mm:1", market_id="X", fence=2, **late)).code,
            market.refused(kind(**base, user_id="ann", market_id="X", **late)).code,
            market.refused(kind(**base, user_id="ann", market_id="X")).code,
        ]
        assert codes == [Code.STALE_FENCE, Code.DEADLINE_PASSED, Code.MARKET_NOT_FOUND]
        unknown = Code.ACCOUNT_NOT_FOUND if kind is SetGroup else Code.GROUP_NOT_FOUND
        assert market.refused(kind(**base, user_id="nobody", market_id="M")).code is unknown
    limited(market, 1, who="ann")
    told(market, ask(market, SetGroup, "mm:1", max_fill_quantity=1, window_ms=100, fence=3))
    market.play("root halts in M: look")
    for kind, more in kinds:
        assert market.refused(ask(market, kind, **more)).code is Code.MARKET_NOT_OPEN


def test_groups_end_with_their_market_and_nobody_is_told() -> None:
    market = quoting()
    head = market.exchange.head
    market.play("root resolves YES in M")
    assert not market.market().groups
    assert not [event for event in market.told(head) if event.startswith("ORDER_GROUP")]
    assert market.status is MarketStatus.SETTLED


# Kept


def test_a_snapshot_keeps_what_a_group_has_counted() -> None:
    """Or the start after it would let as much trade again."""
    market = quoting()
    placed(market, "ben", price=55, quantity=60)
    restored = Exchange.restore(market.exchange.snapshot())
    group = restored.markets["M"].groups["ann"]["g"]
    assert (group.filled(market.now), group.room(market.now)) == (60, 40)


# Undone


def test_a_refused_batch_puts_groups_back() -> None:
    """One that counted, one that braked: as if nothing had been asked for."""
    market = quoting()
    limited(market, 5, who="ben", name="own")
    last = market.wish("ben", price=55, quantity=10**6)
    before = everything(market.exchange)
    wishes = (
        market.wish("ben", price=55, quantity=4, group_id="own"),
        market.wish("ben", price=60, quantity=50),
        market.wish("ben", price=60, quantity=46),
        last,
    )
    batch = AtomicBatch(at=market.now, user_id="ben", market_id="M", commands=wishes)
    assert refusal(market, batch)[0] is Code.BATCH_REFUSED
    assert differences(before, everything(market.exchange)) == []
    batch = AtomicBatch(at=market.now, user_id="ben", market_id="M", commands=wishes[:-1])
    assert isinstance(market.do(batch).answer, Batched)
    assert state(market).state is TRIGGERED
