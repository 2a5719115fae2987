"""A run of the laboratory: the same every time, true to the kernel's ledger, and not the end of the maker."""

from collections.abc import Iterable
from typing import Any

import attrs
import pytest

from amm.brain.arithmetic import CENT
from amm.brain.config_layers import Start, build
from amm.lab.jobs import Contender, do, do_all, plan
from amm.lab.makers import MAKERS, Maker, stage
from amm.lab.measure import Result
from amm.lab.report import report
from amm.lab.run import Simulation
from amm.lab.scenario import CALM, HOUR_MS, SCENARIOS, SECOND_MS, START_MS, Scenario
from amm.lab.venue import MARKET
from kernel.answers import Outcome
from kernel.codes import AMM_ID, LedgerEntryType
from kernel.commands import AnyCommand
from kernel.history import History, Sessions

SHORT = attrs.evolve(SCENARIOS["mixed"], hours=1)


def prepared(maker: str, scenario: Scenario = SHORT, seed: int = 1) -> Simulation:
    config = build(Start(MARKET, scenario.funding, scenario.price, scenario.maker_fee_bps), [])
    return Simulation(scenario, stage(maker, scenario, config), seed)


def watched(run: Simulation) -> tuple[Result, History, dict[LedgerEntryType, int]]:
    """Run it, and keep a record of every fact from here on, with the maker's ledger entries by type."""
    history, entries = History(), dict.fromkeys(LedgerEntryType, 0)
    history.sessions[MARKET] = Sessions(None, None)  # the market was there before the record began
    execute = run.venue.exchange.execute

    def recording(command: AnyCommand) -> Outcome:
        outcome = execute(command)
        for fact in outcome.facts:
            history.add(fact)
            for posting in fact.event.postings:
                if posting.user_id == AMM_ID:
                    entries[posting.entry_type] += posting.amount
        return outcome

    object.__setattr__(run.venue.exchange, "execute", recording)
    return run.run(), history, entries


@pytest.mark.parametrize("maker", MAKERS)
def test_the_split_is_what_the_ledger_says_to_the_cent(maker: str) -> None:
    """The split is made of fills and the truth; the ledger knows neither. Settled, both are whole cents.

    At the end the truth goes where the outcome says, which is one last move of what is held.
    """
    run = prepared(maker)
    result, history, entries = watched(run)
    held = run.venue.maker
    payout = entries[LedgerEntryType.SETTLEMENT_PAYOUT]
    final = 100 * CENT if result.outcome == "YES" else 0
    last_move = run.measure.net * (final - run.truth.at(run.scenario.end_ms))
    assert result.split.gain + last_move == result.settled_cents * CENT
    assert result.settled_cents == held.account.available - run.scenario.funding
    assert entries[LedgerEntryType.FEE] * CENT == -result.split.fees
    # The start's own mint, half of the funding, was before the record began.
    assert sum(entries.values()) == result.settled_cents + run.scenario.funding // 2
    assert payout > 0
    assert history.unbalanced == []
    assert result.shares > 0


def test_what_was_earned_from_each_trader_is_all_that_was_earned() -> None:
    result = prepared("lmsr").run()
    assert sum(result.by_trader.values()) == result.split.spread + result.split.adverse
    assert {"noise", "informed"} <= set(result.by_trader)


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_ends_with_clean_books(name: str) -> None:
    """`Run.run` itself holds the split against the kernel's books and audits the exchange at the end."""
    scenario = attrs.evolve(SCENARIOS[name], hours=1, arrival_ms=10_000)
    maker = "lmsr" if name in ("rival", "whale", "thin") else "verdict"
    assert prepared(maker, scenario).run().seconds == 3_600


