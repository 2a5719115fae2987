"""Where two rules meet in one command: each holds, and it is said which comes first."""

from kernel.answers import Amended, Batched, Placed, Refusal
from kernel.codes import CancelReason, Code, OrderStatus, TradingMode
from kernel.commands import AtomicBatch, FireGuard, PlaceOrder, SetGuard, SetMarketMode
from kernel.events import OrderCancelled
from tests.kernel.language import command
from tests.kernel.trading import SECOND, Trading


def two_accounts() -> Trading:
    """Ann and her sub-account, which holds a fence nobody else knows; ben, who quotes 50 to 60."""
    market = Trading(ann=100_000, ben=100_000)
    market.escrow("mm:1", "ann", fence=7)
    market.play("ann gives mm:1 10000 cents")
    market.play("ben buys 10 YES at 50 as bid", "ben buys 10 NO at 40 as ask")
    return market


def reasons(market: Trading, since: int) -> list[tuple[str, CancelReason]]:
    """Whose orders were cancelled, and why, after one journal id."""
    return [
        (fact.event.user_id, fact.event.cancel_reason)
        for fact in market.facts
        if fact.id > since and isinstance(fact.event, OrderCancelled)
    ]


def test_an_own_order_that_is_overdue_expires_and_gives_way_to_nobody() -> None:
    """In the microsecond of its end it is no maker any more; the one behind it is."""
    market = two_accounts()
    market.play("ann buys 5 NO at 42 for 10 s as short", "ann buys 5 NO at 41 as long")
    ends = market.order("ann", "short").terms.expires_at
    assert ends is not None
    market.now, head = ends - SECOND, market.exchange.head
    answer = market.answer(Placed, "ann buys 20 YES at 60 CANCEL_MAKER")
    assert market.told(head)[:2] == ["ORDER_CANCELLED", "ORDER_ACCEPTED"]
    assert reasons(market, head) == [("ann", CancelReason.EXPIRED), ("ann", CancelReason.SELF_TRADE)]
    assert answer.self_trade_cancelled == (market.order("ann", "long").id,)


def test_where_nobody_may_take_no_own_order_is_cancelled_either() -> None:
    """Without the mode the order would cancel ann's ask and rest: it takes nothing, but it is not let in."""
    market = two_accounts()
    market.play("ann buys 5 NO at 42 as ask")
    mode = SetMarketMode(at=market.now, market_id="M", mode=TradingMode.POST_ONLY, by="root")
    market.do(mode)
    assert market.refused("ann buys 5 YES at 58 CANCEL_MAKER").code is Code.NOT_IN_THIS_MODE
    assert market.order("ann", "ask").is_live
    market.play("ann buys 5 YES at 57 CANCEL_MAKER as rests")
    assert market.order("ann", "rests").is_live


def test_an_amend_makes_a_sub_account_give_way_without_its_fence() -> None:
    """The worker that holds the sub-account learns of it by the reason."""
    market = two_accounts()
    market.play("mm:1 buys 5 NO at 45 as offer with fence 7", "ann buys 9 YES at 48 CANCEL_MAKER as mine")
    head = market.exchange.head
    answer = market.answer(Amended, "ann amends mine to 12 at 60")
    assert reasons(market, head) == [("mm:1", CancelReason.SELF_TRADE)]
    assert answer.self_trade_cancelled == (market.order("mm:1", "offer").id,)
    assert market.prints() == ["10@60"]
    assert market.order("ann", "mine").remaining == 2


def test_a_refused_batch_leaves_what_was_due_undone_and_nothing_else() -> None:
    """The expiry stands. What the batch had placed for a while never ends: it never was."""
    market = two_accounts()
    market.play("ann buys 5 YES at 45 for 10 s as short", "ann buys 5 YES at 45 as first")
    market.play("ben buys 5 YES at 45 as second")
    ends = market.order("ann", "short").terms.expires_at
    assert ends is not None
    market.now, head = ends, market.exchange.head
    move = market.wish("ann", price=45, quantity=9, client_order_id="brief")
    batch = AtomicBatch(
        at=market.now,
        user_id="ann",
        market_id="M",
        commands=(
            market.wish("ann", price=46, quantity=9, client_order_id="brief"),
            market.wish("ann", price=47, quantity=0),
        ),
    )
    outcome = market.do(batch)
    assert isinstance(outcome.answer, Refusal)
    assert reasons(market, head) == [("ann", CancelReason.EXPIRED)]
    assert market.told(head) == ["ORDER_CANCELLED"]
    queue = [order.client_order_id for order in market.market().book.bids.orders()]
    assert queue == ["first", "second", "bid"]
    assert not isinstance(market.do(move).answer, Refusal), "the name was never used"


def test_a_guard_takes_what_is_left_and_calls_the_rest_by_its_name() -> None:
    market = two_accounts()
    market.do(SetGuard(at=market.now, user_id="ann", grace_ms=1_000))
    market.play("ann buys 5 YES at 45 for 10 s as short", "ann buys 5 YES at 44 as long")
    market.now = market.order("ann", "short").terms.expires_at or 0
    head = market.exchange.head
    market.do(FireGuard(at=market.now, user_id="ann", market_id="M"))
    assert reasons(market, head) == [("ann", CancelReason.EXPIRED), ("ann", CancelReason.GUARD)]


def test_in_a_batch_a_taker_that_gives_way_is_granted_and_the_next_goes_on() -> None:
    """Cancelled is not refused: the batch stands, and its answers tell what became of each."""
    market = two_accounts()
    market.play("ann buys 5 NO at 42 as mine")
    lines = ("ann buys 5 YES at 58 CANCEL_TAKER as gave-way", "ann buys 5 YES at 58 CANCEL_MAKER as goes-on")
    commands = tuple(wish for line in lines if isinstance(wish := command(market, line), PlaceOrder))
    answer = market.do(AtomicBatch(at=market.now, user_id="ann", market_id="M", commands=commands)).answer
    assert isinstance(answer, Batched)
    first, second = (each.answer for each in answer.done)
    assert isinstance(first, Placed)
    assert isinstance(second, Placed)
    assert first.order.status is OrderStatus.CANCELLED
    assert second.self_trade_cancelled == (market.order("ann", "mine").id,)
    assert second.order.status is OrderStatus.OPEN
