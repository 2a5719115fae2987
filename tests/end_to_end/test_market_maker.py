"""The market maker against the exchange: real processes, real sockets, real traders, and real accidents.

The maker's dead-man time is two seconds here instead of five, so that nobody has to wait for it longer.
"""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import httpx
import pytest

from tests.adapters.serving import Caller, ServerProcess, Venue, database_for, on, serving, until, venue
from tests.end_to_end.making import (
    DEAD_MAN_SECONDS,
    LADDER,
    Line,
    MakerProcess,
    Quoted,
    a_line_to,
    making,
    quoted,
)

thorough = pytest.mark.skipif(
    os.environ.get("HYPOTHESIS_PROFILE") != "thorough", reason="takes its time: only in the thorough profile"
)

REACTION = 1.0
"""Seconds in which a change of a market's status must have had its effect."""


@attrs.frozen
class Floor:
    """An exchange and a market maker that quotes it."""

    venue: Venue
    maker: MakerProcess


@pytest.fixture(scope="module")
def floor(server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Floor]:
    folder = tmp_path_factory.mktemp("floor")
    with (
        database_for(server_url, template) as url,
        serving(url, folder) as server,
        httpx.Client(base_url=server.address, timeout=30) as http,
        making(server.address, folder) as maker,
    ):
        yield Floor(venue(server.address, http), maker)


def trade(market: Quoted, trader: Caller, *wishes: str) -> None:
    for wish in wishes:
        trader.placed(market.market_id, wish)


def test_what_an_administrator_asks_in_vain_is_refused_with_its_code(floor: Floor) -> None:
    """Already running 6007, not authorised 6009, not running 6008; the running market does not notice."""
    market = quoted(floor.venue, floor.maker)
    start = {"market_id": market.market_id, "initial_budget_cents": 500_000, "initial_price_cents": 50}
    assert floor.venue.admin.post("/admin/amm/start", **start).verdict == (409, 6007)
    assert market.position()[:2] == (2_500, 2_500)
    private = floor.venue.market(amm_authorized=False)
    assert floor.venue.admin.post("/admin/amm/start", **start | {"market_id": private}).verdict == (422, 6009)
    assert floor.venue.admin.post("/admin/amm/stop", market_id=private).verdict == (422, 6008)
    assert market.is_quoted()


def test_a_started_market_shows_the_ladder_of_its_price_and_budget(floor: Floor) -> None:
    """500,000 at 50: 2,500 pairs, 250,000 in cash, ten orders around 50 at five cents' distance."""
    market = quoted(floor.venue, floor.maker)
    until(lambda: market.book() == LADDER)
    assert all(order["post_only"] for order in market.own_orders())
    assert market.position() == (2_500, 2_500, 125_000, 125_000)
    assert market.agrees(floor.maker)
    assert market.cash() == 250_000


def test_what_traders_take_is_booked_to_the_share_and_the_cent(floor: Floor) -> None:
    """Both outcomes bought, sold back, in parts and across levels, while the quotes move.

    Little enough each time not to look like somebody who knows more: a fifth of a side at once takes that
    side off the market for ten seconds.
    """
    market = quoted(floor.venue, floor.maker)
    ann, ben = floor.venue.user(1_000_000), floor.venue.user(1_000_000)
    trade(market, ann, "BUY YES 10 @55", "BUY YES 8 @56")
    trade(market, ben, "BUY NO 7 @55", "BUY NO 8 @60", "SELL NO 3 @30")
    trade(market, ann, "SELL YES 2 @35")
    until(lambda: market.agrees(floor.maker))
    assert floor.maker.state(market.market_id)["total_fills_today"] >= 4
    market.assert_sane(floor.maker)
    until(market.is_quoted)


@pytest.mark.alone
def test_a_suspended_market_has_no_quotes_and_is_quoted_again_when_it_trades(floor: Floor) -> None:
    market = quoted(floor.venue, floor.maker)
    market.admin("suspend")
    until(lambda: not market.own_orders(), REACTION)
    until(lambda: floor.maker.lifecycle(market.market_id) == "EMERGENCY", REACTION)
    market.admin("resume")
    until(market.is_quoted)
    assert market.agrees(floor.maker)
    market.assert_sane(floor.maker)


