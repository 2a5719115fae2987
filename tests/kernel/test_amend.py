"""Amending: what it costs to the cent, who keeps the place in the queue, and every reason for a no."""

from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.answers import Amended, Netting, Placed, Refusal
from kernel.codes import (
    RESERVE_ID,
    CancelReason,
    Code,
    Direction,
    OrderStatus,
    SelfTradeMode,
    Side,
    TradingMode,
)
from kernel.commands import AmendOrder, AnyCommand, CancelOrder, SetMarketMode
from kernel.events import OrderAmended, OrderCancelled
from kernel.exchange import Exchange
from tests.kernel.language import command
from tests.kernel.test_worked_examples import STORY, story
from tests.kernel.trading import SECOND, Trading


def halfway() -> Trading:
    """The sixth published example before its cancel: E buys 100 YES at 65, 17 filled, 5406 frozen."""
    market = story(5)
    market.play(*STORY[5][:-1])
    order = market.order("E", "e")
    assert (order.filled, order.frozen) == (17, 5_406)
    return market


def amended(market: Trading) -> OrderAmended:
    """The last amend that happened."""
    return next(fact.event for fact in reversed(market.facts) if isinstance(fact.event, OrderAmended))


def queue(market: Trading, price: int, *, bids: bool = True) -> list[str]:
    half = market.market().book.bids if bids else market.market().book.asks
    return [order.client_order_id for order in half.queue(price)]


def cancelled(market: Trading, since: int) -> list[str]:
    """The names of the orders that were cancelled, in order."""
    return [
        market.exchange.orders[fact.event.order_id].client_order_id
        for fact in market.facts
        if fact.id > since and isinstance(fact.event, OrderCancelled)
    ]


def last_entry(market: Trading) -> int:
    return market.exchange.ledger_head


# The published example


def test_a_decrease_gives_back_what_it_no_longer_needs() -> None:
    market = halfway()
    before, entries = market.exchange.head, last_entry(market)
    answer = market.answer(Amended, "E amends e to 60")
    assert (answer.changed, answer.kept_priority, answer.netting) == (True, True, None)
    assert (answer.order.terms.quantity, answer.order.remaining_quantity) == (60, 43)
    assert (answer.order.filled_quantity, answer.order.frozen_amount) == (17, 2_801)
    assert answer.order.status is OrderStatus.PARTIALLY_FILLED
    assert market.told(before) == ["ORDER_AMENDED"]
    (entry,) = market.entries(entries + 1)
    assert (entry.account, entry.entry_type, entry.amount) == ("E", "ORDER_UNFREEZE", 2_605)
    event = amended(market)
    assert (event.previous_price, event.previous_quantity) == (65, 100)
    assert (event.original_price, event.book_price, event.quantity) == (65, 65, 60)
    assert (event.filled_qty, event.remaining_qty, event.frozen_amount) == (17, 43, 2_801)
    assert event.kept_priority
    assert market.market().book.depth()[0] == [(65, 43)]


def test_another_price_costs_the_difference_and_the_place() -> None:
    market = halfway()
    market.play("E amends e to 60")
    entries = last_entry(market)
    answer = market.answer(Amended, "E amends e at 66")
    assert (answer.changed, answer.kept_priority) == (True, False)
    assert answer.order.frozen_amount == 2_844
    (entry,) = market.entries(entries + 1)
    assert (entry.account, entry.entry_type, entry.amount) == ("E", "ORDER_FREEZE", -43)
    assert market.market().book.depth()[0] == [(66, 43)]
    assert market.order("E", "e").amend_count == 2


def test_what_is_so_already_changes_nothing_however_often_it_is_asked_for() -> None:
    market = halfway()
    market.play("E amends e to 60 at 66")
    for line in ("E amends e at 66", "E amends e to 60", "E amends e to 60 at 66"):
        answer = market.answer(Amended, line)
        assert (answer.changed, answer.kept_priority, answer.netting) == (False, True, None)
        assert answer.order.amend_count == 1


