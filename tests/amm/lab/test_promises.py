"""What was promised of the maker's gains and losses: quick here, over many seeds in the thorough profile."""

import os
import random

import attrs
import pytest

from amm.brain.arithmetic import CENT
from amm.lab.jobs import Contender, do_all, plan
from amm.lab.measure import Result
from amm.lab.scenario import SCENARIOS, Scenario

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
SEEDS = range(1, 11) if THOROUGH else range(1, 2)


def runs(scenario: Scenario, *makers: str, informed: int) -> list[list[Result]]:
    """One list of results for each maker, seed by seed on the same flow."""
    contenders = [Contender(maker, maker) for maker in makers]
    results = do_all(plan(contenders, scenario, [informed], SEEDS), lambda: None)
    return [[one for one in results if one.maker == maker] for maker in makers]


@pytest.mark.parametrize(
    ("informed", "gained"), [(0, 111_400), (0.05, 56_100), (0.10, 2_300), (0.20, -95_500)]
)
def test_against_those_who_know_the_outcome_a_fixed_quote_breaks_even_at_a_tenth(
    informed: float, gained: int
) -> None:
    """Quoted at 55 and 45, a share earns 5 cents, less 50 if somebody who knows takes it: 5 - 50 mu."""
    chance = random.Random(20260228)  # the sums belong to this very generator
    total = 0
    for _ in range(20_000):
        yes = chance.random() < 0.5
        knows = chance.random() < informed
        buys = chance.random() < 0.5
        if knows:
            buys = yes
        total += 55 - 100 * yes if buys else 100 * yes - 45
    assert total == gained
    assert abs(total / 20_000 - (5 - 50 * informed)) < 0.7


def test_a_maker_that_learns_gains_in_a_trend_and_beats_one_that_does_not() -> None:
    adaptive, static = runs(SCENARIOS["trend"], "verdict", "static", informed=500_000)
    assert sum(one.split.gain for one in adaptive) > 0
    better = sum(one.split.gain > other.split.gain for one, other in zip(adaptive, static, strict=True))
    assert better * 10 >= 9 * len(SEEDS)


def test_in_calm_conditions_a_share_earns_between_one_and_three_and_a_half_cents() -> None:
    (results,) = runs(attrs.evolve(SCENARIOS["calm"], hours=2), "verdict", informed=0)
    for result in results:
        assert CENT * result.shares < result.split.gain < 3.5 * CENT * result.shares


QUICK = ("mixed", "shock", "net")
LONG = tuple(name for name in SCENARIOS if name not in QUICK and SCENARIOS[name].hours <= 6)


@pytest.mark.parametrize("name", [*QUICK, *(LONG if THOROUGH else ())])
def test_no_scenario_costs_more_than_the_days_limit(name: str) -> None:
    """A fifth of the funding of $2,000; a kill may come too late for the orders that rest at that moment."""
    scenario = SCENARIOS[name]
    if not THOROUGH:
        scenario = attrs.evolve(scenario, hours=2)
    (results,) = runs(scenario, "verdict", informed=300_000)
    for result in results:
        assert result.worst > -scenario.funding * CENT // 5
