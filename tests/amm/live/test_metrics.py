"""What Prometheus is promised: every metric by name, kind and labels, and what its numbers mean."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from amm.brain.quoting.ladder import Side
from amm.live.markout import Markouts
from tests.adapters.serving import ROOT, Venue, database_for, serving, until, venue
from tests.amm.parts import config
from tests.amm.venue import playing
from tests.end_to_end.making import CONFIG, MakerProcess, Quoted, making, quoted

PAGE = ROOT / "docs" / "operations" / "market-maker.md"

PROMISED = {
    "amm_pnl_daily_cents": ("gauge", "market"),
    "amm_equity_cents": ("gauge", "market"),
    "amm_realized_pnl_cents": ("gauge", "market"),
    "amm_fees_paid_cents_total": ("counter", "market"),
    "amm_inventory_yes": ("gauge", "market"),
    "amm_inventory_no": ("gauge", "market"),
    "amm_inventory_skew": ("gauge", "market"),
    "amm_net_position": ("gauge", "market"),
    "amm_cash_cents": ("gauge", "market"),
    "amm_fair_price_cents": ("gauge", "market"),
    "amm_spread_current_cents": ("gauge", "market"),
    "amm_sigma_cents": ("gauge", "market"),
    "amm_quote_presence_ratio": ("gauge", "market"),
    "amm_open_orders": ("gauge", "market"),
    "amm_phase": ("gauge", "market"),
    "amm_defense_level": ("gauge", "market"),
    "amm_lifecycle": ("gauge", "market"),
    "amm_kill_switch_total": ("counter", "market reason"),
    "amm_defense_transitions_total": ("counter", "market from to reason"),
    "amm_fills_total": ("counter", "market side"),
    "amm_taker_fills_total": ("counter", "market"),
    "amm_filled_shares_total": ("counter", "market side"),
    "amm_markout_cents": ("histogram", "market horizon"),
    "amm_commands_total": ("counter", "market op result"),
    "amm_command_latency_ms": ("histogram", "market op"),
    "amm_rate_limited_total": ("counter", "market"),
    "amm_quote_cycle_ms": ("histogram", "market"),
    "amm_events_applied_total": ("counter", "market kind"),
    "amm_duplicate_events_total": ("counter", "market"),
    "amm_stream_gaps_total": ("counter", "market"),
    "amm_reconnects_total": ("counter", ""),
    "amm_reconcile_total": ("counter", "market result"),
    "amm_mint_pairs_total": ("counter", "market"),
    "amm_burn_pairs_total": ("counter", "market"),
    "amm_config_version": ("gauge", "market"),
    "amm_task_restarts_total": ("counter", "market"),
    "amm_up": ("gauge", ""),
}
UNEVENTFUL = {
    "amm_sanitizer_rejects_total": "counter",
    "amm_reconcile_drift": "gauge",
}
"""These get their labels (rule, field) with the first event, and a healthy maker has none to show."""


@pytest.fixture(scope="module")
def exchange(server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    with (
        database_for(server_url, template) as url,
        serving(url, tmp_path_factory.mktemp("exchange")) as server,
        httpx.Client(base_url=server.address, timeout=30) as http,
    ):
        yield venue(server.address, http)


def scraped(maker: MakerProcess) -> dict[str, tuple[str, list[Sample]]]:
    """Kind and samples of every metric, by the name that a query would use."""
    text = httpx.get(f"{maker.control}/metrics").text
    return {
        family.name + ("_total" if family.type == "counter" else ""): (family.type, family.samples)
        for family in text_string_to_metric_families(text)
    }


def labels_of(samples: list[Sample]) -> set[str]:
    return {name for sample in samples for name in sample.labels} - {"le"}


def test_every_promised_metric_is_there_with_its_kind_and_labels(exchange: Venue, tmp_path: Path) -> None:
    """A fill, its markout a second later, a reconciliation and a kill give every label something to show."""
    often = CONFIG.replace("[sync]", "[sync]\nreconciliation_interval_ms = 5000")
    with making(exchange.address, tmp_path, often) as maker:
        market = quoted(exchange, maker)
        exchange.user(100_000).placed(market.market_id, "BUY YES 10 @55")
        until(lambda: bool(scraped(maker)["amm_markout_cents"][1]))
        until(lambda: reconciled(maker, market) > 0)
        kill(exchange, maker, market)
        until(lambda: bool(scraped(maker)["amm_defense_transitions_total"][1]))
        found = scraped(maker)
        kinds = {name: kind for name, (kind, _) in PROMISED.items()} | UNEVENTFUL
        assert {name: found[name][0] for name in kinds} == kinds
        labels = {name: set(words.split()) for name, (_, words) in PROMISED.items()}
        assert {name: labels_of(found[name][1]) for name in labels} == labels
        page = PAGE.read_text()
        assert [name for name in kinds if f"`{name}`" not in page] == []


def reconciled(maker: MakerProcess, market: Quoted) -> float:
    return maker.metric(f'amm_reconcile_total{{market="{market.market_id}",result="ok"}}')


def kill(exchange: Venue, maker: MakerProcess, market: Quoted) -> None:
    answer = httpx.post(
        f"{maker.control}/control/{market.market_id}/kill",
        json={"reason": "drill"},
        headers={"Authorization": f"Bearer {exchange.admin.token}"},
    )
    assert answer.status_code == 200, answer.text


def test_the_numbers_of_a_quoted_market_are_its_numbers(exchange: Venue, tmp_path: Path) -> None:
    with making(exchange.address, tmp_path) as maker:
        market = quoted(exchange, maker)
        label = f'{{market="{market.market_id}"}}'
        until(lambda: maker.metric(f"amm_open_orders{label}") == 10)
        assert maker.metric(f"amm_inventory_yes{label}") == 2_500
        until(lambda: maker.metric(f"amm_spread_current_cents{label}") == 10)
        assert maker.metric("amm_up") == 1
        placed = f'amm_commands_total{{market="{market.market_id}",op="place",result="ok"}}'
        until(lambda: maker.metric(placed) == 10)
        assert httpx.get(f"{maker.control}/health").json() == {"status": "ok"}


def test_a_markout_compares_a_fill_with_the_fair_price_a_second_ten_and_a_minute_later() -> None:
    """YES sold at 52: fair at 50 a second later is 2 cents for us, fair at 55 after ten is 3 against us."""
    play, markouts = playing(), Markouts()
    play.buys(Side.ASK, 10)
    assert list(markouts.due(play.state, play.now_ms)) == []
    play.wait(1_000)
    assert list(markouts.due(play.state, play.now_ms)) == [(1_000, 2.0)]
    play.drift_to(55)
    play.wait(9_000)
    assert list(markouts.due(play.state, play.now_ms)) == [(10_000, -3.0)]
    play.wait(50_000)
    assert list(markouts.due(play.state, play.now_ms)) == [(60_000, -3.0)]


def test_the_markout_of_a_bid_is_what_the_share_bought_gained() -> None:
    """NO sold at 52 is YES bought at 48: with fair at 50 that is 2 cents for us."""
    play, markouts = playing(), Markouts()
    play.buys(Side.BID, 10)
    assert list(markouts.due(play.state, play.now_ms)) == []
    play.wait(1_000)
    assert list(markouts.due(play.state, play.now_ms)) == [(1_000, 2.0)]
    assert list(markouts.due(play.state, play.now_ms)) == []


def test_a_change_of_the_defence_level_is_counted_with_where_from_where_to_and_why() -> None:
    """400 YES to 1600 NO is a skew of 0.6: the warning widens the quotes."""
    play = playing(settings=config(defense__max_net_position=10_000))
    play.state.ledger.inventory.yes, play.state.ledger.inventory.no = 400, 1_600
    play.wait(1_000)
    assert play.state.counts["defence NORMAL WIDEN INVENTORY_WARNING"] == 1


def test_what_a_reconciliation_found_is_counted_and_a_difference_shown_until_it_is_gone() -> None:
    play = playing()
    play.wait(70_000)
    assert play.state.counts["reconcile ok"] >= 1
    play.state.ledger.inventory.yes += 1
    for checkpoint in play.state.ledger.checkpoints:
        checkpoint.after.yes += 1
    play.wait(70_000)
    assert play.state.counts["reconcile drift"] == 1
    play.wait(70_000)
    assert play.state.reconciliation.drifted == {}
