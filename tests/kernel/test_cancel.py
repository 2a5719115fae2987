"""Cancelling: what comes back, and every reason for which an order stays."""

import pytest

from kernel.answers import Cancelled, Netting
from kernel.codes import Code, FrozenAssetType, OrderStatus
from kernel.commands import CancelByClientId, CancelOrder
from tests.kernel.trading import Trading


def test_a_cancel_gives_back_exactly_what_was_frozen() -> None:
    market = Trading(ann=10_000)
    market.play("ann buys 100 YES at 65 as x")
    answer = market.answer(Cancelled, "ann cancels x")
    assert (answer.unfrozen_amount, answer.unfrozen_asset_type) == (6_513, FrozenAssetType.FUNDS)
    assert (answer.order.status, answer.order.remaining_quantity) == (OrderStatus.CANCELLED, 100)
    assert market.holds("ann", available=10_000, frozen=0)


def test_a_cancelled_offer_frees_its_shares_for_netting() -> None:
    """9.1: shares come back, and then pairs that were not free before are free."""
    market = Trading(ann=10_000, ben=10_000)
    market.play("ann buys 10 YES at 50", "ben buys 10 NO at 50", "ann sells 10 YES at 90 as x")
    market.play("ann buys 6 NO at 20", "ben buys 6 YES at 80")
    assert market.holds("ann", yes=10, yes_pending=10, no=6)
    answer = market.answer(Cancelled, "ann cancels x")
    assert (answer.unfrozen_amount, answer.unfrozen_asset_type) == (10, FrozenAssetType.YES_SHARES)
    assert answer.netting == Netting(6, 600)
    assert market.holds("ann", yes=4, no=0)


def test_cancelling_is_refused_in_the_order_of_its_checks() -> None:
    """Exists, own, live, not halted: each order below fails the check named and all after it."""
    market = Trading(ann=10_000, ben=10_000)
    market.play("ann buys 1 YES at 50 as done", "ann cancels done", "ann buys 1 YES at 50 as open")
    market.play("root halts")

    def told(user_id: str, order_id: str) -> Code:
        return market.refused(CancelOrder(at=market.now, user_id=user_id, order_id=order_id)).code

    done, open_ = market.order("ann", "done").id, market.order("ann", "open").id
    assert told("ann", "0193f1c3-7b2e-7aa0-8d53-0a4c1c9e0002") is Code.ORDER_NOT_FOUND
    assert told("ann", "no uuid at all") is Code.ORDER_NOT_FOUND
    assert told("ben", done) is Code.NOT_ALLOWED
    assert told("nobody", done) is Code.NOT_ALLOWED
    assert told("ann", done) is Code.ORDER_CLOSED
    assert told("ann", open_) is Code.MARKET_NOT_OPEN


@pytest.mark.parametrize(
    ("user_id", "market_id", "name"),
    [("ann", "M", "y"), ("ann", "N", "x"), ("ben", "M", "x"), ("nobody", "M", "x"), ("ann", "NOWHERE", "x")],
)
def test_an_order_is_found_by_name_only_by_its_user_and_in_its_market(
    user_id: str, market_id: str, name: str
) -> None:
    market = Trading(ann=10_000, ben=10_000)
    market.create("N")
    market.play("ann buys 1 YES at 50 as x")
    wish = CancelByClientId(at=market.now, user_id=user_id, market_id=market_id, client_order_id=name)
    assert market.refused(wish).code is Code.ORDER_NOT_FOUND


def test_a_filled_order_can_no_longer_be_cancelled() -> None:
    market = Trading(ann=10_000, ben=10_000)
    market.play("ann buys 1 YES at 50 as x", "ben buys 1 NO at 50")
    refusal = market.refused("ann cancels x")
    assert refusal.code is Code.ORDER_CLOSED
    assert refusal.message == "Order is FILLED: it can no longer be cancelled"