def test_the_same_seed_gives_the_same_report_to_the_byte() -> None:
    """Twice here, and once in processes of their own."""
    contenders = [Contender("verdict", "verdict"), Contender("lmsr", "lmsr")]
    jobs = plan(contenders, SHORT, [300_000], [1])
    first = report(SHORT, [do(job) for job in jobs])
    assert first == report(SHORT, do_all(jobs, lambda: None, 1))
    assert first == report(SHORT, do_all(jobs, lambda: None, 2))


def test_another_seed_gives_another_course() -> None:
    one, other = (prepared("naive", seed=seed).run() for seed in (1, 2))
    assert one.split != other.split


def test_every_maker_meets_the_same_arrivals() -> None:
    runs = [prepared(maker) for maker in MAKERS if maker != "static"]
    results = [run.run() for run in runs]
    assert len({one.arrivals for one in results}) == 1
    assert len({run.truth.path for run in runs}) == 1
    assert len({run.crowd.ordinary.knew for run in runs}) == 1


def test_a_maker_that_is_hit_while_it_moves_is_not_surprised() -> None:
    """Nothing that happens on an exchange without faults looks like one: no drift, no resync, no alarm."""
    result = prepared("verdict", attrs.evolve(CALM, hours=1), seed=1).run()
    assert not [name for name in result.notes if "PROGRAMMING" in name or "DRIFT" in name or "drift" in name]


def test_a_suspended_market_is_quoted_again_when_it_resumes() -> None:
    scenario = attrs.evolve(SCENARIOS["status"], hours=1)
    run = prepared("verdict", scenario)
    result = run.run()
    suspended = [
        point
        for point in result.points
        if scenario.moment(500_000) < point.at_ms <= scenario.moment(600_000) and point.ask is not None
    ]
    assert suspended == []
    assert result.points[-1].ask is not None
    assert 0.85 < result.both / result.seconds < 0.9


SEEDS = range(1, 4)


def over(scenario: Scenario, maker: str = "verdict") -> Iterable[Result]:
    return [prepared(maker, scenario, seed).run() for seed in SEEDS]


def test_the_maker_survives_calm_days_and_always_quotes() -> None:
    """A first look: `verdict lab --scenario calm --seeds 50` is the long one."""
    for result in over(attrs.evolve(CALM, hours=1)):
        assert not result.killed
        assert result.both >= 0.95 * result.seconds
        assert result.worst > -40_000 * CENT  # a fifth of the funding


def way_of(results: Iterable[Result]) -> float:
    """Of each cent that the truth went, how many the middle of the quote went with it."""
    pairs = [(one.followed, one.strayed) for one in results]
    return sum(way for way, _ in pairs) / sum(truth for _, truth in pairs)


def test_the_quote_follows_the_truth_when_somebody_knows_it() -> None:
    """The truth drifts by 15 cents in an hour; a quote that stayed behind would be off by half of that."""
    scenario = attrs.evolve(SCENARIOS["trend"], hours=1, drift=15)
    results = list(over(scenario))
    for result in results:
        assert result.distance_sum < result.still_sum
        assert result.worst > -40_000 * CENT
    # The anchor fades within this hour, so it goes only part of the way; with its price held, a fifth of it.
    assert 0.45 < way_of(results) < 1
    assert way_of(over(scenario, "static")) < 0.3


def test_a_maker_that_comes_late_holds_on_to_its_first_price_as_in_a_fresh_market() -> None:
    """Told 70 and sold 50 in three minutes it believes 69.10. Who forgot the 70 at once would be at 66.95."""
    late = attrs.evolve(SCENARIOS["late"], hours=1, arrival_ms=10 * HOUR_MS)
    fairs: list[float] = []
    results = []
    for scenario in (late, attrs.evolve(late, open_hours=0)):
        run = prepared("verdict", scenario)

        def look(_now_ms: int, maker: Maker[Any] = run.maker) -> None:
            fairs.append(maker.fair / CENT)

        run.at(START_MS + 180 * SECOND_MS, look)
        results.append(run.run())
    assert fairs == [pytest.approx(69.10, abs=0.01)] * 2
    assert results[0] == results[1]