def test_a_quantity_that_is_filled_already_does_not_end_the_order() -> None:
    market = halfway()
    market.play("E amends e to 60 at 66")
    for quantity in (17, 16, 0, -5):
        for price in ("", " at 60"):
            refusal = market.refused(f"E amends e to {quantity}{price}")
            assert (refusal.code, refusal.data) == (Code.NOT_ABOVE_FILLED, {"filled_quantity": 17})
    market.play("E amends e to 18")
    assert market.order("E", "e").remaining == 1


# The place in the queue


def three() -> Trading:
    market = Trading(ann=100_000, ben=100_000, cat=100_000)
    market.play("ann buys 10 YES at 40 as a", "ben buys 10 YES at 40 as b", "cat buys 10 YES at 40 as c")
    return market


def test_a_decrease_keeps_the_place_and_a_larger_quantity_loses_it() -> None:
    market = three()
    market.play("ann amends a to 4")
    assert queue(market, 40) == ["a", "b", "c"]
    assert market.market().book.depth()[0] == [(40, 24)]
    market.play("ann amends a to 5")
    assert queue(market, 40) == ["b", "c", "a"]
    market.play("ben amends b at 41", "ben amends b at 40")
    assert queue(market, 40) == ["c", "a", "b"]
    numbers = [market.order(name, name[0]).priority_seq for name in ("cat", "ann", "ben")]
    assert numbers == sorted(numbers)
    assert numbers[0] == market.order("cat", "c").accepted_seq


def test_a_seller_meets_them_in_that_order() -> None:
    market = three()
    market.open("dan", 10_000)
    market.play("ann amends a to 15", "dan buys 12 NO at 60")
    assert market.order("ben", "b").status is OrderStatus.FILLED
    assert market.order("cat", "c").remaining == 8
    assert market.order("ann", "a").remaining == 15


def test_an_order_of_no_moves_on_its_own_side_of_the_book() -> None:
    market = three()
    market.play("ann cancels a", "ann buys 5 NO at 30 as n", "ann amends n at 35")
    event = amended(market)
    assert (event.original_price, event.book_price) == (35, 65)
    assert queue(market, 65, bids=False) == ["n"]
    assert market.order("ann", "n").terms.price == 35


def test_cancels_of_many_and_settlements_stay_in_acceptance_order() -> None:
    """A move changes who is served first, and not who came first."""
    market = three()
    market.play("ann buys 1 YES at 39 as later", "ann amends a at 38", "cat amends c at 42")
    market.exchange.portion = 1
    head = market.exchange.head
    market.play("root resolves YES")
    assert cancelled(market, head) == ["a", "b", "c", "later"]


def test_a_market_maker_that_moves_its_quotes_cancels_them_in_acceptance_order() -> None:
    market = Trading(AMM=100_000)
    market.play("AMM mints 100", *(f"AMM sells 5 YES at {price} as q{price}" for price in (60, 61, 62)))
    market.play("AMM amends q60 at 70", "AMM amends q61 to 9")
    head = market.exchange.head
    market.play("AMM cancels everything")
    assert cancelled(market, head) == ["q60", "q61", "q62"]


# A move trades


def test_a_move_takes_at_taker_rates_and_what_is_left_rests() -> None:
    """10 taken at 50 by a buyer who bid 52: 500 and 1 of fee, and 20 at 52 need 1040 and 3."""
    market = Trading(ann=10_000, ben=10_000)
    market.play("ben buys 10 NO at 50", "ann buys 30 YES at 40 as x")
    head = market.exchange.head
    answer = market.answer(Amended, "ann amends x at 52")
    assert market.told(head) == ["ORDER_AMENDED", "ORDER_MATCHED"]
    assert (answer.order.filled_quantity, answer.order.remaining_quantity) == (10, 20)
    assert answer.order.status is OrderStatus.PARTIALLY_FILLED
    assert market.trades[-1].price == 50
    assert (market.trades[-1].maker_fee, market.trades[-1].taker_fee) == (1, 1)
    assert market.holds("ann", available=10_000 - 500 - 1 - 1_043, frozen=1_043, yes=10)
    assert queue(market, 52) == ["x"]