def test_a_post_only_market_is_quoted_and_one_that_only_takes_cancels_is_tried_again(floor: Floor) -> None:
    """Nothing tells the maker of a mode: what becomes of its orders does."""
    market = quoted(floor.venue, floor.maker)
    often = {"exploration.cancel_interval_ms": 5_000}
    market.admin("mode", mode="POST_ONLY")
    assert control(floor, market, "config", patch={**often, "exploration.spread": 7}).status_code == 200
    until(lambda: market.book()["bids"][:1] + market.book()["asks"][:1] == [(43, 25), (57, 25)])
    market.admin("mode", mode="CANCEL_ONLY")
    assert control(floor, market, "config", patch={**often, "exploration.spread": 6}).status_code == 200
    until(lambda: floor.maker.lifecycle(market.market_id) == "EMERGENCY")
    until(lambda: not market.own_orders())
    market.admin("mode", mode="NORMAL")
    until(market.is_quoted)
    refused = f'amm_commands_total{{market="{market.market_id}",op="replace",result="3008"}}'
    assert floor.maker.metric(refused) >= 1
    assert floor.maker.metric(f'amm_alerts_total{{market="{market.market_id}",kind="COMMAND_REFUSED"}}') == 0
    market.assert_sane(floor.maker)


@pytest.mark.alone
def test_a_halted_market_is_cancelled_first_and_quoted_when_a_person_says_so(floor: Floor) -> None:
    """While it is halted the exchange refuses cancels and the orders rest; afterwards they go at once."""
    market = quoted(floor.venue, floor.maker)
    market.admin("halt", reason="something is odd")
    until(lambda: floor.maker.lifecycle(market.market_id) == "EMERGENCY", REACTION)
    assert len(market.own_orders()) == 10
    market.admin("resume", resolution_note="it was nothing")
    until(lambda: not market.own_orders(), REACTION)
    assert control(floor, market, "resume", reason="checked").status_code == 200
    until(market.is_quoted)


def test_a_resolved_market_is_settled_and_done_with(floor: Floor) -> None:
    """The exchange has cancelled everything; nothing is burned, since settlement pays pairs in full."""
    market = quoted(floor.venue, floor.maker)
    trade(market, floor.venue.user(100_000), "BUY YES 25 @55")
    market.admin("resolve", resolution_result="YES")
    until(lambda: floor.maker.lifecycle(market.market_id) == "STOPPED")
    assert not market.own_orders()
    assert floor.maker.metric(f'amm_burn_pairs_total{{market="{market.market_id}"}}') == 0


def test_in_a_void_market_a_pair_is_paid_in_full_and_what_is_over_at_the_price(floor: Floor) -> None:
    """25 YES were sold at 55. Of what is left 2,475 pairs are paid 100, and 25 NO what 60 leaves of that."""
    market = quoted(floor.venue, floor.maker)
    trade(market, floor.venue.user(100_000), "BUY YES 25 @55")
    until(lambda: market.agrees(floor.maker))
    market.admin("void", void_price_cents=60)
    until(lambda: floor.maker.lifecycle(market.market_id) == "STOPPED", 30)
    gain, fee = 25 * 55 + 2_475 * 100 + 25 * 40 - 250_000, 2
    assert market.cash() == 500_000 + gain - fee
    state = floor.maker.state(market.market_id)
    assert (state["market_cash_cents"], state["realized_pnl_cents"]) == (market.cash(), gain)


def test_a_graceful_stop_burns_the_pairs_that_are_left(floor: Floor) -> None:
    """25 YES were sold: 2,475 pairs turn back into cash, 25 NO stay."""
    market = quoted(floor.venue, floor.maker)
    trade(market, floor.venue.user(100_000), "BUY YES 25 @55")
    until(lambda: market.agrees(floor.maker))
    answer = floor.venue.admin.post("/admin/amm/stop", market_id=market.market_id)
    assert answer.code == 0
    until(lambda: floor.maker.lifecycle(market.market_id) == "STOPPED")
    assert market.position()[:2] == (0, 25)
    assert not market.own_orders()


