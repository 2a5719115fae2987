"""The program around the brain: isolation of markets, what keeps it from beginning, Redis, metrics."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NoReturn

import attrs
import httpx
import pytest
import structlog
import trio

from adapters.access.tokens import TokenType
from amm.brain.arithmetic import CENT, Ms
from amm.brain.budget import RateBudget
from amm.brain.commands import Action
from amm.brain.inputs import Frame, Input, Kill, Resume
from amm.brain.memory import Lifecycle
from amm.brain.state import MarketState
from amm.brain.strategy import decide
from amm.brain.wire import StopMode, TradeExecuted
from amm.live import supervisor
from amm.live.account import CASH_EVERY
from amm.live.control import Control, HttpError
from amm.live.credentials import BadTokenError
from amm.live.metrics import Metrics
from amm.live.mirror import Mirror
from amm.live.program import MarketMaker, Options, wall_clock
from amm.live.run import Trouble
from amm.live.state_store import StateStore, StateStoreError, StoredMarket
from amm.live.view import state_of
from kernel.codes import AMM_ID
from tests.adapters.serving import ServerProcess, Venue, database_for, serving, tokens, until, venue
from tests.end_to_end.making import CONFIG, Quoted, a_line_to, environment, making, quoted, service_token

REDIS = shutil.which("redis-server")


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """A maker in this process would log for a person at a terminal, with every variable of a traceback."""
    with structlog.testing.capture_logs():
        yield


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


@pytest.fixture(autouse=True)
def stopped(exchange: Venue) -> Iterator[None]:
    """Every maker quotes all that was started: the next test's should not have to quote this one's."""
    yield
    for market in exchange.amm.data("/amm/markets")["items"]:
        if market["status"] == "RUNNING":
            exchange.admin.post(
                "/admin/amm/stop", market_id=market["market_id"], stop_mode=StopMode.IMMEDIATE.value
            )


async def eventually(condition: object, seconds: float = 15.0) -> None:
    """Let a thread look, so that the maker in this loop goes on meanwhile."""
    await trio.to_thread.run_sync(until, condition, seconds)


async def test_a_market_that_fails_again_and_again_is_given_up_and_the_others_go_on(
    exchange: Venue, tmp_path: Path
) -> None:
    """It is cancelled, begun again three times, then waits for a person; its neighbour loses no order."""
    sick, well = quoted(exchange), quoted(exchange)
    ill = {sick.market_id}

    def think(state: MarketState, inputs: list[Input], now_ms: Ms, budget: RateBudget) -> list[Action]:
        if state.market_id in ill and state.orders.live:
            raise ZeroDivisionError("a strategy with a mistake in it")
        return decide(state, inputs, now_ms, budget)

    maker = MarketMaker(
        Options(url=exchange.address, token=service_token(), state_folder=tmp_path, config_text=CONFIG),
        decide=think,
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(maker.run, lambda _line: None)
        await eventually(lambda: well.is_quoted())
        untouched = {order["id"] for order in well.own_orders()}
        runs = maker.supervisor.runs
        await eventually(lambda: sick.market_id in runs and runs[sick.market_id].has_crashed)
        run = runs[sick.market_id]
        seen = state_of(run, stream_connected=True)
        assert (seen["lifecycle"], seen["failure_code"]) == ("EMERGENCY", "TASK_CRASHED")
        assert run.restarts == 3
        assert not sick.own_orders()
        assert {order["id"] for order in well.own_orders()} == untouched
        ill.clear()
        run.resumed.set()
        await eventually(lambda: sick.is_quoted())
        assert run.lifecycle is Lifecycle.RUNNING
        maker.stop.set()
    assert not well.own_orders()


async def test_a_market_that_was_given_up_stays_killed_and_stops_when_its_start_does(
    exchange: Venue, tmp_path: Path
) -> None:
    """A kill while it waits for a person outlives the resume; the exchange's stop ends the waiting."""
    market = quoted(exchange)
    ill = {market.market_id}

    def think(state: MarketState, inputs: list[Input], now_ms: Ms, budget: RateBudget) -> list[Action]:
        if state.market_id in ill:
            raise ZeroDivisionError("a strategy with a mistake in it")
        return decide(state, inputs, now_ms, budget)

    maker = MarketMaker(
        Options(url=exchange.address, token=service_token(), state_folder=tmp_path, config_text=CONFIG),
        decide=think,
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(maker.run, lambda _line: None)
        await eventually(lambda: hasattr(maker, "supervisor"))
        runs = maker.supervisor.runs
        await eventually(lambda: market.market_id in runs and runs[market.market_id].has_crashed)
        run = runs[market.market_id]
        maker.supervisor.kill(run, "not before I have looked")
        ill.clear()
        run.resumed.set()
        await eventually(lambda: run.state is not None and run.lifecycle is Lifecycle.EMERGENCY)
        assert run.state is not None
        assert run.state.risk.killed
        assert not market.own_orders()
        ill.add(market.market_id)
        await eventually(lambda: run.has_crashed)
        exchange.admin.post("/admin/amm/stop", market_id=market.market_id)
        await eventually(lambda: run.lifecycle is Lifecycle.STOPPED)
        maker.stop.set()


async def test_a_kill_outlives_the_turn_that_fails_over_it(exchange: Venue, tmp_path: Path) -> None:
    """Whether the mistake is met before the kill is taken or after: what begins again quotes nothing."""
    early, late = quoted(exchange), quoted(exchange)

    def think(state: MarketState, inputs: list[Input], now_ms: Ms, budget: RateBudget) -> list[Action]:
        is_killed = any(isinstance(one, Kill) for one in inputs)
        if is_killed and state.market_id == early.market_id:
            raise ZeroDivisionError("a strategy with a mistake in it")
        actions = decide(state, inputs, now_ms, budget)
        if is_killed:
            state.outbox.actions.extend(actions)
            raise ZeroDivisionError("the same, further down")
        return actions

    maker = MarketMaker(
        Options(url=exchange.address, token=service_token(), state_folder=tmp_path, config_text=CONFIG),
        decide=think,
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(maker.run, lambda _line: None)
        await eventually(lambda: early.is_quoted() and late.is_quoted())
        runs = [maker.supervisor.runs[market.market_id] for market in (early, late)]
        for run in runs:
            maker.supervisor.kill(run, "enough")
        await eventually(lambda: all(run.crashes and run.lifecycle is Lifecycle.EMERGENCY for run in runs))
        assert all(run.state is not None and run.state.risk.killed for run in runs)
        assert not early.own_orders()
        assert not late.own_orders()
        maker.stop.set()


async def test_a_kill_outlives_an_opening_that_fails_and_a_disk_that_is_full(
    exchange: Venue, tmp_path: Path
) -> None:
    """Nothing of ours is placed before the kill is on the disk, however often that has to be tried."""
    maker = MarketMaker(
        Options(url=exchange.address, token=service_token(), state_folder=tmp_path, config_text=CONFIG)
    )
    refused = 0

    async with trio.open_nursery() as nursery:
        nursery.start_soon(maker.run, lambda _line: None)
        await eventually(lambda: hasattr(maker, "supervisor") and maker.supervisor.looked)
        supervisor, market = maker.supervisor, quoted(exchange)

        async def fail_once(state: MarketState) -> NoReturn:
            supervisor.earlier_prices = mirror.earlier_prices
            supervisor.kill(supervisor.runs[state.market_id], "enough")
            raise ZeroDivisionError("no prices")

        class FullDisk(StateStore):
            def write(self, stored: StoredMarket) -> None:
                nonlocal refused
                if stored.killed and refused < 2:
                    refused += 1
                    raise StateStoreError("no space left on device")
                super().write(stored)

        mirror = Mirror(None, wall_clock)
        supervisor.earlier_prices = fail_once
        supervisor.services = attrs.evolve(supervisor.services, store=FullDisk(tmp_path))
        await eventually(lambda: market.market_id in supervisor.runs)
        run = supervisor.runs[market.market_id]
        await eventually(lambda: run.state is not None and run.lifecycle is Lifecycle.EMERGENCY)
        assert run.state is not None
        assert run.state.risk.killed
        assert refused == 2
        assert not market.own_orders()
        maker.stop.set()


async def test_a_kill_of_all_that_cannot_be_kept_for_one_reaches_the_others_and_says_so(
    exchange: Venue, tmp_path: Path
) -> None:
    """The first of three waits for a person, and there is no room on the disk to kill it."""
    markets = [quoted(exchange) for _ in range(3)]
    ill = markets[0].market_id

    def think(state: MarketState, inputs: list[Input], now_ms: Ms, budget: RateBudget) -> list[Action]:
        if state.market_id == ill:
            raise ZeroDivisionError("a strategy with a mistake in it")
        return decide(state, inputs, now_ms, budget)

    class FullDisk(StateStore):
        def write(self, stored: StoredMarket) -> None:
            if stored.market_id == ill and stored.killed:
                raise StateStoreError("no space left on device")
            super().write(stored)

    told: list[str] = []
    maker = MarketMaker(
        Options(url=exchange.address, token=service_token(), state_folder=tmp_path, config_text=CONFIG),
        decide=think,
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(maker.run, told.append)
        await eventually(lambda: hasattr(maker, "supervisor") and ill in maker.supervisor.runs)
        runs = maker.supervisor.runs
        await eventually(lambda: runs[ill].has_crashed and all(one.is_quoted() for one in markets[1:]))
        maker.supervisor.services = attrs.evolve(maker.supervisor.services, store=FullDisk(tmp_path))
        async with httpx.AsyncClient() as http:
            address = next(line.split()[1] for line in told if line.startswith("control"))
            answer = await http.post(
                f"{address}/control/ALL/kill",
                json={"reason": "enough"},
                headers={"Authorization": f"Bearer {exchange.admin.token}"},
            )
        assert answer.status_code == 503
        why, killed = answer.json()["error"].split("; killed: ")
        assert why == f"not killed, for it could not be kept: {ill}: no space left on device"
        assert set(killed.split(", ")) >= {one.market_id for one in markets[1:]}
        for one in markets[1:]:
            run = runs[one.market_id]
            await eventually(lambda run=run: run.lifecycle is Lifecycle.EMERGENCY)
            await eventually(lambda one=one: not one.own_orders())
        maker.stop.set()


@pytest.mark.parametrize("remembers", [True, False], ids=["kept", "its folder lost"])
async def test_a_days_loss_counts_on_over_a_restart(exchange: Venue, tmp_path: Path, remembers: bool) -> None:
    """Ten YES sold at 55 while YES comes to be worth 90: 350 cents lost, and as many after the restart."""
    market = quoted(exchange)

    def think(state: MarketState, inputs: list[Input], now_ms: Ms, budget: RateBudget) -> list[Action]:
        state.prices.fair_override = 90 * CENT if state.ledger.inventory.yes == 2_490 else 50 * CENT
        return decide(state, inputs, now_ms, budget)

    losses: list[int] = []
    for folder in (tmp_path / "first", tmp_path / ("first" if remembers else "second")):
        maker = MarketMaker(
            Options(url=exchange.address, token=service_token(), state_folder=folder, config_text=CONFIG),
            decide=think,
        )

        def lost(maker: MarketMaker = maker) -> int:
            """What it believes to have lost today, once it has looked."""
            run = maker.supervisor.runs.get(market.market_id) if hasattr(maker, "supervisor") else None
            decision = None if run is None or run.state is None else run.state.cycle.decision
            return 0 if decision is None or decision.fair.price != 90 * CENT else -decision.day_pnl

        async with trio.open_nursery() as nursery:
            nursery.start_soon(maker.run, lambda _line: None)
            if not losses:
                await eventually(market.is_quoted)
                exchange.user(100_000).placed(market.market_id, "BUY YES 10 @55")
            await eventually(lambda: lost() > 0)
            losses.append(lost())
            maker.stop.set()
    assert losses[0] == losses[1]
    assert 350 <= losses[0] <= 352


async def test_a_loss_of_all_markets_together_kills_every_one_of_them(
    exchange: Venue, tmp_path: Path
) -> None:
    """Ten YES sold at 55 while YES comes to be worth 95: 400 cents lost, less what the sale brought.

    No market has lost its own limit of 1,000. Both are killed, a restart finds them killed, and a person may
    only resume by overriding the loss.
    """
    losing, other = quoted(exchange), quoted(exchange)
    fair: dict[str, int] = {}

    def think(state: MarketState, inputs: list[Input], now_ms: Ms, budget: RateBudget) -> list[Action]:
        state.prices.fair_override = fair.get(state.market_id)
        return decide(state, inputs, now_ms, budget)

    options = Options(
        url=exchange.address,
        token=service_token(),
        state_folder=tmp_path,
        config_text="[defense]\nglobal_daily_loss_limit_cents = 300\nmax_latency_ms = 5000\n",
    )
    ours = {losing.market_id, other.market_id}
    maker = MarketMaker(options, decide=think)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(maker.run, lambda _line: None)
        await eventually(lambda: losing.is_quoted() and other.is_quoted())
        exchange.user(100_000).placed(losing.market_id, "BUY YES 10 @55")
        runs = {market_id: maker.supervisor.runs[market_id] for market_id in ours}
        states = [run.state for run in runs.values() if run.state is not None]
        await trio.sleep(1.5)
        assert not any(state.risk.killed for state in states)
        fair[losing.market_id] = 95 * CENT
        await eventually(lambda: all(state.risk.killed for state in states))
        await eventually(lambda: not losing.own_orders() and not other.own_orders())
        assert maker.supervisor.account.lost_too_much
        await eventually(lambda: all(state.life.sweep is None for state in states))
        runs[other.market_id].tell(Resume(override=True))
        await eventually(lambda: other.is_quoted())
        await trio.sleep(1.5)  # a look at the losses later it is still quoted
        assert other.is_quoted()
        maker.stop.set()
    again = MarketMaker(options)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(again.run, lambda _line: None)
        await eventually(lambda: other.is_quoted())
        await eventually(lambda: again.supervisor.runs[losing.market_id].lifecycle is Lifecycle.EMERGENCY)
        assert not losing.own_orders()
        again.stop.set()


async def test_each_override_ends_in_its_own_time_and_lasts_through_a_failure(
    exchange: Venue, tmp_path: Path
) -> None:
    """Three levels for a while, seven cents for good: neither stays, or goes, with the other."""
    market = quoted(exchange)
    fails: list[str] = []

    def think(state: MarketState, inputs: list[Input], now_ms: Ms, budget: RateBudget) -> list[Action]:
        if fails and state.market_id == market.market_id:
            raise ZeroDivisionError(fails.pop())
        return decide(state, inputs, now_ms, budget)

    maker = MarketMaker(
        Options(url=exchange.address, token=service_token(), state_folder=tmp_path, config_text=CONFIG),
        decide=think,
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(maker.run, lambda _line: None)
        await eventually(market.is_quoted)
        run = maker.supervisor.runs[market.market_id]
        maker.supervisor.override(run, {"exploration.levels": 3}, 4_000)
        maker.supervisor.override(run, {"exploration": {"spread": 7}}, None)
        fails.append("a strategy with a mistake in it")
        await eventually(lambda: run.restarts == 1)
        await eventually(lambda: market.book()["asks"] == [(57, 25), (58, 30), (59, 35)])
        await eventually(lambda: len(market.book()["asks"]) == 5)
        assert market.book()["asks"][0] == (57, 25)
        assert run.overlay.values == {"exploration.spread": 7}
        maker.stop.set()


async def test_an_override_that_needed_one_that_is_over_ends_with_it(exchange: Venue, tmp_path: Path) -> None:
    """60,000 to keep of 90,000 to begin with: without the second the first makes no sense, and says so."""
    market = quoted(exchange)
    maker = MarketMaker(
        Options(url=exchange.address, token=service_token(), state_folder=tmp_path, config_text=CONFIG)
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(maker.run, lambda _line: None)
        await eventually(market.is_quoted)
        run = maker.supervisor.runs[market.market_id]
        maker.supervisor.override(run, {"inv.auto_reinvest_threshold_cents": 90_000}, 500)
        maker.supervisor.override(run, {"inv.mint_keep_cash_cents": 60_000}, None)
        await eventually(lambda: run.overlay.patches == ())
        await eventually(
            lambda: run.state is not None and run.state.config.inv.mint_keep_cash_cents == 20_000
        )
        assert market.is_quoted()
        maker.stop.set()


async def test_cash_that_contradicts_the_ledger_twice_is_mended_and_told(
    exchange: Venue, tmp_path: Path
) -> None:
    """A maker whose memory is off by a dollar takes the ledger's word, once it is sure."""
    market = quoted(exchange)
    maker = MarketMaker(
        Options(url=exchange.address, token=service_token(), state_folder=tmp_path, config_text=CONFIG)
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(maker.run, lambda _line: None)
        await eventually(market.is_quoted)
        state = maker.supervisor.runs[market.market_id].state
        assert state is not None
        state.ledger.correct_cash(100)
        for _ in range(2):
            await maker.supervisor.account.read_cash()
            await trio.sleep(1.1)  # longer than a quote interval: the market has had a turn
        assert state.ledger.inventory.cash == market.cash()
        assert state.counts["alert INVENTORY_DRIFT"] == 1
        maker.stop.set()


async def test_money_that_came_while_events_were_lost_for_good_is_found_in_the_ledger(
    exchange: Venue, tmp_path: Path
) -> None:
    """A frame that never arrives leaves its shares to the sync and its cents to the ledger."""
    market = quoted(exchange)
    swallowed: list[Frame] = []

    def think(state: MarketState, inputs: list[Input], now_ms: Ms, budget: RateBudget) -> list[Action]:
        def is_lost(one: Input) -> bool:
            trade = isinstance(one, Frame) and any(isinstance(event, TradeExecuted) for event in one.events)
            return trade and state.market_id == market.market_id

        swallowed.extend(one for one in inputs if isinstance(one, Frame) and is_lost(one))
        return decide(state, [one for one in inputs if not is_lost(one)], now_ms, budget)

    maker = MarketMaker(
        Options(url=exchange.address, token=service_token(), state_folder=tmp_path, config_text=CONFIG),
        decide=think,
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(maker.run, lambda _line: None)
        await eventually(market.is_quoted)
        exchange.user(100_000).placed(market.market_id, "BUY YES 10 @55")
        run = maker.supervisor.runs[market.market_id]
        state = run.state
        assert state is not None
        await eventually(lambda: bool(swallowed))
        state.reconciliation.sync_wanted = True
        await eventually(lambda: state.ledger.inventory.yes == 2_490)
        for _ in range(2):
            await maker.supervisor.account.read_cash()
            await trio.sleep(1.1)
        inventory = state.ledger.inventory
        assert (inventory.yes, inventory.no, inventory.yes_cost, inventory.no_cost) == market.position()
        assert inventory.cash == market.cash()
        maker.stop.set()


# What keeps it from beginning: one line, and what to do.


def told_by(address: str, folder: Path, config: str = "", **settings: str) -> str:
    """What `verdict amm` says when it does not begin."""
    (folder / "amm.toml").write_text(config)
    done = subprocess.run(
        [sys.executable, "-m", "adapters.cli", "amm", "--config", str(folder / "amm.toml")],
        env=environment(address, folder, **settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("verdict:")]
    return line


def test_what_is_wrong_at_the_start_is_told_in_one_line(exchange: Venue, tmp_path: Path) -> None:
    forged = service_token()[:-6] + "AAAAAA"
    assert "does not accept the token" in told_by(exchange.address, tmp_path, AMM_TOKEN=forged)
    typo = told_by(exchange.address, tmp_path, "[stabilization]\nspred = 2\n")
    assert "stabilization.spred is not a parameter; did you mean stabilization.spread?" in typo
    user = tokens.issue(exchange.user().user_id, TokenType.ACCESS, "USER")
    assert "the token is not the market maker's" in told_by(exchange.address, tmp_path, AMM_TOKEN=user)
    nowhere = told_by(exchange.address, tmp_path, '[market."MKT-NOWHERE".ladder]\nlevel_qty = 10\n')
    assert "a market that is not there" in nowhere


def test_what_is_no_token_at_all_is_told_before_anybody_is_asked(tmp_path: Path) -> None:
    with pytest.raises(BadTokenError, match="three parts"):
        MarketMaker(Options(url="http://127.0.0.1:1", token="abc", state_folder=tmp_path))


def test_a_budget_too_small_to_quote_is_told(exchange: Venue, tmp_path: Path) -> None:
    market = Quoted(exchange, exchange.market(amm_authorized=True))
    market.start(budget=150)
    with making(exchange.address, tmp_path) as maker:
        until(lambda: maker.state(market.market_id).get("failure_code") == "CONFIG_INVALID")
        assert "150 does not pay one pair" in maker.state(market.market_id)["failure_detail"]


def test_a_token_is_renewed_before_it_ends_without_a_new_connection(exchange: Venue, tmp_path: Path) -> None:
    """Of a hundred seconds 78 are over, so it is renewed soon; when it ends the line does not."""
    begins = int(time.time()) - 78
    brief = tokens.issue(AMM_ID, TokenType.SERVICE, "SYSTEM_BOT", 100, at=begins)
    with making(exchange.address, tmp_path, AMM_TOKEN=brief) as maker:
        market = quoted(exchange, maker)
        until(lambda: "the token was renewed" in maker.log.read_text(), 20)
        until(lambda: attrs.evolve(exchange.amm, token=brief).get("/account/balance").status == 401, 40)
        exchange.user(100_000).placed(market.market_id, "BUY YES 1 @60")
        until(lambda: market.position()[0] == 2_499 and market.agrees(maker))
        assert maker.metric("amm_up") == 1
        assert maker.metric("amm_reconnects_total") == 0
        assert market.is_quoted()


def test_a_line_that_stays_down_is_told_once(exchange: Venue, tmp_path: Path) -> None:
    with a_line_to(exchange.address) as line, making(line.address, tmp_path) as maker:
        quoted(exchange, maker)
        line.cut()
        until(lambda: any("STREAM_DOWN" in alert for alert in maker.alerts()), 15)
        time.sleep(1)
        assert sum("STREAM_DOWN" in alert for alert in maker.alerts()) == 1


async def test_a_damaged_file_leaves_no_orders_and_stops_one_market(exchange: Venue, tmp_path: Path) -> None:
    """Whether it was killed cannot be known: what an earlier process left is cancelled, guard or no guard."""
    market, other = quoted(exchange), quoted(exchange)
    exchange.amm.placed(market.market_id, "SELL YES 10 @60")
    store = StateStore(tmp_path)
    store.write(StoredMarket(market.market_id))
    (file,) = tmp_path.glob("*.json")
    file.write_text("{")
    maker = MarketMaker(
        Options(url=exchange.address, token=service_token(), state_folder=tmp_path, config_text=CONFIG)
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(maker.run, lambda _line: None)
        await eventually(other.is_quoted)
        run = maker.supervisor.runs[market.market_id]
        await eventually(lambda: run.trouble is Trouble.STATE_UNREADABLE)
        assert not market.own_orders()
        maker.stop.set()


async def test_a_full_disk_does_not_end_the_others(exchange: Venue, tmp_path: Path) -> None:
    """The tally of a market's cash cannot be kept; it is compared again a minute later."""
    market = quoted(exchange)
    maker = MarketMaker(
        Options(url=exchange.address, token=service_token(), state_folder=tmp_path, config_text=CONFIG)
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(maker.run, lambda _line: None)
        await eventually(market.is_quoted)
        exchange.user(100_000).placed(market.market_id, "BUY YES 10 @55")
        run = maker.supervisor.runs[market.market_id]
        await eventually(lambda: run.state is not None and run.state.ledger.inventory.yes == 2_490)
        shutil.rmtree(tmp_path)
        with pytest.raises(StateStoreError, match="cannot keep anything"):
            await maker.supervisor.account.read_cash()
        maker.stop.set()


async def test_a_person_who_asks_while_a_market_ends_is_answered(exchange: Venue, tmp_path: Path) -> None:
    """Its last turn is done: what it is told then is never taken in, and is not waited for either."""
    market = quoted(exchange)
    maker = MarketMaker(
        Options(url=exchange.address, token=service_token(), state_folder=tmp_path, config_text=CONFIG)
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(maker.run, lambda _line: None)
        await eventually(market.is_quoted)
        run = maker.supervisor.runs[market.market_id]
        control = Control(maker.supervisor, maker.stream, Metrics(), Mirror(None, wall_clock))
        exchange.admin.post("/admin/amm/stop", market_id=market.market_id)
        await eventually(lambda: run.state is not None and run.state.life.lifecycle is Lifecycle.STOPPED)
        with trio.fail_after(20), pytest.raises(HttpError):
            await control.resume(market.market_id, b'{"reason": "too late"}')
        maker.stop.set()


async def test_one_market_too_many_is_refused_and_the_others_are_quoted(
    exchange: Venue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fifty by default; here the room is what is quoted already."""
    market = quoted(exchange)
    maker = MarketMaker(
        Options(url=exchange.address, token=service_token(), state_folder=tmp_path, config_text=CONFIG)
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(maker.run, lambda _line: None)
        await eventually(market.is_quoted)
        await trio.sleep(1)  # whatever else was started in this exchange has begun as well
        monkeypatch.setattr(supervisor, "CONCURRENT_MARKETS_MAX", len(list(maker.supervisor.alive())))
        one_more = quoted(exchange)
        runs = maker.supervisor.runs
        await eventually(lambda: one_more.market_id in runs and runs[one_more.market_id].over)
        seen = state_of(runs[one_more.market_id], stream_connected=True)
        assert (seen["lifecycle"], seen["failure_code"]) == ("STOPPED", "TOO_MANY_MARKETS")
        assert not one_more.own_orders()
        assert market.is_quoted()
        maker.stop.set()


# Redis.


@attrs.frozen
class RedisProcess:
    url: str
    process: "subprocess.Popen[bytes]"


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisProcess]:
    if REDIS is None:
        pytest.skip("redis-server is not installed")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [REDIS, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)],
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    next(line for line in process.stdout if b"Ready to accept" in line)
    yield RedisProcess(f"redis://127.0.0.1:{port}/0", process)
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.fixture
def redis_url(redis: RedisProcess) -> str:
    return redis.url


def ask_redis(url: str, *words: str) -> list[str]:
    """Speak to Redis as redis-cli would, so that the reader is not the writer."""
    port = int(url.rsplit(":", 1)[1].split("/")[0])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        request = f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
        connection.sendall(request.encode())
        with connection.makefile("rb") as file:
            head = file.readline()
            if head[:1] in b":+":
                return [head[1:-2].decode()]
            if head.startswith(b"*"):
                return [text_of(file.readline(), file) for _ in range(int(head[1:]))]
            return [text_of(head, file)]


def text_of(head: bytes, file: BinaryIO) -> str:
    """The text whose length `head` tells."""
    return file.read(int(head[1:]) + 2)[:-2].decode()


def available(exchange: Venue) -> int:
    return int(exchange.amm.data("/account/balance")["available_balance_cents"])


def test_redis_has_a_copy_of_inventory_orders_and_state(
    exchange: Venue, tmp_path: Path, redis_url: str
) -> None:
    with making(exchange.address, tmp_path, REDIS_URL=redis_url) as maker:
        market = quoted(exchange, maker)

        def inventory() -> dict[str, str]:
            words = ask_redis(redis_url, "HGETALL", f"amm:inventory:{market.market_id}")
            return dict(zip(words[::2], words[1::2], strict=True))

        until(lambda: inventory().get("yes_available") == str(2_500 - 175))
        assert inventory()["market_cash_cents"] == "250000"
        # What others have left changes while a guard takes it off; it is read once a minute.
        until(lambda: inventory()["cash_cents"] == str(available(exchange)), 2 * CASH_EVERY)
        (written, *_) = ask_redis(redis_url, "HVALS", f"amm:orders:{market.market_id}")
        assert {"side", "direction", "price", "qty", "remaining", "book_type", "created_at_ms"} <= set(
            json.loads(written)
        )
        orders = ask_redis(redis_url, "HKEYS", f"amm:orders:{market.market_id}")
        assert set(orders) == {order["id"] for order in market.own_orders()}
        assert ask_redis(redis_url, "HGET", f"amm:state:{market.market_id}", "kill_switch") == ["OFF"]
        exchange.user(100_000).placed(market.market_id, "BUY YES 10 @55")
        trades = f"amm:processed:{market.market_id}"
        until(lambda: len(ask_redis(redis_url, "SMEMBERS", trades)) == 1)
        # What others have left changes while a guard takes it off; it is read once a minute.
        until(lambda: inventory()["cash_cents"] == str(available(exchange)), 2 * CASH_EVERY)
        state = fields_of(redis_url, f"amm:state:{market.market_id}")
        assert int(state["lvr_cooldown_until"]) == int(state["cooldown_until_ask_ms"]) > 0
        assert float(state["inventory_skew"]) == pytest.approx(-10 / 4_990, abs=1e-6)
        maker.stop()
    slots = ask_redis(redis_url, "HVALS", f"amm:orders:{market.market_id}")
    assert slots == []  # gone with the orders


def fields_of(url: str, key: str) -> dict[str, str]:
    words = ask_redis(url, "HGETALL", key)
    return dict(zip(words[::2], words[1::2], strict=True))


def test_the_slots_of_the_copied_orders_count_from_the_best(
    exchange: Venue, tmp_path: Path, redis_url: str
) -> None:
    with making(exchange.address, tmp_path, REDIS_URL=redis_url) as maker:
        market = quoted(exchange, maker)
        key = f"amm:orders:{market.market_id}"
        until(lambda: len(fields_of(redis_url, key)) == 10)
        orders = [json.loads(text) for text in fields_of(redis_url, key).values()]
        asks = sorted((one["slot"], one["price"]) for one in orders if one["book_type"] == "NATIVE_SELL")
        assert asks == [(0, 55), (1, 56), (2, 57), (3, 58), (4, 59)]


def test_an_operators_override_in_redis_is_taken_checked_and_outlives_the_process(
    exchange: Venue, tmp_path: Path, redis_url: str
) -> None:
    """A typo changes nothing and is told once; a control request is written down with its version."""
    config = f"config_reload_interval_ms = 1000\n{CONFIG}"
    with making(exchange.address, tmp_path, config, REDIS_URL=redis_url) as maker:
        market = quoted(exchange, maker)
        key = f"amm:config:{market.market_id}"
        until(lambda: fields_of(redis_url, key).get("config_version") == "1")
        ask_redis(redis_url, "HSET", key, "override_json", '{"exploration.levles": 3}')
        until(lambda: any("CONFIG_REFUSED" in alert for alert in maker.alerts()))
        assert "did you mean exploration.levels" in maker.alerts()[-1]
        assert len(market.own_orders()) == 10
        ask_redis(redis_url, "HSET", key, "override_json", '{"exploration.levels": 3}')
        until(lambda: len(market.own_orders()) == 6)
        until(lambda: fields_of(redis_url, key)["updated_by"] == "redis")
        assert fields_of(redis_url, key)["config_version"] == "2"
        (snapshot,) = ask_redis(redis_url, "GET", f"{key}:snapshot")
        assert json.loads(snapshot)["exploration.levels"] == 3
        assert maker.stop() == 0
    with making(exchange.address, tmp_path, config, REDIS_URL=redis_url) as maker:
        until(lambda: len(market.own_orders()) == 6)
        past = str(int(time.time() * 1_000) - 1)
        ask_redis(redis_url, "HSET", key, "override_expires_ms", past)
        until(lambda: len(market.own_orders()) == 10)


def test_a_new_process_goes_on_from_the_price_that_the_last_one_had_learned(
    exchange: Venue, tmp_path: Path, redis_url: str
) -> None:
    """Only within a minute, and only for the same start: a copy that is older is none."""
    with making(exchange.address, tmp_path, REDIS_URL=redis_url) as maker:
        market = quoted(exchange, maker)
        exchange.user(100_000).placed(market.market_id, "BUY YES 10 @55")
        key = f"amm:state:{market.market_id}"
        until(lambda: fields_of(redis_url, key).get("layer3_posterior_cents", "50.000000") != "50.000000")
        learned = fields_of(redis_url, key)["layer3_posterior_cents"]
        assert maker.stop() == 0
    with making(exchange.address, tmp_path, REDIS_URL=redis_url) as maker:
        until(lambda: maker.state(market.market_id).get("layer3_posterior_cents") == learned)
        assert maker.stop() == 0
    ask_redis(redis_url, "HSET", key, "decided_at_ms", str(int(time.time() * 1_000) - 61_000))
    with making(exchange.address, tmp_path, REDIS_URL=redis_url) as maker:
        until(lambda: maker.state(market.market_id).get("layer3_posterior_cents") == "50.000000")


@pytest.mark.alone
def test_a_redis_that_hangs_holds_up_nobody(exchange: Venue, tmp_path: Path, redis: RedisProcess) -> None:
    """Stopped in the middle: fills are booked, a market begins, and later the copy is right again."""
    with making(exchange.address, tmp_path, REDIS_URL=redis.url) as maker:
        market = quoted(exchange, maker)
        key = f"amm:inventory:{market.market_id}"
        until(lambda: fields_of(redis.url, key).get("yes_volume") == "2500")
        redis.process.send_signal(signal.SIGSTOP)
        exchange.user(100_000).placed(market.market_id, "BUY YES 10 @55")
        until(lambda: maker.state(market.market_id)["yes_volume"] == 2_490, 3)
        other = quoted(exchange, maker)
        until(other.is_quoted, 8)
        until(lambda: any("REDIS_DOWN" in alert for alert in maker.alerts()))
        assert market.is_quoted()
        assert maker.metric(f'amm_alerts_total{{market="{market.market_id}",kind="TASK_CRASHED"}}') == 0
        redis.process.send_signal(signal.SIGCONT)
        until(lambda: fields_of(redis.url, key).get("yes_volume") == "2490")
        redis.process.send_signal(signal.SIGSTOP)
        assert maker.stop() == 0


def test_nonsense_in_redis_is_no_price_and_no_reason_to_fail(
    exchange: Venue, tmp_path: Path, redis_url: str
) -> None:
    """Whoever may write there may write anything: numbers that are none, endless JSON, another type."""
    market = quoted(exchange)
    state, config = f"amm:state:{market.market_id}", f"amm:config:{market.market_id}"
    lately = str(int(time.time() * 1_000))
    for name, word in (("start_count", "1"), ("decided_at_ms", lately), ("layer1_anchor_cents", "NaN")):
        ask_redis(redis_url, "HSET", state, name, word, "layer3_posterior_cents", "Infinity")
    ask_redis(redis_url, "HSET", config, "override_json", '{"as":' * 5_000)
    ask_redis(redis_url, "SET", f"amm:processed:{market.market_id}", "not a set")
    with making(exchange.address, tmp_path, REDIS_URL=redis_url) as maker:
        until(market.is_quoted)
        until(lambda: any("CONFIG_REFUSED" in alert for alert in maker.alerts()))
        exchange.user(100_000).placed(market.market_id, "BUY YES 10 @55")
        until(lambda: any("REDIS_DOWN" in alert for alert in maker.alerts()))
        until(market.is_quoted)
        assert maker.state(market.market_id)["task_restarts"] == 0
        assert maker.stop() == 0


def test_an_address_that_is_no_redis_is_told_without_its_password(exchange: Venue, tmp_path: Path) -> None:
    told = told_by(exchange.address, tmp_path, REDIS_URL="redis://:hush@127.0.0.1:hush/0")
    assert "REDIS_URL is no address of a Redis" in told
    assert "hush" not in told


def test_without_its_redis_the_maker_trades_on_and_says_so_once(exchange: Venue, tmp_path: Path) -> None:
    with making(exchange.address, tmp_path, REDIS_URL="redis://127.0.0.1:1/0") as maker:
        quoted(exchange, maker)
        time.sleep(1)
        assert sum("REDIS_DOWN" in alert for alert in maker.alerts()) == 1
        assert maker.stop() == 0