def test_a_move_that_trades_in_full_leaves_nothing_behind() -> None:
    market = Trading(ann=10_000, ben=10_000)
    market.play("ben buys 30 NO at 50", "ann buys 30 YES at 40 as x", "ann amends x at 55")
    order = market.order("ann", "x")
    assert (order.status, order.frozen) == (OrderStatus.FILLED, 0)
    assert order not in market.position("ann").live
    assert market.market().book.count == 0
    refusal = market.refused("ann amends x at 56")
    assert (refusal.code, refusal.data) == (Code.ORDER_CLOSED, {"status": "FILLED", "cancel_reason": None})


def test_a_partly_filled_order_trades_only_what_is_left_of_it() -> None:
    market = Trading(ann=10_000, ben=10_000, cat=10_000)
    market.play("ann buys 30 YES at 40 as x", "ben buys 12 NO at 60", "cat buys 50 NO at 55")
    answer = market.answer(Amended, "ann amends x to 40 at 45")
    assert (answer.order.status, answer.order.filled_quantity) == (OrderStatus.FILLED, 40)
    assert market.prints()[-1] == "28@45"


def test_shares_that_an_offer_gives_back_are_netted() -> None:
    market = Trading(ann=10_000, ben=10_000)
    market.play("ann buys 10 YES at 50", "ben buys 10 NO at 50", "ann sells 10 YES at 90 as x")
    market.play("ann buys 6 NO at 20", "ben buys 6 YES at 80")
    assert market.holds("ann", yes=10, yes_pending=10, no=6)
    head, entries = market.exchange.head, last_entry(market)
    answer = market.answer(Amended, "ann amends x to 7")
    assert market.told(head) == ["ORDER_AMENDED", "NETTING_EXECUTED"]
    assert answer.netting == Netting(3, 300)
    assert market.holds("ann", yes=7, yes_pending=7, no=3)
    assert [(entry.account, entry.entry_type, entry.amount) for entry in market.entries(entries + 1)] == [
        ("ann", "NETTING", 300),
        (RESERVE_ID, "NETTING_RESERVE_OUT", -300),
    ], "for shares there is no entry"
    assert amended(market).positions[0].yes_pending_sell == 7
    market.play("ann amends x to 4 at 95")
    assert market.holds("ann", yes=4, yes_pending=4, no=0)


def test_an_offer_may_grow_by_the_shares_that_are_free() -> None:
    market = Trading(ann=10_000, ben=10_000)
    market.play("ann buys 10 YES at 50", "ben buys 10 NO at 50", "ann sells 4 YES at 90 as x")
    market.play("ann amends x to 10")
    assert market.holds("ann", yes=10, yes_pending=10)
    assert market.refused("ann amends x to 11").code is Code.INSUFFICIENT_SHARES


def test_a_buy_may_cost_the_last_cent_and_no_more() -> None:
    """100 at 50 need 5010; of 10 000 there are 4990 left, which is what 99 more at 50 need, and 30 at 51."""
    market = Trading(ann=10_000)
    market.play("ann buys 100 YES at 50 as x")
    assert market.refused("ann amends x to 200").code is Code.INSUFFICIENT_BALANCE
    market.play("ann amends x to 199")
    assert market.holds("ann", available=10_000 - 9_970, frozen=9_970)


# The order of the checks