def test_an_immediate_stop_burns_nothing_and_a_new_start_quotes_again(floor: Floor) -> None:
    market = quoted(floor.venue, floor.maker)
    stop = {"market_id": market.market_id, "stop_mode": "IMMEDIATE"}
    assert floor.venue.admin.post("/admin/amm/stop", **stop).data["cancelled_orders_count"] == 10
    until(lambda: floor.maker.lifecycle(market.market_id) == "STOPPED")
    assert market.position()[:2] == (2_500, 2_500)
    assert floor.venue.admin.post("/admin/amm/stop", **stop).verdict == (422, 6008)
    market.start(budget=300_000)
    until(market.is_quoted)
    state = floor.maker.state(market.market_id)
    assert (state["start_count"], state["market_cash_cents"]) == (2, 150_000)


def test_in_a_market_that_opened_long_ago_the_initial_price_weighs_as_in_a_new_one(floor: Floor) -> None:
    market = Quoted(
        floor.venue, floor.venue.market(amm_authorized=True, trading_start_at="2025-01-01T00:00:00Z")
    )
    market.start(price=70)
    until(market.is_quoted)
    assert float(floor.maker.state(market.market_id)["layer1_weight"]) > 0.6


def test_a_start_with_an_invalid_override_is_told_and_not_quoted(floor: Floor) -> None:
    market = Quoted(floor.venue, floor.venue.market(amm_authorized=True))
    market.start(config_override={"max_price": 3})
    until(lambda: floor.maker.state(market.market_id).get("failure_code") == "CONFIG_INVALID")
    assert "did you mean as.max_price" in floor.maker.state(market.market_id)["failure_detail"]
    assert not market.own_orders()
    assert httpx.get(f"{floor.maker.control}/readiness").status_code == 503


def control(floor: Floor, market: Quoted, what: str, **body: object) -> httpx.Response:
    headers = {"Authorization": f"Bearer {floor.venue.admin.token}"}
    method = "PATCH" if what == "config" else "POST"
    url = f"{floor.maker.control}/control/{market.market_id}/{what}"
    return httpx.request(method, url, headers=headers, json=body)


def test_only_an_administrator_controls(floor: Floor) -> None:
    """Whether somebody is one is the exchange's to say."""
    market = quoted(floor.venue, floor.maker)
    url = f"{floor.maker.control}/control/{market.market_id}/kill"
    mallory = {"Authorization": f"Bearer {floor.venue.user().token}"}
    assert httpx.post(url, json={"reason": "fun"}).status_code == 401
    assert httpx.post(url, json={"reason": "fun"}, headers=mallory).status_code == 403
    assert len(market.own_orders()) == 10


def test_a_changed_parameter_is_quoted_at_once_and_one_that_does_not_fit_is_refused(floor: Floor) -> None:
    market = quoted(floor.venue, floor.maker)
    refused = control(floor, market, "config", patch={"exploration.level": 3})
    assert refused.status_code == 422
    assert "did you mean exploration.levels" in refused.json()["problems"][0]
    assert control(floor, market, "config", patch={"exploration.levels": 3}).json() == {"config_version": 2}
    until(lambda: len(market.own_orders()) == 6)


def test_a_control_request_is_done_once_and_a_parameter_may_be_changed_for_a_while(floor: Floor) -> None:
    """The same request id again is the same answer; after its time the override is taken back."""
    market = quoted(floor.venue, floor.maker)
    url = f"{floor.maker.control}/control/{market.market_id}/config"
    headers = {"Authorization": f"Bearer {floor.venue.admin.token}", "X-Request-Id": f"r-{market.market_id}"}
    body = {"patch": {"exploration.levels": 3}, "ttl_ms": 2_000}
    first, again = (httpx.patch(url, json=body, headers=headers) for _ in range(2))
    assert first.json() == again.json() == {"config_version": 2}
    until(lambda: len(market.own_orders()) == 6)
    until(lambda: len(market.own_orders()) == 10)
    assert floor.maker.state(market.market_id)["config_version"] == 3


def test_a_request_that_comes_again_is_not_answered_to_a_stranger_nor_done_twice(floor: Floor) -> None:
    """Ten at once with one id move 1,000 cents once; knowing the id is not being an administrator."""
    market = quoted(floor.venue, floor.maker)
    url = f"{floor.maker.control}/control/{market.market_id}/allocate"
    headers = {"Authorization": f"Bearer {floor.venue.admin.token}", "X-Request-Id": f"a-{market.market_id}"}
    cash = floor.maker.state(market.market_id)["market_cash_cents"]

    def ask() -> httpx.Response:
        return httpx.post(url, json={"amount_cents": -1_000}, headers=headers, timeout=30)

    with ThreadPoolExecutor(10) as threads:
        answers = [each.result() for each in [threads.submit(ask) for _ in range(10)]]
    assert [answer.json() for answer in answers] == [{"market_cash_cents": cash - 1_000}] * 10
    assert floor.maker.state(market.market_id)["market_cash_cents"] == cash - 1_000
    del headers["Authorization"]
    assert ask().status_code == 401


