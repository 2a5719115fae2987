"""Those who trade in the laboratory come as often as they should, know what they should, and draw alike."""

import attrs
import pytest

from amm.brain.arithmetic import CENT
from amm.brain.commands import Place
from amm.brain.quoting.ladder import Outcome
from amm.lab.scenario import CALM, HOUR_MS, SCENARIOS, START_MS, Move, Scenario
from amm.lab.traders import INFORMED, MOMENTUM, NOISE, TRADERS, WHALE, Momentum, Ordinary, gather
from amm.lab.truth import HIGHEST, LOWEST, Truth, draw_truth
from amm.lab.venue import Venue, open_venue
from kernel.codes import Side

LONG = attrs.evolve(CALM, hours=100, informed=300_000)


def flat(cents: int, hours: int = 6) -> Truth:
    return Truth((cents * CENT,) * (hours * 3_600 + 1))


def offered(scenario: Scenario, *, ask: int, bid: int, quantity: int = 500) -> Venue:
    """A market in which the maker offers YES and NO."""
    venue = open_venue(scenario, TRADERS)
    for ref, (outcome, price) in enumerate(((Outcome.YES, ask), (Outcome.NO, 100 - bid))):
        place = Place(
            ref=ref,
            client_order_id=f"q{ref}",
            market_id="MKT-LAB",
            side=outcome,
            price_cents=price,
            quantity=quantity,
        )
        assert venue.carry_out(place, START_MS).ok
    return venue


def come(trader: Ordinary, venue: Venue, until_ms: int) -> None:
    while trader.due_ms < until_ms:
        trader.act(venue, trader.due_ms)


def test_ordinary_traders_come_at_their_rate_and_know_at_theirs() -> None:
    """100 hours at one every 20 s are 18,000 arrivals, of which three in ten are informed."""
    scenario = LONG
    trader = Ordinary(scenario, 1, flat(50, 100))
    come(trader, open_venue(scenario, TRADERS), scenario.end_ms)
    assert 17_600 < trader.came < 18_400
    assert 0.29 < trader.knew / trader.came < 0.31


def test_informed_traders_buy_only_what_is_worth_more() -> None:
    """The truth is 60 and YES is offered at 52: bought. At 59 there is no cent to gain: left alone."""
    scenario = attrs.evolve(CALM, informed=1_000_000)
    for ask, bought in ((52, True), (59, True), (60, False)):
        venue = offered(scenario, ask=ask, bid=40)
        come(Ordinary(scenario, 1, flat(60)), venue, START_MS + HOUR_MS)
        assert (venue.maker.yes.volume < 1_000) is bought
        assert venue.maker.no.volume == 1_000
        assert {met.with_user for met in venue.met} <= {INFORMED}


def test_informed_traders_sell_what_is_worth_less() -> None:
    scenario = attrs.evolve(CALM, informed=1_000_000)
    venue = offered(scenario, ask=60, bid=48)
    come(Ordinary(scenario, 1, flat(40)), venue, START_MS + HOUR_MS)
    assert venue.maker.no.volume < 1_000
    assert {(met.side, met.yes_price) for met in venue.met} == {(Side.NO, 48)}


def test_the_uninformed_trade_only_near_what_the_public_believes() -> None:
    """Believed 50, width 15: they pay up to 65, and nothing beyond."""
    for ask, bought in ((65, True), (66, False)):
        venue = offered(CALM, ask=ask, bid=10)
        come(Ordinary(CALM, 1, flat(50)), venue, START_MS + HOUR_MS)
        assert (venue.maker.yes.volume < 1_000) is bought
        assert {met.with_user for met in venue.met} <= {NOISE}


def test_the_public_learns_late() -> None:
    """The truth jumps to 80 after an hour; with a lag of a minute nobody ordinary pays 90 before 1:01."""
    path = (50 * CENT,) * 3_600 + (80 * CENT,) * 3_600
    venue = offered(CALM, ask=90, bid=10)
    trader = Ordinary(attrs.evolve(CALM, arrival_ms=1_000), 1, Truth(path))
    come(trader, venue, START_MS + HOUR_MS + 60_000)
    assert venue.maker.yes.volume == 1_000
    come(trader, venue, START_MS + HOUR_MS + 120_000)
    assert venue.maker.yes.volume < 1_000


def test_momentum_follows_three_changes_in_a_row() -> None:
    venue = offered(CALM, ask=52, bid=48)
    trader = Momentum(1_000, 10, 1)
    trader.see([50, 51, 51, 52])
    trader.act(venue, trader.due_ms)
    assert venue.met == []
    trader.see([53])
    trader.act(venue, trader.due_ms)
    assert [(met.side, met.with_user) for met in venue.met] == [(Side.YES, MOMENTUM)]
    trader.see([52])
    trader.act(venue, trader.due_ms)
    assert len(venue.met) == 1


def test_a_whale_comes_once() -> None:
    scenario = attrs.evolve(CALM, whales=(Move(500_000, 300),))
    crowd = gather(scenario, 1, flat(50))
    (whale,) = crowd.others
    assert whale.due_ms == START_MS + 3 * HOUR_MS
    venue = offered(scenario, ask=55, bid=45)
    assert not whale.act(venue, whale.due_ms)
    assert [(met.quantity, met.with_user) for met in venue.met] == [(300, WHALE)]


def test_the_truth_keeps_within_its_bounds_and_its_start() -> None:
    wild = attrs.evolve(CALM, volatility=5 * CENT)
    path = draw_truth(wild, 1).path
    assert len(path) == 6 * 3_600 + 1
    assert path[0] == 50 * CENT
    assert (min(path), max(path)) == (LOWEST, HIGHEST)


@pytest.mark.parametrize(("name", "moved"), [("trend", 30), ("shock", 20)])
def test_the_truth_moves_as_the_scenario_says(name: str, moved: int) -> None:
    scenario = attrs.evolve(SCENARIOS[name], volatility=0)
    ends = {draw_truth(scenario, seed).path[-1] // CENT for seed in range(1, 9)}
    assert ends == {50 - moved, 50 + moved}


def test_a_jump_happens_between_two_seconds() -> None:
    path = draw_truth(attrs.evolve(SCENARIOS["shock"], volatility=0), 1).path
    assert abs(path[3 * 3_600] - path[3 * 3_600 - 1]) == 20 * CENT