def test_amending_is_refused_in_the_order_of_its_checks() -> None:
    """Each amend below fails the check named and, where it can, all after it."""
    market = Trading(ann=1_900, ben=10_000, max_position_per_user=30, max_order_quantity=40)
    market.play("ann buys 1 YES at 50 as done", "ann cancels done", "ann buys 10 YES at 50 as open")
    market.play("ben buys 4 NO at 50", "ann sells 1 YES at 70 as offer")

    def told(name: str, user_id: str = "ann", **wished: Any) -> Refusal:
        known = market.exchange.accounts["ann"].orders.get(name)
        order_id = known.id if known is not None else "nothing"
        return market.refused(AmendOrder(at=market.now, user_id=user_id, order_id=order_id, **wished))

    assert told("none", price=200).code is Code.ORDER_NOT_FOUND
    assert told("done", "ben", price=200).code is Code.NOT_ALLOWED
    assert told("done", "nobody", price=200).code is Code.NOT_ALLOWED
    assert told("done", price=200, valid_until=market.now - 1).code is Code.DEADLINE_PASSED
    closed = told("done", price=200, quantity=0, valid_until=market.now)
    assert (closed.code, closed.data) == (
        Code.ORDER_CLOSED,
        {"status": "CANCELLED", "cancel_reason": "USER_CANCELLED"},
    )
    market.play("root suspends")
    assert told("open", price=200, quantity=0).code is Code.MARKET_NOT_OPEN, "no move"
    assert told("open", quantity=0).code is Code.NOT_ABOVE_FILLED, "but a decrease"
    market.play("root resumes")
    assert told("open", price=200, quantity=4).code is Code.NOT_ABOVE_FILLED
    assert told("open", price=200, quantity=50_000).code is Code.PRICE_OUT_OF_RANGE
    assert told("open", quantity=41).code is Code.LIMIT_EXCEEDED
    assert "Quantity" in told("open", quantity=41).message
    assert "Position" in told("open", price=70, quantity=31).message, "4 held, 27 more"
    assert told("open", price=70, quantity=30).code is Code.SELF_TRADE
    assert told("open", price=69, quantity=30).code is Code.INSUFFICIENT_BALANCE
    assert told("offer", price=40, quantity=4).code is Code.SELF_TRADE
    assert told("offer", quantity=5).code is Code.INSUFFICIENT_SHARES


def test_nothing_to_change_is_no_amend() -> None:
    market = Trading(ann=1_000)
    market.play("ann buys 1 YES at 50 as x")
    assert market.refused("ann amends x").code is Code.MALFORMED


@pytest.mark.parametrize("member", ["price", "quantity"])
def test_a_number_that_no_journal_holds_is_malformed(member: str) -> None:
    market = Trading(ann=1_000)
    market.play("ann buys 1 YES at 50 as x")
    wished: dict[str, Any] = {member: 2**63}
    order_id = market.order("ann", "x").id
    refusal = market.refused(AmendOrder(at=market.now, user_id="ann", order_id=order_id, **wished))
    assert refusal.code is Code.MALFORMED


def test_a_name_is_looked_for_in_the_market_that_is_named() -> None:
    market = Trading(ann=1_000)
    market.create("N")
    market.play("ann buys 1 YES at 50 as x")
    assert market.refused("ann amends x at 51 in N").code is Code.ORDER_NOT_FOUND
    assert market.refused("ann amends y at 51").code is Code.ORDER_NOT_FOUND
    assert market.refused("nobody amends x at 51").code is Code.ORDER_NOT_FOUND


def test_the_position_limit_counts_an_order_with_what_is_left_of_it() -> None:
    """10 held of the order's 20; 20 more are on order, and the limit is 30."""
    market = Trading(ann=10_000, ben=10_000, max_position_per_user=30)
    market.play("ann buys 20 YES at 50 as x", "ben buys 10 NO at 50")
    assert market.refused("ann amends x to 31").code is Code.LIMIT_EXCEEDED
    market.play("ann amends x to 30 at 49")
    market.play("ann amends x to 29", "ann buys 1 YES at 48 as y")
    assert market.refused("ann amends y to 2").code is Code.LIMIT_EXCEEDED


# Where the market stands still


def test_a_decrease_is_allowed_where_a_cancel_is() -> None:
    market = three()
    market.play("root suspends", "ann amends a to 9")
    assert market.refused("ann amends a to 10").code is Code.MARKET_NOT_OPEN
    assert market.refused("ann amends a at 41").code is Code.MARKET_NOT_OPEN
    market.play("root halts")
    assert market.refused("ann amends a to 8").code is Code.MARKET_NOT_OPEN
    answer = market.answer(Amended, "ann amends a to 9 at 40")
    assert not answer.changed, "what is so already is so in a halted market, too"


