"""The demo's traders, one at a time, against a real server."""

from collections.abc import Iterator
from itertools import pairwise

import httpx
import pytest
import trio

from adapters.demo.traders import (
    BRAKE,
    Mood,
    Tally,
    Trader,
    decrease,
    get,
    live,
    make_markets,
    make_markets_with_a_brake,
    register,
    run_traders,
    spend,
)
from adapters.demo.view import Board, chart, look_again, standing
from tests.adapters.serving import Venue, database_for, serving, venue

SECONDS = 30


@pytest.fixture(scope="module")
def exchange(server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    with (
        database_for(server_url, template) as url,
        serving(url, tmp_path_factory.mktemp("demo")) as server,
        httpx.Client(base_url=server.address, timeout=30) as http,
    ):
        yield venue(server.address, http)


async def test_a_maker_only_adds_and_takes_its_orders_along_when_it_leaves(exchange: Venue) -> None:
    market_id, tally = exchange.market(), Tally()
    async with httpx.AsyncClient(base_url=exchange.address, timeout=30) as http:
        login = await register(http, "ann")
        headers = {"Authorization": f"Bearer {await login.token()}"}

        async def orders() -> list[dict[str, object]]:
            answer = await http.get("/api/v1/orders", params={"market_id": market_id}, headers=headers)
            items: list[dict[str, object]] = answer.json()["data"]["items"]
            return items

        async with trio.open_nursery() as nursery:
            nursery.start_soon(live, login, {market_id: Mood(50)}, tally, make_markets)
            with trio.fail_after(SECONDS):
                while len(await orders()) < 8:
                    await trio.sleep(0.05)
            nursery.cancel_scope.cancel()
        left = await orders()
    assert all(order["post_only"] and order["self_trade_mode"] == "CANCEL_MAKER" for order in left)
    assert {order["status"] for order in left} == {"CANCELLED"}
    assert 0 < tally.cancels <= len(left)


async def test_a_maker_with_a_brake_pauses_where_much_was_taken_and_goes_on(exchange: Venue) -> None:
    market_id, taker = exchange.market(), exchange.user(10_000_000)
    async with httpx.AsyncClient(base_url=exchange.address, timeout=30) as http:
        login = await register(http, "cleo")
        async with login.commands() as socket:
            trader = Trader(socket, Tally(), login)

            async def standing() -> tuple[str, int]:
                await make_markets_with_a_brake(trader, market_id, Mood(50))
                (group,) = await trader.ask({"op": "group_set", "market_id": market_id, **BRAKE})
                return group["data"]["state"], group["data"]["open_orders"]

            state, orders = await standing()
            assert (state, orders > 0) == ("ACTIVE", True)
            for _ in range(4):  # until 500 are taken: the maker offers as many again
                for side in ("YES", "NO"):
                    taker.place(market_id, f"BUY {side} 1000 @60", time_in_force="IOC")
                (group,) = await trader.ask({"op": "group_set", "market_id": market_id, **BRAKE})
                if group["data"]["state"] == "TRIGGERED":
                    break
                await make_markets_with_a_brake(trader, market_id, Mood(50))
            assert (group["data"]["state"], group["data"]["open_orders"]) == ("TRIGGERED", 0)
            assert await standing() == ("ACTIVE", 0)
            state, orders = await standing()
            assert (state, orders > 0) == ("ACTIVE", True)


async def test_traders_come_to_what_opens_and_stay_away_from_what_ends(exchange: Venue) -> None:
    """An administrator may do to a demo's markets whatever there is to do."""
    first, paused, ends, halted = (exchange.market() for _ in range(4))

    def do(act: str, market_id: str, **members: object) -> None:
        assert exchange.admin.post(f"/admin/markets/{market_id}/{act}", **members).code == 0

    async def see_trades(*market_ids: str) -> None:
        with trio.fail_after(SECONDS):
            for market_id in market_ids:
                while not exchange.nobody.data(f"/markets/{market_id}/ticker")["trades_24h"]:
                    await trio.sleep(0.05)

    async with (
        httpx.AsyncClient(base_url=exchange.address, timeout=30) as http,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(run_traders, http, Tally())
        await see_trades(first, paused, ends, halted)
        do("suspend", paused)
        do("halt", halted, reason="to see what they do")
        do("resolve", ends, resolution_result="YES")
        opened = exchange.market()
        await see_trades(opened)
        nursery.cancel_scope.cancel()


async def test_a_trader_whose_connection_is_cut_comes_back(exchange: Venue) -> None:
    market_id, sessions = exchange.market(), list[Trader]()
    has_returned = trio.Event()

    async def act(trader: Trader, market_id: str, _: Mood) -> None:
        sessions.append(trader)
        if len(sessions) == 1:
            await trader.socket.aclose()
        await trader.look(market_id)
        has_returned.set()

    async with httpx.AsyncClient(base_url=exchange.address, timeout=30) as http:
        login = await register(http, "ben")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(live, login, {market_id: Mood(50)}, Tally(), act)
            with trio.fail_after(SECONDS):
                await has_returned.wait()
            nursery.cancel_scope.cancel()
    assert sessions[0].socket is not sessions[-1].socket


async def test_an_exchange_that_is_busy_is_asked_again() -> None:
    """It says when; whatever else it answers is what there is to hear."""
    answers = iter(
        [
            httpx.Response(503, headers={"Retry-After": "0"}, json={"code": 9003}),
            httpx.Response(429, headers={"Retry-After": "0"}, json={"code": 9001}),
            httpx.Response(200, json={"code": 0, "data": {"items": []}}),
            httpx.Response(404, json={"code": 3001}),
        ]
    )
    said = httpx.MockTransport(lambda _: next(answers))
    async with httpx.AsyncClient(base_url="http://exchange", transport=said) as http:
        assert await get(http, "/markets") == {"items": []}
        with pytest.raises(httpx.HTTPStatusError, match="404"):
            await get(http, "/markets/unknown")


def test_a_mood_strays_a_little_and_comes_back() -> None:
    mood = Mood(50.0)
    cents = []
    for _ in range(20_000):
        mood.wander()
        cents.append(mood.cents)
    assert all(6 <= one <= 94 for one in cents)
    assert max(abs(one - another) for one, another in pairwise(cents)) < 2, (
        "no jump from one look to the next"
    )
    assert max(cents) - min(cents) > 5, "nor does it stand still"


def test_what_is_spent_is_bounded_by_what_it_is_worth_to_the_buyer() -> None:
    order = spend("M", "YES", 40)
    assert (order["price_cents"], order["time_in_force"]) == (99, "IOC")
    assert order["max_cost_cents"] == 40 * order["quantity"]
    assert spend("M", "YES", -3)["max_cost_cents"] >= 1


def test_an_order_is_made_smaller_by_what_is_left_of_it() -> None:
    amend = decrease({"id": "o", "filled_quantity": 12, "remaining_quantity": 30})
    assert (amend["order_id"], amend["quantity"]) == ("o", 17)


def test_a_chart_is_as_high_as_what_it_shows_and_no_longer_than_its_line() -> None:
    assert chart([]) == ""
    assert chart([40, 47, 44]) == "▁█▅  40-47"
    assert chart([50]) == "▁  50-50"
    assert chart(list(range(1, 61))).startswith("▁")
    assert chart(list(range(1, 61))).endswith("█  37-60")


def test_a_market_that_does_not_trade_says_so_before_its_mode() -> None:
    ticker = {"status": "ACTIVE", "trading_mode": "POST_ONLY", "volume_24h": 1_200}
    assert standing(ticker) == "POST_ONLY  1,200 in 24 h"
    assert standing({**ticker, "status": "SUSPENDED"}) == "SUSPENDED  1,200 in 24 h"


async def test_a_chart_whose_tables_are_behind_stays_as_it_was() -> None:
    """On a busy machine they are, and the demo goes on."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/tickers"):
            return httpx.Response(200, json={"data": {"items": [{"market_id": one} for one in ("M", "N")]}})
        if "/M/" in request.url.path:
            return httpx.Response(503)
        return httpx.Response(200, json={"data": {"items": [{"close_cents": 55}, {"close_cents": None}]}})

    boards = [Board("M", "M?", closes=[40]), Board("N", "N?", closes=[40])]
    async with httpx.AsyncClient(base_url="http://x", transport=httpx.MockTransport(answer)) as http:
        await look_again(boards, http)
    assert [board.closes for board in boards] == [[40], [55]]
