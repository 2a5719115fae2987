"""Atomic replace: cancel and place as one step, or neither; and the one refusal that changes something."""

import pytest

from kernel.answers import Replaced
from kernel.codes import CancelReason, Code, FrozenAssetType, OrderStatus
from kernel.commands import PlaceOrder, ReplaceOrder
from tests.kernel.language import command
from tests.kernel.trading import Trading


def quoting(**terms: int) -> Trading:
    """The AMM with 1000 pairs and 10000 cents; ann and ben with cash to meet it."""
    market = Trading(AMM=110_000, ann=100_000, ben=100_000, **terms)
    market.play("AMM mints 1000")
    return market


def replacing(
    market: Trading, old_order_id: str, line: str = "AMM sells 10 YES at 60 as new"
) -> ReplaceOrder:
    """A replacement whose old order no name leads to."""
    wish = command(market, line)
    assert isinstance(wish, PlaceOrder)
    return ReplaceOrder(
        at=wish.at,
        user_id=wish.user_id,
        client_order_id=wish.client_order_id,
        market_id=wish.market_id,
        terms=wish.terms,
        nonce=wish.nonce,
        old_order_id=old_order_id,
    )


def test_the_old_order_goes_and_the_new_one_comes_in_one_step() -> None:
    """SELL YES 100 @54 by SELL YES 100 @55: its 100 pending shares are released and taken again."""
    market = quoting()
    market.play("AMM sells 100 YES at 54 as old")
    head = market.exchange.head
    answer = market.answer(Replaced, "AMM replaces old, selling 100 YES at 55 as new")
    assert market.told(head) == ["ORDER_CANCELLED", "ORDER_ACCEPTED"]
    assert (answer.old.status, answer.old.cancel_reason) == (OrderStatus.CANCELLED, CancelReason.REPLACED)
    assert (answer.old.filled_quantity, answer.old.remaining_quantity) == (0, 100)
    assert (answer.new.order.book_price, answer.new.status) == (55, OrderStatus.OPEN)
    assert answer.new.order.replaces == answer.old.order.id
    assert answer.netting is None
    assert market.holds("AMM", yes_pending=100)
    assert market.market().book.depth() == ([], [(55, 100)])


@pytest.mark.parametrize(
    ("old", "meet", "filled", "remaining", "unfrozen", "asset"),
    [
        ("AMM sells 100 YES at 54", "ann buys 30 YES at 54", 30, 70, 70, FrozenAssetType.YES_SHARES),
        ("AMM buys 100 YES at 65", "ann buys 30 NO at 35", 30, 70, 4_560, FrozenAssetType.FUNDS),
        ("AMM sells 100 NO at 54", "ann buys 30 NO at 54", 30, 70, 70, FrozenAssetType.NO_SHARES),
    ],
)
def test_a_partly_filled_order_is_cancelled_and_nothing_is_placed(
    old: str, meet: str, filled: int, remaining: int, unfrozen: int, asset: FrozenAssetType
) -> None:
    """need(70) at 65 is 4550 + 10 of fee; of shares it is 70."""
    market = quoting()
    market.play(f"{old} as old", meet)
    head = market.exchange.head
    wish = "AMM replaces old, selling 100 YES at 90 as new"
    refusal = market.refused(wish)
    assert refusal.code is Code.REPLACE_PARTLY_FILLED
    order = market.order("AMM", "old")
    assert refusal.data == {
        "old_order_id": order.id,
        "old_order_status": "CANCELLED",
        "filled_quantity": filled,
        "remaining_quantity_cancelled": remaining,
        "unfrozen_amount": unfrozen,
        "unfrozen_asset_type": asset,
    }
    assert market.told(head) == ["ORDER_CANCELLED"]
    assert (order.status, order.cancel_reason) == (OrderStatus.CANCELLED, CancelReason.REPLACE_PARTIAL_FILL)
    assert market.holds("AMM", frozen=0, yes_pending=0, no_pending=0)
    # Whoever lost the answer may ask again: the same answer, and now nothing more happens.
    again = market.refused(wish)
    assert (again.code, again.data) == (refusal.code, refusal.data)
    assert market.told(head) == ["ORDER_CANCELLED"]


def test_a_replacement_joins_the_back_of_the_queue_even_at_its_old_price() -> None:
    market = quoting()
    market.play("AMM buys 5 YES at 40 as old", "ann buys 5 YES at 40 as a")
    market.play("AMM replaces old, buying 5 YES at 40 as new", "AMM sells 5 YES at 40")
    assert market.order("ann", "a").status is OrderStatus.FILLED
    assert market.order("AMM", "new").status is OrderStatus.OPEN