def test_a_move_keeps_to_the_trading_window() -> None:
    market = Trading(ann=10_000)
    market.create("N", terms={"trading_end_at": market.now + 10 * SECOND})
    market.play("ann buys 5 YES at 50 as x in N")
    market.now += 20 * SECOND
    assert market.refused("ann amends x at 51 in N").code is Code.MARKET_NOT_OPEN
    market.play("ann amends x to 4 in N")


def test_an_order_of_a_market_that_is_being_closed_is_final() -> None:
    market = three()
    market.exchange.portion = 1
    market.step(command(market, "root resolves YES"))
    assert market.order("cat", "c").is_live, "its portion is still to come"
    refusal = market.refused("cat amends c to 1")
    assert refusal.code is Code.ORDER_CLOSED
    assert refusal.data == {"status": "CANCELLED", "cancel_reason": "MARKET_RESOLVED"}


def test_a_market_found_broken_is_halted_and_the_order_stays() -> None:
    market = three()
    market.market().reserve += 100
    answer = market.exchange.execute(
        AmendOrder(at=market.now, user_id="ann", order_id=market.order("ann", "a").id, price=41)
    ).answer
    assert isinstance(answer, Refusal)
    assert answer.code is Code.INTERNAL
    assert market.status == "HALTED"
    assert market.order("ann", "a").terms.price == 40


# A move that meets an order of its owner


def own_in_the_way(mode: SelfTradeMode) -> Trading:
    """Ann bids 20 YES at 40 in this mode; at 55 ben offers 10 ahead of 5 of her own, and 30 at 56."""
    market = Trading(ann=10_000, ben=10_000)
    wish = market.wish("ann", price=40, quantity=20, client_order_id="x")
    market.do(msgspec.structs.replace(wish, terms=msgspec.structs.replace(wish.terms, self_trade_mode=mode)))
    market.play("ben buys 10 NO at 45", "ann buys 5 NO at 45 as own", "ben buys 30 NO at 44")
    return market


def test_a_move_cancels_the_own_orders_it_meets_if_it_said_so() -> None:
    market = own_in_the_way(SelfTradeMode.CANCEL_MAKER)
    own = market.order("ann", "own").id
    answer = market.answer(Amended, "ann amends x at 56")
    assert market.prints() == ["10@55", "10@56"]
    assert answer.self_trade_cancelled == (own,)
    assert answer.order.status is OrderStatus.FILLED


def test_a_move_ends_where_an_own_order_is_next_if_it_said_so() -> None:
    """It left its queue when it moved, and never came to stand in another."""
    market = own_in_the_way(SelfTradeMode.CANCEL_TAKER)
    head = market.exchange.head
    answer = market.answer(Amended, "ann amends x at 56")
    assert market.told(head) == ["ORDER_AMENDED", "ORDER_MATCHED", "ORDER_CANCELLED"]
    assert (answer.order.status, answer.order.cancel_reason) == (
        OrderStatus.CANCELLED,
        CancelReason.SELF_TRADE,
    )
    assert (answer.order.filled_quantity, answer.order.frozen_amount) == (10, 0)
    assert list(market.position("ann").live) == [market.order("ann", "own")]


# Post-only, and the modes of a market


def facing() -> Trading:
    """Ann bids 40, ben offers at 60 and at 65, and cat has cash."""
    market = Trading(ann=10_000, ben=10_000, cat=10_000)
    market.play("ann buys 10 YES at 40 as x", "ben buys 10 NO at 40", "ben buys 10 NO at 35")
    return market


def test_a_post_only_amend_does_not_take() -> None:
    market = facing()
    for price in (60, 61, 99):
        refusal = market.refused(f"ann amends x at {price} post-only")
        assert (refusal.code, refusal.data) == (Code.POST_ONLY_WOULD_TAKE, {"best_price_cents": 60})
    market.play("ann amends x at 59 post-only", "ann amends x at 60")
    assert market.order("ann", "x").status is OrderStatus.FILLED, "asked for in one amend, not for ever"


