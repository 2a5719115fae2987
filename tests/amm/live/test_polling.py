"""The market maker without the command stream, and with an ordinary token: slower, and as right as ever."""

import contextlib
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import attrs
import httpx
import msgspec
import pytest

from adapters.access.tokens import TokenType
from amm.brain.budget import Bucket, RateBudget
from amm.brain.commands import AlertKind, Sync
from amm.brain.config import Limits
from amm.brain.inputs import Book, Polled
from amm.brain.memory import Lifecycle
from amm.brain.polled import UNNAMED
from amm.brain.quoting.inventory import Fill, Leg
from amm.brain.quoting.ladder import Side
from amm.brain.wire import Levels
from kernel.codes import AMM_ID
from tests.adapters.serving import ServerProcess, Venue, database_for, serving, tokens, until, venue
from tests.amm.parts import NOON, config
from tests.amm.venue import opened, playing
from tests.end_to_end.making import CONFIG, LADDER, Quoted, a_line_to, making, quoted

POLL = """
[sync]
transport = "POLL"
trade_poll_interval_ms = 200

[defense]
max_latency_ms = 5000
"""


@pytest.fixture(scope="module")
def server(
    server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    with (
        database_for(server_url, template) as url,
        serving(url, tmp_path_factory.mktemp("exchange")) as process,
    ):
        yield process


@pytest.fixture(scope="module")
def exchange(server: ServerProcess) -> Iterator[Venue]:
    with httpx.Client(base_url=server.address, timeout=30) as http:
        yield venue(server.address, http)


def test_without_the_stream_a_market_is_quoted_and_its_trades_are_booked(
    exchange: Venue, tmp_path: Path
) -> None:
    """The same ladder, the same books to the share and the cent, and prices that learn from trades."""
    with making(exchange.address, tmp_path, POLL) as maker:
        market = quoted(exchange, maker)
        until(lambda: market.book() == LADDER)
        assert maker.state(market.market_id)["transport"] == "POLL"
        assert maker.state(market.market_id)["guard"] == "OFF"
        ann = exchange.user(100_000)
        ann.placed(market.market_id, "BUY YES 10 @55")
        ann.placed(market.market_id, "BUY NO 7 @55")
        until(lambda: market.agrees(maker))
        assert market.position()[:2] == (2_490, 2_493)
        until(lambda: maker.state(market.market_id)["layer3_posterior_cents"] != "50.000000")
        until(market.is_quoted)
        market.assert_sane()
        assert maker.metric(f'amm_reconcile_drift{{market="{market.market_id}",field="yes_volume"}}') == 0
        assert not [alert for alert in maker.alerts() if "DRIFT" in alert or "PROGRAMMING" in alert]


@pytest.mark.alone
def test_without_the_stream_a_suspension_a_stop_and_an_end_are_seen(exchange: Venue, tmp_path: Path) -> None:
    """Within a poll, and what a market left is booked: a stop burns its pairs."""
    with making(exchange.address, tmp_path, POLL) as maker:
        market, other = quoted(exchange, maker), quoted(exchange, maker)
        market.admin("suspend")
        until(lambda: not market.own_orders(), 2)
        market.admin("resume")
        until(market.is_quoted)
        exchange.admin.post("/admin/amm/stop", market_id=market.market_id)
        until(lambda: maker.lifecycle(market.market_id) == "STOPPED")
        assert market.position()[:2] == (0, 0)
        assert other.is_quoted()
        assert maker.stop(signal.SIGTERM) == 0
        assert not other.own_orders()


def test_without_the_stream_a_payout_is_booked(exchange: Venue, tmp_path: Path) -> None:
    """2,475 YES pay 100 cents each; the ledger says the same."""
    with making(exchange.address, tmp_path, POLL) as maker:
        market = quoted(exchange, maker)
        exchange.user(100_000).placed(market.market_id, "BUY YES 25 @55")
        market.admin("resolve", resolution_result="YES")
        until(lambda: maker.lifecycle(market.market_id) == "STOPPED")
        assert market.agrees(maker)
        assert maker.state(market.market_id)["market_cash_cents"] > 250_000 + 247_500
        assert not [alert for alert in maker.alerts() if "DRIFT" in alert or "PROGRAMMING" in alert]


@pytest.mark.parametrize("transport", [POLL, ""])
def test_what_a_void_market_pays_back_is_booked_with_and_without_the_stream(
    exchange: Venue, tmp_path: Path, transport: str
) -> None:
    """Its pairs come to 100, the 25 YES it has sold at 55 are missing at 50: five cents each are its gain."""
    with making(exchange.address, tmp_path, transport or CONFIG) as maker:
        market = quoted(exchange, maker)
        exchange.user(100_000).placed(market.market_id, "BUY YES 25 @55")
        until(lambda: market.position()[0] == 2_475)
        market.admin("void", reason="It never happened", void_price_cents=50)
        until(lambda: maker.lifecycle(market.market_id) == "STOPPED", 30)
        assert market.agrees(maker)
        assert market.position() == (0, 0, 0, 0)
        assert maker.state(market.market_id)["market_cash_cents"] > 500_000
        assert not [alert for alert in maker.alerts() if "DRIFT" in alert or "PROGRAMMING" in alert]
        assert maker.stop() == 0


@pytest.mark.parametrize("transport", [POLL, CONFIG], ids=["polling", "stream"])
def test_a_maker_that_the_exchange_brakes_waits_for_a_person(
    exchange: Venue, tmp_path: Path, transport: str
) -> None:
    """150 shares in ten minutes: of the 175 that it offers so many are there, and then it quotes no more."""
    brake = "[lvr]\nvelocity_kill_ratio = 1.0\n[group]\nmax_fill_quantity = 150\nwindow_ms = 600000\n"
    with making(exchange.address, tmp_path, f"{transport}\n{brake}") as maker:
        market = quoted(exchange, maker)
        until(lambda: len(market.own_orders()) == 10, 30)
        assert {order["group_id"] for order in market.own_orders()} == {"amm"}
        taken = exchange.user(100_000).placed(market.market_id, "BUY YES 175 @60", time_in_force="IOC")
        assert taken["order"]["filled_quantity"] == 150
        until(lambda: any("ORDER_GROUP" in alert for alert in maker.alerts()), 30)
        until(lambda: market.agrees(maker), 30)
        assert not market.own_orders()
        headers = {"Authorization": f"Bearer {exchange.admin.token}"}
        url = f"{maker.control}/control/{market.market_id}/resume"
        until(lambda: httpx.post(url, headers=headers, json={"reason": "looked"}).status_code == 200, 30)
        until(lambda: len(market.own_orders()) == 10, 30)
        assert not [alert for alert in maker.alerts() if "DRIFT" in alert or "PROGRAMMING" in alert]


@pytest.mark.alone
def test_a_trade_hurries_the_next_poll(exchange: Venue, tmp_path: Path) -> None:
    """Every ten seconds is what is configured; ours is booked as soon as the public feed tells of it."""
    slow = POLL.replace("trade_poll_interval_ms = 200", "trade_poll_interval_ms = 10000")
    with making(exchange.address, tmp_path, f"{slow}feed_stale_ms = 60000\n") as maker:
        market = quoted(exchange, maker)
        until(lambda: len(market.own_orders()) == 10, 30)
        ann = exchange.user(100_000)
        for number in (1, 2):
            # After the first it takes the offer away that was best: what else it offers is above 55.
            ann.placed(market.market_id, "BUY YES 1 @59")
            until(lambda sold=number: market.position()[0] == 2_500 - sold)
            until(lambda: market.agrees(maker), 5)


def test_an_exchange_that_was_put_back_to_an_earlier_moment_is_noticed_and_followed(
    server_url: str, template: str, tmp_path: Path
) -> None:
    """What was sold since has not been: its shares are there again, and its money is not."""
    with contextlib.ExitStack() as stack:
        folder = tmp_path / "exchange"
        folder.mkdir()
        url = stack.enter_context(database_for(server_url, template))
        line = stack.enter_context(a_line_to("http://127.0.0.1:1"))

        @contextlib.contextmanager
        def open_exchange(url: str) -> Iterator[tuple[ServerProcess, Venue]]:
            with (
                serving(url, folder) as server,
                httpx.Client(base_url=server.address, timeout=30) as http,
            ):
                line.lead_to(server.address)
                yield server, venue(server.address, http)

        with open_exchange(url) as (server, there):
            maker = stack.enter_context(making(line.address, tmp_path, POLL))
            market = quoted(there, maker)
            ann = there.user(100_000)
            ann.placed(market.market_id, "BUY YES 10 @55")
            until(lambda: market.agrees(maker))
            server.stop()
        backup = stack.enter_context(database_for(server_url, urlsplit(url).path[1:]))
        without_sockets = shutil.ignore_patterns("link")
        shutil.copytree(folder / "data", tmp_path / "backup", ignore=without_sockets)
        with open_exchange(url) as (server, there):
            market = Quoted(there, market.market_id)
            until(market.is_quoted, 30)
            late = attrs.evolve(ann, http=there.http)  # of what she does now nothing will have been
            for quantity in (5, 6, 7):
                late.placed(market.market_id, f"BUY NO {quantity} @60")
            until(lambda: market.position()[1] == 2_482 and market.agrees(maker), 30)
            server.stop(signal.SIGKILL)
        shutil.rmtree(folder / "data")
        shutil.copytree(tmp_path / "backup", folder / "data")
        with open_exchange(backup) as (_, there):
            market = Quoted(there, market.market_id)
            ann = attrs.evolve(ann, http=there.http)
            ann.place(market.market_id, "BUY NO 3 @60")
            until(lambda: maker.state(market.market_id)["lifecycle"] == "EMERGENCY", 30)
            until(lambda: not market.own_orders(), 15)
            until(lambda: market.agrees(maker), 30)
            assert market.position()[0] == 2_490
            told = maker.alerts()
            assert market.position()[1] in (2_497, 2_500)
            assert [alert for alert in told if "went back from" in alert]
            resumed = httpx.post(
                f"{maker.control}/control/{market.market_id}/resume",
                json={"reason": "looked", "override": True},
                headers={"Authorization": f"Bearer {there.admin.token}"},
            )
            assert resumed.status_code == 200, resumed.text
            until(market.is_quoted, 15)
            there.user(100_000).placed(market.market_id, "BUY YES 2 @60")
            until(lambda: market.agrees(maker), 15)
            assert maker.alerts() == told


def test_without_a_guard_what_a_killed_maker_left_is_cancelled_by_the_next(
    exchange: Venue, tmp_path: Path
) -> None:
    with making(exchange.address, tmp_path, POLL) as maker:
        market = quoted(exchange, maker)
        maker.stop(signal.SIGKILL)
        left = {order["id"] for order in market.own_orders()}
    exchange.user(100_000).placed(market.market_id, "BUY YES 10 @55")
    with making(exchange.address, tmp_path, POLL) as maker:
        until(lambda: (now := market.own_orders()) != [] and not left & {order["id"] for order in now})
        until(lambda: market.agrees(maker))
        assert market.position()[:2] == (2_490, 2_500)


def test_without_the_stream_a_cut_is_outlived(exchange: Venue, tmp_path: Path) -> None:
    """What was sold meanwhile is in the list of trades when the line is up again."""
    with a_line_to(exchange.address) as line, making(line.address, tmp_path, POLL) as maker:
        market = quoted(exchange, maker)
        line.cut()
        until(lambda: maker.metric("amm_up") == 0)
        exchange.user(100_000).placed(market.market_id, "BUY YES 10 @55")
        line.mend()
        until(lambda: maker.metric("amm_up") == 1 and market.agrees(maker), 15)
        until(market.is_quoted)
        assert market.position()[:2] == (2_490, 2_500)


def test_a_polled_fill_is_the_order_of_its_price_and_an_order_with_nothing_left_is_gone() -> None:
    play = playing(settings=config(sync__transport="POLL"))
    (best,) = (order for order in play.state.orders.on(Side.ASK) if order.price == 52)
    part = Fill("TRD_1", (Leg(Side.ASK, UNNAMED, 52, 30, 2, False),))
    play.step(Polled((part,)))
    assert play.state.ledger.inventory.yes == 970
    assert best.bound == best.quantity - 30
    play.step(Polled((part, Fill("TRD_2", (Leg(Side.ASK, UNNAMED, 52, best.bound, 2, False),)))))
    assert play.state.ledger.inventory.yes == 1_000 - best.quantity
    assert best.order_id not in play.state.orders.live
    assert play.state.ledger.duplicates == 1
    assert not play.state.risk.killed


def test_a_polled_fill_of_no_known_order_is_booked_all_the_same() -> None:
    """One that we took came at a better price than any order of ours has."""
    play = playing(settings=config(sync__transport="POLL"))
    play.step(Polled((Fill("TRD_1", (Leg(Side.BID, UNNAMED, 77, 5, 1, True),)),)))
    assert play.state.ledger.inventory.no == 995


def test_a_polled_fill_of_an_earlier_life_is_not_booked_a_second_time() -> None:
    """It was taken from an order that the opening cancelled, before cash and position were read."""
    play = opened(settings=config(sync__transport="POLL"))
    late = Fill("TRD_1", (Leg(Side.ASK, UNNAMED, 55, 10, 1, False),))
    play.step(Polled((late,)))
    play.step(Book(play.venue.book(1, play.now_ms)))
    play.step(Polled((late,)))
    assert play.agrees()
    assert play.state.life.lifecycle is Lifecycle.RUNNING
    assert not play.state.risk.latched


def test_orders_that_somebody_else_cancelled_are_missed_in_the_public_book() -> None:
    """No event tells of it without the stream; until the next reconciliation it would be a minute."""
    play = playing(settings=config(sync__transport="POLL"))
    play.heard = False
    ladder = play.venue.ladder(Side.ASK)
    play.venue.cancel_all("GUARD", play.now_ms)
    play.wait(8_000)
    assert play.venue.ladder(Side.ASK) == ladder
    assert play.kinds().count(AlertKind.GHOST_ORDER) == 1, "all at once are one alert"
    assert not play.state.risk.latched


def test_a_public_book_that_stays_short_is_a_reason_to_ask_now_and_then() -> None:
    """It may be the feed that is late: asked at each look, the exchange would answer with a limit."""
    play = playing(settings=config(sync__transport="POLL"))
    play.heard = False
    level = next(iter(play.state.orders.live.values())).yes_price
    for _ in range(30):
        book = play.venue.book(1, play.now_ms)
        sides = [[one for one in side if one.price_cents != level] for side in (book.yes.bids, book.yes.asks)]
        play.step(Book(msgspec.structs.replace(book, yes=Levels(*sides))))
        play.now_ms += 1_000
    assert sum(isinstance(one, Sync) for one in play.sent) == 2


def test_a_fill_that_is_not_polled_yet_is_waited_for() -> None:
    play = playing(settings=config(sync__transport="POLL"))
    play.heard = False
    play.venue.take(Side.ASK, 5, play.now_ms)
    play.wait(1_500)
    assert play.state.reconciliation.missing_ms is not None
    assert play.state.reconciliation.missed_ms is None


def test_an_ordinary_token_quotes_within_an_ordinary_users_limits(
    server_url: str, template: str, tmp_path: Path
) -> None:
    """Thirty orders a minute, replaces among them: the maker keeps below and is never refused."""
    ordinary = tokens.issue(AMM_ID, TokenType.ACCESS, "SYSTEM_BOT")
    with (
        database_for(server_url, template) as url,
        serving(url, tmp_path, VERDICT_RATE_LIMITS="1", VERDICT_RATE_ADMIN="0") as server,
        httpx.Client(base_url=server.address, timeout=30) as http,
    ):
        limited = venue(server.address, http)
        market = Quoted(limited, limited.market(amm_authorized=True))
        market.start()
        with making(server.address, tmp_path, AMM_TOKEN=ordinary) as maker:
            until(lambda: maker.state(market.market_id).get("open_orders") == 10)
            changed = httpx.patch(
                f"{maker.control}/control/{market.market_id}/config",
                json={"patch": {"exploration.spread": 9, "stabilization.spread": 9}},
                headers={"Authorization": f"Bearer {limited.admin.token}"},
            )
            assert changed.status_code == 200, changed.text
            until(lambda: maker.state(market.market_id)["best_ask_cents"] == 59)
            sent = sum(
                maker.metric(f'amm_commands_total{{market="{market.market_id}",op="{op}",result="ok"}}')
                for op in ("place", "replace")
            )
            assert 10 < sent <= 24
            assert maker.metric(f'amm_rate_limited_total{{market="{market.market_id}"}}') == 0


def test_with_an_ordinary_token_a_replace_takes_from_the_orders() -> None:
    """Four fifths of thirty are 24 in a minute, whichever they are."""
    budget = RateBudget(Limits(amm_rate_limit=30), {"M"}, replaces_are_orders=True)
    assert all(budget.spend(Bucket.ORDERS, "M", NOON) for _ in range(12))
    assert all(budget.spend(Bucket.REPLACES, "M", NOON) for _ in range(12))
    assert not budget.spend(Bucket.REPLACES, "M", NOON)
    budget.refund(Bucket.REPLACES, "M")
    assert budget.spend(Bucket.ORDERS, "M", NOON)