def test_a_replacement_may_trade_at_once() -> None:
    market = quoting()
    market.play("ann buys 10 YES at 50", "AMM sells 10 YES at 60 as old")
    answer = market.answer(Replaced, "AMM replaces old, selling 10 YES at 50 as new")
    assert answer.new.status is OrderStatus.FILLED
    assert market.prints() == ["10@50"]


def test_what_backed_the_old_order_backs_the_new_one() -> None:
    """All cash and all shares are bound: only with the old freeze released is there enough."""
    market = Trading(AMM=1_002)
    market.play("AMM buys 20 YES at 50 as old")
    assert market.holds("AMM", available=0, frozen=1_002)
    assert market.refused("AMM buys 1 YES at 1").code is Code.INSUFFICIENT_BALANCE
    market.play("AMM replaces old, buying 25 YES at 40 as new")
    assert market.holds("AMM", available=0, frozen=1_002)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("sells 10 YES at 60", "selling 11 YES at 60", Code.INSUFFICIENT_SHARES),
        ("sells 10 YES at 60", "selling 1 NO at 60", Code.INSUFFICIENT_SHARES),  # YES freed are no NO
        ("sells 10 YES at 60", "buying 10 YES at 60", Code.INSUFFICIENT_BALANCE),  # nor are they cash
        ("buys 1 YES at 9", "buying 1 YES at 11", Code.INSUFFICIENT_BALANCE),
        ("buys 1 YES at 9", "selling 11 YES at 60", Code.INSUFFICIENT_SHARES),  # nor is cash shares
    ],
)
def test_a_freed_asset_backs_only_its_own_kind(old: str, new: str, code: Code) -> None:
    """The AMM owns 10 pairs, of which the NO are on offer elsewhere, and 10 cents."""
    market = Trading(AMM=1_010)
    market.play("AMM mints 10", "AMM sells 10 NO at 99 as hedge", f"AMM {old} as old")
    assert market.refused(f"AMM replaces old, {new}").code is code


def test_a_refused_replacement_leaves_the_old_order_where_it_was() -> None:
    """Place in the queue and frozen amount included."""
    market = quoting()
    market.play("AMM buys 5 YES at 40 as old", "ann buys 5 YES at 40 as a")
    assert market.refused("AMM replaces old, buying 5 YES at 0").code is Code.PRICE_OUT_OF_RANGE
    assert market.order("AMM", "old").frozen == 201
    market.play("AMM sells 5 YES at 40")
    assert market.order("AMM", "old").status is OrderStatus.FILLED
    assert market.order("ann", "a").status is OrderStatus.OPEN


# The checks, in their order


def test_only_the_market_maker_replaces() -> None:
    """Before the body is looked at: an old order that does not exist makes no difference."""
    market = quoting()
    market.play("ann buys 5 YES at 40 as old")
    assert market.refused("ann replaces old, buying 5 YES at 41").code is Code.AMM_ONLY
    for user_id in ("ann", "nobody", "SYSTEM_RESERVE"):
        wish = replacing(market, "no order", f"{user_id} buys 5 YES at 41")
        assert market.refused(wish).code is Code.AMM_ONLY


def test_r1_comes_before_r2_a_used_name_before_an_unknown_old_order() -> None:
    market = quoting()
    market.play("AMM buys 5 YES at 40 as used")
    wish = replacing(market, "no order", "AMM sells 10 YES at 60 as used")
    assert market.refused(wish).code is Code.CLIENT_ORDER_ID_USED


def test_r1_a_repeated_replacement_is_answered_as_things_are_now() -> None:
    market = quoting()
    market.play("AMM buys 5 YES at 40 as old", "AMM replaces old, buying 6 YES at 40 as new")
    market.play("ann buys 2 NO at 60")
    answer = market.answer(Replaced, "AMM replaces old, buying 6 YES at 40 as new")
    assert answer.repeated
    assert answer.old.cancel_reason is CancelReason.REPLACED
    assert (answer.new.status, answer.new.filled_quantity) == (OrderStatus.PARTIALLY_FILLED, 2)


def test_r1_a_used_name_answers_only_for_the_same_old_order_and_request() -> None:
    """An unrelated hit must not look like success."""
    market = quoting()
    market.play("AMM buys 5 YES at 40 as old", "AMM buys 5 YES at 30 as other")
    market.play("AMM replaces old, buying 6 YES at 40 as new")
    for line in (
        "AMM replaces other, buying 6 YES at 40 as new",
        "AMM replaces old, buying 7 YES at 40 as new",
        "AMM replaces new, buying 5 YES at 30 as other",
    ):
        assert market.refused(line).code is Code.CLIENT_ORDER_ID_USED


def test_placed_and_replacing_orders_share_their_names() -> None:
    market = quoting()
    market.play("AMM buys 5 YES at 40 as old", "AMM replaces old, buying 6 YES at 40 as new")
    assert market.refused("AMM buys 7 YES at 40 as new").code is Code.CLIENT_ORDER_ID_USED