def test_an_order_that_is_post_only_stays_it_in_each_amend() -> None:
    market = facing()
    wish = market.wish("cat", Side.NO, price=50, client_order_id="y")
    market.do(msgspec.structs.replace(wish, terms=msgspec.structs.replace(wish.terms, post_only=True)))
    refusal = market.refused("cat amends y at 60")
    assert (refusal.code, refusal.data) == (Code.POST_ONLY_WOULD_TAKE, {"best_price_cents": 40})
    market.play("cat amends y at 59")


def test_what_a_mode_forbids_of_an_order_it_forbids_of_a_move() -> None:
    market = facing()
    set_mode(market, TradingMode.POST_ONLY)
    refusal = market.refused("ann amends x at 60")
    assert (refusal.code, refusal.data) == (Code.NOT_IN_THIS_MODE, {"trading_mode": "POST_ONLY"})
    assert market.refused("ann amends x at 60 post-only").code is Code.POST_ONLY_WOULD_TAKE
    market.play("ann amends x at 59")
    set_mode(market, TradingMode.CANCEL_ONLY)
    refusal = market.refused("ann amends x to 0 at 58")
    assert (refusal.code, refusal.data) == (Code.NOT_IN_THIS_MODE, {"trading_mode": "CANCEL_ONLY"})
    market.play("ann amends x to 9", "ann amends x to 9 at 59")


def set_mode(market: Trading, mode: TradingMode) -> None:
    market.do(SetMarketMode(at=market.now, market_id="M", mode=mode, by="root"))


# With everything else


def test_the_name_stands_for_the_order_as_it_was_accepted() -> None:
    """The same request is answered with the order as it is now; its present terms are another request."""
    market = Trading(ann=10_000)
    market.play("ann buys 10 YES at 50 as x")
    first = market.wish("ann", price=50, quantity=10, client_order_id="x")
    market.play("ann amends x to 5 at 51")
    repeated = market.do(first).answer
    assert isinstance(repeated, Placed)
    assert repeated.repeated
    assert repeated.order.terms.quantity == 5
    now = market.wish("ann", price=51, quantity=5, client_order_id="x")
    assert market.refused(now).code is Code.CLIENT_ORDER_ID_USED


def test_an_untouched_amended_order_can_be_replaced() -> None:
    market = Trading(AMM=10_000)
    market.play("AMM mints 20", "AMM sells 10 YES at 60 as old", "AMM amends old to 12 at 61")
    market.play("AMM replaces old, selling 15 YES at 62 as new")
    assert market.order("AMM", "old").cancel_reason is CancelReason.REPLACED
    assert market.holds("AMM", yes=20, yes_pending=15)


def test_a_sub_account_amends_by_its_fence_alone() -> None:
    market = Trading(ann=10_000, ben=10_000)
    market.escrow("mm:1", "ann", fence=3)
    market.play("ann gives mm:1 5000 cents", "mm:1 buys 10 YES at 40 as q with fence 3")
    assert market.refused("mm:1 amends q at 41 with fence 2").code is Code.STALE_FENCE
    assert market.refused("mm:1 amends q at 41").code is Code.STALE_FENCE
    assert market.refused("ann amends q at 41").code is Code.ORDER_NOT_FOUND
    market.play("mm:1 amends q at 41 with fence 4")
    market.play("ann buys 5 NO at 40 as own")
    refusal = market.refused("mm:1 amends q at 60 with fence 4")
    assert refusal.code is Code.SELF_TRADE, "its owner's other account counts"
    market.play("ben buys 3 NO at 45")
    assert market.refused("mm:1 amends q to 10 at 60 with fence 4").code is Code.SELF_TRADE


def test_the_market_maker_may_meet_its_own_orders_in_a_move() -> None:
    market = Trading(AMM=10_000)
    market.play("AMM mints 20", "AMM sells 10 YES at 60", "AMM buys 4 YES at 50 as bid")
    market.play("AMM amends bid at 60")
    assert market.prints() == ["4@60"]


