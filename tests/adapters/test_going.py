"""Whoever looks at all markets again and again looks only at those in which something can still happen."""

from adapters.service.going import Going, is_done
from kernel.codes import MarketStatus
from kernel.due import is_due
from kernel.limits import LATEST
from kernel.making_edges import MmState
from tests.kernel.making.desk import BACK
from tests.kernel.making.scene import some_market
from tests.kernel.trading import Trading, busy_day


def names(going: Going) -> list[str]:
    return [market.id for market in going.markets()]


def test_markets_are_looked_at_from_their_beginning_to_their_end() -> None:
    market = Trading(ann=1_000)
    going = Going(market.exchange)
    market.create("N")
    market.create("D", activate=False)
    assert names(going) == ["M", "N", "D"]
    market.play("root resolves YES without settling", "root voids at 50 in N")
    assert market.market("N").status is MarketStatus.VOIDED
    assert names(going) == ["M", "D"]
    market.create("P")
    assert names(going) == ["M", "D", "P"]
    market.play("root settles in M")
    assert names(going) == names(Going(market.exchange)) == ["D", "P"]


def test_a_market_that_is_over_goes_on_as_long_as_an_order_has_to_come_home() -> None:
    """It is away at a venue elsewhere, and the clock has to see that it comes back."""
    desk = some_market()
    desk.market.play("ann buys 30 YES at 50", "ben buys 30 NO at 50")
    desk.abroad(yes=10)
    going = Going(desk.market.exchange)
    desk.market.play("root resolves YES")
    assert names(going) == ["M"]
    desk.granted(desk.step("DRAINED", direction=BACK))
    desk.travel(direction=BACK)
    assert desk.state() is MmState.REFUNDED
    assert names(going) == []


def test_where_nothing_can_happen_no_clock_finds_anything_to_do() -> None:
    exchange = busy_day().exchange
    over = [market for market in exchange.markets.values() if is_done(market)]
    assert over
    assert not [market for market in over if is_due(market, LATEST, venues_off=True)]
