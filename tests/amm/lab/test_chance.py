"""The laboratory's dice: fair, repeatable, and each stream on its own."""

from statistics import fmean, pstdev

from amm.lab.chance import Chance

DRAWS = 20_000


def test_the_same_seed_and_name_give_the_same_draws() -> None:
    assert [Chance(7, "a").below(100) for _ in range(3)] == [Chance(7, "a").below(100) for _ in range(3)]


def test_the_first_draws_of_a_stream_never_change() -> None:
    """Held to their values: another machine or another Python must not see another flow."""
    chance = Chance(1, "noise")
    assert [chance.below(1_000) for _ in range(5)] == FIRST_BELOW
    assert [chance.gap(1_000_000) for _ in range(3)] == FIRST_GAPS
    assert [chance.gauss(1_000_000) for _ in range(3)] == FIRST_GAUSS


FIRST_BELOW = [425, 383, 653, 354, 564]
FIRST_GAPS = [2142721, 1370513, 91891]
FIRST_GAUSS = [-163315, -292348, -1082151]


def test_streams_do_not_disturb_each_other() -> None:
    """One that is drawn from between two draws of another changes nothing for it."""
    alone, one, other = Chance(3, "noise"), Chance(3, "noise"), Chance(3, "informed")
    drawn = []
    for _ in range(5):
        drawn.append(one.below(1_000))
        other.below(1_000)
    assert drawn == [alone.below(1_000) for _ in range(5)]


def test_gaps_have_their_mean_and_the_exponential_shape() -> None:
    """Mean and standard deviation are both 1, and 1 - 1/e = 63.2% are shorter than the mean."""
    chance = Chance(1, "gaps")
    gaps = [chance.gap(1_000_000) for _ in range(DRAWS)]
    assert 0.98e6 < fmean(gaps) < 1.02e6
    assert 0.97e6 < pstdev(gaps) < 1.03e6
    assert 0.62 < sum(gap < 1_000_000 for gap in gaps) / DRAWS < 0.645
    assert 0.125 < sum(gap > 2_000_000 for gap in gaps) / DRAWS < 0.145  # e^-2 = 13.5%


def test_normal_draws_have_their_deviation_and_no_drift() -> None:
    chance = Chance(1, "steps")
    steps = [chance.gauss(1_000_000) for _ in range(DRAWS)]
    assert abs(fmean(steps)) < 0.02e6
    assert 0.98e6 < pstdev(steps) < 1.02e6
    assert max(map(abs, steps)) <= 6_000_000


def test_what_happens_one_time_in_ten_does() -> None:
    chance = Chance(1, "coin")
    assert 0.095 < sum(chance.happens(100_000) for _ in range(DRAWS)) / DRAWS < 0.105
    assert not any(chance.happens(0) for _ in range(100))
    assert all(chance.happens(1_000_000) for _ in range(100))
