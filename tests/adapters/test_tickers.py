"""Tickers against a slow, obvious computation; over REST, and over a restart."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.service.tickers import DAY, MINUTE_LENGTH, TradedDay
from kernel.codes import AMM_ID, Direction, TimeInForce
from kernel.commands import BurnShares, SuspendMarket
from tests.adapters.serving import database_for, serving, venue
from tests.adapters.streaming import ANN, AT, BEN, a_place, running

SELL = Direction.SELL
TRADES = st.lists(
    st.tuples(
        st.sampled_from((0, 1, MINUTE_LENGTH - 1, MINUTE_LENGTH, 90 * MINUTE_LENGTH, DAY * MINUTE_LENGTH)),
        st.integers(1, 99),
        st.integers(1, 1_000),
    ),
    max_size=40,
)


@settings(deadline=None)
@given(TRADES, st.integers(0, 3 * DAY * MINUTE_LENGTH))
def test_a_day_is_the_last_1440_minutes(trades: list[tuple[int, int, int]], later: int) -> None:
    """Looked at after each trade, and some time after the last."""
    day, at, all_of_them = TradedDay(), AT, list[tuple[int, int, int]]()

    def check(now: int) -> None:
        day.forget(now)
        first = (now // MINUTE_LENGTH - DAY + 1) * MINUTE_LENGTH
        inside = [trade for trade in all_of_them if trade[0] >= first]
        outside = [trade for trade in all_of_them if trade[0] < first]
        prices = [price for _, price, _ in inside]
        opened = outside[-1][1] if outside else prices[0] if prices else None
        assert (day.volume, day.trades) == (sum(quantity for *_, quantity in inside), len(inside))
        assert (day.opened, day.highest, day.lowest) == (
            opened,
            max(prices, default=None),
            min(prices, default=None),
        )
        assert day.last_at == (all_of_them[-1][0] if all_of_them else None)

    for pause, price, quantity in trades:
        at += pause
        day.add(at, price, quantity)
        all_of_them.append((at, price, quantity))
        check(at)
    check(at + later)


async def test_a_ticker_changes_with_the_market_and_not_with_what_is_behind_the_best() -> None:
    async with running("M") as exchange:

        def now() -> dict[str, Any]:
            return msgspec.structs.asdict(exchange.server.tickers["M"].shape(exchange.server.clock.now()))

        empty = now()
        assert (empty["best_bid_cents"], empty["best_bid_quantity"], empty["spot_half_cents"]) == (
            None,
            None,
            100,
        )
        assert (empty["open_24h_cents"], empty["volume_24h"], empty["open_interest"]) == (None, 0, 10_000)
        at = AT + 1_000_000
        await exchange.ask(a_place(ANN, price=40, at=at))
        assert (now()["best_bid_cents"], now()["best_bid_quantity"]) == (40, 10)
        assert now()["updated_at"].endswith("01.000000Z")
        await exchange.ask(a_place(ANN, price=39, at=at + 1_000_000))
        await exchange.ask(a_place(BEN, price=41, time_in_force=TimeInForce.IOC, at=at + 1_000_000))
        assert now()["updated_at"].endswith("01.000000Z")
        await exchange.ask(a_place(AMM_ID, direction=SELL, price=39, quantity=15, at=at + 2_000_000))
        ticker = now()
        assert (ticker["best_bid_cents"], ticker["best_bid_quantity"], ticker["best_ask_cents"]) == (
            39,
            5,
            None,
        )
        assert (ticker["volume_24h"], ticker["trades_24h"], ticker["last_trade_price_cents"]) == (15, 2, 39)
        assert (ticker["open_24h_cents"], ticker["high_24h_cents"], ticker["low_24h_cents"]) == (40, 40, 39)
        await exchange.ask(
            BurnShares(at=at, user_id=AMM_ID, market_id="M", quantity=100, idempotency_key="b", nonce=1)
        )
        assert (now()["open_interest"], now()["volume_24h"]) == (9_900, 15)
        await exchange.ask(SuspendMarket(at=at, market_id="M", by="root"))
        assert now()["status"] == "SUSPENDED"


@pytest.fixture
def database(server_url: str, template: str) -> Iterator[str]:
    with database_for(server_url, template) as url:
        yield url


def test_tickers_over_rest_and_the_same_after_a_restart(database: str, tmp_path: Path) -> None:
    with serving(database, tmp_path) as server, httpx.Client(base_url=server.address, timeout=30) as http:
        here = venue(server.address, http)
        market, draft, idle = here.market(), here.market(active=False), here.market()
        ann, ben = here.user(100_000), here.user(100_000)
        ann.placed(market, "BUY YES 40 @65")
        ben.placed(market, "BUY NO 30 @35")
        ben.placed(market, "BUY NO 5 @30")
        ticker = here.nobody.data(f"/markets/{market}/ticker")
        assert (ticker["best_bid_cents"], ticker["best_bid_quantity"]) == (65, 10)
        assert (ticker["best_ask_cents"], ticker["best_ask_quantity"]) == (70, 5)
        assert (ticker["spot_half_cents"], ticker["last_trade_price_cents"]) == (135, 65)
        assert (ticker["volume_24h"], ticker["trades_24h"], ticker["open_interest"]) == (30, 1, 30)
        (item,) = [one for one in here.nobody.data("/markets", limit=100)["items"] if one["id"] == market]
        detail = here.nobody.data(f"/markets/{market}")
        for name in ("best_bid_cents", "best_ask_cents", "spot_half_cents", "last_trade_price_cents"):
            assert item[name] == detail[name] == ticker[name]
        for name in ("last_trade_at", "volume_24h", "open_interest", "trading_mode"):
            assert item[name] == detail[name] == ticker[name]
        listed = here.nobody.data("/tickers")["items"]
        assert ticker in listed
        names = [one["market_id"] for one in listed]
        assert names == sorted(names)
        assert {market, idle} <= set(names)
        assert draft not in names
        assert here.nobody.get(f"/markets/{draft}/ticker").verdict == (404, 3001)
        assert here.admin.data(f"/markets/{draft}/ticker")["status"] == "DRAFT"
        assert here.admin.post(f"/admin/markets/{idle}/resolve", resolution_result="NO").code == 0
        assert idle not in [one["market_id"] for one in here.nobody.data("/tickers")["items"]]
        assert here.nobody.data(f"/markets/{idle}/ticker")["status"] == "SETTLED"
        server.stop()
    with serving(database, tmp_path) as server, httpx.Client(base_url=server.address, timeout=30) as http:
        assert venue(server.address, http).nobody.data(f"/markets/{market}/ticker") == ticker