def test_known_news_make_the_quotes_wide_and_thin(floor: Floor) -> None:
    """Half-spread 5 times 5, cut to 15 cents; a twentieth of the quantity."""
    market = quoted(floor.venue, floor.maker)
    assert control(floor, market, "events", times=["tomorrow"]).status_code == 400
    soon = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
    assert control(floor, market, "events", times=[soon]).status_code == 200
    until(lambda: market.book()["asks"][:2] == [(65, 1), (66, 1)])


def test_money_of_no_market_can_be_given_to_one_but_not_invented(floor: Floor) -> None:
    market = quoted(floor.venue, floor.maker)
    assert control(floor, market, "allocate", amount_cents=10**9).status_code == 422
    state = floor.maker.state(market.market_id)
    floor.venue.amm.deposit(5_000)
    assert (
        control(floor, market, "allocate", amount_cents=5_000).status_code == 422
    )  # above the budget's limit
    assert control(floor, market, "allocate", amount_cents=-5_000).status_code == 200
    assert floor.maker.state(market.market_id)["market_cash_cents"] == state["market_cash_cents"] - 5_000


# Accidents: a maker for each, all on one exchange; the last tests end that one, too.


@attrs.define
class Stage:
    """An exchange behind a line that can be cut, its database, and room for makers and servers to come."""

    url: str
    folder: Path
    line: Line
    server: ServerProcess
    venue: Venue

    def making(self) -> "contextlib.AbstractContextManager[MakerProcess]":
        return making(self.line.address, self.folder)

    @contextlib.contextmanager
    def another_server(self) -> Iterator[Venue]:
        """The exchange again, after the server before was killed; this one is killed at the end."""
        with (
            serving(self.url, self.folder) as server,
            httpx.Client(base_url=server.address, timeout=30) as http,
        ):
            self.line.lead_to(server.address)
            yield venue(server.address, http)