def test_r2_the_old_order_exists() -> None:
    market = quoting()
    refusal = market.refused(replacing(market, "no order"))
    assert (refusal.code, refusal.data) == (Code.REPLACE_NOT_FOUND, {"old_order_id": "no order"})


def test_r3_before_r4_it_is_ones_own_even_if_filled() -> None:
    market = quoting()
    market.play("ann buys 5 YES at 40 as a", "AMM sells 5 YES at 40")
    filled = market.order("ann", "a").id
    refusal = market.refused(replacing(market, filled))
    assert refusal.code is Code.REPLACE_NOT_OWN
    assert refusal.data == {"old_order_id": filled, "owner_user_id": "ann"}


def test_r4_before_r6_a_filled_order_is_told_even_when_the_market_is_closed() -> None:
    market = quoting()
    market.play("AMM buys 5 YES at 40 as old", "ann buys 5 NO at 60", "root suspends")
    refusal = market.refused("AMM replaces old, buying 6 YES at 40")
    assert refusal.code is Code.REPLACE_FILLED
    assert refusal.data == {"old_order_id": market.order("AMM", "old").id, "total_filled_quantity": 5}


def test_r5_before_r6_a_cancelled_order_is_told_even_when_the_market_is_closed() -> None:
    market = quoting()
    market.play("AMM buys 5 YES at 40 as old", "AMM cancels old", "root halts")
    refusal = market.refused("AMM replaces old, buying 6 YES at 40")
    assert refusal.code is Code.ORDER_CLOSED
    assert refusal.data == {
        "old_order_id": market.order("AMM", "old").id,
        "status": "CANCELLED",
        "cancel_reason": "USER_CANCELLED",
    }


def test_r5_a_partly_filled_order_that_the_user_cancelled_is_closed_not_6001() -> None:
    market = quoting()
    market.play("AMM buys 5 YES at 40 as old", "ann buys 2 NO at 60", "AMM cancels old")
    assert market.refused("AMM replaces old, buying 6 YES at 40").code is Code.ORDER_CLOSED


@pytest.mark.parametrize("brake", ["root suspends", "root halts"])
def test_r6_before_r7_a_closed_market_keeps_even_a_partly_filled_order(brake: str) -> None:
    """A market that stands still must not move: nothing is cancelled."""
    market = quoting()
    market.play("AMM buys 5 YES at 40 as old", "ann buys 2 NO at 60", brake)
    assert market.refused("AMM replaces old, buying 6 YES at 40").code is Code.MARKET_NOT_OPEN
    assert market.order("AMM", "old").is_live


def test_r7_before_r8_a_partly_filled_order_is_cancelled_even_for_another_market() -> None:
    market = quoting()
    market.create("N")
    market.play("AMM buys 5 YES at 40 as old", "ann buys 2 NO at 60")
    assert market.refused("AMM replaces old, buying 6 YES at 40 in N").code is Code.REPLACE_PARTLY_FILLED


def test_r8_before_r9_another_market_before_a_bad_price() -> None:
    market = quoting()
    market.create("N")
    market.play("AMM buys 5 YES at 40 as old")
    for market_id in ("N", "NOWHERE"):
        refusal = market.refused(f"AMM replaces old, buying 6 YES at 0 in {market_id}")
        assert refusal.code is Code.REPLACE_OTHER_MARKET
        assert refusal.data == {"old_market_id": "M", "new_market_id": market_id}


@pytest.mark.parametrize(
    ("new", "code"),
    [
        ("buying 20000 YES at 0", Code.PRICE_OUT_OF_RANGE),
        ("buying 10001 YES at 99", Code.LIMIT_EXCEEDED),
        ("selling 0 YES at 50", Code.LIMIT_EXCEEDED),
        ("selling 9999 YES at 99", Code.INSUFFICIENT_SHARES),
        ("buying 9999 YES at 99", Code.INSUFFICIENT_BALANCE),
    ],
)
def test_r9_before_r10_terms_before_backing(new: str, code: Code) -> None:
    """20000 at 0 fails price, quantity and backing; 9999 at 99 is within every limit, and too much."""
    market = quoting()
    market.play("AMM buys 5 YES at 40 as old")
    assert market.refused(f"AMM replaces old, {new}").code is code


def test_the_market_maker_has_no_self_trade_check_and_no_position_limit() -> None:
    """Its orders meet each other by ordinary priority, as a placed one would."""
    market = quoting(max_position_per_user=10)
    market.play("AMM sells 10 YES at 60", "AMM buys 10 YES at 50 as old")
    market.play("AMM replaces old, buying 20 YES at 60 as new")
    assert market.prints() == ["10@60"]
