"""Netting: a holder's own free pairs turn back into cash, at once and without a fee."""

from kernel.answers import Netting, Placed
from tests.kernel.trading import Trading


def paired(*, pending: int = 0) -> Trading:
    """Ann holds 10 YES that cost 500, ben the NO; then ann offers `pending` of hers at 90."""
    market = Trading(ann=10_000, ben=10_000, cat=10_000, maker_fee_bps=0, taker_fee_bps=0)
    market.play("ann buys 10 YES at 50", "ben buys 10 NO at 50")
    if pending:
        market.play(f"ann sells {pending} YES at 90 as offer")
    return market


def test_pairs_turn_back_into_cash_after_the_fill_that_completes_them() -> None:
    """6 pairs are 600 cents; they had cost 6 * 50 and 6 * 20, so 180 are realized."""
    market = paired()
    market.play("cat buys 6 YES at 80")
    head = market.exchange.head
    answer = market.answer(Placed, "ann buys 6 NO at 20")
    assert answer.netting == Netting(pairs_netted=6, released_cents=600)
    assert market.told(head) == ["ORDER_ACCEPTED", "ORDER_MATCHED", "NETTING_EXECUTED"]
    assert market.holds("ann", available=10_000 - 500 - 120 + 600, yes=4, yes_cost=200, no=0, no_cost=0)
    assert market.pnl_pool == 600 - 300 - 120
    assert (market.reserve, market.market().yes_shares, market.market().no_shares) == (1_000, 10, 10)


def test_the_maker_is_netted_too_but_only_the_caller_is_told_of_its_own() -> None:
    market = paired()
    market.play("ann buys 6 NO at 20")
    head = market.exchange.head
    assert market.answer(Placed, "cat buys 6 YES at 80").netting is None
    assert market.told(head)[-1] == "NETTING_EXECUTED"
    assert market.holds("ann", yes=4, no=0)


def test_the_buy_side_is_netted_before_the_sell_side() -> None:
    """Ben gets YES and ann gets NO in one mint; ben stands on the buy side of the book."""
    market = paired()
    market.play("ann buys 6 NO at 20")
    head = market.exchange.head
    market.play("ben buys 6 YES at 80")
    users = [fact.event.positions[0].user_id for fact in market.facts if fact.id > head + 2]
    assert market.told(head) == ["ORDER_ACCEPTED", "ORDER_MATCHED", "NETTING_EXECUTED", "NETTING_EXECUTED"]
    assert users == ["ben", "ann"]


def test_netting_happens_after_each_fill_not_at_the_end() -> None:
    """The taker's two fills are netted one by one, the answer tells both together."""
    market = paired()
    market.play("cat buys 2 YES at 85", "cat buys 2 YES at 80")
    head = market.exchange.head
    answer = market.answer(Placed, "ann buys 4 NO at 20")
    assert answer.netting == Netting(pairs_netted=4, released_cents=400)
    assert market.told(head) == [
        "ORDER_ACCEPTED",
        "ORDER_MATCHED",
        "NETTING_EXECUTED",
        "ORDER_MATCHED",
        "NETTING_EXECUTED",
    ]


def test_shares_on_offer_are_not_netted() -> None:
    """10 YES of which 7 are on offer: only 3 of 5 NO find a free partner."""
    market = paired(pending=7)
    market.play("cat buys 5 YES at 80", "ann buys 5 NO at 20")
    assert market.holds("ann", yes=7, yes_pending=7, no=2)


def test_an_expired_sale_leaves_nothing_to_net() -> None:
    """What was not free before the command is not free after it: the pairs bound elsewhere stay bound."""
    market = paired(pending=10)
    market.play("cat buys 4 YES at 80", "ann buys 4 NO at 20")
    head = market.exchange.head
    market.play("ann sells 4 NO at 99 IOC")
    assert market.told(head) == ["ORDER_ACCEPTED", "ORDER_EXPIRED"]
    assert market.holds("ann", yes=10, yes_pending=10, no=4, no_pending=0)


def test_cash_from_netting_does_not_pay_for_the_order_that_brings_it() -> None:
    """Ann's last 100 cents cannot bid for 120, although the netting would bring 600."""
    market = paired()
    market.play("cat buys 6 YES at 80", "ann withdraws 9400")
    assert market.refused("ann buys 6 NO at 20").message == (
        "Insufficient balance: required 120 cents, available 100 cents"
    )
    market.play("ann buys 5 NO at 20")
    assert market.holds("ann", available=500, no=0, yes=5)


def test_netting_can_realize_a_loss() -> None:
    """A pair bought for 50 + 60 brings 100."""
    market = paired()
    market.play("cat buys 1 YES at 40", "ann buys 1 NO at 60")
    assert market.pnl_pool == -10


def test_the_market_maker_keeps_its_pairs() -> None:
    market = Trading(AMM=10_000)
    market.play("AMM mints 10")
    assert market.holds("AMM", yes=10, no=10)