def test_an_amend_in_the_instant_of_a_fill_sees_what_the_fill_left() -> None:
    """Both are decided at one time, in the order in which they came."""
    market = Trading(ann=10_000, ben=10_000)
    market.play("ann buys 10 YES at 50 as x")
    market.do(market.wish("ben", side=Side.NO, price=50, quantity=7))
    order_id = market.order("ann", "x").id
    refusal = market.refused(AmendOrder(at=market.now, user_id="ann", order_id=order_id, quantity=7))
    assert (refusal.code, refusal.data) == (Code.NOT_ABOVE_FILLED, {"filled_quantity": 7})
    market.do(AmendOrder(at=market.now, user_id="ann", order_id=order_id, quantity=8))
    assert market.order("ann", "x").remaining == 1


# Whatever people do


class Act(NamedTuple):
    kind: str
    who: str
    side: Side
    direction: Direction
    price: int
    quantity: int
    number: int
    """Which of the orders that were ever accepted, where it is about one of them."""


acts = st.builds(
    Act,
    st.sampled_from(["place", "place", "cancel", "price", "quantity", "both", "post-only"]),
    st.sampled_from(["ann", "ben", "cat"]),
    st.sampled_from(Side),
    st.sampled_from(Direction),
    st.integers(46, 54),
    st.integers(1, 12),
    st.integers(0, 30),
)


def wish_of(market: Trading, act: Act) -> AnyCommand:
    orders = list(market.exchange.orders.values())
    if act.kind == "place" or not orders:
        return market.wish(act.who, act.side, act.direction, price=act.price, quantity=act.quantity)
    order = orders[act.number % len(orders)]
    user_id = order.account.id
    if act.kind == "cancel":
        return CancelOrder(at=market.now, user_id=user_id, order_id=order.id)
    return AmendOrder(
        at=market.now,
        user_id=user_id,
        order_id=order.id,
        price=None if act.kind == "quantity" else act.price,
        quantity=None if act.kind == "price" else act.quantity,
        post_only=act.kind == "post-only",
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(acts, max_size=30))
def test_whatever_is_placed_cancelled_and_amended_each_queue_is_in_the_order_of_joining_it(
    played: list[Act],
) -> None:
    """Beside what holds after every command: the audit is clean, and replay and a snapshot agree."""
    market = Trading(ann=100_000, ben=100_000, cat=100_000)
    market.play("ann buys 40 YES at 50", "ben buys 40 NO at 50")
    joined: list[str] = []
    """Ids in the order in which they came to the back of a queue."""
    for act in played:
        before = {order.id: order.terms for order in market.exchange.orders.values()}
        wish = wish_of(market, act)
        if isinstance(market.do(wish).answer, Refusal):
            continue
        for order_id, order in market.exchange.orders.items():
            was = before.get(order_id)
            if was is None:
                joined.append(order_id)
            elif was != order.terms and (
                was.price != order.terms.price or was.quantity < order.terms.quantity
            ):
                joined.remove(order_id)
                joined.append(order_id)
        for half in (market.market().book.bids, market.market().book.asks):
            for price in range(1, 100):
                standing = [order.id for order in half.queue(price)]
                assert standing == sorted(standing, key=joined.index)
        live = list(market.market().book.live)
        assert [order.accepted_seq for order in live] == sorted(order.accepted_seq for order in live)


def test_an_amended_exchange_goes_on_alike_from_its_journal_and_from_a_snapshot() -> None:
    """After a crash it has the same queues: the next seller meets the same buyers."""
    market = three()
    market.play("ann amends a to 15", "ben amends b to 3", "cat amends c at 39", "cat amends c at 40")
    market.open("dan", 10_000)
    wish = market.wish("dan", Side.NO, price=60, quantity=25)
    again = Exchange.restore(market.exchange.snapshot())
    replayed = Exchange()
    for fact in market.facts:
        replayed.apply(fact)
    facts = market.do(wish).facts
    assert again.execute(wish).facts == replayed.execute(wish).facts == facts
    assert market.order("ben", "b").status is OrderStatus.FILLED
    assert market.order("ann", "a").status is OrderStatus.FILLED
    assert market.order("cat", "c").remaining == 3