@pytest.fixture(scope="module")
def stage(server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("stage")
    with (
        database_for(server_url, template) as url,
        serving(url, folder) as server,
        a_line_to(server.address) as line,
        httpx.Client(base_url=server.address, timeout=30) as http,
    ):
        yield Stage(url, folder, line, server, venue(server.address, http))


def test_a_maker_killed_in_the_middle_of_trading_comes_back_to_every_share_and_cent(stage: Stage) -> None:
    """Traders buy before it dies, while nobody watches, and after; each takes what is still quoted then."""
    ann, ben, cas = (stage.venue.user(100_000) for _ in range(3))
    with stage.making() as maker:
        market = quoted(stage.venue, maker)
        trade(market, ann, "BUY YES 10 @55", "BUY NO 5 @55")
        maker.stop(signal.SIGKILL)
    trade(market, ben, "BUY YES 4 @60")
    left = {order["id"] for order in market.own_orders()}
    with stage.making() as maker:
        until(lambda: market.is_quoted() and not left & {order["id"] for order in market.own_orders()})
        trade(market, cas, "BUY NO 2 @65")
        until(lambda: market.position()[1] == 2_493)
        until(lambda: market.agrees(maker))
        market.assert_sane(maker)


@pytest.mark.alone
def test_a_killed_maker_leaves_no_quotes_and_comes_back_to_the_same(stage: Stage) -> None:
    """The guard cancels after the dead-man time; a new process quotes the same and mints nothing."""
    with stage.making() as maker:
        market = quoted(stage.venue, maker)
        until(lambda: market.book() == LADDER)
        maker.stop(signal.SIGKILL)
        killed_at = time.monotonic()
        until(lambda: not market.own_orders(), DEAD_MAN_SECONDS + REACTION)
        assert time.monotonic() - killed_at > DEAD_MAN_SECONDS - REACTION
    with stage.making() as maker:
        until(lambda: market.book() == LADDER)
        assert market.position()[:2] == (2_500, 2_500)
        assert market.agrees(maker)
        market.assert_sane(maker)


NEWEST_GUARD = """
    SELECT payload ->> 'grace_ms' FROM wal_events WHERE event_type = 'GUARD_SET' ORDER BY id DESC LIMIT 1
"""


def test_a_stopped_maker_leaves_nothing_behind(stage: Stage) -> None:
    with stage.making() as maker:
        markets = [quoted(stage.venue, maker) for _ in range(3)]
        assert on(stage.url, NEWEST_GUARD) == "2000"
        assert maker.stop(signal.SIGTERM) == 0
        assert not any(market.own_orders() for market in markets)
        assert all(market.position()[:2] == (2_500, 2_500) for market in markets)
        assert not maker.alerts()
    # Its guard is gone, too: whoever trades for the account next, by hand or by REST alone, has not set one.
    assert on(stage.url, NEWEST_GUARD) is None


@pytest.mark.alone
def test_a_kill_latch_outlives_the_process(stage: Stage) -> None:
    """A maker that forgot why it was stopped would trade again the moment somebody restarts it."""
    with stage.making() as maker:
        market = quoted(stage.venue, maker)
        assert control(Floor(stage.venue, maker), market, "kill", reason="odd prices").status_code == 200
        until(lambda: not market.own_orders(), REACTION)
        maker.stop(signal.SIGKILL)
    with stage.making() as maker:
        until(lambda: maker.lifecycle(market.market_id) == "EMERGENCY")
        assert maker.state(market.market_id)["kill_switch"] == "ON"
        assert control(Floor(stage.venue, maker), market, "resume", reason="seen").status_code == 200
        until(market.is_quoted)
        assert market.book() == LADDER


def test_after_a_short_cut_the_quotes_still_stand_and_no_fill_is_missing(stage: Stage) -> None:
    """What was sold while the line was down comes out of the journal when it is up again."""
    with stage.making() as maker:
        market = quoted(stage.venue, maker)
        before = {order["id"] for order in market.own_orders()}
        trader = stage.venue.user(100_000)
        stage.line.cut()
        trade(market, trader, "BUY YES 10 @55", "BUY NO 5 @55")
        stage.line.mend()
        until(lambda: maker.metric("amm_up") == 1 and market.agrees(maker))
        assert market.position()[:2] == (2_490, 2_495)
        assert before & {order["id"] for order in market.own_orders()}
        assert maker.metric("amm_reconnects_total") == 1
        market.assert_sane(maker)


@pytest.mark.alone
@thorough
def test_after_a_long_cut_the_guard_has_cancelled_and_quoting_goes_on(stage: Stage) -> None:
    with stage.making() as maker:
        market = quoted(stage.venue, maker)
        stage.line.cut()
        trade(market, stage.venue.user(100_000), "BUY YES 10 @55")
        until(lambda: not market.own_orders(), DEAD_MAN_SECONDS + REACTION)
        stage.line.mend()
        until(market.is_quoted)
        until(lambda: market.agrees(maker))
        assert market.position()[:2] == (2_490, 2_500)
        market.assert_sane(maker)


def test_a_killed_server_comes_back_and_is_quoted_without_a_share_or_cent_lost(stage: Stage) -> None:
    with stage.making() as maker:
        market = quoted(stage.venue, maker)
        trader = stage.venue.user(100_000)
        trade(market, trader, "BUY YES 10 @55")
        stage.server.stop(signal.SIGKILL)
        with stage.another_server() as again:
            market = Quoted(again, market.market_id)
            until(lambda: maker.metric("amm_up") == 1)
            until(market.is_quoted)
            trade(market, again.user(100_000), "BUY NO 5 @60")
            until(lambda: market.agrees(maker))
            assert market.position()[:2] == (2_490, 2_495)
            market.assert_sane(maker)


@pytest.mark.alone
@thorough
def test_both_killed_at_once_the_guard_still_holds(stage: Stage) -> None:
    """It is part of the exchange's state: its time begins when the server is back."""
    with stage.another_server() as first, stage.making() as maker:
        market = quoted(first, maker)
        maker.stop(signal.SIGKILL)
    # Leaving the first server's context has killed it, too.
    with stage.another_server() as again:
        market = Quoted(again, market.market_id)
        until(lambda: not market.own_orders(), DEAD_MAN_SECONDS + REACTION)
        with stage.making() as maker:
            until(lambda: market.book() == LADDER)
            assert market.agrees(maker)
            market.assert_sane(maker)
