"""How many orders one owner may have open: counted over all its accounts, in one market and in all."""

import pytest

from kernel.answers import Amended, Placed, Refusal
from kernel.codes import Code
from kernel.commands import AmendOrder
from kernel.exchange import Exchange
from kernel.state import State
from tests.kernel.trading import Trading


def bounded(**terms: int) -> Trading:
    market = Trading(AMM=10**6, ann=10**6, ben=10**6, **terms)
    market.escrow("mm:1", "ann", fence=1)
    market.play("ann gives mm:1 10000 cents")
    return market


def refused(market: Trading, line: str) -> object:
    refusal = market.refused(line)
    assert refusal.code is Code.TOO_MANY_ORDERS
    return refusal.data


def test_the_example() -> None:
    """199 of one's own and one of a sub-account rest; the next is too many, an IOC is not."""
    market = bounded()
    exchange = market.exchange
    for _ in range(199):
        exchange.execute(market.wish("ann", price=40))
    for fact in exchange.execute(market.wish("mm:1", price=40, fence=1)).facts:
        assert fact.market_id == "M"
    market.replica = Exchange.restore(exchange.snapshot())
    market.now = exchange.now
    data = {"scope": "MARKET", "limit": 200, "open_orders": 200}
    for wish in (market.wish("ann", price=41), market.wish("mm:1", price=41, fence=1)):
        refusal = exchange.execute(wish).answer
        assert isinstance(refusal, Refusal)
        assert refusal.data == data
    assert isinstance(exchange.execute(market.wish("ben", price=41)).answer, Placed)
    market = bounded(max_open_orders=1)
    market.play("ann buys 1 YES at 40", "ann buys 1 YES at 40 IOC")


def test_it_is_judged_before_the_order_trades() -> None:
    """At the bound one takes with an IOC, or cancels."""
    market = bounded(max_open_orders=1)
    market.play("ben buys 1 NO at 40", "ann buys 1 YES at 40 as a")
    assert refused(market, "ann buys 1 YES at 60") == {"scope": "MARKET", "limit": 1, "open_orders": 1}
    market.play("ann buys 1 YES at 60 IOC", "ann cancels a", "ann buys 1 YES at 41")


def test_all_markets_are_counted_and_this_one_is_looked_at_first() -> None:
    market = bounded(max_open_orders=2, max_open_orders_total=3)
    market.create("N", terms={"max_open_orders_total": 3})
    market.play("ann buys 1 YES at 40 as a", "ann buys 1 YES at 41 in N")
    market.play("mm:1 buys 1 YES at 42 in N with fence 1")
    total = {"scope": "TOTAL", "limit": 3, "open_orders": 3}
    assert refused(market, "ann buys 1 YES at 40") == total
    assert refused(market, "mm:1 buys 1 YES at 40 in N with fence 1") == total
    market.play("ann cancels a")
    market.play("ann buys 1 YES at 40")


def test_the_market_maker_has_a_bound_in_each_market_alone() -> None:
    market = bounded(max_open_orders=1, max_open_orders_total=1, max_open_orders_amm=3)
    market.play("AMM buys 1 YES at 40", "AMM buys 1 YES at 40", "AMM buys 1 YES at 40 as x")
    assert refused(market, "AMM buys 1 YES at 40") == {"scope": "MARKET", "limit": 3, "open_orders": 3}
    market.play("AMM replaces x, buying 1 YES at 41 as y")
    market.create("N", terms={"max_open_orders_amm": 1})
    market.play("AMM buys 1 YES at 40 in N")


def test_the_position_limit_is_told_first_and_a_self_trade_last() -> None:
    market = bounded(max_open_orders=1, max_position_per_user=10)
    market.play("ann buys 5 YES at 40")
    assert market.refused("ann buys 6 YES at 40").code is Code.LIMIT_EXCEEDED
    assert market.refused("ann buys 5 NO at 60").code is Code.TOO_MANY_ORDERS


def counts(state: State) -> dict[str, tuple[int, dict[str, int]]]:
    """By account: of its owner, in all, as it is counted; and by market."""
    return {
        account.id: (
            account.open_orders.count,
            {
                market_id: sum(len(each.live) for each in position.market.owners[account.owner_id])
                for market_id, position in account.positions.items()
            },
        )
        for account in state.accounts.values()
    }


@pytest.mark.parametrize("ending", ["ann cancels b", "ben buys 4 NO at 58", "root resolves NO", "root voids"])
def test_the_counts_are_the_orders_there_are_after_replay_and_after_a_restart(ending: str) -> None:
    market = bounded()
    market.create("N")
    market.play("ann buys 4 YES at 42 as a", "ann buys 1 YES at 41 as b")
    market.play("mm:1 buys 1 YES at 40 with fence 1")
    market.play("ann buys 4 YES at 42 in N", "ben buys 2 NO at 58", ending)
    kept = counts(market.exchange)
    for each in (market.replica, Exchange.restore(market.exchange.snapshot())):
        assert counts(each) == kept
    live = [order for order in market.exchange.orders.values() if order.is_live]
    for owner in ("ann", "ben"):
        own = [order for order in live if order.account.owner_id == owner]
        here = [order for order in own if order.market.id == "M"]
        assert kept[owner][0] == len(own)
        assert kept[owner][1]["M"] == len(here)
    assert kept["mm:1"][0] == kept["ann"][0]
    assert kept["mm:1"][1]["M"] == kept["ann"][1]["M"]


def test_an_order_that_moves_is_counted_once() -> None:
    market = bounded(max_open_orders=2)
    market.play("ann buys 5 YES at 40 as a", "ann buys 5 YES at 39")
    wish = AmendOrder(at=market.now, user_id="ann", order_id=market.order("ann", "a").id, price=41)
    assert isinstance(market.do(wish).answer, Amended)
    assert counts(market.exchange) == counts(market.replica)
    assert counts(market.exchange)["ann"] == (2, {"M": 2})
    market.play("ben buys 5 NO at 59")
    assert counts(market.exchange)["ann"] == (1, {"M": 1})
