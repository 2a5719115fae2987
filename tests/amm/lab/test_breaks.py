"""The laboratory's troubles: a line that breaks, a process that is killed, orders that are only for show."""

import attrs
import pytest

from amm.brain.arithmetic import CENT
from amm.brain.config_layers import Start, build
from amm.brain.inputs import Answer, Connected, Delivered, Disconnected, Frame
from amm.brain.memory import Lifecycle
from amm.lab.line import Line
from amm.lab.makers import StrategyMaker, stage
from amm.lab.run import Simulation
from amm.lab.scenario import CALM, SCENARIOS, Move, Scenario
from amm.lab.traders import SPOOF_MS, SPOOFER, TRADERS, Spoofer
from amm.lab.truth import draw_truth
from amm.lab.venue import MARKET, open_venue

SECOND = 1_000


def prepared(scenario: Scenario, seed: int = 1) -> Simulation:
    config = build(Start(MARKET, scenario.funding, scenario.price, scenario.maker_fee_bps), [])
    return Simulation(scenario, stage("verdict", scenario, config), seed)


def frame(seq: int) -> Frame:
    return Frame(seq, ())


def test_a_mended_line_tells_what_was_missed_and_some_of_it_twice() -> None:
    """1 to 4 had arrived, 5 was on its way, 6 came while it was broken; the answer is lost."""
    line = Line(5)
    line.frames([frame(seq) for seq in (1, 2, 3, 4)], 0)
    assert line.take(5) == [frame(seq) for seq in (1, 2, 3, 4)]
    line.frames([frame(5)], 10)
    line.send([Answer(1, 0, 5)], 10, wake=True)
    line.cut(12)
    line.frames([frame(6)], 13)
    line.send([Answer(2, 0, 6)], 13, wake=True)
    assert line.take(20) == [Disconnected()]
    line.mend(1_012)
    told = [Connected(1_000, resumed=True), frame(3), frame(4), frame(5), frame(6)]
    assert line.take(1_012) == told


def test_a_line_wakes_the_maker_for_answers_and_not_for_every_picture() -> None:
    line = Line(5)
    line.send([Delivered(1)], 0, wake=False)
    assert not line.rings
    line.send([Answer(1, 0, 2)], 1, wake=True)
    assert list(line.rings) == [6]
    assert line.take(6) == [Delivered(1), Answer(1, 0, 2)]
    assert not line.rings


def books_agree(run: Simulation) -> bool:
    """Whether the maker's books are the exchange's, to the share and cent."""
    assert isinstance(run.maker, StrategyMaker)
    mine, theirs = run.maker.state.ledger.inventory, run.venue.maker
    cash = theirs.account.available + theirs.account.frozen
    held = (theirs.yes.volume, theirs.no.volume, theirs.yes.cost_sum, theirs.no.cost_sum)
    return (mine.shares(), mine.cash) == (held, cash)


def before_the_end(run: Simulation) -> list[bool]:
    """Look at the books some time after the last break, when nothing is on its way."""
    agreed: list[bool] = []
    run.at(run.scenario.moment(990_000), lambda _: agreed.append(books_agree(run)))
    return agreed


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_line_that_breaks_costs_no_share_and_no_cent(seed: int) -> None:
    """Ten breaks in an hour, three of them so long that the guard fires: nothing drifts, and it quotes on."""
    run = prepared(attrs.evolve(SCENARIOS["net"], hours=1, arrival_ms=5_000), seed)
    agreed = before_the_end(run)
    result = run.run()
    assert agreed == [True]
    assert not [
        name for name in result.notes if "drift" in name or "INTEGRITY" in name or "PROGRAMMING" in name
    ]
    assert not result.killed
    assert result.both > 0.9 * result.seconds
    assert isinstance(run.maker, StrategyMaker)
    assert run.maker.state.ledger.duplicates > 0


def test_orders_do_not_outlive_the_guard_behind_a_broken_line() -> None:
    scenario = attrs.evolve(CALM, hours=1, cuts=(Move(500_000, 20 * SECOND),))
    run = prepared(scenario)
    cut_ms = scenario.moment(500_000)
    seen: list[bool] = []
    for after in (4_999, 5_001, 40 * SECOND):
        run.at(cut_ms + after, lambda _: seen.append(bool(run.venue.maker.bids or run.venue.maker.asks)))
    run.run()
    assert seen == [True, False, True]


def test_a_killed_process_is_followed_by_one_that_asks_what_it_owns() -> None:
    scenario = attrs.evolve(SCENARIOS["restart"], hours=1)
    run = prepared(scenario)
    maker = run.maker
    assert isinstance(maker, StrategyMaker)
    first = maker.state
    agreed = before_the_end(run)
    result = run.run()
    assert maker.state is not first
    assert maker.state.life.lifecycle is Lifecycle.RUNNING
    assert agreed == [True]
    assert result.commands["BatchCancel"] == 2
    assert "Mint" not in result.commands
    assert result.both > 0.98 * result.seconds


def test_a_spoofer_shows_and_takes_back() -> None:
    venue = open_venue(CALM, TRADERS)
    spoofer = Spoofer(60_000, 1, draw_truth(CALM, 1), 0)
    shown_ms = spoofer.due_ms
    assert spoofer.act(venue, shown_ms)
    assert [quantity for side in venue.market.book.depth() for _, quantity in side] == [100_000]
    assert spoofer.due_ms == shown_ms + SPOOF_MS
    assert spoofer.act(venue, spoofer.due_ms)
    assert venue.market.book.depth() == ([], [])
    assert SPOOFER in venue.exchange.accounts


def test_what_is_only_shown_does_not_lead_the_quote_away() -> None:
    """100,000 shares far from the best count as 500, and those at a fiftieth: the quote is as good."""
    spoofed = attrs.evolve(SCENARIOS["spoof"], hours=1)
    off = []
    for scenario in (spoofed, attrs.evolve(spoofed, spoof_ms=None)):
        result = prepared(scenario).run()
        off.append(result.distance_sum / result.both / CENT)
    assert abs(off[0] - off[1]) < 0.5
